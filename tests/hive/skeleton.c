/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ordinary libbpf program, which knows nothing of skep: a skeleton's global variables are set before the load, mapped after it,
 * and changed by both sides.
 */
#include <linux/types.h>
#include <stdio.h>

struct pair {
	__u64 a;
	__u32 b;
	char text[12];
};

#include "globals.skel.h"

#include <bpf/bpf.h>

#define CHECK(what)                                                                                                    \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			fprintf(stderr, "%d: not so: %s\n", __LINE__, #what);                                          \
			return 1;                                                                                      \
		}                                                                                                      \
	} while (0)

static int run(struct bpf_program *prog, __u32 *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	*ret = opts.retval;
	return err;
}

int main(void)
{
	struct globals *o = globals__open();
	__u32 ret;

	CHECK(o);
	o->data->in_data = 6;
	CHECK(!globals__load(o));
	CHECK(o->data->in_data == 6 && o->bss->in_bss == 0 && o->rodata->in_rodata == 7);
	CHECK(!run(o->progs.sum, &ret));
	CHECK(ret == 6 + 700 + 110000 + 13000000);
	o->data->in_data = 8;
	CHECK(!run(o->progs.sum, &ret));
	CHECK(ret == 8 + 700 + 110000 + 13000000);
	CHECK(!run(o->progs.write, &ret));
	CHECK(o->data->in_data == 9 && o->bss->in_bss == 0x100000000 && o->data->pair.text[0] == 'I');
	globals__destroy(o);
	return 0;
}
