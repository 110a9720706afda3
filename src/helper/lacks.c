/* SPDX-License-Identifier: BSD-2-Clause */
/* Why skep cannot run a helper that Linux has: of those that real programs use. */
#include "base/util.h"
#include "helper/helper.h"

static const char no_areas[] = "areas of memory are no objects here";
static const char no_socket[] = "there are no sockets here";
static const char no_counter[] = "there are no counters of the processor here";
static const char no_iterator[] = "it is for iterators of the kernel, and there are none here";
static const char no_storage[] = "there is no storage of sockets, inodes and cgroups here";

static const struct {
	uint32_t id;
	const char *why;
} lacks[] = {
	{BPF_FUNC_find_vma, no_areas},
	{BPF_FUNC_perf_event_read, no_counter},
	{BPF_FUNC_perf_event_read_value, no_counter},
	{BPF_FUNC_perf_prog_read_value, no_counter},
	{BPF_FUNC_sk_lookup_tcp, no_socket},
	{BPF_FUNC_sk_lookup_udp, no_socket},
	{BPF_FUNC_skc_lookup_tcp, no_socket},
	{BPF_FUNC_sk_release, no_socket},
	{BPF_FUNC_sk_assign, no_socket},
	{BPF_FUNC_sk_fullsock, no_socket},
	{BPF_FUNC_tcp_sock, no_socket},
	{BPF_FUNC_get_listener_sock, no_socket},
	{BPF_FUNC_setsockopt, no_socket},
	{BPF_FUNC_getsockopt, no_socket},
	{BPF_FUNC_skc_to_tcp_sock, no_socket},
	{BPF_FUNC_seq_write, no_iterator},
	{BPF_FUNC_seq_printf, no_iterator},
	{BPF_FUNC_seq_printf_btf, no_iterator},
	{BPF_FUNC_sk_storage_get, no_storage},
	{BPF_FUNC_sk_storage_delete, no_storage},
	{BPF_FUNC_inode_storage_get, no_storage},
	{SKEP_FUNC_CGRP_STORAGE_GET, no_storage},
};

const char *helper_why_not(uint32_t id)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(lacks); i++)
		if (lacks[i].id == id)
			return lacks[i].why;
	return "skep does not have it yet";
}
