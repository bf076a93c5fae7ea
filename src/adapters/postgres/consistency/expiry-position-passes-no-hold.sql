-- No claim up to the expiry_position of its coupon is reserved, and this position was given.
select c.name, c.expiry_position, c.amount - c.remaining_amount + c.returned_units as last_position,
  count(k.coupon_id) as reserved
from coupons c
left join claims k on k.coupon_id = c.id and k.position <= c.expiry_position and k.expires_at is not null
group by c.id, c.name, c.expiry_position, c.amount, c.remaining_amount, c.returned_units
having count(k.coupon_id) > 0 or c.expiry_position > c.amount - c.remaining_amount + c.returned_units
