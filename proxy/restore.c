#include "proxy/restore.h"

#include <inttypes.h>
#include <stdio.h>

static bool refuse(
    char *ret_error, size_t error_size, uint64_t seq, const char *what, const char *reason)
{
    snprintf(ret_error, error_size, "the durable log: %s at sequence number %" PRIu64 ": %s", what,
        seq, reason);
    return false;
}

static bool restore_state(struct store *store, struct pbft *core, struct exec *exec, uint64_t seq,
    char *ret_error, size_t error_size)
{
    struct slice value, app_state = {0};
    if (store_read(store, PBFT_RECORD_STATE, seq, &value) != 1)
        return refuse(ret_error, error_size, seq, "the checkpoint", store_error(store));
    const char *reason = pbft_restore_state(core, seq, value, &app_state);
    if (!reason)
        reason = exec_restore(exec, app_state);
    return reason ? refuse(ret_error, error_size, seq, "the checkpoint", reason) : true;
}

static bool restore_batch(struct store *store, struct pbft *core, uint64_t seq,
    struct restored *restored, char *ret_error, size_t error_size)
{
    struct slice value;
    int committed = store_read(store, PBFT_RECORD_COMMITTED, seq, &value);
    int found = committed < 0 ? -1 : store_read(store, PBFT_RECORD_BATCH, seq, &value);
    if (found < 0)
        return refuse(ret_error, error_size, seq, "the batch", store_error(store));
    if (found == 0) /* never accepted here: proposals may arrive out of order */
        return true;
    const char *reason = pbft_restore_batch(core, seq, value, committed == 1);
    if (reason)
        return refuse(ret_error, error_size, seq, "the batch", reason);
    restored->committed += committed == 1;
    return true;
}

bool restore(struct store *store, struct pbft *core, struct exec *exec, struct restored *ret,
    char *ret_error, size_t error_size)
{
    struct restored r = {.state = store_last(store, PBFT_RECORD_STATE),
        .last = store_last(store, PBFT_RECORD_BATCH)};
    if (r.state > 0 && !restore_state(store, core, exec, r.state, ret_error, error_size))
        return false;
    for (uint64_t seq = r.state + 1; seq <= r.last; seq++)
        if (!restore_batch(store, core, seq, &r, ret_error, error_size))
            return false;
    if (!store_write(store, NULL, 0, true)) /* refused when LMDB could not find its way */
        return refuse(ret_error, error_size, r.last, "reading", store_error(store));
    *ret = r;
    return true;
}
