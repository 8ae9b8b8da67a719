#include "proxy/exec/ordered.h"

#include "proxy/exec/list.h"
#include "proxy/exec/patience.h"
#include "proxy/exec/suspect.h"
#include "proxy/log.h"

#include <assert.h>
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tries before this replica abstains, with growing pauses. */
#define TRIES_MAX 4
#define PAUSE_SECONDS 0.01
#define PAUSE_FACTOR 4
/* Tries after the others decided to commit, before this replica gives up for good. */
#define FOLLOW_TRIES_MAX 10
#define FOLLOW_PAUSE_SECONDS 1.0
#define REASON_BYTES_MAX 512

enum ordered_state {
    ORDERED_INVALID = 0,
    ORDERED_NONE,     /* nothing to do */
    ORDERED_SNAPSHOT, /* waits until no snapshot is being exported */
    ORDERED_CLAIMING, /* waits for a session */
    ORDERED_RUNNING,  /* the list is with PostgreSQL */
    ORDERED_RESTING,  /* between two tries */
    ORDERED_VOTING,   /* has said what it can, waits for the decision */
    ORDERED_ENDING,   /* COMMIT is with PostgreSQL */
};

struct ordered {
    struct ordered_parts parts;
    struct ordered_events events;
    struct list *list;
    struct ordered_job job;
    enum ordered_state state;
    struct pool_claim claim;
    struct backend *session; /* while one is in this transaction */
    enum list_start start;   /* how the list was started */
    struct outcome own;      /* what the latest run came to; OUTCOME_INVALID: none yet */
    enum ballot_trust trust; /* what that run says of the others' votes */
    struct outcome decided;  /* while ENDING */
    unsigned tries;
    bool died_running;     /* the session of the latest run died */
    uint32_t noted;        /* who voted otherwise, as a mask */
    bool following;        /* the others decided to commit; this replica tries to keep up */
    struct ev_timer timer; /* of the run, of a rest, of repeating the vote */
    char failure[REASON_BYTES_MAX]; /* the latest local one */
    struct patience patience;
    struct ordered_counters counters;
};

static void on_list_ended(void *context);
static void go(struct ordered *o);
static void vote(struct ordered *o);
static void look_at_decision(struct ordered *o);

static void set_timer(struct ordered *o, double seconds)
{
    ev_timer_stop(o->parts.loop, &o->timer);
    ev_timer_set(&o->timer, seconds, 0.);
    ev_timer_start(o->parts.loop, &o->timer);
}

static void enter(struct ordered *o, enum ordered_state state)
{
    ev_timer_stop(o->parts.loop, &o->timer);
    if (o->state == ORDERED_RUNNING)
        locks_stop(o->parts.locks);
    o->state = state;
}

/* ---- the end ---- */

static void give_session_up(struct ordered *o)
{
    struct backend *session = o->session;
    o->session = NULL;
    if (session != NULL)
        abandon_session(o->parts.abandon, session);
}

static void forget_job(struct ordered *o)
{
    list_stop(o->list);
    enter(o, ORDERED_NONE);
    pool_unclaim(o->parts.pool, &o->claim);
}

static struct suspect_case case_of(const struct ordered *o, const struct outcome *decided)
{
    return (struct suspect_case){.ops = o->parts.ops,
        .seq = o->job.seq,
        .request = o->job.index,
        .id = o->job.transaction.id,
        .order = &o->job.order,
        .decided = decided};
}

/* Who voted otherwise, each once: a vote may come while a decided commit is under way. */
static void note_dissenters(struct ordered *o, const struct outcome *decided)
{
    uint32_t mask = ballot_dissenters(o->parts.ballot, o->job.index, decided) & ~o->noted;
    o->noted |= mask;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        if ((mask & (UINT32_C(1) << i)) == 0 || i == o->parts.self)
            continue;
        o->counters.dissents[i]++;
        log_line(LEVEL_WARNING,
            "replica %u voted otherwise than was decided on request %" PRIu32 " of batch %" PRIu64,
            i, o->job.index, o->job.seq);
        struct suspect_case found = case_of(o, decided);
        suspect_dissenter(&found, i);
    }
}

static void over(struct ordered *o, struct outcome outcome)
{
    struct suspect_case found = case_of(o, &outcome);
    note_dissenters(o, &outcome);
    suspect_executor(&found);
    give_session_up(o);
    forget_job(o);
    o->events.over(o->events.context, &outcome);
}

static void impossible(struct ordered *o, const char *why)
{
    char reason[REASON_BYTES_MAX];
    snprintf(reason, sizeof reason,
        "the others committed request %" PRIu32 " of batch %" PRIu64
        ", which this replica cannot: %s",
        o->job.index, o->job.seq, why);
    give_session_up(o);
    forget_job(o);
    o->events.impossible(o->events.context, reason);
}

/* ---- PostgreSQL's COMMIT ---- */

static void fail_locally(struct ordered *o, const char *text);

static void on_committed(void *context, unsigned tag, const PGresult *result)
{
    struct ordered *o = context;
    /* COMMIT of a failed transaction answers ROLLBACK */
    if (PQresultStatus(result) != PGRES_COMMAND_OK ||
        strcmp(PQcmdStatus((PGresult *)result), "COMMIT") != 0) {
        fail_locally(o, answer_error_text(result));
        return;
    }
    pool_return(o->parts.pool, o->session);
    o->session = NULL;
    over(o, o->decided);
}

/* One flush for all commits of a batch: PostgreSQL flushes its log up to the last one, so the
 * earlier ones need not wait for it. */
static void commit(struct ordered *o, const struct outcome *decided)
{
    o->decided = *decided;
    enter(o, ORDERED_ENDING);
    if (o->job.flush) {
        struct backend_query local = {.sql = "SET LOCAL synchronous_commit = on"};
        (void)backend_query(o->session, &local);
    }
    (void)backend_command(o->session, "COMMIT", on_committed, o, 0);
}

/* ---- deciding ---- */

static void note_mismatch(struct ordered *o, const struct outcome *decided)
{
    if (o->own.kind == OUTCOME_INVALID || outcome_equal(&o->own, decided))
        return;
    o->counters.mismatches++;
    log_line(LEVEL_WARNING,
        "this replica's execution of request %" PRIu32 " of batch %" PRIu64 " (statement %" PRIu32
        ", SQLSTATE %.5s) is not what was decided (SQLSTATE %.5s)",
        o->job.index, o->job.seq, o->own.statement, o->own.sqlstate, decided->sqlstate);
    struct suspect_case found = case_of(o, decided);
    suspect_self(&found, o->parts.self, &o->own);
}

static void follow(struct ordered *o)
{
    if (o->own.kind != OUTCOME_INVALID) {
        impossible(o, "its own execution came to something else");
    } else if (snapshots_state(o->parts.snapshots, o->job.transaction.epoch) == SNAPSHOT_LOST) {
        impossible(o, "the transaction's snapshot is gone");
    } else if (o->following && o->tries >= FOLLOW_TRIES_MAX) {
        impossible(o, o->failure);
    } else {
        if (!o->following)
            o->tries = 0;
        o->following = true;
        enter(o, ORDERED_RESTING);
        set_timer(o, o->tries == 0 ? 0. : FOLLOW_PAUSE_SECONDS);
    }
}

static void look_at_decision(struct ordered *o)
{
    assert(o->state == ORDERED_VOTING);
    const struct outcome *found = ballot_decided(o->parts.ballot, o->job.index, o->trust);
    if (found == NULL)
        return;
    struct outcome decided = *found; /* the ballot's may go */
    note_dissenters(o, &decided);
    if (decided.kind != OUTCOME_COMMITTED || o->job.passed) {
        note_mismatch(o, &decided);
        over(o, decided);
    } else if (outcome_equal(&o->own, &decided) && o->session != NULL) {
        commit(o, &decided);
    } else if (o->own.verdict == VERDICT_UNCONFIRMED && o->session != NULL) {
        /* what it read differs from what the quorum read, what it wrote does not: statements that
         * would store such a difference are refused */
        note_mismatch(o, &decided);
        commit(o, &decided);
    } else if (outcome_equal(&o->own, &decided)) {
        /* the session was lost after the vote */
        o->own.kind = OUTCOME_INVALID;
        follow(o);
    } else {
        note_mismatch(o, &decided);
        follow(o);
    }
}

static void vote(struct ordered *o)
{
    enter(o, ORDERED_VOTING);
    ballot_say(o->parts.ballot, o->job.index, &o->own);
    set_timer(o, o->parts.config->retransmit_ms / 1000.0);
    look_at_decision(o);
}

static void abstain(struct ordered *o, const char *why)
{
    log_line(LEVEL_WARNING,
        "this replica cannot execute request %" PRIu32 " of batch %" PRIu64 " (%s): it abstains",
        o->job.index, o->job.seq, why);
    struct outcome abstention = judge_abstention();
    o->own.kind = OUTCOME_INVALID;
    enter(o, ORDERED_VOTING);
    ballot_say(o->parts.ballot, o->job.index, &abstention);
    set_timer(o, o->parts.config->retransmit_ms / 1000.0);
    look_at_decision(o);
}

/* ---- running ---- */

/* This replica's own limits are no outcome: it tries again, and then leaves it to the others. */
static void fail_locally(struct ordered *o, const char *text)
{
    log_line(LEVEL_WARNING, "request %" PRIu32 " of batch %" PRIu64 " failed here: %s",
        o->job.index, o->job.seq, text);
    snprintf(o->failure, sizeof o->failure, "%s", text);
    give_session_up(o);
    list_stop(o->list);
    o->own.kind = OUTCOME_INVALID;
    o->tries++;
    if (!o->following && o->tries >= TRIES_MAX) {
        abstain(o, "too many failures");
        return;
    }
    if (o->following) {
        enter(o, ORDERED_VOTING);
        look_at_decision(o);
        return;
    }
    double pause = PAUSE_SECONDS;
    for (unsigned i = 1; i < o->tries; i++)
        pause *= PAUSE_FACTOR;
    enter(o, ORDERED_RESTING);
    set_timer(o, pause);
}

static void on_lost(void *context, struct backend *session, const char *reason)
{
    struct ordered *o = context;
    o->session = NULL;
    switch (o->state) {
    case ORDERED_RUNNING:
        if (backend_flooded(session)) {
            list_flooded(o->list);
            list_stop(o->list);
            on_list_ended(o);
        } else {
            o->died_running = true; /* perhaps with all of PostgreSQL, and because of it */
            fail_locally(o, reason);
        }
        return;
    case ORDERED_ENDING:
        forget_job(o);
        o->events.doubtful(o->events.context, reason);
        return;
    case ORDERED_VOTING:
        log_line(
            LEVEL_WARNING, "a session was lost while its transaction was voted on: %s", reason);
        return; /* runs again if the decision is to commit */
    case ORDERED_INVALID:
    case ORDERED_NONE:
    case ORDERED_SNAPSHOT:
    case ORDERED_CLAIMING:
    case ORDERED_RESTING:
        break;
    }
    assert(!"a session is held in this state");
}

static double seconds_for_run(const struct ordered *o)
{
    /* its coordinator had no longer, by agreed time; twice that, for a slower machine */
    double full = 2 * o->parts.config->transaction_timeout_ms / 1000.0;
    if (o->following)
        return full;
    return patience_seconds(
        &o->patience, o->job.transaction.id.client, ev_now(o->parts.loop), full);
}

static void run(struct ordered *o, enum list_start start)
{
    const struct ordered_job *job = &o->job;
    struct list_job list_job = {
        .start = start,
        .snapshot = snapshots_name(o->parts.snapshots, job->transaction.epoch),
        .entries = job->order.entries,
        .entry_count = job->order.entry_count,
        .commit = job->order.kind == ORDER_COMMIT,
        .seq = job->seq,
        .index = job->index,
        .epoch = job->epoch,
        .transaction = job->transaction,
        .config = o->parts.config,
    };
    o->start = start;
    o->died_running = false;
    enter(o, ORDERED_RUNNING);
    locks_watch(o->parts.locks, backend_pid(o->session));
    set_timer(o, seconds_for_run(o));
    list_run(o->list, o->session, &list_job);
}

static void end_session(struct ordered *o, const char *why)
{
    struct backend *session = o->session;
    o->session = NULL;
    if (session == NULL)
        return;
    admin_terminate(o->parts.admin, backend_pid(session));
    backend_lend(session, NULL, NULL);
    backend_kill(session, why);
}

static void on_list_ended(void *context)
{
    struct ordered *o = context;
    const struct judge *judge = list_judge(o->list);
    if (list_left_running(o->list))
        end_session(o, "its result is too large");
    if (judge->state == JUDGE_UNABLE) {
        fail_locally(o, list_error_text(o->list));
        return;
    }
    if (o->start == LIST_KEEP && (judge->state != JUDGE_AGREES || list_flags(o->list).uncertain)) {
        /* it ran before its turn and used what depends on that: again, at its turn */
        run(o, LIST_AGAIN);
        return;
    }
    bool is_commit = o->job.order.kind == ORDER_COMMIT;
    o->own = judge_outcome(judge, is_commit, list_flags(o->list));
    o->trust = list_is_certain(o->list) ? BALLOT_CERTAIN : BALLOT_UNCERTAIN;
    bool may_follow = is_commit && judge->state == JUDGE_DIFFERS && list_can_commit(o->list);
    if (o->own.kind != OUTCOME_COMMITTED && !(may_follow && o->trust == BALLOT_UNCERTAIN))
        give_session_up(o);
    vote(o);
}

static void on_granted(void *context, struct backend *session)
{
    struct ordered *o = context;
    o->session = session;
    backend_lend(session, o, on_lost);
    if (snapshots_state(o->parts.snapshots, o->job.transaction.epoch) == SNAPSHOT_READY) {
        run(o, LIST_FRESH);
        return;
    }
    o->session = NULL;
    pool_return(o->parts.pool, session);
    abstain(o, "the transaction's snapshot is gone");
}

/* Takes the coordinator's own session if it has one, else adopts the snapshot in another. */
static void start_running(struct ordered *o)
{
    bool equal = false;
    struct backend *session = speculations_hand_over(o->parts.speculations, o->job.transaction.id,
        o->job.order.entries, o->job.order.entry_count, &equal);
    if (session != NULL) {
        o->session = session;
        backend_lend(session, o, on_lost);
        run(o, equal ? LIST_KEEP : LIST_AGAIN);
    } else if (snapshots_state(o->parts.snapshots, o->job.transaction.epoch) != SNAPSHOT_READY) {
        abstain(o, "the transaction's snapshot is gone");
    } else {
        enter(o, ORDERED_CLAIMING);
        pool_claim(o->parts.pool, &o->claim);
    }
}

/* The others decided, and not to commit: there is nothing left to execute. */
static bool is_given_up(const struct ordered *o)
{
    const struct outcome *decided = ballot_decided(o->parts.ballot, o->job.index, o->trust);
    return decided != NULL && decided->kind != OUTCOME_COMMITTED;
}

static void go(struct ordered *o)
{
    if (is_given_up(o)) {
        over(o, *ballot_decided(o->parts.ballot, o->job.index, o->trust));
    } else if (snapshots_pending(o->parts.snapshots)) {
        /* nothing may be committed while an epoch is being exported */
        enter(o, ORDERED_SNAPSHOT);
    } else {
        start_running(o);
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct ordered *o = timer->data;
    switch (o->state) {
    case ORDERED_RUNNING:
        list_stop(o->list);
        end_session(o, "the ordered execution takes too long");
        if (!o->following) {
            patience_lose(&o->patience, o->job.transaction.id.client, ev_now(loop));
            o->tries = TRIES_MAX; /* trying again would take as long */
        }
        fail_locally(o, "it takes too long");
        return;
    case ORDERED_RESTING:
        go(o);
        return;
    case ORDERED_VOTING:
        ballot_repeat(o->parts.ballot, o->job.index);
        set_timer(o, o->parts.config->retransmit_ms / 1000.0);
        return;
    case ORDERED_INVALID:
    case ORDERED_NONE:
    case ORDERED_SNAPSHOT:
    case ORDERED_CLAIMING:
    case ORDERED_ENDING:
        break;
    }
    assert(!"no timer runs in this state");
}

/* ---- calls ---- */

void ordered_start(struct ordered *o, const struct ordered_job *job)
{
    assert(o->state == ORDERED_NONE && o->session == NULL);
    o->job = *job;
    o->own = (struct outcome){0};
    /* PostgreSQL is beyond it without it: only which abort it was is asked */
    o->trust = job->passed ? BALLOT_CERTAIN : BALLOT_UNCERTAIN;
    o->tries = 0;
    o->noted = 0;
    o->following = false;
    if (job->passed)
        abstain(o, "PostgreSQL is beyond it, and the log does not say what it came to");
    else if (job->must_not_run)
        abstain(o, "PostgreSQL died while it ran");
    else
        go(o);
}

void ordered_wake(struct ordered *o)
{
    switch (o->state) {
    case ORDERED_SNAPSHOT:
        go(o);
        return;
    case ORDERED_RESTING:
        if (is_given_up(o))
            go(o);
        return;
    case ORDERED_VOTING:
        look_at_decision(o);
        return;
    case ORDERED_INVALID:
    case ORDERED_NONE:
    case ORDERED_CLAIMING:
    case ORDERED_RUNNING:
    case ORDERED_ENDING:
        return;
    }
}

bool ordered_interrupt(struct ordered *o)
{
    bool was_running =
        o->state == ORDERED_RUNNING || (o->state == ORDERED_RESTING && o->died_running);
    if (o->session != NULL)
        backend_lend(o->session, NULL, NULL);
    o->session = NULL;
    forget_job(o);
    return was_running;
}

const struct ordered_counters *ordered_counters(const struct ordered *o)
{
    return &o->counters;
}

static const char *state_word(enum ordered_state state)
{
    switch (state) {
    case ORDERED_INVALID:
    case ORDERED_NONE:
        break;
    case ORDERED_SNAPSHOT:
        return "waiting for a snapshot";
    case ORDERED_CLAIMING:
        return "waiting for a session";
    case ORDERED_RUNNING:
        return "running";
    case ORDERED_RESTING:
        return "resting after a failure";
    case ORDERED_VOTING:
        return "voting";
    case ORDERED_ENDING:
        return "committing";
    }
    return "";
}

bool ordered_current(const struct ordered *o, struct transaction_id *ret)
{
    *ret = o->job.transaction.id;
    return o->state != ORDERED_NONE;
}

void ordered_describe(const struct ordered *o, char *out, size_t size)
{
    out[0] = '\0';
    if (o->state != ORDERED_NONE)
        snprintf(out, size, "batch %" PRIu64 " request %" PRIu32 ": %s", o->job.seq, o->job.index,
            state_word(o->state));
}

struct ordered *ordered_new(const struct ordered_parts *parts, const struct ordered_events *events)
{
    struct ordered *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->parts = *parts;
    o->events = *events;
    o->state = ORDERED_NONE;
    struct answer_limits limits = {
        .bytes_max = parts->config->result_bytes_max, .rows_max = RESULT_ROWS_MAX};
    struct list_events list_events = {.context = o, .ended = on_list_ended};
    o->list = list_new(&limits, &list_events);
    if (o->list == NULL) {
        free(o);
        return NULL;
    }
    o->claim = (struct pool_claim){.use = POOL_ORDER, .context = o, .granted = on_granted};
    ev_init(&o->timer, on_timer);
    o->timer.data = o;
    return o;
}

void ordered_free(struct ordered *o)
{
    if (o == NULL)
        return;
    ev_timer_stop(o->parts.loop, &o->timer);
    list_free(o->list);
    free(o);
}
