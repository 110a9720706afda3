#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The network of skep run beside slirp4netns and plain loopback, in one run: iperf3 in both directions, small frames, round trips, connects, DNS. With skep an XDP
# program and the egress firewall (tc) are attached. arguments: BUILD [SECONDS]
set -euo pipefail
build=$1
seconds=${2:-3}
skep=$build/skep
for need in "$skep" "$build/bench/udp-rate"; do
	[ -x "$need" ] || { echo "run.sh: $need is not built (./dev bench builds it)" >&2; exit 1; }
done
here=$(dirname "$0")
tmp=$(mktemp -d)
cleanup() {
	[ ! -s "$tmp/iperf.pid" ] || kill "$(tr -d '\0' <"$tmp/iperf.pid")" 2>/dev/null || true
	[ -z "${peers:-}" ] || kill "$peers" "$rate_server" 2>/dev/null || true
	[ -z "${slirp:-}" ] || kill "$slirp" 2>/dev/null || true
	[ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT
port=$((20000 + $$ % 10000))
iperf3 -s -p $port -B 127.0.0.1 -D --logfile "$tmp/iperf.log" --pidfile "$tmp/iperf.pid"
python3 "$here/net_probe.py" serve "$tmp/ports" &
peers=$!
"$build/bench/udp-rate" serve "$tmp/rate" &
rate_server=$!
until [ -s "$tmp/ports" ] && [ -s "$tmp/rate" ]; do sleep 0.05; done
read -r echo_port tcp_port dns_port <"$tmp/ports"

# Ways to run a command: how it reaches this machine's loopback, and by which address.
plain() { to=127.0.0.1 via=() ; }
with_skep() { # MTU
	to=10.0.2.2
	via=("$skep" run -q --mtu "$1" xdp-firewall --dns "127.0.0.1:$dns_port" --allow "host,bench.example" --)
}
with_slirp() { # MTU
	[ -z "${slirp:-}" ] || { kill "$slirp" "$holder"; wait "$slirp" "$holder" 2>/dev/null || true; }
	unshare -rn sh -c 'echo $$ >"$0"; exec sleep 600' "$tmp/holder" &
	until [ -s "$tmp/holder" ]; do sleep 0.05; done
	holder=$(cat "$tmp/holder")
	: >"$tmp/holder"
	slirp4netns -c --mtu="$1" "$holder" tap0 >"$tmp/slirp.log" 2>&1 &
	slirp=$!
	sleep 1
	to=10.0.2.2
	via=(nsenter -U -n --preserve-credentials -t "$holder")
}

# gbit ARGS...: what the receiver got, in Gbit/s
gbit() {
	"${via[@]}" iperf3 -c $to -p $port -t "$seconds" -J "$@" 2>/dev/null | python3 -c '
import json, sys
try: print("%9.2f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e9), end="")
except Exception: print("        -", end="")'
}
# small up|down: 120,000 datagrams of 64 bytes a second: how many came, and what share was lost
small() {
	"${via[@]}" "$build/bench/udp-rate" "$1" $to "$(cat "$tmp/rate")" 120000 "$seconds" || printf '          -        '
}
row() { # NAME
	printf '%-26s' "$1"
	gbit
	gbit -R
	gbit -P 8
	gbit -P 8 -R
	gbit -u -b 2G -l 1400
	gbit -u -b 2G -l 1400 -R
	small up
	small down
	"${via[@]}" python3 "$here/net_probe.py" probe $to "$echo_port" "$tcp_port"
	echo
}
echo "                          |------- TCP, Gbit/s -------------| |-- UDP 1400 B --| |--- UDP 64 B, 120,000/s asked for ----|  round   connect"
echo "                                up     down   8 up   8 down       up     down                 up                down  trip us      us"
plain
row "loopback"
with_slirp 1500
row "slirp4netns, MTU 1500"
with_slirp 65520
row "slirp4netns, MTU 65520"
with_skep 1500
row "skep run, MTU 1500"
with_skep 65520
row "skep run (MTU 65520)"
printf '\nA look-up by DNS through skep run: '
"${via[@]}" python3 "$here/net_probe.py" dns
