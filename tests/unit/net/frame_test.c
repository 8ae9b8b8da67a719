/* The parts of a link that need no socket: framing, the send queue, rate limits, the greeting. */
#include "proxy/net/frame.h"

#include "proxy/net/greeting.h"
#include "proxy/net/ratelimit.h"
#include "proxy/net/sendq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- frames ---- */

static void test_frames_come_out_however_they_are_cut(void **state)
{
    static const char *const bodies[] = {"", "a", "a longer body than the pieces"};
    for (size_t piece = 1; piece <= 64; piece++) {
        struct sendq q;
        struct frame_input in;
        struct frame frame;
        unsigned complete = 0;
        sendq_init(&q, 1024);
        frame_input_init(&in, 100);
        for (uint8_t i = 0; i < 3; i++)
            assert_true(sendq_put(&q, (uint8_t)(10 + i), slice_text(bodies[i])));
        while (sendq_size(&q) > 0) {
            struct slice next = sendq_next(&q);
            size_t size = next.size < piece ? next.size : piece;
            struct slice bytes = slice_of(next.data, size);
            while (frame_take(&in, &bytes, &frame) == FRAME_COMPLETE) {
                assert_int_equal(frame.type, 10 + complete);
                assert_true(slice_equal(frame.body, slice_text(bodies[complete])));
                complete++;
            }
            assert_int_equal(bytes.size, 0);
            sendq_sent(&q, size);
        }
        assert_int_equal(complete, 3);
        assert_false(frame_partial(&in));
        frame_input_free(&in);
        sendq_free(&q);
    }
}

static void test_an_oversize_frame_is_refused_from_its_header(void **state)
{
    struct frame_input in;
    struct frame frame;
    uint8_t header[FRAME_HEADER_BYTES];
    frame_input_init(&in, 100);
    frame_header_put(header, 10, 101);
    struct slice bytes = slice_of(header, sizeof header);
    assert_int_equal(frame_take(&in, &bytes, &frame), FRAME_OVERSIZE);
    frame_input_free(&in);

    frame_input_init(&in, FRAME_BODY_BYTES_MAX);
    memset(header, 0xff, sizeof header);
    bytes = slice_of(header, sizeof header);
    assert_int_equal(frame_take(&in, &bytes, &frame), FRAME_OVERSIZE);
    frame_input_free(&in);
}

static void test_a_claimed_length_costs_no_memory(void **state)
{
    struct frame_input in;
    struct frame frame;
    uint8_t bytes_sent[FRAME_HEADER_BYTES + 10] = {0};
    frame_input_init(&in, FRAME_BODY_BYTES_MAX);
    frame_header_put(bytes_sent, 10, FRAME_BODY_BYTES_MAX);
    struct slice bytes = slice_of(bytes_sent, sizeof bytes_sent);
    assert_int_equal(frame_take(&in, &bytes, &frame), FRAME_MORE);
    assert_true(frame_partial(&in));
    assert_in_range(in.body_capacity, 10, 4096);
    frame_input_free(&in);
}

static void test_the_memory_of_a_large_frame_is_given_back(void **state)
{
    struct frame_input in;
    struct frame frame;
    size_t size = 1 << 20;
    uint8_t *bytes_sent = calloc(1, FRAME_HEADER_BYTES + size);
    frame_input_init(&in, FRAME_BODY_BYTES_MAX);
    frame_header_put(bytes_sent, 10, size);
    struct slice first = slice_of(bytes_sent, 1000);
    struct slice rest = slice_of(bytes_sent + 1000, FRAME_HEADER_BYTES + size - 1000);
    assert_int_equal(frame_take(&in, &first, &frame), FRAME_MORE);
    assert_int_equal(frame_take(&in, &rest, &frame), FRAME_COMPLETE);
    assert_int_equal(frame.body.size, size);
    assert_int_equal(frame_take(&in, &rest, &frame), FRAME_MORE);
    assert_int_equal(in.body_capacity, 0);
    frame_input_free(&in);
    free(bytes_sent);
}

/* ---- the send queue ---- */

static void test_the_queue_has_a_ceiling(void **state)
{
    struct sendq q;
    uint8_t body[95] = {0};
    sendq_init(&q, 1000);
    for (unsigned i = 0; i < 10; i++)
        assert_true(sendq_put(&q, 1, slice_of(body, sizeof body)));
    assert_false(sendq_put(&q, 1, slice_of(body, 0)));
    assert_int_equal(sendq_size(&q), 1000);
    sendq_sent(&q, 100);
    assert_true(sendq_put(&q, 1, slice_of(body, sizeof body)));
    assert_int_equal(sendq_size(&q), 1000);
    sendq_free(&q);
}

static void test_the_queue_reuses_its_memory(void **state)
{
    struct sendq q;
    uint8_t body[495];
    memset(body, 7, sizeof body);
    sendq_init(&q, 4000);
    for (unsigned i = 0; i < 10000; i++) { /* never empty, never long */
        assert_true(sendq_put(&q, 1, slice_of(body, sizeof body)));
        if (i >= 3)
            sendq_sent(&q, 500);
    }
    assert_int_equal(sendq_size(&q), 1500);
    assert_in_range(q.capacity, 1500, 8192);
    assert_int_equal(sendq_next(&q).data[0], 0);
    assert_int_equal(sendq_next(&q).data[5], 7);
    sendq_free(&q);
}

/* ---- rate limits ---- */

static void test_a_rate_limit_counts_what_it_refuses(void **state)
{
    struct ratelimit r;
    uint64_t refused = 99;
    ratelimit_init(&r, 2, 1000);
    assert_true(ratelimit_allow(&r, 5000, &refused));
    assert_int_equal(refused, 0);
    assert_true(ratelimit_allow(&r, 5001, &refused));
    assert_false(ratelimit_allow(&r, 5002, &refused));
    assert_false(ratelimit_allow(&r, 5999, &refused));
    assert_true(ratelimit_allow(&r, 6000, &refused));
    assert_int_equal(refused, 2);
    assert_true(ratelimit_allow(&r, 6001, &refused));
    assert_int_equal(refused, 0);
}

/* ---- greeting ---- */

static const char *greet(const struct config *config, struct tls_peer peer, const struct hello *m)
{
    struct buffer b = BUFFER_INIT(256);
    struct greeting_refusal refusal = {0};
    hello_encode(&b, m);
    bool welcome = greeting_check(config, &peer, buffer_slice(&b), &refusal);
    buffer_free(&b);
    return welcome ? NULL : refusal.sqlstate;
}

static void test_a_greeting_must_fit_the_key(void **state)
{
    struct config *config = calloc(1, sizeof *config);
    memset(config->digest, 3, sizeof config->digest);
    struct tls_peer replica_1 = {TLS_PEER_REPLICA, 1}, client_1 = {TLS_PEER_CLIENT, 1};
    struct hello hello = greeting_make(config, 1);
    assert_null(greet(config, replica_1, &hello));
    assert_string_equal(greet(config, client_1, &hello), "28000");
    assert_string_equal(greet(config, (struct tls_peer){TLS_PEER_REPLICA, 2}, &hello), "28000");
    hello.role = HELLO_CLIENT;
    assert_null(greet(config, client_1, &hello));
    hello.cluster[31] ^= 1;
    assert_string_equal(greet(config, client_1, &hello), "08004");
    hello.version++;
    assert_string_equal(greet(config, client_1, &hello), "08P01");
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_come_out_however_they_are_cut),
        cmocka_unit_test(test_an_oversize_frame_is_refused_from_its_header),
        cmocka_unit_test(test_a_claimed_length_costs_no_memory),
        cmocka_unit_test(test_the_memory_of_a_large_frame_is_given_back),
        cmocka_unit_test(test_the_queue_has_a_ceiling),
        cmocka_unit_test(test_the_queue_reuses_its_memory),
        cmocka_unit_test(test_a_rate_limit_counts_what_it_refuses),
        cmocka_unit_test(test_a_greeting_must_fit_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
