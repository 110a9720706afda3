/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the guard's lines of a policy: words apart by blanks or commas, as in exe=PATH with a backslash before what is to be taken as it stands. */
#include "apps/guard_policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum key { KEY_READ, KEY_WRITE, KEY_RUN, KEY_NOREAD, KEY_NOWRITE, KEY_NORUN, KEY_CALL };
static const char *const keys[] = {"read", "write", "run", "noread", "nowrite", "norun", "call", NULL};
static const char *const accesses[] = {"read", "write", "run"};
static const char *const actions[] = {"log", "deny", "kill"};

/* The errnos that a policy may answer with, by their names. */
static const struct {
	const char *name;
	int err;
} errors[] = {{"EPERM", EPERM},   {"EACCES", EACCES},         {"ENOSYS", ENOSYS}, {"ENOENT", ENOENT},
	      {"EINVAL", EINVAL}, {"EOPNOTSUPP", EOPNOTSUPP}, {"ENODEV", ENODEV}, {"EROFS", EROFS},
	      {"EAGAIN", EAGAIN}, {"ENOMEM", ENOMEM}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

__attribute__((format(printf, 3, 4))) static int complain(char *why, size_t room, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, room, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *guard_access_name(enum guard_access access)
{
	return accesses[access];
}

/* Takes "." and ".." and doubled slashes out, where it stands. Return: false: it leads above the root. */
static bool simplify(char *path)
{
	char *to = path;

	for (const char *from = path; *from;) {
		size_t n;

		while (*from == '/')
			from++;
		n = strcspn(from, "/");
		if (n == 2 && from[0] == '.' && from[1] == '.') {
			if (to == path)
				return false;
			while (*--to != '/')
				;
		} else if (n && !(n == 1 && from[0] == '.')) {
			*to++ = '/';
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	if (to == path)
		*to++ = '/';
	*to = 0;
	return true;
}

int guard_add_path(struct guard_policy *g, enum guard_access access, bool allow, const char *path, char *why,
		   size_t room)
{
	bool home = *path == '~' && (!path[1] || path[1] == '/');
	const char *head = home ? g->home : *path == '/' ? "" : g->here;
	struct guard_path *more;
	char *whole;

	if (!*path || (home && !*head) || (*path != '/' && !*head))
		return complain(why, room, "'%.100s': a path is absolute, or begins at ~ or in the working folder",
				path);
	if (g->n_paths == GUARD_PATHS)
		return complain(why, room, "more than %d rules for paths", GUARD_PATHS);
	for (const char *c = path; *c; c++)
		if (iscntrl((unsigned char)*c))
			return complain(why, room, "a path with a control character in it");
	whole = malloc(strlen(head) + strlen(path) + 2);
	more = realloc(g->paths, (g->n_paths + 1) * sizeof(*more));
	if (more)
		g->paths = more;
	if (!whole || !more) {
		free(whole);
		return -ENOMEM;
	}
	sprintf(whole, "%s/%s", head, home ? path + 1 : path);
	if (!simplify(whole) || strlen(whole) > GUARD_PATH_MAX) {
		int err = complain(why, room,
				   strlen(whole) > GUARD_PATH_MAX ? "'%.100s': longer than a rule's path may be"
								  : "'%.100s' leads above the root",
				   path);

		free(whole);
		return err;
	}
	g->paths[g->n_paths++] = (struct guard_path){.access = access, .allow = allow, .path = whole};
	return 0;
}

/* A system call that a line names. Of several lines the last one counts. */
static int add_call(struct guard_policy *g, const struct guard_call *like, const char *name, char *why, size_t room)
{
	struct guard_call *more;
	int nr = g->call_number(name);

	if (nr < 0)
		return complain(why, room, "there is no system call '%.40s'", name);
	if (like->action != GUARD_LOG &&
	    (!strcmp(name, "exit") || !strcmp(name, "exit_group") || !strcmp(name, "rt_sigreturn")))
		return complain(why, room, "without '%s' no process works", name);
	for (uint32_t i = 0; i < g->n_calls; i++)
		if (g->calls[i].nr == nr) {
			g->calls[i].action = like->action;
			g->calls[i].err = like->err;
			return 0;
		}
	if (g->n_calls == GUARD_CALLS)
		return complain(why, room, "more than %d rules for system calls", GUARD_CALLS);
	more = realloc(g->calls, (g->n_calls + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	g->calls = more;
	g->calls[g->n_calls] = *like;
	g->calls[g->n_calls++].nr = nr;
	return 0;
}

/* "log", "deny", "deny=EACCES", "kill" */
static int read_action(const char *word, struct guard_call *c, char *why, size_t room)
{
	*c = (struct guard_call){.err = EPERM};
	for (size_t i = 0; i < COUNT(actions); i++)
		if (!strcmp(word, actions[i])) {
			c->action = (enum guard_action)i;
			return 0;
		}
	if (!strncmp(word, "deny=", 5)) {
		c->action = GUARD_DENY;
		for (size_t i = 0; i < COUNT(errors); i++)
			if (!strcmp(word + 5, errors[i].name)) {
				c->err = errors[i].err;
				return 0;
			}
		return complain(why, room, "deny=%.40s: an errno such as EPERM, EACCES, ENOSYS or ENOENT", word + 5);
	}
	return complain(why, room, "'%.40s': what is to become of a call is log, deny, deny=ERRNO or kill", word);
}

/* The next word. Return: its end; NULL: there is none. @word: allocated; NULL without memory. @start: where it begins */
static const char *next_word(const char *at, const char *end, char **word, const char **start)
{
	size_t room = (size_t)(end - at) + 1, n = 0;

	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == ','))
		at++;
	*start = at;
	if (at == end)
		return NULL;
	*word = malloc(room);
	for (; at < end && *at != ' ' && *at != '\t' && *at != '\r' && *at != ','; at++) {
		if (*at == '\\' && at + 1 < end)
			at++;
		if (*word)
			(*word)[n++] = *at;
	}
	if (*word)
		(*word)[n] = 0;
	return at;
}

static int read_line(void *arg, uint32_t key, const char *text, size_t len, size_t *where, char *why, size_t room)
{
	struct guard_policy *g = arg;
	const char *at = text, *end = text + len, *start = at;
	struct guard_call call = {0};
	uint32_t n = 0;
	char *word;
	int err = 0;

	while (!err && (at = next_word(at, end, &word, &start))) {
		*where = (size_t)(start - text);
		if (!word)
			return -ENOMEM;
		if (key != KEY_CALL)
			err = guard_add_path(g, key % KEY_NOREAD, key < KEY_NOREAD, word, why, room);
		else if (!n)
			err = read_action(word, &call, why, room);
		else
			err = add_call(g, &call, word, why, room);
		free(word);
		n++;
	}
	if (err)
		return err;
	*where = len;
	if (key == KEY_CALL && n < 2)
		return complain(why, room,
				"call takes what is to become of them, and system calls, as in: call deny ptrace, bpf");
	return n ? 0 : complain(why, room, "%s: no path", keys[key]);
}

/* A path as it is read back: what would end a word, or begin a comment, gets a backslash. */
static void print_word(const char *word, FILE *out)
{
	for (const char *c = word; *c; c++) {
		if (strchr(" \t\r,\\#", *c))
			fputc('\\', out);
		fputc(*c, out);
	}
}

void guard_print_path(const struct guard_path *p, FILE *out)
{
	fprintf(out, "%s%s ", p->allow ? "" : "no", accesses[p->access]);
	print_word(p->path, out);
}

void guard_print_call(const struct guard_policy *g, const struct guard_call *c, FILE *out)
{
	fprintf(out, "call %s", actions[c->action]);
	for (size_t i = 0; c->action == GUARD_DENY && c->err != EPERM && i < COUNT(errors); i++)
		if (errors[i].err == c->err)
			fprintf(out, "=%s", errors[i].name);
	fprintf(out, " %s", g->call_name(c->nr));
}

static void print(const void *arg, FILE *out)
{
	const struct guard_policy *g = arg;

	for (uint32_t i = 0; i < g->n_paths; i++) {
		guard_print_path(&g->paths[i], out);
		fputc('\n', out);
	}
	for (uint32_t i = 0; i < g->n_calls; i++) {
		guard_print_call(g, &g->calls[i], out);
		fputc('\n', out);
	}
}

void guard_part(struct guard_policy *g, struct policy_part *part)
{
	*part = (struct policy_part){.keys = keys, .line = read_line, .print = print, .arg = g};
}

bool guard_is_on(const struct guard_policy *g)
{
	return g->n_paths || g->n_calls;
}

/* Is a rule about this kind of access? Who may write may read. */
static bool is_about(const struct guard_path *p, enum guard_access access)
{
	return p->access == access || (access == GUARD_READ && p->access == GUARD_WRITE && p->allow);
}

bool guard_allows_unmatched(const struct guard_policy *g, enum guard_access access)
{
	/* A rule that lets something be written does not close reading. */
	for (uint32_t i = 0; i < g->n_paths; i++)
		if (g->paths[i].access == access && g->paths[i].allow)
			return false;
	return true;
}

const char *guard_device(uint32_t i)
{
	static const char *const devices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
					      "/dev/random", "/dev/urandom", "/dev/tty"};

	return i < COUNT(devices) ? devices[i] : NULL;
}

static bool is_device(const char *path)
{
	const char *device;

	for (uint32_t i = 0; (device = guard_device(i)); i++)
		if (!strcmp(device, path))
			return true;
	return false;
}

/* How much of a path a rule has; 0: it is about another one. "/" has 1, "/a" 2. */
static size_t covers(const char *rule, const char *path)
{
	size_t n = strlen(rule);

	if (n == 1)
		return 1;
	return !strncmp(rule, path, n) && (!path[n] || path[n] == '/') ? n : 0;
}

bool guard_decide(const struct guard_policy *g, enum guard_access access, const char *path, int *rule)
{
	bool allowed = guard_allows_unmatched(g, access);
	size_t longest = 0;
	int which = -1;

	for (uint32_t i = 0; i < g->n_paths; i++) {
		const struct guard_path *p = &g->paths[i];
		size_t n = is_about(p, access) ? covers(p->path, path) : 0;

		if (n > longest || (n && n == longest && !p->allow)) {
			longest = n;
			allowed = p->allow;
			which = (int)i;
		}
	}
	if (rule)
		*rule = which;
	return allowed || (which < 0 && access != GUARD_RUN && is_device(path));
}

const struct guard_call *guard_call_rule(const struct guard_policy *g, int nr)
{
	for (uint32_t i = 0; i < g->n_calls; i++)
		if (g->calls[i].nr == nr)
			return &g->calls[i];
	return NULL;
}

void guard_free(struct guard_policy *g)
{
	for (uint32_t i = 0; i < g->n_paths; i++)
		free(g->paths[i].path);
	free(g->paths);
	free(g->calls);
	g->paths = NULL;
	g->calls = NULL;
	g->n_paths = g->n_calls = 0;
}
