/* SPDX-License-Identifier: BSD-2-Clause */
#include "deploy/attach.h"

#include "base/printable.h"
#include "base/uapi.h"
#include "base/util.h"
#include "bpf/object.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FREQUENCY = 99 };

static const char *const hows[ATTACH_HOWS] = {
	[ATTACH_NONE] = "none",     [ATTACH_XDP] = "xdp",       [ATTACH_TC] = "tc",
	[ATTACH_CGROUP] = "cgroup", [ATTACH_SOCKET] = "socket", [ATTACH_PERF] = "perf_event",
	[ATTACH_UPROBE] = "uprobe", [ATTACH_USDT] = "usdt",     [ATTACH_EVENT] = "event"};

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

enum attach_how attach_how(const struct bpf_program *prog, const char **why)
{
	const char *section = bpf_program__section_name(prog);
	enum bpf_attach_type type = bpf_program__expected_attach_type(prog);

	*why = NULL;
	switch (bpf_program__type(prog)) {
	case BPF_PROG_TYPE_XDP:
		if (type != BPF_XDP && type != 0)
			*why = "it runs from a devmap's or a cpumap's entry, where whoever fills the map puts it";
		return *why ? ATTACH_NONE : ATTACH_XDP;
	case BPF_PROG_TYPE_SCHED_CLS:
		return ATTACH_TC;
	case BPF_PROG_TYPE_SCHED_ACT:
		*why = "it is an action of a TC filter: make it a tc program (SEC(\"tc/ingress\") or "
		       "SEC(\"tc/egress\"))";
		return ATTACH_NONE;
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SYSCTL:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_SOCK_OPS:
		return ATTACH_CGROUP;
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return ATTACH_SOCKET;
	case BPF_PROG_TYPE_PERF_EVENT:
		return ATTACH_PERF;
	case BPF_PROG_TYPE_KPROBE:
		if (begins(section, "usdt"))
			return ATTACH_USDT;
		return begins(section, "uprobe") || begins(section, "uretprobe") ? ATTACH_UPROBE : ATTACH_EVENT;
	case BPF_PROG_TYPE_TRACING:
		if (type == BPF_TRACE_ITER)
			*why = "it is an iterator: who reads it (bpftool iter pin) is its event";
		return *why ? ATTACH_NONE : ATTACH_EVENT;
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_LSM:
		return ATTACH_EVENT;
	default:
		*why = "skep deploy attaches xdp, tc, cgroup, socket, tracepoint, kprobe, fentry, lsm, uprobe, usdt "
		       "and "
		       "perf_event programs";
		return ATTACH_NONE;
	}
}

const char *attach_how_name(enum attach_how how)
{
	return hows[how];
}

enum attach_how attach_how_find(const char *name)
{
	for (int i = 1; i < ATTACH_HOWS; i++)
		if (!strcmp(hows[i], name))
			return (enum attach_how)i;
	return ATTACH_NONE;
}

bool attach_wants_iface(enum attach_how how)
{
	return how == ATTACH_XDP || how == ATTACH_TC || how == ATTACH_SOCKET;
}

bool attach_wants_cgroup(enum attach_how how)
{
	return how == ATTACH_CGROUP;
}

/* "tc/egress", "tcx/egress", "classifier/egress", ...: as skep run has it (chain_attach_type()). */
static bool is_egress(const struct bpf_program *prog)
{
	return strstr(bpf_program__section_name(prog), "egress") != NULL;
}

/* A program that is there, in words: "program 'x' (id 7), deployed as 'fw'". */
static void describe_prog(uint32_t id, const char *owner, char *text, size_t size)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	AUTO_CLOSE int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		snprintf(text, size, "program '%s' (id %u)%s%s%s", info.name, id, owner ? ", deployed as '" : "",
			 owner ? owner : "", owner ? "'" : "");
	else
		snprintf(text, size, "program %u", id);
}

/* Whose link holds a program on an interface. */
static const char *xdp_owner(const struct attach_opts *opts, uint32_t prog_id)
{
	uint32_t id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		struct skep_link_info info = {0};
		uint32_t len = sizeof(info);
		AUTO_CLOSE int fd = bpf_link_get_fd_by_id(id);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP &&
		    info.prog_id == prog_id && info.ifindex == opts->target->ifindex)
			return opts->owner_of ? opts->owner_of(opts->arg, id) : NULL;
	}
	return NULL;
}

static int check_xdp(const struct attach_opts *opts, char *why)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	uint32_t other;
	char who[256];

	if (bpf_xdp_query((int)opts->target->ifindex, 0, &q))
		return 0; /* attaching will tell */
	other = q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id;
	if (!other)
		return 0;
	describe_prog(other, xdp_owner(opts, other), who, sizeof(who));
	snprintf(why, ATTACH_WHY,
		 "%s has an XDP program already: %s; an interface has one (skep undeploy, or skep deploy --replace, "
		 "makes room; "
		 "'ip link set dev %s xdp off' takes one off that no link holds)",
		 opts->target->ifname, who, opts->target->ifname);
	return -EBUSY;
}

static int check_lsm(char *why)
{
	char text[512];
	FILE *f = fopen("/sys/kernel/security/lsm", "re");
	char *word, *rest = text;

	if (!f)
		return 0; /* where it is not mounted the kernel must tell */
	if (!fgets(text, sizeof(text), f))
		*text = 0;
	fclose(f);
	text[strcspn(text, "\n")] = 0;
	while ((word = strsep(&rest, ",")))
		if (!strcmp(word, "bpf"))
			return 0;
	snprintf(why, ATTACH_WHY,
		 "this kernel was started without the BPF LSM, so the program would never be asked: add 'bpf' to the "
		 "boot "
		 "parameter lsm= (/sys/kernel/security/lsm shows those that are on)");
	return -EOPNOTSUPP;
}

int attach_check(enum attach_how how, const struct bpf_program *prog, const struct attach_opts *opts, char *why)
{
	if (how == ATTACH_XDP)
		return check_xdp(opts, why);
	if (bpf_program__type(prog) == BPF_PROG_TYPE_LSM)
		return check_lsm(why);
	return 0;
}

static int say(int err, char *why, const char *what)
{
	snprintf(why, ATTACH_WHY, "%.512s: %s", what, strerror(-err));
	return err;
}

static int attach_xdp(const struct bpf_program *prog, const struct attach_opts *o, struct attached *a, char *why)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = o->xdp_flags);
	LIBBPF_OPTS(bpf_xdp_query_opts, now);
	int err;

	a->fd = bpf_link_create(bpf_program__fd(prog), (int)o->target->ifindex, BPF_XDP, &opts);
	if (a->fd >= 0) {
		bool known = !bpf_xdp_query((int)o->target->ifindex, 0, &now);

		snprintf(a->at, sizeof(a->at), "%s%s", o->target->ifname,
			 !known                                ? ""
			 : now.attach_mode == XDP_ATTACHED_SKB ? " generic"
							       : " native");
		return 0;
	}
	err = -errno;
	if (err == -EBUSY && check_xdp(o, why))
		return err;
	if (err == -EOPNOTSUPP || err == -EINVAL || err == -ERANGE || err == -E2BIG) {
		snprintf(why, ATTACH_WHY, "%s: the driver does not take it (%s)%s", o->target->ifname, strerror(-err),
			 o->xdp_flags & XDP_FLAGS_SKB_MODE ? ""
							   : "; --xdp-mode generic works on every interface; native "
							     "may want a smaller MTU, or, on veth, "
							     "the other end in use");
		return err;
	}
	return say(err, why, o->target->ifname);
}

static int attach_tc(const struct bpf_program *prog, const struct attach_opts *o, struct attached *a, char *why)
{
	bool egress = is_egress(prog);
	int err = 0;

	a->fd = tcx_attach(bpf_program__fd(prog), o->target->ifindex, egress, o->order, o->order_of, o->arg);
	if (a->fd == -EOPNOTSUPP) {
		err = clsact_attach(bpf_program__fd(prog), o->target->ifindex, egress, o->order, &a->filter);
		a->filter.qdisc |= o->own_qdisc;
	} else if (a->fd < 0) {
		err = a->fd;
	}
	snprintf(a->at, sizeof(a->at), "%s %s, order %u%s", o->target->ifname, egress ? "egress" : "ingress", o->order,
		 a->fd == -EOPNOTSUPP ? " (clsact)" : "");
	a->fd = MAX(a->fd, -1);
	return err ? say(err, why, o->target->ifname) : 0;
}

static int attach_cgroup(const struct bpf_program *prog, const struct attach_opts *o, struct attached *a, char *why)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(prog);
	const char *section = bpf_program__section_name(prog);
	int err;

	if (bpf_program__type(prog) == BPF_PROG_TYPE_CGROUP_SKB && type == 0)
		type = strstr(section, "egress") ? BPF_CGROUP_INET_EGRESS : BPF_CGROUP_INET_INGRESS;
	snprintf(a->at, sizeof(a->at), "%.*s", ATTACH_AT - 1, o->target->cgroup_path);
	a->fd = bpf_link_create(bpf_program__fd(prog), o->target->cgroup, type, NULL);
	if (a->fd >= 0)
		return 0;
	err = -errno;
	if (err == -EPERM)
		snprintf(why, ATTACH_WHY,
			 "%.512s: a program is attached there, or above, that allows no others beside or below it "
			 "(bpftool cgroup "
			 "tree shows it)",
			 o->target->cgroup_path);
	else
		say(err, why, o->target->cgroup_path);
	return err;
}

/* A packet socket sees what passes the interface; what the program returns says how much of it the socket would keep, and nobody reads it. */
static int attach_socket(const struct bpf_program *prog, const struct attach_opts *o, struct attached *a, char *why)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)o->target->ifindex};
	int fd = bpf_program__fd(prog), least = 0;

	snprintf(a->at, sizeof(a->at), "a packet socket on %s", o->target->ifname);
	/* Protocol 0: nothing comes before the program is there. */
	a->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (a->sock < 0 || setsockopt(a->sock, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) ||
	    setsockopt(a->sock, SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)) ||
	    bind(a->sock, (struct sockaddr *)&at, sizeof(at)))
		return say(-errno, why, a->at);
	return 0;
}

/* Perf events. */

static const struct event {
	const char *name;
	uint32_t type;
	uint64_t config;
} events[] = {{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
	      {"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
	      {"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	      {"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	      {"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	      {"cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	      {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	      {"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	      {"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES}};

const char *const *attach_events(void)
{
	static const char *names[ARRAY_SIZE(events) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		names[i] = events[i].name;
	return names;
}

static const struct event *find_event(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(events[i].name, name))
			return &events[i];
	return NULL;
}

static int attach_one_event(const struct bpf_program *prog, const struct event *e, uint64_t frequency, int target,
			    int cpu, unsigned long flags, struct attached *a)
{
	/* Rare ones are told one by one. */
	bool every = e->type == PERF_TYPE_SOFTWARE && e->config != PERF_COUNT_SW_CPU_CLOCK &&
		     e->config != PERF_COUNT_SW_TASK_CLOCK;
	struct perf_event_attr attr = {.size = sizeof(attr), .type = e->type, .config = e->config, .freq = !every};
	int fd, err;

	if (every)
		attr.sample_period = 1;
	else
		attr.sample_freq = frequency;
	fd = (int)syscall(SYS_perf_event_open, &attr, target, cpu, -1, flags | PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The link holds the event. */
	a->fd = bpf_link_create(bpf_program__fd(prog), fd, BPF_PERF_EVENT, NULL);
	err = a->fd < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* A process's threads, as they are now. */
static int attach_threads(const struct bpf_program *prog, const struct event *e, uint64_t frequency, pid_t pid,
			  struct attached *out, int room)
{
	char path[32];
	struct dirent *d;
	int n = 0, err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -ESRCH;
	while (!err && (d = readdir(dir))) {
		int tid = atoi(d->d_name);

		if (tid <= 0)
			continue;
		if (n == room)
			err = -E2BIG;
		else
			err = attach_one_event(prog, e, frequency, tid, -1, 0, &out[n]);
		if (!err)
			snprintf(out[n++].at, ATTACH_AT, "%s, thread %d", e->name, tid);
		else if (err == -ESRCH)
			err = 0; /* it has ended meanwhile */
	}
	closedir(dir);
	if (err)
		while (n)
			attach_undo(&out[--n]);
	return err ? err : n ? n : -ESRCH;
}

static int attach_perf(const struct bpf_program *prog, const struct attach_opts *o, struct attached *out, int room,
		       char *why)
{
	const struct event *e = find_event(o->event ? o->event : "cpu-clock");
	uint64_t frequency = o->frequency ? o->frequency : FREQUENCY;
	int cpus = libbpf_num_possible_cpus(), n = 0, err = 0;

	if (!e)
		return say(-EINVAL, why, "no such event");
	if (o->target->pid) {
		n = attach_threads(prog, e, frequency, o->target->pid, out, room);
		return n < 0 ? say(n, why, e->name) : n;
	}
	for (int cpu = 0; cpu < cpus && !err; cpu++) {
		bool below = o->target->cgroup >= 0;

		if (n == room)
			err = -E2BIG;
		else
			err = attach_one_event(prog, e, frequency, below ? o->target->cgroup : -1, cpu,
					       below ? PERF_FLAG_PID_CGROUP : 0, &out[n]);
		if (!err)
			snprintf(out[n++].at, ATTACH_AT, "%s, CPU %d%s%.128s", e->name, cpu, below ? ", " : "",
				 o->target->cgroup_path);
		else if (err == -ENODEV)
			err = 0; /* a CPU that may come, and is not there */
	}
	if (!err && n)
		return n;
	while (n)
		attach_undo(&out[--n]);
	if (err == -ENOENT || err == -EOPNOTSUPP) {
		snprintf(why, ATTACH_WHY,
			 "%s: this machine does not count it (a virtual one often has no hardware events): --event "
			 "cpu-clock",
			 e->name);
		return err;
	}
	return say(err ? err : -ENODEV, why, e->name);
}

/* What libbpf attaches. */

struct by_libbpf {
	struct bpf_program *prog;
	enum attach_how how;
	pid_t pid;
	struct bpf_link *link;
};

/* "uprobe//path/to:function+offset", "uretprobe/libc.so.6:malloc", "uprobe.s/..." Return: NULL where it does not say. */
static struct bpf_link *attach_uprobe(const struct by_libbpf *b)
{
	const char *section = bpf_program__section_name(b->prog), *at = strchr(section, '/');
	const char *colon = at ? strrchr(at, ':') : NULL;
	char path[TARGET_PATH], function[256];
	unsigned long offset = 0;
	char *plus;

	if (!colon || colon == at + 1 || !colon[1])
		return errno = EINVAL, NULL;
	snprintf(path, sizeof(path), "%.*s", (int)(colon - at - 1), at + 1);
	snprintf(function, sizeof(function), "%s", colon + 1);
	plus = strchr(function, '+');
	if (plus) {
		offset = strtoul(plus + 1, NULL, 0);
		*plus = 0;
	}
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = function, .retprobe = begins(section, "uretprobe"));
	if (*function >= '0' && *function <= '9') {
		opts.func_name = NULL;
		offset = strtoul(function, NULL, 0);
	}
	return bpf_program__attach_uprobe_opts(b->prog, b->pid ? b->pid : -1, path, offset, &opts);
}

/* "usdt//path:provider:name" */
static struct bpf_link *attach_usdt(const struct by_libbpf *b)
{
	char path[TARGET_PATH], *provider, *name;
	const char *at = strchr(bpf_program__section_name(b->prog), '/');

	snprintf(path, sizeof(path), "%s", at ? at + 1 : "");
	name = strrchr(path, ':');
	if (name)
		*name++ = 0;
	provider = name ? strrchr(path, ':') : NULL;
	if (provider)
		*provider++ = 0;
	if (!provider || !*path || !*provider || !*name)
		return errno = EINVAL, NULL;
	return bpf_program__attach_usdt(b->prog, b->pid ? b->pid : -1, path, provider, name, NULL);
}

static int attach_by_libbpf(void *arg)
{
	struct by_libbpf *b = arg;

	b->link = b->how == ATTACH_UPROBE ? attach_uprobe(b)
		  : b->how == ATTACH_USDT ? attach_usdt(b)
					  : bpf_program__attach(b->prog);
	return b->link ? 0 : -errno;
}

static int attach_event(struct skep_object *obj, struct bpf_program *prog, enum attach_how how,
			const struct attach_opts *o, struct attached *a, char *why)
{
	struct by_libbpf b = {.prog = prog, .how = how, .pid = o->target->pid};
	const char *section = bpf_program__section_name(prog);
	char said[ATTACH_WHY / 2];
	int err;

	snprintf(a->at, sizeof(a->at), "%.*s", ATTACH_AT - 32, section);
	if (o->target->pid && (how == ATTACH_UPROBE || how == ATTACH_USDT))
		snprintf(a->at + strlen(a->at), 32, ", process %d", (int)o->target->pid);
	err = object_do(obj, attach_by_libbpf, &b, said, sizeof(said));
	if (err) {
		bool bare = err == -EINVAL && (how == ATTACH_UPROBE || how == ATTACH_USDT);

		snprintf(why, ATTACH_WHY, "SEC(\"%s\"): %s", section,
			 bare ? "its section does not say where: SEC(\"uprobe/FILE:FUNCTION\"), "
				"SEC(\"usdt/FILE:PROVIDER:NAME\")"
			      : said);
		return err;
	}
	if (how == ATTACH_USDT) {
		a->link = b.link;
		return 0;
	}
	/* Not by bpf_link__destroy() alone, which would switch off what the link goes on with; a perf event's fd stays open with it. */
	a->fd = bpf_link__fd(b.link);
	bpf_link__disconnect(b.link);
	bpf_link__destroy(b.link);
	return 0;
}

static int attach(struct skep_object *obj, struct bpf_program *prog, enum attach_how how,
		  const struct attach_opts *opts, struct attached *out, int room, char *why)
{
	int err;

	for (int i = 0; i < room; i++)
		out[i] = (struct attached){.how = how, .fd = -1, .sock = -1};
	if (!room)
		return say(-E2BIG, why, "too many places");
	switch (how) {
	case ATTACH_XDP:
		err = attach_xdp(prog, opts, out, why);
		break;
	case ATTACH_TC:
		err = attach_tc(prog, opts, out, why);
		break;
	case ATTACH_CGROUP:
		err = attach_cgroup(prog, opts, out, why);
		break;
	case ATTACH_SOCKET:
		err = attach_socket(prog, opts, out, why);
		break;
	case ATTACH_PERF:
		return attach_perf(prog, opts, out, room, why);
	case ATTACH_UPROBE:
	case ATTACH_USDT:
	case ATTACH_EVENT:
		err = attach_event(obj, prog, how, opts, out, why);
		break;
	default:
		err = say(-EOPNOTSUPP, why, "it attaches nowhere");
	}
	if (err)
		attach_undo(out);
	return err ? err : 1;
}

int attach_program(struct skep_object *obj, struct bpf_program *prog, enum attach_how how,
		   const struct attach_opts *opts, struct attached *out, int room, char *why)
{
	int n = attach(obj, prog, how, opts, out, room, why);

	/* Interfaces and cgroups may be a container's, with names to its liking. */
	for (int i = 0; i < n; i++)
		printable(out[i].at, strlen(out[i].at));
	return n;
}

void attach_close(struct attached *a)
{
	if (a->fd >= 0)
		close(a->fd);
	if (a->sock >= 0)
		close(a->sock);
	if (a->link)
		bpf_link__destroy(a->link);
	a->fd = a->sock = -1;
	a->link = NULL;
}

void attach_undo(struct attached *a)
{
	/* Another process may have found the link meanwhile, and hold it: closing would not be enough. */
	if (a->fd >= 0)
		bpf_link_detach(a->fd);
	if (a->filter.priority)
		clsact_detach(&a->filter);
	a->filter.priority = 0;
	attach_close(a);
}

void attach_leave(struct attached *a)
{
	static struct bpf_link *left[ATTACH_MAX] __attribute__((used)); /* nobody reads it; for leak checkers */
	static size_t n_left;

	if (a->link && n_left < ATTACH_MAX)
		left[n_left++] = a->link;
	a->link = NULL;
	attach_close(a);
}
