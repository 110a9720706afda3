/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CO-RE: every kind of relocation, against types that skep presents. The local types differ from them on purpose: other order,
 * other sizes, flavours (___x), members that do not exist. The context is a buffer laid out as the kernel's type.
 */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

struct cred___mine {
	struct {
		__u32 val;
	} euid;
	struct {
		__u32 val;
	} uid;
} CORE;

struct task_struct___mine {
	char comm[16];
	__u64 start_time;
	int tgid;
	int pid;
	unsigned int flags;
	int not_in_this_kernel;
	struct task_struct___mine *real_parent;
} CORE;

/* Bit fields where the kernel has them, but in another place. */
struct iphdr___mine {
	__u32 daddr;
	__u8 version : 4, ihl : 4;
	__u8 ttl;
} CORE;

struct tcphdr___mine {
	__u16 syn : 1, fin : 1, doff : 4;
} CORE;

struct skep_no_such_type {
	int x;
} CORE;

struct xdp_md___mine {
	__u32 data;
} CORE;

/* Wider here than in the kernel: the load is made as narrow as the field is. */
struct xdp_md___wide {
	__u64 rx_queue_index;
	__u64 data_end;
} CORE;

struct trace_event_raw_sys_enter___mine {
	unsigned long args[6];
} CORE;

enum bpf_map_type___mine {
	BPF_MAP_TYPE_HASH___mine = 1234,
	BPF_MAP_TYPE_ARRAY___mine = 4321,
	BPF_MAP_TYPE_SKEP_ABSENT___mine = 77,
};

/* By kind of relocation; the test knows what they must be from the presented BTF. */
struct {
	__u32 off_pid, off_start_time, off_args3, off_euid;
	__u32 size_comm, size_start_time, size_pid;
	__u32 exists_pid, exists_absent, exists_in_absent;
	__u32 signed_pid, signed_flags;
	__u32 type_task, type_absent, type_pid_t;
	__u32 type_size_xdp_md, type_size_absent;
	__u32 type_id_task, type_id_local;
	__u32 enum_hash, enum_array, enum_hash_exists, enum_absent_exists;
	__u32 matches_same, matches_other, has_matches;
} out;

typedef int pid_t;

SEC("syscall")
int infos(void *ctx)
{
	struct task_struct___mine *t = ctx;
	struct skep_no_such_type *no = ctx;
	struct trace_event_raw_sys_enter___mine *enter = ctx;
	struct cred___mine *cred = ctx;

	out.off_pid = __builtin_preserve_field_info(t->pid, BPF_FIELD_BYTE_OFFSET);
	out.off_start_time = __builtin_preserve_field_info(t->start_time, BPF_FIELD_BYTE_OFFSET);
	out.off_args3 = __builtin_preserve_field_info(enter->args[3], BPF_FIELD_BYTE_OFFSET);
	out.off_euid = __builtin_preserve_field_info(cred->euid.val, BPF_FIELD_BYTE_OFFSET);
	out.size_comm = bpf_core_field_size(t->comm);
	out.size_start_time = bpf_core_field_size(t->start_time);
	out.size_pid = bpf_core_field_size(t->pid);
	out.exists_pid = bpf_core_field_exists(t->pid);
	out.exists_absent = bpf_core_field_exists(t->not_in_this_kernel);
	out.exists_in_absent = bpf_core_field_exists(no->x);
	out.signed_pid = __builtin_preserve_field_info(t->pid, BPF_FIELD_SIGNED);
	out.signed_flags = __builtin_preserve_field_info(t->flags, BPF_FIELD_SIGNED);
	out.type_task = bpf_core_type_exists(struct task_struct___mine);
	out.type_absent = bpf_core_type_exists(struct skep_no_such_type);
	out.type_pid_t = bpf_core_type_exists(pid_t);
	out.type_size_xdp_md = bpf_core_type_size(struct xdp_md___mine);
	out.type_size_absent = bpf_core_type_size(struct skep_no_such_type);
	out.type_id_task = bpf_core_type_id_kernel(struct task_struct___mine);
	out.type_id_local = bpf_core_type_id_local(struct task_struct___mine);
	out.enum_hash = bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_HASH___mine);
	out.enum_array = bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_ARRAY___mine);
	out.enum_hash_exists = bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_HASH___mine);
	out.enum_absent_exists = bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_SKEP_ABSENT___mine);
#if __clang_major__ >= 15
	out.has_matches = 1;
	out.matches_same = bpf_core_type_matches(struct xdp_md___mine);
	out.matches_other = bpf_core_type_matches(struct task_struct___mine);
#endif
	return 0;
}

/* A buffer laid out as the kernel's task_struct. */
SEC("syscall")
int read_task(struct task_struct___mine *t)
{
	return t->pid * 1000 + t->tgid + t->comm[2];
}

/* Loads and stores alike are moved. */
SEC("syscall")
int write_task(struct task_struct___mine *t)
{
	t->start_time += 0x100000001;
	t->pid = -3;
	return 0;
}

/* The kernel takes only constant offsets from a context, so these look at a copy. */
enum { HEADER_WORDS = 5 };

SEC("syscall")
int read_bits(__u64 *ctx)
{
	__u64 copy[HEADER_WORDS];
	struct iphdr___mine *ip = (void *)copy;

	for (int i = 0; i < HEADER_WORDS; i++)
		copy[i] = ((volatile __u64 *)ctx)[i];
	return (int)(BPF_CORE_READ_BITFIELD(ip, version) * 10000 + BPF_CORE_READ_BITFIELD(ip, ihl) * 100 + ip->ttl);
}

SEC("syscall")
int read_flags(__u64 *ctx)
{
	__u64 copy[HEADER_WORDS];
	struct tcphdr___mine *tcp = (void *)copy;

	for (int i = 0; i < HEADER_WORDS; i++)
		copy[i] = ((volatile __u64 *)ctx)[i];
	return (int)(BPF_CORE_READ_BITFIELD(tcp, syn) * 1000 + BPF_CORE_READ_BITFIELD(tcp, fin) * 100 +
		     BPF_CORE_READ_BITFIELD(tcp, doff));
}

SEC("syscall")
int read_narrow(struct xdp_md___wide *md)
{
	return md->data_end == 0x80000001 && md->rx_queue_index == 0xfffffff0;
}

/* What is not there is asked for first: the access that libbpf poisons is never reached. */
SEC("syscall")
int guarded(struct task_struct___mine *t)
{
	if (bpf_core_field_exists(t->not_in_this_kernel))
		return t->not_in_this_kernel;
	return 8;
}

char LICENSE[] SEC("license") = "GPL";
