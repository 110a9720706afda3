#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the captures of the command's tests into a folder: every file format, link type and defect they need."""
import struct
import sys

out = sys.argv[1]
START = 1700000000


def ether(payload, proto=0x0800):
    return bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]) + struct.pack(">H", proto) + payload


def ipv4(payload=b"", proto=17, src=(192, 0, 2, 1), dst=(198, 51, 100, 2)):
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0) + bytes(src) + bytes(dst) + payload


def udp(sport, dport, size=8):
    return struct.pack(">HHHH", sport, dport, size, 0) + bytes(size - 8)


def pcap(frames, link=1, order="<", nano=False, snap=65535, wire=0):
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for i, f in enumerate(frames):
        part = f[:snap]
        parts += [struct.pack(order + "IIII", START + i, 123456, len(part), max(len(f), wire)), part]
    return b"".join(parts)


def pcapng(frames):
    data = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    data += struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
    for i, f in enumerate(frames):
        pad = -len(f) % 4
        size = 32 + len(f) + pad
        t = (START + i) * 1000000 + 123456
        data += struct.pack("<IIIIIII", 6, size, 0, t >> 32, t & 0xFFFFFFFF, len(f), len(f)) + f + bytes(pad)
        data += struct.pack("<I", size)
    return data


def write(name, data):
    with open(f"{out}/{name}", "wb") as f:
        f.write(data)


# Ten frames: UDP to ports 1 to 10.
ten = [ether(ipv4(udp(4000, port))) for port in range(1, 11)]
packets = [f[14:] for f in ten]
write("ten.pcap", pcap(ten))
write("ten-be.pcap", pcap(ten, order=">"))
write("ten-nano.pcap", pcap(ten, nano=True))
write("ten.pcapng", pcapng(ten))
write("raw.pcap", pcap(packets, link=101))
write("null.pcap", pcap([struct.pack("<I", 2) + p for p in packets], link=0))
write("sll.pcap", pcap([struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800) + p for p in packets], link=113))
write("sll2.pcap", pcap([struct.pack(">HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, bytes(8)) + p for p in packets], link=276))
write("wifi.pcap", pcap(ten, link=105))
write("none.pcap", pcap([]))
write("empty.pcap", b"")
write("text.pcap", b"this is no capture\n" * 10)
write("broken.pcap", pcap(ten)[:-20])
write("short-header.pcap", pcap(ten)[: 24 + 3 * (16 + 42) + 7])
write("too-long.pcap", pcap(ten[:4]) + struct.pack("<IIII", START, 0, 300000, 300000) + bytes(300000))
write("cut.pcap", pcap(ten, snap=40))
sizes = [0, 1, 13, 14, 15, 60, 1514, 9000, 65535]
write("sizes.pcap", pcap([(ether(b"") + bytes(n))[:n] for n in sizes], snap=262144))
write("many.pcap", pcap(ten * 30000))
