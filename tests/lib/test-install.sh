#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# libskep as an embedder meets it: installed, found by pkg-config, built against, run.
# usage: test-install.sh SOURCE BUILD
set -u
source=$1
build=$2
. "$source/tests/tap.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

DESTDIR=$tmp/root meson install -C "$build" --no-rebuild >"$tmp/install.log" 2>&1 || cat "$tmp/install.log"
pc=$(find "$tmp/root" -name skep.pc)
lib=$(find "$tmp/root" -name libskep.so)
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$tmp/root LD_LIBRARY_PATH=${lib%/*}

build_example() {
	clang -target bpf -mcpu=v3 -O2 -g -I"/usr/include/$(cc -dumpmachine)" -c "$source/examples/price.bpf.c" \
		-o "$tmp/price.bpf.o" &&
		cc -Wall -Wextra -Wno-unused-parameter -Werror $(pkg-config --cflags skep) "$source/examples/embed.c" \
			-o "$tmp/embed" $(pkg-config --libs skep)
}
runs() {
	[ "$("$tmp/embed" "$tmp/price.bpf.o")" = "3 of item 1 cost 750, orders seen: 1" ]
}
refuses() {
	"$tmp/embed" /nonexistent.bpf.o 2>"$tmp/err"
	[ $? = 1 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -q '^skep: /nonexistent.bpf.o: read: No such file' "$tmp/err"
}
shows_only_skep() {
	! nm -D --defined-only "$lib" | grep -vE ' (T skep_|A SKEP_)'
}
never_exits() {
	! nm -D --undefined-only "$lib" | grep -wE '_?exit|abort|quick_exit'
}
no_writable_state() {
	# Sizes of .data and .bss: what libc, libbpf and the compiler keep, nothing of skep's own.
	! nm "$lib" | grep -iE ' [bd] skep_' | grep -v skep_seam_stderr
}
hive_finds_its_library() {
	local skep
	skep=$(find "$tmp/root" -path '*/bin/skep') && mkdir -m 700 "$tmp/run" && export XDG_RUNTIME_DIR=$tmp/run &&
		"$skep" hive start i && "$skep" hive exec i -- true && "$skep" hive exec i -- sh -c 'echo "$LD_PRELOAD"' >"$tmp/preload"
	local ret=$?
	"$skep" hive stop i && [ $ret = 0 ] && grep -q "^$tmp/root/.*/libskep-preload.so$" "$tmp/preload"
}

ok "the example builds against the installed tree with pkg-config" build_example
ok "it loads an object with a context and a helper of its own, and runs it" runs
ok "a missing object is one clear line and exit code 1" refuses
ok "the library shows nothing but skep_ names, so nothing of libc is interposed" shows_only_skep
ok "the library cannot exit the process" never_exits
ok "the library has no global state of its own" no_writable_state
ok "skep hive exec finds the preloaded library where both were installed" hive_finds_its_library
tap_end
