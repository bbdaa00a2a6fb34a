/* The page /metrics: what it says about a fleet in trouble, and that it is
 * well formed: by a check of our own, and by promtool where that is there. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ca/suites.h"
#include "tests/unit/ca/world.h"

static const char fleet[] =
    "roots = ( { name = \"plant\"; }, { name = \"lab\"; } );\n"
    "nodes = ( { name = \"web1\"; reach = \"direct\"; },\n"
    "  { name = \"app1\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"app2\"; reach = \"poll\"; via = [ \"web1\" ]; },\n"
    "  { name = \"lab1\"; reach = \"direct\"; },\n"
    "  { name = \"lab2\"; reach = \"direct\"; } );\n"
    "links = ( { client = \"app1\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"app2\"; server = \"web1\"; auth = \"mutual\";\n"
    "  root = \"plant\"; },\n"
    "  { client = \"lab1\"; server = \"lab2\"; auth = \"mutual\";\n"
    "  root = \"lab\"; } );\n";

static struct world w;
static struct base_buf page;

static void
setup(void)
{
	base_log_open("test", BASE_ERR);
	world_open(&w, fleet, 4);
	w.conf.silent_ms = 900000;
	base_buf_init(&page, 0);
}

static void
teardown(void)
{
	base_buf_free(&page);
	world_close(&w);
}

static const char *
read_page(void)
{
	base_buf_clear(&page);
	ck_assert_int_eq(ca_metrics_get(&w.ca, "/metrics", &page), BASE_OK);
	ck_assert_int_eq(base_buf_put_u8(&page, '\0'), BASE_OK);
	page.n--;
	return (const char *)page.p;
}

/* A whole line of the page. */
static void
says(const char *line)
{
	char *whole = base_asprintf("\n%s\n", line);

	ck_assert_msg(strstr((const char *)page.p, whole) != NULL,
	    "\"%s\" is missing in\n%s", line, (const char *)page.p);
	free(whole);
}

static void
says_not(const char *part)
{
	ck_assert_msg(strstr((const char *)page.p, part) == NULL, "%s", part);
}

/* ---- our own check of the format -------------------------------------------- */

#define SERIES_MAX 512

struct format {
	char name[128];
	bool counter, typed;
	char *series[SERIES_MAX];
	size_t nseries;
	const char *fault;
};

static bool
is_name(const char *s, size_t n)
{
	return n > 6 && strncmp(s, "kedge_", 6) == 0 &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyz_") == n;
}

static void
comment(struct format *f, const char *line)
{
	size_t n = strcspn(line + 7, " ");

	if (strncmp(line, "# HELP ", 7) == 0) {
		f->typed = false;
		if (!is_name(line + 7, n) || n >= sizeof(f->name) ||
		    line[7 + n] != ' ' || line[8 + n] == '\0')
			f->fault = "a HELP line";
		else
			snprintf(f->name, sizeof(f->name), "%.*s", (int)n,
			    line + 7);
		return;
	}
	f->counter = strcmp(line + 7 + n, " counter") == 0;
	if (strncmp(line, "# TYPE ", 7) != 0 || strlen(f->name) != n ||
	    strncmp(line + 7, f->name, n) != 0 || f->typed ||
	    (!f->counter && strcmp(line + 7 + n, " gauge") != 0))
		f->fault = "a TYPE line";
	else if (f->counter !=
	    (n > 6 && strcmp(f->name + n - 6, "_total") == 0))
		f->fault = "a counter is named _total, and nothing else is";
	f->typed = true;
}

/* {a="b",c="d"} with values that need no escape. */
static const char *
labels(struct format *f, const char *p)
{
	if (*p != '{')
		return p;
	do {
		p++;
		p += strspn(p, "abcdefghijklmnopqrstuvwxyz_");
		if (strncmp(p, "=\"", 2) != 0)
			break;
		p += 2;
		p += strcspn(p, "\"\\\n");
		if (*p++ != '"')
			break;
	} while (*p == ',');
	if (*p != '}')
		f->fault = "labels";
	return *p == '}' ? p + 1 : p;
}

static void
sample(struct format *f, const char *line)
{
	size_t n = strcspn(line, "{ ");
	const char *p = labels(f, line + n);
	char *end;

	if (!f->typed || strlen(f->name) != n || strncmp(line, f->name, n) != 0)
		f->fault = "a sample outside of its family";
	if (f->fault != NULL)
		return;
	for (size_t i = 0; i < f->nseries; i++)
		if (strlen(f->series[i]) == (size_t)(p - line) &&
		    strncmp(f->series[i], line, (size_t)(p - line)) == 0)
			f->fault = "a series twice";
	f->series[f->nseries++] = base_strndup(line, (size_t)(p - line));
	if (*p != ' ' || f->nseries == SERIES_MAX ||
	    (strtod(p + 1, &end), *end != '\0') || end == p + 1)
		f->fault = "a value";
}

static const char *
check_format(const char *text)
{
	struct format f = { .name = "" };
	char *copy = base_strdup(text), *save = NULL;

	if (text[0] == '\0' || text[strlen(text) - 1] != '\n')
		f.fault = "no newline at the end";
	for (char *l = strtok_r(copy, "\n", &save);
	     l != NULL && f.fault == NULL; l = strtok_r(NULL, "\n", &save)) {
		if (*l == '#')
			comment(&f, l);
		else
			sample(&f, l);
	}
	for (size_t i = 0; i < f.nseries; i++)
		free(f.series[i]);
	free(copy);
	return f.fault;
}

#define HEAD "# HELP kedge_a Text.\n# TYPE kedge_a gauge\n"

START_TEST(the_check_checks)
{
	static const char *const good[] = { HEAD "kedge_a 1\n",
		HEAD "kedge_a{x=\"y\",z=\"a-b.c\"} -1.5e3\n",
		"# HELP kedge_a_total T.\n# TYPE kedge_a_total counter\n" };
	static const char *const bad[] = { "", HEAD "kedge_a 1", "kedge_a 1\n",
		HEAD "kedge_b 1\n", HEAD "kedge_a\n", HEAD "kedge_a one\n",
		HEAD "kedge_a{x=\"y\"} \n", HEAD "kedge_a{x=y} 1\n",
		HEAD "kedge_a{x=\"y} 1\n", HEAD "kedge_a{x=\"y\"\n",
		HEAD "kedge_a 1\nkedge_a 2\n",
		"# HELP kedge_a\n# TYPE kedge_a gauge\n",
		"# HELP kedge_A T.\n# TYPE kedge_A gauge\n",
		"# HELP other_a T.\n# TYPE other_a gauge\n",
		"# HELP kedge_a T.\n# TYPE kedge_b gauge\n",
		"# HELP kedge_a T.\n# TYPE kedge_a number\n",
		"# HELP kedge_a T.\n# TYPE kedge_a counter\n",
		"# HELP kedge_a_total T.\n# TYPE kedge_a_total gauge\n",
		"# TYPE kedge_a gauge\nkedge_a 1\n" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert_msg(check_format(good[i]) == NULL, "good %zu: %s", i,
		    check_format(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(check_format(bad[i]) != NULL, "bad %zu", i);
}
END_TEST

/* ---- promtool -------------------------------------------------------------------- */

/* 0: content; 127: it is not there. */
static int
promtool(const char *text)
{
	FILE *f = popen("if command -v promtool >/dev/null; then "
			"promtool check metrics 1>&2; else exit 127; fi",
	    "w");
	int rc;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : 128;
}

static void
is_well_formed(void)
{
	const char *text = read_page();
	const char *fault = check_format(text);
	int rc;

	ck_assert_msg(fault == NULL, "%s in\n%s", fault, text);
	rc = promtool(text);
	if (rc == 127)
		fprintf(stderr,
		    "metrics: NOT CHECKED by promtool: it is missing; "
		    "install it: apt-get install prometheus\n");
	else
		ck_assert_msg(rc == 0, "promtool: exit %d for\n%s", rc, text);
}

/* Otherwise the check above could not fail. */
START_TEST(promtool_finds_faults)
{
	int rc = promtool("# TYPE kedge_a counter\nkedge_a 1\n");

	ck_assert_msg(rc != 0, "a counter without _total and HELP passed");
}
END_TEST

/* ---- the page ------------------------------------------------------------------ */

START_TEST(before_anything_happened)
{
	is_well_formed();
	says("kedge_ready 1");
	says("kedge_nodes{state=\"known\"} 5");
	says("kedge_node_state{node=\"app1\",state=\"known\"} 1");
	says("kedge_roll_state{root=\"plant\",state=\"none\"} 1");
	says("kedge_root_end_level{root=\"plant\"} 0");
	says("kedge_root_end_timestamp_seconds{root=\"plant\","
	     "generation=\"1\"} 2082585540");
	says("kedge_links 3");
	says_not("kedge_hsmd_up ");
	says_not("kedge_roll_steps{");
	says_not("kedge_node_heard_timestamp_seconds{");
	says_not("kedge_roll_due_timestamp_seconds{");
}
END_TEST

START_TEST(other_paths_are_not_there)
{
	ck_assert_int_eq(ca_metrics_get(&w.ca, "/", &page), BASE_E_NOTFOUND);
	ck_assert_int_eq(ca_metrics_get(&w.ca, "/metrics/", &page),
	    BASE_E_NOTFOUND);
	ck_assert_uint_eq(page.n, 0);
}
END_TEST

START_TEST(hsmd_comes_and_goes)
{
	read_page();
	hsm_fake_turn(w.hsm);
	read_page();
	says("kedge_hsmd_up 1");
	hsm_fake_mood(w.hsm)->down = true;
	w.mono.ms += 60000;
	read_page();
	hsm_fake_turn(w.hsm);
	is_well_formed();
	says("kedge_hsmd_up 0");
	/* whoever asks often does not ask hsmd as often */
	{
		uint64_t asked = hsm_fake_mood(w.hsm)->asked;

		for (int i = 0; i < 10; i++)
			read_page();
		ck_assert_uint_eq(hsm_fake_mood(w.hsm)->asked, asked);
	}
}
END_TEST

static bool
app1_has_failed(struct world *x)
{
	return ca_roll_is_held(&x->ca, x->ca.rolls,
	    ca_topo_node(x->ca.topo, "app1"));
}

START_TEST(a_roll_in_trouble)
{
	char *line;

	world_join_all(&w);
	w.conf.failure_limit = 3;
	world_node(&w, "app1")->fails = true;
	world_node(&w, "app2")->deaf = true;
	world_roll(&w, "plant");
	ck_assert(world_run(&w, 100, app1_has_failed));
	is_well_formed();
	says("kedge_roll_state{root=\"plant\",state=\"running\"} 1");
	says("kedge_roll_state{root=\"plant\",state=\"none\"} 0");
	says("kedge_roll_state{root=\"lab\",state=\"none\"} 1");
	says("kedge_roll_steps{root=\"plant\"} 9");
	says("kedge_roll_steps_done{root=\"plant\"} 1");
	says("kedge_orders_outstanding{root=\"plant\",state=\"sent\"} 1");
	says("kedge_orders_settled_total{root=\"plant\",result=\"failed\"} 3");
	says("kedge_orders_settled_total{root=\"plant\","
	     "result=\"effective\"} 4");
	says("kedge_node_state{node=\"app1\",state=\"held\"} 1");
	says("kedge_node_state{node=\"app2\",state=\"pending\"} 1");
	says("kedge_node_state{node=\"lab1\",state=\"confirmed\"} 1");
	says("kedge_nodes{state=\"held\"} 1");
	says("kedge_certificates_unsafe{reason=\"sent\"} 0");
	says("kedge_certificate_first_end_timestamp_seconds{root=\"plant\","
	     "generation=\"1\"} 1801526340");
	line = base_asprintf(
	    "kedge_node_heard_timestamp_seconds{node=\"app1\"} %lld",
	    (long long)(w.ca.topo->nodes[ca_topo_node(w.ca.topo, "app1")]
			    .seen.ms /
		1000));
	says(line);
	free(line);
	says_not("kedge_roll_waiting_nodes{root=\"lab\"");
}
END_TEST

/* Every series of another roll, and of another fleet state, comes from the
 * same lists: the number does not grow with what happens. */
START_TEST(series_are_bounded)
{
	size_t reasons = 0, rules;

	world_join_all(&w);
	world_node(&w, "app2")->deaf = true;
	world_roll(&w, "plant");
	for (int i = 0; i < 200; i++)
		world_turn(&w);
	for (const char *p = read_page();
	     (p = strstr(p, "kedge_roll_waiting_nodes{")) != NULL; p++)
		reasons++;
	(void)pol_rules(&rules);
	ck_assert_uint_eq(reasons, rules + 1);
	says("kedge_roll_waiting_nodes{root=\"plant\",reason=\"other\"} 0");
}
END_TEST

START_TEST(a_schedule_and_an_end)
{
	struct ca_root r;

	ck_assert_int_eq(ca_store_root_get(w.ca.store, "plant", &r), BASE_OK);
	r.roll_before = 90;
	ck_assert_int_eq(ca_store_root_put(w.ca.store, &r), BASE_OK);
	ck_assert_int_eq(ca_reload_topo(&w.ca), BASE_OK);
	w.now.ms += INT64_C(3600) * 86400000;
	(void)ca_schedule_work(&w.ca);
	is_well_formed();
	says_not("kedge_certificates_unsafe{reason=\"none\"");
	says("kedge_root_end_level{root=\"plant\"} 3");
	says("kedge_roll_due_timestamp_seconds{root=\"plant\"} 2074809540");
	says("kedge_roll_blocked{root=\"plant\"} 1");
	says("kedge_roll_blocked{root=\"lab\"} 0");
	says_not("kedge_roll_due_timestamp_seconds{root=\"lab\"");
}
END_TEST

TCase *
case_metrics(void)
{
	TCase *t = tcase_create("metrics");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_check_checks);
	tcase_add_test(t, promtool_finds_faults);
	tcase_add_test(t, before_anything_happened);
	tcase_add_test(t, other_paths_are_not_there);
	tcase_add_test(t, hsmd_comes_and_goes);
	tcase_add_test(t, a_roll_in_trouble);
	tcase_add_test(t, series_are_bounded);
	tcase_add_test(t, a_schedule_and_an_end);
	return t;
}
