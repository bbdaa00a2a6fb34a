/* Network addresses as text; see addr.h. */
#include "wire/addr.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
wire_addr_format(const struct sockaddr *sa, socklen_t len, char out[64])
{
	char host[48], port[8];

	if (getnameinfo(sa, len, host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, 64, "unknown address");
	else
		snprintf(out, 64,
		    strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
		    port);
}

uint16_t
wire_addr_port(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		return ntohs(v4.sin_port);
	}
	if (sa->sa_family != AF_INET6)
		return 0;
	memcpy(&v6, sa, sizeof(v6));
	return ntohs(v6.sin6_port);
}

void
wire_addr_net(const struct sockaddr *sa, uint8_t out[WIRE_ADDR_NET])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(out, 0, WIRE_ADDR_NET);
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		memcpy(out, &v4.sin_addr, sizeof(v4.sin_addr));
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
			memcpy(out, v6.sin6_addr.s6_addr + 12, 4);
		else
			memcpy(out, v6.sin6_addr.s6_addr, WIRE_ADDR_NET);
	}
}

bool
wire_addr_is_loopback(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&v6, sa, sizeof(v6));
	return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static bool
is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");
	return n > 0 && n <= 5 && s[n] == '\0' && strtol(s, NULL, 10) <= 65535;
}

enum base_err
wire_addr_split(const char *text, char **host, char **port)
{
	const char *colon = strrchr(text, ':');
	const char *from = text, *to = colon;

	if (colon == NULL || !is_port(colon + 1))
		goto bad;
	if (*from == '[') {
		from++;
		to--;
		if (to <= from || *to != ']')
			goto bad;
	} else if (memchr(from, ':', (size_t)(to - from)) != NULL) {
		goto bad;
	}
	if (to == from)
		goto bad;
	*host = base_strndup(from, (size_t)(to - from));
	*port = base_strdup(colon + 1);
	return BASE_OK;
bad:
	return base_fail(BASE_E_CONFIG,
	    "address '%s': write HOST:PORT, or [V6]:PORT", text);
}

enum base_err
wire_addr_parse(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *res = NULL;
	char *host = NULL, *port = NULL;
	enum base_err e = wire_addr_split(text, &host, &port);

	if (e == BASE_OK && getaddrinfo(host, port, &hints, &res) != 0)
		e = base_fail(BASE_E_CONFIG,
		    "address '%s': write 192.0.2.1:7443 or "
		    "[2001:db8::1]:7443",
		    text);
	if (e == BASE_OK) {
		memcpy(out, res->ai_addr, res->ai_addrlen);
		*len = res->ai_addrlen;
		freeaddrinfo(res);
	}
	free(host);
	free(port);
	return e;
}
