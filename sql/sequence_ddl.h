/* What DDL does to sequences: what was agreed about their values before is void. */
#ifndef BYZ_SQL_SEQUENCE_DDL_H
#define BYZ_SQL_SEQUENCE_DDL_H

#include "postgres.h"

#include "nodes/nodes.h"

void sequence_ddl_init(void);

/* Before and behind a client's statement; refuses what cannot be followed. */
void sequence_ddl_before(const Node *statement);
void sequence_ddl_after(const Node *statement);

/* While it runs. Returns what to restore, also behind an error. */
bool sequence_ddl_restarting(const Node *statement);
void sequence_ddl_restore(bool before);

#endif
