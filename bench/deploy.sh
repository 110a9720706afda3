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
command -v nft >/dev/null || { echo "deploy.sh: nft is not installed" >&2; exit 77; }
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
received() { ip netns exec inner cat /proc/net/snmp | awk '/^Ip: [0-9]/ { print $4 }'; }
# flood WHAT: the best of some rounds; nothing may come through.
flood() {
	local what=$1 best=0 before after line rate
	before=$(received)
	for _ in $(seq "$rounds"); do
		line=$(ip netns exec outer "$build/bench/bench-flood" vo "$seconds" "$tmp/addresses")
		rate=$(awk '{ printf "%d", $1 * 1e9 / $2 }' <<<"$line")
		[ "$rate" -le "$best" ] || best=$rate
	done
	after=$(received)
	[ "$what" = "nothing attached" ] || [ "$after" -le $((before + 50)) ] || { echo "deploy.sh: $what: $((after - before)) frames came through" >&2; exit 1; }
	awk -v n="$n" -v what="$what" -v r="$best" 'BEGIN { printf "%8d rules  %-34s %6.2f million a second, %5.0f ns each\n", n, what, r / 1e6, 1e9 / r }'
}
echo "frames sent by one core and dropped at the other end of a veth pair; the best of $rounds rounds of $seconds s"
n=0
echo 11.0.0.1 >"$tmp/addresses"
flood "nothing attached"
echo '{"map":"config","key":0,"value":{"unmatched":"DROP","other":"DROP"}}' >"$tmp/state"
for mode in native generic; do
	"$skep" deploy xdp-firewall --netns inner --iface vi --xdp-mode $mode --state "$tmp/state" >/dev/null
	flood "xdp-firewall that drops all, $mode"
	"$skep" undeploy xdp-firewall
done
for n in 10 1000 100000; do
	rules $n
	for mode in native generic; do
		"$skep" deploy xdp-firewall --netns inner --iface vi --xdp-mode $mode --state "$tmp/state" >/dev/null
		flood "xdp-firewall, $mode"
		"$skep" undeploy xdp-firewall
	done
	ip netns exec inner nft -f "$tmp/set.nft"
	flood "nftables, one set"
	ip netns exec inner nft delete table netdev fw
	if timeout 300 ip netns exec inner nft -f "$tmp/list.nft"; then
		flood "nftables, a rule each"
		ip netns exec inner nft delete table netdev fw
	fi
done
