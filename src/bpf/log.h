/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller's log buffer (log_level, log_buf, log_size of BPF_PROG_LOAD and BPF_BTF_LOAD): text for people, written
 * as the kernel writes it: as much as fits of its end (level 8: of its beginning), ended by a NUL; -ENOSPC for a call
 * whose text did not fit.
 */
#ifndef SKEP_BPF_LOG_H
#define SKEP_BPF_LOG_H

#include <stddef.h>
#include <stdint.h>

struct user_log {
	uint64_t buf; /* address in the caller; 0: nobody reads */
	uint32_t size;
	uint32_t level; /* 1: what went wrong; 2: more; 4: statistics; 8: keep the beginning */
	char *text; /* what was written so far */
	size_t len, room;
	size_t most; /* bytes that it had at one time */
	size_t dropped; /* bytes from the beginning that no longer fit */
};

/* user_log_open - check the triple (kernel/bpf/log.c: bpf_verifier_log_attr_valid). 0 or -EINVAL. */
int user_log_open(struct user_log *log, uint64_t buf, uint32_t size, uint32_t level);

void user_log_add(struct user_log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* user_log_rewind - forget all but the first @len bytes. */
void user_log_rewind(struct user_log *log, size_t len);

/*
 * user_log_close - hand the text over and free it.
 * @ret: what the command is about to return
 * Return: @ret; or -ENOSPC, -EFAULT when the text could not be handed over.
 */
int user_log_close(struct user_log *log, int ret);

#endif
