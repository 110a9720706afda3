/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies through addresses that a caller of bpf(2) gave. A bad address is -EFAULT,
 * as in the kernel, never a crash: the copies are made by the kernel
 * (man 2 process_vm_readv; where that call is closed, through a pipe).
 */
#ifndef SKEP_BASE_USERMEM_H
#define SKEP_BASE_USERMEM_H

#include <stddef.h>
#include <stdint.h>

/* user_read - copy @len bytes from the address @from to @to. Return: 0 or -EFAULT. */
int user_read(void *to, uint64_t from, size_t len);

/* user_write - copy @len bytes from @from to the address @to. Return: 0 or -EFAULT. */
int user_write(uint64_t to, const void *from, size_t len);

/*
 * user_read_string - copy a string of at most @size - 1 bytes and its end.
 * Return: its length, -EFAULT, or -EINVAL when no end was found.
 */
int user_read_string(char *to, uint64_t from, size_t size);

#endif
