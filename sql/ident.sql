\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
-- Bad input first. No message repeats the number.
SELECT '295109912611199'::attest.nir;
SELECT '253072C07300443'::attest.nir;
SELECT '29510991261119'::attest.nir;
SELECT '2951099126111930'::attest.nir;
SELECT '000000000000097'::attest.nir;
SELECT ''::attest.nir;
SELECT '73282932000079'::attest.siret;
SELECT '35600000049838'::attest.siret;
SELECT '7328293200007X'::attest.siret;
SELECT '1234'::attest.siret;

SELECT '2 95 10 99 126 111 93'::attest.nir, '253072B07300470'::attest.nir AS corsica_b, '2 53 07 2a 073 004 43'::attest.nir AS corsica_a,
  '184019711000118'::attest.nir AS guadeloupe;
SELECT '732 829 320 00074'::attest.siret, '35600000000048'::attest.siret AS head_office, '35600000009075'::attest.siret AS la_poste,
  '35600000049837'::attest.siret AS la_poste_too;

-- A NIR is not compared, sorted or indexed.
SELECT '295109912611193'::attest.nir = '295109912611193'::attest.nir;
SELECT DISTINCT '295109912611193'::attest.nir;
-- A SIRET is.
SELECT s::attest.siret FROM unnest('{73282932000074,35600000000048,35600000009075}'::text[]) s ORDER BY 1;
SELECT '73282932000074'::attest.siret OPERATOR(attest.=) '732 829 320 00074'::attest.siret AS equal,
  '73282932000074'::attest.siret OPERATOR(attest.<) '35600000000048'::attest.siret AS before;
CREATE TEMP TABLE employer (siret attest.siret PRIMARY KEY);
INSERT INTO employer VALUES ('73282932000074'), ('732 829 320 00074');
INSERT INTO employer VALUES ('73282932000074'), ('35600000000048');
-- Binary form, there and back.
CREATE TEMP TABLE copied (nir attest.nir, siret attest.siret);
INSERT INTO copied VALUES ('295109912611193', '73282932000074');
\copy copied TO 'copied.bin' (FORMAT binary)
\copy copied FROM 'copied.bin' (FORMAT binary)
\! rm -f copied.bin
SELECT * FROM copied;

-- Version 7 uuids: ordered, and of their time.
SELECT count(DISTINCT id) AS different, bool_and(substr(id::text, 15, 1) = '7') AS version_7, bool_and(substr(id::text, 20, 1) ~ '[89ab]') AS variant
FROM (SELECT attest.uuid_v7() AS id FROM generate_series(1, 1000)) ids;
SELECT abs(('x' || replace(left(attest.uuid_v7()::text, 13), '-', ''))::bit(48)::bigint - extract(epoch FROM clock_timestamp()) * 1000) < 1000 AS of_now;
