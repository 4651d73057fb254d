"""Conditions in CEL: nanoseconds per evaluation, beside the fastest implementation for JavaScript.
Runs alternate; medians count."""
import os
import statistics
import subprocess

import kit

PACKAGE = "@marcbachmann/cel-js@8.0.0"
PEER = os.path.join(kit.ROOT, "build", "bench", "peer")
CASES = os.path.join(kit.ROOT, "bench", "cel_cases.json")


def install_peer():
    at = os.path.join(PEER, "node_modules", "@marcbachmann", "cel-js")
    if not os.path.exists(at):
        os.makedirs(PEER, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", PEER, PACKAGE], check=True)
    return at


def timings(argv):
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return {name: float(ns) for name, ns in (line.split() for line in out.splitlines())}


def main():
    peer = ["node", os.path.join(kit.ROOT, "bench", "cel_peer.mjs"), install_peer(), CASES]
    bench = [os.path.join(kit.BUILD, "bench", "bench_cel"), CASES]
    ours, theirs = [], []
    for _ in range(kit.RUNS):
        ours.append(timings(bench))
        theirs.append(timings(peer))
    for name in ours[0]:
        a = statistics.median(run[name] for run in ours)
        b = statistics.median(run[name] for run in theirs)
        ratio = statistics.median(t[name] / o[name] for o, t in zip(ours, theirs))
        kit.say(f"{name:12} {a:8.1f} ns   cel-js {b:8.1f} ns   {ratio:6.1f}×")
        kit.figure(f"cel_{name}_ns", a)
        if name == "8term":
            kit.figure("cel_vs_marcbachmann", ratio)


if __name__ == "__main__":
    main()
