/* SPDX-License-Identifier: BSD-2-Clause */
/* What the egress firewall tells, in words: the same in a run's report and in the events of a deployment. */
#ifndef SKEP_CLI_EGRESS_WORDS_H
#define SKEP_CLI_EGRESS_WORDS_H

#include "apps/egress_fill.h"

#include <stdio.h>

/*
 * egress_words - what was refused or let through, and why: "tcp 192.0.2.1:80 (one.test): no rule allows it". No line's end.
 * @p: the policy that decided
 */
void egress_words(FILE *f, const struct policy *p, const struct egress_event *e);

/* egress_words_reason - the why alone: a rule of the user's, what the program has of its own, or that nothing allowed it. */
void egress_words_reason(FILE *f, const struct policy *p, const struct egress_event *e);

#endif
