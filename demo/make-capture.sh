#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes demo.pcapng: real programs in two network namespaces, a veth pair between them, dumpcap on the server's end.
#
# Needs root, and: iproute2, iputils-ping, curl, python3, wireshark-common (dumpcap). Touches nothing but its own two
# namespaces, which are gone when it ends. Takes five seconds.
#
# usage: sudo demo/make-capture.sh [OUT.pcapng]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${1:-$here/demo.pcapng}")
[ "$(id -u)" = 0 ] || { echo "make-capture.sh: needs root for network namespaces" >&2; exit 1; }
for tool in ip ping curl python3 dumpcap; do
	command -v $tool >/dev/null || { echo "make-capture.sh: $tool is missing" >&2; exit 1; }
done

client=skep-demo-client-$$
server=skep-demo-server-$$
work=$(mktemp -d)
pids=()
finish() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
	ip netns del $client 2>/dev/null || true
	ip netns del $server 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT

c() { ip netns exec $client "$@"; }
s() { ip netns exec $server "$@"; }

# The office (192.0.2.10, 2001:db8::10) is welcome. 198.51.100.0/24 and 2001:db8:bad::/48 are not,
# but for the partner 198.51.100.7.
ip netns add $client
ip netns add $server
c ip link add eth0 address 02:00:00:00:00:0a type veth peer name eth0 address 02:00:00:00:00:01 netns $server
for ns in $client $server; do
	ip netns exec $ns sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.router_solicitations=0
	ip netns exec $ns ip link set lo up
	ip netns exec $ns python3 "$here/offloads_off.py" eth0
done
c ip addr add 192.0.2.10/24 dev eth0
c ip addr add 198.51.100.7/24 dev eth0
c ip addr add 198.51.100.66/24 dev eth0
c ip addr add 2001:db8::10/64 dev eth0
c ip addr add 2001:db8:bad::66/64 dev eth0
s ip addr add 192.0.2.1/24 dev eth0
s ip addr add 2001:db8::1/64 dev eth0

# What the server serves.
mkdir "$work/www"
printf '<!doctype html><title>Bees</title><p>A skep is a straw hive.\n' >"$work/www/index.html"
seq 1 2500 >"$work/www/numbers.txt"
cd "$work/www"
in_server=(ip netns exec $server) # execs: the pid is the program's own
"${in_server[@]}" python3 -m http.server --bind :: 80 >/dev/null 2>&1 & pids+=($!)
"${in_server[@]}" python3 "$here/servers.py" "$work/ready" & pids+=($!)

# From before the client's end comes up, so that neighbour discovery is in the capture too.
s ip link set eth0 up
"${in_server[@]}" dumpcap -q -i eth0 -P -w "$work/raw.pcap" >"$work/dumpcap.log" 2>&1 & pids+=($!)
dumpcap_pid=$!
for i in $(seq 100); do
	[ -s "$work/raw.pcap" ] && [ -e "$work/ready" ] && break
	[ "$i" = 100 ] && { echo "make-capture.sh: nothing listens after 10 s" >&2; cat "$work/dumpcap.log" >&2; exit 1; }
	sleep 0.1
done
c ip link set eth0 up
s ip route add 198.51.100.0/24 dev eth0
s ip route add 2001:db8:bad::/64 dev eth0
for i in $(seq 50); do
	s curl -s -o /dev/null --max-time 1 http://127.0.0.1/ && break
	sleep 0.1
done

printf 'nameserver 192.0.2.1\noptions timeout:2 attempts:1\n' >"$work/resolv.conf"
# resolve COMMAND...: with the demo's name server.
resolve() {
	c unshare -m sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$work/resolv.conf" "$@"
}
client_py() { c python3 "$here/clients.py" "$@"; }

echo "the office: web, names, ping, a chat"
resolve curl -4 -s -o /dev/null http://www.example.com/index.html
resolve curl -6 -s -o /dev/null http://www.example.com/numbers.txt
resolve curl -4 -s -o /dev/null http://shop.example.net/numbers.txt
resolve curl -s -o /dev/null http://no-such.example.org/ || true
c ping -q -c 4 -i 0.2 192.0.2.1 >/dev/null
c ping -q -6 -c 4 -i 0.2 2001:db8::1 >/dev/null
c ping -q -c 2 -i 0.2 -s 3000 192.0.2.1 >/dev/null
c ping -q -6 -c 2 -i 0.2 -s 3000 2001:db8::1 >/dev/null
client_py talk 192.0.2.10 192.0.2.1 4444 "hello" "is anybody there?" "good bye"
client_py talk 2001:db8::10 2001:db8::1 4444 "the same over IPv6" "good bye"

echo "tagged frames: VLAN 42, and 42 in 7 (nobody answers these)"
client_py tagged 192.0.2.10 192.0.2.1 5000 42
client_py tagged 198.51.100.66 192.0.2.1 5000 42
client_py tagged 192.0.2.10 192.0.2.1 5000 7 42

echo "the partner, and those around it"
c curl -s -o /dev/null --interface 198.51.100.7 http://192.0.2.1/numbers.txt
client_py talk 198.51.100.66 192.0.2.1 23 "root" "123456"
client_py talk 192.0.2.10 192.0.2.1 23 "admin" "admin"
client_py scan 198.51.100.66 192.0.2.1 21 22 23 25 53 80 110 135 139 143 389 443 445 993 995 1433 1521 3306 3389 \
	4444 5432 5900 6379 8000 8080 8443 9200 11211 27017
client_py scan 2001:db8:bad::66 2001:db8::1 21 22 23 80 443 3306 4444 5432 6379 8080
client_py burst 198.51.100.66 192.0.2.1 5000 120 64
client_py burst 192.0.2.10 192.0.2.1 5000 40 200
client_py burst 192.0.2.10 192.0.2.1 9 5 32
client_py burst 192.0.2.10 192.0.2.1 5000 2 4000

sleep 1
kill $dumpcap_pid
wait $dumpcap_pid || true
python3 "$here/plain_pcapng.py" "$work/raw.pcap" "$out" eth0
