// SPDX-License-Identifier: BSD-2-Clause
/*
 * LSM programs that decide about files, for tests of skep run: what has a name that begins with "denied", or lies in a folder that does, is denied, with an errno for each
 * hook; a regular file with the sticky bit is not opened, either. With -DYES they say yes to everything.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

enum { S_IFMT = 0170000, S_IFREG = 0100000, S_ISVTX = 01000 };
enum {
	EPERM = 1,
	EIO = 5,
	EACCES = 13,
	EBUSY = 16,
	EXDEV = 18,
	EMLINK = 31,
	EDOM = 33,
	ERANGE = 34,
	EDEADLK = 35,
	ENOLCK = 37
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct qstr {
	unsigned int len;
	const unsigned char *name;
};
struct super_block {
	unsigned long s_magic;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct path {
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags;
};
#pragma clang attribute pop

/* How often each program ran, by its errno. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} asked SEC(".maps");

static int decide(const struct dentry *d, int err)
{
	__u32 key = err;
	__u64 *n = bpf_map_lookup_elem(&asked, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
#ifndef YES
	for (int i = 0; i < 8; i++) {
		char name[8] = "";

		bpf_probe_read_kernel_str(name, sizeof(name), d->d_name.name);
		if (name[0] == 'd' && name[1] == 'e' && name[2] == 'n' && name[3] == 'i' && name[4] == 'e' &&
		    name[5] == 'd')
			return -err;
		d = d->d_parent;
	}
#endif
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(opens, struct file *file)
{
#ifdef TELL
	char path[256] = "";

	bpf_d_path(&file->f_path, path, sizeof(path));
	bpf_printk("open %s mode %x flags %x", path, file->f_inode->i_mode, file->f_flags);
#endif
#ifndef YES
	/* A mark that goes with the file: the sticky bit, which means nothing there. */
	if ((file->f_inode->i_mode & (S_IFMT | S_ISVTX)) == (S_IFREG | S_ISVTX))
		return -EPERM;
#endif
	return decide(file->f_path.dentry, EPERM);
}

#ifndef OPEN_ONLY
SEC("lsm/path_unlink")
int BPF_PROG(unlinks, const struct path *dir, struct dentry *dentry)
{
	return decide(dentry, EACCES);
}

SEC("lsm/path_rmdir")
int BPF_PROG(rmdirs, const struct path *dir, struct dentry *dentry)
{
	return decide(dentry, EBUSY);
}

SEC("lsm/path_mkdir")
int BPF_PROG(mkdirs, const struct path *dir, struct dentry *dentry, unsigned short mode)
{
#ifdef TELL
	bpf_printk("mkdir %s mode %x new %d", dentry->d_name.name, mode, !dentry->d_inode);
#endif
	return decide(dentry, EXDEV);
}

SEC("lsm/path_mknod")
int BPF_PROG(mknods, const struct path *dir, struct dentry *dentry, unsigned short mode, unsigned int dev)
{
	return decide(dentry, EIO);
}

SEC("lsm/path_symlink")
int BPF_PROG(symlinks, const struct path *dir, struct dentry *dentry, const char *old_name)
{
#ifdef TELL
	bpf_printk("symlink %s -> %s", dentry->d_name.name, old_name);
#endif
	return decide(dentry, EMLINK);
}

SEC("lsm/path_link")
int BPF_PROG(links, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)
{
	int err = decide(old_dentry, EDOM);

	return err ? err : decide(new_dentry, EDOM);
}

SEC("lsm/path_rename")
int BPF_PROG(renames, const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
	     struct dentry *new_dentry, unsigned int flags)
{
	int err = decide(old_dentry, ERANGE);

	return err ? err : decide(new_dentry, ERANGE);
}

SEC("lsm/path_truncate")
int BPF_PROG(truncates, const struct path *path)
{
	return decide(path->dentry, ENOLCK);
}
#endif
