/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hive: the owner of every map, program, BTF, link, id and pin.
 *
 * Theory of operation
 *
 * An object (struct hive_object heads each kind's own struct) is named three ways: by an id, by a
 * pin, and by fds. Its fds are real: open descriptions of a memfd, so that close(2), dup(2), fork(2)
 * and SCM_RIGHTS mean what they mean for the kernel's own. An fd is turned back into its object
 * by the memfd's device and inode numbers.
 *
 * Whether fds are still held anywhere is asked of the kernel: each description that leaves the hive
 * carries flock(LOCK_SH); the hive keeps a description of its own and tries LOCK_EX on it, which
 * fails as long as one of the others is open or mapped in any process. An object is destroyed
 * when that try succeeds and nothing inside the hive refers to it (refs is 0). The try is made
 * when libbpf closes an fd, and for all objects when ids are enumerated or objects are made.
 *
 * Invariants
 *  - hive->lock is held wherever the object table, refs, pins or an object's lists change. It is not held
 *    while a program runs.
 *  - refs counts what inside the hive needs the object: programs that use it, slots of map-in-map and
 *    prog arrays, pins, links, and a command that is at work on it.
 *  - What running programs may still see is freed only after all workers have passed a
 *    quiescent point (quiesce.h).
 */
#ifndef SKEP_BPF_HIVE_H
#define SKEP_BPF_HIVE_H

#include "base/uapi.h"
#include "bpf/quiesce.h"
#include "jit/jit.h"
#include "map/map.h"
#include "map/perfbuf.h"
#include "prog/code.h"
#include "prog/env.h"
#include "skep/skep.h"
#include "vm/vm.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct btf; /* libbpf's */
struct btf_record; /* verify/record.h */
struct fib; /* helper/fib.h */
struct kernel_types; /* btf/types.h */
struct hive_hook; /* link.h */
struct check; /* check.h */
struct caller_fd; /* caller.h */
struct hive_timers; /* timers.h */

enum hive_kind {
	HIVE_MAP,
	HIVE_PROG,
	HIVE_BTF,
	HIVE_LINK,
	HIVE_PERF, /* a perf buffer: what perf_event_open(PERF_COUNT_SW_BPF_OUTPUT) gives */
	HIVE_EVENT, /* a point that a perf event watches (event.h) */
	HIVE_STATS, /* while one is held, runs are counted and timed: what BPF_ENABLE_STATS gives */
	HIVE_KINDS,
};

enum { HIVE_INODE_HASH = 256 };

struct hive_object {
	enum hive_kind kind;
	uint32_t id;
	uint32_t refs;
	uint32_t pins; /* of refs, those that are pins */
	bool gone; /* has left the table; waits for its readers, then is freed */
	int fd; /* the hive's own description of the memfd */
	dev_t dev;
	ino_t ino;
	struct skep_hive *hive;
	struct hive_object *next; /* in its kind's list, ascending ids */
	struct hive_object *same_hash;
};

struct hive_map {
	struct hive_object o;
	struct skep_map *map;
	struct hive_btf *btf; /* held; NULL */
	uint32_t owner_type; /* prog arrays: type of the programs in it, 0 as long as there was none */
	bool owner_jited;
	bool filled; /* object maps: something was put in, so there may be something to take out */
	atomic_uint write_maps; /* writable mappings made through the seam: freezing is refused */
	atomic_bool was_mapped; /* through the seam, at any time: an arena's place in user space is settled by it */
	struct hive_map *inner; /* map-in-map: the template, held */
	bool unprivileged; /* made without CAP_PERFMON (hive->caps) */
	struct btf_record *record; /* special fields of its value, owned; NULL: none */
	bool timed; /* the values have a timer, at timer_off */
	uint32_t timer_off;
};

/* A perf buffer behind an fd; elements of PERF_EVENT_ARRAY maps point at buf. */
struct hive_perf {
	struct hive_object o;
	struct perfbuf *buf;
};

struct hive_btf {
	struct hive_object o;
	uint8_t *data;
	uint32_t size;
	struct btf *btf; /* the same, parsed */
	char name[BPF_OBJ_NAME_LEN];
	bool kernel; /* a kernel's, not a program's */
};

struct hive_prog {
	struct hive_object o;
	uint32_t type, expected_attach_type;
	const struct hive_prog_type *own; /* the embedder's type that it is of; NULL: one of Linux's */
	char name[BPF_OBJ_NAME_LEN];
	char license[128];
	bool gpl;
	bool overrides; /* calls bpf_override_return(): for functions at their entry that allow it only */
	uint8_t tag[BPF_TAG_SIZE];
	uint32_t flags; /* BPF_F_XDP_HAS_FRAGS, ... */
	uint64_t load_time; /* ns since boot */
	struct skep_code code; /* owns insns and subprogs */
	struct code_ref *refs;
	uint32_t n_refs;
	struct hive_map **maps; /* used maps, each held once */
	uint32_t n_maps;
	struct hive_btf *btf; /* held; NULL */
	struct bpf_func_info *func_info;
	uint32_t n_func_info;
	struct bpf_line_info *line_info;
	uint32_t n_line_info;
	struct vm_prog *vm;
	struct jit_object *jit;
	struct jit_text text;
	uint64_t compile_ns; /* time that the JIT took */
	uint32_t max_ctx; /* bytes of its context that it may look at */
	uint32_t verified_insns; /* that the verifier processed */
	uint32_t uid; /* of the process that the hive is in, when it was loaded */
	bool traces_prog; /* what it was loaded to be attached to is another program */
	uint32_t attach_btf_id,
		attach_btf_obj; /* what it was loaded to be attached to: type and id of its BTF; 0: nothing */
	/* Counted while a HIVE_STATS object is held. */
	_Atomic uint64_t runs, run_ns;
	size_t verify_memory; /* bytes that it needed at most */
	struct skep_target target; /* what prog-array slots and hooks point at */
};

/* A worker: the right to run programs under one CPU number. */
struct hive_worker {
	struct quiesce_reader reader;
	bool busy;
	pthread_t thread; /* that has it while it is busy */
	struct skep_env env;
	struct packet *pkt; /* made when first needed */
};

/* A helper that this hive knows beyond Linux's own. */
struct hive_helper {
	uint32_t id;
	char name[64];
	struct hive_helper *next;
};

struct hive_prog_type {
	uint32_t type;
	uint32_t ctx_size;
	char section[64];
	struct hive_prog_type *next;
};

struct hive_pin {
	char *path;
	struct hive_object *object; /* held */
	struct hive_pin *next;
};

/* A hive that is elsewhere: the calls that concern it. */
struct hive_far {
	int (*bpf)(void *arg, int cmd, union bpf_attr *attr, unsigned int size);
	int (*perf_event_open)(void *arg, uint64_t attr, int pid, int cpu);
	int (*ioctl)(void *arg, int fd, unsigned long request, uint64_t a);
	void *arg;
};

struct skep_hive {
	const struct hive_far *far; /* this one is the way there, and holds nothing itself; NULL: it is here */
	bool of_kernel; /* objects that are opened for it go to the kernel; it only tells what goes wrong */
	pthread_mutex_t lock;
	uint32_t flags; /* enum skep_hive_flags */
	uint32_t caps; /* enum verify_caps: whose rights programs are judged by */
	uint32_t n_cpus;
	skep_log_fn log;
	void *log_arg;
	void (*trace)(void *arg, const char *text, size_t len);
	void *trace_arg;
	uint64_t seed;
	/* SKEP_CHECK_ONLY: the types that programs are judged by, held; and where they come from, NULL: the running kernel. */
	struct hive_btf *kernel;
	struct btf *presented; /* of other hives: the kernel types that skep presents, parsed */
	struct kernel_types *kernel_types; /* names of either */
	char *btf_path;

	atomic_uint storages; /* maps of tasks' values that there are, or have been */
	atomic_uint stats; /* HIVE_STATS objects that are held */
	atomic_bool stacks; /* a program has been loaded that looks at call stacks: runs note them */
	struct hive_object *objects[HIVE_KINDS];
	struct hive_object *by_inode[HIVE_INODE_HASH];
	uint32_t next_id[HIVE_KINDS];
	struct hive_pin *pins;
	struct hive_hook *hooks;

	skep_fn *helpers; /* SKEP_HELPER_MAX + 1 entries */
	struct hive_helper *own_helpers;
	struct hive_prog_type *own_types;

	/* A mapping of a map's memory that the seam made for the user: freezing asks whether one is writable. */
	struct hive_mapping {
		void *addr;
		size_t len;
		struct hive_map *map;
		struct hive_mapping *next;
	} * mappings;

	/* A ring or perf buffer that an epoll instance waits for. */
	struct hive_poll {
		int epfd;
		struct hive_object *object; /* held */
		struct epoll_event event; /* as the user gave it */
		struct hive_poll *next;
	} * polls;

	struct hive_timers *timers;
	struct fib *fib; /* the routing table of runs that begin now; NULL: none */
	struct check *check; /* loads whose verification is put off; NULL: none (check.h) */

	struct quiesce quiesce;
	struct hive_worker *workers; /* n_cpus */
	pthread_cond_t worker_free;
};

/* hive_log - one line to the hive's log, printf-like. */
void hive_log(const struct skep_hive *hive, enum skep_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Object table (object.c). All of these want hive->lock held. */

/*
 * hive_object_add - enter an object into the table and give it an id.
 * @memfd:  the object's memfd; the object takes it on success
 */
int hive_object_add(struct skep_hive *hive, struct hive_object *o, enum hive_kind kind, int memfd);
/* hive_object_open - a new fd for an object, O_CLOEXEC. @access: O_RDWR, O_RDONLY or O_WRONLY. */
int hive_object_open(struct hive_object *o, int access);
/*
 * hive_object_publish - enter a new object and open its first fd. hive->lock is held.
 * @o, @memfd: taken in any case; a negative memfd is the error of its making
 * Return: the fd, or the error: then the object is gone.
 */
int hive_object_publish(struct skep_hive *hive, struct hive_object *o, enum hive_kind kind, int memfd, int access);
/* hive_object_by_fd - the object behind an fd and one more reference to it. NULL: none of that kind (@why: -EBADF or -EINVAL). */
struct hive_object *hive_object_by_fd(struct skep_hive *hive, int fd, int kind, int *why);
/* hive_object_by_file - the object that a file is of, without a further reference; NULL: none. */
struct hive_object *hive_object_by_file(struct skep_hive *hive, const struct caller_fd *file);
/* hive_own_type - a program type that the embedder has defined, or NULL; it stays as long as the hive. */
const struct hive_prog_type *hive_own_type(const struct skep_hive *hive, uint32_t type);
struct hive_object *hive_object_by_id(struct skep_hive *hive, enum hive_kind kind, uint32_t id);
struct hive_object *hive_object_after(struct skep_hive *hive, enum hive_kind kind, uint32_t id);
void hive_object_hold(struct hive_object *o);
void hive_object_put(struct hive_object *o);
/* hive_object_held - does anybody outside hold it, by an fd or a pin? Needs no lock: the answer may be old by the time it is read. */
bool hive_object_held(const struct hive_object *o);
/* hive_object_destroy - destroy an object that nothing inside refers to, whoever holds fds; for the end of a hive. */
void hive_object_destroy(struct hive_object *o);
/* hive_sweep - destroy every object that nobody can reach any more. */
void hive_sweep(struct skep_hive *hive);
/* hive_memfd - a memfd for an object that has no memory of its own; its name shows in /proc/PID/fd. */
int hive_memfd(const char *kind, const char *name, const void *bytes, size_t len);

/* Per kind: free what the object owns. Called once, when it has left the table. */
void hive_map_free(struct hive_map *m);
void hive_prog_free(struct hive_prog *p);
void hive_btf_free(struct hive_btf *b);
void hive_link_free(struct hive_object *o);
void hive_link_detach(struct hive_object *o);
void hive_event_free(struct hive_object *o);
void hive_event_detach(struct hive_object *o);
void hive_perf_free(struct hive_object *o);
void hive_stats_free(struct hive_object *o);

/*
 * hive_kernel_btf - read the BTF of the kernel that a checking hive judges for into hive->kernel, and enter it under the
 * first id, as the kernel's own has it. 0, -ENOENT and the like when it cannot be read, -EINVAL when it is no BTF.
 */
int hive_kernel_btf(struct skep_hive *hive);

/*
 * hive_machine_cpus - the CPUs that the machine may ever have: how many workers a hive has unless told otherwise. libbpf_num_possible_cpus() is not asked,
 * since it keeps its first answer for good, and that is to be the hive's.
 */
uint32_t hive_machine_cpus(void);

/*
 * hive_worker_get - take a worker, waiting for one when all are busy; begins a read section. The thread that took it gives
 * it back. Return: NULL when all are busy and this thread has one itself (a helper of the embedder's that runs a
 * program): threads that wait while they hold could wait for each other for ever.
 */
struct hive_worker *hive_worker_get(struct skep_hive *hive);
/* hive_worker_take - the same for the worker of one number, below n_cpus, so that several runs use one CPU's slots. */
struct hive_worker *hive_worker_take(struct skep_hive *hive, uint32_t number);
#define HIVE_ANY_WORKER UINT32_MAX
void hive_worker_put(struct skep_hive *hive, struct hive_worker *w);

/* hive_set_routes - skep_hive_set_routes(), with the reason of -EINVAL in @why. */
int hive_set_routes(struct skep_hive *hive, const char *text, size_t len, char *why, size_t size);

/* hive_open_perf - what perf_event_open(2) with PERF_COUNT_SW_BPF_OUTPUT gives: a new buffer's fd. @cpu: the worker it serves. */
int hive_open_perf(struct skep_hive *hive, uint32_t cpu);

/* hive_prog_exec_counted - hive_prog_exec() while statistics are on. */
uint64_t hive_prog_exec_counted(const struct hive_prog *p, void *ctx, struct skep_env *env);

/* hive_prog_exec - run a program once in a worker, by the hive's engine. */
static inline uint64_t hive_prog_exec(const struct hive_prog *p, void *ctx, struct skep_env *env)
{
	if (__builtin_expect(atomic_load_explicit(&p->o.hive->stats, memory_order_relaxed) != 0, 0))
		return hive_prog_exec_counted(p, ctx, env);
	env->ctx = ctx;
	return p->target.jit ? jit_run(p->target.jit, ctx, env) : vm_run(p->vm, ctx, env);
}

#endif
