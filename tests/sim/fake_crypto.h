/* Cryptography that costs nanoseconds, unforgeable within the model: a signature is a keyed hash,
 * and nobody in a run uses the key of somebody whom he does not play (forge.c sees to it).
 *
 * Hashes are not collision-resistant against somebody who attacks the hash; nobody here does. */
#ifndef BYZ_TESTS_SIM_FAKE_CRYPTO_H
#define BYZ_TESTS_SIM_FAKE_CRYPTO_H

#include "common/crypto.h"

/* A quick 64-bit hash, for the checkers too. */
uint64_t fake_hash(uint64_t key, const void *data, size_t size);

void fake_digest(const void *data, size_t size, uint8_t ret[static DIGEST_BYTES]);
/* `signer` names a replica or client and, through it, its key. */
void fake_sign(uint64_t signer, enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret[static SIGNATURE_BYTES]);
bool fake_verify(uint64_t signer, enum signature_purpose purpose, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES]);

#endif
