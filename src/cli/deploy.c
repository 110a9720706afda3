/* SPDX-License-Identifier: BSD-2-Clause */
/* skep deploy, skep undeploy: the same objects, in the kernel. */
#include "deploy/deploy.h"

#include "base/util.h"
#include "bpf/object.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/deploy.h"
#include "cli/deploy_app.h"
#include "cli/state.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char deploy_help[] =
	"usage: skep deploy OBJ|NAME[@ORDER] [options]\n"
	"\n"
	"Loads an object's programs into the kernel and attaches each where its section says, as root. They stay when "
	"the\n"
	"command has ended, until 'skep undeploy' takes them out or the machine goes down. What skep check would "
	"refuse is said\n"
	"before anything is touched; when something fails nothing stays behind.\n"
	"\n"
	"where\n"
	"  --iface IF           the interface, for xdp, tc and socket programs\n"
	"  --netns NS           it is in this network namespace: a name (ip netns), a path, or a process id\n"
	"  --cgroup PATH        the cgroup, for cgroup programs; perf_event programs sample only what is in it\n"
	"  --container ID       a running container: its interface, its cgroup; an id, the beginning of one, or a "
	"name\n"
	"  --pid PID            only this process, for uprobes, USDT and perf_event programs\n"
	"  --xdp-mode MODE      native (the driver runs it) or generic; by default native where the driver can\n"
	"  OBJ@ORDER            of TC programs on one interface: lower runs first, 0 to 200, 50 by default\n"
	"  --event NAME         of perf_event programs: cpu-clock (the default), page-faults, cpu-cycles, ...\n"
	"  --freq HZ            how often they sample: 99 by default\n"
	"\n"
	"what\n"
	"  --prog NAME          only this program of the object\n"
	"  --name NAME          what the deployment is called; by default after the object\n"
	"  --replace            put it in the place of what has the name: maps go on with their contents, and no "
	"packet passes\n"
	"                       without a program; where nothing else is said, at the places of what is replaced\n"
	"  --reset-maps         with --replace: maps begin anew\n"
	"  --state FILE         fill the maps from a state file before anything is attached (skep map, skep replay)\n"
	"  --no-check           leave the judgement to the kernel\n"
	"  --json               the result as JSON Lines\n"
	"\n"
	"What runs here is the whole machine's: events of tasks (tracepoints, kprobes, fentry, LSM) are those of every "
	"process, not\n"
	"of one command's tree as in 'skep run'. Maps and events: 'skep map ... --kernel NAME'. docs/deploy.md has the "
	"rest.\n"
	"\n"
	"examples:\n"
	"  skep deploy xdp-firewall --iface eth0 --state fw.state\n"
	"  skep deploy fw2.bpf.o --name xdp-firewall --replace\n"
	"  skep deploy count.bpf.o@10 --container 3f4e --name counted\n"
	"  skep map dump flows --kernel xdp-flows\n"
	"  skep undeploy xdp-firewall\n";

static const char undeploy_help[] = "usage: skep undeploy NAME... | --all\n"
				    "\n"
				    "Takes deployments out of the kernel, with all that they have: programs, links, "
				    "maps, pins. 'skep list --kernel' shows\n"
				    "which there are.\n"
				    "\n"
				    "examples:\n"
				    "  skep undeploy xdp-firewall\n"
				    "  skep undeploy --all\n";

struct options {
	struct deploy_opts to;
	struct source src;
	const char *state;
	bool json, no_check;
	const struct deploy_app *app; /* NULL: the object needs nothing beside it */
	void *own; /* the app's */
};

/* Ready-made programs that need more than their object. */
static const struct deploy_app *const apps_of_deploy[] = {
	&deploy_egress,
	&deploy_guard,
	&deploy_watch,
	NULL,
};

const struct deploy_app *deploy_app_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(apps_of_deploy) && apps_of_deploy[i]; i++)
		if (!strcmp(apps_of_deploy[i]->name, name))
			return apps_of_deploy[i];
	return NULL;
}

static void log_line(void *arg, enum skep_log_level level, const char *text)
{
	if (level == SKEP_LOG_ERROR)
		fail("%s", text);
	else if (level == SKEP_LOG_WARN || getenv("SKEP_DEBUG"))
		note("%s", text);
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	if (text)
		json_object_object_add(o, key, json_object_new_string(text));
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : "";
}

static uint64_t number_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_uint64(v) : 0;
}

static int opened(void *arg, struct skep_object *obj, const struct target *target, char *why)
{
	struct options *o = arg;

	return o->app && o->app->opened ? o->app->opened(o->own, obj, target, why) : 0;
}

/* Before anything is attached, so that no frame meets empty rules. */
static int loaded(void *arg, struct skep_object *obj, const struct target *target, bool replaced, char *why)
{
	struct options *o = arg;
	int ret = EXIT_OK;

	if (o->state) {
		o->src.obj = obj;
		ret = state_restore(&o->src, o->state);
		o->src.obj = NULL;
	}
	if (ret != EXIT_OK)
		return -EINVAL; /* it has said what is wrong */
	return o->app && o->app->loaded ? o->app->loaded(o->own, obj, target, replaced, why) : 0;
}

static bool renewed(void *arg, const char *map)
{
	const struct options *o = arg;

	return o->app && o->app->renewed && o->app->renewed(map);
}

static void show_deployed(struct json_object *about)
{
	struct json_object *list;
	const char *netns = text_of(about, "netns");

	printf("%s%s%s is deployed%s%s\n", paint(stdout, PAINT_BOLD), text_of(about, "name"), paint(stdout, PAINT_OFF),
	       *netns ? " in " : "", netns);
	json_object_object_get_ex(about, "attached", &list);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		printf("  %-20s %-11s %s\n", text_of(e, "prog"), text_of(e, "how"), text_of(e, "at"));
	}
}

/* The record without what is only skep's own concern. */
static struct json_object *to_print(struct json_object *about)
{
	static const char *const own[] = {"skep", "holder", "pins", "place"};
	struct json_object *list, *o = json_object_new_object();

	put_text(o, "kind", "deployment");
	json_object_object_foreach(about, key, value)
	{
		bool is_own = false;

		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			is_own |= !strcmp(key, own[i]);
		if (!is_own)
			json_object_object_add(o, key, json_object_get(value));
	}
	if (json_object_object_get_ex(about, "attached", &list))
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			json_object_object_del(json_object_array_get_idx(list, i), "link");
			json_object_object_del(json_object_array_get_idx(list, i), "filter");
		}
	return o;
}

static int root_wanted(const char *what)
{
	return geteuid()
		       ? fail("%s: it changes the running kernel, which takes root (sudo); 'skep run' needs none", what)
		       : EXIT_OK;
}

static int parse_order(const struct verb *verb, char *object, struct options *o)
{
	char *at = strrchr(object, '@');
	uint64_t order = TC_ORDER;

	o->to.object = object;
	if (at && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1)) {
		if (!parse_count(at + 1, TC_ORDER_MAX, &order))
			return misuse(verb, "%s: an order is 0 to %d", object, TC_ORDER_MAX);
		*at = 0;
	}
	o->to.order = (uint32_t)order;
	return EXIT_OK;
}

static int parse_event(const struct verb *verb, const char *name)
{
	const char *const *e = attach_events();

	for (; *e; e++)
		if (!strcmp(*e, name))
			return EXIT_OK;
	misuse(verb, "--event %s: there is no such event; there are:", name);
	for (e = attach_events(); *e; e++)
		fprintf(stderr, "  %s\n", *e);
	return EXIT_USAGE;
}

enum { OPTIONS = 64, APP_OPTION = 1024 };

static const struct option own_options[] = {{"prog", required_argument, NULL, 'p'},
					    {"iface", required_argument, NULL, 'i'},
					    {"xdp-mode", required_argument, NULL, 'm'},
					    {"cgroup", required_argument, NULL, 'g'},
					    {"pid", required_argument, NULL, 'P'},
					    {"netns", required_argument, NULL, 'N'},
					    {"container", required_argument, NULL, 'C'},
					    {"name", required_argument, NULL, 'n'},
					    {"replace", no_argument, NULL, 'r'},
					    {"reset-maps", no_argument, NULL, 'R'},
					    {"event", required_argument, NULL, 'e'},
					    {"freq", required_argument, NULL, 'f'},
					    {"state", required_argument, NULL, 's'},
					    {"no-check", no_argument, NULL, 'c'},
					    {"json", no_argument, NULL, 'j'}};

static int own_option(const struct verb *verb, int c, char *arg, struct options *o)
{
	uint64_t n;

	switch (c) {
	case 'p':
		o->to.prog = arg;
		break;
	case 'i':
		o->to.target.iface = arg;
		break;
	case 'm':
		if (strcmp(arg, "native") && strcmp(arg, "generic"))
			return misuse(verb, "--xdp-mode %s: it is native or generic", arg);
		o->to.xdp_flags = *arg == 'n' ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
		break;
	case 'g':
		o->to.target.cgroup = arg;
		break;
	case 'P':
		if (!parse_count(arg, INT32_MAX, &n) || !n)
			return misuse(verb, "--pid %s: it wants a process id", arg);
		o->to.target.pid = (pid_t)n;
		break;
	case 'N':
		o->to.target.netns = arg;
		break;
	case 'C':
		o->to.target.container = arg;
		break;
	case 'n':
		o->to.name = arg;
		break;
	case 'r':
		o->to.replace = true;
		break;
	case 'R':
		o->to.reset_maps = true;
		break;
	case 'e':
		o->to.event = arg;
		return parse_event(verb, arg);
	case 'f':
		if (!parse_count(arg, 100000, &n) || !n)
			return misuse(verb, "--freq %s: it wants 1 to 100000 samples a second", arg);
		o->to.frequency = n;
		break;
	case 's':
		o->state = arg;
		break;
	case 'c':
		o->no_check = true;
		break;
	default:
		o->json = true;
	}
	return EXIT_OK;
}

/* Options of all ready-made programs behind the verb's own; two may have one of the same name. */
static void all_options(struct option all[OPTIONS])
{
	size_t n = ARRAY_SIZE(own_options);

	memset(all, 0, OPTIONS * sizeof(*all));
	memcpy(all, own_options, sizeof(own_options));
	for (size_t i = 0; i < ARRAY_SIZE(apps_of_deploy) && apps_of_deploy[i]; i++)
		for (const struct option *o = apps_of_deploy[i]->options; o && o->name && n < OPTIONS - 1; o++) {
			size_t j = 0;

			while (j < n && strcmp(all[j].name, o->name))
				j++;
			if (j < n)
				continue;
			all[n] = *o;
			all[n].val = APP_OPTION + (int)n;
			n++;
		}
}

/* What an option means to the ready-made program that is deployed. @name: as the table has it */
static int app_option(const struct verb *verb, const char *name, char *arg, struct options *o)
{
	for (const struct option *own = o->app ? o->app->options : NULL; own && own->name; own++)
		if (!strcmp(own->name, name))
			return o->app->option(verb, o->own, own->val, arg);
	return misuse(verb, "--%s does not go with %s", name, o->to.object);
}

static int find_app(const struct verb *verb, struct options *o)
{
	o->app = access(o->to.object, F_OK) ? deploy_app_find(o->to.object) : NULL;
	if (o->app && o->app->make) {
		o->own = o->app->make();
		if (!o->own)
			return fail("out of memory");
	}
	return EXIT_OK;
}

static int parse(const struct verb *verb, int argc, char **argv, struct options *o)
{
	struct option all[OPTIONS];
	struct given {
		const char *name;
		char *arg;
	} * given;
	int c, n = 0, ret = EXIT_OK;

	all_options(all);
	given = calloc((size_t)argc + 1, sizeof(*given));
	if (!given)
		return fail("out of memory");
	opterr = 0;
	while (ret == EXIT_OK && (c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (c == '?')
			ret = option_error(verb, argv);
		else if (c < APP_OPTION)
			ret = own_option(verb, c, optarg, o);
		else
			given[n++] = (struct given){.name = all[c - APP_OPTION].name, .arg = optarg};
	}
	if (ret == EXIT_OK && argc - optind != 1)
		ret = misuse(verb, "deploy wants one object, or a ready-made program's name");
	if (ret == EXIT_OK && o->to.reset_maps && !o->to.replace)
		ret = misuse(verb, "--reset-maps goes with --replace");
	if (ret == EXIT_OK)
		ret = parse_order(verb, argv[optind], o);
	if (ret == EXIT_OK)
		ret = find_app(verb, o);
	for (int i = 0; i < n && ret == EXIT_OK; i++)
		ret = app_option(verb, given[i].name, given[i].arg, o);
	if (ret == EXIT_OK && o->app && o->app->ready)
		ret = o->app->ready(verb, o->own, &o->to);
	free(given);
	return ret;
}

static bool wants(void *arg, const char *prog)
{
	const struct options *o = arg;

	return o->app->loads(o->own, prog);
}

/* Only what will be loaded is judged. */
static bool wanted(void *arg, const struct bpf_program *prog)
{
	const struct options *o = arg;

	return !o->to.wants || wants(arg, bpf_program__name(prog));
}

/* In a process of its own: libbpf remembers what a kernel can do, and the hive that judges is another one than the kernel that runs. */
static int check(const struct options *o)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return fail("fork: %s", strerror(errno));
	if (!pid) {
		int ret = check_before(&o->src, o->to.prog, o->json, wanted, (void *)o);

		_exit(fflush(NULL) ? EXIT_FAILED : ret);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail("check: %s", strerror(errno));
	if (!WIFEXITED(status))
		return fail("%s: the check was ended by signal %d", o->to.object, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int run_deploy(const struct verb *verb, int argc, char **argv)
{
	struct options o = {.to = {.log = log_line, .opened = opened, .loaded = loaded, .renewed = renewed}};
	struct json_object *about = NULL;
	char why[DEPLOY_WHY];
	int ret = parse(verb, argc, argv, &o);

	if (ret == EXIT_OK)
		ret = root_wanted("deploy");
	if (ret == EXIT_OK)
		ret = source_read(&o.src, o.to.object);
	if (ret == EXIT_OK && o.app) {
		source_for_kernel(&o.src);
		o.to.wants = o.app->loads ? wants : NULL;
	}
	if (ret == EXIT_OK && !o.no_check)
		ret = check(&o);
	if (ret == EXIT_OK) {
		o.to.data = o.src.data;
		o.to.len = o.src.len;
		o.to.arg = &o;
		if (deploy(&o.to, &about, why))
			ret = *why ? fail("%s: deploy: %s", o.to.object, why) : EXIT_FAILED;
	}
	if (ret == EXIT_OK && o.json)
		print_json(to_print(about));
	else if (ret == EXIT_OK)
		show_deployed(about);
	json_object_put(about);
	source_close(&o.src);
	if (o.own)
		o.app->drop(o.own);
	return ret;
}

/* What ready-made programs want to be told, or can be. */
static void more_help(FILE *to)
{
	bool any = false;

	for (size_t i = 0; apps_of_deploy[i]; i++) {
		if (!apps_of_deploy[i]->help)
			continue;
		fprintf(to, "%s%s", any ? "" : "\nready-made programs with more to say\n", apps_of_deploy[i]->help);
		any = true;
	}
}

static int end_one(const char *name)
{
	char why[DEPLOY_WHY];

	if (deploy_end(name, why))
		return fail("%s", why);
	return EXIT_OK;
}

static int end_all(void)
{
	struct json_object *all;
	char why[DEPLOY_WHY];
	int ret = EXIT_OK;

	if (deploy_list(&all, why)) {
		json_object_put(all);
		return fail("%s", why);
	}
	for (size_t i = 0; i < json_object_array_length(all); i++)
		if (end_one(text_of(json_object_array_get_idx(all, i), "name")))
			ret = EXIT_FAILED;
	json_object_put(all);
	return ret;
}

static int run_undeploy(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'}, {0}};
	bool all = false;
	int c, ret = EXIT_OK;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'a')
			return option_error(verb, argv);
		all = true;
	}
	if (all == (optind < argc))
		return misuse(verb, "undeploy wants names, or --all");
	ret = root_wanted("undeploy");
	if (ret == EXIT_OK && all)
		return end_all();
	for (int i = optind; ret != EXIT_FAILED && i < argc; i++)
		if (end_one(argv[i]))
			ret = EXIT_FAILED;
	return ret;
}

/* skep list --kernel */

static void print_runs(struct json_object *e)
{
	uint64_t runs = number_of(e, "runs"), ns = number_of(e, "run_ns");
	char n[32];

	if (runs)
		printf("  %s runs, %" PRIu64 " ns each", number(n, runs), ns / runs);
}

static void show_one(struct json_object *d)
{
	time_t since = (time_t)number_of(d, "since");
	const char *netns = text_of(d, "netns");
	struct json_object *list, *there;
	struct tm tm;
	char when[32] = "?";

	if (localtime_r(&since, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	printf("%s%s%s  %s, since %s%s%s\n", paint(stdout, PAINT_BOLD), text_of(d, "name"), paint(stdout, PAINT_OFF),
	       text_of(d, "object"), when, *netns ? ", in " : "", netns);
	if (!json_object_object_get_ex(d, "attached", &list))
		printf("  its record cannot be read\n");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		printf("  %-20s %-11s %s", text_of(e, "prog"), text_of(e, "how"), text_of(e, "at"));
		if (json_object_object_get_ex(e, "there", &there) && !json_object_get_boolean(there))
			printf("  %sattached no more%s", paint(stdout, PAINT_RED), paint(stdout, PAINT_OFF));
		print_runs(e);
		putchar('\n');
	}
}

int deploy_show(const char *name, bool json)
{
	struct json_object *all;
	char why[DEPLOY_WHY];
	int ret = root_wanted("list --kernel");
	uint32_t n = 0;

	if (ret != EXIT_OK)
		return ret;
	if (deploy_list(&all, why)) {
		json_object_put(all);
		return fail("%s", why);
	}
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *d = json_object_array_get_idx(all, i);

		if (name && strcmp(text_of(d, "name"), name))
			continue;
		n++;
		if (json)
			print_json(to_print(d));
		else
			show_one(d);
	}
	json_object_put(all);
	if (name && !n)
		return fail("nothing is deployed as '%s'; 'skep list --kernel' shows what is", name);
	if (!n && !json)
		puts("nothing is deployed");
	return EXIT_OK;
}

const struct verb verb_deploy = {.name = "deploy",
				 .about = "attach an object's programs in the kernel, as root",
				 .help = deploy_help,
				 .more_help = more_help,
				 .run = run_deploy};
const struct verb verb_undeploy = {
	.name = "undeploy", .about = "take them out again", .help = undeploy_help, .run = run_undeploy};
