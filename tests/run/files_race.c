/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks a decision about a file by changing what it is about while it is made. In the current folder: good/f, and denied/f, which must not be reached. Another thread
 * changes all the time
 *
 *   text     the path in memory
 *   link     where a symbolic link leads, at the end of the path
 *   folder   where one in the middle does
 *   rename   which of two folders has the name: one/f may be reached, two/f not, whatever it is called
 *   dup      which folder is the fd that the path begins in
 *   chdir    which folder is the working one
 *
 * arguments: WHAT SECONDS. Prints whether good/f was ever reached, and how often denied/f was.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SPOT = 50 };

static volatile bool stop;
static const char *what;
static char path[64] = "good/f";

static void put(const char *text)
{
	for (size_t i = 0; i <= strlen(text); i++)
		((volatile char *)path)[i] = text[i];
}

static void point(const char *to, const char *at)
{
	symlink(to, "new");
	rename("new", at);
}

static void change(int good, int denied)
{
	if (!strcmp(what, "text")) {
		put("good//////f");
		put("denied////f");
	} else if (!strcmp(what, "link")) {
		point("good/f", "x");
		point("denied/f", "x");
	} else if (!strcmp(what, "folder")) {
		point("good", "x");
		point("denied", "x");
	} else if (!strcmp(what, "rename")) {
		syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "two", 2 /* RENAME_EXCHANGE */);
	} else if (!strcmp(what, "dup")) {
		dup2(good, SPOT);
		dup2(denied, SPOT);
	} else {
		fchdir(good);
		fchdir(denied);
	}
}

static void *flip(void *arg)
{
	int good = open("good", O_PATH), denied = open("denied", O_PATH);

	while (!stop)
		change(good, denied);
	return arg;
}

static int attempt(void)
{
	if (!strcmp(what, "dup"))
		return openat(SPOT, "f", O_RDONLY);
	return open(path, O_RDONLY);
}

int main(int argc, char **argv)
{
	struct stat bad, st;
	bool some = false;
	long denied = 0;
	pthread_t t;
	time_t end;

	if (argc < 3 || stat(!strcmp(argv[1], "rename") ? "two/f" : "denied/f", &bad))
		return 2;
	what = argv[1];
	end = time(NULL) + atoi(argv[2]);
	if (!strcmp(what, "link") || !strcmp(what, "folder"))
		strcpy(path, *what == 'l' ? "x" : "x/f");
	else if (!strcmp(what, "rename"))
		strcpy(path, "one/f");
	else if (!strcmp(what, "chdir"))
		strcpy(path, "f");
	dup2(open("good", O_PATH), SPOT);
	pthread_create(&t, NULL, flip, NULL);
	while (time(NULL) < end) {
		int fd = attempt();

		if (fd < 0)
			continue;
		fstat(fd, &st);
		if (st.st_ino == bad.st_ino)
			denied++;
		else
			some = true;
		close(fd);
	}
	stop = true;
	pthread_join(t, NULL);
	printf("%s %ld\n", some ? "some" : "none", denied);
	return 0;
}
