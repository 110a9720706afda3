/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * docker-profile [--no-listener] COMMAND...: runs it under a seccomp filter that refuses what Docker's default profile refuses to a container without capabilities: namespaces, mounts,
 * files of other processes (pidfd_getfd, kcmp), io_uring, keys, bpf, perf events, vsock. clone3 is not there; ptrace and
 * process_vm_readv are allowed, as they are since Linux 4.8. --no-listener: nobody can have a listener for seccomp's notifications either.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const int refused[] = {SCMP_SYS(unshare),
			      SCMP_SYS(setns),
			      SCMP_SYS(mount),
			      SCMP_SYS(umount2),
			      SCMP_SYS(pivot_root),
			      SCMP_SYS(fsopen),
			      SCMP_SYS(fsconfig),
			      SCMP_SYS(fsmount),
			      SCMP_SYS(fspick),
			      SCMP_SYS(move_mount),
			      SCMP_SYS(open_tree),
			      SCMP_SYS(mount_setattr),
			      SCMP_SYS(pidfd_getfd),
			      SCMP_SYS(kcmp),
			      SCMP_SYS(process_madvise),
			      SCMP_SYS(open_by_handle_at),
			      SCMP_SYS(io_uring_setup),
			      SCMP_SYS(io_uring_enter),
			      SCMP_SYS(io_uring_register),
			      SCMP_SYS(add_key),
			      SCMP_SYS(request_key),
			      SCMP_SYS(keyctl),
			      SCMP_SYS(bpf),
			      SCMP_SYS(perf_event_open),
			      SCMP_SYS(userfaultfd),
			      SCMP_SYS(syslog),
			      SCMP_SYS(sethostname),
			      SCMP_SYS(setdomainname),
			      SCMP_SYS(quotactl),
			      SCMP_SYS(lookup_dcookie),
			      SCMP_SYS(fanotify_init),
			      SCMP_SYS(acct),
			      SCMP_SYS(reboot),
			      SCMP_SYS(swapon),
			      SCMP_SYS(init_module),
			      SCMP_SYS(finit_module),
			      SCMP_SYS(kexec_load),
			      SCMP_SYS(iopl),
			      SCMP_SYS(ioperm),
			      SCMP_SYS(clock_settime),
			      SCMP_SYS(settimeofday),
			      SCMP_SYS(vhangup),
			      SCMP_SYS(mbind),
			      SCMP_SYS(get_mempolicy),
			      SCMP_SYS(set_mempolicy),
			      SCMP_SYS(move_pages)};

int main(int argc, char **argv)
{
	static const unsigned int namespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
						  CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err = ctx && argc > 1 ? 0 : -EINVAL;

#ifdef __x86_64__
	/* As there, 32-bit programs by the same rules. */
	if (!err)
		err = seccomp_arch_add(ctx, SCMP_ARCH_X86);
	if (!err)
		err = seccomp_arch_add(ctx, SCMP_ARCH_X32);
#endif
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
	err = err ? err : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	err = err ? err
		  : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_VSOCK));
	if (argc > 2 && !strcmp(argv[1], "--no-listener")) {
		err = err ? err
			  : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 1,
					     SCMP_A1(SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER,
						     SECCOMP_FILTER_FLAG_NEW_LISTENER));
		argv++;
	}
	err = err ? err : seccomp_load(ctx);
	if (err) {
		fprintf(stderr, "docker-profile: %s\n", strerror(-err));
		return 125;
	}
	seccomp_release(ctx);
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
