/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring buffers and perf buffers of a hive in another process: a program of others, with the system's libbpf, which knows nothing of skep. Each word on the command
 * line is a claim that is put to the test; what is wrong is said, and the exit code is 1. test-rings.sh runs them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHECK(cond)                                                                                                    \
	do                                                                                                             \
		if (!(cond)) {                                                                                         \
			fprintf(stderr, "%s:%d: not so: %s (%s)\n", __func__, __LINE__, #cond, strerror(errno));       \
			exit(1);                                                                                       \
		}                                                                                                      \
	while (0)

enum { PAGE = 4096 };

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int make_ring(uint32_t size)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, size, NULL);

	CHECK(fd >= 0);
	return fd;
}

/* A program that puts the first @len bytes of its frame (at most 64) into a map, by a helper: ring or perf buffer. */
static int make_writer(int map, int helper, int len)
{
	const struct bpf_insn insns[] = {
		/* r6 = ctx; bpf_skb_load_bytes(ctx, 0, stack, len) */
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 3, .imm = -64},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = len},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_load_bytes},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 0, .off = 8, .imm = 0},
		/* perf: (ctx, map, BPF_F_CURRENT_CPU, data, size); ring: (map, data, size, 0) */
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = helper == BPF_FUNC_perf_event_output ? 2 : 1,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X,
		 .dst_reg = helper == BPF_FUNC_perf_event_output ? 4 : 2,
		 .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K,
		 .dst_reg = helper == BPF_FUNC_perf_event_output ? 4 : 2,
		 .imm = -64},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = helper == BPF_FUNC_perf_event_output ? 5 : 3,
		 .imm = len},
		helper == BPF_FUNC_perf_event_output
			? (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6}
			: (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = 0},
		helper == BPF_FUNC_perf_event_output
			? (struct bpf_insn){.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = 3, .imm = -1}
			: (struct bpf_insn){.code = BPF_JMP | BPF_JA},
		{.code = BPF_JMP | BPF_CALL, .imm = helper},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "writer", "GPL", insns, sizeof(insns) / sizeof(*insns), NULL);

	CHECK(fd >= 0);
	return fd;
}

/* Has a program write @n into its map. Return: what it returned. */
static int put(int prog, uint64_t n)
{
	uint8_t frame[64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	for (size_t i = 0; i < sizeof(frame); i += sizeof(n))
		memcpy(frame + i, &n, sizeof(n));
	CHECK(!bpf_prog_test_run_opts(prog, &opts));
	return (int)opts.retval;
}

struct later {
	int prog, ms;
	uint64_t n;
};

static void *put_later(void *arg)
{
	const struct later *l = arg;

	usleep((useconds_t)l->ms * 1000);
	put(l->prog, l->n);
	return NULL;
}

static uint64_t seen, sum, wrong;

static int on_record(void *ctx, void *data, size_t len)
{
	uint64_t n;

	memcpy(&n, data, sizeof(n));
	/* All words of a record are alike, also of one that lies across the end of the ring. */
	for (size_t i = sizeof(n); i + sizeof(n) <= len; i += sizeof(n))
		wrong += memcmp((char *)data + i, &n, sizeof(n)) != 0;
	wrong += ctx && n != *(uint64_t *)ctx + seen;
	seen++;
	sum += n;
	return 0;
}

static void records_come_whole_and_in_order(void)
{
	int ring = make_ring(PAGE), prog = make_writer(ring, BPF_FUNC_ringbuf_output, 40);
	uint64_t first = 100;
	struct ring_buffer *rb = ring_buffer__new(ring, on_record, &first, NULL);

	CHECK(rb);
	for (uint64_t i = 0; i < 1000; i++) {
		CHECK(put(prog, first + i) == 0);
		if (i % 7 == 6)
			CHECK(ring_buffer__poll(rb, 0) > 0);
	}
	CHECK(ring_buffer__poll(rb, 0) >= 0);
	CHECK(seen == 1000 && !wrong);
	ring_buffer__free(rb);
}

static void what_is_not_read_is_there_still(void)
{
	int ring = make_ring(PAGE), prog = make_writer(ring, BPF_FUNC_ringbuf_output, 8), ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77}, got = {0};
	struct ring_buffer *rb;

	CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, ring, &event));
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, ring, &event) == -1 && errno == EEXIST);
	CHECK(epoll_wait(ep, &got, 1, 0) == 0);
	put(prog, 1);
	for (int i = 0; i < 3; i++) {
		CHECK(epoll_wait(ep, &got, 1, 0) == 1);
		CHECK(got.data.u64 == 77 && got.events == EPOLLIN);
	}
	rb = ring_buffer__new(ring, on_record, NULL, NULL);
	CHECK(rb && ring_buffer__consume(rb) == 1);
	/* At most an edge is left over, then nothing. */
	epoll_wait(ep, &got, 1, 0);
	CHECK(epoll_wait(ep, &got, 1, 0) == 0);
	put(prog, 1);
	CHECK(!epoll_ctl(ep, EPOLL_CTL_DEL, ring, NULL));
	CHECK(epoll_wait(ep, &got, 1, 0) == 0);
	CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, ring, NULL) == -1);
	ring_buffer__free(rb);
}

static void other_files_beside_it_are_told_too(void)
{
	int ring = make_ring(PAGE), prog = make_writer(ring, BPF_FUNC_ringbuf_output, 8), ep = epoll_create1(0),
	    pipes[2];
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 1}, got[4];

	CHECK(!pipe(pipes) && write(pipes[1], "", 1) == 1);
	CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, ring, &event));
	event.data.u64 = 2;
	CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event));
	CHECK(epoll_wait(ep, got, 4, 0) == 1 && got[0].data.u64 == 2);
	put(prog, 1);
	CHECK(epoll_wait(ep, got, 4, 0) == 2);
	CHECK(got[0].data.u64 + got[1].data.u64 == 3);
}

/* A record that comes while the reader sleeps wakes it. */
static void who_sleeps_is_woken(void)
{
	int ring = make_ring(PAGE), prog = make_writer(ring, BPF_FUNC_ringbuf_output, 8);
	struct ring_buffer *rb = ring_buffer__new(ring, on_record, NULL, NULL);

	for (int i = 0; i < 20; i++) {
		struct later l = {.prog = prog, .ms = 20, .n = 1};
		uint64_t start = now_ms();
		pthread_t t;

		pthread_create(&t, NULL, put_later, &l);
		while (seen == (uint64_t)i && now_ms() - start < 10000)
			CHECK(ring_buffer__poll(rb, 10000) >= 0);
		pthread_join(t, NULL);
		CHECK(seen == (uint64_t)i + 1 && now_ms() - start < 5000);
	}
	ring_buffer__free(rb);
}

static void poll_waits_as_well(void)
{
	int ring = make_ring(PAGE), prog = make_writer(ring, BPF_FUNC_ringbuf_output, 8), pipes[2];
	struct ring_buffer *rb = ring_buffer__new(ring, on_record, NULL, NULL);
	struct later l = {.prog = prog, .ms = 100, .n = 5};
	struct pollfd p[2] = {{.fd = ring, .events = POLLIN}};
	uint64_t start = now_ms();
	pthread_t t;

	CHECK(!pipe(pipes));
	p[1] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
	CHECK(poll(p, 2, 150) == 0 && now_ms() - start >= 150);
	CHECK(p[0].fd == ring);
	for (int i = 0; i < 3; i++) {
		start = now_ms();
		pthread_create(&t, NULL, put_later, &l);
		CHECK(poll(p, 2, 10000) == 1 && p[0].revents == POLLIN && !p[1].revents);
		CHECK(now_ms() - start >= 90 && now_ms() - start < 5000);
		pthread_join(t, NULL);
		CHECK(poll(p, 2, -1) == 1 && p[0].revents == POLLIN);
		CHECK(ring_buffer__consume(rb) == 1);
		CHECK(poll(p, 2, 50) == 0);
	}
	CHECK(write(pipes[1], "", 1) == 1 && poll(p, 2, -1) == 1 && p[1].revents == POLLIN);
	ring_buffer__free(rb);
}

/* The kernel's rules: the consumer's position may be written, and nothing else, whatever mprotect(2) is asked for. */
static void only_the_consumers_page_can_be_written(void)
{
	int ring = make_ring(PAGE);
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);

	CHECK(p != MAP_FAILED);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, PAGE) == MAP_FAILED && errno == EPERM);
	CHECK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0) == MAP_FAILED && errno == EPERM);
	CHECK(mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, ring, PAGE) == MAP_FAILED && errno == EINVAL);
	p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, ring, PAGE);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
}

static void on_sample(void *ctx, int cpu, void *data, uint32_t size)
{
	on_record(NULL, data, size & ~7u); /* rounded up behind its length */
}

static void on_lost(void *ctx, int cpu, unsigned long long n)
{
	*(uint64_t *)ctx += n;
}

static void perf_buffers_of_all_cpus_are_read(void)
{
	int map =
		bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "perf", 4, 4, (uint32_t)libbpf_num_possible_cpus(), NULL);
	int prog = make_writer(map, BPF_FUNC_perf_event_output, 40);
	uint64_t lost = 0;
	struct perf_buffer *pb = perf_buffer__new(map, 1, on_sample, on_lost, &lost, NULL);
	struct later l = {.prog = prog, .ms = 50, .n = 7};
	uint64_t start;
	pthread_t t;

	CHECK(pb);
	CHECK(perf_buffer__poll(pb, 0) == 0);
	for (uint64_t i = 1; i <= 200; i++) {
		CHECK(put(prog, i) == 0);
		CHECK(perf_buffer__poll(pb, 1000) > 0);
	}
	CHECK(seen == 200 && sum == 200 * 201 / 2 && !wrong);
	start = now_ms();
	pthread_create(&t, NULL, put_later, &l);
	CHECK(perf_buffer__poll(pb, 10000) > 0 && now_ms() - start < 5000);
	pthread_join(t, NULL);
	/* What does not fit is counted by who reads. */
	for (int i = 0; i < 200; i++)
		put(prog, 1);
	perf_buffer__poll(pb, 0);
	put(prog, 1);
	perf_buffer__poll(pb, 0);
	CHECK(lost > 0 && lost + seen == 200 + 1 + 200 + 1);
	perf_buffer__free(pb);
}

static bool map_is_there(uint32_t id)
{
	int fd = bpf_map_get_fd_by_id(id);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A reader that goes leaves nothing: neither what libbpf mapped nor what waited. */
static void a_reader_that_ends_leaves_nothing(void)
{
	int ring = make_ring(PAGE);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), id;
	struct ring_buffer *rb = ring_buffer__new(ring, on_record, NULL, NULL);
	struct epoll_event got;

	CHECK(!bpf_obj_get_info_by_fd(ring, &info, &len));
	id = info.id;
	epoll_wait(ring_buffer__epoll_fd(rb), &got, 1, 0);
	ring_buffer__free(rb);
	CHECK(map_is_there(id));
	close(ring);
	CHECK(!map_is_there(id));
}

static int open_tracepoint(const char *name)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr)};
	char path[128];
	FILE *f;
	int id = 0;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/id", name);
	f = fopen(path, "r");
	CHECK(f && fscanf(f, "%d", &id) == 1);
	fclose(f);
	attr.config = (uint64_t)id;
	return (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Events are there, the machine's own events are the machine's, and a hive without tasks says so. */
static void events_are_those_of_the_hive(void)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	int prog = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "nothing", "GPL", insns, 2, NULL);
	int event = open_tracepoint("syscalls/sys_enter_openat");
	char link[64], path[64];
	ssize_t len;

	CHECK(prog >= 0 && event >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", event);
	len = readlink(path, link, sizeof(link) - 1);
	CHECK(len > 0 && (size_t)len == strlen("anon_inode:[perf_event]") &&
	      !memcmp(link, "anon_inode:[perf_event]", (size_t)len));
	CHECK(!ioctl(event, PERF_EVENT_IOC_ENABLE, 0) && !ioctl(event, PERF_EVENT_IOC_DISABLE, 0));
	CHECK(ioctl(event, PERF_EVENT_IOC_SET_BPF, prog) == -1 && errno == EOPNOTSUPP);
	CHECK(ioctl(event, PERF_EVENT_IOC_SET_BPF, 9999) == -1 && errno == EBADF);
	CHECK(bpf_link_create(prog, event, BPF_PERF_EVENT, NULL) == -EOPNOTSUPP);
	CHECK(access("/sys/kernel/tracing/events/sched/sched_switch/id", F_OK) == -1);
	CHECK(!access("/sys/kernel/debug/tracing/events/sched/sched_process_exec/format", R_OK));
	CHECK(access("/sys/kernel/tracing/events/sched/sched_process_exec/id", W_OK) == -1 && errno == EACCES);
	CHECK(!fopen("/sys/kernel/tracing/events/sched/sched_switch/id", "r"));
}

static const struct {
	const char *name;
	void (*fn)(void);
} claims[] = {
#define CLAIM(fn)                                                                                                      \
	{                                                                                                              \
#fn, fn                                                                                                \
	}
	CLAIM(records_come_whole_and_in_order),
	CLAIM(what_is_not_read_is_there_still),
	CLAIM(other_files_beside_it_are_told_too),
	CLAIM(who_sleeps_is_woken),
	CLAIM(poll_waits_as_well),
	CLAIM(only_the_consumers_page_can_be_written),
	CLAIM(perf_buffers_of_all_cpus_are_read),
	CLAIM(a_reader_that_ends_leaves_nothing),
	CLAIM(events_are_those_of_the_hive),
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++)
		if (argc < 2)
			puts(claims[i].name);
		else if (!strcmp(claims[i].name, argv[1]))
			claims[i].fn();
	return 0;
}
