/* Tests of the engine: facts in, orders and reasons out. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy/fleet.h"
#include "tests/unit/policy/suites.h"

TCase *
case_engine(void)
{
	return tcase_create("engine");
}
