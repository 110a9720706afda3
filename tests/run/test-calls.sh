#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Observers by every way that there is to attach one: each fires, with the right values; what they can decide they do.
. "$(dirname "$0")/user.sh"

object() { echo "$objects/run-calls-$1.bpf.o"; }
# told HOOK [VALUE [TEXT]]: an event of the ring, as JSON.
told() {
	python3 - "$tmp/err" "$@" <<'PY' || { echo "no $*"; grep '"event"' "$tmp/err" | tail -20; return 1; }
import json, sys
want = sys.argv[2:]
for line in open(sys.argv[1]):
    if line.startswith('{"event"'):
        v = json.loads(line)["value"]
        if [v["hook"], str(v["value"]), v["text"]][:len(want)] == want and v["pid"] > 2: sys.exit(0)
sys.exit(1)
PY
}
run_it() { exits 0 -q --json "$(object "$1")" -- sh -c "mkdir '$tmp/d' 2>/dev/null; mkdir '$tmp/d' 2>/dev/null; rmdir '$tmp/d'; curl -s -m 5 http://127.0.0.1:9/; true"; }
tracepoints() {
	run_it tracepoints && told enter 83 "$tmp/d" && told exit 0 && told exit -17 && told exec && grep -q '"text":"/usr/bin/mkdir"' "$tmp/err" && told "process exit" 256 && told "process exit" 0
}
ok "tracepoints: calls with their arguments and results, execs, exits" tracepoints
probes() { run_it probes && told ksyscall 511 "$tmp/d" && told kretsyscall -17 && told kretsyscall 0 && told do_sys_openat2 524288 /etc/ld.so.cache && told tcp_v4_connect 0; }
ok "ksyscall and kretsyscall, kprobe and kretprobe on functions" probes
typed() { run_it typed && told tp_btf 511 "$tmp/d" && told raw_tp -17 && told fexit 0 /etc/ld.so.cache && told fentry 2 && told fork && ! told fork -1; }
ok "tp_btf, raw_tp, fentry and fexit: the kernel's objects, read directly" typed
perf() { run_it perf && grep -q "\"event\":\"lines\",\"value\":{\"hook\":\"perf\".*\"text\":\"$tmp/d\"" "$tmp/err" && complains "trace: mkdir $tmp/d"; }
ok "perf buffers and bpf_printk()" perf
file() { exits 0 -q --events "$tmp/events" "$(object tracepoints)" -- mkdir "$tmp/e" && grep -q '"hook":"enter"' "$tmp/events" && [ ! -s "$tmp/err" ] && rmdir "$tmp/e"; }
ok "--events puts them into a file" file
counted() { exits 0 "$(object tracepoints)" -- mkdir "$tmp/e" && complains '[1-9][0-9]* events through events' && rmdir "$tmp/e"; }
ok "without --json they are counted" counted
decides() {
	exits 0 "$(object decides)" -- sh -c "mkdir '$tmp/no' 2>&1; mkdir -p '$tmp'; (rmdir '$tmp/stays'); echo \$?; trap 'echo usr1' USR1; true" 2>/dev/null
	mkdir -p "$tmp/stays"
	exits 0 -q "$(object decides)" -- sh -c "mkdir '$tmp/no' 2>&1; rmdir '$tmp/stays' 2>/dev/null; echo \$?" && says 'Read-only file system' && says '^137$' && [ ! -e "$tmp/no" ] && [ -d "$tmp/stays" ]
}
ok "a call is overridden, and killed before it takes effect" decides
signals() {
	exits 0 -q "$(object decides)" -- python3 -c "
import os, signal
got = []
signal.signal(signal.SIGUSR1, lambda *a: got.append(1))
os.symlink('a', '$tmp/sym'); print(got, os.path.islink('$tmp/sym'))" && prints "[1] True"
}
ok "bpf_send_signal() sends another one, and the call goes on" signals
limits() {
	exits 0 -q "$(object decides)" -- python3 -c "
import os, errno, time
open('$tmp/l', 'w')
out = []
for i in range(6):
    try: os.link('$tmp/l', '$tmp/l%d' % i); out.append('made')
    except OSError as e: out.append(errno.errorcode[e.errno])
time.sleep(1.1); os.link('$tmp/l', '$tmp/l9'); print(*out)" && prints 'made made made EAGAIN EAGAIN EAGAIN'
}
ok "a rate is limited" limits
absent() { exits 125 "$(object unserved)" -- true && complains "function 'vfs_readv' is not served"; }
ok "what no event of a task brings is refused, with the reason" absent
late() {
	mkfifo "$tmp/go"
	timeout 60 "$skep" run $other_ways -q --name late --reserve mkdir -- sh -c "echo up; read -r _; mkdir '$tmp/late'; rmdir '$tmp/late'" <"$tmp/go" >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	exec 8>"$tmp/go"
	for _ in $(seq 100); do grep -q up "$tmp/out" && break; sleep 0.05; done
	"$skep" prog attach "$(object perf)" --run late >"$tmp/attached" 2>&1 || { cat "$tmp/attached"; return 1; }
	! "$skep" prog attach "$(object tracepoints)" --prog leave --run late >"$tmp/refused" 2>&1 || { echo "attached what is not seen"; return 1; }
	echo >&8
	exec 8>&-
	wait $pid || return 1
	grep -q -- '--reserve' "$tmp/refused" "$tmp/err" || { cat "$tmp/refused" "$tmp/err"; return 1; }
}
ok "--reserve: programs from another terminal, at calls that are seen; others are told what to reserve" late
undisturbed() { exits 0 -q "$(object tracepoints)" "$(object probes)" "$(object typed)" -- sh -c 'echo out; id -u; pwd' && prints "$(printf 'out\n%s\n%s' "$(id -u)" "$PWD")"; }
ok "the command is undisturbed by all of them" undisturbed
interpreted() { exits 0 -q --json --interpret "$(object typed)" -- mkdir "$tmp/i" && told tp_btf 511 "$tmp/i" && rmdir "$tmp/i"; }
ok "the interpreter does the same" interpreted
# Two processes and a thread, which has a value of its own; then another process each time, with numbers that are used again or not.
frames() {
	cc -O1 -fno-omit-frame-pointer -fno-optimize-sibling-calls -no-pie -o "$tmp/frames" "$source/tests/run/frames.c" || return 1
	exits 0 -q "$objects/run-frames.bpf.o" -- "$tmp/frames" || return 1
	read -r at in out <"$tmp/out"
	# By ptrace the registers are known at the begin, too.
	if [ "${SKEP_BY:-}" = ptrace ]; then complains 'begin: (24|32|40|48|56|64) ' && complains "frame 1 $in$" || return 1
	else complains 'begin: 8 8$' && complains 'frame 1 0$' || return 1; fi
	complains "id 1 other -95" && complains "frame 0 $at$" || return 1
	exits 0 -q "$objects/run-frames-ends.bpf.o" -- "$tmp/frames" || return 1
	complains 'end: (24|32|40|48|56|64) ' && complains "id 1 other -95" && complains "frame 0 $at$" && complains "frame 1 $in$" && complains "frame 2 $out$"
}
if command -v cc >/dev/null; then
	ok "a task's call stack: where the call was made, and by frame pointers at its end" frames
else
	skip "a task's call stack" "no C compiler"
fi
own_values() {
	exits 0 -q "$objects/run-storage.bpf.o" -- python3 -c "
import os, threading
def calls():
    for _ in range(3): os.getpgid(0)
for _ in range(8):
    if not os.fork():
        calls(); os._exit(0)
    os.wait()
calls()
t = threading.Thread(target=calls); t.start(); t.join()" || return 1
	for n in 1 2 3; do [ "$(grep -c "getpgid $n" "$tmp/err")" = 10 ] || { cat "$tmp/err"; return 1; }; done
	[ "$(grep -c getpgid "$tmp/err")" = 30 ]
}
ok "each task has a value of its own in a map of tasks' storage" own_values
tap_end
