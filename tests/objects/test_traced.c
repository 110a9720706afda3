/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs on points of tasks, attached by libbpf as users write them: each kind of section comes to its point, a hook hears of it, and what cannot be
 * attached is refused with a sentence. Never against the kernel: these attach system-wide there.
 */
#include "util.h"

#include "bpf/hive.h"
#include "bpf/link.h"
#include "bpf/object.h"
#include "prog/points.h"

#include <errno.h>
#include <string.h>

static struct {
	struct hive_hook hook;
	const struct hive_link *link;
	unsigned int attached, detached;
} told;

static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	told.link = link;
	told.attached++;
	return 0;
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
	told.link = NULL;
	told.detached++;
}

static void serve(void)
{
	memset(&told, 0, sizeof(told));
	told.hook = (struct hive_hook){
		.attach_type = BPF_PERF_EVENT, .also = POINT_ATTACH_TYPES, .attach = attach, .detach = detach};
	assert_int_equal(hive_hook_add(test.hive, &told.hook), 0);
}

static const struct {
	const char *prog, *point;
	enum point_kind kind;
	bool on_return;
	uint32_t attach_type, link_type;
} attached[] = {
	{"tp_enter", "syscalls/sys_enter_openat", POINT_TRACEPOINT, false, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"tp_exit", "syscalls/sys_exit_openat", POINT_TRACEPOINT, false, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"tp_any", "raw_syscalls/sys_enter", POINT_TRACEPOINT, false, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"tp_exec", "sched/sched_process_exec", POINT_TRACEPOINT, false, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"raw_enter", "sys_enter", POINT_RAW_TP, false, BPF_TRACE_RAW_TP, BPF_LINK_TYPE_RAW_TRACEPOINT},
	{"raw_exec", "sched_process_exec", POINT_RAW_TP, false, BPF_TRACE_RAW_TP, BPF_LINK_TYPE_RAW_TRACEPOINT},
	{"btf_exec", "sched_process_exec", POINT_RAW_TP, false, BPF_TRACE_RAW_TP, BPF_LINK_TYPE_RAW_TRACEPOINT},
	{"btf_exit", "sys_exit", POINT_RAW_TP, false, BPF_TRACE_RAW_TP, BPF_LINK_TYPE_RAW_TRACEPOINT},
	{"call_openat", "__x64_sys_openat", POINT_FUNCTION, false, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"ret_openat", "__x64_sys_openat", POINT_FUNCTION, true, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"probe_close", "__x64_sys_close", POINT_FUNCTION, false, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"probe_open", "do_sys_openat2", POINT_FUNCTION, false, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"probe_opened", "vfs_open", POINT_FUNCTION, true, BPF_PERF_EVENT, BPF_LINK_TYPE_PERF_EVENT},
	{"entry_connect", "tcp_v4_connect", POINT_FUNCTION, false, BPF_TRACE_FENTRY, BPF_LINK_TYPE_TRACING},
	{"exit_open", "vfs_open", POINT_FUNCTION, true, BPF_TRACE_FEXIT, BPF_LINK_TYPE_TRACING},
	{"entry_unlink", "vfs_unlink", POINT_FUNCTION, false, BPF_TRACE_FENTRY, BPF_LINK_TYPE_TRACING},
	{"entry_unlinkat", "__x64_sys_unlinkat", POINT_FUNCTION, false, BPF_TRACE_FENTRY, BPF_LINK_TYPE_TRACING},
	{"lsm_open", "file_open", POINT_LSM, false, BPF_LSM_MAC, BPF_LINK_TYPE_TRACING},
	{"lsm_exec", "bprm_check_security", POINT_LSM, false, BPF_LSM_MAC, BPF_LINK_TYPE_TRACING},
};

static void each_section_comes_to_its_point(void **state)
{
	struct bpf_object *obj = load_object("traced");

	serve();
	for (size_t i = 0; i < ARRAY_SIZE(attached); i++) {
		const struct hook_point *point = points_find(attached[i].kind, attached[i].point);
		struct bpf_link_info info = {0};
		uint32_t len = sizeof(info);
		struct bpf_link *link;

		assert_non_null(point);
		told.link = NULL;
		said_clear();
		link = bpf_program__attach(program_of(obj, attached[i].prog));
		if (point->truth == POINT_ABSENT) {
			assert_null(link);
			assert_int_equal(errno, EOPNOTSUPP);
			assert_non_null(strstr(test.said, point->why));
			continue;
		}
		if (!link || !told.link) {
			fail_msg("%s: %s\n%s", attached[i].prog, strerror(errno), test.said);
			return;
		}
		assert_ptr_equal(told.link->point, point);
		assert_int_equal(told.link->on_return, attached[i].on_return);
		assert_int_equal(told.link->attach_type, attached[i].attach_type);
		assert_int_equal(bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len), 0);
		assert_int_equal(info.type, attached[i].link_type);
		if (info.type == BPF_LINK_TYPE_TRACING)
			assert_int_equal(info.tracing.attach_type, attached[i].attach_type);
		assert_int_equal(bpf_link__destroy(link), 0);
		assert_null(told.link);
	}
	assert_true(told.attached >= 16);
	assert_int_equal(told.attached, told.detached);
	bpf_object__close(obj);
}

static void what_cannot_be_attached_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *prog;
		int err;
		const char *says;
	} refused[] = {
		{"no_tp", ENOENT, "tracepoint 'sched/sched_switch' is not served: "},
		{"no_such_tp", ENOENT, "there is no tracepoint 'mine/no_such' here"},
		{"no_raw", EOPNOTSUPP, "raw tracepoint 'sched_switch' is not served: "},
		{"no_such_raw", ENOENT, "there is no raw tracepoint 'no_such' here"},
		{"no_probe", EOPNOTSUPP, "function 'vfs_readv' is not served: "},
		{"no_such_probe", ENOENT, "there is no function 'no_such' here"},
		{"no_such_call", ENOENT, "there is no function '__x64_sys_no_such' here"},
		{"no_middle", EOPNOTSUPP, "kprobe at do_sys_openat2+0x10"},
		{"no_multi", EOPNOTSUPP, "kprobe.multi is not served"},
		{"no_uprobe", EOPNOTSUPP, "uprobes are not served"},
		{"no_kfunc", ENOENT, "there is no function 'bpf_strlen' here"},
	};
	struct bpf_object *obj = load_object("traced");

	serve();
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		said_clear();
		assert_null(bpf_program__attach(program_of(obj, refused[i].prog)));
		if (errno != refused[i].err || !strstr(test.said, refused[i].says))
			fail_msg("%s: %s\n%s", refused[i].prog, strerror(errno), test.said);
	}
	assert_int_equal(told.attached, 0);
	bpf_object__close(obj);
}

/* What an object's loader hears of skep when a type is missing that a program is to be attached to. */
static void what_has_no_type_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *prog, *point;
		enum point_kind kind;
	} absent[] = {
		{"absent_btf", "sched_switch", POINT_RAW_TP},
		{"absent_entry", "vfs_readv", POINT_FUNCTION},
		{"no_such_entry", NULL, POINT_FUNCTION},
	};

	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		const char *why = absent[i].point ? points_find(absent[i].kind, absent[i].point)->why
						  : "skep's own BTF does not have";
		struct skep_object *obj;
		AUTO_FREE void *data = NULL;
		size_t len;

		assert_int_equal(object_read(object_path("traced"), &data, &len), 0);
		assert_int_equal(object_open(test.hive, data, len, "traced", &obj), 0);
		bpf_program__set_autoload(program_of(object_libbpf(obj), absent[i].prog), true);
		said_clear();
		assert_true(object_load(obj, "traced") < 0);
		assert_non_null(strstr(test.last_error, why));
		skep_object_close(obj);
	}
}

static void without_tasks_all_is_refused_with_a_sentence(void **state)
{
	struct bpf_object *obj = load_object("traced");

	for (size_t i = 0; i < ARRAY_SIZE(attached); i++) {
		said_clear();
		assert_null(bpf_program__attach(program_of(obj, attached[i].prog)));
		assert_int_equal(errno, EOPNOTSUPP);
		if (points_find(attached[i].kind, attached[i].point)->truth != POINT_ABSENT)
			assert_non_null(strstr(test.said, "this hive sees no tasks"));
	}
	bpf_object__close(obj);
}

static void cookies_reach_the_hook(void **state)
{
	LIBBPF_OPTS(bpf_tracepoint_opts, tp, .bpf_cookie = 11);
	LIBBPF_OPTS(bpf_kprobe_opts, probe, .bpf_cookie = 22, .retprobe = true);
	LIBBPF_OPTS(bpf_trace_opts, trace, .cookie = 33);
	struct bpf_object *obj = load_object("traced");
	struct bpf_link *links[3];

	serve();
	links[0] = bpf_program__attach_tracepoint_opts(program_of(obj, "tp_exec"), "sched", "sched_process_fork", &tp);
	assert_non_null(links[0]);
	assert_int_equal(told.link->cookie, 11);
	links[1] = bpf_program__attach_kprobe_opts(program_of(obj, "no_probe"), "__x64_sys_read", &probe);
	assert_non_null(links[1]);
	assert_int_equal(told.link->cookie, 22);
	assert_true(told.link->on_return);
	links[2] = bpf_program__attach_trace_opts(program_of(obj, "exit_open"), &trace);
	assert_non_null(links[2]);
	assert_int_equal(told.link->cookie, 33);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		bpf_link__destroy(links[i]);
	bpf_object__close(obj);
}

/* What was loaded for a type has its place from there: the call may say no other, and older libbpf opens it as a raw tracepoint. */
static void a_type_says_where_and_the_call_may_not(void **state)
{
	LIBBPF_OPTS(bpf_link_create_opts, named, .target_btf_id = 1);
	struct bpf_object *obj = load_object("traced");
	int entry = bpf_program__fd(program_of(obj, "entry_connect")),
	    raw = bpf_program__fd(program_of(obj, "btf_exec"));
	int link;

	serve();
	assert_int_equal(bpf_link_create(entry, 0, BPF_PERF_EVENT, NULL), -EINVAL);
	/* libbpf tries EINVAL again the older way, which does not look at the attach type. */
	assert_true(bpf_link_create(entry, raw, BPF_TRACE_FENTRY, NULL) == -EINVAL);
	assert_int_equal(bpf_link_create(entry, 0, BPF_TRACE_FENTRY, &named), -EINVAL);
	assert_int_equal(bpf_link_create(entry, raw, BPF_TRACE_FENTRY, &named), -EOPNOTSUPP);
	assert_non_null(strstr(test.said, "tracing other eBPF programs is not served"));
	assert_int_equal(bpf_raw_tracepoint_open("sys_enter", raw), -EINVAL);
	assert_int_equal(told.attached, 0);
	link = bpf_raw_tracepoint_open(NULL, entry);
	assert_true(link >= 0);
	assert_string_equal(told.link->point->name, "tcp_v4_connect");
	close(link);
	link = bpf_raw_tracepoint_open(NULL, raw);
	assert_true(link >= 0);
	assert_string_equal(told.link->point->name, "sched_process_exec");
	close(link);
	bpf_object__close(obj);
}

/* As many buffers as there are workers, whatever the machine has. */
static void a_perf_buffer_has_a_part_for_every_worker(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int map = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "events", 4, 4, 64, &opts);
	struct perf_buffer *buffer = perf_buffer__new(map, 8, NULL, NULL, NULL, NULL);

	assert_non_null(buffer);
	assert_int_equal(perf_buffer__buffer_cnt(buffer), TEST_CPUS);
	perf_buffer__free(buffer);
	close(map);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(a_perf_buffer_has_a_part_for_every_worker),
		LOADED_TEST(each_section_comes_to_its_point),
		LOADED_TEST(what_cannot_be_attached_is_refused_with_a_sentence),
		LOADED_TEST(what_has_no_type_is_refused_with_the_reason),
		LOADED_TEST(without_tasks_all_is_refused_with_a_sentence),
		LOADED_TEST(cookies_reach_the_hook),
		LOADED_TEST(a_type_says_where_and_the_call_may_not),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "traced");
}
