/*
 * agentd/state: per root, which order is in work and what was last reported.
 * One file, so that every change is one rename; the last 32 bytes are the
 * SHA-256 of the rest. Used by job.c.
 */
#include <stdlib.h>
#include <string.h>

#include "agentd/store.h"

#define MAGIC	  "kedge state 2\n"
#define STATE_MAX ((size_t)1 << 20)

void
ag_state_clear(struct ag_state *st)
{
	base_buf_free(&st->order);
	base_buf_free(&st->report);
	memset(st, 0, sizeof *st);
}

static enum base_err
get_bytes(struct base_buf *b, uint8_t *out, size_t n)
{
	struct base_span s;
	enum base_err r;

	if ((r = base_buf_get_blob(b, &s)) != BASE_OK)
		return r;
	if (s.n != n)
		return base_fail(BASE_E_SYNTAX, "state: wrong length");
	memcpy(out, s.p, n);
	return BASE_OK;
}

static enum base_err
get_copy(struct base_buf *b, struct base_buf *out)
{
	struct base_span s;
	enum base_err r;

	if ((r = base_buf_get_blob(b, &s)) != BASE_OK)
		return r;
	return base_buf_put(out, s.p, s.n);
}

static enum base_err
get_route(struct base_buf *b, struct ag_state *st)
{
	enum base_err r;
	char *s;

	if ((r = base_buf_get_u8(b, &st->nroute)) != BASE_OK)
		return r;
	if (st->nroute > WIRE_ROUTE_MAX)
		return base_fail(BASE_E_SYNTAX, "state: route too long");
	for (size_t i = 0; i < st->nroute; i++) {
		if ((r = base_buf_get_str(b, BASE_NAME_MAX, &s)) != BASE_OK)
			return r;
		strcpy(st->route[i], s);
		free(s);
	}
	return BASE_OK;
}

/* What another release has written may mean something else. */
static enum base_err
get_magic(struct base_buf *b)
{
	struct base_span s;
	enum base_err r;

	if ((r = base_buf_get_blob(b, &s)) != BASE_OK)
		return r;
	if (s.n == sizeof MAGIC - 1 && memcmp(s.p, MAGIC, s.n) == 0)
		return BASE_OK;
	return base_fail(BASE_E_STATE,
	    "is of another format than this kedge-agentd writes (%.13s); start "
	    "the release that wrote it, or let the node join again with an "
	    "empty store",
	    MAGIC);
}

static enum base_err
parse(struct base_buf *b, struct ag_state *st)
{
	uint8_t phase, acked, rekeyed;
	uint64_t mark;
	enum base_err r;

	if ((r = get_magic(b)) != BASE_OK ||
	    (r = base_buf_get_u64(b, &st->highest)) != BASE_OK ||
	    (r = get_bytes(b, st->digest, 32)) != BASE_OK ||
	    (r = base_buf_get_u8(b, &phase)) != BASE_OK ||
	    (r = base_buf_get_u8(b, &acked)) != BASE_OK ||
	    (r = base_buf_get_u8(b, &rekeyed)) != BASE_OK ||
	    (r = get_bytes(b, st->report_digest, 32)) != BASE_OK ||
	    (r = base_buf_get_u64(b, &st->mark_epoch)) != BASE_OK ||
	    (r = base_buf_get_u64(b, &mark)) != BASE_OK ||
	    (r = get_route(b, st)) != BASE_OK ||
	    (r = get_copy(b, &st->order)) != BASE_OK ||
	    (r = get_copy(b, &st->report)) != BASE_OK ||
	    (r = base_buf_get_end(b)) != BASE_OK)
		return r;
	if (phase > AG_FAILED || mark > INT64_MAX)
		return base_fail(BASE_E_SYNTAX, "state: impossible values");
	st->phase = (enum ag_phase)phase;
	st->acked = acked != 0;
	st->mark.ms = (int64_t)mark;
	st->rekeyed = rekeyed != 0;
	return BASE_OK;
}

enum base_err
ag_state_read(struct ag_store *s, const char *root, struct ag_state *out)
{
	char *path = base_asprintf("%s/%s/state", s->dir, root);
	uint8_t sum[32];
	struct base_buf b;
	enum base_err r;

	memset(out, 0, sizeof *out);
	base_buf_init(&out->order, 0);
	base_buf_init(&out->report, 0);
	base_buf_init(&b, STATE_MAX);
	r = base_file_read(path, STATE_MAX, &b);
	if (r == BASE_E_NOTFOUND) {
		r = BASE_OK;
		goto out;
	}
	if (r != BASE_OK)
		goto out;
	if (b.n > 32)
		wire_digest((struct base_span){ b.p, b.n - 32 }, sum);
	if (b.n <= 32 || memcmp(sum, b.p + b.n - 32, 32) != 0) {
		r = base_fail(BASE_E_INTEGRITY,
		    "%s: damaged; the node must join again", path);
		goto out;
	}
	b.n -= 32;
	if ((r = parse(&b, out)) != BASE_OK)
		r = base_fail(r == BASE_E_STATE ? r : BASE_E_INTEGRITY,
		    "%s: %s", path, base_why());
out:
	base_buf_free(&b);
	free(path);
	return r;
}

static enum base_err
compose(const struct ag_state *st, struct base_buf *b)
{
	struct base_span magic = { (const uint8_t *)MAGIC, sizeof MAGIC - 1 };
	enum base_err r;

	if ((r = base_buf_put_blob(b, magic)) != BASE_OK ||
	    (r = base_buf_put_u64(b, st->highest)) != BASE_OK ||
	    (r = base_buf_put_blob(b, (struct base_span){ st->digest, 32 })) !=
		BASE_OK ||
	    (r = base_buf_put_u8(b, (uint8_t)st->phase)) != BASE_OK ||
	    (r = base_buf_put_u8(b, st->acked)) != BASE_OK ||
	    (r = base_buf_put_u8(b, st->rekeyed)) != BASE_OK ||
	    (r = base_buf_put_blob(b,
		 (struct base_span){ st->report_digest, 32 })) != BASE_OK ||
	    (r = base_buf_put_u64(b, st->mark_epoch)) != BASE_OK ||
	    (r = base_buf_put_u64(b, (uint64_t)st->mark.ms)) != BASE_OK ||
	    (r = base_buf_put_u8(b, st->nroute)) != BASE_OK)
		return r;
	for (size_t i = 0; i < st->nroute; i++)
		if ((r = base_buf_put_str(b, st->route[i])) != BASE_OK)
			return r;
	if ((r = base_buf_put_blob(b, base_buf_span(&st->order))) != BASE_OK)
		return r;
	return base_buf_put_blob(b, base_buf_span(&st->report));
}

enum base_err
ag_state_write(struct ag_store *s, const char *root, const struct ag_state *st)
{
	char *path = base_asprintf("%s/%s/state", s->dir, root);
	uint8_t sum[32];
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, STATE_MAX);
	if ((r = compose(st, &b)) == BASE_OK) {
		wire_digest(base_buf_span(&b), sum);
		r = base_buf_put(&b, sum, sizeof sum);
	}
	if (r == BASE_OK)
		r = base_file_write(path, base_buf_span(&b), 0600);
	base_buf_free(&b);
	free(path);
	return r;
}
