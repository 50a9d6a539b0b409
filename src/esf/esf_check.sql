-- esf: the arithmetic that authorities check, by gender.

CREATE FUNCTION attest.esf_rules(OUT framework text, OUT rule text, OUT source text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 80 SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('esf+', 'EECO01 = EECO02 + EECO04 + EECO05', 'Annex I of (EU) 2021/1057: total from employment status; SFC2021 rule 146'),
    ('esf+', 'EECO01 = complete', 'Art. 17(5) of (EU) 2021/1057: complete records, each once'),
    ('esf+', 'EECO03 <= EECO02', 'Annex I, 1.1: unemployed, including long-term unemployed'),
    ('esf+', 'EECO06 + EECO07 + EECO08 <= EECO01', 'Annex I, 1.1: ages below 18, 18 to 29, from 55 on'),
    ('esf+', 'EECO09 + EECO10 + EECO11 = EECO01', 'Annex I, 1.1: ISCED 0 to 8'),
    ('esf+', 'EECO12 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO13 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECO14 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO15 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECO16 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO17 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECR01 <= EECO04', 'Annex I, 3: inactive at entry; SFC2021 table 10'),
    ('esf+', 'EECR02 <= EECO01', 'Annex I, 3; SFC2021 table 10'),
    ('esf+', 'EECR03 <= EECO01', 'Annex I, 3; SFC2021 table 10'),
    ('esf+', 'EECR04 <= EECO02 + EECO04', 'Annex I, 3: not employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR05 <= EECO02 + EECO04', 'Annex I, 4: not employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR06 <= EECO05', 'Annex I, 4: employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR01 + EECR04 <= EECO02 + EECO04', 'SFC FAQ of 13.4.2023: job searching and employment exclude each other'),
    ('esf+', 'EECR01 + EECR04 <= left', 'Annex I, 3: upon leaving'),
    ('esf+', 'EECR02 <= left', 'Annex I, 3: upon leaving'), ('esf+', 'EECR03 <= left', 'Annex I, 3: upon leaving'),
    ('esf+', 'EECR05 <= left', 'Annex I, 4: after leaving'), ('esf+', 'EECR06 <= left', 'Annex I, 4: after leaving'),
    ('esf+', 'left <= EECO01', 'Annex I, 3: leavers took part'),
    ('esf+', 'complete + incomplete >= EECO01', 'SFC2014 FAQ of 12.12.2014: incomplete records in the grand total only'),
    ('esf', 'complete = CO01 + CO03 + CO05', 'Annex I of (EU) 1304/2013: total from the output indicators'),
    ('esf', 'CO02 <= CO01', 'Annex I (1): unemployed, including long-term unemployed'),
    ('esf', 'CO04 <= CO03', 'Annex I (1)'),
    ('esf', 'CO06 + CO07 <= complete', 'Annex I (1): ages below 25, above 54'),
    ('esf', 'CO08 <= CO07', 'Annex I (1)'), ('esf', 'CO08 <= CO01 + CO04', 'Annex I (1)'),
    ('esf', 'CO09 + CO10 + CO11 <= complete', 'Annex I (1): ISCED 1 to 8, 0 in no band'),
    ('esf', 'CO12 <= complete', 'Annex I (1) as adopted'), ('esf', 'CO13 <= CO12', 'Annex I (1) as adopted'),
    ('esf', 'CO14 <= complete', 'Annex I (1) as adopted'), ('esf', 'CO15 <= complete', 'Annex I (1)'),
    ('esf', 'CO16 <= complete', 'Annex I (1)'), ('esf', 'CO17 <= complete', 'Annex I (1)'),
    ('esf', 'CO18 <= complete', 'Annex I (1)'), ('esf', 'CO18 <= CO17', 'guidance: who is homeless is disadvantaged'),
    ('esf', 'CO19 <= complete', 'Annex I (1)'),
    ('esf', 'CR01 <= CO03', 'Annex I (3): inactive at entry'),
    ('esf', 'CR02 <= complete', 'Annex I (3)'), ('esf', 'CR03 <= complete', 'Annex I (3)'),
    ('esf', 'CR04 <= CO01 + CO03', 'Annex I (3): not employed at entry'),
    ('esf', 'CR05 <= CO12 + CO14 + CO15 + CO16 + CO17', 'Annex I (3): disadvantaged, each in one of these at least'),
    ('esf', 'CR06 <= CO01 + CO03', 'Annex I (4): not employed at entry'),
    ('esf', 'CR07 <= CO05', 'Annex I (4): employed at entry'),
    ('esf', 'CR08 <= CR06', 'Annex I (4)'), ('esf', 'CR08 <= CO07', 'Annex I (4)'), ('esf', 'CR09 <= CR06', 'Annex I (4)'),
    ('esf', 'CR01 + CR04 <= left', 'Annex I (3): upon leaving'), ('esf', 'CR02 <= left', 'Annex I (3): upon leaving'),
    ('esf', 'CR03 <= left', 'Annex I (3): upon leaving'), ('esf', 'CR05 <= left', 'Annex I (3): upon leaving'),
    ('esf', 'CR06 + CR07 <= left', 'Annex I (4): after leaving, by status at entry'),
    ('esf', 'CI01 <= CO01', 'Annex II: unemployed'), ('esf', 'CI02 <= CO01', 'Annex II: unemployed'), ('esf', 'CI03 <= CO01', 'Annex II: unemployed'),
    ('esf', 'CI04 <= CO02', 'Annex II: long-term unemployed'), ('esf', 'CI05 <= CO02', 'Annex II: long-term unemployed'),
    ('esf', 'CI06 <= CO02', 'Annex II: long-term unemployed'),
    ('esf', 'CI04 <= CI01', 'Annex II'), ('esf', 'CI05 <= CI02', 'Annex II'), ('esf', 'CI06 <= CI03', 'Annex II'),
    ('esf', 'CI07 <= CO04', 'Annex II: inactive, not in education'), ('esf', 'CI08 <= CO04', 'Annex II: inactive, not in education'),
    ('esf', 'CI09 <= CO04', 'Annex II: inactive, not in education'),
    ('esf', 'CI10 <= left', 'Annex II: after leaving'), ('esf', 'CI11 <= left', 'Annex II: after leaving'), ('esf', 'CI12 <= CI11', 'Annex II: self-employment is employment'),
    ('esf', 'left <= complete', 'Annex I (3): leavers took part'),
    ('esf', 'complete + incomplete >= CO01 + CO03 + CO05', 'SFC2014 FAQ of 12.12.2014: incomplete records in the grand total only')
$$;
COMMENT ON FUNCTION attest.esf_rules() IS
'The arithmetic rules that attest.esf_check() applies to each gender, with their sources. complete: complete records; left: those with an exit; incomplete: records that count for no indicator. No number is negative or broken: the type allows none.';

CREATE FUNCTION attest_internal.esf_side(tally attest.esf_tally, side text, gender text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sum(attest.esf_count(tally, c, gender))::bigint FROM unnest(string_to_array(side, ' + ')) c
$$;
COMMENT ON FUNCTION attest_internal.esf_side(attest.esf_tally, text, text) IS 'One side of a rule: the sum of counts.';

CREATE FUNCTION attest.esf_check(
  tally attest.esf_tally, OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.rule, r.a, r.b, CASE r.operator WHEN '=' THEN r.a = r.b WHEN '<=' THEN r.a <= r.b ELSE r.a >= r.b END, r.gender, r.source
  FROM (
    SELECT k.rule, k.source, p.sides[2] AS operator, coalesce(g.gender, 'all') AS gender,
      attest_internal.esf_side(tally, p.sides[1], g.gender) AS a, attest_internal.esf_side(tally, p.sides[3], g.gender) AS b
    FROM attest.esf_rules() k
    CROSS JOIN LATERAL regexp_match(k.rule, '^(.*) (=|<=|>=) (.*)$') p (sides)
    CROSS JOIN (VALUES ('F'), ('M'), ('N'), (NULL)) g (gender)
    WHERE k.framework = attest.esf_framework(tally)
  ) r
$$;
COMMENT ON FUNCTION attest.esf_check(attest.esf_tally) IS
'Every arithmetic rule of the framework of a tally, for women (F), men (M), non-binary people (N) and all, as rows: the two sides, and whether the rule holds. Sources: attest.esf_rules().';

CREATE FUNCTION attest.esf_check_sums(
  tally attest.esf_tally, declared jsonb, OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text
) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM jsonb_object_keys(declared) d WHERE d !~ '^[A-Z]+[0-9]{2}([+][0-9]{2})+$') THEN
    PERFORM attest_internal.fail('bad_value', 'declared', 'an object of sums such as {"EECO02+04": {"F": 1, "M": 2, "N": 0}}');
  END IF;
  RETURN QUERY
  SELECT r.rule, r.a, r.b, r.a IS NOT DISTINCT FROM r.b, r.gender, 'SFC2021 rules 144 to 148: reserved sums'
  FROM (
    SELECT format('%s = %s', d.key, s.side) AS rule, g.gender, (d.value ->> g.gender)::bigint AS a,
      attest_internal.esf_side(tally, s.side, g.gender) AS b
    FROM jsonb_each(declared) d
    CROSS JOIN LATERAL (SELECT string_agg(substring(d.key FROM '^[A-Z]+') || n, ' + ') AS side
      FROM unnest(string_to_array(ltrim(d.key, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), '+')) n) s
    CROSS JOIN (VALUES ('F'), ('M'), ('N')) g (gender)
  ) r;
END
$$;
COMMENT ON FUNCTION attest.esf_check_sums(attest.esf_tally, jsonb) IS
'Compares sums that somebody declares with those of a tally, for each gender: {"EECO02+04": {"F": 1, "M": 2, "N": 0}} must be EECO02 + EECO04. Typed by hand they go wrong, and the Commission refuses the table (SFC2021 rules 144 to 148).';

CREATE FUNCTION attest.esf_check_progress(
  earlier attest.esf_tally, later attest.esf_tally, OUT code text, OUT gender text, OUT before bigint, OUT after bigint, OUT ok boolean
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.code, p.gender, p.before, p.after, p.before <= p.after
  FROM (
    SELECT c.code, g.gender, attest.esf_count(earlier, c.code, g.gender) AS before, attest.esf_count(later, c.code, g.gender) AS after
    FROM attest.esf_catalogue() c CROSS JOIN (VALUES ('F'), ('M'), ('N')) g (gender)
    WHERE c.framework = coalesce(attest.esf_framework(earlier), attest.esf_framework(later))
  ) p
$$;
COMMENT ON FUNCTION attest.esf_check_progress(attest.esf_tally, attest.esf_tally) IS
'Compares the cumulated values of two reports of one operation or programme, by code and gender: those of the later one are not smaller, unless something was corrected. For two tallies of attest.esf_tally_at(), such as of two ends of periods, or of what was sent (as_of) and what is known now. Error 22023 when they are of both frameworks.';

CREATE FUNCTION attest.esf_check(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL,
  OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text,
  OUT priority text, OUT specific_objective text, OUT region_category text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.rule, c."left", c."right", c.ok, c.gender, c.source, g.priority, g.specific_objective, g.region_category
  FROM attest_internal.esf_groups(operation_code, as_of, period_end) g CROSS JOIN LATERAL attest.esf_check(g.tally) c
$$;
COMMENT ON FUNCTION attest.esf_check(text, timestamptz, date) IS
'The arithmetic rules for an operation or a programme, by priority, specific objective, category of region (SFC2021 checks each) and gender; as_of and period_end as attest.esf_report(). A rule that does not hold points at records to look at: what attest counts itself always holds.';

CREATE FUNCTION attest.esf_incomplete(
  operation_code text, OUT participation_id uuid, OUT person_id uuid, OUT entered_on date, OUT missing text[]
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[] := attest_internal.esf_operations(operation_code);
BEGIN
  RETURN QUERY
  SELECT p.participation_id, p.person_id, p.entered_on, m.missing
  FROM attest_data.participation p
  JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
  JOIN attest_data.participation_version v ON v.tenant_id = p.tenant_id AND v.participation_id = p.participation_id AND v.version = p.version
  CROSS JOIN LATERAL (SELECT attest.esf_missing(o.framework, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb) OFFSET 0) m (missing)
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = ANY (operations) AND cardinality(m.missing) > 0
  ORDER BY p.entered_on, p.participation_id;
END
$$;
COMMENT ON FUNCTION attest.esf_incomplete(text) IS
'Participations of an operation or programme that count for no indicator, with what is missing; only of the people that the profile sees. Nothing can be added for those who were erased.';
