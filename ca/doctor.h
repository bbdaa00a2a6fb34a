/*
 * ca/doctor: what the doctor*.c files share: one look over everything that can
 * end in an outage, as findings: what, why it matters, what to do. Nobody else
 * includes it.
 */
#pragma once

#include "ca/kedged.h"

enum ca_level {
	CA_NOTE, /* good to know */
	CA_WARNING, /* will hurt, or hides what hurts */
	CA_FAULT, /* hurts now */
};

/* Texts are borrowed until ca_found returns. */
struct ca_finding {
	enum ca_level level;
	const char *check; /* word for scripts */
	const char *subject; /* "node web1", "root plant"; "" the CA itself */
	const char *why, *help; /* why it matters; what to do */
};
/* Appends one; fmt says what was found. */
void ca_found(json_t *list, const struct ca_finding *f, const char *fmt, ...)
    BASE_PRINTF(3, 4);

/* Roots, schedules, certificates, readiness (ca/doctor.c). */
void ca_doctor_roots(struct ca *ca, json_t *list);
void ca_doctor_certs(struct ca *ca, json_t *list);
/* Each node, and its clock (ca/doctor_node.c). */
void ca_doctor_nodes(struct ca *ca, json_t *list);
/* Store, kedge-hsmd as it said last, the CA's clock, disk, rights
 * (ca/doctor_host.c). */
void ca_doctor_host(struct ca *ca, json_t *list);
