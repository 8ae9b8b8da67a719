/* Flags of the current transaction, and the two functions that only the proxy calls. */
#include "sql/transaction.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

static int flags;
static bool rollback_to_requested;

/* debug_query_string is the text that the protocol's message brought, in the simple and in the
 * extended protocol; nested statements leave it alone. So client SQL can neither add the prefix to
 * what the proxy sends nor take it away from its own. */
bool client_statement_running(void)
{
    return debug_query_string != NULL &&
           strncmp(debug_query_string, CLIENT_PREFIX, sizeof(CLIENT_PREFIX) - 1) == 0;
}

bool proxy_statement_running(void)
{
    return !client_statement_running() && GetSessionUserId() == get_role_oid(APP_ROLE, true);
}

bool maintenance_running(void)
{
    return InSecurityRestrictedOperation() && !client_statement_running() &&
           GetUserId() == get_role_oid(APP_ROLE, true);
}

void transaction_flags_add(int added)
{
    flags |= added;
}

void transaction_rollback_to_requested(bool requested)
{
    rollback_to_requested = requested;
}

bool namespace_is_ours(Oid namespace)
{
    return OidIsValid(namespace) && namespace == get_namespace_oid(SCHEMA_NAME, true);
}

static void on_transaction(XactEvent event, void *arg)
{
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        flags = 0;
}

/* A caught exception hides an error that may depend on what others have committed. The error of a
 * top-level statement is not hidden: PostgreSQL has cleared debug_query_string by then. */
static void on_subtransaction(
    SubXactEvent event, SubTransactionId self, SubTransactionId parent, void *arg)
{
    if (event == SUBXACT_EVENT_ABORT_SUB && client_statement_running() && !rollback_to_requested)
        transaction_flags_add(TRANSACTION_UNCERTAIN);
}

void transaction_init(void)
{
    RegisterXactCallback(on_transaction, NULL);
    RegisterSubXactCallback(on_subtransaction, NULL);
}

/* byzantium.transaction_start(agreed_us bigint): microseconds since 1970, UTC. From here on now(),
 * CURRENT_TIMESTAMP, 'now' and their kin are the batch's agreed time. Meant for parallel workers,
 * SetParallelStartTimestamps is the one way to set a transaction's time. */
PG_FUNCTION_INFO_V1(byzantium_transaction_start);
Datum byzantium_transaction_start(PG_FUNCTION_ARGS)
{
    int64 agreed_us = PG_GETARG_INT64(0);
    int64 epochs_apart_us = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    TimestampTz agreed = agreed_us - epochs_apart_us;

    if (agreed_us < 0 || !IS_VALID_TIMESTAMP(agreed))
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
            errmsg("agreed time " INT64_FORMAT " is out of range", agreed_us));
    SetParallelStartTimestamps(agreed, agreed);
    flags = 0;
    PG_RETURN_VOID();
}

/* byzantium.flags() returns int: see enum transaction_flag. */
PG_FUNCTION_INFO_V1(byzantium_flags);
Datum byzantium_flags(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(flags);
}
