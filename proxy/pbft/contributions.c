#include "proxy/pbft/contributions.h"

#include "proxy/pbft/core.h"
#include "proxy/pbft/evidence.h"

#include <string.h>

/* The same state, the same bytes: made once for each. */
static const struct contribution *own(struct pbft *core)
{
    struct contributions *c = &core->contributions;
    unsigned self = core->options.self;
    bool fresh = (c->present >> self & 1) != 0 &&
                 c->latest[self].number == core->ordered_seed.replicas[self].number + 1;
    if (!fresh)
        seed_contribute(&core->ordered_seed, &core->options.crypto, self, &c->latest[self]);
    c->present |= UINT32_C(1) << self;
    return &c->latest[self];
}

void contributions_send(struct pbft *core)
{
    if (core->silence.silent)
        return;
    const struct contribution *m = own(core);
    size_t begin = emit_begin(core);
    contribution_encode(&core->out, m);
    emit_send(core, PBFT_TO_ALL, MESSAGE_CONTRIBUTION, emit_end(core, begin));
}

static bool says_the_same(const struct contribution *a, const struct contribution *b)
{
    return memcmp(a->reveal, b->reveal, DIGEST_BYTES) == 0 &&
           memcmp(a->commitment, b->commitment, DIGEST_BYTES) == 0;
}

const char *contributions_receive(struct pbft *core, unsigned from, struct slice body)
{
    struct contribution m;
    const char *reason = contribution_decode(body, &m);
    if (reason != NULL)
        return reason;
    if (m.replica != from)
        return "contribution of another replica";
    struct contribution *latest = &core->contributions.latest[from];
    bool known = (core->contributions.present >> from & 1) != 0;
    if (known && latest->number > m.number)
        return NULL;
    bool same = known && latest->number == m.number;
    if (same && says_the_same(latest, &m))
        return NULL;
    if (!seed_is_signed(&core->options.crypto, &m))
        return "contribution with a wrong signature";
    if (same) {
        evidence_contribution(core, latest, &m);
        return "a second, different contribution";
    }
    *latest = m;
    core->contributions.present |= UINT32_C(1) << from;
    return NULL;
}

unsigned contributions_at_hand(struct pbft *core)
{
    unsigned count = 0;
    for (unsigned i = 0; i < core->replica_count; i++)
        count += (core->contributions.present >> i & 1) != 0 &&
                 seed_judge(&core->ordered_seed, &core->options.crypto,
                     &core->contributions.latest[i]) == NULL;
    return count;
}

/* Those of one batch must be delivered before the next are proposed: else the others could not
 * judge these. */
static bool may_propose(const struct pbft *core, uint64_t seq)
{
    for (uint64_t before = core->delivered + 1; before < seq; before++) {
        const struct slot *slot = slots_at(&core->slots, before);
        if (slot == NULL || !slot_has_batch(slot) || slot->batch.contribution_count != 0)
            return false;
    }
    return true;
}

uint32_t contributions_put(struct pbft *core, uint64_t seq, struct buffer *b)
{
    buffer_clear(b);
    if (!may_propose(core, seq))
        return 0;
    own(core);
    uint32_t count = 0;
    for (unsigned i = 0; i < core->replica_count; i++) {
        const struct contribution *c = &core->contributions.latest[i];
        if ((core->contributions.present >> i & 1) == 0 ||
            seed_judge(&core->ordered_seed, &core->options.crypto, c) != NULL)
            continue;
        contribution_put(b, c);
        count++;
    }
    if (count >= core_weak_quorum(core))
        return count;
    buffer_clear(b);
    return 0;
}
