/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How sharp scalars are at the edges: every operation on every pair of some hundred scalars whose bounds lie where ranges break (the signs, the halves,
 * 0, single bits), which random programs rarely meet. All views of all results go into one number for each operation, which is kept below.
 *
 * test_scalar.c proves that no result is too narrow; kernel_scalar.c, where the kernel can be asked, that random ones are as sharp as the kernel's.
 * This keeps them so: a difference is a change of what the verifier knows, and wants a reason.
 *
 * test-verify-scalar-edges --record prints the table anew; --dump NAME prints all results of an operation, to be compared with those
 * of another build.
 */
#include "base/uapi.h"
#include "base/util.h"
#include "verify/scalar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t digest;
} recorded[] = {
#include "scalar_edges.inc"
};

enum { MAX_SCALARS = 512, EDGES = 16 };
static struct scalar all[MAX_SCALARS];
static uint32_t n_all;

static const uint64_t edges[EDGES] = {0,
				      1,
				      0x7f,
				      0x80,
				      0xffff,
				      INT32_MAX,
				      1ull << 31,
				      UINT32_MAX,
				      1ull << 32,
				      0x17fffffff,
				      INT64_MAX,
				      1ull << 63,
				      0xffffffff7fffffff,
				      0xffffffff80000000,
				      UINT64_MAX - 7,
				      UINT64_MAX};

static uint64_t sum;
static const char *dump;
static bool recording;
static uint32_t failed, met;

static void add(uint64_t value)
{
	sum = (sum ^ value) * 0x9e3779b97f4a7c15u;
	sum ^= sum >> 29;
}

static void add_scalar(const struct scalar *s)
{
	add(s->bits.value);
	add(s->bits.mask);
	add((uint64_t)s->smin);
	add((uint64_t)s->smax);
	add(s->umin);
	add(s->umax);
	add((uint64_t)(uint32_t)s->smin32 << 32 | (uint32_t)s->smax32);
	add((uint64_t)s->umin32 << 32 | s->umax32);
	if (dump)
		printf(" [%" PRIx64 "/%" PRIx64 " s %" PRId64 "..%" PRId64 " u %" PRIu64 "..%" PRIu64
		       " s32 %d..%d u32 %u..%u]",
		       s->bits.value, s->bits.mask, s->smin, s->smax, s->umin, s->umax, s->smin32, s->smax32, s->umin32,
		       s->umax32);
}

/* Between begin() and end() lies one operation. */
static const char *begin(const char *name)
{
	sum = 1;
	return !dump || !strcmp(dump, name) ? name : NULL;
}

static void end(const char *name)
{
	uint32_t digest = (uint32_t)(sum >> 32);

	if (recording)
		printf("{\"%s\", 0x%08x},\n", name, digest);
	if (recording || dump)
		return;
	met++;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		if (!strcmp(recorded[i].name, name) && recorded[i].digest == digest)
			return;
	failed++;
	printf("# the results of '%s' are not those that are recorded (--dump '%s' prints them)\n", name, name);
}

static void keep(struct scalar s)
{
	for (uint32_t i = 0; i < n_all; i++)
		if (!memcmp(&all[i], &s, sizeof(s)))
			return;
	if (n_all < MAX_SCALARS)
		all[n_all++] = s;
}

static void make_all(void)
{
	static const uint8_t from[] = {BPF_JGE, BPF_JSGE}, to[] = {BPF_JLE, BPF_JSLE};

	keep(scalar_unknown());
	for (int i = 0; i < EDGES; i++) {
		struct scalar s = scalar_unknown(), c = scalar_const(edges[i]);

		keep(c);
		/* Known bits: those of the edge, or all others. */
		scalar_alu(BPF_AND, 0, true, &s, &c);
		keep(s);
		s = scalar_unknown();
		scalar_alu(BPF_OR, 0, true, &s, &c);
		keep(s);
		/* A range between two edges, by each way to compare. */
		for (int k = i + 1; k < EDGES; k++)
			for (int how = 0; how < 4; how++) {
				struct scalar low = c, high = scalar_const(edges[k]);

				s = scalar_unknown();
				scalar_refine(&s, &low, from[how & 1], how & 2, true);
				scalar_refine(&s, &high, to[how & 1], how & 2, true);
				if (scalar_valid(&s) && (i + k) % 3 == 0)
					keep(s);
			}
	}
}

static void try_alu(void)
{
	static const struct {
		const char *name;
		uint8_t op;
		int16_t off;
	} ops[] = {{"add", BPF_ADD, 0}, {"sub", BPF_SUB, 0}, {"mul", BPF_MUL, 0},   {"div", BPF_DIV, 0},
		   {"mod", BPF_MOD, 0}, {"and", BPF_AND, 0}, {"or", BPF_OR, 0},     {"xor", BPF_XOR, 0},
		   {"lsh", BPF_LSH, 0}, {"rsh", BPF_RSH, 0}, {"arsh", BPF_ARSH, 0}, {"sdiv", BPF_DIV, 1},
		   {"smod", BPF_MOD, 1}};
	char name[32];

	for (size_t o = 0; o < ARRAY_SIZE(ops) * 2; o++) {
		snprintf(name, sizeof(name), "%s%s", ops[o / 2].name, o & 1 ? "64" : "32");
		if (!begin(name))
			continue;
		for (uint32_t i = 0; i < n_all; i++)
			for (uint32_t k = 0; k < n_all; k++) {
				struct scalar d = all[i];

				scalar_alu(ops[o / 2].op, ops[o / 2].off, o & 1, &d, &all[k]);
				add_scalar(&d);
			}
		end(name);
		snprintf(name, sizeof(name), "%s%s by count", ops[o / 2].name, o & 1 ? "64" : "32");
		if (!begin(name))
			continue;
		for (uint32_t i = 0; i < n_all; i++)
			for (uint64_t n = 0; n < 65; n++) {
				struct scalar d = all[i], s = scalar_const(n);

				scalar_alu(ops[o / 2].op, ops[o / 2].off, o & 1, &d, &s);
				add_scalar(&d);
			}
		end(name);
	}
}

static void try_jumps(void)
{
	static const struct {
		const char *name;
		uint8_t op;
	} ops[] = {{"jeq", BPF_JEQ},   {"jne", BPF_JNE},   {"jgt", BPF_JGT},   {"jge", BPF_JGE},
		   {"jlt", BPF_JLT},   {"jle", BPF_JLE},   {"jsgt", BPF_JSGT}, {"jsge", BPF_JSGE},
		   {"jslt", BPF_JSLT}, {"jsle", BPF_JSLE}, {"jset", BPF_JSET}};
	char name[32];

	for (size_t o = 0; o < ARRAY_SIZE(ops) * 2; o++) {
		snprintf(name, sizeof(name), "%s%s", ops[o / 2].name, o & 1 ? "32" : "64");
		if (!begin(name))
			continue;
		for (uint32_t i = 0; i < n_all; i++)
			for (uint32_t k = 0; k < n_all; k++) {
				int known = scalar_branch(&all[i], &all[k], ops[o / 2].op, o & 1);

				add((uint64_t)known);
				for (int taken = 0; taken < 2; taken++) {
					struct scalar a = all[i], b = all[k];

					scalar_refine(&a, &b, ops[o / 2].op, o & 1, taken);
					add(scalar_valid(&a));
					add_scalar(&a);
					add_scalar(&b);
				}
			}
		end(name);
	}
}

static void try_unary(void)
{
	if (begin("casts")) {
		for (uint32_t i = 0; i < n_all; i++) {
			struct scalar s;

			for (int is64 = 0; is64 < 2; is64++) {
				s = all[i];
				scalar_neg(is64, &s);
				add_scalar(&s);
				for (uint32_t bytes = 1; bytes <= 4; bytes *= 2) {
					s = all[i];
					scalar_sext(&s, bytes, is64);
					add_scalar(&s);
				}
				for (uint32_t bits = 16; bits <= 64; bits *= 2) {
					s = all[i];
					scalar_end(is64, false, bits, &s);
					add_scalar(&s);
				}
			}
			for (uint32_t bits = 16; bits <= 64; bits *= 2) {
				s = all[i];
				scalar_end(false, true, bits, &s);
				add_scalar(&s);
			}
			for (uint32_t bytes = 1; bytes <= 8; bytes *= 2) {
				s = all[i];
				scalar_cast(&s, bytes);
				add_scalar(&s);
			}
			s = all[i];
			scalar_zext32(&s);
			add_scalar(&s);
			scalar_forget_ranges(&s);
			add_scalar(&s);
			add(scalar_is_const32(&s));
		}
		end("casts");
	}
	if (begin("within")) {
		for (uint32_t i = 0; i < n_all; i++)
			for (uint32_t k = 0; k < n_all; k++)
				add(scalar_within(&all[i], &all[k]));
		end("within");
	}
}

/* The views of two scalars mixed: what one view knows must reach the others, and what cannot be is not valid. */
static void try_views(void)
{
	if (!begin("views"))
		return;
	for (uint32_t i = 0; i < n_all; i++)
		for (uint32_t k = 0; k < n_all; k++)
			for (int which = 0; which < 5; which++) {
				struct scalar s = all[i];
				const struct scalar *o = &all[k];

				if (which == 0)
					s.bits = o->bits;
				if (which == 1) {
					s.umin = o->umin;
					s.umax = o->umax;
				}
				if (which == 2) {
					s.smin = o->smin;
					s.smax = o->smax;
				}
				if (which == 3) {
					s.umin32 = o->umin32;
					s.umax32 = o->umax32;
				}
				if (which == 4) {
					s.smin32 = o->smin32;
					s.smax32 = o->smax32;
				}
				add(scalar_valid(&s));
				add(scalar_within(&all[i], &s));
				add(scalar_within(&s, &all[i]));
				scalar_sync(&s);
				add_scalar(&s);
				add(scalar_valid(&s));
			}
	end("views");
}

int main(int argc, char **argv)
{
	recording = argc > 1 && !strcmp(argv[1], "--record");
	if (argc > 2 && !strcmp(argv[1], "--dump"))
		dump = argv[2];
	make_all();
	try_alu();
	try_jumps();
	try_unary();
	try_views();
	if (recording || dump)
		return 0;
	if (met != ARRAY_SIZE(recorded))
		failed++;
	printf("1..1\n%sok 1 - %u operations on %u scalars at the edges are as sharp as recorded\n",
	       failed ? "not " : "", met, n_all);
	return failed != 0;
}
