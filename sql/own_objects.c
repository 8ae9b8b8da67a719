/* What was looked up counts until PostgreSQL says that a row of that catalogue has changed, in this
 * transaction or in a committed one. It says so without naming the row's OID, so all that came from
 * the catalogue is void. */
#include "sql/own_objects.h"

#include "sql/transaction.h"

#include "catalog/namespace.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A power of two. */
#define RELATIONS 64

/* How often the catalogue has changed, counted from 1. */
static uint64 schema_changes = 1;
static uint64 role_changes = 1;
static uint64 relation_changes = 1; /* or a schema's */

struct found {
    Oid oid;
    uint64 at; /* the count of changes before it was looked up */
};

static struct found schema;
static struct found app_role;
/* Relations of other schemas, each in the place that its OID's last bits name. */
static struct found strangers[RELATIONS];

static void on_schema_change(Datum arg, int cache, uint32 hash)
{
    schema_changes++;
    relation_changes++;
}

static void on_role_change(Datum arg, int cache, uint32 hash)
{
    role_changes++;
}

static void on_relation_change(Datum arg, int cache, uint32 hash)
{
    relation_changes++;
}

/* The count is taken before the look-up: what changes meanwhile makes the answer void at once. */
Oid own_schema(void)
{
    if (schema.at != schema_changes) {
        uint64 at = schema_changes;
        schema = (struct found){.oid = get_namespace_oid(SCHEMA_NAME, true), .at = at};
    }
    return schema.oid;
}

Oid own_app_role(void)
{
    if (app_role.at != role_changes) {
        uint64 at = role_changes;
        app_role = (struct found){.oid = get_role_oid(APP_ROLE, true), .at = at};
    }
    return app_role.oid;
}

bool own_schema_holds(Oid relation)
{
    struct found *stranger = &strangers[relation % RELATIONS];
    if (stranger->oid == relation && stranger->at == relation_changes)
        return false;
    uint64 at = relation_changes;
    Oid namespace = get_rel_namespace(relation);
    if (OidIsValid(namespace) && namespace == own_schema())
        return true;
    *stranger = (struct found){.oid = relation, .at = at};
    return false;
}

void own_objects_init(void)
{
    CacheRegisterSyscacheCallback(NAMESPACEOID, on_schema_change, (Datum)0);
    CacheRegisterSyscacheCallback(AUTHOID, on_role_change, (Datum)0);
    CacheRegisterSyscacheCallback(RELOID, on_relation_change, (Datum)0);
}
