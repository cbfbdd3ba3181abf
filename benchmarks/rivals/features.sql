-- The pipeline's 255 features of one as-of date as one would write them by hand in DuckDB: a pass over each table with
-- filtered aggregates, the blocks joined at the end. $t is the as-of date; $m3, $m6, $m12 and $m24 are the days that many
-- months before it. Views: the contract's tables, and `cohort`.
WITH
-- Who is a member on the day: on one day a reactivation outranks an exit.
active AS (
    SELECT kpm_id
    FROM membership
    WHERE effective_on <= $t AND recorded_on <= $t
    GROUP BY kpm_id
    HAVING arg_max(event, (effective_on, recorded_on, event)) IN ('enrolled', 'reactivated')
),
residence AS MATERIALIZED (
    SELECT * EXCLUDE (recorded_on), left(village_code, 4) AS regency
    FROM kpm
    WHERE enrolled_on <= $t AND recorded_on <= $t
),
graduated AS MATERIALIZED (
    SELECT kpm_id, effective_on
    FROM membership
    WHERE effective_on <= $t AND recorded_on <= $t AND effective_on > $m24
      AND event = 'exited' AND reason IN ('gsm', 'ppse')
),
village_graduated AS (
    SELECT village_code, count(*) AS graduates FROM graduated JOIN residence USING (kpm_id) GROUP BY village_code
),
f_kpm AS (
    SELECT
        kpm_id,
        year($t) - year(caretaker_birth_date)
            - (month($t) * 100 + day($t) < month(caretaker_birth_date) * 100 + day(caretaker_birth_date))::INT
            AS caretaker_age,
        caretaker_age < 40 AS under_40,
        caretaker_sex = 'F' AS caretaker_female,
        urban,
        customary_community,
        datediff('month', enrolled_on, $t) AS enrolled_months,
        quarter($t) AS quarter_of_year,
        regency <> '0000' AS village_known,
        coalesce(graduates, 0) AS village_graduations_24m
    FROM residence LEFT JOIN village_graduated USING (village_code)
),
versions AS (
    SELECT kpm_id, member_id, max(valid_from) AS valid_from
    FROM members
    WHERE valid_from <= $t AND recorded_on <= $t
    GROUP BY kpm_id, member_id
),
present AS (
    SELECT
        m.*,
        year($t) - year(birth_date)
            - (month($t) * 100 + day($t) < month(birth_date) * 100 + day(birth_date))::INT AS age,
        coalesce(age <= 6, false) AS early,
        coalesce(
            in_school IN ('sd', 'smp', 'sma') AND coalesce(age, 0) <= 21
            OR in_school IS NULL AND age BETWEEN 7 AND 18
               AND coalesce(education_level, 'none') IN ('none', 'sd', 'smp'),
            false
        ) AS pupil,
        early OR pupil AS child,
        coalesce(age >= 60, false) AS elderly,
        coalesce(severe_disability, false) AS disabled,
        coalesce(pregnant, false) AS expecting,
        (year(birth_date) + 19 - year($t)) * 12 + 7 - month($t) AS months_left,
        84 - datediff('month', birth_date, $t) AS early_left,
        CASE education_level
            WHEN 'none' THEN 0 WHEN 'sd' THEN 1 WHEN 'smp' THEN 2 WHEN 'sma' THEN 3 WHEN 'tertiary' THEN 4
        END AS rank
    FROM members m
    SEMI JOIN versions USING (kpm_id, member_id, valid_from)
    WHERE valid_from <= $t AND recorded_on <= $t AND (valid_to IS NULL OR valid_to > $t)
),
roster AS MATERIALIZED (
    SELECT
        kpm_id,
        count(*) AS members,
        count(*) FILTER (age < 18) AS children,
        count(*) FILTER (early) AS early_childhood,
        count(*) FILTER (elderly) AS elderly_n,
        count(*) FILTER (disabled) AS severely_disabled,
        count(*) FILTER (expecting) AS pregnant_n,
        count(*) FILTER (sex = 'F') / nullif(count(sex), 0) AS women_share,
        min(age) AS youngest_age,
        count(*) FILTER (age BETWEEN 7 AND 12) AS aged_7_12,
        count(*) FILTER (age BETWEEN 13 AND 15) AS aged_13_15,
        count(*) FILTER (age BETWEEN 16 AND 18) AS aged_16_18,
        count(*) FILTER (birth_date > $m24) AS births_24m,
        max(age) AS oldest_age,
        max(age) FILTER (age < 18) AS oldest_child_age,
        count(*) FILTER (pupil AND in_school = 'sd') AS pupils_sd,
        count(*) FILTER (pupil AND in_school = 'smp') AS pupils_smp,
        count(*) FILTER (pupil AND in_school = 'sma') AS pupils_sma,
        count(*) FILTER (age BETWEEN 7 AND 18 AND in_school = 'none') AS children_out_of_school,
        count(*) FILTER (in_school = 'tertiary') AS tertiary_students,
        count(*) FILTER (age BETWEEN 18 AND 59) AS adults,
        count(*) FILTER (working) AS workers,
        workers / members AS workers_per_member,
        count(*) FILTER (age NOT BETWEEN 18 AND 59) / nullif(adults, 0) AS dependants_per_adult,
        max(rank) FILTER (age BETWEEN 18 AND 59) AS adult_education_max,
        max(rank) FILTER (relation = 'caretaker') AS caretaker_education,
        count(*) FILTER (age BETWEEN 18 AND 59 AND working)
            / nullif(count(*) FILTER (age BETWEEN 18 AND 59 AND working IS NOT NULL), 0) AS workers_per_adult,
        count(*) FILTER (age BETWEEN 18 AND 59 AND working AND sex = 'F') AS women_working,
        max(working::INT) FILTER (relation = 'caretaker') AS caretaker_works,
        count(*) FILTER (relation IN ('head', 'spouse')) > 0 AS partner_present,
        count(*) FILTER (age BETWEEN 18 AND 59 AND working IS NULL) / nullif(adults, 0) AS work_unknown_share,
        count(*) FILTER (child OR elderly OR disabled OR expecting) AS components,
        count(*) FILTER (elderly OR disabled) AS lasting_components,
        max(months_left) FILTER (child) AS months_until_last_schooling_ends,
        min(months_left) FILTER (child) AS months_until_next_schooling_ends,
        count(*) FILTER (child AND NOT (elderly OR disabled) AND months_left <= 24) AS components_ending_24m,
        CASE WHEN lasting_components = 0 THEN months_until_last_schooling_ends END AS months_until_components_end,
        min(early_left) FILTER (early) AS months_until_early_childhood_ends,
        (pregnant_n > 0)::INT + (early_childhood > 0)::INT + (count(*) FILTER (pupil) > 0)::INT + (elderly_n > 0)::INT
            + (severely_disabled > 0)::INT AS component_kinds,
        components / members AS components_per_member,
        $t - max(valid_from) AS roster_age_days,
        count(*) FILTER (birth_date IS NULL) AS birth_dates_missing,
        count(*) FILTER (in_school IS NULL AND age BETWEEN 7 AND 18)
            / nullif(count(*) FILTER (age BETWEEN 7 AND 18), 0) AS school_unknown_share,
        count(*) FILTER (valid_from > $m12) AS roster_changes_12m
    FROM present
    GROUP BY kpm_id
),
f_members AS (
    SELECT * EXCLUDE (elderly_n, pregnant_n), elderly_n AS elderly, pregnant_n AS pregnant FROM roster
),
-- A transfer that was never paid happened at the end of its period.
paid AS (
    SELECT
        kpm_id,
        status,
        channel,
        if(amount > 1000000000000, 1000000000000, amount) AS amount,
        programme = 'PKH' AND status = 'disbursed' AS pkh,
        programme = 'BPNT' AND status = 'disbursed' AS bpnt,
        coalesce(
            paid_on,
            last_day(make_date(
                left(period, 4)::INT,
                CASE WHEN period[5] = 'Q' THEN period[6]::INT * 3 ELSE period[6:7]::INT END,
                1
            ))
        ) AS day
    FROM payments
    WHERE recorded_on <= $t AND day <= $t
),
f_payments AS (
    SELECT
        kpm_id,
        coalesce(sum(amount) FILTER (pkh AND day > $m3), 0) AS pkh_paid_3m,
        coalesce(sum(amount) FILTER (bpnt AND day > $m3), 0) AS bpnt_paid_3m,
        coalesce(sum(amount) FILTER (pkh AND day > $m6), 0) AS pkh_paid_6m,
        coalesce(sum(amount) FILTER (bpnt AND day > $m6), 0) AS bpnt_paid_6m,
        coalesce(sum(amount) FILTER (pkh AND day > $m12), 0) AS pkh_paid_12m,
        coalesce(sum(amount) FILTER (bpnt AND day > $m12), 0) AS bpnt_paid_12m,
        coalesce(sum(amount) FILTER (pkh AND day > $m24), 0) AS pkh_paid_24m,
        coalesce(sum(amount) FILTER (bpnt AND day > $m24), 0) AS bpnt_paid_24m,
        count(*) FILTER (status = 'failed' AND day > $m12) AS payments_failed_12m,
        count(*) FILTER (status = 'unclaimed' AND day > $m12) AS payments_unclaimed_12m,
        count(*) FILTER (status = 'failed' AND day > $m24) AS payments_failed_24m,
        count(*) FILTER (status = 'unclaimed' AND day > $m24) AS payments_unclaimed_24m,
        datediff('month', max(day) FILTER (pkh), $t) AS months_since_pkh_paid,
        count(*) FILTER (pkh) AS pkh_payments_ever,
        arg_max(amount, day) FILTER (pkh) AS pkh_amount_last,
        arg_max(channel, day) FILTER (pkh) = 'post' AS paid_by_post,
        datediff('month', max(day) FILTER (status = 'failed'), $t) AS months_since_failed_payment,
        datediff('month', max(day) FILTER (status = 'unclaimed'), $t) AS months_since_uncollected_payment,
        datediff('month', max(day) FILTER (bpnt), $t) AS months_since_bpnt_payment,
        count(*) FILTER (pkh AND day > $m24) AS n,
        sum(amount::HUGEINT * amount) FILTER (pkh AND day > $m24) AS squares,
        sqrt((n * squares - pkh_paid_24m * pkh_paid_24m)::DOUBLE / nullif(n * (n - 1), 0)) AS pkh_amount_deviation_24m,
        2 * pkh_paid_12m - pkh_paid_24m AS pkh_paid_change_12m
    FROM paid
    GROUP BY kpm_id
),
-- A quarter's verification happened on its last day.
verified AS (
    SELECT
        kpm_id,
        met,
        attendance_pct,
        round(attendance_pct * 100)::BIGINT AS pct,
        last_day(make_date(left(quarter, 4)::INT, quarter[6]::INT * 3, 1)) AS day
    FROM commitments
    WHERE recorded_on <= $t AND day <= $t
),
f_commitments AS (
    SELECT
        kpm_id,
        count(*) FILTER (met AND day > $m3) / nullif(count(met) FILTER (day > $m3), 0) AS commitments_met_share_3m,
        count(*) FILTER (met AND day > $m6) / nullif(count(met) FILTER (day > $m6), 0) AS commitments_met_share_6m,
        count(*) FILTER (met AND day > $m12) / nullif(count(met) FILTER (day > $m12), 0) AS commitments_met_share_12m,
        count(*) FILTER (met AND day > $m24) / nullif(count(met) FILTER (day > $m24), 0) AS commitments_met_share_24m,
        count(*) FILTER (met) / nullif(count(met), 0) AS commitments_met_share_ever,
        (sum(pct) FILTER (day > $m6))::DOUBLE / nullif(count(pct) FILTER (day > $m6), 0) / 100 AS attendance_mean_6m,
        (sum(pct) FILTER (day > $m12))::DOUBLE / nullif(count(pct) FILTER (day > $m12), 0) / 100 AS attendance_mean_12m,
        (sum(pct) FILTER (day > $m24))::DOUBLE / nullif(count(pct) FILTER (day > $m24), 0) / 100 AS attendance_mean_24m,
        count(*) FILTER (NOT met AND day > $m6) AS commitments_missed_6m,
        count(*) FILTER (NOT met AND day > $m12) AS commitments_missed_12m,
        count(*) FILTER (NOT met AND day > $m24) AS commitments_missed_24m,
        count(pct) FILTER (day > $m24) AS n,
        sum(pct) FILTER (day > $m24) AS total,
        sum(pct * pct) FILTER (day > $m24) AS squares,
        sqrt((n * squares - total * total)::DOUBLE / nullif(n * (n - 1), 0)) / 100 AS attendance_deviation_24m,
        min(attendance_pct) AS attendance_min_ever,
        datediff('month', max(day) FILTER (NOT met), $t) AS months_since_commitment_missed,
        datediff('month', max(day), $t) AS months_since_commitment_verified,
        attendance_mean_12m
            - (sum(pct) FILTER (day > $m24 AND day <= $m12))::DOUBLE
            / nullif(count(pct) FILTER (day > $m24 AND day <= $m12), 0) / 100 AS attendance_change_12m
    FROM verified
    GROUP BY kpm_id
),
f_sessions AS (
    SELECT
        kpm_id,
        count(*) FILTER (attendance = 'present' AND held_on > $m3) AS sessions_present_3m,
        count(*) FILTER (attendance = 'present' AND held_on > $m6) AS sessions_present_6m,
        count(*) FILTER (attendance = 'present' AND held_on > $m12) AS sessions_present_12m,
        count(*) FILTER (attendance = 'present' AND held_on > $m24) AS sessions_present_24m,
        count(*) FILTER (attendance = 'present') AS sessions_present_ever,
        count(*) FILTER (held_on > $m12) AS sessions_held_12m,
        count(*) FILTER (held_on > $m24) AS sessions_held_24m,
        sessions_present_3m / nullif(count(*) FILTER (held_on > $m3), 0) AS sessions_present_share_3m,
        sessions_present_6m / nullif(count(*) FILTER (held_on > $m6), 0) AS sessions_present_share_6m,
        sessions_present_12m / nullif(sessions_held_12m, 0) AS sessions_present_share_12m,
        sessions_present_24m / nullif(sessions_held_24m, 0) AS sessions_present_share_24m,
        sessions_present_ever / count(*) AS sessions_present_share_ever,
        count(*) FILTER (attendance = 'present' AND module = 'economy' AND held_on > $m12) AS economy_sessions_12m,
        count(*) FILTER (attendance = 'present' AND module = 'economy' AND held_on > $m24) AS economy_sessions_24m,
        count(*) FILTER (attendance = 'present' AND module = 'economy') AS economy_sessions_ever,
        count(*) FILTER (attendance = 'absent' AND held_on > $m12) / nullif(sessions_held_12m, 0) AS sessions_absent_share_12m,
        count(*) FILTER (attendance = 'absent' AND held_on > $m24) AS sessions_absent_24m,
        sessions_absent_24m / nullif(sessions_held_24m, 0) AS sessions_absent_share_24m,
        datediff('month', max(held_on) FILTER (attendance = 'present' AND module = 'economy'), $t)
            AS months_since_economy_session,
        datediff('month', max(held_on), $t) AS months_since_session_recorded,
        datediff('month', max(held_on) FILTER (attendance = 'present'), $t) AS months_since_session_attended,
        coalesce(bit_count(bit_or(CASE module
            WHEN 'economy' THEN 1 WHEN 'health_nutrition' THEN 2 WHEN 'parenting_education' THEN 4
            WHEN 'child_protection' THEN 8 WHEN 'welfare' THEN 16 WHEN 'stunting' THEN 32
        END) FILTER (attendance = 'present')), 0) AS modules_ever,
        sessions_present_share_12m
            - (sessions_present_24m - sessions_present_12m) / nullif(sessions_held_24m - sessions_held_12m, 0)
            AS sessions_present_share_change_12m
    FROM sessions
    WHERE held_on <= $t AND recorded_on <= $t
    GROUP BY kpm_id
),
enrolments AS (
    SELECT
        *,
        ended_on IS NULL OR ended_on > $t AS running,
        programme IN ('PENA', 'PPSE', 'PROKUS', 'KUBE') AS productive,
        CASE phase WHEN 'recovery' THEN 1 WHEN 'transition' THEN 2 WHEN 'development' THEN 3 END AS rank
    FROM programmes
    WHERE started_on <= $t AND recorded_on <= $t
),
f_programmes AS (
    SELECT
        kpm_id,
        bool_or(programme = 'PENA' AND running) AS pena_running,
        bool_or(programme = 'PPSE' AND running) AS ppse_running,
        bool_or(programme = 'PROKUS' AND running) AS prokus_running,
        bool_or(programme = 'KUBE' AND running) AS kube_running,
        bool_or(programme = 'RST' AND running) AS rst_running,
        bool_or(programme = 'SKA' AND running) AS ska_running,
        bool_or(programme = 'ATENSI' AND running) AS atensi_running,
        bool_or(programme = 'PBI' AND running) AS pbi_running,
        bool_or(programme = 'PIP' AND running) AS pip_running,
        bool_or(programme = 'KAT' AND running) AS kat_running,
        datediff('month', max(started_on) FILTER (programme = 'PENA'), $t) AS months_since_pena_start,
        datediff('month', max(started_on) FILTER (programme = 'PPSE'), $t) AS months_since_ppse_start,
        datediff('month', max(started_on) FILTER (programme = 'PROKUS'), $t) AS months_since_prokus_start,
        datediff('month', max(started_on) FILTER (programme = 'KUBE'), $t) AS months_since_kube_start,
        datediff('month', max(started_on) FILTER (programme = 'RST'), $t) AS months_since_rst_start,
        datediff('month', max(started_on) FILTER (programme = 'SKA'), $t) AS months_since_ska_start,
        datediff('month', max(started_on) FILTER (programme = 'ATENSI'), $t) AS months_since_atensi_start,
        datediff('month', max(ended_on) FILTER (productive AND ended_on <= $t), $t) AS months_since_productive_end,
        count(*) FILTER (productive AND started_on > $m24) AS productive_started_24m,
        count(*) FILTER (productive AND ended_on <= $t AND ended_on > $m24) AS productive_finished_24m,
        coalesce(sum(if(amount > 1000000000000, 1000000000000, amount)) FILTER (started_on > $m24), 0) AS programme_money_24m,
        coalesce(sum(if(amount > 1000000000000, 1000000000000, amount)), 0) AS programme_money_ever,
        datediff('month', max(started_on) FILTER (productive), $t) AS months_since_productive_start,
        count(*) FILTER (productive) AS productive_programmes_ever,
        count(*) FILTER (productive AND running) AS productive_running,
        arg_max(rank, started_on) AS phase_last
    FROM enrolments
    GROUP BY kpm_id
),
f_cases AS (
    SELECT
        kpm_id,
        count(*) FILTER (kind = 'home_visit' AND reported_on > $m12) AS cases_home_visit_12m,
        count(*) FILTER (kind = 'complaint' AND reported_on > $m12) AS cases_complaint_12m,
        count(*) FILTER (kind = 'objection' AND reported_on > $m12) AS cases_objection_12m,
        count(*) FILTER (kind = 'proposal' AND reported_on > $m12) AS cases_proposal_12m,
        count(*) FILTER (kind = 'disaster' AND reported_on > $m12) AS cases_disaster_12m,
        count(*) FILTER (kind = 'illness' AND reported_on > $m12) AS cases_illness_12m,
        count(*) FILTER (kind = 'job_loss' AND reported_on > $m12) AS cases_job_loss_12m,
        count(*) FILTER (kind = 'data_problem' AND reported_on > $m12) AS cases_data_problem_12m,
        count(*) FILTER (kind = 'graduation_interest' AND reported_on > $m12) AS cases_graduation_interest_12m,
        count(*) FILTER (kind = 'resignation_letter' AND reported_on > $m12) AS cases_resignation_letter_12m,
        count(*) FILTER (kind = 'disaster' AND reported_on > $m24) AS cases_disaster_24m,
        count(*) FILTER (kind = 'illness' AND reported_on > $m24) AS cases_illness_24m,
        count(*) FILTER (kind = 'job_loss' AND reported_on > $m24) AS cases_job_loss_24m,
        count(*) FILTER (kind = 'home_visit' AND reported_on > $m24) AS cases_home_visit_24m,
        count(*) FILTER (kind = 'graduation_interest' AND reported_on > $m24) AS cases_graduation_interest_24m,
        count(*) FILTER (kind IN ('disaster', 'illness', 'job_loss') AND reported_on > $m3) AS shocks_3m,
        count(*) FILTER (kind IN ('disaster', 'illness', 'job_loss') AND reported_on > $m6) AS shocks_6m,
        cases_disaster_12m + cases_illness_12m + cases_job_loss_12m AS shocks_12m,
        cases_disaster_24m + cases_illness_24m + cases_job_loss_24m AS shocks_24m,
        count(*) FILTER (kind IN ('disaster', 'illness', 'job_loss')) AS shocks_ever,
        count(*) FILTER (kind = 'graduation_interest') AS cases_graduation_interest_ever,
        datediff('month', max(reported_on) FILTER (kind = 'graduation_interest'), $t)
            AS months_since_graduation_interest,
        count(*) FILTER (kind = 'objection' AND (closed_on IS NULL OR closed_on > $t)) AS objections_open,
        datediff('month', max(reported_on) FILTER (kind IN ('disaster', 'illness', 'job_loss')), $t)
            AS months_since_shock,
        datediff('month', max(reported_on) FILTER (kind = 'home_visit'), $t) AS months_since_home_visit
    FROM cases
    WHERE reported_on <= $t AND recorded_on <= $t
    GROUP BY kpm_id
),
f_membership AS (
    SELECT
        kpm_id,
        datediff('month', max(effective_on) FILTER (event <> 'exited'), $t) AS spell_months,
        count(*) FILTER (event = 'reactivated') AS reactivations_ever,
        datediff('month', max(effective_on) FILTER (event = 'exited'), $t) AS months_since_exit,
        count(*) FILTER (event = 'exited') AS exits_ever,
        count(*) FILTER (event = 'exited' AND reason IN ('gsm', 'ppse')) AS graduations_ever,
        datediff('month', max(effective_on) FILTER (event = 'reactivated'), $t) AS months_since_return,
        datediff(
            'month', min(effective_on) FILTER (event <> 'exited'), min(effective_on) FILTER (event = 'exited')
        ) AS first_spell_months
    FROM membership
    WHERE effective_on <= $t AND recorded_on <= $t
    GROUP BY kpm_id
),
f_identity_checks AS (
    SELECT
        kpm_id,
        NOT arg_max_null(matched, checked_on) AS identity_mismatch,
        arg_max_null(duplicate, checked_on) AS identity_duplicate,
        NOT arg_max_null(alive, checked_on) AS identity_not_alive,
        $t - max(checked_on) AS identity_check_age_days
    FROM identity_checks
    WHERE checked_on <= $t AND recorded_on <= $t
    GROUP BY kpm_id
),
served AS MATERIALIZED (
    SELECT * FROM assignments WHERE valid_from <= $t
),
serving AS (
    SELECT kpm_id, valid_from, facilitator_id
    FROM served
    SEMI JOIN (SELECT kpm_id, max(valid_from) AS valid_from FROM served GROUP BY kpm_id) USING (kpm_id, valid_from)
    WHERE valid_to IS NULL OR valid_to > $t
),
facilitator_graduated AS (
    SELECT facilitator_id, count(*) AS graduates
    FROM (
        SELECT arg_max(facilitator_id, valid_from) AS facilitator_id
        FROM graduated JOIN served USING (kpm_id)
        WHERE valid_from <= effective_on
        GROUP BY kpm_id, effective_on
    )
    GROUP BY facilitator_id
),
caseloads AS (
    SELECT facilitator_id, count(*) AS caseload FROM serving GROUP BY facilitator_id
),
f_assignments AS (
    SELECT
        kpm_id,
        caseload AS facilitator_caseload,
        datediff('month', valid_from, $t) AS facilitator_months,
        coalesce(graduates, 0) / (coalesce(graduates, 0) + caseload) AS facilitator_gsm_rate_24m
    FROM serving JOIN caseloads USING (facilitator_id) LEFT JOIN facilitator_graduated USING (facilitator_id)
),
-- Grades put codes in order, from 0 the poorest; a code without a grade is not known.
visits AS MATERIALIZED (
    SELECT
        *,
        CASE floor_type WHEN 8 THEN 0.0 WHEN 7 THEN 0.2 WHEN 5 THEN 0.4 WHEN 6 THEN 0.4 WHEN 4 THEN 0.6 WHEN 2 THEN 0.8
            WHEN 3 THEN 0.8 WHEN 1 THEN 1.0 END AS g1,
        CASE wall_type WHEN 6 THEN 0.0 WHEN 4 THEN 0.0 WHEN 5 THEN 0.3333333333333333 WHEN 3 THEN 0.3333333333333333 WHEN 2 THEN 0.6666666666666666 WHEN 1 THEN 1.0 END AS g2,
        CASE roof_type WHEN 7 THEN 0.0 WHEN 5 THEN 0.0 WHEN 6 THEN 0.3333333333333333 WHEN 4 THEN 0.3333333333333333 WHEN 3 THEN 0.3333333333333333 WHEN 2 THEN 0.6666666666666666
            WHEN 1 THEN 1.0 END AS g3,
        CASE drinking_water WHEN 6 THEN 0.0 WHEN 8 THEN 0.0 WHEN 9 THEN 0.0 WHEN 10 THEN 0.0 WHEN 5 THEN 0.25 WHEN 7 THEN 0.25
            WHEN 4 THEN 0.5 WHEN 3 THEN 0.75 WHEN 2 THEN 1.0 WHEN 1 THEN 1.0 END AS g4,
        CASE lighting WHEN 4 THEN 0.0 WHEN 3 THEN 0.3333333333333333 WHEN 2 THEN 0.6666666666666666 WHEN 1 THEN 1.0 END AS g5,
        CASE electricity_power WHEN 1 THEN 0.0 WHEN 2 THEN 0.25 WHEN 3 THEN 0.5 WHEN 4 THEN 0.75 WHEN 5 THEN 1.0 END AS g6,
        CASE cooking_fuel WHEN 10 THEN 0.0 WHEN 8 THEN 0.0 WHEN 9 THEN 0.0 WHEN 7 THEN 0.3333333333333333 WHEN 4 THEN 0.6666666666666666 WHEN 6 THEN 0.6666666666666666
            WHEN 5 THEN 1.0 WHEN 3 THEN 1.0 WHEN 2 THEN 1.0 WHEN 1 THEN 1.0 END AS g7,
        CASE toilet_facility WHEN 6 THEN 0.0 WHEN 5 THEN 0.0 WHEN 4 THEN 0.3333333333333333 WHEN 3 THEN 0.3333333333333333 WHEN 2 THEN 0.6666666666666666 WHEN 1 THEN 1.0 END AS g8,
        (g1 IS NOT NULL)::INT + (g2 IS NOT NULL)::INT + (g3 IS NOT NULL)::INT + (g4 IS NOT NULL)::INT
            + (g5 IS NOT NULL)::INT + (g6 IS NOT NULL)::INT + (g7 IS NOT NULL)::INT + (g8 IS NOT NULL)::INT AS graded,
        CASE WHEN graded >= 4 THEN
            (coalesce(g1, 0) + coalesce(g2, 0) + coalesce(g3, 0) + coalesce(g4, 0) + coalesce(g5, 0) + coalesce(g6, 0)
                + coalesce(g7, 0) + coalesce(g8, 0)) / graded
        END AS dwelling,
        (motorcycles IS NOT NULL)::INT + (cars IS NOT NULL)::INT + (refrigerator IS NOT NULL)::INT
            + (smartphone IS NOT NULL)::INT + (computer IS NOT NULL)::INT + (gold IS NOT NULL)::INT
            + (other_land IS NOT NULL)::INT + (cattle IS NOT NULL)::INT AS counted,
        CASE WHEN counted >= 4 THEN
            (least(coalesce(motorcycles, 0), 2) / 2 + least(coalesce(cars, 0), 1) + coalesce(refrigerator::INT, 0)
                + coalesce(smartphone::INT, 0) + coalesce(computer::INT, 0) + coalesce(gold::INT, 0)
                + coalesce(other_land::INT, 0) + least(coalesce(cattle, 0), 2) / 2) / counted
        END AS belongings,
        coalesce(
            monthly_income, floor_area_m2, floor_type, wall_type, roof_type, drinking_water, lighting,
            electricity_power, cooking_fuel, toilet_facility, house_tenure, motorcycles, cars, refrigerator::INT,
            smartphone::INT, computer::INT, gold::INT, other_land::INT, cattle, goats, owns_business::INT,
            business_turnover, paid_workers
        ) IS NOT NULL AS visited,
        if(monthly_income > 1000000000000, 1000000000000, monthly_income) AS income
    FROM welfare
    WHERE observed_on <= $t AND recorded_on <= $t
),
observed AS (
    SELECT
        kpm_id,
        arg_max(national_decile, observed_on) AS national_decile_last,
        arg_max(monthly_income, observed_on) AS monthly_income_last,
        arg_max(floor_area_m2, observed_on) AS floor_area_m2_last,
        arg_max(floor_type, observed_on) AS floor_type_last,
        arg_max(wall_type, observed_on) AS wall_type_last,
        arg_max(roof_type, observed_on) AS roof_type_last,
        arg_max(drinking_water, observed_on) AS drinking_water_last,
        arg_max(lighting, observed_on) AS lighting_last,
        arg_max(electricity_power, observed_on) AS electricity_power_last,
        arg_max(cooking_fuel, observed_on) AS cooking_fuel_last,
        arg_max(toilet_facility, observed_on) AS toilet_facility_last,
        arg_max(house_tenure, observed_on) AS house_tenure_last,
        arg_max(motorcycles, observed_on) AS motorcycles_last,
        arg_max(cars, observed_on) AS cars_last,
        arg_max(refrigerator, observed_on) AS refrigerator_last,
        arg_max(smartphone, observed_on) AS smartphone_last,
        arg_max(computer, observed_on) AS computer_last,
        arg_max(gold, observed_on) AS gold_last,
        arg_max(other_land, observed_on) AS other_land_last,
        arg_max(cattle, observed_on) AS cattle_last,
        arg_max(goats, observed_on) AS goats_last,
        arg_max(owns_business, observed_on) AS owns_business_last,
        arg_max(business_turnover, observed_on) AS business_turnover_last,
        arg_max(paid_workers, observed_on) AS paid_workers_last,
        arg_max(dwelling, observed_on) AS dwelling_index,
        arg_max(belongings, observed_on) AS belongings_index,
        national_decile_last - arg_max(national_decile, observed_on) FILTER (observed_on <= $m12)
            AS national_decile_change_12m,
        monthly_income_last - arg_max(monthly_income, observed_on) FILTER (observed_on <= $m12)
            AS monthly_income_change_12m,
        floor_area_m2_last - arg_max(floor_area_m2, observed_on) FILTER (observed_on <= $m12)
            AS floor_area_m2_change_12m,
        owns_business_last::INT - (arg_max(owns_business, observed_on) FILTER (observed_on <= $m12))::INT
            AS owns_business_change_12m,
        business_turnover_last - arg_max(business_turnover, observed_on) FILTER (observed_on <= $m12)
            AS business_turnover_change_12m,
        paid_workers_last - arg_max(paid_workers, observed_on) FILTER (observed_on <= $m12)
            AS paid_workers_change_12m,
        arg_max(dwelling, observed_on) FILTER (observed_on <= $m12) AS dwelling_before,
        arg_max(belongings, observed_on) FILTER (observed_on <= $m12) AS belongings_before,
        $t - max(observed_on) FILTER (visited) AS welfare_age_days,
        count(*) FILTER (visited AND observed_on > $m24) AS welfare_updates_24m,
        count(monthly_income) FILTER (observed_on > $m24) AS n,
        sum(income) FILTER (observed_on > $m24) AS total,
        sum(income::HUGEINT * income) FILTER (observed_on > $m24) AS squares,
        total / nullif(n, 0) AS income_mean_24m,
        sqrt((n * squares - total * total)::DOUBLE / nullif(n * (n - 1), 0)) AS income_deviation_24m,
        monthly_income_last / nullif(max(income), 0) AS income_below_peak,
        bool_or(owns_business) AS business_ever,
        $t - min(observed_on) FILTER (owns_business) AS business_age_days
    FROM visits
    GROUP BY kpm_id
),
-- Incomes per member beside the median of the same regency and year, in whole thousandths.
told AS (
    SELECT
        kpm_id,
        regency,
        year(observed_on) AS told_in,
        observed_on,
        recorded_on,
        monthly_income,
        owns_business,
        if(business_turnover > 1000000000000, 1000000000000, business_turnover) AS turnover,
        income / nullif(members, 0) AS per_person
    FROM visits LEFT JOIN residence USING (kpm_id) LEFT JOIN (SELECT kpm_id, members FROM roster) USING (kpm_id)
),
usual AS (
    SELECT regency, told_in, median(per_person) AS usual FROM told GROUP BY regency, told_in
),
compared AS (
    SELECT
        told.*,
        round(if(per_person / nullif(usual, 0) > 50, 50, per_person / nullif(usual, 0)) * 1000)::BIGINT AS times,
        lag(owns_business) OVER (PARTITION BY kpm_id, owns_business IS NULL ORDER BY observed_on) AS was,
        owns_business AND NOT coalesce(was, false) AS begins,
        NOT owns_business AND was AS ends
    FROM told LEFT JOIN usual USING (regency, told_in)
),
livelihood AS (
    SELECT
        kpm_id,
        sum(times) FILTER (observed_on > $m12) / nullif(count(times) FILTER (observed_on > $m12), 0) / 1000
            AS income_times_median_12m,
        sum(times) FILTER (observed_on > $m24) / nullif(count(times) FILTER (observed_on > $m24), 0) / 1000
            AS income_times_median_24m,
        sum(times) / nullif(count(times), 0) / 1000 AS income_times_median_ever,
        income_times_median_12m
            - sum(times) FILTER (observed_on <= $m12) / nullif(count(times) FILTER (observed_on <= $m12), 0) / 1000
            AS income_times_median_change_12m,
        count(times) AS incomes_known_ever,
        sum(times) AS total,
        sqrt(
            (incomes_known_ever * sum(times * times) - total * total)::DOUBLE
            / nullif(incomes_known_ever * (incomes_known_ever - 1), 0)
        ) / 1000 AS income_times_median_deviation_ever,
        max(times) / 1000 AS income_times_median_max_ever,
        count(*) FILTER (owns_business AND observed_on > $m24)
            / nullif(count(owns_business) FILTER (observed_on > $m24), 0) AS business_seen_share_24m,
        sum(turnover) FILTER (observed_on > $m24) / nullif(count(turnover) FILTER (observed_on > $m24), 0)
            AS business_turnover_mean_24m,
        count(*) FILTER (owns_business) / nullif(count(owns_business), 0) AS business_seen_share_ever,
        sum(turnover) / nullif(count(turnover), 0) AS business_turnover_mean_ever,
        CASE WHEN arg_max(owns_business, observed_on)
            THEN datediff('month', max(observed_on) FILTER (begins), $t) END AS business_spell_months,
        count(*) FILTER (ends) AS business_interruptions_ever,
        datediff('month', max(observed_on) FILTER (ends), $t) AS months_since_business_end,
        datediff('month', max(observed_on) FILTER (monthly_income IS NOT NULL), $t) AS months_since_known_income,
        datediff('month', max(observed_on) FILTER (owns_business IS NOT NULL), $t) AS months_since_known_business_state,
        max(recorded_on - observed_on) AS slowest_record_days
    FROM compared
    GROUP BY kpm_id
),
f_welfare AS (
    SELECT
        observed.* EXCLUDE (n, total, squares, dwelling_before, belongings_before),
        livelihood.* EXCLUDE (kpm_id, total),
        (dwelling_index + belongings_index) / 2 AS wealth_index,
        dwelling_index - dwelling_before AS dwelling_index_change_12m,
        belongings_index - belongings_before AS belongings_index_change_12m,
        wealth_index - (dwelling_before + belongings_before) / 2 AS wealth_index_change_12m,
        monthly_income_last / nullif(members, 0) AS income_per_person,
        floor_area_m2_last / nullif(members, 0) AS floor_per_person,
        monthly_income_last IS NULL AS income_unknown,
        ((national_decile_last IS NOT NULL)::INT + (monthly_income_last IS NOT NULL)::INT
            + (floor_area_m2_last IS NOT NULL)::INT + (floor_type_last IS NOT NULL)::INT
            + (wall_type_last IS NOT NULL)::INT + (roof_type_last IS NOT NULL)::INT
            + (drinking_water_last IS NOT NULL)::INT + (lighting_last IS NOT NULL)::INT
            + (electricity_power_last IS NOT NULL)::INT + (cooking_fuel_last IS NOT NULL)::INT
            + (toilet_facility_last IS NOT NULL)::INT + (house_tenure_last IS NOT NULL)::INT
            + (motorcycles_last IS NOT NULL)::INT + (cars_last IS NOT NULL)::INT
            + (refrigerator_last IS NOT NULL)::INT + (smartphone_last IS NOT NULL)::INT
            + (computer_last IS NOT NULL)::INT + (gold_last IS NOT NULL)::INT
            + (other_land_last IS NOT NULL)::INT + (cattle_last IS NOT NULL)::INT
            + (goats_last IS NOT NULL)::INT + (owns_business_last IS NOT NULL)::INT
            + (business_turnover_last IS NOT NULL)::INT + (paid_workers_last IS NOT NULL)::INT) / 24
            AS welfare_known_share
    FROM observed
    LEFT JOIN livelihood ON livelihood.kpm_id = observed.kpm_id
    LEFT JOIN (SELECT kpm_id AS family, members FROM roster) ON family = observed.kpm_id
),
-- Members on the day beside their neighbours: few columns, as windows carry them through their sorts.
near AS (
    SELECT
        kpm_id, regency, village_code AS village, income_per_person, income_times_median_ever, floor_per_person,
        business_turnover_last, wealth_index, sessions_present_12m, sessions_present_24m, sessions_held_12m,
        sessions_held_24m, coalesce(shocks_3m, 0) > 0 AS struck_3m, coalesce(shocks_12m, 0) > 0 AS struck_12m
    FROM active
    LEFT JOIN residence USING (kpm_id)
    LEFT JOIN f_welfare USING (kpm_id)
    LEFT JOIN f_sessions USING (kpm_id)
    LEFT JOIN f_cases USING (kpm_id)
),
regencies AS (
    SELECT
        regency,
        median(income_per_person) AS usual_income,
        median(business_turnover_last) AS usual_turnover,
        count(*) FILTER (struck_3m) / count(*) AS regency_shock_share_3m,
        count(*) FILTER (struck_12m) / count(*) AS regency_shock_share_12m
    FROM near
    GROUP BY regency
),
villages AS (
    SELECT
        village,
        sum(sessions_present_12m) / nullif(sum(sessions_held_12m), 0) AS came_12m,
        sum(sessions_present_24m) / nullif(sum(sessions_held_24m), 0) AS came_24m,
        count(*) FILTER (struck_12m) / count(*) AS village_shock_share_12m
    FROM near
    GROUP BY village
),
f_neighbours AS (
    SELECT
        kpm_id,
        CASE WHEN income_per_person IS NOT NULL THEN (percent_rank() OVER a + cume_dist() OVER a) / 2 END
            AS income_per_person_rank_regency,
        CASE WHEN income_times_median_ever IS NOT NULL THEN (percent_rank() OVER b + cume_dist() OVER b) / 2 END
            AS income_times_median_ever_rank_regency,
        CASE WHEN income_times_median_ever IS NOT NULL THEN (percent_rank() OVER c + cume_dist() OVER c) / 2 END
            AS income_times_median_ever_rank_village,
        CASE WHEN floor_per_person IS NOT NULL THEN (percent_rank() OVER d + cume_dist() OVER d) / 2 END
            AS floor_per_person_rank_regency,
        CASE WHEN business_turnover_last IS NOT NULL THEN (percent_rank() OVER e + cume_dist() OVER e) / 2 END
            AS business_turnover_last_rank_regency,
        CASE WHEN wealth_index IS NOT NULL THEN (percent_rank() OVER f + cume_dist() OVER f) / 2 END
            AS wealth_index_rank_regency,
        CASE WHEN wealth_index IS NOT NULL THEN (percent_rank() OVER g + cume_dist() OVER g) / 2 END
            AS wealth_index_rank_village,
        if(income_per_person / nullif(usual_income, 0) > 50, 50, income_per_person / nullif(usual_income, 0)) AS income_per_person_times_median,
        if(business_turnover_last / nullif(usual_turnover, 0) > 50, 50, business_turnover_last / nullif(usual_turnover, 0)) AS business_turnover_last_times_median,
        sessions_present_12m / nullif(sessions_held_12m, 0) - came_12m AS sessions_present_beside_village_12m,
        sessions_present_24m / nullif(sessions_held_24m, 0) - came_24m AS sessions_present_beside_village_24m,
        regency_shock_share_3m,
        regency_shock_share_12m,
        village_shock_share_12m
    FROM near
    JOIN regencies ON near.regency IS NOT DISTINCT FROM regencies.regency
    JOIN villages ON near.village IS NOT DISTINCT FROM villages.village
    WINDOW
        a AS (PARTITION BY near.regency, income_per_person IS NULL ORDER BY income_per_person),
        b AS (PARTITION BY near.regency, income_times_median_ever IS NULL ORDER BY income_times_median_ever),
        c AS (PARTITION BY near.village, income_times_median_ever IS NULL ORDER BY income_times_median_ever),
        d AS (PARTITION BY near.regency, floor_per_person IS NULL ORDER BY floor_per_person),
        e AS (PARTITION BY near.regency, business_turnover_last IS NULL ORDER BY business_turnover_last),
        f AS (PARTITION BY near.regency, wealth_index IS NULL ORDER BY wealth_index),
        g AS (PARTITION BY near.village, wealth_index IS NULL ORDER BY wealth_index)
)
SELECT kpm_id, $t AS as_of, COLUMNS(* EXCLUDE (kpm_id))::DOUBLE
FROM active
SEMI JOIN (SELECT kpm_id FROM cohort WHERE as_of = $t) USING (kpm_id)
LEFT JOIN f_kpm USING (kpm_id)
LEFT JOIN f_members USING (kpm_id)
LEFT JOIN (FROM f_payments SELECT * EXCLUDE (n, squares)) USING (kpm_id)
LEFT JOIN (FROM f_commitments SELECT * EXCLUDE (n, total, squares)) USING (kpm_id)
LEFT JOIN f_sessions USING (kpm_id)
LEFT JOIN f_programmes USING (kpm_id)
LEFT JOIN f_cases USING (kpm_id)
LEFT JOIN f_membership USING (kpm_id)
LEFT JOIN f_identity_checks USING (kpm_id)
LEFT JOIN f_assignments USING (kpm_id)
LEFT JOIN f_welfare USING (kpm_id)
LEFT JOIN f_neighbours USING (kpm_id)
ORDER BY kpm_id
