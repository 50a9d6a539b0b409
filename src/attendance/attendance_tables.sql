CREATE TABLE attest_data.course (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  course_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  nature text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, course_id),
  UNIQUE (tenant_id, code)
);
COMMENT ON TABLE attest_data.course IS 'Courses.';

CREATE TABLE attest_data.session (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  session_id uuid NOT NULL,
  course_id uuid NOT NULL,
  title text NOT NULL,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  place text,
  late_after interval NOT NULL,
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES attest_data.course (tenant_id, course_id),
  CHECK (ends_on >= starts_on)
);
COMMENT ON TABLE attest_data.session IS 'Sessions of courses, in local days of the tenant.';
CREATE INDEX session_tenant_course_idx ON attest_data.session (tenant_id, course_id);

CREATE TABLE attest_data.slot (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  session_id uuid NOT NULL,
  day date NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  modality text NOT NULL,
  PRIMARY KEY (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  CHECK (ends_at > starts_at)
);
COMMENT ON TABLE attest_data.slot IS 'Slots of sessions, half-days as a rule; day is the local day of the start.';
CREATE INDEX slot_tenant_session_idx ON attest_data.slot (tenant_id, session_id, starts_at);

CREATE TABLE attest_data.slot_trainer (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, trainer_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, trainer_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.slot_trainer IS 'Trainers of slots.';

CREATE TABLE attest_data.enrolment (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date NOT NULL,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  CHECK (until >= since)
);
COMMENT ON TABLE attest_data.enrolment IS 'Periods, in local days, within which a person belongs to a session.';
CREATE INDEX enrolment_tenant_session_person_idx ON attest_data.enrolment (tenant_id, session_id, person_id);
CREATE INDEX enrolment_tenant_person_idx ON attest_data.enrolment (tenant_id, person_id);

CREATE TABLE attest_data.slot_signature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  signature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('learner', 'trainer')),
  kind text NOT NULL,
  signature attest.sealed,
  digest bytea NOT NULL,
  reasons text[] NOT NULL,
  claimed_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, signature_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.slot_signature IS 'Captured signatures, sealed under the key of the signer; NULL once the signer is erased, when the digest stays.';
CREATE INDEX slot_signature_tenant_person_idx ON attest_data.slot_signature (tenant_id, person_id);

CREATE TABLE attest_data.presence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  presence_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  recorded_for uuid, -- the id that a countersignature covers, where the person was merged into another since
  status text NOT NULL,
  method text NOT NULL CHECK (method IN ('signature', 'entry', 'countersignature')),
  minutes_attended int NOT NULL CHECK (minutes_attended >= 0),
  claimed_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  client_id uuid,
  signature_id uuid,
  flags text[] NOT NULL DEFAULT '{}',
  reason attest.sealed,
  PRIMARY KEY (tenant_id, presence_id),
  UNIQUE (tenant_id, client_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, signature_id) REFERENCES attest_data.slot_signature (tenant_id, signature_id)
);
COMMENT ON TABLE attest_data.presence IS 'Events of presence: append-only; the last one of a person on a slot counts.';
CREATE INDEX presence_tenant_slot_person_idx ON attest_data.presence (tenant_id, slot_id, person_id, recorded_at, presence_id);
CREATE INDEX presence_tenant_person_idx ON attest_data.presence (tenant_id, person_id);
CREATE UNIQUE INDEX presence_one_signature_idx ON attest_data.presence (tenant_id, slot_id, person_id) WHERE method = 'signature';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.presence FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change();

CREATE TABLE attest_data.countersignature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  countersignature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  signature_id uuid NOT NULL,
  list_digest bytea NOT NULL,
  countersigned_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, countersignature_id),
  UNIQUE (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, signature_id) REFERENCES attest_data.slot_signature (tenant_id, signature_id)
);
COMMENT ON TABLE attest_data.countersignature IS 'Countersignatures of trainers, each bound to the list of events it covers.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.countersignature FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change();

CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.slot_trainer FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.enrolment FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();
