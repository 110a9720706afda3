# SPDX-License-Identifier: BSD-2-Clause
# A machine on a network of its own for tests of skep run, so that real names, real ports and shared addresses can be had without the internet:
# a network namespace whose loopback has documentation addresses (192.0.2.0/24, 2001:db8::/32), with name servers, web and other servers on them
# (world.py). Made by an ordinary user, who is the same one inside, with a home and an entry in /etc/passwd.
# user.sh enters it for tests that say world=1 before they source it: world.sh TEST SOURCE SKEP OBJECTS
# Inside: $world is a folder: www/HOST/... is what the web servers serve, git/ what they serve as git, ca.pem who signed their certificates, log what
# they saw.
set -u
# leave WHY: the machine does not give what is needed.
leave() {
	echo "ok 1 - a network of servers # SKIP $1"
	echo 1..1
	exit
}
if [ -z "${SKEP_WORLD:-}" ]; then
	SKEP_WORLD=$(mktemp -d) || exit 1
	trap 'rm -rf "$SKEP_WORLD"' EXIT
	SKEP_WORLD_UID=$(id -u) SKEP_WORLD_GID=$(id -g)
	mkdir -p "$SKEP_WORLD/www" "$SKEP_WORLD/git" "$SKEP_WORLD/home"
	export HOME="$SKEP_WORLD/home"
	export SKEP_WORLD SKEP_WORLD_UID SKEP_WORLD_GID
	unshare -Urnm true 2>"$SKEP_WORLD/why" || leave "$(head -1 "$SKEP_WORLD/why")"
	unshare -Urnm bash "$2/tests/run/world.sh" "$@"
	exit
fi
ip link set lo up 2>/dev/null || leave "a user namespace has no powers over its network here"
for last in 1 2 3 4 5 6 7 8 9 53 54; do
	ip addr add "192.0.2.$last/32" dev lo && ip addr add "2001:db8::$last/128" dev lo nodad || exit 1
done
for address in 198.51.100.1 198.51.100.200 169.254.169.254 100.100.100.200; do
	ip addr add "$address/32" dev lo || exit 1
done
# What an ordinary user may do here: open low ports, ping.
{ echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start && echo "0 0" >/proc/sys/net/ipv4/ping_group_range; } 2>/dev/null ||
	leave "/proc/sys is not to be written"
printf 'root:x:0:0::/root:/bin/sh\ntester:x:%s:%s::%s:/bin/sh\n' "$SKEP_WORLD_UID" "$SKEP_WORLD_GID" "$HOME" >"$SKEP_WORLD/passwd"
printf 'nameserver 192.0.2.53\n' >"$SKEP_WORLD/resolv.conf"
mount --bind "$SKEP_WORLD/passwd" /etc/passwd && mount --bind "$SKEP_WORLD/resolv.conf" "$(realpath /etc/resolv.conf)" ||
	leave "files cannot be covered here"
exec unshare -U --map-user="$SKEP_WORLD_UID" --map-group="$SKEP_WORLD_GID" bash "$@"
