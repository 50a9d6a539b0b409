\set ON_ERROR_STOP on
SELECT attest.issue_ticket('formation-ocean', 'direction') AS ticket \gset
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
RESET SESSION AUTHORIZATION;
SELECT count(*) AS signatures, count(DISTINCT digest) AS distinct_captures, count(*) FILTER (WHERE kind = 'png') AS png,
  count(*) FILTER (WHERE kind = 'strokes') AS strokes, count(*) FILTER (WHERE role = 'trainer') AS countersignatures
FROM attest_data.slot_signature WHERE tenant_id = attest.current_tenant();
SELECT to_char(s.starts_at AT TIME ZONE 'Europe/Paris', 'Dy HH24:MI') AS slot, p.status, count(*)
FROM attest.presences p JOIN attest_data.slot s USING (slot_id) GROUP BY s.starts_at, p.status ORDER BY s.starts_at, p.status;
\echo
\echo 'A capture is sealed under the key of its signer; its digest proves it later.'
SELECT role, kind, left(signature::text, 32) || '…' AS signature, left(encode(digest, 'hex'), 16) || '…' AS sha256, reasons
FROM attest_data.slot_signature WHERE tenant_id = attest.current_tenant() ORDER BY role DESC, signature_id LIMIT 3;
COMMIT;
