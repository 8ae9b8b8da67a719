/* The replacement stands in PostgreSQL's table of built-in functions, in memory: fmgr_builtins[],
 * through which every caller finds a function's code, whatever the context (a query, a default,
 * COPY, a trigger's WHEN, PL/pgSQL). The catalogue, and with it dumps and stored expressions, stay
 * as they are. JIT code would not look there, so jit is off in postgresql.byzantium.conf.
 *
 * Who is no client gets the original. */
#include "sql/builtins.h"

#include "sql/agreed_random.h"
#include "sql/refuse.h"
#include "sql/sequences.h"
#include "sql/transaction.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrtab.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include <sys/mman.h>
#include <unistd.h>

/* Where a call of nextval came from, as its place in the text: an identity column's default has the
 * table's privileges and asks for none of the sequence's. */
#define LOCATION_IDENTITY (-77)

static bool draws_forbidden;

bool builtins_forbid_draws(bool forbid)
{
    bool before = draws_forbidden;
    draws_forbidden = before || forbid;
    return before;
}

void builtins_allow_draws(bool before)
{
    draws_forbidden = before;
}

/* What gives another value at each call. */
static void check_draw(const char *name)
{
    if (maintenance_running())
        refuse(NULL, "%s is not deterministic across replicas", name);
    if (draws_forbidden)
        refuse("Add the column without a default, fill it with UPDATE, and then set the default.",
            "%s would be called for rows in their physical order", name);
}

static bool is_replaced(void)
{
    return client_statement_running() || maintenance_running();
}

/* ---- sequences ---- */

static Datum replaced_nextval(PG_FUNCTION_ARGS)
{
    const Node *call = fcinfo->flinfo != NULL ? fcinfo->flinfo->fn_expr : NULL;
    bool is_identity = call != NULL && IsA(call, FuncExpr) &&
                       ((const FuncExpr *)call)->location == LOCATION_IDENTITY;
    check_draw("nextval");
    PG_RETURN_INT64(sequences_next(PG_GETARG_OID(0), !is_identity));
}

static Datum replaced_currval(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(sequences_current(PG_GETARG_OID(0)));
}

static Datum replaced_lastval(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(sequences_last());
}

static Datum replaced_setval(PG_FUNCTION_ARGS)
{
    check_draw("setval");
    PG_RETURN_INT64(sequences_set(PG_GETARG_OID(0), PG_GETARG_INT64(1), true));
}

static Datum replaced_setval3(PG_FUNCTION_ARGS)
{
    check_draw("setval");
    PG_RETURN_INT64(sequences_set(PG_GETARG_OID(0), PG_GETARG_INT64(1), PG_GETARG_BOOL(2)));
}

/* ---- random numbers ---- */

static Datum replaced_random(PG_FUNCTION_ARGS)
{
    check_draw("random");
    PG_RETURN_FLOAT8(agreed_random_double());
}

static Datum replaced_setseed(PG_FUNCTION_ARGS)
{
    double seed = PG_GETARG_FLOAT8(0);
    if (!(seed >= -1 && seed <= 1))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("setseed parameter %g is out of allowed range [-1,1]", seed));
    agreed_random_set(seed);
    PG_RETURN_VOID();
}

static Datum replaced_gen_random_uuid(PG_FUNCTION_ARGS)
{
    pg_uuid_t *uuid = palloc(UUID_LEN);
    check_draw("gen_random_uuid");
    agreed_random_bytes(uuid->data, UUID_LEN);
    uuid->data[6] = (unsigned char)((uuid->data[6] & 0x0f) | 0x40); /* RFC 4122, version 4 */
    uuid->data[8] = (unsigned char)((uuid->data[8] & 0x3f) | 0x80);
    PG_RETURN_UUID_P(uuid);
}

/* ---- clocks: all show the transaction's agreed time ---- */

static Datum replaced_clock(PG_FUNCTION_ARGS)
{
    PG_RETURN_TIMESTAMPTZ(GetCurrentTransactionStartTimestamp());
}

static Datum replaced_timeofday(PG_FUNCTION_ARGS)
{
    TimestampTz now = GetCurrentTransactionStartTimestamp();
    pg_time_t seconds = timestamptz_to_time_t(now);
    const struct pg_tm *at = pg_localtime(&seconds, session_timezone);
    char day[64], zone[64];
    pg_strftime(day, sizeof(day), "%a %b %d %H:%M:%S", at);
    pg_strftime(zone, sizeof(zone), "%Y %Z", at);
    PG_RETURN_TEXT_P(
        cstring_to_text(psprintf("%s.%06d %s", day, (int)(now % USECS_PER_SEC), zone)));
}

/* ---- the table ---- */

struct replacement {
    Oid function;
    PGFunction ours;
    PGFunction original;
};

#define REPLACEMENTS(X)                                                                            \
    X(0, F_NEXTVAL, replaced_nextval)                                                              \
    X(1, F_CURRVAL, replaced_currval)                                                              \
    X(2, F_LASTVAL, replaced_lastval)                                                              \
    X(3, F_SETVAL_REGCLASS_INT8, replaced_setval)                                                  \
    X(4, F_SETVAL_REGCLASS_INT8_BOOL, replaced_setval3)                                            \
    X(5, F_RANDOM, replaced_random)                                                                \
    X(6, F_SETSEED, replaced_setseed)                                                              \
    X(7, F_GEN_RANDOM_UUID, replaced_gen_random_uuid)                                              \
    X(8, F_CLOCK_TIMESTAMP, replaced_clock)                                                        \
    X(9, F_STATEMENT_TIMESTAMP, replaced_clock)                                                    \
    X(10, F_TIMEOFDAY, replaced_timeofday)

#define ENTRY(place, oid, code) [place] = {oid, code, NULL},
static struct replacement replacements[] = {REPLACEMENTS(ENTRY)};

#define CHOOSER(place, oid, code)                                                                  \
    static Datum choose_##place(PG_FUNCTION_ARGS)                                                  \
    {                                                                                              \
        return (is_replaced() ? code : replacements[place].original)(fcinfo);                      \
    }
REPLACEMENTS(CHOOSER)

#define CHOICE(place, oid, code) [place] = choose_##place,
static const PGFunction choosers[] = {REPLACEMENTS(CHOICE)};

/* Read-only after the program was loaded; once, in the postmaster, before anybody runs. */
static void replace_code(const FmgrBuiltin *entry, PGFunction code)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)&entry->func & ~(page_bytes - 1);
    uintptr_t end = (uintptr_t)(&entry->func + 1);
    if (mprotect((void *)first, end - first, PROT_READ | PROT_WRITE) != 0)
        ereport(FATAL, errmsg("library byzantium cannot replace function %u: %m", entry->foid));
    memcpy((void *)(uintptr_t)&entry->func, &code, sizeof(code));
    (void)mprotect((void *)first, end - first, PROT_READ);
}

bool builtins_replaced(Oid function)
{
    for (size_t i = 0; i < lengthof(replacements); i++) {
        if (replacements[i].function == function)
            return true;
    }
    return false;
}

void builtins_init(void)
{
    for (size_t i = 0; i < lengthof(replacements); i++) {
        uint16 place = fmgr_builtin_oid_index[replacements[i].function];
        if (place == InvalidOidBuiltinMapping)
            ereport(
                FATAL, errmsg("library byzantium misses function %u", replacements[i].function));
        replacements[i].original = fmgr_builtins[place].func;
        replace_code(&fmgr_builtins[place], choosers[i]);
    }
}

/* ---- identity columns ---- */

static Node *call_of(const NextValueExpr *next)
{
    Const *sequence = makeConst(
        REGCLASSOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(next->seqid), false, true);
    FuncExpr *call = makeFuncExpr(
        F_NEXTVAL, INT8OID, list_make1(sequence), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
    call->location = LOCATION_IDENTITY;
    if (next->typeId == INT8OID)
        return (Node *)call;
    return (Node *)makeFuncExpr(next->typeId == INT2OID ? F_INT2_INT8 : F_INT4_INT8, next->typeId,
        list_make1(call), InvalidOid, InvalidOid, COERCE_IMPLICIT_CAST);
}

static Node *call_nextval(Node *node, void *context)
{
    if (node == NULL)
        return NULL;
    if (IsA(node, NextValueExpr))
        return call_of((NextValueExpr *)node);
    if (IsA(node, Query))
        return (Node *)query_tree_mutator((Query *)node, call_nextval, context, 0);
    return expression_tree_mutator(node, call_nextval, context);
}

static bool has_identity(Node *node, void *context)
{
    if (node == NULL)
        return false;
    if (IsA(node, NextValueExpr))
        return true;
    if (IsA(node, Query))
        return query_tree_walker((Query *)node, has_identity, context, 0);
    return expression_tree_walker(node, has_identity, context);
}

static bool target_has_identity(const Query *query)
{
    Oid id = rt_fetch(query->resultRelation, query->rtable)->relid;
    Relation target = table_open(id, NoLock); /* locked by the parser */
    TupleDesc columns = RelationGetDescr(target);
    bool has = false;
    for (int i = 0; i < columns->natts; i++)
        has = has || TupleDescAttr(columns, i)->attidentity != '\0';
    table_close(target, NoLock);
    return has;
}

/* The rewriter puts it where a statement leaves out a column of its target. What a rule makes of
 * the statement may name it elsewhere, as NEW's. */
static bool may_have_identity(const Query *query)
{
    if (query->hasModifyingCTE || query->querySource != QSRC_ORIGINAL)
        return true;
    return query->resultRelation != 0 && target_has_identity(query);
}

Query *builtins_call_nextval(Query *query)
{
    if (!may_have_identity(query) || !has_identity((Node *)query, NULL))
        return query;
    return query_tree_mutator(query, call_nextval, NULL, 0);
}
