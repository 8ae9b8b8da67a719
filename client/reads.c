#include "client/reads.h"

#include <assert.h>

static uint64_t earlier(uint64_t a_us, uint64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

void reads_start(struct reads *reads, unsigned replica_count, unsigned faults, uint64_t epoch_min,
    uint64_t now_us)
{
    assert(faults >= 1 && faults <= FAULTS_MAX && replica_count == 3 * faults + 1);
    *reads = (struct reads){
        .state = READS_ASK,
        .replica_count = replica_count,
        .needed = 2 * faults + 1,
        .epoch_min = epoch_min,
        .give_up_at_us = now_us + READS_US_MAX,
    };
}

void reads_asked(struct reads *reads, uint64_t now_us)
{
    assert(reads->state == READS_ASK && reads->rounds < READS_ROUNDS_MAX);
    reads->state = READS_WAITING;
    reads->rounds++;
    reads->in_grace = false;
    reads->deadline_us = earlier(now_us + READS_ROUND_US, reads->give_up_at_us);
    quorum_start(&reads->quorum, reads->replica_count, reads->needed);
}

/* This round came to nothing. */
static void end_round(struct reads *reads, uint64_t now_us)
{
    assert(reads->state == READS_WAITING);
    uint64_t pause_us = (uint64_t)READS_PAUSE_US << (reads->rounds - 1);
    bool more = reads->rounds < READS_ROUNDS_MAX && now_us + pause_us < reads->give_up_at_us;
    reads->state = more ? READS_PAUSING : READS_GIVEN_UP;
    reads->deadline_us = now_us + pause_us;
}

/* 2f+1 have answered, but not alike. One that is still to come could decide it; it may be dead. */
static void grant_grace(struct reads *reads, uint64_t now_us)
{
    if (reads->in_grace || quorum_replies(&reads->quorum) < reads->needed)
        return;
    reads->in_grace = true;
    reads->deadline_us = earlier(now_us + READS_GRACE_US, reads->deadline_us);
}

static void judge(struct reads *reads, uint64_t epoch, uint64_t now_us)
{
    switch (quorum_state(&reads->quorum)) {
    case QUORUM_INVALID:
        break;
    case QUORUM_WAITING:
        grant_grace(reads, now_us);
        return;
    case QUORUM_IMPOSSIBLE:
        end_round(reads, now_us);
        return;
    case QUORUM_DECIDED: /* by this answer: a round ends with its decision */
        if (epoch < reads->epoch_min) {
            end_round(reads, now_us);
            return;
        }
        reads->epoch = epoch;
        reads->state = READS_DECIDED;
        return;
    }
    assert(false);
}

bool reads_add(
    struct reads *reads, unsigned replica, struct slice answer, uint64_t epoch, uint64_t now_us)
{
    if (reads->state != READS_WAITING || quorum_has(&reads->quorum, replica))
        return false;
    quorum_add(&reads->quorum, replica, answer);
    judge(reads, epoch, now_us);
    return true;
}

enum reads_state reads_step(struct reads *reads, uint64_t now_us)
{
    switch (reads->state) {
    case READS_WAITING:
        if (now_us >= reads->deadline_us)
            end_round(reads, now_us);
        break;
    case READS_PAUSING:
        if (now_us >= reads->deadline_us)
            reads->state = READS_ASK;
        break;
    case READS_INVALID:
    case READS_ASK:
    case READS_DECIDED:
    case READS_GIVEN_UP:
        break;
    }
    return reads->state;
}

uint64_t reads_deadline(const struct reads *reads)
{
    assert(reads->state == READS_WAITING || reads->state == READS_PAUSING);
    return reads->deadline_us;
}
