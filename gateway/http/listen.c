/*
 * listen.c - opening TCP and unix listeners.
 *
 * TCP_NODELAY is set on the listening socket and inherited by what it accepts (Linux): head
 * and body of an answer are two writes, and Nagle's algorithm would hold the second for 40 ms.
 *
 * A unix socket's file gets its mode before anyone can connect. One that is left over from a
 * process that has died is replaced; one that somebody listens on, and any other kind of file,
 * is left alone and named in the error. On failure nothing stays open.
 */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

#define BACKLOG 1024

static bool listen_fault(const struct http_listener *listener, const char *what,
                         struct err *err)
{
    return err_set(err, ERR_CONFIG, "http.listen", "listener %s on %s port %u: %s: %s",
                   listener->name,
                   listener->unix_path != NULL ? listener->unix_path : listener->address,
                   listener->port, what, strerror(errno));
}

/* A socket file that nobody answers on is left over from a process that has died. */
static bool clear_stale(const struct http_listener *listener,
                        const struct sockaddr_un *at, struct err *err)
{
    struct stat st;
    bool dead;
    int fd;

    if (lstat(listener->unix_path, &st) != 0)
        return true;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return listen_fault(listener, "something else has that name", err);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    dead = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 &&
           errno == ECONNREFUSED;
    fd_close(&fd);
    if (!dead) {
        errno = EADDRINUSE;
        return listen_fault(listener, "another process listens there", err);
    }
    if (unlink(listener->unix_path) != 0)
        return listen_fault(listener, "removing the old socket", err);
    return true;
}

static bool open_unix(const struct http_listener *listener, int *ret_fd, struct err *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    mode_t mode = listener->unix_mode != 0 ? listener->unix_mode : 0660;

    if (strlen(listener->unix_path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return listen_fault(listener, "socket path", err);
    }
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", listener->unix_path);
    if (!clear_stale(listener, &at, err))
        return false;
    *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*ret_fd < 0)
        return listen_fault(listener, "socket", err);
    /* Linux: the mode of the socket is that of the file from its first moment. */
    if (fchmod(*ret_fd, mode) != 0 ||
        bind(*ret_fd, (const struct sockaddr *)&at, sizeof at) != 0)
        return listen_fault(listener, "bind", err);
    if (chmod(listener->unix_path, mode) != 0 || listen(*ret_fd, BACKLOG) != 0) {
        (void)listen_fault(listener, "listen", err);
        (void)unlink(listener->unix_path);
        return false;
    }
    return true;
}

static socklen_t parse_address(const struct http_listener *listener,
                               struct sockaddr_storage *ret)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

    if (inet_pton(AF_INET, listener->address, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(listener->port);
        return sizeof *in;
    }
    if (inet_pton(AF_INET6, listener->address, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(listener->port);
        return sizeof *in6;
    }
    return 0;
}

uint16_t listen_port(int fd)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;

    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return 0;
    if (at.ss_family != AF_INET && at.ss_family != AF_INET6)
        return 0;
    return ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
                                         : ((struct sockaddr_in6 *)&at)->sin6_port);
}

static bool open_tcp(const struct http_listener *listener, int *ret_fd, struct err *err)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = parse_address(listener, &at);
    int one = 1;

    if (len == 0) {
        errno = EINVAL;
        return listen_fault(listener, "not a numeric address", err);
    }
    *ret_fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*ret_fd < 0)
        return listen_fault(listener, "socket", err);
    if (setsockopt(*ret_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        setsockopt(*ret_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        (at.ss_family == AF_INET6 &&
         setsockopt(*ret_fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0))
        return listen_fault(listener, "setsockopt", err);
    if (bind(*ret_fd, (struct sockaddr *)&at, len) != 0)
        return listen_fault(listener, "bind", err);
    if (listen(*ret_fd, BACKLOG) != 0)
        return listen_fault(listener, "listen", err);
    return true;
}

int listen_open(const struct http_listener *listener, struct err *err)
{
    int fd = -1;

    if (listener->unix_path != NULL ? !open_unix(listener, &fd, err)
                                    : !open_tcp(listener, &fd, err))
        fd_close(&fd);
    return fd;
}

/* --- who calls -------------------------------------------------------------------------------- */

static bool identify_local(int fd, struct http_peer *peer)
{
    struct ucred cred;
    socklen_t len = sizeof cred;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return false;
    peer->local = true;
    peer->uid = cred.uid;
    peer->gid = cred.gid;
    peer->pid = cred.pid;
    return true;
}

bool listen_identify(int fd, const struct sockaddr_storage *from, struct http_peer *peer)
{
    const void *address;

    if (from->ss_family == AF_UNIX)
        return identify_local(fd, peer);
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;

        address = &in->sin_addr;
        peer->port = ntohs(in->sin_port);
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;

        address = &in6->sin6_addr;
        peer->port = ntohs(in6->sin6_port);
    }
    return inet_ntop(from->ss_family, address, peer->address, sizeof peer->address) !=
           NULL;
}
