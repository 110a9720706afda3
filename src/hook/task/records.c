/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/records.h"

#include "base/util.h"

#include <stddef.h>
#include <string.h>

enum { NORMAL_PRIORITY = 120 };

void record_call(union record *r, const struct task_event *e, uint32_t n_args)
{
	memset(&r->call, 0, sizeof(r->call));
	r->call.nr = e->nr;
	memcpy(r->call.args, e->args, MIN(n_args, (uint32_t)ARRAY_SIZE(e->args)) * sizeof(e->args[0]));
}

void record_return(union record *r, const struct task_event *e)
{
	memset(&r->ret, 0, sizeof(r->ret));
	r->ret.nr = e->nr;
	r->ret.ret = e->result;
}

/* Puts a text behind a record's members. Return: how the record says where it lies. */
static uint32_t put_text(union record *r, char *at, size_t room, const char *text)
{
	size_t len = strnlen(text, room - 1);

	memcpy(at, text, len);
	at[len] = 0;
	return (uint32_t)(len + 1) << 16 | (uint32_t)(at - (char *)r);
}

void record_fork(union record *r, const struct task_event *e, const char *comm)
{
	memset(&r->fork, 0, sizeof(r->fork));
	/* A child begins with its parent's name. */
	r->fork.parent_comm = put_text(r, r->fork.data, RECORD_COMM, comm);
	r->fork.child_comm = put_text(r, r->fork.data + RECORD_COMM, RECORD_COMM, comm);
	r->fork.parent_pid = e->thread->own_tid;
	r->fork.child_pid = e->child->own_tid;
}

void record_exec(union record *r, const struct task_event *e, const char *filename)
{
	memset(&r->exec, 0, offsetof(union record, exec.data) + sizeof(uint64_t));
	r->exec.filename = put_text(r, r->exec.data, RECORD_TEXT, filename);
	r->exec.pid = e->thread->own_tid;
	r->exec.old_pid = e->old_tid;
}

void record_exit(union record *r, const struct task_event *e, const char *comm)
{
	memset(&r->exit, 0, sizeof(r->exit));
	put_text(r, r->exit.comm, sizeof(r->exit.comm), comm);
	r->exit.pid = e->thread->own_tid;
	r->exit.prio = NORMAL_PRIORITY;
	r->exit.group_dead = e->last;
}
