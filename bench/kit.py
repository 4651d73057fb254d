"""What all measurements share: processes that are ended by their own id, free ports, one-node
configurations, medians, and the lines that people and scripts read."""
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("HOLDFAST_BUILD", os.path.join(ROOT, "build", "gcc"))
HOLDFAST = os.path.join(BUILD, "src", "app", "holdfast")
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))

running = []


def say(text):
    print(text, flush=True)


def scratch():
    """A directory on the disk of the checkout: fsync must be a real one."""
    base = os.path.join(ROOT, "build", "bench")
    os.makedirs(base, exist_ok=True)
    return tempfile.mkdtemp(dir=base)


def start(argv, **kw):
    p = subprocess.Popen(argv, **kw)
    running.append(p)
    return p


def stop(p, sig=signal.SIGTERM):
    if p.poll() is None:
        p.send_signal(sig)
        try:
            p.wait(15)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    if p in running:
        running.remove(p)


def stop_all():
    for p in list(running):
        stop(p)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def free_base():
    """A port base whose four ranges are free."""
    while True:
        base = 10000 + secrets.randbelow(20000)
        ports = [base + o + i for o in (0, 100, 200, 300) for i in (1, 2, 3, 4)]
        try:
            for port in ports:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue


def wait_for(check, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if check():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"bench: {what} did not come up within {seconds} s")


def http_ok(url):
    with urllib.request.urlopen(url, timeout=2) as r:
        return r.status == 200


class OneNode:
    """One region, one cell, one worker, one tenant."""

    def __init__(self):
        self.dir = scratch()
        self.key = "hf_bench_" + secrets.token_hex(20)
        digest = hashlib.sha256(self.key.encode()).hexdigest()
        base = free_base()
        self.port, self.admin = base + 1, base + 101
        files = {
            "policy.yaml": f"""
regions: {{here: {{jurisdiction: us, location: [39.0, -77.5]}}}}
residency: {{all: {{regions: all}}}}
cells: {{one: {{replicas: [here], mode: async}}}}
tenants: {{bench: {{residency: all, cell: one, consistency: strong, keys: ["sha256:{digest}"]}}}}
""",
            "here.yaml": f"""
cluster: bench
region: here
data: here
policy: policy.yaml
coordination: {{file: coordination}}
secret_file: cluster.secret
workers: 1
regions:
  here: {{http: "127.0.0.1:{base + 1}", admin: "127.0.0.1:{base + 101}", replication: "127.0.0.1:{base + 201}"}}
""",
            "cluster.secret": secrets.token_hex(32),
        }
        for name, text in files.items():
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)
        self.log = open(os.path.join(self.dir, "log"), "w")
        self.process = start([HOLDFAST, "serve", "-c", os.path.join(self.dir, "here.yaml")], stderr=self.log)
        wait_for(lambda: http_ok(f"http://127.0.0.1:{self.admin}/readyz"), "a node")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        stop(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


def wrk(url, script, connections=64, seconds=SECONDS):
    """Requests per second; anything but 2xx and every socket error is a failed measurement."""
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script, url],
                         capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", out)
    if bad:
        raise SystemExit("bench: wrk reports errors:\n" + out)
    return float(re.search(r"Requests/sec:\s*([\d.]+)", out).group(1))


def alternate(ours, peers, runs=RUNS):
    """Runs both in turn; medians of each, and the median of the ratios pair by pair."""
    a, b = [], []
    for _ in range(runs):
        a.append(ours())
        b.append(peers())
    ratios = [x / y for x, y in zip(a, b)]
    return statistics.median(a), statistics.median(b), statistics.median(ratios), min(ratios), max(ratios)


def percentile(values, q):
    s = sorted(values)
    return s[min(len(s) - 1, int(round(q * (len(s) - 1))))] if s else float("nan")


def figure(name, value):
    print(f"figure {name} {value:.3f}" if isinstance(value, float) else f"figure {name} {value}", flush=True)
