/* replay LOCATOR…: runs transactions on several PostgreSQL servers at once, as a replica runs the
 * list of a COMMIT (proxy/exec/list.c), and prints what each of them answered.
 *
 * Reads, one a line, whole transactions:
 *     begin LANE SEED COMMIT TWICE COUNT    SEED: hexadecimal; COMMIT, TWICE: 0 or 1
 *     STATEMENT                             COUNT times
 * With TWICE the last server goes back to byz_init behind the list and runs it again, as after a
 * wrong guess. Prints, for each transaction:
 *     ANSWER ANSWER …        one line a statement, one answer a server: FLAGS:HASH or
 * FLAGS!SQLSTATE ANSWER ANSWER …        of SET CONSTRAINTS ALL IMMEDIATE DIGEST DIGEST …        of
 * all that is stored, or `read` where no statement could store committed | rolled back Commits only
 * where all servers say the same; so they never drift apart. */
#include "common/crypto.h"
#include "proxy/exec/answer.h"
#include "proxy/exec/send.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVERS_MAX 8
#define STATEMENTS_MAX 64
#define LINE_BYTES_MAX (1 << 20)
#define FLAG_UNKNOWN 9

/* One statement's end on one server. */
struct said {
    unsigned flags;
    bool failed;
    char sqlstate[6];
    uint8_t hash[DIGEST_BYTES];
};

struct server {
    PGconn *connection;
    struct answer *answer;
    struct said said[STATEMENTS_MAX + 1]; /* the last: the constraints */
    char stored[2 * DIGEST_BYTES + 1];
};

struct transaction_line {
    unsigned lane;
    char seed[2 * DIGEST_BYTES + 1];
    unsigned commit, twice, count;
    char *statements[STATEMENTS_MAX];
};

static struct server servers[SERVERS_MAX];
static int server_count;
static const char *digest_query;

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "replay: %s: %s\n", what, detail);
    exit(2);
}

/* ---- sending ---- */

static void check(int sent, const struct server *s)
{
    if (sent != 1)
        die("cannot send", PQerrorMessage(s->connection));
}

static void send_own(struct server *s, const char *sql)
{
    check(PQsendQueryParams(s->connection, sql, 0, NULL, NULL, NULL, NULL, 0), s);
}

static void send_client(struct server *s, const char *sql)
{
    size_t size = strlen(sql) + sizeof CLIENT_PREFIX;
    char *text = malloc(size);
    assert(text != NULL);
    snprintf(text, size, "%s%s", CLIENT_PREFIX, sql);
    send_own(s, text);
    free(text);
}

static void sync_now(struct server *s)
{
    check(PQpipelineSync(s->connection), s);
}

static void send_start(struct server *s, const struct transaction_line *t)
{
    char sql[256];
    snprintf(sql, sizeof sql,
        "SELECT byzantium.transaction_start(1700000000000000, %u, true, '\\x%s')", t->lane,
        t->seed);
    send_own(s, sql);
}

/* The list: behind each statement its own sync, for the pipeline must go on behind an error, and
 * the flags, which a failed transaction cannot tell. */
static void send_list(struct server *s, const struct transaction_line *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        send_client(s, t->statements[i]);
        sync_now(s);
        send_own(s, "SELECT byzantium.flags()");
        sync_now(s);
    }
    send_client(s, "SET CONSTRAINTS ALL IMMEDIATE");
    sync_now(s);
    send_own(s, "SELECT byzantium.flags()");
    sync_now(s);
}

static void send_transaction(struct server *s, const struct transaction_line *t)
{
    send_own(s, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    send_start(s, t);
    send_own(s, "SAVEPOINT byz_init");
    sync_now(s);
    if (t->twice && s == &servers[server_count - 1]) {
        send_list(s, t);
        send_own(s, "ROLLBACK TO SAVEPOINT byz_init");
        send_start(s, t);
        sync_now(s);
    }
    send_list(s, t);
}

/* ---- answers ---- */

/* Reads up to the next sync; true if nothing failed. Rows go to `ret_value` (the first one's first
 * column), or to the server's answer. */
static bool take_answers(struct server *s, struct said *said, char *ret_value, size_t size)
{
    bool good = true, is_first = true;
    for (;;) {
        PGresult *result = PQgetResult(s->connection);
        if (result == NULL) {
            if (PQstatus(s->connection) != CONNECTION_OK)
                die("a server went away", PQerrorMessage(s->connection));
            continue; /* between two queries of the pipeline */
        }
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return good;
        }
        good = good && status != PGRES_FATAL_ERROR && status != PGRES_PIPELINE_ABORTED;
        if (said != NULL)
            (void)answer_take(s->answer, result);
        if (ret_value != NULL && is_first && status == PGRES_TUPLES_OK && PQntuples(result) > 0)
            snprintf(ret_value, size, "%s", PQgetvalue(result, 0, 0));
        is_first = false;
        PQclear(result);
    }
}

static void take_own(struct server *s, const char *what)
{
    if (!take_answers(s, NULL, NULL, 0))
        die(what, PQerrorMessage(s->connection));
}

/* Where they cannot be asked they are what they were before, at least. */
static unsigned take_flags(struct server *s)
{
    char value[16] = "";
    if (!take_answers(s, NULL, value, sizeof value))
        return FLAG_UNKNOWN;
    return (unsigned)strtoul(value, NULL, 10);
}

static void take_statement(struct server *s, const char *text, struct said *said)
{
    answer_start(s->answer, (struct result_key){0}, slice_of(text, strlen(text)));
    (void)take_answers(s, said, NULL, 0);
    const struct answer_end *end = answer_end(s->answer);
    said->failed = end->failed;
    memcpy(said->sqlstate, end->sqlstate, 5);
    said->sqlstate[5] = '\0';
    memcpy(said->hash, end->hash, sizeof said->hash);
    said->flags = take_flags(s);
}

static void take_list(struct server *s, const struct transaction_line *t)
{
    for (unsigned i = 0; i < t->count; i++)
        take_statement(s, t->statements[i], &s->said[i]);
    take_statement(s, "SET CONSTRAINTS ALL IMMEDIATE", &s->said[t->count]);
}

static void take_transaction(struct server *s, const struct transaction_line *t)
{
    take_own(s, "a transaction does not start");
    if (t->twice && s == &servers[server_count - 1]) {
        take_list(s, t);
        take_own(s, "a transaction does not go back");
    }
    take_list(s, t);
}

/* ---- what is stored ---- */

static bool ended_well(const struct transaction_line *t)
{
    for (int i = 0; i < server_count; i++)
        if (servers[i].said[t->count].failed)
            return false;
    return true;
}

/* A transaction that wrote has a number. */
static bool only_reads(void)
{
    char value[8] = "";
    struct server *s = &servers[0];
    send_own(s, "SELECT pg_current_xact_id_if_assigned() IS NULL");
    sync_now(s);
    if (!take_answers(s, NULL, value, sizeof value))
        die("no transaction number", PQerrorMessage(s->connection));
    return strcmp(value, "t") == 0;
}

static void take_digests(void)
{
    for (int i = 0; i < server_count; i++) {
        send_own(&servers[i], digest_query);
        sync_now(&servers[i]);
    }
    for (int i = 0; i < server_count; i++) {
        struct server *s = &servers[i];
        if (!take_answers(s, NULL, s->stored, sizeof s->stored))
            die("no digest", PQerrorMessage(s->connection));
    }
}

static void digest(const struct transaction_line *t)
{
    bool reads = !ended_well(t) || only_reads();
    for (int i = 0; i < server_count; i++)
        snprintf(servers[i].stored, sizeof servers[i].stored, "read");
    if (!reads)
        take_digests();
}

/* ---- comparing ---- */

static bool said_equal(const struct said *a, const struct said *b)
{
    return a->failed == b->failed && a->flags == b->flags &&
           memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}

static bool all_equal(const struct transaction_line *t)
{
    for (int i = 1; i < server_count; i++) {
        if (strcmp(servers[i].stored, servers[0].stored) != 0)
            return false;
        for (unsigned j = 0; j <= t->count; j++)
            if (!said_equal(&servers[i].said[j], &servers[0].said[j]))
                return false;
    }
    return true;
}

static void print_said(const struct said *said)
{
    char hash[2 * DIGEST_BYTES + 1];
    hex_format(hash, said->hash, DIGEST_BYTES);
    hash[16] = '\0'; /* enough for people and for comparing */
    printf("%u%c%s ", said->flags, said->failed ? '!' : ':', said->failed ? said->sqlstate : hash);
}

static void print_answers(const struct transaction_line *t)
{
    for (unsigned j = 0; j <= t->count; j++) {
        for (int i = 0; i < server_count; i++)
            print_said(&servers[i].said[j]);
        putchar('\n');
    }
    for (int i = 0; i < server_count; i++)
        printf("%s ", servers[i].stored);
    putchar('\n');
}

static void end_transaction(bool commit)
{
    for (int i = 0; i < server_count; i++) {
        send_own(&servers[i], commit ? "COMMIT" : "ROLLBACK");
        sync_now(&servers[i]);
    }
    for (int i = 0; i < server_count; i++)
        take_own(&servers[i], "a transaction does not end");
}

static void run_transaction(const struct transaction_line *t)
{
    for (int i = 0; i < server_count; i++)
        send_transaction(&servers[i], t);
    for (int i = 0; i < server_count; i++)
        take_transaction(&servers[i], t);
    digest(t);
    print_answers(t);
    bool commit = t->commit && ended_well(t) && all_equal(t);
    end_transaction(commit);
    puts(commit ? "committed" : "rolled back");
    fflush(stdout);
}

/* ---- input ---- */

static char *read_line(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = getline(&line, &capacity, stdin);
    if (size <= 0 || size > LINE_BYTES_MAX) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static bool read_head(struct transaction_line *t)
{
    char *line = read_line();
    if (line == NULL)
        return false;
    int taken = sscanf(
        line, "begin %u %64[0-9a-f] %u %u %u", &t->lane, t->seed, &t->commit, &t->twice, &t->count);
    if (taken != 5 || t->count > STATEMENTS_MAX)
        die("not a transaction", line);
    free(line);
    return true;
}

static bool read_transaction(struct transaction_line *t)
{
    if (!read_head(t))
        return false;
    for (unsigned i = 0; i < t->count; i++) {
        t->statements[i] = read_line();
        if (t->statements[i] == NULL)
            die("the input ends", "in a transaction");
    }
    return true;
}

static void connect_server(struct server *s, const char *locator)
{
    static const struct answer_limits limits = {
        .bytes_max = RESULT_BYTES_MAX, .rows_max = RESULT_ROWS_MAX};
    s->connection = PQconnectdb(locator);
    s->answer = answer_new(&limits, NULL);
    if (s->answer == NULL || PQstatus(s->connection) != CONNECTION_OK)
        die("cannot connect", PQerrorMessage(s->connection));
    if (PQenterPipelineMode(s->connection) != 1)
        die("no pipeline", locator);
}

int main(int argc, char **argv)
{
    struct transaction_line t;
    digest_query = getenv("DIGEST_QUERY");
    if (argc < 2 || argc - 1 > SERVERS_MAX || digest_query == NULL)
        die("usage", "DIGEST_QUERY=… replay LOCATOR…");
    server_count = argc - 1;
    for (int i = 0; i < server_count; i++)
        connect_server(&servers[i], argv[i + 1]);
    while (read_transaction(&t)) {
        run_transaction(&t);
        for (unsigned i = 0; i < t.count; i++)
            free(t.statements[i]);
    }
    return 0;
}
