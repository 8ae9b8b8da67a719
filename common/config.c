#include "common/config.h"

#include "common/config_internal.h"
#include "common/crypto.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_VERSION 1
#define IDENTITY_VERSION 1
#define DIGEST_INPUT_BYTES_MAX (1 << 20)

#define MINUTE_MS 60000
#define DAY_MS 86400000
#define MANY 1000000

#define FIELD(name) #name, offsetof(struct config, name)

const struct config_limit config_limits[CONFIG_LIMITS] = {
    {FIELD(window), 256, 2, WINDOW_MAX, "sequence numbers between the water marks"},
    {FIELD(checkpoint_interval), 64, 1, WINDOW_MAX / 2, "batches from checkpoint to checkpoint"},
    {FIELD(batch_requests_max), 64, 1, BATCH_REQUESTS_MAX, "requests in one batch"},
    {FIELD(batch_bytes_max), (1 << 20) + (4 << 10), BATCH_BYTES_MIN, BATCH_BYTES_MAX,
        "bytes of one batch"},
    {FIELD(batches_in_flight_max), 2, 1, WINDOW_MAX, "batches proposed and not yet executed"},
    {FIELD(clock_skew_ms_max), 10000, 1, DAY_MS, "how far the replicas' clocks may differ"},
    {FIELD(heartbeat_ms), 250, 10, MINUTE_MS, "between status messages"},
    {FIELD(retransmit_ms), 200, 10, MINUTE_MS, "until a message is sent again"},
    {FIELD(view_change_timeout_ms), 300, 20, MINUTE_MS,
        "without progress until the primary is replaced"},
    {FIELD(sessions_per_client_max), 256, 1, SESSIONS_PER_CLIENT_MAX,
        "sessions of one client remembered for exactly-once execution"},
    {FIELD(log_batches_max), MANY, WINDOW_MAX, 1000 * MANY,
        "batches kept in the durable log for other replicas"},
    {FIELD(transactions_max), 1000, 1, MANY, "transactions open at once, in all"},
    {FIELD(transactions_per_client_max), 500, 1, MANY, "transactions open at once, of one client"},
    {FIELD(transaction_timeout_ms), MINUTE_MS, 100, DAY_MS,
        "agreed time until an open transaction is rolled back"},
    {FIELD(operations_max), ENTRIES_MAX, 1, ENTRIES_MAX, "statements in one transaction"},
    {FIELD(result_bytes_max), RESULT_BYTES_MAX, RESULT_CHUNK_BYTES, RESULT_BYTES_MAX,
        "bytes of one statement's result"},
    {FIELD(statement_timeout_ms), MINUTE_MS / 2, 10, DAY_MS,
        "time for one statement on the coordinator"},
    {FIELD(lock_patience_ms), 2, 1, MINUTE_MS,
        "until a waiting commit looks for who holds its lock"},
    {FIELD(sessions_max), 48, 4, 10000, "PostgreSQL sessions of one replica"},
};

_Static_assert((1 << 20) + (4 << 10) >= BATCH_BYTES_MIN, "the default batch holds any request");

unsigned config_limit_get(const struct config *config, const struct config_limit *limit)
{
    unsigned value;
    memcpy(&value, (const char *)config + limit->offset, sizeof value);
    return value;
}

void config_limit_set(struct config *config, const struct config_limit *limit, unsigned value)
{
    memcpy((char *)config + limit->offset, &value, sizeof value);
}

void config_defaults(struct config *config)
{
    *config = (struct config){.faults = 1};
    for (size_t i = 0; i < CONFIG_LIMITS; i++)
        config_limit_set(config, &config_limits[i], config_limits[i].initial);
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    free(config->clients);
    free(config);
}

int config_client_index(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->client_count; i++)
        if (strcmp(config->clients[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- the digest ---- */

static void put_members(struct buffer *b, const struct config *config)
{
    put_u32(b, config->replica_count);
    for (unsigned i = 0; i < config->replica_count; i++) {
        const struct config_replica *replica = &config->replicas[i];
        put_bytes(b, slice_text(replica->host));
        put_u16(b, replica->port);
        put_raw(b, replica->public_key, PUBLIC_KEY_BYTES);
    }
    put_u32(b, config->client_count);
    for (unsigned i = 0; i < config->client_count; i++) {
        put_bytes(b, slice_text(config->clients[i].name));
        put_raw(b, config->clients[i].public_key, PUBLIC_KEY_BYTES);
    }
}

/* The canonical content. The order of clients is content: it numbers them. */
static void put_config(struct buffer *b, const struct config *config)
{
    put_u16(b, DIGEST_VERSION);
    put_bytes(b, slice_text(config->name));
    put_bytes(b, slice_text(config->database));
    put_u32(b, config->faults);
    put_u32(b, CONFIG_LIMITS);
    for (size_t i = 0; i < CONFIG_LIMITS; i++)
        put_u32(b, config_limit_get(config, &config_limits[i]));
    put_members(b, config);
    put_u32(b, config->setting_count);
    for (unsigned i = 0; i < config->setting_count; i++) {
        put_bytes(b, slice_text(config->settings[i].name));
        put_bytes(b, slice_text(config->settings[i].value));
    }
}

/* What cannot change without its becoming another cluster. */
static void put_identity(struct buffer *b, const struct config *config)
{
    put_u16(b, IDENTITY_VERSION);
    put_bytes(b, slice_text(config->name));
    put_u32(b, config->faults);
    put_u32(b, config->replica_count);
    for (unsigned i = 0; i < config->replica_count; i++)
        put_raw(b, config->replicas[i].public_key, PUBLIC_KEY_BYTES);
}

static int compare_settings(const void *a, const void *b)
{
    const struct config_setting *left = a;
    const struct config_setting *right = b;
    return strcmp(left->name, right->name);
}

bool config_seal(struct config *config)
{
    struct buffer b = BUFFER_INIT(DIGEST_INPUT_BYTES_MAX);
    qsort(config->settings, config->setting_count, sizeof config->settings[0], compare_settings);
    put_config(&b, config);
    bool ok = !b.failed;
    if (ok)
        sha256(config->digest, b.data, b.size);
    buffer_clear(&b);
    put_identity(&b, config);
    ok = ok && !b.failed;
    if (ok)
        sha256(config->identity, b.data, b.size);
    buffer_free(&b);
    return ok;
}
