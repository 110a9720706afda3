#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A command under skep run is as it is without it, but for its network.
. "$(dirname "$0")/user.sh"

same() { # ARGS...: with skep run and without it the same stdout and exit code
	local want code
	want=$(timeout 60 "$@" 2>/dev/null </dev/null) # as skep runs here: timeout(1) takes signals that nohup(1) ignores
	code=$?
	exits $code -q -- "$@" && prints "$want"
}
ok "the exit code is the command's" exits 7 -q -- sh -c 'exit 7'
ok "a command that is not there: 127" exits 127 -q -- no-such-command
ok "a command that cannot be executed: 126" exits 126 -q -- /etc/passwd
ok "an object that is not there: 125, and the command does not run" exits 125 no-such.bpf.o -- touch "$tmp/ran"
ok "... it has not run" test ! -e "$tmp/ran"
ok "no command: the usage" exits 2 -q
ok "user and groups are the same" same id -u
ok "the group is the same" same id -g
ok "HOME is the same" same sh -c 'echo "$HOME"'
ok "the working directory is the same" same pwd
ok "files are the same" same cat /etc/passwd
ok "the limit of open files is the same" same sh -c 'ulimit -Sn; ulimit -Hn'
printf 'a\nb\n' >"$tmp/in"
stdin() { "$skep" run $other_ways -q -- sort -r <"$tmp/in" >"$tmp/out" && prints "$(printf 'b\na')"; }
ok "stdin is the command's" stdin

killed() {
	"$skep" run $other_ways -q -- sh -c 'kill -KILL $$'
	[ $? = 137 ]
}
ok "a command that a signal ends: its shell sees that signal" killed
ok "SIGPIPE is as it was" same sh -c 'yes | head -1; grep SigIgn /proc/self/status'
ignored() { (trap '' HUP QUIT && "$skep" run $other_ways -q -- grep SigIgn /proc/self/status) >"$tmp/out" && [ $((0x$(cut -f2 "$tmp/out") & 5)) = 5 ]; }
ok "... and what nohup ignores stays ignored" ignored
passed_on() {
	"$skep" run $other_ways -q -- sh -c 'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 0.05; done' >"$tmp/out" &
	local pid=$!
	until grep -q ready "$tmp/out"; do sleep 0.02; done
	kill -TERM $pid
	wait $pid
	[ $? = 5 ] && grep -q got "$tmp/out"
}
ok "a signal that is sent to skep reaches the command" passed_on

orphans() {
	run -q -- sh -c "sleep 4711.$$ & sleep 4712.$$ & exit 0"
	! pgrep -f "sleep 471[12].$$"
}
ok "no process of the tree outlives the command" orphans
supervisor_dies() {
	"$skep" run $other_ways -q -- sh -c "echo up; exec sleep 4713.$$" >"$tmp/out" &
	local pid=$!
	until grep -q up "$tmp/out"; do sleep 0.02; done
	kill -KILL $pid
	wait $pid 2>/dev/null
	for _ in $(seq 100); do
		pgrep -f "sleep 4713.$$" >/dev/null || return 0
		sleep 0.02
	done
	return 1
}
ok "no process of the tree outlives skep, killed" supervisor_dies
orphan_reaped() { run -q -- sh -c '(sleep 0.1 &) ; sleep 0.3; ps -eo stat= | grep -c Z'; prints 0; }
ok "orphans in the tree are reaped" orphan_reaped

ok "an open file that was not asked for is closed" sh -c '! "$1" run -q -- sh -c "echo x >&7" 7>"$2" 2>/dev/null' sh "$skep" "$tmp/fd"
ok "... nothing was written to it" test ! -s "$tmp/fd"
ok "--keep-fd leaves it" sh -c '"$1" run -q --keep-fd 7 -- sh -c "echo x >&7" 7>"$2"' sh "$skep" "$tmp/fd"
ok "... it was written to" test -s "$tmp/fd"
# NoNewPrivs, Seccomp and Seccomp_filters (Linux 5.9) of each thread; some of the last this test may have itself.
confined() {
	"$skep" run -q "$objects/run-sock-connect.bpf.o" -- sleep 5 &
	local pid=$! seen= own
	own=$(sed -n 's/^Seccomp_filters:.//p' /proc/self/status)
	local one="1 2 $((own + 1)) " two="1 2 $((own + 2)) "
	[ -n "$own" ] || one="1 2 " two="1 2 "
	for _ in $(seq 200); do
		seen=$(for t in /proc/$pid/task/*; do
			echo "$(cat "$t/comm" 2>/dev/null) $(sed -n 's/^Seccomp:.//p; s/^NoNewPrivs:.//p; s/^Seccomp_filters:.//p' "$t/status" 2>/dev/null | tr '\n' ' ')"
		done)
		# The last threads to begin have all that they give up.
		grep -q "skep-net $two$" <<<"$seen" && grep -q "skep-task-0 $two$" <<<"$seen" && break
		sleep 0.02
	done
	kill -TERM $pid
	wait $pid
	grep -q "skep-net $two$" <<<"$seen" && grep -q "skep-task-0 $two$" <<<"$seen" && ! grep -v -e " $one$" -e " $two$" <<<"$seen" && return
	echo "$seen"
	return 1
}
ok "all threads are confined, those that read what others write most" confined
quick() { for _ in 1 2 3 4 5; do run -- true || return 1; done; }
ok "an empty run" quick
quiet() { run -q -- true && [ ! -s "$tmp/err" ] && [ ! -s "$tmp/out" ]; }
ok "-q says nothing" quiet
tap_end
