/* SPDX-License-Identifier: BSD-2-Clause */
/* CO-RE: an object's types, however they are laid out, become those of the BTF that the hive presents. */
#include "util.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <string.h>

/* As in core.bpf.c. */
struct core_out {
	uint32_t off_pid, off_start_time, off_args3, off_euid;
	uint32_t size_comm, size_start_time, size_pid;
	uint32_t exists_pid, exists_absent, exists_in_absent;
	uint32_t signed_pid, signed_flags;
	uint32_t type_task, type_absent, type_pid_t;
	uint32_t type_size_xdp_md, type_size_absent;
	uint32_t type_id_task, type_id_local;
	uint32_t enum_hash, enum_array, enum_hash_exists, enum_absent_exists;
	uint32_t matches_same, matches_other, has_matches;
};

/* The offset in bytes of a member in the presented BTF, looking into unnamed members; -1 when there is none. */
static int member_offset(const struct btf *btf, uint32_t id, const char *name)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		int base = (int)btf_member_bit_offset(t, i) / 8;
		const struct btf_type *inner = btf__type_by_id(btf, m->type);

		if (!strcmp(btf__name_by_offset(btf, m->name_off), name))
			return base;
		if (!m->name_off && btf_is_composite(inner)) {
			int off = member_offset(btf, m->type, name);

			if (off >= 0)
				return base + off;
		}
	}
	return -1;
}

static struct btf *presented(void)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		fail_msg("no BTF is presented: %s", strerror(errno));
	return btf;
}

static uint32_t offset_in(const struct btf *btf, const char *type, const char *member)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	int off = id < 0 ? -1 : member_offset(btf, (uint32_t)id, member);

	if (off < 0)
		fail_msg("%s has no member %s", type, member);
	return (uint32_t)off;
}

static void every_kind_of_relocation_says_what_the_btf_says(void **state)
{
	struct bpf_object *obj = load_object("core");
	struct btf *btf = presented();
	const struct btf *local = bpf_object__btf(obj);
	struct core_out out;

	assert_int_equal(run_ctx(obj, "infos", NULL, 0), 0);
	read_section(obj, "bss", &out, sizeof(out));
	assert_int_equal(out.off_pid, offset_in(btf, "task_struct", "pid"));
	assert_int_equal(out.off_start_time, offset_in(btf, "task_struct", "start_time"));
	assert_int_equal(out.off_args3, offset_in(btf, "trace_event_raw_sys_enter", "args") + 24);
	assert_int_equal(out.off_euid, offset_in(btf, "cred", "euid"));
	assert_int_equal(out.size_comm, 16);
	assert_int_equal(out.size_start_time, 8);
	assert_int_equal(out.size_pid, 4);
	assert_int_equal(out.exists_pid, 1);
	assert_int_equal(out.exists_absent, 0);
	assert_int_equal(out.exists_in_absent, 0);
	assert_int_equal(out.signed_pid, 1);
	assert_int_equal(out.signed_flags, 0);
	assert_int_equal(out.type_task, 1);
	assert_int_equal(out.type_absent, 0);
	assert_int_equal(out.type_pid_t, 1);
	assert_int_equal(out.type_size_xdp_md, sizeof(struct xdp_md));
	assert_int_equal(out.type_size_absent, 0);
	assert_int_equal(out.type_id_task, btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT));
	assert_int_equal(out.type_id_local, btf__find_by_name_kind(local, "task_struct___mine", BTF_KIND_STRUCT));
	assert_int_equal(out.enum_hash, BPF_MAP_TYPE_HASH);
	assert_int_equal(out.enum_array, BPF_MAP_TYPE_ARRAY);
	assert_int_equal(out.enum_hash_exists, 1);
	assert_int_equal(out.enum_absent_exists, 0);
	/* clang 14 cannot ask whether types match. */
	if (out.has_matches) {
		assert_int_equal(out.matches_same, 1);
		assert_int_equal(out.matches_other, 0);
	}
	btf__free(btf);
	bpf_object__close(obj);
}

static void accesses_go_where_the_field_is(void **state)
{
	struct bpf_object *obj = load_object("core");
	struct btf *btf = presented();
	uint32_t pid = offset_in(btf, "task_struct", "pid");
	uint32_t tgid = offset_in(btf, "task_struct", "tgid");
	uint32_t comm = offset_in(btf, "task_struct", "comm");
	uint32_t start = offset_in(btf, "task_struct", "start_time");
	static uint8_t task[16384];
	int32_t v = 21;
	uint64_t t;

	memset(task, 0xee, sizeof(task));
	memcpy(task + pid, &v, 4);
	v = 5;
	memcpy(task + tgid, &v, 4);
	memcpy(task + comm, "skep", 5);
	t = 1;
	memcpy(task + start, &t, 8);
	assert_int_equal(run_ctx(obj, "read_task", task, sizeof(task)), 21005 + 'e');
	assert_int_equal(run_ctx(obj, "write_task", task, sizeof(task)), 0);
	memcpy(&v, task + pid, 4);
	memcpy(&t, task + start, 8);
	assert_int_equal(v, -3);
	assert_true(t == 0x100000002);
	btf__free(btf);
	bpf_object__close(obj);
}

static void bit_fields_are_found_and_extracted(void **state)
{
	struct bpf_object *obj = load_object("core");
	union {
		uint8_t bytes[40];
		struct iphdr ip;
		struct tcphdr tcp;
	} h = {.ip = {.version = 4, .ihl = 5, .ttl = 63, .tos = 0xff, .protocol = 0xff}};

	assert_int_equal(run_ctx(obj, "read_bits", &h, sizeof(h)), 40563);
	memset(&h, 0, sizeof(h));
	h.tcp = (struct tcphdr){.doff = 11, .syn = 1, .ack = 1, .psh = 1};
	assert_int_equal(run_ctx(obj, "read_flags", &h, sizeof(h)), 1011);
	h.tcp.syn = 0;
	h.tcp.fin = 1;
	assert_int_equal(run_ctx(obj, "read_flags", &h, sizeof(h)), 111);
	bpf_object__close(obj);
}

static void a_field_that_is_narrower_is_read_as_it_is(void **state)
{
	struct bpf_object *obj = load_object("core");
	struct xdp_md md;

	memset(&md, 0xff, sizeof(md));
	md.data_end = 0x80000001;
	md.rx_queue_index = 0xfffffff0;
	assert_int_equal(run_ctx(obj, "read_narrow", &md, sizeof(md)), 1);
	bpf_object__close(obj);
}

static void what_does_not_exist_may_stand_in_dead_code(void **state)
{
	struct bpf_object *obj = load_object("core");
	static uint8_t task[16384];

	assert_int_equal(run_ctx(obj, "guarded", task, sizeof(task)), 8);
	bpf_object__close(obj);
}

static void what_does_not_exist_is_refused_where_a_path_reaches_it(void **state)
{
	struct bpf_object *obj = open_object("poison");

	assert_int_equal(bpf_object__load(obj), -EINVAL);
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LOADED_TEST(every_kind_of_relocation_says_what_the_btf_says),
		LOADED_TEST(accesses_go_where_the_field_is),
		LOADED_TEST(bit_fields_are_found_and_extracted),
		LOADED_TEST(a_field_that_is_narrower_is_read_as_it_is),
		LOADED_TEST(what_does_not_exist_may_stand_in_dead_code),
		LOADED_TEST(what_does_not_exist_is_refused_where_a_path_reaches_it),
	};

	return test_main(argc, argv, tests, ARRAY_SIZE(tests), "core");
}
