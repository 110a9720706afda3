/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a frame shall go instead. The request is left in env->redirect for whoever runs the program. */
#include "helper/impl.h"
#include "map/map.h"

#include <linux/pkt_cls.h>

/* Flags of bpf_redirect_map() that choose what is returned when the map has no such target. */
enum { ACTION_MASK = XDP_DROP | XDP_PASS | XDP_TX };

static void ask(struct skep_env *env, struct skep_map *map, uint32_t index, uint64_t flags)
{
	env->redirect.map = map;
	env->redirect.ifindex = map ? 0 : index;
	env->redirect.index = map ? index : 0;
	env->redirect.flags = flags;
}

HELPER(redirect)
{
	if (env->prog_type == BPF_PROG_TYPE_XDP) {
		if (r2)
			return XDP_ABORTED;
		ask(env, NULL, (uint32_t)r1, 0);
		return XDP_REDIRECT;
	}
	if (r2 & ~(uint64_t)BPF_F_INGRESS)
		return TC_ACT_SHOT;
	ask(env, NULL, (uint32_t)r1, r2);
	return TC_ACT_REDIRECT;
}

HELPER(redirect_neigh)
{
	int32_t len = (int32_t)r3;

	if ((len && len < (int32_t)sizeof(struct bpf_redir_neigh)) || r4)
		return TC_ACT_SHOT;
	ask(env, NULL, (uint32_t)r1, 0);
	return TC_ACT_REDIRECT;
}

HELPER(redirect_peer)
{
	if (r2)
		return TC_ACT_SHOT;
	ask(env, NULL, (uint32_t)r1, 0);
	return TC_ACT_REDIRECT;
}

HELPER(redirect_map)
{
	struct skep_map *map = helper_ptr(r1);
	uint32_t index = (uint32_t)r2;
	uint64_t known = ACTION_MASK;
	uint32_t type = map->type->type;

	if (type == BPF_MAP_TYPE_DEVMAP || type == BPF_MAP_TYPE_DEVMAP_HASH)
		known |= BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS;
	if (r3 & ~known)
		return XDP_ABORTED;
	if (!map_lookup(map, &index, env->cpu) && !(r3 & BPF_F_BROADCAST))
		return r3 & ACTION_MASK;
	ask(env, map, index, r3 & BPF_F_BROADCAST ? r3 : 0);
	return XDP_REDIRECT;
}
