#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep deploy, in the kernel that runs: programs on interfaces of the test's own namespaces, in its own cgroup, on its own processes; its pins lie in a bpffs of its own.
what="skep deploy"
. "$(dirname "$0")/own.sh"
lb_state=$4
group=$(findmnt -t cgroup2 -n -o TARGET | head -1)/skep-deploy-$$
tidy() {
	[ -z "${container:-}" ] || rmdir "$container" 2>/dev/null
	rmdir "$group" 2>/dev/null
}
# No frames but the test's own.
for ns in outer inner; do ip netns exec $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 2>/dev/null; done

pings() { outer ping -c 3 -i 0.05 -W 0.3 10.94.0.2 >/dev/null; }
# A UDP frame to vi.
frame() { outer bash -c 'echo x >/dev/udp/10.94.0.2/9'; }
xdp_of() { ip -n inner link show vi | grep -oE 'xdp(generic)? |prog/xdp id [0-9]+' | tr -d '\n'; }
hits() { "$skep" map lookup hits "${2:-0}" --kernel "$1" --json | sed 's/.*"value":\([0-9]*\).*/\1/'; }
nothing_left() {
	[ -z "$(find /sys/fs/bpf -mindepth 2)" ] || { find /sys/fs/bpf; return 1; }
	[ -z "$(xdp_of)" ] || { xdp_of; return 1; }
}

outlives() {
	exits 0 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vi --name fw && says 'fw is deployed in inner' && says 'count +xdp +vi native' &&
		! pings && frame && [ "$(hits fw)" -gt 2 ] && exits 0 list --kernel && says '^fw  deploy-xdp.bpf.o, since 20' && says 'count +xdp +vi'
}
ok "an XDP program is attached, outlives the command, and is listed" outlives
maps() {
	exits 0 map show --kernel fw && says '^hits +array' && exits 0 map update hits 3 77 --kernel fw && exits 0 map dump hits --kernel fw && says '^  3  77' &&
		exits 0 map delete hits 3 --kernel fw || exits 1 map delete hits 3 --kernel fw
}
ok "its maps can be read and changed" maps
events() {
	timeout -s INT 3 "$skep" map events --kernel fw --json >"$tmp/out" 2>"$tmp/err" &
	local pid=$!
	sleep 0.5
	frame
	wait $pid
	says '"event":"events","value":\{"len":4[0-9],"generation":1\}'
}
ok "its events are printed, decoded" events
second() { exits 1 deploy xdp-flows --netns inner --iface vi && complains "vi has an XDP program already: program 'count' \(id [0-9]+\), deployed as 'fw'" && ! run list --kernel xdp-flows; }
ok "a second XDP program is refused, with who is there" second
taken() { exits 1 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vi --name fw && complains "'fw' is deployed already: --replace"; }
ok "a name that is taken is refused" taken
replaces() {
	local before link
	before=$(hits fw)
	link=$("$skep" list --kernel fw --json | sed 's/.*"link_id":\([0-9]*\).*/\1/')
	exits 0 deploy "$objects/deploy-xdp-two.bpf.o" --name fw --replace || return 1
	[ "$(hits fw)" -ge "$before" ] && frame && [ "$(hits fw 2)" -gt 0 ] || { echo "hits: $before, then $(hits fw), second $(hits fw 2)"; return 1; }
	exits 0 list --kernel fw --json && says "\"link_id\":$link," && says '"object":"deploy-xdp-two.bpf.o"'
}
ok "--replace: the maps go on with their contents, the link stays" replaces
unfiltered() {
	# Replies would be frames that no program dropped.
	outer ping -f -q -w 4 10.94.0.2 >"$tmp/flood" 2>&1 &
	local pid=$! i
	for i in 1 2 3 4 5 6; do
		exits 0 deploy "$objects/deploy-xdp.bpf.o" --name fw --replace && exits 0 deploy "$objects/deploy-xdp-two.bpf.o" --name fw --replace || { kill $pid; return 1; }
	done
	wait $pid
	grep -qE '[0-9]{3,} packets transmitted, 0 received' "$tmp/flood" || { cat "$tmp/flood"; return 1; }
}
ok "... and while it is replaced no frame passes without a program" unfiltered
shapes() {
	exits 1 deploy "$objects/deploy-xdp-wide.bpf.o" --name fw --replace && complains "map 'hits' is another than the one that is deployed .*--reset-maps" && frame && [ "$(hits fw 2)" -gt 0 ] &&
		exits 0 deploy "$objects/deploy-xdp-wide.bpf.o" --name fw --replace --reset-maps && frame && exits 0 map show --kernel fw && says '^hits +array +4 +4 '
}
ok "--replace refuses to lose what stands in a map whose shape has changed; --reset-maps does it" shapes
ends() { exits 0 undeploy fw && nothing_left && exits 0 list --kernel && says 'nothing is deployed' && exits 1 undeploy fw && complains "nothing is deployed as 'fw'"; }
ok "undeploy leaves nothing" ends
modes() {
	exits 0 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vi --name fw --xdp-mode generic && [[ $(xdp_of) == xdpgeneric* ]] && exits 0 undeploy fw &&
		exits 0 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vi --name fw --xdp-mode native && [[ $(xdp_of) == "xdp "* ]] && exits 0 undeploy fw
}
ok "native and generic mode" modes
state() {
	printf '%s\n' '{"map": "hits", "key": 3, "value": 55}' >"$tmp/state"
	exits 0 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vi --name fw --state "$tmp/state" && [ "$(hits fw 3)" = 55 ] && exits 0 undeploy fw &&
		printf '%s\n' '{"map": "nope", "key": 3, "value": 55}' >"$tmp/state" && exits 1 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vi --name fw --state "$tmp/state" && nothing_left
}
ok "--state fills maps before anything is attached; what is wrong with it leaves nothing behind" state
# same MODE OBJECT ARGS...: in the kernel every frame of a capture ends as in skep replay.
same() {
	local mode=$1 object=$2
	shift 2
	python3 "$source/tests/deploy/verdicts.py" make "$tmp/frames.pcap" && exits 0 replay "$object" "$tmp/frames.pcap" -o "$tmp/verdicts.pcapng" "$@" &&
		exits 0 deploy "$object" --netns inner --iface vi --name same --xdp-mode "$mode" "$@" || return 1
	python3 "$source/tests/deploy/verdicts.py" compare "$tmp/verdicts.pcapng" outer:vo inner:vi
	local got=$?
	exits 0 undeploy same && return $got
}
ok "the firewall, native: every frame of a capture ends as in skep replay" same native xdp-firewall --state "$source/demo/firewall.state"
ok "... generic" same generic xdp-firewall --state "$source/demo/firewall.state"
ok "the flow counter: the same" same native xdp-flows
printf '%s\n' 'source 192.0.2.254' 'vip 192.0.2.1:80/tcp rewrite' 'backend 192.0.2.11:8080 02:00:00:00:00:0b' 'backend 192.0.2.12:8080 02:00:00:00:00:0c 3' 'vip 192.0.2.1:53/udp encap' \
	'backend 192.0.2.13 02:00:00:00:00:0b' >"$tmp/lb.conf"
# Native XDP_TX on veth would want the other end to take frames by NAPI.
balances() { "$lb_state" "$tmp/lb.conf" >"$tmp/lb.state" && same generic xdp-lb --state "$tmp/lb.state" | tee "$tmp/same" && grep -q "'XDP_TX': [1-9][0-9]" "$tmp/same"; }
ok "the load balancer: the same, and what it sends back comes back" balances
order() {
	local trail
	exits 0 deploy "$objects/deploy-tc-1.bpf.o@60" --netns inner --iface vi --name one && exits 0 deploy "$objects/deploy-tc-2.bpf.o@10" --netns inner --iface vi --name two &&
		exits 0 deploy "$objects/deploy-tc-3.bpf.o" --netns inner --iface vi --name three && frame && inner bash -c 'echo x >/dev/udp/10.94.0.1/9' || return 1
	exits 0 map dump trail --kernel one && says '^  0  231' && says '^  1  231' && exits 0 undeploy three && frame && exits 0 map dump trail --kernel one && says '^  0  21$'
}
ok "TC programs run in the order of their numbers, ingress and egress, whatever came first" order
tc_replace() {
	exits 0 deploy "$objects/deploy-tc-3.bpf.o@10" --name two --replace && frame && exits 0 map dump trail --kernel one && says '^  0  31' && exits 0 undeploy one two && nothing_left &&
		exits 1 deploy "$objects/deploy-tc-1.bpf.o@201" --netns inner --iface vi 2>/dev/null || exits 2 deploy "$objects/deploy-tc-1.bpf.o@201" --netns inner --iface vi && complains 'an order is 0 to 200'
}
ok "a TC program is replaced in its place" tc_replace
asked_for() {
	exits 0 deploy "$objects/deploy-two.bpf.o" --netns inner --iface vi --name both && says second && ! grep -q third "$tmp/out" && exits 0 undeploy both &&
		exits 0 deploy "$objects/deploy-two.bpf.o" --netns inner --iface vi --name both --prog third && says 'third +xdp' && ! grep -q second "$tmp/out" && exits 0 undeploy both && nothing_left
}
ok "--prog takes one program, also one that is not loaded by itself" asked_for
rollback() {
	# Native XDP on veth does not take so large frames; the TC program has been attached by then.
	ip -n inner link set vi mtu 9000 && ip -n outer link set vo mtu 9000
	run deploy "$objects/deploy-two.bpf.o" --netns inner --iface vi --xdp-mode native --name both
	local got=$?
	ip -n inner link set vi mtu 1500 && ip -n outer link set vo mtu 1500
	[ $got = 1 ] && complains "program 'second': attach: vi: the driver does not take it .*--xdp-mode generic" && nothing_left && [ -z "$(inner tc filter show dev vi ingress 2>/dev/null)" ] &&
		exits 0 deploy "$objects/deploy-tc-1.bpf.o" --netns inner --iface vi --name one && frame && exits 0 map dump trail --kernel one && says '^  0  1$' && exits 0 undeploy one
}
ok "an attach that fails takes back what was attached before it" rollback
rollback_replaced() {
	exits 0 deploy "$objects/deploy-two.bpf.o" --netns inner --iface vi --prog first --name both || return 1
	ip -n inner link set vi mtu 9000 && ip -n outer link set vo mtu 9000
	run deploy "$objects/deploy-two.bpf.o" --xdp-mode native --name both --replace
	local got=$? id
	ip -n inner link set vi mtu 1500 && ip -n outer link set vo mtu 1500
	id=$("$skep" list --kernel both --json | sed 's/.*"prog_id":\([0-9]*\).*/\1/')
	[ $got = 1 ] && exits 0 list --kernel both && says 'first +tc +vi ingress' && ! says second >/dev/null && [ -n "$id" ] && exits 0 undeploy both && nothing_left
}
ok "a replacement that fails half way leaves the old one as it was" rollback_replaced
killed() {
	local i
	for i in $(seq 40); do
		"$skep" deploy --no-check "$objects/deploy-two.bpf.o" --netns inner --iface vi --name both >/dev/null 2>&1 &
		local pid=$!
		sleep "0.0$((i % 5))$((i % 7))"
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		if [ -e /sys/fs/bpf/skep/both ]; then
			exits 0 list --kernel both && says first && says second && ! grep -q 'no more' "$tmp/out" && exits 0 undeploy both || return 1
		fi
		exits 0 deploy --no-check "$objects/deploy-two.bpf.o" --netns inner --iface vi --name other && exits 0 undeploy other && nothing_left || { echo "after kill $i"; return 1; }
	done
}
ok "killed at any moment: the next command finds it whole, or takes it down" killed
gone() {
	ip link add vx netns outer type veth peer name vy netns inner && exits 0 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface vy --name fw && ip -n outer link del vx &&
		exits 0 list --kernel fw && says 'attached no more' && exits 0 undeploy fw && nothing_left
}
ok "an interface that goes away: the list says so, undeploy works" gone
strange_name() {
	local name=$'v\e[31mred'
	ip link add vx netns outer type veth peer name "$name" netns inner 2>/dev/null || return 0
	exits 0 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface "$name" --name fw && says 'count +xdp +v\?\[31mred' && exits 0 list --kernel && says 'v\?\[31mred' &&
		exits 1 deploy xdp-flows --netns inner --iface "$name" && complains 'v\?\[31mred has an XDP program already' && exits 0 undeploy fw
	local got=$?
	ip -n outer link del vx
	return $got
}
ok "an interface's name does nothing to the terminal" strange_name
checked() {
	exits 1 deploy "$objects/deploy-bad.bpf.o" --netns inner --iface vi && says 'outside' && [ ! -s "$tmp/err" ] || complains 'refused|packet' && nothing_left
}
ok "what skep check refuses is refused before anything is touched" checked
nowhere() {
	exits 1 deploy "$objects/deploy-nowhere.bpf.o" --netns inner --iface vi && complains "program 'nowhere' .*attaches nowhere by itself" && exits 1 deploy "$objects/deploy-xdp.bpf.o" && complains '--iface' &&
		exits 1 deploy "$objects/deploy-xdp.bpf.o" --netns nope && complains "nope" && exits 1 deploy "$objects/deploy-xdp.bpf.o" --netns inner --iface nope && complains 'vi' &&
		exits 1 deploy "$objects/deploy-cgroup.bpf.o" && complains '--cgroup' && exits 1 deploy "$objects/deploy-xdp.bpf.o" --name a.b --netns inner --iface vi && complains 'no name for a deployment' &&
		exits 1 deploy "$objects/deploy-xdp.bpf.o" --prog nope --netns inner --iface vi && complains "no program 'nope'" && nothing_left
}
ok "what is missing or wrong is said, with the option" nowhere
socket_filter() {
	exits 0 deploy "$objects/deploy-socket.bpf.o" --netns inner --iface vi --name look && frame && frame && exits 0 map dump .bss --kernel look && says '"seen": [1-9]' || return 1
	local pid
	pid=$(pgrep -x -r S skep-hold)
	[ -n "$pid" ] && exits 0 list --kernel look && says 'socket +a packet socket on vi' && ! grep -q 'no more' "$tmp/out" && exits 0 undeploy look && [ -z "$(pgrep -x -r S skep-hold)" ] && nothing_left
}
ok "a socket filter: a process holds its socket, and ends with it" socket_filter
killed_holder() {
	local i
	for i in $(seq 20); do
		"$skep" deploy --no-check "$objects/deploy-socket.bpf.o" --netns inner --iface vi --name look >/dev/null 2>&1 &
		local pid=$!
		sleep "0.0$((i % 5))$((i % 7))"
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		run undeploy look
		exits 0 deploy --no-check "$objects/deploy-two.bpf.o" --netns inner --iface vi --name other && exits 0 undeploy other && nothing_left && [ -z "$(pgrep -x -r S skep-hold)" ] || { echo "after kill $i"; return 1; }
	done
}
ok "... nor stays when the command is killed before it is written down" killed_holder
waits() { [ "$( ("$skep" deploy "$objects/deploy-socket.bpf.o" --netns inner --iface vi --name look) 2>&1 | tail -1 | grep -c 'packet socket')" = 1 ] && exits 0 undeploy look; }
ok "... and does not keep the pipes of whoever started it" waits

if mkdir "$group" 2>/dev/null; then
	cgroups() {
		exits 0 deploy "$objects/deploy-cgroup.bpf.o" --cgroup "$group" --name cg || return 1
		bash -c "echo \$\$ >$group/cgroup.procs; ip netns exec inner bash -c 'echo x >/dev/udp/10.94.0.1/9; (echo >/dev/tcp/10.94.0.1/7) 2>&1'" >"$tmp/said" 2>&1
		exits 0 map dump .bss --kernel cg && says '"refused": 1' && says '"sent": [1-9]' && grep -q 'not permitted' "$tmp/said" && exits 0 undeploy cg && nothing_left
	}
	ok "cgroup programs: calls are refused, packets counted" cgroups
	# As podman with systemd lays it out: the container's cgroup by its id, its network namespace by its first process.
	id=$(printf '%064x' $$)
	container=$group/libpod-$id.scope
	mkdir "$container"
	bash -c "echo \$\$ >$container/cgroup.procs; exec ip netns exec inner sleep 1000" &
	children="$children $!"
	for _ in $(seq 100); do
		[ "$(stat -L -c %i /proc/$!/ns/net)" != "$(stat -c %i /run/netns/inner)" ] || break
		sleep 0.05
	done
	in_container() {
		exits 0 deploy "$objects/deploy-xdp.bpf.o" --container "$id" --name fw && says "in container ${id:0:12}" && says 'count +xdp +vi' && ! pings && exits 0 deploy "$objects/deploy-cgroup.bpf.o" --container "$id" --name cg || return 1
		bash -c "echo \$\$ >$container/cgroup.procs; exec ip netns exec inner bash -c 'echo >/dev/tcp/10.94.0.1/7'" >"$tmp/said" 2>&1
		exits 0 map dump .bss --kernel cg && says '"refused": 1' && exits 0 undeploy fw cg && nothing_left
	}
	ok "--container: its one interface, its cgroup" in_container
else
	skip "cgroup programs" "no cgroup can be made"
fi

if cc -O1 -o "$tmp/target" "$source/tests/deploy/target.c" 2>"$tmp/why" && clang -O2 -g -target bpf -I/usr/include/x86_64-linux-gnu -D__TARGET_ARCH_x86 -DFILE="\"$tmp/target\"" -c -o "$tmp/tasks.bpf.o" "$source/tests/deploy/tasks.bpf.c" 2>>"$tmp/why"; then
	"$tmp/target" 100000 >/dev/null &
	children="$children $!"
	probed=$!
	"$tmp/target" 100000 >/dev/null &
	children="$children $!"
	# Two looks: the programs are attached one after the other, and what the first has seen by then does not count.
	probes() {
		exits 0 deploy "$tmp/tasks.bpf.o" --pid $probed --name tasks && exits 0 map dump .bss --kernel tasks && cp "$tmp/out" "$tmp/before" && sleep 0.5 && exits 0 map dump .bss --kernel tasks || return 1
		python3 - "$tmp/before" "$tmp/out" <<'PY'
import json, sys
was, now = (json.loads(text[text.index("{"):]) for text in (open(f).read() for f in sys.argv[1:]))
n = {k: now[k] - was[k] for k in ("calls", "returns", "probes")}
assert n["calls"] > 20 and abs(n["calls"] - n["returns"]) < 3 and abs(n["calls"] - n["probes"]) < 3, (was, now)
# The values are this process's: both count up from 1, at about the same pace, but each call of the other would count twice.
assert abs(now["result"] - 2 * now["argument"]) <= 4 and abs(now["probed"] - now["argument"]) <= 2, now
PY
	}
	ok "uprobe, uretprobe and USDT programs on one process, with their arguments" probes
	probes_end() { exits 0 list --kernel tasks && says 'called +uprobe' && says 'turned +usdt' && exits 0 undeploy tasks && nothing_left; }
	ok "... they end" probes_end
	"$tmp/target" 100000000 busy >/dev/null &
	children="$children $!"
	busy=$!
	samples() {
		exits 0 deploy "$objects/deploy-samples.bpf.o" --pid $busy --freq 200 --name samples || return 1
		sleep 1
		exits 0 map dump .bss --kernel samples || return 1
		local n
		n=$(grep -oE '"samples": [0-9]+' "$tmp/out" | grep -oE '[0-9]+')
		[ "$n" -gt 5 ] && [ "$n" -lt 600 ] && exits 0 list --kernel samples && says "perf_event +cpu-clock, thread $busy" && exits 0 undeploy samples && nothing_left || { echo "$n samples"; return 1; }
	}
	ok "perf_event: samples of one process, as often as was asked for" samples
	group_samples() {
		echo $busy >"$group/cgroup.procs" && exits 0 deploy "$objects/deploy-samples.bpf.o" --cgroup "$group" --name samples && sleep 0.5 && exits 0 map dump .bss --kernel samples && says '"samples": [1-9]' &&
			exits 0 undeploy samples
	}
	[ -d "$group" ] && ok "... of a cgroup" group_samples
	bad_event() { exits 2 deploy "$objects/deploy-samples.bpf.o" --event nope && complains 'cpu-clock'; }
	ok "an event that does not exist is refused, with those that do" bad_event
else
	skip "programs on processes" "no compiler: $(head -1 "$tmp/why")"
fi

as_user() {
	setpriv --reuid=12345 --regid=12345 --clear-groups "$skep" deploy xdp-firewall --iface lo >"$tmp/out" 2>"$tmp/err"
	[ $? = 1 ] && complains 'takes root'
}
chmod a+x "$tmp" && { [ ! -x "$skep" ] || ok "an ordinary user is told what it takes" as_user; }
tap_end
