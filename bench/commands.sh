#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What it costs to watch and to guard real commands, beside nothing and strace -f, in one run: every way does the work in turn, ROUNDS times
# (strace, which takes its time, once), and the fastest counts.
# arguments: BUILD [ROUNDS]. Needs gcc, make, git, python3; strace, nginx and wrk where they are installed.
set -euo pipefail
build=$(realpath "$1")
rounds=${2:-5}
skep=$build/skep
[ -x "$skep" ] || { echo "commands.sh: $skep is not built (./dev bench builds it)" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
source=$(dirname "$here")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# The compile: forty files of skep's own, in parallel.
mkdir c && cp -r "$source/src" "$source/include" c/
{
	printf 'all: '
	files=$(cd c && ls src/{insn,map,prog,base,vm}/*.c | head -40)
	for f in $files; do printf '%s ' "${f%.c}.o"; done
	printf '\n%%.o: %%.c\n\t@gcc -O1 -w -std=gnu11 -D_GNU_SOURCE -Isrc -Iinclude -c -o $@ $<\nclean:\n\t@find src -name "*.o" -delete\n'
} >c/Makefile
git clone -q --no-hardlinks "$source" repo 2>/dev/null
find_root=/usr
policy() { # a hundred rules
	echo "read /usr /bin /lib /lib64 /etc /proc /sys /dev /run /var /root /home /opt"
	echo "write $tmp /tmp /var/tmp"
	echo "run /usr /bin /lib /lib64"
	for i in $(seq 85); do echo "noread $tmp/nothing/$i"; done
}
policy >policy
cat >nginx.conf <<N
worker_processes 1;
daemon off;
pid $tmp/nginx.pid;
error_log $tmp/error.log;
events { worker_connections 256; }
http { access_log off; root $tmp/www; client_body_temp_path $tmp/b; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
  server { listen 127.0.0.1:18080; } }
N
mkdir www && head -c 4096 /dev/zero >www/index.html
cat >serve.sh <<'N'
nginx -c "$1/nginx.conf" & pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$1/nginx.pid" ] && break; sleep 0.1; done
wrk -t1 -c16 -d2 http://127.0.0.1:18080/index.html | awk '/Requests.sec/ { print $2 }' >"$1/rate"
kill $pid; wait $pid 2>/dev/null
N

echo 'i=0; while [ $i -lt 50 ]; do /usr/bin/python3 -c pass; i=$((i+1)); done' >starts.sh

work() { # WHAT: the command
	case $1 in
	compile) echo "make -s -j2 -C c" ;;
	git) echo "git -C repo log --stat -n 300" ;;
	find) echo "find $find_root -newer policy" ;;
	python) echo "sh starts.sh" ;;
	nginx) echo "sh serve.sh $tmp" ;;
	esac
}
cat >rare.bpf.c <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "Dual BSD/GPL";
SEC("tracepoint/syscalls/sys_enter_mount") int on_mount(void *ctx) { return 0; }
SEC("tracepoint/syscalls/sys_enter_ptrace") int on_ptrace(void *ctx) { return 0; }
C
clang-14 -target bpf -O2 -g "-I/usr/include/$(cc -dumpmachine)" -c rare.bpf.c -o rare.bpf.o
via() { # WAY
	case $1 in
	plain) ;;
	run) echo "$skep run -q --" ;;
	rare) echo "$skep run -q rare.bpf.o --" ;;
	watch) echo "$skep run -q watch --" ;;
	guard) echo "$skep run -q --policy policy --" ;;
	strace) echo "strace -f -o /dev/null" ;;
	strace-files) echo "strace -f --seccomp-bpf -e trace=%file,%process,connect -o /dev/null" ;;
	esac
}
ways="plain run rare watch guard"
command -v strace >/dev/null && ways="$ways strace-files strace"
whats="compile git find python"
command -v nginx >/dev/null && command -v wrk >/dev/null && whats="$whats nginx"

once() { # WHAT WAY: seconds, of nginx requests a second
	[ "$1" != compile ] || make -s -C c clean
	rm -f nginx.pid rate
	local command start
	command="$(via "$2") $(work "$1")"
	start=$(date +%s%N)
	$command >/dev/null 2>errors || { echo "commands.sh: $command: it failed with $?" >&2; cat errors >&2; return 1; }
	if [ "$1" = nginx ]; then cat rate 2>/dev/null || echo 0; else echo "scale=4; ($(date +%s%N) - $start) / 1000000000" | bc; fi
}
for what in $whats; do
	for round in $(seq "$rounds"); do
		for way in $ways; do
			[ "$round" = 1 ] || [ "${way#strace}" = "$way" ] || continue
			took=$(once "$what" "$way")
			echo "$way $took"
		done
	done >"$what.times"
done
python3 - "$ways" $whats <<'P'
import sys
ways = sys.argv[1].split()
print("%-32s" % "" + "".join("%13s" % w for w in ways))
names = {"compile": "compile, make -j2 (s)", "git": "git log --stat (s)", "find": "find /usr (s)", "python": "fifty starts of python3 (s)", "nginx": "nginx under wrk (requests/s)"}
for what in sys.argv[2:]:
    best = {}
    for line in open(what + ".times"):
        w, n = line.split()
        n = float(n)
        best[w] = max(best.get(w, 0), n) if what == "nginx" else min(best.get(w, 9e9), n)
    print("%-32s" % names[what] + "".join("%13.0f" % best[w] if what == "nginx" else "%13.3f" % best[w] for w in ways))
    over = [(best["plain"] / best[w] if what == "nginx" and best[w] else best[w] / best["plain"]) for w in ways]
    print("%-32s" % "  times as long" + "".join("%13.2f" % o for o in over))
P
