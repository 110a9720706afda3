/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check-objects OBJECT...: judges every program of each object, as "skep check" does, one after the other. Linked with concluding.c it tells what is
 * concluded of them. Of an object that cannot be loaded as a whole it tells why.
 */
#include "bpf/check.h"
#include "bpf/hive.h"
#include "skep/skep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_log(void *arg, enum skep_log_level level, const char *line)
{
}

static void check(const char *path)
{
	static uint8_t data[16 << 20];
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY, .log = no_log);
	struct check_opts how = {.threads = 1};
	struct skep_hive *hive;
	struct check c;
	FILE *in = fopen(path, "rb");
	size_t len = in ? fread(data, 1, sizeof(data), in) : 0;

	if (!len || skep_hive_new(&opts, &hive)) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	fclose(in);
	printf("%s\n", base);
	if (!check_object(hive, data, len, base, &how, &c)) {
		if (c.cause)
			printf("  %s\n", c.cause);
		for (uint32_t i = 0; i < c.n_progs; i++)
			printf("  %s %d\n", c.progs[i].name, (int)c.progs[i].verdict);
		check_free(&c);
	}
	skep_hive_free(hive);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		check(argv[i]);
	return 0;
}
