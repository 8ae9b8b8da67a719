/* What a client's DDL may define, change and drop. */
#ifndef BYZ_SQL_DEFINITIONS_H
#define BYZ_SQL_DEFINITIONS_H

#include "postgres.h"

#include "nodes/nodes.h"

/* True for DDL that clients may run; raises an error for DDL of an allowed kind whose details are
 * not; false for everything else. */
bool definition_allowed(const Node *statement);

#endif
