/*
 * ca/control_pace: how fast a roll may go: what `roll-start` says about it,
 * `roll-step`, and what `roll-status` shows of it. Fields are in
 * docs/control.md.
 */
#include <string.h>

#include "ca/control.h"

typedef enum base_err
text_fn(struct ca *ca, struct ca_roll_row *row, const char *text);

static enum base_err
window_add(struct ca *ca, struct ca_roll_row *row, const char *text)
{
	(void)ca;
	return ca_roll_window_add(row, text);
}

static enum base_err
each_text(json_t *list, const char *field, struct ca *ca,
    struct ca_roll_row *row, text_fn *add)
{
	enum base_err r = BASE_OK;
	size_t i;
	json_t *v;

	if (list != NULL && !json_is_array(list))
		return base_fail(BASE_E_USAGE, "%s: is a list of texts", field);
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v))
			return base_fail(BASE_E_USAGE, "%s: is a list of texts",
			    field);
		if ((r = add(ca, row, json_string_value(v))) != BASE_OK)
			return r;
	}
	return BASE_OK;
}

/* Of a stolen key only, and in time. */
static enum base_err
deadline_read(struct ca *ca, const struct ca_pace_words *words,
    struct ca_roll_row *row)
{
	const bool lists =
	    words->cut != NULL && json_array_size(words->cut) > 0;
	enum base_err r;

	if (words->deadline == NULL && !lists)
		return BASE_OK;
	if (!row->compromised || words->deadline == NULL)
		return base_fail(BASE_E_USAGE,
		    "deadline, cut: are said of a roll with compromised; who is "
		    "listed is cut from the deadline on, so give both");
	if ((r = base_time_parse_after(words->deadline, ca_now(ca),
		 &row->deadline)) != BASE_OK)
		return r;
	if (row->deadline.ms <= ca_now(ca).ms)
		return base_fail(BASE_E_RANGE, "deadline %s: is over already",
		    words->deadline);
	return each_text(words->cut, "cut", ca, row, ca_roll_cut_add);
}

enum base_err
ca_control_pace(struct ca *ca, const struct ca_pace_words *words,
    struct ca_roll_row *row)
{
	enum base_err r;

	if (words->max_in_flight < 0)
		return base_fail(BASE_E_USAGE, "max_in_flight is negative");
	if (row->root[0] == '\0' && json_array_size(words->first) > 0)
		return base_fail(BASE_E_USAGE,
		    "first: names nodes of one root; start that root by "
		    "itself");
	if (words->presume != NULL && strcmp(words->presume, "received") != 0)
		return base_fail(BASE_E_USAGE,
		    "presume %s: received is all that can be presumed to work",
		    words->presume);
	if (words->compromised != 0 &&
	    (row->root[0] == '\0' || words->first != NULL ||
		words->windows != NULL || words->step != 0 ||
		words->presume != NULL))
		return base_fail(BASE_E_USAGE,
		    "compromised: is said of one root by its name, and goes as "
		    "fast as the rules allow: no first, window, step or presume "
		    "with it");
	row->compromised = words->compromised != 0;
	if (words->kicks < 0 || (words->kicks > 0 && !row->compromised))
		return base_fail(BASE_E_USAGE,
		    "kicks: is a number from 1, said of a roll with "
		    "compromised");
	row->kicks = (uint32_t)words->kicks;
	row->max_in_flight = (uint32_t)words->max_in_flight;
	row->presume = words->presume != NULL;
	row->step = words->step != 0;
	if ((r = deadline_read(ca, words, row)) != BASE_OK ||
	    (r = each_text(words->first, "first", ca, row,
		 ca_roll_first_add)) != BASE_OK)
		return r;
	return each_text(words->windows, "windows", ca, row, window_add);
}

/* ---- roll-step ------------------------------------------------------------------ */

static void
let_put(void *arg, const char *node, uint32_t steps)
{
	json_array_append_new(arg,
	    json_pack("{ss, so}", "node", node, "steps", ca_json_steps(steps)));
}

enum base_err
ca_control_roll_step(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca *ca = ca_session_ca(s);
	const char *cmd, *root;
	json_t *let = json_array();
	int rest = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?b}", "cmd", &cmd, "root", &root,
		 "rest", &rest)) == BASE_OK)
		r = rest != 0
		    ? ca_roll_step_rest(ca, root, ca_session_who(s))
		    : ca_roll_step(ca, root, ca_session_who(s), let_put, let);
	if (r == BASE_OK &&
	    (r = ca_json_roll(ca, &ca_roll_of(ca, root)->row, answer)) ==
		BASE_OK)
		json_object_set(*answer, "let", let);
	json_decref(let);
	return r;
}

/* ---- roll-status ------------------------------------------------------------------ */

static json_t *
windows_json(const char *windows)
{
	json_t *list = json_array();

	while (*windows != '\0') {
		const size_t n = strcspn(windows, ";");
		json_array_append_new(list, json_stringn(windows, n));
		windows += n + (windows[n] == ';');
	}
	return list;
}

void
ca_json_pace(struct ca *ca, const struct ca_roll_row *row, json_t *o)
{
	const struct ca_roll *w = ca_roll_of(ca, row->root);
	struct base_time opens;

	json_object_set_new(o, "max_in_flight",
	    json_integer(row->max_in_flight));
	json_object_set_new(o, "first", ca_json_words(row->first));
	json_object_set_new(o, "windows", windows_json(row->windows));
	json_object_set_new(o, "step", json_boolean(row->step));
	json_object_set_new(o, "compromised", json_boolean(row->compromised));
	if (row->compromised) {
		json_object_set_new(o, "deadline", ca_json_time(row->deadline));
		json_object_set_new(o, "cut", ca_json_words(row->cut));
		json_object_set_new(o, "kicks", json_integer(row->kicks));
		json_object_set_new(o, "say_again",
		    json_boolean(row->say_again && row->state != CA_ROLL_DONE));
	}
	if (row->presume)
		json_object_set_new(o, "presume", json_string("received"));
	if (w == NULL || w->row.id != row->id)
		return;
	if (w->cut_waits[0] != '\0')
		json_object_set_new(o, "cut_waits", json_string(w->cut_waits));
	opens = ca_roll_opens(ca, w);
	if (opens.ms > ca_now(ca).ms)
		json_object_set_new(o, "opens", ca_json_time(opens));
}
