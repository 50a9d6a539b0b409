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
SELECT '73282932100072'::attest.siret;
SELECT '404833047'::attest.siren;
SELECT '40483304A'::attest.siren;
SELECT '73282932000074'::attest.siren;
-- The key is right; the month, or the owner, cannot be.
SELECT '200000000000094'::attest.nir;
SELECT '269054958815780'::attest.nir;
SELECT attest.nir_check('295109912611193', 'thorough');
SELECT attest.nir_parts('295109912611193', 'infinity');

SELECT '2 95 10 99 126 111 93'::attest.nir, '253072B07300470'::attest.nir AS corsica_b, '2 53 07 2a 073 004 43'::attest.nir AS corsica_a,
  '184019711000118'::attest.nir AS guadeloupe;
SELECT '732 829 320 00074'::attest.siret, '35600000000048'::attest.siret AS head_office, '35600000009075'::attest.siret AS la_poste,
  '35600000049837'::attest.siret AS la_poste_too;
SELECT '732829320'::attest.siren, '404 833 048'::attest.siren, '552.008.443'::attest.siren, '829342559'::attest.siren, '356000000'::attest.siren AS la_poste;

-- Checks that do not raise: NULL, or what is wrong.
SELECT n AS number, attest.nir_check(n, 'wellformed') AS wellformed, attest.nir_check(n) AS plausible, attest.nir_check(n, 'definitive') AS definitive
FROM unnest('{2 95 10 99 126 111 93,253072B07300470,253072A07300443,269054958815780,184019711000118,290069873501275,191319935100446,185017505604901,185017505605097,799017500100134,399017500100140,295109912611199,253072C07300443,2951099126111930,200000000000094,100000000000047}'::text[]) n;
SELECT n AS number, attest.siret_check(n) FROM unnest('{73282932000074,35600000000048,35600000009075,35600000049837,73282932000079,35600000049838,73282932100072,7328293200007X,732829320}'::text[]) n;
SELECT n AS number, attest.siren_check(n) FROM unnest('{732829320,404833048,552008443,829342559,404833047,40483304A,73282932000074}'::text[]) n;
SELECT attest.nir_check(NULL), attest.siret_check(NULL), attest.siren_check(NULL);

-- What a NIR says. 91 to 95 are of Algeria and Morocco, or French since 1968: the year decides where it can.
\pset null '-'
SELECT attest.grouped(n::attest.nir) AS number, p.*
FROM unnest('{295109912611193,253072B07300470,253072A07300443,184019711000118,290069873501275,191319935100446,799017500100134,399017500100140,200714410900169,135069135200454,290089306615095,120019122800167,135069601000194}'::text[])
  WITH ORDINALITY t (n, i), attest.nir_parts(n::attest.nir, '2026-01-01') p ORDER BY i;
SELECT born_abroad, commune, country FROM attest.nir_parts('120019122800167', '1999-01-01');
SELECT (attest.nir_parts('295109912611193')).sex AS of_today, attest.nir_parts(NULL) IS NULL AS of_nothing;
\pset null ''
SELECT attest.grouped('73282932000074'::attest.siret), attest.grouped('732829320'::attest.siren);

-- A NIR is not compared, sorted or indexed.
SELECT '295109912611193'::attest.nir = '295109912611193'::attest.nir;
SELECT DISTINCT '295109912611193'::attest.nir;
CREATE TEMP TABLE holder (nir attest.nir PRIMARY KEY);
-- A SIRET is.
SELECT s::attest.siret FROM unnest('{73282932000074,35600000000048,35600000009075}'::text[]) s ORDER BY 1;
SELECT '73282932000074'::attest.siret OPERATOR(attest.=) '732 829 320 00074'::attest.siret AS equal,
  '73282932000074'::attest.siret OPERATOR(attest.<) '35600000000048'::attest.siret AS before;
CREATE TEMP TABLE employer (siret attest.siret PRIMARY KEY);
INSERT INTO employer VALUES ('73282932000074'), ('732 829 320 00074');
INSERT INTO employer VALUES ('73282932000074'), ('35600000000048');
-- So is a SIREN, and an establishment belongs to a company.
CREATE TEMP TABLE company (siren attest.siren PRIMARY KEY);
INSERT INTO company VALUES ('73282932000074'::attest.siret), ('356000000');
INSERT INTO company VALUES ('732 829 320');
SELECT e.siret, c.siren FROM employer e JOIN company c ON c.siren OPERATOR(attest.=) e.siret::attest.siren ORDER BY e.siret;
SET enable_hashjoin = on; SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT count(*) FROM company a JOIN company b ON a.siren OPERATOR(attest.=) b.siren;
SELECT count(*) FROM employer a JOIN employer b ON a.siret OPERATOR(attest.=) b.siret;
RESET enable_mergejoin; RESET enable_nestloop;
SELECT siren, count(*) FROM company GROUP BY siren ORDER BY siren DESC;
SELECT '356000000'::attest.siren OPERATOR(attest.<) '732829320'::attest.siren AS lt, '356000000'::attest.siren OPERATOR(attest.<=) '356000000'::attest.siren AS le,
  '356000000'::attest.siren OPERATOR(attest.>) '732829320'::attest.siren AS gt, '356000000'::attest.siren OPERATOR(attest.>=) '356000000'::attest.siren AS ge,
  '356000000'::attest.siren OPERATOR(attest.<>) '356000000'::attest.siren AS ne;
-- Binary form, there and back.
CREATE TEMP TABLE copied (nir attest.nir, siret attest.siret, siren attest.siren);
INSERT INTO copied VALUES ('295109912611193', '73282932000074', '732829320');
\copy copied TO 'copied.bin' (FORMAT binary)
\copy copied FROM 'copied.bin' (FORMAT binary)
SELECT * FROM copied;
-- COPY repeats the value in the context of an error; not a NIR.
\set SHOW_CONTEXT always
\copy copied (nir) FROM PROGRAM 'echo 295109912611199'
\copy copied (nir) FROM PROGRAM 'echo 269054958815780'
\copy copied (siren) FROM PROGRAM 'echo 404833047'
\set SHOW_CONTEXT never
-- A received value is checked like a typed one: too long, too short, a digit changed.
CREATE TEMP TABLE received (siren attest.siren);
\! printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\012732829320X\377\377' >copied.bin
\copy received FROM 'copied.bin' (FORMAT binary)
\! printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\01073282932\377\377' >copied.bin
\copy received FROM 'copied.bin' (FORMAT binary)
\! printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\011732829321\377\377' >copied.bin
\copy received FROM 'copied.bin' (FORMAT binary)
\! printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\01173282932\0\377\377' >copied.bin
\copy received FROM 'copied.bin' (FORMAT binary)
ALTER TABLE received ADD nir attest.nir, DROP siren;
\! printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\017269054958815780\377\377' >copied.bin
\copy received FROM 'copied.bin' (FORMAT binary)
\! printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0172 95 10 99 1261\377\377' >copied.bin
\copy received FROM 'copied.bin' (FORMAT binary)
\! rm -f copied.bin

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
