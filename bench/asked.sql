-- What is asked for, and what was measured: medians; a ratio is that of pairs.
CREATE VIEW bench.verdict AS
SELECT a.position, s.what || ' : ' || s.against AS what, a.quantity, round(m.measured::numeric, 3) AS measured, a.at_most, m.measured <= a.at_most AS held
FROM (VALUES
  (1, 'enter', 'us more', 30), (2, 'prepared', 'ratio', 1.15), (3, 'lookup', 'ratio', 1.15), (4, 'scan', 'ratio', 1.15),
  (5, 'scan setting', 'ratio', 1), (6, 'seal pgp', 'ratio', 0.01), (7, 'seal aes', 'ratio', 0.5), (8, 'unseal aes', 'us', 1.5),
  (9, 'gcm seal', 'ratio', 2.5), (10, 'gcm open', 'ratio', 2.5), (11, 'load', 'ratio', 2.5), (12, 'find', 'us', 150000),
  (13, 'tally 100000', 'ratio', 0.25), (14, 'tally 1000000', 'ratio', 0.25), (15, 'tally 10000000', 'ratio', 0.25),
  (16, 'tally sum 100000', 'ratio', 1.6), (17, 'tally sum 1000000', 'ratio', 1.6), (18, 'tally sum 10000000', 'ratio', 1.6),
  (19, 'esf tally', 'ratio', 1 / 6.0), (20, 'esf scan', 'ratio', 3)
) a (position, step, quantity, at_most)
LEFT JOIN bench.step s ON s.step = a.step
LEFT JOIN (
  SELECT step, percentile_cont(0.5) WITHIN GROUP (ORDER BY ours) AS ours, percentile_cont(0.5) WITHIN GROUP (ORDER BY theirs) AS theirs,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / theirs) AS ratio
  FROM bench.round GROUP BY step
) r ON r.step = a.step
CROSS JOIN LATERAL (SELECT CASE a.quantity WHEN 'ratio' THEN r.ratio WHEN 'us' THEN r.ours ELSE r.ours - r.theirs END) m (measured);
SELECT what AS "asked", quantity, measured, round(at_most::numeric, 3) AS "at most", CASE WHEN held THEN 'held' ELSE 'MISSED' END AS verdict
FROM bench.verdict ORDER BY position;
