/* The library `byzantium`, loaded into every PostgreSQL of a cluster by shared_preload_libraries.
 * README.md says what it guards and why each hook is there. */
#include "postgres.h"

#include "sql/builtins.h"
#include "sql/functions.h"
#include "sql/own_objects.h"
#include "sql/queries.h"
#include "sql/sequence_ddl.h"
#include "sql/sequences.h"
#include "sql/transaction.h"
#include "sql/utility.h"

#include "fmgr.h"
#include "miscadmin.h"

PG_MODULE_MAGIC;

void _PG_init(void); /* PostgreSQL 15 declares it nowhere */

void _PG_init(void)
{
    if (!process_shared_preload_libraries_in_progress)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("library byzantium must be loaded by shared_preload_libraries"));
    own_objects_init();
    transaction_init();
    sequences_init();
    builtins_init();
    functions_init();
    queries_init();
    sequence_ddl_init();
    utility_init();
}
