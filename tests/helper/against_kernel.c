/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of the helpers' results: random programs of one to six helper calls with random arguments, over
 * random frames, are test-run in a hive and in the kernel. Both must give the same result code, return value, frame, context,
 * and the same 1 KiB of map value, where each call leaves its result and what it wrote, and where each program at its end
 * leaves the context's fields that follow from the frame.
 *
 * Left out, by name:
 *  - what is random, a clock, or says who and where: get_prandom_u32, ktime_*, jiffies64, get_smp_processor_id,
 *    get_numa_node_id, get_current_*, get_socket_uid (the kernel's test run brings a socket of uid 0);
 *  - callbacks (loop, for_each_map_elem): the kernel asks for BTF; test_helpers.c has them;
 *  - %pus with an address: the kernel's own memory is no user memory there, and ours is;
 *  - frames that say IP and are shorter than its header: the kernel's test run refuses them before the program runs;
 *  - maps and ring buffers: tests/map/differential.c has them; perf_event_output, trace_*: their output goes elsewhere.
 *
 * "against-kernel SEED RUNS" repeats a run. Needs bpf(2) for us (root) and Linux 6.18; else exits with 77.
 */
#include "base/uapi.h"
#include "base/util.h"
#include "insn/text.h"
#include "skep/skep.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
	SKIP = 77,
	TEXT_MAX = 16384,
	VALUE_SIZE = 1024,
	RESULTS = 0, /* a word for each call, then the context's fields */
	INPUT = 256, /* random bytes that calls read */
	OUTPUT = 512, /* 64 bytes for each call to write to */
	OUT_SIZE = 64,
	FIELDS = 128,
	MAX_CALLS = 6,
	FRAME_MAX = 4096,
	CONST_SIZE = 1024,
};

/* A bpf(2) to ask: the hive's, or the kernel's when there is none. */
struct side {
	const char *name;
	struct skep_hive *hive;
	int value, constants, devmap, cpumap;
	int prog;
};

/* What came out. */
struct result {
	int err;
	uint32_t retval, len;
	uint8_t data[2 * FRAME_MAX + 16384];
	struct __sk_buff skb;
	struct xdp_md xdp;
	uint8_t value[VALUE_SIZE];
};

static uint64_t state;

static uint32_t rnd(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32);
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static bool chance(uint32_t percent)
{
	return below(100) < percent;
}

#define PICK(first, ...)                                                                                               \
	({                                                                                                             \
		const __typeof__(first) a_[] = {first, __VA_ARGS__};                                                   \
		a_[below(ARRAY_SIZE(a_))];                                                                             \
	})

static int sys_bpf(const struct side *s, int cmd, union bpf_attr *attr)
{
	int ret;

	if (s->hive)
		return skep_bpf(s->hive, cmd, attr, sizeof(*attr));
	ret = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	return ret < 0 ? -errno : ret;
}

static int map_new(const struct side *s, uint32_t type, uint32_t value_size, uint32_t n, uint32_t flags)
{
	union bpf_attr attr = {
		.map_type = type, .key_size = 4, .value_size = value_size, .max_entries = n, .map_flags = flags};

	return sys_bpf(s, BPF_MAP_CREATE, &attr);
}

static int map_elem(const struct side *s, int cmd, int fd, uint32_t key, void *value)
{
	union bpf_attr attr = {.map_fd = (uint32_t)fd, .key = (uintptr_t)&key, .value = (uintptr_t)value};

	return sys_bpf(s, cmd, &attr);
}

/* Formats and strings for calls that want constants; the kernel reads them when it verifies. */
static const char *const constants[] = {
	"plain",    "%d",      "%u %x", "%5d|%-6u|%04x", "%ld %lld", "%lu %llx %X", "%i",    "%%",     "%c",
	"%5c|",     "%s",      "%z",    "%pI4",          "%pi4",     "%pI6",        "%pi6",  "%",      "% d",
	"%+d %+ld", "%llu",    "%hd",   "%p4",           "%lc",      "%ll",         "%100d", "%0-5d|", "%q",
	"%20pI4|",  "%pI6|%d", "%s|%d", "%10s|%-9s|",    "%d %s %x", "%pI4,%pi6",   "%pM",   "%+s",    "%pks|%d",
	"%9pks|",   "%pI4x|",
};
enum { CONST_STEP = 16 };
_Static_assert(ARRAY_SIZE(constants) * CONST_STEP <= CONST_SIZE, "all fit");

static int side_open(struct side *s)
{
	char text[CONST_SIZE] = {};
	union bpf_attr freeze = {};

	s->value = map_new(s, BPF_MAP_TYPE_ARRAY, VALUE_SIZE, 1, 0);
	s->constants = map_new(s, BPF_MAP_TYPE_ARRAY, CONST_SIZE, 1, BPF_F_RDONLY_PROG);
	s->devmap = map_new(s, BPF_MAP_TYPE_DEVMAP, 4, 4, 0);
	s->cpumap = map_new(s, BPF_MAP_TYPE_CPUMAP, 4, 4, 0);
	if (s->value < 0 || s->constants < 0 || s->devmap < 0 || s->cpumap < 0)
		return -1;
	for (uint32_t i = 0; i < ARRAY_SIZE(constants); i++)
		snprintf(text + i * CONST_STEP, CONST_STEP, "%s", constants[i]);
	freeze.map_fd = (uint32_t)s->constants;
	return map_elem(s, BPF_MAP_UPDATE_ELEM, s->constants, 0, text) || sys_bpf(s, BPF_MAP_FREEZE, &freeze) ? -1 : 0;
}

/* The program as text. Calls of one program: r6 is the context, r9 the map value; both survive. */
struct text {
	char s[TEXT_MAX];
	size_t len;
	uint32_t n_calls;
	bool cut; /* the frame may be shorter than its headers say */
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->len += (size_t)vsnprintf(t->s + t->len, sizeof(t->s) - t->len, fmt, ap);
	va_end(ap);
}

/* An address in the map value; 64-bit constants beyond an int; a call whose result goes to its word. */
static void say_at(struct text *t, int reg, uint32_t off)
{
	say(t, "r%d = r9\nr%d += %u\n", reg, reg, off);
}

static void say_const(struct text *t, int reg, uint64_t value)
{
	say(t, "r%d = 0x%" PRIx64 " ll\n", reg, value);
}

static void say_call(struct text *t, int id)
{
	say(t, "call helper#%d\n*(u64 *)(r9 +%u) = r0\n", id, RESULTS + 8 * t->n_calls++);
}

/* Places: input that is random, and this call's output. */
static uint32_t input(uint32_t len)
{
	return INPUT + below(OUTPUT - INPUT - len + 1) / 4 * 4;
}

static uint32_t output(const struct text *t)
{
	return OUTPUT + OUT_SIZE * t->n_calls;
}

/* Offsets into a frame: headers mostly, sometimes odd, far or wrong. */
static uint32_t offset(void)
{
	switch (below(12)) {
	case 0:
		return PICK(0xffffu, 0x10000u, 0x7fffffffu, 0x80000000u, 0xffffffffu);
	case 1:
	case 2:
		return below(400);
	case 3:
		return PICK(16u, 24u, 40u, 50u, 56u, 60u);
	default:
		return below(70);
	}
}

/* Flags: those given, in any combination, rarely others. */
static uint64_t flags(uint64_t known)
{
	uint64_t f = ((uint64_t)rnd() << 32 | rnd()) & known;

	if (chance(40))
		f = 0;
	if (chance(6))
		f |= 1ull << below(64);
	return f;
}

static uint16_t protocol(void)
{
	return htons(PICK(ETH_P_IP, ETH_P_IPV6, ETH_P_8021Q, ETH_P_8021AD, ETH_P_ARP, 0x1234));
}

static void op_load_bytes(struct text *t)
{
	say(t, "r1 = r6\nr2 = %d\n", (int32_t)offset());
	say_at(t, 3, output(t));
	say(t, "r4 = %u\n", 1 + below(OUT_SIZE));
	say_call(t, BPF_FUNC_skb_load_bytes);
}

static void op_load_relative(struct text *t)
{
	say(t, "r1 = r6\nr2 = %d\n", (int32_t)offset());
	say_at(t, 3, output(t));
	say(t, "r4 = %u\nr5 = %u\n", 1 + below(OUT_SIZE), chance(90) ? below(2) : 2);
	say_call(t, BPF_FUNC_skb_load_bytes_relative);
}

static void op_store_bytes(struct text *t)
{
	uint32_t len = 1 + below(OUT_SIZE);

	say(t, "r1 = r6\nr2 = %d\n", (int32_t)offset());
	say_at(t, 3, input(len));
	say(t, "r4 = %u\n", len);
	say_const(t, 5, flags(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH));
	say_call(t, BPF_FUNC_skb_store_bytes);
}

static void op_l3_csum(struct text *t)
{
	uint64_t f = chance(85) ? PICK(0u, 2u, 2u, 4u, 4u) : flags(0x1ff);

	say(t, "r1 = r6\nr2 = %d\n", (int32_t)offset());
	say_const(t, 3, f ? rnd() & PICK(0xffffffffu, 0xffffu, 0u) : chance(20));
	say_const(t, 4, rnd() & PICK(0xffffffffu, 0xffffu, 0u));
	say_const(t, 5, f);
	say_call(t, BPF_FUNC_l3_csum_replace);
}

static void op_l4_csum(struct text *t)
{
	uint64_t f = chance(85) ? PICK(0u, 2u, 4u) | (rnd() & 0x70) : flags(0x1ff);

	say(t, "r1 = r6\nr2 = %d\n", (int32_t)offset());
	say_const(t, 3, f & 0xf ? rnd() & PICK(0xffffffffu, 0xffffu, 0u) : chance(20));
	say_const(t, 4, rnd() & PICK(0xffffffffu, 0xffffu, 0u));
	say_const(t, 5, f);
	say_call(t, BPF_FUNC_l4_csum_replace);
}

static void op_csum_diff(struct text *t)
{
	uint32_t a = below(17) * 4, b = below(17) * 4;

	if (chance(10))
		a += below(4);
	if (chance(40))
		*PICK(&a, &b) = 0;
	if (a)
		say_at(t, 1, input(a));
	else
		say(t, "r1 = 0\n");
	say(t, "r2 = %u\n", a);
	if (b)
		say_at(t, 3, input(b));
	else
		say(t, "r3 = 0\n");
	say(t, "r4 = %u\n", b);
	say_const(t, 5, PICK(0u, 0xffffffffu, rnd(), rnd() & 0xffff));
	say_call(t, BPF_FUNC_csum_diff);
}

static void op_csum_update(struct text *t)
{
	say(t, "r1 = r6\nr2 = %u\n", below(65536));
	say_call(t, BPF_FUNC_csum_update);
}

static void op_csum_level(struct text *t)
{
	say(t, "r1 = r6\nr2 = %u\n", below(5));
	say_call(t, BPF_FUNC_csum_level);
}

static void op_pull(struct text *t)
{
	say(t, "r1 = r6\nr2 = %u\n", PICK(0u, 14u, 34u, 54u, below(2000), 100000u));
	say_call(t, BPF_FUNC_skb_pull_data);
}

static void op_change_type(struct text *t)
{
	say(t, "r1 = r6\nr2 = %u\n", below(9));
	say_call(t, BPF_FUNC_skb_change_type);
}

static void op_change_tail(struct text *t)
{
	say(t, "r1 = r6\nr2 = %u\n", PICK(0u, 13u, 14u, below(64), below(400), below(3000), 16064u, 16065u, 70000u));
	say_const(t, 3, chance(95) ? 0 : 1);
	say_call(t, BPF_FUNC_skb_change_tail);
	t->cut = true;
}

static void op_change_head(struct text *t)
{
	say(t, "r1 = r6\nr2 = %d\n", PICK(0, 14, 4, (int)below(64), (int)below(400), 16000, -1, (int)below(4) * 8));
	say_const(t, 3, chance(95) ? 0 : 1);
	say_call(t, BPF_FUNC_skb_change_head);
}

static void op_change_proto(struct text *t)
{
	say(t, "r1 = r6\nr2 = %u\n", protocol());
	say_const(t, 3, chance(95) ? 0 : 1);
	say_call(t, BPF_FUNC_skb_change_proto);
}

static void op_adjust_room(struct text *t)
{
	uint64_t f = 0;

	if (chance(50))
		f = PICK(0x2ull, 0x4ull, 0xaull, 0x12ull, 0x14ull, 0x6ull, 0x1aull, 0x1ull, 0x21ull, 0x80ull, 0x100ull,
			 0x180ull);
	if (chance(20))
		f |= (uint64_t)PICK(8, 14, 18, 255) << 56 | PICK(0x40ull, 0ull);
	if (chance(10))
		f ^= 1ull << below(10);
	say(t, "r1 = r6\nr2 = %d\nr3 = %u\n",
	    PICK(0, 20, 28, 40, 50, -20, -8, -40, (int)below(200) - 100, 4095, 4096, -4096, 5000),
	    chance(8) ? 2
	    : t->cut  ? BPF_ADJ_ROOM_MAC
		      : below(2));
	say_const(t, 4, f);
	say_call(t, BPF_FUNC_skb_adjust_room);
}

static void op_vlan_push(struct text *t)
{
	say(t, "r1 = r6\nr2 = %u\nr3 = %u\n", protocol(), below(65536));
	say_call(t, BPF_FUNC_skb_vlan_push);
}

static void op_vlan_pop(struct text *t)
{
	say(t, "r1 = r6\n");
	say_call(t, BPF_FUNC_skb_vlan_pop);
}

static void op_set_hash(struct text *t)
{
	say(t, "r1 = r6\n");
	say_const(t, 2, rnd());
	say_call(t, BPF_FUNC_set_hash);
}

static void op_hash_invalid(struct text *t)
{
	say(t, "r1 = r6\ncall helper#%d\n", BPF_FUNC_set_hash_invalid);
}

static void op_set_tunnel_key(struct text *t)
{
	uint32_t size = PICK(44u, 44u, 44u, 24u, 28u, 26u, 8u, 16u, 40u);
	uint32_t at = input(64);

	/* A key that is mostly in order: neither label nor extension. */
	if (chance(80))
		say(t, "*(u16 *)(r9 +%u) = 0\n*(u32 *)(r9 +%u) = 0\n", at + 22, at + 24);
	say(t, "r1 = r6\n");
	say_at(t, 2, at);
	say(t, "r3 = %u\n", size);
	say_const(t, 4, flags(0x1f));
	say_call(t, BPF_FUNC_skb_set_tunnel_key);
}

static void op_get_tunnel_key(struct text *t)
{
	say(t, "r1 = r6\n");
	say_at(t, 2, output(t));
	say(t, "r3 = %u\n", PICK(44u, 44u, 44u, 24u, 28u, 26u, 8u, 16u, 40u));
	say_const(t, 4, flags(BPF_F_TUNINFO_IPV6 | 1 << 4));
	say_call(t, BPF_FUNC_skb_get_tunnel_key);
}

static void op_set_tunnel_opt(struct text *t)
{
	uint32_t len = PICK(4u, 8u, 16u, 6u, 64u);

	say(t, "r1 = r6\n");
	say_at(t, 2, input(len));
	say(t, "r3 = %u\n", len);
	say_call(t, BPF_FUNC_skb_set_tunnel_opt);
}

static void op_get_tunnel_opt(struct text *t)
{
	say(t, "r1 = r6\n");
	say_at(t, 2, output(t));
	say(t, "r3 = %u\n", PICK(4u, 8u, 16u, 6u, 64u));
	say_call(t, BPF_FUNC_skb_get_tunnel_opt);
}

static void op_ecn(struct text *t)
{
	say(t, "r1 = r6\n");
	say_call(t, BPF_FUNC_skb_ecn_set_ce);
}

static void op_tstamp(struct text *t)
{
	say(t, "r1 = r6\n");
	say_const(t, 2, PICK(0ull, 1ull, 1ull << 40));
	say(t, "r3 = %u\n", below(4));
	say_call(t, BPF_FUNC_skb_set_tstamp);
}

static void op_realm(struct text *t)
{
	say(t, "r1 = r6\n");
	say_call(t, BPF_FUNC_get_route_realm);
}

static void op_classid(struct text *t)
{
	say(t, "r1 = r6\n");
	say_call(t, BPF_FUNC_get_cgroup_classid);
}

static void op_redirect(struct text *t)
{
	say(t, "r1 = %u\n", 1 + below(3));
	say_const(t, 2, PICK(0ull, 1ull, 2ull, 1ull << 32, 8ull));
	say_call(t, BPF_FUNC_redirect);
}

static void op_redirect_neigh(struct text *t)
{
	say(t, "r1 = 1\n");
	if (chance(50))
		say_at(t, 2, input(32));
	else
		say(t, "r2 = 0\n");
	say(t, "r3 = %u\n", t->s[t->len - 2] == '0' ? 0 : PICK(20u, 8u, 24u, 32u));
	say_const(t, 4, chance(80) ? 0 : 1);
	say_call(t, BPF_FUNC_redirect_neigh);
}

static void op_redirect_peer(struct text *t)
{
	say(t, "r1 = 1\n");
	say_const(t, 2, chance(80) ? 0 : 1);
	say_call(t, BPF_FUNC_redirect_peer);
}

static void op_ctx(struct text *t)
{
	static const uint16_t writable[] = {offsetof(struct __sk_buff, mark), offsetof(struct __sk_buff, priority)};

	if (chance(50))
		say(t, "*(u32 *)(r6 +%u) = %u\n", writable[below(ARRAY_SIZE(writable))], rnd() >> 1);
	else
		say(t, "*(u32 *)(r6 +%zu) = %u\n", offsetof(struct __sk_buff, cb) + 4 * below(5), rnd() >> 1);
}

static void op_number(struct text *t)
{
	static const char *const numbers[] = {"123",
					      "-45 ",
					      " 77",
					      "0x1f",
					      "017",
					      "08",
					      "- 5",
					      "+5",
					      "99999999999999999999",
					      "abc",
					      "-0x10",
					      "0x",
					      "\t\n 12",
					      "-",
					      "0",
					      "1_000",
					      "0xfg",
					      "-9223372036854775808",
					      "9223372036854775808",
					      "0X1F",
					      "ffff",
					      "  ",
					      "00",
					      "0b1",
					      "--1",
					      "-+1"};
	const char *s = numbers[below(ARRAY_SIZE(numbers))];
	uint32_t at = input(32);

	for (uint32_t i = 0; i < 24; i++)
		say(t, "*(u8 *)(r9 +%u) = %d\n", at + i, i < strlen(s) ? s[i] : 0);
	say_at(t, 1, at);
	say(t, "r2 = %u\n", chance(70) ? 24 : 1 + below(23));
	say_const(t, 3, PICK(0ull, 8ull, 10ull, 16ull, 0ull, 2ull, 32ull, 10ull));
	say_at(t, 4, output(t));
	say_call(t, PICK(BPF_FUNC_strtol, BPF_FUNC_strtoul));
}

static void op_strncmp(struct text *t)
{
	uint32_t which = below(ARRAY_SIZE(constants)), at = input(32);
	const char *s = constants[chance(60) ? which : below(ARRAY_SIZE(constants))];

	for (uint32_t i = 0; i < 16; i++)
		say(t, "*(u8 *)(r9 +%u) = %d\n", at + i, i < strlen(s) ? s[i] : chance(90) ? 0 : 'a');
	say_at(t, 1, at);
	say(t, "r2 = %u\nr3 = 0x7e57000%02x ll\n", 1 + below(16), which);
	say_call(t, BPF_FUNC_strncmp);
}

static void op_snprintf(struct text *t)
{
	uint32_t which = below(ARRAY_SIZE(constants)), len = below(4) * 8, at = INPUT + 8 * below(16);
	const char *fmt = constants[which];

	uint32_t string = OUTPUT - 32;
	const bool follows = strpbrk(fmt, "sp");

	/*
	 * Pointers, where the format follows one: NULL, or into the value, where a string ends. They are addresses, so
	 * nothing of them stays behind.
	 */
	if (follows) {
		say(t, "*(u8 *)(r9 +%u) = 0\n", string + below(32));
		say(t, "*(u8 *)(r9 +%u) = 0\n", OUTPUT - 1);
		for (uint32_t i = 0; i < 3 && fmt; i++) {
			fmt = strchr(fmt, '%');
			if (!fmt)
				break;
			fmt += strcspn(fmt, "diuxXspcqz");
			if (chance(80) && (*fmt == 's' || *fmt == 'p'))
				say_at(t, 1, string + below(16));
			else
				say(t, "r1 = 0\n");
			say(t, "*(u64 *)(r9 +%u) = r1\n", at + 8 * i);
		}
	}
	if (chance(70))
		len = 24;
	say_at(t, 1, output(t));
	/* No room at all: the kernel then takes an address's text for the arguments that follow. */
	say(t, "r2 = %u\nr3 = 0x7e57000%02x ll\n",
	    strchr(constants[which], 'p') ? 1 + below(OUT_SIZE) : below(OUT_SIZE + 1), which);
	say_at(t, 4, at);
	say(t, "r5 = %u\n", len);
	say_call(t, BPF_FUNC_snprintf);
	for (uint32_t i = 0; follows && i < 3; i++)
		say(t, "*(u64 *)(r9 +%u) = 0\n", at + 8 * i);
}

static void op_probe_null(struct text *t)
{
	say_at(t, 1, output(t));
	say(t, "r2 = %u\nr3 = %u\n", below(OUT_SIZE), below(64));
	say_call(t, PICK(BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read_kernel_str, BPF_FUNC_probe_read_user,
			 BPF_FUNC_probe_read_user_str));
}

static void op_xdp_head(struct text *t)
{
	say(t, "r1 = r6\nr2 = %d\n",
	    PICK(0, 14, -14, 4, -4, (int)below(400) - 200, -216, -217, -256, (int)below(3000)));
	say_call(t, BPF_FUNC_xdp_adjust_head);
}

static void op_xdp_tail(struct text *t)
{
	say(t, "r1 = r6\nr2 = %d\n", PICK(0, 14, -14, 4, (int)below(400) - 200, (int)below(6000) - 2000));
	say_call(t, BPF_FUNC_xdp_adjust_tail);
}

static void op_xdp_meta(struct text *t)
{
	say(t, "r1 = r6\nr2 = %d\n", PICK(0, 4, -4, -8, -32, -252, -256, -5, (int)below(80) - 60));
	say_call(t, BPF_FUNC_xdp_adjust_meta);
}

static void op_xdp_len(struct text *t)
{
	say(t, "r1 = r6\n");
	say_call(t, BPF_FUNC_xdp_get_buff_len);
}

static void op_xdp_bytes(struct text *t)
{
	bool store = chance(50);
	uint32_t len = 1 + below(OUT_SIZE);

	say(t, "r1 = r6\nr2 = %d\n", (int32_t)offset());
	say_at(t, 3, store ? input(len) : output(t));
	say(t, "r4 = %u\n", len);
	say_call(t, store ? BPF_FUNC_xdp_store_bytes : BPF_FUNC_xdp_load_bytes);
}

static void op_redirect_map(struct text *t)
{
	say(t, "r1 = 0x7e57100%02x ll\nr2 = %u\n", below(2), below(6));
	say_const(t, 3, PICK(0ull, 1ull, 2ull, 3ull, 4ull, 8ull, 16ull, 24ull, 1ull << 40));
	say_call(t, BPF_FUNC_redirect_map);
}

/* Which programs may make a call: bits. */
enum { SF = 1, TC = 2, CG = 4, XDP = 8, LWT = 16, SKB = SF | TC | CG | LWT, ANY = SKB | XDP };

static const struct op {
	void (*say)(struct text *t);
	uint32_t types;
} ops[] = {
	{op_load_bytes, SKB},
	{op_load_relative, SF | TC | CG},
	{op_store_bytes, TC | LWT},
	{op_l3_csum, TC | LWT},
	{op_l4_csum, TC | LWT},
	{op_csum_diff, TC | LWT | XDP},
	{op_csum_update, TC | LWT},
	{op_csum_level, TC | LWT},
	{op_pull, TC | LWT},
	{op_change_type, TC},
	{op_change_tail, TC | LWT},
	{op_change_head, TC | LWT},
	{op_change_proto, TC},
	{op_adjust_room, TC},
	{op_adjust_room, TC},
	{op_vlan_push, TC},
	{op_vlan_pop, TC},
	{op_set_hash, TC},
	{op_hash_invalid, TC | LWT},
	{op_set_tunnel_key, TC | LWT},
	{op_get_tunnel_key, TC | LWT},
	{op_set_tunnel_opt, TC | LWT},
	{op_get_tunnel_opt, TC | LWT},
	{op_ecn, TC | CG},
	{op_tstamp, TC},
	{op_realm, TC | LWT},
	{op_classid, TC | LWT | CG},
	{op_redirect, TC | LWT | XDP},
	{op_redirect_neigh, TC},
	{op_redirect_peer, TC},
	{op_ctx, TC | LWT},
	{op_number, ANY},
	{op_strncmp, ANY},
	{op_snprintf, ANY},
	{op_probe_null, ANY},
	{op_xdp_head, XDP},
	{op_xdp_tail, XDP},
	{op_xdp_meta, XDP},
	{op_xdp_len, XDP},
	{op_xdp_bytes, XDP},
	{op_redirect_map, XDP},
};

static const struct kind {
	uint32_t bit, type, attach;
} kinds[] = {
	{SF, BPF_PROG_TYPE_SOCKET_FILTER, 0},
	{TC, BPF_PROG_TYPE_SCHED_CLS, 0},
	{TC, BPF_PROG_TYPE_SCHED_CLS, 0},
	{TC, BPF_PROG_TYPE_SCHED_ACT, 0},
	{CG, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS},
	{XDP, BPF_PROG_TYPE_XDP, 0},
	{XDP, BPF_PROG_TYPE_XDP, 0},
	{LWT, BPF_PROG_TYPE_LWT_XMIT, 0},
};

/* The context's fields that follow from the frame. */
static void say_fields(struct text *t, const struct kind *k)
{
	static const uint16_t fields[] = {
		offsetof(struct __sk_buff, len),          offsetof(struct __sk_buff, protocol),
		offsetof(struct __sk_buff, vlan_present), offsetof(struct __sk_buff, vlan_tci),
		offsetof(struct __sk_buff, vlan_proto),   offsetof(struct __sk_buff, pkt_type),
		offsetof(struct __sk_buff, hash),         offsetof(struct __sk_buff, gso_size),
	};

	if (k->bit == XDP) {
		say(t,
		    "r1 = *(u32 *)(r6 +0)\nr2 = *(u32 *)(r6 +4)\nr3 = *(u32 *)(r6 +8)\n"
		    "r2 -= r1\nr1 -= r3\n*(u64 *)(r9 +%u) = r2\n*(u64 *)(r9 +%u) = r1\n",
		    RESULTS + FIELDS, RESULTS + FIELDS + 8);
		return;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(fields); i++)
		say(t, "r1 = *(u32 *)(r6 +%u)\n*(u32 *)(r9 +%u) = r1\n", fields[i], RESULTS + FIELDS + 4 * i);
}

static void make_program(struct text *t, const struct kind *k)
{
	uint32_t n = chance(40) ? 1 : 1 + below(MAX_CALLS);

	t->len = t->n_calls = 0;
	t->cut = false;
	say(t, "r6 = r1\nr9 = 0x7e570000ff ll\n");
	while (n) {
		const struct op *op = &ops[below(ARRAY_SIZE(ops))];

		if (!(op->types & k->bit))
			continue;
		op->say(t);
		n--;
	}
	say_fields(t, k);
	if (t->n_calls && chance(50))
		say(t, "r0 = *(u64 *)(r9 +%u)\n", RESULTS);
	else
		say(t, "r0 = %u\n", below(4));
	if (k->bit != XDP)
		say(t, "r0 &= 1\n");
	say(t, "exit\n");
}

/* resolve - marked constants become maps and addresses in them. */
static void resolve(const struct side *s, struct bpf_insn *insns, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n; i++) {
		uint64_t v = (uint32_t)insns[i].imm | (uint64_t)(uint32_t)insns[i + 1].imm << 32;

		if (insns[i].code != (BPF_LD | BPF_DW | BPF_IMM))
			continue;
		i++;
		if (v == 0x7e570000ff) {
			insns[i - 1].src_reg = BPF_PSEUDO_MAP_VALUE;
			insns[i - 1].imm = s->value;
			insns[i].imm = 0;
		} else if (v >> 8 == 0x7e57000) {
			insns[i - 1].src_reg = BPF_PSEUDO_MAP_VALUE;
			insns[i - 1].imm = s->constants;
			insns[i].imm = (int32_t)(v & 0xff) * CONST_STEP;
		} else if (v >> 8 == 0x7e57100) {
			insns[i - 1].src_reg = BPF_PSEUDO_MAP_FD;
			insns[i - 1].imm = v & 1 ? s->cpumap : s->devmap;
			insns[i].imm = 0;
		}
	}
}

static char verifier_log[1 << 16];

static int load(struct side *s, const struct kind *k, const struct bpf_insn *insns, uint32_t n)
{
	AUTO_FREE struct bpf_insn *copy = malloc(n * sizeof(*copy));
	union bpf_attr attr = {.prog_type = k->type, .expected_attach_type = k->attach, .insn_cnt = n};

	memcpy(copy, insns, n * sizeof(*copy));
	resolve(s, copy, n);
	attr.insns = (uintptr_t)copy;
	attr.license = (uintptr_t) "GPL";
	attr.log_level = 1;
	attr.log_buf = (uintptr_t)verifier_log;
	attr.log_size = sizeof(verifier_log);
	verifier_log[0] = 0;
	s->prog = sys_bpf(s, BPF_PROG_LOAD, &attr);
	return s->prog < 0 ? s->prog : 0;
}

/* A frame: headers that mostly fit together, of any length. */
static uint32_t make_frame(uint8_t *f)
{
	uint32_t len = chance(80) ? 14 + below(150) : chance(80) ? 14 + below(1600) : 14 + below(3000);
	uint32_t at = 12;
	uint16_t proto;

	for (uint32_t i = 0; i < FRAME_MAX; i++)
		f[i] = (uint8_t)(chance(20) ? 0 : rnd());
	if (chance(30))
		memset(f, PICK(0, 255), 6);
	for (uint32_t tags = chance(30) ? 1 + below(3) : 0; tags; tags--, at += 4) {
		proto = htons(PICK(ETH_P_8021Q, ETH_P_8021AD));
		memcpy(f + at, &proto, 2);
	}
	proto = chance(90) ? htons(PICK(ETH_P_IP, ETH_P_IPV6, ETH_P_IP, ETH_P_IPV6, ETH_P_ARP)) : (uint16_t)rnd();
	memcpy(f + at, &proto, 2);
	at += 2;
	if (proto == htons(ETH_P_IP)) {
		f[at] = chance(95) ? 0x45 : (uint8_t)rnd();
		f[at + 9] = (uint8_t)PICK(6, 17, 1, 47);
	} else if (proto == htons(ETH_P_IPV6)) {
		f[at] = (uint8_t)(0x60 | (rnd() & 15));
		f[at + 6] = (uint8_t)PICK(6, 17, 58, 0);
	}
	/* A test run of the kernel refuses a frame that says IP and has no room for its header: not the helpers' affair. */
	if (proto == htons(ETH_P_IP) || proto == htons(ETH_P_IPV6))
		len = MAX(len, at + 40);
	return len;
}

/* A context to begin with: only the fields that the kernel takes. */
static void make_ctx(struct __sk_buff *skb, uint32_t len)
{
	memset(skb, 0, sizeof(*skb));
	skb->mark = rnd();
	skb->priority = rnd();
	for (uint32_t i = 0; i < 5; i++)
		skb->cb[i] = rnd();
	skb->tstamp = chance(50) ? 0 : rnd();
	if (chance(10)) {
		skb->gso_size = 1 + below(100);
		skb->gso_segs = below(10);
		skb->wire_len = len + below(100);
	}
}

static void run(const struct side *s, const struct kind *k, const uint8_t *frame, uint32_t len, const void *ctx,
		uint32_t ctx_len, const uint8_t *value, struct result *r)
{
	union bpf_attr attr = {};
	uint8_t copy[VALUE_SIZE];

	memset(r, 0, sizeof(*r));
	memcpy(copy, value, sizeof(copy));
	if (map_elem(s, BPF_MAP_UPDATE_ELEM, s->value, 0, copy)) {
		r->err = -1;
		return;
	}
	attr.test.prog_fd = (uint32_t)s->prog;
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = len;
	attr.test.data_out = (uintptr_t)r->data;
	attr.test.data_size_out = sizeof(r->data);
	if (ctx_len) {
		attr.test.ctx_in = (uintptr_t)ctx;
		attr.test.ctx_size_in = ctx_len;
		attr.test.ctx_out = k->bit == XDP ? (uintptr_t)&r->xdp : (uintptr_t)&r->skb;
		attr.test.ctx_size_out = ctx_len;
	}
	r->err = sys_bpf(s, BPF_PROG_TEST_RUN, &attr);
	r->retval = attr.test.retval;
	r->len = attr.test.data_size_out;
	map_elem(s, BPF_MAP_LOOKUP_ELEM, s->value, 0, r->value);
}

static void show_bytes(const char *what, const uint8_t *a, const uint8_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i] != b[i]) {
			printf("  %s differs from byte %u: hive", what, i);
			for (uint32_t j = i & ~7u; j < MIN((i & ~7u) + 24, n); j++)
				printf(" %02x", a[j]);
			printf(", kernel");
			for (uint32_t j = i & ~7u; j < MIN((i & ~7u) + 24, n); j++)
				printf(" %02x", b[j]);
			printf("\n");
			return;
		}
}

static bool same(const struct result *a, const struct result *b)
{
	return a->err == b->err && a->retval == b->retval && a->len == b->len &&
	       !memcmp(a->data, b->data, sizeof(a->data)) && !memcmp(&a->skb, &b->skb, sizeof(a->skb)) &&
	       !memcmp(&a->xdp, &b->xdp, sizeof(a->xdp)) && !memcmp(a->value, b->value, sizeof(a->value));
}

static void show(const struct text *t, const struct kind *k, const uint8_t *frame, uint32_t len, const struct result *a,
		 const struct result *b)
{
	printf("program type %u, frame of %u:", k->type, len);
	for (uint32_t i = 0; i < MIN(len, 40u); i++)
		printf(" %02x", frame[i]);
	printf("\n%s", t->s);
	printf("  hive: %d, retval %u, %u bytes; kernel: %d, retval %u, %u bytes\n", a->err, a->retval, a->len, b->err,
	       b->retval, b->len);
	show_bytes("frame", a->data, b->data, MIN(a->len, b->len));
	show_bytes("skb", (const uint8_t *)&a->skb, (const uint8_t *)&b->skb, sizeof(a->skb));
	show_bytes("xdp", (const uint8_t *)&a->xdp, (const uint8_t *)&b->xdp, sizeof(a->xdp));
	show_bytes("value", a->value, b->value, sizeof(a->value));
}

/* One program over a few frames. Return: whether all agreed; counts what was compared. */
static bool try_program(struct side *hive, struct side *kernel, uint32_t *compared)
{
	static struct text text;
	static struct result a, b;
	const struct kind *k = &kinds[below(ARRAY_SIZE(kinds))];
	AUTO_FREE struct bpf_insn *insns = NULL;
	struct insn_asm_error error = {};
	uint32_t n = 0;
	bool ok = true;
	int err;

	make_program(&text, k);
	if (insn_asm(text.s, text.len, NULL, &insns, &n, &error)) {
		printf("%s\nline %u: %s\n", text.s, error.line, error.message);
		return false;
	}
	err = load(kernel, k, insns, n);
	if (err) {
		/* A format that the kernel refuses when it verifies: nothing to compare. */
		if (strstr(verifier_log, "Invalid format string"))
			return true;
		printf("%s\nthe kernel refuses the program (%d): %s\n", text.s, err, verifier_log);
		return false;
	}
	err = load(hive, k, insns, n);
	if (err) {
		printf("%s\nthe hive refuses the program (%d): %s\n", text.s, err, verifier_log);
		close(kernel->prog);
		return false;
	}
	for (int i = 0; i < 4 && ok; i++) {
		uint8_t frame[FRAME_MAX], value[VALUE_SIZE];
		uint32_t len = make_frame(frame);
		struct __sk_buff skb;
		struct xdp_md xdp = {};

		for (uint32_t j = 0; j < sizeof(value); j++)
			value[j] = (uint8_t)(chance(10) ? (uint32_t)PICK(0, 255) : rnd());
		make_ctx(&skb, k->bit & (CG | SF | LWT) ? len : len);
		xdp.data_end = len;
		xdp.data = chance(30) ? 4 * below(MIN(len - 14, 100u) / 4 + 1) : 0;
		if (xdp.data && len < xdp.data + 14)
			xdp.data = 0;
		run(hive, k, frame, len, k->bit == XDP ? (void *)&xdp : &skb, k->bit == XDP ? sizeof(xdp) : sizeof(skb),
		    value, &a);
		run(kernel, k, frame, len, k->bit == XDP ? (void *)&xdp : &skb,
		    k->bit == XDP ? sizeof(xdp) : sizeof(skb), value, &b);
		++*compared;
		ok = same(&a, &b);
		if (!ok)
			show(&text, k, frame, len, &a, &b);
	}
	close(kernel->prog);
	close(hive->prog);
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint32_t runs = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 4000, wrong = 0, compared = 0;
	struct side kernel = {.name = "kernel"};
	struct utsname u;

	uname(&u);
	if (side_open(&kernel)) {
		printf("skipped: bpf(2) is refused\n");
		return SKIP;
	}
	if (strncmp(u.release, "6.18.", 5)) {
		printf("skipped: results are those of Linux 6.18, this is %s\n", u.release);
		return SKIP;
	}
	for (uint32_t mode = 0; mode < 2; mode++) {
		struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = (mode ? SKEP_INTERPRET : 0));
		struct side hive = {.name = "hive"};

		if (skep_hive_new(&opts, &hive.hive) || side_open(&hive)) {
			printf("no hive\n");
			return 1;
		}
		for (uint32_t i = 0; i < runs / 2 && wrong < 5; i++) {
			state = (seed + (uint64_t)i * 2 + mode) * 0x9e3779b97f4a7c15u | 1;
			rnd();
			if (!try_program(&hive, &kernel, &compared)) {
				printf("^ repeat with: against-kernel %" PRIu64 " 2\n\n",
				       seed + (uint64_t)i * 2 + mode);
				wrong++;
			}
		}
		close(hive.value);
		close(hive.constants);
		close(hive.devmap);
		close(hive.cpumap);
		skep_hive_free(hive.hive);
	}
	printf("%u test runs compared, %u programs differ\n", compared, wrong);
	return wrong != 0;
}
