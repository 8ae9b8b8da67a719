#include "proxy/exec/startup.h"

#include "common/crypto.h"
#include "proxy/exec/answer.h"
#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two keys of pg_advisory_lock: "byz", and the lock of the proxy. */
#define LOCK_SQL "SELECT pg_catalog.pg_try_advisory_lock(6453626, 1)"
/* Everything that another proxy, or this one before, left in this database. */
#define END_OTHERS_SQL                                                                             \
    "SELECT pid, pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"            \
    " WHERE application_name = 'byzproxy' AND datname = pg_catalog.current_database()"             \
    " AND pid <> pg_catalog.pg_backend_pid()"
/* current_setting knows everything but the collation, which later versions keep per database. */
#define SETTING_SQL                                                                                \
    "SELECT CASE WHEN $1 IN ('lc_collate', 'lc_ctype')"                                            \
    " THEN (SELECT CASE $1 WHEN 'lc_collate' THEN datcollate ELSE datctype END"                    \
    "       FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"            \
    " ELSE pg_catalog.current_setting($1, true) END"
#define LIBRARY_SQL                                                                                \
    "SELECT pg_catalog.current_setting('shared_preload_libraries') LIKE '%byzantium%'"
#define IDENTITY_READ_SQL "SELECT cluster, replica FROM byzantium.identity"
#define IDENTITY_SET_SQL "INSERT INTO byzantium.identity (cluster, replica) VALUES ($1, $2)"
#define APPLIED_SQL                                                                                \
    "SELECT seq, index, epoch FROM byzantium.applied ORDER BY seq DESC, index DESC LIMIT 1"

#define POLL_SECONDS 0.1
#define REASON_BYTES_MAX 1024
#define CLUSTER_TEXT_BYTES (2 * DIGEST_BYTES + 1)

enum startup_state {
    STARTUP_INVALID = 0,
    STARTUP_NONE,     /* not running */
    STARTUP_LOCKING,  /* the lock belongs to a predecessor that is ending */
    STARTUP_CLEARING, /* sessions of a predecessor are still there */
    STARTUP_CHECKING,
};

struct startup {
    struct ev_loop *loop;
    struct admin *admin;
    const struct config *config;
    unsigned self;
    struct startup_events events;
    enum startup_state state;
    unsigned setting; /* the next one to be answered */
    struct ev_timer timer;
};

static void ask_lock(struct startup *s);
static void clear_others(struct startup *s);
static void ask_library(struct startup *s);
static void ask_settings(struct startup *s);
static void ask_identity(struct startup *s);
static void ask_applied(struct startup *s);

/* ---- small things ---- */

static void fail(struct startup *s, const char *what, const PGresult *result)
{
    char reason[REASON_BYTES_MAX];
    snprintf(reason, sizeof reason, "%s: %s", what, answer_error_text(result));
    startup_stop(s);
    s->events.failed(s->events.context, reason);
}

static void fatal(struct startup *s, const char *reason)
{
    startup_stop(s);
    s->events.fatal(s->events.context, reason);
}

static void ask(struct startup *s, const char *sql, int parameter_count, const char *const *values,
    backend_answer *answer)
{
    if (!admin_query(s->admin, sql, parameter_count, values, answer, s)) {
        startup_stop(s);
        s->events.failed(s->events.context, "the administration session is gone");
    }
}

/* Is this the answer to a question of a start that goes on, with rows? */
static bool has_rows(struct startup *s, const PGresult *result, const char *what)
{
    if (s->state == STARTUP_NONE)
        return false;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return true;
    fail(s, what, result);
    return false;
}

static void later(struct startup *s, enum startup_state state)
{
    s->state = state;
    ev_timer_stop(s->loop, &s->timer);
    ev_timer_set(&s->timer, POLL_SECONDS, 0.);
    ev_timer_start(s->loop, &s->timer);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct startup *s = timer->data;
    switch (s->state) {
    case STARTUP_LOCKING:
        ask_lock(s);
        return;
    case STARTUP_CLEARING:
        clear_others(s);
        return;
    case STARTUP_INVALID:
    case STARTUP_NONE:
    case STARTUP_CHECKING:
        break;
    }
    assert(!"no timer runs in this state");
}

/* ---- alone ---- */

static void on_others_ended(void *context, unsigned tag, const PGresult *result)
{
    struct startup *s = context;
    if (!has_rows(s, result, "could not end the sessions of a predecessor"))
        return;
    if (s->state == STARTUP_LOCKING || PQntuples(result) > 0) {
        later(s, s->state); /* until none is left: what they do may still be committed */
        return;
    }
    s->state = STARTUP_CHECKING;
    ask_library(s);
}

static void clear_others(struct startup *s)
{
    ask(s, END_OTHERS_SQL, 0, NULL, on_others_ended);
}

static void on_lock(void *context, unsigned tag, const PGresult *result)
{
    struct startup *s = context;
    if (!has_rows(s, result, "could not take the proxy's lock"))
        return;
    bool taken = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    s->state = taken ? STARTUP_CLEARING : STARTUP_LOCKING;
    clear_others(s);
}

static void ask_lock(struct startup *s)
{
    ask(s, LOCK_SQL, 0, NULL, on_lock);
}

/* ---- settings ---- */

static void on_library(void *context, unsigned tag, const PGresult *result)
{
    struct startup *s = context;
    if (!has_rows(s, result, "could not read shared_preload_libraries"))
        return;
    if (strcmp(PQgetvalue(result, 0, 0), "t") == 0)
        ask_settings(s);
    else
        fatal(s, "shared_preload_libraries does not name the library byzantium, so that nothing "
                 "would guard the clients' SQL");
}

static void ask_library(struct startup *s)
{
    ask(s, LIBRARY_SQL, 0, NULL, on_library);
}

bool startup_setting_equal(const char *name, const char *here, const char *wanted)
{
    if (strcmp(name, "server_version_num") != 0)
        return strcmp(here, wanted) == 0;
    long a = strtol(here, NULL, 10), b = strtol(wanted, NULL, 10);
    return (a >= 10000 ? a / 10000 : a) == (b >= 10000 ? b / 10000 : b);
}

static void on_setting(void *context, unsigned tag, const PGresult *result)
{
    struct startup *s = context;
    if (!has_rows(s, result, "could not read a setting"))
        return;
    const struct config_setting *setting = &s->config->settings[s->setting++];
    bool known = PQntuples(result) == 1 && !PQgetisnull(result, 0, 0);
    const char *here = known ? PQgetvalue(result, 0, 0) : "(unknown)";
    if (!known || !startup_setting_equal(setting->name, here, setting->value)) {
        char reason[REASON_BYTES_MAX];
        snprintf(reason, sizeof reason, "setting %s is '%s' here but '%s' in the configuration",
            setting->name, here, setting->value);
        fatal(s, reason);
    } else if (s->setting == s->config->setting_count) {
        ask_identity(s);
    }
}

static void ask_settings(struct startup *s)
{
    s->setting = 0;
    for (unsigned i = 0; i < s->config->setting_count && s->state == STARTUP_CHECKING; i++) {
        const char *const values[] = {s->config->settings[i].name};
        ask(s, SETTING_SQL, 1, values, on_setting);
    }
    if (s->config->setting_count == 0)
        ask_identity(s);
}

/* ---- identity ---- */

static void on_identity_set(void *context, unsigned tag, const PGresult *result)
{
    struct startup *s = context;
    if (s->state == STARTUP_NONE)
        return;
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail(s, "could not write byzantium.identity", result);
        return;
    }
    log_line(LEVEL_LOG, "this database now belongs to replica %u of this cluster", s->self);
    ask_applied(s);
}

static void set_identity(struct startup *s, const char *cluster)
{
    char replica[12];
    snprintf(replica, sizeof replica, "%u", s->self);
    const char *const values[] = {cluster, replica};
    ask(s, IDENTITY_SET_SQL, 2, values, on_identity_set);
}

static bool is_missing(const PGresult *result)
{
    char sqlstate[5];
    if (PQresultStatus(result) != PGRES_FATAL_ERROR)
        return false;
    answer_sqlstate(result, sqlstate);
    return memcmp(sqlstate, "42P01", 5) == 0 || memcmp(sqlstate, "3F000", 5) == 0;
}

static void on_identity(void *context, unsigned tag, const PGresult *result)
{
    struct startup *s = context;
    if (s->state != STARTUP_NONE && is_missing(result)) {
        fatal(s, "this database has no schema byzantium: sql/byzantium.sql was not run here");
        return;
    }
    if (!has_rows(s, result, "could not read byzantium.identity"))
        return;
    char cluster[CLUSTER_TEXT_BYTES], reason[REASON_BYTES_MAX];
    hex_format(cluster, s->config->identity, DIGEST_BYTES);
    if (PQntuples(result) == 0) {
        set_identity(s, cluster);
    } else if (strcmp(PQgetvalue(result, 0, 0), cluster) != 0) {
        snprintf(reason, sizeof reason,
            "this database belongs to another cluster: byzantium.identity says %.16s…, the"
            " configuration is %.16s…",
            PQgetvalue(result, 0, 0), cluster);
        fatal(s, reason);
    } else if (strtoul(PQgetvalue(result, 0, 1), NULL, 10) != s->self) {
        snprintf(reason, sizeof reason,
            "this database belongs to replica %s of the cluster, not to replica %u",
            PQgetvalue(result, 0, 1), s->self);
        fatal(s, reason);
    } else {
        ask_applied(s);
    }
}

static void ask_identity(struct startup *s)
{
    ask(s, IDENTITY_READ_SQL, 0, NULL, on_identity);
}

/* ---- what was applied ---- */

static void on_applied(void *context, unsigned tag, const PGresult *result)
{
    struct startup *s = context;
    if (!has_rows(s, result, "could not read byzantium.applied"))
        return;
    struct applied_place applied = {0};
    if (PQntuples(result) == 1) {
        applied.seq = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
        applied.index = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 10);
        applied.epoch = strtoull(PQgetvalue(result, 0, 2), NULL, 10);
    }
    startup_stop(s);
    s->events.ready(s->events.context, &applied);
}

static void ask_applied(struct startup *s)
{
    ask(s, APPLIED_SQL, 0, NULL, on_applied);
}

/* ---- life ---- */

struct startup *startup_new(struct ev_loop *loop, struct admin *admin, const struct config *config,
    unsigned self, const struct startup_events *events)
{
    struct startup *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->admin = admin;
    s->config = config;
    s->self = self;
    s->events = *events;
    s->state = STARTUP_NONE;
    ev_init(&s->timer, on_timer);
    s->timer.data = s;
    return s;
}

void startup_free(struct startup *s)
{
    if (s == NULL)
        return;
    ev_timer_stop(s->loop, &s->timer);
    free(s);
}

void startup_run(struct startup *s)
{
    assert(s->state == STARTUP_NONE);
    s->state = STARTUP_LOCKING;
    ask_lock(s);
}

void startup_stop(struct startup *s)
{
    ev_timer_stop(s->loop, &s->timer);
    s->state = STARTUP_NONE;
}
