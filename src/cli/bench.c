/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep bench: what a run of a program costs, in the interpreter, the JIT, and the kernel.
 *
 * Rounds of the three alternate, so that what disturbs the machine disturbs all of them; the fastest round of each is reported. A
 * round repeats the run over one frame that is put back only before the round, as BPF_PROG_TEST_RUN does it. The
 * kernel's part runs in a child: libbpf remembers what its "kernel" can do, and that is not the hive. What bpf_printk() writes
 * is made and dropped: some 100,000 lines a second help nobody.
 */
#include "base/clock.h"
#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "cli/cli.h"
#include "hook/net/replay.h"
#include "prog/packet.h"
#include "prog/types.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

enum { ROUNDS = 7, COMPILES = 9, CTX_BYTES_SIZE = 4096, FRAME_MAX = 3520 };

static const char help[] =
	"usage: skep bench OBJ|NAME [--prog NAME] [--data FILE] [--repeat N] [--kernel] [--json]\n"
	"\n"
	"Times an object's programs: nanoseconds per run in the interpreter and in the JIT, and with --kernel in the "
	"kernel\n"
	"of this machine (needs the right to use bpf(2)); microseconds that the JIT takes to compile.\n"
	"\n"
	"  --prog NAME          only this program\n"
	"  --data FILE          the frame that the program gets, raw bytes (default: a TCP SYN of 64 bytes)\n"
	"  --repeat N           runs in a round (default: as many as fill about 20 ms)\n"
	"  --kernel             load the same object into the kernel and time it beside\n"
	"  --json               JSON Lines (docs/json.md)\n"
	"\n"
	"examples:\n"
	"  skep bench xdp-firewall\n"
	"  sudo skep bench fw.bpf.o --kernel --json\n";

/* 192.0.2.1:40000 > 198.51.100.2:443, SYN, padded to 64 bytes. */
static const uint8_t syn[64] = {
	0x02, 0,    0,    0,    0, 2, 0x02, 0, 0,  0, 0,    1,    0x08, 0x00, /* Ethernet */
	0x45, 0,    0,    40,   0, 1, 0x40, 0, 64, 6, 0x4f, 0x5e, 192,  0,    2,    1,    198, 51, 100, 2, /* IPv4 */
	0x9c, 0x40, 0x01, 0xbb, 0, 0, 0,    1, 0,  0, 0,    0,    0x50, 0x02, 0xff, 0xff, 0,   0,  0,   0, /* TCP */
};

struct bench {
	struct source src;
	const char *prog_name;
	const uint8_t *data;
	uint32_t len;
	uint64_t repeat;
	bool kernel, json;
};

/* One program's figures. */
struct figures {
	uint32_t insns;
	uint32_t retval;
	double interp_ns, jit_ns, kernel_ns, compile_us; /* below 0: none */
	char kernel_why[160];
	bool differs; /* the kernel returned something else */
	uint32_t kernel_retval;
};

/* The kernel's side: a child that loads one program and runs rounds on demand. */
struct kernel {
	pid_t pid;
	int to, from;
};

struct kernel_round {
	int err; /* errno; 0: fine */
	uint32_t retval;
	uint32_t ns;
	char why[160];
};

/* Loads @name alone into the kernel. @fd: of the program, which stays open with @obj. */
static int kernel_load(const struct bench *b, const char *name, struct skep_object **obj, int *fd)
{
	struct bpf_program *prog, *found = NULL;
	struct skep_hive *hive;
	int err;

	seam_enter(NULL);
	if (skep_hive_new(NULL, &hive))
		return ENOMEM;
	hive->of_kernel = true;
	err = object_open(hive, b->src.data, b->src.len, b->src.name, obj);
	if (err)
		return -err;
	bpf_object__for_each_program(prog, object_libbpf(*obj))
	{
		bool it = !strcmp(bpf_program__name(prog), name);

		bpf_program__set_autoload(prog, it);
		if (it)
			found = prog;
	}
	err = object_load(*obj, b->src.name);
	*fd = found ? bpf_program__fd(found) : -1;
	return err ? -err : *fd < 0 ? ENOENT : 0;
}

static void kernel_child(const struct bench *b, const char *name, bool frame, int from, int to)
{
	static uint8_t ctx[CTX_BYTES_SIZE];
	struct skep_object *obj = NULL;
	struct kernel_round r = {0};
	uint64_t repeat;
	int fd = -1;

	r.err = kernel_load(b, name, &obj, &fd);
	if (r.err)
		snprintf(r.why, sizeof(r.why), "the kernel does not load it: %s", strerror(r.err));
	while (read(from, &repeat, sizeof(repeat)) == sizeof(repeat)) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)repeat);

		if (frame) {
			opts.data_in = b->data;
			opts.data_size_in = b->len;
		} else {
			opts.ctx_in = ctx;
			opts.ctx_size_in = 64;
			opts.repeat = 0;
		}
		if (!r.err && bpf_prog_test_run_opts(fd, &opts)) {
			r.err = errno;
			snprintf(r.why, sizeof(r.why), "the kernel has no test run for it: %s", strerror(errno));
		}
		r.retval = opts.retval;
		r.ns = opts.duration;
		if (write(to, &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0); /* and the object with it */
}

static int kernel_start(const struct bench *b, const char *name, bool frame, struct kernel *k)
{
	int to[2], from[2];

	if (pipe2(to, 0) || pipe2(from, 0))
		return fail("pipe: %s", strerror(errno));
	fflush(stdout);
	k->pid = fork();
	if (k->pid < 0)
		return fail("fork: %s", strerror(errno));
	if (!k->pid) {
		close(to[1]);
		close(from[0]);
		kernel_child(b, name, frame, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	k->to = to[1];
	k->from = from[0];
	return EXIT_OK;
}

static void kernel_stop(struct kernel *k)
{
	close(k->to);
	close(k->from);
	waitpid(k->pid, NULL, 0);
}

static void kernel_round(struct kernel *k, uint64_t repeat, struct figures *f)
{
	struct kernel_round r = {.err = EIO, .why = "the kernel's part died"};

	if (write(k->to, &repeat, sizeof(repeat)) != sizeof(repeat) || read(k->from, &r, sizeof(r)) != sizeof(r) ||
	    r.err) {
		snprintf(f->kernel_why, sizeof(f->kernel_why), "%s", r.why);
		return;
	}
	if (f->kernel_ns < 0 || r.ns < f->kernel_ns)
		f->kernel_ns = r.ns;
	f->kernel_retval = r.retval;
	f->differs = r.retval != f->retval;
}

/* The context of a round: a fresh frame, or zeroes. */
static void *fresh_context(const struct bench *b, struct hive_worker *w, const struct prog_type_desc *type,
			   uint8_t *bytes)
{
	switch (type->ctx) {
	case CTX_XDP:
		packet_set_xdp(w->pkt, b->data, b->len, 0);
		w->pkt->ctx.xdp.ingress_ifindex = 1;
		return &w->pkt->ctx.xdp;
	case CTX_SKB_L2:
	case CTX_SKB_L3:
		packet_set_skb(w->pkt, b->data, b->len, type->ctx == CTX_SKB_L2);
		w->pkt->ctx.skb.ifindex = 1;
		return &w->pkt->ctx.skb;
	default:
		memset(bytes, 0, CTX_BYTES_SIZE);
		return bytes;
	}
}

static double time_round(const struct hive_prog *p, void *ctx, struct skep_env *env, bool jit, uint64_t repeat,
			 uint32_t *retval)
{
	uint64_t start, ret = 0;

	env->ctx = ctx;
	start = clock_ns(CLOCK_MONOTONIC);
	if (jit)
		for (uint64_t i = 0; i < repeat; i++)
			ret = jit_run(p->target.jit, ctx, env);
	else
		for (uint64_t i = 0; i < repeat; i++)
			ret = vm_run(p->vm, ctx, env);
	*retval = (uint32_t)ret;
	return (double)(clock_ns(CLOCK_MONOTONIC) - start) / (double)repeat;
}

static double compile_time(const struct hive_prog *p)
{
	double best = -1;

	for (int i = 0; i < COMPILES; i++) {
		struct jit_object *o;
		uint64_t start = clock_ns(CLOCK_MONOTONIC);
		double us;

		if (jit_compile(&p->code, &o))
			return -1;
		us = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1000;
		jit_object_free(o);
		best = best < 0 || us < best ? us : best;
	}
	return best;
}

static int measure(const struct bench *b, const struct skep_program *prog, struct figures *f)
{
	static uint8_t bytes[CTX_BYTES_SIZE];
	const struct hive_prog *p = program_loaded(prog);
	const struct prog_type_desc *type = prog_type_find(p->type);
	bool frame = type->ctx != CTX_BYTES;
	struct hive_worker *w = hive_worker_get(b->src.hive);
	struct kernel k = {.pid = -1};
	uint64_t repeat[2] = {b->repeat, b->repeat};
	uint32_t ret;
	int err = EXIT_OK;

	*f = (struct figures){.insns = p->code.n_insns, .interp_ns = -1, .jit_ns = -1, .kernel_ns = -1};
	f->compile_us = compile_time(p);
	if (!w->pkt && packet_new(&w->pkt))
		err = fail("out of memory");
	if (err == EXIT_OK && b->kernel)
		err = kernel_start(b, skep_program_name(prog), frame, &k);
	w->env.pkt = frame ? w->pkt : NULL;
	w->env.prog_type = p->type;
	for (int i = 0; err == EXIT_OK && i < ROUNDS; i++) {
		for (int jit = 0; jit < (p->target.jit ? 2 : 1); jit++) {
			double *best = jit ? &f->jit_ns : &f->interp_ns;
			double ns;

			if (!repeat[jit]) {
				ns = time_round(p, fresh_context(b, w, type, bytes), &w->env, jit, 100, &ret);
				repeat[jit] = (uint64_t)MIN(MAX(20e6 / MAX(ns, 0.5), 10.0), 1e8);
			}
			ns = time_round(p, fresh_context(b, w, type, bytes), &w->env, jit, repeat[jit], &f->retval);
			if (*best < 0 || ns < *best)
				*best = ns;
		}
		if (k.pid > 0 && !f->kernel_why[0])
			kernel_round(&k, MIN(repeat[p->target.jit ? 1 : 0], (uint64_t)1000000), f);
	}
	if (k.pid > 0)
		kernel_stop(&k);
	hive_worker_put(b->src.hive, w);
	return err;
}

static void print_figures(const struct bench *b, const char *name, const struct figures *f)
{
	struct json_object *o;

	if (b->json) {
		o = json_object_new_object();
		json_object_object_add(o, "prog", json_object_new_string(name));
		json_count(o, "insns", f->insns);
		json_count(o, "retval", f->retval);
		json_object_object_add(o, "interp_ns", json_figure(f->interp_ns));
		json_object_object_add(o, "jit_ns", json_figure(f->jit_ns));
		json_object_object_add(o, "kernel_ns", json_figure(f->kernel_ns));
		json_object_object_add(o, "compile_us", json_figure(f->compile_us));
		print_json(o);
		return;
	}
	printf("%-24s %7u %10u %11.1f ", name, f->insns, f->retval, f->interp_ns);
	if (f->jit_ns < 0)
		printf("%9s ", "-");
	else
		printf("%9.1f ", f->jit_ns);
	if (f->kernel_ns < 0)
		printf("%9s ", "-");
	else
		printf("%9.0f ", f->kernel_ns);
	printf("%11.1f\n", f->compile_us);
	if (f->kernel_why[0])
		note("%s: %s", name, f->kernel_why);
	if (f->kernel_ns >= 0 && f->differs)
		note("%s: the kernel's run returned %u", name, f->kernel_retval);
}

static bool can_run(uint32_t type)
{
	const struct prog_type_desc *d = prog_type_find(type);

	return replay_can(type) || (d && d->ctx == CTX_BYTES);
}

static int bench_all(struct bench *b, const char *object)
{
	uint32_t n = 0;
	int ret = source_open(&b->src, object, SOURCE_NO_TRACE);

	if (ret != EXIT_OK)
		return ret;
	if (b->prog_name && !source_program(&b->src, b->prog_name, can_run))
		return EXIT_FAILED;
	for (uint32_t i = 0; ret == EXIT_OK && i < object_programs(b->src.obj); i++) {
		struct skep_program *prog = object_program_at(b->src.obj, i);
		struct figures f;

		if (!can_run(program_loaded(prog)->type) ||
		    (b->prog_name && strcmp(b->prog_name, skep_program_name(prog))))
			continue;
		if (!n++ && !b->json)
			printf("%-24s %7s %10s %11s %9s %9s %11s\n", "program", "insns", "retval", "interp ns",
			       "JIT ns", "kernel ns", "compile us");
		ret = measure(b, prog, &f);
		if (ret == EXIT_OK)
			print_figures(b, skep_program_name(prog), &f);
	}
	if (!n && ret == EXIT_OK)
		ret = fail("%s: it has no program that can be run here", object);
	return ret;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	enum { OPT_PROG = 256, OPT_DATA, OPT_REPEAT, OPT_KERNEL, OPT_JSON };
	static const struct option options[] = {
		{"prog", required_argument, NULL, OPT_PROG},     {"data", required_argument, NULL, OPT_DATA},
		{"repeat", required_argument, NULL, OPT_REPEAT}, {"kernel", no_argument, NULL, OPT_KERNEL},
		{"json", no_argument, NULL, OPT_JSON},           {0},
	};
	struct bench b = {.data = syn, .len = sizeof(syn)};
	AUTO_FREE void *data = NULL;
	size_t len;
	int c, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_PROG:
			b.prog_name = optarg;
			break;
		case OPT_DATA:
			free(STEAL_PTR(data));
			ret = object_read(optarg, &data, &len);
			if (ret)
				return fail("%s: read: %s", optarg, strerror(-ret));
			if (len < ETH_HLEN || len > FRAME_MAX)
				return fail("%s: a frame has %d to %d bytes, this file has %zu", optarg, ETH_HLEN,
					    FRAME_MAX, len);
			b.data = data;
			b.len = (uint32_t)len;
			break;
		case OPT_REPEAT:
			if (!parse_count(optarg, 1000000000, &b.repeat) || !b.repeat)
				return misuse(verb, "--repeat wants a number from 1 to 1000000000, not '%s'", optarg);
			break;
		case OPT_KERNEL:
			b.kernel = true;
			break;
		case OPT_JSON:
			b.json = true;
			break;
		default:
			return option_error(verb, argv);
		}
	}
	if (argc - optind != 1)
		return misuse(verb, "bench wants one object, or a ready-made program's name");
	ret = bench_all(&b, argv[optind]);
	source_close(&b.src);
	return ret;
}

const struct verb verb_bench = {
	.name = "bench", .about = "time programs: interpreter, JIT, kernel", .help = help, .run = run};
