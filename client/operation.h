/* One operation on one replica: replica_exec of the paper's figure 2, with the hash of what was
 * received. */
#ifndef BYZ_CLIENT_OPERATION_H
#define BYZ_CLIENT_OPERATION_H

#include "client/error.h"
#include "client/link.h"
#include "common/message.h"

struct byz_conn;
struct byz_result;
struct result_hash;

enum operation_state {
    OPERATION_INVALID = 0,
    OPERATION_RUNNING,
    OPERATION_DONE,      /* answered, with rows or with an SQL error */
    OPERATION_SILENT,    /* no END in time */
    OPERATION_LOST,      /* the link went down */
    OPERATION_VIOLATION, /* the answer is one that no correct replica gives */
    OPERATION_NO_MEMORY,
};

/* The operation under way, or the last one. */
struct operation_run {
    enum operation_state state;
    unsigned replica;
    struct result_key key;
    bool has_columns;
    uint32_t column_count;
    struct result_hash *hash; /* owned; made once */
    /* The outcome: */
    struct byz_result *result; /* borrowed: filled in; NULL when only the hash is wanted */
    bool failed;
    char sqlstate[6];
    char message[ERROR_MESSAGE_BYTES]; /* failed: the replica's text */
    char tag[64];                      /* succeeded: the beginning of the command tag */
    uint8_t digest[DIGEST_BYTES];
};

bool operation_init(struct operation_run *run); /* false: out of memory */
void operation_free(struct operation_run *run);

/* Runs a statement as operation `index` of the open transaction on this replica and waits for its
 * END. What came of it is in conn->operation until the next one. */
enum operation_state operation_run(struct byz_conn *conn, unsigned replica, uint32_t index,
    const struct statement *statement, struct byz_result *result);

/* From the links. A frame of type RESULT_COLUMNS, RESULT_ROWS or RESULT_END. */
enum frame_verdict operation_take(struct byz_conn *conn, unsigned replica, uint8_t type,
    struct slice body, const char **ret_reason);
void operation_link_down(struct byz_conn *conn, unsigned replica, bool violation);

#endif
