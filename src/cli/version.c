/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include <string.h>

static const char help[] = "usage: skep version\n\nPrints the version.\n";

static int run(const struct verb *verb, int argc, char **argv)
{
	if (argc > 1)
		return misuse(verb, "version takes no arguments");
	printf("skep %s\n", skep_version());
	return EXIT_OK;
}

const struct verb verb_version = {.name = "version", .about = "print the version", .help = help, .run = run};
