"""What the clients in Python share: TAP lines, the people of prepare.sql, entering."""

import json
import os
import sys

import psycopg

ALPHA = os.environ["ALPHA"]
BETA = os.environ["BETA"]
PEOPLE = "SELECT reference, last_name, first_name FROM attest.people ORDER BY reference"
SIGN = "SELECT attest.sign(%s, %s, %s)"


def people(tenant):
    return [(f"{tenant}-{n}", f"Nom {n} {tenant}", "Zoé") for n in (1, 2, 3)]


def enter(connection, ticket):
    connection.execute("SELECT attest.enter(%s)", [ticket])


def capture(name):
    """A signature that a person drew: as PNG and as strokes."""
    with open(f"demo/signatures/{name}.json", encoding="utf-8") as file:
        drawn = json.load(file)
    return drawn["png"], json.dumps(drawn["strokes"])


class Tap:
    """TAP lines without numbers; the exit status tells whether one failed."""

    def __init__(self, client):
        self.client = client
        self.failed = False

    def check(self, condition, name, seen=None):
        print(f"{'ok' if condition else 'not ok'} - {self.client}: {name}")
        if not condition:
            self.failed = True
            print(f"# {seen}")

    def equal(self, got, wanted, name):
        self.check(got == wanted, name, f"got {got!r}, wanted {wanted!r}")

    def refused(self, connection, ticket, sql, values, state, name):
        """The error, once the transaction is rolled back."""
        try:
            with connection.transaction():
                enter(connection, ticket)
                connection.execute(sql, values)
        except psycopg.Error as error:
            self.equal(error.sqlstate, state, f"{name}: SQLSTATE {state}")
            self.check(error.diag.message_hint, f"{name}: with a hint")
            self.check("Nom" not in str(error) and "Zoé" not in str(error), f"{name}: names nobody", error)
            return error.diag
        self.check(False, f"{name}: is refused")
        return None

    def exit(self):
        sys.exit(self.failed)
