/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linked NAME [OBJECT]: serves a hive in which something is attached, until SIGTERM: a program to interface 1 by a link that is pinned, or those of an
 * object's programs on tasks that can be, to a hook that takes them all and brings no events. It has three workers more than the machine has CPUs, as that of
 * a run may.
 */
#include "base/uapi.h"
#include "bpf/link.h"
#include "bpf/seam.h"
#include "hive/server.h"

#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct hive_server *server;

static int attach(struct hive_hook *hook, struct hive_link *link, uint32_t target)
{
	return 0;
}

static void detach(struct hive_hook *hook, struct hive_link *link)
{
}

static void on_term(int sig)
{
	server_stop(server);
}

static int make_link(struct skep_hive *hive)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr prog = {.prog_type = BPF_PROG_TYPE_XDP,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = 2,
			       .license = (uintptr_t) "GPL",
			       .prog_name = "linked"};
	union bpf_attr link = {.link_create = {.target_ifindex = 1, .attach_type = BPF_XDP}};
	union bpf_attr pin = {.pathname = (uintptr_t) "/sys/fs/bpf/link"};

	link.link_create.prog_fd = (uint32_t)skep_bpf(hive, BPF_PROG_LOAD, &prog, sizeof(prog));
	pin.bpf_fd = (uint32_t)skep_bpf(hive, BPF_LINK_CREATE, &link, sizeof(link));
	return skep_bpf(hive, BPF_OBJ_PIN, &pin, sizeof(pin));
}

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

/* The object and its links: they stay until let_go(). */
static struct bpf_object *obj;
static struct bpf_link *attached[64];
static int n_attached;

static void let_go(struct skep_hive *hive)
{
	seam_enter(hive);
	while (n_attached)
		bpf_link__destroy(attached[--n_attached]);
	bpf_object__close(obj);
	seam_enter(NULL);
}

static int attach_all(struct skep_hive *hive, const char *path)
{
	struct bpf_program *prog;

	libbpf_set_print(say_nothing);
	seam_enter(hive);
	obj = bpf_object__open(path);
	if (!obj || bpf_object__load(obj))
		return -1;
	bpf_object__for_each_program(prog, obj)
	{
		struct bpf_link *link = n_attached < 64 ? bpf_program__attach(prog) : NULL;

		if (link)
			attached[n_attached++] = link;
	}
	seam_enter(NULL);
	return n_attached ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct hive_hook hook = {.attach_type = BPF_XDP,
				 .also = POINT_ATTACH_TYPES,
				 .link_type = BPF_LINK_TYPE_XDP,
				 .attach = attach,
				 .detach = detach};
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = hive_machine_cpus() + 3);
	struct skep_hive *hive;
	struct place place;
	char why[256] = "";

	if (argc < 2 || place_find(argv[1], true, &place, why, sizeof(why)) || skep_hive_new(&opts, &hive) ||
	    hive_hook_add(hive, &hook) || (argc > 2 ? attach_all(hive, argv[2]) : make_link(hive)) ||
	    server_new(&place, hive, &server, why, sizeof(why))) {
		fprintf(stderr, "linked: %s\n", why);
		return 1;
	}
	signal(SIGTERM, on_term);
	server_run(server);
	server_free(server);
	let_go(hive);
	skep_hive_free(hive);
	return 0;
}
