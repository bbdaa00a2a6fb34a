/*
 * worker: the process that holds one token. It is the only code that runs in
 * one address space with a PKCS#11 module. Started by ks_worker.c through
 * `kedge-hsmd --worker`; ends when its socket closes or its parent dies.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hsm/worker.h"

struct worker {
	int fd;
	struct hsm_ks *ks; /* after OPEN */
	bool in; /* after LOGIN */
	struct base_buf rx, tx;
};

/* Answer: op, error, then the sentence or the fields in tx. */
static enum base_err
work_answer(struct worker *w, uint8_t op, enum base_err got)
{
	struct base_buf head;
	enum base_err e;

	base_buf_init(&head, HSM_WORKER_FRAME);
	if ((e = base_buf_put_u8(&head, op)) == BASE_OK &&
	    (e = base_buf_put_u8(&head, (uint8_t)got)) == BASE_OK)
		e = got == BASE_OK ? base_buf_put(&head, w->tx.p, w->tx.n)
				   : base_buf_put_str(&head, base_why());
	if (e == BASE_OK)
		e = hsm_frame_send(w->fd, base_buf_span(&head), -1);
	base_buf_free(&head);
	base_buf_clear(&w->tx);
	return e;
}

static enum base_err
work_open(struct worker *w)
{
	struct hsm_token_conf c = { 0 };
	char *module = NULL, *uri = NULL;
	enum base_err e;

	if ((e = base_buf_get_str(&w->rx, 4096, &module)) == BASE_OK &&
	    (e = base_buf_get_str(&w->rx, 4096, &uri)) == BASE_OK) {
		c.module = module;
		c.uri = uri;
		e = hsm_token_open(&c, &w->ks);
	}
	free(module);
	free(uri);
	return e;
}

static enum base_err
work_login(struct worker *w)
{
	struct base_span pin;
	enum base_err e = base_buf_get_blob(&w->rx, &pin);

	if (e == BASE_OK)
		e = hsm_token_login(w->ks, pin);
	base_buf_clear(&w->rx);
	w->in = e == BASE_OK;
	return e;
}

static enum base_err
work_generate(struct worker *w)
{
	struct hsm_key_ref ref;
	struct base_buf spki;
	char *label = NULL;
	enum base_err e;

	base_buf_init(&spki, 0);
	if ((e = hsm_ref_get(&w->rx, &ref)) == BASE_OK &&
	    (e = base_buf_get_str(&w->rx, 256, &label)) == BASE_OK &&
	    (e = w->ks->ops->generate(w->ks->ks, ref.id, ref.alg, label,
		 &spki)) == BASE_OK)
		e = base_buf_put_blob(&w->tx, base_buf_span(&spki));
	free(label);
	base_buf_free(&spki);
	return e;
}

static enum base_err
work_sweep(struct worker *w)
{
	struct hsm_key_ref ref;
	enum base_err e = hsm_ref_get(&w->rx, &ref);

	return e != BASE_OK ? e : w->ks->ops->sweep(w->ks->ks, ref.id);
}

/* SIGN and CMS differ only in what is made of each message. */
struct batch {
	struct hsm_key_ref ref;
	struct base_span cert, in[HSM_CHUNK];
	struct base_buf out[HSM_CHUNK];
	size_t n;
};

static enum base_err
batch_one(struct worker *w, uint8_t op, struct batch *b, size_t i)
{
	const struct hsm_ks_ops *ops = w->ks->ops;
	enum base_err e;

	if (op == HSM_W_CMS)
		return ops->cms(w->ks->ks, &b->ref, b->cert, &b->in[i], 1,
		    &b->out[i]);
	e = ops->sign_start(w->ks->ks, &b->ref, &b->in[i], 1);
	return e != BASE_OK ? e : ops->sign_finish(w->ks->ks, &b->out[i], 1);
}

static enum base_err
batch_put(struct worker *w, const struct batch *b, size_t from, size_t to)
{
	struct base_span made[HSM_CHUNK];

	for (size_t i = from; i < to; i++)
		made[i - from] = base_buf_span(&b->out[i]);
	return hsm_spans_put(&w->tx, made, to - from);
}

/* The last frame is the caller's to send, with the rest in tx. */
static enum base_err
batch_run(struct worker *w, uint8_t op, struct batch *b)
{
	struct base_mono last = base_mono_now();
	size_t sent = 0;
	enum base_err e = BASE_OK;

	for (size_t i = 0; i < b->n && e == BASE_OK; i++) {
		int64_t now;

		if ((e = batch_one(w, op, b, i)) != BASE_OK || i + 1 == b->n)
			break;
		now = base_mono_now().ms;
		if (now - last.ms < HSM_FLUSH_MS)
			continue;
		if ((e = batch_put(w, b, sent, i + 1)) == BASE_OK)
			e = work_answer(w, op, BASE_OK);
		sent = i + 1;
		last.ms = now;
	}
	return e != BASE_OK ? e : batch_put(w, b, sent, b->n);
}

static enum base_err
work_batch(struct worker *w, uint8_t op)
{
	struct batch *b = base_alloc(sizeof(*b));
	enum base_err e;

	for (size_t i = 0; i < HSM_CHUNK; i++)
		base_buf_init(&b->out[i], 0);
	if ((e = hsm_ref_get(&w->rx, &b->ref)) == BASE_OK &&
	    (e = base_buf_get_blob(&w->rx, &b->cert)) == BASE_OK &&
	    (e = hsm_spans_get(&w->rx, b->in, &b->n)) == BASE_OK)
		e = batch_run(w, op, b);
	for (size_t i = 0; i < HSM_CHUNK; i++)
		base_buf_free(&b->out[i]);
	free(b);
	return e;
}

static enum base_err
work_sign(struct worker *w)
{
	return work_batch(w, HSM_W_SIGN);
}

static enum base_err
work_cms(struct worker *w)
{
	return work_batch(w, HSM_W_CMS);
}

/* Each operation, and how far the worker must have come for it. */
static const struct {
	enum hsm_worker_op op;
	bool opened, in;
	enum base_err (*handler)(struct worker *w);
} work_table[] = {
	{ HSM_W_OPEN, false, false, work_open },
	{ HSM_W_LOGIN, true, false, work_login },
	{ HSM_W_GENERATE, true, true, work_generate },
	{ HSM_W_SWEEP, true, true, work_sweep },
	{ HSM_W_SIGN, true, true, work_sign },
	{ HSM_W_CMS, true, true, work_cms },
};

static enum base_err
work_one(struct worker *w, uint8_t op)
{
	for (size_t i = 0; i < sizeof(work_table) / sizeof(work_table[0]); i++)
		if ((uint8_t)work_table[i].op == op &&
		    work_table[i].opened == (w->ks != NULL) &&
		    work_table[i].in == w->in)
			return work_table[i].handler(w);
	base_die("worker: operation %u out of turn", op);
}

static void
worker_drop_rights(void)
{
	base_harden_memory();
	/* two workers on one token lose it: never outlive the front */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		base_die("worker: prctl failed");
	if (getppid() == 1)
		exit(0);
	/* a terminal's ^C is the front's affair */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

int
hsm_worker_main(int fd)
{
	struct worker w = { .fd = fd };
	enum base_err e = BASE_OK;
	uint8_t op;

	worker_drop_rights();
	base_buf_init(&w.rx, HSM_WORKER_FRAME);
	base_buf_init(&w.tx, HSM_WORKER_FRAME);
	while (e == BASE_OK) {
		if (hsm_frame_recv(fd, &w.rx, -1) != BASE_OK)
			break; /* the front is done with us */
		base_buf_clear(&w.tx);
		if (base_buf_get_u8(&w.rx, &op) != BASE_OK)
			base_die("worker: empty message");
		e = work_answer(&w, op, work_one(&w, op));
	}
	hsm_ks_free(w.ks);
	base_buf_free(&w.rx);
	base_buf_free(&w.tx);
	return e == BASE_OK ? 0 : 1;
}
