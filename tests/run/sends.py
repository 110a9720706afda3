# SPDX-License-Identifier: BSD-2-Clause
"""
What programs at cgroup/sendmsg4 and sendmsg6 (sockets.bpf.c, -DSEND) make of datagrams, line by line: the same in a tree of skep run as in a cgroup of the kernel's.
Its network has fd00::15 and a loopback.
"""
import array
import ctypes
import errno
import os
import signal
import socket
import struct
import sys
import threading
import time

V4, V6, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM
SOURCE = {V4: (socket.IPPROTO_IP, 8), V6: (socket.IPPROTO_IPV6, 50)}
libc = ctypes.CDLL(None, use_errno=True)


def listener(family, host, port, protocol=0):
    s = socket.socket(family, UDP, protocol)
    if family == V6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((host, port))
    s.settimeout(5)
    return s


four, six = listener(V4, "127.0.0.1", 7780), listener(V6, "::1", 7780)
any4, any6 = listener(V4, "0.0.0.0", 7790), listener(V6, "::", 7790)


def end(f):
    try:
        return f()
    except OSError as e:
        return errno.errorcode.get(e.errno, e.errno)


def came(s):
    data, at = s.recvfrom(70000)
    return (data if len(data) < 64 else len(data), at[0])


def line(what, *more):
    print(what, *more, flush=True)


def info(family, source):
    packed = socket.inet_pton(family, source)
    return [(*SOURCE[family], struct.pack("i", 0) + packed + bytes(4) if family == V4 else packed + struct.pack("i", 0))]


def addresses():
    for family, host, at, far in (V4, "127.0.0.1", four, "127.0.0.9"), (V6, "::1", six, "fd00::99"):
        s = socket.socket(family, UDP)
        for port in 7777, 7778, 7783, 7784, 0:
            line(family, port, end(lambda: s.sendto(b"x", (host, port))), end(lambda: s.sendmsg([b"x"], [], 0, (host, port))))
        line(family, "elsewhere", end(lambda: s.sendto(b"to", (far, 7779))), came(at), end(lambda: s.sendmsg([b"m", b"sg"], [], 0, (far, 7779))), came(at))
        line(family, "from", end(lambda: s.sendto(b"from", (host, 7781))), came(at))
        line(family, "passed", end(lambda: s.sendto(b"same", (host, 7790))), came(any4 if family == V4 else any6))
        line(family, "largest", end(lambda: s.sendto(bytes(65507), (host, 7780))), came(at), end(lambda: s.sendto(bytes(65508 + 20 * (family == V6)), (host, 7780))))
        line(family, "empty", end(lambda: s.sendto(b"", (host, 7780))), came(at), end(lambda: s.sendmsg([], [], 0, (host, 7780))), came(at))
        s.connect((host, 7780))
        line(family, "connected", end(lambda: s.send(b"c")), came(at), end(lambda: s.sendmsg([b"d"])), came(at), end(lambda: s.sendto(b"e", (host, 7777))))
        line(family, "unconnected", end(lambda: socket.socket(family, UDP).sendmsg([b"x"])))
    s = socket.socket(V4, UDP)
    line("far", end(lambda: s.sendto(b"x", ("127.0.0.1", 7782))))
    line("oob", end(lambda: s.sendto(b"x", socket.MSG_OOB, ("127.0.0.1", 7780))))


def controls():
    s = socket.socket(V4, UDP)
    line("source", s.sendmsg([b"own"], info(V4, "127.0.0.3"), 0, ("127.0.0.1", 7780)), came(four))
    line("changed", s.sendmsg([b"own"], info(V4, "127.0.0.3"), 0, ("127.0.0.1", 7781)), came(four))
    line("taken away", s.sendmsg([b"own"], info(V4, "127.0.0.5"), 0, ("127.0.0.1", 7781)), came(four))
    t = socket.socket(V6, UDP)
    line("source6", t.sendmsg([b"own"], info(V6, "fd00::15"), 0, ("::1", 7780)), came(six))
    line("changed6", t.sendmsg([b"own"], info(V6, "::1"), 0, ("::1", 7781)), came(six))
    line("ttl", s.sendmsg([b"ttl"], [(socket.IPPROTO_IP, socket.IP_TTL, struct.pack("i", 5))], 0, ("127.0.0.9", 7779)), came(four))
    four.setsockopt(socket.IPPROTO_IP, 12, 1)
    s.sendmsg([b"ttl"], [(socket.IPPROTO_IP, socket.IP_TTL, struct.pack("i", 5))], 0, ("127.0.0.9", 7779))
    line("ttl arrives", struct.unpack("i", four.recvmsg(10, 100)[1][0][2])[0])
    s.sendmsg([bytes(25)], [(17, 103, struct.pack("H", 10))], 0, ("127.0.0.9", 7779))
    line("segments", [came(four)[0] for _ in range(3)])
    line("bad", end(lambda: s.sendmsg([b"x"], [(socket.IPPROTO_IP, 99, b"")], 0, ("127.0.0.1", 7780))))


def mapped():
    s = socket.socket(V6, UDP)
    for port in 7777, 7778, 7783:
        line("mapped", port, end(lambda: s.sendto(b"x", ("::ffff:127.0.0.1", port))))
    line("mapped", end(lambda: s.sendto(b"to", ("::ffff:127.0.0.9", 7779))), came(four))
    line("mapped from", end(lambda: s.sendto(b"to", ("::ffff:127.0.0.1", 7781))), came(four))
    line("mapped source", end(lambda: s.sendmsg([b"to"], info(V6, "::ffff:127.0.0.6"), 0, ("::ffff:127.0.0.1", 7780))), came(four))
    line("mapped changed", end(lambda: s.sendmsg([b"to"], info(V6, "::ffff:127.0.0.6"), 0, ("::ffff:127.0.0.1", 7781))), came(four))
    name = struct.pack("=HH4s8x", V4, socket.htons(7779), socket.inet_aton("127.0.0.9"))
    line("four's name", libc.sendto(s.fileno(), b"raw", 3, 0, name, 16), came(four))
    s = socket.socket(V6, UDP)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    line("only", end(lambda: s.sendto(b"to", ("::ffff:127.0.0.1", 7777))), end(lambda: s.sendto(b"to", ("::ffff:127.0.0.1", 7780))))
    t = socket.socket(V6, UDP)
    t.bind(("::ffff:127.0.0.1", 0))
    line("none is loopback's", end(lambda: t.sendto(b"to", ("::", 7779))), came(four))
    t = socket.socket(V4, UDP)
    unspec = struct.pack("=HH4s8x", 0, socket.htons(7779), socket.inet_aton("127.0.0.9"))
    line("unspec", libc.sendto(t.fileno(), b"raw", 3, 0, unspec, 16), came(four))
    unspec = struct.pack("=HH4s8x", 0, socket.htons(7777), socket.inet_aton("127.0.0.1"))
    line("unspec", libc.sendto(t.fileno(), b"raw", 3, 0, unspec, 16), errno.errorcode[ctypes.get_errno()])
    try:
        lite, t = listener(V4, "127.0.0.1", 7780, 136), socket.socket(V4, UDP, 136)
    except OSError:
        return  # a kernel without UDP-Lite
    line("lite", end(lambda: t.sendto(b"lite", ("127.0.0.9", 7779))), came(lite), end(lambda: t.sendto(b"x", ("127.0.0.1", 7777))))


class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("name_len", ctypes.c_uint), ("parts", ctypes.POINTER(Part)), ("n_parts", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_len", ctypes.c_size_t), ("flags", ctypes.c_long), ("sent", ctypes.c_ulong)]


def many(ports, n=None):
    s = socket.socket(V4, UDP)
    names = [struct.pack("=HH4s8x", V4, socket.htons(p), socket.inet_aton("127.0.0.1")) for p in ports]
    parts = [Part(b"part%d" % i, 5) for i in range(len(ports))]
    m = (Header * len(ports))(*[Header(a, 16, ctypes.pointer(p), 1, None, 0, 0, 99) for a, p in zip(names, parts)])
    got = libc.sendmmsg(s.fileno(), m, len(ports) if n is None else n, 0)
    line("many", ports, got if got >= 0 else errno.errorcode[ctypes.get_errno()], [x.sent for x in m], [came(four) for p in range(max(got, 0))])


def bad_calls():
    s = socket.socket(V4, UDP)
    name = struct.pack("=HH4s8x", V4, socket.htons(7780), socket.inet_aton("127.0.0.1"))
    none = ctypes.c_void_p(1)

    def call(f, *a):
        ctypes.set_errno(0)
        got = f(*a)
        return got if got >= 0 else errno.errorcode[ctypes.get_errno()]

    line("bad", call(libc.sendto, 99, b"x", 1, 0, name, 16), call(libc.sendto, 0, b"x", 1, 0, name, 16), call(libc.sendto, s.fileno(), b"x", 1, 0, name, 15),
         call(libc.sendto, s.fileno(), b"x", 1, 0, none, 16), call(libc.sendto, s.fileno(), b"x", 1, 0, name, -1), call(libc.sendto, s.fileno(), none, 8, 0, name, 16),
         call(libc.sendmsg, s.fileno(), none, 0), call(libc.sendmsg, 99, none, 0), call(libc.sendmmsg, s.fileno(), none, 1, 0), call(libc.sendmmsg, s.fileno(), None, 0, 0))
    m = Header(name, 16, ctypes.pointer(Part(b"x", 1)), 1025, None, 0, 0, 0)
    line("parts", call(libc.sendmsg, s.fileno(), ctypes.byref(m), 0))
    m = Header(name, 200, ctypes.pointer(Part(b"long", 4)), 1, None, 0, 0, 0)
    room = name + bytes(200)
    m.name = room
    line("name is cut", call(libc.sendmsg, s.fileno(), ctypes.byref(m), 0), came(four))


def others():
    """Sockets that no program is asked about, whose sendmsg goes the same way."""
    r, w = os.pipe()
    for kind in socket.SOCK_STREAM, socket.SOCK_SEQPACKET:
        a, b = socket.socketpair(socket.AF_UNIX, kind)
        b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        line(kind, a.sendmsg([b"with ", b"files"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [w]))]))
        data, control, flags, _ = b.recvmsg(100, 200, socket.MSG_CMSG_CLOEXEC)
        got = {t: d for _, t, d in control}
        os.write(struct.unpack("i", got[1])[0], b"y")
        line(data, flags & ~socket.MSG_CMSG_CLOEXEC & ~0x80, os.read(r, 1), struct.unpack("3i", got[2]) == (os.getpid(), os.getuid(), os.getgid()))
    a, b = socket.socketpair()
    rest = []
    t = threading.Thread(target=lambda: rest.append(sum(iter(lambda: len(b.recv(65536)), 0))))
    t.start()
    n = a.sendmsg([bytes(3 << 20), bytes(2 << 20)])
    a.close()
    t.join()
    line("stream", n, rest)
    a, b = socket.socketpair()
    a.setblocking(False)
    n = a.sendmsg([bytes(8 << 20)])
    line("full", 0 < n < 8 << 20, end(lambda: a.sendmsg([b"x"])))
    a.setblocking(True)
    a.settimeout(None)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 100000))
    began = time.monotonic()
    line("patience", end(lambda: a.sendmsg([b"x"])), time.monotonic() - began >= 0.1)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 0))

    def heard(*_):
        raise InterruptedError(errno.EINTR, "")

    signal.signal(signal.SIGALRM, heard)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    line("signal", end(lambda: a.sendmsg([b"x"])))
    b.close()
    signal.signal(signal.SIGPIPE, lambda *_: line("a broken pipe"))
    line(end(lambda: a.sendmsg([b"x"])))
    line(end(lambda: a.sendmsg([b"x"], [], socket.MSG_NOSIGNAL)))
    k = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    k.bind((0, 0))
    k.sendto(struct.pack("IHHII", 20, 18, 0x301, 1, 0) + bytes(4), (0, 0))
    line("netlink", struct.unpack_from("IH", k.recv(65536))[1])
    l = socket.create_server(("127.0.0.1", 0))
    c = socket.create_connection(l.getsockname())
    p, _ = l.accept()
    line("tcp", c.sendmsg([b"over ", b"tcp"]), p.recv(100))


for part in sys.argv[1:] or ["addresses", "controls", "mapped", "many", "bad", "others"]:
    if part == "addresses":
        addresses()
    elif part == "controls":
        controls()
    elif part == "mapped":
        mapped()
    elif part == "many":
        many([7780, 7779, 7780])
        many([7780, 7777, 7780])
        many([7777, 7780])
        many([7780], 0)
    elif part == "bad":
        bad_calls()
    else:
        others()
