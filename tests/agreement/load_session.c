#include "tests/agreement/load_session.h"

#include <string.h>
#include <time.h>

#define REQUEST_BYTES_MAX 1024
#define AGAIN_SECONDS 0.5

uint64_t load_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static unsigned replica_count(const struct load_session *s)
{
    return s->shared->net->config->replica_count;
}

/* ---- asking ---- */

static void encode(struct load_session *s, const struct order *order)
{
    uint8_t body_memory[64], covered_memory[256];
    struct buffer body = {.data = body_memory, .capacity = 64, .size_max = 64};
    struct buffer covered = {.data = covered_memory, .capacity = 256, .size_max = 256};
    order_encode(&body, order);
    struct request request = {.client = (uint16_t)s->shared->net->id,
        .session = s->id,
        .number = s->number,
        .body = buffer_slice(&body)};
    request_put_signed_part(&covered, &request);
    sign(s->shared->key, s->shared->net->config->identity, SIGN_REQUEST, covered.data, covered.size,
        request.signature);
    buffer_clear(&s->request);
    request_encode(&s->request, &request);
}

static void send_to_all(struct load_session *s)
{
    for (unsigned i = 0; i < replica_count(s); i++)
        if (!s->replies[i].here)
            load_link_send(&s->links[i], MESSAGE_REQUEST, buffer_slice(&s->request));
}

static void ask(struct load_session *s, const struct order *order)
{
    s->number++;
    memset(s->replies, 0, sizeof s->replies);
    encode(s, order);
    s->waiting = true;
    s->sent_us = load_now_us();
    send_to_all(s);
    ev_timer_again(s->shared->net->loop, &s->again);
}

static void ask_next(struct load_session *s)
{
    struct order begin = {.kind = ORDER_BEGIN, .coordinator = (uint16_t)(s->id % replica_count(s))};
    struct order commit = {.kind = ORDER_COMMIT, .transaction = s->transaction};
    const struct load_events *events = s->shared->events;
    if (s->transaction)
        ask(s, &commit);
    else if (events->goes_on(events->context))
        ask(s, &begin);
    else
        events->finished(events->context);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct load_session *s = timer->data;
    s->shared->counts.resent++;
    send_to_all(s);
}

static void on_up(void *context, unsigned replica)
{
    struct load_session *s = context;
    if (s->waiting && !s->replies[replica].here)
        load_link_send(&s->links[replica], MESSAGE_REQUEST, buffer_slice(&s->request));
}

/* ---- believing ---- */

static bool same(const struct load_reply *a, const struct load_reply *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static unsigned count_equal(const struct load_session *s, const struct load_reply *reply)
{
    unsigned count = 0;
    for (unsigned i = 0; i < replica_count(s); i++)
        count += s->replies[i].here && same(&s->replies[i], reply);
    return count;
}

/* What this request came to decides what the next one asks for. */
static void believe(struct load_session *s, const struct load_reply *reply)
{
    struct outcome outcome;
    struct reader r = reader_of(slice_of(reply->bytes, reply->size));
    s->waiting = false;
    s->believed = *reply;
    ev_timer_stop(s->shared->net->loop, &s->again);
    for (unsigned i = 0; i < replica_count(s); i++)
        s->shared->counts.mismatches += s->replies[i].here && !same(&s->replies[i], reply);
    if (outcome_take(&r, &outcome)) {
        s->shared->counts.malformed++;
        outcome = (struct outcome){0};
    }
    const struct load_events *events = s->shared->events;
    events->acknowledged(events->context, s, s->number, &outcome, load_now_us() - s->sent_us);
    bool begun = outcome.kind == OUTCOME_BEGUN;
    s->shared->counts.refused += !begun && outcome.kind != OUTCOME_COMMITTED;
    s->transaction = begun ? s->number : 0;
    ask_next(s);
}

static void take_reply(struct load_session *s, unsigned replica, const struct reply *m)
{
    struct load_reply reply = {.here = true, .size = m->result.size};
    if (m->session != s->id || reply.size > sizeof reply.bytes) {
        s->shared->counts.malformed++;
        return;
    }
    memcpy(reply.bytes, m->result.data, reply.size);
    uint64_t believed = s->waiting ? s->number - 1 : s->number;
    if (m->number == believed) /* a late one */
        s->shared->counts.mismatches += !same(&reply, &s->believed);
    if (!s->waiting || m->number != s->number)
        return;
    s->replies[replica] = reply;
    if (count_equal(s, &reply) >= s->shared->net->config->faults + 1)
        believe(s, &reply);
}

static void on_frame(void *context, unsigned replica, uint8_t type, struct slice body)
{
    struct load_session *s = context;
    struct reply reply;
    if (type != MESSAGE_REPLY || reply_decode(body, &reply))
        s->shared->counts.malformed++;
    else
        take_reply(s, replica, &reply);
}

/* ---- life ---- */

bool load_session_start(struct load_session *s, struct load_shared *shared)
{
    static const struct load_link_ops ops = {.up = on_up, .frame = on_frame};
    *s = (struct load_session){.shared = shared};
    random_bytes(&s->id, sizeof s->id);
    s->id = (s->id & INT64_MAX) | 1;
    buffer_init(&s->request, REQUEST_BYTES_MAX);
    ev_timer_init(&s->again, on_again, AGAIN_SECONDS, AGAIN_SECONDS);
    s->again.data = s;
    for (unsigned i = 0; i < replica_count(s); i++)
        load_link_init(&s->links[i], shared->net, i, &ops, s);
    if (!buffer_reserve(&s->request, REQUEST_BYTES_MAX))
        return false;
    ask_next(s);
    return true;
}

void load_session_free(struct load_session *s)
{
    if (!s->shared)
        return;
    ev_timer_stop(s->shared->net->loop, &s->again);
    for (unsigned i = 0; i < replica_count(s); i++)
        load_link_free(&s->links[i]);
    buffer_free(&s->request);
}
