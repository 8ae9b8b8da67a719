/* What is executed: a workload is a table of statements and a rule that picks transactions.
 *
 * A transaction is known as a whole before it begins: no statement's parameter depends on an
 * earlier result. So the very same transactions can be sent statement by statement and in one
 * pipeline. What depends on the data is computed by the server, inside the statements. */
#ifndef BYZ_BENCH_WORKLOAD_H
#define BYZ_BENCH_WORKLOAD_H

#include "tests/bench/dice.h"

#include <stdbool.h>

#define STEPS_MAX 64
#define VALUES_MAX 8
#define VALUE_BYTES 16

struct statement {
    const char *sql; /* parameters $1, $2, … are integers */
    unsigned value_count;
};

struct step {
    unsigned statement; /* its place in the workload's table */
    unsigned value_count;
    char values[VALUES_MAX][VALUE_BYTES];
};

struct transaction {
    unsigned step_count;
    struct step steps[STEPS_MAX];
};

struct workload {
    const char *name;
    const struct statement *statements;
    unsigned statement_count;
    bool alone; /* each transaction is one statement, without BEGIN and COMMIT */
    /* Into an empty transaction. `scale`: pgbench's, or warehouses. */
    void (*pick)(struct dice *dice, unsigned scale, struct transaction *ret);
};

extern const struct workload workload_tpcb;
extern const struct workload workload_tpcb_n;
extern const struct workload workload_select_only;
extern const struct workload workload_orders;

/* NULL: there is none of this name. */
const struct workload *workload_find(const char *name);

void transaction_add(
    struct transaction *t, unsigned statement, unsigned value_count, const int *values);
/* ADD(t, STATEMENT, value, …) */
#define ADD(t, statement, ...)                                                                     \
    transaction_add(t, statement, sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__})

/* The step's values as libpq and libbyzclient want them. */
void step_values(const struct step *step, const char *ret_values[static VALUES_MAX]);

#endif
