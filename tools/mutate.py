#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Changes one decision of the verifier at a time and asks whether a test notices.

usage: mutate.py [--list] [--quick] [--again FILE] [--sample N] [--seed N] [--part N/M] [--tree DIR] [--out FILE] [--only FILE[:LINE]]
       mutate.py --report FILE

A mutant is one change in src/verify: a comparison that is off by one or the other way round, a sign, a minimum for a maximum, && for ||, an
early return that is not taken. A random sample (the seed decides) is built in a copy of HEAD (only the changed file is compiled) and goes through
the tests until one fails: rules, units, the recorded conclusions (tests/verify/conclusions.tsv), random programs (tests/fuzz), the kernel's
selftests and Debian's objects when build/selftests and build/debian are there (what is concluded of each program is compared with the unchanged
verifier's: verdict, errno, instructions, states, all claims). Results go to --out, one JSON line each, and a run that was broken off goes on
where it stopped. --report prints what is in such a file.

First --quick (seconds each), then look at the survivors and write rules for them, then --again with the results of the first run, in a new --tree.
"""
import argparse
import collections
import functools
import glob
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What is built: for the stages before the random programs, and for the rest.
FIRST = [f"tests/verify/{t}" for t in ("verify-rules", "verify-rules-whole", "rules-types.bpf.o", "conclusions", "test-verify-scalar",
                                       "test-verify-scalar-edges", "test-verify-tnum", "test-verify-btf", "test-verify-report",
                                       "kernel-scalar")] + ["tests/helper/test-record"]
LATER = ["tests/fuzz/fuzz-verify", "tests/fuzz/fuzz-helpers", "tests/fuzz/fuzz-kfuncs", "tests/verify/kernel-args", "tests/verify/kernel-btf"]
# These print; they decide nothing.
PRINT_ONLY = {"log.c", "report_shape.c", "words.c", "phrases.c", "report.c", "explain.c", "say_access.c", "say_call.c",
              "say_limits.c", "say_order.c", "follow.c", "slice.c", "source.c", "suggest.c", "problem.c", "scalar_format.c"}
SWAPS = [
    (re.compile(r"(?<= )<(?= )"), "<="), (re.compile(r"(?<= )<=(?= )"), "<"),
    (re.compile(r"(?<= )>(?= )"), ">="), (re.compile(r"(?<= )>=(?= )"), ">"),
    (re.compile(r"(?<= )==(?= )"), "!="), (re.compile(r"(?<= )!=(?= )"), "=="),
    (re.compile(r"(?<= )\+(?= )"), "-"), (re.compile(r"(?<= )-(?= )"), "+"),
    (re.compile(r"(?<= )&&(?= |$)"), "||"), (re.compile(r"(?<= )\|\|(?= |$)"), "&&"),
    (re.compile(r"\bMIN\b"), "MAX"), (re.compile(r"\bMAX\b"), "MIN"),
    (re.compile(r"\b(?<=[.>])([su])min\b"), r"\1max"), (re.compile(r"\b(?<=[.>])([su])max\b"), r"\1min"),
    (re.compile(r"\b(?<=[.>])([su])min32\b"), r"\1max32"), (re.compile(r"\b(?<=[.>])([su])max32\b"), r"\1min32"),
]


def code_only(text):
    """The text with comments and strings blanked out, at equal places."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def without_messages(code):
    """The arguments of what only writes text, blanked out: they decide nothing."""
    for m in re.finditer(r"\b(refuse|vlog|snprintf|reg_type_name)\(", code):
        end = closing(code, m.end() - 1)
        if end > m.end():  # else it lies in one that is blank already
            code = code[:m.end()] + re.sub(r"[^\n]", " ", code[m.end():end]) + code[end:]
    return code


def closing(text, at):
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if not depth:
            return i
    return -1


def mutants():
    """All of them: (file, line, start, end, replacement, what)."""
    found = []
    folder = os.path.join(ROOT, "src/verify")
    for name in sorted(os.listdir(folder)):
        if not name.endswith((".c", ".h")) or name in PRINT_ONLY or name in ("verify.h", "report.h"):
            continue
        text = open(os.path.join(folder, name)).read()
        code = without_messages(code_only(text))
        starts = [0] + [m.end() for m in re.finditer("\n", code)]
        line_of = lambda at: next(i for i in range(len(starts), 0, -1) if starts[i - 1] <= at)
        for m in re.finditer(r"[^\n]+", code):
            line = m.group(0)
            # Loops over an index and the preprocessor decide nothing about a program.
            if line.lstrip().startswith("#"):
                continue
            loop = re.search(r"\bfor \(.*", line)
            for pattern, to in SWAPS:
                for hit in pattern.finditer(line):
                    if loop and hit.start() > loop.start():
                        continue
                    at = m.start() + hit.start()
                    new = hit.expand(to) if "\\1" in to else to
                    found.append((name, line_of(at), at, at + len(hit.group(0)), new, f"{hit.group(0)} -> {new}"))
        for m in re.finditer(r"\bif \(", code):
            end = closing(code, m.end() - 1)
            if end > 0 and re.match(r"\s*\n?\s*return\b", code[end + 1:]):
                cond = text[m.end():end]
                if cond.strip() in ("err", "!s", "!f") or "err" == cond.strip():
                    continue
                found.append((name, line_of(m.start()), m.end(), end, f"0 && ({cond})", "early return not taken"))
    return found


class Runner:
    def __init__(self, tree, quick):
        self.tree = tree
        self.quick = quick
        self.build = os.path.join(tree, "build-mut")
        self.baseline = {}

    def prepare(self):
        if not os.path.isdir(self.tree):
            os.makedirs(self.tree)
            subprocess.run(f"git -C {ROOT} archive HEAD | tar x -C {self.tree}", shell=True, check=True)
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            subprocess.run(["meson", "setup", self.build, self.tree, "-Dbuildtype=plain", "-Dc_args=-O1 -w"], check=True,
                           stdout=subprocess.DEVNULL)
        err = self.ninja(FIRST + LATER)
        if err:
            sys.exit("the tree does not build:\n" + err)
        known = os.path.join(self.build, "baseline.json")
        if os.path.exists(known):
            with open(known) as f:
                self.baseline = json.load(f)
            return
        if self.quick:
            return
        for stage, command in self.stages("scalar_btf"):
            begin = time.time()
            if command is None:
                # What is not the same twice is not compared.
                twice = [list(self.selftests(stage)) for _ in range(2)]
                self.baseline[stage] = [a if a == b else None for a, b in zip(*twice)]
                print(f"{stage}: {len(twice[0])} parts, {self.baseline[stage].count(None)} not deterministic", flush=True)
            elif self.run(command):
                sys.exit(f"{stage} fails without any change")
            print(f"{stage}: {time.time() - begin:.1f} s{' for both' if command is None else ''}", flush=True)
        with open(known, "w") as f:
            json.dump(self.baseline, f)

    def ninja(self, targets):
        with open(os.path.join(self.build, "build.ninja")) as f:
            known = f.read()
        targets = [t for t in targets if f"build {t}:" in known]
        r = subprocess.run(["nice", "-n", "5", "ninja", "-j1", "-C", self.build, "--quiet", *targets], capture_output=True, text=True)
        return r.stdout[-3000:] + r.stderr[-1000:] if r.returncode else ""

    def link_selftests(self, which):
        """The runner of the kernel's tests with this tree's floors, that tells what is concluded; its own objects are compiled once."""
        out = os.path.join(ROOT, "build/selftests")
        exe = os.path.join(self.build, "st-" + which)
        here = os.path.join(self.tree, "tests/selftests")
        objs = []
        sources = ["concluding.c", "../verify/rules/conclude.c", which + ".c"]
        if which != "check_objects":
            sources += ["run.c", "object.c", "side_skep.c"]
        for c in sources:
            o = os.path.join(self.build, "st-" + os.path.basename(c)[:-2] + ".o")
            objs.append(o)
            if not os.path.exists(o):
                raw = [f"-I{out}", f"-I{out}/linux-source-6.1/tools/testing/selftests/bpf",
                       f"-I{out}/linux-source-6.1/tools/include", "-fvisibility=hidden"] if c == "load_raw.c" else []
                subprocess.run(["gcc", "-O1", "-w", "-std=gnu17", "-D_GNU_SOURCE", "-DWRAPPED=skep_seam_syscall",
                                f"-I{out}/include", f"-I{out}/linux-source-6.12/tools/include/uapi", *raw, f"-I{self.tree}/src",
                                f"-I{self.tree}/include", f"-I{here}", "-c", os.path.join(here, c), "-o", o], check=True)
        wrap = "" if which == "check_objects" else "-Wl,--wrap=skep_seam_syscall"
        subprocess.run(["sh", "-c", f"gcc {wrap} -Wl,--wrap=verify {' '.join(objs)} -Wl,--start-group "
                        f"{self.build}/src/*/libfloor_*.a {out}/libbpf-seam.a -Wl,--end-group -lelf -lz -lpthread -o {exe}"],
                       check=True)
        return exe

    def selftests(self, stage):
        """What is concluded of the kernel's tests and Debian's objects, a part at a time."""
        paths = sorted(glob.glob(f"{ROOT}/build/selftests/objects/*.bpf.o") + glob.glob(f"{ROOT}/build/debian/objects/*.o"))
        paths = [p for p in paths if "/btf__" not in p]
        if stage == "selftests raw":
            exe = self.link_selftests("load_raw")
            calls = [[exe, "-u", who] for who in ("root", "bpf", "user")]
        elif stage == "selftests":
            exe = self.link_selftests("check_objects")
            paths.sort(key=lambda p: "/verifier_" not in p)
            calls = [[exe, *paths[i:i + 16]] for i in range(0, len(paths), 16)]
        else:
            exe = self.link_selftests("load_progs")
            calls = [[exe, "-u", who, *[p for p in paths if "/verifier_" in p]] for who in ("bpf", "user")]
        for call in calls:
            try:
                r = subprocess.run(["nice", "-n", "5", *call], capture_output=True, timeout=180)
            except subprocess.TimeoutExpired:
                yield "does not end"
                continue
            yield hashlib.sha256(r.stderr + re.sub(rb'usec":\d+', b"", r.stdout)).hexdigest()

    def stages(self, name):
        t = os.path.join(self.build, "tests")
        rules = [f"{t}/verify/rules-types.bpf.o", f"{self.tree}/tests/verify/rules"]
        fuzz = [f"{t}/fuzz/fuzz-verify", "--strict", "--fail-fast"]
        yield "rules", [f"{t}/verify/verify-rules", *rules]
        if name.startswith(("scalar", "tnum")):
            yield "unit scalar", [f"{t}/verify/test-verify-scalar"]
            yield "scalar edges", [f"{t}/verify/test-verify-scalar-edges"]
            yield "unit tnum", [f"{t}/verify/test-verify-tnum"]
            yield "scalar, kernel", [f"{t}/verify/kernel-scalar"]
        yield "unit btf", [f"{t}/verify/test-verify-btf"]
        yield "unit report", [f"{t}/verify/test-verify-report"]
        yield "unit record", [f"{t}/helper/test-record"]
        yield "conclusions", [f"{t}/verify/conclusions", f"{self.tree}/tests/verify/conclusions.tsv", *rules]
        yield "out of memory", [f"{t}/verify/verify-rules-whole", *rules]
        if self.quick:
            return
        yield "fuzz", fuzz + ["--seed", "1", "--runs", "1000"]
        found = sorted(glob.glob(f"{self.tree}/tests/fuzz/found/*.txt"))
        yield "fuzz found", fuzz + found
        for more in ("helpers", "kfuncs"):
            yield "fuzz " + more, [f"{t}/fuzz/fuzz-{more}", "--runs", "3000"]
        if os.path.isdir(os.path.join(ROOT, "build/selftests/objects")):
            yield "selftests raw", None
            yield "selftests", None
            yield "selftests of users", None
        if re.match("btf|attach|hook|sub_args|kfunc|object|record|graph|scalar_btf", name):
            yield "arguments, kernel", [f"{t}/verify/kernel-args"]
            yield "btf, kernel", [f"{t}/verify/kernel-btf"]
        else:
            yield "fuzz long", fuzz + ["--seed", "100000", "--runs", "3000"]

    @staticmethod
    def run(command):
        """What went wrong, or None."""
        try:
            r = subprocess.run(["nice", "-n", "5", *command], capture_output=True, timeout=150)
        except subprocess.TimeoutExpired:
            return "does not end"
        return None if r.returncode in (0, 77) else "fails"

    def test(self, name):
        """The stage that notices, or None."""
        for stage, command in self.stages(name):
            if stage == "fuzz":
                err = self.ninja(LATER)
                if err:
                    return "does not compile"
            if command is None:
                if any(b and a != b for a, b in zip(self.selftests(stage), self.baseline[stage])):
                    return stage
                continue
            wrong = self.run(command)
            if wrong:
                return stage if wrong == "fails" else f"{stage} ({wrong})"
        return None

    def mutate(self, m):
        name, line, start, end, new, what = m
        path = os.path.join(self.tree, "src/verify", name)
        text = open(path).read()
        try:
            with open(path, "w") as f:
                f.write(text[:start] + new + text[end:])
            err = self.ninja(FIRST)
            return "does not compile" if err else self.test(name) or "SURVIVES"
        finally:
            with open(path, "w") as f:
                f.write(text)


def report(path):
    rows = [json.loads(line) for line in open(path)]
    built = [r for r in rows if r["by"] != "does not compile"]
    alive = [r for r in built if r["by"] == "SURVIVES"]
    print(f"{len(built)} mutants, {len(built) - len(alive)} caught ({100 * (len(built) - len(alive)) / max(1, len(built)):.1f} %)")
    for by, n in collections.Counter(r["by"] for r in built).most_common():
        print(f"  {n:4} {by}")
    for r in alive:
        print(f"{r['file']}:{r['line']}: {r['what']}: {r['text']}")


@functools.lru_cache
def lines_of(path):
    with open(path) as f:
        return f.read().splitlines()


def text_at(tree, m):
    return lines_of(os.path.join(tree, "src/verify", m[0]))[m[1] - 1].strip()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the changed file is put back
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--list", action="store_true")
    p.add_argument("--sample", type=int, default=220)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--tree", default="/tmp/mut/tree")
    p.add_argument("--out", default="/tmp/mut/results.jsonl")
    p.add_argument("--only")
    p.add_argument("--quick", action="store_true", help="without the stages that take long; give the survivors to a second run with --again")
    p.add_argument("--again", metavar="FILE", help="only the mutants that survive in the results FILE")
    p.add_argument("--part", default="1/1", metavar="N/M", help="every Mth of the sample, from the Nth on: for several at once")
    p.add_argument("--report", metavar="FILE")
    a = p.parse_args()
    if a.report:
        return report(a.report)
    runner = Runner(a.tree, a.quick)
    if not a.list:
        runner.prepare()
    global ROOT
    here = ROOT
    if os.path.isdir(a.tree):
        ROOT = a.tree  # places are those of the copy
    source = ROOT
    every = mutants()
    ROOT = here
    if a.only:
        file, _, line = a.only.partition(":")
        sample = [m for m in every if m[0] == file and (not line or m[1] == int(line))]
    else:
        sample = random.Random(a.seed).sample(every, min(a.sample, len(every)))
    count = collections.Counter()
    nth = {}
    for m in every:
        key = m[0], text_at(source, m), m[5]
        nth[m[:3] + (m[5],)] = count[key]
        count[key] += 1
    if a.again:
        with open(a.again) as f:
            alive = {(r["file"], r["text"], r["what"], r["nth"]) for r in map(json.loads, f) if r["by"] == "SURVIVES"}
        sample = [m for m in every if (m[0], text_at(source, m), m[5], nth[m[:3] + (m[5],)]) in alive]
    part, parts = map(int, a.part.split("/"))
    sample = sample[part - 1::parts]
    if a.list:
        for m in sample if a.only else every:
            print(f"{m[0]}:{m[1]}: {m[5]}")
        print(f"{len(every)} mutants")
        return
    done = set()
    if os.path.exists(a.out):
        done = {(r["file"], r["line"], r["start"], r["what"]) for r in map(json.loads, open(a.out))}
    for i, m in enumerate(sample):
        if (m[0], m[1], m[2], m[5]) in done:
            continue
        begin = time.time()
        text = text_at(source, m)
        by = runner.mutate(m)
        with open(a.out, "a") as f:
            f.write(json.dumps({"file": m[0], "line": m[1], "start": m[2], "what": m[5], "text": text, "nth": nth[m[:3] + (m[5],)], "by": by,
                                "seconds": round(time.time() - begin, 1)}) + "\n")
        print(f"{i + 1}/{len(sample)} {m[0]}:{m[1]}: {m[5]}: {by} ({time.time() - begin:.0f} s)", flush=True)
    report(a.out)


if __name__ == "__main__":
    main()
