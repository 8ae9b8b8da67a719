/* nextval and its kin for clients: values that every replica computes alike, without recording
 * them.
 *
 * A sequence's values belong to lanes. The proxies give each open transaction a lane that no other
 * open one has (proxy/exec/ledger.h), and a lane owns a block of the sequence's values: a
 * transaction draws from its lane's block, wherever and whenever it runs. Where the block ends it
 * goes on with what no lane has yet. docs/determinism.md has the reasons. */
#ifndef BYZ_SQL_SEQUENCES_H
#define BYZ_SQL_SEQUENCES_H

#include "postgres.h"

void sequences_init(void);

/* A transaction starts (again). `turn`: it is at the head of the order, alone; else it runs early,
 * and what no lane has yet is a guess. */
void sequences_start(int32 lane, bool turn);

/* The four functions. An identity column draws with its table's privileges. */
int64 sequences_next(Oid sequence, bool check_privileges);
int64 sequences_current(Oid sequence);
int64 sequences_last(void);
int64 sequences_set(Oid sequence, int64 value, bool is_called);

/* Has this transaction drawn from it or set it? */
bool sequences_used(Oid sequence);
/* What was known of it is void: it was restarted, altered or dropped. */
void sequences_forget(Oid sequence);

#endif
