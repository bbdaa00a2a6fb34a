/* wire/addr: network addresses as text. Internal to wire/. */
#pragma once

#include <sys/socket.h>

#include "base/base.h"

/* "192.0.2.1:7443" or "[2001:db8::1]:7443". */
void wire_addr_format(const struct sockaddr *sa, socklen_t len, char out[64]);
uint16_t wire_addr_port(const struct sockaddr *sa);
/* HOST:PORT, [V6]:PORT; CONFIG otherwise. The strings are the caller's. */
enum base_err wire_addr_split(const char *text, char **host, char **port)
    BASE_MUST;
