/* How long the order waits for the lists of a client that abused it. */
#include "proxy/exec/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FULL 120.0
#define NOW 1000.0

static struct patience patience;

static int clear(void **state)
{
    patience = (struct patience){0};
    return 0;
}

static void one_that_was_lost_halves_the_next(void **state)
{
    assert_float_equal(patience_seconds(&patience, 3, NOW, FULL), FULL, 0);
    patience_lose(&patience, 3, NOW);
    assert_float_equal(patience_seconds(&patience, 3, NOW, FULL), FULL / 2, 0);
    patience_lose(&patience, 3, NOW);
    assert_float_equal(patience_seconds(&patience, 3, NOW, FULL), FULL / 4, 0);
    assert_float_equal(patience_seconds(&patience, 4, NOW, FULL), FULL, 0);
}

static void many_hardly_stop_the_order(void **state)
{
    double sum = 0;
    for (unsigned i = 0; i < 1000; i++) {
        sum += patience_seconds(&patience, 0, NOW, FULL);
        patience_lose(&patience, 0, NOW);
    }
    assert_true(sum < 2 * FULL + 1000 * PATIENCE_SECONDS_MIN);
    assert_float_equal(patience_seconds(&patience, 0, NOW, FULL), PATIENCE_SECONDS_MIN, 0);
    assert_float_equal(patience_seconds(&patience, 0, NOW, 0.01), 0.01, 0);
}

static void good_behaviour_is_forgiven(void **state)
{
    patience_lose(&patience, 0, NOW);
    patience_lose(&patience, 0, NOW);
    double later = NOW + PATIENCE_FORGIVEN_SECONDS + 1;
    assert_float_equal(patience_seconds(&patience, 0, later, FULL), FULL, 0);
    patience_lose(&patience, 0, later);
    assert_float_equal(patience_seconds(&patience, 0, later, FULL), FULL / 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_that_was_lost_halves_the_next, clear),
        cmocka_unit_test_setup(many_hardly_stop_the_order, clear),
        cmocka_unit_test_setup(good_behaviour_is_forgiven, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
