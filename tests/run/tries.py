#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tries connections one after the other, and prints a line of what became of each: what the server said, or the error's name; "slow" behind it when it
took 0.9 seconds or more (a SYN is sent again after one), or 2.5 for an answer over HTTP or TLS, which takes work on a busy machine. arguments: one or more of
lookup NAME | tcp HOST PORT | udp HOST PORT | http HOST PORT HOSTNAME | tls HOST PORT HOSTNAME, with - for no name in TLS"""
import errno
import socket
import ssl
import sys
import time

PATIENCE = 3


def lookup(name):
    return "found " + sorted({a[4][0] for a in socket.getaddrinfo(name, 1, type=socket.SOCK_STREAM)})[0]


def tcp(host, port):
    socket.create_connection((host, int(port)), PATIENCE).close()
    return "open"


def udp(host, port):
    family, _, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect(address)
        s.send(b"\xc0 a datagram")
        return "echo" if s.recv(100) == b"\xc0 a datagram" else "something else"


def ask(sock, name):
    sock.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while part := sock.recv(4096):
        data += part
    return data.split(b"\r\n\r\n", 1)[-1].decode().strip()


def http(host, port, name):
    with socket.create_connection((host, int(port)), PATIENCE) as s:
        return ask(s, name)


def tls(host, port, name):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, int(port)), PATIENCE) as s:
        with context.wrap_socket(s, server_hostname=None if name == "-" else name) as t:
            return ask(t, name)


TRIES = {"lookup": (lookup, 1), "tcp": (tcp, 2), "udp": (udp, 2), "http": (http, 3), "tls": (tls, 3)}
words = sys.argv[1:]
while words:
    what, n = TRIES[words[0]]
    began = time.monotonic()
    try:
        said = what(*words[1 : n + 1])
    except socket.gaierror as e:
        said = {socket.EAI_AGAIN: "EAI_AGAIN", socket.EAI_NONAME: "EAI_NONAME"}.get(e.errno, str(e))
    except TimeoutError:
        said = "nothing"
    except OSError as e:
        said = errno.errorcode.get(e.errno, str(e))
    soon = 2.5 if said.startswith("hello") else 0.9
    print(said + (" slow" if time.monotonic() - began >= soon else ""), flush=True)
    words = words[n + 1 :]
