#include "proxy/engine_crypto.h"

#include <stdio.h>
#include <stdlib.h>

struct engine_crypto {
    const struct config *config;
    const struct private_key *key;
    struct public_key *replicas[REPLICAS_MAX];
    struct public_key **clients; /* config->client_count of them */
};

static void crypto_digest(
    void *context, const void *data, size_t size, uint8_t ret[static DIGEST_BYTES])
{
    sha256(ret, data, size);
}

static void crypto_sign(void *context, enum signature_purpose purpose, const void *data,
    size_t size, uint8_t ret[static SIGNATURE_BYTES])
{
    const struct engine_crypto *c = context;
    sign(c->key, c->config->identity, purpose, data, size, ret);
}

static bool crypto_verify_replica(void *context, unsigned replica, enum signature_purpose purpose,
    const void *data, size_t size, const uint8_t signature[static SIGNATURE_BYTES])
{
    const struct engine_crypto *c = context;
    return replica < c->config->replica_count &&
           verify(c->replicas[replica], c->config->identity, purpose, data, size, signature);
}

static bool crypto_verify_client(void *context, unsigned client, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES])
{
    const struct engine_crypto *c = context;
    return client < c->config->client_count &&
           verify(c->clients[client], c->config->identity, SIGN_REQUEST, data, size, signature);
}

struct pbft_crypto engine_crypto_ops(struct engine_crypto *crypto)
{
    return (struct pbft_crypto){.context = crypto,
        .digest = crypto_digest,
        .sign = crypto_sign,
        .verify_replica = crypto_verify_replica,
        .verify_client = crypto_verify_client};
}

static bool parse_keys(struct engine_crypto *c, char *ret_error, size_t error_size)
{
    for (unsigned i = 0; i < c->config->replica_count; i++) {
        c->replicas[i] = public_key_parse(c->config->replicas[i].public_key);
        if (!c->replicas[i]) {
            snprintf(ret_error, error_size, "replica %u: not an Ed25519 public key", i);
            return false;
        }
    }
    for (unsigned i = 0; i < c->config->client_count; i++) {
        c->clients[i] = public_key_parse(c->config->clients[i].public_key);
        if (!c->clients[i]) {
            snprintf(ret_error, error_size, "client \"%s\": not an Ed25519 public key",
                c->config->clients[i].name);
            return false;
        }
    }
    return true;
}

struct engine_crypto *engine_crypto_new(
    const struct config *config, const struct private_key *key, char *ret_error, size_t error_size)
{
    struct engine_crypto *c = calloc(1, sizeof *c);
    if (c)
        c->clients = calloc(config->client_count + 1, sizeof(struct public_key *));
    if (!c || !c->clients) {
        snprintf(ret_error, error_size, "out of memory");
        free(c);
        return NULL;
    }
    c->config = config;
    c->key = key;
    if (parse_keys(c, ret_error, error_size))
        return c;
    engine_crypto_free(c);
    return NULL;
}

void engine_crypto_free(struct engine_crypto *crypto)
{
    if (!crypto)
        return;
    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        public_key_free(crypto->replicas[i]);
    for (unsigned i = 0; i < crypto->config->client_count; i++)
        public_key_free(crypto->clients[i]);
    free(crypto->clients);
    free(crypto);
}
