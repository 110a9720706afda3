/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "apps/lb_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MANY = 100 };

static struct lb_member members[MANY + 1];
static char names[MANY + 1][32];
static uint16_t table[LB_TABLE_SIZE], other[LB_TABLE_SIZE];

/* @n members of weight 1; @salt makes other names. */
static void name_members(uint32_t n, uint32_t salt)
{
	for (uint32_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "10.%u.0.%u 80", salt, i);
		members[i] = (struct lb_member){.name = names[i], .number = (uint16_t)(i + 1), .weight = 1};
	}
}

static void fill(uint16_t *t, uint32_t n)
{
	assert_int_equal(lb_table_fill(t, LB_TABLE_SIZE, members, n), 0);
}

static uint32_t slots_of(const uint16_t *t, uint16_t number)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < LB_TABLE_SIZE; i++)
		n += t[i] == number;
	return n;
}

static void members_share_all_slots_within_one_percent(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 7, 10, 33, MANY};

	for (uint32_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		const uint32_t n = sizes[k], fair = LB_TABLE_SIZE / n;

		name_members(n, k);
		fill(table, n);
		assert_int_equal(slots_of(table, 0), 0);
		for (uint16_t i = 1; i <= n; i++)
			assert_in_range(slots_of(table, i), fair - fair / 100, fair + fair / 100 + 1);
	}
}

static void weights_are_shares(void **state)
{
	name_members(4, 0);
	members[1].weight = 2;
	members[2].weight = 5;
	members[3].weight = 0;
	fill(table, 4);
	assert_in_range(slots_of(table, 1), LB_TABLE_SIZE / 8 - 20, LB_TABLE_SIZE / 8 + 20);
	assert_in_range(slots_of(table, 2), LB_TABLE_SIZE / 4 - 20, LB_TABLE_SIZE / 4 + 20);
	assert_in_range(slots_of(table, 3), LB_TABLE_SIZE * 5 / 8 - 20, LB_TABLE_SIZE * 5 / 8 + 20);
	assert_int_equal(slots_of(table, 4), 0);
}

static void the_order_of_members_does_not_matter(void **state)
{
	name_members(20, 1);
	fill(table, 20);
	for (uint32_t i = 0; i < 10; i++) {
		struct lb_member m = members[i];

		members[i] = members[19 - i];
		members[19 - i] = m;
	}
	fill(other, 20);
	assert_memory_equal(table, other, sizeof(table));
}

/*
 * Slots of others that change hands when the last of @n members leaves, in thousandths of the table: the mean of
 * 20 sets of names. Their own slots must change; a table that starts afresh would move nearly all.
 */
static uint32_t disruption(uint32_t n)
{
	uint64_t moved = 0;

	for (uint32_t salt = 0; salt < 20; salt++) {
		name_members(n, salt);
		fill(table, n);
		fill(other, n - 1);
		for (uint32_t i = 0; i < LB_TABLE_SIZE; i++)
			moved += table[i] != n && table[i] != other[i];
	}
	return (uint32_t)(moved * 1000 / (20ull * LB_TABLE_SIZE));
}

static void few_slots_of_others_move_when_a_member_leaves(void **state)
{
	static const uint32_t sizes[] = {2, 3, 10, 30, MANY};

	for (uint32_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		uint32_t d = disruption(sizes[k]);

		print_message("%u members: %u.%u %% of the table moves beyond the slots of the one that leaves\n",
			      sizes[k], d / 10, d % 10);
		assert_in_range(d, 0, 60);
	}
}

static void what_cannot_be_a_table_is_refused(void **state)
{
	name_members(3, 0);
	assert_int_equal(lb_table_fill(table, 1000, members, 3), -EINVAL);
	assert_int_equal(lb_table_fill(table, 0, members, 3), -EINVAL);
	assert_int_equal(lb_table_fill(table, 1, members, 1), -EINVAL);
	assert_int_equal(lb_table_fill(table, 131072, members, 3), -EINVAL);
	assert_int_equal(lb_table_fill(table, 2, members, 3), -ENOSPC);
	members[1].number = 0;
	assert_int_equal(lb_table_fill(table, 16, members, 3), -EINVAL);
	members[1].number = 2;
	members[2].name = members[0].name;
	assert_int_equal(lb_table_fill(table, 16, members, 3), -EINVAL);
}

static void nobody_with_a_weight_is_an_empty_table(void **state)
{
	name_members(2, 0);
	memset(table, 0xff, sizeof(table));
	fill(table, 0);
	assert_int_equal(slots_of(table, 0), LB_TABLE_SIZE);
	members[0].weight = members[1].weight = 0;
	memset(table, 0xff, sizeof(table));
	fill(table, 2);
	assert_int_equal(slots_of(table, 0), LB_TABLE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_share_all_slots_within_one_percent),
		cmocka_unit_test(weights_are_shares),
		cmocka_unit_test(the_order_of_members_does_not_matter),
		cmocka_unit_test(few_slots_of_others_move_when_a_member_leaves),
		cmocka_unit_test(what_cannot_be_a_table_is_refused),
		cmocka_unit_test(nobody_with_a_weight_is_an_empty_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
