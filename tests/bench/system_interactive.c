/* The shape of a Byzantium transaction without its agreement: statement by statement on one server,
 * the coordinator; at commit the coordinator's COMMIT and, on the three others, the whole
 * transaction in one pipeline, all at the same time. Coordinators take turns.
 *
 * The coordinator's COMMIT does not wait for the others: two transactions that hold each other's
 * row on different servers would wait for ever. */
#include "tests/bench/server.h"
#include "tests/bench/system.h"

#include <stdlib.h>

#define ALL ((1u << SERVERS_MAX) - 1)

struct session {
    struct server servers[SERVERS_MAX];
    unsigned coordinator;
};

static void *session_open(const struct target *target, unsigned client, struct failure *ret)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->coordinator = client % SERVERS_MAX; /* else all would begin with the same */
    if (servers_open(s->servers, target, ret))
        return s;
    free(s);
    return NULL;
}

static void session_close(void *context)
{
    struct session *s = context;
    servers_close(s->servers, SERVERS_MAX);
    free(s);
}

static enum outcome ask(struct server *server, struct tally *tally, struct failure *ret)
{
    server_send(server, tally);
    return server_wait(server, tally, ret);
}

/* BEGIN and the statements on the coordinator. */
static enum outcome speculate(
    struct server *server, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    uint64_t mark = clock_us();
    enum outcome outcome = OUTCOME_DONE;
    if (!server->workload->alone) {
        server_queue_begin(server);
        outcome = ask(server, tally, ret);
        phase_end(tally, PHASE_BEGIN, &mark);
    }
    for (unsigned i = 0; i < t->step_count && outcome == OUTCOME_DONE; i++) {
        server_queue_step(server, &t->steps[i]);
        outcome = ask(server, tally, ret);
    }
    phase_end(tally, PHASE_STATEMENTS, &mark);
    return outcome;
}

static enum outcome commit(
    struct session *s, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    struct server *coordinator = &s->servers[s->coordinator];
    unsigned others = ALL & ~(1u << s->coordinator);
    uint64_t mark = clock_us();
    enum outcome outcome = OUTCOME_DONE;
    if (!coordinator->workload->alone) {
        server_queue_commit(coordinator);
        server_send(coordinator, tally);
    }
    servers_send(s->servers, others, t, tally);
    if (!coordinator->workload->alone)
        outcome = server_wait(coordinator, tally, ret);
    enum outcome everywhere = servers_finish(s->servers, others, t, tally, ret);
    phase_end(tally, PHASE_COMMIT, &mark);
    return outcome == OUTCOME_DONE ? everywhere : OUTCOME_FAILED;
}

static enum outcome session_run(
    void *context, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    struct session *s = context;
    enum outcome outcome = speculate(&s->servers[s->coordinator], t, tally, ret);
    if (outcome == OUTCOME_DONE)
        outcome = commit(s, t, tally, ret);
    s->coordinator = (s->coordinator + 1) % SERVERS_MAX;
    return outcome;
}

const struct system system_interactive = {
    .name = "interactive",
    .conninfo_count = SERVERS_MAX,
    .open = session_open,
    .run = session_run,
    .close = session_close,
};
