#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares skep's verdicts with the kernel's, program by program.

usage: compare.py --kernel FILE [--skep FILE] [--record TSV] [--diff] [--all] [--json]

The files hold the runners' JSON lines; --kernel also takes a TSV that --record wrote.
  --record TSV  write the kernel's verdicts there, to compare with where the kernel cannot be asked
  --diff        every program that the two do not agree on, one line each with both reasons: grep DANGEROUS, STRICT, LIMIT, UNJUDGED
  --all         the table has a row for every file, not only for those with a difference
  --json        the differences (with --diff) and the totals as JSON lines

Of a program that the kernel has judged, skep's verdict is one of:
  agree      the same
  DANGEROUS  skep accepts what the kernel rejects
  STRICT     skep rejects what the kernel accepts
  LIMIT      they differ because one of them gave up at a limit of size (a million instructions, 8192 branches)
  UNJUDGED   skep has no verdict: libbpf failed, a map could not be made, a crash, a timeout
"""
import argparse
import collections
import json
import re
import sys

COLUMNS = ["file", "prog", "verdict", "errno", "insns", "why"]
APART = ["graph", "exception", "arena", "struct_ops"]
LIMIT = re.compile(r"BPF program is too large|sequence of \d+ jumps is too complex|too many states")


def read(path):
    rows = {}
    with open(path) as f:
        for line in f:
            if path.endswith(".tsv"):
                if line.startswith("#"):
                    continue
                row = dict(zip(COLUMNS, line.rstrip("\n").split("\t")))
                row["errno"], row["insns"] = int(row["errno"]), int(row["insns"])
            else:
                row = json.loads(line)
            rows[row["file"], row["prog"]] = row
    return rows


def order(key):
    """By file, then by program; those with a number for a name by that."""
    name, _, who = key[1].partition("@")
    return key[0], who, int(name) if name.isdigit() else 0, name


def why(row):
    return row.get("cause") or row.get("why") or row.get("log", "")


def cause(row):
    """Why a program was not judged, as one of a few kinds."""
    text = why(row)
    if row["verdict"] in ("crash", "timeout"):
        return row["verdict"]
    if "Operation not permitted before" in text:
        return "no permission"
    if re.search(r"testmod|bpf_kfunc_call_|prog_test_|bpf_test_|kfunc_call_test", text):
        return "needs the test module"
    if "cannot be made" in text or text.startswith("map for"):
        return "map cannot be made"
    if "before the verifier" in text:
        return "refused before the verifier"
    if "not found in kernel" in text or "kernel BTF type" in text or "is not in this kernel" in text or "not resolved" in text:
        return "needs what the kernel does not have"
    return "libbpf cannot express it"


def record(kernel, path):
    with open(path, "w") as f:
        f.write("# Verdicts of Linux 6.18 (x86-64, root) on the kernel's own tests; written by ./dev selftests --record\n")
        f.write("#" + "\t".join(COLUMNS) + "\n")
        for key in sorted(kernel, key=order):
            k = kernel[key]
            text = why(k)[:100].replace("\t", " ").replace("\n", " ")
            f.write("\t".join(str(v) for v in (*key, k["verdict"], k["errno"], k.get("insns", 0), text)) + "\n")


def judge(k, s):
    if s["verdict"] not in ("accept", "reject"):
        return "UNJUDGED"
    if k["verdict"] == s["verdict"]:
        return "agree"
    if LIMIT.search(why(k)) or LIMIT.search(why(s)):
        return "LIMIT"
    return "DANGEROUS" if s["verdict"] == "accept" else "STRICT"


def last(row):
    return row.get("cause") or " / ".join(row.get("log", "").split("\n")[-2:]) or row.get("why") or ""


def percent(n, of):
    return f"{100 * n / of:.1f} %" if of else "-"


def tell_kernel(kernel):
    n = collections.Counter(r["verdict"] for r in kernel.values())
    print(f"kernel: {len(kernel)} programs: {n['accept']} accepted, {n['reject']} rejected, "
          f"{len(kernel) - n['accept'] - n['reject']} not judged")
    for text, count in collections.Counter(cause(r) for r in kernel.values() if r["verdict"] not in ("accept", "reject")).most_common():
        print(f"  {count:5} {text}")
    # The authors know of root and of users without capabilities.
    tagged = [(r, r.get("expect_unpriv") or r["expect"] if r["prog"].endswith("@user") else r["expect"]) for r in kernel.values()
              if r.get("expect") and r["verdict"] in ("accept", "reject") and not r["prog"].endswith("@bpf")]
    wrong = [r for r, expect in tagged if expect != r["verdict"]]
    if tagged:
        print(f"  {len(tagged) - len(wrong)} of {len(tagged)} are as the test's author expected; not: " +
              ", ".join(sorted(f"{r['file']}:{r['prog']}" for r in wrong)))


def tell_times(pairs):
    timed = [(s["usec"], k["usec"], key) for key, k, s in pairs if k.get("usec") and s.get("usec")]
    if not timed:
        return
    ours, theirs = sum(t[0] for t in timed), sum(t[1] for t in timed)
    print(f"time of verification, {len(timed)} programs that both timed: kernel {theirs / 1000:.0f} ms, skep {ours / 1000:.0f} ms "
          f"({ours / theirs:.2f} times)")
    for title, index in (("the kernel's longest", 1), ("worst ratios of those that take either more than 1 ms", 0)):
        rows = sorted(timed, key=lambda t: -t[1]) if index else sorted((t for t in timed if max(t[:2]) > 1000), key=lambda t: -t[0] / t[1])
        print(f"  {title}:")
        for s, k, key in rows[:10]:
            print(f"    {key[0] + ':' + key[1]:60} kernel {k / 1000:9.2f} ms   skep {s / 1000:9.2f} ms   {s / k:6.2f}")


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--kernel", nargs="+", required=True)
    p.add_argument("--skep", nargs="+", default=[])
    p.add_argument("--record")
    for flag in "diff", "all", "json":
        p.add_argument("--" + flag, action="store_true")
    args = p.parse_args()
    kernel = {key: row for path in args.kernel for key, row in read(path).items()}
    skep = {key: row for path in args.skep for key, row in read(path).items()}
    if args.record:
        record(kernel, args.record)
    if not args.json:
        tell_kernel({k: r for k, r in kernel.items() if k in skep} if skep else kernel)
    if not skep:
        return

    files = collections.defaultdict(collections.Counter)
    total, plain, unjudged, errnos, alone = (collections.Counter() for _ in range(5))
    pairs = []
    for key in sorted(skep, key=order):
        s, k = skep[key], kernel.get(key)
        if not k or k["verdict"] not in ("accept", "reject"):
            alone[s["verdict"]] += 1
            continue
        verdict = judge(k, s)
        files[key[0]][verdict] += 1
        total[verdict] += 1
        if not set(s.get("uses", [])) & set(APART):
            plain[verdict] += 1
        if verdict == "agree":
            pairs.append((key, k, s))
            if k["verdict"] == "reject":
                errnos[k["errno"] == s["errno"]] += 1
            continue
        if verdict == "UNJUDGED":
            unjudged[cause(s)] += 1
        if args.diff and args.json:
            print(json.dumps({"difference": verdict, "file": key[0], "prog": key[1], "section": s.get("section"),
                              "uses": s.get("uses", []), "kernel": k, "skep": s}))
        elif args.diff:
            print(f"{verdict}\t{key[0]}:{key[1]}\t{s.get('section', '')}\tkernel {k['verdict']} {k.get('insns', 0)} insns: {last(k)}"
                  f"\tskep {s['verdict']} {s.get('insns', 0)} insns: {last(s)}".replace("\n", " / "))

    if args.json:
        print(json.dumps({"total": total, "plain": plain, "unjudged": unjudged}))
        return
    columns = ["agree", "DANGEROUS", "STRICT", "LIMIT", "UNJUDGED"]
    print(f"\n{'file':50}" + "".join(f"{c:>11}" for c in columns))
    for name, n in sorted(files.items()):
        if args.all or set(n) != {"agree"}:
            print(f"{name:50}" + "".join(f"{n[c] or '':>11}" for c in columns))
    print(f"{'total':50}" + "".join(f"{total[c]:>11}" for c in columns))
    print(f"{'without ' + ', '.join(APART):50}" + "".join(f"{plain[c]:>11}" for c in columns) + "\n")
    print(f"agreement: {total['agree']} of {sum(total.values())} ({percent(total['agree'], sum(total.values()))}); without "
          f"{', '.join(APART)}: {plain['agree']} of {sum(plain.values())} ({percent(plain['agree'], sum(plain.values()))})")
    print(f"the same errno where both reject: {errnos[True]} of {sum(errnos.values())}")
    for text, n in unjudged.most_common():
        print(f"  unjudged by skep: {n:5} {text}")
    print("programs that the kernel has not judged, with skep: " + (", ".join(f"{n} {v}" for v, n in alone.most_common()) or "none"))
    tell_times(pairs)


main()
