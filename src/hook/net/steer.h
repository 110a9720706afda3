/* SPDX-License-Identifier: BSD-2-Clause */
/* Steering: which of several workers a frame goes to, as the queues of a network card share them out. */
#ifndef SKEP_HOOK_NET_STEER_H
#define SKEP_HOOK_NET_STEER_H

#include <stdint.h>

/*
 * steer - the worker of a frame.
 * @frame, @len: an Ethernet frame; up to two VLAN tags are looked through
 * @workers:     how many there are, 1 or more
 *
 * All frames of a flow, in both directions, go to one worker: the hash is over the addresses and ports of both ends without their
 * order, and over addresses alone for fragments, whose ports are in the first only. What is not IP goes to worker 0.
 */
uint32_t steer(const uint8_t *frame, uint32_t len, uint32_t workers);

#endif
