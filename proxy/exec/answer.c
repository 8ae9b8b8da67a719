#include "proxy/exec/answer.h"

#include "proxy/exec/backend.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chunk is closed after the row that makes it this long. */
#define CHUNK_BYTES_MAX (RESULT_CHUNK_BYTES + ANSWER_ROW_BYTES_MAX + 8)

struct answer {
    struct answer_limits limits;
    struct buffer *frames; /* NULL: only the hash is wanted */
    struct result_hash *hash;
    struct result_key key;
    struct buffer row;
    struct buffer chunk; /* rows not yet in a frame */
    uint32_t chunk_rows;
    uint64_t bytes;
    uint32_t rows;
    bool has_columns;
    struct answer_end end;
};

struct answer *answer_new(const struct answer_limits *limits, struct buffer *frames)
{
    struct answer *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->limits = *limits;
    a->frames = frames;
    buffer_init(&a->row, ANSWER_ROW_BYTES_MAX);
    buffer_init(&a->chunk, CHUNK_BYTES_MAX);
    a->hash = result_hash_new();
    if (a->hash == NULL) {
        answer_free(a);
        return NULL;
    }
    return a;
}

void answer_free(struct answer *a)
{
    if (a == NULL)
        return;
    buffer_free(&a->row);
    buffer_free(&a->chunk);
    result_hash_free(a->hash);
    free(a);
}

void answer_start(struct answer *a, struct result_key key, struct slice statement)
{
    a->key = key;
    a->bytes = 0;
    a->rows = 0;
    a->chunk_rows = 0;
    a->has_columns = false;
    memset(&a->end, 0, sizeof a->end);
    buffer_clear(&a->chunk);
    result_hash_start_for(a->hash, statement);
}

/* ---- frames ---- */

static void frame_put(struct buffer *frames, enum message_type type, const struct buffer *body)
{
    put_u8(frames, (uint8_t)type);
    put_bytes(frames, buffer_slice(body));
    frames->failed |= body->failed;
}

static uint32_t type_shown(Oid type)
{
    return type < FIRST_USER_OID ? type : 0;
}

static void send_columns(struct answer *a, const PGresult *result)
{
    struct buffer columns = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    int count = PQnfields(result);
    for (int i = 0; i < count; i++) {
        struct column column = {
            .name = slice_text(PQfname(result, i)),
            .type_oid = type_shown(PQftype(result, i)),
        };
        column_put(&columns, &column);
    }
    struct result_columns message = {
        .key = a->key, .count = (uint32_t)count, .columns = buffer_slice(&columns)};
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    result_columns_encode(&body, &message);
    body.failed |= columns.failed;
    frame_put(a->frames, MESSAGE_RESULT_COLUMNS, &body);
    buffer_free(&body);
    buffer_free(&columns);
}

static void send_chunk(struct answer *a)
{
    if (a->chunk_rows == 0)
        return;
    struct result_rows message = {
        .key = a->key, .count = a->chunk_rows, .rows = buffer_slice(&a->chunk)};
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    result_rows_encode(&body, &message);
    body.failed |= a->chunk.failed;
    frame_put(a->frames, MESSAGE_RESULT_ROWS, &body);
    buffer_free(&body);
    buffer_clear(&a->chunk);
    a->chunk_rows = 0;
}

static void send_end(struct buffer *frames, struct result_key key, bool failed,
    const char sqlstate[static 5], const char *text, const char *hint)
{
    struct result_end message = {
        .key = key, .failed = failed, .text = slice_text(text), .hint = slice_text(hint)};
    memcpy(message.sqlstate, sqlstate, sizeof message.sqlstate);
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    result_end_encode(&body, &message);
    frame_put(frames, MESSAGE_RESULT_END, &body);
    buffer_free(&body);
}

/* ---- rows ---- */

static void take_columns(struct answer *a, const PGresult *result)
{
    if (a->has_columns)
        return;
    a->has_columns = true;
    int count = PQnfields(result);
    for (int i = 0; i < count; i++)
        result_hash_column(a->hash, slice_text(PQfname(result, i)), type_shown(PQftype(result, i)));
    if (a->frames != NULL)
        send_columns(a, result);
}

static void encode_row(struct answer *a, const PGresult *result, int row)
{
    buffer_clear(&a->row);
    int count = PQnfields(result);
    for (int i = 0; i < count; i++) {
        if (PQgetisnull(result, row, i))
            row_put_null(&a->row);
        else
            row_put_value(
                &a->row, slice_of(PQgetvalue(result, row, i), (size_t)PQgetlength(result, row, i)));
    }
}

static void take_row(struct answer *a, const PGresult *result, int row)
{
    if (a->end.too_large)
        return;
    encode_row(a, result, row);
    a->bytes += a->row.size;
    a->rows++;
    if (a->row.failed || a->bytes > a->limits.bytes_max || a->rows > a->limits.rows_max ||
        !result_hash_row(a->hash, buffer_slice(&a->row))) {
        a->end.too_large = true;
        return;
    }
    if (a->frames == NULL)
        return;
    put_bytes(&a->chunk, buffer_slice(&a->row));
    a->chunk_rows++;
    if (a->chunk.size >= RESULT_CHUNK_BYTES)
        send_chunk(a);
}

/* ---- ends ---- */

void answer_sqlstate(const PGresult *result, char ret_sqlstate[static 5])
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    bool given = sqlstate != NULL && strlen(sqlstate) == 5;
    memcpy(ret_sqlstate, given ? sqlstate : "XX000", 5);
}

static void fail(struct answer *a, const char sqlstate[static 5])
{
    a->end.failed = true;
    memcpy(a->end.sqlstate, sqlstate, 5);
    result_hash_error(sqlstate, a->end.hash);
}

static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text == NULL ? "" : text;
}

const char *answer_error_text(const PGresult *result)
{
    const char *text = field(result, PG_DIAG_MESSAGE_PRIMARY);
    return text[0] != '\0' ? text : PQresultErrorMessage(result);
}

static void send_error(struct answer *a, const PGresult *result)
{
    char more[ERROR_TEXT_BYTES_MAX];
    const char *detail = field(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = field(result, PG_DIAG_MESSAGE_HINT);
    int size = snprintf(more, sizeof more, "%s%s%s%s%s", detail[0] != '\0' ? "DETAIL:  " : "",
        detail, detail[0] != '\0' && hint[0] != '\0' ? "\n" : "", hint[0] != '\0' ? "HINT:  " : "",
        hint);
    /* a cut text may end within a character, which the encoder does not look for */
    bool whole = size >= 0 && (size_t)size < sizeof more;
    send_end(
        a->frames, a->key, true, a->end.sqlstate, answer_error_text(result), whole ? more : "");
}

static void take_error(struct answer *a, const PGresult *result)
{
    char sqlstate[5];
    answer_sqlstate(result, sqlstate);
    /* An error may carry as much as a result: the same limit, the same SQLSTATE. */
    if (backend_message_size(result) > a->limits.bytes_max)
        a->end.too_large = true;
    if (a->end.too_large)
        return;
    fail(a, sqlstate);
    if (a->frames != NULL)
        send_error(a, result);
}

static void take_success(struct answer *a, const PGresult *result)
{
    if (a->end.too_large)
        return;
    /* PQcmdStatus is not const correct; it only reads */
    const char *tag = PQcmdStatus((PGresult *)result);
    memcpy(a->end.sqlstate, SQLSTATE_SUCCESS, 5);
    result_hash_finish(a->hash, slice_text(tag), a->end.hash);
    if (a->frames == NULL)
        return;
    send_chunk(a);
    send_end(a->frames, a->key, false, SQLSTATE_SUCCESS, tag, "");
}

static bool take_last(struct answer *a, const PGresult *result, bool failed)
{
    if (failed)
        take_error(a, result);
    else
        take_success(a, result);
    if (a->end.too_large) {
        fail(a, SQLSTATE_TOO_LARGE);
        if (a->frames != NULL)
            send_end(a->frames, a->key, true, SQLSTATE_TOO_LARGE, "the result is too large", "");
    }
    return true;
}

bool answer_take(struct answer *a, const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        take_columns(a, result);
        take_row(a, result, 0);
        return false;
    case PGRES_TUPLES_OK:
        take_columns(a, result);
        for (int row = 0; row < PQntuples(result); row++)
            take_row(a, result, row);
        return take_last(a, result, false);
    case PGRES_EMPTY_QUERY:
    case PGRES_COMMAND_OK:
        return take_last(a, result, false);
    case PGRES_COPY_OUT:
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
    case PGRES_PIPELINE_SYNC:
    case PGRES_PIPELINE_ABORTED:
        break;
    }
    return take_last(a, result, true);
}

bool answer_is_too_large(const struct answer *a)
{
    return a->end.too_large;
}

const struct answer_end *answer_end(const struct answer *a)
{
    return &a->end;
}
