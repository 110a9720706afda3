#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The tree's side of the soak: mixed traffic, silence in which all connections end, more traffic, silence again. "quiet 1" and "quiet 2" say
when to look at what skep has left. At the end what was sent and got, as JSON, for the outside to compare.
arguments: SECONDS HTTP UDP"""
import hashlib
import json
import random
import socket
import sys
import threading
import time

seconds, http, udp = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
HOST = "10.0.2.2"
QUIET = 14  # libslirp remembers a connection for 12 s after its end
begin = time.time()
busy = max(seconds - 2 * QUIET, 4)
end = 0
n = {"small": 0, "large": 0, "up": 0, "short": 0, "refused": 0, "udp_sent": 0, "udp_got": 0, "dns": 0, "wrong": 0}
lock = threading.Lock()
piece = bytes(i % 251 for i in range(251 * 1024))


def count(what, by=1):
    with lock:
        n[what] += by


def request(head, body=b""):
    with socket.create_connection((HOST, http), timeout=20) as s:
        s.sendall(head.encode() + b"\r\n\r\n" + body)
        data = bytearray()
        while True:
            part = s.recv(1 << 20)
            if not part:
                return bytes(data).split(b"\r\n\r\n", 1)[1]
            data += part


def small():
    count("wrong", request("GET / HTTP/1.1") != b"hello\n")
    count("small")


def large():
    size = random.randrange(1, 3000000)
    got = request(f"GET /bytes/{size} HTTP/1.1")
    count("wrong", got != (piece * (size // len(piece) + 1))[:size])
    count("large")


def up():
    body = random.randbytes(random.randrange(1, 2000000))
    want = f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode()
    count("wrong", request(f"PUT / HTTP/1.1\r\nContent-Length: {len(body)}", body) != want)
    count("up")


def short():
    socket.create_connection((HOST, http), timeout=20).close()
    count("short")


def refused():
    try:
        socket.create_connection((HOST, 1), timeout=20)
        count("wrong")
    except ConnectionRefusedError:
        count("refused")


own = threading.local()


def datagrams():
    # libslirp remembers a port for four minutes: each thread has one.
    s = own.__dict__.setdefault("udp", socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    s.settimeout(1)
    for _ in range(20):
        data = random.randbytes(random.choice([1, 100, 1200, 20000]))
        s.sendto(data, (HOST, udp))
        count("udp_sent")
        try:
            count("wrong", s.recv(65536) != data)
            count("udp_got")
        except TimeoutError:
            pass


def names():
    count("wrong", socket.gethostbyname("alias.test") != "192.0.2.1")
    count("dns")


def work(kinds):
    while time.time() < end:
        try:
            random.choice(kinds)()
        except (OSError, IndexError) as e:
            count("wrong")
            print(repr(e), file=sys.stderr)


for turn, share in ((1, 0.4), (2, 0.6)):
    end = time.time() + busy * share
    threads = [threading.Thread(target=work, args=(k,))
               for k in ([small, short, refused], [large, up], [datagrams, names], [short, small, datagrams])]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    time.sleep(QUIET)
    print(f"quiet {turn}", flush=True)
    time.sleep(1.5)
print(json.dumps(n))
