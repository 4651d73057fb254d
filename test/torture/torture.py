"""`make torture`: four regions as real processes under real faults; one line a scenario.

usage: torture.py [--only N,M] [--ci] [--list] [--json] [--seed N] [--coord file|etcd]
                  [--keep DIR]

Needs network, mount and process namespaces (root, or unprivileged user namespaces) and
/dev/net/tun. Everything lives in namespaces that end with this process, however that ends: there
is nothing to clean up. Exit status: 0 every promise was kept, 1 one was broken, 2 usage, 77 this
machine cannot run it.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
INSIDE, IS_ROOT = "HOLDFAST_TORTURE_INSIDE", "HOLDFAST_TORTURE_ROOT"
CANNOT = 77


def enter():
    """Becomes the same program in namespaces of its own, as process 1 there."""
    is_root = os.geteuid() == 0
    spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if not is_root:
        spaces += ["--user", "--map-root-user"]
    probe = subprocess.run(["unshare", *spaces, "true"], capture_output=True, text=True)
    why = probe.stderr.strip() if probe.returncode else None
    if not why and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        why = "/dev/net/tun cannot be opened"
    if why:
        print(f"torture: not run: {why}: run it as root, with the tun driver", file=sys.stderr)
        sys.exit(CANNOT)
    os.environ.update({INSIDE: "1", IS_ROOT: "1" if is_root else ""})
    os.execvp("unshare", ["unshare", *spaces, sys.executable, *sys.argv])


def arguments():
    parser = argparse.ArgumentParser(prog="torture.py", usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("--only", help="numbers of scenarios, with commas")
    parser.add_argument("--ci", action="store_true", help="the short ones")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--coord", choices=["file", "etcd"], default="file",
                        help="what the regions agree through; scenarios that need etcd have it always")
    parser.add_argument("--keep", help="keep logs and data of what failed in this directory")
    return parser.parse_args()


def chosen(options, scenarios, not_run):
    numbers = sorted(set(scenarios) | set(not_run))
    if options.only:
        try:
            wanted = [int(n) for n in options.only.split(",")]
        except ValueError:
            wanted = [-1]
        if not set(wanted) <= set(numbers):
            print(f"torture: --only {options.only}: must be of {numbers}", file=sys.stderr)
            sys.exit(2)
        return wanted
    return [n for n in numbers if not options.ci or n in scenarios and scenarios[n].ci]


def build_preload(directory):
    """The library that makes disks and clocks fail, or None where there is no compiler."""
    library = Path(directory) / "faults.so"
    done = subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-o", library, HERE / "faults.c", "-ldl"],
                          capture_output=True)
    return library if done.returncode == 0 else None


def run_one(scenario, wire, seed, preload, keep, coord):
    from world import Run
    path = Path(tempfile.mkdtemp(prefix="holdfast-torture-"))
    run, row, started = None, {}, time.monotonic()
    try:
        run = Run(wire, path, seed, preload if "preload" in scenario.needs else None,
                  coord == "etcd" or "etcd" in scenario.needs)
        scenario.run(run)
        row = run.judge()
    except Exception as error:
        row = {"broken": (run.broken if run else []) + [f"{type(error).__name__}: {error}"],
               "trace": traceback.format_exc()}
    finally:
        if row.get("broken") and keep:
            shutil.copytree(path, Path(keep) / f"scenario-{scenario.number}", dirs_exist_ok=True)
        if run:
            run.stop()
        shutil.rmtree(path, ignore_errors=True)
    row["seconds"] = round(time.monotonic() - started, 1)
    row["verdict"] = "BROKEN" if row["broken"] else "held"
    return row


def missing(scenario, preload, coord):
    """Why it cannot be run here, or None."""
    if "root" in scenario.needs and not os.environ[IS_ROOT]:
        return "needs root: mounts a device"
    if "preload" in scenario.needs and not preload:
        return "needs a C compiler"
    if (coord == "etcd" or "etcd" in scenario.needs) and not shutil.which("etcd"):
        return "needs etcd (Debian: etcd-server)"
    return None


def show(number, title, row, as_json):
    if as_json:
        print(json.dumps({"scenario": number, "title": title, **row}), flush=True)
        return
    if row["verdict"] == "not run":
        print(f"{number:>2}  {title[:58]:58} {'':>8} {'':>5} {'':>6}  not run: {row['reason']}", flush=True)
        return
    outage = f"{row['outage_ms']} ms" if "outage_ms" in row else "?"
    print(f"{number:>2}  {title[:58]:58} {outage:>8} {row.get('lost', '?'):>5} "
          f"{row.get('quarantined', '?'):>6}  {row['verdict']}", flush=True)
    for text in row["broken"]:
        print(f"        BROKEN: {text}", flush=True)
    if "trace" in row:
        print("        " + row["trace"].replace("\n", "\n        "), flush=True)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main():
    options = arguments()
    from scenarios import NOT_RUN, SCENARIOS
    if options.list:
        for n in sorted(set(SCENARIOS) | set(NOT_RUN)):
            print(f"{n:>2}  " + (SCENARIOS[n].title if n in SCENARIOS else f"not run: {NOT_RUN[n]}"))
        return 0
    numbers = chosen(options, SCENARIOS, NOT_RUN)
    if INSIDE not in os.environ:
        enter()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = options.seed if options.seed is not None else random.randrange(1 << 20)
    print(f"seed {seed}", file=sys.stderr)
    if not options.json:
        print(f"{'#':>2}  {'scenario':58} {'outage':>8} {'lost':>5} {'quar.':>6}  verdict", flush=True)
    from wire import Wire
    import etcd_hosts
    import harness
    broken = 0
    with tempfile.TemporaryDirectory(prefix="holdfast-torture-") as tools:
        preload = build_preload(tools)
        wire = Wire(["clients", *harness.REGIONS, *etcd_hosts.HOSTS], seed)
        for i, number in enumerate(numbers):
            scenario = SCENARIOS.get(number)
            reason = NOT_RUN[number] if not scenario else missing(scenario, preload, options.coord)
            if reason:
                show(number, scenario.title if scenario else "", {"verdict": "not run", "reason": reason},
                     options.json)
                continue
            progress(f"[{i + 1}/{len(numbers)}] {scenario.title} …")
            row = run_one(scenario, wire, seed, preload, options.keep, options.coord)
            progress("")
            broken += row["verdict"] != "held"
            show(number, scenario.title, row, options.json)
        wire.stop()
    if broken:
        print(f"{broken} broken; again with: test/torture/torture.py --seed {seed} --only N", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ntorture: interrupted", file=sys.stderr)
        sys.exit(1)
