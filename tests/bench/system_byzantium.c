/* Four replicas through libbyzclient, verified. The connection's parameters come from the
 * environment (BYZCONFIG, BYZCLIENT, BYZKEY, BYZCOORDINATOR). */
#include "client/byzclient.h"
#include "tests/bench/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
    byz_conn *conn;
    const struct workload *workload;
};

static void session_close(void *context)
{
    struct session *s = context;
    byz_finish(s->conn);
    free(s);
}

static void *session_open(const struct target *target, unsigned client, struct failure *ret)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->workload = target->workload;
    s->conn = byz_connect("");
    if (s->conn && byz_status(s->conn) == BYZ_CONNECTION_OK)
        return s;
    snprintf(ret->text, sizeof ret->text, "%s", s->conn ? byz_error_message(s->conn) : "memory");
    session_close(s);
    return NULL;
}

static enum outcome judge(const char *sqlstate, const char *message, struct failure *ret)
{
    if (strcmp(sqlstate, "00000") == 0)
        return OUTCOME_DONE;
    snprintf(ret->text, sizeof ret->text, "SQLSTATE %s: %s", sqlstate, message);
    return sqlstate_is_conflict(sqlstate) ? OUTCOME_CONFLICT : OUTCOME_FAILED;
}

static enum outcome judge_call(struct session *s, int code, struct failure *ret)
{
    return code == 0 ? OUTCOME_DONE : judge(byz_sqlstate(s->conn), byz_error_message(s->conn), ret);
}

static enum outcome step_run(struct session *s, const struct step *step, struct failure *ret)
{
    const char *values[VALUES_MAX];
    step_values(step, values);
    byz_result *result = byz_exec_params(s->conn, s->workload->statements[step->statement].sql,
        (int)step->value_count, NULL, values);
    enum outcome outcome =
        result ? judge(byz_result_sqlstate(result), byz_result_error_message(result), ret)
               : judge("53200", "out of memory", ret);
    byz_clear(result);
    return outcome;
}

static enum outcome statements_run(
    struct session *s, const struct transaction *t, struct failure *ret)
{
    enum outcome outcome = OUTCOME_DONE;
    for (unsigned i = 0; i < t->step_count && outcome == OUTCOME_DONE; i++)
        outcome = step_run(s, &t->steps[i], ret);
    return outcome;
}

static enum outcome transaction_run(
    struct session *s, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    uint64_t mark = clock_us();
    enum outcome outcome = judge_call(s, byz_begin(s->conn), ret);
    phase_end(tally, PHASE_BEGIN, &mark);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = statements_run(s, t, ret);
    phase_end(tally, PHASE_STATEMENTS, &mark);
    if (outcome == OUTCOME_DONE)
        outcome = judge_call(s, byz_commit(s->conn), ret);
    else
        byz_rollback(s->conn);
    phase_end(tally, PHASE_COMMIT, &mark);
    return outcome;
}

/* BEGIN, the statement and COMMIT in one call of the library. */
static enum outcome alone_run(
    struct session *s, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    uint64_t mark = clock_us();
    enum outcome outcome = statements_run(s, t, ret);
    phase_end(tally, PHASE_COMMIT, &mark);
    return outcome;
}

static enum outcome session_run(
    void *context, const struct transaction *t, struct tally *tally, struct failure *ret)
{
    struct session *s = context;
    enum outcome outcome =
        s->workload->alone ? alone_run(s, t, tally, ret) : transaction_run(s, t, tally, ret);
    tally->suspicions += byz_suspicion(s->conn) != BYZ_SUSPICION_NONE;
    return outcome;
}

const struct system system_byzantium = {
    .name = "byzantium",
    .open = session_open,
    .run = session_run,
    .close = session_close,
};
