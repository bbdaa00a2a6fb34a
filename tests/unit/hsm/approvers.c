/* The approvers of a fleet, and what they say. */
#include <string.h>

#include "hsm/holds.h"
#include "tests/unit/hsm/approvers.h"
#include "tests/unit/hsm/world.h"

uid_t approvers[] = { ANN, BOB };
struct wire_hsm_cut both_ways[] = { { "app1", "web1" }, { "web1", "app1" } };

void
approvers_open(void)
{
	world_open();
	world_fleet();
	w.conf.approvers = approvers;
	w.conf.napprovers = 2;
	w.conf.approvals = 2;
}

void
approvers_close(void)
{
	w.conf.approvers = NULL;
	world_close();
}

enum base_err
says_or_not(uid_t uid, uint32_t to, const struct wire_hsm_cuts *cuts, bool not )
{
	struct wire_hsm_request r = { .type = WIRE_HSM_APPROVE,
		.fleet = "test",
		.nitems = cuts != NULL,
		.withdraw = not };
	struct base_buf item;
	enum base_err e;

	strcpy(r.key.root, "plant");
	r.key.generation = to;
	r.key.alg = WIRE_P256;
	base_buf_init(&item, 0);
	r.items = &item;
	if (cuts != NULL)
		ck_assert_int_eq(wire_hsm_cuts_compose(cuts, &item), BASE_OK);
	wire_hsm_answer_clear(&world_answer);
	hsm_core_handle(w.core, uid, &r, &world_answer);
	e = world_answer.err;
	base_buf_free(&item);
	return e;
}

enum base_err
says(uid_t uid, uint32_t to, const struct wire_hsm_cuts *cuts)
{
	return says_or_not(uid, to, cuts, false);
}

enum base_err
lets_cut_to(uid_t uid, uint32_t to, size_t n, int64_t start)
{
	const struct wire_hsm_cuts cuts = { .start = { start },
		.n = n,
		.cut = both_ways };

	return says(uid, to, &cuts);
}

enum base_err
lets_cut(uid_t uid, size_t n, int64_t start)
{
	return lets_cut_to(uid, 2, n, start);
}

uint32_t
yeses(void)
{
	struct wire_hsm_cuts none, c = { .have = 0 };
	uint32_t n;

	ck_assert_int_eq(says(KEDGED, 2, NULL), BASE_OK);
	ck_assert_uint_ge(world_answer.nitems, 1);
	ck_assert_int_eq(wire_hsm_cuts_parse(base_buf_span(
						 &world_answer.items[0].data),
			     &none),
	    BASE_OK);
	ck_assert_uint_eq(none.n, 0);
	ck_assert_uint_eq(none.need, 2);
	wire_hsm_cuts_clear(&none);
	if (world_answer.nitems == 1)
		return 0;
	ck_assert_uint_eq(world_answer.nitems, 2);
	ck_assert_int_eq(wire_hsm_cuts_parse(base_buf_span(
						 &world_answer.items[1].data),
			     &c),
	    BASE_OK);
	n = c.have;
	wire_hsm_cuts_clear(&c);
	return n;
}

enum base_err
withdraws(uid_t uid, size_t n, int64_t start)
{
	const struct wire_hsm_cuts cuts = { .start = { start },
		.n = n,
		.cut = both_ways };

	return says_or_not(uid, 2, &cuts, true);
}

void
web_waits_for_app(uint64_t epoch)
{
	world_refused(world_order(WORLD_WEB, WIRE_STEP_CERT, epoch),
	    BASE_E_OUTAGE, "app1");
}

bool
excuse_counts(void)
{
	return hsm_excuse_counts(w.core, hsm_state_node(&w.core->state, "app1"),
	    "plant");
}
