/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include "bpf/link.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

pid_t served;
struct place place;
struct client client;
char why[256];
static char dir[64];

/* A hook that serves XDP links and does nothing: what it is told about is looked at through bpf(2). */
static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	return 0;
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
}

static struct hive_hook hook = {
	.attach_type = BPF_XDP, .link_type = BPF_LINK_TYPE_XDP, .attach = attach, .detach = detach};

static struct hive_server *server;

static void on_term(int sig)
{
	server_stop(server);
}

static int serve(int ready)
{
	struct skep_hive *hive;
	char reason[256];

	if (skep_hive_new(NULL, &hive) || hive_hook_add(hive, &hook) ||
	    server_new(&place, hive, &server, reason, sizeof(reason)))
		return 1;
	signal(SIGTERM, on_term);
	if (write(ready, "", 1) != 1 || server_run(server))
		return 2;
	server_free(server);
	skep_hive_free(hive);
	return 0;
}

void serve_start(void)
{
	int ready[2];
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	served = fork();
	assert_true(served >= 0);
	if (!served)
		_exit(serve(ready[1]));
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
}

void serve_kill(void)
{
	int status;

	kill(served, SIGKILL);
	waitpid(served, &status, 0);
	served = 0;
}

int served_setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/skep-test-%d", (int)getpid());
	if (mkdir(dir, 0700) || setenv("XDG_RUNTIME_DIR", dir, 1) || unsetenv("SKEP_HIVE") ||
	    place_find("t", true, &place, why, sizeof(why)))
		return -1;
	client = (struct client){.name = "t"};
	serve_start();
	return 0;
}

int served_teardown(void **state)
{
	int status = 0;
	char cmd[128];

	client_close(&client);
	if (served) {
		kill(served, SIGTERM);
		waitpid(served, &status, 0);
		served = 0;
	}
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd) || status;
}

int make_hash(uint32_t max_entries)
{
	int fd = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8,
		      .max_entries = max_entries);

	if (fd < 0)
		fail_msg("map: %s (%s)", strerror(-fd), why);
	return fd;
}

int make_prog(int32_t ret)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = ret},
					 {.code = BPF_JMP | BPF_EXIT}};
	int fd = call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns), .insn_cnt = 2,
		      .license = PTR("GPL"), .prog_name = "answer");

	if (fd < 0)
		fail_msg("program: %s (%s)", strerror(-fd), why);
	return fd;
}

int update(int map, uint32_t key, uint64_t value)
{
	return call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = PTR(&value));
}

int lookup(int map, uint32_t key, uint64_t *value)
{
	return call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)map, .key = PTR(&key), .value = PTR(value));
}

static int round_of_another(void *arg)
{
	uint64_t value = 0;
	int map;

	/* After fork(2) the client has no connection that is its own: it makes one. */
	alarm(20);
	map = make_hash(4);
	return update(map, 7, 77) || lookup(map, 7, &value) || value != 77;
}

void hive_is_well(void)
{
	assert_int_equal(in_child(round_of_another, NULL), 0);
}

int raw_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, place.socket, sizeof(addr.sun_path));
	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return sock;
}

int raw_greet(void)
{
	struct msg m = {.type = MSG_ASK, .value = ASK_HELLO, .len = MSG_VERSION};
	int sock = raw_connect();

	assert_int_equal(wire_send(sock, &m, NULL, 0, NULL, 0, -1), 0);
	assert_int_equal(wire_receive(sock, &m, NULL, 0, NULL), 0);
	assert_int_equal(m.type, MSG_DONE);
	assert_int_equal(m.value, 0);
	return sock;
}

int in_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
