#include "common/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void integers_are_big_endian(void **state)
{
    static const uint8_t expected[] = {
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0};
    struct buffer b = BUFFER_INIT(100);
    put_u8(&b, 1);
    put_u16(&b, 0x0203);
    put_u32(&b, 0x04050607);
    put_u8(&b, 8);
    put_u64(&b, 9);
    put_bool(&b, true);
    put_bool(&b, false);
    assert_int_equal(b.size, sizeof expected);
    assert_memory_equal(b.data, expected, sizeof expected);

    struct reader r = reader_of(buffer_slice(&b));
    assert_int_equal(get_u8(&r), 1);
    assert_int_equal(get_u16(&r), 0x0203);
    assert_int_equal(get_u32(&r), 0x04050607);
    assert_int_equal(get_u8(&r), 8);
    assert_int_equal(get_u64(&r), 9);
    assert_true(get_bool(&r));
    assert_false(reader_done(&r));
    assert_false(get_bool(&r));
    assert_true(reader_done(&r));
    buffer_free(&b);
}

static void largest_integers_survive(void **state)
{
    struct buffer b = BUFFER_INIT(100);
    put_u16(&b, UINT16_MAX);
    put_u32(&b, UINT32_MAX);
    put_u64(&b, UINT64_MAX);
    struct reader r = reader_of(buffer_slice(&b));
    assert_true(get_u16(&r) == UINT16_MAX);
    assert_true(get_u32(&r) == UINT32_MAX);
    assert_true(get_u64(&r) == UINT64_MAX);
    buffer_free(&b);
}

static void bytes_have_a_length(void **state)
{
    static const uint8_t expected[] = {0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0};
    struct buffer b = BUFFER_INIT(100);
    put_bytes(&b, slice_text("abc"));
    put_bytes(&b, slice_of(NULL, 0));
    assert_int_equal(b.size, sizeof expected);
    assert_memory_equal(b.data, expected, sizeof expected);

    struct reader r = reader_of(buffer_slice(&b));
    assert_true(slice_equal(get_bytes(&r, 3), slice_text("abc")));
    assert_int_equal(get_bytes(&r, 0).size, 0);
    assert_true(reader_done(&r));
    buffer_free(&b);
}

static void a_buffer_ends_at_its_ceiling(void **state)
{
    struct buffer b = BUFFER_INIT(3);
    put_u16(&b, 1);
    put_u16(&b, 2); /* one byte too many: nothing of it is written */
    assert_true(b.failed);
    assert_int_equal(b.size, 2);
    put_u8(&b, 3); /* would fit, but failure is sticky */
    assert_int_equal(b.size, 2);
    buffer_clear(&b);
    put_u16(&b, 1);
    put_u8(&b, 2);
    assert_false(b.failed);
    assert_int_equal(b.size, 3);
    buffer_free(&b);
    assert_null(b.data);
    assert_int_equal(b.size_max, 3);
}

static void a_ceiling_of_zero_takes_nothing(void **state)
{
    struct buffer b = BUFFER_INIT(0);
    put_raw(&b, "x", 0);
    assert_false(b.failed);
    put_u8(&b, 0);
    assert_true(b.failed);
    buffer_free(&b);
}

static void a_length_beyond_32_bits_fails(void **state)
{
    struct buffer b = BUFFER_INIT(SIZE_MAX);
    put_bytes(&b, slice_of("x", (size_t)UINT32_MAX + 1));
    assert_true(b.failed);
    buffer_free(&b);
}

static void appending_grows_without_losing_anything(void **state)
{
    struct buffer b = BUFFER_INIT(100000);
    for (unsigned i = 0; i < 25000; i++)
        put_u32(&b, i);
    assert_false(b.failed);
    struct reader r = reader_of(buffer_slice(&b));
    for (unsigned i = 0; i < 25000; i++)
        assert_int_equal(get_u32(&r), i);
    assert_true(reader_done(&r));
    put_u8(&b, 0);
    assert_true(b.failed);
    buffer_free(&b);
}

static void reserving_makes_room_up_to_the_ceiling(void **state)
{
    struct buffer b = BUFFER_INIT(100);
    assert_true(buffer_reserve(&b, 1000));
    assert_int_equal(b.capacity, 100);
    const uint8_t *data = b.data;
    for (unsigned i = 0; i < 100; i++)
        put_u8(&b, 0);
    assert_ptr_equal(b.data, data);
    assert_false(b.failed);
    buffer_free(&b);
}

static void a_reader_fails_at_the_end_and_stays_failed(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct reader r = reader_of(slice_of(bytes, 3));
    assert_int_equal(get_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(get_u8(&r), 0); /* there are bytes, but failure is sticky */
    assert_int_equal(reader_left(&r), 0);
    assert_false(reader_done(&r));
    uint8_t out[2] = {7, 7};
    get_raw(&r, out, 2);
    assert_int_equal(out[0] + out[1], 0);
    assert_int_equal(get_slice(&r, 0).size, 0);
}

static void bools_are_0_or_1(void **state)
{
    for (unsigned value = 0; value < 256; value++) {
        uint8_t byte = (uint8_t)value;
        struct reader r = reader_of(slice_of(&byte, 1));
        bool result = get_bool(&r);
        assert_int_equal(result, value == 1);
        assert_int_equal(r.failed, value > 1);
    }
}

static void hostile_lengths_fail(void **state)
{
    static const uint8_t beyond_end[] = {0, 0, 0, 2, 'a'};
    struct reader r = reader_of(slice_of(beyond_end, sizeof beyond_end));
    assert_int_equal(get_bytes(&r, 100).size, 0);
    assert_true(r.failed);

    static const uint8_t beyond_limit[] = {0, 0, 0, 2, 'a', 'b'};
    r = reader_of(slice_of(beyond_limit, sizeof beyond_limit));
    assert_int_equal(get_bytes(&r, 1).size, 0);
    assert_true(r.failed);

    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};
    r = reader_of(slice_of(huge, sizeof huge));
    assert_int_equal(get_bytes(&r, SIZE_MAX).size, 0);
    assert_true(r.failed);

    r = reader_of(slice_of(huge, sizeof huge));
    assert_int_equal(get_slice(&r, SIZE_MAX).size, 0);
    assert_true(r.failed);
}

static void nothing_can_be_read(void **state)
{
    struct reader r = reader_of(slice_of(NULL, 0));
    assert_true(reader_done(&r));
    assert_int_equal(get_slice(&r, 0).size, 0);
    assert_true(reader_done(&r));
    assert_int_equal(get_u8(&r), 0);
    assert_true(r.failed);
}

static void slices_compare_by_content(void **state)
{
    char copy[] = "abc";
    assert_true(slice_equal(slice_text("abc"), slice_of(copy, 3)));
    assert_false(slice_equal(slice_text("abc"), slice_text("abd")));
    assert_false(slice_equal(slice_text("abc"), slice_text("ab")));
    assert_true(slice_equal(slice_of(NULL, 0), slice_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(largest_integers_survive),
        cmocka_unit_test(bytes_have_a_length),
        cmocka_unit_test(a_buffer_ends_at_its_ceiling),
        cmocka_unit_test(a_ceiling_of_zero_takes_nothing),
        cmocka_unit_test(a_length_beyond_32_bits_fails),
        cmocka_unit_test(appending_grows_without_losing_anything),
        cmocka_unit_test(reserving_makes_room_up_to_the_ceiling),
        cmocka_unit_test(a_reader_fails_at_the_end_and_stays_failed),
        cmocka_unit_test(bools_are_0_or_1),
        cmocka_unit_test(hostile_lengths_fail),
        cmocka_unit_test(nothing_can_be_read),
        cmocka_unit_test(slices_compare_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
