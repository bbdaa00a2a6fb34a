/* The world of rig.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/sha.h>

#include "tests/unit/agentd/rig.h"

#define GENERATIONS 4

struct base_time rig_t0 = { INT64_C(1767225600000) };

static X509 *
issue(struct wire_tbs *t, const struct fleet_key *issuer, int64_t first,
    int64_t last)
{
	t->not_before = RIG(first);
	t->not_after = RIG(last);
	return fleet_issue(t, issuer);
}

const struct fleet_key *
rig_root_key(uint32_t generation)
{
	return fleet_key(WIRE_P256, (int)generation);
}

const struct fleet_key *
rig_node_key(void)
{
	return fleet_key(WIRE_P256, 0);
}

X509 *
rig_ref(X509 *x)
{
	ck_assert_int_eq(X509_up_ref(x), 1);
	return x;
}

X509 *
rig_root(uint32_t g)
{
	static X509 *made[GENERATIONS];
	struct wire_tbs t;

	if (made[g] != NULL)
		return made[g];
	t = fleet_tbs(WIRE_NEW_WITH_NEW, "plant", "", rig_root_key(g),
	    rig_root_key(g));
	t.has_next = true;
	SHA256(rig_root_key(g + 1)->spki.p, rig_root_key(g + 1)->spki.n,
	    t.next_hash);
	made[g] = issue(&t, rig_root_key(g), 0, 365);
	return made[g];
}

X509 *
rig_link(uint32_t from, uint32_t to)
{
	static X509 *made[GENERATIONS][GENERATIONS];
	struct wire_tbs t;

	if (made[from][to] != NULL)
		return made[from][to];
	t = fleet_tbs(WIRE_NEW_WITH_OLD, "plant", "", rig_root_key(to),
	    rig_root_key(from));
	made[from][to] = issue(&t, rig_root_key(from), 0, 365);
	return made[from][to];
}

X509 *
rig_leaf_of(const char *node, const struct fleet_key *key, uint32_t g,
    int64_t first_day, int64_t last_day)
{
	struct wire_tbs t =
	    fleet_tbs(WIRE_NODE_CERT, "plant", node, key, rig_root_key(g));

	return issue(&t, rig_root_key(g), first_day, last_day);
}

X509 *
rig_leaf(uint32_t g)
{
	static X509 *made[GENERATIONS];

	if (made[g] == NULL)
		made[g] = rig_leaf_of(NODE, rig_node_key(), g, 0, 365);
	return made[g];
}

X509 *
rig_canary(uint32_t g)
{
	struct wire_tbs t = fleet_tbs(WIRE_CANARY, "plant", NODE,
	    rig_node_key(), rig_root_key(g));

	t.not_before = RIG(10);
	t.not_after = base_time_add_s(t.not_before, 600);
	return fleet_issue(&t, rig_root_key(g));
}

struct ag_bundle *
rig_bundle(void)
{
	struct ag_bundle *b = ag_bundle_new("plant", 1);

	b->ntrust = 1;
	b->trust_gen[0] = b->cert_gen = b->anchor_gen = 1;
	b->trust[0] = rig_ref(rig_root(1));
	b->cert = rig_ref(rig_leaf(1));
	b->anchor = rig_ref(rig_root(1));
	return b;
}

struct wire_order
rig_order(uint32_t steps)
{
	struct wire_order o = {
		.fleet = FLEET,
		.node = NODE,
		.root = "plant",
		.roll = 1,
		.epoch = 2,
		.issued = RIG(9),
		.expires = RIG(11),
		.steps = steps,
		.from = 1,
		.to = 2,
		.verifies = true,
	};

	o.new_with_new = rig_ref(rig_root(2));
	o.new_with_old = rig_ref(rig_link(1, 2));
	if (steps & WIRE_STEP_CERT)
		o.cert = rig_ref(rig_leaf(2));
	return o;
}

/* ---- management -------------------------------------------------------------- */

static const struct fleet_key *
management_key(void)
{
	return fleet_key(WIRE_P256, 5);
}

X509 *
rig_management(void)
{
	static X509 *made;
	struct wire_tbs t;

	if (made != NULL)
		return made;
	t = fleet_tbs(WIRE_NEW_WITH_NEW, AG_MANAGEMENT, "", management_key(),
	    management_key());
	made = issue(&t, management_key(), 0, 365);
	return made;
}

const struct fleet_key *
rig_management_node_key(void)
{
	return fleet_key(WIRE_P256, 7);
}

X509 *
rig_management_cert_of(enum wire_cert_kind kind, const char *node,
    const struct fleet_key *key, int64_t first_day, int64_t last_day)
{
	struct wire_tbs t =
	    fleet_tbs(kind, AG_MANAGEMENT, node, key, management_key());

	return issue(&t, management_key(), first_day, last_day);
}

X509 *
rig_management_cert(enum wire_cert_kind kind, const char *node,
    const struct fleet_key *key)
{
	return rig_management_cert_of(kind, node, key, 0, 365);
}

X509 *
rig_management_leaf(void)
{
	static X509 *made;

	if (made == NULL)
		made = rig_management_cert(WIRE_NODE_CERT, NODE,
		    rig_management_node_key());
	return made;
}

struct base_buf
rig_sign(const struct wire_order *o, bool other)
{
	const struct fleet_key *k = fleet_key(WIRE_P256, 6);
	X509 *cert =
	    rig_management_cert(other ? WIRE_NODE_CERT : WIRE_ORDER_CERT,
		other ? "app1" : "order", k);
	struct base_buf der, cms;

	base_buf_init(&der, 0);
	base_buf_init(&cms, 0);
	OK(wire_order_compose(o, &der));
	OK(wire_cms_sign(WIRE_C_ORDER, base_buf_span(&der), cert, k->key, NULL,
	    &cms));
	base_buf_free(&der);
	X509_free(cert);
	return cms;
}

/* ---- files --------------------------------------------------------------------- */

char *
rig_dir(void)
{
	char *dir = base_strdup("/tmp/kedge-unit-XXXXXX");

	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}

void
rig_dir_remove(char *dir)
{
	char *cmd = base_asprintf("rm -rf %s", dir);

	ck_assert_int_eq(system(cmd), 0);
	free(cmd);
	free(dir);
}

static void
put_key(const char *dir, const char *root, const struct fleet_key *k)
{
	char *path = base_asprintf("%s/s/%s", dir, root);
	struct base_buf b;

	base_buf_init(&b, 0);
	OK(base_dir_make(path, 0700));
	free(path);
	path = base_asprintf("%s/s/%s/key.pem", dir, root);
	OK(wire_key_to_pem(k->key, &b));
	OK(base_file_write(path, base_buf_span(&b), 0600));
	base_buf_free(&b);
	free(path);
}

void
rig_joined(const char *dir)
{
	char *path = base_asprintf("%s/s", dir);
	struct ag_bundle *b = rig_bundle(), *m;
	struct ag_store *store;
	struct ag_state st = { .highest = 1,
		.phase = AG_SETTLED,
		.acked = true,
		.nroute = 1,
		.route = { NODE } };

	put_key(dir, "plant", rig_node_key());
	put_key(dir, AG_MANAGEMENT, rig_management_node_key());
	OK(ag_store_open(path, &store));
	OK(ag_store_put(store, b));
	OK(ag_store_swap(store, "plant", 1));
	OK(ag_state_write(store, "plant", &st));
	m = ag_bundle_new(AG_MANAGEMENT, 1);
	m->ntrust = m->trust_gen[0] = m->cert_gen = m->anchor_gen = 1;
	m->trust[0] = rig_ref(rig_management());
	m->anchor = rig_ref(rig_management());
	m->cert = rig_ref(rig_management_leaf());
	OK(ag_store_put(store, m));
	OK(ag_store_swap(store, AG_MANAGEMENT, 1));
	OK(ag_state_write(store, AG_MANAGEMENT, &st));
	ag_bundle_free(m);
	ag_bundle_free(b);
	ag_store_close(store);
	free(path);
}

void
rig_damage(const char *dir, const char *file)
{
	char *path = base_asprintf("%s/plant/%s", dir, file);
	FILE *f = fopen(path, "r+");
	int c;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 40, SEEK_SET), 0);
	c = fgetc(f);
	ck_assert_int_eq(fseek(f, 40, SEEK_SET), 0);
	fputc(c ^ 1, f);
	fclose(f);
	free(path);
}
