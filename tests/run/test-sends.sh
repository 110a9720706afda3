#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs at datagrams: cgroup/sendmsg4 and sendmsg6. What they decide holds, also while the task changes what it is about, and the calls are as the kernel's own.
. "$(dirname "$0")/user.sh"

object=$objects/run-sock-send.bpf.o
# What the kernel makes of the same object stands in sends.expected: test-sends-kernel.sh compares.
part() {
	exits 0 -q "$object" -- python3 "$source/tests/run/sends.py" "$1" || return 1
	grep -v '^lite' "$tmp/out" >"$tmp/got"
	diff <(sed -n "/^== $1\$/,/^==/{/^==/!p}" "$source/tests/run/sends.expected") "$tmp/got"
}
ok "datagrams are denied, sent elsewhere and given another source, and none of a connected socket's is asked about" part addresses
ok "control messages go along" part controls
ok "addresses of IPv4 on sockets of IPv6 are IPv4's" part mapped
ok "sendmmsg ends at the first that is denied" part many
ok "calls that make no sense end as the kernel ends them" part bad
ok "messages of other sockets are what they were: files, credentials, streams, signals" part others
counted() {
	exits 0 -q "$object" -- python3 -c "
import socket, errno
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in 7777, 7780:
    try: s.sendto(b'x', ('127.0.0.1', port)); print('sent')
    except OSError as e: print(errno.errorcode[e.errno])" && prints "$(printf 'EPERM\nsent')" &&
		exits 0 "$object" -- python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: s.sendto(b'x', ('127.0.0.1', 7777))
except OSError: pass
s.sendto(b'x', ('127.0.0.1', 7780))" && complains '2 program runs at 2 calls' && complains '1 call was denied'
}
ok "... and counted" counted
marked() {
	exits 0 -q "$object" -- python3 -c "
import socket, errno, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: print(s.sendmsg([b'x'], [(socket.SOL_SOCKET, 36, struct.pack('i', 7))], 0, ('127.0.0.1', 7780)))
except OSError as e: print(errno.errorcode[e.errno])" && prints EPERM
}
ok "what the guard may and the task may not (SO_MARK) is not done for it" marked
with_ends() {
	exits 0 "$object" watch --syscalls sendto,sendmsg -- python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: s.sendto(b'x', ('127.0.0.1', 7777))
except OSError as e: print(e.errno)
print(s.sendmsg([b'xyz'], [], 0, ('127.0.0.1', 7780)))
s.connect(('127.0.0.1', 7780)); print(s.send(b'xy'))" && prints "$(printf '1\n3\n2')" && complains '2 +1 sendto' && complains ' 1 +sendmsg'
}
ok "where the ends of the calls are asked for, too, they are told" with_ends
refused() {
	run --net=calls -q "$object" -- true
	[ $? = 125 ] && complains "decides on sendto: .* --net=calls does without"
}
ok "without a guard they are refused at the start" refused

if cc -O2 -pthread -o "$tmp/flip" "$source/tests/run/flip.c" 2>"$tmp/why"; then
	flip() { exits 0 -q "$object" -- "$tmp/flip" "$1" "${FLIP:-5}" && prints "$2 0"; }
	ok "an address that changes while it is looked at: no datagram to the denied port" flip send-address some
	ok "a message whose pointer does: none either" flip send-pointer some
	ok "a socket that changes under its number: none either" flip send-socket none
	i386() { exits 0 -q "$object" -- "$tmp/flip" i386-send && prints "-1 1 1 x"; }
	ok "a 32-bit system call is decided on as the 64-bit one is" i386
else
	skip "attacks by races" "no C compiler: $(head -1 "$tmp/why")"
fi
tap_end
