/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side: bpf(2) is what it is. */
#include "run.h"

void side_prepare(void)
{
}

void side_enter(void)
{
}
