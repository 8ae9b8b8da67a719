"""Expressions of every common type, over the columns in sight."""
from tree import Part

# Two rows of these can be equal and yet print differently: numeric, float, interval, jsonb, char.
TABLES = {
    "wide": {"id": "int", "k": "int", "i2": "int", "i8": "big", "b": "bool", "f4": "float", "f8": "float", "n": "numeric",
             "m": "numeric", "s": "text", "c": "char", "v": "text", "d": "date", "ts": "ts", "tz": "tz", "t": "time",
             "i": "interval", "u": "uuid", "y": "bytea", "j": "json", "jb": "jsonb", "a": "ints", "sa": "texts",
             "e": "mood", "r": "range", "p": "pair", "o": "int", "bits": "bits", "net": "inet"},
    "nokey": {"k": "int", "f8": "float", "n": "numeric", "s": "text", "e": "mood", "i": "interval", "jb": "jsonb", "c": "char"},
    "parent": {"id": "int", "k": "int", "s": "text"},
    "child": {"id": "int", "p": "int", "k": "int", "s": "text"},
    "grandchild": {"id": "int", "c": "int", "f8": "float"},
    "part": {"id": "int", "k": "int", "s": "text", "n": "numeric"},
    "lists": {"k": "int", "s": "text", "e": "mood"},
    "uniq": {"k": "int", "s": "text", "n": "int"},
    "made": {"id": "int", "k": "int", "s": "text", "g": "int", "at": "tz", "x": "float", "u": "uuid"},
    "spans": {"id": "int", "r": "range"},
    "later": {"id": "int", "k": "int"},
    "audit": {"id": "int", "what": "text", "old": "int", "new": "int"},
    "out": {"id": "int", "a": "text", "b": "text"},
    "joined_view": {"id": "int", "k": "int", "s": "text", "n": "numeric"},
    "parents": {"id": "int", "k": "int", "s": "text"},
    "seen": {"id": "int", "k": "int", "n": "big"},
    "first_ones": {"id": "int", "k": "int", "s": "text"},
    "sums": {"k": "int", "n": "big", "id": "big", "s": "text"},
    "lists1": {"k": "int", "s": "text", "e": "mood"},
    "part2": {"id": "int", "k": "int", "s": "text", "n": "numeric"},
}
TYPES = {
    "int": "int", "big": "bigint", "float": "float8", "numeric": "numeric", "text": "text", "char": "char(4)", "bool": "boolean",
    "date": "date", "ts": "timestamp", "tz": "timestamptz", "time": "time", "interval": "interval", "uuid": "uuid",
    "bytea": "bytea", "json": "json", "jsonb": "jsonb", "ints": "int[]", "texts": "text[]", "mood": "mood",
    "range": "int4range", "pair": "pair", "bits": "bit(4)", "inet": "inet"}
COMMON = ["int"] * 8 + ["text"] * 6 + ["numeric"] * 4 + ["float"] * 4 + ["big", "bool", "date", "interval", "jsonb", "mood"] + list(TYPES)
UNSORTABLE = {"json"}
CONSTANTS = {
    "int": ["0", "1", "2", "3", "5", "17"], "big": ["7::bigint", "1000000000000"], "float": ["0.5::float8", "1e16::float8", "'-0'::float8"],
    "numeric": ["1.0", "1.00", "2.5"], "text": ["'s1'", "'s4'", "'x'", "''"], "char": ["'c1'::char(4)"], "bool": ["true", "false"],
    "date": ["date '2024-01-03'"], "ts": ["timestamp '2024-01-01 05:00'"], "tz": ["timestamptz '2024-03-02 00:00+00'"],
    "time": ["time '10:01'"], "interval": ["interval '1 day'", "interval '24 hours'"],
    "uuid": ["'c4ca4238-a0b9-2382-0dcc-509a6f75849b'::uuid"], "bytea": ["'\\x00ff'::bytea"], "json": ["'{\"a\": 1}'::json"],
    "jsonb": ["'{\"a\": 1.0}'::jsonb", "'[1]'::jsonb"], "ints": ["ARRAY[1, 2]", "'{}'::int[]"], "texts": ["ARRAY['x0']"],
    "mood": ["'ok'::mood", "'sad'::mood"], "range": ["int4range(2, 4)"], "pair": ["ROW(1, 'p1')::pair"], "bits": ["B'0101'"],
    "inet": ["inet '10.0.0.1'"]}
# {x}: an expression of type x.
FORMS = {
    "int": ["({int} + {int})", "({int} - {int})", "({int} * 2)", "abs({int})", "length({text})", "({int} % 5)", "twice({int})",
            "coalesce({int}, 0)", "nullif({int}, {int})", "extract(day FROM {date})::int", "cardinality({ints})", "({ints})[1]",
            "greatest({int}, {int})", "CASE WHEN {bool} THEN {int} ELSE {int} END", "({pair}).a", "hashtext({text}) % 50",
            "array_length({texts}, 1)", "lower({range})", "({int} / 3)", "date_part('hour', {ts})::int", "strpos({text}, 's')"],
    "big": ["{int}::bigint", "({big} + {int})", "abs({big})"],
    "float": ["({float} + {float})", "({float} * 0.5)", "{int}::float8", "{numeric}::float8", "round({float})", "sqrt(abs({float}))",
              "coalesce({float}, 0)", "({int} / 7.0::float8)", "atan({float})", "exp(least(1, greatest(-9, {float})))"],
    "numeric": ["({numeric} + {numeric})", "({numeric} * 1.10)", "round({numeric}, 1)", "{int}::numeric", "({int} / 3.0)",
                "trunc({numeric})", "coalesce({numeric}, 1.000)", "extract(epoch FROM {interval})", "{big}::numeric"],
    "text": ["({text} || {text})", "upper({text})", "{int}::text", "{numeric}::text", "{float}::text", "md5({text})", "substr({text}, 1, 2)",
             "coalesce({text}, 'none')", "concat({text}, {int})", "format('%s-%s', {text}, {numeric})", "{mood}::text", "({jsonb} ->> 'a')",
             "CASE WHEN {bool} THEN {text} END", "replace({text}, 's', 't')", "array_to_string({ints}, ',')", "{interval}::text",
             "to_char({ts}, 'YYYY-MM-DD HH24:MI')", "lpad({text}, 5, '.')", "{jsonb}::text", "({pair}).b", "{pair}::text", "reverse({text})",
             "quote_nullable({text})", "translate({text}, '123', 'abc')", "{char}::text", "left({text}, 1)", "regexp_replace({text}, '[0-9]', '#')"],
    "char": ["{text}::char(4)"],
    "bool": ["({int} < {int})", "({int} = {int})", "({text} = {text})", "({text} LIKE 's%')", "({numeric} > {numeric})", "({float} <= {float})",
             "({int} IS NULL)", "({bool} AND {bool})", "({bool} OR {bool})", "(NOT {bool})", "({int} BETWEEN 1 AND 4)", "({int} IN (1, 2, 5))",
             "({date} > date '2024-01-04')", "({mood} > 'sad')", "({range} && int4range(2, 4))", "({ints} @> ARRAY[1])", "({jsonb} ? 'a')",
             "({interval} = interval '24 hours')", "({text} ~ '[13]')", "({int} IS DISTINCT FROM {int})", "({uuid} < {uuid})",
             "(({int}, {text}) < ({int}, {text}))", "({int} = ANY ({ints}))", "({jsonb} @> '{{\"b\": 1}}')", "({inet} << inet '10.0.0.0/24')",
             "({tz} < {tz})", "({numeric} = 1)", "({float} = 0)"],
    "date": ["({date} + 1)", "{ts}::date", "current_date"], "ts": ["({ts} + {interval})", "date_trunc('day', {ts})", "{date}::timestamp"],
    "tz": ["({tz} + {interval})", "now()", "date_trunc('hour', {tz})", "clock_timestamp()"], "time": ["({time} + {interval})"],
    "interval": ["({interval} * 2)", "({ts} - {ts})", "justify_hours({interval})", "age({ts}, {ts})", "({interval} + {interval})"],
    "uuid": ["md5({text})::uuid"], "bytea": ["convert_to({text}, 'UTF8')", "({bytea} || {bytea})", "sha256({bytea})"],
    "json": ["to_json({text})", "json_build_object('a', {int}, 'b', {numeric})", "row_to_json({pair})"],
    "jsonb": ["to_jsonb({numeric})", "jsonb_build_object('k', {text}, 'v', {int})", "({jsonb} || {jsonb})", "jsonb_build_array({int}, {text})",
              "({jsonb} -> 'a')", "jsonb_strip_nulls({jsonb})"],
    "ints": ["({ints} || {int})", "array_remove({ints}, 1)", "ARRAY[{int}, {int}]"], "texts": ["ARRAY[{text}, {text}]", "string_to_array({text}, 's')"],
    "mood": ["enum_last(NULL::mood)", "greatest({mood}, {mood})"], "range": ["({range} * {range})", "int4range(least({int}, 3), 9)"],
    "pair": ["ROW({int}, {text})::pair"], "bits": ["({bits} & {bits})", "(~ {bits})"], "inet": ["set_masklen({inet}, 24)"]}
# Called anew for each row, or their own judge.
CALLS = {
    "float": ["random()"], "uuid": ["gen_random_uuid()"], "big": ["nextval('numbers')"],
    "text": ["first_s({int})", "joined({int})", "gen_random_uuid()::text", "current_user::text"]}
# Fails for some rows: whether it meets them may depend on the plan.
UNSAFE = {"int": ["(17 / {int})", "{text}::int", "({int} * 100000000)"], "numeric": ["(1 / {numeric})"], "mood": ["{text}::mood"]}


class Expressions:
    """`dice`: random.Random. A scope is a list of (SQL of a column, its type)."""

    def __init__(self, dice, unsafe=0.0):
        self.dice = dice
        self.unsafe = unsafe
        self.calls = 0.01

    def chance(self, probability):
        return self.dice.random() < probability

    def type(self):
        return self.dice.choice(COMMON)

    def sortable(self):
        kind = self.type()
        return kind if kind not in UNSORTABLE else "int"

    def constant(self, kind):
        if self.chance(0.05):
            return f"NULL::{TYPES[kind]}"
        return self.dice.choice(CONSTANTS[kind])

    def column(self, kind, scope):
        """None if no column has the type."""
        columns = [sql for sql, its in scope if its == kind]
        return self.dice.choice(columns) if columns else None

    def simple(self, kind, scope):
        return self.column(kind, scope) or self.constant(kind)

    def forms(self, kind):
        if self.chance(self.unsafe) and kind in UNSAFE:
            return UNSAFE[kind]
        if self.chance(self.calls) and kind in CALLS:
            return CALLS[kind]
        return FORMS[kind]

    def form(self, template, scope, depth):
        node, rest = [], template
        while "{" in rest:
            before, _, rest = rest.partition("{")
            if rest.startswith("{"):  # a brace of SQL's own
                end = rest.index("}}")
                node.append(before + "{" + rest[1:end] + "}")
                rest = rest[end + 2:]
                continue
            kind, _, rest = rest.partition("}")
            node += [before, self.expression(kind, scope, depth - 1)]
        return node + [rest]

    def expression(self, kind, scope, depth=2):
        column = self.column(kind, scope)
        if column and self.chance(0.5 if depth > 1 else 0.8):
            return column
        if depth <= 0 or self.chance(0.2):
            return self.simple(kind, scope)
        return Part(self.form(self.dice.choice(self.forms(kind)), scope, depth), self.simple(kind, scope))

    def any_column(self, scope):
        return self.dice.choice(scope)
