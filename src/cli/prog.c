/* SPDX-License-Identifier: BSD-2-Clause */
/* skep prog: what an object's programs are, and their instructions. */
#include "base/util.h"
#include "bpf/hive.h"
#include "bpf/object.h"
#include "cli/cli.h"
#include "cli/live.h"
#include "cli/value.h"
#include "helper/helper.h"
#include "insn/insn.h"
#include "insn/text.h"
#include "prog/types.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <getopt.h>
#include <string.h>

static const char help[] =
	"usage: skep prog show OBJ|NAME [--json]\n"
	"       skep prog dump OBJ|NAME [xlated|jited] [--prog NAME] [--json]\n"
	"       skep prog show --run NAME [--json]\n"
	"       skep prog attach OBJ|NAME --run NAME [--prog NAME]\n"
	"       skep prog replace LINK OBJ|NAME --run NAME [--prog NAME]\n"
	"       skep prog detach LINK --run NAME\n"
	"\n"
	"show lists the programs of an object as skep loads them. dump prints their instructions with the source\n"
	"lines they come from: as loaded (xlated, the default), or the machine code that the JIT made (jited).\n"
	"\n"
	"--run NAME: of a command that 'skep run' runs, in another terminal: show what is attached where, attach "
	"another\n"
	"program behind those that are there, put another one in a program's place between two frames (its maps go on\n"
	"with the old one's contents), or detach it. LINK is a link's number, or its program's name. NAME is run-PID,\n"
	"PID, or what --name gave the run.\n"
	"\n"
	"examples:\n"
	"  skep prog show xdp-firewall\n"
	"  skep prog dump fw.bpf.o --prog xdp_firewall\n"
	"  skep prog dump fw.bpf.o jited\n"
	"  skep prog replace xdp_firewall fw2.bpf.o --run 4711\n";

static const char *type_name(uint32_t type)
{
	const struct prog_type_desc *d = prog_type_find(type);

	return d ? d->name : "?";
}

static void tag_text(const struct hive_prog *p, char buf[2 * BPF_TAG_SIZE + 1])
{
	for (int i = 0; i < BPF_TAG_SIZE; i++)
		sprintf(buf + i * 2, "%02x", p->tag[i]);
}

static void show_json(const struct skep_program *prog)
{
	const struct hive_prog *p = program_loaded(prog);
	struct json_object *o = json_object_new_object();
	struct json_object *maps = json_object_new_array();
	char tag[2 * BPF_TAG_SIZE + 1];

	tag_text(p, tag);
	for (uint32_t i = 0; i < p->n_maps; i++)
		json_object_array_add(maps, json_object_new_string(p->maps[i]->map->name));
	json_count(o, "id", p->o.id);
	json_object_object_add(o, "prog", json_object_new_string(skep_program_name(prog)));
	json_object_object_add(o, "type", json_object_new_string(type_name(p->type)));
	json_object_object_add(o, "section", json_object_new_string(bpf_program__section_name(program_libbpf(prog))));
	json_object_object_add(o, "tag", json_object_new_string(tag));
	json_object_object_add(o, "license", json_object_new_string(p->license));
	json_count(o, "insns", p->code.n_insns);
	json_count(o, "subprogs", p->code.n_subprogs);
	json_count(o, "jited_bytes", p->target.jit ? p->jit->size : 0);
	json_object_object_add(o, "maps", maps);
	print_json(o);
}

static void show_text(const struct skep_program *prog)
{
	const struct hive_prog *p = program_loaded(prog);
	char tag[2 * BPF_TAG_SIZE + 1];

	tag_text(p, tag);
	printf("%u: %s  name %s%s%s  tag %s  license \"%s\"\n", p->o.id, type_name(p->type), paint(stdout, PAINT_BOLD),
	       skep_program_name(prog), paint(stdout, PAINT_OFF), tag, p->license);
	printf("\tsection %s  insns %u  functions %u  jited %uB\n", bpf_program__section_name(program_libbpf(prog)),
	       p->code.n_insns, p->code.n_subprogs, p->target.jit ? p->jit->size : 0);
	if (p->n_maps)
		printf("\tmaps");
	for (uint32_t i = 0; i < p->n_maps; i++)
		printf(" %s", p->maps[i]->map->name);
	if (p->n_maps)
		putchar('\n');
}

/* How the disassembler names what a program refers to. */

static bool name_helper(void *arg, uint32_t id, char *buf, size_t size)
{
	const struct helper_desc *h = helper_find(id);

	if (h)
		snprintf(buf, size, "%s", h->name);
	return h != NULL;
}

static bool name_ref(void *arg, const struct bpf_insn insn[2], char *buf, size_t size)
{
	const struct hive_prog *p = arg;

	if (insn->src_reg == BPF_PSEUDO_MAP_FD)
		snprintf(buf, size, "map[id:%u]", p->refs[insn->imm].id);
	else if (insn->src_reg == BPF_PSEUDO_MAP_VALUE)
		snprintf(buf, size, "map[id:%u][0]+%u", p->refs[insn->imm].id, (uint32_t)insn[1].imm);
	else
		return false;
	return true;
}

static bool name_kfunc(void *arg, const struct bpf_insn *insn, char *buf, size_t size)
{
	const struct hive_prog *p = arg;
	const struct btf *btf = p->o.hive->presented;
	const struct btf_type *t = btf ? btf__type_by_id(btf, p->refs[insn->imm].id) : NULL;

	if (t)
		snprintf(buf, size, "%s", btf__name_by_offset(btf, t->name_off));
	return t != NULL;
}

static bool name_subprog(void *arg, uint32_t slot, char *buf, size_t size)
{
	const struct hive_prog *p = arg;

	for (uint32_t i = 0; i < p->n_func_info; i++) {
		const struct btf_type *t;

		if (p->func_info[i].insn_off != slot)
			continue;
		t = btf__type_by_id(p->btf->btf, p->func_info[i].type_id);
		if (!t)
			return false;
		snprintf(buf, size, "%s", btf__name_by_offset(p->btf->btf, t->name_off));
		return true;
	}
	return false;
}

/* The source line that begins at a slot, without its indentation; NULL when none does. */
static const char *source_line(const struct hive_prog *p, uint32_t slot)
{
	for (uint32_t i = 0; i < p->n_line_info; i++)
		if (p->line_info[i].insn_off == slot) {
			const char *text = btf__name_by_offset(p->btf->btf, p->line_info[i].line_off);

			return text ? text + strspn(text, " \t") : NULL;
		}
	return NULL;
}

static void print_insn(const struct hive_prog *p, uint32_t at, uint32_t slots, const char *text, bool jited, bool json)
{
	uint32_t from = jited ? p->jit->insn_offset[at] : 0;
	uint32_t to = jited ? p->jit->insn_offset[at + slots] : 0;
	const char *line = source_line(p, at);
	AUTO_FREE char *hex = jited ? hex_text(p->text.text + from, to - from) : NULL;
	struct json_object *o;
	char name[128];

	if (json) {
		o = json_object_new_object();
		json_object_object_add(o, "prog", json_object_new_string(p->name));
		json_count(o, "insn", at);
		json_object_object_add(o, "text", json_object_new_string(text));
		if (line && *line)
			json_object_object_add(o, "source", json_object_new_string(line));
		if (jited) {
			json_count(o, "offset", from);
			json_object_object_add(o, "bytes", json_object_new_string(hex ? hex : ""));
		}
		print_json(o);
		return;
	}
	for (uint32_t i = 0; i < p->code.n_subprogs; i++)
		if (p->code.subprogs[i] == at && name_subprog((void *)p, at, name, sizeof(name)))
			printf("%s%s%s:\n", paint(stdout, PAINT_BOLD), name, paint(stdout, PAINT_OFF));
	if (line && *line)
		printf("%s; %s%s\n", paint(stdout, PAINT_DIM), line, paint(stdout, PAINT_OFF));
	if (jited)
		printf("%4u: %-44s\t%s%s%s\n", at, text, paint(stdout, PAINT_DIM), hex ? hex : "",
		       paint(stdout, PAINT_OFF));
	else
		printf("%4u: %s\n", at, text);
}

static int dump(const struct skep_program *prog, bool jited, bool json)
{
	struct hive_prog *p = program_loaded(prog);
	const struct insn_text_opts opts = {.flags = INSN_TEXT_OPCODE,
					    .arg = p,
					    .helper = name_helper,
					    .kfunc = name_kfunc,
					    .subprog = name_subprog,
					    .ref = name_ref};

	if (jited && !p->target.jit)
		return fail("program '%s' has no machine code: skep has no JIT for this CPU", skep_program_name(prog));
	if (!json)
		printf("%s%s%s, SEC(\"%s\")\n", paint(stdout, PAINT_BOLD), skep_program_name(prog),
		       paint(stdout, PAINT_OFF), bpf_program__section_name(program_libbpf(prog)));
	for (uint32_t at = 0; at < p->code.n_insns;) {
		char text[256];
		int slots = insn_text(p->code.insns, p->code.n_insns, at, &opts, text, sizeof(text));

		if (slots < 1)
			return fail("program '%s': instruction %u: %s", skep_program_name(prog), at, text);
		print_insn(p, at, (uint32_t)slots, text, jited, json);
		at += (uint32_t)slots;
	}
	return EXIT_OK;
}

static bool any_type(uint32_t type)
{
	return true;
}

static int work(struct source *s, const char *object, const char *what, const char *form, const char *name, bool json)
{
	int ret = source_open(s, object, 0);

	if (ret != EXIT_OK)
		return ret;
	if (name && !source_program(s, name, any_type))
		return EXIT_FAILED;
	for (uint32_t i = 0; ret == EXIT_OK && i < object_programs(s->obj); i++) {
		struct skep_program *prog = object_program_at(s->obj, i);

		if (name && strcmp(skep_program_name(prog), name))
			continue;
		if (!strcmp(what, "dump")) {
			if (i && !name && !json)
				putchar('\n');
			ret = dump(prog, form && !strcmp(form, "jited"), json);
		} else if (json) {
			show_json(prog);
		} else {
			show_text(prog);
		}
	}
	return ret;
}

/* What is asked of a run. @args: behind the option's; argv[0] is what to do. */
static int on_run(const struct verb *verb, const char *run_name, int n, char **argv, const char *prog, bool json)
{
	static const struct {
		const char *name;
		int args;
	} subs[] = {{"show", 1}, {"attach", 2}, {"replace", 3}, {"detach", 2}};
	static struct live l;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(subs) && (!n || strcmp(subs[i].name, argv[0])); i++)
		;
	if (i == ARRAY_SIZE(subs))
		return misuse(verb, "prog --run wants one of: show, attach, replace, detach");
	if (n != subs[i].args)
		return misuse(verb, "prog %s --run: too %s arguments", subs[i].name, n < subs[i].args ? "few" : "many");
	ret = live_open(&l, run_name);
	if (ret == EXIT_OK)
		ret = i == 0   ? live_links_show(&l, json)
		      : i == 1 ? live_attach(&l, argv[1], prog)
		      : i == 2 ? live_link_replace(&l, argv[1], argv[2], prog)
			       : live_link_detach(&l, argv[1]);
	live_close(&l);
	return ret;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"prog", required_argument, NULL, 'p'},
						{"run", required_argument, NULL, 'r'},
						{0}};
	const char *name = NULL, *form = NULL, *run_name = NULL;
	struct source s = {0};
	bool json = false, dumps;
	int c, n, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'p')
			name = optarg;
		else if (c == 'r')
			run_name = optarg;
		else
			return option_error(verb, argv);
	}
	n = argc - optind;
	argv += optind;
	if (run_name)
		return on_run(verb, run_name, n, argv, name, json);
	if (!n || (strcmp(argv[0], "show") && strcmp(argv[0], "dump")))
		return misuse(verb, n ? "prog cannot '%s'; it can: show, dump" : "prog wants one of: show, dump",
			      argv[0]);
	dumps = !strcmp(argv[0], "dump");
	if (n < 2 || n > (dumps ? 3 : 2))
		return misuse(verb, "prog %s: too %s arguments", argv[0], n < 2 ? "few" : "many");
	form = n == 3 ? argv[2] : NULL;
	if (form && strcmp(form, "xlated") && strcmp(form, "jited"))
		return misuse(verb, "prog dump: '%s' is neither xlated nor jited", form);
	ret = work(&s, argv[1], argv[0], form, name, json);
	source_close(&s);
	return ret;
}

const struct verb verb_prog = {
	.name = "prog", .about = "show and dump the programs of an object", .help = help, .run = run};
