#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep run --net=calls: what holds without namespaces, also under a profile that forbids them (SKEP_UNDER=docker-profile).
SKEP_NET=calls
. "$(dirname "$0")/user.sh"
cd "$HOME" || exit 1

if cc -O2 -w -pthread -o "$tmp/race" "$source/tests/run/net_race.c" 2>/dev/null; then
	cat >"$tmp/listen.py" <<'PY'
import select, socket, sys
names, n = {}, {}
for what in "open", "closed":
    port = None
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        s = socket.socket(socket.AF_INET, kind); s.bind(("127.0.0.1", port or 0)); port = s.getsockname()[1]
        if kind == socket.SOCK_STREAM: s.listen(100)
        names[s] = what; n[what] = 0
    print(port, file=open(sys.argv[1] + "/" + what, "w"), flush=True)
open(sys.argv[1] + "/listens", "w").close()
import os
while not os.path.exists(sys.argv[1] + "/stop"):
    for s in select.select(list(names), [], [], 0.2)[0]:
        n[names[s]] += 1
        if s.type == socket.SOCK_DGRAM: s.recv(100)
        else:
            c, _ = s.accept(); c.settimeout(1)
            try: c.recv(100); c.send(b"x")
            except OSError: pass
            c.close()
print(n["open"] > 20, n["closed"], flush=True)
PY
	races() {
		python3 "$tmp/listen.py" "$tmp" >"$tmp/seen" &
		local pid=$!
		until [ -e "$tmp/listens" ]; do sleep 0.05; done
		exits 0 -q --allow "host:$(cat "$tmp/open")" -- "$tmp/race" "$(cat "$tmp/open")" "$(cat "$tmp/closed")" 4
		touch "$tmp/stop"
		wait $pid
		[ "$(cat "$tmp/seen")" = "True 0" ] || { cat "$tmp/seen"; return 1; }
	}
	ok "flipping the address, and the file by dup2, while the policy denies one of the two: not one success" races
else
	skip "races" "no C compiler"
fi

orphans() {
	run -q -- sh -c "setsid sh -c '(trap \"\" TERM HUP; sleep 4721.$$) & sleep 4722.$$' & sleep 0.2; exit 0"
	! pgrep -f "sleep 472[12].$$"
}
ok "no process of the tree outlives the command, whoever its parent is" orphans
# start COMMAND...: in the background, until it says "up"; $pid
start() {
	$under "$skep" run $other_ways -q -- "$@" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	for _ in $(seq 200); do grep -q up "$tmp/out" && return; sleep 0.05; done
	return 1
}
gone() { for _ in $(seq 60); do pgrep -f "$1" >/dev/null || return 0; sleep 0.05; done; pgrep -af "$1"; return 1; }
supervisor() {
	for _ in $(seq 20); do
		start sh -c "setsid sh -c 'sleep 4723.$$ & sleep 4723.$$ &'; echo up; exec sleep 4723.$$" || return 1
		kill -KILL $pid
		wait $pid 2>/dev/null
		gone "sleep 4723.$$" || return 1
	done
}
ok "when skep is killed all of the tree is, daemons too" supervisor
cat >"$tmp/alone.py" <<'PY'
import errno, os, socket, sys, time
if os.fork(): print("up", flush=True); time.sleep(60)
os.setsid()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); t = socket.socket(); n = socket.socket(socket.AF_UNIX)
while True:
    try: socket.socket().close()
    except OSError as e: break
    time.sleep(0.01)
said = []
for what in (lambda: socket.socket(), lambda: u.sendto(b"x", ("127.0.0.1", 9)), lambda: u.sendmsg([b"x"], [], 0, ("127.0.0.1", 9)), lambda: t.connect(("127.0.0.1", 9)), lambda: t.bind(("127.0.0.1", 0)), lambda: u.connect(("127.0.0.1", 9)), lambda: n.connect("/dev/log")):
    try: what(); said.append("done")
    except OSError as e: said.append(errno.errorcode[e.errno])
open(sys.argv[1] + ".new", "w").write(" ".join(sorted(set(said))) + "\n"); os.rename(sys.argv[1] + ".new", sys.argv[1])
PY
alone() {
	local init
	start python3 "$tmp/alone.py" "$tmp/said" || return 1
	init=$(pgrep -P $pid -x skep-init)
	kill -STOP $pid
	kill -KILL "$init"
	kill -KILL $pid
	wait $pid 2>/dev/null
	for _ in $(seq 100); do [ -e "$tmp/said" ] && break; sleep 0.05; done
	gone "$tmp/alone.py" && [ "$(cat "$tmp/said")" = ENOSYS ]
}
# By ptrace the kernel ends it (PTRACE_O_EXITKILL).
[ "${SKEP_BY:-}" = ptrace ] || ok "... and when its init is killed with it, what goes on goes on without these calls" alone

unix_sockets() {
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
a = socket.socket(socket.AF_UNIX); a.bind("\0skep-test-" + sys.argv[2]); a.listen()
print("up", flush=True); time.sleep(30)' "$tmp/outside" "$$" >"$tmp/up" &
	local pid=$!
	until grep -q up "$tmp/up"; do sleep 0.05; done
	exits 0 -q -- python3 -c 'import errno, os, socket, sys
def tried(name):
    s = socket.socket(socket.AF_UNIX)
    try: s.connect(name); return "connected"
    except OSError as e: return errno.errorcode[e.errno]
print(tried(sys.argv[1]), tried("\0skep-test-" + sys.argv[2]))
os.chdir(os.environ["HOME"])
for name in "own", "\0own-" + sys.argv[2]:
    l = socket.socket(socket.AF_UNIX); l.bind(name); l.listen()
    print(tried(name), l.getsockname() == (name if name[0] != "\0" else name.encode()))
    l.close()
a, b = socket.socketpair(); r, w = os.pipe()
socket.send_fds(a, [b"x"], [w]); os.write(socket.recv_fds(b, 1, 1)[1][0], b"passed"); print(os.read(r, 9))' "$tmp/outside" "$$"
	kill $pid
	prints "$(printf "EACCES ECONNREFUSED\nconnected True\nconnected True\nb'passed'")"
}
ok "Unix sockets of the outside are not reached, by path or name; the tree's own are; files are passed" unix_sockets

nobody() {
	sleep 30 &
	local pid=$!
	exits 0 -q -- python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True); pid = int(sys.argv[1])
print(libc.ptrace(16, pid, 0, 0) < 0)
try: open("/proc/%d/mem" % pid, "rb"); print("open")
except OSError: print("closed")' "$pid"
	kill $pid && prints "$(printf 'True\nclosed')"
}
ok "other processes of the user are neither traced nor read" nobody

refused() {
	exits 0 -q -- python3 -c 'import errno, socket
for a in ((socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, 0), (socket.AF_INET, socket.SOCK_DGRAM, 1), (socket.AF_INET, socket.SOCK_STREAM, 262), (40, socket.SOCK_STREAM, 0)):
    try: socket.socket(*a); print("made")
    except OSError as e: print(errno.errorcode[e.errno])
s = socket.socket()
for level, option, value in ((socket.SOL_SOCKET, 25, b""), (socket.IPPROTO_TCP, 30, 1)):
    try: s.setsockopt(level, option, value); print("set")
    except OSError as e: print(errno.errorcode[e.errno])
try: s.sendto(b"x", 0x20000000, ("127.0.0.1", 80)); print("sent")
except OSError as e: print(errno.errorcode[e.errno])'
	sed -i '2s/EPERM/EAFNOSUPPORT/' "$tmp/out"
	prints "$(printf '%s\n' EPERM EAFNOSUPPORT EACCES EPROTONOSUPPORT EAFNOSUPPORT EPERM ENOTSUP ENOTSUP)"
}
ok "raw, packet and ping sockets, MPTCP, vsock, another device, TCP Fast Open" refused

progress() {
	exits 0 -q --loopback "$http" -- python3 -c 'import errno, select, socket, sys
port = int(sys.argv[1])
for family, name in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1"):
    s = socket.socket(family); s.setblocking(False)
    print(errno.errorcode[s.connect_ex((name, port))], bool(select.select([], [s], [], 3)[1]), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getpeername()[:2] == (name, port))
    s.setblocking(True); s.sendall(b"GET / HTTP/1.0\r\n\r\n"); print(s.makefile("rb").read().split()[-1])
s = socket.socket(); print(errno.errorcode[s.connect_ex(("127.0.0.1", 1))], s.connect_ex(("127.0.0.1", port)))' "$http"
	prints "$(printf "EINPROGRESS True 0 True\nb'hello'\nEINPROGRESS True 0 True\nb'hello'\nECONNREFUSED 0")"
}
ok "a connect that does not wait, IPv4 in IPv6, a second connect after one that failed" progress
own() {
	exits 0 -q -- python3 -c 'import socket, threading
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
def serve():
    c, _ = l.accept(); c.sendall(c.recv(10)); c.close()
threading.Thread(target=serve).start()
s = socket.create_connection(l.getsockname()); s.sendall(b"to myself"); print(s.recv(20))' && prints "b'to myself'"
}
ok "a listener of the tree's own" own
rebinds() { exits 0 -q -- python3 "$source/tests/run/rebind.py" && prints 0; }
ok "a port is free again as soon as its socket is closed" rebinds
tap_end
