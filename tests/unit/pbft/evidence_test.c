/* Evidence leaves the core as the bytes that were signed, and never fills an update. */
#include "proxy/pbft/evidence.h"

#include "proxy/pbft/core.h"
#include "tests/unit/pbft/single.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static struct single *start(void)
{
    struct single *s = single_new(1, 1);
    s->core->update = &s->update;
    s->update.evidence_count = 0;
    buffer_clear(&s->core->out);
    return s;
}

static void end(struct single *s)
{
    s->core->update = NULL;
    single_free(s);
}

/* What a replica would have signed: the signature over the statement that a test encoded. */
static void sign_as(unsigned replica, enum signature_purpose purpose, const struct buffer *b,
    uint8_t ret[static SIGNATURE_BYTES])
{
    fake_sign_replica(replica, purpose, b->data, b->size, ret);
}

static void expect(const struct single *s, unsigned replica, enum signature_purpose purpose)
{
    assert_int_equal(s->update.evidence_count, 1);
    const struct pbft_evidence *e = &s->update.evidence[0];
    assert_int_equal(e->replica, replica);
    assert_int_equal(e->purpose, purpose);
    assert_false(slice_equal(e->statement[0], e->statement[1]));
    const struct pbft_crypto *crypto = &s->options.crypto;
    for (unsigned i = 0; i < 2; i++)
        assert_true(crypto->verify_replica(crypto->context, replica, purpose, e->statement[i].data,
            e->statement[i].size, e->signature[i]));
}

static const uint8_t digest_a[DIGEST_BYTES] = {1}, digest_b[DIGEST_BYTES] = {2};

static void two_proposals_or_prepares(void **state)
{
    static const enum signature_purpose purposes[] = {SIGN_PRE_PREPARE, SIGN_PREPARE};
    for (unsigned i = 0; i < 2; i++) {
        struct single *s = start();
        struct buffer a = BUFFER_INIT(256), b = BUFFER_INIT(256);
        uint8_t signature_a[SIGNATURE_BYTES], signature_b[SIGNATURE_BYTES];
        phase_put_signed_part(&a, 4, 9, digest_a, 2);
        phase_put_signed_part(&b, 4, 9, digest_b, 2);
        sign_as(2, purposes[i], &a, signature_a);
        sign_as(2, purposes[i], &b, signature_b);
        evidence_phase(s->core, purposes[i], 2, 4, 9, (struct said){digest_a, signature_a},
            (struct said){digest_b, signature_b});
        expect(s, 2, purposes[i]);
        buffer_free(&a);
        buffer_free(&b);
        end(s);
    }
}

static void two_checkpoints(void **state)
{
    struct single *s = start();
    struct checkpoint m[2] = {{.seq = 8, .replica = 3}, {.seq = 8, .replica = 3}};
    m[1].digest[7] = 1;
    for (unsigned i = 0; i < 2; i++) {
        struct buffer b = BUFFER_INIT(256);
        checkpoint_put_signed_part(&b, &m[i]);
        sign_as(3, SIGN_CHECKPOINT, &b, m[i].signature);
        buffer_free(&b);
    }
    evidence_checkpoint(s->core, &m[0], &m[1]);
    expect(s, 3, SIGN_CHECKPOINT);
    end(s);
}

static void two_view_changes(void **state)
{
    struct single *s = start();
    struct buffer a = BUFFER_INIT(256), b = BUFFER_INIT(256);
    uint8_t signature_a[SIGNATURE_BYTES], signature_b[SIGNATURE_BYTES];
    view_change_put_signed_part(&a, 5, 0, digest_a);
    view_change_put_signed_part(&b, 5, 0, digest_b);
    sign_as(0, SIGN_VIEW_CHANGE, &a, signature_a);
    sign_as(0, SIGN_VIEW_CHANGE, &b, signature_b);
    evidence_view_change(
        s->core, 0, 5, (struct said){digest_a, signature_a}, (struct said){digest_b, signature_b});
    expect(s, 0, SIGN_VIEW_CHANGE);
    buffer_free(&a);
    buffer_free(&b);
    end(s);
}

static void two_new_views(void **state)
{
    struct single *s = start();
    struct buffer a = BUFFER_INIT(256), b = BUFFER_INIT(256);
    uint8_t signature_a[SIGNATURE_BYTES], signature_b[SIGNATURE_BYTES];
    new_view_put_signed_part(&a, 5, digest_a);
    new_view_put_signed_part(&b, 5, digest_b);
    sign_as(1, SIGN_NEW_VIEW, &a, signature_a);
    sign_as(1, SIGN_NEW_VIEW, &b, signature_b);
    evidence_new_view(
        s->core, 1, 5, (struct said){digest_a, signature_a}, (struct said){digest_b, signature_b});
    expect(s, 1, SIGN_NEW_VIEW);
    buffer_free(&a);
    buffer_free(&b);
    end(s);
}

static struct contribution contribution_with(uint8_t reveal)
{
    struct contribution c = {.number = 3, .reveal = {reveal}, .replica = 2};
    struct buffer b = BUFFER_INIT(256);
    contribution_put_signed_part(&b, &c);
    sign_as(2, SIGN_CONTRIBUTION, &b, c.signature);
    buffer_free(&b);
    return c;
}

static void two_contributions(void **state)
{
    struct single *s = start();
    struct contribution a = contribution_with(1), b = contribution_with(2);
    evidence_contribution(s->core, &a, &b);
    expect(s, 2, SIGN_CONTRIBUTION);
    end(s);
}

static void the_same_twice_is_no_evidence(void **state)
{
    struct single *s = start();
    struct contribution a = contribution_with(1);
    evidence_contribution(s->core, &a, &a);
    assert_int_equal(s->update.evidence_count, 0);
    end(s);
}

static void an_update_is_never_overfilled(void **state)
{
    struct single *s = start();
    struct contribution a = contribution_with(1), b = contribution_with(2);
    for (unsigned i = 0; i < 3 * PBFT_EVIDENCE_MAX; i++)
        evidence_contribution(s->core, &a, &b);
    assert_int_equal(s->update.evidence_count, PBFT_EVIDENCE_MAX);
    assert_true(s->core->out.size <= PBFT_EVIDENCE_MAX * 2 * CONTRIBUTION_BYTES);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_proposals_or_prepares),
        cmocka_unit_test(two_checkpoints),
        cmocka_unit_test(two_view_changes),
        cmocka_unit_test(two_new_views),
        cmocka_unit_test(two_contributions),
        cmocka_unit_test(the_same_twice_is_no_evidence),
        cmocka_unit_test(an_update_is_never_overfilled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
