#include "tests/bench/workload.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct workload *workload_find(const char *name)
{
    static const struct workload *const workloads[] = {
        &workload_tpcb_n, &workload_tpcb, &workload_select_only, &workload_orders};
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        if (strcmp(workloads[i]->name, name) == 0)
            return workloads[i];
    }
    return NULL;
}

void transaction_add(
    struct transaction *t, unsigned statement, unsigned value_count, const int *values)
{
    assert(t->step_count < STEPS_MAX && value_count <= VALUES_MAX);
    struct step *step = &t->steps[t->step_count++];
    step->statement = statement;
    step->value_count = value_count;
    for (unsigned i = 0; i < value_count; i++)
        snprintf(step->values[i], VALUE_BYTES, "%d", values[i]);
}

void step_values(const struct step *step, const char *ret_values[static VALUES_MAX])
{
    for (unsigned i = 0; i < step->value_count; i++)
        ret_values[i] = step->values[i];
}
