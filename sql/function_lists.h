/* PostgreSQL's own functions that are not immutable and that client statements may run none the
 * less. Every volatile or stable function that stands in neither list is refused. And the immutable
 * ones that are refused all the same. */
#ifndef BYZ_SQL_FUNCTION_LISTS_H
#define BYZ_SQL_FUNCTION_LISTS_H

#include <stdbool.h>

void function_lists_init(void);

/* Its result depends on arguments, data, pinned settings and the agreed time alone. */
bool function_is_certain(const char *name);
/* It reads the catalogue, which is "latest" even for an old snapshot. */
bool function_is_uncertain(const char *name);
/* It is called immutable, but shows an OID of its arguments: hashes of enums and of what may hold
 * enums. */
bool function_shows_oids(const char *name);
/* What to write instead of a refused function. Never NULL. */
const char *function_hint(const char *name);

#endif
