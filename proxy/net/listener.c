#include "proxy/net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 256
#define ACCEPTS_PER_TURN 16
#define PAUSE_SECONDS 0.1
#define KEEPALIVE_IDLE_SECONDS 15
#define KEEPALIVE_INTERVAL_SECONDS 5
#define KEEPALIVE_COUNT 3
#define UNACKNOWLEDGED_MS_MAX 30000

static void set_option(int fd, int level, int option, int value)
{
    /* Each only makes things faster or dead ends found sooner: failing is no reason to refuse. */
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

void socket_tune(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS_MAX);
}

static void format_address(
    char out[static LINK_ADDRESS_BYTES], const struct sockaddr *address, socklen_t size)
{
    char host[48];
    char port[8];
    if (getnameinfo(address, size, host, sizeof host, port, sizeof port,
            NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, LINK_ADDRESS_BYTES, "%s:%s", host, port);
    else
        snprintf(out, LINK_ADDRESS_BYTES, "(unknown)");
}

/* Strangers can fill the places of links without a greeting, so the oldest of them makes room: a
 * correct node needs its place for milliseconds only. */
static void make_room(struct links *set)
{
    if (set->unknown_count < HANDSHAKES_MAX)
        return;
    struct link *oldest = links_oldest_unknown(set);
    if (oldest)
        link_fail(oldest, LINK_END_TIMEOUT, "too many links without a greeting");
}

static bool accept_one(struct listener *l)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int fd = accept4(l->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            ev_io_stop(l->set->loop, &l->io);
            ev_timer_start(l->set->loop, &l->pause);
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    if (l->set->count >= LINKS_MAX) {
        close(fd);
        return true;
    }
    char text[LINK_ADDRESS_BYTES];
    format_address(text, (struct sockaddr *)&address, size);
    socket_tune(fd);
    make_room(l->set);
    (void)link_accepted(l->set, fd, text); /* out of memory closed it; the other end tries again */
    return true;
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct listener *l = io->data;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++)
        if (!accept_one(l))
            return;
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct listener *l = timer->data;
    ev_timer_stop(loop, timer);
    ev_io_start(loop, &l->io);
}

static int bind_one(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int bind_any(const char *host, uint16_t port, char *ret_error, size_t error_size)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *list;
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        snprintf(ret_error, error_size, "cannot listen on %s: %s", host, gai_strerror(rc));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = bind_one(a);
    if (fd < 0)
        snprintf(ret_error, error_size, "cannot listen on %s:%u: %s", host, port, strerror(errno));
    freeaddrinfo(list);
    return fd;
}

bool listener_start(struct listener *listener, struct links *set, const char *host, uint16_t port,
    char *ret_error, size_t error_size)
{
    int fd = bind_any(host, port, ret_error, error_size);
    if (fd < 0)
        return false;
    *listener = (struct listener){.set = set, .fd = fd};
    ev_io_init(&listener->io, on_accept, fd, EV_READ);
    listener->io.data = listener;
    ev_timer_init(&listener->pause, on_pause_over, PAUSE_SECONDS, 0.);
    listener->pause.data = listener;
    ev_io_start(set->loop, &listener->io);
    return true;
}

void listener_stop(struct listener *listener)
{
    if (!listener->set)
        return;
    ev_io_stop(listener->set->loop, &listener->io);
    ev_timer_stop(listener->set->loop, &listener->pause);
    close(listener->fd);
    *listener = (struct listener){0};
}
