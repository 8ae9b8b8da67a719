/* The rule of each field in certificates, contributions and the messages of a view change. */
#include "common/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
static struct buffer parts = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
static const uint8_t zeros[REPLICAS_MAX * SIGNATURE_BYTES];

static void expect_reason(const char *reason, const char *expected, int line)
{
    bool same =
        reason == NULL || expected == NULL ? reason == expected : strcmp(reason, expected) == 0;
    if (!same)
        fail_msg("line %d: got \"%s\", expected \"%s\"", line, reason == NULL ? "valid" : reason,
            expected == NULL ? "valid" : expected);
}

#define EXPECT(name, m, expected)                                                                  \
    do {                                                                                           \
        struct name decoded_;                                                                      \
        buffer_clear(&body);                                                                       \
        name##_encode(&body, (m));                                                                 \
        expect_reason(name##_decode(buffer_slice(&body), &decoded_), (expected), __LINE__);        \
    } while (0)

#define TRUNCATED "truncated, or a field is longer than its limit"
#define TRAILING "bytes follow the message's end"

static struct slice signatures(unsigned count)
{
    return slice_of(zeros, count * SIGNATURE_BYTES);
}

/* ---- certificates ---- */

static void stable(void **state)
{
    struct stable m = {.seq = 64, .signers = 0x7, .signatures = signatures(3)};
    EXPECT(stable, &m, NULL);
    m.signers = 0xf;
    EXPECT(stable, &m, TRUNCATED);
    m.signers = 0x3;
    EXPECT(stable, &m, TRAILING);
    m.signers = 1u << REPLICAS_MAX;
    EXPECT(stable, &m, "signers out of range");
    m = (struct stable){.seq = 0};
    EXPECT(stable, &m, "the beginning needs no certificate");
    m.signers = 1;
    m.signatures = signatures(1);
    EXPECT(stable, &m, "the beginning is not signed");
    m = (struct stable){
        .seq = 1, .signers = (1u << REPLICAS_MAX) - 1, .signatures = signatures(REPLICAS_MAX)};
    EXPECT(stable, &m, NULL);
    assert_int_equal(body.size, STABLE_BYTES_MAX);
}

static const char *reason_of_proof(const struct proof *m)
{
    buffer_clear(&body);
    proof_put(&body, m);
    struct reader r = reader_of(buffer_slice(&body));
    struct proof decoded;
    return proof_take(&r, &decoded);
}

static void proof(void **state)
{
    struct proof m = {.seq = 1, .signers = 0x3ff, .signatures = signatures(10)};
    expect_reason(reason_of_proof(&m), NULL, __LINE__);
    assert_true(body.size <= PROOF_BYTES_MAX);
    m.signers = 0x7ff;
    m.signatures = signatures(11);
    expect_reason(reason_of_proof(&m), "more prepares than a certificate has", __LINE__);
    m.signers = UINT32_MAX;
    expect_reason(reason_of_proof(&m), "signers out of range", __LINE__);
    m = (struct proof){.seq = 0};
    expect_reason(reason_of_proof(&m), "batches are numbered from 1", __LINE__);
    m.signers = 1;
    expect_reason(reason_of_proof(&m), TRUNCATED, __LINE__);
}

/* ---- contributions ---- */

static void contribution(void **state)
{
    struct contribution m = {.number = 1, .replica = REPLICAS_MAX - 1};
    EXPECT(contribution, &m, NULL);
    assert_int_equal(body.size, CONTRIBUTION_BYTES);
    m.replica = REPLICAS_MAX;
    EXPECT(contribution, &m, "replica number out of range");
    m = (struct contribution){.number = 0};
    EXPECT(contribution, &m, "contributions are numbered from 1");
}

static void a_contribution_is_signed_as_a_whole(void **state)
{
    struct contribution m = {.number = 1, .reveal = {1}, .commitment = {2}, .replica = 3};
    buffer_clear(&body);
    contribution_encode(&body, &m);
    buffer_clear(&parts);
    contribution_put_signed_part(&parts, &m);
    assert_int_equal(parts.size, body.size - SIGNATURE_BYTES);
    assert_memory_equal(parts.data, body.data, parts.size);
}

static const char *reason_of_contributions(const uint16_t *replicas, uint32_t count)
{
    buffer_clear(&parts);
    for (uint32_t i = 0; i < count; i++) {
        struct contribution c = {.number = 1, .replica = replicas[i]};
        contribution_put(&parts, &c);
    }
    struct batch m = {.seq = 1,
        .timestamp_us = 1,
        .contribution_count = count,
        .contributions = buffer_slice(&parts)};
    buffer_clear(&body);
    content_encode(&body, &m);
    return content_decode(buffer_slice(&body), &m);
}

static void a_batch_has_one_contribution_a_replica_in_their_order(void **state)
{
    uint16_t all[REPLICAS_MAX + 1];
    for (uint16_t i = 0; i <= REPLICAS_MAX; i++)
        all[i] = i;
    expect_reason(reason_of_contributions(all, REPLICAS_MAX), NULL, __LINE__);
    expect_reason(
        reason_of_contributions(all, REPLICAS_MAX + 1), "too many contributions", __LINE__);
    static const uint16_t twice[] = {1, 1}, backwards[] = {2, 1};
    expect_reason(reason_of_contributions(twice, 2), "contributions out of order", __LINE__);
    expect_reason(reason_of_contributions(backwards, 2), "contributions out of order", __LINE__);
}

/* ---- view change ---- */

static void put_proof(uint64_t view, uint64_t seq)
{
    struct proof p = {.view = view, .seq = seq, .signers = 1, .signatures = signatures(1)};
    proof_put(&parts, &p);
}

static const char *reason_of_view_change(struct view_change *m)
{
    m->proofs = buffer_slice(&parts);
    buffer_clear(&body);
    view_change_put_content(&body, m);
    size_t content = body.size;
    put_raw(&body, m->signature, SIGNATURE_BYTES);
    struct view_change decoded;
    const char *reason = view_change_decode(buffer_slice(&body), &decoded);
    if (reason == NULL)
        assert_true(slice_equal(decoded.content, slice_of(body.data, content)));
    return reason;
}

static void view_change(void **state)
{
    buffer_clear(&parts);
    struct view_change m = {.view = 1};
    expect_reason(reason_of_view_change(&m), NULL, __LINE__);
    m.view = 0;
    expect_reason(reason_of_view_change(&m), "nobody changes to the first view", __LINE__);
    m.view = 1;
    m.replica = REPLICAS_MAX;
    expect_reason(reason_of_view_change(&m), "replica number out of range", __LINE__);
    m.replica = 0;
    m.proof_count = WINDOW_MAX + 1;
    expect_reason(reason_of_view_change(&m), "too many certificates", __LINE__);
    m.proof_count = 1;
    expect_reason(reason_of_view_change(&m), TRUNCATED, __LINE__);
    m.proof_count = 0;
    m.stable.signers = 1u << REPLICAS_MAX;
    expect_reason(reason_of_view_change(&m), "signers out of range", __LINE__);
}

static void certificates_are_in_order_and_of_earlier_views(void **state)
{
    struct view_change m = {
        .view = 3, .stable = {.seq = 8, .signers = 1, .signatures = signatures(1)}};
    m.proof_count = 2;
    buffer_clear(&parts);
    put_proof(2, 9);
    put_proof(0, 12);
    expect_reason(reason_of_view_change(&m), NULL, __LINE__);
    static const char out_of_order[] = "certificates out of order, or below the stable checkpoint";
    buffer_clear(&parts);
    put_proof(0, 12);
    put_proof(0, 12);
    expect_reason(reason_of_view_change(&m), out_of_order, __LINE__);
    buffer_clear(&parts);
    put_proof(0, 8);
    put_proof(0, 12);
    expect_reason(reason_of_view_change(&m), out_of_order, __LINE__);
    buffer_clear(&parts);
    put_proof(0, 9);
    put_proof(3, 10);
    expect_reason(reason_of_view_change(&m), "a certificate of a later view", __LINE__);
}

/* ---- new view ---- */

static const char *reason_of_new_view(const struct new_view *m)
{
    buffer_clear(&body);
    new_view_put_content(&body, m);
    put_raw(&body, m->signature, SIGNATURE_BYTES);
    struct new_view decoded;
    return new_view_decode(buffer_slice(&body), &decoded);
}

static void new_view(void **state)
{
    struct new_view m = {.view = 1, .senders = 0x7, .digests = slice_of(zeros, 3 * DIGEST_BYTES)};
    expect_reason(reason_of_new_view(&m), NULL, __LINE__);
    m.view = 0;
    expect_reason(reason_of_new_view(&m), "the first view needs no new view", __LINE__);
    m.view = 1;
    m.senders = 0xf;
    expect_reason(reason_of_new_view(&m), TRUNCATED, __LINE__);
}

static void a_new_view_is_bounded(void **state)
{
    struct new_view m = {.view = 1, .carried_count = WINDOW_MAX + 1};
    expect_reason(reason_of_new_view(&m), "too many batches carried over", __LINE__);
    m.carried_count = 1;
    expect_reason(reason_of_new_view(&m), TRUNCATED, __LINE__);
    m.carried_count = 0;
    m.low = UINT64_MAX;
    expect_reason(reason_of_new_view(&m), "sequence number out of range", __LINE__);
    m.low = 0;
    m.senders = UINT32_MAX;
    expect_reason(reason_of_new_view(&m), "signers out of range", __LINE__);
}

/* ---- contents ---- */

static void want(void **state)
{
    struct want m = {.count = WANTED_MAX};
    for (unsigned i = 0; i < WANTED_MAX; i++)
        m.wanted[i].seq = i + 1;
    EXPECT(want, &m, NULL);
    m.wanted[3].seq = 0;
    EXPECT(want, &m, "batches are numbered from 1");
    m.count = 0;
    EXPECT(want, &m, "number of contents out of range");
    m.count = WANTED_MAX + 1;
    EXPECT(want, &m, "number of contents out of range");
}

static void what_is_signed_names_who_and_what(void **state)
{
    static const uint8_t digest[DIGEST_BYTES] = {9};
    buffer_clear(&body);
    view_change_put_signed_part(&body, 3, 2, digest);
    assert_int_equal(body.size, 8 + 2 + DIGEST_BYTES);
    buffer_clear(&body);
    new_view_put_signed_part(&body, 3, digest);
    assert_int_equal(body.size, 8 + DIGEST_BYTES);
    assert_int_equal(body.data[7], 3);
    assert_int_equal(body.data[8], 9);
}

static int tear_down(void **state)
{
    buffer_free(&body);
    buffer_free(&parts);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stable),
        cmocka_unit_test(proof),
        cmocka_unit_test(contribution),
        cmocka_unit_test(a_contribution_is_signed_as_a_whole),
        cmocka_unit_test(a_batch_has_one_contribution_a_replica_in_their_order),
        cmocka_unit_test(view_change),
        cmocka_unit_test(certificates_are_in_order_and_of_earlier_views),
        cmocka_unit_test(new_view),
        cmocka_unit_test(a_new_view_is_bounded),
        cmocka_unit_test(want),
        cmocka_unit_test(what_is_signed_names_who_and_what),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
