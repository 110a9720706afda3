# SPDX-License-Identifier: BSD-2-Clause
"""A name server's answers, for servers.py and world.py."""
import socket
import struct

A, CNAME, AAAA = 1, 5, 28
TTL = 5


def wire(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"


def answer(query, zone, aliases, log):
    """The answer to a query. zone: name -> addresses of either version; aliases: name -> name; log: called with what was asked for.
    A name that is in neither does not exist."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin1"))
        at += query[at] + 1
    name, (kind, _) = ".".join(labels).lower(), struct.unpack(">HH", query[at + 1 : at + 5])
    question, records = query[12 : at + 5], []
    log(f"{name} {kind}")

    def add(of, what, data):
        records.append(wire(of) + struct.pack(">HHIH", what, 1, TTL, len(data)) + data)

    while name in aliases:
        add(name, CNAME, wire(aliases[name]))
        name = aliases[name]
    for address in zone.get(name, []):
        v6 = ":" in address
        if kind == (AAAA if v6 else A):
            add(name, kind, socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, address))
    rcode = 0 if name in zone else 3
    return query[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(records), 0, 0) + question + b"".join(records)
