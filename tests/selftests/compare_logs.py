#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How much of the kernel's verifier log skep writes, line by line.

usage: compare_logs.py [-n PROGRAMS] [-l LEVEL] [--out DIR] [--show N] [FILE:PROG...]

Takes every so-manieth program of verdicts-6.18.tsv (those of at most 3,000 instructions processed), or those named, asks both runners of
./dev selftests for their logs at LEVEL (2), and counts the lines that both have in the same order. The share is that number over the lines of
the longer log. Left out on both sides: the line with the time of verification. Read as equal: addresses of maps (0xffff..., 0x0), names that libbpf makes from addresses, and the sentence of a refusal, which is the last line before the statistics. Not counted: what the kernel tells of its own work (mark_precise, propagating,
live stack); --traces counts that too.
  --out DIR  the folder of the runners (build/selftests)
  --show N   the N commonest differing lines of each side, numbers blurred; -v: the whole difference of each program
"""
import argparse
import collections
import difflib
import re
import subprocess
import sys

CHUNK = 4000
TRACE = re.compile(r"mark_precise: |frame \d+: propagating|\([\d,]+\) (frame \d+ insn|live stack)")


def sample(path, n):
    rows = [line.rstrip("\n").split("\t") for line in open(path) if not line.startswith("#")]
    rows = [r for r in rows if r[2] in ("accept", "reject") and "@" not in r[1] and 0 < int(r[4]) <= 3000]
    step = max(1, len(rows) // n)
    return [f"{r[0]}:{r[1]}" for r in rows[::step]][:n]


def log(out, side, level, prog):
    name, which = prog.split(":")
    if name.startswith("6.1/"):
        command = [f"{out}/load-raw-{side}", "-l", str(level), f"{name[4:]}:{which}"]
    else:
        command = [f"{out}/load-progs-{side}", "-l", str(level), "-p", which, f"{out}/objects/{name}.bpf.o"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.stderr.decode(errors="replace").splitlines(), b'"verdict":"reject"' in done.stdout


def normal(lines, rejected):
    lines = [re.sub(r"(\(18\) r\d = )0x(0|ffff[0-9a-f]{12}|7f[0-9a-f]{10})( *;|$)", r"\1ADDR\3", line) for line in lines]
    lines = [re.sub(r"ADDR *;", "ADDR ;", re.sub(r"(map=)[0-9a-f]{8}(\.[a-z])", r"\1OBJ\2", line)) for line in lines]
    lines = [part for line in lines for part in re.split(r"(?<=.)(?=verification time )", line) if part.strip()]
    ends = [i for i, line in enumerate(lines) if line.startswith("verification time ")]
    if rejected and ends and ends[0]:
        lines[ends[0] - 1] = "REFUSAL"
    return [line for line in lines if not line.startswith("verification time ")]


def blur(line):
    return re.sub(r"-?\b(0x[0-9a-f]+|\d+)\b", "N", line)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("-n", type=int, default=300)
    p.add_argument("-l", type=int, default=2)
    p.add_argument("--out", default="build/selftests")
    p.add_argument("--show", type=int, default=0)
    p.add_argument("-v", action="store_true")
    p.add_argument("--traces", action="store_true")
    p.add_argument("progs", nargs="*")
    args = p.parse_args()
    equal = longer = whole = judged = traces = 0
    missing, extra = collections.Counter(), collections.Counter()
    worst = []
    for prog in args.progs or sample("tests/selftests/verdicts-6.18.tsv", args.n):
        theirs, ours = (normal(*log(args.out, side, args.l, prog)) for side in ("kernel", "skep"))
        if not theirs:
            continue
        if not args.traces:
            traces += sum(1 for line in theirs if TRACE.match(line))
            theirs, ours = ([line for line in lines if not TRACE.match(line)] for lines in (theirs, ours))
        same = 0
        for at in range(0, max(len(theirs), len(ours)), CHUNK):
            match = difflib.SequenceMatcher(None, theirs[at:at + CHUNK], ours[at:at + CHUNK], autojunk=False)
            for op, a, b, c, d in match.get_opcodes():
                if op == "equal":
                    same += b - a
                    continue
                missing.update(map(blur, theirs[at:at + CHUNK][a:b]))
                extra.update(map(blur, ours[at:at + CHUNK][c:d]))
        if args.v and theirs != ours:
            print("\n".join(difflib.unified_diff(theirs, ours, prog, "skep", lineterm="", n=2)))
        judged += 1
        whole += theirs == ours
        equal += same
        longer += max(len(theirs), len(ours))
        worst.append((max(len(theirs), len(ours)) - same, prog))
    for title, lines in (("only the kernel", missing), ("only skep", extra)):
        for line, n in lines.most_common(args.show):
            print(f"{title}: {n:6} {line[:200]}")
    if args.show:
        print("most differing: " + ", ".join(f"{p} {n}" for n, p in sorted(worst, reverse=True)[:20] if n))
    print(f"level {args.l}: {judged} programs, {whole} with equal logs; {equal} of {longer} lines are equal ({100 * equal / max(longer, 1):.1f} %)" +
          ("" if args.traces else f"; {traces} lines of traces not counted"))


sys.exit(main())
