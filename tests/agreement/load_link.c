#include "tests/agreement/load_link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REDIAL_SECONDS 0.05
#define READ_BYTES 16384

static void watch(struct load_link *link, int events)
{
    ev_io_stop(link->net->loop, &link->io);
    ev_io_set(&link->io, link->fd, events);
    ev_io_start(link->net->loop, &link->io);
}

/* Closes and waits for the next dial. */
static void fail(struct load_link *link)
{
    link->net->links_lost += link->state == LOAD_LINK_UP;
    ev_io_stop(link->net->loop, &link->io);
    SSL_free(link->ssl);
    link->ssl = NULL;
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    link->state = LOAD_LINK_DOWN;
    frame_input_free(&link->in);
    frame_input_init(&link->in, FRAME_BODY_BYTES_MAX);
    buffer_clear(&link->out);
    link->out_sent = 0;
    ev_now_update(link->net->loop);
    ev_timer_set(&link->redial, REDIAL_SECONDS, 0.);
    ev_timer_start(link->net->loop, &link->redial);
}

/* ---- writing ---- */

/* False: the link broke. */
static bool flush(struct load_link *link)
{
    while (link->out_sent < link->out.size) {
        ERR_clear_error();
        int written = SSL_write(
            link->ssl, link->out.data + link->out_sent, (int)(link->out.size - link->out_sent));
        if (written <= 0) {
            int error = SSL_get_error(link->ssl, written);
            if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
                return false;
            watch(link, EV_READ | EV_WRITE);
            return true;
        }
        link->out_sent += (size_t)written;
    }
    buffer_clear(&link->out);
    link->out_sent = 0;
    watch(link, EV_READ);
    return true;
}

static void queue(struct load_link *link, enum message_type type, struct slice body)
{
    uint8_t header[FRAME_HEADER_BYTES];
    if (link->out.size + sizeof header + body.size > link->net->out_bytes_max)
        return;
    frame_header_put(header, (uint8_t)type, body.size);
    put_raw(&link->out, header, sizeof header);
    put_raw(&link->out, body.data, body.size);
    link->net->frames_sent++;
    link->net->bytes_sent += sizeof header + body.size;
}

void load_link_send(struct load_link *link, enum message_type type, struct slice body)
{
    if (link->state != LOAD_LINK_UP)
        return;
    queue(link, type, body);
    if (!flush(link))
        fail(link);
}

bool load_link_idle(const struct load_link *link)
{
    return link->state == LOAD_LINK_UP && link->out.size == 0;
}

static bool greet(struct load_link *link)
{
    struct hello hello = {
        .version = PROTOCOL_VERSION, .role = link->net->role, .id = (uint16_t)link->net->id};
    memcpy(hello.cluster, link->net->config->digest, DIGEST_BYTES);
    struct buffer body = BUFFER_INIT(256);
    hello_encode(&body, &hello);
    queue(link, MESSAGE_HELLO, buffer_slice(&body));
    buffer_free(&body);
    link->state = LOAD_LINK_GREETING;
    return flush(link);
}

/* ---- reading ---- */

/* False: the link is of no more use. */
static bool take_frame(struct load_link *link, const struct frame *frame)
{
    struct hello hello;
    link->net->frames_received++;
    link->net->bytes_received += FRAME_HEADER_BYTES + frame->body.size;
    if (frame->type == MESSAGE_GOODBYE)
        return false;
    if (link->state == LOAD_LINK_GREETING) {
        if (frame->type != MESSAGE_HELLO || hello_decode(frame->body, &hello))
            return false;
        link->state = LOAD_LINK_UP;
        link->ops->up(link->context, link->replica);
    } else {
        link->ops->frame(link->context, link->replica, frame->type, frame->body);
    }
    return link->state == LOAD_LINK_UP; /* the upcall may have sent, and found the link broken */
}

static bool take_bytes(struct load_link *link, struct slice bytes)
{
    struct frame frame;
    enum frame_result result;
    while ((result = frame_take(&link->in, &bytes, &frame)) == FRAME_COMPLETE)
        if (!take_frame(link, &frame))
            return false;
    return result == FRAME_MORE;
}

static bool read_all(struct load_link *link)
{
    uint8_t bytes[READ_BYTES];
    for (;;) {
        ERR_clear_error();
        int got = SSL_read(link->ssl, bytes, sizeof bytes);
        if (got <= 0) {
            int error = SSL_get_error(link->ssl, got);
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        if (!take_bytes(link, slice_of(bytes, (size_t)got)))
            return false;
    }
}

/* ---- dialling ---- */

static bool secure(struct load_link *link)
{
    ERR_clear_error();
    int result = SSL_connect(link->ssl);
    if (result == 1)
        return greet(link);
    int error = SSL_get_error(link->ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return false;
    watch(link, error == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE);
    return true;
}

static bool connected(struct load_link *link)
{
    int reason = 0;
    socklen_t size = sizeof reason;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &reason, &size) || reason)
        return false;
    link->ssl = SSL_new(link->net->tls);
    if (!link->ssl || SSL_set_fd(link->ssl, link->fd) != 1)
        return false;
    SSL_set_mode(link->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    link->state = LOAD_LINK_SECURING;
    return secure(link);
}

static bool work(struct load_link *link, int events)
{
    switch (link->state) {
    case LOAD_LINK_CONNECTING:
        return connected(link);
    case LOAD_LINK_SECURING:
        return secure(link);
    case LOAD_LINK_GREETING:
    case LOAD_LINK_UP:
        return (!(events & EV_WRITE) || flush(link)) && read_all(link);
    case LOAD_LINK_INVALID:
    case LOAD_LINK_DOWN:
        break;
    }
    return true;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct load_link *link = io->data;
    if (!work(link, events) && link->state != LOAD_LINK_DOWN)
        fail(link);
}

static bool dial(struct load_link *link)
{
    const struct config_replica *replica = &link->net->config->replicas[link->replica];
    const struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", replica->port);
    if (getaddrinfo(replica->host, port, &hints, &found))
        return false;
    int on = 1;
    link->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = link->fd >= 0;
    if (good) {
        (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        good = connect(link->fd, found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS;
    }
    freeaddrinfo(found);
    return good;
}

static void on_redial(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct load_link *link = timer->data;
    if (!dial(link)) {
        fail(link);
        return;
    }
    link->state = LOAD_LINK_CONNECTING;
    watch(link, EV_WRITE);
}

void load_link_init(struct load_link *link, struct load_net *net, unsigned replica,
    const struct load_link_ops *ops, void *context)
{
    *link = (struct load_link){.net = net,
        .ops = ops,
        .context = context,
        .replica = replica,
        .state = LOAD_LINK_DOWN,
        .fd = -1};
    frame_input_init(&link->in, FRAME_BODY_BYTES_MAX);
    buffer_init(&link->out, net->out_bytes_max);
    ev_io_init(&link->io, on_io, -1, EV_READ);
    ev_timer_init(&link->redial, on_redial, 0., 0.);
    link->io.data = link->redial.data = link;
    ev_timer_start(net->loop, &link->redial);
}

void load_link_free(struct load_link *link)
{
    ev_io_stop(link->net->loop, &link->io);
    ev_timer_stop(link->net->loop, &link->redial);
    SSL_free(link->ssl);
    if (link->fd >= 0)
        close(link->fd);
    frame_input_free(&link->in);
    buffer_free(&link->out);
}
