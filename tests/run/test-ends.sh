#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Whatever dies first, and whatever is missing: a clear word, and nothing left behind.
. "$(dirname "$0")/user.sh"

cp "$skep" "$tmp/skep" && skep=$tmp/skep # so that its processes are told from other tests'
dir=/tmp/skep-$(id -u) # without XDG_RUNTIME_DIR the runs' sockets are here
processes() { pgrep -u "$(id -u)" -f "^$skep run|^sleep 470\.$$" | sort | tr '\n' ' '; }
gone() { # waits for the end of all that a run had; mounts and processes are as before
	for _ in $(seq 100); do
		[ -z "$(processes)" ] && break
		sleep 0.05
	done
	[ -z "$(processes)" ] || { echo "left:"; ps -fp $(processes); return 1; }
	[ "$(wc -l </proc/self/mountinfo)" = "$mounts" ] || { echo "mounts are left"; return 1; }
}
mounts=$(wc -l </proc/self/mountinfo)
start() { # NAME: a run of that name, up; $pid
	: >"$tmp/out"
	"$skep" run $other_ways --name "$1" --loopback "$http" -- sh -c "echo up; exec sleep 470.$$" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	until grep -q up "$tmp/out"; do kill -0 $pid || return 1; sleep 0.02; done
}
supervisor() {
	start "s$$" && [ -S "$dir/s$$" ] && kill -KILL $pid
	wait $pid 2>/dev/null
	gone && "$skep" hive list >"$tmp/out" 2>&1 && ! grep -q "s$$" "$tmp/out" && [ ! -e "$dir/s$$" ]
}
ok "skep killed: nothing is left, and 'skep hive list' takes its socket away" supervisor
again() { start "s$$" && kill -TERM $pid; wait $pid 2>/dev/null; gone; [ ! -e "$dir/s$$" ]; }
ok "... and another run may have the name; one that ends takes its socket along" again
children() { cat /proc/"$1"/task/*/children 2>/dev/null; }
init() {
	start "i$$" || return 1
	kill -KILL "$(children $pid)"
	wait $pid
	[ $? = 137 ] && grep -q "skep run: 1 flow\|skep run: [0-9]* flows\|skep run:" "$tmp/err" && gone && [ ! -e "$dir/i$$" ]
}
ok "init killed: skep ends as by a signal, with its summary" init
inside() {
	start "c$$" || return 1
	kill -KILL $(pgrep -u "$(id -u)" -xf "sleep 470.$$")
	wait $pid
	[ $? = 137 ] && gone
}
ok "the command killed: so is its exit" inside
stopped() { # the tree is stopped and goes on; skep with it
	start "z$$" || return 1
	kill -STOP $pid; sleep 0.1; kill -CONT $pid; kill -TERM $pid
	wait $pid
	[ $? = 143 ] && gone
}
ok "stopped and continued" stopped

for output in flows pcapng; do
	full() {
		run --$output /dev/full --loopback "$http" -- sh -c "for i in 1 2 3 4 5 6 7 8 9; do curl -sS -o /dev/null http://host:$http/bytes/20000 || exit 9; done"
		[ $? = 0 ] && complains "^skep: --$output /dev/full: No space left on device" && gone
	}
	ok "--$output on a full disk: said, counted, and the command is served to its end" full
done
metrics_full() {
	if mkdir "$tmp/ro" && : >"$tmp/ro/m" && run --metrics "$tmp/ro/m" --loopback "$http" -- sh -c "rm -rf $tmp/ro; curl -sS -o /dev/null http://host:$http/"; then
		complains "^skep: --metrics $tmp/ro/m: No such file or directory" && gone
	fi
}
ok "--metrics that cannot be written any more: said" metrics_full
no_output() { exits 125 "--$1" "$tmp/none/x" -- touch "$tmp/ran" && complains "--$1 $tmp/none/x: No such file" && [ ! -e "$tmp/ran" ]; }
for output in flows pcapng metrics; do ok "--$output where nothing can be made: the command does not run" no_output $output; done

# Each of these is a machine that lacks something, made by a namespace around skep.
within() { # SCRIPT: as root of a namespace of one's own; skep is "$0"
	timeout 60 unshare -Urm --propagation private sh -c "$1" "$skep" >"$tmp/out" 2>"$tmp/err"
}
lacks() { # WHAT SCRIPT
	within "$2; exec \"\$0\" run -q -- true"
	local got=$?
	[ $got = 125 ] && complains "$1" && [ "$(grep -c . "$tmp/err")" = 1 ] || { echo "exit $got"; cat "$tmp/err"; return 1; }
}
doctor() { # CHECK SCRIPT: 'skep doctor' says so too, with a remedy
	within "$2; \"\$0\" doctor --json"
	python3 - "$tmp/out" "$1" <<-'PY'
	import json, sys
	found = [json.loads(l) for l in open(sys.argv[1])]
	one = next(f for f in found if f["check"] == sys.argv[2])
	sys.exit(not (one["state"] == "missing" and one["remedy"] and one["found"]))
	PY
}
if unshare -Urm true 2>/dev/null; then
	no_userns='echo 0 >/proc/sys/user/max_user_namespaces'
	ok "no user namespaces: skep run names the limit" lacks "namespaces cannot be made: .*max_user_namespaces" "$no_userns"
	ok "... and so does skep doctor" doctor namespaces "$no_userns"
	masked='mount -t tmpfs none /proc/sys/kernel'
	ok "a masked /proc: skep run names it, and the remedy" lacks "/proc cannot be mounted: .*masked.*systempaths" "$masked"
	ok "... and so does skep doctor" doctor "own /proc" "$masked"
	library=$(ldconfig -p | sed -n 's/.*libslirp.so.0 .*=> //p' | head -1)
	no_slirp="mount --bind /dev/null $library"
	ok "no libslirp: skep run says how to get it" lacks "apt install libslirp0" "$no_slirp"
	ok "... and so does skep doctor" doctor libslirp "$no_slirp"
	no_tun='[ ! -e /dev/net/tun ] || mount --bind /dev/null /dev/net/tun'
	without_tun() { within "$no_tun; exec \"\$0\" run -q -- true"; }
	ok "no /dev/net/tun: a veth pair does" without_tun
fi
doctor_here() { "$skep" doctor >"$tmp/out" 2>&1 && says "skep run. works here|Everything works"; }
ok "skep doctor agrees that skep run works here" doctor_here

few_files() { # whatever the number: it works or says why, and never hangs
	local n code worked=0
	for n in $(seq 3 40); do
		(ulimit -n "$n" && timeout 20 "$skep" run $other_ways -q -- true) >"$tmp/out" 2>"$tmp/err"
		code=$?
		case $code in
		0) worked=$((worked + 1)) ;;
		125 | 126 | 127) [ -s "$tmp/err" ] || { echo "$n files: silent"; return 1; } ;;
		*) echo "$n files: exit $code"; cat "$tmp/err"; return 1 ;;
		esac
	done
	[ $worked -gt 0 ] && [ $worked -lt 38 ] && gone
}
ok "out of files at any moment: said" few_files
if [ -z "${ASAN_OPTIONS:-}" ] && ! grep -q __asan "$skep"; then
	little_memory() {
		local n code worked=0
		# The program itself takes four and a half MB: with less it never begins.
		for n in $(seq 6000 9000 400000); do
			(ulimit -v "$n" && timeout 20 "$skep" run $other_ways -q -- true) >"$tmp/out" 2>"$tmp/err"
			code=$?
			case $code in
			0) worked=$((worked + 1)) ;;
			125 | 126 | 127) [ -s "$tmp/err" ] || { echo "$n kB: silent"; return 1; } ;;
			*) echo "$n kB: exit $code"; cat "$tmp/err"; return 1 ;;
			esac
		done
		[ $worked -gt 0 ] && gone
	}
	ok "out of memory at any moment: said" little_memory
fi
tap_end
