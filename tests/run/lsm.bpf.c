// SPDX-License-Identifier: BSD-2-Clause
/* LSM programs for tests of skep run. They read the kernel's objects as such programs do: directly, through BTF. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

enum { AF_INET = 2, SOCK_DGRAM = 2, EPERM = 1, EACCES = 13, DENIED = 7777 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sockaddr {
	unsigned short sa_family;
};
struct in_addr {
	__be32 s_addr;
};
struct sockaddr_in {
	unsigned short sin_family;
	__be16 sin_port;
	struct in_addr sin_addr;
};
struct path {
	void *mnt;
};
struct file {
	struct path f_path;
};
struct linux_binprm {
	struct file *file;
	const char *filename;
};
struct socket;
#pragma clang attribute pop

SEC("lsm/socket_connect")
int BPF_PROG(connect, struct socket *sock, struct sockaddr *address, int addrlen)
{
	struct sockaddr_in *four = (void *)address;

	if (address->sa_family != AF_INET || addrlen < (int)sizeof(*four))
		return 0;
	return four->sin_port == bpf_htons(DENIED) ? -EACCES : 0;
}

#ifndef NO_BIND
SEC("lsm/socket_bind")
int BPF_PROG(bind, struct socket *sock, struct sockaddr *address, int addrlen)
{
	return address->sa_family == AF_INET && ((struct sockaddr_in *)address)->sin_port == bpf_htons(DENIED) ? -EPERM
													       : 0;
}
#endif

SEC("lsm/socket_create")
int BPF_PROG(create, int family, int type, int protocol, int kern)
{
	return family == AF_INET && type == SOCK_DGRAM ? -EACCES : 0;
}

/* Nothing whose path ends in "evil", whatever it is called by. */
SEC("lsm.s/bprm_check_security")
int BPF_PROG(exec, struct linux_binprm *bprm)
{
	char path[256];
	long n = bpf_d_path(&bprm->file->f_path, path, sizeof(path));

	if (n < 6 || n > (long)sizeof(path))
		return 0;
	bpf_printk("exec %s", path);
	n -= 5;
	n &= 255;
	return n < 251 && path[n] == 'e' && path[n + 1] == 'v' && path[n + 2] == 'i' && path[n + 3] == 'l' ? -EPERM : 0;
}
