/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify() as a whole, with every program of the rules: in many threads at once it gives the same results; when memory runs out at any
 * allocation it says so, or gives the same verdict, and gives back all it took.
 *
 * whole TYPES.bpf.o DIR
 */
#include "rules.h"

#include <bpf/btf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct btf *rules_vmlinux, *rules_types;
struct kernel_types *rules_kernel_types;

enum { MAX_PROGS = 4000, THREADS = 8, POINTS = 24, LONG = 20000 };

struct one {
	struct rule_prog *p;
	const struct rule *rule;
	int err;
	uint32_t insns;
	enum verify_problem problem;
	char message[512];
};
static struct one all[MAX_PROGS];
static uint32_t n_all, tests, failed;

/* Allocations (the linker puts these in front of libc's): counted, and the one that is asked for fails. */
static atomic_long outstanding;
static _Thread_local bool counting;
static _Thread_local long count, fail_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static bool refuse_this(void)
{
	return counting && ++count == fail_at;
}

static void *counted(void *p)
{
	if (counting && p)
		atomic_fetch_add(&outstanding, 1);
	return p;
}

void *__wrap_malloc(size_t size)
{
	return refuse_this() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse_this() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	void *got;

	if (refuse_this())
		return NULL;
	got = __real_realloc(p, size);
	if (counting && !p && got)
		atomic_fetch_add(&outstanding, 1);
	return got;
}

void __wrap_free(void *p)
{
	if (counting && p)
		atomic_fetch_sub(&outstanding, 1);
	__real_free(p);
}

static void tap(bool ok, const char *claim, const char *why)
{
	failed += !ok;
	printf("%sok %u - %s%s%s\n", ok ? "" : "not ", ++tests, claim, ok ? "" : "\n# ", ok ? "" : why);
}

/* Threads */

static bool same(const struct one *o, const struct verify_result *r, int err)
{
	return err == o->err && r->problem == o->problem && r->insns_processed == o->insns &&
	       !strcmp(r->message, o->message);
}

static void *judge_all(void *arg)
{
	uintptr_t start = (uintptr_t)arg, wrong = 0;

	for (uint32_t i = 0; i < n_all; i++) {
		struct one *o = &all[(i + start * 97) % n_all];
		struct verify_result r;
		int err;

		if (o->insns > LONG)
			continue;
		err = verify(&o->p->in, &r);
		if (!same(o, &r, err) && !wrong)
			wrong = (uintptr_t)o;
		verify_result_free(&r);
	}
	return (void *)wrong;
}

static void test_threads(void)
{
	pthread_t threads[THREADS];
	const struct one *wrong = NULL;
	void *got;

	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, judge_all, (void *)i))
			abort();
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &got);
		if (got)
			wrong = got;
	}
	tap(!wrong, "verify() gives the same results in many threads at once", wrong ? wrong->rule->claim : "");
}

/* Memory */

static int judge(const struct one *o, long fail, struct verify_result *r)
{
	int err;

	atomic_store(&outstanding, 0);
	count = 0;
	fail_at = fail;
	counting = true;
	err = verify(&o->p->in, r);
	verify_result_free(r);
	counting = false;
	return err;
}

static void test_memory(void)
{
	char why[512] = "", leak[512] = "";
	long tried = 0;

	for (uint32_t i = 0; i < n_all; i++) {
		const struct one *o = &all[i];
		struct verify_result r;
		long n, step;

		if (o->insns > 300)
			continue;
		judge(o, 0, &r);
		n = count;
		step = n > POINTS ? n / POINTS : 1;
		/* All of the first, which are the tables; then some of each walk, others in each program. */
		for (long k = 1; k <= n; k += k < 12 ? 1 : step + (long)(i % 3)) {
			int err = judge(o, k, &r);

			tried++;
			if (err != -ENOMEM && err != o->err && !why[0])
				snprintf(why, sizeof(why), "%s:%u: %s: allocation %ld of %ld: %d instead of %d",
					 o->rule->file, o->rule->line, o->rule->claim, k, n, err, o->err);
			if (atomic_load(&outstanding) && !leak[0])
				snprintf(leak, sizeof(leak), "%s:%u: %s: allocation %ld of %ld: %ld not given back",
					 o->rule->file, o->rule->line, o->rule->claim, k, n, atomic_load(&outstanding));
		}
	}
	printf("# %ld allocations failed\n", tried);
	tap(!why[0], "out of memory is -ENOMEM, or no matter", why);
	tap(!leak[0], "out of memory leaks none", leak);
}

static void add(struct rules_file *f, const struct rule *rule, bool accepted)
{
	struct one *o = &all[n_all];
	struct verify_result r;

	if (n_all == MAX_PROGS)
		return;
	if (rule_build(f, rule, accepted, &o->p) != RULE_BUILT) {
		rule_prog_free(o->p);
		return;
	}
	o->rule = rule;
	o->err = verify(&o->p->in, &r);
	o->insns = r.insns_processed;
	o->problem = r.problem;
	snprintf(o->message, sizeof(o->message), "%s", r.message);
	verify_result_free(&r);
	n_all++;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	rules_types = rules_load_types(argv[1]);
	if (!rules_types)
		return 99;
	rules_load_kernel();
	rules_each(argv[2], NULL, add);
	test_threads();
	test_memory();
	printf("1..%u\n# %u programs\n", tests, n_all);
	return failed ? 1 : 0;
}
