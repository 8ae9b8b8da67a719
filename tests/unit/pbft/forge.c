#include "tests/unit/pbft/forge.h"

#include "tests/unit/pbft/fake_crypto.h"

#include <assert.h>
#include <string.h>

#define SMALL_BYTES 512

static struct request append(struct buffer *b, struct request m, bool is_signed)
{
    struct buffer part = BUFFER_INIT(REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES);
    request_put_signed_part(&part, &m);
    fake_sign_client(m.client, part.data, part.size, m.signature);
    if (!is_signed)
        m.signature[0] ^= 1;
    buffer_free(&part);
    size_t begin = b->size;
    request_encode(b, &m);
    assert(!b->failed);
    struct request ret;
    const char *reason = request_decode(slice_of(b->data + begin, b->size - begin), &ret);
    assert(reason == NULL);
    /* The buffer may move when it grows; the body's own text does not. */
    ret.body = m.body;
    return ret;
}

static struct request plain(unsigned client, uint64_t session, uint64_t number, const char *body)
{
    return (struct request){
        .client = (uint16_t)client, .session = session, .number = number, .body = slice_text(body)};
}

struct request forge_request(
    struct buffer *b, unsigned client, uint64_t session, uint64_t number, const char *body)
{
    return append(b, plain(client, session, number, body), true);
}

struct request forge_unsigned_request(
    struct buffer *b, unsigned client, uint64_t session, uint64_t number, const char *body)
{
    return append(b, plain(client, session, number, body), false);
}

struct batch forge_batch(
    uint64_t seq, uint64_t timestamp_us, uint32_t request_count, const struct buffer *requests)
{
    struct batch batch = {.seq = seq, .timestamp_us = timestamp_us, .request_count = request_count};
    if (requests != NULL)
        batch.requests = buffer_slice(requests);
    return batch;
}

void forge_batch_digest(const struct batch *batch, uint8_t ret[static DIGEST_BYTES])
{
    struct buffer b = BUFFER_INIT(2 * BATCH_BYTES_MAX);
    batch_put(&b, batch);
    assert(!b.failed);
    fake_digest(b.data, b.size, ret);
    buffer_free(&b);
}

void forge_sign_phase(unsigned signer, enum signature_purpose purpose, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES], uint8_t ret[static SIGNATURE_BYTES])
{
    struct buffer part = BUFFER_INIT(SMALL_BYTES);
    phase_put_signed_part(&part, view, seq, digest, (uint16_t)signer);
    fake_sign_replica(signer, purpose, part.data, part.size, ret);
    buffer_free(&part);
}

void forge_pre_prepare(
    struct buffer *out, unsigned signer, uint64_t view, const struct batch *batch)
{
    uint8_t digest[DIGEST_BYTES];
    forge_batch_digest(batch, digest);
    struct pre_prepare m = {.view = view, .batch = *batch};
    forge_sign_phase(signer, SIGN_PRE_PREPARE, view, batch->seq, digest, m.signature);
    buffer_clear(out);
    pre_prepare_encode(out, &m);
}

void forge_prepare(struct buffer *out, unsigned signer, uint64_t view, uint64_t seq,
    const uint8_t digest[static DIGEST_BYTES])
{
    struct prepare m = {.view = view, .seq = seq, .replica = (uint16_t)signer};
    memcpy(m.digest, digest, DIGEST_BYTES);
    forge_sign_phase(signer, SIGN_PREPARE, view, seq, digest, m.signature);
    buffer_clear(out);
    prepare_encode(out, &m);
}

void forge_commit(
    struct buffer *out, uint64_t view, uint64_t seq, const uint8_t digest[static DIGEST_BYTES])
{
    struct commit m = {.view = view, .seq = seq};
    memcpy(m.digest, digest, DIGEST_BYTES);
    buffer_clear(out);
    commit_encode(out, &m);
}

void forge_checkpoint(
    struct buffer *out, unsigned signer, uint64_t seq, const uint8_t digest[static DIGEST_BYTES])
{
    struct checkpoint m = {.seq = seq, .replica = (uint16_t)signer};
    memcpy(m.digest, digest, DIGEST_BYTES);
    struct buffer part = BUFFER_INIT(SMALL_BYTES);
    checkpoint_put_signed_part(&part, &m);
    fake_sign_replica(signer, SIGN_CHECKPOINT, part.data, part.size, m.signature);
    buffer_free(&part);
    buffer_clear(out);
    checkpoint_encode(out, &m);
}

void forge_status(
    struct buffer *out, uint64_t view, uint64_t delivered, uint64_t executed, uint64_t stable)
{
    struct status m = {.view = view,
        .active = true,
        .delivered = delivered,
        .executed = executed,
        .stable = stable};
    buffer_clear(out);
    status_encode(out, &m);
}

void forge_fetched(struct buffer *out, const struct batch *batch)
{
    struct fetched m = {.batch = *batch};
    buffer_clear(out);
    fetched_encode(out, &m);
}
