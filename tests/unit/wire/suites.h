/* suites of tests/unit/wire, one per source of wire/; called by main.c. */
#pragma once

#include <check.h>

TCase *case_asn1(void);
TCase *case_ber(void);
TCase *case_client(void);
TCase *case_cms(void);
TCase *case_crl(void);
TCase *case_csr(void);
TCase *case_exchange(void);
TCase *case_hsm_conn(void);
TCase *case_hsm_msg(void);
TCase *case_hsm_told(void);
TCase *case_http(void);
TCase *case_invite(void);
TCase *case_join(void);
TCase *case_key(void);
TCase *case_loop(void);
TCase *case_name(void);
TCase *case_order(void);
TCase *case_pages(void);
TCase *case_pem(void);
TCase *case_pkix(void);
TCase *case_profile(void);
TCase *case_report(void);
TCase *case_rekey(void);
TCase *case_root(void);
TCase *case_seal(void);
TCase *case_server(void);
TCase *case_stock(void);
TCase *case_tbs(void);
TCase *case_tls(void);
TCase *case_token(void);
TCase *case_verify(void);
