#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Calls on files, one after the other, in a folder of its own (argument 1): prints a line for each with what came of it: the errno, or what the file is like. The
lines are the same whoever makes the calls."""
import ctypes
import errno
import fcntl
import os
import pty
import resource
import signal
import stat
import struct
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 0x200, 0x400, 0x1000
OPEN, OPENAT, CREAT, OPENAT2, LINKAT, RENAMEAT2, MKNODAT, TRUNCATE, UNLINKAT = 2, 257, 85, 437, 265, 316, 259, 76, 263
NO_XDEV, NO_MAGICLINKS, NO_SYMLINKS, BENEATH, IN_ROOT = 1, 2, 4, 8, 16
top = os.path.abspath(sys.argv[1])
os.makedirs(top)
os.chdir(top)


def syscall(nr, *args):
    got = libc.syscall(nr, *[ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a.encode()) if isinstance(a, str) else a for a in args])
    if got < 0:
        raise OSError(ctypes.get_errno(), "")
    return got


def tell(what, call):
    try:
        got = call()
    except OSError as e:
        got = errno.errorcode.get(e.errno, e.errno)
    print(what, "=", got)


def of_fd(fd):
    """What an fd is, and closes it."""
    st = os.fstat(fd)
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    kind = stat.S_IFMT(st.st_mode)
    said = "%o uid %d size %d flags %o cloexec %d" % (st.st_mode, st.st_uid, st.st_size if kind == stat.S_IFREG else 0, flags & ~os.O_NOFOLLOW, fcntl.fcntl(fd, fcntl.F_GETFD))
    if kind == stat.S_IFREG:
        said += " at %d" % os.lseek(fd, 0, os.SEEK_CUR)
    os.close(fd)
    return said


def opens(what, path, flags, mode=0o666, dir=AT_FDCWD):
    tell("open " + what, lambda: of_fd(syscall(OPENAT, dir, path, flags, mode)))


def opens2(what, path, flags, resolve, mode=0, dir=AT_FDCWD, size=24, extra=b""):
    how = ctypes.create_string_buffer(struct.pack("QQQ", flags, mode, resolve) + extra)
    tell("openat2 " + what, lambda: of_fd(syscall(OPENAT2, dir, path, how, size)))


def path(name, text="text"):
    with open(name, "w") as f:
        f.write(text)
    return name


O = os
path("file"); os.mkdir("dir"); path("dir/inner"); os.symlink("file", "link"); os.symlink("nothing", "dangling"); os.symlink("dir", "dirlink")
os.symlink("loop", "loop"); os.symlink(top + "/dir/inner", "absolute"); os.symlink("../file", "dir/up"); os.symlink("dir/up", "chain")
path("closed"); os.chmod("closed", 0); path("readonly"); os.chmod("readonly", 0o444); os.mkdir("shut", 0o700); path("shut/x"); os.chmod("shut", 0)
os.mkdir("sticky"); os.chmod("sticky", 0o1777); path("sticky/mine"); os.mkfifo("fifo"); os.mkdir("setgid"); os.chmod("setgid", 0o2777)
for what, flags in {"rdonly": 0, "wronly": 1, "rdwr": 2, "3": 3, "append": O.O_WRONLY | O.O_APPEND, "trunc": O.O_WRONLY | O.O_TRUNC, "rdonly trunc": O.O_TRUNC, "creat": O.O_CREAT | O.O_WRONLY,
                    "creat excl": O.O_CREAT | O.O_EXCL | O.O_WRONLY, "excl": O.O_EXCL, "cloexec": O.O_CLOEXEC, "directory": O.O_DIRECTORY, "nofollow": O.O_NOFOLLOW, "path": O.O_PATH,
                    "path nofollow": O.O_PATH | O.O_NOFOLLOW, "nonblock": O.O_NONBLOCK, "sync": O.O_SYNC | 1, "noatime": O.O_NOATIME, "creat directory": O.O_CREAT | O.O_DIRECTORY,
                    "directory nofollow": O.O_DIRECTORY | O.O_NOFOLLOW, "tmpfile": O.O_TMPFILE | 2, "tmpfile rdonly": O.O_TMPFILE, "unknown": 0x40000000, "path write": O.O_PATH | 2}.items():
    for name in ["file", "dir", "link", "dangling", "dirlink", "loop", "absolute", "chain", "closed", "readonly", "nothing", "nothing/x", "file/x", "file/", "dir/", "nothing/", "dirlink/inner", "link/", "shut/x",
                 "shut/new", ".", "..", "", "dir/.", "dir/..", "dir/../file", "//" + top + "/file", "sticky/mine", "sticky/new", "/", "setgid/x", "n" * 255, "n" * 256, "p/" * 2048 + "x", "dir/" * 1023 + "x"]:
        opens("%s %s" % (what, name[:40]), name, flags)
        for made in ["nothing", "sticky/new", "setgid/x", "n" * 255]:
            if os.path.lexists(made) and not os.path.isdir(made):
                os.unlink(made)
        if what in ("trunc", "rdonly trunc") and name in ("file", "link"):
            path("file")
umask = os.umask(0o027)
for mode in 0o666, 0o777, 0o600, 0o4755, 0o2775, 0:
    opens("umask 027 mode %o" % mode, "new", O.O_CREAT | O.O_RDWR, mode)
    os.path.exists("new") and os.unlink("new")
    opens("setgid folder mode %o" % mode, "setgid/new", O.O_CREAT | O.O_RDWR, mode)
    os.path.exists("setgid/new") and os.unlink("setgid/new")
    opens("nameless mode %o" % mode, "dir", O.O_TMPFILE | O.O_RDWR, mode)
    tell("mkdir mode %o" % mode, lambda: (os.mkdir("newdir", mode), "%o" % os.stat("newdir").st_mode)[1])
    tell("rmdir", lambda: os.rmdir("newdir"))
os.umask(umask)
tell("creat", lambda: of_fd(syscall(CREAT, "made", 0o640)))
tell("old open", lambda: of_fd(syscall(OPEN, "made", 2, 0)))
tell("no memory", lambda: syscall(OPENAT, AT_FDCWD, 1, 0, 0))
# Where a path begins.
d = os.open("dir", O.O_RDONLY)
opens("in a folder", "inner", 0, dir=d)
opens("out of a folder", "../file", 0, dir=d)
opens("absolute, folder closed", top + "/file", 0, dir=999)
opens("folder that is none", "x", 0, dir=os.open("file", O.O_RDONLY))
opens("folder not open", "x", 0, dir=999)
dp = os.open("dir", O.O_PATH)
opens("in an O_PATH folder", "inner", 0, dir=dp)
opens("nothing of a folder", "", 0, dir=d)
os.fchdir(d)
opens("after fchdir", "inner", 0)
os.chdir(top)
os.mkdir("gone"); g = os.open("gone", O.O_RDONLY); os.rmdir("gone")
opens("in a folder that is gone", "x", O.O_CREAT | 1, dir=g)
opens("that is gone itself", ".", 0, dir=g)
# openat2.
for what, resolve in {"plain": 0, "no symlinks": NO_SYMLINKS, "no magic": NO_MAGICLINKS, "beneath": BENEATH, "in root": IN_ROOT, "no xdev": NO_XDEV, "unknown": 1 << 20}.items():
    for name in "file", "link", "absolute", "chain", "../file", "/file", "dir/../file", "dangling", "nothing", "dirlink/inner", "loop", "":
        opens2("%s %s" % (what, name), name, 0, resolve)
        opens2("creat %s %s" % (what, name), name, O.O_CREAT | 2, resolve, 0o600) if name != "dangling" and (name, what) != ("absolute", "in root") else None
        for made in "nothing", "../file", "/file":
            os.path.lexists(made) and os.unlink(made)
opens2("mode without creat", "file", 0, 0, mode=0o600)
opens2("short", "file", 0, 0, size=16)
opens2("long", "file", 0, 0, size=32, extra=b"\0" * 8)
opens2("too long", "file", 0, 0, size=32, extra=b"\1" * 8)
opens2("too large", "file", 0, 0, size=5000, extra=b"\0" * 5000)
opens2("unknown flags", "file", 1 << 40, 0)
# /proc and links of it.
f = os.open("file", O.O_RDONLY); os.read(f, 2)
r, w = os.pipe(); os.write(w, b"abc")
for name in "/proc/self/comm", "/proc/thread-self/comm", "/proc/%d/stat" % os.getpid(), "/proc/self/fd/%d" % f, "/dev/fd/%d" % f, "/proc/self/fd/999", "/dev/fd/999", "/proc/self/cwd/file", "/proc/self/root/etc/passwd", \
        "/proc/self/fd/%d/inner" % d, "/proc/self/nothing", "/proc/nothing", "/proc/self/fd", "/proc/self/../self/comm", "/proc/mounts", "/proc/net/dev", "/proc/1/environ", "/proc/2/mem", "/proc/2/fd/0", "/proc/1/root/etc/passwd", "/proc/self/mem", \
        "/proc/self/exe", "/proc/sys/kernel/ostype", "/proc/sys/kernel/hostname", "/proc/self/ns/user", "/proc/self/task", "/proc/self/fd/%d" % r, "/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/stdin", "/proc/sys/net/ipv4/ip_forward", \
        "/proc/self/oom_score_adj", "/proc/self/uid_map", "/sys/kernel/uevent_seqnum":
    for what, flags in {"read": 0, "write": 1, "creat": 1 | O.O_CREAT, "nofollow": O.O_NOFOLLOW, "path": O.O_PATH}.items():
        if not (what != "read" and name in ("/proc/self/exe",)):
            opens("%s %s" % (what, name.replace("/proc/%d/" % os.getpid(), "/proc/PID/")), name, flags | O.O_NONBLOCK)
tell("self is who", lambda: open("/proc/self/stat").read().split()[0] == str(os.getpid()))
tell("a thread's self", lambda: [t := [], (x := threading.Thread(target=lambda: t.append(open("/proc/thread-self/stat").read().split()[0] == str(threading.get_native_id())))).start(), x.join(), t[0]][-1])
tell("another's files", lambda: open("/proc/%d/status" % os.getppid()).readline()[:5])
os.symlink("/proc/self/fd/%d" % f, "tofd"); os.symlink("/proc/self", "toself")
opens("link to an fd", "tofd", 0)
opens("link to self", "toself/comm", 0)
opens("creat by an fd", "/proc/self/fd/%d" % f, O.O_CREAT | O.O_WRONLY)
opens("creat through a link of proc", "/proc/self/cwd/bycwd", O.O_CREAT | O.O_WRONLY)
opens("creat excl by an fd", "/proc/self/fd/%d" % f, O.O_CREAT | O.O_EXCL | O.O_WRONLY)
n = os.open("dir", O.O_TMPFILE | O.O_RDWR, 0o600); os.write(n, b"nameless")
tell("a nameless file gets a name", lambda: syscall(LINKAT, AT_FDCWD, "/proc/self/fd/%d" % n, AT_FDCWD, "named", AT_SYMLINK_FOLLOW))
tell("... and reads so", lambda: open("named").read())
tell("own offset", lambda: (os.lseek(os.open("/proc/self/fd/%d" % f, O.O_RDONLY), 0, 1), os.lseek(f, 0, 1)))
tell("appends", lambda: [a := os.open("file", O.O_WRONLY | O.O_APPEND), os.write(a, b"+"), os.lseek(a, 0, 1), open("file").read()][-1])
path("file")
# A FIFO and what waits for it.
def both_ends():
    got = []
    t = threading.Thread(target=lambda: got.append(of_fd(os.open("fifo", O.O_RDONLY)))); t.start()
    return of_fd(os.open("fifo", O.O_WRONLY)), t.join(), got[0]
tell("both ends of a fifo", both_ends)
opens("a fifo's writer", "fifo", O.O_WRONLY | O.O_NONBLOCK)
opens("a fifo's reader", "fifo", O.O_RDONLY | O.O_NONBLOCK)
# Names, each tried in folders that are made anew.
def at(nr, *args): return lambda: syscall(nr, *args)
def fresh(count=[0]):
    os.chdir(top)
    count[0] += 1
    os.mkdir("fresh%d" % count[0]); os.chdir("fresh%d" % count[0])
    path("file"); os.mkdir("dir"); path("dir/inner"); os.mkdir("empty"); os.symlink("file", "link"); os.symlink("nothing", "dangling"); os.symlink("dir", "dirlink"); os.mkdir("shut"); path("shut/x"); os.chmod("shut", 0)
def after(what, call):
    fresh()
    tell(what, call)
    here = sorted(os.listdir("."))
    here != ["dangling", "dir", "dirlink", "empty", "file", "link", "shut"] and print("   ", here)
for name in "file", "dir", "nothing", "link", "dangling", "dirlink", "dirlink/", "dir/", "file/", "nothing/", "nothing//", ".", "..", "dir/.", "dir/..", "empty", "empty/", "/", "//", "", "shut/x", "shut/new", "nothing/x", "file/x", "n" * 256, "/proc/version", "/proc/new", "/sys/new":
    short = name[:20]
    after("mkdir " + short, lambda: os.mkdir(name)); after("mknod " + short, lambda: os.mknod(name)); after("mkfifo " + short, lambda: os.mkfifo(name))
    after("symlink " + short, lambda: os.symlink("to", name)); after("device " + short, lambda: os.mknod(name, stat.S_IFCHR | 0o600, os.makedev(1, 3)))
    after("link " + short, lambda: os.link("file", name)); after("link from " + short, lambda: os.link(name, "newlink", follow_symlinks=False))
    after("link from followed " + short, at(LINKAT, AT_FDCWD, name, AT_FDCWD, "newlink2", AT_SYMLINK_FOLLOW))
    after("unlink " + short, lambda: os.unlink(name)); after("rmdir " + short, lambda: os.rmdir(name)); after("remove " + short, at(UNLINKAT, AT_FDCWD, name, AT_REMOVEDIR))
    name == "/proc/version" or after("truncate " + short, lambda: os.truncate(name, 3))
    for other in "other", "other/", "dir", "empty", "file", "link", "nothing/x", "dir/sub", ".", "", "/":
        for flags in 0, 1, 2, 3, 8:
            after("rename %s %s %d" % (short, other, flags), at(RENAMEAT2, AT_FDCWD, name, AT_FDCWD, other, flags))
os.chdir(top)
tell("unlink flags", at(UNLINKAT, AT_FDCWD, "file", 1))
tell("link flags", at(LINKAT, AT_FDCWD, "file", AT_FDCWD, "x", 1))
tell("mknod kind", at(MKNODAT, AT_FDCWD, "x", 0o170000, 0))
tell("mknod folder", at(MKNODAT, AT_FDCWD, "x", stat.S_IFDIR, 0))
tell("whiteout", at(MKNODAT, AT_FDCWD, "white", stat.S_IFCHR, 0))
tell("truncate negative", at(TRUNCATE, "file", -1))
tell("truncate longer", lambda: (os.truncate("file", 10000), os.stat("file").st_size)[1])
tell("truncate a link's", lambda: (os.truncate("link", 2), os.stat("file").st_size)[1])
tell("truncate readonly", lambda: os.truncate("readonly", 1)); tell("truncate a folder", lambda: os.truncate("dir", 0)); tell("truncate a fifo", lambda: os.truncate("fifo", 0))
tell("link to shared folder", lambda: os.link("file", "sticky/linked"))
tell("symlink that says nothing", lambda: os.symlink("", "empty")); tell("symlink long", lambda: os.symlink("x" * 4095, "longlink")); tell("symlink longer", lambda: os.symlink("x" * 4096, "longer"))
signal.signal(signal.SIGXFSZ, lambda *a: print("SIGXFSZ"))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
tell("truncate over the limit", lambda: os.truncate("file", 101)); tell("truncate at the limit", lambda: os.truncate("file", 100))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
tell("no number left", lambda: (resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard)), os.open("file", 0)))
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
# A terminal of its own.
def own_terminal():
    pid, m = pty.fork()
    if not pid:
        try:
            t = os.open("/dev/tty", os.O_RDWR)
            os.write(t, b"hello from tty\n")
        except OSError as e:
            print(errno.errorcode[e.errno])
        os._exit(0)
    got = b""
    try:
        while b"\n" not in got:
            got += os.read(m, 100)
    except OSError:
        pass
    os.waitpid(pid, 0)
    return got
tell("/dev/tty", own_terminal)
m, s = pty.openpty()
tell("a terminal by its name", lambda: of_fd(os.open(os.ttyname(s), os.O_RDWR | os.O_NOCTTY)))
# A mask, a folder and a table of files of a thread's own.
def alone():
    got = []
    def work():
        libc.unshare(0x200)
        os.umask(0o777); os.chdir("dir")
        got.append("%o" % os.stat(os.open("ofthread", os.O_CREAT | os.O_WRONLY)).st_mode)
        got.append(os.path.exists(top + "/dir/ofthread"))
    t = threading.Thread(target=work); t.start(); t.join()
    return got, of_fd(os.open("ofprocess", os.O_CREAT | os.O_WRONLY))
tell("a thread of its own", alone)
print(sorted(os.listdir(".")))
