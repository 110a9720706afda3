// SPDX-License-Identifier: BSD-2-Clause
/* Programs at socket calls, for tests of skep run; one an object, chosen by -DNAME. The ports say what shall become of a call. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { DENIED = 7777, DENIED_ELSE = 7778, SERVICE = 7779, EACCES = 13, EXTRA = 7780 };

/* Where the service really is: put there by the test. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} backend SEC(".maps");

static __always_inline int decide(struct bpf_sock_addr *ctx)
{
	switch (bpf_ntohs(ctx->user_port)) {
	case DENIED:
		return 0;
	case DENIED_ELSE:
		bpf_set_retval(-EACCES);
		return 0;
	}
	return 1;
}

#ifdef CONNECT
SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	__u32 zero = 0, *port = bpf_map_lookup_elem(&backend, &zero);

	if (ctx->user_port == bpf_htons(SERVICE) && port && *port) {
		ctx->user_ip4 = bpf_htonl(0x0a000202);
		ctx->user_port = bpf_htons(*port);
		bpf_printk("service for %d, cookie %d", (int)bpf_get_current_pid_tgid(),
			   bpf_get_socket_cookie(ctx) != 0);
	}
	return decide(ctx);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(SERVICE)) {
		ctx->user_ip6[0] = ctx->user_ip6[1] = ctx->user_ip6[2] = 0;
		ctx->user_ip6[3] = bpf_htonl(1);
		ctx->user_port = bpf_htons(EXTRA);
	}
	return decide(ctx);
}

SEC("cgroup/getpeername4")
int peer4(struct bpf_sock_addr *ctx)
{
	__u32 zero = 0, *port = bpf_map_lookup_elem(&backend, &zero);

	if (port && *port && ctx->user_port == bpf_htons(*port)) {
		ctx->user_ip4 = bpf_htonl(0x0a636363);
		ctx->user_port = bpf_htons(SERVICE);
	}
	return 1;
}
#endif

#ifdef BIND
SEC("cgroup/bind4")
int bind4(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(SERVICE))
		ctx->user_port = bpf_htons(EXTRA);
	return decide(ctx);
}

SEC("cgroup/bind6")
int bind6(struct bpf_sock_addr *ctx)
{
	return decide(ctx);
}
#endif

#ifdef CREATE
/* Of all sockets of IPv4 only streams. */
SEC("cgroup/sock_create")
int create(struct bpf_sock *ctx)
{
	return ctx->family != 2 || (ctx->type == 1 && ctx->protocol == 6);
}
#endif

#ifdef SEND
/* Told to the test by its number: how often each was asked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} asked SEC(".maps");

static __always_inline void note(__u32 which)
{
	__u32 *n = bpf_map_lookup_elem(&asked, &which);

	if (n)
		__sync_fetch_and_add(n, 1);
}

enum { FROM = 7781, FAR = 7782, PORTLESS = 7783, MAPPED = 7784 };

SEC("cgroup/sendmsg4")
int send4(struct bpf_sock_addr *ctx)
{
	note(0);
	if (ctx->type != 2 || (ctx->protocol != 17 && ctx->protocol != 136))
		return 0;
	switch (bpf_ntohs(ctx->user_port)) {
	case SERVICE:
		ctx->user_ip4 = bpf_htonl(0x7f000001);
		ctx->user_port = bpf_htons(EXTRA);
		break;
	case FROM: /* ... and back to who said it wants no source */
		ctx->msg_src_ip4 = ctx->msg_src_ip4 == bpf_htonl(0x7f000005) ? 0 : bpf_htonl(0x7f000004);
		ctx->user_port = bpf_htons(EXTRA);
		break;
	case FAR:
		ctx->msg_src_ip4 = bpf_htonl(0x01020304);
		ctx->user_port = bpf_htons(EXTRA);
		break;
	case PORTLESS:
		ctx->user_port = 0;
		break;
	}
	return decide(ctx);
}

SEC("cgroup/sendmsg6")
int send6(struct bpf_sock_addr *ctx)
{
	note(1);
	switch (bpf_ntohs(ctx->user_port)) {
	case SERVICE:
		ctx->user_ip6[0] = ctx->user_ip6[1] = ctx->user_ip6[2] = 0;
		ctx->user_ip6[3] = bpf_htonl(1);
		ctx->user_port = bpf_htons(EXTRA);
		break;
	case FROM:
		ctx->msg_src_ip6[0] = bpf_htonl(0xfd000000);
		ctx->msg_src_ip6[1] = ctx->msg_src_ip6[2] = 0;
		ctx->msg_src_ip6[3] = bpf_htonl(0x15);
		ctx->user_port = bpf_htons(EXTRA);
		break;
	case MAPPED:
		ctx->user_ip6[0] = ctx->user_ip6[1] = 0;
		ctx->user_ip6[2] = bpf_htonl(0xffff);
		ctx->user_ip6[3] = bpf_htonl(0x7f000001);
		break;
	case PORTLESS:
		ctx->user_port = 0;
		break;
	}
	return decide(ctx);
}
#endif
