#include "tests/unit/pbft/pair.h"

#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PRIMARY 0
#define BACKUP 2
#define OTHER_BACKUP 3
/* What a batch costs besides its requests. */
#define BATCH_US 1000
#define SENT_BYTES_MAX (4 << 20)

static struct single *new_replica(unsigned self, unsigned sessions_per_client_max)
{
    struct pbft_options o = single_options(self, 1);
    o.window = PAIR_WINDOW;
    o.checkpoint_interval = 16;
    o.batch_requests_max = 64;
    o.batch_bytes_max = 16 << 10;
    o.sessions_per_client_max = sessions_per_client_max;
    o.view_change_timeout_us = PAIR_TIMEOUT_US;
    o.pending_bytes_max = 4 << 20;
    o.retransmit_us = 200000;
    o.clock_skew_us_max = 10000000;
    return single_new_with(&o);
}

struct pair *pair_new(unsigned sessions_per_client_max, uint64_t execution_us)
{
    struct pair *p = calloc(1, sizeof *p);
    assert(p != NULL);
    p->execution_us = execution_us;
    p->primary.s = new_replica(PRIMARY, sessions_per_client_max);
    p->backup.s = new_replica(BACKUP, sessions_per_client_max);
    buffer_init(&p->primary.sent, SENT_BYTES_MAX);
    buffer_init(&p->backup.sent, SENT_BYTES_MAX);
    return p;
}

void pair_free(struct pair *p)
{
    single_free(p->primary.s);
    single_free(p->backup.s);
    buffer_free(&p->primary.sent);
    buffer_free(&p->backup.sent);
    free(p);
}

/* ---- what an update brings ---- */

static void start_execution(struct pair *p, struct pair_replica *r, const struct pbft_delivery *d)
{
    struct pair_executor *x = &r->executor;
    uint64_t start_us = x->free_us > r->s->now_us ? x->free_us : r->s->now_us;
    unsigned at = (unsigned)(x->end++ % PAIR_WINDOW);
    assert(x->end - x->first <= PAIR_WINDOW);
    x->free_us = start_us + BATCH_US + d->batch.request_count * p->execution_us;
    x->runs[at].seq = d->batch.seq;
    x->runs[at].count = d->batch.request_count;
    x->runs[at].done_us = x->free_us;
    memcpy(x->runs[at].skip, d->skip, d->batch.request_count * sizeof d->skip[0]);
}

/* Whatever a client's session waited for, it goes on when one of its requests is ordered. */
static void answer(struct pair *p, const struct pbft_delivery *d)
{
    for (uint32_t i = 0; i < d->batch.request_count; i++) {
        const struct request *request = &d->requests[i];
        if (request->session <= PAIR_SESSIONS_MAX)
            p->clients[request->client][request->session].waits = false;
    }
}

static void take_update(struct pair *p, struct pair_replica *r)
{
    const struct pbft_update *u = &r->s->update;
    bool is_backup = r == &p->backup;
    for (unsigned i = 0; i < u->send_count; i++) {
        const struct pbft_send *send = &u->sends[i];
        bool wanted = is_backup ? send->type == MESSAGE_RELAY
                                : send->type == MESSAGE_PRE_PREPARE && send->to == PBFT_TO_ALL;
        if (wanted)
            put_bytes(&r->sent, send->body);
        p->relayed += wanted && is_backup;
    }
    assert(!r->sent.failed);
    for (unsigned i = 0; i < u->delivery_count; i++) {
        start_execution(p, r, &u->deliveries[i]);
        if (is_backup)
            answer(p, &u->deliveries[i]);
    }
}

static void message(struct pair *p, struct pair_replica *to, unsigned from, enum message_type type)
{
    single_message(to->s, from, type);
    assert(to->s->update.invalid == NULL);
    take_update(p, to);
}

/* ---- between the two ---- */

/* The primary's proposal reaches the backup, and both hear the votes of all the others. */
static void agree_on(struct pair *p, struct slice proposal)
{
    struct single *primary = p->primary.s, *backup = p->backup.s;
    struct pre_prepare m;
    uint8_t digest[DIGEST_BYTES];
    const char *reason = pre_prepare_decode(proposal, &m);
    assert(reason == NULL);
    uint64_t seq = m.batch.seq;
    forge_batch_digest(&m.batch, digest);
    buffer_clear(&backup->out);
    put_raw(&backup->out, proposal.data, proposal.size);
    message(p, &p->backup, PRIMARY, MESSAGE_PRE_PREPARE);
    forge_prepare(&backup->out, OTHER_BACKUP, 0, seq, digest);
    message(p, &p->backup, OTHER_BACKUP, MESSAGE_PREPARE);
    forge_prepare(&primary->out, OTHER_BACKUP, 0, seq, digest);
    message(p, &p->primary, OTHER_BACKUP, MESSAGE_PREPARE);
    forge_prepare(&primary->out, BACKUP, 0, seq, digest);
    message(p, &p->primary, BACKUP, MESSAGE_PREPARE);
    for (unsigned from = PRIMARY; from <= OTHER_BACKUP; from++) {
        forge_commit(&backup->out, 0, seq, digest);
        if (from != BACKUP)
            message(p, &p->backup, from, MESSAGE_COMMIT);
        forge_commit(&primary->out, 0, seq, digest);
        if (from != PRIMARY)
            message(p, &p->primary, from, MESSAGE_COMMIT);
    }
}

/* The next message that `r` sent, copied, because handing it in may bring more. False: none. */
static bool take_sent(struct pair_replica *r, size_t *at, struct buffer *ret)
{
    if (*at == r->sent.size) {
        buffer_clear(&r->sent);
        return false;
    }
    struct reader reader = reader_of(slice_of(r->sent.data + *at, r->sent.size - *at));
    struct slice body = get_bytes(&reader, FRAME_BODY_BYTES_MAX);
    assert(!reader.failed);
    *at = r->sent.size - reader_left(&reader);
    buffer_clear(ret);
    put_raw(ret, body.data, body.size);
    return true;
}

static void exchange(struct pair *p)
{
    struct buffer proposal = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    for (size_t at = 0; take_sent(&p->primary, &at, &proposal);)
        agree_on(p, buffer_slice(&proposal));
    buffer_free(&proposal);
}

static void pass_on(struct pair *p)
{
    for (size_t at = 0; take_sent(&p->backup, &at, &p->primary.s->out);)
        message(p, &p->primary, BACKUP, MESSAGE_RELAY);
}

/* ---- executing ---- */

/* The others took the same checkpoint. */
static void make_stable(struct pair *p, struct pair_replica *r)
{
    const struct pbft_send *send = single_send_of(r->s, MESSAGE_CHECKPOINT);
    if (send == NULL)
        return;
    struct checkpoint m;
    const char *reason = checkpoint_decode(send->body, &m);
    assert(reason == NULL);
    for (unsigned from = PRIMARY; from <= OTHER_BACKUP; from++) {
        if (from == r->s->options.self)
            continue;
        forge_checkpoint(&r->s->out, from, m.seq, m.digest);
        message(p, r, from, MESSAGE_CHECKPOINT);
    }
}

static void finish_executions(struct pair *p, struct pair_replica *r)
{
    struct pair_executor *x = &r->executor;
    while (x->first < x->end && x->runs[x->first % PAIR_WINDOW].done_us <= r->s->now_us) {
        unsigned at = (unsigned)(x->first++ % PAIR_WINDOW);
        uint64_t seq = x->runs[at].seq;
        unsigned count = x->runs[at].count;
        bool skip[BATCH_REQUESTS_MAX];
        memcpy(skip, x->runs[at].skip, sizeof skip);
        p->executed += r == &p->backup ? count : 0;
        single_executed(r->s, seq, skip, count);
        take_update(p, r);
        make_stable(p, r);
        exchange(p);
    }
}

/* ---- the test's hand ---- */

void pair_send(
    struct pair *p, struct pair_replica *to, unsigned client, uint64_t session, uint64_t number)
{
    single_ask(to->s, client, session, number);
    take_update(p, to);
}

void pair_ask(struct pair *p, unsigned client, uint64_t session, bool to_all)
{
    assert(client < PAIR_CLIENTS && session <= PAIR_SESSIONS_MAX);
    if (p->clients[client][session].waits)
        return;
    p->clients[client][session].waits = true;
    uint64_t number = ++p->clients[client][session].number;
    if (to_all)
        pair_send(p, &p->primary, client, session, number);
    pair_send(p, &p->backup, client, session, number);
}

void pair_relay(struct pair *p, unsigned from, unsigned client, uint64_t session, uint64_t number)
{
    assert(from != PRIMARY && from != BACKUP);
    buffer_clear(&p->primary.s->out);
    forge_request(&p->primary.s->out, client, session, number, "work");
    message(p, &p->primary, from, MESSAGE_RELAY);
}

void pair_tick(struct pair *p)
{
    single_tick(p->primary.s, PAIR_TICK_US);
    take_update(p, &p->primary);
    single_tick(p->backup.s, PAIR_TICK_US);
    take_update(p, &p->backup);
    exchange(p);
    pass_on(p);
    exchange(p);
    finish_executions(p, &p->primary);
    finish_executions(p, &p->backup);
}
