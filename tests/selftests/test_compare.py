#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The yardstick's arithmetic: compare.py on answers made up here. Prints TAP."""
import json
import pathlib
import subprocess
import sys
import tempfile

compare = pathlib.Path(__file__).with_name("compare.py")
count = failed = 0


def row(prog, verdict, **more):
    return {"file": "f", "prog": prog, "section": "xdp", "uses": [], "verdict": verdict, "errno": 0, "insns": 1, "log": "", "why": "", **more}


def run(kernel, skep, *options):
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        for name, rows in ("kernel", kernel), ("skep", skep):
            (d / name).write_text("".join(json.dumps(r) + "\n" for r in rows))
        options = [o.replace("TSV", str(d / "v.tsv")) for o in options]
        out = subprocess.run([sys.executable, compare, "--kernel", d / "kernel", "--skep", d / "skep", "--json", "--diff", *options],
                             stdout=subprocess.PIPE, check=True, text=True).stdout
        if "--record" in options:
            again = subprocess.run([sys.executable, compare, "--kernel", d / "v.tsv", "--skep", d / "skep", "--json", "--diff"],
                                   stdout=subprocess.PIPE, check=True, text=True).stdout
            assert (d / "v.tsv").read_text().count("\n") == len(kernel) + 2
            out = again
    lines = [json.loads(line) for line in out.splitlines()]
    return [(line["difference"], line["prog"]) for line in lines[:-1]], lines[-1]


def check(claim, kernel, skep, differences, total, *options):
    global count, failed
    count += 1
    found, sums = run(kernel, skep, *options)
    good = found == differences and sums["total"] == total
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {claim}")
    if not good:
        print(f"# {found} {sums}")


big = "BPF program is too large. Processed 1000001 insn"
check("the same verdict agrees", [row("a", "accept"), row("b", "reject")], [row("a", "accept"), row("b", "reject")], [], {"agree": 2})
check("accepting what the kernel rejects is dangerous", [row("a", "reject")], [row("a", "accept")], [("DANGEROUS", "a")], {"DANGEROUS": 1})
check("rejecting what the kernel accepts is strict", [row("a", "accept")], [row("a", "reject")], [("STRICT", "a")], {"STRICT": 1})
check("a limit of either is counted apart", [row("a", "reject", why=big), row("b", "accept")],
      [row("a", "accept"), row("b", "reject", why=big)], [("LIMIT", "a"), ("LIMIT", "b")], {"LIMIT": 2})
check("a crash, a timeout, a failed map are no verdicts, and no agreement",
      [row(p, "reject") for p in "abc"], [row("a", "crash"), row("b", "timeout"), row("c", "cannot", cause="map 'm' of type 1 cannot be made: x")],
      [("UNJUDGED", p) for p in "abc"], {"UNJUDGED": 3})
check("what the kernel has not judged does not count", [row("a", "cannot", cause="Operation not permitted before the verifier")],
      [row("a", "accept")], [], {})
check("recorded verdicts give the same differences", [row("a", "reject", why="x\ty"), row("b", "accept"), row("10", "accept"), row("9@bpf", "accept")],
      [row("a", "accept"), row("b", "accept"), row("10", "accept"), row("9@bpf", "reject")], [("DANGEROUS", "a"), ("STRICT", "9@bpf")],
      {"agree": 2, "DANGEROUS": 1, "STRICT": 1}, "--record", "TSV")
print(f"1..{count}")
sys.exit(failed != 0)
