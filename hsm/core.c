/*
 * core: opening and closing, dispatch, and what the handlers in req_*.c have
 * in common. Called by server.c and by unit tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "hsm/core.h"

static void
core_add_mark(struct hsm_core *c)
{
	struct base_buf b;

	if (c->mark <= c->state.mark)
		return;
	base_buf_init(&b, 0);
	hsm_put_mark(&b, c->mark);
	hsm_journal_add(c->journal, HSM_R_MARK, c->now, base_buf_span(&b));
	base_buf_free(&b);
}

void
hsm_core_add(struct hsm_core *c, enum hsm_record kind, struct base_buf *fields)
{
	core_add_mark(c);
	hsm_journal_add(c->journal, kind, c->now, base_buf_span(fields));
	base_buf_free(fields);
}

enum base_err
hsm_core_record(struct hsm_core *c, enum hsm_record kind,
    struct base_buf *fields)
{
	hsm_core_add(c, kind, fields);
	return hsm_journal_sync(c->journal);
}

static void
core_add_why(struct hsm_core *c, enum hsm_record kind, enum wire_hsm_type type,
    const char *why)
{
	struct base_buf b;

	base_buf_init(&b, 0);
	hsm_put_refused(&b, (uint8_t)type, c->uid, why);
	hsm_core_add(c, kind, &b);
}

static bool
core_said_before(struct hsm_core *c, enum wire_hsm_type type, const char *why)
{
	char *text = base_asprintf("%d %u %s", (int)type, c->uid, why);
	struct hsm_said *last = &c->said[c->nsaid % HSM_SAID];
	uint8_t hash[HSM_HASH];

	hsm_sha256((struct base_span){ (const uint8_t *)text, strlen(text) },
	    hash);
	free(text);
	for (size_t i = 0; i < HSM_SAID; i++)
		if (c->said[i].at.ms > c->now.ms - HSM_SAID_MS &&
		    memcmp(c->said[i].hash, hash, HSM_HASH) == 0)
			return true;
	memcpy(last->hash, hash, HSM_HASH);
	last->at = c->now;
	c->nsaid++;
	return false;
}

void
hsm_core_add_refused(struct hsm_core *c, enum wire_hsm_type type,
    const char *why)
{
	base_log(BASE_WARNING, "uid %u: refused: %s", c->uid, why);
	core_add_why(c, HSM_R_REFUSED, type, why);
}

void
hsm_item_refuse(struct hsm_core *c, enum wire_hsm_type type,
    struct wire_hsm_item *item, enum base_err e)
{
	const char *why = base_why();

	item->err = e;
	base_buf_clear(&item->data);
	if (e != BASE_E_OUTAGE || !core_said_before(c, type, why))
		hsm_core_add_refused(c, type, why);
	if (base_buf_put(&item->data, why, strlen(why)) != BASE_OK)
		base_die("answer: %s", base_why());
}

enum base_err
hsm_core_ks(struct hsm_core *c, const char *token, struct hsm_ks **out)
{
	for (size_t i = 0; i < c->conf->ntokens; i++)
		if (strcmp(c->conf->tokens[i].name, token) == 0) {
			*out = c->ks[i];
			return BASE_OK;
		}
	return base_fail(BASE_E_CONFIG,
	    "token %s: holds a key of ours but is no longer in the "
	    "configuration; put it back",
	    token);
}

struct hsm_key_ref
hsm_key_as_ref(const struct hsm_key *k)
{
	struct hsm_key_ref r = { .alg = k->alg,
		.spki = base_buf_span(&k->spki) };

	memcpy(r.id, k->id, HSM_ID);
	return r;
}

enum base_err
hsm_key_check(struct hsm_key *k, struct base_span msg, struct base_span sig)
{
	enum base_err e;

	if (k->verifier == NULL &&
	    (e = hsm_verifier_new(base_buf_span(&k->spki), k->alg,
		 &k->verifier)) != BASE_OK)
		return e;
	return hsm_verifier_check(k->verifier, msg, sig);
}

enum base_err
hsm_core_sweep(struct hsm_core *c, const char *token)
{
	for (size_t i = 0; i < c->state.nkeys; i++) {
		struct hsm_key *k = c->state.keys[i];
		struct hsm_ks *ks = NULL;
		struct base_buf b;
		enum base_err e;

		if (k->state != HSM_KEY_INTENT || strcmp(k->token, token) != 0)
			continue;
		if ((e = hsm_core_ks(c, token, &ks)) != BASE_OK ||
		    (e = ks->ops->sweep(ks->ks, k->id)) != BASE_OK)
			return e;
		base_buf_init(&b, 0);
		hsm_put_swept(&b, k->id);
		if ((e = hsm_core_record(c, HSM_R_SWEPT, &b)) != BASE_OK)
			return e;
	}
	return BASE_OK;
}

/* Approvers may ask for next to nothing, and shall not fill the disk: of their
 * refusals one a minute is for record and log. */
static bool
core_is_said(struct hsm_core *c)
{
	const int64_t since = c->now.ms - c->approver_said.ms;

	if (!hsm_conf_is_approver(c->conf, c->uid))
		return true;
	/* less than nothing: the clock was set back */
	if (since >= 0 && since < HSM_APPROVER_SAID_MS)
		return false;
	c->approver_said = c->now;
	return true;
}

/* ---- dispatch -------------------------------------------------------------- */

/* What is not here is refused. */
#define ANYBODY true

static const struct {
	enum wire_hsm_type type;
	bool fleet; /* the request names its fleet */
	hsm_handler *handler;
	bool anybody; /* also an approver, who is none of uids */
} core_table[] = {
	{ WIRE_HSM_INFO, false, hsm_do_info, ANYBODY },
	{ WIRE_HSM_AUDIT, false, hsm_do_audit, ANYBODY },
	{ WIRE_HSM_APPROVE, true, hsm_do_approve, ANYBODY },
	{ WIRE_HSM_KEYGEN, true, hsm_do_keygen, false },
	{ WIRE_HSM_CERTS, true, hsm_do_certs, false },
	{ WIRE_HSM_ORDERS, true, hsm_do_orders, false },
	{ WIRE_HSM_TOKEN, true, hsm_do_token, false },
	{ WIRE_HSM_BIND, true, hsm_do_bind, false },
	{ WIRE_HSM_FORGET, true, hsm_do_forget, false },
	{ WIRE_HSM_TELL, true, hsm_do_tell, false },
	{ WIRE_HSM_SHOW, true, hsm_do_show, false },
	{ WIRE_HSM_RECALL, true, hsm_do_recall, false },
	{ WIRE_HSM_KNOWN, true, hsm_do_known, false },
};

/* kedged counts these requests, durably and before it asks: who asks with a
 * number from before has forgotten what it has asked since. The same number
 * again is the same request after a broken connection. One that leaves no
 * record changes nothing, and is not counted here. */
static enum base_err
core_mark(struct hsm_core *c, const struct wire_hsm_request *r)
{
	if (!wire_hsm_is_marked(r->type))
		return BASE_OK;
	if (r->mark < c->state.mark)
		return base_fail(BASE_E_EXISTS,
		    "request: this is kedged's number %llu, but %llu was "
		    "answered: its store is an old copy",
		    (unsigned long long)r->mark,
		    (unsigned long long)c->state.mark);
	c->mark = r->mark;
	return BASE_OK;
}

static enum base_err
core_dispatch(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	enum base_err e;

	for (size_t i = 0; i < sizeof(core_table) / sizeof(core_table[0]);
	     i++) {
		if (core_table[i].type != r->type)
			continue;
		if (core_table[i].fleet &&
		    strcmp(r->fleet, c->conf->fleet) != 0)
			return base_fail(BASE_E_REFUSED,
			    "request: is of fleet \"%s\", this is kedge-hsmd "
			    "of \"%s\"",
			    r->fleet, c->conf->fleet);
		if (!core_table[i].anybody &&
		    hsm_conf_is_approver(c->conf, c->uid))
			return base_fail(BASE_E_DENIED,
			    "request: user %u approves, and asks for nothing "
			    "else",
			    c->uid);
		e = core_mark(c, r);
		return e != BASE_OK ? e : core_table[i].handler(c, r, a);
	}
	return base_fail(BASE_E_REFUSED, "request: type %d is unknown",
	    (int)r->type);
}

uint64_t
hsm_core_count(const struct hsm_core *c)
{
	uint8_t head[HSM_HASH];
	uint64_t n;

	hsm_journal_head(c->journal, head, &n);
	return n;
}

/* A refusal is for the record. So is a token that failed after something was
 * recorded; one that is just not there is for the log, however often it is
 * asked. */
static void
core_refuse(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a, enum base_err e)
{
	bool failed = e == BASE_E_AGAIN || e == BASE_E_IO ||
	    e == BASE_E_DENIED || e == BASE_E_INTEGRITY;
	char *why = base_strdup(base_why());

	wire_hsm_answer_clear(a);
	a->type = r->type;
	a->id = r->id;
	a->err = e;
	strncpy(a->why, why, sizeof(a->why) - 1);
	if (!core_is_said(c)) {
		free(why);
		return;
	}
	if (failed) {
		base_log(BASE_WARNING, "request: not done: %s", why);
		if (hsm_core_count(c) != c->count)
			core_add_why(c, HSM_R_FAILED, r->type, why);
	} else if (e != BASE_E_OUTAGE || !core_said_before(c, r->type, why))
		hsm_core_add_refused(c, r->type, why);
	if (hsm_journal_sync(c->journal) != BASE_OK)
		base_log(BASE_ERR, "journal: %s", base_why());
	free(why);
}

void
hsm_core_handle(struct hsm_core *c, uint32_t uid,
    const struct wire_hsm_request *r, struct wire_hsm_answer *a)
{
	enum base_err e;

	memset(a, 0, sizeof(*a));
	a->type = r->type;
	a->id = r->id;
	c->now = c->clock();
	c->uid = uid;
	c->count = hsm_core_count(c);
	c->mark = 0;
	e = core_dispatch(c, r, a);
	if (e != BASE_OK)
		core_refuse(c, r, a, e);
}

void
hsm_core_garbage(struct hsm_core *c, uint32_t uid, const char *why)
{
	c->now = c->clock();
	c->uid = uid;
	if (!core_is_said(c))
		return;
	hsm_core_add_refused(c, (enum wire_hsm_type)0, why);
	if (hsm_journal_sync(c->journal) != BASE_OK)
		base_log(BASE_ERR, "journal: %s", base_why());
}

/* ---- open and close ------------------------------------------------------------ */

static enum base_err
core_lock(struct hsm_core *c)
{
	char *path = base_asprintf("%s/lock", c->conf->state);
	enum base_err e = BASE_OK;

	c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->lock < 0)
		e = base_fail(BASE_E_IO, "%s: %s", path, strerror(errno));
	else if (flock(c->lock, LOCK_EX | LOCK_NB) != 0)
		e = base_fail(BASE_E_STATE,
		    "%s: another kedge-hsmd uses this state", path);
	free(path);
	return e;
}

static enum base_err
core_load(struct hsm_core *c)
{
	char *path = base_asprintf("%s/journal", c->conf->state);
	struct base_buf b;
	enum base_err e =
	    hsm_journal_open(path, hsm_state_apply, &c->state, &c->journal);

	free(path);
	if (e != BASE_OK)
		return e;
	if (c->state.fleet[0] != '\0' &&
	    strcmp(c->state.fleet, c->conf->fleet) != 0)
		return base_fail(BASE_E_CONFIG,
		    "%s: is the state of fleet \"%s\", not of \"%s\"",
		    c->conf->state, c->state.fleet, c->conf->fleet);
	c->now = c->clock();
	base_buf_init(&b, 0);
	hsm_put_start(&b, c->conf->fleet);
	return hsm_core_record(c, HSM_R_START, &b);
}

enum base_err
hsm_core_open(const struct hsm_conf *conf, struct hsm_ks *const ks[HSM_TOKENS],
    struct base_time (*clock)(void), struct hsm_core **out)
{
	struct hsm_core *c = base_alloc(sizeof(*c));
	enum base_err e;

	c->conf = conf;
	c->clock = clock;
	c->lock = -1;
	memcpy(c->ks, ks, sizeof(c->ks));
	if ((e = base_dir_make(conf->state, 0700)) != BASE_OK ||
	    (e = core_lock(c)) != BASE_OK || (e = core_load(c)) != BASE_OK) {
		hsm_core_close(c);
		return e;
	}
	for (size_t i = 0; i < conf->ntokens; i++)
		if (c->ks[i]->ops->ready(c->ks[i]->ks) != BASE_OK ||
		    hsm_core_sweep(c, conf->tokens[i].name) != BASE_OK)
			base_log(BASE_WARNING, "%s", base_why());
	*out = c;
	return BASE_OK;
}

void
hsm_core_close(struct hsm_core *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < HSM_TOKENS; i++)
		hsm_ks_free(c->ks[i]);
	hsm_journal_close(c->journal);
	hsm_state_clear(&c->state);
	if (c->lock >= 0)
		close(c->lock);
	free(c);
}
