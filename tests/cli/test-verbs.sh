#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep prog, list, bench, version, help.
. "$(dirname "$0")/common.sh"

helps() {
	for v in run check replay prog map hive list bench doctor version; do
		expect 0 "$skep" $v --help && says "usage: skep $v" || return 1
		[ $v = version ] || says "examples:" || return 1
		expect 0 "$skep" help $v && says "usage: skep $v" || return 1
	done
}
overview() {
	expect 0 "$skep" --help && says "Exit codes: 0" && expect 2 "$skep" && expect 2 "$skep" nope && grep -q "no verb 'nope'" "$tmp/err"
}
version() {
	expect 0 "$skep" version && grep -qE '^skep [0-9]+\.[0-9]+\.[0-9]+$' "$tmp/out" &&
		expect 0 "$skep" version --json && json "len(o[0]['version'].split('.')) == 3" && refused 2 "takes no arguments" version x
}
show() {
	expect 0 "$skep" prog show "$ports" --json && json "len(o) == 6 and o[0]['maps'] and all(e['insns'] > 1 for e in o)" &&
		json "{e['prog']: e['type'] for e in o}['shoot'] == 'sched_cls'"
}
dump() {
	expect 0 "$skep" prog dump "$ports" --prog by_limit && says '; return port > limit ? XDP_DROP : XDP_PASS;' &&
		says 'call bpf_map_lookup_elem#1' && says '= map[id:' && grep -qE '^ +[0-9]+: \(95\) exit' "$tmp/out" &&
		! grep -q shoot "$tmp/out"
}
jited() {
	expect 0 "$skep" prog dump "$ports" jited --prog by_limit --json || return 1
	json "all(e['bytes'] for e in o if e['text'] == '(95) exit') and o[0]['insn'] == 0"
}
helpers() {
	expect 0 "$skep" list helpers --json && json "[e['name'] for e in o if e['id'] == 1] == ['bpf_map_lookup_elem']" &&
		json "len({e['id'] for e in o}) == len(o) >= 211 and all('since' in e for e in o)"
}
maps() { expect 0 "$skep" list maps --json && json "{e['name']: e['skep'] for e in o}['hash'] is True and len(o) >= 32"; }
types() { expect 0 "$skep" list types --json && json "'xdp' in [e['name'] for e in o] and len(o) >= 32"; }
# Each row says what it is; what is not exact says why; a system call's tracepoints are there by the names of the kernel.
hooks() {
	expect 0 "$skep" list hooks --json && json "len({(e['kind'], e['name']) for e in o}) == len(o) > 1000" &&
		json "all(e['why'] for e in o if e['skep'] != 'exact') and {e['skep'] for e in o} == {'exact', 'approximate', 'absent'}" &&
		json "[(e['event'], e['calls']) for e in o if e['name'] == 'syscalls/sys_exit_newstat'] == [('return', ['stat'])]" &&
		json "[e['every_call'] for e in o if e['kind'] == 'raw tracepoint' and e['name'] == 'sys_enter'] == [True]" &&
		json "[e['event'] for e in o if e['name'] == 'sched/sched_switch'] == ['-']" &&
		expect 0 "$skep" list hooks && grep -qE '^function +do_sys_openat2 +approximate +call, return' "$tmp/out" &&
		refused 2 'helpers, maps, types, hooks' list nothing
}
bench() {
	expect 0 "$skep" bench "$ports" --prog by_limit --repeat 1000 --json &&
		json "set(o[0]) == {'prog', 'insns', 'retval', 'interp_ns', 'jit_ns', 'kernel_ns', 'compile_us'}" &&
		json "o[0]['prog'] == 'by_limit' and o[0]['retval'] == 1 and o[0]['interp_ns'] > 0 and o[0]['kernel_ns'] is None"
}
bench_data() {
	head -c 100 /dev/zero >"$tmp/frame" && expect 0 "$skep" bench "$ports" --prog by_limit --data "$tmp/frame" --repeat 100 --json &&
		json "o[0]['retval'] == 0"
}
# Beside the kernel where it may be asked; otherwise the reason is said and the figure is null.
bench_kernel() {
	expect 0 "$skep" bench "$ports" --prog by_limit --repeat 1000 --kernel --json || return 1
	json "o[0]['kernel_ns'] is None or o[0]['kernel_ns'] > 0" || return 1
	expect 0 "$skep" bench "$ports" --prog by_limit --repeat 1000 --kernel && ! grep -q "the kernel's run returned" "$tmp/err"
}
# An object whose maps hold a program and a map, and that prints on every run.
holder_object() {
	cat >"$tmp/holder.bpf.c" <<'EOT'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inner SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {[2] = &inner}};
int says(struct xdp_md *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(void *));
} jumps SEC(".maps") = {.values = {[3] = (void *)&says}};
SEC("xdp") int says(struct xdp_md *ctx)
{
	bpf_printk("hello %d", 5);
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
EOT
	clang -target bpf -mcpu=v3 -O2 -g -I"/usr/include/$(cc -dumpmachine)" -c "$tmp/holder.bpf.c" -o "$tmp/holder.bpf.o"
}
holds() {
	expect 0 "$skep" map dump "$tmp/holder.bpf.o" outer --json && json "o[0]['key'] == 2 and type(o[0]['value']) is int" &&
		expect 0 "$skep" map dump "$tmp/holder.bpf.o" jumps --json && json "o[0]['key'] == 3" || return 1
	id=$(sed 's/.*"value":\([0-9]*\).*/\1/' "$tmp/out")
	expect 0 "$skep" map lookup "$tmp/holder.bpf.o" jumps 3 --json && json "o[0]['value'] == $id" &&
		expect 0 "$skep" prog show "$tmp/holder.bpf.o" --json && json "o[0]['id'] == $id"
}
replay_speaks() {
	expect 0 "$skep" replay "$tmp/holder.bpf.o" "$source/demo/demo.pcapng" --limit 3 &&
		[ "$(grep -c '^trace: hello 5$' "$tmp/err")" = 3 ]
}
bench_is_silent() {
	expect 0 "$skep" bench "$tmp/holder.bpf.o" --repeat 100 && [ ! -s "$tmp/err" ] || { head -3 "$tmp/err"; return 1; }
}
closed_pipe() { "$skep" list helpers | head -1 | grep -q helper; }
full_disk() { expect 1 sh -c "'$skep' list helpers >/dev/full"; }

ok "every verb has help with examples" helps
ok "the overview names the exit codes; no verb and an unknown verb are misuse" overview
ok "version" version
ok "prog show lists each program with its maps" show
ok "prog dump prints instructions with their source lines" dump
case $(uname -m) in
x86_64) ok "prog dump jited prints each instruction's machine code" jited ;;
*) skip "prog dump jited" "no JIT for this CPU" ;;
esac
ok "list helpers has all of Linux 6.18, once" helpers
ok "list maps" maps
ok "list types" types
ok "list hooks says of each how exact it is, what brings it and why not" hooks
ok "bench gives the documented figures" bench
ok "bench takes a frame from a file" bench_data
ok "bench --kernel stands beside the kernel or says why not" bench_kernel
ok "an object with a map of maps and a prog array builds" holder_object
ok "they are dumped with the index and the id as numbers" holds
ok "replay shows what bpf_printk writes" replay_speaks
ok "bench does not: a run is not worth a line" bench_is_silent
ok "bench of a program that is not there" eval 'expect 1 "$skep" bench "$ports" --prog nope && grep -q "no program .nope.; it has:" "$tmp/err"'
ok "a frame that is none" refused 1 "a frame has 14 to" bench "$ports" --data /dev/null
ok "a repeat that is none" refused 2 "--repeat wants" bench "$ports" --repeat 0
ok "a list of what there is none of" refused 2 "no list of 'x'" list x
ok "prog cannot do everything" refused 2 "prog cannot 'load'" prog load x
ok "a ready-made name that is none lists those there are" eval 'expect 1 "$skep" prog show nope && grep -q xdp-firewall "$tmp/err"'
ok "a reader that goes away is no crash" closed_pipe
ok "a full disk is a failure" full_disk
tap_end
