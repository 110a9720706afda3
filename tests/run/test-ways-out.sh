#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Nothing but the interface leads out of a tree (test-ways-out-root.sh: nor of one that root started). Peers outside wait for whoever comes (peers.py); inside somebody tries (escape.py).
. "$(dirname "$0")/user.sh"

far=$(mktemp -d) # where sockets of the outside are, on the same file system as what the tree writes
runtime=$tmp/runtime
mkdir -m 700 "$runtime" "$runtime/systemd"
export XDG_RUNTIME_DIR=$runtime DBUS_SESSION_BUS_ADDRESS=unix:path=$runtime/bus SSH_AUTH_SOCK=$far/agent DOCKER_HOST=unix://$far/docker.sock
python3 "$source/tests/run/peers.py" "$tmp/came" "$tmp/up" "stream:$far/stream" "seqpacket:$far/seqpacket" "dgram:$far/dgram" \
	"stream:@skep-test-$$" "stream:$runtime/bus" "stream:$runtime/systemd/private" "stream:$far/agent" "stream:$far/docker.sock" &
peers=$!
(python3 "$source/tests/run/peers.py" "$tmp/came" "$tmp/up-vsock" vsock:$((20000 + $$)) 2>/dev/null) &
vsock=$!
trap 'kill $servers $peers $vsock 2>/dev/null; wait $servers $peers $vsock 2>/dev/null; rm -rf "$tmp" "$far"' EXIT
: >"$tmp/came"
for _ in $(seq 100); do [ -e "$tmp/up" ] && break; sleep 0.05; done

# gets WANT ATTEMPT [ARGUMENT...]: an attempt inside, with $options of skep run, prints something that matches; nobody outside has seen it.
options=()
gets() {
	local want=$1
	shift
	: >"$tmp/came"
	run -q "${options[@]}" -- python3 "$source/tests/run/escape.py" "$@"
	grep -qxE -- "$want" "$tmp/out" || { echo "$*: not '$want' but:"; cat "$tmp/out" "$tmp/err"; return 1; }
	[ "${options[0]}" = --allow ] || [ ! -s "$tmp/came" ] || { echo "outside:"; cat "$tmp/came"; return 1; }
}
outside() { python3 "$source/tests/run/escape.py" "$@"; } # the same attempt without skep: that it would work is what makes the test one
works() { [ "$(outside "${@:2}")" = "$1" ] || { outside "${@:2}"; return 1; }; }

ok "outside a tree the socket answers" works outside stream "$far/stream"
ok "a stream socket" gets ECONNREFUSED stream "$far/stream"
ok "a seqpacket socket" gets ECONNREFUSED seqpacket "$far/seqpacket"
ok "outside a tree a datagram arrives" works sent dgram_pair "$far/dgram"
ok "a datagram socket" gets EPROTONOSUPPORT dgram "$far/dgram"
ok "... of a pair" gets EPROTONOSUPPORT dgram_pair "$far/dgram"
ok "... as SOCK_RAW, which is the same" gets EPROTONOSUPPORT family 1 3
ok "an abstract socket" gets ECONNREFUSED stream "@skep-test-$$"
for way in relative by_link by_hard_link by_fd by_own_fd thread; do
	ok "a socket reached otherwise: $way" gets 'EACCES|EXDEV|EPERM|ENOENT|ECONNREFUSED|ELOOP' $way "$far/stream"
done
ok "the D-Bus of the session (DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR)" gets 'ECONNREFUSED|ENOENT' stream "$runtime/bus"
ok "systemd --user's own socket" gets 'ECONNREFUSED|ENOENT' stream "$runtime/systemd/private"
ok "an ssh agent (SSH_AUTH_SOCK)" gets 'ECONNREFUSED|ENOENT' stream "$far/agent"
ok "docker.sock (DOCKER_HOST)" gets 'ECONNREFUSED|ENOENT' stream "$far/docker.sock"

later() { # ATTEMPT [OPTION...]: the socket comes into being while the tree runs
	: >"$tmp/came"
	timeout 60 "$skep" run $other_ways -q "${@:2}" -- sh -c "touch '$tmp/runs'; until [ -e '$tmp/up-later' ]; do sleep 0.02; done; exec python3 '$source/tests/run/escape.py' $1 '$far/later'" >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	until [ -e "$tmp/runs" ]; do kill -0 $pid || return 1; sleep 0.02; done
	python3 "$source/tests/run/peers.py" "$tmp/came" "$tmp/up-later" "stream:$far/later" &
	local peer=$!
	wait $pid
	kill $peer
	wait $peer 2>/dev/null
	rm -f "$tmp/runs" "$tmp/up-later" "$far/later"
}
through_init() { later by_init_root && says "^(ELOOP|EACCES)$" && [ ! -s "$tmp/came" ]; }
came_later() { later "$1" && prints EACCES && [ ! -s "$tmp/came" ]; }
ok "a socket that comes into being while the tree runs" came_later stream
ok "... through init's root, which the guard could enter" through_init
ok "... from another thread" came_later thread
ok "... by a hard link of it" came_later by_hard_link
ok "... by its fd" came_later by_fd
ok "... under a name that was a socket's of the tree" came_later rebound
ok "... from a network namespace of one's own" came_later second_netns
seized() { later seize && prints EACCES && [ ! -s "$tmp/came" ]; }
ok "... in the name of one that is being bound" seized
raced() { later race && prints "inside and refused" && [ ! -s "$tmp/came" ] || { cat "$tmp/out" "$tmp/err" "$tmp/came"; return 1; }; }
ok "... while address and fd change under the call" raced
[ "$(uname -m)" = x86_64 ] && ok "... by connect(2) of 32-bit programs" came_later old_connect
without_guard() { later kill_guard && prints ENOSYS && [ ! -s "$tmp/came" ]; }
ok "... after the guard was killed: nobody connects any more" without_guard
named() { later stream --allow "unix:$far/later" && prints EACCES && [ ! -s "$tmp/came" ]; }
ok "... under a name of --allow unix:, of which nobody knows who made it" named
ok "sockets of the tree's own are reached, by any name" gets ownTrueTrue inside_stream

options=(--allow "unix:$far/stream")
ok "--allow unix:PATH opens that one" gets outside stream "$far/stream"
other_name() { later "swapped $far/stream" --allow "unix:$far/stream" && prints EACCES && [ ! -s "$tmp/came" ]; }
ok "... not another one that gets its name" other_name
ok "... and no other" gets ECONNREFUSED seqpacket "$far/seqpacket"
options=()
if command -v tmux >/dev/null; then
	(unset TMUX; tmux -S "$far/tmux" new-session -d 'sleep 60') 2>/dev/null
	multiplexer() { run -q -- tmux -S "$far/tmux" new-window "touch $tmp/escaped"; sleep 0.3; [ ! -e "$tmp/escaped" ]; }
	ok "a tmux server outside runs nothing for the tree" multiplexer
	tmux -S "$far/tmux" kill-server 2>/dev/null
fi
[ -e "$tmp/up-vsock" ] && ok "vsock to the machine itself" gets EAFNOSUPPORT vsock $((20000 + $$))
for number in 40 21 30 38000 42 44 29 31 33 45; do # VSOCK RDS TIPC (none) QIPCRTR XDP CAN BLUETOOTH RXRPC
	case $number in 38000) want='EAFNOSUPPORT' ;; *) want=EAFNOSUPPORT ;; esac
	ok "no socket of family $number" gets $want family $number 2
done
ok "an inherited listening socket is closed" sh -c '
	python3 -c "
import socket, os, subprocess, sys
s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen(); os.dup2(s.fileno(), 9)
sys.exit(subprocess.run([\"$1\", \"run\", \"-q\", \"--\", \"python3\", \"$2\", \"listener\", \"9\"], pass_fds=[9], stdout=open(\"$3\", \"w\")).returncode)"
	grep -qx EBADF "$3"' sh "$skep" "$source/tests/run/escape.py" "$tmp/out"
datagram_stdin() {
	python3 -c '
import socket, subprocess, sys
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
sys.exit(subprocess.run([sys.argv[1], "run", "-q", "--", "true"], stdin=a).returncode)' "$skep" 2>"$tmp/err"
	[ $? = 126 ] && grep -q "datagram" "$tmp/err"
}
ok "stdin that is a datagram socket is refused" datagram_stdin

ok "raw sockets" gets EPERM family 2 3 255
ok "packet sockets" gets EPERM raw_packet
for proto in 132 33; do # SCTP, DCCP
	ok "a stream of protocol $proto" gets 'EPROTONOSUPPORT|ESOCKTNOSUPPORT|EPERM' family 2 1 $proto
done
ok "AF_ALG stays" gets 'ba7816bf|ENOENT|EAFNOSUPPORT|EADDRNOTAVAIL' alg
ok "io_uring" gets ENOSYS call 425 1 0
for number in 248 249 250; do ok "the kernel's keys, call $number" gets ENOSYS call $number 0 0 0 0; done
ok "a seccomp listener of one's own" gets EBUSY new_listener
if [ "$(uname -m)" = x86_64 ]; then
	ok "socketcall(2) of 32-bit programs" gets ENOSYS old_call 102 1 0
	ok "socket(2) of 32-bit programs: vsock" gets EAFNOSUPPORT old_call 359 40 1
	ok "socket(2) of 32-bit programs: datagrams" gets EPROTONOSUPPORT old_call 359 1 2
	ok "x32 calls" gets ENOSYS call $((0x40000000 + 41)) 40 1 0
fi
ok "only the tree's processes are to be seen" gets 2 seen_pids
for pid in 1 2; do
	ok "PID $pid cannot be looked into, traced, robbed" gets 'EACCES (EACCES|done) EACCES EPERM EPERM EPERM' look_at $pid
	ok "its namespaces cannot be entered" gets 'EACCES EACCES EACCES EACCES' setns $pid
done
ok "init cannot be killed or stopped" gets alive kill_init
ok "covers cannot be taken away, in a namespace of one's own" gets '(EINVAL|EPERM|EBUSY|EACCES|done|ECONNREFUSED|ENOENT|ENOTDIR| )*' uncover "$far/stream"
ok "... nor by open_tree and move_mount" gets '(EINVAL|EPERM|EACCES|ECONNREFUSED|ENOENT|EBUSY| )*' clone_tree "$far/stream"
ok "the interface cannot be changed" gets refused interface ip link set eth0 down
ok "... nor in a user namespace of one's own" gets refused interface unshare -Ur ip link set eth0 down
ok "routes cannot be added" gets refused interface unshare -Ur ip route add 192.0.2.0/24 dev lo
[ -n "${as_root:-}" ] || ok "nothing can be mounted without a namespace of one's own" gets refused interface mount -t tmpfs none /mnt
if command -v newuidmap >/dev/null; then
	ok "newuidmap has no power" gets refused interface sh -c 'unshare -U sleep 2 & sleep 0.2; newuidmap $! 0 0 1'
fi
typed() { script -qec "$skep run -q -- python3 $source/tests/run/escape.py typing" /dev/null </dev/null | tr -d '\r' | grep -qx 'EPERM'; }
command -v script >/dev/null && ok "typing into the terminal (TIOCSTI)" typed

hive() { # a run's own socket, named and left open on purpose: it is not for the tree
	local see='"$0" map show --run "$1"; echo $?'
	"$skep" run $other_ways -q --name "h$$" "$objects/run-xdp.bpf.o" --allow "unix:$runtime/skep/h$$" -- sh -c "echo up; sleep 2; $see" "$skep" "h$$" >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	until grep -q up "$tmp/out"; do kill -0 $pid || return 1; sleep 0.02; done
	[ "$(sh -c "$see" "$skep" "h$$" | tail -1)" = 0 ] || return 1 # from outside it answers
	wait $pid
	[ "$(tail -1 "$tmp/out")" = 1 ] || { cat "$tmp/out" "$tmp/err"; return 1; }
}
ok "the hive of a run is not for its tree" hive
no_fd() { # what a peer outside would pass along does not come
	python3 -c '
import socket, sys, os
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); open(sys.argv[2], "w")
while True:
    c, _ = s.accept(); socket.send_fds(c, [b"x"], [os.open("/etc/hostname", os.O_RDONLY)])' "$far/gives" "$tmp/gives" &
	local pid=$!
	until [ -e "$tmp/gives" ]; do sleep 0.02; done
	gets "EACCES|ECONNREFUSED" passed_fd "$far/gives"
	local ret=$?
	kill $pid
	wait $pid 2>/dev/null
	return $ret
}
ok "no file comes in by SCM_RIGHTS" no_fd
nested() {
	run -q -- "$skep" run -q -- python3 "$source/tests/run/escape.py" stream "$far/stream"
	prints ECONNREFUSED
}
ok "a tree in a tree is closed too" nested
nested_own() { run -q -- "$skep" run -q -- python3 "$source/tests/run/escape.py" inside_stream && prints ownTrueTrue; }
ok "... and has sockets of its own" nested_own
tap_end
