#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Servers on this machine's loopback for tests of skep run: HTTP, a UDP echo, DNS. Their ports go into a file that a shell can
source, what they see into a log. arguments: PORTS LOG"""
import os
import socket
import socketserver
import sys
import threading

from dns_zone import answer

ports_path, log_path = sys.argv[1:3]
log_lock = threading.Lock()


def log(text):
    with log_lock, open(log_path, "a") as f:
        f.write(text + "\n")


def read_head(sock):
    """One request's head, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            return None, b""
        data += part
    head, rest = data.split(b"\r\n\r\n", 1)
    return head.decode("latin1"), rest


class Http(socketserver.BaseRequestHandler):
    """GET /bytes/N gives N bytes (each its place modulo 251), PUT gives the length and checksum of what came, / says hello."""

    def handle(self):
        head, rest = read_head(self.request)
        if head is None:
            return
        method, path = head.split(" ", 2)[:2]
        log(f"http {method} {path} from {self.client_address[0]}")
        if path.startswith("/bytes/"):
            n = int(path[7:])
            self.request.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nConnection: close\r\n\r\n".encode())
            piece = bytes(i % 251 for i in range(251 * 1024))
            for at in range(0, n, len(piece)):
                self.request.sendall(piece[: n - at])
            return
        if method == "PUT":
            import hashlib
            n = int(next(l.split(":")[1] for l in head.split("\r\n") if l.lower().startswith("content-length")))
            if "expect: 100-continue" in head.lower():
                self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            digest = hashlib.sha256(rest)
            got = len(rest)
            while got < n:
                part = self.request.recv(1 << 20)
                if not part:
                    return
                got += len(part)
                digest.update(part)
            body = f"{got} {digest.hexdigest()}\n"
        else:
            body = "hello\n"
        self.request.sendall(
            f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True


def echo(sock):
    while True:
        data, peer = sock.recvfrom(65536)
        log(f"udp {data[:40]!r} {len(data)}")
        sock.sendto(data, peer)


# Names that the DNS knows; alias.test by way of two CNAMEs.
ZONE = {"a.test": ["192.0.2.1"], "b.test": ["192.0.2.2"], "deep.sub.test": ["192.0.2.3"]}
ALIASES = {"alias.test": "middle.test", "middle.test": "a.test"}


def dns(sock):
    while True:
        query, peer = sock.recvfrom(4096)
        if len(query) > 17:
            sock.sendto(answer(query, ZONE, ALIASES, lambda asked: log(f"dns {asked}")), peer)


def udp(serve):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
    return sock.getsockname()[1]


http = Server(("127.0.0.1", 0), Http)
text = f"http={http.server_address[1]}\nudp={udp(echo)}\ndns={udp(dns)}\n"
with open(ports_path + ".new", "w") as f:
    f.write(text)
os.rename(ports_path + ".new", ports_path)
http.serve_forever()
