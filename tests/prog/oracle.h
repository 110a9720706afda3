/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running kernel as the oracle of the fact tables: load a program, read what the kernel's verifier says.
 * Nothing is attached or kept.
 */
#ifndef SKEP_TESTS_PROG_ORACLE_H
#define SKEP_TESTS_PROG_ORACLE_H

#include "base/uapi.h"
#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { ORACLE_SKIP = 77 };

struct oracle_prog {
	uint32_t type, attach, flags, btf_id, log_level;
	const struct bpf_insn *insns;
	uint32_t n;
	const char *license; /* NULL: GPL */
	int attach_btf_fd;
	const int *fds; /* for kfuncs of modules */
	int prog_btf_fd;
	const void *func_info;
	uint32_t func_info_n;
};

static char oracle_log[1 << 16];

/* oracle_load - Return: 0 or a negative errno; the kernel's words are in oracle_log when there are any. */
static inline int oracle_load(const struct oracle_prog *p)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = p->type;
	attr.expected_attach_type = p->attach;
	attr.prog_flags = p->flags;
	attr.attach_btf_id = p->btf_id;
	attr.insns = (uintptr_t)p->insns;
	attr.insn_cnt = p->n;
	attr.license = (uintptr_t)(p->license ? p->license : "GPL");
	attr.prog_btf_fd = (uint32_t)p->prog_btf_fd;
	attr.func_info = (uintptr_t)p->func_info;
	attr.func_info_cnt = p->func_info_n;
	attr.func_info_rec_size = p->func_info ? 8 : 0;
	attr.log_level = p->log_level;
	if (p->log_level) {
		attr.log_buf = (uintptr_t)oracle_log;
		attr.log_size = sizeof(oracle_log);
	}
	oracle_log[0] = 0;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* oracle_judged - the kernel's verifier looked at the program. */
static inline bool oracle_judged(int err)
{
	return !err || strstr(oracle_log, "processed ");
}

/* oracle_there - bpf(2) works for us and the kernel is the one that the tables describe; else says why not. */
static inline bool oracle_there(void)
{
	static const struct bpf_insn two[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	struct oracle_prog p = {.type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = two, .n = 2};
	int major = 0, minor = 0, err = oracle_load(&p);
	struct utsname u;

	if (err) {
		printf("skipped: bpf(2) is refused: %s\n", strerror(-err));
		return false;
	}
	uname(&u);
	if (sscanf(u.release, "%d.%d", &major, &minor) == 2 && major == 6 && minor == 18)
		return true;
	printf("skipped: the tables describe Linux 6.18, this is %s\n", u.release);
	return false;
}

#endif
