/* pair: see pair.h. */
#include "tests/unit/ca/pair.h"

#include <stdlib.h>
#include <string.h>

struct world w;

static void
ready(void)
{
	world_ready_make(world_pair);
}

static void
setup(void)
{
	base_log_open("test", BASE_ERR);
	world_open_joined(&w, world_pair, 1);
}

static void
teardown(void)
{
	world_close(&w);
}

TCase *
pair_case(const char *name)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 30);
	tcase_add_unchecked_fixture(t, ready, world_ready_clear);
	tcase_add_checked_fixture(t, setup, teardown);
	return t;
}

void
pair_answer(void)
{
	while (hsm_fake_turn(w.hsm) > 0)
		;
}

void
pair_turns(int n)
{
	for (int i = 0; i < n; i++)
		world_turn(&w);
}

void
pair_must(enum base_err e)
{
	ck_assert_msg(e == BASE_OK, "%s", base_why());
}

static void
made(void *arg, enum base_err e)
{
	pair_must(e);
	*(bool *)arg = true;
}

void
pair_make(const char *root, uint32_t gen)
{
	bool done = false;

	ca_make_generation(&w.ca, root, gen, made, &done);
	pair_answer();
	ck_assert(done);
}

void
pair_fact(const char *node, enum pol_fact_kind kind, struct pol_conf conf)
{
	struct ca_fact f = { .root = "plant",
		.kind = kind,
		.epoch = 9,
		.conf = conf };

	strcpy(f.node, node);
	pair_must(ca_store_fact_add(w.ca.store, &f));
}

static enum base_err
record(void *arg, const struct ca_audit *a)
{
	char **text = arg;

	free(*text);
	*text = base_asprintf("%s %s: %s", a->who, a->what, a->detail);
	return BASE_OK;
}

const char *
pair_last_record(void)
{
	static char *text;

	pair_must(ca_store_audit_list(w.ca.store, 1, 1000, record, &text));
	return text;
}

struct ca_node *
pair_node(const char *name)
{
	return &w.ca.topo->nodes[ca_topo_node(w.ca.topo, name)];
}
