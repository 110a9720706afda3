/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is deployed, and outlives the command that deployed it: a folder each, of bpffs.
 *
 *   /sys/fs/bpf/skep/NAME/about     a map of one element: what is known of the deployment beside what the kernel itself tells, as JSON
 *                    /links/PROG    what holds a program where it is attached; PROG~2: its second place
 *                    /progs/PROG    the programs
 *                    /maps/MAP      the maps; what bpffs has no dots for has '_' (fw_bss)
 *
 * So nothing is left anywhere else: when the machine goes down the deployments are gone, and their records with them.
 *
 * A deployment is built under NAME~new, and gets its name in one step when it is whole; what it replaces is NAME~old by then. Who comes upon such a folder (the command that
 * made it was killed) brings it to an end (deploy.c). All who write hold a lock on the folder of skep's.
 */
#ifndef SKEP_DEPLOY_STORE_H
#define SKEP_DEPLOY_STORE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STORE_WHY = 512,
	STORE_NAME = 64, /* bytes of a deployment's name, its NUL with it */
	STORE_PATH = 256,
	STORE_ABOUT = 65536, /* bytes of the JSON */
};

/* In a deployment's folder. */
#define STORE_LINKS "links"
#define STORE_PROGS "progs"
#define STORE_MAPS  "maps"

struct store {
	int lock; /* the folder, locked; -1: nothing has ever been deployed */
	char root[STORE_PATH]; /* ".../skep" */
};

/*
 * store_open - find the folder, and lock it.
 * @change: for changes: bpffs is mounted where it is not, and the folder is made
 * @why:    STORE_WHY bytes
 * Return: 0, -ENOENT: nothing has been deployed (only without @change), or another negative errno; store_close() in either case.
 */
int store_open(struct store *s, bool change, char *why);
void store_close(struct store *s);

/* store_name - is this a name for a deployment? Letters, digits, '-' and '_'. */
bool store_name(const char *name);
/* store_name_of - a name out of a file's or a program's: "fw.bpf.o" -> "fw". */
void store_name_of(const char *object, char name[STORE_NAME]);

/* store_path - the path of something in a deployment's folder. @kind, @item: NULL: of what they are in. Return: false: too long */
bool store_path(const struct store *s, const char *name, const char *kind, const char *item, char path[STORE_PATH]);

/* store_exists - is there a folder of that name? */
bool store_exists(const struct store *s, const char *name);

/* store_make - the folders of one, empty. @name: with its "~new". Return: 0 or a negative errno. */
int store_make(const struct store *s, const char *name);

/* store_rename - another name, which nothing has. Return: 0 or a negative errno. */
int store_rename(const struct store *s, const char *from, const char *to);

/* store_remove - the folder with all that is in it. Return: 0 or a negative errno. */
int store_remove(const struct store *s, const char *name);

/* store_write, store_read - the record. store_read: NULL: there is none that can be read; the caller's. */
int store_write(const struct store *s, const char *name, struct json_object *about);
struct json_object *store_read(const struct store *s, const char *name);

/*
 * store_list - the deployments' names, sorted.
 * @half: those that were never finished ("NAME~new", "NAME~old") in place of those that were
 * Return: how many; *names is given back with store_list_free(). A negative errno.
 */
int store_list(const struct store *s, bool half, char ***names);
/* store_items - the same for the pins of a kind in one: programs, links or maps. */
int store_items(const struct store *s, const char *name, const char *kind, char ***items);
void store_list_free(char **names, int n);

/* store_pin - an object of the kernel's into a deployment; dots in its name become '_'. Return: 0 or a negative errno */
int store_pin(const struct store *s, const char *name, const char *kind, const char *item, int fd);
/* store_get - an fd of what is pinned. Return: it, or a negative errno. */
int store_get(const struct store *s, const char *name, const char *kind, const char *item);

#endif
