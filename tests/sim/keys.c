#include "tests/sim/keys.h"

#include "tests/sim/fake_crypto.h"

#include <assert.h>
#include <stdlib.h>

#define CLIENT_SIGNERS 1000 /* fake signers from here on are clients */

/* ---- the real ones ---- */

struct key_pair {
    struct private_key *private;
    struct public_key *public;
};

static const uint8_t domain[DIGEST_BYTES] = "simulated cluster";
static struct key_pair replica_pairs[KEYS_REPLICAS_MAX];
static struct key_pair client_pairs[KEYS_CLIENTS_MAX];

static void make_pair(struct key_pair *pair)
{
    uint8_t raw[PUBLIC_KEY_BYTES];
    pair->private = private_key_generate();
    if (pair->private == NULL)
        abort();
    private_key_public(pair->private, raw);
    pair->public = public_key_parse(raw);
    if (pair->public == NULL)
        abort();
}

void keys_init(struct keys *keys, bool real)
{
    keys->real = real;
    for (unsigned i = 0; i < KEYS_REPLICAS_MAX; i++)
        keys->owners[i] = (struct keys_owner){.keys = keys, .self = i};
    if (!real || replica_pairs[0].private != NULL)
        return;
    for (unsigned i = 0; i < KEYS_REPLICAS_MAX; i++)
        make_pair(&replica_pairs[i]);
    for (unsigned i = 0; i < KEYS_CLIENTS_MAX; i++)
        make_pair(&client_pairs[i]);
}

/* ---- either ---- */

void keys_digest(const struct keys *keys, struct slice data, uint8_t ret[static DIGEST_BYTES])
{
    if (keys->real)
        sha256(ret, data.data, data.size);
    else
        fake_digest(data.data, data.size, ret);
}

void keys_batch_digest(
    const struct keys *keys, const struct batch *batch, uint8_t ret[static DIGEST_BYTES])
{
    static struct buffer scratch = {.size_max = 2 * BATCH_BYTES_MAX};
    buffer_clear(&scratch);
    batch_put(&scratch, batch);
    assert(!scratch.failed);
    keys_digest(keys, buffer_slice(&scratch), ret);
}

void keys_sign_replica(const struct keys *keys, unsigned replica, enum signature_purpose purpose,
    struct slice data, uint8_t ret[static SIGNATURE_BYTES])
{
    assert(replica < KEYS_REPLICAS_MAX);
    if (keys->real)
        sign(replica_pairs[replica].private, domain, purpose, data.data, data.size, ret);
    else
        fake_sign(replica, purpose, data.data, data.size, ret);
}

bool keys_verify_replica(const struct keys *keys, unsigned replica, enum signature_purpose purpose,
    struct slice data, const uint8_t signature[static SIGNATURE_BYTES])
{
    if (replica >= KEYS_REPLICAS_MAX)
        return false;
    if (keys->real)
        return verify(
            replica_pairs[replica].public, domain, purpose, data.data, data.size, signature);
    return fake_verify(replica, purpose, data.data, data.size, signature);
}

void keys_sign_client(const struct keys *keys, unsigned client, struct slice data,
    uint8_t ret[static SIGNATURE_BYTES])
{
    assert(client < KEYS_CLIENTS_MAX);
    if (keys->real)
        sign(client_pairs[client].private, domain, SIGN_REQUEST, data.data, data.size, ret);
    else
        fake_sign(CLIENT_SIGNERS + client, SIGN_REQUEST, data.data, data.size, ret);
}

/* ---- as a core sees them ---- */

static void core_digest(
    void *context, const void *data, size_t size, uint8_t ret[static DIGEST_BYTES])
{
    const struct keys_owner *owner = context;
    keys_digest(owner->keys, slice_of(data, size), ret);
}

static void core_sign(void *context, enum signature_purpose purpose, const void *data, size_t size,
    uint8_t ret[static SIGNATURE_BYTES])
{
    const struct keys_owner *owner = context;
    keys_sign_replica(owner->keys, owner->self, purpose, slice_of(data, size), ret);
}

static bool core_verify_replica(void *context, unsigned replica, enum signature_purpose purpose,
    const void *data, size_t size, const uint8_t signature[static SIGNATURE_BYTES])
{
    const struct keys_owner *owner = context;
    return keys_verify_replica(owner->keys, replica, purpose, slice_of(data, size), signature);
}

static bool core_verify_client(void *context, unsigned client, const void *data, size_t size,
    const uint8_t signature[static SIGNATURE_BYTES])
{
    const struct keys_owner *owner = context;
    if (client >= KEYS_CLIENTS_MAX)
        return false;
    if (owner->keys->real)
        return verify(client_pairs[client].public, domain, SIGN_REQUEST, data, size, signature);
    return fake_verify(CLIENT_SIGNERS + client, SIGN_REQUEST, data, size, signature);
}

struct pbft_crypto keys_ops(struct keys *keys, unsigned replica)
{
    return (struct pbft_crypto){
        .context = &keys->owners[replica],
        .digest = core_digest,
        .sign = core_sign,
        .verify_replica = core_verify_replica,
        .verify_client = core_verify_client,
    };
}
