/* A transaction's seed: fixed bytes, and different whenever anything that it depends on is. */
#include "proxy/exec/transaction_seed.h"

#include "common/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct transaction sample = {
    .id = {.client = 1, .session = 2, .number = 3}, .begun_seq = 4, .begun_us = 5};

static void assert_other(const uint8_t batch_seed[static DIGEST_BYTES], struct transaction t)
{
    uint8_t plain[DIGEST_BYTES] = {0}, first[DIGEST_BYTES], second[DIGEST_BYTES];
    transaction_seed(plain, &sample, first);
    transaction_seed(batch_seed, &t, second);
    assert_memory_not_equal(first, second, DIGEST_BYTES);
}

/* Computed with Python's hashlib. */
static void the_bytes_are_fixed(void **state)
{
    uint8_t batch_seed[DIGEST_BYTES], seed[DIGEST_BYTES];
    char text[2 * DIGEST_BYTES + 1];
    for (unsigned i = 0; i < DIGEST_BYTES; i++)
        batch_seed[i] = (uint8_t)i;
    transaction_seed(batch_seed, &sample, seed);
    hex_format(text, seed, DIGEST_BYTES);
    assert_string_equal(text, "256ca5c415c5580d58a128b16edb84790ba2a65f07470d8f893ce9b0c542b011");
}

static void everything_agreed_counts(void **state)
{
    uint8_t none[DIGEST_BYTES] = {0}, other[DIGEST_BYTES] = {[31] = 1};
    struct transaction t = sample;
    assert_other(other, t);
    t.id.client++;
    assert_other(none, t);
    t = sample;
    t.id.session++;
    assert_other(none, t);
    t = sample;
    t.id.number++;
    assert_other(none, t);
    t = sample;
    t.begun_seq++;
    assert_other(none, t);
    t = sample;
    t.begun_us++;
    assert_other(none, t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_fixed),
        cmocka_unit_test(everything_agreed_counts),
    };
    return cmocka_run_group_tests_name("transaction_seed", tests, NULL, NULL);
}
