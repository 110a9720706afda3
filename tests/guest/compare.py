#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what `skep check --kernel VERSION` says of programs with what a kernel of that version said.

usage: compare.py SKEP VERSION CONSOLE OBJECTS

skep answers from its tables whether everything exists there that a program uses; the kernel's answer is whether the program loads. So "lacks" must
be a refusal; "has" need not be an acceptance: an older verifier refuses more, and that is counted apart.
"""
import collections
import json
import os
import subprocess
import sys


def main():
    skep, version, console, folder = sys.argv[1:]
    kernel = {}
    with open(console, errors="replace") as f:
        for line in f:
            if line.startswith("{"):
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    continue
                kernel[row["file"], row["prog"]] = row
    counts = collections.Counter()
    wrong, later = [], collections.Counter()
    for name in sorted(os.listdir(folder)):
        run = subprocess.run([skep, "check", os.path.join(folder, name), "--kernel", version, "--json"],
                             capture_output=True, text=True, timeout=120)
        for line in run.stdout.splitlines():
            obj = json.loads(line)
            answer = obj.get("kernels")
            if not answer:
                counts["skep could not open the object"] += 1
                continue
            missing = answer["versions"][0]["missing"]
            for prog in obj["programs"]:
                row = kernel.get((name.removesuffix(".bpf.o"), prog["name"]))
                if not row or row["verdict"] == "cannot":
                    counts["the kernel was not asked"] += 1
                    continue
                lacks = [m for m in missing if m.get("program") in (None, prog["name"])]
                if lacks and row["verdict"] == "accept":
                    counts["skep: lacks, kernel: loads (wrong)"] += 1
                    wrong.append(f"{name} {prog['name']}: {lacks[0]['what']} since {lacks[0]['since']}")
                elif lacks:
                    counts["both say no"] += 1
                elif row["verdict"] == "accept":
                    counts["both say yes"] += 1
                elif prog["verdict"] != "accept":
                    counts["all is there, and both verifiers refuse"] += 1
                else:
                    counts["all is there, but that kernel refuses"] += 1
                    later[row.get("why", "")[:90]] += 1
    for what, n in counts.most_common():
        print(f"{n:6}  {what}")
    for line in wrong:
        print("wrong:", line)
    for why, n in later.most_common(25):
        print(f"refused there although all exists: {n:4}  {why}")
    agree = sum(counts[k] for k in ("both say no", "both say yes", "all is there, and both verifiers refuse"))
    judged = agree + counts["skep: lacks, kernel: loads (wrong)"] + counts["all is there, but that kernel refuses"]
    if judged:
        print(f"agreement: {agree} of {judged} ({100 * agree / judged:.1f} %)")


if __name__ == "__main__":
    main()
