/*
 * live: an application in the simulator, in place of agentd/live.c. It reads
 * the files that were rendered when it is told to, or when it restarts just
 * then; connections that began before go on for its time-out. See sim.h.
 */
#include "tests/sim/sim.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)

/* ---- the application ------------------------------------------------------------- */

static void
read_file(const char *path, struct base_buf *out)
{
	base_buf_init(out, 0);
	if (path != NULL && base_file_read(path, FILE_MAX, out) != BASE_OK)
		base_buf_clear(out); /* not there yet */
}

static void
read_face(const struct ag_side *s, struct sim_face *f)
{
	uint8_t sums[2][32];

	read_file(s->trust, &f->trust);
	read_file(s->chain, &f->chain);
	SHA256(f->trust.p, f->trust.n, sums[0]);
	SHA256(f->chain.p, f->chain.n, sums[1]);
	SHA256(sums[0], sizeof(sums), f->sum);
	f->until = INT64_MAX;
}

/* What is loaded in quiet fits: the leaf is for the key beside it. */
static void
check_key(const struct sim_node *n, const struct ag_side *s, struct sim_face *f)
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	struct base_buf b;

	read_file(s->key, &b);
	if (b.n > 0 && f->chain.n > 0) {
		if (wire_x509_stack_from_pem(base_buf_span(&f->chain), "sim",
			&chain) != BASE_OK ||
		    wire_key_from_pem(base_buf_span(&b), &key) != BASE_OK ||
		    X509_check_private_key(sk_X509_value(chain, 0), key) != 1)
			sim_fail("%s: its application's key is not that of "
				 "its certificate",
			    n->name);
		SHA256(b.p, b.n, f->key);
	}
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
	base_buf_free(&b);
}

static void
count_key(const struct sim_face *now, const struct sim_face *before)
{
	static const uint8_t none[32];

	if (memcmp(before->key, none, 32) != 0 &&
	    memcmp(now->key, none, 32) != 0 &&
	    memcmp(now->key, before->key, 32) != 0)
		sim_count(SIM_REKEYED);
}

static void
drop(struct sim_face *f)
{
	base_buf_free(&f->trust);
	base_buf_free(&f->chain);
	memset(f, 0, sizeof(*f));
}

static void
put_face(struct sim_face face[SIM_FACES], struct sim_face *f, int64_t linger)
{
	for (size_t i = 1; linger == 0 && i < SIM_FACES; i++)
		drop(&face[i]);
	if (face[0].until != 0 && memcmp(face[0].sum, f->sum, 32) == 0) {
		drop(f);
		return;
	}
	if (linger == 0) {
		drop(&face[0]);
	} else {
		drop(&face[SIM_FACES - 1]);
		memmove(&face[1], &face[0], (SIM_FACES - 1) * sizeof(face[0]));
		face[1].until = face[1].until == 0 ? 0 : sim.now + linger;
	}
	face[0] = *f;
}

/* A node that is killed between two of its files still has its application,
 * so its configuration is read apart from the agent's. */
void
sim_app_load(struct sim_node *n, bool calm)
{
	char *text = sim_net_conf(n);
	struct ag_config *conf = NULL;
	const struct ag_app *a;
	struct sim_face f;

	if (ag_config_parse(text, n->name, &conf) != BASE_OK)
		base_die("sim: %s", base_why());
	a = &conf->apps[0];
	for (int s = 0; s < 2 && (n->serves || calm); s++) {
		if (!a->side[s].on)
			continue;
		read_face(&a->side[s], &f);
		if (calm) {
			check_key(n, &a->side[s], &f);
			count_key(&f, &n->face[s][0]);
		}
		put_face(n->face[s], &f, calm ? a->settle_ms : 0);
	}
	n->serves |= calm;
	ag_config_free(conf);
	free(text);
	sim_look(n);
}

void
sim_app_end(struct sim_node *n)
{
	for (int s = 0; s < 2; s++)
		for (size_t i = 1; i < SIM_FACES; i++)
			drop(&n->face[s][i]);
}

/* ---- agentd/live.c ------------------------------------------------------------------ */

struct ag_live {
	struct ag_live_conf c;
	struct event *timer;
	bool loaded; /* what is left is to settle */
	enum base_err e;
};

static void
end(struct ag_live *l)
{
	struct ag_live_conf c = l->c;
	enum base_err e = l->e;

	ag_live_cancel(l);
	if (e != BASE_OK && e != BASE_E_AGAIN)
		e = base_fail(e, "the application refuses its files");
	c.done(c.arg, e, c.order == NULL ? WIRE_PROOF_NONE : WIRE_PROOF_PROBE);
}

static void
after(struct ag_live *l, int64_t ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_add(l->timer, &tv);
}

static void
load_late(void *arg)
{
	sim_app_load(arg, true);
}

static void
go_live(struct ag_live *l)
{
	struct sim_node *n = sim.node;
	bool refuses = l->c.order != NULL && n->serves &&
	    (l->c.order->steps & WIRE_STEP_JOIN) == 0 &&
	    sim_chance(sim.weather.refusal);
	bool changed;

	l->e = ag_render_app(l->c.holdings, &l->c.conf->apps[0], &changed);
	if (l->e == BASE_OK && refuses)
		l->e = BASE_E_REFUSED;
	/* no room for them; refused by its check, or only by the probe */
	if (l->e == BASE_E_AGAIN || (l->e != BASE_OK && sim_dice(2) == 0)) {
		end(l);
		return;
	}
	l->loaded = true;
	if (sim.hasty && n->serves) {
		sim_at(20 * SIM_SECOND, load_late, n);
		after(l, 1);
		return;
	}
	if (l->c.order != NULL &&
	    ag_app_must_kick(&l->c.conf->apps[0], l->c.order) &&
	    l->c.conf->apps[0].kick != NULL) {
		sim_count(SIM_KICKED);
		sim_app_end(n);
	}
	sim_app_load(n, true);
	after(l,
	    l->c.order == NULL ? 1 : (int64_t)l->c.conf->apps[0].settle_ms);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ag_live *l = arg;

	(void)fd;
	(void)what;
	if (l->loaded)
		end(l);
	else
		go_live(l);
}

struct ag_live *
ag_live_start(const struct ag_live_conf *c)
{
	struct ag_live *l = base_alloc(sizeof(*l));

	l->c = *c;
	l->timer = event_new(c->eb, -1, 0, on_timer, l);
	after(l, 10 + (int64_t)sim_dice(400));
	return l;
}

void
ag_live_cancel(struct ag_live *l)
{
	if (l == NULL)
		return;
	event_free(l->timer);
	free(l);
}
