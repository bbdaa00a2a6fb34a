/*
 * ca/roll_goal: what a roll is to reach and at what pace, from its row to the
 * engine's goal. Names and windows are texts in the store; what can be wrong
 * with them is said when the roll is started.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"
#include "ca/topology.h"

/* The next word of *at up to sep; false at the end. Words are not empty. */
static bool
next_word(const char **at, char sep, char *out, size_t max)
{
	size_t n;

	*at += strspn(*at, (const char[]){ sep, '\0' });
	n = strcspn(*at, (const char[]){ sep, '\0' });
	if (n == 0)
		return false;
	snprintf(out, max, "%.*s", (int)n, *at);
	*at += n;
	return true;
}

/* ---- what the operator asks for ------------------------------------------------ */

static enum base_err
word_add(char *list, size_t max, char sep, const char *word)
{
	const size_t n = strlen(list);

	if (n + strlen(word) + 2 > max)
		return base_fail(BASE_E_RANGE,
		    "'%s': the list is too long, %zu characters are the most",
		    word, max - 1);
	snprintf(list + n, max - n, "%.*s%s", n > 0 ? 1 : 0, &sep, word);
	return BASE_OK;
}

/* what: what of it is asked for, that it cannot do. */
static enum base_err
part_check(const struct ca *ca, const char *root_name, const char *name,
    const char *what)
{
	const uint32_t root = ca_topo_root(ca->topo, root_name);
	const uint32_t node = ca_topo_node(ca->topo, name);

	if (node == POL_NONE)
		return base_fail(BASE_E_NOTFOUND,
		    "node %s: cannot %s: not known; see kedge node list", name,
		    what);
	if (root == POL_NONE || ca_topo_steps(ca->topo, root, node) == 0)
		return base_fail(BASE_E_REFUSED,
		    "node %s: cannot %s: no link of it uses root %s", name,
		    what, root_name);
	return BASE_OK;
}

enum base_err
ca_roll_first_add(struct ca *ca, struct ca_roll_row *row, const char *name)
{
	enum base_err r = part_check(ca, row->root, name, "go first");

	return r != BASE_OK
	    ? r
	    : word_add(row->first, sizeof(row->first), ' ', name);
}

enum base_err
ca_roll_cut_add(struct ca *ca, struct ca_roll_row *row, const char *name)
{
	enum base_err r;

	if (strcmp(name, CA_NODE_CA) == 0)
		return base_fail(BASE_E_REFUSED,
		    "node ca: is at the other end of every link of this root; "
		    "it cannot be cut");
	if ((r = part_check(ca, row->root, name, "be cut")) != BASE_OK ||
	    ca_roll_cut_has(row, name))
		return r;
	if (word_add(row->cut, sizeof(row->cut), ' ', name) == BASE_OK)
		return BASE_OK;
	return base_fail(BASE_E_RANGE,
	    "cut: %s does not fit: the names of one list take %zu characters "
	    "at most, spaces between them; list those first that are the least "
	    "likely to answer, and the others when these are cut, which stays",
	    name, sizeof(row->cut) - 1);
}

bool
ca_roll_cut_has(const struct ca_roll_row *row, const char *name)
{
	const char *at = row->cut;
	char word[CA_NAME];

	while (next_word(&at, ' ', word, sizeof(word)))
		if (strcmp(word, name) == 0)
			return true;
	return false;
}

enum base_err
ca_roll_window_add(struct ca_roll_row *row, const char *text)
{
	char formatted[POL_WINDOW_TEXT];
	struct pol_window w;
	const char *why = pol_window_parse(text, &w);
	unsigned n = row->windows[0] != '\0';

	if (why != NULL)
		return base_fail(BASE_E_USAGE, "window '%s': %s", text, why);
	for (const char *p = row->windows; *p != '\0'; p++)
		n += *p == ';';
	if (n == POL_WINDOWS_MAX)
		return base_fail(BASE_E_USAGE,
		    "window '%s': %d windows are the most; give fewer", text,
		    POL_WINDOWS_MAX);
	pol_window_format(&w, formatted);
	return word_add(row->windows, sizeof(row->windows), ';', formatted);
}

/* ---- the engine's goal ------------------------------------------------------------ */

/* A kick may be a restart: not everybody's at the same instant. Under the
 * management root no application has sessions to end. */
static uint32_t
kicks_at_once(const struct ca_topo *t, const struct ca_roll_row *row)
{
	const uint32_t root = ca_topo_root(t, row->root);
	uint32_t n = 0;

	if (row->kicks != 0 || strcmp(row->root, CA_MANAGEMENT) == 0)
		return row->kicks;
	for (uint32_t i = 0; root != POL_NONE && i < t->nparts; i++)
		n += (ca_topo_steps(t, root, i) & POL_FINISH) != 0;
	return ca_topology_kicks(n);
}

enum base_err
ca_roll_goal(struct ca *ca, const struct ca_topo *t,
    const struct ca_roll_row *row, struct ca_goal *out)
{
	const char *first = row->first, *windows = row->windows, *why;
	struct pol_goal *goal = &out->goal;
	char word[CA_NAME];

	*out = (struct ca_goal){ .goal = { .from = row->from,
				     .to = row->to,
				     .begun = { row->started.ms },
				     .strategy = row->strategy,
				     .limit = row->limit,
				     .max_in_flight = row->max_in_flight,
				     .fresh_ms = ca->conf->fresh_ms } };
	/* who goes back goes back now, and a thief waits for nobody */
	goal->forget_first = row->compromised;
	if (row->compromised && row->from < row->to)
		goal->max_finish = kicks_at_once(t, row);
	if (row->from > row->to || row->compromised)
		return BASE_OK;
	goal->step = row->step;
	goal->presume = row->presume;
	goal->first = out->first;
	while (next_word(&first, ' ', word, sizeof(word))) {
		const uint32_t node = ca_topo_node(t, word);
		/* it may have left the fleet since */
		if (node != POL_NONE && goal->nfirst < CA_FIRST_MAX / 2)
			out->first[goal->nfirst++] = node;
	}
	while (next_word(&windows, ';', word, sizeof(word)) &&
	    goal->nwindows < POL_WINDOWS_MAX)
		if ((why = pol_window_parse(word,
			 &goal->windows[goal->nwindows++])) != NULL)
			return base_fail(BASE_E_INTEGRITY,
			    "roll %llu: window '%s': %s",
			    (unsigned long long)row->id, word, why);
	return BASE_OK;
}

struct base_time
ca_roll_opens(struct ca *ca, const struct ca_roll *w)
{
	struct base_time now = ca_now(ca);
	struct ca_goal g;

	if (w->row.windows[0] == '\0' || w->row.compromised ||
	    ca_roll_goal(ca, ca->topo, &w->row, &g) != BASE_OK)
		return now;
	now.ms = pol_windows_open(g.goal.windows, g.goal.nwindows,
	    (struct pol_time){ now.ms })
		     .ms;
	return now;
}

void
ca_roll_look(struct ca *ca, const struct ca_roll *w)
{
	const struct pol_order *o;
	size_t n;

	if (ca_pol_fail(pol_engine_ready(w->engine,
			    (struct pol_time){ ca_now(ca).ms }, 0, &o, &n),
		w->row.root) != BASE_OK)
		base_log(BASE_ERR, "roll %s: %s", w->row.root, base_why());
}

/* ---- the operator's word ------------------------------------------------------------- */

struct letting {
	struct ca *ca;
	struct ca_roll *roll;
	struct ca_fact *facts;
	size_t n;
};

static enum base_err
letting_find(struct letting *l, const struct pol_order *o, size_t n)
{
	struct ca_fact f = { .kind = POL_FACT_STEP,
		.roll = l->roll->row.id,
		.at = ca_now(l->ca) };

	snprintf(f.root, sizeof(f.root), "%s", l->roll->row.root);
	l->facts = base_alloc((n + 1) * sizeof(*l->facts));
	for (size_t i = 0; i < n; i++) {
		f.steps = o[i].steps;
		snprintf(f.node, sizeof(f.node), "%s",
		    l->ca->topo->nodes[o[i].node].name);
		l->facts[l->n++] = f;
	}
	if (n == 0)
		return base_fail(BASE_E_STATE,
		    "root %s: there is no order to let go just now; kedge "
		    "roll status says what is waited for",
		    l->roll->row.root);
	return BASE_OK;
}

static enum base_err
letting_store(struct letting *l, const char *who)
{
	char steps[CA_STEPS_TEXT];
	enum base_err r = ca_store_begin(l->ca->store);

	for (size_t i = 0; r == BASE_OK && i < l->n; i++) {
		const struct ca_fact *f = &l->facts[i];
		ca_steps_text(f->steps, steps);
		if ((r = ca_store_fact_add(l->ca->store, f)) == BASE_OK)
			r = ca_audit(l->ca, who, "roll",
			    "%llu of root %s: %s of %s may go",
			    (unsigned long long)f->roll, f->root, steps,
			    f->node);
	}
	if (r == BASE_OK)
		r = ca_store_commit(l->ca->store);
	ca_store_rollback(l->ca->store);
	return r;
}

static enum base_err
find_stepping(struct ca *ca, const char *root, struct ca_roll **out)
{
	*out = ca_roll_of(ca, root);
	if (*out == NULL)
		return ca_roll_none(root);
	if (!(*out)->row.step || (*out)->row.compromised ||
	    (*out)->row.from > (*out)->row.to)
		return base_fail(BASE_E_STATE,
		    "root %s: its orders need no word; kedge roll start --step "
		    "makes them wait for it",
		    root);
	if ((*out)->row.state != CA_ROLL_RUNNING)
		return base_fail(BASE_E_STATE,
		    "root %s: is paused; kedge roll resume %s", root, root);
	return BASE_OK;
}

enum base_err
ca_roll_step(struct ca *ca, const char *root, const char *who, ca_let_fn *let,
    void *arg)
{
	struct letting l = { .ca = ca };
	const struct pol_order *o;
	enum base_err r;
	size_t n;

	if ((r = find_stepping(ca, root, &l.roll)) != BASE_OK ||
	    (r = ca_pol_fail(pol_engine_batch(l.roll->engine,
				 (struct pol_time){ ca_now(ca).ms }, &o, &n),
		 root)) != BASE_OK ||
	    (r = letting_find(&l, o, n)) != BASE_OK ||
	    (r = letting_store(&l, who)) != BASE_OK)
		goto out;
	for (size_t i = 0; i < l.n; i++) {
		ca_roll_tell(ca, &l.facts[i]);
		let(arg, l.facts[i].node, l.facts[i].steps);
	}
	base_log(BASE_NOTICE, "roll %s: %zu orders may go", root, l.n);
out:
	free(l.facts);
	return r;
}

enum base_err
ca_roll_step_rest(struct ca *ca, const char *root, const char *who)
{
	struct ca_roll *w;
	enum base_err r;

	if ((r = find_stepping(ca, root, &w)) != BASE_OK ||
	    (r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_roll_stepping(ca->store, w->row.id, false)) ==
		BASE_OK &&
	    (r = ca_audit(ca, who, "roll",
		 "%llu of root %s: all other orders may go",
		 (unsigned long long)w->row.id, root)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	/* w is gone after this: the engine is made anew from its facts */
	if ((r = ca_roll_reopen(ca)) != BASE_OK)
		base_die("roll: %s", base_why());
	ca_kick(ca);
	return BASE_OK;
}

/* ---- a key in wrong hands ------------------------------------------------------------- */

enum base_err
ca_roll_compromise(struct ca *ca, const char *root, const char *who)
{
	const struct ca_roll *w = ca_roll_of(ca, root);
	enum base_err r;

	if (w == NULL || w->row.compromised || w->row.from > w->row.to)
		return base_fail(BASE_E_STATE, "root %s: %s", root,
		    w == NULL		     ? "does not roll"
			: w->row.compromised ? "rolls as compromised already"
					     : "goes back; kedge roll start "
					       "turns it forward first");
	if ((r = ca_store_begin(ca->store)) != BASE_OK)
		return r;
	if ((r = ca_store_roll_compromised(ca->store, w->row.id)) == BASE_OK &&
	    (r = ca_audit(ca, who, "roll",
		 "%llu of root %s: the old root's key may be in wrong hands",
		 (unsigned long long)w->row.id, root)) == BASE_OK)
		r = ca_store_commit(ca->store);
	ca_store_rollback(ca->store);
	if (r != BASE_OK)
		return r;
	/* w is gone after this: the engine is made anew from its facts */
	if ((r = ca_roll_reopen(ca)) != BASE_OK)
		base_die("roll: %s", base_why());
	base_log(BASE_WARNING,
	    "roll %s: the old root's key may be in wrong hands; no pace binds "
	    "it from here on, and sessions end with each finish",
	    root);
	ca_kick(ca);
	return BASE_OK;
}
