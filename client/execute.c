#include "client/execute.h"

#include "client/clock.h"
#include "client/conn.h"
#include "client/result.h"
#include "common/result_hash.h"

#include <assert.h>
#include <string.h>

/* ---- replacing the coordinator ---- */

static void send_cancel(struct byz_conn *conn, unsigned replica)
{
    struct cancel cancel = {conn->transaction.session, conn->transaction.number};
    struct buffer body = BUFFER_INIT(64);
    cancel_encode(&body, &cancel);
    /* A courtesy: the transaction's end reaches the replica in any case. */
    if (!body.failed)
        (void)links_send(conn->links, replica, MESSAGE_CANCEL, buffer_slice(&body));
    buffer_free(&body);
}

static void suspect_coordinator(struct byz_conn *conn, uint32_t index)
{
    unsigned replica = conn->transaction.coordinator;
    if (conn->operation.state == OPERATION_SILENT)
        suspicion_note(&conn->suspicion, replica, BYZ_SUSPICION_SILENT,
            "replica %u did not answer statement %u within %u s", replica, index + 1,
            conn->info.operation_timeout_s);
    else if (conn->operation.state == OPERATION_LOST)
        suspicion_note(&conn->suspicion, replica, BYZ_SUSPICION_SILENT,
            "replica %u was lost before it answered statement %u", replica, index + 1);
    /* A violation was noted when the link closed. A local failure is no suspicion. */
}

/* The coordinator failed at operation `index`. 0: there is another one, which has executed nothing
 * yet. -1: there is none; the error is set. */
static int replace_coordinator(struct byz_conn *conn, uint32_t index)
{
    struct transaction *t = &conn->transaction;
    suspect_coordinator(conn, index);
    coordinator_avoid(conn, t->coordinator);
    send_cancel(conn, t->coordinator);
    int next = coordinator_choose(conn, t->tried, clock_after_s(conn->info.operation_timeout_s));
    if (next >= 0) {
        t->coordinator = (unsigned)next;
        t->tried |= (uint32_t)1 << next;
        t->executed = 0;
        return 0;
    }
    char links[ERROR_TEXT_BYTES_MAX];
    conn_describe_links(conn, links, sizeof links);
    if (conn->operation.state == OPERATION_DONE)
        return conn_fail(conn, conn->operation.sqlstate, "%s", conn->operation.message);
    return conn_fail(conn, SQLSTATE_SILENT,
        "no replica executes statement %u of the transaction; %s", index + 1, links);
}

/* True for errors that come from the replica's own limits or its end, not from the statement:
 * another replica may well execute it. So may one that has executed the BEGIN already, where this
 * one says that there is no such transaction. */
static bool is_local_failure(const struct transaction *t, const char *sqlstate)
{
    if (strcmp(sqlstate, SQLSTATE_NO_TRANSACTION) == 0)
        return t->executed == 0;
    return strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "53", 2) == 0 ||
           strncmp(sqlstate, "57P", 3) == 0 || strncmp(sqlstate, "58", 2) == 0;
}

/* ---- running one operation ---- */

enum attempt { ATTEMPT_INVALID = 0, ATTEMPT_ANSWERED, ATTEMPT_REPLACE, ATTEMPT_ERROR };

static enum attempt attempt(struct byz_conn *conn, uint32_t index,
    const struct statement *statement, struct byz_result *result)
{
    unsigned replica = conn->transaction.coordinator;
    switch (operation_run(conn, replica, index, statement, result)) {
    case OPERATION_INVALID:
    case OPERATION_RUNNING:
    case OPERATION_SILENT:
    case OPERATION_LOST:
    case OPERATION_VIOLATION:
        return ATTEMPT_REPLACE;
    case OPERATION_NO_MEMORY:
        error_set(&conn->error, SQLSTATE_MEMORY, "out of memory");
        return ATTEMPT_ERROR;
    case OPERATION_DONE:
        break;
    }
    if (conn->operation.failed && is_local_failure(&conn->transaction, conn->operation.sqlstate))
        return ATTEMPT_REPLACE;
    return ATTEMPT_ANSWERED;
}

/* Runs the first operation of the list that this coordinator has not executed, and compares. It is
 * not known which of the two replicas is right, so a difference accuses nobody. */
static enum attempt repeat(struct byz_conn *conn)
{
    struct transaction *t = &conn->transaction;
    uint32_t index = t->executed;
    struct entry entry;
    list_get(t->list, index, &entry);
    enum attempt got = attempt(conn, index, &entry.statement, NULL);
    if (got != ATTEMPT_ANSWERED)
        return got;
    const struct operation_run *run = &conn->operation;
    if (run->failed == entry.failed && memcmp(run->digest, entry.result_hash, DIGEST_BYTES) == 0)
        return ATTEMPT_ANSWERED;
    suspicion_note(&conn->suspicion, entry.executor, BYZ_SUSPICION_UNCONFIRMED,
        "replicas %u and %u answered statement %u with different results", entry.executor,
        t->coordinator, index + 1);
    error_set(&conn->error, SQLSTATE_CONFLICT,
        "replica %u, which replaces coordinator %u, answers statement %u with another result; "
        "the transaction was rolled back",
        t->coordinator, entry.executor, index + 1);
    return ATTEMPT_ERROR;
}

/* One step towards the new statement's answer: an operation that this coordinator still lacks, or
 * the statement itself. */
static enum attempt step(
    struct byz_conn *conn, const struct statement *statement, struct byz_result *result)
{
    struct transaction *t = &conn->transaction;
    uint32_t count = list_count(t->list);
    uint32_t index = t->executed;
    enum attempt got = index == count ? attempt(conn, index, statement, result) : repeat(conn);
    if (got == ATTEMPT_REPLACE)
        return replace_coordinator(conn, index) == 0 ? ATTEMPT_REPLACE : ATTEMPT_ERROR;
    if (got != ATTEMPT_ANSWERED)
        return got;
    t->executed++;
    if (t->executed == count && !list_set_executor(t->list, t->coordinator)) {
        error_set(&conn->error, SQLSTATE_MEMORY, "out of memory");
        return ATTEMPT_ERROR;
    }
    return got;
}

/* Until the coordinator, or the last of those that replace it, has answered the new statement. Each
 * replica coordinates a transaction at most once, so this ends. */
static bool run(struct byz_conn *conn, const struct statement *statement, struct byz_result *result)
{
    const struct transaction *t = &conn->transaction;
    assert(t->executed <= list_count(t->list));
    while (true) {
        enum attempt got = step(conn, statement, result);
        if (got == ATTEMPT_ERROR)
            return false;
        if (got == ATTEMPT_ANSWERED && t->executed > list_count(t->list))
            return true;
    }
}

/* ---- the list and the transaction's state ---- */

static bool record(struct byz_conn *conn, const struct statement *statement)
{
    struct transaction *t = &conn->transaction;
    const struct operation_run *operation = &conn->operation;
    struct entry entry = {
        .statement = *statement,
        .executor = (uint16_t)t->coordinator,
        .hash_version = RESULT_HASH_VERSION,
        .failed = operation->failed,
    };
    memcpy(entry.result_hash, operation->digest, DIGEST_BYTES);
    if (list_add(t->list, &entry))
        return true;
    error_set(&conn->error, SQLSTATE_MEMORY, "out of memory");
    return false;
}

static void note_answer(struct byz_conn *conn)
{
    struct transaction *t = &conn->transaction;
    const struct operation_run *operation = &conn->operation;
    if (operation->failed) {
        t->status = BYZ_TRANSACTION_FAILED;
        error_set(&conn->error, operation->sqlstate, "%s", operation->message);
    } else if (t->status == BYZ_TRANSACTION_FAILED && strcmp(operation->tag, "ROLLBACK") == 0) {
        t->status = BYZ_TRANSACTION_OPEN; /* to a savepoint: nothing else ends the failure */
    }
}

static void execute_open(
    struct byz_conn *conn, const struct statement *statement, struct byz_result *result)
{
    const char *refusal = list_refusal(conn->transaction.list, statement);
    if (refusal != NULL) {
        error_set(&conn->error, SQLSTATE_LIMIT, "%s", refusal);
        return;
    }
    if (!run(conn, statement, result) || !record(conn, statement)) {
        transaction_abandon(conn);
        return;
    }
    note_answer(conn);
}

void execute(struct byz_conn *conn, const struct statement *statement, struct byz_result *result)
{
    const struct transaction *t = &conn->transaction;
    assert(t->status != BYZ_TRANSACTION_NONE);
    if (t->over[0] != '\0')
        error_set(&conn->error, SQLSTATE_FAILED_TRANSACTION,
            "the transaction was rolled back before (%s); only byz_rollback helps", t->over);
    else
        execute_open(conn, statement, result);
    if (strcmp(conn->error.sqlstate, SQLSTATE_SUCCESS) != 0)
        (void)result_fail(result, conn->error.sqlstate, conn->error.message);
}
