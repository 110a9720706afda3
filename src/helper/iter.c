/* SPDX-License-Identifier: BSD-2-Clause */
/* Open-coded iterators: bpf_for(). The verifier sees to it that one is new, advanced and destroyed in that order. */
#include "helper/impl.h"

/* What struct bpf_iter_num holds. */
struct num {
	int32_t cur; /* the number that was given last; before the first: one less than it */
	int32_t end; /* the first that is not given any more */
};

enum { MAX_LOOPS = 8 * 1024 * 1024 };

_Static_assert(sizeof(struct num) == 8, "struct bpf_iter_num");

KFUNC(bpf_iter_num_new)
{
	int32_t start = (int32_t)r2, end = (int32_t)r3;
	struct num *it = helper_ptr(r1);

	*it = (struct num){0};
	if (start > end)
		return helper_result(-EINVAL);
	if ((int64_t)end - start > MAX_LOOPS)
		return helper_result(-E2BIG);
	/* One less than the smallest number wraps, and next() comes back from there. */
	*it = (struct num){.cur = (int32_t)((uint32_t)start - 1), .end = end};
	return 0;
}

KFUNC(bpf_iter_num_next)
{
	struct num *it = helper_ptr(r1);
	int32_t next = (int32_t)((uint32_t)it->cur + 1);

	if (next >= it->end) {
		*it = (struct num){0};
		return 0;
	}
	it->cur = next;
	return (uintptr_t)&it->cur;
}

KFUNC(bpf_iter_num_destroy)
{
	struct num *it = helper_ptr(r1);

	*it = (struct num){0};
	return 0;
}
