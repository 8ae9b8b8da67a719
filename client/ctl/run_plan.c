/* From a script to transactions. */
#include "client/ctl/run_script.h"

#include "client/ctl/ctl.h"

#include <stdlib.h>

/* A COMMIT carries the whole list of statements, and has a ceiling (common/limits.h). Transactions
 * that --batch makes stay well below it. */
#define BATCH_STATEMENT_BYTES_MAX (REQUEST_BODY_BYTES_MAX / 4)

struct planner {
    struct run_plan *plan;
    const struct run_options *options;
    size_t statement_room;
    size_t transaction_room;
    bool explicit_open; /* after BEGIN */
    bool group_open;    /* of --batch or --single-transaction */
    size_t group_bytes;
};

/* Makes room for one more item. */
static bool make_room(void **items, size_t *room, size_t count, size_t item_size)
{
    if (count < *room)
        return true;
    size_t more = *room ? 2 * *room : 64;
    void *larger = reallocarray(*items, more, item_size);
    if (!larger) {
        ctl_error("out of memory");
        return false;
    }
    *items = larger;
    *room = more;
    return true;
}

static bool transaction_open(struct planner *p, bool alone)
{
    struct run_plan *plan = p->plan;
    void *items = plan->transactions;
    if (!make_room(
            &items, &p->transaction_room, plan->transaction_count, sizeof *plan->transactions))
        return false;
    plan->transactions = items;
    plan->transactions[plan->transaction_count++] =
        (struct run_transaction){.first = plan->statement_count, .alone = alone};
    p->group_bytes = 0;
    return true;
}

static size_t size_of(const struct script_statement *statement)
{
    return statement->size + statement->data_size;
}

static bool statement_add(struct planner *p, const struct script_statement *statement)
{
    struct run_plan *plan = p->plan;
    void *items = plan->statements;
    if (!make_room(&items, &p->statement_room, plan->statement_count, sizeof *plan->statements))
        return false;
    plan->statements = items;
    plan->statements[plan->statement_count++] = *statement;
    plan->transactions[plan->transaction_count - 1].count++;
    p->group_bytes += size_of(statement);
    return true;
}

static bool plan_statement(struct planner *p, const struct script_statement *statement)
{
    const struct run_options *options = p->options;
    if (p->explicit_open)
        return statement_add(p, statement);
    bool full = false;
    if (p->group_open && !options->single) {
        size_t count = p->plan->transactions[p->plan->transaction_count - 1].count;
        full = count >= options->batch ||
               p->group_bytes + size_of(statement) > BATCH_STATEMENT_BYTES_MAX;
    }
    /* what is longer goes in transactions of its own, as many as it takes */
    bool grouped =
        options->single || (options->batch > 1 && size_of(statement) <= BATCH_STATEMENT_BYTES_MAX);
    if (!p->group_open || full || !grouped) {
        if (!transaction_open(p, !grouped))
            return false;
        p->group_open = grouped;
    }
    return statement_add(p, statement);
}

/* Constant text that says why this transaction control cannot stand here, or NULL. */
static const char *control_invalid_reason(const struct planner *p, enum script_kind kind)
{
    if (p->options->single)
        return "transaction control inside --single-transaction";
    if (kind == SCRIPT_BEGIN)
        return p->explicit_open ? "BEGIN inside a transaction" : NULL;
    return p->explicit_open ? NULL : "COMMIT or ROLLBACK without BEGIN";
}

static bool plan_control(struct planner *p, enum script_kind kind)
{
    p->group_open = false;
    p->explicit_open = kind == SCRIPT_BEGIN;
    if (kind == SCRIPT_BEGIN)
        return transaction_open(p, false);
    p->plan->transactions[p->plan->transaction_count - 1].rolled_back = kind == SCRIPT_ROLLBACK;
    return true;
}

static bool plan_one(struct planner *p, const struct script_statement *statement)
{
    const char *reason = NULL;
    switch (statement->kind) {
    case SCRIPT_STATEMENT:
    case SCRIPT_COPY_IN:
    case SCRIPT_COPY_OUT:
        return plan_statement(p, statement);
    case SCRIPT_BEGIN:
    case SCRIPT_COMMIT:
    case SCRIPT_ROLLBACK:
        reason = control_invalid_reason(p, statement->kind);
        if (!reason)
            return plan_control(p, statement->kind);
        break;
    case SCRIPT_META:
        reason = "a command of psql's own; this runs SQL only";
        break;
    case SCRIPT_UNFINISHED:
    case SCRIPT_INVALID:
        reason = "a quote, dollar quote or comment that begins in this statement is not closed";
        break;
    }
    ctl_error("%s:%u: %s", p->options->name, statement->line, reason);
    return false;
}

bool run_plan_make(struct run_plan *plan, struct slice text, const struct run_options *options)
{
    struct planner planner = {.plan = plan, .options = options};
    struct script script = script_of((const char *)text.data, text.size);
    struct script_statement statement;
    while (script_next(&script, &statement)) {
        if (!plan_one(&planner, &statement))
            return false;
    }
    if (planner.explicit_open) {
        ctl_error("%s:%u: the script ends inside a transaction", options->name, script.line);
        return false;
    }
    return true;
}

void run_plan_free(struct run_plan *plan)
{
    free(plan->statements);
    free(plan->transactions);
    *plan = (struct run_plan){0};
}
