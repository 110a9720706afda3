// SPDX-License-Identifier: BSD-2-Clause
/*
 * A process that does a known number of everything that the eBPF objects of this folder watch.
 * usage: target TIMES FILE
 *
 * TIMES times: FILE is made with openat(2), and unlinked; work() is called, which passes the USDT probe skep:step with its argument. Then it forks once, and is busy for
 * some 300 ms. It was exec'd once itself. Linked statically, it opens nothing else.
 * Exit code: 0; 1 when a file could not be opened (the rest is done nevertheless); 2 for misuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 120000000 };

long work(long n);

/*
 * The probe as <sys/sdt.h> makes one: a nop, and a note that says where it is, its name and where its argument lies. The note's address is relative to the section
 * .stapsdt.base, so that a linker that moves things can be followed; no semaphore.
 */
__attribute__((noinline)) long work(long n)
{
	__asm__ volatile("990: nop\n"
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"
			 ".balign 4\n"
			 ".4byte 992f-991f, 994f-993f, 3\n"
			 "991: .asciz \"stapsdt\"\n"
			 "992: .balign 4\n"
			 "993: .8byte 990b, _.stapsdt.base, 0\n"
			 ".asciz \"skep\"\n"
			 ".asciz \"step\"\n"
			 ".asciz \"-8@%0\"\n"
			 "994: .balign 4\n"
			 ".popsection\n"
			 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
			 ".weak _.stapsdt.base\n"
			 ".hidden _.stapsdt.base\n"
			 "_.stapsdt.base: .space 1\n"
			 ".size _.stapsdt.base, 1\n"
			 ".popsection\n"
			 :
			 : "r"(n));
	return 2 * n;
}

int main(int argc, char **argv)
{
	int times = argc == 3 ? atoi(argv[1]) : 0, status = 0;
	volatile long sum = 0;
	pid_t child;

	if (times <= 0) {
		fprintf(stderr, "usage: target TIMES FILE\n");
		return 2;
	}
	for (int i = 1; i <= times; i++) {
		int fd = open(argv[2], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		if (fd < 0) {
			fprintf(stderr, "target: %s: %s\n", argv[2], strerror(errno));
			status = 1;
		} else {
			close(fd);
		}
		unlink(argv[2]);
		sum += work(i);
	}
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	/* A number of rounds, not a time: an emulated processor's clock goes on while the host gives it none, and then nothing can be sampled. */
	for (long i = 0; i < ROUNDS; i++)
		sum++;
	return status;
}
