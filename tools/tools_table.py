#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The table of docs/tools.md: which of Debian's libbpf-tools work on a run.

usage: tools/tools_table.py SKEP [FOLDER]

What a tool attaches to is read from the eBPF object that it has in itself (FOLDER: where the tools are, /usr/sbin), and why that is not there from
`skep list hooks`. What works, and with what, is said here, and proved by tests/run/test-tools.sh."""
import json
import os
import re
import struct
import subprocess
import sys

OPENS = "open:return,openat:return"
ALL_OPENS = OPENS + ",openat2:return,creat:return"
WORKS = {  # what the run reserves, and what is to be known
    "bindsnoop": ("bind:return", ""),
    "execsnoop": ("execve:return", ""),
    "exitsnoop": ("life", ""),
    "filelife": (ALL_OPENS + ",mknod,mknodat,unlink,unlinkat", ""),
    "filetop": ("read,pread64,write,pwrite64", ""),
    "funclatency": ("the calls that bring the function, with `:return`", "for the functions that `skep list hooks` shows"),
    "ksnoop": ("the calls that bring the function, with `:return`",
               "for the functions that `skep list hooks` shows; strings in the task's memory are as little shown as on a kernel"),
    "mountsnoop": ("mount:return,umount2:return", ""),
    "opensnoop": (OPENS, ""),
    "sigsnoop": ("kill:return,tkill:return,tgkill:return", "as `killsnoop`, or with `-k`: the signals that tasks send"),
    "solisten": ("listen:return", "of an IPv6 address the tool itself shows four bytes"),
    "syscount": ("all:return", ""),
    "tcpconnect": ("connect:return", "the source address of a connection that was refused is `0.0.0.0`: the kernel has forgotten it when the call returns"),
    "vfsstat": ("read,pread64,write,pwrite64,fsync,fdatasync," + ALL_OPENS + ",mknod,mknodat", ""),
}
OTHER = {  # whose own programs do not tell why
    "statsnoop": "the tool looks for tracepoints named `syscalls/statfs` and the like, which no Linux has, finds none, and attaches nothing; its object alone "
                 "(`skep run statsnoop.bpf.o`) works",
}
# The functions of file systems stand in fsdist and fsslower themselves.
TARGETS = {"fsdist": ["ext4_file_read_iter", "xfs_file_read_iter"], "fsslower": ["ext4_file_read_iter", "xfs_file_read_iter"]}
NO_EVENT = {
    "perf_event": "nothing here counts or samples",
    "uprobe": "uprobes are not served: nothing here stops a task at its own functions",
}
SECTION = re.compile(r"^(?:tracepoint|tp|raw_tp|raw_tracepoint|tp_btf|kprobe|kretprobe|fentry|fexit|uprobe|uretprobe|usdt|perf_event)(?:/.*)?$")


def object_of(path):
    """The eBPF object in a tool: its section names."""
    data = open(path, "rb").read()
    at = data.find(b"\x7fELF", 4)
    while at > 0:
        if struct.unpack_from("<H", data, at + 18)[0] == 247:
            break
        at = data.find(b"\x7fELF", at + 4)
    else:
        return []
    elf = data[at:]
    table = struct.unpack_from("<Q", elf, 0x28)[0]
    size, n, names = struct.unpack_from("<HHH", elf, 0x3A)
    strings = struct.unpack_from("<Q", elf, table + names * size + 0x18)[0]
    out = []
    for i in range(n):
        name = strings + struct.unpack_from("<I", elf, table + i * size)[0]
        text = elf[name:elf.index(b"\0", name)].decode()
        if SECTION.match(text):
            out.append(text)
    return out


def hooks(skep):
    lines = subprocess.run([skep, "list", "hooks", "--json"], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    return [json.loads(line) for line in lines]


def reasons(tool, sections, all_hooks):
    """Why it does not work: point names by reason."""
    out = {}
    targets = [("kprobe", t) for t in TARGETS.get(tool, [])] or [tuple(s.split("/", 1)) if "/" in s else (s, "") for s in sections]
    if tool == "gethostlatency":  # it puts its kprobe programs at functions of libc
        targets = [("uprobe", "")]
    for kind, name in targets:
        if kind in ("uprobe", "uretprobe", "usdt"):
            out.setdefault(NO_EVENT["uprobe"], set())
            continue
        if kind == "perf_event":
            out.setdefault(NO_EVENT["perf_event"], set())
            continue
        wanted = {"tp": "tracepoint", "tracepoint": "tracepoint", "raw_tp": "raw tracepoint", "raw_tracepoint": "raw tracepoint", "tp_btf": "raw tracepoint"}.get(
            kind, "function")
        for h in all_hooks:
            if h["kind"] == wanted and h["name"] == name and h["skep"] == "absent":
                out.setdefault(h["why"], set()).add(name.split("/")[-1])
    return out


def main():
    skep, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "/usr/sbin"
    listed = subprocess.run(["dpkg", "-L", "libbpf-tools"], stdout=subprocess.PIPE).stdout.decode().split()
    names = sorted(os.path.basename(p) for p in listed if "/sbin/" in p)
    links = {}
    for name in names:
        if os.path.islink(f"{folder}/{name}"):
            links.setdefault(os.path.basename(os.readlink(f"{folder}/{name}")), []).append(name)
    all_hooks = hooks(skep)
    print("| tool | on a run | `--reserve`, or why not |\n| --- | --- | --- |")
    for works in True, False:
        for name in names:
            if os.path.islink(f"{folder}/{name}") or (name in WORKS) != works:
                continue
            title = ", ".join([name] + links.get(name, []))
            if works:
                reserve, note = WORKS[name]
                reserve = f"`{reserve}`" if " " not in reserve else reserve
                print(f"| {title} | works | {reserve}{'; ' + note if note else ''} |")
                continue
            why = reasons(name, object_of(f"{folder}/{name}"), all_hooks)
            text = OTHER.get(name) or "; ".join(f"{', '.join(f'`{n}`' for n in sorted(points))}{': ' if points else ''}{reason}" for reason, points in why.items())
            if not text:
                sys.exit(f"{name}: nothing says why it does not work")
            print(f"| {title} | no | {text} |")


if __name__ == "__main__":
    main()
