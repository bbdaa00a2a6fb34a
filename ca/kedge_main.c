/* kedge: the operator's command. Everything is in the table of ca/cli.h. */
#include <stdio.h>

#include "ca/cli.h"

int
main(int argc, char **argv)
{
	base_log_open("kedge", BASE_WARNING);
	return cli_main(argc, argv, stdout, stderr);
}
