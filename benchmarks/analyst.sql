-- What a good analyst writes in a day: one row a family that is a member on $t, both clocks in every table.
with state as (
    select kpm_id, event, effective_on,
           row_number() over (partition by kpm_id order by effective_on desc, recorded_on desc, event desc) as nth,
           count(*) filter (event = 'reactivated') over (partition by kpm_id) as returns
    from membership where effective_on <= $t and recorded_on <= $t
),
base as (select kpm_id, effective_on as member_since, returns from state where nth = 1 and event <> 'exited'),
register as (
    select kpm_id, village_code, left(village_code, 4) as regency_code, left(village_code, 2)::int as province,
           urban::int as urban, customary_community::int as customary, (caretaker_sex = 'F')::int as woman,
           datediff('month', enrolled_on, $t) as months_enrolled, datediff('year', caretaker_birth_date, $t) as age
    from kpm where enrolled_on <= $t and recorded_on <= $t
),
roster_versions as (
    select *, row_number() over (partition by kpm_id, member_id order by valid_from desc) as nth
    from members where valid_from <= $t and recorded_on <= $t
),
roster as (
    select kpm_id, count(*) as persons,
           count(*) filter (datediff('year', birth_date, $t) < 7) as small_children,
           count(*) filter (in_school = 'sd') as in_sd, count(*) filter (in_school = 'smp') as in_smp,
           count(*) filter (in_school = 'sma') as in_sma,
           count(*) filter (datediff('year', birth_date, $t) >= 60) as old,
           count(*) filter (severe_disability) as disabled, count(*) filter (pregnant) as pregnant,
           count(*) filter (working) as working,
           min(datediff('year', birth_date, $t)) as youngest
    from roster_versions where nth = 1 and (valid_to is null or valid_to > $t) group by kpm_id
),
surveyed as (select * from welfare where observed_on <= $t and recorded_on <= $t),
house as (
    select kpm_id,
           arg_max(monthly_income, observed_on) filter (monthly_income is not null) as income,
           avg(monthly_income) filter (observed_on > $t - interval 24 month) as income_2y,
           arg_max(monthly_income, observed_on) filter (monthly_income is not null and observed_on <= $t - interval 12 month)
               as income_before,
           max(monthly_income) as income_most,
           arg_max(national_decile, observed_on) filter (national_decile is not null) as decile,
           max(national_decile) - min(national_decile) as decile_range,
           arg_max(floor_area_m2, observed_on) filter (floor_area_m2 is not null) as floor_area,
           arg_max(floor_type, observed_on) filter (floor_type is not null) as floor_type,
           arg_max(wall_type, observed_on) filter (wall_type is not null) as wall_type,
           arg_max(roof_type, observed_on) filter (roof_type is not null) as roof_type,
           arg_max(toilet_facility, observed_on) filter (toilet_facility is not null) as toilet,
           arg_max(drinking_water, observed_on) filter (drinking_water is not null) as water,
           arg_max(electricity_power, observed_on) filter (electricity_power is not null) as power,
           arg_max(cooking_fuel, observed_on) filter (cooking_fuel is not null) as fuel,
           arg_max(house_tenure, observed_on) filter (house_tenure is not null) as tenure,
           arg_max(motorcycles, observed_on) filter (motorcycles is not null) as motorcycles,
           arg_max(refrigerator::int, observed_on) filter (refrigerator is not null) as refrigerator,
           arg_max(smartphone::int, observed_on) filter (smartphone is not null) as smartphone,
           arg_max(gold::int, observed_on) filter (gold is not null) as gold,
           arg_max(other_land::int, observed_on) filter (other_land is not null) as land,
           arg_max(cattle, observed_on) filter (cattle is not null) as cattle,
           arg_max(owns_business::int, observed_on) filter (owns_business is not null) as business,
           max(owns_business::int) as business_ever,
           arg_max(business_turnover, observed_on) filter (business_turnover is not null) as turnover,
           arg_max(paid_workers, observed_on) filter (paid_workers is not null) as workers,
           datediff('month', max(observed_on) filter (floor_type is not null), $t) as months_since_survey,
           count(*) filter (floor_type is not null and observed_on > $t - interval 24 month) as surveys_2y
    from surveyed group by kpm_id
),
paid as (
    select kpm_id,
           sum(amount) filter (programme = 'PKH' and paid_on > $t - interval 12 month) as pkh_12m,
           arg_max(amount, paid_on) filter (programme = 'PKH' and status = 'disbursed') as pkh_last,
           sum(amount) filter (programme = 'BPNT' and paid_on > $t - interval 12 month) as bpnt_12m,
           count(*) filter (status <> 'disbursed' and paid_on > $t - interval 12 month) as not_fetched_12m,
           datediff('month', max(paid_on) filter (programme = 'PKH'), $t) as months_since_paid
    from payments where paid_on <= $t and recorded_on <= $t group by kpm_id
),
attended as (
    select kpm_id,
           avg((attendance = 'present')::int) filter (held_on > $t - interval 12 month) as present_12m,
           avg((attendance = 'present')::int) as present_ever,
           count(*) filter (held_on > $t - interval 12 month) as sessions_12m,
           count(*) filter (module = 'economy' and attendance = 'present') as economy_sessions
    from sessions where held_on <= $t and recorded_on <= $t group by kpm_id
),
verified as (
    select kpm_id, avg(attendance_pct) as attendance_pct, avg(met::int) as met,
           avg(met::int) filter (recorded_on > $t - interval 12 month) as met_12m
    from commitments where recorded_on <= $t group by kpm_id
),
joined as (
    select kpm_id,
           count(*) filter (programme = 'PENA') as pena, count(*) filter (programme = 'PPSE') as ppse,
           count(*) filter (programme = 'PROKUS') as prokus, count(*) filter (programme = 'KUBE') as kube,
           count(*) filter (programme = 'RST') as rst, sum(amount) as grants,
           datediff('month', max(started_on) filter (programme in ('PENA', 'PPSE', 'PROKUS', 'KUBE')), $t)
               as months_since_business_help
    from programmes where started_on <= $t and recorded_on <= $t group by kpm_id
),
reported as (
    select kpm_id,
           count(*) filter (kind = 'graduation_interest') as interest,
           count(*) filter (kind = 'graduation_interest' and reported_on > $t - interval 12 month) as interest_12m,
           count(*) filter (kind in ('illness', 'disaster', 'job_loss') and reported_on > $t - interval 12 month)
               as shocks_12m,
           count(*) filter (kind = 'home_visit' and reported_on > $t - interval 12 month) as visits_12m,
           datediff('month', max(reported_on) filter (kind = 'graduation_interest'), $t) as months_since_interest
    from cases where reported_on <= $t and recorded_on <= $t group by kpm_id
),
served as (
    select kpm_id, arg_max(facilitator_id, valid_from) as facilitator_id
    from assignments where valid_from <= $t and (valid_to is null or valid_to > $t) group by kpm_id
)
select base.kpm_id, $t as as_of, regency_code, facilitator_id,
       base.returns, datediff('month', member_since, $t) as months_member, month($t) as month,
       province, urban, customary, woman, months_enrolled, age,
       roster.* exclude (kpm_id), house.* exclude (kpm_id), income / persons as income_per_person,
       income / nullif(income_before, 0) as income_growth, floor_area / persons as area_per_person,
       paid.* exclude (kpm_id), attended.* exclude (kpm_id), verified.* exclude (kpm_id), joined.* exclude (kpm_id),
       reported.* exclude (kpm_id)
from base
left join register using (kpm_id) left join roster using (kpm_id) left join house using (kpm_id)
left join paid using (kpm_id) left join attended using (kpm_id) left join verified using (kpm_id)
left join joined using (kpm_id) left join reported using (kpm_id) left join served using (kpm_id)
order by base.kpm_id
