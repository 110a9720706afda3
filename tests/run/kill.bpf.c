// SPDX-License-Identifier: BSD-2-Clause
/* Signals for tests of skep run: who is called "victim" gets none but SIGCONT and number 0; what each signal says is printed. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

enum { EPERM = 1, EACCES = 13, SIGUSR1 = 10, SIGCONT = 18 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
union sigval {
	int sival_int;
};
union __sifields {
	struct {
		int _pid;
		unsigned int _uid;
	} _kill;
	struct {
		int _pid;
		unsigned int _uid;
		union sigval _sigval;
	} _rt;
};
struct kernel_siginfo {
	int si_signo;
	int si_errno;
	int si_code;
	union __sifields _sifields;
};
struct task_struct {
	int pid, tgid;
	char comm[16];
};
struct cred;
#pragma clang attribute pop

SEC("lsm/task_kill")
int BPF_PROG(on_kill, struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)
{
	char comm[16] = "";

	bpf_probe_read_kernel_str(comm, sizeof(comm), p->comm);
	bpf_printk("signal %d code %d", sig, info->si_code);
	bpf_printk("to %d %s from %d", p->tgid, comm, info->_sifields._kill._pid);
	if (!bpf_strncmp(comm, 7, "victim") && sig && sig != SIGCONT)
		return sig == SIGUSR1 ? -EACCES : -EPERM;
	return 0;
}
