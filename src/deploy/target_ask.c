/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of containers: podman and docker are asked for the id, as programs with arguments and no shell between; what they say is taken for an id or for nothing. An id
 * has room in a pipe, so nothing is read before the program has ended; one that does not end in time is ended, and one that says more is stopped by the full pipe.
 */
#include "base/util.h"
#include "deploy/target_part.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { ASK_MS = 5000 };

/* Asks a program for the id of a container. Return: 0, -ENOENT: the program is not there, -ESRCH: it knows none, -ETIMEDOUT, or another negative errno. */
static int ask(const char *program, const char *name, char id[CONTAINER_ID + 1])
{
	const char *const argv[] = {program, "container", "inspect", "--format", "{{.Id}}", name, NULL};
	AUTO_CLOSE int from = -1, to = -1, pidfd = -1;
	posix_spawn_file_actions_t actions;
	int ends[2], err, ready = 0, status = 0;
	struct pollfd ended;
	char out[CONTAINER_ID + 2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	from = ends[0];
	to = ends[1];
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	err = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	err = err ? err : posix_spawn_file_actions_adddup2(&actions, to, 1);
	err = err ? err : posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	/* posix_spawn(3) takes what execve(2) does not write to. */
	err = err ? err : posix_spawnp(&pid, program, &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		return -err;
	/* Where SIGCHLD is ignored it may have ended and be gone already: ESRCH. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	err = pidfd < 0 && errno != ESRCH ? -errno : 0;
	ended = (struct pollfd){.fd = pidfd, .events = POLLIN};
	while (pidfd >= 0 && (ready = poll(&ended, 1, ASK_MS)) < 0 && errno == EINTR)
		;
	if (pidfd >= 0 && ready != 1)
		err = -ETIMEDOUT;
	if (err)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	n = read(from, out, sizeof(out));
	if (err)
		return err;
	if (status || n != CONTAINER_ID + 1 || out[CONTAINER_ID] != '\n')
		return -ESRCH;
	out[CONTAINER_ID] = 0;
	if (!target_is_hex(out, CONTAINER_ID))
		return -ESRCH;
	memcpy(id, out, sizeof(out) - 1);
	return 0;
}

int target_ask(const char *name, char id[CONTAINER_ID + 1], char *said, size_t size)
{
	static const char *const programs[] = {"podman", "docker"};
	size_t at = 0, known = 0;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char other[CONTAINER_ID + 1];
		int err = ask(programs[i], name, other);

		if (!err && known && strcmp(id, other))
			return -EEXIST;
		if (!err) {
			known++;
			memcpy(id, other, sizeof(other));
		}
		at += (size_t)snprintf(said + MIN(at, size - 1), size - MIN(at, size - 1), "%s%s %s", i ? ", " : "",
				       programs[i],
				       err == -ENOENT      ? "is not installed"
				       : err == -ETIMEDOUT ? "does not answer"
				       : err == -ESRCH     ? "knows none"
							   : "cannot be asked");
	}
	return known ? 0 : -ESRCH;
}
