#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A run from another terminal: its maps, its programs.
. "$(dirname "$0")/user.sh"

# A tree that sends datagrams and says for each 100 ms how many came back.
cat >"$tmp/beat.py" <<'PY'
import select, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.05)
sent = came = 0
while True:
    begin, got = time.time(), 0
    while time.time() - begin < 0.1:
        s.sendto(b"beat" * (1 + sent % 5), ("10.0.2.2", int(sys.argv[1]))); sent += 1
        try: s.recv(100); got += 1; came += 1
        except TimeoutError: pass
        # Late is not lost.
        while select.select([s], [], [], 0)[0]: s.recv(100); got += 1; came += 1
    print(got, sent, came, flush=True)
PY
start() { # OBJECTS...: a run named live
	"$skep" run $other_ways --name live "$@" --loopback "$udp" -- python3 "$tmp/beat.py" "$udp" >"$tmp/beat" 2>"$tmp/run-err" &
	run_pid=$!
	for _ in $(seq 200); do
		grep -q . "$tmp/beat" && return 0
		sleep 0.05
	done
	cat "$tmp/run-err"
	return 1
}
stop() {
	kill -TERM $run_pid
	wait $run_pid
	return 0
}
# on COMMAND...: a verb on that run; stdout in $tmp/out, stderr in $tmp/err.
on() { "$skep" "$@" --run live >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/out" "$tmp/err"; return 1; }; }
# beats TEST N: within two seconds a line whose first number is TEST N.
beats() {
	: >"$tmp/seen"
	for _ in $(seq 40); do
		sleep 0.05
		[ "$(tail -1 "$tmp/beat" | cut -d' ' -f1)" "$1" "$2" ] && return 0
	done
	tail -3 "$tmp/beat"
	return 1
}

start "$objects/run-switch.bpf.o" # not in a check, which has a shell of its own
ok "a run with a program that lets all pass" grep -q . "$tmp/beat"
ok "its links" on prog show
ok "... are named by point and program" says '^1 +xdp +look '
ok "its maps" on map show
ok "... by name" says '^verdict +array'
ok "frames pass" beats -gt 0
update() { on map update verdict 0 1; }
ok "a map is updated from here" update
ok "... and the traffic's fate with it" beats -eq 0
ok "... back" on map update verdict 0 2
ok "... frames pass again" beats -gt 0
ok "a map is read from here" on map dump seen
grew() {
	local a b
	on map lookup seen 0 --json && a=$(grep -oE '"value":[0-9]+' "$tmp/out" | cut -d: -f2) && sleep 0.3 &&
		on map lookup seen 0 --json && b=$(grep -oE '"value":[0-9]+' "$tmp/out" | cut -d: -f2) && [ "$b" -gt "$a" ]
}
ok "... while it grows" grew

# Frames of five lengths, and a map for two of them.
full_map() {
	on map dump lengths --json && [ "$(grep -c '"key"' "$tmp/out")" = 2 ] && on map lookup full 0 --json && says '"value":[1-9]'
}
ok "a map that is full keeps what it has, and the program goes on" full_map
beyond() { ! on map update lengths 4711 1 && grep -q "beyond the map's max_entries" "$tmp/err"; }
ok "... from here too, with the reason" beyond

# The replaced program counts in the same map, and no frame is lost or passes by uncounted.
replaced() {
	local before after
	on map lookup seen 0 --json && before=$(grep -oE '"value":[0-9]+' "$tmp/out" | cut -d: -f2)
	for _ in 1 2 3 4 5; do on prog replace look "$objects/run-switch.bpf.o" || return 1; done
	on map dump seen --json && after=$(grep -oE '"value":[0-9]+' "$tmp/out" | cut -d: -f2 | sort -n | tail -1) &&
		[ "$after" -gt "$before" ]
}
ok "a program is replaced while traffic flows, and its maps go on" replaced
nothing_lost() {
	sleep 0.3
	read -r _ sent came <<<"$(tail -1 "$tmp/beat")"
	read -r _ sent0 came0 <<<"$(grep -nE '^0 ' "$tmp/beat" | tail -1 | cut -d: -f2)"
	# Since the map let frames pass again, each that was sent has come back.
	[ $((sent - sent0)) -gt 100 ] && [ $((sent - sent0 - came + came0)) -le 1 ] || { tail -3 "$tmp/beat"; return 1; }
}
ok "... and no frame is lost" nothing_lost
other_type() { ! on prog replace look "$objects/run-tc-in.bpf.o" && complains "another type"; }
ok "a program of another type is refused" other_type
ok "another program is attached" on prog attach "$objects/run-xdp-udp.bpf.o"
ok "... it drops" beats -eq 0
ok "... and is detached" on prog detach drop
ok "... frames pass again" beats -gt 0
bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool)
if [ -n "$bpftool" ] && [ -e "$(dirname "$skep")/libskep-preload.so" ]; then
	ok "bpftool sees the run" sh -c "'$skep' hive exec live -- '$bpftool' prog show | grep -q 'name look'"
fi
# An object that others made: xdp-filter of Debian's xdp-tools. Its map of ports, by the port in network byte order: 8 UDP, 1 the frame's source.
filter=$(find /usr/lib -name xdpfilt_alw_udp.o 2>/dev/null | head -1)
if [ -n "$filter" ]; then
	stop
	: >"$tmp/beat"
	start "$filter"
	port=$(python3 -c 'import socket, sys; print(socket.htons(int(sys.argv[1])))' "$udp")
	ok "an object of others: frames pass" beats -gt 0
	ok "... its map is updated from here" on map update filter_ports "$port" 9
	ok "... and its traffic's fate with it" beats -eq 0
	ok "... back" on map update filter_ports "$port" 0
	ok "... frames pass again" beats -gt 0
else
	skip "an object of others" "xdp-tools is not there"
fi
no_such() { ! "$skep" map show --run nobody 2>"$tmp/err" && complains "no hive 'nobody' is running"; }
ok "a run that is not there is named" no_such
inside() {
	"$skep" run $other_ways -q -- "$skep" map show --run live >"$tmp/out" 2>"$tmp/err" && return 1
	[ ! -s "$tmp/out" ]
}
ok "a run is not seen from inside a tree" inside
stop
gone() { ! "$skep" hive list 2>/dev/null | grep -q '^live'; }
ok "the run is gone from the list" gone
tap_end
