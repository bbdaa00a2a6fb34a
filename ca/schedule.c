/*
 * ca/schedule: a root that has roll_before starts its roll by itself, so many
 * days before its end, as an operator would: after the same readiness check,
 * by the same call, audited as "schedule". What is not ready is told, once per
 * reason and day, and tried again within the hour. A roll that the operator
 * brought back is not started again: that is his to say.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

#define DAY_S	INT64_C(86400)
#define DAY_MS	INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

struct ca_schedule {
	struct ca_schedule *next;
	char root[CA_NAME];
	bool starting;
	char why[512]; /* not started because of this; "" none */
	struct base_mono tell; /* the same reason again from then on */
};

static struct ca_schedule *
entry_of(struct ca *ca, const char *root)
{
	struct ca_schedule *x;

	for (x = ca->schedule; x != NULL; x = x->next)
		if (strcmp(x->root, root) == 0)
			return x;
	x = base_alloc(sizeof(*x));
	snprintf(x->root, sizeof(x->root), "%s", root);
	x->next = ca->schedule;
	ca->schedule = x;
	return x;
}

/* Also when the operator has started it, since the last look. */
static bool
rolls_forward(struct ca *ca, const char *root)
{
	const struct ca_roll *w = ca_roll_of(ca, root);
	const uint32_t i = ca_topo_root(ca->topo, root);

	return w != NULL && i != POL_NONE &&
	    w->row.to > ca->topo->roots[i].current;
}

const char *
ca_schedule_blocked(struct ca *ca, const char *root)
{
	if (rolls_forward(ca, root))
		return NULL;
	for (const struct ca_schedule *x = ca->schedule; x != NULL; x = x->next)
		if (strcmp(x->root, root) == 0)
			return x->why[0] == '\0' ? NULL : x->why;
	return NULL;
}

void
ca_schedule_free(struct ca *ca)
{
	struct ca_schedule *next;

	for (struct ca_schedule *x = ca->schedule; x != NULL; x = next) {
		next = x->next;
		free(x);
	}
	ca->schedule = NULL;
}

enum base_err
ca_schedule_due(struct ca *ca, const struct ca_root *root,
    struct base_time *out)
{
	enum base_err r;

	out->ms = 0;
	if (root->roll_before == 0)
		return BASE_OK;
	if ((r = ca_root_end(ca, root->name, root->current, out)) == BASE_OK)
		*out =
		    base_time_add_s(*out, -(int64_t)root->roll_before * DAY_S);
	return r;
}

/* ---- may it? ----------------------------------------------------------------------- */

static void
blocked(struct ca *ca, struct ca_schedule *x, const char *why)
{
	bool same = strncmp(x->why, why, sizeof(x->why) - 1) == 0;

	if (same && x->tell.ms > ca_mono(ca).ms)
		return;
	snprintf(x->why, sizeof(x->why), "%s", why);
	x->tell = ca_after(ca, DAY_MS);
	base_log(BASE_WARNING,
	    "root %s: its roll is due by its schedule and cannot start: %s; "
	    "it is tried again every hour",
	    x->root, x->why);
}

static enum base_err
check_not_aborted(struct ca *ca, const struct ca_root *root)
{
	struct ca_roll_row *rows = NULL;
	size_t n = 0;
	enum base_err r = ca_store_rolls(ca->store, &rows, &n);

	for (size_t i = 0; r == BASE_OK && i < n; i++)
		if (strcmp(rows[i].root, root->name) == 0 &&
		    rows[i].from > rows[i].to && rows[i].to == root->current)
			r = base_fail(BASE_E_STATE,
			    "roll %llu to generation %u was aborted; start it "
			    "again by kedge roll start %s",
			    (unsigned long long)rows[i].id, rows[i].from,
			    root->name);
	free(rows);
	return r;
}

static enum base_err
check(struct ca *ca, const struct ca_root *root)
{
	json_t *problems = json_array();
	enum base_err r;

	if ((r = check_not_aborted(ca, root)) == BASE_OK &&
	    (r = ca_roll_check(ca, root->name, problems)) == BASE_OK &&
	    json_array_size(problems) > 0)
		r = base_fail(BASE_E_STATE, "%s%s",
		    json_string_value(json_array_get(problems, 0)),
		    json_array_size(problems) > 1 ? " (and more)" : "");
	json_decref(problems);
	return r;
}

/* ---- start --------------------------------------------------------------------------- */

struct starting {
	struct ca *ca;
	char root[CA_NAME];
};

static void
started(void *arg, enum base_err e, const struct ca_roll_row *row)
{
	struct starting *s = arg;
	struct ca_schedule *x = entry_of(s->ca, s->root);

	(void)row;
	x->starting = false;
	x->why[0] = '\0';
	if (e != BASE_OK)
		blocked(s->ca, x, base_why());
	free(s);
}

static void
start(struct ca *ca, const struct ca_root *root, struct ca_schedule *x)
{
	struct ca_roll_row want = { .strategy = root->strategy };
	struct starting *s = base_alloc(sizeof(*s));
	const char *who = ca->who;

	s->ca = ca;
	memcpy(s->root, root->name, sizeof(s->root));
	memcpy(want.root, root->name, sizeof(want.root));
	x->starting = true;
	ca->who = "schedule";
	ca_roll_start(ca, &want, started, s);
	ca->who = who;
}

/* One that leads to no new root: on its way back, or for a node that catches
 * up, and may be silent for ever. */
static void
in_the_way(struct ca *ca, struct ca_schedule *x, const struct ca_roll_row *row)
{
	char why[256];

	snprintf(why, sizeof(why),
	    "roll %llu, which is %s generation %u, is not over; kedge roll "
	    "status %s says on whom it waits",
	    (unsigned long long)row->id,
	    row->from > row->to ? "on its way back to"
				: "of nodes that catch up with",
	    row->to, x->root);
	blocked(ca, x, why);
}

static void
look(struct ca *ca, const struct ca_root *root)
{
	struct ca_schedule *x = entry_of(ca, root->name);
	const struct ca_roll *w = ca_roll_of(ca, root->name);
	struct base_time due = { 0 };

	if (x->starting)
		return;
	if (rolls_forward(ca, root->name)) {
		x->why[0] = '\0';
		return;
	}
	if (ca_schedule_due(ca, root, &due) != BASE_OK)
		blocked(ca, x, base_why());
	else if (due.ms == 0 || due.ms > ca_now(ca).ms)
		x->why[0] = '\0';
	else if (w != NULL)
		in_the_way(ca, x, &w->row);
	else if (check(ca, root) != BASE_OK)
		blocked(ca, x, base_why());
	else
		start(ca, root, x);
}

struct base_mono
ca_schedule_work(struct ca *ca)
{
	if (ca->schedule_next.ms > ca_mono(ca).ms)
		return ca->schedule_next;
	ca->schedule_next = ca_after(ca, HOUR_MS);
	for (size_t i = 0; i < ca->topo->nroots; i++)
		look(ca, &ca->topo->roots[i]);
	return ca->schedule_next;
}
