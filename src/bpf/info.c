/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_OBJ_GET_INFO_BY_FD: what an object tells about itself. As in the kernel, an info struct is in and out: the caller's
 * buffer pointers and counts come in, numbers go out, and a caller with a shorter struct gets the front of ours.
 */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/link.h"

#include <errno.h>
#include <string.h>

/* Copies up to *n records to the caller's array and tells how many there are. */
static int give_array(uint64_t to, uint32_t *n, const void *from, uint32_t have, size_t size)
{
	uint32_t room = *n;

	*n = have;
	if (!to || !room || !have)
		return 0;
	return user_write(to, from, MIN(room, have) * size);
}

static int map_info(const struct hive_map *m, struct bpf_map_info *info)
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

/* The instructions as a dump wants them: references are ids again, as in the kernel's xlated form. */
static int give_xlated(const struct hive_prog *p, struct bpf_prog_info *info)
{
	uint32_t room = info->xlated_prog_len;
	uint32_t len = p->code.n_insns * (uint32_t)sizeof(struct bpf_insn);
	AUTO_FREE struct bpf_insn *insns = NULL;

	info->xlated_prog_len = len;
	if (!room || !info->xlated_prog_insns)
		return 0;
	insns = malloc(len);
	if (!insns)
		return -ENOMEM;
	memcpy(insns, p->code.insns, len);
	for (uint32_t i = 0; i < p->code.n_insns; i++) {
		if (insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == BPF_PSEUDO_KFUNC_CALL &&
		    !(p->o.hive->flags & SKEP_CHECK_ONLY))
			insns[i].imm = (int32_t)p->refs[insns[i].imm].id;
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD || insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
			insns[i].imm = (int32_t)p->refs[insns[i].imm].id;
		i++;
	}
	return user_write(info->xlated_prog_insns, insns, MIN(room, len));
}

static int give_map_ids(const struct hive_prog *p, struct bpf_prog_info *info)
{
	AUTO_FREE uint32_t *ids = calloc(MAX(p->n_maps, 1u), sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_maps; i++)
		ids[i] = p->maps[i]->o.id;
	return give_array(info->map_ids, &info->nr_map_ids, ids, p->n_maps, sizeof(*ids));
}

static int give_jited(const struct hive_prog *p, struct bpf_prog_info *info)
{
	return give_array(info->jited_prog_insns, &info->jited_prog_len, p->text.text, p->target.jit ? p->jit->size : 0,
			  1);
}

static int prog_info(const struct hive_prog *p, struct bpf_prog_info *info)
{
	const struct bpf_prog_info in = *info;
	int err;

	memset(info, 0, sizeof(*info));
	info->type = p->type;
	info->id = p->o.id;
	memcpy(info->tag, p->tag, sizeof(info->tag));
	memcpy(info->name, p->name, sizeof(info->name));
	info->load_time = p->load_time;
	info->gpl_compatible = p->gpl;
	info->jited_prog_len = in.jited_prog_len;
	info->jited_prog_insns = in.jited_prog_insns;
	info->xlated_prog_len = in.xlated_prog_len;
	info->xlated_prog_insns = in.xlated_prog_insns;
	info->nr_map_ids = in.nr_map_ids;
	info->map_ids = in.map_ids;
	info->nr_func_info = in.nr_func_info;
	info->func_info = in.func_info;
	info->func_info_rec_size = sizeof(struct bpf_func_info);
	info->nr_line_info = in.nr_line_info;
	info->line_info = in.line_info;
	info->line_info_rec_size = sizeof(struct bpf_line_info);
	info->btf_id = p->btf ? p->btf->o.id : 0;
	err = give_xlated(p, info);
	if (!err)
		err = give_jited(p, info);
	if (!err)
		err = give_map_ids(p, info);
	if (!err)
		err = give_array(info->func_info, &info->nr_func_info, p->func_info, p->n_func_info,
				 sizeof(struct bpf_func_info));
	if (!err)
		err = give_array(info->line_info, &info->nr_line_info, p->line_info, p->n_line_info,
				 sizeof(struct bpf_line_info));
	return err;
}

static int btf_info(const struct hive_btf *b, struct bpf_btf_info *info)
{
	uint32_t room = info->btf_size;

	info->id = b->o.id;
	info->btf_size = b->size;
	info->kernel_btf = b->kernel;
	if (info->name_len && info->name && user_write(info->name, b->name, MIN(info->name_len, sizeof(b->name))))
		return -EFAULT;
	info->name_len = (uint32_t)strlen(b->name);
	return user_write(info->btf, b->data, MIN(room, b->size));
}

int cmd_info_by_fd(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	union {
		struct bpf_map_info map;
		struct bpf_prog_info prog;
		struct bpf_btf_info btf;
		struct bpf_link_info link;
		uint8_t bytes[4096];
	} info = {0};
	uint32_t len = call->attr.info.info_len;
	uint32_t size;
	struct hive_object *o;
	int ret = 0;

	pthread_mutex_lock(&hive->lock);
	o = hive_object_by_fd(hive, (int)call->attr.info.bpf_fd, -1, &ret);
	if (!o) {
		ret = ret == -EBADF ? -EBADFD : ret; /* this command's own word for it */
		goto out;
	}
	switch (o->kind) {
	case HIVE_MAP:
		size = sizeof(info.map);
		break;
	case HIVE_PROG:
		size = sizeof(info.prog);
		break;
	case HIVE_BTF:
		size = sizeof(info.btf);
		break;
	case HIVE_LINK:
		size = sizeof(info.link);
		break;
	default:
		ret = -EINVAL;
		goto put;
	}
	/* A caller that knows more than we do must ask for nothing there. */
	if (len > sizeof(info.bytes)) {
		ret = -E2BIG;
		goto put;
	}
	ret = user_read(&info, call->attr.info.info, len);
	for (uint32_t i = size; !ret && i < len; i++)
		if (info.bytes[i])
			ret = -E2BIG;
	if (ret)
		goto put;
	len = MIN(len, size);
	memset(info.bytes + len, 0, sizeof(info.bytes) - len);
	if (o->kind == HIVE_MAP)
		ret = map_info(container_of(o, struct hive_map, o), &info.map);
	else if (o->kind == HIVE_PROG)
		ret = prog_info(container_of(o, struct hive_prog, o), &info.prog);
	else if (o->kind == HIVE_BTF)
		ret = btf_info(container_of(o, struct hive_btf, o), &info.btf);
	else
		ret = hive_link_info(o, &info.link);
	if (!ret)
		ret = user_write(call->attr.info.info, &info, len);
	if (!ret) {
		call->attr.info.info_len = len;
		ret = call_write_back(call, info.info_len);
	}
put:
	hive_object_put(o);
out:
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
