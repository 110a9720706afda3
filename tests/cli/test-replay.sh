#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep replay: what goes in, what comes out, what is refused.
. "$(dirname "$0")/common.sh"

verdicts() { # CAPTURE PROG EXPR
	expect 0 "$skep" replay "$ports" "$caps/$1" --prog "$2" --json && json "o[-1]['verdicts'] == $3"
}
plain_report() {
	expect 0 "$skep" replay "$ports" "$caps/ten.pcap" --prog by_limit && says "10 frames, 420 bytes" &&
		grep -qE '^  XDP_PASS +5 +50\.0 %' "$tmp/out" && grep -qE '^  XDP_DROP +5 +50\.0 %' "$tmp/out" &&
		says "ns per frame" && says '"frames": 10' && ! grep -q $'\033' "$tmp/out"
}
same_in_interpreter() {
	expect 0 "$skep" replay "$ports" "$caps/ten.pcap" --prog by_limit --interpret --json &&
		json "o[-1]['verdicts'] == {'XDP_PASS': 5, 'XDP_DROP': 5} and o[-1]['engine'] == 'interpreter'"
}
maps_in_json() {
	verdicts ten.pcap by_limit "{'XDP_PASS': 5, 'XDP_DROP': 5}" &&
		json "[e['key'] for e in o if e.get('map') == 'by_port'] == list(range(1, 11))" &&
		json "all(sum(e['values']) == 1 for e in o if e.get('map') == 'by_port')" &&
		json "[e['value'] for e in o if e.get('map') == '.bss'] == [{'frames': 10}]"
}
sizes() {
	expect 0 "$skep" replay "$ports" "$caps/sizes.pcap" --prog by_limit --json &&
		json "o[-1]['frames'] == 9 and o[-1]['skipped'] == 3 and sum(o[-1]['verdicts'].values()) == 6"
}
cut() {
	expect 0 "$skep" replay "$ports" "$caps/cut.pcap" --prog by_limit --json && json "o[-1]['cut'] == 10"
}
limit() {
	expect 0 "$skep" replay "$ports" "$caps/many.pcap" --prog by_limit --limit 777 --json &&
		json "o[-1]['frames'] == 777"
}
many() {
	expect 0 "$skep" replay "$ports" "$caps/many.pcap" --prog by_limit --json &&
		json "o[-1]['frames'] == 300000 and o[-1]['verdicts'] == {'XDP_PASS': 150000, 'XDP_DROP': 150000}" &&
		json "sum(sum(e['values']) for e in o if e.get('map') == 'by_port') == 300000"
}
jobs() {
	expect 0 "$skep" replay "$ports" "$caps/many.pcap" --prog by_limit --jobs 2 --json &&
		json "o[-1]['frames'] == 300000 and o[-1]['verdicts'] == {'XDP_PASS': 150000, 'XDP_DROP': 150000}" &&
		json "sum(sum(e['values']) for e in o if e.get('map') == 'by_port') == 300000" &&
		json "any(e['values'][0] for e in o if e.get('map') == 'by_port') and any(e['values'][1] for e in o if e.get('map') == 'by_port')" &&
		json "all(min(e['values'][:2]) == 0 for e in o if e.get('map') == 'by_port')" || return 1
	expect 0 "$skep" replay "$ports" "$caps/many.pcap" --prog by_limit --jobs 2 --limit 777 --json &&
		json "o[-1]['frames'] == 777" || return 1
	expect 1 "$skep" replay "$ports" "$caps/broken.pcap" --prog by_limit --jobs 2 --json && complains "after frame 9" &&
		json "o[-1]['frames'] == 9"
}
jobs_refused() {
	expect 2 "$skep" replay "$ports" "$caps/ten.pcap" --prog by_limit --jobs 2 -o "$tmp/o.pcapng" && grep -q "order" "$tmp/err" &&
		expect 2 "$skep" replay "$ports" - --prog by_limit --jobs 2 && grep -q "stdin" "$tmp/err" &&
		expect 2 "$skep" replay "$ports" "$caps/ten.pcap" --prog by_limit --jobs 0 && grep -q "1 to 256" "$tmp/err"
}
routes() {
	printf '%s\n' 'link 1 in 02:00:00:00:00:01' 'link 2 out 02:00:00:00:00:02' 'addr 192.0.2.254/24 dev in' \
		'route 198.51.100.0/24 via 203.0.113.1 dev out' 'neigh 203.0.113.1 dev out lladdr 02:00:00:00:00:99' >"$tmp/routes"
	expect 0 "$skep" replay "$here/route.bpf.o" "$caps/ten.pcap" --routes "$tmp/routes" --json &&
		json "o[-1]['verdicts'] == {'XDP_REDIRECT': 10}" &&
		json "[e['value'] for e in o if e.get('map') == 'answers'] == [{'frames': 10, 'ifindex': 2, 'next_hop': 0x99}]" || return 1
	# Without a table there is no interface 1: -ENODEV, as an unsigned key.
	expect 0 "$skep" replay "$here/route.bpf.o" "$caps/ten.pcap" --json &&
		json "o[-1]['verdicts'] == {'XDP_DROP': 10} and [e['key'] for e in o if e.get('map') == 'answers'] == [2**32 - 19]"
}
routes_refused() {
	printf 'link 1 a 02:00:00:00:00:01\nroute 10.0.0.0/8 dev b\n' >"$tmp/routes"
	refused 1 "$tmp/routes: line 2: no link 'b' is declared above" replay "$ports" "$caps/ten.pcap" --prog by_limit --routes "$tmp/routes" &&
		refused 1 "$tmp/none: read: No such file or directory" replay "$ports" "$caps/ten.pcap" --prog by_limit --routes "$tmp/none"
}
from_stdin() {
	expect 0 sh -c "cat '$caps/ten.pcap' | '$skep' replay '$ports' - --prog by_limit --json" &&
		json "o[-1]['frames'] == 10"
}
# A plain file is read by skep itself, stdin and pcapng by libpcap: frames, times and lengths are the same, and so is where a broken one ends.
both_ways() {
	local name a b
	for name in ten ten-be ten-nano cut sizes many broken short-header too-long none; do
		"$skep" replay "$ports" "$caps/$name.pcap" --prog by_limit -o "$tmp/file.pcapng" >"$tmp/file.out" 2>"$tmp/file.err"
		a=$?
		"$skep" replay "$ports" - --prog by_limit -o "$tmp/stdin.pcapng" <"$caps/$name.pcap" >"$tmp/stdin.out" 2>"$tmp/stdin.err"
		b=$?
		cmp "$tmp/file.pcapng" "$tmp/stdin.pcapng" && [ $a = $b ] || { echo "# $name: $a $b"; return 1; }
		[ "$(grep -o 'after frame [0-9]*' "$tmp/file.err")" = "$(grep -o 'after frame [0-9]*' "$tmp/stdin.err")" ] || return 1
	done
}
broken() {
	expect 1 "$skep" replay "$ports" "$caps/broken.pcap" --prog by_limit --json && complains "after frame 9" &&
		json "o[-1]['frames'] == 9"
}
comments() {
	expect 0 "$skep" replay "$ports" "$caps/ten-nano.pcap" --prog by_limit -o "$tmp/o.pcapng" &&
		[ "$(tshark -r "$tmp/o.pcapng" -T fields -e frame.comment | sort | uniq -c | tr -s ' \n' ' ')" = \
			" 5 skep: XDP_DROP 5 skep: XDP_PASS " ] &&
		[ "$(tshark -r "$tmp/o.pcapng" -T fields -e frame.time_epoch -e frame.len | head -1)" = \
			"$(tshark -r "$caps/ten-nano.pcap" -T fields -e frame.time_epoch -e frame.len | head -1)" ]
}
round_trip() {
	expect 0 "$skep" replay "$ports" "$caps/ten.pcap" --prog by_limit --save "$tmp/s.state" --json || return 1
	expect 0 "$skep" replay "$ports" "$caps/ten.pcap" --prog by_limit --state "$tmp/s.state" --json &&
		json "all(sum(e['values']) == 2 for e in o if e.get('map') == 'by_port')" &&
		json "[e['value'] for e in o if e.get('map') == '.bss'] == [{'frames': 20}]"
}
as_user() {
	cp "$skep" "$ports" "$caps/ten.pcap" "$tmp/" && chmod 644 "$tmp"/*.o "$tmp"/*.pcap && chmod 755 "$tmp/skep" &&
		expect 0 setpriv --reuid 1000 --regid 1000 --clear-groups env -i "$tmp/skep" replay "$tmp/ports.bpf.o" \
			"$tmp/ten.pcap" --prog by_limit --json && json "o[-1]['frames'] == 10"
}
alone() {
	mkdir -p "$tmp/alone" && cp "$skep" "$tmp/alone/" && cd "$tmp/alone" &&
		expect 0 env -i ./skep replay xdp-firewall "$source/demo/demo.pcapng" --json && json "o[-1]['frames'] > 100"
}
several() {
	expect 1 "$skep" replay "$ports" "$caps/ten.pcap" && grep -q 'several programs; choose one with --prog' "$tmp/err" &&
		grep -q 'by_limit' "$tmp/err"
}
interrupted() {
	mkfifo "$tmp/pipe"
	"$skep" replay "$ports" "$tmp/pipe" --prog by_limit --json >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	{ cat "$caps/ten.pcap"; for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $pid 2>/dev/null || break; sleep 0.1; kill -INT $pid; done; } >"$tmp/pipe"
	wait $pid
	json "o[-1]['frames'] == 10" && grep -q 'interrupted' "$tmp/err"
}

ok "the report has verdicts, shares, cost and maps, and no colours in a file" plain_report
ok "the interpreter gives the same" same_in_interpreter
ok "--json is JSON Lines: maps' elements, then the result" maps_in_json
for f in ten-be.pcap ten-nano.pcap ten.pcapng; do
	ok "$f is read" verdicts $f by_limit "{'XDP_PASS': 5, 'XDP_DROP': 5}"
done
for f in raw.pcap null.pcap sll.pcap sll2.pcap; do
	ok "$f is read, with Ethernet headers made up" verdicts $f by_limit "{'XDP_PASS': 5, 'XDP_DROP': 5}"
done
ok "a TC program's verdicts have TC's names" verdicts ten.pcap shoot "{'TC_ACT_OK': 5, 'TC_ACT_SHOT': 5}"
ok "a socket filter sees the link-layer header" verdicts ten.pcap take "{'ACCEPT': 10}"
ok "a cgroup_skb program sees the packet from its network header on" verdicts ten.pcap allow "{'ALLOW': 10}"
ok "return values without a name are shown as numbers" verdicts ten.pcap strange "{str(101 + i): 1 for i in range(10)}"
ok "an empty capture is no error" verdicts none.pcap by_limit "{}"
ok "frames shorter than a header are counted as not run" sizes
ok "frames that the capture cut off are run and counted" cut
ok "--limit stops after so many frames" limit
ok "300,000 frames are all run and counted" many
ok "- reads the capture from stdin" from_stdin
ok "--routes is the network of bpf_fib_lookup(), and without it there is none" routes
ok "--routes that is wrong is refused with its line" routes_refused
ok "--jobs runs each flow on one of several workers, and nothing is lost" jobs
ok "--jobs is refused with -o, from stdin, and for none" jobs_refused
ok "a file is read as stdin is: same frames, same times, same end" both_ways
ok "a broken capture is reported after what was good in it" broken
if command -v tshark >/dev/null; then
	ok "the pcapng output opens in tshark, verdicts as comments, times and lengths as they were" comments
else
	skip "the pcapng output opens in tshark" "no tshark here"
fi
ok "--save and --state carry maps from run to run" round_trip
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && ! ldd "$skep" | grep -q asan; then
	ok "an ordinary user without an environment runs it" as_user
else
	skip "an ordinary user without an environment runs it" "not root, or a sanitised build"
fi
ok "build/skep copied alone elsewhere runs, ready-made programs included" alone
ok "of several programs one must be chosen" several
ok "Ctrl-C prints what was done so far" interrupted
ok "a missing object" refused 1 "/nonexistent.o: read: No such file" replay /nonexistent.o "$caps/ten.pcap"
ok "a folder as object" refused 1 "read: Is a directory" replay "$tmp" "$caps/ten.pcap"
ok "a text file as object" refused 1 "text.pcap: open: not an ELF file (an object is what clang -target bpf" replay "$caps/text.pcap" "$caps/ten.pcap"
ok "an x86-64 file as object" refused 1 "x86-64 file, not a BPF object" replay "$skep" "$caps/ten.pcap"
head -c 1000 "$ports" >"$tmp/half.o"
ok "half an object" refused 1 "half.o: open: cut off" replay "$tmp/half.o" "$caps/ten.pcap"
wrong() { refused 1 "$2" replay "$here/wrong-$1.bpf.o" "$caps/ten.pcap"; }
ok "an object without BTF: compile with -g" wrong no-g "BTF is required, but is missing or corrupted. (compile with clang -g)"
ok "a map type that skep lacks is named" wrong sockhash "load: map 'tested': type sockhash exists in Linux since 4.18, but skep does not have it"
ok "a map without room" wrong no-entries "load: map 'tested': max_entries is 0"
ok "a map that is only declared" wrong extern-map "a map is only declared here"
ok "a kernel function that skep does not have" wrong kfunc "'bpf_no_such_kfunc': not found in kernel or module BTFs (skep does not have this kernel function"
ok "what is attached to does not exist" wrong fentry "'no_such_function': -3 (it attaches to what skep's own BTF does not have)"
core() {
	refused 1 "failed to resolve CO-RE relocation <byte_off>" replay "$here/wrong-core.bpf.o" "$caps/ten.pcap" &&
		grep -q "struct task_struct.no_such_field" "$tmp/err"
}
ok "a field that does not exist is said to be the reason" core
# 4 KiB hold 256 of these events: they are read before the next 64 frames come.
events() {
	expect 0 "$skep" replay "$here/ring.bpf.o" "$caps/many.pcap" --limit 2000 && says "2,000 events through tested" &&
		! grep -q lost "$tmp/out"
}
ok "events of a small ring are read in time" events
# The whole list is in the state file and in map dump; a report that scrolls away tells nobody anything.
long_list() {
	expect 0 "$skep" map update "$here/long-list.bpf.o" tested 7 '{"list":[1,2,3]}' --state "$tmp/long.state" &&
		expect 0 "$skep" replay "$here/long-list.bpf.o" "$caps/ten.pcap" --state "$tmp/long.state" &&
		says "list  [ 1, 2, 3, 0," && says "... and 980 more ]"
}
ok "of a long list the report has the beginning" long_list
no_frames() {
	expect 1 "$skep" replay "$here/no-frames.bpf.o" "$caps/ten.pcap" "$@" &&
		grep -q "takes \(no \)\?frames (xdp, tc, socket, cgroup_skb do); it has:" "$tmp/err" && grep -q 'SEC("kprobe/do_sys_open")' "$tmp/err"
}
ok "an object without programs for frames is told which those are" no_frames
ok "a program that takes no frames is told which do" no_frames --prog wrong
ok "legacy maps" refused 1 'supported by libbpf v1.0+ (define maps in SEC(".maps"))' replay "$here/legacy.bpf.o" "$caps/ten.pcap"
ok "a section that nobody knows" refused 1 'SEC("mystery") names no kind of program' replay "$here/sec-unknown.bpf.o" "$caps/ten.pcap"
not_there() { expect 1 "$skep" replay "$ports" "$caps/ten.pcap" --prog nope && grep -q "no program 'nope'; it has:" "$tmp/err" && grep -q by_limit "$tmp/err"; }
ok "a program that is not there, and those that are" not_there
ok "a missing capture" refused 1 "/nonexistent.pcap: open: No such file" replay "$here/sec-loose.bpf.o" /nonexistent.pcap
ok "an empty file as capture" refused 1 "empty.pcap: open: not a capture" replay "$here/sec-loose.bpf.o" "$caps/empty.pcap"
ok "a text file as capture" refused 1 "text.pcap: open: not a capture" replay "$here/sec-loose.bpf.o" "$caps/text.pcap"
ok "a link type that is not read" refused 1 "link type IEEE802_11" replay "$here/sec-loose.bpf.o" "$caps/wifi.pcap"
ok "an output that cannot be made" refused 1 "/nonexistent/o.pcapng: write: No such file" replay "$here/sec-loose.bpf.o" "$caps/ten.pcap" -o /nonexistent/o.pcapng
ok "a section that libbpf 1.1 does not know runs as what it is" expect 0 "$skep" replay "$here/sec-tcx.bpf.o" "$caps/ten.pcap"
ok "too few arguments" refused 2 "replay wants an object" replay "$ports"
ok "an unknown option" refused 2 "'--nope'" replay "$ports" "$caps/ten.pcap" --nope
ok "a limit that is no number" refused 2 "--limit wants a number" replay "$ports" "$caps/ten.pcap" --limit x
tap_end
