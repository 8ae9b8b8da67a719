/* The rules of QUERY, ANSWER and what an answer says: what a liar can put into them. */
#include "common/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct buffer body = BUFFER_INIT(1024);

static const char *decode_query(uint64_t number, unsigned kind)
{
    struct query m = {.session = 1, .number = number, .kind = (enum query_kind)kind}, decoded;
    buffer_clear(&body);
    query_encode(&body, &m);
    return query_decode(buffer_slice(&body), &decoded);
}

static void a_query_has_a_number_and_a_known_kind(void **state)
{
    assert_null(decode_query(1, QUERY_EPOCH));
    assert_null(decode_query(UINT64_MAX, QUERY_EPOCH));
    assert_string_equal(decode_query(0, QUERY_EPOCH), "queries are numbered from 1");
    assert_string_equal(decode_query(1, QUERY_INVALID), "unknown kind of query");
    assert_string_equal(decode_query(1, QUERY_EPOCH + 1), "unknown kind of query");
    assert_string_equal(decode_query(1, 255), "unknown kind of query");
    buffer_free(&body);
}

static const char *decode_answer(uint64_t number, size_t answer_size)
{
    static const uint8_t zeros[REPLY_BYTES_MAX + 1];
    struct query_answer decoded;
    struct query_answer m = {
        .session = 1, .number = number, .answer = slice_of(zeros, answer_size)};
    buffer_clear(&body);
    query_answer_encode(&body, &m);
    const char *reason = query_answer_decode(buffer_slice(&body), &decoded);
    if (reason == NULL)
        assert_int_equal(decoded.answer.size, answer_size);
    return reason;
}

static void an_answer_is_opaque_and_bounded(void **state)
{
    assert_null(decode_answer(1, 0));
    assert_null(decode_answer(1, REPLY_BYTES_MAX));
    assert_string_equal(
        decode_answer(1, REPLY_BYTES_MAX + 1), "truncated, or a field is longer than its limit");
    assert_string_equal(decode_answer(0, 0), "queries are numbered from 1");
    buffer_free(&body);
}

static const char *decode_epoch(uint64_t epoch, uint64_t barrier_epoch, bool trailing)
{
    struct epoch_answer m = {.epoch = epoch, .barrier_epoch = barrier_epoch}, decoded;
    buffer_clear(&body);
    epoch_answer_put(&body, &m);
    if (trailing)
        put_u8(&body, 0);
    return epoch_answer_decode(buffer_slice(&body), &decoded);
}

static void a_barrier_is_not_above_its_epoch(void **state)
{
    assert_null(decode_epoch(0, 0, false));
    assert_null(decode_epoch(7, 7, false));
    assert_null(decode_epoch(UINT64_MAX, 0, false));
    assert_string_equal(decode_epoch(6, 7, false), "a barrier in the future");
    assert_string_equal(decode_epoch(7, 7, true), "bytes follow the message's end");
    buffer_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_has_a_number_and_a_known_kind),
        cmocka_unit_test(an_answer_is_opaque_and_bounded),
        cmocka_unit_test(a_barrier_is_not_above_its_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
