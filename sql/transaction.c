/* Flags of the current transaction, and the two functions that only the proxy calls. */
#include "sql/transaction.h"

#include "sql/agreed_random.h"
#include "sql/authority.h"
#include "sql/own_objects.h"
#include "sql/sequences.h"

#include "access/xact.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static int flags;
static bool suspended;
static bool rollback_to_requested;

/* debug_query_string is the text that the protocol's message brought, in the simple and in the
 * extended protocol; nested statements leave it alone. So client SQL can neither add the prefix to
 * what the proxy sends nor take it away from its own. */
bool client_statement_running(void)
{
    return !suspended && debug_query_string != NULL &&
           strncmp(debug_query_string, CLIENT_PREFIX, sizeof(CLIENT_PREFIX) - 1) == 0;
}

bool client_guard_suspend(bool suspend)
{
    bool before = suspended;
    suspended = suspend;
    return before;
}

bool proxy_statement_running(void)
{
    return !client_statement_running() && GetSessionUserId() == own_app_role();
}

bool maintenance_running(void)
{
    return InSecurityRestrictedOperation() && !client_statement_running() &&
           !superuser_arg(GetUserId());
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
    return OidIsValid(namespace) && namespace == own_schema();
}

static void on_transaction(XactEvent event, void *arg)
{
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    flags = 0;
    agreed_random_start(NULL, 0);
    authority_end();
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

/* byzantium.transaction_start(agreed_us bigint, lane int, turn boolean, seed bytea, client text):
 * microseconds since 1970, UTC. From here on now(), CURRENT_TIMESTAMP, 'now' and their kin are the
 * batch's agreed time. Meant for parallel workers, SetParallelStartTimestamps is the one way to set
 * a transaction's time. Lane and turn: see sequences.h. */
PG_FUNCTION_INFO_V1(byzantium_transaction_start);
Datum byzantium_transaction_start(PG_FUNCTION_ARGS)
{
    int64 agreed_us = PG_GETARG_INT64(0);
    int64 epochs_apart_us = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    TimestampTz agreed = agreed_us - epochs_apart_us;

    if (agreed_us < 0 || !IS_VALID_TIMESTAMP(agreed))
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
            errmsg("agreed time " INT64_FORMAT " is out of range", agreed_us));
    if (PG_GETARG_INT32(1) < 0)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lanes count from 0"));
    const bytea *seed = PG_GETARG_BYTEA_PP(3);
    SetParallelStartTimestamps(agreed, agreed);
    flags = 0;
    sequences_start(PG_GETARG_INT32(1), PG_GETARG_BOOL(2));
    agreed_random_start((const uint8 *)VARDATA_ANY(seed), VARSIZE_ANY_EXHDR(seed));
    authority_start(text_to_cstring(PG_GETARG_TEXT_PP(4)));
    PG_RETURN_VOID();
}

/* byzantium.flags() returns int: see enum transaction_flag. */
PG_FUNCTION_INFO_V1(byzantium_flags);
Datum byzantium_flags(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(flags);
}
