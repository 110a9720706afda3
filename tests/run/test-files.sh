#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# LSM programs that decide about files: what they deny does not happen, whatever changes meanwhile; what they allow happens as if nobody had looked.
. "$(dirname "$0")/user.sh"

no="$objects/run-files.bpf.o"
yes="$objects/run-files-yes.bpf.o"
tell="$objects/run-files-tell.bpf.o"
w="$tmp/w"
mkdir -p "$w"
cd "$w" || exit 1

# The lines of the table with a program that says yes to all, and without any.
table() {
	run -q -- python3 "$source/tests/run/files_table.py" "$w/table" </dev/null && [ "$(wc -l <"$tmp/out")" -gt 3000 ] || { cat "$tmp/err"; return 1; }
	mv "$tmp/out" "$tmp/plain"
	chmod -R u+rwx "$w/table" && rm -rf "$w/table"
	run -q "$yes" -- python3 "$source/tests/run/files_table.py" "$w/table" </dev/null || { cat "$tmp/err"; return 1; }
	diff "$tmp/plain" "$tmp/out" || return 1
	chmod -R u+rwx "$w/table" && rm -rf "$w/table"
}
ok "3,000 calls on files: the same errors, modes, owners, flags and offsets as without a program" table

deny() {
	mkdir -p d denied-d && echo secret >denied && echo x >file && echo x >d/denied-x && ln -sf denied link && ln -sf denied-new dangling && ln -sfn denied-d denied-link
	exits 0 -q "$no" -- python3 -c '
import os, errno, stat
def say(what, f):
    try: f(); print(what, "done")
    except OSError as e: print(what, errno.errorcode[e.errno])
say("open", lambda: open("denied")); say("by link", lambda: open("link")); say("in folder", lambda: os.open("denied-d", os.O_RDONLY)); say("below", lambda: open("denied-d/new", "w"))
say("create", lambda: open("denied-new", "w")); say("through a dangling link", lambda: open("dangling", "w")); say("nameless", lambda: os.open("denied-d", os.O_TMPFILE | os.O_RDWR))
p = os.open("denied", os.O_PATH); say("by O_PATH", lambda: open("/proc/self/fd/%d" % p)); say("by cwd", lambda: (os.chdir("d"), open("../denied"))); os.chdir("..")
say("by root", lambda: open("/proc/self/root" + os.getcwd() + "/denied")); say("truncating", lambda: os.open("denied", os.O_WRONLY | os.O_TRUNC))
say("unlink", lambda: os.unlink("denied")); say("mkdir", lambda: os.mkdir("denied-m")); say("rmdir", lambda: os.rmdir("denied-d")); say("mknod", lambda: os.mknod("denied-n")); say("fifo", lambda: os.mkfifo("denied-n"))
say("symlink", lambda: os.symlink("x", "denied-s")); say("link", lambda: os.link("file", "denied-l")); say("link from", lambda: os.link("denied", "l")); say("rename", lambda: os.rename("file", "denied-r"))
say("rename from", lambda: os.rename("denied", "r")); say("truncate", lambda: os.truncate("denied", 0)); say("file", lambda: open("file", "a").write("y"))' &&
		prints "$(printf '%s\n' 'open EPERM' 'by link EPERM' 'in folder EPERM' 'below EPERM' 'create EPERM' 'through a dangling link EPERM' 'nameless EPERM' 'by O_PATH EPERM' 'by cwd EPERM' 'by root EPERM' 'truncating EPERM' 'unlink EACCES' \
			'mkdir EXDEV' 'rmdir EBUSY' 'mknod EIO' 'fifo EIO' 'symlink EMLINK' 'link EDOM' 'link from EDOM' 'rename ERANGE' 'rename from ERANGE' 'truncate ENOLCK' 'file done')" &&
		[ "$(cat denied)" = secret ] && [ "$(ls)" = "$(printf '%s\n' d dangling denied denied-d denied-link file link)" ]
}
ok "each hook denies, with its errno, by whatever way; nothing of it has happened" deny
seen() {
	exits 0 "$tell" -- sh -c 'umask 027; echo x >new; mkdir nd; ln -s to s; cat nd/../new >/dev/null' && complains "open $w/new mode 81a0 flags 241" && complains 'mkdir nd mode 1e8 new 1' && complains 'symlink s -> to' && complains "open $w/new mode 81a0 flags 0"
}
ok "what is to be made has the path and mode that it will have" seen

if cc -O2 -pthread -o "$tmp/race" "$source/tests/run/files_race.c" 2>"$tmp/why"; then
	race() {
		rm -rf "$w/r" && mkdir -p "$w/r/good" "$w/r/denied" "$w/r/one" "$w/r/two" && cd "$w/r" && touch good/f denied/f one/f two/f && chmod 1644 two/f && ln -s good"$2" x || return 1
		exits 0 -q "$no" -- "$tmp/race" "$1" "${FLIP:-10}" && prints "some 0"
		local got=$?
		cd "$w" || return 1
		return $got
	}
	for kind in text link folder rename dup chdir; do
		ok "a $kind that changes while the program looks: the denied file is not opened once" race $kind "$([ $kind = link ] && echo /f)"
	done
	open_race() {
		cd "$w/r" && run -q -- "$tmp/race" text 1 && says 'some [1-9]'
		local got=$?
		cd "$w" || return 1
		return $got
	}
	ok "... that attack is real: without a program it succeeds" open_race
else
	skip "attacks by races" "no C compiler"
fi
create_race() {
	# Who makes what an open would make: the open finds it, and what it finds is what is decided on.
	exits 0 -q "$yes" -- python3 -c '
import os, threading, time
stop = time.time() + 3
def churn():
    while time.time() < stop:
        for f in (lambda: os.close(os.open("c", os.O_CREAT | os.O_EXCL | os.O_WRONLY)), lambda: os.unlink("c")):
            try: f()
            except OSError: pass
ts = [threading.Thread(target=churn) for _ in range(3)]
[t.start() for t in ts]
errors = {}; n = 0
while time.time() < stop:
    try: os.close(os.open("c", os.O_CREAT | os.O_RDWR)); n += 1
    except OSError as e: errors[e.errno] = errors.get(e.errno, 0) + 1
[t.join() for t in ts]
print(n > 100, errors)' && prints "True {}"
}
ok "a name that comes and goes: an open that may make it always succeeds" create_race
fifo() {
	rm -f ff && mkfifo ff
	exits 0 -q "$yes" -- python3 -c '
import os, signal, errno, threading, time
hits = []
signal.signal(signal.SIGALRM, lambda *a: hits.append(1) or (_ for _ in ()).throw(InterruptedError))
signal.setitimer(signal.ITIMER_REAL, 0.3)
t = time.time()
try: os.open("ff", os.O_RDONLY)
except InterruptedError: print("interrupted", len(hits), time.time() - t < 3)
signal.signal(signal.SIGALRM, lambda *a: hits.append(2))
signal.setitimer(signal.ITIMER_REAL, 0.3)
threading.Thread(target=lambda: (time.sleep(1), os.close(os.open("ff", os.O_WRONLY)))).start()
os.close(os.open("ff", os.O_RDONLY)); print("opened", hits)
pid = os.fork()
if not pid:
    os.open("ff", os.O_RDONLY)
time.sleep(0.3); os.kill(pid, signal.SIGKILL); print(os.waitpid(pid, 0)[1])' && prints "$(printf 'interrupted 1 True\nopened [1, 2]\n9')"
}
ok "a FIFO that nobody writes: a signal interrupts, a handler runs and the open goes on, a kill kills" fifo
closed() {
	# The guard's copy of a file, which would keep a FIFO open that its opener has closed, is gone before its opener goes on.
	rm -f cf && mkfifo cf
	exits 0 -q "$yes" -- python3 -c '
import os, signal
busy = []
for _ in range(os.cpu_count() - 1):
    pid = os.fork()
    while not pid: pass
    busy.append(pid)
kept = 0
for _ in range(20000):
    os.close(os.open("cf", os.O_RDONLY | os.O_NONBLOCK))
    try: os.close(os.open("cf", os.O_WRONLY | os.O_NONBLOCK)); kept += 1
    except OSError: pass
[os.kill(p, signal.SIGKILL) for p in busy]
print(kept)' && prints 0
}
ok "a FIFO whose reader has closed it has none, on a busy machine too" closed
many_fifos() {
	exits 0 -q "$yes" -- python3 -c '
import os, threading, time
names = ["many%d" % i for i in range(60)]
[os.mkfifo(n) for n in names]
ts = [threading.Thread(target=lambda n=n: os.close(os.open(n, os.O_RDONLY))) for n in names]
[t.start() for t in ts]
time.sleep(0.3); open("file").read()
[os.close(os.open(n, os.O_WRONLY)) for n in names]
[t.join() for t in ts]
[os.unlink(n) for n in names]; print("fine")' && prints fine
}
ok "60 opens that wait hold up nobody" many_fifos
own_root() {
	mkdir -p jail/etc && echo jailed >jail/etc/x && ln -sf /etc/x jail/abs
	exits 0 -q "$yes" -- unshare -r python3 -c '
import os
os.chroot("jail"); os.chdir("/"); print(open("/etc/x").read().strip(), open("abs").read().strip(), open("../../etc/x").read().strip(), os.path.exists("/usr"))' && prints "jailed jailed jailed False"
}
ok "a task in a root of its own" own_root
own_spaces() {
	exits 0 -q "$yes" -- unshare -rmpf --mount-proc sh -c 'mount -t tmpfs none d && echo inner >d/x && cat d/x && cut -d" " -f1 </proc/self/stat && [ "$(readlink /proc/self)" -lt 20 ] && id -u && chmod 0 d/x && cat d/x' &&
		prints "$(printf 'inner\n1\n0\ninner')" && [ ! -e d/x ]
}
ok "a task in namespaces of its own: its mounts, its /proc, its powers over its files" own_spaces
compiles() {
	mkdir -p src && for i in 1 2 3 4 5 6; do printf '#include <stdio.h>\nint f%s(void) { return printf("x"); }\n' $i >src/f$i.c; done
	printf 'int main(void) { return 0; }\n' >src/main.c && printf 'OBJS=$(patsubst %%.c,%%.o,$(wildcard src/*.c))\nprog: $(OBJS)\n\tcc -o $@ $^\n%%.o: %%.c\n\tcc -c -o $@ $<\n' >Makefile
	exits 0 "$yes" -- make -s -j4 && ./prog && ! grep -q 'could not\|were not\|lost' "$tmp/err"
}
command -v make >/dev/null && command -v cc >/dev/null && ok "a build works" compiles
with_ends() {
	exits 0 watch "$yes" -- sh -c 'cat file >/dev/null; touch made-w; rm made-w' && complains 'watch: [0-9]+ processes' && ! grep -q 'refused' "$tmp/err"
}
ok "together with what watches the calls' ends" with_ends
if [ "$(uname -m)" = x86_64 ] && cc -O2 -o "$tmp/old" -xc - 2>/dev/null <<'C'
#include <stdio.h>
#include <sys/mman.h>
#include <string.h>
static int call(int nr, int a, int b, int c)
{
	int ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
int main(void)
{
	char *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int at = (int)(long)low;

	strcpy(low, "denied");
	printf("open %d creat %d openat %d truncate %d truncate64 %d uselib %d unlink %d\n", call(5, at, 0, 0), call(8, at, 0600, 0), call(295, -100, at, 0), call(92, at, 0, 0), call(193, at, 0, 0), call(86, at, 0, 0), call(10, at, 0, 0));
	strcpy(low, "file");
	printf("%d %d\n", call(5, at, 0, 0) > 2, call(193, at, 5, 0));
	return 0;
}
C
then
	old_calls() { exits 0 -q "$no" -- "$tmp/old" && prints "$(printf 'open -1 creat -1 openat -1 truncate -37 truncate64 -37 uselib -38 unlink -13\n1 0')" && [ "$(stat -c %s file)" = 5 ] && [ "$(cat denied)" = secret ]; }
	ok "32-bit calls are decided on as the others" old_calls
fi
confined() {
	exits 0 -q "$yes" -- python3 -c '
import ctypes, errno, os, struct, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
def confine():
    rules = libc.syscall(444, struct.pack("Q", 1 << 2), 8, 0)
    libc.prctl(38, 1, 0, 0, 0)
    return rules < 0 and "none" or libc.syscall(446, rules, 0)
def say(f):
    try: f(); return "done"
    except OSError as e: return errno.errorcode[e.errno]
r, w = os.pipe()
pid = os.fork()
if not pid:
    got = [confine(), say(lambda: open("file")), say(lambda: os.mkdir("by-confined")), say(lambda: os.fork())]
    t = threading.Thread(target=lambda: got.append(say(lambda: open("file")))); t.start(); t.join()
    os.write(w, repr(got).encode()); os._exit(0)
os.waitpid(pid, 0)
print(os.read(r, 1000).decode(), say(lambda: open("file")), subprocess.run(["cat", "file"], stdout=subprocess.DEVNULL).returncode)' && { says none || prints "[0, 'EACCES', 'EACCES', 'EPERM', 'EACCES'] done 0"; }
}
ok "who confined itself by Landlock gets no files by the guard, and no processes; the others do" confined
handles() {
	exits 0 -q "$no" -- unshare -r python3 -c '
import ctypes, os, errno
libc = ctypes.CDLL(None, use_errno=True)
h = ctypes.create_string_buffer(b"\x80\0\0\0" + bytes(200)); m = ctypes.c_int()
libc.name_to_handle_at(-100, b"denied", h, ctypes.byref(m), 0)
libc.open_by_handle_at(os.open(".", 0), h, 0); print(errno.errorcode[ctypes.get_errno()])' && prints EPERM
}
ok "a file's handle opens nothing" handles
killed() {
	"$skep" run $other_ways -q "$yes" -- sh -c 'echo $$ >pid; while :; do : >k; rm k; done' >/dev/null 2>&1 &
	local skep_pid=$!
	sleep 1
	kill -9 $skep_pid
	wait $skep_pid 2>/dev/null
	sleep 0.5
	rm -f k
	sleep 0.5
	[ ! -e k ]
}
ok "a run whose supervisor is killed ends with it: nothing more is made" killed
tap_end
