/*
 * hsm_fake: kedge-hsmd's part played in memory: keys by (root, generation),
 * everything signed that parses. Answers come when hsm_fake_turn is called,
 * as they come from the event loop.
 */
#pragma once

#include "ca/kedged.h"

struct hsm_fake;

struct hsm_fake *hsm_fake_new(void);
void hsm_fake_free(struct hsm_fake *f);
struct ca_hsm hsm_fake_hsm(struct hsm_fake *f);
/* Answers all that waits; returns how many. */
size_t hsm_fake_turn(struct hsm_fake *f);
/* Answers the first that waits; false: none does. */
bool hsm_fake_one(struct hsm_fake *f);
/* A node's key that takes the place of its present one, as a report said. */
void hsm_fake_next(struct hsm_fake *f, const char *node, const char *root,
    struct base_span spki);
/* What waits was done, and kedge-hsmd died with the answers: all of it comes
 * to the next one again. */
void hsm_fake_again(struct hsm_fake *f);
/* What waits is forgotten: kedged died. */
void hsm_fake_drop(struct hsm_fake *f);

struct hsm_fake_mood {
	bool down; /* every request times out */
	const char *refuse; /* no certificate for this node */
	bool other_cert; /* signs another TBS than asked for */
	bool other_order; /* the same of orders */
	unsigned unjustified; /* so many orders are not justified */
	unsigned older; /* for so many a later one was signed */
	unsigned miscounted; /* so many SHOWs have an answer less, then more */
	const char *deny; /* no report of this node is taken */
	enum base_err deny_as;
	uint64_t denied;
	struct base_span expect; /* a report; how often it was shown: */
	uint64_t expected;
	unsigned keeps; /* so many items of TELL ask for a link that is gone */
	enum base_err unknowing; /* KNOWN is answered by this */
	uint64_t knew; /* times that KNOWN was asked */
	uint64_t asked; /* requests so far */
	uint64_t made; /* signatures: certificates and orders */
	unsigned old_copies; /* refused for a mark from before */
	char forgotten[CA_NAME]; /* the last node that it forgot */
	const char *remembers; /* a node that it does not forget */
	unsigned remembered; /* so often */
	uint32_t need; /* so many approvers must approve; 0: there are none */
	const struct wire_hsm_cuts *approved; /* the only list; NULL: none */
	const char *stays; /* a node of which it says, asked before, that it would
			    * not forget it */
	uint64_t asks; /* orders without steps */
	const char *info[4]; /* lines about itself */
	uint64_t told, links, shown, proven; /* items; proven: with order */
	uint64_t accused; /* shown: an order that says a key is stolen */
	uint64_t gone, excused; /* in the items told */
};
struct hsm_fake_mood *hsm_fake_mood(struct hsm_fake *f);
