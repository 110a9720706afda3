#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Ways past the rules of a guarded run (SECURITY.md): each is tried, and refused; what it was after has not happened.
. "$(dirname "$0")/user.sh"

if ! cc -O1 -o "$tmp/escape" "$source/tests/run/escapes.c" 2>"$tmp/why"; then
	skip "escapes" "no C compiler: $(head -1 "$tmp/why")"
	tap_end
	exit
fi
mkdir -p "$tmp/secret" "$tmp/work" "$tmp/place"
echo key >"$tmp/secret/id"
cp "$tmp/escape" "$tmp/work/escape"
# Closed in two ways: by the kernel's Landlock, and by what lies over it.
printf '%s\n' "read /usr /bin /lib /lib64 /etc /proc /dev /tmp" "noread $tmp/secret" "write $tmp/work" "call deny=EOPNOTSUPP ptrace, bpf" >"$tmp/closed"
printf '%s\n' "noread $tmp/secret" "nowrite $tmp/place" "call deny=EOPNOTSUPP ptrace, bpf" >"$tmp/covered"
# try POLICY WAY: what came of it is in $tmp/out; whatever that is, nothing was read or written.
try() {
	(cd "$tmp/work" && exits 0 -q --policy "$tmp/$1" -- "$tmp/work/escape" "$2" "$tmp/secret/id" "$tmp/place/x") || return 1
	[ -z "$(ls "$tmp/place")" ] || { echo "something was written:"; ls "$tmp/place"; return 1; }
	if grep -E '^(secret|at|openat2|path|own-symlink|by-proc|passed|open|creat|create|handle) done' "$tmp/out"; then echo "it was read or written"; return 1; fi
}

setns_() { try "$1" namespaces && ! grep -q done "$tmp/out"; }
ok "setns into the namespaces of init and guard" setns_ closed
procs() { try "$1" processes && ! grep -q done "$tmp/out"; }
ok "ptrace, memory, open files and root of init and guard" procs covered
calls() { try "$1" calls && ! grep -v '^x32' "$tmp/out" | grep -q done && grep -q '^ptrace EOPNOTSUPP' "$tmp/out" && [ "$(grep -c EOPNOTSUPP "$tmp/out")" = 3 ] && grep -q '^x32 ENOSYS' "$tmp/out" && grep -q '^io_uring ENOSYS' "$tmp/out"; }
ok "32-bit and x32 calls, io_uring: closed files and denied calls stay so" calls closed
ok "... where files are covered, too" calls covered
mounts() { try "$1" mounts && grep -q '^secret E' "$tmp/out" && ! grep -E '^(umount|bind-root|overlay|remount|move|pivot|tree) done' "$tmp/out"; }
ok "mounts of its own, in namespaces of its own, under Landlock" mounts closed
ok "... and over what is covered" mounts covered
names() { try "$1" names && grep -q '^secret E' "$tmp/out"; }
ok "open folders, magic links, hard and symbolic links, file handles, chroot" names closed
ok "... where files are covered" names covered
filters() { try "$1" filters && grep -q '^listener EBUSY' "$tmp/out" && grep -q '^ptrace EOPNOTSUPP' "$tmp/out" && grep -q '^create E' "$tmp/out"; }
ok "a seccomp filter of its own, a listener of its own, memory that is not to be dumped" filters closed
ok "... where files are covered" filters covered
passed() { try "$1" passed && grep -q '^passed E' "$tmp/out"; }
ok "an open folder that another process passes" passed closed
ok "... where files are covered" passed covered

# An executable that cannot be read makes processes that cannot be looked into by others: the decisions about it stand.
unreadable() {
	cc -O2 -pthread -o "$tmp/work/flip" "$source/tests/run/flip.c" && chmod 111 "$tmp/work/flip" &&
		exits 0 -q "$objects/run-sock-connect.bpf.o" -- "$tmp/work/flip" address 3 && prints "some 0"
}
ok "an executable that cannot be read is decided on as any other" unreadable
# The supervisor dies in the middle: nothing of the tree goes on without it.
dies() {
	"$skep" run $other_ways -q --policy "$tmp/closed" -- sh -c "echo up; while :; do /bin/true; done" >"$tmp/out" 2>"$tmp/err" &
	local pid=$! n
	for _ in $(seq 100); do grep -q up "$tmp/out" && break; sleep 0.05; done
	n=$(pgrep -u "$(id -u)" -P "$pid" | head -1)
	kill -9 $pid
	wait $pid 2>/dev/null
	for _ in $(seq 100); do kill -0 "$n" 2>/dev/null || break; sleep 0.05; done
	! kill -0 "$n" 2>/dev/null
}
ok "when skep is killed the tree ends" dies
forkbomb() {
	exits 0 -q watch --policy "$tmp/covered" -- bash -c 'ulimit -u 400; bomb() { bomb | bomb & }; (bomb) 2>/dev/null; sleep 2; exit 0' || [ -s "$tmp/err" ]
	local left
	for _ in $(seq 60); do left=$(pgrep -u "$(id -u)" -f 'bomb' | wc -l); [ "$left" = 0 ] && break; sleep 0.1; done
	[ "$left" = 0 ] && exits 0 -q -- true
}
ok "a fork bomb ends with its run" forkbomb
execbomb() { exits 0 -q watch -- bash -c 'for i in 1 2 3 4; do (end=$(($(date +%s) + 3)); while [ $(date +%s) -lt $end ]; do exec_it=1; /bin/true; done) & done; wait'; }
ok "programs that are executed without end" execbomb
threadbomb() {
	exits 0 -q watch -- python3 -c "
import threading, os
def f():
    for _ in range(200): os.close(os.open('/etc/hostname', 0))
t = [threading.Thread(target=f) for _ in range(200)]
[x.start() for x in t]; [x.join() for x in t]; print('through')" && prints through
}
ok "two hundred threads that open files" threadbomb
fdbomb() {
	exits 0 -q watch -- python3 -c "
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
fds = []
try:
    while len(fds) < 20000: fds.append(os.open('/etc/hostname', 0))
except OSError: pass
print(len(fds) > 900)" && prints True
}
ok "as many open files as there may be" fdbomb
tap_end
