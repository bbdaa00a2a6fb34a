/* oracle_files: the agent's own code applies orders and renders files. See
 * oracle.h. */
#include <stdlib.h>
#include <string.h>

#include "agentd/agent.h"
#include "tests/model/oracle.h"

static struct file {
	struct base_buf content;
	uint32_t node, root;
} * files;
static uint32_t nfiles;

/* ---- each content once ------------------------------------------------------ */

static uint32_t
file_number(struct base_buf *content, uint32_t node, uint32_t root)
{
	if (content->n == 0) {
		base_buf_free(content);
		return FILE_NONE;
	}
	for (uint32_t i = 0; i < nfiles; i++)
		if (files[i].content.n == content->n &&
		    memcmp(files[i].content.p, content->p, content->n) == 0) {
			base_buf_free(content);
			return i + 1;
		}
	files = base_realloc_array(files, nfiles + 1, sizeof(*files));
	files[nfiles++] = (struct file){ *content, node, root };
	return nfiles;
}

struct base_span
file_content(uint32_t file)
{
	return base_buf_span(&files[file - 1].content);
}

uint32_t
file_node(uint32_t file)
{
	return files[file - 1].node;
}

uint32_t
file_root(uint32_t file)
{
	return files[file - 1].root;
}

void
files_free(void)
{
	for (uint32_t i = 0; i < nfiles; i++)
		base_buf_free(&files[i].content);
	free(files);
	files = NULL;
	nfiles = 0;
}

/* ---- rendering --------------------------------------------------------------- */

static uint32_t
render(const struct ag_bundle *b, uint32_t node, uint32_t root,
    enum ag_file kind, bool client)
{
	char name[BASE_NAME_MAX + 1];
	struct ag_root r = { .key = pki_key(node, root) };
	struct ag_holdings held = { &r, 1 };
	struct ag_side side = { .on = true,
		.client = client,
		.root = name,
		.verify_root = name };
	struct base_buf out;

	strcpy(name, pki_root_name(root));
	strcpy(r.name, name);
	r.bundle = ag_bundle_copy(b);
	base_buf_init(&out, 0);
	if (ag_render_content(&held, &side, AG_OLD_AND_NEW, kind, &out) !=
	    BASE_OK)
		base_die("oracle: %s", base_why());
	ag_bundle_free(r.bundle);
	return file_number(&out, node, root);
}

static struct version *
version_make(struct ag_bundle *b, uint32_t node, uint32_t root)
{
	struct version *v = base_alloc(sizeof(*v));

	v->bundle = b;
	v->trust = render(b, node, root, AG_F_TRUST, false);
	v->as_client = render(b, node, root, AG_F_CHAIN, true);
	v->as_server = render(b, node, root, AG_F_CHAIN, false);
	return v;
}

static X509 *
shared(X509 *x)
{
	X509_up_ref(x);
	return x;
}

struct version *
version_first(uint32_t node, uint32_t root, bool verifies, bool presents)
{
	struct ag_bundle *b = ag_bundle_new(pki_root_name(root), 1);

	b->anchor = shared(pki_root(root, 1));
	b->anchor_gen = 1;
	if (verifies) {
		b->trust[b->ntrust] = shared(pki_root(root, 1));
		b->trust_gen[b->ntrust++] = 1;
	}
	if (presents) {
		b->cert = shared(pki_leaf(node, root, 1));
		b->cert_gen = 1;
	}
	return version_make(b, node, root);
}

struct version *
version_next(const struct version *now, const struct oracle_order *o)
{
	struct ag_state state = { .highest = o->epoch - 1 };
	const struct ag_known known = { .node = pki_node(o->node),
		.presents = o->presents,
		.verifies = o->verifies,
		.bundle = now->bundle,
		.state = &state,
		.key = pki_key(o->node, o->root),
		.now = pki_now() };
	const struct wire_order order = { .fleet = "acme",
		.roll = 1,
		.epoch = o->epoch,
		.issued = pki_now(),
		.expires = base_time_add_s(pki_now(), 3600),
		.steps = o->steps,
		.from = 3 - o->to,
		.to = o->to,
		.bridge = o->bridges,
		.verifies = o->verifies,
		.new_with_new = pki_root(o->root, o->to),
		.new_with_old = pki_link(o->root, o->to),
		.cert = (o->steps & WIRE_STEP_CERT)
		    ? pki_leaf(o->node, o->root, o->to)
		    : NULL };
	struct ag_bundle *b = NULL;

	if (ag_order_apply(&known, &order, &b) != BASE_OK)
		return NULL;
	return version_make(b, o->node, o->root);
}

void
version_free(struct version *v)
{
	if (v == NULL)
		return;
	ag_bundle_free(v->bundle);
	free(v);
}
