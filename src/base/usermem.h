/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies through addresses that a caller of bpf(2) gave. A bad address is -EFAULT,
 * as in the kernel, never a crash: the copies are made by the kernel
 * (man 2 process_vm_readv; where that call is closed, through a pipe).
 *
 * A thread may say that its caller's memory is reached in another way: user_enter().
 */
#ifndef SKEP_BASE_USERMEM_H
#define SKEP_BASE_USERMEM_H

#include <stddef.h>
#include <stdint.h>

/* Ways to reach the caller's memory. Both return 0 or -EFAULT. */
struct usermem {
	int (*read)(void *arg, void *to, uint64_t from, size_t len);
	int (*write)(void *arg, uint64_t to, const void *from, size_t len);
	void *arg;
};

/* This process, whose addresses are known to be good: a plain copy, some hundred times as fast. A bad address crashes. */
extern const struct usermem user_direct;

/*
 * user_enter - reach the caller's memory that way from now on, in this thread. NULL: this process, by system calls.
 * Return: what it was before.
 */
const struct usermem *user_enter(const struct usermem *way);

/* user_read - copy @len bytes from the address @from to @to. Return: 0 or -EFAULT. */
int user_read(void *to, uint64_t from, size_t len);

/* user_write - copy @len bytes from @from to the address @to. Return: 0 or -EFAULT. */
int user_write(uint64_t to, const void *from, size_t len);

/*
 * user_read_string - copy a string of at most @size - 1 bytes and its end.
 * Return: its length, -EFAULT, or -EINVAL when no end was found.
 */
int user_read_string(char *to, uint64_t from, size_t size);

/*
 * string_read - the same from whatever memory @read reads, @arg being handed to it. In pieces, the first of which ends where @step (a power of two, at
 * most STRING_STEP) divides the address, the next ones growing to STRING_STEP, which divides a page: the string may end right before memory that is
 * not there.
 */
enum { STRING_STEP = 256 };
int string_read(int (*read)(void *arg, void *to, uint64_t from, size_t len), void *arg, size_t step, char *to,
		uint64_t from, size_t size);

/*
 * self_read, self_read_string - the same from this process's own memory, whatever the thread's way is: for addresses that no
 * caller vouches for, such as those that a program hands to bpf_probe_read().
 */
int self_read(void *to, uint64_t from, size_t len);
int self_read_string(char *to, uint64_t from, size_t size);

#endif
