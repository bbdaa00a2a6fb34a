/*
 * ca/net: what listener (ca/net.c) and dialler (ca/dial.c) share: exchanges
 * with a neighbour, whoever opened the connection.
 */
#pragma once

#include "ca/kedged.h"

/* What an exchange of a neighbour brought. */
struct ca_taken {
	uint32_t wait_ms; /* how long it would wait for the answer */
	size_t reports; /* that were believed */
};
/* SYNTAX, or REFUSED when it says that it is from somebody else. A report
 * that is not believed is logged, and no error. */
enum base_err ca_exchange_take(struct ca *ca, const char *from,
    struct base_span body, struct ca_taken *out) BASE_MUST;
/* An exchange with all parcels that are due for the neighbour. */
enum base_err ca_exchange_give(struct ca *ca, const char *to, uint32_t wait_ms,
    struct base_buf *body) BASE_MUST;

struct ca_dial;

/* Reference to ctx taken. */
struct ca_dial *ca_dial_new(struct ca *ca, SSL_CTX *ctx);
void ca_dial_set_ctx(struct ca_dial *d, SSL_CTX *ctx);
/* The topology has changed. */
void ca_dial_follow(struct ca_dial *d);
struct base_mono ca_dial_work(struct ca_dial *d);
void ca_dial_free(struct ca_dial *d);
