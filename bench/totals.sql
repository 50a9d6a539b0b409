-- Totals over :size presences of 2,000 learners, in the columns of attest_data.presence_state.
SET client_min_messages = warning;
DROP TABLE IF EXISTS bench.presence;
CREATE UNLOGGED TABLE bench.presence AS SELECT 1 AS tenant_id, date '2025-01-06' + i % 250 AS day, 210 AS minutes_planned, i % 211 * 7919 % 211 AS minutes_attended,
  i % 211 * 7919 % 211 AS minutes_counted, i % 5 AS late_minutes, 0 AS rule_version, (i % 12)::smallint AS status, 2::smallint AS evidence,
  ('00000000-0000-4000-8000-' || lpad((i % 400)::text, 12, '0'))::uuid AS slot_id, ('00000000-0000-4000-8000-' || lpad((i % 2000)::text, 12, '0'))::uuid AS person_id,
  i % 3 = 0 AS signed, i % 4 = 0 AS countersigned,
  tstzrange(timestamptz '2025-01-06 09:00', timestamptz '2025-01-06 12:30') AS planned,
  tstzrange(timestamptz '2025-01-06 09:00', timestamptz '2025-01-06 09:00' + i % 211 * 7919 % 211 * interval '1 minute') AS attended
FROM generate_series(1, :size) i;
VACUUM ANALYZE bench.presence;
SELECT sum(minutes_attended) AS attended FROM bench.presence \gset
SELECT bench.compare('tally ' || :size, 'totals of each learner by tally_presence(), ' || :'many' || ' presences', 'the formula over ranges, the same totals in plain SQL', 'reading every row', :size, :'attended',
  'SELECT sum(attest.minutes_attended(t))::text FROM (SELECT person_id, attest.tally_presence(status, minutes_planned, minutes_attended, minutes_counted, late_minutes, signed, countersigned) AS t
     FROM bench.presence GROUP BY person_id) x',
  'SELECT round(sum(a + 0 * (p + l + g + c + s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11)))::bigint::text FROM (SELECT person_id, sum(extract(epoch FROM upper(planned) - lower(planned)) / 60) AS p,
       sum(extract(epoch FROM upper(planned * attended) - lower(planned * attended)) / 60) FILTER (WHERE NOT isempty(planned * attended)) AS a, sum(late_minutes) AS l,
       count(*) FILTER (WHERE signed) AS g, count(*) FILTER (WHERE countersigned) AS c,
       count(*) FILTER (WHERE status = 0) AS s0,
       count(*) FILTER (WHERE status = 1) AS s1,
       count(*) FILTER (WHERE status = 2) AS s2,
       count(*) FILTER (WHERE status = 3) AS s3,
       count(*) FILTER (WHERE status = 4) AS s4,
       count(*) FILTER (WHERE status = 5) AS s5,
       count(*) FILTER (WHERE status = 6) AS s6,
       count(*) FILTER (WHERE status = 7) AS s7,
       count(*) FILTER (WHERE status = 8) AS s8,
       count(*) FILTER (WHERE status = 9) AS s9,
       count(*) FILTER (WHERE status = 10) AS s10,
       count(*) FILTER (WHERE status = 11) AS s11
     FROM bench.presence GROUP BY person_id) x');
SELECT bench.compare('tally sum ' || :size, 'totals of each learner by tally_presence(), ' || :'many' || ' presences', 'sum() of one int, grouped the same way', 'reading every row', :size, :'attended',
  'SELECT sum(attest.minutes_attended(t))::text FROM (SELECT person_id, attest.tally_presence(status, minutes_planned, minutes_attended, minutes_counted, late_minutes, signed, countersigned) AS t
     FROM bench.presence GROUP BY person_id) x',
  'SELECT sum(s)::text FROM (SELECT person_id, sum(minutes_attended) AS s FROM bench.presence GROUP BY person_id) x');
