-- What every spec starts from: a tenant with a slot that runs now, and functions that
-- name things, because a spec cannot carry the ids of one step to another.
SET client_min_messages = error;
CREATE EXTENSION attest CASCADE;
SELECT attest.create_keyring();
SELECT attest.setup();
SELECT attest.create_tenant('alpha', 'Alpha', 'training_organisation'), attest.create_account('alpha', 'manager', 'manager');

-- Enters as an account of alpha and answers nothing: tickets differ in every run.
CREATE FUNCTION public.enter(who text) RETURNS void LANGUAGE sql AS
$$ SELECT attest.enter(attest.issue_ticket('alpha', who)) $$;

CREATE TABLE public.thing (name text PRIMARY KEY, id uuid NOT NULL);
CREATE TABLE public.capture (signature attest.signature NOT NULL);
INSERT INTO public.capture VALUES (:'signature');
CREATE FUNCTION public.id(thing text) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT id FROM public.thing WHERE name = $1 $$;
CREATE FUNCTION public.capture() RETURNS attest.signature LANGUAGE sql STABLE AS $$ SELECT signature FROM public.capture $$;

CREATE FUNCTION public.add(thing text, profile text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO public.thing SELECT thing, attest.add_person(jsonb_build_object('reference', thing, 'profile', profile,
    'last_name', thing, 'first_name', 'X', 'gender', 'F', 'birth_date', '1990-01-01', 'isced', CASE profile WHEN 'learner' THEN '3' END))
$$;

-- A slot of its own for a step of a spec, in the session.
CREATE FUNCTION public.new_slot(thing text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO public.thing SELECT thing, attest.plan_slot(public.id('session'), now() - interval '2 minutes', now() + interval '3 hours');
  SELECT attest.assign_trainer(public.id(thing), public.id('trainer')), attest.assign_trainer(public.id(thing), public.id('other_trainer'))
$$;

BEGIN;
SELECT public.enter('manager');
SELECT public.add('learner', 'learner'), public.add('late_comer', 'learner'), public.add('trainer', 'trainer'), public.add('other_trainer', 'trainer');
INSERT INTO public.thing SELECT 'course', attest.create_course('c', 'Course');
INSERT INTO public.thing SELECT 'session', attest.plan_session(public.id('course'), 'Session', current_date - 2, current_date + 2);
INSERT INTO public.thing SELECT 'operation', attest.create_operation('fse', 'Operation', 'esf+', '2022-01-01', '2027-12-31');
SELECT attest.enrol(public.id('session'), public.id('learner'));
SELECT attest.set_retention_rule('learner', '3 years', 'law');
COMMIT;
SELECT attest.create_account('alpha', 'trainer', 'trainer', public.id('trainer')),
  attest.create_account('alpha', 'other_trainer', 'trainer', public.id('other_trainer'));
