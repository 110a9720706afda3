/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Broken objects: real ones, cut off and with bytes changed, go through skep_object_open_mem(). Whatever they say, the process
 * lives, the call returns, and a refusal is exactly one ERROR line.
 *
 * A change is a pure function of object, kind and number. Batches run in a forked child, which notes in shared memory
 * what it is at: when it dies the parent can say which change it was, and goes on behind it. A child gets 20 seconds a change.
 *
 * usage: hostile [--runs N] [--from N] [--kind K] OBJECT...
 *   N changes of each kind an object (default 150), from number N on, only of kind K
 */
#include "base/util.h"
#include "skep/skep.h"
#include "../random.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum kind {
	CUT, /* at every 64th length */
	ANYWHERE, /* bytes of the whole file */
	TABLES, /* of what describes the object: BTF, symbols, relocations, headers, string tables */
	CODE, /* of the sections that are loaded */
	KINDS,
};

static const char *const kind_names[KINDS] = {"cut", "anywhere", "tables", "code"};

enum { BATCH = 200, SECONDS_EACH = 20 };

struct object {
	const char *path;
	uint8_t *bytes;
	size_t len;
};

/* What the child tells the parent. */
struct report {
	uint32_t at;
	uint32_t accepted, refused, wrong_lines;
	uint32_t last_errors; /* ERROR lines of the change at work */
	char first_line[512]; /* of a refusal with another number of lines than one */
};

static struct report *report;

/*
 * libbpf 1.1 forgets its cache of CO-RE candidates when an object's relocations name an instruction or a program that is not
 * there: known, small, and nothing that its caller could give back.
 */
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"), used)) const char *__lsan_default_suppressions(void)
{
	return "leak:hashmap__new";
}

static void log_line(void *arg, enum skep_log_level level, const char *line)
{
	if (level != SKEP_LOG_ERROR)
		return;
	report->last_errors++;
	snprintf(report->first_line, sizeof(report->first_line), "%s", line);
}

/* A part of the file that a kind of change aims at, chosen by chance; false when the object has none. */
static bool choose_part(const struct object *o, enum kind kind, uint64_t *rng, size_t *off, size_t *len)
{
	Elf64_Ehdr h;
	Elf64_Shdr s, names;
	uint32_t start;

	memcpy(&h, o->bytes, sizeof(h));
	if (kind == TABLES && splitmix64(rng) % 8 == 0) {
		*off = h.e_shoff;
		*len = (size_t)h.e_shnum * sizeof(s);
		return true;
	}
	memcpy(&names, o->bytes + h.e_shoff + h.e_shstrndx * sizeof(s), sizeof(s));
	start = (uint32_t)(splitmix64(rng) % h.e_shnum);
	for (uint32_t i = 0; i < h.e_shnum; i++) {
		const char *name;
		bool table, debug;

		memcpy(&s, o->bytes + h.e_shoff + (start + i) % h.e_shnum * sizeof(s), sizeof(s));
		name = (const char *)o->bytes + names.sh_offset + s.sh_name;
		debug = strstr(name, "debug") != NULL;
		table = s.sh_type == SHT_SYMTAB || s.sh_type == SHT_REL || s.sh_type == SHT_STRTAB ||
			!strncmp(name, ".BTF", 4) || !strcmp(name, ".maps");
		if (debug || s.sh_type == SHT_NOBITS || !s.sh_size || table != (kind == TABLES) ||
		    (kind == CODE && !(s.sh_flags & SHF_ALLOC)))
			continue;
		*off = s.sh_offset;
		*len = s.sh_size;
		return true;
	}
	return false;
}

/* Changes 1, 2 or 4 bytes at @p, of which @room are there. */
static void change(uint8_t *p, size_t room, uint64_t *rng)
{
	static const uint32_t edges[] = {0, 1, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0x10000, 0xffff};
	uint64_t how = splitmix64(rng);
	uint32_t word = 0;
	size_t n = MIN((size_t)1 << how % 3, room);

	memcpy(&word, p, n);
	switch (how >> 8 & 3) {
	case 0:
		word ^= 1u << (how >> 16 & (n * 8 - 1));
		break;
	case 1:
		word = edges[(how >> 16) % ARRAY_SIZE(edges)];
		break;
	case 2:
		word += how & 0x10000 ? 1 : (uint32_t)-1;
		break;
	default:
		word = (uint32_t)(how >> 32);
		break;
	}
	memcpy(p, &word, n);
}

/* Makes change @n in a copy. Return: the copy's length, 0 when there is no such change. */
static size_t mutate(const struct object *o, enum kind kind, uint32_t n, uint8_t *copy)
{
	uint64_t rng = (uint64_t)kind << 32 | n;
	size_t off = 0;
	size_t len = o->len;

	if (kind == CUT) {
		len = (size_t)n * 64;
		if (len >= o->len)
			return 0;
		memcpy(copy, o->bytes, len);
		return len + !len;
	}
	splitmix64(&rng);
	memcpy(copy, o->bytes, o->len);
	if (kind != ANYWHERE && !choose_part(o, kind, &rng, &off, &len))
		return 0;
	for (uint64_t i = 1 + splitmix64(&rng) % 4; i; i--) {
		size_t at = splitmix64(&rng) % len;

		/* Tables are made of words: most changes hit one. */
		if (splitmix64(&rng) & 3)
			at &= ~(size_t)3;
		change(copy + off + at, len - at, &rng);
	}
	return o->len;
}

/* Changes [from, to) in this process. */
static void run_batch(const struct object *o, enum kind kind, uint32_t from, uint32_t to)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = 2, .log = log_line);
	uint8_t *copy = malloc(o->len);

	for (uint32_t n = from; n < to; n++) {
		struct skep_object *obj = NULL;
		struct skep_hive *hive;
		size_t len = mutate(o, kind, n, copy);
		uint8_t *exact;
		int err;

		report->at = n;
		report->last_errors = 0;
		if (!len)
			continue;
		alarm(SECONDS_EACH);
		/* Ends where memory ends, so that a sanitizer sees the first byte beyond. */
		exact = malloc(len);
		memcpy(exact, copy, len);
		if (skep_hive_new(&opts, &hive))
			_exit(3);
		err = skep_object_open_mem(hive, exact, len, "broken", &obj);
		if (report->last_errors != (err ? 1 : 0) || err > 0) {
			report->wrong_lines++;
			fprintf(stderr, "%s: %s %u: error %d with %u lines: %s\n", o->path, kind_names[kind], n, err,
				report->last_errors, report->first_line);
		}
		if (err)
			report->refused++;
		else
			report->accepted++;
		if (!err)
			skep_object_close(obj);
		skep_hive_free(hive);
		free(exact);
	}
	free(copy);
}

static uint32_t run_kind(const struct object *o, enum kind kind, uint32_t from, uint32_t to)
{
	uint32_t bad = 0;

	while (from < to) {
		uint32_t end = MIN(from + BATCH, to);
		pid_t pid = fork();
		int status;

		if (!pid) {
			run_batch(o, kind, from, end);
			exit(0); /* a sanitizer reports leaks here */
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid) {
			perror("hostile: fork");
			exit(2);
		}
		if (!status) {
			from = end;
			continue;
		}
		bad++;
		fprintf(stderr, "%s: %s %u: %s %d\n", o->path, kind_names[kind], report->at,
			WIFSIGNALED(status) ? "killed by signal" : "exit status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		if (!WIFSIGNALED(status) && report->at + 1 >= end)
			from = end; /* found when the batch was over, as leaks are */
		else
			from = report->at + 1;
	}
	return bad;
}

static bool read_object(struct object *o)
{
	AUTO_CLOSE int fd = open(o->path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return false;
	o->len = (size_t)st.st_size;
	o->bytes = malloc(o->len);
	return o->bytes && read(fd, o->bytes, o->len) == st.st_size;
}

int main(int argc, char **argv)
{
	uint32_t runs = 150, first = 0;
	int only = -1;
	uint32_t bad = 0;
	int i;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		uint32_t n = (uint32_t)strtoul(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--runs"))
			runs = n;
		else if (!strcmp(argv[i], "--from"))
			first = n;
		else if (!strcmp(argv[i], "--kind"))
			only = (int)n;
	}
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED || i >= argc) {
		fprintf(stderr, "usage: hostile [--runs N] [--from N] [--kind K] OBJECT...\n");
		return 2;
	}
	for (; i < argc; i++) {
		struct object o = {.path = argv[i]};

		if (!read_object(&o)) {
			perror(o.path);
			return 2;
		}
		for (int kind = 0; kind < KINDS; kind++)
			if (only < 0 || only == kind)
				bad += run_kind(&o, kind, first,
						kind == CUT ? (uint32_t)(o.len / 64 + 1) : first + runs);
		free(o.bytes);
	}
	printf("%u accepted, %u refused, %u crashes, hangs or leaks, %u not with one line\n", report->accepted,
	       report->refused, bad, report->wrong_lines);
	/* Objects that are hardly broken still load: else nothing but the door was tried. */
	return bad || report->wrong_lines || !report->refused || (only < 0 && !report->accepted);
}
