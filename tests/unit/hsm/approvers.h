/* The approvers of a fleet, and what they say. The fleet is app1>web1, mutual,
 * on its way from generation 1 to 2; it takes both of them. */
#pragma once

#include <check.h>
#include <sys/types.h>

#include "wire/hsm.h"

#define ANN    ((uid_t)501)
#define BOB    ((uid_t)502)
#define CARL   ((uid_t)503) /* nobody's approver */
#define KEDGED 1u

extern uid_t approvers[2];
extern struct wire_hsm_cut both_ways[2];

/* The fixture. */
void approvers_open(void);
void approvers_close(void);

/* What a user asks by APPROVE; cuts may be NULL. The answer is in
 * world_answer. */
enum base_err says_or_not(uid_t uid, uint32_t to,
    const struct wire_hsm_cuts *cuts, bool not );
enum base_err says(uid_t uid, uint32_t to, const struct wire_hsm_cuts *cuts);
/* The list of the first n of both_ways, from start on. */
enum base_err lets_cut_to(uid_t uid, uint32_t to, size_t n, int64_t start);
enum base_err lets_cut(uid_t uid, size_t n, int64_t start);
enum base_err withdraws(uid_t uid, size_t n, int64_t start);
/* So many approve the one list that there is. */
uint32_t yeses(void);
/* app1, excused, is out of the rules. */
bool excuse_counts(void);
void web_waits_for_app(uint64_t epoch);
