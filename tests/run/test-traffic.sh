#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Real traffic between a tree and servers on this machine.
. "$(dirname "$0")/user.sh"

# both WAY...: by a TAP device where there is one, and by a veth pair.
ways="--no-tap"
[ -w /dev/net/tun ] && ways="--no-tap --"

fetch() { exits 0 -q --loopback "$http" -- curl -sS "http://$1:$http/" && prints hello; }
ok "HTTP by address" fetch 10.0.2.2
ok "HTTP by the name host" fetch host
closed() { exits 7 --loopback 1 -- curl -sS -m 5 "http://host:$http/" && complains "loopback is closed"; }
ok "the machine's loopback is closed, and a connection to it refused at once" closed
by_other_names() {
	for to in 127.0.0.1 '[::1]' 10.0.2.77 '[fd00::99]' 0.0.0.0; do
		exits 7 --loopback 1 -- curl -sS -m 5 "http://$to:$http/" || return 1
	done
}
ok "... by any other address of it too" by_other_names
down() {
	local n=50000000 sum
	sum=$(python3 -c 'import hashlib; print(hashlib.sha256((bytes(i % 251 for i in range(251 * 1024)) * 200)[:50000000]).hexdigest())')
	exits 0 -q --loopback "$http" -- sh -c "curl -sS http://host:$http/bytes/$n | sha256sum" && says "^$sum"
}
ok "a large transfer to the tree arrives whole" down
up() {
	head -c 50000000 /dev/urandom >"$tmp/up"
	exits 0 -q --loopback "$http" -- curl -sS -T "$tmp/up" "http://host:$http/" &&
		prints "50000000 $(sha256sum <"$tmp/up" | cut -d' ' -f1)"
}
ok "a large transfer from the tree arrives whole" up
small_mtu() {
	exits 0 -q --mtu 1500 --loopback "$http" -- sh -c "ip link show eth0 | grep -o 'mtu [0-9]*'; curl -sS http://host:$http/bytes/3000000 | wc -c" &&
		prints "$(printf 'mtu 1500\n3000000')"
}
ok "--mtu 1500" small_mtu
udp_echo='import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
for n in (1, 512, 1400, 9000, 60000):
    s.sendto(b"x" * n, ("10.0.2.2", int(sys.argv[1]))); print(len(s.recv(65536)))'
echoes() { exits 0 -q --loopback "$udp" -- python3 -c "$udp_echo" "$udp" && prints "$(printf '1\n512\n1400\n9000\n60000')"; }
ok "UDP of all sizes there and back" echoes
fragments() { exits 0 -q --mtu 1500 --loopback "$udp" -- python3 -c "$udp_echo" "$udp" && prints "$(printf '1\n512\n1400\n9000\n60000')"; }
ok "... in fragments" fragments
lookup='import socket; print(socket.gethostbyname("alias.test"))'
resolves() { exits 0 -q --dns "127.0.0.1:$dns" -- python3 -c "$lookup" && prints 192.0.2.1 && grep -q '^dns alias.test 1' "$tmp/log"; }
ok "DNS goes to the server of --dns" resolves
absent() { exits 0 -q --dns 127.0.0.1:1 -- python3 -c 'import socket, time
t = time.time()
try: socket.gethostbyname("a.test")
except socket.gaierror: print(time.time() - t < 3)' && prints True; }
ok "a name server that is not there is an error at once" absent
pings() { exits 0 -q -- ping -c 1 -W 2 10.0.2.2; }
command -v ping >/dev/null && ok "ping of the gateway" pings
published() {
	local port=$((20000 + $$ % 20000))
	"$skep" run $other_ways -q --publish "$port:8000" -- python3 -c 'import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 8000)); s.listen()
print("up", flush=True)
c, _ = s.accept(); c.sendall(b"from the tree\n"); c.close()' >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	until grep -q up "$tmp/out"; do kill -0 $pid || return 1; sleep 0.05; done
	[ "$(timeout 5 python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); print(s.recv(100).decode().strip())' "$port")" = "from the tree" ] && wait $pid
}
ok "a published port lets connections in" published
owner() {
	exits 0 --loopback "$http" -- sh -c "curl -sS http://host:$http/ >/dev/null" && complains "tcp +-> host:$http .* flows? +curl"
}
ok "the summary names the process" owner
last_words() { # what is still in the socket when the command ends
	exits 0 -q --loopback "$udp,$http" -- python3 -c '
import socket, sys, os
s = socket.create_connection(("10.0.2.2", int(sys.argv[1])))
s.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + b"z" * 3000000); os._exit(0)' "$http"
	sleep 0.3
	grep -q "^http PUT" "$tmp/log"
}
ok "what a command sent before it ended is still delivered" last_words
storm() { exits 0 -q --loopback "$http" -- python3 "$source/tests/run/storm.py" "$http" && prints "True {}"; }
ok "calls that signals interrupt are taken up again, and done once" storm
many() {
	exits 0 --loopback "$http" -- python3 -c '
import socket, sys, threading
def get():
    for _ in range(10):
        s = socket.create_connection(("10.0.2.2", int(sys.argv[1])))
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        data = b""
        while True:
            part = s.recv(4096)
            if not part: break
            data += part
        assert data.endswith(b"hello\n")
        global n
        with lock: n += 1
n, lock = 0, threading.Lock()
ts = [threading.Thread(target=get) for _ in range(50)]
[t.start() for t in ts]; [t.join() for t in ts]; print(n)' "$http" && prints 500
}
ok "five hundred connections, fifty at a time" many
for way in $ways; do
	[ "$way" = -- ] && ok "by a TAP device" exits 0 -q --loopback "$http" -- curl -sS -o /dev/null "http://host:$http/"
done
ok "by a veth pair" exits 0 -q --no-tap --loopback "$http" -- curl -sS -o /dev/null "http://host:$http/"

dropped() { exits 28 "$objects/run-$1.bpf.o" --loopback "$udp,$http" -- curl -sS -m 2 "http://10.0.2.2:$http/" && complains "dropped: $2"; }
ok "an xdp program drops frames on their way in" dropped xdp "xdp"
ok "a tc program drops frames on their way in" dropped tc-in "tc ingress"
ok "a tc program drops frames on their way out" dropped tc-out "tc egress"
ok "a cgroup_skb program drops frames on their way in" dropped cgroup-in "cgroup_skb ingress"
ok "a cgroup_skb program drops frames on their way out" dropped cgroup-out "cgroup_skb egress"
ok "a socket filter drops frames on their way in" dropped socket "socket filter"
by_task() {
	exits 0 -q "$objects/run-task.bpf.o" --loopback "$http" -- curl -sS -m 5 -o /dev/null "http://10.0.2.2:$http/" &&
		exits 1 -q "$objects/run-task.bpf.o" --loopback "$http" -- timeout -k 1 2 python3 -c 'import socket, sys
s = socket.socket(); s.settimeout(1)
try: s.connect(("10.0.2.2", int(sys.argv[1])))
except TimeoutError: sys.exit(1)' "$http"
}
ok "programs learn from skep_tasks whose a frame is" by_task
order() {
	run "$objects/run-say-b.bpf.o" "$objects/run-say-a.bpf.o@10" --loopback "$udp" -- python3 -c "$udp_echo" "$udp"
	[ "$(grep -o 'program [ab]' "$tmp/err" | head -2 | tr '\n' ' ')" = "program a program b " ] || { cat "$tmp/err"; return 1; }
}
ok "programs of one point run in the order of their priorities" order
tx() {
	: >"$tmp/log"
	run "$objects/run-tx.bpf.o" --loopback "$udp" -- python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5)
s.sendto(b"ball", ("10.0.2.2", int(sys.argv[1])))
try: print(s.recv(100))
except TimeoutError: print("nothing")' "$udp"
	prints nothing && [ "$(grep -c "udp b'ball'" "$tmp/log")" -ge 3 ]
}
ok "XDP_TX sends a frame back where it came from" tx
tap_end
