/* Reads and writes by hand, not by SQL: without the client's search_path and privileges, and at the
 * latest state where the transaction's own snapshot is older. */
#include "sql/sequence_store.h"

#include "sql/transaction.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define TABLE_NAME "sequence_positions"

enum column {
    COLUMN_SEQUENCE = 1,
    COLUMN_LANE,
    COLUMN_NEXT,
    COLUMN_REMAINING,
    COLUMN_COUNT = COLUMN_REMAINING,
};

struct scan {
    Relation table;
    SysScanDesc rows;
    Snapshot latest;
};

static Relation open_table(LOCKMODE mode)
{
    Oid table = get_relname_relid(TABLE_NAME, get_namespace_oid(SCHEMA_NAME, false));
    if (!OidIsValid(table))
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
            errmsg("table " SCHEMA_NAME "." TABLE_NAME " is missing: run byzantium.sql again"));
    return table_open(table, mode);
}

/* The latest state. A lane is one key more. */
static void scan_start(struct scan *scan, Oid sequence, const int32 *lane, LOCKMODE mode)
{
    ScanKeyData keys[2];
    ScanKeyInit(
        &keys[0], COLUMN_SEQUENCE, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(sequence));
    if (lane != NULL)
        ScanKeyInit(&keys[1], COLUMN_LANE, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(*lane));
    scan->table = open_table(mode);
    scan->latest = RegisterSnapshot(GetLatestSnapshot());
    scan->rows = systable_beginscan(scan->table, RelationGetPrimaryKeyIndex(scan->table), true,
        scan->latest, lane != NULL ? 2 : 1, keys);
}

static void scan_end(struct scan *scan)
{
    systable_endscan(scan->rows);
    UnregisterSnapshot(scan->latest);
    table_close(scan->table, NoLock); /* the lock stays, as always, until the transaction ends */
}

static int64 value_of(HeapTuple tuple, TupleDesc description, enum column column)
{
    bool is_null;
    Datum value = heap_getattr(tuple, (int)column, description, &is_null);
    Assert(!is_null);
    return DatumGetInt64(value);
}

bool sequence_store_read(Oid sequence, int32 lane, struct sequence_position *ret)
{
    struct scan scan;
    scan_start(&scan, sequence, &lane, AccessShareLock);
    HeapTuple found = systable_getnext(scan.rows);
    if (HeapTupleIsValid(found)) {
        TupleDesc description = RelationGetDescr(scan.table);
        ret->next = value_of(found, description, COLUMN_NEXT);
        ret->remaining = value_of(found, description, COLUMN_REMAINING);
    }
    scan_end(&scan);
    return HeapTupleIsValid(found);
}

void sequence_store_write(Oid sequence, int32 lane, const struct sequence_position *position)
{
    Datum values[COLUMN_COUNT] = {ObjectIdGetDatum(sequence), Int32GetDatum(lane),
        Int64GetDatum(position->next), Int64GetDatum(position->remaining)};
    bool nulls[COLUMN_COUNT] = {false};
    struct scan scan;
    scan_start(&scan, sequence, &lane, RowExclusiveLock);
    HeapTuple found = systable_getnext(scan.rows);
    HeapTuple row = heap_form_tuple(RelationGetDescr(scan.table), values, nulls);
    if (HeapTupleIsValid(found))
        CatalogTupleUpdate(scan.table, &found->t_self, row);
    else
        CatalogTupleInsert(scan.table, row);
    scan_end(&scan);
    CommandCounterIncrement();
}

void sequence_store_delete(Oid sequence)
{
    struct scan scan;
    scan_start(&scan, sequence, NULL, RowExclusiveLock);
    HeapTuple found;
    while (HeapTupleIsValid(found = systable_getnext(scan.rows)))
        CatalogTupleDelete(scan.table, &found->t_self);
    scan_end(&scan);
    CommandCounterIncrement();
}

void sequence_relation_read(Oid sequence, int64 *ret_last, bool *ret_is_called)
{
    Relation relation = relation_open(sequence, NoLock); /* the caller has locked it */
    Buffer buffer = ReadBuffer(relation, 0);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    HeapTupleHeader row =
        (HeapTupleHeader)PageGetItem(page, PageGetItemId(page, FirstOffsetNumber));
    const FormData_pg_sequence_data *data =
        (const FormData_pg_sequence_data *)((const char *)row + row->t_hoff);
    *ret_last = data->last_value;
    *ret_is_called = data->is_called;
    UnlockReleaseBuffer(buffer);
    relation_close(relation, NoLock);
}

/* As the superuser: who may draw from a sequence need not be allowed to set it. */
void sequence_relation_write(Oid sequence, int64 last, bool is_called)
{
    Oid user;
    int context;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE);
    DirectFunctionCall3(
        setval3_oid, ObjectIdGetDatum(sequence), Int64GetDatum(last), BoolGetDatum(is_called));
    SetUserIdAndSecContext(user, context);
}
