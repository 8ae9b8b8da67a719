/* CREATE EXTENSION by clients. */
#ifndef BYZ_SQL_EXTENSIONS_H
#define BYZ_SQL_EXTENSIONS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* Refuses an extension that is not on the list, and what the script must not be asked for. The
 * script itself runs with the guard suspended: it is PostgreSQL's, not the client's. */
void extensions_check_create(const CreateExtensionStmt *statement);

#endif
