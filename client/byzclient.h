/* libbyzclient: transactions on a Byzantium cluster, every result verified.
 *
 * Shaped like libpq: opaque handles, conninfo strings, results that the caller frees. A connection
 * talks to all 3f+1 replicas and believes what f+1 of them say. Operations run speculatively on one
 * replica, the coordinator; byz_commit has every other replica run them again on the same snapshot
 * and compare. Results read inside a transaction are therefore confirmed only when byz_commit
 * (or a verified byz_rollback) succeeded.
 *
 * What is verified of a result is the set of its rows, not their order: a lying coordinator can
 * permute even the rows of an ORDER BY. Where the order matters, sort in the application, or ask
 * for the one row that you mean.
 *
 * Thread safety: one connection may be used by one thread at a time; different connections are
 * independent. The library starts no thread, handles no signal, never logs and never exits.
 *
 * Strings are UTF-8. Functions that return int return 0 on success and -1 on failure; then
 * byz_error_message and byz_sqlstate tell why. */
#ifndef BYZCLIENT_H
#define BYZCLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define LIBBYZ_VERSION_MAJOR 0
#define LIBBYZ_VERSION_MINOR 1
#define LIBBYZ_HAS_EXEC_PARAMS 1
#define LIBBYZ_HAS_VERIFIED_ROLLBACK 1
#define LIBBYZ_HAS_EPOCH 1
#define LIBBYZ_HAS_COPY 1

typedef struct byz_conn byz_conn;
typedef struct byz_result byz_result;

typedef enum { BYZ_CONNECTION_BAD = 0, BYZ_CONNECTION_OK = 1 } byz_status_type;

typedef enum {
    BYZ_TRANSACTION_NONE = 0, /* no transaction: statements commit by themselves */
    BYZ_TRANSACTION_OPEN = 1,
    BYZ_TRANSACTION_FAILED =
        2, /* a statement failed; only savepoint rollback or byz_rollback help */
} byz_transaction_status_type;

/* The kinds of Byzantine behaviour that a connection can report. */
typedef enum {
    BYZ_SUSPICION_NONE = 0,
    BYZ_SUSPICION_WRONG_RESULT =
        1, /* f+1 replicas computed another result than it sent (SQLSTATE BZ001) */
    BYZ_SUSPICION_UNCONFIRMED = 2, /* its result could not be confirmed; it may be honest (40001) */
    BYZ_SUSPICION_SILENT = 3,      /* it did not answer in time (BZ002) */
    BYZ_SUSPICION_WRONG_REPLY = 4, /* its reply to an ordered request contradicts f+1 others' */
    BYZ_SUSPICION_PROTOCOL = 5,    /* it sent bytes that no correct replica sends */
} byz_suspicion_type;

/* Connects. `conninfo` is libpq's "keyword = value" syntax; unnamed keywords come from the
 * environment, then from defaults:
 *
 *   config           BYZCONFIG          cluster's configuration file (needed)
 *   client           BYZCLIENT          name of the client in it (needed)
 *   key              BYZKEY             file with that client's private key (needed)
 *   coordinator      BYZCOORDINATOR     "random" (default), "round-robin" or a replica's number
 *   connect_timeout  BYZCONNECT_TIMEOUT seconds to reach 2f+1 replicas [10]
 *   request_timeout  BYZREQUEST_TIMEOUT seconds for an ordered request [30]
 *   operation_timeout BYZOPERATION_TIMEOUT seconds until a silent coordinator is replaced [10]
 *   reads            BYZREADS           "on": ordered requests wait for 2f+1 equal replies [off]
 *
 * With reads=on, byz_epoch of every other connection sees what this one committed; f+1 replies, of
 * which f may be liars', are enough to believe an outcome, not for that.
 *
 * Never returns NULL but when memory ran out; check byz_status. Succeeds with 2f+1 replicas
 * reachable; the others are tried again in the background of later calls. Host names are resolved
 * here and not again. Once connected, a connection heals its links by itself, and byz_status stays
 * BYZ_CONNECTION_OK. A coordinator that was silent or wrong is passed over for half a minute,
 * unless `coordinator` or byz_begin_on names it. Free with byz_finish. */
byz_conn *byz_connect(const char *conninfo);
void byz_finish(byz_conn *conn); /* rolls back an open transaction; NULL does nothing */
byz_status_type byz_status(const byz_conn *conn);
byz_transaction_status_type byz_transaction_status(const byz_conn *conn);

/* The last call's error: a text for people (ends in a newline, like libpq's; "" if none), and the
 * five-character SQLSTATE ("00000" if none). PostgreSQL's own codes, and class BZ: BZ001 a replica
 * lied, BZ002 a replica is silent, BZ003 no f+1 replicas agree (reads=on: no 2f+1). 08006: too few
 * replicas reachable. Valid until the next call on conn. */
const char *byz_error_message(const byz_conn *conn);
const char *byz_sqlstate(const byz_conn *conn);

/* Which replica misbehaved in the last transaction or call, if one did, and how. -1 and
 * BYZ_SUSPICION_NONE if none did. The text names replica, statement and reason. */
int byz_suspect(const byz_conn *conn);
byz_suspicion_type byz_suspicion(const byz_conn *conn);
const char *byz_suspicion_message(const byz_conn *conn);

/* BEGIN (figure 2, db_begin): ordered among all replicas; the snapshot is the same on each. */
int byz_begin(byz_conn *conn);
/* … with this coordinator, for this transaction. */
int byz_begin_on(byz_conn *conn, int replica);
/* The replica that coordinates the open transaction, or -1. */
int byz_coordinator(const byz_conn *conn);

/* Executes one statement on the coordinator (figure 2, db_op). Without an open transaction it is
 * run in one of its own and the result is returned only after that committed. Never NULL but when
 * memory ran out; check byz_result_ok. An SQL error is a result too: byz_result_ok is 0, the
 * transaction fails as in PostgreSQL. One statement each; no transaction control but savepoints.
 *
 * A statement alone is tried again up to three times after a conflict (40001). An error that it
 * ends with is the coordinator's word: errors are not verified. A statement that exceeds a limit of
 * the library (54000) or has a malformed parameter (22023) is not sent and changes nothing, not
 * even the transaction. A coordinator that is silent, lost or sends nonsense is replaced by
 * another replica, which runs the transaction's earlier statements again; if one of them then has
 * another result, the transaction is rolled back (40001), and further statements get 25P02 until
 * byz_rollback or byz_commit acknowledges that. */
byz_result *byz_exec(byz_conn *conn, const char *sql);
/* … with parameters $1, $2, … in text format. types: PostgreSQL type OIDs or NULL (inferred);
 * values[i] NULL is SQL NULL. */
byz_result *byz_exec_params(byz_conn *conn, const char *sql, int parameter_count,
    const uint32_t *types, const char *const *values);

/* COPY in and out, as ordinary statements. COPY itself speaks a protocol of its own and is refused.
 * Text and CSV with all their options, in UTF-8; no files or programs, BINARY, FREEZE or WHERE.
 *
 * byz_copy_in runs `command`, COPY … FROM STDIN, with this data. In an open transaction the data is
 * one statement, and at most BYZ_COPY_BYTES_MAX long (54000). Without one it is one transaction if
 * it is no longer than that, else several, cut between records and executed one after another; each
 * is run again after a conflict. *ret_rows (may be NULL) is set in any case: the rows stored.
 * After a failure these, the first of the data, remain if they were committed, and with 08007 it is
 * not known whether those that followed were.
 *
 * byz_copy_out returns what COPY … TO STDOUT writes (free with byz_free; *ret_size, which may be
 * NULL, does not count the zero behind it), or NULL. Each line carries its number, so, unlike other
 * results, the order is verified, too. A table comes in the order of its primary key, else of all
 * columns; a query in its own order, made total. */
#define BYZ_COPY_BYTES_MAX 786432
int byz_copy_in(
    byz_conn *conn, const char *command, const char *data, size_t size, uint64_t *ret_rows);
char *byz_copy_out(byz_conn *conn, const char *command, size_t *ret_size);

/* COMMIT (figure 2, db_commit): sends the list of operations and result hashes to all replicas and
 * waits until f+1 (reads=on: 2f+1) report the same outcome. On failure the transaction is over and
 * had no effect, and byz_sqlstate says why: 40001 (conflict or unconfirmed: retry), BZ001
 * (byz_suspect lied), others. Exceptions: 08007 means that the outcome is not known; so does BZ003,
 * which says that more than f replicas are faulty. A transaction without statements is rolled back
 * instead: it has nothing to verify. One in which a statement failed is rolled back and the commit
 * fails with 25P02. */
int byz_commit(byz_conn *conn);
/* ROLLBACK. With `verify` the results read are compared as in byz_commit (section 3.4): fails with
 * BZ001 or 40001 if they cannot be confirmed. The transaction is over in any case. */
int byz_rollback(byz_conn *conn);
int byz_rollback_verified(byz_conn *conn);

/* The cluster's epoch: how many transactions have been committed. 2f+1 replicas have executed them
 * all, which they answer without ordering anything (the read-only operations of Castro and Liskov,
 * TOCS 2002; figure 2 of the paper knows ordered requests only). While they differ under load it is
 * tried again for up to a second, then BEGIN and ROLLBACK are ordered and tell it.
 *
 * It is not older than what this connection committed or learnt before, and not older than what
 * other connections with reads=on had committed, or any connection had learnt from this function
 * without ordering, before the call. A transaction that is begun later sees that epoch or a newer
 * one.
 *
 * Outside transactions only (25001). Fails with 22023 (ret_epoch is NULL), 08006, BZ003, or what
 * refuses a BEGIN (53300); *ret_epoch is then as it was. */
int byz_epoch(byz_conn *conn, uint64_t *ret_epoch);

/* Results. Accessors tolerate indexes out of range (NULL, 0). */
int byz_result_ok(const byz_result *result);
const char *byz_result_error_message(const byz_result *result);
const char *byz_result_sqlstate(const byz_result *result);
int byz_row_count(const byz_result *result);
int byz_column_count(const byz_result *result);
const char *byz_column_name(const byz_result *result, int column);
uint32_t byz_column_type(const byz_result *result, int column); /* type OID; 0: user-defined */
int byz_is_null(const byz_result *result, int row, int column);
const char *byz_value(const byz_result *result, int row, int column); /* text; "" for NULL */
size_t byz_value_length(const byz_result *result, int row, int column);
const char *byz_command_tag(const byz_result *result); /* "UPDATE 3" */
long long byz_affected_rows(const byz_result *result); /* from the tag; 0 if it has none */
void byz_clear(byz_result *result);                    /* NULL does nothing */

/* Cluster facts. */
int byz_replica_count(const byz_conn *conn);
int byz_replica_connected(const byz_conn *conn, int replica);
/* One replica's own view of itself: "name=value" lines, free with byz_free. NULL on failure. Not
 * verified: it is that replica speaking. */
char *byz_replica_status(byz_conn *conn, int replica);
void byz_free(void *pointer);
int byz_library_version(void); /* major * 10000 + minor */

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
