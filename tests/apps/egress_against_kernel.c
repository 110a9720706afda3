/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The egress firewall on three sides: skep's interpreter, its JIT and, where bpf(2) is allowed, the kernel. The same
 * policy, the same conversation of a tree with the world, frame by frame through BPF_PROG_TEST_RUN: verdict, length and bytes
 * of each must agree, then the events, what was learnt, and the counters.
 *
 * Theory of operation: the conversation is made once, from a seed: scenes (a lookup, its answer, a connection with its
 * first data, datagrams, pings, fragments) in which each frame may be damaged: bytes flipped, cut off, or replaced by noise. A
 * side writes down what it saw in memory shared with the parent; the kernel's side is a child that has not used libbpf
 * before. Times and cookies are each side's own and are left out. A run that faults ends its side, which is a failure.
 *
 * usage: egress_against_kernel [--seed N] [--frames N]
 * exit code: 0, 1 when sides differ, 77 when the kernel did not allow its part and all else was well
 */
#include "apps/apps.h"
#include "apps/egress.h"
#include "apps/egress_fill.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "frames.h"
#include "skep/skep.h"
#include "wire.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TCP = 6,
	UDP = 17,
	ICMP = 1,
	ICMP6 = 58,
	SYN = 2,
	RST = 4,
	PSH = 8,
	ACK = 16,
	MAX_FRAMES = 100000,
	FRAME_ROOM = 2048
};
enum { RECORD_BYTES = 256 << 20, WHY = 300, MAX_MESSAGE = 1400 };

static const char policy_text[] = "allow www.example.org:443,80 *.debian.org:80,443 api.example.net:443/tcp\n"
				  "deny evil.debian.org *.evil.debian.org\n"
				  "allow 192.0.2.0/24:80,8000-8080 198.51.100.0/24/udp 203.0.113.7/icmp\n"
				  "deny 192.0.2.128/25\n"
				  "allow 192.0.2.200:80 [2001:db8::/32]:443 [2001:db8:1::1]:53/udp\n"
				  "allow host:8080 exe=/usr/bin/git git.example:22\n";

/* The conversation. */

struct frame {
	uint32_t len;
	bool inbound;
	uint8_t bytes[FRAME_ROOM];
};

static struct frame *frames;
static uint32_t n_frames, max_frames = 20000;
static uint64_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

static void damage(struct frame *f)
{
	switch (any(24)) {
	case 0:
		f->len = 14 + any(f->len - 13);
		break;
	case 1:
		for (uint32_t i = 14 + any(40); i < f->len; i++)
			f->bytes[i] = (uint8_t)any(256);
		break;
	case 2:
	case 3:
	case 4:
		for (uint32_t k = any(4) + 1; k; k--)
			f->bytes[12 + any(f->len - 12)] ^= (uint8_t)(1u << any(8));
		break;
	case 5:
		for (uint32_t k = any(4) + 1; k; k--)
			f->bytes[12 + any(f->len < 120 ? f->len - 12 : 108)] = (uint8_t)(any(2) ? 0xff : 0);
		break;
	default:
		break;
	}
}

static void say(bool inbound, const struct spec *s)
{
	uint8_t bytes[FRAME_MAX];
	struct frame *f = &frames[n_frames];
	uint32_t len = frame_build(s, bytes);

	if (n_frames == max_frames || len > FRAME_ROOM)
		return;
	n_frames++;
	*f = (struct frame){.len = len, .inbound = inbound};
	memcpy(f->bytes, bytes, len);
	damage(f);
	/* Since Linux 6.16 a test run takes no frame that is shorter than the header it says it has. */
	if (f->len < 54) {
		memset(f->bytes + f->len, 0, 54 - f->len);
		f->len = 54;
	}
}

static const char *const names[] = {
	"www.example.org", "deb.debian.org",    "evil.debian.org",           "x.evil.debian.org", "api.example.net",
	"git.example",     "elsewhere.example", "_http._tcp.deb.debian.org", "WWW.example.ORG"};
static const char *const hosts[] = {"192.0.2.1",       "192.0.2.129",   "192.0.2.200", "198.51.100.4", "203.0.113.7",
				    "169.254.169.254", "10.0.2.2",      "10.0.2.3",    "8.8.8.8",      "224.0.0.251",
				    "2001:db8::1",     "2001:db8:1::1", "2001:db9::1", "fe80::1",      "fd00::2",
				    "fd00::3",         "ff02::1",       "192.0.2.77"};
static const uint16_t ports[] = {80, 443, 53, 22, 8080, 123, 8000};

#define ANY(array) (array)[any(sizeof(array) / sizeof((array)[0]))]

static uint32_t make_dns(uint8_t *to, uint16_t id, const char *name, uint16_t type, bool answer)
{
	uint32_t records = answer ? any(5) : 0;
	uint8_t *p = put16(to, id), addr[16];

	p = put16(p, answer ? 0x8180 : 0x0100);
	p = put16(p, 1);
	p = put16(p, records);
	p = put16(put16(p, 0), 0);
	p = put16(put16(put_name(p, name), type), 1);
	for (uint32_t i = 0; i < records; i++) {
		const char *host = ANY(hosts);
		uint32_t kind = strchr(host, ':') ? 28 : any(4) ? 1 : 5;

		p = any(2) ? put16(p, 0xc00c) : put_name(p, ANY(names));
		p = put16(put16(p, kind), 1);
		p = put16(put16(p, 0), any(600));
		if (kind == 5) {
			uint8_t *end = put_name(p + 2, ANY(names));

			put16(p, (uint32_t)(end - p - 2));
			p = end;
			continue;
		}
		address(host, addr);
		p = put16(p, kind == 1 ? 4 : 16);
		memcpy(p, kind == 1 ? addr + 12 : addr, kind == 1 ? 4 : 16);
		p += kind == 1 ? 4 : 16;
	}
	return (uint32_t)(p - to);
}

static void lookup(void)
{
	bool v6 = any(2), tcp = !any(4);
	uint16_t id = (uint16_t)any(1 << 16), type = any(2) ? 1 : 28, port = (uint16_t)(4000 + any(4));
	const char *name = ANY(names), *tree = v6 ? "fd00::15" : "10.0.2.15", *resolver = v6 ? "fd00::3" : "10.0.2.3";
	uint8_t message[MAX_MESSAGE];
	uint32_t n = make_dns(message + 2, id, name, type, false), seq = any(1u << 31);
	struct spec s = {.from = tree,
			 .to = resolver,
			 .proto = tcp ? TCP : UDP,
			 .sport = port,
			 .dport = 53,
			 .data = message + 2,
			 .payload = n};
	struct spec back = {
		.from = resolver, .to = tree, .proto = s.proto, .sport = 53, .dport = port, .data = message + 2};

	if (tcp) {
		put16(message, n);
		s.data = back.data = message;
		s.payload = n + 2;
		say(false, &(struct spec){.from = tree,
					  .to = resolver,
					  .proto = TCP,
					  .sport = port,
					  .dport = 53,
					  .tcp_flags = SYN,
					  .seq = seq});
		say(true, &(struct spec){.from = resolver,
					 .to = tree,
					 .proto = TCP,
					 .sport = 53,
					 .dport = port,
					 .tcp_flags = SYN | ACK,
					 .ack = seq + 1});
		s.seq = seq + 1;
		s.tcp_flags = ACK | PSH;
		back.tcp_flags = ACK;
		back.ack = s.seq + s.payload;
	}
	say(false, &s);
	if (!any(8))
		id++;
	n = make_dns(message + 2, id, any(8) ? name : ANY(names), type, true);
	put16(message, n);
	back.payload = n + (tcp ? 2 : 0);
	say(true, &back);
}

static void connection(void)
{
	const char *to = ANY(hosts), *from = strchr(to, ':') ? "fd00::15" : "10.0.2.15";
	uint32_t seq = any(1u << 31), n, at = 0, cut;
	uint16_t port = ANY(ports), own = (uint16_t)(5000 + any(8));
	uint8_t data[MAX_MESSAGE];
	struct spec s = {
		.from = from, .to = to, .proto = TCP, .sport = own, .dport = port, .tcp_flags = SYN, .seq = seq};
	struct spec back = {.from = to,
			    .to = from,
			    .proto = TCP,
			    .sport = port,
			    .dport = own,
			    .tcp_flags = SYN | ACK,
			    .seq = 77,
			    .ack = seq + 1};

	say(false, &s);
	say(true, &back);
	if (any(3))
		n = (uint32_t)(put_hello(data, ANY(names), any(3) ? 0 : any(900), 0) - data);
	else
		n = (uint32_t)snprintf((char *)data, sizeof(data), "%s / HTTP/1.1\r\n%sHost: %s\r\n%s",
				       any(2) ? "GET" : "POST", any(2) ? "A: b\r\n" : "", ANY(names),
				       any(3) ? "\r\n" : "");
	s.tcp_flags = ACK | PSH;
	s.ack = 78;
	cut = any(3) ? n : 1 + any(n);
	for (uint32_t k = 0; k < 4 && at < n; k++) {
		s.data = data + at;
		s.payload = at + cut < n ? cut : n - at;
		s.seq = seq + 1 + at;
		say(false, &s);
		if (any(5))
			at += s.payload;
	}
	back.tcp_flags = any(9) ? ACK : ACK | RST;
	back.ack = seq + 1 + at;
	say(true, &back);
	s.payload = 9;
	s.seq = seq + 1 + at;
	say(false, &s);
}

static void datagram(void)
{
	static const char *const exts[] = {"", "h", "hd", "f", "hrdfad", "ddddddd"};
	const char *to = ANY(hosts);
	bool v6 = strchr(to, ':');
	struct spec s = {.from = v6 ? "fd00::15" : "10.0.2.15",
			 .to = to,
			 .proto = UDP,
			 .sport = (uint16_t)(6000 + any(4)),
			 .dport = ANY(ports),
			 .payload = any(200)};
	struct spec back;

	if (!any(4)) {
		s.proto = v6 ? ICMP6 : ICMP;
		s.dport = (uint16_t)(any(2) ? (v6 ? 128 << 8 : 8 << 8) : any(256) << 8);
	} else if (!any(6)) {
		s.proto = (uint8_t)any(256);
	}
	s.exts = v6 ? ANY(exts) : NULL;
	s.options = v6 ? 0 : any(4) ? 0 : 4 * any(11);
	s.more_fragments = !any(6) && (!v6 || strchr(s.exts, 'f'));
	say(false, &s);
	if (s.more_fragments) {
		s.frag_offset = 5;
		say(false, &s);
	}
	back = (struct spec){
		.from = s.to, .to = s.from, .proto = s.proto, .sport = s.dport, .dport = s.sport, .payload = 20};
	say(true, &back);
}

static void converse(void)
{
	frames = calloc(max_frames, sizeof(*frames));
	if (!frames)
		exit(1);
	while (n_frames < max_frames) {
		switch (any(4)) {
		case 0:
			lookup();
			break;
		case 1:
		case 2:
			connection();
			break;
		default:
			datagram();
			break;
		}
	}
}

/* What a side saw. */

struct run {
	int32_t err;
	uint32_t verdict, len, at;
};

struct record {
	bool refused, done;
	char why[WHY];
	uint32_t n_events, events_at, maps_at, used;
	struct run runs[MAX_FRAMES];
	uint8_t bytes[];
};

static void *note(struct record *r, const void *data, size_t len)
{
	uint8_t *to = r->bytes + r->used;

	if (r->used + len > RECORD_BYTES - sizeof(*r)) {
		fprintf(stderr, "egress_against_kernel: the record is full\n");
		_exit(1);
	}
	memcpy(to, data, len);
	r->used += (uint32_t)len;
	return to;
}

static int take(void *arg, void *data, size_t size)
{
	struct event *e = note(arg, data, size);

	e->ns = e->cookie = 0;
	((struct record *)arg)->n_events++;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct egress_learnt_key) + sizeof(struct egress_learnt));
}

static int note_learnt(struct record *r, int fd)
{
	enum { SIZE = sizeof(struct egress_learnt_key) + sizeof(struct egress_learnt) };
	struct egress_learnt_key key;
	struct egress_learnt l;
	uint32_t at = r->used, n = 0;

	for (bool first = true; !bpf_map_get_next_key(fd, first ? NULL : &key, &key); first = false) {
		if (bpf_map_lookup_elem(fd, &key, &l))
			return -errno;
		l.expires = 0;
		note(r, &key, sizeof(key));
		note(r, &l, sizeof(l));
		n++;
	}
	qsort(r->bytes + at, n, SIZE, by_bytes);
	return n ? 0 : -ENODATA;
}

static int note_counters(struct record *r, int fd)
{
	uint32_t cpus = (uint32_t)libbpf_num_possible_cpus();
	struct egress_counter *all = calloc(cpus, sizeof(*all)), sum;
	int err = all ? 0 : -ENOMEM;

	for (uint32_t rule = 0; rule < EGRESS_RULE_USER + 32 && !err; rule++) {
		err = bpf_map_lookup_elem(fd, &rule, all) ? -errno : 0;
		sum = (struct egress_counter){0};
		for (uint32_t i = 0; i < cpus; i++) {
			sum.hits += all[i].hits;
			sum.bytes += all[i].bytes;
		}
		note(r, &sum, sizeof(sum));
	}
	free(all);
	return err;
}

static int fd_of(struct bpf_object *obj, const char *map)
{
	return bpf_map__fd(bpf_object__find_map_by_name(obj, map));
}

static int observe(struct record *r, struct bpf_object *obj)
{
	int out = bpf_program__fd(bpf_object__find_program_by_name(obj, "egress_out"));
	int in = bpf_program__fd(bpf_object__find_program_by_name(obj, "egress_in"));
	struct policy_error why = {{0}};
	struct policy policy = {0};
	struct ring_buffer *ring;
	static uint8_t data[4 * FRAME_ROOM];
	int err;

	if (policy_parse_text(&policy, "policy", policy_text, strlen(policy_text), &why) ||
	    policy_fill(&policy, obj, &why)) {
		snprintf(r->why, WHY, "%.200s", why.text);
		return -1;
	}
	policy_free(&policy);
	ring = ring_buffer__new(fd_of(obj, "events"), take, r, NULL);
	if (!ring)
		return -errno;
	for (uint32_t i = 0; i < n_frames; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frames[i].bytes, .data_size_in = frames[i].len,
			    .data_out = data, .data_size_out = sizeof(data));
		struct run *run = &r->runs[i];

		run->err = bpf_prog_test_run_opts(frames[i].inbound ? in : out, &opts);
		run->verdict = opts.retval;
		run->len = run->err ? 0 : opts.data_size_out;
		run->at = r->used;
		note(r, data, run->len);
		/* So that none is lost; they are told apart from frames by their place. */
		err = ring_buffer__consume(ring);
		if (err < 0)
			return err;
	}
	ring_buffer__free(ring);
	r->maps_at = r->used;
	err = note_learnt(r, fd_of(obj, "learnt"));
	if (!err)
		err = note_counters(r, fd_of(obj, "counters"));
	if (err)
		snprintf(r->why, WHY, "its maps: %s", strerror(-err));
	r->done = !err;
	return err;
}

static char complaint[WHY];

static int libbpf_says(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !complaint[0])
		vsnprintf(complaint, sizeof(complaint), fmt, ap);
	return 0;
}

static bool kernel_allows(void)
{
	const struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, NULL, "GPL", pass, 2, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void ask_kernel(struct record *r, const struct app *app)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "egress");
	struct bpf_object *obj;

	r->refused = !kernel_allows();
	if (r->refused)
		return;
	libbpf_set_print(libbpf_says);
	/* Debian's libbpf does not know these sections yet. */
	libbpf_register_prog_handler("tc/egress", BPF_PROG_TYPE_SCHED_CLS, 0, NULL);
	libbpf_register_prog_handler("tc/ingress", BPF_PROG_TYPE_SCHED_CLS, 0, NULL);
	obj = bpf_object__open_mem(app->data, *app->len, &opts);
	if (!obj || bpf_object__load(obj))
		snprintf(r->why, WHY, "the kernel does not load it: %.200s", complaint);
	else
		observe(r, obj);
}

static void kernel_side(struct record *r, const struct app *app)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		ask_kernel(r, app);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		snprintf(r->why, WHY, "the process that asks the kernel ended early");
}

static void hive_side(struct record *r, const struct app *app, uint32_t flags)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = flags);
	struct skep_object *obj;
	struct skep_hive *hive;

	if (skep_hive_new(&opts, &hive) || skep_object_open_mem(hive, app->data, *app->len, app->name, &obj)) {
		snprintf(r->why, WHY, "skep does not load it");
		return;
	}
	seam_enter(hive);
	observe(r, object_libbpf(obj));
	seam_enter(NULL);
	skep_object_close(obj);
	skep_hive_free(hive);
}

/* Comparing. */

static int claims, failed;

static void claim(bool holds, const char *what, const char *detail)
{
	claims++;
	failed += !holds;
	printf("%sok %d - egress firewall: %s: %s\n", holds ? "" : "not ", claims, what, detail);
}

static void show(const struct frame *f)
{
	printf("# %s", f->inbound ? "in" : "out");
	for (uint32_t i = 0; i < f->len && i < 160; i++)
		printf("%s%02x", i % 2 ? "" : " ", f->bytes[i]);
	printf("\n");
}

static bool same(const struct record *a, const struct record *b, char *why)
{
	for (uint32_t i = 0; i < n_frames; i++) {
		const struct run *x = &a->runs[i], *y = &b->runs[i];

		if (x->err == y->err && x->verdict == y->verdict && x->len == y->len &&
		    !memcmp(a->bytes + x->at, b->bytes + y->at, x->len))
			continue;
		snprintf(why, WHY, "frame %u of %u bytes: error %d verdict %d length %u, and %d, %d, %u", i,
			 frames[i].len, x->err, (int)x->verdict, x->len, y->err, (int)y->verdict, y->len);
		show(&frames[i]);
		return false;
	}
	snprintf(why, WHY, "%u events and %u", a->n_events, b->n_events);
	if (a->n_events != b->n_events)
		return false;
	snprintf(why, WHY, "events, what was learnt or counters differ");
	return a->used == b->used && a->maps_at == b->maps_at && !memcmp(a->bytes, b->bytes, a->used);
}

static void compare(const char *what, const struct record *a, const struct record *b)
{
	uint32_t passed = 0, dropped = 0, turned = 0;
	char text[WHY] = "";
	bool ok = a->done && b->done && same(a, b, text);

	for (uint32_t i = 0; i < n_frames && ok; i++) {
		passed += a->runs[i].verdict == UINT32_MAX && !a->runs[i].err;
		dropped += a->runs[i].verdict == 2;
		turned += a->runs[i].verdict == 7;
	}
	if (ok)
		snprintf(text, sizeof(text), "%u frames: %u let go, %u dropped, %u turned back; %u events", n_frames,
			 passed, dropped, turned, a->n_events);
	else if (!a->done || !b->done)
		snprintf(text, sizeof(text), "%.200s", a->done ? b->why : a->why);
	/* A conversation in which nothing happens would agree too. */
	claim(ok && passed > n_frames / 20 && dropped > n_frames / 50 && turned > n_frames / 20, what, text);
}

static struct record *new_record(void)
{
	void *p = mmap(NULL, RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	return p;
}

int main(int argc, char **argv)
{
	const struct app *app = app_find("egress-firewall");
	struct record *kernel, *jit, *interpreter;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
		else if (!strcmp(argv[i], "--frames"))
			max_frames = (uint32_t)strtoul(argv[i + 1], NULL, 0);
	}
	if (!app || !max_frames || max_frames > MAX_FRAMES)
		return 2;
	converse();
	kernel = new_record();
	jit = new_record();
	interpreter = new_record();
	kernel_side(kernel, app);
	hive_side(jit, app, 0);
	hive_side(interpreter, app, SKEP_INTERPRET);
	compare("JIT and interpreter agree", jit, interpreter);
	if (kernel->refused)
		printf("# bpf(2) is not allowed here: the kernel's part was left out\n");
	else
		compare("skep and the kernel agree", jit, kernel);
	printf("1..%d\n", claims);
	free(frames);
	return failed ? 1 : kernel->refused ? 77 : 0;
}
