/* SPDX-License-Identifier: BSD-2-Clause */
/* Links: a program's place at a hook, made, moved to another program and given up while events flow. */
#include "util.h"

#include "bpf/link.h"

#include <pthread.h>
#include <stdatomic.h>

/* A hook as a real one is: one link at a time, run by a worker that reads the link's program for every event. */
struct place {
	struct hive_hook hook;
	_Atomic(struct hive_link *) link;
	unsigned int attached, detached;
	int refuse;
	atomic_uint_fast64_t events[4]; /* by the program's return value */
	atomic_bool stop;
};

static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	struct place *p = hook->arg;

	if (p->refuse)
		return p->refuse;
	if (atomic_load(&p->link))
		return -EBUSY;
	p->attached++;
	atomic_store(&p->link, link);
	return 0;
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
	struct place *p = hook->arg;

	assert_ptr_equal(atomic_load(&p->link), link);
	p->detached++;
	atomic_store(&p->link, NULL);
}

static void serve(struct place *p)
{
	p->hook = (struct hive_hook){
		.attach_type = BPF_XDP, .link_type = BPF_LINK_TYPE_XDP, .attach = attach, .detach = detach, .arg = p};
	assert_int_equal(hive_hook_add(hive, &p->hook), 0);
}

/* One event: what a worker of the hook does. Return: the verdict, -1 when nothing is attached. */
static int64_t event(struct place *p)
{
	struct hive_worker *w = hive_worker_get(hive);
	struct hive_link *link = atomic_load(&p->link);
	int64_t ret = -1;

	if (link) {
		const struct hive_prog *prog = atomic_load(&link->prog);

		ret = (int64_t)hive_prog_exec(prog, NULL, &w->env);
	}
	hive_worker_put(hive, w);
	return ret;
}

static int link_create(int prog)
{
	return call(BPF_LINK_CREATE,
		    .link_create = {.prog_fd = (uint32_t)prog, .target_ifindex = 7, .attach_type = BPF_XDP});
}

static void a_link_runs_its_program_until_its_fd_is_closed(void **state)
{
	struct place p = {0};
	int prog = make_prog(BPF_PROG_TYPE_XDP, 2);
	struct bpf_link_info info = {0};
	int link;

	serve(&p);
	assert_int_equal(event(&p), -1);
	link = link_create(prog);
	assert_true(link >= 0);
	assert_int_equal(event(&p), 2);
	assert_int_equal(
		call(BPF_OBJ_GET_INFO_BY_FD, .info = {.bpf_fd = link, .info_len = sizeof(info), .info = PTR(&info)}),
		0);
	assert_int_equal(info.type, BPF_LINK_TYPE_XDP);
	assert_int_equal(info.prog_id, id_of(prog));
	assert_int_equal(info.xdp.ifindex, 7);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 1);
	close(prog); /* the link keeps it */
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 1);
	assert_int_equal(event(&p), 2);
	close(link);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
	assert_int_equal(p.detached, 1);
	assert_int_equal(event(&p), -1);
}

static void an_update_may_name_the_program_it_expects(void **state)
{
	struct place p = {0};
	int one = make_prog(BPF_PROG_TYPE_XDP, 1);
	int two = make_prog(BPF_PROG_TYPE_XDP, 2);
	int tc = make_prog(BPF_PROG_TYPE_SCHED_CLS, 3);
	int link;

#define UPDATE(...) call(BPF_LINK_UPDATE, .link_update = {.link_fd = (uint32_t)link, __VA_ARGS__})
	serve(&p);
	link = link_create(one);
	assert_int_equal(UPDATE(.new_prog_fd = two), 0);
	assert_int_equal(event(&p), 2);
	assert_int_equal(UPDATE(.new_prog_fd = one, .old_prog_fd = one, .flags = BPF_F_REPLACE), -EPERM);
	assert_int_equal(event(&p), 2);
	assert_int_equal(UPDATE(.new_prog_fd = one, .old_prog_fd = two, .flags = BPF_F_REPLACE), 0);
	assert_int_equal(event(&p), 1);
	assert_int_equal(UPDATE(.new_prog_fd = two, .old_prog_fd = one), -EINVAL);
	assert_int_equal(UPDATE(.new_prog_fd = tc), -EINVAL);
	assert_int_equal(UPDATE(.new_prog_fd = 999), -EBADF);
	assert_int_equal(UPDATE(.new_prog_fd = two, .old_prog_fd = 999, .flags = BPF_F_REPLACE), -EBADF);
	assert_int_equal(event(&p), 1);
	close(one);
	close(two);
	close(tc);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 1);
	close(link);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
#undef UPDATE
}

static void a_detached_link_is_a_husk(void **state)
{
	struct place p = {0};
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);
	int link, again;

	serve(&p);
	link = link_create(prog);
	assert_int_equal(call(BPF_LINK_DETACH, .link_detach = {.link_fd = link}), 0);
	assert_int_equal(event(&p), -1);
	assert_int_equal(call(BPF_LINK_DETACH, .link_detach = {.link_fd = link}), 0);
	assert_int_equal(p.detached, 1);
	assert_int_equal(call(BPF_LINK_UPDATE, .link_update = {.link_fd = link, .new_prog_fd = prog}), -ENOLINK);
	again = link_create(prog);
	assert_true(again >= 0);
	close(link);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 1);
	assert_int_equal(event(&p), 1);
	close(again);
	close(prog);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
}

static void a_pinned_link_outlives_its_fd(void **state)
{
	struct place p = {0};
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);
	int link;

	serve(&p);
	link = link_create(prog);
	assert_int_equal(call(BPF_OBJ_PIN, .bpf_fd = link, .pathname = PTR("/sys/fs/bpf/link")), 0);
	close(link);
	close(prog);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 1);
	assert_int_equal(event(&p), 1);
	/* The hive's end detaches it. */
	skep_hive_free(hive);
	assert_int_equal(p.detached, 1);
	assert_int_equal(test_hive_setup(NULL), 0);
}

static void what_no_hook_serves_or_a_hook_refuses_is_told(void **state)
{
	struct place p = {0};
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);

	assert_int_equal(link_create(prog), -EINVAL);
	assert_non_null(strstr(test_line, "attach type"));
	serve(&p);
	assert_int_equal(hive_hook_add(hive, &p.hook), -EEXIST);
	p.refuse = -ENODEV;
	assert_int_equal(link_create(prog), -ENODEV);
	assert_int_equal(p.detached, 0);
	assert_int_equal(link_create(-1), -EBADF);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
	close(prog);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
}

static void *events(void *arg)
{
	struct place *p = arg;

	while (!atomic_load(&p->stop)) {
		int64_t ret = event(p);

		atomic_fetch_add(&p->events[ret >= 1 && ret <= 2 ? ret : 3], 1);
	}
	return NULL;
}

/* Takes some microseconds, so that it is mostly running when it is replaced. */
static int make_slow_prog(int32_t ret)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(1, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1),
		INSN(BPF_JMP | BPF_JLT | BPF_K, 1, 0, -2, 2000),
		MOV_IMM(0, ret),
		EXIT(),
	};

	return make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
}

/* Every event meets one whole program: the old or the new, never none and never freed code. */
static void programs_are_replaced_between_two_events(void **state)
{
	struct place p = {0};
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);
	pthread_t thread;
	int link;

	serve(&p);
	link = link_create(prog);
	close(prog);
	assert_int_equal(pthread_create(&thread, NULL, events, &p), 0);
	for (int i = 0; i < 3000 || !atomic_load(&p.events[1]) || !atomic_load(&p.events[2]); i++) {
		int next = make_slow_prog(1 + (i & 1));

		assert_int_equal(call(BPF_LINK_UPDATE, .link_update = {.link_fd = link, .new_prog_fd = next}), 0);
		close(next);
		assert_true(i < 1000000);
	}
	atomic_store(&p.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&p.events[3]), 0);
	close(link);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(a_link_runs_its_program_until_its_fd_is_closed),
		HIVE_TEST(an_update_may_name_the_program_it_expects),
		HIVE_TEST(a_detached_link_is_a_husk),
		HIVE_TEST(a_pinned_link_outlives_its_fd),
		HIVE_TEST(what_no_hook_serves_or_a_hook_refuses_is_told),
		HIVE_TEST(programs_are_replaced_between_two_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
