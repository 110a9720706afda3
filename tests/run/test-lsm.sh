#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# LSM programs: what they deny does not happen.
. "$(dirname "$0")/user.sh"

lsm="$objects/run-lsm.bpf.o"
cat >"$tmp/try.py" <<'PY'
import socket, errno, sys
def say(f):
    try: f(); print("done")
    except OSError as e: print(errno.errorcode[e.errno])
l = socket.socket(); l.bind(("127.0.0.1", 7790)); l.listen()
say(lambda: socket.create_connection(("127.0.0.1", 7777)))
say(lambda: socket.create_connection(("127.0.0.1", 7790)))
say(lambda: socket.socket().bind(("127.0.0.1", 7777)))
say(lambda: socket.socket().bind(("127.0.0.1", 7778)))
say(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
say(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
PY
sockets() { exits 0 -q "$lsm" -- python3 "$tmp/try.py" && prints "$(printf 'EACCES\ndone\nEPERM\ndone\nEACCES\ndone')"; }
ok "socket_connect, socket_bind and socket_create deny with their errno" sockets

cp /bin/true "$tmp/evil"
cp "$tmp/evil" "$tmp/good"
ln -sf evil "$tmp/link"
execs() {
	exits 0 "$lsm" -- sh -c "'$tmp/good' && echo good; '$tmp/evil' && echo evil; echo \$?; '$tmp/link' && echo link; echo \$?" 2>/dev/null &&
		prints "$(printf 'good\n137\n137')" && complains "trace: exec $tmp/good" && complains "trace: exec $tmp/evil" && complains '2 processes were killed by a program'
}
ok "bprm_check_security kills before the first instruction of what it denies, whatever name it was called by" execs
not_started() {
	cat >"$tmp/leave.c" <<'C'
#include <fcntl.h>
int main(int n, char **a) { return open(a[1], O_CREAT | O_WRONLY, 0600) < 0; }
C
	cc -o "$tmp/trace.evil" "$tmp/leave.c" 2>/dev/null || return 0
	exits 0 "$lsm" -- sh -c "'$tmp/trace.evil' '$tmp/left'; true" && [ ! -e "$tmp/left" ]
}
ok "... nothing of it has run" not_started
memfd() {
	exits 0 "$lsm" -- python3 -c "
import os
fd = os.memfd_create('evil')
os.write(fd, open('/bin/true', 'rb').read())
pid = os.fork()
if not pid: os.execve(fd, ['x'], {})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))" && prints 0 && complains 'exec /memfd:evil \(deleted\)'
}
ok "an executable in memory alone is seen by its name" memfd
if cc -O2 -pthread -o "$tmp/flip" "$source/tests/run/flip.c" 2>"$tmp/why"; then
	flip() { exits 0 -q "$objects/run-lsm-no-bind.bpf.o" -- "$tmp/flip" address "${FLIP:-10}" && prints "some 0"; }
	ok "an address that changes while socket_connect looks at it: no connection to the denied port" flip
	i386() { exits 0 -q "$lsm" -- "$tmp/flip" i386-socket && prints -13; }
	ok "a 32-bit system call is decided on as the 64-bit one is" i386
	# A thread puts another file under the name all the time.
	swap() {
		exits 0 -q "$lsm" -- python3 -c "
import os, threading, time
d = '$tmp/swap'; os.makedirs(d, exist_ok=True)
stop = False
def flip():
    while not stop:
        for what in 'good', 'evil':
            os.symlink('$tmp/' + what, d + '/new'); os.rename(d + '/new', d + '/x')
os.symlink('$tmp/good', d + '/x') if not os.path.islink(d + '/x') else None
t = threading.Thread(target=flip); t.start()
end = time.time() + ${FLIP:-10}; codes = {}
while time.time() < end:
    pid = os.posix_spawn(d + '/x', ['x'], {})
    c = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]); codes[c] = codes.get(c, 0) + 1
stop = True; t.join()
print(sorted(codes))" 2>/dev/null && prints "[-9, 0]"
	}
	ok "a link that changes while it is executed: what is denied is killed, the other one runs" swap
else
	skip "attacks by races" "no C compiler"
fi
tap_end
