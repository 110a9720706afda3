/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections in which something must not happen. In the hive it cannot happen during any run: memory that a program may see is freed only
 * when its worker has passed a quiescent point (bpf/quiesce.h), and no other program runs under the worker's CPU number
 * in between. So these have nothing to do; that each is ended in turn is the verifier's.
 */
#include "helper/impl.h"

KFUNC(bpf_rcu_read_lock)
{
	return 0;
}

KFUNC(bpf_rcu_read_unlock)
{
	return 0;
}

KFUNC(bpf_preempt_disable)
{
	return 0;
}

KFUNC(bpf_preempt_enable)
{
	return 0;
}

KFUNC(bpf_local_irq_save)
{
	uint64_t *flags = helper_ptr(r1);

	*flags = 0;
	return 0;
}

KFUNC(bpf_local_irq_restore)
{
	return 0;
}
