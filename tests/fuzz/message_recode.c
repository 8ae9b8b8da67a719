#include "tests/fuzz/message_recode.h"

#include "common/message.h"
#include "common/result_hash.h"

#include <assert.h>

/* The parts of a valid message are valid: their decoders have the last word only once. */
static void must_take(const char *reason)
{
    assert(reason == NULL);
}

/* ---- parts: each is taken from its slice and put into `parts` ---- */

static void recode_statement(struct statement *s, struct buffer *parts)
{
    struct reader r = reader_of(s->parameters);
    size_t begin = parts->size;
    for (uint32_t i = 0; i < s->parameter_count; i++) {
        struct parameter p;
        must_take(parameter_take(&r, &p));
        parameter_put(parts, &p);
    }
    assert(reader_done(&r));
    assert(!parts->failed && parts->size - begin == s->parameters.size);
    s->parameters = slice_of(parts->data + begin, parts->size - begin);
}

static struct slice recode_entries(const struct order *m, struct buffer *parts)
{
    struct buffer entries = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct reader r = reader_of(m->entries);
    for (uint32_t i = 0; i < m->entry_count; i++) {
        struct entry e;
        must_take(entry_take(&r, &e));
        buffer_clear(parts);
        recode_statement(&e.statement, parts);
        entry_put(&entries, &e);
    }
    assert(reader_done(&r) && !entries.failed);
    buffer_clear(parts);
    put_raw(parts, entries.data, entries.size);
    buffer_free(&entries);
    return buffer_slice(parts);
}

static void recode_batch_parts(struct batch *m, struct buffer *parts)
{
    struct reader r = reader_of(m->requests);
    for (uint32_t i = 0; i < m->request_count; i++) {
        struct request request;
        must_take(request_take(&r, &request));
        request_encode(parts, &request);
    }
    assert(reader_done(&r));
    size_t middle = parts->size;
    r = reader_of(m->contributions);
    for (uint32_t i = 0; i < m->contribution_count; i++) {
        struct contribution c;
        must_take(contribution_take(&r, &c));
        contribution_put(parts, &c);
    }
    assert(reader_done(&r) && !parts->failed);
    m->requests = slice_of(parts->data, middle);
    m->contributions = slice_of(parts->data + middle, parts->size - middle);
}

static struct slice recode_columns(const struct result_columns *m, struct buffer *parts)
{
    struct reader r = reader_of(m->columns);
    for (uint32_t i = 0; i < m->count; i++) {
        struct column c;
        must_take(column_take(&r, &c));
        column_put(parts, &c);
    }
    assert(reader_done(&r));
    return buffer_slice(parts);
}

static void recode_row(struct slice row, struct buffer *ret)
{
    struct reader r = reader_of(row);
    while (reader_left(&r) > 0) {
        bool is_null;
        struct slice value;
        bool ok = row_take(&r, &is_null, &value);
        assert(ok);
        if (is_null)
            row_put_null(ret);
        else
            row_put_value(ret, value);
    }
}

static struct slice recode_rows(const struct result_rows *m, struct buffer *parts)
{
    struct buffer row = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct reader r = reader_of(m->rows);
    for (uint32_t i = 0; i < m->count; i++) {
        buffer_clear(&row);
        recode_row(get_bytes(&r, FRAME_BODY_BYTES_MAX), &row);
        put_bytes(parts, buffer_slice(&row));
    }
    assert(reader_done(&r));
    buffer_free(&row);
    return buffer_slice(parts);
}

/* ---- messages that consist of parts ---- */

static const char *recode_order(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct order m;
    const char *reason = order_decode(body, &m);
    if (reason != NULL)
        return reason;
    m.entries = recode_entries(&m, parts);
    order_encode(ret, &m);
    return NULL;
}

static const char *recode_operation(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct operation m;
    const char *reason = operation_decode(body, &m);
    if (reason != NULL)
        return reason;
    recode_statement(&m.statement, parts);
    operation_encode(ret, &m);
    return NULL;
}

static const char *recode_result_columns(
    struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct result_columns m;
    const char *reason = result_columns_decode(body, &m);
    if (reason != NULL)
        return reason;
    m.columns = recode_columns(&m, parts);
    result_columns_encode(ret, &m);
    return NULL;
}

static const char *recode_result_rows(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct result_rows m;
    const char *reason = result_rows_decode(body, &m);
    if (reason != NULL)
        return reason;
    m.rows = recode_rows(&m, parts);
    result_rows_encode(ret, &m);
    return NULL;
}

static const char *recode_pre_prepare(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct pre_prepare m;
    const char *reason = pre_prepare_decode(body, &m);
    if (reason != NULL)
        return reason;
    recode_batch_parts(&m.batch, parts);
    pre_prepare_encode(ret, &m);
    return NULL;
}

static const char *recode_batch(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct fetched m;
    const char *reason = fetched_decode(body, &m);
    if (reason != NULL)
        return reason;
    struct buffer outcomes = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    struct reader r = reader_of(m.outcomes);
    for (uint32_t i = 0; i < m.outcome_count; i++) {
        struct outcome o;
        must_take(fetched_outcome_take(&r, &o));
        if (o.kind == OUTCOME_INVALID)
            outcome_put_skipped(&outcomes);
        else
            outcome_put(&outcomes, &o);
    }
    assert(reader_done(&r));
    recode_batch_parts(&m.batch, parts);
    m.outcomes = buffer_slice(&outcomes);
    fetched_encode(ret, &m);
    buffer_free(&outcomes);
    return NULL;
}

static const char *recode_content(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct batch m;
    const char *reason = content_decode(body, &m);
    if (reason != NULL)
        return reason;
    recode_batch_parts(&m, parts);
    content_encode(ret, &m);
    return NULL;
}

static const char *recode_view_change(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct view_change m;
    const char *reason = view_change_decode(body, &m);
    if (reason != NULL)
        return reason;
    struct reader r = reader_of(m.proofs);
    for (uint32_t i = 0; i < m.proof_count; i++) {
        struct proof proof;
        must_take(proof_take(&r, &proof));
        proof_put(parts, &proof);
    }
    assert(reader_done(&r));
    m.proofs = buffer_slice(parts);
    view_change_put_content(ret, &m);
    assert(slice_equal(m.content, buffer_slice(ret)));
    put_raw(ret, m.signature, SIGNATURE_BYTES);
    return NULL;
}

static const char *recode_new_view(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct new_view m;
    const char *reason = new_view_decode(body, &m);
    if (reason != NULL)
        return reason;
    struct reader r = reader_of(m.carried);
    for (uint32_t i = 0; i < m.carried_count; i++) {
        struct carried carried;
        carried_take(&r, &carried);
        carried_put(parts, &carried);
    }
    assert(reader_done(&r));
    m.carried = buffer_slice(parts);
    new_view_put_content(ret, &m);
    assert(slice_equal(m.content, buffer_slice(ret)));
    put_raw(ret, m.signature, SIGNATURE_BYTES);
    return NULL;
}

static const char *recode_outcome(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct reader r = reader_of(body);
    struct outcome o;
    const char *reason = outcome_take(&r, &o);
    if (reason != NULL)
        return reason;
    if (!reader_done(&r))
        return "bytes follow";
    outcome_put(ret, &o);
    return NULL;
}

static const char *recode_epoch_answer(struct slice body, struct buffer *parts, struct buffer *ret)
{
    struct epoch_answer m;
    const char *reason = epoch_answer_decode(body, &m);
    if (reason == NULL)
        epoch_answer_put(ret, &m);
    return reason;
}

/* ---- messages of plain fields ---- */

#define PLAIN(name)                                                                                \
    static const char *recode_##name(struct slice body, struct buffer *parts, struct buffer *ret)  \
    {                                                                                              \
        struct name m;                                                                             \
        const char *reason = name##_decode(body, &m);                                              \
        if (reason == NULL)                                                                        \
            name##_encode(ret, &m);                                                                \
        return reason;                                                                             \
    }
PLAIN(hello)
PLAIN(goodbye)
PLAIN(request)
PLAIN(cancel)
PLAIN(query)
PLAIN(query_answer)
PLAIN(reply)
PLAIN(result_end)
PLAIN(prepare)
PLAIN(commit)
PLAIN(checkpoint)
PLAIN(status)
PLAIN(fetch)
PLAIN(stable)
PLAIN(contribution)
PLAIN(want)
PLAIN(vote)

static const struct {
    uint8_t type;
    const char *(*recode)(struct slice body, struct buffer *parts, struct buffer *ret);
} recoders[] = {
    {MESSAGE_HELLO, recode_hello},
    {MESSAGE_GOODBYE, recode_goodbye},
    {MESSAGE_REQUEST, recode_request},
    {MESSAGE_OPERATION, recode_operation},
    {MESSAGE_CANCEL, recode_cancel},
    {MESSAGE_QUERY, recode_query},
    {MESSAGE_ANSWER, recode_query_answer},
    {MESSAGE_REPLY, recode_reply},
    {MESSAGE_RESULT_COLUMNS, recode_result_columns},
    {MESSAGE_RESULT_ROWS, recode_result_rows},
    {MESSAGE_RESULT_END, recode_result_end},
    {MESSAGE_PRE_PREPARE, recode_pre_prepare},
    {MESSAGE_PREPARE, recode_prepare},
    {MESSAGE_COMMIT, recode_commit},
    {MESSAGE_CHECKPOINT, recode_checkpoint},
    {MESSAGE_STATUS, recode_status},
    {MESSAGE_FETCH, recode_fetch},
    {MESSAGE_BATCH, recode_batch},
    {MESSAGE_STABLE, recode_stable},
    {MESSAGE_CONTRIBUTION, recode_contribution},
    {MESSAGE_RELAY, recode_request},
    {MESSAGE_VIEW_CHANGE, recode_view_change},
    {MESSAGE_NEW_VIEW, recode_new_view},
    {MESSAGE_WANT, recode_want},
    {MESSAGE_CONTENT, recode_content},
    {MESSAGE_VOTE, recode_vote},
    {RECODE_ORDER, recode_order},
    {RECODE_OUTCOME, recode_outcome},
    {RECODE_EPOCH_ANSWER, recode_epoch_answer},
};

const char *message_recode(uint8_t type, struct slice body, struct buffer *ret)
{
    for (size_t i = 0; i < sizeof recoders / sizeof recoders[0]; i++) {
        if (recoders[i].type != type)
            continue;
        struct buffer parts = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
        const char *reason = recoders[i].recode(body, &parts, ret);
        buffer_free(&parts);
        return reason;
    }
    return "no such message";
}
