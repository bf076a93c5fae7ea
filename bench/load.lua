-- SPDX-License-Identifier: GPL-3.0-or-later
-- The requests that wrk sends, and the line with its figures. Arguments: kind, coupon, first user, coupons, entries.
--   claim   each request claims the coupon for another user
--   accept  the same, and prefers its ticket to a wait for the decision
--   repeat  the same, but each user claims twice in a row
--   many    each request claims for another user, a coupon drawn from many
--   batch   each request claims the coupon for as many other users as it has entries
--   get     repeats one GET; the path is that of the URL
-- A permutation (a multiplication modulo a prime) turns the number of a user into the id, so that consecutive users are
-- not adjacent in the indexes of the database: real user ids are not in order either. All ids have the same length.

local modulus, factor = 2147483647, 48271
local digits = 10000000000

local function user_of(number)
  return digits + (number * factor) % modulus
end

-- Only the users differ from call to call.
function batches_of(entries, coupon, number)
  local parts = {}
  for entry = 1, entries do
    parts[2 * entry - 1] = (entry == 1 and '{"claims":[' or '"},') .. '{"coupon_name":"' .. coupon .. '","user_id":"user-'
    parts[2 * entry] = user_of(entry)
  end
  parts[2 * entries + 1] = '"}]}'
  local head = 'POST /api/claims/batch HTTP/1.1\r\nHost: ' .. wrk.host .. ':' .. wrk.port
    .. '\r\nContent-Type: application/json\r\nContent-Length: ' .. #table.concat(parts) .. '\r\n\r\n'
  parts[1] = head .. parts[1]
  request = function()
    for entry = 1, entries do
      number = number + 1
      parts[2 * entry] = user_of(number)
    end
    return table.concat(parts)
  end
end

function init(args)
  local kind, coupon = args[1], args[2]
  local number = tonumber(args[3] or '1')
  local coupons = tonumber(args[4] or '1')
  if kind == 'get' then return end
  if kind == 'batch' then return batches_of(tonumber(args[5]), coupon, number) end

  local coupon_length = #coupon
  if kind == 'many' then coupon_length = #coupon + 5 end
  local length = #'{"user_id":"user-' + 11 + #'","coupon_name":"' + coupon_length + #'"}'
  local prefer = ''
  if kind == 'accept' then prefer = '\r\nPrefer: respond-async' end
  local head = 'POST /api/coupons/claim HTTP/1.1\r\nHost: ' .. wrk.host .. ':' .. wrk.port
    .. prefer .. '\r\nContent-Type: application/json\r\nContent-Length: ' .. length
    .. '\r\n\r\n{"user_id":"user-'
  local middle = '","coupon_name":"' .. coupon
  local tail = middle .. '"}'

  if kind == 'claim' or kind == 'accept' then
    request = function()
      number = number + 1
      return head .. user_of(number) .. tail
    end
  elseif kind == 'repeat' then
    local again
    request = function()
      if again then
        local second = again
        again = nil
        return second
      end
      number = number + 1
      again = head .. user_of(number) .. tail
      return again
    end
  else
    math.randomseed(number)
    request = function()
      number = number + 1
      return head .. user_of(number) .. middle .. (10000 + math.random(coupons)) .. '"}'
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"answers":%d,"seconds":%.6f,"not2xx":%d,"lost":%d,"p50Ms":%.4f,"p90Ms":%.4f,"p99Ms":%.4f,"p999Ms":%.4f,"maxMs":%.4f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000,
    latency:percentile(99.9) / 1000, latency.max / 1000))
end
