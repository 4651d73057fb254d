-- What nginx's auth_request asks, with a client's credential; the peer ignores it.
function init(args)
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
  wrk.headers["X-Original-URI"] = "/v1/data/billing/42"
  wrk.headers["X-Original-Method"] = "GET"
end
