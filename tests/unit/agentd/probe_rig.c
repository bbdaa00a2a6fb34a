/* The probes' world; see probe_rig.h. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "tests/unit/agentd/probe_rig.h"

struct ag_side side;
X509 *canary[3];
static char expect[] = "HTTP/1.1 200", request[] = "GET / HTTP/1.0\r\n\r\n",
	    sni[] = NODE;
static enum base_err result;
static bool is_done;

void
probe_setup(void)
{
	eb = event_base_new();
	canary[1] = rig_canary(1);
	canary[2] = rig_canary(2);
	side = (struct ag_side){ .on = true,
		.expect = expect,
		.request = request,
		.sni = sni };
}

void
probe_teardown(void)
{
	app_stop(app);
	app = NULL;
	X509_free(canary[1]);
	X509_free(canary[2]);
	event_base_free(eb);
}

static void
on_done(void *arg, enum base_err e)
{
	(void)arg;
	result = e;
	is_done = true;
	event_base_loopbreak(eb);
}

enum base_err
probe(struct ag_probe_conf c)
{
	c.eb = eb;
	c.side = &side;
	c.key = rig_node_key()->key;
	c.timeout_ms = c.timeout_ms != 0 ? c.timeout_ms : 5000;
	c.done = on_done;
	is_done = false;
	ck_assert_ptr_nonnull(ag_probe_start(&c));
	ck_assert(!is_done);
	event_base_dispatch(eb);
	ck_assert(is_done);
	return result;
}

void
says(enum base_err e, const char *word)
{
	ck_assert_int_ne(e, BASE_OK);
	ck_assert_msg(strstr(base_why(), word) != NULL, "\"%s\" is not in: %s",
	    word, base_why());
}
