/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files a tree may read, write and execute, where the kernel itself holds to it: nothing is looked at twice, and nothing costs a
 * call of skep's.
 *
 *   what is closed but for some paths   Landlock (man 7 landlock): rules for whole folders, that everything in the tree inherits
 *   what is closed inside what is open  mounts of the tree's, which it cannot take away (tree.h): over what is not to be read lies something empty, what is
 *                                       not to be written is mounted read-only, what is not to be executed noexec
 *
 * Both are about the file that a path leads to when the tree begins. What neither can say is asked about (files_asked()): programs decide then on calls that the guard
 * makes (guard_files.c), by the names on the way, which nothing in the tree can change by mounting: it is under Landlock, which forbids that.
 */
#ifndef SKEP_HOOK_TREE_FILES_H
#define SKEP_HOOK_TREE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tree_access { TREE_READ = 1, TREE_WRITE = 2, TREE_RUN = 4 };

struct tree_path {
	const char *path; /* absolute; a folder stands for all that is below it */
	uint8_t open; /* enum tree_access: what may be done there; TREE_WRITE goes with TREE_READ */
	uint8_t shut; /* what may not be */
	uint8_t asked; /* what of @shut programs decide on: it is left to them */
};

struct tree_files {
	uint8_t closed; /* what may be done nowhere but where a path opens it */
	const struct tree_path *paths; /* what shuts stands behind what opens it: of two the longer path counts */
	uint32_t n_paths;
};

/*
 * files_check - can that be held to here?
 * @why: what cannot, and what would help
 * Return: 0; -EOPNOTSUPP.
 */
int files_check(const struct tree_files *f, char *why, size_t size);

/*
 * files_asked - what of a path's @shut neither Landlock nor a mount can say: something inside is open; or nothing is there yet, and what comes to be there
 * could be read; or written or executed, as the tree might make it.
 */
uint8_t files_asked(const struct tree_files *f, const struct tree_path *p);

/* files_cover - the mounts, in a mount namespace of the tree's. @why: on failure the reason. Return: 0 or a negative errno. */
int files_cover(const struct tree_files *f, char *why, size_t size);

/*
 * files_restrict - Landlock, for this process and all that come from it; new privileges must have been given up (PR_SET_NO_NEW_PRIVS).
 * @own_work: for skep's own processes of the tree: what they need for their work (/proc, /dev/null) stays open beside
 * Return: 0 or a negative errno.
 */
int files_restrict(const struct tree_files *f, bool own_work);

/* files_is_open - may something be done (one of enum tree_access) at a path, by the longest rule? */
bool files_is_open(const struct tree_files *f, const char *path, uint8_t access);

/* files_landlock - the version of Landlock's interface here; 0: there is none. */
int files_landlock(void);

#endif
