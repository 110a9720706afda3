/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of programs that benchmarks time: what real programs spend their time on, one function each. Each works on bytes that its input
 * decides, so that neither compiler nor verifier can compute the result beforehand. What is short is repeated within the program.
 *
 * The same source makes the native code that they are compared with: native.h stands in for the helpers then.
 */
#include <linux/bpf.h>
#ifdef NATIVE
#include "native.h"
#else
#include <bpf/bpf_helpers.h>
#endif
#include "rules.h"

#define ROTL32(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define ROTL64(x, n) ((x) << (n) | (x) >> (64 - (n)))
#define ROTR32(x, n) ROTL32(x, 32 - (n))

enum { BLOCK = 1500 };

/* Input and room to work in: a value of an array, as a program that keeps state has it. */
struct room {
	__u8 in[1536];
	__u8 out[1536];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct room);
} rooms SEC(".maps");

enum { ROOM_RANDOM, ROOM_HELLO };

static __always_inline struct room *room_of(__u32 which)
{
	return bpf_map_lookup_elem(&rooms, &which);
}

static __always_inline struct room *room(void)
{
	return room_of(ROOM_RANDOM);
}

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return 0;
}

SEC("xdp")
int arithmetic(struct xdp_md *ctx)
{
	__u64 a = ctx->ingress_ifindex + 1, b = ctx->rx_queue_index + 3;

	for (int i = 0; i < 2000; i++) {
		a = a * 6364136223846793005ull + b;
		b ^= a >> 29;
		a -= b << 7;
	}
	return (int)(a ^ b);
}

static __always_inline __u32 murmur_add(__u32 h, __u32 k)
{
	k *= 0xcc9e2d51;
	k = ROTL32(k, 15);
	k *= 0x1b873593;
	h ^= k;
	h = ROTL32(h, 13);
	return h * 5 + 0xe6546b64;
}

static __always_inline __u32 murmur_end(__u32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	return h ^ h >> 13;
}

SEC("xdp")
int murmur(struct xdp_md *ctx)
{
	struct room *r = room();
	__u32 h = ctx->ingress_ifindex;

	if (!r)
		return 0;
	for (int i = 0; i + 4 <= BLOCK; i += 4)
		h = murmur_add(h, *(__u32 *)(r->in + i));
	return (int)murmur_end(h);
}

/* As a key of 64 bytes is hashed: short loops, 20 of them. */
SEC("xdp")
int murmur_short(struct xdp_md *ctx)
{
	struct room *r = room();
	__u32 sum = 0;

	if (!r)
		return 0;
	for (int n = 0; n < 20; n++) {
		__u32 h = ctx->ingress_ifindex + sum;

#pragma clang loop unroll(disable)
		for (int i = 0; i < 64; i += 4)
			h = murmur_add(h, *(__u32 *)(r->in + n * 64 + i));
		sum += murmur_end(h);
	}
	return (int)sum;
}

#define SIPROUND                                                                                                       \
	do {                                                                                                           \
		v0 += v1;                                                                                              \
		v1 = ROTL64(v1, 13) ^ v0;                                                                              \
		v0 = ROTL64(v0, 32);                                                                                   \
		v2 += v3;                                                                                              \
		v3 = ROTL64(v3, 16) ^ v2;                                                                              \
		v0 += v3;                                                                                              \
		v3 = ROTL64(v3, 21) ^ v0;                                                                              \
		v2 += v1;                                                                                              \
		v1 = ROTL64(v1, 17) ^ v2;                                                                              \
		v2 = ROTL64(v2, 32);                                                                                   \
	} while (0)

SEC("xdp")
int siphash(struct xdp_md *ctx)
{
	struct room *r = room();
	__u64 v0 = 0x736f6d6570736575ull ^ ctx->ingress_ifindex, v1 = 0x646f72616e646f6dull;
	__u64 v2 = 0x6c7967656e657261ull, v3 = 0x7465646279746573ull;

	if (!r)
		return 0;
	for (int i = 0; i + 8 <= BLOCK; i += 8) {
		__u64 m = *(__u64 *)(r->in + i);

		v3 ^= m;
		SIPROUND;
		SIPROUND;
		v0 ^= m;
	}
	v2 ^= 0xff;
	SIPROUND;
	SIPROUND;
	SIPROUND;
	SIPROUND;
	return (int)(v0 ^ v1 ^ v2 ^ v3);
}

static const __u32 sha_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
	0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

SEC("xdp")
int sha256(struct xdp_md *ctx)
{
	__u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	__u32 w[64];
	struct room *r = room();

	if (!r)
		return 0;
	h[0] ^= ctx->ingress_ifindex;
	for (int block = 0; block < 4; block++) {
		__u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], t = h[7];

		for (int i = 0; i < 16; i++)
			w[i] = bpf_ntohl(*(__u32 *)(r->in + block * 64 + i * 4));
		for (int i = 16; i < 64; i++) {
			__u32 s0 = ROTR32(w[i - 15], 7) ^ ROTR32(w[i - 15], 18) ^ w[i - 15] >> 3;
			__u32 s1 = ROTR32(w[i - 2], 17) ^ ROTR32(w[i - 2], 19) ^ w[i - 2] >> 10;

			w[i] = w[i - 16] + s0 + w[i - 7] + s1;
		}
		for (int i = 0; i < 64; i++) {
			__u32 s1 = ROTR32(e, 6) ^ ROTR32(e, 11) ^ ROTR32(e, 25);
			__u32 t1 = t + s1 + ((e & f) ^ (~e & g)) + sha_k[i] + w[i];
			__u32 s0 = ROTR32(a, 2) ^ ROTR32(a, 13) ^ ROTR32(a, 22);
			__u32 t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));

			t = g;
			g = f;
			f = e;
			e = d + t1;
			d = c;
			c = b;
			b = a;
			a = t1 + t2;
		}
		h[0] += a;
		h[1] += b;
		h[2] += c;
		h[3] += d;
		h[4] += e;
		h[5] += f;
		h[6] += g;
		h[7] += t;
	}
	return (int)(h[0] ^ h[7]);
}

struct ruleset {
	struct rule rule[32];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ruleset);
} rulesets SEC(".maps");

static __always_inline int judge(const struct ruleset *set, const struct iphdr *ip, __u16 port)
{
	for (__u32 i = 0; i < 32; i++) {
		const struct rule *r = &set->rule[i];

		if (RULE_HOLDS(r, ip, port))
			return r->action;
	}
	return XDP_DROP;
}

/* Sixteen ports, each decided by the verdicts before it, so that none can be judged ahead. */
SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	__u32 sum = 0, zero = 0;
	struct ruleset *set = bpf_map_lookup_elem(&rulesets, &zero);
	struct iphdr *ip;
	int verdict;
	__u16 port;

	if (!set)
		return XDP_PASS;
	ip = parse_frame(ctx, &port, &verdict);
	if (!ip)
		return verdict;
	for (int i = 0; i < 16; i++)
		sum = sum * 3 + judge(set, ip, port + (sum & 15));
	return (int)sum;
}

/* Copies 512 bytes and looks for the first that differs. */
SEC("xdp")
int byte_copy(struct xdp_md *ctx)
{
	struct room *r = room();
	int i;

	if (!r)
		return 0;
	for (i = 0; i < 512; i++)
		r->out[i] = r->in[i];
	for (i = 0; i < 512; i++)
		if (r->out[i] != r->in[i])
			break;
	return i;
}

SEC("xdp")
int switch_in_loop(struct xdp_md *ctx)
{
	struct room *r = room();
	__u64 a = ctx->ingress_ifindex;

	if (!r)
		return 0;
	for (int i = 0; i < 256; i++) {
		switch (r->in[i] & 63) {
#define C(n)                                                                                                           \
	case n:                                                                                                        \
		a = (a + (n) * 77 + 1) ^ a >> ((n) % 13 + 1);                                                              \
		break;
#define C8(n) C(n) C(n + 1) C(n + 2) C(n + 3) C(n + 4) C(n + 5) C(n + 6) C(n + 7)
			C8(0) C8(8) C8(16) C8(24) C8(32) C8(40) C8(48) C8(56)
		}
	}
	return (int)a;
}

/* The Internet checksum of a frame of up to 1500 bytes behind its Ethernet header, word by word within its bounds. */
SEC("xdp")
int checksum(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	__u16 *p = (void *)(long)ctx->data + sizeof(struct ethhdr);
	__u32 sum = ctx->ingress_ifindex;

#pragma clang loop unroll(disable)
	for (int i = 0; i < BLOCK / 2; i++) {
		if ((void *)(p + 1) > end)
			break;
		sum += *p++;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static __attribute__((noinline)) __u64 callee(__u64 a, __u64 b)
{
	return a * 31 + (b ^ a >> 3);
}

SEC("xdp")
int calls(struct xdp_md *ctx)
{
	__u64 a = ctx->ingress_ifindex;

	for (int i = 0; i < 256; i++)
		a = callee(a, ctx->rx_queue_index);
	return (int)a;
}

struct flow_key {
	__u32 saddr, daddr;
	__u16 sport, dport;
	__u32 proto;
};
struct flow {
	__u64 packets, bytes, last;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* 64 packets of flows that the input decides. */
SEC("xdp")
int flow_tracker(struct xdp_md *ctx)
{
	struct room *r = room();
	__u64 sum = 0;

	if (!r)
		return 0;
	for (int i = 0; i < 64; i++) {
		struct flow_key key = {.saddr = 0x0a000000 | r->in[i * 8],
				       .daddr = 0xc0a80000 | r->in[i * 8 + 1],
				       .sport = r->in[i * 8 + 2],
				       .dport = 443,
				       .proto = IPPROTO_TCP};
		struct flow *f = bpf_map_lookup_elem(&flows, &key);

		if (f) {
			f->packets++;
			f->bytes += r->in[i * 8 + 3];
			f->last = i;
			sum += key.sport ^ key.saddr;
		} else {
			struct flow fresh = {.packets = 1, .bytes = r->in[i * 8 + 3], .last = i};

			bpf_map_update_elem(&flows, &key, &fresh, BPF_NOEXIST);
		}
	}
	return (int)sum;
}

/* Where a header's name first stands in 512 bytes. */
SEC("xdp")
int string_search(struct xdp_md *ctx)
{
	static const char needle[] = "\r\nHost: ";
	struct room *r = room_of(ROOM_HELLO);

	if (!r)
		return 0;
	for (int i = 0; i < 512; i++) {
		int n = 0;

#pragma clang loop unroll(disable)
		for (; n < (int)sizeof(needle) - 1; n++)
			if (r->out[i + n] != needle[n])
				break;
		if (n == sizeof(needle) - 1)
			return i;
	}
	return -1;
}

/* The server name of a TLS ClientHello, hashed; four times. */
static __always_inline __u32 server_name(struct room *r, __u32 h)
{
	__u8 *p = r->in;
	__u32 at, end;

	if (p[0] != 22 || p[5] != 1)
		return 0;
	at = 43;
	at += 1 + p[at]; /* session */
	at &= 255;
	at += 2 + (p[at] << 8 | p[at + 1]); /* cipher suites */
	at &= 511;
	at += 1 + p[at]; /* compression */
	at &= 1023;
	end = at + 2 + (p[at] << 8 | p[at + 1]);
	at += 2;
	for (int i = 0; i < 12 && at + 4 <= end && at < 1024; i++) {
		__u32 type = p[at] << 8 | p[at + 1], len = p[at + 2] << 8 | p[at + 3];

		if (type == 0 && len > 5) {
			len -= 5;
			for (__u32 k = 0; k < 24 && k < len; k++)
				h = (h ^ p[at + 9 + k]) * 16777619;
			return h;
		}
		at += 4 + (len & 1023);
	}
	return 0;
}

SEC("xdp")
int tls_parser(struct xdp_md *ctx)
{
	struct room *r = room_of(ROOM_HELLO);
	__u32 sum = ctx->ingress_ifindex;

	if (!r)
		return 0;
	for (int i = 0; i < 4; i++)
		sum = server_name(r, sum);
	return (int)sum;
}

char _license[] SEC("license") = "GPL";
