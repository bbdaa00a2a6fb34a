/*
 * kedge roll status --watch and --nodes: every node of a roll, how far it is,
 * its last word and why it waits. On a terminal the picture stands where it
 * began and changes, below what was there before; into a pipe go the events,
 * with the picture at the beginning and when the roll comes to wait for
 * somebody else, but not all the time.
 */
#include "ca/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ca/ctl.h"
#include "ca/remote.h"

#define BAR_WIDTH  28
#define REFRESH_MS 1000
#define AGAIN_MS   30000
#define DAY_S	   86400

struct canvas {
	FILE *f;
	size_t columns, lines; /* 0: as many as there are */
};

/* ---- one picture ------------------------------------------------------------ */

static void
steps_text(const json_t *list, char *out, size_t max)
{
	size_t i, at = 0;
	json_t *v;

	snprintf(out, max, "-");
	json_array_foreach(list, i, v) if (at < max) at +=
	    (size_t)snprintf(out + at, max - at, "%s%s", i == 0 ? "" : "+",
		json_string_value(v));
}

int64_t
ca_seconds_between(const char *from, const char *to)
{
	struct base_time a, b;

	if (base_time_parse(from, &a) != BASE_OK ||
	    base_time_parse(to, &b) != BASE_OK)
		return 0;
	return (b.ms - a.ms) / 1000;
}

void
ca_age_text(int64_t seconds, char out[CA_AGE_TEXT])
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(out, CA_AGE_TEXT, "%" PRId64 "s", seconds);
	else if (seconds < 7200)
		snprintf(out, CA_AGE_TEXT, "%" PRId64 "m", seconds / 60);
	else if (seconds < 2 * DAY_S)
		snprintf(out, CA_AGE_TEXT, "%" PRId64 "h", seconds / 3600);
	else
		snprintf(out, CA_AGE_TEXT, "%" PRId64 "d", seconds / DAY_S);
}

/* Cut to the canvas, by whole characters. */
static void
put_line(const struct canvas *v, const char *text)
{
	size_t n = strlen(text), columns = 0, i = 0;

	while (i < n && (v->columns == 0 || columns < v->columns)) {
		i++;
		while (i < n && ((unsigned char)text[i] & 0xc0) == 0x80)
			i++;
		columns++;
	}
	fprintf(v->f, "%.*s\n", (int)i, text);
}

static void
put_head(const struct canvas *v, const json_t *roll, const char *now)
{
	char bar[BAR_WIDTH + 1], left[CA_AGE_TEXT], line[512];
	json_int_t done = ca_number_of(roll, "steps_done");
	json_int_t all = ca_number_of(roll, "steps_all");
	const char *end = ca_text_of(roll, "old_root_ends");
	json_int_t full = all > 0 ? done * BAR_WIDTH / all : 0;

	snprintf(line, sizeof(line),
	    "roll %" JSON_INTEGER_FORMAT " of root %s, %" JSON_INTEGER_FORMAT
	    " -> %" JSON_INTEGER_FORMAT ", %s: %s",
	    ca_number_of(roll, "roll"), ca_text_of(roll, "root"),
	    ca_number_of(roll, "from"), ca_number_of(roll, "to"),
	    ca_text_of(roll, "strategy"), ca_text_of(roll, "state"));
	put_line(v, line);
	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	ca_age_text(ca_seconds_between(now, end), left);
	snprintf(line, sizeof(line),
	    "[%s] %" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT
	    ", old root ends in %s",
	    bar, done, all, left);
	put_line(v, line);
}

/* "tc-": trust, cert, finish */
static void
done_text(const json_t *list, char out[4])
{
	static const char *const steps[] = { "trust", "cert", "finish" };
	size_t i;
	json_t *v;

	memcpy(out, "---", 4);
	json_array_foreach(list, i,
	    v) for (size_t k = 0; k < 3;
		    k++) if (strcmp(json_string_value(v), steps[k]) == 0)
	    out[k] = steps[k][0];
}

/* What a terminal has room for: on whose step, by which rule. */
static void
short_reason(const json_t *o, char *out, size_t max)
{
	const char *peer = json_string_value(json_object_get(o, "peer"));
	const char *rule = ca_text_of(o, "rule");
	const char *state = ca_text_of(o, "state");
	char steps[48];

	steps_text(json_object_get(o, "peer_steps"), steps, sizeof(steps));
	if (strcmp(state, "sent") == 0)
		snprintf(out, max, "no answer yet");
	else if (strcmp(state, "received") == 0)
		snprintf(out, max, "it has the order; no result yet");
	else if (peer == NULL)
		snprintf(out, max, "%s", rule);
	else if (strcmp(peer, ca_text_of(o, "node")) == 0)
		snprintf(out, max, "its own %s (%s)", steps, rule);
	else
		snprintf(out, max, "%s: %s (%s)", peer, steps, rule);
}

/* Without "NODE waits with STEP: ", which the line has said already. */
static const char *
reason_of(const json_t *o)
{
	const char *text = ca_text_of(o, "waits"), *colon;
	size_t n = strlen(ca_text_of(o, "node"));

	if (strncmp(text, ca_text_of(o, "node"), n) != 0 ||
	    strncmp(text + n, " waits with ", 12) != 0 ||
	    (colon = strstr(text, ": ")) == NULL)
		return text;
	return colon + 2;
}

static void
put_node(const struct canvas *v, const json_t *o, const char *now)
{
	char done[4], state[80], next[48], heard[CA_AGE_TEXT] = "never",
					   line[640];
	char why[300];

	done_text(json_object_get(o, "done"), done);
	steps_text(json_object_get(o, "next"), next, sizeof(next));
	/* what it waits with is the first of them */
	if (strcmp(ca_text_of(o, "state"), "waiting") == 0)
		next[strcspn(next, "+")] = '\0';
	snprintf(state, sizeof(state), "%s%s%s", ca_text_of(o, "state"),
	    strcmp(next, "-") == 0 ? "" : " ",
	    strcmp(next, "-") == 0 ? "" : next);
	snprintf(why, sizeof(why), "%s", reason_of(o));
	/* a node's own words are nowhere else in the picture */
	if (v->columns > 0 && why[0] != '\0' &&
	    strncmp(why, "held by ", 8) != 0)
		short_reason(o, why, sizeof(why));
	if (json_is_string(json_object_get(o, "heard")))
		ca_age_text(ca_seconds_between(ca_text_of(o, "heard"), now),
		    heard);
	snprintf(line, sizeof(line), "%-10s %-4s %-19s %5s  %s",
	    ca_text_of(o, "node"), done, state, heard, why);
	for (size_t n = strlen(line); n > 0 && line[n - 1] == ' '; n--)
		line[n - 1] = '\0';
	put_line(v, line);
}

static bool
is_done(const json_t *node)
{
	return strcmp(ca_text_of(node, "state"), "done") == 0;
}

/* Those that are not done first; what has no room is counted. */
static void
put_nodes(const struct canvas *v, const json_t *roll, size_t room,
    const char *now)
{
	const json_t *nodes = json_object_get(roll, "nodes");
	size_t i, shown = 0, hidden = 0;
	char line[64];
	json_t *o;

	if (json_array_size(nodes) == 0)
		return;
	put_line(v, "NODE       DONE STATE               HEARD  WAITS");
	for (int pass = 0; pass < 2; pass++) {
		json_array_foreach(nodes, i, o)
		{
			if (is_done(o) != (pass == 1))
				continue;
			if (room > 0 && shown >= room)
				hidden++;
			else {
				put_node(v, o, now);
				shown++;
			}
		}
	}
	if (hidden > 0) {
		snprintf(line, sizeof(line), "… and %zu nodes more", hidden);
		put_line(v, line);
	}
}

static void
put_roll(const struct canvas *v, const json_t *roll, const char *now)
{
	size_t room = v->lines > 8 ? v->lines - 6 : v->lines > 0 ? 2 : 0;
	char line[1200];

	put_head(v, roll, now);
	put_nodes(v, roll, room, now);
	if (json_object_get(roll, "text") != NULL) {
		snprintf(line, sizeof(line), "%s", ca_text_of(roll, "text"));
		put_line(v, line);
	}
}

bool
ca_roll_is_over(const json_t *roll)
{
	const char *state = ca_text_of(roll, "state");

	return strcmp(state, "done") == 0 || strcmp(state, "aborted") == 0;
}

/* Did it still run then? */
static bool
ran_before(const json_t *before, const json_t *roll)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(before, "rolls"), i, o)
	{
		if (ca_number_of(o, "roll") == ca_number_of(roll, "roll"))
			return !ca_roll_is_over(o);
	}
	return false;
}

/* Rolls that run, and such as have ended since the answer before; NULL: none
 * is before it. */
static void
put_picture(const struct canvas *v, const json_t *answer, const json_t *before)
{
	char now[BASE_RFC3339_LEN];
	size_t i;
	json_t *o;

	base_time_format(base_time_now(), now);
	json_array_foreach(json_object_get(answer, "rolls"), i, o)
	{
		if (!ca_roll_is_over(o) || ran_before(before, o))
			put_roll(v, o, now);
	}
	fflush(v->f);
}

void
ca_nodes_print(FILE *f, size_t columns, const json_t *answer)
{
	const struct canvas v = { f, columns, 0 };

	put_picture(&v, answer, NULL);
}

/* ---- events as lines --------------------------------------------------------- */

static void
put_event(FILE *f, const json_t *event)
{
	const char *kind = ca_text_of(event, "event");
	const char *text = ca_text_of(event, "text");
	char steps[48];

	fprintf(f, "%s  ", ca_text_of(event, "time"));
	if (strcmp(kind, "order") == 0) {
		steps_text(json_object_get(event, "steps"), steps,
		    sizeof(steps));
		fprintf(f, "%s %s: %s -> %s", ca_text_of(event, "node"), steps,
		    ca_text_of(event, "old"), ca_text_of(event, "new"));
		if (json_string_length(json_object_get(event, "reason")) > 0)
			fprintf(f, " (%s)", ca_text_of(event, "reason"));
		if (strcmp(ca_text_of(event, "proof"), "reload") == 0)
			fprintf(f, " (by reload only)");
		fprintf(f, "\n");
	} else if (strcmp(kind, "waits") == 0) {
		fprintf(f, "%s\n", *text == '\0' ? "waits for nobody" : text);
	} else {
		fprintf(f, "%s %s: %s -> %s%s%s\n", kind,
		    ca_text_of(event,
			strcmp(kind, "roll") == 0 ? "root" : "node"),
		    ca_text_of(event, "old"), ca_text_of(event, "new"),
		    *ca_text_of(event, "reason") == '\0' ? "" : ": ",
		    ca_text_of(event, "reason"));
	}
	fflush(f);
}

/* ---- watching -------------------------------------------------------------------- */

struct watch {
	struct cli *c;
	struct ca_ctl *events, *ctl;
	json_t *request;
	json_t *answer, *before; /* the last one, the one before */
	size_t drawn, columns; /* lines of the picture on the terminal */
	bool fancy, finished;
	struct base_mono again; /* no picture into a pipe before */
};

static enum base_err
watch_ask(struct watch *w)
{
	enum base_err e;
	size_t i;
	json_t *o;

	json_decref(w->before);
	w->before = w->answer;
	w->answer = NULL;
	e = ca_ctl_call(w->ctl, json_incref(w->request), &w->answer);
	w->finished = true;
	json_array_foreach(json_object_get(w->answer, "rolls"), i, o)
	    w->finished = w->finished && ca_roll_is_over(o);
	return e;
}

/* Anew in the same place, unless the terminal has got another width meanwhile
 * and may have broken the lines; what was there before is wiped line by line, so
 * that nothing flickers. */
static void
repaint(struct watch *w)
{
	FILE *f = cli_out(w->c);
	struct winsize size = { .ws_row = 0 };
	struct canvas v = { NULL, 80, 24 };
	char *text = NULL;
	size_t n = 0;

	if (ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
		v.columns = size.ws_col - 1U;
		v.lines = size.ws_row;
	}
	if ((v.f = open_memstream(&text, &n)) == NULL)
		base_die("out of memory");
	put_picture(&v, w->answer, w->before);
	fclose(v.f);
	if (w->drawn > 0 && w->columns == v.columns)
		fprintf(f, "\x1b[%zuA", w->drawn);
	w->drawn = 0;
	w->columns = v.columns;
	for (char *l = text, *end; *l != '\0' && w->drawn + 1 < v.lines;
	     l = end + 1) {
		end = strchr(l, '\n');
		fprintf(f, "%.*s\x1b[K\n", (int)(end - l), l);
		w->drawn++;
	}
	fputs("\x1b[J", f);
	fflush(f);
	free(text);
}

static void
watch_show(struct watch *w, const json_t *event)
{
	FILE *f = cli_out(w->c);
	struct base_mono now = base_mono_now();

	if (w->fancy) {
		repaint(w);
	} else if (event == NULL) {
		return;
	} else if (cli_json(w->c)) {
		ca_json_print(f, event);
		fflush(f);
	} else {
		put_event(f, event);
		if (strcmp(ca_text_of(event, "event"), "waits") != 0 ||
		    *ca_text_of(event, "text") == '\0' || now.ms < w->again.ms)
			return;
		ca_nodes_print(f, 0, w->answer);
		w->again.ms = now.ms + AGAIN_MS;
	}
}

/* Ages grow although nothing happens. */
static enum base_err
watch_next(struct watch *w, json_t **event)
{
	enum base_err e =
	    ca_ctl_event(w->events, w->fancy ? REFRESH_MS : -1, event);

	return e == BASE_E_TIMEOUT ? BASE_OK : e;
}

static enum base_err
watch_loop(struct watch *w)
{
	json_t *event = NULL;
	enum base_err e = watch_ask(w);

	if (e == BASE_OK && !w->finished && !cli_json(w->c) && !w->fancy)
		ca_nodes_print(cli_out(w->c), 0, w->answer);
	while (e == BASE_OK && !w->finished) {
		watch_show(w, event);
		json_decref(event);
		event = NULL;
		if ((e = watch_next(w, &event)) == BASE_OK)
			e = watch_ask(w);
	}
	/* the one that ended it */
	if (e == BASE_OK && (event != NULL || w->drawn > 0))
		watch_show(w, event);
	json_decref(event);
	if (e == BASE_OK && !cli_json(w->c))
		fprintf(cli_out(w->c), "done\n");
	return e;
}

/* Two connections: the events, and one for asking how far it is. Subscribing
 * comes first, so that nothing happens unseen between the two. */
enum base_err
ca_roll_watch(struct cli *c, json_t *request)
{
	struct watch w = { .c = c, .request = request };
	json_t *j = NULL;
	enum base_err e;

	w.fancy = ca_is_fancy(cli_out(c)) && !cli_json(c);
	json_object_set_new(request, "nodes", json_true());
	if ((e = ca_ctl_open(cli_socket(c), &w.events)) == BASE_OK &&
	    (e = ca_ctl_open(cli_socket(c), &w.ctl)) == BASE_OK &&
	    (e = ca_ctl_call(w.events, json_pack("{s:s}", "cmd", "events"),
		 &j)) == BASE_OK)
		e = watch_loop(&w);
	json_decref(j);
	json_decref(w.answer);
	json_decref(w.before);
	json_decref(request);
	ca_ctl_close(w.events);
	ca_ctl_close(w.ctl);
	return e;
}
