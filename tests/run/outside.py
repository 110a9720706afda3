#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who would hear of it. outside.py sniff LOG: frames at in0 that say "evil". outside.py listen LOG PORT: what comes to a port of 127.0.0.1, by TCP, UDP and UDP-Lite."""
import os
import select
import socket
import sys

what, log = sys.argv[1], open(sys.argv[2], "a")
if what == "sniff":
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind(("in0", 0))
    all = [s]
else:
    all = []
    for kind, protocol in (socket.SOCK_STREAM, 0), (socket.SOCK_DGRAM, 0), (socket.SOCK_DGRAM, socket.IPPROTO_UDPLITE):
        s = socket.socket(socket.AF_INET, kind, protocol)
        s.bind(("127.0.0.1", int(sys.argv[3])))
        if kind == socket.SOCK_STREAM:
            s.listen(100)
        all.append(s)
open(log.name + ".ready", "w").close()
while True:
    for s in select.select(all, [], [])[0]:
        if what == "sniff":
            data = s.recv(65536)
            if b"evil" in data:
                print("frame", data.hex(), file=log, flush=True)
        elif s.type == socket.SOCK_STREAM:
            s.accept()[0].close()
            print("connection", file=log, flush=True)
        else:
            print("datagram", s.recv(100), file=log, flush=True)
