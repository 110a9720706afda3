#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep deploy egress-firewall, in the kernel that runs: a policy on an interface of the test's own namespace (inner), and servers behind it in another (outer: names, web,
# echoes; tests/run/world.py). What is tried, and what is expected, is as in tests/run/test-policy.sh, where the same policies hold a run's tree.
. "$1/tests/tap.sh"
source=$1
skep=$2
if [ "$(id -u)" != 0 ]; then
	skip "skep deploy egress-firewall" "not root"
	tap_end
	exit
fi
# Mounts of its own: the pins, and /etc, go with it.
if [ -z "${SKEP_DEPLOY_TEST:-}" ]; then
	SKEP_DEPLOY_TEST=1 exec unshare -m bash "$0" "$@"
fi
leave() {
	skip "skep deploy egress-firewall" "$1"
	tap_end
	exit
}
tmp=$(mktemp -d)
mount -t tmpfs none "$tmp" 2>/dev/null || leave "mounting is not allowed"
mkdir "$tmp/etc" "$tmp/work" "$tmp/world"
why=$tmp/why
if ! mount -t bpf bpf /sys/fs/bpf 2>"$why" || ! mkdir -p /run/netns || ! mount -t tmpfs none /run/netns 2>"$why" ||
	! mount -t overlay overlay -o "lowerdir=/etc,upperdir=$tmp/etc,workdir=$tmp/work" /etc 2>"$why"; then
	leave "mounting is not allowed: $(cat "$why")"
fi
if ! ip netns add outer 2>"$why" || ! ip netns add inner || ! ip link add vo netns outer type veth peer name vi netns inner 2>"$why"; then
	leave "no network namespaces: $(cat "$why")"
fi
children=
cleanup() {
	"$skep" undeploy --all >/dev/null 2>&1
	kill $children 2>/dev/null
	wait $children 2>/dev/null
	ip netns del outer
	ip netns del inner
}
trap cleanup EXIT
outer() { ip netns exec outer "$@"; }
inner() { ip netns exec inner "$@"; }
for ns in outer inner; do ip netns exec $ns sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 2>/dev/null; done
ip -n outer addr add 10.94.0.1/24 dev vo && ip -n inner addr add 10.94.0.2/24 dev vi
ip -n outer addr add 2001:db8:94::1/64 dev vo nodad && ip -n inner addr add 2001:db8:94::2/64 dev vi nodad
for ns in outer inner; do ip -n $ns link set lo up; done
ip -n outer link set vo up && ip -n inner link set vi up
ip -n inner route add default via 10.94.0.1 && ip -n inner -6 route add default via 2001:db8:94::1
for last in 1 2 3 4 5 6 7 8 9 53 54; do ip -n outer addr add "192.0.2.$last/32" dev lo && ip -n outer addr add "2001:db8::$last/128" dev lo nodad; done
for address in 198.51.100.1 198.51.100.200 169.254.169.254 100.100.100.200 10.0.2.2; do ip -n outer addr add "$address/32" dev lo; done
# "ip netns exec" puts it over /etc/resolv.conf, and skep finds it there.
mkdir -p /etc/netns/inner /etc/netns/outer
echo 'nameserver 192.0.2.53' >/etc/netns/inner/resolv.conf
outer python3 "$source/tests/run/world.py" "$tmp/world" >"$tmp/world.said" 2>&1 &
children=$!
for i in $(seq 100); do
	[ -e "$tmp/world/ready" ] && break
	sleep 0.1
done
[ -e "$tmp/world/ready" ] || leave "the servers do not start: $(tail -1 "$tmp/world.said")"
tries="$source/tests/run/tries.py"

run() { timeout 60 "$skep" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null; }
exits() {
	local want=$1 got
	shift
	run "$@"
	got=$?
	[ $got = "$want" ] || { echo "skep $*: exit code $got, not $want"; cat "$tmp/out" "$tmp/err"; return 1; }
}
says() { grep -qE -- "$1" "$tmp/out" || { echo "no '$1' in:"; cat "$tmp/out" "$tmp/err"; return 1; }; }
complains() { grep -qE -- "$1" "$tmp/err" || { echo "no '$1' in:"; cat "$tmp/out" "$tmp/err"; return 1; }; }
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
whom() { deployed --allow one.test && complains '^skep: names are learnt from the answers of 192.0.2.53 \(/etc/netns/inner/resolv.conf\)$' && says '^  egress_out +tc +vi egress'; }
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
tap_end
