/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program may load from and store to its context, and to the objects that a context leads to.
 *
 * Theory of operation
 *
 * Each context is a table of fields (ctx_fields.c): offset, length, which access sizes may read and write, what
 * a load gives, which program and attach types have the field. An access belongs to the first row that its offset falls into, so a table may
 * end in a row that stands for the rest of the struct. Every access must be naturally aligned to its size, whatever the row.
 * The answers are Linux 6.18's for a 64-bit machine; tests/prog/test_ctx.c asks that kernel about every offset.
 *
 * Programs whose context is BTF-typed arguments (tracing, LSM, struct_ops) have no table: their answer is "no".
 */
#ifndef SKEP_PROG_CTX_H
#define SKEP_PROG_CTX_H

#include "base/uapi.h"

#include <stdbool.h>

/* What a register holds after a load. */
enum ctx_gives {
	CTX_SCALAR,
	CTX_PKT, /* first byte of the packet (of the option value in cgroup_sockopt) */
	CTX_PKT_META, /* first byte of its metadata */
	CTX_PKT_END, /* its end */
	CTX_FLOW_KEYS, /* struct bpf_flow_keys */
	CTX_SOCK_COMMON_OR_NULL, /* struct bpf_sock, the part that all sockets have */
	CTX_SOCKET, /* struct bpf_sock */
	CTX_SOCKET_OR_NULL,
	CTX_TP_BUFFER, /* a raw tracepoint's writable buffer */
	CTX_BTF_ID, /* ctx_access.btf: trusted, never NULL */
};

struct ctx_access {
	enum ctx_gives gives;
	uint32_t
		field_size; /* bytes of the field that a narrower load is cut from; equal to the access where nothing is cut */
	const char *btf; /* kernel type of CTX_BTF_ID, else NULL */
	bool no_sign_extend; /* a sign-extending load is refused */
	bool needs_cap_bpf; /* refused to programs of users without CAP_BPF */
};

/*
 * prog_ctx_access - may a program access its context?
 * @prog_type:   enum bpf_prog_type
 * @attach_type: enum bpf_attach_type that it is loaded for, after prog_attach_type_fixup() (rules.h)
 * @off, @size:  bytes; size is 1, 2, 4 or 8
 * @out:         filled in when the answer is yes; may be NULL
 * The program must check out->no_sign_extend and out->needs_cap_bpf.
 */
bool prog_ctx_access(uint32_t prog_type, uint32_t attach_type, int32_t off, uint32_t size, bool write,
		     struct ctx_access *out);

/* Objects with a UAPI layout that registers can point to. */
enum sock_kind {
	SOCK_COMMON, /* struct bpf_sock, less what only full sockets have */
	SOCK_FULL, /* struct bpf_sock: the kernel's PTR_TO_SOCKET */
	SOCK_TCP, /* struct bpf_tcp_sock */
	SOCK_XDP, /* struct bpf_xdp_sock */
	SOCK_FLOW_KEYS, /* struct bpf_flow_keys; unaligned access is allowed, writing too */
};

/* prog_sock_access - the same question for a pointer to one of these. */
bool prog_sock_access(enum sock_kind kind, int32_t off, uint32_t size, bool write, struct ctx_access *out);

/*
 * Packet memory. A program reads it directly as soon as its context gives a packet pointer; for the rest:
 * prog_packet_write  - may programs of the type store to it directly?
 * prog_packet_helper - may a helper get a packet pointer as its memory argument?
 * @pkt_access: the helper's HELPER_PKT_ACCESS
 * @write:      the helper writes to the argument
 */
bool prog_packet_write(uint32_t prog_type);
bool prog_packet_helper(uint32_t prog_type, bool pkt_access, bool write);

#endif
