/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's rules as a table: what each forbids, and the nearest program that is allowed.
 *
 * Theory of operation
 *
 * A *.rules file is a list of cases. A case makes a claim and holds one program in two variants that differ in the lines that begin
 * with '-' (the refused program has them) and '+' (the accepted one has them):
 *
 *	== a packet is read behind a comparison with its end
 *	prog xdp
 *	reject PACKET_RANGE invalid access to packet
 *		r2 = *(u32 *)(r1 +0)
 *		...
 *	+	if r4 > r3 goto out
 *		r0 = *(u8 *)(r2 +0)
 *
 * A line that begins with a letter (or with a sign and a letter) says something about the program; one that begins with white space (or a sign and white
 * space) is an instruction. Without a line "reject" only the accepted variant is there, with "only" just the refused one. Before the
 * first case stand maps and macros that all cases of the file have; all.rules is read before every file.
 *
 *	map NAME TYPE KEY VALUE ENTRIES [flags=N] [extra=N] [type=STRUCT] [keytype=TYPE] [inner=MAP] [frozen=TEXT]
 *	def NAME			the instructions that follow, up to an empty line, are what "use NAME" stands for
 *	target NAME			the directives and instructions that follow are a program that others extend or trace
 *	prog TYPE [attach=N] [hook=NAME] [member=NAME] [target=NAME] [sleepable] [flags=N] [caps=bpf,perfmon,net,sys,none]
 *	     [license=NAME] [btf] [cpus=N] [insns=N] [memory=N] [own=BYTES] [types] [notypes] [nosymbols] [nohelpers]
 *	     [kernel=odd] [badinfo]
 *	     kernel=odd: the kernel's types are those of rules_odd_kernel(); badinfo: the record of the main function names no function
 *	func LABEL NAME			the function at a label is declared as NAME in types.bpf.c; else as the function of the label's name, if
 *					there is one; else as a static one without arguments
 *	fact ...			what the engine gets with the accepted program (facts.c)
 *	log LEVELS			the log at these levels is the kernel's, line by line (runner.c)
 *	nokernel REASON			only skep is asked
 *	errno REASON			the kernel's errno is another
 *
 * Instructions are those of insn/text.h, and: "r1 = @map", "r1 = @map+8" (its value), "r1 = &label" (a function's address),
 * "r1 = %name" (a kernel variable), "r1 = #name" (the id of a type in types.bpf.c, or "#kernel:name" in the kernel's BTF), "use NAME",
 * "repeat N INSTRUCTION", and "raw CODE DST SRC OFF IMM" for what the assembler does not write.
 *
 * Every variant is judged by verify(); where bpf(2) is allowed and the kernel is 6.18, by the kernel as well, and the errors must be
 * the same. A refusal must have the problem and contain the text. Cases that need the kernel's types (for a kernel function or a hook; "types"
 * says so where it does not show) are skipped where the kernel is not 6.18.
 */
#ifndef SKEP_TESTS_RULES_H
#define SKEP_TESTS_RULES_H

#include "base/uapi.h"
#include "base/util.h"
#include "btf/types.h"
#include "verify/verify.h"

#include <stdio.h>

struct btf;

enum { MAX_MAPS_OF_FILE = 256, MAX_LABELS = 64, MAX_FIXES = 512 };

struct rule_map {
	char name[32], value_type[48], key_type[48], inner[32];
	uint32_t type, key_size, value_size, max_entries, flags;
	uint64_t extra;
	char *frozen; /* text, as written; NULL: none */
	/* Made when first needed. */
	bool made;
	struct verify_map map;
	struct btf_record *record;
	uint8_t *bytes;
	int fd; /* the kernel's; 0: not yet */
};

/* One variant of a case, ready to be judged. */
struct rule_prog {
	struct verify_input in;
	struct bpf_insn *insns;
	uint32_t *subprogs;
	struct bpf_func_info *func_info;
	const struct btf *btfs[1];
	const struct verify_map *maps[300];
	struct rule_map *used[300];
	struct verify_map inner_maps[300];
	struct verify_map own_maps[300]; /* with this program's index */
	struct rule_prog *target;
	bool needs_kernel; /* the kernel's types */
	char error[256]; /* why there is no program */
};

struct rule {
	char claim[200];
	const char *file;
	uint32_t line;
	enum verify_problem problem;
	char message[200]; /* empty: no refused variant */
	bool only; /* no accepted variant */
	bool no_kernel;
	bool no_errno; /* the kernel refuses it too, with another errno */
	char *text; /* directives and instructions */
};

struct rules_file {
	char name[64];
	struct rule *rules;
	uint32_t n;
	struct rule_map *maps;
	uint32_t n_maps;
	char *defs[64], *targets[32];
	uint32_t n_defs, n_targets;
};

extern struct btf *rules_vmlinux, *rules_types; /* the kernel's, or NULL; that of types.bpf.c */
extern struct kernel_types *rules_kernel_types;

/* types.c: NULL when there is no BTF. rules_load_kernel() fills in the kernel's, where it is 6.18. */
void rules_load_kernel(void);
struct btf *rules_odd_kernel(void), *rules_odd_types(void); /* for "kernel=odd" */
struct btf *rules_load_types(const char *path);

/*
 * rules_each - every case of the *.rules in a folder, in the order of the files' names, once for each variant that it has. What is visited stays until the
 * process ends; a file that cannot be read ends it, with a message (parse.c).
 * @names: the beginnings of the names of files, up to a NULL: only these; NULL: all
 */
void rules_each(const char *dir, char **names,
		void (*visit)(struct rules_file *f, const struct rule *r, bool accepted));

/* build.c */
enum rule_build { RULE_BUILT, RULE_BROKEN, RULE_NEEDS_KERNEL };
enum rule_build rule_build(struct rules_file *f, const struct rule *r, bool accepted, struct rule_prog **out);
void rule_prog_free(struct rule_prog *p);
const char *rule_problem_name(enum verify_problem problem);
int rule_problem(const char *name); /* -1: none */

/* facts.c: do the lines "fact ..." of an accepted program hold? */
bool rule_facts(const struct rule *rule, const struct rule_prog *p, const struct verify_result *r, char *why,
		size_t size);

/* kernel.c: what the kernel says of it. 1: it cannot be asked (as this user). */
int rule_kernel(struct rule_prog *p, uint32_t log_level, char *log, size_t log_size);

#endif
