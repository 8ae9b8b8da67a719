"""Statements that store, and transactions of several statements."""
from expressions import TABLES, TYPES
from queries import Queries
from tree import Part

# What a client writes; columns that PostgreSQL fills are left to it where the dice say so.
WRITTEN = ["wide", "nokey", "parent", "child", "grandchild", "part", "lists", "uniq", "made", "later", "audit", "out", "parents"]
GENERATED = {"made": {"id", "g"}, "child": {"id"}, "grandchild": {"id"}, "later": {"id"}, "audit": {"id"}, "out": {"id"}}
REFERENCES = {("child", "p"): 40, ("grandchild", "c"): 10060}
BLOCKS = [
    "FOR x IN SELECT s FROM {t} LOOP INSERT INTO out (a) VALUES (x); END LOOP;",
    "SELECT s INTO x FROM {t} WHERE k = {n}; INSERT INTO out (a) VALUES (x);",
    "EXECUTE 'SELECT s FROM {t}' INTO x; INSERT INTO out (a) VALUES (x);",
    "x := array_to_string(ARRAY(SELECT s FROM {t} WHERE k < {n}), ','); INSERT INTO out (a) VALUES (x);",
    "UPDATE {t} SET s = 'z' || s WHERE k = {n}; GET DIAGNOSTICS i = ROW_COUNT; INSERT INTO out (a) VALUES (i);",
    "FOR x IN UPDATE {t} SET k = k + 1 WHERE k = {n} RETURNING s LOOP INSERT INTO out (a) VALUES (x); END LOOP;",
    "FOR i IN SELECT k FROM {t} ORDER BY s LIMIT 5 LOOP INSERT INTO out (a, b) VALUES (i, random()); END LOOP;",
    "BEGIN INSERT INTO uniq (k, s) SELECT k, s FROM {t}; EXCEPTION WHEN unique_violation THEN INSERT INTO out (a) VALUES ('caught'); END;",
    "OPEN c FOR SELECT s FROM {t}; FETCH c INTO x; CLOSE c; INSERT INTO out (a) VALUES (x);",
    "OPEN c FOR SELECT s FROM {t} FOR UPDATE; FETCH c INTO x; UPDATE {t} SET s = 'first' WHERE CURRENT OF c;",
    "PERFORM log_it(s) FROM {t};",
    "SELECT string_agg(s, ',') INTO x FROM {t}; INSERT INTO out (a) VALUES (x);",
    "FOR x IN EXECUTE 'SELECT DISTINCT s FROM {t}' LOOP PERFORM log_it(x); END LOOP;",
]
OTHERS = [
    "REFRESH MATERIALIZED VIEW sums", "CALL move_some(2)", "TRUNCATE audit RESTART IDENTITY", "TRUNCATE out", "SELECT nextval('numbers'), currval('numbers')",
    "SELECT setval('numbers', 500)", "TRUNCATE parent CASCADE", "CREATE TABLE extra AS SELECT * FROM nokey LIMIT 7", "ALTER TABLE nokey ADD extra int DEFAULT 5",
    "CREATE TABLE extra AS SELECT k, string_agg(s, ',') AS s FROM nokey GROUP BY k", "CREATE UNIQUE INDEX ON uniq (n)",
    "ALTER TABLE nokey ALTER k TYPE bigint", "CREATE MATERIALIZED VIEW extra AS SELECT DISTINCT ON (k) * FROM nokey", "ALTER TABLE nokey ADD extra serial",
    "CREATE TABLE extra AS SELECT row_number() OVER () AS n, s FROM nokey", "LOCK TABLE wide IN SHARE MODE", "SET CONSTRAINTS ALL DEFERRED",
    "SET CONSTRAINTS ALL IMMEDIATE", "UPDATE seen SET n = 1 WHERE k < 3", "DELETE FROM seen WHERE k = 1", "ALTER TABLE lists ADD CHECK (k >= 0)",
    "INSERT INTO spans (r) SELECT int4range(g * 100, g * 100 + 150) FROM generate_series(1, 3) g", "INSERT INTO spans (r) SELECT r * int4range(20, 33) FROM spans",
    "ALTER TABLE nokey ADD extra float8 DEFAULT random()", "ALTER TABLE nokey ADD PRIMARY KEY (k)", "CLUSTER wide USING wide_pkey",
    "UPDATE later SET k = k + 1", "UPDATE uniq SET k = k + 1", "UPDATE later SET k = k + 1 WHERE k > 5", "UPDATE spans SET r = int4range(lower(r), upper(r) + 5)",
    "DELETE FROM parent WHERE k = 2", "UPDATE parent SET id = id + 100 WHERE k = 3", "UPDATE part SET id = id + 30 WHERE k < 3",
    "UPDATE lists SET k = 5 - k", "DELETE FROM child", "UPDATE made SET k = k + 1", "UPDATE uniq SET n = 0"]


class Changes(Queries):
    """A statement is a node; a transaction a list of nodes."""

    def target_columns(self, table):
        columns = [c for c in TABLES[table] if c not in GENERATED.get(table, ())]
        count = self.dice.randint(1, min(5, len(columns)))
        needed = [c for c in columns if c in ("id", "k") and table in ("wide", "parent", "part", "uniq", "lists", "parents")]
        return list(dict.fromkeys(needed + self.dice.sample(columns, count)))

    def new_value(self, table, column, scope, key):
        if column == key:
            base = self.column("int", scope) or str(self.dice.randint(1, 300))
            return f"({base} + {self.dice.choice([0, 100, 200, 500])})"
        if (table, column) in REFERENCES:
            return f"({REFERENCES[table, column]} - abs({self.simple('int', scope)}) % 10)"
        return self.expression(TABLES[table][column], scope, 2)

    def key(self, table):
        return {"wide": "id", "parent": "id", "part": "id", "uniq": "k", "parents": "id"}.get(table)

    def returning(self, scope):
        if not scope or self.chance(0.6):
            return ""
        return Part([" RETURNING ", self.joined([self.expression(self.type(), scope, 1) for _ in range(self.dice.randint(1, 3))])])

    def insert(self):
        table = self.dice.choice(WRITTEN)
        columns = self.target_columns(table)
        head = f"INSERT INTO {table} ({', '.join(columns)}) "
        if self.chance(0.2):
            row = self.joined([self.new_value(table, c, [], self.key(table)) for c in columns])
            source = ["VALUES (", [row[0]] + [part.node for part in row[1:]], ")"]
        else:
            source = self.insert_source(table, columns)
        node = [head, source]
        if table in ("uniq", "wide", "parent", "part") and self.chance(0.4):
            node.append(self.conflict(table))
        scope = [(f"{table}.{c}", kind) for c, kind in TABLES[table].items()]
        return node + [self.returning(scope)]

    def insert_source(self, table, columns):
        source, scope = self.sources([], 1)
        values = [self.new_value(table, c, scope, self.key(table)) for c in columns]
        node = ["SELECT ", [[", " if i else "", value] for i, value in enumerate(values)], " FROM ", source, self.where(scope, [], 1)]
        if self.key(table) and self.chance(0.6):  # else most of them fail for their keys
            node[0] = "SELECT DISTINCT ON (1) " if columns[0] == self.key(table) else "SELECT "
        return node + [Part(self.dice.choice([" ORDER BY 1", " ORDER BY 1 DESC"])) if self.chance(0.2) else "",
                       self.limit(False) if self.chance(0.3) else ""]

    def conflict(self, table):
        key = self.key(table)
        if self.chance(0.5):
            return Part(" ON CONFLICT DO NOTHING")
        return Part([f" ON CONFLICT ({key}) DO UPDATE SET s = excluded.s || ", self.dice.choice(["'!'", f"{table}.s"])])

    def assignments(self, table, scope):
        columns = [c for c in TABLES[table] if c not in GENERATED.get(table, ())]
        if self.chance(0.85):
            columns = [c for c in columns if c != self.key(table)] or columns
        picked = self.dice.sample(columns, min(len(columns), self.dice.choice([1, 1, 2, 3])))
        return self.joined([[f"{c} = ", self.new_value(table, c, scope, self.key(table))] for c in picked])

    def own_scope(self, table):
        return [(f"{table}.{c}", kind) for c, kind in TABLES[table].items()]

    def update(self):
        table = self.dice.choice(WRITTEN)
        own = self.own_scope(table)
        if self.chance(0.65):
            return [f"UPDATE {table} SET ", self.assignments(table, own), self.where(own, [], 1), self.returning(own)]
        source, scope = self.sources([], 1)
        return [f"UPDATE {table} SET ", self.assignments(table, own + scope), " FROM ", source, " WHERE ", self.condition(own, scope, own + scope),
                self.returning(own + scope)]

    def delete(self):
        table = self.dice.choice(WRITTEN)
        own = self.own_scope(table)
        if self.chance(0.65):
            return [f"DELETE FROM {table}", self.where(own, [], 1), self.returning(own)]
        source, scope = self.sources([], 1)
        return [f"DELETE FROM {table} USING ", source, " WHERE ", self.condition(own, scope, own + scope), self.returning(own + scope)]

    def merge(self):
        table = self.dice.choice([t for t in WRITTEN if t not in ("parents", "later")])
        source, scope = self.sources([], 0)
        own = self.own_scope(table)
        columns = self.target_columns(table)
        values = [self.new_value(table, c, scope, self.key(table)) for c in columns]
        insert = [f" WHEN NOT MATCHED THEN INSERT ({', '.join(columns)}) VALUES (", [[", " if i else "", value] for i, value in enumerate(values)], ")"]
        matched = [" WHEN MATCHED THEN ", self.dice.choice(["DELETE", "DO NOTHING", ["UPDATE SET ", self.unqualified(table, own + scope)]])]
        kept = self.dice.choice([[insert], [matched], [matched, insert]])
        return [f"MERGE INTO {table} USING ", source, " ON ", self.condition(own, scope, own + scope)[:1], kept]

    def unqualified(self, table, scope):
        return self.assignments(table, scope)

    def with_change(self):
        alias = self.name()
        change = self.dice.choice([self.insert, self.update, self.delete])()
        outer, _ = self.query(1)
        change = change[:-1] + [" RETURNING *"] if change[-1] == "" or isinstance(change[-1], Part) else change
        return [f"WITH {alias} AS (", change, ") ", self.dice.choice([[f"SELECT count(*), min(c) FROM (SELECT {alias}::text AS c FROM {alias}) z"],
                [f"SELECT {alias}::text FROM {alias} ORDER BY 1 LIMIT 4"], [f"INSERT INTO out (a) SELECT {alias}::text FROM {alias}"], outer])]

    def block(self):
        body = self.dice.choice(BLOCKS).format(t=self.dice.choice(["nokey", "parent", "child", "part", "lists", "made", "wide"]), n=self.dice.randint(0, 5))
        return f"DO $$DECLARE x text; i int; c refcursor; BEGIN {body} END$$"

    def logged(self):
        """A SELECT that writes. In a subquery or a join the plan decides how often it would be called."""
        scope = []
        source = self.table(scope)
        self.calls = 0.0
        return ["SELECT ", self.expression(self.type(), scope), " AS c0, log_it(", self.simple("text", scope), ") AS c1 FROM ",
                source, Part([" WHERE ", self.expression("bool", scope)])]

    def create(self):
        node, _ = self.query(1)
        return [self.dice.choice(["CREATE TABLE extra AS ", "CREATE MATERIALIZED VIEW extra AS "]), node]

    def statement(self):
        draw = self.dice.random()
        self.calls = self.dice.choice([0.0, 0.0, 0.02])
        if draw < 0.52:
            return self.query(2, top=True)[0]
        makers = [self.insert] * 5 + [self.update] * 5 + [self.delete] * 3 + [self.merge] * 2 + [self.with_change] * 2 + [self.block] * 2 \
            + [self.create, self.logged, lambda: self.dice.choice(OTHERS)]
        return self.dice.choice(makers)()

    def transaction(self):
        if self.chance(0.75):
            return [self.statement()]
        statements, depth = [], 0
        for _ in range(self.dice.randint(2, 5)):
            draw = self.dice.random()
            if draw < 0.15:
                statements.append("SAVEPOINT a")
                depth += 1
            elif depth and draw < 0.35:
                statements.append(self.dice.choice(["ROLLBACK TO a", "ROLLBACK TO a", "RELEASE a"]))
                depth -= statements[-1].startswith("RELEASE")
            statements.append(self.statement())
        return statements
