/*
 * record: fields of journal records, composing. Reading is in state.c, one
 * function per kind, with the same fields in the same order. Sizes are
 * bounded by what the callers accepted, so a full buffer is our own bug.
 */
#include <string.h>

#include "hsm/holds.h"

static void
rec_must(enum base_err e)
{
	if (e != BASE_OK)
		base_die("journal record: %s", base_why());
}

static void
rec_bytes(struct base_buf *b, const uint8_t *p, size_t n)
{
	rec_must(base_buf_put(b, p, n));
}

static void
rec_str(struct base_buf *b, const char *s)
{
	rec_must(base_buf_put_str(b, s));
}

void
hsm_put_start(struct base_buf *b, const char *fleet)
{
	rec_must(base_buf_put_u32(b, HSM_FORMAT));
	rec_str(b, fleet);
}

void
hsm_put_intent(struct base_buf *b, const struct hsm_key *k)
{
	rec_bytes(b, k->id, HSM_ID);
	rec_str(b, k->root);
	rec_must(base_buf_put_u32(b, k->generation));
	rec_must(base_buf_put_u8(b, k->order_signer));
	rec_must(base_buf_put_u8(b, (uint8_t)k->alg));
	rec_str(b, k->token);
}

void
hsm_put_made(struct base_buf *b, const uint8_t id[HSM_ID],
    struct base_span spki)
{
	rec_bytes(b, id, HSM_ID);
	rec_must(base_buf_put_blob(b, spki));
}

void
hsm_put_swept(struct base_buf *b, const uint8_t id[HSM_ID])
{
	rec_bytes(b, id, HSM_ID);
}

void
hsm_put_token(struct base_buf *b, const char *node,
    const uint8_t hash[HSM_HASH], struct base_time end)
{
	rec_str(b, node);
	rec_bytes(b, hash, HSM_HASH);
	rec_must(base_buf_put_u64(b, (uint64_t)end.ms));
}

void
hsm_put_bind(struct base_buf *b, const struct hsm_bind *v)
{
	rec_str(b, v->node);
	rec_bytes(b, v->token, HSM_HASH);
	rec_must(base_buf_put_u16(b, (uint16_t)v->n));
	for (size_t i = 0; i < v->n; i++) {
		rec_str(b, v->roots[i]);
		rec_must(base_buf_put_blob(b, base_buf_span(&v->spkis[i])));
	}
}

void
hsm_put_forget(struct base_buf *b, const char *node)
{
	rec_str(b, node);
}

void
hsm_put_rekey(struct base_buf *b, const char *node, const char *root,
    const struct hsm_rekey *v)
{
	rec_str(b, node);
	rec_str(b, root);
	rec_must(base_buf_put_u8(b, v->by_next));
	rec_must(base_buf_put_blob(b, base_buf_span(&v->spki)));
}

void
hsm_put_cert(struct base_buf *b, const struct hsm_key *issuer,
    const struct wire_tbs *t, struct base_span tbs)
{
	uint8_t hash[HSM_HASH];

	hsm_sha256(tbs, hash);
	rec_bytes(b, issuer->id, HSM_ID);
	rec_must(base_buf_put_u8(b, (uint8_t)t->kind));
	rec_str(b, t->node);
	rec_bytes(b, t->serial, sizeof(t->serial));
	rec_must(base_buf_put_u64(b, (uint64_t)t->not_before.ms));
	rec_must(base_buf_put_u64(b, (uint64_t)t->not_after.ms));
	rec_bytes(b, t->next_hash, HSM_HASH);
	rec_bytes(b, hash, HSM_HASH);
	/* whose key it speaks of: order signer's certificates only */
	rec_bytes(b, t->ski, sizeof(t->ski));
}

/* k is the key of the new one of the two generations. */
void
hsm_put_signed(struct base_buf *b, const struct hsm_key *k,
    enum wire_cert_kind kind, struct base_span der)
{
	rec_bytes(b, k->id, HSM_ID);
	rec_must(base_buf_put_u8(b, (uint8_t)kind));
	rec_must(base_buf_put_blob(b, der));
}

void
hsm_put_approved(struct base_buf *b, const struct hsm_approved *v)
{
	rec_must(base_buf_put_u32(b, v->uid));
	rec_str(b, v->root);
	rec_must(base_buf_put_u32(b, v->to));
	rec_must(base_buf_put_blob(b, v->cuts));
}

void
hsm_put_stolen(struct base_buf *b, const char *root, uint32_t generation)
{
	rec_str(b, root);
	rec_must(base_buf_put_u32(b, generation));
}

void
hsm_put_mark(struct base_buf *b, uint64_t mark)
{
	rec_must(base_buf_put_u64(b, mark));
}

void
hsm_put_order(struct base_buf *b, const struct hsm_order *o)
{
	rec_str(b, o->node);
	rec_str(b, o->root);
	rec_must(base_buf_put_u64(b, o->epoch));
	rec_bytes(b, o->digest, HSM_HASH);
	rec_must(base_buf_put_u32(b, o->steps));
	rec_must(base_buf_put_u32(b, o->from));
	rec_must(base_buf_put_u32(b, o->to));
	rec_bytes(b, o->key, HSM_HASH);
}

void
hsm_put_node(struct base_buf *b, const char *node, bool dual, bool shallow)
{
	rec_str(b, node);
	rec_must(base_buf_put_u8(b, dual));
	rec_must(base_buf_put_u8(b, shallow));
}

void
hsm_put_excuse(struct base_buf *b, const char *node, const char *root,
    bool excused)
{
	rec_str(b, node);
	rec_str(b, root);
	rec_must(base_buf_put_u8(b, excused));
}

void
hsm_put_link(struct base_buf *b, const struct hsm_link_names *l,
    enum hsm_link_word word)
{
	rec_str(b, l->client);
	rec_str(b, l->server);
	rec_str(b, l->client_root);
	rec_str(b, l->server_root);
	rec_must(base_buf_put_u8(b, (uint8_t)word));
}

static void
rec_conf(struct base_buf *b, struct pol_conf c)
{
	rec_must(base_buf_put_u64(b, c.trust));
	rec_must(base_buf_put_u64(b, c.present));
	rec_must(base_buf_put_u64(b, c.bridge));
}

void
hsm_put_holds(struct base_buf *b, const struct hsm_proven *v)
{
	rec_str(b, v->node);
	rec_str(b, v->root);
	rec_must(base_buf_put_u64(b, v->epoch));
	rec_bytes(b, v->order, HSM_HASH);
	rec_bytes(b, v->report, HSM_HASH);
	rec_conf(b, v->conf);
}

void
hsm_put_received(struct base_buf *b, const struct hsm_received *v)
{
	rec_str(b, v->node);
	rec_str(b, v->root);
	rec_must(base_buf_put_u64(b, v->epoch));
	rec_bytes(b, v->digest, HSM_HASH);
}

void
hsm_put_doubt(struct base_buf *b, const char *node, const char *root,
    struct pol_conf conf)
{
	rec_str(b, node);
	rec_str(b, root);
	rec_conf(b, conf);
}

void
hsm_put_refused(struct base_buf *b, uint8_t type, uint32_t uid, const char *why)
{
	rec_must(base_buf_put_u8(b, type));
	rec_must(base_buf_put_u32(b, uid));
	rec_str(b, why);
}
