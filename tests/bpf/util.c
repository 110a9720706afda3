/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include <linux/btf.h>
#include <sys/socket.h>
#include <sys/syscall.h>

struct skep_hive *hive;
char test_line[1024];
unsigned int test_errors;
uint32_t test_hive_flags;

static void hive_says(void *arg, enum skep_log_level level, const char *line)
{
	snprintf(test_line, sizeof(test_line), "%s", line);
	test_errors += level == SKEP_LOG_ERROR;
}

int test_hive_setup(void **state)
{
	struct skep_hive_opts opts =
		SKEP_OPTS(struct skep_hive_opts, .flags = test_hive_flags, .n_cpus = 4, .log = hive_says);

	test_errors = 0;
	test_line[0] = 0;
	return skep_hive_new(&opts, &hive);
}

int test_hive_teardown(void **state)
{
	skep_hive_free(hive);
	hive = NULL;
	return 0;
}

static bool kernel_answers;

bool with_kernel(void)
{
	return kernel_answers;
}

int first_side(void)
{
	return kernel_answers ? 0 : 1;
}

int bpf_of(int side, int cmd, union bpf_attr *attr)
{
	long ret;

	if (side)
		return skep_bpf(hive, cmd, attr, sizeof(*attr));
	ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	return ret < 0 ? -errno : (int)ret;
}

void test_with_kernel(void)
{
	int probe = BPF(0, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
			.max_entries = 1);

	kernel_answers = probe >= 0;
	if (kernel_answers)
		close(probe);
	else
		print_message("bpf(2) is refused here: the kernel's part is left out\n");
}

int make_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags)
{
	int fd = call(BPF_MAP_CREATE, .map_type = type, .key_size = key_size, .value_size = value_size,
		      .max_entries = max_entries, .map_flags = flags);

	if (fd < 0)
		fail_msg("map of type %u: %s", type, strerror(-fd));
	return fd;
}

int make_array(void)
{
	return make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
}

int make_prog_insns(uint32_t type, const struct bpf_insn *insns, uint32_t n)
{
	static char log[1 << 20];
	int fd = call(BPF_PROG_LOAD, .prog_type = type, .insns = PTR(insns), .insn_cnt = n, .license = PTR("GPL"));

	if (fd >= 0)
		return fd;
	call(BPF_PROG_LOAD, .prog_type = type, .insns = PTR(insns), .insn_cnt = n, .license = PTR("GPL"),
	     .log_buf = PTR(log), .log_size = sizeof(log), .log_level = 1);
	fail_msg("program of type %u: %s: %s", type, strerror(-fd), log);
	return fd;
}

int make_prog(uint32_t type, int32_t ret)
{
	const struct bpf_insn insns[] = {MOV_IMM(0, ret), EXIT()};

	return make_prog_insns(type, insns, 2);
}

int make_prog_using(int map_fd)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		LD_MAP(1, map_fd),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0),
		MOV_IMM(0, -1),
		EXIT(),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 0, 0, 0),
		EXIT(),
	};

	return make_prog_insns(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));
}

uint32_t raw_btf(void *to, size_t room)
{
	struct {
		struct btf_header h;
		struct btf_type t;
		uint32_t bits;
		struct btf_type proto, func, choice;
		char strings[5];
	} __attribute__((packed)) btf = {
		.h = {.magic = BTF_MAGIC,
		      .version = BTF_VERSION,
		      .hdr_len = sizeof(btf.h),
		      .type_len = 52,
		      .str_off = 52,
		      .str_len = 5},
		.t = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4},
		.bits = 32,
		.proto = {.info = BTF_KIND_FUNC_PROTO << 24},
		.func = {.name_off = 1, .info = BTF_KIND_FUNC << 24, .type = 2},
		.choice = {.name_off = 1, .info = BTF_KIND_ENUM << 24, .size = 4},
		.strings = "\0int",
	};

	assert_true(room >= sizeof(btf));
	memcpy(to, &btf, sizeof(btf));
	return sizeof(btf);
}

int make_btf(void)
{
	char btf[128];
	uint32_t size = raw_btf(btf, sizeof(btf));
	int fd = call(BPF_BTF_LOAD, .btf = PTR(btf), .btf_size = size);

	if (fd < 0)
		fail_msg("BTF: %s", strerror(-fd));
	return fd;
}

int64_t run_xdp(int prog_fd)
{
	uint8_t data[64] = {0};
	union bpf_attr attr = {
		.test = {.prog_fd = (uint32_t)prog_fd, .data_in = PTR(data), .data_size_in = sizeof(data)}};
	int ret = skep_bpf(hive, BPF_PROG_TEST_RUN, &attr, sizeof(attr));

	return ret ? ret : (int64_t)attr.test.retval;
}

unsigned int count_ids(int next_id_cmd)
{
	union bpf_attr attr = {0};
	unsigned int n = 0;

	while (!skep_bpf(hive, next_id_cmd, &attr, sizeof(attr))) {
		attr.start_id = attr.next_id;
		attr.next_id = 0;
		n++;
	}
	return n;
}

uint32_t id_of(int fd)
{
	/* A map's and a program's info begin with type and id, as a link's does. */
	uint32_t info[2] = {0};
	int ret = call(BPF_OBJ_GET_INFO_BY_FD,
		       .info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = PTR(info)});

	assert_int_equal(ret, 0);
	return info[1];
}

void send_fd(int sock, int fd)
{
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.h = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
	assert_int_equal(sendmsg(sock, &msg, 0), 1);
}

int receive_fd(int sock)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fd = -1;

	assert_int_equal(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), 1);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}
