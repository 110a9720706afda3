#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Connects, Unix and TCP, while signals interrupt the calls all the time; the kernel takes them up again. Prints what failed. argument: PORT"""
import ctypes
import os
import signal
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
hits = [0]


def hit(*_):
    hits[0] += 1


signal.signal(signal.SIGALRM, hit)
signal.siginterrupt(signal.SIGALRM, False)
server = socket.socket(socket.AF_UNIX)
path = os.environ["HOME"] + "/storm"
server.bind(path)
server.listen(4000)
un = struct.pack("H", 1) + path.encode() + b"\0"
inet = struct.pack("!HH4s8x", 0, int(sys.argv[1]), socket.inet_aton("10.0.2.2"))
inet = struct.pack("H", 2) + inet[2:]
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
bad = {}
for i in range(1500):
    for fam, a in ((1, un), (2, inet)):
        s = socket.socket(fam)
        if libc.connect(s.fileno(), a, len(a)):
            e = ctypes.get_errno()
            bad[(fam, e)] = bad.get((fam, e), 0) + 1
        s.close()
    server.accept()[0].close()
signal.setitimer(signal.ITIMER_REAL, 0)
os.unlink(path)
print(hits[0] > 100, bad)
