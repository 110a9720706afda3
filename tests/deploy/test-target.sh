#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What target_find() finds, in namespaces and cgroups of this test's own. No container runtime is needed: containers are cgroups with the runtimes' names, and
# podman and docker are stand-ins, but for the last claims. Arguments: SOURCE TARGET_TOOL.
. "$1/tests/tap.sh"
tool=$(realpath "$2")
if [ "$(id -u)" != 0 ]; then
	skip "targets are found" "needs root: network namespaces and cgroups are made"
	tap_end
	exit
fi
cg=$(awk '$4 == "/" && / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
me=skep-test-$$
if [ -z "$cg" ] || ! mkdir "$cg/$me" 2>/dev/null; then
	skip "targets are found" "cgroup v2 is ${cg:-not mounted}${cg:+: not writable}"
	tap_end
	exit
fi
tmp=$(mktemp -d)
v1=$(awk '/ - cgroup / && / [^ ]*pids$/ { print $5; exit }' /proc/self/mountinfo)
started() { # PID...: what this test started; nothing else is ended. In a file, for ok runs claims in a subshell.
	printf '%s\n' "$@" >>"$tmp/started"
}
end() {
	local folder=$1
	[ -d "$folder" ] || return 0
	find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -KILL 2>/dev/null
	for _ in $(seq 100); do
		find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$folder" ] || return 0
		sleep 0.05
	done
}
clean() {
	[ -z "${podman:-}" ] || $podman rm -f -t 0 "$me" >/dev/null 2>&1
	xargs -r kill -KILL <"$tmp/started" 2>/dev/null
	end "$cg/$me"
	[ -z "$v1" ] || end "$v1/$me"
	ip netns del "$me" 2>/dev/null
	umount "$tmp/storage/overlay" 2>/dev/null
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 1' INT TERM

mkdir "$tmp/bin" "$tmp/empty"
: >"$tmp/started"
program() { # NAME SCRIPT: a program of that name, found before the machine's own
	printf '#!/bin/sh\n%s\n' "$2" >"$tmp/bin/$1" && chmod +x "$tmp/bin/$1"
}
knows_none() { program podman 'exit 125'; program docker 'exit 1'; }
knows_none
find_target() { PATH=$tmp/bin:$PATH "$tool" "$@" >"$tmp/out" 2>"$tmp/err"; }
says() { # LINE...: what was found, beside that the thread is back
	local line
	for line in "$@" "back yes"; do
		grep -qxF -- "$line" "$tmp/out" || { echo "no '$line' in:"; cat "$tmp/out" "$tmp/err"; return 1; }
	done
}
finds() { # ARGUMENTS... -- LINE...
	local args=()
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	shift
	find_target "${args[@]}" || { cat "$tmp/err"; return 1; }
	says "$@"
}
refuses() { # TEXT ARGUMENTS...
	local text=$1 got
	shift
	find_target "$@"
	got=$?
	[ $got = 1 ] && grep -qF -- "$text" "$tmp/err" || { echo "exit $got, not '$text':"; cat "$tmp/out" "$tmp/err"; return 1; }
}
inode() { stat -Lc %i "$1"; }
sleeper() { # [CGROUP]: a process with its own network there; $pid
	sh -c "${1:+echo 0 >'$1/cgroup.procs';} exec unshare -n sleep 600.$$" >/dev/null 2>&1 &
	pid=$!
	started $pid
	disown
	until grep -qs '^sleep' "/proc/$pid/comm"; do kill -0 $pid || return 1; sleep 0.01; done
}
new_id() { id=$(head -c 32 /dev/urandom | sha256sum | cut -c1-64); }

# Namespaces.
ip netns add "$me" || exit 1
there() { ip netns exec "$me" "$@"; }
sleeper
alone=$pid
blue=$(inode "/run/netns/$me")
ok "--netns: a name of ip-netns(8)" finds --netns "$me" -- "netns $blue $me" "iface 0 " "cgroup 0 " "pid 0 0" "entered $blue"
ok "--netns: a path" finds --netns "/run/netns/$me" -- "netns $blue /run/netns/$me"
ok "--netns: a process" finds --netns "$alone" -- "netns $(inode /proc/$alone/ns/net) pid $alone" "pid 0 0"
ok "--netns: this process's own is own" finds --netns /proc/self/ns/net -- "netns 0 own"
ok "--netns: a name that is not there" refuses "--netns none.$$: no network namespace of that name" --netns "none.$$"
ok "--netns: a path that is not there" refuses "No such file" --netns "$tmp/none"
: >"$tmp/file"
ok "--netns: a file is no namespace" refuses "$tmp/file: no namespace" --netns "$tmp/file"
mkfifo "$tmp/fifo"
ok "--netns: a FIFO is no namespace, and not waited for" timeout 5 bash -c "! '$tool' --netns '$tmp/fifo' 2>'$tmp/err' && grep -q 'no namespace' '$tmp/err'"
ok "--netns: a namespace of another kind" refuses "not of a network" --netns "/proc/$alone/ns/mnt"
ok "--netns: a process that is not there" refuses "process 2147483647: No such process" --netns 2147483647
number=$((2147000000 + $$ % 400000))
numbered() {
	ip netns add $number || return 1
	finds --netns $number -- "netns $(inode /run/netns/$number) $number"
	local got=$?
	ip netns del $number
	return $got
}
[ -e /run/netns/$number ] || ok "--netns: a number that is a name is a name" numbered

# Interfaces.
if [ "$(there ip -o link | wc -l)" != 1 ]; then
	skip "an interface that was not named is the only one" "this machine gives a new namespace more than a loopback"
else
	ok "no interface named, and none there" refuses "$me has no interface beside the loopback" --netns "$me" --wanted
	ok "the loopback when it is named" finds --netns "$me" --iface lo -- "iface 1 lo"
	there ip link add "a$$" type veth peer name "b$$" && there ip link set "b$$" netns $alone
	index=$(there cat "/sys/class/net/a$$/ifindex")
	only() { finds --netns "$me" --wanted -- "iface $index a$$" "netns $blue $me"; }
	ok "an interface that was not named is the only one" only
	own() { there "$tool" --wanted 2>"$tmp/err"; [ $? = 1 ] && grep -q "which interface of this machine? Choose it with --iface (there: a$$)" "$tmp/err"; }
	ok "... but never of this process's own namespace" own
	ok "... none is meant where none is wanted" finds --netns "$me" -- "iface 0 "
	there ip link add "c$$" type veth peer name "d$$"
	ok "of several one is to be chosen" refuses "which interface of $me? Choose it with --iface (there: a$$, " --netns "$me" --wanted
	ok "... and found by its name" finds --netns "$me" --iface "a$$" -- "iface $index a$$"
	missing() { refuses "--iface none.$$: no such interface on $me (there: lo, a$$, " --netns "$me" --iface "none.$$" && grep -q "c$$" "$tmp/err"; }
	ok "an interface that is not there: the reason lists those that are" missing
	many() { # more than a reason can hold
		there sh -c "for i in \$(seq 40); do echo link add x$$-\$i type veth peer name y$$-\$i; done | ip -batch -" || return 1
		refuses ", ...)" --netns "$me" --iface "none.$$"
	}
	ok "... as many as have room" many
	ok "an interface of another namespace is not found in this one" refuses "on this machine" --iface "a$$"
	nobody() { # who may open the namespace, but not enter it
		cp "$tool" "$tmp/tool" && chmod 755 "$tmp" "$tmp/tool" || return 1
		setpriv --reuid=12345 --regid=12345 --clear-groups "$tmp/tool" --netns "$me" --iface lo 2>"$tmp/err"
		[ $? = 1 ] && grep -q "network namespace of $me cannot be entered: Operation not permitted" "$tmp/err"
	}
	ok "a namespace that may not be entered" nobody
fi
ok "this machine's interfaces are not guessed, even where --netns names it" refuses "which interface of this machine?" --netns /proc/self/ns/net --wanted
ok "an interface of this machine by name" finds --iface lo --wanted -- "iface 1 lo" "netns 0 own"

# Processes.
ok "--pid holds the process, and gives no namespace" finds --pid $alone -- "pid $alone $alone" "netns 0 own" "cgroup 0 "
ok "--pid beside --netns" finds --pid $alone --netns "$me" -- "pid $alone $alone" "netns $blue $me"
ok "--pid: none there" refuses "process 2147483647: No such process" --pid 2147483647
thread() {
	python3 -c 'import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start(); time.sleep(600)' >/dev/null 2>&1 &
	local pid=$! tid=
	started $pid
	disown
	until tid=$(ls /proc/$pid/task 2>/dev/null | grep -vx $pid | head -1) && [ -n "$tid" ]; do kill -0 $pid || return 1; sleep 0.02; done
	refuses "$tid is a thread; name its process" --pid $tid
}
ok "--pid: a thread is told from a process" thread

# Cgroups.
mkdir "$cg/$me/a" && ln -s "$cg/$me/a" "$tmp/link"
a=$(inode "$cg/$me/a")
ok "--cgroup: below the mount" finds --cgroup "$me/a" -- "cgroup $a $cg/$me/a" "netns 0 own" "pid 0 0"
ok "--cgroup: a path" finds --cgroup "$cg/$me/a" -- "cgroup $a $cg/$me/a"
ok "--cgroup: through a link: the path is the cgroup's" finds --cgroup "$tmp/link" -- "cgroup $a $cg/$me/a"
ok "--cgroup: none there" refuses "--cgroup $me/none: no such cgroup; name a folder below $cg" --cgroup "$me/none"
ok "--cgroup: a file in it" refuses "Not a directory" --cgroup "$me/a/cgroup.procs"
ok "--cgroup: a folder elsewhere" refuses "$tmp: a folder, but no cgroup" --cgroup "$tmp"
ok "--cgroup: out of the mount" refuses "a folder, but no cgroup" --cgroup "../../../../../../.."
if [ -n "$v1" ]; then
	ok "--cgroup: of a v1 hierarchy" refuses "a cgroup of a v1 hierarchy" --cgroup "$v1"
else
	skip "--cgroup: of a v1 hierarchy" "none is mounted here"
fi
elsewhere() { # SCRIPT ARGUMENTS...: in a mount namespace where cgroup v2 is mounted only as the script does it
	local script=$1
	shift
	mkdir -p "$tmp/m/a b" "$tmp/m/part"
	unshare -m --propagation private bash -c '
		for m in $(awk "/ - cgroup2 / { print \$5 }" /proc/self/mountinfo); do umount -l "$m" || exit 9; done
		cd "$0"; eval "$1"; shift; exec "$@"' "$tmp/m" "$script" "$tool" "$@" >"$tmp/out" 2>"$tmp/err"
}
spaces() { elsewhere 'mount -t cgroup2 none "a b"' --cgroup "$me/a" && says "cgroup $a $tmp/m/a b/$me/a"; }
ok "the mount is found where it is, whatever its name" spaces
part() {
	elsewhere "mount -t cgroup2 none 'a b' && mount --bind 'a b/$me' part && umount 'a b' && mount -t cgroup2 none 'a b'" --cgroup "$me/a" &&
		says "cgroup $a $tmp/m/a b/$me/a"
}
ok "a mount of a part is passed over" part
unmounted() { ! elsewhere : --cgroup "$me/a" && grep -q "cgroup v2 is not mounted: mount -t cgroup2" "$tmp/err"; }
ok "cgroup v2 not mounted" unmounted

# Containers, as runtimes lay their cgroups out: below this test's folder. LAYOUT: the container's top, then what is below it.
layout() { # TOP BELOW [MONITOR]
	new_id
	local top=$me/${1//ID/$id} monitor=${3:+$me/${3//ID/$id}}
	if [ -n "$monitor" ]; then # it is there before the container
		mkdir -p "$cg/$monitor" && sleeper "$cg/$monitor" || return 1
	fi
	mkdir -p "$cg/$top$2" && sleeper "$cg/$top$2" || return 1
	local first=$pid
	sleep 0.02 && sleeper "$cg/$top$2" || return 1 # and one more, of another network
	local net found
	net=$(inode /proc/$first/ns/net)
	for found in "$id" "${id:0:12}"; do
		finds --container "$found" -- "cgroup $(inode "$cg/$top") $cg/$top" "pid $first $first" \
			"netns $net container ${id:0:12}" "iface 0 " "entered $net" || return 1
	done
}
pod=kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0123_4567.slice
ok "podman with systemd; not its monitor" layout machine.slice/libpod-ID.scope /container machine.slice/libpod-conmon-ID.scope
ok "podman with systemd, an older crun" layout machine.slice/libpod-ID.scope ""
ok "podman with cgroupfs; not its monitor" layout libpod_parent/libpod-ID "" libpod_parent/conmon
ok "podman with --cgroups=split" layout system.slice/web.service/libpod-payload-ID "" system.slice/web.service/supervisor
ok "docker with systemd" layout system.slice/docker-ID.scope ""
ok "docker with cgroupfs" layout docker/ID ""
ok "docker with an init that made folders of its own" layout docker/ID /init.scope
ok "containerd under Kubernetes with systemd" layout $pod/cri-containerd-ID.scope ""
ok "containerd under Kubernetes with cgroupfs" layout kubepods/burstable/pod0123-4567/ID ""
ok "containerd where kubelet and it disagree" layout "system.slice/containerd.service/kubepods-besteffort-pod0123.slice:cri-containerd:ID" ""
ok "containerd's own" layout k8s.io/ID ""
ok "CRI-O; not its monitor" layout $pod/crio-ID.scope /container $pod/crio-conmon-ID.scope
ok "CRI-O with cgroupfs; not its monitor" layout kubepods/burstable/pod89/crio-ID "" kubepods/burstable/pod89/crio-conmon-ID
inner() { # a container in a container: each by its own id
	new_id; local outer=$id
	mkdir -p "$cg/$me/docker/$outer" && sleeper "$cg/$me/docker/$outer" || return 1
	local first=$pid
	new_id
	local deep=$me/docker/$outer/kubelet.slice/cri-containerd-$id.scope
	mkdir -p "$cg/$deep" && sleeper "$cg/$deep" || return 1
	finds --container "$id" -- "pid $pid $pid" "cgroup $(inode "$cg/$deep") $cg/$deep" &&
		finds --container "$outer" -- "pid $first $first" "cgroup $(inode "$cg/$me/docker/$outer") $cg/$me/docker/$outer"
}
ok "a container in a container" inner
again() { # the container's processes may make cgroups: the top stays the top
	new_id
	mkdir -p "$cg/$me/docker/$id/docker/$id" && sleeper "$cg/$me/docker/$id/docker/$id" || return 1
	finds --container "$id" -- "pid $pid $pid" "cgroup $(inode "$cg/$me/docker/$id") $cg/$me/docker/$id"
}
ok "the id once more below the container's top changes nothing" again
init() { # what joined it later, or began in it, is not its first; nor is what was put there, though it be older
	new_id
	local top=$cg/$me/docker/$id outside first n
	mkdir -p "$top"
	unshare -p -f sleep 600.$$ >/dev/null 2>&1 &
	started $!
	until outside=$(cat "/proc/$!/task/$!/children" 2>/dev/null) && [ -n "$outside" ]; do sleep 0.01; done
	started $outside
	nsenter -t $outside -p sh -c "echo 0 >'$top/cgroup.procs'; exec sleep 600.$$" >/dev/null 2>&1 &
	until [ "$(wc -l <"$top/cgroup.procs")" = 1 ]; do sleep 0.01; done
	n=$(cat "$top/cgroup.procs")
	sleep 0.02
	unshare -n -p -f sh -c "echo 0 >'$top/cgroup.procs'; exec sleep 600.$$" >/dev/null 2>&1 &
	started $!
	until [ "$(wc -l <"$top/cgroup.procs")" = 2 ]; do sleep 0.01; done
	first=$(grep -vx "$n" "$top/cgroup.procs")
	nsenter -t "$first" -p sh -c "echo 0 >'$top/cgroup.procs'; exec sleep 600.$$" >/dev/null 2>&1 &
	nsenter -t "$first" -p unshare -p -f sh -c "echo 0 >'$top/cgroup.procs'; exec sleep 600.$$" >/dev/null 2>&1 &
	until [ "$(wc -l <"$top/cgroup.procs")" = 4 ]; do sleep 0.01; done
	finds --container "$id" -- "pid $first $first" "netns $(inode /proc/$first/ns/net) container ${id:0:12}"
}
ok "the first process is PID 1 of the container's own PID namespace" init
churn() { # processes come and go in it
	new_id
	local top=$cg/$me/docker/$id first i
	mkdir -p "$top" && sleeper "$top" || return 1
	first=$pid
	sh -c "echo 0 >'$top/cgroup.procs'; while :; do sh -c :; done" >/dev/null 2>&1 &
	local churning=$!
	started $churning
	for i in $(seq 50); do finds --container "$id" -- "pid $first $first" || return 1; done
	kill -KILL $churning
}
ok "while others begin and end in it" churn
zombie() { # its only process has ended, and nobody waited for it
	new_id
	mkdir -p "$cg/$me/docker/$id"
	python3 -c 'import os, sys, time
if not os.fork():
    open(sys.argv[1], "w").write("0")
    os._exit(0)
time.sleep(600)' "$cg/$me/docker/$id/cgroup.procs" >/dev/null 2>&1 &
	local parent=$!
	started $parent
	until grep -qs "State:	Z" /proc/"$(cat /proc/$parent/task/$parent/children 2>/dev/null | tr -d ' ')"/status; do kill -0 $parent || return 1; sleep 0.02; done
	refuses "no process is in a container of that id" --container "$id" || return 1
	sleeper "$cg/$me/docker/$id" && finds --container "$id" -- "pid $pid $pid" # nor is it the first of those that run
}
ok "a process that has ended is no container" zombie
host_network() {
	new_id
	mkdir -p "$cg/$me/docker/$id"
	sh -c "echo 0 >'$cg/$me/docker/$id/cgroup.procs'; exec sleep 600.$$" >/dev/null 2>&1 &
	started $!
	until [ -n "$(cat "$cg/$me/docker/$id/cgroup.procs")" ]; do sleep 0.01; done
	finds --container "$id" -- "netns 0 own" "pid $! $!" && refuses "which interface of this machine? Choose it with --iface" --container "$id" --wanted &&
		finds --container "$id" --iface lo -- "iface 1 lo"
}
ok "a container with this machine's network: its interfaces are not guessed" host_network
its_interface() {
	new_id
	mkdir -p "$cg/$me/docker/$id" && sleeper "$cg/$me/docker/$id" || return 1
	there ip link add "e$$" type veth peer name eth0 netns $pid || return 1
	finds --container "$id" --wanted -- "iface $(nsenter -t $pid -n ip -o link show eth0 | cut -d: -f1) eth0"
}
ok "a container's only interface is it" its_interface

# Ids and names.
prefixes() {
	local rest begin one
	new_id; begin=${id:0:8}; rest=${id:10}
	mkdir -p "$cg/$me/docker/${begin}01$rest" "$cg/$me/docker/${begin}02$rest" && sleeper "$cg/$me/docker/${begin}01$rest" && one=$pid &&
		sleeper "$cg/$me/docker/${begin}02$rest" || return 1
	refuses "several begin so; give more digits" --container "$begin" && grep -q "${begin}01${rest:0:2}" "$tmp/err" && grep -q "${begin}02${rest:0:2}" "$tmp/err" &&
		refuses "an id needs 4 digits or more" --container "${begin:0:3}" && finds --container "${begin}01" -- "pid $one $one"
}
ok "a beginning that several have is refused, and they are named" prefixes
twice() { # anyone may give a cgroup of theirs that name
	new_id
	mkdir -p "$cg/$me/docker/$id" "$cg/$me/mine/docker-$id.scope" && sleeper "$cg/$me/docker/$id" && sleeper "$cg/$me/mine/docker-$id.scope" || return 1
	refuses "in several cgroups" --container "$id" && grep -q "$me/docker/$id" "$tmp/err" && grep -q "$me/mine/docker-" "$tmp/err"
}
ok "an id that two cgroups claim is refused, and they are named" twice
lookalikes() {
	new_id
	local name
	for name in "x$id" "docker-${id}0.scope" "docker-$id.service" "docker_$id.scope" "docker-${id^^}.scope" "docker-${id:0:63}.scope"; do
		mkdir -p "$cg/$me/$name" && sleeper "$cg/$me/$name" || return 1
	done
	refuses "no process is in a container of that id" --container "$id"
}
ok "a folder with a name like a container's is none" lookalikes
new_id
id0=$id
mkdir -p "$cg/$me/docker/$id" && sleeper "$cg/$me/docker/$id"
first=$pid
named() { # PROGRAM
	knows_none
	program "$1" "printf '%s|' \"\$@\" >'$tmp/asked'; echo $id"
	finds --container web.1 -- "pid $first $first" "netns $(inode /proc/$first/ns/net) container ${id:0:12}" &&
		[ "$(cat "$tmp/asked")" = "container|inspect|--format|{{.Id}}|web.1|" ]
}
ok "a name that podman knows" named podman
ok "a name that docker knows" named docker
first_name() { # what is a name there is no beginning of another's id
	new_id
	local other=$id
	mkdir -p "$cg/$me/docker/$other" && sleeper "$cg/$me/docker/$other" || return 1
	id=$id0
	named podman && finds --container "${other:0:8}" -- "pid $first $first" && knows_none && finds --container "${other:0:8}" -- "pid $pid $pid"
}
ok "a name goes before the beginning of an id" first_name
both() { id=$id0; named podman || return 1; new_id; program docker "echo $id"; refuses "podman and docker have one each" --container web; }
ok "a name that podman and docker know for different containers" both
knows_none
ok "a name that nobody knows" refuses "no container of that name (podman knows none, docker knows none)" --container web
absent() { ! PATH=$tmp/empty "$tool" --container web 2>"$tmp/err" && grep -qF "(podman is not installed, docker is not installed)" "$tmp/err"; }
ok "a name, and neither podman nor docker" absent
without() { PATH=$tmp/empty "$tool" --container "${id0:0:12}" >"$tmp/out" && says "pid $first $first"; }
ok "an id needs neither" without
stopped() {
	new_id
	program podman "echo $id"
	refuses "--container web: it is not running; start it first" --container web && refuses "it is not running" --container "$id" &&
		knows_none && refuses "no process is in a container of that id" --container "$id"
}
ok "a container that does not run" stopped
slow() {
	program podman "echo \$\$ >'$tmp/pid'; exec sleep 600.$$"
	local begin=$SECONDS
	refuses "podman does not answer" --container web && [ $((SECONDS - begin)) -lt 9 ] && ! kill -0 "$(cat "$tmp/pid")" 2>/dev/null
}
ok "a podman that does not answer is not waited for, and ended" slow
garbage() {
	local text
	for text in 'head -c 1000000 /dev/zero' "echo $id0; echo more" "printf %s $id0" "echo ${id0^^}" "echo $id0; exit 1" "echo '<no value>'"; do
		program podman "$text"
		refuses "podman knows none" --container web || { echo "$text"; return 1; }
	done
}
ok "a podman that says something else" garbage
option() {
	program podman ": >'$tmp/ran'"
	local name
	for name in --help '-x' 'a b' 'a;b' '$(a)' '../a' .; do refuses "no container's id or name" "--container=$name" || return 1; done
	[ ! -e "$tmp/ran" ]
}
ok "what can be no name is not asked for" option
knows_none
if [ -n "$v1" ] && mkdir -p "$v1/$me" 2>/dev/null; then
	hybrid() {
		new_id
		mkdir -p "$v1/$me/docker/$id" && sleeper && echo $pid >"$v1/$me/docker/$id/cgroup.procs" || return 1
		finds --container "$id" -- "pid $pid $pid" "cgroup 0 " "netns $(inode /proc/$pid/ns/net) container ${id:0:12}"
	}
	ok "a container that is only in v1 hierarchies: its network, and no cgroup" hybrid
else
	skip "a container that is only in v1 hierarchies: its network, and no cgroup" "none is mounted here"
fi

# A real container, made of busybox; podman's storage for it is this test's, and cgroup v2 is all that it sees.
real() {
	mkdir -p "$tmp/root/bin" && cp "$(command -v busybox)" "$tmp/root/bin/" && ln -s busybox "$tmp/root/bin/sleep" || return 1
	tar -C "$tmp/root" -c . | $podman import - "$me" || return 1
	unshare -m --propagation private sh -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh \
		$podman --cgroup-manager=cgroupfs run -d --name "$me" --cgroup-parent "/$me" --privileged --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --pids-limit 0 \
		--network none "$me" /bin/sleep 600.$$
}
if ! command -v podman >/dev/null || ! command -v busybox >/dev/null; then
	skip "a container of podman's, by id and name" "podman or busybox is not installed"
else
	podman="podman --root $tmp/storage --runroot $tmp/run --storage-driver vfs"
	if ! real >"$tmp/real" 2>&1; then
		skip "a container of podman's, by id and name" "podman cannot run one here: $(tail -1 "$tmp/real")"
	else
		program podman "PATH=$PATH exec $podman \"\$@\""
		id=$($podman inspect --format '{{.Id}}' "$me")
		pid=$($podman inspect --format '{{.State.Pid}}' "$me")
		top=$me/libpod-$id
		for found in "$id" "${id:0:8}" "$me"; do
			ok "a container of podman's, by $found" finds --container "$found" -- "pid $pid $pid" "cgroup $(inode "$cg/$top") $cg/$top" \
				"netns $(inode /proc/$pid/ns/net) container ${id:0:12}"
		done
		stopped_real() { $podman kill "$me" && $podman wait "$me" && refuses "--container $me: it is not running" --container "$me"; }
		ok "... and when it has ended" stopped_real
	fi
fi
tap_end
