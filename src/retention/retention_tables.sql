CREATE TABLE attest_data.retention_rule (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  keep interval NOT NULL,
  basis text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, profile)
);
COMMENT ON TABLE attest_data.retention_rule IS 'How long people of a profile are kept after their last activity.';

CREATE TABLE attest_data.legal_hold (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  hold_id uuid NOT NULL,
  person_id uuid NOT NULL,
  reason attest.sealed NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now(),
  placed_by uuid,
  lifted_at timestamptz,
  lifted_by uuid,
  lift_reason attest.sealed,
  PRIMARY KEY (tenant_id, hold_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.legal_hold IS 'Holds: people who must not be erased for now.';
CREATE INDEX legal_hold_tenant_person_idx ON attest_data.legal_hold (tenant_id, person_id);

CREATE TABLE attest_data.destruction_certificate (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  certificate_id uuid NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now(),
  persons int NOT NULL,
  body jsonb NOT NULL,
  digest bytea NOT NULL,
  PRIMARY KEY (tenant_id, certificate_id)
);
COMMENT ON TABLE attest_data.destruction_certificate IS 'What the retention job did: who (by id), when, on what basis, how.';

SELECT attest_internal.register_job('retention', 'retention_job', '1 day', 'Anonymises people past their retention and leaves a certificate of destruction.');
