#include "tests/fuzz/message_samples.h"

#include "common/message.h"
#include "common/result_hash.h"
#include "tests/fuzz/message_recode.h"

#include <assert.h>
#include <string.h>

#define SESSION 0x1122334455667788u

/* Holds the parts of one sample while it is encoded. */
static uint8_t scratch_bytes[8192];
static size_t scratch_size;

static struct slice keep(struct buffer *b)
{
    assert(!b->failed && b->size <= sizeof scratch_bytes - scratch_size);
    uint8_t *at = scratch_bytes + scratch_size;
    memcpy(at, b->data, b->size);
    scratch_size += b->size;
    struct slice kept = slice_of(at, b->size);
    buffer_free(b);
    return kept;
}

/* ---- parts ---- */

static struct statement statement_with_parameters(void)
{
    struct buffer b = BUFFER_INIT(1024);
    parameter_put(&b, &(struct parameter){.type_oid = 23, .value = slice_text("42")});
    parameter_put(&b, &(struct parameter){.type_oid = 0, .is_null = true});
    parameter_put(&b, &(struct parameter){.type_oid = 25, .value = slice_text("")});
    return (struct statement){.text = slice_text("UPDATE t SET a = $1, b = $2 WHERE c = $3"),
        .parameter_count = 3,
        .parameters = keep(&b)};
}

static struct slice two_entries(void)
{
    struct buffer b = BUFFER_INIT(2048);
    struct entry e = {.statement = statement_with_parameters(),
        .executor = 2,
        .hash_version = RESULT_HASH_VERSION};
    memset(e.result_hash, 0xab, DIGEST_BYTES);
    entry_put(&b, &e);
    e.statement = (struct statement){.text = slice_text("SELECT 1/0")};
    e.failed = true;
    entry_put(&b, &e);
    return keep(&b);
}

static struct slice encoded_order(const struct order *m)
{
    struct buffer b = BUFFER_INIT(2048);
    order_encode(&b, m);
    return keep(&b);
}

static struct request request_begin(uint64_t number)
{
    struct request m = {.client = 1, .session = SESSION, .number = number};
    m.body = encoded_order(&(struct order){.kind = ORDER_BEGIN, .coordinator = 3});
    memset(m.signature, 0x5a, SIGNATURE_BYTES);
    return m;
}

static struct request request_commit(uint64_t number)
{
    struct request m = {.client = 1023, .session = UINT64_MAX, .number = number};
    m.body = encoded_order(&(struct order){
        .kind = ORDER_COMMIT, .transaction = 7, .entry_count = 2, .entries = two_entries()});
    memset(m.signature, 0xa5, SIGNATURE_BYTES);
    return m;
}

static struct contribution contribution_of(uint16_t replica)
{
    struct contribution m = {.number = 5, .replica = replica};
    memset(m.reveal, 0x0f, DIGEST_BYTES);
    memset(m.commitment, 0xf0, DIGEST_BYTES);
    memset(m.signature, 0x66, SIGNATURE_BYTES);
    return m;
}

static struct slice two_contributions(void)
{
    struct buffer b = BUFFER_INIT(1024);
    struct contribution first = contribution_of(0), second = contribution_of(REPLICAS_MAX - 1);
    contribution_put(&b, &first);
    contribution_put(&b, &second);
    return keep(&b);
}

static struct batch batch_of_two(void)
{
    struct buffer b = BUFFER_INIT(4096);
    struct request first = request_begin(1);
    struct request second = request_commit(9);
    request_encode(&b, &first);
    request_encode(&b, &second);
    return (struct batch){.seq = 12,
        .timestamp_us = 1700000000000000,
        .request_count = 2,
        .requests = keep(&b),
        .contribution_count = 2,
        .contributions = two_contributions()};
}

/* `count` signatures. */
static struct slice signatures(unsigned count)
{
    struct buffer b = BUFFER_INIT(REPLICAS_MAX * SIGNATURE_BYTES);
    for (unsigned i = 0; i < count * SIGNATURE_BYTES; i++)
        put_u8(&b, (uint8_t)i);
    return keep(&b);
}

static struct stable stable_of_three(uint64_t seq)
{
    struct stable m = {.seq = seq, .signers = 0xb, .signatures = signatures(3)};
    memset(m.digest, 0x33, DIGEST_BYTES);
    return m;
}

static struct slice two_proofs(void)
{
    struct buffer b = BUFFER_INIT(4096);
    struct proof m = {.view = 2, .seq = 65, .signers = 0xc, .signatures = signatures(2)};
    memset(m.digest, 0x11, DIGEST_BYTES);
    memset(m.proposal_signature, 0x55, SIGNATURE_BYTES);
    proof_put(&b, &m);
    m.view = 0;
    m.seq = 70; /* there may be gaps */
    proof_put(&b, &m);
    return keep(&b);
}

static struct outcome outcome_committed(void)
{
    return (struct outcome){.kind = OUTCOME_COMMITTED,
        .verdict = VERDICT_CONFIRMED,
        .sqlstate = "00000",
        .barrier = true,
        .epoch = 99};
}

static struct outcome outcome_aborted(void)
{
    return (struct outcome){
        .kind = OUTCOME_ABORTED, .verdict = VERDICT_LIED, .sqlstate = "40001", .statement = 3};
}

static const struct result_key key = {.session = SESSION, .transaction = 7, .index = 3};

/* ---- samples ---- */

static uint8_t hello_replica(struct buffer *b)
{
    struct hello m = {.version = PROTOCOL_VERSION, .role = HELLO_REPLICA, .id = 3};
    memset(m.cluster, 0xc1, DIGEST_BYTES);
    hello_encode(b, &m);
    return MESSAGE_HELLO;
}

static uint8_t hello_client(struct buffer *b)
{
    struct hello m = {.version = PROTOCOL_VERSION, .role = HELLO_CLIENT, .id = 1023};
    hello_encode(b, &m);
    return MESSAGE_HELLO;
}

static uint8_t goodbye(struct buffer *b)
{
    goodbye_encode(b, &(struct goodbye){.sqlstate = "57P01", .text = slice_text("shutting down")});
    return MESSAGE_GOODBYE;
}

static uint8_t request(struct buffer *b)
{
    struct request m = request_begin(5);
    request_encode(b, &m);
    return MESSAGE_REQUEST;
}

static uint8_t order_begin(struct buffer *b)
{
    order_encode(b, &(struct order){.kind = ORDER_BEGIN, .coordinator = REPLICAS_MAX - 1});
    return RECODE_ORDER;
}

static uint8_t order_commit(struct buffer *b)
{
    order_encode(
        b, &(struct order){
               .kind = ORDER_COMMIT, .transaction = 7, .entry_count = 2, .entries = two_entries()});
    return RECODE_ORDER;
}

static uint8_t order_rollback(struct buffer *b)
{
    order_encode(b, &(struct order){.kind = ORDER_ROLLBACK, .transaction = 7});
    return RECODE_ORDER;
}

static uint8_t operation(struct buffer *b)
{
    operation_encode(b, &(struct operation){.session = SESSION,
                            .transaction = 7,
                            .index = ENTRIES_MAX - 1,
                            .statement = statement_with_parameters()});
    return MESSAGE_OPERATION;
}

static uint8_t cancel(struct buffer *b)
{
    cancel_encode(b, &(struct cancel){.session = SESSION, .transaction = 7});
    return MESSAGE_CANCEL;
}

static uint8_t query(struct buffer *b)
{
    query_encode(b, &(struct query){.session = SESSION, .number = 4, .kind = QUERY_EPOCH});
    return MESSAGE_QUERY;
}

static uint8_t epoch_answer(struct buffer *b)
{
    epoch_answer_put(b, &(struct epoch_answer){.epoch = 300, .barrier_epoch = 299});
    return RECODE_EPOCH_ANSWER;
}

static uint8_t query_answer(struct buffer *b)
{
    struct buffer answer = BUFFER_INIT(REPLY_BYTES_MAX);
    (void)epoch_answer(&answer);
    query_answer_encode(
        b, &(struct query_answer){.session = SESSION, .number = 4, .answer = keep(&answer)});
    return MESSAGE_ANSWER;
}

static uint8_t result_columns(struct buffer *b)
{
    struct buffer columns = BUFFER_INIT(512);
    column_put(&columns, &(struct column){.name = slice_text("balance"), .type_oid = 20});
    column_put(&columns, &(struct column){.name = slice_text("?column?"), .type_oid = 0});
    result_columns_encode(
        b, &(struct result_columns){.key = key, .count = 2, .columns = keep(&columns)});
    return MESSAGE_RESULT_COLUMNS;
}

static uint8_t result_rows(struct buffer *b)
{
    struct buffer rows = BUFFER_INIT(512);
    struct buffer row = BUFFER_INIT(512);
    put_bytes(&rows, buffer_slice(&row)); /* a row without columns */
    row_put_value(&row, slice_text("100"));
    row_put_null(&row);
    row_put_value(&row, slice_text(""));
    put_bytes(&rows, buffer_slice(&row));
    buffer_free(&row);
    result_rows_encode(b, &(struct result_rows){.key = key, .count = 2, .rows = keep(&rows)});
    return MESSAGE_RESULT_ROWS;
}

static uint8_t result_end(struct buffer *b)
{
    result_end_encode(
        b, &(struct result_end){.key = key, .sqlstate = "00000", .text = slice_text("UPDATE 3")});
    return MESSAGE_RESULT_END;
}

static uint8_t result_error(struct buffer *b)
{
    result_end_encode(b, &(struct result_end){.key = key,
                             .failed = true,
                             .sqlstate = "22012",
                             .text = slice_text("division by zero"),
                             .hint = slice_text("HINT:  do not")});
    return MESSAGE_RESULT_END;
}

static uint8_t reply(struct buffer *b)
{
    struct buffer result = BUFFER_INIT(REPLY_BYTES_MAX);
    struct outcome o = outcome_committed();
    outcome_put(&result, &o);
    reply_encode(
        b, &(struct reply){.view = 2, .session = SESSION, .number = 9, .result = keep(&result)});
    return MESSAGE_REPLY;
}

static uint8_t outcome(struct buffer *b)
{
    struct outcome o = outcome_aborted();
    outcome_put(b, &o);
    return RECODE_OUTCOME;
}

static uint8_t pre_prepare(struct buffer *b)
{
    struct pre_prepare m = {.view = 2, .batch = batch_of_two()};
    memset(m.signature, 0x77, SIGNATURE_BYTES);
    pre_prepare_encode(b, &m);
    return MESSAGE_PRE_PREPARE;
}

static uint8_t pre_prepare_empty(struct buffer *b)
{
    struct pre_prepare m = {.batch = {.seq = 1, .timestamp_us = 1}};
    pre_prepare_encode(b, &m);
    return MESSAGE_PRE_PREPARE;
}

static uint8_t pre_prepare_null(struct buffer *b)
{
    struct pre_prepare m = {.view = 3, .batch = {.seq = 66}};
    pre_prepare_encode(b, &m);
    return MESSAGE_PRE_PREPARE;
}

static uint8_t prepare(struct buffer *b)
{
    struct prepare m = {.view = 2, .seq = 12, .replica = 1};
    memset(m.digest, 0x11, DIGEST_BYTES);
    memset(m.signature, 0x22, SIGNATURE_BYTES);
    prepare_encode(b, &m);
    return MESSAGE_PREPARE;
}

static uint8_t commit(struct buffer *b)
{
    struct commit m = {.view = 2, .seq = 12};
    memset(m.digest, 0x11, DIGEST_BYTES);
    commit_encode(b, &m);
    return MESSAGE_COMMIT;
}

static uint8_t checkpoint(struct buffer *b)
{
    struct checkpoint m = {.seq = 64, .replica = 2};
    memset(m.digest, 0x33, DIGEST_BYTES);
    memset(m.signature, 0x44, SIGNATURE_BYTES);
    checkpoint_encode(b, &m);
    return MESSAGE_CHECKPOINT;
}

static uint8_t status(struct buffer *b)
{
    status_encode(
        b, &(struct status){
               .view = 2, .suspects = true, .delivered = 70, .executed = 69, .stable = 64});
    return MESSAGE_STATUS;
}

static uint8_t fetch(struct buffer *b)
{
    fetch_encode(b, &(struct fetch){.seq = 65, .count = FETCH_BATCHES_MAX});
    return MESSAGE_FETCH;
}

static uint8_t fetched(struct buffer *b)
{
    struct buffer outcomes = BUFFER_INIT(512);
    struct outcome o = outcome_committed();
    outcome_put_skipped(&outcomes);
    outcome_put(&outcomes, &o);
    fetched_encode(
        b, &(struct fetched){
               .batch = batch_of_two(), .outcome_count = 2, .outcomes = keep(&outcomes)});
    return MESSAGE_BATCH;
}

static uint8_t stable(struct buffer *b)
{
    struct stable m = stable_of_three(64);
    stable_encode(b, &m);
    return MESSAGE_STABLE;
}

static uint8_t contribution(struct buffer *b)
{
    struct contribution m = contribution_of(2);
    contribution_encode(b, &m);
    return MESSAGE_CONTRIBUTION;
}

static uint8_t relay(struct buffer *b)
{
    struct request m = request_begin(6);
    request_encode(b, &m);
    return MESSAGE_RELAY;
}

static uint8_t view_change(struct buffer *b)
{
    struct view_change m = {.view = 3, .replica = 1, .stable = stable_of_three(64)};
    m.proof_count = 2;
    m.proofs = two_proofs();
    view_change_put_content(b, &m);
    for (unsigned i = 0; i < SIGNATURE_BYTES; i++)
        put_u8(b, 0x88);
    return MESSAGE_VIEW_CHANGE;
}

static uint8_t view_change_early(struct buffer *b)
{
    struct view_change m = {.view = 1};
    view_change_put_content(b, &m);
    put_raw(b, m.signature, SIGNATURE_BYTES);
    return MESSAGE_VIEW_CHANGE;
}

static uint8_t new_view(struct buffer *b)
{
    struct buffer digests = BUFFER_INIT(256), carried = BUFFER_INIT(256);
    for (unsigned i = 0; i < 3 * DIGEST_BYTES; i++)
        put_u8(&digests, (uint8_t)i);
    struct carried item = {.digest = {7}, .signature = {8}};
    carried_put(&carried, &item);
    carried_put(&carried, &item);
    struct new_view m = {.view = 3,
        .senders = 0xd,
        .digests = keep(&digests),
        .low = 64,
        .carried_count = 2,
        .carried = keep(&carried)};
    new_view_put_content(b, &m);
    put_raw(b, m.signature, SIGNATURE_BYTES);
    return MESSAGE_NEW_VIEW;
}

static uint8_t want(struct buffer *b)
{
    struct want m = {.count = 2, .wanted = {{.seq = 65, .digest = {1}}, {.seq = 70}}};
    want_encode(b, &m);
    return MESSAGE_WANT;
}

static uint8_t content(struct buffer *b)
{
    struct batch m = batch_of_two();
    content_encode(b, &m);
    return MESSAGE_CONTENT;
}

static uint8_t vote(struct buffer *b)
{
    vote_encode(b, &(struct vote){.seq = 12, .index = 1, .outcome = outcome_aborted()});
    return MESSAGE_VOTE;
}

#define SAMPLE(name)                                                                               \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct {
    const char *name;
    uint8_t (*encode)(struct buffer *b);
} samples[] = {SAMPLE(hello_replica), SAMPLE(hello_client), SAMPLE(goodbye), SAMPLE(request),
    SAMPLE(order_begin), SAMPLE(order_commit), SAMPLE(order_rollback), SAMPLE(operation),
    SAMPLE(cancel), SAMPLE(query), SAMPLE(query_answer), SAMPLE(epoch_answer),
    SAMPLE(result_columns), SAMPLE(result_rows), SAMPLE(result_end), SAMPLE(result_error),
    SAMPLE(reply), SAMPLE(outcome), SAMPLE(pre_prepare), SAMPLE(pre_prepare_empty),
    SAMPLE(pre_prepare_null), SAMPLE(prepare), SAMPLE(commit), SAMPLE(checkpoint), SAMPLE(status),
    SAMPLE(fetch), SAMPLE(fetched), SAMPLE(stable), SAMPLE(contribution), SAMPLE(relay),
    SAMPLE(view_change), SAMPLE(view_change_early), SAMPLE(new_view), SAMPLE(want), SAMPLE(content),
    SAMPLE(vote)};

_Static_assert(sizeof samples / sizeof samples[0] == MESSAGE_SAMPLES, "the header tells the count");

const char *message_sample(unsigned index, uint8_t *ret_type, struct buffer *body)
{
    assert(index < MESSAGE_SAMPLES);
    scratch_size = 0;
    buffer_clear(body);
    *ret_type = samples[index].encode(body);
    assert(!body->failed);
    return samples[index].name;
}
