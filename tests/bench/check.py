"""Was the work done? What must hold in the tables after any number of whole transactions, on every
server; and where servers replicate each other, that all come to hold the same."""
import time

PATIENCE_SECONDS = 30

# Truths first, then what must be equal on replicas.
CHECKS = {
    "tpcb.sql": """SELECT
 (SELECT sum(abalance) FROM pgbench_accounts)
   = (SELECT coalesce(sum(delta), 0) FROM pgbench_history),
 (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches),
 (SELECT count(*) FROM pgbench_history),
 (SELECT sum(abalance::bigint * aid) FROM pgbench_accounts)""",
    "orders.sql": """SELECT
 (SELECT sum(next_o_id - 1) FROM districts) = (SELECT count(*) FROM orders),
 (SELECT sum(lines) FROM orders) = (SELECT count(*) FROM order_lines),
 (SELECT sum(ytd) FROM warehouses) = (SELECT sum(ytd) FROM districts),
 (SELECT sum(ytd) FROM warehouses) = (SELECT coalesce(sum(amount), 0) FROM payments),
 (SELECT count(*) FROM orders WHERE carrier IS NULL) = (SELECT count(*) FROM new_orders),
 (SELECT sum(balance) FROM customers), (SELECT sum(quantity::bigint * i_id) FROM stock)""",
}


def is_true(row):
    """No truth is f, or unknown."""
    return "f" not in row.split("|") and "" not in row.split("|")


def problem(made, file):
    """None, or what is wrong with these servers' tables."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:  # f replicas, or one standby, may be late
        rows = [server.psql("-c", CHECKS[file]) for server in made.servers]
        if all(map(is_true, rows)) and (not made.same or len(set(rows)) == 1):
            return None
        if time.monotonic() > until:
            return f"{type(made).__name__}, {file}: {', '.join(rows)}"
        time.sleep(0.5)
