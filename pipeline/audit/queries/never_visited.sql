-- Listed without a home visit on record in the two years before the extract.
SELECT l.kpm_id, l.regency_code, s.facilitator_id, s.rank_in_regency
FROM listed l
JOIN scores s USING (kpm_id)
WHERE NOT EXISTS (
  SELECT 1
  FROM cases c
  WHERE c.kpm_id = l.kpm_id AND c.kind = 'home_visit' AND c.reported_on > s.as_of - INTERVAL 2 YEAR
)
ORDER BY l.regency_code, s.rank_in_regency
