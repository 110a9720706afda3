#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's bpftool, as it is, against a hive, as an ordinary user.
# arguments: SOURCE SKEP PRELOAD LINKED OBJECTS...
# Root becomes a user who can read only what is copied here.
if [ "$(id -u)" = 0 ]; then
	new=$(mktemp -d) || exit 1
	trap 'rm -rf "$new"' EXIT
	mkdir -p "$new/tests/hive" "$new/bin" "$new/objects" "$new/run" "$new/home"
	cp "$1/tests/tap.sh" "$new/tests/" && cp "$0" "$new/tests/hive/" && cp "$2" "$3" "$4" "$new/bin/" || exit 1
	script=$new/tests/hive/$(basename "$0")
	shift 4
	cp "$@" "$new/objects/" || exit 1
	chmod -R a+rX "$new" && chown -R 12345:12345 "$new/run" "$new/home" && chmod 700 "$new/run" || exit 1
	cd / || exit 1
	setpriv --reuid=12345 --regid=12345 --clear-groups --no-new-privs env -i PATH="/usr/sbin:/usr/bin:/bin" \
		HOME="$new/home" XDG_RUNTIME_DIR="$new/run" \
		bash "$script" "$new" "$new/bin/skep" "$new/bin/libskep-preload.so" "$new/bin/hive-linked" "$new"/objects/*
	exit
fi
source=$1
skep=$2
preload=$3
linked=$4
shift 4
. "$source/tests/tap.sh"
tmp=$(mktemp -d)
XDG_RUNTIME_DIR=$tmp/run
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"
trap '"$skep" hive stop t >/dev/null 2>&1; rm -rf "$tmp"' EXIT
for o; do case $o in
	*firewall*) firewall=$o ;;
	*lb*) lb=$o ;;
	*funcs*) funcs=$o ;;
	*traced.v3*) traced=$o ;;
	*hive-skeleton) skeleton=$o ;;
esac; done

if ! PATH=$PATH:/usr/sbin command -v bpftool >/dev/null; then
	skip "bpftool against a hive" "there is no bpftool here"
	tap_end
	exit
fi
bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool)

# tool ARGS...: bpftool in the hive; stdout in $tmp/out, stderr in $tmp/err.
tool() { "$skep" hive exec t -- "$bpftool" "$@" >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/out" "$tmp/err"; return 1; }; }
refused() { ! "$skep" hive exec t -- "$bpftool" "$@" >"$tmp/out" 2>"$tmp/err"; }
says() { grep -qE -- "$1" "$tmp/out" || { echo "no '$1' in:"; cat "$tmp/out" "$tmp/err"; return 1; }; }
complains() { grep -qE -- "$1" "$tmp/err" || { echo "no '$1' in:"; cat "$tmp/out" "$tmp/err"; return 1; }; }
# json EXPR: stdout is one JSON value o, of which the Python expression holds.
json() {
	python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
if not eval(sys.argv[2]): sys.exit(f"{sys.argv[2]} does not hold for {o}")' "$tmp/out" "$1"
}

# id_of KIND NAME: the only one's id; leaves $tmp/out alone.
id_of() {
	"$skep" hive exec t -- "$bpftool" "$1" show --json | python3 -c 'import json, sys
ids = [e["id"] for e in json.load(sys.stdin) if e.get("name") == sys.argv[1]]
print(ids[0] if len(ids) == 1 else sys.exit(f"{len(ids)} of that name"))' "$2"
}

start() { "$skep" hive start t >"$tmp/out" && says "hive 't' runs at $XDG_RUNTIME_DIR/skep/t"; }
only_one() { ! "$skep" hive start t 2>"$tmp/err" && complains "is running"; }
private() { [ "$(stat -c %a "$XDG_RUNTIME_DIR/skep")" = 700 ] && [ "$(stat -c %a "$XDG_RUNTIME_DIR/skep/t")" = 600 ]; }

maps() {
	tool map create /sys/fs/bpf/m type hash key 4 value 8 entries 100 name mine flags 1 &&
		tool map update pinned /sys/fs/bpf/m key 1 0 0 0 value 1 2 3 4 5 6 7 8 &&
		tool map update name mine key 2 0 0 0 value 8 7 6 5 4 3 2 1 &&
		tool map lookup name mine key 1 0 0 0 && says "^key: 01 00 00 00  value: 01 02 03 04 05 06 07 08" &&
		tool map dump pinned /sys/fs/bpf/m && says "^Found 2 elements" &&
		tool map getnext pinned /sys/fs/bpf/m && says "next key" &&
		tool map delete pinned /sys/fs/bpf/m key 1 0 0 0 && tool map dump pinned /sys/fs/bpf/m &&
		says "^Found 1 element" && refused map delete name mine key 1 0 0 0 && complains "No such file" &&
		tool map update name mine key 2 0 0 0 value 1 1 1 1 1 1 1 1 exist &&
		refused map update name mine key 2 0 0 0 value 1 1 1 1 1 1 1 1 noexist && complains "File exists"
}
map_show() {
	tool map show name mine --json && json "o['type'] == 'hash' and o['bytes_value'] == 8 and o['frozen'] == 0" &&
		json "o['bytes_memlock'] >= 4096" && tool map freeze name mine && tool map show name mine --json &&
		json "o['frozen'] == 1" && refused map update name mine key 3 0 0 0 value 0 0 0 0 0 0 0 0 &&
		complains "not permitted"
}
queue() {
	tool map create /sys/fs/bpf/q type queue value 4 entries 3 name q && tool map push name q value 1 0 0 0 &&
		tool map enqueue name q value 2 0 0 0 && tool map peek name q && says "01 00 00 00" &&
		tool map pop name q && says "01 00 00 00" && tool map dequeue name q && says "02 00 00 00"
}
map_of_maps() {
	tool map create /sys/fs/bpf/mm type array_of_maps key 4 value 4 entries 2 name outer inner_map name q &&
		tool map update name outer key 0 0 0 0 value name q && tool map lookup name outer key 0 0 0 0 &&
		id=$(id_of map q) && says "value: 0$id 00 00 00"
}
load() {
	tool prog load "$firewall" /sys/fs/bpf/fw && tool prog show pinned /sys/fs/bpf/fw --json &&
		json "o['type'] == 'xdp' and o['name'] == 'xdp_firewall' and o['jited'] and o['uid'] == $(id -u)" &&
		json "len(o['map_ids']) >= 4 and o['btf_id'] > 0 and o['bytes_jited'] > 1000" &&
		tool prog && says "xdp  name xdp_firewall  tag [0-9a-f]{16}  gpl"
}
load_by_type() {
	tool prog load "$firewall" /sys/fs/bpf/fw2 type xdp && tool prog show pinned /sys/fs/bpf/fw2 &&
		tool prog loadall "$lb" /sys/fs/bpf/lb && tool prog show pinned /sys/fs/bpf/lb/xdp_lb && says " xdp "
}
pinned() {
	tool prog show -f --json && json "[p for p in o if p['name'] == 'xdp_firewall'][0]['pinned'] == ['/sys/fs/bpf/fw']" &&
		tool map show -f && says "pinned /sys/fs/bpf/m"
}
reuse() { # a map that is pinned stands in for the object's own
	local id
	tool map create /sys/fs/bpf/cfg type array key 4 value 8 entries 1 name config &&
		tool -j map show pinned /sys/fs/bpf/cfg && id=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["id"])' "$tmp/out") &&
		tool prog load "$firewall" /sys/fs/bpf/fw3 map name config pinned /sys/fs/bpf/cfg &&
		tool prog show pinned /sys/fs/bpf/fw3 --json && json "$id in o['map_ids']"
}
xlated() {
	tool prog dump xlated pinned /sys/fs/bpf/fw linum && says "^int xdp_firewall\(struct xdp_md \* ctx\):" &&
		says "line_num:[0-9]+" && says "call bpf_map_lookup_elem#1" && says "map\[id:[0-9]+\]" &&
		! grep -q "without it" "$tmp/err" "$tmp/out" && tool prog dump xlated pinned /sys/fs/bpf/fw --json &&
		json "len(o) > 0" && tool prog dump xlated pinned /sys/fs/bpf/fw opcodes && says "^ +bf 16 00 00 00 00 00 00"
}
xlated_file() { # raw instructions, eight bytes each
	tool prog dump xlated pinned /sys/fs/bpf/fw file "$tmp/insns" && [ $(($(stat -c %s "$tmp/insns") % 8)) = 0 ] &&
		tool prog show pinned /sys/fs/bpf/fw --json && json "o['bytes_xlated'] == $(stat -c %s "$tmp/insns")"
}
functions() { # calls of the program's own functions by name
	local id
	tool prog loadall "$funcs" /sys/fs/bpf/funcs && id=$(id_of prog functions) && tool prog dump xlated id "$id" &&
		says "call pc[+-][0-9]+#bpf_prog_[0-9a-f]{16}_[a-z]"
}
visual() { tool prog dump xlated pinned /sys/fs/bpf/fw visual && says "^digraph"; }
jited() { # Debian's has no disassembler, and says so, whatever it is asked of
	if tool prog dump jited pinned /sys/fs/bpf/fw; then
		says "^ +0:"
	else
		complains "No (libbfd|JIT disassembly) support"
	fi
}
run() {
	head -c 100 /dev/zero >"$tmp/frame" && tool prog run pinned /sys/fs/bpf/fw data_in "$tmp/frame" data_out "$tmp/frame.out" repeat 100 &&
		says "^Return value: [0-9]+, duration \(average\): [0-9]+ns" && cmp "$tmp/frame" "$tmp/frame.out" &&
		refused prog run pinned /sys/fs/bpf/fw data_in /dev/null && refused prog run id 99999 data_in "$tmp/frame"
}
typed() { # maps are dumped by their BTF
	local id
	tool map update pinned /sys/fs/bpf/cfg key 0 0 0 0 value 1 0 0 0 0 0 0 0 any && tool prog show pinned /sys/fs/bpf/fw --json &&
		id=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["map_ids"][0])' "$tmp/out") &&
		tool map dump id "$id" --json && json "o[0]['formatted']['key'] == 0 and isinstance(o[0]['formatted']['value'], dict)"
}
btf() {
	tool btf show --json && json "any(b['size'] > 1000 and b['prog_ids'] and b['map_ids'] for b in o)" &&
		id=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[0]["id"])' "$tmp/out") &&
		tool btf dump id "$id" && says "^\[1\] [A-Z]+ " && tool btf dump id "$id" format c && says "^struct " &&
		tool btf dump map name mine 2>/dev/null || refused btf dump map name mine && tool btf dump file /sys/kernel/btf/vmlinux &&
		says "STRUCT '(task_struct|sk_buff|xdp_md)'"
}
stats() { tool prog show pinned /sys/fs/bpf/fw --json && json "o.get('run_cnt', 0) == 0"; }
links() { tool link show && [ ! -s "$tmp/out" ] && tool link show --json; }
linked() { # in a hive where something is attached
	"$linked" l & local pid=$! i=0 ret
	until [ -S "$XDG_RUNTIME_DIR/skep/l" ] || [ $((i += 1)) -gt 500 ]; do sleep 0.01; done
	in_l link show && says "^[0-9]+: xdp  prog [0-9]+" && in_l link show -f --json &&
		json "o[0]['type'] == 'xdp' and o[0]['pinned'] == ['/sys/fs/bpf/link']" &&
		in_l link show pinned /sys/fs/bpf/link && in_l link pin id "$(sed 's/:.*//;q' "$tmp/out")" /sys/fs/bpf/same &&
		in_l link show pinned /sys/fs/bpf/same && in_l link detach pinned /sys/fs/bpf/link && in_l prog show &&
		says "name linked"
	ret=$?
	kill -TERM $pid && wait $pid && [ $ret = 0 ]
}
# Programs on tasks: bpftool names raw tracepoints, skep names all as their sections do, and what is detached is nowhere.
linked_to_tasks() {
	"$linked" l "$traced" & local pid=$! i=0 ret id
	until [ -S "$XDG_RUNTIME_DIR/skep/l" ] || [ $((i += 1)) -gt 500 ]; do sleep 0.01; done
	in_l link show && says "^[0-9]+: raw_tracepoint  prog [0-9]+ *\$" && says "tp 'sched_process_exec'" && says ': perf_event ' && says 'prog_type tracing .*attach_type trace_fexit' &&
		"$skep" prog show --run l >"$tmp/out" && says '^[0-9]+ +tracepoint/syscalls/sys_exit_openat +tp_exit ' &&
		says ' kprobe/__x64_sys_openat +call_openat ' && says ' kretprobe/vfs_open +probe_opened ' && says ' raw_tp/sys_enter +raw_enter ' &&
		says ' tp_btf/sys_exit +btf_exit ' && says ' fentry/tcp_v4_connect +entry_connect ' && says ' fexit/vfs_open +exit_open ' &&
		"$skep" prog show --run l --json >"$tmp/out" && id=$(sed -n 's/{"link":\([0-9]*\),"at":"kprobe\/do_sys_openat2".*/\1/p' "$tmp/out") &&
		[ -n "$id" ] && "$skep" prog detach "$id" --run l && "$skep" prog show --run l >"$tmp/out" && ! says 'do_sys_openat2' >"$tmp/gone" &&
		says ' kretprobe/vfs_open '
	ret=$?
	kill -TERM $pid && wait $pid && [ $ret = 0 ]
}
# Per-CPU maps have a part for each worker, which may be more than CPUs: bpftool and skep make room for as many.
workers() {
	local pid i=0 ret cpus
	"$linked" l & pid=$!
	until [ -S "$XDG_RUNTIME_DIR/skep/l" ] || [ $((i += 1)) -gt 500 ]; do sleep 0.01; done
	cpus=$(($(nproc --all) + 3))
	in_l map create /sys/fs/bpf/many type percpu_array key 4 value 8 entries 1 name many && in_l map lookup name many key 0 0 0 0 --json &&
		json "len(o['values']) == $cpus" && "$skep" map update many 0 7 --run l && "$skep" map lookup many 0 --run l --json >"$tmp/out" &&
		json "o['values'] == ['07 00 00 00 00 00 00 00'] * $cpus" && in_l map lookup name many key 0 0 0 0 && [ "$(grep -c 'value.*07 00' "$tmp/out")" = $cpus ]
	ret=$?
	kill -TERM $pid && wait $pid && [ $ret = 0 ]
}
in_l() { "$skep" hive exec l -- "$bpftool" "$@" >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/out" "$tmp/err"; return 1; }; }
skeletons() { "$skep" hive exec t -- "$skeleton"; }
pin_more() {
	tool prog pin pinned /sys/fs/bpf/fw /sys/fs/bpf/deep/er/fw && tool prog show pinned /sys/fs/bpf/deep/er/fw &&
		"$skep" hive exec t -- unlink /sys/fs/bpf/deep/er/fw && refused prog show pinned /sys/fs/bpf/deep/er/fw &&
		complains "No such file" && refused map pin name mine /tmp/mine
}
gone_without_pin() { # what a command alone held goes with the command
	tool map create /sys/fs/bpf/short type array key 4 value 4 entries 1 name short && tool map show name short &&
		"$skep" hive exec t -- unlink /sys/fs/bpf/short && refused map show name short
}
features() { tool feature probe unprivileged && says "bpf\(\) syscall is available" && says "CONFIG_BPF is set to y" && says "program_type xdp is available"; }
bad_object() { # the verifier's log arrives
	printf 'not an object' >"$tmp/bad.o"
	refused prog load "$tmp/bad.o" /sys/fs/bpf/bad && refused prog load "$firewall" /sys/fs/bpf/fw && complains "failed to pin program"
}
listed() {
	"$skep" hive list >"$tmp/out" && says "^t +[0-9]+ +[0-9]+" && "$skep" hive list --json >"$tmp/out" &&
		json "o['name'] == 't' and o['programs'] >= 4 and o['maps'] > 8 and o['memory'] > 1e6 and o['clients'] == 0 and o['pins'] > 3"
}
not_felt() { # programs that have nothing to do with eBPF
	[ "$("$skep" hive exec t -- sh -c 'echo $((6 * 7))')" = 42 ] && ! "$skep" hive exec t -- false &&
		"$skep" hive exec t -- python3 -c 'import os, subprocess
assert os.readlink("/proc/self/exe") and open("/proc/self/fdinfo/0").read() and open("/etc/passwd").read()
fd = os.memfd_create("x"); assert os.readlink(f"/proc/self/fd/{fd}").startswith("/memfd:x")
assert "pos:" in open(f"/proc/self/fdinfo/{fd}").read()
os.mkdir("'"$tmp"'/d"); open("'"$tmp"'/f", "w").write("x"); os.unlink("'"$tmp"'/f"); os.rmdir("'"$tmp"'/d")
assert os.uname().release.startswith("6.18") and subprocess.run(["true"]).returncode == 0
try: open("/no/such"); assert False
except FileNotFoundError: pass' &&
		[ "$("$skep" hive exec t -- sh -c 'exit 7'; echo $?)" = 7 ] &&
		[ "$("$skep" hive exec t -- /no/such/command 2>/dev/null; echo $?)" = 127 ]
}
no_hive() { # said once, and the program goes on, with the errno of a kernel without bpf(2)
	local enosys
	enosys=$(python3 -c 'import errno, os; print(os.strerror(errno.ENOSYS))')
	LD_PRELOAD=$preload SKEP_HIVE=none "$bpftool" prog show >"$tmp/out" 2>"$tmp/err"
	[ "$(grep -c "^skep: no hive 'none' is running; 'skep hive start none' starts one" "$tmp/err")" = 1 ] &&
		complains "$enosys" && ! "$skep" hive exec none -- true 2>"$tmp/err" && complains "starts one"
}
killed() {
	local pid
	"$skep" hive start k >/dev/null && pid=$("$skep" hive list --json | sed -n 's/.*"name":"k","pid":\([0-9]*\).*/\1/p') &&
		kill -9 "$pid" || return 1
	while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
	[ -S "$XDG_RUNTIME_DIR/skep/k" ] && "$skep" hive list >"$tmp/out" && ! grep -q "^k " "$tmp/out" &&
		[ ! -e "$XDG_RUNTIME_DIR/skep/k" ] && "$skep" hive start k >/dev/null && "$skep" hive stop k
}
log_has_trace() { grep -q . "$XDG_RUNTIME_DIR/skep/t.log" || [ -e "$XDG_RUNTIME_DIR/skep/t.log" ]; }
misuse() {
	"$skep" hive start a b 2>/dev/null; [ $? = 2 ] || return 1
	"$skep" hive start ../x 2>/dev/null; [ $? = 2 ] || return 1
	"$skep" hive exec t true 2>/dev/null; [ $? = 2 ] || return 1
	"$skep" hive dance 2>/dev/null; [ $? = 2 ] && "$skep" hive --help | grep -q "^examples:"
}
stop() { "$skep" hive stop t && [ ! -e "$XDG_RUNTIME_DIR/skep/t" ] && ! "$skep" hive stop t 2>"$tmp/err" && complains "no hive 't'"; }
foreground() {
	"$skep" hive start t --foreground 2>"$tmp/err" &
	local pid=$! i=0
	until [ -S "$XDG_RUNTIME_DIR/skep/t" ] || [ $((i += 1)) -gt 500 ]; do sleep 0.01; done
	tool map show && kill -TERM $pid && wait $pid && [ ! -e "$XDG_RUNTIME_DIR/skep/t" ]
}

ok "a hive starts and answers" start
ok "a second of the same name is refused" only_one
ok "its folder and socket are the user's alone" private
ok "map create, update, lookup, dump, getnext, delete" maps
ok "map show, freeze" map_show
ok "queues: push, peek, pop" queue
ok "maps of maps" map_of_maps
ok "prog load and show" load
ok "prog load with a type, loadall" load_by_type
ok "show -f tells the pins" pinned
ok "prog load reuses a pinned map" reuse
ok "prog dump xlated, with lines and opcodes" xlated
ok "prog dump xlated to a file" xlated_file
ok "prog dump xlated names functions" functions
ok "prog dump xlated visual" visual
ok "prog dump jited says what it can" jited
ok "prog run" run
ok "map dump by BTF" typed
ok "btf show and dump" btf
ok "statistics are off unless asked for" stats
ok "link show" links
ok "link show, pin, detach" linked
ok "links of programs on tasks say where they are" linked_to_tasks
ok "per-CPU values have a part for each worker" workers
ok "a libbpf program with a skeleton shares its variables" skeletons
ok "pins are made and removed" pin_more
ok "what nobody holds is gone" gone_without_pin
ok "feature probe" features
ok "bad objects are refused" bad_object
ok "hive list" listed
ok "other programs do not feel the library" not_felt
ok "where no hive is, it is said once" no_hive
ok "what a killed hive left is cleaned up" killed
ok "the log is there" log_has_trace
ok "wrong command lines" misuse
ok "hive stop" stop
ok "hive start --foreground ends at SIGTERM" foreground
tap_end
