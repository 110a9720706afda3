#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The egress firewall through skep run: what a policy lets through, what it refuses, how soon, and what is said about it. Servers with names, ports and
# addresses of their own are those of world.py.
world=1
. "$(dirname "$0")/user.sh"
cd "$HOME" || exit 1
tries="$source/tests/run/tries.py"

# In the two ways to hold a tree to its policy the same is refused, and told. What is not the same:
#   - the kernel gives datagrams of a connected socket this error, or that
#   - without namespaces the machine's own name servers are the tree's resolver, at their own addresses
if [ "${SKEP_NET:-}" = calls ]; then
	refused=ECONNREFUSED refused6=ECONNREFUSED machines_server=open
else
	refused=EHOSTUNREACH refused6=EACCES machines_server=ECONNREFUSED
fi

# outcome POLICY... -- TRY...: wants the lines of stdin of the tries, of which none may be slow.
outcome() {
	local policy=() want
	want=$(cat)
	while [ "$1" != -- ]; do policy+=("$1"); shift; done
	shift
	run "${policy[@]}" -- python3 "$tries" "$@"
	prints "$want"
}
# check NAME POLICY... -- TRY...: the same as one claim.
check() {
	local name=$1
	shift
	ok "$name" outcome "$@"
}
greets() { printf 'hello from %s\n' "$@"; }

# Without a policy, so that what is refused below is known to be there.
check "without a policy all servers are there" -- lookup one.test tcp 192.0.2.2 443 tcp 169.254.169.254 80 tcp 100.100.100.200 80 tcp 2001:db8::1 80 \
	udp 192.0.2.1 443 udp 2001:db8::1 7 http 198.51.100.200 8080 x tls 192.0.2.2 443 two.test <<<"found 192.0.2.2
open
open
open
open
echo
echo
hello from x
hello from two.test"

# Names
check "a name" --allow one.test -- http one.test 80 one.test tls one.test 443 one.test lookup two.test lookup sub.one.test <<<"hello from one.test
hello from one.test
EAI_AGAIN
EAI_AGAIN"
check "every name below a name, and not itself" --allow '*.wild.test' -- http a.wild.test 80 a.wild.test http b.c.wild.test 80 b.c.wild.test lookup wild.test <<<"hello from a.wild.test
hello from b.c.wild.test
EAI_AGAIN"
check "upper case" --allow ONE.test -- http One.TEST 80 oNe.test lookup TWO.test <<<"hello from oNe.test
EAI_AGAIN"
check "a name by way of CNAMEs, which may not be looked up themselves" --allow www.cdn.test -- http www.cdn.test 80 www.cdn.test lookup middle.cdn.test lookup edge.cdn.test <<<"hello from www.cdn.test
EAI_AGAIN
EAI_AGAIN"
check "an address that no look-up gave" --allow one.test -- tcp 192.0.2.2 80 lookup one.test tcp 192.0.2.2 80 <<<"ECONNREFUSED
found 192.0.2.2
open"
check "a name that may be looked up, and no more" --allow one.test/dns -- lookup one.test tcp 192.0.2.2 80 <<<"found 192.0.2.2
ECONNREFUSED"
vc() { RES_OPTIONS=use-vc outcome "$@"; }
ok "look-ups over TCP" vc --allow one.test -- http one.test 80 one.test lookup two.test <<<"hello from one.test
EAI_AGAIN"

# Ports, addresses, IPv6
check "ports and ranges" --allow one.test:80,8000-8100 -- tcp one.test 80 tcp one.test 8080 tcp one.test 443 udp one.test 7 <<<"open
open
ECONNREFUSED
$refused"
check "protocols" --allow one.test:7,80/tcp,web.test:7/udp -- tcp one.test 7 udp one.test 7 udp 192.0.2.1 7 lookup web.test udp 192.0.2.1 7 tcp 192.0.2.1 7 <<<"open
$refused
$refused
found 192.0.2.1
echo
ECONNREFUSED"
check "prefixes" --allow 198.51.100.0/25,2001:db8::/126 -- tcp 198.51.100.1 80 tcp 198.51.100.200 80 tcp 2001:db8::3 80 tcp 2001:db8::4 80 udp 2001:db8::4 7 <<<"open
ECONNREFUSED
open
ECONNREFUSED
$refused6"
check "IPv6 addresses with ports" --allow '[2001:db8::1]:443,[2001:db8::2]:7/udp' -- tls 2001:db8::1 443 web.test tcp 2001:db8::1 80 udp 2001:db8::2 7 tcp 2001:db8::2 7 <<<"hello from web.test
ECONNREFUSED
echo
ECONNREFUSED"
check "a name of IPv6 alone" --allow v6.test:80 -- http v6.test 80 v6.test tcp v6.test 443 <<<"hello from v6.test
ECONNREFUSED"

# Deny
check "deny beats allow, for the same host" --deny one.test --allow one.test,two.test -- lookup one.test http two.test 80 two.test <<<"EAI_AGAIN
hello from two.test"
check "no name opens a denied address" --allow one.test --deny 192.0.2.2 -- lookup one.test tcp 192.0.2.2 80 <<<"found 192.0.2.2
ECONNREFUSED"
check "the longer prefix decides" --allow 192.0.2.0/24 --deny 192.0.2.0/30 --allow 192.0.2.1 -- tcp 192.0.2.4 80 tcp 192.0.2.2 80 tcp 192.0.2.1 80 <<<"open
ECONNREFUSED
open"
check "deny alone leaves the rest open" --deny two.test -- http one.test 80 one.test lookup two.test tcp 192.0.2.1 80 <<<"hello from one.test
EAI_AGAIN
open"
check "a denied name at an address that is open: TLS and HTTP without a look-up" --deny two.test -- tls 192.0.2.2 443 two.test http 192.0.2.2 80 two.test tls 192.0.2.2 443 one.test <<<"ECONNRESET
ECONNRESET
hello from one.test"

# What is closed unless it is named
check "metadata and link-local addresses" --allow '*' -- tcp 169.254.169.254 80 tcp 100.100.100.200 80 tcp 192.0.2.1 80 <<<"ECONNREFUSED
ECONNREFUSED
open"
check "... by a name that is allowed" --allow metadata.test -- lookup metadata.test http metadata.test 80 metadata.test <<<"found 169.254.169.254
ECONNREFUSED"
check "... opened by their address" --allow 169.254.169.254:80 -- http 169.254.169.254 80 x <<<"hello from x"
check "host:PORT is one port of the machine's loopback" --allow "host:$http" -- tcp host "$http" tcp 10.0.2.2 "$http" tcp fd00::2 "$http" tcp host 80 tcp fd00::2 80 tcp 10.0.2.3 "$http" <<<"open
open
ECONNREFUSED
ECONNREFUSED
ECONNREFUSED
ECONNREFUSED"
check "a name with the machine's address opens nothing" --allow rebound.test -- tcp rebound.test "$http" <<<"ECONNREFUSED"
check "other name servers" --allow one.test -- udp 192.0.2.54 53 tcp 192.0.2.53 53 <<<"$refused
$machines_server"

# Names that share an address
check "TLS to a shared address: the name counts" --allow one.test -- lookup one.test tls 192.0.2.2 443 one.test tls 192.0.2.2 443 two.test tls 192.0.2.2 443 nowhere.test <<<"found 192.0.2.2
hello from one.test
ECONNRESET
ECONNRESET"
check "HTTP to a shared address: the host counts" --allow one.test -- lookup one.test http 192.0.2.2 80 one.test http 192.0.2.2 80 two.test http 192.0.2.2 80 192.0.2.2 <<<"found 192.0.2.2
hello from one.test
ECONNRESET
ECONNRESET"
check "no name, in TLS: all names that are known must be allowed" --allow one.test,two.test/dns -- lookup one.test tls 192.0.2.2 443 - lookup two.test tls 192.0.2.2 443 - tls 192.0.2.2 443 one.test <<<"found 192.0.2.2
hello from -
found 192.0.2.2
ECONNRESET
hello from one.test"
many=() want=""
for n in $(seq 0 19) 0; do
	many+=(http "n$n.many.test" 80 "n$n.many.test")
	want+="hello from n$n.many.test"$'\n'
done
check "twenty names at one address" --allow '*.many.test' -- "${many[@]}" <<<"$want"
many=()
want=""
for n in $(seq 0 7); do
	many+=(lookup "n$n.many.test")
	want+="found 192.0.2.4"$'\n'
done
check "eight of which one is allowed" --allow 'n0.many.test,*.many.test/dns' -- "${many[@]}" http 192.0.2.4 80 n0.many.test http 192.0.2.4 80 n1.many.test <<<"${want}hello from n0.many.test
ECONNRESET"

# UDP, QUIC
check "QUIC to an address that is open by its name" --allow one.test -- lookup one.test udp 192.0.2.2 443 <<<"found 192.0.2.2
$refused"
ok "... the report says so" complains 'udp (192.0.2.2|one.test).*443.*QUIC'
check "QUIC to an address that is open itself" --allow 192.0.2.2:443/udp -- udp 192.0.2.2 443 <<<"echo"

# Programs
cp "$(command -v curl)" mycurl
page() { exits "$@" -sS -m 5 http://one.test/; }
ok "exe=: the program itself" page 0 --allow "exe=$HOME/mycurl one.test:80" -- ./mycurl
ok "... not another" page 6 --allow "exe=$HOME/mycurl one.test:80" -- curl
ok "... not a copy of it elsewhere" page 6 --allow "exe=$(realpath "$(command -v curl)") one.test:80" -- ./mycurl
ok "... a child of it" page 0 --allow "exe=$(realpath "$(command -v timeout)") one.test:80" -- timeout 9 curl
ok "... a child's child" page 0 --allow "exe=$(realpath "$(command -v timeout)") one.test:80" -- timeout 9 sh -c 'curl "$@"; exit $?' -
ok "... a pattern" page 0 --allow "exe=$HOME/my* one.test:80" -- ./mycurl
two() { run --allow "exe=$HOME/mycurl one.test:80" -- sh -c './mycurl -sS -m 5 http://one.test/; curl -sS -m 5 http://192.0.2.2/'; prints "hello from one.test" && complains 'tcp .*192.0.2.2.*curl .*192.0.2.2'; }
ok "... what one program learnt is no other's" two

cp "$(realpath "$(command -v python3)")" mypython
from_port='import errno, socket, sys, time
kind, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.settimeout(3); s.bind(("0.0.0.0", port))
try:
    s.connect(("192.0.2.2", 80 if kind == "tcp" else 7))
    s.send(b"GET / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n")
    print("answered" if s.recv(4096) else "closed", flush=True)
    while kind == "tcp" and s.recv(4096): pass # the other side closes first, so that the port is free at once
except OSError as e: print(errno.errorcode.get(e.errno, e), flush=True)'
taken_over() {
	run --allow "exe=$HOME/mypython 192.0.2.2" -- sh -c './mypython -c "$1" "$2" 41234; sleep "$3"; python3 -c "$1" "$2" 41234; ./mypython -c "$1" "$2" 41234' - "$from_port" "$1" "$2"
	prints "$(printf 'answered\n%s\n%s' "$3" "$4")"
}
ok "... the port of a connection that an allowed program had opens nothing for another, and is that one's again" taken_over tcp 0 ECONNREFUSED answered
taken_datagrams() { run --allow "exe=$HOME/mypython 192.0.2.2" -- sh -c './mypython -c "$1" udp 41234; sleep 1.2; python3 -c "$1" udp 41234' - "$from_port"; prints "$(printf 'answered\n%s' "$refused")"; }
ok "... nor that of datagrams, a second later" taken_datagrams

# Audit, advice, printing
audit() {
	exits 0 --audit --allow web.test -- curl -sS -m 5 http://one.test/ && prints "hello from one.test" &&
		complains 'would be refused' && complains 'look-up of one.test: no rule allows it; curl' && complains 'tcp .*one.test.*curl'
}
ok "--audit refuses nothing, and tells" audit
audit_loopback() { exits 7 --audit -- curl -sS -m 5 "http://host:$http/" && complains "1 dropped: the machine's loopback is closed|2 dropped: the machine's loopback is closed" && ! grep -q '[0-9] refused' "$tmp/err"; }
ok "... but this machine's loopback stays closed" audit_loopback
ok "... exits as the command, --violation-exit or not" page 0 --audit --allow web.test --violation-exit 42 -- curl
several=(sh -c 'python3 "$0" http web.test 80 web.test tls www.cdn.test 443 www.cdn.test udp one.test 7 tcp 198.51.100.1 8080 tcp 2001:db8::9 80 tcp host "$1" http v6.test 80 v6.test lookup two.test' "$tries" "$http")
advised() {
	exits 0 --loopback "$http" --audit --advise -- "${several[@]}" && sed -n '/^default deny/,$p' "$tmp/err" >advised.policy && cp "$tmp/out" first &&
		exits 0 --violation-exit 42 --policy advised.policy -- "${several[@]}" && cmp first "$tmp/out" &&
		! grep -q refused "$tmp/err"
}
ok "--advise: its policy allows the same run" advised
ok "... and no more" outcome --policy advised.policy -- lookup wild.test tcp 198.51.100.1 80 tcp 192.0.2.1 443 tcp host 1 udp 192.0.2.2 443 <<<"EAI_AGAIN
ECONNREFUSED
ECONNREFUSED
ECONNREFUSED
$refused"
again() {
	local options=(--allow 'exe=/usr/bin/git github.com:22 gitlab.com:22' --deny '10.1.0.0/16,*.x.test:1-5' --allow '[2001:db8::1]:443/tcp,host:80' --profile apt --audit)
	"$skep" run "${options[@]}" --print-policy >printed && "$skep" run --policy printed --print-policy >twice && cmp printed twice &&
		[ "$(grep -c exe=/usr/bin/git printed)" = 2 ] && grep -q 'deb.debian.org:80,443/tcp' printed && grep -q '^audit yes' printed
}
ok "--print-policy reads back as the same" again
profiles() { for p in npm pip git apt; do "$skep" run --profile $p --print-policy | grep -q '^allow ' || return 1; done; }
ok "profiles" profiles
profile() { exits 2 --profile nmp -- true && complains "did you mean 'npm'"; }
ok "... of another name: the nearest" profile
key() { printf 'default deny\nalow one.test\n' >bad.policy && exits 2 --policy bad.policy -- touch ran && complains "bad.policy:2:1: unknown key 'alow'; did you mean 'allow'" && [ ! -e ran ]; }
ok "an unknown key: its place and the nearest; the command does not run" key
bad() { for rule in '*.*.test' 'one.test:99999' '10.0.0.0/33' 'one.test/tpc' ':80' 'one..test'; do exits 2 --allow "$rule" -- touch ran && complains "^skep: --allow, character [0-9]+: ." || return 1; done; [ ! -e ran ]; }
ok "rules that are none" bad
empty() { for option in --allow --deny; do exits 2 $option '' -- touch ran && complains 'no host' && exits 2 $option= -- touch ran || return 1; done; [ ! -e ran ]; }
ok "an empty rule is not the same as none" empty
hints() {
	exits 2 --allow https://web.test/x -- true && complains "is a URL; a rule names its host: web.test$" &&
		exits 2 --allow localhost:80 -- true && complains 'host:8080$' && exits 2 --profile x -- true && complains 'npm, pip, git, apt, build and agent'
}
ok "what newcomers write: a URL, localhost" hints

# What is said
violation() { page 42 --allow web.test --violation-exit 42 -- curl && page 6 --allow web.test -- curl && exits 3 --allow web.test --violation-exit 42 -- sh -c 'exit 3'; }
ok "--violation-exit is for runs in which something was refused" violation
report() {
	run --allow web.test --deny one.test:80 -- sh -c 'true; curl -sS -m 5 http://one.test/; curl -sS http://192.0.2.4/; true' named
	complains 'look-up of one.test: .*; curl -sS -m 5 http://one.test/ \([0-9]+\) < sh \([0-9]+\)' &&
		complains 'tcp 192.0.2.4:80: no rule allows it; curl -sS http://192.0.2.4/ \([0-9]+\) < sh \([0-9]+\)'
}
ok "the report names host, rule, process and ancestors" report
by_rule() { run --allow '*' --deny 192.0.2.0/24:443 -- curl -sS -m 5 https://192.0.2.4/; complains 'tcp 192.0.2.4:443: by deny 192.0.2.0/24:443; curl'; }
ok "... the rule that denies" by_rule
where() { mkdir -p below/here && run --allow web.test -- sh -c 'cd below/here && curl -sS -m 5 http://one.test/'; complains 'look-up of one.test: .*; curl .* < sh \([0-9]+\), in below/here; [0-9]+ times$'; }
ok "... the folder that the process works in, when it is another" where
long() { run --allow web.test -- sh -c 'curl -sS -m 5 http://one.test/"$(head -c 500 /dev/zero | tr "\0" x)"'; complains 'xxx\.\.\. \([0-9]+\) < sh' && ! complains 'x{200}' >/dev/null; }
ok "... not the whole of a long command line" long
reverse() { run --allow web.test -- python3 -c 'import socket
for a in "192.0.2.1", "2001:db8::1":
    try: socket.gethostbyaddr(a)
    except OSError: pass'; complains 'look-up of the name of 192.0.2.1: no rule' && complains 'look-up of the name of 2001:db8::1: no rule'; }
ok "... the address of a look-up of an address's name" reverse
row() {
	run --allow web.test -- python3 "$tries" lookup one.test http web.test 80 web.test tcp 192.0.2.2 80
	complains '^  udp +-> DNS .* [0-9]+ refused$' && complains '^  tcp +-> 192.0.2.2:80 .* 1 refused$' && complains '^  tcp +-> web.test:80 .* 1 flow +python3 \([0-9]+\)$' &&
		[ "$(grep -c -- '-> DNS' "$tmp/err")" = 1 ]
}
ok "the summary has look-ups in one row, and what was refused" row
json() {
	run --json --allow web.test -- python3 "$tries" tcp 192.0.2.2 80
	python3 -c 'import json, sys
l = [json.loads(x) for x in open(sys.argv[1]) if x[0] == "{"]
assert [x["refused"] for x in l if x["kind"] == "host" and x["address"] == "192.0.2.2"] == [1], l
assert [(x["by"], x["access"], x["address"]) for x in l if x["kind"] == "refusal"] == [("firewall", "connection", "192.0.2.2")], l' "$tmp/err"
}
ok "... as JSON Lines too" json
no_colours() { run --allow web.test -- curl -sS -m 5 http://one.test/; ! grep -q $'\033' "$tmp/err"; }
ok "... in colours on a terminal only" no_colours
flows() {
	run --allow web.test --flows flows.json -- curl -sS -m 5 http://192.0.2.2/
	python3 -c 'import json, sys
l = [json.loads(x)["flow"] for x in open("flows.json") if not x.startswith("{\"lost_events")]
d = [f for f in l if f["verdict"] == "DROPPED" and f["IP"]["destination"] == "192.0.2.2"]
assert d[0]["l4"]["TCP"]["flags"] == {"SYN": True}, d
assert d and "no rule allows it" in json.dumps(d[0]["decided_by"]), l'
}
ok "the flow log has rule and program of what was refused" flows
metrics() {
	run --allow web.test --metrics metrics --pcapng frames -- python3 "$tries" tcp 192.0.2.2 80 lookup web.test tcp 192.0.2.1 80 tcp 192.0.2.2 443
	grep -q '^skep_refused_total 2$' metrics || { cat metrics; return 1; }
	command -v tshark >/dev/null || return 0
	[ "$(tshark -r frames -Y 'tcp.flags.syn == 1 && ip.dst == 192.0.2.2' -T fields -e frame.comment 2>/dev/null | grep -c 'refused by the policy; .*python3')" = 2 ]
}
ok "... the metrics their number, the frames their comment" metrics
tls_refused() {
	run --allow one.test --flows flows.json -- python3 "$tries" lookup one.test tls 192.0.2.2 443 two.test
	python3 -c 'import json
l = [json.loads(x)["flow"] for x in open("flows.json") if not x.startswith("{\"lost_events")]
d = [f for f in l if f["event"] == "drop" and f["IP"]["destination"] == "192.0.2.2"]
assert len(d) == 1 and "TLS" in json.dumps(d[0]["decided_by"]), d'
}
ok "... what is refused in the middle of a connection too" tls_refused
again_and_again() {
	run --allow web.test -- sh -c 'for n in 1 2 3 4 5; do curl -sS -m 5 http://192.0.2.2/; done; curl -sS -m 5 http://192.0.2.2/x; true'
	[ "$(grep -c 'tcp 192.0.2.2:80: no rule' "$tmp/err")" = 2 ] && complains 'http://192.0.2.2/ \([0-9]+\) < sh \([0-9]+\); 5 times$'
}
ok "what a script does again and again is told once" again_and_again

# Beside other things
published() {
	local port=$((20000 + $$ % 20000)) said
	$under "$skep" run $other_ways --name pub$$ --allow web.test --publish "$port:8000" -- python3 -c 'import socket
s = socket.socket(); s.bind(("0.0.0.0", 8000)); s.listen()
print("up", flush=True)
c, _ = s.accept(); c.sendall(b"from the tree\n"); print(c.recv(100)); c.close()' >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	until grep -q up "$tmp/out"; do kill -0 $pid || return 1; sleep 0.05; done
	said=$(timeout 5 python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.sendall(b"hi"); print(s.recv(100).decode().strip())' "$port")
	wait $pid && [ "$said" = "from the tree" ] && ! complains refused
}
ok "a published port under a policy" published
lives_on() {
	# Its names are forgotten while it lasts, as they are when their time is over.
	$under "$skep" run $other_ways --name long$$ --allow web.test -- sh -c 'curl -N -sS http://web.test/drip/30; curl -4 -sS -m 5 --resolve web.test:80:192.0.2.1 http://web.test/; echo $?' >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	for _ in $(seq 100); do grep -q 3 "$tmp/out" && break; sleep 0.05; done
	"$skep" map dump learnt --json --run long$$ >learnt.json || return 1
	python3 - learnt.json <<'PY' >keys
import json, sys
for line in open(sys.argv[1]):
    o = json.loads(line)
    for e in o if isinstance(o, list) else [o]:
        print(json.dumps(e["key"]))
PY
	[ -s keys ] || { cat learnt.json; return 1; }
	while read -r key; do "$skep" map delete learnt "$key" --run long$$ || return 1; done <keys
	wait $pid
	[ "$(tail -2 "$tmp/out" | tr '\n' ' ')" = "29 7 " ] || { cat "$tmp/out" "$tmp/err"; return 1; }
}
ok "a connection lasts beyond its name; a new one wants it known" lives_on
beside() {
	run "$objects/run-say-a.bpf.o@1" --allow one.test -- python3 "$tries" http one.test 80 one.test lookup two.test
	prints "$(printf 'hello from one.test\nEAI_AGAIN')" && complains 'program a'
}
ok "a program of one's own beside the policy" beside
first() {
	: >"$world/log"
	run "$objects/run-tc-out.bpf.o@0" --allow one.test -- python3 "$tries" lookup one.test lookup two.test
	prints "$(printf 'found 192.0.2.2\nEAI_AGAIN')" && grep -q '^dns one.test' "$world/log" && ! grep -q two.test "$world/log"
}
ok "... one that ends its point lets nothing past the policy" first
parallel() {
	exits 0 -q --allow one.test:80,443 -- python3 -c '
import http.client, threading
failed = []
def get(n):
    for i in range(5):
        try:
            c = http.client.HTTPConnection("one.test", 80, timeout=30); c.request("GET", "/")
            assert c.getresponse().read() == b"hello from one.test\n"; c.close()
        except Exception as e: failed.append(repr(e))
ts = [threading.Thread(target=get, args=(n,)) for n in range(200)]
[t.start() for t in ts]; [t.join() for t in ts]; print(len(failed), failed[:3])' && prints "0 []"
}
ok "two hundred at a time under a policy" parallel
tap_end
