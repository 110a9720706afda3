#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the floors: a folder of src/ includes only from itself and from floors below it."""
import pathlib
import re
import sys

FLOORS = ["base", "insn", "btf", "map", "prog", "helper", "verify", "vm", "jit", "bpf", "hive", "preload", "hook", "deploy", "cli"]
root = pathlib.Path(__file__).resolve().parent.parent / "src"
bad = 0
for path in sorted(root.rglob("*.[ch]")):
    floor = path.relative_to(root).parts[0]
    if floor not in FLOORS:
        print(f"{path}: folder {floor} is no floor; name it in tools/floors.py and docs/architecture.md")
        bad += 1
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not m:
            continue
        top = m.group(1).split("/")[0]
        if (root / floor / m.group(1)).exists() or top in ("skep", "apps"):
            continue
        if top not in FLOORS:
            print(f"{path}:{number}: includes {m.group(1)}, which lies in no floor")
            bad += 1
        elif FLOORS.index(top) > FLOORS.index(floor):
            print(f"{path}:{number}: {floor} includes upwards, from {top}")
            bad += 1
sys.exit(bad != 0)
