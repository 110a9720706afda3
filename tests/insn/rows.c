/* SPDX-License-Identifier: BSD-2-Clause */
#include "rows.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t registers(uint32_t form)
{
	return form == FORM_READ ? 11 : form == FORM_WRITE ? 10 : 1;
}

void rows_visit(void (*fn)(const struct insn_desc *d, uint32_t dst, uint32_t src, int16_t off, int32_t imm,
			   int32_t more))
{
	static const int16_t offs[] = {0, 1, -1, 8, -512, INT16_MAX, INT16_MIN};
	static const int32_t imms[] = {0, 1, -1, 5, 0x7f, -0x80, 0x12345678, INT32_MAX, INT32_MIN};

	for (uint32_t op = 0; op < INSN_OP_COUNT; op++) {
		const struct insn_desc *d = &insn_descs[op];
		bool off_open = d->off == FORM_JUMP || d->off == FORM_MEM;
		bool imm_open = d->imm == FORM_JUMP || d->imm == FORM_IMM;
		bool wide = d->code == (BPF_LD | BPF_IMM | BPF_DW);

		for (uint32_t dst = 0; dst < registers(d->dst); dst++)
			for (uint32_t src = 0; src < registers(d->src); src++)
				for (size_t o = 0; o < (off_open ? COUNT(offs) : 1); o++)
					for (size_t i = 0; i < (imm_open ? COUNT(imms) : 1); i++)
						for (size_t m = 0; m < (wide ? COUNT(imms) : 1); m++)
							fn(d, dst, src, offs[o], imms[i], imms[m]);
	}
}
