/*
 * listen.h - listening sockets of the server, and who is at the other end of what they accept.
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "http/server.h"

struct err;

/* A non-blocking listening socket, or -1 with ERR_CONFIG "http.listen". */
int listen_open(const struct http_listener *listener, struct err *err) NODISCARD;

/* The port it has; 0 for a unix socket. */
uint16_t listen_port(int fd);

/* Address and port, or the kernel's word on a local caller, of an accepted socket. */
NODISCARD bool listen_identify(int fd, const struct sockaddr_storage *from,
                               struct http_peer *peer);

#endif
