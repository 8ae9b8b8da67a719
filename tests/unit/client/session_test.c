#include "client/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void ids_grow_whatever_the_clock_does(void **state)
{
    (void)state;
    uint64_t clocks[] = {1000, 1000, 999, 5, 2000, 0};
    uint64_t id = 0;
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        uint64_t next = session_id_after(id, clocks[i], 0, (uint16_t)(i % 2 == 0 ? 0xffff : 0));
        assert_true(next > id);
        id = next;
    }
}

static void ids_follow_the_clock(void **state)
{
    (void)state;
    uint64_t now_us = 1767225600000000; /* 2026 */
    uint64_t id = session_id_after(0, now_us, 0, 0xffff);
    assert_int_equal(id >> SESSION_RANDOM_BITS, now_us);
    assert_true(session_id_after(0, now_us + 1, 0, 0) > id);
    /* Until the year 2112 there is room for the random bits. */
    assert_true(session_id_after(0, (uint64_t)142 * 31556952 * 1000000, 0, 0) > id);
}

static void two_sessions_differ(void **state)
{
    (void)state;
    struct session a = {0}, b = {0};
    session_start(&a);
    session_start(&b);
    assert_true(a.id != b.id);
    assert_int_equal(a.number, 0);
}

static void a_refused_id_is_raised_a_few_times(void **state)
{
    (void)state;
    struct session s = {0};
    session_start(&s);
    unsigned raised = 0;
    for (uint64_t last = s.id; session_raise(&s); last = s.id, raised++)
        assert_true(s.id > last);
    assert_int_equal(raised, 5);
    session_accepted(&s);
    assert_true(session_raise(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_grow_whatever_the_clock_does),
        cmocka_unit_test(ids_follow_the_clock),
        cmocka_unit_test(two_sessions_differ),
        cmocka_unit_test(a_refused_id_is_raised_a_few_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
