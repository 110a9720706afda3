#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Ways out of skep run --net=calls (net_attacks.c), on a network with an outside that hears all that leaves, and a program on the loopback that nobody may
# reach. Also under a profile that forbids namespaces and pidfd_getfd (SKEP_UNDER=docker-profile).
SKEP_NET=calls
if [ "$(id -u)" != 0 ] && [ -z "${SKEP_OUTSIDE:-}" ]; then
	SKEP_OUTSIDE=$(mktemp -d) SKEP_OUTSIDE_UID=$(id -u) SKEP_OUTSIDE_GID=$(id -g)
	export SKEP_OUTSIDE SKEP_OUTSIDE_UID SKEP_OUTSIDE_GID
	trap 'rm -rf "$SKEP_OUTSIDE"' EXIT
	unshare -Urnm bash -c 'ip link set lo up && unshare -n sh -c "echo \$\$; exec sleep 170 >/dev/null" >"$SKEP_OUTSIDE/pid" & sleeper=$!
		until [ -s "$SKEP_OUTSIDE/pid" ] || ! kill -0 $sleeper; do sleep 0.05; done
		there=$(cat "$SKEP_OUTSIDE/pid")
		ip link add out0 type veth peer name in0 netns "$there" && ip link set out0 up && ip addr add 203.0.113.1/24 dev out0 && ip addr add fe80::1/64 dev out0 nodad &&
			ip route add default via 203.0.113.2 && nsenter -n -t "$there" sh -c "ip link set in0 address 02:00:00:00:00:02 && ip link set in0 up" &&
			ip neigh replace 203.0.113.2 lladdr 02:00:00:00:00:02 dev out0 && ip -o link show out0 | cut -d: -f1 >"$SKEP_OUTSIDE/index" || { echo "ok 1 - attacks # SKIP no network of its own here"; echo 1..1; kill $sleeper; exit; }
		nsenter -n -t "$there" python3 "$(dirname "$0")/outside.py" sniff "$SKEP_OUTSIDE/log" & sniffer=$!
		unshare -U --map-user="$SKEP_OUTSIDE_UID" --map-group="$SKEP_OUTSIDE_GID" bash "$0" "$@"
		got=$?
		kill $sniffer $sleeper "$there" 2>/dev/null
		exit $got' "$0" "$@"
	exit
fi
. "$(dirname "$0")/user.sh"
cd "$HOME" || exit 1
if ! cc -O1 -pthread -o net-attacks "$source/tests/run/net_attacks.c" 2>"$tmp/why"; then
	skip "attacks" "no C compiler: $(head -1 "$tmp/why")"
	tap_end
	exit
fi
port=$((30000 + $$ % 20000))
python3 "$source/tests/run/outside.py" listen "$tmp/heard" "$port" &
servers="$servers $!"
until [ -e "$tmp/heard.ready" ] && [ -e "$SKEP_OUTSIDE/log.ready" ]; do sleep 0.05; done
index=$(cat "$SKEP_OUTSIDE/index")
heard() {
	sleep 0.2
	if [ -s "$SKEP_OUTSIDE/log" ] || [ -s "$tmp/heard" ]; then
		echo "it was heard:"
		head -3 "$SKEP_OUTSIDE/log" "$tmp/heard"
		cat "$tmp/out"
		: >"$SKEP_OUTSIDE/log"
		: >"$tmp/heard"
		return 0
	fi
	return 1
}
# attack WAYS...: nobody hears of it.
attack() {
	run -q --allow nothing.test -- ./net-attacks 203.0.113.2 "$index" "$port" "$@" || { cat "$tmp/out" "$tmp/err"; return 1; }
	[ "$(wc -l <"$tmp/out")" -gt 0 ] && ! heard
}
all_refused() { if grep ' done' "$tmp/out"; then return 1; fi; }
on_loopback() { grep -qE "^$1 1" "$tmp/out" && ! grep -E "^$1 " "$tmp/out" | grep -v ' 1$'; }

# Without skep it goes out, by each of these ways, and is heard.
goes_out() {
	# A race is won when the machine lets it be: sooner or later.
	for _ in 1 2 3 4 5; do
		RACE_SECONDS=1 ./net-attacks 203.0.113.2 "$index" "$port" "$1" >"$tmp/out"
		heard >/dev/null && return
	done
	return 1
}
for way in unspec info disconnect flight listens races siblings addrform; do ok "without skep it is heard: $way" goes_out $way; done

ok "an address without a family" attack unspec
ok "a message that names an interface (IP_PKTINFO)" attack info
disconnected() { attack disconnect && on_loopback disconnected; }
ok "a socket that is disconnected stays on the loopback" disconnected
binds() { attack binds && on_loopback bound; }
ok "... one that is bound to an address of another interface" binds
ok "a socket that is on its way between two processes for seconds" attack flight
ok "... one that somebody has tried to listen on" attack listens
races() { attack races && on_loopback bound; }
ok "another socket under the number at every moment of a send, of a bind" races
ok "... by a process that shares the open files" attack siblings
ok "an IPv6 socket that becomes one of IPv4" attack addrform
kinds() { attack kinds && all_refused; }
ok "other kinds of sockets: raw, packet, ping, MPTCP, SMC, SCTP, DCCP, UDP-Lite, L2TP, vsock, TIPC, RDS, KCM, XDP" kinds
options() { attack options && all_refused; }
ok "options: other devices, TCP Fast Open, MSG_ZEROCOPY, source routes, groups" options
other_calls() { attack calls && on_loopback bound && ! grep -v '^socket-32\|^bound' "$tmp/out" | grep ' done' && grep -q '^connect-32 ECONNREFUSED' "$tmp/out" && grep -q '^socketcall ENOSYS' "$tmp/out" && grep -q '^x32-connect ENOSYS' "$tmp/out" && grep -q '^io_uring ENOSYS' "$tmp/out"; }
[ "$(uname -m)" = x86_64 ] && ok "32-bit and x32 calls, socketcall, io_uring" other_calls
route() { attack route && all_refused; }
ok "a route of its own" route
lengths() {
	attack lengths && cp "$tmp/out" with && ./net-attacks 203.0.113.2 "$index" "$port" lengths >without && diff without with
}
ok "lengths, parts and pointers that are none end as without skep" lengths

processes() {
	python3 -c 'import socket, sys, time
s = [socket.socket() for i in range(4)]
print("up", flush=True); time.sleep(60)' >"$tmp/up" &
	local pid=$! said
	until grep -q up "$tmp/up"; do sleep 0.05; done
	attack "process=$pid" && all_refused
	said=$?
	kill $pid
	return $said
}
ok "an outside process of the same user: memory, files, sockets, signals" processes
supervisor() {
	run -q -- sh -c './net-attacks 203.0.113.2 1 1 process=$PPID; ./net-attacks 203.0.113.2 1 1 process=$(awk "{print \$4}" "/proc/$PPID/stat")' && [ "$(grep -c attach "$tmp/out")" = 2 ] && all_refused
}
ok "skep itself, and the tree's init" supervisor

# Sockets that come in. TCP's that is connected is the caller's choice, and no other.
inherited() {
	python3 -c 'import os, socket, sys
family, kind = getattr(socket, sys.argv[1]), getattr(socket, sys.argv[2])
s = socket.socket(family, kind); os.dup2(s.fileno(), 0, inheritable=True); os.execvp(sys.argv[3], sys.argv[3:])' "$1" "$2" timeout 60 $under "$skep" run $other_ways -q -- true 2>"$tmp/err"
	[ $? = 126 ] && complains 'could be led anywhere|Unix datagram socket'
}
ok "a UDP socket as stdin is refused at start" inherited AF_INET SOCK_DGRAM
ok "... a TCP socket that is not connected" inherited AF_INET6 SOCK_STREAM
connected() {
	python3 -c 'import os, socket, sys
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
s = socket.create_connection(l.getsockname()); c, _ = l.accept(); os.dup2(s.fileno(), 0, inheritable=True); os.set_inheritable(c.fileno(), True); os.execvp(sys.argv[1], sys.argv[1:])' \
		timeout 60 $under "$skep" run $other_ways -q -- ./net-attacks 203.0.113.2 "$index" "$port" foreign >"$tmp/out" 2>"$tmp/err" || return 1
	# Where its copy cannot be taken it cannot be disconnected.
	{ on_loopback foreign || grep -q '^listen EINVAL' "$tmp/out"; } && ! heard
}
ok "... one that is connected stays so, or goes to the loopback" connected
passed_in() {
	: >"$tmp/out"
	run -q -- python3 -c 'import os, socket, subprocess, sys
l = socket.socket(socket.AF_UNIX); l.bind("passing"); l.listen(); print("up", flush=True)
c, _ = l.accept(); fd = socket.recv_fds(c, 1, 1)[1][0]
subprocess.run(sys.argv[1:], stdin=fd)' ./net-attacks 203.0.113.2 "$index" "$port" foreign &
	local pid=$!
	until grep -qs up "$tmp/out"; do kill -0 $pid || return 1; sleep 0.05; done
	python3 -c 'import socket, sys
u = socket.socket(socket.AF_UNIX); u.connect("passing"); s = socket.socket(socket.AF_INET, getattr(socket, sys.argv[1])); socket.send_fds(u, [b"x"], [s.fileno()]); u.recv(1)' "$1"
	wait $pid
	rm -f passing
	# Where its copy cannot be taken it is not bound, and not connected.
	! heard && { on_loopback foreign || grep -q '^connect EISCONN' "$tmp/out"; }
}
ok "a TCP socket that a program outside passes in" passed_in SOCK_STREAM
ok "... a UDP socket" passed_in SOCK_DGRAM
kept() {
	run -q --loopback "$http" --loopback "$udp" -- python3 -c 'import os, socket, sys
t, u = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for s in t, u: s.set_inheritable(True)
if os.fork() == 0: os._exit(0)
os.wait()
os.execvp("python3", ["python3", "-c", """import socket, sys
t, u = (socket.socket(fileno=int(n)) for n in sys.argv[1:3])
t.connect(("127.0.0.1", int(sys.argv[3]))); t.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); print(t.makefile("rb").read().split()[-1])
u.settimeout(5); u.sendto(b"x", ("127.0.0.1", int(sys.argv[4]))); print(u.recvfrom(9)[1] == ("127.0.0.1", int(sys.argv[4])))""", str(t.fileno()), str(u.fileno()), *sys.argv[1:]])' "$http" "$udp"
	says "b'hello'" && says True
}
ok "sockets that go over fork and exec work" kept
tap_end
