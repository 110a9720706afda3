#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What somebody in a tree tries who wants out. One attempt a call: escape.py ATTEMPT [ARGUMENT...]. It prints what came of it: the error's
name, or what it got."""
import array
import ctypes
import errno
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, MS_BIND, MS_REC, MNT_DETACH = -100, 4096, 16384, 2
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def address(path):
    return "\0" + path[1:] if path[0] == "@" else path


def connect(path, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(3)
    s.connect(address(path))
    return s.recv(100).decode() if kind != socket.SOCK_DGRAM else "sent" if s.send(b"x") else ""


def stream(path):
    return connect(path)


def seqpacket(path):
    return connect(path, socket.SOCK_SEQPACKET)


def dgram(path):
    return connect(path, socket.SOCK_DGRAM)


def dgram_pair(path):
    """A datagram pair can send elsewhere too."""
    a, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.sendto(b"x", address(path))
    return "sent"


def relative(path):
    os.chdir(os.path.dirname(path))
    return connect(os.path.basename(path))


def by_link(path):
    link = os.path.join(os.environ["HOME"], "link")
    os.symlink(path, link)
    try:
        return connect(link)
    finally:
        os.unlink(link)


def by_hard_link(path):
    link = os.path.join(os.path.dirname(path), "hard")
    os.link(path, link)
    try:
        return connect(link)
    finally:
        os.unlink(link)


def by_fd(path):
    fd = os.open(path, os.O_PATH)
    return connect(f"/proc/self/fd/{fd}")


def by_own_fd(path):
    """The guard's way of naming a socket."""
    fd = os.open(path, os.O_PATH)
    return connect(f"/proc/{os.getpid()}/fd/{fd}")


def thread(path):
    """From a thread that is not the first, with a file table of its own."""
    result = []

    def work():
        check(libc.unshare(0x400))
        try:
            result.append(connect(path))
        except OSError as e:
            result.append(errno.errorcode[e.errno])

    t = threading.Thread(target=work)
    t.start()
    t.join()
    return result[0]


def race(path, seconds="3"):
    """One thread connects an address that is swapped under it, on an fd that is too: to a socket of the tree and to one outside."""
    inside = os.path.join(os.path.dirname(path), "inner")
    server = socket.socket(socket.AF_UNIX)
    server.bind(inside)
    server.listen(1000)
    bad, good = path.encode() + b"\0", inside.encode() + b"\0"
    assert len(bad) == len(good)
    memory = ctypes.create_string_buffer(struct.pack("H", socket.AF_UNIX) + good)
    stop = threading.Event()
    turn = [0]

    def swap():
        while not stop.is_set():
            for name in (bad, good):
                ctypes.memmove(ctypes.addressof(memory) + 2, name, len(name))

    def swap_fd():
        other = socket.socket(socket.AF_INET)
        while not stop.is_set():
            os.dup2(other.fileno(), 200)
            s = socket.socket(socket.AF_UNIX)
            os.dup2(s.fileno(), 200)
            s.close()
            turn[0] += 1

    def accept():
        while True:
            try:
                server.accept()[0].sendall(b"inside")
            except OSError:  # the fd was swapped once more after the connection, which closed it: the next one
                pass

    for f in (swap, swap_fd, accept):
        threading.Thread(target=f, daemon=True).start()
    import time
    start = time.time()
    seen = {"inside": 0, "refused": 0, "outside": 0}
    # A busy machine may need more time until both have been seen.
    while time.time() < start + (float(seconds) if seen["inside"] and seen["refused"] else 30):
        for fd in (200, None):
            s = socket.socket(socket.AF_UNIX)
            number = s.fileno() if fd is None else fd
            if libc.connect(number, memory, len(good) + 2):
                seen["refused"] += 1
            else:
                dup = socket.socket(socket.AF_UNIX, fileno=os.dup(number))
                try:
                    dup.settimeout(1)
                    seen["outside" if dup.recv(100) == b"outside" else "inside"] += 1
                except OSError:
                    pass
                dup.close()
            s.close()
    stop.set()
    os.unlink(inside)
    return "outside" if seen["outside"] else "inside and refused" if seen["inside"] and seen["refused"] else str(seen)


def inside_stream():
    """What the tree binds itself it may connect to, by any name."""
    path = os.path.join(os.environ["HOME"], "own")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    got = []
    for name in (path, "/proc/self/cwd/own", "own", f"/proc/self/fd/{os.open(os.environ['HOME'], os.O_PATH)}/own"):
        os.chdir(os.environ["HOME"])
        client = socket.socket(socket.AF_UNIX)
        client.connect(name)
        peer, _ = server.accept()
        peer.sendall(b"own")
        uid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        got.append(client.recv(9).decode() + str(client.getpeername() == path) + str(uid == os.getuid()))
    os.unlink(path)
    return " ".join(sorted(set(got)))


def rebound(path):
    """A name that was the tree's becomes the outside's: it is the socket that counts."""
    own = os.path.join(os.path.dirname(path), "rebound")
    server = socket.socket(socket.AF_UNIX)
    server.bind(own)
    server.listen()
    os.unlink(own)
    os.link(path, own)
    try:
        return connect(own)
    finally:
        os.unlink(own)


def seize(path):
    """Between bind and its being noted: the name is made to lead to the outside's socket."""
    folder, result = os.path.dirname(path), []
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            try:
                os.link(path, folder + "/seize.new")
                os.rename(folder + "/seize.new", folder + "/seize")
            except OSError:
                pass
            try:
                os.unlink(folder + "/seize")
            except OSError:
                pass

    t = threading.Thread(target=swap)
    t.start()
    for _ in range(300):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.bind(folder + "/seize")
        except OSError:
            pass
        try:
            result.append(connect(path))
        except OSError as e:
            result.append(errno.errorcode[e.errno])
    stop.set()
    t.join()
    return " ".join(sorted(set(result)))


def family(number, kind="1", proto="0"):
    return str(socket.socket(int(number), int(kind), int(proto)) and "made")


def vsock(port):
    s = socket.socket(40, socket.SOCK_STREAM)
    s.connect((1, int(port)))
    return s.recv(9).decode()


def call(number, *args):
    return "done " + str(check(libc.syscall(int(number), *[int(a, 0) for a in args])))


def int80(number, *args):
    """A call as 32-bit programs make it."""
    code = bytes.fromhex("5389f889f34189c889d14489c2cd805bc3")
    m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    m.write(code)
    f = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int] * 4)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
    return f(int(number), *([*args, 0, 0, 0][:3]))


def old_call(number, *args):
    r = int80(number, *[int(a, 0) for a in args])
    return errno.errorcode[-r] if r < 0 else "done"


def old_connect(path):
    """connect(2) as 32-bit programs make it, its address below 4 GB."""
    MAP_32BIT = 0x40
    low = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT)
    a = struct.pack("H", socket.AF_UNIX) + path.encode() + b"\0"
    low.write(a)
    s = socket.socket(socket.AF_UNIX)
    r = int80(362, s.fileno(), ctypes.addressof(ctypes.c_char.from_buffer(low)), len(a))
    return errno.errorcode[-r] if r < 0 else s.recv(100).decode()


def raw_packet():
    """Its own interface it may not read either: the network namespace is init's."""
    return "made" if socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) else ""


def userns():
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        try:
            with open("/proc/self/" + name, "w") as f:
                f.write(text)
        except PermissionError:
            pass


def mount(source, target, kind, flags):
    check(libc.mount(source and source.encode(), target.encode(), kind and kind.encode(), flags, None))


def uncover(path):
    """In a user and mount namespace of one's own: take the cover of a socket away, or look below it."""
    userns()
    said = []
    for what in (lambda: check(libc.umount2(path.encode(), MNT_DETACH)), lambda: check(libc.umount2(path.encode(), 0)),
                 lambda: check(libc.syscall(428, AT_FDCWD, path.encode(), 1 | os.O_CLOEXEC)) and None,
                 lambda: mount(os.path.dirname(path), "/mnt", None, MS_BIND)):
        try:
            what()
            said.append("done")
        except OSError as e:
            said.append(errno.errorcode[e.errno])
    for name in (path, "/mnt/" + os.path.basename(path)):
        try:
            said.append(connect(name))
        except OSError as e:
            said.append(errno.errorcode[e.errno])
    return " ".join(said)


def clone_tree(path):
    """open_tree(2) and move_mount(2): a copy of the mount below, or of the folder without its covers."""
    userns()
    said = []
    for flags in (1, 1 | 0x8000):
        fd = libc.syscall(428, AT_FDCWD, os.path.dirname(path).encode(), flags)
        if fd < 0:
            said.append(errno.errorcode[ctypes.get_errno()])
            continue
        try:
            said.append(connect(f"/proc/self/fd/{fd}/" + os.path.basename(path)))
        except OSError as e:
            said.append(errno.errorcode[e.errno])
        r = libc.syscall(429, fd, b"", AT_FDCWD, b"/mnt", 4)
        try:
            said.append(connect("/mnt/" + os.path.basename(path)) if not r else errno.errorcode[ctypes.get_errno()])
        except OSError as e:
            said.append(errno.errorcode[e.errno])
    return " ".join(said)


def second_netns(path):
    """unshare -Urn: no way but what is in it, and what is outside stays closed."""
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNET))
    return stream(path)


def setns(pid):
    said = []
    for kind in ("user", "net", "mnt", "pid"):
        try:
            fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
            check(libc.setns(fd, 0))
            said.append("entered " + kind)
        except OSError as e:
            said.append(errno.errorcode[e.errno])
    return " ".join(said)


def seen_pids():
    return " ".join(p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (os.getpid(), os.getppid()))


def look_at(pid):
    """What another process has: its root, files, memory, tracing, its descriptors."""
    said = []
    iov = struct.pack("QQ", ctypes.addressof(ctypes.create_string_buffer(8)), 8)
    there = struct.pack("QQ", 0x400000, 8)
    for what in (lambda: os.listdir(f"/proc/{pid}/root/"), lambda: os.listdir(f"/proc/{pid}/fd"),
                 lambda: open(f"/proc/{pid}/mem", "rb"), lambda: check(libc.ptrace(16, int(pid), 0, 0)),
                 lambda: check(libc.syscall(438, check(libc.syscall(434, int(pid), 0)), 0, 0)),
                 lambda: check(libc.process_vm_readv(int(pid), iov, 1, there, 1, 0))):
        try:
            what()
            said.append("done")
        except OSError as e:
            said.append(errno.errorcode[e.errno])
    return " ".join(said)


def kill_init():
    for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGINT):
        os.kill(1, s)
    import time
    time.sleep(0.2)
    return "alive"


def kill_guard(path):
    os.kill(2, signal.SIGKILL)
    import time
    time.sleep(0.2)
    return stream(path)


def typing():
    import fcntl
    import termios
    fcntl.ioctl(0, termios.TIOCSTI, b"x")
    return "typed"


def passed_fd(path):
    """Over the one socket that was left open a file of the outside can come: that is what leaving it open means. Over others not."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(3)
    s.connect(path)
    _, fds, _, _ = socket.recv_fds(s, 100, 1)
    return os.read(fds[0], 100).decode().strip() if fds else "none"


def listener(fd):
    s = socket.socket(fileno=int(fd))
    return str(s.getsockname())


def alg():
    s = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
    s.bind(("hash", "sha256"))
    op, _ = s.accept()
    op.sendall(b"abc")
    return op.recv(32).hex()[:8]


def swapped(path, other):
    """Another socket of the outside under the name of the one that was left open."""
    os.rename(path, path + ".old")
    try:
        os.link(other, path)
        return connect(path)
    finally:
        os.rename(path + ".old", path)


def by_init_root(path):
    """Init's root, which the guard could enter and the tree cannot."""
    return connect("/proc/1/root" + path)


def new_listener():
    """A seccomp listener of one's own, to hand out sockets: there can be one."""
    prog = struct.pack("HBBI", 6, 0, 0, 0x7fff0000)
    buf = ctypes.create_string_buffer(prog)
    fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(buf)))
    return "made " + str(check(libc.syscall(317, 1, 8, fprog)))


def interface(*command):
    r = subprocess.run(command, capture_output=True, text=True)
    return "done" if not r.returncode else "refused"


try:
    print(globals()[sys.argv[1]](*sys.argv[2:]))
except OSError as e:
    print(errno.errorcode[e.errno])
