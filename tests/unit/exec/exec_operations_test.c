/* Operations that wait, and what one client may take of their budget. */
#include "proxy/exec/operations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BUDGET_BYTES 80000
#define TEXT_BYTES 1000

static char text[TEXT_BYTES];
static struct operation_budget budget;
static struct operation_queue queue;

static int clear(void **state)
{
    memset(text, 'x', sizeof text);
    budget = (struct operation_budget){.bytes_max = BUDGET_BYTES};
    operations_init(&queue);
    return 0;
}

static bool push(unsigned client)
{
    struct operation operation = {.statement.text = slice_of((const uint8_t *)text, sizeof text)};
    return operations_push(&queue, &budget, client, &operation) != NULL;
}

static unsigned push_all(unsigned client)
{
    unsigned count = 0;
    while (push(client))
        count++;
    return count;
}

static void drop_all(void)
{
    while (queue.first != NULL)
        operation_free(&budget, operations_remove(&queue, &queue.first));
}

static void one_client_leaves_room(void **state)
{
    unsigned first = push_all(0);
    assert_in_range(first, 1, BUDGET_BYTES / OPERATIONS_CLIENT_SHARE / TEXT_BYTES);
    assert_int_equal(push_all(1), first);
    drop_all();
    assert_int_equal(budget.bytes, 0);
    assert_int_equal(push_all(0), first);
    drop_all();
}

static void all_together_keep_to_the_budget(void **state)
{
    for (unsigned client = 0; client < 2 * OPERATIONS_CLIENT_SHARE; client++)
        push_all(client);
    assert_true(budget.bytes <= budget.bytes_max);
    assert_true(budget.bytes + 2 * TEXT_BYTES > budget.bytes_max);
    drop_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_client_leaves_room, clear),
        cmocka_unit_test_setup(all_together_keep_to_the_budget, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
