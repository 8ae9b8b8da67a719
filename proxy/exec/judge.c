#include "proxy/exec/judge.h"

#include <assert.h>
#include <string.h>

struct outcome judge_make(
    enum outcome_kind kind, enum verdict verdict, const char sqlstate[static 5], uint32_t statement)
{
    struct outcome outcome = {.kind = kind, .verdict = verdict, .statement = statement};
    memcpy(outcome.sqlstate, sqlstate, sizeof outcome.sqlstate);
    return outcome;
}

struct outcome judge_abstention(void)
{
    return judge_make(OUTCOME_ABORTED, VERDICT_NONE, SQLSTATE_ABSTAINED, 0);
}

bool judge_is_abstention(const struct outcome *outcome)
{
    struct outcome abstention = judge_abstention();
    return outcome_equal(outcome, &abstention);
}

bool judge_is_local(const char sqlstate[static 5])
{
    static const char *const classes[] = {"53", "57", "58", "XX"};
    static const char *const states[] = {"40P01", "55P03", "54001"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (memcmp(sqlstate, classes[i], 2) == 0)
            return true;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (memcmp(sqlstate, states[i], 5) == 0)
            return true;
    return false;
}

void judge_start(struct judge *judge)
{
    *judge = (struct judge){.state = JUDGE_AGREES};
}

void judge_trust(struct judge *judge, uint32_t entry_count)
{
    judge_start(judge);
    judge->entry_count = entry_count;
}

static enum judge_state compare(const struct entry *claimed, const struct answer_end *actual)
{
    bool equal = memcmp(claimed->result_hash, actual->hash, DIGEST_BYTES) == 0;
    if (actual->too_large)
        return JUDGE_TOO_LARGE;
    /* A failure that looks local but that the coordinator met alike is the statement's own. */
    if (actual->failed && claimed->failed && equal)
        return JUDGE_AGREES;
    if (actual->failed && judge_is_local(actual->sqlstate))
        return JUDGE_UNABLE;
    if (claimed->failed)
        return JUDGE_DOUBTFUL;
    if (actual->failed)
        return JUDGE_CONFLICT;
    return equal ? JUDGE_AGREES : JUDGE_DIFFERS;
}

bool judge_entry(struct judge *judge, const struct entry *claimed, const struct answer_end *actual)
{
    if (judge->state != JUDGE_AGREES)
        return false;
    judge->state = compare(claimed, actual);
    if (judge->state == JUDGE_AGREES) {
        judge->entry_count++;
        return true;
    }
    judge->statement = judge->entry_count;
    memcpy(judge->sqlstate, actual->sqlstate, sizeof judge->sqlstate);
    return false;
}

void judge_finish_failed(struct judge *judge, const char sqlstate[static 5])
{
    if (judge->state != JUDGE_AGREES)
        return;
    judge->state = judge_is_local(sqlstate) ? JUDGE_UNABLE : JUDGE_UNFIT;
    memcpy(judge->sqlstate, sqlstate, sizeof judge->sqlstate);
}

bool judge_needs_flags(const struct judge *judge)
{
    return judge->state == JUDGE_DIFFERS;
}

static struct outcome success(const struct judge *judge, bool commit, struct judge_flags flags)
{
    struct outcome outcome = judge_make(commit ? OUTCOME_COMMITTED : OUTCOME_ROLLED_BACK,
        judge->entry_count > 0 ? VERDICT_CONFIRMED : VERDICT_NONE, SQLSTATE_SUCCESS, 0);
    outcome.barrier = commit && flags.barrier;
    return outcome;
}

struct outcome judge_outcome(const struct judge *judge, bool commit, struct judge_flags flags)
{
    switch (judge->state) {
    case JUDGE_INVALID:
    case JUDGE_UNABLE:
        break;
    case JUDGE_AGREES:
        return success(judge, commit, flags);
    case JUDGE_CONFLICT:
        return judge_make(OUTCOME_ABORTED, VERDICT_NONE, SQLSTATE_CONFLICT, judge->statement);
    case JUDGE_DIFFERS:
        if (!flags.uncertain)
            return judge_make(OUTCOME_ABORTED, VERDICT_LIED, SQLSTATE_LIED, judge->statement);
        return judge_make(
            OUTCOME_ABORTED, VERDICT_UNCONFIRMED, SQLSTATE_CONFLICT, judge->statement);
    case JUDGE_DOUBTFUL:
        return judge_make(
            OUTCOME_ABORTED, VERDICT_UNCONFIRMED, SQLSTATE_CONFLICT, judge->statement);
    case JUDGE_TOO_LARGE:
        return judge_make(OUTCOME_ABORTED, VERDICT_NONE, SQLSTATE_TOO_LARGE, judge->statement);
    case JUDGE_UNFIT:
        return judge_make(OUTCOME_ABORTED,
            judge->entry_count > 0 ? VERDICT_CONFIRMED : VERDICT_NONE, judge->sqlstate, 0);
    }
    assert(!"a judgement that is an outcome");
    return (struct outcome){0};
}
