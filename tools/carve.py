#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Finds eBPF objects in a folder: files that are one, and those that programs carry in them (skeletons).

usage: carve.py FOLDER OUT

Each goes to OUT as PACKAGE-FILE[.N].bpf.o, PACKAGE being the first folder below FOLDER. The end of an object inside a file is
that of its last section or of its section table.
"""
import os
import struct
import sys

MAGIC = b"\x7fELF\x02\x01\x01"  # 64 bit, little endian
EM_BPF, ET_REL, SHT_NOBITS = 247, 1, 8


def objects(data):
    at = data.find(MAGIC)
    while at >= 0 and at + 64 <= len(data):
        kind, machine = struct.unpack_from("<HH", data, at + 16)
        if machine == EM_BPF and kind == ET_REL:
            table, = struct.unpack_from("<Q", data, at + 40)
            size, n = struct.unpack_from("<HH", data, at + 58)
            end = table + size * n
            for header in range(at + table, min(at + end, len(data) - 63), size or 64):
                sort, = struct.unpack_from("<I", data, header + 4)
                offset, length = struct.unpack_from("<QQ", data, header + 24)
                if sort != SHT_NOBITS:
                    end = max(end, offset + length)
            yield data[at : at + end]
        at = data.find(MAGIC, at + 1)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    found = 0
    for root, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(root, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                data = f.read()
            package = os.path.relpath(path, folder).split(os.sep)[0]
            for i, obj in enumerate(objects(data)):
                suffix = f".{i}" if i else ""
                with open(os.path.join(out, f"{package}-{name}{suffix}.bpf.o"), "wb") as f:
                    f.write(obj)
                found += 1
    print(f"{found} objects")


if __name__ == "__main__":
    main()
