# SPDX-License-Identifier: BSD-2-Clause
# For tests of skep run: source it first, with "$@" being SOURCE SKEP OBJECT_FOLDER. It makes root an ordinary user with a home and without a runtime
# folder, who sees only copies; sets source, skep, objects and tmp; and leaves the test when the machine has no namespaces for it.
# tests/run/servers.py runs for the test's time: $http, $udp, $dns are its ports on 127.0.0.1, $tmp/log what it saw.
# Who sets as_root before sourcing it stays root. Who sets world=1 is on a network of its own besides (world.sh); then $world is its folder.
if [ "$(id -u)" = 0 ] && [ -z "${as_root:-}" ]; then
	new=$(mktemp -d) || exit 1
	trap 'rm -rf "$new"' EXIT
	mkdir -p "$new/tests/run" "$new/bin" "$new/objects" "$new/home"
	cp "$1/tests/tap.sh" "$1/tests/said.sh" "$new/tests/" && cp "$1"/tests/run/*.sh "$1"/tests/run/*.py "$1"/tests/run/*.[ch] "$1"/tests/run/*.expected "$1/tests/run/client.go" "$new/tests/run/" && cp "$2" "$new/bin/" || exit 1
	[ ! -e "$(dirname "$2")/libskep-preload.so" ] || cp "$(dirname "$2")/libskep-preload.so" "$new/bin/" || exit 1
	find "$3" \( -name '*.o' -o -name docker-profile \) -exec cp {} "$new/objects/" \; || exit 1
	chmod -R a+rX "$new" && chown -R 12345:12345 "$new/home" || exit 1
	cd / || exit 1
	setpriv --reuid=12345 --regid=12345 --clear-groups --no-new-privs env -i PATH="/usr/sbin:/usr/bin:/bin" HOME="$new/home" SOAK="${SOAK:-60}" SOAK_TASKS="${SOAK_TASKS:-20}" FLIP="${FLIP:-}" SKEP_NET="${SKEP_NET:-}" SKEP_UNDER="${SKEP_UNDER:-}" SKEP_BY="${SKEP_BY:-}" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
		bash "$new/tests/run/$(basename "$0")" "$new" "$new/bin/skep" "$new/objects"
	exit
fi
if [ "${world:-}" = 1 ]; then
	[ -n "${SKEP_WORLD:-}" ] || exec bash "$1/tests/run/world.sh" "$0" "$@"
	world=$SKEP_WORLD
fi
source=$1
skep=$2
objects=$3
. "$source/tests/tap.sh"
. "$source/tests/said.sh"
tmp=$(mktemp -d)
if ! "$skep" run ${SKEP_NET:+--net="$SKEP_NET"} ${SKEP_BY:+--by="$SKEP_BY"} -q -- true 2>"$tmp/why"; then
	if grep -q 'namespaces cannot be made\|network stack is not there\|/proc cannot be mounted' "$tmp/why"; then
		skip "skep run" "$(cat "$tmp/why")"
		tap_end
		rm -rf "$tmp"
		exit
	fi
fi
: >"$tmp/log"
python3 "$source/tests/run/servers.py" "$tmp/ports" "$tmp/log" &
servers=$!
if [ -n "${world:-}" ]; then
	python3 "$source/tests/run/world.py" "$world" &
	servers="$servers $!"
fi
trap 'kill $servers 2>/dev/null; wait $servers 2>/dev/null; rm -rf "$tmp"' EXIT
for _ in $(seq 200); do
	[ -s "$tmp/ports" ] && { [ -z "${world:-}" ] || [ -e "$world/ready" ]; } && break
	sleep 0.05
done
. "$tmp/ports"

# SKEP_NET=calls: the same tests on the other way to hold a tree to its policy. SKEP_UNDER=docker-profile: under a profile that forbids the first way.
# SKEP_BY=ptrace: calls are seen by ptrace; SKEP_UNDER="docker-profile --no-listener": under a profile that forbids the other way to see them, too.
other_ways="${SKEP_NET:+--net=$SKEP_NET} ${SKEP_BY:+--by=$SKEP_BY}"
under=${SKEP_UNDER:+$objects/$SKEP_UNDER}
# run ARGS...: skep run; stdout in $tmp/out, stderr in $tmp/err, the exit code is its own.
run() { timeout $((60 + ${FLIP:-0})) $under "$skep" run $other_ways "$@" >"$tmp/out" 2>"$tmp/err"; }
