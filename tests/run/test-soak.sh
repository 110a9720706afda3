#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Mixed traffic for SOAK seconds (default: 60): what is sent arrives, memory and files of skep stay as many as they were, and no frame is lost uncounted.
. "$(dirname "$0")/user.sh"

seconds=${SOAK:-60}
report=$tmp/report
"$skep" run $other_ways --name soak$$ --json "$objects/run-switch.bpf.o" --loopback "$http,$udp" --dns "127.0.0.1:$dns" --flows "$tmp/flows" \
	--metrics "$tmp/metrics" -- python3 "$source/tests/run/soak.py" "$seconds" "$http" "$udp" >"$tmp/sent" 2>"$report" &
pid=$!
memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/$pid/status; }
files() { ls /proc/$pid/fd | wc -l; }
rss=() fds=() # in the silence after the first traffic, and after the second
updates=0
while kill -0 $pid 2>/dev/null; do
	# The other terminal: the verdict of a program that lets all pass, again and again.
	"$skep" map update verdict 0 2 --run soak$$ >/dev/null 2>"$tmp/update" && updates=$((updates + 1))
	if [ ${#rss[@]} -lt "$(grep -c quiet "$tmp/sent")" ]; then
		rss+=("$(memory)") fds+=("$(files)")
	fi
	sleep 0.3
done
wait $pid
code=$?

ended() { [ $code = 0 ] || { echo "exit code $code"; tail -5 "$report"; return 1; }; }
ok "the soak of $seconds s runs to its end" ended
all_right() { grep -v '^{' "$report" | head -20; python3 -c '
import json, sys
n = json.loads(open(sys.argv[1]).read().split("\n")[-2]); print(n)
sys.exit(n["wrong"] > 0 or min(n[k] for k in ("small", "large", "up", "short", "refused", "udp_got", "dns")) < 3)' "$tmp/sent"; }
ok "every transfer is whole, every refusal at once" all_right
updated() { [ $updates -gt $((seconds / 4)) ] || { echo "$updates updates"; cat "$tmp/update"; return 1; }; }
ok "maps are updated from outside meanwhile" updated
flat() { # LIMIT BEFORE AFTER: with a tenth of it more. The table of flows grows to its 16,384 meanwhile
	echo "$2 after the first traffic, $3 after the second"
	[ -n "$3" ] && [ "$3" -le $(($2 + $2 / 10 + $1)) ]
}
ok "memory stays flat (kB)" flat 12288 "${rss[@]}"
ok "open files stay flat" flat 4 "${fds[@]}"
counted() { python3 - "$report" "$tmp/metrics" "$tmp/flows" "$tmp/sent" "$tmp/log" <<'PY'
import json, re, sys
run = next(r for r in (json.loads(l) for l in open(sys.argv[1]) if l.startswith("{")) if r["kind"] == "run")
metrics = {}
for line in open(sys.argv[2]):
    m = re.match(r"(\w+)(?:{(.*)})? (\d+)", line)
    if m and not line.startswith("#"):
        metrics[m[1] + (m[2] or "")] = int(m[3])
ways = ("egress", "ingress")
frames = {w: sum(v for k, v in metrics.items() if k.startswith("skep_frames_total") and w in k) for w in ways}
sent, log = json.loads(open(sys.argv[4]).read().split("\n")[-2]), open(sys.argv[5]).read().split("\n")
lost = {k: v for k, v in run.items() if k.startswith("lost_") or k == "program_faults"}
print(run, frames, sent)
for way, name in (("egress", "frames_out"), ("ingress", "frames_in")): # ARP is in no flow
    assert 0 <= frames[way] - run[name] < 1000, "the metrics and the summary differ"
# Datagrams: each that the tree sent was seen by the server, or is counted as lost.
seen = sum(l.startswith("udp ") for l in log)
assert seen <= sent["udp_sent"] and sent["udp_sent"] - seen <= sum(lost.values()), f"{sent['udp_sent']} datagrams, {seen} seen, lost {lost}"
assert sent["udp_got"] <= seen
gets = sum(l.startswith("http GET / ") for l in log)
assert gets == sent["small"], f"{gets} requests seen, {sent['small']} answered"
# Each flow that began has ended, in the log.
events = {}
for line in open(sys.argv[3]):
    e = json.loads(line).get("flow", {}).get("event")
    events[e] = events.get(e, 0) + 1
assert events["begin"] == events["end"] == run["flows"], f"{events}, {run['flows']} flows"
assert not run["program_faults"]
PY
}
ok "frames, flows and datagrams are counted alike by all who count; none is lost uncounted" counted
echo "# ${rss[*]} kB, ${fds[*]} files; $(tail -1 "$tmp/sent")"
tap_end
