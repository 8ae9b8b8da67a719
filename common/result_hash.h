/* The hash of a statement's result, computed alike by coordinator, verifying replicas and client.
 *
 * Row by row: each row's canonical encoding is hashed with SHA-256. Of a statement with ORDER BY
 * the rows count in their order; else they form a multiset, so that the order in which a server
 * happens to return them does not matter. The multiset's hash is the SHA-256 of the sorted row
 * digests: as strong as SHA-256 itself, where a sum of digests would fall to the generalised
 * birthday attack of a coordinator that chooses the rows (docs/protocol.md).
 *
 * Version 1. All values are in PostgreSQL's text format. */
#ifndef BYZ_COMMON_RESULT_HASH_H
#define BYZ_COMMON_RESULT_HASH_H

#include "common/codec.h"
#include "common/limits.h"

#define RESULT_HASH_VERSION 1
/* Types from here on have OIDs that differ between replicas; they are hashed and sent as 0. */
#define FIRST_USER_OID 16384

struct result_hash;

struct result_hash *result_hash_new(void); /* NULL: out of memory */
void result_hash_free(struct result_hash *h);

/* Starts a result whose rows are a multiset. */
void result_hash_start(struct result_hash *h);
/* Starts the result of this statement: in order, if it says so (statement_order.h). */
void result_hash_start_for(struct result_hash *h, struct slice statement);
void result_hash_column(struct result_hash *h, struct slice name, uint32_t type_oid);
/* Adds one row, given as its canonical encoding (see row_put_*). Returns false when the result
 * exceeds RESULT_ROWS_MAX or RESULT_BYTES_MAX (the sum of the canonical rows): the statement's
 * result is then SQLSTATE 54000. False also when memory ran out, which is one node's own trouble
 * and never a result: ask result_hash_no_memory. */
bool result_hash_row(struct result_hash *h, struct slice row);
bool result_hash_no_memory(const struct result_hash *h);
/* Ends a result that succeeded, with PostgreSQL's command tag ("UPDATE 3"). */
void result_hash_finish(
    struct result_hash *h, struct slice command_tag, uint8_t ret_digest[static DIGEST_BYTES]);
/* The hash of a result that is an error: of its SQLSTATE alone, never of its text. */
void result_hash_error(const char sqlstate[static 5], uint8_t ret_digest[static DIGEST_BYTES]);

/* Canonical row: for each column one byte 0 (NULL), or 1 and put_bytes of the value. */
void row_put_null(struct buffer *row);
void row_put_value(struct buffer *row, struct slice value);
/* Takes the next value off a row; the slice borrows from it. False when the row is malformed. */
bool row_take(struct reader *row, bool *ret_is_null, struct slice *ret_value);

#endif
