#include "proxy/exec/publish.h"

#include "proxy/exec/answer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The settings as the proxy's sessions have them, before LIMITS_SQL changes some for itself; kept
 * in a setting of our own until REPORT_FULL_SQL reads it. $1: a JSON array of names. The collation
 * is the database's (startup.c asks alike). */
#define SETTINGS_SQL                                                                               \
    "SELECT pg_catalog.set_config('byzantium.settings_here', (SELECT"                              \
    " pg_catalog.jsonb_object_agg(name, CASE name WHEN 'lc_collate' THEN datcollate"               \
    " WHEN 'lc_ctype' THEN datctype ELSE pg_catalog.current_setting(name, true) END)::text"        \
    " FROM pg_catalog.jsonb_array_elements_text($1::jsonb) AS name, pg_catalog.pg_database"        \
    " WHERE datname = pg_catalog.current_database()), true)"
/* For this transaction alone. */
#define LIMITS_SQL                                                                                 \
    "SELECT pg_catalog.set_config('lock_timeout', '20ms', true),"                                  \
    " pg_catalog.set_config('statement_timeout', '1s', true),"                                     \
    " pg_catalog.set_config('synchronous_commit', 'off', true)"
/* The configuration's columns stay as they are: each such row version is a small one on the same
 * page. */
#define REPORT_SQL                                                                                 \
    "UPDATE byzantium.report"                                                                      \
    " SET reported_at = pg_catalog.clock_timestamp(), report = $1::jsonb"
#define REPORT_FULL_SQL                                                                            \
    "INSERT INTO byzantium.report AS r (reported_at, report, configuration, settings)"             \
    " VALUES (pg_catalog.clock_timestamp(), $1::jsonb, $2::jsonb,"                                 \
    " pg_catalog.current_setting('byzantium.settings_here')::jsonb)"                               \
    " ON CONFLICT (one_row) DO UPDATE SET reported_at = excluded.reported_at,"                     \
    " report = excluded.report, configuration = excluded.configuration,"                           \
    " settings = excluded.settings"
#define SUSPICIONS_MAX_TEXT "10000"
#define SUSPICIONS_SQL                                                                             \
    "WITH added AS (INSERT INTO byzantium.suspicions"                                              \
    " SELECT (SELECT coalesce(pg_catalog.max(id), 0) FROM byzantium.suspicions) + n,"              \
    "  pg_catalog.to_timestamp((seen_us / 1000000.0)::float8), what, replica, batch, request,"     \
    "  transaction, client, statement_index, statement, decided, detail"                           \
    " FROM ROWS FROM (pg_catalog.jsonb_to_recordset($1::jsonb) AS (seen_us numeric, what text,"    \
    "  replica int, batch bigint, request int, transaction text, client text,"                     \
    "  statement_index int, statement text, decided text, detail text)) WITH ORDINALITY"           \
    "  AS s(seen_us, what, replica, batch, request, transaction, client, statement_index,"         \
    "  statement, decided, detail, n) RETURNING id)"                                               \
    " DELETE FROM byzantium.suspicions"                                                            \
    " WHERE id <= (SELECT pg_catalog.max(id) FROM added) - " SUSPICIONS_MAX_TEXT

#define QUERIES_MAX 4

struct publisher {
    struct admin *admin;
    unsigned unanswered; /* queries of the group on its way */
    bool good;           /* what was answered so far */
    bool incomplete;     /* there was no row to be renewed */
    char reason[256];
    exec_published *done;
    void *context;
};

static void finish(struct publisher *p, enum exec_published_as result)
{
    p->unanswered = 0;
    p->done(p->context, result, p->reason);
}

static void note_failure(struct publisher *p, const PGresult *result)
{
    if (p->good)
        snprintf(p->reason, sizeof p->reason, "%s", answer_error_text(result));
    p->good = false;
}

static void on_answer(void *context, unsigned tag, const PGresult *result)
{
    struct publisher *p = context;
    ExecStatusType status = PQresultStatus(result);
    if (p->unanswered == 0)
        return;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        note_failure(p, result);
    else if (strcmp(PQcmdStatus((PGresult *)result), "UPDATE 0") == 0)
        p->incomplete = true;
    if (--p->unanswered == 0)
        finish(p, !p->good        ? EXEC_PUBLISHED_FAILED
                  : p->incomplete ? EXEC_PUBLISHED_INCOMPLETE
                                  : EXEC_PUBLISHED_ALL);
}

struct group {
    struct publisher *publisher;
    struct backend_query queries[QUERIES_MAX];
    unsigned count;
};

static void add(struct group *g, const char *sql, int parameter_count, const char *const *values)
{
    assert(g->count < QUERIES_MAX);
    g->queries[g->count++] = (struct backend_query){.sql = sql,
        .parameter_count = parameter_count,
        .values = values,
        .answer = on_answer,
        .context = g->publisher};
}

bool publisher_send(struct publisher *p, const struct exec_publication *publication,
    exec_published *done, void *context)
{
    if (p->unanswered > 0)
        return false;
    const char *const report[] = {publication->report, publication->configuration};
    const char *const settings[] = {publication->settings};
    const char *const suspicions[] = {publication->suspicions};
    struct group g = {.publisher = p};
    bool full = publication->configuration != NULL;
    if (full)
        add(&g, SETTINGS_SQL, 1, settings);
    add(&g, LIMITS_SQL, 0, NULL);
    add(&g, full ? REPORT_FULL_SQL : REPORT_SQL, full ? 2 : 1, report);
    if (publication->suspicions)
        add(&g, SUSPICIONS_SQL, 1, suspicions);
    if (!admin_group(p->admin, g.queries, g.count))
        return false;
    p->unanswered = g.count;
    p->good = true;
    p->incomplete = false;
    p->reason[0] = '\0';
    p->done = done;
    p->context = context;
    return true;
}

void publisher_reset(struct publisher *p)
{
    if (p->unanswered == 0)
        return;
    snprintf(p->reason, sizeof p->reason, "the administration session ended");
    finish(p, EXEC_PUBLISHED_LOST);
}

struct publisher *publisher_new(struct admin *admin)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p)
        p->admin = admin;
    return p;
}

void publisher_free(struct publisher *p)
{
    free(p);
}
