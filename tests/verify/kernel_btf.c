/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of what BTF decides: every argument of every tracepoint, iterator and struct_ops member, and every offset and size of the
 * objects that they lead to. Each question is a program of a few instructions that both verifiers judge; that they give the
 * same verdict on a load through what was loaded tells numbers from pointers, and on a load of a NULL-able one which may be NULL.
 */
#include "../prog/oracle.h"
#include "btf/types.h"
#include "verify/verify.h"
#include "insn.h"

#include <bpf/btf.h>
#include <stdlib.h>

static struct btf *vmlinux;
static struct kernel_types *types;
static uint32_t asked, accepted, wrong, stricter;

static uint8_t size_code(uint32_t size)
{
	return size == 8 ? BPF_DW : size == 4 ? BPF_W : size == 2 ? BPF_H : BPF_B;
}

static struct bpf_insn load(int dst, int src, int32_t off, uint32_t size)
{
	return insn(BPF_LDX | BPF_MEM | size_code(size), dst, src, off, 0);
}

static struct bpf_insn store(int dst, int src, int32_t off, uint32_t size)
{
	return insn(BPF_STX | BPF_MEM | size_code(size), dst, src, off, 0);
}

#define MOV(dst, src) insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MUL(dst)      insn(BPF_ALU64 | BPF_MUL | BPF_K, dst, 0, 0, 3)
#define CALL(id)      insn(BPF_JMP | BPF_CALL, 0, 0, 0, id)

/* What one side's log says of a register, the last time: "trusted_ptr_task_struct()". */
static char our_log[1 << 16];
static size_t our_len;

static void to_log(void *arg, const char *text, size_t len)
{
	if (our_len + len >= sizeof(our_log))
		return;
	memcpy(our_log + our_len, text, len);
	our_len += len;
	our_log[our_len] = 0;
}

static void told(const char *log, const char *reg, char *out, size_t size)
{
	size_t n = 0;

	for (const char *at = strstr(log, reg), *next; at; at = next) {
		next = strstr(at + 1, reg);
		if (!next)
			for (at += strlen(reg); at[n] && at[n] != ' ' && at[n] != '\n' && n + 1 < size; n++)
				out[n] = at[n];
	}
	out[n] = 0;
}

/* A map that the program's first instruction loads; of it only the type matters. */
static struct verify_map map;
static int map_fd = -1;

static int ours(const struct oracle_prog *p, struct verify_result *result)
{
	static const uint32_t subprogs[] = {0};
	const struct btf *btfs[] = {vmlinux};
	const struct verify_map *maps[] = {&map};
	struct bpf_insn insns[16];
	struct verify_input in = {
		.insns = insns,
		.maps = maps,
		.n_maps = map_fd < 0 ? 0 : 1,
		.n_insns = p->n,
		.subprogs = subprogs,
		.n_subprogs = 1,
		.btfs = btfs,
		.n_btfs = 1,
		.types = types,
		.prog_type = p->type,
		.attach_type = p->attach,
		.flags = p->flags,
		.caps = VERIFY_CAP_ALL,
		.gpl = !p->license,
		.attach = {.btf = p->btf_id ? vmlinux : NULL, .btf_id = p->btf_id},
		.log_level = p->log_level,
		.log = p->log_level ? to_log : NULL,
	};
	int err;

	memcpy(insns, p->insns, p->n * sizeof(*insns));
	if (map_fd >= 0)
		insns[0].imm = 0;
	our_log[our_len = 0] = 0;
	err = verify(&in, result);

	verify_result_free(result);
	return err;
}

/* One program to both. @may_refuse: skep is stricter here on purpose. */
static void ask(struct oracle_prog p, const char *what, int32_t off, uint32_t size, bool may_refuse)
{
	struct verify_result result;
	char theirs[128] = "", mine[128] = "";
	int want, got;

	/* A whole word: what is it? */
	p.log_level = size == 8 ? 2 : 0;
	want = oracle_load(&p);
	got = ours(&p, &result);
	asked++;
	accepted += !want;
	if (p.log_level && !want && !got) {
		told(oracle_log, "R3=", theirs, sizeof(theirs));
		told(our_log, "R3=", mine, sizeof(mine));
	}
	if (may_refuse && (!want || want == got)) {
		stricter += want != got;
		return;
	}
	if (want == got && !strcmp(theirs, mine))
		return;
	if (wrong++ > 20)
		return;
	p.log_level = 1;
	oracle_load(&p);
	printf("%s %+d size %u: kernel %d %s, skep %d %s (%s)\n%s", what, off, size, want, theirs, got, mine,
	       got ? result.message : "ok", oracle_log);
}

#define ASK(proto, name, off, size, may_refuse, ...)                                                                   \
	do {                                                                                                           \
		const struct bpf_insn prog_[] = {__VA_ARGS__, MOV_IMM(0, 0), EXIT};                                    \
		struct oracle_prog p_ = (proto);                                                                       \
                                                                                                                       \
		p_.insns = prog_;                                                                                      \
		p_.n = ARRAY_SIZE(prog_);                                                                              \
		ask(p_, name, off, size, may_refuse);                                                                  \
	} while (0)

static const char *name_of(const struct btf_type *t)
{
	return btf__name_by_offset(vmlinux, t->name_off);
}

/* All that a context gives. */
static void contexts(struct oracle_prog p, const char *name, uint32_t end, bool may_refuse)
{
	static const uint32_t sizes[] = {1, 2, 4, 8};

	for (uint32_t off = 0; off < end; off += 8) {
		for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++)
			ASK(p, name, (int)off, sizes[i], may_refuse, load(3, 1, off, sizes[i]));
		/* A pointer, and one that is not NULL, and one to be trusted: a field behind it is trusted too. */
		ASK(p, name, (int)off, 8, may_refuse, load(2, 1, off, 8), load(3, 2, 0, 1));
		ASK(p, name, (int)off, 8, may_refuse, load(2, 1, off, 8), insn(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1, 0),
		    load(3, 2, 0, 1));
		/* A number may be multiplied, whoever it is; a pointer not. */
		ASK(p, name, (int)off, 8, may_refuse, load(2, 1, off, 8), MUL(2));
	}
	ASK(p, name, 4, 4, false, load(2, 1, 4, 4));
	ASK(p, name, -8, 8, false, load(2, 1, -8, 8));
	ASK(p, name, 0, 8, false, store(1, 1, 0, 8));
}

/* Since 6.18 was released, stable kernels have found more arguments that may be no pointers. */
static bool is_later(const char *tracepoint)
{
	return !strcmp(tracepoint, "btf_trace_sched_process_wait") ||
	       !strcmp(tracepoint, "btf_trace_signal_generate") || !strcmp(tracepoint, "btf_trace_signal_deliver");
}

static void hooks(void)
{
	for (uint32_t id = 1; id < btf__type_cnt(vmlinux); id++) {
		const struct btf_type *t = btf__type_by_id(vmlinux, id);

		if (btf_is_typedef(t) && !strncmp(name_of(t), "btf_trace_", 10)) {
			struct oracle_prog p = {
				.type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_RAW_TP, .btf_id = id};

			contexts(p, name_of(t), id % 7 ? 40 : 104, is_later(name_of(t)));
		} else if (btf_is_func(t) && !strncmp(name_of(t), "bpf_iter_", 9)) {
			struct oracle_prog p = {.type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_ITER, .btf_id = id};

			contexts(p, name_of(t), 48, false);
			p.flags = BPF_F_SLEEPABLE;
			contexts(p, name_of(t), 48, false);
		} else if (id % 500 == 0) {
			/* Anything else: none of these. */
			struct oracle_prog p = {
				.type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_RAW_TP, .btf_id = id};

			ASK(p, name_of(t), 0, 0, false, MOV_IMM(0, 0));
			p.attach = BPF_TRACE_ITER;
			ASK(p, name_of(t), 0, 0, false, MOV_IMM(0, 0));
			p.type = BPF_PROG_TYPE_STRUCT_OPS;
			p.attach = 0;
			ASK(p, name_of(t), 0, 0, false, MOV_IMM(0, 0));
		}
	}
}

/* Every load of an object, and a load through what it gave. @head: instructions that leave the object in r2. */
static void object(struct oracle_prog p, const char *name, const struct bpf_insn *head, uint32_t n_head, int32_t end)
{
	static const uint32_t sizes[] = {1, 2, 4, 8};
	struct bpf_insn prog[12];

	memcpy(prog, head, n_head * sizeof(*head));
	p.insns = prog;
	for (int32_t off = -1; off < end + 16; off++)
		for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			/* Not all that is askew. */
			if (off > 64 && off < end && off % 8 && (off * 7u + i) % 5)
				continue;
			prog[n_head] = load(3, 2, off, sizes[i]);
			prog[n_head + 1] = MOV_IMM(0, 0);
			prog[n_head + 2] = EXIT;
			p.n = n_head + 3;
			ask(p, name, off, sizes[i], false);
			if (sizes[i] != 8 || off % 8)
				continue;
			prog[n_head + 1] = load(4, 3, 0, 8);
			prog[n_head + 2] = MOV_IMM(0, 0);
			prog[n_head + 3] = EXIT;
			p.n = n_head + 4;
			ask(p, name, off, 16, false);
			prog[n_head + 1] = MUL(3);
			ask(p, name, off, 32, false);
			prog[n_head] = store(2, 10, off, 8);
			prog[n_head + 1] = MOV_IMM(0, 0);
			prog[n_head + 2] = EXIT;
			p.n = n_head + 3;
			ask(p, name, off, 64, false);
		}
}

static uint32_t struct_id(const char *name)
{
	return kernel_types_find(types, name, BTF_KIND_STRUCT);
}

static int32_t struct_size(const char *name)
{
	return (int32_t)btf__type_by_id(vmlinux, struct_id(name))->size;
}

static void objects(void)
{
	/* By the first argument of a tracepoint. */
	static const struct {
		const char *tracepoint, *type;
		int16_t off;
	} firsts[] = {
		{"btf_trace_kfree_skb", "sk_buff", 0},
		{"btf_trace_tcp_probe", "sock", 0},
		{"btf_trace_sched_switch", "task_struct", 8},
		{"btf_trace_tcp_probe", "sk_buff", 8},
		{"btf_trace_block_rq_complete", "request", 0},
		{"btf_trace_workqueue_queue_work", "pool_workqueue", 8},
		{"btf_trace_mm_vmscan_write_folio", "folio", 0},
		{"btf_trace_cgroup_mkdir", "cgroup", 0},
		{"btf_trace_netif_rx", "sk_buff", 0},
		{"btf_trace_signal_deliver", "k_sigaction", 16},
		{"btf_trace_inet_sock_set_state", "sock", 0},
		{"btf_trace_sched_process_exec", "linux_binprm", 16},
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		struct bpf_insn head[] = {load(2, 1, firsts[i].off, 8)};
		struct oracle_prog p = {.type = BPF_PROG_TYPE_TRACING,
					.attach = BPF_TRACE_RAW_TP,
					.btf_id = kernel_types_find(types, firsts[i].tracepoint, BTF_KIND_TYPEDEF)};

		if (p.btf_id && struct_id(firsts[i].type))
			object(p, firsts[i].type, head, 1, struct_size(firsts[i].type));
	}
	/* And in a program that is not in an RCU section. */
	{
		struct bpf_insn head[] = {CALL(BPF_FUNC_get_current_task_btf), MOV(2, 0)};
		struct oracle_prog p = {.type = BPF_PROG_TYPE_SYSCALL, .flags = BPF_F_SLEEPABLE};

		object(p, "task_struct, sleepable", head, 2, struct_size("task_struct"));
	}
}

static void struct_ops(void)
{
	static const struct {
		const char *ops, *arg;
		uint32_t member;
	} args[] = {
		{"tcp_congestion_ops", "tcp_sock", 0},
		{"tcp_congestion_ops", "tcp_sock", 2},
		{"bpf_dummy_ops", "bpf_dummy_ops_state", 1},
		{"bpf_dummy_ops", "bpf_dummy_ops_state", 0},
	};
	static const char *const all[] = {"tcp_congestion_ops", "bpf_dummy_ops", "task_struct", "Qdisc_ops"};

	for (uint32_t i = 0; i < ARRAY_SIZE(all); i++) {
		uint32_t id = struct_id(all[i]);

		for (uint32_t m = 0; id && m < btf_vlen(btf__type_by_id(vmlinux, id)) + 2u; m++) {
			struct oracle_prog p = {.type = BPF_PROG_TYPE_STRUCT_OPS, .attach = m, .btf_id = id};
			struct bpf_insn bare[] = {EXIT};
			struct bpf_insn result[] = {load(0, 1, 0, 8), EXIT};

			contexts(p, all[i], 56, false);
			p.insns = bare;
			p.n = 1;
			ask(p, all[i], (int)m, 0, false);
			p.insns = result;
			p.n = 2;
			ask(p, all[i], (int)m, 0, false);
			p.flags = BPF_F_SLEEPABLE;
			ask(p, all[i], (int)m, 0, false);
			p.flags = 0;
			p.license = "BSD";
			ask(p, all[i], (int)m, 0, false);
		}
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(args); i++) {
		struct oracle_prog p = {
			.type = BPF_PROG_TYPE_STRUCT_OPS, .attach = args[i].member, .btf_id = struct_id(args[i].ops)};
		struct bpf_insn head[] = {load(2, 1, 0, 8)};
		static const uint32_t sizes[] = {1, 2, 4, 8};

		if (!p.btf_id)
			continue;
		object(p, args[i].arg, head, 1, struct_size(args[i].arg));
		for (int32_t off = 0; off < struct_size(args[i].arg) + 8; off++)
			for (uint32_t k = 0; k < ARRAY_SIZE(sizes); k++)
				ASK(p, args[i].arg, off, sizes[k], false, load(2, 1, 0, 8), MOV_IMM(3, 0),
				    store(2, 3, off, sizes[k]));
	}
}

/* The kernel's own structs of maps. */
static void maps(void)
{
	static const struct {
		uint32_t type, key, value, entries, flags;
	} attrs[] = {
		{BPF_MAP_TYPE_HASH, 4, 8, 4, 0},
		{BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0},
		{BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0},
		{BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 4, 0},
		{BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4, 0},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0},
		{BPF_MAP_TYPE_STACK_TRACE, 4, 8, 4, 0},
		{BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 4, 0},
		{BPF_MAP_TYPE_LRU_HASH, 4, 8, 4, 0},
		{BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 4, 0},
		{BPF_MAP_TYPE_LPM_TRIE, 8, 8, 4, BPF_F_NO_PREALLOC},
		{BPF_MAP_TYPE_DEVMAP, 4, 4, 4, 0},
		{BPF_MAP_TYPE_SOCKMAP, 4, 4, 4, 0},
		{BPF_MAP_TYPE_CPUMAP, 4, 4, 4, 0},
		{BPF_MAP_TYPE_XSKMAP, 4, 4, 4, 0},
		{BPF_MAP_TYPE_SOCKHASH, 4, 4, 4, 0},
		{BPF_MAP_TYPE_CGROUP_STORAGE, 8, 8, 0, 0},
		{BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 8, 4, 0},
		{BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, 8, 8, 0, 0},
		{BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0},
		{BPF_MAP_TYPE_STACK, 0, 8, 4, 0},
		{BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, 4, 0},
		{BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
		{BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 4, 0},
		{SKEP_MAP_TYPE_USER_RINGBUF, 0, 0, 4096, 0},
	};
	struct oracle_prog p = {.type = BPF_PROG_TYPE_SOCKET_FILTER};

	for (uint32_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		union bpf_attr attr = {.map_type = attrs[i].type,
				       .key_size = attrs[i].key,
				       .value_size = attrs[i].value,
				       .max_entries = attrs[i].entries,
				       .map_flags = attrs[i].flags};
		struct bpf_insn head[] = {insn(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_MAP_FD, 0, 0),
					  insn(0, 0, 0, 0, 0)};
		char name[32];

		map_fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
		if (map_fd < 0) {
			printf("no map of type %u: %s\n", attrs[i].type, strerror(errno));
			continue;
		}
		map = (struct verify_map){.id = 1,
					  .type = attrs[i].type,
					  .key_size = attrs[i].key,
					  .value_size = attrs[i].value,
					  .max_entries = attrs[i].entries};
		head[0].imm = map_fd;
		snprintf(name, sizeof(name), "map of type %u", attrs[i].type);
		object(p, name, head, 2, 1000);
		close(map_fd);
	}
	map_fd = -1;
}

int main(void)
{
	if (!oracle_there())
		return ORACLE_SKIP;
	vmlinux = btf__load_vmlinux_btf();
	types = vmlinux ? kernel_types_new(vmlinux) : NULL;
	if (!types) {
		printf("skipped: no BTF of the kernel\n");
		return ORACLE_SKIP;
	}
	struct_ops();
	printf("struct_ops: %u programs, %u accepted\n", asked, accepted);
	maps();
	printf("maps: %u programs, %u accepted\n", asked, accepted);
	objects();
	printf("objects: %u programs, %u accepted\n", asked, accepted);
	hooks();
	printf("%u programs, %u accepted by the kernel, %u refused on purpose, %u wrong\n", asked, accepted, stricter,
	       wrong);
	kernel_types_free(types);
	btf__free(vmlinux);
	return wrong ? 1 : 0;
}
