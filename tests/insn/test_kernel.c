/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle: its verifier's log prints every instruction with its own disassembler, and its messages
 * tell an encoding that it refuses from a program that it refuses. Nothing is attached or kept.
 *
 * Needs bpf(2) for us (root), and Linux 6.15, the youngest that brought an instruction; else exits with 77.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "insn/encode.h"
#include "insn/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char verifier_log[1 << 16];

/* load - give a socket filter to the kernel. Return: 0, or the error; its words are in verifier_log. */
static int load(const struct bpf_insn *insns, uint32_t n, uint32_t log_level)
{
	union bpf_attr attr = {};
	int fd, err;

	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	attr.log_level = log_level;
	attr.log_buf = (uintptr_t)verifier_log;
	attr.log_size = sizeof(verifier_log);
	verifier_log[0] = 0;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

enum { MAX_SLOTS = 64 };

/*
 * around - a program that gives every register a value, r6 the context and r7 the frame pointer, runs the
 * instruction in question, and returns.
 * @tail:  how many moves come behind, for jumps to land on
 * @at:    where the instruction is
 */
static uint32_t around(const struct bpf_insn *insn, uint32_t tail, struct bpf_insn *out, uint32_t *at)
{
	uint32_t n = 0;

	insn_encode(INSN_MOV64_X, 6, 1, 0, 0, &out[n++]);
	for (uint32_t r = 0; r < 6; r++)
		insn_encode(INSN_MOV64_K, r, 0, 0, r + 1, &out[n++]);
	insn_encode(INSN_MOV64_X, 7, 10, 0, 0, &out[n++]);
	insn_encode(INSN_STDW, 10, 0, -8, 0, &out[n++]);
	*at = n;
	out[n++] = *insn;
	if (insn_is_wide(insn))
		out[n++] = (struct bpf_insn){};
	for (uint32_t i = 0; i < tail; i++)
		insn_encode(INSN_MOV64_K, 0, 0, 0, 0, &out[n++]);
	insn_encode(INSN_EXIT, 0, 0, 0, 0, &out[n++]);
	return n;
}

static bool name_helper(void *arg, uint32_t id, char *buf, size_t size)
{
	return id == BPF_FUNC_ktime_get_ns && snprintf(buf, size, "bpf_ktime_get_ns") > 0;
}

/* printed - how the log prints the instruction at a slot; "" when it does not. */
static void printed(uint32_t at, char *buf, size_t size)
{
	char key[32];
	const char *line;
	size_t len;

	snprintf(key, sizeof(key), "\n%u: (", at);
	line = strstr(verifier_log, key);
	line = line ? strchr(line + 1, ' ') + 1 : "";
	len = strcspn(line, ";\n"); /* the registers' state follows a semicolon */
	while (len && line[len - 1] == ' ')
		len--;
	snprintf(buf, size, "%.*s", (int)len, line);
}

static void the_kernel_prints_every_instruction_as_we_do(void **state)
{
	const struct insn_text_opts opts = {.flags = INSN_TEXT_OPCODE, .helper = name_helper};
	uint32_t compared = 0;

	for (uint32_t op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		bool mem = d->off == FORM_MEM, load_from = mem && d->dst == FORM_WRITE;
		uint32_t dst = d->dst == FORM_WRITE ? 3 : d->dst == FORM_READ ? (mem ? 7 : 3) : 0;
		uint32_t src = d->src == FORM_WRITE ? 2 : d->src == FORM_READ ? (load_from ? 7 : 2) : 0;
		struct bpf_insn insn, insns[MAX_SLOTS];
		char theirs[256], ours[256];
		uint32_t n, at;

		/* Those need objects, a second function, or are none of the kernel's; an exit would end the program. */
		if (op == INSN_CALL_KFUNC || d->isa == 6 || op == INSN_CALL_SUBPROG || op == INSN_EXIT ||
		    (d->code == (BPF_LD | BPF_IMM | BPF_DW) && op != INSN_LDIMM64))
			continue;
		assert_int_equal(insn_encode(op, dst, src, mem ? -8 : 0, d->imm == FORM_IMM ? 5 : 0, &insn), 0);
		n = around(&insn, 1, insns, &at);
		load(insns, n, 2);
		printed(at, theirs, sizeof(theirs));
		insn_text(insns, n, at, &opts, ours, sizeof(ours));
		if (strcmp(ours, theirs))
			fail_msg("%s: '%s', the kernel says '%s'", d->name, ours, theirs);
		compared++;
	}
	assert_true(compared > 160);
}

/* encoding_refused - whether the log complains of an encoding, not of what the program does. */
static bool encoding_refused(void)
{
	static const char *const words[] = {"unknown opcode",
					    "reserved",
					    "is invalid",
					    "invalid BPF",
					    "unrecognized",
					    "invalid atomic",
					    "frame pointer is read only"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(verifier_log, words[i]))
			return true;
	return false;
}

static void the_kernel_refuses_exactly_the_encodings_that_we_refuse(void **state)
{
	static const uint8_t regs[] = {0x00, 0x07, 0x70, 0x27, 0x0a, 0x2b, 0xb2};
	static const int16_t offs[] = {0, 1, 8, -8, 32};
	static const int32_t imms[] = {0, 1, 16, 0x40, 0x30, 0x100, 0xf1};
	uint32_t accepted = 0;

	for (uint32_t code = 0; code < 256; code++)
		for (size_t r = 0; r < COUNT(regs); r++)
			for (size_t o = 0; o < COUNT(offs); o++)
				for (size_t i = 0; i < COUNT(imms); i++) {
					const struct bpf_insn insn = {.code = (uint8_t)code,
								      .dst_reg = regs[r] & 15,
								      .src_reg = regs[r] >> 4,
								      .off = offs[o],
								      .imm = imms[i]};
					const struct insn_desc *d = insn_decode(&insn, NULL);
					struct bpf_insn insns[MAX_SLOTS];
					uint32_t at, n = around(&insn, 40, insns, &at);
					int err = load(insns, n, 1);

					if (d && d->isa == 6) /* our extension */
						continue;
					accepted += d != NULL;
					if (!d && !err)
						fail_msg("the kernel takes %02x %02x %d %d", code, regs[r], insn.off,
							 insn.imm);
					if (d && err && encoding_refused())
						fail_msg("the kernel refuses %s %02x %d %d: %s", d->name, regs[r],
							 insn.off, insn.imm, verifier_log);
				}
	assert_true(accepted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_prints_every_instruction_as_we_do),
		cmocka_unit_test(the_kernel_refuses_exactly_the_encodings_that_we_refuse),
	};
	const struct bpf_insn program[] = {{.code = 0xb7}, {.code = 0x95}};
	unsigned int major = 0, minor = 0;
	struct utsname name;
	int err = load(program, 2, 1);

	if (err) {
		fprintf(stderr, "skipped: no bpf(2) for us: %s\n", strerror(-err));
		return 77;
	}
	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2 || major * 100 + minor < 615) {
		fprintf(stderr, "skipped: Linux %s is older than 6.15\n", name.release);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
