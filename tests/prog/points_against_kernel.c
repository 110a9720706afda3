/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of calls and points against the running kernel's tracefs, mounted where only this process sees it: each tracepoint that skep
 * serves has the kernel's fields, and each system call that the kernel has tracepoints for is in the table. Nothing is
 * attached.
 */
#include "oracle.h"

#include "prog/calls.h"
#include "prog/points.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

static const char mnt[] = "/tmp"; /* covered in the mount namespace of this process only */
static unsigned int failures, compared;

#define FAIL(...) (failures++, fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))

/* Declarations differ in spaces only: "const char * filename". */
static void squeeze(char *s)
{
	char *to = s;

	for (const char *from = s; *from; from++)
		if (*from != ' ' || (to > s && to[-1] != '*' && from[1] != '*'))
			*to++ = *from;
	*to = 0;
}

/* The kernel's next field behind the common ones. */
static bool next_field(FILE *f, struct point_field *out, char decl[256])
{
	char line[512], sized[8];
	unsigned int off, size, is_signed;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " field:%255[^;]; offset:%u; size:%u; signed:%7[01]", decl, &off, &size, sized) != 4 ||
		    off < POINT_RECORD)
			continue;
		is_signed = sized[0] == '1';
		squeeze(decl);
		*out = (struct point_field){decl, (uint16_t)off, (uint16_t)size, is_signed};
		return true;
	}
	return false;
}

static void compare(const struct hook_point *p, FILE *f)
{
	struct point_field fields[POINT_FIELDS], kernel;
	uint32_t n = points_fields(p, fields), i = 0;
	char theirs[256], ours[256];

	for (; next_field(f, &kernel, theirs); i++) {
		if (i >= n) {
			FAIL("%s: the kernel has a field more, '%s'", p->name, theirs);
			return;
		}
		snprintf(ours, sizeof(ours), "%s", fields[i].decl);
		squeeze(ours);
		if (strcmp(ours, theirs) || fields[i].off != kernel.off || fields[i].size != kernel.size ||
		    fields[i].is_signed != kernel.is_signed)
			FAIL("%s: '%s' at %u of %u bytes (signed %d), in the kernel '%s' at %u of %u (%d)", p->name,
			     ours, fields[i].off, fields[i].size, fields[i].is_signed, theirs, kernel.off, kernel.size,
			     kernel.is_signed);
	}
	if (i != n)
		FAIL("%s: %u fields, in the kernel %u", p->name, n, i);
	compared++;
}

static FILE *open_file(const char *event, const char *file)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/events/%s/%s", mnt, event, file);
	return fopen(path, "r");
}

/* Calls that a kernel may be built without. */
static bool optional(const struct hook_point *p)
{
	static const char *const names[] = {"init_module", "finit_module",    "delete_module",
					    "kexec_load",  "kexec_file_load", "map_shadow_stack"};
	const struct call_desc *c = p->n_calls ? calls_at(p->calls[0]) : NULL;

	for (size_t i = 0; c && i < ARRAY_SIZE(names); i++)
		if (!strcmp(c->name, names[i]))
			return true;
	return false;
}

static void compare_all(void)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++) {
		FILE *f;

		if (p->kind != POINT_TRACEPOINT || p->truth == POINT_ABSENT)
			continue;
		f = open_file(p->name, "format");
		if (f) {
			compare(p, f);
			fclose(f);
		} else if (!optional(p)) {
			FAIL("%s: the kernel does not have it", p->name);
		}
	}
}

static void find_all(void)
{
	struct dirent *e;
	char path[256];
	DIR *d;

	snprintf(path, sizeof(path), "%s/events/syscalls", mnt);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		char name[300];

		snprintf(name, sizeof(name), "syscalls/%s", e->d_name);
		if (!strncmp(e->d_name, "sys_", 4) && !points_find(POINT_TRACEPOINT, name))
			FAIL("%s: only the kernel has it", name);
	}
	if (d)
		closedir(d);
}

int main(void)
{
	struct utsname u;
	int ret = ORACLE_SKIP;

	if (uname(&u) || strncmp(u.release, "6.18", 4))
		return ORACLE_SKIP;
	if (!unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	    !mount("tracefs", mnt, "tracefs", MS_RDONLY, NULL)) {
		compare_all();
		find_all();
		printf("%u tracepoints were compared\n", compared);
		if (compared < 700)
			FAIL("only %u tracepoints were compared", compared);
		ret = failures ? 1 : 0;
	}
	return ret;
}
