/*
 * ca/steer: the operator's words to a roll that runs (ca/roll_steer.c), and
 * what becomes of orders when it turns round (ca/unsent.c). Part of ca/kedged.h.
 */
#pragma once

#include "ca/store.h"
#include "wire/msg.h"

struct ca;
struct ca_drafts;
struct ca_roll;

enum base_err ca_roll_pause(struct ca *ca, const char *root, bool pause,
    const char *who) BASE_MUST;
enum base_err ca_roll_retry(struct ca *ca, const char *root, const char *node,
    const char *who) BASE_MUST;
/* Everything back to the old generation. REFUSED after the first finish,
 * unless late is set: then OldWithNew carries back those who have forgotten
 * the old root. */
struct ca_roll_abort {
	const char *root, *reason, *who; /* reason may be "" */
	bool late; /* also after the first finish */
	bool compromised; /* also to a key that may be in wrong hands */
};
enum base_err
ca_roll_abort(struct ca *ca, const struct ca_roll_abort *a) BASE_MUST;
/* Forward again while it goes back; the same roll, the same certificates. */
enum base_err
ca_roll_again(struct ca *ca, const char *root, const char *who) BASE_MUST;
/* It was asked for before the roll turned round. */
bool ca_roll_has_turned(const struct ca_roll *w, const struct wire_order *o);
/* What was signed and is not due any more is stored as replaced: nobody gets
 * it, but kedge-hsmd judges as if he might, and after a turn so must kedged. */
enum base_err ca_roll_unsent(struct ca *ca, struct ca_roll *w,
    struct ca_drafts *d, const bool *due) BASE_MUST;
/* Within the transaction that turns the roll round: they count as sent from
 * here on. */
enum base_err ca_roll_unsent_turn(struct ca *ca, uint64_t roll) BASE_MUST;
/* The fact that it was given out. */
struct ca_fact ca_roll_sent(const struct ca_order *o);
/* A finish towards the goal was given out: some node may have forgotten. */
enum base_err ca_roll_is_late(struct ca *ca, const struct ca_roll_row *row,
    bool *out) BASE_MUST;
/* One word about one node; reason may be "". */
struct ca_word {
	const char *root, *node, *reason, *who;
};
enum base_err ca_roll_hold(struct ca *ca, const struct ca_word *w) BASE_MUST;
/* STATE: it is not held, neither by a word nor after failures. */
enum base_err ca_roll_release(struct ca *ca, const struct ca_word *w) BASE_MUST;
enum base_err ca_roll_excuse(struct ca *ca, const struct ca_word *w) BASE_MUST;
/* Ends an excuse. When the roll is over the node catches up by a roll of its
 * own, in which all others have nothing to do. */
enum base_err ca_roll_return(struct ca *ca, const struct ca_word *w) BASE_MUST;
