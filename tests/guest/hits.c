// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a command, and prints how often each kind of program told of it.
 * usage: hits OBJECT COMMAND...    the programs of OBJECT are attached first, by libbpf itself: what skep's deployment of the same object is measured against
 *        hits FOLDER COMMAND...    they are attached already, by somebody; their maps, hits and events, are pinned in FOLDER
 *
 * One line on stdout, of the command's process alone: "exit CODE", then for each kind that was hit " KIND COUNT", as the map has it. The ring must have told the same.
 * Exit code: 0; 1 when something could not be loaded or attached, or the two counts differ; 2 for misuse.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds.h"

static const char *const names[KINDS] = {
	[KIND_KPROBE] = "kprobe",     [KIND_KRETPROBE] = "kretprobe",
	[KIND_KSYSCALL] = "ksyscall", [KIND_FENTRY] = "fentry",
	[KIND_FEXIT] = "fexit",       [KIND_TRACEPOINT] = "tracepoint",
	[KIND_RAW_TP] = "raw_tp",     [KIND_TP_BTF] = "tp_btf",
	[KIND_LSM] = "lsm",           [KIND_PERF_EVENT] = "perf_event",
	[KIND_UPROBE] = "uprobe",     [KIND_URETPROBE] = "uretprobe",
	[KIND_USDT] = "usdt",
};

struct seen {
	pid_t pid;
	uint64_t events[KINDS];
};

static int on_event(void *ctx, void *data, size_t size)
{
	struct seen *s = ctx;
	struct event *e = data;

	if (size == sizeof(*e) && (pid_t)e->pid == s->pid && e->kind < KINDS)
		s->events[e->kind]++;
	return 0;
}

/* A program without a place of its own: samples of the CPU's time, a hundred a second, of everybody on the first CPU, which is the only one. */
static struct bpf_link *sample(struct bpf_program *prog)
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_CPU_CLOCK,
				       .freq = 1,
				       .sample_freq = 100};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? NULL : bpf_program__attach_perf_event(prog, fd);
}

struct maps {
	int hits, events; /* fds */
};

/* The object's own, with its programs attached for the life of this process. Return: false when there was trouble, which has been told. */
static bool attach(const char *path, struct maps *m)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;

	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "hits: %s does not load: %s\n", path, strerror(errno));
		return false;
	}
	m->hits = bpf_object__find_map_fd_by_name(obj, "hits");
	m->events = bpf_object__find_map_fd_by_name(obj, "events");
	bpf_object__for_each_program(prog, obj)
	{
		bool sampled = bpf_program__type(prog) == BPF_PROG_TYPE_PERF_EVENT;

		if (!(sampled ? sample(prog) : bpf_program__attach(prog))) {
			fprintf(stderr, "hits: %s, SEC(\"%s\"), does not attach: %s\n", bpf_program__name(prog),
				bpf_program__section_name(prog), strerror(errno));
			return false;
		}
	}
	return true;
}

static int pinned(const char *folder, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return bpf_obj_get(path);
}

/* After the command: the line on stdout. Return: whether map and ring agree. */
static bool report(const struct seen *seen, int hits, int status)
{
	bool agree = true;

	printf("exit %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	for (unsigned int kind = 1; kind < KINDS; kind++) {
		struct event key = {.pid = (unsigned int)seen->pid, .kind = kind};
		uint64_t n = 0;

		bpf_map_lookup_elem(hits, &key, &n);
		if (n)
			printf(" %s %llu", names[kind], (unsigned long long)n);
		if (n != seen->events[kind]) {
			fprintf(stderr, "hits: %s: %llu in the map, %llu through the ring\n", names[kind],
				(unsigned long long)n, (unsigned long long)seen->events[kind]);
			agree = false;
		}
	}
	printf("\n");
	return agree;
}

int main(int argc, char **argv)
{
	struct seen seen = {0};
	struct ring_buffer *ring;
	struct maps m;
	struct stat st;
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: hits OBJECT|FOLDER COMMAND...\n");
		return 2;
	}
	if (!stat(argv[1], &st) && S_ISDIR(st.st_mode))
		m = (struct maps){.hits = pinned(argv[1], "hits"), .events = pinned(argv[1], "events")};
	else if (!attach(argv[1], &m))
		return 1;
	ring = ring_buffer__new(m.events, on_event, &seen, NULL);
	if (m.hits < 0 || !ring) {
		fprintf(stderr, "hits: %s has not both maps, hits and events\n", argv[1]);
		return 1;
	}
	/* What others left would take the room: nobody else reads. */
	ring_buffer__consume(ring);
	seen.pid = fork();
	if (!seen.pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (seen.pid < 0 || waitpid(seen.pid, &status, 0) < 0) {
		fprintf(stderr, "hits: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	ring_buffer__consume(ring);
	return report(&seen, m.hits, status) ? 0 : 1;
}
