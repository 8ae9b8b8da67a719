/* One server, statement by statement, as pgbench -M prepared does: one PostgreSQL, or the primary
 * of a replicated one. */
#include "tests/bench/server.h"
#include "tests/bench/system.h"

#include <stdlib.h>

static void *session_open(const struct target *target, unsigned client, struct failure *ret)
{
    struct server *server = calloc(1, sizeof *server);
    if (server && servers_open(server, target, ret))
        return server;
    free(server);
    return NULL;
}

static void session_close(void *context)
{
    server_close(context);
    free(context);
}

static enum outcome ask(struct server *server, struct tally *tally, struct failure *ret)
{
    server_send(server, tally);
    return server_wait(server, tally, ret);
}

static enum outcome statements_run(
    struct server *server, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    enum outcome outcome = OUTCOME_DONE;
    for (unsigned i = 0; i < t->step_count && outcome == OUTCOME_DONE; i++) {
        server_queue_step(server, &t->steps[i]);
        outcome = ask(server, tally, ret);
    }
    return outcome;
}

static enum outcome session_run(
    void *context, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    struct server *server = context;
    bool alone = server->workload->alone;
    uint64_t mark = clock_us();
    enum outcome outcome = OUTCOME_DONE;
    if (!alone) {
        server_queue_begin(server);
        outcome = ask(server, tally, ret);
        phase_end(tally, PHASE_BEGIN, &mark);
    }
    if (outcome == OUTCOME_DONE)
        outcome = statements_run(server, t, tally, ret);
    phase_end(tally, PHASE_STATEMENTS, &mark);
    if (alone || outcome != OUTCOME_DONE)
        return outcome;
    server_queue_commit(server);
    outcome = ask(server, tally, ret);
    phase_end(tally, PHASE_COMMIT, &mark);
    return outcome;
}

const struct system system_single = {
    .name = "single",
    .conninfo_count = 1,
    .open = session_open,
    .run = session_run,
    .close = session_close,
};
