-- Facilitators whose share of graduations in the last matured year lies outside limits of 99.8 % around everybody's.
WITH year AS (
  SELECT a.facilitator_id, l.outcome = 'gsm' AS graduated
  FROM labels l
  JOIN assignments a
    ON a.kpm_id = l.kpm_id AND a.valid_from <= l.as_of AND (a.valid_to IS NULL OR a.valid_to > l.as_of)
  WHERE
    l.matured AND l.outcome <> 'censored'
    AND l.as_of = (SELECT max(as_of) FROM labels WHERE matured)
),
each AS (
  SELECT facilitator_id, count(*) AS families, count(*) FILTER (graduated) AS graduated
  FROM year
  GROUP BY facilitator_id
),
funnel AS (
  SELECT *, graduated / families AS share, p AS overall, 3.09 * sqrt(p * (1 - p) / families) AS width
  FROM each, (SELECT sum(graduated) / sum(families) AS p FROM each)
)
SELECT
  facilitator_id, families, graduated,
  round(share, 4) AS share,
  round(overall, 4) AS overall,
  round(greatest(0, overall - width), 4) AS lower,
  round(least(1, overall + width), 4) AS upper
FROM funnel
WHERE abs(share - overall) > width
ORDER BY abs(share - overall) / width DESC, facilitator_id
