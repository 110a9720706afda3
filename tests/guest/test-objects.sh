#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The eBPF objects of this folder do on Linux 6.1 what they say, attached by libbpf itself (attach.c): a deployment by skep must come to the same counts.
set -u
. "$(dirname "$0")/../tap.sh"
: "${objects:?}" # from init
tmp=$(mktemp -d)

# tells OBJECT LINE COMMAND...: what attach prints is LINE, a pattern.
tells() {
	local object=$1 line=$2
	shift 2
	attach "$objects/$object.bpf.o" "$@" >"$tmp/out" || return 1
	cat "$tmp/out"
	grep -qxE "$line" "$tmp/out"
}
ok "probes: each sort of hook in the kernel sees each of five" tells probes \
	'exit 0 kprobe 5 kretprobe 5 ksyscall 5 fentry 5 fexit 5 tracepoint 5 raw_tp 1 tp_btf 1' target 5 "$tmp/file"
ok "deny: a file of that name is not opened" tells deny 'exit 1 lsm 3' target 3 "$tmp/forbidden"
ok "... one of another name is" tells deny 'exit 0' target 3 "$tmp/forbiddenly"
ok "sample: a process at work is found, some thirty times in 300 ms" tells sample 'exit 0 perf_event [1-9][0-9]' target 1 "$tmp/file"
ok "user: each sort of hook in a program sees each of five" tells user 'exit 0 uprobe 5 uretprobe 5 usdt 5' target 5 "$tmp/file"
ok "nothing of it stays" eval 'target 1 "$tmp/forbidden" && ! bpftool link show | grep .'
rm -rf "$tmp"
tap_end
