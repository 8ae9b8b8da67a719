"""Queries, of all that SQL has to say about rows."""
from expressions import TABLES, TYPES, Expressions
from tree import Part

AGGREGATES = [  # type of the result, the call; {x}: an argument
    ("big", "count(*)"), ("big", "count({any})"), ("big", "sum({int})"), ("numeric", "avg({int})"), ("float", "sum({float})"),
    ("float", "avg({float})"), ("float", "stddev({float})"), ("float", "var_pop({float})"), ("float", "corr({float}, {int})"),
    ("numeric", "sum({numeric})"), ("numeric", "avg({numeric})"), ("numeric", "stddev({numeric})"), ("text", "string_agg({text}, ',')"),
    ("text", "glued({text})"), ("ints", "array_agg({int})"), ("jsonb", "jsonb_agg({any})"), ("json", "json_agg({any})"),
    ("jsonb", "jsonb_object_agg(coalesce({text}, ''), {any})"), ("json", "json_object_agg(coalesce({text}, ''), {int})"),
    ("bool", "bool_or({bool})"), ("bool", "bool_and({bool})"), ("interval", "sum({interval})"), ("interval", "avg({interval})"),
    ("text", "range_agg({range})::text"), ("text", "array_agg({any})::text"), ("texts", "array_agg({text})"), ("bits", "bit_or({bits})"),
    ("text", "xmlagg(xmlelement(name x, {text}))::text"), ("float", "regr_slope({float}, {float})")]
EXTREMA = ["int", "text", "numeric", "float", "interval", "date", "char", "ts", "mood", "inet", "big", "ints"]
ORDERED = [("int", "mode() WITHIN GROUP (ORDER BY {int})"), ("numeric", "mode() WITHIN GROUP (ORDER BY {numeric})"),
           ("float", "percentile_cont(0.3) WITHIN GROUP (ORDER BY {float})"), ("text", "percentile_disc(0.4) WITHIN GROUP (ORDER BY {text})"),
           ("numeric", "percentile_disc(0.5) WITHIN GROUP (ORDER BY {numeric})"), ("big", "rank(2) WITHIN GROUP (ORDER BY {int})")]
WINDOWS = [
    ("big", "row_number()"), ("big", "rank()"), ("big", "dense_rank()"), ("int", "ntile(3)"), ("float", "cume_dist()"), ("text", "lag({text})"),
    ("int", "lead({int}, 2)"), ("numeric", "lag({numeric}, 1, 0.0)"), ("text", "first_value({text})"), ("int", "last_value({int})"),
    ("text", "nth_value({text}, 2)"), ("big", "sum({int})"), ("float", "sum({float})"), ("big", "count(*)"), ("text", "max({text})"),
    ("numeric", "min({numeric})"), ("ints", "array_agg({int})"), ("text", "string_agg({text}, ',')"), ("numeric", "avg({numeric})")]
FRAMES = ["", "", "", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING", " RANGE UNBOUNDED PRECEDING",
          " ROWS UNBOUNDED PRECEDING", " RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES"]


class Queries(Expressions):
    """A query is (node, [type of each column])."""

    def __init__(self, dice, unsafe=0.0):
        super().__init__(dice, unsafe)
        self.names = 0

    def name(self):
        self.names += 1
        return f"x{self.names}"

    def joined(self, nodes, separator=", "):
        """The first one stays; others can be dropped."""
        return [nodes[0]] + [Part([separator, node]) for node in nodes[1:]]

    def filled(self, template, scope, depth=1):
        return self.form(template.replace("{any}", "{" + self.type() + "}"), scope, depth)

    # ---- FROM ----

    def table(self, scope):
        table, alias = self.dice.choice(list(TABLES)[:13] * 3 + list(TABLES) + ["wide"] * 12 + ["nokey"] * 12), self.name()
        scope += [(f"{alias}.{column}", kind) for column, kind in TABLES[table].items()]
        return f"{table} {alias}"

    def derived(self, scope, outer, depth):
        lateral = self.chance(0.3)
        node, kinds = self.query(depth - 1, outer=scope[-12:] + outer if lateral else [])
        alias = self.name()
        columns = [f"c{i}" for i in range(len(kinds))]
        scope += [(f"{alias}.{column}", kind) for column, kind in zip(columns, kinds)]
        return ["LATERAL (" if lateral else "(", node, f") {alias} ({', '.join(columns)})"]

    def function(self, scope):
        alias = self.name()
        scope.append((f"{alias}.c0", kind := self.dice.choice(["int", "text"])))
        call = self.dice.choice(["generate_series(1, 4)", "unnest(ARRAY[3, 1, 1])"] if kind == "int" else ["rows_of(3)", "unnest(ARRAY['a', 'b'])"])
        return f"{call} {alias} (c0)"

    def item(self, scope, outer, depth):
        if depth > 0 and self.chance(0.25):
            return self.derived(scope, outer, depth)
        return self.function(scope) if self.chance(0.06) else self.table(scope)

    def condition(self, left, right, scope):
        """Mostly an equality: a cross join of three tables takes too long."""
        kind = self.dice.choice(["int"] * 5 + ["text"])
        a, b = self.column(kind, left), self.column(kind, right)
        if not a or not b:
            a, b, kind = left[0][0] + "::text", right[0][0] + "::text", "text"
        node = [f"{a} = {b}"]
        return node + ([Part([" AND ", self.expression("bool", scope, 1)])] if self.chance(0.2) else [])

    def sources(self, outer, depth):
        scope = []
        node = [self.item(scope, outer, depth)]
        for _ in range(self.dice.choice([0, 0, 0, 1, 1, 2]) if depth > 0 else self.dice.choice([0, 0, 1])):
            left = list(scope)
            lateral = scope if self.chance(0.3) else []
            added = list(lateral)
            item = self.item(added, outer, depth)
            right = added[len(lateral):]
            kind = self.dice.choice(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
            if "LATERAL" in str(item[0]):
                kind = self.dice.choice(["JOIN", "LEFT JOIN"])
            scope += right
            node.append([f" {kind} ", item, " ON ", self.condition(left, right, scope) if kind != "FULL JOIN"
                         else self.condition(left, right, scope)[0]])
        return node, scope

    def sublink(self, scope, depth):
        node, kinds = self.query(depth - 1, kinds=["int"], outer=scope if self.chance(0.4) else [])
        return self.dice.choice([[self.simple("int", scope), " IN (", node, ")"], ["EXISTS (", node, ")"], [self.simple("int", scope), " > ALL (", node, ")"],
                                 [self.simple("int", scope), " NOT IN (", node, ")"]])

    def where(self, scope, outer, depth):
        conditions = []
        if self.chance(0.5):
            conditions.append(self.expression("bool", scope + outer[:4], 2))
        if outer and self.chance(0.7):
            kind = "int"
            a, b = self.column(kind, scope), self.column(kind, outer)
            conditions += [f"{a} = {b}"] if a and b else []
        if depth > 0 and self.chance(0.12):
            conditions.append(self.sublink(scope, depth))
        return Part([" WHERE ", self.joined(conditions, " AND ")]) if conditions else ""

    # ---- what is selected ----

    def scalar(self, kind, scope, depth):
        node, _ = self.query(depth - 1, kinds=[kind], outer=scope if self.chance(0.5) else [], one=True)
        return Part(["(", node, ")"], self.simple(kind, scope))

    def array(self, scope, depth):
        node, _ = self.query(depth - 1, kinds=["int"], outer=scope if self.chance(0.5) else [])
        return Part(["ARRAY(", node, ")"], self.simple("ints", scope))

    def value(self, kind, scope, depth):
        if depth > 0 and self.chance(0.06) and kind != "json":
            return self.scalar(kind, scope, depth)
        if depth > 0 and kind == "ints" and self.chance(0.3):
            return self.array(scope, depth)
        return self.expression(kind, scope)

    def aggregate(self, scope):
        if self.chance(0.2):
            kind = self.dice.choice(EXTREMA)
            call = [self.dice.choice(["min", "max"]) + "(", self.expression(kind, scope, 1), ")"]
        elif self.chance(0.1):
            kind, template = self.dice.choice(ORDERED)
            call = self.filled(template, scope)
        else:
            kind, template = self.dice.choice(AGGREGATES)
            call = self.filled(template, scope)
            single = "," not in template and "(*)" not in template and "json_" not in template and "xml" not in template
            if single and self.chance(0.15) and "{any}" not in template:
                call = [part.replace("(", "(DISTINCT ", 1) if i == 0 else part for i, part in enumerate(call)]
            elif self.chance(0.15) and isinstance(call[-1], str) and call[-1] == ")":
                call = call[:-1] + [Part([" ORDER BY ", self.simple(self.sortable(), scope)]), ")"]
        if self.chance(0.1):
            call = [call, Part([" FILTER (WHERE ", self.expression("bool", scope, 1), ")"])]
        return kind, call

    def window(self, scope):
        kind, template = self.dice.choice(WINDOWS)
        over = []
        if self.chance(0.5):
            over.append(Part(["PARTITION BY ", self.simple(self.sortable(), scope)]))
        ordered = self.chance(0.8)
        if ordered:
            over.append(Part([" ORDER BY ", self.simple(self.sortable(), scope), self.dice.choice(["", " DESC"])]))
        frame = self.dice.choice(FRAMES)
        if frame and not template.endswith(("()", "(3)")) and (ordered or "GROUPS" not in frame):
            over.append(Part(frame))
        return kind, [self.filled(template, scope), " OVER (", over, ")"]

    # ---- ORDER BY, LIMIT ----

    def order(self, count, kinds):
        """By the columns' numbers; their types must sort."""
        usable = [i + 1 for i in range(count) if kinds[i] not in UNSORTABLE_KINDS]
        if not usable:
            return ""
        picked = self.dice.sample(usable, min(len(usable), self.dice.choice([1, 1, 1, 2])))
        return Part([" ORDER BY ", self.joined([f"{i}{self.dice.choice(['', '', ' DESC', ' NULLS FIRST'])}" for i in picked])])

    def limit(self, ordered):
        if ordered and self.chance(0.1):
            return Part(f" FETCH FIRST {self.dice.randint(1, 6)} ROWS WITH TIES")
        if self.chance(0.2):
            return Part(f" OFFSET {self.dice.randint(1, 8)}")
        return [Part(f" LIMIT {self.dice.randint(1, 12)}"), Part(f" OFFSET {self.dice.randint(0, 5)}") if self.chance(0.3) else ""]

    # ---- queries ----

    def kinds(self):
        return [self.type() for _ in range(self.dice.choice([1, 2, 2, 3, 3, 4]))]

    def query(self, depth=2, kinds=None, outer=(), one=False, top=False):
        """One: of one row at most, with the type asked for."""
        outer = list(outer)
        if one:
            return self.select(depth, kinds, outer, limit_one=True)
        draw = self.dice.random()
        if draw < 0.22 and kinds is None:
            return self.grouped(depth, outer, top)
        if draw < 0.34 and depth > 0:
            return self.set_operation(depth, kinds, outer, top)
        if draw < 0.42 and depth > 0:
            return self.with_query(depth, kinds, outer, top)
        if draw < 0.46 and kinds is None:
            return self.recursive()
        return self.select(depth, kinds, outer, top=top)

    def select(self, depth, kinds, outer, limit_one=False, top=False):
        source, scope = self.sources(outer, depth)
        seen = scope + outer[:3]
        columns = [(kind, self.value(kind, seen, depth)) for kind in kinds or self.kinds()]
        if kinds is None and self.chance(0.18):
            columns += [self.window(scope) for _ in range(self.dice.choice([1, 1, 2]))]
        if kinds is None and self.chance(0.04):
            columns.append(("int", self.dice.choice(["generate_series(1, 2)", "unnest(ARRAY[2, 1, 1])"])))
        types = [kind for kind, _ in columns]
        plain = all(kind not in UNSORTABLE_KINDS for kind in types)
        head, on = "SELECT ", None
        if plain and self.chance(0.08):
            head = "SELECT DISTINCT "
        elif not limit_one and self.chance(0.08):
            on = self.column("int", scope)
            head = f"SELECT DISTINCT ON ({on}) " if on else head
        node = [head, self.targets(columns), " FROM ", source, self.where(scope, outer, depth)]
        if limit_one:
            return node + [self.order(len(types), types) if self.chance(0.5) and not on else "", " LIMIT 1"], types
        if head == "SELECT " and self.chance(0.15):  # by what is not selected
            kind = self.sortable()
            return node + [Part([" ORDER BY ", self.expression(kind, scope), self.dice.choice(["", " DESC"])]),
                           self.limit(True) if self.chance(0.5) else ""], types
        return node + self.tail(types, on, head, top, source), types

    def targets(self, columns):
        return self.joined([[self.cast(node, kind), f" AS c{i}"] for i, (kind, node) in enumerate(columns)])

    def cast(self, node, kind):
        """Columns have the types that are said of them, whatever an expression came to."""
        return node if self.chance(0.7) else ["(", node, f")::{TYPES[kind]}"]

    def tail(self, types, on, head, top, source):
        order = ""
        if on:
            order = Part(f" ORDER BY {on}") if self.chance(0.5) else ""
        elif self.chance(0.55 if top else 0.3):
            order = self.order(len(types), types)
        node = [order, self.limit(bool(order)) if self.chance(0.3) else ""]
        if top and head == "SELECT " and self.chance(0.03) and "JOIN" not in str(source) and isinstance(source[0], str) and " " in source[0] \
                and source[0].split()[0] in ("wide", "nokey", "parent", "part"):
            node.append(Part(self.dice.choice([" FOR UPDATE", " FOR SHARE", " FOR UPDATE SKIP LOCKED", " FOR NO KEY UPDATE"])))
        return node

    def grouped(self, depth, outer, top):
        source, scope = self.sources(outer, depth)
        keys = []
        for _ in range(self.dice.choice([0, 0, 1, 1, 1, 2])):
            kind = self.sortable()
            key = self.column(kind, scope)
            if key and kind == "int" and self.chance(0.2):
                key = f"({key} % 3)"
            if key and (key, kind) not in keys:
                keys.append((key, kind))
        columns = [(kind, key) for key, kind in keys] + [self.aggregate(scope) for _ in range(self.dice.choice([1, 1, 2]))]
        if keys and self.chance(0.1):
            columns.append(("big", self.dice.choice(["row_number() OVER (ORDER BY count(*))", "rank() OVER (ORDER BY count(*))",
                                                    "sum(count(*)) OVER ()"])))
        types = [kind for kind, _ in columns]
        node = ["SELECT ", self.joined([[value, f" AS c{i}"] for i, (_, value) in enumerate(columns)]), " FROM ", source,
                self.where(scope, outer, depth)]
        if keys:
            how = self.dice.choice(["{}", "{}", "{}", "{}", "ROLLUP ({})", "CUBE ({})", "GROUPING SETS (({}), ())"])
            node.append(" GROUP BY " + how.format(", ".join(key for key, _ in keys)))
        if self.chance(0.15):
            node.append(Part([" HAVING ", self.dice.choice(["count(*) > 2", "count(*) % 2 = 0"])]))
        return node + self.tail(types, None, "", False, source), types

    def set_operation(self, depth, kinds, outer, top):
        kinds = kinds or [self.sortable() for _ in range(self.dice.choice([1, 2, 2, 3]))]
        kinds = [kind if kind not in UNSORTABLE_KINDS else "int" for kind in kinds]
        sides = [self.select(depth - 1, kinds, outer)[0] for _ in range(2)]
        word = self.dice.choice([" UNION ", " UNION ALL ", " UNION ALL ", " EXCEPT ", " INTERSECT ", " EXCEPT ALL "])
        node = ["(", sides[0], ")", word, "(", sides[1], ")"]
        return node + self.tail(kinds, None, "", False, [""]), kinds

    def with_query(self, depth, kinds, outer, top):
        alias = self.name()
        inner, types = self.query(depth - 1)
        names = [f"c{i}" for i in range(len(types))]
        scope = [(f"{alias}.{name}", kind) for name, kind in zip(names, types)]
        kinds = kinds or self.kinds()
        columns = [(kind, self.expression(kind, scope)) for kind in kinds]
        node = [f"WITH {alias} ({', '.join(names)}) AS {self.dice.choice(['', '', 'MATERIALIZED ', 'NOT MATERIALIZED '])}(", inner, ") SELECT ",
                self.targets(columns), f" FROM {alias}", self.where(scope, [], 0)]
        return node + self.tail(kinds, None, "", False, [""]), kinds

    def recursive(self):
        alias = self.name()
        start = self.dice.randint(1, 5)
        body = self.dice.choice([
            f"SELECT p.id, p.k, 0 FROM parent p WHERE p.id = {start} UNION ALL SELECT c.p, c.k, {alias}.c2 + 1 FROM child c JOIN {alias} ON c.k = {alias}.c1 "
            f"WHERE {alias}.c2 < 2",
            f"SELECT k, {start}, 0 FROM nokey WHERE k < {start} UNION SELECT w.id, w.k, {alias}.c2 + 1 FROM wide w, {alias} WHERE w.k = {alias}.c0 AND "
            f"{alias}.c2 < 2"])
        node = [f"WITH RECURSIVE {alias} (c0, c1, c2) AS ({body}) SELECT * FROM {alias}"]
        return node + self.tail(["int"] * 3, None, "", False, [""]), ["int"] * 3


UNSORTABLE_KINDS = {"json"}
