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

#include "btf/kernel_tasks.h"

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

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

typedef struct pt_regs bpf_user_pt_regs_t;

struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	__u64 sample_period;
	__u64 addr;
};

/* Only the prototype counts; the body is there because a declaration alone leaves nothing in BTF. */
#define FUNC(type, name, ...)                                                                                          \
	__attribute__((noinline, used)) type name(__VA_ARGS__)                                                         \
	{                                                                                                              \
		return (type)0;                                                                                        \
	}
#include "btf/kernel_points.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));
#endif

/*
 * The kernel functions that programs may call: those of src/helper/kfunc.c that have an implementation, with the prototypes of Linux 6.18, whose
 * parameters' names mean something to the verifier.
 */
FUNC(int, bpf_dynptr_from_skb, struct __sk_buff *s, u64 flags, struct bpf_dynptr *ptr__uninit)
FUNC(int, bpf_dynptr_from_xdp, struct xdp_md *x, u64 flags, struct bpf_dynptr *ptr__uninit)
FUNC(void *, bpf_dynptr_slice, const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)
FUNC(void *, bpf_dynptr_slice_rdwr, const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)
FUNC(int, bpf_dynptr_adjust, const struct bpf_dynptr *p, u32 start, u32 end)
FUNC(bool, bpf_dynptr_is_null, const struct bpf_dynptr *p)
FUNC(bool, bpf_dynptr_is_rdonly, const struct bpf_dynptr *p)
FUNC(__u32, bpf_dynptr_size, const struct bpf_dynptr *p)
FUNC(int, bpf_dynptr_clone, const struct bpf_dynptr *p, struct bpf_dynptr *clone__uninit)
FUNC(int, bpf_dynptr_copy, struct bpf_dynptr *dst_ptr, u32 dst_off, struct bpf_dynptr *src_ptr, u32 src_off, u32 size)
FUNC(int, bpf_dynptr_memset, struct bpf_dynptr *p, u32 offset, u32 size, u8 val)

FUNC(int, bpf_iter_num_new, struct bpf_iter_num *it, int start, int end)
FUNC(int *, bpf_iter_num_next, struct bpf_iter_num *it)
FUNC(void, bpf_iter_num_destroy, struct bpf_iter_num *it)

FUNC(void, bpf_rcu_read_lock, void)
FUNC(void, bpf_rcu_read_unlock, void)
FUNC(void, bpf_preempt_disable, void)
FUNC(void, bpf_preempt_enable, void)
FUNC(void, bpf_local_irq_save, unsigned long *flags__irq_flag)
FUNC(void, bpf_local_irq_restore, unsigned long *flags__irq_flag)

FUNC(void *, bpf_rdonly_cast, const void *obj__ign, u32 btf_id__k)
FUNC(struct task_struct *, bpf_task_acquire, struct task_struct *p)
FUNC(struct task_struct *, bpf_task_from_pid, s32 pid)
FUNC(struct task_struct *, bpf_task_from_vpid, s32 vpid)
FUNC(void, bpf_task_release, struct task_struct *p)

FUNC(int, bpf_copy_from_user_str, void *dst, u32 dst__sz, const void *unsafe_ptr__ign, u64 flags)
FUNC(int, bpf_strcmp, const char *s1__ign, const char *s2__ign)
FUNC(int, bpf_strcasecmp, const char *s1__ign, const char *s2__ign)
FUNC(int, bpf_strchr, const char *s__ign, char c)
FUNC(int, bpf_strnchr, const char *s__ign, size_t count, char c)
FUNC(int, bpf_strchrnul, const char *s__ign, char c)
FUNC(int, bpf_strrchr, const char *s__ign, int c)
FUNC(int, bpf_strlen, const char *s__ign)
FUNC(int, bpf_strnlen, const char *s__ign, size_t count)
FUNC(int, bpf_strspn, const char *s__ign, const char *accept__ign)
FUNC(int, bpf_strcspn, const char *s__ign, const char *reject__ign)
FUNC(int, bpf_strstr, const char *s1__ign, const char *s2__ign)
FUNC(int, bpf_strnstr, const char *s1__ign, const char *s2__ign, size_t len)

/* One variable of each type keeps it, whole, in the BTF. */
#define KEEP(type, name) type keep_##name
KEEP(struct xdp_md, xdp_md);
KEEP(struct __sk_buff, __sk_buff);
KEEP(struct xdp_buff, xdp_buff);
KEEP(struct xdp_rxq_info, xdp_rxq_info);
KEEP(struct xdp_txq_info, xdp_txq_info);
KEEP(struct bpf_flow_keys, bpf_flow_keys);
KEEP(struct sk_buff, sk_buff);
KEEP(struct net, net);
KEEP(struct net_device, net_device);
KEEP(struct task_struct, task_struct);
KEEP(struct cred, cred);
KEEP(struct pt_regs, pt_regs);
KEEP(struct trace_event_raw_sys_enter, sys_enter);
KEEP(struct trace_event_raw_sys_exit, sys_exit);
KEEP(struct trace_event_raw_sched_process_exec, exec);
KEEP(struct trace_event_raw_sched_process_fork, fork);
KEEP(struct trace_event_raw_sched_process_exit, exit);
KEEP(struct syscall_trace_enter, call_enter);
KEEP(struct syscall_trace_exit, call_exit);
KEEP(btf_trace_sys_enter, raw_sys_enter);
KEEP(btf_trace_sys_exit, raw_sys_exit);
KEEP(btf_trace_sched_process_exec, raw_exec);
KEEP(btf_trace_sched_process_fork, raw_fork);
KEEP(btf_trace_sched_process_exit, raw_exit);
KEEP(struct ns_common, ns_common);
KEEP(struct mnt_namespace, mnt_namespace);
KEEP(struct uts_namespace, uts_namespace);
KEEP(struct ipc_namespace, ipc_namespace);
KEEP(struct pid_namespace, pid_namespace);
KEEP(struct user_namespace, user_namespace);
KEEP(struct cgroup_namespace, cgroup_namespace);
KEEP(struct nsproxy, nsproxy);
KEEP(struct upid, upid);
KEEP(struct pid, pid);
KEEP(struct path, path);
KEEP(struct fs_struct, fs_struct);
KEEP(struct mm_struct, mm_struct);
KEEP(struct signal_struct, signal_struct);
KEEP(struct kernfs_node, kernfs_node);
KEEP(struct cgroup, cgroup);
KEEP(struct css_set, css_set);
KEEP(struct super_block, super_block);
KEEP(struct inode, inode);
KEEP(struct qstr, qstr);
KEEP(struct dentry, dentry);
KEEP(struct vfsmount, vfsmount);
KEEP(struct file, file);
KEEP(struct linux_binprm, linux_binprm);
KEEP(struct open_how, open_how);
KEEP(struct mnt_idmap, mnt_idmap);
KEEP(struct kernel_siginfo, kernel_siginfo);
KEEP(struct msghdr, msghdr);
KEEP(struct proto_accept_arg, proto_accept_arg);
KEEP(struct sockaddr, sockaddr);
KEEP(struct socket, socket);
KEEP(struct sock_common, sock_common);
KEEP(struct sock, sock);
KEEP(struct inet_sock, inet_sock);
KEEP(struct inet_connection_sock, inet_connection_sock);
KEEP(struct bpf_ringbuf, bpf_ringbuf); /* that there is one tells programs that there are ring buffers */
KEEP(struct renamedata, renamedata);
KEEP(struct sockaddr_in, sockaddr_in);
KEEP(struct sockaddr_in6, sockaddr_in6);
KEEP(struct sockaddr_un, sockaddr_un);
KEEP(struct tcp_sock, tcp_sock);
KEEP(struct udp_sock, udp_sock);
KEEP(struct unix_sock, unix_sock);
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
