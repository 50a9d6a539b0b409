\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
-- Bad input first: each with its own code.
\set VERBOSITY default
SELECT ''::attest.signature;
SELECT 'Anna'::attest.signature;
SELECT 'data:,'::attest.signature;
SELECT 'data:image/png;base64,'::attest.signature;
SELECT 'data:image/jpeg;base64,/9j/4AAQ'::attest.signature;
SELECT 'data:image/png;base64,iVBORw0KGgo'::attest.signature;
SELECT 'data:image/png;base64,iVBORw0KGgo='::attest.signature;
SELECT 'data:image/png;base64,/9j/4AAQ'::attest.signature;
SELECT '[]'::attest.signature;
SELECT '[{"points": [{"time": 1, "x": 2}]}]'::attest.signature;
SELECT '[{"points": [}]'::attest.signature;
SELECT 'attest1:gif:AAAA'::attest.signature;
SELECT 'attest1:png:!'::attest.signature;

-- Captures of a real pad.
\set capture `cat demo/signatures/s01-1.json`
SELECT :'capture'::jsonb ->> 'png' AS png, :'capture'::jsonb ->> 'strokes' AS strokes \gset
SELECT attest.signature_kind(s), length(attest.signature_digest(s)) AS digest, attest.signature_reasons(s),
  attest.signature_digest(s) = sha256(attest.signature_payload(s)) AS digest_right
FROM (VALUES (:'png'::attest.signature), (:'strokes'::attest.signature)) v (s);
SELECT attest.signature_payload(:'png'::attest.signature) = decode(split_part(:'png', ',', 2), 'base64') AS png_as_received,
  convert_from(attest.signature_payload(:'strokes'::attest.signature), 'UTF8') = :'strokes' AS strokes_as_received;
-- The text form goes back in, and out again the same.
SELECT left(s::text, 16) AS begins, s::text::attest.signature::text = s::text AS stable
FROM (VALUES (:'png'::attest.signature), (:'strokes'::attest.signature)) v (s);
-- Binary form, there and back.
CREATE TEMP TABLE captured (s attest.signature);
INSERT INTO captured VALUES (:'png'), (:'strokes');
\copy captured TO 'signature.bin' (FORMAT binary)
\copy captured FROM 'signature.bin' (FORMAT binary)
\! rm -f signature.bin
SELECT count(*), count(DISTINCT s::text) FROM captured;
-- Cut short at any place, refused.
CREATE FUNCTION pg_temp.is_signature(value text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM value::attest.signature;
  RETURN true;
EXCEPTION WHEN SQLSTATE 'TA201' THEN RETURN false;
END $$;
SELECT count(*) AS accepted FROM generate_series(1, length(split_part(:'png', ',', 2)) / 4 - 1, 97) n
WHERE pg_temp.is_signature('data:image/png;base64,' || left(split_part(:'png', ',', 2), n * 4));
-- Without ink, or with a dot only.
SELECT attest_internal.require_ink(('[{"points": []}]')::attest.signature);
SELECT attest_internal.require_ink(('[{"points": [{"time": 1700000000000, "x": 5, "y": 5}]}]')::attest.signature);
SELECT attest_internal.require_ink(:'strokes'::attest.signature);
