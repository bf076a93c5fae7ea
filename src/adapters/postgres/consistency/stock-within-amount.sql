-- The units left of a coupon are between 0 and its amount.
select name, amount, remaining_amount from coupons
where remaining_amount not between 0 and amount
