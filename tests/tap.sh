# SPDX-License-Identifier: BSD-2-Clause
# TAP for shell tests: source it, make checks, end with tap_end.
tap_n=0
tap_failed=0

# ok NAME COMMAND...: the claim NAME holds when COMMAND succeeds; what it prints is shown on failure.
ok() {
	local name=$1 out
	shift
	tap_n=$((tap_n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $tap_n - $name"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_n - $name"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

# skip NAME REASON
skip() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

tap_end() {
	echo "1..$tap_n"
	[ $tap_failed = 0 ]
}
