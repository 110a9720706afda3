#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The guard: what a policy on files, executables and system calls says, holds; and what was refused is told with rule and process.
. "$(dirname "$0")/user.sh"

w="$tmp/w"
mkdir -p "$w/in/deep" "$w/out" "$w/secret" "$HOME/.keys"
echo inside >"$w/in/a"
echo outside >"$w/out/a"
echo secret >"$w/secret/id"
echo key >"$HOME/.keys/id"
cp /bin/true "$w/in/tool"
cp /bin/true "$w/out/tool"
base="/usr,/bin,/sbin,/lib,/lib64,/etc,/proc,/dev"
refused() { complains 'refused by the guard' && complains "^  $1"; }

if "$skep" run --read "$base,$w" -- true 2>&1 | grep -q Landlock; then
	skip "files that are closed" "this kernel has no Landlock"
	tap_end
	exit
fi
cat >"$w/in/tries.py" <<'PY'
# What a program does to files, each a word; what came of it.
import os, sys, errno, ctypes
w = sys.argv[1]
def say(what, f):
    try: f(); print(what, "done")
    except OSError as e: print(what, errno.errorcode[e.errno])
say("read-in", lambda: open(w + "/in/a").read())
say("read-out", lambda: open(w + "/out/a").read())
say("list-out", lambda: os.listdir(w + "/out"))
say("write-in", lambda: open(w + "/in/b", "w").write("x"))
say("write-out", lambda: open(w + "/out/b", "w"))
say("append-out", lambda: open(w + "/out/a", "a"))
say("truncate-out", lambda: os.truncate(w + "/out/a", 0))
say("unlink-out", lambda: os.unlink(w + "/out/a"))
say("mkdir-out", lambda: os.mkdir(w + "/out/d"))
say("rename-out", lambda: os.rename(w + "/in/b", w + "/out/b"))
say("rename-in", lambda: os.rename(w + "/in/b", w + "/in/deep/b"))
say("link-out", lambda: os.link(w + "/in/deep/b", w + "/out/l"))
say("symlink-out", lambda: os.symlink("x", w + "/out/s"))
say("by-link", lambda: (os.symlink(w + "/out", w + "/in/way"), open(w + "/in/way/a").read()))
say("by-dots", lambda: open(w + "/in/../out/a").read())
say("by-root", lambda: open("/proc/self/root" + w + "/out/a").read())
say("by-cwd", lambda: (os.chdir(w + "/in"), open("../out/a").read()))
PY
files() {
	exits 0 --read "$base" --write "$w/in" -- python3 "$w/in/tries.py" "$w" && prints "$(printf '%s\n' 'read-in done' 'read-out EACCES' 'list-out EACCES' 'write-in done' 'write-out EACCES' \
		'append-out EACCES' 'truncate-out EACCES' 'unlink-out EACCES' 'mkdir-out EACCES' 'rename-out EACCES' 'rename-in done' 'link-out EACCES' 'symlink-out EACCES' 'by-link EACCES' 'by-dots EACCES' 'by-root EACCES' 'by-cwd EACCES')" &&
		[ "$(cat "$w/out/a")" = outside ] && [ "$(ls "$w/out")" = "$(printf 'a\ntool')" ] && rm -rf "$w/in/way"
}
ok "--read and --write: everything else is closed, by whatever way" files
told() {
	refused "read $w/out/a: no rule allows it; python3 .*tries.py" && refused "write $w/out/a: no rule allows it" && refused "read $w/out: no rule allows it"
}
ok "... and each refusal is told, with rule and process" told
by_whom() {
	exits 0 --write "$w/in" -- sh -c "sh -c 'touch $w/out/x' 2>/dev/null; true" && refused "write $w/out/x: no rule allows it; touch $w/out/x \([0-9]+\) < sh \([0-9]+\)"
}
ok "... with its ancestors" by_whom
own_errors() {
	chmod 0 "$w/in/deep"
	exits 0 --write "$w/in" --violation-exit 9 -- sh -c "touch '$w/in/deep/x' 2>/dev/null; true"
	local got=$?
	chmod 755 "$w/in/deep"
	[ $got = 0 ] && ! grep -q 'refused by' "$tmp/err"
}
ok "an error that the policy has no part in is none of its refusals" own_errors
policy() { printf '%s\n' "$@" >"$tmp/p"; }
inside() {
	policy "noread ~/.keys" "nowrite $w/in/deep" "norun $w/in"
	exits 0 --policy "$tmp/p" -- sh -c "cat ~/.keys/id; ls ~/.keys; echo x >'$w/in/deep/y'; echo x >'$w/in/c' && echo written; '$w/in/tool'; '$w/out/tool' && echo ran; mv '$w/in/deep' '$w/in/deeper'; rmdir '$w/in/deep'; umount '$w/in/deep' ~/.keys; true" &&
		prints "$(printf 'written\nran')" && complains 'id: Permission denied' && complains 'Read-only file system' && complains 'tool: Permission denied' && [ ! -e "$w/in/deep/y" ] &&
		refused 'read .*/.keys/id: by noread .*/.keys; cat ' && refused "write $w/in/deep/y: by nowrite $w/in/deep" && refused "run $w/in/tool: by norun $w/in;"
}
ok "noread, nowrite and norun close what is inside what is open" inside
# What neither Landlock nor a mount can say is decided in calls that the tree's guard makes.
mkdir -p "$w/shut/open/deep" "$w/ro/rw"
echo shut >"$w/shut/id"; echo open >"$w/shut/open/a"; echo old >"$w/ro/a"
cat >"$w/in/late.py" <<'PY'
import ctypes, errno, os, sys
w = sys.argv[1]
def say(what, f):
    try: f(); print(what, "done")
    except OSError as e: print(what, errno.errorcode[e.errno])
def put(path): open(path, "w").write("x")
say("read-shut", lambda: open(w + "/shut/id").read())
say("list-shut", lambda: os.listdir(w + "/shut"))
say("read-open", lambda: open(w + "/shut/open/a").read())
say("by-dots", lambda: open(w + "/shut/open/../id").read())
say("by-root", lambda: open("/proc/self/root" + w + "/shut/id").read())
say("by-fd", lambda: open(os.open("id", os.O_PATH, dir_fd=os.open(w + "/shut", os.O_PATH)) and f"/proc/self/fd/{os.open(w + '/shut/id', os.O_PATH)}").read())
say("move-out", lambda: os.rename(w + "/shut/id", w + "/out/id"))
say("link-out", lambda: os.link(w + "/shut/id", w + "/out/id"))
say("move-folder", lambda: os.rename(w + "/shut", w + "/other"))
say("write-ro", lambda: put(w + "/ro/a"))
say("append-ro", lambda: open(w + "/ro/a", "a"))
say("truncate-ro", lambda: os.truncate(w + "/ro/a", 0))
say("unlink-ro", lambda: os.unlink(w + "/ro/a"))
say("write-rw", lambda: put(w + "/ro/rw/a"))
say("into-ro", lambda: os.rename(w + "/ro/rw/a", w + "/ro/b"))
say("exchange", lambda: ctypes.CDLL(None, use_errno=True).renameat2(-100, (w + "/ro/rw/a").encode(), -100, (w + "/ro/a").encode(), 2) and (_ for _ in ()).throw(OSError(ctypes.get_errno(), "")))
say("late-file", lambda: put(w + "/late"))
say("late-folder", lambda: os.mkdir(w + "/late"))
say("late-link", lambda: os.symlink("in", w + "/late"))
say("late-moved", lambda: (put(w + "/x"), os.rename(w + "/x", w + "/late")))
say("late-linked", lambda: os.link(w + "/x", w + "/late"))
say("far-folders", lambda: (os.makedirs(w + "/far/a")))
say("far-file", lambda: put(w + "/far/a/b"))
say("far-away", lambda: os.rename(w + "/far/a", w + "/y"))
say("far-back", lambda: (os.rmdir(w + "/far/a"), os.mkdir(w + "/y"), put(w + "/y/b"), os.rename(w + "/y", w + "/far/a")))
say("far-link", lambda: os.symlink(w + "/y", w + "/far/a"))
say("unread-made", lambda: put(w + "/unread"))
say("unread-read", lambda: open(w + "/unread").read())
say("mounted", lambda: ctypes.CDLL(None, use_errno=True).unshare(0x10020000) or (ctypes.CDLL(None, use_errno=True).mount((w + "/shut").encode(), (w + "/out").encode(), None, 4096, None) and (_ for _ in ()).throw(OSError(errno.EPERM, ""))))
say("through-mount", lambda: open(w + "/out/id").read())
PY
late_policy() { policy "read $base" "write $w" "noread $w/shut" "write $w/shut/open" "nowrite $w/ro" "write $w/ro/rw" "nowrite $w/late $w/far/a/b" "noread $w/unread"; }
late() {
	late_policy
	if [ "${SKEP_BY:-}" = ptrace ]; then
		exits 125 --policy "$tmp/p" -- true && complains "$w/shut is not there yet, or something in it is open: .*which --by=ptrace does without"
		return
	fi
	exits 0 --policy "$tmp/p" -- python3 "$w/in/late.py" "$w" && prints "$(printf '%s\n' 'read-shut EACCES' 'list-shut EACCES' 'read-open done' 'by-dots EACCES' 'by-root EACCES' 'by-fd EACCES' 'move-out EACCES' 'link-out EACCES' 'move-folder EACCES' \
		'write-ro EACCES' 'append-ro EACCES' 'truncate-ro EACCES' 'unlink-ro EACCES' 'write-rw done' 'into-ro EACCES' 'exchange EACCES' 'late-file EACCES' 'late-folder EACCES' 'late-link EACCES' 'late-moved EACCES' 'late-linked EACCES' \
		'far-folders done' 'far-file EACCES' 'far-away EACCES' 'far-back EACCES' 'far-link EACCES' 'unread-made done' 'unread-read EACCES' 'mounted EPERM' 'through-mount ENOENT')" &&
		[ "$(cat "$w/ro/a")" = old ] && [ ! -e "$w/late" ] && [ ! -e "$w/far/a/b" ] && [ "$(cat "$w/shut/id")" = shut ]
}
ok "what is open inside what is shut, and what is not there yet: by calls that the guard makes" late
late_told() {
	refused "read $w/shut/id: by noread $w/shut; python3" && refused "write $w/ro/a: by nowrite $w/ro" && refused "write $w/late: by nowrite $w/late" && refused "write $w/far/a/b: by nowrite $w/far/a/b" && refused "read $w/unread: by noread $w/unread"
}
[ "${SKEP_BY:-}" = ptrace ] || ok "... and each refusal is told" late_told
from_outside() { # what somebody else makes meanwhile
	policy "noread $w/made"
	rm -f "$w/made" "$w/go"
	(until [ -e "$w/go" ]; do sleep 0.02; done; echo keys >"$w/made.new"; mv "$w/made.new" "$w/made") &
	local maker=$!
	exits 0 --policy "$tmp/p" -- sh -c "touch '$w/go'; until [ -e '$w/made' ]; do sleep 0.02; done; cat '$w/made' '$w/in/a'; true"
	local got=$?
	touch "$w/go"
	wait $maker
	rm -f "$w/made" "$w/go"
	[ $got = 0 ] && prints inside && refused "read $w/made: by noread $w/made; cat" && complains 'files are opened by the tree.s guard'
}
[ "${SKEP_BY:-}" = ptrace ] || ok "noread of what is not there yet, and is made by somebody outside while the command runs" from_outside
late_races() { # folders and names change all the time
	late_policy
	rm -rf "$w/far" "$w/x" "$w/y"
	exits 0 -q --policy "$tmp/p" -- python3 - "$w" "${FLIP:-10}" <<'PY' && prints 'some 0'
import os, sys, threading, time
w, end = sys.argv[1], time.time() + float(sys.argv[2])
os.makedirs(w + "/a", exist_ok=True); os.makedirs(w + "/b", exist_ok=True)
open(w + "/a/id", "w").write("mine")
tries = hits = 0
def quiet(f, *a):
    try: return f(*a)
    except OSError: return None
def names():
    while time.time() < end:
        quiet(os.symlink, w + "/shut", w + "/way"); quiet(os.unlink, w + "/way"); quiet(os.symlink, w + "/a", w + "/way"); quiet(os.unlink, w + "/way")
def folders():
    while time.time() < end:
        quiet(os.rename, w + "/a", w + "/c"); quiet(os.rename, w + "/c", w + "/a"); quiet(os.mkdir, w + "/far"); quiet(os.rename, w + "/b", w + "/far/a"); quiet(os.rename, w + "/far", w + "/far2"); quiet(os.rename, w + "/far2", w + "/far")
for f in names, folders: threading.Thread(target=f).start()
while time.time() < end:
    tries += 1
    for path in (w + "/way/id", w + "/a/../shut/id"):
        try: hits += open(path).read() == "shut\n"
        except OSError: pass
    for path in (w + "/b/b", w + "/far/a/b", w + "/late"): quiet(lambda: open(path, "w").close())
    quiet(os.rename, w + "/b/b", w + "/late")
    hits += os.path.lexists(w + "/late") or os.path.lexists(w + "/far/a/b")
print("some" if tries > 50 else tries, hits)
PY
}
[ "${SKEP_BY:-}" = ptrace ] || ok "... not once while names and folders change" late_races
linked() {
	ln -sfn "$w/in" "$w/entry"
	exits 0 --write "$w/entry" -- sh -c "echo x >'$w/in/d' && echo written; echo x >'$w/out/d'" 2>/dev/null; prints written
}
ok "a rule's path may be a link: it is about what that leads to" linked
runs() {
	exits 0 --run "/usr,/bin,/lib,/lib64,$w/in" -- sh -c "'$w/in/tool' && echo in; '$w/out/tool' && echo out; true" && prints in && refused "run $w/out/tool: no rule allows it; sh" || return 1
	exits 126 --run "$w/in" -- true
}
ok "--run: nothing else is executed, the command itself neither" runs
memory() {
	exits 0 --run "/usr,/bin,/lib,/lib64" -- python3 -c "
import os
fd = os.memfd_create('x')
os.write(fd, open('/bin/true', 'rb').read())
pid = os.fork()
if not pid: os.execve(fd, ['x'], {})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))" && prints -9 && refused 'run /memfd:x \(deleted\): no rule allows it'
}
ok "... an executable in memory alone neither" memory
calls() {
	policy "call deny=ENOSYS bpf" "call kill ptrace" "call log getppid" "call deny symlink,symlinkat"
	exits 0 --policy "$tmp/p" -- python3 -c "
import ctypes, os, errno
c = ctypes.CDLL(None, use_errno=True)
print(c.syscall(321, 0, 0, 0), errno.errorcode[ctypes.get_errno()])
print(os.getppid() >= 0)
try: os.symlink('a', '$w/in/s')
except OSError as e: print(errno.errorcode[e.errno])
pid = os.fork()
if not pid: c.ptrace(0, 0, 0, 0); open('$w/in/alive', 'w'); os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))" && prints "$(printf -- '-1 ENOSYS\nTrue\nEPERM\n-9')" && [ ! -e "$w/in/alive" ] && [ ! -e "$w/in/s" ] &&
		refused 'system call bpf: by call deny=ENOSYS bpf; python3' && refused 'system call ptrace: by call kill ptrace; python3'
}
ok "system calls: denied with an errno, killed before they take effect, or told" calls
logged() { policy "call log kill"; exits 0 --policy "$tmp/p" --violation-exit 9 -- sh -c 'kill -0 $$' && complains 'logged by the guard' && complains '^  system call kill: by call log kill; sh' && ! complains 'refused by' >/dev/null; }
ok "... what is only told is no refusal" logged
json() {
	policy "call deny mkdir" "call log kill" "read /usr,/bin,/lib,/lib64,/etc,/proc" "allow example.org"
	exits 0 --json --policy "$tmp/p" -- sh -c "kill -0 \$\$; mkdir '$w/in/j'; cat '$w/out/a'; curl -sS -m 5 http://192.0.2.9:1/; true" || return 1
	python3 - "$tmp/err" "$w" <<'PY'
import json, sys
# The command's own complaints are on the same stream.
rows = [json.loads(l) for l in open(sys.argv[1]) if l.startswith("{")]
of = {(r["kind"], r["by"], r["access"]): r for r in rows if r["kind"] in ("refusal", "logged")}
assert set(of) == {("logged", "guard", "call"), ("refusal", "guard", "call"), ("refusal", "guard", "read"), ("refusal", "firewall", "connection")}, of
call, read, net = of[("refusal", "guard", "call")], of[("refusal", "guard", "read")], of[("refusal", "firewall", "connection")]
assert call["call"] == "mkdir" and call["why"] == "by call deny mkdir" and call["enforced"] and call["times"] == 1
assert read["path"] == sys.argv[2] + "/out/a" and read["why"] == "no rule allows it" and read["process"]["arguments"].startswith("cat ")
assert read["process"]["parents"][0]["arguments"].startswith("sh -c ")
assert (net["proto"], net["address"], net["port"]) == ("tcp", "192.0.2.9", 1) and net["process"]["binary"].endswith("curl")
assert not any("refused by" in l for l in open(sys.argv[1]))
PY
}
ok "--json: each refusal a line, of guard and firewall" json
violation() { exits 9 --write "$w/in" --violation-exit 9 -- sh -c "touch '$w/out/v' 2>/dev/null; true" && exits 0 --write "$w/in" --violation-exit 9 -- true; }
ok "--violation-exit says that something was refused" violation
audit() {
	exits 0 --write "$w/in" --audit -- sh -c "echo x >'$w/out/audited'" && [ -e "$w/out/audited" ] && complains 'would be refused by the guard' && complains "^  write $w/out/audited: no rule allows it" && rm "$w/out/audited"
}
ok "--audit refuses nothing, and tells what would be" audit
advise() {
	exits 0 guard --audit --advise -- sh -c "cat '$w/in/a' >'$w/out/advised'; '$w/in/tool'" && complains "^read $w/in\$" && complains "^write $w/out\$" && complains "^run $w/in\$" && complains '^run /usr$' || return 1
	sed -n '/that were used:/,$p' "$tmp/err" | grep -E '^(read|write|run) ' >"$tmp/advised"
	rm "$w/out/advised"
	exits 0 --policy "$tmp/advised" --violation-exit 9 -- sh -c "cat '$w/in/a' >'$w/out/advised'; '$w/in/tool'" && exits 9 --policy "$tmp/advised" --violation-exit 9 -- sh -c "cat '$w/secret/id' 2>/dev/null; true"
}
ok "--advise prints the paths that were used, and that is a policy" advise
with_firewall() {
	policy "allow host:$http" "write $w/in" "call deny ptrace"
	exits 0 --policy "$tmp/p" -- sh -c "cd '$w/in' && curl -sS http://host:$http/ -o page && cat page; curl -sS -m 5 http://192.0.2.9:1/ 2>/dev/null; echo x 2>/dev/null >'$w/out/z'; true" && prints hello &&
		complains 'refused by the policy' && refused "write $w/out/z"
}
ok "one file with the firewall's rules" with_firewall
together() { exits 0 watch --write "$w/in" --allow "host:$http" -- sh -c "cd '$w/in'; curl -sS http://host:$http/ -o page; echo x 2>/dev/null >'$w/out/z'; true" && complains 'watch.*processes' && refused "write $w/out/z"; }
ok "watch, guard and firewall in one run" together
printed() {
	policy "read /usr" "noread ~/.keys" "call kill bpf"
	"$skep" run --policy "$tmp/p" --print-policy >"$tmp/out" 2>"$tmp/err" && prints "$(printf 'read /usr\nnoread %s/.keys\ncall kill bpf' "$HOME")"
}
ok "--print-policy prints it back" printed
bad() {
	policy "raed /usr"
	exits 2 --policy "$tmp/p" -- true && complains "unknown key 'raed'; did you mean 'read'" || return 1
	policy "call kill frobnicate"
	exits 2 --policy "$tmp/p" -- true && complains "there is no system call 'frobnicate'" || return 1
	policy "noread /" "read $w/in"
	exits 125 --policy "$tmp/p" -- true && complains "noread / closes everything: leave it out"
}
ok "what is wrong, or cannot be held to, is said before anything runs" bad
# The test's folder lies below /tmp, which a build may write: so of the profile only a copy with another place.
profile_copy() {
	cd "$w/in" || return 1
	"$skep" run --profile build --print-policy | grep -v '^write /tmp$\|^write /var/tmp$\|^run /tmp$' >"$tmp/p"
	exits 0 --policy "$tmp/p" -- sh -c "echo x >own && cat own; touch '$w/out/p' 2>/dev/null || echo closed; cat ~/.keys/id 2>/dev/null || echo unread; python3 -c 'print(1)'" && prints "$(printf 'x\nclosed\nunread\n1')"
	local got=$?
	cd /
	return $got
}
ok "the profile for a build: this folder, and no keys" profile_copy
if cc -o "$tmp/hello.x" -xc - <<<'int main(void) { return 0; }' 2>/dev/null; then
	builds() {
		mkdir -p "$w/in/src" && printf 'int f(void) { return 1; }\n' >"$w/in/src/f.c" && printf 'lib.a: src/f.o\n\tar rc lib.a src/f.o\nsrc/f.o: src/f.c\n\tcc -c -o $@ $<\n' >"$w/in/Makefile"
		cd "$w/in" || return 1
		TMPDIR=$w/in exits 0 --policy "$tmp/p" --violation-exit 9 -- make -s && [ -s lib.a ]
		local got=$?
		cd /
		return $got
	}
	command -v make >/dev/null && ok "... and a build works in it" builds
fi
tap_end
