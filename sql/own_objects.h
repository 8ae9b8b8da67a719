/* The OIDs of what byzantium.sql makes, which are asked for in every statement: looked up by name
 * once, and again when the catalogue has changed. */
#ifndef BYZ_SQL_OWN_OBJECTS_H
#define BYZ_SQL_OWN_OBJECTS_H

#include "postgres.h"

void own_objects_init(void);

/* InvalidOid if there is none. They look into the catalogue, so they must not be asked in a failed
 * transaction. */
Oid own_schema(void);
Oid own_app_role(void);
bool own_schema_holds(Oid relation);

#endif
