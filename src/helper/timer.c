/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers in map values. Who keeps them and runs their callbacks is above this floor: env->timers. */
#include "helper/impl.h"

HELPER(timer_init)
{
	return helper_result(env->timers ? env->timers->init(env, helper_ptr(r1), helper_ptr(r2), r3) : -EOPNOTSUPP);
}

HELPER(timer_set_callback)
{
	return helper_result(env->timers ? env->timers->set_callback(env, helper_ptr(r1), r2) : -EOPNOTSUPP);
}

HELPER(timer_start)
{
	return helper_result(env->timers ? env->timers->start(env, helper_ptr(r1), r2, r3) : -EOPNOTSUPP);
}

HELPER(timer_cancel)
{
	return helper_result(env->timers ? env->timers->cancel(env, helper_ptr(r1)) : -EOPNOTSUPP);
}
