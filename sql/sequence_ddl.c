/* ALTER SEQUENCE (also of an identity column), TRUNCATE … RESTART IDENTITY, DROP: PostgreSQL
 * changes its own relation of the sequence, which the next transaction that draws reads. */
#include "sql/sequence_ddl.h"

#include "sql/refuse.h"
#include "sql/sequences.h"
#include "sql/transaction.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

static object_access_hook_type previous_object_access;
static bool restarting; /* TRUNCATE … RESTART IDENTITY is running */

static bool restarts(const AlterSeqStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->options) {
        if (strcmp(lfirst_node(DefElem, cell)->defname, "restart") == 0)
            return true;
    }
    return false;
}

bool sequence_ddl_restarting(const Node *statement)
{
    bool before = restarting;
    restarting = IsA(statement, TruncateStmt) && ((const TruncateStmt *)statement)->restart_seqs;
    return before;
}

void sequence_ddl_restore(bool before)
{
    restarting = before;
}

void sequence_ddl_before(const Node *statement)
{
    if (!IsA(statement, AlterSeqStmt))
        return;
    const AlterSeqStmt *alter = (const AlterSeqStmt *)statement;
    Oid sequence = RangeVarGetRelid(alter->sequence, NoLock, true);
    if (OidIsValid(sequence) && sequences_used(sequence) && !restarts(alter))
        refuse("Alter it in a transaction of its own.",
            "this transaction has drawn from sequence \"%s\"", alter->sequence->relname);
}

void sequence_ddl_after(const Node *statement)
{
    if (!IsA(statement, AlterSeqStmt))
        return;
    Oid sequence = RangeVarGetRelid(((const AlterSeqStmt *)statement)->sequence, NoLock, true);
    if (OidIsValid(sequence))
        sequences_forget(sequence);
}

static void forget_owned(Oid table)
{
    ListCell *cell;
    List *owned = getOwnedSequences(table);
    foreach (cell, owned)
        sequences_forget(lfirst_oid(cell));
}

/* TRUNCATE names each table that it reaches, through foreign keys and partitions, too. */
static void on_object_access(
    ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
    if (previous_object_access != NULL)
        previous_object_access(access, class_id, object_id, sub_id, arg);
    if (class_id != RelationRelationId || sub_id != 0 || !client_statement_running())
        return;
    if (access == OAT_TRUNCATE && restarting)
        forget_owned(object_id);
    if (access == OAT_DROP && get_rel_relkind(object_id) == RELKIND_SEQUENCE)
        sequences_forget(object_id);
}

void sequence_ddl_init(void)
{
    previous_object_access = object_access_hook;
    object_access_hook = on_object_access;
}
