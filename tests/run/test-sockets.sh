#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs at socket calls: connect, bind, getpeername, socket. What they decide holds, also while the task changes what it is about.
. "$(dirname "$0")/user.sh"

object() { echo "$objects/run-sock-$1.bpf.o"; }
cat >"$tmp/tcp.py" <<'PY'
# HOST PORT: connects, and prints the peer's name and what it says; or the error.
import socket, sys, errno
six = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print("%s:%d" % s.getpeername()[:2], end=" ")
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    print(s.makefile("rb").read().split()[-1].decode())
except OSError as e: print(errno.errorcode[e.errno])
PY
denied() {
	exits 0 -q "$(object connect)" --loopback all -- python3 "$tmp/tcp.py" 10.0.2.2 7777 && prints EPERM &&
		exits 0 -q "$(object connect)" -- python3 "$tmp/tcp.py" ::1 7777 && prints EPERM
}
ok "connect4 and connect6: 0 denies, with EPERM" denied
retval() { exits 0 -q "$(object connect)" -- python3 "$tmp/tcp.py" 10.0.2.2 7778 && prints EACCES; }
ok "... or with what bpf_set_retval() says" retval
# The backend's port comes by a map, from another terminal.
service() {
	mkfifo "$tmp/go"
	timeout 60 "$skep" run $other_ways --name svc "$(object connect)" --loopback "$http" -- sh -c "echo up; read -r _; exec python3 '$tmp/tcp.py' 10.99.99.99 7779" <"$tmp/go" >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	exec 8>"$tmp/go"
	for _ in $(seq 100); do grep -q up "$tmp/out" && break; sleep 0.05; done
	"$skep" map update backend 0 "$http" --run svc || return 1
	echo >&8
	exec 8>&-
	wait $pid || { cat "$tmp/err"; return 1; }
	prints "$(printf 'up\n10.99.99.99:7779 hello')" && complains 'service for [0-9]+, cookie 1'
}
ok "connect4 sends a connection elsewhere, and getpeername4 tells the old name" service
six() {
	exits 0 -q "$(object connect)" -- python3 -c "
import socket, threading
l = socket.socket(socket.AF_INET6); l.bind(('::1', 7780)); l.listen()
s = socket.socket(socket.AF_INET6); s.connect(('fd00::99', 7779))
print(s.getpeername()[:2])" && prints "('::1', 7780)"
}
ok "connect6 rewrites, too" six
udp() {
	exits 0 -q "$(object connect)" -- python3 -c "
import socket, errno
for family, host in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
    s = socket.socket(family, socket.SOCK_DGRAM)
    try: s.connect((host, 7777)); print('connected')
    except OSError as e: print(errno.errorcode[e.errno])
    s.connect((host, 7000))
    s.connect(('0.0.0.0' if family == socket.AF_INET else '::', 0))" && prints "$(printf 'EPERM\nEPERM')"
}
ok "connect of datagram sockets is decided on, too" udp
by_message() {
	exits 0 -q "$(object connect)" -- python3 -c "
import socket, errno
l = socket.create_server(('127.0.0.1', 7777))
s = socket.socket()
try: s.sendto(b'x', socket.MSG_FASTOPEN, ('127.0.0.1', 7777)); print('connected')
except OSError as e: print(errno.errorcode[e.errno])" && prints ENOTSUP
}
ok "no message makes a connection that they are not asked about" by_message
binds() {
	exits 0 -q "$(object bind)" -- python3 -c "
import socket, errno
for family, host in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
    for port in 7777, 7778, 7779, 0:
        s = socket.socket(family)
        try: s.bind((host, port)); print(s.getsockname()[1] if port else 'any')
        except OSError as e: print(errno.errorcode[e.errno])" && prints "$(printf 'EPERM\nEACCES\n7780\nany\nEPERM\nEACCES\n7779\nany')"
}
ok "bind4 and bind6 deny and rewrite" binds
create() {
	exits 0 -q "$(object create)" -- python3 -c "
import socket, errno
for what in (2, 1, 0), (2, 1, 6), (2, 2, 0), (2, 2, 17), (10, 2, 0), (1, 1, 0):
    try: socket.socket(*what).close(); print('made')
    except OSError as e: print(errno.errorcode[e.errno])" && prints "$(printf 'made\nmade\nEPERM\nEPERM\nmade\nmade')"
}
ok "sock_create decides by family, type and protocol" create
several() { exits 0 -q "$(object connect)" "$(object bind)" "$(object create)" --loopback "$http" -- curl -sS -m 5 "http://10.0.2.2:$http/" && prints hello; }
ok "all at once let the rest pass" several
bad_calls() {
	exits 0 -q "$(object connect)" "$(object bind)" -- python3 -c "
import ctypes, errno, socket
c = ctypes.CDLL(None, use_errno=True)
s = socket.socket(); fd = s.fileno(); four = b'\2\0\0\1' + bytes(12)
def call(f, *a):
    ctypes.set_errno(0); r = f(*a); print(errno.errorcode.get(ctypes.get_errno(), r))
call(c.connect, 99, four, 16); call(c.connect, 0, four, 16); call(c.connect, fd, None, 16); call(c.connect, fd, four, 8); call(c.connect, fd, four, 4000)
call(c.connect, fd, four, -1); call(c.bind, fd, ctypes.c_void_p(1), 16); call(c.getpeername, fd, four, four)
n = ctypes.c_uint(8); name = ctypes.create_string_buffer(b'x' * 16, 16)
s.bind(('127.0.0.1', 0)); s.listen(); t = socket.create_connection(s.getsockname())
call(c.getpeername, t.fileno(), name, ctypes.byref(n)); print(n.value, name.raw[:1] == b'\2', name.raw[8:] == b'x' * 8)
call(c.getpeername, t.fileno(), name, None)" </dev/null &&
		prints "$(printf 'EBADF\nENOTSOCK\nEFAULT\nEINVAL\nEINVAL\nEINVAL\nEFAULT\nENOTCONN\n0\n16 True True\nEFAULT')"
}
ok "calls that make no sense end as the kernel ends them" bad_calls
rebinds() { exits 0 -q "$(object bind)" -- python3 "$source/tests/run/rebind.py" && prints 0; }
ok "a port is free again as soon as its socket is closed" rebinds

if cc -O2 -pthread -o "$tmp/flip" "$source/tests/run/flip.c" 2>"$tmp/why"; then
	flip() { exits 0 -q "$(object connect)" -- "$tmp/flip" "$1" "${FLIP:-10}" && prints "$2 0"; }
	ok "an address that changes while it is looked at: no connection to the denied port" flip address some
	ok "a socket that changes under its number: none either" flip socket none
	i386() { exits 0 -q "$(object create)" -- "$tmp/flip" i386-socket && prints -1; }
	ok "a 32-bit system call is decided on as the 64-bit one is" i386
else
	skip "attacks by races" "no C compiler: $(head -1 "$tmp/why")"
fi
tap_end
