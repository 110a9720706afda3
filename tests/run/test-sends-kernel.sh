#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What test-sends.sh expects is what the kernel makes of the same object, in a cgroup and a network of the test's own.
. "$1/tests/tap.sh"
skips() {
	skip "datagrams in a cgroup of the kernel's" "$1"
	tap_end
	exit
}
source=$1
object=$3/run-sock-send.bpf.o
[ "$(id -u)" = 0 ] || skips "this is not root"
command -v bpftool >/dev/null || skips "no bpftool"
mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
group=${mount:-/none}/skep-test-$$
mkdir "$group" 2>/dev/null || skips "no cgroups of one's own"
tmp=$(mktemp -d)
trap 'rmdir "$group"; rm -rf "$tmp"' EXIT
cat >"$tmp/in" <<'SH'
mkdir "$2/bpf" && mount -t bpf bpf "$2/bpf" && bpftool prog loadall "$3" "$2/bpf" >/dev/null || exit 77
bpftool cgroup attach "$1" sendmsg4 pinned "$2/bpf/send4" multi && bpftool cgroup attach "$1" sendmsg6 pinned "$2/bpf/send6" multi || exit 77
ip link set lo up && ip addr add fd00::15/64 dev lo nodad || exit 77
echo $$ >"$1/cgroup.procs" || exit 77
exec python3 "$4/tests/run/sends.py" "$5"
SH
timeout 60 unshare -nm sh "$tmp/in" "$group" "$tmp" "$object" "$source" bad >/dev/null 2>"$tmp/why"
[ $? != 77 ] || skips "$(tail -1 "$tmp/why")"
rmdir "$tmp/bpf"
part() {
	timeout 60 unshare -nm sh "$tmp/in" "$group" "$tmp" "$object" "$source" "$1" >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
	rmdir "$tmp/bpf"
	# A program stays attached to the group: the next part has a group of its own.
	rmdir "$group" && mkdir "$group" || return 1
	diff <(sed -n "/^== $1\$/,/^==/{/^==/!p}" "$source/tests/run/sends.expected") <(grep -v '^lite' "$tmp/out")
}
rmdir "$group" && mkdir "$group"
for what in addresses controls mapped many bad others; do
	ok "the kernel's: $what" part "$what"
done
tap_end
