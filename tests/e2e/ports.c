/*
 * ports N: prints N free TCP ports of 127.0.0.1, below the range from which
 * the kernel takes ports for outgoing connections: so that nobody takes one
 * between this program's end and the start of the server that gets it.
 * ports -w [ADDRESS:]PORT...: waits until something listens on each of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST	15000u
#define COUNT	17000u
#define WAIT_MS 10000

static int
sock_open(uint16_t port, struct sockaddr_in *at)
{
	*at = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool
is_free(uint16_t port)
{
	struct sockaddr_in at;
	int fd = sock_open(port, &at);

	/* kept open: the same port is not found twice */
	return fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

static int
find(int n)
{
	uint16_t r;

	for (int tries = 0; n > 0 && tries < 100000; tries++) {
		if (getrandom(&r, sizeof(r), 0) != sizeof(r))
			return 1;
		r = (uint16_t)(FIRST + r % COUNT);
		if (is_free(r)) {
			printf("%u\n", r);
			n--;
		}
	}
	return n > 0;
}

static int
wait_for(const char *where)
{
	const char *colon = strchr(where, ':');
	const char *port = colon == NULL ? where : colon + 1;
	char address[INET_ADDRSTRLEN] = "127.0.0.1";
	struct timespec pause = { 0, 10000000 };
	struct sockaddr_in at;
	int fd, r;

	if (colon != NULL)
		snprintf(address, sizeof(address), "%.*s", (int)(colon - where),
		    where);
	for (int ms = 0; ms < WAIT_MS; ms += 10) {
		fd = sock_open((uint16_t)atoi(port), &at);
		if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
			break;
		r = connect(fd, (struct sockaddr *)&at, sizeof(at));
		close(fd);
		if (r == 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "ports: nobody listens on %s: %s\n", where,
	    strerror(errno));
	return 1;
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0, r = 0;

	if (n >= 1 && n <= 200)
		return find(n);
	if (argc < 3 || strcmp(argv[1], "-w") != 0) {
		fprintf(stderr,
		    "usage: ports N | ports -w [ADDRESS:]PORT...\n");
		return 2;
	}
	for (int i = 2; i < argc && r == 0; i++)
		r = wait_for(argv[i]);
	return r;
}
