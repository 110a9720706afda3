/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs on points of tasks: perf events, raw tracepoints, their links and what is refused, with a hook that notes what it is told. */
#include "util.h"

#include "bpf/event.h"
#include "bpf/link.h"
#include "prog/points.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "bpf/seam_calls.h"

/* What the hook was told last. */
static struct {
	struct hive_hook hook;
	struct hive_link *link; /* NULL: it was detached */
	unsigned int attached, detached;
	int refuse;
} told;

static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	if (told.refuse)
		return told.refuse;
	told.link = link;
	told.attached++;
	return 0;
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
	if (told.link == link)
		told.link = NULL;
	told.detached++;
}

static int setup(void **state)
{
	int ret = test_hive_setup(state);

	memset(&told, 0, sizeof(told));
	told.hook = (struct hive_hook){
		.attach_type = BPF_PERF_EVENT, .also = POINT_ATTACH_TYPES, .attach = attach, .detach = detach};
	return ret ? ret : hive_hook_add(hive, &told.hook);
}

#define POINT_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, test_hive_teardown)

static int open_attr(struct perf_event_attr attr, int pid, int cpu)
{
	attr.size = attr.size ? attr.size : sizeof(attr);
	return hive_perf_event_open(hive, PTR(&attr), pid, cpu);
}

static int open_tracepoint(const char *name)
{
	return open_attr((struct perf_event_attr){.type = PERF_TYPE_TRACEPOINT,
						  .config = points_find(POINT_TRACEPOINT, name)->id},
			 -1, 0);
}

static int open_kprobe(const char *name, bool on_return)
{
	return open_attr((struct perf_event_attr){.type = PMU_KPROBE, .config = on_return, .kprobe_func = PTR(name)},
			 -1, 0);
}

static int link_event(int prog, int event)
{
	return call(BPF_LINK_CREATE, .link_create = {.prog_fd = (uint32_t)prog,
						     .target_fd = (uint32_t)event,
						     .attach_type = BPF_PERF_EVENT,
						     .perf_event.bpf_cookie = 77});
}

static int open_raw(int prog, const char *name)
{
	return call(BPF_RAW_TRACEPOINT_OPEN, .raw_tracepoint = {.name = PTR(name), .prog_fd = (uint32_t)prog});
}

/* A program that reads one word of its context, at an offset. */
static int make_reader(uint32_t type, int16_t off)
{
	const struct bpf_insn insns[] = {INSN(BPF_LDX | BPF_MEM | BPF_DW, 0, 1, off, 0), MOV_IMM(0, 0), EXIT()};

	return make_prog_insns(type, insns, ARRAY_SIZE(insns));
}

static void a_link_on_an_event_tells_the_hook_its_point(void **state)
{
	int prog = make_prog(BPF_PROG_TYPE_TRACEPOINT, 0), probe = make_prog(BPF_PROG_TYPE_KPROBE, 0);
	int event = open_tracepoint("syscalls/sys_enter_openat"), end = open_kprobe("__x64_sys_openat", true);
	int link, other;

	assert_true(event >= 0 && end >= 0);
	link = link_event(prog, event);
	assert_true(link >= 0);
	assert_ptr_equal(told.link->point, points_find(POINT_TRACEPOINT, "syscalls/sys_enter_openat"));
	assert_int_equal(told.link->point->calls[0], SYS_openat);
	assert_false(told.link->on_return);
	assert_int_equal(told.link->cookie, 77);
	assert_int_equal(told.link->attach_type, BPF_PERF_EVENT);
	other = link_event(probe, end);
	assert_true(other >= 0);
	assert_ptr_equal(told.link->point, points_find(POINT_FUNCTION, "__x64_sys_openat"));
	assert_true(told.link->on_return);
	close(other);
	close(end);
	close(probe);
	/* The link keeps its event. */
	close(event);
	close(prog);
	hive_sweep(hive);
	assert_int_equal(told.detached, 1);
	close(link);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
	assert_int_equal(told.detached, 2);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
}

/* What the kernel allows by ALLOW_ERROR_INJECTION. */
static void a_return_is_overridden_at_the_begin_of_system_calls_only(void **state)
{
	const struct bpf_insn insns[] = {MOV_IMM(2, -13), INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_override_return),
					 MOV_IMM(0, 0), EXIT()};
	int prog = make_prog_insns(BPF_PROG_TYPE_KPROBE, insns, ARRAY_SIZE(insns)),
	    plain = make_prog(BPF_PROG_TYPE_KPROBE, 0);
	int begin = open_kprobe("__x64_sys_openat", false), end = open_kprobe("__x64_sys_openat", true),
	    other = open_kprobe("do_sys_openat2", false);
	int link = link_event(prog, begin), plain_link;

	assert_true(link >= 0 && end >= 0 && other >= 0);
	assert_int_equal(link_event(prog, end), -EINVAL);
	assert_int_equal(link_event(prog, other), -EINVAL);
	plain_link = link_event(plain, other);
	assert_true(plain_link >= 0);
	assert_true(call(BPF_LINK_UPDATE,
			 .link_update = {.link_fd = (uint32_t)plain_link, .new_prog_fd = (uint32_t)prog}) < 0);
	close(plain_link);
	close(link);
	close(other);
	close(end);
	close(begin);
	close(plain);
	close(prog);
}

static void an_event_has_one_program_at_a_time(void **state)
{
	int prog = make_prog(BPF_PROG_TYPE_TRACEPOINT, 0);
	int event = open_tracepoint("sched/sched_process_exec");
	int link = link_event(prog, event);

	assert_true(link >= 0);
	assert_int_equal(link_event(prog, event), -EEXIST);
	assert_int_equal(call(BPF_LINK_DETACH, .link_detach = {.link_fd = (uint32_t)link}), 0);
	assert_int_equal(told.detached, 1);
	close(link);
	link = link_event(prog, event);
	assert_true(link >= 0);
	close(link);
	close(event);
	close(prog);
}

/* What libbpf does where there are no links of perf events. */
static void an_ioctl_puts_a_program_on_an_event_for_as_long_as_that_lives(void **state)
{
	struct skep_hive *before = seam_enter(hive);
	int prog = make_prog(BPF_PROG_TYPE_TRACEPOINT, 0), probe = make_prog(BPF_PROG_TYPE_KPROBE, 0);
	int event = open_tracepoint("raw_syscalls/sys_enter");
	int map = make_array(), by_id;

	assert_int_equal(skep_seam_ioctl(event, PERF_EVENT_IOC_SET_BPF, probe), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(skep_seam_ioctl(event, PERF_EVENT_IOC_SET_BPF, 999), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(skep_seam_ioctl(event, PERF_EVENT_IOC_SET_BPF, prog), 0);
	assert_int_equal(skep_seam_ioctl(event, PERF_EVENT_IOC_SET_BPF, prog), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(skep_seam_ioctl(event, PERF_EVENT_IOC_ENABLE, 0), 0);
	assert_int_equal(skep_seam_ioctl(event, PERF_EVENT_IOC_DISABLE, 0), 0);
	assert_int_equal(skep_seam_ioctl(event, PERF_EVENT_IOC_RESET, 0), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(skep_seam_ioctl(map, PERF_EVENT_IOC_ENABLE, 0), -1);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(told.link->point->calls[0], POINT_ANY_CALL);
	by_id = call(BPF_LINK_GET_FD_BY_ID, .link_id = told.link->o.id);
	assert_true(by_id >= 0);
	skep_seam_close(event);
	assert_int_equal(told.detached, 1);
	assert_null(told.link);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 1);
	skep_seam_close(by_id);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
	close(map);
	close(prog);
	close(probe);
	seam_enter(before);
}

static void raw_tracepoints_are_opened_by_name(void **state)
{
	int prog = make_prog(BPF_PROG_TYPE_RAW_TRACEPOINT, 0), tp = make_prog(BPF_PROG_TYPE_TRACEPOINT, 0);
	int two = make_reader(BPF_PROG_TYPE_RAW_TRACEPOINT, 8), three = make_reader(BPF_PROG_TYPE_RAW_TRACEPOINT, 16);
	char longest[200];
	int link = open_raw(prog, "sys_enter");

	assert_true(link >= 0);
	assert_ptr_equal(told.link->point, points_find(POINT_RAW_TP, "sys_enter"));
	assert_int_equal(told.link->attach_type, BPF_TRACE_RAW_TP);
	close(link);
	assert_int_equal(
		call(BPF_RAW_TRACEPOINT_OPEN,
		     .batch = {.in_batch = PTR("sys_exit"), .out_batch = (uint32_t)prog, .keys = 1234567890123}) >= 0,
		true);
	assert_int_equal(told.link->cookie, 1234567890123);
	memset(longest, 'x', sizeof(longest));
	longest[199] = 0;
	assert_int_equal(open_raw(prog, longest), -ENOENT);
	assert_int_equal(open_raw(prog, "no_such"), -ENOENT);
	assert_non_null(strstr(test_line, "'no_such'"));
	assert_int_equal(open_raw(prog, "sched_switch"), -EOPNOTSUPP);
	assert_non_null(strstr(test_line, points_find(POINT_RAW_TP, "sched_switch")->why));
	assert_int_equal(open_raw(prog, NULL), -EFAULT);
	assert_int_equal(call(BPF_RAW_TRACEPOINT_OPEN, .raw_tracepoint = {.name = 1, .prog_fd = (uint32_t)prog}),
			 -EFAULT);
	assert_int_equal(open_raw(tp, "sys_enter"), -EINVAL);
	assert_int_equal(open_raw(-1, "sys_enter"), -EBADF);
	/* Two arguments are two words. */
	link = open_raw(two, "sys_enter");
	assert_true(link >= 0);
	close(link);
	assert_int_equal(open_raw(three, "sys_enter"), -EINVAL);
	link = open_raw(three, "sched_process_exec");
	assert_true(link >= 0);
	close(link);
	close(prog);
	close(tp);
	close(two);
	close(three);
}

static void programs_that_do_not_fit_are_refused_in_the_kernels_order(void **state)
{
	int tp = make_prog(BPF_PROG_TYPE_TRACEPOINT, 0), probe = make_prog(BPF_PROG_TYPE_KPROBE, 0);
	int xdp = make_prog(BPF_PROG_TYPE_XDP, 0), map = make_array();
	int event = open_tracepoint("syscalls/sys_exit_close"), begin = open_kprobe("__x64_sys_close", false);
	int in = make_reader(BPF_PROG_TYPE_TRACEPOINT, 16), beyond = make_reader(BPF_PROG_TYPE_TRACEPOINT, 24), link;

	assert_int_equal(link_event(-1, -1), -EBADF);
	assert_int_equal(link_event(map, event), -EINVAL);
	assert_int_equal(link_event(tp, -1), -EBADF);
	assert_int_equal(link_event(tp, map), -EBADF);
	assert_int_equal(link_event(xdp, event), -EINVAL);
	assert_int_equal(link_event(tp, begin), -EINVAL);
	assert_int_equal(link_event(probe, event), -EINVAL);
#define CREATE(...) call(BPF_LINK_CREATE, .link_create = {__VA_ARGS__})
	assert_int_equal(CREATE(.prog_fd = (uint32_t)tp, .target_fd = (uint32_t)event, .attach_type = BPF_XDP),
			 -EINVAL);
	assert_int_equal(CREATE(.prog_fd = (uint32_t)tp, .target_fd = (uint32_t)event, .attach_type = BPF_PERF_EVENT,
				.flags = 1),
			 -EINVAL);
	assert_int_equal(CREATE(.prog_fd = (uint32_t)probe, .attach_type = BPF_TRACE_KPROBE_MULTI), -EOPNOTSUPP);
	assert_non_null(strstr(test_line, "kprobe.multi"));
	/* The record of an exit ends behind its result. */
	assert_int_equal(link_event(beyond, event), -EACCES);
	link = link_event(in, event);
	assert_true(link >= 0);
	assert_int_equal(
		call(BPF_LINK_UPDATE, .link_update = {.link_fd = (uint32_t)link, .new_prog_fd = (uint32_t)beyond}),
		-EINVAL);
	assert_int_equal(call(BPF_LINK_UPDATE, .link_update = {.link_fd = (uint32_t)link, .new_prog_fd = (uint32_t)tp}),
			 0);
	close(link);
	close(event);
	close(begin);
	close(map);
	close(tp);
	close(probe);
	close(xdp);
	close(in);
	close(beyond);
}

static void events_that_do_not_exist_are_refused_with_a_reason(void **state)
{
	const struct perf_event_attr tracepoint = {.type = PERF_TYPE_TRACEPOINT, .config = 999999999};
	struct perf_event_attr probe = {.type = PMU_KPROBE, .kprobe_func = PTR("do_sys_openat2"), .probe_offset = 4};
	uint8_t longer[4097] = {0};

	assert_int_equal(open_attr(tracepoint, -1, 0), -EINVAL);
	assert_int_equal(open_attr(probe, -1, -1), -EINVAL);
	assert_int_equal(open_attr(probe, -1, (int)hive->n_cpus), -EINVAL);
	assert_int_equal(open_attr(probe, -1, 0), -EOPNOTSUPP);
	assert_non_null(strstr(test_line, "do_sys_openat2+0x4"));
	probe.kprobe_func = 1;
	assert_int_equal(open_attr(probe, -1, 0), -EFAULT);
	probe.kprobe_func = 0;
	assert_int_equal(open_attr(probe, -1, 0), -ENOENT);
	assert_int_equal(open_kprobe("no_such_function", false), -ENOENT);
	assert_non_null(strstr(test_line, "skep list hooks"));
	assert_int_equal(open_kprobe("vfs_readv", false), -EOPNOTSUPP);
	assert_non_null(strstr(test_line, points_find(POINT_FUNCTION, "vfs_readv")->why));
	assert_int_equal(open_attr((struct perf_event_attr){.type = PMU_UPROBE}, -1, 0), -EOPNOTSUPP);
	assert_non_null(strstr(test_line, "uprobes"));
	assert_int_equal(open_attr((struct perf_event_attr){.type = PERF_TYPE_HARDWARE}, -1, 0), -EOPNOTSUPP);
	assert_int_equal(open_attr((struct perf_event_attr){.type = PMU_KPROBE, .size = 8}, -1, 0), -E2BIG);
	((struct perf_event_attr *)longer)->type = PERF_TYPE_TRACEPOINT;
	((struct perf_event_attr *)longer)->size = 4096;
	longer[4095] = 1;
	assert_int_equal(hive_perf_event_open(hive, PTR(longer), -1, 0), -E2BIG);
	longer[4095] = 0;
	assert_int_equal(hive_perf_event_open(hive, PTR(longer), -1, 0), -EINVAL); /* no tracepoint has the id 0 */
	((struct perf_event_attr *)longer)->size = 4097;
	assert_int_equal(hive_perf_event_open(hive, PTR(longer), -1, 0), -E2BIG);
	assert_int_equal(hive_perf_event_open(hive, 1, -1, 0), -EFAULT);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
}

static void a_hook_may_refuse_and_then_nothing_is_left(void **state)
{
	int prog = make_prog(BPF_PROG_TYPE_TRACEPOINT, 0), raw = make_prog(BPF_PROG_TYPE_RAW_TRACEPOINT, 0);
	int event = open_tracepoint("sched/sched_process_exit");

	told.refuse = -ENODEV;
	assert_int_equal(link_event(prog, event), -ENODEV);
	assert_int_equal(open_raw(raw, "sched_process_exit"), -ENODEV);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
	told.refuse = 0;
	hive_hook_remove(hive, &told.hook);
	assert_int_equal(link_event(prog, event), -EOPNOTSUPP);
	assert_non_null(strstr(test_line, "sched/sched_process_exit"));
	assert_int_equal(open_raw(raw, "sched_process_exit"), -EOPNOTSUPP);
	assert_int_equal(told.attached, 0);
	close(event);
	close(prog);
	close(raw);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
}

static void attach_types_are_served_once(void **state)
{
	struct hive_hook second = {.attach_type = BPF_TRACE_FEXIT};
	struct hive_hook third = {.attach_type = BPF_XDP, .also = 1ull << BPF_LSM_MAC};

	assert_int_equal(hive_hook_add(hive, &second), -EEXIST);
	assert_int_equal(hive_hook_add(hive, &third), -EEXIST);
	third.also = 0;
	assert_int_equal(hive_hook_add(hive, &third), 0);
}

static int info(int fd, struct skep_link_info *out)
{
	return call(BPF_OBJ_GET_INFO_BY_FD,
		    .info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(*out), .info = PTR(out)});
}

static void infos_are_the_kernels(void **state)
{
	int tp = make_prog(BPF_PROG_TYPE_TRACEPOINT, 0), probe = make_prog(BPF_PROG_TYPE_KPROBE, 0);
	int raw = make_prog(BPF_PROG_TYPE_RAW_TRACEPOINT, 0);
	int event = open_tracepoint("syscalls/sys_enter_openat"), end = open_kprobe("do_sys_openat2", true);
	int links[] = {link_event(tp, event), link_event(probe, end), open_raw(raw, "sched_process_fork")};
	struct skep_link_info i = {0};
	char name[32] = "";

	assert_int_equal(info(links[0], &i), 0);
	assert_int_equal(i.type, BPF_LINK_TYPE_PERF_EVENT);
	assert_int_equal(i.perf_event.type, SKEP_PERF_EVENT_TRACEPOINT);
	assert_int_equal(i.perf_event.name_len, strlen("sys_enter_openat") + 1);
	assert_int_equal(i.perf_event.tracepoint.cookie, 77);
	i = (struct skep_link_info){.perf_event = {.name = PTR(name), .name_len = sizeof(name)}};
	assert_int_equal(info(links[1], &i), 0);
	assert_int_equal(i.perf_event.type, SKEP_PERF_EVENT_KRETPROBE);
	assert_string_equal(name, "do_sys_openat2");
	assert_int_equal(i.perf_event.kprobe.addr, points_address(points_find(POINT_FUNCTION, "do_sys_openat2")));
	assert_int_equal(i.perf_event.kprobe.cookie, 77);
	assert_int_equal(i.prog_id, id_of(probe));
	i = (struct skep_link_info){.raw_tracepoint = {.name = PTR(name), .name_len = 6}};
	assert_int_equal(info(links[2], &i), -ENOSPC);
	assert_int_equal(i.type, 0); /* and nothing else is told */
	assert_string_equal(name, "sched");
	i.raw_tracepoint.name_len = sizeof(name);
	assert_int_equal(info(links[2], &i), 0);
	assert_int_equal(i.type, BPF_LINK_TYPE_RAW_TRACEPOINT);
	assert_string_equal(name, "sched_process_fork");
	i = (struct skep_link_info){.raw_tracepoint = {.name_len = 6}};
	assert_int_equal(info(links[2], &i), -EINVAL);
	/* One that is detached is nowhere. */
	i = (struct skep_link_info){0};
	assert_int_equal(call(BPF_LINK_DETACH, .link_detach = {.link_fd = (uint32_t)links[1]}), 0);
	assert_int_equal(info(links[1], &i), 0);
	assert_int_equal(i.type, BPF_LINK_TYPE_PERF_EVENT);
	assert_int_equal(i.perf_event.type, 0);
	assert_int_equal(i.perf_event.name_len, 0);
	for (size_t k = 0; k < ARRAY_SIZE(links); k++)
		close(links[k]);
	close(event);
	close(end);
	close(tp);
	close(probe);
	close(raw);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POINT_TEST(a_link_on_an_event_tells_the_hook_its_point),
		POINT_TEST(a_return_is_overridden_at_the_begin_of_system_calls_only),
		POINT_TEST(an_event_has_one_program_at_a_time),
		POINT_TEST(an_ioctl_puts_a_program_on_an_event_for_as_long_as_that_lives),
		POINT_TEST(raw_tracepoints_are_opened_by_name),
		POINT_TEST(programs_that_do_not_fit_are_refused_in_the_kernels_order),
		POINT_TEST(events_that_do_not_exist_are_refused_with_a_reason),
		POINT_TEST(a_hook_may_refuse_and_then_nothing_is_left),
		POINT_TEST(attach_types_are_served_once),
		POINT_TEST(infos_are_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
