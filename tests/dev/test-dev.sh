#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# ./dev as a newcomer meets it: what it installs, and in which order it sets up and builds. Every tool that it calls is
# a stand-in here that writes its arguments to a log: nothing is built, nothing installed.
# usage: test-dev.sh SOURCE
set -u
source=$1
. "$source/tests/tap.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/bin"
export LOG=$tmp/log HAVE=$tmp/have

# tool NAME BODY: a stand-in.
tool() {
	printf '#!/bin/sh\necho "%s $*" >>"$LOG"\n%s\n' "$1" "$2" >"$tmp/bin/$1"
	chmod +x "$tmp/bin/$1"
}
# A package is there when $HAVE names it, or says "all"; apt-get brings all. Meson makes tests/ when cmocka is there.
tool dpkg-query 'for package; do :; done; grep -qxe all -e "$package" "$HAVE" && echo installed'
tool apt-get 'case $1 in install) echo all >"$HAVE" ;; esac'
tool sudo 'exec "$@"'
tool id 'echo ${USER_ID:-0}'
tool meson '
case $1 in setup)
	for last; do case $last in build*) dir=$last ;; esac; done
	mkdir -p "$dir" && touch "$dir/build.ninja"
	if grep -qxe all -e libcmocka-dev "$HAVE"; then mkdir -p "$dir/tests"; fi ;;
test)
	mkdir -p "$3/meson-logs" && echo "{\"result\": \"${RESULT:-OK}\"}" >"$3/meson-logs/testlog.json" ;;
esac'
tool ninja '
if [ -d build/tests ]; then
	mkdir -p build/bench build/tests/fuzz build/tests/conformance build/tests/jit build/tests/objects
	for made in bench/bench-map bench/bench-engine bench/bench-sample bench/bench-maps bench/bench-verify bench/bench-chain bench/bench-task tests/fuzz/fuzz-frames tests/fuzz/fuzz-verify tests/fuzz/fuzz-helpers tests/fuzz/fuzz-kfuncs tests/jit/bench-jit tests/jit/fuzz-engines tests/conformance/conformance tests/objects/hostile; do
		printf "#!/bin/sh\necho \"$made \$*\" >>\"\$LOG\"\n" >build/$made && chmod +x build/$made
	done
fi
printf "#!/bin/sh\necho \"skep \$*\" >>\"\$LOG\"\n" >build/skep && chmod +x build/skep'

# tree HAVE...: a fresh checkout on a machine with these packages ("all": every one).
tree() {
	rm -rf "$tmp/tree"
	mkdir "$tmp/tree" "$tmp/tree/vectors"
	cp "$source/dev" "$tmp/tree/dev"
	mkdir "$tmp/tree/bench" "$tmp/tree/demo"
	local script
	for script in bench/replay.sh bench/run.sh bench/commands.sh bench/deploy.sh demo/run.sh; do
		printf '#!/bin/sh\necho "%s $*" >>"$LOG"\n' $script >"$tmp/tree/$script"
		chmod +x "$tmp/tree/$script"
	done
	printf '%s\n' "$@" >"$HAVE"
}
dev() {
	: >"$LOG"
	PATH=$tmp/bin:$PATH "$tmp/tree/dev" "$@" >"$tmp/out" 2>&1 || {
		cat "$tmp/out" "$LOG"
		return 1
	}
}
# build_only: what './dev demo' installs, and no more.
build_only() {
	sed -n -e "/^build_packages='/,/'\$/p" -e "/^demo_packages='/p" "$source/dev" | sed "s/^[a-z]*_packages='//" | cut -d'|' -f1
}

says_what_and_why() {
	tree gcc
	dev demo || return 1
	grep -qE '^dev: missing: meson +the build system$' "$tmp/out" && grep -q '^dev: installing: .*libpcap-dev' "$tmp/out" &&
		! grep -q 'missing: gcc ' "$tmp/out" && ! grep -q libcmocka "$LOG" && ! grep -q '^sudo' "$LOG"
}
by_sudo() {
	tree gcc
	USER_ID=1000 dev demo && grep -q '^sudo apt-get update' "$LOG" && grep -q '^sudo env .*apt-get install' "$LOG"
}
# (test looks again for what its tests need; that needs no network.)
second_call() {
	tree none
	dev "$@" && dev "$@" && ! grep -qE '^(apt-get|sudo)' "$LOG" && ! grep -q '^meson setup build' "$LOG"
}
# after_demo PROGRAM COMMAND...: the folder that './dev demo' set up had no tests yet.
after_demo() {
	local program=$1
	shift
	tree $(build_only)
	dev demo && [ ! -d "$tmp/tree/build/tests" ] && dev "$@" && grep -q "^$program" "$LOG"
}

ok "demo says what it installs and why, and installs no more than it needs" says_what_and_why
ok "who is not root installs with sudo" by_sudo
for command in demo build test bench "fuzz 1" "conformance vectors"; do
	ok "a second '$command' needs neither apt nor a new build folder" second_call $command
done
ok "conformance works after demo" after_demo tests/conformance/conformance conformance vectors
ok "fuzz works after demo" after_demo tests/jit/fuzz-engines fuzz 1
ok "bench works after demo" after_demo tests/jit/bench-jit bench
ok "test works after demo, and ends with the count" eval \
	'after_demo "meson test" test && [ "$(tail -1 "$tmp/out")" = "2 passed, 0 failed, 0 skipped" ]'
ok "test fails when a test does" eval \
	'tree all; ! RESULT=FAIL dev test >/dev/null && [ "$(tail -1 "$tmp/out")" = "0 passed, 2 failed, 0 skipped" ]'
ok "a command that is none is misuse" eval '! dev nope && grep -q "unknown command: nope" "$tmp/out"'
tap_end
