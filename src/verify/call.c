/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of helpers.
 *
 * In order: may this program call it, here and now; are its arguments what its row of the helper table says (args.c); what becomes of them (references
 * released, callbacks walked, memory filled); what it leaves in r0. Whatever was in r0 to r5 is gone afterwards.
 *
 * Helpers that have rules of their own beside their row are few: each has a function here, found by its number (special[]).
 */
#include "base/util.h"
#include "prog/rules.h"
#include "verify/call.h"

#include <bpf/btf.h>
#include <errno.h>

enum { CALLER_SAVED = 6, MAX_ERRNO = 4095, SCRATCHED = (1 << CALLER_SAVED) - 1 };

/* May it be called? */

static bool has_caps(const struct verifier *v, uint32_t want)
{
	uint32_t caps = v->in->caps;

	if (caps & VERIFY_CAP_SYS_ADMIN)
		return true;
	return !((want & PROG_CAP_BPF) && !(caps & VERIFY_CAP_BPF)) &&
	       !((want & PROG_CAP_PERFMON) && !(caps & VERIFY_CAP_PERFMON)) &&
	       !((want & PROG_CAP_NET_ADMIN) && !(caps & VERIFY_CAP_NET_ADMIN));
}

static int check_sections(struct verifier *v, const struct helper_desc *h)
{
	const char *where;

	if (!(h->flags & HELPER_SLEEPS))
		return 0;
	if (!in_sleepable(v))
		return refuse(v, -EINVAL, PROBLEM_SLEEP, "helper call might sleep in a non-sleepable prog");
	where = section_without_sleep(v);
	if (where)
		return refuse(v, -EINVAL, PROBLEM_SLEEP, "sleepable helper %s#%u in %s", h->name, h->id, where);
	return 0;
}

static int check_allowed(struct verifier *v, const struct helper_desc *h)
{
	uint32_t type = helper_type(v, h->id);

	if (!helper_allowed(h, type, v->attach_type, in_sleepable(v)) || hook_forbids(v, h->id) ||
	    !has_caps(v, helper_caps(h, type)))
		return refuse(v, -EINVAL, PROBLEM_HELPER, "program of this type cannot use helper %s#%u", h->name,
			      h->id);
	if (v->in->have_helper && !v->in->have_helper(v->in->arg, h->id))
		return refuse(v, -EINVAL, PROBLEM_HELPER, "helper %s#%u is not there: %s", h->name, h->id,
			      v->in->why_no_helper ? v->in->why_no_helper(v->in->arg, h->id)
						   : "this place cannot run it");
	if (!v->in->gpl && (h->flags & HELPER_GPL))
		return refuse(v, -EINVAL, PROBLEM_GPL,
			      "cannot call GPL-restricted function from non-GPL compatible program");
	if ((h->flags & HELPER_BY_HOOK) && !hook_allows(v, h))
		return refuse(v, -EINVAL, PROBLEM_HELPER, "helper call is not allowed in probe");
	return check_sections(v, h);
}

/* What is known of the call, for those who compile it */

static bool looks_up(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_tail_call:
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
	case BPF_FUNC_map_peek_elem:
	case BPF_FUNC_for_each_map_elem:
	case BPF_FUNC_redirect_map:
	case BPF_FUNC_map_lookup_percpu_elem:
		return true;
	default:
		return false;
	}
}

static bool changes_map(uint32_t id)
{
	return id == BPF_FUNC_map_delete_elem || id == BPF_FUNC_map_update_elem || id == BPF_FUNC_map_push_elem ||
	       id == BPF_FUNC_map_pop_elem;
}

bool map_is_inner(const struct verifier *v, const struct verify_map *map)
{
	for (uint32_t i = 0; i < v->in->n_maps; i++)
		if (v->in->maps[i] == map)
			return false;
	return true;
}

static int note_lookup(struct verifier *v, const struct call *call)
{
	struct insn_aux *a = &v->aux[call->at];
	uint32_t id = call->helper->id;

	if (!looks_up(id))
		return 0;
	/* Not reached: a helper that looks up takes the map as its first argument */
	if (!call->map)
		return refuse(v, -EINVAL, PROBLEM_MAP, "%s was given no map", call->name);
	if ((call->map->flags & BPF_F_RDONLY_PROG) && changes_map(id))
		return refuse(v, -EACCES, PROBLEM_READ_ONLY, "write into map forbidden");
	if (map_is_inner(v, call->map))
		a->map_inner = true;
	if (!a->map)
		a->map = call->map->index + 1;
	else if (a->map != call->map->index + 1)
		a->map_many = true;
	/* The index is masked by the map's size against misprediction: there must be one size. */
	if (id == BPF_FUNC_tail_call && a->map_many && call->map->unprivileged)
		return refuse(v, -EINVAL, PROBLEM_MAP, "tail_call abusing map_ptr");
	return 0;
}

static int note_key(struct verifier *v, const struct call *call)
{
	struct insn_aux *a = &v->aux[call->at];
	const struct reg *index = &cur_regs(v)[BPF_REG_3];
	bool known = call->key_known;
	uint64_t key = call->key;
	int err;

	if (call->helper->id == BPF_FUNC_tail_call) {
		known = index->type == REG_SCALAR && scalar_is_const(&index->var) &&
			index->var.bits.value < call->map->max_entries;
		key = index->var.bits.value;
		if (known) {
			err = mark_precise(v, BPF_REG_3);
			if (err)
				return err;
		}
	} else if (!looks_up(call->helper->id)) {
		return 0;
	}
	if (!known || (a->key_seen && a->key != key))
		a->key_many = true;
	a->key_seen = true;
	a->key = key;
	return 0;
}

/* Helpers with rules of their own */

static int do_tail_call(struct verifier *v, struct call *call)
{
	return check_resources(v, false, true, "tail_call");
}

static int do_local_storage(struct verifier *v, struct call *call)
{
	if (!reg_is_null(&cur_regs(v)[BPF_REG_2]))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "get_local_storage() doesn't support non-zero flags");
	return mark_precise(v, BPF_REG_2);
}

static int do_for_each(struct verifier *v, struct call *call)
{
	return push_callback(v, &v->insns[call->at], call->at, call->subprog, setup_for_each, false, in_sleepable(v));
}

static int do_timer_callback(struct verifier *v, struct call *call)
{
	return push_callback(v, &v->insns[call->at], call->at, call->subprog, setup_timer, true, false);
}

static int do_find_vma(struct verifier *v, struct call *call)
{
	return push_callback(v, &v->insns[call->at], call->at, call->subprog, setup_find_vma, false, in_sleepable(v));
}

static int do_ringbuf_drain(struct verifier *v, struct call *call)
{
	return push_callback(v, &v->insns[call->at], call->at, call->subprog, setup_ringbuf, false, in_sleepable(v));
}

static int do_loop(struct verifier *v, struct call *call)
{
	struct insn_aux *a = &v->aux[call->at];
	struct frame *f = cur_frame(v);
	bool plain = reg_is_null(&f->regs[BPF_REG_4]);
	int err = 0;

	if (plain && (!a->loop_seen || a->loop_fit))
		err = mark_precise(v, BPF_REG_4);
	a->loop_fit = plain && (!a->loop_seen || (a->loop_fit && a->loop_subprog == call->subprog));
	if (!a->loop_seen)
		a->loop_subprog = call->subprog;
	a->loop_seen = true;
	/* When the loop is over rests on the number of its turns. */
	if (!err)
		err = mark_precise(v, BPF_REG_1);
	if (err)
		return err;
	if (f->callback_depth < f->regs[BPF_REG_1].var.umax)
		return push_callback(v, &v->insns[call->at], call->at, call->subprog, setup_loop, false,
				     in_sleepable(v));
	f->callback_depth = 0;
	if (LOG_INSNS(v))
		vlog(v, "frame%u bpf_loop iteration limit reached\n", v->cur->curframe);
	return 0;
}

static int do_snprintf(struct verifier *v, struct call *call)
{
	const struct reg *regs = cur_regs(v);
	uint64_t len = regs[BPF_REG_5].var.bits.value;

	if (len % 8)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "the data of bpf_snprintf() must be numbers of 64 bits: %llu bytes",
			      (unsigned long long)len);
	return check_format(v, const_str(&regs[BPF_REG_3]), (uint32_t)(len / 8));
}

static int do_dynptr_from_mem(struct verifier *v, struct call *call)
{
	char name[64];

	if (cur_regs(v)[BPF_REG_1].type == REG_MAP_VALUE)
		return 0;
	return refuse(v, -EACCES, PROBLEM_DYNPTR, "Unsupported reg type %s for bpf_dynptr_from_mem data",
		      reg_type_name(cur_regs(v)[BPF_REG_1].type, name));
}

/* Number of the argument that is a dynptr. */
static uint32_t dynptr_arg(const struct call *call)
{
	uint32_t i = 0;

	while (i < ARG_REGS - 1 && call->helper->args[i].type != ARG_DYNPTR)
		i++;
	return BPF_REG_1 + i;
}

static int do_dynptr_data(struct verifier *v, struct call *call)
{
	const struct reg *d;
	int err = dynptr_at(v, dynptr_arg(call), &d);

	if (err)
		return err;
	call->dynptr_id = d->id;
	call->ref_id = d->ref_id;
	return 0;
}

static int do_dynptr_write(struct verifier *v, struct call *call)
{
	const struct reg *d;
	int err = dynptr_at(v, dynptr_arg(call), &d);

	if (err)
		return err;
	call->dynptr_kind = d->dynptr;
	return 0;
}

static int do_set_retval(struct verifier *v, struct call *call)
{
	const struct hook *h = &v->hook;

	if (v->prog_type == BPF_PROG_TYPE_LSM && v->attach_type == BPF_LSM_CGROUP && h->proto && !h->proto->type)
		return refuse(v, -EINVAL, PROBLEM_HELPER,
			      "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
	return 0;
}

static int do_func_ip(struct verifier *v, struct call *call)
{
	switch (v->prog_type) {
	case BPF_PROG_TYPE_KPROBE:
		return 0;
	case BPF_PROG_TYPE_TRACING:
		if (v->attach_type == BPF_TRACE_FENTRY || v->attach_type == BPF_TRACE_FEXIT ||
		    v->attach_type == BPF_MODIFY_RETURN)
			return 0;
		return refuse(v, -ENOTSUPP, PROBLEM_HELPER,
			      "func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs");
	default:
		/* Not reached: the table of helpers gives it to kprobe and tracing programs only */
		return refuse(v, -ENOTSUPP, PROBLEM_HELPER,
			      "func bpf_get_func_ip#173 not supported for program type %u", v->prog_type);
	}
}

static const struct {
	uint32_t id;
	int (*fn)(struct verifier *v, struct call *call);
} special[] = {
	{BPF_FUNC_tail_call, do_tail_call},
	{BPF_FUNC_get_local_storage, do_local_storage},
	{BPF_FUNC_for_each_map_elem, do_for_each},
	{BPF_FUNC_timer_set_callback, do_timer_callback},
	{BPF_FUNC_find_vma, do_find_vma},
	{BPF_FUNC_user_ringbuf_drain, do_ringbuf_drain},
	{BPF_FUNC_loop, do_loop},
	{BPF_FUNC_snprintf, do_snprintf},
	{BPF_FUNC_dynptr_from_mem, do_dynptr_from_mem},
	{BPF_FUNC_dynptr_data, do_dynptr_data},
	{BPF_FUNC_dynptr_write, do_dynptr_write},
	{BPF_FUNC_set_retval, do_set_retval},
	{BPF_FUNC_get_func_ip, do_func_ip},
};

static int check_special(struct verifier *v, struct call *call)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(special); i++)
		if (special[i].id == call->helper->id)
			return special[i].fn(v, call);
	return 0;
}

/* References given back */

static bool belongs_to(const struct reg *r, void *arg)
{
	return r->ref_id == *(uint32_t *)arg;
}

/* A per-CPU object that went into a map lives on until the RCU section ends. */
static void give_away(struct verifier *v, struct reg *r, void *arg)
{
	if (in_rcu(v) && (r->type & MEM_ALLOC) && (r->type & MEM_PERCPU)) {
		r->ref_id = 0;
		r->type = (r->type & ~(uint32_t)MEM_ALLOC) | MEM_RCU;
	} else {
		reg_invalidate(v, r, arg);
	}
}

static int release(struct verifier *v, const struct call *call)
{
	const struct helper_desc *h = call->helper;
	uint32_t ref_id = call->ref_id;
	int err = -EINVAL;

	if (!call->release_regno)
		return 0;
	if (h->args[call->release_regno - BPF_REG_1].type == ARG_DYNPTR)
		return dynptr_release(v, call->release_regno);
	if (h->id == BPF_FUNC_kptr_xchg && ref_id) {
		if (ref_is_held(v->cur, ref_id)) {
			ref_forget(v->cur, ref_id);
			err = regs_visit(v, v->cur, give_away, belongs_to, &ref_id);
		}
	} else if (ref_id) {
		err = ref_release(v, ref_id);
	} else if (reg_is_null(&cur_regs(v)[call->release_regno])) {
		err = 0;
	}
	/* Not reached: check_func_arg() wants a reference there, and registers lose theirs when it is given back */
	if (err == -EINVAL)
		return refuse(v, err, PROBLEM_REF_LEAK, "func %s#%u reference has not been acquired before", h->name,
			      h->id);
	return err;
}

/* What it leaves in r0 */

static bool is_cast(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_tcp_sock:
	case BPF_FUNC_sk_fullsock:
	case BPF_FUNC_skc_to_tcp_sock:
	case BPF_FUNC_skc_to_tcp6_sock:
	case BPF_FUNC_skc_to_udp6_sock:
	case BPF_FUNC_skc_to_mptcp_sock:
	case BPF_FUNC_skc_to_tcp_timewait_sock:
	case BPF_FUNC_skc_to_tcp_request_sock:
		return true;
	default:
		return false;
	}
}

static bool acquires(const struct call *call)
{
	/* A socket that was looked up in a map is held. */
	if (call->helper->id == BPF_FUNC_map_lookup_elem && call->map)
		return call->map->type == BPF_MAP_TYPE_SOCKMAP || call->map->type == BPF_MAP_TYPE_SOCKHASH;
	return call->helper->flags & HELPER_ACQUIRE;
}

static void return_map_value(struct verifier *v, struct reg *r0, const struct call *call, uint32_t flags)
{
	const struct verify_map *map = call->map;

	/* An array has every element below its size. */
	if (call->helper->id == BPF_FUNC_map_lookup_elem && call->key_known && call->key < map->max_entries)
		flags &= ~(uint32_t)PTR_NULL;
	reg_pointer(r0, REG_MAP_VALUE | flags);
	r0->map = map;
	r0->map_uid = call->map_uid;
	/* Two look-ups give two locks. */
	if (!(flags & PTR_NULL) && record_has(map->record, FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK))
		r0->id = ++v->id_gen;
}

static int return_percpu(struct verifier *v, struct reg *r0, const struct call *call, uint32_t flags, bool alloc)
{
	const struct btf_type *t;
	int32_t id = btf__resolve_type(call->ret_btf, call->ret_btf_id);
	int64_t size;

	t = id < 0 ? NULL : btf__type_by_id(call->ret_btf, (uint32_t)id);
	if (t && btf_is_composite(t)) {
		reg_pointer(r0, alloc ? REG_BTF | MEM_ALLOC | MEM_RCU
				      : REG_BTF | flags); /* alloc: never NULL to the kernel */
		r0->btf = call->ret_btf;
		r0->btf_id = call->ret_btf_id;
		return 0;
	}
	size = id < 0 ? -1 : btf__resolve_size(call->ret_btf, (uint32_t)id);
	if (size < 0)
		return refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "unable to resolve the size of type #%u",
			      call->ret_btf_id);
	reg_pointer(r0, REG_MEM | (call->helper->flags & HELPER_RET_RDONLY ? MEM_RDONLY : 0) | flags);
	r0->mem_size = (uint32_t)size;
	return 0;
}

static int return_btf(struct verifier *v, struct reg *r0, const struct call *call, uint32_t flags)
{
	const struct helper_desc *h = call->helper;

	reg_pointer(r0, REG_BTF | flags | (h->flags & HELPER_RET_TRUSTED ? PTR_TRUSTED : 0));
	if (h->id == BPF_FUNC_kptr_xchg) {
		r0->btf = call->kptr->kptr.btf;
		r0->btf_id = call->kptr->kptr.btf_id;
		if (!call->kptr->kptr.in_kernel)
			r0->type |= MEM_ALLOC | (call->kptr->kind == FIELD_KPTR_PERCPU ? MEM_PERCPU : 0);
	} else {
		r0->btf = v->in->n_btfs ? v->in->btfs[0] : NULL;
		r0->btf_id = h->ret_btf ? kernel_type(v, h->ret_btf) : 0;
	}
	if (!r0->btf_id)
		return refuse(v, -EINVAL, PROBLEM_HELPER, "%s#%u returns a %s, and no BTF describes it", h->name, h->id,
			      h->ret_btf ? h->ret_btf : "kernel object");
	return 0;
}

static void set_range(struct scalar *s, int64_t min, int64_t max)
{
	s->smin = s->smin32 = (int32_t)min;
	s->smax = max;
	s->smax32 = (int32_t)max;
	scalar_sync(s);
}

static int refine(struct verifier *v, struct reg *r0, const struct call *call)
{
	switch (call->helper->id) {
	case BPF_FUNC_get_stack:
	case BPF_FUNC_get_task_stack:
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_probe_read_user_str:
		set_range(&r0->var, -MAX_ERRNO, (int64_t)call->max_size);
		return 0;
	case BPF_FUNC_get_smp_processor_id:
		/* How many there are is the place's own: no bound below the kernel's greatest NR_CPUS is safe everywhere. */
		if (v->in->n_cpus) {
			r0->var.umin = r0->var.umin32 = 0;
			r0->var.umax = r0->var.umax32 = v->in->n_cpus - 1;
			set_range(&r0->var, 0, (int64_t)v->in->n_cpus - 1);
		}
		return 0;
	default:
		return 0;
	}
}

static int set_return(struct verifier *v, struct call *call, bool percpu_alloc)
{
	const struct helper_desc *h = call->helper;
	uint32_t flags = h->flags & HELPER_RET_NULL ? PTR_NULL : 0;
	struct reg *r0 = &cur_regs(v)[BPF_REG_0];
	int err = 0;

	switch (h->ret) {
	case RET_INTEGER:
		reg_unknown(r0);
		err = refine(v, r0, call);
		break;
	case RET_VOID:
		break;
	case RET_MAP_VALUE:
		/* Not reached: a helper that looks up takes the map as its first argument */
		if (!call->map)
			return refuse(v, -EINVAL, PROBLEM_MAP, "%s was given no map", call->name);
		return_map_value(v, r0, call, flags);
		break;
	case RET_SOCKET:
		reg_pointer(r0, REG_SOCKET | flags);
		break;
	case RET_SOCK_COMMON:
		reg_pointer(r0, REG_SOCK_COMMON | flags);
		break;
	case RET_TCP_SOCK:
		reg_pointer(r0, REG_TCP_SOCK | flags);
		break;
	case RET_RINGBUF_MEM:
	case RET_DYNPTR_MEM:
		reg_pointer(r0, REG_MEM | flags | (h->ret == RET_RINGBUF_MEM ? MEM_RINGBUF : 0));
		r0->mem_size = (uint32_t)call->mem_size;
		break;
	case RET_MEM_OR_BTF_ID:
		err = return_percpu(v, r0, call, flags, percpu_alloc);
		break;
	case RET_BTF_ID:
		err = return_btf(v, r0, call, flags);
		break;
	}
	if (err)
		return err;
	if ((r0->type & PTR_NULL) && r0->type != REG_SCALAR)
		r0->id = ++v->id_gen;
	if (h->id == BPF_FUNC_dynptr_data) {
		r0->dynptr_id = call->dynptr_id;
		r0->ref_id = call->ref_id;
	} else if (is_cast(h->id)) {
		r0->ref_id = call->ref_id;
	} else if (acquires(call)) {
		int id = ref_acquire(v, call->at);

		if (id < 0)
			return id;
		r0->id = r0->ref_id = (uint32_t)id;
	}
	return 0;
}

/* Memory that the helper fills is data from here. */
static int fill_memory(struct verifier *v, const struct call *call)
{
	for (uint32_t i = 0; i < call->access_size; i++) {
		int err = check_mem(v, call->at, call->regno, (int32_t)i, 1, MEM_WRITE, -1, false, false);

		if (err)
			return err;
	}
	return 0;
}

static void clobber(struct verifier *v)
{
	struct reg *regs = cur_regs(v);

	for (uint32_t i = 0; i < CALLER_SAVED; i++)
		reg_uninit(&regs[i]);
	v->touched_regs |= SCRATCHED;
}

/*
 * An embedder's helper: no row tells what it takes. It is trusted with what it is given; the verifier's own view of the stack must
 * survive, so that everything from a stack pointer to the end of its frame counts as overwritten with data.
 */
static int check_own_helper(struct verifier *v)
{
	for (uint32_t regno = BPF_REG_1; regno <= BPF_REG_5; regno++) {
		const struct reg *r = &cur_regs(v)[regno];
		uint32_t slots;

		if (r->type == REG_NOT_INIT)
			continue;
		if (reg_is_pointer(v, r))
			return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R%u leaks addr into helper function", regno);
		if (r->type != REG_STACK)
			continue;
		if (!scalar_is_const(&r->var))
			return refuse(v, -EACCES, PROBLEM_ARG_TYPE,
				      "R%u: a stack pointer with a variable offset cannot be passed to this helper",
				      regno);
		if (r->off + (int64_t)r->var.bits.value >= 0)
			continue;
		slots = (uint32_t) - (r->off + (int64_t)r->var.bits.value);
		for (uint32_t i = 0; i < slots; i++) {
			int err = check_mem(v, v->insn, regno, (int32_t)i, 1, MEM_WRITE, -1, false, false);

			if (err)
				return err;
		}
	}
	clobber(v);
	reg_unknown(&cur_regs(v)[BPF_REG_0]);
	return 0;
}

int check_helper_call(struct verifier *v, const struct bpf_insn *insn, uint32_t at)
{
	uint32_t id = (uint32_t)insn->imm;
	const struct helper_desc *h = helper_for(id, helper_type(v, id), v->attach_type);
	struct call call = {.at = at, .helper = h};
	bool percpu_alloc;
	int err;

	if (v->cur->n_locks && id != BPF_FUNC_spin_unlock)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "function calls are not allowed while holding a lock");
	if (!h && v->in->own_helper && v->in->own_helper(v->in->arg, id))
		return check_own_helper(v);
	if (!h)
		return refuse(v, -EINVAL, PROBLEM_HELPER, "invalid func unknown#%u", id);
	call.name = h->name;
	call.packet_ok = h->flags & HELPER_PKT_ACCESS;
	err = check_allowed(v, h);
	for (uint32_t i = 0; !err && i < ARG_REGS; i++)
		err = check_func_arg(v, i, &call, at);
	if (!err)
		err = note_lookup(v, &call);
	if (!err)
		err = note_key(v, &call);
	if (!err)
		err = fill_memory(v, &call);
	if (!err)
		err = release(v, &call);
	if (!err)
		err = check_special(v, &call);
	if (!err)
		err = check_map_func(v, call.map, id, h->name);
	if (err)
		return err;
	percpu_alloc = cur_regs(v)[BPF_REG_1].type & MEM_RCU;
	clobber(v);
	err = set_return(v, &call, percpu_alloc);
	if (err)
		return err;
	/* A slice of a packet may have moved as well. A tail call moves none where it comes back. */
	if (((h->flags & HELPER_MOVES_PACKET) && id != BPF_FUNC_tail_call) ||
	    (id == BPF_FUNC_dynptr_write &&
	     (call.dynptr_kind == DYNPTR_KIND_SKB || call.dynptr_kind == DYNPTR_KIND_SKB_META)))
		forget_packet_pointers(v);
	return 0;
}
