/* A script as a list of transactions, and running them. */
#ifndef BYZ_CLIENT_CTL_RUN_SCRIPT_H
#define BYZ_CLIENT_CTL_RUN_SCRIPT_H

#include "client/byzclient.h"
#include "client/ctl/script.h"
#include "common/codec.h"

struct run_options {
    const char *name; /* of the file, for messages */
    unsigned batch;   /* statements in a transaction where the script does not say BEGIN */
    unsigned retries;
    bool single;
    bool quiet;
};

/* One transaction: statements [first, first + count) of the plan. */
struct run_transaction {
    size_t first;
    size_t count;
    bool rolled_back; /* the script ends it with ROLLBACK */
    bool alone;       /* one statement without BEGIN: the library's own transaction */
};

struct run_plan {
    struct script_statement *statements; /* without BEGIN, COMMIT, ROLLBACK; borrow the text */
    size_t statement_count;
    struct run_transaction *transactions;
    size_t transaction_count;
};

/* Plans a whole script before anything of it runs. False after naming the line that cannot be. */
bool run_plan_make(struct run_plan *plan, struct slice text, const struct run_options *options);
void run_plan_free(struct run_plan *plan);
bool run_plan_execute(
    const struct run_plan *plan, byz_conn *conn, const struct run_options *options);

#endif
