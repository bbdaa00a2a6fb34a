/*
 * approve: APPROVE: which directions approvers have let be cut. kedged says
 * who is excused and which link is gone; where there are approvers that only
 * counts when enough of them have said of each direction, by themselves and at
 * this socket, that it may be cut. An approval is of one list and one
 * generation to which its root goes; it ends with the next generation. So is
 * the way back to a generation whose key may be in wrong hands: a list of
 * nothing, to that generation. A yes can be withdrawn: from then on nothing is
 * signed by it, and what was stays signed. With it goes the same user's yes to
 * every list that shares a direction, which would be cut by that one otherwise.
 * It is not given again to the same list, so an old one that comes once more
 * revives nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/core.h"
#include "hsm/holds.h"

/* An approver's, of one root and generation; each is kept for good. */
#define LISTS_MAX 32

struct hsm_approval {
	char root[BASE_NAME_MAX + 1];
	uint32_t to;
	uint32_t last; /* the root's newest, then: it ends with the next */
	struct base_buf item; /* the list as it came; what makes it one */
	struct wire_hsm_cuts cuts;
	size_t nyes;
	struct yes {
		uint32_t uid;
		bool withdrawn; /* for good */
	} * yes; /* each user's, once */
};

/* ---- the fold ---------------------------------------------------------------- */

/* The newest generation that has a certificate: to it, or back from it, the
 * root rolls. */
static uint32_t
newest(const struct hsm_state *s, const char *root)
{
	uint32_t g = 0;

	for (size_t i = 0; i < s->nkeys; i++) {
		const struct hsm_key *k = s->keys[i];

		if (k->has_root && !k->order_signer && k->generation > g &&
		    strcmp(k->root, root) == 0)
			g = k->generation;
	}
	return g;
}

static struct hsm_approval *
approval_get(const struct hsm_state *s, const struct hsm_approved *v)
{
	const uint32_t last = newest(s, v->root);

	for (size_t i = 0; i < s->napprovals; i++) {
		struct hsm_approval *a = &s->approvals[i];

		if (strcmp(a->root, v->root) == 0 && a->to == v->to &&
		    a->last == last && a->item.n == v->cuts.n &&
		    memcmp(a->item.p, v->cuts.p, v->cuts.n) == 0)
			return a;
	}
	return NULL;
}

static void
approval_free(struct hsm_approval *a)
{
	base_buf_free(&a->item);
	wire_hsm_cuts_clear(&a->cuts);
	free(a->yes);
}

static enum base_err
approval_add(struct hsm_state *s, const struct hsm_approved *v)
{
	struct hsm_approval a = { .to = v->to, .last = newest(s, v->root) };
	enum base_err e;

	snprintf(a.root, sizeof(a.root), "%s", v->root);
	base_buf_init(&a.item, 0);
	if ((e = base_buf_put(&a.item, v->cuts.p, v->cuts.n)) != BASE_OK ||
	    (e = wire_hsm_cuts_parse(v->cuts, &a.cuts)) != BASE_OK) {
		approval_free(&a);
		return e;
	}
	s->approvals = base_realloc_array(s->approvals, s->napprovals + 1,
	    sizeof(*s->approvals));
	s->approvals[s->napprovals++] = a;
	return BASE_OK;
}

/* Withdrawn or not; NULL: none. */
static struct yes *
yes_of(const struct hsm_approval *a, uint32_t uid)
{
	for (size_t i = 0; a != NULL && i < a->nyes; i++)
		if (a->yes[i].uid == uid)
			return &a->yes[i];
	return NULL;
}

static enum base_err
approved_get(struct base_buf *b, struct hsm_approved *v,
    char root[BASE_NAME_MAX + 1])
{
	enum base_err e;

	v->root = root;
	if ((e = base_buf_get_u32(b, &v->uid)) != BASE_OK ||
	    (e = hsm_get_name(b, root, false)) != BASE_OK ||
	    (e = base_buf_get_u32(b, &v->to)) != BASE_OK)
		return e;
	return base_buf_get_blob(b, &v->cuts);
}

enum base_err
hsm_apply_approved(struct hsm_state *s, struct base_buf *b)
{
	char root[BASE_NAME_MAX + 1];
	struct hsm_approved v;
	struct hsm_approval *a;
	enum base_err e;

	if ((e = approved_get(b, &v, root)) != BASE_OK ||
	    (approval_get(s, &v) == NULL &&
		(e = approval_add(s, &v)) != BASE_OK))
		return e;
	a = approval_get(s, &v);
	if (yes_of(a, v.uid) != NULL)
		return BASE_OK;
	a->yes = base_realloc_array(a->yes, a->nyes + 1, sizeof(*a->yes));
	a->yes[a->nyes++] = (struct yes){ v.uid, false };
	return BASE_OK;
}

enum base_err
hsm_apply_withdrawn(struct hsm_state *s, struct base_buf *b)
{
	char root[BASE_NAME_MAX + 1];
	struct hsm_approved v;
	struct yes *yes;
	enum base_err e;

	if ((e = approved_get(b, &v, root)) != BASE_OK)
		return e;
	if ((yes = yes_of(approval_get(s, &v), v.uid)) == NULL)
		return base_fail(BASE_E_INTEGRITY,
		    "a yes withdrawn that was never said");
	yes->withdrawn = true;
	return BASE_OK;
}

void
hsm_approvals_free(struct hsm_state *s)
{
	for (size_t i = 0; i < s->napprovals; i++)
		approval_free(&s->approvals[i]);
	free(s->approvals);
}

/* ---- what is approved --------------------------------------------------------- */

/* Of those who are approvers today. */
static uint32_t
count(const struct hsm_core *c, const struct hsm_approval *a)
{
	uint32_t n = 0;

	for (size_t i = 0; i < a->nyes; i++)
		n += !a->yes[i].withdrawn &&
		    hsm_conf_is_approver(c->conf, a->yes[i].uid);
	return n;
}

static bool
lists(const struct hsm_approval *a, const char *presenter, const char *verifier)
{
	for (size_t i = 0; i < a->cuts.n; i++)
		if (strcmp(a->cuts.cut[i].presenter, presenter) == 0 &&
		    strcmp(a->cuts.cut[i].verifier, verifier) == 0)
			return true;
	return false;
}

static bool
may_cut(const struct hsm_core *c, const char *root, const char *presenter,
    const char *verifier)
{
	const uint32_t to = newest(&c->state, root);

	for (size_t i = 0; i < c->state.napprovals; i++) {
		const struct hsm_approval *a = &c->state.approvals[i];

		if (a->to == to && strcmp(a->root, root) == 0 &&
		    a->cuts.start.ms <= c->now.ms &&
		    count(c, a) >= c->conf->approvals &&
		    lists(a, presenter, verifier))
			return true;
	}
	return false;
}

/* Each direction of the link that this root verifies. */
static bool
link_may_be_cut(const struct hsm_core *c, const struct hsm_link *l,
    const char *root)
{
	const char *client = l->client->name, *server = l->server->name;

	return (strcmp(l->client_root, root) != 0 ||
		   may_cut(c, root, client, server)) &&
	    (strcmp(l->server_root, root) != 0 ||
		may_cut(c, root, server, client));
}

bool
hsm_excuse_counts(const struct hsm_core *c, const struct hsm_node *n,
    const char *root)
{
	bool all = true;

	if (!hsm_is_excused(n, root) || c->conf->napprovers == 0)
		return hsm_is_excused(n, root);
	if (strcmp(root, HSM_MANAGEMENT) == 0)
		all = may_cut(c, root, n->name, HSM_CA) &&
		    may_cut(c, root, HSM_CA, n->name);
	for (size_t i = 0; all && i < n->nas_client; i++)
		all = link_may_be_cut(c, n->as_client[i], root);
	for (size_t i = 0; all && i < n->nas_server; i++)
		all = link_may_be_cut(c, n->as_server[i], root);
	return all;
}

/* A root at rest loses nothing by it. */
static bool
link_may_go_under(const struct hsm_core *c, const struct hsm_link *l,
    const char *root)
{
	return root[0] == '\0' || !hsm_root_rolls(c, root) ||
	    link_may_be_cut(c, l, root);
}

bool
hsm_link_may_go(const struct hsm_core *c, const struct hsm_link *l)
{
	return c->conf->napprovers == 0 ||
	    (link_may_go_under(c, l, l->server_root) &&
		link_may_go_under(c, l, l->client_root));
}

bool
hsm_node_may_go(const struct hsm_core *c, const struct hsm_node *n)
{
	bool may = true;

	if (c->conf->napprovers == 0)
		return true;
	for (size_t i = 0; may && i < n->nas_client; i++)
		may = hsm_link_may_go(c, n->as_client[i]);
	for (size_t i = 0; may && i < n->nas_server; i++)
		may = hsm_link_may_go(c, n->as_server[i]);
	return may;
}

bool
hsm_return_is_approved(const struct hsm_core *c, const char *root, uint32_t to)
{
	const uint32_t last = newest(&c->state, root);

	for (size_t i = 0; i < c->state.napprovals; i++) {
		const struct hsm_approval *a = &c->state.approvals[i];

		if (a->cuts.n == 0 && a->to == to && a->last == last &&
		    strcmp(a->root, root) == 0 &&
		    a->cuts.start.ms <= c->now.ms &&
		    count(c, a) >= c->conf->approvals)
			return true;
	}
	return false;
}

/* ---- APPROVE -------------------------------------------------------------------- */

/* Directions, on the way to the newest generation or back from it; or nothing
 * but the way back to a stolen one. */
static enum base_err
check_list(const struct hsm_core *c, const struct wire_hsm_request *r, size_t n)
{
	const uint32_t last = newest(&c->state, r->key.root);

	if (n > 0 && r->key.generation != last)
		return base_fail(BASE_E_STATE,
		    "approval: root %s does not roll to generation %u, its "
		    "newest is %u",
		    r->key.root, r->key.generation, last);
	if (n == 0 &&
	    (r->key.generation >= last ||
		!hsm_is_stolen(&c->state, r->key.root, r->key.generation)))
		return base_fail(BASE_E_USAGE,
		    "approval: of nothing; only of the way back to a "
		    "generation whose key may be in wrong hands that is enough");
	return BASE_OK;
}

/* The list without what only answers say. */
static enum base_err
item_of(const struct hsm_core *c, const struct wire_hsm_request *r,
    struct base_buf *out)
{
	struct wire_hsm_cuts cuts;
	enum base_err e;

	if (!hsm_conf_is_approver(c->conf, c->uid))
		return base_fail(BASE_E_DENIED,
		    "approval: user %u is none of the approvers", c->uid);
	if (r->nitems != 1)
		return base_fail(BASE_E_USAGE,
		    "approval: is of one list at a time");
	if ((e = wire_hsm_cuts_parse(base_buf_span(&r->items[0]), &cuts)) !=
	    BASE_OK)
		return e;
	cuts.have = cuts.need = 0;
	if ((e = check_list(c, r, cuts.n)) == BASE_OK)
		e = wire_hsm_cuts_compose(&cuts, out);
	wire_hsm_cuts_clear(&cuts);
	return e;
}

static bool
is_of_roll(const struct hsm_approval *a, const char *root, uint32_t to,
    uint32_t last)
{
	return a->last == last && a->to == to && strcmp(a->root, root) == 0;
}

static enum base_err
check_room(const struct hsm_core *c, const struct hsm_approved *v)
{
	const uint32_t last = newest(&c->state, v->root);
	size_t n = 0;

	for (size_t i = 0; i < c->state.napprovals; i++) {
		const struct hsm_approval *a = &c->state.approvals[i];

		n += is_of_roll(a, v->root, v->to, last) &&
		    yes_of(a, c->uid) != NULL;
	}
	if (n < LISTS_MAX)
		return BASE_OK;
	return base_fail(BASE_E_REFUSED,
	    "approval: user %u has approved %d lists of root %s, generation "
	    "%u, and that is the most; take nodes back that are excused (kedge "
	    "roll return), or let another user approve",
	    c->uid, LISTS_MAX, v->root, v->to);
}

static void
say_approved(const struct hsm_core *c, const struct hsm_approval *a)
{
	base_log(BASE_WARNING,
	    "root %s, to generation %u: user %u lets %zu directions be cut, "
	    "%u of %u",
	    a->root, a->to, c->uid, a->cuts.n, count(c, a), c->conf->approvals);
	if (a->cuts.n == 0)
		base_log(BASE_WARNING,
		    "root %s: generation %u may come back, whatever became of "
		    "its key",
		    a->root, a->to);
	for (size_t i = 0; i < a->cuts.n; i++)
		base_log(BASE_WARNING, "root %s: %s to %s may be cut", a->root,
		    a->cuts.cut[i].presenter, a->cuts.cut[i].verifier);
}

static enum base_err
approve(struct hsm_core *c, const struct hsm_approved *v)
{
	const struct yes *yes = yes_of(approval_get(&c->state, v), v->uid);
	struct base_buf b;
	enum base_err e;

	if (yes != NULL && yes->withdrawn)
		return base_fail(BASE_E_STATE,
		    "approval: user %u has withdrawn his yes to this list, and "
		    "an old one does not count again; to approve it after all "
		    "take a new list, of another time (kedge --json roll cuts "
		    "--deadline TIME %s)",
		    v->uid, v->root);
	if (yes != NULL)
		return BASE_OK;
	if ((e = check_room(c, v)) != BASE_OK)
		return e;
	base_buf_init(&b, 0);
	hsm_put_approved(&b, v);
	if ((e = hsm_core_record(c, HSM_R_APPROVED, &b)) == BASE_OK)
		say_approved(c, approval_get(&c->state, v));
	return e;
}

/* What a says yes to, b does, at least in part. */
static bool
meet(const struct hsm_approval *a, const struct hsm_approval *b)
{
	return is_of_roll(a, b->root, b->to, b->last) &&
	    wire_hsm_cuts_meet(&a->cuts, &b->cuts);
}

static enum base_err
withdraw_one(struct hsm_core *c, const struct hsm_approval *a, bool named)
{
	const struct hsm_approved v = { c->uid, a->root, a->to,
		base_buf_span(&a->item) };
	char start[BASE_RFC3339_LEN] = "now";
	struct base_buf b;
	enum base_err e;

	base_buf_init(&b, 0);
	hsm_put_approved(&b, &v);
	if ((e = hsm_core_record(c, HSM_R_WITHDRAWN, &b)) != BASE_OK)
		return e;
	if (a->cuts.start.ms != 0)
		base_time_format(a->cuts.start, start);
	base_log(BASE_WARNING,
	    "root %s, to generation %u: user %u has withdrawn his yes to a "
	    "list of %zu directions, from %s on%s, %u of %u; what was signed "
	    "stays signed",
	    a->root, a->to, c->uid, a->cuts.n, start,
	    named ? "" : ", as it overlaps the one he named", count(c, a),
	    c->conf->approvals);
	return BASE_OK;
}

/* Of this very list, of the generation that is the newest now, and of each that
 * meets it. */
static enum base_err
withdraw(struct hsm_core *c, const struct hsm_approved *v)
{
	const struct hsm_approval *a = approval_get(&c->state, v);
	enum base_err e = BASE_OK;

	if (yes_of(a, v->uid) == NULL)
		return base_fail(BASE_E_NOTFOUND,
		    "approval: user %u has not approved this list, so there is "
		    "nothing to withdraw; it takes the file that was approved",
		    v->uid);
	for (size_t i = 0; e == BASE_OK && i < c->state.napprovals; i++) {
		const struct hsm_approval *p = &c->state.approvals[i];
		const struct yes *yes = yes_of(p, v->uid);

		if (yes != NULL && !yes->withdrawn && meet(p, a))
			e = withdraw_one(c, p, p == a);
	}
	return e;
}

/* *out: the list as it is approved now; the state's. */
static enum base_err
say(struct hsm_core *c, const struct wire_hsm_request *r,
    const struct hsm_approval **out)
{
	struct base_buf item;
	struct hsm_approved v = { c->uid, r->key.root, r->key.generation,
		{ NULL, 0 } };
	enum base_err e;

	base_buf_init(&item, HSM_RECORD_MAX / 2);
	if ((e = item_of(c, r, &item)) == BASE_OK) {
		v.cuts = base_buf_span(&item);
		e = r->withdraw ? withdraw(c, &v) : approve(c, &v);
	}
	*out = e == BASE_OK ? approval_get(&c->state, &v) : NULL;
	base_buf_free(&item);
	return e;
}

static enum base_err
answer_add(struct wire_hsm_answer *a, const struct wire_hsm_cuts *cuts)
{
	struct base_buf *b = &a->items[a->nitems++].data;

	base_buf_init(b, 0);
	return wire_hsm_cuts_compose(cuts, b);
}

/* Is p for the answer? Without a list in the request, only is NULL, all are
 * that somebody approves. */
static bool
is_asked(const struct hsm_core *c, const struct wire_hsm_request *r,
    const struct hsm_approval *only, const struct hsm_approval *p)
{
	const struct yes *yes = yes_of(p, c->uid);

	if (only == NULL)
		return count(c, p) > 0;
	return p == only ||
	    (r->withdraw && yes != NULL && yes->withdrawn && meet(p, only));
}

/* An empty list first: so many would have to approve. Of what was withdrawn
 * with the one named only the head, for the lists can be long. */
static enum base_err
answer(const struct hsm_core *c, const struct wire_hsm_request *r,
    const struct hsm_approval *only, struct wire_hsm_answer *a)
{
	const uint32_t need = c->conf->napprovers == 0 ? 0 : c->conf->approvals;
	const uint32_t last = newest(&c->state, r->key.root);
	const struct wire_hsm_cuts none = { .need = need };
	enum base_err e;

	a->items = base_alloc(WIRE_HSM_BATCH * sizeof(*a->items));
	e = answer_add(a, &none);
	for (size_t i = 0; e == BASE_OK && i < c->state.napprovals; i++) {
		const struct hsm_approval *p = &c->state.approvals[i];
		struct wire_hsm_cuts cuts = p->cuts;

		if (!is_of_roll(p, r->key.root, r->key.generation, last) ||
		    a->nitems == WIRE_HSM_BATCH || !is_asked(c, r, only, p))
			continue;
		cuts.have = count(c, p);
		cuts.need = need;
		if (only != NULL && p != only)
			cuts.n = 0;
		e = answer_add(a, &cuts);
	}
	return e;
}

enum base_err
hsm_do_approve(struct hsm_core *c, const struct wire_hsm_request *r,
    struct wire_hsm_answer *a)
{
	const struct hsm_approval *only = NULL;
	enum base_err e = BASE_OK;

	if (r->nitems > 0 || r->withdraw)
		e = say(c, r, &only);
	return e == BASE_OK ? answer(c, r, only, a) : e;
}
