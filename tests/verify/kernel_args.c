/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of what BTF says of a function's arguments: every type of a list, with every tag and pair of tags, in programs
 * of the types that treat them differently. The main function calls f(a) with several values of a; f reads through a, asks whether it is NULL, or
 * multiplies it: by that the kinds of arguments differ.
 */
#include "../prog/oracle.h"
#include "btf/types.h"
#include "verify/verify.h"
#include "insn.h"

#include <bpf/btf.h>
#include <stdlib.h>

static struct btf *vmlinux;
static struct kernel_types *types;
static uint32_t asked, accepted, wrong, stricter, no_btf;

/* What the main function hands over, in r1. */
enum { GIVE_CTX, GIVE_STACK, GIVE_STACK_NEAR, GIVE_ZERO, GIVE_NUMBER, GIVE_TASK, GIVES };
/* What the function does with it. */
enum { DO_NOTHING, DO_READ, DO_READ_NOT_NULL, DO_MULTIPLY, DO_READ_FAR, DO_WRITE, DOES };

static uint32_t build(struct bpf_insn *to, int give, int does, uint32_t *callee)
{
	uint32_t n = 0;

	if (give >= GIVE_STACK) {
		for (int i = 1; i <= 4; i++)
			to[n++] = insn(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8 * i, 0);
		to[n++] = insn(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0);
		to[n++] = insn(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, give == GIVE_STACK ? -32 : -4);
	}
	if (give == GIVE_ZERO || give == GIVE_NUMBER)
		to[n++] = MOV_IMM(1, give == GIVE_ZERO ? 0 : 7);
	if (give == GIVE_TASK) {
		to[n++] = insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task_btf);
		to[n++] = insn(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
	}
	to[n++] = insn(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2);
	to[n++] = MOV_IMM(0, 0);
	to[n++] = EXIT;
	*callee = n;
	switch (does) {
	case DO_READ_NOT_NULL:
		to[n++] = insn(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1, 0);
		to[n++] = insn(BPF_LDX | BPF_MEM | BPF_B, 2, 1, 0, 0);
		break;
	case DO_READ:
	case DO_READ_FAR:
		to[n++] = insn(BPF_LDX | BPF_MEM | BPF_B, 2, 1, does == DO_READ ? 0 : 12, 0);
		break;
	case DO_WRITE:
		to[n++] = insn(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1, 0);
		to[n++] = insn(BPF_ST | BPF_MEM | BPF_B, 1, 0, 0, 0);
		break;
	case DO_MULTIPLY:
		to[n++] = insn(BPF_ALU64 | BPF_MUL | BPF_K, 1, 0, 0, 3);
		break;
	default:
		break;
	}
	to[n++] = MOV_IMM(0, 0);
	to[n++] = EXIT;
	return n;
}

static const char *const structs[] = {
	"__sk_buff",
	"sk_buff",
	"xdp_md",
	"xdp_buff",
	"pt_regs",
	"bpf_user_pt_regs_t",
	"bpf_perf_event_data",
	"bpf_sock",
	"bpf_sock_ops",
	"sk_msg_md",
	"bpf_sock_addr",
	"bpf_raw_tracepoint_args",
	"bpf_sk_lookup",
	"bpf_sockopt",
	"bpf_sysctl",
	"bpf_nf_ctx",
	"sk_reuseport_md",
	"bpf_cgroup_dev_ctx",
	"bpf_iter__task",
	"bpf_dynptr",
	"task_struct",
	"task_struct___old",
	"no_such_struct",
	"bpf_iter_meta",
	"",
};
enum { STRUCTS = ARRAY_SIZE(structs), OTHERS = 21, ARG_TYPES = STRUCTS + OTHERS };

/* The type of the argument, by number. */
static int arg_type(struct btf *b, uint32_t i, char *name)
{
	int u8 = btf__add_int(b, "char", 1, BTF_INT_CHAR), u32 = btf__add_int(b, "unsigned int", 4, 0);
	int u64 = btf__add_int(b, "unsigned long", 8, 0), s;

	if (i < STRUCTS) {
		snprintf(name, 64, "struct %s *", structs[i]);
		s = btf__add_struct(b, structs[i], 16);
		btf__add_field(b, "x", u64, 0, 0);
		return btf__add_ptr(b, btf__add_const(b, s));
	}
	snprintf(name, 64, "other type %u", i - STRUCTS);
	switch (i - STRUCTS) {
	case 0:
		return u64;
	case 1:
		return u8;
	case 2:
		return btf__add_enum(b, "e", 4);
	case 3:
		return btf__add_ptr(b, 0);
	case 4:
		return btf__add_ptr(b, u64);
	case 5:
		return btf__add_ptr(b, u32);
	case 6:
		return btf__add_ptr(b, btf__add_ptr(b, u64));
	case 7:
		return btf__add_ptr(b, btf__add_enum(b, "e", 4));
	case 8:
		return btf__add_ptr(b, btf__add_fwd(b, "f", BTF_FWD_STRUCT));
	case 9:
		return btf__add_ptr(b, btf__add_array(b, u64, u32, 4));
	case 10:
		return btf__add_ptr(b, btf__add_array(b, u64, u32, 0));
	case 11:
		return btf__add_ptr(b, btf__add_func_proto(b, 0));
	case 12:
		s = btf__add_union(b, "u", 8);
		btf__add_field(b, "x", u64, 0, 0);
		return btf__add_ptr(b, s);
	case 13:
		s = btf__add_struct(b, "by_value", 8);
		btf__add_field(b, "x", u64, 0, 0);
		return s;
	case 14:
		return btf__add_float(b, "double", 8);
	case 15:
		return btf__add_ptr(b, btf__add_typedef(b, "bpf_user_pt_regs_t", btf__add_struct(b, "pt_regs", 0)));
	case 16:
		return btf__add_typedef(b, "t", btf__add_volatile(b, u32));
	case 17:
		return btf__add_ptr(b, btf__add_struct(b, "empty", 0));
	case 18:
		return btf__add_int(b, "__int128", 16, 0);
	case 19:
		return btf__add_ptr(b, btf__add_int(b, "__int128", 16, 0));
	default:
		return btf__add_ptr(b, btf__add_union(b, "bpf_attr", 8));
	}
}

static const char *const tags[] = {"ctx", "nonnull", "trusted", "untrusted", "nullable", "arena", "no_such_tag"};
enum { TAGS = ARRAY_SIZE(tags) };

static const struct {
	uint32_t type, attach, flags;
	const char *typedef_name;
} progs[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, NULL},
	{BPF_PROG_TYPE_XDP, 0, 0, NULL},
	{BPF_PROG_TYPE_KPROBE, 0, 0, NULL},
	{BPF_PROG_TYPE_PERF_EVENT, 0, 0, NULL},
	{BPF_PROG_TYPE_TRACEPOINT, 0, 0, NULL},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, NULL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 0, "btf_trace_sched_switch"},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, "bpf_iter_task"},
	{BPF_PROG_TYPE_SYSCALL, 0, BPF_F_SLEEPABLE, NULL},
	{BPF_PROG_TYPE_STRUCT_OPS, 1, 0, "bpf_dummy_ops"},
	{BPF_PROG_TYPE_SOCK_OPS, 0, 0, NULL},
	{BPF_PROG_TYPE_SK_MSG, 0, 0, NULL},
	{BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, 0, NULL},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, 0, NULL},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, 0, NULL},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, 0, NULL},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, 0, 0, NULL},
	{BPF_PROG_TYPE_CGROUP_DEVICE, 0, 0, NULL},
	{BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT, 0, NULL},
	{SKEP_PROG_TYPE_NETFILTER, 45, 0, NULL},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, 0, 0, NULL},
};

static uint32_t target(uint32_t i)
{
	static const uint32_t kinds[] = {BTF_KIND_TYPEDEF, BTF_KIND_FUNC, BTF_KIND_STRUCT};
	uint32_t id = 0;

	for (uint32_t k = 0; progs[i].typedef_name && !id && k < ARRAY_SIZE(kinds); k++)
		id = kernel_types_find(types, progs[i].typedef_name, kinds[k]);
	return id;
}

struct question {
	struct btf *btf;
	int btf_fd;
	struct bpf_func_info funcs[2];
	char name[160];
};

static void ask(struct question *q, uint32_t prog, int give, int does)
{
	struct bpf_insn insns[24];
	uint32_t callee, n = build(insns, give, does, &callee);
	const uint32_t subprogs[] = {0, callee};
	const struct btf *btfs[] = {vmlinux};
	struct oracle_prog p = {.type = progs[prog].type,
				.attach = progs[prog].attach,
				.flags = progs[prog].flags,
				.btf_id = target(prog),
				.insns = insns,
				.n = n,
				.prog_btf_fd = q->btf_fd,
				.func_info = q->funcs,
				.func_info_n = 2};
	struct verify_input in = {.insns = insns,
				  .n_insns = n,
				  .subprogs = subprogs,
				  .n_subprogs = 2,
				  .btfs = btfs,
				  .n_btfs = 1,
				  .types = types,
				  .prog_type = p.type,
				  .attach_type = p.attach,
				  .flags = p.flags,
				  .caps = VERIFY_CAP_ALL,
				  .gpl = true,
				  .attach = {.btf = p.btf_id ? vmlinux : NULL, .btf_id = p.btf_id},
				  .btf = q->btf,
				  .func_info = q->funcs};
	struct verify_result result;
	int want, got;

	q->funcs[1].insn_off = callee;
	want = oracle_load(&p);
	got = verify(&in, &result);
	verify_result_free(&result);
	asked++;
	accepted += !want;
	if (want == got)
		return;
	/* The kernel lets the constant NULL pass for what may not be NULL. */
	if (give == GIVE_ZERO && got == -EINVAL && strstr(q->name, " nonnull")) {
		stricter++;
		return;
	}
	if (wrong++ > 15)
		return;
	p.log_level = 1;
	oracle_load(&p);
	printf("%s, program type %u attach %u, given %d, does %d: kernel %d, skep %d (%s)\n%s", q->name, p.type,
	       p.attach, give, does, want, got, got ? result.message : "ok", oracle_log);
}

/* BTF of main() and f(type), the argument with these tags. */
static bool make(struct question *q, uint32_t type, uint32_t tag_mask, bool global)
{
	struct btf *b = btf__new_empty();
	int ret = btf__add_int(b, "int", 4, BTF_INT_SIGNED), arg = arg_type(b, type, q->name), proto, func;
	union bpf_attr attr = {0};
	const void *raw;
	uint32_t size;

	proto = btf__add_func_proto(b, ret);
	func = btf__add_func(b, "main", BTF_FUNC_GLOBAL, proto);
	q->funcs[0] = (struct bpf_func_info){0, (uint32_t)func};
	proto = btf__add_func_proto(b, ret);
	btf__add_func_param(b, "a", arg);
	func = btf__add_func(b, "f", global ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC, proto);
	q->funcs[1] = (struct bpf_func_info){0, (uint32_t)func};
	for (uint32_t i = 0; i < TAGS; i++) {
		char tag[32];

		if (!(tag_mask >> i & 1))
			continue;
		snprintf(tag, sizeof(tag), "arg:%s", tags[i]);
		btf__add_decl_tag(b, tag, func, 0);
		strcat(strcat(q->name, " "), tags[i]);
	}
	if (!global)
		strcat(q->name, " (static)");
	raw = btf__raw_data(b, &size);
	attr.btf = (uintptr_t)raw;
	attr.btf_size = size;
	q->btf = b;
	q->btf_fd = (int)syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof(attr));
	return q->btf_fd >= 0;
}

/* All tags alone and in pairs. */
static uint32_t tag_masks(uint32_t *masks)
{
	uint32_t n = 0;

	masks[n++] = 0;
	for (uint32_t i = 0; i < TAGS; i++)
		for (uint32_t k = i; k < TAGS; k++)
			masks[n++] = 1u << i | 1u << k;
	return n;
}

int main(void)
{
	uint32_t masks[1 + TAGS * TAGS], n_masks = tag_masks(masks), turn = 0;

	if (!oracle_there())
		return ORACLE_SKIP;
	vmlinux = btf__load_vmlinux_btf();
	types = vmlinux ? kernel_types_new(vmlinux) : NULL;
	if (!types) {
		printf("skipped: no BTF of the kernel\n");
		return ORACLE_SKIP;
	}
	for (uint32_t type = 0; type < ARG_TYPES; type++)
		for (uint32_t m = 0; m < n_masks; m++)
			for (int global = 0; global < 2; global++) {
				struct question q;

				/* Of pairs, one in three, and never mind static functions. */
				if ((masks[m] & (masks[m] - 1)) && (!global || turn++ % 3))
					continue;
				if (!make(&q, type, masks[m], global)) {
					no_btf++;
					btf__free(q.btf);
					continue;
				}
				for (uint32_t prog = 0; prog < ARRAY_SIZE(progs); prog++)
					for (int give = 0; give < GIVES; give++)
						for (int does = 0; does < DOES; does++)
							if ((give + does * 2 + prog * 3 + m) % 7 == 0 || !masks[m])
								ask(&q, prog, give, does);
				close(q.btf_fd);
				btf__free(q.btf);
			}
	printf("%u programs, %u accepted by the kernel, %u BTFs that it does not take, %u wrong\n", asked, accepted,
	       no_btf, wrong);
	kernel_types_free(types);
	btf__free(vmlinux);
	return wrong ? 1 : 0;
}
