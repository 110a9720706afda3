/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_BTF_LOAD: BTF comes in, is checked in full, and becomes an object. And the kernel's, which a checking hive judges by. */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/cmd.h"
#include "bpf/log.h"
#include "btf/check.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BTF_MAX = 16 * 1024 * 1024 }; /* the kernel's BTF_MAX_SIZE */

void hive_btf_free(struct hive_btf *b)
{
	btf__free(b->btf);
	free(b->data);
	if (b->o.fd >= 0)
		close(b->o.fd);
	free(b);
}

/* The whole of a file. Those in /sys tell their size as others do. */
static int read_file(const char *path, uint8_t **data, uint32_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (st.st_size <= 0 || st.st_size > BTF_MAX)
		err = -EINVAL;
	else if (!(*data = malloc((size_t)st.st_size)))
		err = -ENOMEM;
	while (!err && n < (size_t)st.st_size) {
		ssize_t got = read(fd, *data + n, (size_t)st.st_size - n);

		if (got <= 0)
			err = got < 0 ? -errno : -EIO;
		else
			n += (size_t)got;
	}
	*size = (uint32_t)n;
	close(fd);
	return err;
}

int hive_kernel_btf(struct skep_hive *hive)
{
	const char *path = hive->btf_path ? hive->btf_path : "/sys/kernel/btf/vmlinux";
	struct hive_btf *b = calloc(1, sizeof(*b));
	struct btf_fault why = {.reason = ""};
	int err, fd = -1;

	if (!b)
		return -ENOMEM;
	*b = (struct hive_btf){.o.fd = -1, .name = "vmlinux", .kernel = true};
	err = read_file(path, &b->data, &b->size);
	if (err) {
		hive_log(hive, SKEP_LOG_ERROR, "%s: read the kernel's BTF: %s", path, strerror(-err));
	} else {
		err = btf_check(b->data, b->size, BTF_OF_KERNEL, &why);
		if (err)
			hive_log(hive, SKEP_LOG_ERROR, "%s: not raw BTF of a kernel: type %u: %s", path, why.type,
				 why.reason);
	}
	if (!err && !(b->btf = btf__new(b->data, b->size)))
		err = -errno;
	if (!err)
		err = fd = hive_memfd("btf", b->name, NULL, 0);
	pthread_mutex_lock(&hive->lock);
	if (fd >= 0)
		err = hive_object_add(hive, &b->o, HIVE_BTF, fd);
	if (err) {
		if (fd >= 0)
			close(fd);
		hive_btf_free(b);
	} else {
		b->o.refs++;
		hive->kernel = b;
	}
	pthread_mutex_unlock(&hive->lock);
	return err;
}

/* The bytes as an object that is not in the table yet. */
static int btf_new(const union bpf_attr *attr, struct user_log *log, struct hive_btf **out)
{
	struct hive_btf *b = calloc(1, sizeof(*b));
	struct btf_fault why = {0};
	int err;

	if (!b)
		return -ENOMEM;
	b->o.fd = -1;
	b->size = attr->btf_size;
	b->data = malloc(MAX(b->size, 1u));
	err = b->data ? user_read(b->data, attr->btf, b->size) : -ENOMEM;
	if (!err) {
		err = btf_check(b->data, b->size, BTF_LOADED, &why);
		if (err == -EINVAL)
			user_log_add(log, "BTF refused: type %u: %s\n", why.type, why.reason);
	}
	if (!err) {
		b->btf = btf__new(b->data, b->size);
		if (!b->btf)
			err = -errno;
	}
	if (err)
		hive_btf_free(b);
	else
		*out = b;
	return err;
}

int cmd_btf_load(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	const union bpf_attr *attr = &call->attr;
	struct hive_btf *b = NULL;
	struct user_log log;
	int fd;
	int ret;

	ret = user_log_open(&log, attr->btf_log_buf, attr->btf_log_size, attr->btf_log_level);
	if (ret)
		return ret;
	if (attr->btf_size > BTF_MAX)
		return -E2BIG;
	ret = user_log_close(&log, btf_new(attr, &log, &b));
	if (ret || !b) {
		if (b)
			hive_btf_free(b);
		return ret;
	}
	fd = hive_memfd("btf", b->name, b->data, b->size);
	pthread_mutex_lock(&hive->lock);
	ret = hive_object_publish(hive, &b->o, HIVE_BTF, fd, O_RDONLY);
	hive_sweep(hive);
	pthread_mutex_unlock(&hive->lock);
	return ret;
}
