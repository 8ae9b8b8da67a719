/* A test bench for the executor: one executor on a real PostgreSQL, batches made by hand, and the
 * other three replicas' votes at the test's command. */
#ifndef BYZ_TESTS_SYSTEM_EXEC_BENCH_H
#define BYZ_TESTS_SYSTEM_EXEC_BENCH_H

#include "proxy/exec/exec.h"

#define BENCH_BATCH_MAX 8
#define BENCH_SQL_BYTES_MAX 4096

/* What the others vote. */
enum bench_peers {
    PEERS_INVALID = 0,
    PEERS_AGREE,  /* two of them as this replica does, at once */
    PEERS_SILENT, /* nothing, until bench_peers_vote */
};

struct bench;

/* A new executor on a new database. `change` may change the configuration; NULL: not. */
struct bench *bench_new(void (*change)(struct config *config));
/* Checks that nothing is left that should not be. */
void bench_free(struct bench *bench);
/* The proxy dies and starts again on the same database: an executor that knows nothing; the log
 * keeps what it had of the outcomes if `with_log`. */
void bench_restart_proxy(struct bench *bench, bool with_log);
struct exec *bench_exec(struct bench *bench);
void bench_peers(struct bench *bench, enum bench_peers peers);

/* Runs the loop until the condition holds; the test fails after some seconds. */
void bench_until(struct bench *bench, bool (*condition)(struct bench *bench));
void bench_wait_ready(struct bench *bench);
void bench_run(struct bench *bench, double seconds);
bool bench_is_stopped(struct bench *bench);
const char *bench_fatal(const struct bench *bench);

/* ---- batches: requests are gathered, then delivered ---- */

/* A client's transaction, with the list that it will send. */
struct bench_transaction {
    uint64_t number;
    uint32_t entry_count;
    struct buffer entries;
};

void bench_begin(struct bench *bench, struct bench_transaction *t);
void bench_commit(struct bench *bench, const struct bench_transaction *t);
void bench_rollback(struct bench *bench, const struct bench_transaction *t, bool verified);
void bench_raw_request(struct bench *bench, struct slice body);
/* Delivers what was gathered; `agreed_us` later than the batch before. Returns its number. */
uint64_t bench_deliver(struct bench *bench, uint64_t later_us);
/* … and waits until it is executed. Returns the outcome of its first request. */
struct outcome bench_execute(struct bench *bench);
struct outcome bench_outcome(struct bench *bench, uint64_t seq, unsigned index);
bool bench_executed(struct bench *bench, uint64_t seq);
void bench_wait_executed(struct bench *bench, uint64_t seq);
/* begin in a batch of its own */
struct bench_transaction bench_begun(struct bench *bench);
void bench_transaction_free(struct bench_transaction *t);
/* The ledger at the latest checkpoint. Every batch is one when asked for. */
void bench_checkpoints(struct bench *bench, bool every_batch);

/* ---- operations ---- */

struct bench_answer {
    bool ended;
    bool failed;
    char sqlstate[6];
    char text[BENCH_SQL_BYTES_MAX];
    bool has_columns;
    unsigned rows;
    uint64_t bytes; /* of frames */
    char first[64]; /* the first value of the first row */
    uint8_t hash[DIGEST_BYTES];
};

void bench_send(struct bench *bench, struct bench_transaction *t, uint32_t index, const char *sql);
/* The answer to the latest bench_send. */
const struct bench_answer *bench_wait_answer(struct bench *bench);
const struct bench_answer *bench_answer_now(struct bench *bench);
/* Sends, waits, and adds the statement with its answer to the transaction's list. */
const struct bench_answer *bench_operation(
    struct bench *bench, struct bench_transaction *t, const char *sql);
/* The client's link takes no frame for so long. */
void bench_stall_client(struct bench *bench, double seconds);
void bench_cancel(struct bench *bench, const struct bench_transaction *t);

/* Adds an entry that never went through this replica: with the hash that PostgreSQL's answer has
 * (run now, in a transaction of its own that is rolled back), or a wrong one. */
void bench_entry(struct bench *bench, struct bench_transaction *t, const char *sql);
/* … with the answer that another query gives. */
void bench_entry_like(
    struct bench *bench, struct bench_transaction *t, const char *sql, const char *like);
void bench_entry_lie(struct bench *bench, struct bench_transaction *t, const char *sql);
void bench_entry_failed(
    struct bench *bench, struct bench_transaction *t, const char *sql, const char *sqlstate);

/* ---- votes ---- */

unsigned bench_vote_count(const struct bench *bench);
/* The latest vote that this replica sent. */
const struct vote *bench_latest_vote(const struct bench *bench);
void bench_peer_votes(
    struct bench *bench, unsigned peer, uint64_t seq, uint32_t index, struct outcome outcome);
/* … of the first so many of them */
void bench_peers_vote(
    struct bench *bench, unsigned peers, uint64_t seq, uint32_t index, struct outcome outcome);
struct outcome bench_abstention(void);

/* ---- PostgreSQL, behind the executor's back ---- */

void bench_sql(struct bench *bench, const char *sql);
/* The one value of a query. Valid until the next call. */
const char *bench_value(struct bench *bench, const char *sql);
void bench_crash(struct bench *bench);
void bench_start(struct bench *bench);
/* A DBA's session that stays in its transaction until the bench ends. */
void bench_dba_hold(struct bench *bench, const char *sql);

#endif
