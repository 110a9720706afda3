/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel that programs in the hive see, as types. Compiled for BPF with debug information; only its BTF is kept.
 *
 * A struct stands here with the members that skep gives meaning to. What is not here does not exist for a program:
 * bpf_core_field_exists() and its kin say so, and libbpf poisons what a program uses without asking.
 * The UAPI types are the system's own, the rest carries the kernel's names.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/version.h>

typedef _Bool bool;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef int pid_t;
typedef unsigned long size_t;
typedef unsigned short umode_t;
typedef struct {
	__u32 val;
} kuid_t;
typedef struct {
	__u32 val;
} kgid_t;

/* linux/icmp.h and linux/icmpv6.h need headers of a C library. */
struct icmphdr {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	union {
		struct {
			__be16 id;
			__be16 sequence;
		} echo;
		__be32 gateway;
		struct {
			__be16 __unused;
			__be16 mtu;
		} frag;
	} un;
};

struct icmp6hdr {
	__u8 icmp6_type;
	__u8 icmp6_code;
	__sum16 icmp6_cksum;
	__be32 icmp6_data;
};

struct net {
	unsigned int inum;
};

struct net_device {
	char name[16];
	int ifindex;
	unsigned int mtu;
	unsigned char addr_len;
	unsigned short type;
};

struct xdp_rxq_info {
	struct net_device *dev;
	u32 queue_index;
};

struct xdp_txq_info {
	struct net_device *dev;
};

struct xdp_buff {
	void *data;
	void *data_end;
	void *data_meta;
	void *data_hard_start;
	struct xdp_rxq_info *rxq;
	struct xdp_txq_info *txq;
	u32 frame_sz;
	u32 flags;
};

struct sk_buff {
	struct net_device *dev;
	unsigned int len;
	unsigned int data_len;
	u32 priority;
	int skb_iif;
	u32 hash;
	__be16 vlan_proto;
	u16 vlan_tci;
	u32 mark;
	__be16 protocol;
	u16 transport_header;
	u16 network_header;
	u16 mac_header;
	unsigned char *head;
	unsigned char *data;
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
};

struct task_struct {
	unsigned int flags;
	int exit_code;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *parent;
	struct task_struct *group_leader;
	u64 start_time;
	u64 start_boottime;
	const struct cred *real_cred;
	const struct cred *cred;
	char comm[16];
};

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

typedef struct pt_regs bpf_user_pt_regs_t;

struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	__u64 sample_period;
	__u64 addr;
};

struct trace_entry {
	unsigned short type;
	unsigned char flags;
	unsigned char preempt_count;
	int pid;
};

struct trace_event_raw_sys_enter {
	struct trace_entry ent;
	long id;
	unsigned long args[6];
	char __data[0];
};

struct trace_event_raw_sys_exit {
	struct trace_entry ent;
	long id;
	long ret;
	char __data[0];
};

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));
#endif

/*
 * The kernel functions that programs may call: those of src/helper/kfunc.c that have an implementation, with the prototypes of Linux 6.18, whose
 * parameters' names mean something to the verifier. Only the prototypes count; the bodies are there because a declaration alone leaves nothing in BTF.
 */
#define KFUNC(type, name, ...)                                                                                         \
	__attribute__((noinline, used)) type name(__VA_ARGS__)                                                         \
	{                                                                                                              \
		return (type)0;                                                                                        \
	}
KFUNC(int, bpf_dynptr_from_skb, struct __sk_buff *s, u64 flags, struct bpf_dynptr *ptr__uninit)
KFUNC(int, bpf_dynptr_from_xdp, struct xdp_md *x, u64 flags, struct bpf_dynptr *ptr__uninit)
KFUNC(void *, bpf_dynptr_slice, const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)
KFUNC(void *, bpf_dynptr_slice_rdwr, const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)
KFUNC(int, bpf_dynptr_adjust, const struct bpf_dynptr *p, u32 start, u32 end)
KFUNC(bool, bpf_dynptr_is_null, const struct bpf_dynptr *p)
KFUNC(bool, bpf_dynptr_is_rdonly, const struct bpf_dynptr *p)
KFUNC(__u32, bpf_dynptr_size, const struct bpf_dynptr *p)
KFUNC(int, bpf_dynptr_clone, const struct bpf_dynptr *p, struct bpf_dynptr *clone__uninit)
KFUNC(int, bpf_dynptr_copy, struct bpf_dynptr *dst_ptr, u32 dst_off, struct bpf_dynptr *src_ptr, u32 src_off, u32 size)
KFUNC(int, bpf_dynptr_memset, struct bpf_dynptr *p, u32 offset, u32 size, u8 val)

KFUNC(int, bpf_iter_num_new, struct bpf_iter_num *it, int start, int end)
KFUNC(int *, bpf_iter_num_next, struct bpf_iter_num *it)
KFUNC(void, bpf_iter_num_destroy, struct bpf_iter_num *it)

KFUNC(void, bpf_rcu_read_lock, void)
KFUNC(void, bpf_rcu_read_unlock, void)
KFUNC(void, bpf_preempt_disable, void)
KFUNC(void, bpf_preempt_enable, void)
KFUNC(void, bpf_local_irq_save, unsigned long *flags__irq_flag)
KFUNC(void, bpf_local_irq_restore, unsigned long *flags__irq_flag)

KFUNC(int, bpf_copy_from_user_str, void *dst, u32 dst__sz, const void *unsafe_ptr__ign, u64 flags)
KFUNC(int, bpf_strcmp, const char *s1__ign, const char *s2__ign)
KFUNC(int, bpf_strcasecmp, const char *s1__ign, const char *s2__ign)
KFUNC(int, bpf_strchr, const char *s__ign, char c)
KFUNC(int, bpf_strnchr, const char *s__ign, size_t count, char c)
KFUNC(int, bpf_strchrnul, const char *s__ign, char c)
KFUNC(int, bpf_strrchr, const char *s__ign, int c)
KFUNC(int, bpf_strlen, const char *s__ign)
KFUNC(int, bpf_strnlen, const char *s__ign, size_t count)
KFUNC(int, bpf_strspn, const char *s__ign, const char *accept__ign)
KFUNC(int, bpf_strcspn, const char *s__ign, const char *reject__ign)
KFUNC(int, bpf_strstr, const char *s1__ign, const char *s2__ign)
KFUNC(int, bpf_strnstr, const char *s1__ign, const char *s2__ign, size_t len)

/* One variable of each type keeps it, whole, in the BTF. */
#define KEEP(type, name) type keep_##name
KEEP(struct xdp_md, xdp_md);
KEEP(struct __sk_buff, __sk_buff);
KEEP(struct xdp_buff, xdp_buff);
KEEP(struct sk_buff, sk_buff);
KEEP(struct net, net);
KEEP(struct net_device, net_device);
KEEP(struct task_struct, task_struct);
KEEP(struct cred, cred);
KEEP(struct pt_regs, pt_regs);
KEEP(struct trace_event_raw_sys_enter, sys_enter);
KEEP(struct trace_event_raw_sys_exit, sys_exit);
KEEP(struct ethhdr, ethhdr);
KEEP(struct iphdr, iphdr);
KEEP(struct ipv6hdr, ipv6hdr);
KEEP(struct tcphdr, tcphdr);
KEEP(struct udphdr, udphdr);
KEEP(struct icmphdr, icmphdr);
KEEP(struct icmp6hdr, icmp6hdr);
KEEP(struct bpf_sock, bpf_sock);
KEEP(struct bpf_tcp_sock, bpf_tcp_sock);
KEEP(struct bpf_sock_ops, bpf_sock_ops);
KEEP(struct bpf_sock_addr, bpf_sock_addr);
KEEP(struct bpf_sock_tuple, bpf_sock_tuple);
KEEP(struct bpf_fib_lookup, bpf_fib_lookup);
KEEP(struct bpf_tunnel_key, bpf_tunnel_key);
KEEP(struct bpf_devmap_val, bpf_devmap_val);
KEEP(struct bpf_perf_event_data, bpf_perf_event_data);
KEEP(struct bpf_spin_lock, bpf_spin_lock);
KEEP(struct bpf_timer, bpf_timer);
KEEP(struct bpf_dynptr, bpf_dynptr);
KEEP(struct bpf_iter_num, bpf_iter_num);
KEEP(struct bpf_pidns_info, bpf_pidns_info);
KEEP(enum bpf_func_id, func_id);
KEEP(enum bpf_map_type, map_type);
KEEP(enum bpf_prog_type, prog_type);
KEEP(enum bpf_attach_type, attach_type);
KEEP(enum xdp_action, xdp_action);
KEEP(umode_t, umode_t);
KEEP(size_t, size_t);
KEEP(bool, bool);
KEEP(u8, u8);
KEEP(s8, s8);
KEEP(s16, s16);
KEEP(s32, s32);
KEEP(s64, s64);
