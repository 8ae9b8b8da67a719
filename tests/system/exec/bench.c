#include "tests/system/exec/bench.h"

#include "common/result_hash.h"

#include <ev.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_SECONDS 20.0
#define SESSION 77
#define CLIENT 0
#define EXECUTED_MAX 256
#define START_US 1700000000000000ull

struct executed {
    bool done;
    unsigned count;
    struct outcome outcomes[BENCH_BATCH_MAX];
    uint8_t recorded[BENCH_BATCH_MAX * 64];
    size_t recorded_size;
};

/* A delivered batch, for a proxy that starts again. */
struct delivered {
    uint64_t timestamp_us;
    unsigned count;
    struct buffer bodies[BENCH_BATCH_MAX];
    uint64_t numbers[BENCH_BATCH_MAX];
};

struct bench {
    struct ev_loop *loop;
    struct config config;
    struct exec *exec;
    char database[64];
    char conninfo[512];
    PGconn *dba;
    bool ready;
    bool stopped;
    char fatal[512];
    enum bench_peers peers;
    bool checkpoints;
    bool with_log;

    uint64_t seq;
    uint64_t timestamp_us;
    uint64_t number;
    unsigned gathered;
    struct delivered delivered[EXECUTED_MAX];
    struct executed executed[EXECUTED_MAX];
    bool skip_done; /* the batch came from the log again */

    struct bench_answer answer;
    struct result_key asked;
    struct result_hash *hash;
    double stalled_until;

    struct vote latest_vote;
    unsigned vote_count;
    char value[256];
};

/* ---- upcalls ---- */

static void on_executed(void *context, uint64_t seq, const struct slice *results, unsigned count,
    struct slice state, unsigned open_transactions)
{
    struct bench *b = context;
    assert_true(seq < EXECUTED_MAX && count <= BENCH_BATCH_MAX);
    struct executed *e = &b->executed[seq];
    struct buffer recorded = BUFFER_INIT(sizeof e->recorded);
    put_u32(&recorded, count);
    for (unsigned i = 0; i < count; i++) {
        struct reader r = reader_of(results[i]);
        put_bytes(&recorded, results[i]);
        assert_null(outcome_take(&r, &e->outcomes[i]));
    }
    assert_false(recorded.failed);
    memcpy(e->recorded, recorded.data, recorded.size);
    e->recorded_size = recorded.size;
    buffer_free(&recorded);
    e->count = count;
    e->done = true;
}

static void on_vote(void *context, const struct vote *vote)
{
    struct bench *b = context;
    b->latest_vote = *vote;
    b->vote_count++;
    for (unsigned i = 1; b->peers == PEERS_AGREE && i <= 2; i++)
        exec_vote(b->exec, i, vote);
}

static void take_row(struct bench *b, struct slice row)
{
    result_hash_row(b->hash, row);
    if (b->answer.rows++ > 0)
        return;
    struct reader r = reader_of(row);
    if (get_bool(&r)) {
        struct slice value = get_bytes(&r, RESULT_BYTES_MAX);
        snprintf(b->answer.first, sizeof b->answer.first, "%.*s",
            (int)(value.size < 60 ? value.size : 60), (const char *)value.data);
    }
}

static void take_columns(struct bench *b, struct slice body)
{
    struct result_columns m;
    assert_null(result_columns_decode(body, &m));
    b->answer.has_columns = true;
    struct reader r = reader_of(m.columns);
    for (uint32_t i = 0; i < m.count; i++) {
        struct column column;
        assert_null(column_take(&r, &column));
        result_hash_column(b->hash, column.name, column.type_oid);
    }
}

static void take_rows(struct bench *b, struct slice body)
{
    struct result_rows m;
    assert_null(result_rows_decode(body, &m));
    struct reader r = reader_of(m.rows);
    for (uint32_t i = 0; i < m.count; i++)
        take_row(b, get_bytes(&r, RESULT_BYTES_MAX));
}

static void take_end(struct bench *b, struct slice body)
{
    struct result_end m;
    assert_null(result_end_decode(body, &m));
    b->answer.ended = true;
    b->answer.failed = m.failed;
    memcpy(b->answer.sqlstate, m.sqlstate, 5);
    snprintf(b->answer.text, sizeof b->answer.text, "%.*s", (int)m.text.size, m.text.data);
    if (m.failed)
        result_hash_error(m.sqlstate, b->answer.hash);
    else
        result_hash_finish(b->hash, m.text, b->answer.hash);
}

static bool on_result(
    void *context, unsigned client, uint64_t session, enum message_type type, struct slice body)
{
    struct bench *b = context;
    assert_int_equal(client, CLIENT);
    assert_int_equal(session, SESSION);
    if (ev_now(b->loop) < b->stalled_until)
        return false;
    struct reader r = reader_of(body);
    (void)get_u64(&r);
    if (get_u64(&r) != b->asked.transaction || get_u32(&r) != b->asked.index)
        return true; /* an answer that the test does not wait for */
    b->answer.bytes += body.size;
    if (type == MESSAGE_RESULT_COLUMNS)
        take_columns(b, body);
    else if (type == MESSAGE_RESULT_ROWS)
        take_rows(b, body);
    else
        take_end(b, body);
    return true;
}

static int on_recorded(void *context, uint64_t seq, struct slice *ret_results)
{
    struct bench *b = context;
    if (!b->with_log || seq >= EXECUTED_MAX || b->executed[seq].recorded_size == 0)
        return 0;
    *ret_results = slice_of(b->executed[seq].recorded, b->executed[seq].recorded_size);
    return 1;
}

static void on_ready(void *context)
{
    struct bench *b = context;
    b->ready = true;
}

static void on_stopped(void *context, const char *reason)
{
    struct bench *b = context;
    b->stopped = true;
}

static void on_fatal(void *context, const char *reason)
{
    struct bench *b = context;
    snprintf(b->fatal, sizeof b->fatal, "%s", reason);
}

/* ---- PostgreSQL ---- */

static void tool(const char *command, const char *a, const char *b)
{
    char line[2 * BENCH_SQL_BYTES_MAX];
    snprintf(line, sizeof line, "\"$EXEC_PG_TOOL\" %s '%s' \"%s\"", command, a, b);
    assert_int_equal(system(line), 0);
}

void bench_sql(struct bench *b, const char *sql)
{
    tool("sql", b->database, sql);
}

static PGconn *direct(const struct bench *b)
{
    PGconn *conn = PQconnectdb(b->conninfo);
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

const char *bench_value(struct bench *b, const char *sql)
{
    PGconn *conn = direct(b);
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    snprintf(
        b->value, sizeof b->value, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(conn);
    return b->value;
}

void bench_crash(struct bench *b)
{
    tool("crash", "", "");
}

void bench_start(struct bench *b)
{
    tool("start", "", "");
}

void bench_dba_hold(struct bench *b, const char *sql)
{
    b->dba = direct(b);
    PQclear(PQexec(b->dba, "BEGIN"));
    PGresult *result = PQexec(b->dba, sql);
    assert_int_not_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
}

/* ---- life ---- */

static void start_exec(struct bench *b)
{
    struct exec_ops ops = {
        .context = b,
        .executed = on_executed,
        .vote = on_vote,
        .result = on_result,
        .recorded = on_recorded,
        .ready = on_ready,
        .stopped = on_stopped,
        .fatal = on_fatal,
    };
    b->ready = false;
    b->stopped = false;
    b->exec = exec_new(b->loop, &b->config, 0, b->conninfo, &ops);
    assert_non_null(b->exec);
}

static void new_database(struct bench *b)
{
    static unsigned count;
    snprintf(b->database, sizeof b->database, "bench%u", ++count);
    tool("database", b->database, "");
    snprintf(b->conninfo, sizeof b->conninfo, "host=%s user=byzantium dbname=%s", getenv("EXEC_PG"),
        b->database);
    bench_sql(b, "SET ROLE byz_app; CREATE TABLE account (id int PRIMARY KEY, money int);"
                 "INSERT INTO account VALUES (1, 100), (2, 200), (3, 300)");
}

struct bench *bench_new(void (*change)(struct config *config))
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->loop = ev_loop_new(EVFLAG_AUTO);
    b->hash = result_hash_new();
    config_defaults(&b->config);
    b->config.faults = 1;
    b->config.replica_count = 4;
    b->config.client_count = 1;
    memset(b->config.digest, 0xab, DIGEST_BYTES);
    if (change != NULL)
        change(&b->config);
    b->peers = PEERS_AGREE;
    b->with_log = true;
    b->timestamp_us = START_US;
    new_database(b);
    start_exec(b);
    return b;
}

void bench_free(struct bench *b)
{
    exec_free(b->exec);
    PQfinish(b->dba);
    result_hash_free(b->hash);
    for (unsigned i = 0; i < EXECUTED_MAX; i++)
        for (unsigned j = 0; j < BENCH_BATCH_MAX; j++)
            buffer_free(&b->delivered[i].bodies[j]);
    ev_loop_destroy(b->loop);
    free(b->config.clients);
    free(b);
}

static void deliver_again(struct bench *b, uint64_t seq);

void bench_restart_proxy(struct bench *b, bool with_log)
{
    exec_free(b->exec);
    b->with_log = with_log;
    for (unsigned i = 0; i < EXECUTED_MAX; i++)
        b->executed[i].done = false;
    start_exec(b);
    bench_wait_ready(b);
    for (uint64_t seq = 1; seq <= b->seq; seq++)
        deliver_again(b, seq);
}

struct exec *bench_exec(struct bench *b)
{
    return b->exec;
}

void bench_peers(struct bench *b, enum bench_peers peers)
{
    b->peers = peers;
}

void bench_checkpoints(struct bench *b, bool every_batch)
{
    b->checkpoints = every_batch;
}

/* ---- the loop ---- */

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    ev_break(loop, EVBREAK_ONE);
}

static void turn(struct bench *b, double seconds_max)
{
    struct ev_timer tick;
    ev_timer_init(&tick, on_tick, seconds_max, 0.);
    ev_timer_start(b->loop, &tick);
    ev_run(b->loop, EVRUN_ONCE);
    ev_timer_stop(b->loop, &tick);
}

void bench_until(struct bench *b, bool (*condition)(struct bench *bench))
{
    double until = ev_time() + WAIT_SECONDS;
    while (!condition(b)) {
        if (ev_time() > until)
            fail_msg("waited in vain");
        turn(b, 0.1);
    }
}

void bench_run(struct bench *b, double seconds)
{
    double until = ev_time() + seconds;
    while (ev_time() < until)
        turn(b, 0.01);
}

static bool is_ready(struct bench *b)
{
    return b->ready;
}

void bench_wait_ready(struct bench *b)
{
    bench_until(b, is_ready);
}

bool bench_is_stopped(struct bench *b)
{
    return b->stopped;
}

const char *bench_fatal(const struct bench *b)
{
    return b->fatal;
}

/* ---- batches ---- */

static void gather(struct bench *b, struct slice body, uint64_t number)
{
    assert_true(b->gathered < BENCH_BATCH_MAX && b->seq + 1 < EXECUTED_MAX);
    struct delivered *d = &b->delivered[b->seq + 1];
    buffer_init(&d->bodies[b->gathered], REQUEST_BODY_BYTES_MAX);
    put_raw(&d->bodies[b->gathered], body.data, body.size);
    d->numbers[b->gathered] = number;
    b->gathered++;
}

static void gather_order(struct bench *b, const struct order *order, uint64_t number)
{
    struct buffer body = BUFFER_INIT(REQUEST_BODY_BYTES_MAX);
    order_encode(&body, order);
    gather(b, buffer_slice(&body), number);
    buffer_free(&body);
}

void bench_begin(struct bench *b, struct bench_transaction *t)
{
    *t = (struct bench_transaction){.number = ++b->number};
    buffer_init(&t->entries, REQUEST_BODY_BYTES_MAX);
    struct order order = {.kind = ORDER_BEGIN, .coordinator = 0};
    gather_order(b, &order, t->number);
}

void bench_commit(struct bench *b, const struct bench_transaction *t)
{
    struct order order = {
        .kind = ORDER_COMMIT,
        .transaction = t->number,
        .entry_count = t->entry_count,
        .entries = buffer_slice(&t->entries),
    };
    gather_order(b, &order, ++b->number);
}

void bench_rollback(struct bench *b, const struct bench_transaction *t, bool verified)
{
    struct order order = {.kind = ORDER_ROLLBACK, .transaction = t->number};
    if (verified) {
        order.entry_count = t->entry_count;
        order.entries = buffer_slice(&t->entries);
    }
    gather_order(b, &order, ++b->number);
}

void bench_raw_request(struct bench *b, struct slice body)
{
    gather(b, body, ++b->number);
}

static void deliver_again(struct bench *b, uint64_t seq)
{
    struct delivered *d = &b->delivered[seq];
    struct request requests[BENCH_BATCH_MAX] = {0};
    bool skip[BENCH_BATCH_MAX] = {0};
    for (unsigned i = 0; i < d->count; i++)
        requests[i] = (struct request){
            .client = CLIENT,
            .session = SESSION,
            .number = d->numbers[i],
            .body = buffer_slice(&d->bodies[i]),
        };
    struct pbft_delivery delivery = {
        .batch = {.seq = seq, .timestamp_us = d->timestamp_us, .request_count = d->count},
        .timestamp_us = d->timestamp_us,
        .seed = {(uint8_t)seq},
        .requests = requests,
        .skip = skip,
        .checkpoint = b->checkpoints,
    };
    assert_true(exec_deliver(b->exec, &delivery));
}

uint64_t bench_deliver(struct bench *b, uint64_t later_us)
{
    b->seq++;
    b->timestamp_us += later_us;
    b->delivered[b->seq].timestamp_us = b->timestamp_us;
    b->delivered[b->seq].count = b->gathered;
    b->gathered = 0;
    deliver_again(b, b->seq);
    return b->seq;
}

bool bench_executed(struct bench *b, uint64_t seq)
{
    return b->executed[seq].done;
}

static bool latest_is_executed(struct bench *b)
{
    return b->executed[b->seq].done;
}

void bench_wait_executed(struct bench *b, uint64_t seq)
{
    double until = ev_time() + WAIT_SECONDS;
    while (!bench_executed(b, seq)) {
        if (ev_time() > until)
            fail_msg("batch %u was not executed", (unsigned)seq);
        turn(b, 0.1);
    }
}

struct outcome bench_outcome(struct bench *b, uint64_t seq, unsigned index)
{
    assert_true(b->executed[seq].done && index < b->executed[seq].count);
    return b->executed[seq].outcomes[index];
}

struct outcome bench_execute(struct bench *b)
{
    bench_deliver(b, 1000);
    bench_until(b, latest_is_executed);
    return b->executed[b->seq].count > 0 ? b->executed[b->seq].outcomes[0] : (struct outcome){0};
}

struct bench_transaction bench_begun(struct bench *b)
{
    struct bench_transaction t;
    bench_begin(b, &t);
    assert_int_equal(bench_execute(b).kind, OUTCOME_BEGUN);
    return t;
}

void bench_transaction_free(struct bench_transaction *t)
{
    buffer_free(&t->entries);
}

/* ---- operations ---- */

void bench_send(struct bench *b, struct bench_transaction *t, uint32_t index, const char *sql)
{
    b->answer = (struct bench_answer){0};
    b->asked = (struct result_key){SESSION, t->number, index};
    result_hash_start_for(b->hash, slice_text(sql));
    struct operation operation = {
        .session = SESSION,
        .transaction = t->number,
        .index = index,
        .statement = {.text = slice_text(sql)},
    };
    exec_operation(b->exec, CLIENT, &operation);
}

static bool is_answered(struct bench *b)
{
    return b->answer.ended;
}

const struct bench_answer *bench_wait_answer(struct bench *b)
{
    bench_until(b, is_answered);
    return &b->answer;
}

const struct bench_answer *bench_answer_now(struct bench *b)
{
    return &b->answer;
}

static void add_entry(struct bench_transaction *t, const char *sql, bool failed,
    const uint8_t hash[static DIGEST_BYTES])
{
    struct entry entry = {
        .statement = {.text = slice_text(sql)},
        .hash_version = RESULT_HASH_VERSION,
        .failed = failed,
    };
    memcpy(entry.result_hash, hash, DIGEST_BYTES);
    entry_put(&t->entries, &entry);
    assert_false(t->entries.failed);
    t->entry_count++;
}

const struct bench_answer *bench_operation(
    struct bench *b, struct bench_transaction *t, const char *sql)
{
    bench_send(b, t, t->entry_count, sql);
    const struct bench_answer *answer = bench_wait_answer(b);
    add_entry(t, sql, answer->failed, answer->hash);
    return answer;
}

void bench_stall_client(struct bench *b, double seconds)
{
    b->stalled_until = ev_time() + seconds;
}

void bench_cancel(struct bench *b, const struct bench_transaction *t)
{
    struct cancel cancel = {.session = SESSION, .transaction = t->number};
    exec_cancel(b->exec, CLIENT, &cancel);
}

/* Rows as PostgreSQL gives them to anybody: computed here anew, not by the executor's code. */
static void hash_of(struct bench *b, const char *sql, uint8_t ret_hash[static DIGEST_BYTES])
{
    PGconn *conn = direct(b);
    PQclear(PQexec(conn, "SET lock_timeout = '5s'"));
    PQclear(PQexec(conn, "BEGIN"));
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    assert_true(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK);
    result_hash_start_for(b->hash, slice_text(sql));
    for (int i = 0; i < PQnfields(result); i++)
        result_hash_column(b->hash, slice_text(PQfname(result, i)), PQftype(result, i));
    for (int row = 0; row < PQntuples(result); row++) {
        struct buffer bytes = BUFFER_INIT(RESULT_BYTES_MAX);
        for (int i = 0; i < PQnfields(result); i++) {
            if (PQgetisnull(result, row, i))
                row_put_null(&bytes);
            else
                row_put_value(&bytes, slice_text(PQgetvalue(result, row, i)));
        }
        assert_true(result_hash_row(b->hash, buffer_slice(&bytes)));
        buffer_free(&bytes);
    }
    result_hash_finish(b->hash, slice_text(PQcmdStatus(result)), ret_hash);
    PQclear(result);
    PQfinish(conn);
}

void bench_entry(struct bench *b, struct bench_transaction *t, const char *sql)
{
    uint8_t hash[DIGEST_BYTES];
    hash_of(b, sql, hash);
    add_entry(t, sql, false, hash);
}

void bench_entry_like(
    struct bench *b, struct bench_transaction *t, const char *sql, const char *like)
{
    uint8_t hash[DIGEST_BYTES];
    hash_of(b, like, hash);
    add_entry(t, sql, false, hash);
}

void bench_entry_lie(struct bench *b, struct bench_transaction *t, const char *sql)
{
    uint8_t hash[DIGEST_BYTES];
    memset(hash, 0x11, sizeof hash);
    add_entry(t, sql, false, hash);
}

void bench_entry_failed(
    struct bench *b, struct bench_transaction *t, const char *sql, const char *sqlstate)
{
    uint8_t hash[DIGEST_BYTES];
    result_hash_error(sqlstate, hash);
    add_entry(t, sql, true, hash);
}

/* ---- votes ---- */

unsigned bench_vote_count(const struct bench *b)
{
    return b->vote_count;
}

const struct vote *bench_latest_vote(const struct bench *b)
{
    return &b->latest_vote;
}

void bench_peer_votes(
    struct bench *b, unsigned peer, uint64_t seq, uint32_t index, struct outcome outcome)
{
    struct vote vote = {.seq = seq, .index = index, .outcome = outcome};
    exec_vote(b->exec, peer, &vote);
}

void bench_peers_vote(
    struct bench *b, unsigned peers, uint64_t seq, uint32_t index, struct outcome outcome)
{
    for (unsigned i = 1; i <= peers; i++)
        bench_peer_votes(b, i, seq, index, outcome);
}

struct outcome bench_abstention(void)
{
    return (struct outcome){.kind = OUTCOME_ABORTED, .sqlstate = {'5', '8', '0', '0', '0'}};
}
