#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The terminal and job control are the command's own.
. "$(dirname "$0")/user.sh"

types() { # CODE COMMAND...: what is typed comes from stdin
	local want=$1 got
	shift
	PS1='$ ' timeout 60 python3 "$source/tests/run/terminal.py" "$@" >"$tmp/out" 2>&1
	got=$?
	[ $got = "$want" ] || { echo "exit code $got, not $want"; cat "$tmp/out"; return 1; }
}
# What is typed is shown too, so each command prints what does not stand in it.
inside() {
	types 4 "$skep" run $other_ways -q -- bash --norc -i <<'EOT'
(b"tty\n", rb"/dev/pts/[0-9]+")
(b"sh -c 'echo $((1 + 1))up; exec sleep 100'\n", rb"2up")
(b"\x1a", rb"Stopped")
(b"jobs\n", rb"Stopped")
(b"kill -KILL %1; echo $((3 + 3))killed\n", rb"6killed")
(b"sh -c 'echo $((2 + 2))up; exec sleep 50'\n", rb"4up")
(b"\x03", rb"\$ $")
(b"echo rc=$?\n", rb"rc=130")
(b"exit 4\n", rb"exit")
EOT
}
ok "a shell in a tree has job control" inside
outside() {
	types 3 bash --norc -i <<EOT
(b"$skep run -- sh -c 'trap \"echo \$((3 + 4))on\" CONT; echo \$((1 + 1))up; while :; do sleep 0.1; done'\n", rb"2up")
(b"\x1a", rb"Stopped")
(b"jobs\n", rb"Stopped +.*skep run")
(b"fg\n", rb"7on")
(b"\x03", rb"[0-9]+ flows?,")
(b"echo rc=\$?\n", rb"rc=130")
(b"exit 3\n", rb"exit")
EOT
}
ok "a run is a job of its shell: Ctrl-Z stops it, fg goes on, Ctrl-C ends it with the summary" outside
given_back() {
	types 0 bash --norc -i <<EOT
(b"$skep run -q -- bash --norc -ic 'echo \$((1 + 1))in'\n", rb"2in")
(b"echo still \$((40 + 2))\n", rb"still 42")
(b"sh -c 'echo \$((2 + 2))up; exec sleep 100'\n", rb"4up")
(b"\x03", rb"\\$ \$")
(b"exit 0\n", rb"exit")
EOT
}
ok "the terminal is given back after a shell in the tree has had it" given_back
colours() {
	types 0 bash --norc -i <<EOT && grep -q $'\033\[1mskep run' "$tmp/out"
(b"$skep run -- true\n", rb"flows?,")
(b"exit 0\n", rb"exit")
EOT
}
ok "colours on a terminal" colours
plain() { run -- true && ! grep -q $'\033' "$tmp/err"; }
ok "... and on nothing else" plain
tap_end
