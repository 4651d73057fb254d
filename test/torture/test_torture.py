"""The part of the fault suite that is short enough for every run; one case a scenario. Skipped,
with the reason, where namespaces are missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import scenarios

TORTURE = Path(__file__).resolve().parent / "torture.py"
SHORT = sorted(n for n, s in scenarios.SCENARIOS.items() if s.ci)
SEED = 7


@pytest.fixture(scope="module")
def rows():
    done = subprocess.run([sys.executable, TORTURE, "--ci", "--json", "--seed", str(SEED)],
                          capture_output=True, text=True, timeout=240)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode in (0, 1), done.stderr
    return {row["scenario"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("number", SHORT, ids=lambda n: f"{n}-{scenarios.SCENARIOS[n].title[:40]}")
def test_every_promise_is_kept(rows, number):
    row = rows[number]
    if row["verdict"] == "not run":
        pytest.skip(row["reason"])
    assert row["verdict"] == "held", "\n".join(row["broken"] + [row.get("trace", "")])
    assert row["acknowledged"] > 0
