// SPDX-License-Identifier: BSD-2-Clause
/* Records of tracepoints are laid out as the BTF that skep presents says, so that what CO-RE relocates against is what is there. */
#include "hook/task/records.h"

#include "base/util.h"
#include "btf/kernel.h"

#include <bpf/btf.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct btf *btf;

static int setup(void **state)
{
	btf = btf__new(kernel_btf, (uint32_t)kernel_btf_len);
	return btf ? 0 : -1;
}

static int teardown(void **state)
{
	btf__free(btf);
	return 0;
}

/* Where a member lies, and how long it is. */
static void lies_at(const char *type, const char *member, size_t offset, size_t size)
{
	int32_t id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	if (!t)
		fail_msg("there is no %s", type);
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];

		if (strcmp(btf__name_by_offset(btf, m->name_off), member))
			continue;
		assert_int_equal(btf_member_bit_offset(t, i), offset * 8);
		assert_int_equal(btf__resolve_size(btf, m->type), size);
		return;
	}
	fail_msg("%s has no %s", type, member);
}

#define LIES_AT(type, member, part)                                                                                    \
	lies_at(type, member, offsetof(union record, part), sizeof(((union record *)0)->part))

static void records_lie_as_btf_says(void **state)
{
	LIES_AT("trace_event_raw_sys_enter", "id", call.nr);
	LIES_AT("trace_event_raw_sys_enter", "args", call.args);
	LIES_AT("trace_event_raw_sys_exit", "id", ret.nr);
	LIES_AT("trace_event_raw_sys_exit", "ret", ret.ret);
	LIES_AT("trace_event_raw_sched_process_fork", "__data_loc_parent_comm", fork.parent_comm);
	LIES_AT("trace_event_raw_sched_process_fork", "parent_pid", fork.parent_pid);
	LIES_AT("trace_event_raw_sched_process_fork", "__data_loc_child_comm", fork.child_comm);
	LIES_AT("trace_event_raw_sched_process_fork", "child_pid", fork.child_pid);
	LIES_AT("trace_event_raw_sched_process_exec", "__data_loc_filename", exec.filename);
	LIES_AT("trace_event_raw_sched_process_exec", "pid", exec.pid);
	LIES_AT("trace_event_raw_sched_process_exec", "old_pid", exec.old_pid);
	LIES_AT("trace_event_raw_sched_process_exit", "comm", exit.comm);
	LIES_AT("trace_event_raw_sched_process_exit", "pid", exit.pid);
	LIES_AT("trace_event_raw_sched_process_exit", "prio", exit.prio);
	LIES_AT("trace_event_raw_sched_process_exit", "group_dead", exit.group_dead);
}

static const char *text_at(const union record *r, uint32_t loc, uint32_t *len)
{
	*len = loc >> 16;
	return (const char *)r + (loc & 0xffff);
}

static void texts_lie_where_the_record_says(void **state)
{
	struct thread parent = {.own_tid = 7}, child = {.own_tid = 8};
	struct task_event e = {.thread = &parent, .child = &child, .old_tid = 6};
	char long_name[2 * RECORD_TEXT];
	union record r;
	uint32_t len;

	memset(&r, 0xff, sizeof(r));
	record_fork(&r, &e, "make");
	assert_string_equal(text_at(&r, r.fork.parent_comm, &len), "make");
	assert_int_equal(len, 5);
	assert_string_equal(text_at(&r, r.fork.child_comm, &len), "make");
	assert_int_equal(r.fork.parent_pid, 7);
	assert_int_equal(r.fork.child_pid, 8);
	memset(&r, 0xff, sizeof(r));
	record_exec(&r, &e, "/bin/true");
	assert_string_equal(text_at(&r, r.exec.filename, &len), "/bin/true");
	assert_int_equal(len, 10);
	assert_int_equal(r.exec.old_pid, 6);
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = 0;
	record_exec(&r, &e, long_name);
	assert_int_equal(strlen(text_at(&r, r.exec.filename, &len)), RECORD_TEXT - 1);
	assert_int_equal(len, RECORD_TEXT);
	e.last = true;
	record_exit(&r, &e, "a name that is too long");
	assert_int_equal(strlen(r.exit.comm), RECORD_COMM - 1);
	assert_int_equal(r.exit.pid, 7);
	assert_int_equal(r.exit.group_dead, 1);
}

static void a_call_has_its_own_arguments_and_no_others(void **state)
{
	struct task_event e = {.nr = 257, .args = {1, 2, 3, 4, 5, 6}, .result = -2};
	union record r;

	memset(&r, 0xff, sizeof(r));
	record_call(&r, &e, 4);
	assert_int_equal(r.call.nr, 257);
	assert_int_equal(r.call.args[3], 4);
	assert_int_equal(r.call.args[4], 0);
	assert_int_equal(r.call.args[5], 0);
	record_return(&r, &e);
	assert_int_equal(r.ret.ret, -2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_lie_as_btf_says),
		cmocka_unit_test(texts_lie_where_the_record_says),
		cmocka_unit_test(a_call_has_its_own_arguments_and_no_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
