"""A seeded generator of statements over the tables, views and functions that an application has.

A row order is compared only where it is total, and an error must not depend on which row is read
first: a failing expression therefore stands in a select list without conditions.
"""
from dataclasses import dataclass

SORTABLE = {"uuid", "text", "integer", "bigint", "smallint", "date", "timestamp with time zone", "boolean", "numeric", "text[]", "interval", "name"}


@dataclass
class Statement:
    kind: str
    sql: str
    ordered: bool = False
    role: str = "app"
    account: str = "manager"


class Generator:
    def __init__(self, rng, relations, own, foreign):
        self.rng = rng
        self.relations = relations  # name: [(column, type)]
        self.ids = own  # ids of alpha
        self.foreign = foreign  # ids of beta and gamma
        self.kinds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("make_")]

    def statement(self):
        made = self.rng.choice(self.kinds)()
        if made.role == "app" and self.rng.random() < 0.3:
            made.account = self.rng.choice(("trainer", "learner", "counsellor", "hr_manager", "dpo"))
        return made

    # --- parts ---

    def relation(self):
        name = self.rng.choice(list(self.relations))
        return name, [c for c in self.relations[name] if c[1] in SORTABLE]

    def an_id(self):
        pick = self.rng.random()
        if pick < 0.45:
            return f"'{self.rng.choice(self.ids)}'"
        if pick < 0.8:
            return f"'{self.rng.choice(self.foreign)}'"
        return "NULL" if pick < 0.85 else f"'01900000-0000-7000-8000-{self.rng.randrange(16 ** 12):012x}'"

    def literal(self, kind):
        rng = self.rng
        if kind == "uuid":
            return f"{self.an_id()}::uuid"
        if kind in ("integer", "bigint", "smallint", "numeric"):
            return str(rng.choice((0, 1, 2, 3, 180, 1990)))
        if kind == "date":
            return f"(current_date - {rng.randrange(25)})"
        if kind == "timestamp with time zone":
            return f"(date_trunc('day', now()) - interval '{rng.randrange(10)} days')"
        if kind == "boolean":
            return rng.choice(("true", "false"))
        if kind == "text[]":
            return "'{learner}'::text[]"
        if kind == "interval":
            return "interval '10 minutes'"
        return rng.choice(("'R-5'", "'C-1'", "'present'", "'F'", "'learner'", "'Cours Xqbourg'", "'Xqgrain'", "'44103'"))

    def predicate(self, alias, columns):
        rng = self.rng
        column, kind = rng.choice(columns)
        left = f"{alias}.{column}"
        pick = rng.random()
        if pick < 0.1:
            return f"{left} IS {rng.choice(('', 'NOT '))}NULL"
        if pick < 0.2 and kind in ("text", "name"):
            return f"{left} {rng.choice(('LIKE', 'ILIKE', '~', '^@', '!~~'))} '{rng.choice(('R', 'C-', 'xq', 'Xq', 'p', ''))}'"
        if pick < 0.3:
            return f"{left} {rng.choice(('IN', 'NOT IN'))} ({self.literal(kind)}, {self.literal(kind)})"
        if pick < 0.4:
            return rng.choice(("true", f"{alias}.* IS NOT NULL", f"coalesce({left} = {left}, true)"))
        if pick < 0.45 and any(c[0] == "tenant_id" for c in columns):
            return f"{alias}.tenant_id {rng.choice(('<>', '=', '>'))} {rng.choice('12')}"
        return f"{left} {rng.choice(('=', '<', '>', '<>', 'IS DISTINCT FROM'))} {self.literal(kind)}"

    def condition(self, alias, columns):
        parts = [self.predicate(alias, columns) for _ in range(self.rng.randrange(1, 4))]
        text = parts[0]
        for part in parts[1:]:
            text = f"({text} {self.rng.choice(('AND', 'OR'))} {'NOT ' if self.rng.random() < 0.2 else ''}({part}))"
        return text

    def select(self, width=None):
        """A select of some columns of one relation, with the types it returns."""
        name, columns = self.relation()
        shown = self.rng.sample(columns, min(len(columns), width or self.rng.randrange(1, 5)))
        where = f" WHERE {self.condition('t', columns)}" if self.rng.random() < 0.7 else ""
        return f"SELECT {', '.join('t.' + c for c, _ in shown)} FROM {name} t{where}", [k for _, k in shown]

    def join_condition(self, left, right):
        shared = [c for c, k in left for d, e in right if c == d and k == e and c != "tenant_id"]
        pick = self.rng.random()
        if shared and pick < 0.7:
            column = self.rng.choice(shared)
            return f"a.{column} = b.{column}"
        same = [(c, d) for c, k in left for d, e in right if k == e]
        if same and pick < 0.95:
            column, other = self.rng.choice(same)
            return f"a.{column} {self.rng.choice(('=', '=', '<>', '<'))} b.{other}"
        return "true"

    # --- kinds ---

    def make_select(self):
        return Statement("select", self.select()[0])

    def make_ordered(self):
        sql, kinds = self.select()
        order = ", ".join(str(n + 1) + self.rng.choice(("", " DESC")) for n in range(len(kinds)))
        return Statement("order and limit", f"SELECT DISTINCT * FROM ({sql}) s ORDER BY {order} LIMIT {self.rng.randrange(1, 9)} OFFSET {self.rng.randrange(3)}", ordered=True)

    def make_join(self):
        (one, left), (two, right) = self.relation(), self.relation()
        join = self.rng.choice(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN"))
        on = self.join_condition(left, right)
        if join == "FULL JOIN" and " = " not in on:
            join = "JOIN"
        shown = f"a.{self.rng.choice(left)[0]}, b.{self.rng.choice(right)[0]}"
        return Statement("join", f"SELECT {shown} FROM {one} a {join} {two} b ON {on} WHERE {self.condition('a', left)}")

    def make_aggregate(self):
        name, columns = self.relation()
        group = self.rng.choice(columns)[0]
        by = self.rng.choice((f"GROUP BY {group}", f"GROUP BY GROUPING SETS (({group}), ())", f"GROUP BY CUBE ({group})"))
        other = self.rng.choice(columns)[0]
        having = self.rng.choice(("", " HAVING count(*) > 1"))
        return Statement("aggregate", f"SELECT {group}, count(*), count(DISTINCT {other}), max({other}::text), bool_or({other} IS NULL), "
                         f"count(*) FILTER (WHERE {self.predicate('t', columns)}) FROM {name} t WHERE {self.condition('t', columns)} {by}{having}")

    def make_window(self):
        name, columns = self.relation()
        over = f"OVER (PARTITION BY {self.rng.choice(columns)[0]} ORDER BY {', '.join(c for c, _ in columns)})"
        call = self.rng.choice(("rank()", "count(*)", "first_value({})", "max({}::text)", "array_agg({}::text)", "dense_rank()")).format(columns[0][0])
        return Statement("window", f"SELECT {columns[0][0]}, {call} {over} FROM {name} t")

    def make_exists(self):
        (one, left), (two, right) = self.relation(), self.relation()
        return Statement("exists", f"SELECT a.{self.rng.choice(left)[0]} FROM {one} a WHERE {self.rng.choice(('', 'NOT '))}EXISTS "
                         f"(SELECT FROM {two} b WHERE {self.join_condition(left, right)} AND {self.condition('b', right)})")

    def make_in(self):
        one, left = self.relation()
        column, kind = self.rng.choice(left)
        fitting = [(n, c) for n, cs in self.relations.items() for c, k in cs if k == kind]
        two, other = self.rng.choice(fitting)
        return Statement("in", f"SELECT a.{self.rng.choice(left)[0]} FROM {one} a WHERE a.{column} {self.rng.choice(('IN', 'NOT IN', '= ANY', '<> ALL'))} (SELECT b.{other} FROM {two} b)")

    def make_scalar(self):
        (one, left), (two, right) = self.relation(), self.relation()
        return Statement("scalar", f"SELECT a.{left[0][0]}, (SELECT count(*) FROM {two} b WHERE {self.join_condition(left, right)}), "
                         f"(SELECT max(b.{self.rng.choice(right)[0]}::text) FROM {two} b) FROM {one} a")

    def make_set_operation(self):
        first, kinds = self.select(1)
        fitting = [(n, c) for n, cs in self.relations.items() for c, k in cs if k == kinds[0]]
        name, column = self.rng.choice(fitting)
        operation = self.rng.choice(("UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"))
        return Statement("set operation", f"{first} {operation} SELECT {column} FROM {name}")

    def make_lateral(self):
        (one, left), (two, right) = self.relation(), self.relation()
        return Statement("lateral", f"SELECT a.{self.rng.choice(left)[0]}, l.n FROM {one} a CROSS JOIN LATERAL (SELECT count(*) AS n FROM {two} b WHERE {self.join_condition(left, right)}) l")

    def make_cte(self):
        sql, _ = self.select()
        name, columns = self.relation()
        kept = self.rng.choice(("MATERIALIZED", "NOT MATERIALIZED"))
        return Statement("cte", f"WITH w AS {kept} ({sql}) SELECT (SELECT count(*) FROM w), t.{self.rng.choice(columns)[0]} FROM {name} t WHERE {self.condition('t', columns)}")

    def make_recursive(self):
        return Statement("recursive", "WITH RECURSIVE r (t) AS (SELECT min(tenant_id) FROM attest_data.person UNION SELECT r.t + 1 FROM r WHERE r.t < "
                         f"{self.rng.randrange(2, 6)}) SELECT r.t, count(p.person_id) FROM r LEFT JOIN attest_data.person p ON p.tenant_id = r.t GROUP BY 1")

    def make_failing(self):
        name, columns = self.relation()
        texts = [c for c, k in columns if k == "text"] or [columns[0][0] + "::text"]
        shown = self.rng.choice((f"({self.rng.choice(texts)})::int", f"1 / (length({self.rng.choice(texts)}) - length({self.rng.choice(texts)}))", "no_such_column",
                                 f"({self.rng.choice(texts)})::date", "nothing()"))
        return Statement("failing", f"SELECT {shown} FROM {name} t")

    def make_function(self):
        call = self.rng.choice(("public.forgetful()", "public.remembers()", "attest.esf_report('O-1')", "attest.esf_report('O-9')", f"attest.live_board({self.an_id()})",
                                "attest.whoami()", f"attest.may_see({self.an_id()})", "(SELECT attest.current_tenant())", "attest.error_catalog()"))
        return Statement("function", f"SELECT * FROM {call} f")

    def make_call(self):
        """The API, with good and bad arguments; the transaction is rolled back."""
        i, rng = self.an_id, self.rng
        day = f"current_date - {rng.randrange(40)}"
        code = rng.choice(("'C-1'", "'C-9'", "''", "NULL", "'O-1'"))
        status = rng.choice(("'absent'", "'late'", "'nonsense'", "NULL"))
        return Statement("call", "SELECT " + rng.choice((
            f"attest.create_course({code}, 'Titre') IS NOT NULL", f"attest.plan_session({i()}, 'x', {day}, {day})",
            f"attest.plan_slot({i()}, now(), now() + interval '1 hour')", f"attest.assign_trainer({i()}, {i()})", f"attest.enrol({i()}, {i()})",
            f"attest.withdraw({i()}, {i()}, {day})", f"attest.record_presence({i()}, {i()}, {status}, 'Motif', {rng.choice(('NULL', '60', '-1'))})",
            f"attest.object({i()})", f"attest.withdraw_objection({i()})", f"attest.set_last_activity({i()}, {day})", f"attest.assign_case({i()}, {i()})",
            f"attest.close_case({i()}, {i()})", f"attest.place_hold({i()}, 'Motif')", f"attest.lift_hold({i()}, 'Motif')", f"attest.create_operation({code}, 'x', 'esf', '2020-01-01', '2021-01-01')",
            f"attest.record_participation({i()}, {i()}, '{{\"entry\": \"2023-03-01\"}}')", f"attest.seal('x', {i()}, 'p') IS NOT NULL",
            f"attest.set_retention_rule('learner', '{rng.randrange(3)} years', 'Base')", f"attest.esf_report({code})",
            f"attest.add_person('{{\"reference\": \"R-{rng.randrange(30)}\", \"profile\": \"learner\", \"last_name\": \"x\", \"first_name\": \"y\", \"gender\": \"F\"}}')")))

    def make_write(self):
        name = self.rng.choice([n for n in self.relations if n.startswith("attest_data.")])
        column = self.rng.choice(self.relations[name])[0]
        return Statement("write", self.rng.choice((f"UPDATE {name} SET {column} = {column}", f"DELETE FROM {name}", f"INSERT INTO {name} SELECT * FROM {name}",
                                                   f"TRUNCATE {name}", f"SELECT 1 FROM {name} FOR UPDATE")))

    def make_owner(self):
        """As the functions of attest work: with the rights of the tables' owner, who sees the list of tenants."""
        name = self.rng.choice([n for n, cs in self.relations.items() if n.startswith("attest_data.") and ("tenant_id", "integer") in cs])
        columns = [c for c in self.relations[name] if c[1] in SORTABLE]
        where = self.condition("t", columns)
        shown = ", ".join(f"t.{c}" for c, _ in columns[:4])
        return Statement("owner", self.rng.choice((f"UPDATE {name} t SET tenant_id = t.tenant_id WHERE {where} RETURNING {shown}", f"DELETE FROM {name} t WHERE {where} RETURNING {shown}",
                                                   f"INSERT INTO {name} SELECT (t.*) FROM {name} t WHERE {where} ON CONFLICT DO NOTHING RETURNING 1",
                                                   f"UPDATE {name} t SET tenant_id = 2 WHERE {where}", f"SELECT {shown} FROM {name} t WHERE {where} FOR UPDATE")), role="owner")
