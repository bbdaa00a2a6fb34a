/*
 * time: wall time as RFC 3339 text and as the
 * GeneralizedTime of certificates (RFC 5280 section 4.1.2.5.2).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"

/* Years 0 to 9999: all that the two text forms can say. */
#define SEC_MIN INT64_C(-62167219200)
#define SEC_MAX INT64_C(253402300799)

struct base_time
base_time_add_s(struct base_time t, int64_t seconds)
{
	int64_t ms;

	if (__builtin_mul_overflow(seconds, 1000, &ms) ||
	    __builtin_add_overflow(t.ms, ms, &ms))
		ms = seconds < 0 ? INT64_MIN : INT64_MAX;
	return (struct base_time){ ms };
}

/* Broken down, rounded towards the past, held within years 0 to 9999. */
static struct tm
time_fields(struct base_time t)
{
	int64_t s = t.ms / 1000 - (t.ms % 1000 < 0);
	time_t clamped = s < SEC_MIN ? SEC_MIN : s > SEC_MAX ? SEC_MAX : s;
	struct tm tm;

	if (gmtime_r(&clamped, &tm) == NULL)
		base_die("time: %lld has no date", (long long)s);
	return tm;
}

/* Not strftime: its %Y does not pad years below 1000. The size is told with
 * room for any int, so that no truncation is even thinkable. */
void
base_time_format(struct base_time t, char out[BASE_RFC3339_LEN])
{
	struct tm tm = time_fields(t);
	char text[80];

	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	memcpy(out, text, BASE_RFC3339_LEN);
}

void
base_time_to_gentime(struct base_time t, char out[BASE_GENTIME_LEN])
{
	struct tm tm = time_fields(t);
	char text[80];

	snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	memcpy(out, text, BASE_GENTIME_LEN);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Moves *s over text that looks like shape: 'd' is a digit, 'T' is T or t
 * (RFC 3339 section 5.6), anything else itself. Digits go to out in turn. */
static bool
take(const char **s, const char *shape, int *out)
{
	const char *p = *s;

	for (; *shape != '\0'; shape++, p++) {
		if (*shape == 'd' && is_digit(*p))
			*out++ = *p - '0';
		else if (*shape == 'T' && (*p == 'T' || *p == 't'))
			continue;
		else if (*shape == 'd' || *p != *shape)
			return false;
	}
	*s = p;
	return true;
}

/* d holds the fourteen digits YYYYMMDDHHMMSS; false for 31 April and the
 * like. Leap seconds are refused: no clock of ours can show one. */
static bool
seconds_of(const int d[14], int64_t *out)
{
	struct tm tm = { .tm_year =
			     d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3] - 1900,
		.tm_mon = d[4] * 10 + d[5] - 1,
		.tm_mday = d[6] * 10 + d[7],
		.tm_hour = d[8] * 10 + d[9],
		.tm_min = d[10] * 10 + d[11],
		.tm_sec = d[12] * 10 + d[13] };
	struct tm want = tm;

	*out = timegm(&tm);
	return tm.tm_mon == want.tm_mon && tm.tm_mday == want.tm_mday &&
	    tm.tm_hour == want.tm_hour && tm.tm_min == want.tm_min &&
	    tm.tm_sec == want.tm_sec;
}

/* "" , ".5", ".123456": milliseconds, the rest is dropped. */
static bool
take_fraction(const char **s, int64_t *ms)
{
	const char *p = *s;
	int64_t unit = 100;

	*ms = 0;
	if (*p != '.')
		return true;
	if (!is_digit(*++p))
		return false;
	for (; is_digit(*p); p++, unit /= 10)
		*ms += (*p - '0') * unit;
	*s = p;
	return true;
}

/* "Z" or "+hh:mm" or "-hh:mm": seconds east of Greenwich. */
static bool
take_offset(const char **s, int64_t *east)
{
	int d[4], hours, minutes;
	char sign = **s;

	*east = 0;
	if (sign == 'Z' || sign == 'z') {
		(*s)++;
		return true;
	}
	if (sign != '+' && sign != '-')
		return false;
	(*s)++;
	if (!take(s, "dd:dd", d))
		return false;
	hours = d[0] * 10 + d[1];
	minutes = d[2] * 10 + d[3];
	*east = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
	return hours < 24 && minutes < 60;
}

enum base_err
base_time_parse(const char *s, struct base_time *out)
{
	int64_t sec, ms, east;
	const char *p = s;
	int d[14];

	if (!take(&p, "dddd-dd-ddTdd:dd:dd", d) || !seconds_of(d, &sec) ||
	    !take_fraction(&p, &ms) || !take_offset(&p, &east) || *p != '\0')
		return base_fail(BASE_E_SYNTAX,
		    "time: \"%.40s\" is not a time; write it like "
		    "2026-01-02T03:04:05Z",
		    s);
	*out = (struct base_time){ (sec - east) * 1000 + ms };
	return BASE_OK;
}

enum base_err
base_time_from_gentime(const char *s, size_t n, struct base_time *out)
{
	char text[BASE_GENTIME_LEN] = "";
	const char *p = text;
	int64_t sec;
	int d[14];

	if (n == sizeof(text) - 1)
		memcpy(text, s, n);
	if (!take(&p, "ddddddddddddddZ", d) || *p != '\0' ||
	    !seconds_of(d, &sec))
		return base_fail(BASE_E_SYNTAX,
		    "time: not a GeneralizedTime of the form YYYYMMDDHHMMSSZ");
	*out = (struct base_time){ sec * 1000 };
	return BASE_OK;
}

enum base_err
base_time_parse_after(const char *s, struct base_time from,
    struct base_time *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	const size_t n = strspn(s, "0123456789");
	int64_t v = 0;

	if (n == 0 || n > 9 || s[n] == '\0' || s[n + 1] != '\0')
		return base_time_parse(s, out);
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (s[i] - '0');
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (units[i].unit == s[n]) {
			*out = base_time_add_s(from, v * units[i].seconds);
			return BASE_OK;
		}
	return base_fail(BASE_E_SYNTAX,
	    "time \"%s\": neither as 2026-01-02T03:04:05Z nor as 90m, 12h, 2d",
	    s);
}
