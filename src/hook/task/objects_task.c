/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads and what belongs to them: from what the engine told, and from the tree's /proc (man 5 proc_pid_stat, proc_pid_status). */
#include "hook/task/objects.h"

#include "base/clock.h"
#include "base/util.h"
#include "helper/who.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *task_proc(uint32_t tid, uint32_t tgid, const char *file, char name[PROC_NAME])
{
	snprintf(name, PROC_NAME, "%u/task/%u/%s", tgid, tid, file);
	return name;
}

size_t proc_text(int proc, const char *name, char *to, size_t size)
{
	AUTO_CLOSE int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, to, size - 1);

	n = MAX(n, (ssize_t)0);
	to[n] = 0;
	return (size_t)n;
}

void task_close(struct objects *o, struct slot *s)
{
	for (uint32_t i = 0; i < TASK_FILE_COUNT; i++) {
		if (!s->files[i])
			continue;
		close(s->files[i] - 1);
		s->files[i] = 0;
		o->open_files--;
	}
}

/* Room for one more open file: the task that was asked for least recently gives its own up. */
static void make_room(struct objects *o)
{
	for (uint32_t at = o->kinds[BUNDLE_TASK].oldest; at && o->open_files >= OBJECTS_FILES;
	     at = o->slots[at - 1].newer)
		task_close(o, &o->slots[at - 1]);
}

size_t task_text(struct objects *o, struct slot *s, enum task_file file, char *to, size_t size)
{
	static const char *const names[TASK_FILE_COUNT] = {"comm", "stat", "status"};
	char name[PROC_NAME];
	ssize_t n = 0;
	int fd;

	for (int tries = 0; n <= 0 && tries < 2; tries++) {
		if (!s->files[file]) {
			make_room(o);
			fd = openat(o->proc, task_proc(s->tid, s->tgid, names[file], name), O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				break;
			s->files[file] = fd + 1;
			o->open_files++;
			tries++;
		}
		n = pread(s->files[file] - 1, to, size - 1, 0);
		/* Gone; or another thread has its number now, after an exec. */
		if (n <= 0)
			task_close(o, s);
	}
	n = MAX(n, (ssize_t)0);
	to[n] = 0;
	return (size_t)n;
}

struct slot *task_slot(struct objects *o, uint32_t tid, uint32_t tgid, uint64_t start)
{
	struct slot *s = objects_find(o, BUNDLE_TASK, tid, 0);

	/* A number that names another task now. */
	if (s && (s->tgid != tgid || (start && s->start && start != s->start))) {
		task_close(o, s);
		s->gone = true;
		s = NULL;
	}
	if (!s)
		s = objects_make(o, BUNDLE_TASK, tid, 0);
	if (!s)
		return NULL;
	s->tid = tid;
	s->tgid = tgid;
	if (start)
		s->start = start;
	return s;
}

/* The bundle that has what the threads of a process share. */
static struct slot *process_slot(struct objects *o, struct slot *s)
{
	return s->tid == s->tgid ? s : task_slot(o, s->tgid, s->tgid, s->start);
}

/* What of a thread's own leads to what else of it. */
static const struct {
	enum member member;
	enum part part;
} own[] = {
	{M_TASK_REAL_CRED, PART_CRED},      {M_TASK_CRED, PART_CRED},        {M_TASK_NSPROXY, PART_NSPROXY},
	{M_TASK_THREAD_PID, PART_PID},      {M_TASK_CGROUPS, PART_CSS_SET},  {M_MM_OWNER, PART_TASK},
	{M_CRED_USER_NS, PART_USER_NS},     {M_NSPROXY_MNT, PART_MNT_NS},    {M_NSPROXY_PID, PART_PID_NS},
	{M_NSPROXY_UTS, PART_UTS_NS},       {M_NSPROXY_IPC, PART_IPC_NS},    {M_NSPROXY_NET, PART_NET_NS},
	{M_NSPROXY_CGROUP, PART_CGROUP_NS}, {M_CSS_SET_CGROUP, PART_CGROUP}, {M_CGROUP_KN, PART_KERNFS},
	{M_KERNFS_NAME, PART_KERNFS_NAME},
};

void fill_TASK_SELF(struct view *v, struct slot *s)
{
	struct objects *o = v->o;
	const struct slot *process = process_slot(o, s);
	uint64_t mm = objects_address(o, process, PART_MM, 0), pid_ns = objects_address(o, s, PART_PID_NS, 0);
	uint8_t upid[64] = {0};

	put(o, s, M_TASK_PID, s->tid);
	put(o, s, M_TASK_TGID, s->tgid);
	put(o, s, M_TASK_LEADER, objects_address(o, process, PART_TASK, 0));
	put(o, s, M_TASK_MM, mm);
	put(o, s, M_TASK_ACTIVE_MM, mm);
	put(o, s, M_TASK_SIGNAL, objects_address(o, process, PART_SIGNAL, 0));
	put(o, s, M_TASK_FS, objects_address(o, process, PART_FS, 0));
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		put(o, s, own[i].member, objects_address(o, s, own[i].part, 0));
	/* The tree's PID namespace is the outermost: level 0, one number. */
	put(o, s, M_PID_LEVEL, 0);
	if (o->layout->upid && o->layout->upid_nr <= sizeof(upid) - 4 && o->layout->upid_ns <= sizeof(upid) - 8) {
		memcpy(upid + o->layout->upid_nr, &s->tid, sizeof(s->tid));
		memcpy(upid + o->layout->upid_ns, &pid_ns, sizeof(pid_ns));
		put_bytes(o, s, M_PID_NR, upid, sizeof(upid));
	}
}

/* The fields of /proc/PID/stat that follow the name, by their numbers in the manual. */
enum { STAT_STATE = 3, STAT_FIELDS = 52 };

static bool parse_stat(char *text, char comm[16], char *state, uint64_t fields[STAT_FIELDS + 1])
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint32_t n = STAT_STATE;

	if (!open || !close || close < open)
		return false;
	snprintf(comm, 16, "%.*s", (int)MIN(close - open - 1, 15), open + 1);
	if (close[1] != ' ')
		return false;
	*state = close[2];
	for (char *at = close + 3, *end; *at && n < STAT_FIELDS; at = end) {
		fields[++n] = strtoull(at, &end, 10); /* negative numbers wrap, and come out right when they are cut */
		if (end == at)
			return false;
	}
	return n > 22;
}

static uint64_t state_of(char letter)
{
	static const struct {
		char letter;
		uint16_t state; /* include/linux/sched.h: TASK_*, EXIT_* */
	} states[] = {{'S', 1}, {'D', 2}, {'T', 4}, {'t', 8}, {'X', 0x80}, {'Z', 0x80}, {'I', 0x402}};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (states[i].letter == letter)
			return states[i].state;
	return 0;
}

static bool is_current(const struct view *v, const struct slot *s)
{
	return v->event && s->tid == v->task.tid && s->tgid == v->task.tgid;
}

static void put_mm(struct objects *o, struct slot *s, const uint64_t f[STAT_FIELDS + 1])
{
	static const struct {
		enum member m;
		uint32_t field;
	} puts[] = {{M_MM_START_CODE, 26}, {M_MM_END_CODE, 27},  {M_MM_START_STACK, 28}, {M_MM_START_DATA, 45},
		    {M_MM_END_DATA, 46},   {M_MM_START_BRK, 47}, {M_MM_ARG_START, 48},   {M_MM_ARG_END, 49},
		    {M_MM_ENV_START, 50},  {M_MM_ENV_END, 51}};

	for (size_t i = 0; i < ARRAY_SIZE(puts); i++)
		put(o, s, puts[i].m, f[puts[i].field]);
	put(o, s, M_MM_TOTAL_VM, f[23] / (uint64_t)sysconf(_SC_PAGESIZE));
}

uint64_t task_start(struct objects *o, struct slot *s)
{
	struct slot *process = s->start ? NULL : process_slot(o, s);
	uint64_t f[STAT_FIELDS + 1] = {0};
	char text[2048], comm[16], state;

	if (process && task_text(o, process, TASK_FILE_STAT, text, sizeof(text)) && parse_stat(text, comm, &state, f))
		s->start = f[22];
	return s->start;
}

/* When its process began: what the engine has told stays known when the task is gone. */
void fill_TASK_BORN(struct view *v, struct slot *s)
{
	uint64_t f[STAT_FIELDS + 1] = {0}, tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK), boot;
	char text[2048], comm[16], state;
	struct objects *o = v->o;

	f[22] = s->start;
	if (!f[22] && (!task_text(o, s, TASK_FILE_STAT, text, sizeof(text)) || !parse_stat(text, comm, &state, f)))
		return;
	boot = f[22] * tick;
	put(o, s, M_TASK_START_BOOT, boot);
	put(o, s, M_TASK_START, boot - (clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_MONOTONIC)));
}

void fill_TASK_STAT(struct view *v, struct slot *s)
{
	uint64_t f[STAT_FIELDS + 1] = {0}, tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	bool ends = is_current(v, s) && v->event->kind == TASK_EXIT;
	char text[2048], comm[16] = "", state;
	struct objects *o = v->o;

	/* Of a task that is about to end it is not in /proc yet, or no more. */
	if (ends)
		put(o, s, M_TASK_EXIT_CODE, (uint64_t)v->event->result);
	if (!task_text(o, s, TASK_FILE_STAT, text, sizeof(text)) || !parse_stat(text, comm, &state, f))
		return;
	put_bytes(o, s, M_TASK_COMM, comm, sizeof(comm));
	/* The current task runs: that it waits for skep is nothing that it knows of. */
	put(o, s, M_TASK_STATE, is_current(v, s) ? 0 : state_of(state));
	put(o, s, M_TASK_FLAGS, f[9]);
	if (!ends)
		put(o, s, M_TASK_EXIT_CODE, f[52]);
	put(o, s, M_TASK_EXIT_SIGNAL, f[38]);
	put(o, s, M_TASK_PRIO, f[18] + 100);
	put(o, s, M_TASK_STATIC_PRIO, f[19] + 120);
	put(o, s, M_TASK_UTIME, f[14] * tick);
	put(o, s, M_TASK_STIME, f[15] * tick);
	put(o, s, M_SIGNAL_LIVE, f[20]);
	put(o, s, M_SIGNAL_THREADS, f[20]);
	put_mm(o, s, f);
	/* Field 4; the tree's first process has a parent outside. */
	if (f[4]) {
		uint64_t parent = objects_address(o, task_slot(o, (uint32_t)f[4], (uint32_t)f[4], 0), PART_TASK, 0);

		put(o, s, M_TASK_REAL_PARENT, parent);
		put(o, s, M_TASK_PARENT, parent);
	}
}

void fill_TASK_CRED(struct view *v, struct slot *s)
{
	static const struct {
		const char *line; /* of the status file */
		int base;
		uint32_t n;
		enum member m[4];
	} lines[] = {
		{"\nUmask:", 8, 1, {M_FS_UMASK}},
		{"\nUid:", 10, 4, {M_CRED_UID, M_CRED_EUID, M_CRED_SUID, M_CRED_FSUID}},
		{"\nGid:", 10, 4, {M_CRED_GID, M_CRED_EGID, M_CRED_SGID, M_CRED_FSGID}},
		{"\nCapInh:", 16, 1, {M_CRED_CAP_INH}},
		{"\nCapPrm:", 16, 1, {M_CRED_CAP_PRM}},
		{"\nCapEff:", 16, 1, {M_CRED_CAP_EFF}},
		{"\nCapBnd:", 16, 1, {M_CRED_CAP_BSET}},
		{"\nCapAmb:", 16, 1, {M_CRED_CAP_AMB}},
	};
	char text[4096];

	task_text(v->o, s, TASK_FILE_STATUS, text, sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		/* The name comes first, and the kernel escapes ends of lines in it. */
		char *at = strstr(text, lines[i].line);

		at = at ? at + strlen(lines[i].line) : NULL;
		for (uint32_t k = 0; at && k < lines[i].n; k++)
			put(v->o, s, lines[i].m[k], strtoull(at, &at, lines[i].base));
	}
}

void fill_TASK_NS(struct view *v, struct slot *s)
{
	static const struct {
		const char *file;
		enum member m;
	} links[] = {{"ns/mnt", M_MNT_INUM},      {"ns/pid", M_PID_INUM}, {"ns/uts", M_UTS_INUM},
		     {"ns/ipc", M_IPC_INUM},      {"ns/net", M_NET_INUM}, {"ns/user", M_USER_INUM},
		     {"ns/cgroup", M_CGROUP_INUM}};
	char name[PROC_NAME];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (!fstatat(v->o->proc, task_proc(s->tid, s->tgid, links[i].file, name), &st, 0))
			put(v->o, s, links[i].m, st.st_ino);
}

/* The user's registers at a call, as far as the event says: the others are not known, and 0. */
void fill_TASK_REGS(struct view *v, struct slot *s)
{
	static const enum member native[6] = {M_REGS_DI, M_REGS_SI, M_REGS_DX, M_REGS_R10, M_REGS_R8, M_REGS_R9},
				 compat[6] = {M_REGS_BX, M_REGS_CX, M_REGS_DX, M_REGS_SI, M_REGS_DI, M_REGS_BP};
	const struct task_event *e = v->event;
	struct objects *o = v->o;

	if (!is_current(v, s) || (e->kind != TASK_CALL && e->kind != TASK_RETURN))
		return;
	/* syscall(2) leaves its return address in rcx. */
	if (!e->compat)
		put(o, s, M_REGS_CX, e->ip);
	for (uint32_t i = 0; i < 6; i++)
		put(o, s, e->compat ? compat[i] : native[i], e->args[i]);
	put(o, s, M_REGS_ORIG_AX, (uint64_t)(int64_t)e->nr);
	put(o, s, M_REGS_AX, e->kind == TASK_RETURN ? (uint64_t)e->result : (uint64_t)-ENOSYS);
	put(o, s, M_REGS_IP, e->ip);
	put(o, s, M_REGS_SP, e->sp);
	put(o, s, M_REGS_CS, e->compat ? 0x23 : 0x33); /* __USER32_CS, __USER_CS */
	put(o, s, M_REGS_SS, 0x2b); /* __USER_DS */
	put(o, s, M_REGS_FLAGS, 0x246);
	if (!e->compat)
		put(o, s, M_REGS_R11, 0x246);
}

void fill_TASK_CGROUP(struct view *v, struct slot *s)
{
	char name[PROC_NAME], text[WHO_NAME];
	uint64_t ids[32];

	if (who_cgroups(v->o->proc, task_proc(s->tid, s->tgid, "cgroup", name), ids, ARRAY_SIZE(ids), text))
		put(v->o, s, M_KERNFS_ID, ids[0]);
	put_bytes(v->o, s, M_KERNFS_TEXT, text, strlen(text));
}

void fill_TASK_FILES(struct view *v, struct slot *s)
{
	struct objects *o = v->o;
	const struct slot *file = file_slot(o, s->tgid, s->start, FILE_OF_EXE, 0);

	put(o, s, M_MM_EXE, objects_address(o, file, PART_FILE, 0));
	file = file_slot(o, s->tgid, s->start, FILE_OF_CWD, 0);
	put(o, s, M_FS_PWD_DENTRY, objects_address(o, file, PART_DENTRY, 0));
	put(o, s, M_FS_PWD_MNT, objects_address(o, file, PART_MOUNT, 0));
	file = file_slot(o, s->tgid, s->start, FILE_OF_ROOT, 0);
	put(o, s, M_FS_ROOT_DENTRY, objects_address(o, file, PART_DENTRY, 0));
	put(o, s, M_FS_ROOT_MNT, objects_address(o, file, PART_MOUNT, 0));
}

void fill_TASK_OOM(struct view *v, struct slot *s)
{
	char name[PROC_NAME], text[32];

	if (proc_text(v->o->proc, task_proc(s->tid, s->tgid, "oom_score_adj", name), text, sizeof(text)))
		put(v->o, s, M_SIGNAL_OOM, (uint64_t)strtol(text, NULL, 10));
}
