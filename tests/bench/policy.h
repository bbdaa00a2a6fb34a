/* policy: what policy.c (plans) and policy_reports.c share. */
#pragma once

#include "policy/policy.h"

/* Of the processor, by this program. */
double bench_ms(void);
/* They end the program when it is NULL, or an error. */
void *bench_must(void *p);
void bench_check(enum pol_err e);
/* Says so, and makes the program fail at its end, when it is more than most. */
void bench_limit(const char *what, double is, double most);
/* As a store gives them, by client; nine in ten nodes are clients. */
struct pol_link *bench_links(uint32_t nodes, uint32_t links);

/* What reports cost, up to so many nodes: policy_reports.c. */
void bench_reports(uint32_t most);
