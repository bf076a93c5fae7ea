-- A claim id has one claim, live or released.
select claim_id, count(*) as claims from (
  select claim_id from claims union all select claim_id from released_claims
) stored
group by claim_id having count(*) > 1
