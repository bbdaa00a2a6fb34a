/*
 * activate PORT... -- PROGRAM ARG...: binds the ports, then becomes the
 * program with the sockets handed over as sd_listen_fds(3) describes it, as
 * a systemd socket unit would. stunnel closes and opens its own sockets at a
 * reload, and resets what waits in them; sockets handed over it keeps.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3

static bool
bind_as(int want, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(fd, 1024) != 0)
		return false;
	if (fd == want)
		return true;
	if (dup2(fd, want) != want)
		return false;
	close(fd);
	return true;
}

int
main(int argc, char **argv)
{
	char text[32];
	int n;

	for (n = 0; n + 1 < argc && strcmp(argv[n + 1], "--") != 0; n++) {
		if (!bind_as(FIRST_FD + n, (uint16_t)atoi(argv[n + 1]))) {
			perror(argv[n + 1]);
			return 1;
		}
	}
	if (n == 0 || n + 2 >= argc) {
		fprintf(stderr, "usage: activate PORT... -- PROGRAM ARG...\n");
		return 2;
	}
	snprintf(text, sizeof(text), "%d", n);
	setenv("LISTEN_FDS", text, 1);
	snprintf(text, sizeof(text), "%ld", (long)getpid());
	setenv("LISTEN_PID", text, 1);
	execvp(argv[n + 2], &argv[n + 2]);
	perror(argv[n + 2]);
	return 1;
}
