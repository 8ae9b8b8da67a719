#include "tests/bench/server.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 16
#define RETRIES_MAX 1000

static void statement_name(unsigned statement, char ret[static NAME_BYTES])
{
    snprintf(ret, NAME_BYTES, "s%u", statement);
}

static bool prepare(PGconn *conn, const char *name, const char *sql)
{
    PGresult *result = PQprepare(conn, name, sql, 0, NULL);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return good;
}

static bool prepare_all(PGconn *conn, const struct workload *workload)
{
    bool good = prepare(conn, "begin", "BEGIN") && prepare(conn, "commit", "COMMIT") &&
                prepare(conn, "rollback", "ROLLBACK");
    for (unsigned i = 0; i < workload->statement_count && good; i++) {
        char name[NAME_BYTES];
        statement_name(i, name);
        good = prepare(conn, name, workload->statements[i].sql);
    }
    return good;
}

bool server_open(struct server *server, const char *conninfo, const struct workload *workload,
    struct failure *ret)
{
    *server = (struct server){.conn = PQconnectdb(conninfo), .workload = workload};
    if (PQstatus(server->conn) == CONNECTION_OK && prepare_all(server->conn, workload) &&
        PQenterPipelineMode(server->conn))
        return true;
    snprintf(ret->text, sizeof ret->text, "%s", PQerrorMessage(server->conn));
    server_close(server);
    return false;
}

void server_close(struct server *server)
{
    PQfinish(server->conn);
    server->conn = NULL;
}

/* ---- sending ---- */

/* A lost connection refuses, and is noticed by who reads. */
static void queue(struct server *server, const char *name, int count, const char *const *values)
{
    server->queued += PQsendQueryPrepared(server->conn, name, count, values, NULL, NULL, 0) == 1;
}

void server_queue_begin(struct server *server)
{
    queue(server, "begin", 0, NULL);
}

void server_queue_step(struct server *server, const struct step *step)
{
    assert(step->value_count == server->workload->statements[step->statement].value_count);
    char name[NAME_BYTES];
    const char *values[VALUES_MAX];
    statement_name(step->statement, name);
    step_values(step, values);
    queue(server, name, (int)step->value_count, values);
}

void server_queue_commit(struct server *server)
{
    queue(server, "commit", 0, NULL);
}

void server_queue_whole(struct server *server, const struct transaction *t)
{
    if (!server->workload->alone)
        server_queue_begin(server);
    for (unsigned i = 0; i < t->step_count; i++)
        server_queue_step(server, &t->steps[i]);
    if (!server->workload->alone)
        server_queue_commit(server);
}

void server_send(struct server *server, struct tally *tally)
{
    PQpipelineSync(server->conn);
    tally->round_trips++;
}

/* ---- waiting ---- */

static enum outcome judge(struct server *server, const PGresult *result, struct failure *ret)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return OUTCOME_DONE;
    if (status == PGRES_PIPELINE_ABORTED) /* behind the one that failed, which says why */
        return OUTCOME_CONFLICT;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(ret->text, sizeof ret->text, "SQLSTATE %s: %s", sqlstate ? sqlstate : "?",
        result ? PQresultErrorMessage(result) : PQerrorMessage(server->conn));
    return sqlstate && sqlstate_is_conflict(sqlstate) ? OUTCOME_CONFLICT : OUTCOME_FAILED;
}

static enum outcome worse(enum outcome a, enum outcome b)
{
    return a > b ? a : b;
}

static enum outcome read_answers(struct server *server, struct failure *ret)
{
    enum outcome outcome = OUTCOME_DONE;
    for (; server->queued > 0; server->queued--) {
        PGresult *result = PQgetResult(server->conn);
        outcome = worse(outcome, judge(server, result, ret));
        PQclear(result);
        PQclear(PQgetResult(server->conn)); /* the NULL that ends one statement's results */
    }
    PGresult *sync = PQgetResult(server->conn);
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC) {
        outcome = OUTCOME_FAILED;
        snprintf(ret->text, sizeof ret->text, "lost: %s", PQerrorMessage(server->conn));
    }
    PQclear(sync);
    return outcome;
}

enum outcome server_wait(struct server *server, struct tally *tally, struct failure *ret)
{
    enum outcome outcome = read_answers(server, ret);
    if (outcome == OUTCOME_DONE || PQtransactionStatus(server->conn) == PQTRANS_IDLE ||
        PQstatus(server->conn) != CONNECTION_OK)
        return outcome;
    queue(server, "rollback", 0, NULL);
    server_send(server, tally);
    return worse(outcome, read_answers(server, ret));
}

/* ---- several ---- */

bool servers_open(struct server *servers, const struct target *target, struct failure *ret)
{
    assert(target->conninfo_count <= SERVERS_MAX);
    for (unsigned i = 0; i < target->conninfo_count; i++) {
        if (!server_open(&servers[i], target->conninfos[i], target->workload, ret)) {
            servers_close(servers, i);
            return false;
        }
    }
    return true;
}

void servers_close(struct server *servers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        server_close(&servers[i]);
}

void servers_send(
    struct server *servers, unsigned set, const struct transaction *t, struct tally *tally)
{
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        if (!(set & 1u << i))
            continue;
        server_queue_whole(&servers[i], t);
        server_send(&servers[i], tally);
    }
}

/* Waits once for each; returns those that met a conflict. */
static unsigned wait_each(struct server *servers, unsigned set, struct tally *tally,
    enum outcome *ret_worst, struct failure *ret)
{
    unsigned again = 0;
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        if (!(set & 1u << i))
            continue;
        enum outcome outcome = server_wait(&servers[i], tally, ret);
        *ret_worst = worse(*ret_worst, outcome);
        if (outcome == OUTCOME_CONFLICT)
            again |= 1u << i;
    }
    return again;
}

enum outcome servers_finish(struct server *servers, unsigned set, const struct transaction *t,
    struct tally *tally, struct failure *ret)
{
    for (unsigned tried = 0; tried < RETRIES_MAX; tried++) {
        enum outcome worst = OUTCOME_DONE;
        set = wait_each(servers, set, tally, &worst, ret);
        if (worst != OUTCOME_CONFLICT)
            return worst;
        tally->retries++;
        servers_send(servers, set, t, tally);
    }
    return OUTCOME_FAILED;
}
