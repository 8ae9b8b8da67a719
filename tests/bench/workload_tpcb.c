/* pgbench's TPC-B-like transaction, whole and without the two updates of hot rows (its -N). */
#include "tests/bench/workload.h"

#define ACCOUNTS_PER_BRANCH 100000
#define TELLERS_PER_BRANCH 10

enum {
    UPDATE_ACCOUNT,
    SELECT_ACCOUNT,
    UPDATE_TELLER,
    UPDATE_BRANCH,
    INSERT_HISTORY,
    STATEMENT_COUNT,
};

static const struct statement statements[STATEMENT_COUNT] = {
    [UPDATE_ACCOUNT] = {"UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2", 2},
    [SELECT_ACCOUNT] = {"SELECT abalance FROM pgbench_accounts WHERE aid = $1", 1},
    [UPDATE_TELLER] = {"UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2", 2},
    [UPDATE_BRANCH] = {"UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2", 2},
    [INSERT_HISTORY] = {"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) "
                        "VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
        4},
};

static void pick(struct dice *dice, unsigned scale, bool hot, struct transaction *t)
{
    int aid = dice_between(dice, 1, (int)scale * ACCOUNTS_PER_BRANCH);
    int bid = dice_between(dice, 1, (int)scale);
    int tid = dice_between(dice, 1, (int)scale * TELLERS_PER_BRANCH);
    int delta = dice_between(dice, -5000, 5000);
    ADD(t, UPDATE_ACCOUNT, delta, aid);
    ADD(t, SELECT_ACCOUNT, aid);
    if (hot) {
        ADD(t, UPDATE_TELLER, delta, tid);
        ADD(t, UPDATE_BRANCH, delta, bid);
    }
    ADD(t, INSERT_HISTORY, tid, bid, aid, delta);
}

static void pick_n(struct dice *dice, unsigned scale, struct transaction *t)
{
    pick(dice, scale, false, t);
}

static void pick_full(struct dice *dice, unsigned scale, struct transaction *t)
{
    pick(dice, scale, true, t);
}

const struct workload workload_tpcb_n = {
    .name = "tpcb-N",
    .statements = statements,
    .statement_count = STATEMENT_COUNT,
    .pick = pick_n,
};

const struct workload workload_tpcb = {
    .name = "tpcb",
    .statements = statements,
    .statement_count = STATEMENT_COUNT,
    .pick = pick_full,
};
