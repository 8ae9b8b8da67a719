/* Encodings: canonical, complete, bounded. message_form_test.c has the rule of each field. */
#include "common/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/message_recode.h"
#include "tests/fuzz/message_samples.h"

static struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
static struct buffer again = BUFFER_INIT(FRAME_BODY_BYTES_MAX);

/* A copy of exactly this size on the heap, so that a sanitizer sees every read beyond it. */
static const char *recode_copy(uint8_t type, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    buffer_clear(&again);
    const char *reason = message_recode(type, slice_of(copy, size), &again);
    free(copy);
    return reason;
}

static void every_message_round_trips(void **state)
{
    for (unsigned i = 0; i < MESSAGE_SAMPLES; i++) {
        uint8_t type;
        const char *name = message_sample(i, &type, &body);
        const char *reason = recode_copy(type, body.data, body.size);
        if (reason != NULL)
            fail_msg("%s: %s", name, reason);
        if (!slice_equal(buffer_slice(&body), buffer_slice(&again)))
            fail_msg("%s: not the same bytes", name);
    }
}

static void every_truncation_is_rejected(void **state)
{
    for (unsigned i = 0; i < MESSAGE_SAMPLES; i++) {
        uint8_t type;
        const char *name = message_sample(i, &type, &body);
        for (size_t size = 0; size < body.size; size++)
            if (recode_copy(type, body.data, size) == NULL)
                fail_msg("%s of %zu bytes is valid with %zu", name, body.size, size);
    }
}

static void every_appended_byte_is_rejected(void **state)
{
    for (unsigned i = 0; i < MESSAGE_SAMPLES; i++) {
        uint8_t type;
        const char *name = message_sample(i, &type, &body);
        put_u8(&body, 0);
        for (unsigned value = 0; value < 256; value++) {
            body.data[body.size - 1] = (uint8_t)value;
            if (recode_copy(type, body.data, body.size) == NULL)
                fail_msg("%s is valid with %u behind it", name, value);
        }
    }
}

/* Whatever one changed byte makes of a message: another message's canonical encoding, or nothing.
 */
static void every_changed_byte_is_canonical_or_rejected(void **state)
{
    for (unsigned i = 0; i < MESSAGE_SAMPLES; i++) {
        uint8_t type;
        const char *name = message_sample(i, &type, &body);
        for (size_t at = 0; at < body.size; at++) {
            uint8_t old = body.data[at];
            for (unsigned value = 0; value < 256; value++) {
                body.data[at] = (uint8_t)value;
                if (recode_copy(type, body.data, body.size) != NULL)
                    continue;
                if (!slice_equal(buffer_slice(&body), buffer_slice(&again)))
                    fail_msg("%s with byte %zu = %u: not canonical", name, at, value);
            }
            body.data[at] = old;
        }
    }
}

static void a_rejected_message_leaves_the_result_alone(void **state)
{
    struct commit m = {.view = 5, .seq = 6};
    assert_non_null(commit_decode(slice_text("short"), &m));
    assert_int_equal(m.view, 5);
    assert_int_equal(m.seq, 6);
}

static void names_are_for_logs(void **state)
{
    assert_string_equal(message_name(MESSAGE_PRE_PREPARE), "PRE_PREPARE");
    assert_string_equal(message_name(MESSAGE_VOTE), "VOTE");
    assert_string_equal(message_name(0), "?");
    assert_string_equal(message_name(255), "?");
}

/* ---- what the documentation says about bytes ---- */

static void the_signed_part_of_a_request_is_all_before_the_signature(void **state)
{
    uint8_t type;
    message_sample(3, &type, &body);
    assert_int_equal(type, MESSAGE_REQUEST);
    struct request m;
    assert_null(request_decode(buffer_slice(&body), &m));
    buffer_clear(&again);
    request_put_signed_part(&again, &m);
    assert_int_equal(again.size, body.size - SIGNATURE_BYTES);
    assert_memory_equal(again.data, body.data, again.size);
}

static void a_request_and_its_overhead_fit_the_limits(void **state)
{
    static uint8_t largest[REQUEST_BODY_BYTES_MAX];
    struct request m = {.number = 1, .body = {.data = largest, .size = sizeof largest}};
    buffer_clear(&body);
    request_encode(&body, &m);
    assert_true(body.size <= REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES);
    assert_null(request_decode(buffer_slice(&body), &m));

    struct pre_prepare p = {
        .batch = {
            .seq = 1, .timestamp_us = 1, .request_count = 1, .requests = buffer_slice(&body)}};
    buffer_clear(&again);
    pre_prepare_encode(&again, &p);
    assert_false(again.failed);
    assert_null(pre_prepare_decode(buffer_slice(&again), &p));
}

static void an_outcome_has_twenty_bytes(void **state)
{
    struct outcome o = {.kind = OUTCOME_BEGUN, .sqlstate = "00000", .epoch = 3};
    buffer_clear(&body);
    outcome_put(&body, &o);
    assert_int_equal(body.size, OUTCOME_BYTES);
    assert_true(OUTCOME_BYTES <= REPLY_BYTES_MAX);
}

static void the_batch_digest_covers_the_encoded_batch(void **state)
{
    struct batch m = {.seq = 1, .timestamp_us = 2};
    static const uint8_t encoded[BATCH_HEADER_BYTES] = {
        0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0};
    uint8_t digest[DIGEST_BYTES], expected[DIGEST_BYTES];
    batch_digest(&m, &body, digest);
    sha256(expected, encoded, sizeof encoded);
    assert_memory_equal(digest, expected, DIGEST_BYTES);
}

static void outcomes_compare_by_every_field(void **state)
{
    const struct outcome o = {.kind = OUTCOME_ABORTED, .sqlstate = "40001"};
    struct outcome other = o;
    assert_true(outcome_equal(&o, &other));
    other.kind = OUTCOME_REFUSED;
    assert_false(outcome_equal(&o, &other));
    other = o;
    other.verdict = VERDICT_LIED;
    assert_false(outcome_equal(&o, &other));
    other = o;
    other.sqlstate[4] = '2';
    assert_false(outcome_equal(&o, &other));
    other = o;
    other.statement = 1;
    assert_false(outcome_equal(&o, &other));
    other = o;
    other.barrier = true;
    assert_false(outcome_equal(&o, &other));
    other = o;
    other.epoch = 1;
    assert_false(outcome_equal(&o, &other));
}

static void text_for_people_is_cut_between_characters(void **state)
{
    static char text[ERROR_TEXT_BYTES_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    text[ERROR_TEXT_BYTES_MAX - 1] = (char)0xc3; /* é across the limit */
    text[ERROR_TEXT_BYTES_MAX] = (char)0xa9;
    struct goodbye m = {.sqlstate = "57P01", .text = slice_text(text)};
    buffer_clear(&body);
    goodbye_encode(&body, &m);
    assert_null(goodbye_decode(buffer_slice(&body), &m));
    assert_int_equal(m.text.size, ERROR_TEXT_BYTES_MAX - 1);
}

static int tear_down(void **state)
{
    buffer_free(&body);
    buffer_free(&again);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_round_trips),
        cmocka_unit_test(every_truncation_is_rejected),
        cmocka_unit_test(every_appended_byte_is_rejected),
        cmocka_unit_test(every_changed_byte_is_canonical_or_rejected),
        cmocka_unit_test(a_rejected_message_leaves_the_result_alone),
        cmocka_unit_test(names_are_for_logs),
        cmocka_unit_test(the_signed_part_of_a_request_is_all_before_the_signature),
        cmocka_unit_test(a_request_and_its_overhead_fit_the_limits),
        cmocka_unit_test(an_outcome_has_twenty_bytes),
        cmocka_unit_test(the_batch_digest_covers_the_encoded_batch),
        cmocka_unit_test(outcomes_compare_by_every_field),
        cmocka_unit_test(text_for_people_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
