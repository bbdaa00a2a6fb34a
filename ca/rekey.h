/*
 * rekey: another key for a node, which the operator asks for; see ca/rekey.c.
 */
#pragma once

#include "ca/store.h"
#include "wire/msg.h"

struct ca;

/* root NULL: every root under which the node presents something, management
 * among them. NOTFOUND, or STATE when it presents nothing there. */
enum base_err
ca_rekey_ask(struct ca *ca, const char *node, const char *root) BASE_MUST;
/* What was asked for is not wanted any more. STATE when nothing is, or when
 * the certificate for the new key is on its way. A key that the node has made
 * already is the one that the next rekey takes. */
enum base_err
ca_rekey_cancel(struct ca *ca, const char *node, const char *root) BASE_MUST;
/* An effective report about an order that asked for a key says failed from
 * here on, when it does not prove one. */
void ca_rekey_judge(struct ca *ca, struct wire_report *w,
    const struct ca_order *o);
/* The node says that o is effective, within the transaction that keeps this:
 * a key was proven, or, *done, it is in use. */
enum base_err ca_rekey_took(struct ca *ca, const struct wire_report *w,
    const struct ca_order *o, bool *done) BASE_MUST;
/* After the commit of such a report: kedge-hsmd is to be shown it. */
void ca_rekey_in_use(struct ca *ca, const char *node, const char *root);
/* The certificate for the new key is on its way. Until it is settled nobody
 * knows which key the node is left with, and no other order is given. */
bool ca_rekey_is_out(struct ca *ca, const char *node, const char *root);
/* Is it this certificate's key that is to be replaced? */
enum base_err ca_rekey_asked(struct ca *ca, const struct ca_leaf *l,
    bool *out) BASE_MUST;
/* kedge-hsmd does not certify the key that was proven, because another report
 * overtook the proof: the node shall prove it again. */
void ca_rekey_anew(struct ca *ca, const char *node, const char *root);
/* SHA-256 of the management key that the node has proven, not in use yet? */
bool ca_rekey_is_key(struct ca *ca, const char *node, const uint8_t sha256[32]);

/* Shows kedge-hsmd the reports of those that have a new key in use, so that it
 * certifies the old one no more; returns when to look again. */
struct base_mono ca_rekey_work(struct ca *ca);
