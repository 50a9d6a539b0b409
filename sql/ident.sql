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

-- --- calendar ---
-- Public holidays: Labour Code L3133-1 (the eleven), L3134-13, L3422-2.
SELECT string_agg(day || ' ' || name, E'\n' ORDER BY day) FROM attest.holidays(2026);
SELECT z AS zone, count(h.*) AS holidays, string_agg(h.day::text, ' ') FILTER (WHERE attest.holiday(h.day) IS NULL) AS own
FROM unnest('{mainland,alsace_moselle,alsace_moselle_protestant,guadeloupe,martinique,guyane,reunion,mayotte,saint_barthelemy,saint_martin,saint_pierre_et_miquelon}'::text[]) WITH ORDINALITY z (z, n),
  attest.holidays(2026, z) h GROUP BY z, n ORDER BY n;
-- Since when: 8 May 1953 to 1959 and from 1982, 11 November 1918, 1 May 1920; Saint-Martin moved in 2018.
SELECT d AS day, attest.holiday(d) FROM unnest('{1952-05-08,1953-05-08,1959-05-08,1960-05-08,1981-05-08,1982-05-08,1917-11-11,1918-11-11,1919-05-01,1920-05-01}'::date[]) d;
SELECT d AS day, attest.holiday(d, 'saint_martin') FROM unnest('{2017-05-27,2017-05-28,2018-05-27,2018-05-28}'::date[]) d;
-- Jours ouvres and ouvrables: worked examples of French practice.
SELECT attest.add_working_days('2025-04-30', 5) AS ouvres, attest.add_working_days('2025-04-30', 5, kind => 'ouvrables') AS ouvrables
UNION ALL SELECT attest.add_working_days('2026-05-07', 5), attest.add_working_days('2026-05-07', 5, kind => 'ouvrables')
UNION ALL SELECT attest.add_working_days('2025-12-19', 10, 'alsace_moselle'), attest.add_working_days('2025-12-19', 10, 'alsace_moselle', 'ouvrables');
-- Backwards, and over nothing.
SELECT attest.add_working_days('2025-05-09', -5) AS back, attest.add_working_days('2026-05-01', 0) AS not_that_day, attest.add_working_days('2026-05-04', 0) AS that_day;
-- Code of Civil Procedure, art. 641 and 642.
SELECT attest.due_day('2026-01-31', '1 month') AS month, attest.due_day('2026-01-31', '1 month', extend => true) AS extended,
  attest.due_day('2020-02-29', '10 years') AS years, attest.due_day('2025-01-31', '1 month 1 day') AS months_first;
SELECT attest.holiday('2026-05-01', 'lune');
SELECT attest.holiday('infinity');
SELECT attest.add_working_days('2026-05-01', 5, kind => 'fériés');
SELECT attest.add_working_days('2026-05-01', 20001);
SELECT attest.add_working_days('9999-12-31', 1);
