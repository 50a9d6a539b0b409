-- Two tenants, in each a manager, three learners and slots that run now.
SET client_min_messages = error;
CREATE EXTENSION attest CASCADE;
SELECT attest.create_keyring();
SELECT attest.setup();
CREATE ROLE app LOGIN IN ROLE attest_app;
CREATE ROLE operator LOGIN IN ROLE attest_operator;

CREATE FUNCTION public.fill(tenant text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  session uuid;
BEGIN
  PERFORM attest.create_tenant(tenant, 'Organisation ' || tenant, 'training_organisation'),
    attest.create_account(tenant, 'manager', 'manager'),
    attest.create_account(tenant, 'dpo', 'dpo');
  PERFORM attest.enter(attest.issue_ticket(tenant, 'manager'));
  session := attest.plan_session(attest.create_course('c', 'Cours ' || tenant), 'Session', current_date - 2, current_date + 2);
  PERFORM attest.plan_slot(session, now() - interval '2 minutes', now() + interval '3 hours') FROM generate_series(1, 8);
  PERFORM attest.enrol(session, attest.add_person(jsonb_build_object('reference', tenant || '-' || n, 'profile', 'learner',
    'last_name', 'Nom ' || n || ' ' || tenant, 'first_name', 'Zoé', 'gender', 'F', 'birth_date', '1990-05-17')))
  FROM generate_series(1, 3) n;
END
$$;
SELECT public.fill('alpha');
SELECT public.fill('beta');
DROP FUNCTION public.fill;
