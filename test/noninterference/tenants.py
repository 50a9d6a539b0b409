"""The two databases: alone, with the tenant alpha, and together, a copy with beta and gamma."""
import json

import psycopg

WORDS = {"alpha": "Xqaulne", "beta": "Xqbourg", "gamma": "Xqgrain"}
ACCOUNTS = ("manager", "trainer", "learner", "counsellor", "hr_manager", "dpo")


def connect(database, role="app"):
    return psycopg.connect(dbname=database, user=role, autocommit=True, prepare_threshold=None)


def value(connection, sql, *values):
    return connection.execute(sql, values).fetchone()[0]


def ticket(database, tenant, account="manager"):
    with connect(database, "operator") as operator:
        return value(operator, "SELECT attest.issue_ticket(%s, %s, '8 hours')", tenant, account)


def fill(database, tenant, size):
    """A tenant through the API: the same codes in every tenant, its own word in every text."""
    word = WORDS[tenant]
    with open("demo/signatures/s02-1.json", encoding="utf-8") as capture:
        png = json.load(capture)["png"]
    with connect(database, "operator") as operator:
        value(operator, "SELECT attest.create_tenant(%s, %s, 'training_organisation')", tenant, "Org " + word)
        value(operator, "SELECT attest.create_account(%s, 'manager', 'manager')", tenant)
    with connect(database) as app, app.transaction():
        app.execute("SELECT attest.enter(%s)", [ticket(database, tenant)])
        people = [person(app, word, n) for n in range(size)]
        courses = [value(app, "SELECT attest.create_course(%s, %s)", f"C-{n}", f"Cours {word}") for n in range(3)]
        operation = value(app, "SELECT attest.create_operation('O-1', %s, 'esf+', '2022-01-01', '2027-12-31')", "Fonds " + word)
        for n, course in enumerate(courses):
            session = value(app, "SELECT attest.plan_session(%s, %s, current_date - 20, current_date + 20, %s)",
                            course, f"Session {word} {n}", "Salle " + word)
            for learner in people[4:]:
                value(app, "SELECT attest.enrol(%s, %s)", session, learner)
            for day in range(2 + n):
                slot(app, word, session, day, people, png)
        for learner in people[4::2]:
            value(app, "SELECT attest.record_participation(%s, %s, %s::jsonb)", operation, learner,
                  '{"entry": "2023-03-01", "status_entry": "inactive", "homeless": true}')
            value(app, "SELECT attest.assign_case(%s, %s, current_date - 30)", people[3], learner)
        value(app, "SELECT attest.object(%s)", people[4])
        value(app, "SELECT attest.place_hold(%s, %s)", people[5], "Motif " + word)
        value(app, "SELECT attest.set_retention_rule('learner', '3 years', %s)", "Base " + word)
        value(app, "SELECT attest.set_last_activity(%s, current_date - 400)", people[6])
    with connect(database, "operator") as operator:
        for account, n in zip(ACCOUNTS[1:], (2, 4, 3, 1, 0)):
            value(operator, "SELECT attest.create_account(%s, %s, %s, %s, current_date - 30)", tenant, account, account, people[n])


def person(app, word, n):
    profile = ("manager", "hr_manager", "trainer", "counsellor")[n] if n < 4 else "learner"
    details = {"reference": f"R-{n}", "profile": profile, "last_name": f"Ker{word} {n}", "first_name": f"Une {word}",
               "gender": "FMN"[n % 3]}
    if profile == "learner":
        details |= {"birth_date": f"19{70 + n % 30}-05-1{n % 10}", "commune": f"4410{n % 7}", "isced": str(n % 9),
                    "email": f"p{n}@{word}.example".lower()}
    return value(app, "SELECT attest.add_person(%s::jsonb)", json.dumps(details))


def slot(app, word, session, day, people, png):
    at = f"date_trunc('day', now()) - interval '{day + 2} days' + interval '9 hours'"
    new = value(app, f"SELECT attest.plan_slot(%s, {at}, {at} + interval '3 hours')", session)
    value(app, "SELECT attest.assign_trainer(%s, %s)", new, people[2])
    for n, learner in enumerate(people[4:]):
        if n % 3 == 0:
            value(app, "SELECT attest.sign(%s, %s, %s::attest.signature)", new, learner, png)
        elif n % 3 == 1:
            value(app, "SELECT attest.record_presence(%s, %s, 'excused', %s)", new, learner, "Motif " + word)


def own_values(tenant_id):
    """Ids, sealed values and digests of a tenant of the database together."""
    found = set()
    with connect("together", "postgres") as admin:
        tables = admin.execute("""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'tenant_id'
            WHERE relnamespace = 'attest_data'::regnamespace AND relkind = 'r'""").fetchall()
        for (table,) in tables:
            found.update(row[0] for row in admin.execute(f"""SELECT DISTINCT f.value FROM {table} t, jsonb_each_text(to_jsonb(t)) f
                WHERE tenant_id = {tenant_id} AND f.value ~ '^([0-9a-f]{{8}}-[0-9a-f-]{{27}}|att1:.*|\\\\x.{{40,}})$'"""))
    return found


FORGETFUL = """
    CREATE FUNCTION public.forgetful() RETURNS TABLE (tenant_id int, person_id uuid, reference text)
      LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT tenant_id, person_id, reference FROM attest_data.person';
    ALTER FUNCTION public.forgetful() OWNER TO attest_owner;
    CREATE FUNCTION public.remembers() RETURNS bigint LANGUAGE plpgsql AS
      $$ BEGIN RETURN (SELECT count(*) FROM attest_data.presence p JOIN attest_data.slot s USING (slot_id)); END $$;
"""


def make():
    with connect("postgres", "postgres") as admin:
        admin.execute("CREATE DATABASE alone")
    with connect("alone", "postgres") as admin:
        admin.execute("SET client_min_messages = error")
        admin.execute("CREATE EXTENSION attest CASCADE")
        admin.execute("SELECT attest.create_keyring()")
        admin.execute("SELECT attest.setup()")
        admin.execute("CREATE ROLE app LOGIN IN ROLE attest_app")
        admin.execute("CREATE ROLE operator LOGIN IN ROLE attest_operator")
        admin.execute(FORGETFUL)
    fill("alone", "alpha", 14)
    with connect("postgres", "postgres") as admin:
        admin.execute("CREATE DATABASE together TEMPLATE alone")
    fill("together", "beta", 22)
    fill("together", "gamma", 9)
    for database in ("alone", "together"):
        with connect(database, "postgres") as admin:
            admin.execute("ANALYZE")
