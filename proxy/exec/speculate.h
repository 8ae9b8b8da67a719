/* The coordinator's half: operations run speculatively, before anything about them is agreed
 * (replica_exec of the paper's figure 4).
 *
 * Each open transaction that had an operation here has a speculation: a session on the
 * transaction's snapshot, a queue of operations, and the log of what was executed and answered. The
 * log decides at the COMMIT whether the session's work may stand. A speculation never holds up the
 * order: it may lose its session at any time, and then says 40001. */
#ifndef BYZ_PROXY_EXEC_SPECULATE_H
#define BYZ_PROXY_EXEC_SPECULATE_H

#include "proxy/exec/abandon.h"
#include "proxy/exec/exec.h"
#include "proxy/exec/ledger.h"
#include "proxy/exec/operations.h"
#include "proxy/exec/snapshots.h"

struct speculations;

/* What it works with, all borrowed. */
struct speculations_parts {
    struct ev_loop *loop;
    const struct config *config;
    const struct exec_ops *ops;
    struct pool *pool;
    struct snapshots *snapshots;
    struct admin *admin;
    struct abandon *abandon;
    struct operation_budget *budget;
};

struct speculations *speculations_new(const struct speculations_parts *parts);
void speculations_free(struct speculations *speculations);

/* The next operation of an open transaction. */
void speculations_operation(struct speculations *speculations, const struct transaction *t,
    unsigned client, const struct operation *operation);
/* The owner gives the execution here up; the transaction stays open. */
void speculations_cancel(struct speculations *speculations, struct transaction_id id);
/* The transaction is over. */
void speculations_end(struct speculations *speculations, struct transaction_id id);
void speculations_client_gone(struct speculations *speculations, unsigned client, uint64_t session);

/* The transaction's COMMIT is being executed: its speculation ends and hands over its session, if
 * it has one that is idle inside the transaction. `ret_equal`: the log is the list, and no
 * statement failed (one that failed may succeed now that earlier transactions have committed). */
struct backend *speculations_hand_over(struct speculations *speculations, struct transaction_id id,
    struct slice entries, uint32_t entry_count, bool *ret_equal);

/* Rolls back the speculation that this server process works for: an earlier commit needs what it
 * has locked. False: not one of ours. */
bool speculations_take_back(struct speculations *speculations, int pid);
/* While the order waits for a lock no speculative statement starts. */
void speculations_hold(struct speculations *speculations, bool held);
/* Snapshots became ready or were lost. */
void speculations_snapshots_changed(struct speculations *speculations);

struct speculation_info {
    uint32_t operations; /* executed and answered */
    int pid;             /* of its session; 0: none */
    bool running;        /* a statement is with PostgreSQL */
    const char *doing;   /* what it is waiting for (constant text) */
};
/* False: this transaction had no operation here. */
bool speculations_info(const struct speculations *speculations, struct transaction_id id,
    struct speculation_info *ret);
unsigned speculations_count(const struct speculations *speculations);
void speculations_status(const struct speculations *speculations, struct buffer *b);

#endif
