/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct watch watch;

/* libbpf's one way to bpf(2), wrapped by the linker (Makefile): WRAPPED is syscall, or the seam's. */
#define PASTE(a, b) a##b
#define WRAP(name)  PASTE(__wrap_, name)
#define REAL(name)  PASTE(__real_, name)
long REAL(WRAPPED)(long nr, ...);
long WRAP(WRAPPED)(long nr, ...);

static const char *const loaders[] = {"root", "bpf", "user"};

int loader_parse(const char *name)
{
	for (int i = AS_ROOT; i <= AS_USER; i++)
		if (!strcmp(name, loaders[i]))
			return i;
	return -1;
}

const char *loader_suffix(enum loader as)
{
	return as == AS_BPF ? "@bpf" : as == AS_USER ? "@user" : "";
}

bool loader_may(enum loader as, int prog_type)
{
	return as == AS_ROOT || prog_type == BPF_PROG_TYPE_SOCKET_FILTER || prog_type == BPF_PROG_TYPE_CGROUP_SKB;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

long WRAP(WRAPPED)(long nr, ...)
{
	const union bpf_attr *attr;
	uint64_t begin;
	bool ours;
	va_list ap;
	long a[6];
	long ret;

	va_start(ap, nr);
	for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	attr = (const union bpf_attr *)a[1];
	ours = nr == SYS_bpf && a[0] == BPF_PROG_LOAD && watch.log_buf && attr->log_buf == (uintptr_t)watch.log_buf;
	/* libbpf loads all programs of a struct_ops map, whether asked to or not: any fd will do for the others. */
	if (nr == SYS_bpf && a[0] == BPF_PROG_LOAD && watch.log_buf && !ours &&
	    attr->prog_type == BPF_PROG_TYPE_STRUCT_OPS)
		return memfd_create("other", MFD_CLOEXEC);
	begin = now();
	ret = REAL(WRAPPED)(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (nr != SYS_bpf)
		return ret;
	if (ours) {
		watch.loaded = true;
		watch.err = ret < 0 ? errno : 0;
		watch.load_ns = now() - begin;
	}
	if (a[0] == BPF_MAP_CREATE) {
		if (ret < 0) {
			watch.map_err = errno;
			watch.map_type = attr->map_type;
			memcpy(watch.map_name, attr->map_name, sizeof(watch.map_name) - 1);
		} else if (!strncmp(watch.map_name, attr->map_name, sizeof(watch.map_name) - 1)) {
			watch.map_err = 0; /* libbpf tried again without BTF */
		}
	}
	return ret;
}

static int listen(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[sizeof(watch.said)];
	const char *body;

	if (level != LIBBPF_WARN || watch.said[0])
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = 0;
	body = strncmp(text, "libbpf: ", 8) ? text : text + 8;
	if (!strstr(body, "Retrying without BTF") && !strstr(body, "-- BEGIN PROG LOAD LOG --"))
		strcpy(watch.said, body);
	return 0;
}

void watch_begin(void)
{
	char *log = calloc(1, LOG_SIZE);

	if (!log)
		abort();
	watch = (struct watch){.log_buf = log};
	libbpf_set_print(listen);
}

void json_string(FILE *out, const char *key, const char *text)
{
	fprintf(out, ",\"%s\":\"", key);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else
			fputc(c < 0x20 || c > 0x7e ? '?' : c, out);
	}
	fputc('"', out);
}

/* The statistics that end a log are not part of what it tells. */
static bool is_statistic(const char *line)
{
	static const char *const begin[] = {"processed ", "stack depth "};

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (!strncmp(line, begin[i], strlen(begin[i])))
			return true;
	return false;
}

/*
 * The line that says why: the first, but not the remarks about functions whose arguments BTF does not explain to the verifier. They
 * come first in many logs and are rarely the reason.
 */
static const char *reason(char *text)
{
	static const char *const remarks[] = {"Global function ", "arg#"};
	char *line = text;

	for (;;) {
		char *next = strchr(line, '\n');
		bool remark = false;

		for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++)
			remark |= !strncmp(line, remarks[i], strlen(remarks[i]));
		if (!next || !remark) {
			line[strcspn(line, "\n")] = 0;
			return line;
		}
		line = next + 1;
	}
}

enum { LOG_TAIL = 1500 };

/*
 * A program was judged if the log says why it was refused, or has at least the statistics of a verification: without either the load
 * has failed before the verifier (no permission, wrong attributes).
 */
void watch_report(FILE *out)
{
	unsigned long insns = 0, usec = 0;
	char *text = calloc(1, LOG_SIZE + 1);
	char *log = watch.log_buf, *tail;
	size_t len = 0;
	bool judged = false;

	for (char *line = strtok(log, "\n"); line && text; line = strtok(NULL, "\n")) {
		char *time = strstr(line, "verification time "); /* a refusal's last line may lack its newline */

		if (sscanf(line, "processed %lu insns", &insns) == 1)
			judged = true;
		if (time) {
			sscanf(time, "verification time %lu usec", &usec);
			*time = 0;
		}
		if (*line && !is_statistic(line))
			len += (size_t)sprintf(text + len, "%s\n", line);
	}
	if (len)
		text[len - 1] = 0;
	judged |= len && watch.err != EPERM;
	if (watch.loaded && (judged || !watch.err)) {
		fprintf(out, ",\"verdict\":\"%s\",\"errno\":%d,\"insns\":%lu,\"usec\":%lu,\"load_usec\":%lu",
			watch.err ? "reject" : "accept", watch.err, insns, usec, (unsigned long)(watch.load_ns / 1000));
	} else {
		char why[600];

		if (watch.loaded)
			snprintf(why, sizeof(why), "%s before the verifier", strerror(watch.err));
		else if (watch.map_err)
			snprintf(why, sizeof(why), "map '%s' of type %u cannot be made: %s", watch.map_name,
				 watch.map_type, strerror(watch.map_err));
		else
			snprintf(why, sizeof(why), "libbpf: %s", watch.said);
		fprintf(out, ",\"verdict\":\"cannot\",\"errno\":%d", watch.loaded ? watch.err : watch.map_err);
		json_string(out, "cause", why);
	}
	tail = text;
	if (len > LOG_TAIL) {
		tail = strchr(text + len - LOG_TAIL, '\n');
		tail = tail ? tail + 1 : text + len - LOG_TAIL;
	}
	json_string(out, "log", tail);
	json_string(out, "why", reason(text));
	free(text);
}

/* Reads the child's answer; false when the time is up. *len: what has come until then. */
static bool collect(int fd, char *room, size_t size, size_t *len)
{
	uint64_t end = now() + RUN_SECONDS * 1000000000ull;
	size_t n = 0;

	*len = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = (int64_t)(end - now()) / 1000000;
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		got = read(fd, room + n, size - n);
		if (got <= 0)
			return true;
		*len = n += (size_t)got;
	}
}

void run_forked(const char *head, void (*ask)(void *arg, FILE *out), void *arg)
{
	static char answer[1 << 16];
	int ends[2], status = 0;
	const char *verdict = "";
	bool in_time;
	size_t len;
	pid_t child;

	fflush(stdout);
	if (pipe(ends) || (child = fork()) < 0) {
		perror("selftests: cannot start a child");
		exit(1);
	}
	if (!child) {
		/* A verifier that runs away takes this child with it, not the machine. */
		struct rlimit memory = {.rlim_cur = 3ull << 30, .rlim_max = 3ull << 30};
		FILE *out = fdopen(ends[1], "w");

		close(ends[0]);
		setrlimit(RLIMIT_DATA, &memory);
		setvbuf(out, NULL, _IOFBF,
			sizeof(answer)); /* so that what comes from a child that dies are whole fields */
		ask(arg, out);
		fflush(out);
		_exit(0);
	}
	close(ends[1]);
	in_time = collect(ends[0], answer, sizeof(answer), &len);
	close(ends[0]);
	if (!in_time)
		kill(child, SIGKILL);
	waitpid(child, &status, 0);
	printf("{%s%.*s", head, (int)len, answer);
	if (!in_time)
		verdict = "timeout";
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		verdict = "crash";
	if (*verdict)
		printf(",\"verdict\":\"%s\",\"errno\":0,\"log\":\"%s\"", verdict,
		       WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it exited");
	puts("}");
	fflush(stdout);
}
