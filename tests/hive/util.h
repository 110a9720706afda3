/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of src/hive share: a served hive in a folder of its own, and clients of it. */
#ifndef TESTS_HIVE_UTIL_H
#define TESTS_HIVE_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/uapi.h"
#include "base/util.h"
#include "bpf/hive.h"
#include "hive/client.h"
#include "hive/server.h"
#include "hive/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The served hive is in a process of its own, so that it can be killed. */
extern pid_t served;
extern struct place place;
extern struct client client; /* of this process */
extern char why[256]; /* what the client had to say last */

int served_setup(void **state);
int served_teardown(void **state);
void serve_start(void); /* a server; returns when it listens */
void serve_kill(void);

#define SERVED_TEST(fn) cmocka_unit_test_setup_teardown(fn, served_setup, served_teardown)

/* call - bpf(2) over the socket with designated fields: call(BPF_MAP_CREATE, .map_type = ...). */
#define call(cmd, ...)                                                                                                 \
	client_bpf(&client, cmd, (uintptr_t) & (union bpf_attr){__VA_ARGS__}, sizeof(union bpf_attr), why, sizeof(why))

#define PTR(p) ((uintptr_t)(p))

int make_hash(uint32_t max_entries); /* 4-byte keys, 8-byte values */
int make_prog(int32_t ret); /* an XDP program that returns @ret */
int update(int map, uint32_t key, uint64_t value);
int lookup(int map, uint32_t key, uint64_t *value);

/* hive_is_well - another client's whole round: it makes a map, puts something in and reads it. Fails the test otherwise. */
void hive_is_well(void);

/* raw_connect - a socket to the hive that has said nothing yet; raw_greet says hello and hears it. */
int raw_connect(void);
int raw_greet(void);

/* in_child - run a function in a child. Return: its exit code, or 128 and the signal's number. */
int in_child(int (*fn)(void *arg), void *arg);

#endif
