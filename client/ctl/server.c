#include "client/ctl/server.h"

#include "client/ctl/places.h"
#include "client/ctl/postgres.h"
#include "client/ctl/process.h"
#include "client/ctl/settings.h"
#include "common/crypto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- facts ---- */

static const char *const facts[] = {"server_version_num", "server_encoding", "lc_collate"};
#define FACT_COUNT (sizeof facts / sizeof facts[0])

bool server_facts_read(const struct ctl *ctl, struct config *config)
{
    PGconn *session = postgres_connect(ctl, 0, config->database, ROLE_OWNER);
    bool good = session != NULL;
    for (size_t i = 0; good && i < FACT_COUNT; i++) {
        char sql[96], value[SETTING_VALUE_BYTES_MAX + 1];
        snprintf(sql, sizeof sql, "SELECT current_setting('%s')", facts[i]);
        good = postgres_value(session, sql, value, sizeof value) &&
               settings_add(config, facts[i], value);
    }
    PQfinish(session);
    return good;
}

bool server_facts_assume(struct config *config)
{
    char version[16];
    snprintf(version, sizeof version, "%d", PQlibVersion());
    /* Encoding and collation: what postgres_create gives to initdb. */
    const char *const values[FACT_COUNT] = {version, "UTF8", "C"};
    for (size_t i = 0; i < FACT_COUNT; i++) {
        if (!settings_add(config, facts[i], values[i]))
            return false;
    }
    return true;
}

static bool is_fact(const char *name)
{
    for (size_t i = 0; i < FACT_COUNT; i++) {
        if (strcmp(name, facts[i]) == 0)
            return true;
    }
    return false;
}

/* Leaves what can stand in postgresql.conf. The digest stays that of the whole. */
static void facts_remove(struct config *config)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < config->setting_count; i++) {
        if (!is_fact(config->settings[i].name))
            config->settings[kept++] = config->settings[i];
    }
    config->setting_count = kept;
}

/* ---- one server ---- */

bool server_make(const struct ctl *ctl, const struct config *config, unsigned replica)
{
    unsigned long long begun = clock_ms();
    struct path schema;
    if (!place_sql("byzantium.sql", &schema) || !postgres_create(ctl, config, replica) ||
        !postgres_start(ctl, replica))
        return false;
    PGconn *session = postgres_connect(ctl, replica, "postgres", ROLE_OWNER);
    if (!session)
        return false;
    char sql[NAME_BYTES_MAX + 64];
    snprintf(sql, sizeof sql, "CREATE DATABASE \"%s\" TEMPLATE template0", config->database);
    bool good = postgres_execute(session, sql);
    PQfinish(session);
    good = good && postgres_run_file(ctl, replica, config->database, schema.text);
    if (good)
        printf("  replica %u: PostgreSQL made in %.1f s\n", replica,
            (double)(clock_ms() - begun) / 1000);
    return good;
}

bool server_finish(const struct ctl *ctl, const struct config *config, unsigned replica)
{
    char cluster[2 * DIGEST_BYTES + 1];
    hex_format(cluster, config->identity, DIGEST_BYTES);
    PGconn *session = postgres_connect(ctl, replica, config->database, ROLE_OWNER);
    if (!session)
        return false;
    char sql[256];
    snprintf(sql, sizeof sql, "INSERT INTO byzantium.identity (cluster, replica) VALUES ('%s', %u)",
        cluster, replica);
    bool good = postgres_execute(session, sql);
    PQfinish(session);
    return good && postgres_stop(ctl, replica, "fast");
}

/* ---- one of a cluster that runs elsewhere ---- */

/* They may be there, as links to other disks. */
static bool folders_make(const struct ctl *ctl, unsigned replica)
{
    static const char *const names[] = {"", "run", "log"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct path path = place_replica(ctl, replica, names[i]);
        if (mkdir(path.text, 0700) && errno != EEXIST) {
            ctl_error("cannot make the folder %s: %m", path.text);
            return false;
        }
    }
    return true;
}

static bool has_server(const struct ctl *ctl, unsigned replica)
{
    return access(place_replica(ctl, replica, "postgres/PG_VERSION").text, F_OK) == 0;
}

/* Else a failure would stop a server that works. */
static bool is_new(const struct ctl *ctl, unsigned replica)
{
    if (!has_server(ctl, replica))
        return true;
    ctl_error("replica %u has a server: %s exists", replica,
        place_replica(ctl, replica, "postgres/PG_VERSION").text);
    return false;
}

bool server_log_mark(const struct ctl *ctl, unsigned replica, enum birth birth)
{
    char error[PATH_BYTES_MAX + 128];
    if (birth_mark(place_replica(ctl, replica, "store").text, birth, error, sizeof error))
        return true;
    ctl_error("%s", error);
    return false;
}

/* A log that is missing must be explained, now rather than at the first start. */
static bool log_is_explained(const struct ctl *ctl, unsigned replica, enum birth birth)
{
    struct path store = place_replica(ctl, replica, "store");
    bool there = birth_has_log(store.text);
    if (there && birth == BIRTH_NEW) {
        ctl_error("replica %u is not new: it has a durable log in %s", replica, store.text);
        return false;
    }
    if (!there && birth == BIRTH_UNKNOWN && birth_read(store.text) == BIRTH_UNKNOWN) {
        ctl_error("replica %u has no durable log in %s. If it ever ran, the log is lost: say "
                  "--lost-log. If it never did, say --new-log",
            replica, store.text);
        return false;
    }
    if (there && birth == BIRTH_LOST)
        printf("the durable log in %s is there, and is used\n", store.text);
    return true;
}

static bool log_explain(const struct ctl *ctl, unsigned replica, enum birth birth)
{
    return birth == BIRTH_UNKNOWN || birth_has_log(place_replica(ctl, replica, "store").text) ||
           server_log_mark(ctl, replica, birth);
}

static bool make(const struct ctl *ctl, struct config *config, unsigned replica, enum birth birth)
{
    bool only_log = birth == BIRTH_LOST && has_server(ctl, replica);
    if (only_log && !birth_has_log(place_replica(ctl, replica, "store").text)) {
        printf("replica %u has its server; its log is marked as lost\n", replica);
        return server_log_mark(ctl, replica, birth);
    }
    if (!is_new(ctl, replica) || !log_is_explained(ctl, replica, birth) ||
        !folders_make(ctl, replica))
        return false;
    facts_remove(config);
    if (server_make(ctl, config, replica) && server_finish(ctl, config, replica))
        return log_explain(ctl, replica, birth);
    postgres_stop(ctl, replica, "immediate");
    return false;
}

bool server_make_alone(const struct ctl *ctl, unsigned replica, enum birth birth)
{
    struct config *config = ctl_config(ctl);
    if (!config)
        return false;
    bool good = replica < config->replica_count;
    if (!good)
        ctl_error("the cluster has %u replicas, numbered from 0", config->replica_count);
    good = good && make(ctl, config, replica, birth);
    config_free(config);
    return good;
}
