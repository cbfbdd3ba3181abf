-- Families on a list for a visit although they are held.
SELECT l.kpm_id, l.regency_code, s.rank_in_regency, s.holds
FROM listed l
JOIN scores s USING (kpm_id)
WHERE len(s.holds) > 0 OR NOT s.eligible
ORDER BY l.kpm_id
