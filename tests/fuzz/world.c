/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include "base/util.h"
#include "bpf/fd.h"
#include "insn/check.h"
#include "prog/types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct world_map_desc world_maps[M_ALL] = {
	[M_ARRAY] = {"array", BPF_MAP_TYPE_ARRAY, 4, 48, 4, 0},
	[M_ONE] = {"one", BPF_MAP_TYPE_ARRAY, 4, 64, 1, 0},
	[M_HASH] = {"hash", BPF_MAP_TYPE_HASH, 4, 16, 16, 0},
	[M_LRU] = {"lru", BPF_MAP_TYPE_LRU_HASH, 8, 24, 256, 0},
	[M_PERCPU] = {"percpu", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 16, 4, 0},
	[M_PERCPU_HASH] = {"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH, 4, 24, 16, 0},
	[M_QUEUE] = {"queue", BPF_MAP_TYPE_QUEUE, 0, 8, 8, 0},
	[M_STACK] = {"stack", BPF_MAP_TYPE_STACK, 0, 16, 8, 0},
	[M_RING] = {"ring", BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
	[M_OUTER] = {"outer", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 2, 0},
	[M_RDONLY] = {"rdonly", BPF_MAP_TYPE_ARRAY, 4, 32, 1, BPF_F_RDONLY_PROG},
	[M_LPM] = {"lpm", BPF_MAP_TYPE_LPM_TRIE, 8, 8, 16, BPF_F_NO_PREALLOC},
	[M_BIG] = {"big", BPF_MAP_TYPE_ARRAY, 4, 1000, 1, 0},
	[M_PROGS_XDP] = {"progs_xdp", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0},
	[M_PROGS_TC] = {"progs_tc", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0},
	[M_PROGS_SF] = {"progs_sf", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0},
	[M_PROGS_CG] = {"progs_cg", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0},
	[M_INNER] = {"inner", BPF_MAP_TYPE_ARRAY, 4, 32, 4, 0},
};

const char *const engine_names[ENGINES] = {"interpreter", "JIT", "kernel"};

#define PTR(p)                 ((uint64_t)(uintptr_t)(p))
#define DO(w, where, cmd, ...) world_bpf(w, where, cmd, &(union bpf_attr){__VA_ARGS__})

int world_bpf(struct world *w, int where, int cmd, union bpf_attr *attr)
{
	long ret;

	if (where == SKEP)
		return skep_bpf(w->hive, cmd, attr, sizeof(*attr));
	ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	return ret < 0 ? -errno : (int)ret;
}

/* BTF of the functions' signatures. Contexts are known by the names of their structs. */
static int make_btf(struct world *w)
{
	struct btf *btf = btf__new_empty();
	int u64, i32, chars, mem, mem_ptr, ctx[2], proto;

	if (!btf)
		return -ENOMEM;
	w->btf = btf;
	i32 = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	u64 = btf__add_int(btf, "unsigned long", 8, 0);
	chars = btf__add_array(btf, i32, btf__add_int(btf, "char", 1, 0), 16);
	mem = btf__add_struct(btf, "mem16", 16);
	btf__add_field(btf, "bytes", chars, 0, 0);
	mem_ptr = btf__add_ptr(btf, mem);
	for (int k = 0; k < 2; k++) {
		int s = btf__add_struct(btf, k ? "xdp_md" : "__sk_buff", 4);

		btf__add_field(btf, "first", i32, 0, 0);
		ctx[k] = btf__add_ptr(btf, s);
	}
	for (int k = 0; k < 2; k++)
		for (int s = 0; s < SIG_COUNT; s++) {
			char name[32];

			proto = btf__add_func_proto(btf, i32);
			switch (s) {
			case SIG_MAIN:
				btf__add_func_param(btf, "a", ctx[k]);
				break;
			case SIG_CTX:
				btf__add_func_param(btf, "a", ctx[k]);
				btf__add_func_param(btf, "b", u64);
				break;
			case SIG_MEM:
				btf__add_func_param(btf, "a", mem_ptr);
				btf__add_func_param(btf, "b", u64);
				break;
			default:
				btf__add_func_param(btf, "a", u64);
				btf__add_func_param(btf, "b", u64);
			}
			for (int g = 0; g < 2; g++) {
				snprintf(name, sizeof(name), "f%d_%d_%d", k, s, g);
				w->func_types[k][s][g] = (uint32_t)btf__add_func(
					btf, name, g ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC, proto);
			}
		}
	for (int where = SKEP; where <= (w->kernel ? KERNEL : SKEP); where++) {
		uint32_t size;
		const void *raw = btf__raw_data(btf, &size);

		w->btf_fd[where] = DO(w, where, BPF_BTF_LOAD, .btf = PTR(raw), .btf_size = size);
		if (w->btf_fd[where] < 0)
			return w->btf_fd[where];
	}
	return 0;
}

static int make_map(struct world *w, int where, int i)
{
	const struct world_map_desc *d = &world_maps[i];
	union bpf_attr attr = {.map_type = d->type,
			       .key_size = d->key,
			       .value_size = d->value,
			       .max_entries = d->max,
			       .map_flags = d->flags};

	if (i == M_OUTER)
		attr.inner_map_fd = (uint32_t)w->fd[where][M_INNER];
	snprintf(attr.map_name, sizeof(attr.map_name), "%s", d->name);
	w->fd[where][i] = world_bpf(w, where, BPF_MAP_CREATE, &attr);
	if (w->fd[where][i] < 0)
		fprintf(stderr, "fuzz: map '%s' in the %s: %s\n", d->name, where ? "kernel" : "hive",
			strerror(-w->fd[where][i]));
	return w->fd[where][i] < 0 ? w->fd[where][i] : 0;
}

static int fill_progs(struct world *w, int where)
{
	static const struct {
		int map;
		uint32_t type;
	} all[] = {
		{M_PROGS_XDP, BPF_PROG_TYPE_XDP},
		{M_PROGS_TC, BPF_PROG_TYPE_SCHED_CLS},
		{M_PROGS_SF, BPF_PROG_TYPE_SOCKET_FILTER},
		{M_PROGS_CG, BPF_PROG_TYPE_CGROUP_SKB},
	};
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = TAIL_RESULT},
					 {.code = BPF_JMP | BPF_EXIT}};
	uint32_t key = 1;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int err, fd = DO(w, where, BPF_PROG_LOAD, .prog_type = all[i].type, .insns = PTR(insns), .insn_cnt = 2,
				 .license = PTR("GPL"));

		if (fd < 0)
			return fd;
		err = DO(w, where, BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)w->fd[where][all[i].map], .key = PTR(&key),
			 .value = PTR(&fd));
		close(fd);
		if (err)
			return err;
	}
	return 0;
}

static int make_place(struct world *w, int where)
{
	uint8_t value[32];
	uint32_t key = 0;
	int err = make_map(w, where, M_INNER);

	for (int i = 0; i < M_COUNT && !err; i++)
		err = make_map(w, where, i);
	for (unsigned int i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i * 3 + 1);
	if (!err)
		err = DO(w, where, BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)w->fd[where][M_RDONLY], .key = PTR(&key),
			 .value = PTR(value));
	if (!err)
		err = DO(w, where, BPF_MAP_FREEZE, .map_fd = (uint32_t)w->fd[where][M_RDONLY]);
	if (!err)
		err = DO(w, where, BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)w->fd[where][M_OUTER], .key = PTR(&key),
			 .value = PTR(&w->fd[where][M_INNER]));
	return err ? err : fill_progs(w, where);
}

static void *map_ring(struct world *w, int where, off_t off, size_t len, int prot)
{
	void *p = where == SKEP ? ringbuf_mmap(w->maps[M_RING]->map, NULL, len, prot, MAP_SHARED, off)
				: mmap(NULL, len, prot, MAP_SHARED, w->fd[where][M_RING], off);

	return p == MAP_FAILED ? NULL : p;
}

static void describe_maps(struct world *w)
{
	for (uint32_t i = 0; i < M_ALL; i++) {
		const struct skep_map *map = w->maps[i]->map;
		uint32_t zero = 0;

		w->vmaps[i] = (struct verify_map){
			.id = w->maps[i]->o.id,
			.type = map->type->type,
			.key_size = map->key_size,
			.value_size = map->value_size,
			.max_entries = map->max_entries,
			.flags = map->flags,
			.frozen = i == M_RDONLY ? map_lookup(w->maps[i]->map, &zero, 0) : NULL,
			.inner = i == M_OUTER ? &w->vmaps[M_INNER] : NULL,
			.index = i == M_INNER ? M_OUTER : i,
		};
		memcpy(w->vmaps[i].name, map->name, sizeof(map->name));
	}
}

int world_init(struct world *w, bool kernel)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = 2);
	cpu_set_t one;
	int err, why;

	*w = (struct world){.kernel = kernel, .n_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF)};
	/* Per-CPU values are those of one processor. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	err = skep_hive_new(&opts, &w->hive);
	if (!err)
		err = make_place(w, SKEP);
	if (!err && kernel)
		err = make_place(w, KERNEL);
	if (!err)
		err = make_btf(w);
	if (!err)
		err = packet_new(&w->pkt);
	for (int i = 0; i < M_ALL && !err; i++) {
		w->maps[i] = hive_map_get(w->hive, w->fd[SKEP][i], &why);
		if (!w->maps[i])
			err = why;
	}
	if (err)
		return err;
	describe_maps(w);
	for (int where = SKEP; where <= (kernel ? KERNEL : SKEP); where++) {
		w->ring[where * 1] = map_ring(w, where, 0, 4096, PROT_READ | PROT_WRITE);
		if (!w->ring[where])
			return -ENOMEM;
	}
	return 0;
}

void world_free(struct world *w)
{
	for (int where = SKEP; where <= KERNEL; where++) {
		if (w->ring[where])
			munmap(w->ring[where], 4096);
		for (int i = 0; i < M_ALL; i++)
			if (w->fd[where][i] > 0)
				close(w->fd[where][i]);
		if (w->btf_fd[where] > 0)
			close(w->btf_fd[where]);
	}
	for (int i = 0; i < M_ALL; i++)
		if (w->maps[i])
			hive_object_put(&w->maps[i]->o);
	packet_free(w->pkt);
	skep_hive_free(w->hive);
	btf__free(w->btf);
}

/* Loading */

static uint32_t func_infos(const struct world *w, const struct fuzz_prog *p, struct bpf_func_info *out)
{
	for (uint32_t i = 0; i < p->n_funcs; i++)
		out[i] = (struct bpf_func_info){
			.insn_off = p->funcs[i].start,
			.type_id =
				w->func_types[p->type == BPF_PROG_TYPE_XDP][p->funcs[i].sig][!i || p->funcs[i].global]};
	return p->with_btf ? p->n_funcs : 0;
}

int world_load(struct world *w, int where, const struct fuzz_prog *p, uint32_t level)
{
	static struct bpf_insn insns[PROG_MAX];
	struct bpf_func_info infos[FUNCS_MAX];
	union bpf_attr attr = {.prog_type = p->type,
			       .expected_attach_type = p->attach,
			       .prog_flags = p->flags,
			       .insns = PTR(insns),
			       .insn_cnt = p->n,
			       .license = PTR("GPL"),
			       .log_level = level,
			       .log_size = level ? sizeof(w->log[where]) : 0,
			       .log_buf = level ? PTR(w->log[where]) : 0};

	memcpy(insns, p->insns, p->n * sizeof(*insns));
	for (uint32_t i = 0; i < p->n; i++)
		if (p->is_map[i])
			insns[i].imm = w->fd[where][insns[i].imm];
	attr.func_info_cnt = func_infos(w, p, infos);
	if (attr.func_info_cnt) {
		attr.func_info = PTR(infos);
		attr.func_info_rec_size = sizeof(infos[0]);
		attr.prog_btf_fd = (uint32_t)w->btf_fd[where];
	}
	w->log[where][0] = 0;
	return world_bpf(w, where, BPF_PROG_LOAD, &attr);
}

static bool own_helper(void *arg, uint32_t id)
{
	return false;
}

static bool have_helper(void *arg, uint32_t id)
{
	const struct skep_hive *hive = arg;

	return (id <= SKEP_HELPER_MAX && hive->helpers[id]) || id == BPF_FUNC_tail_call;
}

int world_claims(struct world *w, const struct fuzz_prog *p, uint32_t caps, uint32_t limit, struct claims *out)
{
	const struct verify_map *maps[M_ALL];
	const struct btf *btfs[] = {w->hive->presented};
	struct bpf_func_info infos[FUNCS_MAX];
	struct insn_shape shape;
	struct verify_input in = {
		.n_maps = M_ALL,
		.maps = maps,
		.btfs = btfs,
		.n_btfs = 1,
		.types = w->hive->kernel_types,
		.prog_type = p->type,
		.attach_type = p->attach,
		.flags = p->flags,
		.caps = caps,
		.gpl = true,
		.n_cpus = 2,
		.own_helper = own_helper,
		.have_helper = have_helper,
		.arg = w->hive,
		.trace = trace_event,
		.trace_arg = &out->trace,
	};
	int err;

	*out = (struct claims){.n = p->n};
	memset(maps, 0, sizeof(maps));
	for (uint32_t i = 0; i < p->n; i++)
		if (p->is_map[i])
			maps[p->insns[i].imm] = &w->vmaps[p->insns[i].imm];
	out->insns = malloc(p->n * sizeof(*out->insns));
	if (!out->insns)
		abort();
	memcpy(out->insns, p->insns, p->n * sizeof(*out->insns));
	err = insn_check(out->insns, p->n, INSN_LOOSE_CALLBACKS | INSN_ALLOW_RFC_MATH | INSN_ALLOW_R10_WRITE, &shape);
	if (!err) {
		out->subprogs = STEAL_PTR(shape.subprogs);
		out->n_subprogs = shape.n_subprogs;
	}
	insn_shape_free(&shape);
	if (err)
		return err;
	in.insns = out->insns;
	in.n_insns = p->n;
	in.subprogs = out->subprogs;
	in.n_subprogs = out->n_subprogs;
	if (func_infos(w, p, infos)) {
		if (out->n_subprogs != p->n_funcs)
			return -EINVAL;
		for (uint32_t i = 0; i < p->n_funcs; i++)
			if (infos[i].insn_off != out->subprogs[i])
				return -EINVAL;
		in.btf = w->btf;
		in.func_info = infos;
	}
	trace_init(&out->trace, limit);
	return verify(&in, &out->result);
}

void claims_free(struct claims *c)
{
	trace_free(&c->trace);
	verify_result_free(&c->result);
	free(c->insns);
	free(c->subprogs);
	*c = (struct claims){0};
}

/* Inputs */

void input_random(struct input *in, struct rng *r)
{
	static const uint8_t corners[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 63, 64, 127, 128, 254, 255};

	*in = (struct input){.len = 64 + below(r, chance(r, 80) ? 80 : 400), .maps = rng_next(r)};
	if (in->len > 400)
		in->len = 400;
	for (uint32_t i = 0; i < sizeof(in->packet); i++)
		in->packet[i] = chance(r, 50) ? corners[below(r, sizeof(corners))] : (uint8_t)rng_next(r);
	/* No header that the kernel would look into. */
	in->packet[12] = 0x88;
	in->packet[13] = 0xb5;
	in->mark = chance(r, 50) ? below(r, 64) : (uint32_t)rng_next(r);
	in->priority = chance(r, 50) ? below(r, 64) : (uint32_t)rng_next(r);
	for (int i = 0; i < 5; i++)
		in->cb[i] = chance(r, 50) ? below(r, 64) : (uint32_t)rng_next(r);
	for (uint32_t i = 0; i < sizeof(in->bytes); i++)
		in->bytes[i] = chance(r, 50) ? corners[below(r, sizeof(corners))] : (uint8_t)rng_next(r);
}

static void random_bytes(struct rng *r, void *to, size_t n)
{
	uint8_t *p = to;

	for (size_t i = 0; i < n; i++) {
		uint64_t v = rng_next(r);

		p[i] = v & 1 ? (uint8_t)(v >> 8) : (uint8_t)(v >> 8 & 15);
	}
	/* Whole words are small as often as not. */
	for (size_t i = 0; i + 8 <= n; i += 8)
		if (chance(r, 40))
			memset(p + i + 1, 0, 7);
}

static bool is_hash(int i)
{
	return i == M_HASH || i == M_LRU || i == M_PERCPU_HASH || i == M_LPM;
}

static uint64_t key_of(int i, uint32_t k)
{
	return i == M_LPM ? 32 | (uint64_t)k << 32 : k;
}

static uint64_t *consumer(const struct world *w, int where)
{
	return w->ring[where];
}

static void drain_ring(struct world *w, int where)
{
	uint64_t *producer = map_ring(w, where, 4096, 4096, PROT_READ);

	if (!producer)
		return;
	__atomic_store_n(consumer(w, where), __atomic_load_n(producer, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	munmap(producer, 4096);
}

void world_reset(struct world *w, int where, const struct input *in)
{
	struct rng r = {in->maps};
	uint8_t value[1024 * 8];

	for (int i = 0; i < M_ALL; i++) {
		const struct world_map_desc *d = &world_maps[i];
		uint32_t fd = (uint32_t)w->fd[where][i];
		bool percpu = i == M_PERCPU || i == M_PERCPU_HASH;
		uint32_t cpus = where == SKEP ? 2 : w->n_cpus, n = is_hash(i) ? KEYS : d->max;

		if (i == M_RDONLY || i == M_OUTER || (i >= M_PROGS_XDP && i <= M_PROGS_CG))
			continue;
		if (i == M_RING) {
			drain_ring(w, where);
			continue;
		}
		if (i == M_QUEUE || i == M_STACK) {
			while (!DO(w, where, BPF_MAP_LOOKUP_AND_DELETE_ELEM, .map_fd = fd, .value = PTR(value)))
				;
			for (uint32_t k = 0; k < 3; k++) {
				random_bytes(&r, value, d->value);
				DO(w, where, BPF_MAP_UPDATE_ELEM, .map_fd = fd, .value = PTR(value));
			}
			continue;
		}
		if (is_hash(i)) {
			uint64_t key = 0;

			/* Programs may have used any key. */
			while (!DO(w, where, BPF_MAP_GET_NEXT_KEY, .map_fd = fd, .next_key = PTR(&key)) &&
			       !DO(w, where, BPF_MAP_DELETE_ELEM, .map_fd = fd, .key = PTR(&key)))
				key = 0;
		}
		for (uint32_t k = 0; k < n; k++) {
			uint64_t key = key_of(i, k);
			bool there = !is_hash(i) || chance(&r, 60);

			memset(value, 0, sizeof(value));
			random_bytes(&r, value, d->value);
			for (uint32_t c = 1; percpu && c < cpus; c++)
				memcpy(value + c * ALIGN_UP(d->value, 8u), value, d->value);
			if (there)
				DO(w, where, BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(value));
		}
	}
}

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static void digest(struct world *w, int where, struct outcome *out)
{
	uint8_t value[1024 * 8];

	out->maps = 0xcbf29ce484222325ull;
	for (int m = 0; m < M_ALL; m++) {
		const struct world_map_desc *d = &world_maps[m];
		uint64_t h = 0xcbf29ce484222325ull;

		if (m == M_RING || m == M_OUTER || m == M_RDONLY || (m >= M_PROGS_XDP && m <= M_PROGS_CG))
			continue;
		if (m == M_QUEUE || m == M_STACK) {
			while (!DO(w, where, BPF_MAP_LOOKUP_AND_DELETE_ELEM, .map_fd = (uint32_t)w->fd[where][m],
				   .value = PTR(value)))
				h = mix(h, value, d->value);
		} else if (is_hash(m)) {
			uint64_t key = 0, next = 0;
			bool first = true;

			/* In any order. */
			while (!DO(w, where, BPF_MAP_GET_NEXT_KEY, .map_fd = (uint32_t)w->fd[where][m],
				   .key = first ? 0 : PTR(&key), .next_key = PTR(&next))) {
				first = false;
				key = next;
				if (!DO(w, where, BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)w->fd[where][m],
					.key = PTR(&key), .value = PTR(value)))
					h += mix(mix(0, &key, 8), value, d->value);
			}
		} else {
			for (uint32_t k = 0; k < d->max; k++) {
				uint64_t key = k;

				memset(value, 0, d->value);
				if (!DO(w, where, BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)w->fd[where][m],
					.key = PTR(&key), .value = PTR(value)))
					h = mix(mix(h, &key, 8), value, d->value);
			}
		}
		if (m < M_COUNT)
			out->each[m] = h;
		out->maps = mix(out->maps, &h, 8);
	}
}

/* Runs */

static uint8_t bytes_ctx[65536];

uint64_t world_enter(struct world *w, const struct fuzz_prog *p, const struct input *in)
{
	struct packet *pkt = w->pkt;

	w->env = (struct skep_env){.prog_type = p->type, .rng = 12345, .pkt = pkt};
	switch (p->type) {
	case BPF_PROG_TYPE_XDP:
		if (packet_set_xdp(pkt, in->packet, in->len, 0))
			return 0;
		pkt->ctx.xdp.ingress_ifindex = 1;
		w->env.ctx = &pkt->ctx.xdp;
		break;
	case BPF_PROG_TYPE_SYSCALL:
		memset(bytes_ctx, 0, sizeof(bytes_ctx));
		memcpy(bytes_ctx, in->bytes, sizeof(in->bytes));
		w->env.pkt = NULL;
		w->env.ctx = bytes_ctx;
		break;
	default:
		if (packet_set_skb(pkt, in->packet, in->len, prog_type_find(p->type)->ctx == CTX_SKB_L2))
			return 0;
		pkt->ctx.skb.ifindex = 1;
		pkt->ctx.skb.mark = in->mark;
		pkt->ctx.skb.priority = in->priority;
		memcpy(pkt->ctx.skb.cb, in->cb, sizeof(in->cb));
		pkt->ctx.skb.wire_len = pkt->ctx.skb.len;
		w->env.ctx = &pkt->ctx.skb;
	}
	return (uintptr_t)w->env.ctx;
}

void world_leave(struct world *w, const struct fuzz_prog *p, struct outcome *out)
{
	const uint8_t *from = w->pkt->data;

	out->len = 0;
	if (p->type == BPF_PROG_TYPE_XDP)
		from = w->pkt->data_meta;
	if (p->type == BPF_PROG_TYPE_SYSCALL) {
		out->len = 64;
		from = bytes_ctx;
	} else {
		out->len = (uint32_t)(w->pkt->data_end - from);
	}
	memcpy(out->packet, from, MIN(out->len, (uint32_t)sizeof(out->packet)));
	digest(w, SKEP, out);
}

static void run_kernel(struct world *w, int fd, const struct fuzz_prog *p, const struct input *in, struct outcome *out)
{
	struct __sk_buff skb = {.mark = in->mark, .priority = in->priority};
	uint8_t bytes[64];
	union bpf_attr attr = {.test = {.prog_fd = (uint32_t)fd}};
	bool l3 = prog_type_find(p->type)->ctx == CTX_SKB_L3;

	if (p->type == BPF_PROG_TYPE_SYSCALL) {
		memcpy(bytes, in->bytes, sizeof(bytes));
		attr.test.ctx_in = PTR(bytes);
		attr.test.ctx_size_in = sizeof(bytes);
	} else {
		attr.test.data_in = PTR(in->packet);
		attr.test.data_size_in = in->len;
		attr.test.data_out = PTR(out->packet);
		attr.test.data_size_out = sizeof(out->packet);
		if (p->type != BPF_PROG_TYPE_XDP) {
			memcpy(skb.cb, in->cb, sizeof(skb.cb));
			attr.test.ctx_in = PTR(&skb);
			attr.test.ctx_size_in = sizeof(skb);
		}
	}
	out->err = world_bpf(w, KERNEL, BPF_PROG_TEST_RUN, &attr);
	out->ret = attr.test.retval;
	out->len = attr.test.data_size_out;
	if (p->type == BPF_PROG_TYPE_SYSCALL) {
		out->len = sizeof(bytes);
		memcpy(out->packet, bytes, sizeof(bytes));
	} else if (l3 && out->len >= ETH_HLEN) {
		/* The header was off during the run. */
		out->len -= ETH_HLEN;
		memmove(out->packet, out->packet + ETH_HLEN, out->len);
	}
	digest(w, KERNEL, out);
}

void world_run(struct world *w, enum engine engine, int fd, const struct fuzz_prog *p, const struct input *in,
	       struct outcome *out)
{
	struct hive_prog *prog;
	int why;

	*out = (struct outcome){0};
	world_reset(w, engine == ENGINE_KERNEL ? KERNEL : SKEP, in);
	if (engine == ENGINE_KERNEL) {
		run_kernel(w, fd, p, in, out);
		return;
	}
	prog = hive_prog_get(w->hive, fd, &why);
	if (!prog || !world_enter(w, p, in)) {
		out->err = -EINVAL;
	} else if (engine == ENGINE_JIT && !prog->target.jit) {
		out->err = -EOPNOTSUPP;
	} else {
		w->env.prog_id = prog->o.id;
		out->ret = (uint32_t)(engine == ENGINE_JIT ? jit_run(prog->target.jit, w->env.ctx, &w->env)
							   : vm_run(prog->vm, w->env.ctx, &w->env));
		out->fault = w->env.fault;
		world_leave(w, p, out);
	}
	if (prog)
		hive_object_put(&prog->o);
}
