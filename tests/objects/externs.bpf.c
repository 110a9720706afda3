/* SPDX-License-Identifier: BSD-2-Clause */
/* What libbpf fills in from the system: version, configuration, symbols; all but one of them may be absent. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern enum libbpf_tristate CONFIG_BPF __kconfig __weak;
extern __u32 CONFIG_HZ __kconfig __weak;
extern __u32 CONFIG_SKEP_ABSENT __kconfig __weak;
extern enum libbpf_tristate CONFIG_SKEP_ABSENT_TOO __kconfig __weak;
extern const void skep_absent_symbol __ksym __weak;
extern int skep_absent_function(int x) __ksym __weak;

struct {
	__u32 version, hz, absent, flags;
} found;

SEC("syscall")
int read_externs(void *ctx)
{
	found.version = LINUX_KERNEL_VERSION;
	found.hz = CONFIG_HZ;
	found.absent = CONFIG_SKEP_ABSENT;
	found.flags = CONFIG_BPF_SYSCALL | (CONFIG_BPF == TRI_YES) << 1 | (CONFIG_SKEP_ABSENT_TOO == TRI_NO) << 2 |
		      (&skep_absent_symbol == 0) << 3;
	if (skep_absent_function)
		return skep_absent_function(1);
	return 6;
}

char LICENSE[] SEC("license") = "GPL";
