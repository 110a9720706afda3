/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libskep: eBPF in user space, as a library.
 *
 * A hive is an eBPF of your own: maps, programs, BTF, pins and ids live in it and nowhere else.
 * Objects that clang built are opened and loaded by libbpf (a private copy inside libskep), whose
 * bpf(2) calls go to the hive. Any number of hives may live in a process; what they are stands in
 * the hives. Beside them there are only notes per thread while a call is at work (which hive it is for), a cache of the thread's
 * id, and what libbpf's private copy remembers of the features it found, which are the same in every hive. The library interposes
 * nothing of libc, prints nothing and never exits.
 *
 * Return values: 0 or a positive number on success, a negative errno on failure, unless a
 * function says otherwise. Options structs begin with their size (SKEP_OPTS); fields that this
 * version does not know must be zero, else -E2BIG.
 *
 * Threads: a hive may be used from several threads; an object, a program handle or a run may be
 * used from one thread at a time.
 */
#ifndef SKEP_SKEP_H
#define SKEP_SKEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_API __attribute__((visibility("default")))

/* struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = ...); */
#define SKEP_OPTS(type, ...) ((type){.sz = sizeof(type), __VA_ARGS__})

union bpf_attr;
struct skep_hive;
struct skep_object;
struct skep_program;
struct skep_env;

enum skep_log_level { SKEP_LOG_ERROR, SKEP_LOG_WARN, SKEP_LOG_INFO, SKEP_LOG_DEBUG };

/*
 * A line of text without a newline, from skep or from libbpf. May be called from any thread that uses the hive, also with the
 * hive's lock held: it must not call into the hive.
 */
typedef void (*skep_log_fn)(void *arg, enum skep_log_level level, const char *line);

enum skep_hive_flags {
	/* Run programs in the interpreter only. Implied where skep has no JIT for the CPU. */
	SKEP_INTERPRET = 1 << 1,
	/*
	 * Judge programs for the kernel, and run none. They are verified against the kernel's BTF (btf_path), with every helper,
	 * kernel function and map type of Linux, also those that skep cannot run. A map of a type that skep does not have is a shell:
	 * it tells about itself, can be frozen, and holds nothing. Programs get an fd, but running one is
	 * -EOPNOTSUPP.
	 */
	SKEP_CHECK_ONLY = 1 << 2,
	/* Verify programs by the stricter rules that the kernel has for users without capabilities. */
	SKEP_AS_USER = 1 << 3,
	/*
	 * Addresses that are given to bpf(2) are good: they are not tried by system calls first, which is most of what an operation on a
	 * map costs from C. A bad one crashes instead of being EFAULT.
	 */
	SKEP_TRUST_ADDRESSES = 1 << 4,
};

struct skep_hive_opts {
	size_t sz;
	uint32_t flags; /* enum skep_hive_flags */
	uint32_t n_cpus; /* workers and per-CPU slots; 0: as many as the machine may have */
	skep_log_fn log; /* NULL: silent */
	void *log_arg;
	/* Where bpf_trace_printk() goes; NULL: nowhere. */
	void (*trace)(void *arg, const char *text, size_t len);
	void *trace_arg;
	/*
	 * With SKEP_CHECK_ONLY: a file with the raw BTF of the kernel to judge for. NULL: the running kernel's
	 * (/sys/kernel/btf/vmlinux), with its configuration and symbols.
	 */
	const char *btf_path;
};

/*
 * skep_hive_new - make a hive.
 * @opts:  NULL for the defaults
 * @out:   the hive; given back with skep_hive_free()
 */
SKEP_API int skep_hive_new(const struct skep_hive_opts *opts, struct skep_hive **out);

/*
 * skep_hive_free - destroy a hive with everything in it. NULL is fine. Objects of the hive must be
 * closed before; fds that are still open become ordinary files that no hive knows.
 */
SKEP_API void skep_hive_free(struct skep_hive *hive);

/*
 * skep_bpf - bpf(2), answered by the hive (man 2 bpf).
 * @cmd:   enum bpf_cmd
 * @attr:  what the command takes, @size bytes of it
 * Return: what bpf(2) returns on success (0 or an fd of this process); a negative errno, the
 * kernel's, on failure.
 */
SKEP_API int skep_bpf(struct skep_hive *hive, int cmd, union bpf_attr *attr, unsigned int size);

/* A helper: five arguments of 64 bits and the run it is called in. */
typedef uint64_t (*skep_helper_fn)(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5,
				   struct skep_env *env);

/* The ids that an embedder's own helpers may have; those below belong to Linux. */
#define SKEP_HELPER_MIN 0x1000
#define SKEP_HELPER_MAX 0x1fff

/*
 * skep_hive_add_helper - give programs a helper of your own.
 * @id:    SKEP_HELPER_MIN to SKEP_HELPER_MAX; programs call it as
 *         static long (*name)(...) = (void *)id;
 * @name:  for dumps and messages; copied
 * Programs that are loaded afterwards see it. -EEXIST when the id is taken.
 */
SKEP_API int skep_hive_add_helper(struct skep_hive *hive, uint32_t id, const char *name, skep_helper_fn fn);

/* The program types that an embedder may define. */
#define SKEP_PROG_TYPE_MIN 0x1000

/*
 * skep_hive_add_prog_type - define a program type: a kind of context and the section that names it.
 * @section:   programs in SEC("section") or SEC("section/...") are of this type
 * @ctx_size:  bytes of the context that r1 points to
 * Return: the type's number (SKEP_PROG_TYPE_MIN or above), -EEXIST when the section is taken.
 */
SKEP_API int skep_hive_add_prog_type(struct skep_hive *hive, const char *section, uint32_t ctx_size);

/*
 * skep_hive_set_routes - give programs a network to look up routes in: what bpf_fib_lookup() answers from.
 * @text, @len: links, addresses, routes, neighbours and rules (docs/routes.md); copied. NULL: no network, where every
 *              look-up is -ENODEV, as in a new hive.
 * It holds for runs that begin afterwards, and replaces what was there. Return: 0, -ENOMEM, -EINVAL with the line and the reason logged.
 */
SKEP_API int skep_hive_set_routes(struct skep_hive *hive, const char *text, size_t len);

/*
 * skep_object_open_file, skep_object_open_mem - open an eBPF object and load everything in it.
 * @path:       an ELF file that clang -target bpf wrote
 * @data, @len: the same in memory; copied
 * @name:       names an object from memory in messages
 * @out:        the object; given back with skep_object_close()
 * What is wrong is logged in one line that names the object, the action and the cause.
 */
SKEP_API int skep_object_open_file(struct skep_hive *hive, const char *path, struct skep_object **out);
SKEP_API int skep_object_open_mem(struct skep_hive *hive, const void *data, size_t len, const char *name,
				  struct skep_object **out);
SKEP_API void skep_object_close(struct skep_object *obj);

/* skep_object_program - a loaded program by its function's name; NULL: the first. Owned by the object. NULL when there is none. */
SKEP_API struct skep_program *skep_object_program(struct skep_object *obj, const char *name);

/* skep_object_map_fd - the fd of a map by its name, owned by the object; -ENOENT. */
SKEP_API int skep_object_map_fd(struct skep_object *obj, const char *name);

/* skep_program_fd - the program's fd, owned by its object. */
SKEP_API int skep_program_fd(const struct skep_program *prog);
SKEP_API const char *skep_program_name(const struct skep_program *prog);

/*
 * skep_program_run - run a program once over a context.
 * @ctx:  what r1 points to, at least as large as the type's context
 * @ret:  r0 at exit; NULL when it does not matter
 * @user: what skep_env_user() gives to helpers of your own
 * Return: 0, or -EFAULT when the program called something that does not exist (*ret is 0 then). -EBUSY when a helper
 * of yours runs a program and every worker is busy. -EINVAL for a context that is too small.
 */
SKEP_API int skep_program_run(struct skep_program *prog, void *ctx, uint32_t ctx_size, void *user, uint64_t *ret);

/* skep_env_user - for helpers of your own: what skep_program_run() was given as @user. */
SKEP_API void *skep_env_user(const struct skep_env *env);

/*
 * Map elements by the map's fd (man 2 bpf: BPF_MAP_LOOKUP_ELEM and so on). @key and @value are of the
 * map's sizes; a per-CPU map's value is one of round_up(value_size, 8) bytes for each CPU.
 */
SKEP_API int skep_map_lookup(struct skep_hive *hive, int fd, const void *key, void *value);
SKEP_API int skep_map_update(struct skep_hive *hive, int fd, const void *key, const void *value, uint64_t flags);
SKEP_API int skep_map_delete(struct skep_hive *hive, int fd, const void *key);

/* skep_version - "major.minor.patch" of the library. */
SKEP_API const char *skep_version(void);

#ifdef __cplusplus
}
#endif

#endif
