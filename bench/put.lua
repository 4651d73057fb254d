-- PUT of 128 random-looking bytes to one of 100,000 keys; requests are made ahead so that the
-- client costs little.
local n, at, made = 4096, 0, {}
local token
function init(args)
  token = os.getenv("BENCH_KEY")
  math.randomseed(os.time())
  for i = 1, n do
    local body = {}
    for j = 1, 128 do body[j] = string.char(97 + math.random(0, 25)) end
    made[i] = wrk.format("PUT", "/v1/data/bench/key:" .. string.format("%012d", math.random(0, 99999)),
      {["Authorization"] = "Bearer " .. token, ["Host"] = "127.0.0.1"}, table.concat(body))
  end
end
function request()
  at = at % n + 1
  return made[at]
end
