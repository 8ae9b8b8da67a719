#include "proxy/exec/patience.h"

#include <assert.h>
#include <stdbool.h>

static bool is_forgiven(const struct patience *patience, unsigned client, double now)
{
    return now - patience->clients[client].since > PATIENCE_FORGIVEN_SECONDS;
}

double patience_seconds(const struct patience *patience, unsigned client, double now, double full)
{
    assert(client < CLIENT_KEYS_MAX && full > 0);
    if (is_forgiven(patience, client, now))
        return full;
    double seconds = full;
    for (unsigned i = 0; i < patience->clients[client].lost && seconds > PATIENCE_SECONDS_MIN; i++)
        seconds /= 2;
    double least = full < PATIENCE_SECONDS_MIN ? full : PATIENCE_SECONDS_MIN;
    return seconds < least ? least : seconds;
}

void patience_lose(struct patience *patience, unsigned client, double now)
{
    assert(client < CLIENT_KEYS_MAX);
    if (is_forgiven(patience, client, now))
        patience->clients[client].lost = 0;
    patience->clients[client].lost++;
    patience->clients[client].since = now;
}
