"""What a program that uses psycopg 3 can rely on."""

import psycopg

from common import ALPHA, BETA, PEOPLE, SIGN, Tap, capture, enter, people

tap = Tap("psycopg")
check, equal, refused = tap.check, tap.equal, tap.refused
png, strokes = capture("s01-1")

with psycopg.connect(autocommit=True) as connection, psycopg.connect(autocommit=True) as other:
    pid = connection.execute("SELECT pg_backend_pid()").fetchone()[0]

    # --- reading ---
    equal(connection.execute(PEOPLE).fetchall(), [], "without a ticket there is nobody")
    with connection.transaction():
        enter(connection, ALPHA)
        seen = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()[0]
        equal(connection.execute(PEOPLE).fetchall(), people("alpha"), "people are read")
        equal(connection.execute("SELECT tenant, profile FROM attest.whoami()").fetchone(), ("alpha", "manager"), "whoami() tells who one is")
        person, other_person = (row[0] for row in connection.execute("SELECT person_id FROM attest.people ORDER BY reference LIMIT 2"))
        slots = [row[0] for row in connection.execute("SELECT slot_id FROM attest_data.slot ORDER BY slot_id")]
        sealed = connection.execute("SELECT last_name FROM attest_data.person WHERE person_id = %s", [person]).fetchone()[0]
        raw = connection.cursor(binary=True).execute("SELECT last_name FROM attest_data.person WHERE person_id = %s", [person]).fetchone()[0]
        opened = connection.execute("SELECT attest.unseal(%s)", [sealed]).fetchone()[0]
    check(seen != "" and ALPHA[:40] not in seen, "the ticket is not in pg_stat_activity", seen)
    check(sealed.startswith("att1:"), "a sealed column is ciphertext", sealed)
    check(isinstance(raw, bytes) and b"Nom" not in raw, "in binary format too", raw)
    equal(opened, "Nom 1 alpha", "and goes back to be opened")
    equal(connection.execute(PEOPLE).fetchall(), [], "the next transaction sees nobody")
    equal(connection.execute("SELECT tenant FROM attest.whoami()").fetchone(), (None,), "and is nobody")

    # --- writing ---
    with connection.transaction():
        enter(connection, ALPHA)
        presence = connection.execute(SIGN, [slots[0], person, png]).fetchone()[0]
        connection.execute(SIGN, [slots[0], other_person, strokes])
    with connection.transaction():
        enter(connection, ALPHA)
        row = connection.execute("SELECT status, method, presence_id FROM attest.presences WHERE slot_id = %s AND person_id = %s",
                                 [slots[0], person]).fetchone()
        kinds = connection.execute("SELECT count(*) FROM attest.presences WHERE slot_id = %s AND method = 'signature'", [slots[0]]).fetchone()[0]
    equal(row, ("present", "signature", presence), "a person signs with a PNG")
    equal(kinds, 2, "and another with strokes")

    # --- errors ---
    diag = refused(connection, ALPHA, SIGN, [slots[0], person, png], "TA104", "signing twice")
    check(diag and str(slots[0]) in diag.message_detail, "signing twice: the detail names the slot", diag and diag.message_detail)
    refused(connection, ALPHA, SIGN, [slots[1], person, png[:400]], "TA201", "a signature cut short")
    refused(connection, ALPHA, SIGN, [slots[1], person, "data:,"], "TA203", "an empty signature")
    refused(connection, BETA, SIGN, [slots[1], person, png], "TA105", "a slot of another tenant")
    refused(connection, ALPHA, "SELECT attest.enter(%s)", [BETA], "TA004", "a second tenant")
    refused(connection, ALPHA[:-2], "SELECT 1", [], "TA002", "a ticket cut short")
    try:
        connection.execute(SIGN, [slots[1], person, png])
    except psycopg.Error as error:
        equal(error.sqlstate, "TA001", "no ticket: SQLSTATE TA001")
    equal(connection.execute(PEOPLE).fetchall(), [], "after errors the next transaction sees nobody")

    # --- what stays on the connection ---
    connection.execute("SELECT set_config('attest.ticket', %s, false)", [ALPHA])
    equal(connection.execute(PEOPLE).fetchall(), [], "a session-level ticket counts for nothing later")
    mixed = []
    for turn in range(20):
        tenant, ticket = (("alpha", ALPHA), ("beta", BETA))[turn % 2]
        with connection.transaction():
            enter(connection, ticket)
            mixed.append(connection.execute(PEOPLE, prepare=True).fetchall() == people(tenant))
    check(all(mixed), "one connection and one prepared statement serve two tenants in turn", mixed)
    with connection.transaction(force_rollback=True):
        enter(connection, BETA)
        equal(connection.execute(PEOPLE).fetchall(), people("beta"), "a transaction that is rolled back reads")
    equal(connection.execute(PEOPLE, prepare=True).fetchall(), [], "and leaves nothing")
    with connection.pipeline():
        connection.execute("BEGIN")
        enter(connection, ALPHA)
        cursor = connection.execute(PEOPLE)
        connection.execute("COMMIT")
        last = connection.execute(PEOPLE)
    equal((cursor.fetchall(), last.fetchall()), (people("alpha"), []), "a pipeline works")

tap.exit()
