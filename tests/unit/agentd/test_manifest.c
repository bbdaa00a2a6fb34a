/* manifest.der: every field there and back, and of no other root. */
#include <string.h>

#include "tests/unit/agentd/rig.h"
#include "tests/unit/agentd/suites.h"

static uint8_t sums[3][32];

static struct ag_bundle *
full(void)
{
	struct ag_bundle *b = rig_bundle();

	b->epoch = 9;
	b->previous = 4;
	b->trust_gen[0] = 64;
	b->cert_gen = 2;
	X509_free(b->nwo);
	b->nwo = rig_ref(rig_link(1, 2));
	b->nwo_gen = 2;
	b->bridging = true;
	for (size_t i = 0; i < 3; i++)
		memset(sums[i], (int)i + 1, 32);
	return b;
}

static struct base_buf
composed(const struct ag_bundle *b)
{
	struct base_buf der;

	base_buf_init(&der, 0);
	OK(ag_manifest_compose(b, sums, &der));
	return der;
}

static enum base_err
parse(const struct base_buf *der, const char *root, struct ag_bundle **out,
    uint8_t got[3][32])
{
	*out = ag_bundle_new(root, 0);
	return ag_manifest_parse(base_buf_span(der), *out, got);
}

START_TEST(fields)
{
	struct ag_bundle *b = full(), *p;
	struct base_buf der = composed(b);
	uint8_t got[3][32];

	OK(parse(&der, "plant", &p, got));
	ck_assert_uint_eq(p->epoch, 9);
	ck_assert_uint_eq(p->previous, 4);
	ck_assert_uint_eq(p->ntrust, 0); /* store.c reads trust.pem */
	ck_assert_uint_eq(p->trust_gen[0], 64);
	ck_assert_uint_eq(p->cert_gen, 2);
	ck_assert_uint_eq(p->nwo_gen, 2);
	ck_assert_int_eq(X509_cmp(p->nwo, b->nwo), 0);
	ck_assert_uint_eq(p->anchor_gen, b->anchor_gen);
	ck_assert_int_eq(X509_cmp(p->anchor, b->anchor), 0);
	ck_assert(p->bridging);
	ck_assert_mem_eq(got, sums, sizeof got);
	ag_bundle_free(p);
	ag_bundle_free(b);
	base_buf_free(&der);
	/* what is not there */
	b = ag_bundle_new("plant", 3);
	der = composed(b);
	OK(parse(&der, "plant", &p, got));
	ck_assert(p->nwo == NULL && p->anchor == NULL && !p->bridging);
	ag_bundle_free(p);
	ag_bundle_free(b);
	base_buf_free(&der);
}
END_TEST

START_TEST(refused)
{
	struct ag_bundle *b = full(), *p;
	struct base_buf der = composed(b);
	uint8_t got[3][32];

	NO(parse(&der, "plan", &p, got), BASE_E_INTEGRITY);
	ag_bundle_free(p);
	NO(parse(&der, "plants", &p, got), BASE_E_INTEGRITY);
	ag_bundle_free(p);
	OK(base_buf_put_u8(&der, 0));
	NO(parse(&der, "plant", &p, got), BASE_E_INTEGRITY);
	ag_bundle_free(p);
	der.n -= 2;
	NO(parse(&der, "plant", &p, got), BASE_E_INTEGRITY);
	ag_bundle_free(p);
	base_buf_free(&der);
	/* a generation over 64, and a version before that comes after */
	b->cert_gen = 65;
	der = composed(b);
	NO(parse(&der, "plant", &p, got), BASE_E_INTEGRITY);
	ag_bundle_free(p);
	base_buf_free(&der);
	b->cert_gen = 2;
	b->previous = 10;
	der = composed(b);
	NO(parse(&der, "plant", &p, got), BASE_E_INTEGRITY);
	ag_bundle_free(p);
	base_buf_free(&der);
	ag_bundle_free(b);
}
END_TEST

TCase *
case_manifest(void)
{
	TCase *t = tcase_create("manifest");

	tcase_add_test(t, fields);
	tcase_add_test(t, refused);
	return t;
}
