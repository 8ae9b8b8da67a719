/* Feeds messages made from the input's bytes into a core that has some history.
 *
 * The input is a list of steps: a byte for what, a byte for who, a byte for the time that passes,
 * two bytes for a length, then that many bytes of body. Some steps take the bytes as they are,
 * others make well-formed, well-signed messages out of them, so that the fuzzer also gets behind
 * the decoders and the signatures. */
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/single.h"

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

static void send_made(struct single *s, unsigned from, unsigned what, struct reader *r)
{
    struct batch batch = made_batch(s, r);
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(&batch, digest);
    digest[0] ^= get_u8(r) & 1;
    uint64_t seq = batch.seq;
    switch (what) {
    case 0:
        forge_pre_prepare(&s->out, 0, 0, &batch);
        single_message(s, from, MESSAGE_PRE_PREPARE);
        return;
    case 1:
        forge_prepare(&s->out, from, 0, seq, digest);
        single_message(s, from, MESSAGE_PREPARE);
        return;
    case 2:
        forge_commit(&s->out, 0, seq, digest);
        single_message(s, from, MESSAGE_COMMIT);
        return;
    case 3:
        forge_checkpoint(&s->out, from, seq, digest);
        single_message(s, from, MESSAGE_CHECKPOINT);
        return;
    case 4:
        if (get_u8(r) == 255)
            seq = UINT64_MAX - get_u8(r);
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

static void one_step(struct single *s, struct backlog *b, struct reader *r)
{
    unsigned what = get_u8(r), who = get_u8(r) % 4, later = get_u8(r);
    struct slice body = get_bytes(r, 1 << 16);
    if (r->failed)
        return;
    s->now_us += later * 100;
    s->clock_us += later * 100;
    unsigned from = who == s->options.self ? (who + 1) % 4 : who;
    struct reader inner = reader_of(body);
    if (what < 64)
        send_raw(s, from, what, body);
    else if (what < 224)
        send_made(s, from, what % 8, &inner);
    else
        execute_one(s, b);
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
