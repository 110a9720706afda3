/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/watch_line.h"

#include "base/printable.h"
#include "base/util.h"
#include "hook/net/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* A text of another process, as it may be shown. @to: of @size bytes. Return: @to */
const char *watch_shown(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
	printable(to, strlen(to));
	return to;
}

/* Command lines: the binary's name as it was called, and what followed. */
const char *watch_command(const struct watch_process *p, char *to, size_t size)
{
	const char *slash = p->binary ? strrchr(p->binary, '/') : NULL;
	char text[WATCH_TEXT];

	snprintf(text, sizeof(text), "%s%s%s", p->binary ? slash ? slash + 1 : p->binary : p->comm,
		 p->arguments && *p->arguments ? " " : "", p->arguments ? p->arguments : "");
	watch_shown(to, size, text);
	if (strlen(text) >= size)
		memcpy(to + size - 4, "...", 4);
	return to;
}

const char *watch_address(const uint8_t *addr, char *to, size_t size)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	bool v4;

	memcpy(&four, addr, sizeof(four));
	memcpy(&six, addr, sizeof(six));
	v4 = four.sin_family == AF_INET;
	a = v4 ? ip_v4(four.sin_addr.s_addr) : six.sin6_addr;
	snprintf(to, size, v4 ? "%s:%u" : "[%s]:%u", ip_text(&a, text), ntohs(v4 ? four.sin_port : six.sin6_port));
	return to;
}

static void failure(char *to, size_t size, int64_t result)
{
	const char *name = result < 0 ? strerrorname_np((int)-result) : NULL;

	*to = 0;
	if (result < 0)
		snprintf(to, size, " = %s", name ? name : "an error");
}

const char *watch_status(char *to, size_t size, int64_t status)
{
	if (WIFSIGNALED((int)status))
		snprintf(to, size, "SIG%s",
			 sigabbrev_np(WTERMSIG((int)status)) ? sigabbrev_np(WTERMSIG((int)status)) : "?");
	else
		snprintf(to, size, "%d", WEXITSTATUS((int)status));
	return to;
}

void watch_print_line(FILE *to, const struct watch_seen *s)
{
	char a[WATCH_LINE], b[WATCH_LINE], end[48];
	const struct watch_event *e = s->event;
	const struct watch_process *p = s->process;

	fprintf(to, "%7u %-15s ", p->id.pid, watch_shown(a, sizeof(a), p->comm));
	failure(end, sizeof(end), e->result);
	switch (s->kind) {
	case WATCH_FORK:
		fprintf(to, "begins, of %u\n", e->parent.pid);
		break;
	case WATCH_EXEC:
		fprintf(to, "exec %s\n", watch_command(p, a, sizeof(a)));
		break;
	case WATCH_EXIT:
		watch_status(b, sizeof(b), e->result);
		fprintf(to, "exit %s\n", b);
		break;
	case WATCH_OPEN:
		fprintf(to, "%s %s%s\n", watch_writes(e->flags) ? "write" : "open", watch_shown(a, sizeof(a), s->path),
			end);
		break;
	case WATCH_DELETE:
		fprintf(to, "delete %s%s\n", watch_shown(a, sizeof(a), s->path), end);
		break;
	case WATCH_RENAME:
		fprintf(to, "rename %s to %s%s\n", watch_shown(a, sizeof(a), s->path),
			watch_shown(b, sizeof(b), s->path2), end);
		break;
	default:
		fprintf(to, "connect %s%s\n", watch_address(s->addr, a, sizeof(a)),
			e->result == -EINPROGRESS ? "" : end);
	}
}
