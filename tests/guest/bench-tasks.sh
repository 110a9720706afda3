#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What watch and guard cost a call, in the hive and in the kernel, in one run: open(2) and close(2) of a file. The guest's CPU is emulated, so only the ratios say something:
# how much an open takes beside one that nobody looks at.
set -u
. "$(dirname "$0")/../tap.sh"
: "${objects:?}" # from init
tmp=$(mktemp -d)
echo text >"$tmp/file"
group=/sys/fs/cgroup/measured
mkdir $group
inside() { bash -c 'echo $$ >'$group'/cgroup.procs; exec "$@"' sh "$@"; }
# cost WHAT COMMAND...: prints what an open takes, and how many times as long as one without anything.
cost() {
	local what=$1 ns
	shift
	ns=$("$@" 2>"$tmp/err") || { cat "$tmp/err"; return 1; }
	[ -n "${plain:-}" ] || plain=$ns
	awk -v what="$what" -v ns="$ns" -v plain="$plain" 'BEGIN { printf "# %-44s %8d ns  %6.2f times\n", what, ns, ns / plain }'
}
cost "nobody looks" opens 2000 "$tmp/file"
cost "skep run watch" skep run -q watch -- opens 200 "$tmp/file"
cost "skep run guard, files by Landlock" skep run -q --read / --run / guard -- opens 200 "$tmp/file"
if skep deploy watch --cgroup $group >/dev/null; then
	skep map events --kernel watch >/dev/null 2>&1 &
	cost "skep deploy watch, in its cgroup, and read" inside opens 2000 "$tmp/file"
	kill -INT $!
	wait $!
	cost "skep deploy watch, in its cgroup" inside opens 2000 "$tmp/file"
	cost "skep deploy watch, outside of it" opens 2000 "$tmp/file"
	skep undeploy watch
fi
if skep deploy guard --cgroup $group --read / --run / >/dev/null; then
	cost "skep deploy guard, in its cgroup" inside opens 2000 "$tmp/file"
	cost "skep deploy guard, outside of it" opens 2000 "$tmp/file"
	skep undeploy guard
fi
rmdir $group
rm -rf "$tmp"
ok "measured" true
tap_end
