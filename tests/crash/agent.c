/*
 * agent: see trace.h. Whole orders of an agent: its store, its state, its
 * rendered files and its reports. In every state that a crash can leave, the
 * agent must find the version from before the order or the one after it, be
 * true to what it has sent, and go on to the same end.
 *
 *	crash-agent [-b fsync|dirsync|rename]
 *
 * With -b the recorded calls are spoilt, and that must be found.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "agentd/work.h"
#include "tests/crash/trace.h"
#include "tests/unit/agentd/rig.h"

/* In a child of its own, whose words are the reason. */
static BASE_PRINTF(2, 3) void holds(bool yes, const char *fmt, ...)
{
	va_list ap;

	if (yes)
		return;
	printf("crash: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static void
good(enum base_err e)
{
	holds(e == BASE_OK, "%s", base_why());
}

/* ---- an agent without its application ------------------------------------------------ */

struct base_time
base_time_now(void)
{
	return base_time_add_s(RIG(10), 60);
}

struct base_mono
base_mono_now(void)
{
	return (struct base_mono){ 1000 };
}

static struct {
	char dir[64];
	bool refuses; /* its application does */
	struct event_base *eb;
	struct ag_config *conf;
	struct ag_store *store;
	struct ag_holdings held;
	struct ag_work *work;
	enum wire_status last; /* reported of the order */
	uint64_t epoch; /* of the order */
} me;

enum {
	NOTHING,
	RECEIVED,
	DONE
}; /* promises */

struct ag_live {
	struct ag_live_conf c;
	struct event *timer;
};

static void
on_live(evutil_socket_t fd, short what, void *arg)
{
	struct ag_live *l = arg;
	struct ag_live_conf c = l->c;
	bool changed;
	enum base_err e = ag_render_app(c.holdings, &c.conf->apps[0], &changed);

	(void)fd;
	(void)what;
	ag_live_cancel(l);
	if (e == BASE_OK && c.order != NULL && me.refuses)
		e = base_fail(BASE_E_REFUSED, "the application says no");
	c.done(c.arg, e, WIRE_PROOF_PROBE);
}

struct ag_live *
ag_live_start(const struct ag_live_conf *c)
{
	struct ag_live *l = base_alloc(sizeof(*l));
	struct timeval now = { 0, 0 };

	l->c = *c;
	l->timer = evtimer_new(c->eb, on_live, l);
	if (evtimer_add(l->timer, &now) != 0)
		base_die("crash: timer");
	return l;
}

void
ag_live_cancel(struct ag_live *l)
{
	if (l == NULL)
		return;
	event_free(l->timer);
	free(l);
}

static void
on_send(void *arg, struct wire_parcel *p)
{
	STACK_OF(X509) *trust = fleet_stack(rig_management(), NULL);
	struct wire_signer s = { 0 };
	struct wire_report r = { 0 };
	struct base_buf der;

	(void)arg;
	base_buf_init(&der, 0);
	if (p->kind != WIRE_P_REPORT)
		goto out;
	if (wire_cms_verify(WIRE_C_REPORT, base_buf_span(&p->content), trust,
		base_time_now(), &der, &s) != BASE_OK ||
	    wire_report_parse(base_buf_span(&der), &r) != BASE_OK)
		base_die("crash: %s", base_why());
	if (r.epoch == me.epoch) {
		me.last = r.status;
		trace_promise(r.status == WIRE_RECEIVED ? RECEIVED : DONE);
	}
out:
	base_buf_free(&der);
	wire_signer_clear(&s);
	sk_X509_pop_free(trust, X509_free);
}

static void
on_changed(void *arg, const char *root)
{
	(void)arg;
	(void)root;
}

static void
up(void)
{
	me.last = WIRE_RECEIVED;
	me.eb = event_base_new();
	good(ag_store_open(me.conf->store, &me.store));
	good(ag_holdings_open(me.store, me.conf, &me.held));
	me.work = ag_work_new(&(struct ag_work_conf){
	    .eb = me.eb,
	    .conf = me.conf,
	    .store = me.store,
	    .holdings = &me.held,
	    .send = on_send,
	    .changed = on_changed,
	});
}

static void
down(void)
{
	ag_work_free(me.work);
	ag_holdings_close(&me.held);
	ag_store_close(me.store);
	event_base_free(me.eb);
}

/* Until nothing is due at once: repeated reports are later. */
static void
run(void)
{
	while (!ag_work_is_idle(me.work))
		event_base_loop(me.eb, EVLOOP_ONCE);
	event_base_loop(me.eb, EVLOOP_NONBLOCK);
}

static void
configure(void)
{
	char *text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s/s\";"
	    "management = { listen = \"127.0.0.1:0\"; }; retry = 60;"
	    "applications = ( { name = \"a\"; proof = \"reload\"; server = {"
	    " root = \"plant\"; verify_root = \"plant\";"
	    " trust = \"%s/trust.pem\"; chain = \"%s/chain.pem\";"
	    " key = \"%s/key.pem\"; }; settle = 0; } );",
	    me.dir, me.dir, me.dir, me.dir);

	good(ag_config_parse(text, "crash", &me.conf));
	free(text);
}

/* ---- what is there ---------------------------------------------------------------------- */

#define RENDERED 3
static const char *const rendered[RENDERED] = { "trust.pem", "chain.pem",
	"key.pem" };

struct picture {
	uint8_t version[32]; /* SHA-256 of its manifest */
	struct base_buf file[RENDERED];
};
static struct picture before, after, tried;

static void
picture_take(struct picture *p)
{
	ag_store_digest(me.store, "plant", p->version);
	for (int i = 0; i < RENDERED; i++) {
		char *path = base_asprintf("%s/%s", me.dir, rendered[i]);

		base_buf_init(&p->file[i], 0);
		good(base_file_read(path, 1 << 20, &p->file[i]));
		free(path);
	}
}

static void
picture_drop(struct picture *p)
{
	for (int i = 0; i < RENDERED; i++)
		base_buf_free(&p->file[i]);
}

static bool
is_file_of(const struct picture *p, int i, const struct base_buf *b)
{
	return b->n == p->file[i].n && memcmp(b->p, p->file[i].p, b->n) == 0;
}

/* Each file by itself is an old or a new one. */
static void
check_files(void)
{
	for (int i = 0; i < RENDERED; i++) {
		char *path = base_asprintf("%s/%s", me.dir, rendered[i]);
		struct base_buf b;

		base_buf_init(&b, 0);
		good(base_file_read(path, 1 << 20, &b));
		holds(is_file_of(&before, i, &b) || is_file_of(&after, i, &b) ||
			is_file_of(&tried, i, &b),
		    "%s is a mixture", rendered[i]);
		base_buf_free(&b);
		free(path);
	}
}

static void
check_end(const char *when)
{
	struct picture p;

	picture_take(&p);
	holds(memcmp(p.version, after.version, 32) == 0,
	    "%s: another version is current", when);
	for (int i = 0; i < RENDERED; i++)
		holds(is_file_of(&after, i, &p.file[i]),
		    "%s: %s is not of this version", when, rendered[i]);
	picture_drop(&p);
}

/* ---- one state ---------------------------------------------------------------------------- */

struct scene {
	const char *name;
	uint32_t steps;
	bool fails; /* is put back */
	bool resumed; /* what is recorded is the start after a death */
};

static struct wire_parcel order; /* of the scene */
static enum wire_status verdict;

static void
check_state(int promised)
{
	uint8_t version[32];
	const struct ag_root *r;

	check_files();
	up();
	r = ag_holdings_find(&me.held, "plant");
	holds(!r->regressed &&
		!ag_holdings_find(&me.held, AG_MANAGEMENT)->regressed,
	    "regressed");
	holds(r->bundle != NULL, "nothing is held");
	ag_store_digest(me.store, "plant", version);
	holds(memcmp(version, before.version, 32) == 0 ||
		memcmp(version, after.version, 32) == 0 ||
		memcmp(version, tried.version, 32) == 0,
	    "neither the old nor the new version");
	if (promised == DONE)
		holds(memcmp(version, after.version, 32) == 0 &&
			r->state.highest == me.epoch &&
			r->state.phase ==
			    (verdict == WIRE_FAILED ? AG_FAILED : AG_SETTLED),
		    "a final report was sent, and is no longer true");
	ag_work_resume(me.work);
	run();
	if (promised >= RECEIVED) {
		holds(r->state.highest == me.epoch &&
			r->state.phase != AG_PENDING,
		    "received was said, and the order is forgotten");
		check_end("after the start");
	}
	if (ag_work_order(me.work, &order, false) == BASE_OK)
		run();
	holds(me.last == verdict, "ends with report %d: %s", (int)me.last,
	    base_why());
	check_end("in the end");
	down();
}

static struct {
	const struct scene *scene;
	size_t states, wrong;
} sum;

static void
in_a_child(void *arg, int promised)
{
	int status;
	pid_t pid;

	if (*(enum trace_break *)arg != TRACE_SOUND && sum.wrong > 0)
		return; /* found out */
	fflush(stdout);
	if ((pid = fork()) == 0) {
		check_state(promised);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		base_die("crash: fork: %m");
	sum.states++;
	if (status == 0)
		return;
	if (sum.wrong++ < 5)
		printf("crash: %s: state %zu is wrong\n", sum.scene->name,
		    sum.states);
}

/* ---- whole orders ---------------------------------------------------------------------------- */

static struct wire_parcel
parcel(uint32_t steps, uint64_t epoch)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 1,
		.route = { NODE } };
	struct wire_order o = rig_order(steps);

	o.epoch = epoch;
	for (uint32_t g = 1; g <= 2; g++) {
		o.canary[o.ncanary].generation = g;
		o.canary[o.ncanary++].cert = rig_canary(g);
	}
	p.content = rig_sign(&o, false);
	wire_order_clear(&o);
	return p;
}

/* Carried out, in peace. */
static void
give(uint32_t steps, uint64_t epoch)
{
	struct wire_parcel p = parcel(steps, epoch);

	good(ag_work_order(me.work, &p, false));
	run();
	wire_parcel_clear(&p);
}

static void
clear_dir(void)
{
	char *cmd = base_asprintf("rm -rf %s/* %s/.[a-z]*", me.dir, me.dir);

	if (system(cmd) != 0)
		base_die("crash: %s", cmd);
	free(cmd);
}

static void
fresh(void)
{
	clear_dir();
	rig_joined(me.dir);
	me.refuses = false;
	up();
	ag_work_resume(me.work);
	run();
}

/* As far as the order is stored, and no farther. */
static void
die_with_the_order(void)
{
	char *path = base_asprintf("%s/s/plant/state", me.dir);

	trace_begin(me.dir);
	good(ag_work_order(me.work, &order, false));
	run();
	trace_end();
	down();
	trace_state_at(me.dir, path);
	free(path);
}

static void
record(const struct scene *s)
{
	if (s->resumed)
		die_with_the_order();
	trace_begin(me.dir);
	if (s->resumed) {
		up();
		ag_work_resume(me.work);
	} else {
		good(ag_work_order(me.work, &order, false));
	}
	run();
	trace_end();
}

/* What a version that is put back again looked like. */
static void
look_at_tried(const struct scene *s)
{
	fresh();
	give(s->steps, 2);
	picture_take(&tried);
	down();
}

static void
play(const struct scene *s, enum trace_break how)
{
	uint64_t epoch = 2;

	sum.scene = s;
	sum.states = sum.wrong = 0;
	memset(&tried, 0, sizeof(tried));
	if (s->fails)
		look_at_tried(s);
	fresh();
	if ((s->steps & (WIRE_STEP_FINISH | WIRE_STEP_TIDY)) != 0)
		give(WIRE_STEP_TRUST | WIRE_STEP_CERT, epoch++);
	picture_take(&before);
	me.epoch = epoch;
	me.refuses = s->fails;
	verdict = s->fails ? WIRE_FAILED : WIRE_EFFECTIVE;
	order = parcel(s->steps, epoch);
	record(s);
	picture_take(&after);
	down();
	trace_spoil(how);
	trace_states(me.dir, in_a_child, &how);
	printf("crash: %s: %zu states, %zu wrong\n", s->name, sum.states,
	    sum.wrong);
	picture_drop(&before);
	picture_drop(&after);
	picture_drop(&tried);
	wire_parcel_clear(&order);
}

static const struct scene scenes[] = {
	{ "trust", WIRE_STEP_TRUST, false, false },
	{ "trust+cert", WIRE_STEP_TRUST | WIRE_STEP_CERT, false, false },
	{ "finish", WIRE_STEP_FINISH, false, false },
	{ "tidy", WIRE_STEP_TIDY, false, false },
	{ "a failure", WIRE_STEP_TRUST | WIRE_STEP_CERT, true, false },
	{ "a start", WIRE_STEP_TRUST | WIRE_STEP_CERT, false, true },
};

static enum trace_break
break_of(const char *word)
{
	return strcmp(word, "fsync") == 0  ? TRACE_NO_SYNC
	    : strcmp(word, "dirsync") == 0 ? TRACE_NO_SYNC_DIR
					   : TRACE_EARLY_RENAME;
}

static size_t wrong;

START_TEST(all)
{
	/* what is careless is found out in the first */
	size_t n = _i != TRACE_SOUND ? 1 : sizeof(scenes) / sizeof(scenes[0]);

	for (size_t i = 0; i < n; i++) {
		play(&scenes[i], *(enum trace_break *)(void *)&_i);
		wrong += sum.wrong;
	}
}
END_TEST

int
main(int argc, char **argv)
{
	enum trace_break how = TRACE_SOUND;
	TCase *t = tcase_create("agent");
	Suite *suite = suite_create("crash");
	SRunner *runner = srunner_create(suite);
	int c, failed;

	base_log_open("crash", 0);
	while ((c = getopt(argc, argv, "b:")) != -1)
		if (c == 'b')
			how = break_of(optarg);
	snprintf(me.dir, sizeof(me.dir), "%s/kedge-crash.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(me.dir) == NULL)
		base_die("crash: %s: %m", me.dir);
	configure();
	tcase_add_loop_test(t, all, (int)how, (int)how + 1);
	suite_add_tcase(suite, t);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	clear_dir();
	if (rmdir(me.dir) != 0)
		printf("crash: %s stays\n", me.dir);
	return failed > 0 || wrong > 0;
}
