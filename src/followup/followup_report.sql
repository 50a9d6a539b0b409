-- followup: reports for the département.

CREATE FUNCTION attest_internal.report_groups(by text, day date, OUT person_id uuid, OUT group_id uuid, OUT group_code text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH followed AS (
    SELECT s.person_id FROM attest_internal.situations_at(NULL, day, 'infinity') s
    UNION SELECT c.person_id FROM attest_internal.contracts_at(NULL, 'infinity') c WHERE c.starts_on <= day
  ),
  oriented AS (
    SELECT DISTINCT ON (o.person_id) o.person_id, o.organisation_id, o.path
    FROM attest_internal.orientations_at(NULL, 'infinity') o WHERE o.decided_on <= day
    ORDER BY o.person_id, o.decided_on DESC, o.recorded_at DESC
  )
  SELECT f.person_id, NULL::uuid, 'all' FROM followed f WHERE by = 'all'
  UNION ALL SELECT f.person_id, f.person_id, NULL FROM followed f WHERE by = 'person'
  UNION ALL SELECT f.person_id, NULL, coalesce(o.path, 'not_oriented') FROM followed f LEFT JOIN oriented o USING (person_id) WHERE by = 'path'
  UNION ALL
  SELECT f.person_id, o.organisation_id, coalesce(g.code, 'not_oriented')
  FROM followed f LEFT JOIN oriented o USING (person_id)
  LEFT JOIN attest_data.referent_organisation g ON g.tenant_id = attest.current_tenant() AND g.organisation_id = o.organisation_id
  WHERE by = 'organisation'
  UNION ALL
  SELECT f.person_id, c.referent_id, CASE WHEN c.referent_id IS NULL THEN 'no_referent' END
  FROM followed f LEFT JOIN attest_data.caseload c ON c.tenant_id = attest.current_tenant() AND c.person_id = f.person_id
    AND day BETWEEN c.since AND coalesce(c.until, 'infinity')
  WHERE by = 'referent'
$$;
COMMENT ON FUNCTION attest_internal.report_groups(text, date) IS
'Who belongs to which group of a report on a day: people with a situation or a contract.';

CREATE FUNCTION attest.followup_report(
  since date, until date, by text DEFAULT 'organisation',
  OUT group_id uuid, OUT group_code text, OUT people int, OUT with_contract int, OUT weeks int, OUT weeks_unknown int, OUT weeks_low int,
  OUT minutes int, OUT commitment int, OUT interactions int, OUT people_alerted int
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  zone text := (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant());
BEGIN
  PERFORM attest_internal.require_profile(CASE WHEN by IN ('person', 'referent') THEN 'manager,department_referent,external_referent,counsellor'
    ELSE 'manager,department_referent,external_referent,counsellor,dpo,analyst' END);
  IF (by = ANY ('{all,organisation,referent,path,person}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'by', 'all, organisation, referent, path, person');
  END IF;
  IF (until - since BETWEEN 0 AND 3660) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since, ten years later at most');
  END IF;
  RETURN QUERY
  WITH member AS (SELECT * FROM attest_internal.report_groups(by, followup_report.until)),
  account AS (
    SELECT w.person_id, count(*) AS weeks, count(*) FILTER (WHERE w.state = 'unknown') AS unknown, sum(w.minutes) AS minutes,
      count(*) FILTER (WHERE w.state = 'recorded' AND w.minutes + w.pending < w.commitment) AS low,
      sum(w.commitment) FILTER (WHERE w.state = 'recorded') AS commitment
    FROM attest_internal.account_weeks(NULL, attest_internal.week_of(followup_report.since), attest_internal.week_of(followup_report.until),
      least(attest_internal.local_day(), followup_report.until + 7)) w
    -- Weeks that begin in the period, and have ended.
    WHERE w.week BETWEEN followup_report.since AND followup_report.until AND w.state <> 'running'
    GROUP BY w.person_id
  ),
  contact AS (
    SELECT i.person_id, count(*) AS interactions FROM attest_internal.interactions_at(NULL, zone, followup_report.until) i
    WHERE i.day >= followup_report.since GROUP BY i.person_id
  ),
  contracted AS (
    SELECT DISTINCT c.person_id FROM attest_internal.contracts_at(NULL, 'infinity') c
    WHERE followup_report.until BETWEEN c.starts_on AND coalesce(c.ends_on, 'infinity')
  ),
  alerted AS (
    SELECT DISTINCT r.person_id FROM attest_internal.low_runs(NULL, followup_report.since,
      least(attest_internal.local_day(), followup_report.until + 1)) r
    WHERE r.until >= followup_report.since
  )
  SELECT m.group_id, m.group_code, count(*)::int, count(x.person_id)::int, coalesce(sum(a.weeks), 0)::int, coalesce(sum(a.unknown), 0)::int,
    coalesce(sum(a.low), 0)::int, sum(a.minutes)::int, sum(a.commitment)::int, coalesce(sum(i.interactions), 0)::int, count(l.person_id)::int
  FROM member m
  LEFT JOIN contracted x USING (person_id) LEFT JOIN account a USING (person_id) LEFT JOIN contact i USING (person_id)
  LEFT JOIN alerted l USING (person_id)
  GROUP BY m.group_id, m.group_code
  ORDER BY m.group_code, m.group_id;
END
$$;
COMMENT ON FUNCTION attest.followup_report(date, date, text) IS
'Report of a period on the people whom the profile sees, with a situation or a contract: by all, organisation or path (of the last orientation on the last day), referent (of the caseload on the last day: who has two counts with both) or person. weeks: those that begin in the period and have ended; minutes and commitment: of the recorded weeks, NULL where there is none; interactions: without comments; people_alerted: with a series of low weeks that ends in the period, seen from its last day. Small numbers are not suppressed: that is for whoever publishes. For managers, referents and counsellors; but by person or referent, for the DPO and analysts too.';

-- --- the yearly OARSA survey (DREES) ---

CREATE FUNCTION attest.oarsa_lines(OUT table_no int, OUT line text, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 60 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES (1, 'obliged', 'Subject to rights and duties on 31 December'), (1, 'not_oriented', 'of whom not oriented'), (1, 'oriented', 'of whom oriented')
  UNION ALL SELECT 1, 'oriented:' || k.kind, 'oriented towards: ' || k.title FROM attest.organisation_kinds() k
  UNION ALL VALUES (2, 'registered:france_travail', 'Oriented towards France Travail, and registered there')
  UNION ALL SELECT 2, 'contract:' || k.kind, 'With a valid contract; oriented towards: ' || k.title FROM attest.organisation_kinds() k WHERE k.kind <> 'france_travail'
  UNION ALL VALUES (3, 'under_6_months', 'Valid contract of less than 6 months'), (3, '6_to_12_months', 'of 6 to less than 12 months'),
    (3, '12_months_and_more', 'of 12 months and more'), (3, 'without_end', 'without an end (not a line of the survey)')
  UNION ALL SELECT 4, a.action, 'Valid contract with at least one action: ' || a.title FROM attest.contract_actions() a
  UNION ALL VALUES (5, 'entrants', 'Entered the RSA in the year, and subject on 31 December'), (5, 'oriented', 'of whom oriented for the first time'),
    (5, 'oriented_elsewhere', 'of whom towards another organisation than France Travail'), (5, 'contract', 'of whom with a valid first contract'),
    (5, 'days_to_orientation', 'Mean days from the entry to the first orientation'), (5, 'days_to_contract', 'Mean days from there to the signature'),
    (6, 'to_employment_service', 'Last reorientation of the year: into the employment service'), (6, 'from_employment_service', 'out of it')
$$;
COMMENT ON FUNCTION attest.oarsa_lines() IS 'The lines of tables 1 to 6 of the yearly OARSA survey, in its order.';

CREATE FUNCTION attest_internal.oarsa_bands(person uuid, year int, entered_on date, couple boolean, children boolean, education text,
  OUT dimension text, OUT category text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER ROWS 6 PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.dimension, d.category
  FROM attest_data.person p
  CROSS JOIN LATERAL (VALUES
    ('total', 'total'),
    -- Whoever was born in a year has that many years on 31 December.
    ('age', CASE WHEN p.birth_year IS NULL THEN 'unknown' WHEN year - p.birth_year < 25 THEN '0-24' WHEN year - p.birth_year < 30 THEN '25-29'
      WHEN year - p.birth_year < 40 THEN '30-39' WHEN year - p.birth_year < 50 THEN '40-49' WHEN year - p.birth_year < 60 THEN '50-59' ELSE '60+' END),
    ('sex', coalesce(p.gender, 'unknown')),
    ('family', CASE WHEN couple IS NULL OR children IS NULL THEN 'unknown'
      ELSE CASE WHEN couple THEN 'couple' ELSE 'alone' END || CASE WHEN children THEN '_with_children' ELSE '_without_children' END END),
    -- Half-open bands: the last day of a band belongs to the longer one.
    ('seniority', CASE WHEN entered_on IS NULL OR entered_on > make_date(year, 12, 31) THEN 'unknown'
      WHEN entered_on > make_date(year, 12, 31) - interval '6 months' THEN 'under_6_months'
      WHEN entered_on > make_date(year, 12, 31) - interval '1 year' THEN '6_to_12_months'
      WHEN entered_on > make_date(year, 12, 31) - interval '2 years' THEN '1_to_2_years'
      WHEN entered_on > make_date(year, 12, 31) - interval '5 years' THEN '2_to_5_years' ELSE '5_years_and_more' END),
    ('education', coalesce(education, CASE WHEN p.isced <= 2 THEN 'VI_Vbis' WHEN p.isced = 4 THEN 'IV' WHEN p.isced >= 5 THEN 'III_I' ELSE 'unknown' END))
  ) d (dimension, category)
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person
$$;
COMMENT ON FUNCTION attest_internal.oarsa_bands(uuid, int, date, boolean, boolean, text) IS
'Where a person falls in each breakdown of the OARSA survey, on 31 December. Without a level of education, ISCED stands for it where it can: ISCED 3 is V or IV, and so unknown.';

CREATE FUNCTION attest_internal.oarsa_people(year int, known_at timestamptz, rights_known_at timestamptz,
  OUT person_id uuid, OUT obliged boolean, OUT entered_on date, OUT registered_on date, OUT couple boolean, OUT children boolean, OUT education text,
  OUT kind text, OUT first_on date, OUT first_kind text, OUT starts_on date, OUT ends_on date, OUT actions text[], OUT first_signed_on date
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH oriented AS (
    SELECT o.person_id, o.decided_on, o.kind, o.recorded_at FROM attest_internal.orientations_at(NULL, known_at) o
    WHERE o.decided_on <= make_date(year, 12, 31) AND o.outcome = 'oriented'
  ),
  last_oriented AS (SELECT DISTINCT ON (o.person_id) o.* FROM oriented o ORDER BY o.person_id, o.decided_on DESC, o.recorded_at DESC),
  valid AS (
    SELECT DISTINCT ON (c.person_id) c.* FROM attest_internal.contracts_at(NULL, known_at) c
    WHERE c.kind <> 'ppae' AND c.signed_on <= make_date(year, 12, 31)
      AND make_date(year, 12, 31) BETWEEN c.starts_on AND coalesce(c.ends_on, 'infinity')
    ORDER BY c.person_id, c.signed_on DESC, c.recorded_at DESC
  )
  SELECT s.person_id, s.rights <> 'closed' AND s.obliged, s.entered_on, s.registered_on, s.couple, s.children, s.education,
    l.kind, f.decided_on, f.kind, v.starts_on, v.ends_on, v.actions,
    -- A first contract is one that no other was signed before since the entry.
    (SELECT min(c.signed_on) FROM attest_internal.contracts_at(s.person_id, known_at) c WHERE c.kind <> 'ppae' AND c.signed_on >= s.entered_on)
  FROM attest_internal.situations_at(NULL, make_date(year, 12, 31), rights_known_at) s
  LEFT JOIN last_oriented l ON l.person_id = s.person_id
  LEFT JOIN LATERAL (SELECT o.* FROM oriented o WHERE o.person_id = s.person_id AND o.decided_on >= s.entered_on
    ORDER BY o.decided_on, o.recorded_at LIMIT 1) f ON true
  LEFT JOIN valid v ON v.person_id = s.person_id
$$;
COMMENT ON FUNCTION attest_internal.oarsa_people(int, timestamptz, timestamptz) IS
'What the OARSA survey needs to know of each person on 31 December of a year.';

CREATE FUNCTION attest_internal.oarsa_marks(table_no int, year int, known_at timestamptz, rights_known_at timestamptz,
  OUT person_id uuid, OUT line text, OUT days int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH person AS (SELECT * FROM attest_internal.oarsa_people(year, known_at, rights_known_at) p WHERE p.obliged),
  elsewhere AS (SELECT * FROM person p WHERE p.kind <> 'france_travail' AND p.starts_on IS NOT NULL),
  entrant AS (SELECT * FROM person p WHERE extract(year FROM p.entered_on) = year),
  first_contract AS (SELECT * FROM entrant e WHERE e.first_kind <> 'france_travail' AND e.first_signed_on >= e.first_on AND e.starts_on IS NOT NULL),
  step AS (
    SELECT o.person_id, o.decided_on, o.recorded_at, k.employment_service,
      lag(k.employment_service) OVER (PARTITION BY o.person_id ORDER BY o.decided_on, o.recorded_at) AS before
    FROM attest_internal.orientations_at(NULL, known_at) o JOIN attest.organisation_kinds() k ON k.kind = o.kind
    WHERE o.outcome = 'oriented' AND o.decided_on <= make_date(year, 12, 31)
  ),
  reoriented AS (
    SELECT DISTINCT ON (s.person_id) s.* FROM step s
    WHERE s.before <> s.employment_service AND extract(year FROM s.decided_on) = year
    ORDER BY s.person_id, s.decided_on DESC, s.recorded_at DESC
  )
  SELECT p.person_id, x.line, NULL::int FROM person p CROSS JOIN LATERAL unnest(ARRAY['obliged',
    CASE WHEN p.kind IS NULL THEN 'not_oriented' ELSE 'oriented' END, 'oriented:' || p.kind]) x (line) WHERE table_no = 1 AND x.line IS NOT NULL
  UNION ALL SELECT p.person_id, 'registered:france_travail', NULL FROM person p
  WHERE table_no = 2 AND p.kind = 'france_travail' AND p.registered_on <= make_date(year, 12, 31)
  UNION ALL SELECT e.person_id, 'contract:' || e.kind, NULL FROM elsewhere e WHERE table_no = 2
  UNION ALL SELECT e.person_id, CASE WHEN e.ends_on IS NULL THEN 'without_end' WHEN e.ends_on + 1 < e.starts_on + interval '6 months' THEN 'under_6_months'
    WHEN e.ends_on + 1 < e.starts_on + interval '12 months' THEN '6_to_12_months' ELSE '12_months_and_more' END, NULL
  FROM elsewhere e WHERE table_no = 3
  UNION ALL SELECT e.person_id, a.action, NULL FROM elsewhere e CROSS JOIN LATERAL unnest(e.actions) a (action) WHERE table_no = 4
  UNION ALL SELECT e.person_id, 'entrants', NULL FROM entrant e WHERE table_no = 5
  UNION ALL SELECT e.person_id, x.line, e.first_on - e.entered_on FROM entrant e CROSS JOIN LATERAL unnest(ARRAY['oriented', 'days_to_orientation',
    CASE WHEN e.first_kind <> 'france_travail' THEN 'oriented_elsewhere' END]) x (line)
  WHERE table_no = 5 AND e.first_on IS NOT NULL AND x.line IS NOT NULL
  UNION ALL SELECT c.person_id, x.line, c.first_signed_on - c.first_on FROM first_contract c CROSS JOIN LATERAL unnest(ARRAY['contract', 'days_to_contract']) x (line)
  WHERE table_no = 5
  UNION ALL SELECT r.person_id, CASE WHEN r.employment_service THEN 'to_employment_service' ELSE 'from_employment_service' END, NULL
  FROM reoriented r WHERE table_no = 6
$$;
COMMENT ON FUNCTION attest_internal.oarsa_marks(int, int, timestamptz, timestamptz) IS 'Who counts on which line of a table of the OARSA survey.';

CREATE FUNCTION attest.oarsa_table(
  table_no int, year int, known_at timestamptz DEFAULT 'infinity', consolidated boolean DEFAULT false,
  OUT line text, OUT title text, OUT dimension text, OUT category text, OUT people int, OUT mean_days int
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  zone text := (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant());
  known timestamptz := coalesce(known_at, 'infinity');
  rights_known timestamptz;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,analyst');
  IF (table_no BETWEEN 1 AND 6) IS NOT TRUE OR (year BETWEEN 2009 AND 9998) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'table_no, year', 'from 1 to 6, and a year since 2009');
  END IF;
  rights_known := CASE WHEN consolidated THEN known ELSE least(known, make_date(year + 1, 1, 1)::timestamp AT TIME ZONE zone) END;
  RETURN QUERY
  WITH mark AS (
    SELECT m.line, m.days, b.dimension, b.category
    FROM attest_internal.oarsa_marks(oarsa_table.table_no, oarsa_table.year, known, rights_known) m
    LEFT JOIN attest_internal.situations_at(NULL, make_date(oarsa_table.year, 12, 31), rights_known) s ON s.person_id = m.person_id
    CROSS JOIN LATERAL attest_internal.oarsa_bands(m.person_id, oarsa_table.year, s.entered_on, s.couple, s.children, s.education) b
  ),
  grid AS (
    SELECT l.n, l.line, l.title, c.n AS place, c.dimension, c.category
    FROM attest.oarsa_lines() WITH ORDINALITY l (table_no, line, title, n)
    CROSS JOIN (SELECT d.n * 100 + k.n AS n, d.dimension, k.category FROM (VALUES
      (1, 'total', '{total}'::text[]), (2, 'age', '{0-24,25-29,30-39,40-49,50-59,60+,unknown}'), (3, 'sex', '{F,M,N,unknown}'),
      (4, 'family', '{alone_without_children,alone_with_children,couple_without_children,couple_with_children,unknown}'),
      (5, 'seniority', '{under_6_months,6_to_12_months,1_to_2_years,2_to_5_years,5_years_and_more,unknown}'),
      (6, 'education', '{VI_Vbis,V,IV,III_I,unknown}')) d (n, dimension, categories)
      CROSS JOIN LATERAL unnest(d.categories) WITH ORDINALITY k (category, n)) c
    WHERE l.table_no = oarsa_table.table_no
  )
  SELECT g.line, g.title, g.dimension, g.category, count(m.line)::int, CASE WHEN g.line LIKE 'days_%' THEN round(avg(m.days))::int END
  FROM grid g LEFT JOIN mark m USING (line, dimension, category)
  GROUP BY g.n, g.line, g.title, g.place, g.dimension, g.category
  ORDER BY g.n, g.place;
END
$$;
COMMENT ON FUNCTION attest.oarsa_table(int, int, timestamptz, boolean) IS
'A table of the yearly OARSA survey of the DREES, in rows: line, breakdown (total, age on 31 December, sex, family, seniority, education), people. 1 orientation; 2 registered or with a valid contract; 3 duration and 4 actions of valid contracts, of those oriented elsewhere than to France Travail; 5 entrants of the year, with mean delays in days, rounded; 6 the last reorientation of the year into or out of the employment service. Subject: the right is open or suspended and the person obliged (L262-28 of the Code of Social Action); unknown is out. The right is the one not consolidated: as recorded by 31 December, unless consolidated; all else as recorded by known_at. Small numbers are not suppressed: that is for whoever publishes. For managers, department referents and analysts.';
