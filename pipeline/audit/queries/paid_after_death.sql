-- Paid after a check said that the person in the civil registry is not alive.
WITH dead AS (
  SELECT kpm_id, min(checked_on) AS checked_on
  FROM identity_checks
  WHERE NOT alive
  GROUP BY kpm_id
)
SELECT p.kpm_id, d.checked_on, p.period, p.paid_on, p.amount
FROM payments p
JOIN dead d USING (kpm_id)
WHERE p.programme = 'PKH' AND p.status = 'disbursed' AND p.paid_on > d.checked_on
ORDER BY p.kpm_id, p.period
