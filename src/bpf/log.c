/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/log.h"

#include "base/usermem.h"
#include "base/util.h"
#include "bpf/caller.h"
#include "bpf/hive.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_FIXED = 8, LOG_SLACK = 1 << 20 }; /* the kernel's BPF_LOG_FIXED */

int user_log_open(struct user_log *log, uint64_t buf, uint32_t size, uint32_t level)
{
	*log = (struct user_log){.buf = buf, .size = size, .level = level};
	if (!!buf != !!size || (buf && !level) || (level & ~15u) || size > UINT32_MAX >> 2)
		return -EINVAL;
	return 0;
}

void user_log_add(struct user_log *log, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!log->buf)
		return;
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	/* Who asks for the end of a log gets it, however long the log was: no need to keep the beginning. */
	if (!(log->level & LOG_FIXED) && log->len > 2 * (size_t)log->size + LOG_SLACK) {
		memmove(log->text, log->text + (log->len - log->size), log->size);
		log->dropped += log->len - log->size;
		log->len = log->size;
	}
	if (log->len + (size_t)n + 1 > log->room) {
		size_t room = (log->len + (size_t)n + 1) * 2;
		char *text = realloc(log->text, room);

		if (!text)
			return;
		log->text = text;
		log->room = room;
	}
	va_start(ap, fmt);
	log->len += (size_t)vsnprintf(log->text + log->len, log->room - log->len, fmt, ap);
	va_end(ap);
	log->most = MAX(log->most, log->dropped + log->len);
}

void user_log_rewind(struct user_log *log, size_t len)
{
	log->len = len > log->dropped ? MIN(len - log->dropped, log->len) : 0;
}

int user_log_close(struct user_log *log, int ret)
{
	size_t n = MIN(log->len, (size_t)(log->size ? log->size - 1 : 0));
	size_t skip = log->level & LOG_FIXED ? 0 : log->len - n;

	if (log->buf && (user_write(log->buf, log->text + skip, n) || user_write(log->buf + n, "", 1)))
		ret = -EFAULT;
	else if (log->buf && log->most > (size_t)(log->size - 1) /* also when the rest was forgotten since */)
		ret = -ENOSPC;
	free(log->text);
	return ret;
}

void hive_log(const struct skep_hive *hive, enum skep_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* What is wrong with another process's call is for that one's terminal. */
	if (level <= SKEP_LOG_WARN && caller_say(line))
		return;
	if (hive->log)
		hive->log(hive->log_arg, level, line);
}
