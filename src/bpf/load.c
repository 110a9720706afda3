/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resolving a program: every map fd, helper number and kernel name in its instructions becomes an index into
 * refs[] (prog/code.h) or is refused with the reason.
 *
 * A call that libbpf poisoned (CO-RE found the type, field or helper absent) is left in place: the verifier refuses a program that can reach
 * it, and else it goes with the dead code around it. Without verification the engines end a run that reaches it (FAULT_NO_HELPER).
 */
#include "bpf/load.h"

#include "base/usermem.h"
#include "base/util.h"
#include "bpf/fd.h"
#include "helper/helper.h"
#include "helper/kfunc.h"
#include "insn/insn.h"
#include "prog/types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

/*
 * Before 1.2 libbpf leaves the call of a weak kernel function that does not exist with neither id nor module; it becomes the
 * poisoned call that later versions make of it.
 */
static bool poison_kfunc(struct bpf_insn *insn)
{
	if (insn->imm || insn->off)
		return false;
	insn->src_reg = 0;
	insn->imm = 2002000000;
	return true;
}

static int refuse(struct load *l, uint32_t at, int err, const char *what, const char *why)
{
	user_log_add(l->log, "%u: %s: %s\n", at, what, why);
	return err;
}

/* An array that doubles; NULL without memory, and the old one stays. */
static void *grow(void *old, uint32_t n, size_t size)
{
	if (n & (n - 1) || (n && n < 8))
		return old;
	return realloc(old, (n ? n * 2 : 8) * size);
}

int load_add_ref(struct hive_prog *p, struct code_ref ref, int32_t *index)
{
	struct code_ref *refs;

	for (uint32_t i = 0; i < p->n_refs; i++)
		if (p->refs[i].kind == ref.kind && p->refs[i].addr == ref.addr) {
			*index = (int32_t)i;
			return 0;
		}
	refs = grow(p->refs, p->n_refs, sizeof(*refs));
	if (!refs)
		return -ENOMEM;
	p->refs = refs;
	*index = (int32_t)p->n_refs;
	refs[p->n_refs++] = ref;
	return 0;
}

int hive_prog_use_map(struct hive_prog *p, struct hive_map *m)
{
	struct hive_map **maps;

	for (uint32_t i = 0; i < p->n_maps; i++)
		if (p->maps[i] == m)
			return -EEXIST;
	maps = grow(p->maps, p->n_maps, sizeof(struct hive_map *)); /* NOLINT(bugprone-sizeof-expression) */
	if (!maps)
		return -ENOMEM;
	p->maps = maps;
	maps[p->n_maps++] = m;
	hive_object_hold(&m->o);
	return 0;
}

/* Where the value of a one-element array lies, for LD_MAP_VALUE. */
static int value_address(struct load *l, uint32_t at, struct skep_map *map, uint32_t off, uint64_t *addr)
{
	uint32_t zero = 0;

	if (l->hive->flags & SKEP_CHECK_ONLY && map->type->type == SKEP_MAP_TYPE_ARENA) {
		*addr = 0;
		return 0;
	}
	if (map->type->type != BPF_MAP_TYPE_ARRAY || map->max_entries != 1)
		return refuse(l, at, -ENOTSUP, map->name, "the address of a value needs an array of one element");
	if (off >= map->value_size)
		return refuse(l, at, -EINVAL, map->name, "the offset lies outside the map's value");
	*addr = (uintptr_t)map_lookup(map, &zero, 0);
	return 0;
}

static int resolve_map(struct load *l, uint32_t at, uint32_t op)
{
	struct bpf_insn *insn = &l->prog->code.insns[at];
	bool value = op == INSN_LD_MAP_VALUE || op == INSN_LD_MAP_IDX_VALUE;
	struct code_ref ref = {.kind = value ? REF_VALUE : REF_MAP};
	int32_t fd = insn->imm;
	struct hive_map *m;
	int err = 0;

	if (op == INSN_LD_MAP_IDX || op == INSN_LD_MAP_IDX_VALUE) {
		if (!l->fd_array)
			return refuse(l, at, -EPROTO, "map by index", "the call has no fd_array");
		if (user_read(&fd, l->fd_array + (uint64_t)(uint32_t)insn->imm * sizeof(fd), sizeof(fd)))
			return -EFAULT;
	}
	if (!value && insn[1].imm)
		return refuse(l, at, -EINVAL, "map", "the second half of its instruction is not zero");
	m = hive_map_get(l->hive, fd, &err);
	if (!m) {
		user_log_add(l->log, "%u: fd %d is not pointing to valid bpf_map\n", at, fd);
		return err;
	}
	ref.addr = (uintptr_t)m->map;
	ref.id = m->o.id;
	if (value)
		err = value_address(l, at, m->map, (uint32_t)insn[1].imm, &ref.addr);
	if (!err) {
		err = hive_prog_use_map(l->prog, m);
		if (err == -EEXIST)
			err = 0;
	}
	if (!err)
		err = load_add_ref(l->prog, ref, &insn->imm);
	hive_object_put(&m->o);
	if (!err)
		insn->src_reg = value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
	return err;
}

/*
 * Names of the kernel's BTF: the verifier reads them as they are. In a hive that runs programs functions are linked when it is done
 * (load_link_kfuncs()); variables there are none.
 */
static int resolve_kernel(struct load *l, uint32_t at, bool variable)
{
	struct bpf_insn *insn = &l->prog->code.insns[at];
	const char *what = variable ? "kernel variable" : "kernel function";

	if (!variable && poison_kfunc(insn))
		return 0;
	if (variable && !(l->hive->flags & SKEP_CHECK_ONLY))
		return refuse(l, at, -EINVAL, what, "skep has none yet that programs could run with");
	if (variable ? insn[1].imm : insn->off)
		return refuse(l, at, -EINVAL, what,
			      "it is a module's, and skep reads the BTF of the kernel itself only");
	return 0;
}

int load_link_kfuncs(struct load *l)
{
	struct skep_code *code = &l->prog->code;
	int err = 0;

	for (uint32_t i = 0; i < code->n_insns && !err; i++) {
		struct bpf_insn *insn = &code->insns[i];
		const struct btf_type *t;
		const char *name;
		const struct kfunc_desc *k;

		if (insn_is_wide(insn))
			i++;
		else if (insn_decode_any(insn)->op == INSN_CALL_KFUNC) {
			t = btf__type_by_id(l->hive->presented, (uint32_t)insn->imm);
			name = t ? btf__name_by_offset(l->hive->presented, t->name_off) : "?";
			k = kfunc_find(name);
			if (!k || !k->fn)
				err = refuse(l, i, -EINVAL, name, "skep does not have this kernel function");
			else
				err = load_add_ref(
					l->prog,
					(struct code_ref){REF_KFUNC, (uint32_t)insn->imm, (uint64_t)(uintptr_t)k->fn},
					&insn->imm);
		}
	}
	code->refs = l->prog->refs;
	code->n_refs = l->prog->n_refs;
	return err;
}

/* Runs are dearer where somebody looks at call stacks; whether any program does is known here. */
static void note_helper(struct load *l, uint32_t id)
{
	const struct helper_desc *h = helper_find(id);

	if (h && h->flags & HELPER_CALL_STACK)
		atomic_store_explicit(&l->hive->stacks, true, memory_order_relaxed);
	l->prog->overrides |= id == BPF_FUNC_override_return;
	/* Its own command is disturbed by nothing but what the user's programs ask for; the kernel warns of this one, too. */
	if (id == BPF_FUNC_probe_write_user && !(l->hive->flags & SKEP_CHECK_ONLY))
		hive_log(l->hive, SKEP_LOG_WARN,
			 "program '%s' calls bpf_probe_write_user(): it may change the memory of the processes that it "
			 "watches",
			 l->prog->name);
}

int load_resolve(struct load *l)
{
	struct skep_code *code = &l->prog->code;
	int err = 0;

	for (uint32_t i = 0; i < code->n_insns && !err; i++) {
		const struct insn_desc *d = insn_decode_any(&code->insns[i]);

		switch (d->op) {
		case INSN_LD_MAP_FD:
		case INSN_LD_MAP_VALUE:
		case INSN_LD_MAP_IDX:
		case INSN_LD_MAP_IDX_VALUE:
			err = resolve_map(l, i, d->op);
			break;
		case INSN_LD_VAR:
			err = resolve_kernel(l, i, true);
			break;
		case INSN_CALL_KFUNC:
			err = resolve_kernel(l, i, false);
			break;
		case INSN_CALL_HELPER:
			note_helper(l, (uint32_t)code->insns[i].imm);
			break;
		default:
			break;
		}
		if (insn_is_wide(&code->insns[i]))
			i++;
	}
	code->refs = l->prog->refs;
	code->n_refs = l->prog->n_refs;
	code->map_lookup = l->hive->helpers[BPF_FUNC_map_lookup_elem];
	code->helpers = l->hive->helpers;
	code->n_helpers = SKEP_HELPER_MAX + 1;
	return err;
}
