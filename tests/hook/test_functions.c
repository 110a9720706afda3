/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions that can be probed: the table that says so to users, and the one that runs their programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hook/task/functions.h"
#include "prog/points.h"

/* A row is on exactly where something serves it: else attaching would promise what no event brings, or refuse what it does. */
static void the_table_of_points_is_on_where_a_function_is_served(void **state)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++)
		if ((p->kind == POINT_FUNCTION || p->kind == POINT_LSM) &&
		    (p->truth != POINT_ABSENT) != (function_find(p->name, p->kind == POINT_LSM) != NULL))
			fail_msg("%s is %s, and %s", p->name, points_truth_name(p->truth),
				 p->truth == POINT_ABSENT ? "something serves it" : "nothing serves it");
	assert_null(function_find("no_such_function", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_points_is_on_where_a_function_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
