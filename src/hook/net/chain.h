/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attach points that a frame passes, and the programs on them.
 *
 *     outside  ->  xdp  ->  tc ingress  ->  cgroup_skb/ingress  ->  socket filter  ->  tree
 *     outside  <-------------------  tc egress  <-  cgroup_skb/egress  <-----------  tree
 *
 * Links bring programs here (LINK_CREATE and so on, link.h). Those of one point run in the order in which they were attached:
 *
 *     xdp, tc         the next one runs as long as the verdict is to go on: XDP_PASS; TC_ACT_UNSPEC (tcx: TCX_NEXT) and TC_ACT_PIPE
 *     cgroup_skb      all run; one that says 0 drops the frame
 *     socket filter   all run, on the frame from its Ethernet header on, as on a packet socket; one that says 0 drops the frame, a smaller
 *                     number than its length cuts what it carries: headers stay, lengths and checksums follow. What is
 *                     cut off a stream comes again, as its sender hears what has arrived
 *
 * XDP_TX sends a frame back without passing tc egress, as a driver does. A redirect (bpf_redirect(), a devmap) to the tree's own interface,
 * the only one there is, goes out through tc egress (from XDP: at once; the program of a devmap's element runs before), with
 * BPF_F_INGRESS in through tc ingress. To any other interface the frame is dropped. A frame that goes round more than CHAIN_ROUNDS times is dropped, as in the kernel.
 *
 * One thread runs frames. Links may come, change and go from any thread meanwhile: each frame sees a point's list before or after.
 */
#ifndef SKEP_HOOK_NET_CHAIN_H
#define SKEP_HOOK_NET_CHAIN_H

#include "bpf/link.h"

enum chain_point {
	CHAIN_XDP,
	CHAIN_TC_INGRESS,
	CHAIN_CGROUP_INGRESS,
	CHAIN_SOCKET,
	CHAIN_CGROUP_EGRESS,
	CHAIN_TC_EGRESS,
	CHAIN_POINTS,
};

enum {
	CHAIN_LINKS = 16, /* on one point */
	CHAIN_ROUNDS = 4,
	CHAIN_SOCKET_ATTACH = 0x1000, /* LINK_CREATE's attach type for socket filters: Linux has none */
};

/* What became of a frame, and who decided. */
enum chain_end { CHAIN_PASSED, CHAIN_DROPPED, CHAIN_TURNED /* sent the other way */, CHAIN_END_KINDS };
/* Where it goes now. */
enum chain_way { CHAIN_NOWHERE, CHAIN_TO_TREE, CHAIN_TO_OUTSIDE };
struct chain_result {
	enum chain_end end;
	enum chain_point point; /* CHAIN_POINTS: no program decided */
	uint32_t prog_id;
	char prog[BPF_OBJ_NAME_LEN]; /* its name */
	uint32_t verdict; /* what that program returned */
	bool changed; /* a program changed its bytes' number */
	bool fault; /* a run ended early (enum skep_fault) */
	const char *why; /* CHAIN_DROPPED: the reason when it was no program's verdict, else NULL */
	enum chain_way way;
	const uint8_t *data; /* the frame as it goes there, until the next frame comes */
	uint32_t len;
};

/* The frame's socket, for bpf_get_socket_cookie() and bpf_get_socket_uid(). */
struct chain_socket {
	bool known;
	uint32_t uid;
	uint64_t cookie;
};

struct chain;

/*
 * chain_new - serve the attach points of a hive.
 * @ifindex: the tree's interface
 * @out:     freed with chain_free(), before the hive
 * Return: 0, -EEXIST when they are served already, -ENOMEM.
 */
int chain_new(struct skep_hive *hive, uint32_t ifindex, struct chain **out);
void chain_free(struct chain *c);

/* chain_begin, chain_end - around a batch of frames, by the thread that runs them, from chain_new()'s last worker. */
void chain_begin(struct chain *c);
void chain_end(struct chain *c);

/*
 * chain_room - PORT_FRAME_MAX bytes where a frame of the tree's may be read to, so that chain_out() need not copy it. It is good until the
 * next frame comes, from either side.
 */
uint8_t *chain_room(struct chain *c);

/* chain_in, chain_out - a frame from outside, or from the tree; longer than an Ethernet header. */
void chain_in(struct chain *c, const uint8_t *frame, uint32_t len, const struct chain_socket *s,
	      struct chain_result *r);
void chain_out(struct chain *c, const uint8_t *frame, uint32_t len, const struct chain_socket *s,
	       struct chain_result *r);

struct bpf_link_info;

/* chain_link_point - the point of a link, from what OBJ_GET_INFO_BY_FD says of it; CHAIN_POINTS: none of these. */
enum chain_point chain_link_point(const struct bpf_link_info *info);

/* chain_point_name - "xdp", "tc ingress", ... */
const char *chain_point_name(enum chain_point p);
/* chain_point_type - the attach type that it serves. */
uint32_t chain_point_type(enum chain_point p);

/*
 * chain_attach_type - the attach type of a program by its type, and for those of tc and cgroup_skb by the section's name.
 * Return: LINK_CREATE's attach type, or -1 for programs that no frame runs through.
 */
int chain_attach_type(uint32_t prog_type, uint32_t expected_attach_type, const char *section);

#endif
