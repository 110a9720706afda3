/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of system calls and of points: in themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "prog/calls.h"
#include "prog/points.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static void a_call_is_found_by_its_name_else_by_its_tracepoints(void **state)
{
	const struct call_desc *c;
	unsigned int n = 0;

	for (int nr = -1; nr <= CALLS_MAX; nr++) {
		c = calls_at(nr);
		if (!c)
			continue;
		n++;
		assert_int_equal(c->nr, nr);
		assert_ptr_equal(calls_find(c->name), c);
		/* An entry is never the name of another call, so it leads back, too. */
		assert_ptr_equal(calls_find(c->entry), c);
		assert_true(c->n_args <= 6);
		for (int i = 0; i < 6; i++)
			assert_int_equal(c->args[i] != NULL, i < c->n_args);
	}
	assert_true(n > 350);
	assert_null(calls_find("no_such_call"));
	assert_int_equal(calls_find("openat")->nr, SYS_openat);
	assert_int_equal(calls_find("stat")->nr, SYS_stat);
	assert_int_equal(calls_find("newstat")->nr, SYS_stat);
	assert_int_equal(calls_find("umount2")->nr, SYS_umount2);
	assert_int_equal(calls_find("clone3")->nr, SYS_clone3);
}

static void every_call_has_both_tracepoints_and_a_function(void **state)
{
	static const struct {
		const char *format;
		enum point_kind kind;
		enum point_event event;
	} families[] = {
		{"syscalls/sys_enter_%s", POINT_TRACEPOINT, POINT_ON_CALL},
		{"syscalls/sys_exit_%s", POINT_TRACEPOINT, POINT_ON_RETURN},
		{"__x64_sys_%s", POINT_FUNCTION, POINT_ON_BOTH},
	};

	for (int nr = 0; nr < CALLS_MAX; nr++) {
		const struct call_desc *c = calls_at(nr);

		for (size_t f = 0; c && f < ARRAY_SIZE(families); f++) {
			const struct hook_point *p;
			char name[128];

			snprintf(name, sizeof(name), families[f].format, c->entry);
			p = points_find(families[f].kind, name);
			assert_non_null(p);
			assert_int_equal(p->event, families[f].event);
			assert_int_equal(p->n_calls, 1);
			assert_int_equal(p->calls[0], nr);
			assert_int_not_equal(p->truth, POINT_ABSENT);
		}
	}
}

static void each_row_is_the_only_one_of_its_name_and_id(void **state)
{
	const struct hook_point *p, *q;

	for (uint32_t i = 0; (p = points_at(i)); i++) {
		assert_int_equal(points_index(p), i);
		assert_true(p->kind < POINT_KINDS);
		assert_ptr_equal(points_find(p->kind, p->name), p);
		if (p->kind == POINT_TRACEPOINT) {
			assert_int_not_equal(p->id, 0);
			assert_ptr_equal(points_by_id(p->id), p);
			assert_non_null(strchr(p->name, '/'));
		} else {
			assert_int_equal(p->id, 0);
			assert_null(strchr(p->name, '/'));
		}
		for (uint32_t k = 0; k < i; k++) {
			q = points_at(k);
			assert_false(points_address(p) && points_address(p) == points_address(q));
		}
	}
}

static void rows_say_what_they_are(void **state)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++) {
		bool any = p->n_calls == 1 && p->calls[0] == POINT_ANY_CALL;
		bool on_call = p->event == POINT_ON_CALL || p->event == POINT_ON_RETURN || p->event == POINT_ON_BOTH;

		assert_non_null(p->decides);
		assert_true(p->n_calls <= POINT_CALLS);
		for (int k = 0; k < p->n_calls && !any; k++)
			assert_non_null(calls_at(p->calls[k]));
		/* What is not exact says why not; what is served has what brings it. */
		if (p->truth != POINT_EXACT)
			assert_non_null(p->why);
		if (p->truth != POINT_ABSENT)
			assert_int_equal(p->n_calls > 0, on_call);
		assert_int_equal(points_address(p) != 0, p->kind == POINT_FUNCTION && p->truth != POINT_ABSENT);
		if (p->kind == POINT_TRACEPOINT || p->kind == POINT_RAW_TP)
			assert_int_equal(points_context(p) != 0, p->truth != POINT_ABSENT);
	}
	assert_null(points_find(POINT_RAW_TP, "sys_enter_openat"));
	assert_null(points_find(POINT_FUNCTION, "no_such_function"));
	assert_null(points_by_id(0));
}

static void fields_follow_each_other_within_the_record(void **state)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++) {
		struct point_field fields[POINT_FIELDS];
		uint32_t n = points_fields(p, fields), end = POINT_RECORD;

		assert_int_equal(n != 0, p->kind == POINT_TRACEPOINT && p->truth != POINT_ABSENT);
		for (uint32_t k = 0; k < n; k++) {
			assert_true(fields[k].off >= end);
			end = fields[k].off + fields[k].size;
		}
		assert_true(!n || end == points_context(p));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_found_by_its_name_else_by_its_tracepoints),
		cmocka_unit_test(every_call_has_both_tracepoints_and_a_function),
		cmocka_unit_test(each_row_is_the_only_one_of_its_name_and_id),
		cmocka_unit_test(rows_say_what_they_are),
		cmocka_unit_test(fields_follow_each_other_within_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
