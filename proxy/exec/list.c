#include "proxy/exec/list.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BYTES_MAX 512
#define FLAG_UNCERTAIN 1
#define FLAG_BARRIER 2

/* Which query of the pipeline an answer belongs to. */
enum list_tag {
    TAG_INVALID = 0,
    TAG_PREAMBLE, /* must succeed */
    TAG_ENTRY,
    TAG_CONSTRAINTS,
    TAG_FLAGS,
    TAG_APPLIED,
    TAG_BACK,       /* to byz_init, because a failed transaction cannot tell its flags */
    TAG_FLAGS_LATE, /* … */
};

struct list {
    struct list_events events;
    struct sender *sender;
    struct answer *answer;
    struct backend *session; /* NULL: no run */
    struct list_job job;
    struct reader answered; /* entries not yet answered */
    struct entry claimed;   /* the one being answered */
    bool in_entry;
    uint32_t progress;
    struct judge judge;
    struct judge_flags flags;
    bool flags_known;
    bool recorded; /* in byzantium.applied: nothing is left but COMMIT */
    bool left_running;
    char error[ERROR_BYTES_MAX];
};

struct list *list_new(const struct answer_limits *limits, const struct list_events *events)
{
    struct list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return NULL;
    list->events = *events;
    list->sender = sender_new();
    list->answer = answer_new(limits, NULL);
    if (list->sender == NULL || list->answer == NULL) {
        list_free(list);
        return NULL;
    }
    return list;
}

void list_free(struct list *list)
{
    if (list == NULL)
        return;
    sender_free(list->sender);
    answer_free(list->answer);
    free(list);
}

/* ---- answers ---- */

static void end(struct list *list)
{
    list->session = NULL;
    list->events.ended(list->events.context);
}

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static void keep_error(struct list *list, const PGresult *result)
{
    if (list->error[0] == '\0')
        snprintf(list->error, sizeof list->error, "%s", answer_error_text(result));
}

/* What we send ourselves does not fail because of the transaction, only for local reasons. */
static void take_own(struct list *list, const PGresult *result)
{
    if (succeeded(result) || PQresultStatus(result) == PGRES_PIPELINE_ABORTED)
        return;
    keep_error(list, result);
    judge_finish_failed(&list->judge, "XX000");
}

static void judge_claimed(struct list *list, const struct answer_end *actual)
{
    (void)judge_entry(&list->judge, &list->claimed, actual);
    list->in_entry = false;
    list->progress++;
}

static void begin_entry(struct list *list)
{
    const char *reason = entry_take(&list->answered, &list->claimed);
    assert(reason == NULL); /* the order was decoded */
    list->in_entry = true;
    answer_start(list->answer, (struct result_key){0}, list->claimed.statement.text);
}

static void take_entry(struct list *list, const PGresult *result)
{
    if (!list->in_entry)
        begin_entry(list);
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
        list->in_entry = false; /* skipped behind an error that was judged */
        return;
    }
    bool is_last = answer_take(list->answer, result);
    if (is_last) {
        if (answer_end(list->answer)->failed)
            keep_error(list, result);
        judge_claimed(list, answer_end(list->answer));
    } else if (answer_is_too_large(list->answer) && list->judge.state == JUDGE_AGREES) {
        /* no need to read the rest of it */
        list_flooded(list);
        list->left_running = true;
        end(list);
    }
}

void list_flooded(struct list *list)
{
    struct answer_end actual = {.failed = true, .too_large = true};
    memcpy(actual.sqlstate, SQLSTATE_TOO_LARGE, sizeof actual.sqlstate);
    if (!list->in_entry && reader_left(&list->answered) > 0)
        begin_entry(list);
    judge_claimed(list, &actual);
}

static bool in_failed_transaction(const PGresult *result)
{
    char sqlstate[5];
    answer_sqlstate(result, sqlstate);
    return memcmp(sqlstate, "25P02", sizeof sqlstate) == 0;
}

static void take_flags(struct list *list, const PGresult *result)
{
    /* a list may end in a failed transaction; a ROLLBACK does not mind */
    if (!in_failed_transaction(result))
        take_own(list, result);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return;
    unsigned long flags = strtoul(PQgetvalue(result, 0, 0), NULL, 10);
    list->flags.uncertain = (flags & FLAG_UNCERTAIN) != 0;
    list->flags.barrier = (flags & FLAG_BARRIER) != 0;
    list->flags_known = true;
}

static void take_constraints(struct list *list, const PGresult *result)
{
    if (succeeded(result) || PQresultStatus(result) == PGRES_PIPELINE_ABORTED)
        return;
    char sqlstate[5];
    answer_sqlstate(result, sqlstate);
    keep_error(list, result);
    judge_finish_failed(&list->judge, sqlstate);
}

static void on_answer(void *context, unsigned tag, const PGresult *result);

/* Everything is answered, but a failed transaction could not say its flags: outside the failure
 * they are still known. */
static void ask_flags_late(struct list *list)
{
    struct backend_query back = {.sql = "ROLLBACK TO SAVEPOINT byz_init",
        .answer = on_answer,
        .context = list,
        .tag = TAG_BACK};
    (void)backend_query(list->session, &back);
    (void)backend_command(
        list->session, "SELECT byzantium.flags()", on_answer, list, TAG_FLAGS_LATE);
}

static void all_answered(struct list *list)
{
    if (judge_needs_flags(&list->judge) && !list->flags_known)
        ask_flags_late(list);
    else
        end(list);
}

static void late_flags_answered(struct list *list)
{
    /* without them nobody may be accused, and nothing be said */
    if (!list->flags_known)
        list->judge.state = JUDGE_UNABLE;
    end(list);
}

static void on_answer(void *context, unsigned tag, const PGresult *result)
{
    struct list *list = context;
    if (list->session == NULL)
        return; /* stopped, or judged before the end */
    switch ((enum list_tag)tag) {
    case TAG_INVALID:
        assert(!"a tag of ours");
        break;
    case TAG_PREAMBLE:
    case TAG_BACK:
        take_own(list, result);
        break;
    case TAG_ENTRY:
        take_entry(list, result);
        break;
    case TAG_CONSTRAINTS:
        take_constraints(list, result);
        break;
    case TAG_FLAGS:
        take_flags(list, result);
        if (!list->job.commit)
            all_answered(list);
        break;
    case TAG_APPLIED:
        take_own(list, result);
        list->recorded = succeeded(result);
        all_answered(list);
        break;
    case TAG_FLAGS_LATE:
        take_flags(list, result);
        late_flags_answered(list);
        break;
    }
}

/* ---- sending ---- */

static void send_own(struct list *list, const char *sql, enum list_tag tag)
{
    struct backend_query query = {.sql = sql, .answer = on_answer, .context = list, .tag = tag};
    (void)backend_query(list->session, &query);
}

/* Whoever runs a list is at the head of the order. */
static void send_start(struct list *list)
{
    (void)sender_start(list->session, &list->job.transaction, list->job.config, true, on_answer,
        list, TAG_PREAMBLE);
}

static void send_preamble(struct list *list)
{
    char adopt[128];
    switch (list->job.start) {
    case LIST_START_INVALID:
        assert(!"a way to start");
        break;
    case LIST_KEEP:
        break;
    case LIST_FRESH:
        snprintf(adopt, sizeof adopt, "SET TRANSACTION SNAPSHOT '%s'", list->job.snapshot);
        send_own(list, "BEGIN ISOLATION LEVEL REPEATABLE READ", TAG_PREAMBLE);
        send_own(list, adopt, TAG_PREAMBLE);
        send_start(list);
        send_own(list, "SAVEPOINT byz_init", TAG_PREAMBLE);
        break;
    case LIST_AGAIN:
        send_own(list, "ROLLBACK TO SAVEPOINT byz_init", TAG_PREAMBLE);
        /* also clears the flags of what was rolled back */
        send_start(list);
        break;
    }
}

static void send_entries(struct list *list)
{
    if (list->job.start == LIST_KEEP)
        return;
    struct reader r = reader_of(list->job.entries);
    for (uint32_t i = 0; i < list->job.entry_count; i++) {
        struct entry entry;
        const char *reason = entry_take(&r, &entry);
        assert(reason == NULL);
        if (!sender_statement(
                list->sender, list->session, &entry.statement, on_answer, list, TAG_ENTRY))
            return;
        /* so that the pipeline goes on behind an error that is expected */
        if (entry.failed && !backend_sync(list->session))
            return;
    }
}

/* The transaction records its own place in the order, inside itself. */
static void send_applied(struct list *list)
{
    const struct list_job *job = &list->job;
    char seq[24], index[12], epoch[24], client[8], session[24], number[24];
    snprintf(seq, sizeof seq, "%" PRIu64, job->seq);
    snprintf(index, sizeof index, "%" PRIu32, job->index);
    snprintf(epoch, sizeof epoch, "%" PRIu64, job->epoch);
    snprintf(client, sizeof client, "%u", job->transaction.id.client);
    /* PostgreSQL has no unsigned 64-bit type: the same bits */
    snprintf(session, sizeof session, "%" PRId64, (int64_t)job->transaction.id.session);
    snprintf(number, sizeof number, "%" PRId64, (int64_t)job->transaction.id.number);
    const char *const values[] = {seq, index, epoch, client, session, number};
    struct backend_query query = {
        .sql = "INSERT INTO byzantium.applied"
               " (seq, index, epoch, client, session, number, barrier)"
               " VALUES ($1, $2, $3, $4, $5, $6, (byzantium.flags() & 2) <> 0)",
        .parameter_count = 6,
        .values = values,
        .answer = on_answer,
        .context = list,
        .tag = TAG_APPLIED,
    };
    (void)backend_query(list->session, &query);
}

static void send_ending(struct list *list)
{
    if (list->job.commit)
        send_own(list, CLIENT_PREFIX "SET CONSTRAINTS ALL IMMEDIATE", TAG_CONSTRAINTS);
    send_own(list, "SELECT byzantium.flags()", TAG_FLAGS);
    if (list->job.commit)
        send_applied(list);
    (void)backend_sync(list->session);
}

void list_run(struct list *list, struct backend *session, const struct list_job *job)
{
    assert(list->session == NULL);
    list->session = session;
    list->job = *job;
    list->answered = reader_of(job->entries);
    list->in_entry = false;
    list->progress = 0;
    list->flags = (struct judge_flags){0};
    list->flags_known = false;
    list->recorded = false;
    list->left_running = false;
    list->error[0] = '\0';
    if (job->start == LIST_KEEP)
        judge_trust(&list->judge, job->entry_count);
    else
        judge_start(&list->judge);
    send_preamble(list);
    send_entries(list);
    send_ending(list);
}

void list_stop(struct list *list)
{
    list->session = NULL;
}

const struct judge *list_judge(const struct list *list)
{
    return &list->judge;
}

struct judge_flags list_flags(const struct list *list)
{
    return list->flags;
}

bool list_is_certain(const struct list *list)
{
    return list->flags_known && !list->flags.uncertain;
}

bool list_can_commit(const struct list *list)
{
    return list->recorded;
}

bool list_left_running(const struct list *list)
{
    return list->left_running;
}

const char *list_error_text(const struct list *list)
{
    return list->error;
}

uint32_t list_progress(const struct list *list)
{
    return list->progress;
}
