/* stand_in: see the header. */
#include "tests/unit/ca/stand_in.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[32];
static pid_t child;

void
stand_in_open(void)
{
	snprintf(dir, sizeof(dir), "/tmp/kedge-stand-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	child = 0;
}

void
stand_in_close(void)
{
	char cmd[64];

	if (child > 0)
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

void
stand_in_answers(const char *text)
{
	struct sockaddr_un sun = { AF_UNIX, "s" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), c;
	char q[4096];

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	if ((child = fork()) != 0) {
		close(fd);
		return;
	}
	c = accept(fd, NULL, NULL);
	if (read(c, q, sizeof(q)) > 0)
		(void)dprintf(c, "%s\n", text);
	_exit(0);
}
