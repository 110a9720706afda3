#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What socket calls cost a command: by itself, in skep's namespaces, and with --net=calls. Medians of seven runs each, in turns.
# net_calls.sh SKEP
set -u
skep=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'kill $server 2>/dev/null; rm -rf "$tmp"' EXIT
cc -O2 -o "$tmp/net-calls" "$here/net_calls.c" || exit 1
"$tmp/net-calls" >"$tmp/port" &
server=$!
until [ -s "$tmp/port" ]; do sleep 0.05; done
read -r quick port <"$tmp/port"
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
row() {
	local what=$1 n=$2 unit=$3 i port=$port
	[ "$what" != connect ] || port=$quick
	for i in 1 2 3 4 5 6 7; do
		"$tmp/net-calls" "$what" "$port" "$n" >>"$tmp/$what.native"
		"$skep" run -q --loopback "$quick" --loopback "$port" -- "$tmp/net-calls-host" "$what" "$port" "$n" >>"$tmp/$what.namespaces" 2>/dev/null
		"$skep" run -q --net=calls --loopback "$quick" --loopback "$port" -- "$tmp/net-calls" "$what" "$port" "$n" >>"$tmp/$what.calls"
	done
	printf '%-28s %10s %12s %10s   %s\n' "$what" "$(median <"$tmp/$what.native")" "$(median <"$tmp/$what.namespaces")" "$(median <"$tmp/$what.calls")" "$unit"
}
sed "s/to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}/to = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000202)}}/" "$here/net_calls.c" >"$tmp/host.c" && cc -O2 -o "$tmp/net-calls-host" "$tmp/host.c" || exit 1
printf '%-28s %10s %12s %10s\n' "" native namespaces calls
row connect 2000 "us for socket, connect and close"
row send 20000 "us for a datagram of 100 bytes with an address"
row up 400 Gbit/s
row down 400 Gbit/s
