# SPDX-License-Identifier: BSD-2-Clause
# For tests of skep deploy: source it with "$@" being SOURCE SKEP OBJECT_FOLDER, and what set to what is left out where it cannot be tried. The test gets mounts of its own
# (its pins, its names of network namespaces) and two namespaces, outer and inner, with a veth pair, vo 10.94.0.1 and vi 10.94.0.2. It sets source, skep, objects, tmp;
# processes in children are ended at the end, when a function tidy does the rest.
. "$1/tests/tap.sh"
. "$1/tests/said.sh"
source=$1
skep=$2
objects=$3
# leave REASON: nothing can be tried.
leave() {
	skip "$what" "$1"
	tap_end
	exit
}
[ "$(id -u)" = 0 ] || leave "not root"
if [ -z "${SKEP_DEPLOY_TEST:-}" ]; then
	SKEP_DEPLOY_TEST=1 exec unshare -m bash "$0" "$@"
fi
tmp=$(mktemp -d)
children=
tidy() { :; }
cleanup() {
	"$skep" undeploy --all >/dev/null 2>&1
	kill $children 2>/dev/null
	wait $children 2>/dev/null
	ip netns del outer 2>/dev/null
	ip netns del inner 2>/dev/null
	tidy
	rm -rf "$tmp"
}
trap cleanup EXIT
if ! mount -t bpf bpf /sys/fs/bpf 2>"$tmp/why" || ! mkdir -p /run/netns || ! mount -t tmpfs none /run/netns 2>"$tmp/why"; then
	leave "mounting is not allowed: $(cat "$tmp/why")"
fi
if ! ip netns add outer 2>"$tmp/why" || ! ip netns add inner || ! ip link add vo netns outer type veth peer name vi netns inner 2>"$tmp/why"; then
	leave "no network namespaces: $(cat "$tmp/why")"
fi
outer() { ip netns exec outer "$@"; }
inner() { ip netns exec inner "$@"; }
# Addresses are there at once.
for ns in outer inner; do ip netns exec $ns sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 2>/dev/null; done
ip -n outer addr add 10.94.0.1/24 dev vo && ip -n inner addr add 10.94.0.2/24 dev vi
ip -n outer link set lo up && ip -n inner link set lo up
ip -n outer link set vo up && ip -n inner link set vi up
if ! "$skep" deploy --no-check xdp-flows --netns inner --iface vi --name tried >"$tmp/why" 2>&1 && grep -q 'Operation not permitted' "$tmp/why"; then
	leave "bpf(2) is not allowed: $(cat "$tmp/why")"
fi
"$skep" undeploy tried >/dev/null 2>&1

# run ARGS...: skep.
run() { timeout 60 "$skep" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null; }
