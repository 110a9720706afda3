/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "insn/encode.h"
#include "insn/text.h"
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t text_flags;

/* What assembles from @text, or a failed test. */
static uint32_t assemble(const char *text, struct bpf_insn **insns)
{
	struct insn_asm_error e;
	uint32_t n;
	int err = insn_asm(text, strlen(text), NULL, insns, &n, &e);

	if (err)
		fail_msg("'%s': %d: line %u, column %u: %s", text, err, e.line, e.column, e.message);
	return n;
}

static void check_round_trip(const struct insn_desc *d, uint32_t dst, uint32_t src, int16_t off, int32_t imm,
			     int32_t more)
{
	const struct insn_text_opts opts = {.flags = text_flags};
	struct bpf_insn insn[2] = {}, *back;
	char text[128], again[128];
	uint32_t n, n_back;

	assert_int_equal(insn_encode(d->op, dst, src, off, imm, &insn[0]), 0);
	n = insn_is_wide(&insn[0]) ? 2 : 1;
	if (d->op != INSN_LD_MAP_FD && d->op != INSN_LD_MAP_IDX && d->op != INSN_LD_FUNC && n == 2)
		insn[1].imm = more; /* these three have no text for it, and the program's check demands 0 */
	assert_int_equal(insn_text(insn, n, 0, &opts, text, sizeof(text)), n);
	n_back = assemble(text, &back);
	if (n != n_back || memcmp(insn, back, n * sizeof(insn[0])))
		fail_msg("%s: '%s' is read as another instruction", d->name, text);
	insn_text(back, n, 0, &opts, again, sizeof(again));
	assert_string_equal(text, again);
	free(back);
}

static void every_instruction_is_read_back_from_its_plain_text(void **state)
{
	text_flags = 0;
	rows_visit(check_round_trip);
}

static void every_instruction_is_read_back_from_bpftools_text(void **state)
{
	text_flags = INSN_TEXT_OPCODE | INSN_TEXT_NUMBER;
	rows_visit(check_round_trip);
}

/* Lines as the kernel (6.18) prints them; each is read, and printed again as it was. */
static const char *const kernel_lines[] = {
	"(b7) r0 = 0",
	"(b7) r1 = -1",
	"(bf) r6 = r1",
	"(b4) w1 = 5",
	"(bc) w1 = w2",
	"(07) r2 += -8",
	"(0f) r2 += r3",
	"(04) w2 += 1",
	"(37) r1 /= 3",
	"(37) r1 s/= 3",
	"(9c) w1 s%= w2",
	"(c7) r1 s>>= 32",
	"(cc) w1 s>>= w2",
	"(67) r1 <<= 32",
	"(87) r1 = -r1",
	"(84) w1 = -w1",
	"(bf) r0 = (s8)r1",
	"(bf) r0 = (s32)r1",
	"(bc) w0 = (s16)w1",
	"(dc) r1 = be16 r1",
	"(d4) r1 = le64 r1",
	"(d7) r1 = bswap32 r1",
	"(61) r1 = *(u32 *)(r6 +4)",
	"(79) r1 = *(u64 *)(r10 -8)",
	"(91) r1 = *(s8 *)(r2 +0)",
	"(63) *(u32 *)(r10 -4) = r1",
	"(7a) *(u64 *)(r10 -16) = -1",
	"(db) lock *(u64 *)(r1 +0) += r2",
	"(c3) lock *(u32 *)(r1 +4) ^= r2",
	"(db) r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)",
	"(c3) r2 = atomic_fetch_or((u32 *)(r1 +0), r2)",
	"(db) r2 = atomic64_xchg((u64 *)(r1 +0), r2)",
	"(db) r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)",
	"(c3) r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)",
	"(db) r2 = load_acquire((u64 *)(r1 +0))",
	"(d3) r2 = load_acquire((u8 *)(r1 +0))",
	"(c3) store_release((u32 *)(r1 -8), r2)",
	"(05) goto pc+3",
	"(06) gotol pc-70000",
	"(e5) may_goto pc+2",
	"(15) if r1 == 0x0 goto pc+3",
	"(a6) if w1 < 0xffffffff goto pc-2",
	"(6d) if r1 s> r2 goto pc+1",
	"(4d) if r1 & r2 goto pc+1",
	"(85) call helper#1",
	"(85) call pc+5",
	"(85) call kernel-function#1234",
	"(8d) callx r2",
	"(95) exit",
	"(18) r1 = 0x1122334455667788",
	"(18) r1 = map[id:3]",
	"(18) r1 = map[id:3][0]+16",
	"(18) r2 = subprog[+7]",
	"(30) r0 = *(u8 *)skb[23]",
	"(48) r0 = *(u16 *)skb[r7 + 14]",
};

static void the_kernels_lines_come_back_letter_for_letter(void **state)
{
	const struct insn_text_opts opts = {.flags = INSN_TEXT_OPCODE};

	for (size_t i = 0; i < COUNT(kernel_lines); i++) {
		struct bpf_insn *insns;
		char text[128];
		uint32_t n = assemble(kernel_lines[i], &insns);

		assert_int_equal(insn_text(insns, n, 0, &opts, text, sizeof(text)), n);
		assert_string_equal(text, kernel_lines[i]);
		free(insns);
	}
}

/* llvm-objdump-19's spelling, and the plain text that it must mean. */
static void llvm_objdumps_spellings_are_understood(void **state)
{
	static const char *const cases[][2] = {
		{"       0:\t18 01 00 00 88 77 66 55 00 00 00 00 44 33 22 11\tr1 = 0x1122334455667788 ll",
		 "r1 = 0x1122334455667788 ll"},
		{"       2:\tb7 00 00 00 05 00 00 00\tr0 = 0x5", "r0 = 5"},
		{"r0 = 5 ll", "r0 = 0x5 ll"},
		{"r1 = *(u32 *)(r6 + 0x4)", "r1 = *(u32 *)(r6 +4)"},
		{"w1 = *(u32 *)(r6 - 0x4)", "r1 = *(u32 *)(r6 -4)"},
		{"*(u8 *)(r10 - 0x1) = w1", "*(u8 *)(r10 -1) = r1"},
		{"goto +0x3 <LBB0_2>", "goto pc+3"},
		{"goto -0x3 <LBB0_2>", "goto pc-3"},
		{"gotol +0x12345 <LBB0_2>", "gotol pc+74565"},
		{"may_goto +0x2 <LBB0_2>", "may_goto pc+2"},
		{"if r1 == 0x0 goto +0x3 <LBB0_2>", "if r1 == 0x0 goto pc+3"},
		{"if w1 s> -0x1 goto +0x3 <LBB0_2>", "if w1 s> 0xffffffff goto pc+3"},
		{"call 0x5", "call helper#5"},
		{"call 0x2 <f>", "call pc+2"},
		{"call -0x1", "call pc-1"},
		{"r2 = atomic_fetch_add((u64 *)(r1 + 0x0), r2)", "r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)"},
		{"w2 = atomic_fetch_add((u32 *)(r1 + 0x0), w2)", "r2 = atomic_fetch_add((u32 *)(r1 +0), r2)"},
		{"lock *(u32 *)(r1 + 0x0) |= w2", "lock *(u32 *)(r1 +0) |= r2"},
		{"r2 = xchg_64(r1 + 0x8, r2)", "r2 = atomic64_xchg((u64 *)(r1 +8), r2)"},
		{"w2 = xchg32_32(r1 + 0x8, w2)", "r2 = atomic_xchg((u32 *)(r1 +8), r2)"},
		{"r0 = cmpxchg_64(r1 + 0x8, r0, r2)", "r0 = atomic64_cmpxchg((u64 *)(r1 +8), r0, r2)"},
		{"w0 = cmpxchg32_32(r1 + 0x8, w0, w2)", "r0 = atomic_cmpxchg((u32 *)(r1 +8), r0, r2)"},
		{"r0 = *(u8 *)skb[r1]", "r0 = *(u8 *)skb[r1 + 0]"},
		{"r0 = *(u16 *)skb[0xc]", "r0 = *(u16 *)skb[12]"},
		{"r1   =   be32   r1   ; swap", "r1 = be32 r1"},
		{"exit // done", "exit"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bpf_insn *insns;
		char text[128];
		uint32_t n = assemble(cases[i][0], &insns);

		assert_int_equal(insn_text(insns, n, 0, NULL, text, sizeof(text)), n);
		assert_string_equal(text, cases[i][1]);
		free(insns);
	}
}

static void labels_stand_for_distances(void **state)
{
	static const char text[] = "0000000000000000 <prog>:\n"
				   "start:\n"
				   "  r1 = 0x5 ll\n"
				   "again: r0 += 1\n"
				   "  if r0 < 0xa goto again\n"
				   "  goto end\n"
				   "# a comment\n"
				   "  r2 = subprog[f]\n"
				   "  call f\n"
				   "  gotol start\n"
				   "end: exit\n"
				   "0000000000000050 <f>:\n"
				   "  may_goto end2\n"
				   "end2:\n"
				   "  exit\n";
	static const int32_t want[] = {0, 0, 0, -2, 4, 4, 0, 2, -9, 0, 0, 0};
	struct bpf_insn *insns;
	uint32_t n = assemble(text, &insns);

	assert_int_equal(n, COUNT(want));
	for (uint32_t i = 0; i < n; i++) {
		const struct insn_desc *d = insn_decode(&insns[i], NULL);

		if (d && (d->off == FORM_JUMP || d->imm == FORM_JUMP))
			assert_int_equal(insn_jump_dist(d, &insns[i]), want[i]);
		else if (d && d->op == INSN_LD_FUNC)
			assert_int_equal(insns[i].imm, want[i]);
		i += insn_is_wide(&insns[i]);
	}
	free(insns);
}

static void an_error_has_its_line_and_column(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *message;
	} cases[] = {
		{"r0 = 0\nr1 = r11\nexit", 2, 6, "there is no register r11"},
		{"r10 = 5", 1, 1, "the frame pointer r10 cannot be written"},
		{"r1 = *(u32 *)(r6 +40000)", 1, 18, "number out of range: -32768 to 32767"},
		{"r1 = *(u24 *)(r6 +4)", 1, 8, "cannot make sense of 'u24'"},
		{"w1 = 4294967296", 1, 6, "number out of range: -2147483648 to 2147483647"},
		{"r1 = 0x11223344556677889 ll", 1, 6, "number does not fit into 64 bits"},
		{"r1 = be16 r2", 1, 11, "must be the register that is written"},
		{"goto nowhere\nexit", 1, 6, "no label 'nowhere'"},
		{"(b7) r1 = r2", 1, 11, "expected a number"},
		{"(ff) r1 = r2", 1, 6, "no instruction has opcode 0xff"},
		{"exit now", 1, 6, "expected the end of the line"},
		{"a: exit\na: exit", 0, 0, "label 'a' is there twice"},
		{"if r1 == 0 goto", 1, 16, "expected pc+N, +N or a label"},
		{"frobnicate r1", 1, 1, "cannot make sense of 'frobnicate'"},
		{"r1 +", 1, 4, "cannot make sense of '+'"},
		{"r1", 1, 3, "the line ends too early"},
		{"call bpf_nothing", 1, 6, "no helper or function 'bpf_nothing'"},
		{"", 0, 0, "no instructions"},
		{"; only a comment\n", 0, 0, "no instructions"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bpf_insn *insns = NULL;
		struct insn_asm_error e;
		uint32_t n;

		assert_int_equal(insn_asm(cases[i].text, strlen(cases[i].text), NULL, &insns, &n, &e), -EINVAL);
		assert_null(insns);
		if (e.line != cases[i].line || e.column != cases[i].column || strcmp(e.message, cases[i].message))
			fail_msg("'%s': %u:%u: %s", cases[i].text, e.line, e.column, e.message);
	}
}

static bool name_helper(void *arg, uint32_t id, char *buf, size_t size)
{
	return id == 1 && snprintf(buf, size, "bpf_map_lookup_elem") > 0;
}

static bool name_kfunc(void *arg, const struct bpf_insn *insn, char *buf, size_t size)
{
	return insn->imm == 77 && snprintf(buf, size, "bpf_cpumask_create") > 0;
}

static bool name_subprog(void *arg, uint32_t slot, char *buf, size_t size)
{
	return snprintf(buf, size, "f_at_%u", slot) > 0;
}

static bool name_ref(void *arg, const struct bpf_insn insn[2], char *buf, size_t size)
{
	return insn->src_reg == BPF_PSEUDO_MAP_VALUE && snprintf(buf, size, ".rodata+%d", insn[1].imm) > 0;
}

static int find_helper(void *arg, const char *name)
{
	return strcmp(name, "bpf_map_lookup_elem") ? -1 : 1;
}

static bool find_kfunc(void *arg, const char *name, int32_t *imm, int16_t *off)
{
	*imm = 77;
	*off = 2;
	return !strcmp(name, "bpf_cpumask_create");
}

static void names_are_the_callers(void **state)
{
	const struct insn_text_opts opts = {
		.helper = name_helper, .kfunc = name_kfunc, .subprog = name_subprog, .ref = name_ref};
	const struct insn_asm_opts asm_opts = {.helper = find_helper, .kfunc = find_kfunc};
	const struct bpf_insn insns[] = {
		{.code = 0x85, .imm = 1},
		{.code = 0x85, .imm = 2},
		{.code = 0x85, .src_reg = 2, .imm = 77},
		{.code = 0x85, .src_reg = 1, .imm = -2},
		{.code = 0x18, .src_reg = 2, .dst_reg = 1, .imm = 9},
		{.imm = 24},
	};
	static const char *const want[] = {"call bpf_map_lookup_elem#1", "call helper#2", "call bpf_cpumask_create#77",
					   "call pc-2#f_at_2", "r1 = .rodata+24"};
	static const char by_name[] = "call bpf_map_lookup_elem\ncall bpf_cpumask_create\ncall bpf_cpumask_create#77\n";
	struct bpf_insn *back;
	struct insn_asm_error e;
	char text[128];
	uint32_t n;

	for (uint32_t i = 0; i < COUNT(want); i++) {
		insn_text(insns, COUNT(insns), i, &opts, text, sizeof(text));
		assert_string_equal(text, want[i]);
	}
	assert_int_equal(insn_asm(by_name, sizeof(by_name) - 1, &asm_opts, &back, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_int_equal(back[0].imm, 1);
	assert_int_equal(back[0].src_reg, 0);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(back[i].imm, 77);
		assert_int_equal(back[i].off, 2);
		assert_int_equal(back[i].src_reg, BPF_PSEUDO_KFUNC_CALL);
	}
	free(back);
}

static void what_does_not_decode_has_its_reason_as_text(void **state)
{
	const struct bpf_insn bad = {.code = 0xdb, .imm = 0x30}, half = {.code = 0x18, .imm = 1};
	char text[128];

	assert_int_equal(insn_text(&bad, 1, 0, NULL, text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "(db) unknown atomic operation 0x30");
	assert_int_equal(insn_text(&bad, 1, 1, NULL, text, sizeof(text)), -EINVAL);
	assert_int_equal(insn_text(&half, 1, 0, NULL, text, sizeof(text)), 2); /* does not read beyond its end */
	assert_string_equal(text, "r0 = 0x1 ll");
	assert_int_equal(insn_text(&half, 1, 0, NULL, text, 5), 2); /* cut */
	assert_string_equal(text, "r0 =");
}

/* Lines that are cut, glued and altered at random: an answer each time, and a program that decodes. */
static void any_text_is_answered_without_harm(void **state)
{
	uint64_t rng = 12345;
	uint32_t taken = 0;

	for (int round = 0; round < 60000; round++) {
		char buf[256];
		size_t len = 0, n_lines;
		struct insn_asm_error e;
		struct bpf_insn *insns;
		uint32_t n;

#define RANDOM(m) ((rng = rng * 6364136223846793005ull + 1442695040888963407ull) >> 33) % (m)
		n_lines = 1 + RANDOM(3);
		for (size_t l = 0; l < n_lines; l++) {
			const char *line = kernel_lines[RANDOM(COUNT(kernel_lines))];
			size_t from = RANDOM(3) ? 0 : RANDOM(strlen(line));

			len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s\n", line + from);
		}
		for (size_t k = RANDOM(4); k; k--) {
			size_t at = RANDOM(len);

			buf[at] = RANDOM(5) ? buf[RANDOM(len)] : (char)(RANDOM(256));
		}
		char *exact = malloc(len); /* AddressSanitizer sees a read beyond */

		memcpy(exact, buf, len);
		if (!insn_asm(exact, len, NULL, &insns, &n, &e)) {
			for (uint32_t i = 0; i < n; i += insn_is_wide(&insns[i]) ? 2 : 1)
				assert_non_null(insn_decode(&insns[i], NULL));
			free(insns);
			taken++;
		} else {
			assert_true(e.message[0] != 0);
		}
		free(exact);
	}
	assert_true(taken > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_instruction_is_read_back_from_its_plain_text),
		cmocka_unit_test(every_instruction_is_read_back_from_bpftools_text),
		cmocka_unit_test(the_kernels_lines_come_back_letter_for_letter),
		cmocka_unit_test(llvm_objdumps_spellings_are_understood),
		cmocka_unit_test(labels_stand_for_distances),
		cmocka_unit_test(an_error_has_its_line_and_column),
		cmocka_unit_test(names_are_the_callers),
		cmocka_unit_test(what_does_not_decode_has_its_reason_as_text),
		cmocka_unit_test(any_text_is_answered_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
