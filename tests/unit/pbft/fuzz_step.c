/* Feeds messages made from the input's bytes into a core that has some history.
 *
 * The input is a list of steps: a byte for what, a byte for who, a byte for the time that passes,
 * two bytes for a length, then that many bytes of body. Some steps take the bytes as they are,
 * others make well-formed, well-signed messages out of them, so that the fuzzer also gets behind
 * the decoders and the signatures. All replicas but the core sign what the fuzzer wants: the core's
 * own invariants must hold with any number of liars, though agreement need not. */
#include "proxy/pbft/new_view.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Batches that this core delivered and its executor has not answered. */
struct backlog {
    uint32_t count[WINDOW_MAX];
    bool skip[WINDOW_MAX][BATCH_REQUESTS_MAX];
    uint64_t delivered;
    uint64_t executed;
};

static void remember(struct single *s, struct backlog *b)
{
    for (unsigned i = 0; i < s->update.delivery_count; i++) {
        const struct pbft_delivery *d = &s->update.deliveries[i];
        unsigned index = (unsigned)(d->batch.seq % WINDOW_MAX);
        b->count[index] = d->batch.request_count;
        for (uint32_t j = 0; j < d->batch.request_count; j++)
            b->skip[index][j] = d->skip[j];
        b->delivered = d->batch.seq;
    }
}

static void execute_one(struct single *s, struct backlog *b)
{
    if (b->executed == b->delivered)
        return;
    b->executed++;
    unsigned index = (unsigned)(b->executed % WINDOW_MAX);
    single_executed(s, b->executed, b->skip[index], b->count[index]);
    remember(s, b);
}

/* A replica that is not the core. */
static unsigned other_than(const struct single *s, unsigned replica)
{
    return replica % 4 == s->options.self ? (replica + 1) % 4 : replica % 4;
}

/* What was not recorded is forgotten; what is final comes again. */
static void crash(struct single *s, struct backlog *b)
{
    single_crash(s);
    b->executed = single_info(s).executed;
    b->delivered = b->executed;
}

static void send_raw(struct single *s, unsigned from, unsigned what, struct slice body)
{
    buffer_clear(&s->out);
    put_raw(&s->out, body.data, body.size);
    single_message(s, from, (enum message_type)what);
}

/* A batch with as many requests and as strange a time as the bytes say. */
static struct batch made_batch(struct single *s, struct reader *r)
{
    uint64_t seq = get_u8(r) % 24 + 1u;
    int64_t offset_us = (int16_t)get_u16(r) * INT64_C(100);
    unsigned count = get_u8(r) % 6;
    buffer_clear(&s->requests);
    for (unsigned i = 0; i < count; i++) {
        unsigned client = get_u8(r) % 5;
        uint64_t session = get_u8(r) % 8, number = get_u8(r) % 8 + 1u;
        if (get_bool(r))
            forge_unsigned_request(&s->requests, client, session, number, "x");
        else
            forge_request(&s->requests, client, session, number, "x");
    }
    return forge_batch(seq, SINGLE_CLOCK_US + (uint64_t)offset_us, count, &s->requests);
}

/* ---- agreement ---- */

/* The view that the bytes speak of: most often the core's. */
static uint64_t made_view(struct single *s, struct reader *r)
{
    unsigned choice = get_u8(r);
    uint64_t view = single_info(s).view;
    return choice < 224 ? view : view + choice % 5;
}

static void send_agreement(struct single *s, unsigned from, unsigned what, struct reader *r)
{
    struct batch batch = made_batch(s, r);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    digest[0] ^= get_u8(r) & 1;
    uint64_t seq = batch.seq, view = made_view(s, r);
    switch (what) {
    case 0:
        forge_pre_prepare(&s->out, other_than(s, (unsigned)(view % 4)), view, &batch);
        single_message(s, from, MESSAGE_PRE_PREPARE);
        return;
    case 1:
        forge_prepare(&s->out, from, view, seq, digest);
        single_message(s, from, MESSAGE_PREPARE);
        return;
    case 2:
        forge_commit(&s->out, view, seq, digest);
        single_message(s, from, MESSAGE_COMMIT);
        return;
    case 3:
        forge_checkpoint(&s->out, from, seq, digest);
        single_message(s, from, MESSAGE_CHECKPOINT);
        return;
    case 4:
        if (get_u8(r) == 255)
            seq = UINT64_MAX - get_u8(r);
        s->view = view;
        single_status(s, from, seq, seq - get_u8(r) % 8 % seq, seq % 5 == 0 ? seq - 8 : seq % 4);
        return;
    case 5:
        forge_fetched(&s->out, &batch);
        single_message(s, from, MESSAGE_BATCH);
        return;
    case 6:
        single_ask(s, get_u8(r) % 4, get_u8(r) % 8, seq);
        return;
    default: /* a number, not an enum of ours */
        single_tick(s, seq * 10000);
        return;
    }
}

/* ---- view changes ---- */

/* All but the core: nobody has its key. */
static uint32_t others(const struct single *s)
{
    return 0xfu & ~(1u << s->options.self);
}

/* Certificates for batches whose contents can be had. */
static void add_proofs(
    struct single *s, struct forged_change *change, uint64_t first, struct reader *r)
{
    unsigned count = get_u8(r) % 4;
    for (uint64_t seq = first; count > 0; count--) {
        uint8_t digest[DIGEST_BYTES];
        seq += get_u8(r) % 3 + 1u;
        uint64_t view = get_u8(r) % change->view;
        if (view % 4 == s->options.self)
            continue;
        struct batch batch = forge_batch(seq, SINGLE_CLOCK_US + seq, 0, NULL);
        forge_batch_digest(&batch, digest);
        forge_add_proof(change, 4, view, seq, digest, others(s) & ~(1u << view % 4));
        if (get_u8(r) == 255)
            change->proofs.data[change->proofs.size - 1] ^= 1;
    }
}

static void make_change(
    struct single *s, unsigned replica, uint64_t view, struct reader *r, struct buffer *out)
{
    struct forged_change change = {.replica = replica, .view = view};
    if (get_u8(r) > 200) {
        change.stable = get_u8(r) % 4 * 4;
        change.stable_signers = change.stable > 0 ? others(s) : 0;
    }
    add_proofs(s, &change, change.stable, r);
    forge_view_change(out, &change);
}

/* Three view changes and the new view that follows from them, or something like it. */
static void send_new_view(struct single *s, uint64_t view, struct reader *r)
{
    struct forged_new_view m = {.primary = (unsigned)(view % 4), .view = view};
    const struct view_change *changes[REPLICAS_MAX] = {0};
    struct view_change decoded[4];
    struct buffer bodies[4];
    for (unsigned i = 0; i < 4; i++) {
        buffer_init(&bodies[i], FRAME_BODY_BYTES_MAX);
        if (i == s->options.self)
            continue;
        make_change(s, i, view, r, &bodies[i]);
        forge_add_change(&m, buffer_slice(&bodies[i]));
        if (view_change_decode(buffer_slice(&bodies[i]), &decoded[i]) == NULL)
            changes[i] = &decoded[i];
        buffer_clear(&s->out);
        put_raw(&s->out, bodies[i].data, bodies[i].size);
        single_message(s, other_than(s, i), MESSAGE_VIEW_CHANGE);
    }
    static struct new_view_choice choice;
    new_view_choose(changes, s->options.window, &choice);
    m.low = choice.low;
    for (unsigned i = 0; i < choice.count; i++) {
        if (choice.entries[i].null)
            forge_add_null(&m);
        else
            forge_add_carried(&m, choice.entries[i].digest);
    }
    if (m.carried_count > 0 && get_u8(r) > 240)
        m.carried[get_u8(r) % m.carried_count][0] ^= 1;
    forge_new_view(&s->out, &m);
    for (unsigned i = 0; i < 4; i++)
        buffer_free(&bodies[i]);
    single_message(s, other_than(s, 0), MESSAGE_NEW_VIEW);
}

static void send_flags(struct single *s, unsigned from, uint64_t view, struct reader *r)
{
    unsigned flags = get_u8(r);
    struct status m = {.view = view,
        .active = (flags & 1) != 0,
        .suspects = (flags & 2) != 0,
        .silent = (flags & 4) != 0};
    forge_status_of(&s->out, &m);
    single_message(s, from, MESSAGE_STATUS);
}

static void send_view_change(struct single *s, unsigned from, unsigned what, struct reader *r)
{
    uint64_t next = single_info(s).view + !single_info(s).active + get_u8(r) / 128;
    uint64_t seq = get_u8(r) % 24 + 1u;
    uint8_t digest[DIGEST_BYTES];
    struct batch batch = forge_batch(seq, SINGLE_CLOCK_US + seq, 0, NULL);
    forge_batch_digest(&batch, digest);
    switch (what) {
    case 0:
        make_change(s, from, next > 0 ? next : 1, r, &s->out);
        if (get_u8(r) > 200) /* passed on by another */
            from = other_than(s, from + 1);
        single_message(s, from, MESSAGE_VIEW_CHANGE);
        return;
    case 1:
        send_new_view(s, next > 0 ? next : 1, r);
        return;
    case 2:
        send_flags(s, from, made_view(s, r), r);
        return;
    case 3:
        forge_want(&s->out, seq, digest);
        single_message(s, from, MESSAGE_WANT);
        return;
    case 4:
        forge_content(&s->out, &batch);
        single_message(s, from, MESSAGE_CONTENT);
        return;
    case 5:
        forge_contribution(&s->out, from, get_u8(r) % 4 + 1u);
        single_message(s, from, MESSAGE_CONTRIBUTION);
        return;
    case 6:
        buffer_clear(&s->out);
        forge_request(&s->out, get_u8(r) % 4, get_u8(r) % 8, seq, "x");
        single_message(s, from, MESSAGE_RELAY);
        return;
    default: /* a number, not an enum of ours */
        forge_stable(&s->out, seq / 4 * 4 + 4, digest, get_u8(r) == 255 ? 0x5 : others(s));
        single_message(s, from, MESSAGE_STABLE);
        return;
    }
}

/* ---- steps ---- */

static void one_step(struct single *s, struct backlog *b, struct reader *r)
{
    unsigned what = get_u8(r), who = get_u8(r) % 4, later = get_u8(r);
    struct slice body = get_bytes(r, 1 << 16);
    if (r->failed)
        return;
    s->now_us += later * 100;
    s->clock_us += later * 100;
    unsigned from = other_than(s, who);
    struct reader inner = reader_of(body);
    if (what < 64)
        send_raw(s, from, what, body);
    else if (what < 144)
        send_agreement(s, from, what % 8, &inner);
    else if (what < 224)
        send_view_change(s, from, what % 8, &inner);
    else if (what < 252)
        execute_one(s, b);
    else
        crash(s, b);
    if (what < 252)
        remember(s, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(slice_of(data, size));
    unsigned self = get_u8(&r) % 2;
    struct single *s = single_new(self, 1);
    static struct backlog backlog;
    backlog = (struct backlog){0};
    while (reader_left(&r) > 0 && !r.failed)
        one_step(s, &backlog, &r);
    single_free(s);
    return 0;
}
