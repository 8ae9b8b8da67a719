#include "tests/unit/client/fake_answers.h"

#include "common/result_hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- an honest answer to a statement ---- */

struct answer {
    bool failed;
    char sqlstate[6];
    char tag[32];
    unsigned rows;
    struct slice text; /* the value of the only row; else row numbers */
};

static bool begins_with(struct slice text, const char *word)
{
    return text.size >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

static struct answer answer_of(struct slice text)
{
    struct answer answer = {.sqlstate = "00000", .rows = 1, .text = text};
    char copy[64] = "";
    memcpy(copy, text.data, text.size < sizeof copy - 1 ? text.size : sizeof copy - 1);
    snprintf(answer.tag, sizeof answer.tag, "SELECT 1");
    if (begins_with(text, "FAIL ")) {
        answer.failed = true;
        memcpy(answer.sqlstate, copy + 5, 5);
    } else if (begins_with(text, "ROWS ")) {
        answer.rows = (unsigned)strtoul(copy + 5, NULL, 10);
        answer.text = slice_of(NULL, 0);
        snprintf(answer.tag, sizeof answer.tag, "SELECT %u", answer.rows);
    } else if (begins_with(text, "UPDATE") || begins_with(text, "CONFLICT")) {
        answer.rows = 0;
        snprintf(answer.tag, sizeof answer.tag, "UPDATE 3");
    } else if (begins_with(text, "ROLLBACK")) {
        answer.rows = 0;
        snprintf(answer.tag, sizeof answer.tag, "ROLLBACK");
    }
    return answer;
}

/* A liar's row says something else. */
static void put_row(struct buffer *row, const struct answer *answer, unsigned number, bool lie)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%u", number);
    buffer_clear(row);
    row_put_value(row, slice_text(digits));
    if (lie)
        row_put_value(row, slice_text("lie"));
    else if (answer->text.data != NULL)
        row_put_value(row, answer->text);
    else
        row_put_null(row);
}

static void put_columns(struct buffer *columns)
{
    column_put(columns, &(struct column){.name = slice_text("number"), .type_oid = 23});
    column_put(columns, &(struct column){.name = slice_text("text"), .type_oid = 25});
}

static void hash_answer(const struct answer *answer, uint8_t ret[static DIGEST_BYTES])
{
    struct result_hash *hash = result_hash_new();
    struct buffer row = BUFFER_INIT(1 << 20);
    result_hash_start(hash);
    if (answer->rows > 0) {
        result_hash_column(hash, slice_text("number"), 23);
        result_hash_column(hash, slice_text("text"), 25);
    }
    for (unsigned i = 0; i < answer->rows; i++) {
        put_row(&row, answer, i, false);
        result_hash_row(hash, buffer_slice(&row));
    }
    if (answer->failed)
        result_hash_error(answer->sqlstate, ret);
    else
        result_hash_finish(hash, slice_text(answer->tag), ret);
    buffer_free(&row);
    result_hash_free(hash);
}

/* A replica accepts one session on each link. */
static bool is_session(struct fake_link *link, uint64_t session)
{
    if (link->session == 0)
        link->session = session;
    return session != 0 && link->session == session;
}

/* ---- operations ---- */

static bool send_columns(SSL *ssl, struct result_key key)
{
    struct buffer columns = BUFFER_INIT(4096), body = BUFFER_INIT(8192);
    put_columns(&columns);
    result_columns_encode(
        &body, &(struct result_columns){.key = key, .count = 2, .columns = buffer_slice(&columns)});
    bool sent = fake_send(ssl, MESSAGE_RESULT_COLUMNS, &body);
    buffer_free(&columns);
    buffer_free(&body);
    return sent;
}

static bool send_rows(SSL *ssl, struct result_key key, const struct answer *answer, bool lie,
    unsigned first, unsigned count)
{
    struct buffer rows = BUFFER_INIT(2 << 20), row = BUFFER_INIT(1 << 20),
                  body = BUFFER_INIT(3 << 20);
    for (unsigned i = 0; i < count; i++) {
        put_row(&row, answer, first + i, lie);
        put_bytes(&rows, buffer_slice(&row));
    }
    result_rows_encode(
        &body, &(struct result_rows){.key = key, .count = count, .rows = buffer_slice(&rows)});
    bool sent = fake_send(ssl, MESSAGE_RESULT_ROWS, &body);
    buffer_free(&rows);
    buffer_free(&row);
    buffer_free(&body);
    return sent;
}

static bool send_end(SSL *ssl, struct result_key key, const struct answer *answer)
{
    struct buffer body = BUFFER_INIT(1 << 20);
    struct result_end end = {.key = key, .failed = answer->failed};
    end.text = slice_text(answer->failed ? "it failed" : answer->tag);
    end.hint = slice_text(answer->failed ? "HINT:  do not" : "");
    memcpy(end.sqlstate, answer->sqlstate, 5);
    result_end_encode(&body, &end);
    bool sent = fake_send(ssl, MESSAGE_RESULT_END, &body);
    buffer_free(&body);
    return sent;
}

static bool send_answer(SSL *ssl, struct result_key key, const struct answer *answer, bool lie)
{
    if (answer->rows > 0 && !send_columns(ssl, key))
        return false;
    for (unsigned i = 0; i < answer->rows; i += 1000) {
        unsigned left = answer->rows - i;
        if (!send_rows(ssl, key, answer, lie, i, left < 1000 ? left : 1000))
            return false;
    }
    return send_end(ssl, key, answer);
}

static bool send_rows_forever(SSL *ssl, struct result_key key, bool slowly)
{
    struct answer answer = {.text = slice_text("as long as a row usually is")};
    if (!send_columns(ssl, key))
        return false;
    while (send_rows(ssl, key, &answer, false, 0, slowly ? 1 : 1000))
        if (slowly)
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return false;
}

static bool send_wide_row(SSL *ssl, struct result_key key)
{
    struct buffer row = BUFFER_INIT(64), rows = BUFFER_INIT(128), body = BUFFER_INIT(256);
    for (int i = 0; i < 3; i++)
        row_put_null(&row);
    put_bytes(&rows, buffer_slice(&row));
    result_rows_encode(
        &body, &(struct result_rows){.key = key, .count = 1, .rows = buffer_slice(&rows)});
    bool sent = send_columns(ssl, key) && fake_send(ssl, MESSAGE_RESULT_ROWS, &body);
    buffer_free(&row);
    buffer_free(&rows);
    buffer_free(&body);
    return sent;
}

static bool send_text(SSL *ssl, enum message_type type, const char *text)
{
    struct buffer body = BUFFER_INIT(1 << 20);
    put_raw(&body, text, strlen(text));
    bool sent = fake_send(ssl, type, &body);
    buffer_free(&body);
    return sent;
}

static bool flood(SSL *ssl)
{
    while (send_text(ssl, MESSAGE_STATUS_TEXT, "nobody=asked\n"))
        continue;
    return false;
}

static bool send_goodbye_to_all(SSL *ssl, struct result_key key)
{
    struct answer going = {.failed = true, .sqlstate = "57P01"};
    return send_end(ssl, key, &going);
}

static bool misbehave(
    SSL *ssl, enum fake_mode mode, struct result_key key, const struct answer *answer)
{
    static const uint8_t oversize[] = {0xff, 0xff, 0xff, 0xff, MESSAGE_RESULT_ROWS, 1, 2, 3};
    switch (mode) {
    case FAKE_OPERATIONS_UNANSWERED:
        return true;
    case FAKE_RESULT_LIES:
        return send_answer(ssl, key, answer, true);
    case FAKE_RESULT_OVERSIZE:
        return send_rows_forever(ssl, key, false);
    case FAKE_RESULT_ENDLESS:
        return send_rows_forever(ssl, key, true);
    case FAKE_RESULT_WRONG_KEY:
        key.index++;
        return send_answer(ssl, key, answer, false);
    case FAKE_ROWS_WITHOUT_COLUMNS:
        return send_rows(ssl, key, answer, false, 0, 1);
    case FAKE_ROWS_TOO_WIDE:
        return send_wide_row(ssl, key);
    case FAKE_COLUMNS_TWICE:
        return send_columns(ssl, key) && send_columns(ssl, key);
    case FAKE_END_MALFORMED:
        return send_text(ssl, MESSAGE_RESULT_END, "this is no end");
    case FAKE_CLOSES_IN_THE_MIDDLE:
        return send_columns(ssl, key) && false;
    case FAKE_LOCAL_FAILURE:
        return send_goodbye_to_all(ssl, key);
    case FAKE_FRAME_OVERSIZE:
        return fake_send_raw(ssl, oversize, sizeof oversize);
    case FAKE_FRAME_UNKNOWN:
        return send_text(ssl, (enum message_type)250, "?");
    case FAKE_FLOODS:
        return flood(ssl);
    case FAKE_HONEST:
    case FAKE_REQUESTS_UNANSWERED:
    case FAKE_REPLY_LIES:
    case FAKE_REPLY_MALFORMED:
    case FAKE_REPLY_RANDOM:
    case FAKE_REPLY_MISMATCHED:
    case FAKE_QUERIES_UNANSWERED:
    case FAKE_ANSWER_MALFORMED:
    case FAKE_ANSWER_OTHER:
    case FAKE_GOODBYE:
    case FAKE_HELLO_WRONG:
    case FAKE_HANDSHAKE_STALLS:
    case FAKE_TLS_GARBAGE:
        break;
    }
    return send_answer(ssl, key, answer, false);
}

bool fake_answer_operation(struct fake_link *link, SSL *ssl, struct slice body)
{
    struct operation operation;
    const char *reason = operation_decode(body, &operation);
    assert(reason == NULL && is_session(link, operation.session)); /* the library is honest */
    struct result_key key = {operation.session, operation.transaction, operation.index};
    struct answer answer = answer_of(operation.statement.text);
    return misbehave(ssl, (enum fake_mode)link->replica->mode, key, &answer);
}

/* ---- ordered requests ---- */

/* Compares the list with what an honest replica would have answered (figure 3, exec_and_verify). */
static void verify_list(const struct order *order, struct outcome *outcome)
{
    struct reader r = reader_of(order->entries);
    outcome->verdict = order->entry_count == 0 ? VERDICT_NONE : VERDICT_CONFIRMED;
    for (uint32_t i = 0; i < order->entry_count; i++) {
        struct entry entry;
        uint8_t digest[DIGEST_BYTES];
        const char *reason = entry_take(&r, &entry);
        assert(reason == NULL);
        struct answer answer = answer_of(entry.statement.text);
        hash_answer(&answer, digest);
        bool conflict = begins_with(entry.statement.text, "CONFLICT");
        bool same = memcmp(digest, entry.result_hash, DIGEST_BYTES) == 0;
        if (same && (!conflict || order->kind == ORDER_ROLLBACK))
            continue;
        bool vague = begins_with(entry.statement.text, "VAGUE");
        outcome->kind = OUTCOME_ABORTED;
        outcome->verdict = same ? VERDICT_NONE : vague ? VERDICT_UNCONFIRMED : VERDICT_LIED;
        outcome->statement = i;
        memcpy(outcome->sqlstate, same || vague ? "40001" : "BZ001", 5);
        return;
    }
}

static struct outcome honest_outcome(const struct fake_link *link, const struct order *order)
{
    struct outcome outcome = {.sqlstate = {'0', '0', '0', '0', '0'}};
    switch (order->kind) {
    case ORDER_INVALID:
        abort();
    case ORDER_BEGIN:
        outcome.kind = OUTCOME_BEGUN;
        outcome.epoch = link->replica->cluster->begun_epoch;
        break;
    case ORDER_COMMIT:
        outcome.kind = OUTCOME_COMMITTED;
        outcome.epoch = 6;
        verify_list(order, &outcome);
        break;
    case ORDER_ROLLBACK:
        outcome.kind = OUTCOME_ROLLED_BACK;
        verify_list(order, &outcome);
        break;
    }
    if (outcome.kind == OUTCOME_ABORTED)
        outcome.epoch = 0;
    return outcome;
}

static void refuse(struct outcome *outcome, const char *sqlstate)
{
    *outcome = (struct outcome){.kind = OUTCOME_REFUSED};
    memcpy(outcome->sqlstate, sqlstate, 5);
}

static bool send_reply(SSL *ssl, const struct request *request, struct slice result)
{
    struct buffer body = BUFFER_INIT(1024);
    struct reply reply = {.session = request->session, .number = request->number, .result = result};
    reply_encode(&body, &reply);
    bool sent = fake_send(ssl, MESSAGE_REPLY, &body);
    buffer_free(&body);
    return sent;
}

static bool is_signed(const struct fake_link *link, const struct request *request)
{
    const struct config *config = link->replica->cluster->config;
    struct public_key *key = public_key_parse(config->clients[request->client].public_key);
    struct buffer b = BUFFER_INIT(2 << 20);
    request_put_signed_part(&b, request);
    bool good = verify(key, config->identity, SIGN_REQUEST, b.data, b.size, request->signature);
    buffer_free(&b);
    public_key_free(key);
    return good;
}

/* What a liar makes of the outcome. */
static void falsify(
    struct outcome *outcome, enum fake_mode mode, const struct fake_replica *replica)
{
    if (mode == FAKE_REPLY_LIES)
        refuse(outcome, "53300");
    if (mode == FAKE_REPLY_MISMATCHED)
        *outcome =
            (struct outcome){.kind = OUTCOME_ROLLED_BACK, .sqlstate = {'0', '0', '0', '0', '0'}};
    if (mode == FAKE_REPLY_RANDOM) {
        refuse(outcome, "53300");
        outcome->statement = replica->index;
    }
}

bool fake_answer_request(struct fake_link *link, SSL *ssl, struct slice body)
{
    enum fake_mode mode = (enum fake_mode)link->replica->mode;
    struct request request;
    struct order order;
    const char *reason = request_decode(body, &request);
    assert(reason == NULL && is_signed(link, &request) && is_session(link, request.session));
    reason = order_decode(request.body, &order);
    assert(reason == NULL);
    if (mode == FAKE_REQUESTS_UNANSWERED)
        return true;
    if (mode == FAKE_REPLY_MALFORMED)
        return send_reply(ssl, &request, slice_text("this is no outcome"));
    if (mode == FAKE_FLOODS)
        return flood(ssl);
    struct outcome outcome = honest_outcome(link, &order);
    if (link->replica->to_forget > 0) {
        link->replica->to_forget--;
        refuse(&outcome, "08003");
    }
    falsify(&outcome, mode, link->replica);
    struct buffer encoded = BUFFER_INIT(REPLY_BYTES_MAX);
    outcome_put(&encoded, &outcome);
    bool sent = send_reply(ssl, &request, buffer_slice(&encoded));
    buffer_free(&encoded);
    return sent;
}

bool fake_answer_query(struct fake_link *link, SSL *ssl, struct slice body)
{
    struct fake_replica *replica = link->replica;
    struct query query;
    const char *reason = query_decode(body, &query);
    assert(reason == NULL && query.kind == QUERY_EPOCH && is_session(link, query.session));
    if (replica->mode == FAKE_QUERIES_UNANSWERED)
        return true;
    struct epoch_answer epoch = {.epoch = replica->epoch, .barrier_epoch = 1};
    if (replica->to_lag > 0) {
        replica->to_lag--;
        epoch.epoch--;
    }
    if (replica->mode == FAKE_ANSWER_OTHER)
        query.number = query.number > 1 ? query.number - 1 : UINT64_MAX;
    if (replica->mode == FAKE_ANSWER_MALFORMED)
        epoch.barrier_epoch = epoch.epoch + 1;
    struct buffer encoded = BUFFER_INIT(REPLY_BYTES_MAX), answer = BUFFER_INIT(1024);
    epoch_answer_put(&encoded, &epoch);
    query_answer_encode(&answer,
        &(struct query_answer){
            .session = query.session, .number = query.number, .answer = buffer_slice(&encoded)});
    bool sent = fake_send(ssl, MESSAGE_ANSWER, &answer);
    buffer_free(&encoded);
    buffer_free(&answer);
    return sent;
}

bool fake_answer_status(struct fake_link *link, SSL *ssl)
{
    char text[64];
    snprintf(text, sizeof text, "replica=%u\nstate=\x1bpretended\n", link->replica->index);
    return send_text(ssl, MESSAGE_STATUS_TEXT, text);
}
