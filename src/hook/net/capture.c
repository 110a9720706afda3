/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ways to read. libpcap knows every format there is; it is asked for a frame at a time and takes longer over each than most programs run.
 * A plain file in the classic format with Ethernet frames, which is what large captures are, is read in large pieces
 * and taken apart in place. Which way it is makes no difference to what comes out (tests/hook).
 */
#include "hook/net/capture.h"

#include "base/cursor.h"
#include "base/util.h"
#include "prog/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
/* libpcap has a struct bpf_insn of its own, the classic one. */
#define PCAP_DONT_INCLUDE_PCAP_BPF_H
#include <pcap/dlt.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WHY = 320,
	PIECE = 256 * 1024, /* fits a core's own cache beside the program's data */
	RECORD_MAX = 262144, /* longest frame that libpcap believes in: MAXIMUM_SNAPLEN */
};

struct capture {
	pcap_t *pcap; /* NULL for a plain file */
	int link;
	char broken[WHY]; /* what is wrong with what comes next; "": nothing that is known */
	uint8_t *room; /* libpcap's frames of a batch, with their made-up headers; valid until the next batch */
	size_t room_len;
	struct { /* a plain file */
		int fd;
		uint8_t *buf; /* PIECE + a record */
		struct cursor left; /* what of it has not been given out */
		bool swapped; /* written on a machine of the other byte order */
		bool ended;
		uint32_t snaplen; /* no frame is given out longer */
		uint32_t fraction; /* nanoseconds of one unit of a time's second part */
	} plain;
};

/* The classic format: draft-ietf-opsawg-pcap, sections 4 and 5. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t reserved[2], snaplen, link;
};
struct record_header {
	uint32_t seconds, fraction, caplen, len;
};

static uint32_t host32(const struct capture *c, uint32_t v)
{
	return c->plain.swapped ? __builtin_bswap32(v) : v;
}

/* Takes a file that open_plain() can read; false leaves it to libpcap, which has words for what is wrong. */
static bool open_plain(struct capture *c, const char *path)
{
	struct file_header h;
	struct stat st;
	bool nano;

	c->plain.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c->plain.fd < 0)
		return false;
	if (fstat(c->plain.fd, &st) || !S_ISREG(st.st_mode) || read(c->plain.fd, &h, sizeof(h)) != sizeof(h))
		return false;
	c->plain.swapped = h.magic == 0xd4c3b2a1 || h.magic == 0x4d3cb2a1;
	nano = host32(c, h.magic) == 0xa1b23c4d;
	if (!nano && host32(c, h.magic) != 0xa1b2c3d4)
		return false;
	/* Version 2.4; before 2.3 the two lengths of a record stood the other way round. No flags about checksums either. */
	if ((c->plain.swapped ? __builtin_bswap16(h.major) : h.major) != 2 ||
	    (c->plain.swapped ? __builtin_bswap16(h.minor) : h.minor) != 4 || host32(c, h.link) != DLT_EN10MB)
		return false;
	c->plain.fraction = nano ? 1 : 1000;
	c->plain.snaplen = host32(c, h.snaplen);
	if (!c->plain.snaplen || c->plain.snaplen > INT32_MAX)
		c->plain.snaplen = RECORD_MAX;
	c->plain.buf = malloc(PIECE + RECORD_MAX + sizeof(struct record_header));
	c->plain.left = cursor_of(c->plain.buf, 0);
	return c->plain.buf;
}

/* Moves what is left to the front and reads on behind it. Return: 0 or a negative errno. */
static int refill(struct capture *c)
{
	size_t left = cursor_left(&c->plain.left);
	ssize_t n = 1;

	memmove(c->plain.buf, c->plain.buf + c->plain.left.pos, left);
	while (n && left < PIECE) {
		n = read(c->plain.fd, c->plain.buf + left, PIECE + RECORD_MAX + sizeof(struct record_header) - left);
		if (n < 0 && errno != EINTR)
			return -errno;
		left += n > 0 ? (size_t)n : 0;
		n = n < 0 ? 1 : n;
	}
	c->plain.ended = !n;
	c->plain.left = cursor_of(c->plain.buf, left);
	return 0;
}

/* As many whole records as are in the buffer, up to @max. */
static int next_plain(struct capture *c, struct frame *frames, uint32_t max)
{
	struct cursor *cur = &c->plain.left;
	uint32_t n = 0;
	int err;

	while (n < max) {
		size_t start = cur->pos;
		const uint8_t *data = NULL;
		struct record_header h;

		if (cursor_get(cur, &h, sizeof(h))) {
			uint32_t caplen = host32(c, h.caplen);

			if (caplen > RECORD_MAX) {
				snprintf(c->broken, WHY, "invalid packet capture length %u, bigger than maximum of %d",
					 caplen, RECORD_MAX);
				break;
			}
			data = cursor_take(cur, caplen);
			frames[n] = (struct frame){
				.data = data,
				.len = MIN(caplen, c->plain.snaplen),
				.wire_len = host32(c, h.len),
				.time_ns = (uint64_t)host32(c, h.seconds) * 1000000000u +
					   (uint64_t)host32(c, h.fraction) * c->plain.fraction,
			};
		}
		if (data) {
			n++;
			continue;
		}
		/* Not all there: what is given out already must stay where it is. */
		cur->pos = start;
		cur->bad = false;
		if (n)
			break;
		if (c->plain.ended) {
			if (cursor_left(cur))
				snprintf(c->broken, WHY,
					 "truncated dump file; of the last record only %zu bytes are there",
					 cursor_left(cur));
			break;
		}
		err = refill(c);
		if (err) {
			snprintf(c->broken, WHY, "read: %s", strerror(-err));
			break;
		}
	}
	return (int)n;
}

/* Bytes before the packet in a frame of this link type; -1 for a link type that is not read. */
static int link_header(int link)
{
	switch (link) {
	case DLT_EN10MB:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return 0;
	case DLT_NULL:
	case DLT_LOOP:
		return 4;
	case DLT_LINUX_SLL:
		return SLL_HDR_LEN;
	case DLT_LINUX_SLL2:
		return 20;
	default:
		return -1;
	}
}

static const char *link_name(int link)
{
	const char *name = pcap_datalink_val_to_name(link);

	return name ? name : "unknown";
}

int capture_open(const char *path, struct capture **out, char *why)
{
	char err[PCAP_ERRBUF_SIZE] = "";
	struct capture *c = calloc(1, sizeof(*c));
	FILE *f;
	int ret;

	if (!c)
		return -ENOMEM;
	c->plain.fd = -1;
	c->link = DLT_EN10MB;
	if (strcmp(path, "-") && open_plain(c, path)) {
		*out = c;
		return 0;
	}
	if (c->plain.fd >= 0)
		close(c->plain.fd);
	c->plain.fd = -1;
	f = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	if (!f) {
		ret = -errno;
		snprintf(why, WHY, "%s", strerror(errno));
		free(c);
		return ret;
	}
	c->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, err);
	if (!c->pcap) {
		snprintf(why, WHY, "not a capture that can be read: %.200s", err[0] ? err : "empty");
		if (f != stdin)
			fclose(f);
		free(c);
		return -EINVAL;
	}
	c->link = pcap_datalink(c->pcap);
	if (link_header(c->link) < 0) {
		snprintf(why, WHY,
			 "its frames are of link type %s; Ethernet, raw IP, loopback and Linux cooked are read",
			 link_name(c->link));
		capture_close(c);
		return -EINVAL;
	}
	*out = c;
	return 0;
}

/* The EtherType of what follows the link header; 0 for what is no packet. */
static uint16_t protocol(const struct capture *c, const uint8_t *data, uint32_t len, uint32_t skip)
{
	uint16_t proto;

	if (c->link == DLT_LINUX_SLL || c->link == DLT_LINUX_SLL2) {
		memcpy(&proto, data + (c->link == DLT_LINUX_SLL ? 14 : 0), sizeof(proto));
		return proto;
	}
	if (len <= skip)
		return 0;
	switch (data[skip] >> 4) {
	case 4:
		return htons(ETH_P_IP);
	case 6:
		return htons(ETH_P_IPV6);
	default:
		return 0;
	}
}

/* Room for @len more bytes behind the @used ones of this batch; frames[] are moved along. NULL: no memory. */
static uint8_t *make_room(struct capture *c, struct frame *frames, uint32_t n, size_t used, size_t len)
{
	uint8_t *room;
	size_t want;

	if (c->room && used + len <= c->room_len)
		return c->room + used;
	want = MAX(c->room_len * 2, ALIGN_UP(used + len + 1, (size_t)PIECE));
	room = malloc(want);
	if (!room)
		return NULL;
	if (used)
		memcpy(room, c->room, used);
	for (uint32_t i = 0; i < n; i++)
		frames[i].data = room + (frames[i].data - c->room);
	free(c->room);
	c->room = room;
	c->room_len = want;
	return room + used;
}

static int next_of_pcap(struct capture *c, struct frame *frames, uint32_t max)
{
	size_t used = 0;
	uint32_t n;

	for (n = 0; n < max; n++) {
		bool made_up = c->link != DLT_EN10MB;
		uint32_t skip = made_up ? (uint32_t)link_header(c->link) : 0, head = 0, len;
		struct pcap_pkthdr *h;
		struct ethhdr eth = {0};
		const uint8_t *data;
		uint8_t *to;
		int ret = pcap_next_ex(c->pcap, &h, &data);

		if (ret == PCAP_ERROR_BREAK)
			break;
		if (ret != 1) {
			snprintf(c->broken, WHY, "%.300s", pcap_geterr(c->pcap));
			break;
		}
		len = h->caplen < skip ? 0 : MIN(h->caplen - skip, made_up ? (uint32_t)PACKET_MAX : UINT32_MAX);
		if (made_up && h->caplen >= skip) {
			head = sizeof(eth);
			eth.h_proto = protocol(c, data, h->caplen, skip);
		}
		to = make_room(c, frames, n, used, head + len);
		if (!to) {
			snprintf(c->broken, WHY, "out of memory");
			break;
		}
		memcpy(to, &eth, head);
		memcpy(to + head, data + skip, len);
		frames[n] = (struct frame){
			.data = to,
			.len = head + len,
			.wire_len = made_up && head ? MAX(h->len, h->caplen) - skip + head : h->len,
			.time_ns = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec,
		};
		used += head + len;
	}
	return (int)n;
}

int capture_batch(struct capture *c, struct frame *frames, uint32_t max, char *why)
{
	int n = c->broken[0] ? 0 : c->pcap ? next_of_pcap(c, frames, max) : next_plain(c, frames, max);

	/* What came before the broken place is given out first. */
	if (n || !c->broken[0])
		return n;
	memcpy(why, c->broken, WHY);
	return -EIO;
}

const char *capture_made_up(const struct capture *c)
{
	return c->link == DLT_EN10MB ? NULL : link_name(c->link);
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->pcap)
		pcap_close(c->pcap);
	if (c->plain.fd >= 0)
		close(c->plain.fd);
	free(c->plain.buf);
	free(c->room);
	free(c);
}
