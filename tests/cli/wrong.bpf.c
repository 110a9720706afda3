/* SPDX-License-Identifier: BSD-2-Clause */
/* The mistakes that people make and what is hard to show, one for each macro; what skep says of each is tested. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#if defined(SOCKHASH)
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} tested SEC(".maps");
#elif defined(EXTERN_MAP)
extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
} tested SEC(".maps");
#elif defined(RING)
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} tested SEC(".maps");
#else
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
#ifdef NO_ENTRIES
	__uint(max_entries, 0);
#else
	__uint(max_entries, 4);
#endif
	__type(key, __u32);
#ifdef LONG_LIST
	__type(
		value, struct { __u32 list[1000]; });
#else
	__type(value, __u32);
#endif
} tested SEC(".maps");
#endif

struct task_struct {
	int no_such_field;
} __attribute__((preserve_access_index));

extern int bpf_no_such_kfunc(void *ctx) __ksym;

#ifdef FENTRY
SEC("fentry/no_such_function")
#elif defined(KPROBE)
SEC("kprobe/do_sys_open")
#else
SEC("xdp")
#endif
int wrong(void *ctx)
{
	__u32 key __attribute__((unused)) = 0;

#if defined(KFUNC)
	return bpf_no_such_kfunc(ctx);
#elif defined(CORE)
	return ((struct task_struct *)ctx)->no_such_field;
#elif defined(RING)
	__u64 event = 1;

	return bpf_ringbuf_output(&tested, &event, sizeof(event), 0) ? XDP_DROP : XDP_PASS;
#else
	return bpf_map_lookup_elem(&tested, &key) ? XDP_DROP : XDP_PASS;
#endif
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
