/*
 * ca/recover: what the recover*.c files share. Nobody else includes it.
 */
#pragma once

#include "ca/kedged.h"

/* In the store: the number of the last roll that was, or may have been, under
 * way before a recovery. */
#define CA_META_RECOVERED "recovered"

/* In the store, with a slash and the roll's number: a recovery began it. */
#define CA_META_MADE "recovery.roll"

/* 0 when it is not there. */
enum base_err
ca_meta_get_u64(struct ca *ca, const char *key, uint64_t *out) BASE_MUST;
enum base_err
ca_meta_put_u64(struct ca *ca, const char *key, uint64_t v) BASE_MUST;
enum base_err
ca_recovery_put(struct ca *ca, const struct ca_recovery *v) BASE_MUST;
/* Logs what fails, by base_why(), unless it was logged already and nothing has
 * changed since; and comes back to it. */
void ca_recover_later(struct ca *ca, const char *what);
/* It does not fail any more: logged, if the failure was. */
void ca_recover_goes_on(struct ca *ca);

/* Each part: a node that has joined, under a root that its links use, or under
 * the management root; the CA itself is none. */
typedef enum base_err
ca_part_fn(struct ca *ca, uint32_t node, uint32_t root, void *arg);
enum base_err ca_each_part(struct ca *ca, ca_part_fn *fn, void *arg) BASE_MUST;
enum base_err ca_part_holds(struct ca *ca, uint32_t node, uint32_t root,
    struct ca_holding *h) BASE_MUST;
/* Lost, and an answer is waited for. Who is excused under all roots of its links
 * is not waited for under management either. */
enum base_err ca_part_is_lost(struct ca *ca, uint32_t node, uint32_t root,
    bool *yes) BASE_MUST;
/* Within a transaction. */
enum base_err ca_part_fact(struct ca *ca, uint32_t node, uint32_t root,
    enum pol_fact_kind kind) BASE_MUST;

/* kedge-hsmd is asked at the next turn, unless the node is unknown anyway.
 * false: another one is asked about, and this is to be said again. */
bool ca_claim_note(struct ca *ca, const char *node,
    const struct wire_inventory *said, uint64_t given);
void ca_claim_ask(struct ca *ca);
/* In the store from the moment it is noted until it is answered; with an empty
 * node: there is none. */
enum base_err
ca_claim_put(struct ca *ca, const struct ca_claim *c) BASE_MUST;
enum base_err ca_claim_load(struct ca *ca) BASE_MUST;

/* What the CA itself may hold under management, as kedge-hsmd says. */
struct ca_own_known {
	uint64_t epoch, trust, present;
};
/* When the store knows less: certificates under those generations, and the CA
 * holds them from here on. done is called exactly once, maybe from inside. */
void ca_recall_own(struct ca *ca, const struct ca_own_known *k,
    ca_done_fn *done, void *arg);

/* The last generation that has its certificate; 0: none. */
uint32_t ca_top_generation(struct ca *ca, const char *root);

/* The operator gives a node up: it is excused under the roots of its links
 * under which it has not said what it holds; root is not looked at. STATE:
 * there is none, or kedge-hsmd has not been heard yet. */
struct ca_word;
enum base_err
ca_recover_excuse(struct ca *ca, const struct ca_word *w) BASE_MUST;

/* Asks whoever is unknown and not asked yet; makes the rolls that the answers
 * speak of; ends the recovery when nobody is left. */
enum base_err ca_recover_look(struct ca *ca) BASE_MUST;
