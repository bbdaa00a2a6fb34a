/*
 * load_report: from attempts to report.json and a table; called by load.c
 * once the window has ended and no attempt of it is under way any more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/e2e/load.h"

struct sum {
	uint64_t handshakes, refused;
	int64_t gap; /* longest time without a success, microseconds */
	int64_t gap_at;
	uint64_t causes[LOAD_CAUSES];
	int64_t first[LOAD_CAUSES];
};

uint8_t
load_cause(struct load_run *r, const char *words)
{
	size_t i;

	for (i = 1; i < r->ncauses; i++) {
		if (strncmp(r->causes[i], words, LOAD_WORDS - 1) == 0)
			return (uint8_t)i;
	}
	if (i == LOAD_CAUSES)
		return LOAD_CAUSES - 1; /* "other", made at start */
	snprintf(r->causes[i], LOAD_WORDS, "%s", words);
	r->ncauses++;
	return (uint8_t)i;
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Successes end in another order than they begin in: sorted first. */
static void
sum_gap(struct sum *s, int64_t *ends, size_t n, int64_t begin, int64_t end)
{
	int64_t last = begin;

	qsort(ends, n, sizeof(*ends), by_time);
	for (size_t i = 0; i <= n; i++) {
		int64_t now = i < n && ends[i] < end ? ends[i] : end;

		if (now - last > s->gap) {
			s->gap = now - last;
			s->gap_at = last;
		}
		last = now;
	}
}

static void
sum_pair(const struct load_run *r, const struct load_pair *p, struct sum *s)
{
	int64_t *ends = calloc(p->nattempts + 1, sizeof(*ends));
	size_t n = 0;

	if (ends == NULL)
		abort();
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < p->nattempts; i++) {
		const struct load_attempt *a = &p->attempts[i];

		if (a->cause == 0 && a->took >= 0 &&
		    a->begun + a->took >= r->begin)
			ends[n++] = a->begun + a->took;
		if (a->begun < r->begin || a->begun > r->end)
			continue;
		s->handshakes++;
		s->refused += a->cause != 0;
		if (s->causes[a->cause]++ == 0)
			s->first[a->cause] = a->begun;
	}
	sum_gap(s, ends, n, r->begin, r->end);
	free(ends);
}

static void
print_time(FILE *f, int64_t us)
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;
	char text[16];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(f, "%s.%03d", text, (int)(us / 1000 % 1000));
}

static void
print_pair(const struct load_run *r, const struct load_pair *p,
    const struct sum *s)
{
	printf("%-8s > %-8s %8" PRIu64 " %8" PRIu64 " %8" PRId64 " ms at ",
	    p->client, p->server, s->handshakes, s->refused, s->gap / 1000);
	print_time(stdout, s->gap_at);
	putchar('\n');
	for (size_t i = 1; i < r->ncauses; i++) {
		if (s->causes[i] == 0)
			continue;
		printf("    %" PRIu64 " x %s; first at ", s->causes[i],
		    r->causes[i]);
		print_time(stdout, s->first[i]);
		putchar('\n');
	}
}

static void
json_pairs(FILE *out, const struct load_run *r, const struct sum *sums)
{
	for (size_t i = 0; i < r->npairs; i++) {
		fprintf(out,
		    "%s{\"client\":\"%s\",\"server\":\"%s\","
		    "\"handshakes\":%" PRIu64 ",\"refused\":%" PRIu64
		    ",\"longest_gap_ms\":%" PRId64 "}",
		    i > 0 ? "," : "", r->pairs[i].client, r->pairs[i].server,
		    sums[i].handshakes, sums[i].refused, sums[i].gap / 1000);
	}
}

bool
load_report(const struct load_run *r, const struct load_facts *f,
    const char *path)
{
	struct sum sums[LOAD_PAIRS_MAX];
	uint64_t handshakes = 0, refused = 0;
	char tmp[4096];
	FILE *out;

	printf("%-8s   %-8s %8s %8s %11s\n", "client", "server", "shakes",
	    "refused", "longest gap");
	for (size_t i = 0; i < r->npairs; i++) {
		sum_pair(r, &r->pairs[i], &sums[i]);
		print_pair(r, &r->pairs[i], &sums[i]);
		handshakes += sums[i].handshakes;
		refused += sums[i].refused;
	}
	fflush(stdout);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	out = fopen(tmp, "w");
	if (out == NULL) {
		fprintf(stderr, "load: %s: %s\n", tmp, strerror(errno));
		return false;
	}
	fprintf(out,
	    "{\"handshakes\":%" PRIu64 ",\"refused\":%" PRIu64
	    ",\"nodes\":%u,\"from\":%u,\"to\":%u,\"old_root_left\":%u,"
	    "\"seconds\":%.3f,\"pairs\":[",
	    handshakes, refused, f->nodes, f->from, f->to, f->old_root_left,
	    (double)(r->end - r->begin) / 1e6);
	json_pairs(out, r, sums);
	fprintf(out, "]}\n");
	if (fclose(out) != 0 || rename(tmp, path) != 0) {
		fprintf(stderr, "load: %s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}
