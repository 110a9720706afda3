// SPDX-License-Identifier: BSD-2-Clause
/* TC programs on an interface of the test's own network namespace, by tcx and by clsact: the order, and what is told of what others have deleted. */
#include "deploy/tc.h"

#include "base/util.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static uint32_t lo;

/* A program that asks the next one (TC_ACT_UNSPEC). */
static int program(void)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1},
					 {.code = BPF_JMP | BPF_EXIT}};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nothing", "GPL", insns, ARRAY_SIZE(insns), NULL);
}

static uint32_t id_of(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

static int set_up(void **state)
{
	AUTO_CLOSE int fd = unshare(CLONE_NEWNET) ? -1 : program();

	lo = if_nametoindex("lo");
	return 0;
}

static bool may(void)
{
	AUTO_CLOSE int fd = program();

	return fd >= 0 && !geteuid();
}

static void filters_have_the_order_of_their_numbers(void **state)
{
	struct tc_filter f[3] = {0};
	AUTO_CLOSE int p = may() ? program() : -1;

	if (p < 0)
		skip();
	assert_int_equal(clsact_attach(p, lo, false, 60, &f[0]), 0);
	assert_int_equal(clsact_attach(p, lo, false, 10, &f[1]), 0);
	assert_int_equal(clsact_attach(p, lo, false, 10, &f[2]), 0);
	assert_true(f[1].priority < f[2].priority && f[2].priority < f[0].priority);
	assert_true(f[0].qdisc && !f[1].qdisc && !f[2].qdisc);
	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		assert_int_equal(clsact_prog(&f[i]), id_of(p));
	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		assert_int_equal(clsact_detach(&f[i]), 0);
}

static void an_updated_filter_keeps_its_place(void **state)
{
	struct tc_filter f;
	AUTO_CLOSE int p = may() ? program() : -1;
	AUTO_CLOSE int q = p >= 0 ? program() : -1;

	if (p < 0)
		skip();
	assert_int_equal(clsact_attach(p, lo, true, 50, &f), 0);
	assert_int_equal(clsact_update(q, &f), 0);
	assert_int_equal(clsact_prog(&f), id_of(q));
	assert_int_equal(clsact_detach(&f), 0);
}

static void a_filter_that_others_deleted_is_not_there(void **state)
{
	struct tc_filter f, again;
	AUTO_CLOSE int p = may() ? program() : -1;

	if (p < 0)
		skip();
	assert_int_equal(clsact_attach(p, lo, false, 50, &f), 0);
	/* With another filter, without any, and without the qdisc. */
	assert_int_equal(clsact_attach(p, lo, false, 60, &again), 0);
	assert_int_equal(system("tc filter del dev lo ingress prio 12801 2>&1"), 0);
	assert_int_equal(clsact_prog(&f), 0);
	assert_int_equal(clsact_prog(&again), id_of(p));
	assert_int_equal(clsact_detach(&f), -ENOENT);
	assert_int_equal(system("tc filter del dev lo ingress"), 0);
	assert_int_equal(clsact_prog(&again), 0);
	assert_int_equal(system("tc qdisc del dev lo clsact 2>/dev/null; true"), 0);
	assert_int_equal(clsact_prog(&again), 0);
	assert_true(clsact_detach(&again) < 0);
}

static void the_last_filter_takes_the_qdisc_with_it(void **state)
{
	struct tc_filter f[2];
	AUTO_CLOSE int p = may() ? program() : -1;

	if (p < 0)
		skip();
	assert_int_equal(clsact_attach(p, lo, false, 50, &f[0]), 0);
	assert_int_equal(clsact_attach(p, lo, true, 50, &f[1]), 0);
	assert_int_equal(clsact_detach(&f[0]), 0);
	assert_int_equal(system("tc qdisc show dev lo | grep -q clsact"), 0);
	f[1].qdisc = true;
	assert_int_equal(clsact_detach(&f[1]), 0);
	assert_int_not_equal(system("tc qdisc show dev lo | grep -q clsact"), 0);
}

static int no_order(void *arg, uint32_t id)
{
	return -1;
}

static void a_link_comes_behind_those_of_others(void **state)
{
	AUTO_CLOSE int p = may() ? program() : -1;

	if (p < 0)
		skip();
	AUTO_CLOSE int a = tcx_attach(p, lo, false, 50, no_order, NULL);

	if (a == -EOPNOTSUPP)
		skip(); /* before Linux 6.6 */
	AUTO_CLOSE int q = program();
	AUTO_CLOSE int b = tcx_attach(q, lo, false, 10, no_order, NULL);

	assert_true(a >= 0 && b >= 0);
	assert_int_equal(tcx_attach(q, 0xffff, false, 10, no_order, NULL), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_have_the_order_of_their_numbers),
		cmocka_unit_test(an_updated_filter_keeps_its_place),
		cmocka_unit_test(a_filter_that_others_deleted_is_not_there),
		cmocka_unit_test(the_last_filter_takes_the_qdisc_with_it),
		cmocka_unit_test(a_link_comes_behind_those_of_others),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
