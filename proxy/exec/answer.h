/* What PostgreSQL answers to one statement, in canonical form: rows, their hash, the frames for the
 * client. The coordinator and the replicas that verify it use the same code, so that they differ
 * only where their databases do. */
#ifndef BYZ_PROXY_EXEC_ANSWER_H
#define BYZ_PROXY_EXEC_ANSWER_H

#include "common/message.h"
#include "common/result_hash.h"

#include <libpq-fe.h>

#define SQLSTATE_SUCCESS "00000"
#define SQLSTATE_TOO_LARGE "54000"

/* A row longer than this fits into no frame: it counts as a result that is too large. */
#define ANSWER_ROW_BYTES_MAX (FRAME_BODY_BYTES_MAX - 1024)

struct answer_limits {
    uint64_t bytes_max; /* canonical bytes of all rows; also of an error's text */
    uint32_t rows_max;
};

/* What a statement came to. */
struct answer_end {
    bool failed;
    bool too_large; /* beyond the limits: failed, with SQLSTATE_TOO_LARGE */
    char sqlstate[5];
    uint8_t hash[DIGEST_BYTES]; /* of the rows, or of the SQLSTATE */
};

struct answer;

/* Frames are appended to `frames` if it is not NULL: type (u8), body (put_bytes). */
struct answer *answer_new(const struct answer_limits *limits, struct buffer *frames);
void answer_free(struct answer *answer);

/* `statement` is the client's text: its hash depends on whether it asks for an order. */
void answer_start(struct answer *answer, struct result_key key, struct slice statement);
/* Takes the next PGresult of the statement. True when it was the last. */
bool answer_take(struct answer *answer, const PGresult *result);
/* The limits are passed: what still comes is dropped, and the statement should be cancelled. */
bool answer_is_too_large(const struct answer *answer);
/* After answer_take returned true. */
const struct answer_end *answer_end(const struct answer *answer);

/* The SQLSTATE of a result that is an error; "XX000" when it has none. */
void answer_sqlstate(const PGresult *result, char ret_sqlstate[static 5]);
/* Its text for people, in one line. Borrowed. */
const char *answer_error_text(const PGresult *result);

#endif
