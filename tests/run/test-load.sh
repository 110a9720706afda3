#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Much at once, under a policy: connections, processes, bytes.
world=1
. "$(dirname "$0")/user.sh"
cd "$HOME" || exit 1
ca="$world/ca.pem"
mkdir -p "$world/www/web.test" && head -c 50000000 /dev/urandom >"$world/www/web.test/large" || exit 1
sum=$(sha256sum <"$world/www/web.test/large" | cut -d' ' -f1)

# THREADS TIMES HOST: short connections; prints how many were answered.
cat >short.py <<'EOT'
import socket, sys, threading
threads, times, host = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
done, failed, lock = 0, [], threading.Lock()
address = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)[0]
def work():
    global done
    for _ in range(times):
        try:
            with socket.socket(address[0], address[1]) as s:
                s.settimeout(30)
                s.connect(address[4])
                s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                data = b""
                while part := s.recv(4096): data += part
            assert data.endswith(f"hello from {host}\n".encode()), data
            with lock: done += 1
        except Exception as e: failed.append(repr(e))
ts = [threading.Thread(target=work) for _ in range(threads)]
[t.start() for t in ts]; [t.join() for t in ts]
print(done, failed[:3])
EOT
short() { timeout 170 "$skep" run --allow "$3" --json -- python3 short.py "$@" >"$tmp/out" 2>"$tmp/err"; prints "$(($1 * $2)) []"; }
ok "ten thousand short connections, fifty at a time" short 50 200 one.test
accounted() {
	python3 -c 'import json, sys
l = [json.loads(x) for x in open(sys.argv[1])]
row, = [x for x in l if x.get("name") == "one.test"]
run, = [x for x in l if x["kind"] == "run"]
assert row["flows"] == 10000 and row["refused"] == 0 and row["process"]["comm"] == "python3", row
assert not any(run[k] for k in run if k.startswith("lost") or k == "process_unknown"), run' "$tmp/err"
}
ok "... each accounted for, none lost, the process of each known" accounted
ok "two hundred at a time" short 200 5 one.test
ok "two hundred at a time over IPv6" short 200 5 v6.test
down() { exits 0 -q --allow web.test:443 -- sh -c "curl -sS $1 --cacert $ca https://web.test/large | sha256sum" && says "^$sum"; }
up() { exits 0 -q --allow web.test:443 -- curl -sS "$1" --cacert "$ca" -T "$world/www/web.test/large" https://web.test/ && prints "50000000 $sum"; }
for version in -4 -6; do
	ok "a large transfer to the tree, IPv${version#-}" down $version
	ok "a large transfer from the tree, IPv${version#-}" up $version
done
both() {
	exits 0 -q --allow web.test -- sh -c "for n in 1 2 3 4; do curl -sS --cacert $ca -T $world/www/web.test/large https://web.test/ & curl -sS -6 http://web.test/large | sha256sum & done; wait" &&
		[ "$(grep -c "$sum" "$tmp/out")" = 8 ]
}
ok "... eight of them at once, both ways" both
processes() { # a connection each
	exits 0 -q --allow one.test --flows flows -- python3 -c '
import os, socket, sys
def child():
    s = socket.create_connection(("one.test", 80)); print("child", os.getpid(), s.getsockname()[1], flush=True); s.close()
running = 0
for i in range(1000):
    if running == 50: os.wait(); running -= 1
    running += 1
    if not os.fork():
        try: child()
        finally: os._exit(0)
while running: os.wait(); running -= 1'
	python3 -c 'import json
own = {int(l.split()[2]): int(l.split()[1]) for l in open("'"$tmp/out"'") if l.startswith("child")}
seen = {}
for line in open("flows"):
    f = json.loads(line).get("flow")
    if not f: continue # the last line: what was lost
    if f["event"] == "begin" and "TCP" in f["l4"] and f["l4"]["TCP"]["destination_port"] == 80:
        seen.setdefault(f["l4"]["TCP"]["source_port"], []).append((f["process"] or {}).get("pid"))
wrong = [(p, own[p], seen.get(p)) for p in own if own[p] not in seen.get(p, [])]
assert len(own) > 990 and not wrong, (len(own), wrong[:5])'
}
ok "a thousand processes with a connection each: whose each is" processes
tap_end
