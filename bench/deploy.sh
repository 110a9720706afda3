#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The XDP firewall in the kernel beside nftables with the same rules, on a veth pair: frames that one core sends and that are all dropped, a second.
# usage: deploy.sh BUILD-FOLDER [SECONDS] [ROUNDS]    as root; namespaces, bpffs and rules are the benchmark's own
set -euo pipefail
build=$(cd "$1" && pwd) seconds=${2:-2} rounds=${3:-3}
skep=$build/skep
if [ -z "${SKEP_BENCH_MOUNTS:-}" ]; then
	SKEP_BENCH_MOUNTS=1 exec unshare -m bash "$0" "$build" "$seconds" "$rounds"
fi
[ "$(id -u)" = 0 ] || { echo "deploy.sh: root is needed" >&2; exit 77; }
for tool in nft ethtool; do command -v $tool >/dev/null || { echo "deploy.sh: $tool is not installed" >&2; exit 77; }; done
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/netns && mount -t tmpfs none /run/netns
tmp=$(mktemp -d)
ip netns add outer
ip netns add inner
trap '"$skep" undeploy --all >/dev/null 2>&1; ip netns del outer; ip netns del inner; rm -rf "$tmp"' EXIT
ip link add vo netns outer type veth peer name vi netns inner
for ns in outer inner; do ip netns exec $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done
ip -n outer link set vo address 02:00:00:00:00:01 up
ip -n inner link set vi address 02:00:00:00:00:02 up
ip -n inner addr add 10.94.0.2/24 dev vi

# rules N: N prefixes, and an address out of each.
rules() {
	python3 - "$1" "$tmp" <<'PY'
import random, sys
n, to = int(sys.argv[1]), sys.argv[2]
r = random.Random(n)
seen = {}
while len(seen) < n:
    length = r.choice([24, 28, 32])
    addr = (r.randrange(11, 120) << 24 | r.getrandbits(24)) >> 32 - length << 32 - length
    if any(addr >> 32 - l << 32 - l in seen for l in (24, 28, 32)):
        continue
    seen[addr] = length
text = lambda a: ".".join(str(a >> s & 255) for s in (24, 16, 8, 0))
# nftables' interval sets want no overlap.
whole = {a for a, l in seen.items() if l == 24}
seen = {a: l for a, l in seen.items() if l == 24 or a >> 8 << 8 not in whole}
mid = {a for a, l in seen.items() if l == 28}
seen = {a: l for a, l in seen.items() if l != 32 or a >> 4 << 4 not in mid}
with open(to + "/state", "w") as state, open(to + "/list.nft", "w") as chain, open(to + "/set.nft", "w") as named, open(to + "/addresses", "w") as addresses:
    chain.write("table netdev fw {\nchain in { type filter hook ingress device vi priority 0;\n")
    for a, l in seen.items():
        state.write('{"map":"rules4","key":{"prefixlen":%d,"addr":"%s"},"value":{"source":"DROP"}}\n' % (l, text(a)))
        chain.write("ip saddr %s/%d drop\n" % (text(a), l))
        addresses.write(text(a | r.getrandbits(32 - l) if l < 32 else a) + "\n")
    chain.write("}\n}\n")
    named.write("table netdev fw {\nset bad { type ipv4_addr; flags interval; elements = {\n" + ",\n".join("%s/%d" % (text(a), l) for a, l in seen.items()) +
                "\n} }\nchain in { type filter hook ingress device vi priority 0; ip saddr @bad drop\n}\n}\n")
lines = open(to + "/addresses").read().split()
r.shuffle(lines)
open(to + "/addresses", "w").write("\n".join(lines) + "\n")
PY
}
# What has come to vi, by what it is that drops: the firewall's own count, or the interface's.
dropped() {
	if [ "$1" = xdp ]; then
		"$skep" map dump counters --kernel xdp-firewall --json | python3 -c '
import json, sys
print(sum(c["dropped"] for l in sys.stdin for v in json.loads(l)["values"] for c in v.values()))'
	else
		ip netns exec inner cat /sys/class/net/vi/statistics/rx_packets
	fi
}
received() { ip netns exec inner cat /proc/net/snmp | awk '/^Ip: [0-9]/ { print $4 }'; }
# flood HOW WHAT: the best of some rounds; nothing may come through.
flood() {
	local how=$1 what=$2 best=0 through from line rate
	through=$(received)
	for _ in $(seq "$rounds"); do
		from=$(dropped "$how")
		line=$(ip netns exec outer "$build/bench/bench-flood" "$build/bench/flood.bpf.o" vo "$seconds" "$tmp/addresses")
		sleep 0.2
		rate=$(awk -v from="$from" -v to="$(dropped "$how")" '{ printf "%d", (to - from) * 1e9 / $2 }' <<<"$line")
		[ "$rate" -le "$best" ] || best=$rate
	done
	through=$(($(received) - through))
	[ "$through" -le 50 ] || { echo "deploy.sh: $what: $through frames came through" >&2; exit 1; }
	awk -v n="$n" -v what="$what" -v r="$best" 'BEGIN { printf "%8d rules  %-34s %7.3f million a second  %8.0f ns each\n", n, what, r / 1e6, 1e9 / r }'
}
echo "frames that one core makes and drops, at the other end of a veth pair; the best of $rounds rounds of $seconds s"
# Frames that a program sends by veth are taken by NAPI, which the other end has with GRO.
ip netns exec inner ethtool -K vi gro on
n=0
echo 11.0.0.1 >"$tmp/addresses"
echo '{"map":"config","key":0,"value":{"unmatched":"DROP","other":"DROP"}}' >"$tmp/state"
for mode in native generic; do
	"$skep" deploy xdp-firewall --netns inner --iface vi --xdp-mode $mode --state "$tmp/state" >/dev/null
	flood xdp "xdp-firewall that drops all, $mode"
	"$skep" undeploy xdp-firewall
done
for n in 10 1000 100000; do
	rules $n
	for mode in native generic; do
		"$skep" deploy xdp-firewall --netns inner --iface vi --xdp-mode $mode --state "$tmp/state" >/dev/null
		flood xdp "xdp-firewall, $mode"
		"$skep" undeploy xdp-firewall
	done
	ip netns exec inner nft -f "$tmp/set.nft"
	flood nft "nftables, one set"
	ip netns exec inner nft delete table netdev fw
	if timeout 300 ip netns exec inner nft -f "$tmp/list.nft"; then
		flood nft "nftables, a rule each"
		ip netns exec inner nft delete table netdev fw
	fi
done
