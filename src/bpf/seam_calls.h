/* SPDX-License-Identifier: BSD-2-Clause */
/* What libbpf's renamed calls are called; tools/seam.syms says which stands for which. */
#ifndef SKEP_BPF_SEAM_CALLS_H
#define SKEP_BPF_SEAM_CALLS_H

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <zlib.h>

extern FILE *skep_seam_stderr;

long skep_seam_syscall(long nr, ...);
void *skep_seam_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int skep_seam_munmap(void *addr, size_t len);
int skep_seam_close(int fd);
int skep_seam_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int skep_seam_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout);
int skep_seam_ioctl(int fd, unsigned long request, ...);
int skep_seam_statfs(const char *path, struct statfs *st);
int skep_seam_mkdir(const char *path, mode_t mode);
int skep_seam_unlink(const char *path);
int skep_seam_setrlimit(int resource, const struct rlimit *limit);
int skep_seam_socket(int domain, int type, int protocol);
int skep_seam_uname(struct utsname *buf);
int skep_seam_faccessat(int dir, const char *path, int mode, int flags);
void *skep_seam_realloc(void *p, size_t size);
int skep_seam_open(const char *path, int flags, ...);
FILE *skep_seam_fopen(const char *path, const char *mode);
gzFile skep_seam_gzopen(const char *path, const char *mode);

#endif
