-- Paid for a quarter or month that began after the last known exit; on one day a reactivation outranks an exit.
WITH paid AS (
  SELECT
    *,
    make_date(
      left(period, 4)::INT,
      CASE WHEN period[5] = 'Q' THEN 3 * right(period, 1)::INT - 2 ELSE right(period, 2)::INT END,
      1
    ) AS begins
  FROM payments
  WHERE programme = 'PKH' AND status = 'disbursed'
),
last AS (
  SELECT
    p.kpm_id, p.period, p.paid_on, p.amount,
    arg_max(m.event, (m.effective_on, m.recorded_on, m.event)) AS event,
    arg_max(m.reason, (m.effective_on, m.recorded_on, m.event)) AS reason,
    max(m.effective_on) AS left_on
  FROM paid p
  JOIN membership m ON m.kpm_id = p.kpm_id AND m.effective_on < p.begins
  GROUP BY p.kpm_id, p.period, p.paid_on, p.amount
)
SELECT kpm_id, left_on, reason, period, paid_on, amount
FROM last
WHERE event = 'exited'
ORDER BY kpm_id, period
