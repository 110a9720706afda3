#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The ready-made programs as users run them: the demo, and what skep-lb-state writes.
# arguments: SOURCE SKEP LB_STATE
source=$1
skep=$2
lb_state=$3
. "$source/tests/tap.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat >"$tmp/lb.conf" <<'EOT'
# all of the grammar
source 192.0.2.254
source 2001:db8::fe
vip 192.0.2.1:80/tcp rewrite
backend 192.0.2.11:8080 02:00:00:00:00:0b
backend 192.0.2.12:8080 02:00:00:00:00:0c 3
vip [2001:db8::1]:80/tcp encap
backend 2001:db8::b 02:00:00:00:00:0b
backend [2001:db8::c] 02:00:00:00:00:0c 0
vip 192.0.2.1:5000/udp encap
backend 2001:db8::b 02:00:00:00:00:0b
EOT

replay() { "$skep" replay "$@" --json 2>/dev/null >"$tmp/out"; }
# json FILE EXPR: a file of JSON Lines; with them as list `o`, the Python expression holds.
json() {
	python3 -c 'import json, sys
o = [json.loads(l) for l in open(sys.argv[1])]
if not eval(sys.argv[2]): sys.exit(f"{sys.argv[2]} does not hold")' "$1" "$2"
}

demo_as_documented() {
	replay xdp-firewall "$source/demo/demo.pcapng" --state "$source/demo/firewall.state" &&
		json "$tmp/out" 'o[-1]["frames"] == 498 and o[-1]["verdicts"] == {"XDP_PASS": 298, "XDP_DROP": 200}'
}
flows_of_the_demo_add_up() {
	replay xdp-flows "$source/demo/demo.pcapng" &&
		json "$tmp/out" 'sum(e["value"]["packets"] for e in o if e.get("map") == "flows") == 498 - 6' &&
		json "$tmp/out" '[e["value"]["kind"] for e in o if "event" in e].count("FLOW_NEW") == \
			sum(e.get("map") == "flows" for e in o)'
}
state_is_taken() {
	"$lb_state" "$tmp/lb.conf" >"$tmp/lb.state" &&
		replay xdp-lb "$source/demo/demo.pcapng" --state "$tmp/lb.state" &&
		json "$tmp/out" 'o[-1]["verdicts"]["XDP_TX"] > 150 and o[-1]["changed"] > 100'
}
backends_of_two_vips_have_one_number() {
	json "$tmp/lb.state" '[e["key"] for e in o if e["map"] == "backends"] == [1, 2, 3, 4]' &&
		json "$tmp/lb.state" 'set([e["value"]["backend"] for e in o if e["map"] == "tables"][2]) == {3}'
}
weights_are_shares() {
	json "$tmp/lb.state" '[e["value"]["backend"].count(2) for e in o if e["map"] == "tables"][0] == 16384 * 3 // 4' &&
		json "$tmp/lb.state" '[e["value"]["backend"].count(4) for e in o if e["map"] == "tables"][1] == 0'
}
reads_stdin() { "$lb_state" <"$tmp/lb.conf" | cmp - "$tmp/lb.state"; }
# refuses TEXT LINE...: these lines end with 1 and a message that has the text and the number of the last line.
refuses() {
	local text=$1
	shift
	printf '%s\n' "$@" >"$tmp/bad"
	"$lb_state" "$tmp/bad" >/dev/null 2>"$tmp/err"
	[ $? = 1 ] && grep -qF -- "$text" "$tmp/err" && grep -qF ":$#: " "$tmp/err" || { cat "$tmp/err"; return 1; }
}
vip='vip 192.0.2.1:80/tcp rewrite'

ok "the demo gives what its README says" demo_as_documented
ok "the flows of the demo have every IP frame of it, and each began with an event" flows_of_the_demo_add_up
ok "skep takes the state file that skep-lb-state writes" state_is_taken
ok "a backend of two VIPs has one number" backends_of_two_vips_have_one_number
ok "weights are shares, and weight 0 is none" weights_are_shares
ok "lines come from a file or from standard input" reads_stdin
ok "a backend without a VIP is refused" refuses "needs a vip line" "backend 192.0.2.11 02:00:00:00:00:0b"
ok "a VIP without a port is refused" refuses "not an address and a port" "vip 192.0.2.1/tcp rewrite"
ok "an unknown protocol is refused" refuses "'sctp'" "vip 192.0.2.1:80/sctp rewrite"
ok "an unknown mode is refused" refuses "'nat'" "vip 192.0.2.1:80/tcp nat"
ok "a port beyond 65535 is refused" refuses "not an address" "$vip" "backend 192.0.2.11:65536 02:00:00:00:00:0b"
ok "a bad MAC address is refused" refuses "not a MAC address" "$vip" "backend 192.0.2.11 02:00:00:00:00"
ok "a bad weight is refused" refuses "a weight is" "$vip" "backend 192.0.2.11 02:00:00:00:00:0b much"
ok "the same backend twice in a VIP is refused" refuses "twice" "$vip" "backend 192.0.2.11 02:00:00:00:00:0b" \
	"backend 192.0.2.11 02:00:00:00:00:0b"
ok "an unknown word is refused" refuses "begins with" "server 192.0.2.1"
tap_end
