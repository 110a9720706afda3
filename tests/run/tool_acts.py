# SPDX-License-Identifier: BSD-2-Clause
# What a tree does while a tool of others looks on (test-tools.sh): one known act, again and again. Says its process id first.
import os, signal, socket, subprocess, sys, time, ctypes

libc = ctypes.CDLL(None)
folder = os.environ["FOLDER"]


def opens():
    open("/etc/hostname").close()
    try:
        open("/nowhere-at-all")
    except OSError:
        pass


def stats():
    os.stat("/etc/hostname")
    try:
        os.stat("/nowhere-at-all")
    except OSError:
        pass


def runs():
    subprocess.run(["/bin/echo", "one", "two three"], stdout=subprocess.DEVNULL)


def ends():
    subprocess.run(["/bin/sh", "-c", "sleep 0.05; exit 7"])
    p = subprocess.Popen(["/bin/sleep", "9"])
    p.kill()
    p.wait()


def kills():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGUSR1)
    try:
        os.kill(1234567, signal.SIGUSR2)
    except OSError:
        pass


def mounts():
    libc.mount(b"none", b"/mnt", b"tmpfs", 0, b"size=1m")
    libc.umount2(b"/mnt", 0)


def sockets():
    for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        s = socket.socket(family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, 4711))
        s.listen(5)
        c = socket.socket(family)
        c.connect((address, 4711))
        s.accept()[0].close()
        c.close()
        s.close()


def knocks():
    """Connections that are refused, one of them by a socket that does not wait."""
    for blocking, port in (True, 4713), (False, 4714):
        c = socket.socket()
        c.setblocking(blocking)
        c.connect_ex(("127.0.0.1", port))
        c.close()


def lives():
    open(folder + "/short-lived", "w").close()
    time.sleep(0.3)
    os.unlink(folder + "/short-lived")


def transfers():
    f = os.open(folder + "/transferred", os.O_RDWR | os.O_CREAT)
    os.write(f, b"x" * 30 * 1024)
    os.pread(f, 20 * 1024, 0)
    os.fsync(f)
    os.close(f)
    os.mknod(folder + "/made")
    os.unlink(folder + "/made")


def calls():
    for _ in range(50):
        os.getpgid(0)


print(os.getpid(), flush=True)
while True:
    globals()[sys.argv[1]]()
    time.sleep(0.2)
