/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side: the same maps, BTF and program, loaded and closed again. Nothing is attached. */
#include "rules.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int bpf(int cmd, union bpf_attr *attr)
{
	int got = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return got < 0 ? -errno : got;
}

static int types_fd(void)
{
	static int fd;
	union bpf_attr attr = {0};
	uint32_t size;

	if (fd > 0)
		return fd;
	attr.btf = (uintptr_t)btf__raw_data(rules_types, &size);
	attr.btf_size = size;
	fd = bpf(BPF_BTF_LOAD, &attr);
	return fd;
}

static int make_map(const struct rule_map *m, const struct verify_map *map, int inner_fd)
{
	union bpf_attr attr = {.map_type = map->type,
			       .key_size = map->key_size,
			       .value_size = map->value_size,
			       .max_entries = map->max_entries,
			       .map_flags = map->flags,
			       .map_extra = map->extra,
			       .inner_map_fd = (uint32_t)inner_fd};
	uint32_t zero = 0;
	int fd, err;

	if (map->btf) {
		fd = types_fd();
		if (fd < 0)
			return fd;
		attr.btf_fd = (uint32_t)fd;
		attr.btf_key_type_id = map->btf_key_type;
		attr.btf_value_type_id = map->btf_value_type;
	}
	if (map->type == BPF_MAP_TYPE_STRUCT_OPS) {
		int ops = btf__find_by_name_kind(rules_vmlinux, "bpf_struct_ops_tcp_congestion_ops", BTF_KIND_STRUCT);

		attr.btf_vmlinux_value_type_id = (uint32_t)ops;
		attr.value_size = btf__type_by_id(rules_vmlinux, (uint32_t)ops)->size;
	}
	memcpy(attr.map_name, "rule", 4);
	fd = bpf(BPF_MAP_CREATE, &attr);
	if (fd < 0 || !m || !m->frozen)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&zero;
	attr.value = (uintptr_t)m->bytes;
	err = bpf(BPF_MAP_UPDATE_ELEM, &attr);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	if (!err)
		err = bpf(BPF_MAP_FREEZE, &attr);
	return err ? err : fd;
}

static int fds_of_maps(struct rule_prog *p, bool fresh, int *fds)
{
	for (uint32_t i = 0; i < p->in.n_maps; i++) {
		struct rule_map *m = p->used[i];
		int inner = 0;

		/* A table of programs takes the type of the first that uses it: one for each. */
		if (m->type == BPF_MAP_TYPE_PROG_ARRAY)
			fresh = true;
		if (m->fd > 0 && !fresh) {
			fds[i] = m->fd;
			continue;
		}
		if (p->maps[i]->inner) {
			inner = make_map(NULL, p->maps[i]->inner, 0);
			if (inner < 0)
				return inner;
		}
		fds[i] = make_map(m, p->maps[i], inner);
		if (inner)
			close(inner);
		if (fds[i] < 0)
			return fds[i];
		if (!fresh)
			m->fd = fds[i];
	}
	return 0;
}

static int load(struct rule_prog *p, bool fresh, uint32_t log_level, char *log, size_t log_size, bool *judged)
{
	const struct verify_input *in = &p->in;
	union bpf_attr attr = {.prog_type = in->prog_type,
			       .expected_attach_type = in->attach_type,
			       .insn_cnt = in->n_insns,
			       .prog_flags = in->flags};
	struct bpf_insn *insns = calloc(in->n_insns, sizeof(*insns));
	int fds[300], err = fds_of_maps(p, fresh, fds), target = 0, fd;

	*judged = false;
	if (!insns)
		return -ENOMEM;
	if (err < 0) {
		snprintf(log, log_size, "a map is refused: %s\n", strerror(-err));
		free(insns);
		return err;
	}
	memcpy(insns, in->insns, in->n_insns * sizeof(*insns));
	for (uint32_t i = 0; i < in->n_insns; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    (insns[i].src_reg == BPF_PSEUDO_MAP_FD || insns[i].src_reg == BPF_PSEUDO_MAP_VALUE))
			insns[i].imm = fds[insns[i].imm];
	if (p->target) {
		bool unused;

		target = load(p->target, false, log_level, log, log_size, &unused);
		if (target < 0) {
			free(insns);
			return target;
		}
		attr.attach_prog_fd = (uint32_t)target;
	}
	attr.insns = (uintptr_t)insns;
	attr.license = (uintptr_t)(in->gpl ? "GPL" : "no");
	attr.attach_btf_id = in->attach.btf_id;
	memcpy(attr.prog_name, "rule", 4);
	if (in->btf) {
		fd = types_fd();
		if (fd < 0) {
			snprintf(log, log_size, "the BTF of types.bpf.c is refused: %s\n", strerror(-fd));
			free(insns);
			return fd;
		}
		attr.prog_btf_fd = (uint32_t)fd;
		attr.func_info = (uintptr_t)in->func_info;
		attr.func_info_cnt = in->func_info ? in->n_subprogs : 0;
		attr.func_info_rec_size = sizeof(struct bpf_func_info);
	}
	if (log_level) {
		attr.log_level = log_level;
		attr.log_buf = (uintptr_t)log;
		attr.log_size = (uint32_t)log_size;
	}
	fd = bpf(BPF_PROG_LOAD, &attr);
	*judged = true;
	free(insns);
	if (target > 0)
		close(target);
	return fd;
}

/* Users may load at all only where the administrator lets them; that is asked, never changed. */
static bool users_may_load(void)
{
	FILE *f = fopen("/proc/sys/kernel/unprivileged_bpf_disabled", "r");
	int disabled = 1;

	if (f && fscanf(f, "%d", &disabled) != 1)
		disabled = 1;
	if (f)
		fclose(f);
	return !disabled;
}

static int drop_to(uint32_t caps)
{
	static const struct {
		uint32_t cap;
		int number;
	} all[] = {{VERIFY_CAP_BPF, CAP_BPF},
		   {VERIFY_CAP_PERFMON, CAP_PERFMON},
		   {VERIFY_CAP_NET_ADMIN, CAP_NET_ADMIN},
		   {VERIFY_CAP_SYS_ADMIN, CAP_SYS_ADMIN}};
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (caps & all[i].cap)
			data[CAP_TO_INDEX(all[i].number)].permitted |= CAP_TO_MASK(all[i].number);
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	return (int)syscall(SYS_capset, &head, data);
}

/* As another user: in a child that gives its rights up. */
static int load_as(struct rule_prog *p, uint32_t log_level, char *log, size_t log_size)
{
	struct shared {
		int got;
		bool judged;
		char log[1 << 16];
	} *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int got;
	pid_t child;

	if (s == MAP_FAILED)
		return 1;
	if (!p->in.caps && !users_may_load()) {
		munmap(s, sizeof(*s));
		return 1;
	}
	child = fork();
	if (!child) {
		s->got = 1;
		if (!drop_to(p->in.caps))
			s->got = load(p, true, log_level, s->log, sizeof(s->log), &s->judged);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	got = s->got;
	if (log_level)
		snprintf(log, log_size, "%s", s->log);
	munmap(s, sizeof(*s));
	return got > 0 ? (got == 1 ? 1 : 0) : got;
}

int rule_kernel(struct rule_prog *p, uint32_t log_level, char *log, size_t log_size)
{
	bool judged;
	int fd;

	if (p->in.caps != VERIFY_CAP_ALL)
		return load_as(p, log_level, log, log_size);
	fd = load(p, false, log_level, log, log_size, &judged);
	/* Who has all rights and is refused for want of them is on a system that forbids such hooks to everybody. */
	if (fd == -EPERM)
		return 1;
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
