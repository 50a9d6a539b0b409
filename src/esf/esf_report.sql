-- esf: reports, checks and published tables.

CREATE FUNCTION attest_internal.esf_operations(operation_code text) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[];
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,dpo,analyst,department_referent,counsellor');
  SELECT array_agg(o.operation_id ORDER BY o.operation_id) INTO operations FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND operation_code IN (o.code, o.programme);
  IF operations IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation_code, '-'));
  END IF;
  RETURN operations;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_operations(text) IS 'The operation with a code, or those of the programme with it. Errors TA005 by profile, TA105 for no such code.';

CREATE FUNCTION attest_internal.esf_moment(as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- '2025-12-31' is midnight at the start of that day: whoever writes it means another report.
  IF isfinite(as_of) AND as_of = date_trunc('day', as_of) THEN
    PERFORM attest_internal.fail('bad_value', 'as_of', 'a moment within a day; for what happened by a day give period_end');
  END IF;
  RETURN coalesce(as_of, 'infinity');
END
$$;
COMMENT ON FUNCTION attest_internal.esf_moment(timestamptz) IS
'The time up to which what is known counts: infinity for null. Error TA012 for the first moment of a day in the time zone of the session, which is how a day given in its place reads.';

CREATE FUNCTION attest_internal.esf_tally_past(operations uuid[], as_of timestamptz, period_end date, verified_only boolean) RETURNS attest.esf_tally
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.tally_esf(l.framework, nullif(left(l.counted, 1), '-'), attest_internal.esf_established_set(
    l.framework, nullif(substr(l.counted, 2), 'oid')::bigint, l.has_left, l.six_months_past))
  FROM (
    SELECT o.framework, attest.unseal(c.counted, c.operation_id, 'esf.count') AS counted,
      period_end IS NULL OR coalesce(c.exited_on <= period_end, false) AS has_left,
      period_end IS NULL OR coalesce(c.exited_on + interval '6 months' <= period_end, false) AS six_months_past
    FROM (
      SELECT DISTINCT ON (n.operation_id, n.participation_id) n.operation_id, n.participation_id, n.exited_on, n.counted
      FROM (
        SELECT k.operation_id, k.participation_id, max(k.version) AS version FROM attest_data.participation_count k
        WHERE k.tenant_id = attest.current_tenant() AND k.operation_id = ANY (operations) AND k.recorded_at <= as_of GROUP BY 1, 2
      ) v
      JOIN attest_data.participation_count n ON n.tenant_id = attest.current_tenant()
        AND n.operation_id = v.operation_id AND n.participation_id = v.participation_id AND n.version = v.version
      WHERE period_end IS NULL OR n.entered_on <= period_end
      ORDER BY n.operation_id, n.participation_id, n.stay DESC
    ) c
    JOIN attest_data.operation o ON o.tenant_id = attest.current_tenant() AND o.operation_id = c.operation_id
    WHERE NOT verified_only OR 'verified' = (
      SELECT e.evidence FROM attest_data.participation_evidence e
      WHERE e.tenant_id = attest.current_tenant() AND e.participation_id = c.participation_id AND e.recorded_at <= as_of
      ORDER BY e.recorded_at DESC, e.evidence_id DESC LIMIT 1)
    OFFSET 0
  ) l
$$;
COMMENT ON FUNCTION attest_internal.esf_tally_past(uuid[], timestamptz, date, boolean) IS
'The tally of operations by what was known at a time, of what had happened by the end of a period: from the last version that each participation had then, its last stay that had begun, without results that were not established yet.';

CREATE FUNCTION attest.esf_tally_at(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, verified_only boolean DEFAULT false
) RETURNS attest.esf_tally
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[] := attest_internal.esf_operations(operation_code);
  known_by timestamptz := attest_internal.esf_moment(as_of);
  nothing attest.esf_tally := (SELECT o.framework FROM attest_data.operation o
    WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = operations[1]);
BEGIN
  IF verified_only THEN
    -- Verdicts belong to people: a profile that sees some of them would count those only.
    PERFORM attest_internal.require_profile('manager,hr_manager,dpo,analyst');
  ELSIF as_of IS NULL AND period_end IS NULL THEN
    RETURN (SELECT attest.merge_esf_tally(attest_internal.esf_total(o)) FROM unnest(operations) o);
  END IF;
  RETURN nothing OPERATOR(attest.+) attest_internal.esf_tally_past(operations, known_by, period_end, coalesce(verified_only, false));
END
$$;
COMMENT ON FUNCTION attest.esf_tally_at(text, timestamptz, date, boolean) IS
'The tally of an operation or of all operations of a programme, by code. Without more, of now, from running totals. period_end: of what had happened by that day, see attest.esf_report(). as_of: as it was known at that moment, whatever was recorded or corrected since. verified_only: of verified participations (not for referents and counsellors). Errors TA005 by profile, TA105 for no such code, TA012 for an as_of that is the start of a day.';

CREATE FUNCTION attest_internal.esf_entities(operations uuid[], as_of timestamptz, period_end date, OUT code text, OUT entities bigint) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.code, sum(l.entities)::bigint FROM (
    SELECT DISTINCT ON (e.operation_id, e.code) e.code, e.entities FROM attest_data.operation_entity e
    WHERE e.tenant_id = attest.current_tenant() AND e.operation_id = ANY (operations) AND e.recorded_at <= coalesce(as_of, 'infinity')
      AND e.counted_on <= coalesce(period_end, 'infinity')
    ORDER BY e.operation_id, e.code, e.counted_on DESC, e.recorded_at DESC, e.entry_id DESC
  ) l GROUP BY l.code
$$;
COMMENT ON FUNCTION attest_internal.esf_entities(uuid[], timestamptz, date) IS
'Numbers of entities of operations, by code, by the end of a period and as known at a time.';

CREATE FUNCTION attest.esf_report(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, verified_only boolean DEFAULT false,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.code, r.title, r.women, r.men, r.non_binary, coalesce(r.total, e.entities, 0), r.incomplete
  FROM attest.esf_rows(attest.esf_tally_at(operation_code, as_of, period_end, verified_only)) r
  LEFT JOIN attest_internal.esf_entities(attest_internal.esf_operations(operation_code), as_of, period_end) e ON e.code = r.code
  ORDER BY r.code
$$;
COMMENT ON FUNCTION attest.esf_report(text, timestamptz, date, boolean) IS
'Every common indicator of an operation, or of all operations of a programme, by gender, cumulated. period_end: what had happened by that day, by what is known now: participations entered by then, results upon leaving of those who had left, results six months after of those for whom they had passed; who left, and came back after that day, counts with the results of the stay before. as_of: as it was known at that moment, whatever was recorded or corrected since; the two go together. The first moment of a day is refused (TA012): a day is a period_end. Only complete records count; incomplete is how many are not, the same on each row: the grand total of participants is total of EECO01 (CO01 + CO03 + CO05 in esf) plus incomplete. People erased since still count. Indicators of entities have no gender; theirs are of attest.record_entities(). Participations are counted, so who takes part in two operations counts twice in their programme. For managers, HR managers, the DPO, analysts, department referents and counsellors.';

CREATE FUNCTION attest.esf_programme_report(
  programme text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, OUT priority text, OUT specific_objective text, OUT region_category text,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT g.priority, g.specific_objective, g.region_category, r.code, r.title, r.women, r.men, r.non_binary,
    coalesce(r.total, e.entities, 0), r.incomplete
  FROM attest_internal.esf_groups(programme, as_of, period_end) g
  CROSS JOIN LATERAL attest.esf_rows(g.tally) r
  LEFT JOIN LATERAL attest_internal.esf_entities(g.operations, as_of, period_end) e ON e.code = r.code
  ORDER BY 1, 2, 3, 4
$$;
COMMENT ON FUNCTION attest.esf_programme_report(text, timestamptz, date) IS
'The report of a programme as the Commission asks for it: by priority, specific objective, category of region and gender (SFC2021, tables 6 and 10). as_of and period_end as attest.esf_report(): what is transmitted as of 30 June or 31 December is a period_end.';

CREATE FUNCTION attest_internal.esf_groups(
  operation_code text, as_of timestamptz, period_end date, OUT priority text, OUT specific_objective text, OUT region_category text,
  OUT operations uuid[], OUT tally attest.esf_tally
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.priority, o.specific_objective, o.region_category, array_agg(o.operation_id),
    attest.merge_esf_tally(attest.esf_tally_at(o.code, as_of, period_end))
  FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = ANY (attest_internal.esf_operations(operation_code))
  GROUP BY o.priority, o.specific_objective, o.region_category
$$;
COMMENT ON FUNCTION attest_internal.esf_groups(text, timestamptz, date) IS
'Operations by priority, specific objective and category of region, with their tallies.';

CREATE FUNCTION attest.esf_published(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, threshold int DEFAULT 5,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF threshold IS NULL OR threshold < 2 THEN
    PERFORM attest_internal.fail('bad_value', 'threshold', 'a number from 2 on');
  END IF;
  RETURN QUERY
  SELECT r.code, r.title, r.women, r.men, r.non_binary, CASE WHEN e.code IS NULL THEN r.total ELSE e.entities END, r.incomplete
  FROM attest_internal.esf_suppressed_rows(attest.esf_tally_at(operation_code, as_of, period_end), threshold) r
  LEFT JOIN attest_internal.esf_entities(attest_internal.esf_operations(operation_code), as_of, period_end) e ON e.code = r.code
  ORDER BY r.code;
END
$$;
COMMENT ON FUNCTION attest.esf_published(text, timestamptz, date, int) IS
'As attest.esf_report(), to be published: counts of people from 1 to threshold - 1 are null, and with them as many others as it takes that nobody finds them by subtraction within the table, nor because what is hidden is no zero and some indicators are a part of others; zeros stay. Publish one table of an operation, not two of times or periods close to each other: their difference is not protected.';

CREATE FUNCTION attest.recount_esf(
  operation_code text, OUT operation text, OUT running attest.esf_tally, OUT recounted attest.esf_tally, OUT ok boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  RETURN QUERY
  SELECT o.code, t.running, o.framework::attest.esf_tally OPERATOR(attest.+) n.recounted,
    t.running OPERATOR(attest.=) (o.framework::attest.esf_tally OPERATOR(attest.+) n.recounted)
  FROM attest_data.operation o
  CROSS JOIN LATERAL (SELECT attest_internal.esf_total(o.operation_id) AS running) t
  CROSS JOIN LATERAL (
    SELECT attest.merge_esf_tally(CASE WHEN v.facts IS NULL
        THEN attest_internal.tally_of_count(o.framework, attest.unseal(c.counted, c.operation_id, 'esf.count'))
        ELSE attest_internal.tally_of_facts(o.framework, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb, o.parameters) END) AS recounted
    FROM (
      SELECT DISTINCT ON (k.participation_id) k.operation_id, k.participation_id, k.version, k.counted
      FROM attest_data.participation_count k WHERE k.tenant_id = o.tenant_id AND k.operation_id = o.operation_id
      ORDER BY k.participation_id, k.version DESC, k.stay DESC
    ) c
    LEFT JOIN attest_data.participation_version v ON v.tenant_id = o.tenant_id AND v.participation_id = c.participation_id AND v.version = c.version
  ) n
  WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = ANY (attest_internal.esf_operations(operation_code));
END
$$;
COMMENT ON FUNCTION attest.recount_esf(text) IS
'Counts the participations of an operation or programme again from what is known of each, opened one by one, and says whether the running total is the same. People who were erased count for what they counted for. For managers and the DPO.';

CREATE FUNCTION attest_internal.tally_of_facts(framework text, facts jsonb, parameters jsonb) RETURNS attest.esf_tally
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.esf_tally_of(framework, facts ->> 'sex', attest.esf_indicator_set(framework, facts, parameters))
$$;
COMMENT ON FUNCTION attest_internal.tally_of_facts(text, jsonb, jsonb) IS 'The tally of one participation by the parameters of its operation.';
