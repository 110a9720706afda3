#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads the console of the guest of ./dev test-guest, shows each script's TAP as it comes, and judges.

usage: console.py [--log FILE] NAME... <CONSOLE

The guest (init) writes "=== begin NAME", the script's output, "=== end NAME STATUS" for each script, then "=== done". Before the first marker the firmware talks.
When qemu fails or is ended by timeout(1), the host adds "=== ended STATUS".
A check passes, fails or is skipped as its line says. Besides, each of these is one failure: a plan that is not there, comes twice or does not match; numbers that do not
go 1, 2, 3; a status other than 0 with no failed check; a script that did not run; a guest that did not come to its end (a panic, a hang, a qemu that never started).
Exit code: 0 when nothing failed.
"""
import argparse
import re
import sys
import time

MARKER = re.compile(r"=== (begin|end|ended|done)(?: (\S+))?(?: (\d+))?$")
CHECK = re.compile(r"(ok|not ok) (\d+)(.*)$")
PLAN = re.compile(r"1\.\.(\d+)")
TIMED_OUT = (124, 137, 143)  # of timeout(1), coreutils' and busybox's


class Script:
    """One script's output so far."""

    def __init__(self, name):
        self.name, self.began = name, time.monotonic()
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.plans, self.checks, self.trouble = [], 0, []

    def line(self, text):
        if check := CHECK.match(text):
            self.checks += 1
            if int(check[2]) != self.checks:
                self.trouble.append(f"check {check[2]} came where {self.checks} was due")
                self.checks = int(check[2])
            result = "failed" if check[1] != "ok" else "skipped" if re.search(r"# SKIP\b", check[3], re.I) else "passed"
            self.counts[result] += 1
        elif plan := PLAN.match(text):
            self.plans.append(int(plan[1]))
            if plan[1] == "0": # all of it is left out
                self.counts["skipped"] += 1

    def end(self, status):
        if not self.plans:
            self.trouble.append("it ended without a plan")
        elif self.plans != [self.checks]:
            self.trouble.append(f"it planned {' and '.join(map(str, self.plans))}, and made {self.checks} checks")
        if status in TIMED_OUT:
            self.trouble.append("it took too long and was ended")
        elif status and not self.counts["failed"]:
            self.trouble.append(f"it exited with {status}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log")
    parser.add_argument("names", nargs="+")
    args = parser.parse_args()

    log = open(args.log, "w") if args.log else None
    total, trouble, seen, tail = {"passed": 0, "failed": 0, "skipped": 0}, [], [], []
    script, done, panic, ended, began = None, False, None, 0, time.monotonic()

    def close():
        for key, n in script.counts.items():
            total[key] += n
        trouble.extend(f"{script.name}: {t}" for t in script.trouble)

    # The console is bytes: a panic may cut a line anywhere.
    for raw in sys.stdin.buffer:
        text = raw.decode(errors="replace").rstrip("\r\n")
        if log:
            log.write(text + "\n")
            log.flush()
        tail = (tail + [text])[-20:]
        if "Kernel panic" in text:
            panic = text[text.index("Kernel panic"):]
        marker = MARKER.match(text)
        if not marker:
            if script:
                print(text, flush=True)
                script.line(text)
        elif marker[1] == "begin":
            script = Script(marker[2])
            seen.append(script.name)
            print(f"{script.name} (the guest has run for {script.began - began:.1f} s):", flush=True)
        elif marker[1] == "end" and script and script.name == marker[2]:
            script.end(int(marker[3]))
            print(f"# {time.monotonic() - script.began:.1f} s\n", flush=True)
            close()
            script = None
        elif marker[1] == "ended":
            ended = int(marker[2])
        elif marker[1] == "done":
            done = True
    took = time.monotonic() - began

    if not done:
        where = f"in test-{script.name}.sh" if script else f"after test-{seen[-1]}.sh" if seen else "before the first script"
        if panic:
            why = f"its kernel panicked {where}: {panic}"
        elif ended in TIMED_OUT:
            why = f"its time was over {where}, after {took:.0f} s"
        else:
            why = f"qemu stopped {where}, after {took:.1f} s, with {ended}"
        trouble.append(f"the guest did not come to its end: {why}")
        if script:
            close()
        else:  # what it said has not been shown
            print("The last that it said:")
            print("\n".join("  | " + t for t in tail))
    trouble.extend(f"{name}: it did not run" for name in args.names if name not in seen)
    for text in trouble:
        print(f"guest: {text}")
    total["failed"] += len(trouble)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
