/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on xdp_md, path by path: a frame of 64 bytes, 216 free in front of it beyond what the buffer keeps for itself. */
#include "paths.h"

#define FRONT (256 - 40) /* the kernel's headroom without its struct xdp_frame */

SEC("xdp") int head(struct xdp_md *xdp)
{
	PATH(64, bpf_xdp_get_buff_len(xdp));
	PATH(-EINVAL, bpf_xdp_adjust_head(xdp, 51)); /* a link-layer header must be left */
	PATH(0, bpf_xdp_adjust_head(xdp, 50));
	PATH(14, bpf_xdp_get_buff_len(xdp));
	PATH(0, bpf_xdp_adjust_head(xdp, -50));
	PATH(-EINVAL, bpf_xdp_adjust_head(xdp, -FRONT - 1));
	PATH(0, bpf_xdp_adjust_head(xdp, -FRONT));
	PATH(64 + FRONT, bpf_xdp_get_buff_len(xdp));
	PATH(-EINVAL, bpf_xdp_adjust_head(xdp, -1));
	return DONE;
}

SEC("xdp") int tail(struct xdp_md *xdp)
{
	char last = 1;

	PATH(0, bpf_xdp_store_bytes(xdp, 63, &last, 1));
	PATH(-EINVAL, bpf_xdp_adjust_tail(xdp, -51));
	PATH(0, bpf_xdp_adjust_tail(xdp, -50));
	PATH(14, bpf_xdp_get_buff_len(xdp));
	PATH(0, bpf_xdp_adjust_tail(xdp, 50));
	PATH(0, bpf_xdp_load_bytes(xdp, 63, &last, 1));
	PATH(0, last); /* what comes is zero */
	PATH(-EINVAL, bpf_xdp_adjust_tail(xdp, 1 << 20));
	PATH(-EINVAL, bpf_xdp_adjust_tail(xdp, 4096));
	return DONE;
}

SEC("xdp") int meta(struct xdp_md *xdp)
{
	PATH(-EINVAL, bpf_xdp_adjust_meta(xdp, 4)); /* behind the data */
	PATH(-EACCES, bpf_xdp_adjust_meta(xdp, -3));
	PATH(-EINVAL, bpf_xdp_adjust_meta(xdp, -FRONT - 4));
	PATH(0, bpf_xdp_adjust_meta(xdp, -32));
	PATH(32, xdp->data - xdp->data_meta);
	PATH(0, bpf_xdp_adjust_meta(xdp, 28));
	PATH(0, bpf_xdp_adjust_head(xdp, 8));
	PATH(4, xdp->data - xdp->data_meta); /* it goes along */
	PATH(-EINVAL, bpf_xdp_adjust_head(xdp, -FRONT - 8)); /* and needs its place */
	PATH(0, bpf_xdp_adjust_head(xdp, 40));
	PATH(-EACCES, bpf_xdp_adjust_meta(xdp, -252));
	PATH(0, bpf_xdp_adjust_meta(xdp, -248));
	return DONE;
}

static char bytes[32];

SEC("xdp") int parts(struct xdp_md *xdp)
{
	PATH(0, bpf_xdp_store_bytes(xdp, 32, bytes, 32));
	PATH(-EINVAL, bpf_xdp_store_bytes(xdp, 33, bytes, 32));
	PATH(-EFAULT, bpf_xdp_store_bytes(xdp, 0x10000, bytes, 32));
	PATH(0, bpf_xdp_load_bytes(xdp, 32, bytes, 32));
	PATH(-EINVAL, bpf_xdp_load_bytes(xdp, 33, bytes, 32));
	PATH(-EINVAL, bpf_xdp_load_bytes(xdp, 0xffff, bytes, 1));
	PATH(-EFAULT, bpf_xdp_load_bytes(xdp, 0x10000, bytes, 1));
	return DONE;
}

#define TARGETS(name, map_type)                                                                                        \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, 4);                                                                                \
		__type(key, __u32);                                                                                    \
		__type(value, __u32);                                                                                  \
	} name SEC(".maps")

TARGETS(devices, BPF_MAP_TYPE_DEVMAP);
TARGETS(devices_by_hash, BPF_MAP_TYPE_DEVMAP_HASH);
TARGETS(cpus, BPF_MAP_TYPE_CPUMAP);
TARGETS(sockets, BPF_MAP_TYPE_XSKMAP);

SEC("xdp") int elsewhere(struct xdp_md *xdp)
{
	PATH(XDP_REDIRECT, bpf_redirect(1, 0));
	PATH(XDP_ABORTED, bpf_redirect(1, 1));
	PATH(XDP_ABORTED, bpf_redirect(1, 1ull << 40));
	PATH(XDP_ABORTED, bpf_redirect_map(&devices, 0, 0)); /* nobody is there */
	PATH(XDP_PASS, bpf_redirect_map(&devices, 0, XDP_PASS));
	PATH(XDP_TX, bpf_redirect_map(&devices, 4, XDP_TX)); /* no such place */
	PATH(XDP_ABORTED, bpf_redirect_map(&devices, 0, 4));
	PATH(XDP_ABORTED, bpf_redirect_map(&devices, 0, 1ull << 40));
	PATH(XDP_REDIRECT, bpf_redirect_map(&devices, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS));
	PATH(XDP_REDIRECT, bpf_redirect_map(&devices_by_hash, 0, BPF_F_BROADCAST));
	PATH(XDP_DROP, bpf_redirect_map(&devices_by_hash, 7, XDP_DROP));
	PATH(XDP_ABORTED, bpf_redirect_map(&cpus, 0, BPF_F_BROADCAST));
	PATH(XDP_DROP, bpf_redirect_map(&cpus, 0, XDP_DROP));
	PATH(XDP_PASS, bpf_redirect_map(&sockets, 3, XDP_PASS));
	PATH(XDP_ABORTED, bpf_redirect_map(&sockets, 3, BPF_F_BROADCAST));
	return DONE;
}

/* devices[1] is the loopback interface. */
SEC("xdp") int to_a_device(struct xdp_md *xdp)
{
	PATH(XDP_REDIRECT, bpf_redirect_map(&devices, 1, 0));
	PATH(XDP_REDIRECT, bpf_redirect_map(&devices, 1, XDP_PASS));
	PATH(XDP_REDIRECT, bpf_redirect_map(&devices_by_hash, 1, 0));
	PATH(XDP_REDIRECT, bpf_redirect_map(&cpus, 1, 0));
	return DONE;
}
