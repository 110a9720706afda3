/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/deploy_guard_calls.h"

#include "base/util.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A call may stand in several rows: then some ways of it come by one program, some by another. What stands in brackets can only be killed, not denied: a way of it asks nobody (an open
 * with O_PATH), and does nothing that outlives its process.
 */
static const struct {
	const char *prog, *calls;
} stops[] = {
	{"stop_file_permission", " read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 sendfile "
				 "copy_file_range fallocate getdents getdents64 "},
	{"at_open", " creat open_by_handle_at (open) (openat) (openat2) "},
	{"at_mknod", " creat mknod mknodat (open) (openat) (openat2) "},
	{"at_truncate", " truncate ftruncate creat (open) (openat) (openat2) "},
	{"stop_file_truncate", " ftruncate creat (open) (openat) (openat2) "},
	{"at_unlink", " unlink unlinkat "},
	{"at_rmdir", " rmdir unlinkat "},
	{"at_mkdir", " mkdir mkdirat "},
	{"at_symlink", " symlink symlinkat "},
	{"at_link", " link linkat "},
	{"at_rename", " rename renameat renameat2 "},
	{"stop_path_chmod", " chmod fchmod fchmodat fchmodat2 "},
	{"stop_path_chown", " chown fchown lchown fchownat "},
	{"stop_path_chroot", " chroot "},
	{"stop_bprm_check_security", " execve execveat "},
	{"at_ptrace", " ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp "},
	{"stop_ptrace_traceme", " ptrace "},
	{"stop_task_kill", " kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal "},
	{"stop_socket_create", " socket socketpair "},
	{"stop_socket_bind", " bind "},
	{"stop_socket_connect", " connect "},
	{"stop_socket_listen", " listen "},
	{"stop_socket_accept", " accept accept4 "},
	{"stop_socket_sendmsg", " sendto sendmsg sendmmsg "},
	{"stop_socket_recvmsg", " recvfrom recvmsg recvmmsg "},
	{"stop_socket_setsockopt", " setsockopt "},
	{"stop_socket_shutdown", " shutdown "},
	{"stop_perf_event_open", " perf_event_open "},
	{"stop_sb_mount", " mount "},
	{"stop_sb_umount", " umount2 "},
	{"stop_sb_pivotroot", " pivot_root "},
	{"stop_move_mount", " move_mount "},
	{"stop_task_fix_setuid", " setuid setreuid setresuid "},
	{"stop_task_fix_setgid", " setgid setregid setresgid "},
	{"at_bpf", " bpf "},
	{"at_anon", " io_uring_setup userfaultfd "},
	/* They ask for a capability first, and EPERM is the answer when it is not there. */
	{"at_capable", " reboot swapon swapoff init_module finit_module delete_module kexec_load kexec_file_load "
		       "sethostname setdomainname setns acct fsopen fsmount fspick mount_setattr (open_tree) "},
};

static bool has(const char *calls, const char *name, bool brackets)
{
	char word[48];

	snprintf(word, sizeof(word), brackets ? " (%s) " : " %s ", name);
	return strstr(calls, word);
}

bool guard_calls_stops(const char *prog, const char *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		if (!strcmp(stops[i].prog, prog))
			return has(stops[i].calls, call, false) || has(stops[i].calls, call, true);
	return false;
}

bool guard_calls_hook(const struct btf *kernel, const char *prog)
{
	char name[64];

	if (strncmp(prog, "stop_", 5) != 0)
		return true;
	snprintf(name, sizeof(name), "bpf_lsm_%s", prog + 5);
	return btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
}

int guard_calls_check(const struct btf *kernel, const struct guard_policy *p, const struct guard_call *c, char *why,
		      size_t size)
{
	const char *name = p->call_name(c->nr);
	bool stopped = false, only_killed = false, by_capability = false;

	if (c->action == GUARD_LOG)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		if (!guard_calls_stops(stops[i].prog, name))
			continue;
		only_killed |= has(stops[i].calls, name, true);
		by_capability |= !strcmp(stops[i].prog, "at_capable");
		stopped = true;
		/* Since Linux 6.2 ftruncate(2) has a hook of its own; before, it comes by truncate(2)'s. */
		if (!guard_calls_hook(kernel, stops[i].prog) && strcmp(stops[i].prog, "stop_file_truncate") != 0) {
			snprintf(why, size, "this kernel has no hook '%s' to stop it at", stops[i].prog + 5);
			return -EOPNOTSUPP;
		}
	}
	if (!stopped)
		snprintf(why, size,
			 "in the kernel it cannot be stopped: it asks no security module before it does what it does "
			 "(skep run guard stops "
			 "every call; 'log' works here)");
	else if (only_killed && c->action == GUARD_DENY)
		snprintf(why, size,
			 "in the kernel it can be killed for, but not denied: what it opens by name alone "
			 "(O_PATH) asks no security module");
	else if (by_capability && c->action == GUARD_DENY && c->err != EPERM)
		snprintf(why, size, "in the kernel it is denied with EPERM and nothing else");
	else
		return 0;
	return -EOPNOTSUPP;
}
