#include "client/link.h"

#include "client/clock.h"
#include "client/link_dial.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define READ_CHUNK_BYTES 16384
#define READ_BUDGET_BYTES (256 << 10) /* of one link in one round */
#define UNASKED_BYTES_MAX (1 << 20)
/* A slow honest replica may still be sending one whole result after its client has given it up. */
#define LATE_BYTES_MAX (3 * RESULT_BYTES_MAX)
#define UNASKED_FRAME_BYTES 64 /* what a frame costs beside its size, so that empty ones count */
#define IN_BYTES_MAX (FRAME_HEADER_BYTES + FRAME_BODY_BYTES_MAX + READ_CHUNK_BYTES)
/* Room for a COMMIT of the largest size and the one before it. */
#define OUT_BYTES_MAX (2 * (REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES) + (64 << 10))

void link_init(struct link *link, unsigned replica, const struct link_shared *shared,
    const struct link_handler *handler)
{
    *link = (struct link){
        .state = LINK_DOWN,
        .replica = replica,
        .shared = shared,
        .handler = handler,
        .channel.fd = -1,
    };
    buffer_init(&link->in, IN_BYTES_MAX);
    buffer_init(&link->out, OUT_BYTES_MAX);
    dial_resolve(link);
}

/* ---- sending ---- */

bool link_is_idle(const struct link *link)
{
    return link->out.size == link->out_sent;
}

/* Moves what is not yet sent to the front, when the end of the buffer is reached. */
static void compact(struct link *link)
{
    if (link->out_sent == 0)
        return;
    memmove(link->out.data, link->out.data + link->out_sent, link->out.size - link->out_sent);
    link->out.size -= link->out_sent;
    link->out_sent = 0;
}

static bool queue(struct link *link, enum message_type type, struct slice body)
{
    assert(body.size <= FRAME_BODY_BYTES_MAX);
    size_t size = FRAME_HEADER_BYTES + body.size;
    if (size > link->out.size_max - link->out.size)
        compact(link);
    if (size > link->out.size_max - link->out.size)
        return false;
    if (!buffer_reserve(&link->out, link->out.size + size))
        return false;
    put_u32(&link->out, (uint32_t)body.size);
    put_u8(&link->out, (uint8_t)type);
    put_raw(&link->out, body.data, body.size);
    assert(!link->out.failed);
    return true;
}

bool link_send(struct link *link, enum message_type type, struct slice body)
{
    return link->state == LINK_READY && queue(link, type, body);
}

void link_renew_allowance(struct link *link)
{
    link->unasked_bytes = 0;
    link->late_bytes = 0;
}

void link_restart(struct link *link)
{
    if (link->state == LINK_DOWN)
        return;
    dial_failed(link, "dialled again", NULL);
    link->backoff_us = 0;
    link->redial_at_us = clock_now_us();
}

/* Says what OpenSSL's last call meant: 1 go on, 0 try later, -1 the link is lost. */
static int tls_progress(struct link *link, int returned)
{
    if (returned > 0)
        return 1;
    switch (SSL_get_error(link->ssl, returned)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        link->tls_wants_write = true;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        dial_failed(link, "the replica closed the link", NULL);
        return -1;
    case SSL_ERROR_SYSCALL:
        dial_failed(link, errno == 0 ? "connection lost" : strerror(errno), NULL);
        return -1;
    default: /* OpenSSL's codes, not ours */
        dial_failed_tls(link);
        return -1;
    }
}

static void flush(struct link *link)
{
    while (!link_is_idle(link)) {
        size_t left = link->out.size - link->out_sent;
        int chunk = left > READ_CHUNK_BYTES ? READ_CHUNK_BYTES : (int)left;
        ERR_clear_error();
        errno = 0;
        int sent = SSL_write(link->ssl, link->out.data + link->out_sent, chunk);
        if (tls_progress(link, sent) <= 0)
            return;
        link->out_sent += (size_t)sent;
    }
    buffer_clear(&link->out);
    link->out_sent = 0;
}

/* ---- receiving ---- */

static const char *check_hello(const struct link *link, uint8_t type, struct slice body)
{
    struct hello hello;
    if (type != MESSAGE_HELLO)
        return "it does not begin with HELLO";
    const char *reason = hello_decode(body, &hello);
    if (reason != NULL)
        return reason;
    if (hello.role != HELLO_REPLICA || hello.id != link->replica)
        return "it says it is somebody else";
    if (memcmp(hello.cluster, link->shared->config->digest, DIGEST_BYTES) != 0)
        return "its configuration of the cluster differs from ours";
    return NULL;
}

/* A greeting that does not fit is no lie: the configuration at one of the two ends may be old. */
static void take_greeting(struct link *link, uint8_t type, struct slice body)
{
    const char *reason = check_hello(link, type, body);
    if (reason != NULL) {
        dial_failed(link, reason, NULL);
        return;
    }
    link->state = LINK_READY;
    link->up_at_us = clock_now_us();
    link->error[0] = '\0';
    link->handler->up(link->handler->context, link->replica);
}

static const char *take_goodbye(struct link *link, struct slice body)
{
    struct goodbye goodbye;
    const char *reason = goodbye_decode(body, &goodbye);
    if (reason != NULL)
        return reason;
    char text[LINK_ERROR_BYTES];
    snprintf(text, sizeof text, "the replica closes the link: %.*s (%.5s)",
        goodbye.text.size > 180 ? 180 : (int)goodbye.text.size, (const char *)goodbye.text.data,
        goodbye.sqlstate);
    dial_failed(link, text, NULL);
    return NULL;
}

static const char *take_frame(struct link *link, uint8_t type, struct slice body)
{
    if (type == MESSAGE_GOODBYE)
        return take_goodbye(link, body);
    if (link->state == LINK_GREETING) {
        take_greeting(link, type, body);
        return NULL;
    }
    const char *reason = NULL;
    const struct link_handler *handler = link->handler;
    switch (handler->frame(handler->context, link->replica, type, body, &reason)) {
    case FRAME_INVALID:
        assert(reason != NULL);
        return reason;
    case FRAME_ASKED:
        return NULL;
    case FRAME_LATE:
        link->late_bytes += body.size + UNASKED_FRAME_BYTES;
        break;
    case FRAME_UNASKED:
        link->unasked_bytes += body.size + UNASKED_FRAME_BYTES;
        break;
    }
    if (link->unasked_bytes > UNASKED_BYTES_MAX || link->late_bytes > LATE_BYTES_MAX)
        return "it sends what nobody asked for";
    return NULL;
}

/* Takes all whole frames out of `in`. False: the link is closed. */
static bool take_frames(struct link *link)
{
    struct reader r = reader_of(buffer_slice(&link->in));
    size_t taken = 0;
    while (reader_left(&r) >= FRAME_HEADER_BYTES) {
        uint32_t size = get_u32(&r);
        uint8_t type = get_u8(&r);
        const char *reason = NULL;
        if (size > FRAME_BODY_BYTES_MAX)
            reason = "a frame is too long";
        else if (reader_left(&r) < size)
            break;
        else
            reason = take_frame(link, type, get_slice(&r, size));
        if (reason != NULL)
            dial_failed(link, reason, reason);
        if (link->state == LINK_DOWN)
            return false;
        taken += FRAME_HEADER_BYTES + size;
    }
    if (taken > 0) {
        memmove(link->in.data, link->in.data + taken, link->in.size - taken);
        link->in.size -= taken;
    }
    return true;
}

static void receive(struct link *link)
{
    uint8_t chunk[READ_CHUNK_BYTES];
    link->channel.read_budget = READ_BUDGET_BYTES;
    while (true) {
        ERR_clear_error();
        errno = 0;
        int got = SSL_read(link->ssl, chunk, sizeof chunk);
        if (tls_progress(link, got) <= 0)
            return;
        put_raw(&link->in, chunk, (size_t)got);
        if (link->in.failed) {
            dial_failed(link, "out of memory", NULL);
            return;
        }
        if (!take_frames(link))
            return;
    }
}

/* ---- driving ---- */

static void secure(struct link *link)
{
    ERR_clear_error();
    errno = 0;
    link->channel.read_budget = READ_BUDGET_BYTES;
    if (tls_progress(link, SSL_connect(link->ssl)) <= 0)
        return;
    struct tls_peer peer;
    if (!tls_peer_of(link->ssl, link->shared->config, &peer) || peer.kind != TLS_PEER_REPLICA ||
        peer.id != link->replica) {
        dial_failed(link, "another key than this replica's answers at its address", NULL);
        return;
    }
    struct hello hello = {
        .version = PROTOCOL_VERSION,
        .role = HELLO_CLIENT,
        .id = (uint16_t)link->shared->client,
    };
    memcpy(hello.cluster, link->shared->config->digest, DIGEST_BYTES);
    struct buffer b = BUFFER_INIT(256);
    hello_encode(&b, &hello);
    link->state = LINK_GREETING;
    bool queued = !b.failed && queue(link, MESSAGE_HELLO, buffer_slice(&b));
    buffer_free(&b);
    if (!queued)
        dial_failed(link, "out of memory", NULL);
}

uint64_t link_deadline(const struct link *link)
{
    switch (link->state) {
    case LINK_INVALID:
    case LINK_READY:
        break;
    case LINK_DOWN:
        return link->redial_at_us;
    case LINK_CONNECTING:
    case LINK_SECURING:
    case LINK_GREETING:
        return link->give_up_at_us;
    }
    return UINT64_MAX;
}

short link_events(const struct link *link, int *ret_fd)
{
    *ret_fd = link->channel.fd;
    switch (link->state) {
    case LINK_INVALID:
    case LINK_DOWN:
        return 0;
    case LINK_CONNECTING:
        return POLLOUT;
    case LINK_SECURING:
    case LINK_GREETING:
    case LINK_READY:
        break;
    }
    return link->tls_wants_write || !link_is_idle(link) ? POLLIN | POLLOUT : POLLIN;
}

void link_work(struct link *link, short events, uint64_t now_us)
{
    if (link->state == LINK_DOWN) {
        if (now_us >= link->redial_at_us)
            dial_start(link, now_us);
        return;
    }
    if (link->state != LINK_READY && now_us >= link->give_up_at_us) {
        dial_failed(link, "no answer", NULL);
        return;
    }
    if (link->state == LINK_CONNECTING && events != 0)
        dial_connected(link);
    if (link->state == LINK_SECURING) {
        link->tls_wants_write = false;
        secure(link);
    }
    if (link->state != LINK_GREETING && link->state != LINK_READY)
        return;
    link->tls_wants_write = false;
    if (events != 0)
        receive(link);
    if (link->state == LINK_GREETING || link->state == LINK_READY)
        flush(link);
}

void link_destroy(struct link *link)
{
    if (link->state == LINK_READY) {
        flush(link);
        if (link->state == LINK_READY)
            SSL_shutdown(link->ssl);
    }
    dial_free(link);
    buffer_free(&link->in);
    buffer_free(&link->out);
}
