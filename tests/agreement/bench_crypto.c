#include "tests/agreement/bench_crypto.h"

#include <string.h>

/* ---- the fake: eight bytes a step, four lanes; good against accidents only ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static void fake_digest(const void *data, size_t size, uint8_t ret[static DIGEST_BYTES])
{
    uint64_t lanes[4] = {size, 1, 2, 3}, word;
    const uint8_t *bytes = data;
    size_t at = 0;
    for (; at + sizeof word <= size; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        lanes[at / sizeof word % 4] = mix(lanes[at / sizeof word % 4], word);
    }
    word = 0;
    if (at < size)
        memcpy(&word, bytes + at, size - at);
    for (unsigned i = 0; i < 4; i++)
        lanes[i] = mix(mix(lanes[i], word), lanes[(i + 1) % 4]);
    memcpy(ret, lanes, DIGEST_BYTES);
}

static void fake_sign(unsigned signer, enum signature_purpose purpose, const void *data,
    size_t size, uint8_t ret[static SIGNATURE_BYTES])
{
    memset(ret, 0, SIGNATURE_BYTES);
    fake_digest(data, size, ret);
    ret[DIGEST_BYTES] = (uint8_t)signer;
    ret[DIGEST_BYTES + 1] = (uint8_t)purpose;
}

/* ---- both ---- */

static void sign_as(struct bench_keys *keys, unsigned signer, enum signature_purpose purpose,
    const void *data, size_t size, uint8_t ret[static SIGNATURE_BYTES])
{
    if (keys->real)
        sign(keys->private_keys[signer], keys->identity, purpose, data, size, ret);
    else
        fake_sign(signer, purpose, data, size, ret);
}

static bool verify_of(struct bench_keys *keys, unsigned signer, enum signature_purpose purpose,
    const void *data, size_t size, const uint8_t signature[static SIGNATURE_BYTES])
{
    uint8_t expected[SIGNATURE_BYTES];
    keys->counts.verifies++;
    if (keys->real)
        return verify(keys->public_keys[signer], keys->identity, purpose, data, size, signature);
    fake_sign(signer, purpose, data, size, expected);
    return memcmp(expected, signature, SIGNATURE_BYTES) == 0;
}

static void on_digest(
    void *context, const void *data, size_t size, uint8_t ret[static DIGEST_BYTES])
{
    struct bench_signer *s = context;
    s->keys->counts.digests++;
    s->keys->counts.digest_bytes += size;
    if (s->keys->real)
        sha256(ret, data, size);
    else
        fake_digest(data, size, ret);
}

static void on_sign(void *context, enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret[static SIGNATURE_BYTES])
{
    struct bench_signer *s = context;
    s->keys->counts.signs++;
    sign_as(s->keys, s->self, purpose, data, size, ret);
}

static bool on_verify_replica(void *context, unsigned replica, enum signature_purpose purpose,
    const void *data, size_t size, const uint8_t signature[static SIGNATURE_BYTES])
{
    struct bench_signer *s = context;
    return replica < s->keys->replica_count &&
           verify_of(s->keys, replica, purpose, data, size, signature);
}

static bool on_verify_client(void *context, unsigned client, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES])
{
    struct bench_signer *s = context;
    return client == 0 &&
           verify_of(s->keys, s->keys->replica_count, SIGN_REQUEST, data, size, signature);
}

struct pbft_crypto bench_crypto_ops(struct bench_signer *signer)
{
    return (struct pbft_crypto){.context = signer,
        .digest = on_digest,
        .sign = on_sign,
        .verify_replica = on_verify_replica,
        .verify_client = on_verify_client};
}

void bench_sign_request(
    struct bench_keys *keys, const void *data, size_t size, uint8_t ret[static SIGNATURE_BYTES])
{
    sign_as(keys, keys->replica_count, SIGN_REQUEST, data, size, ret);
}

bool bench_keys_make(struct bench_keys *keys, unsigned replica_count, bool real)
{
    *keys = (struct bench_keys){.replica_count = replica_count, .real = real};
    for (unsigned i = 0; real && i <= replica_count; i++) {
        uint8_t raw[PUBLIC_KEY_BYTES];
        keys->private_keys[i] = private_key_generate();
        if (!keys->private_keys[i])
            return false;
        private_key_public(keys->private_keys[i], raw);
        keys->public_keys[i] = public_key_parse(raw);
        if (!keys->public_keys[i])
            return false;
    }
    return true;
}

void bench_keys_free(struct bench_keys *keys)
{
    for (unsigned i = 0; i <= REPLICAS_MAX; i++) {
        private_key_free(keys->private_keys[i]);
        public_key_free(keys->public_keys[i]);
    }
}
