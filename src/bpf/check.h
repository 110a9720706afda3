/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking an object: every program of it is judged, whatever becomes of the others, and nothing runs.
 *
 * Theory of operation
 *
 * libbpf stops at the first program that does not load. So loads that belong to a check are only prepared (copied, resolved) and get their fd at
 * once, each with a job (struct check_job) that is known by the address of its log buffer; what else libbpf loads, its feature probes, goes
 * the ordinary way. When libbpf is done, all jobs are verified in a pool of threads, one job a time each: verify() is a pure function, and the
 * job's references hold its maps and BTF.
 *
 * A program at which libbpf itself stops (what it attaches to does not exist, a relocation that cannot be) is unloadable, with the cause; the object
 * is opened again without it until the rest loads.
 */
#ifndef SKEP_BPF_CHECK_H
#define SKEP_BPF_CHECK_H

#include "bpf/judge.h"

struct skep_object;

struct check_job {
	/* Before the load. */
	char room[64]; /* stands for a log buffer: its address names the job */
	bool explain;
	/* After it; prog NULL: it was never loaded. */
	struct load load;
	struct judge_target target;
	struct user_log log;
	struct hive_prog *prog; /* held */
	int err; /* 0: to be verified; after that the verdict */
	struct verify_result result;
};

enum check_verdict { CHECK_ACCEPT, CHECK_REJECT, CHECK_UNLOADABLE };

struct check_prog {
	char *name, *section;
	enum check_verdict verdict;
	char *cause; /* CHECK_UNLOADABLE: in one line; CHECK_REJECT: what the verifier said, in one line */
	struct check_job *job; /* NULL: never loaded */
};

struct bpf_program;

struct check_opts {
	const char *prog; /* only the program of that name; NULL: all */
	/* wants - is this program one to judge? NULL: all are */
	bool (*wants)(void *arg, const struct bpf_program *prog);
	void *arg;
	uint32_t log_level; /* of each program's log, as bpf(2)'s; 0: none */
	bool explain;
	uint32_t threads; /* at most; 0: as many as there are CPUs */
};

struct check {
	struct skep_hive *hive;
	const struct check_opts *opts;
	struct skep_object *obj; /* as loaded; NULL: it could not be opened, or nothing of it loaded */
	char *cause; /* the object as a whole cannot be opened; NULL: it can */
	struct check_prog *progs;
	uint32_t n_progs;
	char *sized; /* maps without a size, which the object's own loader sets, judged with one entry: "a, b"; NULL: none */
};

/*
 * check_object - judge the programs of an object.
 * @name: names the object
 * @out:  given back with check_free(), before the hive
 * Messages go to no log. Return: 0 when there is something to tell, -ENOENT: no program of the name in opts, -ENOMEM.
 */
int check_object(struct skep_hive *hive, const void *data, size_t len, const char *name, const struct check_opts *opts,
		 struct check *out);
void check_free(struct check *c);

/* check_job_of - the job that a load belongs to, NULL: an ordinary load. */
struct check_job *check_job_of(struct skep_hive *hive, uint64_t log_buf);

#endif
