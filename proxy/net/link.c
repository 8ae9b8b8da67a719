#include "proxy/net/link.h"

#include "proxy/net/links.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GREETING_QUEUE_BYTES_MAX (16u << 10)
#define TLS_RECORD_BYTES (16u << 10)

_Static_assert(CLIENT_QUEUE_BYTES_MAX > RESULT_BYTES_MAX, "the largest result can be queued");
_Static_assert(CLIENT_BODY_BYTES_MAX <= FRAME_BODY_BYTES_MAX, "client frames are frames");

const char *link_end_name(enum link_end end)
{
    switch (end) {
    case LINK_END_CLOSED:
        return "closed";
    case LINK_END_ERROR:
        return "error";
    case LINK_END_TIMEOUT:
        return "timeout";
    case LINK_END_FULL:
        return "full";
    case LINK_END_MALFORMED:
        return "malformed";
    case LINK_END_REFUSED:
        return "refused";
    case LINK_END_STOP:
        return "stop";
    case LINK_END_INVALID:
    case LINK_END_COUNT:
        break;
    }
    assert(!"a reason why a link ended");
    return "";
}

/* ---- states ---- */

static bool transition_allowed(enum link_state from, enum link_state to)
{
    switch (to) {
    case LINK_HANDSHAKE:
        return from == LINK_CONNECTING;
    case LINK_GREETING:
        return from == LINK_HANDSHAKE;
    case LINK_OPEN:
        return from == LINK_GREETING;
    case LINK_CLOSING:
        return from == LINK_GREETING || from == LINK_OPEN;
    case LINK_DEAD:
        return from != LINK_DEAD;
    case LINK_CONNECTING:
    case LINK_INVALID:
        break;
    }
    return false;
}

static bool is_unknown(enum link_state state)
{
    return state == LINK_CONNECTING || state == LINK_HANDSHAKE || state == LINK_GREETING;
}

static void set_state(struct link *l, enum link_state state)
{
    assert(transition_allowed(l->state, state));
    if (is_unknown(l->state) && !is_unknown(state))
        l->set->unknown_count--;
    l->state = state;
}

static void set_end(struct link *l, enum link_end end, const char *reason)
{
    if (l->end != LINK_END_INVALID)
        return; /* the first cause is the one that explains */
    l->end = end;
    snprintf(l->reason, sizeof l->reason, "%s", reason);
}

void link_fail(struct link *link, enum link_end end, const char *format, ...)
{
    if (link->state == LINK_DEAD)
        return;
    char reason[LINK_REASON_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    set_end(link, end, reason);
    set_state(link, LINK_DEAD);
    link_watch(link);
    links_mark_dirty(link);
}

static void fail_tls(struct link *l, int ssl_error)
{
    char text[LINK_REASON_BYTES];
    int saved_errno = errno;
    if (ssl_error == SSL_ERROR_ZERO_RETURN) {
        link_fail(l, LINK_END_CLOSED, "the other end closed the link");
        return;
    }
    bool queued = ERR_peek_error() != 0;
    tls_error_text(text, sizeof text);
    if (queued)
        link_fail(l, LINK_END_ERROR, "TLS: %s", text);
    else
        link_fail(l, LINK_END_CLOSED, "connection lost: %s",
            saved_errno ? strerror(saved_errno) : "end of stream");
}

/* What the socket is watched for follows from the state alone. */
static int wanted_events(const struct link *l)
{
    int write = l->write_blocked ? EV_WRITE : 0;
    switch (l->state) {
    case LINK_CONNECTING:
        return EV_WRITE;
    case LINK_HANDSHAKE:
    case LINK_CLOSING:
        return EV_READ | write;
    case LINK_GREETING:
    case LINK_OPEN:
        return (l->paused ? 0 : EV_READ) | write | (l->read_wants_more ? EV_WRITE : 0);
    case LINK_DEAD:
        return 0;
    case LINK_INVALID:
        break;
    }
    assert(!"a link's state");
    return 0;
}

void link_watch(struct link *link)
{
    int wanted = wanted_events(link);
    if (ev_is_active(&link->io) && (link->io.events & (EV_READ | EV_WRITE)) == wanted)
        return;
    ev_io_stop(link->set->loop, &link->io);
    if (wanted == 0)
        return;
    ev_io_set(&link->io, link->fd, wanted);
    ev_io_start(link->set->loop, &link->io);
}

/* ---- greeting ---- */

static void say_hello(struct link *l)
{
    uint8_t memory[64];
    struct buffer b = {.data = memory, .capacity = sizeof memory, .size_max = sizeof memory};
    struct hello hello = greeting_make(l->set->config, l->set->self);
    hello_encode(&b, &hello);
    assert(!b.failed);
    if (!sendq_put(&l->queue, MESSAGE_HELLO, buffer_slice(&b))) {
        link_fail(l, LINK_END_FULL, "out of memory");
        return;
    }
    links_mark_dirty(l);
}

static void handshake_done(struct link *l)
{
    if (!tls_peer_of(l->ssl, l->set->config, &l->peer)) {
        link_fail(l, LINK_END_ERROR, "unknown key");
        return;
    }
    if (l->dialled && (l->peer.kind != TLS_PEER_REPLICA || l->peer.id != l->expected)) {
        link_fail(l, LINK_END_REFUSED, "another node's key answers there");
        return;
    }
    links_account(l);
    set_state(l, LINK_GREETING);
    say_hello(l);
}

static void handshake_step(struct link *l)
{
    ERR_clear_error();
    errno = 0;
    int rc = SSL_do_handshake(l->ssl);
    if (rc == 1) {
        l->write_blocked = false;
        handshake_done(l);
        if (l->state == LINK_GREETING)
            link_read(l); /* HELLO may stand in the same bytes */
        return;
    }
    int error = SSL_get_error(l->ssl, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        l->write_blocked = error == SSL_ERROR_WANT_WRITE;
    else
        fail_tls(l, error);
}

static void connect_step(struct link *l)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0) {
        link_fail(l, LINK_END_ERROR, "%s", strerror(error));
        return;
    }
    set_state(l, LINK_HANDSHAKE);
    handshake_step(l);
}

/* From here on the sizes of its role hold. */
static void opened(struct link *l)
{
    bool peer = l->peer.kind == TLS_PEER_REPLICA;
    set_state(l, LINK_OPEN);
    l->deadline = 0;
    l->input.body_bytes_max = peer ? FRAME_BODY_BYTES_MAX : CLIENT_BODY_BYTES_MAX;
    l->queue.bytes_max = peer ? PEER_QUEUE_BYTES_MAX : CLIENT_QUEUE_BYTES_MAX;
    /* Peers are always read: if two correct replicas waited for each other to read, both would
     * stop. Their ceiling is a closed link. */
    l->queue_mark = peer ? SIZE_MAX : CLIENT_QUEUE_MARK;
    l->read_bytes = peer ? PEER_READ_BYTES : CLIENT_READ_BYTES;
}

static void take_hello(struct link *l, struct slice body)
{
    struct greeting_refusal refusal;
    if (!greeting_check(l->set->config, &l->peer, body, &refusal)) {
        link_close(l, LINK_END_REFUSED, refusal.sqlstate, refusal.reason);
        return;
    }
    opened(l); /* first: the owner may send at once */
    l->welcome = l->set->ops.open(l->set->ops.context, l, &refusal);
    if (!l->welcome)
        link_close(l, LINK_END_REFUSED, refusal.sqlstate, refusal.reason);
}

static void take_goodbye(struct link *l, struct slice body)
{
    struct goodbye goodbye;
    const char *malformed = goodbye_decode(body, &goodbye);
    if (malformed)
        link_fail(l, LINK_END_MALFORMED, "GOODBYE: %s", malformed);
    else
        link_fail(l, LINK_END_CLOSED, "the other end says: %.5s %.*s", goodbye.sqlstate,
            (int)goodbye.text.size, (const char *)goodbye.text.data);
}

/* ---- reading ---- */

static void take_frame(struct link *l, const struct frame *frame)
{
    if (frame->type == MESSAGE_GOODBYE) {
        take_goodbye(l, frame->body);
        return;
    }
    if (l->state == LINK_GREETING) {
        if (frame->type == MESSAGE_HELLO)
            take_hello(l, frame->body);
        else
            link_close(l, LINK_END_MALFORMED, "08P01", "the first message must be HELLO");
        return;
    }
    const char *reason = l->set->ops.frame(l->set->ops.context, l, frame);
    if (reason)
        link_close(l, LINK_END_MALFORMED, "08P01", reason);
}

static void take_bytes(struct link *l, struct slice bytes)
{
    struct frame frame;
    while (l->state == LINK_GREETING || l->state == LINK_OPEN) {
        switch (frame_take(&l->input, &bytes, &frame)) {
        case FRAME_COMPLETE:
            take_frame(l, &frame);
            l->partial_since = 0; /* what is partly here now is another one */
            continue;
        case FRAME_MORE:
            return;
        case FRAME_OVERSIZE:
            link_close(l, LINK_END_MALFORMED, "08P01", "a message is larger than allowed");
            return;
        case FRAME_NO_MEMORY:
            link_close(l, LINK_END_FULL, "53200", "out of memory");
            return;
        case FRAME_RESULT_INVALID:
            break;
        }
        assert(!"a result of frame_take");
    }
}

static void pause_if_full(struct link *l)
{
    l->paused = sendq_size(&l->queue) > l->queue_mark;
}

static void read_stopped(struct link *l, int rc)
{
    int error = SSL_get_error(l->ssl, rc);
    l->read_wants_more = error == SSL_ERROR_WANT_WRITE;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        fail_tls(l, error);
}

static uint64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Returns the bytes that were read; 0: there are none. */
static size_t read_some(struct link *l)
{
    ERR_clear_error();
    errno = 0;
    int got = SSL_read(l->ssl, l->set->scratch, READ_SCRATCH_BYTES);
    if (got <= 0) {
        read_stopped(l, got);
        return 0;
    }
    l->silent_ticks = 0;
    take_bytes(l, slice_of(l->set->scratch, (size_t)got));
    pause_if_full(l);
    links_account(l); /* half a message is held for each client that sends slowly */
    links_bound_held(l->set);
    return (size_t)got;
}

static void read_frames(struct link *l)
{
    size_t taken = 0;
    uint64_t begun_us = monotonic_us(), spent_us = 0;
    pause_if_full(l);
    while ((l->state == LINK_GREETING || l->state == LINK_OPEN) && !l->paused) {
        if (taken >= l->read_bytes || links_turn_over(l, spent_us)) {
            links_mark_again(l);
            break;
        }
        size_t got = read_some(l);
        spent_us = monotonic_us() - begun_us;
        taken += got;
        if (got == 0)
            break;
    }
    if (l->peer.kind != TLS_PEER_REPLICA)
        l->set->clients_spent_us += spent_us;
}

/* After GOODBYE: closing a socket with unread bytes would send a reset, which may overtake the
 * GOODBYE. So what comes is read and thrown away until the other end closes. */
static void read_and_forget(struct link *l)
{
    ssize_t got = recv(l->fd, l->set->scratch, READ_SCRATCH_BYTES, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        link_fail(l, l->end, "%s", l->reason);
}

void link_read(struct link *link)
{
    if (link->state == LINK_CLOSING)
        read_and_forget(link);
    else
        read_frames(link);
    link_watch(link);
}

/* ---- writing ---- */

static void closing_written(struct link *l)
{
    ERR_clear_error();
    (void)SSL_shutdown(l->ssl); /* best effort: the other end sees the end of the stream anyway */
    ERR_clear_error();
    shutdown(l->fd, SHUT_WR);
}

static void write_stopped(struct link *l, int rc)
{
    int error = SSL_get_error(l->ssl, rc);
    if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ)
        l->write_blocked = true;
    else
        fail_tls(l, error);
}

static void write_queue(struct link *l)
{
    size_t left = WRITE_BYTES;
    while (sendq_size(&l->queue) > 0) {
        if (left == 0) { /* the rest in the next iteration: the socket is still writable */
            l->write_blocked = true;
            return;
        }
        struct slice next = sendq_next(&l->queue);
        size_t size = next.size < TLS_RECORD_BYTES ? next.size : TLS_RECORD_BYTES;
        ERR_clear_error();
        errno = 0;
        int sent = SSL_write(l->ssl, next.data, (int)size);
        if (sent <= 0) {
            write_stopped(l, sent);
            return;
        }
        sendq_sent(&l->queue, (size_t)sent);
        left -= (size_t)sent < left ? (size_t)sent : left;
    }
}

void link_write(struct link *link)
{
    bool may =
        link->state == LINK_GREETING || link->state == LINK_OPEN || link->state == LINK_CLOSING;
    if (!may || link->write_blocked)
        return;
    bool had = sendq_size(&link->queue) > 0;
    write_queue(link);
    links_account(link);
    if (link->state == LINK_CLOSING && had && sendq_size(&link->queue) == 0)
        closing_written(link);
    bool was_paused = link->paused;
    pause_if_full(link);
    if (was_paused && !link->paused && link->state == LINK_OPEN)
        links_mark_again(link); /* TLS may hold bytes that the socket no longer announces */
    link_watch(link);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct link *l = io->data;
    if (l->state == LINK_CONNECTING) {
        connect_step(l);
    } else if (l->state == LINK_HANDSHAKE) {
        handshake_step(l);
    } else {
        if (events & EV_WRITE) {
            l->write_blocked = false;
            links_mark_dirty(l);
        }
        bool readable = events & EV_READ || l->read_wants_more;
        if (readable && links_must_queue(l))
            links_mark_again(l);
        else if (readable && !l->in_again)
            link_read(l); /* else its turn comes in links.c: one share in one iteration */
    }
    link_watch(l);
}

/* ---- sending ---- */

size_t link_queued(const struct link *link)
{
    return sendq_size(&link->queue);
}

bool link_offer(struct link *link, enum message_type type, struct slice body)
{
    if (link->state != LINK_OPEN)
        return false;
    if (!sendq_put(&link->queue, (uint8_t)type, body))
        return false;
    links_account(link);
    links_mark_dirty(link);
    links_bound_held(link->set);
    return link->state == LINK_OPEN;
}

bool link_send(struct link *link, enum message_type type, struct slice body)
{
    if (link->state != LINK_OPEN)
        return false;
    if (link_offer(link, type, body))
        return true;
    link_fail(link, LINK_END_FULL, "it does not take what is sent to it (%zu bytes wait)",
        link_queued(link));
    return false;
}

void link_close(struct link *link, enum link_end end, const char *sqlstate, const char *text)
{
    if (link->state == LINK_CLOSING || link->state == LINK_DEAD)
        return;
    if (link->state != LINK_GREETING && link->state != LINK_OPEN) {
        link_fail(link, end, "%s", text);
        return;
    }
    uint8_t memory[512];
    struct buffer b = {.data = memory, .capacity = sizeof memory, .size_max = sizeof memory};
    struct goodbye goodbye = {.text = slice_text(text)};
    assert(strlen(sqlstate) == sizeof goodbye.sqlstate);
    memcpy(goodbye.sqlstate, sqlstate, sizeof goodbye.sqlstate);
    goodbye_encode(&b, &goodbye);
    set_end(link, end, text);
    if (b.failed || !sendq_put(&link->queue, MESSAGE_GOODBYE, buffer_slice(&b))) {
        link_fail(link, end, "%s", text);
        return;
    }
    set_state(link, LINK_CLOSING);
    link->deadline = ev_now(link->set->loop) + CLOSING_SECONDS;
    links_mark_dirty(link);
    link_watch(link);
}

/* ---- life ---- */

static struct link *link_new(
    struct links *set, int fd, const char *address, SSL_CTX *context, enum link_state state)
{
    struct link *l = calloc(1, sizeof *l);
    SSL *ssl = l ? SSL_new(context) : NULL;
    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        free(l);
        close(fd);
        return NULL;
    }
    /* The queue may move between two tries of one write; and one read(2) fetches several records.
     */
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
    SSL_set_read_ahead(ssl, 1);
    /* Frames carry their length, so a missing close_notify cannot cut a message unnoticed. */
    SSL_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    l->set = set;
    l->state = state;
    l->fd = fd;
    l->ssl = ssl;
    l->read_bytes = READ_SCRATCH_BYTES;
    l->queue_mark = SIZE_MAX;
    l->deadline = ev_now(set->loop) + HANDSHAKE_SECONDS;
    snprintf(l->address, sizeof l->address, "%s", address);
    frame_input_init(&l->input, GREETING_BODY_BYTES_MAX);
    sendq_init(&l->queue, GREETING_QUEUE_BYTES_MAX);
    ev_io_init(&l->io, on_io, fd, EV_READ);
    l->io.data = l;
    links_add(set, l);
    link_watch(l);
    return l;
}

struct link *link_accepted(struct links *set, int fd, const char *address)
{
    struct link *l = link_new(set, fd, address, set->accept_context, LINK_HANDSHAKE);
    if (l)
        SSL_set_accept_state(l->ssl);
    return l;
}

struct link *link_dialled(struct links *set, int fd, const char *address, unsigned replica)
{
    struct link *l = link_new(set, fd, address, set->dial_context, LINK_CONNECTING);
    if (!l)
        return NULL;
    SSL_set_connect_state(l->ssl);
    l->dialled = true;
    l->expected = replica;
    return l;
}

void link_free(struct link *link)
{
    ev_io_stop(link->set->loop, &link->io);
    frame_input_free(&link->input);
    sendq_free(&link->queue);
    SSL_free(link->ssl);
    close(link->fd);
    free(link);
}
