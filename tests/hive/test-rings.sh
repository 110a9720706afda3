#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Ring buffers, perf buffers and perf events of a hive in another process (rings.c), as an ordinary user.
# arguments: SOURCE SKEP PRELOAD READER
if [ "$(id -u)" = 0 ]; then
	new=$(mktemp -d) || exit 1
	trap 'rm -rf "$new"' EXIT
	mkdir -p "$new/tests/hive" "$new/bin" && cp "$1/tests/tap.sh" "$new/tests/" && cp "$0" "$new/tests/hive/" && cp "$2" "$3" "$4" "$new/bin/" || exit 1
	chmod -R a+rX "$new"
	cd / || exit 1
	setpriv --reuid=12345 --regid=12345 --clear-groups --no-new-privs env -i PATH="/usr/sbin:/usr/bin:/bin" HOME=/ \
		bash "$new/tests/hive/$(basename "$0")" "$new" "$new/bin/skep" "$new/bin/libskep-preload.so" "$new/bin/$(basename "$4")"
	exit
fi
source=$1
skep=$2
reader=$4
. "$source/tests/tap.sh"
if [ -z "$reader" ]; then
	skip "rings of a hive in another process" "there is no libbpf here"
	tap_end
	exit
fi
tmp=$(mktemp -d)
XDG_RUNTIME_DIR=$tmp/run
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"
trap '"$skep" hive stop t >/dev/null 2>&1; rm -rf "$tmp"' EXIT
in_hive() { timeout 60 "$skep" hive exec t -- "$@"; }

ok "a hive starts" "$skep" hive start t
for claim in $("$reader"); do
	ok "$(tr _ ' ' <<<"$claim")" in_hive "$reader" "$claim"
done
says_why() { in_hive "$reader" events_are_those_of_the_hive 2>&1 | grep -q "^skep: program 'nothing': tracepoint 'syscalls/sys_enter_openat': this hive sees no tasks; one of skep run --reserve openat does"; }
ok "why nothing can be attached stands on the caller's stderr" says_why
once() { [ "$(in_hive "$reader" events_are_those_of_the_hive 2>&1 | grep -c 'this hive sees no tasks')" = 1 ]; }
ok "... once" once

# A reader that is killed while it sleeps: the hive has what it had before.
maps() { "$skep" map show --run t --json | wc -l; }
killed() {
	local before after pid
	before=$(maps)
	# shellcheck disable=SC2016
	in_hive sh -c 'echo $$ >'"$tmp/pid"'; exec "$0" who_sleeps_is_woken' "$reader" >/dev/null 2>&1 &
	for _ in $(seq 100); do
		[ "$(maps)" -gt "$before" ] && break
		sleep 0.02
	done
	pid=$(cat "$tmp/pid")
	kill -KILL "$pid"
	for _ in $(seq 100); do
		after=$(maps)
		[ "$after" = "$before" ] && return 0
		sleep 0.02
	done
	echo "$before maps before, $after after"
	return 1
}
ok "a reader that is killed leaves nothing" killed
ok "the hive ends" "$skep" hive stop t
tap_end
