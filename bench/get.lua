-- GET of one key with a credential; the peer ignores both.
function init(args)
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
end
