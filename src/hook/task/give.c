/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file for a tracee, in answer to its call: where there is no listener (SECCOMP_IOCTL_NOTIF_ADDFD), the tracee takes it itself, by calls that are put into its mouth in
 * place of the one that it made:
 *
 *   a page of its own (mmap), a Unix socket with a name of the kernel's choice (socket, bind, listen); skep connects to it and sends the file; the tracee takes it
 *   (accept4, recvmsg), closes the two sockets, moves the file to the lowest number that is free (fcntl), as its own call would have had it, and gives the page back.
 *
 * The first takes the place of the call at whose begin the tracee stands; for the others it is sent back to the instruction (two bytes, in each of the three
 * ways to make a call). Then it has its registers again, with the number as the result.
 *
 * What the tracee's other threads may do meanwhile is their process's harm alone. They can change the page, put other files under the numbers, even change the
 * instruction. But nothing here rests on what they can change: no call of these leads anywhere (a name of two bytes' length is one that the kernel chooses), which
 * socket skep connects to the kernel says (man 7 sock_diag), and a call that the filter stops is let pass only if it is the one that was put there, with its
 * arguments: else it is as any other, and the tracee gets no file.
 *
 * Signals wait until it is over (all are blocked), but for SIGKILL and stops, which are as ever: it goes on when the process does.
 */
#include "hook/task/trace_inside.h"

#include "base/util.h"
#include "hook/unix_diag.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

enum { INSTRUCTION = 2, PAGE = 4096, NR_NONE = -1 };
/* Where what stands in the page. The kernel's own layouts: 64-bit, 32-bit. */
enum { AT_NAME = 0, AT_HEAD = 64, AT_PART = 128, AT_BYTE = 160, AT_CONTROL = 192, CONTROL = 64 };

enum step {
	STEP_PAGE,
	STEP_SOCKET,
	STEP_BIND,
	STEP_LISTEN,
	STEP_ACCEPT,
	STEP_RECEIVE,
	STEP_CLOSE_CONN,
	STEP_CLOSE_SOCKET,
	STEP_LOWEST,
	STEP_CLOSE_HIGH,
	STEP_UNPAGE,
	STEPS
};

static const struct {
	int16_t nr, nr_32;
} calls[STEPS] = {
	[STEP_PAGE] = {__NR_mmap, 192 /* mmap2 */},
	[STEP_SOCKET] = {__NR_socket, 359},
	[STEP_BIND] = {__NR_bind, 361},
	[STEP_LISTEN] = {__NR_listen, 363},
	[STEP_ACCEPT] = {__NR_accept4, 364},
	[STEP_RECEIVE] = {__NR_recvmsg, 372},
	[STEP_CLOSE_CONN] = {__NR_close, 6},
	[STEP_CLOSE_SOCKET] = {__NR_close, 6},
	[STEP_LOWEST] = {__NR_fcntl, 55},
	[STEP_CLOSE_HIGH] = {__NR_close, 6},
	[STEP_UNPAGE] = {__NR_munmap, 91},
};

struct give {
	int fd; /* what is given; -1 once it is sent */
	bool cloexec, compat;
	enum step step;
	struct user_regs_struct regs; /* as they were */
	uint64_t mask; /* ... and the signals that were blocked */
	uint64_t args[6]; /* of this step's call */
	uint64_t page; /* 0: none */
	int sock, conn, got; /* the tracee's numbers; -1 */
	int64_t result;
};

static int number_of(const struct give *g)
{
	return g->compat ? calls[g->step].nr_32 : calls[g->step].nr;
}

/* The call of this step. @first: it takes the place of the one that the tracee stands in */
static void put_call(const struct tracee *x, struct give *g, bool first)
{
	struct user_regs_struct regs = g->regs;
	const uint64_t *a = g->args;

	if (first) {
		regs.orig_rax = (uint64_t)number_of(g);
	} else {
		regs.rip -= INSTRUCTION;
		regs.rax = (uint64_t)number_of(g);
		regs.orig_rax = (uint64_t)NR_NONE; /* it comes from no call that would begin again */
	}
	if (g->compat) {
		regs.rbx = a[0];
		regs.rcx = a[1];
		regs.rdx = a[2];
		regs.rsi = a[3];
		regs.rdi = a[4];
		regs.rbp = a[5];
	} else {
		regs.rdi = a[0];
		regs.rsi = a[1];
		regs.rdx = a[2];
		regs.r10 = a[3];
		regs.r8 = a[4];
		regs.r9 = a[5];
	}
	ptrace(PTRACE_SETREGS, x->tid, 0, &regs);
}

static bool is_wanted(const struct give *g)
{
	switch (g->step) {
	case STEP_CLOSE_CONN:
		return g->conn >= 0;
	case STEP_CLOSE_SOCKET:
		return g->sock >= 0;
	case STEP_LOWEST:
		return !g->result && g->got >= 0;
	case STEP_CLOSE_HIGH:
		return g->got >= 0;
	case STEP_UNPAGE:
		return g->page != 0;
	default:
		return !g->result;
	}
}

static void set_args(struct give *g)
{
	const uint64_t page = g->page, sock = (uint64_t)g->sock, conn = (uint64_t)g->conn, got = (uint64_t)g->got,
		       flags = SOCK_CLOEXEC | SOCK_NONBLOCK, all = g->compat ? UINT32_MAX : UINT64_MAX;
	const uint64_t args[STEPS][6] = {
		[STEP_PAGE] = {0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, all, 0},
		[STEP_SOCKET] = {AF_UNIX, SOCK_SEQPACKET | flags, 0},
		[STEP_BIND] = {sock, page + AT_NAME, sizeof(sa_family_t)},
		[STEP_LISTEN] = {sock, 1},
		[STEP_ACCEPT] = {sock, 0, 0, flags},
		[STEP_RECEIVE] = {conn, page + AT_HEAD, MSG_DONTWAIT | MSG_CMSG_CLOEXEC},
		[STEP_CLOSE_CONN] = {conn},
		[STEP_CLOSE_SOCKET] = {sock},
		[STEP_LOWEST] = {got, g->cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 0},
		[STEP_CLOSE_HIGH] = {got},
		[STEP_UNPAGE] = {page, PAGE},
	};

	memcpy(g->args, args[g->step], sizeof(g->args));
}

/* What the kernel reads: a family, and a message of one byte that may bring a file along. */
static int fill_page(const struct tracee *x, const struct give *g)
{
	union {
		uint8_t bytes[AT_CONTROL + CONTROL];
		uint64_t align;
	} u = {{0}};
	const sa_family_t family = AF_UNIX;
	const uint64_t head[] = {0, 0, g->page + AT_PART, 1, g->page + AT_CONTROL, CONTROL, 0},
		       part[] = {g->page + AT_BYTE, 1};
	const uint32_t head_32[] = {0, 0, (uint32_t)g->page + AT_PART, 1, (uint32_t)g->page + AT_CONTROL, CONTROL, 0},
		       part_32[] = {(uint32_t)g->page + AT_BYTE, 1};
	struct iovec here = {&u, sizeof(u)}, there = {(void *)(uintptr_t)g->page, sizeof(u)};

	memcpy(u.bytes + AT_NAME, &family, sizeof(family));
	memcpy(u.bytes + AT_HEAD, g->compat ? (const void *)head_32 : head, g->compat ? sizeof(head_32) : sizeof(head));
	memcpy(u.bytes + AT_PART, g->compat ? (const void *)part_32 : part, g->compat ? sizeof(part_32) : sizeof(part));
	return process_vm_writev(x->tid, &here, 1, &there, 1, 0) == sizeof(u) ? 0 : -EFAULT;
}

/* The number that came in the message: behind a header of three words. */
static int read_number(const struct tracee *x, const struct give *g)
{
	const uint64_t at = g->page + AT_CONTROL + (g->compat ? 3 * sizeof(uint32_t) : 2 * sizeof(uint64_t));
	uint64_t len = 0;
	int fd = -1;
	struct iovec here[] = {{&len, g->compat ? sizeof(uint32_t) : sizeof(len)}, {&fd, sizeof(fd)}},
		     there[] = {{(void *)(uintptr_t)(g->page + AT_CONTROL), here[0].iov_len},
				{(void *)(uintptr_t)at, sizeof(fd)}};

	if (process_vm_readv(x->tid, here, 2, there, 2, 0) != (ssize_t)(here[0].iov_len + sizeof(fd)))
		return -EFAULT;
	return len && fd >= 0 ? fd : -EMFILE; /* there was no number for it */
}

/* What a Unix socket is called, as the kernel says: a name that it has chosen. Return: the address's length, or a negative errno. */
static int name_of(uint32_t inode, struct sockaddr_un *at)
{
	AUTO_CLOSE int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct unix_facts f;

	if (diag < 0)
		return -errno;
	if (!unix_diag_ask(diag, inode, &f) || f.name_len < 2 || *f.name)
		return -ENOENT;
	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(at->sun_path, f.name, f.name_len);
	return (int)(offsetof(struct sockaddr_un, sun_path) + f.name_len);
}

static int send_file(int to, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.align = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec iov = {"", 1};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	return sendmsg(to, &h, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -errno;
}

/* The tracee's socket listens: the file goes there. */
static int deliver(const struct tracee *x, struct give *g)
{
	AUTO_CLOSE int to = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char path[48], link[64];
	struct sockaddr_un at;
	unsigned int inode = 0;
	ssize_t n;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)x->tid, g->sock);
	n = readlink(path, link, sizeof(link) - 1);
	link[MAX(n, (ssize_t)0)] = 0;
	if (to < 0 || sscanf(link, "socket:[%u]", &inode) != 1)
		return -EBADF;
	err = name_of(inode, &at);
	if (err < 0)
		return err;
	if (connect(to, (struct sockaddr *)&at, (socklen_t)err))
		return -errno;
	err = send_file(to, g->fd);
	close(g->fd);
	g->fd = -1;
	return err;
}

/* A step has ended. Return: 0 or the negative errno that the whole ends with. */
static int after(const struct tracee *x, struct give *g, int64_t result)
{
	switch (g->step) {
	case STEP_PAGE:
		g->page = (uint64_t)result;
		return fill_page(x, g);
	case STEP_SOCKET:
		g->sock = (int)result;
		return 0;
	case STEP_LISTEN:
		return deliver(x, g);
	case STEP_ACCEPT:
		g->conn = (int)result;
		return 0;
	case STEP_RECEIVE:
		g->got = read_number(x, g);
		return MIN(g->got, 0);
	case STEP_LOWEST:
		/* The higher number is given back; if it is the lowest itself, the two change places. */
		g->result = result;
		return 0;
	default:
		return 0;
	}
}

/* The next step that is wanted. Return: false: there is none. */
static bool next(struct give *g)
{
	do
		g->step++;
	while (g->step < STEPS && !is_wanted(g));
	if (g->step == STEPS)
		return false;
	set_args(g);
	return true;
}

/* All is as it was, but for the result. */
static void finish(struct tracer *r, struct tracee *x)
{
	struct give *g = x->give;
	struct user_regs_struct regs = g->regs;
	int64_t result = g->result;

	regs.rax = (uint64_t)result;
	regs.orig_rax = (uint64_t)NR_NONE;
	ptrace(PTRACE_SETREGS, x->tid, 0, &regs);
	ptrace(PTRACE_SETSIGMASK, x->tid, sizeof(g->mask), &g->mask);
	give_forget(x);
	trace_returned(r, x, result);
}

void give_forget(struct tracee *x)
{
	struct give *g = x->give;

	if (!g)
		return;
	if (g->fd >= 0)
		close(g->fd);
	free(g);
	x->give = NULL;
}

void give_begin(struct tracer *r, struct tracee *x, int fd, bool cloexec)
{
	const uint64_t all = UINT64_MAX;
	struct give *g = calloc(1, sizeof(*g));

	if (g)
		*g = (struct give){
			.fd = fd, .cloexec = cloexec, .compat = x->call.compat, .sock = -1, .conn = -1, .got = -1};
	if (!g || ptrace(PTRACE_GETREGS, x->tid, 0, &g->regs) ||
	    ptrace(PTRACE_GETSIGMASK, x->tid, sizeof(g->mask), &g->mask) ||
	    ptrace(PTRACE_SETSIGMASK, x->tid, sizeof(all), &all)) {
		free(g);
		close(fd);
		trace_answer(r, x, false, -ENOMEM);
		return;
	}
	x->give = g;
	set_args(g);
	put_call(x, g, true);
	trace_resume(x, 0);
}

bool give_at_call(struct tracee *x, const struct __ptrace_syscall_info *info)
{
	struct give *g = x->give;
	bool same = info->arch == (g->compat ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64) &&
		    info->seccomp.nr == (uint64_t)number_of(g);

	for (size_t i = 0; i < ARRAY_SIZE(g->args); i++)
		same &= info->seccomp.args[i] == g->args[i];
	if (same)
		return true;
	ptrace(PTRACE_SETSIGMASK, x->tid, sizeof(g->mask), &g->mask);
	give_forget(x);
	return false;
}

void give_at_stop(struct tracer *r, struct tracee *x)
{
	struct __ptrace_syscall_info info;
	struct give *g = x->give;
	int64_t result;
	int err;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, x->tid, sizeof(info), &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_EXIT) {
		trace_resume(x, 0);
		return;
	}
	result = g->compat ? (int32_t)info.exit.rval : info.exit.rval;
	if (g->compat && g->step == STEP_PAGE && (result > 0 || result < -PAGE))
		result = (int64_t)(uint32_t)result;
	err = result < 0 && result > -PAGE ? (int)result : after(x, g, result);
	/* What is given back is given back whether or not that goes well. */
	if (err && (g->step < STEP_CLOSE_CONN || g->step == STEP_LOWEST))
		g->result = err;
	if (next(g)) {
		put_call(x, g, false);
		trace_resume(x, 0);
	} else {
		finish(r, x);
	}
}
