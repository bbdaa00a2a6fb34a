/*
 * explain: a reason as one plain sentence. Called by kedged for explain and
 * status; the words of a rule stand here once.
 */
#include <string.h>

#include "policy/policy.h"

struct text {
	char *out;
	size_t n, max;
};

static void
put(struct text *t, const char *s)
{
	for (; *s != '\0'; s++, t->n++)
		if (t->n + 1 < t->max)
			t->out[t->n] = *s;
}

static void
put_steps(struct text *t, uint32_t steps)
{
	static const char *const words[] = { "trust", "cert", "finish" };
	const char *sep = "";

	for (unsigned i = 0; i < 3; i++)
		if (steps & (1u << i)) {
			put(t, sep);
			put(t, words[i]);
			sep = "+";
		}
}

static void
put_number(struct text *t, int64_t v, int width)
{
	char digits[20 + 1];
	int i = 20;

	digits[i] = '\0';
	while (i > 0 && (v > 0 || 20 - i < width)) {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	}
	put(t, digits + i);
}

/* Days since 1970 as a date: years begin in March, so that the day that
 * comes and goes is the last one. */
static void
put_date(struct text *t, int64_t days)
{
	const int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	const int64_t yoe =
	    (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const int64_t m = (5 * doy + 2) / 153;

	put_number(t, yoe + era * 400 + (m >= 10), 4);
	put(t, "-");
	put_number(t, m < 10 ? m + 3 : m - 9, 2);
	put(t, "-");
	put_number(t, doy - (153 * m + 2) / 5 + 1, 2);
}

static void
put_time(struct text *t, struct pol_time when)
{
	const int64_t s = when.ms / 1000, day = s % 86400;

	put_date(t, s / 86400);
	put(t, "T");
	put_number(t, day / 3600, 2);
	put(t, ":");
	put_number(t, day / 60 % 60, 2);
	put(t, ":");
	put_number(t, day % 60, 2);
	put(t, "Z");
}

/* Held by failures: other words than by the operator. No order waits, but a
 * link: other words than of a node. A bound of orders with a finish: the
 * operator may not have set it. */
static const char held_failed[] = "held, failed";
static const char finish_bound[] = "in-flight, finish";
static const char known_link[] = "known, link";

/* %n node, %s its steps, %p peer, %q the peer's steps, %l the link, %d in
 * which direction of it the node and its peer stand, %t since when, %u until
 * when. */
static const struct {
	const char *rule, *words;
	bool peer_releases; /* by a report on peer_steps */
} sentences[] = {
	{ "present-trusted",
	    "%n waits with %s: it may present its new certificate only when "
	    "%p is known to trust the new root (link %l)",
	    true },
	{ "forget-unused",
	    "%n waits with %s: it may forget the old root only when %p is "
	    "known to present nothing under it any more (link %l)",
	    true },
	{ "bridge-until-trusted",
	    "%n waits with %s: it may drop the old chain only when %p is "
	    "known to trust the new root (link %l)",
	    true },
	{ "known",
	    "%n waits with %s: nobody knows what it holds%t; it must join or "
	    "send an inventory",
	    false },
	{ known_link,
	    "link %l must wait: nobody knows what %n holds%t; it must join or "
	    "send an inventory",
	    false },
	{ "excused",
	    "%n waits with %s: the operator has excused it%t, and it gets no "
	    "order until the excuse is taken back (kedge roll return)",
	    false },
	{ "held",
	    "%n waits with %s: the operator holds it%t; it goes on when it is "
	    "freed (kedge roll release)",
	    false },
	{ held_failed,
	    "%n waits with %s: it is held%t because its order %q failed too "
	    "often in a row; it goes on when it is freed (kedge roll retry)",
	    false },
	{ "stopped",
	    "%n waits with %s: its group is stopped%t because %p failed too "
	    "often in a row with %q; it goes on when %p is freed (kedge roll "
	    "retry)",
	    false },
	{ "one-order", "%n waits with %s: it has its order %q still to answer",
	    true },
	{ "own-trust", "%n waits with %s: it must hold the new root before",
	    true },
	{ "own-cert",
	    "%n waits with %s: it must have its new certificate before", true },
	{ "layer", "%n waits with %s: the strategy does %q of %p before",
	    true },
	{ "courtesy",
	    "%n waits with %s: %p does not trust the new root yet, and until "
	    "then %n would send it a longer chain",
	    true },
	{ "last",
	    "%n waits with %s: it drops the old root after all its nodes, "
	    "and %p has not",
	    true },
	{ "fresh",
	    "%n waits with %s: it takes something from %p, %d (link %l), and "
	    "%p was not heard of%t; it goes on when the next inventory of %p "
	    "comes",
	    false },
	{ "new-link",
	    "link %l must wait: %n may show a certificate there that the "
	    "other end does not trust",
	    true },
	{ "first-failed",
	    "%n waits with %s: %p, which goes first, has failed with %q, and "
	    "nothing else starts before that works",
	    true },
	{ "first", "%n waits with %s: %p goes first, and has not done %q",
	    true },
	{ "window",
	    "%n waits with %s: outside the times in which orders may start%t; "
	    "the next begins at %u (UTC)",
	    false },
	{ "step",
	    "%n waits with %s: the operator lets each order go, and has let "
	    "none of %n go%t: kedge roll step",
	    false },
	{ "in-flight",
	    "%n waits with %s: as many orders are under way as the operator "
	    "allows, the oldest of them %q of %p%t; it goes on when one is "
	    "answered",
	    false },
	{ finish_bound,
	    "%n waits with %s: as many orders with a finish, after which a "
	    "node may restart its applications, are under way as may be at "
	    "once, the oldest of them %q of %p%t; it goes on when one is "
	    "answered, or its node is given up, because it is silent",
	    false },
};

struct names {
	const char *(*name)(const void *arg, uint32_t node);
	const void *arg;
};

static void
put_node(struct text *t, const struct names *names, uint32_t node)
{
	put(t, node == POL_NONE ? "nobody" : names->name(names->arg, node));
}

static void
put_since(struct text *t, const char *before, struct pol_time since)
{
	if (since.ms <= 0)
		return;
	put(t, before);
	put(t, " since ");
	put_time(t, since);
}

static void
put_word(struct text *t, char word, const struct pol_why *w,
    const struct names *names)
{
	switch (word) {
	case 'n':
		put_node(t, names, w->node);
		break;
	case 'p':
		put_node(t, names, w->peer);
		break;
	case 's':
		put_steps(t, w->steps);
		break;
	case 'q':
		put_steps(t, w->peer_steps);
		break;
	case 't':
		put_since(t, "", w->since);
		break;
	case 'u':
		put_time(t, w->until);
		break;
	case 'd':
		put(t,
		    w->presenter_waits ? "to which it presents"
				       : "which presents to it");
		break;
	default:
		put_node(t, names, w->link_client);
		put(t, " > ");
		put_node(t, names, w->link_server);
	}
}

static void
put_words(struct text *t, const char *words, const struct pol_why *w,
    const struct names *names)
{
	char one[2] = { 0, 0 };

	for (; *words != '\0'; words++) {
		if (*words == '%') {
			put_word(t, *++words, w, names);
			continue;
		}
		one[0] = *words;
		put(t, one);
	}
}

static void
put_release(struct text *t, const struct pol_why *w, const struct names *names)
{
	if (w->is_peer_unknown) {
		put_words(t,
		    "; nobody knows what %p holds%t; %p must join or send an "
		    "inventory",
		    w, names);
		return;
	}
	if (w->outstanding) {
		put_words(t, "; the effective report of %p on %q is missing%t",
		    w, names);
		return;
	}
	put_words(t, "; %p has not got its order %q yet", w, names);
	put_since(t, ", and has not changed", w->since);
}

/* Of its sentence: one rule may have two. */
static const char *
key_of(const struct pol_why *w)
{
	if (strcmp(w->rule, "held") == 0 && w->peer_steps != 0)
		return held_failed;
	if (strcmp(w->rule, "known") == 0 && w->steps == 0)
		return known_link;
	if (strcmp(w->rule, "in-flight") == 0 && w->is_finish_bound)
		return finish_bound;
	return w->rule;
}

size_t
pol_why_text(const struct pol_why *w,
    const char *(*name)(const void *arg, uint32_t node), const void *arg,
    char *out, size_t max)
{
	const struct names names = { name, arg };
	struct text t = { out, 0, max };
	const size_t n = sizeof(sentences) / sizeof(sentences[0]);
	const char *rule = key_of(w);
	size_t i = 0;

	while (i < n && strcmp(sentences[i].rule, rule) != 0)
		i++;
	if (i < n)
		put_words(&t, sentences[i].words, w, &names);
	else
		put_words(&t, "%n waits with %s", w, &names);
	if (i < n && sentences[i].peer_releases && w->peer != POL_NONE &&
	    w->peer_steps != 0)
		put_release(&t, w, &names);
	if (max > 0)
		out[t.n < max ? t.n : max - 1] = '\0';
	return t.n;
}
