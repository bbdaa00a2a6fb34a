/*
 * ca/root_end: when roots end, and a warning once as each of the levels is
 * reached: a roll takes as long as the slowest node, and past the end of the
 * old root nobody can be led to the new one. Asked by schedule, metrics and
 * doctor, too.
 */
#include <string.h>

#include "ca/kedged.h"

#define DAY_S  INT64_C(86400)
#define DAY_MS INT64_C(86400000)

static const struct {
	int64_t days; /* this near, or nearer */
	const char *word;
} levels[CA_END_LEVELS] = {
	{ INT64_MAX, "far" },
	{ 730, "within 730 days" },
	{ 365, "within 365 days" },
	{ 182, "within 182 days" },
	{ 0, "over" },
};

enum base_err
ca_root_end(struct ca *ca, const char *root, uint32_t gen,
    struct base_time *out)
{
	struct wire_tbs t = { 0 };
	enum base_err r;
	X509 *x;

	if ((r = ca_issuer_root(ca, root, gen, &x)) == BASE_OK &&
	    (r = wire_cert_parse(x, &t)) == BASE_OK)
		*out = t.not_after;
	wire_tbs_free(&t);
	return r;
}

unsigned
ca_root_end_level(struct base_time now, struct base_time end)
{
	unsigned level = 0;

	while (level + 1 < CA_END_LEVELS &&
	    base_time_add_s(now, levels[level + 1].days * DAY_S).ms >= end.ms)
		level++;
	return level;
}

const char *
ca_root_end_word(unsigned level)
{
	return levels[level < CA_END_LEVELS ? level : 0].word;
}

/* ---- once per level -------------------------------------------------------------- */

static enum base_err
told_get(struct ca *ca, const char *key, unsigned *level)
{
	struct base_buf b;
	enum base_err r;

	base_buf_init(&b, 0);
	*level = 0;
	r = ca_store_meta_get(ca->store, key, &b);
	if (r == BASE_OK && b.n == 1 && b.p[0] < CA_END_LEVELS)
		*level = b.p[0];
	base_buf_free(&b);
	return r == BASE_E_NOTFOUND ? BASE_OK : r;
}

static enum base_err
look(struct ca *ca, const struct ca_root *root)
{
	char key[CA_NAME + 32], when[BASE_RFC3339_LEN];
	struct base_time end;
	unsigned level, told;
	uint8_t byte;
	enum base_err r;

	snprintf(key, sizeof(key), "root-end.%s.%u", root->name, root->current);
	r = ca_root_end(ca, root->name, root->current, &end);
	if (r == BASE_E_NOTFOUND)
		return BASE_OK; /* is being made */
	if (r != BASE_OK || (r = told_get(ca, key, &told)) != BASE_OK)
		return r;
	level = ca_root_end_level(ca_now(ca), end);
	if (level <= told)
		return BASE_OK;
	base_time_format(end, when);
	base_log_change(BASE_WARNING,
	    &(struct base_change){ .subject = "root end",
		.old = ca_root_end_word(told),
		.now = ca_root_end_word(level),
		.root = root->name },
	    "generation %u ends at %s; %s", root->current, when,
	    ca_roll_of(ca, root->name) != NULL
		? "its roll must be done by then"
		: "start its roll in time, kedge roll start");
	byte = (uint8_t)level;
	return ca_store_meta_put(ca->store, key,
	    (struct base_span){ &byte, 1 });
}

struct base_mono
ca_root_ends_work(struct ca *ca)
{
	if (ca->root_ends_next.ms > ca_mono(ca).ms)
		return ca->root_ends_next;
	ca->root_ends_next = ca_after(ca, DAY_MS);
	for (size_t i = 0; i < ca->topo->nroots; i++)
		if (look(ca, &ca->topo->roots[i]) != BASE_OK)
			base_log(BASE_ERR, "root end: %s", base_why());
	return ca->root_ends_next;
}
