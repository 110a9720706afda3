/* SPDX-License-Identifier: BSD-2-Clause */
/* skep hive: hives that outlive their commands. docs/hive.md tells the user's side, src/hive/ how it works. */
#include "base/util.h"
#include "bpf/hive.h"
#include "cli/cli.h"
#include "hive/client.h"
#include "hive/place.h"
#include "hive/server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static const char help[] =
	"usage: skep hive start [NAME] [--foreground]\n"
	"       skep hive stop [NAME]\n"
	"       skep hive list [--json]\n"
	"       skep hive exec [NAME] -- COMMAND [ARGUMENT...]\n"
	"\n"
	"A hive holds programs, maps, BTF, links and pins of your own, until it is stopped. Commands that are run\n"
	"with 'exec' find it in place of the kernel's eBPF: bpftool and other tools that use libbpf, as they are.\n"
	"Only your own processes can reach it. Without NAME, 'default' is meant.\n"
	"\n"
	"  start         start a hive in the background; returns when it answers\n"
	"  --foreground  do not go to the background; what the hive has to say goes to stderr\n"
	"  stop          end a hive and all that is in it\n"
	"  list          the hives that run: since when, what is in them, bytes of maps and machine code\n"
	"  exec          run a command whose bpf(2) calls go to the hive; its exit code is the command's\n"
	"\n"
	"examples:\n"
	"  skep hive start\n"
	"  skep hive exec -- bpftool map create /sys/fs/bpf/m type hash key 4 value 8 entries 100 name m\n"
	"  skep hive exec -- bpftool map dump pinned /sys/fs/bpf/m\n"
	"  skep hive list --json\n"
	"  skep hive stop\n";

enum { LOG_MAX = 1 << 20, STOP_PATIENCE_MS = 10000 };

static struct hive_server *server; /* for the signal handler */

static void on_signal(int sig)
{
	server_stop(server);
}

/* The log does not grow for ever: when it is full it begins anew. */
static void log_bytes(const char *text, size_t len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct stat st;

	pthread_mutex_lock(&lock);
	if (!fstat(2, &st) && S_ISREG(st.st_mode) && st.st_size > LOG_MAX && !ftruncate(2, 0))
		dprintf(2, "skep: this log was full and begins anew\n");
	dprintf(2, "%.*s%s", (int)MIN(len, (size_t)INT32_MAX), text, len && text[len - 1] == '\n' ? "" : "\n");
	pthread_mutex_unlock(&lock);
}

static void log_line(void *arg, enum skep_log_level level, const char *line)
{
	if (level <= SKEP_LOG_WARN || getenv("SKEP_DEBUG"))
		log_bytes(line, strlen(line));
}

static void trace_text(void *arg, const char *text, size_t len)
{
	log_bytes(text, len);
}

/* The parent goes; the child has no terminal and says what it has to say into its log. Return: EXIT_OK in the child alone. */
static int to_background(const struct place *place, const char *name)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open(place->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	pid_t pid = null < 0 || log < 0 ? -1 : fork();

	if (pid < 0) {
		int err = errno;

		return fail("hive '%s': %s: %s", name, place->log, strerror(err));
	}
	if (pid) {
		printf("hive '%s' runs at %s (pid %d)\n", name, place->socket, (int)pid);
		fflush(stdout);
		_exit(EXIT_OK);
	}
	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(log, 2);
	close(null);
	close(log);
	return chdir("/") ? EXIT_FAILED : EXIT_OK;
}

/* Every object is an open file. */
static void raise_files(void)
{
	struct rlimit r;

	if (!getrlimit(RLIMIT_NOFILE, &r)) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int serve(const char *name, bool foreground)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .log = log_line, .trace = trace_text);
	struct sigaction end = {.sa_handler = on_signal};
	struct skep_hive *hive;
	struct place place;
	char why[512];
	int err = place_find(name, true, &place, why, sizeof(why));

	if (err)
		return fail("hive '%s': %s", name, why);
	raise_files();
	err = skep_hive_new(&opts, &hive);
	if (err)
		return fail("cannot make a hive: %s", strerror(-err));
	err = server_new(&place, hive, &server, why, sizeof(why));
	if (err) {
		skep_hive_free(hive);
		return fail("hive '%s': %s", name, why);
	}
	/* It listens already: who connects from here on is answered. */
	if (!foreground)
		err = to_background(&place, name);
	else
		note("hive '%s' runs at %s (pid %d)", name, place.socket, (int)getpid());
	if (!err) {
		sigaction(SIGTERM, &end, NULL);
		sigaction(SIGINT, &end, NULL);
		sigaction(SIGHUP, &end, NULL);
		err = server_run(server);
		if (err)
			fail("hive '%s': %s", name, strerror(-err));
	}
	server_free(server);
	skep_hive_free(hive);
	return err ? EXIT_FAILED : EXIT_OK;
}

/* Waits until the server has given its lock up: then its socket is gone, and another may take its place. */
static int wait_for_end(const struct place *place)
{
	AUTO_CLOSE int fd = open(place->lock, O_RDONLY | O_CLOEXEC);
	struct timespec nap = {.tv_nsec = 10 * 1000 * 1000};

	for (int ms = 0; fd >= 0 && flock(fd, LOCK_SH | LOCK_NB); ms += 10) {
		if (ms >= STOP_PATIENCE_MS)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int stop(const char *name)
{
	struct client c = {.name = name};
	struct place place;
	char why[512];
	int err = place_find(name, false, &place, why, sizeof(why));

	if (err && err != -ENOENT)
		return fail("hive '%s': %s", name, why);
	err = client_ask(&c, ASK_STOP, 0, NULL, NULL, 0, why, sizeof(why));
	client_close(&c);
	if (err)
		return fail("hive '%s': %s", name, err == -ENOTCONN ? why : strerror(-err));
	if (wait_for_end(&place))
		return fail("hive '%s': it is ending, but a call that is at work in it takes its time", name);
	return EXIT_OK;
}

/* 59s, 59m59s, 23h59m, 12d23h */
static const char *age(char *buf, size_t size, uint64_t s)
{
	if (s < 60)
		snprintf(buf, size, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, size, "%" PRIu64 "m%" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%" PRIu64 "h%" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%" PRIu64 "d%" PRIu64 "h", s / 86400, s / 3600 % 24);
	return buf;
}

static void print_facts(const char *name, const struct msg_facts *f, bool json)
{
	uint64_t now = (uint64_t)time(NULL);
	uint64_t seconds = now > f->started ? now - f->started : 0;
	char a[32], m[32];

	if (json) {
		const struct {
			const char *key;
			uint64_t value;
		} figures[] = {
			{"pid", f->pid},           {"started", f->started},
			{"age_seconds", seconds},  {"clients", f->clients - 1},
			{"programs", f->programs}, {"maps", f->maps},
			{"btfs", f->btfs},         {"links", f->links},
			{"pins", f->pins},         {"memory", f->memory},
		};
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "name", json_object_new_string(name));
		for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
			json_object_object_add(o, figures[i].key, json_object_new_uint64(figures[i].value));
		print_json(o);
		return;
	}
	printf("%-16s %8u %8s %8u %9u %6u %6u %6u %16s\n", name, f->pid, age(a, sizeof(a), seconds), f->clients - 1,
	       f->programs, f->maps, f->links, f->pins, number(m, f->memory));
}

/* A socket that nobody listens at, whose lock is free: what a killed hive left behind. */
static void clean_up(const char *name)
{
	struct place place;
	char why[512];

	if (place_find(name, false, &place, why, sizeof(why)))
		return;
	AUTO_CLOSE int fd = open(place.lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		unlink(place.socket);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int list(bool json)
{
	struct dirent **entries;
	char dir[PATH_MAX];
	char why[512];
	int n, found = 0;
	int err = place_dir(false, dir, why, sizeof(why));

	if (err && err != -ENOENT)
		return fail("%s", why);
	n = err ? 0 : scandir(dir, &entries, NULL, by_name);
	if (n < 0)
		return fail("%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		struct client c = {.name = name};
		struct msg_facts facts;

		/* A hive that ends while it is asked is not there, as one that has ended. */
		if (place_name_ok(name)) {
			err = client_ask(&c, ASK_FACTS, 0, NULL, &facts, sizeof(facts), why, sizeof(why));
			if (err == -ENOTCONN)
				clean_up(name);
			if (!err && !found++ && !json)
				printf("%-16s %8s %8s %8s %9s %6s %6s %6s %16s\n", "NAME", "PID", "AGE", "CLIENTS",
				       "PROGRAMS", "MAPS", "LINKS", "PINS", "MEMORY");
			if (!err)
				print_facts(name, &facts, json);
			client_close(&c);
		}
		free(entries[i]);
	}
	if (!err || n)
		free(entries);
	if (!found && !json)
		note("no hive is running; 'skep hive start' starts one");
	return EXIT_OK;
}

/* The library beside this command, or where both were installed: SKEP_LIBDIR is absolute or counts from the prefix. */
static int find_preload(char path[PATH_MAX])
{
	static const char *const places[] = {"", SKEP_LIBDIR[0] == '/' ? SKEP_LIBDIR "/" : "../" SKEP_LIBDIR "/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return -errno;
	self[n] = 0;
	*(strrchr(self, '/') + 1) = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (snprintf(path, PATH_MAX, "%s%slibskep-preload.so", *places[i] == '/' ? "" : self, places[i]) <
			    PATH_MAX &&
		    !access(path, R_OK))
			return 0;
	return -ENOENT;
}

static int exec_there(const char *name, char **argv)
{
	struct client c = {.name = name};
	const char *others = getenv("LD_PRELOAD");
	char preload[2 * PATH_MAX];
	struct msg_facts facts;
	char why[512];
	int err = client_ask(&c, ASK_FACTS, 0, NULL, &facts, sizeof(facts), why, sizeof(why));

	client_close(&c);
	if (err)
		return fail("hive '%s': %s", name, err == -ENOTCONN ? why : strerror(-err));
	if (find_preload(preload))
		return fail("libskep-preload.so is neither beside this command nor in its prefix's " SKEP_LIBDIR);
	/* The dynamic linker's own rule (man 8 ld.so). */
	if (strpbrk(preload, " :"))
		return fail("%s: a preloaded library's path can have no space and no colon", preload);
	if (others && *others) {
		size_t n = strlen(preload);

		if ((size_t)snprintf(preload + n, sizeof(preload) - n, ":%s", others) >= sizeof(preload) - n)
			return fail("LD_PRELOAD is too long");
	}
	if (setenv("LD_PRELOAD", preload, 1) || setenv("SKEP_HIVE", name, 1))
		return fail("%s", strerror(errno));
	signal(SIGPIPE, main_ignored_pipe() ? SIG_IGN : SIG_DFL);
	execvp(argv[0], argv);
	err = errno;
	fail("%s: %s", argv[0], strerror(err));
	return err == ENOENT ? 127 : 126;
}

/* NAME, or the default; options of one verb. Return: EXIT_OK or EXIT_USAGE. */
static int parse(const struct verb *verb, int argc, char **argv, const char *option, const char **name, bool *set)
{
	*name = CLIENT_DEFAULT;
	*set = false;
	for (int i = 2, names = 0; i < argc; i++) {
		if (option && !strcmp(argv[i], option))
			*set = true;
		else if (argv[i][0] == '-')
			return misuse(verb, "hive %s: option '%s' is unknown", argv[1], argv[i]);
		else if (names++)
			return misuse(verb, "hive %s: one name, not '%s' as well", argv[1], argv[i]);
		else if (!place_name_ok(argv[i]))
			return misuse(verb, "'%s' cannot be a hive's name: letters, digits, '.', '_' and '-'", argv[i]);
		else
			*name = argv[i];
	}
	return EXIT_OK;
}

static int run_exec(const struct verb *verb, int argc, char **argv)
{
	const char *name;
	bool set;
	int at = 2;

	while (at < argc && strcmp(argv[at], "--"))
		at++;
	if (at + 1 >= argc)
		return misuse(verb, "hive exec: '--' and a command must follow");
	return parse(verb, at, argv, NULL, &name, &set) ? EXIT_USAGE : exec_there(name, argv + at + 1);
}

static int run(const struct verb *verb, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *name;
	bool set;

	if (!strcmp(what, "exec"))
		return run_exec(verb, argc, argv);
	if (!strcmp(what, "start"))
		return parse(verb, argc, argv, "--foreground", &name, &set) ? EXIT_USAGE : serve(name, set);
	if (!strcmp(what, "stop"))
		return parse(verb, argc, argv, NULL, &name, &set) ? EXIT_USAGE : stop(name);
	if (strcmp(what, "list"))
		return misuse(verb, "hive: start, stop, list or exec, not '%s'", what);
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--json"))
			return misuse(verb, "hive list takes no argument but --json, not '%s'", argv[i]);
	return list(argc > 2);
}

const struct verb verb_hive = {
	.name = "hive", .about = "hives that outlive their commands, for bpftool and others", .help = help, .run = run};
