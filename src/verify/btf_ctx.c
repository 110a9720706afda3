/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The context of programs that BTF describes: an array of 8-byte slots, one for each argument of the hook's prototype (two for a struct of up to 16 bytes), and
 * behind them, where a program runs after the function, its result.
 *
 * A number gives a number, a pointer to a struct that type; pointers to anything else are numbers to the verifier. Which pointers may be NULL
 * is the hook's to say (verify/hook.h).
 */
#include "base/util.h"
#include "prog/rules.h"
#include "prog/types.h"
#include "verify/btf_util.h"
#include "verify/call.h"
#include "verify/hook.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SLOT = 8 };

/* One access. */
struct access {
	int32_t off;
	uint32_t size;
	uint32_t arg; /* of the prototype, the hidden parameter of a tracepoint not counted */
};

static int refused(struct verifier *v, const struct access *a, const char *why)
{
	return refuse(v, -EACCES, PROBLEM_CTX_ACCESS, "invalid bpf_context access off=%d size=%u: func '%s' %s", a->off,
		      a->size, v->hook.name, why);
}

/* Slots take 8 bytes, and structs as many as they need. Void takes none. */
static uint32_t room(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf_strip(btf, id, NULL);

	if (!t || btf_is_ptr(t))
		return SLOT;
	return btf_is_void(t) ? 0 : (t->size + SLOT - 1) / SLOT * SLOT;
}

/* The parameter at an offset; their number: the result; one more: nothing is there. */
static uint32_t arg_at(const struct hook *h, uint32_t off)
{
	uint32_t n, end = 0;

	if (!h->proto)
		return off / SLOT;
	n = btf_vlen(h->proto);
	for (uint32_t i = 0; i < n; i++) {
		end += room(h->btf, btf_params(h->proto)[i].type);
		if (off < end)
			return i;
	}
	end += room(h->btf, h->proto->type);
	return off < end ? n : n + 1;
}

static bool is_number(const struct btf_type *t)
{
	if (btf_is_int(t))
		return t->size <= 8 && !(t->size & (t->size - 1));
	return btf_is_any_enum(t) || btf_is_composite(t);
}

/* The result of a hook that the program is asked about: in the range that the hook's result has. */
static void lsm_result(struct verifier *v, struct reg *out)
{
	struct prog_return range = prog_lsm_return(v->hook.name, true);
	struct scalar *s = &out->var;

	reg_unknown(out);
	if (range.kind != RETURN_RANGE)
		return;
	s->smin = s->smin32 = range.min;
	s->smax = s->smax32 = range.max;
	scalar_sync(s);
	scalar_sync(s);
}

static int result(struct verifier *v, const struct access *a, struct reg *out)
{
	const struct hook *h = &v->hook;
	const struct btf_type *t = h->proto ? btf_strip(h->btf, h->proto->type, NULL) : NULL;

	switch (v->in->attach_type) {
	case BPF_LSM_MAC:
	case BPF_LSM_CGROUP:
	case BPF_TRACE_FEXIT:
		break;
	case BPF_MODIFY_RETURN:
		if (!t || !btf_is_int(t) || !is_number(t))
			return refused(v, a, "has a result that fmod_ret cannot replace");
		break;
	default:
		return refused(v, a, "doesn't have such an argument");
	}
	if (t && !is_number(t)) {
		/*
		 * Not reached: check_proto() lets no other results pass, and nothing lies behind the arguments of a
		 * function without one
		 */
		if (!btf_is_ptr(t))
			return refused(v, a, "returns neither a number nor a pointer");
		if (a->size != SLOT)
			return refused(v, a, "returns a pointer, which is read whole");
		if (btf_is_composite(btf_strip(h->btf, t->type, NULL))) {
			uint32_t id;

			btf_strip(h->btf, t->type, &id);
			reg_btf(v, out, REG_BTF, h->btf, id, h->trusted ? PTR_TRUSTED : 0);
			return 0;
		}
		if (t->type && !btf_is_int(btf_strip(h->btf, t->type, NULL)) &&
		    !btf_is_void(btf_strip(h->btf, t->type, NULL)))
			return refused(v, a, "returns a pointer to no struct");
	}
	if (v->in->attach_type == BPF_LSM_MAC && v->prog_type == BPF_PROG_TYPE_LSM)
		lsm_result(v, out);
	else
		reg_unknown(out);
	return 0;
}

/* The kernel's own context type behind the one that programs of a type see. */
static uint32_t kernel_ctx(const struct verifier *v, uint32_t prog_type)
{
	const struct prog_type_desc *desc = prog_type_find(prog_type);
	uint32_t id = kernel_type(v, "bpf_ctx_convert");
	const struct btf_type *t = id ? btf__type_by_id(v->in->btfs[0], id) : NULL;
	char name[64];

	if (!t || !desc)
		return 0;
	snprintf(name, sizeof(name), "%s_kern", desc->enum_name);
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;

		if (!strcmp(btf__name_by_offset(v->in->btfs[0], m->name_off), name)) {
			t = btf_strip(v->in->btfs[0], m->type, &id);
			return t && btf_is_composite(t) ? id : 0;
		}
	}
	return 0;
}

/* An argument of a BPF function: only its context is more than a number. */
static int program_arg(struct verifier *v, const struct access *a, const struct btf_type *ptr, struct reg *out)
{
	const struct verify_input *to = v->in->attach.prog;
	uint32_t id, type = to->prog_type;

	if (type == BPF_PROG_TYPE_EXT && to->attach.prog)
		type = to->attach.prog->prog_type;
	id = btf_is_ctx(v->hook.btf, ptr->type, type) ? kernel_ctx(v, type) : 0;
	if (!id)
		return refused(v, a, "has an argument that is no context");
	reg_btf(v, out, REG_BTF, v->in->btfs[0], id, 0);
	return 0;
}

/* What the tables say of an iterator's argument. */
static bool iterator_arg(struct verifier *v, const struct access *a, struct reg *out)
{
	const struct iter_hook *it = v->hook.iter;

	for (size_t i = 0; it && i < ARRAY_SIZE(it->args); i++) {
		uint8_t kind = it->args[i].kind;

		if (!kind || it->args[i].off != a->off)
			continue;
		if (kind == ITER_ARG_BUF || kind == ITER_ARG_BUF_RDONLY) {
			reg_pointer(out, REG_BUF | PTR_NULL | (kind == ITER_ARG_BUF_RDONLY ? MEM_RDONLY : 0));
			out->id = ++v->id_gen;
			return true;
		}
		reg_btf(v, out, REG_BTF, v->in->btfs[0], kernel_type(v, it->args[i].type),
			PTR_NULL | (kind == ITER_ARG_BTF_TRUSTED ? PTR_TRUSTED : 0));
		return out->btf_id;
	}
	return false;
}

/* May it be NULL, or be none at all? */
static uint32_t null_flags(const struct verifier *v, uint32_t arg, bool *is_error)
{
	const struct hook *h = &v->hook;
	uint64_t known = h->tp_args >> (4 * arg) & 15;

	*is_error = false;
	if (hook_arg_suffix(h->btf, h->ops ? h->stub : h->proto, arg + h->tracepoint, "__nullable"))
		return PTR_NULL;
	if (!h->tracepoint)
		return 0;
	*is_error = known & TP_ARG_ERROR;
	/* Nobody has looked through the tracepoints of modules. */
	if (!h->tp_args && h->btf != v->in->btfs[0])
		return PTR_NULL;
	return known & TP_ARG_NULL ? PTR_NULL : 0;
}

static int object_arg(struct verifier *v, const struct access *a, const struct btf_type *ptr, struct reg *out)
{
	const struct hook *h = &v->hook;
	const struct btf_type *t = btf__type_by_id(h->btf, ptr->type);
	const char *tag = t && btf_is_type_tag(t) ? btf_type_name(h->btf, t) : "";
	uint32_t id, flags = h->trusted ? PTR_TRUSTED : 0;
	bool is_error;

	flags |= null_flags(v, a->arg, &is_error);
	flags |= !strcmp(tag, "user") ? MEM_USER : !strcmp(tag, "percpu") ? MEM_PERCPU : 0;
	t = btf_strip(h->btf, ptr->type, &id);
	if (!t || !btf_is_composite(t))
		return refused(v, a, "has an argument that points to no struct");
	vlog(v, "func '%s' arg%u has btf_id %u type %s '%s'\n", h->name, a->arg, id,
	     btf_is_struct(t) ? "STRUCT" : "UNION", btf_type_name(h->btf, t));
	if (is_error) {
		reg_unknown(out);
		return 0;
	}
	if (h->ops && h->ops->promote && !(flags & ~(uint32_t)PTR_TRUSTED) &&
	    !strcmp(btf_type_name(h->btf, t), h->ops->promote))
		id = kernel_type(v, h->ops->promoted);
	reg_btf(v, out, REG_BTF, h->btf, id, flags);
	out->ref_id = h->refs[a->arg];
	if (out->ref_id && !ref_is_held(v->cur, out->ref_id))
		return refused(v, a, "has an argument whose reference may already be released");
	return 0;
}

int check_btf_ctx(struct verifier *v, int32_t off, uint32_t size, int rw, struct reg *out)
{
	const struct hook *h = &v->hook;
	struct access a = {.off = off, .size = size};
	uint32_t n = h->proto ? btf_vlen(h->proto) - h->tracepoint : ARG_REGS;
	const struct btf_type *t, *to;

	if (rw == MEM_WRITE || off < 0 || off >= SLOT * HOOK_ARGS_MAX || off % (int32_t)size || !h->btf)
		return refuse(v, -EACCES, PROBLEM_CTX_ACCESS, "invalid bpf_context access off=%d size=%u", off, size);
	if (off % SLOT)
		return refused(v, &a, "has arguments at multiples of 8 only");
	a.arg = arg_at(h, (uint32_t)off);
	if (a.arg > n)
		return refused(v, &a, "doesn't have so many arguments");
	if (a.arg == n)
		return result(v, &a, out);
	reg_unknown(out);
	if (!h->proto)
		return 0;
	t = btf_strip(h->btf, btf_params(h->proto)[a.arg + h->tracepoint].type, NULL);
	/* Not reached: BTF that was checked names a type for every parameter; that of no type is void */
	if (!t)
		return refused(v, &a, "has an argument without a type");
	if (is_number(t))
		return 0;
	if (!btf_is_ptr(t))
		return refused(v, &a, "has an argument that is neither a number nor a pointer");
	if (size != SLOT)
		return refused(v, &a, "has a pointer there, which is read whole");
	if (iterator_arg(v, &a, out))
		return 0;
	to = btf_strip(h->btf, t->type, NULL);
	if (!to || btf_is_void(to) || btf_is_int(to))
		return 0;
	return h->in_program ? program_arg(v, &a, t, out) : object_arg(v, &a, t, out);
}
