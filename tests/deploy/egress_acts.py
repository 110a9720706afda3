#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What test-deploy-egress.sh has done beside connecting here and there.

usage: egress_acts.py keep HOST PORT FOLDER     a connection: a line through the echo there; "up" comes into being; after "go" another line, and what became of it
       egress_acts.py flood HOST PORT SECONDS   datagrams; how many came back, and how many errors there were
       egress_acts.py spoof NAMESPACE NAME      answers to a look-up in this namespace from where nobody was asked, and others that nobody asked for
       egress_acts.py whole IFACE               the kernel hands over segments as large as the interface takes, from now on
       egress_acts.py larger IFACE SIZE         how large segments may be that are yet to be cut up
       egress_acts.py pour HOST NAME            much, over HTTP
       egress_acts.py past IFACE ADDRESS        a datagram by a packet socket, "held", and one past tc, "past"
       egress_acts.py frames FILE               a capture of what might leave
       egress_acts.py compare FILE IN OUT       FILE: what skep replay -o wrote; its frames leave by IN (NAMESPACE:NAME), and those it let go come out at OUT, and no others
"""
import collections
import ctypes
import errno
import fcntl
import os
import random
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(__file__) + "/../run")
sys.path.insert(0, os.path.dirname(__file__))
from dns_zone import wire
from verdicts import ipv4, ipv6, sock, verdicts

A, IN = 1, 1
SIOCETHTOOL, ETHTOOL_STSO, ETHTOOL_SGSO = 0x8946, 0x1F, 0x24
PACKET_OUTGOING = 4
RESOLVER, OTHER = "192.0.2.53", "192.0.2.54"


def keep(host, port, folder):
    with socket.create_connection((host, int(port)), 3) as s:
        for last in (False, True):
            s.sendall(b"a line\n")
            assert s.recv(100) == b"a line\n"
            if last:
                break
            open(folder + "/up", "w").close()
            while not os.path.exists(folder + "/go"):
                time.sleep(0.02)
    print("both came back")


def flood(host, port, seconds):
    back, errors = 0, collections.Counter()
    end = time.monotonic() + float(seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((host, int(port)))
        s.settimeout(0.5)
        while time.monotonic() < end:
            try:
                s.send(b"flood")
                s.recv(100)
                back += 1
            except OSError as e:
                errors[type(e).__name__ + " " + str(e)] += 1
    print(f"{back} back, {sum(errors.values())} errors", dict(errors))


def query(name, number):
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + wire(name) + struct.pack(">HH", A, IN)


def answer(asked, addr, number=None):
    number = asked[:2] if number is None else struct.pack(">H", number)
    record = b"\xc0\x0c" + struct.pack(">HHIH", A, IN, 600, 4) + socket.inet_aton(addr)
    return number + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + asked[12:] + record


def within(namespace, make):
    libc = ctypes.CDLL(None, use_errno=True)
    before, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/run/netns/" + namespace, os.O_RDONLY)
    assert not libc.setns(there, 0)
    made = make()
    assert not libc.setns(before, 0)
    return made


def spoof(namespace, name):
    me = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    me.bind(("10.94.0.2", 0))
    me.settimeout(1)
    asked = query(name, 4711)

    def raw():
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        return s

    out = within(namespace, raw)

    def say(data, source):
        udp = struct.pack(">HHHH", 53, me.getsockname()[1], 8 + len(data), 0) + data
        out.sendto(ipv4(random.Random(0), udp, 17, source, "10.94.0.2"), ("10.94.0.2", 0))

    say(answer(asked, "192.0.2.3"), RESOLVER)  # before anybody asked
    me.sendto(asked, (OTHER, 53))  # refused; but its port and number are what an answer must fit
    try:
        me.recv(600)
    except OSError:
        pass
    say(answer(asked, "192.0.2.4"), RESOLVER)  # asked of another
    me.sendto(asked, (RESOLVER, 53))
    say(answer(asked, "192.0.2.5"), OTHER)  # by another
    say(answer(asked, "192.0.2.6", 4712), RESOLVER)  # another number
    say(answer(query("else.test", 4711), "192.0.2.7"), RESOLVER)  # another name
    me.recv(600)
    time.sleep(0.2)
    say(answer(asked, "192.0.2.8"), RESOLVER)  # answered already
    time.sleep(0.2)


def whole(iface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (ETHTOOL_STSO, ETHTOOL_SGSO):
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", iface.encode(), ctypes.addressof(value)) + bytes(16)
            fcntl.ioctl(s, SIOCETHTOOL, request)


def larger(iface, size):
    RTM_SETLINK, REQUEST_ACK = 19, 5
    sizes = 41, 63  # IFLA_GSO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        body = struct.pack("BxHiII", 0, 0, socket.if_nametoindex(iface), 0, 0) + b"".join(struct.pack("HHI", 8, kind, int(size)) for kind in sizes)
        s.send(struct.pack("IHHII", 16 + len(body), RTM_SETLINK, REQUEST_ACK, 1, 0) + body)
        error = struct.unpack_from("i", s.recv(4096), 16)[0]
        if error:
            raise OSError(-error, os.strerror(-error))


def pour(host, name):
    much, times = bytes(4 << 20), 15
    socket.getaddrinfo(name, 80)
    with socket.create_connection((host, 80), 3) as s:
        s.settimeout(10)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        s.sendall(f"PUT / HTTP/1.1\r\nHost: {name}\r\nContent-Length: {len(much) * times}\r\n\r\n".encode())
        for _ in range(times):
            s.sendall(much)
        assert s.recv(200).startswith(b"HTTP/1.1 200 ")


def past(iface, to):
    PACKET_QDISC_BYPASS = 20
    for bypass, text in (0, b"held"), (1, b"past"):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.setsockopt(263, PACKET_QDISC_BYPASS, bypass)  # SOL_PACKET
            s.bind((iface, 0x0800))
            udp = struct.pack(">HHHH", 4000, 443, 12, 0) + text
            try:
                s.send(b"\xff" * 6 + s.getsockname()[4] + b"\x08\x00" + ipv4(random.Random(0), udp, 17, "10.94.0.2", to))
            except OSError as e:
                assert e.errno == errno.ENOBUFS


def frames(path):
    r = random.Random(2)
    v4 = ["192.0.2.1", "192.0.2.2", "192.0.2.129", "198.51.100.4", "169.254.169.254", RESOLVER, OTHER, "224.0.0.251", "10.0.2.2", "255.255.255.255"]
    v6 = ["2001:db8::1", "2001:db8:1::1", "2001:db9::1", "fe80::1", "ff02::1", "2001:db8:94::1", "2001:db8::53", "::ffff:192.0.2.1"]
    ports = [22, 53, 80, 443, 8080, 123]
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i in range(3000):
            tag = struct.pack(">8sI", b"skeptest", i)
            six = r.random() < 0.35
            proto = r.choice([6, 6, 17, 17, 58 if six else 1, 47])
            port = r.choice(ports)
            if proto == 6:
                flags = r.choice([2, 2, 2, 16, 24, 4, 17, 18])
                payload = struct.pack(">HHIIHHHH", 5000 + r.randrange(40), port, r.randrange(3), 0, 0x5000 | flags, 1000, 0, 0)
                payload += b"" if flags & 2 and r.random() < 0.9 else r.choice([b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n", b"\x16\x03\x01", b"xyz"])
            elif proto == 17:
                data = query(r.choice(["one.test", "two.test", "x.wild.test"]), i) if port == 53 else b""
                payload = struct.pack(">HHHH", 6000 + r.randrange(40), port, 8 + len(data), 0) + data
            elif proto in (1, 58):
                payload = struct.pack(">BBHHH", r.choice([8, 0, 3, 13] if proto == 1 else [128, 129, 1, 133, 135, 136, 143]), 0, 0, 7, i & 0xFFFF) + bytes(16)
            else:
                payload = bytes(8)
            if six:
                l3, kind = ipv6(payload, proto, "2001:db8:94::2", r.choice(v6)), 0x86DD
            else:
                options = r.choice([b""] * 6 + [b"\x01" * 4, b"\x83\x07\x04" + bytes(5)])
                offset = r.choice([0] * 8 + [0x2000, 0x2004, 4])
                l3, kind = ipv4(r, payload, proto, "10.94.0.2", r.choice(v4), options, offset), 0x0800
            # What is behind the packet is padding to the firewall, and tells the frames apart to us.
            l3 += tag
            if r.random() < 0.08:
                l3, kind = l3[: r.randrange(1, len(l3))] if r.random() < 0.5 else bytes([r.getrandbits(8)]) + l3[1:], kind
            if r.random() < 0.05:
                kind = r.choice([0x0806, 0x88CC, 0x8100, 0x1234])
            frame = bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]) + struct.pack(">H", kind) + l3
            # The kernel takes no frame from a socket that is shorter.
            frame = frame.ljust(54, b"\0")
            f.write(struct.pack("<IIII", 1 + i // 1000, i % 1000 * 1000, len(frame), len(frame)) + frame)


def compare(path, sender, receiver):
    out, there = sock(sender), sock(receiver)
    wanted, got, n, known = collections.Counter(), collections.Counter(), collections.Counter(), set()

    def take():
        while select.select([there], [], [], 0)[0]:
            frame, at = there.recvfrom(65536)
            if at[2] != PACKET_OUTGOING and frame in known:
                got[frame] += 1

    for frame, verdict in verdicts(path):
        n[verdict] += 1
        known.add(frame)
        wanted[frame] += verdict in ("TC_ACT_UNSPEC", "TC_ACT_OK")
        try:
            out.send(frame)
        except OSError as e:
            if e.errno != errno.ENOBUFS:  # a frame that is thrown away
                raise
        take()
    time.sleep(0.5)
    take()
    bad = 0
    for what, some in ("refused by the kernel", wanted - got), ("let go by the kernel", got - wanted):
        for frame in list(some)[:4]:
            print(what, "alone:", frame.hex())
        bad += sum(some.values())
    print(dict(n), "frames;", bad, "differ")
    sys.exit(bad != 0 or len(n) < 3)


if __name__ == "__main__":
    {"keep": keep, "flood": flood, "spoof": spoof, "whole": whole, "larger": larger, "pour": pour, "past": past, "frames": frames, "compare": compare}[sys.argv[1]](*sys.argv[2:])
