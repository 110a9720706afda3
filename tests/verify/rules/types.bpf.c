/* SPDX-License-Identifier: BSD-2-Clause */
/* The BTF of the cases: types of map values and objects, and functions as they are declared. No code of it runs. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define __tag(x)         __attribute__((btf_decl_tag(x)))
#define __contains(s, f) __attribute__((btf_decl_tag("contains:" #s ":" #f)))
#define USED             __attribute__((used))
#define GLOBAL           __attribute__((noinline))

/* Special fields, as the kernel's headers have them. */
struct bpf_spin_lock {
	u32 val;
};
struct bpf_res_spin_lock {
	u32 val;
};
struct bpf_timer {
	u64 __opaque[2];
} __attribute__((aligned(8)));
struct bpf_wq {
	u64 __opaque[2];
} __attribute__((aligned(8)));
struct bpf_task_work {
	u64 __opaque;
} __attribute__((aligned(8)));
struct bpf_list_head {
	u64 __opaque[2];
} __attribute__((aligned(8)));
struct bpf_list_node {
	u64 __opaque[3];
} __attribute__((aligned(8)));
struct bpf_rb_root {
	u64 __opaque[2];
} __attribute__((aligned(8)));
struct bpf_rb_node {
	u64 __opaque[4];
} __attribute__((aligned(8)));
struct bpf_refcount {
	u32 __opaque[1];
} __attribute__((aligned(4)));
struct bpf_dynptr {
	u64 __opaque[2];
} __attribute__((aligned(8)));

/* Types of the kernel, by name. */
struct task_struct {
	int pid;
};
struct cgroup {
	int level;
};
struct __sk_buff {
	u32 len;
};
struct xdp_md {
	u32 data;
};
struct no_such_struct {
	u64 a;
};
struct task_struct___flavour {
	int pid;
};

/* Values and objects. */
struct plain {
	u64 a, b;
};
struct lock_value {
	struct bpf_spin_lock lock;
	u32 n;
	u64 data;
};
struct res_value {
	struct bpf_res_spin_lock lock;
	u32 n;
	u64 data;
};
struct timer_value {
	u64 data;
	struct bpf_timer timer;
};
struct wq_value {
	u64 data;
	struct bpf_wq wq;
};
struct tw_value {
	u64 data;
	struct bpf_task_work tw;
};
struct small {
	u64 x;
	u32 y;
};
struct big {
	u64 x[65];
};
struct with_ptr {
	u64 x;
	void *p;
};
struct node {
	u64 key;
	struct bpf_list_node list;
	struct bpf_rb_node tree;
	struct bpf_refcount ref;
};
struct other_node {
	struct bpf_list_node list;
	u64 key;
};
struct tree_node {
	u64 key;
	struct bpf_rb_node tree;
};
struct tree_node2 {
	u64 key;
	struct bpf_rb_node tree;
};
struct own_list {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(other_node, list);
};
struct list_value {
	struct bpf_spin_lock lock;
	u32 n;
	struct bpf_list_head head __contains(node, list);
};
struct other_list_value {
	struct bpf_spin_lock lock;
	u32 n;
	struct bpf_list_head head __contains(other_node, list);
};
struct tree_value {
	struct bpf_spin_lock lock;
	u32 n;
	struct bpf_rb_root root __contains(node, tree);
};
struct tree2_value {
	struct bpf_spin_lock lock;
	u32 n;
	struct bpf_rb_root root __contains(tree_node, tree);
};
struct two_nodes {
	u64 key;
	struct bpf_list_node a, b;
};
struct two_nodes_value {
	struct bpf_spin_lock lock;
	u32 n;
	struct bpf_list_head head __contains(two_nodes, a);
};
struct empty {
};
union u {
	u64 a;
	u32 b;
};

/* Structs in structs: four are few enough for an object for each CPU. */
struct in_one {
	u64 v;
};
struct in_two {
	struct in_one in;
};
struct in_three {
	struct in_two in;
};
struct in_four {
	struct in_three in;
};
struct in_five {
	struct in_four in;
};

struct bits {
	u32 low : 12;
	u32 high : 20;
};

struct all {
	struct plain a;
	struct lock_value b;
	struct res_value c;
	struct timer_value d;
	struct wq_value e;
	struct tw_value f;
	struct small g;
	struct big h;
	struct with_ptr i;
	struct node l;
	struct other_node m;
	struct tree_node n;
	struct tree_node2 n2;
	struct own_list n3;
	struct list_value o;
	struct other_list_value p;
	struct tree_value q;
	struct tree2_value r;
	struct task_struct s;
	struct cgroup t;
	u8 u;
	u32 v;
	union u w;
	struct two_nodes x;
	struct two_nodes_value y;
	struct in_five z;
	struct bits z2;
};
USED static int keep(struct all *a)
{
	return 0;
}

/* Main functions, and static ones. */
GLOBAL int main_prog(void *ctx)
{
	return 0;
}
GLOBAL __tag("exception_callback:throw_cb") int main_throws(void *ctx)
{
	return 0;
}
GLOBAL __tag("exception_callback:throw_cb") __tag("exception_callback:g_int") int main_throws_twice(void *ctx)
{
	return 0;
}
GLOBAL __tag("exception_callback:nobody") int main_throws_nobody(void *ctx)
{
	return 0;
}
GLOBAL __tag("exception_callback:static_sub") int main_throws_static(void *ctx)
{
	return 0;
}
GLOBAL __tag("exception_callback:g_ptr") int main_throws_ptr(void *ctx)
{
	return 0;
}
GLOBAL int throw_cb(u64 cookie)
{
	return 0;
}
USED static int static_sub(void)
{
	return 0;
}
USED static void static_void(void)
{
}
USED static int static_arg(struct plain *p)
{
	return 0;
}
USED static int static_tag(struct plain *p __tag("arg:nonnull"))
{
	return 0;
}

/* Global functions. */
GLOBAL int g_none(void)
{
	return 0;
}
GLOBAL int g_none2(void)
{
	return 0;
}
GLOBAL int g_int(int a)
{
	return 0;
}
GLOBAL int g_ptr(struct plain *p)
{
	return 0;
}
GLOBAL int g_nonnull(struct plain *p __tag("arg:nonnull"))
{
	return 0;
}
GLOBAL int g_skb(struct __sk_buff *skb)
{
	return 0;
}
GLOBAL int g_xdp(struct xdp_md *xdp)
{
	return 0;
}
GLOBAL int g_dynptr(const struct bpf_dynptr *d)
{
	return 0;
}
GLOBAL int g_dynptr_tag(const struct bpf_dynptr *d __tag("arg:nonnull"))
{
	return 0;
}
GLOBAL int g_trusted(struct task_struct *t __tag("arg:trusted"))
{
	return 0;
}
GLOBAL int g_trusted_null(struct task_struct *t __tag("arg:trusted") __tag("arg:nullable"))
{
	return 0;
}
GLOBAL int g_flavour(struct task_struct___flavour *t __tag("arg:trusted"))
{
	return 0;
}
GLOBAL int g_no_such(struct no_such_struct *t __tag("arg:trusted"))
{
	return 0;
}
GLOBAL int g_trusted_int(int *t __tag("arg:trusted"))
{
	return 0;
}
GLOBAL int g_trusted_void(void *t __tag("arg:trusted"))
{
	return 0;
}
GLOBAL int g_trusted_nonnull(struct task_struct *t __tag("arg:trusted") __tag("arg:nonnull"))
{
	return 0;
}
GLOBAL int g_untrusted(struct task_struct *t __tag("arg:untrusted"))
{
	return 0;
}
GLOBAL int g_untrusted_mem(u64 *t __tag("arg:untrusted"))
{
	return 0;
}
GLOBAL int g_untrusted_nonnull(struct task_struct *t __tag("arg:untrusted") __tag("arg:nonnull"))
{
	return 0;
}
GLOBAL int g_untrusted_ptr(u64 **t __tag("arg:untrusted"))
{
	return 0;
}
GLOBAL int g_nullable(struct plain *t __tag("arg:nullable"))
{
	return 0;
}
GLOBAL int g_arena(void *t __tag("arg:arena"))
{
	return 0;
}
GLOBAL int g_arena_nonnull(void *t __tag("arg:arena") __tag("arg:nonnull"))
{
	return 0;
}
GLOBAL int g_ctx(void *ctx __tag("arg:ctx"))
{
	return 0;
}
GLOBAL int g_ctx_wrong(struct plain *ctx __tag("arg:ctx"))
{
	return 0;
}
GLOBAL int g_ctx_nonnull(void *ctx __tag("arg:ctx") __tag("arg:nonnull"))
{
	return 0;
}
GLOBAL int g_unknown_tag(struct plain *p __tag("arg:nobody"))
{
	return 0;
}
GLOBAL int g_number_tag(int a __tag("arg:nonnull"))
{
	return 0;
}
GLOBAL int g_void_ptr(void *p)
{
	return 0;
}
GLOBAL int g_struct(struct plain p)
{
	return 0;
}
GLOBAL void g_void(void)
{
}
GLOBAL void *g_returns_ptr(void)
{
	return 0;
}
USED static int *static_returns_ptr(void)
{
	return 0;
}

/* Targets and their extensions. */
GLOBAL int t_skb(struct __sk_buff *skb, int n)
{
	return 0;
}
GLOBAL int t_plain(struct plain *p)
{
	return 0;
}
USED static int t_static(struct __sk_buff *skb)
{
	return 0;
}
GLOBAL int e_skb(struct __sk_buff *skb, int n)
{
	return 0;
}
GLOBAL int e_one(struct __sk_buff *skb)
{
	return 0;
}
GLOBAL int e_long(struct __sk_buff *skb, u64 n)
{
	return 0;
}
GLOBAL int e_xdp(struct xdp_md *skb, int n)
{
	return 0;
}
USED static int e_static(struct __sk_buff *skb, int n)
{
	return 0;
}
