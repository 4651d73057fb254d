"""Instructions per decision, counted by callgrind, against a recorded ceiling. They do not depend on
how busy the machine is, so this holds in CI what the figures of bench_decide say in nanoseconds.

usage: instructions.py BENCH_DECIDE

Each count is the difference of two runs, so that loading the policy is not in it. A ceiling is some
ten percent above what was counted with gcc 12 at -O2; when it is passed, find out why before it is raised."""
import re
import subprocess
import sys

REQUESTS = 1 << 12
CEILINGS = {0: 640, 50: 1950, 1000: 5100}


def count(program, rules, times):
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, str(rules),
                          str(times)], capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit(f"valgrind failed with {run.returncode}:\n{run.stderr[-2000:]}")
    return int(found.group(1))


def main():
    failed = False
    for rules, ceiling in CEILINGS.items():
        each = (count(sys.argv[1], rules, 3) - count(sys.argv[1], rules, 1)) / (2 * REQUESTS)
        fine = each <= ceiling
        failed |= not fine
        print(f"{rules} rules x 8 regions: {each:.0f} instructions a decision, ceiling {ceiling}"
              f"{'' if fine else ': over it'}", flush=True)
    sys.exit(failed)


main()
