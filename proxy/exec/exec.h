/* The executor: turns agreed batches into committed PostgreSQL transactions, and runs the
 * operations of the transactions that this replica coordinates (figures 3 and 4 of the Byzantium
 * paper).
 *
 * A shell around the ledger and the votes: libev and asynchronous libpq. See README.md here. */
#ifndef BYZ_PROXY_EXEC_EXEC_H
#define BYZ_PROXY_EXEC_EXEC_H

#include "common/config.h"
#include "common/message.h"
#include "proxy/exec/ledger.h"
#include "proxy/pbft/pbft.h"
#include "proxy/suspicions.h"

struct ev_loop;
struct exec;

/* Upcalls, from within the loop. Slices are borrowed for the call. */
struct exec_ops {
    void *context;
    /* A batch is executed, durably: results[i] is the encoded outcome of request i (empty if
     * skipped). state is the encoded ledger if the delivery asked for a checkpoint, else empty. */
    void (*executed)(void *context, uint64_t seq, const struct slice *results, unsigned count,
        struct slice state, unsigned open_transactions);
    /* Tell the other replicas what this execution came to. */
    void (*vote)(void *context, const struct vote *vote);
    /* A frame for the client whose operation `link` handed in (MESSAGE_RESULT_*). Returns false
     * when the link is gone or its queue is full: the executor then gives the result up. */
    bool (*result)(void *context, unsigned client, uint64_t session, enum message_type type,
        struct slice body);
    /* The outcome that the replica itself once recorded for a batch, from its log: 1 found. Used
     * after a restart for batches that PostgreSQL has already. */
    int (*recorded)(void *context, uint64_t seq, struct slice *ret_results);
    /* Execution can start, or start again: PostgreSQL is there and agrees with the configuration.
     */
    void (*ready)(void *context);
    /* This replica executes no more; why (for status and log). It goes on agreeing and logging. */
    void (*stopped)(void *context, const char *reason);
    /* Something to be told to whoever runs this replica. `seen_us` is for the driver to fill in.
     * NULL: nobody wants to know. */
    void (*suspect)(void *context, const struct suspicion *suspicion);
    /* PostgreSQL is not what the configuration says (settings, version, identity): the process must
     * end. */
    void (*fatal)(void *context, const char *reason);
};

/* `conninfo` names the local PostgreSQL (libpq's syntax). Returns at once; `ready` follows. */
struct exec *exec_new(struct ev_loop *loop, const struct config *config, unsigned self,
    const char *conninfo, const struct exec_ops *ops);
/* Ends all sessions (rolling back what is open) and frees. */
void exec_free(struct exec *exec);

/* Before the first batch, after a restart: the state of the checkpoint from which batches will
 * follow. */
const char *exec_restore(struct exec *exec, struct slice app_state);
/* The next batch, copied. Batches come in order without gaps, at most config.window of them ahead
 * of `executed`. */
bool exec_deliver(struct exec *exec, const struct pbft_delivery *delivery);
/* An operation from its owner. Copied. What is wrong with it is answered with MESSAGE_RESULT_END.
 */
void exec_operation(struct exec *exec, unsigned client, const struct operation *operation);
void exec_cancel(struct exec *exec, unsigned client, const struct cancel *cancel);
/* The client's link closed: its queued operations are dropped; transactions stay until they expire.
 */
void exec_client_gone(struct exec *exec, unsigned client, uint64_t session);
/* A vote of another replica, or its recorded outcome for a batch that this replica catches up with.
 */
void exec_vote(struct exec *exec, unsigned replica, const struct vote *vote);

struct exec_info {
    bool ready;
    const char *stopped; /* reason or NULL */
    uint64_t executed;   /* last batch */
    uint64_t epoch;
    unsigned transactions_open;
    unsigned sessions_busy;
    unsigned sessions;
    uint64_t committed, aborted, mismatches, locks_taken_back;
};
void exec_info(const struct exec *exec, struct exec_info *ret);
/* The epochs after the last executed batch: for reads without ordering. Nothing of a batch that is
 * still being executed is in them. False: PostgreSQL is not there, or this replica executes no
 * more, or has not caught up again with what it had executed (and told) before a restart. */
bool exec_epoch(const struct exec *exec, struct epoch_answer *ret);

/* One open transaction as this replica sees it. */
struct exec_transaction {
    const struct transaction *transaction;
    uint32_t operations; /* executed here so far */
    int pid;             /* PostgreSQL's process that works for it here; 0: none */
    bool running;        /* … and is executing a statement: it may wait for a lock */
    const char *doing;   /* what it is waiting for here; borrowed for the call */
};
/* Shows the oldest open transactions, at most `count_max`. */
void exec_transactions(const struct exec *exec, unsigned count_max,
    void (*show)(void *context, const struct exec_transaction *transaction), void *context);

/* What this replica says of itself, for psql on its own database; JSON, NUL-terminated. */
struct exec_publication {
    const char *report;
    const char *configuration; /* NULL: as it was */
    const char *settings;      /* with `configuration`: the names of the settings to be shown */
    const char *suspicions;    /* NULL: no new ones */
};
enum exec_published_as {
    EXEC_PUBLISHED_INVALID = 0,
    EXEC_PUBLISHED_ALL,
    EXEC_PUBLISHED_INCOMPLETE, /* but for the report, which must come with the configuration */
    EXEC_PUBLISHED_FAILED,     /* nothing was written: PostgreSQL refused; why */
    EXEC_PUBLISHED_LOST,       /* the session ended: not known */
};
typedef void exec_published(void *context, enum exec_published_as result, const char *reason);
/* Copies. False: not now, because one is on its way or PostgreSQL is not; `done` is not called. */
bool exec_publish(struct exec *exec, const struct exec_publication *publication,
    exec_published *done, void *context);

/* Appends "name=value" lines on open transactions and suspicions to a status text. */
void exec_status_text(const struct exec *exec, struct buffer *b);

#endif
