#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The client's side of the demo capture, where no ordinary program does it.

usage: clients.py talk SOURCE SERVER PORT LINE...      a TCP session, one line at a time, each answered
       clients.py scan SOURCE SERVER PORT...           connect to each port, tell which are open
       clients.py burst SOURCE SERVER PORT COUNT SIZE  COUNT datagrams of SIZE bytes
       clients.py tagged SOURCE SERVER PORT TAG...     three datagrams with these VLAN tags, the outermost first
"""
import socket
import struct
import sys


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(source, server, port):
    s = socket.socket(family(server), socket.SOCK_STREAM)
    s.settimeout(3)
    s.bind((source, 0))
    s.connect((server, port))
    return s


def talk(source, server, port, *lines):
    with connect(source, server, int(port)) as s:
        for line in lines:
            s.sendall(line.encode() + b"\r\n")
            s.recv(1024)
        s.shutdown(socket.SHUT_WR)
        while s.recv(1024):
            pass


def scan(source, server, *ports):
    for port in ports:
        try:
            connect(source, server, int(port)).close()
            print(f"{server} {port}: open")
        except OSError:
            pass


def burst(source, server, port, count, size):
    with socket.socket(family(server), socket.SOCK_DGRAM) as s:
        s.bind((source, 0))
        for i in range(int(count)):
            s.sendto(i.to_bytes(4, "big").ljust(int(size), b"."), (server, int(port)))


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tagged(source, server, port, *tags):
    """Through a packet socket: a kernel need not have VLAN devices for it."""
    ends = socket.inet_aton(source) + socket.inet_aton(server)
    header = bytes.fromhex("020000000001" "02000000000a")
    for i, tag in enumerate(tags):
        header += struct.pack(">HH", 0x88A8 if i + 1 < len(tags) else 0x8100, int(tag))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("eth0", 0))
        for i in range(3):
            payload = f"tagged {i}".encode()
            length = 8 + len(payload)
            udp = struct.pack(">HHHH", 40000 + i, int(port), length, 0) + payload
            check = checksum(ends + struct.pack(">HH", 17, length) + udp) or 0xFFFF
            udp = udp[:6] + struct.pack(">H", check) + udp[8:]
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, i, 0x4000, 64, 17, 0) + ends
            ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
            s.send(header + b"\x08\x00" + ip + udp)


def main():
    what = {"talk": talk, "scan": scan, "burst": burst, "tagged": tagged}
    if len(sys.argv) < 5 or sys.argv[1] not in what:
        sys.exit(__doc__)
    what[sys.argv[1]](*sys.argv[2:])


main()
