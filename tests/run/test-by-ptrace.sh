#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep run --by=ptrace: what is not the same as by notification, and what must be. SKEP_NET=calls: where skep makes the socket calls.
SKEP_BY=ptrace
. "$(dirname "$0")/user.sh"
cd "$HOME" || exit 1

announced() { exits 0 -- true && complains 'seen by ptrace' && exits 0 -q -- true && [ ! -s "$tmp/err" ]; }
ok "it is said at the start that calls are seen by ptrace" announced
in_json() { exits 0 --json "$objects/run-calls-tracepoints.bpf.o" -- true && complains '"kind":"tasks","by":"ptrace"'; }
ok "... and in the summary of --json" in_json
refused() {
	timeout 60 "$objects/docker-profile" --no-listener "$skep" run --net=calls -q -- true >"$tmp/out" 2>"$tmp/err"
	[ $? = 126 ] && complains 'a listener for its notifications is refused.*--by=ptrace'
}
ok "where there may be no listener a run says so, and names --by=ptrace" refused
doctor() {
	"$objects/docker-profile" --no-listener "$skep" doctor >"$tmp/out" 2>&1
	says '^less +notifications' && says '^ok +ptrace +.*--by=ptrace' && says "^Here 'skep run --net=calls --by=ptrace' works"
}
ok "... and skep doctor which way to take" doctor
files() { exits 125 -q "$objects/run-files.bpf.o" -- touch "$tmp/made" && complains 'such calls are made by the tree.s guard' && [ ! -e "$tmp/made" ]; }
ok "programs that decide on files are refused, with the reason" files
own() { exits 0 -q "$objects/run-calls-tracepoints.bpf.o" -- sh -c 'grep -c "^TracerPid:[[:space:]]*0$" /proc/self/status; strace -o /dev/null true 2>/dev/null || echo refused' && says refused; }
if command -v strace >/dev/null; then ok "a debugger in the tree is refused, and the command goes on" own; fi
listener() {
	exits 0 -q -- python3 -c 'import ctypes, errno, struct
libc = ctypes.CDLL(None, use_errno=True)
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000)); prog = struct.pack("HxxxxxxP", 1, ctypes.addressof(allow))
libc.prctl(38, 1, 0, 0, 0)
print(libc.syscall(317, 1, 8, prog), errno.errorcode[ctypes.get_errno()])
print(libc.syscall(317, 1, 0, prog))' && prints "$(printf -- '-1 EBUSY\n0')"
}
ok "a listener of the tree's own, which would have its calls before skep, is refused; a filter is not" listener

if cc -O2 -w -D_GNU_SOURCE -pthread -o "$tmp/acts" "$source/tests/run/by_ptrace.c" 2>/dev/null; then
	waits() {
		exits 0 -q -- "$tmp/acts" full "$HOME/full.$$"
		rm -f "$HOME/full.$$"
		prints "$(printf 'interrupted 4\nkilled 9\nanother program\nexecuted 0\nbegun again -1 0')"
	}
	ok "a connect that waits: interrupted by a signal (EINTR), begun again (SA_RESTART), killed, gone by another thread's exec" waits
	many() { exits 0 -q -- "$tmp/acts" many && prints 1000; }
	ok "a thousand processes connect at once" many
	if [ "${SKEP_NET:-}" = calls ]; then
		numbers() { exits 0 -q -- "$tmp/acts" numbers </dev/null && prints "$(printf '3 0 2\n4 1 2050\n0 1\n1')"; }
		ok "sockets have the lowest numbers and the flags that were asked for; others are refused" numbers
		storm() { exits 0 -q -- "$tmp/acts" storm 3 && prints "$(printf 'some made, signals heard, 0 bad\nends 0')"; }
		ok "threads make sockets under signals, stops and continuations" storm
		thieves() { exits 0 -q -- "$tmp/acts" thieves 5 && prints "some made, 0 bad"; }
		ok "threads that take whatever they find meanwhile find no socket that could leave the machine" thieves
		if [ "$(uname -m)" = x86_64 ]; then
			compat() { exits 0 -q -- "$tmp/acts" compat && prints 'made 1'; }
			# Outside it is made, and stays nowhere.
			if [ "$("$tmp/acts" compat)" = 'made 0' ]; then ok "a socket by a 32-bit call" compat; else skip "a socket by a 32-bit call" "this kernel has none: $("$tmp/acts" compat)"; fi
		fi
	else
		guard() {
			exits 0 -q -- python3 -c 'import errno, os, socket
os.kill(2, 9)
for _ in range(2):
    try: socket.socket().connect(("127.0.0.1", 1))
    except OSError as e: print(errno.errorcode[e.errno])'
			prints "$(printf 'ENOSYS\nENOSYS')"
		}
		ok "without its guard nobody connects, and nobody waits" guard
	fi
else
	skip "calls that wait, sockets" "no C compiler"
fi

dies() {
	"$skep" run $other_ways -q -- sh -c "echo up; (sleep 4731.$$ & exec sleep 4732.$$) & exec sleep 4733.$$" >"$tmp/out" &
	local pid=$!
	until grep -q up "$tmp/out"; do sleep 0.05; done
	kill -KILL $pid
	wait $pid 2>/dev/null
	for _ in $(seq 60); do pgrep -f "sleep 473[123].$$" >/dev/null || return 0; sleep 0.05; done
	pgrep -af "sleep 473[123].$$"
	return 1
}
ok "when skep is killed nothing of the tree is left" dies
tap_end
