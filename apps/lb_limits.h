/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What xdp_lb.bpf.c and the programs that fill its maps agree on. */
#ifndef SKEP_APPS_LB_LIMITS_H
#define SKEP_APPS_LB_LIMITS_H

enum {
	LB_MAX_VIPS = 64, /* and as many tables */
	LB_MAX_BACKENDS = 1024, /* of all VIPs together; number 0 means none */
	LB_TABLE_SIZE =
		16384, /* a power of two: 100 times the largest number of backends in one table keeps shares within percents */
};

#endif
