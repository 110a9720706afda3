# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the command's tests: arguments SOURCE SKEP BUILD.
source=$1
skep=$2
here=$3
. "$source/tests/tap.sh"
caps=$here/captures
tmp=$(mktemp -d)
chmod 755 "$tmp"
trap 'rm -rf "$tmp"' EXIT
ports=$here/ports.bpf.o

# expect CODE COMMAND...: runs it, keeps stdout in $tmp/out and stderr in $tmp/err; the exit code must be CODE.
expect() {
	local want=$1 got
	shift
	"$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ $got = "$want" ] || { echo "exit code $got, not $want: $*"; cat "$tmp/out" "$tmp/err"; return 1; }
}
# says TEXT: some line of stdout has it. complains TEXT: stderr is one line that has it.
says() { grep -qF -- "$1" "$tmp/out" || { echo "no '$1' in:"; cat "$tmp/out"; return 1; }; }
complains() {
	[ "$(wc -l <"$tmp/err")" = 1 ] || { echo "not one line:"; cat "$tmp/err"; return 1; }
	grep -qF -- "$1" "$tmp/err" || { echo "no '$1' in:"; cat "$tmp/err"; return 1; }
}
# json EXPR: stdout is JSON Lines; with them as list `o`, the Python expression holds.
json() {
	python3 -c 'import json, sys
o = [json.loads(l) for l in open(sys.argv[1])]
if not eval(sys.argv[2]): sys.exit(f"{sys.argv[2]} does not hold for {o}")' "$tmp/out" "$1"
}
# refused CODE TEXT ARGS...: skep ends with CODE and complains in one line (misuse adds the hint line).
refused() {
	local code=$1 text=$2
	shift 2
	expect "$code" "$skep" "$@" || return 1
	if [ "$code" = 2 ]; then
		grep -qF -- "$text" "$tmp/err" || { echo "no '$text' in:"; cat "$tmp/err"; return 1; }
	else
		complains "$text"
	fi && [ ! -s "$tmp/out" ]
}
