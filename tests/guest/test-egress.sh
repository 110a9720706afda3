#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep deploy egress-firewall on Linux 6.1: its verifier takes the programs, filters of clsact hold them (tcx came with 6.6), and a policy is put in another's place.
set -u
. "$(dirname "$0")/../tap.sh"
: "${objects:?}" # from init
tmp=$(mktemp -d)
mkdir -p /run/netns
ip netns add outer && ip netns add inner && ip link add vo netns outer type veth peer name vi netns inner
outer() { ip netns exec outer "$@"; }
inner() { ip netns exec inner "$@"; }
ip -n outer addr add 10.94.0.1/24 dev vo && ip -n outer addr add 10.94.0.3/24 dev vo && ip -n inner addr add 10.94.0.2/24 dev vi
ip -n outer addr add 192.0.2.53/32 dev vo
for ns in outer inner; do ip -n $ns link set lo up; done
ip -n outer link set vo up && ip -n inner link set vi up
ip -n inner route add 192.0.2.53/32 dev vi
mkdir -p "$tmp/www" && echo hello >"$tmp/www/index.html"
outer busybox httpd -f -p 80 -h "$tmp/www" &
children=$!
outer names 192.0.2.53 one.test=10.94.0.1 two.test=10.94.0.3 &
children="$children $!"
mkdir -p /etc/netns/inner
touch /etc/resolv.conf
echo 'nameserver 192.0.2.53' >/etc/netns/inner/resolv.conf

run() { skep "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || { cat "$tmp/out" "$tmp/err"; return 1; }; }
# get NAME|ADDRESS [HOST]: over HTTP, by bash itself (busybox's static wget cannot resolve names). The request in one piece: bash would send it line by line.
get() {
	printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "${2:-$1}" >"$tmp/request"
	inner busybox timeout 20 bash -c 'exec 3<>"/dev/tcp/$0/80" && cat "$1" >&3 && tail -n 1 <&3' "$1" "$tmp/request"
}
refused() { ! get "$@" >"$tmp/got" 2>&1 && grep -qE 'Connection refused|Connection reset|name resolution' "$tmp/got" || { cat "$tmp/got"; return 1; }; }
reachable() { [ "$(get one.test)" = hello ] && [ "$(get two.test)" = hello ] && [ "$(get 10.94.0.3)" = hello ]; }
ok "without it all servers are there" reachable
deploys() { run deploy egress-firewall --no-check --netns inner --iface vi --allow one.test && grep -q 'answers of 192.0.2.53' "$tmp/err" && inner tc filter show dev vi egress | grep -q egress_out; }
ok "the programs load, and are filters of clsact" deploys
holds() { [ "$(get one.test)" = hello ] && refused two.test && refused 10.94.0.3; }
ok "a name is reached, others are refused at once" holds
replaces() { run deploy egress-firewall --no-check --replace --allow 10.94.0.3,one.test && [ "$(get 10.94.0.3)" = hello ] && [ "$(get 10.94.0.1 one.test)" = hello ] && run deploy egress-firewall --no-check --replace --allow 10.94.0.3 && refused 10.94.0.1 one.test; }
ok "--replace: the new rules hold, names that were looked up stay known" replaces
tells() {
	busybox timeout -s INT 5 skep map events --kernel egress-firewall >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	sleep 2
	refused 10.94.0.1
	wait $pid
	grep -qx 'refused: tcp 10.94.0.1:80 (one.test): no rule allows it' "$tmp/out" || { cat "$tmp/out" "$tmp/err"; return 1; }
}
ok "refusals are told" tells
tagged() {
	ip -n inner link add link vi name vi.5 type vlan id 5 && ip -n outer link add link vo name vo.5 type vlan id 5 && ip -n inner addr add 10.95.0.2/24 dev vi.5 && ip -n outer addr add 10.95.0.1/24 dev vo.5 &&
		ip -n inner link set vi.5 up && ip -n outer link set vo.5 up || return 1
	run deploy egress-firewall --no-check --replace --allow 10.94.0.3 && refused 10.95.0.1 && run deploy egress-firewall --no-check --replace --allow 10.95.0.1 && [ "$(get 10.95.0.1)" = hello ] && refused 10.94.0.3
}
ok "what passes in a VLAN of the interface is held to the policy, too" tagged
leaves() { run undeploy egress-firewall && [ -z "$(inner tc filter show dev vi egress)" ] && [ "$(get two.test)" = hello ]; }
ok "undeploy: the interface is as it was" leaves
kill $children
ip netns del outer
ip netns del inner
rm -rf "$tmp" /etc/netns
tap_end
