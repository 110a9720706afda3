/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of bpf(2) share: a hive, calls to it, and small objects in one line each. */
#ifndef TESTS_BPF_UTIL_H
#define TESTS_BPF_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/uapi.h"
#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/seam.h"
#include "skep/skep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* A test's hive; its log's last line stands in test_line, the number of its ERROR lines in test_errors. */
extern struct skep_hive *hive;
extern char test_line[1024];
extern unsigned int test_errors;
/* Flags of the hives that test_hive_setup() makes; 0 unless a test's main() says otherwise. */
extern uint32_t test_hive_flags;

int test_hive_setup(void **state);
int test_hive_teardown(void **state);

#define HIVE_TEST(fn) cmocka_unit_test_setup_teardown(fn, test_hive_setup, test_hive_teardown)

/* call - bpf(2) of the hive with designated fields: call(BPF_MAP_CREATE, .map_type = ...). */
#define call(cmd, ...) skep_bpf(hive, cmd, &(union bpf_attr){__VA_ARGS__}, sizeof(union bpf_attr))

#define PTR(p) ((uintptr_t)(p))

/*
 * Two sides that must answer the same: 0 is the kernel, 1 the hive. Loops over them begin with first_side(): 1 where bpf(2) is
 * refused to us, after test_with_kernel() has looked, which says so.
 */
void test_with_kernel(void);
bool with_kernel(void);
int first_side(void);
int bpf_of(int side, int cmd, union bpf_attr *attr);
#define BPF(side, cmd, ...) bpf_of(side, cmd, &(union bpf_attr){__VA_ARGS__})

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV_IMM(reg, i)     INSN(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, i)
#define EXIT()              INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define CALL(helper)        INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
/* Two slots: the map behind an fd. */
#define LD_MAP(reg, fd) INSN(BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

/* make_map, make_prog - an fd; what fails fails the test. */
int make_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags);
int make_array(void); /* 4 elements of 8 bytes */
int make_prog_insns(uint32_t type, const struct bpf_insn *insns, uint32_t n);
int make_prog(uint32_t type, int32_t ret); /* returns @ret */
/* make_prog_using - an XDP program that looks into element 0 of a map and returns its first 4 bytes, or -1. */
int make_prog_using(int map_fd);
int make_btf(void);

/* run_xdp - one run over 64 zero bytes: the program's return value, or a negative errno. */
int64_t run_xdp(int prog_fd);

/* ids - how many objects of a kind can be reached: BPF_MAP_GET_NEXT_ID and kin. */
unsigned int count_ids(int next_id_cmd);
uint32_t id_of(int fd); /* of a map, program or link */

/* raw_btf - BTF of an int (type 1), a function (3) and an enum (4), ready to load. Return: its size. */
uint32_t raw_btf(void *to, size_t room);

/* send_fd, receive_fd - over a Unix socket. */
void send_fd(int sock, int fd);
int receive_fd(int sock);

#endif
