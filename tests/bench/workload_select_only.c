/* pgbench's -S: one account is read, in a transaction of its own. */
#include "tests/bench/workload.h"

#define ACCOUNTS_PER_BRANCH 100000

static const struct statement statements[] = {
    {"SELECT abalance FROM pgbench_accounts WHERE aid = $1", 1},
};

static void pick(struct dice *dice, unsigned scale, struct transaction *t)
{
    ADD(t, 0, dice_between(dice, 1, (int)scale * ACCOUNTS_PER_BRANCH));
}

const struct workload workload_select_only = {
    .name = "select-only",
    .statements = statements,
    .statement_count = 1,
    .alone = true,
    .pick = pick,
};
