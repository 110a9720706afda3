#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep replay over ten million frames of 100,000 flows: wall clock of the whole command, the best of five; and the verdicts of the first frames
# beside the kernel's. usage: replay.sh BUILD-FOLDER
set -euo pipefail
build=$1
frames=10000000 sample=20000
capture=$build/bench/frames.pcap state=$build/bench/prefixes.state

[ -s "$capture" ] || "$build/bench/bench-frames" "$capture" $frames 100000
[ -s "$state" ] || python3 - >"$state" <<'EOT'
# 100,000 prefixes of the lengths that routing tables have, the same every time.
import random
random.seed(1)
seen = set()
while len(seen) < 100000:
    length = random.choice([16, 20, 22, 24, 24, 24, 28, 32])
    addr = random.getrandbits(32) >> 32 - length << 32 - length
    if (length, addr) in seen:
        continue
    seen.add((length, addr))
    text = ".".join(str(addr >> s & 255) for s in (24, 16, 8, 0))
    action = random.choice(["DROP", "PASS"])
    print('{"map":"rules4","key":{"prefixlen":%d,"addr":"%s"},"value":{"action":"%s"}}' % (length, text, action))
EOT

run() { # WHAT ARGS...: the best of five
	local what=$1 best=
	shift
	for _ in 1 2 3 4 5; do
		local start end
		start=$(date +%s%N)
		"$build/skep" replay "$@" >"$build/bench/replay.out"
		end=$(date +%s%N)
		[ -n "$best" ] && [ $((end - start)) -ge "$best" ] || best=$((end - start))
	done
	awk -v what="$what" -v ns="$best" -v n=$frames \
		'BEGIN { printf "%-34s %6.2f s  %5.1f million frames a second\n", what, ns / 1e9, n * 1e3 / ns }'
}
run "32 rules" "$build/bench/rules32.bpf.o" "$capture"
run "32 rules, two jobs" "$build/bench/rules32.bpf.o" "$capture" --jobs 2
run "100,000 prefixes (xdp-firewall)" xdp-firewall "$capture" --state "$state"
run "100,000 prefixes, two jobs" xdp-firewall "$capture" --state "$state" --jobs 2

if theirs=$("$build/bench/bench-sample" "$build/bench/rules32.bpf.o" "$capture" $sample 2>/dev/null); then
	ours=$("$build/skep" replay "$build/bench/rules32.bpf.o" "$capture" --limit $sample --json | python3 -c '
import json, sys
names = ["XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"]
verdicts = [json.loads(l) for l in sys.stdin][-1]["verdicts"]
for i, name in enumerate(names):
    if name in verdicts:
        print(i, verdicts[name])')
	[ "$ours" = "$theirs" ] || { printf 'verdicts differ from the kernel:\n%s\nskep:\n%s\n' "$theirs" "$ours"; exit 1; }
	echo "verdicts of the first $sample frames: as the kernel's test run counts them"
fi
