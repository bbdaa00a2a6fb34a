/*
 * probe: does an application still accept a certificate? Used by the demo
 * after the roll, with certificates of the old generation, independently of
 * the agent's own probe.
 *
 *	probe client CERT KEY PORT            to a server's TLS port
 *	probe server CERT KEY LISTEN TRIGGER  shown to a client application that
 *	                                      carries TRIGGER to LISTEN
 *
 * Exit 0: accepted, application bytes came through; 1: refused; 2: the probe
 * itself did not work.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define LIMIT_S 4
#define WORDS	"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nkedge\n"

enum {
	ACCEPTED = 0,
	REFUSED = 1,
	BROKEN = 2
};

static int
sock_new(const char *port, struct sockaddr_in *at)
{
	struct timeval limit = { LIMIT_S, 0 };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) !=
		0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		exit(BROKEN);
	return fd;
}

static int
sock_dial(const char *port)
{
	struct sockaddr_in at;
	int fd = sock_new(port, &at);

	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		perror(port);
		exit(BROKEN);
	}
	return fd;
}

static SSL *
tls_new(const SSL_METHOD *m, char **files, int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(m);
	SSL *ssl;

	if (ctx == NULL ||
	    SSL_CTX_use_certificate_chain_file(ctx, files[0]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, files[1], SSL_FILETYPE_PEM) != 1 ||
	    (ssl = SSL_new(ctx)) == NULL || SSL_set_fd(ssl, fd) != 1) {
		ERR_print_errors_fp(stderr);
		exit(BROKEN);
	}
	return ssl;
}

static int
as_client(char **files, const char *port)
{
	static const char ask[] =
	    "GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";
	SSL *ssl = tls_new(TLS_client_method(), files, sock_dial(port));
	char answer[64] = "";

	if (SSL_connect(ssl) != 1 ||
	    SSL_write(ssl, ask, (int)sizeof(ask) - 1) <= 0 ||
	    SSL_read(ssl, answer, (int)sizeof(answer) - 1) <= 0)
		return REFUSED;
	return strncmp(answer, WORDS, 13) == 0 ? ACCEPTED : REFUSED;
}

/* Child: shows the certificate to whoever comes, says the words. */
_Noreturn static void
show(char **files, int listener)
{
	int fd = accept(listener, NULL, NULL);
	char ask[512];
	SSL *ssl;

	if (fd < 0)
		_exit(BROKEN);
	close(listener);
	ssl = tls_new(TLS_server_method(), files, fd);
	if (SSL_accept(ssl) != 1 || SSL_read(ssl, ask, (int)sizeof(ask)) <= 0 ||
	    SSL_write(ssl, WORDS, (int)sizeof(WORDS) - 1) <= 0)
		_exit(REFUSED);
	SSL_shutdown(ssl);
	_exit(ACCEPTED);
}

static int
as_server(char **files, const char *port, const char *trigger)
{
	struct sockaddr_in at;
	int fd, listener = sock_new(port, &at), status;
	char answer[64] = "";
	pid_t pid;

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(listener, 8) != 0) {
		perror(port);
		return BROKEN;
	}
	pid = fork();
	if (pid == 0)
		show(files, listener);
	close(listener); /* one try only */
	fd = sock_dial(trigger);
	if (pid < 0 || send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0) != 18)
		return BROKEN;
	if (recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) < 0)
		answer[0] = '\0';
	close(fd);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == BROKEN)
		return BROKEN;
	return strcmp(answer, WORDS) == 0 ? ACCEPTED : REFUSED;
}

static int
run(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "client") == 0)
		return as_client(&argv[2], argv[4]);
	if (argc == 6 && strcmp(argv[1], "server") == 0)
		return as_server(&argv[2], argv[4], argv[5]);
	fprintf(stderr,
	    "usage: probe client CERT KEY PORT | "
	    "probe server CERT KEY LISTEN TRIGGER\n");
	return BROKEN;
}

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	_exit(run(argc, argv)); /* what is allocated ends with us */
}
