CREATE OR REPLACE VIEW attest.people WITH (security_invoker = true) AS
SELECT p.person_id, p.reference, p.profiles,
  attest.unseal(p.last_name, p.person_id, 'person.last_name') AS last_name,
  attest.unseal(p.first_name, p.person_id, 'person.first_name') AS first_name,
  p.gender,
  attest.unseal(p.birth_date, p.person_id, 'person.birth_date')::date AS birth_date,
  attest.unseal(p.birth_place, p.person_id, 'person.birth_place') AS birth_place,
  attest.unseal(p.email, p.person_id, 'person.email') AS email,
  attest.unseal(p.phone, p.person_id, 'person.phone') AS phone,
  attest.unseal(p.address, p.person_id, 'person.address') AS address,
  p.postcode, p.commune, p.employer_siret::text AS employer_siret, p.isced, p.last_activity, p.anonymised_at
FROM attest_data.person p;
COMMENT ON VIEW attest.people IS 'The people of the entered tenant, opened. NIR, disability and parents'' birth place are left out: nobody needs them in a list.';
COMMENT ON COLUMN attest.people.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.people.reference IS 'The tenant''s own number for the person; NULL once anonymised.';
COMMENT ON COLUMN attest.people.profiles IS 'Profiles of the person, such as learner.';
COMMENT ON COLUMN attest.people.last_name IS 'Last name.';
COMMENT ON COLUMN attest.people.first_name IS 'First name.';
COMMENT ON COLUMN attest.people.gender IS 'F, M or N (non-binary).';
COMMENT ON COLUMN attest.people.birth_date IS 'Date of birth.';
COMMENT ON COLUMN attest.people.birth_place IS 'Place of birth.';
COMMENT ON COLUMN attest.people.email IS 'E-mail address.';
COMMENT ON COLUMN attest.people.phone IS 'Telephone number.';
COMMENT ON COLUMN attest.people.address IS 'Postal address.';
COMMENT ON COLUMN attest.people.postcode IS 'Postcode.';
COMMENT ON COLUMN attest.people.commune IS 'Commune code of INSEE; the department only, once anonymised.';
COMMENT ON COLUMN attest.people.employer_siret IS 'SIRET of the employer.';
COMMENT ON COLUMN attest.people.isced IS 'Level of education, ISCED 0 to 8.';
COMMENT ON COLUMN attest.people.last_activity IS 'Last activity: retention counts from here; NULL while active.';
COMMENT ON COLUMN attest.people.anonymised_at IS 'When the person was anonymised; NULL otherwise.';
GRANT SELECT ON attest_data.person, attest.people TO attest_app;
