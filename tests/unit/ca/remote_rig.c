/* See remote_rig.h. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "ca/cli.h"
#include "tests/unit/ca/remote_rig.h"

char remote_dir[] = "/tmp/kedge-remote-XXXXXX";

char remote_socket[64], seen[64], file[64], output[65536], errors[4096];

void
remote_setup(void)
{
	memcpy(remote_dir + sizeof(remote_dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(remote_dir));
	snprintf(remote_socket, sizeof(remote_socket), "%s/s", remote_dir);
	snprintf(seen, sizeof(seen), "%s/seen", remote_dir);
	snprintf(file, sizeof(file), "%s/f", remote_dir);
}

void
remote_teardown(void)
{
	unlink(remote_socket);
	unlink(seen);
	unlink(file);
	ck_assert_int_eq(rmdir(remote_dir), 0);
}

/* Each request goes into seen, each gets the same answer. */
static void
serve_one(int c, const char *answer)
{
	FILE *log = fopen(seen, "a"), *peer = fdopen(c, "r");
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, peer) > 0) {
		fputs(line, log);
		fflush(log);
		if (dprintf(c, "%s\n", answer) < 0)
			break;
	}
	_exit(0);
}

/* Until the listening socket is shut down; a process per connection. */
static void
serve(int fd, const char *answer)
{
	int c;

	while ((c = accept(fd, NULL, NULL)) != -1) {
		if (fork() == 0)
			serve_one(c, answer);
		close(c);
	}
	while (wait(NULL) > 0)
		;
	_exit(0);
}

int
run_against(const char *answer, const char *const *words)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	FILE *out = fmemopen(output, sizeof(output), "w");
	FILE *err = fmemopen(errors, sizeof(errors), "w");
	char *argv[24] = { NULL };
	int argc = 0, code, fd = -1;
	pid_t pid = -1;

	unlink(remote_socket);
	unlink(seen);
	if (answer != NULL) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		memcpy(sun.sun_path, remote_socket, strlen(remote_socket) + 1);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)),
		    0);
		ck_assert_int_eq(listen(fd, 4), 0);
		if ((pid = fork()) == 0)
			serve(fd, answer);
	}
	for (; words[argc] != NULL; argc++)
		argv[argc] = base_strdup(words[argc]);
	argv[argc++] = base_strdup("--socket");
	argv[argc++] = base_strdup(remote_socket);
	code = cli_main(argc, argv, out, err);
	fclose(out);
	fclose(err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	if (pid > 0) {
		/* a command that never connects leaves the stand-in waiting */
		shutdown(fd, SHUT_RDWR);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		close(fd);
	}
	return code;
}
void
assert_request(const char *want)
{
	json_t *a = json_load_file(seen, JSON_DISABLE_EOF_CHECK, NULL);
	json_t *b = json_loads(want, 0, NULL);

	ck_assert_ptr_nonnull(b);
	ck_assert_msg(json_equal(a, b), "asked %s",
	    json_dumps(a, JSON_COMPACT));
	json_decref(a);
	json_decref(b);
}
