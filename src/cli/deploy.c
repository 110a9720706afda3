/* SPDX-License-Identifier: BSD-2-Clause */
/* skep deploy, skep undeploy: the same objects, in the kernel. */
#include "deploy/deploy.h"

#include "base/util.h"
#include "bpf/object.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/deploy.h"
#include "cli/state.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
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
};

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

/* Before anything is attached, so that no frame meets empty rules. */
static int fill(void *arg, struct skep_object *obj, bool replaced, char *why)
{
	struct options *o = arg;
	int ret = EXIT_OK;

	if (!o->state)
		return 0;
	o->src.obj = obj;
	ret = state_restore(&o->src, o->state);
	o->src.obj = NULL;
	return ret == EXIT_OK ? 0 : -EINVAL; /* it has said what is wrong */
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

	if (at && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1)) {
		if (!parse_count(at + 1, TC_ORDER_MAX, &order))
			return misuse(verb, "%s: an order is 0 to %d", object, TC_ORDER_MAX);
		*at = 0;
	}
	o->to.object = object;
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

static int parse(const struct verb *verb, int argc, char **argv, struct options *o)
{
	enum {
		PROG = 256,
		IFACE,
		MODE,
		CGROUP,
		PID,
		NETNS,
		CONTAINER,
		NAME,
		REPLACE,
		RESET,
		EVENT,
		FREQ,
		STATE,
		NO_CHECK,
		JSON
	};
	static const struct option options[] = {{"prog", required_argument, NULL, PROG},
						{"iface", required_argument, NULL, IFACE},
						{"xdp-mode", required_argument, NULL, MODE},
						{"cgroup", required_argument, NULL, CGROUP},
						{"pid", required_argument, NULL, PID},
						{"netns", required_argument, NULL, NETNS},
						{"container", required_argument, NULL, CONTAINER},
						{"name", required_argument, NULL, NAME},
						{"replace", no_argument, NULL, REPLACE},
						{"reset-maps", no_argument, NULL, RESET},
						{"event", required_argument, NULL, EVENT},
						{"freq", required_argument, NULL, FREQ},
						{"state", required_argument, NULL, STATE},
						{"no-check", no_argument, NULL, NO_CHECK},
						{"json", no_argument, NULL, JSON},
						{0}};
	uint64_t n;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case PROG:
			o->to.prog = optarg;
			break;
		case IFACE:
			o->to.target.iface = optarg;
			break;
		case MODE:
			if (strcmp(optarg, "native") && strcmp(optarg, "generic"))
				return misuse(verb, "--xdp-mode %s: it is native or generic", optarg);
			o->to.xdp_flags = *optarg == 'n' ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
			break;
		case CGROUP:
			o->to.target.cgroup = optarg;
			break;
		case PID:
			if (!parse_count(optarg, INT32_MAX, &n) || !n)
				return misuse(verb, "--pid %s: it wants a process id", optarg);
			o->to.target.pid = (pid_t)n;
			break;
		case NETNS:
			o->to.target.netns = optarg;
			break;
		case CONTAINER:
			o->to.target.container = optarg;
			break;
		case NAME:
			o->to.name = optarg;
			break;
		case REPLACE:
			o->to.replace = true;
			break;
		case RESET:
			o->to.reset_maps = true;
			break;
		case EVENT:
			o->to.event = optarg;
			if (parse_event(verb, optarg))
				return EXIT_USAGE;
			break;
		case FREQ:
			if (!parse_count(optarg, 100000, &n) || !n)
				return misuse(verb, "--freq %s: it wants 1 to 100000 samples a second", optarg);
			o->to.frequency = n;
			break;
		case STATE:
			o->state = optarg;
			break;
		case NO_CHECK:
			o->no_check = true;
			break;
		case JSON:
			o->json = true;
			break;
		default:
			return option_error(verb, argv);
		}
	}
	if (argc - optind != 1)
		return misuse(verb, "deploy wants one object, or a ready-made program's name");
	if (o->to.reset_maps && !o->to.replace)
		return misuse(verb, "--reset-maps goes with --replace");
	return parse_order(verb, argv[optind], o);
}

static int run_deploy(const struct verb *verb, int argc, char **argv)
{
	struct options o = {.to = {.log = log_line, .loaded = fill}};
	struct json_object *about = NULL;
	char why[DEPLOY_WHY];
	int ret = parse(verb, argc, argv, &o);

	if (ret == EXIT_OK)
		ret = root_wanted("deploy");
	if (ret == EXIT_OK)
		ret = source_read(&o.src, o.to.object);
	if (ret != EXIT_OK)
		return ret;
	if (!o.no_check)
		ret = check_before(&o.src, o.to.prog, o.json);
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
	return ret;
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
				 .run = run_deploy};
const struct verb verb_undeploy = {
	.name = "undeploy", .about = "take them out again", .help = undeploy_help, .run = run_undeploy};
