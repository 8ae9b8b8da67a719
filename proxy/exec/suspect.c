#include "proxy/exec/suspect.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_BYTES_MAX 256

/* The list was checked when the order was decoded. False: it is not so long. */
static bool entry_at(const struct order *order, uint32_t index, struct entry *ret)
{
    struct reader r = reader_of(order->entries);
    if (index >= order->entry_count)
        return false;
    for (uint32_t i = 0; i <= index; i++)
        if (entry_take(&r, ret) != NULL)
            return false;
    return true;
}

/* `statement` < 0: it is about none. */
static void say(const struct suspect_case *found, enum suspicion_kind kind, unsigned replica,
    int64_t statement, const char *detail)
{
    struct entry entry;
    struct suspicion s = {.kind = kind,
        .replica = replica,
        .seq = found->seq,
        .request = found->request,
        .has_transaction = true,
        .client = found->id.client,
        .session = found->id.session,
        .number = found->id.number,
        .decided = *found->decided,
        .detail = slice_text(detail)};
    if (statement >= 0 && entry_at(found->order, (uint32_t)statement, &entry)) {
        s.has_statement = true;
        s.statement_index = (uint32_t)statement;
        s.statement = entry.statement.text;
    }
    if (found->ops->suspect != NULL && replica < REPLICAS_MAX)
        found->ops->suspect(found->ops->context, &s);
}

/* The statement that a decision is about, or -1. */
static int64_t statement_of(const struct outcome *outcome)
{
    return outcome->verdict == VERDICT_LIED || outcome->verdict == VERDICT_UNCONFIRMED
               ? (int64_t)outcome->statement
               : -1;
}

void suspect_executor(const struct suspect_case *found)
{
    struct entry entry;
    if (statement_of(found->decided) < 0 ||
        !entry_at(found->order, found->decided->statement, &entry))
        return;
    bool lied = found->decided->verdict == VERDICT_LIED;
    say(found, lied ? SUSPICION_WRONG_RESULT : SUSPICION_UNCONFIRMED, entry.executor,
        found->decided->statement,
        lied ? "f+1 replicas came to other rows than the client says it had from this replica"
             : "f+1 replicas came to another result than the client says it had from this replica; "
               "honest replicas may differ here");
}

void suspect_dissenter(const struct suspect_case *found, unsigned replica)
{
    say(found, SUSPICION_DISSENT, replica, statement_of(found->decided),
        "voted otherwise than was decided");
}

static const char *kind_word(enum outcome_kind kind)
{
    switch (kind) {
    case OUTCOME_COMMITTED:
        return "commit";
    case OUTCOME_ROLLED_BACK:
        return "rollback";
    case OUTCOME_ABORTED:
        return "abort";
    case OUTCOME_INVALID:
    case OUTCOME_BEGUN:
    case OUTCOME_REFUSED:
        break;
    }
    assert(!"an execution's outcome");
    return "";
}

void suspect_self(const struct suspect_case *found, unsigned self, const struct outcome *own)
{
    char detail[DETAIL_BYTES_MAX];
    snprintf(detail, sizeof detail,
        "this replica's own execution came to: %s, SQLSTATE %.5s; its data may differ",
        kind_word(own->kind), own->sqlstate);
    bool at_own = own->kind == OUTCOME_ABORTED && own->verdict != VERDICT_CONFIRMED;
    say(found, SUSPICION_MISMATCH, self,
        at_own ? (int64_t)own->statement : statement_of(found->decided), detail);
}
