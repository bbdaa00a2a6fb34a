/*
 * Fields of records, byte by byte: what is in a journal is read by later
 * releases. A change of a row here is a change of HSM_FORMAT.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/holds.h"
#include "tests/unit/hsm/suites.h"

static struct base_buf got, want;

static void
setup(void)
{
	base_buf_init(&got, 0);
	base_buf_init(&want, 0);
}

static void
teardown(void)
{
	base_buf_free(&got);
	base_buf_free(&want);
}

/* What stands there, by the size of each field: s string, 1 4 8 integers of so
 * many bytes, r raw bytes (length, then the byte that fills them), b blob. */
static void
field(char kind, va_list ap)
{
	uint8_t fill[64];
	enum base_err e = BASE_OK;
	size_t n;

	switch (kind) {
	case 's':
		e = base_buf_put_str(&want, va_arg(ap, const char *));
		break;
	case '1':
		e = base_buf_put_u8(&want, (uint8_t)va_arg(ap, int));
		break;
	case '2':
		e = base_buf_put_u16(&want, (uint16_t)va_arg(ap, int));
		break;
	case '4':
		e = base_buf_put_u32(&want, (uint32_t)va_arg(ap, int));
		break;
	case '8':
		e = base_buf_put_u64(&want, (uint64_t)va_arg(ap, int));
		break;
	case 'r':
		n = (size_t)va_arg(ap, int);
		memset(fill, va_arg(ap, int), n);
		e = base_buf_put(&want, fill, n);
		break;
	default:
		ck_abort_msg("no field '%c'", kind);
	}
	ck_assert_int_eq(e, BASE_OK);
}

/* Compares got with these fields, and empties it. */
static void
is(const char *kinds, ...)
{
	va_list ap;

	va_start(ap, kinds);
	for (; *kinds != '\0'; kinds++)
		field(*kinds, ap);
	va_end(ap);
	ck_assert_uint_eq(got.n, want.n);
	ck_assert_mem_eq(got.p, want.p, got.n);
	base_buf_clear(&got);
	base_buf_clear(&want);
}

START_TEST(keys)
{
	struct hsm_key k = { .root = "plant",
		.generation = 3,
		.order_signer = true,
		.alg = WIRE_P384,
		.token = "usb" };
	uint8_t id[HSM_ID];

	memset(k.id, 7, HSM_ID);
	memset(id, 8, HSM_ID);
	hsm_put_start(&got, "fleet");
	is("4s", HSM_FORMAT, "fleet");
	hsm_put_intent(&got, &k);
	is("rs411s", HSM_ID, 7, "plant", 3, 1, WIRE_P384, "usb");
	hsm_put_made(&got, id, (struct base_span){ (const uint8_t *)"key", 3 });
	is("rs", HSM_ID, 8, "key");
	hsm_put_swept(&got, id);
	is("r", HSM_ID, 8);
	hsm_put_signed(&got, &k, WIRE_NEW_WITH_OLD,
	    (struct base_span){ (const uint8_t *)"der", 3 });
	is("r1s", HSM_ID, 7, WIRE_NEW_WITH_OLD, "der");
	hsm_put_mark(&got, 99);
	is("8", 99);
}
END_TEST

START_TEST(nodes)
{
	char roots[2][BASE_NAME_MAX + 1] = { "plant", "management" };
	struct base_buf spki[2];
	uint8_t hash[HSM_HASH];
	struct hsm_bind b = { .node = "web1",
		.token = hash,
		.n = 2,
		.roots = roots,
		.spkis = spki };
	struct hsm_rekey r = { .by_next = true };

	memset(hash, 9, HSM_HASH);
	base_buf_init(&spki[0], 0);
	base_buf_init(&spki[1], 0);
	ck_assert_int_eq(base_buf_put(&spki[0], "one", 3), BASE_OK);
	ck_assert_int_eq(base_buf_put(&spki[1], "two", 3), BASE_OK);
	hsm_put_token(&got, "web1", hash, (struct base_time){ 1234 });
	is("sr8", "web1", HSM_HASH, 9, 1234);
	hsm_put_bind(&got, &b);
	is("sr2ssss", "web1", HSM_HASH, 9, 2, "plant", "one", "management",
	    "two");
	hsm_put_forget(&got, "web1");
	is("s", "web1");
	r.spki = spki[0];
	hsm_put_rekey(&got, "web1", "plant", &r);
	is("ss1s", "web1", "plant", 1, "one");
	hsm_put_node(&got, "web1", true, false);
	is("s11", "web1", 1, 0);
	hsm_put_node(&got, "web1", false, true);
	is("s11", "web1", 0, 1);
	hsm_put_excuse(&got, "web1", "plant", true);
	is("ss1", "web1", "plant", 1);
	base_buf_free(&spki[0]);
	base_buf_free(&spki[1]);
}
END_TEST

START_TEST(certificates_and_orders)
{
	struct hsm_key k = { .root = "plant" };
	struct wire_tbs t = { .kind = WIRE_NODE_CERT,
		.not_before = { 11 },
		.not_after = { 22 } };
	struct hsm_order o = { .node = "web1",
		.root = "plant",
		.epoch = 5,
		.steps = 6,
		.from = 1,
		.to = 2 };
	uint8_t hash[HSM_HASH];
	struct base_span tbs = { (const uint8_t *)"tbs", 3 };

	memset(k.id, 7, HSM_ID);
	memset(t.serial, 3, sizeof(t.serial));
	memset(t.next_hash, 4, sizeof(t.next_hash));
	memset(t.ski, 5, sizeof(t.ski));
	strcpy(t.node, "web1");
	hsm_put_cert(&got, &k, &t, tbs);
	hsm_sha256(tbs, hash);
	/* the hash of the TBS stands before the last 20 bytes */
	ck_assert_mem_eq(got.p + got.n - 20 - HSM_HASH, hash, HSM_HASH);
	memset(got.p + got.n - 20 - HSM_HASH, 6, HSM_HASH);
	is("r1sr88rrr", HSM_ID, 7, WIRE_NODE_CERT, "web1", 16, 3, 11, 22,
	    HSM_HASH, 4, HSM_HASH, 6, 20, 5);
	memset(o.digest, 1, HSM_HASH);
	memset(o.key, 2, HSM_HASH);
	hsm_put_order(&got, &o);
	is("ss8r444r", "web1", "plant", 5, HSM_HASH, 1, 6, 1, 2, HSM_HASH, 2);
	hsm_put_refused(&got, 9, 1000, "why");
	is("14s", 9, 1000, "why");
}
END_TEST

START_TEST(what_nodes_hold)
{
	const struct hsm_link_names l = { "app1", "web1", "", "plant" };
	struct hsm_proven v = { .node = "web1",
		.root = "plant",
		.epoch = 5,
		.conf = { 3, 2, 1 } };
	struct hsm_received r = { .node = "web1", .root = "plant", .epoch = 5 };

	memset(v.order, 1, HSM_HASH);
	memset(v.report, 2, HSM_HASH);
	memset(r.digest, 3, HSM_HASH);
	hsm_put_link(&got, &l, HSM_LINK_EXCUSED);
	is("ssss1", "app1", "web1", "", "plant", HSM_LINK_EXCUSED);
	hsm_put_holds(&got, &v);
	is("ss8rr888", "web1", "plant", 5, HSM_HASH, 1, HSM_HASH, 2, 3, 2, 1);
	hsm_put_received(&got, &r);
	is("ss8r", "web1", "plant", 5, HSM_HASH, 3);
	hsm_put_doubt(&got, "web1", "plant", v.conf);
	is("ss888", "web1", "plant", 3, 2, 1);
}
END_TEST

TCase *
case_record(void)
{
	TCase *t = tcase_create("record");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, keys);
	tcase_add_test(t, nodes);
	tcase_add_test(t, certificates_and_orders);
	tcase_add_test(t, what_nodes_hold);
	return t;
}
