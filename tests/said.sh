# SPDX-License-Identifier: BSD-2-Clause
# What a command said, for shell tests: who sources this has a function run, which leaves stdout in $tmp/out, stderr in $tmp/err, and the command's exit code.

# exits CODE ARGS...: run ARGS ends with it.
exits() {
	local want=$1 got
	shift
	run "$@"
	got=$?
	[ $got = "$want" ] || { echo "$*: exit code $got, not $want"; cat "$tmp/out" "$tmp/err"; return 1; }
}
prints() { [ "$(cat "$tmp/out")" = "$1" ] || { echo "not '$1' but:"; cat "$tmp/out" "$tmp/err"; return 1; }; }
says() { grep -qE -- "$1" "$tmp/out" || { echo "no '$1' in:"; cat "$tmp/out" "$tmp/err"; return 1; }; }
complains() { grep -qE -- "$1" "$tmp/err" || { echo "no '$1' in:"; cat "$tmp/out" "$tmp/err"; return 1; }; }
