/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conclusions [--record] RECORD TYPES.bpf.o DIR: what the verifier concludes of every program of the *.rules in DIR (conclude.h), beside
 * what is recorded in RECORD. A difference is not yet a defect: it asks the author of a change whether that was meant.
 * conclusions --show TEXT TYPES.bpf.o DIR: the log at level 2 of the programs whose claim contains TEXT.
 *
 * A record is a line for each program, in the order of the files: case, verdict, figures, digests. Programs that need the kernel's types depend on
 * its BTF: they are compared only on the release that is in the record's first line.
 */
#include "conclude.h"
#include "rules.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>

struct btf *rules_vmlinux, *rules_types;
struct kernel_types *rules_kernel_types;

enum { MAX_PROGRAMS = 8192, N_FIGURES = 12 };
static const char *const figures[N_FIGURES] = {"errno",
					       "problem",
					       "refused at",
					       "instructions processed",
					       "states",
					       "states at once",
					       "states of one instruction",
					       "longest mark",
					       "stack depth",
					       "context",
					       "facts for the engine",
					       "claims"};

static const char *shown; /* of the claims whose logs are wanted; NULL: none are */

struct line {
	char *program; /* file, claim, variant; with a number when there are several */
	char *figures; /* tab-separated */
	bool kernel; /* it needs the kernel's types */
	bool met;
};
static struct line record[MAX_PROGRAMS], now[MAX_PROGRAMS];
static uint32_t n_record, n_now, n_skipped;
static char release[128];

static void to_stdout(void *arg, const char *text, size_t len)
{
	printf("%.*s", (int)len, text);
}

static char *text_of(const char *from)
{
	char *text = strdup(from);

	if (!text)
		abort();
	return text;
}

static struct line *find(struct line *lines, uint32_t n, const char *program)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(lines[i].program, program))
			return &lines[i];
	return NULL;
}

static void show(struct rule_prog *p, const char *program)
{
	struct verify_result result;

	printf("%s\n", program);
	p->in.log_level = 2;
	p->in.log = to_stdout;
	verify(&p->in, &result);
	verify_result_free(&result);
}

static void run(struct rules_file *f, const struct rule *r, bool accepted)
{
	char program[400], values[400];
	struct verify_result result;
	struct rule_prog *p = NULL;
	enum rule_build built = rule_build(f, r, accepted, &p);
	struct conclusion c;
	int len = snprintf(program, sizeof(program), "%s\t%s\t%s", r->file, r->claim, accepted ? "+" : "-");

	for (int i = 2; find(now, n_now, program); i++)
		snprintf(program + len, sizeof(program) - (size_t)len, "%d", i);
	if (built == RULE_BROKEN || n_now == MAX_PROGRAMS) {
		fprintf(stderr, "%s: %s\n", program, built == RULE_BROKEN ? p->error : "too many programs");
		exit(99);
	}
	if (shown && built == RULE_BUILT && strstr(r->claim, shown))
		show(p, program);
	now[n_now].program = text_of(program);
	values[0] = 0;
	if (built == RULE_BUILT && !shown) {
		conclude(&p->in, &c, &result);
		verify_result_free(&result);
		snprintf(values, sizeof(values), "%d\t%s\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%08x\t%08x", c.err,
			 c.err ? rule_problem_name(c.problem) : "-", c.insn, c.insns_processed, c.total_states,
			 c.peak_states, c.max_states_per_insn, c.mark_read, c.stack_depth, c.max_ctx, c.facts,
			 c.claims);
	}
	now[n_now].kernel = p->needs_kernel;
	now[n_now++].figures = text_of(values);
	rule_prog_free(p);
}

/* The record. A line: K or - (needs the kernel's types), the three fields of the program, the figures. */

static const char head[] =
	"# What the verifier concludes of each program of tests/verify/rules; written by conclusions.c on ";

static int write_record(const char *path)
{
	FILE *out = fopen(path, "w");
	struct utsname u;

	if (!out || uname(&u)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	fprintf(out, "%s%.*s\n", head, (int)strspn(u.release, "0123456789."), u.release);
	for (uint32_t i = 0; i < n_now; i++)
		fprintf(out, "%s\t%s\t%s\n", now[i].kernel ? "K" : "-", now[i].program, now[i].figures);
	if (fclose(out)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	printf("%u programs recorded in %s\n", n_now, path);
	return 0;
}

static void read_record(const char *path)
{
	FILE *in = fopen(path, "r");
	char text[1024];

	if (!in) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(99);
	}
	while (fgets(text, sizeof(text), in)) {
		char *at = text + 2;

		text[strcspn(text, "\n")] = 0;
		if (!strncmp(text, head, sizeof(head) - 1))
			snprintf(release, sizeof(release), "%.127s", text + sizeof(head) - 1);
		if (text[0] == '#' || n_record == MAX_PROGRAMS)
			continue;
		for (int i = 0; i < 3 && at; i++) {
			at = strchr(at, '\t');
			at += at != NULL;
		}
		if (!at) {
			fprintf(stderr, "%s: '%s' is no line of a record\n", path, text);
			exit(99);
		}
		at[-1] = 0;
		record[n_record++] =
			(struct line){.program = text_of(text + 2), .figures = text_of(at), .kernel = text[0] == 'K'};
	}
	fclose(in);
}

/* Which figures differ, in words. */
static void tell(const struct line *was, const struct line *is)
{
	char *a = was->figures, *b = is->figures;

	for (int i = 0; i < N_FIGURES && a && b; i++) {
		const char *from = strsep(&a, "\t"), *to = strsep(&b, "\t");

		if (from && to && strcmp(from, to) != 0)
			printf("#   %s: %s, recorded: %s\n", figures[i], to, from);
	}
}

static int compare(const char *dir)
{
	uint32_t failed = 0;
	struct utsname u;
	bool same_kernel = rules_vmlinux && !uname(&u) && release[0] && !strncmp(u.release, release, strlen(release));

	for (uint32_t i = 0; i < n_now; i++) {
		struct line *was = find(record, n_record, now[i].program);

		if (was)
			was->met = true;
		if (now[i].kernel && !same_kernel) {
			n_skipped++;
			continue;
		}
		if (was && !strcmp(was->figures, now[i].figures))
			continue;
		failed++;
		printf("# %s\n", now[i].program);
		if (was)
			tell(was, &now[i]);
		else
			printf("#   is not recorded\n");
	}
	for (uint32_t i = 0; i < n_record; i++) {
		if (record[i].met)
			continue;
		failed++;
		printf("# %s\n#   is recorded, and there is no such program\n", record[i].program);
	}
	if (failed)
		printf("# If that was meant: ninja -C BUILD record-conclusions, and commit the file.\n"
		       "# Else: conclusions --show CLAIM TYPES.bpf.o %s tells the log, here and in the commit "
		       "before.\n",
		       dir);
	printf("1..1\n%sok 1 - the verifier concludes what is recorded of %u programs", failed ? "not " : "",
	       n_now - n_skipped);
	if (n_skipped)
		printf("; %u need the kernel %s", n_skipped, release);
	printf("\n");
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	bool recording = argc > 1 && !strcmp(argv[1], "--record");

	shown = argc > 2 && !strcmp(argv[1], "--show") ? argv[2] : NULL;
	argv += recording;
	argc -= recording;
	argv += shown ? 1 : 0;
	argc -= shown ? 1 : 0;
	if (argc != 4) {
		fprintf(stderr, "usage: conclusions [--record] RECORD TYPES.bpf.o DIR\n"
				"       conclusions --show TEXT TYPES.bpf.o DIR\n");
		return 2;
	}
	rules_types = rules_load_types(argv[2]);
	if (!rules_types) {
		fprintf(stderr, "%s: no BTF\n", argv[2]);
		return 99;
	}
	rules_load_kernel();
	if (recording && !rules_vmlinux) {
		fprintf(stderr, "only a Linux 6.18 with BTF can record\n");
		return 99;
	}
	if (!recording && !shown)
		read_record(argv[1]);
	rules_each(argv[3], NULL, run);
	return shown ? 0 : recording ? write_record(argv[1]) : compare(argv[3]);
}
