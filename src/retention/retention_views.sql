CREATE OR REPLACE VIEW attest.retention_due WITH (security_invoker = true) AS
SELECT p.person_id, p.profiles, p.last_activity, (p.last_activity + r.keep)::date AS due_on, r.basis,
  EXISTS (SELECT FROM attest_data.legal_hold h
    WHERE h.tenant_id = p.tenant_id AND h.person_id = p.person_id AND h.lifted_at IS NULL) AS on_hold
FROM attest_data.person p
CROSS JOIN LATERAL (
  SELECT max(r.keep) AS keep, string_agg(r.basis, '; ' ORDER BY r.profile) AS basis, count(*) AS rules
  FROM attest_data.retention_rule r
  WHERE r.tenant_id = p.tenant_id AND r.profile = ANY (p.profiles)
) r
WHERE p.anonymised_at IS NULL AND p.last_activity IS NOT NULL AND r.rules = cardinality(p.profiles);
COMMENT ON VIEW attest.retention_due IS 'When each person who is no longer active will have to be anonymised.';
COMMENT ON COLUMN attest.retention_due.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.retention_due.profiles IS 'Profiles of the person; the longest rule holds.';
COMMENT ON COLUMN attest.retention_due.last_activity IS 'Last activity.';
COMMENT ON COLUMN attest.retention_due.due_on IS 'From this day on the retention job anonymises the person.';
COMMENT ON COLUMN attest.retention_due.basis IS 'Basis of the rules.';
COMMENT ON COLUMN attest.retention_due.on_hold IS 'A hold forbids it for now.';

CREATE OR REPLACE VIEW attest.destruction_certificates WITH (security_invoker = true) AS
SELECT certificate_id, issued_at, persons, body, digest FROM attest_data.destruction_certificate;
COMMENT ON VIEW attest.destruction_certificates IS 'Certificates of what the retention job destroyed.';
COMMENT ON COLUMN attest.destruction_certificates.certificate_id IS 'Id of the certificate.';
COMMENT ON COLUMN attest.destruction_certificates.issued_at IS 'When the work was done.';
COMMENT ON COLUMN attest.destruction_certificates.persons IS 'How many persons were anonymised.';
COMMENT ON COLUMN attest.destruction_certificates.body IS 'The certificate: tenant, time, engine, method, and for each person the basis and the records emptied by room.';
COMMENT ON COLUMN attest.destruction_certificates.digest IS 'SHA-256 of the body''s text.';

CREATE OR REPLACE VIEW attest.retention_rules WITH (security_invoker = true) AS
SELECT profile, keep, basis, set_at FROM attest_data.retention_rule;
COMMENT ON VIEW attest.retention_rules IS 'How long people of each profile are kept.';
COMMENT ON COLUMN attest.retention_rules.profile IS 'Profile the rule is for.';
COMMENT ON COLUMN attest.retention_rules.keep IS 'Time after the last activity.';
COMMENT ON COLUMN attest.retention_rules.basis IS 'Law, contract or decision.';
COMMENT ON COLUMN attest.retention_rules.set_at IS 'When the rule was set.';
GRANT SELECT (tenant_id, person_id, profiles, last_activity, anonymised_at) ON attest_data.person TO attest_auditor;
GRANT SELECT ON attest_data.retention_rule, attest_data.legal_hold, attest_data.destruction_certificate,
  attest.retention_due, attest.destruction_certificates, attest.retention_rules TO attest_app, attest_auditor;
