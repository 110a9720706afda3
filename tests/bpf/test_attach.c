/* SPDX-License-Identifier: BSD-2-Clause */
/* PROG_ATTACH, PROG_DETACH and PROG_QUERY on a cgroup, beside links. */
#include "util.h"

#include "bpf/link.h"

/* A hook as chains have: it takes any number of programs, and knows links only. */
static struct {
	struct hive_hook hook;
	unsigned int attached, detached;
	int refuse;
} told;

static int root = -1; /* some fd: all of the tree is one cgroup */

static int attach_hook(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	if (told.refuse)
		return told.refuse;
	if (link->flags)
		return -EINVAL;
	told.attached++;
	return 0;
}

static void detach_hook(struct hive_hook *hook, struct hive_link *link)
{
	told.detached++;
}

static int setup(void **state)
{
	int ret = test_hive_setup(state);

	memset(&told, 0, sizeof(told));
	told.hook = (struct hive_hook){.attach_type = BPF_CGROUP_INET4_CONNECT,
				       .also = 1ull << BPF_CGROUP_INET_EGRESS,
				       .link_type = BPF_LINK_TYPE_CGROUP,
				       .attach = attach_hook,
				       .detach = detach_hook};
	root = open("/", O_RDONLY | O_CLOEXEC);
	return ret ? ret : hive_hook_add(hive, &told.hook);
}

static int teardown(void **state)
{
	close(root);
	return test_hive_teardown(state);
}

#define ATTACH_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int make_connect(uint32_t attach_type)
{
	static const struct bpf_insn insns[] = {MOV_IMM(0, 1), EXIT()};
	int fd = call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR, .expected_attach_type = attach_type,
		      .insns = PTR(insns), .insn_cnt = 2, .license = PTR("GPL"));

	assert_true(fd >= 0);
	return fd;
}

#define CONNECT BPF_CGROUP_INET4_CONNECT

static int attach(int prog, uint32_t flags)
{
	return call(BPF_PROG_ATTACH, .target_fd = (uint32_t)root, .attach_bpf_fd = (uint32_t)prog,
		    .attach_type = CONNECT, .attach_flags = flags);
}

static int detach(int prog)
{
	return call(BPF_PROG_DETACH, .target_fd = (uint32_t)root, .attach_bpf_fd = (uint32_t)prog,
		    .attach_type = CONNECT);
}

/* The programs there, as PROG_QUERY tells. Return: how many. */
static uint32_t query(uint32_t ids[4], uint32_t *flags)
{
	union bpf_attr attr = {
		.query = {.target_fd = (uint32_t)root, .attach_type = CONNECT, .prog_ids = PTR(ids), .prog_cnt = 4}};

	assert_int_equal(skep_bpf(hive, BPF_PROG_QUERY, &attr, sizeof(attr)), 0);
	*flags = attr.query.attach_flags;
	return attr.query.prog_cnt;
}

static void a_program_stays_attached_until_it_is_detached(void **state)
{
	int prog = make_connect(CONNECT);
	uint32_t ids[4] = {0}, flags, id = id_of(prog);
	int fd;

	assert_int_equal(query(ids, &flags), 0);
	assert_int_equal(attach(prog, 0), 0);
	close(prog);
	hive_sweep(hive);
	assert_int_equal(query(ids, &flags), 1);
	assert_int_equal(ids[0], id);
	assert_int_equal(flags, 0);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 1);
	/* The one that is there need not be named, and goes from its hook whoever has an fd. */
	fd = call(BPF_LINK_GET_FD_BY_ID, .link_id = hive->objects[HIVE_LINK]->id);
	assert_true(fd >= 0);
	assert_int_equal(call(BPF_PROG_DETACH, .target_fd = (uint32_t)root, .attach_type = CONNECT), 0);
	assert_int_equal(told.detached, 1);
	assert_int_equal(query(ids, &flags), 0);
	close(fd);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 0);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
	assert_int_equal(call(BPF_PROG_DETACH, .target_fd = (uint32_t)root, .attach_type = CONNECT), -ENOENT);
}

static void without_a_flag_the_next_takes_its_place(void **state)
{
	int one = make_connect(CONNECT), two = make_connect(CONNECT);
	uint32_t ids[4] = {0}, flags;

	assert_int_equal(attach(one, BPF_F_ALLOW_OVERRIDE), 0);
	assert_int_equal(attach(two, BPF_F_ALLOW_OVERRIDE), 0);
	assert_int_equal(query(ids, &flags), 1);
	assert_int_equal(ids[0], id_of(two));
	assert_int_equal(flags, BPF_F_ALLOW_OVERRIDE);
	assert_int_equal(told.attached, 1);
	assert_int_equal(attach(one, 0), -EPERM);
	assert_int_equal(attach(one, BPF_F_ALLOW_MULTI), -EPERM);
	assert_int_equal(call(BPF_LINK_CREATE, .link_create = {.prog_fd = (uint32_t)one, .attach_type = CONNECT}),
			 -EPERM);
	close(one);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 1);
	close(two);
	/* The hive's end lets go of it. */
}

static void many_stand_beside_each_other_and_links(void **state)
{
	int one = make_connect(CONNECT), two = make_connect(CONNECT), three = make_connect(CONNECT);
	uint32_t ids[4] = {0}, flags, few[1] = {0}, each[4] = {0};
	int link;

	assert_int_equal(attach(one, BPF_F_ALLOW_MULTI), 0);
	assert_int_equal(attach(one, BPF_F_ALLOW_MULTI), -EINVAL);
	link = call(BPF_LINK_CREATE, .link_create = {.prog_fd = (uint32_t)three, .attach_type = CONNECT});
	assert_true(link >= 0);
	assert_int_equal(attach(two, BPF_F_ALLOW_MULTI), 0);
	assert_int_equal(query(ids, &flags), 3);
	assert_int_equal(ids[0], id_of(one));
	assert_int_equal(ids[1], id_of(three));
	assert_int_equal(ids[2], id_of(two));
	assert_int_equal(flags, BPF_F_ALLOW_MULTI);
	assert_int_equal(call(BPF_PROG_QUERY, .query = {.target_fd = (uint32_t)root,
							.attach_type = CONNECT,
							.prog_ids = PTR(few),
							.prog_cnt = 1}),
			 -ENOSPC);
	assert_int_equal(few[0], ids[0]);
	assert_int_equal(call(BPF_PROG_QUERY, .query = {.target_fd = (uint32_t)root,
							.attach_type = CONNECT,
							.prog_ids = PTR(ids),
							.prog_attach_flags = PTR(each),
							.prog_cnt = 4}),
			 0);
	assert_int_equal(each[0], BPF_F_ALLOW_MULTI);
	assert_int_equal(each[1], 0);
	/* One is replaced in its place. */
#define REPLACE(new, old)                                                                                              \
	call(BPF_PROG_ATTACH, .target_fd = (uint32_t)root, .attach_bpf_fd = (uint32_t)(new), .attach_type = CONNECT,   \
	     .attach_flags = BPF_F_ALLOW_MULTI | BPF_F_REPLACE, .replace_bpf_fd = (uint32_t)(old))
	assert_int_equal(REPLACE(three, one), 0);
	assert_int_equal(REPLACE(one, one), -ENOENT);
	assert_int_equal(REPLACE(one, 999), -EBADF);
	assert_int_equal(query(ids, &flags), 3);
	assert_int_equal(ids[0], id_of(three));
	/* What PROG_ATTACH did not attach it does not detach. */
	assert_int_equal(detach(one), -ENOENT);
	assert_int_equal(call(BPF_PROG_DETACH, .target_fd = (uint32_t)root, .attach_type = CONNECT), -EINVAL);
	assert_int_equal(detach(three), 0);
	assert_int_equal(query(ids, &flags), 2);
	assert_int_equal(ids[0], id_of(three));
	assert_int_equal(detach(three), -ENOENT);
	assert_int_equal(detach(two), 0);
	close(link);
	close(one);
	close(two);
	close(three);
	assert_int_equal(count_ids(BPF_PROG_GET_NEXT_ID), 0);
}

static void what_does_not_fit_is_refused(void **state)
{
	int prog = make_connect(CONNECT), bind = make_connect(BPF_CGROUP_INET4_BIND),
	    xdp = make_prog(BPF_PROG_TYPE_XDP, 1);
	int skb = make_prog(BPF_PROG_TYPE_CGROUP_SKB, 1), link;

#define ATTACH(...) call(BPF_PROG_ATTACH, .attach_type = CONNECT, .attach_bpf_fd = (uint32_t)prog, __VA_ARGS__)
	assert_int_equal(ATTACH(.target_fd = 999), -EBADF);
	assert_int_equal(ATTACH(.target_fd = (uint32_t)root, .attach_flags = 1u << 9), -EINVAL);
	assert_int_equal(ATTACH(.target_fd = (uint32_t)root, .attach_flags = BPF_F_ALLOW_MULTI | BPF_F_ALLOW_OVERRIDE),
			 -EINVAL);
	assert_int_equal(ATTACH(.target_fd = (uint32_t)root, .attach_flags = BPF_F_REPLACE), -EINVAL);
	assert_int_equal(ATTACH(.target_fd = (uint32_t)root, .replace_bpf_fd = (uint32_t)prog), -EINVAL);
	assert_int_equal(ATTACH(.target_fd = (uint32_t)root, .attach_type = BPF_CGROUP_INET6_CONNECT), -EINVAL);
	assert_non_null(strstr(test_line, "PROG_ATTACH"));
	assert_int_equal(attach(bind, 0), -EINVAL);
	assert_int_equal(attach(xdp, 0), -EINVAL);
	assert_int_equal(attach(-1, 0), -EBADF);
	assert_int_equal(call(BPF_PROG_ATTACH, .target_fd = (uint32_t)root, .attach_bpf_fd = (uint32_t)skb,
			      .attach_type = BPF_CGROUP_INET_EGRESS),
			 0);
	told.refuse = -EUSERS;
	assert_int_equal(attach(prog, 0), -EUSERS);
	told.refuse = 0;
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 1);
	/* A link's own command lets go of it, too. */
	assert_int_equal(attach(prog, 0), 0);
	link = call(BPF_LINK_GET_FD_BY_ID, .link_id = hive->objects[HIVE_LINK]->next->id);
	assert_true(link >= 0);
	assert_int_equal(call(BPF_LINK_DETACH, .link_detach = {.link_fd = (uint32_t)link}), 0);
	close(link);
	assert_int_equal(count_ids(BPF_LINK_GET_NEXT_ID), 1);
	close(prog);
	close(bind);
	close(xdp);
	close(skb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACH_TEST(a_program_stays_attached_until_it_is_detached),
		ATTACH_TEST(without_a_flag_the_next_takes_its_place),
		ATTACH_TEST(many_stand_beside_each_other_and_links),
		ATTACH_TEST(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
