/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf(2)'s commands. Each gets a private copy of the attributes (attr), and the address
 * (uattr, with usize bytes behind it) where results go. Each returns what the system call returns, or a negative errno.
 * hive->lock is not held when they are called.
 */
#ifndef SKEP_BPF_CMD_H
#define SKEP_BPF_CMD_H

#include "bpf/hive.h"

struct bpf_call {
	struct skep_hive *hive;
	union bpf_attr attr;
	uint64_t uattr;
	uint32_t usize;
	const void *frame; /* of skep_bpf(): the caller's call stack lies outside of it (helper/callstack.h) */
};

/* call_write_back - store one field of the attributes where the caller sees it; fields past its size are dropped. */
#define call_write_back(call, field)                                                                                   \
	call_write_field(call, offsetof(union bpf_attr, field), &(call)->attr.field, sizeof((call)->attr.field))
int call_write_field(struct bpf_call *call, size_t off, const void *from, size_t len);

/* Every command: command, handler, the last field it takes (all later ones must be zero). */
#define BPF_COMMANDS(X)                                                                                                \
	X(BPF_MAP_CREATE, cmd_map_create, map_extra)                                                                   \
	X(BPF_MAP_LOOKUP_ELEM, cmd_map_lookup, flags)                                                                  \
	X(BPF_MAP_UPDATE_ELEM, cmd_map_update, flags)                                                                  \
	X(BPF_MAP_DELETE_ELEM, cmd_map_delete, key)                                                                    \
	X(BPF_MAP_GET_NEXT_KEY, cmd_map_next_key, next_key)                                                            \
	X(BPF_MAP_LOOKUP_AND_DELETE_ELEM, cmd_map_lookup_and_delete, flags)                                            \
	X(BPF_MAP_LOOKUP_BATCH, cmd_map_batch, batch.flags)                                                            \
	X(BPF_MAP_LOOKUP_AND_DELETE_BATCH, cmd_map_batch, batch.flags)                                                 \
	X(BPF_MAP_UPDATE_BATCH, cmd_map_batch, batch.flags)                                                            \
	X(BPF_MAP_DELETE_BATCH, cmd_map_batch, batch.flags)                                                            \
	X(BPF_MAP_FREEZE, cmd_map_freeze, map_fd)                                                                      \
	X(BPF_PROG_LOAD, cmd_prog_load, core_relo_rec_size)                                                            \
	X(BPF_PROG_TEST_RUN, cmd_prog_test_run, test.batch_size)                                                       \
	X(BPF_PROG_BIND_MAP, cmd_prog_bind_map, prog_bind_map.flags)                                                   \
	X(BPF_PROG_GET_NEXT_ID, cmd_next_id, next_id)                                                                  \
	X(BPF_MAP_GET_NEXT_ID, cmd_next_id, next_id)                                                                   \
	X(BPF_BTF_GET_NEXT_ID, cmd_next_id, next_id)                                                                   \
	X(BPF_LINK_GET_NEXT_ID, cmd_next_id, next_id)                                                                  \
	X(BPF_PROG_GET_FD_BY_ID, cmd_fd_by_id, open_flags)                                                             \
	X(BPF_MAP_GET_FD_BY_ID, cmd_fd_by_id, open_flags)                                                              \
	X(BPF_BTF_GET_FD_BY_ID, cmd_fd_by_id, open_flags)                                                              \
	X(BPF_LINK_GET_FD_BY_ID, cmd_fd_by_id, open_flags)                                                             \
	X(BPF_OBJ_GET_INFO_BY_FD, cmd_info_by_fd, info.info)                                                           \
	X(BPF_OBJ_PIN, cmd_obj_pin, file_flags)                                                                        \
	X(BPF_OBJ_GET, cmd_obj_get, file_flags)                                                                        \
	X(BPF_BTF_LOAD, cmd_btf_load, btf_log_level)                                                                   \
	X(BPF_ENABLE_STATS, cmd_enable_stats, enable_stats.type)                                                       \
	X(BPF_PROG_ATTACH, cmd_prog_attach, replace_bpf_fd)                                                            \
	X(BPF_PROG_DETACH, cmd_prog_detach, replace_bpf_fd)                                                            \
	X(BPF_PROG_QUERY, cmd_prog_query, query.prog_attach_flags)                                                     \
	/* Its last field, the cookie of Linux 6.10, lies where a batch has its keys. */                               \
	X(BPF_RAW_TRACEPOINT_OPEN, cmd_raw_tracepoint_open, batch.keys)                                                \
	X(BPF_LINK_CREATE, cmd_link_create, link_create.kprobe_multi.cookies)                                          \
	X(BPF_LINK_UPDATE, cmd_link_update, link_update.old_prog_fd)                                                   \
	X(BPF_LINK_DETACH, cmd_link_detach, link_detach.link_fd)

#define X(cmd, fn, last) int fn(struct bpf_call *call, uint32_t which);
BPF_COMMANDS(X)
#undef X

#endif
