/* Replays inputs through the fuzz harness as an ordinary test: made up ones that get far, and many
 * random ones. More of them:  PBFT_SEEDS=100000 pbft_fuzz_step_test */
#include "common/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *state;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void put_step(
    struct buffer *b, unsigned what, unsigned who, unsigned later, struct slice body)
{
    put_u8(b, (uint8_t)what);
    put_u8(b, (uint8_t)who);
    put_u8(b, (uint8_t)later);
    put_bytes(b, body);
}

/* A run of agreement with lies mixed in: few values, so that messages meet. */
static void plausible_input(struct buffer *b, uint64_t seed)
{
    uint64_t state = seed;
    put_u8(b, (uint8_t)seed);
    for (unsigned i = 0; i < 200; i++) {
        uint8_t body[12] = {0};
        body[0] = (uint8_t)(next(&state) % 3 + i / 40 * 3); /* seq */
        body[2] = body[0];                                  /* time */
        body[3] = (uint8_t)(next(&state) % 2);
        body[4] = 1;
        body[5] = (uint8_t)(next(&state) % 4);
        body[6] = body[0];
        body[8] = next(&state) % 16 == 0;
        unsigned what = next(&state) % 8 == 0 ? 230 : 64 + (unsigned)(next(&state) % 8);
        put_step(b, what, (unsigned)(next(&state) % 4), 1, slice_of(body, sizeof body));
    }
}

/* Views change all the time, with crashes in between. */
static void restless_input(struct buffer *b, uint64_t seed)
{
    uint64_t state = seed + 1000;
    put_u8(b, (uint8_t)seed);
    for (unsigned i = 0; i < 250; i++) {
        uint8_t body[40];
        for (unsigned j = 0; j < sizeof body; j++)
            body[j] = (uint8_t)(next(&state) % (next(&state) % 8 == 0 ? 256 : 6));
        unsigned dice = (unsigned)(next(&state) % 16);
        unsigned what = 64 + (unsigned)(next(&state) % 8); /* agreement */
        if (dice < 5)
            what = 144 + (unsigned)(next(&state) % 8); /* view changes */
        else if (dice < 7)
            what = 230;
        else if (dice == 7 && next(&state) % 4 == 0)
            what = 255;
        put_step(b, what, (unsigned)(next(&state) % 4), 1, slice_of(body, sizeof body));
    }
}

static void random_input(struct buffer *b, uint64_t seed)
{
    uint64_t state = seed;
    for (unsigned i = 0; i < 60; i++) {
        uint8_t body[200];
        for (unsigned j = 0; j < sizeof body; j++)
            body[j] = (uint8_t)next(&state);
        put_step(b, (unsigned)(next(&state) % 256), (unsigned)(next(&state) % 4),
            (unsigned)(next(&state) % 256), slice_of(body, next(&state) % sizeof body));
    }
}

static void replay(void (*make)(struct buffer *b, uint64_t seed), uint64_t count)
{
    struct buffer b = BUFFER_INIT(1 << 20);
    const char *more = getenv("PBFT_SEEDS");
    if (more != NULL)
        count = strtoull(more, NULL, 10);
    for (uint64_t seed = 0; seed < count; seed++) {
        buffer_clear(&b);
        make(&b, seed);
        assert_false(b.failed);
        assert_int_equal(LLVMFuzzerTestOneInput(b.data, b.size), 0);
    }
    buffer_free(&b);
}

static void plausible_inputs_break_no_invariant(void **state)
{
    replay(plausible_input, 150);
}

static void restless_inputs_break_no_invariant(void **state)
{
    replay(restless_input, 150);
}

static void random_inputs_break_no_invariant(void **state)
{
    replay(random_input, 150);
}

static void an_empty_input_is_nothing(void **state)
{
    assert_int_equal(LLVMFuzzerTestOneInput(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plausible_inputs_break_no_invariant),
        cmocka_unit_test(restless_inputs_break_no_invariant),
        cmocka_unit_test(random_inputs_break_no_invariant),
        cmocka_unit_test(an_empty_input_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
