#include "tests/unit/pbft/fake_crypto.h"

#include <string.h>

#define LANES (DIGEST_BYTES / 8)

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void absorb(uint64_t state[static LANES], const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        memcpy(&word, data + at, size - at < 8 ? size - at : 8);
        for (unsigned i = 0; i < LANES; i++)
            state[i] = mix(state[i] ^ word) + i + 1;
    }
    for (unsigned i = 0; i < LANES; i++)
        state[i] = mix(state[i] + size);
}

static void squeeze(const uint64_t state[static LANES], uint8_t ret[static DIGEST_BYTES])
{
    memcpy(ret, state, DIGEST_BYTES);
}

void fake_digest(const void *data, size_t size, uint8_t ret[static DIGEST_BYTES])
{
    uint64_t state[LANES] = {1, 2, 3, 4};
    absorb(state, data, size);
    squeeze(state, ret);
}

static void fake_sign(uint64_t key, const void *data, size_t size, uint8_t ret[])
{
    uint64_t state[LANES] = {mix(key), mix(key + 1), mix(key + 2), mix(key + 3)};
    absorb(state, data, size);
    squeeze(state, ret);
    absorb(state, ret, DIGEST_BYTES);
    squeeze(state, ret + DIGEST_BYTES);
}

void fake_sign_replica(unsigned replica, enum signature_purpose purpose, const void *data,
    size_t size, uint8_t ret[static SIGNATURE_BYTES])
{
    fake_sign(UINT64_C(1000000) + replica * 100u + (unsigned)purpose * 10u, data, size, ret);
}

void fake_sign_client(
    unsigned client, const void *data, size_t size, uint8_t ret[static SIGNATURE_BYTES])
{
    fake_sign(UINT64_C(2000000) + client * 100u, data, size, ret);
}

/* ---- as the core sees it ---- */

static void core_digest(
    void *context, const void *data, size_t size, uint8_t ret[static DIGEST_BYTES])
{
    fake_digest(data, size, ret);
}

static void core_sign(void *context, enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret[static SIGNATURE_BYTES])
{
    struct fake_signer *signer = context;
    signer->signed_count++;
    fake_sign_replica(signer->self, purpose, data, size, ret);
}

static bool core_verify_replica(void *context, unsigned replica, enum signature_purpose purpose,
    const void *data, size_t size, const uint8_t signature[static SIGNATURE_BYTES])
{
    struct fake_signer *signer = context;
    signer->replica_verified_count++;
    uint8_t expected[SIGNATURE_BYTES];
    fake_sign_replica(replica, purpose, data, size, expected);
    return memcmp(expected, signature, SIGNATURE_BYTES) == 0;
}

static bool core_verify_client(void *context, unsigned client, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES])
{
    struct fake_signer *signer = context;
    signer->client_verified_count++;
    uint8_t expected[SIGNATURE_BYTES];
    fake_sign_client(client, data, size, expected);
    return memcmp(expected, signature, SIGNATURE_BYTES) == 0;
}

struct pbft_crypto fake_crypto(struct fake_signer *signer)
{
    return (struct pbft_crypto){
        .context = signer,
        .digest = core_digest,
        .sign = core_sign,
        .verify_replica = core_verify_replica,
        .verify_client = core_verify_client,
    };
}
