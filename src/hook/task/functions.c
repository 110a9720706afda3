/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A row for each function; what its arguments are follows the kernel's own call path, named at each. Sockets are looked at through a duplicate
 * (pidfd_getfd(2)); a socket that is gone brings no function.
 */
#include "hook/task/functions.h"

#include "base/util.h"
#include "hook/task/files.h"
#include "hook/task/named.h"
#include "hook/task/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct function {
	const char *name; /* ends in '*': all that begin so */
	bool (*args)(struct view *v, struct task_event *e, uint64_t *a);
	uint64_t (*result)(struct view *v, const struct task_event *e);
	uint32_t n_args;
	int family, type; /* of a SOCKET, 0: any */
	enum {
		LATE = 1, /* what it works on is known only when the call has ended */
		SOCKET = 2, /* the call's first argument must be one, of that family and type */
		BEGINS_ONLY = 4, /* what it returned cannot be known */
		ASKED = 8 /* at TASK_ASKED */
	} is;
};

static int option(int sock, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(sock, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

static bool socket_fits(const struct function *f, const struct task_event *e)
{
	AUTO_CLOSE int sock = (int)syscall(SYS_pidfd_getfd, e->thread->pidfd, (int)e->args[0], 0);

	return sock >= 0 && (!f->family || option(sock, SO_DOMAIN) == f->family) &&
	       (!f->type || option(sock, SO_TYPE) == f->type);
}

/* __x64_sys_openat(const struct pt_regs *regs): the registers of the caller. */
static bool call_args(struct view *v, struct task_event *e, uint64_t *a)
{
	a[0] = view_regs(v);
	return true;
}

static uint64_t call_result(struct view *v, const struct task_event *e)
{
	return (uint64_t)e->result;
}

/* The arguments of openat2(2), as fs/open.c makes them of the older calls'. Return: false: they cannot be read. */
static bool open_arguments(const struct task_event *e, uint64_t *dfd, uint64_t *path, struct open_how *how)
{
	bool at = e->native == SYS_openat || e->native == SYS_openat2;

	*how = (struct open_how){0};
	*dfd = at ? e->args[0] : (uint64_t)(int64_t)AT_FDCWD;
	*path = e->args[at];
	switch (e->native) {
	case SYS_openat2: {
		/* The task's own struct; of a version that is longer, what is known. */
		struct iovec to = {how, MIN(e->args[3], (uint64_t)sizeof(*how))},
			     from = {(void *)e->args[2], to.iov_len}; /* NOLINT */

		return process_vm_readv(e->thread->tid, &to, 1, &from, 1, 0) == (ssize_t)to.iov_len;
	}
	case SYS_creat:
		*how = (struct open_how){.flags = O_CREAT | O_WRONLY | O_TRUNC, .mode = e->args[1] & 07777};
		return true;
	default:
		how->flags = e->args[at + 1] & UINT32_MAX;
		how->mode = how->flags & (O_CREAT | O_TMPFILE) ? e->args[at + 2] & 07777 : 0;
		return true;
	}
}

/* do_sys_openat2(int dfd, const char *filename, struct open_how *how) */
static bool open_args(struct view *v, struct task_event *e, uint64_t *a)
{
	struct open_how how;

	if (!open_arguments(e, &a[0], &a[1], &how))
		return false;
	a[2] = view_bytes(v, &how, sizeof(how));
	return true;
}

/* What a call makes, where it makes a regular file that is not there yet: the call's paths and the mode asked for. */
static bool creates(const struct task_event *e, uint64_t *dfd, uint64_t *path, uint64_t *mode)
{
	bool at = e->native == SYS_mknodat;
	struct open_how how;

	if (e->native != SYS_mknod && !at) {
		if (!open_arguments(e, dfd, path, &how) || !(how.flags & O_CREAT) || (how.flags & O_PATH) ||
		    (how.flags & O_TMPFILE) == O_TMPFILE)
			return false;
		*mode = how.mode | S_IFREG;
		return true;
	}
	*dfd = at ? e->args[0] : (uint64_t)(int64_t)AT_FDCWD;
	*path = e->args[at];
	*mode = (e->args[at + 1] & 07777) | S_IFREG;
	return !(e->args[at + 1] & S_IFMT) || S_ISREG(e->args[at + 1]);
}

/* The folder's inode and the file's dentry, of what is there (@there) or not. */
static bool named_args(struct view *v, const struct task_event *e, uint64_t dfd, uint64_t path, bool there,
		       uint64_t *inode, uint64_t *dentry)
{
	struct named n;
	bool fits = named_open(v, e, (int)dfd, path, &n) && (n.fd >= 0) == there;

	if (fits) {
		*inode = view_part(v, view_named_file(v, n.dir, n.dir_path), VIEW_INODE);
		*dentry = view_part(v, view_named_file(v, n.fd, n.path), VIEW_DENTRY);
	}
	named_close(&n);
	return fits && *dentry;
}

/* security_inode_create(struct inode *dir, struct dentry *dentry, umode_t mode): the dentry is of a file that is to come. */
static bool to_create_args(struct view *v, struct task_event *e, uint64_t *a)
{
	uint64_t dfd, path;

	return creates(e, &dfd, &path, &a[2]) && named_args(v, e, dfd, path, false, &a[0], &a[1]);
}

/* vfs_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, bool want_excl) */
static bool create_file_args(struct view *v, struct task_event *e, uint64_t *a)
{
	uint64_t dfd, path;

	a[4] = true; /* as fs/namei.c has it for mknod */
	return creates(e, &dfd, &path, &a[3]) && named_args(v, e, dfd, path, false, &a[1], &a[2]);
}

/* vfs_unlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, struct inode **delegated_inode): at the call's end the file is gone. */
static bool unlink_args(struct view *v, struct task_event *e, uint64_t *a)
{
	bool at = e->native == SYS_unlinkat;

	if (at && (e->args[2] & AT_REMOVEDIR))
		return false;
	return named_args(v, e, at ? e->args[0] : (uint64_t)(int64_t)AT_FDCWD, e->args[at],
			  e->kind == TASK_CALL || e->result, &a[1], &a[2]);
}

/* vfs_open(const struct path *path, struct file *file): of what the call has opened. */
static bool opened_args(struct view *v, struct task_event *e, uint64_t *a)
{
	if (e->result < 0)
		return false;
	a[1] = view_file(v, (int)e->result);
	a[0] = view_part(v, a[1], VIEW_PATH);
	return a[1] != 0;
}

static uint64_t opened_result(struct view *v, const struct task_event *e)
{
	return 0;
}

/*
 * vfs_read(struct file *file, char *buf, size_t count, loff_t *pos), vfs_write: read and write have the file's own position (of a pipe and the like the kernel
 * says NULL), pread64 and pwrite64 their argument.
 */
static bool transfer_args(struct view *v, struct task_event *e, uint64_t *a)
{
	bool at = e->native == SYS_pread64 || e->native == SYS_pwrite64;
	uint64_t pos = e->compat ? (uint32_t)e->args[3] | e->args[4] << 32 : e->args[3];

	a[0] = view_file(v, (int)e->args[0]);
	a[1] = e->args[1];
	a[2] = e->args[2];
	a[3] = at ? view_bytes(v, &pos, sizeof(pos)) : view_part(v, a[0], VIEW_POSITION);
	return a[0] != 0;
}

/* vfs_fsync(struct file *file, int datasync) */
static bool sync_args(struct view *v, struct task_event *e, uint64_t *a)
{
	a[0] = view_file(v, (int)e->args[0]);
	a[1] = e->native == SYS_fdatasync;
	return a[0] != 0;
}

/* tcp_v4_connect(struct sock *sk, struct sockaddr *uaddr, int addr_len), inet_csk_accept(struct sock *sk, ...) */
static bool sock_args(struct view *v, struct task_event *e, uint64_t *a)
{
	a[0] = view_sock(v, (int)e->args[0]);
	a[1] = e->args[1];
	a[2] = e->args[2];
	return a[0] != 0;
}

/*
 * The function has sent the first segment and returned; what came of it the call tells later. Errors that it finds itself are those of the
 * address and of the route (net/ipv4/tcp_ipv4.c).
 */
static uint64_t connect_result(struct view *v, const struct task_event *e)
{
	switch (-e->result) {
	case EINVAL:
	case EAFNOSUPPORT:
	case ENETUNREACH:
	case EACCES:
	case EADDRNOTAVAIL:
	case EISCONN:
	case EALREADY:
		return (uint64_t)e->result;
	default:
		return 0;
	}
}

/* inet_csk_accept(): the new socket, or NULL. */
static uint64_t accept_result(struct view *v, const struct task_event *e)
{
	return e->result < 0 ? 0 : view_sock(v, (int)e->result);
}

/* inet_bind(struct socket *sock, struct sockaddr *uaddr, int addr_len), inet_listen(struct socket *sock, int backlog) */
static bool socket_args(struct view *v, struct task_event *e, uint64_t *a)
{
	a[0] = view_socket(v, (int)e->args[0]);
	a[1] = e->args[1];
	a[2] = e->args[2];
	return a[0] != 0;
}

static const struct function functions[] = {
	{"__x64_sys_*", call_args, call_result, .n_args = 1},
	{"do_sys_openat2", open_args, call_result, .n_args = 3},
	{"vfs_open", opened_args, opened_result, .n_args = 2, .is = LATE},
	{"vfs_create", create_file_args, NULL, .n_args = 5, .is = BEGINS_ONLY},
	{"vfs_unlink", unlink_args, call_result, .n_args = 4},
	{"security_inode_create", to_create_args, NULL, .n_args = 3, .is = BEGINS_ONLY},
	{"vfs_read", transfer_args, call_result, .n_args = 4},
	{"vfs_write", transfer_args, call_result, .n_args = 4},
	{"vfs_fsync", sync_args, call_result, .n_args = 2},
	{"tcp_v4_connect", sock_args, connect_result, .n_args = 3, .is = SOCKET, .family = AF_INET,
	 .type = SOCK_STREAM},
	{"tcp_v6_connect", sock_args, connect_result, .n_args = 3, .is = SOCKET, .family = AF_INET6,
	 .type = SOCK_STREAM},
	{"inet_csk_accept", sock_args, accept_result, .n_args = 2, .is = SOCKET, .type = SOCK_STREAM},
	{"inet_bind", socket_args, call_result, .n_args = 3, .is = SOCKET, .family = AF_INET},
	{"inet6_bind", socket_args, call_result, .n_args = 3, .is = SOCKET, .family = AF_INET6},
	{"inet_listen", socket_args, call_result, .n_args = 2, .is = SOCKET},
};

/* bprm_check_security(struct linux_binprm *bprm): the image that is about to run, at the stop before its first instruction. */
static bool exec_args(struct view *v, struct task_event *e, uint64_t *a)
{
	char link[48], name[PATH_MAX], called[PATH_MAX];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)e->thread->tid);
	fd = open(link, O_PATH | O_CLOEXEC);
	n = readlink(link, name, sizeof(name) - 1);
	name[MAX(n, (ssize_t)0)] = 0;
	view_filename(v, called, sizeof(called));
	a[0] = view_bprm(v, called, fd < 0 ? 0 : view_open_file(v, fd, name, O_RDONLY), 0, 0);
	if (!a[0])
		e->verdict = TASK_KILL; /* what a program could not be shown it has not allowed */
	return a[0] != 0;
}

/* socket_connect(struct socket *sock, struct sockaddr *address, int addrlen), socket_bind: the address is the one that is used. */
static bool address_args(struct view *v, struct task_event *e, uint64_t *a)
{
	if (!e->handed || !sockets_take(e))
		return false;
	a[0] = view_socket(v, (int)e->args[0]);
	a[1] = view_bytes(v, e->handed->address.bytes, e->handed->len);
	a[2] = e->handed->len;
	return true;
}

/* socket_create(int family, int type, int protocol, int kern) */
static bool create_args(struct view *v, struct task_event *e, uint64_t *a)
{
	a[0] = (uint32_t)e->args[0];
	a[1] = (uint32_t)e->args[1] & 0xf;
	a[2] = (uint32_t)e->args[2];
	return true;
}

static const struct function lsm_hooks[] = {
	{"bprm_check_security", exec_args, NULL, .n_args = 1},
	{"socket_connect", address_args, NULL, .n_args = 3},
	{"socket_bind", address_args, NULL, .n_args = 3},
	{"socket_create", create_args, NULL, .n_args = 4},
	{"file_open", files_open_args, NULL, .n_args = 1, .is = ASKED},
	{"path_unlink", files_unlink_args, NULL, .n_args = 2, .is = ASKED},
	{"path_rmdir", files_rmdir_args, NULL, .n_args = 2, .is = ASKED},
	{"path_mkdir", files_mkdir_args, NULL, .n_args = 3, .is = ASKED},
	{"path_mknod", files_mknod_args, NULL, .n_args = 4, .is = ASKED},
	{"path_symlink", files_symlink_args, NULL, .n_args = 3, .is = ASKED},
	{"path_link", files_link_args, NULL, .n_args = 3, .is = ASKED},
	{"path_rename", files_rename_args, NULL, .n_args = 5, .is = ASKED},
	{"path_truncate", files_truncate_args, NULL, .n_args = 1, .is = ASKED},
	{"task_kill", files_kill_args, NULL, .n_args = 4, .is = ASKED},
};

static const struct function *find(const struct function *all, size_t n_all, const char *name)
{
	for (size_t i = 0; i < n_all; i++) {
		size_t n = strlen(all[i].name);

		if (all[i].name[n - 1] == '*' ? !strncmp(all[i].name, name, n - 1) : !strcmp(all[i].name, name))
			return &all[i];
	}
	return NULL;
}

const struct function *function_find(const char *name, bool lsm)
{
	return lsm ? find(lsm_hooks, ARRAY_SIZE(lsm_hooks), name) : find(functions, ARRAY_SIZE(functions), name);
}

bool function_is_asked(const struct function *f)
{
	return f->is & ASKED;
}

bool function_looks_up(const struct function *f)
{
	return f->args == create_file_args || f->args == unlink_args || f->args == to_create_args;
}

bool function_begins_only(const struct function *f)
{
	return f->is & BEGINS_ONLY;
}

bool function_is_late(const struct function *f)
{
	return f->is & LATE;
}

bool function_args(const struct function *f, struct view *v, struct task_event *e, uint64_t *args, uint32_t *n)
{
	*n = f->n_args;
	memset(args, 0, FUNCTION_ARGS * sizeof(*args));
	return (!(f->is & SOCKET) || socket_fits(f, e)) && f->args(v, e, args);
}

uint64_t function_result(const struct function *f, struct view *v, const struct task_event *e)
{
	return f->result(v, e);
}
