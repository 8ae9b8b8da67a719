/* The agreed seed: a function of the order, which no f replicas choose. */
#include "proxy/pbft/seed.h"

#include "tests/unit/pbft/fake_crypto.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#define REPLICAS 4
#define FAULTS 1

static struct fake_signer signers[REPLICAS];
static uint8_t memory[REPLICAS_MAX * CONTRIBUTION_BYTES];

static struct pbft_crypto crypto_of(unsigned replica)
{
    signers[replica].self = replica;
    return fake_crypto(&signers[replica]);
}

static struct contribution next_of(const struct seed *seed, unsigned replica)
{
    struct pbft_crypto crypto = crypto_of(replica);
    struct contribution c;
    seed_contribute(seed, &crypto, replica, &c);
    return c;
}

static struct batch batch_of(const struct contribution *contributions, uint32_t count)
{
    struct buffer b = {.data = memory, .capacity = sizeof memory, .size_max = sizeof memory};
    for (uint32_t i = 0; i < count; i++)
        contribution_put(&b, &contributions[i]);
    assert_false(b.failed);
    return (struct batch){.seq = 1,
        .timestamp_us = 1,
        .contribution_count = count,
        .contributions = buffer_slice(&b)};
}

static void apply(struct seed *seed, const struct contribution *contributions, uint32_t count)
{
    struct pbft_crypto crypto = crypto_of(0);
    struct batch batch = batch_of(contributions, count);
    seed_apply(seed, &crypto, &batch);
}

/* All four have announced: the next contributions of each will count. */
static struct seed announced(void)
{
    struct seed seed = {0};
    struct contribution c[REPLICAS];
    for (unsigned i = 0; i < REPLICAS; i++)
        c[i] = next_of(&seed, i);
    apply(&seed, c, REPLICAS);
    return seed;
}

static bool same_entropy(const struct seed *a, const struct seed *b)
{
    return memcmp(a->entropy, b->entropy, DIGEST_BYTES) == 0;
}

static bool equal(const struct seed *a, const struct seed *b)
{
    for (unsigned i = 0; i < REPLICAS_MAX; i++)
        if (a->replicas[i].number != b->replicas[i].number ||
            memcmp(a->replicas[i].commitment, b->replicas[i].commitment, DIGEST_BYTES) != 0)
            return false;
    return same_entropy(a, b);
}

/* ---- what counts ---- */

static void the_first_contribution_only_announces(void **state)
{
    struct seed start = {0}, seed = announced();
    assert_true(same_entropy(&seed, &start));
    for (unsigned i = 0; i < REPLICAS; i++)
        assert_int_equal(seed.replicas[i].number, 1);
    assert_int_equal(seed.replicas[REPLICAS].number, 0);
}

static void what_was_announced_is_mixed_in(void **state)
{
    struct seed seed = announced(), before = seed;
    struct contribution c = next_of(&seed, 2);
    assert_int_equal(c.number, 2);
    apply(&seed, &c, 1);
    assert_false(same_entropy(&seed, &before));
    assert_int_equal(seed.replicas[2].number, 2);
    assert_memory_equal(seed.replicas[2].commitment, c.commitment, DIGEST_BYTES);
    before.replicas[2] = seed.replicas[2];
    memcpy(before.entropy, seed.entropy, DIGEST_BYTES);
    assert_true(equal(&seed, &before)); /* nobody else's changed */
}

static void every_contribution_matters(void **state)
{
    struct seed start = announced();
    struct contribution c[REPLICAS];
    for (unsigned i = 0; i < REPLICAS; i++)
        c[i] = next_of(&start, i);
    struct seed all = start, without;
    apply(&all, c, REPLICAS);
    for (unsigned left_out = 0; left_out < REPLICAS; left_out++) {
        struct contribution some[REPLICAS - 1];
        unsigned count = 0;
        for (unsigned i = 0; i < REPLICAS; i++)
            if (i != left_out)
                some[count++] = c[i];
        without = start;
        apply(&without, some, count);
        assert_false(same_entropy(&without, &all));
    }
}

static void another_reveal_than_announced_is_passed_over(void **state)
{
    struct seed seed = announced(), before = seed;
    struct contribution c = next_of(&seed, 1);
    c.reveal[0] ^= 1;
    struct pbft_crypto crypto = crypto_of(0);
    assert_non_null(seed_judge(&seed, &crypto, &c));
    apply(&seed, &c, 1);
    assert_true(equal(&seed, &before));
}

static void old_and_early_numbers_are_passed_over(void **state)
{
    struct seed seed = announced();
    struct contribution second = next_of(&seed, 1);
    apply(&seed, &second, 1);
    struct contribution third = next_of(&seed, 1);
    struct seed before = seed;
    apply(&seed, &second, 1); /* a new view carried the batch over */
    assert_true(equal(&seed, &before));
    third.number = 4;
    apply(&seed, &third, 1);
    assert_true(equal(&seed, &before));
    third.number = UINT64_MAX;
    apply(&seed, &third, 1);
    assert_true(equal(&seed, &before));
}

static void the_first_has_number_one(void **state)
{
    struct seed seed = {0}, before = seed;
    struct contribution c = next_of(&seed, 3);
    assert_int_equal(c.number, 1);
    c.number = 2;
    apply(&seed, &c, 1);
    assert_true(equal(&seed, &before));
}

static void the_good_count_beside_the_bad(void **state)
{
    struct seed start = announced(), with = start, without = start;
    struct contribution c[3] = {next_of(&start, 0), next_of(&start, 1), next_of(&start, 3)};
    struct contribution good[2] = {c[0], c[2]};
    c[1].reveal[31] ^= 0x80;
    apply(&with, c, 3);
    apply(&without, good, 2);
    assert_true(equal(&with, &without));
}

/* ---- the seed of a batch ---- */

static void each_batch_has_its_own_seed(void **state)
{
    struct pbft_crypto crypto = crypto_of(0);
    struct seed seed = announced();
    uint8_t a[DIGEST_BYTES], b[DIGEST_BYTES], again[DIGEST_BYTES];
    seed_of(&seed, &crypto, 7, a);
    seed_of(&seed, &crypto, 8, b);
    seed_of(&seed, &crypto, 7, again);
    assert_memory_not_equal(a, b, DIGEST_BYTES);
    assert_memory_equal(a, again, DIGEST_BYTES);
    assert_memory_not_equal(a, seed.entropy, DIGEST_BYTES);
    struct contribution c = next_of(&seed, 0);
    apply(&seed, &c, 1);
    seed_of(&seed, &crypto, 7, again);
    assert_memory_not_equal(a, again, DIGEST_BYTES);
}

/* ---- this replica's own ---- */

static void a_restarted_replica_says_the_same_again(void **state)
{
    struct seed seed = announced();
    struct contribution a = next_of(&seed, 2), b = next_of(&seed, 2);
    assert_memory_equal(a.reveal, b.reveal, DIGEST_BYTES);
    assert_memory_equal(a.commitment, b.commitment, DIGEST_BYTES);
    assert_memory_equal(a.signature, b.signature, SIGNATURE_BYTES);
}

static void reveals_differ_between_replicas_and_numbers(void **state)
{
    struct seed seed = announced();
    struct contribution a = next_of(&seed, 1), b = next_of(&seed, 2);
    assert_memory_not_equal(a.reveal, b.reveal, DIGEST_BYTES);
    apply(&seed, &a, 1);
    struct contribution later = next_of(&seed, 1);
    assert_int_equal(later.number, a.number + 1);
    assert_memory_not_equal(a.reveal, later.reveal, DIGEST_BYTES);
    struct pbft_crypto crypto = crypto_of(0);
    assert_null(seed_judge(&seed, &crypto, &later));
}

/* ---- proposals ---- */

static const char *judge(
    const struct seed *seed, const struct contribution *contributions, uint32_t count)
{
    struct pbft_crypto crypto = crypto_of(0);
    struct batch batch = batch_of(contributions, count);
    return seed_judge_proposal(seed, &crypto, FAULTS, &batch);
}

static void a_proposal_has_none_or_one_of_a_correct_replica(void **state)
{
    struct seed seed = announced();
    struct contribution c[2] = {next_of(&seed, 0), next_of(&seed, 1)};
    assert_null(judge(&seed, NULL, 0));
    assert_null(judge(&seed, c, FAULTS + 1));
    assert_non_null(judge(&seed, c, FAULTS));
}

static void a_proposal_with_a_lie_is_refused(void **state)
{
    struct seed seed = announced();
    const struct contribution good[2] = {next_of(&seed, 0), next_of(&seed, 1)};
    struct contribution c[2];
    memcpy(c, good, sizeof c);
    c[1].signature[5] ^= 1;
    assert_non_null(judge(&seed, c, 2));
    memcpy(c, good, sizeof c);
    c[1].replica = 2; /* another's, signature and all */
    assert_non_null(judge(&seed, c, 2));
    memcpy(c, good, sizeof c);
    c[0].reveal[0] ^= 1;
    assert_non_null(judge(&seed, c, 2));
    apply(&seed, good, 2);
    assert_non_null(judge(&seed, good, 2));
}

/* A backup that lags sees a number whose predecessor is in a batch that it has not delivered. */
static void a_proposal_ahead_of_this_replica_passes_if_it_is_signed(void **state)
{
    struct seed behind = announced(), seed = behind;
    struct contribution c[2] = {next_of(&seed, 0), next_of(&seed, 1)};
    apply(&seed, c, 2);
    struct contribution next[2] = {next_of(&seed, 0), next_of(&seed, 1)};
    assert_null(judge(&behind, next, 2));
    next[0].signature[0] ^= 1;
    assert_non_null(judge(&behind, next, 2));
}

/* ---- checkpoints ---- */

static void the_state_survives_a_checkpoint(void **state)
{
    struct seed seed = announced(), restored;
    struct contribution c = next_of(&seed, 0);
    apply(&seed, &c, 1);
    struct buffer b = BUFFER_INIT(4096);
    seed_put(&b, &seed, REPLICAS);
    struct reader r = reader_of(buffer_slice(&b));
    seed_take(&r, REPLICAS, &restored);
    assert_true(reader_done(&r));
    assert_true(equal(&seed, &restored));
    r = reader_of(slice_of(b.data, b.size - 1));
    memset(&restored, 0, sizeof restored);
    seed_take(&r, REPLICAS, &restored);
    assert_true(r.failed);
    assert_int_equal(restored.replicas[0].number, 0);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_contribution_only_announces),
        cmocka_unit_test(what_was_announced_is_mixed_in),
        cmocka_unit_test(every_contribution_matters),
        cmocka_unit_test(another_reveal_than_announced_is_passed_over),
        cmocka_unit_test(old_and_early_numbers_are_passed_over),
        cmocka_unit_test(the_first_has_number_one),
        cmocka_unit_test(the_good_count_beside_the_bad),
        cmocka_unit_test(each_batch_has_its_own_seed),
        cmocka_unit_test(a_restarted_replica_says_the_same_again),
        cmocka_unit_test(reveals_differ_between_replicas_and_numbers),
        cmocka_unit_test(a_proposal_has_none_or_one_of_a_correct_replica),
        cmocka_unit_test(a_proposal_with_a_lie_is_refused),
        cmocka_unit_test(a_proposal_ahead_of_this_replica_passes_if_it_is_signed),
        cmocka_unit_test(the_state_survives_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
