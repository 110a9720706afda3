#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep deploy guard: what a policy says holds in a Linux 6.1 for the processes of a cgroup, by whatever way, and for no others; and what was refused is told.
set -u
. "$(dirname "$0")/../tap.sh"
tmp=$(mktemp -d)
group=/sys/fs/cgroup/guarded
w=/srv/w
mkdir -p $group $w/in $w/out $w/secret
echo inside >$w/in/a
echo outside >$w/out/a
echo key >$w/secret/key
cp /usr/bin/tries $w/in/tries
system=/usr,/bin,/sbin,/lib,/lib64,/etc,/proc,/dev,/sys

# inside COMMAND...: in the cgroup, which the shell enters by itself; its output and errors in $tmp/out.
inside() { timeout 20 sh -c 'echo $$ >/sys/fs/cgroup/guarded/cgroup.procs; exec "$@"' sh "$@" >"$tmp/out" 2>&1; }
# may COMMAND...; may_not ERROR COMMAND...
may() { inside "$@" || { cat "$tmp/out"; return 1; }; }
may_not() {
	local want=$1
	shift
	inside "$@"
	local got=$?
	cat "$tmp/out"
	[ $got != 0 ] && grep -qE -- "$want" "$tmp/out"
}
fails() {
	local want=$1
	shift
	! skep "$@" >"$tmp/said" 2>&1 && cat "$tmp/said" && grep -qE -- "$want" "$tmp/said"
}
# holds ARGUMENT...: deployed, in the place of what there was; what it tells goes to $tmp/events.
holds() {
	skep undeploy guard >/dev/null 2>&1
	rm -f "$tmp/events" # the reader of the one before has it open still
	skep deploy guard --cgroup guarded "$@" || return 1
	skep map events --kernel guard >"$tmp/events" 2>&1 &
	sleep 1
}
told() {
	for _ in 1 2 3 4 5 6; do grep -qE -- "$1" "$tmp/events" && return; sleep 0.5; done
	echo "no '$1' in:"
	cat "$tmp/events"
	return 1
}
says() { [ "$(cat "$1")" = "$2" ] || { echo "$1: '$(cat "$1")'"; return 1; }; }

ok "without a cgroup it is refused" fails 'without --cgroup PATH or --container ID it would hold the whole machine' deploy guard --read /usr
ok "without rules it is refused" fails 'guard has no rules' deploy guard --cgroup guarded
echo 'call kill nanosleep' >"$tmp/policy"
ok "a call that cannot be stopped is refused, by its rule" fails 'call kill nanosleep: in the kernel it cannot be stopped' deploy guard --cgroup guarded --policy "$tmp/policy"
echo 'call deny openat' >"$tmp/policy"
ok "... and one that can be killed for, but not denied" fails 'call deny openat: .* killed for, but not denied' deploy guard --cgroup guarded --policy "$tmp/policy"
printf 'read /\nallow example.org\n' >"$tmp/policy"
ok "... and rules about the network" fails 'rules about the network' deploy guard --cgroup guarded --policy "$tmp/policy"

ok "a policy on files: deployed" holds --read $system --write "$w/in,$tmp"
ok "files: what is open is read" may cat $w/in/a
ok "... and written" may sh -c "echo x >$w/in/b && rm $w/in/b && mkdir $w/in/d && rmdir $w/in/d"
ok "what is closed is not read" may_not 'Permission denied' cat $w/out/a
ok "... nor listed" may_not 'Permission denied' ls $w/out
ok "... nor written" may_not 'Permission denied' sh -c "echo x >>$w/out/a"
ok "... nor made" may_not 'Permission denied' touch $w/out/new
ok "... nor truncated" may_not 'Permission denied' truncate -s 0 $w/out/a
ok "... nor deleted" may_not 'Permission denied' rm -f $w/out/a
ok "... a folder neither made" may_not 'Permission denied' mkdir $w/out/d
ok "... nor a link" may_not 'Permission denied' ln -s x $w/out/l
ok "... nor a second name" may_not 'Permission denied' ln $w/out/a $w/in/l
ok "... nor moved" may_not 'Permission denied' mv $w/out/a $w/in/m
ok "... by a link on the way" may_not 'Permission denied' sh -c "ln -s $w/out $w/in/way; cat $w/in/way/a"
ok "... by the root in /proc" may_not 'Permission denied' cat /proc/self/root$w/out/a
ok "... from its folder" may_not 'Permission denied' sh -c "cd $w/out && cat a"
ok "nothing of it has come about" eval "says $w/out/a outside && [ \$(ls $w/out) = a ]"
ok "each is told: a read" told "^refused: read $w/out/a: no rule allows it; exe \([0-9]+\)\$|^refused: read $w/out/a: no rule allows it; cat \([0-9]+\)\$"
ok "... a write" told "^refused: write $w/out/new: no rule allows it; (exe|touch) \([0-9]+\)\$"
ok "devices without contents are open" may sh -c 'echo x >/dev/null; head -c 1 /dev/zero >/dev/null'
ok "pipes and memory have no path, and are open" may bash -c 'cat <(echo x) | cat'
ok "who is not in the cgroup is not held to anything" eval "cat $w/out/a && touch $w/out/b && rm $w/out/b"

ok "no mount leads past it" may_not EPERM tries bind $w/out $w/in
ok "... no tree of mounts of its own" may_not EPERM tries tree $w/out
ok "... no namespace" may_not EPERM tries unshare
ok "... no other root" may_not EPERM tries chroot $w /out/a
ok "nobody leaves the cgroup" may_not 'Operation not permitted|Permission denied' sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs'
ok "... nor makes a child outside" may_not 'EPERM|EACCES' tries into /sys/fs/cgroup
ok "... nor asks bpf(2)" may_not EPERM tries bpf
ok "... nor takes the guard's pins away" may_not 'not permitted|denied' rm -r /sys/fs/bpf/skep/guard/links
ok "other processes are not traced" may_not EPERM tries ptrace $$
ok "... nor their memory opened" may_not 'EPERM|EACCES' tries memory $$

# What containers have for a root: overlayfs opens its layers in the name of who opens what lies over them.
mkdir -p /srv/o/lower/d /srv/o/upper /srv/o/work /srv/o/merged
echo low >/srv/o/lower/f
echo low >/srv/o/lower/d/g
cp /usr/bin/tries /srv/o/lower/
mount -t overlay overlay -o lowerdir=/srv/o/lower,upperdir=/srv/o/upper,workdir=/srv/o/work /srv/o/merged
ok "overlayfs: deployed" holds --read $system --write "/srv/o/merged,$tmp" --run /usr,/lib,/lib64,/bin,/srv/o/merged
ok "what lies in a layer is read" may cat /srv/o/merged/f
ok "... listed" may ls /srv/o/merged/d
ok "... executed" may /srv/o/merged/tries ran
ok "... and written" may sh -c 'echo x >>/srv/o/merged/f && mv /srv/o/merged/d/g /srv/o/merged/h && rm /srv/o/merged/h'
ok "... but not in the layer" may_not 'Permission denied' cat /srv/o/lower/f
umount /srv/o/merged

printf 'write %s\nnowrite %s/secret\nnoread %s/secret\n' "$w,$tmp" $w $w >"$tmp/policy"
ok "rules inside others: deployed" holds --policy "$tmp/policy"
ok "what is shut inside what is open is not read" may_not 'Permission denied' cat $w/secret/key
ok "... by its rule" told "^refused: read $w/secret/key: by noread $w/secret; (exe|cat) \([0-9]+\)\$"
ok "... nor written" may_not 'Permission denied' sh -c "echo x >$w/secret/key"
ok "... by its rule" told "^refused: write $w/secret/key: by nowrite $w/secret; sh \([0-9]+\)\$"
ok "... nor moved away" may_not 'Permission denied' mv $w/secret $w/other
ok "... nor a folder above it" may_not 'Permission denied' mv $w /srv/other
ok "... nor under another name" may_not 'Permission denied' ln $w/secret/key $w/in/key
ok "the rest is open" may sh -c "echo x >$w/out/n && mv $w/out/n $w/in/n && rm $w/in/n"
ok "reading elsewhere is as it was" may cat /etc/passwd

ok "--read of one place within another that is shut: deployed" holds --policy <(printf 'noread %s\nread %s\nread /\n' $w/secret $w/secret/open)
ok "what is shut is not moved to where it would be open" may_not 'Permission denied' mv $w/secret $w/other
ok "... nor the folder that it is in" may_not 'Permission denied' mv $w /srv/other
ok "... nor has it a second name" may_not 'Permission denied' ln $w/secret/key $w/in/key
unshare -m sleep 100 &
other=$!
sleep 1
ok "... nor is it read by the root of a process that sees other mounts" may_not 'Permission denied' cat /proc/$other/root$w/secret/key
ok "... and that is told" told '^refused: read \(what no path leads to\): no rule allows it; '
kill $other
ok "... nor a mount" may_not EPERM tries bind $w/secret $w/in
ok "other processes' memory is not opened" may_not 'EPERM|EACCES' tries memory $$
ok "nobody leaves the cgroup, where writing is open" may_not 'Operation not permitted' sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs'
ok "... nor takes the guard's pins away" may_not 'not permitted' rm -r /sys/fs/bpf/skep/guard/links

ok "--run: deployed" holds --run /usr,/lib,/lib64,/bin
ok "what is open is executed" may tries ran
ok "what is closed is not" may_not 'Permission denied' $w/in/tries ran
ok "... and told" told "^refused: run $w/in/tries: no rule allows it; "
ok "... nor a copy in memory" may_not EACCES tries runs
ok "... nor moved to where it would be" may_not 'Permission denied' mv $w/in/tries /usr/bin/tries2

echo -n before >$w/in/data
printf 'call kill pwrite64\ncall deny=EROFS ftruncate\ncall kill sendto\ncall log getppid\ncall deny kill\n' >"$tmp/policy"
ok "calls: deployed" holds --policy "$tmp/policy"
killed() { inside "$@"; local got=$?; cat "$tmp/out"; [ $got = 137 ]; }
ok "a process is killed before its write lands" killed tries pwrite $w/in/data
ok "... nothing of it is there" says $w/in/data before
ok "... and it is told" told '^killed: system call pwrite64: by call kill pwrite64; tries \([0-9]+\)$'
ok "one that is denied gets the errno" may_not EROFS tries ftruncate $w/in/data
ok "... and nothing is done" says $w/in/data before
ok "... and it is told" told '^refused: system call ftruncate: by call deny=EROFS ftruncate; tries \([0-9]+\)$'
sink() { nc -u -l -p 4444 >"$tmp/sink" 2>/dev/null & local at=$!; sleep 1; killed tries datagram 4444; local got=$?; sleep 1; kill $at; [ $got = 0 ] && [ ! -s "$tmp/sink" ]; }
ok "a datagram is not sent" sink
sleep 100 &
victim=$!
ok "a signal is not" may_not 'not permitted' sh -c "kill -9 $victim"
ok "... its receiver lives" kill -0 $victim
kill $victim
ok "others' calls are as they were" eval "tries pwrite $w/in/data && says $w/in/data landed"
ok "no ring leads past the numbers" may_not EPERM tries uring

echo -n before >$w/in/data
echo 'call kill write' >"$tmp/policy"
ok "32-bit programs: deployed" holds --policy "$tmp/policy"
ok "... the call is known by its other number" killed tries write32 $w/in/data
ok "... nothing has landed" says $w/in/data before

ok "--audit: deployed" holds --audit --read $system
ok "nothing is refused" may cat $w/out/a
ok "... and it is told" told "^would be refused: read $w/out/a: no rule allows it; "

echo 'call log getppid' >"$tmp/policy"
ok "a policy that refuses nothing: deployed" holds --policy "$tmp/policy"
ok "... without LSM programs" [ "$(ls /sys/fs/bpf/skep/guard/links)" = on_call ]
inside bash -c :
ok "... and it is told" told '^logged: system call getppid: by call log getppid; bash \([0-9]+\)$'

ok "another policy takes its place" skep deploy guard --replace --read /
ok "... and nothing of the one before holds" may cat $w/out/a
# A container: a process with a root and a mount namespace of its own, in a cgroup that has an id for its name. Paths are those that it sees.
id=$(printf '%064d' 7)
top=/sys/fs/cgroup/docker-$id.scope
c=/srv/c
mkdir -p $top $c/usr $c/proc $c/work $c/other
cp -a /bin /lib /lib64 /sbin $c
echo there >$c/other/a
ln -s other $c/way
unshare -m sh -c "mount --bind /usr $c/usr; echo \$\$ >$top/cgroup.procs; exec chroot $c sh -c 'while :; do sleep 0.2; [ -e /work/go ] && cat /way/a; done 2>>/work/errors >>/work/out'" >/dev/null 2>&1 &
sleep 1
in_container() {
	skep undeploy guard && skep deploy guard --container ${id:0:12} --write /work --policy <(echo 'noread /way') || return 1
	touch $c/work/go
	sleep 2
	cat $c/work/errors $c/work/out
	grep -q 'Permission denied' $c/work/errors && [ ! -s $c/work/out ]
}
ok "in a container paths are its own, and so are the links in them" in_container
entered() { sh -c "echo \$\$ >$top/cgroup.procs && cat $c/other/a && tries chroot $c /other/a"; }
ok "what enters it from outside, as what makes its processes does, is not held" entered
for pid in $(cat $top/cgroup.procs); do kill -9 $pid; done
sleep 1
rmdir $top

ok "it is taken out" skep undeploy guard
ok "... and holds nobody" may cat $w/out/a
# Room of the task's own goes with it: nothing else is kept of anybody.
ok "nothing of it stays" eval '! bpftool link show | grep . && [ -z "$(find /sys/fs/bpf -mindepth 2)" ]'
rmdir $group
rm -rf "$tmp" /srv
tap_end
