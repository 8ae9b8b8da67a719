/* The limit of executing everywhere: the whole transaction in one pipeline on each of four
 * independent servers, no agreement, and the client waits for all. */
#include "tests/bench/server.h"
#include "tests/bench/system.h"

#include <stdlib.h>

#define ALL ((1u << SERVERS_MAX) - 1)

static void *session_open(const struct target *target, unsigned client, struct failure *ret)
{
    struct server *servers = calloc(SERVERS_MAX, sizeof *servers);
    if (servers && servers_open(servers, target, ret))
        return servers;
    free(servers);
    return NULL;
}

static void session_close(void *context)
{
    servers_close(context, SERVERS_MAX);
    free(context);
}

static enum outcome session_run(
    void *context, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    uint64_t mark = clock_us();
    servers_send(context, ALL, t, tally);
    enum outcome outcome = servers_finish(context, ALL, t, tally, ret);
    phase_end(tally, PHASE_COMMIT, &mark);
    return outcome;
}

const struct system system_pipelined = {
    .name = "pipelined",
    .conninfo_count = SERVERS_MAX,
    .open = session_open,
    .run = session_run,
    .close = session_close,
};
