/*
 * kedge roll cuts, roll approve: the list of directions that are to be cut, as
 * kedged has it, and an approver's yes to one such list, or its withdrawal, said
 * to kedge-hsmd itself: kedged has no part in that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/remote.h"
#include "wire/hsm.h"

#define LIST_MAX       ((size_t)1 << 20)
#define SOCKET_DEFAULT "/run/kedge-hsmd/hsm.sock"

/* back: an empty list is a yes to the way back, and not just empty. */
static void
list_print(FILE *f, const json_t *list, bool back)
{
	const json_t *cuts = json_object_get(list, "cuts");
	const char *start = json_string_value(json_object_get(list, "start"));
	size_t i;
	json_t *v;

	fprintf(f,
	    "root %s, to generation %" JSON_INTEGER_FORMAT ", from %s:\n",
	    ca_text_of(list, "root"), ca_number_of(list, "to"),
	    start == NULL ? "now on" : start);
	if (json_array_size(cuts) == 0)
		fprintf(f, "  nothing is cut%s\n",
		    back ? "; approved, it lets that generation come back "
			   "although its key may be in wrong hands"
			 : "");
	json_array_foreach(cuts, i, v) fprintf(f, "  %s refuses %s\n",
	    ca_text_of(v, "verifier"), ca_text_of(v, "presenter"));
}

static enum base_err
cuts_print(struct cli *c, const json_t *a)
{
	list_print(cli_out(c), a, cli_has(c, "back"));
	return BASE_OK;
}

enum base_err
ca_cmd_roll_cuts(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "node", 0, CA_LIST, "nodes" },
		{ "deadline", 0, CA_STRING, "start" },
		{ "back", 0, CA_SWITCH, "back" },
		CA_FIELD_END,
	};

	return ca_remote(c, "roll-cuts", args, cuts_print);
}

/* ---- roll approve ----------------------------------------------------------- */

static enum base_err
list_bad(const char *path, const char *why)
{
	return base_fail(BASE_E_CONFIG,
	    "%s: %s; it is what kedge --json roll cuts ROOT prints", path, why);
}

static enum base_err
name_copy(const json_t *o, const char *key, char out[BASE_NAME_MAX + 1])
{
	const char *s = json_string_value(json_object_get(o, key));

	if (s == NULL || !base_name_is_valid(s))
		return base_fail(BASE_E_SYNTAX, "%s is no name", key);
	snprintf(out, BASE_NAME_MAX + 1, "%s", s);
	return BASE_OK;
}

static enum base_err
cuts_take(const json_t *list, struct wire_hsm_cuts *out)
{
	const json_t *cuts = json_object_get(list, "cuts");
	const json_t *at = json_object_get(list, "start");
	const char *start = json_string_value(at);
	size_t i;
	json_t *v;
	enum base_err e = BASE_OK;

	/* what is missing is not a list of nothing, nor from now on */
	if (!json_is_array(cuts))
		return base_fail(BASE_E_SYNTAX, "cuts is no list");
	if (start == NULL && at != NULL && !json_is_null(at))
		return base_fail(BASE_E_SYNTAX, "start is no time");
	if (start != NULL &&
	    (e = base_time_parse(start, &out->start)) != BASE_OK)
		return e;
	out->cut = base_alloc((json_array_size(cuts) + 1) * sizeof(*out->cut));
	json_array_foreach(cuts, i, v)
	{
		struct wire_hsm_cut *t = &out->cut[out->n++];

		if ((e = name_copy(v, "presenter", t->presenter)) != BASE_OK ||
		    (e = name_copy(v, "verifier", t->verifier)) != BASE_OK)
			return e;
	}
	wire_hsm_cuts_sort(out);
	return BASE_OK;
}

static enum base_err
request_take(const json_t *list, struct wire_hsm_request *r)
{
	struct wire_hsm_cuts cuts = { .n = 0 };
	const json_int_t to = ca_number_of(list, "to");
	enum base_err e;

	r->key.alg = WIRE_P256; /* a key's name, not its algorithm, is asked */
	if (to < 1 || to > 64)
		return base_fail(BASE_E_SYNTAX, "to is no generation");
	r->key.generation = (uint32_t)to;
	r->nitems = 1;
	r->items = base_alloc(sizeof(*r->items));
	base_buf_init(&r->items[0], 0);
	if ((e = name_copy(list, "fleet", r->fleet)) == BASE_OK &&
	    (e = name_copy(list, "root", r->key.root)) == BASE_OK &&
	    (e = cuts_take(list, &cuts)) == BASE_OK)
		e = wire_hsm_cuts_compose(&cuts, &r->items[0]);
	wire_hsm_cuts_clear(&cuts);
	return e;
}

static bool
is_same(const struct wire_hsm_cuts *a, const struct wire_hsm_cuts *b)
{
	return a->start.ms == b->start.ms && a->n == b->n &&
	    memcmp(a->cut, b->cut, a->n * sizeof(*a->cut)) == 0;
}

/* What is printed with --json, and read for the text. */
static json_t *
document_new(json_t *list)
{
	static const char *const keys[] = { "fleet", "root", "to", "start",
		"cuts" };
	json_t *d =
	    json_pack("{s:b,s:n,s:n,s:[]}", "ok", 1, "have", "need", "with");

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json_t *v = json_object_get(list, keys[i]);

		json_object_set(d, keys[i], v == NULL ? json_null() : v);
	}
	return d;
}

/* Of a list that was withdrawn with this one kedge-hsmd says no more. */
static void
with_add(json_t *d, const struct wire_hsm_cuts *c)
{
	char start[BASE_RFC3339_LEN];

	base_time_format(c->start, start);
	json_array_append_new(json_object_get(d, "with"),
	    json_pack("{s:o,s:I,s:I}", "start",
		c->start.ms == 0 ? json_null() : json_string(start), "have",
		(json_int_t)c->have, "need", (json_int_t)c->need));
}

/* How many have said so by now of this very list; the first says nothing but
 * how many must. */
static enum base_err
answer_read(const struct wire_hsm_request *r, const struct wire_hsm_answer *a,
    json_t *d)
{
	struct wire_hsm_cuts mine, c;
	enum base_err e =
	    wire_hsm_cuts_parse(base_buf_span(&r->items[0]), &mine);

	if (e != BASE_OK)
		return e;
	for (size_t i = 1; e == BASE_OK && i < a->nitems; i++) {
		e = wire_hsm_cuts_parse(base_buf_span(&a->items[i].data), &c);
		if (e == BASE_OK && is_same(&mine, &c)) {
			json_object_set_new(d, "have", json_integer(c.have));
			json_object_set_new(d, "need", json_integer(c.need));
		} else if (e == BASE_OK && r->withdraw) {
			with_add(d, &c);
		}
		wire_hsm_cuts_clear(&c);
	}
	wire_hsm_cuts_clear(&mine);
	if (e == BASE_OK && !json_is_integer(json_object_get(d, "have")))
		e = base_fail(BASE_E_SYNTAX,
		    "kedge-hsmd: its answer is not about this list; nothing "
		    "says that it is approved");
	return e;
}

static void
said_print(FILE *f, const json_t *d, bool withdrawn)
{
	size_t i;
	json_t *v;

	fprintf(f,
	    "%sapproved by %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
	    "\n",
	    withdrawn ? "withdrawn; what was signed stays signed; " : "",
	    ca_number_of(d, "have"), ca_number_of(d, "need"));
	json_array_foreach(json_object_get(d, "with"), i, v)
	{
		const char *start =
		    json_string_value(json_object_get(v, "start"));

		fprintf(f,
		    "withdrawn with it, as the lists overlap: your yes to "
		    "the list from %s; approved by %" JSON_INTEGER_FORMAT
		    " of %" JSON_INTEGER_FORMAT "\n",
		    start == NULL ? "now on" : start, ca_number_of(v, "have"),
		    ca_number_of(v, "need"));
	}
}

static enum base_err
approve_ask(struct cli *c, struct wire_hsm_request *r, json_t *d)
{
	const struct wire_hsm_conf conf = {
		.path = cli_has(c, "hsmd") ? cli_get(c, "hsmd") : SOCKET_DEFAULT
	};
	struct wire_hsm_answer a = { .nitems = 0 };
	enum base_err e = wire_hsm_call(&conf, r, &a);

	if (e == BASE_OK && a.err != BASE_OK)
		e = base_fail(a.err, "kedge-hsmd: %s", a.why);
	if (e == BASE_OK && (e = answer_read(r, &a, d)) == BASE_OK) {
		if (!cli_json(c))
			said_print(cli_out(c), d, r->withdraw);
		if (ca_number_of(d, "have") < ca_number_of(d, "need") &&
		    !r->withdraw)
			cli_exit_set(c, CLI_WAITING);
	}
	wire_hsm_answer_clear(&a);
	return e;
}

static enum base_err
approve_list(struct cli *c, struct wire_hsm_request *r, json_t *list)
{
	json_t *d = document_new(list);
	enum base_err e = BASE_OK;

	if (!cli_json(c))
		list_print(cli_out(c), list, true);
	if (cli_has(c, "yes") || r->withdraw) {
		e = approve_ask(c, r, d);
	} else {
		if (!cli_json(c))
			fprintf(cli_out(c),
			    "not approved; once you have read it: kedge roll "
			    "approve --yes %s\n",
			    cli_arg(c, 0));
		cli_exit_set(c, CLI_WAITING);
	}
	if (e == BASE_OK && cli_json(c))
		cli_json_print(c, d);
	json_decref(d);
	return e;
}

enum base_err
ca_cmd_roll_approve(struct cli *c)
{
	const char *path = cli_arg(c, 0);
	struct wire_hsm_request r = { .type = WIRE_HSM_APPROVE,
		.withdraw = cli_has(c, "withdraw") };
	struct base_buf b;
	json_t *list = NULL;
	enum base_err e;

	if (r.withdraw && cli_has(c, "yes"))
		return base_fail(BASE_E_USAGE,
		    "kedge roll approve: --yes and --withdraw are opposites; "
		    "say one of them");
	base_buf_init(&b, LIST_MAX);
	if ((e = base_file_read(path, LIST_MAX, &b)) != BASE_OK)
		goto out;
	list = json_loadb((const char *)b.p, b.n, 0, NULL);
	if (!json_is_object(list)) {
		e = list_bad(path, "is no list of cuts");
		goto out;
	}
	if (request_take(list, &r) != BASE_OK) {
		e = list_bad(path, base_why());
		goto out;
	}
	e = approve_list(c, &r, list);
out:
	wire_hsm_request_clear(&r);
	base_buf_free(&b);
	json_decref(list);
	return e;
}
