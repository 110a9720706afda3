/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of helper_allowed(): for every program type, every attach type that it loads, sleepable and not, with all
 * capabilities and with fewer: which of the 211 helpers may it call, and for which does it ask a GPL-compatible licence?
 */
#include "../prog/oracle.h"
#include "helper/helper.h"
#include "prog/rules.h"
#include "prog/types.h"

#include <bpf/btf.h>
#include <linux/capability.h>
#include <sys/wait.h>

static uint32_t asked, wrong;
static struct btf *vmlinux;

struct way {
	uint32_t type, attach, flags, btf_id;
	const char *name;
};

static int ask(const struct way *w, int32_t helper, const char *license)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = helper},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = prog_return_range(w->type, w->attach).min},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct oracle_prog p = {.type = w->type,
				.attach = w->attach,
				.btf_id = w->btf_id,
				.flags = w->flags,
				.insns = helper ? insns : insns + 1,
				.n = helper ? 3 : 2,
				.license = license,
				.log_level = 1};

	return oracle_load(&p);
}

/* What the kernel does not tell, and why. */
static bool excused(uint32_t id)
{
	return id == BPF_FUNC_probe_write_user || /* refused where the kernel is locked down against it */
	       id == BPF_FUNC_override_return; /* needs CONFIG_BPF_KPROBE_OVERRIDE */
}

/*
 * first_argument - of helpers that take another first argument from other types: the kernel names what it expected in place of a number.
 * Return: as the row says.
 */
static bool first_argument(const struct way *w, const struct helper_desc *h)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 5},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 5},
		{.code = BPF_JMP | BPF_CALL, .imm = (int32_t)h->id},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = prog_return_range(w->type, w->attach).min},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct oracle_prog p = {.type = w->type,
				.attach = w->attach,
				.btf_id = w->btf_id,
				.flags = w->flags,
				.insns = insns,
				.n = ARRAY_SIZE(insns),
				.log_level = 1};
	const char *want = NULL, *said;

	if (h->args[0].type == ARG_CTX)
		want = "R1 type=scalar expected=ctx";
	else if (h->args[0].type == ARG_BTF_SOCK_COMMON || h->args[0].type == ARG_SOCK_COMMON)
		want = "R1 type=scalar expected=sock_common";
	else if (h->args[0].type == ARG_BTF_ID)
		want = "R1 type=scalar expected=ptr_";
	oracle_load(&p);
	said = strstr(oracle_log, "R1 type=");
	if (want)
		return strstr(oracle_log, want) || strstr(oracle_log, "sleepable") || strstr(oracle_log, "might sleep");
	return !said || (!strstr(said, "expected=ctx") && !strstr(said, "expected=sock_common") &&
			 !strstr(said, "expected=ptr_, trusted"));
}

static void try_way(const struct way *w, uint32_t caps, const char *person)
{
	if (!oracle_judged(ask(w, 0, NULL)))
		return;
	for (uint32_t id = 1; id < helpers_n; id++) {
		const struct helper_desc *h = helper_for(id, w->type, w->attach);
		bool kernel, says, gpl;
		int err;

		if (excused(id) || (h->flags & HELPER_BY_HOOK && w->type == BPF_PROG_TYPE_TRACING))
			continue;
		err = ask(w, (int32_t)id, "GPL");
		if (!oracle_judged(err))
			continue;
		kernel = !strstr(oracle_log, "unknown func") && !strstr(oracle_log, "cannot use helper") &&
			 !strstr(oracle_log, "invalid func") &&
			 !strstr(oracle_log, "helper call is not allowed in probe");
		says = helper_allowed(h, w->type, w->attach, w->flags & BPF_F_SLEEPABLE) &&
		       !(helper_caps(h, w->type) & ~caps);
		asked++;
		if (kernel != says) {
			wrong++;
			printf("%s, attach type %u%s%s, %s: %u %s: the kernel says %s\n", prog_type_find(w->type)->name,
			       w->attach, w->name ? " " : "", w->name ? w->name : "", person, id, h->name,
			       kernel ? "yes" : "no");
			continue;
		}
		if (!kernel)
			continue;
		asked++;
		if (!first_argument(w, h)) {
			wrong++;
			printf("%s, attach type %u: %s: first argument: %s\n", prog_type_find(w->type)->name, w->attach,
			       h->name, oracle_log);
		}
		/* "helper call might sleep" comes later than the licence: a flag, not a refusal to know it. */
		ask(w, (int32_t)id, "BSD");
		gpl = strstr(oracle_log, "GPL-restricted") || strstr(oracle_log, "GPL restricted");
		asked++;
		if (gpl != !!(h->flags & HELPER_GPL)) {
			wrong++;
			printf("%s, attach type %u: %s: the kernel says %s\n", prog_type_find(w->type)->name, w->attach,
			       h->name, gpl ? "GPL only" : "any licence");
		}
	}
}

static uint32_t id_of(const char *name, uint32_t kind)
{
	int id = vmlinux ? btf__find_by_name_kind(vmlinux, name, kind) : -ENOENT;

	return id > 0 ? (uint32_t)id : 0;
}

static const uint64_t attach_matters =
	1ull << BPF_CGROUP_SOCK_OPS | 1ull << BPF_CGROUP_DEVICE | 1ull << BPF_CGROUP_UDP4_RECVMSG |
	1ull << BPF_CGROUP_SYSCTL | 1ull << BPF_TRACE_KPROBE_MULTI | 1ull << SKEP_ATTACH_TRACE_UPROBE_MULTI |
	1ull << SKEP_ATTACH_TRACE_KPROBE_SESSION | 1ull << SKEP_ATTACH_TRACE_UPROBE_SESSION;

static void try_all(uint32_t caps, const char *person)
{
	for (uint32_t type = 1; type < SKEP_PROG_TYPE_MAX; type++) {
		if (type == BPF_PROG_TYPE_EXT || type == BPF_PROG_TYPE_LSM)
			continue;
		if (prog_caps(type) & ~caps)
			continue;
		if (type == BPF_PROG_TYPE_STRUCT_OPS)
			continue; /* by struct and member: helpers of BTF-typed programs are asked for in probe_kernel.c */
		if (type == BPF_PROG_TYPE_TRACING) {
			struct way raw = {type, BPF_TRACE_RAW_TP, 0, id_of("btf_trace_sys_enter", BTF_KIND_TYPEDEF),
					  NULL};
			struct way iter = {type, BPF_TRACE_ITER, 0, id_of("bpf_iter_task", BTF_KIND_FUNC), NULL};

			if (raw.btf_id)
				try_way(&raw, caps, person);
			if (iter.btf_id) {
				try_way(&iter, caps, person);
				iter.flags = BPF_F_SLEEPABLE;
				try_way(&iter, caps, person);
			}
			continue;
		}
		for (uint32_t attach = 0; attach < SKEP_ATTACH_MAX; attach++) {
			if (prog_attach_type_check(type, attach))
				continue;
			/* Of types that take any number: those that mean something to one or the other helper. */
			if (!prog_attach_type_check(type, 1000) && attach && !(attach_matters >> attach & 1))
				continue;
			for (uint32_t flags = 0; flags <= BPF_F_SLEEPABLE; flags += BPF_F_SLEEPABLE) {
				struct way w = {type, attach, flags, 0, NULL};

				if (flags ? !prog_sleepable(type, attach) : prog_must_sleep(type))
					continue;
				try_way(&w, caps, person);
			}
		}
	}
}

static const struct {
	const char *name;
	uint64_t caps;
	uint32_t ours;
} persons[] = {
	{"CAP_BPF", 1ull << 39, PROG_CAP_BPF},
	{"CAP_BPF, CAP_NET_ADMIN", 1ull << 39 | 1ull << CAP_NET_ADMIN, PROG_CAP_BPF | PROG_CAP_NET_ADMIN},
	{"CAP_BPF, CAP_PERFMON", 1ull << 39 | 1ull << 38, PROG_CAP_BPF | PROG_CAP_PERFMON},
};

static void try_person(uint32_t who)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)persons[who].caps, .permitted = (uint32_t)persons[who].caps},
		{.effective = (uint32_t)(persons[who].caps >> 32), .permitted = (uint32_t)(persons[who].caps >> 32)},
	};
	int status, ends[2];
	pid_t pid;

	fflush(stdout);
	if (pipe(ends))
		return;
	pid = fork();
	if (!pid) {
		uint32_t counts[2];

		asked = wrong = 0;
		if (syscall(SYS_capset, &head, data))
			_exit(1);
		try_all(persons[who].ours, persons[who].name);
		fflush(stdout);
		counts[0] = asked;
		counts[1] = wrong;
		_exit(write(ends[1], counts, sizeof(counts)) != sizeof(counts));
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		uint32_t counts[2];

		if (read(ends[0], counts, sizeof(counts)) == sizeof(counts)) {
			asked += counts[0];
			wrong += counts[1];
		}
	} else {
		printf("# %s: not tried\n", persons[who].name);
	}
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	if (!oracle_there())
		return ORACLE_SKIP;
	vmlinux = btf__load_vmlinux_btf();
	try_all(PROG_CAP_BPF | PROG_CAP_NET_ADMIN | PROG_CAP_PERFMON, "root");
	for (uint32_t i = 0; i < ARRAY_SIZE(persons); i++)
		try_person(i);
	btf__free(vmlinux);
	printf("%u questions, %u differences\n", asked, wrong);
	return wrong != 0 || asked < 10000;
}
