/* SPDX-License-Identifier: BSD-2-Clause */
/* skep: the verb table. */
#include "cli/cli.h"

#include "base/util.h"

#include <signal.h>
#include <string.h>

static const struct verb *const verbs[] = {
	&verb_run,    &verb_check,    &verb_replay, &verb_prog,  &verb_map,    &verb_hive,
	&verb_deploy, &verb_undeploy, &verb_list,   &verb_bench, &verb_doctor, &verb_version,
};

static bool ignored_pipe;

bool main_ignored_pipe(void)
{
	return ignored_pipe;
}

static void overview(FILE *f)
{
	fputs("skep: eBPF in user space, without root\n\nusage: skep VERB [ARGUMENTS]\n\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(f, "  %-9s %s\n", verbs[i]->name, verbs[i]->about);
	fputs("\n"
	      "'skep VERB --help' tells more, with examples. Results go to stdout, messages to stderr;\n"
	      "--json makes the results JSON Lines.\n"
	      "Exit codes: 0 done; 1 what was asked for failed; 2 the command line is wrong.\n",
	      f);
}

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

static void print_help(const struct verb *verb)
{
	fputs(verb->help, stdout);
	if (verb->more_help)
		verb->more_help(stdout);
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	const char *name = argc > 1 ? argv[1] : "help";
	int ret;

	/* A reader that goes away (| head) is no crash; writing fails, and that is seen at the end. */
	ignored_pipe = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
	if (!strcmp(name, "--version"))
		name = "version";
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h")) {
		verb = argc > 2 ? find(argv[2]) : NULL;
		if (verb)
			print_help(verb);
		else
			overview(argc > 1 ? stdout : stderr);
		return argc > 1 ? EXIT_OK : EXIT_USAGE;
	}
	verb = find(name);
	if (!verb) {
		fprintf(stderr, "skep: there is no verb '%s'\n\n", name);
		overview(stderr);
		return EXIT_USAGE;
	}
	if (wants_help(argc - 1, argv + 1)) {
		print_help(verb);
		return EXIT_OK;
	}
	ret = verb->run(verb, argc - 1, argv + 1);
	if (fflush(stdout) && ret == EXIT_OK)
		ret = EXIT_FAILED;
	return ret;
}
