-- What bench/sign measured: medians of rounds, a ratio is that of a round.
SELECT size AS presences, clients, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY signed)::numeric) AS "sign()/s",
  round(percentile_cont(0.5) WITHIN GROUP (ORDER BY bare)::numeric) AS "bare/s"
FROM bench.round GROUP BY size, clients ORDER BY size, clients;

CREATE VIEW bench.verdict AS
SELECT v.*, v.measured <= v.at_most AS held
FROM (
  SELECT 1 AS position, format('bare INSERTs a second : sign(), %s clients, %s presences', clients, size) AS what,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY bare / signed) AS measured, 2 AS at_most, clients, size
  FROM bench.round GROUP BY clients, size
  UNION ALL
  SELECT 2, format('sign() after %s presences : after %s, %s clients', min(f.size), r.size, r.clients),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY f.signed / r.signed), 1.15, r.clients, r.size
  FROM bench.round r JOIN bench.round f ON (f.round, f.clients, f.size) = (r.round, r.clients, (SELECT min(size) FROM bench.round))
  WHERE r.size > f.size GROUP BY r.clients, r.size
  UNION ALL
  SELECT 3, format('reading the total of a learner after %s presences, ms', size), percentile_cont(0.5) WITHIN GROUP (ORDER BY learner), 1, 1, size
  FROM bench.total GROUP BY size
  UNION ALL
  SELECT 4, format('reading the total of a session of 500 after %s presences, ms', size), percentile_cont(0.5) WITHIN GROUP (ORDER BY session), 1, 1, size
  FROM bench.total GROUP BY size
) v;
SELECT what AS "asked", round(measured::numeric, 2) AS measured, at_most AS "at most", CASE WHEN held THEN 'held' ELSE 'MISSED' END AS verdict
FROM bench.verdict ORDER BY position, clients, size;
