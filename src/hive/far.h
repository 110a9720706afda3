/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A caller in another process: its memory and its fds, reached by questions over a socket (proto.h).
 *
 * What the caller sent along, and the last few windows that were read, answer reads that lie in them: a command that goes through
 * several arrays at a time asks for each once in a while. Writes are kept until the answer goes, or a question must; a bad address among them makes the answer
 * EFAULT then. A question comes after all writes before it, and a write makes what was read there before worthless.
 *
 * A caller that does not answer within FAR_PATIENCE_MS in all is taken for dead: its next question is not asked. The
 * commands may hold hive->lock while they ask, so a caller that was stopped must not stop the hive, nor a file that it hands over:
 * its file system is not asked (caller_look()), and it is closed after the answer.
 */
#ifndef SKEP_HIVE_FAR_H
#define SKEP_HIVE_FAR_H

#include "base/usermem.h"
#include "bpf/caller.h"
#include "hive/wire.h"

enum {
	FAR_PATIENCE_MS = 3000,
	FAR_PROVEN = 64, /* fds that one connection remembers */
	FAR_KNOWN = 8, /* fds that one call remembers */
	FAR_LATE = 8, /* fds that are none of the hive's and that one call may show it */
	FAR_WINDOWS = 4, /* places in the caller's memory that one call looks at by turns */
	FAR_WINDOW = 16 * 1024,
	FAR_OUT = MSG_MAX - MSG_WORDS, /* bytes of pieces to write */
};

struct far {
	int sock;
	bool dead; /* no word of it is heard any more */
	int patience; /* ms left in this call */
	uint8_t *in; /* MSG_MAX bytes: the message at work */
	struct far_window {
		uint8_t *bytes; /* FAR_WINDOW of them */
		uint64_t at;
		size_t len;
	} windows[FAR_WINDOWS];
	uint32_t next_window; /* that makes room for another place */
	uint8_t *out; /* FAR_OUT bytes: pieces to write */
	size_t out_len;
	uint32_t n_out;
	char words[MSG_WORDS]; /* for the caller's user: lines, each with its end */
	uint32_t n_words;
	struct msg call; /* what the caller wants; its payload is in @in */
	const struct msg_fd *fds; /* that it says it has */
	struct cursor pieces; /* of its memory */
	struct {
		int fd;
		struct caller_fd file;
	} known[FAR_KNOWN], proven[FAR_PROVEN];
	uint32_t n_known;
	int late[FAR_LATE]; /* to be closed when the call is over */
	uint32_t n_late;
	struct usermem mem; /* for user_enter() */
	struct hive_caller caller; /* for caller_enter() */
};

/* far_init - a caller behind a connected socket, which stays the user's of this. Return: 0 or -ENOMEM. */
int far_init(struct far *f, int sock);
void far_free(struct far *f);

/*
 * far_next - wait for the next request, as long as it takes. It stands in f->call.
 * Return: 0; a negative errno when the connection has ended or what came has no meaning.
 */
int far_next(struct far *f);

/*
 * far_args - the request's arguments: its first piece, which is taken away: what follows is memory of the caller's. Return: 0, or -EINVAL where it is not of this
 * size.
 */
int far_args(struct far *f, void *to, size_t size);

/* far_text - the request's text: its first piece, ended within @size. Return: 0 or -EINVAL. */
int far_text(const struct far *f, char *to, size_t size);

/* far_answer - a piece that DONE has for who asked, not for an address. It is the first and only one. */
void far_answer(struct far *f, const void *from, size_t len);

/* far_done - answer the request: @value, the writes that are kept, what is to be said, and an fd (-1: none), which stays the hive's. */
int far_done(struct far *f, int value, int fd);

/* far_find - what stands behind an fd of the caller's (struct hive_caller). */
int far_find(struct far *f, int fd, struct caller_fd *out);

#endif
