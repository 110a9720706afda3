/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of rules.h: which attach types a load accepts, which return values at the edges of every range, what
 * may and must sleep, who may have an attach_btf_id, and which capabilities each type asks for (children with some of them).
 */
#include "oracle.h"
#include "prog/rules.h"
#include "prog/types.h"

#include <bpf/btf.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static uint32_t asked, wrong;
static struct btf *vmlinux;

__attribute__((format(printf, 4, 5))) static void differ(uint32_t type, uint32_t attach, bool kernel, const char *fmt,
							 ...)
{
	va_list ap;

	wrong++;
	printf("%s, attach type %u: ", prog_type_find(type)->name, attach);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(": the kernel says %s\n", kernel ? "yes" : "no");
}

/* target - the BTF id that a program of the type must have, 0 for none. */
static uint32_t target(uint32_t type, uint32_t attach)
{
	const char *name;
	uint32_t kind = BTF_KIND_FUNC;
	int id;

	switch (type) {
	case BPF_PROG_TYPE_TRACING:
		if (attach == BPF_TRACE_RAW_TP) {
			name = "btf_trace_sys_enter";
			kind = BTF_KIND_TYPEDEF;
		} else if (attach == BPF_TRACE_ITER) {
			name = "bpf_iter_task";
		} else if (attach == BPF_MODIFY_RETURN) {
			name = "security_file_open";
		} else {
			name = "tcp_sendmsg";
		}
		break;
	case BPF_PROG_TYPE_LSM:
		name = attach == BPF_LSM_CGROUP ? "bpf_lsm_socket_bind" : "bpf_lsm_file_open";
		break;
	default:
		return 0;
	}
	id = vmlinux ? btf__find_by_name_kind(vmlinux, name, kind) : -ENOENT;
	return id > 0 ? (uint32_t)id : 0;
}

static bool lists_btf(uint32_t type)
{
	return type == BPF_PROG_TYPE_STRUCT_OPS || type == BPF_PROG_TYPE_EXT;
}

/* returns - load `r0 = @value; exit`; @wide: as a 64-bit constant. */
static int returns(uint32_t type, uint32_t attach, int64_t value)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .imm = (int32_t)value},
		{.imm = (int32_t)(value >> 32)},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct oracle_prog p = {
		.type = type,
		.attach = attach,
		.btf_id = target(type, attach),
		.flags = prog_must_sleep(type) ? BPF_F_SLEEPABLE : 0,
		.insns = insns,
		.n = 3,
		.log_level = 1,
	};

	return oracle_load(&p);
}

static void attach_types(uint32_t type)
{
	static const uint32_t odd[] = {SKEP_ATTACH_MAX, 59, 60, 63, 64, 255, 1000, INT32_MAX, UINT32_MAX};

	for (uint32_t i = 0; i < SKEP_ATTACH_MAX + ARRAY_SIZE(odd); i++) {
		uint32_t attach = i < SKEP_ATTACH_MAX ? i : odd[i - SKEP_ATTACH_MAX];
		uint32_t meant = prog_attach_type_fixup(type, attach);
		int err = returns(type, attach, prog_return_range(type, meant).min);
		bool took = oracle_judged(err);

		/* Refused before verification for another reason than its number: nothing is known. */
		if (!took && err != -EINVAL)
			continue;
		asked++;
		if (took != !prog_attach_type_check(type, meant))
			differ(type, attach, took, "as expected_attach_type");
	}
}

static void return_values(uint32_t type, uint32_t attach)
{
	static const int64_t values[] = {-4096,
					 -4095,
					 -2,
					 -1,
					 0,
					 1,
					 2,
					 3,
					 4,
					 5,
					 7,
					 0xff,
					 INT32_MAX,
					 INT32_MIN,
					 UINT32_MAX,
					 1ll << 32,
					 (1ll << 32) + 1,
					 INT64_MAX,
					 INT64_MIN};
	struct prog_return want = prog_return_range(type, attach);

	for (uint32_t i = 0; i < ARRAY_SIZE(values); i++) {
		bool says = want.kind == RETURN_ANY ||
			    (want.kind == RETURN_RANGE && values[i] >= want.min && values[i] <= want.max);
		int err = returns(type, attach, values[i]);

		if (!oracle_judged(err)) {
			if (!i)
				printf("# %s, attach type %u: not judged here: %s\n", prog_type_find(type)->name,
				       attach, strerror(-err));
			return;
		}
		asked++;
		if (says != !err)
			differ(type, attach, !err, "return value %lld", (long long)values[i]);
	}
}

static void sleeping(uint32_t type, uint32_t attach)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = prog_return_range(type, attach).min},
		{.code = BPF_JMP | BPF_EXIT},
	};

	for (uint32_t flags = 0; flags <= BPF_F_SLEEPABLE; flags += BPF_F_SLEEPABLE) {
		struct oracle_prog p = {.type = type,
					.attach = attach,
					.btf_id = target(type, attach),
					.flags = flags,
					.insns = insns,
					.n = 2,
					.log_level = 1};
		bool says = flags ? prog_sleepable(type, attach) : !prog_must_sleep(type);
		int err = oracle_load(&p);
		bool about_sleep = strstr(oracle_log, "can be sleepable") || strstr(oracle_log, "is not sleepable") ||
				   strstr(oracle_log, "must be sleepable") || strstr(oracle_log, "only be sleepable");

		if (err && !about_sleep && !oracle_judged(err))
			continue;
		asked++;
		if (says == about_sleep)
			differ(type, attach, !about_sleep, flags ? "sleepable" : "not sleepable");
	}
}

/* attach_btf_id and no more: -EINVAL without a word from the verifier where the type takes none. */
static void btf_ids(uint32_t type, uint32_t attach)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = prog_return_range(type, attach).min},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct oracle_prog p = {.type = type,
				.attach = attach,
				.btf_id = 1,
				.flags = prog_must_sleep(type) ? BPF_F_SLEEPABLE : 0,
				.insns = insns,
				.n = 2,
				.log_level = 1};
	bool refused = oracle_load(&p) == -EINVAL && !oracle_log[0];

	if (prog_takes_btf_id(type))
		return; /* number 1 is no target for anyone: it is refused in any case, with words or without */
	asked++;
	if (!refused)
		differ(type, attach, true, "with attach_btf_id");
}

static const struct {
	const char *name;
	uint64_t caps; /* Linux's */
	uint32_t ours; /* enum prog_caps that they amount to */
} persons[] = {
	{"CAP_BPF", 1ull << 39, PROG_CAP_BPF},
	{"CAP_NET_ADMIN", 1ull << CAP_NET_ADMIN, PROG_CAP_NET_ADMIN},
	{"CAP_PERFMON", 1ull << 38, PROG_CAP_PERFMON},
	{"CAP_BPF, CAP_NET_ADMIN", 1ull << 39 | 1ull << CAP_NET_ADMIN, PROG_CAP_BPF | PROG_CAP_NET_ADMIN},
	{"CAP_BPF, CAP_PERFMON", 1ull << 39 | 1ull << 38, PROG_CAP_BPF | PROG_CAP_PERFMON},
	{"CAP_SYS_ADMIN", 1ull << CAP_SYS_ADMIN, PROG_CAP_BPF | PROG_CAP_NET_ADMIN | PROG_CAP_PERFMON},
};

static uint32_t first_attach(uint32_t type)
{
	uint32_t attach = 0;

	while (attach < SKEP_ATTACH_MAX && prog_attach_type_check(type, attach))
		attach++;
	return attach;
}

static bool set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)caps, .permitted = (uint32_t)caps},
		{.effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32)},
	};

	return !syscall(SYS_capset, &head, data);
}

/* A child with few capabilities: the number of differences is its exit code. */
static void try_person(uint32_t who)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		asked = wrong = 0;
		if (!set_caps(persons[who].caps))
			_exit(100);
		for (uint32_t type = 1; type < SKEP_PROG_TYPE_MAX; type++) {
			uint32_t attach = first_attach(type);
			bool refused;

			if (lists_btf(type) || type == BPF_PROG_TYPE_LIRC_MODE2 || type == BPF_PROG_TYPE_LSM)
				continue;
			if (type == BPF_PROG_TYPE_TRACING)
				attach = BPF_TRACE_RAW_TP;
			refused = returns(type, attach, prog_return_range(type, attach).min) == -EPERM;
			/* Here unprivileged loads are off: CAP_BPF is asked of every type. */
			if (refused != !!((prog_caps(type) | PROG_CAP_BPF) & ~persons[who].ours))
				differ(type, attach, !refused, "to %s", persons[who].name);
		}
		fflush(stdout);
		_exit(wrong < 99 ? (int)wrong : 99);
	}
	waitpid(pid, &status, 0);
	asked += SKEP_PROG_TYPE_MAX - 5;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 100)
		printf("# %s: not tried\n", persons[who].name);
	else
		wrong += (uint32_t)WEXITSTATUS(status);
}

/* there - does this kernel verify programs of the type at all? */
static bool there(uint32_t type)
{
	for (uint32_t attach = 0; attach < SKEP_ATTACH_MAX; attach++)
		if (oracle_judged(returns(type, attach, 0)))
			return true;
	return false;
}

static bool unprivileged_off(void)
{
	FILE *f = fopen("/proc/sys/kernel/unprivileged_bpf_disabled", "r");
	int v = 0;

	if (f) {
		if (fscanf(f, "%d", &v) != 1)
			v = 0;
		fclose(f);
	}
	return v;
}

int main(void)
{
	if (!oracle_there())
		return ORACLE_SKIP;
	vmlinux = btf__load_vmlinux_btf();
	for (uint32_t type = 1; type < SKEP_PROG_TYPE_MAX; type++) {
		uint32_t before = asked;

		/* Members of struct_ops have their own attach types; an extension needs a program. */
		if (lists_btf(type))
			continue;
		if (!there(type)) {
			printf("# %s: this kernel does not load it\n", prog_type_find(type)->name);
			continue;
		}
		attach_types(type);
		for (uint32_t attach = 0; attach < SKEP_ATTACH_MAX; attach++) {
			if (prog_attach_type_check(type, attach))
				continue;
			if ((type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM) && !target(type, attach))
				continue;
			return_values(type, attach);
			sleeping(type, attach);
			btf_ids(type, attach);
		}
		printf("%-24s %5u questions\n", prog_type_find(type)->name, asked - before);
	}
	if (unprivileged_off())
		for (uint32_t i = 0; i < ARRAY_SIZE(persons); i++)
			try_person(i);
	btf__free(vmlinux);
	printf("%u questions, %u differences\n", asked, wrong);
	return wrong != 0 || asked < 1000;
}
