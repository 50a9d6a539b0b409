CREATE OR REPLACE VIEW attest.people WITH (security_invoker = true) AS
SELECT p.person_id, p.reference, p.profiles,
  CASE WHEN attest.may_open(p.person_id, 'person.last_name') THEN attest.unseal(p.last_name, p.person_id, 'person.last_name') END AS last_name,
  CASE WHEN attest.may_open(p.person_id, 'person.first_name') THEN attest.unseal(p.first_name, p.person_id, 'person.first_name') END AS first_name,
  p.gender,
  CASE WHEN attest.may_open(p.person_id, 'person.birth_date') THEN attest.unseal(p.birth_date, p.person_id, 'person.birth_date') END::date AS birth_date,
  CASE WHEN attest.may_open(p.person_id, 'person.birth_place') THEN attest.unseal(p.birth_place, p.person_id, 'person.birth_place') END AS birth_place,
  CASE WHEN attest.may_open(p.person_id, 'person.email') THEN attest.unseal(p.email, p.person_id, 'person.email') END AS email,
  CASE WHEN attest.may_open(p.person_id, 'person.phone') THEN attest.unseal(p.phone, p.person_id, 'person.phone') END AS phone,
  CASE WHEN attest.may_open(p.person_id, 'person.address') THEN attest.unseal(p.address, p.person_id, 'person.address') END AS address,
  p.postcode, p.commune, p.employer_siret::text AS employer_siret, p.isced, p.last_activity, p.anonymised_at,
  p.civility,
  CASE WHEN attest.may_open(p.person_id, 'person.birth_name') THEN attest.unseal(p.birth_name, p.person_id, 'person.birth_name') END AS birth_name,
  CASE WHEN attest.may_open(p.person_id, 'person.other_email') THEN attest.unseal(p.other_email, p.person_id, 'person.other_email') END AS other_email,
  CASE WHEN attest.may_open(p.person_id, 'person.mobile') THEN attest.unseal(p.mobile, p.person_id, 'person.mobile') END AS mobile,
  CASE WHEN attest.may_open(p.person_id, 'person.diploma') THEN attest.unseal(p.diploma, p.person_id, 'person.diploma') END AS diploma,
  CASE WHEN attest.may_open(p.person_id, 'person.training_goal') THEN attest.unseal(p.training_goal, p.person_id, 'person.training_goal') END AS training_goal,
  CASE WHEN attest.may_open(p.person_id, 'person.france_travail_number') THEN attest.unseal(p.france_travail_number, p.person_id, 'person.france_travail_number') END AS france_travail_number,
  CASE WHEN attest.may_open(p.person_id, 'person.caf_number') THEN attest.unseal(p.caf_number, p.person_id, 'person.caf_number') END AS caf_number,
  CASE WHEN attest.may_open(p.person_id, 'person.job_sought') THEN attest.unseal(p.job_sought, p.person_id, 'person.job_sought') END AS job_sought,
  CASE WHEN attest.may_open(p.person_id, 'person.unemployed_since') THEN attest.unseal(p.unemployed_since, p.person_id, 'person.unemployed_since') END::date AS unemployed_since,
  CASE WHEN attest.may_open(p.person_id, 'person.employer_name') THEN attest.unseal(p.employer_name, p.person_id, 'person.employer_name') END AS employer_name,
  CASE WHEN attest.may_open(p.person_id, 'person.job_title') THEN attest.unseal(p.job_title, p.person_id, 'person.job_title') END AS job_title,
  CASE WHEN attest.may_open(p.person_id, 'person.contract') THEN attest.unseal(p.contract, p.person_id, 'person.contract') END AS contract,
  CASE WHEN attest.may_open(p.person_id, 'person.hired_on') THEN attest.unseal(p.hired_on, p.person_id, 'person.hired_on') END::date AS hired_on,
  CASE WHEN attest.may_open(p.person_id, 'person.service') THEN attest.unseal(p.service, p.person_id, 'person.service') END AS service,
  CASE WHEN attest.may_open(p.person_id, 'person.professional_status') THEN attest.unseal(p.professional_status, p.person_id, 'person.professional_status') END AS professional_status,
  CASE WHEN attest.may_open(p.person_id, 'person.comments') THEN attest.unseal(p.comments, p.person_id, 'person.comments') END AS comments
FROM attest_data.person p;
COMMENT ON VIEW attest.people IS 'The people that the profile of the ticket sees, with the fields that it opens; NULL for others. What is delicate (NIR, disability, origin) is not in the list: attest.person_details().';
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
COMMENT ON COLUMN attest.people.civility IS 'Form of address, MME or M.';
COMMENT ON COLUMN attest.people.birth_name IS 'Last name at birth, where it differs.';
COMMENT ON COLUMN attest.people.other_email IS 'Second e-mail address.';
COMMENT ON COLUMN attest.people.mobile IS 'Mobile telephone.';
COMMENT ON COLUMN attest.people.diploma IS 'Titles of diplomas.';
COMMENT ON COLUMN attest.people.training_goal IS 'What the person wants to learn, and what for.';
COMMENT ON COLUMN attest.people.france_travail_number IS 'Number at France Travail.';
COMMENT ON COLUMN attest.people.caf_number IS 'Number at the CAF.';
COMMENT ON COLUMN attest.people.job_sought IS 'Job that the person looks for.';
COMMENT ON COLUMN attest.people.unemployed_since IS 'First day without a job.';
COMMENT ON COLUMN attest.people.employer_name IS 'Name of the employer.';
COMMENT ON COLUMN attest.people.job_title IS 'Job held.';
COMMENT ON COLUMN attest.people.contract IS 'Kind of employment contract.';
COMMENT ON COLUMN attest.people.hired_on IS 'First day with the employer.';
COMMENT ON COLUMN attest.people.service IS 'Department or service that the person works in.';
COMMENT ON COLUMN attest.people.professional_status IS 'Professional status.';
COMMENT ON COLUMN attest.people.comments IS 'Comments and feedback of the person.';

CREATE OR REPLACE VIEW attest.person_history WITH (security_invoker = true) AS
SELECT c.person_id, c.field, c.changed_at, c.changed_by, c.source, c.import_id,
  CASE WHEN attest.may_open(c.person_id, 'person.' || c.field)
    THEN attest.unseal(c.previous, c.person_id, 'person.' || c.field) END AS previous,
  c.change_id
FROM attest_data.person_change c;
COMMENT ON VIEW attest.person_history IS 'What the fields of people were before, and since when they are not: one row a change of a field.';
COMMENT ON COLUMN attest.person_history.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.person_history.field IS 'Field of attest.person_fields().';
COMMENT ON COLUMN attest.person_history.changed_at IS 'When it changed.';
COMMENT ON COLUMN attest.person_history.changed_by IS 'Account that changed it.';
COMMENT ON COLUMN attest.person_history.source IS 'manual, file, erp, application, form; merge: taken over from a record of the same person; set_aside: in that record, and not taken over.';
COMMENT ON COLUMN attest.person_history.import_id IS 'Import that it came with.';
COMMENT ON COLUMN attest.person_history.previous IS 'The value that gave way, opened by right; NULL where the field was empty, and for who may not open it.';
COMMENT ON COLUMN attest.person_history.change_id IS 'Id of the change; later changes have greater ones.';

CREATE OR REPLACE VIEW attest.person_aliases WITH (security_invoker = true) AS
SELECT a.alias_id, a.person_id, a.reference, a.merged_at, a.merged_by, a.source, a.import_id, a.created_at, a.created_by,
  CASE WHEN attest.may_open(a.person_id, 'person.merge_reason')
    THEN attest.unseal(a.reason, a.person_id, 'person.merge_reason') END AS reason
FROM attest_data.person_alias a;
COMMENT ON VIEW attest.person_aliases IS 'Records that were merged into another of the same person.';
COMMENT ON COLUMN attest.person_aliases.alias_id IS 'Id of the merged record.';
COMMENT ON COLUMN attest.person_aliases.person_id IS 'Id of the person that it stands for now.';
COMMENT ON COLUMN attest.person_aliases.reference IS 'Reference of the merged record; no other person gets it.';
COMMENT ON COLUMN attest.person_aliases.merged_at IS 'When it was merged.';
COMMENT ON COLUMN attest.person_aliases.merged_by IS 'Account that merged it.';
COMMENT ON COLUMN attest.person_aliases.source IS 'Where its values came from.';
COMMENT ON COLUMN attest.person_aliases.import_id IS 'Import that it came with.';
COMMENT ON COLUMN attest.person_aliases.created_at IS 'When it was recorded.';
COMMENT ON COLUMN attest.person_aliases.created_by IS 'Account that recorded it.';
COMMENT ON COLUMN attest.person_aliases.reason IS 'Why it was merged, opened by right.';

CREATE OR REPLACE VIEW attest.nir_authorisations WITH (security_invoker = true) AS
SELECT a.authorisation_id, a.basis, a.reference, a.since, a.until, a.recorded_at, a.recorded_by, a.revoked_at, a.revoked_by, a.revoke_reason
FROM attest_data.nir_authorisation a;
COMMENT ON VIEW attest.nir_authorisations IS 'On what basis, and when, the entered tenant may hold social security numbers.';
COMMENT ON COLUMN attest.nir_authorisations.authorisation_id IS 'Id of the authorisation.';
COMMENT ON COLUMN attest.nir_authorisations.basis IS 'Law, decree or decision.';
COMMENT ON COLUMN attest.nir_authorisations.reference IS 'Reference of the document.';
COMMENT ON COLUMN attest.nir_authorisations.since IS 'First day.';
COMMENT ON COLUMN attest.nir_authorisations.until IS 'Last day; NULL: no end.';
COMMENT ON COLUMN attest.nir_authorisations.recorded_at IS 'When it was recorded.';
COMMENT ON COLUMN attest.nir_authorisations.recorded_by IS 'Role of the operator who recorded it.';
COMMENT ON COLUMN attest.nir_authorisations.revoked_at IS 'When it was revoked; NULL while it stands.';
COMMENT ON COLUMN attest.nir_authorisations.revoked_by IS 'Role of the operator who revoked it.';
COMMENT ON COLUMN attest.nir_authorisations.revoke_reason IS 'Why it was revoked.';

CREATE OR REPLACE VIEW attest.parental_authorisations WITH (security_invoker = true) AS
SELECT a.authorisation_id, a.person_id, a.given_on,
  CASE WHEN attest.may_open(a.person_id, 'person.parental_reference')
    THEN attest.unseal(a.reference, a.person_id, 'person.parental_reference') END AS reference,
  a.recorded_at, a.recorded_by, a.revoked_at, a.revoked_by
FROM attest_data.parental_authorisation a;
COMMENT ON VIEW attest.parental_authorisations IS 'Authorisations of holders of parental authority for people under 18.';
COMMENT ON COLUMN attest.parental_authorisations.authorisation_id IS 'Id of the authorisation.';
COMMENT ON COLUMN attest.parental_authorisations.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.parental_authorisations.given_on IS 'Day of the authorisation.';
COMMENT ON COLUMN attest.parental_authorisations.reference IS 'Where it is kept, opened by right.';
COMMENT ON COLUMN attest.parental_authorisations.recorded_at IS 'When it was recorded.';
COMMENT ON COLUMN attest.parental_authorisations.recorded_by IS 'Account that recorded it.';
COMMENT ON COLUMN attest.parental_authorisations.revoked_at IS 'When it was taken back; NULL while it stands.';
COMMENT ON COLUMN attest.parental_authorisations.revoked_by IS 'Account that took it back.';
GRANT SELECT ON attest_data.person, attest_data.person_change, attest_data.person_alias, attest_data.nir_authorisation,
  attest_data.parental_authorisation, attest.people, attest.person_history, attest.person_aliases,
  attest.nir_authorisations, attest.parental_authorisations TO attest_app;
GRANT SELECT ON attest_data.nir_authorisation, attest.nir_authorisations TO attest_auditor;

CREATE OR REPLACE VIEW attest.imports WITH (security_invoker = true) AS
SELECT i.import_id, i.format, i.source, i.state, i.records, i.loaded, i.rejected, i.opened_at, i.opened_by, i.loaded_at, i.loaded_by,
  CASE WHEN i.emptied_at IS NULL THEN i.opened_at + interval '30 days' END AS kept_until
FROM attest_data.import i;
COMMENT ON VIEW attest.imports IS 'Imports of people of the entered tenant.';
COMMENT ON COLUMN attest.imports.import_id IS 'Id of the import; people name it as where they come from.';
COMMENT ON COLUMN attest.imports.format IS 'csv or json.';
COMMENT ON COLUMN attest.imports.source IS 'Provenance of people whose record gives none.';
COMMENT ON COLUMN attest.imports.state IS 'open, loaded or discarded.';
COMMENT ON COLUMN attest.imports.records IS 'Records that were staged.';
COMMENT ON COLUMN attest.imports.loaded IS 'Records that were loaded; NULL until then.';
COMMENT ON COLUMN attest.imports.rejected IS 'Records that were rejected; NULL until then.';
COMMENT ON COLUMN attest.imports.opened_at IS 'When it was opened.';
COMMENT ON COLUMN attest.imports.opened_by IS 'Account that opened it.';
COMMENT ON COLUMN attest.imports.loaded_at IS 'When it was loaded; NULL until then.';
COMMENT ON COLUMN attest.imports.loaded_by IS 'Account that loaded it.';
COMMENT ON COLUMN attest.imports.kept_until IS 'Until when staged and rejected records are kept; NULL once they are destroyed.';
GRANT SELECT ON attest_data.import, attest.imports TO attest_app;
