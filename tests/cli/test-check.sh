#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep check. SKEP_UPDATE=1 writes the reports anew (tests/check/NAME.txt): read the difference before you commit it.
. "$(dirname "$0")/common.sh"
here=$3
skep=$(realpath "$skep")
several=$here/several.bpf.o

# The report of one program, without what differs between machines: ids of kernel functions.
report() {
	local args=
	grep -q 'check: --as-user' "$source/tests/check/$1.bpf.c" && args=--as-user
	(cd "$here" && NO_COLOR=1 "$skep" check $args "$1.bpf.o") | sed 's/#[0-9]\{4,\}$//'
}
reports_as_recorded() {
	local want=$source/tests/check/$1.txt
	report "$1" >"$tmp/got"
	[ -z "$SKEP_UPDATE" ] || cp "$tmp/got" "$want"
	diff -u "$want" "$tmp/got"
}
verdicts_each() {
	expect 1 "$skep" check "$several" --json && json "len(o) == 1 and o[0]['object'].endswith('several.bpf.o')" &&
		json "{p['name']: p['verdict'] for p in o[0]['programs']} == {'fine': 'accept', 'nowhere': 'unloadable',
			'wrong': 'reject', 'unknown': 'unloadable', 'optional': 'accept', 'guarded': 'accept'}" &&
		json "'there_is_no_such_function' in {p['name']: p['cause'] for p in o[0]['programs']}['nowhere']" &&
		json "'mystery' in {p['name']: p['cause'] for p in o[0]['programs']}['unknown']"
}
json_as_documented() {
	json "set(o[0]) == {'object', 'cause', 'programs', 'sized_maps'}" &&
		json "set(o[0]['programs'][0]) == {'name', 'section', 'type', 'verdict', 'cause', 'insns', 'insns_processed',
			'total_states', 'peak_states', 'time_us', 'peak_memory', 'stack_depth', 'report', 'lines'}" &&
		json "set(o[0]['programs'][1]['report']) == {'problem', 'title', 'reason', 'at', 'path', 'left_out', 'suggestion',
			'message'}" &&
		json "set(o[0]['programs'][1]['report']['at']) == {'file', 'line', 'source', 'function', 'insn', 'text'}" &&
		json "o[0]['programs'][1]['report']['problem'] == 'null_access'" &&
		json "set(o[0]['programs'][1]['report']['path'][0]) == {'file', 'line', 'source', 'function', 'insn', 'what'}" &&
		json "o[0]['programs'][0]['report'] is None and o[0]['programs'][0]['cause'] is None"
}
# What is wrong before there is anything to verify is told like everything else, with BTF and without.
malformed() {
	expect 1 "$skep" check "$here/recursion.bpf.o" --json && json "o[0]['programs'][0]['report']['problem'] == 'stack_depth'" &&
		json "[(e['function'], e['what']) for e in o[0]['programs'][0]['report']['path']] == [('even', 'even() calls odd()'),
			('odd', 'odd() calls even()')]" &&
		json "o[0]['programs'][0]['report']['at']['line'] == 13 and o[0]['programs'][0]['insns'] > 0" &&
		sed 's/\.BTF\.ext/.no_.ext/g' "$here/unreachable.bpf.o" >"$tmp/bare.bpf.o" && # without line information
		expect 1 "$skep" check "$tmp/bare.bpf.o" --json && json "o[0]['programs'][0]['report']['problem'] == 'malformed'" &&
		json "o[0]['programs'][0]['report']['at'] == {'file': None, 'line': None, 'source': None, 'function': None, 'insn': 2,
			'text': 'r1 = 1'}" && expect 1 "$skep" check "$tmp/bare.bpf.o" && says "instruction 2: r1 = 1"
}
# Objects are checked side by side: what is printed is the same, in the order of the command line.
in_order() {
	local names
	names=$(cd "$here" && ls ./*.bpf.o)
	no_times() { sed 's/"time_us":[0-9.]*//g'; }
	(cd "$here" && taskset -c "$(taskset -pc $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$skep" check --json $names) | no_times >"$tmp/one"
	(cd "$here" && "$skep" check --json $names) | no_times >"$tmp/many"
	[ "$(wc -l <"$tmp/one")" = "$(wc -w <<<"$names")" ] && cmp "$tmp/one" "$tmp/many" &&
		refused 1 "/nonexistent: read the kernel's types" check --btf /nonexistent $several $several $several
}
lines_add_up() {
	json "all(sum(l['insns_processed'] for l in p['lines']) == p['insns_processed'] for p in o[0]['programs'] if p['verdict'] != 'unloadable')"
}
one_program() {
	expect 0 "$skep" check "$several" --prog fine --json && json "[p['name'] for p in o[0]['programs']] == ['fine']" &&
		expect 1 "$skep" check "$several" --prog wrong && refused 1 "it has no program 'nope'" check "$several" --prog nope
}
ready_made() { expect 0 "$skep" check xdp-firewall xdp-flows xdp-lb && says "all accepted"; }
cost() { expect 0 "$skep" check "$several" --prog fine -v && says "cost by source line" && says "by_size[i]"; }
log() {
	expect 1 "$skep" check "$several" --prog wrong -v && says "; return c->packets; @ several.bpf.c" && says "processed " &&
		expect 1 "$skep" check "$several" --prog wrong -vv && says "R1=ctx()"
}
as_user() {
	expect 1 "$skep" check --as-user "$here/stack_read.bpf.o" --json && json "o[0]['programs'][0]['report']['problem'] == 'stack_read'" &&
		expect 0 "$skep" check "$here/stack_read.bpf.o"
}
unprivileged() {
	if [ "$(id -u)" = 0 ]; then
		cp "$skep" "$several" "$tmp" && chmod 755 "$tmp/skep" && chmod 644 "$tmp/several.bpf.o"
		expect 0 setpriv --reuid 12345 --regid 12345 --clear-groups "$tmp/skep" check "$tmp/several.bpf.o" --prog fine
	else
		expect 0 "$skep" check "$several" --prog fine
	fi
}
for_the_hive() {
	expect 0 "$skep" check --hive xdp-firewall && expect 1 "$skep" check --hive "$here/unbounded.bpf.o" &&
		refused 2 "does not go with it" check --hive --btf x "$several"
}
other_types() {
	if [ -r /sys/kernel/btf/vmlinux ]; then
		cp /sys/kernel/btf/vmlinux "$tmp/vmlinux" && expect 0 "$skep" check --btf "$tmp/vmlinux" "$several" --prog fine || return 1
	fi
	refused 1 "/nonexistent: read the kernel's types" check --btf /nonexistent "$several" &&
		refused 1 "no BTF in it" check --btf /dev/null "$several"
}
broken() {
	echo nothing >"$tmp/no.bpf.o"
	expect 1 "$skep" check "$tmp/no.bpf.o" --json && json "o[0]['cause'] and not o[0]['programs']" &&
		expect 1 "$skep" check "$tmp/no.bpf.o" "$here/several.bpf.o" --json && json "len(o) == 2" &&
		expect 1 "$skep" check nope && grep -q "no such file" "$tmp/err"
}
kernels() {
	expect 1 "$skep" check "$here/reference_leak.bpf.o" --kernel 5.7,5.8 --json &&
		json "[v['loads'] for v in o[0]['kernels']['versions']] == [False, False]" &&
		json "'map type ringbuf' in str(o[0]['kernels']['versions'][0]['missing'])" &&
		json "not o[0]['kernels']['versions'][1]['missing'] and o[0]['kernels']['first'] == '5.8'" &&
		expect 0 "$skep" check "$several" --prog fine --kernel 4.4,6.1 --json &&
		json "[v['loads'] for v in o[0]['kernels']['versions']] == [False, True]" &&
		expect 0 "$skep" check "$several" --prog fine --kernel 6.1 && says "has what it needs"
}
# What no path reaches is not needed; a loop is.
kernels_by_paths() {
	expect 0 "$skep" check "$several" --prog guarded --kernel 5.2 --json && json "o[0]['kernels']['versions'][0]['loads']" &&
		expect 1 "$skep" check "$here/endless_loop.bpf.o" --kernel 5.2,5.3 --json &&
		json "[[m['what'] for m in v['missing']] for v in o[0]['kernels']['versions']] == [['loops'], []]" &&
		expect 0 "$skep" check "$several" --prog fine --kernel 5.2 --json && json "not o[0]['kernels']['versions'][0]['missing']"
}
misuse() {
	refused 2 "check wants" check && refused 2 "--kernel wants" check "$several" --kernel 7.9 &&
		refused 2 "--kernel wants" check "$several" --kernel 6.1, && refused 2 "unknown or lacks" check "$several" --what
}

for f in "$source"/tests/check/*.bpf.c; do
	name=$(basename "$f" .bpf.c)
	[ "$name" = several ] && continue
	if report "$name" | grep -q ^unloadable; then
		skip "the report of $name" "this kernel's BTF lacks what it calls"
	else
		ok "the report of $name" reports_as_recorded "$name"
	fi
done
ok "one program's refusal hides no other's" verdicts_each
ok "the JSON has what docs/json.md says" json_as_documented
ok "the cost by line adds up to the instructions processed" lines_add_up
ok "--prog" one_program
ok "the ready-made programs load" ready_made
ok "-v shows the cost by source line" cost
ok "-v shows the kernel's log, -vv every state" log
ok "--as-user has the stricter rules" as_user
ok "an ordinary user may" unprivileged
ok "--hive judges for skep" for_the_hive
ok "--btf" other_types
ok "what is no object, and the next one all the same" broken
ok "--kernel names what is missing and the first version" kernels
ok "--kernel looks at what can be reached, and for loops" kernels_by_paths
ok "a program that is not well formed has a report" malformed
ok "many objects at a time, printed in their order" in_order
ok "wrong command lines" misuse
tap_end
