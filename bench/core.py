"""The core figures: durable writes beside Redis, reads beside nginx, the log beside a bare loop,
replication lag, and what a client sees when a region is killed. Runs alternate; medians count."""
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import threading
import time
import urllib.request

import kit

VALUE = "x" * 128


def bench_put(rows):
    node = kit.OneNode()
    os.environ["BENCH_KEY"] = node.key
    script = os.path.join(kit.ROOT, "bench", "put.lua")
    d = kit.scratch()
    port = kit.free_port()
    redis = kit.start(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", d, "--appendonly", "yes",
                       "--appendfsync", "always", "--save", "", "--daemonize", "no"],
                      stdout=subprocess.DEVNULL)
    kit.wait_for(lambda: b"PONG" in subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout,
                 "redis")

    def peers():
        # As long as one of our runs takes, or nearly.
        n = int(last["redis"] * kit.SECONDS) or 20000
        out = subprocess.run(["redis-benchmark", "-p", str(port), "-t", "set", "-c", "64", "-d", "128", "-r", "100000",
                              "-n", str(n), "--csv"], capture_output=True, text=True, check=True).stdout
        last["redis"] = float(re.search(r'"SET","([\d.]+)"', out).group(1))
        return last["redis"]

    last = {"redis": 0.0}
    kit.wrk(node.url("/"), script, seconds=1)
    peers()
    ours, theirs, ratio, low, high = kit.alternate(lambda: kit.wrk(node.url("/"), script), peers)
    rows.append(("PUT 128 B fsynced, 64 connections", f"{ours:,.0f}/s", f"Redis appendfsync always {theirs:,.0f}/s",
                 f"{ratio:.2f} ({low:.2f}–{high:.2f})"))
    kit.stop(redis)
    shutil.rmtree(d, ignore_errors=True)
    node.close()
    kit.figure("put_vs_redis_always", ratio)


def bench_get(rows):
    node = kit.OneNode()
    os.environ["BENCH_KEY"] = node.key
    put = urllib.request.Request(node.url("/v1/data/bench/one"), data=VALUE.encode(), method="PUT",
                                 headers={"Authorization": f"Bearer {node.key}"})
    urllib.request.urlopen(put, timeout=5).close()
    d = kit.scratch()
    port = kit.free_port()
    conf = os.path.join(d, "nginx.conf")
    with open(conf, "w") as f:
        f.write(f"""worker_processes 1; daemon off; pid {d}/pid; error_log {d}/error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {d}/b; proxy_temp_path {d}/p;
fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
server {{ listen 127.0.0.1:{port}; location / {{ default_type application/octet-stream; return 200 "{VALUE}"; }} }} }}
""")
    nginx = kit.start(["nginx", "-c", conf, "-e", f"{d}/error"])
    kit.wait_for(lambda: kit.http_ok(f"http://127.0.0.1:{port}/"), "nginx")
    script = os.path.join(kit.ROOT, "bench", "get.lua")
    path = "/v1/data/bench/one"
    ours, theirs, ratio, low, high = kit.alternate(lambda: kit.wrk(node.url(path), script),
                                                   lambda: kit.wrk(f"http://127.0.0.1:{port}{path}", script))
    rows.append(("GET 128 B strong, one worker", f"{ours:,.0f}/s", f"nginx return 200 {theirs:,.0f}/s",
                 f"{ratio:.2f} ({low:.2f}–{high:.2f})"))
    kit.stop(nginx)
    shutil.rmtree(d, ignore_errors=True)
    node.close()
    kit.figure("get_vs_nginx_return", ratio)


def append_ratio(rows, outstanding, loops=1):
    d = kit.scratch()
    out = subprocess.run([os.path.join(kit.BUILD, "bench", "bench_cell"), d, str(outstanding), "0.7", "10000",
                          str(loops)], capture_output=True, text=True, check=True).stdout
    shutil.rmtree(d, ignore_errors=True)
    ratio = float(re.search(r"figure append_vs_raw_log ([\d.]+)", out).group(1))
    ours, size, theirs = re.search(r"(\d+) records/s of .*, (\d+) KiB a sync; bare loop (\d+)", out).groups()
    where = "" if loops == 1 else ", from another loop"
    rows.append((f"128 B records through a cell, {outstanding} outstanding{where}", f"{int(ours):,}/s, {size} KiB a sync",
                 f"bare write + fdatasync {int(theirs):,}/s", f"{ratio:.2f}"))
    return ratio


def bench_append(rows):
    """The figure is with as many writes outstanding as the PUT figure has connections, proposed on the cell's
    loop as in a node with one worker. With more of them batches grow, the bare loop's rate grows with them, and
    the two cores of a small machine do not; from another loop two wake-ups are added to each round."""
    kit.figure("append_vs_raw_log", append_ratio(rows, 64))
    kit.figure("append_vs_raw_log_2_loops", append_ratio(rows, 64, 2))
    for outstanding in (256, 1024):
        kit.figure(f"append_vs_raw_log_{outstanding}", append_ratio(rows, outstanding))


class Four:
    """A playground."""

    def __init__(self):
        self.dir = kit.scratch()
        self.base = kit.free_base()
        self.process = kit.start([kit.HOLDFAST, "playground", "--dir", self.dir, "--port-base", str(self.base)],
                                 stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.strip() == "ready":
                break
        with open(os.path.join(self.dir, "keys.json")) as f:
            self.keys = json.load(f)
        with open(os.path.join(self.dir, "playground.json")) as f:
            self.regions = json.load(f)["regions"]

    def port(self, region):
        return self.base + 1 + self.regions.index(region)

    def status(self, region):
        url = f"http://127.0.0.1:{self.base + 101 + self.regions.index(region)}/admin/v1/status"
        with urllib.request.urlopen(url, timeout=2) as r:
            return json.load(r)

    def metrics(self, region):
        url = f"http://127.0.0.1:{self.base + 101 + self.regions.index(region)}/metrics"
        with urllib.request.urlopen(url, timeout=2) as r:
            return r.read().decode()

    def cell(self, region, name):
        return next(c for c in self.status(region)["cells"] if c["name"] == name)

    def drill(self, verb, region):
        subprocess.run([kit.HOLDFAST, "drill", verb, region, "--dir", self.dir], check=True,
                       stdout=subprocess.DEVNULL)

    def close(self):
        kit.stop(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


class Load:
    """Threads that put keys of one tenant through given regions' edges, one at a time each, and note
    when each was acknowledged. A request is sent once: what fails is counted, not repeated."""

    def __init__(self, four, tenant, ports, threads=4, pause=0.0):
        self.acks, self.failed, self.latency = [], [], []
        self.stopping = False
        self.lock = threading.Lock()
        self.pause = pause
        self.threads = [threading.Thread(target=self.run, args=(four.keys[tenant], ports[i % len(ports)], i))
                        for i in range(threads)]
        for t in self.threads:
            t.start()

    def run(self, key, port, number):
        headers = {"Authorization": f"Bearer {key}"}
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        n = 0
        while not self.stopping:
            n += 1
            begin = time.monotonic()
            try:
                conn.request("PUT", f"/v1/data/bench/k{number}-{n % 5000}", body=VALUE, headers=headers)
                response = conn.getresponse()
                text = response.read()
                fine, why = response.status == 204, f"{response.status} {text[:200]!r}"
            except OSError as e:
                fine, why = False, repr(e)
                conn.close()
            end = time.monotonic()
            with self.lock:
                if fine:
                    self.acks.append(end)
                    self.latency.append(end - begin)
                else:
                    self.failed.append(why)
            if self.pause:
                time.sleep(self.pause)
        conn.close()

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join()


def histogram_quantile(text, name, labels, q):
    """From Prometheus text: upper edge of the bucket that holds q, in ms."""
    edges = []
    for line in text.splitlines():
        m = re.match(name + r'_bucket\{(.*)le="([^"]+)"\} (\d+)', line)
        if m and all(x in m.group(1) for x in labels):
            edges.append((float(m.group(2)), int(m.group(3))))
    edges.sort()
    total = edges[-1][1] if edges else 0
    for edge, count in edges:
        if total and count >= q * total:
            return edge * 1000
    return float("nan")


def bench_lag(rows):
    four = Four()
    full = Load(four, "acme", [four.port("us-east")], threads=8)
    time.sleep(3)
    full.stop()
    rate = len(full.acks) / 3
    # Half of what eight clients reached.
    pause = max(0.0, 8 / (rate / 2) - statistics.median(full.latency))
    before = four.metrics("us-east")
    half = Load(four, "acme", [four.port("us-east")], threads=8, pause=pause)
    time.sleep(6)
    half.stop()
    after = four.metrics("us-east")
    del before  # both loads are in the histogram: the full one only makes it worse
    p99 = histogram_quantile(after, "holdfast_cell_copy_seconds", ['cell="us-1"'], 0.99)
    rows.append(("replication lag p99, durable on the secondary", f"{p99:.2f} ms", f"at {len(half.acks) / 6:,.0f}/s", ""))
    four.close()
    kit.figure("replication_lag_p99_ms", p99)


def whole(four, region):
    try:
        c = four.cell(region, "us-1")
        return c["active"] and c.get("role") == "home" and c["copies"] == 2 and not c["degraded"] and all(
            r["connected"] or r["region"] == region for r in c["replicas"])
    except (OSError, KeyError):
        return False


def bench_failover(rows, kills=20):
    four = Four()
    gaps, failed = [], []
    for n in range(kills):
        home = four.cell("eu-west", "us-1")["home"]
        kit.wait_for(lambda: whole(four, home), "a whole cell", 30)
        # Through edges that live on: the other us region and one in the eu.
        other = "us-west" if home == "us-east" else "us-east"
        load = Load(four, "acme", [four.port(other), four.port("eu-west")], threads=4)
        time.sleep(0.7)
        four.drill("kill", home)
        time.sleep(2.5)
        load.stop()
        acks = sorted(load.acks)
        gaps.append(max(b - a for a, b in zip(acks, acks[1:])) * 1000)
        failed += load.failed
        four.drill("restore", home)
        kit.say(f"  kill {n + 1}/{kills}: {home}, {gaps[-1]:.0f} ms without an ack, {len(load.failed)} failed")
    for why in failed[:5]:
        kit.say(f"  failed: {why}")
    p50, p99 = kit.percentile(gaps, 0.5), kit.percentile(gaps, 0.99)
    rows.append((f"region kill ×{kills}, last good ack → first new ack", f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
                 f"{len(failed)} failed requests", ""))
    four.close()
    kit.figure("failover_p50_ms", p50)
    kit.figure("failover_p99_ms", p99)
    kit.figure("failover_failed_requests", len(failed))


def main():
    rows = []
    try:
        for step in (bench_put, bench_get, bench_append, bench_lag, bench_failover):
            kit.say(f"# {step.__name__[6:]}")
            step(rows)
    finally:
        kit.stop_all()
    kit.say("")
    for what, ours, peer, ratio in rows:
        kit.say(f"{what:48} {ours:28} {peer:36} {ratio}")


if __name__ == "__main__":
    main()
