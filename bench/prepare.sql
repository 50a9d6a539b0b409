-- Two tables of a million rows that differ only in the policy, a tenant with people and
-- a session, and what the measurements keep their times in.
SET client_min_messages = error;
CREATE EXTENSION attest CASCADE;
SELECT attest.create_keyring();
SELECT attest.setup();
CREATE ROLE app LOGIN IN ROLE attest_app;
SELECT attest.create_tenant('alpha', 'Alpha', 'training_organisation'), attest.create_account('alpha', 'manager', 'manager');
SELECT attest.create_tenant('beta', 'Beta', 'training_organisation'), attest.create_account('beta', 'manager', 'manager');
SELECT attest.authorise_nir('alpha', 'measurement', 'B-1');

CREATE TABLE attest_data.bench_row (tenant_id int NOT NULL, id int NOT NULL, n int NOT NULL, PRIMARY KEY (tenant_id, id));
ALTER TABLE attest_data.bench_row OWNER TO attest_owner;
CREATE TABLE public.bench_row (LIKE attest_data.bench_row INCLUDING INDEXES);
INSERT INTO attest_data.bench_row SELECT t, i, t * 7 + i FROM generate_series(1, 100) t, generate_series(1, 10000) i;
INSERT INTO public.bench_row TABLE attest_data.bench_row;
SELECT attest_internal.protect_tables();
GRANT SELECT ON attest_data.bench_row, public.bench_row TO app;

CREATE SCHEMA bench AUTHORIZATION app;
SET ROLE app;
CREATE TABLE bench.step (position int, step text PRIMARY KEY, what text, unit text, per int, against text, bound text);
CREATE TABLE bench.round (step text, round int, ours float8, theirs float8);
CREATE TABLE bench.capture (kind text PRIMARY KEY, text text);
INSERT INTO bench.capture VALUES ('png', :'png'), ('strokes', :'strokes');

-- Runs both, one after the other, in rounds after one that does not count, and keeps the
-- microseconds a piece.  Both are queries of one text, with $1 the round; what they
-- answer must be what is expected.
CREATE FUNCTION bench.compare(
  step text, what text, against text, bound text, per int, expected text, ours text, theirs text, before text DEFAULT 'SELECT $1',
  rounds int DEFAULT 5
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  began timestamptz;
  times float8[];
  answer text;
  query text;
BEGIN
  INSERT INTO bench.step SELECT coalesce(max(s.position), 1) + 1, step, what, 'µs', per, against, bound FROM bench.step s;
  FOR round IN 0 .. rounds LOOP
    times := '{}';
    EXECUTE before USING round;
    FOREACH query IN ARRAY ARRAY[ours, theirs] LOOP
      began := clock_timestamp();
      EXECUTE query INTO answer USING round;
      times := times || extract(epoch FROM clock_timestamp() - began)::float8 * 1e6 / per;
      IF answer IS DISTINCT FROM expected THEN
        RAISE EXCEPTION '%: % instead of %: %', step, answer, expected, query;
      END IF;
    END LOOP;
    INSERT INTO bench.round SELECT step, round, times[1], times[2] WHERE round > 0;
  END LOOP;
END
$$;

CREATE FUNCTION bench.timed(query text, per int, expected text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
  answer text;
BEGIN
  FOR turn IN 1 .. 2 LOOP
    began := clock_timestamp();
    EXECUTE query INTO answer;
  END LOOP;
  IF answer IS DISTINCT FROM expected THEN
    RAISE EXCEPTION '% instead of %: %', answer, expected, query;
  END IF;
  RETURN extract(epoch FROM clock_timestamp() - began)::float8 * 1e6 / per;
END
$$;

-- What somebody would write without attest.
CREATE TABLE bench.plain_person (tenant_id int, person_id uuid PRIMARY KEY, reference text, profiles text[], last_name text, first_name text,
  gender text, birth_date date, birth_place text, email text, phone text, address text, postcode text, commune text, nir text, isced int);
CREATE TABLE bench.plain_signature (tenant_id int, id uuid PRIMARY KEY, slot_id uuid, person_id uuid, image text, claimed_at timestamptz);
CREATE TABLE bench.plain_presence (tenant_id int, id uuid PRIMARY KEY, slot_id uuid, person_id uuid, status text, minutes int, signature uuid,
  claimed_at timestamptz, UNIQUE (slot_id, person_id));

CREATE FUNCTION bench.lookup_policy(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE total bigint := 0; got int;
BEGIN
  FOR i IN 1 .. n LOOP
    SELECT r.n INTO got FROM attest_data.bench_row r WHERE r.id = 1 + (i * 7919) % 10000;
    total := total + got;
  END LOOP;
  RETURN total;
END $$;
CREATE FUNCTION bench.lookup_literal(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE total bigint := 0; got int;
BEGIN
  FOR i IN 1 .. n LOOP
    SELECT r.n INTO got FROM public.bench_row r WHERE r.tenant_id = 1 AND r.id = 1 + (i * 7919) % 10000;
    total := total + got;
  END LOOP;
  RETURN total;
END $$;

-- A number for each, with its right key.
CREATE FUNCTION bench.nir(round int, i int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT body || lpad((97 - body::bigint % 97)::text, 2, '0')
  FROM (SELECT '2' || lpad((round % 100)::text, 2, '0') || '0686' || lpad((1 + i / 999 % 900)::text, 3, '0') || lpad((1 + i % 999)::text, 3, '0')) b (body)
$$;
-- A file of n people for import; they differ from round to round.
CREATE FUNCTION bench.csv(n int, round int) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT 'reference,profile,last_name,first_name,gender,birth_date,birth_place,email,phone,address,postcode,commune,nir,isced' || E'\n'
    || string_agg(format('B-%s-%s,learner,Kerbench%s-%s,Une,F,1990-05-17,Nantes,une%s@example.org,0199001234,"1, rue %s",44000,44109,%s,3',
      round, i, round, i, i, i, bench.nir(round, i)), E'\n')
  FROM generate_series(1, n) i
$$;
-- A failure within the transaction makes attest forget the keys it holds.
CREATE FUNCTION bench.forget(round int) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN PERFORM 1 / (round - round); EXCEPTION WHEN division_by_zero THEN END $$;
CREATE TABLE bench.place (name text PRIMARY KEY, id uuid);
CREATE TABLE bench.learner (person_id uuid PRIMARY KEY);
RESET ROLE;
VACUUM ANALYZE;

-- One hundred rows of the tenant, by their index, and none of another.
CREATE FUNCTION bench.only(tenant int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  mine bigint;
  others bigint;
BEGIN
  SELECT count(*) FILTER (WHERE r.tenant_id = tenant), count(*) FILTER (WHERE r.tenant_id <> tenant) INTO mine, others
  FROM attest_data.bench_row r WHERE r.id BETWEEN 1 AND 100;
  IF mine <> 100 OR others <> 0 THEN
    RAISE EXCEPTION '% rows of tenant %, % of others', mine, tenant, others;
  END IF;
END $$;
GRANT EXECUTE ON FUNCTION bench.only(int) TO app;
