/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/present_trace.h"

#include "base/util.h"
#include "bpf/event.h"
#include "prog/points.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A record's first part, the same for all (struct trace_entry). */
static const struct point_field common[] = {
	{"unsigned short common_type", 0, 2, false},
	{"unsigned char common_flags", 2, 1, false},
	{"unsigned char common_preempt_count", 3, 1, false},
	{"int common_pid", 4, 4, true},
};

static void write_fields(FILE *to, const struct point_field *fields, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		fprintf(to, "\tfield:%s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", fields[i].decl, fields[i].off,
			fields[i].size, fields[i].is_signed);
	fputc('\n', to);
}

static void write_format(FILE *to, const struct hook_point *p)
{
	struct point_field fields[POINT_FIELDS];

	fprintf(to, "name: %s\nID: %u\nformat:\n", strchr(p->name, '/') + 1, p->id);
	write_fields(to, common, ARRAY_SIZE(common));
	write_fields(to, fields, points_fields(p, fields));
}

static void write_names(FILE *to, enum point_kind kind)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++)
		if (p->kind == kind && p->truth != POINT_ABSENT) {
			/* As the kernel lists them: "syscalls:sys_enter_openat". */
			const char *slash = strchr(p->name, '/');

			if (slash)
				fprintf(to, "%.*s:%s\n", (int)(slash - p->name), p->name, slash + 1);
			else
				fprintf(to, "%s\n", p->name);
		}
}

/* Below events/: a tracepoint's directory, or a file in it. */
static int write_event(const struct skep_hive *hive, const char *path, FILE *to)
{
	const char *slash = strchr(path, '/'), *file = slash ? strchr(slash + 1, '/') : NULL;
	const struct hook_point *p;
	char name[128];
	bool id;

	if (!slash)
		return -ENOENT;
	snprintf(name, sizeof(name), "%.*s", file ? (int)(file - path) : (int)strlen(path), path);
	p = points_find(POINT_TRACEPOINT, name);
	id = file && !strcmp(file, "/id");
	if (!p || p->truth == POINT_ABSENT) {
		if (to && id)
			hive_point_refuse(hive, "tracepoint", name, p);
		return -ENOENT;
	}
	if (!file)
		return -EISDIR;
	if (!id && strcmp(file, "/format"))
		return -ENOENT;
	if (to && id)
		fprintf(to, "%u\n", p->id);
	else if (to)
		write_format(to, p);
	return 0;
}

int trace_write_tracefs(const struct skep_hive *hive, const char *path, FILE *to)
{
	static const struct {
		const char *path;
		enum point_kind kind;
	} lists[] = {
		{"/available_events", POINT_TRACEPOINT},
		{"/available_filter_functions", POINT_FUNCTION},
	};

	if (!strcmp(path, "") || !strcmp(path, "/") || !strcmp(path, "/events"))
		return -EISDIR;
	if (!strncmp(path, "/events/", 8))
		return write_event(hive, path + 8, to);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (!strcmp(path, lists[i].path)) {
			if (to)
				write_names(to, lists[i].kind);
			return 0;
		}
	return -ENOENT;
}

int trace_write_pmu(const char *path, FILE *to)
{
	static const struct {
		const char *path, *format;
		int value;
	} files[] = {
		{"kprobe/type", "%d\n", PMU_KPROBE},
		{"kprobe/format/retprobe", "config:%d\n", PMU_RETPROBE_BIT},
		{"uprobe/type", "%d\n", PMU_UPROBE},
		{"uprobe/format/retprobe", "config:%d\n", PMU_RETPROBE_BIT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(path, files[i].path)) {
			if (to)
				fprintf(to, files[i].format,
					files[i].value); /* NOLINT(clang-diagnostic-format-nonliteral) */
			return 0;
		}
	return -ENOENT;
}

void trace_write_symbols(FILE *to)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++)
		if (points_address(p))
			fprintf(to, "%016" PRIx64 " T %s\n", points_address(p), p->name);
}
