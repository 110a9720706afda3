/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a call, a map or a place to attach to is refused, in plain words: what is asked of arguments, and who may call what. */
#include "base/util.h"
#include "helper/helper.h"
#include "prog/types.h"
#include "verify/report_impl.h"

#include <string.h>

void say_null_arg(struct words *w, const struct refusal *f)
{
	phrase_arg(w, f);
	words_add(w, " must not be NULL");
	if (f->reg) {
		words_add(w, ", and ");
		phrase_reg(w, f);
	}
	words_add(w, ".");
}

/* What a helper's argument must be. */
static const char *const arg_words[] = {
	[ARG_CONST_MAP_PTR] = "a map",
	[ARG_MAP_KEY] = "memory that holds a key of the map",
	[ARG_MAP_VALUE] = "memory that holds a value of the map",
	[ARG_MEM] = "memory: the stack, a map's value, a record",
	[ARG_MEM_FIXED] = "memory: the stack, a map's value, a record",
	[ARG_SIZE] = "a size",
	[ARG_SIZE_OR_ZERO] = "a size",
	[ARG_CONST_SIZE_OR_ZERO] = "a constant size",
	[ARG_CTX] = "the program's context",
	[ARG_CONST_ALLOC_SIZE] = "a constant size",
	[ARG_RINGBUF_MEM] = "a record that bpf_ringbuf_reserve() gave",
	[ARG_SPIN_LOCK] = "a struct bpf_spin_lock in a map's value",
	[ARG_TIMER] = "a struct bpf_timer in a map's value",
	[ARG_KPTR] = "a kptr in a map's value",
	[ARG_DYNPTR] = "a struct bpf_dynptr on the stack",
	[ARG_FUNC] = "a static function of the program",
	[ARG_STACK] = "memory of the stack, or NULL",
	[ARG_CONST_STR] = "a constant string in a read-only map (.rodata)",
	[ARG_BTF_ID] = "a kernel object",
	[ARG_SOCK_COMMON] = "a socket",
	[ARG_BTF_SOCK_COMMON] = "a socket",
	[ARG_SOCKET] = "a socket",
	[ARG_PERCPU_BTF_ID] = "a per-CPU kernel variable",
	[ARG_LONG_PTR] = "memory of a long",
	[ARG_INT_PTR] = "memory of an int",
};

/* What kernel functions ask of an argument, by what the check says. */
static const struct {
	const char *message, *must;
} kernel_args[] = {
	{"must be a rcu pointer", "be a kernel object that cannot go away meanwhile: an argument of the hook, one that "
				  "the program acquired, or one that RCU protects"},
	{"must be referenced or trusted",
	 "be a kernel object that cannot go away meanwhile: an argument of the hook, or one that the program acquired"},
	{"expects refcounted", "be something that the program itself acquired before"},
	{"must be referenced", "be something that the program itself acquired before"},
	{"must point to scalar, or struct with scalar", "be the kernel's own object, not memory of the program"},
	{"must have zero offset", "point to the beginning of the object"},
	{"must be a known constant", "be a constant"},
	{"type ID argument must be", "name a struct of the program"},
	{"is not a scalar", "be a number"},
	{"expects pointer to ctx", "be the program's context"},
};

void say_arg(struct words *w, const struct refusal *f)
{
	const struct helper_desc *h = f->op == INSN_CALL_HELPER && f->insn->imm > 0
					      ? helper_for((uint32_t)f->insn->imm, f->v->prog_type, f->v->attach_type)
					      : NULL;
	uint32_t type = h && f->r->reg >= 1 && f->r->reg <= 5 ? h->args[f->r->reg - 1].type : ARG_NONE;
	const char *type_name;

	phrase_arg(w, f);
	if (type < ARRAY_SIZE(arg_words) && arg_words[type]) {
		words_add(w, " must be %s", arg_words[type]);
		if (type == ARG_BTF_ID && h->args[f->r->reg - 1].btf)
			words_add(w, " of type struct %s", h->args[f->r->reg - 1].btf);
	} else {
		size_t i = 0;

		while (i < ARRAY_SIZE(kernel_args) && !says(f, kernel_args[i].message))
			i++;
		if (i < ARRAY_SIZE(kernel_args)) {
			words_add(w, " must %s", kernel_args[i].must);
		} else if ((type_name = strstr(f->v->out->message, "expected pointer to "))) {
			type_name += strlen("expected pointer to ");
			words_add(w, " must be a pointer to a %.*s", (int)strcspn(type_name, " "), type_name);
			if (!strncmp(type_name, "struct ", 7))
				words_add(w, " %.*s", (int)strcspn(type_name + 7, " "), type_name + 7);
		} else {
			words_add(w, " is not as it must be (");
			phrase_message(w, f);
			words_add(w, ")");
		}
	}
	if (f->lost) {
		words_add(w, ", but r%d was a pointer only until %s() made it invalid", f->r->reg,
			  words_callee(f->v, f->lost->insn));
	} else if (f->reg) {
		words_add(w, ", but ");
		phrase_reg(w, f);
	}
	words_add(w, ".");
}

void say_call(struct words *w, const struct refusal *f)
{
	const struct prog_type_desc *type = prog_type_find(f->v->prog_type);

	if (is_call_op(f->op) && *f->callee)
		words_add(w, "A program of type %s may not call %s() here.", type ? type->name : "this", f->callee);
	else if (f->insn->imm == 195896080 || (f->insn->imm >= 2001000000 && f->insn->imm < 2004000000))
		words_add(w, "This part of the program needs a type, field, map or function that the kernel does not "
			     "have, and it can be reached.");
	else
		words_add(w, "The kernel has no such function for this program.");
}

void say_gpl(struct words *w, const struct refusal *f)
{
	if (*f->callee)
		words_add(w, "%s() is for programs under a GPL-compatible licence only.", f->callee);
	else
		words_add(w, "This is for programs under a GPL-compatible licence only.");
}

void say_sleep(struct words *w, const struct refusal *f)
{
	if (is_call_op(f->op) && *f->callee)
		words_add(w, "%s() may sleep, and here the program may not (", f->callee);
	else
		words_add(w, "The program would sleep where it may not (");
	phrase_message(w, f);
	words_add(w, ").");
}

static const char *map_type_name(uint32_t type)
{
	static const char *const names[] = {
		[BPF_MAP_TYPE_HASH] = "a hash table",
		[BPF_MAP_TYPE_ARRAY] = "an array",
		[BPF_MAP_TYPE_PROG_ARRAY] = "a prog array",
		[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = "a perf event array",
		[BPF_MAP_TYPE_PERCPU_HASH] = "a per-CPU hash table",
		[BPF_MAP_TYPE_PERCPU_ARRAY] = "a per-CPU array",
		[BPF_MAP_TYPE_STACK_TRACE] = "a stack trace map",
		[BPF_MAP_TYPE_CGROUP_ARRAY] = "a cgroup array",
		[BPF_MAP_TYPE_LRU_HASH] = "an LRU hash table",
		[BPF_MAP_TYPE_LPM_TRIE] = "an LPM trie",
		[BPF_MAP_TYPE_ARRAY_OF_MAPS] = "an array of maps",
		[BPF_MAP_TYPE_HASH_OF_MAPS] = "a hash of maps",
		[BPF_MAP_TYPE_DEVMAP] = "a devmap",
		[BPF_MAP_TYPE_SOCKMAP] = "a sockmap",
		[BPF_MAP_TYPE_CPUMAP] = "a cpumap",
		[BPF_MAP_TYPE_XSKMAP] = "an xskmap",
		[BPF_MAP_TYPE_SOCKHASH] = "a sockhash",
		[BPF_MAP_TYPE_CGROUP_STORAGE] = "cgroup storage",
		[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = "a reuseport sockarray",
		[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = "per-CPU cgroup storage",
		[BPF_MAP_TYPE_QUEUE] = "a queue",
		[BPF_MAP_TYPE_STACK] = "a stack",
		[BPF_MAP_TYPE_SK_STORAGE] = "socket storage",
		[BPF_MAP_TYPE_RINGBUF] = "a ring buffer",
		[BPF_MAP_TYPE_INODE_STORAGE] = "inode storage",
		[BPF_MAP_TYPE_TASK_STORAGE] = "task storage",
		[BPF_MAP_TYPE_BLOOM_FILTER] = "a bloom filter",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "a map of another type";
}

/* The map that a call was given. */
static const struct verify_map *map_of_call(const struct refusal *f)
{
	const struct state *s = f->path->end;

	for (uint32_t i = BPF_REG_1; s && i <= BPF_REG_5; i++)
		if (s->frames[s->curframe]->regs[i].type == REG_MAP_PTR)
			return s->frames[s->curframe]->regs[i].map;
	return NULL;
}

void say_map(struct words *w, const struct refusal *f)
{
	const struct verify_map *map = is_call_op(f->op) ? map_of_call(f) : NULL;

	if (says(f, "cannot pass map_type") && map && *f->callee) {
		words_add(w, "%s() cannot be used with map '%s', which is %s", f->callee, map->name,
			  map_type_name(map->type));
		if (map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH)
			words_add(w, ", from a program of this type");
		words_add(w, ".");
	} else if (says(f, "map_uid")) {
		words_add(w, "The timer or work queue lies in a value of one map, and the map that is handed over with "
			     "it may be another.");
	} else {
		say_message(w, f);
	}
}

void say_attach(struct words *w, const struct refusal *f)
{
	const struct prog_type_desc *type = prog_type_find(f->v->in->prog_type);

	if (says(f, "is not a supported struct"))
		words_add(w, "The program is a member of no struct_ops that the kernel has: no map in \".struct_ops\" "
			     "that the kernel knows names it.");
	else if (says(f, "disabled hook"))
		words_add(w, "No program may attach to this LSM hook: the kernel keeps it for itself (%s).",
			  f->v->out->message);
	else {
		words_add(w, "The program (of type %s) cannot be attached to what it names: ",
			  type ? type->name : "unknown");
		phrase_message(w, f);
		words_add(w, ".");
	}
}
