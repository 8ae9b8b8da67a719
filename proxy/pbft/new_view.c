#include "proxy/pbft/new_view.h"

#include <assert.h>
#include <string.h>

static uint64_t highest_stable(const struct view_change *const changes[static REPLICAS_MAX])
{
    uint64_t low = 0;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if (changes[i] != NULL && changes[i]->stable.seq > low)
            low = changes[i]->stable.seq;
    }
    return low;
}

/* The certificate of the latest view wins: a batch that became final in an earlier one would have
 * been carried over into it. Two certificates of one view have one digest, because two quorums
 * share a correct replica. */
static void consider(struct new_view_entry *entry, const struct proof *proof, unsigned sender)
{
    if (entry->null || proof->view > entry->view) {
        *entry = (struct new_view_entry){.view = proof->view};
        memcpy(entry->digest, proof->digest, DIGEST_BYTES);
    }
    if (proof->view == entry->view && memcmp(entry->digest, proof->digest, DIGEST_BYTES) == 0)
        entry->shown_by |= UINT32_C(1) << sender;
}

static void extend(struct new_view_choice *choice, unsigned count)
{
    while (choice->count < count)
        choice->entries[choice->count++] = (struct new_view_entry){.null = true};
}

static void take_proofs(
    struct new_view_choice *choice, const struct view_change *change, unsigned window)
{
    struct reader r = reader_of(change->proofs);
    for (uint32_t i = 0; i < change->proof_count; i++) {
        struct proof proof;
        const char *reason = proof_take(&r, &proof);
        assert(reason == NULL); /* decoded before */
        if (proof.seq <= choice->low || proof.seq - choice->low > window)
            continue;
        unsigned place = (unsigned)(proof.seq - choice->low - 1);
        extend(choice, place + 1);
        consider(&choice->entries[place], &proof, change->replica);
    }
}

void new_view_choose(const struct view_change *const changes[static REPLICAS_MAX], unsigned window,
    struct new_view_choice *ret)
{
    assert(window <= WINDOW_MAX);
    ret->low = highest_stable(changes);
    ret->count = 0;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if (changes[i] != NULL)
            take_proofs(ret, changes[i], window);
    }
}
