#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The observers of Debian's libbpf-tools, as they are, on a run from another terminal: each is started, attaches, and prints what is right of a known act in the
# tree (tool_acts.py); the run reserves what docs/tools.md says that it takes, and no more.
. "$(dirname "$0")/user.sh"

preload=$(dirname "$skep")/libskep-preload.so
if ! PATH=$PATH:/usr/sbin command -v opensnoop >/dev/null || [ ! -e "$preload" ]; then
	skip "libbpf-tools on a run" "the package libbpf-tools, or libskep-preload.so, is not there"
	ok "statsnoop's object: it works without its tool" bare statsnoop stats '"event":"events","value":"[0-9a-f ]* 2f 6e 6f 77 68 65 72 65 2d 61 74 2d 61 6c 6c 00'
tap_end
	exit
fi
PATH=$PATH:/usr/sbin
FOLDER=$tmp/work
export FOLDER
mkdir "$FOLDER"

# begin ACT RESERVE: a run named tools, whose process $pid does it again and again.
begin() {
	rm -f "$tmp/pid"
	"$skep" run $other_ways -q --name tools --reserve "$2" -- python3 "$source/tests/run/tool_acts.py" "$1" >"$tmp/pid" 2>"$tmp/run-err" &
	run_pid=$!
	for _ in $(seq 200); do
		[ -s "$tmp/pid" ] && break
		sleep 0.05
	done
	pid=$(cat "$tmp/pid")
}
end() {
	kill -TERM $run_pid 2>/dev/null
	wait $run_pid 2>/dev/null
	return 0
}
# A terminal of its own, so that each line is out when it is there; what came stands in $tmp/tool.
start_tool() {
	: >"$tmp/typescript"
	setsid script -qfc "exec '$skep' hive exec tools -- $*" "$tmp/typescript" </dev/null >/dev/null 2>&1 &
	tool_pid=$!
}
stop_tool() {
	kill -TERM -- -$tool_pid 2>/dev/null
	wait $tool_pid 2>/dev/null
	return 0
}
tool_says() { # REGEX
	tr -d '\r' <"$tmp/typescript" >"$tmp/tool"
	grep -qE -- "$1" "$tmp/tool"
}
# shows TOOL ACT RESERVE REGEX...: every one is printed within some seconds; PID in it is the act's process.
shows() {
	local tool=$1 act=$2 reserve=$3 missing
	shift 3
	begin "$act" "$reserve"
	start_tool "$tool"
	for _ in $(seq 600); do
		missing=
		for re; do
			tool_says "${re//PID/$pid}" || missing=$re
		done
		[ -z "$missing" ] && break
		kill -0 $tool_pid 2>/dev/null || break
		sleep 0.05
	done
	stop_tool
	end
	[ -z "$missing" ] || { echo "no line '${missing//PID/$pid}' in:"; head -30 "$tmp/tool"; cat "$tmp/run-err"; return 1; }
}
# No line but those: what was seen is what was done.
only() { # REGEX of lines that may stand there, behind the heading
	local other
	other=$(tail -n +3 "$tmp/tool" | grep -vE -- "$1|^Script|^\$" | head -3)
	[ -z "$other" ] || { echo "also: $other"; return 1; }
}

opens=open:return,openat:return
all_opens=$opens,openat2:return,creat:return
ok "opensnoop: files, and those that are not there" shows opensnoop opens $opens \
	'^PID +python3 +[0-9]+ +0 /etc/hostname$' '^PID +python3 +-1 +2 /nowhere-at-all$'
ok "... and nothing else" only '/etc/hostname|/nowhere-at-all'
ok "opensnoop -x -p: of one process, what failed" shows "opensnoop -x -p \$(cat $tmp/pid)" opens $opens '^PID +python3 +-1 +2 /nowhere-at-all$'
ok "... and nothing else" only '/nowhere-at-all'
ok "execsnoop: what is executed, with arguments and parent" shows execsnoop runs execve:return '^echo +[0-9]+ +PID +0 /bin/echo one two three *$'
ok "exitsnoop: how processes end" shows exitsnoop ends life '^sh +[0-9]+ +PID +[0-9]+ +0\.[0-9]+ +code 7$' '^sleep +[0-9]+ +PID +[0-9]+ +[0-9.]+ +signal 9 \(Killed\)$'
ok "killsnoop: signals that are sent" shows killsnoop kills kill:return,tkill:return,tgkill:return ' PID +python3 +10 +PID +0 *$' ' PID +python3 +12 +1234567 +-3 *$'
ok "mountsnoop: mounts with their arguments" shows mountsnoop mounts mount:return,umount2:return \
	'^python3 +PID +PID +[0-9]+ +mount\("none", "/mnt", "tmpfs", 0x0, "size=1m"\) = -EPERM' '^python3 +PID +PID +[0-9]+ +umount\("/mnt", 0x0\) = -EPERM'
ok "bindsnoop: addresses and options of both families" shows bindsnoop sockets bind:return \
	'^PID +python3 +0 +TCP +\.\.\.R\. 0 +4711 +127\.0\.0\.1' '^PID +python3 +0 +TCP +\.\.\.R\. 0 +4711 +::1'
ok "solisten: who listens" shows solisten sockets listen:return '^PID +python3 +0 +5 +TCPv4 4711 +127\.0\.0\.1'
ok "tcpconnect: connections of both families" shows tcpconnect sockets connect:return \
	'^PID +python3 +4 +127\.0\.0\.1 +127\.0\.0\.1 +4711' '^PID +python3 +6 +::1 +::1 +4711'
ok "... those that are refused, too" shows tcpconnect knocks connect:return '^PID +python3 +4 +[0-9.]+ +127\.0\.0\.1 +4713' '^PID +python3 +4 +127\.0\.0\.1 +127\.0\.0\.1 +4714'
ok "filelife: how long a file lived" shows filelife lives $all_opens,mknod,mknodat,unlink,unlinkat ' PID +python3 +0\.3[0-9] +short-lived$'
ok "filetop: what is read and written" shows "filetop -C 1" transfers read,pread64,write,pwrite64 '^PID +python3 +([0-9]+) +\1 +[2468]0|100|120 +[0-9]+ +R transferred$'
ok "vfsstat: counts" shows "vfsstat 1" transfers read,pread64,write,pwrite64,fsync,fdatasync,$all_opens,mknod,mknodat '^[0-9:]+: +[3-5] +[3-5] +[3-5] +[3-5] +[3-5]$'
ok "funclatency: a histogram of a function" shows "funclatency -d 2 vfs_fsync" transfers fsync:return,fdatasync:return ' [0-9]+ -> [0-9]+ +: [1-9][0-9]* +\|'
ok "ksnoop: arguments by their types" shows "ksnoop trace do_sys_openat2" opens $all_opens ' PID do_sys_openat2\($' 'dfd = $' '\(int\)-100' '\(struct open_how\)' '\.flags = \(u64\)524288'
ok "syscount: how often which call" shows "syscount -d 2" calls all:return '^getpgid +[1-9][0-9]+$'

# What does not work says why, and how it would.
refused() { # TOOL RESERVE REGEX...
	local tool=$1 reserve=$2
	shift 2
	begin opens "$reserve"
	timeout 20 "$skep" hive exec tools -- $tool >"$tmp/tool" 2>&1
	end
	for re; do grep -qE -- "$re" "$tmp/tool" || { echo "no '$re' in:"; cat "$tmp/tool"; return 1; }; done
}
ok "a run that does not see the call: the tool's stderr names the option" refused opensnoop openat:return \
	'^skep: syscalls/sys_enter_open: this run does not see the calls that bring it: start it with --reserve open$'
ok "... one that sees no ends" refused opensnoop open,openat '^skep: syscalls/sys_exit_open: this run does not see the ends of the calls that bring it: start it with --reserve open:return$'
ok "... nor exits" refused exitsnoop openat '^skep: sched/sched_process_exit: this run does not see forks, execs and exits: start it with --reserve life$'
ok "... all calls of a function" refused filelife openat "--reserve (mknod,mknodat|open,openat,openat2,creat,mknod,mknodat)$"
ok "what nothing brings is refused with the reason" refused klockstat openat "^skep: function 'mutex_lock' is not served: locks within the kernel"

# Links go with who made them.
links() { "$skep" prog show --run tools --json 2>/dev/null | wc -l; }
has_links() { # N
	for _ in $(seq 200); do
		[ "$(links)" = "$1" ] && return 0
		sleep 0.02
	done
	echo "$(links) links, not $1"
	return 1
}
killed() {
	begin opens $opens
	"$skep" hive exec tools -- opensnoop >/dev/null 2>&1 &
	local tool=$!
	has_links 4 && kill -KILL $tool && has_links 0
	local ret=$?
	wait $tool 2>/dev/null
	end
	return $ret
}
ok "a tool that is killed leaves nothing attached" killed

# skep prog attach: a program stays without its maker.
python3 - <<'PY' /usr/sbin "$tmp"
# The object that a tool has in itself.
import struct, sys
for tool in "solisten", "exitsnoop", "statsnoop", "opensnoop":
    data = open(f"{sys.argv[1]}/{tool}", "rb").read()
    at = data.find(b"\x7fELF", 4)
    while at > 0:
        if struct.unpack_from("<H", data, at + 18)[0] == 247:
            end = struct.unpack_from("<Q", data, at + 0x28)[0]
            size, n = struct.unpack_from("<HH", data, at + 0x3A)
            open(f"{sys.argv[2]}/{tool}.bpf.o", "wb").write(data[at:at + end + size * n])
            break
        at = data.find(b"\x7fELF", at + 4)
PY
attached() {
	begin opens $opens
	"$skep" prog attach "$tmp/opensnoop.bpf.o" --prog tracepoint__syscalls__sys_enter_openat --run tools >"$tmp/out" 2>"$tmp/err" && has_links 1 &&
		"$skep" prog show --run tools >"$tmp/out" && says '^1 +tracepoint/syscalls/sys_enter_openat +tracepoint__sys ' &&
		"$skep" prog detach 1 --run tools && has_links 0
	local ret=$?
	end
	[ $ret = 0 ] || { cat "$tmp/out" "$tmp/err"; return 1; }
}
ok "skep prog attach: a program on a system call, shown and detached" attached
not_attached() {
	begin opens openat
	! "$skep" prog attach "$tmp/opensnoop.bpf.o" --prog tracepoint__syscalls__sys_exit_openat --run tools >"$tmp/out" 2>"$tmp/err" &&
		complains 'sys_exit_openat: this run does not see the ends of the calls that bring it: start it with --reserve openat:return'
	local ret=$?
	end
	return $ret
}
ok "... refused where the run does not see it, with the option" not_attached

# Their objects alone, where they speak without their tool.
bare() { # TOOL ACT REGEX
	timeout 60 "$skep" run $other_ways --json "$tmp/$1.bpf.o" -- timeout 1 python3 "$source/tests/run/tool_acts.py" "$2" >"$tmp/out" 2>"$tmp/err"
	complains "$3"
}
ok "solisten's object: events by their type" bare solisten sockets '"event":"events","value":\{"addr":\[16777343,0,0,0\],"pid":[0-9]+,"proto":131073,"backlog":5,"ret":0,"port":4711,"task":"python3"\}'
ok "exitsnoop's object: events as bytes" bare exitsnoop ends '"event":"events","value":"[0-9a-f ]* 07 00 00 00 73 68 00'
ok "statsnoop's object: it works without its tool" bare statsnoop stats '"event":"events","value":"[0-9a-f ]* 2f 6e 6f 77 68 65 72 65 2d 61 74 2d 61 6c 6c 00'
tap_end
