/* version: the one number, from the Makefile; every program's --version. */
#include "base/base.h"

const char *
base_version(void)
{
	return KEDGE_VERSION;
}
