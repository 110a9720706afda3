/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The members of kernel structs that skep gives values to, as data. Where each lies is read from the BTF that programs are relocated against, never from a
 * struct of C; a member that this BTF lacks is nowhere, and no program can ask for it.
 *
 * Presented objects come in bundles: what belongs to a thread, a socket, an open file. A bundle has one part for each struct in it, one behind the other, so
 * that the parts' addresses follow from the bundle's. Members are filled in groups: all that one look at the system tells.
 *
 * To present another member: a row here, a member in src/btf/kernel_types.c, and a put in the fill function of its group.
 */
#ifndef SKEP_HOOK_TASK_MEMBERS_H
#define SKEP_HOOK_TASK_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

struct btf;

enum bundle { BUNDLE_TASK, BUNDLE_SOCK, BUNDLE_FILE, BUNDLE_BPRM, BUNDLE_BYTES, BUNDLES };

enum { FILE_DENTRIES = 40 /* a path's components, and the root */ };

/*
 * Parts: P(id, bundle, how many, room for at least so many bytes, the types that lie there: the first names it, the others begin where it does).
 */
#define PARTS(P)                                                                                                       \
	P(TASK, BUNDLE_TASK, 1, 0, "task_struct")                                                                      \
	P(CRED, BUNDLE_TASK, 1, 0, "cred")                                                                             \
	P(REGS, BUNDLE_TASK, 1, 0, "pt_regs")                                                                          \
	P(MM, BUNDLE_TASK, 1, 0, "mm_struct")                                                                          \
	P(SIGNAL, BUNDLE_TASK, 1, 0, "signal_struct")                                                                  \
	P(FS, BUNDLE_TASK, 1, 0, "fs_struct")                                                                          \
	P(NSPROXY, BUNDLE_TASK, 1, 0, "nsproxy")                                                                       \
	P(MNT_NS, BUNDLE_TASK, 1, 0, "mnt_namespace")                                                                  \
	P(PID_NS, BUNDLE_TASK, 1, 0, "pid_namespace")                                                                  \
	P(UTS_NS, BUNDLE_TASK, 1, 0, "uts_namespace")                                                                  \
	P(IPC_NS, BUNDLE_TASK, 1, 0, "ipc_namespace")                                                                  \
	P(NET_NS, BUNDLE_TASK, 1, 0, "net")                                                                            \
	P(USER_NS, BUNDLE_TASK, 1, 0, "user_namespace")                                                                \
	P(CGROUP_NS, BUNDLE_TASK, 1, 0, "cgroup_namespace")                                                            \
	P(PID, BUNDLE_TASK, 1, 64, "pid") /* its array of one upid lies behind it */                                   \
	P(CSS_SET, BUNDLE_TASK, 1, 0, "css_set")                                                                       \
	P(CGROUP, BUNDLE_TASK, 1, 0, "cgroup")                                                                         \
	P(KERNFS, BUNDLE_TASK, 1, 0, "kernfs_node")                                                                    \
	P(KERNFS_NAME, BUNDLE_TASK, 1, 256, "")                                                                        \
	P(SOCKET, BUNDLE_SOCK, 1, 0, "socket")                                                                         \
	P(SOCK, BUNDLE_SOCK, 1, 0, "sock", "inet_sock", "inet_connection_sock", "tcp_sock", "udp_sock", "unix_sock")   \
	P(SOCK_NET, BUNDLE_SOCK, 1, 0, "net")                                                                          \
	P(FILE, BUNDLE_FILE, 1, 0, "file")                                                                             \
	P(INODE, BUNDLE_FILE, 1, 0, "inode")                                                                           \
	P(SUPER, BUNDLE_FILE, 1, 0, "super_block")                                                                     \
	P(MOUNT, BUNDLE_FILE, 1, 0, "vfsmount")                                                                        \
	P(DENTRY, BUNDLE_FILE, FILE_DENTRIES, 0, "dentry") /* the file's, then those around it, outwards */            \
	P(NAMES, BUNDLE_FILE, 1, 4096 + 256, "") /* their names, each ended */                                         \
	P(BPRM, BUNDLE_BPRM, 1, 0, "linux_binprm")                                                                     \
	P(BPRM_NAME, BUNDLE_BPRM, 1, 4096 + 256, "")                                                                   \
	P(BYTES, BUNDLE_BYTES, 1, 4096 + 256, "")

enum part {
#define P(id, ...) PART_##id,
	PARTS(P)
#undef P
		PART_COUNT,
};

/*
 * Groups: G(id, bundle, once). What one fill function fills (fill.h). Once: it cannot change; else it holds for the event that asked.
 */
#define GROUPS(G)                                                                                                      \
	G(TASK_SELF, BUNDLE_TASK, true) /* what the engine told: no look at the system */                              \
	G(TASK_BORN, BUNDLE_TASK, true) /* the engine knows that, too, of the tasks of its events */                   \
	G(TASK_STAT, BUNDLE_TASK, false)                                                                               \
	G(TASK_CRED, BUNDLE_TASK, false)                                                                               \
	G(TASK_NS, BUNDLE_TASK, false)                                                                                 \
	G(TASK_REGS, BUNDLE_TASK, false)                                                                               \
	G(TASK_CGROUP, BUNDLE_TASK, false)                                                                             \
	G(TASK_FILES, BUNDLE_TASK, false)                                                                              \
	G(TASK_OOM, BUNDLE_TASK, false)                                                                                \
	G(SOCK_SELF, BUNDLE_SOCK, true)                                                                                \
	G(SOCK_NAMES, BUNDLE_SOCK, false)                                                                              \
	G(SOCK_TCP, BUNDLE_SOCK, false)                                                                                \
	G(SOCK_OPTIONS, BUNDLE_SOCK, false)                                                                            \
	G(SOCK_NS, BUNDLE_SOCK, true)                                                                                  \
	G(FILE_SELF, BUNDLE_FILE, true)                                                                                \
	G(FILE_PATH, BUNDLE_FILE, false)                                                                               \
	G(FILE_STAT, BUNDLE_FILE, false)                                                                               \
	G(FILE_INFO, BUNDLE_FILE, false)                                                                               \
	G(GIVEN, BUNDLE_BPRM, true) /* filled when it is made */

enum group {
#define G(id, ...) GROUP_##id,
	GROUPS(G)
#undef G
		GROUP_COUNT,
};

/* Members: M(id, part, type, path, group). */
#define MEMBERS(M)                                                                                                     \
	M(TASK_PID, TASK, "task_struct", "pid", TASK_SELF)                                                             \
	M(TASK_TGID, TASK, "task_struct", "tgid", TASK_SELF)                                                           \
	M(TASK_LEADER, TASK, "task_struct", "group_leader", TASK_SELF)                                                 \
	M(TASK_REAL_CRED, TASK, "task_struct", "real_cred", TASK_SELF)                                                 \
	M(TASK_CRED, TASK, "task_struct", "cred", TASK_SELF)                                                           \
	M(TASK_MM, TASK, "task_struct", "mm", TASK_SELF)                                                               \
	M(TASK_ACTIVE_MM, TASK, "task_struct", "active_mm", TASK_SELF)                                                 \
	M(TASK_SIGNAL, TASK, "task_struct", "signal", TASK_SELF)                                                       \
	M(TASK_FS, TASK, "task_struct", "fs", TASK_SELF)                                                               \
	M(TASK_NSPROXY, TASK, "task_struct", "nsproxy", TASK_SELF)                                                     \
	M(TASK_THREAD_PID, TASK, "task_struct", "thread_pid", TASK_SELF)                                               \
	M(TASK_CGROUPS, TASK, "task_struct", "cgroups", TASK_SELF)                                                     \
	M(MM_OWNER, MM, "mm_struct", "owner", TASK_SELF)                                                               \
	M(CRED_USER_NS, CRED, "cred", "user_ns", TASK_SELF)                                                            \
	M(NSPROXY_MNT, NSPROXY, "nsproxy", "mnt_ns", TASK_SELF)                                                        \
	M(NSPROXY_PID, NSPROXY, "nsproxy", "pid_ns_for_children", TASK_SELF)                                           \
	M(NSPROXY_UTS, NSPROXY, "nsproxy", "uts_ns", TASK_SELF)                                                        \
	M(NSPROXY_IPC, NSPROXY, "nsproxy", "ipc_ns", TASK_SELF)                                                        \
	M(NSPROXY_NET, NSPROXY, "nsproxy", "net_ns", TASK_SELF)                                                        \
	M(NSPROXY_CGROUP, NSPROXY, "nsproxy", "cgroup_ns", TASK_SELF)                                                  \
	M(PID_LEVEL, PID, "pid", "level", TASK_SELF)                                                                   \
	M(PID_NR, PID, "pid", "numbers", TASK_SELF) /* put by parts: struct upid */                                    \
	M(CSS_SET_CGROUP, CSS_SET, "css_set", "dfl_cgrp", TASK_SELF)                                                   \
	M(CGROUP_KN, CGROUP, "cgroup", "kn", TASK_SELF)                                                                \
	M(KERNFS_NAME, KERNFS, "kernfs_node", "name", TASK_SELF)                                                       \
	M(TASK_COMM, TASK, "task_struct", "comm", TASK_STAT)                                                           \
	M(TASK_STATE, TASK, "task_struct", "__state", TASK_STAT)                                                       \
	M(TASK_FLAGS, TASK, "task_struct", "flags", TASK_STAT)                                                         \
	M(TASK_EXIT_CODE, TASK, "task_struct", "exit_code", TASK_STAT)                                                 \
	M(TASK_EXIT_SIGNAL, TASK, "task_struct", "exit_signal", TASK_STAT)                                             \
	M(TASK_REAL_PARENT, TASK, "task_struct", "real_parent", TASK_STAT)                                             \
	M(TASK_PARENT, TASK, "task_struct", "parent", TASK_STAT)                                                       \
	M(TASK_START, TASK, "task_struct", "start_time", TASK_BORN)                                                    \
	M(TASK_START_BOOT, TASK, "task_struct", "start_boottime", TASK_BORN)                                           \
	M(TASK_PRIO, TASK, "task_struct", "prio", TASK_STAT)                                                           \
	M(TASK_STATIC_PRIO, TASK, "task_struct", "static_prio", TASK_STAT)                                             \
	M(TASK_UTIME, TASK, "task_struct", "utime", TASK_STAT)                                                         \
	M(TASK_STIME, TASK, "task_struct", "stime", TASK_STAT)                                                         \
	M(SIGNAL_LIVE, SIGNAL, "signal_struct", "live.counter", TASK_STAT)                                             \
	M(SIGNAL_THREADS, SIGNAL, "signal_struct", "nr_threads", TASK_STAT)                                            \
	M(MM_ARG_START, MM, "mm_struct", "arg_start", TASK_STAT)                                                       \
	M(MM_ARG_END, MM, "mm_struct", "arg_end", TASK_STAT)                                                           \
	M(MM_ENV_START, MM, "mm_struct", "env_start", TASK_STAT)                                                       \
	M(MM_ENV_END, MM, "mm_struct", "env_end", TASK_STAT)                                                           \
	M(MM_START_CODE, MM, "mm_struct", "start_code", TASK_STAT)                                                     \
	M(MM_END_CODE, MM, "mm_struct", "end_code", TASK_STAT)                                                         \
	M(MM_START_DATA, MM, "mm_struct", "start_data", TASK_STAT)                                                     \
	M(MM_END_DATA, MM, "mm_struct", "end_data", TASK_STAT)                                                         \
	M(MM_START_BRK, MM, "mm_struct", "start_brk", TASK_STAT)                                                       \
	M(MM_START_STACK, MM, "mm_struct", "start_stack", TASK_STAT)                                                   \
	M(MM_TOTAL_VM, MM, "mm_struct", "total_vm", TASK_STAT)                                                         \
	M(CRED_UID, CRED, "cred", "uid", TASK_CRED)                                                                    \
	M(CRED_EUID, CRED, "cred", "euid", TASK_CRED)                                                                  \
	M(CRED_SUID, CRED, "cred", "suid", TASK_CRED)                                                                  \
	M(CRED_FSUID, CRED, "cred", "fsuid", TASK_CRED)                                                                \
	M(CRED_GID, CRED, "cred", "gid", TASK_CRED)                                                                    \
	M(CRED_EGID, CRED, "cred", "egid", TASK_CRED)                                                                  \
	M(CRED_SGID, CRED, "cred", "sgid", TASK_CRED)                                                                  \
	M(CRED_FSGID, CRED, "cred", "fsgid", TASK_CRED)                                                                \
	M(CRED_CAP_INH, CRED, "cred", "cap_inheritable", TASK_CRED)                                                    \
	M(CRED_CAP_PRM, CRED, "cred", "cap_permitted", TASK_CRED)                                                      \
	M(CRED_CAP_EFF, CRED, "cred", "cap_effective", TASK_CRED)                                                      \
	M(CRED_CAP_BSET, CRED, "cred", "cap_bset", TASK_CRED)                                                          \
	M(CRED_CAP_AMB, CRED, "cred", "cap_ambient", TASK_CRED)                                                        \
	M(FS_UMASK, FS, "fs_struct", "umask", TASK_CRED)                                                               \
	M(MNT_INUM, MNT_NS, "mnt_namespace", "ns.inum", TASK_NS)                                                       \
	M(PID_INUM, PID_NS, "pid_namespace", "ns.inum", TASK_NS)                                                       \
	M(UTS_INUM, UTS_NS, "uts_namespace", "ns.inum", TASK_NS)                                                       \
	M(IPC_INUM, IPC_NS, "ipc_namespace", "ns.inum", TASK_NS)                                                       \
	M(NET_INUM, NET_NS, "net", "ns.inum", TASK_NS)                                                                 \
	M(USER_INUM, USER_NS, "user_namespace", "ns.inum", TASK_NS)                                                    \
	M(CGROUP_INUM, CGROUP_NS, "cgroup_namespace", "ns.inum", TASK_NS)                                              \
	M(REGS_R15, REGS, "pt_regs", "r15", TASK_REGS)                                                                 \
	M(REGS_R14, REGS, "pt_regs", "r14", TASK_REGS)                                                                 \
	M(REGS_R13, REGS, "pt_regs", "r13", TASK_REGS)                                                                 \
	M(REGS_R12, REGS, "pt_regs", "r12", TASK_REGS)                                                                 \
	M(REGS_BP, REGS, "pt_regs", "bp", TASK_REGS)                                                                   \
	M(REGS_BX, REGS, "pt_regs", "bx", TASK_REGS)                                                                   \
	M(REGS_R11, REGS, "pt_regs", "r11", TASK_REGS)                                                                 \
	M(REGS_R10, REGS, "pt_regs", "r10", TASK_REGS)                                                                 \
	M(REGS_R9, REGS, "pt_regs", "r9", TASK_REGS)                                                                   \
	M(REGS_R8, REGS, "pt_regs", "r8", TASK_REGS)                                                                   \
	M(REGS_AX, REGS, "pt_regs", "ax", TASK_REGS)                                                                   \
	M(REGS_CX, REGS, "pt_regs", "cx", TASK_REGS)                                                                   \
	M(REGS_DX, REGS, "pt_regs", "dx", TASK_REGS)                                                                   \
	M(REGS_SI, REGS, "pt_regs", "si", TASK_REGS)                                                                   \
	M(REGS_DI, REGS, "pt_regs", "di", TASK_REGS)                                                                   \
	M(REGS_ORIG_AX, REGS, "pt_regs", "orig_ax", TASK_REGS)                                                         \
	M(REGS_IP, REGS, "pt_regs", "ip", TASK_REGS)                                                                   \
	M(REGS_CS, REGS, "pt_regs", "cs", TASK_REGS)                                                                   \
	M(REGS_FLAGS, REGS, "pt_regs", "flags", TASK_REGS)                                                             \
	M(REGS_SP, REGS, "pt_regs", "sp", TASK_REGS)                                                                   \
	M(REGS_SS, REGS, "pt_regs", "ss", TASK_REGS)                                                                   \
	M(KERNFS_ID, KERNFS, "kernfs_node", "id", TASK_CGROUP)                                                         \
	M(KERNFS_TEXT, KERNFS_NAME, "", "", TASK_CGROUP)                                                               \
	M(MM_EXE, MM, "mm_struct", "exe_file", TASK_FILES)                                                             \
	M(FS_PWD_DENTRY, FS, "fs_struct", "pwd.dentry", TASK_FILES)                                                    \
	M(FS_PWD_MNT, FS, "fs_struct", "pwd.mnt", TASK_FILES)                                                          \
	M(FS_ROOT_DENTRY, FS, "fs_struct", "root.dentry", TASK_FILES)                                                  \
	M(FS_ROOT_MNT, FS, "fs_struct", "root.mnt", TASK_FILES)                                                        \
	M(SIGNAL_OOM, SIGNAL, "signal_struct", "oom_score_adj", TASK_OOM)                                              \
	M(SOCKET_SK, SOCKET, "socket", "sk", SOCK_SELF)                                                                \
	M(SOCKET_TYPE, SOCKET, "socket", "type", SOCK_SELF)                                                            \
	M(SK_SOCKET, SOCK, "sock", "sk_socket", SOCK_SELF)                                                             \
	M(SK_TYPE, SOCK, "sock", "sk_type", SOCK_SELF)                                                                 \
	M(SK_PROTOCOL, SOCK, "sock", "sk_protocol", SOCK_SELF)                                                         \
	M(SK_FAMILY, SOCK, "sock", "__sk_common.skc_family", SOCK_SELF)                                                \
	M(SK_NET, SOCK, "sock", "__sk_common.skc_net.net", SOCK_SELF)                                                  \
	M(SK_COOKIE, SOCK, "sock", "__sk_common.skc_cookie", SOCK_SELF)                                                \
	M(SK_NUM, SOCK, "sock", "__sk_common.skc_num", SOCK_NAMES)                                                     \
	M(SK_DPORT, SOCK, "sock", "__sk_common.skc_dport", SOCK_NAMES)                                                 \
	M(SK_RCV_SADDR, SOCK, "sock", "__sk_common.skc_rcv_saddr", SOCK_NAMES)                                         \
	M(SK_DADDR, SOCK, "sock", "__sk_common.skc_daddr", SOCK_NAMES)                                                 \
	M(SK_V6_RCV_SADDR, SOCK, "sock", "__sk_common.skc_v6_rcv_saddr", SOCK_NAMES)                                   \
	M(SK_V6_DADDR, SOCK, "sock", "__sk_common.skc_v6_daddr", SOCK_NAMES)                                           \
	M(INET_SADDR, SOCK, "inet_sock", "inet_saddr", SOCK_NAMES)                                                     \
	M(INET_SPORT, SOCK, "inet_sock", "inet_sport", SOCK_NAMES)                                                     \
	M(SOCKET_STATE, SOCKET, "socket", "state", SOCK_TCP)                                                           \
	M(SK_STATE, SOCK, "sock", "__sk_common.skc_state", SOCK_TCP)                                                   \
	M(SK_ACK_BACKLOG, SOCK, "sock", "sk_ack_backlog", SOCK_TCP)                                                    \
	M(SK_MAX_ACK_BACKLOG, SOCK, "sock", "sk_max_ack_backlog", SOCK_TCP)                                            \
	M(TCP_BYTES_ACKED, SOCK, "tcp_sock", "bytes_acked", SOCK_TCP)                                                  \
	M(TCP_BYTES_RECEIVED, SOCK, "tcp_sock", "bytes_received", SOCK_TCP)                                            \
	M(TCP_SRTT, SOCK, "tcp_sock", "srtt_us", SOCK_TCP)                                                             \
	M(TCP_MDEV, SOCK, "tcp_sock", "mdev_us", SOCK_TCP)                                                             \
	M(TCP_RETRANS, SOCK, "tcp_sock", "total_retrans", SOCK_TCP)                                                    \
	M(TCP_SEGS_IN, SOCK, "tcp_sock", "segs_in", SOCK_TCP)                                                          \
	M(TCP_SEGS_OUT, SOCK, "tcp_sock", "segs_out", SOCK_TCP)                                                        \
	M(TCP_SND_CWND, SOCK, "tcp_sock", "snd_cwnd", SOCK_TCP)                                                        \
	M(SK_BOUND_DEV, SOCK, "sock", "__sk_common.skc_bound_dev_if", SOCK_OPTIONS)                                    \
	M(SK_REUSE, SOCK, "sock", "__sk_common.skc_reuse", SOCK_OPTIONS)                                               \
	M(SK_REUSEPORT, SOCK, "sock", "__sk_common.skc_reuseport", SOCK_OPTIONS)                                       \
	M(SK_IPV6ONLY, SOCK, "sock", "__sk_common.skc_ipv6only", SOCK_OPTIONS)                                         \
	M(SK_MARK, SOCK, "sock", "sk_mark", SOCK_OPTIONS)                                                              \
	M(SK_PRIORITY, SOCK, "sock", "sk_priority", SOCK_OPTIONS)                                                      \
	M(SK_RCVBUF, SOCK, "sock", "sk_rcvbuf", SOCK_OPTIONS)                                                          \
	M(SK_SNDBUF, SOCK, "sock", "sk_sndbuf", SOCK_OPTIONS)                                                          \
	M(SK_UID, SOCK, "sock", "sk_uid", SOCK_OPTIONS)                                                                \
	M(INET_FREEBIND, SOCK, "inet_sock", "freebind", SOCK_OPTIONS)                                                  \
	M(INET_TRANSPARENT, SOCK, "inet_sock", "transparent", SOCK_OPTIONS)                                            \
	M(INET_NO_PORT, SOCK, "inet_sock", "bind_address_no_port", SOCK_OPTIONS)                                       \
	M(INET_FLAGS, SOCK, "inet_sock", "inet_flags", SOCK_OPTIONS)                                                   \
	M(SOCK_NET_INUM, SOCK_NET, "net", "ns.inum", SOCK_NS)                                                          \
	M(FILE_DENTRY, FILE, "file", "f_path.dentry", FILE_SELF)                                                       \
	M(FILE_MNT, FILE, "file", "f_path.mnt", FILE_SELF)                                                             \
	M(FILE_INODE, FILE, "file", "f_inode", FILE_SELF)                                                              \
	M(INODE_SB, INODE, "inode", "i_sb", FILE_SELF)                                                                 \
	M(MOUNT_SB, MOUNT, "vfsmount", "mnt_sb", FILE_SELF)                                                            \
	M(MOUNT_ROOT, MOUNT, "vfsmount", "mnt_root", FILE_PATH)                                                        \
	M(SUPER_ROOT, SUPER, "super_block", "s_root", FILE_PATH)                                                       \
	M(DENTRY_PARENT, DENTRY, "dentry", "d_parent", FILE_PATH)                                                      \
	M(DENTRY_INODE, DENTRY, "dentry", "d_inode", FILE_PATH)                                                        \
	M(DENTRY_SB, DENTRY, "dentry", "d_sb", FILE_PATH)                                                              \
	M(DENTRY_NAME, DENTRY, "dentry", "d_name.name", FILE_PATH)                                                     \
	M(DENTRY_LEN, DENTRY, "dentry", "d_name.len", FILE_PATH)                                                       \
	M(DENTRY_INAME, DENTRY, "dentry", "d_iname", FILE_PATH)                                                        \
	M(DENTRY_SHORTNAME, DENTRY, "dentry", "d_shortname", FILE_PATH)                                                \
	M(NAMES_TEXT, NAMES, "", "", FILE_PATH)                                                                        \
	M(INODE_INO, INODE, "inode", "i_ino", FILE_STAT)                                                               \
	M(INODE_MODE, INODE, "inode", "i_mode", FILE_STAT)                                                             \
	M(INODE_UID, INODE, "inode", "i_uid", FILE_STAT)                                                               \
	M(INODE_GID, INODE, "inode", "i_gid", FILE_STAT)                                                               \
	M(INODE_RDEV, INODE, "inode", "i_rdev", FILE_STAT)                                                             \
	M(INODE_SIZE, INODE, "inode", "i_size", FILE_STAT)                                                             \
	M(INODE_NLINK, INODE, "inode", "i_nlink", FILE_STAT)                                                           \
	M(SUPER_DEV, SUPER, "super_block", "s_dev", FILE_STAT)                                                         \
	M(SUPER_MAGIC, SUPER, "super_block", "s_magic", FILE_STAT)                                                     \
	M(FILE_FLAGS, FILE, "file", "f_flags", FILE_INFO)                                                              \
	M(FILE_MODE, FILE, "file", "f_mode", FILE_INFO)                                                                \
	M(FILE_POS, FILE, "file", "f_pos", FILE_INFO)                                                                  \
	M(BPRM_FILENAME, BPRM, "linux_binprm", "filename", GIVEN)                                                      \
	M(BPRM_INTERP, BPRM, "linux_binprm", "interp", GIVEN)                                                          \
	M(BPRM_FILE, BPRM, "linux_binprm", "file", GIVEN)                                                              \
	M(BPRM_CRED, BPRM, "linux_binprm", "cred", GIVEN)                                                              \
	M(BPRM_ARGC, BPRM, "linux_binprm", "argc", GIVEN)                                                              \
	M(BPRM_ENVC, BPRM, "linux_binprm", "envc", GIVEN)

enum member {
#define M(id, ...) M_##id,
	MEMBERS(M)
#undef M
		MEMBER_COUNT,
};

/* Where a member lies in its part; bits: of a bit field, 0: whole bytes; size 0: this BTF has no such member. */
struct member_place {
	uint32_t offset, size;
	uint8_t shift, bits;
};

struct layout {
	struct member_place members[MEMBER_COUNT];
	struct {
		uint32_t offset, size; /* in its bundle, of one of them; size 0: this BTF has no such struct */
		uint32_t n;
	} parts[PART_COUNT];
	uint32_t sizes[BUNDLES]; /* a multiple of MEMBERS_ROUND */
	uint32_t *
		groups[BUNDLES]; /* by eight bytes of the bundle: the groups that something of it belongs to, as bits */
	uint32_t f_path, path_dentry, path_mnt; /* in struct file and struct path; UINT32_MAX: there is none */
	bool upid; /* there is a struct upid, with these: */
	uint32_t upid_nr, upid_ns;
};

enum { MEMBERS_ROUND = 256 };
_Static_assert(GROUP_COUNT <= 32, "a bit each");

extern const struct member_row {
	enum part part;
	const char *type, *path;
	enum group group;
} member_rows[MEMBER_COUNT];

extern const struct group_row {
	enum bundle bundle;
	bool once;
} group_rows[GROUP_COUNT];

/* layout_new - read a BTF. Return: 0, -ENOMEM, or -E2BIG: a bundle would be larger than @room. Given back by layout_free(). */
int layout_new(const struct btf *btf, uint32_t room, struct layout **out);
void layout_free(struct layout *l);

/* member_find - a member by the name of its type and its path ("f_path", "__sk_common.skc_daddr"); size 0: an array without an end. Return: false: there is none. */
bool member_find(const struct btf *btf, const char *type, const char *path, struct member_place *out);

#endif
