/* Judging every function that a client statement runs, at the moment when it is prepared to run.
 *
 * Two observation points see them all (README.md has the experiments):
 *   - object_access_hook with OAT_FUNCTION_EXECUTE: every function, operator, cast and aggregate of
 *     an expression, in queries, defaults, CHECK, triggers' WHEN, PL/pgSQL and CALL. It is not told
 *     of trigger functions and of what types and indexes call.
 *   - needs_fmgr_hook and fmgr_hook: every look-up of a function that is not built in, trigger
 *     functions too. */
#include "sql/functions.h"

#include "sql/authority.h"
#include "sql/builtins.h"
#include "sql/function_lists.h"
#include "sql/refuse.h"
#include "sql/transaction.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/proclang.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

static object_access_hook_type previous_object_access;
static needs_fmgr_hook_type previous_needs_fmgr;
static fmgr_hook_type previous_fmgr;

enum judgement {
    JUDGED_INVALID = 0,
    JUDGED_CERTAIN,   /* the same result on every correct replica */
    JUDGED_UNCERTAIN, /* allowed, but it may read what differs between an early and a late run */
    JUDGED_REFUSED,
};

static bool is_builtin(Oid function)
{
    return function < FirstNormalObjectId;
}

static enum judgement judge_builtin(Form_pg_proc proc)
{
    const char *name = NameStr(proc->proname);
    if (proc->oid == F_AGE_XID || function_shows_oids(name))
        return JUDGED_REFUSED;
    if (proc->provolatile == PROVOLATILE_IMMUTABLE || function_is_certain(name))
        return JUDGED_CERTAIN;
    return function_is_uncertain(name) ? JUDGED_UNCERTAIN : JUDGED_REFUSED;
}

/* Only PostgreSQL itself can call it: a text search dictionary's, which nobody declares. */
static bool is_internal(Form_pg_proc proc)
{
    bool is = proc->prorettype == INTERNALOID && proc->pronargs > 0;
    for (int i = 0; i < proc->pronargs; i++)
        is = is && proc->proargtypes.values[i] == INTERNALOID;
    return is;
}

/* Trusts the volatility that the superuser who created a C function declared. */
static enum judgement judge_by_volatility(Form_pg_proc proc)
{
    if (is_internal(proc))
        return JUDGED_UNCERTAIN;
    switch (proc->provolatile) {
    case PROVOLATILE_IMMUTABLE:
        return JUDGED_CERTAIN;
    case PROVOLATILE_STABLE:
        return JUDGED_UNCERTAIN;
    default:
        return JUDGED_REFUSED;
    }
}

static enum judgement judge(Oid function);

/* CREATE FUNCTION … LANGUAGE internal gives a built-in function a second name. */
static enum judgement judge_alias(HeapTuple tuple)
{
    bool is_null;
    Datum source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &is_null);
    if (is_null)
        return JUDGED_REFUSED;
    Oid target = fmgr_internal_function(TextDatumGetCString(source));
    return OidIsValid(target) ? judge(target) : JUDGED_REFUSED;
}

/* What a function written in SQL or PL/pgSQL does is judged as it runs. Other languages could do
 * anything. */
static enum judgement judge_defined(HeapTuple tuple)
{
    Form_pg_proc proc = (Form_pg_proc)GETSTRUCT(tuple);
    if (proc->prokind == PROKIND_AGGREGATE || proc->prolang == SQLlanguageId ||
        proc->prolang == get_language_oid("plpgsql", true))
        return JUDGED_UNCERTAIN;
    if (proc->prolang == INTERNALlanguageId)
        return judge_alias(tuple);
    if (proc->prolang == ClanguageId)
        return judge_by_volatility(proc);
    return JUDGED_REFUSED;
}

static enum judgement judge(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return JUDGED_REFUSED; /* dropped meanwhile; PostgreSQL's own error says so elsewhere */
    enum judgement judgement =
        is_builtin(function) ? judge_builtin((Form_pg_proc)GETSTRUCT(tuple)) : judge_defined(tuple);
    ReleaseSysCache(tuple);
    return judgement;
}

/* Each expression of each statement asks for PostgreSQL's own functions, whose judgement depends on
 * their row of pg_proc alone. The others' depends on more, and they are asked for less. */
static uint8 judged[FirstNormalObjectId]; /* enum judgement */
static uint64 function_changes;

static void on_function_change(Datum arg, int cache, uint32 hash)
{
    function_changes++;
    memset(judged, JUDGED_INVALID, sizeof(judged));
}

static enum judgement judge_again(Oid function)
{
    if (!is_builtin(function))
        return judge(function);
    if (judged[function] == JUDGED_INVALID) {
        uint64 before = function_changes;
        enum judgement judgement = judge(function);
        if (function_changes != before)
            return judgement;
        judged[function] = (uint8)judgement;
    }
    return (enum judgement)judged[function];
}

static void refuse_function(Oid function)
{
    if (namespace_is_ours(get_func_namespace(function)))
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("function %s is not for clients", format_procedure(function)));
    const char *name = get_func_name(function);
    refuse(function_hint(name != NULL ? name : ""),
        "function %s is not deterministic across replicas", format_procedure(function));
}

static void check_refused_function(Oid function)
{
    bool is_ours = namespace_is_ours(get_func_namespace(function));
    if (is_ours && client_statement_running() && authority_is_command(function))
        return;
    if (is_ours || !authority_allows_function(function))
        refuse_function(function);
    transaction_flags_add(TRANSACTION_UNCERTAIN);
}

static void check_client_function(Oid function)
{
    switch (judge_again(function)) {
    case JUDGED_CERTAIN:
        return;
    case JUDGED_UNCERTAIN:
        transaction_flags_add(TRANSACTION_UNCERTAIN);
        return;
    case JUDGED_INVALID:
    case JUDGED_REFUSED:
        check_refused_function(function);
    }
}

/* In the session that runs client SQL, the proxy's own statements run nothing that a client
 * defined: no operator found through the client's search_path, no deferred trigger that writes
 * behind the vote. An extension's script may run what it created itself. */
static void check_proxy_function(Oid function)
{
    if (creating_extension || namespace_is_ours(get_func_namespace(function)))
        return;
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
        errmsg("function %s may run in a client's statement only", format_procedure(function)));
}

static void check_function(Oid function)
{
    if (is_builtin(function) && judged[function] == JUDGED_CERTAIN)
        return; /* whoever runs it */
    if (client_statement_running() || maintenance_running())
        check_client_function(function);
    else if (!is_builtin(function) && proxy_statement_running())
        check_proxy_function(function);
}

/* The built-in functions that only look-ups show are parts of the server: handlers of languages,
 * comparison and input functions, text search dictionaries. */
static void check_defined_function(Oid function)
{
    if (!is_builtin(function))
        check_function(function);
}

static void on_object_access(
    ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
    if (previous_object_access != NULL)
        previous_object_access(access, class_id, object_id, sub_id, arg);
    if (access == OAT_FUNCTION_EXECUTE)
        check_function(object_id);
}

static bool is_sql_set_function(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    Form_pg_proc proc = (Form_pg_proc)GETSTRUCT(tuple);
    bool is = proc->prolang == SQLlanguageId && proc->proretset;
    ReleaseSysCache(tuple);
    return is;
}

/* Asked at each look-up, and before a SQL function is inlined. The body of a set-returning one
 * would be inlined behind planner_hook's back; "yes" prevents that. */
static bool on_function_lookup(Oid function)
{
    check_defined_function(function);
    if (previous_needs_fmgr != NULL && previous_needs_fmgr(function))
        return true;
    return !is_builtin(function) && client_statement_running() && is_sql_set_function(function);
}

/* SECURITY DEFINER and SET functions do not reach needs_fmgr_hook; they reach this. */
static void on_function_call(FmgrHookEventType event, FmgrInfo *info, Datum *arg)
{
    if (event == FHET_START)
        check_defined_function(info->fn_oid);
    if (previous_fmgr != NULL)
        previous_fmgr(event, info, arg);
}

static const char *word_of(enum judgement judgement)
{
    switch (judgement) {
    case JUDGED_CERTAIN:
        return "certain";
    case JUDGED_UNCERTAIN:
        return "uncertain";
    case JUDGED_INVALID:
    case JUDGED_REFUSED:
        break;
    }
    return "refused";
}

/* byzantium.judgement(function regprocedure) returns text: for administrators and for the test that
 * keeps docs/determinism.md true. */
PG_FUNCTION_INFO_V1(byzantium_judgement);
Datum byzantium_judgement(PG_FUNCTION_ARGS)
{
    Oid function = PG_GETARG_OID(0);
    const char *word = builtins_replaced(function) ? "replaced" : word_of(judge(function));
    PG_RETURN_TEXT_P(cstring_to_text(word));
}

void functions_init(void)
{
    function_lists_init();
    CacheRegisterSyscacheCallback(PROCOID, on_function_change, (Datum)0);
    previous_object_access = object_access_hook;
    object_access_hook = on_object_access;
    previous_needs_fmgr = needs_fmgr_hook;
    needs_fmgr_hook = on_function_lookup;
    previous_fmgr = fmgr_hook;
    fmgr_hook = on_function_call;
}
