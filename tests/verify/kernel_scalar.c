/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of scalars: random programs of loads, arithmetic and branches are given to its verifier, whose log
 * prints what it knows of the registers after each instruction. The same must come out of scalar.h, as text.
 *
 * A program is one path. At each branch the generator asks scalar_branch() and follows one side that is left; the other
 * side is a landing pad, "r0 = 0; exit", whose register state the kernel prints as well ("from 8 to 13: ..."). A branch that the kernel
 * decides otherwise than we do shows as a state that is missing, or as an instruction that nobody expected.
 *
 * No register is ever a copy of another: the kernel would carry what it learns of one to the other, which is not a scalar's
 * affair. For the same reason AND and OR of -1..0 with a constant are left out: there the kernel walks both values apart.
 *
 * Some branches come out with nothing left of a register; there the kernel warns, once ("REG INVARIANTS VIOLATION"), and carries the
 * taint of it. So this is not run where a warning is a panic.
 *
 * Needs bpf(2) for us (root) and Linux 6.18, else exits with 77. More than the fixed run: kernel-scalar [PROGRAMS [SEED]].
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/uapi.h"
#include "verify/scalar.h"
#include "../random.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { STEPS = 60, MAX_INSNS = 1024, REGS = 10, MAP_REG = 6, TEXT = 512 };

static uint64_t programs = 500, seed = 7;
static char verifier_log[1 << 22];
static int map;

static uint64_t state;

static uint64_t rnd(void)
{
	return splitmix64(&state);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

/* What the kernel must print: all registers after an instruction, and on arrival of a jump. */
struct expected {
	bool after, arrive, seen_after, seen_arrive;
	struct scalar regs[REGS], arriving[REGS];
};

static struct program {
	struct bpf_insn insns[MAX_INSNS];
	struct expected expected[MAX_INSNS];
	uint32_t n;
	struct scalar regs[REGS]; /* r1 to r9 without r6 */
	struct {
		uint32_t branch;
		struct scalar regs[REGS];
	} pads[3 * STEPS];
	uint32_t n_pads;
} prog;

/* What a run has compared. */
static struct {
	uint64_t programs, states, registers, branches, decided, contradictions, consts, unknown;
} tally;

static void emit(uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm)
{
	assert_true(prog.n < MAX_INSNS);
	prog.insns[prog.n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = (int16_t)off, .imm = imm};
}

/* expect_after - an instruction leaves the registers as they are now. */
static void expect_after(const struct bpf_insn *insn)
{
	struct expected *e = &prog.expected[insn - prog.insns];

	e->after = true;
	memcpy(e->regs, prog.regs, sizeof(e->regs));
}

static uint32_t some_reg(void)
{
	static const uint8_t regs[] = {1, 2, 3, 4, 5, 7, 8, 9};

	return regs[below(sizeof(regs))];
}

/* some_value - a number that hurts: round ones, their neighbours, signs, and the bounds of a scalar. */
static uint64_t some_value(const struct scalar *s)
{
	uint64_t v;

	switch (below(12)) {
	case 0:
		return below(16);
	case 1:
		return -(uint64_t)below(16);
	case 2:
		v = 1ull << below(64);
		break;
	case 3:
		v = (1ull << below(64)) - (1ull << below(64));
		break;
	case 4:
		v = rnd() >> below(64);
		break;
	case 5:
		v = (uint64_t)((int64_t)rnd() >> below(64));
		break;
	case 6:
		v = below(2) ? s->umin : s->umax;
		break;
	case 7:
		v = (uint64_t)(below(2) ? s->smin : s->smax);
		break;
	case 8:
		v = below(2) ? s->umin32 : s->umax32;
		break;
	case 9:
		v = (uint64_t)(int64_t)(below(2) ? s->smin32 : s->smax32);
		break;
	case 10:
		v = s->bits.value | (s->bits.mask & rnd());
		break;
	default:
		v = s->umin + (s->umax - s->umin) / (below(5) + 1);
		break;
	}
	return v + below(3) - 1;
}

static void load(uint32_t reg)
{
	static const uint8_t sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};
	uint32_t size = below(4);
	bool sext = size < 3 && below(3) == 0;

	emit(BPF_LDX | (sext ? BPF_MEMSX : BPF_MEM) | sizes[size], reg, MAP_REG, (int32_t)below(4) * 8, 0);
	prog.regs[reg] = scalar_unknown();
	if (sext)
		scalar_sext(&prog.regs[reg], 1u << size, true);
	else
		scalar_cast(&prog.regs[reg], 1u << size);
	expect_after(&prog.insns[prog.n - 1]);
}

static void load_const(uint32_t reg, uint64_t v)
{
	emit(BPF_LD | BPF_IMM | BPF_DW, reg, 0, 0, (int32_t)v);
	emit(0, 0, 0, 0, (int32_t)(v >> 32));
	prog.regs[reg] = scalar_const(v);
	expect_after(&prog.insns[prog.n - 2]);
}

/* settle - what the kernel makes of a contradiction. */
static void settle(struct scalar *s)
{
	if (scalar_valid(s))
		return;
	tally.contradictions++;
	scalar_forget_ranges(s);
}

/* walks_apart - AND and OR of -1..0 with a constant: see the head. */
static bool walks_apart(uint8_t op, const struct scalar *d, const struct scalar *s)
{
	return (op == BPF_AND || op == BPF_OR) && scalar_is_const(s) &&
	       ((d->smin == -1 && d->smax == 0) || (d->smin32 == -1 && d->smax32 == 0));
}

/* sparse - a register of few unknown bits between known ones: what products are sharp about. */
static void sparse(uint32_t reg)
{
	uint32_t width = 1 + below(31);
	struct scalar c = scalar_const(rnd() & rnd() & ((1u << width) - 1));

	load(reg);
	emit(BPF_ALU64 | BPF_AND | BPF_K, reg, 0, 0, (int32_t)c.bits.value);
	scalar_alu(BPF_AND, 0, true, &prog.regs[reg], &c);
	c = scalar_const(rnd() & rnd() & ((1u << width) - 1));
	emit(BPF_ALU64 | BPF_OR | BPF_K, reg, 0, 0, (int32_t)c.bits.value);
	scalar_alu(BPF_OR, 0, true, &prog.regs[reg], &c);
	expect_after(&prog.insns[prog.n - 1]);
}

static void arithmetic(void)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB,  BPF_MUL, BPF_AND, BPF_OR,  BPF_XOR, BPF_LSH,
				      BPF_RSH, BPF_ARSH, BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_AND,
				      BPF_DIV, BPF_MOD,  BPF_NEG, BPF_MOV, BPF_MOV, BPF_END};
	uint8_t op = ops[below(sizeof(ops))];
	bool is64 = below(2), shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	uint8_t class = is64 ? BPF_ALU64 : BPF_ALU;
	uint32_t dst = some_reg(), src = some_reg();
	struct scalar *d = &prog.regs[dst], *s = &prog.regs[src];
	int16_t off = 0;

	if (op == BPF_MUL && below(2) && src != dst) {
		sparse(dst);
		sparse(src);
	}
	if (op == BPF_NEG) {
		emit(class | BPF_NEG, dst, 0, 0, 0);
		scalar_neg(is64, d);
	} else if (op == BPF_END) {
		uint32_t bits = 16u << below(3);
		bool to_be = !is64 && below(2);

		emit(class | BPF_END | (to_be ? BPF_TO_BE : BPF_TO_LE), dst, 0, 0, (int32_t)bits);
		scalar_end(to_be, is64, bits, d);
	} else if (op == BPF_MOV) {
		uint32_t bytes = 1u << below(is64 ? 3 : 2);

		if (!is64 && below(3) == 0)
			bytes = 0; /* w1 = w2 */
		/* Not without a change: that would make a copy. Onto itself, or the source gets another value at once. */
		if (below(2)) {
			src = dst;
			s = d;
		}
		*d = *s;
		emit(class | BPF_MOV | BPF_X, dst, src, (int32_t)bytes * 8, 0);
		if (bytes)
			scalar_sext(d, bytes, is64);
		else
			scalar_zext32(d);
		settle(d);
		expect_after(&prog.insns[prog.n - 1]);
		if (src != dst)
			load(src);
		return;
	} else if (below(2)) {
		int32_t imm = (int32_t)some_value(d);
		struct scalar c;

		if (shift)
			imm = is64 && below(4) == 0 ? 32 : (int32_t)below(is64 ? 64 : 32);
		if (op == BPF_DIV || op == BPF_MOD) {
			imm = imm ? imm : 1;
			off = (int16_t)below(2);
		}
		c = scalar_const((uint64_t)(int64_t)imm);
		if (walks_apart(op, d, &c))
			return;
		emit(class | op | BPF_K, dst, 0, off, imm);
		scalar_alu(op, off, is64, d, &c);
	} else {
		if (shift && below(8)) {
			if (src == dst)
				return;
			load_const(src, below(is64 ? 66 : 34));
		}
		if (op == BPF_DIV || op == BPF_MOD)
			off = (int16_t)below(2);
		if (walks_apart(op, d, s))
			return;
		emit(class | op | BPF_X, dst, src, off, 0);
		scalar_alu(op, off, is64, d, s);
	}
	settle(d);
	expect_after(&prog.insns[prog.n - 1]);
}

/* A comparison: r@dst @op r@src, or @imm when src is 0. @take: which side to follow if both are left. */
static void compare_and_follow(uint8_t op, bool is32, uint32_t dst, uint32_t src, int32_t imm, bool take)
{
	struct scalar c = scalar_const((uint64_t)(int64_t)imm), c2 = c, *b = src ? &prog.regs[src] : &c;
	uint8_t class = is32 ? BPF_JMP32 : BPF_JMP;
	struct scalar taken[REGS];
	uint32_t at = prog.n;
	int verdict;

	emit(class | op | (src ? BPF_X : BPF_K), dst, src, 0, imm);
	verdict = scalar_branch(&prog.regs[dst], b, op, is32);
	tally.branches++;
	memcpy(taken, prog.regs, sizeof(taken));
	if (verdict < 0) {
		scalar_refine(&taken[dst], src ? &taken[src] : &c2, op, is32, true);
		scalar_refine(&prog.regs[dst], b, op, is32, false);
		settle(&taken[dst]);
		settle(&prog.regs[dst]);
		if (src) {
			settle(&taken[src]);
			settle(&prog.regs[src]);
		}
	} else {
		tally.decided++;
		take = verdict;
	}
	expect_after(&prog.insns[prog.n - 1]);
	if (take) {
		/* The fall-through is the pad. */
		prog.insns[at].off = 2;
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		if (verdict < 0) {
			prog.expected[prog.n].arrive = true;
			memcpy(prog.expected[prog.n].arriving, taken, sizeof(taken));
		}
		memcpy(prog.regs, taken, sizeof(taken));
	} else {
		prog.pads[prog.n_pads].branch = at;
		memcpy(prog.pads[prog.n_pads].regs, taken, sizeof(taken));
		/* A pad of a branch that is never taken must not be arrived at. */
		prog.expected[at].seen_arrive = verdict == 0;
		prog.n_pads++;
	}
}

static void branch(void)
{
	static const uint8_t ops[] = {BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				      BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};
	uint8_t op = ops[below(sizeof(ops))];
	bool is32 = below(2), take = below(2);
	uint32_t dst = some_reg(), src = some_reg();

	if (below(2)) {
		compare_and_follow(op, is32, dst, 0, (int32_t)some_value(&prog.regs[dst]), take);
		return;
	}
	if (below(3) == 0 && src != dst)
		load_const(src, some_value(&prog.regs[dst]));
	compare_and_follow(op, is32, dst, src, 0, take);
}

/* window - a register becomes a range around a place where ranges break, signed or unsigned. */
static void window(uint32_t reg)
{
	uint64_t edges[] = {
		0, 1ull << 31, 1ull << 32, 1ull << 63, -(1ull << 31), rnd() << 32, (rnd() << 32) + (1ull << 31)};
	uint64_t edge = edges[below(sizeof(edges) / sizeof(edges[0]))];
	uint32_t other = some_reg();
	bool is_signed = below(2);

	if (other == reg)
		return;
	emit(BPF_LDX | BPF_MEM | BPF_DW, reg, MAP_REG, 0, 0);
	prog.regs[reg] = scalar_unknown();
	load_const(other, edge - (rnd() >> (1 + below(63))));
	compare_and_follow(is_signed ? BPF_JSLT : BPF_JLT, false, reg, other, 0, false);
	load_const(other, edge + (rnd() >> (1 + below(63))));
	compare_and_follow(is_signed ? BPF_JSGT : BPF_JGT, false, reg, other, 0, false);
	load(other);
}

/* narrow - give a register some known bits at random: r &= a, r |= b or r ^= b. */
static void narrow(uint32_t reg)
{
	struct scalar *d = &prog.regs[reg];
	uint32_t other = some_reg();
	uint8_t op = below(2) ? BPF_AND : BPF_OR;

	if (other == reg)
		return;
	load_const(other, op == BPF_AND ? rnd() | rnd() : rnd() & rnd() & rnd());
	if (walks_apart(op, d, &prog.regs[other]))
		return;
	emit(BPF_ALU64 | op | BPF_X, reg, other, 0, 0);
	scalar_alu(op, 0, true, d, &prog.regs[other]);
	settle(d);
	expect_after(&prog.insns[prog.n - 1]);
	load(other);
}

static void generate(void)
{
	memset(&prog, 0, sizeof(prog));
	emit(BPF_LD | BPF_IMM | BPF_DW, MAP_REG, BPF_PSEUDO_MAP_VALUE, 0, map);
	emit(0, 0, 0, 0, 0);
	for (uint32_t r = 1; r < REGS; r++)
		if (r != MAP_REG)
			prog.regs[r] = scalar_const(0);
	for (uint32_t r = 1; r < REGS; r++)
		if (r != MAP_REG)
			load(r);
	for (uint32_t i = 0; i < STEPS; i++) {
		uint32_t r = some_reg(), what = below(20);

		if (what < 2 || (scalar_is_const(&prog.regs[r]) && what < 8))
			load(r);
		else if ((!~prog.regs[r].bits.mask && what < 8) || what == 9)
			below(2) ? narrow(r) : window(r);
		else if (what == 8)
			load_const(r, some_value(&prog.regs[some_reg()]));
		else if (what < 14)
			arithmetic();
		else
			branch();
	}
	emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (uint32_t i = 0; i < prog.n_pads; i++) {
		uint32_t at = prog.pads[i].branch;
		struct expected *e = &prog.expected[prog.n];

		prog.insns[at].off = (int16_t)(prog.n - at - 1);
		if (!prog.expected[at].seen_arrive) {
			e->arrive = true;
			memcpy(e->arriving, prog.pads[i].regs, sizeof(e->arriving));
		}
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
}

static void print(const struct scalar *s, char *buf, size_t size)
{
	char ranges[TEXT - 10];

	if (scalar_is_const(s)) {
		scalar_format_const(s->bits.value, buf, size);
	} else {
		scalar_format(s, ranges, sizeof(ranges));
		snprintf(buf, size, "scalar(%s)", ranges);
	}
}

/* disagree - fail, after the kernel's whole log (cmocka's messages are short). */
static void __attribute__((format(printf, 2, 3))) disagree(uint32_t insn, const char *format, ...)
{
	char text[4 * TEXT];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fprintf(stderr, "%s\nprogram %" PRIu64 " of seed %" PRIu64 ", instruction %u: %s\n", verifier_log,
		tally.programs, seed, insn, text);
	fail();
}

/*
 * compare - hold one list of registers, "R1=scalar(...) R2=7 R6=map_value(...)", against the model. The mark of precision and
 * the identity are not a scalar's affair: skipped.
 */
static void compare(const char *line, const char *end, const struct scalar *regs, uint32_t insn, const char *when)
{
	tally.states++;
	for (const char *p = line; p < end; p++) {
		char ours[TEXT], theirs[TEXT], *comma;
		size_t n = 0, depth = 0;
		uint32_t r;

		if (p[0] != 'R' || p[1] < '0' || p[1] > '9' || p[2] != '=' || (p != line && p[-1] != ' '))
			continue;
		r = (uint32_t)(p[1] - '0');
		for (p += 3; p < end && (depth || *p != ' ') && n < TEXT - 1; p++) {
			depth += *p == '(';
			depth -= *p == ')';
			theirs[n++] = *p;
		}
		theirs[n] = '\0';
		if (r == 0 || r == MAP_REG || !strcmp(theirs, "ctx()"))
			continue;
		if (theirs[0] == 'P')
			memmove(theirs, theirs + 1, n);
		if (!strncmp(theirs, "scalar(id=", 10)) {
			comma = strpbrk(theirs + 7, ",)");
			memmove(theirs + 7, comma + (*comma == ','), strlen(comma + (*comma == ',')) + 1);
		}
		print(&regs[r], ours, sizeof(ours));
		tally.registers++;
		tally.consts += scalar_is_const(&regs[r]);
		tally.unknown += !~regs[r].bits.mask;
		if (strcmp(ours, theirs))
			disagree(insn, "%s, r%u:\n  kernel %s\n  skep   %s", when, r, theirs, ours);
	}
}

/* read_log - compare each state that the kernel's log shows. */
static void read_log(void)
{
	uint32_t last = UINT32_MAX;

	for (const char *p = verifier_log, *end; *p; p = end + (*end == '\n')) {
		uint32_t at, to;
		int n = 0;

		end = strchrnul(p, '\n');
		if (sscanf(p, "from %u to %u: %n", &at, &to, &n) == 2 && n) {
			if (!prog.expected[to].arrive)
				disagree(to, "nobody jumps here from %u", at);
			prog.expected[to].seen_arrive = true;
			compare(p + n, end, prog.expected[to].arriving, to, "on arrival");
		} else if (sscanf(p, "%u: %n", &at, &n) == 1 && n && at < prog.n) {
			const char *list = p[n] == '(' ? memmem(p, (size_t)(end - p), "; R", 3) : NULL;

			if (p[n] == '(')
				last = at;
			else if (p[n] == 'R' && at == last)
				list = p + n - 2;
			if (list && prog.expected[at].after) {
				prog.expected[at].seen_after = true;
				compare(list + 2, end, prog.expected[at].regs, at, "after");
			}
		}
	}
	for (uint32_t i = 0; i < prog.n; i++)
		if ((prog.expected[i].after && !prog.expected[i].seen_after) ||
		    (prog.expected[i].arrive && !prog.expected[i].seen_arrive))
			disagree(i, "the kernel does not come here");
}

/* submit - give the program to the kernel's verifier. Return: 0, or the error. */
static int submit(const struct bpf_insn *insns, uint32_t n)
{
	union bpf_attr attr = {};
	int fd, err;

	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_level = 2;
	attr.log_buf = (uintptr_t)verifier_log;
	attr.log_size = sizeof(verifier_log);
	verifier_log[0] = 0;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static void the_kernel_knows_as_much_of_a_scalar_as_we_do(void **unused)
{
	for (tally.programs = 0; tally.programs < programs; tally.programs++) {
		int err;

		state = seed * 0x100000001b3ull + tally.programs;
		generate();
		err = submit(prog.insns, prog.n);
		if (err)
			disagree(0, "refused: %s", strerror(-err));
		read_log();
	}
	print_message("%" PRIu64 " programs, %" PRIu64 " states, %" PRIu64 " registers (%" PRIu64 " constant, %" PRIu64
		      " of unknown bits), %" PRIu64 " branches (%" PRIu64 " decided), %" PRIu64 " contradictions\n",
		      tally.programs, tally.states, tally.registers, tally.consts, tally.unknown, tally.branches,
		      tally.decided, tally.contradictions);
	/* The comparison must not be about nothing. */
	assert_true(tally.registers > tally.programs * STEPS);
}

static bool warnings_panic(void)
{
	FILE *f = fopen("/proc/sys/kernel/panic_on_warn", "re");
	int c = f ? fgetc(f) : '0';

	if (f)
		fclose(f);
	return c != '0';
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_knows_as_much_of_a_scalar_as_we_do),
	};
	const struct bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64, .max_entries = 1};
	unsigned int major = 0, minor = 0;
	struct utsname name;
	int err = submit(nothing, 2);

	if (err) {
		fprintf(stderr, "skipped: no bpf(2) for us: %s\n", strerror(-err));
		return 77;
	}
	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2 || major != 6 || minor != 18) {
		fprintf(stderr, "skipped: this is Linux %s, not 6.18\n", name.release);
		return 77;
	}
	if (warnings_panic()) {
		fprintf(stderr, "skipped: kernel.panic_on_warn is set\n");
		return 77;
	}
	map = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (map < 0) {
		fprintf(stderr, "skipped: no map for us: %s\n", strerror(errno));
		return 77;
	}
	if (argc > 1)
		programs = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
