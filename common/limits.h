/* All limits of the system in one place, with the relations between them.
 *
 * These are ceilings fixed at compile time: a configuration may ask for less, never for more. Every
 * size, count and loop bound that comes from outside (peer, client, file, SQL) is compared with one
 * of these before it is used. */
#ifndef BYZ_COMMON_LIMITS_H
#define BYZ_COMMON_LIMITS_H

#define PROTOCOL_VERSION 2

/* Cluster. n = 3f+1. */
#define FAULTS_MAX 5
#define REPLICAS_MAX (3 * FAULTS_MAX + 1)
#define CLIENT_KEYS_MAX 1024
#define NAME_BYTES_MAX 63

/* Cryptography: SHA-256 and Ed25519. */
#define DIGEST_BYTES 32
#define PUBLIC_KEY_BYTES 32
#define SIGNATURE_BYTES 64

/* Wire. A frame is a 4-byte length (of the body alone), a type byte and a body. */
#define FRAME_HEADER_BYTES 5
#define FRAME_BODY_BYTES_MAX (4 << 20)
#define REQUEST_BODY_BYTES_MAX (1 << 20) /* one ordered request: a whole COMMIT list */
#define REQUEST_OVERHEAD_BYTES 96        /* client, session, number, length, signature */
#define BATCH_REQUESTS_MAX 256
#define BATCH_HEADER_BYTES 24     /* sequence number, timestamp, two counts */
#define BATCH_BYTES_MAX (2 << 20) /* one encoded batch */
#define BATCH_BYTES_MIN                                                                            \
    (BATCH_HEADER_BYTES + REQUEST_BODY_BYTES_MAX + REQUEST_OVERHEAD_BYTES +                        \
        REPLICAS_MAX * CONTRIBUTION_BYTES)
#define FETCH_BATCHES_MAX 32 /* batches answered to one FETCH */
#define CONTRIBUTION_BYTES (8 + 2 * DIGEST_BYTES + 2 + SIGNATURE_BYTES)
#define WANTED_MAX 32 /* contents asked for in one WANT */

/* Statements of a transaction. */
#define STATEMENT_BYTES_MAX (512 << 10)
#define PARAMETERS_MAX 1600
#define ENTRIES_MAX 10000 /* operations in one transaction */
#define CHOICES_BYTES_MAX (64 << 10)
#define COLUMNS_MAX 1664            /* PostgreSQL's MaxTupleAttributeNumber */
#define RESULT_BYTES_MAX (16 << 20) /* canonical bytes of one result; beyond: SQLSTATE 54000 */
#define RESULT_ROWS_MAX (1 << 20)
#define RESULT_CHUNK_BYTES (64 << 10) /* rows are sent in frames of about this size */
#define ERROR_TEXT_BYTES_MAX 4096

/* Replies and outcomes. */
#define REPLY_BYTES_MAX 64

/* Agreement. */
#define WINDOW_MAX 1024 /* sequence numbers between the water marks */
#define SESSIONS_PER_CLIENT_MAX 4096

/* One prepared certificate in a view change: view, sequence number, digest, mask, and the
 * signatures of a primary and 2f backups. */
#define PROOF_BYTES_MAX (8 + 8 + DIGEST_BYTES + 4 + (2 * FAULTS_MAX + 1) * SIGNATURE_BYTES)
#define STABLE_BYTES_MAX (8 + DIGEST_BYTES + 4 + REPLICAS_MAX * SIGNATURE_BYTES)
#define VIEW_CHANGE_BYTES_MAX                                                                      \
    (8 + 2 + STABLE_BYTES_MAX + 4 + WINDOW_MAX * PROOF_BYTES_MAX + SIGNATURE_BYTES)
#define NEW_VIEW_BYTES_MAX                                                                         \
    (8 + 4 + REPLICAS_MAX * DIGEST_BYTES + 8 + 4 + WINDOW_MAX * (DIGEST_BYTES + SIGNATURE_BYTES) + \
        SIGNATURE_BYTES)

_Static_assert(BATCH_BYTES_MIN <= BATCH_BYTES_MAX, "the largest request fits in a batch");
_Static_assert(BATCH_BYTES_MAX + 4096 < FRAME_BODY_BYTES_MAX, "the largest batch fits in a frame");
_Static_assert(STATEMENT_BYTES_MAX + CHOICES_BYTES_MAX + 4096 < REQUEST_BODY_BYTES_MAX,
    "a transaction of one statement fits in a request");
_Static_assert(VIEW_CHANGE_BYTES_MAX < FRAME_BODY_BYTES_MAX, "the largest view change in a frame");
_Static_assert(NEW_VIEW_BYTES_MAX < FRAME_BODY_BYTES_MAX, "the largest new view in a frame");
_Static_assert(RESULT_CHUNK_BYTES < FRAME_BODY_BYTES_MAX, "a chunk fits in a frame");
_Static_assert(REPLICAS_MAX <= 32, "sets of replicas are 32-bit masks");

#endif
