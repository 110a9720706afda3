#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The guest is the machine that the other scripts of this folder rely on.
set -u
. "$(dirname "$0")/../tap.sh"
: "${objects:?}" # from init
tmp=$(mktemp -d)
tracing=/sys/kernel/tracing

mounted() { grep -q "^[^ ]* $2 $1 rw" /proc/mounts; }
has() { tr , '\n' <"$1" | grep -qx "$2" || { cat "$1"; return 1; }; }

ok "the kernel is Linux 6.1" expr "$(uname -r)" : '6\.1\.'
ok "this is root, with all capabilities" eval '[ "$(id -u)" = 0 ] && [ "$(sed -n "s/^CapEff:.//p" /proc/self/status)" = 000001ffffffffff ]'
ok "the kernel's BTF is there" test -s /sys/kernel/btf/vmlinux
ok "BPF is among the security modules" has /sys/kernel/security/lsm bpf
ok "the JIT is on" grep -qx 1 /proc/sys/net/core/bpf_jit_enable
for at in 'bpf /sys/fs/bpf' 'tracefs /sys/kernel/tracing' 'cgroup2 /sys/fs/cgroup' 'debugfs /sys/kernel/debug' 'tmpfs /tmp' 'tmpfs /run' 'devtmpfs /dev'; do
	# shellcheck disable=SC2086
	ok "${at% *} is mounted at ${at#* }" mounted $at
done

cgroup() { mkdir /sys/fs/cgroup/there && echo "$BASHPID" >/sys/fs/cgroup/there/cgroup.procs && grep -qx 0::/there /proc/self/cgroup; }
ok "a process can go into a cgroup of its own" cgroup
rmdir /sys/fs/cgroup/there

ok "the loopback is up" ping -c 1 -w 5 127.0.0.1
veth() {
	ip netns add far && ip link add near type veth peer name end netns far && ip addr add 10.1.1.1/24 dev near && ip link set near up &&
		ip -n far addr add 10.1.1.2/24 dev end && ip -n far link set end up && ping -c 1 -w 5 10.1.1.2
}
ok "a veth pair reaches into another namespace" veth
ok "... and has a place for classifiers" tc qdisc add dev near clsact
ip link del near
ip netns del far

# Events of tracefs, without any BPF: what the kernel does by itself.
kprobe() {
	echo 'p:skep_open do_sys_openat2' >$tracing/kprobe_events && echo 1 >$tracing/events/kprobes/skep_open/enable && : >$tracing/trace &&
		target 3 "$tmp/file" && echo 0 >$tracing/events/kprobes/skep_open/enable && [ "$(grep -c 'target-.*skep_open' $tracing/trace)" = 3 ]
}
ok "a kprobe sees each call" kprobe
echo >$tracing/kprobe_events
# Where the ELF header says that the program begins, less the address that a static one is linked to.
offset_of_entry() { printf %x $(($(od -An -j24 -N8 -tu8 /usr/bin/target) - 0x400000)); }
uprobe() {
	echo "p:skep_main /usr/bin/target:0x$(offset_of_entry)" >$tracing/uprobe_events && echo 1 >$tracing/events/uprobes/skep_main/enable &&
		: >$tracing/trace && target 1 "$tmp/file" && echo 0 >$tracing/events/uprobes/skep_main/enable && grep -q 'target-.*skep_main' $tracing/trace
}
ok "a uprobe sees a process begin" uprobe
echo >$tracing/uprobe_events
ok "system calls have tracepoints" grep -qx syscalls:sys_enter_openat $tracing/available_events

loads() { bpftool prog load "$objects/$1.bpf.o" /sys/fs/bpf/one type "$2" && bpftool prog show pinned /sys/fs/bpf/one; }
ok "bpftool loads and pins a program" loads sample perf_event
rm -f /sys/fs/bpf/one

# It may lack what only skep run needs.
doctor() { skep doctor >"$tmp/out" || [ $? = 1 ]; cat "$tmp/out"; grep -q '^Linux 6\.1\.' "$tmp/out" && grep -q '^ok *jit' "$tmp/out" && grep -q '^ok *libslirp' "$tmp/out"; }
ok "skep doctor runs" doctor
check() { skep check xdp-firewall >"$tmp/out"; cat "$tmp/out"; grep -q '^accept *xdp_firewall' "$tmp/out"; }
ok "skep check verifies the firewall" check
rm -rf "$tmp"
tap_end
