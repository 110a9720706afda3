/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of the helper table: for every program type that it loads and every helper there is, it must
 * refuse the call ("program of this type cannot use helper") exactly where the table has no bit, and
 * ask for a GPL-compatible licence exactly where the table has HELPER_GPL.
 *
 * Each probe loads `call helper; r0 = 0; exit` and reads the verifier's log; nothing is attached or kept. Which helpers a
 * program may call can depend on where it will be attached: a type's bit stands when any attach type has the helper.
 * "--print" lists what the kernel says, one line a helper: the program types' bits in hexadecimal, then GPL or -.
 *
 * Needs bpf(2) for us (root) and the kernel that the table describes, 6.18; else exits with 77.
 */
#include "base/uapi.h"
#include "base/util.h"
#include "helper/helper.h"
#include "prog/types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { SKIP = 77, N_HELPERS = 211, NETFILTER_ATTACH = 45 };

/* A way to load programs of a type. */
struct way {
	uint32_t type, attach;
	const char *btf; /* the kernel's function, typedef or struct that it attaches to; NULL: none */
	uint32_t btf_kind;
	uint32_t flags;
};

static const struct way ways[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_KPROBE, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, NULL, 0, 0},
	{BPF_PROG_TYPE_SCHED_CLS, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_SCHED_ACT, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_TRACEPOINT, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_XDP, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_PERF_EVENT, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND, NULL, 0, 0},
	{BPF_PROG_TYPE_LWT_IN, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_LWT_OUT, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_LWT_XMIT, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, NULL, 0, 0},
	{BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_DEVICE, NULL, 0, 0}, /* any number will do, and changes what it may */
	{BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, NULL, 0, 0},
	{BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, NULL, 0, 0},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME, NULL, 0, 0},
	{BPF_PROG_TYPE_LWT_SEG6LOCAL, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_LIRC_MODE2, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT, NULL, 0, 0},
	{BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT_OR_MIGRATE, NULL, 0, 0},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL, NULL, 0, 0},
	{BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, 0, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, NULL, 0, 0},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT, NULL, 0, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_sys_enter", BTF_KIND_TYPEDEF, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_task", BTF_KIND_FUNC, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "tcp_sendmsg", BTF_KIND_FUNC, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, "tcp_sendmsg", BTF_KIND_FUNC, 0},
	{BPF_PROG_TYPE_STRUCT_OPS, 0, "tcp_congestion_ops", BTF_KIND_STRUCT, 0},
	{BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_file_open", BTF_KIND_FUNC, 0},
	{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, "bpf_lsm_socket_bind", BTF_KIND_FUNC, 0},
	{BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, NULL, 0, 0},
	{BPF_PROG_TYPE_SYSCALL, 0, NULL, 0, BPF_F_SLEEPABLE},
	{SKEP_PROG_TYPE_NETFILTER, NETFILTER_ATTACH, NULL, 0, 0},
};

static char verifier_log[1 << 14];

/* load - give the kernel a program that calls a helper. Return: 0 or the error; its words are in verifier_log. */
static int load(const struct way *way, uint32_t btf_id, uint32_t member, int32_t helper, const char *license)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = helper},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {};
	int fd;

	attr.prog_type = way->type;
	attr.expected_attach_type = way->type == BPF_PROG_TYPE_STRUCT_OPS ? member : way->attach;
	attr.attach_btf_id = btf_id;
	attr.prog_flags = way->flags;
	/* Without a call: is the type there at all? */
	attr.insns = (uintptr_t)(helper ? insns : insns + 1);
	attr.insn_cnt = helper ? 3 : 2;
	attr.license = (uintptr_t)license;
	attr.log_level = 1;
	attr.log_buf = (uintptr_t)verifier_log;
	attr.log_size = sizeof(verifier_log);
	verifier_log[0] = 0;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* The kernel looked at the program: it said something, or took it. */
static bool judged(int err)
{
	return !err || strstr(verifier_log, "processed ");
}

static bool unknown_here(void)
{
	return strstr(verifier_log, "unknown func") || strstr(verifier_log, "cannot use helper") ||
	       strstr(verifier_log, "invalid func");
}

/* What the kernel says. */
struct facts {
	uint64_t judged; /* program types that it would look at */
	uint64_t may[N_HELPERS + 1]; /* by helper */
	bool seen[N_HELPERS + 1], gpl[N_HELPERS + 1];
};

static void ask(const struct way *way, uint32_t btf_id, uint32_t member, struct facts *facts)
{
	/* A return value or anything else may be wrong with such a program: what counts is that the kernel reads it. */
	if (!judged(load(way, btf_id, member, 0, "GPL"))) {
		printf("# %s (attach type %u): not judged here: %s\n", prog_type_find(way->type)->name, way->attach,
		       strerror(errno));
		return;
	}
	facts->judged |= 1ull << way->type;
	for (int32_t id = 1; id <= N_HELPERS; id++) {
		int err = load(way, btf_id, member, id, "GPL");

		if (err == -EPERM && !judged(err))
			continue;
		if (unknown_here())
			continue;
		facts->may[id] |= 1ull << way->type;
		facts->seen[id] = true;
		load(way, btf_id, member, id, "BSD");
		if (strstr(verifier_log, "GPL-restricted") || strstr(verifier_log, "GPL restricted"))
			facts->gpl[id] = true;
	}
}

static bool ask_all(struct facts *facts)
{
	struct btf *btf = btf__load_vmlinux_btf();

	for (uint32_t i = 0; i < ARRAY_SIZE(ways); i++) {
		const struct way *way = &ways[i];
		int32_t id = 0;
		uint32_t member = 0;

		if (way->btf) {
			id = btf ? btf__find_by_name_kind(btf, way->btf, way->btf_kind) : -ENOENT;
			if (id <= 0) {
				printf("# %s: the kernel has no %s\n", prog_type_find(way->type)->name, way->btf);
				continue;
			}
		}
		if (way->type == BPF_PROG_TYPE_STRUCT_OPS) {
			const struct btf_type *t = btf__type_by_id(btf, (uint32_t)id);

			/* Any member that is a function and may be a program: ssthresh. */
			for (uint32_t m = 0; m < btf_vlen(t); m++)
				if (!strcmp(btf__name_by_offset(btf, btf_members(t)[m].name_off), "ssthresh"))
					member = m;
		}
		ask(way, (uint32_t)id, member, facts);
	}
	btf__free(btf);
	return facts->judged;
}

/*
 * What the kernel at hand does not tell, and why. Everything else must agree.
 * @id: the helper, 0 for a whole program type
 */
static const struct exception {
	uint32_t id;
	uint64_t types;
	const char *why;
} exceptions[] = {
	{BPF_FUNC_probe_write_user, ~0ull, "refused to all where the kernel is locked down against it"},
	{BPF_FUNC_override_return, ~0ull, "needs CONFIG_BPF_KPROBE_OVERRIDE"},
	{BPF_FUNC_get_func_arg, 1ull << BPF_PROG_TYPE_TRACING, "for fentry and fexit only, which may be refused"},
	{BPF_FUNC_get_func_ret, 1ull << BPF_PROG_TYPE_TRACING, "for fentry and fexit only, which may be refused"},
	{BPF_FUNC_get_func_arg_cnt, 1ull << BPF_PROG_TYPE_TRACING, "for fentry and fexit only, which may be refused"},
};

static uint64_t excused(uint32_t id)
{
	uint64_t types = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(exceptions); i++)
		if (exceptions[i].id == id)
			types |= exceptions[i].types;
	return types;
}

static uint32_t compare(const struct facts *facts)
{
	uint32_t wrong = 0;

	for (uint32_t id = 1; id <= N_HELPERS; id++) {
		const struct helper_desc *h = helper_find(id);
		uint64_t diff;

		if (!h) {
			printf("helper %u: the table has no such row\n", id);
			wrong++;
			continue;
		}
		diff = (h->prog_types ^ facts->may[id]) & facts->judged & ~excused(id);
		for (uint32_t type = 1; type < SKEP_PROG_TYPE_MAX; type++)
			if (diff >> type & 1) {
				printf("%s, %s: the kernel says %s\n", h->name, prog_type_find(type)->name,
				       facts->may[id] >> type & 1 ? "yes" : "no");
				wrong++;
			}
		if (facts->seen[id] && facts->gpl[id] != !!(h->flags & HELPER_GPL)) {
			printf("%s: the kernel says %s\n", h->name, facts->gpl[id] ? "GPL only" : "any licence");
			wrong++;
		}
	}
	return wrong;
}

/* The newest helper is there, and the next is not: the kernel is of the table's age. */
static bool of_the_tables_age(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	return sscanf(u.release, "%d.%d", &major, &minor) == 2 && major == 6 && minor == 18;
}

int main(int argc, char **argv)
{
	static struct facts facts;
	uint32_t wrong;

	if (load(&ways[0], 0, 0, 0, "GPL")) {
		printf("skipped: bpf(2) is refused: %s\n", strerror(errno));
		return SKIP;
	}
	if (argc < 2 && !of_the_tables_age()) {
		printf("skipped: the table describes Linux 6.18, this is another\n");
		return SKIP;
	}
	ask_all(&facts);
	if (argc > 1 && !strcmp(argv[1], "--print")) {
		for (uint32_t id = 1; id <= N_HELPERS; id++)
			printf("%u %" PRIx64 " %s\n", id, facts.may[id], facts.gpl[id] ? "GPL" : "-");
		return 0;
	}
	wrong = compare(&facts);
	printf("%u helpers, program types %" PRIx64 ": %u differences\n", N_HELPERS, facts.judged, wrong);
	return wrong != 0;
}
