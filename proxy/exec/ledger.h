/* What the middleware itself must agree on about transactions: which are open, whose they are, on
 * which epoch each reads. A pure state machine: equal batches make it equal on every correct
 * replica.
 *
 * openTrxs of the paper's figures 3 and 4. An epoch is the number of transactions committed so far:
 * a snapshot is named by its epoch, and two transactions with equal epochs see the same database.
 */
#ifndef BYZ_PROXY_EXEC_LEDGER_H
#define BYZ_PROXY_EXEC_LEDGER_H

#include "common/message.h"

/* uid: only its owner may end a transaction. */
struct transaction_id {
    uint16_t client;
    uint64_t session;
    uint64_t number;
};
bool transaction_id_equal(struct transaction_id a, struct transaction_id b);

struct transaction {
    struct transaction_id id;
    uint16_t coordinator;
    uint64_t epoch;     /* of its snapshot */
    uint64_t begun_seq; /* batch of its BEGIN */
    uint64_t begun_us;  /* agreed time of its BEGIN */
    /* The smallest number that no other open transaction has. A lane owns blocks of the database's
     * sequences: transactions that overlap draw different values (docs/determinism.md). */
    uint32_t lane;
    uint8_t seed[DIGEST_BYTES]; /* of its random numbers; agreed */
};

struct ledger_options {
    unsigned replica_count;
    unsigned transactions_max;
    unsigned transactions_per_client_max;
    uint64_t transaction_timeout_us;
};

struct ledger;
struct ledger *ledger_new(const struct ledger_options *options);
void ledger_free(struct ledger *ledger);

uint64_t ledger_epoch(const struct ledger *ledger);
uint64_t ledger_barrier_epoch(const struct ledger *ledger); /* that the last barrier made, or 0 */
unsigned ledger_open_count(const struct ledger *ledger);
/* NULL if it is not open. Valid until the ledger changes. */
const struct transaction *ledger_find(const struct ledger *ledger, struct transaction_id id);
/* Open transactions in order of their BEGIN; index < ledger_open_count. */
const struct transaction *ledger_at(const struct ledger *ledger, unsigned index);
/* The smallest epoch that an open transaction reads, or the current one. */
uint64_t ledger_epoch_oldest(const struct ledger *ledger);

/* True if a barrier (a commit that changed the catalogue) was committed after this transaction
 * began: the catalogue is always "latest", even for an old snapshot, so such a transaction aborts
 * with 40001, by order alone. */
bool ledger_barred(const struct ledger *ledger, const struct transaction *t);

/* BEGIN: BEGUN with the current epoch, or REFUSED: 53300 (too many, in all or of this client),
 * 22023 (no such coordinator), 25001 (the id is open already). */
struct outcome ledger_begin(struct ledger *ledger, struct transaction_id id, uint16_t coordinator,
    uint64_t seq, uint64_t timestamp_us);
/* Once, of a transaction that has just begun. */
void ledger_give_seed(
    struct ledger *ledger, struct transaction_id id, const uint8_t seed[static DIGEST_BYTES]);
/* Ends a transaction. COMMITTED makes the next epoch; the outcome is returned with .epoch filled
 * in. The transaction must be open. */
struct outcome ledger_end(struct ledger *ledger, struct transaction_id id, struct outcome outcome);
/* Ends transactions begun more than the time-out before timestamp_us, oldest first, calling `ended`
 * for each. By agreed time alone, so every replica drops them alike. */
unsigned ledger_expire(struct ledger *ledger, uint64_t timestamp_us,
    void (*ended)(void *context, const struct transaction *t), void *context);

/* The canonical encoding, for checkpoints; equal on all correct replicas. */
void ledger_encode(const struct ledger *ledger, struct buffer *b);
const char *ledger_decode(struct ledger *ledger, struct slice bytes);

#endif
