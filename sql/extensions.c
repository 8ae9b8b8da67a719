/* PostgreSQL runs the script of a *trusted* extension for whoever may create objects in the
 * database, as the superuser. Those on the list are part of PostgreSQL's own release, keep nothing
 * outside their tables, and declare as volatile whatever differs from call to call (uuid-ossp's and
 * pgcrypto's random functions), which functions.c refuses. */
#include "sql/extensions.h"

#include "sql/refuse.h"
#include "sql/transaction.h"

#include "catalog/namespace.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

/* Not here although trusted: lo (large objects), tcn (NOTIFY), tsm_system_rows, tsm_system_time
 * (TABLESAMPLE), dict_int (text search dictionaries are not for clients). */
static const char *const allowed[] = {"btree_gin", "btree_gist", "citext", "cube", "fuzzystrmatch",
    "hstore", "intarray", "isn", "ltree", "pg_trgm", "pgcrypto", "seg", "tablefunc", "unaccent",
    "uuid-ossp"};

static void check_name(const char *name)
{
    for (size_t i = 0; i < lengthof(allowed); i++) {
        if (strcmp(allowed[i], name) == 0)
            return;
    }
    refuse("Allowed: btree_gin, btree_gist, citext, cube, fuzzystrmatch, hstore, intarray, isn, "
           "ltree, pg_trgm, pgcrypto, seg, tablefunc, unaccent, uuid-ossp.",
        "extension \"%s\" is not known to be deterministic across replicas", name);
}

/* The script would write into any schema, since it has the superuser's rights: PostgreSQL leaves it
 * to the script to fail. */
static void check_schema(Oid schema)
{
    if (OidIsValid(schema) && pg_namespace_aclcheck(schema, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(schema));
}

/* Where it goes if the statement does not say: the first schema of the search path. */
static Oid default_schema(void)
{
    List *path = fetch_search_path(false);
    Oid first = path != NIL ? linitial_oid(path) : InvalidOid;
    list_free(path);
    return first;
}

void extensions_check_create(const CreateExtensionStmt *statement)
{
    bool names_schema = false;
    ListCell *cell;
    check_name(statement->extname);
    foreach (cell, statement->options) {
        DefElem *option = lfirst_node(DefElem, cell);
        if (strcmp(option->defname, "schema") == 0) {
            names_schema = true;
            check_schema(get_namespace_oid(defGetString(option), true));
        } else if (strcmp(option->defname, "new_version") == 0) {
            refuse("Leave VERSION out.", "all replicas install PostgreSQL's current version");
        }
    }
    if (!names_schema)
        check_schema(default_schema());
}
