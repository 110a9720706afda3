/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements that call helpers: look-ups, records of a ring buffer, and the rest that each program type may. */
#include "gen_impl.h"

static void keep(struct gen *g, struct val v) /* what a call left in r0 */
{
	uint32_t r = (uint32_t)PICK(g, 7, 8, 9, 9, 8);

	g->v.r[0] = v;
	if (gen_free_for(g, r, false)) {
		MOVR(r, 0);
		g->v.r[r] = v;
	}
}

static void make_key(struct gen *g, uint32_t reg, int map)
{
	int at = -BUF - 8 * (int)(1 + BELOW(6));
	uint32_t r;

	if (world_maps[map].key == 8) {
		STOREI(BPF_W, 10, at, map == M_LPM ? 32 : (int32_t)BELOW(KEYS));
		STOREI(BPF_W, 10, at + 4, map == M_LPM ? (int32_t)BELOW(KEYS) : 0);
	} else if (CHANCE(50)) {
		STOREI(BPF_W, 10, at, (int32_t)BELOW(KEYS));
	} else {
		r = gen_pick_num(g);
		STORE(BPF_W, 10, r, at);
	}
	MOVR(reg, 10);
	ALUI(BPF_ADD, reg, at);
}

void gen_lookup(struct gen *g)
{
	int map = PICK(g, M_ARRAY, M_ARRAY, M_HASH, M_HASH, M_LRU, M_PERCPU, M_PERCPU_HASH, M_OUTER, M_LPM, M_BIG);
	uint32_t skip;

	if (g->locked & 0x3f || g->num_only & 0x3f)
		return;
	if (map == M_LPM && g->p->type == BPF_PROG_TYPE_SYSCALL)
		map = M_ARRAY;
	if (CHANCE(20)) {
		uint32_t r = gen_pick_dst(g, false);

		map = PICK(g, M_ONE, M_BIG, M_RDONLY);
		if (gen_free_for(g, r, false)) {
			uint32_t off = CHANCE(60) ? 0 : BELOW(world_maps[map].value);

			gen_load_map(g, r, map, true, off);
			g->v.r[r] = (struct val){.kind = K_VAL,
						 .room = (int32_t)(world_maps[map].value - off),
						 .rdonly = map == M_RDONLY};
		}
		return;
	}
	make_key(g, 2, map);
	gen_load_map(g, 1, map, false, 0);
	CALL(BPF_FUNC_map_lookup_elem);
	gen_lost(g);
	if (map == M_OUTER) {
		skip = JMPI(BPF_JNE, 0, 0);
		gen_leave_here(g);
		gen_land(g, skip);
		MOVR(1, 0);
		map = M_INNER;
		make_key(g, 2, map);
		CALL(BPF_FUNC_map_lookup_elem);
	}
	g->v.r[0].kind = K_NONE;
	if (CHANCE(3)) {
		keep(g, (struct val){.kind = K_VAL, .room = (int32_t)world_maps[map].value});
		return;
	}
	if (CHANCE(70)) {
		skip = JMPI(BPF_JNE, 0, 0);
		gen_leave_here(g);
		gen_land(g, skip);
		keep(g, (struct val){.kind = K_VAL, .room = (int32_t)world_maps[map].value});
		return;
	}
	/* Only used where it is there. */
	skip = JMPI(BPF_JEQ, 0, 0);
	struct view before = g->v;

	g->v.r[0] = (struct val){.kind = K_VAL, .room = (int32_t)world_maps[map].value};
	gen_fixed_access(g);
	gen_var_access(g);
	gen_fixed_access(g);
	gen_land(g, skip);
	gen_merge(&g->v, &before);
}

/* A call made pointers of a kind invalid, wherever they are. */
static void forget(struct gen *g, enum kind kind)
{
	for (int r = 0; r < 10; r++)
		if (g->v.r[r].kind == kind)
			g->v.r[r].kind = K_NONE;
	for (int i = 1; i <= SLOTS; i++)
		if (g->v.slot[i].kind == kind)
			g->v.slot[i].kind = K_NONE;
}

void gen_ring_record(struct gen *g)
{
	int32_t size = 8 * (int32_t)(1 + BELOW(6));
	uint32_t skip;
	struct view before;

	if (g->locked & 0x3f || g->num_only & 0x3f || g->records)
		return;
	if (CHANCE(20)) {
		gen_load_map(g, 1, M_RING, false, 0);
		MOVR(2, 10);
		ALUI(BPF_ADD, 2, -64);
		MOVI(3, size);
		MOVI(4, 0);
		CALL(BPF_FUNC_ringbuf_output);
		gen_lost(g);
		return;
	}
	gen_load_map(g, 1, M_RING, false, 0);
	MOVI(2, size);
	MOVI(3, 0);
	CALL(BPF_FUNC_ringbuf_reserve);
	gen_lost(g);
	skip = JMPI(BPF_JEQ, 0, 0);
	before = g->v;
	g->records++;
	MOVR(9, 0);
	g->v.r[9] = g->v.r[0] = (struct val){.kind = K_REC, .room = size};
	{
		uint32_t locked = g->locked;

		g->locked |= 1u << 9;
		gen_fixed_access(g);
		gen_var_access(g);
		gen_access_at(g, 9, &g->v.r[9], 0, size);
		g->locked = locked;
	}
	MOVR(1, 9);
	MOVI(2, 0);
	if (CHANCE(97))
		CALL(CHANCE(50) ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard);
	gen_lost(g);
	g->records--;
	forget(g, K_REC);
	g->v.r[0].kind = g->v.r[9].kind = K_NONE;
	before.r[9].kind = K_NONE;
	before.r[0].kind = K_NONE;
	gen_land(g, skip);
	gen_merge(&g->v, &before);
}

static void put_value(struct gen *g, uint32_t reg) /* some memory of at least 48 bytes */
{
	MOVR(reg, 10);
	ALUI(BPF_ADD, reg, CHANCE(50) ? -BUF - BUF_SIZE : -64);
}

/* A helper wrote to the spill slots. */
static void spills_written(struct gen *g)
{
	for (int i = 1; i <= SLOTS; i++)
		if (g->v.slot[i].kind != K_NUM)
			g->v.slot[i].kind = K_NONE;
}

static int progs_of(uint32_t type)
{
	switch (type) {
	case BPF_PROG_TYPE_XDP:
		return M_PROGS_XDP;
	case BPF_PROG_TYPE_SCHED_CLS:
		return M_PROGS_TC;
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return M_PROGS_SF;
	case BPF_PROG_TYPE_CGROUP_SKB:
		return M_PROGS_CG;
	default:
		return -1;
	}
}

/* Memory of a length that is a number: bounded, and close to what there is. */
static void sized_mem(struct gen *g, uint32_t mem, uint32_t len)
{
	uint32_t n;

	MOVR(mem, 10);
	ALUI(BPF_ADD, mem, -64);
	if (CHANCE(40)) {
		n = gen_pick_num(g);
		if (n == mem)
			n = 10;
		if (n < 10) {
			MOVR(len, n);
			ALUI(BPF_AND, len, CHANCE(80) ? 31 : 63);
			if (CHANCE(70))
				ALUI(BPF_ADD, len, 1);
			return;
		}
	}
	MOVI(len, (int32_t)(1 + BELOW(CHANCE(95) ? 64 : 66)));
}

void gen_helper(struct gen *g)
{
	uint32_t t = g->p->type, skip;
	int map;

	if (g->locked & 0x3f || g->num_only & 0x3f)
		return;
	switch (BELOW(14)) {
	case 0:
	case 1:
		map = PICK(g, M_ARRAY, M_HASH, M_LRU, M_PERCPU, M_PERCPU_HASH, M_LPM, M_ONE);
		if (map == M_LPM && t == BPF_PROG_TYPE_SYSCALL)
			break;
		make_key(g, 2, map);
		put_value(g, 3);
		MOVI(4, CHANCE(80) ? 0 : (int32_t)BELOW(3));
		gen_load_map(g, 1, map, false, 0);
		CALL(BPF_FUNC_map_update_elem);
		gen_lost(g);
		return;
	case 2:
		map = PICK(g, M_HASH, M_LRU, M_PERCPU_HASH, M_LPM, M_ARRAY);
		if (map == M_LPM && t == BPF_PROG_TYPE_SYSCALL)
			break;
		make_key(g, 2, map);
		gen_load_map(g, 1, map, false, 0);
		CALL(BPF_FUNC_map_delete_elem);
		gen_lost(g);
		return;
	case 3:
		map = PICK(g, M_QUEUE, M_STACK);
		put_value(g, 2);
		if (CHANCE(50)) {
			MOVI(3, 0);
			gen_load_map(g, 1, map, false, 0);
			CALL(BPF_FUNC_map_push_elem);
		} else {
			gen_load_map(g, 1, map, false, 0);
			CALL(CHANCE(50) ? BPF_FUNC_map_pop_elem : BPF_FUNC_map_peek_elem);
			spills_written(g);
		}
		gen_lost(g);
		return;
	case 4:
		CALL(CHANCE(50) ? BPF_FUNC_get_prandom_u32 : BPF_FUNC_get_smp_processor_id);
		gen_lost(g);
		return;
	case 5:
	case 6:
		if (!g->has_ctx ||
		    (t != BPF_PROG_TYPE_SCHED_CLS && t != BPF_PROG_TYPE_SOCKET_FILTER && t != BPF_PROG_TYPE_CGROUP_SKB))
			break;
		if (t == BPF_PROG_TYPE_SCHED_CLS && CHANCE(30)) {
			sized_mem(g, 3, 4);
			MOVR(1, 6);
			MOVI(2, (int32_t)BELOW(40));
			MOVI(5, 0);
			CALL(BPF_FUNC_skb_store_bytes);
			gen_lost(g);
			forget(g, K_PKT);
			return;
		}
		sized_mem(g, 3, 4);
		MOVR(1, 6);
		MOVI(2, (int32_t)BELOW(60));
		CALL(BPF_FUNC_skb_load_bytes);
		gen_lost(g);
		spills_written(g);
		return;
	case 7:
		if (t != BPF_PROG_TYPE_SCHED_CLS && t != BPF_PROG_TYPE_XDP)
			break;
		MOVI(1, 0);
		MOVI(2, 0);
		MOVR(3, 10);
		ALUI(BPF_ADD, 3, -64);
		MOVI(4, 4 * (int32_t)(1 + BELOW(16)));
		MOVI(5, gen_corner32(g));
		CALL(BPF_FUNC_csum_diff);
		gen_lost(g);
		return;
	case 8:
		if (!g->has_ctx || t != BPF_PROG_TYPE_XDP)
			break;
		MOVR(1, 6);
		MOVI(2, (int32_t)BELOW(40) - 20);
		CALL(PICK(g, BPF_FUNC_xdp_adjust_head, BPF_FUNC_xdp_adjust_tail, BPF_FUNC_xdp_adjust_meta));
		gen_lost(g);
		forget(g, K_PKT);
		return;
	case 9:
		map = progs_of(t);
		if (!g->has_ctx || map < 0 || g->in_callback || CHANCE(g->func ? 20 : 60))
			break;
		MOVR(1, 6);
		gen_load_map(g, 2, map, false, 0);
		if (CHANCE(60))
			MOVI(3, (int32_t)BELOW(3));
		else {
			skip = gen_pick_num(g);
			if (skip >= 1 && skip <= 2)
				MOVI(3, 0);
			else
				MOVR(3, skip);
			ALUI(BPF_AND, 3, 3);
		}
		CALL(BPF_FUNC_tail_call);
		gen_lost(g);
		g->v.r[0].kind = K_NONE;
		return;
	case 10:
		/* Text to number, into the stack. */
		if (t == BPF_PROG_TYPE_SOCKET_FILTER)
			break;
		MOVR(1, 10);
		ALUI(BPF_ADD, 1, -BUF - 32);
		MOVI(2, (int32_t)(1 + BELOW(32)));
		MOVI(3, 0);
		MOVR(4, 10);
		ALUI(BPF_ADD, 4, -8 * (int32_t)(1 + BELOW(SLOTS)));
		CALL(CHANCE(50) ? BPF_FUNC_strtol : BPF_FUNC_strtoul);
		gen_lost(g);
		spills_written(g);
		return;
	case 11:
		if (!g->has_ctx || (t != BPF_PROG_TYPE_SOCKET_FILTER && t != BPF_PROG_TYPE_SCHED_CLS) || g->in_callback)
			break;
		/* Legacy loads. */
		if (CHANCE(50)) {
			gen_emit(g, (uint8_t)(BPF_LD | BPF_ABS | PICK(g, BPF_B, BPF_H, BPF_W)), 0, 0, 0,
				 (int32_t)BELOW(70));
		} else {
			uint32_t r = gen_pick_num(g);

			if (r != 6)
				gen_emit(g, (uint8_t)(BPF_LD | BPF_IND | PICK(g, BPF_B, BPF_H, BPF_W)), 0, r, 0,
					 (int32_t)BELOW(8));
			else
				break;
		}
		gen_lost(g);
		return;
	case 12:
		if (!g->has_ctx)
			break;
		/* Context fields that may be written. */
		if (t == BPF_PROG_TYPE_SCHED_CLS)
			STORE(BPF_W, 6, gen_pick_num(g), PICK(g, 8, 32, 48, 52, 60));
		else if (t == BPF_PROG_TYPE_SOCKET_FILTER || t == BPF_PROG_TYPE_CGROUP_SKB)
			STORE(BPF_W, 6, gen_pick_num(g), 48 + 4 * (int)BELOW(5));
		else if (t == BPF_PROG_TYPE_SYSCALL)
			STORE(BPF_W, 6, gen_pick_num(g), 4 * (int)BELOW(16));
		return;
	default:
		break;
	}
}
