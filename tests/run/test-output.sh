#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What a run writes besides its summary.
. "$(dirname "$0")/user.sh"

# json FILE EXPR: of the list l of FILE's lines the Python expression holds.
json() {
	python3 -c 'import json, sys
all_lines = [json.loads(x) for x in open(sys.argv[1])]
l = [x["flow"] for x in all_lines if "flow" in x]
if not eval(sys.argv[2]): sys.exit(f"{sys.argv[2]} does not hold for {l}")' "$1" "$2"
}
ok "a run with all of them" exits 0 --dns "127.0.0.1:$dns" --loopback "$http" --flows "$tmp/flows" --pcapng "$tmp/pcapng" --metrics "$tmp/metrics" -- \
	sh -c "curl -sS http://host:$http/ >/dev/null; curl -s -m 2 http://host:1/; getent hosts a.test >/dev/null"
tcp="[f for f in l if f['l4'].get('TCP', {}).get('destination_port') == $http and f['IP']['destination'] in ('10.0.2.2', 'fd00::2')]"
ok "the flow log has each flow's beginning and end" json "$tmp/flows" "{f['event'] for f in $tcp} == {'begin', 'end'}"
ok "... its process and that one's parents" json "$tmp/flows" \
	"all(f['process']['binary'].endswith('/curl') and f['process']['parents'][0]['arguments'].startswith('sh -c') for f in $tcp)"
ok "... its name" json "$tmp/flows" "all(f['destination_names'] == ['host'] for f in $tcp)"
ok "... and its frames" json "$tmp/flows" "any(f['event'] == 'end' and f['totals']['egress']['frames'] > 3 and f['totals']['ingress']['bytes'] > 200 for f in $tcp)"
ok "... and what was lost, at its end" json "$tmp/flows" \
	"all_lines[-1]['lost_events']['num_events_lost'] == 0 and all_lines[-1]['lost_events']['interface_full'] == 0"
ok "a frame that was dropped says why" json "$tmp/flows" \
	"any(f['verdict'] == 'DROPPED' and f['l4']['TCP']['destination_port'] == 1 and 'loopback is closed' in f['decided_by']['reason'] for f in l if 'TCP' in f['l4'])"
ok "directions are the flow's" json "$tmp/flows" "all(f['traffic_direction'] == 'EGRESS' and not f['is_reply'] for f in $tcp)"
if command -v tshark >/dev/null; then
	frames() { tshark -r "$tmp/pcapng" -Y "$1" -T fields -e frame.comment 2>/dev/null; }
	dropped() { frames "tcp.dstport == 1" | grep -q '^skep: out, dropped; .*loopback is closed; curl ('; }
	ok "pcapng: the frame that was dropped, with reason and process" dropped
	statistics() {
		[ "$(tshark -r "$tmp/pcapng" -T fields -e frame.number 2>/dev/null | tail -1)" = "$(python3 -c 'import struct, sys
data, at = open(sys.argv[1], "rb").read(), 0
while at < len(data):
    kind, size = struct.unpack_from("<II", data, at)
    if kind == 5: print(struct.unpack_from("<Q", data, at + 24)[0] if struct.unpack_from("<Q", data, at + 36)[0] == 0 else "lost")
    at += size' "$tmp/pcapng")" ]
	}
	ok "... how many there were, and that none was lost" statistics
	in_order() { [ "$(frames "tcp.port == $http" | head -2 | cut -c1-9 | tr '\n' ' ')" = "skep: out skep: in, " ]; }
	ok "... frames stand in the order in which they came" in_order
fi
counted() {
	local forwarded
	forwarded=$(grep -oE '^skep_frames_total\{direction="egress",verdict="forwarded"\} [0-9]+' "$tmp/metrics" | grep -oE '[0-9]+$')
	[ "$forwarded" -gt 5 ] && grep -q '^skep_dropped_total{hook="gate"} [1-9]' "$tmp/metrics" && grep -q '^# TYPE skep_flows_total counter' "$tmp/metrics"
}
ok "metrics: frames and drops are counted" counted
endpoint() {
	"$skep" run $other_ways -q --metrics 127.0.0.1:0 -- true 2>"$tmp/err" || return 1
	local port=$((20000 + $$ % 20000))
	"$skep" run $other_ways -q --metrics "127.0.0.1:$port" -- sleep 2 &
	local pid=$!
	for _ in $(seq 60); do
		curl -s "http://127.0.0.1:$port/metrics" >"$tmp/out" && break
		sleep 0.05
	done
	says '^skep_flows_total [0-9]+' && curl -s -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$port/" | grep -q 405
	local ret=$?
	kill -TERM $pid
	wait $pid
	return $ret
}
ok "metrics: an HTTP endpoint" endpoint
whose() { # among many processes: sockets that connect, sockets that do not, sockets that a child was given
	exits 0 --loopback "$http,$udp" --flows "$tmp/whose" -- python3 -c '
import os, socket, sys, time
http, udp = int(sys.argv[1]), int(sys.argv[2])
given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def child():
    for kind in range(4):
        if kind == 3: s = given
        else: s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 0 else socket.SOCK_DGRAM)
        if kind == 0: s.connect(("10.0.2.2", http))
        elif kind == 1: s.connect(("10.0.2.2", udp)); s.send(b"x"); s.recv(1)
        else: s.sendto(b"x", ("10.0.2.2", udp)); s.recv(1)
        print(kind, os.getpid(), s.getsockname()[1], flush=True)
for _ in range(300):
    if not os.fork(): time.sleep(60); os._exit(0)
for i in range(10):
    pid = os.fork()
    if not pid:
        try: child()
        finally: os._exit(0)
    os.waitpid(pid, 0)
    given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)' "$http" "$udp" || return 1
	python3 -c 'import json, sys
seen = {}
for line in open(sys.argv[1]):
    f = json.loads(line).get("flow")
    if not f: continue # the last line: what was lost
    if f["event"] == "begin":
        # A port may be had again, and there is one of each number for TCP and for UDP.
        proto, l4 = next(iter(f["l4"].items()))
        seen.setdefault((proto, l4.get("source_port")), set()).add((f["process"] or {}).get("pid"))
own = [l.split() for l in open(sys.argv[2])]
assert len(own) == 40, own
of = lambda k, q: seen.get(("UDP" if int(k) else "TCP", int(q)), set())
# Two children may have had one port, one after the other: then it is one flow, the first one'"'"'s.
had = lambda k, q: {int(p) for j, p, r in own if r == q and (j == "0") == (k == "0")}
wrong = [(k, p, q, of(k, q)) for k, p, q in own if k != "3" and not of(k, q) & had(k, q)]
assert not wrong, wrong
assert all(of(k, q) - {None} for k, p, q in own), own' "$tmp/whose" "$tmp/out"
}
ok "a socket's process is found among hundreds" whose
full() { exits 0 --flows /dev/full --loopback "$http" -- curl -sS -o /dev/null "http://10.0.2.2:$http/" && complains 'flows /dev/full: No space left'; }
ok "a full disk is told, and the command is not disturbed" full
full_pcapng() { exits 0 --pcapng /dev/full --loopback "$http" -- curl -sS -o /dev/null "http://10.0.2.2:$http/" && complains 'pcapng /dev/full: No space left'; }
ok "... for the frames too" full_pcapng
nasty() { # a name that would colour the terminal, and is no UTF-8
	exits 0 --loopback "$http" --flows "$tmp/nasty" -- bash -c 'exec -a "$(printf "x\033[31m\302\233\377\355\240\200\342\202\254")" curl -sS -o /dev/null "$0"' "http://10.0.2.2:$http/" &&
		! grep -q $'\033' "$tmp/err" && python3 -c 'import json, sys
names = [json.loads(l)["flow"]["process"]["arguments"].split()[0] for l in open(sys.argv[1], encoding="utf-8", errors="strict") if "curl" in l and "TCP" in l]
assert set(names) == {"x?[31m" + "?" * 6 + "\u20ac"}, names' "$tmp/nasty"
}
ok "names of processes are made printable" nasty
no_folder() { exits 125 --flows "$tmp/no/such" -- touch "$tmp/ran" && complains 'flows .*No such file' && [ ! -e "$tmp/ran" ]; }
ok "a file that cannot be made: the command does not run" no_folder
json_summary() {
	exits 0 --json --loopback "$http" -- curl -sS -o /dev/null "http://10.0.2.2:$http/" && python3 -c 'import json, sys
l = [json.loads(x) for x in open(sys.argv[1])]
rows = [x for x in l if x.get("kind") == "host" and x["port"] == int(sys.argv[2])]
assert len(rows) == 1 and rows[0]["process"]["comm"] == "curl" and rows[0]["bytes_in"] > 100, l
assert [x for x in l if x.get("kind") == "run"][0]["flows"] >= 1, l' "$tmp/err" "$http"
}
ok "--json: the summary as JSON Lines" json_summary
tap_end
