/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PID 1 of a tree. It came by clone(2) out of a process that may have threads: until it ends it does nothing that could want a lock
 * one of them held, so it takes no memory from the heap but where libc's own folders and libseccomp do, before which skep has no threads.
 */
#include "hook/tree/init.h"

#include "base/fds.h"
#include "base/util.h"
#include "hook/tree/bare.h"
#include "hook/tree/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void give_up(int ctl, int err, const char *why) __attribute__((noreturn));
static void give_up(int ctl, int err, const char *why)
{
	struct note n = {.kind = NOTE_FAILED, .value = err};

	snprintf(n.why, sizeof(n.why), "%s", why);
	note_send(ctl, &n, NULL, 0);
	_exit(1);
}

/* Waits for one word; when skep is gone there is nothing to go on for. */
static void await(int ctl, enum note_kind want, struct note *n, int *fds, uint32_t n_fds)
{
	if (note_receive(ctl, n, fds, n_fds) || n->kind != want)
		_exit(1);
}

/* Files of its own: the resolver is the tree's DNS, `host` is the machine outside. */
static int own_files(char *why)
{
	static const char resolver[] = "# The DNS of a tree that skep runs.\nnameserver " PORT_DNS4
				       "\nnameserver " PORT_DNS6 "\noptions timeout:5 attempts:2\n";
	int err = ways_out_file("/etc/resolv.conf", resolver);

	if (err && err != -ENOENT)
		snprintf(why, TREE_WHY, "/etc/resolv.conf of the tree: %s", strerror(-err));
	return err == -ENOENT ? 0 : err;
}

static int own_proc(char *why)
{
	if (!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return 0;
	int err = -errno;

	snprintf(why, TREE_WHY, "the tree's /proc cannot be mounted: %s%s", strerror(-err),
		 err == -EPERM ? "; in a container whose /proc is masked the kernel forbids it "
				 "(docker run --security-opt systempaths=unconfined shows it whole)"
			       : "");
	return err;
}

/* ping needs no privileges for ICMP sockets of the groups in this range (man 7 icmp). */
static void allow_ping(void)
{
	AUTO_CLOSE int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
	char text[64];
	int n = snprintf(text, sizeof(text), "%u %u", (unsigned int)getegid(), (unsigned int)getegid());
	ssize_t done = fd < 0 ? 0 : write(fd, text, (size_t)n);

	(void)done; /* then ping says so itself */
}

/* Without namespaces there is nothing to be set up but what skep looks at the tree with. */
static void set_up_bare(int ctl)
{
	struct note ready = {.kind = NOTE_READY, .value = BARE_IFINDEX};
	int fds[2];

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	fds[0] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	fds[1] = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fds[0] < 0 || fds[1] < 0)
		give_up(ctl, -errno, "the tree's sockets cannot be looked at");
	if (note_send(ctl, &ready, fds, ARRAY_SIZE(fds)))
		_exit(1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void set_up(const struct tree_opts *opts, const struct ways_out *ways, int ctl)
{
	struct note ready = {.kind = NOTE_READY};
	struct port port = {.fd = -1};
	char why[TREE_WHY] = "";
	int fds[NOTE_FDS], err;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		give_up(ctl, -errno, "the tree's mounts cannot be made its own");
	err = port_make(&port, opts->mtu, opts->no_tap, why, sizeof(why));
	if (!err)
		err = ways_out_cover(ways, why, sizeof(why));
	if (!err)
		err = files_cover(&opts->files, why, sizeof(why));
	if (!err)
		err = own_files(why);
	if (!err)
		err = own_proc(why);
	if (err)
		give_up(ctl, err, why);
	allow_ping();
	ready.value = (int)port.ifindex;
	fds[0] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	fds[1] = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fds[2] = port.fd;
	if (fds[0] < 0 || fds[1] < 0)
		give_up(ctl, -errno, "the tree's sockets cannot be looked at");
	if (note_send(ctl, &ready, fds, NOTE_FDS))
		_exit(1);
	for (int i = 0; i < NOTE_FDS; i++)
		close(fds[i]);
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Of the fds that came from outside the command gets 0, 1, 2 and those that were asked for. */
static void close_others(const struct tree_opts *opts)
{
	int keep[TREE_FDS], n = (int)MIN(opts->n_keep_fds, (uint32_t)TREE_FDS);
	unsigned int from = 3;

	if (n)
		memcpy(keep, opts->keep_fds, (size_t)n * sizeof(*keep));
	qsort(keep, (size_t)n, sizeof(*keep), by_value);
	for (int i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			fds_close(from, (unsigned int)keep[i] - 1, true);
		from = (unsigned int)keep[i] + 1;
	}
	fds_close(from, UINT32_MAX, true);
}

/* The command's own process, up to its execution. @said: what goes wrong, as two words: a negative errno and which step. */
enum step {
	STEP_NAMESPACE,
	STEP_FILTER,
	STEP_SEE,
	STEP_UNSEEN,
	STEP_FOLDER,
	STEP_FD,
	STEP_FILES,
	STEP_BARE,
	STEP_WATCH,
	STEP_EXEC
};
struct failure {
	int err;
	enum step step;
	char why[WATCH_WHY]; /* STEP_WATCH */
};

/* Could an open file send to any Unix socket by its name? That is what datagram sockets can. */
static bool sends_anywhere(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_DGRAM;
}

/* Without namespaces: could it be connected to anybody, or listen at any address? One that is connected, or listens, is the caller's choice. */
static bool leads_anywhere(int fd)
{
	int domain = 0, type = 0;
	struct tcp_info info;
	socklen_t len = sizeof(int), info_len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) || (domain != AF_INET && domain != AF_INET6) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return false;
	return type != SOCK_STREAM || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_len) ||
	       info.tcpi_state == TCP_CLOSE;
}

static int check_fds(const struct tree_opts *opts)
{
	for (uint32_t i = 0; i < 3 + opts->n_keep_fds; i++) {
		int fd = i < 3 ? (int)i : opts->keep_fds[i - 3];

		if (sends_anywhere(fd))
			return -EPROTOTYPE;
		if (opts->bare && leads_anywhere(fd))
			return -ENOTCONN;
	}
	return 0;
}

/* A number that the next new fd will have. */
static int next_fd(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	close(fd);
	return fd;
}

/* Waits until skep has said that this process may go on. */
static int hear_skep(const struct tree_watch *w, char why[WATCH_WHY])
{
	struct watch_answer a;
	ssize_t n;

	do
		n = recv(w->hello, &a, sizeof(a), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(a))
		return n < 0 ? -errno : -EPIPE;
	memcpy(why, a.why, WATCH_WHY);
	return a.err;
}

/*
 * Without a guard, and where nobody may take a file of another process, the listener has to be sent. Not by this process, whose calls may wait for who has the
 * listener: a child with the same open files does it, as soon as it is there, and is not under the filter.
 * @number: that the listener will have
 * Return: the child's pid, or a negative errno.
 */
static pid_t start_sender(const struct tree_watch *w, int number)
{
	const uint64_t none = 0;
	const struct note bearer = {.kind = NOTE_GO};
	pid_t parent = getpid(), pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid)
		return pid < 0 ? -errno : pid;
	while (!ioctl(number, SECCOMP_IOCTL_NOTIF_ID_VALID, &none) || errno != ENOENT) {
		if (getppid() != parent)
			_exit(1);
		usleep(20);
	}
	_exit(note_send(w->hello, &bearer, &number, 1) != 0);
}

/*
 * Where calls come by ptrace: do they? A listener of somebody's above has them first, and then nothing is decided here. Those that are made for the task are tried, each
 * in a way that does nothing. Return: 0; -EBUSY.
 */
static int try_calls(const struct tree_watch *w)
{
	static const struct {
		int16_t nr;
		bool bare; /* only without namespaces */
		long first;
	} calls[] = {{SYS_connect, false, -1}, {SYS_bind, false, -1},   {SYS_socket, true, AF_INET},
		     {SYS_sendto, true, -1},   {SYS_sendmsg, true, -1}, {SYS_sendmmsg, true, -1}};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if ((w->bare || !calls[i].bare) &&
		    syscall(calls[i].nr, calls[i].first, 0, 0, 0, 1, WATCH_PROBE) != WATCH_SEEN)
			return -EBUSY;
	return 0;
}

/* From here to the exec only what must be: skep may see each call. */
static void load_filter(const struct tree_watch *w, int guard, struct failure *f)
{
	struct watch_hello hello = {.listener = w->to_skep ? next_fd() : -1};
	int listener = -1;
	pid_t sender = 0;

	f->step = STEP_FILTER;
	/* Before the filters: they may refuse such a child. */
	if (w->bare && w->to_skep) {
		sender = start_sender(w, hello.listener);
		f->err = sender < 0 ? sender : 0;
	}
	f->err = f->err ? f->err : ways_out_refuse(w);
	if (!f->err && w->hello >= 0) {
		f->step = STEP_WATCH;
		f->err = send(w->hello, &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello) ? hear_skep(w, f->why)
											      : -errno;
	}
	if (f->err)
		return;
	f->step = STEP_SEE;
	f->err = ways_out_see(w, &listener);
	if (!f->err && w->by_trace) {
		f->step = STEP_UNSEEN;
		f->err = try_calls(w);
	}
	if (f->err)
		return;
	if (w->to_skep) {
		f->step = STEP_WATCH;
		f->err = hear_skep(w, f->why);
		/* The command is to have no child that it did not make. */
		while (sender && waitpid(sender, NULL, 0) < 0 && errno == EINTR)
			;
	} else if (listener >= 0) {
		f->err = guard_hand_over(guard, listener);
	}
}

/* skep hears that it is the command from here on (hook/task/engine.c). Return: -1 */
static int become(const struct tree_watch *w, const char *name, char *const *argv)
{
	const struct watch_hello last = {.listener = -1};

	if (w->hello >= 0)
		send(w->hello, &last, sizeof(last), MSG_NOSIGNAL);
	return execvp(name, argv);
}

/*
 * execvp(3), but that only what may be executed is tried: each try is a call that may be watched, and refused, and told of as the command's.
 * Return: a negative errno.
 */
static int execute(const struct tree_watch *w, char *const *argv)
{
	const char *path = getenv("PATH");
	int err = ENOENT;

	if (strchr(argv[0], '/')) {
		become(w, argv[0], argv);
		return -errno;
	}
	if (!path)
		path = "/usr/local/bin:/bin:/usr/bin";
	for (;;) {
		size_t n = strcspn(path, ":");
		char name[PATH_MAX];
		int len = snprintf(name, sizeof(name), "%.*s/%s", n ? (int)n : 1, n ? path : ".", argv[0]);

		if (len < (int)sizeof(name)) {
			if (!faccessat(AT_FDCWD, name, X_OK, AT_EACCESS))
				become(w, name, argv);
			if (errno != ENOENT && errno != ENOTDIR)
				err = errno;
		}
		if (!path[n] || (err != ENOENT && err != EACCES))
			return -err;
		path += n + 1;
	}
}

static void be_command(const struct tree_opts *opts, const struct tree_watch *w, const char *cwd, int mapped, int said,
		       int guard) __attribute__((noreturn));
static void be_command(const struct tree_opts *opts, const struct tree_watch *w, const char *cwd, int mapped, int said,
		       int guard)
{
	struct failure f = {0};
	char byte;

	/* Whoever ends init ends the command with it. */
	if (opts->bare)
		f.err = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ? -errno : 0;
	else
		f.err = unshare(CLONE_NEWUSER | CLONE_NEWNS) ? -errno : 0;
	/* That it is there, and then that its users are mapped. */
	if (!f.err && (write(said, &f, sizeof(f)) != sizeof(f) || read(mapped, &byte, 1) != 1))
		_exit(127);
	if (!f.err) {
		f.step = STEP_FOLDER;
		f.err = chdir(cwd) ? -errno : 0;
	}
	if (!f.err) {
		f.step = STEP_FD;
		f.err = check_fds(opts);
	}
	if (!f.err && opts->files.closed) {
		f.step = STEP_FILES;
		f.err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : files_restrict(&opts->files, false);
	}
	if (!f.err && opts->bare) {
		f.step = STEP_BARE;
		f.err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : bare_confine();
		/* Init, which it comes from, hides: this one is for skep to look at. */
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	}
	if (!f.err) {
		close_others(opts);
		load_filter(w, guard, &f);
	}
	if (!f.err) {
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig, sigismember(&opts->ignored, sig) == 1 ? SIG_IGN : SIG_DFL);
		sigprocmask(SIG_SETMASK, &opts->mask, NULL);
		f = (struct failure){.err = execute(w, opts->argv), .step = STEP_EXEC};
	}
	byte = write(said, &f, sizeof(f)) == sizeof(f);
	_exit(127);
}

static void report_failure(const struct tree_opts *opts, const char *cwd, int ctl, const struct failure *f)
{
	struct note n = {.kind = NOTE_FAILED, .value = f->err};
	const char *text = strerror(-f->err);

	switch (f->step) {
	case STEP_NAMESPACE:
		snprintf(n.why, sizeof(n.why), "the command's namespaces cannot be made: %s", text);
		break;
	case STEP_FILTER:
		snprintf(n.why, sizeof(n.why), "the seccomp filter cannot be loaded: %s", text);
		break;
	case STEP_SEE:
		snprintf(n.why, sizeof(n.why), "the seccomp filter cannot be loaded: %s%s", text,
			 f->err == -EBUSY
				 ? ": another run or a container's supervisor above has the one listener that a "
				   "process tree can have; unless it is a run, --by=ptrace does without"
				 : ": a listener for its notifications is refused (a container's profile?); "
				   "--by=ptrace does without");
		break;
	case STEP_UNSEEN:
		snprintf(n.why, sizeof(n.why),
			 "another run or a container's supervisor above has the tree's socket calls (a seccomp "
			 "listener): "
			 "they do not come to skep, and nothing could be decided on them");
		break;
	case STEP_WATCH:
		snprintf(n.why, sizeof(n.why), "the command cannot be watched: %.400s", *f->why ? f->why : text);
		break;
	case STEP_FOLDER:
		snprintf(n.why, sizeof(n.why), "%.200s: %s; in a tree /run has no folders with sockets in them", cwd,
			 text);
		break;
	case STEP_FD:
		snprintf(n.why, sizeof(n.why), "stdin, stdout, stderr or a file of --keep-fd is a %s",
			 f->err == -ENOTCONN ? "socket of IP that is not connected, which could be led anywhere"
					     : "Unix datagram socket, which could send to any other one");
		break;
	case STEP_FILES:
		snprintf(n.why, sizeof(n.why), "files cannot be closed to the command (Landlock): %s", text);
		break;
	case STEP_BARE:
		snprintf(n.why, sizeof(n.why), "the command cannot be kept from other processes (Landlock): %s", text);
		break;
	case STEP_EXEC:
		snprintf(n.why, sizeof(n.why), "%.300s: %s", opts->argv[0], text);
		break;
	}
	note_send(ctl, &n, NULL, 0);
	_exit(1);
}

/* The first process after this one. Return: a socket to it. */
static int start_guard(const struct tree_opts *opts, const struct tree_watch *w, struct guard_notes *notes)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid) {
		close(pair[0]);
		bool handed = w->to_skep || w->by_trace;

		guard_main(handed ? w->guard : pair[1], handed, opts->sockets, opts->n_sockets, &opts->files, notes);
	}
	close(pair[1]);
	if (pid != GUARD_PID) {
		close(pair[0]);
		return -EAGAIN;
	}
	return pair[0];
}

/* Starts the command. Return: its pid; does not return when it cannot be started. */
static pid_t start(const struct tree_opts *opts, const struct tree_watch *w, int ctl, struct guard_notes *notes)
{
	struct note started = {.kind = NOTE_STARTED};
	int said[2], mapped[2], pidfd, err;
	char cwd[PATH_MAX];
	struct failure f;
	pid_t pid;
	int guard;

	/* The guard acts for the command: it is to have no more files than that. This process has the same, with /proc to do its work in. */
	if (opts->files.closed) {
		err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : files_restrict(&opts->files, true);
		if (err)
			give_up(ctl, err, "files cannot be closed to the tree (Landlock)");
	}
	/* Without namespaces skep itself makes the calls that are the guard's (hook/calls/calls.h). */
	guard = opts->bare ? open("/dev/null", O_RDWR | O_CLOEXEC) : start_guard(opts, w, notes);
	if (guard < 0)
		give_up(ctl, guard, "the guard of the tree's sockets cannot be started");
	if (!getcwd(cwd, sizeof(cwd)))
		give_up(ctl, -errno, "the working directory cannot be found in the tree");
	if (pipe2(said, O_CLOEXEC) || pipe2(mapped, O_CLOEXEC))
		give_up(ctl, -errno, "a pipe cannot be made");
	pid = fork();
	if (pid < 0)
		give_up(ctl, -errno, "the command's process cannot be made");
	if (!pid) {
		close(said[0]);
		close(mapped[1]);
		be_command(opts, w, cwd, mapped[0], said[1], guard);
	}
	close(guard);
	if (w->hello >= 0)
		close(w->hello);
	if (w->guard >= 0)
		close(w->guard);
	close(said[1]);
	close(mapped[0]);
	if (read(said[0], &f, sizeof(f)) != sizeof(f))
		f = (struct failure){.err = -ECHILD};
	if (f.err)
		report_failure(opts, cwd, ctl, &f);
	err = opts->bare ? 0 : tree_map_users(pid);
	if (err)
		report_failure(opts, cwd, ctl, &(struct failure){.err = err});
	/* From here on nobody of the tree may look into this process or take it over. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 || write(mapped[1], "", 1) != 1)
		give_up(ctl, -errno, "the command's process cannot be watched");
	/* Its end of the pipe closes as it is executed. */
	if (read(said[0], &f, sizeof(f)) == sizeof(f))
		report_failure(opts, cwd, ctl, &f);
	close(said[0]);
	close(mapped[1]);
	if (note_send(ctl, &started, &pidfd, 1))
		_exit(1);
	close(pidfd);
	return pid;
}

/*
 * Without namespaces there is no PID namespace whose processes the kernel would kill with this one. So when skep is gone, whose end of the socket is closed then, it ends
 * them first, and then itself. (A signal at the parent's death comes too early: when one of skep's threads has ended, and the others still hold the socket.)
 */
static pid_t await_child(int ctl, int *status)
{
	struct pollfd skep = {.fd = ctl};
	sigset_t all_heard;
	pid_t pid;

	sigemptyset(&all_heard);
	while (!(pid = waitpid(-1, status, WNOHANG)))
		if (ppoll(&skep, 1, NULL, &all_heard) == 1) {
			bare_sweep(true);
			_exit(1);
		}
	return pid;
}

static void child_ended(int sig)
{
	(void)sig;
}

/* The end of a child interrupts ppoll(2) in await_child(), and nothing else. */
static void hear_of_the_end(void)
{
	const struct sigaction interrupts = {.sa_handler = child_ended};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sigaction(SIGCHLD, &interrupts, NULL);
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

/* Waits for the command, and for orphans that come to PID 1 meanwhile. @ctl: -1: with namespaces. Return: the command's wait status. */
static int reap(pid_t command, int ctl)
{
	for (;;) {
		int status;
		pid_t pid = ctl < 0 ? waitpid(-1, &status, 0) : await_child(ctl, &status);

		if (pid == command)
			return status;
		if (pid < 0 && errno == ECHILD)
			return SIGKILL;
	}
}

void init_main(const struct tree_opts *opts, const struct ways_out *ways, int ctl, struct guard_notes *notes)
{
	struct note ended = {.kind = NOTE_ENDED}, word;
	int fds[2] = {-1, -1};
	sigset_t none;
	pid_t command;

	/* The kernel ends the tree when skep's thread ends that made it. Should it have ended before this line, the first word does not come. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "skep-init", 0, 0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	await(ctl, NOTE_MAPPED, &word, NULL, 0);
	if (opts->bare)
		set_up_bare(ctl);
	else
		set_up(opts, ways, ctl);
	await(ctl, NOTE_GO, &word, fds, ARRAY_SIZE(fds));
	word.watch.hello = fds[0];
	word.watch.guard = fds[1];
	command = start(opts, &word.watch, ctl, notes);
	if (opts->bare)
		hear_of_the_end();
	ended.value = reap(command, opts->bare ? ctl : -1);
	/* With a PID namespace the kernel kills who is left. */
	if (opts->bare)
		bare_sweep(true);
	note_send(ctl, &ended, NULL, 0);
	_exit(0);
}
