/* Where a sequence stands, as all replicas agree on it: table byzantium.sequence_positions, written
 * by the transactions that draw. See sequences.h. */
#ifndef BYZ_SQL_SEQUENCE_STORE_H
#define BYZ_SQL_SEQUENCE_STORE_H

#include "postgres.h"

/* The row of what no lane has yet. */
#define SEQUENCE_SHARED (-1)

struct sequence_position {
    int64 next;
    int64 remaining; /* values from `next` on; of the shared row only: 0, the limit is reached */
};

/* False: no row of this lane in the latest state. */
bool sequence_store_read(Oid sequence, int32 lane, struct sequence_position *ret);
void sequence_store_write(Oid sequence, int32 lane, const struct sequence_position *position);
/* All its rows. */
void sequence_store_delete(Oid sequence);

/* What PostgreSQL's own relation says. It is ahead of every lane. */
void sequence_relation_read(Oid sequence, int64 *ret_last, bool *ret_is_called);
void sequence_relation_write(Oid sequence, int64 last, bool is_called);

#endif
