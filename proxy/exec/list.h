/* Running the list of a COMMIT (or of a verified ROLLBACK) on a session, in one pipeline, and
 * judging it: exec_and_verify of the paper's figure 4, line 27. */
#ifndef BYZ_PROXY_EXEC_LIST_H
#define BYZ_PROXY_EXEC_LIST_H

#include "proxy/exec/judge.h"
#include "proxy/exec/ledger.h"
#include "proxy/exec/send.h"

enum list_start {
    LIST_START_INVALID = 0,
    LIST_FRESH, /* adopt the snapshot, run the list */
    LIST_AGAIN, /* the session's transaction goes back to byz_init first */
    LIST_KEEP,  /* the session has run the list: only what stands behind it */
};

struct list_job {
    enum list_start start;
    const char *snapshot; /* LIST_FRESH */
    struct slice entries; /* borrowed until the run ends */
    uint32_t entry_count;
    bool commit;
    /* what byzantium.applied records */
    uint64_t seq;
    uint32_t index;
    uint64_t epoch;
    struct transaction transaction;
    const struct config *config; /* for the client's name */
};

struct list;

struct list_events {
    void *context;
    /* The list is judged. From the session's answers. */
    void (*ended)(void *context);
};

struct list *list_new(const struct answer_limits *limits, const struct list_events *events);
void list_free(struct list *list);

/* Sends everything. If the session dies, its borrower is told as usual and calls list_stop. */
void list_run(struct list *list, struct backend *session, const struct list_job *job);
/* Nothing of the run is reported any more. */
void list_stop(struct list *list);

const struct judge *list_judge(const struct list *list);
/* Valid where the judgement needs them. */
struct judge_flags list_flags(const struct list *list);
/* The whole list ran and nothing in it is flagged as uncertain. */
bool list_is_certain(const struct list *list);
/* The whole list ran without an error of PostgreSQL's, whatever its results: COMMIT would do. */
bool list_can_commit(const struct list *list);
/* The result that was too large may still be coming: the session must be ended. */
bool list_left_running(const struct list *list);
/* The session's death by a message that is too long is the current entry's result. */
void list_flooded(struct list *list);
/* PostgreSQL's text of a JUDGE_UNABLE, for the log. */
const char *list_error_text(const struct list *list);
/* Entries answered so far: progress, for time-outs. */
uint32_t list_progress(const struct list *list);

#endif
