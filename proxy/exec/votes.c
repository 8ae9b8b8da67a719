/* Votes in a ring of `window` batches, each with a tally for every request that it may hold.
 *
 * The memory is allocated once, and lazily given by the system: only what votes touch is used, at
 * most window * BATCH_REQUESTS_MAX tallies however much a liar votes. */
#include "proxy/exec/votes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The votes on one request of one batch. */
struct tally {
    uint32_t voted; /* mask of replicas */
    bool is_decided;
    uint16_t decisive; /* a replica whose vote is the decided one */
};

struct votes {
    unsigned faults;
    unsigned replica_count;
    unsigned window;
    uint64_t forgotten; /* votes up to this batch are dropped */
    uint32_t *touched;  /* per place in the ring: highest index that has a vote, plus 1 */
    struct tally *tallies;
    struct outcome *outcomes; /* replica_count per tally */
};

struct votes *votes_new(unsigned faults, unsigned window)
{
    assert(faults <= FAULTS_MAX && window > 0 && window <= WINDOW_MAX);
    struct votes *votes = calloc(1, sizeof(*votes));
    if (votes == NULL)
        return NULL;
    votes->faults = faults;
    votes->replica_count = 3 * faults + 1;
    votes->window = window;
    size_t tally_count = (size_t)window * BATCH_REQUESTS_MAX;
    votes->touched = calloc(window, sizeof(*votes->touched));
    votes->tallies = calloc(tally_count, sizeof(*votes->tallies));
    votes->outcomes = calloc(tally_count * votes->replica_count, sizeof(*votes->outcomes));
    if (votes->touched == NULL || votes->tallies == NULL || votes->outcomes == NULL) {
        votes_free(votes);
        return NULL;
    }
    return votes;
}

void votes_free(struct votes *votes)
{
    if (votes == NULL)
        return;
    free(votes->touched);
    free(votes->tallies);
    free(votes->outcomes);
    free(votes);
}

static bool in_window(const struct votes *votes, uint64_t seq, uint32_t index)
{
    return seq > votes->forgotten && seq - votes->forgotten <= votes->window &&
           index < BATCH_REQUESTS_MAX;
}

static size_t tally_index(const struct votes *votes, uint64_t seq, uint32_t index)
{
    assert(in_window(votes, seq, index));
    return (size_t)(seq % votes->window) * BATCH_REQUESTS_MAX + index;
}

/* The votes of all replicas on one request. */
static struct outcome *outcomes_of(const struct votes *votes, size_t tally)
{
    return &votes->outcomes[tally * votes->replica_count];
}

static bool has_voted(const struct tally *tally, unsigned replica)
{
    return (tally->voted & (UINT32_C(1) << replica)) != 0;
}

/* How many voted as this one did. */
static unsigned count_equal(const struct votes *votes, const struct tally *tally,
    const struct outcome *outcomes, unsigned replica)
{
    unsigned equal = 0;
    for (unsigned i = 0; i < votes->replica_count; i++) {
        if (has_voted(tally, i) && outcome_equal(&outcomes[i], &outcomes[replica]))
            equal++;
    }
    return equal;
}

/* f+1 equal votes decide: one of them at least is a correct replica's. */
static void decide(const struct votes *votes, struct tally *tally, const struct outcome *outcomes,
    unsigned replica)
{
    if (tally->is_decided)
        return;
    if (count_equal(votes, tally, outcomes, replica) > votes->faults) {
        tally->is_decided = true;
        tally->decisive = (uint16_t)replica;
    }
}

enum votes_add votes_add(struct votes *votes, unsigned replica, const struct vote *vote)
{
    assert(replica < votes->replica_count);
    if (!in_window(votes, vote->seq, vote->index))
        return VOTES_OUT_OF_WINDOW;
    size_t at = tally_index(votes, vote->seq, vote->index);
    struct tally *tally = &votes->tallies[at];
    struct outcome *outcomes = outcomes_of(votes, at);
    if (has_voted(tally, replica))
        return outcome_equal(&outcomes[replica], &vote->outcome) ? VOTES_REPEATED
                                                                 : VOTES_CONTRADICTED;
    tally->voted |= UINT32_C(1) << replica;
    outcomes[replica] = vote->outcome;
    uint32_t *touched = &votes->touched[vote->seq % votes->window];
    if (*touched <= vote->index)
        *touched = vote->index + 1;
    decide(votes, tally, outcomes, replica);
    return VOTES_COUNTED;
}

const struct outcome *votes_decided(const struct votes *votes, uint64_t seq, uint32_t index)
{
    if (!in_window(votes, seq, index))
        return NULL;
    size_t at = tally_index(votes, seq, index);
    const struct tally *tally = &votes->tallies[at];
    return tally->is_decided ? &outcomes_of(votes, at)[tally->decisive] : NULL;
}

bool votes_may_decide(const struct votes *votes, uint64_t seq, uint32_t index, uint32_t abstained)
{
    if (!in_window(votes, seq, index))
        return true;
    size_t at = tally_index(votes, seq, index);
    const struct tally *tally = &votes->tallies[at];
    unsigned most = 0;
    for (unsigned i = 0; i < votes->replica_count; i++) {
        unsigned equal =
            has_voted(tally, i) ? count_equal(votes, tally, outcomes_of(votes, at), i) : 0;
        if (equal > most)
            most = equal;
    }
    unsigned spoken = (unsigned)__builtin_popcount(tally->voted | abstained);
    return most + votes->replica_count - spoken > votes->faults;
}

const struct outcome *votes_quorum(const struct votes *votes, uint64_t seq, uint32_t index)
{
    if (!in_window(votes, seq, index))
        return NULL;
    size_t at = tally_index(votes, seq, index);
    const struct tally *tally = &votes->tallies[at];
    const struct outcome *outcomes = outcomes_of(votes, at);
    for (unsigned i = 0; i < votes->replica_count; i++) {
        if (has_voted(tally, i) && count_equal(votes, tally, outcomes, i) >= 2 * votes->faults + 1)
            return &outcomes[i];
    }
    return NULL;
}

uint32_t votes_mask(const struct votes *votes, uint64_t seq, uint32_t index)
{
    if (!in_window(votes, seq, index))
        return 0;
    return votes->tallies[tally_index(votes, seq, index)].voted;
}

unsigned votes_count(const struct votes *votes, uint64_t seq, uint32_t index)
{
    return (unsigned)__builtin_popcount(votes_mask(votes, seq, index));
}

uint32_t votes_dissenters(
    const struct votes *votes, uint64_t seq, uint32_t index, const struct outcome *outcome)
{
    uint32_t voted = votes_mask(votes, seq, index);
    uint32_t dissenters = 0;
    for (unsigned i = 0; i < votes->replica_count; i++) {
        if ((voted & (UINT32_C(1) << i)) != 0 &&
            !outcome_equal(&outcomes_of(votes, tally_index(votes, seq, index))[i], outcome))
            dissenters |= UINT32_C(1) << i;
    }
    return dissenters;
}

/* A vote's outcome is only read where its replica's bit is set, so clearing tallies is enough. */
static void forget_batch(struct votes *votes, unsigned place)
{
    memset(&votes->tallies[(size_t)place * BATCH_REQUESTS_MAX], 0,
        votes->touched[place] * sizeof(votes->tallies[0]));
    votes->touched[place] = 0;
}

void votes_forget(struct votes *votes, uint64_t seq)
{
    if (seq <= votes->forgotten)
        return;
    uint64_t count = seq - votes->forgotten;
    if (count > votes->window)
        count = votes->window; /* the whole ring */
    for (uint64_t i = 1; i <= count; i++)
        forget_batch(votes, (unsigned)((votes->forgotten + i) % votes->window));
    votes->forgotten = seq;
}
