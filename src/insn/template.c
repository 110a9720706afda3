/* SPDX-License-Identifier: BSD-2-Clause */
/* How each operation looks as text: kernel/bpf/disasm.c's syntax as templates (text.h). */
#include "insn/text.h"

static const char *alu_template(const struct insn_desc *d)
{
	switch (BPF_OP(d->code)) {
	case BPF_NEG:
		return "%D = -%D";
	case BPF_END:
		return "%d = %o %d";
	case BPF_MOV:
		if (d->off & FORM_EQ)
			return "%D = %o%S";
	}
	return d->src == FORM_READ ? "%D %o %S" : "%D %o %i";
}

static const char *jump_template(const struct insn_desc *d)
{
	switch (d->op) {
	case INSN_JA:
	case INSN_GOTOL:
	case INSN_MAY_GOTO:
		return "%o %j";
	case INSN_CALL_HELPER:
		return "call %h";
	case INSN_CALL_SUBPROG:
		return "call %p";
	case INSN_CALL_KFUNC:
		return "call %k";
	case INSN_CALLX:
		return "callx %d";
	case INSN_EXIT:
		return "exit";
	}
	return d->src == FORM_READ ? "if %D %o %S goto %j" : "if %D %o %x goto %j";
}

static const char *atomic_template(const struct insn_desc *d)
{
	switch (d->imm & ~(uint32_t)FORM_EQ) {
	case BPF_LOAD_ACQ:
		return "%e = %o((%t *)(%s %m))";
	case BPF_STORE_REL:
		return "%o((%t *)(%d %m), %f)";
	case BPF_CMPXCHG:
		return "r0 = %a((%t *)(%d %m), r0, %f)";
	}
	return d->src == FORM_WRITE ? "%f = %a((%t *)(%d %m), %f)" : "lock *(%t *)(%d %m) %o %f";
}

const char *insn_template(const struct insn_desc *d)
{
	switch (BPF_CLASS(d->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return alu_template(d);
	case BPF_JMP:
	case BPF_JMP32:
		return jump_template(d);
	case BPF_LDX:
		return "%e = *(%t *)(%s %m)";
	case BPF_ST:
		return "*(%t *)(%d %m) = %i";
	case BPF_STX:
		return BPF_MODE(d->code) == BPF_ATOMIC ? atomic_template(d) : "*(%t *)(%d %m) = %f";
	}
	if (BPF_MODE(d->code) == BPF_IMM)
		return "%d = %l";
	return BPF_MODE(d->code) == BPF_ABS ? "r0 = *(%t *)skb[%i]" : "r0 = *(%t *)skb[%s + %i]";
}

const char *insn_template_llvm(const struct insn_desc *d)
{
	switch (d->op) {
	case INSN_FETCH_ADD64:
		return "%s = atomic_fetch_add((u64 *)(%d %m), %s)";
	case INSN_FETCH_OR64:
		return "%s = atomic_fetch_or((u64 *)(%d %m), %s)";
	case INSN_FETCH_AND64:
		return "%s = atomic_fetch_and((u64 *)(%d %m), %s)";
	case INSN_FETCH_XOR64:
		return "%s = atomic_fetch_xor((u64 *)(%d %m), %s)";
	case INSN_XCHG64:
		return "%s = xchg_64(%d %m, %s)";
	case INSN_XCHG32:
		return "%f = xchg32_32(%d %m, %f)";
	case INSN_CMPXCHG64:
		return "r0 = cmpxchg_64(%d %m, r0, %s)";
	case INSN_CMPXCHG32:
		return "w0 = cmpxchg32_32(%d %m, w0, %f)";
	case INSN_LDINDB:
	case INSN_LDINDH:
	case INSN_LDINDW:
		return "r0 = *(%t *)skb[%s]";
	}
	return NULL;
}

bool insn_is_narrow(const struct insn_desc *d)
{
	switch (BPF_CLASS(d->code)) {
	case BPF_ALU:
	case BPF_JMP32:
		return true;
	case BPF_LD:
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return BPF_SIZE(d->code) != BPF_DW;
	}
	return false;
}

const char *insn_mem_type(const struct insn_desc *d)
{
	/* Rows of plain loads and stores carry the type themselves, signed ones too. */
	if (BPF_CLASS(d->code) != BPF_STX || BPF_MODE(d->code) != BPF_ATOMIC)
		return d->sym;
	switch (BPF_SIZE(d->code)) {
	case BPF_B:
		return "u8";
	case BPF_H:
		return "u16";
	case BPF_W:
		return "u32";
	}
	return "u64";
}
