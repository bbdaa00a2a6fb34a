/* See topology_rig.h. */
#include <check.h>
#include <string.h>

#include "tests/unit/ca/topology_rig.h"

enum base_err
topology_parse(const char *text, struct ca_topology **t)
{
	return ca_topology_parse("fleet.conf",
	    (struct base_span){ (const uint8_t *)text, strlen(text) }, t);
}

void
topology_refused(const struct topology_bad *b)
{
	struct ca_topology *t;

	ck_assert_msg(topology_parse(b->text, &t) == BASE_E_CONFIG, "taken: %s",
	    b->text);
	ck_assert_ptr_null(t);
	ck_assert_msg(strncmp(base_why(), "fleet.conf:", 11) == 0, "%s",
	    base_why());
	ck_assert_msg(strncmp(base_why() + 10, b->line, strlen(b->line)) == 0,
	    "not%s: %s", b->line, base_why());
	ck_assert_msg(strstr(base_why(), b->words) != NULL, "not \"%s\": %s",
	    b->words, base_why());
}
