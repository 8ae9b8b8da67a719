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

/* Else a failure would stop a server that works. */
static bool is_new(const struct ctl *ctl, unsigned replica)
{
    struct path there = place_replica(ctl, replica, "postgres/PG_VERSION");
    if (access(there.text, F_OK))
        return true;
    ctl_error("replica %u has a server: %s exists", replica, there.text);
    return false;
}

bool server_make_alone(const struct ctl *ctl, unsigned replica)
{
    struct config *config = ctl_config(ctl);
    if (!config)
        return false;
    bool good = replica < config->replica_count;
    if (!good)
        ctl_error("the cluster has %u replicas, numbered from 0", config->replica_count);
    facts_remove(config);
    good = good && is_new(ctl, replica) && folders_make(ctl, replica);
    if (good) {
        good = server_make(ctl, config, replica) && server_finish(ctl, config, replica);
        if (!good)
            postgres_stop(ctl, replica, "immediate");
    }
    config_free(config);
    return good;
}
