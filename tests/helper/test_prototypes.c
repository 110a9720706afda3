/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helper table against the prototypes that Linux 6.18 itself works with, recorded in prototypes-6.18.txt: licence, packet
 * access, sleeping, bpf_fastcall, what is returned, and each argument's type, flags, size and kernel type, as each program type sees them.
 * Needs no kernel.
 */
#include "helper/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's numbers: enum bpf_arg_type, bpf_return_type, bpf_type_flag. */
enum { MAYBE_NULL = 0x100, RDONLY = 0x200, RELEASE = 0x2000, UNINIT = 0x8000, LOCAL = 0x10000, RINGBUF = 0x20000 };
enum { FIXED_SIZE = 0x40000, TRUSTED = 0x100000, ALIGNED = 0x2000000, WRITE = 0x4000000, MEM_RINGBUF = 0x400 };

static const uint32_t arg_types[] = {
	[ARG_NONE] = 0,
	[ARG_ANY] = 9,
	[ARG_CONST_MAP_PTR] = 1,
	[ARG_MAP_KEY] = 2,
	[ARG_MAP_VALUE] = 3,
	[ARG_MEM] = 4,
	[ARG_MEM_FIXED] = 4 | FIXED_SIZE,
	[ARG_SIZE] = 6,
	[ARG_SIZE_OR_ZERO] = 7,
	[ARG_CTX] = 8,
	[ARG_CONST_ALLOC_SIZE] = 15,
	[ARG_RINGBUF_MEM] = 14,
	[ARG_SPIN_LOCK] = 10,
	[ARG_TIMER] = 21,
	[ARG_KPTR] = 22,
	[ARG_DYNPTR] = 23,
	[ARG_FUNC] = 18,
	[ARG_STACK] = 19,
	[ARG_CONST_STR] = 20,
	[ARG_BTF_ID] = 13,
	[ARG_SOCK_COMMON] = 11,
	[ARG_BTF_SOCK_COMMON] = 16,
	[ARG_SOCKET] = 12,
	[ARG_PERCPU_BTF_ID] = 17,
	[ARG_LONG_PTR] = 4 | FIXED_SIZE,
	[ARG_INT_PTR] = 4 | FIXED_SIZE,
};

static const uint32_t arg_flags[] = {MAYBE_NULL, UNINIT, RDONLY, RELEASE, WRITE, ALIGNED, LOCAL, RINGBUF};

static const uint32_t ret_types[] = {
	[RET_INTEGER] = 0,
	[RET_VOID] = 1,
	[RET_MAP_VALUE] = 2,
	[RET_SOCKET] = 3,
	[RET_TCP_SOCK] = 4,
	[RET_SOCK_COMMON] = 5,
	[RET_RINGBUF_MEM] = 6 | MEM_RINGBUF,
	[RET_DYNPTR_MEM] = 6,
	[RET_BTF_ID] = 8,
	[RET_MEM_OR_BTF_ID] = 7,
};

/* line - a helper's row in the words of the file. */
static void line(const struct helper_desc *h, char *out, size_t size)
{
	uint32_t ret = ret_types[h->ret];
	int n;

	if (h->flags & HELPER_RET_NULL)
		ret |= MAYBE_NULL;
	if (h->flags & HELPER_RET_TRUSTED)
		ret |= TRUSTED;
	if (h->flags & HELPER_RET_RDONLY)
		ret |= RDONLY;
	n = snprintf(out, size, "%d %d %d %d %x %s", !!(h->flags & HELPER_GPL), !!(h->flags & HELPER_PKT_ACCESS),
		     !!(h->flags & HELPER_SLEEPS), !!(h->flags & HELPER_FASTCALL), ret, h->ret_btf ? h->ret_btf : "-");
	for (int i = 0; i < 5; i++) {
		uint32_t type = arg_types[h->args[i].type];

		for (uint32_t f = 0; f < 8; f++)
			if (h->args[i].flags & 1u << f)
				type |= arg_flags[f];
		n += snprintf(out + n, size - (size_t)n, " %x:", type);
		if (type & FIXED_SIZE)
			n += snprintf(out + n, size - (size_t)n, "%u", h->args[i].size);
		else
			n += snprintf(out + n, size - (size_t)n, "%s", h->args[i].btf ? h->args[i].btf : "-");
	}
}

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
	uint32_t lines = 0, wrong = 0, id, type, attach;
	char text[512], ours[512];

	if (!f) {
		fprintf(stderr, "usage: test-prototypes prototypes-6.18.txt\n");
		return 1;
	}
	while (fgets(text, sizeof(text), f)) {
		int at = 0;

		if (text[0] == '#' || sscanf(text, "%u %u %u %*s %n", &id, &type, &attach, &at) < 3)
			continue;
		text[strcspn(text, "\n")] = 0;
		lines++;
		line(helper_for(id, type, attach), ours, sizeof(ours));
		if (strcmp(ours, text + at)) {
			wrong++;
			printf("helper %u, program type %u: the kernel %s\n%*sthe table  %s\n", id, type, text + at, 0,
			       "", ours);
		}
	}
	fclose(f);
	printf("%u prototypes, %u differences\n", lines, wrong);
	return wrong || lines < 200;
}
