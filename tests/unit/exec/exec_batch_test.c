/* Copies of batches, the coordinator's transcript, operations that wait, settings. */
#include "proxy/exec/batch.h"
#include "proxy/exec/judge.h"
#include "proxy/exec/operations.h"
#include "proxy/exec/startup.h"
#include "proxy/exec/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct buffer order_bytes(enum order_kind kind)
{
    struct order order = {.kind = kind, .transaction = kind == ORDER_BEGIN ? 0 : 1};
    struct buffer b = BUFFER_INIT(64);
    order_encode(&b, &order);
    return b;
}

/* COMMIT, BEGIN, nonsense, skipped COMMIT */
static struct batch_copy *new_batch(void)
{
    struct buffer begin = order_bytes(ORDER_BEGIN), commit = order_bytes(ORDER_COMMIT);
    struct request requests[] = {
        {.number = 1, .body = buffer_slice(&commit)},
        {.number = 2, .body = buffer_slice(&begin)},
        {.number = 3, .body = slice_text("nonsense")},
        {.number = 4, .body = buffer_slice(&commit)},
    };
    bool skip[] = {false, false, false, true};
    struct pbft_delivery delivery = {
        .batch = {.seq = 7, .timestamp_us = 70, .request_count = 4},
        .requests = requests,
        .skip = skip,
    };
    struct batch_copy *batch = batch_copy_new(&delivery);
    assert_non_null(batch);
    memset(commit.data, 0xff, commit.size); /* what was delivered may go */
    buffer_free(&begin);
    buffer_free(&commit);
    return batch;
}

static void batch_is_a_copy(void **state)
{
    struct batch_copy *batch = new_batch();
    assert_int_equal(batch->seq, 7);
    assert_int_equal(batch->requests[0].order.kind, ORDER_COMMIT);
    assert_int_equal(batch->requests[1].order.kind, ORDER_BEGIN);
    assert_non_null(batch->requests[2].malformed);
    assert_true(batch->requests[3].skip);
    assert_false(batch_copy_more_commits(batch, 0)); /* the other one is skipped */
    batch->requests[3].skip = false;
    assert_true(batch_copy_more_commits(batch, 0));
    assert_false(batch_copy_more_commits(batch, 3));
    batch_copy_free(batch);
}

static void recorded_outcomes_are_recalled(void **state)
{
    struct batch_copy *batch = new_batch();
    batch->requests[0].outcome = judge_make(OUTCOME_COMMITTED, VERDICT_NONE, "00000", 0);
    batch->requests[1].outcome = judge_make(OUTCOME_BEGUN, VERDICT_NONE, "00000", 0);
    batch->requests[2].outcome = judge_make(OUTCOME_REFUSED, VERDICT_NONE, "22023", 0);
    struct buffer bytes = BUFFER_INIT(1024), record = BUFFER_INIT(1024);
    struct slice results[4];
    batch_copy_results(batch, &bytes, results);
    put_u32(&record, 4);
    for (unsigned i = 0; i < 4; i++)
        put_bytes(&record, results[i]);
    assert_int_equal(results[3].size, 0);

    batch_copy_reset(batch);
    assert_int_equal(batch->requests[0].outcome.kind, OUTCOME_INVALID);
    assert_false(batch_copy_recall(batch, slice_of(record.data, record.size - 1)));
    assert_false(batch_copy_recall(batch, slice_text("")));
    assert_int_equal(batch->requests[0].recorded.kind, OUTCOME_INVALID);
    assert_true(batch_copy_recall(batch, buffer_slice(&record)));
    assert_int_equal(batch->requests[0].recorded.kind, OUTCOME_COMMITTED);
    assert_int_equal(batch->requests[3].recorded.kind, OUTCOME_INVALID);
    buffer_free(&bytes);
    buffer_free(&record);
    batch_copy_free(batch);
}

static void add_entry(struct buffer *b, const char *sql, bool failed, uint8_t hash)
{
    struct entry entry = {
        .statement = {.text = slice_text(sql)}, .hash_version = 1, .failed = failed};
    memset(entry.result_hash, hash, DIGEST_BYTES);
    entry_put(b, &entry);
}

static void add_line(struct transcript *t, const char *sql, bool failed, uint8_t hash)
{
    struct buffer scratch = BUFFER_INIT(1024);
    struct statement statement = {.text = slice_text(sql)};
    struct answer_end end = {.failed = failed};
    memset(end.hash, hash, DIGEST_BYTES);
    assert_true(transcript_add(t, &statement, &end, &scratch));
    buffer_free(&scratch);
}

static bool equals(const struct transcript *t, const struct buffer *list, uint32_t count)
{
    struct buffer scratch = BUFFER_INIT(1024);
    bool equal = transcript_equals(t, buffer_slice(list), count, &scratch);
    buffer_free(&scratch);
    return equal;
}

static void transcript_is_compared_with_the_list(void **state)
{
    struct transcript t;
    struct buffer same = BUFFER_INIT(1024), hash = BUFFER_INIT(1024), sql = BUFFER_INIT(1024);
    transcript_init(&t);
    assert_true(equals(&t, &same, 0));
    add_line(&t, "A", false, 1);
    add_line(&t, "B", false, 2);
    add_entry(&same, "A", false, 1);
    assert_false(equals(&t, &same, 1));
    add_entry(&same, "B", false, 2);
    assert_true(equals(&t, &same, 2));
    add_entry(&hash, "A", false, 1);
    add_entry(&hash, "B", false, 3);
    assert_false(equals(&t, &hash, 2));
    add_entry(&sql, "A", false, 1);
    add_entry(&sql, "C", false, 2);
    assert_false(equals(&t, &sql, 2));
    /* a statement that failed before its turn may succeed at its turn */
    add_line(&t, "E", true, 3);
    add_entry(&same, "E", true, 3);
    assert_false(equals(&t, &same, 3));
    transcript_free(&t);
    buffer_free(&same);
    buffer_free(&hash);
    buffer_free(&sql);
}

static void waiting_operations_have_a_ceiling(void **state)
{
    struct operation_queue queue;
    struct operation_budget budget = {.bytes_max = 1000 * OPERATIONS_CLIENT_SHARE};
    struct operation operation = {.transaction = 1, .statement = {.text = slice_text("SELECT 1")}};
    operations_init(&queue);
    unsigned count = 0;
    while (operations_push(&queue, &budget, 0, &operation) != NULL)
        count++;
    assert_in_range(count, 1, 20);
    struct waiting_operation *second = operations_remove(&queue, &queue.first->next);
    assert_memory_equal(second->statement.text.data, "SELECT 1", 8);
    operation_free(&budget, second);
    assert_non_null(operations_push(&queue, &budget, 0, &operation));
    while (queue.first != NULL)
        operation_free(&budget, operations_remove(&queue, &queue.first));
    assert_int_equal(budget.bytes, 0);
    assert_int_equal(queue.count, 0);
    assert_non_null(operations_push(&queue, &budget, 0, &operation));
    operation_free(&budget, operations_remove(&queue, &queue.first));
}

static void settings_are_compared_by_text_but_the_version_by_its_major(void **state)
{
    assert_true(startup_setting_equal("work_mem", "4MB", "4MB"));
    assert_false(startup_setting_equal("work_mem", "8MB", "4MB"));
    assert_true(startup_setting_equal("server_version_num", "150020", "150000"));
    assert_true(startup_setting_equal("server_version_num", "150020", "15"));
    assert_false(startup_setting_equal("server_version_num", "160001", "150020"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_is_a_copy),
        cmocka_unit_test(recorded_outcomes_are_recalled),
        cmocka_unit_test(transcript_is_compared_with_the_list),
        cmocka_unit_test(waiting_operations_have_a_ceiling),
        cmocka_unit_test(settings_are_compared_by_text_but_the_version_by_its_major),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
