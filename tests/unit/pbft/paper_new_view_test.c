/* Entering a view: Castro and Liskov (OSDI 1999), section 4.4. The new primary makes the NEW-VIEW,
 * the backups judge it, and all carry over what it says. */
#include "proxy/pbft/core.h"
#include "tests/unit/pbft/forge.h"
#include "tests/unit/pbft/views.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

/* Four replicas. The core is replica 1, the primary of view 1, or replica 2, a backup of it. */
#define PRIMARY 1
#define BACKUP 2

static struct new_view new_view_sent(const struct single *s)
{
    struct new_view m = {0};
    const struct pbft_send *send = single_send_of(s, MESSAGE_NEW_VIEW);
    assert_non_null(send);
    assert_int_equal(send->to, PBFT_TO_ALL);
    assert_null(new_view_decode(send->body, &m));
    return m;
}

static void expect_carried(
    const struct new_view *m, unsigned index, const uint8_t digest[static DIGEST_BYTES])
{
    struct reader r = reader_of(m->carried);
    struct carried carried;
    assert_true(index < m->carried_count);
    for (unsigned i = 0; i <= index; i++)
        carried_take(&r, &carried);
    assert_memory_equal(carried.digest, digest, DIGEST_BYTES);
}

/* ---- the primary makes it ---- */

static void castro_liskov_4_4_new_view_needs_2f_plus_1_view_changes(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    views_leave(s);
    single_settle(s);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    struct forged_new_view expected = {.primary = PRIMARY, .view = 1};
    struct buffer body = BUFFER_INIT(FRAME_BODY_BYTES_MAX);
    forge_empty_view_change(&body, PRIMARY, 1);
    forge_add_change(&expected, buffer_slice(&body));
    views_change(s, 2, 1);
    forge_add_change(&expected, buffer_slice(&s->out));
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    views_change(s, 2, 1); /* again: not another replica */
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    views_change(s, 0, 1);
    forge_add_change(&expected, buffer_slice(&s->out));
    forge_new_view(&body, &expected);
    assert_true(slice_equal(single_send_of(s, MESSAGE_NEW_VIEW)->body, buffer_slice(&body)));
    assert_true(single_info(s).active);
    assert_int_equal(single_info(s).view, 1);
    buffer_free(&body);
    single_free(s);
}

static void castro_liskov_4_4_new_view_is_durable_before_it_leaves(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    views_change(s, 2, 1);
    views_change(s, 3, 1);
    single_settle(s);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_NEW_VIEW);
    assert_non_null(record);
    assert_true(record->durable);
    assert_true(slice_equal(record->value, single_send_of(s, MESSAGE_NEW_VIEW)->body));
    record = single_record_of(s, PBFT_RECORD_VIEW);
    assert_non_null(record);
    assert_true(record->durable);
    assert_int_equal(record->value.data[8], 1); /* entered */
    unsigned changes = 0;
    for (unsigned i = 0; i < s->update.persist_count; i++)
        changes += s->update.persist[i].type == PBFT_RECORD_VIEW_CHANGE;
    assert_int_equal(changes, 3);
    single_free(s);
}

static void refuse_proof(void (*forge)(struct forged_change *change, const uint8_t digest[]))
{
    struct single *s = single_new(PRIMARY, 1);
    uint8_t digest[DIGEST_BYTES];
    views_leave(s);
    views_change(s, 2, 1);
    views_digest_of(s, 1, digest);
    struct forged_change change = {.replica = 3, .view = 1};
    forge(&change, digest);
    views_change_with(s, &change);
    single_settle(s);
    assert_int_equal(single_sent(s, MESSAGE_NEW_VIEW), 0);
    views_change(s, 0, 1);
    assert_int_equal(new_view_sent(s).senders, 0x7); /* without the liar */
    single_free(s);
}

static void with_a_forged_prepare(struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 1, digest, 0xa);
    change->proofs.data[change->proofs.size - 1] ^= 1;
}

static void with_a_forged_proposal(struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 1, digest, 0xa);
    change->proofs.data[16 + DIGEST_BYTES] ^= 1;
}

static void with_too_few_prepares(struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 1, digest, 0x8);
}

static void with_a_prepare_of_the_primary(struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 1, digest, 0x9);
}

static void with_a_prepare_of_nobody(struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 1, digest, 0x18);
}

static void with_another_digest(struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 1, digest, 0xa);
    change->proofs.data[16] ^= 1;
}

static void with_another_sequence_number(struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 1, digest, 0xa);
    change->proofs.data[15] = 2;
}

static void with_a_certificate_beyond_the_window(
    struct forged_change *change, const uint8_t digest[])
{
    forge_add_proof(change, 4, 0, 17, digest, 0xa);
}

static void with_a_stable_checkpoint_of_two(struct forged_change *change, const uint8_t digest[])
{
    memcpy(change->stable_digest, digest, DIGEST_BYTES);
    change->stable = 4;
    change->stable_signers = 0xa;
}

static void with_a_stable_checkpoint_where_none_is(
    struct forged_change *change, const uint8_t digest[])
{
    memcpy(change->stable_digest, digest, DIGEST_BYTES);
    change->stable = 5;
    change->stable_signers = 0xe;
}

static void castro_liskov_4_4_view_changes_that_prove_nothing_do_not_count(void **state)
{
    refuse_proof(with_a_forged_prepare);
    refuse_proof(with_a_forged_proposal);
    refuse_proof(with_too_few_prepares);
    refuse_proof(with_a_prepare_of_the_primary);
    refuse_proof(with_a_prepare_of_nobody);
    refuse_proof(with_another_digest);
    refuse_proof(with_another_sequence_number);
    refuse_proof(with_a_certificate_beyond_the_window);
    refuse_proof(with_a_stable_checkpoint_of_two);
    refuse_proof(with_a_stable_checkpoint_where_none_is);
}

static void castro_liskov_4_4_the_primary_proposes_again_what_is_shown(void **state)
{
    struct single *s = single_new(PRIMARY, 1);
    struct batch batch = single_batch(s, 2);
    single_pre_prepare(s, &batch); /* it has the content */
    views_leave(s);
    struct forged_change change = views_showing(s, 3, 2);
    views_change_with(s, &change);
    views_change(s, 2, 1);
    struct new_view m = new_view_sent(s);
    assert_int_equal(m.low, 0);
    assert_int_equal(m.carried_count, 2);
    uint8_t digest[2][DIGEST_BYTES];
    struct batch null = {.seq = 1};
    forge_batch_digest(&null, digest[0]);
    views_digest_of(s, 2, digest[1]);
    expect_carried(&m, 0, digest[0]);
    expect_carried(&m, 1, digest[1]);
    /* Both are agreed on in the new view, and the null batch does nothing. */
    s->view = 1;
    for (unsigned i = 0; i < 2; i++) {
        forge_prepare(&s->out, 2, 1, i + 1, digest[i]);
        single_message(s, 2, MESSAGE_PREPARE);
        forge_prepare(&s->out, 3, 1, i + 1, digest[i]);
        single_message(s, 3, MESSAGE_PREPARE);
        assert_int_equal(single_sent(s, MESSAGE_COMMIT), 1);
        for (unsigned peer = 2; peer < 4; peer++) {
            forge_commit(&s->out, 1, i + 1, digest[i]);
            single_message(s, peer, MESSAGE_COMMIT);
        }
        assert_int_equal(s->update.delivery_count, 1);
        assert_int_equal(s->update.deliveries[0].batch.request_count, i);
    }
    single_free(s);
}

/* ---- the backups judge it ---- */

/* 2f+1 view changes of the others, of which replica 3's shows that single_batch(1) prepared; and
 * the NEW-VIEW that follows from them, for the test to spoil. */
static struct forged_new_view collect(struct single *s)
{
    struct forged_new_view m = {.primary = PRIMARY, .view = 1};
    static const unsigned others[] = {0, 1, 3};
    for (unsigned i = 0; i < 3; i++) {
        struct forged_change change = {.replica = others[i], .view = 1};
        if (others[i] == 3)
            change = views_showing(s, 3, 1);
        forge_view_change(&s->out, &change);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, others[i], MESSAGE_VIEW_CHANGE);
    }
    uint8_t digest[DIGEST_BYTES];
    views_digest_of(s, 1, digest);
    forge_add_carried(&m, digest);
    return m;
}

static void expect_refused(struct single *s, const char *reason)
{
    assert_string_equal(s->update.invalid, reason);
    assert_false(single_info(s).active);
    assert_null(single_record_of(s, PBFT_RECORD_NEW_VIEW));
    assert_int_equal(single_sent(s, MESSAGE_PREPARE), 0);
}

static void castro_liskov_4_4_a_right_new_view_is_entered(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct forged_new_view m = collect(s);
    assert_false(single_info(s).active);
    views_offer(s, &m);
    assert_null(s->update.invalid);
    assert_true(single_info(s).active);
    assert_int_equal(single_info(s).view, 1);
    assert_int_equal(single_info(s).primary, 1);
    const struct pbft_record *record = single_record_of(s, PBFT_RECORD_NEW_VIEW);
    assert_non_null(record);
    assert_true(record->durable);
    assert_true(slice_equal(record->value, buffer_slice(&s->out)));
    single_free(s);
}

static void who_lagged_enters_without_having_left(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct forged_new_view m = {.primary = 3, .view = 7};
    static const unsigned others[] = {0, 1, 3};
    struct buffer bodies[3];
    for (unsigned i = 0; i < 3; i++) {
        buffer_init(&bodies[i], 4096);
        forge_empty_view_change(&bodies[i], others[i], 7);
        forge_add_change(&m, buffer_slice(&bodies[i]));
    }
    views_offer(s, &m);
    assert_null(s->update.invalid);
    assert_int_equal(single_info(s).view, 0); /* not without what it was made from */
    /* Whoever is there passes it on: one message after the other, in any order. */
    for (unsigned i = 0; i < 3; i++) {
        buffer_clear(&s->out);
        put_raw(&s->out, bodies[i].data, bodies[i].size);
        single_message(s, 0, MESSAGE_VIEW_CHANGE);
        buffer_free(&bodies[i]);
    }
    views_offer(s, &m);
    assert_int_equal(single_info(s).view, 7);
    assert_true(single_info(s).active);
    single_free(s);
}

static void castro_liskov_4_4_new_view_must_be_signed_by_the_views_primary(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct forged_new_view m = collect(s);
    m.primary = 3;
    views_offer(s, &m);
    expect_refused(s, "new view with a wrong signature");
    m.primary = 1;
    forge_new_view(&s->out, &m);
    s->out.data[s->out.size - 1] ^= 1;
    single_message(s, 1, MESSAGE_NEW_VIEW);
    expect_refused(s, "new view with a wrong signature");
    /* What others may have spoilt is not held against the primary. */
    assert_false(single_info(s).suspects);
    forge_new_view(&s->out, &m);
    single_message(s, 3, MESSAGE_NEW_VIEW); /* passed on */
    assert_true(single_info(s).active);
    single_free(s);
}

static void castro_liskov_4_4_new_view_from_fewer_than_2f_plus_1_is_refused(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct forged_new_view m = collect(s);
    m.senders &= ~UINT32_C(1);
    views_offer(s, &m);
    expect_refused(s, "a new view made from too few view changes");
    m.senders |= 1u << 4;
    views_offer(s, &m);
    expect_refused(s, "a new view made from too few view changes");
    single_free(s);
}

static void refuse_choice(
    void (*spoil)(struct single *s, struct forged_new_view *m), const char *reason)
{
    struct single *s = single_new(BACKUP, 1);
    struct forged_new_view m = collect(s);
    spoil(s, &m);
    views_offer(s, &m);
    expect_refused(s, reason);
    /* Caught: the primary's own signature is under it. */
    assert_true(single_info(s).suspects);
    assert_string_equal(single_info(s).reason, reason);
    s->view = 1;
    views_suspect(s, 3);
    assert_int_equal(views_own(s).view, 2);
    single_free(s);
}

static void null_instead_of_what_prepared(struct single *s, struct forged_new_view *m)
{
    m->carried_count = 0;
    forge_add_null(m);
}

static void another_batch(struct single *s, struct forged_new_view *m)
{
    m->carried[0][0] ^= 1;
}

static void nothing(struct single *s, struct forged_new_view *m)
{
    m->carried_count = 0;
}

static void more(struct single *s, struct forged_new_view *m)
{
    forge_add_null(m);
}

static void another_low(struct single *s, struct forged_new_view *m)
{
    m->low = 4;
    m->carried_count = 0;
}

static void castro_liskov_4_4_new_view_that_does_not_follow_is_refused(void **state)
{
    static const char other[] =
        "a new view that carries over another batch than its view changes show";
    static const char range[] = "a new view that does not follow from its view changes";
    refuse_choice(null_instead_of_what_prepared, other);
    refuse_choice(another_batch, other);
    refuse_choice(nothing, range);
    refuse_choice(more, range);
    refuse_choice(another_low, range);
}

static void castro_liskov_4_4_the_certificate_of_the_latest_view_must_be_chosen(void **state)
{
    struct single *s = single_new(3, 1);
    struct forged_new_view m = {.primary = 2, .view = 2};
    uint8_t digest[2][DIGEST_BYTES] = {{1}, {2}};
    for (unsigned i = 0; i < 3; i++) {
        struct forged_change change = {.replica = i, .view = 2};
        if (i > 0)
            forge_add_proof(&change, 4, i - 1, 1, digest[i - 1], i == 1 ? 0xa : 0xc);
        forge_view_change(&s->out, &change);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, i, MESSAGE_VIEW_CHANGE);
    }
    forge_add_carried(&m, digest[0]);
    views_offer(s, &m);
    expect_refused(s, "a new view that carries over another batch than its view changes show");
    single_tick(s, SINGLE_RETRANSMIT_US); /* judging costs: not at once again */
    m.carried_count = 0;
    forge_add_carried(&m, digest[1]);
    views_offer(s, &m);
    assert_true(single_info(s).active);
    single_free(s);
}

static void castro_liskov_4_4_new_view_from_a_forged_certificate_is_refused(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct forged_new_view m = collect(s);
    struct forged_change change = views_showing(s, 3, 1);
    struct forged_new_view forged = {.primary = 1, .view = 1};
    for (unsigned i = 0; i < 2; i++) {
        forge_empty_view_change(&s->out, i, 1);
        forge_add_change(&forged, buffer_slice(&s->out));
    }
    /* Replica 3's other word, which it told the primary alone, who passes it on. */
    change.proofs.data[change.proofs.size - 1] ^= 1;
    forge_view_change(&s->out, &change);
    forge_add_change(&forged, buffer_slice(&s->out));
    single_message(s, 1, MESSAGE_VIEW_CHANGE);
    assert_int_equal(s->update.evidence_count, 1);
    memcpy(forged.carried[0], m.carried[0], DIGEST_BYTES);
    forged.carried_count = 1;
    views_offer(s, &forged);
    expect_refused(s, "a new view made from a view change that proves nothing");
    single_free(s);
}

static void castro_liskov_4_4_each_batch_must_be_signed_in_the_new_view(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    struct forged_new_view m = collect(s);
    forge_new_view(&s->out, &m);
    struct new_view decoded;
    assert_null(new_view_decode(buffer_slice(&s->out), &decoded));
    /* The batch's signature is spoilt, the message's is right. */
    size_t size = decoded.content.size;
    s->out.data[size - 1] ^= 1;
    uint8_t digest[DIGEST_BYTES];
    fake_digest(s->out.data, size, digest);
    struct buffer part = BUFFER_INIT(4096);
    new_view_put_signed_part(&part, 1, digest);
    fake_sign_replica(1, SIGN_NEW_VIEW, part.data, part.size, s->out.data + size);
    buffer_free(&part);
    single_message(s, 1, MESSAGE_NEW_VIEW);
    expect_refused(s, "a new view with a wrong signature of a batch");
    single_free(s);
}

/* A PREPARE is for its view. While the NEW-VIEW of view 1 is awaited, those of view 1 come in for a
 * slot that still holds what was proposed in view 0: they must not pass for prepares of view 0. */
static void prepares_of_one_view_prove_nothing_about_another(void **state)
{
    struct single *s = single_new(3, 1);
    uint8_t digest[DIGEST_BYTES];
    struct batch batch = single_batch(s, 1);
    forge_batch_digest(&batch, digest);
    single_pre_prepare(s, &batch);
    views_leave(s);
    for (unsigned peer = 0; peer < 3; peer += 2) {
        forge_prepare(&s->out, peer, 1, 1, digest);
        single_message(s, peer, MESSAGE_PREPARE);
        assert_null(s->update.invalid);
    }
    /* Replica 2 claims that the batch prepared in view 0, with the signatures of view 1. */
    struct forged_change change = {.replica = 2, .view = 2};
    uint8_t signature[2][SIGNATURE_BYTES];
    forge_add_proof(&change, 4, 0, 1, digest, 0x6);
    change.proofs.data[16 + DIGEST_BYTES + SIGNATURE_BYTES + 3] = 0x5; /* signers 0 and 2 … */
    forge_sign_phase(0, SIGN_PREPARE, 1, 1, digest, signature[0]);
    forge_sign_phase(2, SIGN_PREPARE, 1, 1, digest, signature[1]);
    memcpy(change.proofs.data + change.proofs.size - sizeof signature, signature, sizeof signature);
    struct forged_new_view m = {.primary = 2, .view = 2};
    for (unsigned i = 0; i < 2; i++) {
        forge_empty_view_change(&s->out, i, 2);
        forge_add_change(&m, buffer_slice(&s->out));
        single_message(s, 2, MESSAGE_VIEW_CHANGE);
    }
    forge_view_change(&s->out, &change);
    forge_add_change(&m, buffer_slice(&s->out));
    single_message(s, 2, MESSAGE_VIEW_CHANGE);
    forge_add_carried(&m, digest);
    views_offer(s, &m);
    expect_refused(s, "a new view made from a view change that proves nothing");
    single_free(s);
}

static void a_second_different_new_view_is_a_lie_that_can_be_proved(void **state)
{
    struct single *s = single_new(BACKUP, 1);
    views_enter(s, 1);
    struct forged_new_view m = {.primary = 1, .view = 1};
    for (unsigned i = 1; i < 4; i++) {
        forge_empty_view_change(&s->out, i, 1);
        forge_add_change(&m, buffer_slice(&s->out));
    }
    views_offer(s, &m);
    assert_string_equal(s->update.invalid, "a second, different new view");
    assert_int_equal(s->update.evidence_count, 1);
    assert_int_equal(s->update.evidence[0].replica, 1);
    assert_int_equal(s->update.evidence[0].purpose, SIGN_NEW_VIEW);
    m.primary = 3; /* nobody else can make it look like a liar */
    views_offer(s, &m);
    assert_string_equal(s->update.invalid, "new view with a wrong signature");
    assert_int_equal(s->update.evidence_count, 0);
    single_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(castro_liskov_4_4_new_view_needs_2f_plus_1_view_changes),
        cmocka_unit_test(castro_liskov_4_4_new_view_is_durable_before_it_leaves),
        cmocka_unit_test(castro_liskov_4_4_view_changes_that_prove_nothing_do_not_count),
        cmocka_unit_test(castro_liskov_4_4_the_primary_proposes_again_what_is_shown),
        cmocka_unit_test(castro_liskov_4_4_a_right_new_view_is_entered),
        cmocka_unit_test(who_lagged_enters_without_having_left),
        cmocka_unit_test(castro_liskov_4_4_new_view_must_be_signed_by_the_views_primary),
        cmocka_unit_test(castro_liskov_4_4_new_view_from_fewer_than_2f_plus_1_is_refused),
        cmocka_unit_test(castro_liskov_4_4_new_view_that_does_not_follow_is_refused),
        cmocka_unit_test(castro_liskov_4_4_the_certificate_of_the_latest_view_must_be_chosen),
        cmocka_unit_test(castro_liskov_4_4_new_view_from_a_forged_certificate_is_refused),
        cmocka_unit_test(castro_liskov_4_4_each_batch_must_be_signed_in_the_new_view),
        cmocka_unit_test(prepares_of_one_view_prove_nothing_about_another),
        cmocka_unit_test(a_second_different_new_view_is_a_lie_that_can_be_proved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
