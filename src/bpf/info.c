/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_OBJ_GET_INFO_BY_FD: what an object tells about itself. As in the kernel, an info struct is in and out: the caller's
 * buffer pointers and counts come in, numbers go out, and a caller with a shorter struct gets the front of ours.
 *
 * The caller's memory is touched without hive->lock, since that may take its time (hive/peer.c): the object is held instead. What a
 * program is does not change once it has an id, but for its list of maps, which is copied under the lock.
 */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/fd.h"
#include "bpf/link.h"
#include "insn/insn.h"

#include <errno.h>
#include <string.h>

/* Copies up to *n records to the caller's array and tells how many there are. */
static int give_array(uint64_t to, uint32_t *n, const void *from, uint32_t have, size_t size)
{
	uint32_t room = *n;

	*n = have;
	return user_write(to, from, MIN(room, have) * size);
}

static int map_info(struct hive_map *m, struct bpf_map_info *info)
{
	memset(info, 0, sizeof(*info));
	info->type = m->map->type->type;
	info->id = m->o.id;
	info->key_size = m->map->key_size;
	info->value_size = m->map->value_size;
	info->max_entries = m->map->max_entries;
	info->map_flags = m->map->flags;
	info->map_extra = m->map->extra;
	memcpy(info->name, m->map->name, sizeof(info->name));
	if (m->btf) {
		info->btf_id = m->btf->o.id;
		info->btf_key_type_id = m->map->btf_key_type_id;
		info->btf_value_type_id = m->map->btf_value_type_id;
	}
	info->btf_vmlinux_value_type_id = m->map->btf_vmlinux_value_type_id;
	return 0;
}

/* The function that begins at an instruction; those that calls name are there. */
static uint32_t subprog_at(const struct hive_prog *p, uint32_t insn)
{
	uint32_t i = 0;

	while (i + 1 < p->code.n_subprogs && p->code.subprogs[i] < insn)
		i++;
	return i;
}

/*
 * One instruction as the kernel's dump has it (bpf_insn_prepare_dump()): references are ids again; a call of the program's own
 * function has the function's number in imm and the distance in off, whose 16 bits a far call overflows there, too.
 */
static void dump_insn(const struct hive_prog *p, uint32_t at, struct bpf_insn *insn)
{
	bool checks = p->o.hive->flags & SKEP_CHECK_ONLY;

	/* As the kernel shows its own. */
	if (insn_is_probe(insn))
		insn->code = BPF_LDX | BPF_SIZE(insn->code) | (BPF_MODE(insn->code) == BPF_IND ? BPF_MEMSX : BPF_MEM);
	if (insn->code == (BPF_JMP | BPF_CALL)) {
		if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL && !checks) {
			insn->imm = (int32_t)p->refs[insn->imm].id;
		} else if (insn->src_reg == BPF_PSEUDO_CALL && p->target.jit) {
			insn->off = (int16_t)insn->imm;
			insn->imm = (int32_t)subprog_at(p, at + (uint32_t)insn->imm + 1);
		}
	} else if (insn_is_wide(insn)) {
		if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE)
			insn->imm = (int32_t)p->refs[insn->imm].id;
	}
}

static int give_xlated(const struct hive_prog *p, struct bpf_prog_info *info)
{
	uint32_t room = info->xlated_prog_len;
	uint32_t len = p->code.n_insns * (uint32_t)sizeof(struct bpf_insn);
	AUTO_FREE struct bpf_insn *insns = NULL;

	info->xlated_prog_len = len;
	if (!room)
		return 0;
	insns = malloc(len);
	if (!insns)
		return -ENOMEM;
	memcpy(insns, p->code.insns, len);
	for (uint32_t i = 0; i < p->code.n_insns; i++) {
		dump_insn(p, i, &insns[i]);
		i += insn_is_wide(&insns[i]);
	}
	return user_write(info->xlated_prog_insns, insns, MIN(room, len));
}

static int give_map_ids(const struct hive_prog *p, struct bpf_prog_info *info)
{
	AUTO_FREE uint32_t *ids = NULL;
	uint32_t n;

	pthread_mutex_lock(&p->o.hive->lock);
	n = p->n_maps;
	ids = calloc(MAX(n, 1u), sizeof(*ids));
	for (uint32_t i = 0; ids && i < n; i++)
		ids[i] = p->maps[i]->o.id;
	pthread_mutex_unlock(&p->o.hive->lock);
	return ids ? give_array(info->map_ids, &info->nr_map_ids, ids, n, sizeof(*ids)) : -ENOMEM;
}

uint64_t hive_prog_func(const struct hive_prog *p, uint32_t i, uint32_t *len)
{
	const struct jit_object *jit = p->jit;

	*len = (i + 1 < p->code.n_subprogs ? jit->func_offset[i + 1] : jit->size) - jit->func_offset[i];
	return (uintptr_t)p->text.text + jit->func_offset[i];
}

/* As in the kernel, a function's first line begins with the function: libbpf's bpf_prog_linfo__new() wants it so. */
static uint64_t line_address(const struct hive_prog *p, uint32_t insn)
{
	uint32_t i = subprog_at(p, insn), len;

	return p->code.subprogs[i] == insn ? hive_prog_func(p, i, &len)
					   : (uintptr_t)p->text.text + p->jit->insn_offset[insn];
}

/* What only a compiled program has: its code, and where in it functions and source lines begin. */
static int give_jited(const struct hive_prog *p, struct bpf_prog_info *info)
{
	uint32_t n = p->code.n_subprogs;
	AUTO_FREE uint64_t *syms = calloc(n, sizeof(*syms));
	AUTO_FREE uint32_t *lens = calloc(n, sizeof(*lens));
	AUTO_FREE uint64_t *lines = calloc(MAX(p->n_line_info, 1u), sizeof(*lines));
	int err;

	if (!syms || !lens || !lines)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		syms[i] = hive_prog_func(p, i, &lens[i]);
	for (uint32_t i = 0; i < p->n_line_info; i++)
		lines[i] = line_address(p, p->line_info[i].insn_off);
	/* The functions one after the other, without what the JIT puts before the first. */
	err = give_array(info->jited_prog_insns, &info->jited_prog_len, p->text.text + p->jit->func_offset[0],
			 p->jit->size - p->jit->func_offset[0], 1);
	if (!err)
		err = give_array(info->jited_ksyms, &info->nr_jited_ksyms, syms, n, sizeof(*syms));
	if (!err)
		err = give_array(info->jited_func_lens, &info->nr_jited_func_lens, lens, n, sizeof(*lens));
	return err ? err
		   : give_array(info->jited_line_info, &info->nr_jited_line_info, lines, p->n_line_info,
				sizeof(*lines));
}

static int give_tags(const struct hive_prog *p, struct bpf_prog_info *info)
{
	uint32_t n = p->code.n_subprogs;
	AUTO_FREE uint8_t(*tags)[BPF_TAG_SIZE] = calloc(n, sizeof(*tags));

	if (!tags)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = p->code.subprogs[i];
		uint32_t to = i + 1 < n ? p->code.subprogs[i + 1] : p->code.n_insns;

		hive_prog_tag(p->code.insns + from, to - from, tags[i]);
	}
	if (n == 1)
		memcpy(tags[0], p->tag, sizeof(p->tag));
	return give_array(info->prog_tags, &info->nr_prog_tags, tags, n, sizeof(*tags));
}

/* The kernel's set_info_rec_size(): a caller that asks for records says how large it takes them to be, or nothing. */
static int set_record_sizes(struct bpf_prog_info *info)
{
	if ((info->nr_func_info || info->func_info_rec_size) &&
	    info->func_info_rec_size != sizeof(struct bpf_func_info))
		return -EINVAL;
	if ((info->nr_line_info || info->line_info_rec_size) &&
	    info->line_info_rec_size != sizeof(struct bpf_line_info))
		return -EINVAL;
	if ((info->nr_jited_line_info || info->jited_line_info_rec_size) &&
	    info->jited_line_info_rec_size != sizeof(uint64_t))
		return -EINVAL;
	info->func_info_rec_size = sizeof(struct bpf_func_info);
	info->line_info_rec_size = sizeof(struct bpf_line_info);
	info->jited_line_info_rec_size = sizeof(uint64_t);
	return 0;
}

/* Counts and addresses stay as they came until each has been answered. */
static int prog_info(struct hive_prog *p, struct bpf_prog_info *info)
{
	int err;

	info->type = p->type;
	info->id = p->o.id;
	info->load_time = p->load_time;
	info->created_by_uid = p->uid;
	info->ifindex = 0;
	info->netns_dev = info->netns_ino = 0;
	info->gpl_compatible = p->gpl;
	memcpy(info->tag, p->tag, sizeof(info->tag));
	memcpy(info->name, p->name, sizeof(info->name));
	err = give_map_ids(p, info);
	if (!err)
		err = set_record_sizes(info);
	if (err)
		return err;
	info->run_time_ns = atomic_load(&p->run_ns);
	info->run_cnt = atomic_load(&p->runs);
	info->recursion_misses = 0; /* nothing in the hive enters a program while it runs */
	info->verified_insns = p->verified_insns;
	info->btf_id = p->btf ? p->btf->o.id : 0;
	info->attach_btf_id = p->attach_btf_id;
	info->attach_btf_obj_id = p->attach_btf_obj;
	err = give_xlated(p, info);
	if (!err && p->target.jit)
		err = give_jited(p, info);
	else
		info->jited_prog_len = info->nr_jited_ksyms = info->nr_jited_func_lens = info->nr_jited_line_info = 0;
	if (!err)
		err = give_array(info->func_info, &info->nr_func_info, p->func_info, p->n_func_info,
				 sizeof(struct bpf_func_info));
	if (!err)
		err = give_array(info->line_info, &info->nr_line_info, p->line_info, p->n_line_info,
				 sizeof(struct bpf_line_info));
	return err ? err : give_tags(p, info);
}

/* A name goes as far as there is room for it, and its end with it (btf_get_info_by_fd()). */
static int btf_info(const struct hive_btf *b, struct bpf_btf_info *info)
{
	uint32_t room = info->btf_size;
	uint32_t name_room = info->name_len;
	uint32_t name_len = (uint32_t)strlen(b->name);
	char name[BPF_OBJ_NAME_LEN] = "";

	info->id = b->o.id;
	if (user_write(info->btf, b->data, MIN(room, b->size)))
		return -EFAULT;
	info->btf_size = b->size;
	info->kernel_btf = b->kernel;
	if (!info->name != !name_room)
		return -EINVAL;
	info->name_len = name_len;
	if (!name_room)
		return 0;
	memcpy(name, b->name, MIN(name_len, name_room - 1));
	if (user_write(info->name, name, MIN(name_len + 1, name_room)))
		return -EFAULT;
	return name_room <= name_len ? -ENOSPC : 0;
}

/* The kernel's bpf_copy_to_user(): as much of a name as there is room for, and its end. */
static int give_name(const struct hive_link_name *name)
{
	uint32_t len = (uint32_t)strlen(name->text);
	char end = 0;

	if (!name->to)
		return 0;
	if (name->room > len)
		return user_write(name->to, name->text, len + 1);
	if (user_write(name->to, name->text, name->room - 1) || user_write(name->to + name->room - 1, &end, 1))
		return -EFAULT;
	return -ENOSPC;
}

static int link_info(struct hive_object *o, struct skep_link_info *info)
{
	struct hive_link_name name;

	pthread_mutex_lock(&o->hive->lock);
	hive_link_info(o, info, &name);
	pthread_mutex_unlock(&o->hive->lock);
	if (!name.text)
		return 0;
	return !name.room != !name.to ? -EINVAL : give_name(&name);
}

union info {
	struct bpf_map_info map;
	struct bpf_prog_info prog;
	struct bpf_btf_info btf;
	struct skep_link_info link;
	uint8_t bytes[4096];
};

static const uint16_t info_sizes[HIVE_KINDS] = {
	[HIVE_MAP] = sizeof(struct bpf_map_info),
	[HIVE_PROG] = sizeof(struct bpf_prog_info),
	[HIVE_BTF] = sizeof(struct bpf_btf_info),
	[HIVE_LINK] = sizeof(struct skep_link_info),
};

static int fill(struct hive_object *o, union info *info)
{
	switch (o->kind) {
	case HIVE_MAP:
		return map_info(container_of(o, struct hive_map, o), &info->map);
	case HIVE_PROG:
		return prog_info(container_of(o, struct hive_prog, o), &info->prog);
	case HIVE_BTF:
		return btf_info(container_of(o, struct hive_btf, o), &info->btf);
	default:
		return link_info(o, &info->link);
	}
}

/* The object is held, the lock is not. */
static int answer(struct bpf_call *call, struct hive_object *o)
{
	uint32_t len = call->attr.info.info_len;
	uint32_t size = info_sizes[o->kind];
	union info info = {0};
	int ret, full;

	if (!size)
		return -EINVAL;
	/* A caller that knows more than we do must ask for nothing there. */
	if (len > sizeof(info.bytes))
		return -E2BIG;
	ret = user_read(&info, call->attr.info.info, len);
	for (uint32_t i = size; !ret && i < len; i++)
		if (info.bytes[i])
			ret = -E2BIG;
	if (ret)
		return ret;
	len = MIN(len, size);
	memset(info.bytes + len, 0, sizeof(info.bytes) - len);
	/* BTF's name that was cut short is the one error that comes with an answer. */
	full = fill(o, &info);
	if (full && (full != -ENOSPC || o->kind != HIVE_BTF))
		return full;
	call->attr.info.info_len = len;
	ret = user_write(call->attr.info.info, &info, len);
	if (!ret)
		ret = call_write_back(call, info.info_len);
	return ret ? ret : full;
}

int cmd_info_by_fd(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	struct hive_object *o;
	int ret = 0;

	pthread_mutex_lock(&hive->lock);
	o = hive_object_by_fd(hive, (int)call->attr.info.bpf_fd, -1, &ret);
	pthread_mutex_unlock(&hive->lock);
	if (!o)
		return ret == -EBADF ? -EBADFD : ret; /* this command's own word for it */
	ret = answer(call, o);
	pthread_mutex_lock(&hive->lock);
	hive_object_put(o);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
