/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks by name: which LSM hooks may sleep, and which helpers the function decides that a program is attached to
 * (HELPER_BY_HOOK). Linux 6.18's lists.
 */
#include "base/util.h"
#include "verify/call.h"

#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

/* Sorted. What the kernel's LSM calls where it may sleep; names without "bpf_lsm_". */
static const char *const sleepable[] = {
	"bpf",
	"bpf_map",
	"bpf_map_create",
	"bpf_map_free",
	"bpf_prog",
	"bpf_prog_load",
	"bpf_token_capable",
	"bpf_token_cmd",
	"bpf_token_create",
	"bpf_token_free",
	"bprm_check_security",
	"bprm_committed_creds",
	"bprm_committing_creds",
	"bprm_creds_for_exec",
	"bprm_creds_from_file",
	"capget",
	"capset",
	"cred_prepare",
	"current_getsecid_subj",
	"file_ioctl",
	"file_lock",
	"file_open",
	"file_post_open",
	"file_receive",
	"inode_create",
	"inode_free_security",
	"inode_getattr",
	"inode_getxattr",
	"inode_mknod",
	"inode_need_killpriv",
	"inode_post_setxattr",
	"inode_readlink",
	"inode_rename",
	"inode_rmdir",
	"inode_setattr",
	"inode_setxattr",
	"inode_symlink",
	"inode_unlink",
	"kernel_module_request",
	"kernel_read_file",
	"kernfs_init_security",
	"mmap_file",
	"netlink_send",
	"path_chmod",
	"path_chown",
	"path_link",
	"path_mkdir",
	"path_notify",
	"path_rename",
	"path_rmdir",
	"path_symlink",
	"path_truncate",
	"path_unlink",
	"release_secctx",
	"sb_alloc_security",
	"sb_eat_lsm_opts",
	"sb_kern_mount",
	"sb_mount",
	"sb_remount",
	"sb_set_mnt_opts",
	"sb_show_options",
	"sb_statfs",
	"sb_umount",
	"settime",
	"socket_accept",
	"socket_bind",
	"socket_connect",
	"socket_create",
	"socket_getpeername",
	"socket_getpeersec_dgram",
	"socket_getsockname",
	"socket_getsockopt",
	"socket_listen",
	"socket_post_create",
	"socket_recvmsg",
	"socket_sendmsg",
	"socket_shutdown",
	"socket_socketpair",
	"syslog",
	"task_alloc",
	"task_getsecid_obj",
	"task_prctl",
	"task_setscheduler",
	"userns_create",
};

/* Sorted. Functions whose paths bpf_d_path() may read without a deadlock. */
static const char *const path_functions[] = {
	"dentry_open",
	"filp_close",
	"security_file_open",
	"security_file_permission",
	"security_inode_getattr",
	"security_path_truncate",
	"vfs_fallocate",
	"vfs_getattr",
	"vfs_truncate",
};

static int by_name(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

static bool is_in(const char *name, const char *const *names, size_t n)
{
	return bsearch(name, names, n, sizeof(*names), by_name);
}

bool lsm_hook_sleeps(const char *function)
{
	static const char prefix[] = "bpf_lsm_";

	return !strncmp(function, prefix, sizeof(prefix) - 1) &&
	       is_in(function + sizeof(prefix) - 1, sleepable, ARRAY_SIZE(sleepable));
}

static const char *attach_name(const struct verifier *v)
{
	const struct verify_attach *a = &v->in->attach;
	const struct btf_type *t = a->btf ? btf__type_by_id(a->btf, a->btf_id) : NULL;

	return t ? btf__name_by_offset(a->btf, t->name_off) : "";
}

uint32_t helper_type(const struct verifier *v, uint32_t id)
{
	/* Iterators over sockets that are locked meanwhile: what a congestion control may do. */
	if (v->prog_type == BPF_PROG_TYPE_TRACING && v->attach_type == BPF_TRACE_ITER &&
	    (id == BPF_FUNC_setsockopt || id == BPF_FUNC_getsockopt) &&
	    (!strcmp(attach_name(v), "bpf_iter_tcp") || !strcmp(attach_name(v), "bpf_iter_unix")))
		return BPF_PROG_TYPE_STRUCT_OPS;
	return v->prog_type;
}

/* LSM hooks where the socket is locked, or nobody else has it yet. */
static const char *const sockopt_hooks[] = {
	"bpf_lsm_inet_conn_established", "bpf_lsm_inet_csk_clone",    "bpf_lsm_sock_graft",
	"bpf_lsm_socket_post_create",    "bpf_lsm_socket_socketpair",
};

bool hook_forbids(const struct verifier *v, uint32_t id)
{
	bool sockopt = id == BPF_FUNC_setsockopt || id == BPF_FUNC_getsockopt;

	switch (v->prog_type) {
	case BPF_PROG_TYPE_LSM:
		return sockopt && !is_in(attach_name(v), sockopt_hooks, ARRAY_SIZE(sockopt_hooks));
	case BPF_PROG_TYPE_STRUCT_OPS:
		if (v->hook.ops && v->hook.ops->no_helpers)
			return true;
		if (!sockopt && id != BPF_FUNC_sk_storage_get && id != BPF_FUNC_sk_storage_delete &&
		    id != BPF_FUNC_tcp_send_ack && id != BPF_FUNC_ktime_get_coarse_ns)
			return false;
		if (strcmp(attach_name(v), "tcp_congestion_ops") != 0)
			return true;
		/* Set while the socket closes, it would release the algorithm again. */
		return sockopt && (!v->hook.name || !strcmp(v->hook.name, "release"));
	default:
		return false;
	}
}

bool hook_allows(const struct verifier *v, const struct helper_desc *h)
{
	const char *name = attach_name(v);

	switch (h->id) {
	case BPF_FUNC_d_path:
		if (v->prog_type == BPF_PROG_TYPE_TRACING && v->attach_type == BPF_TRACE_ITER)
			return true;
		if (v->prog_type == BPF_PROG_TYPE_LSM)
			return lsm_hook_sleeps(name);
		return is_in(name, path_functions, ARRAY_SIZE(path_functions));
	case BPF_FUNC_ima_inode_hash:
	case BPF_FUNC_ima_file_hash:
		return lsm_hook_sleeps(name);
	case BPF_FUNC_sk_storage_get:
	case BPF_FUNC_sk_storage_delete:
		switch (v->attach_type) {
		case BPF_TRACE_ITER:
		case BPF_TRACE_RAW_TP:
			return true;
		case BPF_TRACE_FENTRY:
		case BPF_TRACE_FEXIT:
			/* The storage's own functions would come back to themselves. */
			return strncmp(name, "bpf_sk_storage", strlen("bpf_sk_storage")) != 0;
		default:
			return false;
		}
	default:
		return false;
	}
}
