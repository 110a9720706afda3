/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine-events: a command in a tree of its own, every event of its tasks as a line in a file. For test-events.sh, which says what must be in it.
 *
 *   engine-events FILE [--call NAME] [--return NAME] [--life] [--threads N] [--deny NAME RESULT] [--override NAME RESULT] [--kill NAME]
 *                 [--kill-at fork|exec|exit] [--connect-to PORT] [--if TEXT] [--sleep US] [--hold TEXT] -- COMMAND...
 *
 *   --call, --return   see calls begin; begin and end. --deny, --kill: answers to a call that begins; --override: to its end.
 *   --if               only where the call's path has this in it: memory of the task is read
 *   --sleep, --hold    each event takes that many us; that of a path with this in it a second
 *   --connect-to       connects over IP go to this port of 127.0.0.1
 *
 * SKEP_BY=ptrace in the environment: all by ptrace.
 *
 * A line: KIND TID/TGID NAME ... , numbers as the tree has them. Exit code: the command's; 125 when it cannot be watched.
 */
#include "base/util.h"
#include "hook/task/engine.h"
#include "hook/tree/tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

static struct {
	FILE *out;
	struct engine_opts engine;
	int deny, override, kill; /* numbers of calls, -1: none */
	int64_t deny_result, override_result;
	int kill_at; /* enum task_event_kind, -1 */
	const char *if_text, *hold;
	int connect_to, sleep_us;
	pthread_mutex_t lock;
	uint64_t forgotten, seen, most; /* threads; the most that were kept at a time */
	struct thread *known[65536]; /* by own_tid: whom the engine keeps */
} t = {.deny = -1, .override = -1, .kill = -1, .kill_at = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static int native(const struct task_event *e)
{
	char *name;
	int nr;

	if (!e->compat)
		return e->nr;
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, e->nr);
	nr = name ? seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name) : -1;
	free(name);
	return nr;
}

/* The text that an argument points to, "" when it cannot be read. */
static void text_at(const struct task_event *e, uint64_t at, char *to, size_t size)
{
	size_t room = MIN(size - 1, 4096 - (at & 4095));
	struct iovec here = {to, room}, there = {(void *)(uintptr_t)at, room};
	ssize_t n = process_vm_readv(e->thread->tid, &here, 1, &there, 1, 0);

	to[n > 0 ? n : 0] = 0;
	to[strcspn(to, "\n")] = 0;
}

static void print(uint32_t on, const struct task_event *e, const char *path)
{
	static const char *const kinds[] = {"call", "return", "fork", "exec", "exit"};
	char *name = e->kind <= TASK_RETURN
			     ? seccomp_syscall_resolve_num_arch(e->compat ? SCMP_ARCH_X86 : SCMP_ARCH_X86_64, e->nr)
			     : NULL;

	pthread_mutex_lock(&t.lock);
	fprintf(t.out, "%s %d/%d", kinds[e->kind], (int)e->thread->own_tid, (int)e->thread->own_tgid);
	switch (e->kind) {
	case TASK_CALL:
		fprintf(t.out, " %s%s %s", name ? name : "?", e->compat ? " compat" : "", path);
		break;
	case TASK_RETURN:
		fprintf(t.out, " %s%s %lld", name ? name : "?", e->compat ? " compat" : "", (long long)e->result);
		break;
	case TASK_FORK:
		fprintf(t.out, " %d/%d%s", (int)e->child->own_tid, (int)e->child->own_tgid,
			e->is_thread ? " thread" : "");
		break;
	case TASK_EXEC:
		fprintf(t.out, " was %d execs %u", (int)e->old_tid, e->thread->execs);
		break;
	default:
		fprintf(t.out, " status %lld%s", (long long)e->result, e->last ? " last" : "");
	}
	fprintf(t.out, "\n");
	fflush(t.out);
	pthread_mutex_unlock(&t.lock);
	free(name);
}

static void redirect(struct task_event *e)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)t.connect_to), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	uint16_t family = 0;
	struct iovec here = {&family, sizeof(family)}, there = {(void *)(uintptr_t)e->args[1], sizeof(family)};

	if (process_vm_readv(e->thread->tid, &here, 1, &there, 1, 0) != sizeof(family) || family != AF_INET)
		return;
	e->handed->has_address = true;
	e->handed->len = sizeof(to);
	memcpy(e->handed->address.bytes, &to, sizeof(to));
}

/* The engine keeps one struct thread for as long as it knows the thread. */
static void know(struct thread *thread)
{
	pthread_mutex_lock(&t.lock);
	if (t.known[thread->own_tid & 65535] != thread) {
		t.known[thread->own_tid & 65535] = thread;
		t.seen++;
	}
	if (t.most < t.seen - t.forgotten)
		t.most = t.seen - t.forgotten;
	pthread_mutex_unlock(&t.lock);
}

static void on_event(void *arg, uint32_t on, struct task_event *e)
{
	char path[256] = "";
	int nr = e->kind <= TASK_RETURN ? native(e) : -1;

	know(e->thread);
	if (e->kind == TASK_FORK)
		know(e->child);
	if (e->kind == TASK_CALL) {
		uint64_t at = nr == SCMP_SYS(openat) || nr == SCMP_SYS(unlinkat)                        ? e->args[1]
			      : nr == SCMP_SYS(open) || nr == SCMP_SYS(mkdir) || nr == SCMP_SYS(execve) ? e->args[0]
													: 0;

		if (at)
			text_at(e, at, path, sizeof(path));
		e->looked = at != 0;
	}
	if (t.hold && strstr(path, t.hold))
		usleep(1000000);
	if (t.sleep_us)
		usleep((useconds_t)t.sleep_us);
	print(on, e, path);
	if (e->kind == TASK_CALL && t.connect_to && e->handed && nr == SCMP_SYS(connect))
		redirect(e);
	if ((int)e->kind == t.kill_at)
		e->verdict = TASK_KILL;
	if (t.if_text && !strstr(path, t.if_text) && e->kind == TASK_CALL)
		return;
	if (e->kind == TASK_CALL && nr == t.deny) {
		e->verdict = TASK_DENY;
		e->answer = t.deny_result;
	}
	if (e->kind == TASK_CALL && nr == t.kill)
		e->verdict = TASK_KILL;
	if (e->kind == TASK_RETURN && nr == t.override) {
		e->verdict = TASK_DENY;
		e->answer = t.override_result;
	}
}

static void on_forget(void *arg, struct thread *thread)
{
	struct thread **at = &t.known[thread->own_tid & 65535];

	pthread_mutex_lock(&t.lock);
	if (*at == thread) {
		*at = NULL;
		t.forgotten++;
	}
	pthread_mutex_unlock(&t.lock);
}

static int number(const char *name)
{
	int nr = !strcmp(name, "all") ? -2 : seccomp_syscall_resolve_name(name);

	if (nr >= 0 || nr == -2)
		return nr;
	fprintf(stderr, "no call '%s'\n", name);
	exit(125);
}

static void plan(const char *name, uint8_t what)
{
	int nr = number(name);

	for (int i = 0; i < CALLS_MAX; i++) {
		char *known = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, i);

		if (nr == -2 ? known != NULL : i == nr)
			t.engine.plan.calls[i] |= what;
		free(known);
	}
}

static char *const *options(char **at)
{
	for (; *at && strcmp(*at, "--"); at++) {
		if (!strcmp(*at, "--call"))
			plan(*++at, PLAN_CALL);
		else if (!strcmp(*at, "--return"))
			plan(*++at, PLAN_CALL | PLAN_RETURN);
		else if (!strcmp(*at, "--life"))
			t.engine.plan.life = true;
		else if (!strcmp(*at, "--threads"))
			t.engine.n_threads = (uint32_t)atoi(*++at);
		else if (!strcmp(*at, "--sleep"))
			t.sleep_us = atoi(*++at);
		else if (!strcmp(*at, "--deny"))
			t.deny = number(*++at), t.deny_result = atoll(*++at);
		else if (!strcmp(*at, "--override"))
			t.override = number(*++at), t.override_result = atoll(*++at);
		else if (!strcmp(*at, "--kill"))
			t.kill = number(*++at);
		else if (!strcmp(*at, "--kill-at"))
			at++, t.kill_at = !strcmp(*at, "fork")   ? TASK_FORK
					  : !strcmp(*at, "exec") ? TASK_EXEC
								 : TASK_EXIT;
		else if (!strcmp(*at, "--if"))
			t.if_text = *++at;
		else if (!strcmp(*at, "--hold"))
			t.hold = *++at;
		else if (!strcmp(*at, "--connect-to"))
			t.connect_to = atoi(*++at);
		else
			fprintf(stderr, "what is '%s'?\n", *at), exit(125);
	}
	return *at ? at + 1 : at;
}

static int run(struct tree *tree, struct engine *e)
{
	char why[512];
	int status;

	if (engine_start(e, tree, why)) {
		fprintf(stderr, "start: %s\n", why);
		return 125;
	}
	if (tree_go(tree, why)) {
		fprintf(stderr, "go: %s\n", why);
		return 125;
	}
	status = tree_wait(tree);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct engine_losses lost;
	struct engine *e = NULL;
	struct tree tree;
	struct tree_opts opts = {.mtu = 1500};
	struct rlimit files;
	char why[512];
	int code = 125;

	t.engine.n_threads = 2;
	t.engine.by_trace = getenv("SKEP_BY") && !strcmp(getenv("SKEP_BY"), "ptrace");
	t.engine.event = on_event;
	t.engine.forget = on_forget;
	if (argc < 3)
		return 125;
	t.out = fopen(argv[1], "we");
	opts.argv = options(argv + 2);
	if (!t.out || !*opts.argv)
		return 125;
	sigprocmask(SIG_SETMASK, NULL, &opts.mask);
	if (tree_new(&opts, &tree, why))
		fprintf(stderr, "tree: %s\n", why);
	else if (getrlimit(RLIMIT_NOFILE, &files) ||
		 (files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files)))
		fprintf(stderr, "limits\n");
	else if (engine_new(&t.engine, &e, why))
		fprintf(stderr, "engine: %s\n", why);
	else
		code = run(&tree, e);
	engine_stop(e);
	if (e) {
		engine_losses(e, &lost);
		fprintf(t.out, "lost unknown %llu late %llu sudden %llu orphans %llu\n",
			(unsigned long long)lost.unknown, (unsigned long long)lost.late,
			(unsigned long long)lost.sudden, (unsigned long long)lost.orphans);
	}
	engine_free(e);
	fprintf(t.out, "seen %llu most %llu\n", (unsigned long long)t.seen, (unsigned long long)t.most);
	tree_free(&tree);
	fclose(t.out);
	return code;
}
