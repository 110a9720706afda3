// SPDX-License-Identifier: BSD-2-Clause
/* A process to be probed: calls work(n), n counting up, and passes the point skep:turn with it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* As <sys/sdt.h> writes it (https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation): a nop, and a note with its address and where the argument is. */
#define TURN(n)                                                                                                        \
	__asm__ volatile(                                                                                              \
		"990: nop\n"                                                                                           \
		".pushsection .note.stapsdt,\"?\",\"note\"\n"                                                          \
		".balign 4\n.4byte 992f-991f, 994f-993f, 3\n"                                                          \
		"991: .asciz \"stapsdt\"\n992: .balign 4\n"                                                            \
		"993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte 0\n"                                                  \
		".asciz \"skep\"\n.asciz \"turn\"\n.asciz \"-8@%0\"\n"                                                 \
		"994: .balign 4\n.popsection\n"                                                                        \
		".ifndef _.stapsdt.base\n.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"        \
		".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n.size _.stapsdt.base, "       \
		"1\n.popsection\n"                                                                                     \
		".endif\n" ::"r"((long)(n)))

__attribute__((noinline)) long work(long n)
{
	__asm__ volatile("");
	return 2 * n;
}

int main(int argc, char **argv)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	volatile long sink = 0;

	for (long n = 1; n <= (argc > 1 ? atol(argv[1]) : 1000000); n++) {
		TURN(n);
		sink += work(n);
		if (argc > 2) /* busy */
			for (int i = 0; i < 100000; i++)
				sink += i;
		else
			nanosleep(&moment, NULL);
	}
	printf("%ld\n", sink);
	return 0;
}
