#include "client/transaction.h"

#include "client/clock.h"
#include "client/conn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define EXCERPT_BYTES 64

static void clear(struct transaction *t)
{
    t->status = BYZ_TRANSACTION_NONE;
    t->over[0] = '\0';
    t->tried = 0;
    t->executed = 0;
    list_clear(t->list);
}

static bool outcome_is(const struct outcome *outcome, const char *sqlstate)
{
    return memcmp(outcome->sqlstate, sqlstate, 5) == 0;
}

/* The error for a request that was not decided. After a time-out it is not known whether the
 * request will still be executed, so its number cannot be used again: a new session begins. */
static int fail_undecided(
    struct byz_conn *conn, enum request_result result, const char *timeout_sqlstate)
{
    char links[ERROR_TEXT_BYTES_MAX];
    switch (result) {
    case REQUEST_NO_MEMORY:
        return conn_fail(conn, SQLSTATE_MEMORY, "out of memory");
    case REQUEST_DISAGREEMENT:
        conn_new_session(conn);
        return conn_fail(conn, SQLSTATE_NO_QUORUM,
            "no %u replicas report the same outcome: more than %u are faulty",
            conn->request.quorum.needed, conn->config->faults);
    case REQUEST_INVALID:
    case REQUEST_DECIDED:
    case REQUEST_TIMEOUT:
        break;
    }
    conn_describe_links(conn, links, sizeof links);
    conn_new_session(conn);
    return conn_fail(conn, timeout_sqlstate,
        "no %u replicas agree on an outcome in time: %u of %u answered; %s",
        conn->request.quorum.needed, quorum_replies(&conn->request.quorum),
        conn->config->replica_count, links);
}

static int fail_nonsense(struct byz_conn *conn)
{
    return conn_fail(conn, SQLSTATE_NO_QUORUM,
        "%u replicas report an outcome that does not answer the request: more than %u are faulty",
        conn->config->faults + 1, conn->config->faults);
}

/* ---- BEGIN ---- */

/* A session that the replicas have forgotten had its request refused, so it is safe to send it
 * again from a new one: a BEGIN changes no data. */
static enum request_result order_begin(
    struct byz_conn *conn, unsigned coordinator, uint64_t until_us, struct outcome *ret_outcome)
{
    struct order order = {.kind = ORDER_BEGIN, .coordinator = (uint16_t)coordinator};
    enum request_result result;
    do {
        result = request_order(conn, &order, until_us, ret_outcome);
    } while (result == REQUEST_DECIDED && ret_outcome->kind == OUTCOME_REFUSED &&
             outcome_is(ret_outcome, SQLSTATE_SESSION_FORGOTTEN) && conn_raise_session(conn));
    return result;
}

int transaction_begin(struct byz_conn *conn, unsigned coordinator, uint64_t until_us)
{
    struct transaction *t = &conn->transaction;
    struct outcome outcome;
    assert(t->status == BYZ_TRANSACTION_NONE);
    enum request_result result = order_begin(conn, coordinator, until_us, &outcome);
    if (result != REQUEST_DECIDED)
        return fail_undecided(conn, result, SQLSTATE_UNREACHABLE);
    if (outcome.kind == OUTCOME_REFUSED || outcome.kind == OUTCOME_ABORTED) {
        char sqlstate[6] = {0};
        memcpy(sqlstate, outcome.sqlstate, 5);
        return conn_fail(
            conn, sqlstate, "the replicas refuse to begin a transaction (SQLSTATE %s)", sqlstate);
    }
    if (outcome.kind != OUTCOME_BEGUN)
        return fail_nonsense(conn);
    clear(t);
    session_accepted(&conn->session);
    t->status = BYZ_TRANSACTION_OPEN;
    t->session = conn->request.session;
    t->number = conn->request.number;
    t->epoch = outcome.epoch;
    t->coordinator = coordinator;
    t->tried = (uint32_t)1 << coordinator;
    return 0;
}

/* ---- what COMMIT and verified ROLLBACK came to ---- */

/* "statement 3 (SELECT balance …)", or "a statement" where the outcome names none of the list. */
static void describe_statement(
    const struct transaction *t, const struct outcome *outcome, char *out, size_t out_size)
{
    struct entry entry;
    char excerpt[EXCERPT_BYTES];
    snprintf(out, out_size, "a statement");
    if (outcome->statement >= list_count(t->list))
        return;
    list_get(t->list, outcome->statement, &entry);
    text_excerpt(excerpt, sizeof excerpt, entry.statement.text);
    snprintf(out, out_size, "statement %u (%s)", outcome->statement + 1, excerpt);
}

/* f+1 replicas contradict the result that the client received: the statement's executor lied. */
static int fail_lied(struct byz_conn *conn, const struct outcome *outcome)
{
    const struct transaction *t = &conn->transaction;
    char statement[EXCERPT_BYTES + 64];
    struct entry entry;
    if (outcome->statement >= list_count(t->list))
        return fail_nonsense(conn);
    list_get(t->list, outcome->statement, &entry);
    describe_statement(t, outcome, statement, sizeof statement);
    suspicion_note(&conn->suspicion, entry.executor, BYZ_SUSPICION_WRONG_RESULT,
        "replica %u answered %s with a result that %u replicas contradict", entry.executor,
        statement, conn->config->faults + 1);
    coordinator_avoid(conn, entry.executor);
    return conn_fail(conn, SQLSTATE_LIED,
        "replica %u answered %s with a result that %u replicas contradict; "
        "the transaction was aborted",
        entry.executor, statement, conn->config->faults + 1);
}

static int fail_unconfirmed(struct byz_conn *conn, const struct outcome *outcome)
{
    const struct transaction *t = &conn->transaction;
    char statement[EXCERPT_BYTES + 64];
    unsigned executor = t->coordinator;
    describe_statement(t, outcome, statement, sizeof statement);
    if (outcome->statement < list_count(t->list)) {
        struct entry entry;
        list_get(t->list, outcome->statement, &entry);
        executor = entry.executor;
    }
    suspicion_note(&conn->suspicion, executor, BYZ_SUSPICION_UNCONFIRMED,
        "the answer of replica %u to %s could not be confirmed; it may be honest", executor,
        statement);
    return conn_fail(conn, SQLSTATE_CONFLICT,
        "the result of %s could not be confirmed; the transaction was aborted; retry", statement);
}

static int fail_aborted(struct byz_conn *conn, const struct outcome *outcome)
{
    char statement[EXCERPT_BYTES + 64], sqlstate[6] = {0};
    memcpy(sqlstate, outcome->sqlstate, 5);
    if (outcome->verdict == VERDICT_LIED)
        return fail_lied(conn, outcome);
    if (outcome->verdict == VERDICT_UNCONFIRMED)
        return fail_unconfirmed(conn, outcome);
    if (outcome_is(outcome, SQLSTATE_CONFLICT))
        return conn_fail(conn, sqlstate,
            "could not serialize access: another transaction that changed the same data committed "
            "first; retry");
    if (outcome->statement == 0) /* the first one, or none in particular */
        return conn_fail(conn, sqlstate, "the transaction was aborted with SQLSTATE %s", sqlstate);
    describe_statement(&conn->transaction, outcome, statement, sizeof statement);
    return conn_fail(
        conn, sqlstate, "the transaction was aborted with SQLSTATE %s at %s", sqlstate, statement);
}

/* A session forgotten between BEGIN and COMMIT. If every replica was sent the COMMIT once, on
 * links that lasted, its refusal is the only thing that happened to it. If it was sent again, an
 * earlier copy may have committed before the session was forgotten. */
static int fail_forgotten(struct byz_conn *conn)
{
    conn_new_session(conn);
    if (conn->request.repeated)
        return conn_fail(conn, SQLSTATE_UNKNOWN_OUTCOME,
            "the replicas have forgotten this session; it is not known whether the transaction "
            "committed");
    return conn_fail(conn, SQLSTATE_CONFLICT,
        "the replicas have forgotten this session; the transaction was not committed; retry");
}

static int judge_commit(struct byz_conn *conn, const struct outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_COMMITTED:
        return 0;
    case OUTCOME_REFUSED:
        if (outcome_is(outcome, SQLSTATE_SESSION_FORGOTTEN))
            return fail_forgotten(conn);
        return fail_aborted(conn, outcome);
    case OUTCOME_ABORTED:
        return fail_aborted(conn, outcome);
    case OUTCOME_INVALID:
    case OUTCOME_BEGUN:
    case OUTCOME_ROLLED_BACK:
        break;
    }
    return fail_nonsense(conn);
}

static int judge_rollback(struct byz_conn *conn, const struct outcome *outcome, bool verify)
{
    switch (outcome->kind) {
    case OUTCOME_ROLLED_BACK:
    case OUTCOME_ABORTED:
        if (!verify || outcome->verdict == VERDICT_CONFIRMED)
            return 0;
        return outcome->verdict == VERDICT_LIED ? fail_lied(conn, outcome)
                                                : fail_unconfirmed(conn, outcome);
    case OUTCOME_REFUSED: /* it is not open any more: it expired */
        if (!verify)
            return 0;
        return fail_aborted(conn, outcome);
    case OUTCOME_INVALID:
    case OUTCOME_BEGUN:
    case OUTCOME_COMMITTED:
        break;
    }
    return fail_nonsense(conn);
}

/* ---- COMMIT and ROLLBACK ---- */

static enum request_result order_end(struct byz_conn *conn, enum order_kind kind, bool with_list,
    uint64_t until_us, struct outcome *ret_outcome)
{
    const struct transaction *t = &conn->transaction;
    struct order order = {.kind = kind, .transaction = t->number};
    if (with_list) {
        order.entry_count = list_count(t->list);
        order.entries = list_entries(t->list);
    }
    return request_order(conn, &order, until_us, ret_outcome);
}

int transaction_rollback(struct byz_conn *conn, bool verify, uint64_t until_us)
{
    struct transaction *t = &conn->transaction;
    struct outcome outcome;
    int status = 0;
    assert(t->status != BYZ_TRANSACTION_NONE);
    if (t->over[0] == '\0') {
        verify = verify && list_count(t->list) > 0;
        enum request_result result = order_end(conn, ORDER_ROLLBACK, verify, until_us, &outcome);
        status = result == REQUEST_DECIDED ? judge_rollback(conn, &outcome, verify)
                                           : fail_undecided(conn, result, SQLSTATE_UNREACHABLE);
    } else if (verify) {
        status = conn_fail(conn, SQLSTATE_CONFLICT,
            "the transaction was rolled back before (%s); its results are not confirmed", t->over);
    }
    clear(t);
    return status;
}

static int commit_failed_transaction(struct byz_conn *conn)
{
    struct transaction *t = &conn->transaction;
    char over[6];
    memcpy(over, t->over, sizeof over);
    uint64_t until_us = clock_after_s(conn->info.request_timeout_s);
    if (transaction_rollback(conn, false, until_us) != 0)
        return -1;
    if (over[0] != '\0')
        return conn_fail(conn, over, "the transaction was rolled back before the commit");
    return conn_fail(conn, SQLSTATE_FAILED_TRANSACTION,
        "a statement of the transaction failed; it was rolled back");
}

int transaction_commit(struct byz_conn *conn)
{
    struct transaction *t = &conn->transaction;
    struct outcome outcome;
    uint64_t until_us = clock_after_s(conn->info.request_timeout_s);
    assert(t->status != BYZ_TRANSACTION_NONE);
    if (t->status == BYZ_TRANSACTION_FAILED)
        return commit_failed_transaction(conn);
    if (list_count(t->list) == 0) /* nothing to verify, nothing to commit */
        return transaction_rollback(conn, false, until_us);
    enum request_result result = order_end(conn, ORDER_COMMIT, true, until_us, &outcome);
    int status = result == REQUEST_DECIDED ? judge_commit(conn, &outcome)
                                           : fail_undecided(conn, result, SQLSTATE_UNKNOWN_OUTCOME);
    clear(t);
    return status;
}

void transaction_abandon(struct byz_conn *conn)
{
    struct transaction *t = &conn->transaction;
    struct error why = conn->error;
    (void)transaction_rollback(conn, false, clock_after_s(conn->info.request_timeout_s));
    conn->error = why;
    t->status = BYZ_TRANSACTION_FAILED;
    memcpy(t->over, why.sqlstate, sizeof t->over);
}
