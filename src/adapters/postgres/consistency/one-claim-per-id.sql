-- A claim id has one claim.
select claim_id, count(*) as claims from claims
group by claim_id having count(*) > 1
