SELECT CASE WHEN s.what = lag(s.what) OVER (ORDER BY s.position) THEN 'the same' ELSE s.what END AS "attest", round(r.ours::numeric, 2) AS "µs", s.against AS "against", round(r.theirs::numeric, 2) AS "µs ",
  round(r.ratio::numeric, 2) AS "ratio", s.bound AS "neither can do without"
FROM bench.step s
JOIN (
  SELECT step, percentile_cont(0.5) WITHIN GROUP (ORDER BY ours) AS ours, percentile_cont(0.5) WITHIN GROUP (ORDER BY theirs) AS theirs,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / theirs) AS ratio
  FROM bench.round GROUP BY step HAVING count(*) >= 5
) r ON r.step = s.step
ORDER BY s.position;
