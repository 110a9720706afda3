#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The eBPF objects of this folder do on Linux 6.1 what they say, attached by libbpf itself (hits.c): a deployment by skep must come to the same counts.
set -u
. "$(dirname "$0")/../tap.sh"
: "${objects:?}" # from init
tmp=$(mktemp -d)

# tells OBJECT|FOLDER LINE COMMAND...: what hits prints is LINE, a pattern.
tells() {
	local where=$1 line=$2
	[ -d "$where" ] || where=$objects/$where.bpf.o
	shift 2
	hits "$where" "$@" >"$tmp/out" || return 1
	cat "$tmp/out"
	grep -qxE "$line" "$tmp/out"
}
ok "probes: each sort of hook in the kernel sees each of five" tells probes \
	'exit 0 kprobe 5 kretprobe 5 ksyscall 5 fentry 5 fexit 5 tracepoint 5 raw_tp 1 tp_btf 1' target 5 "$tmp/file"
ok "deny: a file of that name is not opened" tells deny 'exit 1 lsm 3' target 3 "$tmp/forbidden"
ok "... one of another name is" tells deny 'exit 0' target 3 "$tmp/forbiddenly"
ok "sample: a process at work is found again and again" tells sample 'exit 0 perf_event ([5-9]|[1-9][0-9]+)' target 1 "$tmp/file"
ok "user: each sort of hook in a program sees each of five" tells user 'exit 0 uprobe 5 uretprobe 5 usdt 5' target 5 "$tmp/file"
# The outer hits attaches; the inner one knows nothing but the pinned maps. The outer one's ring has been read by then, so its own answer is of no use.
pins=/sys/fs/bpf/pins
pinned() {
	mkdir $pins && hits "$objects/probes.bpf.o" bash -c "bpftool map pin name hits $pins/hits && bpftool map pin name events $pins/events &&
		hits $pins target 2 $tmp/file >$tmp/inner" 2>/dev/null
	cat "$tmp/inner"
	grep -qx 'exit 0 kprobe 2 kretprobe 2 ksyscall 2 fentry 2 fexit 2 tracepoint 2 raw_tp 1 tp_btf 1' "$tmp/inner"
}
ok "who has the maps reads the same of programs that another attached" pinned
rm -r $pins
ok "nothing of it stays" eval 'target 1 "$tmp/forbidden" && ! bpftool link show | grep .'
rm -rf "$tmp"
tap_end
