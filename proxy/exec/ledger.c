/* The ledger: open transactions in the order of their BEGIN, in one array.
 *
 * Everything here depends on agreed values only (batches, their times, decided outcomes), so equal
 * batches make equal ledgers. Memory is allocated at creation; a step cannot fail for want of it.
 *
 * Look-ups walk the array: there are at most transactions_max entries of 88 bytes, and a walk costs
 * less than the round trip that each look-up saves or precedes. */
#include "proxy/exec/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ledger {
    struct ledger_options options;
    uint64_t epoch;         /* transactions committed so far */
    uint64_t barrier_epoch; /* the epoch that the last barrier made; 0: none yet */
    unsigned count;
    struct transaction *open;    /* transactions_max of them, in order of their BEGIN */
    struct transaction *staging; /* as many: a decoding that fails leaves the ledger as it was */
    bool *taken;                 /* as many; scratch: lanes of open transactions */
};

bool transaction_id_equal(struct transaction_id a, struct transaction_id b)
{
    return a.client == b.client && a.session == b.session && a.number == b.number;
}

struct ledger *ledger_new(const struct ledger_options *options)
{
    assert(options->replica_count > 0 && options->replica_count <= REPLICAS_MAX);
    assert(options->transactions_max > 0);
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    if (ledger == NULL)
        return NULL;
    ledger->options = *options;
    ledger->open = calloc(options->transactions_max, sizeof(*ledger->open));
    ledger->staging = calloc(options->transactions_max, sizeof(*ledger->staging));
    ledger->taken = calloc(options->transactions_max, sizeof(*ledger->taken));
    if (ledger->open == NULL || ledger->staging == NULL || ledger->taken == NULL) {
        ledger_free(ledger);
        return NULL;
    }
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    free(ledger->open);
    free(ledger->staging);
    free(ledger->taken);
    free(ledger);
}

uint64_t ledger_epoch(const struct ledger *ledger)
{
    return ledger->epoch;
}

uint64_t ledger_barrier_epoch(const struct ledger *ledger)
{
    return ledger->barrier_epoch;
}

unsigned ledger_open_count(const struct ledger *ledger)
{
    return ledger->count;
}

/* The place of `id`, or ledger->count. */
static unsigned place_of(const struct ledger *ledger, struct transaction_id id)
{
    unsigned i = 0;
    while (i < ledger->count && !transaction_id_equal(ledger->open[i].id, id))
        i++;
    return i;
}

const struct transaction *ledger_find(const struct ledger *ledger, struct transaction_id id)
{
    unsigned i = place_of(ledger, id);
    return i < ledger->count ? &ledger->open[i] : NULL;
}

const struct transaction *ledger_at(const struct ledger *ledger, unsigned index)
{
    assert(index < ledger->count);
    return &ledger->open[index];
}

uint64_t ledger_epoch_oldest(const struct ledger *ledger)
{
    /* epochs never decrease in the order of the BEGINs */
    return ledger->count > 0 ? ledger->open[0].epoch : ledger->epoch;
}

bool ledger_barred(const struct ledger *ledger, const struct transaction *t)
{
    return t->epoch < ledger->barrier_epoch;
}

static struct outcome outcome_of(enum outcome_kind kind, const char sqlstate[static 5])
{
    struct outcome outcome = {.kind = kind, .verdict = VERDICT_NONE};
    memcpy(outcome.sqlstate, sqlstate, sizeof(outcome.sqlstate));
    return outcome;
}

/* Why `id` cannot join these transactions, as a SQLSTATE; NULL if it can. */
static const char *admission_refused(const struct ledger_options *options,
    const struct transaction *open, unsigned count, struct transaction_id id, uint16_t coordinator)
{
    unsigned of_client = 0;
    for (unsigned i = 0; i < count; i++) {
        if (transaction_id_equal(open[i].id, id))
            return "25001";
        if (open[i].id.client == id.client)
            of_client++;
    }
    if (coordinator >= options->replica_count)
        return "22023";
    if (count >= options->transactions_max || of_client >= options->transactions_per_client_max)
        return "53300";
    return NULL;
}

/* Marks the lanes of the first `count` transactions of `open`. */
static void mark_lanes(struct ledger *ledger, const struct transaction *open, unsigned count)
{
    memset(ledger->taken, 0, ledger->options.transactions_max * sizeof(*ledger->taken));
    for (unsigned i = 0; i < count; i++)
        ledger->taken[open[i].lane] = true;
}

/* Small numbers are used again and again, so that few lanes ever own values. */
static uint32_t free_lane(struct ledger *ledger)
{
    uint32_t lane = 0;
    mark_lanes(ledger, ledger->open, ledger->count);
    while (ledger->taken[lane])
        lane++;
    assert(lane <= ledger->count);
    return lane;
}

struct outcome ledger_begin(struct ledger *ledger, struct transaction_id id, uint16_t coordinator,
    uint64_t seq, uint64_t timestamp_us)
{
    assert(ledger->count == 0 || ledger->open[ledger->count - 1].begun_seq <= seq);
    const char *refused =
        admission_refused(&ledger->options, ledger->open, ledger->count, id, coordinator);
    if (refused != NULL)
        return outcome_of(OUTCOME_REFUSED, refused);

    uint32_t lane = free_lane(ledger);
    ledger->open[ledger->count++] = (struct transaction){
        .lane = lane,
        .id = id,
        .coordinator = coordinator,
        .epoch = ledger->epoch,
        .begun_seq = seq,
        .begun_us = timestamp_us,
    };
    struct outcome begun = outcome_of(OUTCOME_BEGUN, "00000");
    begun.epoch = ledger->epoch;
    return begun;
}

void ledger_give_seed(
    struct ledger *ledger, struct transaction_id id, const uint8_t seed[static DIGEST_BYTES])
{
    unsigned i = place_of(ledger, id);
    assert(i < ledger->count);
    memcpy(ledger->open[i].seed, seed, DIGEST_BYTES);
}

static void remove_at(struct ledger *ledger, unsigned index)
{
    assert(index < ledger->count);
    ledger->count--;
    memmove(&ledger->open[index], &ledger->open[index + 1],
        (ledger->count - index) * sizeof(ledger->open[0]));
}

struct outcome ledger_end(struct ledger *ledger, struct transaction_id id, struct outcome outcome)
{
    assert(outcome.kind == OUTCOME_COMMITTED || outcome.kind == OUTCOME_ROLLED_BACK ||
           outcome.kind == OUTCOME_ABORTED);
    remove_at(ledger, place_of(ledger, id));
    outcome.epoch = 0;
    if (outcome.kind == OUTCOME_COMMITTED) {
        outcome.epoch = ++ledger->epoch;
        if (outcome.barrier)
            ledger->barrier_epoch = ledger->epoch;
    }
    return outcome;
}

static bool expired(const struct ledger *ledger, const struct transaction *t, uint64_t timestamp_us)
{
    return timestamp_us > t->begun_us &&
           timestamp_us - t->begun_us > ledger->options.transaction_timeout_us;
}

unsigned ledger_expire(struct ledger *ledger, uint64_t timestamp_us,
    void (*ended)(void *context, const struct transaction *t), void *context)
{
    unsigned kept = 0, ended_count = 0;
    for (unsigned i = 0; i < ledger->count; i++) {
        if (!expired(ledger, &ledger->open[i], timestamp_us)) {
            ledger->open[kept++] = ledger->open[i];
            continue;
        }
        /* a copy outside the ledger, which is half rearranged here */
        ledger->staging[ended_count++] = ledger->open[i];
    }
    ledger->count = kept;
    for (unsigned i = 0; i < ended_count; i++)
        ended(context, &ledger->staging[i]);
    return ended_count;
}

/* ---- the encoding: epoch, barrier, count, transactions ---- */

static void transaction_put(struct buffer *b, const struct transaction *t)
{
    put_u16(b, t->id.client);
    put_u64(b, t->id.session);
    put_u64(b, t->id.number);
    put_u16(b, t->coordinator);
    put_u64(b, t->epoch);
    put_u64(b, t->begun_seq);
    put_u64(b, t->begun_us);
    put_u32(b, t->lane);
    put_raw(b, t->seed, sizeof t->seed);
}

static struct transaction transaction_get(struct reader *r)
{
    struct transaction t = {0};
    t.id.client = get_u16(r);
    t.id.session = get_u64(r);
    t.id.number = get_u64(r);
    t.coordinator = get_u16(r);
    t.epoch = get_u64(r);
    t.begun_seq = get_u64(r);
    t.begun_us = get_u64(r);
    t.lane = get_u32(r);
    get_raw(r, t.seed, sizeof t.seed);
    return t;
}

void ledger_encode(const struct ledger *ledger, struct buffer *b)
{
    put_u64(b, ledger->epoch);
    put_u64(b, ledger->barrier_epoch);
    put_u32(b, ledger->count);
    for (unsigned i = 0; i < ledger->count; i++)
        transaction_put(b, &ledger->open[i]);
}

/* Takes one transaction into staging[count], if a correct ledger can hold it there. */
static const char *stage(struct ledger *ledger, unsigned count, uint64_t epoch, struct reader *r)
{
    struct transaction t = transaction_get(r);
    if (r->failed)
        return "ledger: truncated";
    if (t.epoch > epoch)
        return "ledger: transaction of a future epoch";
    if (count > 0 && t.epoch < ledger->staging[count - 1].epoch)
        return "ledger: epochs out of order";
    if (count > 0 && t.begun_seq < ledger->staging[count - 1].begun_seq)
        return "ledger: transactions out of order";
    if (admission_refused(&ledger->options, ledger->staging, count, t.id, t.coordinator) != NULL)
        return "ledger: transaction that no BEGIN could have opened";
    if (t.lane >= ledger->options.transactions_max || ledger->taken[t.lane])
        return "ledger: lane that no BEGIN could have given";
    ledger->taken[t.lane] = true;
    ledger->staging[count] = t;
    return NULL;
}

const char *ledger_decode(struct ledger *ledger, struct slice bytes)
{
    struct reader r = reader_of(bytes);
    uint64_t epoch = get_u64(&r);
    uint64_t barrier_epoch = get_u64(&r);
    uint32_t count = get_u32(&r);
    if (r.failed)
        return "ledger: truncated";
    if (barrier_epoch > epoch)
        return "ledger: barrier in the future";
    if (count > ledger->options.transactions_max)
        return "ledger: too many transactions";
    mark_lanes(ledger, NULL, 0);
    for (uint32_t i = 0; i < count; i++) {
        const char *reason = stage(ledger, i, epoch, &r);
        if (reason != NULL)
            return reason;
    }
    if (!reader_done(&r))
        return "ledger: trailing bytes";

    struct transaction *open = ledger->open;
    ledger->open = ledger->staging;
    ledger->staging = open;
    ledger->count = count;
    ledger->epoch = epoch;
    ledger->barrier_epoch = barrier_epoch;
    return NULL;
}
