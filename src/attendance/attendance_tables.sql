CREATE TABLE attest_data.course (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  course_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  nature text NOT NULL,
  provider text,
  provider_nda text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, course_id),
  UNIQUE (tenant_id, code)
);
COMMENT ON TABLE attest_data.course IS 'Courses; provider and its declaration number (NDA) where it is not the tenant.';

CREATE TABLE attest_data.place (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  place_id uuid NOT NULL,
  name text NOT NULL,
  time_zone text NOT NULL,
  commune text,
  holiday_zone text NOT NULL,
  PRIMARY KEY (tenant_id, place_id),
  UNIQUE (tenant_id, name)
);
COMMENT ON TABLE attest_data.place IS 'Places of slots: their own time zone and public holidays.';

CREATE TABLE attest_data.session (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  session_id uuid NOT NULL,
  course_id uuid NOT NULL,
  title text NOT NULL,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  place text,
  late_after interval NOT NULL,
  opens_before interval,
  closes_after interval,
  own_device_evidence smallint NOT NULL DEFAULT 2 CHECK (own_device_evidence BETWEEN 2 AND 4),
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES attest_data.course (tenant_id, course_id),
  CHECK (ends_on >= starts_on)
);
COMMENT ON TABLE attest_data.session IS 'Sessions of courses, in local days of their slots. opens_before and closes_after: how long around a slot signing is open, NULL without limit. own_device_evidence: the least level of evidence of who signs for themselves.';
CREATE INDEX session_tenant_course_idx ON attest_data.session (tenant_id, course_id);

CREATE TABLE attest_data.slot (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  session_id uuid NOT NULL,
  day date NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  modality text NOT NULL,
  time_zone text NOT NULL,
  place_id uuid,
  holiday boolean NOT NULL DEFAULT false,
  closed_at timestamptz,
  cancelled_at timestamptz,
  PRIMARY KEY (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, place_id) REFERENCES attest_data.place (tenant_id, place_id),
  CHECK (ends_at > starts_at)
);
COMMENT ON TABLE attest_data.slot IS 'Slots of sessions, half-days as a rule; day is the local day of the start in the zone of the place. closed_at: when the absences were recorded.';
CREATE INDEX slot_tenant_session_idx ON attest_data.slot (tenant_id, session_id, starts_at);
CREATE INDEX slot_tenant_open_idx ON attest_data.slot (tenant_id, ends_at) WHERE closed_at IS NULL;

CREATE TABLE attest_data.slot_trainer (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, trainer_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, trainer_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.slot_trainer IS 'Trainers of slots.';

CREATE TABLE attest_data.funder (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  funder_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  PRIMARY KEY (tenant_id, funder_id),
  UNIQUE (tenant_id, code)
);
COMMENT ON TABLE attest_data.funder IS 'Who pays for the training of whom; kind as the BPF asks for the origin of the money.';

CREATE TABLE attest_data.counting_rule (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  rule_version int NOT NULL CHECK (rule_version > 0),
  funder_id uuid NOT NULL,
  valid_from date NOT NULL,
  as_attended int NOT NULL,
  as_planned int NOT NULL,
  grain int NOT NULL CHECK (grain > 0),
  basis text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, rule_version),
  FOREIGN KEY (tenant_id, funder_id) REFERENCES attest_data.funder (tenant_id, funder_id)
);
CREATE INDEX counting_rule_tenant_funder_idx ON attest_data.counting_rule (tenant_id, funder_id, valid_from);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.counting_rule FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change();
COMMENT ON TABLE attest_data.counting_rule IS 'What counts for a funder, versions that are never changed: sets of statuses (bit = code) that count as attended or as planned, rounded down to whole grains of minutes. The newest version whose valid_from is on or before the day of the slot applies.';

CREATE TABLE attest_data.enrolment (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date NOT NULL,
  funder_id uuid,
  funding_reference text,
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, funder_id) REFERENCES attest_data.funder (tenant_id, funder_id),
  CHECK (until >= since)
);
COMMENT ON TABLE attest_data.enrolment IS 'Periods, in local days, within which a person belongs to a session, and who pays for it.';
CREATE INDEX enrolment_tenant_session_person_idx ON attest_data.enrolment (tenant_id, session_id, person_id);
CREATE INDEX enrolment_tenant_person_idx ON attest_data.enrolment (tenant_id, person_id);
CREATE INDEX enrolment_tenant_funder_idx ON attest_data.enrolment (tenant_id, funder_id);

CREATE TABLE attest_data.slot_signature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
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
  PRIMARY KEY (tenant_id, signature_id)
);
COMMENT ON TABLE attest_data.slot_signature IS 'Captured signatures, sealed under the key of the signer; NULL once the signer is erased, when the digest stays.';
CREATE INDEX slot_signature_tenant_person_idx ON attest_data.slot_signature (tenant_id, person_id);

-- One row for each person expected on a slot, from the moment both are known. Fixed width first:
-- totals read nothing behind the booleans. No index holds what an event changes.
CREATE TABLE attest_data.presence_state (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  day date NOT NULL,
  minutes_planned int NOT NULL CHECK (minutes_planned >= 0),
  minutes_attended int NOT NULL DEFAULT 0 CHECK (minutes_attended >= 0),
  minutes_counted int NOT NULL DEFAULT 0 CHECK (minutes_counted >= 0),
  late_minutes int NOT NULL DEFAULT 0 CHECK (late_minutes >= 0),
  rule_version int NOT NULL DEFAULT 0,
  status smallint NOT NULL DEFAULT 0,
  evidence smallint NOT NULL DEFAULT 0,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  signed boolean NOT NULL DEFAULT false,
  countersigned boolean NOT NULL DEFAULT false,
  method text,
  presence_id uuid,
  claimed_at timestamptz,
  PRIMARY KEY (tenant_id, slot_id, person_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, enrolment_id) REFERENCES attest_data.enrolment (tenant_id, enrolment_id)
) WITH (fillfactor = 75);
COMMENT ON TABLE attest_data.presence_state IS 'Where each person expected on a slot stands now, as the events give it; written in the transaction of the event.';
CREATE INDEX presence_state_tenant_enrolment_idx ON attest_data.presence_state (tenant_id, enrolment_id);
CREATE INDEX presence_state_tenant_person_idx ON attest_data.presence_state (tenant_id, person_id, day);

-- No reference to the slot or the tenant: 64 who sign at once would share a lock on that one row.
CREATE TABLE attest_data.presence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  minutes_planned int NOT NULL CHECK (minutes_planned >= 0),
  minutes_attended int NOT NULL CHECK (minutes_attended >= 0),
  status smallint NOT NULL,
  evidence smallint NOT NULL,
  presence_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  claimed_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  method text NOT NULL,
  recorded_by uuid DEFAULT attest.current_account(),
  client_id uuid,
  device_id uuid,
  signature_id uuid,
  justification_id uuid,
  recorded_for uuid, -- the id that a countersignature covers, where the person was merged into another since
  channel text,
  flags text[] NOT NULL DEFAULT '{}',
  reason attest.sealed,
  PRIMARY KEY (tenant_id, presence_id),
  CONSTRAINT presence_state_fkey FOREIGN KEY (tenant_id, slot_id, person_id)
    REFERENCES attest_data.presence_state (tenant_id, slot_id, person_id) DEFERRABLE
);
COMMENT ON TABLE attest_data.presence IS 'Events of presence: append-only. attest_data.presence_state says what they come to.';
CREATE UNIQUE INDEX presence_tenant_client_idx ON attest_data.presence (tenant_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX presence_tenant_slot_person_idx ON attest_data.presence (tenant_id, slot_id, person_id, presence_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.presence FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change();

CREATE TABLE attest_data.justification (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  justification_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  motive text NOT NULL,
  document attest.sealed,
  digest bytea NOT NULL,
  submitted_at timestamptz NOT NULL DEFAULT now(),
  submitted_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, justification_id),
  CONSTRAINT justification_state_fkey FOREIGN KEY (tenant_id, slot_id, person_id)
    REFERENCES attest_data.presence_state (tenant_id, slot_id, person_id) DEFERRABLE
);
COMMENT ON TABLE attest_data.justification IS 'Documents that justify an absence or lateness, sealed under the key of the person; NULL once erased, when the digest stays.';
CREATE INDEX justification_tenant_slot_person_idx ON attest_data.justification (tenant_id, slot_id, person_id);
CREATE INDEX justification_tenant_person_idx ON attest_data.justification (tenant_id, person_id);

CREATE TABLE attest_data.justification_decision (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  justification_id uuid NOT NULL,
  person_id uuid NOT NULL,
  accepted boolean NOT NULL,
  reason attest.sealed,
  decided_at timestamptz NOT NULL DEFAULT now(),
  decided_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, justification_id),
  FOREIGN KEY (tenant_id, justification_id) REFERENCES attest_data.justification (tenant_id, justification_id)
);
COMMENT ON TABLE attest_data.justification_decision IS 'What was decided on a justification, once.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.justification_decision FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change();

CREATE TABLE attest_data.countersignature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  countersignature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  signature_id uuid NOT NULL,
  list_digest bytea NOT NULL,
  shown boolean NOT NULL,
  events uuid[] NOT NULL,
  countersigned_at timestamptz NOT NULL DEFAULT now(),
  client_id uuid,
  PRIMARY KEY (tenant_id, countersignature_id),
  UNIQUE (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, signature_id) REFERENCES attest_data.slot_signature (tenant_id, signature_id)
);
COMMENT ON TABLE attest_data.countersignature IS 'Countersignatures of trainers, each bound to a list (its digest) and to the events behind it. shown: the client gave the digest of the list that it had shown.';
CREATE UNIQUE INDEX countersignature_tenant_client_idx ON attest_data.countersignature (tenant_id, client_id) WHERE client_id IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.countersignature FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change();

CREATE TABLE attest_data.challenge (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  device_id uuid NOT NULL,
  hash bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  coded boolean NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, person_id, device_id)
);
COMMENT ON TABLE attest_data.challenge IS 'Challenges that wait to be answered: SHA-256 only. Gone once used; a new one takes the place of the last for the same slot, person and device. coded: given for the rotating code of the slot.';

CREATE TABLE attest_data.slot_code (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  hash bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, hash),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id)
);
COMMENT ON TABLE attest_data.slot_code IS 'Rotating codes of slots that are still good: SHA-256 only.';

CREATE TABLE attest_data.attendance_policy (
  tenant_id int PRIMARY KEY DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  lock_after interval,
  absence_after interval,
  chain_people int NOT NULL DEFAULT 3,
  chain_within interval NOT NULL DEFAULT '10 seconds',
  end_margin interval NOT NULL DEFAULT '15 minutes',
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account()
);
COMMENT ON TABLE attest_data.attendance_policy IS 'Choices of a tenant: when a slot is locked, and when who has not signed is absent, both counted from its end, NULL: never; and what attest.presence_flags points at. A tenant without a row has the defaults of attest.set_attendance_policy().';

CREATE TABLE attest_data.event_outbox (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  event_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  server bigint NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, transaction, event_id)
);
COMMENT ON TABLE attest_data.event_outbox IS 'What happened, in the order in which attest.events_since() tells it; kept for a week, then attest_data.event_gone remembers where it ended. server: the cluster whose transaction numbers these are.';

-- By person, because a reader is told of people that the profile sees, and misses only theirs.
CREATE TABLE attest_data.event_gone (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  person_id uuid NOT NULL,
  transaction xid8 NOT NULL,
  event_id uuid NOT NULL,
  server bigint NOT NULL,
  PRIMARY KEY (tenant_id, transaction, event_id)
);
COMMENT ON TABLE attest_data.event_gone IS 'The last notice of each person that is no longer kept, so that attest.events_since() refuses a position before it.';
CREATE INDEX event_gone_tenant_person_idx ON attest_data.event_gone (tenant_id, person_id);

CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.slot_trainer FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.enrolment FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();

SELECT attest_internal.register_job('absences', 'attendance_absence_job', '5 minutes', 'Records as absent whoever did not sign a slot that has ended.');
SELECT attest_internal.register_job('attendance purge', 'attendance_purge_job', '1 day', 'Removes challenges, codes and notices that are past their time.');

CREATE TABLE attest_data.enrolment_total (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  total attest.tally NOT NULL,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, enrolment_id) REFERENCES attest_data.enrolment (tenant_id, enrolment_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE attest_data.enrolment_total IS 'The running total of each enrolment, kept by a trigger of attest_data.presence_state; attest_internal.total_differences() compares.';
CREATE INDEX enrolment_total_tenant_session_idx ON attest_data.enrolment_total (tenant_id, session_id);
CREATE INDEX enrolment_total_tenant_person_idx ON attest_data.enrolment_total (tenant_id, person_id);
CREATE TRIGGER follow_presence AFTER INSERT OR UPDATE OR DELETE ON attest_data.presence_state FOR EACH ROW EXECUTE FUNCTION attest_internal.follow_presence();
CREATE TRIGGER write_total AFTER INSERT OR UPDATE OR DELETE ON attest_data.presence_state FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.follow_presence();
