#include "client/ctl/postgres.h"

#include "client/ctl/places.h"
#include "client/ctl/process.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sessions beside the proxy's: administrators, pg_dump, benchmarks. */
#define SESSIONS_SPARE 50

static struct path log_of(const struct ctl *ctl, unsigned replica)
{
    return place_replica(ctl, replica, "log/postgres.log");
}

static void complain(const struct ctl *ctl, unsigned replica, const char *what)
{
    struct path log = log_of(ctl, replica);
    char tail[700];
    process_log_tail(log.text, tail, sizeof tail);
    ctl_error("replica %u: %s. The end of %s:\n%s", replica, what, log.text, tail);
}

static void write_setting(FILE *f, const struct config_setting *setting)
{
    fprintf(f, "%s = '", setting->name);
    for (const char *at = setting->value; *at; at++) {
        if (*at == '\'' || *at == '\\')
            fputc(*at, f);
        fputc(*at, f);
    }
    fputs("'\n", f);
}

/* What this replica's server needs to know, beside the settings that all have in common. It is in a
 * file of its own, so that the one that initdb made stays readable. */
static bool write_own_settings(
    const struct ctl *ctl, const struct config *config, unsigned replica, const char *library)
{
    struct path file = place_replica(ctl, replica, "postgres/byzantium.conf");
    struct path run = place_replica(ctl, replica, "run");
    FILE *f = fopen(file.text, "we");
    if (!f)
        return false;
    fprintf(f,
        "# Written by byzctl init. The first part belongs to this replica.\n"
        "cluster_name = 'byzantium replica %u'\n"
        "listen_addresses = ''                 # only the proxy and administrators, by the socket\n"
        "unix_socket_directories = '\"%s\"'\n"
        "unix_socket_permissions = 0700\n"
        "port = 5432\n"
        "shared_preload_libraries = '\"%s\"'\n"
        "max_connections = %u\n"
        "shared_buffers = 128MB\n"
        "max_wal_size = 1GB\n"
        "log_line_prefix = '%%m [%%p] %%q%%u@%%d %%a '\n"
        "log_min_error_statement = panic       # clients' errors are theirs, not the log's\n",
        replica, run.text, library, config->sessions_max + SESSIONS_SPARE);
    fputs(
        "\n# The second part must be equal on all replicas; the proxy compares it at start.\n", f);
    for (unsigned i = 0; i < config->setting_count; i++)
        write_setting(f, &config->settings[i]);
    bool good = !ferror(f);
    return fclose(f) == 0 && good;
}

static bool append_include(const struct ctl *ctl, unsigned replica)
{
    struct path file = place_replica(ctl, replica, "postgres/postgresql.conf");
    FILE *f = fopen(file.text, "ae");
    if (!f)
        return false;
    fputs("\ninclude 'byzantium.conf'\n", f);
    return fclose(f) == 0;
}

bool postgres_create(const struct ctl *ctl, const struct config *config, unsigned replica)
{
    struct path initdb, library;
    if (!place_postgresql("initdb", &initdb) || !place_library(&library))
        return false;
    struct path data = place_replica(ctl, replica, "postgres");
    struct path log = log_of(ctl, replica);
    const char *const argv[] = {initdb.text, "-D", data.text, "-U", ROLE_OWNER, "-E", "UTF8",
        "--locale=C", "--auth=trust", NULL}; /* whoever can enter the socket's folder owns it all */
    if (process_run(argv, log.text) != 0) {
        complain(ctl, replica, "initdb failed");
        return false;
    }
    if (!write_own_settings(ctl, config, replica, library.text) || !append_include(ctl, replica)) {
        ctl_error("replica %u: cannot write PostgreSQL's configuration: %m", replica);
        return false;
    }
    return true;
}

static void conninfo_write(const struct ctl *ctl, unsigned replica, const char *database,
    const char *role, char *out, size_t size)
{
    struct path run = place_replica(ctl, replica, "run");
    snprintf(out, size, "host='%s' port=5432 dbname='%s' user=%s application_name=byzctl", run.text,
        database, role);
}

bool postgres_answers(const struct ctl *ctl, unsigned replica)
{
    char conninfo[PATH_BYTES_MAX + 256];
    conninfo_write(ctl, replica, "postgres", ROLE_OWNER, conninfo, sizeof conninfo);
    return PQping(conninfo) == PQPING_OK;
}

bool postgres_start(const struct ctl *ctl, unsigned replica)
{
    if (postgres_answers(ctl, replica))
        return true;
    struct path pg_ctl;
    if (!place_postgresql("pg_ctl", &pg_ctl))
        return false;
    struct path data = place_replica(ctl, replica, "postgres");
    struct path log = log_of(ctl, replica);
    const char *const argv[] = {
        pg_ctl.text, "-D", data.text, "-l", log.text, "-w", "-t", "120", "-s", "start", NULL};
    /* After a kill -9 the old server's backends hold its shared memory for some moments more. */
    for (unsigned attempt = 0; attempt < 8; attempt++) {
        if (process_run(argv, log.text) == 0)
            return true;
        sleep_ms(500);
    }
    complain(ctl, replica, "PostgreSQL does not start");
    return false;
}

bool postgres_stop(const struct ctl *ctl, unsigned replica, const char *mode)
{
    struct path pid = place_replica(ctl, replica, "postgres/postmaster.pid");
    if (access(pid.text, F_OK))
        return true;
    struct path pg_ctl;
    if (!place_postgresql("pg_ctl", &pg_ctl))
        return false;
    struct path data = place_replica(ctl, replica, "postgres");
    struct path log = log_of(ctl, replica);
    const char *const argv[] = {
        pg_ctl.text, "-D", data.text, "-w", "-t", "60", "-s", "-m", mode, "stop", NULL};
    if (process_run(argv, log.text) == 0 || !postgres_answers(ctl, replica))
        return true; /* a pid file left by a server that was killed is no server */
    complain(ctl, replica, "PostgreSQL does not stop");
    return false;
}

PGconn *postgres_connect(
    const struct ctl *ctl, unsigned replica, const char *database, const char *role)
{
    char conninfo[PATH_BYTES_MAX + 256];
    conninfo_write(ctl, replica, database, role, conninfo, sizeof conninfo);
    PGconn *session = PQconnectdb(conninfo);
    if (PQstatus(session) == CONNECTION_OK)
        return session;
    ctl_error("replica %u: no session with PostgreSQL: %s", replica, PQerrorMessage(session));
    PQfinish(session);
    return NULL;
}

bool postgres_execute(PGconn *session, const char *sql)
{
    PGresult *result = PQexec(session, sql);
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good)
        ctl_error("%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
    return good;
}

bool postgres_value(PGconn *session, const char *sql, char *out, size_t size)
{
    PGresult *result = PQexec(session, sql);
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
                PQnfields(result) == 1;
    if (good)
        snprintf(out, size, "%s", PQgetvalue(result, 0, 0));
    else
        ctl_error("%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
    return good;
}

bool postgres_run_file(
    const struct ctl *ctl, unsigned replica, const char *database, const char *file)
{
    struct path psql;
    if (!place_postgresql("psql", &psql))
        return false;
    struct path run = place_replica(ctl, replica, "run");
    struct path log = log_of(ctl, replica);
    const char *const argv[] = {psql.text, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", run.text,
        "-p", "5432", "-U", ROLE_OWNER, "-d", database, "-f", file, NULL};
    if (process_run(argv, log.text) == 0)
        return true;
    complain(ctl, replica, "psql could not run the schema's file");
    return false;
}
