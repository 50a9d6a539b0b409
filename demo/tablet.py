"""A tablet, reduced to what it does: it connects as the role tablet and issues SQL.

It signs the slots of the running session for their learners with the captures of
demo/signatures (PNG or strokes, no capture twice), some of them late; three
learners are missing, one of them excused.  Then the trainer countersigns.
"""
import json
import pathlib

import psycopg

CAPTURES = pathlib.Path(__file__).parent / "signatures"
LATE = {3: 25, 11: 40}  # learner -> minutes after the start
ABSENT = {5, 17}
EXCUSED = 8
SIGNED_LIVE = 15  # how many have signed the running slot so far
# The capture of each slot: take of the hand, and form.
FORMS = [(1, "png"), (2, "png"), (1, "strokes"), (2, "strokes")]


def capture(signer, slot):
    take, form = FORMS[slot]
    data = json.loads((CAPTURES / f"s{signer + 1:02d}-{take}.json").read_text())
    return data["png"] if form == "png" else json.dumps(data["strokes"])


def ticket_for(identifier):
    """A gateway with its own sign-on would do this, as a member of attest_operator."""
    with psycopg.connect(autocommit=True) as operator:
        row = operator.execute(
            "SELECT attest.issue_ticket('formation-ocean', %s)", [identifier]).fetchone()
    return row[0]


def sign_slot(tablet, ticket, number, slot_id, starts_at, learners, live):
    for learner, person in enumerate(learners):
        missing = number == 1 and (learner in ABSENT or learner == EXCUSED)
        if missing or (live and learner >= SIGNED_LIVE):
            continue
        minutes = LATE.get(learner, learner % 7) if not live else None
        with tablet.transaction():
            tablet.execute("SELECT attest.enter(%s)", [ticket])
            tablet.execute(
                "SELECT attest.sign(%s, %s, %s, claimed_at => CASE WHEN %s::int IS NULL THEN NULL"
                " ELSE %s + make_interval(mins => %s) END)",
                [slot_id, person, capture(learner, number), minutes, starts_at, minutes])


def main():
    print("\n== 4. Learners sign, the trainer countersigns")
    with psycopg.connect(user="tablet", autocommit=True) as tablet:
        ticket = ticket_for("formatrice-1")
        with tablet.transaction():
            tablet.execute("SELECT attest.enter(%s)", [ticket])
            slots = tablet.execute(
                "SELECT slot_id, starts_at, ends_at > now() FROM attest_data.slot"
                " ORDER BY starts_at").fetchall()
            learners = [row[0] for row in tablet.execute(
                "SELECT e.person_id FROM attest_data.enrolment e JOIN attest.people p"
                " USING (person_id) ORDER BY p.reference")]
        for number, (slot_id, starts_at, live) in enumerate(slots):
            sign_slot(tablet, ticket, number, slot_id, starts_at, learners, live)
            if live:
                continue
            with tablet.transaction():
                tablet.execute("SELECT attest.enter(%s)", [ticket])
                if number == 1:
                    tablet.execute(
                        "SELECT attest.record_presence(%s, %s, 'excused', 'medical appointment',"
                        " claimed_at => %s - interval '1 hour')",
                        [slot_id, learners[EXCUSED], starts_at])
                tablet.execute("SELECT attest.countersign(%s, %s)", [slot_id, capture(30, number)])


main()
