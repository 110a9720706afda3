#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs, processes, files and refusals for SOAK_TASKS seconds (default: 20) under watch and guard: all are told, memory and files of skep stay as many as they were.
. "$(dirname "$0")/user.sh"

seconds=${SOAK_TASKS:-20}
mkdir -p "$tmp/open" "$tmp/closed"
"$skep" run $other_ways watch --json --write "$tmp/open" --processes "$tmp/processes" -- /usr/bin/python3 "$source/tests/run/soak_tasks.py" "$seconds" "$tmp/open" "$tmp/closed" >"$tmp/done" 2>"$tmp/report" &
pid=$!
memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/$pid/status; }
files() { ls /proc/$pid/fd | wc -l; }
rss=() fds=()
while kill -0 $pid 2>/dev/null; do
	if [ ${#rss[@]} -lt "$(grep -c quiet "$tmp/done")" ]; then
		rss+=("$(memory)") fds+=("$(files)")
	fi
	sleep 0.2
done
wait $pid
code=$?
ended() { [ $code = 0 ] || { echo "exit code $code"; tail -5 "$tmp/report"; return 1; }; }
ok "the soak of $seconds s runs to its end" ended
all_told() { python3 - "$tmp/done" "$tmp/report" "$tmp/processes" <<'PY'
import json, sys
n = json.loads(open(sys.argv[1]).read().split("\n")[-2])
lines = [json.loads(l) for l in open(sys.argv[2]) if l.startswith("{")]
watch = next(l for l in lines if l.get("kind") == "watch")
tasks = next(l for l in lines if l.get("kind") == "tasks")
kinds, exits = {}, set()
for l in open(sys.argv[3]):
    o = json.loads(l)
    k = next(x for x in o if x.startswith("process_"))
    kinds[k] = kinds.get(k, 0) + 1
    if k == "process_exit":
        exits.add(o[k]["process"]["exec_id"])
print(n, watch, tasks, kinds)
assert not n["wrong"]
assert min(v for k, v in n.items() if k != "wrong") > 3
# A sleep that is killed may be so before it is executed.
assert n["execs"] <= watch["execs"] <= n["execs"] + n["killed"], "execs"
assert watch["processes"] == n["execs"] + n["forks"] + n["killed"], "processes"
assert len(exits) == watch["processes"], "exits"
assert watch["files_deleted"] == n["deleted"] and watch["files_renamed"] == n["renamed"] and watch["files_written"] == n["written"], "files"
assert watch["connects"] == n["connects"], "connects"
assert not watch["lost_events"] and not tasks["program_faults"] and not tasks["lost_unknown"], "lost"
PY
}
ok "every program, process, file and connection is told, each once" all_told
refusals() {
	local told done_
	told=$(python3 -c 'import json, re, sys
rows = [json.loads(l) for l in open(sys.argv[1]) if l.startswith("{")]
print(sum(r["times"] for r in rows if r["kind"] == "refusal" and r["access"] == "write" and re.search("/closed/x[0-9]$", r["path"])))' "$tmp/report")
	done_=$(python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).read().split("\n")[-2])["refused"])' "$tmp/done")
	[ "$told" = "$done_" ] || { echo "$told told, $done_ done"; return 1; }
}
ok "... and every refusal" refusals
flat() { # LIMIT BEFORE AFTER: the table of processes grows to its 20,000 meanwhile
	echo "$2 after the first half, $3 after the second"
	[ -n "$3" ] && [ "$3" -le $(($2 + $2 / 10 + $1)) ]
}
ok "memory stays flat (kB)" flat 12288 "${rss[@]}"
ok "open files stay flat" flat 4 "${fds[@]}"
echo "# ${rss[*]} kB, ${fds[*]} files; $(tail -1 "$tmp/done")"
tap_end
