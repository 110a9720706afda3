#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sockets of the outside that a tree must not reach. Whoever comes is written into a log, and is told "outside".
arguments: LOG READY KIND:ADDRESS... with KIND stream, seqpacket, dgram or vsock; an address with a leading @ is abstract"""
import socket
import sys
import threading

log_path, ready, peers = sys.argv[1], sys.argv[2], sys.argv[3:]
KINDS = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET, "dgram": socket.SOCK_DGRAM}


def log(text):
    with open(log_path, "a") as f:
        f.write(text + "\n")


def serve(sock, what):
    while True:
        if sock.type == socket.SOCK_DGRAM:
            log(f"{what} {sock.recv(100)!r}")
            continue
        peer, _ = sock.accept()
        log(f"{what} came")
        try:
            peer.sendall(b"outside")
            peer.close()
        except OSError:
            pass


for peer in peers:
    kind, address = peer.split(":", 1)
    if kind == "vsock":
        sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        sock.bind((socket.VMADDR_CID_ANY, int(address)))
    else:
        sock = socket.socket(socket.AF_UNIX, KINDS[kind])
        sock.bind("\0" + address[1:] if address[0] == "@" else address)
    if kind != "dgram":
        sock.listen()
    threading.Thread(target=serve, args=(sock, peer), daemon=True).start()
open(ready, "w").close()
threading.Event().wait()
