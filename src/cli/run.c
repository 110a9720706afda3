/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep run: a command whose frames pass through eBPF.
 *
 * The course of a run: the tree's namespaces are made first, while skep has one thread (tree.h); then the hive, the objects, and the network's
 * thread; programs are attached; a server answers other terminals; the command starts. This thread then waits for the command's end and for
 * signals. What it says goes to stderr: stdin, stdout and the terminal are the command's.
 *
 * Signals from the terminal reach the command by themselves, for it is in skep's process group: they are not passed on, or it would get them
 * twice. Those that somebody sends to skep are.
 */
#include "cli/run.h"

#include "base/clock.h"
#include "base/util.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "hive/place.h"
#include "hive/server.h"
#include "hook/supervisor.h"
#include "hook/task/sockets.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

enum { EXIT_OWN = 125, EXIT_CANNOT = 126, EXIT_ABSENT = 127, LINKS = 256, HEADERS = 256 };

/* clang-format off */
static const char help[] =
	"usage: skep run [OBJ|NAME[@PRIORITY]]... [options] -- COMMAND [ARGUMENT...]\n"
	"\n"
	"Runs a command in a network of its own, without root: every frame that it and its children send or receive\n"
	"passes the programs of the objects, and a policy where one is given. The command's files, user, terminal,\n"
	"signals and exit code are its own.\n"
	"\n"
	"What it may reach (docs/policy.md):\n"
	"  --allow RULE[,RULE...]  these, and nothing else: names (*.example.org), addresses, prefixes, each with\n"
	"                          ports (:80,443); host:PORT is this machine's loopback; unix:PATH leaves a Unix\n"
	"                          socket reachable (all others are covered)\n"
	"  --deny RULE[,RULE...]   not these\n"
	"  --policy FILE           rules from a file\n"
	"  --profile NAME          ready-made rules: npm, pip, git, apt, build or agent\n"
	"  --audit                 refuse nothing, tell what would be refused\n"
	"  --advise                print the policy that would allow exactly what was seen\n"
	"  --print-policy          print the rules as a file, before the command starts or without one\n"
	"  --violation-exit N      the exit code when something was refused\n"
	"\n"
	"What it may do (docs/guard.md):\n"
	"  --read PATH[,PATH...]   files and folders that it may read, and no others; what it may write it may read\n"
	"  --write PATH[,PATH...]  ... change, make and remove\n"
	"  --run PATH[,PATH...]    ... execute\n"
	"  guard                   among the objects: with --audit and --advise, the paths that were used\n"
	"  --policy, --profile, --audit, --advise, --print-policy, --violation-exit: as above; build and agent are\n"
	"                          profiles with rules for files\n"
	"\n"
	"Its network:\n"
	"  --net=calls             make its socket calls for it, in place of a network of its own: where namespaces may\n"
	"                          not be made, as in most containers\n"
	"  --by=ptrace             see system calls by ptrace, in place of seccomp's notifications: where there may be none;\n"
	"                          a call that is seen costs more, and nothing in the tree can be traced (docs/run.md)\n"
	"  --loopback PORT[,PORT...]|all       ports of this machine's loopback, which the command reaches as the name\n"
	"                          'host' or 10.0.2.2 (PORT/tcp, PORT/udp: one protocol)\n"
	"  --publish [ADDR:]PORT[:PORT][/udp]  let connections in: a port here to one of the command's\n"
	"  --dns ADDR[:PORT]       ask this name server in place of the system's\n"
	"  --mtu N                 of the command's interface (default: 65520)\n"
	"  --no-tap                use a veth pair although there is /dev/net/tun\n"
	"  --keep-fd N             leave an open file to the command (all others but 0, 1, 2 are closed)\n"
	"\n"
	"What is told, beside the summary on stderr:\n"
	"  --flows FILE            a line of JSON for each flow: its beginning, its first drop, its end (docs/json.md)\n"
	"  --pcapng FILE           every frame, with verdict and process as its comment\n"
	"  --metrics FILE|ADDR:PORT  counters for Prometheus\n"
	"  --progress              a line of progress (by itself when stderr is a terminal and stdout is none)\n"
	"  --events FILE           what the objects send through ring and perf buffers, as JSON Lines\n"
	"  --json                  the summary, and events, as JSON Lines (docs/json.md)\n"
	"  -q, --quiet             no summary\n"
	"  -v, --verbose           what is attached where; refusals when they happen\n"
	"\n"
	"Programs:\n"
	"  OBJ, NAME[@PRIORITY]    an object file, or a ready-made program such as xdp-flows; xdp, tc, cgroup_skb and\n"
	"                          socket filters, tracepoints, kprobes and so on are attached by their sections, and run in the order of their\n"
	"                          priorities (50 where none is given; lower ones first), then in that given here\n"
	"  watch                   among the objects: processes, files and connections are told at the end (-v: as they come)\n"
	"    --processes FILE      ... as JSON Lines in the shape of Tetragon's process_exec and process_exit\n"
	"    --syscalls CALL[,...] ... with counts, errors and times of these system calls, as strace -c has them\n"
	"  --reserve CALL[:return][,...]  let programs that come later, from other terminals, see these system calls\n"
	"                          (:return: their ends, too); 'life': forks, execs and exits; 'all': every call\n"
	"  --name NAME             of the run, for 'skep hive list' and other terminals (default: run-PID)\n"
	"  --interpret             run programs in the interpreter\n"
	"\n"
	"Exit code: the command's; 125 when skep fails, 126 and 127 when the command cannot be executed.\n"
	"\n"
	"examples:\n"
	"  skep run --allow registry.npmjs.org -- npm install\n"
	"  skep run --profile pip --violation-exit 99 -- pip install requests\n"
	"  skep run --audit --advise -- make             # what does it talk to?\n"
	"  skep run fw.bpf.o count.bpf.o@10 -- npm install\n"
	"  skep run watch --syscalls openat,connect -- make\n"
	"  skep run --profile build --write . -- make     # nothing outside this folder changes\n"
	"  skep run --loopback 5432 --publish 8080 -- ./server\n";
/* clang-format on */

struct run {
	struct run_args args;
	struct tree tree;
	struct skep_hive *hive;
	struct source sources[RUN_OBJECTS];
	struct source firewall;
	struct run_policy *policy;
	struct run_output *output;
	struct run_tasks *tasks;
	struct net *net;
	struct calls *sockets; /* NULL: the tree has an interface */
	struct run_report *report;
	struct run_calls *calls;
	struct run_watch *watch; /* NULL: it is not among the objects */
	struct source guards;
	struct run_guard *guard; /* NULL: no policy asks for it */
	struct run_events *events;
	int links[LINKS];
	uint32_t n_links;
	struct hive_server *server;
	pthread_t server_thread;
	int signals; /* a signalfd */
	int tty; /* whose foreground process group was skep's; -1 */
};

static int by_priority(const void *a, const void *b)
{
	const struct run_object *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x < y ? -1 : x > y; /* qsort() of glibc merges: equal ones stay in order */
}

/* May programs on what tasks do be among those of the run? */
static bool sees_tasks(const struct run *r)
{
	return r->args.n_objects || r->args.reserve || r->args.guarded || r->args.tree.bare || r->args.by_trace;
}

static int load(struct run *r, struct source *s, const char *name)
{
	int err = source_read(s, name);

	s->hive = r->hive;
	return err ? err : source_load(s);
}

static int load_objects(struct run *r)
{
	/* The network takes one worker for good, the last; those that see tasks are before it; others test and look. */
	struct source base = {.workers = 2 + (sees_tasks(r) ? run_calls_workers() : 0)};
	int err = source_hive(&base, r->args.interpret ? SOURCE_INTERPRET : 0);

	r->hive = base.hive;
	if (!err && r->args.policy.on) {
		err = load(r, &r->firewall, "egress-firewall");
		err = err ? err
			  : run_policy_new(&r->args.policy, &r->firewall, &r->args.net, r->args.verbose, &r->policy);
		run_policy_open(&r->args.policy, &r->args.net);
	}
	if (!err && r->args.guarded)
		err = load(r, &r->guards, "guard");
	for (uint32_t i = 0; i < r->args.n_objects && !err; i++)
		err = load(r, &r->sources[i], r->args.objects[i].name);
	return err;
}

static int attach_program(struct run *r, const struct source *s, struct skep_program *p)
{
	const struct hive_prog *prog = program_loaded(p);
	const char *section = bpf_program__section_name(program_libbpf(p));
	int frames = chain_attach_type(prog->type, prog->expected_attach_type, section);
	int type = frames >= 0 ? frames : sockets_attach_type(prog->type, prog->expected_attach_type);
	union bpf_attr attr = {0};
	int fd;

	/* A program without a place in its section is for somebody else to attach. */
	if (type < 0 && run_calls_serves(prog->type) && strchr(section, '/'))
		return run_calls_attach(r->calls, s, p);
	if (type < 0 && run_watch_is(s))
		return EXIT_OK;
	if (type < 0) {
		note("%s: program '%s' (SEC(\"%s\")) is loaded but not attached: nothing in a run comes to its type",
		     s->name, skep_program_name(p), section);
		return EXIT_OK;
	}
	if (r->n_links == LINKS)
		return fail("more than %d programs", LINKS);
	attr.link_create.prog_fd = (uint32_t)skep_program_fd(p);
	attr.link_create.attach_type = (uint32_t)type;
	attr.link_create.target_ifindex = frames >= 0 ? r->tree.port.ifindex : 0;
	fd = skep_bpf(r->hive, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return fail("%s: program '%s' cannot be attached: %s", s->name, skep_program_name(p),
			    fd == -E2BIG ? "its attach point is full" : strerror(-fd));
	r->links[r->n_links++] = fd;
	if (r->args.verbose && frames < 0)
		note("%s: program '%s' at %s", s->name, skep_program_name(p), section);
	if (r->args.verbose)
		for (int point = 0; point < CHAIN_POINTS; point++)
			if (chain_point_type((enum chain_point)point) == (uint32_t)type)
				note("%s: program '%s' at %s", s->name, skep_program_name(p),
				     chain_point_name((enum chain_point)point));
	return EXIT_OK;
}

static int attach_object(struct run *r, const struct source *s)
{
	int err = EXIT_OK;

	for (uint32_t i = 0; i < object_programs(s->obj) && !err; i++)
		err = attach_program(r, s, object_program_at(s->obj, i));
	return err;
}

/* The firewall is first at its points: a program in front of it could end the chain, and with it the policy. So is the guard. */
static int attach_all(struct run *r)
{
	int err = r->policy ? attach_object(r, &r->firewall) : EXIT_OK;

	if (!err && r->guard)
		err = run_guard_attach(r->guard, r->calls);
	for (uint32_t i = 0; i < r->args.n_objects && !err; i++)
		err = attach_object(r, &r->sources[i]);
	return err;
}

/* What the tree's tasks do: seen by programs of the objects, and by whom other terminals attach. */
static int serve_tasks(const struct verb *verb, struct run *r)
{
	int err = EXIT_OK;

	if (sees_tasks(r))
		err = run_calls_new(verb, &r->args, r->hive, &r->tree, &r->calls);
	for (uint32_t i = 0; i < r->args.n_objects && !err; i++)
		if (run_watch_is(&r->sources[i]) && !r->watch)
			err = run_watch_new(&r->args, &r->sources[i], r->hive, &r->watch);
	if (!err && r->args.guarded)
		err = run_guard_new(&r->args.guard, r->args.policy.policy.audit, r->args.policy.advise, r->args.verbose,
				    &r->guards, &r->tree, &r->guard);
	if (!err && (r->args.n_objects || r->guard))
		err = run_events_new(&r->args, r->hive, r->sources, r->args.n_objects, r->watch, &r->guards, r->guard,
				     &r->events);
	return err;
}

static int start_network(struct run *r)
{
	struct net_opts *opts = &r->args.net;
	char why[512];
	int err = run_report_new(&r->report);

	if (err)
		return fail("%s", strerror(-err));
	err = run_output_new(&r->args.output, r->policy, &r->output);
	if (err)
		return err;
	/* The flow log looks at headers. */
	opts->keep = r->args.output.pcapng ? UINT32_MAX : r->args.output.flows ? HEADERS : 0;
	opts->hive = r->hive;
	opts->tree = &r->tree;
	err = run_tasks_new(r->sources, r->args.n_objects, &r->tasks);
	if (err)
		return err;
	opts->observers[opts->n_observers++] = run_tasks_observer(r->tasks);
	if (r->policy)
		opts->observers[opts->n_observers++] = run_policy_observer(r->policy);
	opts->observers[opts->n_observers++] = run_output_observer(r->output);
	opts->observers[opts->n_observers++] = run_report_observer(r->report);
	return net_start(opts, &r->net, why, sizeof(why)) ? fail("%s", why) : EXIT_OK;
}

static void *serve(void *arg)
{
	server_run(arg);
	return NULL;
}

/* Other terminals see the run as a hive. That it cannot be seen is said, and no reason not to run. */
static int start_server(struct run *r)
{
	struct place place;
	char name[32], why[512];
	int err;

	snprintf(name, sizeof(name), "run-%d", (int)getpid());
	err = place_find(r->args.name ? r->args.name : name, true, &place, why, sizeof(why));
	if (!err)
		err = server_new(&place, r->hive, &r->server, why, sizeof(why));
	if (!err)
		err = -pthread_create(&r->server_thread, NULL, serve, r->server);
	if (!err)
		return EXIT_OK;
	server_free(r->server);
	r->server = NULL;
	if (r->args.name)
		return fail("run '%s': %s", r->args.name, why);
	if (r->args.verbose)
		note("other terminals cannot see this run: %s", why);
	return EXIT_OK;
}

static void stop_server(struct run *r)
{
	if (!r->server)
		return;
	server_stop(r->server);
	pthread_join(r->server_thread, NULL);
	server_free(r->server);
}

/* Signals come by a file: blocked in every thread that is made from here on. The command gets the mask as it was. */
static int take_signals(struct run *r)
{
	static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	struct sigaction now;
	sigset_t set;

	sigemptyset(&set);
	sigemptyset(&r->args.tree.ignored);
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		sigaddset(&set, passed[i]);
	sigprocmask(SIG_BLOCK, &set, &r->args.tree.mask);
	/* What is ignored here (nohup) is ignored there. */
	for (int sig = 1; sig < NSIG; sig++)
		if (sig == SIGPIPE ? main_ignored_pipe() : !sigaction(sig, NULL, &now) && now.sa_handler == SIG_IGN)
			sigaddset(&r->args.tree.ignored, sig);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? fail("signals: %s", strerror(errno)) : EXIT_OK;
}

/* Waits for the command's end. Return: its wait status. */
static int wait_for_command(struct run *r)
{
	struct pollfd p[2] = {{.fd = r->tree.ctl, .events = POLLIN}, {.fd = r->signals, .events = POLLIN}};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return tree_wait(&r->tree);
		while (read(r->signals, &info, sizeof(info)) == sizeof(info))
			if (info.ssi_code <= 0) /* SI_USER and its kin: a process sent it, to skep alone */
				tree_signal(&r->tree, (int)info.ssi_signo);
		if (p[0].revents)
			return tree_wait(&r->tree);
	}
}

/* A shell in the tree that made itself the terminal's foreground leaves it without one. */
static void find_terminal(struct run *r)
{
	r->tty = -1;
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd) && tcgetpgrp(fd) == getpgrp())
			r->tty = fd;
}

static void take_terminal_back(const struct run *r)
{
	sigset_t set, before;

	if (r->tty < 0 || tcgetpgrp(r->tty) == getpgrp())
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &before);
	tcsetpgrp(r->tty, getpgrp());
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Ends as the command did. Return: its exit code; does not return when a signal ended it. */
static int end_alike(const struct run *r, int status)
{
	const struct rlimit none = {0};
	sigset_t set;
	int sig;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	sig = WTERMSIG(status);
	setrlimit(RLIMIT_CORE, &none); /* the core is the command's */
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	fflush(NULL);
	kill(getpid(), sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return 128 + sig;
}

/* All that has been seen, when nothing more comes. */
static void report(struct run *r, uint64_t ns)
{
	struct net_losses losses;

	net_losses(r->net, &losses);
	run_output_finish(r->output, &losses);
	if (r->args.quiet)
		return;
	run_report_print(r->report, &losses, ns, r->args.json);
	run_calls_report(r->calls, r->args.json);
	run_watch_report(r->watch, r->args.json);
	run_events_report(r->events, r->args.json);
}

static int run_command(const struct verb *verb, struct run *r, int *status)
{
	uint64_t start, refused;
	char why[TREE_WHY];
	int err = start_network(r);

	if (!err && r->args.tree.bare)
		err = run_bare_new(&r->args, r->net, &r->tree, &r->sockets);
	if (!err)
		err = serve_tasks(verb, r);
	if (!err)
		err = attach_all(r);
	if (!err && r->watch)
		err = run_watch_attach(r->watch, r->args.syscalls);
	if (!err && r->calls)
		err = run_calls_start(r->calls, &r->tree, r->sockets);
	if (!err)
		err = start_server(r);
	if (err)
		return EXIT_OWN;
	start = clock_ns(CLOCK_MONOTONIC);
	err = tree_go(&r->tree, why);
	if (err) {
		fail("%s", why);
		return err == -ENOENT ? EXIT_ABSENT : EXIT_CANNOT;
	}
	*status = wait_for_command(r);
	net_stop(r->net);
	run_calls_stop(r->calls);
	calls_stop(r->sockets);
	run_events_stop(r->events);
	take_terminal_back(r);
	if (net_failed(r->net))
		fail("%s", net_failed(r->net));
	report(r, clock_ns(CLOCK_MONOTONIC) - start);
	refused = r->policy ? run_policy_report(r->policy, r->args.quiet, r->args.json) : 0;
	refused += r->guard ? run_guard_report(r->guard, r->args.quiet, r->args.json) : 0;
	if (refused && r->args.policy.violation_exit)
		*status = W_EXITCODE(r->args.policy.violation_exit, 0);
	return EXIT_OK;
}

static void clean_up(struct run *r)
{
	if (r->net)
		net_stop(r->net);
	stop_server(r);
	for (uint32_t i = 0; i < r->n_links; i++)
		close(r->links[i]);
	run_events_free(r->events);
	run_watch_free(r->watch);
	run_guard_free(r->guard);
	run_calls_stop(r->calls);
	calls_stop(r->sockets);
	run_calls_free(r->calls);
	calls_free(r->sockets);
	net_free(r->net);
	run_output_free(r->output);
	run_tasks_free(r->tasks);
	run_policy_free(r->policy);
	source_close(&r->firewall);
	source_close(&r->guards);
	for (uint32_t i = 0; i < RUN_OBJECTS; i++)
		source_close(&r->sources[i]);
	skep_hive_free(r->hive);
	run_report_free(r->report);
	tree_free(&r->tree);
	if (r->signals >= 0)
		close(r->signals);
}

/* Each connection of the tree's is an open file here, for some seconds after its end too. The command's own limit stays: it has been made already. */
static void raise_files(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* The tree is there, and nobody else yet: what comes into being from now on has given up what this thread gives up. */
static int confine_all(void)
{
	int err = supervisor_confine();

	return err ? fail("skep cannot confine itself: %s", strerror(-err)) : EXIT_OK;
}

/* Rules that programs decide on: said, as it costs, and refused where nobody could make the calls. */
static int check_guard(const struct run_args *args)
{
	const char *path = guard_args_asked(&args->guard);

	if (path && args->by_trace)
		return fail(
			"the policy: %s is not there yet, or something in it is open: programs decide then in calls "
			"that "
			"the tree's guard makes, which --by=ptrace does without; make it first, or leave the rule out",
			path);
	if (path && !args->quiet)
		note("the policy: %s is not there yet, or something in it is open: files are opened by the tree's "
		     "guard, "
		     "which takes longer (docs/guard.md)",
		     path);
	return EXIT_OK;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static struct run r = {.signals = -1, .tty = -1};
	char why[TREE_WHY];
	int status = 0, err = run_args_parse(verb, argc, argv, &r.args);

	if (!err && r.args.policy.print)
		policy_print(&r.args.policy.policy, *r.args.command ? stderr : stdout);
	if (err || !*r.args.command) {
		guard_args_free(&r.args.guard);
		policy_free(&r.args.policy.policy);
		return err;
	}
	qsort(r.args.objects, r.args.n_objects, sizeof(r.args.objects[0]), by_priority);
	find_terminal(&r);
	err = take_signals(&r);
	if (!err)
		err = guard_args_files(&r.args.guard, r.args.policy.policy.audit, &r.args.tree.files);
	if (!err)
		err = run_bare_check(&r.args);
	if (!err)
		err = check_guard(&r.args);
	if (!err && tree_new(&r.args.tree, &r.tree, why)) {
		fail("%s", why);
		err = EXIT_FAILED;
	}
	raise_files();
	if (!err)
		err = confine_all();
	if (!err)
		err = load_objects(&r);
	err = err ? EXIT_OWN : run_command(verb, &r, &status);
	clean_up(&r);
	guard_args_free(&r.args.guard);
	policy_free(&r.args.policy.policy);
	return err ? err : end_alike(&r, status);
}

const struct verb verb_run = {
	.name = "run", .about = "a command whose frames pass through eBPF, without root", .help = help, .run = run};
