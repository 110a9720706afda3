#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep deploy on Linux 6.1: what may not be tried on the machine itself (kprobes, fentry, LSM, system-call tracepoints: all of them system-wide), and what this kernel does
# otherwise than newer ones (TC programs are filters of clsact).
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../said.sh"
: "${objects:?}" # from init
tmp=$(mktemp -d)
run() { skep "$@" >"$tmp/out" 2>"$tmp/err" </dev/null; }
# counts NAME LINE COMMAND...: what the deployed programs count of a command is LINE, a pattern.
counts() {
	local name=$1 line=$2
	shift 2
	hits "/sys/fs/bpf/skep/$name/maps" "$@" >"$tmp/counted"
	cat "$tmp/counted"
	grep -qxE "$line" "$tmp/counted"
}
nothing_left() { [ -z "$(find /sys/fs/bpf/skep -mindepth 1)" ] && ! bpftool link show | grep . && ! bpftool prog show | grep -E 'name (kprobed|denies|sampled)'; }

probes() {
	exits 0 deploy "$objects/probes.bpf.o" && counts probes 'exit 0 kprobe 5 kretprobe 5 ksyscall 5 fentry 5 fexit 5 tracepoint 5 raw_tp 1 tp_btf 1' target 5 "$tmp/file"
}
ok "kprobe, kretprobe, ksyscall, fentry, fexit, tracepoint, raw_tp, tp_btf: each sees each of five, after the command has ended" probes
listed() { exits 0 list --kernel && says '^probes +probes.bpf.o, since' && says ' event +kprobe/do_sys_openat2' && says ' event +fentry/vfs_unlink' && ! grep -q 'no more' "$tmp/out"; }
ok "... and are listed with their places" listed
events() {
	skep map events --kernel probes --json >"$tmp/events" 2>/dev/null &
	local pid=$!
	sleep 1
	target 1 "$tmp/file"
	sleep 1
	kill -INT $pid
	wait $pid
	grep -q '^{"event":"events","value":{"pid":[0-9]*,"kind":[0-9]' "$tmp/events" || { head -3 "$tmp/events"; return 1; }
}
ok "... their events are printed, decoded" events
replaced() {
	exits 0 deploy "$objects/probes.bpf.o" --replace && counts probes 'exit 0 kprobe 2 kretprobe 2 ksyscall 2 fentry 2 fexit 2 tracepoint 2 raw_tp 1 tp_btf 1' target 2 "$tmp/file"
}
ok "... replaced, each event is seen once" replaced
taken_out() { exits 0 undeploy probes && nothing_left; }
ok "... undeploy leaves nothing" taken_out
denies() { exits 0 deploy "$objects/deny.bpf.o" && counts deny 'exit 1 lsm 3' target 3 "$tmp/forbidden" && counts deny 'exit 0' target 3 "$tmp/forbiddenly" && exits 0 undeploy deny && target 1 "$tmp/forbidden"; }
ok "an LSM program denies the open of a file, and of no other" denies
samples() { exits 0 deploy "$objects/sample.bpf.o" && counts sample 'exit 0 perf_event ([5-9]|[1-9][0-9]+)' target 1 "$tmp/file" && exits 0 list --kernel && says 'perf_event +cpu-clock, CPU 0' && exits 0 undeploy sample; }
ok "perf_event: samples of the machine" samples
user() { exits 0 deploy "$objects/user.bpf.o" && counts user 'exit 0 uprobe 5 uretprobe 5 usdt 5' target 5 "$tmp/file" && exits 0 undeploy user && nothing_left; }
ok "uprobe, uretprobe, USDT, of every process" user
missing() {
	exits 1 deploy "$objects/probes.bpf.o" --prog nope && complains "no program 'nope'" && exits 1 deploy "$objects/deploy-nowhere.bpf.o" && complains 'attaches nowhere' && nothing_left
}
ok "what is wrong is said, and leaves nothing" missing

ip netns add outer && ip netns add inner && ip link add vo netns outer type veth peer name vi netns inner
ip -n outer addr add 10.94.0.1/24 dev vo && ip -n inner addr add 10.94.0.2/24 dev vi
ip -n outer link set vo up && ip -n inner link set vi up
sleep 1
frame() { ip netns exec outer bash -c 'echo x >/dev/udp/10.94.0.2/9'; }
pings() { ip netns exec outer ping -c 2 -W 1 10.94.0.2 >/dev/null; }
xdp() {
	pings || { echo "no way to begin with"; return 1; }
	exits 0 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vi --name fw && ! pings && exits 0 deploy "$objects/deploy-xdp-two.bpf.o" --name fw --replace && ! pings &&
		exits 0 map lookup hits 2 --kernel fw && says '[1-9]' && exits 0 undeploy fw && pings
}
ok "an XDP program drops, is replaced, and goes" xdp
order() {
	exits 0 deploy "$objects/deploy-tc-1.bpf.o@60" --netns inner --iface vi --name one && says 'ingress, order 60 \(clsact\)' && exits 0 deploy "$objects/deploy-tc-2.bpf.o@10" --netns inner --iface vi --name two &&
		exits 0 deploy "$objects/deploy-tc-3.bpf.o" --netns inner --iface vi --name three && frame || return 1
	exits 0 map dump trail --kernel one && says '^  0  231' && exits 0 undeploy three && frame && exits 0 map dump trail --kernel one && says '^  0  21$'
}
ok "TC programs run in the order of their numbers, as filters of clsact" order
same_order() {
	exits 0 deploy "$objects/deploy-tc-3.bpf.o@10" --netns inner --iface vi --name three && frame && exits 0 map dump trail --kernel one && says '^  0  231'
}
ok "... of one number in the order in which they came" same_order
filters() { exits 0 list --kernel one && ! grep -q 'no more' "$tmp/out" && ip netns exec inner tc filter del dev vi ingress && exits 0 list --kernel one && says 'no more'; }
ok "... and the list says it when somebody has deleted one" filters
tc_replaced() {
	exits 0 deploy "$objects/deploy-tc-2.bpf.o" --name one --replace --netns inner --iface vi || return 1
	exits 0 undeploy one two three && [ -z "$(ip netns exec inner tc qdisc show dev vi | grep clsact)" ] && nothing_left
}
ok "... with the last of them clsact goes" tc_replaced
rollback() {
	ip -n inner link set vi mtu 9000 && ip -n outer link set vo mtu 9000
	run deploy "$objects/deploy-two.bpf.o" --netns inner --iface vi --xdp-mode native --name both
	local got=$?
	ip -n inner link set vi mtu 1500 && ip -n outer link set vo mtu 1500
	[ $got = 1 ] && complains "program 'second': attach" && nothing_left && [ -z "$(ip netns exec inner tc qdisc show dev vi | grep clsact)" ]
}
ok "an attach that fails takes back the filter before it" rollback
mkdir /sys/fs/cgroup/deploy
cgroups() {
	exits 0 deploy "$objects/deploy-cgroup.bpf.o" --cgroup deploy --name cg || return 1
	bash -c "echo \$\$ >/sys/fs/cgroup/deploy/cgroup.procs; exec ip netns exec inner bash -c 'echo x >/dev/udp/10.94.0.1/9; echo >/dev/tcp/10.94.0.1/7'" >"$tmp/said" 2>&1
	exits 0 map dump .bss --kernel cg && says '"refused": 1' && says '"sent": [1-9]' && grep -q 'not permitted' "$tmp/said" && exits 0 undeploy cg
}
ok "cgroup programs" cgroups
socket() { exits 0 deploy "$objects/deploy-socket.bpf.o" --netns inner --iface vi --name look && frame && exits 0 map dump .bss --kernel look && says '"seen": [1-9]' && exits 0 undeploy look && nothing_left; }
ok "a socket filter" socket
rmdir /sys/fs/cgroup/deploy
ip netns del outer
ip netns del inner
rm -rf "$tmp"
tap_end
