#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# watch: what processes do is told as it was, and the command is not disturbed.
. "$(dirname "$0")/user.sh"

lines() { grep -cE -- "$1" "$tmp/err"; }
undisturbed() {
	exits 3 watch -v -- sh -c 'echo out; echo err >&2; cat >/dev/null; kill -0 $$; exit 3' </dev/null && prints out && complains '^err$'
}
ok "stdout, stdin and the exit code are the command's" undisturbed
killed() {
	timeout 60 "$skep" run $other_ways watch -- sh -c 'kill -SEGV $$' >"$tmp/out" 2>"$tmp/err"
	local got=$?
	[ $got = 139 ] && complains ': SIGSEGV'
}
ok "a command that a signal ends" killed

processes() {
	exits 0 watch -v -- sh -c 'sh -c "exit 7"; env true a "b  c"; (exit 4); true' &&
		complains 'exec (sh|dash) -c exit 7$' && complains 'exit 7$' && complains 'exec env true a b  c$' && complains 'exec true a b  c$' && complains 'exit 4$' &&
		complains '^.*watch.*: 4 processes, 4 execs' && complains '^ +[0-9]+    (sh|dash) -c exit 7.*: 7'
}
ok "processes: execs with their arguments, ends with their codes, as a tree" processes
threads() {
	exits 0 watch -v -- python3 -c '
import threading
t = [threading.Thread(target=lambda: None) for _ in range(5)]
[x.start() for x in t]; [x.join() for x in t]' && [ "$(lines ' begins, of ')" = 0 ] && [ "$(lines 'exit 0$')" = 1 ]
}
ok "threads are no processes" threads
files() {
	mkdir -p "$tmp/w"
	exits 0 watch -v -- sh -c "cd '$tmp/w'; echo a >one; cat one nothere >>two 2>/dev/null; mv two three; rm one; rm three; mkdir d; rmdir d; true" &&
		complains 'write one$' && complains 'open nothere = ENOENT$' && complains 'rename two to three$' && complains 'delete one$' && complains 'delete three$' && complains 'delete d$' &&
		complains '^  writes   one  ' && complains 'three  mv' && complains '^  deletes  one  rm'
}
ok "files: opened, written, renamed and deleted, by whom, and what failed" files
connects() {
	exits 0 watch --loopback "$http" -- sh -c "curl -sS http://10.0.2.2:$http/; curl -sS http://10.0.2.2:$http/; curl -sS -m 5 http://127.0.0.1:9/; true" &&
		complains "10.0.2.2:$http  curl  2 times" && complains '127.0.0.1:9  curl  1 time'
}
ok "connections: where to, by whom, how often" connects

cat >"$tmp/opens.py" <<'PY'
import os
for i in range(100):
    try: os.close(os.open("/etc/hostname" if i % 5 else "/nothere", os.O_RDONLY))
    except FileNotFoundError: pass
PY
counts() {
	exits 0 watch --syscalls openat,getppid -- python3 -c "
import os
for _ in range(50): os.getppid()
exec(open('$tmp/opens.py').read())" && complains ' 50           getppid$' && complains ' [0-9]+ +[0-9]+ openat$' || return 1
	local calls errors
	calls=$(awk '$NF == "openat" { print $4, $5 }' "$tmp/err")
	exits 0 watch --syscalls openat -- python3 -c "exec(open('/dev/null').read())" || return 1
	errors=$(awk '$NF == "openat" { print $4, $5 }' "$tmp/err")
	# 100 opens more, 20 of them of nothing, and another script.
	[ "$((${calls% *} - ${errors% *}))" = 100 ] && [ "$((${calls#* } - ${errors#* }))" = 20 ] || { echo "$calls, $errors"; return 1; }
}
ok "--syscalls: calls and errors, counted right" counts
unknown_call() { exits 125 watch --syscalls opnat -- true && complains 'opnat: there is no such system call'; }
ok "--syscalls: a call that does not exist is refused" unknown_call
needs_watch() { exits 2 --syscalls openat -- true && complains "must be among the objects"; }
ok "--syscalls without watch is refused" needs_watch

cat >"$tmp/check.py" <<'PY'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
seen, ended, kinds = {}, {}, {}
for l in lines:
    kind = next(k for k in l if k.startswith("process_"))
    kinds[kind] = kinds.get(kind, 0) + 1
    p = l[kind]["process"]
    assert l["time"].endswith("Z") and l["node_name"]
    if kind == "process_exec":
        if "parent" in l[kind]:
            assert p["parent_exec_id"] == l[kind]["parent"]["exec_id"]
            assert p["parent_exec_id"] in seen
        seen[p["exec_id"]] = p
    else:
        assert p["exec_id"] in seen, p
    if kind == "process_exit":
        ended[p["exec_id"]] = (l[kind].get("status"), l[kind].get("signal"))
print(len(seen), len(ended), sorted(str(v) for v in ended.values()))
print(sorted(set(p["binary"].split("/")[-1] for p in seen.values())))
PY
json() {
	exits 0 watch --processes "$tmp/p.json" -q -- bash -c 'bash -c "exit 9"; bash -c "kill -9 \$\$" 2>/dev/null; true' || return 1
	python3 "$tmp/check.py" "$tmp/p.json" >"$tmp/out" 2>&1 && prints "$(printf "3 3 %s\n%s" "[\"(0, None)\", \"(9, None)\", \"(None, 'SIGKILL')\"]" "['bash']" | sed "s/\[\"(0/['(0/; s/None)\", \"(9/None)', '(9/; s/None)\", \"(None/None)', \"(None/")"
}
ok "--processes: JSON in the shape of Tetragon's, with ids that hold together" json
no_file() { exits 125 watch --processes /nowhere/p.json -- true && complains '/nowhere/p.json: No such file'; }
ok "--processes: a file that cannot be written is said before anything runs" no_file
colours() {
	exits 0 watch -v -- sh -c "printf 'x' >'$tmp/$(printf 'a\033[31mb')'" && ! grep -q "$(printf '\033')" "$tmp/err" && complains 'a\?\[31mb'
}
ok "names of files that would colour a terminal" colours
many() {
	exits 0 watch -- sh -c 'i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done' && complains ': 1,001 processes, 1,001 execs' && ! grep -q 'lost' "$tmp/err"
}
ok "a thousand processes, none lost" many
bomb() {
	exits 0 watch -- bash -c 'for i in $(seq 300); do sleep 0.3 & done; wait' && complains ': 302 processes, 30[12] execs'
}
ok "three hundred at once" bomb
tap_end
