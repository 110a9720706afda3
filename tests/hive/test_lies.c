/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients that lie, stop or die, servers that die, and users that are others: the hive stays usable, and nobody is let in. */
#include "util.h"
#include "../random.h"

#include "hive/far.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The connection is over: reading it gives its end, in a while. */
static void expect_hung_up(int sock)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	struct msg m;

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(wire_receive(sock, &m, NULL, 0, NULL), -EPIPE);
	close(sock);
}

static struct msg hear(int sock)
{
	uint8_t payload[MSG_MAX];
	struct msg m;

	assert_true(wire_receive(sock, &m, payload, sizeof(payload), NULL) >= 0);
	return m;
}

static void who_does_not_greet_is_hung_up_on(void **state)
{
	struct msg m = {.type = MSG_CALL, .value = BPF_MAP_GET_NEXT_ID};
	int sock = raw_connect();

	assert_int_equal(wire_send(sock, &m, NULL, 0, NULL, 0, -1), 0);
	expect_hung_up(sock);
	hive_is_well();
}

static void another_version_is_told_so(void **state)
{
	struct msg m = {.type = MSG_ASK, .value = ASK_HELLO, .len = MSG_VERSION + 1};
	int sock = raw_connect();

	assert_int_equal(wire_send(sock, &m, NULL, 0, NULL, 0, -1), 0);
	assert_int_equal(hear(sock).value, -EPROTONOSUPPORT);
	close(sock);
}

/* Messages that have no meaning, in a greeted connection. */
static void what_has_no_meaning_ends_the_connection(void **state)
{
	const struct msg bad[] = {
		{.type = 0},
		{.type = 77},
		{.type = MSG_DATA},
		{.type = MSG_CALL, .n_fds = 1},
		{.type = MSG_CALL, .n_fds = UINT32_MAX},
		{.type = MSG_CALL, .n_fds = UINT32_MAX / sizeof(struct msg_fd) + 2},
	};
	char half[sizeof(struct msg) / 2] = {0};
	int sock;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		sock = raw_greet();
		assert_int_equal(wire_send(sock, &bad[i], NULL, 0, NULL, 0, -1), 0);
		expect_hung_up(sock);
	}
	sock = raw_greet();
	assert_int_equal(send(sock, half, sizeof(half), 0), sizeof(half));
	expect_hung_up(sock);
	sock = raw_greet();
	{
		AUTO_FREE uint8_t *huge = calloc(1, MSG_MAX + 1);

		memcpy(huge, &(struct msg){.type = MSG_CALL}, sizeof(struct msg));
		assert_int_equal(send(sock, huge, MSG_MAX + 1, 0), MSG_MAX + 1);
	}
	expect_hung_up(sock);
	hive_is_well();
}

static void pieces_that_promise_more_than_they_hold_are_no_memory(void **state)
{
	struct msg m = {.type = MSG_CALL, .value = BPF_MAP_GET_NEXT_ID, .addr = 0x1000, .len = 16, .n_pieces = 1};
	struct msg_piece piece = {.addr = 0x1000, .len = UINT32_MAX};
	int sock = raw_greet();

	assert_int_equal(wire_send(sock, &m, &piece, sizeof(piece), "1234", 4, -1), 0);
	m = hear(sock);
	assert_int_equal(m.type, MSG_READ); /* it asks for what it was not given */
	assert_int_equal(m.addr, 0x1000);
	close(sock);
	hive_is_well();
}

/* Sends a call whose attributes the hive must ask for. */
static int ask_for_question(void)
{
	struct msg m = {.type = MSG_CALL, .value = BPF_MAP_GET_NEXT_ID, .addr = 0x1000, .len = 16};
	int sock = raw_greet();

	assert_int_equal(wire_send(sock, &m, NULL, 0, NULL, 0, -1), 0);
	m = hear(sock);
	assert_int_equal(m.type, MSG_READ);
	assert_int_equal(m.len, 16);
	return sock;
}

static void answers_that_do_not_fit_end_the_connection(void **state)
{
	uint8_t bytes[32768] = {0};
	const struct {
		struct msg m;
		size_t len;
	} bad[] = {
		{{.type = MSG_DATA, .len = 15}, 15}, /* less than was asked for */
		{{.type = MSG_DATA, .len = 16}, 15}, /* less than it says */
		{{.type = MSG_DATA, .len = 16}, 17},
		{{.type = MSG_DATA, .len = UINT32_MAX}, 16},
		{{.type = MSG_DATA, .len = 32768}, 32768}, /* more than is welcome */
		{{.type = MSG_WROTE}, 0}, /* an answer to something else */
		{{.type = MSG_HERE}, 0},
		{{.type = MSG_CALL}, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int sock = ask_for_question();

		assert_int_equal(wire_send(sock, &bad[i].m, bytes, bad[i].len, NULL, 0, -1), 0);
		expect_hung_up(sock);
	}
	hive_is_well();
}

static void a_map_is_not_reached_by_saying_which_it_is(void **state)
{
	int map = make_hash(4);
	struct stat st;
	union bpf_attr attr = {.map_fd = 5, .key = 0x2000, .value = 0x3000};
	uint8_t payload[512];
	size_t len = sizeof(struct msg_fd);
	struct msg m = {.type = MSG_CALL,
			.value = BPF_MAP_LOOKUP_ELEM,
			.addr = 0x1000,
			.len = sizeof(attr),
			.n_fds = 1,
			.n_pieces = 1};
	int sock = raw_greet();

	assert_int_equal(fstat(map, &st), 0);
	memcpy(payload, &(struct msg_fd){.dev = st.st_dev, .ino = st.st_ino, .fd = 5, .mode = O_RDWR}, len);
	assert_true(wire_add_piece(payload, &len, sizeof(payload), 0x1000, &attr, sizeof(attr)));
	assert_int_equal(wire_send(sock, &m, payload, len, NULL, 0, -1), 0);
	m = hear(sock);
	assert_int_equal(m.type, MSG_FD); /* it wants to see the fd all the same */
	assert_int_equal(m.value, 5);
	/* Another file is what that file is, whatever was said. */
	{
		struct msg here = {.type = MSG_HERE};
		int null = open("/dev/null", O_RDWR);

		assert_int_equal(wire_send(sock, &here, NULL, 0, NULL, 0, null), 0);
		close(null);
	}
	m = hear(sock);
	assert_int_equal(m.type, MSG_DONE);
	assert_int_equal(m.value, -EINVAL);
	close(sock);
	close(map);
}

/* Sends a look-up in a map that the hive must see the fd of, which it asks for with its lock held. */
static int ask_for_fd(void)
{
	union bpf_attr attr = {.map_fd = 5};
	uint8_t payload[512];
	size_t len = 0;
	struct msg m = {
		.type = MSG_CALL, .value = BPF_MAP_LOOKUP_ELEM, .addr = 0x1000, .len = sizeof(attr), .n_pieces = 1};
	int sock = raw_greet();

	assert_true(wire_add_piece(payload, &len, sizeof(payload), 0x1000, &attr, sizeof(attr)));
	assert_int_equal(wire_send(sock, &m, payload, len, NULL, 0, -1), 0);
	assert_int_equal(hear(sock).type, MSG_FD);
	return sock;
}

static void an_fd_that_does_not_come_is_ebadf(void **state)
{
	struct msg m = {.type = MSG_HERE};
	int sock = ask_for_fd();

	assert_int_equal(wire_send(sock, &m, NULL, 0, NULL, 0, -1), 0);
	m = hear(sock);
	assert_int_equal(m.type, MSG_DONE);
	assert_int_equal(m.value, -EBADF);
	close(sock);
}

/* How many fds the served process has: none must stay behind. */
static int count_fds(void)
{
	char cmd[64];
	int n = -1;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "ls /proc/%d/fd | wc -l", (int)served);
	f = popen(cmd, "r");
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

/* It answers before it has closed all that came with the question. */
static void fds_come_back_to(int before)
{
	for (int i = 0; i < 200 && count_fds() > before; i++)
		usleep(10000);
	assert_in_range(count_fds(), 1, before);
}

static void fds_that_nobody_asked_for_are_dropped(void **state)
{
	struct msg m = {.type = MSG_ASK, .value = ASK_HELLO, .len = MSG_VERSION};
	int sock = raw_greet();
	int before = count_fds();
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 50; i++) {
		assert_int_equal(wire_send(sock, &m, NULL, 0, NULL, 0, null), 0);
		assert_int_equal(hear(sock).type, MSG_DONE);
	}
	fds_come_back_to(before);
	close(null);
	close(sock);
}

/* Where one fd is due, two come. */
static void more_fds_than_were_asked_for_are_dropped(void **state)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct msg m = {.type = MSG_HERE};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	int fds[2] = {0, 1};
	int sock = ask_for_fd();
	int before = count_fds();

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(sock, &h, 0), sizeof(m));
	assert_int_equal(hear(sock).type, MSG_DONE);
	fds_come_back_to(before);
	close(sock);
}

static void nobody_has_more_fds_in_a_call_than_are_looked_at(void **state)
{
	struct msg_fd fds[FAR_KNOWN + 1] = {0};
	struct msg m = {.type = MSG_CALL, .value = BPF_MAP_GET_NEXT_ID, .n_fds = FAR_KNOWN + 1};
	int sock = raw_greet();

	assert_int_equal(wire_send(sock, &m, fds, sizeof(fds), NULL, 0, -1), 0);
	expect_hung_up(sock);
}

static void who_dies_in_the_middle_of_a_question_leaves_the_hive_well(void **state)
{
	for (int i = 0; i < 20; i++) {
		close(ask_for_question());
		close(ask_for_fd());
	}
	hive_is_well();
}

/* It keeps the hive's lock at most as long as the hive's patience lasts. */
static void who_stops_in_the_middle_of_a_question_is_given_up(void **state)
{
	int socks[] = {ask_for_question(), ask_for_fd()};

	hive_is_well();
	expect_hung_up(socks[0]);
	expect_hung_up(socks[1]);
	hive_is_well();
}

static int runs_for_ever(void *arg)
{
	uint8_t frame[64] = {0};
	int prog = make_prog(2);

	if (write(*(int *)arg, "", 1) != 1)
		return 1;
	call(BPF_PROG_TEST_RUN,
	     .test = {.prog_fd = (uint32_t)prog, .data_in = PTR(frame), .data_size_in = 64, .repeat = UINT32_MAX});
	return 0;
}

static int one_run(void *arg)
{
	uint8_t frame[64] = {0};
	int prog = make_prog(2);

	alarm(30);
	return call(BPF_PROG_TEST_RUN,
		    .test = {.prog_fd = (uint32_t)prog, .data_in = PTR(frame), .data_size_in = 64, .repeat = 1});
}

/* Of those that would run for minutes, as many as there are workers and more. */
static void runs_of_who_was_killed_end(void **state)
{
	pid_t pids[8];
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(runs_for_ever(&ready[1]));
		assert_int_equal(read(ready[0], &c, 1), 1);
	}
	usleep(50000);
	for (int i = 0; i < 8; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	assert_int_equal(in_child(one_run, NULL), 0);
	close(ready[0]);
	close(ready[1]);
}

static void a_server_that_was_killed_is_noticed_and_followed(void **state)
{
	int map = make_hash(4);
	uint64_t value;

	serve_kill();
	assert_int_equal(lookup(map, 1, &value), -ENOTCONN);
	assert_non_null(strstr(why, "no hive 't' is running; 'skep hive start t' starts one"));
	/* What it left behind is no obstacle. */
	assert_int_equal(access(place.socket, F_OK), 0);
	serve_start();
	close(map);
	map = make_hash(4);
	assert_int_equal(update(map, 1, 1), 0);
	close(map);
	hive_is_well();
}

static void *kill_soon(void *arg)
{
	usleep(100000);
	kill(served, SIGKILL);
	return NULL;
}

static void a_call_whose_server_is_killed_ends(void **state)
{
	uint8_t frame[64] = {0};
	int prog = make_prog(2);
	pthread_t t;

	pthread_create(&t, NULL, kill_soon, NULL);
	assert_int_equal(call(BPF_PROG_TEST_RUN, .test = {.prog_fd = (uint32_t)prog,
							  .data_in = PTR(frame),
							  .data_size_in = 64,
							  .repeat = UINT32_MAX}),
			 -ECONNRESET);
	pthread_join(t, NULL);
	serve_kill();
	close(prog);
}

static void a_name_is_taken_while_its_hive_lives(void **state)
{
	struct hive_server *s;
	char reason[256];

	assert_int_equal(server_new(&place, NULL, &s, reason, sizeof(reason)), -EADDRINUSE);
	assert_non_null(strstr(reason, "is running"));
	hive_is_well();
}

static void there_are_only_so_many_clients(void **state)
{
	int socks[SERVER_CLIENTS];
	struct msg m;
	int more;

	for (int i = 0; i < SERVER_CLIENTS; i++)
		socks[i] = raw_greet();
	more = raw_connect();
	assert_int_equal(wire_receive(more, &m, NULL, 0, NULL), 0);
	assert_int_equal(m.value, -EUSERS);
	close(more);
	for (int i = 0; i < SERVER_CLIENTS; i++)
		close(socks[i]);
	/* Their threads end in their own time. */
	for (int i = 0; i < 100; i++) {
		struct msg_facts facts;

		if (!client_ask(&client, ASK_FACTS, 0, NULL, &facts, sizeof(facts), why, sizeof(why)) &&
		    facts.clients == 1)
			return;
		usleep(10000);
	}
	fail_msg("clients that have gone are counted still");
}

static int connects_as_another(void *arg)
{
	if (setresgid(12345, 12345, 12345) || setresuid(12345, 12345, 12345))
		return 77;
	{
		struct client other = {.name = "t"};
		struct msg_facts facts;
		int err = client_ask(&other, ASK_FACTS, 0, NULL, &facts, sizeof(facts), why, sizeof(why));

		/* Its own folder, not this one: it finds no hive. */
		if (err != -ENOTCONN)
			return 1;
	}
	{
		int sock = raw_connect();
		struct msg m;

		/* Even where the folder lets it in. */
		if (wire_receive(sock, &m, NULL, 0, NULL) || m.type != MSG_DONE || m.value != -EPERM)
			return 2;
		if (wire_receive(sock, &m, NULL, 0, NULL) != -EPIPE)
			return 3;
	}
	return 0;
}

static void another_user_is_not_let_in(void **state)
{
	char parent[PATH_MAX + 4];

	if (geteuid()) {
		print_message("[ SKIP ] only root can be another user\n");
		skip();
	}
	snprintf(parent, sizeof(parent), "%s/..", place.dir);
	assert_int_equal(chmod(parent, 0755), 0);
	assert_int_equal(chmod(place.dir, 0755), 0);
	assert_int_equal(chmod(place.socket, 0777), 0);
	assert_int_equal(in_child(connects_as_another, NULL), 0);
	assert_int_equal(chmod(place.dir, 0700), 0);
	hive_is_well();
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	struct place p;

	assert_int_equal(chmod(place.dir, 0750), 0);
	assert_int_equal(place_find("t", true, &p, why, sizeof(why)), -EPERM);
	assert_non_null(strstr(why, "chmod 700"));
	assert_int_equal(chmod(place.dir, 0700), 0);
	assert_int_equal(place_find("t", true, &p, why, sizeof(why)), 0);
	assert_int_equal(place_find("../t", true, &p, why, sizeof(why)), -EINVAL);
	assert_int_equal(place_find("", true, &p, why, sizeof(why)), -EINVAL);
	assert_int_equal(place_find("t.lock", true, &p, why, sizeof(why)), -EINVAL);
}

/* A number that means something somewhere, or is just off it. */
static uint32_t odd(uint64_t *seed)
{
	static const uint32_t some[] = {0, 1, 2, 4, 8, 16, 144, 4096, MSG_BYTES, MSG_MAX, INT32_MAX, UINT32_MAX};
	uint64_t r = splitmix64(seed);

	return r % 4 ? some[(r >> 8) % ARRAY_SIZE(some)] + (uint32_t)(r >> 40) % 3 - 1 : (uint32_t)(r >> 32);
}

/* One message of a random kind, with pieces that are whole, or cut, or lie about their length, and sometimes an fd. */
static int send_random(int sock, uint64_t *seed, uint32_t type)
{
	struct msg m = {.type = type, .addr = odd(seed), .len = odd(seed) % 256, .n_pieces = splitmix64(seed) % 3};
	uint8_t payload[1024];
	size_t len = 0;

	m.value = (int32_t)(type == MSG_CALL ? splitmix64(seed) % 40 : splitmix64(seed) % 8 ? 0 : odd(seed));
	if (type == MSG_ASK) {
		m.value = (int32_t)(splitmix64(seed) % (ASK_PINS + 3));
		if (m.value == ASK_STOP) /* that one is obeyed */
			m.value = ASK_FACTS;
	}
	if (splitmix64(seed) % 8 == 0)
		m.n_fds = odd(seed);
	if (type == MSG_DATA)
		m.len = odd(seed) % 512;
	for (uint32_t i = 0; i < m.n_pieces; i++) {
		struct msg_piece piece = {.addr = i ? odd(seed) : m.addr, .len = (uint32_t)(splitmix64(seed) % 160)};
		uint32_t room = (uint32_t)(splitmix64(seed) % 8 ? piece.len : odd(seed) % 160);

		if (len + sizeof(piece) + room > sizeof(payload))
			break;
		memcpy(payload + len, &piece, sizeof(piece));
		len += sizeof(piece);
		for (uint32_t k = 0; k < room; k++)
			payload[len++] = splitmix64(seed) % 3 ? 0 : (uint8_t)odd(seed);
	}
	if (type == MSG_DATA)
		len = splitmix64(seed) % 4 ? MIN((size_t)m.len, sizeof(payload)) : len;
	return wire_send(sock, &m, payload, len, NULL, 0, splitmix64(seed) % 6 ? -1 : (int)(splitmix64(seed) % 3));
}

/*
 * Whatever a client says, the hive answers, or hangs up, and serves others on. Questions are answered with what was asked for in kind, or
 * with something else. (READ wants DATA, FD wants HERE, WRITE wants WROTE.)
 */
static void random_messages_leave_the_hive_well(void **state)
{
	static const uint32_t kinds[] = {MSG_CALL, MSG_CALL, MSG_CALL, MSG_ASK, MSG_ASK, MSG_DATA, MSG_HERE, MSG_WROTE};
	uint64_t seed = 1;
	uint32_t answered = 0, hung_up = 0;
	int sock = -1;

	for (int i = 0; i < 20000; i++) {
		uint32_t next = kinds[splitmix64(&seed) % 5]; /* a call or a question */

		if (sock < 0)
			sock = raw_greet();
		if (splitmix64(&seed) % 32 == 0)
			next = kinds[splitmix64(&seed) % ARRAY_SIZE(kinds)];
		for (bool done = false; !done && sock >= 0;) {
			struct pollfd p = {.fd = sock, .events = POLLIN};
			uint8_t payload[MSG_MAX];
			struct msg m = {0};
			int fd = -1;

			if (!send_random(sock, &seed, next)) {
				assert_int_equal(poll(&p, 1, 20000), 1);
				done = wire_receive(sock, &m, payload, sizeof(payload), &fd) < 0;
			} else {
				done = true;
			}
			if (fd >= 0)
				close(fd);
			if (done) {
				hung_up++;
				close(sock);
				sock = -1;
				break;
			}
			done = m.type == MSG_DONE;
			answered += done;
			next = m.type == MSG_READ ? MSG_DATA : m.type == MSG_FD ? MSG_HERE : MSG_WROTE;
			if (splitmix64(&seed) % 64 == 0)
				next = kinds[splitmix64(&seed) % ARRAY_SIZE(kinds)];
		}
	}
	if (sock >= 0)
		close(sock);
	/* Both happened, many times: the messages are neither all good nor all bad. */
	assert_true(answered > 1000);
	assert_true(hung_up > 1000);
	hive_is_well();
}

/* A program that writes eight bytes to a ring buffer, and what it returns. */
static int write_to(int ring)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8, .imm = 7},
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = ring},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ringbuf_output},
		{.code = BPF_ALU64 | BPF_NEG, .dst_reg = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int prog = call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns),
			.insn_cnt = ARRAY_SIZE(insns), .license = PTR("GPL"));

	assert_true(prog >= 0);
	return prog;
}

static int run_once(int prog)
{
	uint8_t frame[64] = {0};
	union bpf_attr attr = {
		.test = {.prog_fd = (uint32_t)prog, .data_in = PTR(frame), .data_size_in = sizeof(frame), .repeat = 1}};

	assert_int_equal(client_bpf(&client, BPF_PROG_TEST_RUN, PTR(&attr), sizeof(attr), why, sizeof(why)), 0);
	return (int)attr.test.retval;
}

/* What the memory of a ring says, whoever wrote it there, is data: the program is refused a place, or writes into the ring. */
static void positions_of_a_ring_that_lie_harm_nobody(void **state)
{
	int ring = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096);
	int prog = write_to(ring);
	uint64_t seed = 7;
	uint64_t *mem;

	assert_true(ring >= 0);
	/* Not as libbpf does it, who is shown the consumer's page only: by the file itself. */
	mem = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(run_once(prog), 0);
	for (int i = 0; i < 500; i++) {
		mem[0] = splitmix64(&seed);
		mem[512] = splitmix64(&seed);
		for (int k = 0; k < 8; k++)
			mem[1024 + splitmix64(&seed) % 512] = splitmix64(&seed);
		assert_true(run_once(prog) == 0 || run_once(prog) == EAGAIN);
	}
	hive_is_well();
	munmap(mem, 3 * 4096);
	close(prog);
	close(ring);
}

static int open_perf(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_BPF_OUTPUT,
				       .sample_type = PERF_SAMPLE_RAW};

	return client_perf_open(&client, PTR(&attr), -1, 0, why, sizeof(why));
}

static int map_perf(int fd, size_t len)
{
	const struct msg_mapping want = {.len = len, .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED};
	struct msg_memory memory;

	return client_may_map(&client, fd, &want, &memory, why, sizeof(why));
}

/* Whose file is too small when the hive has just made it larger has no buffer; nobody writes behind its end. */
static void a_perf_buffer_whose_file_is_spoilt_is_none(void **state)
{
	const int seals[] = {F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL, F_SEAL_SHRINK | F_SEAL_GROW};

	for (size_t i = 0; i < ARRAY_SIZE(seals); i++) {
		int fd = open_perf();

		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals[i]), 0);
		assert_true(map_perf(fd, 2 * 4096) < 0);
		close(fd);
	}
	{
		int fd = open_perf();

		assert_int_equal(map_perf(fd, 3 * 4096 + 4096 - 1), -EINVAL); /* no power of two behind the first */
		assert_int_equal(map_perf(fd, 3 * 4096), 0);
		assert_int_equal(map_perf(fd, 5 * 4096), -EINVAL);
		assert_int_equal(ftruncate(fd, 0), -1);
		close(fd);
	}
	hive_is_well();
}

/* What a reader waits on is no event that it could fill up, so that the programs would wait for it. */
static void what_is_waited_on_cannot_be_written(void **state)
{
	int ring = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096);
	int hash = make_hash(4);
	struct msg_memory memory;
	int fd = client_wait_fd(&client, ring, &memory, why, sizeof(why));

	assert_true(fd >= 0);
	assert_int_equal(memory.layout, MEMORY_RING);
	assert_int_equal(memory.size, 4096);
	assert_int_equal(write(fd, &(uint64_t){1}, 8), -1);
	close(fd);
	assert_int_equal(client_wait_fd(&client, hash, &memory, why, sizeof(why)), -EPERM);
	assert_int_equal(client_wait_fd(&client, -1, &memory, why, sizeof(why)), -EBADF);
	assert_int_equal(client_ioctl(&client, hash, PERF_EVENT_IOC_ENABLE, 0, why, sizeof(why)), -ENOTTY);
	assert_int_equal(client_ioctl(&client, 9999, PERF_EVENT_IOC_ENABLE, 0, why, sizeof(why)), -EBADF);
	assert_int_equal(client_perf_open(&client, 8, -1, 0, why, sizeof(why)), -EFAULT);
	close(hash);
	close(ring);
}

/* Questions whose arguments are not there, or of another size. */
static void questions_without_their_arguments_are_einval(void **state)
{
	const int asks[] = {ASK_MMAP, ASK_PERF, ASK_IOCTL};

	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		struct msg m = {.type = MSG_ASK, .value = asks[i], .n_pieces = 1};
		uint8_t payload[64];
		size_t len = 0;
		int sock = raw_greet();

		assert_true(wire_add_piece(payload, &len, sizeof(payload), 0, "123", 3));
		assert_int_equal(wire_send(sock, &m, payload, len, NULL, 0, -1), 0);
		assert_int_equal(hear(sock).value, -EINVAL);
		m.n_pieces = 0;
		assert_int_equal(wire_send(sock, &m, NULL, 0, NULL, 0, -1), 0);
		assert_int_equal(hear(sock).value, -EINVAL);
		close(sock);
	}
	hive_is_well();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED_TEST(who_does_not_greet_is_hung_up_on),
		SERVED_TEST(another_version_is_told_so),
		SERVED_TEST(what_has_no_meaning_ends_the_connection),
		SERVED_TEST(pieces_that_promise_more_than_they_hold_are_no_memory),
		SERVED_TEST(answers_that_do_not_fit_end_the_connection),
		SERVED_TEST(random_messages_leave_the_hive_well),
		SERVED_TEST(a_map_is_not_reached_by_saying_which_it_is),
		SERVED_TEST(an_fd_that_does_not_come_is_ebadf),
		SERVED_TEST(fds_that_nobody_asked_for_are_dropped),
		SERVED_TEST(more_fds_than_were_asked_for_are_dropped),
		SERVED_TEST(nobody_has_more_fds_in_a_call_than_are_looked_at),
		SERVED_TEST(who_dies_in_the_middle_of_a_question_leaves_the_hive_well),
		SERVED_TEST(who_stops_in_the_middle_of_a_question_is_given_up),
		SERVED_TEST(runs_of_who_was_killed_end),
		SERVED_TEST(a_server_that_was_killed_is_noticed_and_followed),
		SERVED_TEST(a_call_whose_server_is_killed_ends),
		SERVED_TEST(a_name_is_taken_while_its_hive_lives),
		SERVED_TEST(there_are_only_so_many_clients),
		SERVED_TEST(another_user_is_not_let_in),
		SERVED_TEST(a_folder_that_others_may_enter_is_refused),
		SERVED_TEST(positions_of_a_ring_that_lie_harm_nobody),
		SERVED_TEST(a_perf_buffer_whose_file_is_spoilt_is_none),
		SERVED_TEST(what_is_waited_on_cannot_be_written),
		SERVED_TEST(questions_without_their_arguments_are_einval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
