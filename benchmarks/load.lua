-- What wrk sends. From the environment: MODE (filter, patch, post, insert), BASE, TOKEN, USERS (how many there are),
-- IDS (a file with the ids to patch), RUN (a word that no other run has).
local mode, base, users = os.getenv("MODE"), os.getenv("BASE"), tonumber(os.getenv("USERS"))
local run, sent, ids = os.getenv("RUN"), 0, {}
local headers = {
  ["Authorization"] = "Bearer " .. os.getenv("TOKEN"),
  ["Content-Type"] = "application/scim+json",
}

function init()
  math.randomseed(os.time())
  if mode == "patch" then
    for id in io.lines(os.getenv("IDS")) do ids[#ids + 1] = id end
  end
end

local function user(address)
  return '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"' .. address ..
    '","active":true,"name":{"givenName":"Ada","familyName":"Byte"},"emails":[{"value":"' .. address ..
    '","type":"work","primary":true}]}'
end

function request()
  sent = sent + 1
  if mode == "filter" then
    local one = "%22user" .. math.random(0, users - 1) .. "%40example.com%22"
    return wrk.format("GET", base .. "/Users?filter=userName%20eq%20" .. one, headers)
  elseif mode == "patch" then
    -- Once through all ids with false, then with true, and so on: each request changes something.
    local active = math.floor((sent - 1) / #ids) % 2 == 1
    return wrk.format("PATCH", base .. "/Users/" .. ids[(sent - 1) % #ids + 1], headers,
      '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active",' ..
      '"value":' .. tostring(active) .. '}]}')
  end
  return wrk.format("POST", base .. "/Users", headers, user("new-" .. run .. "-" .. sent .. "@example.com"))
end

function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('\n{"seconds":%.6f,"requests":%d,"refused":%d,"failed":%d,"p50":%.3f,"p99":%.3f}\n',
    summary.duration / 1e6, summary.requests, summary.errors.status, failed,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
