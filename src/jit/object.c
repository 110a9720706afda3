// SPDX-License-Identifier: BSD-2-Clause
/* Objects: compiling for the CPU that we run on, and freeing the result. */
#include "jit/jit.h"
#include "jit/target.h"

#include <stdlib.h>

int jit_compile(const struct skep_code *code, struct jit_object **out)
{
	return jit_compile_for(code, jit_host_features(), out);
}

void jit_object_free(struct jit_object *obj)
{
	if (!obj)
		return;
	free(obj->bytes);
	free(obj->relocs);
	free(obj->insn_offset);
	free(obj->func_offset);
	free(obj);
}
