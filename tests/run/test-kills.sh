#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# lsm/task_kill: which process gets which signal.
. "$(dirname "$0")/user.sh"

kill="$objects/run-kill.bpf.o"
cat >"$tmp/try.py" <<'PY'
import ctypes, errno, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
ALL = signal.valid_signals()
KILL, TKILL, TGKILL, QUEUE, TGQUEUE, BY_FD, OPEN = 62, 200, 234, 129, 297, 424, 434

def call(*args):
    if libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in args]) < 0: return errno.errorcode[ctypes.get_errno()]
    return "done"

def child(name, group=None):
    """A process of that name, which notes the signals that it gets. Return: its pid, and how to hear of them."""
    r, w = os.pipe()
    pid = os.fork()
    if pid: return pid, (os.close(w), r)[1]
    if group is not None: os.setpgid(0, group)
    open("/proc/self/comm", "w").write(name)
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
    os.write(w, b"\0")
    while True:
        info = signal.sigwaitinfo(ALL)
        os.write(w, f"{info.si_signo} {info.si_code} {info.si_pid}\n".encode())

def started(name, group=None):
    pid, r = child(name, group)
    os.read(r, 1)
    return pid, r

def heard(r):
    import select
    return os.read(r, 100).decode().strip() if select.select([r], [], [], 0.5)[0] else "nothing"

def short(r):
    """Which signal, and how it was sent."""
    return " ".join(heard(r).split()[:2])

what = sys.argv[1]
if what == "one":
    good, g = started("good"); bad, b = started("victim")
    print(call(KILL, good, 10), short(g)); print(call(KILL, bad, 10), call(KILL, bad, 12), heard(b))
    print(call(KILL, bad, 0), call(KILL, bad, 18), short(b))
    print(call(KILL, 99999, 10), call(KILL, good, 65), call(KILL, good, -1), call(KILL, -2**31, 10))
elif what == "threads":
    good, g = started("good"); bad, b = started("victim")
    print(call(TKILL, good, 10), short(g)); print(call(TGKILL, good, good, 12), short(g))
    print(call(TKILL, bad, 10), call(TGKILL, bad, bad, 10), heard(b)); print(call(TGKILL, good, bad, 10), call(TKILL, 0, 10), call(TGKILL, -1, good, 10))
elif what == "info":
    good, g = started("good"); bad, b = started("victim")
    info = (ctypes.c_int * 32)(0, 0, -1, 0, 4711, os.getuid(), 42)
    print(call(QUEUE, good, 10, info), heard(g)); print(call(TGQUEUE, good, good, 12, info), heard(g)); print(call(QUEUE, bad, 10, info), call(TGQUEUE, bad, bad, 10, info), heard(b))
    print(call(QUEUE, good, 10, ctypes.c_void_p(8)))
    info[2] = 0
    print(call(QUEUE, good, 10, info))
elif what == "by_fd":
    good, g = started("good"); bad, b = started("victim")
    print(call(BY_FD, os.pidfd_open(good), 10, 0, 0), short(g)); print(call(BY_FD, os.pidfd_open(bad), 10, 0, 0), heard(b)); print(call(BY_FD, 0, 10, 0, 0), call(BY_FD, os.pidfd_open(good), 10, 0, 64))
elif what == "group":
    lead, a = started("lead", 0); two, b = started("victim", lead); three, c = started("three", lead); other, d = started("other")
    print(call(KILL, -lead, 10), short(a), heard(b), short(c), heard(d))
    alone, e = started("victim", 0)
    print(call(KILL, -alone, 10), call(KILL, -99999, 10))
    os.setpgid(0, 0); mate, f = started("mate", os.getpid()); signal.signal(10, lambda *_: print("me")); print(call(KILL, 0, 10), short(f))
elif what == "self":
    got = []
    signal.signal(10, lambda *_: got.append(0))
    os.kill(os.getpid(), 10); signal.raise_signal(10); time.sleep(0.05)
    pid = os.fork()
    if not pid: os.abort()
    print(len(got), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    signal.pthread_sigmask(signal.SIG_BLOCK, [12]); os.kill(os.getpid(), 12); info = signal.sigwaitinfo([12]); print(info.si_pid == os.getpid(), info.si_code)
    open("/proc/self/comm", "w").write("victim")
    try: os.kill(os.getpid(), 12); print("done")
    except PermissionError: print("EPERM")
elif what == "race":
    """An fd of a process that may be signalled becomes that of one that may not, again and again."""
    end, tries, stop = time.time() + float(sys.argv[2]), 0, False
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        signal.signal(10, lambda *_: os._exit(1))
        open("/proc/self/comm", "w").write("victim")
        os.write(w, b"x")
        time.sleep(120)
        os._exit(0)
    os.read(r, 1)
    fd = os.pidfd_open(pid)
    good, g = started("good")
    goodfd = os.pidfd_open(good)
    os.dup2(goodfd, 200)
    def swap():
        while not stop:
            os.dup2(fd, 200); os.dup2(goodfd, 200)
    import threading
    t = threading.Thread(target=swap)
    t.start()
    while time.time() < end:
        tries += 1
        call(BY_FD, 200, 10, 0, 0)
    stop = True; t.join()
    got, status = os.waitpid(pid, os.WNOHANG)
    os.kill(good, 9)
    print("some" if tries > 100 else tries, "survived" if not got else "hit")
PY
sends() { # WHAT LINES
	local want=$2
	exits 0 -q "$kill" -- python3 "$tmp/try.py" $1 && prints "$want"
}
ok "kill: who may not be signalled is not, with the program's errno; 0 and SIGCONT are its to allow" sends one "$(printf '%s\n' 'done 10 0' 'EACCES EPERM nothing' 'done done 18 0' 'ESRCH EINVAL EINVAL ESRCH')"
ok "... nor one of its threads" sends threads "$(printf '%s\n' 'done 10 0' 'done 12 0' 'EACCES EACCES nothing' 'ESRCH EINVAL EINVAL')"
ok "... nor by a signal that carries a value, which arrives with it where it may; nobody's name is forged" sends info "$(printf '%s\n' 'done 10 -1 4711' 'done 12 -1 4711' 'EACCES EACCES nothing' EFAULT EPERM)"
ok "... nor by an fd" sends by_fd "$(printf '%s\n' 'done 10 0' 'EACCES nothing' 'EBADF EINVAL')"
ok "a group: each of it is asked about, and only those who may get it" sends group "$(printf '%s\n' 'done 10 0 nothing 10 0 nothing' 'EACCES ESRCH' me 'done 10 0')"
ok "what a process sends to itself is its own, abort included, once it may" sends self "$(printf '%s\n' '2 -6' 'True 0' EPERM)"
told() {
	exits 0 "$kill" -- sh -c 'sleep 5 & kill -TERM $!; wait $!; echo $?' && prints 143 && complains 'signal 15 code 0' && complains 'to [0-9]+ (sleep|sh) from 3'
}
ok "the program sees the signal, its receiver, and the task as its sender" told
flips() { exits 0 -q "$kill" -- python3 "$tmp/try.py" race "${FLIP:-10}" && prints "some survived"; }
ok "an fd that changes between one who may and one who may not: not one signal" flips
shell() { exits 0 -q "$kill" -- bash -c 'set -m; sleep 30 & kill %1; wait %1; echo $?; timeout -k 1 0.2 sleep 9; echo $?' && prints "$(printf '143\n124')"; }
ok "job control and timeout work under a program that says yes" shell
tap_end
