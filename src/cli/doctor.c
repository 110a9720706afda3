/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep doctor: what this machine allows. Each fact is tried, not guessed: a child makes the namespaces, mounts the /proc, opens the device. What
 * is missing is named with what needs it and what would help.
 */
#include "base/util.h"
#include "cli/cli.h"
#include "hook/calls/calls.h"
#include "hook/net/confine.h"
#include "hook/task/by.h"
#include "hook/tree/bare.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static const char help[] = "usage: skep doctor [--json]\n"
			   "\n"
			   "Tries what skep wants of this machine, and says what is missing, what needs it, and what "
			   "would help. Nothing is\n"
			   "changed. Exit code: 0 when all that 'skep run' cannot do without is there, else 1.\n"
			   "\n"
			   "examples:\n"
			   "  skep doctor\n"
			   "  skep doctor --json\n";

enum state {
	STATE_OK,
	STATE_LESS /* something works in another way, or not at all */,
	STATE_MISSING /* 'skep run' does not work */
};

enum { TEXT = 320 };

struct finding {
	enum state state;
	char what[TEXT]; /* what was seen */
	char remedy[TEXT]; /* what would help; "" */
};

static void say(char to[TEXT], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(char to[TEXT], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(to, TEXT, fmt, args);
	va_end(args);
}

/* Runs a probe in a child, which may change what it likes. Return: 0 or the errno that it ended with. */
static int in_child(int (*probe)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (!pid)
		_exit(probe());
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

static int write_file(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
}

/* A user namespace in which this user is itself, and others with it. Return: 0 or an errno. */
static int enter(int flags)
{
	unsigned int uid = geteuid(), gid = getegid();
	char text[64];
	int err;

	if (unshare(CLONE_NEWUSER | flags))
		return errno;
	write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	err = write_file("/proc/self/uid_map", text);
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	return err ? err : write_file("/proc/self/gid_map", text);
}

static int probe_namespaces(void)
{
	return enter(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID);
}

/* The first process of a new PID namespace mounts its /proc. */
static int mount_proc(void)
{
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ? errno : 0;
}

static int probe_proc(void)
{
	int err = enter(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);

	if (!err && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err = errno;
	return err ? err : in_child(mount_proc);
}

static int probe_packet(void)
{
	int err = enter(CLONE_NEWNET);

	if (err)
		return err;
	AUTO_CLOSE int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : 0;
}

static int probe_ping(void)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

	return fd < 0 ? errno : 0;
}

static int probe_exec_memory(void)
{
	AUTO_CLOSE int fd = memfd_create("skep-doctor", MFD_CLOEXEC);
	long page = sysconf(_SC_PAGESIZE);
	void *p;

	if (fd < 0 || ftruncate(fd, page))
		return errno;
	p = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED || mprotect(p, (size_t)page, PROT_READ | PROT_EXEC) ? errno : 0;
}

static void check_namespaces(struct finding *f)
{
	int err = in_child(probe_namespaces);

	say(f->what, err ? "cannot be made: %s" : "can be made", strerror(err));
	if (!err)
		return;
	f->state = STATE_MISSING;
	if (!access("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", F_OK))
		say(f->remedy, "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
	else if (!access("/proc/sys/kernel/unprivileged_userns_clone", F_OK))
		say(f->remedy, "as root: sysctl -w kernel.unprivileged_userns_clone=1");
	else if (err == ENOSPC)
		say(f->remedy, "as root: sysctl -w user.max_user_namespaces=10000");
	else
		say(f->remedy, "in a container: its seccomp profile must allow unshare and clone with namespaces "
			       "(docker run --security-opt seccomp=unconfined); or do without: skep run --net=calls");
}

static void check_proc(struct finding *f)
{
	int err = in_child(probe_proc);

	say(f->what, err ? "cannot be mounted: %s" : "can be mounted", strerror(err));
	if (err) {
		f->state = STATE_MISSING;
		say(f->remedy, "in a container: its /proc must not be masked (docker run --security-opt "
			       "systempaths=unconfined)");
	}
}

static void check_tun(struct finding *f)
{
	AUTO_CLOSE int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		say(f->what, "/dev/net/tun is open to this user");
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "/dev/net/tun: %s; a veth pair is used instead", strerror(errno));
	say(f->remedy, "as root: modprobe tun; chmod 0666 /dev/net/tun");
}

static void check_packet(struct finding *f)
{
	int err = in_child(probe_packet);

	say(f->what, err ? "cannot be made: %s" : "can be made in a namespace", strerror(err));
	if (err) {
		f->state = access("/dev/net/tun", R_OK | W_OK) ? STATE_MISSING : STATE_LESS;
		say(f->remedy, "a kernel with CONFIG_PACKET, or a /dev/net/tun that is open to this user");
	}
}

static void check_slirp(struct finding *f)
{
	void *lib = dlopen("libslirp.so.0", RTLD_NOW | RTLD_LOCAL);
	const char *(*version)(void) = lib ? (const char *(*)(void))dlsym(lib, "slirp_version_string") : NULL;

	if (lib) {
		say(f->what, "libslirp %s", version ? version() : "of an unknown version");
		return;
	}
	f->state = STATE_MISSING;
	say(f->what, "libslirp.so.0 is not there");
	say(f->remedy, "as root: apt install libslirp0 (Debian, Ubuntu); dnf install libslirp (Fedora)");
}

static void check_seccomp(struct finding *f)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	if (!syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action)) {
		say(f->what, "filters can be loaded");
		return;
	}
	f->state = STATE_MISSING;
	say(f->what, "filters cannot be loaded: %s", strerror(errno));
	say(f->remedy, "a kernel with CONFIG_SECCOMP_FILTER");
}

/* What the guard of a tree's sockets lives on (hook/tree/guard.h). */
static void check_guard(struct finding *f)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	char scope = '0';
	AUTO_CLOSE int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &scope, 1) != 1)
		scope = '0';
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ||
	    (syscall(SYS_pidfd_getfd, -1, -1, 0) && errno != EBADF)) {
		f->state = STATE_MISSING;
		say(f->what, "no seccomp notifications, or no pidfd_getfd(2)");
		say(f->remedy, "Linux 5.6 or newer; in a container: a seccomp profile that allows pidfd_getfd");
	} else if (scope == '3') {
		f->state = STATE_MISSING;
		say(f->what, "kernel.yama.ptrace_scope is 3: nobody may take a file of another process");
		say(f->remedy, "kernel.yama.ptrace_scope=2 in /etc/sysctl.d, and a reboot: 3 cannot be taken back");
	} else {
		say(f->what, "seccomp notifications and pidfd_getfd(2) are there");
	}
}

/* How system calls come to skep: one of the two. */
static void check_notify(struct finding *f)
{
	int err = by_notify();

	say(f->what, err ? "no listener can be had: %s%s" : "a listener for them can be had", strerror(-err),
	    err == -EBUSY ? ": a container's supervisor, or a run of skep's, above has the one that there can be" : "");
	if (!err)
		return;
	f->state = STATE_LESS;
	say(f->remedy, by_ptrace() ? "Linux 5.0 or newer; in a container: a seccomp profile that allows listeners"
				   : "do without: skep run --by=ptrace");
}

static void check_ptrace(struct finding *f)
{
	int err = by_ptrace();

	if (!err) {
		say(f->what, "calls stop for a tracer%s",
		    by_notify() ? ": skep run --by=ptrace" : "; notifications cost less, where they are to be had");
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "calls do not stop for a tracer: %s", strerror(-err));
	say(f->remedy, "Linux 5.3 or newer, kernel.yama.ptrace_scope of 0 or 1, no debugger above; in a container: "
		       "docker run --cap-add SYS_PTRACE");
}

/* What a run without namespaces lives on. */
static void check_calls(struct finding *f)
{
	char why[CALLS_WHY] = "";

	if (!calls_check(why) && !bare_check(why, sizeof(why))) {
		say(f->what, "runs without namespaces are possible");
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "%.300s", why);
}

static void check_landlock(struct finding *f)
{
	int abi = confine_landlock();

	if (abi) {
		say(f->what, "version %d of its interface", abi);
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "not there; the network's thread has seccomp alone, and could read files");
	say(f->remedy, "Linux 5.13 or newer with 'landlock' in the boot parameter lsm=");
}

static void check_diag(struct finding *f)
{
	AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd >= 0) {
		say(f->what, "there");
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "%s; frames are not attributed to processes", strerror(errno));
	say(f->remedy, "as root: modprobe inet_diag tcp_diag udp_diag");
}

static void check_ping(struct finding *f)
{
	int err = in_child(probe_ping);

	if (!err) {
		say(f->what, "this user's groups may");
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "%s; ping reaches the gateway only", strerror(err));
	say(f->remedy, "as root: sysctl -w net.ipv4.ping_group_range='0 2147483647'");
}

static void check_ipv6(struct finding *f)
{
	if (!access("/proc/net/if_inet6", F_OK)) {
		say(f->what, "this kernel has it");
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "this kernel has none; trees have IPv4 only");
}

static void check_jit(struct finding *f)
{
	int err = in_child(probe_exec_memory);

#ifndef __x86_64__
	say(f->what, "skep has no JIT for this processor; programs are interpreted");
	f->state = STATE_LESS;
	return;
#endif
	say(f->what,
	    err ? "memory cannot be made executable: %s; programs are interpreted" : "memory can be made executable",
	    strerror(err));
	if (err) {
		f->state = STATE_LESS;
		say(f->remedy, "the security module or seccomp profile must allow mprotect with PROT_EXEC");
	}
}

static void check_resolver(struct finding *f)
{
	if (!access("/etc/resolv.conf", R_OK)) {
		say(f->what, "/etc/resolv.conf can be read");
		return;
	}
	f->state = STATE_LESS;
	say(f->what, "/etc/resolv.conf: %s; commands find no name server of the tree's", strerror(errno));
	say(f->remedy, "make the file, as root, with a line 'nameserver ADDRESS', and --dns for another server");
}

static const struct check {
	const char *name, *needed_by;
	void (*look)(struct finding *f);
} checks[] = {
	{"namespaces", "skep run", check_namespaces},
	{"own /proc", "skep run", check_proc},
	{"libslirp", "skep run: the network stack", check_slirp},
	{"seccomp", "skep run: the filter of the tree", check_seccomp},
	{"guard", "skep run: Unix sockets of the tree's own, and no others", check_guard},
	{"notifications", "skep run: programs on system calls, the guard, --net=calls", check_notify},
	{"ptrace", "skep run: ends of calls, forks, execs and exits; all calls with --by=ptrace", check_ptrace},
	{"net=calls", "skep run --net=calls: where namespaces cannot be made", check_calls},
	{"landlock", "skep run: the network's thread", check_landlock},
	{"tap", "skep run: the tree's interface", check_tun},
	{"packet sockets", "skep run: the tree's interface without a TAP device", check_packet},
	{"sock_diag", "skep run: whose a socket is", check_diag},
	{"ping", "skep run: ICMP echo to the outside", check_ping},
	{"ipv6", "skep run", check_ipv6},
	{"resolver", "skep run: DNS", check_resolver},
	{"jit", "all that runs programs", check_jit},
};

static void print_text(const struct check *c, const struct finding *f)
{
	static const struct {
		const char *word;
		enum paint paint;
	} states[] = {[STATE_OK] = {"ok", PAINT_GREEN},
		      [STATE_LESS] = {"less", PAINT_YELLOW},
		      [STATE_MISSING] = {"missing", PAINT_RED}};

	printf("%s%-8s%s %-15s %s\n", paint(stdout, states[f->state].paint), states[f->state].word,
	       paint(stdout, PAINT_OFF), c->name, f->what);
	if (f->state != STATE_OK)
		printf("%-24s needed by %s\n", "", c->needed_by);
	if (*f->remedy)
		printf("%-24s %s\n", "", f->remedy);
}

static void print_finding_json(const struct check *c, const struct finding *f)
{
	static const char *const states[] = {"ok", "less", "missing"};
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "check", json_object_new_string(c->name));
	json_object_object_add(o, "state", json_object_new_string(states[f->state]));
	json_object_object_add(o, "found", json_object_new_string(f->what));
	json_object_object_add(o, "needed_by", json_object_new_string(c->needed_by));
	json_object_object_add(o, "remedy", *f->remedy ? json_object_new_string(f->remedy) : NULL);
	print_json(o);
}

/* What works in place of what does not. Return: false: nothing. */
static bool print_way(enum state worst)
{
	char why[CALLS_WHY];
	bool bare = worst == STATE_MISSING, by = by_notify() != 0;

	if ((!bare && !by) || (bare && (calls_check(why) || bare_check(why, sizeof(why)))) || (by && by_ptrace()))
		return false;
	printf("Here 'skep run%s%s' works.\n", bare ? " --net=calls" : "", by ? " --by=ptrace" : "");
	return true;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	enum state worst = STATE_OK;
	struct utsname u;
	bool json = false;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--json"))
			json = true;
		else
			return misuse(verb, "doctor takes no argument but --json, not '%s'", argv[i]);
	if (!json && !uname(&u))
		printf("%s %s, %s, user %u\n\n", u.sysname, u.release, u.machine, (unsigned int)geteuid());
	fflush(stdout); /* children must not write it once more */
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding f = {STATE_OK, "", ""};

		checks[i].look(&f);
		worst = MAX(worst, f.state);
		(json ? print_finding_json : print_text)(&checks[i], &f);
		fflush(stdout);
	}
	if (!json)
		printf("\n");
	if (!json && !print_way(worst))
		printf("%s\n", worst == STATE_MISSING ? "'skep run' does not work here; everything else does."
			       : worst == STATE_LESS  ? "'skep run' works here, with less where it says so."
						      : "Everything works here.");
	return worst == STATE_MISSING ? EXIT_FAILED : EXIT_OK;
}

const struct verb verb_doctor = {
	.name = "doctor", .about = "what this machine allows, and what would help", .help = help, .run = run};
