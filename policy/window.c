/*
 * window: times of the week in which orders may start, as the operator
 * writes them: "Mon-Fri 22:00-04:00". UTC and nothing else, so that no
 * change of summer time and no host's setting moves one. Read by kedged and
 * kedge; asked by a gate, which is given the time.
 */
#include "policy/inside.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS	  INT64_C(86400000)
#define DAY_MIN	  1440

static const char day_names[7][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
	"Sun" };

/* ---- reading ------------------------------------------------------------------ */

static bool
eat(const char **s, const char *word)
{
	const char *p = *s;

	while (*word != '\0' && *p == *word) {
		p++;
		word++;
	}
	if (*word != '\0')
		return false;
	*s = p;
	return true;
}

static bool
eat_day(const char **s, unsigned *day)
{
	for (*day = 0; *day < 7; ++*day)
		if (eat(s, day_names[*day]))
			return true;
	return false;
}

static const char *
days_parse(const char **s, uint8_t *days)
{
	static const char bad[] = "a day is Mon, Tue, Wed, Thu, Fri, Sat or "
				  "Sun; days are written Mon-Fri or Sat,Sun";
	unsigned first, last;

	do {
		if (!eat_day(s, &first))
			return bad;
		last = first;
		if (eat(s, "-") && !eat_day(s, &last))
			return bad;
		for (unsigned d = first;; d = (d + 1) % 7) {
			if (*days & (1u << d))
				return "a day is named twice";
			*days |= (uint8_t)(1u << d);
			if (d == last)
				break;
		}
	} while (eat(s, ","));
	return eat(s, " ") ? NULL : "between days and hours is one space";
}

static bool
two_digits(const char **s, unsigned *v)
{
	const char *p = *s;

	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*v = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
	*s = p + 2;
	return true;
}

static bool
minute_parse(const char **s, uint16_t *minute)
{
	unsigned h, m;

	if (!two_digits(s, &h) || !eat(s, ":") || !two_digits(s, &m) ||
	    m > 59 || h * 60 + m > DAY_MIN)
		return false;
	*minute = (uint16_t)(h * 60 + m);
	return true;
}

const char *
pol_window_parse(const char *text, struct pol_window *out)
{
	const char *why;

	*out = (struct pol_window){ .days = 0x7f };
	if (*text < '0' || *text > '9') {
		out->days = 0;
		if ((why = days_parse(&text, &out->days)) != NULL)
			return why;
	}
	if (!minute_parse(&text, &out->from) || !eat(&text, "-") ||
	    !minute_parse(&text, &out->to))
		return "hours are written 22:00-04:00, from 00:00 to 24:00";
	(void)eat(&text, " UTC");
	if (*text != '\0')
		return "after the hours comes nothing; they are UTC, and no "
		       "other zone can be given";
	if (out->from == DAY_MIN || out->to == 0)
		return "a window opens before 24:00 and closes after 00:00";
	if (out->from == out->to)
		return "it opens and closes at once; a whole day is "
		       "00:00-24:00";
	return NULL;
}

/* ---- writing ------------------------------------------------------------------- */

static char *
put_minute(char *p, unsigned minute)
{
	*p++ = (char)('0' + minute / 600);
	*p++ = (char)('0' + minute / 60 % 10);
	*p++ = ':';
	*p++ = (char)('0' + minute % 60 / 10);
	*p++ = (char)('0' + minute % 10);
	return p;
}

void
pol_window_format(const struct pol_window *w, char out[POL_WINDOW_TEXT])
{
	const char *sep = "";
	char *p = out;

	for (unsigned d = 0; d < 7 && w->days != 0x7f; d++) {
		if (!(w->days & (1u << d)))
			continue;
		for (const char *s = sep; *s != '\0'; s++)
			*p++ = *s;
		for (unsigned i = 0; i < 3; i++)
			*p++ = day_names[d][i];
		sep = ",";
	}
	if (p != out)
		*p++ = ' ';
	p = put_minute(p, w->from);
	*p++ = '-';
	p = put_minute(p, w->to);
	for (const char *s = " UTC"; *s != '\0'; s++)
		*p++ = *s;
	*p = '\0';
}

/* ---- asking ---------------------------------------------------------------------- */

/* Its opening on this day (since 1970), if it opens there. */
static bool
opens_on(const struct pol_window *w, int64_t day, struct span *out)
{
	/* 1 January 1970 was a Thursday */
	const unsigned weekday = (unsigned)(((day + 3) % 7 + 7) % 7);
	const unsigned long_min = w->from < w->to
	    ? (unsigned)(w->to - w->from)
	    : (unsigned)(DAY_MIN - w->from + w->to);

	if (!(w->days & (1u << weekday)))
		return false;
	out->from = day * DAY_MS + w->from * MINUTE_MS;
	out->to = out->from + (int64_t)long_min * MINUTE_MS;
	return true;
}

struct pol_time
pol_windows_open(const struct pol_window *w, size_t n, struct pol_time now)
{
	int64_t day = now.ms / DAY_MS - (now.ms % DAY_MS < 0), best = INT64_MAX;
	struct span s;

	if (n == 0)
		return now;
	/* yesterday's may still be open; a week has each of them once */
	for (size_t i = 0; i < n; i++)
		for (int64_t d = day - 1; d <= day + 7; d++) {
			if (!opens_on(&w[i], d, &s) || s.to <= now.ms)
				continue;
			if (s.from <= now.ms)
				return now;
			best = s.from < best ? s.from : best;
		}
	return (struct pol_time){ best };
}

struct pol_time
pol_windows_closed(const struct pol_window *w, size_t n, struct pol_time now)
{
	const int64_t day = now.ms / DAY_MS - (now.ms % DAY_MS < 0);
	struct pol_time last = { 0 };
	struct span s;

	/* one of today a week ago may have closed a day later */
	for (size_t i = 0; i < n; i++)
		for (int64_t d = day - 8; d <= day; d++)
			if (opens_on(&w[i], d, &s) && s.to <= now.ms &&
			    s.to > last.ms)
				last.ms = s.to;
	return last;
}
