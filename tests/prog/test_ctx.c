/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of the context tables: every program type with a context of its own, every attach type that it
 * is loaded for, every offset from before the context to behind it, sizes 1 to 8, loads, sign-extending loads and
 * stores: the kernel takes `access; r0 = ...; exit` exactly where prog_ctx_access() says yes, and its log names the same kind of
 * pointer for what was loaded. The same for what sockets and flow keys may be asked.
 */
#include "oracle.h"
#include "prog/ctx.h"
#include "prog/rules.h"
#include "prog/types.h"

#include <linux/bpf_perf_event.h>

static uint32_t tried, accepted, wrong;

static const char *const gives_text[] = {
	[CTX_SCALAR] = "scalar",       [CTX_PKT] = "pkt",
	[CTX_PKT_META] = "pkt_meta",   [CTX_PKT_END] = "pkt_end",
	[CTX_FLOW_KEYS] = "flow_keys", [CTX_SOCK_COMMON_OR_NULL] = "sock_common_or_null",
	[CTX_SOCKET] = "sock",         [CTX_SOCKET_OR_NULL] = "sock_or_null",
	[CTX_TP_BUFFER] = "tp_buffer", [CTX_BTF_ID] = "trusted_ptr_",
};

enum access { LOAD, LOAD_SIGNED, STORE, N_ACCESS };

static uint8_t access_code(enum access a, uint32_t size)
{
	static const uint8_t sizes[] = {[1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW};

	if (a == STORE)
		return BPF_ST | BPF_MEM | sizes[size];
	return BPF_LDX | (a == LOAD ? BPF_MEM : BPF_MEMSX) | sizes[size];
}

/* gave - does the log say that instruction @insn left this in @reg? */
static bool gave(uint32_t insn, uint32_t reg, const struct ctx_access *want)
{
	char at[16], name[8], *line, *state;

	snprintf(at, sizeof(at), "\n%u: (", insn);
	snprintf(name, sizeof(name), " R%u", reg);
	line = strstr(oracle_log, at);
	if (!line)
		return false;
	line[1 + strcspn(line + 1, "\n")] = 0;
	state = strstr(line, "; R");
	state = state ? strstr(state + 1, name) : NULL;
	state = state ? strchr(state, '=') : NULL;
	if (!state)
		return false;
	state++;
	if (want->gives == CTX_BTF_ID)
		return !strncmp(state, "trusted_ptr_", 12) && !strncmp(state + 12, want->btf, strlen(want->btf)) &&
		       state[12 + strlen(want->btf)] == '(';
	if (want->gives == CTX_SCALAR && strspn(state, "-0123456789"))
		return true;
	return !strncmp(state, gives_text[want->gives], strlen(gives_text[want->gives])) &&
	       state[strlen(gives_text[want->gives])] == '(';
}

static void differ(const char *what, uint32_t attach, int off, uint32_t size, enum access a, const char *how)
{
	static const char *const verbs[] = {"load", "signed load", "store"};

	if (++wrong <= 100)
		printf("%s, attach type %u: %s of %u at %d: %s\n", what, attach, verbs[a], size, off, how);
}

static void compare(struct oracle_prog *p, const char *what, uint32_t insn, uint32_t reg, int off, uint32_t size,
		    enum access a, bool says, const struct ctx_access *want)
{
	int err;

	if (says && a == LOAD_SIGNED && want->no_sign_extend)
		says = false;
	/*
	 * Deliberately different: 6.18 compares a tracepoint's offset as an unsigned number here and a signed one there, so it lets
	 * programs read what lies before the context. Nobody needs that, and law 3 forbids it.
	 */
	if (p->type == BPF_PROG_TYPE_TRACEPOINT && off < 0 && a != STORE) {
		wrong += says;
		return;
	}
	p->log_level = says && a == LOAD ? 2 : 0;
	err = oracle_load(p);
	tried++;
	accepted += !err;
	if (says != !err) {
		differ(what, p->attach, off, size, a, err ? "the kernel says no" : "the kernel says yes");
		return;
	}
	/* The log begins with the instruction at once or with a line about the function. */
	if (says && a == LOAD && !gave(insn, reg, want))
		differ(what, p->attach, off, size, a, oracle_log);
}

static void try_ctx(uint32_t type, uint32_t attach, uint32_t flags, int off)
{
	struct prog_return ret = prog_return_range(type, attach);

	for (enum access a = LOAD; a < N_ACCESS; a++)
		for (uint32_t size = 1; size <= (a == LOAD_SIGNED ? 4 : 8); size *= 2) {
			const struct bpf_insn insns[] = {
				{.code = access_code(a, size),
				 .dst_reg = a == STORE ? 1 : 0,
				 .src_reg = a == STORE ? 0 : 1,
				 .off = (int16_t)off},
				{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = ret.min},
				{.code = BPF_JMP | BPF_EXIT},
			};
			struct oracle_prog p = {
				.type = type, .attach = attach, .flags = flags, .insns = insns, .n = ARRAY_SIZE(insns)};
			struct ctx_access got = {};
			bool says = prog_ctx_access(type, attach, off, size, a == STORE, &got);

			compare(&p, prog_type_find(type)->name, 0, 0, off, size, a, says, &got);
		}
}

/* What the kernel says of one type: whole contexts, or the edges of long ones. */
static void try_type(uint32_t type, uint32_t attach, uint32_t flags, uint32_t size)
{
	if (size <= 256) {
		for (int off = -8; off <= (int)size + 8; off++)
			try_ctx(type, attach, flags, off);
		return;
	}
	for (int off = -8; off <= 80; off++)
		try_ctx(type, attach, flags, off);
	for (int off = (int)size - 16; off <= (int)size + 8 && off <= INT16_MAX; off++)
		try_ctx(type, attach, flags, off);
	for (int off = INT16_MAX - 16; off <= INT16_MAX; off++)
		try_ctx(type, attach, flags, off);
}

static const struct {
	uint32_t type, size, flags;
} types[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, 192, 0},
	{BPF_PROG_TYPE_KPROBE, sizeof(bpf_user_pt_regs_t), 0},
	{BPF_PROG_TYPE_SCHED_CLS, 192, 0},
	{BPF_PROG_TYPE_SCHED_ACT, 192, 0},
	{BPF_PROG_TYPE_TRACEPOINT, 8192, 0},
	{BPF_PROG_TYPE_XDP, 24, 0},
	{BPF_PROG_TYPE_PERF_EVENT, sizeof(struct bpf_perf_event_data), 0},
	{BPF_PROG_TYPE_CGROUP_SKB, 192, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK, 80, 0},
	{BPF_PROG_TYPE_LWT_IN, 192, 0},
	{BPF_PROG_TYPE_LWT_OUT, 192, 0},
	{BPF_PROG_TYPE_LWT_XMIT, 192, 0},
	{BPF_PROG_TYPE_SOCK_OPS, 224, 0},
	{BPF_PROG_TYPE_SK_SKB, 192, 0},
	{BPF_PROG_TYPE_CGROUP_DEVICE, 12, 0},
	{BPF_PROG_TYPE_SK_MSG, 80, 0},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, 96, 0},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 72, 0},
	{BPF_PROG_TYPE_LWT_SEG6LOCAL, 192, 0},
	{BPF_PROG_TYPE_LIRC_MODE2, 4, 0},
	{BPF_PROG_TYPE_SK_REUSEPORT, 56, 0},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, 192, 0},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, 8, 0},
	{BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, 96, 0},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, 40, 0},
	{BPF_PROG_TYPE_SK_LOOKUP, 72, 0},
	{BPF_PROG_TYPE_SYSCALL, UINT16_MAX, BPF_F_SLEEPABLE},
	{SKEP_PROG_TYPE_NETFILTER, 16, 0},
};

/* try_attach_types - the type with each attach type that can matter to it. */
static void try_attach_types(uint32_t type, uint32_t size, uint32_t flags)
{
	const struct bpf_insn two[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct oracle_prog p = {.type = type, .flags = flags, .insns = two, .n = 2, .log_level = 1};
	uint32_t before = tried, yes = accepted, attached = 0;
	bool any_number = !prog_attach_type_check(type, 1000);

	for (uint32_t attach = 0; attach < SKEP_ATTACH_MAX; attach++) {
		if (prog_attach_type_check(type, attach))
			continue;
		/* Where any number will do, those that mean something, and one that does not. */
		if (any_number && attach && attach != BPF_XDP_DEVMAP && attach != BPF_XDP_CPUMAP &&
		    attach != BPF_TRACE_KPROBE_MULTI && attach != SKEP_ATTACH_TRACE_UPROBE_SESSION &&
		    attach != BPF_SK_SKB_STREAM_PARSER && attach != BPF_CGROUP_SYSCTL)
			continue;
		p.attach = attach;
		if (!oracle_judged(oracle_load(&p))) {
			printf("%s, attach type %u: not judged here: %s\n", prog_type_find(type)->name, attach,
			       strerror(errno));
			continue;
		}
		attached++;
		try_type(type, attach, flags, size);
	}
	printf("%-24s %2u attach types, %6u accesses, %5u accepted\n", prog_type_find(type)->name, attached,
	       tried - before, accepted - yes);
}

/* A way to a pointer in r7, at instruction @at. */
struct way {
	enum sock_kind kind;
	const char *name;
	uint32_t type, n;
	struct bpf_insn insns[12];
	uint32_t size;
};

#define LDX(size, dst, src, o)                                                                                         \
	{                                                                                                              \
		.code = BPF_LDX | BPF_MEM | (size), .dst_reg = dst, .src_reg = src, .off = o                           \
	}
#define MOV(dst, src)                                                                                                  \
	{                                                                                                              \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = dst, .src_reg = src                                    \
	}
#define CALL(id)                                                                                                       \
	{                                                                                                              \
		.code = BPF_JMP | BPF_CALL, .imm = id                                                                  \
	}
/* When the register is NULL: to the end, which returns 0. */
#define IF_NULL(reg, o)                                                                                                \
	{                                                                                                              \
		.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = reg, .off = o                                            \
	}
#define SK_OFF offsetof(struct __sk_buff, sk)

static struct way ways[] = {
	{SOCK_COMMON,
	 "sock_common",
	 BPF_PROG_TYPE_SCHED_CLS,
	 3,
	 {LDX(BPF_DW, 1, 1, SK_OFF), IF_NULL(1, 2), MOV(7, 1)},
	 80},
	{SOCK_FULL,
	 "sock",
	 BPF_PROG_TYPE_SCHED_CLS,
	 5,
	 {LDX(BPF_DW, 1, 1, SK_OFF), IF_NULL(1, 4), CALL(BPF_FUNC_sk_fullsock), IF_NULL(0, 2), MOV(7, 0)},
	 80},
	{SOCK_TCP,
	 "tcp_sock",
	 BPF_PROG_TYPE_SCHED_CLS,
	 5,
	 {LDX(BPF_DW, 1, 1, SK_OFF), IF_NULL(1, 4), CALL(BPF_FUNC_tcp_sock), IF_NULL(0, 2), MOV(7, 0)},
	 sizeof(struct bpf_tcp_sock)},
	{SOCK_XDP,
	 "xdp_sock",
	 BPF_PROG_TYPE_XDP,
	 8,
	 {{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4},
	  MOV(2, 10),
	  {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
	  {.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD},
	  {0},
	  CALL(BPF_FUNC_map_lookup_elem),
	  IF_NULL(0, 2),
	  MOV(7, 0)},
	 4},
	{SOCK_FLOW_KEYS,
	 "flow_keys",
	 BPF_PROG_TYPE_FLOW_DISSECTOR,
	 1,
	 {LDX(BPF_DW, 7, 1, offsetof(struct __sk_buff, flow_keys))},
	 sizeof(struct bpf_flow_keys)},
};

static int xskmap(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_XSKMAP;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static void try_way(struct way *way)
{
	uint32_t before = tried, yes = accepted, n = way->n;
	struct oracle_prog p = {.type = way->type, .insns = way->insns, .n = n + 3};

	way->insns[n + 1] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	way->insns[n + 2] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	for (int off = -8; off <= (int)way->size + 8; off++)
		for (enum access a = LOAD; a < N_ACCESS; a++)
			for (uint32_t size = 1; size <= (a == LOAD_SIGNED ? 4 : 8); size *= 2) {
				struct ctx_access got = {};
				bool says = prog_sock_access(way->kind, off, size, a == STORE, &got);

				way->insns[n] = (struct bpf_insn){.code = access_code(a, size),
								  .dst_reg = a == STORE ? 7 : 0,
								  .src_reg = a == STORE ? 0 : 7,
								  .off = (int16_t)off};
				compare(&p, way->name, n, 0, off, size, a, says, &got);
			}
	printf("%-24s %6u accesses, %5u accepted\n", way->name, tried - before, accepted - yes);
}

/* Direct stores to packet memory: the type has data and data_end, a bounds check, then a store. */
static void try_packet(uint32_t type, uint32_t attach, uint32_t data, uint32_t end, uint8_t size)
{
	struct prog_return ret = prog_return_range(type, attach);
	struct bpf_insn insns[] = {
		LDX(size, 2, 1, (int16_t)data),
		LDX(size, 3, 1, (int16_t)end),
		MOV(4, 2),
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 4, .imm = 8},
		{.code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = 4, .src_reg = 3, .off = 1},
		{.code = BPF_ST | BPF_MEM | BPF_B, .dst_reg = 2},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = ret.min},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct oracle_prog p = {.type = type, .attach = attach, .insns = insns, .n = ARRAY_SIZE(insns), .log_level = 1};
	int err = oracle_load(&p);

	tried++;
	if (!err != prog_packet_write(type)) {
		wrong++;
		printf("%s: direct store to the packet: the kernel says %s\n", prog_type_find(type)->name,
		       err ? oracle_log : "yes");
	}
	insns[5] = (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_B, .dst_reg = 0, .src_reg = 2};
	err = oracle_load(&p);
	tried++;
	if (err) {
		wrong++;
		printf("%s: direct load from the packet: %s\n", prog_type_find(type)->name, oracle_log);
	}
}

#define SKB_PACKET(type, attach)                                                                                       \
	try_packet(BPF_PROG_TYPE_##type, attach, offsetof(struct __sk_buff, data),                                     \
		   offsetof(struct __sk_buff, data_end), BPF_W)

static void try_packets(void)
{
	SKB_PACKET(SCHED_CLS, 0);
	SKB_PACKET(SCHED_ACT, 0);
	SKB_PACKET(CGROUP_SKB, BPF_CGROUP_INET_INGRESS);
	SKB_PACKET(CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
	SKB_PACKET(LWT_IN, 0);
	SKB_PACKET(LWT_OUT, 0);
	SKB_PACKET(LWT_XMIT, 0);
	SKB_PACKET(LWT_SEG6LOCAL, 0);
	SKB_PACKET(SK_SKB, BPF_SK_SKB_STREAM_VERDICT);
	SKB_PACKET(FLOW_DISSECTOR, 0);
	try_packet(BPF_PROG_TYPE_XDP, 0, 0, 4, BPF_W);
	try_packet(BPF_PROG_TYPE_SK_MSG, 0, 0, 8, BPF_DW);
	try_packet(BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT, 0, 8, BPF_DW);
	try_packet(BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, 8, 16, BPF_DW);
	try_packet(BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT, 8, 16, BPF_DW);
	try_packet(BPF_PROG_TYPE_SOCK_OPS, 0, offsetof(struct bpf_sock_ops, skb_data),
		   offsetof(struct bpf_sock_ops, skb_data_end), BPF_DW);
}

int main(void)
{
	int fd;

	if (!oracle_there())
		return ORACLE_SKIP;
	for (uint32_t i = 0; i < ARRAY_SIZE(types); i++)
		try_attach_types(types[i].type, types[i].size, types[i].flags);
	fd = xskmap();
	ways[SOCK_XDP].insns[3].imm = fd;
	for (uint32_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (i != SOCK_XDP || fd >= 0)
			try_way(&ways[i]);
	try_packets();
	printf("%u accesses, %u accepted, %u differences\n", tried, accepted, wrong);
	return wrong != 0 || accepted < 1000;
}
