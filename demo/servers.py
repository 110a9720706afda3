#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The server's side of the demo capture: small answers to real clients.

usage: servers.py READY-FILE

UDP 53    a name server that knows the names in NAMES (A and AAAA), NXDOMAIN for the rest
TCP 23    asks for a login, as a telnet server does
TCP 4444  repeats what it is told, line by line
UDP 5000  takes datagrams and says nothing
READY-FILE is written once all of them listen. Ends when it is killed.
"""
import ipaddress
import socket
import struct
import sys
import threading

NAMES = {
    b"www.example.com": ("192.0.2.1", "2001:db8::1"),
    b"shop.example.net": ("192.0.2.1", None),
}
A, AAAA, NXDOMAIN = 1, 28, 3


def parse_question(query):
    """The name, its end and the type asked for, of a query with one question."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    return b".".join(labels).lower(), at + 5, struct.unpack_from(">H", query, at + 1)[0]


def answer(query):
    name, end, kind = parse_question(query)
    known = NAMES.get(name)
    address = known[0 if kind == A else 1] if known and kind in (A, AAAA) else None
    flags = 0x8580 if known else 0x8580 | NXDOMAIN
    reply = query[:2] + struct.pack(">HHHHH", flags, 1, 1 if address else 0, 0, 0) + query[12:end]
    if address:
        data = ipaddress.ip_address(address).packed
        reply += struct.pack(">HHHIH", 0xC00C, kind, 1, 300, len(data)) + data
    return reply


def dual(kind, port):
    """A socket on all addresses of both families."""
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    if kind == socket.SOCK_STREAM:
        s.listen()
    return s


def names(s):
    while True:
        query, peer = s.recvfrom(512)
        s.sendto(answer(query), peer)


def swallow(s):
    while True:
        s.recv(2048)


def telnet(conn):
    conn.sendall(b"login: ")
    conn.recv(64)
    conn.sendall(b"Password: ")
    conn.recv(64)
    conn.sendall(b"Login incorrect\r\n")


def echo(conn):
    while data := conn.recv(1024):
        conn.sendall(data)


def accept(s, talk):
    def one(conn):
        with conn:
            try:
                talk(conn)
            except OSError:
                pass  # the client went away

    while True:
        threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    work = [
        (names, dual(socket.SOCK_DGRAM, 53)),
        (swallow, dual(socket.SOCK_DGRAM, 5000)),
        (accept, dual(socket.SOCK_STREAM, 23), telnet),
        (accept, dual(socket.SOCK_STREAM, 4444), echo),
    ]
    threads = [threading.Thread(target=w[0], args=w[1:], daemon=True) for w in work]
    for t in threads:
        t.start()
    open(sys.argv[1], "w", encoding="ascii").close()
    threads[0].join()


main()
