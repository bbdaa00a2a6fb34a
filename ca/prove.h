/*
 * prove: proofs for kedge-hsmd, from the store. Each fills fields of *p, of
 * which node and root are set but where it says otherwise; the caller clears
 * it.
 */
#pragma once

#include "ca/store.h"
#include "wire/hsm.h"

/* The signed order of this epoch; none when the store has it no more. */
enum base_err ca_proof_order(struct ca_store *st, struct wire_hsm_proof *p,
    uint64_t epoch) BASE_MUST;
/* The last report that said effective; with prove also its order. NOTFOUND. */
enum base_err ca_proof_report(struct ca_store *st, struct wire_hsm_proof *p,
    bool prove) BASE_MUST;
/* What the node may hold since it reported last. */
enum base_err ca_proof_doubts(struct ca_store *st,
    struct wire_hsm_proof *p) BASE_MUST;
/* An order that left this generation, or one after it, as one whose key may be
 * in wrong hands; with its node and root. NOTFOUND. */
enum base_err ca_proof_stolen(struct ca_store *st, const char *root,
    uint32_t generation, struct wire_hsm_proof *p) BASE_MUST;
