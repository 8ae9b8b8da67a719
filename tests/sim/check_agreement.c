#include "tests/sim/check_agreement.h"

#include "tests/sim/executor.h"
#include "tests/sim/fake_crypto.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define AGREED_MIN 1024

uint64_t check_digest(const uint8_t digest[static DIGEST_BYTES])
{
    uint64_t name;
    memcpy(&name, digest, sizeof name);
    return name;
}

void check_agreement_start(struct sim *sim)
{
    sim->agreement.highest = 0;
}

static struct agreed *agreed_at(struct check_agreement *a, uint64_t seq)
{
    if (seq >= a->capacity) {
        a->capacity = a->capacity == 0 ? AGREED_MIN : 2 * a->capacity;
        a->agreed = reallocarray(a->agreed, a->capacity, sizeof *a->agreed);
        if (a->agreed == NULL)
            abort();
    }
    return &a->agreed[seq];
}

static struct agreed describe(struct sim *sim, const struct pbft_delivery *d)
{
    uint8_t digest[DIGEST_BYTES];
    keys_batch_digest(&sim->keys, &d->batch, digest);
    uint64_t rest = fake_hash(d->timestamp_us, d->seed, DIGEST_BYTES);
    for (uint32_t i = 0; i < d->batch.request_count; i++)
        rest = mix64(rest + d->skip[i]);
    return (struct agreed){.digest = check_digest(digest),
        .rest = rest ^ d->checkpoint,
        .timestamp_us = d->timestamp_us};
}

static void check_time(struct sim *sim, unsigned replica, uint64_t seq, const struct agreed *batch)
{
    struct check_agreement *a = &sim->agreement;
    if (seq > 1 && batch->timestamp_us <= a->agreed[seq - 1].timestamp_us)
        violation(sim, "time", "r%u: agreed time does not grow at %llu", replica,
            (unsigned long long)seq);
    /* Each batch may add a microsecond to its predecessor's. */
    uint64_t latest_us = PLAN_CLOCK_US + sim->now_us + sim->plan.clock_skew_us + seq +
                         (uint64_t)sim->faults.clock_ahead_us_max;
    if (batch->timestamp_us > latest_us)
        violation(sim, "time", "r%u: agreed time is ahead of all correct clocks at %llu", replica,
            (unsigned long long)seq);
}

/* Nothing is final that 2f+1 replicas did not call so: the correct ones were heard saying it (but
 * this one, which perhaps fell when it was about to), and each faulty one may have. */
static void check_certificate(
    struct sim *sim, unsigned replica, uint64_t seq, const struct agreed *batch)
{
    unsigned best =
        check_promises_commits(sim, seq, batch->digest, UINT64_MAX, UINT32_C(1) << replica);
    if (!check_promises_is_quorum(sim, best))
        violation(sim, "certificate",
            "r%u delivers %llu, but only %u correct replicas said COMMIT to it in any view",
            replica, (unsigned long long)seq, best);
}

static void check_first(
    struct sim *sim, unsigned replica, const struct pbft_delivery *d, const struct agreed *batch)
{
    struct check_agreement *a = &sim->agreement;
    uint64_t seq = d->batch.seq;
    if (seq != a->highest + 1)
        violation(sim, "agreement", "r%u delivers %llu when only %llu are final", replica,
            (unsigned long long)seq, (unsigned long long)a->highest);
    check_time(sim, replica, seq, batch);
    check_certificate(sim, replica, seq, batch);
    *agreed_at(a, seq) = *batch;
    a->highest = seq;
    check_requests_ordered(sim, d);
}

void check_agreement_delivery(struct sim *sim, unsigned replica, const struct pbft_delivery *d)
{
    if (sim_is_faulty(sim, replica))
        return;
    uint64_t seq = d->batch.seq;
    if (seq != sim->replicas[replica].delivered + 1)
        violation(sim, "agreement", "r%u delivers %llu after %llu", replica,
            (unsigned long long)seq, (unsigned long long)sim->replicas[replica].delivered);
    if (d->checkpoint != (seq % sim->plan.interval == 0))
        violation(sim, "agreement", "r%u: a checkpoint out of its place at %llu", replica,
            (unsigned long long)seq);
    struct agreed batch = describe(sim, d);
    if (seq > sim->agreement.highest)
        check_first(sim, replica, d, &batch);
    const struct agreed *agreed = agreed_at(&sim->agreement, seq);
    if (agreed->digest != batch.digest)
        violation(sim, "agreement", "two batches at %llu: r%u delivers another one than was final",
            (unsigned long long)seq, replica);
    if (agreed->rest != batch.rest)
        violation(sim, "agreement",
            "r%u differs at %llu in what it skips, in its time or in its seed", replica,
            (unsigned long long)seq);
}

void check_agreement_executed(
    struct sim *sim, unsigned replica, uint64_t seq, const struct execution *e)
{
    if (sim_is_faulty(sim, replica))
        return;
    struct agreed *agreed = agreed_at(&sim->agreement, seq);
    uint64_t state = mix64(e->app.hash ^ e->app.count) | 1;
    if (agreed->state == 0)
        agreed->state = state;
    if (agreed->state != state)
        violation(sim, "agreement", "r%u reaches another state than others at %llu", replica,
            (unsigned long long)seq);
}
