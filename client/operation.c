#include "client/operation.h"

#include "client/clock.h"
#include "client/conn.h"
#include "client/result.h"
#include "common/result_hash.h"

#include <stdio.h>
#include <string.h>

/* A link that was lost while nothing was asked comes back within a moment, or the replica is gone.
 */
#define RECONNECT_US_MAX 1000000u

bool operation_init(struct operation_run *run)
{
    *run = (struct operation_run){.hash = result_hash_new()};
    return run->hash != NULL;
}

void operation_free(struct operation_run *run)
{
    result_hash_free(run->hash);
    run->hash = NULL;
}

static bool is_expected(
    const struct operation_run *run, unsigned replica, const struct result_key *key)
{
    return run->state == OPERATION_RUNNING && run->replica == replica &&
           run->key.session == key->session && run->key.transaction == key->transaction &&
           run->key.index == key->index;
}

/* Probably the rest of an answer that was waited for too long. */
static enum frame_verdict unexpected(const struct operation_run *run, const struct result_key *key)
{
    return key->session == run->key.session ? FRAME_LATE : FRAME_UNASKED;
}

static enum frame_verdict no_memory(struct operation_run *run)
{
    run->state = OPERATION_NO_MEMORY;
    return FRAME_ASKED;
}

static enum frame_verdict invalid(const char *reason, const char **ret_reason)
{
    *ret_reason = reason;
    return FRAME_INVALID;
}

/* ---- columns ---- */

static void hash_columns(struct operation_run *run, const struct result_columns *columns)
{
    struct reader r = reader_of(columns->columns);
    for (uint32_t i = 0; i < columns->count; i++) {
        struct column column = {0};
        if (column_take(&r, &column) != NULL)
            return; /* cannot happen: they were decoded */
        result_hash_column(run->hash, column.name, column.type_oid);
    }
}

static enum frame_verdict take_columns(
    struct operation_run *run, unsigned replica, struct slice body, const char **ret_reason)
{
    struct result_columns columns;
    *ret_reason = result_columns_decode(body, &columns);
    if (*ret_reason != NULL)
        return FRAME_INVALID;
    if (!is_expected(run, replica, &columns.key))
        return unexpected(run, &columns.key);
    if (run->has_columns)
        return invalid("a result has its columns twice", ret_reason);
    run->has_columns = true;
    run->column_count = columns.count;
    hash_columns(run, &columns);
    if (run->result != NULL && !result_set_columns(run->result, &columns))
        return no_memory(run);
    return FRAME_ASKED;
}

/* ---- rows ---- */

static uint32_t value_count(struct slice row)
{
    uint32_t count = 0;
    bool is_null;
    struct slice value;
    for (struct reader r = reader_of(row); reader_left(&r) > 0; count++)
        if (!row_take(&r, &is_null, &value))
            break; /* cannot happen: it was decoded */
    return count;
}

static enum frame_verdict take_row(
    struct operation_run *run, struct slice row, const char **ret_reason)
{
    if (value_count(row) != run->column_count)
        return invalid("a row has more or fewer values than the result has columns", ret_reason);
    if (!result_hash_row(run->hash, row)) {
        if (result_hash_no_memory(run->hash))
            return no_memory(run);
        return invalid("a result is larger than any result may be", ret_reason);
    }
    if (run->result != NULL && !result_add_row(run->result, row))
        return no_memory(run);
    return FRAME_ASKED;
}

static enum frame_verdict take_rows(
    struct operation_run *run, unsigned replica, struct slice body, const char **ret_reason)
{
    struct result_rows rows;
    *ret_reason = result_rows_decode(body, &rows);
    if (*ret_reason != NULL)
        return FRAME_INVALID;
    if (!is_expected(run, replica, &rows.key))
        return unexpected(run, &rows.key);
    if (!run->has_columns)
        return invalid("a result has rows before its columns", ret_reason);
    struct reader r = reader_of(rows.rows);
    enum frame_verdict verdict = FRAME_ASKED;
    for (uint32_t i = 0; i < rows.count && verdict == FRAME_ASKED; i++) {
        if (run->state != OPERATION_RUNNING)
            break; /* memory ran out */
        verdict = take_row(run, get_bytes(&r, RESULT_BYTES_MAX), ret_reason);
    }
    return verdict;
}

/* ---- the end ---- */

static void take_error(struct operation_run *run, const struct result_end *end)
{
    char text[ERROR_TEXT_BYTES_MAX + 1], hint[ERROR_TEXT_BYTES_MAX + 1];
    text_copy(text, sizeof text, end->text);
    text_copy(hint, sizeof hint, end->hint);
    snprintf(
        run->message, sizeof run->message, "ERROR:  %s%s%s", text, *hint == '\0' ? "" : "\n", hint);
    result_hash_error(end->sqlstate, run->digest);
}

static enum frame_verdict take_end(
    struct operation_run *run, unsigned replica, struct slice body, const char **ret_reason)
{
    struct result_end end;
    *ret_reason = result_end_decode(body, &end);
    if (*ret_reason != NULL)
        return FRAME_INVALID;
    if (!is_expected(run, replica, &end.key))
        return unexpected(run, &end.key);
    run->failed = end.failed;
    memcpy(run->sqlstate, end.sqlstate, 5);
    run->state = OPERATION_DONE;
    if (end.failed) {
        take_error(run, &end);
        return FRAME_ASKED;
    }
    text_copy(run->tag, sizeof run->tag, end.text);
    result_hash_finish(run->hash, end.text, run->digest);
    if (run->result != NULL && !result_succeed(run->result, end.text))
        return no_memory(run);
    return FRAME_ASKED;
}

enum frame_verdict operation_take(struct byz_conn *conn, unsigned replica, uint8_t type,
    struct slice body, const char **ret_reason)
{
    if (type == MESSAGE_RESULT_COLUMNS)
        return take_columns(&conn->operation, replica, body, ret_reason);
    if (type == MESSAGE_RESULT_ROWS)
        return take_rows(&conn->operation, replica, body, ret_reason);
    return take_end(&conn->operation, replica, body, ret_reason);
}

void operation_link_down(struct byz_conn *conn, unsigned replica, bool violation)
{
    struct operation_run *run = &conn->operation;
    if (run->state == OPERATION_RUNNING && run->replica == replica)
        run->state = violation ? OPERATION_VIOLATION : OPERATION_LOST;
}

/* ---- running ---- */

static bool send_operation(
    struct byz_conn *conn, unsigned replica, uint32_t index, const struct statement *statement)
{
    struct operation operation = {
        .session = conn->transaction.session,
        .transaction = conn->transaction.number,
        .index = index,
        .statement = *statement,
    };
    struct buffer body = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    operation_encode(&body, &operation);
    links_renew_allowance(conn->links, replica);
    bool sent =
        !body.failed && links_send(conn->links, replica, MESSAGE_OPERATION, buffer_slice(&body));
    buffer_free(&body);
    return sent;
}

static void start(struct byz_conn *conn, unsigned replica, uint32_t index,
    const struct statement *statement, struct byz_result *result)
{
    struct operation_run *run = &conn->operation;
    *run = (struct operation_run){
        .state = OPERATION_RUNNING,
        .replica = replica,
        .key = {conn->transaction.session, conn->transaction.number, index},
        .hash = run->hash,
        .result = result,
        .sqlstate = SQLSTATE_SUCCESS,
    };
    result_hash_start_for(run->hash, statement->text);
    if (result != NULL)
        result_reset(result);
}

enum operation_state operation_run(struct byz_conn *conn, unsigned replica, uint32_t index,
    const struct statement *statement, struct byz_result *result)
{
    struct operation_run *run = &conn->operation;
    uint64_t until_us = clock_after_s(conn->info.operation_timeout_s);
    if (!links_ready(conn->links, replica))
        (void)links_wait(conn->links, replica, clock_now_us() + RECONNECT_US_MAX);
    start(conn, replica, index, statement, result);
    if (!send_operation(conn, replica, index, statement))
        run->state = OPERATION_LOST;
    while (run->state == OPERATION_RUNNING && clock_now_us() < until_us)
        links_poll(conn->links, until_us);
    if (run->state == OPERATION_RUNNING)
        run->state = OPERATION_SILENT;
    run->result = NULL;
    return run->state;
}
