/* wire/addr: network addresses as text. For wire/ and the probes of agentd/. */
#pragma once

#include <sys/socket.h>

#include "base/base.h"

/* "192.0.2.1:7443" or "[2001:db8::1]:7443". */
void wire_addr_format(const struct sockaddr *sa, socklen_t len, char out[64]);
uint16_t wire_addr_port(const struct sockaddr *sa);
/* Whom to hold answerable: the IPv4 address, or the IPv6 /64 that one host can
 * use freely, then zeros. */
#define WIRE_ADDR_NET 8
void wire_addr_net(const struct sockaddr *sa, uint8_t out[WIRE_ADDR_NET]);
/* Reached from this host only. */
bool wire_addr_is_loopback(const struct sockaddr *sa);
/* The same as text to an address, CONFIG otherwise. */
enum base_err wire_addr_parse(const char *text, struct sockaddr_storage *out,
    socklen_t *len) BASE_MUST;
/* HOST:PORT, [V6]:PORT, port 0 too; CONFIG otherwise. The strings are the caller's. */
enum base_err wire_addr_split(const char *text, char **host, char **port)
    BASE_MUST;
