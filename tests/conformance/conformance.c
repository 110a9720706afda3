/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conformance [--negative] [-v] DIR...: run every *.data vector in DIR through every engine.
 *
 * A vector passes when its program gives the result that it states, or is refused when it
 * says so. With --negative a vector passes when it does not keep what it states: it is refused
 * (by the assembler or by the shape check), gives another result, or should have been
 * refused and is not.
 *
 * Exit status: 0 when all passed, 1 when some failed or there were none, 77 when a DIR does not exist.
 */
#include "casm.h"
#include "insn/check.h"
#include "vector.h"
#include "vm/vm.h"
#include "jit/jit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Legacy packet access reads the vector's memory. */
struct packet {
	const uint8_t *bytes;
	size_t size;
};

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	const struct packet *p = env->pkt;

	if (off < 0 || (uint64_t)off + size > p->size)
		return false;
	*value = 0;
	for (uint32_t i = 0; i < size; i++)
		*value = *value << 8 | p->bytes[(uint32_t)off + i];
	return true;
}

/* Helper 1: tells its five arguments apart. */
static uint64_t weigh(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5;
}

/* Helper 5, ubpf's "unwind" whose argument says not to: what call_unwind_fail and callx call. */
static uint64_t same(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return r1;
}

static const skep_fn helpers[] = {[1] = weigh, [5] = same};

/* Each runs @code with r1 to r5 from @args. Return: NULL with *r0, or why it could not. */
typedef const char *engine_fn(const struct skep_code *code, const uint64_t args[5], struct skep_env *env, uint64_t *r0);

static const char *run_vm(const struct skep_code *code, const uint64_t args[5], struct skep_env *env, uint64_t *r0)
{
	struct vm_prog *prog;

	if (vm_prepare(code, &prog))
		return "the interpreter does not take the program";
	*r0 = vm_run_args(prog, args, env);
	vm_free(prog);
	return env->fault ? "the run ended early" : NULL;
}

static const char *run_jit(const struct skep_code *code, const uint64_t args[5], struct skep_env *env, uint64_t *r0)
{
	struct jit_object *obj;
	struct jit_text text;

	if (jit_compile(code, &obj))
		return "the JIT does not take the program";
	int err = jit_link(obj, code, &text);

	jit_object_free(obj);
	if (err)
		return "the JIT cannot place the program";
	*r0 = jit_run_args(text.entry, args, env);
	jit_unlink(&text);
	return env->fault ? "the run ended early" : NULL;
}

/* has_vm, has_jit - whether the engine exists on this machine. */
static bool has_vm(void)
{
	return true;
}

static bool has_jit(void)
{
	struct bpf_insn end = {.code = BPF_JMP | BPF_EXIT};
	const uint32_t subprogs[] = {0};
	const struct skep_code code = {.insns = &end, .n_insns = 1, .subprogs = subprogs, .n_subprogs = 1};
	struct jit_object *obj;
	int err = jit_compile(&code, &obj);

	if (!err)
		jit_object_free(obj);
	return err != -EOPNOTSUPP;
}

static const struct {
	const char *name;
	bool (*exists)(void);
	engine_fn *run;
} engines[] = {
	{"interpreter", has_vm, run_vm},
	{"jit", has_jit, run_jit},
};

/* What became of a vector in one engine. */
struct outcome {
	bool refused;
	bool kept; /* did what the vector states */
	char why[320];
};

static void run(const struct vector *v, engine_fn *engine, struct outcome *o)
{
	const uint32_t allow = INSN_ALLOW_RFC_MATH | INSN_ALLOW_CALLX | INSN_ALLOW_UNREACHABLE;
	struct insn_shape shape = {};
	const char *why;
	uint64_t r0;

	*o = (struct outcome){.refused = true};
	if (v->malformed || !v->insns) {
		o->kept = v->error && !v->malformed;
		snprintf(o->why, sizeof(o->why), "%s", v->why);
		return;
	}
	if (insn_check(v->insns, v->n_insns, allow, &shape)) {
		o->kept = v->error;
		snprintf(o->why, sizeof(o->why), "instruction %u: %s", shape.insn, shape.reason);
		return;
	}
	struct skep_code code = {
		.insns = v->insns,
		.n_insns = v->n_insns,
		.helpers = helpers,
		.n_helpers = sizeof(helpers) / sizeof(helpers[0]),
		.subprogs = shape.subprogs,
		.n_subprogs = shape.n_subprogs,
	};
	/* A copy of exactly that size: AddressSanitizer sees what goes beyond. */
	uint8_t *mem = v->mem_size ? malloc(v->mem_size) : NULL;
	struct packet pkt = {mem, v->mem_size};
	struct skep_env env = {.pkt = &pkt};
	uint64_t args[5] = {(uintptr_t)mem, v->mem_size};

	if (mem)
		memcpy(mem, v->mem, v->mem_size);
	o->refused = false;
	why = engine(&code, args, &env, &r0);
	if (why)
		snprintf(o->why, sizeof(o->why), "%s", why);
	else if (v->error)
		snprintf(o->why, sizeof(o->why), "it was not refused");
	else if (r0 != v->result)
		snprintf(o->why, sizeof(o->why), "r0 is 0x%llx, not 0x%llx", (unsigned long long)r0,
			 (unsigned long long)v->result);
	else
		o->kept = true;
	free(mem);
	insn_shape_free(&shape);
}

static int is_vector(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 5 && !strcmp(e->d_name + len - 5, ".data");
}

int main(int argc, char **argv)
{
	unsigned int passed = 0, failed = 0;
	bool negative = false, verbose = false;

	for (int a = 1; a < argc; a++) {
		struct dirent **names;
		int n;

		if (!strcmp(argv[a], "--negative") || !strcmp(argv[a], "-v")) {
			negative |= argv[a][1] == '-';
			verbose |= argv[a][1] == 'v';
			continue;
		}
		n = scandir(argv[a], &names, is_vector, alphasort);
		if (n < 0) {
			bool absent = errno == ENOENT;

			fprintf(stderr, "%s: %s%s\n", argv[a], strerror(errno), absent ? ": skipped" : "");
			return absent ? 77 : 1;
		}
		for (int i = 0; i < n; i++) {
			char path[4096];
			struct vector v;

			snprintf(path, sizeof(path), "%s/%s", argv[a], names[i]->d_name);
			vector_read(path, &v);
			for (size_t e = 0; e < sizeof(engines) / sizeof(engines[0]); e++) {
				struct outcome o;
				bool ok;

				if (!engines[e].exists())
					continue;
				run(&v, engines[e].run, &o);
				ok = negative ? o.refused || !o.kept : o.kept;
				passed += ok;
				failed += !ok;
				if (!ok || verbose)
					printf("%s: %s (%s)%s%s\n", ok ? "ok" : "FAILED", names[i]->d_name,
					       engines[e].name, o.why[0] ? ": " : "", o.why);
			}
			vector_free(&v);
			free(names[i]);
		}
		free(names);
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed || !passed ? 1 : 0;
}
