/* The cases of the conf suite, one per source, and what they share. */
#pragma once

#include <check.h>
#include <string.h>

#include "conf/conf.h"

#define OK(call) ck_assert_msg((call) == BASE_OK, "%s", base_why())
#define SPAN(s)  ((struct base_span){ (const uint8_t *)(s), strlen(s) })
/* Refused as CONFIG, with these words. */
#define NO(call, words)                                                 \
	do {                                                            \
		ck_assert_int_eq(call, BASE_E_CONFIG);                  \
		ck_assert_msg(strstr(base_why(), words) != NULL,        \
		    "\"%s\" is not in: %s", words, base_why());         \
	} while (0)

TCase *case_conf(void);
TCase *case_scan(void);
TCase *case_value(void);
