#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep deploy watch: what the processes of a cgroup, or of the whole machine, do in a Linux 6.1 is told as it was.
set -u
. "$(dirname "$0")/../tap.sh"
tmp=$(mktemp -d)
group=/sys/fs/cgroup/watched
mkdir $group

# inside COMMAND...: in the cgroup, which the shell enters by itself.
inside() { sh -c 'echo $$ >/sys/fs/cgroup/watched/cgroup.procs; exec "$@"' sh "$@"; }
fails() {
	local want=$1
	shift
	! skep "$@" >"$tmp/said" 2>&1 && cat "$tmp/said" && grep -qE -- "$want" "$tmp/said"
}
# busybox's applets execute themselves by /proc/self/exe, so of theirs only the name is told; bash is itself.
# tells COMMAND...: what is told while it runs, in $tmp/events.
tells() {
	skep map events --kernel watch >"$tmp/events" 2>"$tmp/err" &
	local reader=$!
	sleep 2
	"$@"
	sleep 2
	kill -INT $reader
	wait $reader
	cat "$tmp/err" >>"$tmp/events"
}
told() { grep -qE -- "$1" "$tmp/events" || { echo "no '$1' in:"; cat "$tmp/events"; return 1; }; }
untold() { ! grep -E -- "$1" "$tmp/events"; }
left() { bpftool map dump pinned "/sys/fs/bpf/skep/watch/maps/$1" | grep -c '"\?key"\?:'; }

while :; do sleep 0.5; : >"$tmp/older"; done &
older=$!

ok "it does not go with one process" fails 'watch: --pid does not go with it: --cgroup PATH' deploy watch --pid 1
ok "a cgroup's processes are watched" skep deploy watch --cgroup watched
ok "... as the list says" eval 'skep list --kernel | grep -q "^watch  watch"'

acts() {
	inside bash -c "echo x >$tmp/one; mv $tmp/one $tmp/two; rm $tmp/two; cat $tmp/none; bash -c 'exit 3' 'b  c'; sh -c 'kill -9 \$\$'; exit 7" 2>/dev/null
	sh -c "echo x >$tmp/outside; rm $tmp/outside"
}
tells acts
ok "an exec with its arguments" told '^ *[0-9]+ bash +exec bash -c exit 3 b  c$'
ok "an end with its code" told '^ *[0-9]+ bash +exit 7$'
ok "... and one by a signal" told '^ *[0-9]+ sh +exit SIGKILL$'
ok "a file that is written" told "^ *[0-9]+ bash +write $tmp/one\$"
ok "... renamed" told "^ *[0-9]+ mv +rename $tmp/one to $tmp/two\$"
ok "... deleted" told "^ *[0-9]+ rm +delete $tmp/two\$"
ok "one that is not there" told "^ *[0-9]+ cat +open $tmp/none = ENOENT\$"
ok "what is done outside of the cgroup is not told" untold outside
ok "the reader counts them" told '[0-9]+ events through events'
connects() { inside nc -w 1 127.0.0.1 9; }
tells connects
ok "a connection that fails" told '^ *[0-9]+ nc +connect 127.0.0.1:9 = ECONNREFUSED$'
json() {
	skep map events --kernel watch --json >"$tmp/events" &
	local reader=$!
	sleep 2
	inside true
	sleep 2
	kill -INT $reader
	wait $reader
	told '^\{"event":"events","value":'
}
ok "--json has the events as they are" json

# A process that is killed within a call leaves nothing in the maps. The pipe has no writer: its open waits.
killed() {
	mkfifo "$tmp/pipe"
	inside cat "$tmp/pipe" >/dev/null 2>&1 &
	sleep 1
	local pid
	pid=$(cat $group/cgroup.procs)
	[ "$(left begun)" = 1 ] || { echo "before: $(left begun)"; kill -9 $pid; return 1; }
	kill -9 $pid
	for _ in 1 2 3 4 5; do [ "$(left begun)" = 0 ] || sleep 0.5; done
	[ "$(left begun)" = 0 ] || { echo "after: $(left begun)"; return 1; }
}
ok "a process that is killed within a call leaves nothing behind" killed

ok "put in its own place, for the whole machine" skep deploy watch --replace --cgroup /sys/fs/cgroup
whole() { sh -c "echo x >$tmp/outside; rm $tmp/outside"; }
tells whole
ok "... others are told, too" told "^ *[0-9]+ rm +delete $tmp/outside\$"
ok "it is taken out" skep undeploy watch
ok "without a cgroup it is the whole machine's" skep deploy watch
tells whole
ok "... and told" told "^ *[0-9]+ rm +delete $tmp/outside\$"
ok "... with the name of a process that is older" told "^ *$older bash +write $tmp/older\$"
kill $older
ok "it is taken out again" skep undeploy watch
ok "nothing of it stays" eval '! bpftool link show | grep . && [ -z "$(find /sys/fs/bpf -mindepth 2)" ]'
rmdir $group
rm -rf "$tmp"
tap_end
