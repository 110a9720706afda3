#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Line coverage of one folder of sources, from the counts that a build with -Db_coverage=true left.

usage: coverage.py BUILD FOLDER [--files]     (coverage.py build-cov src/verify)
"""
import os
import re
import subprocess
import sys

build, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
total = hit = 0
rows = []
for top, _, names in os.walk(build):
    for name in names:
        if not name.endswith(".gcda"):
            continue
        out = subprocess.run(["gcov", "-n", "-o", top, os.path.join(top, name)], capture_output=True, text=True, cwd=build).stdout
        for m in re.finditer(r"File '([^']*)'\nLines executed:([\d.]+)% of (\d+)", out):
            path = os.path.normpath(os.path.join(build, m.group(1)))
            if f"/{folder}/" in path and path.endswith(".c"):
                n = int(m.group(3))
                rows.append((os.path.basename(path), float(m.group(2)), n))
                total += n
                hit += round(n * float(m.group(2)) / 100)
if "--files" in sys.argv:
    for row in sorted(rows):
        print("%-20s %5.1f %% of %d lines" % row)
print(f"{folder}: {100 * hit / max(1, total):.1f} % of {total} lines")
