/* The cryptography that the agreement core is given: this node's key, everybody else's public keys,
 * parsed once. */
#ifndef BYZ_PROXY_ENGINE_CRYPTO_H
#define BYZ_PROXY_ENGINE_CRYPTO_H

#include "common/config.h"
#include "common/crypto.h"
#include "proxy/pbft/pbft.h"

struct engine_crypto;

/* Both must outlive it. NULL with a message: a key of the configuration is no Ed25519 key. */
struct engine_crypto *engine_crypto_new(
    const struct config *config, const struct private_key *key, char *ret_error, size_t error_size);
void engine_crypto_free(struct engine_crypto *crypto);
struct pbft_crypto engine_crypto_ops(struct engine_crypto *crypto);

#endif
