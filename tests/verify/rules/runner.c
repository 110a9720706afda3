/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runner [-v] TYPES.bpf.o DIR [NAME...]: every case of the *.rules in DIR (or of those named), as TAP. -v: the logs of what failed.
 * RULES_NO_KERNEL=1: the kernel is not asked. RULES_NO_BTF=1: as where the kernel has no BTF.
 */
#include "../../prog/oracle.h"
#include "rules.h"

#include <bpf/btf.h>
#include <stdlib.h>

struct btf *rules_vmlinux, *rules_types;
struct kernel_types *rules_kernel_types;

static bool verbose, with_kernel;
static uint32_t tests, failed, asked, refused, skipped;
static char kernel_log[1 << 20];

static void to_stdout(void *arg, const char *text, size_t len)
{
	printf("%.*s", (int)len, text);
}

static void show(struct rule_prog *p)
{
	struct verify_result result;

	if (!verbose)
		return;
	p->in.log_level = 2;
	p->in.log = to_stdout;
	printf("# skep:\n");
	verify(&p->in, &result);
	verify_result_free(&result);
	p->in.log_level = 0;
	if (!with_kernel)
		return;
	kernel_log[0] = 0;
	rule_kernel(p, 2, kernel_log, sizeof(kernel_log));
	printf("# kernel:\n%s", kernel_log);
}

/* Logs: the same lines as the kernel's, but for addresses of maps, columns, and what the kernel tells about its own algorithms. */
static char our_log[1 << 18];
static size_t our_len;

static void to_log(void *arg, const char *text, size_t len)
{
	if (our_len + len >= sizeof(our_log))
		return;
	memcpy(our_log + our_len, text, len);
	our_log[our_len += len] = 0;
}

static void rewind_log(void *arg, size_t len)
{
	our_log[our_len = len] = 0;
}

/* The next line that counts, with single spaces. */
static bool next_line(char **at, char *line, size_t size)
{
	char *from;

	while ((from = strsep(at, "\n"))) {
		size_t n = 0;

		for (; *from && n + 1 < size; from++)
			if (*from != ' ' || (n && line[n - 1] != ' '))
				line[n++] = *from;
		while (n && line[n - 1] == ' ')
			n--;
		line[n] = 0;
		if (n && strncmp(line, "mark_precise", 12) != 0 && line[0] != '(' &&
		    strncmp(line, "verification time", 17) != 0)
			return true;
	}
	return false;
}

static bool same_logs(const struct rule *r, struct rule_prog *p, char *why, size_t size)
{
	const char *levels = strstr(r->text, "log ");
	char *ours, *theirs, a[1024], b[1024];

	if (!levels || (levels != r->text && levels[-1] != '\n'))
		return true;
	for (levels += 4; *levels && *levels != '\n'; levels++) {
		struct verify_result result;
		uint32_t level = (uint32_t)(*levels - '0');

		if (*levels == ' ')
			continue;
		our_log[our_len = 0] = kernel_log[0] = 0;
		p->in.log_level = level;
		p->in.log = to_log;
		p->in.log_rewind = rewind_log;
		verify(&p->in, &result);
		verify_result_free(&result);
		p->in.log_level = 0;
		p->in.log = NULL;
		rule_kernel(p, level, kernel_log, sizeof(kernel_log));
		ours = our_log;
		theirs = kernel_log;
		for (bool more = true; more;) {
			more = next_line(&ours, a, sizeof(a));
			if (next_line(&theirs, b, sizeof(b)) == more && (!more || !strcmp(a, b)))
				continue;
			snprintf(why, size, "log level %u: skep '%.300s', the kernel '%.300s'", level, more ? a : "",
				 b);
			return false;
		}
	}
	return true;
}

static void tap(bool ok, const struct rule *r, bool accepted, const char *why)
{
	tests++;
	failed += !ok;
	printf("%sok %u - %s:%u: %s (%s)%s%s\n", ok ? "" : "not ", tests, r->file, r->line, r->claim,
	       accepted ? "accepted" : "refused", ok ? "" : "\n# ", ok ? "" : why);
}

static void run(struct rules_file *f, const struct rule *r, bool accepted)
{
	struct verify_result result = {0};
	struct rule_prog *p = NULL;
	char why[1200] = "", message[512] = "";
	enum rule_build built = rule_build(f, r, accepted, &p);
	enum verify_problem problem;
	int err, kernel;
	bool ok;

	if (built == RULE_NEEDS_KERNEL) {
		tests++;
		skipped++;
		printf("ok %u - %s:%u: %s # SKIP no BTF of the kernel\n", tests, r->file, r->line, r->claim);
		rule_prog_free(p);
		return;
	}
	if (built == RULE_BROKEN) {
		tap(false, r, accepted, p->error);
		rule_prog_free(p);
		return;
	}
	err = verify(&p->in, &result);
	problem = result.problem;
	snprintf(message, sizeof(message), "%s", result.message);
	if (accepted)
		ok = !err && rule_facts(r, p, &result, why, sizeof(why));
	else
		ok = err && problem == r->problem && strstr(message, r->message);
	verify_result_free(&result);
	if (!ok && !why[0])
		snprintf(why, sizeof(why), "skep: %d %s: %s", err, rule_problem_name(problem), message);
	if (with_kernel && !r->no_kernel) {
		kernel_log[0] = 0;
		kernel = rule_kernel(p, 0, kernel_log, sizeof(kernel_log));
		if (kernel <= 0) {
			asked++;
			if (r->no_errno ? !kernel != !err : kernel != err) {
				ok = false;
				snprintf(why + strlen(why), sizeof(why) - strlen(why),
					 "; the kernel says %d, skep %d %.500s %.200s", kernel, err, message,
					 kernel_log);
			}
		}
	}
	if (ok && with_kernel && !r->no_kernel)
		ok = same_logs(r, p, why, sizeof(why));
	refused += err != 0;
	tap(ok, r, accepted, why);
	if (!ok)
		show(p);
	rule_prog_free(p);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "-v")) {
		verbose = true;
		argv++;
		argc--;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: runner [-v] TYPES.bpf.o DIR [NAME...]\n");
		return 2;
	}
	rules_types = rules_load_types(argv[1]);
	if (!rules_types) {
		fprintf(stderr, "%s: no BTF\n", argv[1]);
		return 99;
	}
	with_kernel = !getenv("RULES_NO_KERNEL") && oracle_there();
	rules_load_kernel();
	rules_each(argv[2], argc > 3 ? argv + 3 : NULL, run);
	printf("1..%u\n# %u programs, %u refused, %u compared with the kernel, %u skipped, %u failed\n", tests, tests,
	       refused, asked, skipped, failed);
	return failed ? 1 : 0;
}
