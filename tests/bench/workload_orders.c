/* A mix in the shape of TPC-C, and not TPC-C: five kinds of transactions of a wholesaler in its
 * proportions (45 new orders, 43 payments, 4 each of order status, delivery and stock level), on
 * smaller tables (orders.sql), without think times, keyboards and the 1 % of new orders that roll
 * back. Customers are found by number, never by name, and a delivery serves one district. Numbers
 * are uniform.
 *
 * The number of a new order is taken from the district's row inside the statements. Items of an
 * order are sorted, so that two new orders never wait for each other in a circle. */
#include "tests/bench/workload.h"

#include <assert.h>
#include <stdlib.h>

/* As in orders.sql. */
#define DISTRICTS 10
#define CUSTOMERS_PER_DISTRICT 300
#define ITEMS 10000
#define LINES_MIN 5
#define LINES_MAX 15
#define REMOTE_PERCENT 1 /* lines from another warehouse's stock */

enum {
    READ_TERMS,
    TAKE_NUMBER,
    INSERT_ORDER,
    INSERT_NEW_ORDER,
    READ_ITEM,
    TAKE_STOCK,
    INSERT_LINE,
    PAY_WAREHOUSE,
    PAY_DISTRICT,
    PAY_CUSTOMER,
    INSERT_PAYMENT,
    READ_CUSTOMER,
    READ_LAST_ORDER,
    READ_LAST_LINES,
    DELIVER_ORDER,
    DELIVER_LINES,
    DELIVER_CUSTOMER,
    DELIVER_DONE,
    READ_STOCK_LEVEL,
    STATEMENT_COUNT,
};

/* The oldest order of district ($1, $2) that waits for delivery. */
#define OLDEST "(SELECT min(o_id) FROM new_orders WHERE w_id = $1 AND d_id = $2)"
#define LAST "(SELECT max(o_id) FROM orders WHERE w_id = $1 AND d_id = $2 AND c_id = $3)"

static const struct statement statements[STATEMENT_COUNT] = {
    [READ_TERMS] = {"SELECT w.tax, c.discount, c.credit FROM warehouses w JOIN customers c "
                    "ON c.w_id = w.w_id WHERE w.w_id = $1 AND c.d_id = $2 AND c.c_id = $3",
        3},
    [TAKE_NUMBER] = {"UPDATE districts SET next_o_id = next_o_id + 1 WHERE w_id = $1 AND d_id = $2",
        2},
    [INSERT_ORDER] = {"INSERT INTO orders (w_id, d_id, o_id, c_id, lines, entered) "
                      "SELECT w_id, d_id, next_o_id - 1, $3::int, $4::int, CURRENT_TIMESTAMP "
                      "FROM districts WHERE w_id = $1 AND d_id = $2",
        4},
    [INSERT_NEW_ORDER] = {"INSERT INTO new_orders (w_id, d_id, o_id) SELECT w_id, d_id, "
                          "next_o_id - 1 FROM districts WHERE w_id = $1 AND d_id = $2",
        2},
    [READ_ITEM] = {"SELECT name, price FROM items WHERE i_id = $1", 1},
    [TAKE_STOCK] = {"UPDATE stock SET quantity = quantity - $1 + CASE WHEN quantity < $1 + 10 "
                    "THEN 91 ELSE 0 END, sold = sold + $1, orders = orders + 1 "
                    "WHERE w_id = $2 AND i_id = $3",
        3},
    [INSERT_LINE] = {"INSERT INTO order_lines (w_id, d_id, o_id, line, i_id, supply_w_id, "
                     "quantity, amount) SELECT d.w_id, d.d_id, d.next_o_id - 1, $3::int, i.i_id, "
                     "$5::int, $6::int, $6::int * i.price FROM districts d, items i "
                     "WHERE d.w_id = $1 AND d.d_id = $2 AND i.i_id = $4",
        6},
    [PAY_WAREHOUSE] = {"UPDATE warehouses SET ytd = ytd + $1 WHERE w_id = $2", 2},
    [PAY_DISTRICT] = {"UPDATE districts SET ytd = ytd + $1 WHERE w_id = $2 AND d_id = $3", 3},
    [PAY_CUSTOMER] = {"UPDATE customers SET balance = balance - $1, paid = paid + $1, "
                      "payments = payments + 1 WHERE w_id = $2 AND d_id = $3 AND c_id = $4",
        4},
    [INSERT_PAYMENT] = {"INSERT INTO payments (w_id, d_id, c_id, amount, paid) "
                        "VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
        4},
    [READ_CUSTOMER] = {"SELECT balance, paid, payments FROM customers "
                       "WHERE w_id = $1 AND d_id = $2 AND c_id = $3",
        3},
    [READ_LAST_ORDER] = {"SELECT o_id, carrier, lines FROM orders "
                         "WHERE w_id = $1 AND d_id = $2 AND o_id = " LAST,
        3},
    [READ_LAST_LINES] = {"SELECT line, i_id, quantity, amount, delivered FROM order_lines "
                         "WHERE w_id = $1 AND d_id = $2 AND o_id = " LAST,
        3},
    [DELIVER_ORDER] = {"UPDATE orders SET carrier = $3 "
                       "WHERE w_id = $1 AND d_id = $2 AND o_id = " OLDEST,
        3},
    [DELIVER_LINES] = {"UPDATE order_lines SET delivered = CURRENT_TIMESTAMP "
                       "WHERE w_id = $1 AND d_id = $2 AND o_id = " OLDEST,
        2},
    [DELIVER_CUSTOMER] = {"UPDATE customers SET balance = balance + (SELECT sum(amount) "
                          "FROM order_lines WHERE w_id = $1 AND d_id = $2 AND o_id = " OLDEST ") "
                          "WHERE w_id = $1 AND d_id = $2 AND c_id = (SELECT c_id FROM orders "
                          "WHERE w_id = $1 AND d_id = $2 AND o_id = " OLDEST ")",
        2},
    [DELIVER_DONE] = {"DELETE FROM new_orders WHERE w_id = $1 AND d_id = $2 AND o_id = " OLDEST, 2},
    [READ_STOCK_LEVEL] = {"SELECT count(DISTINCT s.i_id) FROM districts d JOIN order_lines l "
                          "ON l.w_id = d.w_id AND l.d_id = d.d_id AND l.o_id < d.next_o_id "
                          "AND l.o_id >= d.next_o_id - 20 JOIN stock s ON s.w_id = d.w_id "
                          "AND s.i_id = l.i_id WHERE d.w_id = $1 AND d.d_id = $2 "
                          "AND s.quantity < $3",
        3},
};

struct place {
    int warehouse;
    int district;
    int customer;
};

static struct place place_pick(struct dice *dice, unsigned scale)
{
    return (struct place){dice_between(dice, 1, (int)scale), dice_between(dice, 1, DISTRICTS),
        dice_between(dice, 1, CUSTOMERS_PER_DISTRICT)};
}

static int order_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Sorted, so that locks are taken in one order, and different, as an order has each item once. */
static void items_pick(struct dice *dice, int count, int items[static LINES_MAX])
{
    assert(count <= LINES_MAX);
    for (int i = 0; i < count; i++)
        items[i] = dice_between(dice, 1, ITEMS - LINES_MAX);
    qsort(items, (size_t)count, sizeof items[0], order_int);
    for (int i = 1; i < count; i++) {
        if (items[i] <= items[i - 1])
            items[i] = items[i - 1] + 1;
    }
}

static int supplier_pick(struct dice *dice, unsigned scale, int home)
{
    bool remote = dice_below(dice, 100) < REMOTE_PERCENT;
    int other = dice_between(dice, 1, (int)scale); /* thrown in any case: equal sequences */
    return remote ? other : home;
}

static void new_order(struct dice *dice, unsigned scale, struct transaction *t)
{
    struct place at = place_pick(dice, scale);
    int items[LINES_MAX], lines = dice_between(dice, LINES_MIN, LINES_MAX);
    items_pick(dice, lines, items);
    ADD(t, READ_TERMS, at.warehouse, at.district, at.customer);
    ADD(t, TAKE_NUMBER, at.warehouse, at.district);
    ADD(t, INSERT_ORDER, at.warehouse, at.district, at.customer, lines);
    ADD(t, INSERT_NEW_ORDER, at.warehouse, at.district);
    for (int i = 0; i < lines; i++) {
        int supplier = supplier_pick(dice, scale, at.warehouse);
        int quantity = dice_between(dice, 1, 10);
        ADD(t, READ_ITEM, items[i]);
        ADD(t, TAKE_STOCK, quantity, supplier, items[i]);
        ADD(t, INSERT_LINE, at.warehouse, at.district, i + 1, items[i], supplier, quantity);
    }
}

static void payment(struct dice *dice, unsigned scale, struct transaction *t)
{
    struct place at = place_pick(dice, scale);
    int amount = dice_between(dice, 1, 5000);
    ADD(t, PAY_WAREHOUSE, amount, at.warehouse);
    ADD(t, PAY_DISTRICT, amount, at.warehouse, at.district);
    ADD(t, PAY_CUSTOMER, amount, at.warehouse, at.district, at.customer);
    ADD(t, READ_CUSTOMER, at.warehouse, at.district, at.customer);
    ADD(t, INSERT_PAYMENT, at.warehouse, at.district, at.customer, amount);
}

static void order_status(struct dice *dice, unsigned scale, struct transaction *t)
{
    struct place at = place_pick(dice, scale);
    ADD(t, READ_CUSTOMER, at.warehouse, at.district, at.customer);
    ADD(t, READ_LAST_ORDER, at.warehouse, at.district, at.customer);
    ADD(t, READ_LAST_LINES, at.warehouse, at.district, at.customer);
}

/* What all four statements mean by "oldest" is the same order: the row goes last. */
static void delivery(struct dice *dice, unsigned scale, struct transaction *t)
{
    struct place at = place_pick(dice, scale);
    ADD(t, DELIVER_ORDER, at.warehouse, at.district, dice_between(dice, 1, 10));
    ADD(t, DELIVER_LINES, at.warehouse, at.district);
    ADD(t, DELIVER_CUSTOMER, at.warehouse, at.district);
    ADD(t, DELIVER_DONE, at.warehouse, at.district);
}

static void stock_level(struct dice *dice, unsigned scale, struct transaction *t)
{
    struct place at = place_pick(dice, scale);
    ADD(t, READ_STOCK_LEVEL, at.warehouse, at.district, dice_between(dice, 10, 20));
}

static void pick(struct dice *dice, unsigned scale, struct transaction *t)
{
    unsigned kind = dice_below(dice, 100);
    if (kind < 45)
        new_order(dice, scale, t);
    else if (kind < 88)
        payment(dice, scale, t);
    else if (kind < 92)
        order_status(dice, scale, t);
    else if (kind < 96)
        delivery(dice, scale, t);
    else
        stock_level(dice, scale, t);
}

const struct workload workload_orders = {
    .name = "orders",
    .statements = statements,
    .statement_count = STATEMENT_COUNT,
    .pick = pick,
};
