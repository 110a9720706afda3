#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes a pcap file as pcapng, with nothing in it about the machine that captured it.

usage: plain_pcapng.py IN.pcap OUT.pcapng INTERFACE-NAME
Frames and their times are kept; the blocks' optional fields are the interface's name only.
"""
import struct
import sys

SHB, IDB, EPB = 0x0A0D0D0A, 1, 6


def block(kind, body):
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    magic, _, _, _, _, snaplen, link = struct.unpack_from("<IHHiIII", data)
    if magic not in (0xA1B2C3D4, 0xA1B23C4D):
        sys.exit(f"{sys.argv[1]}: not a little-endian pcap file")
    per_second = 10**6 if magic == 0xA1B2C3D4 else 10**9
    out = block(SHB, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(IDB, struct.pack("<HHI", link, 0, snaplen) + option(2, sys.argv[3].encode()) +
                 option(9, bytes([9])) + option(0, b""))
    at, n = 24, 0
    while at < len(data):
        sec, sub, cap, wire = struct.unpack_from("<IIII", data, at)
        ns = sec * 10**9 + sub * (10**9 // per_second)
        frame = data[at + 16:at + 16 + cap]
        out += block(EPB, struct.pack("<IIIII", 0, ns >> 32, ns & 0xFFFFFFFF, cap, wire) + frame)
        at += 16 + cap
        n += 1
    with open(sys.argv[2], "wb") as f:
        f.write(out)
    print(f"{sys.argv[2]}: {n} frames, {len(out)} bytes")


main()
