/* A node for tests/unit/agentd/test_work.c and test_death.c: its store, its
 * application, its work; reports are opened and kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "tests/unit/agentd/app.h"
#include "tests/unit/agentd/node.h"

/* Long where it must not matter on a busy machine. */
const char *deadline = "20";
char *dir, *trust_file, *chain_file;
static char *key_file;
struct event_base *eb;
struct app *app;
struct ag_config *conf;
struct ag_store *store;
struct ag_holdings held;
struct ag_work *work;
struct wire_report last; /* of those sent */
bool order_compromised;
unsigned nsent, nchanged;
char way[BASE_NAME_MAX + 1];
struct base_time (*node_now)(void);

/* ---- up and down ------------------------------------------------------------------ */

static void
on_send(void *arg, struct wire_parcel *p)
{
	STACK_OF(X509) *trust = fleet_stack(rig_management(), NULL);
	struct wire_signer s = { 0 };
	struct base_buf der;

	(void)arg;
	base_buf_init(&der, 0);
	if (p->kind == WIRE_P_STOCK)
		goto out; /* test_stock.c */
	ck_assert_int_eq(p->kind, WIRE_P_REPORT);
	strcpy(way, p->route[0]);
	OK(wire_cms_verify(WIRE_C_REPORT, base_buf_span(&p->content), trust,
	    base_time_now(), &der, &s));
	ck_assert_str_eq(s.node, NODE);
	wire_report_clear(&last);
	OK(wire_report_parse(base_buf_span(&der), &last));
	nsent++;
out:
	base_buf_free(&der);
	wire_signer_clear(&s);
	sk_X509_pop_free(trust, X509_free);
}

static void
on_changed(void *arg, const char *root)
{
	(void)arg;
	ck_assert(
	    strcmp(root, "plant") == 0 || strcmp(root, AG_MANAGEMENT) == 0);
	nchanged++;
}

static void
read_conf(const char *more)
{
	char *text = base_asprintf(
	    "fleet = \"acme\"; node = \"web1\"; store = \"%s/s\";"
	    "management = { listen = \"127.0.0.1:0\"; }; retry = 60;"
	    "later = 0.01;"
	    "applications = ( { name = \"a\"; server = { root = \"plant\";"
	    " verify_root = \"plant\"; trust = \"%s\"; chain = \"%s\";"
	    " key = \"%s/key.pem\"; address = \"%s\"; };"
	    " settle = 0; deadline = %s; %s } );",
	    dir, trust_file, chain_file, dir, app_address(app), deadline, more);

	OK(ag_config_parse(text, "t", &conf));
	free(text);
}

void
node_up(const char *more)
{
	wire_report_clear(&last);
	nsent = nchanged = 0;
	eb = event_base_new();
	app = app_start(eb,
	    &(struct app_conf){ .trust_file = trust_file,
		.chain_file = chain_file,
		.key_file = key_file });
	read_conf(more);
	OK(ag_store_open(conf->store, &store));
	OK(ag_holdings_open(store, conf, &held));
	work = ag_work_new(&(struct ag_work_conf){
	    .eb = eb,
	    .conf = conf,
	    .store = store,
	    .holdings = &held,
	    .send = on_send,
	    .changed = on_changed,
	    .now = node_now,
	});
}

void
node_down(void)
{
	ag_work_free(work);
	ag_holdings_close(&held);
	ag_store_close(store);
	ag_config_free(conf);
	app_stop(app);
	event_base_free(eb);
}

void
node_new(void)
{
	node_now = NULL;
	/* today is RIG(10), because work.c looks at the clock */
	rig_t0 = base_time_add_s(base_time_now(), -10 * DAY - 60);
	rig_t0.ms -= rig_t0.ms % 1000;
	dir = rig_dir();
	trust_file = base_asprintf("%s/trust.pem", dir);
	chain_file = base_asprintf("%s/chain.pem", dir);
	key_file = base_asprintf("%s/key.pem", dir);
	rig_joined(dir);
}

void
node_remove(void)
{
	free(trust_file);
	free(chain_file);
	free(key_file);
	rig_dir_remove(dir);
}

/* ---- doing ------------------------------------------------------------------------ */

struct wire_parcel
order_parcel(uint32_t steps, uint64_t epoch)
{
	return order_parcel_at(steps, epoch, RIG(9));
}

struct wire_parcel
order_parcel_at(uint32_t steps, uint64_t epoch, struct base_time issued)
{
	struct wire_parcel p = { .kind = WIRE_P_ORDER,
		.down = true,
		.nroute = 1,
		.route = { NODE } };
	struct wire_order o = rig_order(steps);

	o.epoch = epoch;
	o.compromised = order_compromised && steps != 0 ? o.from : 0;
	o.issued = issued;
	o.canary[0].generation = 2;
	o.canary[0].cert = rig_canary(2);
	o.canary[1].generation = 1;
	o.canary[1].cert = rig_canary(1);
	o.ncanary = steps == 0 ? 0 : 2;
	if (steps == 0) {
		X509_free(o.canary[0].cert);
		X509_free(o.canary[1].cert);
		X509_free(o.new_with_old);
		o.canary[0].cert = o.canary[1].cert = o.new_with_old = NULL;
	}
	p.content = rig_sign(&o, false);
	wire_order_clear(&o);
	return p;
}

void
run_until_idle(void)
{
	int turns = 0;

	while (!ag_work_is_idle(work) && turns++ < 100000)
		event_base_loop(eb, EVLOOP_ONCE);
	ck_assert(ag_work_is_idle(work));
}

enum wire_status
give(uint32_t steps, uint64_t epoch)
{
	struct wire_parcel p = order_parcel(steps, epoch);

	if (ag_work_order(work, &p, false) == BASE_OK)
		run_until_idle();
	wire_parcel_clear(&p);
	return last.status;
}

const struct wire_inventory *
inventory(void)
{
	for (size_t i = 0; i < last.ninventory; i++)
		if (strcmp(last.inventory[i].root, "plant") == 0)
			return &last.inventory[i];
	ck_abort_msg("plant is not in the inventory");
	return NULL;
}

int
count(const char *file)
{
	STACK_OF(X509) *s = NULL;
	struct base_buf b;
	int n;

	base_buf_init(&b, 0);
	OK(base_file_read(file, 1 << 20, &b));
	OK(wire_x509_stack_from_pem(base_buf_span(&b), file, &s));
	n = sk_X509_num(s);
	sk_X509_pop_free(s, X509_free);
	base_buf_free(&b);
	return n;
}
