/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/unix_diag.h"

#include "base/util.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

static void read_facts(const struct nlmsghdr *h, size_t size, struct unix_facts *f)
{
	size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct unix_diag_msg));

	while (at + sizeof(struct nlattr) <= MIN((size_t)h->nlmsg_len, size)) {
		const struct nlattr *a = (const struct nlattr *)((const char *)h + at);
		const char *data = (const char *)a + NLA_HDRLEN;
		size_t len = a->nla_len - NLA_HDRLEN;

		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > size)
			return;
		if (a->nla_type == UNIX_DIAG_NAME && len <= sizeof(f->name)) {
			memcpy(f->name, data, len);
			f->name_len = len;
		} else if (a->nla_type == UNIX_DIAG_VFS && len >= sizeof(f->file)) {
			memcpy(&f->file, data, sizeof(f->file));
			f->has_file = true;
		}
		at += NLA_ALIGN(a->nla_len);
	}
}

bool unix_diag_ask(int diag, uint32_t inode, struct unix_facts *f)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} q = {.h = {.nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
	       .r = {.sdiag_family = AF_UNIX,
		     .udiag_states = UINT32_MAX,
		     .udiag_ino = inode,
		     .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS,
		     .udiag_cookie = {UINT32_MAX, UINT32_MAX}}};
	union {
		struct nlmsghdr h;
		char bytes[4096];
	} a;
	ssize_t n;

	*f = (struct unix_facts){0};
	if (send(diag, &q, sizeof(q), 0) != sizeof(q))
		return false;
	n = recv(diag, &a, sizeof(a), 0);
	f->there = n >= (ssize_t)NLMSG_HDRLEN && a.h.nlmsg_type == SOCK_DIAG_BY_FAMILY;
	if (f->there)
		read_facts(&a.h, (size_t)n, f);
	return f->there;
}
