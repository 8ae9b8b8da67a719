#include "proxy/pbft/seed.h"

#include "proxy/pbft/pbft.h"

#include <assert.h>
#include <string.h>

#define PART_BYTES_MAX 256 /* of what is digested or signed here */

static struct buffer buffer_on(uint8_t memory[static PART_BYTES_MAX])
{
    return (struct buffer){.data = memory, .capacity = PART_BYTES_MAX, .size_max = PART_BYTES_MAX};
}

static void digest(
    const struct pbft_crypto *crypto, const struct buffer *b, uint8_t ret[static DIGEST_BYTES])
{
    assert(!b->failed);
    crypto->digest(crypto->context, b->data, b->size, ret);
}

/* ---- what the order says ---- */

/* Does the reveal keep what the contribution before it announced? */
static bool keeps_word(
    const struct seed *seed, const struct pbft_crypto *crypto, const struct contribution *c)
{
    uint8_t revealed[DIGEST_BYTES];
    crypto->digest(crypto->context, c->reveal, DIGEST_BYTES, revealed);
    return memcmp(revealed, seed->replicas[c->replica].commitment, DIGEST_BYTES) == 0;
}

const char *seed_judge(
    const struct seed *seed, const struct pbft_crypto *crypto, const struct contribution *c)
{
    assert(c->replica < REPLICAS_MAX && c->number > 0);
    uint64_t last = seed->replicas[c->replica].number;
    if (c->number <= last)
        return "a contribution that counted before";
    if (c->number - 1 != last)
        return "a contribution whose predecessors are missing";
    if (last > 0 && !keeps_word(seed, crypto, c))
        return "a contribution that reveals something else than it announced";
    return NULL;
}

static void mix(struct seed *seed, const struct pbft_crypto *crypto, const struct contribution *c)
{
    uint8_t memory[PART_BYTES_MAX];
    struct buffer b = buffer_on(memory);
    put_raw(&b, seed->entropy, DIGEST_BYTES);
    put_u16(&b, c->replica);
    put_raw(&b, c->reveal, DIGEST_BYTES);
    digest(crypto, &b, seed->entropy);
}

void seed_apply(struct seed *seed, const struct pbft_crypto *crypto, const struct batch *batch)
{
    struct reader r = reader_of(batch->contributions);
    for (uint32_t i = 0; i < batch->contribution_count; i++) {
        struct contribution c;
        const char *reason = contribution_take(&r, &c);
        assert(reason == NULL); /* batch_take has read them */
        if (seed_judge(seed, crypto, &c) != NULL)
            continue;
        if (c.number > 1)
            mix(seed, crypto, &c);
        seed->replicas[c.replica].number = c.number;
        memcpy(seed->replicas[c.replica].commitment, c.commitment, DIGEST_BYTES);
    }
}

void seed_of(const struct seed *seed, const struct pbft_crypto *crypto, uint64_t seq,
    uint8_t ret[static DIGEST_BYTES])
{
    uint8_t memory[PART_BYTES_MAX];
    struct buffer b = buffer_on(memory);
    put_raw(&b, seed->entropy, DIGEST_BYTES);
    put_u64(&b, seq);
    digest(crypto, &b, ret);
}

/* ---- what a proposal may carry ---- */

bool seed_is_signed(const struct pbft_crypto *crypto, const struct contribution *c)
{
    uint8_t memory[PART_BYTES_MAX];
    struct buffer b = buffer_on(memory);
    contribution_put_signed_part(&b, c);
    assert(!b.failed);
    return crypto->verify_replica(
        crypto->context, c->replica, SIGN_CONTRIBUTION, b.data, b.size, c->signature);
}

static const char *judge_proposed(
    const struct seed *seed, const struct pbft_crypto *crypto, const struct contribution *c)
{
    uint64_t last = seed->replicas[c->replica].number;
    bool ahead = c->number > last && c->number - 1 != last;
    const char *reason = ahead ? NULL : seed_judge(seed, crypto, c);
    if (reason == NULL && !seed_is_signed(crypto, c))
        reason = "a contribution with a wrong signature";
    return reason;
}

const char *seed_judge_proposal(const struct seed *seed, const struct pbft_crypto *crypto,
    unsigned faults, const struct batch *batch)
{
    if (batch->contribution_count > 0 && batch->contribution_count <= faults)
        return "contributions of f replicas only";
    struct reader r = reader_of(batch->contributions);
    for (uint32_t i = 0; i < batch->contribution_count; i++) {
        struct contribution c;
        const char *reason = contribution_take(&r, &c);
        if (reason == NULL)
            reason = judge_proposed(seed, crypto, &c);
        if (reason != NULL)
            return reason;
    }
    return NULL;
}

/* ---- this replica's own ---- */

/* What this replica reveals in its contribution `number`: known to nobody without its key. */
static void own_reveal(
    const struct pbft_crypto *crypto, uint64_t number, uint8_t ret[static DIGEST_BYTES])
{
    uint8_t memory[PART_BYTES_MAX], signature[SIGNATURE_BYTES];
    struct buffer b = buffer_on(memory);
    put_u64(&b, number);
    assert(!b.failed);
    crypto->sign(crypto->context, SIGN_SECRET, b.data, b.size, signature);
    crypto->digest(crypto->context, signature, sizeof signature, ret);
}

void seed_contribute(const struct seed *seed, const struct pbft_crypto *crypto, unsigned self,
    struct contribution *ret)
{
    assert(self < REPLICAS_MAX && seed->replicas[self].number < UINT64_MAX - 1);
    struct contribution c = {.number = seed->replicas[self].number + 1, .replica = (uint16_t)self};
    uint8_t next[DIGEST_BYTES], memory[PART_BYTES_MAX];
    own_reveal(crypto, c.number, c.reveal);
    own_reveal(crypto, c.number + 1, next);
    crypto->digest(crypto->context, next, DIGEST_BYTES, c.commitment);
    struct buffer b = buffer_on(memory);
    contribution_put_signed_part(&b, &c);
    assert(!b.failed);
    crypto->sign(crypto->context, SIGN_CONTRIBUTION, b.data, b.size, c.signature);
    *ret = c;
}

/* ---- checkpoints ---- */

void seed_put(struct buffer *b, const struct seed *seed, unsigned replica_count)
{
    assert(replica_count <= REPLICAS_MAX);
    put_raw(b, seed->entropy, DIGEST_BYTES);
    for (unsigned i = 0; i < replica_count; i++) {
        put_u64(b, seed->replicas[i].number);
        put_raw(b, seed->replicas[i].commitment, DIGEST_BYTES);
    }
}

void seed_take(struct reader *r, unsigned replica_count, struct seed *ret)
{
    assert(replica_count <= REPLICAS_MAX);
    struct seed seed = {0};
    get_raw(r, seed.entropy, DIGEST_BYTES);
    for (unsigned i = 0; i < replica_count; i++) {
        seed.replicas[i].number = get_u64(r);
        get_raw(r, seed.replicas[i].commitment, DIGEST_BYTES);
    }
    if (!r->failed)
        *ret = seed;
}
