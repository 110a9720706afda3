#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep deploy egress-firewall, in the kernel that runs: a policy on an interface of the test's own namespace (inner), and servers behind it in another (outer: names, web,
# echoes; tests/run/world.py). What is tried, and what is expected, is as in tests/run/test-policy.sh, where the same policies hold a run's tree.
what="skep deploy egress-firewall"
. "$(dirname "$0")/own.sh"
why=$tmp/why
mkdir "$tmp/world" "$tmp/mem"
# /etc is its own, too.
if ! mount -t tmpfs none "$tmp/mem" 2>"$tmp/why" || ! mkdir "$tmp/mem/etc" "$tmp/mem/work" ||
	! mount -t overlay overlay -o "lowerdir=/etc,upperdir=$tmp/mem/etc,workdir=$tmp/mem/work" /etc 2>"$tmp/why"; then
	leave "mounting is not allowed: $(cat "$tmp/why")"
fi
tidy() { umount -l /etc "$tmp/mem" 2>/dev/null; }
ip -n outer addr add 2001:db8:94::1/64 dev vo nodad && ip -n inner addr add 2001:db8:94::2/64 dev vi nodad
ip -n inner route add default via 10.94.0.1 && ip -n inner -6 route add default via 2001:db8:94::1
for last in 1 2 3 4 5 6 7 8 9 53 54; do ip -n outer addr add "192.0.2.$last/32" dev lo && ip -n outer addr add "2001:db8::$last/128" dev lo nodad; done
for address in 198.51.100.1 198.51.100.200 169.254.169.254 100.100.100.200 10.0.2.2; do ip -n outer addr add "$address/32" dev lo; done
# "ip netns exec" puts it over /etc/resolv.conf, and skep finds it there.
mkdir -p /etc/netns/inner /etc/netns/outer
echo 'nameserver 192.0.2.53' >/etc/netns/inner/resolv.conf
outer python3 "$source/tests/run/world.py" "$tmp/world" >"$tmp/world.said" 2>&1 &
children="$children $!"
for i in $(seq 100); do
	[ -e "$tmp/world/ready" ] && break
	sleep 0.1
done
[ -e "$tmp/world/ready" ] || leave "the servers do not start: $(tail -1 "$tmp/world.said")"
tries="$source/tests/run/tries.py"

# deployed ARGS...: the firewall on inner's interface; what was there before is not replaced but gone.
deployed() {
	"$skep" undeploy egress-firewall >/dev/null 2>&1
	exits 0 deploy egress-firewall --no-check --netns inner --iface vi "$@"
}
replaced() { exits 0 deploy egress-firewall --no-check --replace "$@"; }
# tried TRY...: wants the lines of stdin of the tries in inner, of which none may be slow.
tried() {
	local want got
	want=$(cat)
	got=$(inner timeout 60 python3 "$tries" "$@")
	[ "$got" = "$want" ] || { echo "wanted: $want"; echo "got: $got"; "$skep" map dump stats --kernel egress-firewall; return 1; }
}
# check NAME POLICY... -- TRY...: as one claim.
check() {
	local name=$1 policy=()
	shift
	while [ "$1" != -- ]; do policy+=("$1"); shift; done
	shift
	both() { deployed "${policy[@]}" && tried "$@"; }
	ok "$name" both "$@"
}

# Before there is a policy, so that what is refused below is known to be there.
ok "without it all servers are there" tried lookup one.test tcp 192.0.2.2 443 tcp 169.254.169.254 80 tcp 10.0.2.2 80 tcp 2001:db8::1 80 udp 192.0.2.1 443 udp 2001:db8::1 7 \
	tls 192.0.2.2 443 two.test <<<"found 192.0.2.2
open
open
open
open
echo
echo
hello from two.test"
if ! deployed --allow one.test 2>/dev/null && grep -q 'Operation not permitted' "$tmp/err"; then
	leave "bpf(2) is not allowed: $(cat "$tmp/err")"
fi
whom() {
	"$skep" undeploy egress-firewall >/dev/null
	exits 0 deploy egress-firewall --netns inner --iface vi --allow one.test && complains '^skep: names are learnt from the answers of 192.0.2.53 \(/etc/netns/inner/resolv.conf\)$' && says '^  egress_out +tc +vi egress'
}
ok "it says whose answers it believes" whom

# Names
check "a name, over HTTP and TLS; what is refused is refused at once" --allow one.test -- http one.test 80 one.test tls one.test 443 one.test lookup two.test lookup sub.one.test \
	http one.test 80 two.test tls one.test 443 two.test tls one.test 443 - tcp 192.0.2.1 80 <<<"hello from one.test
hello from one.test
EAI_AGAIN
EAI_AGAIN
ECONNRESET
ECONNRESET
hello from -
ECONNREFUSED"
check "a name by way of CNAMEs" --allow www.cdn.test -- http www.cdn.test 80 www.cdn.test lookup edge.cdn.test <<<"hello from www.cdn.test
EAI_AGAIN"
check "an address that was not looked up under its name is refused" --allow one.test -- http 192.0.2.2 80 one.test lookup one.test http 192.0.2.2 80 one.test <<<"ECONNREFUSED
found 192.0.2.2
hello from one.test"
over_tcp() {
	deployed --allow one.test && [ "$(inner dig +tcp +short +time=2 +tries=1 @192.0.2.53 one.test)" = 192.0.2.2 ] && ! inner dig +tcp +short +time=2 +tries=1 @192.0.2.53 two.test >"$tmp/out" && tried http 192.0.2.2 80 one.test <<<"hello from one.test"
}
if command -v dig >/dev/null; then
	ok "look-ups over TCP" over_tcp
else
	skip "look-ups over TCP" "no dig"
fi
check "a name whose address is denied, and names that lead to metadata addresses" --allow one.test --allow metadata.test --deny 192.0.2.2 -- http one.test 80 one.test tcp metadata.test 80 <<<"ECONNREFUSED
ECONNREFUSED"

# Addresses, ports, protocols
check "an address and its ports" --allow 192.0.2.1:80,2001:db8::1 -- http 192.0.2.1 80 x tcp 192.0.2.1 443 http 2001:db8::1 80 x tcp 2001:db8::3 80 <<<"hello from x
ECONNREFUSED
hello from x
ECONNREFUSED"
check "UDP, over IPv4 and IPv6" --allow '192.0.2.1:7/udp [2001:db8::1]:7/udp' -- udp 192.0.2.1 7 udp 192.0.2.1 443 udp 2001:db8::1 7 udp 2001:db8::1 443 tcp 192.0.2.1 80 <<<"echo
EHOSTUNREACH
echo
EACCES
ECONNREFUSED"
check "what denies alone leaves the rest open" --deny two.test,192.0.2.1:443 -- http one.test 80 one.test lookup two.test tls one.test 443 two.test tcp 192.0.2.1 443 http 192.0.2.1 80 x tcp 169.254.169.254 80 <<<"hello from one.test
EAI_AGAIN
ECONNRESET
ECONNREFUSED
hello from x
ECONNREFUSED"
check "10.0.2.0/24 is a network as any other: no tree's loopback is there" --allow 10.0.2.0/24:80 -- http 10.0.2.2 80 x <<<"hello from x"

acts() { python3 "$source/tests/deploy/egress_acts.py" "$@"; }

# What an interface needs to work, and what it does with frames
neighbours() {
	deployed --allow '[2001:db8::1]:80' || return 1
	ip -n inner -6 neigh flush dev vi && ip -n outer -6 neigh flush dev vo
	tried http 2001:db8::1 80 x <<<"hello from x" || return 1
	# Who asks with an address of the link is answered there, whatever else may not go to it.
	ip -n outer -6 neigh flush dev vo
	outer ping -6 -c 1 -W 1 -I 2001:db8:94::1 2001:db8:94::2 >/dev/null
	ip -n outer -6 neigh show to 2001:db8:94::2 dev vo | tee "$tmp/neigh" | grep -q lladdr || { cat "$tmp/neigh"; return 1; }
}
ok "IPv6 neighbours find each other" neighbours
sizes() {
	local sum
	head -c 20000000 /dev/urandom >"$tmp/much" && sum="20000000 $(sha256sum <"$tmp/much" | cut -d' ' -f1)"
	deployed --allow web.test || return 1
	for how in "-4 http" "-4 https" "-6 http" "-6 https"; do
		[ "$(inner curl -ksS -m 30 ${how% *} -T "$tmp/much" "${how#* }://web.test/")" = "$sum" ] || { echo "$how"; return 1; }
	done
}
ok "segments that the kernel has yet to cut up (GSO) pass, whole" sizes
larger() {
	inner python3 "$source/tests/deploy/egress_acts.py" larger vi 180000 && deployed --allow web.test && exits 0 deploy "$objects/deploy-largest.bpf.o@60" --netns inner --iface vi --name largest &&
		inner python3 "$source/tests/deploy/egress_acts.py" pour 2001:db8::1 web.test && inner python3 "$source/tests/deploy/egress_acts.py" pour 192.0.2.1 web.test && exits 0 map dump .bss --kernel largest || return 1
	inner python3 "$source/tests/deploy/egress_acts.py" larger vi 65536 && says '"largest6": [0-9]{6}' && says '"largest4": [0-9]{6}' && exits 0 undeploy largest
}
if inner python3 "$source/tests/deploy/egress_acts.py" larger vi 180000 2>"$why"; then
	ok "... also those that are larger than their headers can say" larger
else
	skip "... also those that are larger than their headers can say" "$(tail -1 "$why")"
fi
lost() {
	inner python3 "$source/tests/deploy/egress_acts.py" whole vi && deployed --allow one.test && exits 0 deploy "$objects/deploy-lose.bpf.o" --netns outer --iface vo --name lose || return 1
	inner curl -sS -m 5 -H "Padding: $(printf '%5000s' x)" http://one.test/ && exits 0 map dump .bss --kernel lose && says '"lost": 1' && exits 0 undeploy lose
}
ok "a piece of the first segment is lost, and sent again" lost
fragments() {
	deployed --allow '192.0.2.1:7/udp [2001:db8::1]:7/udp' || return 1
	inner python3 - <<'PY'
import socket
for family, host in (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect((host, 7))
        s.send(bytes(4000))
        assert len(s.recv(5000)) == 4000
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(0.5)
    s.connect(("192.0.2.53", 53))
    s.send(bytes(4000))
    try:
        s.recv(5000)
        raise SystemExit("an answer to DNS in fragments")
    except TimeoutError:
        pass
PY
}
ok "fragments follow their first; DNS has none" fragments
tagged() {
	deployed --allow 10.95.0.1 && tried http 10.95.0.1 80 x tcp 192.0.2.1 80 <<<"hello from x
ECONNREFUSED" && deployed --allow 192.0.2.1 && tried tcp 10.95.0.1 80 http 192.0.2.1 80 x <<<"ECONNREFUSED
hello from x"
}
if ip -n inner link add link vi name vi.5 type vlan id 5 2>"$why" && ip -n outer link add link vo name vo.5 type vlan id 5; then
	ip -n inner addr add 10.95.0.2/24 dev vi.5 && ip -n outer addr add 10.95.0.1/24 dev vo.5 && ip -n inner link set vi.5 up && ip -n outer link set vo.5 up
	ok "what passes in a VLAN of the interface is held to the policy, too" tagged
	ip -n inner link del vi.5
	ip -n outer link del vo.5
else
	skip "what passes in a VLAN of the interface is held to the policy, too" "no VLANs here: $(cat "$why")"
fi
inner python3 -m http.server -d "$tmp/world/www" 8000 >/dev/null 2>&1 &
children="$children $!"
for i in $(seq 50); do
	outer curl -sS -m 1 -o /dev/null http://10.94.0.2:8000/ 2>/dev/null && break
	"$skep" undeploy egress-firewall >/dev/null 2>&1
	sleep 0.1
done
unasked() {
	deployed --allow one.test --publish 8000 && outer curl -sS -m 3 -o /dev/null http://10.94.0.2:8000/ && deployed --allow one.test && ! outer curl -sS -m 1 -o /dev/null http://10.94.0.2:8000/ 2>/dev/null
}
ok "unasked comes in only what is published" unasked
spoofed() {
	deployed --allow '*.test' && exits 0 map dump learnt --kernel egress-firewall || return 1
	inner python3 "$source/tests/deploy/egress_acts.py" spoof outer one.test && exits 0 map dump learnt --kernel egress-firewall --json || return 1
	grep -c 192.0.2.2 "$tmp/out" | grep -qx 1 && ! grep -E '192\.0\.2\.[3-8]"' "$tmp/out"
}
ok "answers that nobody asked for, from others, or to other questions, teach nothing" spoofed
same() {
	deployed --allow '192.0.2.0/25:80,443 [2001:db8::/32]:443 198.51.100.4/icmp 192.0.2.129/udp one.test' --deny '192.0.2.2 [2001:db8:1::1]:443' && acts frames "$tmp/frames.pcap" || return 1
	# The rules as they are in the kernel; its policy's text is as long as that is.
	for map in config clauses prefixes4 prefixes6 names resolvers links; do "$skep" map dump $map --kernel egress-firewall --json; done | grep -v '"key":[0-9]*,"value":{"low":0,"high":0,' >"$tmp/state"
	exits 0 replay egress-firewall --prog egress_out "$tmp/frames.pcap" --state "$tmp/state" -o "$tmp/verdicts.pcapng" && acts compare "$tmp/verdicts.pcapng" inner:vi outer:vo
}
ok "each of 3,000 frames meets the same end as in skep replay" same

# Another policy in its place
lasts() {
	rm -f "$tmp/up" "$tmp/go"
	deployed --allow 192.0.2.1 || return 1
	inner timeout 20 python3 "$source/tests/deploy/egress_acts.py" keep 192.0.2.1 7 "$tmp" >"$tmp/kept" 2>&1 &
	local pid=$! i
	for i in $(seq 100); do [ -e "$tmp/up" ] && break; sleep 0.05; done
	replaced --allow 192.0.2.2,192.0.2.3 || return 1
	tried tcp 192.0.2.1 7 tcp 192.0.2.2 80 <<<"ECONNREFUSED
open"
	local got=$?
	touch "$tmp/go"
	wait $pid && grep -qx 'both came back' "$tmp/kept" && [ $got = 0 ] && exits 0 map lookup counters 7 --kernel egress-firewall --json && says '"bytes":[1-9]' || { cat "$tmp/kept"; return 1; }
}
ok "--replace: connections go on, counted as an earlier policy's; new ones meet the new policy" lasts
names_last() {
	deployed --allow one.test,lone.test && tried lookup one.test lookup lone.test http 192.0.2.2 80 one.test <<<"found 192.0.2.2
found 192.0.2.6
hello from one.test" && replaced --allow 198.51.100.1,one.test && tried http 192.0.2.2 80 one.test http 192.0.2.6 80 lone.test lookup lone.test <<<"hello from one.test
ECONNREFUSED
EAI_AGAIN"
}
ok "... names that were looked up stay known, and are held to the new rules" names_last
no_gap() {
	deployed --allow 192.0.2.1:7/udp || return 1
	: >"$tmp/world/log"
	inner python3 "$source/tests/deploy/egress_acts.py" flood 192.0.2.1 7 5 >"$tmp/open" &
	local open=$! i
	inner python3 "$source/tests/deploy/egress_acts.py" flood 192.0.2.6 443 5 >"$tmp/closed" &
	local closed=$!
	for i in 1 2 3 4 5; do
		replaced --allow "192.0.2.1:7/udp n$i.test" && replaced --allow "192.0.2.1" --deny "192.0.2.6,2001:db8::$i" || { kill $open $closed; return 1; }
	done
	wait $open $closed
	cat "$tmp/open" "$tmp/closed"
	grep -qE '^[0-9]{3,} back, 0 errors' "$tmp/open" && grep -qE '^0 back, [0-9]{3,} errors' "$tmp/closed" && ! grep -q 'udp 443' "$tmp/world/log"
}
ok "... and meanwhile nothing that is refused passes, and nothing that is allowed is refused" no_gap
datagrams() {
	deployed --allow 192.0.2.1:7/udp || return 1
	inner python3 "$source/tests/deploy/egress_acts.py" flood 192.0.2.1 7 3 >"$tmp/open" &
	local pid=$!
	sleep 1
	replaced --allow 192.0.2.2 || return 1
	wait $pid
	grep -qE '^[0-9]{3,} back, [0-9]{2,} errors' "$tmp/open" || { cat "$tmp/open"; return 1; }
}
ok "... datagrams, which have no connection, meet the new policy at once" datagrams
too_large() {
	deployed --allow 192.0.2.1 || return 1
	for i in $(seq 300); do echo "allow 192.0.2.2:$i"; done >"$tmp/large.policy"
	exits 1 deploy egress-firewall --no-check --replace --policy "$tmp/large.policy" && complains 'the policy is too large' && tried http 192.0.2.1 80 x tcp 192.0.2.2 80 <<<"hello from x
ECONNREFUSED"
}
ok "... a policy that does not fit leaves the old one in force" too_large

# What it tells
told() {
	deployed --policy "$tmp/told.policy" || return 1
	timeout -s INT 4 "$skep" map events --kernel egress-firewall >"$tmp/events" 2>&1 &
	local pid=$!
	sleep 0.5
	inner python3 "$tries" lookup two.test tcp 169.254.169.254 80 tcp 192.0.2.9 80 tcp 192.0.2.7 80 http one.test 80 other.test udp 2001:db8::1 7 >/dev/null
	outer curl -sS -m 0.3 http://10.94.0.2:8000/ 2>/dev/null
	replaced --allow 192.0.2.1 --deny 192.0.2.0/29 || return 1
	inner python3 "$tries" tcp 192.0.2.2 80 >/dev/null
	wait $pid
	sed 's/10.94.0.1:[0-9]*/10.94.0.1:PORT/' "$tmp/events" | grep refused | uniq >"$tmp/refused"
	diff "$tmp/refused" - <<'EVENTS'
refused: look-up of two.test: no rule allows it
refused: tcp 169.254.169.254:80: link-local and metadata addresses
refused: tcp 192.0.2.9:80: by deny 192.0.2.8/29
refused: tcp 192.0.2.7:80: no rule allows it
refused: tcp 192.0.2.2:80 (other.test): HTTP to an allowed address, for a host that is not allowed
refused: udp 2001:db8::1:7: no rule allows it
refused: tcp 10.94.0.1:PORT to port 8000: it came unasked, and the port is not published
refused: tcp 192.0.2.2:80 (one.test): by deny 192.0.2.0/29
EVENTS
}
printf 'default deny\nallow one.test\ndeny 192.0.2.8/29\n' >"$tmp/told.policy"
ok "'skep map events' tells refusals in the words of skep run, through a --replace" told
as_json() {
	deployed --allow one.test || return 1
	timeout -s INT 2 "$skep" map events --kernel egress-firewall --json >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	sleep 0.5
	inner python3 "$tries" tcp 192.0.2.9 80 >/dev/null
	wait $pid
	says '"event":"events","value":\{.*"remote":"::ffff:192.0.2.9".*"remote_port":80,'
}
ok "... --json: as they are" as_json
audited() {
	deployed --allow one.test --audit && tried http 192.0.2.1 80 x lookup two.test tcp 169.254.169.254 80 <<<"hello from x
found 192.0.2.2
open" && timeout -s INT 1 "$skep" map events --kernel egress-firewall >"$tmp/out" 2>&1
	says '^would be refused: tcp 192.0.2.1:80: no rule allows it$' && says '^would be refused: look-up of two.test'
}
ok "--audit refuses nothing, and tells" audited
printf 'profile npm\nread /usr\nrun /usr\n' >"$tmp/both.policy"
profiled() { deployed --profile npm --policy "$tmp/both.policy" && complains 'rules on files and system calls \(read ...\) are not the firewall' && tried lookup registry.npmjs.org lookup one.test <<<"found 192.0.2.7
EAI_AGAIN"; }
ok "a profile, and a file with the guard's rules, which are said to be in force elsewhere only" profiled

# Whom it believes
servers() {
	echo "nameserver 127.0.0.53" >/etc/netns/inner/resolv.conf
	"$skep" undeploy egress-firewall >/dev/null
	exits 1 deploy egress-firewall --no-check --netns inner --iface vi --allow one.test && complains 'its name server is on loopback.*--dns ADDR' && deployed --allow 192.0.2.1 && ! complains 'names are learnt' >/dev/null || return 1
	deployed --allow one.test --dns 192.0.2.53 --dns 2001:db8::53 && complains 'answers of 192.0.2.53, 2001:db8::53 \(--dns\)' || return 1
	printf 'search x\nnameserver 192.0.2.53 # the first\nnameserver fe80::1%%vi\nnameserver nonsense\n' >/etc/netns/inner/resolv.conf
	deployed --allow one.test && complains 'answers of 192.0.2.53, fe80::1 \(/etc/netns/inner/resolv.conf\)'
	local got=$?
	echo 'nameserver 2001:db8::53' >/etc/netns/inner/resolv.conf
	[ $got = 0 ] && deployed --allow one.test && complains 'answers of 2001:db8::53 ' && tried http one.test 80 one.test lookup two.test <<<"hello from one.test
EAI_AGAIN" || got=1
	echo 'nameserver 192.0.2.53' >/etc/netns/inner/resolv.conf
	return $got
}
ok "name servers: by --dns, by the namespace's resolv.conf; one on loopback is no help" servers
# of_process WORDS COMMANDS: a process with a root of its own, in which the commands make /etc
of_process() {
	ip netns exec inner unshare -m bash -c 'mkdir -p '"$tmp"'/root && mount -t tmpfs none '"$tmp"'/root && cd '"$tmp"'/root && mkdir -p etc conf usr && mount --rbind /usr usr && cp -a /bin /lib /lib64 . 2>/dev/null; '"$2"'; exec chroot . /usr/bin/sleep 30' &
	local pid=$!
	sleep 1
	"$skep" undeploy egress-firewall >/dev/null
	exits 0 deploy egress-firewall --no-check --netns $pid --iface vi --allow one.test && complains "answers of ${1//PID/$pid}"
	local got=$?
	[ $got = 0 ] && complains "processes of pid $pid can have CAP_NET_RAW" || got=1
	kill $pid
	return $got
}
# Absolute links are the process's own.
ok "... those that a process of the namespace sees" of_process '192.0.2.54 \(/etc/resolv.conf of pid PID\)' 'echo nameserver 192.0.2.54 >conf/r; ln -s /conf/r etc/resolv.conf'
ok "... those that systemd-resolved asks" of_process '192.0.2.9 \(/run/systemd/resolve/resolv.conf\)' \
	'mkdir -p run/systemd/resolve; echo nameserver 192.0.2.9 >run/systemd/resolve/resolv.conf; echo nameserver 127.0.0.53 >etc/resolv.conf'

# As podman with systemd lays it out: the container's cgroup by its id, its network namespace and root by its first process.
id=$(printf '%064d' $$)
container=$(findmnt -t cgroup2 -n -o TARGET | head -1)/libpod-$id.scope
in_container() {
	"$skep" undeploy egress-firewall >/dev/null
	bash -c "echo \$\$ >$container/cgroup.procs; exec ip netns exec inner sleep 1000" &
	local pid=$! got
	sleep 0.5
	exits 0 deploy egress-firewall --no-check --container "$id" --allow one.test && says "in container ${id:0:12}" && complains "answers of 192.0.2.53 \(/etc/resolv.conf of container ${id:0:12}\)" &&
		tried http one.test 80 one.test tcp 192.0.2.1 80 <<<"hello from one.test
ECONNREFUSED" && replaced --allow 192.0.2.1 && tried tcp 192.0.2.1 80 <<<open
	got=$?
	kill $pid
	wait $pid 2>/dev/null
	return $got
}
if mkdir "$container" 2>/dev/null; then
	ok "a container, and its name servers" in_container
	rmdir "$container"
else
	skip "a container, and its name servers" "no cgroup can be made"
fi

# What it does not hold: docs/deploy.md
past() {
	deployed --allow one.test && : >"$tmp/world/log" && inner python3 "$source/tests/deploy/egress_acts.py" past vi 192.0.2.6 && sleep 0.3 && grep -c 'udp 443' "$tmp/world/log" | grep -qx 1 && grep -q past "$tmp/world/log"
}
ok "a packet socket is held to it, unless it asks to go past tc, which takes CAP_NET_RAW" past

# What cannot be
refuses() {
	local want=$1
	shift
	run deploy egress-firewall --netns inner --iface vi "$@"
	[ $? != 0 ] && complains "$want" && [ ! -e /sys/fs/bpf/skep/egress-firewall ] || { echo "$*"; cat "$tmp/out" "$tmp/err"; return 1; }
}
cannot() {
	"$skep" undeploy egress-firewall >/dev/null 2>&1
	refuses 'egress-firewall has no rules: --allow' && refuses "'exe=/usr/bin/git': which program a frame is from cannot be seen on an interface" --allow exe=/usr/bin/git,github.com:22 &&
		refuses "'host' is the machine's loopback" --allow host:80 && refuses 'unix:' --allow unix:/run/x && refuses 'without a port' --allow a.test --dns 1.1.1.1:53 && refuses 'PORT\[/udp\]' --allow a.test --publish 1.2.3.4:80 &&
		refuses 'the firewall needs both' --prog egress_out --allow a.test && refuses 'did you mean .npm.' --profile npn && refuses "on an interface the machine's address" --policy <(echo 'allow host') || return 1
	exits 1 deploy egress-firewall --netns inner --iface lo --allow 192.0.2.1 && complains 'lo: on the loopback'
}
ok "what an interface cannot know is refused, with the reason" cannot
tunnel() { exits 1 deploy egress-firewall --netns inner --iface tu --allow 192.0.2.1 && complains 'tu: its frames have no Ethernet header'; }
if ip -n inner tuntap add tu mode tun 2>"$why"; then
	ok "an interface without Ethernet headers is refused" tunnel
else
	skip "an interface without Ethernet headers is refused" "$(cat "$why")"
fi
elsewhere() { exits 2 deploy xdp-firewall --netns inner --iface vi --allow a && complains '--allow does not go with xdp-firewall'; }
ok "its options are its own" elsewhere
leaves() { deployed --allow 192.0.2.1 && exits 0 undeploy egress-firewall && [ -z "$(find /sys/fs/bpf -mindepth 2)" ] && tried tcp 192.0.2.2 80 <<<open; }
ok "undeploy: the interface is as it was" leaves
tap_end
