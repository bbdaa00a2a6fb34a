/*
 * log: lines on standard error for journald or for a terminal, and the way
 * to die. One write(2) per line, so that lines of several processes on one
 * descriptor do not mix.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

#define LINE_MAX_BYTES 2048

static const char *log_ident = "kedge";
static enum base_level log_max = BASE_NOTICE;
static bool log_journal;

void
base_log_open(const char *ident, enum base_level max)
{
	log_ident = ident;
	log_max = max;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

/* What a terminal would act on: C0, DEL, and C1 in its UTF-8 form. */
static bool
is_control(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return true;
	return s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f;
}

static size_t
escape(const char *text, char *out, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = 0;

	for (; *s != '\0' && n + 5 < size; s++) {
		if (is_control(s))
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", *s);
		else
			out[n++] = (char)*s;
	}
	out[n] = '\0';
	return n;
}

BASE_PRINTF(2, 0)
static void
log_put(enum base_level level, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 128];
	char when[BASE_RFC3339_LEN];
	int head, saved = errno;
	size_t n;

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	base_time_format(base_time_now(), when);
	if (log_journal)
		head = snprintf(line, sizeof(line), "<%d>", (int)level);
	else
		head = snprintf(line, 128, "%s %s: ", when, log_ident);
	n = head < 0 ? 0 : (size_t)head < 128 ? (size_t)head : 127;
	n += escape(text, line + n, sizeof(line) - n - 1);
	line[n++] = '\n';
	/* nobody is left to be told when standard error fails */
	if (write(STDERR_FILENO, line, n) < 0)
		n = 0;
	errno = saved;
}

void
base_log(enum base_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	log_put(level, fmt, ap);
	va_end(ap);
}

static void
key_number(char *out, size_t max, uint64_t n)
{
	if (n == 0)
		snprintf(out, max, "-");
	else
		snprintf(out, max, "%llu", (unsigned long long)n);
}

void
base_log_change(enum base_level level, const struct base_change *c,
    const char *fmt, ...)
{
	char why[LINE_MAX_BYTES], roll[24], epoch[24];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(why, sizeof(why), fmt, ap) < 0)
		why[0] = '\0';
	va_end(ap);
	key_number(roll, sizeof(roll), c->roll);
	key_number(epoch, sizeof(epoch), c->epoch);
	base_log(level, "%s: %s -> %s node=%s root=%s roll=%s epoch=%s%s%s",
	    c->subject, c->old, c->now, c->node != NULL ? c->node : "-",
	    c->root != NULL ? c->root : "-", roll, epoch,
	    why[0] == '\0' ? "" : ": ", why);
}

void
base_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_put(BASE_ERR, fmt, ap);
	va_end(ap);
	abort();
}
