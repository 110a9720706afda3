/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

#include <string.h>

static const char help[] = "usage: skep version [--json]\n\nPrints the version.\n";

static int run(const struct verb *verb, int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct json_object *o;

	if (argc > 1 && !json)
		return misuse(verb, "version takes no arguments but --json");
	if (json) {
		o = json_object_new_object();
		json_object_object_add(o, "version", json_object_new_string(skep_version()));
		print_json(o);
		return EXIT_OK;
	}
	printf("skep %s\n", skep_version());
	return EXIT_OK;
}

const struct verb verb_version = {.name = "version", .about = "print the version", .help = help, .run = run};
