/*
 * kedge roll, explain: what the fleet does. Answers come from kedged
 * (docs/control.md); --watch follows its events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/remote.h"
#include "ca/watch.h"

#define WAITS_SHOWN 8

static void
print_names(FILE *f, const json_t *list, const char *between)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
	    fprintf(f, "%s%s", i == 0 ? "" : between, json_string_value(v));
}

void
ca_unkicked_print(FILE *f, const json_t *roll, const char *indent)
{
	const json_t *list = json_object_get(roll, "not_kicked");

	if (json_array_size(list) == 0)
		return;
	fprintf(f, "%ssessions from before go on, end them by hand: ", indent);
	print_names(f, list, ", ");
	fprintf(f, "\n");
}

/* ---- roll status ------------------------------------------------------------ */

/* A node that has an order to answer waits for itself: it is printed among
 * the outstanding ones. Of the others one sentence each, and not hundreds. */
static void
waits_print(FILE *f, const json_t *waits)
{
	size_t i, more = 0, shown = 0;
	const char *last = "";
	json_t *o;

	json_array_foreach(waits, i, o)
	{
		const char *node = ca_text_of(o, "node");

		if (strcmp(node, ca_text_of(o, "peer")) == 0 ||
		    strcmp(node, last) == 0)
			continue;
		last = node;
		if (shown < WAITS_SHOWN) {
			fprintf(f, "  waits: %s\n", ca_text_of(o, "text"));
			shown++;
		} else {
			more++;
		}
	}
	if (more > 0)
		fprintf(f,
		    "  waits: %zu more nodes; kedge explain "
		    "ROOT/NODE/STEP says why\n",
		    more);
}

static void
pace_list(FILE *f, const json_t *roll, const char *field, const char *word)
{
	const json_t *list = json_object_get(roll, field);

	if (json_array_size(list) == 0)
		return;
	fprintf(f, "  %s: ", word);
	print_names(f, list, ", ");
	fprintf(f, "\n");
}

static void
say_again_print(FILE *f, const json_t *roll)
{
	if (json_is_true(json_object_get(roll, "say_again")))
		fprintf(f,
		    "  SAY AGAIN: a recovery has voided its deadline and who "
		    "may be cut; --kicks may be old, too:\n"
		    "    kedge roll start --compromised --deadline TIME --cut "
		    "NODE,... --kicks N %s\n",
		    ca_text_of(roll, "root"));
}

/* How fast it may go, of a roll that is not over. */
static void
pace_print(FILE *f, const json_t *roll)
{
	if (ca_roll_is_over(roll))
		return;
	if (json_is_true(json_object_get(roll, "compromised")) &&
	    json_integer_value(json_object_get(roll, "from")) <
		json_integer_value(json_object_get(roll, "to"))) {
		fprintf(f,
		    "  COMPROMISED: the old root's key may be in wrong "
		    "hands; sessions end with each finish\n");
		say_again_print(f, roll);
		if (json_is_string(json_object_get(roll, "deadline")))
			fprintf(f, "  deadline %s\n",
			    ca_text_of(roll, "deadline"));
		pace_list(f, roll, "cut", "to be cut then, if in the way");
		if (json_object_get(roll, "cut_waits") != NULL)
			fprintf(f, "  waits: %s\n",
			    ca_text_of(roll, "cut_waits"));
		return;
	}
	pace_list(f, roll, "first", "first");
	pace_list(f, roll, "windows", "orders start");
	if (json_object_get(roll, "opens") != NULL)
		fprintf(f, "  closed until %s\n", ca_text_of(roll, "opens"));
	if (json_is_true(json_object_get(roll, "step")))
		fprintf(f, "  each order waits for kedge roll step %s\n",
		    ca_text_of(roll, "root"));
}

/* A hint: the relay may be wrong, or lie. */
static void
handed_print(FILE *f, const json_t *h)
{
	if (json_is_object(h))
		fprintf(f,
		    "    %s says that it handed it over to %s at %s; no "
		    "answer to it since\n",
		    ca_text_of(h, "by"), ca_text_of(h, "to"),
		    ca_text_of(h, "at"));
}

/* Until then everybody must be on the new one. */
static void
end_print(FILE *f, const json_t *roll)
{
	char now[BASE_RFC3339_LEN], left[CA_AGE_TEXT];

	if (ca_roll_is_over(roll) ||
	    !json_is_string(json_object_get(roll, "old_root_ends")))
		return;
	base_time_format(base_time_now(), now);
	ca_age_text(ca_seconds_between(now, ca_text_of(roll, "old_root_ends")),
	    left);
	fprintf(f, "  old root ends at %s, in %s\n",
	    ca_text_of(roll, "old_root_ends"), left);
}

static void
outstanding_print(FILE *f, const json_t *o)
{
	const json_t *heard = json_object_get(o, "heard");

	fprintf(f, "  %s ", ca_text_of(o, "node"));
	print_names(f, json_object_get(o, "steps"), "+");
	fprintf(f,
	    " (epoch %" JSON_INTEGER_FORMAT
	    "): %s%s since %s, %" JSON_INTEGER_FORMAT " tries",
	    ca_number_of(o, "epoch"), ca_text_of(o, "state"),
	    json_is_true(json_object_get(o, "presumed")) ? ", PRESUMED to work,"
							 : "",
	    ca_text_of(o, "since"), ca_number_of(o, "tries"));
	if (heard != NULL)
		fprintf(f, ", last heard %s",
		    json_is_string(heard) ? json_string_value(heard) : "never");
	if (json_string_length(json_object_get(o, "reason")) > 0)
		fprintf(f, "; held by the node: %s", ca_text_of(o, "reason"));
	fprintf(f, "\n");
	handed_print(f, json_object_get(o, "handed"));
}

static void
roll_print(FILE *f, const json_t *roll)
{
	const char *hsm;
	size_t i;
	json_t *o;

	fprintf(f,
	    "roll %" JSON_INTEGER_FORMAT
	    " of root %s, generation %" JSON_INTEGER_FORMAT
	    " -> %" JSON_INTEGER_FORMAT ", %s: %s, %" JSON_INTEGER_FORMAT
	    " of %" JSON_INTEGER_FORMAT " steps\n",
	    ca_number_of(roll, "roll"), ca_text_of(roll, "root"),
	    ca_number_of(roll, "from"), ca_number_of(roll, "to"),
	    ca_text_of(roll, "strategy"), ca_text_of(roll, "state"),
	    ca_number_of(roll, "steps_done"), ca_number_of(roll, "steps_all"));
	pace_print(f, roll);
	if (json_array_size(json_object_get(roll, "by_reload")) > 0) {
		fprintf(f, "  proven by reload only: ");
		print_names(f, json_object_get(roll, "by_reload"), ", ");
		fprintf(f, "\n");
	}
	ca_unkicked_print(f, roll, "  ");
	end_print(f, roll);
	json_array_foreach(json_object_get(roll, "outstanding"), i, o)
	    outstanding_print(f, o);
	json_array_foreach(json_object_get(roll, "held"), i, o) fprintf(f,
	    "  held: %s: %s\n", ca_text_of(o, "node"), ca_text_of(o, "reason"));
	ca_excused_print(f, roll, "  ");
	if (!ca_roll_is_over(roll))
		ca_unsafe_print(f, roll, "  ");
	if (strcmp(ca_text_of(roll, "state"), "paused") == 0)
		fprintf(f, "  waits: %s\n", ca_text_of(roll, "text"));
	waits_print(f, json_object_get(roll, "waits"));
	json_array_foreach(json_object_get(roll, "notes"), i, o)
	    fprintf(f, "  note: %s\n", json_string_value(o));
	hsm = ca_text_of(roll, "hsm");
	if (json_object_get(roll, "hsm") != NULL)
		fprintf(f, "  %s%s\n",
		    strncmp(hsm, "waits ", 6) == 0 ? "" : "waits: ", hsm);
}

static enum base_err
roll_print_one(struct cli *c, const json_t *answer)
{
	roll_print(cli_out(c), answer);
	return BASE_OK;
}

static enum base_err
roll_status_judge(struct cli *c, json_t *answer)
{
	size_t i;
	json_t *o;

	if (!cli_has(c, "exit-code"))
		return BASE_OK;
	json_array_foreach(json_object_get(answer, "rolls"), i, o)
	{
		if (!ca_roll_is_over(o))
			cli_exit_set(c, CLI_WAITING);
	}
	return BASE_OK;
}

static enum base_err
roll_status_print(struct cli *c, const json_t *answer)
{
	FILE *f = cli_out(c);
	const json_t *rolls = json_object_get(answer, "rolls");
	size_t i;
	json_t *o;

	if (json_array_size(rolls) == 0)
		fprintf(f, "no rolls\n");
	json_array_foreach(rolls, i, o) roll_print(f, o);
	if (cli_has(c, "nodes"))
		ca_nodes_print(f, 0, answer);
	return BASE_OK;
}

enum base_err
ca_cmd_roll_status(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "nodes", 0, CA_SWITCH, "nodes" },
		CA_FIELD_END,
	};
	enum base_err e;
	json_t *request;

	if ((e = ca_request_new(c, "roll-status", args, &request)) != BASE_OK)
		return e;
	if (cli_has(c, "watch"))
		return ca_roll_watch(c, request);
	return ca_request_ask(c, request, roll_status_judge, roll_status_print);
}

/* ---- roll step, pause, resume, retry ------------------------------------------------- */

static enum base_err
roll_step_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);
	size_t i;
	json_t *o;

	if (json_is_false(json_object_get(a, "step")))
		fprintf(f, "no order of root %s needs a word any more\n",
		    ca_text_of(a, "root"));
	json_array_foreach(json_object_get(a, "let"), i, o)
	{
		fprintf(f, "let go: %s ", ca_text_of(o, "node"));
		print_names(f, json_object_get(o, "steps"), "+");
		fprintf(f, "\n");
	}
	return BASE_OK;
}

enum base_err
ca_cmd_roll_step(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "rest", 0, CA_SWITCH, "rest" },
		CA_FIELD_END,
	};

	return ca_remote(c, "roll-step", args, roll_step_print);
}

static const struct ca_field roll_root_args[] = {
	{ NULL, 0, CA_STRING, "root" },
	CA_FIELD_END,
};

enum base_err
ca_cmd_roll_pause(struct cli *c)
{
	return ca_remote(c, "roll-pause", roll_root_args, roll_print_one);
}

enum base_err
ca_cmd_roll_resume(struct cli *c)
{
	return ca_remote(c, "roll-resume", roll_root_args, roll_print_one);
}

enum base_err
ca_cmd_roll_retry(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ NULL, 1, CA_STRING, "node" },
		CA_FIELD_END,
	};

	return ca_remote(c, "roll-retry", args, roll_print_one);
}

/* ---- explain --------------------------------------------------------------------------- */

static enum base_err
explain_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);

	fprintf(f, "%s: %s\n", ca_text_of(a, "state"), ca_text_of(a, "text"));
	return BASE_OK;
}

/* STEP is ROOT/NODE/STEP, as roll status and the log write it. */
enum base_err
ca_cmd_explain(struct cli *c)
{
	static const char *const fields[] = { "root", "node", "step" };
	json_t *request = json_pack("{s:s}", "cmd", "explain");
	const char *s = cli_arg(c, 0);
	size_t i;

	for (i = 0; i < 3; i++) {
		size_t n = strcspn(s, "/");

		if (n == 0 || (s[n] == '/') != (i < 2)) {
			json_decref(request);
			return base_fail(BASE_E_USAGE,
			    "%s: a step is written ROOT/NODE/STEP, for "
			    "example plant/web1/cert",
			    cli_arg(c, 0));
		}
		json_object_set_new(request, fields[i], json_stringn(s, n));
		s += n + (i < 2);
	}
	return ca_request_ask(c, request, NULL, explain_print);
}
