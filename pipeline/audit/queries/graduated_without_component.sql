-- A graduation on record where no component was left: its label is a natural exit.
SELECT DISTINCT m.kpm_id, m.effective_on, m.recorded_on, m.reason
FROM membership m
JOIN recorded r ON r.kpm_id = m.kpm_id AND r.outcome_on = m.effective_on
WHERE m.event = 'exited' AND m.reason IN ('gsm', 'ppse') AND r.outcome = 'natural'
ORDER BY m.effective_on, m.kpm_id
