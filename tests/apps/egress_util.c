/* SPDX-License-Identifier: BSD-2-Clause */
#include "egress_util.h"

#include "apps/apps.h"
#include "bpf/object.h"
#include "bpf/seam.h"
#include "wire.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 2000 };

static void print_log(void *arg, enum skep_log_level level, const char *line)
{
	if (level <= SKEP_LOG_WARN)
		fprintf(stderr, "# %s\n", line);
}

static int program(struct egress_run *e, const char *name)
{
	int fd = skep_program_fd(skep_object_program(e->obj, name));

	assert_true(fd >= 0);
	return fd;
}

int egress_try_fill(struct egress_run *e, struct policy_error *err)
{
	struct skep_hive *before = seam_enter(e->hive);
	int failed = policy_fill(&e->policy, object_libbpf(e->obj), err);

	seam_enter(before);
	return failed;
}

void egress_refill(struct egress_run *e, const char *policy)
{
	struct policy_error err = {0};

	policy_free(&e->policy);
	if (policy_parse_text(&e->policy, "test", policy, strlen(policy), &err) || egress_try_fill(e, &err))
		fail_msg("%s", err.text);
}

struct egress_run *egress_open(const char *policy)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = 2, .log = print_log);
	const struct app *app = app_find("egress-firewall");
	struct egress_run *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	assert_non_null(app);
	assert_int_equal(skep_hive_new(&opts, &e->hive), 0);
	assert_int_equal(skep_object_open_mem(e->hive, app->data, *app->len, app->name, &e->obj), 0);
	e->out_prog = program(e, "egress_out");
	e->in_prog = program(e, "egress_in");
	egress_refill(e, policy);
	return e;
}

void egress_close(struct egress_run *e)
{
	skep_object_close(e->obj);
	skep_hive_free(e->hive);
	policy_free(&e->policy);
	free(e);
}

static uint32_t run(struct egress_run *e, int prog, const void *frame, uint32_t len)
{
	union bpf_attr attr = {0};

	attr.test.prog_fd = (uint32_t)prog;
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = len;
	attr.test.data_out = (uintptr_t)e->out;
	attr.test.data_size_out = sizeof(e->out);
	assert_int_equal(skep_bpf(e->hive, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	e->out_len = attr.test.data_size_out;
	return attr.test.retval;
}

uint32_t egress_send_bytes(struct egress_run *e, const void *frame, uint32_t len)
{
	return run(e, e->out_prog, frame, len);
}

uint32_t egress_get_bytes(struct egress_run *e, const void *frame, uint32_t len)
{
	return run(e, e->in_prog, frame, len);
}

uint32_t egress_send(struct egress_run *e, const struct spec *s)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(s, frame);

	return egress_send_bytes(e, frame, len);
}

uint32_t egress_get(struct egress_run *e, const struct spec *s)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(s, frame);

	return egress_get_bytes(e, frame, len);
}

static int take(void *arg, void *data, size_t size)
{
	struct egress_run *e = arg;

	assert_true(e->n_events < MAX_EVENTS);
	assert_int_equal(egress_event(data, size, &e->events[e->n_events++]), 0);
	return 0;
}

void egress_drain(struct egress_run *e)
{
	struct skep_hive *before = seam_enter(e->hive);
	struct ring_buffer *ring = ring_buffer__new(egress_fd(e, "events"), take, e, NULL);

	e->n_events = 0;
	assert_non_null(ring);
	assert_true(ring_buffer__consume(ring) >= 0);
	ring_buffer__free(ring);
	seam_enter(before);
}

int egress_fd(struct egress_run *e, const char *map)
{
	int fd = skep_object_map_fd(e->obj, map);

	assert_true(fd >= 0);
	return fd;
}

uint32_t dns_make(uint8_t *to, uint16_t id, const char *name, uint16_t type, bool answer,
		  const struct answer_record *records, uint32_t n)
{
	uint8_t *p = put16(to, id), *len;
	uint8_t addr[16];

	p = put16(p, answer ? 0x8180 : 0x0100);
	p = put16(p, 1);
	p = put16(p, n);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put_name(p, name);
	p = put16(p, type);
	p = put16(p, 1);
	for (uint32_t i = 0; i < n; i++) {
		p = records[i].owner ? put_name(p, records[i].owner) : put16(p, 0xc00c);
		p = put16(p, records[i].type);
		p = put16(p, 1);
		p = put16(p, records[i].ttl >> 16);
		p = put16(p, records[i].ttl);
		len = p;
		p += 2;
		if (records[i].type == 1 || records[i].type == 28) {
			address(records[i].data, addr);
			memcpy(p, records[i].type == 1 ? addr + 12 : addr, records[i].type == 1 ? 4 : 16);
			p += records[i].type == 1 ? 4 : 16;
		} else {
			p = put_name(p, records[i].data);
		}
		put16(len, (uint32_t)(p - len - 2));
	}
	return (uint32_t)(p - to);
}

uint32_t dns_ask(struct egress_run *e, uint16_t id, const char *name, uint16_t type)
{
	uint8_t message[ANSWER_MAX];
	uint32_t n = dns_make(message, id, name, type, false, NULL, 0);

	return egress_send(e, &(struct spec){.from = TREE,
					     .to = RESOLVER,
					     .proto = UDP,
					     .sport = 4444,
					     .dport = 53,
					     .data = message,
					     .payload = n});
}

uint32_t dns_tell(struct egress_run *e, uint16_t id, const char *name, uint16_t type,
		  const struct answer_record *records, uint32_t n)
{
	uint8_t message[ANSWER_MAX];
	uint32_t len = dns_make(message, id, name, type, true, records, n);

	return egress_get(e, &(struct spec){.from = RESOLVER,
					    .to = TREE,
					    .proto = UDP,
					    .sport = 53,
					    .dport = 4444,
					    .data = message,
					    .payload = len});
}

void dns_learn(struct egress_run *e, const char *name, const char *addr)
{
	uint16_t type = strchr(addr, ':') ? 28 : 1;
	const struct answer_record record = {.type = type, .ttl = 300, .data = addr};
	uint16_t id = ++e->next_id;

	assert_int_equal(dns_ask(e, id, name, type), LET_GO);
	assert_int_equal(dns_tell(e, id, name, type, &record, 1), LET_GO);
}

uint32_t connect_to(struct egress_run *e, const char *addr, uint16_t port)
{
	return egress_send(e, &(struct spec){.from = strchr(addr, ':') ? TREE6 : TREE,
					     .to = addr,
					     .proto = TCP,
					     .sport = 5000,
					     .dport = port,
					     .tcp_flags = SYN,
					     .seq = 100});
}
