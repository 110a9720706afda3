/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log, in the kernel's format (Documentation/bpf/verifier.rst, "Understanding eBPF verifier messages"): tools parse it. What a refusal
 * says is in our own words.
 */
#include "base/util.h"
#include "helper/helper.h"
#include "insn/text.h"
#include "verify/internal.h"

#include <bpf/btf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(struct verifier *v, const char *text, size_t n)
{
	v->in->log(v->in->log_arg, text, n);
	v->log_len += n;
}

void log_insn_end(struct verifier *v)
{
	if (v->log_open)
		put(v, "\n", 1);
	v->log_open = false;
}

void vlog(struct verifier *v, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int n;

	if (!v->in->log || !v->log_level)
		return;
	log_insn_end(v);
	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (n > 0)
		put(v, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* The kernel has written the end of an instruction's line, and takes it back when the state follows: a path put aside remembers the place behind it. */
size_t log_place(const struct verifier *v)
{
	return v->log_len + v->log_open;
}

void log_back(struct verifier *v, size_t len)
{
	if (!v->in->log || !v->in->log_rewind || !v->log_level || LOG_INSNS(v))
		return;
	log_insn_end(v);
	v->in->log_rewind(v->in->log_arg, len);
	v->log_len = len;
}

int refuse(struct verifier *v, int err, enum verify_problem problem, const char *fmt, ...)
{
	va_list args;
	char *line;

	if (v->out->problem != PROBLEM_NONE)
		return err;
	v->out->problem = problem;
	v->out->insn = v->insn;
	va_start(args, fmt);
	vsnprintf(v->out->message, sizeof(v->out->message), fmt, args);
	va_end(args);
	vlog(v, "%s\n", v->out->message);
	/* What are lines in the log is one line elsewhere. */
	while ((line = strchr(v->out->message, '\n')) && strlen(v->out->message) + 2 < sizeof(v->out->message)) {
		memmove(line + 2, line + 1, strlen(line));
		line[0] = ':';
		line[1] = ' ';
	}
	return err;
}

static const char *const base_names[REG_TYPE_COUNT] = {
	[REG_NOT_INIT] = "?",
	[REG_SCALAR] = "scalar",
	[REG_CTX] = "ctx",
	[REG_MAP_PTR] = "map_ptr",
	[REG_MAP_VALUE] = "map_value",
	[REG_MAP_KEY] = "map_key",
	[REG_STACK] = "fp",
	[REG_PKT_META] = "pkt_meta",
	[REG_PKT] = "pkt",
	[REG_PKT_END] = "pkt_end",
	[REG_FLOW_KEYS] = "flow_keys",
	[REG_SOCKET] = "sock",
	[REG_SOCK_COMMON] = "sock_common",
	[REG_TCP_SOCK] = "tcp_sock",
	[REG_TP_BUFFER] = "tp_buffer",
	[REG_XDP_SOCK] = "xdp_sock",
	[REG_BTF] = "ptr_",
	[REG_MEM] = "mem",
	[REG_ARENA] = "arena",
	[REG_BUF] = "buf",
	[REG_FUNC] = "func",
	[REG_DYNPTR] = "dynptr_ptr",
};

const char *reg_type_name(uint32_t type, char buf[64])
{
	const char *null = "";

	if (type & PTR_NULL)
		null = REG_BASE(type) == REG_BTF ? "or_null_" : "_or_null";
	snprintf(buf, 64, "%s%s%s%s%s%s%s%s%s", type & MEM_RDONLY ? "rdonly_" : "",
		 type & MEM_RINGBUF ? "ringbuf_" : "", type & MEM_USER ? "user_" : "",
		 type & MEM_PERCPU ? "percpu_" : "", type & MEM_RCU ? "rcu_" : "",
		 type & PTR_UNTRUSTED ? "untrusted_" : "", type & PTR_TRUSTED ? "trusted_" : "",
		 base_names[REG_BASE(type)], null);
	return buf;
}

static const char *btf_type_name(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf ? btf__type_by_id(btf, id) : NULL;

	return t ? btf__name_by_offset(btf, t->name_off) : "";
}

static const char *const dynptr_names[] = {
	[DYNPTR_KIND_NONE] = "none", [DYNPTR_KIND_LOCAL] = "local", [DYNPTR_KIND_RINGBUF] = "ringbuf",
	[DYNPTR_KIND_SKB] = "skb",   [DYNPTR_KIND_XDP] = "xdp",     [DYNPTR_KIND_SKB_META] = "skb_meta",
	[DYNPTR_KIND_FILE] = "file"};

/* Small numbers in decimal, large ones in hexadecimal. */
static void log_snum(struct verifier *v, int64_t n)
{
	if (n >= INT16_MIN && n <= INT16_MAX)
		vlog(v, "%lld", (long long)n);
	else
		vlog(v, "%#llx", (unsigned long long)n);
}

static void log_unum(struct verifier *v, uint64_t n)
{
	vlog(v, n <= UINT16_MAX ? "%llu" : "%#llx", (unsigned long long)n);
}

/* @frame: that the register is seen from. */
static void log_reg(struct verifier *v, const struct reg *r, uint32_t frame, bool precise)
{
	const char *sep = "";
	char text[256];
	uint32_t base = REG_BASE(r->type);

	if (r->type == REG_SCALAR && precise)
		vlog(v, "P");
	if (r->type == REG_SCALAR && scalar_is_const(&r->var)) {
		log_snum(v, (int64_t)r->var.bits.value);
		return;
	}
	vlog(v, "%s", reg_type_name(r->type, text));
	if (r->type == REG_ARENA)
		return;
	if (base == REG_BTF)
		vlog(v, "%s", btf_type_name(r->btf, r->btf_id));
	if (base == REG_STACK && r->frame != frame)
		vlog(v, "[%u]", r->frame);
	if (base == REG_STACK && scalar_is_const(&r->var)) {
		log_snum(v, r->off + (int64_t)r->var.bits.value);
		return;
	}
	vlog(v, "(");
#define SEP()                                                                                                          \
	do {                                                                                                           \
		vlog(v, "%s", sep);                                                                                    \
		sep = ",";                                                                                             \
	} while (0)
	if (r->id) {
		SEP();
		vlog(v, "id=%u", r->id & ~(uint32_t)(ID_ADD_CONST | ID_ADD_CONST32));
		if (r->id & (ID_ADD_CONST | ID_ADD_CONST32))
			vlog(v, "%+d", r->off);
	}
	if (r->ref_id) {
		SEP();
		vlog(v, "ref_obj_id=%u", r->ref_id);
	}
	if (r->type & NON_OWN_REF) {
		SEP();
		vlog(v, "non_own_ref");
	}
	if (base == REG_MAP_PTR || base == REG_MAP_KEY || base == REG_MAP_VALUE) {
		/* What is known of inner maps is a template, which has no name. */
		if (r->map->name[0] && !map_is_inner(v, r->map)) {
			SEP();
			vlog(v, "map=%s", r->map->name);
		}
		SEP();
		vlog(v, "ks=%u,vs=%u", r->map->key_size, r->map->value_size);
	}
	if (base != REG_SCALAR && r->off) {
		SEP();
		vlog(v, "off=");
		log_snum(v, r->off);
	}
	if (reg_is_packet(r)) {
		SEP();
		vlog(v, "r=");
		log_unum(v, (uint64_t)(int64_t)r->range);
	}
	if (base == REG_MEM) {
		SEP();
		vlog(v, "sz=");
		log_unum(v, r->mem_size);
	}
	if (r->type == REG_DYNPTR) {
		SEP();
		vlog(v, "type=%s", dynptr_names[r->dynptr]);
	}
	if (scalar_is_const(&r->var)) {
		if (r->var.bits.value) {
			SEP();
			vlog(v, "imm=");
			log_snum(v, (int64_t)r->var.bits.value);
		}
	} else if (scalar_format(&r->var, text, sizeof(text))) {
		SEP();
		vlog(v, "%s", text);
	}
#undef SEP
	vlog(v, ")");
}

static const char kind_letters[] = {[SLOT_INVALID] = '?', [SLOT_SPILL] = 'r', [SLOT_MISC] = 'm', [SLOT_ZERO] = '0',
				    [SLOT_DYNPTR] = 'd',  [SLOT_ITER] = 'i',  [SLOT_IRQ] = 'f'};

static const char *const iter_states[] = {
	[ITER_NONE] = "<invalid>", [ITER_ACTIVE] = "active", [ITER_DRAINED] = "drained"};

static void log_slot(struct verifier *v, const struct frame *f, uint32_t n)
{
	const struct slot *s = &f->stack->slots[n];
	char kinds[9] = {0};
	bool valid = false;

	for (unsigned int i = 0; i < 8; i++) {
		kinds[i] = kind_letters[s->kind[i]];
		valid |= s->kind[i] != SLOT_INVALID;
	}
	if (!valid)
		return;
	switch (s->kind[7]) {
	case SLOT_SPILL: /* what lies above a spill of less than 8 bytes comes first */
		kinds[strcspn(kinds, "r")] = 0;
		vlog(v, " fp%d=%s", -(int)(n + 1) * 8, kinds);
		log_reg(v, &s->reg, f->frameno, f->precise_slots >> n & 1);
		break;
	case SLOT_DYNPTR:
		if (!s->reg.first_slot)
			return;
		vlog(v, " fp%d=dynptr_%s(", -(int)(n + 1) * 8, dynptr_names[s->reg.dynptr]);
		if (s->reg.id)
			vlog(v, "id=%u,", s->reg.id);
		if (s->reg.ref_id)
			vlog(v, "ref_id=%u,", s->reg.ref_id);
		vlog(v, "dynptr_id=1)"); /* a constant: the kernel prints "first slot" under that name */
		break;
	case SLOT_ITER:
		if (!s->reg.ref_id)
			return;
		vlog(v, " fp%d=iter_%s(ref_id=%u,state=%s,depth=%u)", -(int)(n + 1) * 8,
		     btf_type_name(s->reg.iter_btf, s->reg.iter_btf_id) + strlen("bpf_iter_"), s->reg.ref_id,
		     iter_states[s->reg.iter_state], s->reg.iter_depth);
		break;
	default:
		vlog(v, " fp%d=%s", -(int)(n + 1) * 8, kinds);
		break;
	}
}

void log_state(struct verifier *v, const struct state *s, uint32_t frame, bool all)
{
	const struct frame *f = s->frames[frame];

	if (f->frameno)
		vlog(v, " frame%u:", f->frameno);
	for (unsigned int i = 0; i < ARRAY_SIZE(f->regs); i++) {
		if (f->regs[i].type == REG_NOT_INIT || (!all && !(v->touched_regs >> i & 1)))
			continue;
		vlog(v, " R%u=", i);
		log_reg(v, &f->regs[i], frame, f->precise_regs >> i & 1);
	}
	for (uint32_t i = 0; f->stack && i < f->stack->n; i++)
		/* A dynptr is told with its first slot, which is the lower one. */
		if (all || (v->touched_slots >> i & 1))
			log_slot(v, f, i);
	/* Locks have no id; as the first they hide the others. */
	for (uint32_t i = 0; s->n_refs && s->refs[0].id && i < s->n_refs; i++)
		if (s->refs[i].id)
			vlog(v, "%s%u", i ? "," : " refs=", s->refs[i].id);
	if (f->in_callback)
		vlog(v, " cb");
	if (f->in_async_callback)
		vlog(v, " async_cb");
	vlog(v, "\n");
}

/* What the last instruction changed: at the end of its line when nothing was written since, else on a line of its own. */
void log_touched(struct verifier *v)
{
	enum { STATE_COLUMN = 40, TAB = 8 };

	if (!(v->log_level & 3))
		return;
	if (v->log_open) {
		uint32_t end = v->log_column + 1 + TAB / 2;

		/* The ';' stands before the last column of a multiple of 8. */
		end = end < STATE_COLUMN ? STATE_COLUMN : (end + TAB - 1) & ~(TAB - 1u);
		v->log_open = false;
		vlog(v, "%*s;", (int)(end - 2 - v->log_column), "");
	} else {
		vlog(v, "%u:", v->insn);
	}
	log_state(v, v->cur, v->cur->curframe, false);
	v->touched_regs = 0;
	v->touched_slots = 0;
}

static bool name_helper(void *arg, uint32_t id, char *buf, size_t size)
{
	const struct helper_desc *h = helper_find(id);

	(void)arg;
	snprintf(buf, size, "%s", h ? h->name : "unknown");
	return true;
}

static bool name_kfunc(void *arg, const struct bpf_insn *insn, char *buf, size_t size)
{
	const struct verifier *v = arg;

	if (!insn->imm || (uint32_t)insn->off >= v->in->n_btfs)
		return false;
	snprintf(buf, size, "%s", btf_type_name(v->in->btfs[insn->off], (uint32_t)insn->imm));
	return true;
}

/* The source line that an instruction belongs to, NULL when it is the same as that of the last one. */
static const struct bpf_line_info *line_of(const struct verifier *v, uint32_t insn)
{
	uint32_t low = 0, high = v->in->n_line_info;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (v->in->line_info[mid].insn_off <= insn)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &v->in->line_info[low - 1] : NULL;
}

static void log_source(struct verifier *v, uint32_t insn)
{
	const struct bpf_line_info *line = line_of(v, insn);
	const char *text, *file;

	if (!line || line == v->log_line)
		return;
	if (v->log_line && v->log_line->file_name_off == line->file_name_off &&
	    v->log_line->line_off == line->line_off && v->log_line->line_col >> 10 == line->line_col >> 10)
		return;
	v->log_line = line;
	text = btf__name_by_offset(v->in->btf, line->line_off);
	file = btf__name_by_offset(v->in->btf, line->file_name_off);
	if (!text || !file)
		return;
	while (*text == ' ' || *text == '\t')
		text++;
	vlog(v, "; %s @ %s:%u\n", text, strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line->line_col >> 10);
}

/* A write to r10, which is refused where a path leads to it: as one to r0, but for the name. */
static void unusual_text(const struct verifier *v, uint32_t insn, const struct insn_text_opts *opts, char text[160])
{
	enum { REG_AT = 6 }; /* "(79) r0 = ..." */
	struct bpf_insn other = v->insns[insn];
	char plain[160];

	other.dst_reg = BPF_REG_0;
	if (insn_text(&other, 1, 0, opts, plain, sizeof(plain)) < 0 || strlen(plain) <= REG_AT || plain[REG_AT] != '0')
		snprintf(text, 160, "(%02x)", v->insns[insn].code);
	else
		snprintf(text, 160, "%.*s10%.140s", REG_AT, plain, plain + REG_AT + 1);
}

static const char *insn_words(const struct verifier *v, uint32_t insn, char text[160])
{
	const struct insn_text_opts opts = {
		.flags = INSN_TEXT_OPCODE, .helper = name_helper, .kfunc = name_kfunc, .arg = (void *)(uintptr_t)v};

	/* The address of a map, as the kernel writes it for those who may not see addresses: there is none here. */
	if (v->aux[insn].desc &&
	    (v->aux[insn].desc->op == INSN_LD_MAP_FD || v->aux[insn].desc->op == INSN_LD_MAP_VALUE))
		snprintf(text, 160, "(%02x) r%u = 0x0", v->insns[insn].code, v->insns[insn].dst_reg);
	else if (v->aux[insn].desc && v->aux[insn].desc->op == INSN_LD_FUNC)
		snprintf(text, 160, "(%02x) r%u = 0x%x", v->insns[insn].code, v->insns[insn].dst_reg,
			 (uint32_t)v->insns[insn].imm);
	else if (insn_is_addr_cast(&v->insns[insn]))
		snprintf(text, 160, "(bf) r%u = addr_space_cast(r%u, %u, %u)", v->insns[insn].dst_reg,
			 v->insns[insn].src_reg, (uint32_t)v->insns[insn].imm >> 16, v->insns[insn].imm & 0xffff);
	else if (insn_text(v->insns, v->n, insn, &opts, text, 160) < 0)
		unusual_text(v, insn, &opts, text);
	return text;
}

void log_insn(struct verifier *v, uint32_t insn)
{
	size_t start;
	char text[160];

	log_source(v, insn);
	log_insn_end(v);
	start = v->log_len;
	vlog(v, "%u: %s", insn, insn_words(v, insn, text));
	v->log_column = (uint32_t)(v->log_len - start);
	v->log_open = true;
}

/* Precision (precision.c) */

static void log_marks(struct verifier *v, uint32_t regs, uint64_t slots)
{
	const char *sep = "";

	vlog(v, "regs=");
	for (; regs; regs &= regs - 1, sep = ",")
		vlog(v, "%sr%d", sep, __builtin_ctz(regs));
	vlog(v, " stack=");
	for (sep = ""; slots; slots &= slots - 1, sep = ",")
		vlog(v, "%s%d", sep, -(__builtin_ctzll(slots) + 1) * 8);
}

void log_back_from(struct verifier *v, uint32_t frame, uint32_t last, uint32_t first, uint32_t after)
{
	if (LOG_INSNS(v))
		vlog(v, "mark_precise: frame%u: last_idx %d first_idx %d subseq_idx %d \n", frame, (int)last,
		     (int)first, (int)after);
}

void log_back_insn(struct verifier *v, uint32_t frame, uint32_t regs, uint64_t slots, uint32_t insn)
{
	char text[160];

	if (!LOG_INSNS(v))
		return;
	vlog(v, "mark_precise: frame%u: ", frame);
	log_marks(v, regs, slots);
	vlog(v, " before %u: %s\n", insn, insn_words(v, insn, text));
}

void log_back_state(struct verifier *v, const struct state *s, uint32_t frame, uint32_t regs, uint64_t slots)
{
	if (!LOG_INSNS(v))
		return;
	vlog(v, "mark_precise: frame%u: parent state ", frame);
	log_marks(v, regs, slots);
	vlog(v, ": ");
	log_state(v, s, frame, true);
}

void log_propagated(struct verifier *v, uint32_t frame, uint32_t regs, uint64_t slots)
{
	const char *sep = " ";

	if (!LOG_INSNS(v) || (!regs && !slots))
		return;
	vlog(v, "frame %u: propagating", frame);
	for (; regs; regs &= regs - 1, sep = ",")
		vlog(v, "%sr%d", sep, __builtin_ctz(regs));
	for (; slots; slots &= slots - 1, sep = ",")
		vlog(v, "%sfp%d", sep, -(__builtin_ctzll(slots) + 1) * 8);
	vlog(v, "\n");
}

void log_overview(struct verifier *v)
{
	char text[160];

	if (!LOG_INSNS(v))
		return;
	for (uint32_t i = 0; i < v->n_subprogs; i++)
		vlog(v, "func#%u @%u\n", i, v->subprogs[i].start);
	vlog(v, "Live regs before insn:\n");
	for (uint32_t i = 0; i < v->n; i++) {
		char live[11] = "..........";

		if (!v->aux[i].desc)
			continue;
		for (unsigned int r = 0; r < BPF_REG_10; r++)
			if (v->aux[i].live_regs >> r & 1)
				live[r] = (char)('0' + r);
		insn_words(v, i, text);
		if (v->aux[i].scc)
			vlog(v, "%3u %3u: %s %s\n", v->aux[i].scc, i, live, text);
		else
			vlog(v, "    %3u: %s %s\n", i, live, text);
	}
}
