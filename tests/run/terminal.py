#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Types at a shell on a terminal of its own, and prints what is shown. arguments: COMMAND...; stdin: lines of Python literals, what to type and what must be shown
then before the next is typed (a regular expression). Ends with the command's exit code."""
import ast
import os
import pty
import re
import select
import sys
import time

pid, fd = pty.fork()
if not pid:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b""


def wait_for(pattern):
    """Reads until the pattern stands in what is new."""
    global shown
    new, end = b"", time.time() + 10
    while not re.search(pattern, new):
        if time.time() > end:
            sys.stdout.write(shown.decode(errors="replace"))
            sys.exit(f"\nnot shown within ten seconds: {pattern!r}; but: {new!r}")
        if select.select([fd], [], [], 0.1)[0]:
            try:
                part = os.read(fd, 4096)
            except OSError:
                part = b""
            if not part and not re.search(pattern, new):
                sys.exit(f"the terminal was closed before {pattern!r} was shown: {(shown + new)!r}")
            new += part
    shown += new


wait_for(rb"\$ ")
for line in sys.stdin:
    typed, expected = ast.literal_eval(line)
    os.write(fd, typed)
    wait_for(expected)
os.set_blocking(fd, False)
end = time.time() + 10
while time.time() < end:
    done, status = os.waitpid(pid, os.WNOHANG)
    try:
        shown += os.read(fd, 65536)
    except OSError:
        pass
    if done:
        sys.stdout.write(shown.decode(errors="replace"))
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.02)
sys.exit("the command does not end")
