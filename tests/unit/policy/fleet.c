/* fleet: see fleet.h. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"

static uint64_t next_epoch; /* from 1 in each fleet */

/* ---- topologies as text ------------------------------------------------------ */

static int
name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
name_add(struct fleet *f, const char *s, size_t len)
{
	if (fleet_node(f, s, len) != POL_NONE)
		return;
	ck_assert_uint_lt(f->n, FLEET_MAX);
	ck_assert_uint_lt(len, sizeof(f->name[0]));
	memcpy(f->name[f->n], s, len);
	f->name[f->n++][len] = '\0';
}

uint32_t
fleet_node(const struct fleet *f, const char *name, size_t len)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (strlen(f->name[i]) == len &&
		    memcmp(f->name[i], name, len) == 0)
			return i;
	return POL_NONE;
}

static struct pol_link
link_parse(const struct fleet *f, const char *s)
{
	size_t c = strcspn(s, ">"), v = strcspn(s + c + 1, " :");
	const char *tail = s + c + 1 + v;
	struct pol_link l = { fleet_node(f, s, c), fleet_node(f, s + c + 1, v),
		0, 0 };

	if (strncmp(tail, ":server", 7) == 0) {
		l.client_root = POL_NONE;
	} else if (*tail == ':') {
		l.client_root = (uint32_t)(tail[1] - '0');
		l.server_root = (uint32_t)(tail[3] - '0');
	}
	return l;
}

static uint32_t
flag_parse(char mark)
{
	return mark == '!' ? POL_NODE_LAST
	    : mark == '~'  ? POL_NODE_SHALLOW
			   : POL_NODE_DUAL;
}

void
fleet_make(struct fleet *f, const char *links, const char *dual)
{
	const char *s;

	next_epoch = 0;
	memset(f, 0, sizeof(*f));
	for (s = links; *s != '\0'; s += strcspn(s, " "), s += strspn(s, " ")) {
		size_t c = strcspn(s, ">");
		name_add(f, s, c);
		name_add(f, s + c + 1, strcspn(s + c + 1, " :"));
	}
	qsort(f->name, f->n, sizeof(f->name[0]), name_compare);
	ck_assert_int_eq(pol_graph_new(f->n, 3, &f->graph), POL_OK);
	for (s = links; *s != '\0'; s += strcspn(s, " "), s += strspn(s, " ")) {
		struct pol_link l = link_parse(f, s);
		ck_assert_int_eq(pol_graph_link(f->graph, &l), POL_OK);
	}
	for (s = dual; *s != '\0'; s += strcspn(s, " "), s += strspn(s, " "))
		ck_assert_int_eq(pol_graph_node_flags(f->graph,
				     fleet_node(f, s, strcspn(s, "!~ ")),
				     flag_parse(s[strcspn(s, "!~ ")])),
		    POL_OK);
	ck_assert_int_eq(pol_graph_seal(f->graph), POL_OK);
}

void
fleet_free(struct fleet *f)
{
	pol_graph_free(f->graph);
	f->graph = NULL;
}

/* ---- orders as sets ----------------------------------------------------------- */

uint32_t
order_set_find(const struct order_set *s, struct pol_order o)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->order[i].node == o.node && s->order[i].steps == o.steps)
			return i;
	return POL_NONE;
}

void
order_set_close(struct order_set *s)
{
	for (uint32_t k = 0; k < s->n; k++)
		for (uint32_t i = 0; i < s->n; i++)
			if ((s->after[i] >> k) & 1)
				s->after[i] |= s->after[k];
}

static struct pol_order
order_parse(const struct fleet *f, const char **p)
{
	static const char *const words[] = { "trust", "cert", "finish" };
	struct pol_order o = { 0, 0 };
	const char *s = *p + strspn(*p, " ");

	while (*s != ' ') {
		size_t n = strcspn(s, "+ ");
		for (unsigned i = 0; i < 3; i++)
			if (strncmp(s, words[i], n) == 0)
				o.steps |= 1u << i;
		s += n + (s[n] == '+');
	}
	s++;
	o.node = fleet_node(f, s, strcspn(s, " ,;<"));
	ck_assert_msg(o.node != POL_NONE && o.steps != 0, "bad order %s", *p);
	s += strcspn(s, " ,;<");
	*p = s + strspn(s, " ");
	return o;
}

static uint32_t
order_put(struct order_set *s, struct pol_order o)
{
	uint32_t i = order_set_find(s, o);

	if (i != POL_NONE)
		return i;
	s->order[s->n] = o;
	return s->n++;
}

void
order_set_parse(struct order_set *s, const struct fleet *f, const char *text)
{
	memset(s, 0, sizeof(*s));
	while (*text != '\0') {
		uint32_t i = order_put(s, order_parse(f, &text));
		if (*text == '<')
			do {
				text++;
				s->after[i] |= UINT64_C(1)
				    << order_put(s, order_parse(f, &text));
			} while (*text == ',');
		text += *text == ';';
		text += strspn(text, " ");
	}
}

void
order_set_of_plan(struct order_set *s, struct pol_plan *p)
{
	memset(s, 0, sizeof(*s));
	s->n = pol_plan_count(p);
	ck_assert_uint_le(s->n, 3 * FLEET_MAX);
	for (uint32_t i = 0; i < s->n; i++) {
		struct pol_plan_order o = pol_plan_order(p, i);
		const uint32_t *after;
		size_t n;
		ck_assert_int_eq(pol_plan_after(p, i, &after, &n), POL_OK);
		s->order[i] = (struct pol_order){ o.node, o.steps };
		for (size_t k = 0; k < n; k++)
			s->after[i] |= UINT64_C(1) << after[k];
	}
}

/* ---- engines ---------------------------------------------------------------------- */

void
fleet_holds(struct pol_engine *e, uint32_t node, struct pol_conf conf)
{
	struct pol_fact f = { .kind = POL_FACT_HOLDS,
		.node = node,
		.conf = conf,
		.epoch = next_epoch };

	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

static struct pol_engine *
engine_new(const struct fleet *f, uint32_t root, const struct pol_goal *goal)
{
	struct pol_engine *e;

	ck_assert_int_eq(pol_engine_new(f->graph, root, goal, &e), POL_OK);
	for (uint32_t i = 0; i < f->n; i++)
		fleet_holds(e, i, (struct pol_conf){ 1, 1, 0 });
	return e;
}

struct pol_engine *
fleet_engine(const struct fleet *f, uint32_t root, enum pol_strategy s)
{
	const struct pol_goal goal = { .from = 1,
		.to = 2,
		.strategy = s,
		.limit = 3 };

	return engine_new(f, root, &goal);
}

struct pol_engine *
fleet_engine_of(const struct fleet *f, const struct pol_goal *goal)
{
	return engine_new(f, 0, goal);
}

uint64_t
fleet_send(struct pol_engine *e, uint32_t node, uint32_t steps)
{
	struct pol_fact f = { .kind = POL_FACT_SENT,
		.node = node,
		.steps = steps,
		.from = 1,
		.to = 2,
		.epoch = ++next_epoch };

	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
	return f.epoch;
}

void
fleet_tell(struct pol_engine *e, enum pol_fact_kind kind, uint32_t node,
    uint64_t epoch)
{
	struct pol_fact f = { .kind = kind, .node = node, .epoch = epoch };

	ck_assert_int_eq(pol_engine_fact(e, &f), POL_OK);
}

void
fleet_do(struct pol_engine *e, uint32_t node, uint32_t steps)
{
	fleet_tell(e, POL_FACT_EFFECTIVE, node, fleet_send(e, node, steps));
}

uint32_t
fleet_offer(struct pol_engine *e, uint32_t node)
{
	const struct pol_order *o;
	size_t n;

	ck_assert_int_eq(pol_engine_ready(e, (struct pol_time){ 0 }, SIZE_MAX,
			     &o, &n),
	    POL_OK);
	for (size_t i = 0; i < n; i++)
		if (o[i].node == node)
			return o[i].steps;
	return 0;
}

struct pol_why
fleet_first_wait(const struct pol_engine *e, uint32_t node)
{
	struct pol_why w[3];

	memset(w, 0, sizeof(w));
	ck_assert_uint_ge(pol_engine_waits(e, node, w, 3), 1);
	return w[0];
}
