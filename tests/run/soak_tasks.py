#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The tree's side of the soak of tasks: programs, processes, threads, files and refusals, silence, the same again. "quiet 1" and "quiet 2" say when to look at what skep
has left; at the end what was done, as JSON. arguments: SECONDS FOLDER CLOSED"""
import json
import os
import random
import socket
import sys
import threading
import time

seconds, folder, closed = float(sys.argv[1]), sys.argv[2], sys.argv[3]
n = {"execs": 1, "forks": 0, "written": 0, "deleted": 0, "renamed": 0, "refused": 0, "connects": 0, "killed": 0, "wrong": 0}
lock = threading.Lock()
end = 0


def count(what, by=1):
    with lock:
        n[what] += by


def program():
    pid = os.posix_spawn("/bin/true", ["true"], {})
    count("wrong", os.waitpid(pid, 0)[1] != 0)
    count("execs")


def process():
    pid = os.fork()
    if not pid:
        os._exit(7)
    count("wrong", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 7)
    count("forks")


def files():
    name = f"{folder}/f{threading.get_ident()}"
    for _ in range(20):
        with open(name, "w") as f:
            f.write("x")
        count("written")
        os.rename(name, name + "r")
        count("renamed")
        os.unlink(name + "r")
        count("deleted")


def refused():
    try:
        open(f"{closed}/x{random.randrange(10)}", "w")
        count("wrong")
    except PermissionError:
        count("refused")


def connects():
    s = socket.socket()
    try:
        s.connect(("127.0.0.1", 9))
        count("wrong")
    except ConnectionRefusedError:
        pass
    s.close()
    count("connects")


def killed():
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    os.kill(pid, 9)
    count("wrong", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != -9)
    count("killed")


def work(kinds):
    while time.time() < end:
        random.choice(kinds)()


for turn in (1, 2):
    end = time.time() + max(seconds / 2 - 1, 2)
    threads = [threading.Thread(target=work, args=(k,)) for k in ([program, process, killed], [files, refused, connects], [program, files])]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    time.sleep(0.5)
    print(f"quiet {turn}", flush=True)
    time.sleep(1)
print(json.dumps(n))
