-- Listed + held + below the line = all, by regency.
WITH counted AS (
  SELECT
    s.regency_code,
    count(*) AS families,
    count(l.kpm_id) AS listed,
    count(*) FILTER (NOT s.eligible) AS held,
    count(*) FILTER (s.eligible AND l.kpm_id IS NULL) AS below
  FROM scores s
  LEFT JOIN listed l USING (kpm_id)
  GROUP BY s.regency_code
)
SELECT *, families - listed - held - below AS unexplained
FROM counted
ORDER BY regency_code
