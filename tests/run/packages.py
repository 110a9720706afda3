#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes a registry of npm packages, an index of Python packages and an apt repository, as plain files for the servers of world.py.
arguments: WWW NPM_PACKAGES PIP_PACKAGES"""
import base64
import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import zipfile

www, n_npm, n_pip = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
noise = random.Random(1)


def put(path, data):
    path = f"{www}/{path}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data.encode() if isinstance(data, str) else data)


def npm():
    """skep-p0 is at the root of a tree of three dependencies each; skep-p5 runs a script that talks to telemetry.test."""
    for i in range(n_npm):
        name = f"skep-p{i}"
        manifest = {"name": name, "version": "1.0.0", "main": "index.js", "license": "MIT",
                    "dependencies": {f"skep-p{d}": "^1.0.0" for d in range(3 * i + 1, 3 * i + 4) if d < n_npm}}
        if i == 5:
            manifest["scripts"] = {"postinstall": "curl -sS -m 5 http://telemetry.test/collect || true"}
        files = {"package.json": json.dumps(manifest).encode(), "index.js": f"module.exports = {i};\n".encode(),
                 "data.bin": noise.randbytes(noise.randrange(30000))}
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            for file, data in files.items():
                info = tarfile.TarInfo(f"package/{file}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        data = out.getvalue()
        put(f"registry.npmjs.org/{name}/-/{name}-1.0.0.tgz", data)
        manifest["dist"] = {"tarball": f"https://registry.npmjs.org/{name}/-/{name}-1.0.0.tgz",
                            "shasum": hashlib.sha1(data).hexdigest(),
                            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()}
        manifest["hasInstallScript"] = i == 5
        put(f"registry.npmjs.org/{name}/index",
            json.dumps({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": manifest}}))


def pip():
    """skep-w0 needs all the others."""
    for i in range(n_pip):
        needs = "".join(f"Requires-Dist: skep-w{d}\n" for d in range(1, n_pip)) if i == 0 else ""
        info = f"skep_w{i}-1.0.dist-info"
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z:
            z.writestr(f"skep_w{i}.py", f"value = {i}\n")
            z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: skep-w{i}\nVersion: 1.0\n{needs}")
            z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            z.writestr(f"{info}/RECORD", f"skep_w{i}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
        data, wheel = out.getvalue(), f"skep_w{i}-1.0-py3-none-any.whl"
        put(f"files.pythonhosted.org/packages/{wheel}", data)
        digest = hashlib.sha256(data).hexdigest()
        put(f"pypi.org/simple/skep-w{i}/index",
            f'<!DOCTYPE html><a href="https://files.pythonhosted.org/packages/{wheel}#sha256={digest}">{wheel}</a>\n')


def apt():
    with tempfile.TemporaryDirectory() as tmp:
        os.makedirs(f"{tmp}/d/DEBIAN")
        os.chmod(f"{tmp}/d", 0o755)
        control = "Package: skep-d\nVersion: 1.0\nArchitecture: all\nMaintainer: tests <tests@skep.test>\nDescription: a test\n"
        with open(f"{tmp}/d/DEBIAN/control", "w") as f:
            f.write(control)
        with open(f"{tmp}/d/data", "wb") as f:
            f.write(noise.randbytes(300000))
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", f"{tmp}/d", f"{tmp}/d.deb"], check=True, stdout=subprocess.DEVNULL)
        with open(f"{tmp}/d.deb", "rb") as f:
            deb = f.read()
    put("deb.debian.org/debian/pool/skep-d.deb", deb)
    packages = control + f"Filename: pool/skep-d.deb\nSize: {len(deb)}\nSHA256: {hashlib.sha256(deb).hexdigest()}\n\n"
    listed = [("main/binary-amd64/Packages", packages.encode()), ("main/binary-amd64/Packages.gz", gzip.compress(packages.encode()))]
    release = "Suite: stable\nCodename: stable\nArchitectures: amd64 all\nComponents: main\nSHA256:\n"
    for path, data in listed:
        put(f"deb.debian.org/debian/dists/stable/{path}", data)
        release += f" {hashlib.sha256(data).hexdigest()} {len(data)} {path}\n"
    put("deb.debian.org/debian/dists/stable/Release", release)


npm()
pip()
apt()
