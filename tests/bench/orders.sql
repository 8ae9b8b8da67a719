-- The wholesaler of workload_orders.c, filled the same way on every server. :scale is replaced by
-- the number of warehouses; per warehouse 10 districts, 3,000 customers, 10,000 items in stock.
CREATE TABLE warehouses (w_id int PRIMARY KEY, tax int NOT NULL, ytd bigint NOT NULL);
CREATE TABLE districts (w_id int, d_id int, tax int NOT NULL, ytd bigint NOT NULL, next_o_id int NOT NULL, PRIMARY KEY (w_id, d_id)) WITH (fillfactor = 50);
CREATE TABLE customers (w_id int, d_id int, c_id int, name text NOT NULL, credit text NOT NULL, discount int NOT NULL, balance bigint NOT NULL, paid bigint NOT NULL, payments int NOT NULL, data text NOT NULL, PRIMARY KEY (w_id, d_id, c_id)) WITH (fillfactor = 90);
CREATE TABLE items (i_id int PRIMARY KEY, name text NOT NULL, price int NOT NULL);
CREATE TABLE stock (w_id int, i_id int, quantity int NOT NULL, sold int NOT NULL, orders int NOT NULL, data text NOT NULL, PRIMARY KEY (w_id, i_id)) WITH (fillfactor = 90);
CREATE TABLE orders (w_id int, d_id int, o_id int, c_id int NOT NULL, carrier int, lines int NOT NULL, entered timestamptz NOT NULL, PRIMARY KEY (w_id, d_id, o_id));
CREATE TABLE new_orders (w_id int, d_id int, o_id int, PRIMARY KEY (w_id, d_id, o_id));
CREATE TABLE order_lines (w_id int, d_id int, o_id int, line int, i_id int NOT NULL, supply_w_id int NOT NULL, quantity int NOT NULL, amount int NOT NULL, delivered timestamptz, PRIMARY KEY (w_id, d_id, o_id, line));
CREATE TABLE payments (w_id int NOT NULL, d_id int NOT NULL, c_id int NOT NULL, amount int NOT NULL, paid timestamptz NOT NULL);
INSERT INTO warehouses SELECT w, w * 7 % 21, 0 FROM generate_series(1, :scale) w;
INSERT INTO districts SELECT w, d, d * 3 % 21, 0, 31 FROM generate_series(1, :scale) w, generate_series(1, 10) d;
INSERT INTO customers SELECT w, d, c, 'customer ' || c, CASE WHEN c % 10 = 0 THEN 'BC' ELSE 'GC' END, c * 13 % 51, -10, 10, 1, repeat('x', 200) FROM generate_series(1, :scale) w, generate_series(1, 10) d, generate_series(1, 300) c;
INSERT INTO items SELECT i, 'item ' || i, i * 37 % 9900 + 100 FROM generate_series(1, 10000) i;
INSERT INTO stock SELECT w, i, (w + i) * 31 % 91 + 10, 0, 0, repeat('y', 50) FROM generate_series(1, :scale) w, generate_series(1, 10000) i;
INSERT INTO orders SELECT w, d, o, o * 10 - d + 1, CASE WHEN o <= 20 THEN o % 10 + 1 END, 5, CURRENT_TIMESTAMP FROM generate_series(1, :scale) w, generate_series(1, 10) d, generate_series(1, 30) o;
INSERT INTO new_orders SELECT w, d, o FROM generate_series(1, :scale) w, generate_series(1, 10) d, generate_series(21, 30) o;
INSERT INTO order_lines SELECT w, d, o, l, (o * 331 + d * 17 + l * 1999) % 10000 + 1, w, 5, 500, CASE WHEN o <= 20 THEN CURRENT_TIMESTAMP END FROM generate_series(1, :scale) w, generate_series(1, 10) d, generate_series(1, 30) o, generate_series(1, 5) l;
CREATE INDEX orders_customer ON orders (w_id, d_id, c_id, o_id);
