#include "client/ctl/limits_table.h"

#include "client/ctl/ctl.h"

#include <limits.h>
#include <string.h>

struct limit {
    const char *name;
    size_t offset; /* of an unsigned in struct config */
};

#define LIMIT(field)                                                                               \
    {                                                                                              \
#field, offsetof(struct config, field)                                                     \
    }

static const struct limit limits[] = {
    LIMIT(window),
    LIMIT(checkpoint_interval),
    LIMIT(batch_requests_max),
    LIMIT(batch_bytes_max),
    LIMIT(batches_in_flight_max),
    LIMIT(clock_skew_ms_max),
    LIMIT(heartbeat_ms),
    LIMIT(retransmit_ms),
    LIMIT(view_change_timeout_ms),
    LIMIT(sessions_per_client_max),
    LIMIT(log_batches_max),
    LIMIT(transactions_max),
    LIMIT(transactions_per_client_max),
    LIMIT(transaction_timeout_ms),
    LIMIT(operations_max),
    LIMIT(result_bytes_max),
    LIMIT(statement_timeout_ms),
    LIMIT(lock_patience_ms),
    LIMIT(sessions_max),
};

static const struct limit *limit_find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (strlen(limits[i].name) == length && memcmp(limits[i].name, name, length) == 0)
            return &limits[i];
    }
    return NULL;
}

bool limits_set(struct config *config, const char *text)
{
    const char *equals = strchr(text, '=');
    const struct limit *limit = equals ? limit_find(text, (size_t)(equals - text)) : NULL;
    if (!limit) {
        ctl_error("--set wants the name of a limit and a number, e.g. transaction_timeout_ms=5000, "
                  "not \"%s\"",
            text);
        return false;
    }
    unsigned value;
    if (!ctl_number(limit->name, equals + 1, 0, UINT_MAX, &value))
        return false;
    memcpy((char *)config + limit->offset, &value, sizeof value);
    return true;
}
