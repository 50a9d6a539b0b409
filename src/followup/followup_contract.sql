-- followup: contracts of engagement, reductions, exemptions, leave.

CREATE FUNCTION attest.commitment_grounds(OUT kind text, OUT ground text, OUT title text, OUT source text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 14 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.kind, g.ground, g.title, 'Labour Code L5411-6, as amended by law 2023-1196'
  FROM unnest('{reduction,exemption}'::text[]) k (kind), (VALUES
    (1, 'health', 'Particular and proven difficulties of health'), (2, 'disability', 'Disability'), (3, 'invalidity', 'Invalidity'),
    (4, 'carer', 'Carer of a relative'), (5, 'single_parent', 'Single parent without a solution of care for a child under 12'),
    (6, 'individual_situation', 'Individual situation')) g (n, ground, title)
  -- A duration may be reduced for the situation of the person; none at all only for the proven difficulties of the list.
  WHERE k.kind = 'reduction' OR g.ground <> 'individual_situation'
  UNION ALL
  SELECT 'leave', l.ground, l.title, 'practice: weeks of declared leave raise no alert'
  FROM (VALUES ('sick_leave', 'Declared sick leave'), ('leave', 'Declared leave'), ('closure', 'Closure of the organisation')) l (ground, title)
$$;
COMMENT ON FUNCTION attest.commitment_grounds() IS
'The closed list of grounds of a reduction, an exemption and a leave, with sources.';

CREATE FUNCTION attest.contract_actions(OUT action text, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 15 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('skills', 'Activities, courses or training to acquire vocational skills'), ('job_search', 'A path of job search'),
    ('iae', 'Insertion par l''activité économique'), ('self_employment', 'Creating, taking over or continuing a business of one''s own'),
    ('subsidised_job', 'Finding a subsidised job'), ('unsubsidised_job', 'Finding a job without subsidy'),
    ('social_link', 'Social links: autonomy, collective activities'), ('mobility', 'Mobility: driving licence, vehicle, transport'),
    ('housing', 'Access to housing, moving, improving a home'), ('care', 'Access to care'),
    ('financial_autonomy', 'Financial autonomy'), ('family', 'Family and parenthood'), ('literacy', 'Literacy'),
    ('administration', 'Access to rights, administrative steps'), ('other', 'Other actions')
$$;
COMMENT ON FUNCTION attest.contract_actions() IS 'The fifteen categories of actions of a contract. Source: table 4 of the yearly OARSA survey (DREES).';

CREATE FUNCTION attest_internal.contracts_at(who uuid, known_at timestamptz,
  OUT contract_id uuid, OUT person_id uuid, OUT organisation_id uuid, OUT kind text, OUT signed_on date, OUT starts_on date, OUT ends_on date,
  OUT weekly_minutes int, OUT actions text[], OUT renews uuid, OUT recorded_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.contract_id, c.person_id, c.organisation_id, c.kind, c.signed_on, c.starts_on, c.ends_on, c.weekly_minutes, c.actions, c.renews, c.recorded_at
  FROM attest_data.engagement_contract c
  WHERE c.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR c.person_id = who)
    AND c.recorded_at <= known_at AND NOT c.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.engagement_contract r WHERE r.tenant_id = c.tenant_id AND r.replaces = c.contract_id AND r.recorded_at <= known_at)
$$;
COMMENT ON FUNCTION attest_internal.contracts_at(uuid, timestamptz) IS 'Contracts that stood at an instant, of one person or of all.';

CREATE FUNCTION attest_internal.check_contract(kind text, signed_on date, starts_on date, ends_on date, weekly_minutes int, ground text, actions text[]) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  least_minutes int := attest_internal.followup_setting('weekly_minutes')::int;
  most_minutes int := attest_internal.followup_setting('weekly_minutes_max')::int;
BEGIN
  IF (kind = ANY ('{engagement,cer,ppae}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', 'engagement, cer, ppae');
  END IF;
  IF signed_on IS NULL OR signed_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'signed_on', 'today or earlier');
  END IF;
  IF starts_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  IF NOT ARRAY(SELECT a.action FROM attest.contract_actions() a) @> coalesce(actions, '{}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'actions', (SELECT string_agg(a.action, ', ') FROM attest.contract_actions() a));
  END IF;
  IF ground IS NOT NULL AND NOT EXISTS (SELECT FROM attest.commitment_grounds() g WHERE g.kind = 'reduction' AND g.ground = check_contract.ground) THEN
    PERFORM attest_internal.fail('ground_required', (SELECT string_agg(g.ground, ', ') FROM attest.commitment_grounds() g WHERE g.kind = 'reduction'));
  END IF;
  -- A CER or a PPAE, from before 2025, had no such floor.
  IF weekly_minutes IS NULL OR weekly_minutes < 1 OR weekly_minutes > most_minutes
      OR (weekly_minutes < least_minutes AND ground IS NULL AND kind = 'engagement') THEN
    PERFORM attest_internal.fail('weekly_hours', coalesce(weekly_minutes::text, '-'), least_minutes::text, most_minutes::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_contract(text, date, date, date, int, text, text[]) IS
'Checks the terms of a contract: errors TA334, TA012, TA412 a ground out of the list, TA411 hours below the floor without a ground, none, or above the ceiling.';

CREATE FUNCTION attest_internal.check_contract_overlap(person uuid, contract uuid, starts_on date, ends_on date) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other record;
BEGIN
  SELECT c.starts_on, c.ends_on INTO other FROM attest_internal.contracts_at(person, 'infinity') c
  WHERE c.contract_id IS DISTINCT FROM contract
    AND daterange(c.starts_on, c.ends_on, '[]') && daterange(check_contract_overlap.starts_on, check_contract_overlap.ends_on, '[]')
  LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('period_overlaps', other.starts_on::text, coalesce(other.ends_on::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_contract_overlap(uuid, uuid, date, date) IS 'Error TA413 where another contract of the person runs in the period.';

CREATE FUNCTION attest_internal.end_contract(contract uuid, person uuid, last_day date) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb := attest_internal.require_current('contract', contract, person);
  made uuid := attest.uuid_v7();
BEGIN
  IF (held ->> 'starts_on')::date > last_day THEN
    PERFORM attest_internal.fail('bad_value', 'starts_on', 'a day after the start of the contract that is renewed');
  ELSIF (held ->> 'ends_on')::date <= last_day THEN
    RETURN contract;
  END IF;
  held := held || jsonb_build_object('contract_id', made, 'replaces', contract, 'ends_on', last_day, 'recorded_at', clock_timestamp(),
    'recorded_by', attest.current_account(), 'reason', attest.seal('renewed', person, 'followup.reason'));
  INSERT INTO attest_data.engagement_contract SELECT (jsonb_populate_record(NULL::attest_data.engagement_contract, held)).*;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest_internal.end_contract(uuid, uuid, date) IS
'Ends a contract that is renewed, if it runs longer; returns the record that stands.';

CREATE FUNCTION attest.sign_contract(
  person uuid, organisation uuid, signed_on date, starts_on date, ends_on date DEFAULT NULL, weekly_minutes int DEFAULT NULL,
  ground text DEFAULT NULL, actions text[] DEFAULT '{}', kind text DEFAULT 'engagement', renews uuid DEFAULT NULL,
  corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
  minutes int := coalesce(weekly_minutes, attest_internal.followup_setting('weekly_minutes')::int);
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent');
  PERFORM attest_internal.check_correction('contract', corrects, person, reason);
  -- Two contracts of a person at once: the row of the person is the lock.
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  PERFORM attest_internal.check_contract(kind, signed_on, starts_on, ends_on, minutes, ground, actions);
  PERFORM attest_internal.require_organisation(organisation, signed_on);
  IF renews IS NOT NULL THEN
    renews := attest_internal.end_contract(renews, person, starts_on - 1);
  END IF;
  PERFORM attest_internal.check_contract_overlap(person, corrects, starts_on, ends_on);
  INSERT INTO attest_data.engagement_contract (tenant_id, contract_id, person_id, organisation_id, kind, signed_on, starts_on, ends_on,
    weekly_minutes, actions, renews, replaces, ground, reason)
  VALUES (attest.current_tenant(), made, person, organisation, sign_contract.kind, sign_contract.signed_on, sign_contract.starts_on,
    sign_contract.ends_on, minutes, ARRAY(SELECT DISTINCT a FROM unnest(sign_contract.actions) a ORDER BY a),
    sign_contract.renews, corrects, attest.seal(sign_contract.ground, person, 'followup.ground'),
    attest.seal(sign_contract.reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.sign_contract(uuid, uuid, date, date, date, int, text, text[], text, uuid, uuid, text) IS
'Records a contract of engagement as signed (L5411-6 of the Labour Code), with an organisation, its weekly minutes (by default the setting weekly_minutes, 15 hours) and its categories of actions (attest.contract_actions()); kind cer or ppae for those from before 2025. Fewer minutes need a ground of attest.commitment_grounds(), sealed; no duration at all is an exemption: attest.record_period(). renews names the contract that this one renews, which ends the day before at the latest. A correction, such as an earlier end, names the record that it replaces, states every term, and says why. Errors TA411 hours, TA412 ground, TA413 another contract runs, TA414 replaced already, TA417 closed organisation. For managers and referents.';

CREATE FUNCTION attest_internal.periods_at(who uuid, known_at timestamptz,
  OUT period_id uuid, OUT person_id uuid, OUT kind text, OUT since date, OUT until date, OUT weekly_minutes int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.period_id, p.person_id, p.kind, p.since, p.until, p.weekly_minutes
  FROM attest_data.commitment_period p
  WHERE p.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR p.person_id = who)
    AND p.recorded_at <= known_at AND NOT p.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.commitment_period r WHERE r.tenant_id = p.tenant_id AND r.replaces = p.period_id AND r.recorded_at <= known_at)
$$;
COMMENT ON FUNCTION attest_internal.periods_at(uuid, timestamptz) IS 'Reductions, exemptions and leave that stood at an instant, of one person or of all.';

CREATE FUNCTION attest.record_period(
  person uuid, kind text, ground text, since date, until date DEFAULT NULL, weekly_minutes int DEFAULT NULL, requested_on date DEFAULT NULL,
  decided_on date DEFAULT NULL, proof text DEFAULT NULL, corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
  other record;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent');
  PERFORM attest_internal.check_correction('period', corrects, person, reason);
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  IF (kind = ANY ('{reduction,exemption,leave}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', 'reduction, exemption, leave');
  END IF;
  IF NOT EXISTS (SELECT FROM attest.commitment_grounds() g WHERE g.kind = record_period.kind AND g.ground = record_period.ground) THEN
    PERFORM attest_internal.fail('ground_required', (SELECT string_agg(g.ground, ', ') FROM attest.commitment_grounds() g WHERE g.kind = record_period.kind));
  END IF;
  IF since IS NULL OR until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  IF (kind = 'reduction') <> (weekly_minutes IS NOT NULL) OR weekly_minutes < 1 THEN
    PERFORM attest_internal.fail('bad_value', 'weekly_minutes', 'more than 0 for a reduction, and absent otherwise');
  END IF;
  IF kind = 'exemption' AND requested_on IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'requested_on');
  END IF;
  SELECT p.since, p.until INTO other FROM attest_internal.periods_at(person, 'infinity') p
  WHERE p.kind = record_period.kind AND p.period_id IS DISTINCT FROM corrects
    AND daterange(p.since, p.until, '[]') && daterange(record_period.since, record_period.until, '[]')
  LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('period_overlaps', other.since::text, coalesce(other.until::text, '-'));
  END IF;
  INSERT INTO attest_data.commitment_period (tenant_id, period_id, person_id, kind, since, until, weekly_minutes, requested_on, decided_on,
    replaces, ground, proof, reason)
  VALUES (attest.current_tenant(), made, person, record_period.kind, record_period.since, record_period.until, record_period.weekly_minutes,
    record_period.requested_on, record_period.decided_on, corrects, attest.seal(record_period.ground, person, 'followup.ground'),
    attest.seal(record_period.proof, person, 'followup.proof'), attest.seal(record_period.reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_period(uuid, text, text, date, date, int, date, date, text, uuid, text) IS
'Records a period in which the weekly duration is reduced (never to nothing), in which there is none (exemption, on request: requested_on), or a leave. ground: attest.commitment_grounds(); it may be about health, and is sealed, as are proof (a reference) and reason. A correction names the record that it replaces, states everything, and says why. Errors TA412 ground, TA413 another period of the kind runs, TA414 replaced already. For managers and referents.';
