/* Everybody's keys, and the cryptography that the cores of a run are given: the fake of
 * fake_crypto.h, or SHA-256 and Ed25519 by OpenSSL as in the daemon. */
#ifndef BYZ_TESTS_SIM_KEYS_H
#define BYZ_TESTS_SIM_KEYS_H

#include "proxy/pbft/pbft.h"

#define KEYS_REPLICAS_MAX 10
#define KEYS_CLIENTS_MAX 8

struct keys;

/* What a core gets as context. */
struct keys_owner {
    const struct keys *keys;
    unsigned self;
};

struct keys {
    bool real;
    struct keys_owner owners[KEYS_REPLICAS_MAX];
};

/* Real keys are made once a process: nothing in a run depends on a signature's bytes. */
void keys_init(struct keys *keys, bool real);
struct pbft_crypto keys_ops(struct keys *keys, unsigned replica);

void keys_digest(const struct keys *keys, struct slice data, uint8_t ret[static DIGEST_BYTES]);
void keys_batch_digest(
    const struct keys *keys, const struct batch *batch, uint8_t ret[static DIGEST_BYTES]);
void keys_sign_replica(const struct keys *keys, unsigned replica, enum signature_purpose purpose,
    struct slice data, uint8_t ret[static SIGNATURE_BYTES]);
bool keys_verify_replica(const struct keys *keys, unsigned replica, enum signature_purpose purpose,
    struct slice data, const uint8_t signature[static SIGNATURE_BYTES]);
void keys_sign_client(const struct keys *keys, unsigned client, struct slice data,
    uint8_t ret[static SIGNATURE_BYTES]);

#endif
