-- A tenant with people, and work for bench/sign: slots that run now, each person with a challenge for each.
SET client_min_messages = error;
CREATE EXTENSION attest CASCADE;
SELECT count(*) = 0 AS first FROM pg_roles WHERE rolname = 'app' \gset
\if :first
SELECT attest.create_keyring();
\endif
SELECT attest.setup();
\if :first
CREATE ROLE app LOGIN IN ROLE attest_app;
\endif
SELECT attest.create_tenant('alpha', 'Alpha', 'training_organisation'), attest.create_account('alpha', 'manager', 'manager');
SELECT attest.issue_ticket('alpha', 'manager', '4 hours') AS ticket \gset
SET ROLE app;
BEGIN;
SELECT attest.enter(:'ticket');
SELECT count(*) FROM attest.import_people('reference,profile,last_name,first_name,gender,birth_date' || E'\n'
  || (SELECT string_agg(format('P-%s,learner,Nom %s,P,F,1990-01-01', n, n), E'\n') FROM generate_series(1, 500) n)) WHERE outcome = 'loaded';
SELECT attest.create_course('c', 'Course') AS course \gset
SELECT attest.plan_session(:'course', 'Session', current_date - 1, current_date + 1) AS session \gset
SELECT count(attest.plan_slot(:'session', now() - interval '1 minute' + n * interval '1 us', now() + interval '3 hours')) FROM generate_series(1, 160) n;
SELECT count(attest.enrol(:'session', person_id)) FROM attest.people;
COMMIT;
RESET ROLE;

CREATE SCHEMA bench;
CREATE TABLE bench.work AS SELECT row_number() OVER (ORDER BY slot_id, md5(person_id::text)) AS n, slot_id AS slot, person_id AS person,
  sha256(uuid_send(gen_random_uuid())) AS challenge FROM attest_data.presence_state;
ALTER TABLE bench.work ADD PRIMARY KEY (n);
INSERT INTO attest_data.challenge SELECT 1, slot, person, person, sha256(challenge), now() + interval '1 day', false FROM bench.work;
CREATE TABLE bench.round (round int, size int, clients int, signed float8, bare float8);
CREATE TABLE bench.total (round int, size int, learner float8, session float8);

-- Plain tables of the same columns and indexes.
CREATE TABLE bench.slot_signature (LIKE attest_data.slot_signature INCLUDING ALL);
ALTER TABLE bench.slot_signature ALTER signature TYPE bytea USING NULL;
CREATE TABLE bench.presence (LIKE attest_data.presence INCLUDING ALL);
CREATE TABLE bench.presence_state (LIKE attest_data.presence_state INCLUDING ALL);
CREATE TABLE bench.event_outbox (LIKE attest_data.event_outbox INCLUDING ALL);
ALTER TABLE bench.event_outbox ALTER server SET DEFAULT 1;
ALTER TABLE bench.presence ALTER recorded_by DROP DEFAULT;
GRANT USAGE ON SCHEMA bench TO app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA bench TO app;

-- History, up to so many presences: earlier slots of the same people, written past the functions.
-- In the order of time, as those of attest.uuid_v7().
CREATE FUNCTION bench.id(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('018f0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION bench.grow(size int) RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE
  enrolled uuid[] := ARRAY(SELECT person_id FROM attest_data.enrolment ORDER BY enrolment_id);
  enrolments uuid[] := ARRAY(SELECT enrolment_id FROM attest_data.enrolment ORDER BY enrolment_id);
BEGIN
  CREATE TEMP TABLE grown ON COMMIT DROP AS
  SELECT enrolled[1 + n % 500] AS person, enrolments[1 + n % 500] AS enrolment, bench.id(size + n / 500) AS slot, bench.id(size + n) AS event,
    date '2020-01-01' + n / 1000 AS day FROM generate_series(0, size - 1) n;
  INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, digest, reasons, claimed_at)
    SELECT 1, event, slot, person, 'learner', 'strokes', sha256(uuid_send(event)), '{}', day FROM grown;
  INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id, claimed_at, recorded_at, method, signature_id, recorded_by)
    SELECT 1, 210, 210, 1, 2, event, slot, person, day, day, 'signature', event, person FROM grown;
  INSERT INTO attest_data.presence_state (tenant_id, day, minutes_planned, minutes_attended, minutes_counted, status, evidence, slot_id, person_id, enrolment_id, session_id, signed, method, presence_id, claimed_at)
    SELECT 1, day, 210, 210, 210, 1, 2, slot, person, enrolment, slot, true, 'signature', event, day FROM grown;
  -- What the trigger would have added, had it been asked.
  UPDATE attest_data.enrolment_total t SET total = c.total
  FROM (SELECT enrolment_id, attest.tally_presence(status, minutes_planned, minutes_attended, minutes_counted, late_minutes, signed, countersigned) AS total
    FROM attest_data.presence_state GROUP BY enrolment_id) c
  WHERE c.enrolment_id = t.enrolment_id;
END
$$;
