/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of bpf(2): attributes come in and are checked as the kernel checks them
 * (man 2 bpf; kernel/bpf/syscall.c's rules): a size beyond a page, or unknown bytes that are not zero, is
 * E2BIG; a command that does not exist, or bytes behind the last field that a command takes, is EINVAL.
 */
#include "bpf/cmd.h"
#include "bpf/caller.h"

#include "base/usermem.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

static const struct bpf_command {
	int (*fn)(struct bpf_call *call, uint32_t which);
	uint16_t end; /* bytes of the union that the command takes */
} commands[] = {
#define X(cmd, handler, last)                                                                                          \
	[cmd] = {.fn = handler, .end = offsetof(union bpf_attr, last) + sizeof(((union bpf_attr *)0)->last)},
	BPF_COMMANDS(X)
#undef X
};

static bool all_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/* Bytes that a newer caller knows and this version does not must be zero. */
static int check_tail(uint64_t addr, size_t len)
{
	uint8_t part[256];

	for (size_t done = 0; done < len; done += sizeof(part)) {
		size_t n = MIN(sizeof(part), len - done);

		if (user_read(part, addr + done, n))
			return -EFAULT;
		if (!all_zero(part, n))
			return -E2BIG;
	}
	return 0;
}

int call_write_field(struct bpf_call *call, size_t off, const void *from, size_t len)
{
	if (off + len > call->usize)
		return 0;
	return user_write(call->uattr + off, from, len);
}

static int dispatch(struct skep_hive *hive, int cmd, union bpf_attr *attr, unsigned int size, const void *frame)
{
	struct bpf_call call = {.hive = hive, .uattr = (uintptr_t)attr, .usize = size, .frame = frame};
	const struct bpf_command *c;
	int err;

	if (size > 4096)
		return -E2BIG;
	if (size > sizeof(call.attr)) {
		err = check_tail(call.uattr + sizeof(call.attr), size - sizeof(call.attr));
		if (err)
			return err;
		size = sizeof(call.attr);
	}
	memset(&call.attr, 0, sizeof(call.attr));
	if (user_read(&call.attr, call.uattr, size))
		return -EFAULT;
	if (cmd < 0 || (size_t)cmd >= ARRAY_SIZE(commands))
		return -EINVAL;
	c = &commands[cmd];
	if (!c->fn)
		return -EINVAL;
	if (!all_zero((uint8_t *)&call.attr + c->end, sizeof(call.attr) - c->end))
		return -EINVAL;
	return c->fn(&call, (uint32_t)cmd);
}

int skep_bpf(struct skep_hive *hive, int cmd, union bpf_attr *attr, unsigned int size)
{
	const struct usermem *before;
	int ret;

	if (hive->far)
		return hive->far->bpf(hive->far->arg, cmd, attr, size);
	/* What another process gives is its own addresses (far.h), whatever this one's are worth. */
	if (!(hive->flags & SKEP_TRUST_ADDRESSES) || caller_is_far())
		return dispatch(hive, cmd, attr, size, __builtin_frame_address(0));
	before = user_enter(&user_direct);
	ret = dispatch(hive, cmd, attr, size, __builtin_frame_address(0));
	user_enter(before);
	return ret;
}
