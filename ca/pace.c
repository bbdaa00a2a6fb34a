/* pace: see ca/pace.h. */
#include "ca/pace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ca/ctl.h"
#include "ca/remote.h"

#define SECONDS_MAX 3.2e9 /* a hundred years */

/* ---- options -------------------------------------------------------------------- */

static enum base_err
seconds_parse(const char *option, const char *text, int64_t *ms)
{
	char *end = NULL;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(v >= 0) ||
	    v > SECONDS_MAX)
		return base_fail(BASE_E_USAGE,
		    "--%s: '%s' is no number of seconds from 0 up", option,
		    text);
	*ms = (int64_t)(v * 1000 + 0.5);
	return BASE_OK;
}

static enum base_err
seconds_option(struct cli *c, const char *option, int64_t *ms)
{
	const char *text = cli_get(c, option);

	return text == NULL ? BASE_OK : seconds_parse(option, text, ms);
}

static enum base_err
time_option(struct cli *c, const char *option, struct base_time *t)
{
	const char *text = cli_get(c, option);

	return text == NULL ? BASE_OK : base_time_parse(text, t);
}

/* A time, or so long after the beginning. */
static enum base_err
deadline_option(struct cli *c, struct ca_pace *p)
{
	const char *text = cli_get(c, "deadline");

	if (text == NULL)
		return BASE_OK;
	return base_time_parse_after(text,
	    p->start.ms != 0 ? p->start : base_time_now(), &p->deadline);
}

enum base_err
ca_pace_node(const struct ca_topology *t, const char *option, const char *text,
    uint32_t *number)
{
	for (*number = 0; *number <= t->nnodes; ++*number)
		if (strcmp(ca_topology_name(t, *number), text) == 0)
			return BASE_OK;
	return base_fail(BASE_E_USAGE, "--%s: no node '%s'", option, text);
}

/* NODE or NODE=VALUE; *value is NULL in the first form. */
static enum base_err
node_value(const struct ca_topology *t, const char *option, const char *text,
    uint32_t *number, const char **value)
{
	char name[BASE_NAME_MAX + 1];
	const size_t n = strcspn(text, "=");

	*value = text[n] == '=' ? text + n + 1 : NULL;
	snprintf(name, sizeof(name), "%.*s", (int)n, text);
	if (n < sizeof(name))
		return ca_pace_node(t, option, name, number);
	return base_fail(BASE_E_USAGE, "--%s: no node '%.*s'", option, (int)n,
	    text);
}

static enum base_err
delay_take(struct pol_pace *p, const char *value)
{
	if (value == NULL)
		return base_fail(BASE_E_USAGE, "--delay: is NODE=SECONDS");
	return seconds_parse("delay", value, &p->takes_ms);
}

static enum base_err
away_take(struct pol_pace *p, const char *value)
{
	p->away_ms = POL_NEVER;
	return value == NULL ? BASE_OK
			     : seconds_parse("away", value, &p->away_ms);
}

static enum base_err
fail_take(struct pol_pace *p, const char *value)
{
	char *end = NULL;
	unsigned long v = value == NULL ? 0 : strtoul(value, &end, 10);

	if (value == NULL || end == value || *end != '\0' || v > 1000)
		return base_fail(BASE_E_USAGE,
		    "--fail: is NODE=N, N at most 1000");
	p->failures = (uint32_t)v;
	return BASE_OK;
}

static enum base_err
node_options(struct cli *c, const struct ca_topology *t, const char *option,
    enum base_err (*take)(struct pol_pace *, const char *), struct ca_pace *p)
{
	const char *text, *value;
	enum base_err e = BASE_OK;
	uint32_t number;

	for (int i = 0;
	     e == BASE_OK && (text = cli_get_nth(c, option, i)) != NULL; i++)
		if ((e = node_value(t, option, text, &number, &value)) ==
		    BASE_OK)
			e = take(&p->node[number], value);
	return e;
}

/* There and back over each hop; a hop that polls may just have asked. */
static int64_t
route_ms(const struct ca_topology *t, uint32_t node, int64_t rtt, int64_t poll)
{
	int64_t ms = 0;

	for (uint32_t n = node; n != POL_NONE; n = t->nodes[n].next)
		ms += rtt + (t->nodes[n].reach == CA_POLL ? poll : 0);
	return ms;
}

enum base_err
ca_pace_read(struct cli *c, const struct ca_topology *t, struct ca_pace *p)
{
	int64_t rtt = 100, poll = 0, work = 6000;
	enum base_err e;

	*p = (struct ca_pace){ .retry_ms = 60000, .n = t->nnodes + 1 };
	p->node = base_alloc(p->n * sizeof(*p->node));
	if ((e = seconds_option(c, "rtt", &rtt)) != BASE_OK ||
	    (e = seconds_option(c, "poll", &poll)) != BASE_OK ||
	    (e = seconds_option(c, "work", &work)) != BASE_OK ||
	    (e = seconds_option(c, "retry", &p->retry_ms)) != BASE_OK ||
	    (e = time_option(c, "start", &p->start)) != BASE_OK ||
	    (e = deadline_option(c, p)) != BASE_OK)
		return e;
	if (p->deadline.ms != 0 && p->start.ms == 0)
		p->start = base_time_now();
	for (uint32_t i = 0; i < p->n; i++) {
		uint32_t node = ca_topology_position(t, i);
		p->node[i].takes_ms = work +
		    (node == POL_NONE ? 0 : route_ms(t, node, rtt, poll));
	}
	if ((e = node_options(c, t, "delay", delay_take, p)) != BASE_OK ||
	    (e = node_options(c, t, "away", away_take, p)) != BASE_OK)
		return e;
	return node_options(c, t, "fail", fail_take, p);
}

/* ---- what kedged has seen ---------------------------------------------------------- */

static int
number_compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static bool
order_took(const json_t *o, const char *root, int64_t *ms)
{
	struct base_time sent, settled;

	if (strcmp(ca_text_of(o, "root"), root) != 0 ||
	    ca_number_of(o, "roll") == 0 || /* a join */
	    strcmp(ca_text_of(o, "state"), "effective") != 0 ||
	    base_time_parse(ca_text_of(o, "sent"), &sent) != BASE_OK ||
	    base_time_parse(ca_text_of(o, "settled"), &settled) != BASE_OK)
		return false;
	*ms = settled.ms - sent.ms;
	return *ms >= 0;
}

/* The median of what its orders took, if there are any. */
static void
orders_pace(const json_t *orders, const char *root, int64_t *takes)
{
	int64_t *all = base_alloc((json_array_size(orders) + 1) * sizeof(*all));
	size_t i, n = 0;
	json_t *o;

	json_array_foreach(orders, i, o) n += order_took(o, root, &all[n]);
	qsort(all, n, sizeof(*all), number_compare);
	if (n > 0)
		*takes = all[n / 2];
	free(all);
}

static bool
has_own_delay(struct cli *c, const char *name)
{
	const size_t n = strlen(name);
	const char *text;

	for (int i = 0; (text = cli_get_nth(c, "delay", i)) != NULL; i++)
		if (strncmp(text, name, n) == 0 && text[n] == '=')
			return true;
	return false;
}

static enum base_err
node_observe(struct ca_ctl *ctl, const char *name, const char *root,
    int64_t *takes)
{
	json_t *answer = NULL;
	enum base_err e;

	e = ca_ctl_call(ctl,
	    json_pack("{ss, ss}", "cmd", "node-show", "node", name), &answer);
	if (e == BASE_OK)
		orders_pace(json_object_get(answer, "orders"), root, takes);
	json_decref(answer);
	return e;
}

/* notAfter of the generation that a roll would leave. */
static enum base_err
root_observe(struct ca_ctl *ctl, const char *root, struct base_time *deadline)
{
	json_t *answer = NULL, *g;
	enum base_err e;
	size_t i;

	e = ca_ctl_call(ctl,
	    json_pack("{ss, ss}", "cmd", "root-show", "root", root), &answer);
	json_array_foreach(json_object_get(answer, "generations"), i, g)
	{
		if (e == BASE_OK &&
		    ca_number_of(g, "generation") ==
			ca_number_of(answer, "current"))
			e = base_time_parse(ca_text_of(g, "not_after"),
			    deadline);
	}
	json_decref(answer);
	return e;
}

enum base_err
ca_pace_observe(struct cli *c, const struct ca_topology *t, const char *root,
    struct ca_pace *p)
{
	struct ca_ctl *ctl = NULL;
	enum base_err e;

	if ((e = ca_ctl_open(cli_socket(c), &ctl)) != BASE_OK)
		return e;
	for (uint32_t i = 0; i < t->nnodes && e == BASE_OK; i++)
		if (!has_own_delay(c, t->nodes[i].name))
			e = node_observe(ctl, t->nodes[i].name, root,
			    &p->node[ca_topology_number(t, i)].takes_ms);
	if (e == BASE_OK && p->deadline.ms == 0)
		e = root_observe(ctl, root, &p->deadline);
	if (p->start.ms == 0)
		p->start = base_time_now();
	ca_ctl_close(ctl);
	return e;
}

void
ca_pace_clear(struct ca_pace *p)
{
	free(p->node);
	p->node = NULL;
}

/* ---- words ---------------------------------------------------------------------------- */

void
ca_span_text(int64_t ms, char out[CA_SPAN_TEXT])
{
	const long long s = ms / 1000;

	if (s < 60)
		snprintf(out, CA_SPAN_TEXT, "%lld.%lld s", s,
		    (long long)ms / 100 % 10);
	else if (s < 3600)
		snprintf(out, CA_SPAN_TEXT, "%lld min %lld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, CA_SPAN_TEXT, "%lld h %lld min", s / 3600,
		    s / 60 % 60);
	else
		snprintf(out, CA_SPAN_TEXT, "%lld d %lld h", s / 86400,
		    s / 3600 % 24);
}
