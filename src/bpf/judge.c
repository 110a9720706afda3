/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that the verifier needs to know, gathered from the hive's objects. */
#include "bpf/judge.h"

#include "base/util.h"
#include "bpf/fd.h"
#include "bpf/kernel_facts.h"
#include "helper/helper.h"
#include "verify/record.h"
#include "verify/report.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The values of an array that neither programs nor user space can change any more. */
static const uint8_t *frozen_bytes(const struct hive_map *m)
{
	const struct skep_map *map = m->map;
	uint32_t zero = 0;

	if (map->type->type != BPF_MAP_TYPE_ARRAY || map->max_entries != 1 || !(map->flags & BPF_F_RDONLY_PROG) ||
	    !atomic_load(&map->frozen) || atomic_load(&m->write_maps))
		return NULL;
	return map_lookup((struct skep_map *)map, &zero, 0);
}

static void describe(const struct hive_map *m, struct verify_map *out, uint32_t index)
{
	const struct skep_map *map = m->map;

	*out = (struct verify_map){
		.id = m->o.id,
		.type = map->type->type,
		.key_size = map->key_size,
		.value_size = map->value_size,
		.max_entries = map->max_entries,
		.flags = map->flags,
		.extra = map->extra,
		.frozen = frozen_bytes(m),
		.btf = m->btf ? m->btf->btf : NULL,
		.btf_key_type = map->btf_key_type_id,
		.btf_value_type = map->btf_value_type_id,
		.record = m->record,
		.index = index,
		.unprivileged = m->unprivileged,
		.unplaced = map->type->type == SKEP_MAP_TYPE_ARENA && !map->extra && !atomic_load(&m->was_mapped),
	};
	memcpy(out->name, map->name, sizeof(out->name));
}

/* Maps by reference; two references to one map are one map to the verifier. */
struct maps {
	struct verify_map *all; /* of each used map, and behind them the templates */
	const struct verify_map **by_ref;
};

static int gather_maps(const struct hive_prog *p, struct maps *out)
{
	out->all = calloc(p->n_maps * 2 + 1, sizeof(*out->all));
	out->by_ref = calloc(p->n_refs + 1, sizeof(struct verify_map *)); /* NOLINT(bugprone-sizeof-expression) */
	if (!out->all || !out->by_ref)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_maps; i++) {
		describe(p->maps[i], &out->all[i], i);
		if (p->maps[i]->inner) {
			describe(p->maps[i]->inner, &out->all[p->n_maps + i], i);
			out->all[i].inner = &out->all[p->n_maps + i];
		}
	}
	for (uint32_t r = 0; r < p->n_refs; r++)
		for (uint32_t i = 0; i < p->n_maps; i++)
			if ((p->refs[r].kind == REF_MAP || p->refs[r].kind == REF_VALUE) &&
			    p->refs[r].id == p->maps[i]->o.id)
				out->by_ref[r] = &out->all[i];
	return 0;
}

static void to_log(void *arg, const char *text, size_t len)
{
	user_log_add(arg, "%.*s", (int)len, text);
}

static void rewind_log(void *arg, size_t len)
{
	struct user_log *log = arg;

	user_log_rewind(log, len);
}

static bool own_helper(void *arg, uint32_t id)
{
	const struct skep_hive *hive = arg;

	return id >= SKEP_HELPER_MIN && id <= SKEP_HELPER_MAX && hive->helpers[id];
}

static bool have_helper(void *arg, uint32_t id)
{
	const struct skep_hive *hive = arg;

	if (hive->flags & SKEP_CHECK_ONLY)
		return kernel_has_helper(id);
	return (id <= SKEP_HELPER_MAX && hive->helpers[id]) || id == BPF_FUNC_tail_call;
}

static const char *why_no_helper(void *arg, uint32_t id)
{
	const struct skep_hive *hive = arg;

	return hive->flags & SKEP_CHECK_ONLY ? "the kernel does not have it" : helper_why_not(id);
}

static bool have_symbol(void *arg, const char *name)
{
	const struct skep_hive *hive = arg;

	/* Of another kernel than the running one nobody knows the addresses: its BTF has to do. */
	return hive->btf_path || kernel_has_symbol(name);
}

int judge(struct load *l, const struct judge_target *target, struct verify_result *result)
{
	const struct hive_prog *p = l->prog;
	const struct btf *kernel = l->hive->kernel ? l->hive->kernel->btf : l->hive->presented;
	const struct btf *btfs[] = {kernel};
	struct maps maps = {0};
	struct verify_input target_prog = {0};
	struct verify_input in = {
		.insns = p->code.insns,
		.n_insns = p->code.n_insns,
		.subprogs = p->code.subprogs,
		.n_subprogs = p->code.n_subprogs,
		.n_maps = p->n_refs,
		.btfs = btfs,
		.n_btfs = kernel ? 1 : 0,
		.types = l->hive->kernel_types,
		.prog_type = p->type,
		.own_type = p->own != NULL,
		.own_ctx_size = p->own ? p->own->ctx_size : 0,
		.attach_type = target->attach_type,
		.flags = target->flags,
		.caps = l->hive->caps,
		.gpl = p->gpl,
		.n_cpus = l->hive->n_cpus,
		.btf = p->n_func_info && p->btf ? p->btf->btf : NULL,
		.func_info = p->n_func_info ? p->func_info : NULL,
		.line_info = p->line_info,
		.n_line_info = p->n_func_info ? p->n_line_info : 0, /* they are strings of its BTF */
		.own_helper = own_helper,
		.have_helper = have_helper,
		.why_no_helper = why_no_helper,
		.have_symbol = have_symbol,
		.arg = l->hive,
		.objects_presented = !(l->hive->flags & SKEP_CHECK_ONLY),
		.log_level = l->log->level,
		.log = l->log->buf ? to_log : NULL,
		.log_rewind = rewind_log,
		.log_arg = l->log,
		.explain = l->explain,
	};
	int err = gather_maps(p, &maps);

	*result = (struct verify_result){0};
	memcpy(in.name, p->name, sizeof(in.name));
	in.maps = maps.by_ref;
	if (target->prog) {
		const struct hive_prog *t = target->prog;

		target_prog = (struct verify_input){
			.insns = t->code.insns,
			.n_insns = t->code.n_insns,
			.subprogs = t->code.subprogs,
			.n_subprogs = t->code.n_subprogs,
			.prog_type = t->type,
			.attach_type = t->expected_attach_type,
			.flags = t->flags,
			.btf = t->btf ? t->btf->btf : NULL,
			.func_info = t->func_info,
		};
		in.attach.prog = &target_prog;
		in.attach.btf = target_prog.btf;
		in.attach.btf_id = target->btf_id;
	} else if (target->btf_id) {
		in.attach.btf = target->btf ? target->btf->btf : kernel;
		in.attach.btf_id = target->btf_id;
	}
	if (!err)
		err = verify(&in, result);
	free(maps.all);
	free(maps.by_ref);
	return err;
}

void judge_shape(struct load *l, struct verify_result *result)
{
	const struct hive_prog *p = l->prog;
	/* Where functions begin, insn_check() could not tell: their records say it. */
	AUTO_FREE uint32_t *starts = calloc(p->n_func_info + 1, sizeof(*starts));
	struct verify_input in = {
		.insns = p->code.insns,
		.n_insns = p->code.n_insns,
		.prog_type = p->type,
		.subprogs = starts,
		.btf = p->btf ? p->btf->btf : NULL,
		.func_info = p->func_info,
		.n_subprogs = starts ? p->n_func_info : 0,
		.line_info = p->line_info,
		.n_line_info = p->n_line_info,
	};

	for (uint32_t i = 0; i < in.n_subprogs; i++)
		starts[i] = p->func_info[i].insn_off;
	result->err = -EINVAL;
	result->insn = l->shape.insn;
	snprintf(result->message, sizeof(result->message), "%u: %s", l->shape.insn, l->shape.reason);
	result->report = report_shape(&in, &l->shape);
	if (result->report)
		result->problem = result->report->problem;
}
