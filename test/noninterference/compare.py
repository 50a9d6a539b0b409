#!/usr/bin/env python3
"""Compares what alpha is told by the databases alone and together: see run."""
import collections
import os
import random
import re
import sys
import time

import psycopg

import tenants
from queries import SORTABLE, Generator

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
failures = 0


def ok(passed, name):
    global failures
    failures += not passed
    print(f"{'ok' if passed else 'not ok'} - {name}", flush=True)


def relations():
    """What the application may read, by name, with its columns and their types."""
    with tenants.connect("together") as app:
        rows = app.execute("""SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, NULL) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace IN ('attest'::regnamespace, 'attest_data'::regnamespace, 'attest_report'::regnamespace) AND c.relkind IN ('r', 'v')
              AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT') AND has_schema_privilege(c.relnamespace, 'USAGE')
            ORDER BY 1, a.attnum""").fetchall()
    found = collections.defaultdict(list)
    for relation, column, kind in rows:
        if kind in SORTABLE:
            found[relation].append((column, kind))
    return dict(found)


class Side:
    """A database, and a connection a role: the same statements are sent to both sides."""

    def __init__(self, database):
        self.database = database
        self.tickets = {a: tenants.ticket(database, "alpha", a) for a in tenants.ACCOUNTS}
        self.others = [tenants.ticket("together", t) for t in ("beta", "gamma")] if database == "together" else []
        self.connections = {}

    def connection(self, role):
        if role not in self.connections:
            self.connections[role] = tenants.connect(self.database, "postgres" if role == "owner" else role)
            self.connections[role].execute("SET statement_timeout = '20s'")
        return self.connections[role]

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections = {}

    def answer(self, connection, ticket, sql, role):
        """Rows, count, and what went wrong, of one statement in a transaction that is undone."""
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT attest.enter(%s)", [ticket])
            if role == "owner":
                connection.execute("SET LOCAL ROLE attest_owner")
            cursor = connection.execute(sql.encode())
            rows = cursor.fetchall() if cursor.description else []
            return rows, cursor.rowcount, None
        except psycopg.Error as error:
            said = error.diag
            return [], -1, (said.sqlstate, said.message_primary, said.message_detail, said.message_hint)
        finally:
            connection.execute("ROLLBACK")

    def ask(self, statement, prepared, primed):
        # A connection of a pool has served another tenant first.
        primed = primed or statement.role not in self.connections
        connection = self.connection(statement.role)
        sql = statement.sql
        if prepared:
            connection.execute("DEALLOCATE ALL")
            connection.execute("SET plan_cache_mode = force_generic_plan")
            try:
                connection.execute(f"PREPARE q AS {sql}")
                sql = "EXECUTE q"
            except psycopg.Error:
                pass
        if primed and self.others:
            self.answer(connection, random.choice(self.others), sql, statement.role)
        return self.answer(connection, self.tickets[statement.account], sql, statement.role)


def normalised(answer, statement, known):
    """Ids that alpha does not have were made by the statement, at the time of the statement."""
    rows, count, fault = answer

    def text(cell):
        return UUID.sub(lambda m: m[0] if m[0] in known else "id", str(cell))

    shown = [tuple(text(c) for c in row) for row in rows]
    if fault:
        # The value that a cast complains about is that of whichever row came first.
        message = re.sub(r'"[^"]*"', '"value"', text(fault[1])) if fault[0] in ("22P02", "22007", "22008", "23505") else text(fault[1])
        # Of several policies that are broken, one is named.
        message = re.sub(r' policy "[^"]*"', " policy", message)
        fault = (fault[0], message, None if fault[0] == "23505" else text(fault[2]), fault[3])
    return (shown if statement.ordered else sorted(shown), count, fault)


class Comparison:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        random.seed(seed)
        self.own, foreign = tenants.own_values(1), tenants.own_values(2) | tenants.own_values(3)
        ids = [sorted(v for v in values if UUID.fullmatch(v)) for values in (self.own, foreign)]
        # Most calls take people and slots: these are asked about more often.
        with tenants.connect("together", "postgres") as admin:
            often = [[str(r[0]) for r in admin.execute(f"SELECT person_id FROM attest_data.person WHERE {w} UNION ALL SELECT slot_id FROM attest_data.slot WHERE {w} "
                                                       f"UNION ALL SELECT session_id FROM attest_data.session WHERE {w}")] * 3 for w in ("tenant_id = 1", "tenant_id > 1")]
        self.generator = Generator(self.rng, relations(), often[0] + ids[0], often[1] + ids[1])
        self.secrets = re.compile("|".join([w for t, w in tenants.WORDS.items() if t != "alpha"] + [re.escape(v) for v in sorted(foreign)]))
        self.sides = [Side("alone"), Side("together")]
        self.kinds = collections.Counter()
        self.with_rows = self.failed = self.primed = self.prepared = 0
        self.differences, self.leaks = [], []

    def one(self):
        statement = self.generator.statement()
        prepared = statement.kind not in ("write",) and self.rng.random() < 0.5
        primed = self.rng.random() < 0.6
        answers = [side.ask(statement, prepared, primed) for side in self.sides]
        alone, together = (normalised(a, statement, self.own) for a in answers)
        self.kinds[statement.kind] += 1
        self.with_rows += bool(alone[0])
        self.failed += alone[2] is not None
        self.primed += primed
        self.prepared += prepared
        if alone != together:
            self.differences.append((statement, alone, together))
        # What the statement itself names is no leak.
        said = " ".join(str(part) for part in answers[1])
        if any(m not in statement.sql for m in self.secrets.findall(said)):
            self.leaks.append((statement, said))

    def run(self, count):
        for _ in range(count):
            self.one()
        for side in self.sides:
            side.close()
        return self

    def show(self, most=3):
        for statement, alone, together in self.differences[:most]:
            print(f"# {statement.kind}, {statement.account}: {statement.sql}\n#   alone: {str(alone)[:300]}\n#   together: {str(together)[:300]}")
        for statement, said in self.leaks[:most]:
            print(f"# of others: {statement.sql}\n#   {said[:300]}")


def change(*statements):
    with tenants.connect("together", "postgres") as admin:
        for statement in statements:
            admin.execute(statement)


def preloaded():
    count = int(os.environ.get("NONINTERFERENCE_QUERIES", "2000"))
    seed = int(os.environ.get("NONINTERFERENCE_SEED", "1"))
    tenants.make()
    began = time.monotonic()
    done = Comparison(seed).run(count)
    done.show()
    print(f"# {count} statements in {time.monotonic() - began:.0f} s (seed {seed}): {done.with_rows} with rows, {done.failed} refused, {done.primed} after another tenant, "
          f"{done.prepared} prepared; {', '.join(f'{k} {n}' for k, n in sorted(done.kinds.items()))}")
    ok(not done.differences, f"{count} statements, {len(done.differences)} answers that depend on other tenants")
    ok(not done.leaks, f"{count} statements, {len(done.leaks)} answers with something of other tenants")
    ok(len(done.kinds) == len(done.generator.kinds) and done.with_rows > count * 0.35 and done.failed > count * 0.05, "the statements are of every kind, and many have rows")

    with tenants.connect("together") as app, app.transaction():
        app.execute("SELECT attest.enter(%s)", [tenants.ticket("together", "alpha")])
        seen = app.execute("SELECT count(*), count(DISTINCT tenant_id), min(tenant_id) FROM public.forgetful()").fetchone()
    ok(seen == (14, 1, 1), "a function of the owner that forgets the tenant opens nothing")

    change("CREATE POLICY oops ON attest_data.person USING (true)", "CREATE POLICY oops ON attest_data.course USING (true)")
    widened = Comparison(seed + 1).run(300)
    widened.show()
    ok(not widened.differences and not widened.leaks, "a policy for everybody opens nothing: the library restricts")
    change("ALTER FUNCTION attest.current_tenant() IMMUTABLE")
    fault = Comparison(seed + 2).run(300)
    ok(fault.differences, f"planted: current_tenant() IMMUTABLE; {len(fault.differences)} of 300 answers differ")
    change("ALTER FUNCTION attest.current_tenant() STABLE")
    mended = Comparison(seed + 2).run(300)
    mended.show()
    ok(not mended.differences, "mended: none differs")


def unloaded():
    """Without preloading, a statement that was prepared before the library is there stays as it is."""
    with tenants.connect("together", "postgres") as admin:
        tables = [r[0] for r in admin.execute("SELECT DISTINCT polrelid::regclass::text FROM pg_policy WHERE polname = 'tenant_isolation'").fetchall()]
        for table in tables:
            admin.execute(f"DROP POLICY tenant_isolation ON {table}")
            admin.execute(f"ALTER POLICY tenant_rows ON {table} USING (true)")
    fault = Comparison(7)
    for side in fault.sides:
        side.connection("app")
    fresh = [(s, p) for s, p in ((fault.generator.statement(), i) for i in range(200)) if s.role == "app" and s.kind not in ("write", "failing", "call")]
    differing = 0
    for statement, _ in fresh:
        answers = []
        for side in fault.sides:
            side.close()
            answers.append(normalised(side.ask(statement, True, False), statement, fault.own))
        differing += answers[0] != answers[1]
    ok(differing > 0, f"planted: policies widened and the library not preloaded; {differing} of {len(fresh)} answers differ")


if __name__ == "__main__":
    {"preloaded": preloaded, "unloaded": unloaded}[sys.argv[1]]()
    sys.exit(failures > 0)
