#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The verdicts of a program in the kernel beside those of skep replay, frame by frame.

usage: verdicts.py make FILE                 write a capture of many kinds of frames
       verdicts.py compare VERDICTS FROM TO  VERDICTS: what skep replay -o wrote. Its frames are sent by an interface (NAMESPACE:NAME) to the other end of its veth pair,
                                             where the program is attached; what passes there must be what the replay let pass, byte for byte, and what comes back what it sent back.
"""
import collections
import ctypes
import os
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
libc = ctypes.CDLL(None, use_errno=True)


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data[: len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(r, payload, proto, src, dst, options=b"", offset=0):
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), r.getrandbits(16), offset, 64, proto, 0)
    head += socket.inet_aton(src) + socket.inet_aton(dst) + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(payload, proto, src, dst):
    return struct.pack(">IHBB", 0x60000000, len(payload), proto, 64) + socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + payload


def frames():
    r = random.Random(1)
    out = []
    v4 = ["198.51.100.7", "198.51.100.20", "198.51.100.21", "203.0.113.5", "192.0.2.1", "10.1.2.3", "127.0.0.1", "255.255.255.255"]
    v6 = ["2001:db8::1", "2001:db8:bad::5", "fe80::1", "::1", "2001:db8:1::53"]
    ports = [22, 53, 80, 443, 23, 8080, 65535, 0]
    for i in range(1500):
        tag = struct.pack(">8sI", b"skeptest", i)
        l4 = {
            6: struct.pack(">HHIIHHHH", r.choice(ports), r.choice(ports), i, 0, 0x5000 | r.choice([2, 16, 18, 4, 1]), 1000, 0, 0),
            17: struct.pack(">HHHH", r.choice(ports), r.choice(ports), 8 + len(tag), 0),
            1: struct.pack(">BBHHH", r.choice([8, 0, 3, 11]), 0, 0, 7, i & 0xFFFF),
            58: struct.pack(">BBHHH", r.choice([128, 129, 135, 1]), 0, 0, 7, i & 0xFFFF),
            47: bytes(8),
        }
        proto = r.choice(list(l4))
        kind = r.randrange(10)
        payload = l4[proto] + tag
        if kind < 3:  # to the balanced address
            port = 80 if proto == 6 else 53
            l3, ethertype = ipv4(r, payload[:2] + struct.pack(">H", port) + payload[4:], proto, r.choice(v4[:4]), "192.0.2.1"), 0x0800
        elif kind < 5:
            l3, ethertype = ipv4(r, payload, proto, r.choice(v4), r.choice(v4)), 0x0800
        elif kind < 7:
            l3, ethertype = ipv6(payload, proto, r.choice(v6), r.choice(v6)), 0x86DD
        elif kind == 7:  # options; fragments
            l3, ethertype = ipv4(r, payload, proto, r.choice(v4), r.choice(v4), r.choice([b"", b"\x01" * 4, b"\x07\x27\x04" + bytes(37)]), r.choice([0, 0x2000, 0x2004, 4])), 0x0800
        elif kind == 8:  # cut short; lengths that lie
            l3, ethertype = ipv4(r, payload, proto, r.choice(v4), r.choice(v4)), 0x0800
            l3 = l3[: r.randrange(1, len(l3))] if r.random() < 0.5 else bytes([r.getrandbits(8)]) + l3[1:]
        else:
            l3, ethertype = r.randbytes(r.randrange(1, 100)), r.choice([0x0806, 0x88CC, 0x0800, 0x86DD, 0x1234])
        out.append(bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]) + struct.pack(">H", ethertype) + l3)
    return out


def make(path):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames()):
            f.write(struct.pack("<IIII", i, 0, len(frame), len(frame)) + frame)


def verdicts(path):
    """Frames and verdicts of a pcapng file (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html)."""
    data = open(path, "rb").read()
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind == 6:
            length = struct.unpack_from("<I", data, at + 20)[0]
            option = at + 28 + (length + 3) // 4 * 4
            code, n = struct.unpack_from("<HH", data, option)
            assert code == 1, "a frame without a comment"
            yield data[at + 28 : at + 28 + length], data[option + 4 : option + 4 + n].decode().removeprefix("skep: ").split()[0].rstrip(",")
        at += size


def sock(where):
    name, iface = where.split(":")
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + name, os.O_RDONLY)
    assert not libc.setns(there, 0)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.bind((iface, ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    assert not libc.setns(before, 0)
    os.close(there), os.close(before)
    return s


def key(frame, kind):
    # What is sent back has been changed, and what skep replay writes are the capture's frames: the ends, with their numbers, stay.
    return frame if kind == "XDP_PASS" else frame[-12:]


def received(s, into, kind):
    while True:
        frame, at = s.recvfrom(65536)
        if at[2] != PACKET_OUTGOING:
            into[key(frame, kind)] += 1
        if not select.select([s], [], [], 0)[0]:
            return


def compare(path, sender, receiver):
    out, inside = sock(sender), sock(receiver)
    wanted = {"XDP_PASS": collections.Counter(), "XDP_TX": collections.Counter()}
    got = {"XDP_PASS": collections.Counter(), "XDP_TX": collections.Counter()}
    n = collections.Counter()
    for frame, verdict in verdicts(path):
        n[verdict] += 1
        if verdict in wanted:
            wanted[verdict][key(frame, verdict)] += 1
        out.send(frame)
        for s, kind in (inside, "XDP_PASS"), (out, "XDP_TX"):
            if select.select([s], [], [], 0)[0]:
                received(s, got[kind], kind)
    end = time.time() + 1
    while time.time() < end:
        for s, kind in (inside, "XDP_PASS"), (out, "XDP_TX"):
            if select.select([s], [], [], 0.05)[0]:
                received(s, got[kind], kind)
    bad = 0
    for kind in wanted:
        for what, frames in ("missing", wanted[kind] - got[kind]), ("too many", got[kind] - wanted[kind]):
            for frame in list(frames)[:3]:
                print(kind, what, frame.hex())
            bad += sum(frames.values())
    print(dict(n), "frames;", bad, "differ")
    sys.exit(bad != 0)


if __name__ == "__main__":
    make(sys.argv[2]) if sys.argv[1] == "make" else compare(*sys.argv[2:5])
