/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf(2) over a socket: what honest clients get, one and many, and what lives how long. */
#include "util.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static void a_map_is_made_filled_and_read(void **state)
{
	int map = make_hash(100);
	uint64_t value = 0;
	uint32_t key = 1, next = 0;

	assert_int_equal(update(map, 1, 10), 0);
	assert_int_equal(update(map, 2, 20), 0);
	assert_int_equal(lookup(map, 2, &value), 0);
	assert_int_equal(value, 20);
	assert_int_equal(lookup(map, 3, &value), -ENOENT);
	assert_int_equal(call(BPF_MAP_GET_NEXT_KEY, .map_fd = (uint32_t)map, .next_key = PTR(&next)), 0);
	assert_true(next == 1 || next == 2);
	assert_int_equal(call(BPF_MAP_DELETE_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key)), 0);
	assert_int_equal(lookup(map, 1, &value), -ENOENT);
	assert_true(fcntl(map, F_GETFD) & FD_CLOEXEC);
	close(map);
}

static void ten_thousand_updates_are_all_there(void **state)
{
	int map = make_hash(10000);
	uint64_t value;

	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(update(map, i, i * 3), 0);
	assert_int_equal(update(map, 10000, 0), -E2BIG);
	for (uint32_t i = 0; i < 10000; i++) {
		assert_int_equal(lookup(map, i, &value), 0);
		assert_int_equal(value, i * 3);
	}
	close(map);
}

/* Keys and values lie far apart, and are looked at by turns. */
static void batches_go_whole(void **state)
{
	enum { N = 20000 };
	AUTO_FREE uint32_t *keys = calloc(N, sizeof(*keys));
	AUTO_FREE uint64_t *values = calloc(N, sizeof(*values));
	int map = make_hash(N);
	uint32_t out = 0;
	uint64_t value = 0;
	union bpf_attr attr = {
		.batch = {.map_fd = (uint32_t)map, .keys = PTR(keys), .values = PTR(values), .count = N}};
	AUTO_FREE uint8_t *seen = calloc(N, 1);

	for (uint32_t i = 0; i < N; i++) {
		keys[i] = i;
		values[i] = i * 5;
	}
	assert_int_equal(client_bpf(&client, BPF_MAP_UPDATE_BATCH, PTR(&attr), sizeof(attr), why, sizeof(why)), 0);
	assert_int_equal(attr.batch.count, N);
	assert_int_equal(lookup(map, N - 1, &value), 0);
	assert_int_equal(value, (N - 1) * 5);
	memset(keys, 0, N * sizeof(*keys));
	memset(values, 0, N * sizeof(*values));
	attr = (union bpf_attr){.batch = {.map_fd = (uint32_t)map,
					  .keys = PTR(keys),
					  .values = PTR(values),
					  .count = N,
					  .out_batch = PTR(&out)}};
	assert_int_equal(client_bpf(&client, BPF_MAP_LOOKUP_BATCH, PTR(&attr), sizeof(attr), why, sizeof(why)),
			 -ENOENT);
	assert_int_equal(attr.batch.count, N);
	for (uint32_t i = 0; i < N; i++) {
		assert_true(keys[i] < N && !seen[keys[i]]);
		seen[keys[i]] = 1;
		assert_int_equal(values[i], keys[i] * 5);
	}
	close(map);
}

/* Values beyond what a message carries, at both ends of a page that is not there. */
static void large_values_travel_whole(void **state)
{
	const size_t size = 1 << 20;
	uint8_t *mem = mmap(NULL, 2 * size + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *in = mem, *out = mem + size + 4096;
	uint32_t key = 0;
	int map;

	mprotect(mem + size, 4096, PROT_NONE);
	mprotect(mem + 2 * size + 4096, 4096, PROT_NONE);
	for (size_t i = 0; i < size; i++)
		in[i] = (uint8_t)(i * 7 + (i >> 12));
	map = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = size, .max_entries = 1);
	assert_true(map >= 0);
	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = PTR(in)), 0);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = PTR(out)), 0);
	assert_memory_equal(in, out, size);
	/* One byte too far. */
	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = PTR(in + 1)),
			 -EFAULT);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = PTR(out + 1)),
			 -EFAULT);
	munmap(mem, 2 * size + 8192);
	close(map);
}

static void bad_addresses_are_efault(void **state)
{
	int map = make_hash(4);
	uint32_t key = 1;
	uint64_t value = 5;

	assert_int_equal(update(map, 1, 5), 0);
	assert_int_equal(client_bpf(&client, BPF_MAP_LOOKUP_ELEM, 0, sizeof(union bpf_attr), why, sizeof(why)),
			 -EFAULT);
	assert_int_equal(client_bpf(&client, BPF_MAP_LOOKUP_ELEM, 8, sizeof(union bpf_attr), why, sizeof(why)),
			 -EFAULT);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)map, .key = 8, .value = PTR(&value)), -EFAULT);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = 8), -EFAULT);
	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = UINT64_MAX - 2),
			 -EFAULT);
	assert_int_equal(call(BPF_OBJ_GET, .pathname = 8), -EFAULT);
	/* The hive, the connection and the element are as they were. */
	assert_int_equal(lookup(map, 1, &value), 0);
	assert_int_equal(value, 5);
	close(map);
}

static void attributes_are_checked_as_ever(void **state)
{
	union bpf_attr attr[40] = {0};
	uint8_t bytes[4097] = {0};

	assert_int_equal(client_bpf(&client, BPF_MAP_CREATE, PTR(bytes), sizeof(bytes), why, sizeof(why)), -E2BIG);
	bytes[4000] = 1;
	assert_int_equal(client_bpf(&client, BPF_MAP_CREATE, PTR(bytes), 4096, why, sizeof(why)), -E2BIG);
	assert_int_equal(client_bpf(&client, 999, PTR(attr), sizeof(attr[0]), why, sizeof(why)), -EINVAL);
	assert_int_equal(client_bpf(&client, -1, PTR(attr), sizeof(attr[0]), why, sizeof(why)), -EINVAL);
	assert_int_equal(client_bpf(&client, BPF_MAP_CREATE, PTR(attr), 0, why, sizeof(why)), -EINVAL);
}

static void fds_that_are_none_are_ebadf_and_others_einval(void **state)
{
	uint32_t key = 0;
	uint64_t value;
	int null = open("/dev/null", O_RDWR);
	int pipes[2];

	assert_int_equal(lookup(-1, 0, &value), -EBADF);
	assert_int_equal(lookup(9999, 0, &value), -EBADF);
	assert_int_equal(lookup(null, 0, &value), -EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(lookup(pipes[0], 0, &value), -EINVAL);
	assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD, .info = {.bpf_fd = 9999}), -EBADFD);
	assert_int_equal(call(BPF_LINK_CREATE, .link_create = {.prog_fd = (uint32_t)-1}), -EBADF);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)null, .key = PTR(&key), .value = PTR(&value)),
			 -EINVAL);
	close(null);
	close(pipes[0]);
	close(pipes[1]);
}

/* The same number, another file behind it: what was proven for the one says nothing about the other. */
static void an_fd_that_changes_is_seen(void **state)
{
	int a = make_hash(4), b = make_hash(4);
	uint64_t value = 0;

	assert_int_equal(update(a, 1, 1), 0);
	assert_int_equal(update(b, 1, 2), 0);
	assert_int_equal(lookup(a, 1, &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(dup3(b, a, O_CLOEXEC), a);
	assert_int_equal(lookup(a, 1, &value), 0);
	assert_int_equal(value, 2);
	close(a);
	assert_int_equal(lookup(a, 1, &value), -EBADF);
	close(b);
}

static void a_read_only_fd_stays_read_only(void **state)
{
	int ro = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 4,
		      .map_flags = BPF_F_RDONLY);
	uint64_t value;

	assert_true(ro >= 0);
	assert_int_equal(update(ro, 1, 1), -EPERM);
	assert_int_equal(lookup(ro, 1, &value), -ENOENT);
	close(ro);
}

/* The same number and the same map, but what the fd may do. */
static void an_fd_that_may_less_than_before_is_seen(void **state)
{
	struct bpf_map_info info = {0};
	int map = make_hash(4), ro;
	uint64_t value = 0;

	assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD,
			      .info = {.bpf_fd = (uint32_t)map, .info_len = sizeof(info), .info = PTR(&info)}),
			 0);
	ro = call(BPF_MAP_GET_FD_BY_ID, .map_id = info.id, .open_flags = BPF_F_RDONLY);
	assert_true(ro >= 0);
	assert_int_equal(update(map, 1, 1), 0);
	assert_int_equal(dup3(ro, map, O_CLOEXEC), map);
	assert_int_equal(update(map, 1, 2), -EPERM);
	assert_int_equal(lookup(map, 1, &value), 0);
	assert_int_equal(value, 1);
	close(ro);
	close(map);
}

static int may_map(int fd, size_t len, int prot)
{
	const struct msg_mapping want = {.len = len, .prot = prot, .flags = MAP_SHARED};
	struct msg_memory memory;

	return client_may_map(&client, fd, &want, &memory, why, sizeof(why));
}

static void a_mapping_follows_the_kernels_rules(void **state)
{
	int hash = make_hash(4), prog = make_prog(0);
	int array = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
			 .max_entries = 512, .map_flags = BPF_F_MMAPABLE);
	int ring = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096);

	int fd;

	assert_true(array >= 0 && ring >= 0);
	assert_int_equal(may_map(array, 4096, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(may_map(array, 8192, PROT_READ), -EINVAL);
	assert_int_equal(may_map(hash, 4096, PROT_READ), -ENOTSUP);
	/* A ring's consumer page may be written, and nothing else; the rest is read through a file that cannot be written. */
	fd = may_map(ring, 4096, PROT_READ | PROT_WRITE);
	assert_true(fd > 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	assert_int_equal(may_map(ring, 8192, PROT_READ | PROT_WRITE), -EPERM);
	assert_int_equal(may_map(ring, 4096 * 5, PROT_READ), -EINVAL);
	fd = may_map(ring, 4096 * 4, PROT_READ);
	assert_true(fd > 0);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
	assert_int_equal(may_map(prog, 4096, PROT_READ), -ENODEV);
	assert_int_equal(may_map(-1, 4096, PROT_READ), -EBADF);
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = (uint32_t)array), 0);
	assert_int_equal(may_map(array, 4096, PROT_READ | PROT_WRITE), -EPERM);
	assert_int_equal(may_map(array, 4096, PROT_READ), 0);
	close(hash);
	close(prog);
	close(array);
	close(ring);
}

static void what_one_client_makes_another_finds_by_id(void **state)
{
	struct bpf_map_info info = {0};
	int map = make_hash(4), same;
	uint64_t value = 0;

	assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD,
			      .info = {.bpf_fd = (uint32_t)map, .info_len = sizeof(info), .info = PTR(&info)}),
			 0);
	assert_int_equal(info.value_size, 8);
	assert_int_equal(update(map, 9, 99), 0);
	client_close(&client); /* a new connection, which has proven nothing */
	same = call(BPF_MAP_GET_FD_BY_ID, .map_id = info.id);
	assert_true(same >= 0);
	assert_int_equal(lookup(same, 9, &value), 0);
	assert_int_equal(value, 99);
	close(map);
	close(same);
	client_close(&client);
	for (int i = 0; i < 100 && (same = call(BPF_MAP_GET_FD_BY_ID, .map_id = info.id)) >= 0; i++)
		close(same);
	assert_int_equal(same, -ENOENT);
}

static void a_pin_outlives_its_maker(void **state)
{
	int map = make_hash(4);
	uint64_t value = 0;

	assert_int_equal(update(map, 1, 11), 0);
	assert_int_equal(call(BPF_OBJ_PIN, .pathname = PTR("/sys/fs/bpf/p"), .bpf_fd = (uint32_t)map), 0);
	assert_int_equal(call(BPF_OBJ_PIN, .pathname = PTR("/sys/fs/bpf/p"), .bpf_fd = (uint32_t)map), -EEXIST);
	close(map);
	client_close(&client);
	hive_is_well();
	map = call(BPF_OBJ_GET, .pathname = PTR("/sys/fs/bpf/p"));
	assert_true(map >= 0);
	assert_int_equal(lookup(map, 1, &value), 0);
	assert_int_equal(value, 11);
	assert_int_equal(client_ask(&client, ASK_UNLINK, 0, "/sys/fs/bpf/p", NULL, 0, why, sizeof(why)), 0);
	assert_int_equal(client_ask(&client, ASK_UNLINK, 0, "/sys/fs/bpf/p", NULL, 0, why, sizeof(why)), -ENOENT);
	assert_int_equal(client_ask(&client, ASK_UNLINK, 0, "sys/fs/bpf/p", NULL, 0, why, sizeof(why)), -ENOENT);
	assert_int_equal(client_ask(&client, ASK_UNLINK, 0, "", NULL, 0, why, sizeof(why)), -ENOENT);
	assert_int_equal(call(BPF_OBJ_GET, .pathname = PTR("/sys/fs/bpf/p")), -ENOENT);
	close(map);
}

static void a_link_is_made_shown_pinned_and_detached(void **state)
{
	int prog = make_prog(2), other = make_prog(1), link, same;
	struct bpf_link_info info = {0};
	union bpf_attr next = {0};

	link = call(BPF_LINK_CREATE,
		    .link_create = {.prog_fd = (uint32_t)prog, .target_ifindex = 3, .attach_type = BPF_XDP});
	assert_true(link >= 0);
	assert_int_equal(client_bpf(&client, BPF_LINK_GET_NEXT_ID, PTR(&next), sizeof(next), why, sizeof(why)), 0);
	same = call(BPF_LINK_GET_FD_BY_ID, .link_id = next.next_id);
	assert_true(same >= 0);
	assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD,
			      .info = {.bpf_fd = (uint32_t)same, .info_len = sizeof(info), .info = PTR(&info)}),
			 0);
	assert_int_equal(info.type, BPF_LINK_TYPE_XDP);
	assert_int_equal(info.xdp.ifindex, 3);
	close(same);
	assert_int_equal(call(BPF_OBJ_PIN, .pathname = PTR("/sys/fs/bpf/l"), .bpf_fd = (uint32_t)link), 0);
	close(link);
	client_close(&client);
	link = call(BPF_OBJ_GET, .pathname = PTR("/sys/fs/bpf/l"));
	assert_true(link >= 0);
	assert_int_equal(
		call(BPF_LINK_UPDATE, .link_update = {.link_fd = (uint32_t)link, .new_prog_fd = (uint32_t)other}), 0);
	assert_int_equal(call(BPF_LINK_DETACH, .link_detach = {.link_fd = (uint32_t)link}), 0);
	assert_int_equal(
		call(BPF_LINK_UPDATE, .link_update = {.link_fd = (uint32_t)link, .new_prog_fd = (uint32_t)prog}),
		-ENOLINK);
	info = (struct bpf_link_info){0};
	assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD,
			      .info = {.bpf_fd = (uint32_t)link, .info_len = sizeof(info), .info = PTR(&info)}),
			 0);
	assert_int_equal(info.type, BPF_LINK_TYPE_XDP);
	assert_int_equal(info.xdp.ifindex, 0);
	close(link);
	close(prog);
	close(other);
}

static void statistics_count_while_somebody_holds_them(void **state)
{
	uint8_t frame[64] = {0};
	int prog = make_prog(2), stats;
	struct bpf_prog_info info = {0};

	stats = call(BPF_ENABLE_STATS, .enable_stats = {.type = BPF_STATS_RUN_TIME});
	assert_true(stats >= 0);
	assert_int_equal(call(BPF_ENABLE_STATS, .enable_stats = {.type = 1}), -EINVAL);
	for (int on = 1; on >= 0; on--) {
		assert_int_equal(call(BPF_PROG_TEST_RUN, .test = {.prog_fd = (uint32_t)prog,
								  .data_in = PTR(frame),
								  .data_size_in = sizeof(frame),
								  .repeat = 10}),
				 0);
		info = (struct bpf_prog_info){0};
		assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD,
				      .info = {.bpf_fd = (uint32_t)prog, .info_len = sizeof(info), .info = PTR(&info)}),
				 0);
		assert_int_equal(info.run_cnt, 10);
		assert_true(info.run_time_ns > 0);
		close(stats);
		/* That nobody holds it any more is seen when ids are walked. */
		call(BPF_PROG_GET_NEXT_ID, .start_id = 0);
	}
	close(prog);
}

/* Many at once, each with a map of its own and one that is shared. */
struct crowd {
	int map;
	uint32_t base;
	int errors;
};

enum { CROWD_UPDATES = 2000, CROWD = 4 };

static void *crowd_thread(void *arg)
{
	struct crowd *c = arg;

	for (uint32_t i = 0; i < CROWD_UPDATES; i++) {
		uint64_t value = 0;

		c->errors += update(c->map, c->base + i, c->base + i) != 0;
		/* An answer that was another's would tell. */
		c->errors += lookup(c->map, c->base + i, &value) || value != c->base + i;
	}
	return NULL;
}

static int crowd_process(void *arg)
{
	crowd_thread(arg);
	return ((struct crowd *)arg)->errors ? 1 : 0;
}

static void expect_crowd(int map)
{
	uint64_t value;

	for (uint32_t i = 0; i < CROWD * CROWD_UPDATES; i++) {
		assert_int_equal(lookup(map, i, &value), 0);
		assert_int_equal(value, i);
	}
	close(map);
}

static void threads_of_one_process_lose_nothing(void **state)
{
	int map = make_hash(CROWD * CROWD_UPDATES);
	struct crowd c[CROWD] = {0};
	pthread_t t[CROWD];

	for (uint32_t i = 0; i < CROWD; i++) {
		c[i] = (struct crowd){.map = map, .base = i * CROWD_UPDATES};
		assert_int_equal(pthread_create(&t[i], NULL, crowd_thread, &c[i]), 0);
	}
	for (int i = 0; i < CROWD; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(c[i].errors, 0);
	}
	expect_crowd(map);
}

/* The parent's connections are in use when it forks, and stay its own. */
static void processes_lose_nothing(void **state)
{
	int map = make_hash(CROWD * CROWD_UPDATES);
	pid_t pids[CROWD];
	int status;

	for (uint32_t i = 0; i < CROWD; i++) {
		struct crowd c = {.map = map, .base = i * CROWD_UPDATES};

		assert_int_equal(update(map, c.base, c.base), 0);
		pids[i] = fork();
		if (!pids[i])
			_exit(crowd_process(&c));
	}
	for (int i = 0; i < CROWD; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	expect_crowd(map);
}

static int closes_everything(void *arg)
{
	uint64_t value = 0;
	int map = make_hash(4);
	int files[150][2];
	char c;

	if (update(map, 1, 1))
		return 1;
	closefrom(3);
	/* Now sockets of the program's have the numbers that the connection had. */
	for (int i = 0; i < 150; i++)
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, files[i]))
			return 2;
	map = make_hash(4);
	if (update(map, 2, 22) || lookup(map, 2, &value) || value != 22)
		return 3;
	/* Nothing was said into them, and none was closed. */
	for (int i = 0; i < 300; i++)
		if (recv(files[i / 2][i % 2], &c, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
			return 4;
	return 0;
}

static void a_program_that_closes_all_fds_is_not_disturbed(void **state)
{
	assert_int_equal(in_child(closes_everything, NULL), 0);
	hive_is_well();
}

/* A signal handler that calls bpf(2), as often as not in the middle of a call. */
static int handler_map;
static volatile sig_atomic_t handled, handler_errors;

static void on_alarm(int sig)
{
	struct client *c = &client;
	char said[256];
	uint32_t key = 1;
	uint64_t value = 0;
	union bpf_attr attr = {.map_fd = (uint32_t)handler_map, .key = PTR(&key), .value = PTR(&value)};

	handler_errors +=
		client_bpf(c, BPF_MAP_LOOKUP_ELEM, PTR(&attr), sizeof(attr), said, sizeof(said)) || value != 111;
	handled++;
}

static void a_signal_handler_may_call(void **state)
{
	struct sigaction action = {.sa_handler = on_alarm}, before;
	struct itimerval often = {.it_interval = {.tv_usec = 500}, .it_value = {.tv_usec = 500}};
	int map = make_hash(4);
	uint64_t value;

	handler_map = make_hash(4);
	handled = handler_errors = 0;
	assert_int_equal(update(handler_map, 1, 111), 0);
	assert_int_equal(update(map, 1, 222), 0);
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 20000 && handled < 200; i++) {
		value = 0;
		if (lookup(map, 1, &value) || value != 222)
			handler_errors++;
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_int_equal(handler_errors, 0);
	assert_true(handled > 10);
	close(map);
	close(handler_map);
}

static void errno_is_left_alone(void **state)
{
	int map = make_hash(4);

	errno = 12345;
	assert_int_equal(update(map, 1, 1), 0);
	assert_int_equal(errno, 12345);
	close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED_TEST(a_map_is_made_filled_and_read),
		SERVED_TEST(ten_thousand_updates_are_all_there),
		SERVED_TEST(batches_go_whole),
		SERVED_TEST(large_values_travel_whole),
		SERVED_TEST(bad_addresses_are_efault),
		SERVED_TEST(attributes_are_checked_as_ever),
		SERVED_TEST(fds_that_are_none_are_ebadf_and_others_einval),
		SERVED_TEST(an_fd_that_changes_is_seen),
		SERVED_TEST(a_read_only_fd_stays_read_only),
		SERVED_TEST(an_fd_that_may_less_than_before_is_seen),
		SERVED_TEST(a_mapping_follows_the_kernels_rules),
		SERVED_TEST(what_one_client_makes_another_finds_by_id),
		SERVED_TEST(a_pin_outlives_its_maker),
		SERVED_TEST(a_link_is_made_shown_pinned_and_detached),
		SERVED_TEST(statistics_count_while_somebody_holds_them),
		SERVED_TEST(threads_of_one_process_lose_nothing),
		SERVED_TEST(processes_lose_nothing),
		SERVED_TEST(a_program_that_closes_all_fds_is_not_disturbed),
		SERVED_TEST(a_signal_handler_may_call),
		SERVED_TEST(errno_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
