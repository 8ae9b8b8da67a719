/* The calls that do something: each begins by forgetting the last call's error, checks what the
 * application may get wrong, and leaves the work to transaction.c and execute.c. */
#include "client/byzclient.h"

#include "client/clock.h"
#include "client/conn.h"
#include "client/execute.h"
#include "client/result.h"
#include "common/result_hash.h"

#include <string.h>

#define RETRIES_MAX 3 /* of a statement by itself, after a conflict */

/* ---- transactions ---- */

/* Begins a call. False: the connection cannot be used; the error is set. */
static bool enter(struct byz_conn *conn)
{
    if (conn == NULL)
        return false;
    if (conn->connected) {
        error_clear(&conn->error);
        return true;
    }
    if (strcmp(conn->error.sqlstate, SQLSTATE_SUCCESS) == 0)
        error_set(&conn->error, SQLSTATE_NOT_CONNECTED, "not connected");
    return false; /* the reason why byz_connect failed stays */
}

static int begin_on_any(struct byz_conn *conn)
{
    uint64_t until_us = clock_after_s(conn->info.request_timeout_s);
    int replica = coordinator_choose(conn, 0, until_us);
    if (replica >= 0)
        return transaction_begin(conn, (unsigned)replica, until_us);
    char links[ERROR_TEXT_BYTES_MAX];
    conn_describe_links(conn, links, sizeof links);
    return conn_fail(conn, SQLSTATE_UNREACHABLE, "no replica is reachable: %s", links);
}

static bool enter_begin(struct byz_conn *conn)
{
    if (!enter(conn))
        return false;
    if (conn->transaction.status == BYZ_TRANSACTION_NONE) {
        suspicion_clear(&conn->suspicion);
        return true;
    }
    error_set(&conn->error, SQLSTATE_IN_TRANSACTION, "there is already a transaction in progress");
    return false;
}

int byz_begin(byz_conn *conn)
{
    return enter_begin(conn) ? begin_on_any(conn) : -1;
}

int byz_begin_on(byz_conn *conn, int replica)
{
    if (!enter_begin(conn))
        return -1;
    if (replica < 0 || replica >= byz_replica_count(conn))
        return conn_fail(conn, SQLSTATE_BAD_PARAMETER, "there is no replica %d", replica);
    uint64_t until_us = clock_after_s(conn->info.request_timeout_s);
    if (!links_wait(conn->links, (unsigned)replica, until_us))
        return conn_fail(conn, SQLSTATE_UNREACHABLE, "replica %d is not connected: %s", replica,
            links_error(conn->links, (unsigned)replica));
    return transaction_begin(conn, (unsigned)replica, until_us);
}

static bool enter_end(struct byz_conn *conn)
{
    if (!enter(conn))
        return false;
    if (conn->transaction.status != BYZ_TRANSACTION_NONE)
        return true;
    error_set(&conn->error, SQLSTATE_NO_TRANSACTION, "there is no transaction in progress");
    return false;
}

int byz_commit(byz_conn *conn)
{
    return enter_end(conn) ? transaction_commit(conn) : -1;
}

static int rollback(byz_conn *conn, bool verify)
{
    if (!enter_end(conn))
        return -1;
    return transaction_rollback(conn, verify, clock_after_s(conn->info.request_timeout_s));
}

int byz_rollback(byz_conn *conn)
{
    return rollback(conn, false);
}

int byz_rollback_verified(byz_conn *conn)
{
    return rollback(conn, true);
}

/* ---- reads without ordering ---- */

/* By order: the snapshot of a transaction that is given up at once. */
static int order_epoch(struct byz_conn *conn, uint64_t *ret_epoch)
{
    if (begin_on_any(conn) != 0)
        return -1;
    *ret_epoch = conn->transaction.epoch;
    (void)transaction_rollback(conn, false, clock_after_s(conn->info.request_timeout_s));
    error_clear(&conn->error); /* a transaction that stays open expires; the epoch is known */
    return 0;
}

int byz_epoch(byz_conn *conn, uint64_t *ret_epoch)
{
    if (!enter_begin(conn))
        return -1;
    if (ret_epoch == NULL)
        return conn_fail(conn, SQLSTATE_BAD_PARAMETER, "no place for the epoch");
    return query_epoch(conn, ret_epoch) ? 0 : order_epoch(conn, ret_epoch);
}

/* ---- statements ---- */

static void fail_result(struct byz_conn *conn, struct byz_result *result)
{
    (void)result_fail(result, conn->error.sqlstate, conn->error.message);
}

/* A transaction of one statement. True: the result may be shown. */
static bool execute_once(
    struct byz_conn *conn, const struct statement *statement, struct byz_result *result)
{
    if (begin_on_any(conn) != 0)
        return false;
    execute(conn, statement, result);
    if (byz_result_ok(result))
        return transaction_commit(conn) == 0;
    struct error why = conn->error;
    (void)transaction_rollback(conn, false, clock_after_s(conn->info.request_timeout_s));
    conn->error = why;
    return false;
}

/* A conflict aborted everything, so it is safe to try again. The result is released only after the
 * commit, when f+1 replicas have confirmed it. */
static void execute_alone(
    struct byz_conn *conn, const struct statement *statement, struct byz_result *result)
{
    suspicion_clear(&conn->suspicion);
    for (unsigned retries = 0; retries <= RETRIES_MAX; retries++) {
        error_clear(&conn->error);
        if (execute_once(conn, statement, result))
            return;
        if (strcmp(conn->error.sqlstate, SQLSTATE_CONFLICT) != 0)
            break;
    }
    fail_result(conn, result);
}

/* Applies the rules by which a replica judges the statement before anything is sent: a replica
 * takes one that breaks them for a liar's and closes the link. */
static bool check_statement(struct byz_conn *conn, const struct statement *statement)
{
    if (statement->text.size > STATEMENT_BYTES_MAX ||
        statement->parameters.size > REQUEST_BODY_BYTES_MAX) {
        error_set(&conn->error, SQLSTATE_LIMIT,
            "the statement is longer than %d bytes, or its parameters than %d", STATEMENT_BYTES_MAX,
            REQUEST_BODY_BYTES_MAX);
        return false;
    }
    struct buffer encoded = BUFFER_INIT(STATEMENT_BYTES_MAX + REQUEST_BODY_BYTES_MAX + 64);
    statement_put(&encoded, statement);
    struct reader r = reader_of(buffer_slice(&encoded));
    struct statement decoded;
    const char *reason = encoded.failed ? "out of memory" : statement_take(&r, &decoded);
    buffer_free(&encoded);
    if (reason != NULL)
        error_set(&conn->error, SQLSTATE_BAD_PARAMETER, "%s", reason);
    return reason == NULL;
}

static void execute_statement(
    struct byz_conn *conn, const struct statement *statement, struct byz_result *result)
{
    if (!check_statement(conn, statement))
        fail_result(conn, result);
    else if (conn->transaction.status == BYZ_TRANSACTION_NONE)
        execute_alone(conn, statement, result);
    else
        execute(conn, statement, result);
}

static void put_parameters(
    struct buffer *b, int count, const uint32_t *types, const char *const *values)
{
    for (int i = 0; i < count; i++) {
        struct parameter parameter = {
            .type_oid = types == NULL ? 0 : types[i],
            .is_null = values[i] == NULL,
        };
        if (!parameter.is_null)
            parameter.value = slice_text(values[i]);
        parameter_put(b, &parameter);
    }
}

/* Encodes the parameters, of which there may be too many. */
static void execute_arguments(struct byz_conn *conn, const char *sql, int count,
    const uint32_t *types, const char *const *values, struct byz_result *result)
{
    struct buffer parameters = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    if (sql == NULL || count < 0 || (count > 0 && values == NULL)) {
        error_set(&conn->error, SQLSTATE_BAD_PARAMETER, "no statement, or no parameter values");
        fail_result(conn, result);
        return;
    }
    if (count <= PARAMETERS_MAX)
        put_parameters(&parameters, count, types, values);
    if (count > PARAMETERS_MAX || parameters.failed) {
        error_set(&conn->error, SQLSTATE_LIMIT,
            "more than %d parameters, or longer than %d bytes in all", PARAMETERS_MAX,
            REQUEST_BODY_BYTES_MAX);
        fail_result(conn, result);
    } else {
        struct statement statement = {
            .text = slice_text(sql),
            .parameter_count = (uint32_t)count,
            .parameters = buffer_slice(&parameters),
        };
        execute_statement(conn, &statement, result);
    }
    buffer_free(&parameters);
}

byz_result *byz_exec_params(byz_conn *conn, const char *sql, int parameter_count,
    const uint32_t *types, const char *const *values)
{
    struct byz_result *result = result_new();
    if (result == NULL)
        return NULL;
    if (enter(conn))
        execute_arguments(conn, sql, parameter_count, types, values, result);
    else
        (void)result_fail(result, byz_sqlstate(conn), byz_error_message(conn));
    return result;
}

byz_result *byz_exec(byz_conn *conn, const char *sql)
{
    return byz_exec_params(conn, sql, 0, NULL, NULL);
}
