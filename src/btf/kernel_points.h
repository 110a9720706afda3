/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Part of kernel_types.c: where programs on tasks attach, as types. Records of tracepoints (src/prog/points.c has their fields), prototypes of raw tracepoints
 * for tp_btf, functions for fentry and fexit, LSM hooks; all with the arguments of Linux 6.18. What points.c has no row for does not stand here:
 * programs that ask for it by name are told that the kernel has no such function, and may have another way.
 */
#ifndef SKEP_BTF_KERNEL_POINTS_H
#define SKEP_BTF_KERNEL_POINTS_H

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

/* What a record of one system call begins with. */
struct syscall_trace_enter {
	struct trace_entry ent;
	int nr;
	unsigned long args[0];
};

struct syscall_trace_exit {
	struct trace_entry ent;
	int nr;
	long ret;
};

struct trace_event_raw_sched_process_exec {
	struct trace_entry ent;
	u32 __data_loc_filename;
	pid_t pid;
	pid_t old_pid;
	char __data[0];
};

struct trace_event_raw_sched_process_fork {
	struct trace_entry ent;
	u32 __data_loc_parent_comm;
	pid_t parent_pid;
	u32 __data_loc_child_comm;
	pid_t child_pid;
	char __data[0];
};

struct trace_event_raw_sched_process_exit {
	struct trace_entry ent;
	char comm[16];
	pid_t pid;
	int prio;
	bool group_dead;
	char __data[0];
};

typedef void (*btf_trace_sys_enter)(void *, struct pt_regs *, long);
typedef void (*btf_trace_sys_exit)(void *, struct pt_regs *, long);
typedef void (*btf_trace_sched_process_exec)(void *, struct task_struct *, pid_t, struct linux_binprm *);
typedef void (*btf_trace_sched_process_fork)(void *, struct task_struct *, struct task_struct *);
typedef void (*btf_trace_sched_process_exit)(void *, struct task_struct *, bool);

/* Every system call. */
#define CALL(number, called, entry, ...) FUNC(long, __x64_sys_##entry, const struct pt_regs *regs)
#include "base/calls.inc"
#undef CALL

FUNC(int, do_sys_openat2, int dfd, const char *filename, struct open_how *how)
FUNC(int, do_sys_open, int dfd, const char *filename, int flags, umode_t mode)
FUNC(int, vfs_open, const struct path *path, struct file *file)
FUNC(ssize_t, vfs_read, struct file *file, char *buf, size_t count, loff_t *pos)
FUNC(ssize_t, vfs_write, struct file *file, const char *buf, size_t count, loff_t *pos)
FUNC(int, vfs_fsync, struct file *file, int datasync)
FUNC(int, vfs_unlink, struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, struct inode **delegated_inode)
FUNC(int, vfs_create, struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, bool want_excl)
FUNC(struct dentry *, vfs_mkdir, struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode)
FUNC(int, vfs_rmdir, struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry)
FUNC(int, vfs_symlink, struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, const char *oldname)
FUNC(int, tcp_v4_connect, struct sock *sk, struct sockaddr *uaddr, int addr_len)
FUNC(int, tcp_v6_connect, struct sock *sk, struct sockaddr *uaddr, int addr_len)
FUNC(struct sock *, inet_csk_accept, struct sock *sk, struct proto_accept_arg *arg)
FUNC(int, inet_bind, struct socket *sock, struct sockaddr *uaddr, int addr_len)
FUNC(int, inet6_bind, struct socket *sock, struct sockaddr *uaddr, int addr_len)
FUNC(int, inet_listen, struct socket *sock, int backlog)
FUNC(int, bprm_execve, struct linux_binprm *bprm)
FUNC(int, security_bprm_check, struct linux_binprm *bprm)
FUNC(int, security_file_open, struct file *file)
FUNC(int, security_inode_create, struct inode *dir, struct dentry *dentry, umode_t mode)
FUNC(int, security_path_unlink, const struct path *dir, struct dentry *dentry)
FUNC(int, security_path_rename, const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
     struct dentry *new_dentry, unsigned int flags)
FUNC(int, security_socket_create, int family, int type, int protocol, int kern)
FUNC(int, security_socket_connect, struct socket *sock, struct sockaddr *address, int addrlen)
FUNC(int, security_socket_bind, struct socket *sock, struct sockaddr *address, int addrlen)
FUNC(int, security_socket_listen, struct socket *sock, int backlog)
FUNC(int, security_task_kill, struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)

FUNC(int, bpf_lsm_bprm_check_security, struct linux_binprm *bprm)
FUNC(int, bpf_lsm_bprm_creds_for_exec, struct linux_binprm *bprm)
FUNC(void, bpf_lsm_bprm_committed_creds, const struct linux_binprm *bprm)
FUNC(int, bpf_lsm_file_open, struct file *file)
FUNC(int, bpf_lsm_file_permission, struct file *file, int mask)
FUNC(int, bpf_lsm_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot, unsigned long flags)
FUNC(int, bpf_lsm_path_unlink, const struct path *dir, struct dentry *dentry)
FUNC(int, bpf_lsm_path_rename, const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
     struct dentry *new_dentry, unsigned int flags)
FUNC(int, bpf_lsm_path_mkdir, const struct path *dir, struct dentry *dentry, umode_t mode)
FUNC(int, bpf_lsm_path_rmdir, const struct path *dir, struct dentry *dentry)
FUNC(int, bpf_lsm_path_mknod, const struct path *dir, struct dentry *dentry, umode_t mode, unsigned int dev)
FUNC(int, bpf_lsm_path_link, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)
FUNC(int, bpf_lsm_path_symlink, const struct path *dir, struct dentry *dentry, const char *old_name)
FUNC(int, bpf_lsm_path_truncate, const struct path *path)
FUNC(int, bpf_lsm_path_chmod, const struct path *path, umode_t mode)
FUNC(int, bpf_lsm_path_chown, const struct path *path, kuid_t uid, kgid_t gid)
FUNC(int, bpf_lsm_path_chroot, const struct path *path)
FUNC(int, bpf_lsm_inode_create, struct inode *dir, struct dentry *dentry, umode_t mode)
FUNC(int, bpf_lsm_inode_unlink, struct inode *dir, struct dentry *dentry)
FUNC(int, bpf_lsm_inode_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
     struct dentry *new_dentry)
FUNC(int, bpf_lsm_inode_getattr, const struct path *path)
FUNC(int, bpf_lsm_inode_permission, struct inode *inode, int mask)
FUNC(int, bpf_lsm_socket_create, int family, int type, int protocol, int kern)
FUNC(int, bpf_lsm_socket_bind, struct socket *sock, struct sockaddr *address, int addrlen)
FUNC(int, bpf_lsm_socket_connect, struct socket *sock, struct sockaddr *address, int addrlen)
FUNC(int, bpf_lsm_socket_listen, struct socket *sock, int backlog)
FUNC(int, bpf_lsm_socket_accept, struct socket *sock, struct socket *newsock)
FUNC(int, bpf_lsm_socket_sendmsg, struct socket *sock, struct msghdr *msg, int size)
FUNC(int, bpf_lsm_task_kill, struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)
FUNC(int, bpf_lsm_task_alloc, struct task_struct *task, u64 clone_flags)
FUNC(void, bpf_lsm_task_free, struct task_struct *task)
FUNC(int, bpf_lsm_ptrace_access_check, struct task_struct *child, unsigned int mode)
FUNC(int, bpf_lsm_capable, const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts)
FUNC(int, bpf_lsm_sb_mount, const char *dev_name, const struct path *path, const char *type, unsigned long flags,
     void *data)
FUNC(int, bpf_lsm_sb_umount, struct vfsmount *mnt, int flags)
FUNC(int, bpf_lsm_bpf, int cmd, union bpf_attr *attr, unsigned int size, bool kernel)

#endif
