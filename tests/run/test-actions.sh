#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What programs can do to frames, with real traffic: a datagram to an echo outside, and what becomes of it.
. "$(dirname "$0")/user.sh"

# Sends "twelve bytes" to the echo, and prints what comes back within half a second.
cat >"$tmp/say.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5)
s.sendto(b"twelve bytes", ("10.0.2.2", int(sys.argv[1])))
try: print(s.recv(100).decode())
except TimeoutError: print("nothing")
PY
say() { # OPTIONS AND OBJECTS...
	: >"$tmp/log"
	exits 0 "$@" --loopback "$udp" -- python3 "$tmp/say.py" "$udp"
}
objects() { for o; do echo "$objects/run-$o.bpf.o"; done; }
# came N: the echo outside saw that many datagrams.
came() { [ "$(grep -c '^udp' "$tmp/log")" "$@" ] || { cat "$tmp/log"; return 1; }; }

none() { say && prints "twelve bytes" && came = 1; }
ok "without a program: there and back" none
redirect() { say "$(objects redirect)" && prints nothing && came -ge 3; }
ok "xdp: a redirect to the interface sends a frame back where it came from" redirect
devmap() {
	: >"$tmp/log"
	"$skep" run $other_ways --name map "$(objects devmap)" --loopback "$udp" -- sh -c "cat /proc/net/dev >/dev/null; ip -o link show eth0; python3 '$tmp/say.py' $udp; read -r _; python3 '$tmp/say.py' $udp" \
		<"$tmp/go" >"$tmp/out" 2>"$tmp/err" &
	local pid=$! index
	exec 8>"$tmp/go"
	for _ in $(seq 100); do grep -q bytes "$tmp/out" && break; sleep 0.05; done
	index=$(grep -oE '^[0-9]+: eth0' "$tmp/out" | cut -d: -f1)
	"$skep" map update ports 0 "$index" --run map && echo go >&8
	wait $pid
	exec 8>&-
	[ "$(grep -c 'twelve bytes' "$tmp/out")" = 1 ] && says '^nothing' && came -ge 4
}
mkfifo "$tmp/go"
ok "xdp: a redirect through a devmap that is filled while it runs" devmap
for_map() { say "$(objects for-map)" && prints "twelve bytes" && complains "program 'for_map' .* is loaded but not attached"; }
ok "xdp: a program for a map's elements is not attached to the interface" for_map
elsewhere() { say "$(objects elsewhere)" && prints nothing && came = 0 && complains "dropped: redirected to an interface that is not there"; }
ok "a redirect to an interface that is not there drops, and says so" elsewhere
answer() { say "$(objects answer)" && prints "twelve bytes" && came = 0; }
ok "tc: a frame is turned round into the tree" answer
cut() { say "$(objects cut)" && prints "twel" && came = 1; }
ok "tc: a frame's tail is cut on its way out" cut
meta() { say "$(objects meta)" && prints nothing && came = 1 && complains "dropped: tc ingress"; }
ok "what xdp writes in front of a frame, tc reads" meta
head() { say "$(objects head)" && complains 'a frame of 88b5, 68 bytes'; }
ok "xdp: a frame that was made longer in front comes to tc so" head
unknown() { say "$(objects unknown)" && prints nothing && complains "dropped: xdp"; }
ok "xdp: a verdict that it does not know drops" unknown
ends() { say "$(objects ends)" "$(objects tc-in-udp)" && prints "twelve bytes"; }
ok "tc: TC_ACT_OK ends the point" ends
goes_on() { say "$(objects meta)" "$(objects tc-in-udp)" && prints nothing; }
ok "... TC_ACT_UNSPEC does not" goes_on
shared() { say "$(objects pin-in)" "$(objects pin-out)" && complains 'shared 2'; }
ok "objects share a map that is pinned by its name" shared
both() { say "$(objects cgroup-udp)" && prints nothing && came = 0; }
ok "cgroup_skb: one that says 0 drops, whatever others say" both
place() { say "$(objects place)" && complains 'cgroup [1-9]'; }
grep -q ' - cgroup2 ' /proc/self/mountinfo && ok "the thread that runs programs knows its control group" place
interpreted() { say --interpret "$(objects answer)" && prints "twelve bytes" && came = 0; }
ok "the same in the interpreter" interpreted
tap_end
