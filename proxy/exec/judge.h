/* The verdict on a list: what this replica's execution of it means for the transaction.
 *
 * Pure. The rules are docs/architecture.md, "Who is called a liar": the entries are shown in order,
 * the first one that is not as the list says decides. */
#ifndef BYZ_PROXY_EXEC_JUDGE_H
#define BYZ_PROXY_EXEC_JUDGE_H

#include "common/message.h"
#include "proxy/exec/answer.h"

/* An abort that says: so many replicas could not execute this that it cannot be done. Only
 * abstentions carry it; no execution ends in it (abstentions.h). */
#define SQLSTATE_ABSTAINED "58000"
#define SQLSTATE_CONFLICT "40001"
#define SQLSTATE_LIED "BZ001"

enum judge_state {
    JUDGE_INVALID = 0,
    JUDGE_AGREES,    /* so far everything is as the list says */
    JUDGE_CONFLICT,  /* the list says success, here is an error: nobody is accused */
    JUDGE_DIFFERS,   /* both succeeded, the rows differ: a lie, unless the result is uncertain */
    JUDGE_DOUBTFUL,  /* the list says failure, here is success or another error */
    JUDGE_TOO_LARGE, /* the result exceeds the limits */
    JUDGE_UNABLE,    /* this replica's own limits: not an outcome (see judge_is_local) */
    JUDGE_UNFIT,     /* the list is as it says, but the transaction cannot commit */
};

struct judge {
    enum judge_state state;
    uint32_t entry_count; /* shown and agreeing */
    uint32_t statement;   /* that decided */
    char sqlstate[5];     /* JUDGE_UNABLE and JUDGE_UNFIT: the error met */
};

void judge_start(struct judge *judge);
/* The list is this replica's own log: its entries need not run again. */
void judge_trust(struct judge *judge, uint32_t entry_count);
/* The next entry of the list and what it came to here. False: decided, no need to show more. */
bool judge_entry(struct judge *judge, const struct entry *claimed, const struct answer_end *actual);
/* An error behind the list: constraints that were deferred, or a transaction that a failed
 * statement had left unusable. */
void judge_finish_failed(struct judge *judge, const char sqlstate[static 5]);
/* The outcome needs to know whether the transaction used what may differ honestly. */
bool judge_needs_flags(const struct judge *judge);

struct judge_flags {
    bool uncertain;
    bool barrier;
};
/* What to vote. `commit`: the request is a COMMIT, not a verified ROLLBACK. Not for JUDGE_UNABLE.
 */
struct outcome judge_outcome(const struct judge *judge, bool commit, struct judge_flags flags);

/* Errors that come from one replica's own limits, and say nothing about the transaction: classes
 * 53, 57, 58, XX; deadlock, lock not available, stack depth. */
bool judge_is_local(const char sqlstate[static 5]);

/* The vote of a replica that could not execute. */
struct outcome judge_abstention(void);
bool judge_is_abstention(const struct outcome *outcome);

struct outcome judge_make(enum outcome_kind kind, enum verdict verdict,
    const char sqlstate[static 5], uint32_t statement);

#endif
