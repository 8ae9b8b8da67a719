#include "proxy/retention.h"

#define STATES_KEPT 2 /* in checkpoint intervals */
#define PRUNES_MAX 8
#define CROWDED_PRUNES_MAX 128
#define CROWDED_BATCHES 64 /* that go at once before the room is looked at again */

/* A window of executed batches for restarts, another above them, and each may be kept twice
 * (PBFT_RECORD_APART). */
#define BATCHES_KEPT_WINDOWS 4

size_t retention_store_bytes_min(const struct config *config, size_t state_bytes)
{
    size_t batches = BATCHES_KEPT_WINDOWS * (size_t)config->window * config->batch_bytes_max;
    return (batches + (STATES_KEPT + 1) * state_bytes) / RETENTION_FILL_PERCENT_MAX * 100;
}

static void forget_states(struct store *store, const struct config *config, uint64_t state)
{
    uint64_t kept = (uint64_t)config->checkpoint_interval * (STATES_KEPT - 1);
    if (state > kept)
        (void)store_prune_type(store, PBFT_RECORD_STATE, state - kept);
}

/* What shows that a batch prepared matters until a stable checkpoint covers it. */
static void forget_certificates(struct store *store, uint64_t state)
{
    (void)store_prune_type(store, PBFT_RECORD_PREPARED, state);
    (void)store_prune_type(store, PBFT_RECORD_APART, state);
}

static void forget_beyond_number(
    struct store *store, const struct config *config, uint64_t state, uint64_t executed)
{
    if (executed <= config->log_batches_max)
        return;
    uint64_t limit = executed - config->log_batches_max;
    if (limit > state)
        limit = state;
    bool more = store_first(store, PBFT_RECORD_BATCH) < limit;
    for (unsigned i = 0; i < PRUNES_MAX && more; i++)
        more = store_prune(store, limit);
}

/* A replica that restarts from its last checkpoint is less than a window behind the others'. */
static bool forget_for_room(
    struct store *store, const struct config *config, uint64_t state, uint64_t executed)
{
    uint64_t newest = executed > config->window ? executed - config->window : 0;
    bool any = false;
    if (newest > state)
        newest = state;
    for (unsigned i = 0; i < CROWDED_PRUNES_MAX; i++) {
        uint64_t first = store_first(store, PBFT_RECORD_BATCH);
        if (first == 0 || first >= newest ||
            store_fill_percent(store) <= RETENTION_FILL_PERCENT_MAX)
            break;
        uint64_t limit = first + CROWDED_BATCHES;
        (void)store_prune(store, limit < newest ? limit : newest);
        any = true;
    }
    return any;
}

bool retention_apply(struct store *store, const struct config *config, uint64_t executed)
{
    uint64_t state = store_last(store, PBFT_RECORD_STATE);
    forget_states(store, config, state);
    forget_certificates(store, state);
    forget_beyond_number(store, config, state, executed);
    return forget_for_room(store, config, state, executed);
}
