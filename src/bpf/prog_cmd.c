/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_PROG_LOAD and BPF_PROG_BIND_MAP: how a program gets in. */
#include "base/usermem.h"
#include "base/clock.h"
#include "base/util.h"
#include "bpf/check.h"
#include "bpf/cmd.h"
#include "bpf/fd.h"
#include "bpf/judge.h"
#include "bpf/load.h"
#include "insn/check.h"
#include "prog/rules.h"
#include "prog/types.h"
#include "verify/fixup.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Record sizes that func_info and line_info may have (kernel/bpf/verifier.c: MIN/MAX_..._SIZE). */
enum { INFO_REC_MAX = 252 };

enum { MAX_INSNS_USER = 4096 }; /* BPF_MAXINSNS: longest program of a user without CAP_BPF */

int hive_copy_name(char to[BPF_OBJ_NAME_LEN], const char from[BPF_OBJ_NAME_LEN])
{
	memset(to, 0, BPF_OBJ_NAME_LEN);
	for (unsigned int i = 0; i < BPF_OBJ_NAME_LEN; i++) {
		char c = from[i];

		if (!c)
			return 0;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		      c == '.'))
			return -EINVAL;
		to[i] = c;
	}
	return -EINVAL;
}

struct hive_prog *hive_prog_get(struct skep_hive *hive, int fd, int *why)
{
	struct hive_object *o = hive_object_by_fd(hive, fd, HIVE_PROG, why);

	return o ? container_of(o, struct hive_prog, o) : NULL;
}

void hive_prog_free(struct hive_prog *p)
{
	jit_unlink(&p->text);
	jit_object_free(p->jit);
	vm_free(p->vm);
	for (uint32_t i = 0; i < p->n_maps; i++)
		hive_object_put(&p->maps[i]->o);
	if (p->btf)
		hive_object_put(&p->btf->o);
	free(p->maps);
	free(p->refs);
	free(p->code.insns);
	free((void *)p->code.subprogs);
	free(p->func_info);
	free(p->line_info);
	if (p->o.fd >= 0)
		close(p->o.fd);
	free(p);
}

/* License strings that the kernel takes as GPL-compatible (include/linux/license.h). */
static bool license_is_gpl(const char *license)
{
	static const char *const gpl[] = {
		"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL",
	};

	for (size_t i = 0; i < ARRAY_SIZE(gpl); i++)
		if (!strcmp(license, gpl[i]))
			return true;
	return false;
}

/*
 * Eight bytes that name the instructions, whatever fds they were loaded with. The kernel takes a SHA digest; this is a
 * mixing hash: equal programs have equal tags within skep, but not the kernel's.
 */
void hive_prog_tag(const struct bpf_insn *insns, uint32_t n, uint8_t tag[BPF_TAG_SIZE])
{
	uint64_t h = 0x9e3779b97f4a7c15ull;

	for (uint32_t i = 0; i < n; i++) {
		struct bpf_insn insn = insns[i];
		uint64_t bits;

		if (insn_is_wide(&insn) && insn.src_reg)
			insn.imm = 0;
		memcpy(&bits, &insn, sizeof(bits));
		h = (h ^ bits) * 0xd6e8feb86659fd93ull;
		h ^= h >> 32;
	}
	memcpy(tag, &h, BPF_TAG_SIZE);
}

/* Copies an array of records of the caller's size; what a record has beyond ours must be zero. */
static int copy_records(uint64_t from, uint32_t n, uint32_t rec, uint32_t want, void **out)
{
	uint8_t *to;

	if (!n)
		return 0;
	if (rec < want || rec > INFO_REC_MAX || rec % 4 || n > SKEP_MAX_INSNS)
		return -EINVAL;
	to = calloc(n, want);
	if (!to)
		return -ENOMEM;
	*out = to;
	for (uint32_t i = 0; i < n; i++, from += rec) {
		uint8_t one[INFO_REC_MAX];

		if (user_read(one, from, rec))
			return -EFAULT;
		for (uint32_t k = want; k < rec; k++)
			if (one[k])
				return -E2BIG;
		memcpy(to + (size_t)i * want, one, want);
	}
	return 0;
}

/* BTF, function and line records: all optional, but the records need the BTF. hive->lock is held. */
static int copy_info(struct skep_hive *hive, const union bpf_attr *attr, struct hive_prog *p)
{
	struct hive_object *o;
	int err = 0;

	if (!attr->func_info_cnt && !attr->line_info_cnt && !attr->prog_btf_fd)
		return 0;
	if (!attr->func_info_cnt && !attr->line_info_cnt)
		return 0;
	o = hive_object_by_fd(hive, (int)attr->prog_btf_fd, HIVE_BTF, &err);
	if (!o)
		return err;
	p->btf = container_of(o, struct hive_btf, o);
	err = copy_records(attr->func_info, attr->func_info_cnt, attr->func_info_rec_size, sizeof(*p->func_info),
			   (void **)&p->func_info);
	if (err)
		return err;
	p->n_func_info = attr->func_info_cnt;
	err = copy_records(attr->line_info, attr->line_info_cnt, attr->line_info_rec_size, sizeof(*p->line_info),
			   (void **)&p->line_info);
	if (err)
		return err;
	p->n_line_info = attr->line_info_cnt;
	return 0;
}

static int check_functions(const struct hive_prog *p, struct user_log *log)
{
	if (p->n_func_info && (p->n_func_info != p->code.n_subprogs || p->func_info[0].insn_off)) {
		user_log_add(log, "number of funcs in func_info doesn't match number of subprogs\n");
		return -EINVAL;
	}
	for (uint32_t i = 0; i < p->n_func_info; i++) {
		const struct btf_type *t = btf__type_by_id(p->btf->btf, p->func_info[i].type_id);

		if (p->func_info[i].insn_off != p->code.subprogs[i]) {
			user_log_add(log, "func_info BTF section doesn't match subprog layout in BPF program\n");
			return -EINVAL;
		}
		if (!t || !btf_is_func(t)) {
			user_log_add(log, "invalid type id %u in func info\n", p->func_info[i].type_id);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_lines(const struct hive_prog *p, struct user_log *log)
{
	for (uint32_t i = 0; i < p->n_line_info; i++) {
		if (!btf__str_by_offset(p->btf->btf, p->line_info[i].line_off) ||
		    !btf__str_by_offset(p->btf->btf, p->line_info[i].file_name_off)) {
			user_log_add(log, "Invalid line_info[%u].line_off or .file_name_off\n", i);
			return -EINVAL;
		}
		if (p->line_info[i].insn_off >= p->code.n_insns ||
		    (i && p->line_info[i].insn_off <= p->line_info[i - 1].insn_off)) {
			user_log_add(log, "Invalid line_info[%u].insn_off:%u\n", i, p->line_info[i].insn_off);
			return -EINVAL;
		}
	}
	return 0;
}

static int load_info(struct skep_hive *hive, const union bpf_attr *attr, struct hive_prog *p, struct user_log *log)
{
	int err = copy_info(hive, attr, p);

	if (!err)
		err = check_functions(p, log);
	return err ? err : check_lines(p, log);
}

/* Of a program that is not well formed, for its report: what of the records is sound. */
static void load_some_info(struct skep_hive *hive, const union bpf_attr *attr, struct hive_prog *p)
{
	struct user_log none = {0};
	bool sound = !copy_info(hive, attr, p);

	for (uint32_t i = 0; sound && i < p->n_func_info; i++) {
		const struct btf_type *t = btf__type_by_id(p->btf->btf, p->func_info[i].type_id);

		sound = t && btf_is_func(t) &&
			(i ? p->func_info[i].insn_off > p->func_info[i - 1].insn_off : !p->func_info[i].insn_off);
	}
	if (!sound)
		p->n_func_info = 0;
	if (!sound || check_lines(p, &none))
		p->n_line_info = 0;
}

/* The kernel's bpf_prog_load_check_attach(): errors that come before any look at the instructions. */
static int check_attach_attrs(const union bpf_attr *attr)
{
	uint32_t type = attr->prog_type;

	if (attr->attach_btf_id && !prog_takes_btf_id(type))
		return -EINVAL;
	if (attr->attach_prog_fd && !attr->attach_btf_id)
		return -EINVAL;
	if (attr->attach_prog_fd && type < SKEP_PROG_TYPE_MIN && !prog_takes_target(type) && !attr->attach_btf_id)
		return -EINVAL;
	return type < SKEP_PROG_TYPE_MIN
		       ? prog_attach_type_check(type, prog_attach_type_fixup(type, attr->expected_attach_type))
		       : 0;
}

/* The rights that the hive judges by, as enum prog_caps. */
static uint32_t hive_prog_caps(const struct skep_hive *hive)
{
	uint32_t has = 0;

	if (hive->caps & VERIFY_CAP_SYS_ADMIN)
		return PROG_CAP_BPF | PROG_CAP_NET_ADMIN | PROG_CAP_PERFMON;
	has |= hive->caps & VERIFY_CAP_BPF ? PROG_CAP_BPF : 0;
	has |= hive->caps & VERIFY_CAP_NET_ADMIN ? PROG_CAP_NET_ADMIN : 0;
	return has | (hive->caps & VERIFY_CAP_PERFMON ? PROG_CAP_PERFMON : 0);
}

static int check_type(struct skep_hive *hive, const union bpf_attr *attr)
{
	const struct hive_prog_type *own;
	const uint32_t known = BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_TEST_RND_HI32 |
			       BPF_F_TEST_STATE_FREQ | BPF_F_SLEEPABLE | BPF_F_XDP_HAS_FRAGS | (1u << 6) | (1u << 7);

	if (attr->prog_flags & ~known)
		return -EINVAL;
	if (!attr->insn_cnt || attr->insn_cnt > (hive->caps & VERIFY_CAP_BPF ? SKEP_MAX_INSNS : MAX_INSNS_USER))
		return -E2BIG;
	pthread_mutex_lock(&hive->lock);
	own = hive_own_type(hive, attr->prog_type);
	pthread_mutex_unlock(&hive->lock);
	if (own)
		return 0;
	if (!attr->prog_type || !prog_type_find(attr->prog_type))
		return -EINVAL;
	if (prog_caps(attr->prog_type) & ~hive_prog_caps(hive))
		return -EPERM;
	return check_attach_attrs(attr);
}

/* Where the kernel enters the program beside its beginning: the exception callback. Its records are looked at again when they are checked. */
static uint32_t second_entry(struct skep_hive *hive, const union bpf_attr *attr)
{
	AUTO_FREE struct bpf_func_info *info = NULL;
	struct hive_object *o;
	uint32_t entry = 0;
	int err = 0;

	if (attr->func_info_cnt < 2 ||
	    copy_records(attr->func_info, attr->func_info_cnt, attr->func_info_rec_size, sizeof(*info), (void **)&info))
		return 0;
	pthread_mutex_lock(&hive->lock);
	o = hive_object_by_fd(hive, (int)attr->prog_btf_fd, HIVE_BTF, &err);
	if (o) {
		entry = exception_callback_insn(container_of(o, struct hive_btf, o)->btf, info, attr->func_info_cnt);
		hive_object_put(o);
	}
	pthread_mutex_unlock(&hive->lock);
	return entry;
}

/* Instructions, license and name as the caller gave them, checked for shape. */
static int load_code(const union bpf_attr *attr, struct load *l)
{
	struct hive_prog *p = l->prog;
	int err;

	err = hive_copy_name(p->name, attr->prog_name);
	if (err)
		return err;
	err = user_read_string(p->license, attr->license, sizeof(p->license));
	if (err < 0)
		return err == -EINVAL ? -EINVAL : -EFAULT;
	p->gpl = license_is_gpl(p->license);
	p->code.insns = malloc((size_t)attr->insn_cnt * sizeof(struct bpf_insn));
	if (!p->code.insns)
		return -ENOMEM;
	p->code.n_insns = attr->insn_cnt;
	if (user_read(p->code.insns, attr->insns, (size_t)attr->insn_cnt * sizeof(struct bpf_insn)))
		return -EFAULT;
	/* What depends on the path, such as which callbacks run in their own time, is for the verifier to tell. */
	err = insn_check_entry(p->code.insns, p->code.n_insns,
			       INSN_LOOSE_CALLBACKS | INSN_ALLOW_RFC_MATH | INSN_ALLOW_R10_WRITE,
			       second_entry(l->hive, attr), &l->shape);
	if (err) {
		user_log_add(l->log, "%u: %s\n", l->shape.insn, l->shape.reason);
		/* The kernel comes to these by walking: too many frames. */
		if (l->shape.fault == INSN_FAULT_RECURSION || l->shape.fault == INSN_FAULT_DEPTH)
			err = -E2BIG;
	} else {
		p->code.subprogs = STEAL_PTR(l->shape.subprogs);
		p->code.n_subprogs = l->shape.n_subprogs;
	}
	insn_shape_free(&l->shape);
	return err;
}

/* Both engines get the program: the interpreter is what prog-array slots fall back to and what comparisons run. */
static int compile(struct skep_hive *hive, struct hive_prog *p)
{
	uint64_t start;
	int err = vm_prepare(&p->code, &p->vm);

	if (err)
		return err;
	p->target.vm = p->vm;
	if (hive->flags & SKEP_INTERPRET)
		return 0;
	start = clock_ns(CLOCK_MONOTONIC);
	err = jit_compile(&p->code, &p->jit);
	if (!err)
		err = jit_link(p->jit, &p->code, &p->text);
	p->compile_ns = clock_ns(CLOCK_MONOTONIC) - start;
	if (err == -EOPNOTSUPP || err == -EPERM) {
		hive_log(hive, SKEP_LOG_INFO, "program '%s' runs in the interpreter: %s", p->name,
			 err == -EPERM ? "this system forbids executable memory" : "skep has no JIT for this CPU");
		return 0;
	}
	p->target.jit = p->text.entry;
	return err;
}

/* What the program is to be attached to, where its type needs BTF for that; held. hive->lock is held. */
static int find_target(struct skep_hive *hive, const union bpf_attr *attr, struct judge_target *t)
{
	struct hive_object *o;
	int why = 0;

	t->attach_type = attr->expected_attach_type;
	t->flags = attr->prog_flags;
	t->btf_id = attr->attach_btf_id;
	if (!attr->attach_prog_fd)
		return 0;
	o = hive_object_by_fd(hive, (int)attr->attach_prog_fd, HIVE_PROG, &why);
	if (o) {
		t->prog = container_of(o, struct hive_prog, o);
		return 0;
	}
	o = hive_object_by_fd(hive, (int)attr->attach_btf_obj_fd, HIVE_BTF, &why);
	if (!o)
		return why;
	t->btf = container_of(o, struct hive_btf, o);
	return t->btf->kernel ? 0 : -EOPNOTSUPP;
}

void judge_target_drop(struct skep_hive *hive, struct judge_target *t)
{
	pthread_mutex_lock(&hive->lock);
	if (t->prog)
		hive_object_put(&t->prog->o);
	if (t->btf)
		hive_object_put(&t->btf->o);
	pthread_mutex_unlock(&hive->lock);
}

/* Where the values of an array lie, for look-ups that are written out. */
static bool array_values(void *arg, uint32_t map, struct fixup_array *out)
{
	struct hive_prog *p = arg;
	struct skep_map *m = map < p->n_maps ? p->maps[map]->map : NULL;
	uint32_t zero = 0;

	if (!m || m->type->type != BPF_MAP_TYPE_ARRAY)
		return false;
	*out = (struct fixup_array){.max_entries = m->max_entries, .stride = m->elem_size};
	return !load_add_ref(p, (struct code_ref){REF_VALUE, m->id, (uintptr_t)map_lookup(m, &zero, 0)}, &out->ref);
}

/* Dead code goes, as in the kernel, and with it the calls that CO-RE poisoned; loads through kernel pointers probe; look-ups of arrays become instructions. */
static int improve(struct hive_prog *p, struct verify_result *facts)
{
	struct fixup_code code = {
		.insns = p->code.insns,
		.n_insns = p->code.n_insns,
		.subprogs = (uint32_t *)p->code.subprogs,
		.n_subprogs = p->code.n_subprogs,
		.func_info = p->n_func_info ? p->func_info : NULL,
		.line_info = p->line_info,
		.n_line_info = p->n_line_info,
	};
	int err = fixup_dead_code(&code, facts->insns);

	if (!err) {
		fixup_probes(&code, facts->insns);
		err = fixup_inline_lookups(&code, facts->insns, array_values, p);
	}
	p->code.insns = code.insns;
	p->code.n_insns = code.n_insns;
	p->code.n_subprogs = code.n_subprogs;
	p->code.refs = p->refs;
	p->code.n_refs = p->n_refs;
	if (p->n_func_info)
		p->n_func_info = code.n_subprogs;
	p->n_line_info = code.n_line_info;
	return err;
}

/* All that comes before verification. */
static int prepare(const union bpf_attr *attr, struct load *l, struct judge_target *target)
{
	struct skep_hive *hive = l->hive;
	int err = load_code(attr, l);

	if (err && l->explain && l->shape.fault) {
		pthread_mutex_lock(&hive->lock);
		load_some_info(hive, attr, l->prog);
		pthread_mutex_unlock(&hive->lock);
	}
	if (err)
		return err;
	hive_prog_tag(l->prog->code.insns, l->prog->code.n_insns, l->prog->tag);
	pthread_mutex_lock(&hive->lock);
	err = find_target(hive, attr, target);
	if (!err)
		err = load_info(hive, attr, l->prog, l->log);
	if (!err)
		err = load_resolve(l);
	pthread_mutex_unlock(&hive->lock);
	return err;
}

static int load(struct skep_hive *hive, const union bpf_attr *attr, struct user_log *log, struct hive_prog *p)
{
	struct load l = {.hive = hive, .prog = p, .fd_array = attr->fd_array, .log = log};
	struct judge_target target = {0};
	struct verify_result facts = {0};
	int err = prepare(attr, &l, &target);

	if (!err)
		err = judge(&l, &target, &facts);
	if (!err && facts.insns)
		err = improve(p, &facts);
	if (!err && !(hive->flags & SKEP_CHECK_ONLY))
		err = load_link_kfuncs(&l);
	if (!err && !(hive->flags & SKEP_CHECK_ONLY))
		err = compile(hive, p);
	p->verified_insns = facts.insns_processed;
	p->verify_memory = facts.peak_memory;
	p->max_ctx = facts.max_ctx;
	p->attach_btf_id = attr->attach_btf_id;
	p->traces_prog = target.prog != NULL;
	p->attach_btf_obj = target.prog && target.prog->btf ? target.prog->btf->o.id
			    : target.btf                    ? target.btf->o.id
							    : 0;
	verify_result_free(&facts);
	judge_target_drop(hive, &target);
	return err;
}

/* Gives the program its id and fd. On failure it is gone. */
static int publish(struct skep_hive *hive, struct hive_prog *p)
{
	int fd;

	for (uint32_t i = 0; i < p->n_maps; i++)
		if (p->maps[i]->map->type->type == BPF_MAP_TYPE_PROG_ARRAY && !hive_prog_fits(p->maps[i], p)) {
			hive_prog_free(p);
			return -EINVAL;
		}
	fd = hive_memfd("prog", p->name, p->code.insns, p->code.n_insns * sizeof(struct bpf_insn));
	return hive_object_publish(hive, &p->o, HIVE_PROG, fd, O_RDWR);
}

static struct hive_prog *new_prog(struct skep_hive *hive, const union bpf_attr *attr)
{
	struct hive_prog *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->o.fd = -1;
	p->type = attr->prog_type;
	pthread_mutex_lock(&hive->lock);
	p->own = hive_own_type(hive, p->type);
	pthread_mutex_unlock(&hive->lock);
	p->expected_attach_type = attr->expected_attach_type;
	p->flags = attr->prog_flags;
	p->uid = getuid();
	p->load_time = clock_ns(CLOCK_BOOTTIME);
	return p;
}

/*
 * A load that is verified later (check.h): it gets its fd whatever is wrong with it, so that libbpf goes on to the next program;
 * the job knows the outcome.
 */
static int load_later(struct skep_hive *hive, const union bpf_attr *attr, struct check_job *job)
{
	struct hive_prog *p = new_prog(hive, attr);
	int ret;

	if (!p)
		return -ENOMEM;
	job->load = (struct load){
		.hive = hive, .prog = p, .fd_array = attr->fd_array, .log = &job->log, .explain = job->explain};
	job->err = check_type(hive, attr);
	if (job->err)
		user_log_add(&job->log, "the kernel takes no program of type %u with attach type %u and flags %#x\n",
			     attr->prog_type, attr->expected_attach_type, attr->prog_flags);
	else
		job->err = prepare(attr, &job->load, &job->target);
	if (job->err && job->load.shape.fault && job->explain)
		judge_shape(&job->load, &job->result);
	pthread_mutex_lock(&hive->lock);
	ret = publish(hive, p);
	if (ret >= 0) {
		hive_object_hold(&p->o);
		job->prog = p;
	}
	hive_sweep(hive);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

int cmd_prog_load(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	const union bpf_attr *attr = &call->attr;
	struct check_job *job = check_job_of(hive, attr->log_buf);
	struct user_log log;
	struct hive_prog *p;
	int ret;

	if (job)
		return load_later(hive, attr, job);
	ret = check_type(hive, attr);
	if (ret)
		return ret;
	ret = user_log_open(&log, attr->log_buf, attr->log_size, attr->log_level);
	if (ret)
		return ret;
	p = new_prog(hive, attr);
	if (!p)
		return -ENOMEM;
	ret = user_log_close(&log, load(hive, attr, &log, p));
	pthread_mutex_lock(&hive->lock);
	if (ret)
		hive_prog_free(p);
	else
		ret = publish(hive, p);
	hive_sweep(hive);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

int cmd_prog_bind_map(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	struct hive_prog *p;
	struct hive_map *m;
	int ret = 0;

	if (call->attr.prog_bind_map.flags)
		return -EINVAL;
	pthread_mutex_lock(&hive->lock);
	p = hive_prog_get(hive, (int)call->attr.prog_bind_map.prog_fd, &ret);
	if (p) {
		m = hive_map_get(hive, (int)call->attr.prog_bind_map.map_fd, &ret);
		if (m) {
			ret = hive_prog_use_map(p, m);
			if (ret == -EEXIST)
				ret = 0;
			hive_object_put(&m->o);
		}
		hive_object_put(&p->o);
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
