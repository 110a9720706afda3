/* SPDX-License-Identifier: BSD-2-Clause */
/* skep check: would the kernel load it, and if not, why? */
#include "cli/check.h"

#include "base/util.h"
#include "btf/kernel.h"

#include <bpf/btf.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static const char help[] =
	"usage: skep check OBJ|NAME... [options]\n"
	"\n"
	"Verifies every program of the objects as Linux 6.18 would, and explains what is refused. Nothing is loaded, "
	"and no\n"
	"privileges are needed. OBJ is an eBPF object file, NAME a ready-made program.\n"
	"\n"
	"  --prog NAME          only this program\n"
	"  --kernel LIST        say which of these kernels can load it: 5.15,6.1,6.12 (docs/check.md: what that "
	"proves)\n"
	"  --as-user            by the rules for a user without capabilities\n"
	"  --btf FILE           the types of the kernel to judge for (default: /sys/kernel/btf/vmlinux)\n"
	"  --hive               judge for skep's own hive instead of a kernel: its types, its helpers\n"
	"  -v, --verbose        also the cost by source line, and the log that the kernel would write; -vv: with every "
	"state\n"
	"  --json               JSON Lines (docs/json.md)\n"
	"\n"
	"Exit codes: 0 every program loads; 1 one is refused or cannot be loaded; 2 the command line is wrong.\n"
	"\n"
	"examples:\n"
	"  skep check fw.bpf.o\n"
	"  skep check fw.bpf.o --prog ingress -v\n"
	"  skep check *.bpf.o --kernel 5.15,6.1 --json\n";

struct options {
	const char *prog, *btf, *kernels;
	bool hive, as_user, json;
	uint32_t verbose;
	struct versions *versions;
};

static void log_debug(void *arg, enum skep_log_level level, const char *line)
{
	if (getenv("SKEP_DEBUG"))
		fprintf(stderr, "%s\n", line);
}

/* A memfd whose path in /proc stands for a file. */
static int to_file(const void *bytes, size_t len, char path[64])
{
	int fd = memfd_create("skep-btf", MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < len;) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* The hive takes raw BTF; a vmlinux or module file has it in a section. */
static int raw_btf(const char *file, char path[64])
{
	struct btf *btf = btf__parse(file, NULL);
	const void *raw;
	uint32_t len;
	int fd;

	if (!btf)
		return -1;
	raw = btf__raw_data(btf, &len);
	fd = raw ? to_file(raw, len, path) : -1;
	btf__free(btf);
	return fd;
}

/* The hive that judges. @fd: of a file that it reads, -1: none. */
static int make_hive(const struct options *o, struct skep_hive **hive, int *fd)
{
	static const char running[] = "/sys/kernel/btf/vmlinux";
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .log = log_debug);
	char path[64];
	int err;

	*fd = -1;
	if (o->as_user)
		opts.flags |= SKEP_AS_USER;
	if (!o->hive) {
		opts.flags |= SKEP_CHECK_ONLY;
		opts.btf_path = o->btf;
	} else {
		opts.flags |= SKEP_INTERPRET;
	}
	if (!o->hive && !o->btf && access(running, R_OK)) {
		note("%s: %s: judging by skep's own types; what attaches to kernel functions cannot be judged so "
		     "(--btf FILE gives a kernel's types)",
		     running, strerror(errno));
		*fd = to_file(kernel_btf, kernel_btf_len, path);
		opts.btf_path = path;
	} else if (o->btf) {
		*fd = raw_btf(o->btf, path);
		if (*fd < 0)
			return fail("%s: read the kernel's types: %s", o->btf,
				    access(o->btf, R_OK) ? strerror(errno) : "no BTF in it");
		opts.btf_path = path;
	}
	err = skep_hive_new(&opts, hive);
	return err ? fail("cannot make a hive: %s", strerror(-err)) : EXIT_OK;
}

/* One of the objects, from its name to what is known of it. */
struct item {
	const char *name;
	struct source src;
	struct skep_hive *hive;
	int fd; /* that the hive reads; -1: none */
	struct check c;
	bool read, checked; /* src and c are to be given back */
	int ret; /* an exit code; EXIT_OK: c can be printed */
	bool done;
};

/*
 * Objects are checked by a few threads and printed by the first, in the order in which they were named. Each has a hive: what one object leaves
 * behind, names and pins, does not reach the next.
 */
struct objects {
	const struct options *o;
	struct check_opts opts;
	struct item *items;
	int n, next; /* next: to be taken */
	pthread_mutex_t lock;
	pthread_cond_t one_done;
};

static void check_item(const struct objects *all, struct item *item)
{
	const struct options *o = all->o;
	const char *base = strrchr(item->name, '/');
	int err;

	if (!item->hive)
		item->ret = make_hive(o, &item->hive, &item->fd);
	if (item->ret != EXIT_OK)
		return;
	if (!item->src.data)
		item->ret = source_read(&item->src, item->name);
	if (item->ret != EXIT_OK)
		return;
	item->read = true;
	err = check_object(item->hive, item->src.data, item->src.len, base ? base + 1 : item->name, &all->opts,
			   &item->c);
	item->checked = true;
	if (err == -ENOENT)
		item->ret = fail("%s: it has no program '%s'", item->name, o->prog);
	else if (err)
		item->ret = fail("%s: %s", item->name, strerror(-err));
}

static void *check_items(void *arg)
{
	struct objects *all = arg;

	pthread_mutex_lock(&all->lock);
	while (all->next < all->n) {
		struct item *item = &all->items[all->next++];

		pthread_mutex_unlock(&all->lock);
		check_item(all, item);
		pthread_mutex_lock(&all->lock);
		item->done = true;
		pthread_cond_broadcast(&all->one_done);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

static void item_free(struct item *item)
{
	if (item->checked)
		check_free(&item->c);
	if (item->read)
		source_close(&item->src);
	if (item->hive)
		skep_hive_free(item->hive);
	if (item->fd >= 0)
		close(item->fd);
}

static bool refused(const struct check *c)
{
	for (uint32_t i = 0; i < c->n_progs; i++)
		if (c->progs[i].verdict != CHECK_ACCEPT)
			return true;
	return c->cause != NULL;
}

int check_before(const struct source *src, const char *prog, bool json,
		 bool (*wants)(void *arg, const struct bpf_program *prog), void *arg)
{
	const struct options o = {.prog = prog, .json = json};
	const struct objects all = {.o = &o, .opts = {.prog = prog, .explain = true, .wants = wants, .arg = arg}};
	struct item item = {
		.name = src->name, .fd = -1, .src = {.name = src->name, .data = src->data, .len = src->len}};
	const struct check_show show = {.object = src->name, .json = json};

	check_item(&all, &item);
	if (item.checked && item.ret == EXIT_OK && refused(&item.c)) {
		check_print(&item.c, &show);
		item.ret = EXIT_FAILED;
	}
	item_free(&item);
	return item.ret;
}

static void show_item(const struct options *o, struct item *item)
{
	const struct check_show show = {
		.object = item->name, .json = o->json, .verbose = o->verbose, .versions = o->versions};

	if (item->checked && item->ret == EXIT_OK) {
		check_print(&item->c, &show);
		if (refused(&item->c))
			item->ret = EXIT_FAILED;
	}
	item_free(item);
}

static int check_all(const struct options *o, char **objects, int n)
{
	enum { THREADS_MAX = 16 };
	struct objects all = {.o = o, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER, .one_done = PTHREAD_COND_INITIALIZER};
	pthread_t threads[THREADS_MAX];
	struct rlimit files;
	cpu_set_t cpus;
	int ret = EXIT_OK, want, started = 0;

	/* Every program and map of an object is an fd. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	want = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);
	want = MIN(MIN(want, n), THREADS_MAX);
	/* One object shares the CPUs among its programs, several share them among themselves. */
	all.opts = (struct check_opts){.prog = o->prog,
				       .log_level = o->verbose ? (o->verbose > 1 ? 2 : 1) | 4 : 0,
				       .explain = true,
				       .threads = want > 1 ? 1 : 0};
	all.items = calloc((size_t)n, sizeof(*all.items));
	if (!all.items)
		return fail("out of memory");
	for (int i = 0; i < n; i++)
		all.items[i] = (struct item){.name = objects[i], .fd = -1};
	/* What is wrong with the kernel's types is wrong for all objects, and said once. */
	ret = make_hive(o, &all.items[0].hive, &all.items[0].fd);
	if (ret != EXIT_OK) {
		free(all.items);
		return ret;
	}
	while (want > 1 && started < want && !pthread_create(&threads[started], NULL, check_items, &all))
		started++;
	for (int i = 0; i < n; i++) {
		struct item *item = &all.items[i];

		pthread_mutex_lock(&all.lock);
		if (!started) {
			pthread_mutex_unlock(&all.lock);
			check_item(&all, item);
			pthread_mutex_lock(&all.lock);
			item->done = true;
		}
		while (!item->done)
			pthread_cond_wait(&all.one_done, &all.lock);
		pthread_mutex_unlock(&all.lock);
		show_item(o, item);
		if (item->ret != EXIT_OK)
			ret = item->ret;
	}
	while (started)
		pthread_join(threads[--started], NULL);
	free(all.items);
	return ret;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	enum { OPT_PROG = 256, OPT_BTF, OPT_HIVE, OPT_AS_USER, OPT_KERNEL, OPT_JSON };
	static const struct option options[] = {
		{"prog", required_argument, NULL, OPT_PROG},
		{"btf", required_argument, NULL, OPT_BTF},
		{"hive", no_argument, NULL, OPT_HIVE},
		{"as-user", no_argument, NULL, OPT_AS_USER},
		{"kernel", required_argument, NULL, OPT_KERNEL},
		{"json", no_argument, NULL, OPT_JSON},
		{"verbose", no_argument, NULL, 'v'},
		{0},
	};
	struct options o = {0};
	int c, ret;

	while ((c = getopt_long(argc, argv, ":v", options, NULL)) >= 0) {
		switch (c) {
		case OPT_PROG:
			o.prog = optarg;
			break;
		case OPT_BTF:
			o.btf = optarg;
			break;
		case OPT_HIVE:
			o.hive = true;
			break;
		case OPT_AS_USER:
			o.as_user = true;
			break;
		case OPT_KERNEL:
			o.kernels = optarg;
			break;
		case OPT_JSON:
			o.json = true;
			break;
		case 'v':
			o.verbose++;
			break;
		default:
			return option_error(verb, argv);
		}
	}
	if (optind == argc)
		return misuse(verb, "check wants one or more objects, or ready-made programs' names");
	if (o.hive && o.btf)
		return misuse(verb, "--hive judges by skep's own types: --btf does not go with it");
	if (o.kernels) {
		o.versions = versions_parse(o.kernels);
		if (!o.versions)
			return misuse(verb, "--kernel wants versions from 3.18 to 6.18: 5.15,6.1 and not '%s'",
				      o.kernels);
	}
	ret = check_all(&o, argv + optind, argc - optind);
	free(o.versions);
	return ret;
}

const struct verb verb_check = {
	.name = "check",
	.about = "would the kernel load it, and if not, why?",
	.help = help,
	.run = run,
};
