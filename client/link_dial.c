#include "client/link_dial.h"

#include "client/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GIVE_UP_US 5000000u /* from the dial to the replica's HELLO */
#define BACKOFF_US_MIN 50000u
#define BACKOFF_US_MAX 5000000u
#define STABLE_US 2000000u          /* a link that lived this long begins its back-off anew */
#define UNACKNOWLEDGED_MS_MAX 10000 /* then TCP takes the other machine for dead */

void dial_resolve(struct link *link)
{
    const struct config_replica *replica = &link->shared->config->replicas[link->replica];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)replica->port);
    int failed = getaddrinfo(replica->host, port, &hints, &link->addresses);
    if (failed != 0) {
        link->addresses = NULL;
        snprintf(
            link->error, sizeof link->error, "%.100s: %s", replica->host, gai_strerror(failed));
    }
    link->address = link->addresses;
}

static void close_socket(struct link *link)
{
    SSL_free(link->ssl);
    link->ssl = NULL;
    if (link->channel.fd >= 0)
        close(link->channel.fd);
    link->channel.fd = -1;
    link->tls_wants_write = false;
    link->in.size = 0;
    buffer_clear(&link->out);
    link->out_sent = 0;
    link_renew_allowance(link);
}

/* Another address of the same replica is tried at once; when all have failed, waiting doubles. */
static void plan_redial(struct link *link, bool was_ready)
{
    uint64_t now_us = clock_now_us();
    if (was_ready) {
        link->address = link->addresses;
        if (now_us - link->up_at_us >= STABLE_US)
            link->backoff_us = 0;
    } else if (link->address != NULL) {
        link->address = link->address->ai_next;
        if (link->address != NULL) {
            link->redial_at_us = now_us;
            return;
        }
        link->address = link->addresses;
    }
    link->failures++;
    link->backoff_us = link->backoff_us == 0 ? BACKOFF_US_MIN : link->backoff_us * 2;
    if (link->backoff_us > BACKOFF_US_MAX)
        link->backoff_us = BACKOFF_US_MAX;
    link->redial_at_us = now_us + link->backoff_us;
}

void dial_failed(struct link *link, const char *error, const char *violation)
{
    bool was_ready = link->state == LINK_READY;
    snprintf(link->error, sizeof link->error, "%s", error);
    close_socket(link);
    link->state = LINK_DOWN;
    plan_redial(link, was_ready);
    link->handler->down(link->handler->context, link->replica, violation);
}

void dial_failed_tls(struct link *link)
{
    char text[LINK_ERROR_BYTES];
    tls_error_text(text, sizeof text);
    dial_failed(link, text, NULL);
}

static void set_options(int fd)
{
    /* Each is an improvement, none is needed: failures do not matter. */
    int on = 1, patience_ms = UNACKNOWLEDGED_MS_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
}

void dial_start(struct link *link, uint64_t now_us)
{
    if (link->address == NULL) {
        char error[LINK_ERROR_BYTES];
        snprintf(error, sizeof error, "%s", link->error);
        dial_failed(link, error, NULL);
        return;
    }
    const struct addrinfo *address = link->address;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    link->channel.fd = fd;
    if (fd < 0) {
        dial_failed(link, strerror(errno), NULL);
        return;
    }
    set_options(fd);
    link->give_up_at_us = now_us + GIVE_UP_US;
    link->state = LINK_CONNECTING;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        dial_failed(link, strerror(errno), NULL);
}

static bool start_tls(struct link *link)
{
    link->ssl = SSL_new(link->shared->tls);
    if (link->ssl == NULL)
        return false;
    BIO *bio = socket_bio_new(link->shared->bio_method, &link->channel);
    if (bio == NULL)
        return false;
    SSL_set_bio(link->ssl, bio, bio);
    SSL_set_mode(link->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return true;
}

void dial_connected(struct link *link)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(link->channel.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0) {
        dial_failed(link, strerror(error), NULL);
        return;
    }
    if (!start_tls(link)) {
        dial_failed_tls(link);
        return;
    }
    link->state = LINK_SECURING;
}

void dial_free(struct link *link)
{
    close_socket(link);
    link->state = LINK_DOWN;
    if (link->addresses != NULL)
        freeaddrinfo(link->addresses);
    link->addresses = link->address = NULL;
}
