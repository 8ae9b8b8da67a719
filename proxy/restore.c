/* The order of pbft_restore_… in proxy/pbft/pbft.h. */
#include "proxy/restore.h"

#include <inttypes.h>
#include <stdio.h>

/* Where the parts of a restart say what is wrong, and how far it came. */
struct restoring {
    struct store *store;
    struct pbft *core;
    struct exec *exec;
    struct restored result;
    struct buffer apart; /* the second of two records that are needed at once */
    char *error;
    size_t error_size;
};

static bool refuse(struct restoring *r, uint64_t seq, const char *what, const char *reason)
{
    snprintf(r->error, r->error_size, "the durable log: %s at sequence number %" PRIu64 ": %s",
        what, seq, reason);
    return false;
}

static bool restore_state(struct restoring *r, uint64_t seq)
{
    struct slice value, app_state = {0};
    if (store_read(r->store, PBFT_RECORD_STATE, seq, &value) != 1)
        return refuse(r, seq, "the checkpoint", store_error(r->store));
    const char *reason = pbft_restore_state(r->core, seq, value, &app_state);
    if (!reason)
        reason = exec_restore(r->exec, app_state);
    return reason ? refuse(r, seq, "the checkpoint", reason) : true;
}

/* ---- what does not belong to a sequence number ---- */

static bool restore_key(struct restoring *r, enum pbft_record_type type, uint64_t key)
{
    struct slice value;
    int found = store_read(r->store, type, key, &value);
    if (found < 0)
        return refuse(r, key, "a permanent record", store_error(r->store));
    const char *reason = found == 1 ? pbft_restore_permanent(r->core, type, key, value) : NULL;
    return reason ? refuse(r, key, "a permanent record", reason) : true;
}

static bool restore_permanent(struct restoring *r)
{
    for (unsigned type = PBFT_RECORD_VIEW; type <= PBFT_RECORD_SILENCE; type++) {
        /* The largest key is a replica's number and one. */
        uint64_t last = store_last(r->store, (enum pbft_record_type)type);
        if (last > REPLICAS_MAX)
            return refuse(r, last, "a permanent record", "a key that no such record has");
        for (uint64_t key = 1; key <= last; key++)
            if (!restore_key(r, (enum pbft_record_type)type, key))
                return false;
    }
    return true;
}

/* ---- batches ---- */

static bool restore_batch(struct restoring *r, uint64_t seq)
{
    struct slice value;
    int committed = store_read(r->store, PBFT_RECORD_COMMITTED, seq, &value);
    int found = committed < 0 ? -1 : store_read(r->store, PBFT_RECORD_BATCH, seq, &value);
    if (found < 0)
        return refuse(r, seq, "the batch", store_error(r->store));
    if (found == 0) /* never accepted here: proposals may arrive out of order */
        return true;
    const char *reason = pbft_restore_batch(r->core, seq, value, committed == 1);
    if (reason)
        return refuse(r, seq, "the batch", reason);
    r->result.committed += committed == 1;
    return true;
}

static bool restore_prepared(struct restoring *r, uint64_t seq)
{
    struct slice value;
    int found = store_read(r->store, PBFT_RECORD_APART, seq, &value);
    buffer_clear(&r->apart);
    if (found == 1)
        put_raw(&r->apart, value.data, value.size); /* valid until the next read */
    if (found >= 0)
        found = store_read(r->store, PBFT_RECORD_PREPARED, seq, &value);
    if (found < 0)
        return refuse(r, seq, "the certificate", store_error(r->store));
    if (found == 0)
        return true;
    const char *reason = r->apart.failed
                             ? "out of memory"
                             : pbft_restore_prepared(r->core, seq, value, buffer_slice(&r->apart));
    if (reason)
        return refuse(r, seq, "the certificate", reason);
    r->result.prepared++;
    return true;
}

static bool restore_all(struct restoring *r)
{
    if (r->result.state > 0 && !restore_state(r, r->result.state))
        return false;
    if (!restore_permanent(r))
        return false;
    for (uint64_t seq = r->result.state + 1; seq <= r->result.last; seq++)
        if (!restore_batch(r, seq) || !restore_prepared(r, seq))
            return false;
    if (!store_write(r->store, NULL, 0, true)) /* refused when LMDB could not find its way */
        return refuse(r, r->result.last, "reading", store_error(r->store));
    return true;
}

/* The last sequence number that has a record of its own: a batch may have been proved to be
 * prepared by others' words, and be known by its certificate alone. */
static uint64_t last_of(struct store *store)
{
    uint64_t batch = store_last(store, PBFT_RECORD_BATCH);
    uint64_t prepared = store_last(store, PBFT_RECORD_PREPARED);
    return batch > prepared ? batch : prepared;
}

bool restore(struct store *store, struct pbft *core, struct exec *exec, struct restored *ret,
    char *ret_error, size_t error_size)
{
    struct restoring r = {.store = store,
        .core = core,
        .exec = exec,
        .result = {.state = store_last(store, PBFT_RECORD_STATE), .last = last_of(store)},
        .apart = BUFFER_INIT(FRAME_BODY_BYTES_MAX),
        .error = ret_error,
        .error_size = error_size};
    bool ok = restore_all(&r);
    if (ok)
        *ret = r.result;
    buffer_free(&r.apart);
    return ok;
}
