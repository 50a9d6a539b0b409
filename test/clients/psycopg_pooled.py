"""psycopg 3 through PgBouncer: two client connections take turns on one server connection."""

import psycopg

from common import ALPHA, BETA, PEOPLE, SIGN, Tap, capture, enter, people

BYSTANDER = """SELECT pg_backend_pid(), (SELECT count(*) FROM attest.people), (SELECT tenant FROM attest.whoami())"""
tap = Tap("psycopg, pooled")
check, equal, refused = tap.check, tap.equal, tap.refused
png, strokes = capture("s02-1")


def bystander(connection):
    """The server connection, and who one is there without having entered."""
    with connection.transaction():
        return connection.execute(BYSTANDER).fetchone()


def seen_by(connection, ticket):
    with connection.transaction():
        enter(connection, ticket)
        return connection.execute(PEOPLE).fetchall()


# The first prepares what it repeats, as psycopg does unless told otherwise.  Its names
# stand on the server connection, so the second, which shares it, does without.
with psycopg.connect() as one, psycopg.connect(prepare_threshold=None) as two:
    one.commit()
    two.commit()
    pid = bystander(one)[0]
    nobody = (pid, 0, None)
    equal(bystander(two), nobody, "a second client is on the same server connection, and nobody")

    # --- reading ---
    with one.transaction():
        enter(one, ALPHA)
        equal(one.execute(PEOPLE).fetchall(), people("alpha"), "people are read")
        equal(one.execute("SELECT tenant, profile, pg_backend_pid() FROM attest.whoami()").fetchone(), ("alpha", "manager", pid),
              "whoami() tells who one is")
        person, other = (row[0] for row in one.execute("SELECT person_id FROM attest.people ORDER BY reference LIMIT 2"))
        slot = one.execute("SELECT slot_id FROM attest_data.slot ORDER BY slot_id OFFSET 4 LIMIT 1").fetchone()[0]
    equal(bystander(two), nobody, "the next transaction, of the other client, is nobody")
    equal(bystander(one), nobody, "and so is the next of the first")

    # --- writing ---
    with one.transaction():
        enter(one, ALPHA)
        presence = one.execute(SIGN, [slot, person, png]).fetchone()[0]
    with two.transaction():
        enter(two, ALPHA)
        two.execute(SIGN, [slot, other, strokes])
        rows = two.execute("SELECT status, method, presence_id FROM attest.presences WHERE slot_id = %s AND person_id = %s",
                           [slot, person]).fetchall()
    equal(rows, [("present", "signature", presence)], "what one signs, the other reads")

    # --- errors ---
    diag = refused(one, ALPHA, SIGN, [slot, other, png], "TA104", "signing twice")
    check(diag and str(slot) in diag.message_detail, "signing twice: the detail names the slot", diag and diag.message_detail)
    refused(one, BETA, SIGN, [slot, person, png], "TA105", "a slot of another tenant")
    refused(one, ALPHA[:-2], "SELECT 1", [], "TA002", "a ticket cut short")
    equal(bystander(two), nobody, "after errors the next transaction is nobody")

    # --- what stays on the server connection ---
    with one.transaction():
        one.execute("SELECT set_config('attest.ticket', %s, false)", [ALPHA])
    equal(bystander(two), nobody, "a session-level ticket counts for nothing in the next transaction")
    equal(bystander(one), nobody, "not even for the client that set it")
    turns = []
    for turn in range(20):
        tenant, ticket = (("alpha", ALPHA), ("beta", BETA))[turn % 2]
        turns.append(seen_by(one, ticket) == people(tenant) and bystander(two) == nobody)
    check(all(turns), "20 turns on one connection: each sees its own tenant, and nobody comes between", turns)
    with one.transaction():
        prepared = one.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement = %s", [PEOPLE]).fetchone()[0]
    equal(prepared, 1, "by then psycopg had prepared its statement on the server")
    with one.transaction():
        equal(one.execute(PEOPLE).fetchall(), [], "which shows nobody without a ticket")

tap.exit()
