#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What the engine tells of a tree's tasks (src/hook/task/engine.h), as an ordinary user. usage: test-events.sh SOURCE ENGINE_EVENTS TASK_ACTS
if [ "$(id -u)" = 0 ]; then
	new=$(mktemp -d) || exit 1
	trap 'rm -rf "$new"' EXIT
	mkdir -p "$new/tests/run" "$new/bin" "$new/home"
	cp "$1/tests/tap.sh" "$new/tests/" && cp "$0" "$1/tests/run/terminal.py" "$new/tests/run/" && cp "$2" "$3" "$new/bin/" || exit 1
	chmod -R a+rX "$new" && chown -R 12345:12345 "$new/home" || exit 1
	cd / || exit 1
	setpriv --reuid=12345 --regid=12345 --clear-groups --no-new-privs env -i PATH="/usr/sbin:/usr/bin:/bin" HOME="$new/home" LIMIT="${LIMIT:-60}" SKEP_BY="${SKEP_BY:-}" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
		bash "$new/tests/run/$(basename "$0")" "$new" "$new/bin/$(basename "$2")" "$new/bin/$(basename "$3")"
	exit
fi
. "$1/tests/tap.sh"
source=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp "$2" "$tmp/engine-events-$$" # so that its processes are told from other tests'
events=$tmp/engine-events-$$
acts=$tmp/task-acts-$$
cp "$3" "$acts"

# watch OPTIONS -- COMMAND: events in $tmp/ev, stdout in $tmp/out, stderr in $tmp/err
watch() { timeout "${LIMIT:-60}" "$events" "$tmp/ev" "$@" >"$tmp/out" 2>"$tmp/err"; }
fine() { watch "$@" || { echo "exit code $?"; show; }; } # ... that exits with 0
show() { echo "out:"; cat "$tmp/out"; echo "err:"; cat "$tmp/err"; echo "events:"; head -40 "$tmp/ev"; return 1; }
counts() { # N PATTERN: that many lines have it
	local n
	n=$(grep -cE -- "$2" "$tmp/ev")
	[ "$n" = "$1" ] || { echo "$n times '$2', not $1"; show; }
}
in_order() { # PATTERN...: lines that have these follow each other
	local from=0 at
	for pattern; do
		at=$(tail -n +$((from + 1)) "$tmp/ev" | grep -nE -m1 -- "$pattern" | cut -d: -f1)
		[ -n "$at" ] || { echo "no '$pattern' after line $from"; show; return 1; }
		from=$((from + at))
	done
}
prints() { [ "$(cat "$tmp/out")" = "$1" ] || { echo "not '$1'"; show; }; }
nothing_lost() { grep -q "^lost unknown 0 late 0 sudden 0 orphans 0" "$tmp/ev" || { tail -2 "$tmp/ev"; return 1; }; }
nobody_left() { # no process of the tree, nobody that is stopped or a zombie
	for _ in $(seq 100); do
		pgrep -u "$(id -u)" -f "^($events|$acts)" >/dev/null || return 0
		sleep 0.05
	done
	ps -fu "$(id -u)"
	return 1
}
each_exit() { # every process and thread that was made has ended; the command was made by nobody
	[ "$(grep -c '^exit' "$tmp/ev")" = $(($(grep -c '^fork' "$tmp/ev") + 1)) ] || { grep -c '^exit' "$tmp/ev"; grep -c '^fork' "$tmp/ev"; return 1; }
}

if ! watch --call openat -- true; then
	if grep -q "namespaces cannot be made\|network stack\|/proc cannot be mounted\|cannot be watched" "$tmp/err"; then
		skip "events of tasks" "$(cat "$tmp/err")"
		tap_end
		exit
	fi
fi

# Calls that begin
begins() {
	watch --call openat -- sh -c 'cat /etc/hostname; exit 3'
	[ $? = 3 ] || { show; return 1; }
	in_order '^call 3/3 openat .*libc' '^call 4/4 openat .*libc' '^call 4/4 openat /etc/hostname$' && counts 0 '^(return|fork|exec|exit)' && nothing_lost
}
ok "calls are told with what the task has in memory, under the tree's own numbers" begins
all() {
	watch --call all -- sh -c 'cat /etc/hostname | wc -l; exit 4'
	[ $? = 4 ] && prints 1 && head -1 "$tmp/ev" | grep -q '^call 3/3 execve /' && in_order 'execve .*/sh$' 'brk' 'exit_group' && nothing_lost
}
ok "all calls are seen, from the command's exec on, and none of what skep does before it" all
both() {
	watch --return all --life -- sh -c 'cat /etc/hostname | wc -l; exit 4'
	[ $? = 4 ] && prints 1 && head -1 "$tmp/ev" | grep -q '^call 3/3 execve /' && in_order '^exec 3/3' 'return 3/3 execve 0' '^exit 3/3 status 1024 last' && counts 0 'return .* exit_group' && nothing_lost
}
ok "all calls are seen with their ends" both
deny() {
	fine --call mkdir --deny mkdir -122 -- "$acts" mkdir "$tmp" && prints 122 && [ ! -e "$tmp/made" ]
}
ok "a denied call returns the errno and is not made" deny
success() { fine --call mkdir --deny mkdir 0 -- "$acts" mkdir "$tmp" && prints 0 && [ ! -e "$tmp/made" ]; }
ok "... or a result that says it was" success
for how in call return; do
	kills() {
		watch --$how mkdir --kill mkdir -- "$acts" mkdir "$tmp"
		[ $? = 137 ] && prints "" && [ ! -e "$tmp/made" ] && counts 1 '^call .*mkdir' && counts 0 '^return'
	}
	ok "a kill lands before the call takes effect (--$how)" kills
	compat() { # CALL's number for 32-bit programs is another
		fine --$how openat -- "$acts" compat "$tmp" && grep -q '^[0-9]' "$tmp/out" && in_order "^call .* openat compat $tmp/compat" && [ -e "$tmp/compat" ]
		rm -f "$tmp/compat"
	}
	ok "a 32-bit call is the call of that name (--$how)" compat
	compat_denied() { fine --$how openat --if compat --deny openat -1 -- "$acts" compat "$tmp" && prints -1 && [ ! -e "$tmp/compat" ]; }
	ok "... and is denied as such (--$how)" compat_denied
	parallel() {
		mkdir "$tmp/files"
		fine --$how openat -- "$acts" threads "$tmp/files" && prints "8 threads" && counts 400 '^call .*/files/file-' &&
			[ "$(grep '/files/file-' "$tmp/ev" | cut -d' ' -f2 | sort -u | wc -l)" = 8 ] && [ "$(find "$tmp/files" -type f | wc -l)" = 400 ] && nothing_lost
		local result=$?
		rm -rf "$tmp/files"
		return $result
	}
	ok "eight threads open files at once: each call once, by its own thread (--$how)" parallel
done
ends() {
	fine --return mkdir -- "$acts" mkdir "$tmp" && prints 0 && in_order '^call 3/3 mkdir' '^return 3/3 mkdir 0' && [ -d "$tmp/made" ] &&
		fine --return mkdir -- "$acts" mkdir "$tmp" && prints 17 && in_order '^return 3/3 mkdir -17'
	local result=$?
	rmdir "$tmp/made"
	return $result
}
ok "the end of a call is told with its result" ends
denied_end() { fine --return mkdir --deny mkdir -5 -- "$acts" mkdir "$tmp" && prints 5 && in_order '^call .*mkdir' '^return .*mkdir -5' && [ ! -e "$tmp/made" ]; }
ok "... that of a denied call with what it was denied with" denied_end
override() { fine --return mkdir --override mkdir -12 -- "$acts" mkdir "$tmp" && prints 12 && rmdir "$tmp/made"; }
ok "... and may be overridden" override
slow() { fine --return read -- "$acts" slow && prints "-1 Interrupted system call
1 " && in_order 'return 3/3 read -512' 'return 3/3 read -512' 'return 3/3 read 1'; }
ok "a call that a signal interrupts ends with what the kernel's own tracepoint shows, and is begun again" slow

sigreturn() { watch --return all -- "$acts" slow; in_order 'call 3/3 rt_sigreturn' && counts 0 '^return .* (rt_sigreturn|exit_group)'; }
ok "what does not return has no end" sigreturn

# Signals
restarted() { fine --call openat --sleep 300 -- "$acts" restarted && prints "ticks many, fine all, eintr none, other 0"; }
ok "signals with SA_RESTART do not fail a call that waits for skep" restarted
interrupted() { # nearly all of the time is the 300 us that skep takes
	fine --call openat --sleep 300 -- "$acts" interrupted && grep -qE "^ticks many, fine all, eintr (none|few), other 0" "$tmp/out" || show
}
if [ "$(printf '5.19\n%s\n' "$(uname -r)" | sort -V | head -1)" = 5.19 ]; then
	ok "nor do others, once skep has it" interrupted
else
	skip "nor do others, once skep has it" "Linux 5.19 lets a task wait so"
fi
slow_connect() { fine --$1 connect -- "$acts" slow-connect && prints "Interrupted system call, 1 tick"; }
ok "a connect that takes long is interrupted" slow_connect call
ok "... also when its end is told" slow_connect return
slow_restarted() { fine --call connect -- "$acts" slow-connect-restarted && prints "connected, 1 tick"; }
ok "... and begins again with SA_RESTART" slow_restarted
traced_signals() { fine --return openat -- "$acts" interrupted && prints "ticks many, fine all, eintr none, other 0"; }
ok "a call whose end is told fails by no signal" traced_signals
late() { fine --call openat --sleep 50000 --if never -- "$acts" killed && prints "signal 9" && nobody_left; }
ok "SIGKILL reaches a task that waits for skep" late
stop() { fine --life --return openat -- "$acts" stop && prints "stopped by 19
stands
goes on
exit 7" && each_exit && nobody_left; }
ok "SIGSTOP stops, the parent hears of it, SIGCONT goes on" stop

# What is typed is shown too, so each command prints what does not stand in it. (No shell in a loop: one that waits in vfork(2) cannot be stopped.)
types() { # CODE COMMAND...: what is typed comes from stdin
	local want=$1 got
	shift
	PS1='$ ' timeout "${LIMIT:-60}" python3 "$source/tests/run/terminal.py" "$@" >"$tmp/out" 2>&1
	got=$?
	[ $got = "$want" ] || { echo "exit code $got, not $want"; cat "$tmp/out"; return 1; }
}
job_control() { # HOW
	types 4 "$events" "$tmp/ev" --life --$1 openat -- bash --norc -i <<EOT && each_exit && nobody_left
(b"tty\n", rb"/dev/pts/[0-9]+")
(b"$acts job\n", rb"[:] up")
(b"\x1a", rb"Stopped")
(b"jobs\n", rb"Stopped")
(b"fg\n", rb"[:] on")
(b"\x1a", rb"Stopped")
(b"bg\n", rb"[:] on")
(b"kill -KILL %1; echo \$((3 + 3))killed\n", rb"6killed")
(b"$acts job\n", rb"[:] up")
(b"\x03", rb"[$] ")
(b"echo rc=\$?\n", rb"rc=130")
(b"exit 4\n", rb"exit")
EOT
}
ok "job control in a watched tree: Ctrl-Z, jobs, fg, bg, Ctrl-C" job_control call
ok "... in a traced one" job_control return
outside() {
	types 3 bash --norc -i <<EOT && nobody_left
(b"$events $tmp/ev --life --return openat -- $acts job\n", rb"[:] up")
(b"\x1a", rb"Stopped")
(b"jobs\n", rb"Stopped +.*events")
(b"fg\n", rb"[:] on")
(b"\x03", rb"[$] ")
(b"echo rc=\$?\n", rb"rc=130")
(b"exit 3\n", rb"exit")
EOT
}
ok "tracer and tree are stopped together, and go on together" outside

# Life
pipeline() {
	watch --life -- sh -c 'cat /etc/hostname | tr a-z A-Z | wc -l; exit 5'
	[ $? = 5 ] && prints 1 && counts 3 '^fork 3/3' && counts 4 '^exec' && counts 4 '^exit .* last' && in_order '^exec 3/3' '^fork 3/3 4/4' '^exec 4/4' '^exit 4/4 status 0 last' '^exit 3/3 status 1280 last' && nothing_lost
}
ok "a pipeline: fork, exec and exit of each" pipeline
clone_ends() { fine --life --return clone --return fork --return vfork -- sh -c 'true; (exit 0); exit 0' && in_order '^call 3/3 (clone|fork|vfork)' '^fork 3/3 4/4' '^return 4/4 (clone|fork|vfork) 0' && in_order '^return 3/3 (clone|fork|vfork) 4'; }
ok "fork ends in both, as in the kernel" clone_ends
vfork() { fine --life -- "$acts" vfork && prints "after vfork
vfork 0" && in_order '^fork 3/3 4/4$' '^exec 4/4' '^exit 4/4 status 0 last' && each_exit; }
ok "vfork and exec" vfork
exec_thread() { fine --life --return execve -- "$acts" exec-thread && prints "exec by a thread" && in_order '^fork 3/3 8/3 thread' '^exec 3/3 was 8 execs 2' '^return 3/3 execve 0' '^exit 3/3 status 0 last' && counts 1 'last$' && nobody_left; }
ok "an exec by another thread than the leader has the leader's number from then on, and who it was is said" exec_thread
exec_orphan() { fine --life --return execve -- "$acts" exec-orphan && prints "exec by a thread" && in_order '^exit 3/3 status 0$' '^exec 3/3 was 4 execs 2' '^return 3/3 execve 0' '^exit 3/3 status 0 last' && nobody_left; }
ok "... also when the leader has ended before" exec_orphan
many() { fine --life -- "$acts" many && prints "1000 processes, 1000 exits" && counts 1000 '^fork 3/3' && counts 1001 '^exit .* last' && counts 142 '^exit .* status 1536 last' && nothing_lost && nobody_left; }
ok "a thousand processes: each is told from its beginning to its end" many
many_threads() { fine --life -- "$acts" 200 && prints "200 threads" && counts 200 '^fork 3/3 [0-9]*/3 thread' && counts 201 '^exit' && counts 1 'last$' && nothing_lost; }
ok "two hundred threads" many_threads
first() { # a fork is told before anything of the child is, an exit is its last word
	fine --life --return all -- "$acts" many && python3 - "$tmp/ev" <<-'P'
		import sys
		there, gone = {"3"}, set()
		for line in open(sys.argv[1]):
		    w = line.split()
		    if w[0] in ("lost", "seen"): continue
		    tid = w[1].split("/")[0]
		    assert tid in there, "before its fork: " + line
		    assert tid not in gone, "after its exit: " + line
		    if w[0] == "fork":
		        child = w[2].split("/")[0]
		        there.add(child)
		        gone.discard(child)
		    if w[0] == "exit": gone.add(tid)
	P
}
ok "nothing of a child is told before its fork, and nothing of anybody after its exit" first
storm() {
	fine --life -- "$acts" storm && prints 50 && nobody_left && each_exit
}
ok "processes that are killed while they fork: whatever was told of has an end" storm
dies() { watch --life --kill-at $1 -- sh -c 'cat /etc/hostname; echo on'; [ $? = 137 ] && ! grep -q on "$tmp/out" && nobody_left; }
ok "a kill at a fork ends the process that forks" dies fork
dies_at_exec() { dies exec && prints "" && counts 1 '^exec' && counts 1 '^exit .* status 9 last'; }
ok "a kill at an exec comes before the first instruction" dies_at_exec
escape() { fine --life -- "$acts" escape && prints "clone 1
clone3 38
ptrace 1"; }
ok "nothing is made that the tracer would not see, and a tracee has no other tracer" escape
forgets() { # HOW: two hundred processes, one after the other
	fine "$@" -- bash -c 'for i in $(seq 200); do (: </etc/hostname); done' && [ "$(sed -n 's/^seen [0-9]* most \([0-9]*\)$/\1/p' "$tmp/ev")" -le $most ] && grep -q "^seen 20[1-9] " "$tmp/ev" || show
}
most=5
ok "what is kept of a thread is given back when it ends, where that is seen" forgets --life
most=70
ok "... else as others come" forgets --call openat

held_up() { fine --threads 2 --call openat --hold hold-me -- sh -c "(cat $tmp/hold-me; echo held) 2>/dev/null & sleep 0.2; cat /etc/hostname >/dev/null; echo quick; wait" && prints "quick
held"; }
# By ptrace one thread hears of all (docs/run.md).
if [ "${SKEP_BY:-}" != ptrace ]; then ok "an event that takes long holds nobody else up" held_up; fi
few_files() { prlimit --nofile=60:60 "$events" "$tmp/ev" --call openat -- bash -c 'for i in $(seq 200); do (: </etc/hostname) || exit; done; echo all' >"$tmp/out" 2>"$tmp/err" && prints all && nothing_lost; }
ok "with few open files everything is told all the same" few_files

# The guard's calls
told() { fine --return connect --return bind -- "$acts" connect && prints "111 0" && in_order '^call 3/3 bind' '^return 3/3 bind 0' '^call 3/3 connect' '^return 3/3 connect -111'; }
ok "connect and bind are told with their ends, and need no tracer" told
rewritten() { fine --call connect --connect-to 4710 -- "$acts" connect && prints "0 4710"; }
ok "a connect goes where the answer says" rewritten
refused() { fine --return connect --deny connect -13 -- "$acts" connect && prints "13 0" && in_order '^return 3/3 connect -13'; }
ok "a connect is refused" refused
changed() { fine --return connect --override connect -110 -- "$acts" connect && prints "110 0"; }
ok "... or said to have failed" changed

# Ends
supervisor() { # WHAT: the supervisor is killed while the tree is watched that way
	: >"$tmp/out"
	timeout "${LIMIT:-60}" "$events" "$tmp/ev" "$@" -- sh -c "while :; do cat /etc/hostname; done" >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	until [ -s "$tmp/out" ]; do kill -0 $pid || return 1; sleep 0.02; done
	pkill -KILL -P $pid || return 1
	wait $pid 2>/dev/null
	nobody_left
}
ok "skep killed in the middle (notifications): nobody goes on" supervisor --call openat
ok "skep killed in the middle (ptrace): nobody goes on" supervisor --return openat --life
traced_by_other() {
	command -v strace >/dev/null || return 0
	# LeakSanitizer does not work under ptrace.
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" timeout 60 strace -f -o /dev/null "$events" "$tmp/ev" --life -- true >"$tmp/out" 2>"$tmp/err"
	[ $? = 125 ] && grep -q "cannot be watched: process [0-9]* traces it already" "$tmp/err" || show
}
ok "under a tracer it does not begin, and says why" traced_by_other
tap_end
