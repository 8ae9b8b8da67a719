/* The rule of each field: what a liar can put into it, and the reason that the decoder gives. */
#include "common/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/result_hash.h"

static struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
static struct buffer parts = BUFFER_INIT(FRAME_BODY_BYTES_MAX);

/* Encodes m and expects that decoding gives this reason (NULL: valid). */
#define EXPECT(name, m, expected)                                                                  \
    do {                                                                                           \
        struct name decoded_;                                                                      \
        buffer_clear(&body);                                                                       \
        name##_encode(&body, (m));                                                                 \
        assert_false(body.failed);                                                                 \
        expect_reason(name##_decode(buffer_slice(&body), &decoded_), (expected), __LINE__);        \
    } while (0)

static void expect_reason(const char *reason, const char *expected, int line)
{
    bool same =
        reason == NULL || expected == NULL ? reason == expected : strcmp(reason, expected) == 0;
    if (!same)
        fail_msg("line %d: got \"%s\", expected \"%s\"", line, reason == NULL ? "valid" : reason,
            expected == NULL ? "valid" : expected);
}

#define TRUNCATED "truncated, or a field is longer than its limit"
#define TRAILING "bytes follow the message's end"

static void hello(void **state)
{
    struct hello m = {.version = PROTOCOL_VERSION, .role = HELLO_REPLICA};
    EXPECT(hello, &m, NULL);
    m.id = REPLICAS_MAX;
    EXPECT(hello, &m, "replica number out of range");
    m.role = HELLO_CLIENT;
    EXPECT(hello, &m, NULL);
    m.id = CLIENT_KEYS_MAX;
    EXPECT(hello, &m, "client number out of range");
    m.role = HELLO_INVALID;
    EXPECT(hello, &m, "unknown role");
    m.role = (enum hello_role)3;
    EXPECT(hello, &m, "unknown role");
    m.version = PROTOCOL_VERSION + 1;
    EXPECT(hello, &m, "another version of the protocol");
    /* … whatever a later version's HELLO looks like behind its version. */
    static const uint8_t later[] = {0, PROTOCOL_VERSION + 1};
    expect_reason(
        hello_decode(slice_of(later, sizeof later), &m), "another version of the protocol", 0);
}

static void goodbye(void **state)
{
    struct goodbye m = {.sqlstate = "57P01", .text = slice_text("bye")};
    EXPECT(goodbye, &m, NULL);
    m.text = slice_of("a\0b", 3);
    EXPECT(goodbye, &m, "NUL in a text");
    m.text = slice_text("bye");
    static const char bad[] = "abcdz/:@[\0 ~";
    for (size_t i = 0; i < sizeof bad; i++) {
        m.sqlstate[4] = bad[i];
        EXPECT(goodbye, &m, "malformed SQLSTATE");
    }
}

static void request(void **state)
{
    struct request m = {.client = CLIENT_KEYS_MAX - 1, .number = 1, .body = slice_text("x")};
    EXPECT(request, &m, NULL);
    m.number = 0;
    EXPECT(request, &m, "requests are numbered from 1");
    m.number = 1;
    m.client = CLIENT_KEYS_MAX;
    EXPECT(request, &m, "client number out of range");
    static uint8_t large[REQUEST_BODY_BYTES_MAX + 1];
    m = (struct request){.number = 1, .body = {.data = large, .size = sizeof large}};
    EXPECT(request, &m, TRUNCATED);
}

static void order(void **state)
{
    struct order m = {.kind = ORDER_BEGIN, .coordinator = REPLICAS_MAX - 1};
    EXPECT(order, &m, NULL);
    m.coordinator = REPLICAS_MAX;
    EXPECT(order, &m, "coordinator out of range");
    m = (struct order){.kind = ORDER_COMMIT, .transaction = 1};
    EXPECT(order, &m, NULL);
    m.kind = ORDER_ROLLBACK;
    EXPECT(order, &m, NULL);
    m.transaction = 0;
    EXPECT(order, &m, "transactions are numbered from 1");
    m.transaction = 1;
    m.entry_count = ENTRIES_MAX + 1;
    EXPECT(order, &m, "too many operations");
    m.entry_count = 1;
    EXPECT(order, &m, TRUNCATED);
    expect_reason(order_decode(slice_of("\0\0\0", 3), &m), "unknown kind of order", 0);
    expect_reason(order_decode(slice_of("\4\0\0", 3), &m), "unknown kind of order", 0);
    expect_reason(order_decode(slice_of(NULL, 0), &m), TRUNCATED, 0);
    static uint8_t large[REQUEST_BODY_BYTES_MAX + 1];
    expect_reason(order_decode(slice_of(large, sizeof large), &m), "longer than a request", 0);
}

static void an_invalid_order_is_not_encoded(void **state)
{
    struct order m = {.kind = ORDER_INVALID};
    buffer_clear(&body);
    order_encode(&body, &m);
    assert_true(body.failed);
}

/* Decodes a COMMIT with this one entry. */
static const char *reason_of_entry(const struct entry *e)
{
    buffer_clear(&parts);
    entry_put(&parts, e);
    struct order m = {
        .kind = ORDER_COMMIT, .transaction = 1, .entry_count = 1, .entries = buffer_slice(&parts)};
    buffer_clear(&body);
    order_encode(&body, &m);
    return order_decode(buffer_slice(&body), &m);
}

static void entry(void **state)
{
    struct entry e = {.statement = {.text = slice_text("SELECT 1")}, .hash_version = 1};
    expect_reason(reason_of_entry(&e), NULL, __LINE__);
    e.hash_version = 2;
    expect_reason(reason_of_entry(&e), "unknown version of the result hash", __LINE__);
    e.hash_version = 1;
    e.executor = REPLICAS_MAX;
    expect_reason(reason_of_entry(&e), "executor out of range", __LINE__);
    e.executor = 0;
    e.choices = slice_text("x");
    expect_reason(reason_of_entry(&e), "recorded choices are not part of this version", __LINE__);
    e.choices = slice_of(NULL, 0);
    e.statement.text = slice_of("SELECT\0 1", 9);
    expect_reason(reason_of_entry(&e), "NUL in a statement", __LINE__);
}

static void a_bool_of_an_entry_is_0_or_1(void **state)
{
    struct entry e = {.hash_version = 1};
    buffer_clear(&parts);
    entry_put(&parts, &e);
    parts.data[parts.size - DIGEST_BYTES - 1] = 2; /* failed */
    struct reader r = reader_of(buffer_slice(&parts));
    expect_reason(entry_take(&r, &e), TRUNCATED, __LINE__);
    assert_true(r.failed);
}

static const char *reason_of_statement(const struct statement *s)
{
    struct operation m = {.transaction = 1, .statement = *s};
    buffer_clear(&body);
    operation_encode(&body, &m);
    return operation_decode(buffer_slice(&body), &m);
}

static void statement(void **state)
{
    static char text[STATEMENT_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    struct statement s = {.text = slice_of(text, STATEMENT_BYTES_MAX)};
    expect_reason(reason_of_statement(&s), NULL, __LINE__);
    s.text.size++;
    expect_reason(reason_of_statement(&s), TRUNCATED, __LINE__);
    s.text = slice_of("\0", 1);
    expect_reason(reason_of_statement(&s), "NUL in a statement", __LINE__);
}

static void parameters(void **state)
{
    struct statement s = {.text = slice_text("SELECT")};
    buffer_clear(&parts);
    for (unsigned i = 0; i <= PARAMETERS_MAX; i++)
        parameter_put(&parts, &(struct parameter){.is_null = true});
    s.parameters = slice_of(parts.data, parts.size - 5);
    s.parameter_count = PARAMETERS_MAX;
    expect_reason(reason_of_statement(&s), NULL, __LINE__);
    s.parameters = buffer_slice(&parts);
    expect_reason(reason_of_statement(&s), TRAILING, __LINE__);
    s.parameter_count = PARAMETERS_MAX + 1;
    expect_reason(reason_of_statement(&s), "too many parameters", __LINE__);
    s.parameter_count = UINT32_MAX;
    expect_reason(reason_of_statement(&s), "too many parameters", __LINE__);
}

static void parameter(void **state)
{
    struct parameter p = {.type_oid = FIRST_USER_OID - 1, .value = slice_text("1")};
    struct statement s = {.parameter_count = 1};
    buffer_clear(&parts);
    parameter_put(&parts, &p);
    s.parameters = buffer_slice(&parts);
    expect_reason(reason_of_statement(&s), NULL, __LINE__);
    parts.data[4] = 2; /* is_null */
    expect_reason(reason_of_statement(&s), TRUNCATED, __LINE__);

    p.type_oid = FIRST_USER_OID;
    buffer_clear(&parts);
    parameter_put(&parts, &p);
    s.parameters = buffer_slice(&parts);
    expect_reason(reason_of_statement(&s), "a parameter's type is user-defined", __LINE__);

    p = (struct parameter){.value = slice_of("1\0", 2)};
    buffer_clear(&parts);
    parameter_put(&parts, &p);
    s.parameters = buffer_slice(&parts);
    expect_reason(reason_of_statement(&s), "NUL in a parameter", __LINE__);
}

static void operation(void **state)
{
    struct operation m = {.transaction = 1, .index = ENTRIES_MAX - 1};
    EXPECT(operation, &m, NULL);
    m.index = ENTRIES_MAX;
    EXPECT(operation, &m, "too many operations");
    m.index = 0;
    m.transaction = 0;
    EXPECT(operation, &m, "transactions are numbered from 1");
    static uint8_t large[REQUEST_BODY_BYTES_MAX + 1];
    expect_reason(
        operation_decode(slice_of(large, sizeof large), &m), "longer than a request", __LINE__);
}

static void cancel(void **state)
{
    struct cancel m = {.transaction = 1};
    EXPECT(cancel, &m, NULL);
    m.transaction = 0;
    EXPECT(cancel, &m, "transactions are numbered from 1");
}

static const struct result_key key = {.transaction = 1};

static void result_key(void **state)
{
    struct result_end m = {.key = key, .sqlstate = "00000"};
    EXPECT(result_end, &m, NULL);
    m.key.index = ENTRIES_MAX;
    EXPECT(result_end, &m, "too many operations");
    m.key = (struct result_key){0};
    EXPECT(result_end, &m, "transactions are numbered from 1");
}

static void result_columns(void **state)
{
    struct column c = {.name = slice_text("a"), .type_oid = FIRST_USER_OID - 1};
    buffer_clear(&parts);
    column_put(&parts, &c);
    struct result_columns m = {.key = key, .count = 1, .columns = buffer_slice(&parts)};
    EXPECT(result_columns, &m, NULL);
    m.count = 2;
    EXPECT(result_columns, &m, TRUNCATED);
    m.count = 0;
    EXPECT(result_columns, &m, TRAILING);
    m.count = COLUMNS_MAX + 1;
    EXPECT(result_columns, &m, "too many columns");

    c.type_oid = FIRST_USER_OID;
    buffer_clear(&parts);
    column_put(&parts, &c);
    m = (struct result_columns){.key = key, .count = 1, .columns = buffer_slice(&parts)};
    EXPECT(result_columns, &m, "a user-defined type must be sent as 0");

    c = (struct column){.name = slice_of("\0", 1)};
    buffer_clear(&parts);
    column_put(&parts, &c);
    m.columns = buffer_slice(&parts);
    EXPECT(result_columns, &m, "NUL in a column's name");

    char name[NAME_BYTES_MAX + 1];
    memset(name, 'n', sizeof name);
    c.name = slice_of(name, sizeof name);
    buffer_clear(&parts);
    column_put(&parts, &c);
    m.columns = buffer_slice(&parts);
    EXPECT(result_columns, &m, TRUNCATED);
}

/* Decodes ROWS with this one row. */
static const char *reason_of_row(const void *row, size_t size)
{
    buffer_clear(&parts);
    put_bytes(&parts, slice_of(row, size));
    struct result_rows m = {.key = key, .count = 1, .rows = buffer_slice(&parts)};
    buffer_clear(&body);
    result_rows_encode(&body, &m);
    return result_rows_decode(buffer_slice(&body), &m);
}

static void result_rows(void **state)
{
    expect_reason(reason_of_row("", 0), NULL, __LINE__);
    expect_reason(reason_of_row("\0\1\0\0\0\1x", 7), NULL, __LINE__);
    expect_reason(reason_of_row("\2", 1), "malformed row", __LINE__);
    expect_reason(reason_of_row("\1\0\0\0\2x", 6), "malformed row", __LINE__);
    expect_reason(reason_of_row("\1\0\0\0\1\0", 6), "NUL in a value", __LINE__);
    static const uint8_t nulls[COLUMNS_MAX + 1];
    expect_reason(reason_of_row(nulls, COLUMNS_MAX), NULL, __LINE__);
    expect_reason(reason_of_row(nulls, COLUMNS_MAX + 1), "too many columns", __LINE__);

    struct result_rows m = {.key = key, .count = RESULT_ROWS_MAX + 1};
    EXPECT(result_rows, &m, "too many rows");
    m.count = RESULT_ROWS_MAX;
    EXPECT(result_rows, &m, TRUNCATED);
}

static void result_end(void **state)
{
    struct result_end m = {.key = key, .sqlstate = "00000", .text = slice_text("SELECT 1")};
    EXPECT(result_end, &m, NULL);
    m.failed = true;
    EXPECT(result_end, &m, "the SQLSTATE contradicts success or failure");
    memcpy(m.sqlstate, "42P01", 5);
    EXPECT(result_end, &m, NULL);
    m.failed = false;
    EXPECT(result_end, &m, "the SQLSTATE contradicts success or failure");
    memcpy(m.sqlstate, "42p01", 5);
    EXPECT(result_end, &m, "malformed SQLSTATE");
    memcpy(m.sqlstate, "00000", 5);
    m.hint = slice_of("\0", 1);
    EXPECT(result_end, &m, "NUL in a text");
}

static void reply(void **state)
{
    static const uint8_t result[REPLY_BYTES_MAX + 1];
    struct reply m = {.number = 1, .result = slice_of(result, REPLY_BYTES_MAX)};
    EXPECT(reply, &m, NULL);
    m.result.size++;
    EXPECT(reply, &m, TRUNCATED);
    m = (struct reply){0};
    EXPECT(reply, &m, "requests are numbered from 1");
}

static const char *reason_of_outcome(const struct outcome *o)
{
    buffer_clear(&body);
    outcome_put(&body, o);
    struct reader r = reader_of(buffer_slice(&body));
    struct outcome decoded;
    return outcome_take(&r, &decoded);
}

static void outcome(void **state)
{
    struct outcome o = {.kind = OUTCOME_COMMITTED, .sqlstate = "00000", .epoch = 7};
    o.barrier = true;
    expect_reason(reason_of_outcome(&o), NULL, __LINE__);
    o.statement = ENTRIES_MAX + 1;
    expect_reason(reason_of_outcome(&o), "statement out of range", __LINE__);
    o.statement = 0;
    o.verdict = (enum verdict)4;
    expect_reason(reason_of_outcome(&o), "unknown verdict", __LINE__);
    o.verdict = VERDICT_NONE;
    o.sqlstate[0] = 0;
    expect_reason(reason_of_outcome(&o), "malformed SQLSTATE", __LINE__);
    memcpy(o.sqlstate, "40001", 5);
    expect_reason(reason_of_outcome(&o), "committed with an error", __LINE__);
    o.kind = OUTCOME_INVALID;
    expect_reason(reason_of_outcome(&o), "unknown kind of outcome", __LINE__);
    o.kind = (enum outcome_kind)6;
    expect_reason(reason_of_outcome(&o), "unknown kind of outcome", __LINE__);
}

static void fields_without_meaning_are_zero(void **state)
{
    struct outcome o = {.kind = OUTCOME_BEGUN, .sqlstate = "00000", .epoch = 7};
    expect_reason(reason_of_outcome(&o), NULL, __LINE__);
    o.barrier = true;
    expect_reason(reason_of_outcome(&o), "not the outcome of a BEGIN", __LINE__);
    o = (struct outcome){.kind = OUTCOME_ROLLED_BACK, .sqlstate = "00000"};
    expect_reason(reason_of_outcome(&o), NULL, __LINE__);
    o.epoch = 1;
    expect_reason(reason_of_outcome(&o), "not the outcome of a ROLLBACK", __LINE__);
    o = (struct outcome){.kind = OUTCOME_ABORTED, .sqlstate = "40001"};
    expect_reason(reason_of_outcome(&o), NULL, __LINE__);
    o.epoch = 1;
    expect_reason(reason_of_outcome(&o), "not the outcome of a failure", __LINE__);
    o = (struct outcome){.kind = OUTCOME_REFUSED, .sqlstate = "00000"};
    expect_reason(reason_of_outcome(&o), "not the outcome of a failure", __LINE__);
}

static const char *reason_of_batch(const struct batch *m)
{
    struct pre_prepare p = {.batch = *m};
    buffer_clear(&body);
    pre_prepare_encode(&body, &p);
    return pre_prepare_decode(buffer_slice(&body), &p);
}

static void batch(void **state)
{
    struct batch m = {.seq = 1, .timestamp_us = 1};
    expect_reason(reason_of_batch(&m), NULL, __LINE__);
    m.seq = 0;
    expect_reason(reason_of_batch(&m), "batches are numbered from 1", __LINE__);
    m.seq = 1;
    struct request r = {.number = 1};
    buffer_clear(&parts);
    for (unsigned i = 0; i < BATCH_REQUESTS_MAX; i++)
        request_encode(&parts, &r);
    m.request_count = BATCH_REQUESTS_MAX;
    m.requests = buffer_slice(&parts);
    expect_reason(reason_of_batch(&m), NULL, __LINE__);
    m.request_count++;
    expect_reason(reason_of_batch(&m), "too many requests", __LINE__);
    m.request_count -= 2;
    expect_reason(reason_of_batch(&m), TRAILING, __LINE__);
}

static void a_batch_is_bounded_in_bytes(void **state)
{
    static uint8_t large[REQUEST_BODY_BYTES_MAX];
    struct request r = {.number = 1, .body = slice_of(large, sizeof large)};
    buffer_clear(&parts);
    request_encode(&parts, &r);
    request_encode(&parts, &r);
    struct batch m = {
        .seq = 1, .timestamp_us = 1, .request_count = 2, .requests = buffer_slice(&parts)};
    expect_reason(reason_of_batch(&m), "the batch is too long", __LINE__);
}

static void a_null_batch_is_empty(void **state)
{
    struct batch m = {.seq = 1};
    expect_reason(reason_of_batch(&m), NULL, __LINE__);
    struct request r = {.number = 1};
    buffer_clear(&parts);
    request_encode(&parts, &r);
    m.request_count = 1;
    m.requests = buffer_slice(&parts);
    expect_reason(reason_of_batch(&m), "a null batch with a content", __LINE__);
    struct contribution c = {.number = 1};
    buffer_clear(&parts);
    contribution_put(&parts, &c);
    m = (struct batch){.seq = 1, .contribution_count = 1, .contributions = buffer_slice(&parts)};
    expect_reason(reason_of_batch(&m), "a null batch with a content", __LINE__);
}

static void agreement(void **state)
{
    struct prepare p = {.seq = 1, .replica = REPLICAS_MAX - 1};
    EXPECT(prepare, &p, NULL);
    p.replica = REPLICAS_MAX;
    EXPECT(prepare, &p, "replica number out of range");
    p.seq = 0;
    EXPECT(prepare, &p, "batches are numbered from 1");
    struct commit c = {.seq = 0};
    EXPECT(commit, &c, "batches are numbered from 1");
    struct checkpoint k = {.seq = 1, .replica = REPLICAS_MAX};
    EXPECT(checkpoint, &k, "replica number out of range");
    k.seq = 0;
    EXPECT(checkpoint, &k, "batches are numbered from 1");
}

static void fetch(void **state)
{
    struct fetch m = {.seq = 1, .count = 1};
    EXPECT(fetch, &m, NULL);
    m.count = 0;
    EXPECT(fetch, &m, "number of batches out of range");
    m.count = FETCH_BATCHES_MAX + 1;
    EXPECT(fetch, &m, "number of batches out of range");
    m = (struct fetch){.seq = 0, .count = 1};
    EXPECT(fetch, &m, "batches are numbered from 1");
}

static void fetched(void **state)
{
    struct request r = {.number = 1};
    struct buffer requests = BUFFER_INIT(1024);
    request_encode(&requests, &r);
    buffer_clear(&parts);
    outcome_put_skipped(&parts);
    struct fetched m = {
        .batch = {
            .seq = 1, .timestamp_us = 1, .request_count = 1, .requests = buffer_slice(&requests)}};
    EXPECT(fetched, &m, NULL);
    m.outcome_count = 1;
    m.outcomes = buffer_slice(&parts);
    EXPECT(fetched, &m, NULL);
    outcome_put_skipped(&parts);
    m.outcome_count = 2;
    m.outcomes = buffer_slice(&parts);
    EXPECT(fetched, &m, "outcomes and requests differ in number");
    m.outcome_count = 1;
    EXPECT(fetched, &m, TRAILING);
    parts.data[0] = 9;
    m.outcomes.size = OUTCOME_BYTES;
    EXPECT(fetched, &m, "malformed SQLSTATE");
    buffer_free(&requests);
}

static void vote(void **state)
{
    struct vote m = {.seq = 1,
        .index = BATCH_REQUESTS_MAX - 1,
        .outcome = {.kind = OUTCOME_COMMITTED, .sqlstate = "00000"}};
    EXPECT(vote, &m, NULL);
    m.index++;
    EXPECT(vote, &m, "request out of range");
    m.index = 0;
    m.outcome.epoch = 1;
    EXPECT(vote, &m, "not the outcome of an execution");
    m.outcome.epoch = 0;
    m.outcome.kind = OUTCOME_BEGUN;
    EXPECT(vote, &m, "not the outcome of an execution");
    m.seq = 0;
    EXPECT(vote, &m, "batches are numbered from 1");
}

static int tear_down(void **state)
{
    buffer_free(&body);
    buffer_free(&parts);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello),
        cmocka_unit_test(goodbye),
        cmocka_unit_test(request),
        cmocka_unit_test(order),
        cmocka_unit_test(an_invalid_order_is_not_encoded),
        cmocka_unit_test(entry),
        cmocka_unit_test(a_bool_of_an_entry_is_0_or_1),
        cmocka_unit_test(statement),
        cmocka_unit_test(parameters),
        cmocka_unit_test(parameter),
        cmocka_unit_test(operation),
        cmocka_unit_test(cancel),
        cmocka_unit_test(result_key),
        cmocka_unit_test(result_columns),
        cmocka_unit_test(result_rows),
        cmocka_unit_test(result_end),
        cmocka_unit_test(reply),
        cmocka_unit_test(outcome),
        cmocka_unit_test(fields_without_meaning_are_zero),
        cmocka_unit_test(batch),
        cmocka_unit_test(a_batch_is_bounded_in_bytes),
        cmocka_unit_test(a_null_batch_is_empty),
        cmocka_unit_test(agreement),
        cmocka_unit_test(fetch),
        cmocka_unit_test(fetched),
        cmocka_unit_test(vote),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
