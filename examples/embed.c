/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An eBPF of your own inside a C program: a context type, a helper, an object, a run.
 *
 *   clang -target bpf -mcpu=v3 -O2 -g -I/usr/include/$(uname -m)-linux-gnu -c price.bpf.c -o price.bpf.o
 *   cc embed.c -o embed $(pkg-config --cflags --libs skep) && ./embed price.bpf.o
 */
#include <skep/skep.h>

#include <stdio.h>

struct order {
	uint32_t item, count;
};

static void log_line(void *arg, enum skep_log_level level, const char *line)
{
	if (level <= SKEP_LOG_WARN)
		fprintf(stderr, "skep: %s\n", line);
}

static uint64_t shop_price(uint64_t item, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	const uint64_t *prices = skep_env_user(env);

	return item < 3 ? prices[item] : 0;
}

int main(int argc, char **argv)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .log = log_line);
	uint64_t prices[] = {100, 250, 999}, total = 0, seen = 0;
	struct order order = {.item = 1, .count = 3};
	struct skep_object *obj = NULL;
	struct skep_hive *hive = NULL;
	uint32_t zero = 0;
	int err = skep_hive_new(&opts, &hive);

	if (!err && (err = skep_hive_add_prog_type(hive, "shop", sizeof(order))) > 0)
		err = skep_hive_add_helper(hive, 0x1000, "shop_price", shop_price);
	if (!err)
		err = skep_object_open_file(hive, argc > 1 ? argv[1] : "price.bpf.o", &obj);
	if (!err)
		err = skep_program_run(skep_object_program(obj, "price"), &order, sizeof(order), prices, &total);
	if (!err)
		err = skep_map_lookup(hive, skep_object_map_fd(obj, "orders"), &zero, &seen);
	if (!err)
		printf("3 of item 1 cost %llu, orders seen: %llu\n", (unsigned long long)total,
		       (unsigned long long)seen);
	skep_object_close(obj);
	skep_hive_free(hive);
	return err != 0;
}
