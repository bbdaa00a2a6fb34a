/*
 * issue SOCKET FLEET SECONDS: founds a root in a running kedge-hsmd, binds one
 * node, and asks for its certificate again and again: batches of WIRE_HSM_BATCH
 * over one connection, two of them on their way. Every answer is counted by
 * its items. Prints certificates per second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/hsm.h"
#include "wire/msg.h"

#define BATCHES 4

static int sock;
static const char *fleet;

static void
must(const char *what, enum base_err e)
{
	if (e == BASE_OK)
		return;
	fprintf(stderr, "issue: %s: %s: %s\n", what, base_err_name(e),
	    base_why());
	exit(1);
}

static void
put(struct wire_hsm_request *r, struct base_buf *frame)
{
	struct base_buf msg;

	base_buf_init(&msg, 0);
	strcpy(r->fleet, fleet);
	must("compose", wire_hsm_request_compose(r, &msg));
	must("frame", wire_hsm_frame_put(frame, base_buf_span(&msg)));
	base_buf_free(&msg);
}

static void
out(const struct base_buf *frame)
{
	for (size_t at = 0; at < frame->n;) {
		ssize_t n = write(sock, frame->p + at, frame->n - at);

		if (n <= 0) {
			perror("issue: write");
			exit(1);
		}
		at += (size_t)n;
	}
}

static void
in(struct wire_hsm_answer *a)
{
	static struct base_buf rx;
	static uint8_t part[1 << 16];
	struct base_span msg;
	size_t used;
	enum base_err e;

	while ((e = wire_hsm_frame_get(base_buf_span(&rx), &msg, &used)) ==
	    BASE_E_AGAIN) {
		ssize_t n = read(sock, part, sizeof(part));

		if (n <= 0) {
			fprintf(stderr, "issue: kedge-hsmd is gone\n");
			exit(1);
		}
		must("buffer", base_buf_put(&rx, part, (size_t)n));
	}
	must("frame", e);
	must("answer", wire_hsm_answer_parse(msg, a));
	memmove(rx.p, rx.p + used, rx.n - used);
	rx.n -= used;
	if (a->err != BASE_OK) {
		fprintf(stderr, "issue: %s\n", a->why);
		exit(1);
	}
}

static void
ask(struct wire_hsm_request *r, struct wire_hsm_answer *a)
{
	struct base_buf frame;

	base_buf_init(&frame, 0);
	put(r, &frame);
	out(&frame);
	base_buf_free(&frame);
	in(a);
}

static struct base_buf
keygen(uint32_t generation)
{
	struct wire_hsm_request r = { .type = WIRE_HSM_KEYGEN,
		.key = { .root = "plant",
		    .generation = generation,
		    .alg = WIRE_P256 } };
	struct wire_hsm_answer a;

	ask(&r, &a);
	return a.key.spki;
}

static struct wire_tbs
tbs_new(enum wire_cert_kind kind, struct base_span spki,
    struct base_span issuer)
{
	struct wire_tbs t = { .kind = kind,
		.issuer_alg = WIRE_P256,
		.root = "plant",
		.spki = spki };

	strcpy(t.fleet, fleet);
	t.not_before.ms = base_time_now().ms / 1000 * 1000;
	t.not_after = base_time_add_s(t.not_before, 86400 * 30);
	must("ski", wire_spki_id(spki, t.ski));
	must("aki", wire_spki_id(issuer, t.aki));
	wire_serial_make(t.serial);
	return t;
}

static void
found(struct base_span spki1, struct base_span spki2)
{
	struct wire_tbs t = tbs_new(WIRE_NEW_WITH_NEW, spki1, spki1);
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.nitems = 1,
		.key = { .root = "plant", .generation = 1, .alg = WIRE_P256 } };
	struct wire_hsm_answer a;
	struct base_buf item;

	base_buf_init(&item, 0);
	t.has_next = true;
	t.not_after = base_time_add_s(t.not_before, 86400 * 300);
	wire_digest(spki2, t.next_hash);
	must("NewWithNew", wire_tbs_compose(&t, &item));
	r.items = &item;
	ask(&r, &a);
	must("NewWithNew", a.items[0].err);
}

static void
bind_node(struct base_buf *spki)
{
	char root[1][BASE_NAME_MAX + 1] = { "plant" };
	struct wire_hsm_request t = { .type = WIRE_HSM_TOKEN,
		.node = "web1",
		.end = base_time_add_s(base_time_now(), 3600) };
	struct wire_hsm_request b = { .type = WIRE_HSM_BIND,
		.node = "web1",
		.nitems = 1,
		.items = spki,
		.roots = root };
	struct wire_hsm_answer a;

	ask(&t, &a);
	memcpy(b.secret, a.secret, sizeof(b.secret));
	ask(&b, &a);
}

/* A framed request of one whole batch, each with a serial of its own. */
static struct base_buf
batch(struct base_span spki, struct base_span issuer)
{
	static struct base_buf items[WIRE_HSM_BATCH];
	struct wire_hsm_request r = { .type = WIRE_HSM_CERTS,
		.nitems = WIRE_HSM_BATCH,
		.items = items,
		.key = { .root = "plant", .generation = 1, .alg = WIRE_P256 } };
	struct base_buf frame;

	base_buf_init(&frame, 0);
	for (size_t i = 0; i < WIRE_HSM_BATCH; i++) {
		struct wire_tbs t = tbs_new(WIRE_NODE_CERT, spki, issuer);

		strcpy(t.node, "web1");
		base_buf_init(&items[i], 0);
		must("TBS", wire_tbs_compose(&t, &items[i]));
	}
	put(&r, &frame);
	return frame;
}

static size_t
take(void)
{
	struct wire_hsm_answer a;
	size_t n = 0;

	in(&a);
	for (size_t i = 0; i < a.nitems; i++) {
		must("certificate", a.items[i].err);
		n += a.items[i].data.n > 0;
	}
	wire_hsm_answer_clear(&a);
	return n;
}

int
main(int argc, char **argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct base_buf root1, root2, spki, frame[BATCHES];
	EVP_PKEY *key = NULL;
	size_t n = 0;
	int64_t start, ms;

	if (argc != 4 || strlen(argv[1]) >= sizeof(sa.sun_path))
		return 2;
	strcpy(sa.sun_path, argv[1]);
	fleet = argv[2];
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(sock, (const struct sockaddr *)&sa, sizeof(sa)) != 0) {
		perror(argv[1]);
		return 1;
	}
	base_buf_init(&spki, 0);
	must("key", wire_key_make(WIRE_P256, &key));
	must("key", wire_key_spki(key, &spki));
	root1 = keygen(1);
	root2 = keygen(2);
	found(base_buf_span(&root1), base_buf_span(&root2));
	bind_node(&spki);
	for (int i = 0; i < BATCHES; i++)
		frame[i] = batch(base_buf_span(&spki), base_buf_span(&root1));
	ms = (int64_t)(strtod(argv[3], NULL) * 1000);
	start = base_mono_now().ms;
	out(&frame[0]);
	for (int i = 1; base_mono_now().ms - start < ms; i++) {
		out(&frame[i % BATCHES]);
		n += take();
	}
	n += take();
	printf("%.0f\n",
	    (double)n * 1000 / (double)(base_mono_now().ms - start));
	return 0;
}
