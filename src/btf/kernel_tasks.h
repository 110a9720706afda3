/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Part of kernel_types.c: tasks, what belongs to them, and the files and sockets that they use, under the names of Linux 6.18.
 *
 * A member stands here if something answers for it while a program runs in a tree (src/hook/task/members.h says what: the event, the task's files in /proc, the
 * socket's options, fstat), and it lies where this compiler puts it: programs relocate. Where a member went or was renamed in some version of the kernel, both
 * are here, so that programs for either find it.
 */
#ifndef SKEP_BTF_KERNEL_TASKS_H
#define SKEP_BTF_KERNEL_TASKS_H

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	s64 counter;
} atomic64_t;
typedef u32 dev_t;
typedef long long loff_t;
typedef long ssize_t;
typedef unsigned int fmode_t;
typedef unsigned short sa_family_t;
typedef struct {
	u64 val;
} kernel_cap_t;

struct dentry;
struct file;
struct inode;
struct sock;
struct socket;
struct task_struct;

/* Namespaces: their numbers, as the links in /proc/PID/ns show them. */
struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct uts_namespace {
	struct ns_common ns;
};

struct ipc_namespace {
	struct ns_common ns;
};

struct pid_namespace {
	struct ns_common ns;
};

struct user_namespace {
	struct ns_common ns;
};

struct cgroup_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct cgroup_namespace *cgroup_ns;
};

/* The level is 0: a tree's processes have the number that its own namespace gave them. */
struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[0];
};

/* From Uid, Gid and Cap... of /proc/PID/status. */
struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kernel_cap_t cap_bset;
	kernel_cap_t cap_ambient;
	struct user_namespace *user_ns;
};

struct vfsmount;
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

/* From the links root and cwd of /proc/PID. */
struct fs_struct {
	int umask;
	struct path root;
	struct path pwd;
};

/* From /proc/PID/stat, statm and exe. */
struct mm_struct {
	unsigned long total_vm;
	unsigned long start_code, end_code, start_data, end_data;
	unsigned long start_brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct task_struct *owner;
	struct file *exe_file;
};

struct signal_struct {
	atomic_t live;
	int nr_threads;
	short oom_score_adj;
};

/* The cgroup of version 2 that /proc/PID/cgroup names. */
struct kernfs_node {
	const char *name;
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

/* From the event itself, /proc/PID/stat and status. */
struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int prio;
	int static_prio;
	struct mm_struct *mm;
	struct mm_struct *active_mm;
	int exit_code;
	int exit_signal;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	u64 utime;
	u64 stime;
	u64 start_time;
	u64 start_boottime;
	const struct cred *real_cred;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
};

/* Files: from the path, fstat and /proc/PID/fdinfo. */
struct super_block {
	dev_t s_dev;
	unsigned long s_magic;
	struct dentry *s_root;
};

struct inode {
	umode_t i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	dev_t i_rdev;
	loff_t i_size;
};

struct qstr {
	u32 hash;
	u32 len;
	const unsigned char *name;
};

union shortname_store {
	unsigned char string[40];
	unsigned long words[5];
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union shortname_store d_shortname;
	unsigned char d_iname[40]; /* until 6.13 */
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct file {
	fmode_t f_mode;
	struct inode *f_inode;
	unsigned int f_flags;
	struct path f_path;
	loff_t f_pos;
};

struct linux_binprm {
	struct file *file;
	struct cred *cred;
	int argc, envc;
	const char *filename;
	const char *interp;
};

struct open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

typedef union sigval {
	int sival_int;
	void *sival_ptr;
} sigval_t;

union __sifields {
	struct {
		pid_t _pid;
		u32 _uid;
	} _kill;
	struct {
		pid_t _pid;
		u32 _uid;
		sigval_t _sigval;
	} _rt;
	u64 _all[4];
};

struct kernel_siginfo {
	struct {
		int si_signo;
		int si_errno;
		int si_code;
		union __sifields _sifields;
	};
};

/*
 * Nothing is known of these but that there are such; a program may hand the pointer on.
 * Functions of the virtual file system take an id mapping first; programs tell by a member here which: user namespaces until 6.2.
 */
struct mnt_idmap {
};
struct msghdr {
};
struct proto_accept_arg {
};
struct bpf_ringbuf {
};
struct renamedata {
	struct mnt_idmap *mnt_idmap;
	struct mnt_idmap *old_mnt_idmap;
	struct user_namespace *old_mnt_userns;
	struct mnt_idmap *new_mnt_idmap;
};

/* Sockets: from getsockname, getpeername, getsockopt and TCP_INFO on the socket itself. */
typedef enum {
	SS_FREE,
	SS_UNCONNECTED,
	SS_CONNECTING,
	SS_CONNECTED,
	SS_DISCONNECTING,
} socket_state;

typedef struct {
	struct net *net;
} possible_net_t;

struct sockaddr {
	sa_family_t sa_family;
	char sa_data[14];
};

struct sockaddr_un {
	sa_family_t sun_family;
	char sun_path[108];
};

struct socket {
	socket_state state;
	short type;
	struct sock *sk;
};

struct sock_common {
	union {
		u64 skc_addrpair;
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		u32 skc_portpair;
		struct {
			__be16 skc_dport;
			u16 skc_num;
		};
	};
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	int sk_rcvbuf;
	int sk_sndbuf;
	u16 sk_type;
	u16 sk_protocol;
	u32 sk_priority;
	u32 sk_mark;
	int sk_err;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	kuid_t sk_uid;
	struct socket *sk_socket;
};

/* The bits are flags of inet_flags since 6.7. */
struct inet_sock {
	struct sock sk;
	unsigned long inet_flags;
	__be32 inet_saddr;
	__be16 inet_sport;
	u8 freebind : 1;
	u8 transparent : 1;
	u8 bind_address_no_port : 1;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 segs_in;
	u32 segs_out;
	u32 snd_cwnd;
	u32 srtt_us;
	u32 mdev_us;
	u32 total_retrans;
	u64 bytes_acked;
	u64 bytes_received;
};

struct udp_sock {
	struct inet_sock inet;
};

struct unix_sock {
	struct sock sk;
};

#endif
