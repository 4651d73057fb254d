"""Drills as exercises: they measure, judge, record, always undo, and refuse where they must."""

import json
import os
import signal
import subprocess
import time

import pytest

import harness
from harness import BINARY, holdfast, wait_for


def rows_of(playground):
    return [json.loads(line) for line in (playground.dir / "drills.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("act", ["kill", "pause"])
def test_an_exercise_measures_judges_undoes_and_records(own_playground, act):
    home = own_playground.wait_home("us-1")
    done = holdfast("drill", act, home, "--for", "2s", "--dir", own_playground.dir, "--json", check=0)
    row = json.loads(done.stdout)
    assert (row["act"], row["region"], row["tenant"], row["mode"]) == (act, home, "acme", "sync")
    assert row["held"] and not row["broken"]
    assert row["written"] > 50 and row["failed"] == row["lost"] == row["stale"] == 0
    assert 0 < row["outage_ms"] <= 3000
    assert own_playground.home("us-1") != home, "nothing was done"
    assert own_playground.status(home), "it was not undone"
    assert rows_of(own_playground) == [row]
    report = holdfast("drill", "report", "--dir", own_playground.dir, check=0).stdout.decode()
    assert home in report and "held" in report and "BROKEN" not in report


def test_a_promise_that_is_not_kept_is_said(own_playground):
    """An outage over the limit."""
    playground = own_playground
    home = playground.wait_home("us-1")
    done = holdfast("drill", "pause", home, "--for", "2s", "--limit", "5ms", "--dir", playground.dir, check=1)
    assert b"BROKEN: clients waited longer" in done.stdout
    assert rows_of(playground)[-1]["held"] is False


def test_a_write_that_vanishes_is_said(own_playground):
    """The act itself deletes what the drill has written; there is nothing older."""
    playground = own_playground
    playground.wait_home("us-1")
    eraser = (f"for k in $({BINARY} data scan drill --dir {playground.dir} --limit 20 | cut -f1 -d' '); do "
              f"{BINARY} data delete drill/$k --dir {playground.dir}; done; "
              f"echo $DRILL_REGION >{playground.dir}/told")
    done = holdfast("drill", "erase", "us-west", "--for", "1s", "-c", playground.dir / "us-east.yaml",
                    "--key", playground.keys["acme"], "--production", "a test", "--apply", eraser,
                    "--undo", "true", "--json", check=1)
    row = json.loads(done.stdout)
    assert row["lost"] > 0 and "acknowledged writes of a sync cell are lost" in row["broken"], row
    assert row["production"] == "a test"
    assert (playground.dir / "told").read_text().strip() == "us-west"


def test_an_interrupted_exercise_brings_the_region_back(own_playground):
    drill = subprocess.Popen([BINARY, "drill", "kill", "us-east", "--for", "5m", "--json", "--dir",
                              str(own_playground.dir)], stdout=subprocess.PIPE)
    wait_for("us-east is dead", lambda: not own_playground.status("us-east"))
    drill.send_signal(signal.SIGINT)
    out, _ = drill.communicate(timeout=60)
    row = json.loads(out)
    assert row["interrupted"] and row["held"] and drill.returncode == 0, row
    assert own_playground.status("us-east")


def test_no_exercise_begins_where_something_is_wrong(own_playground):
    own_playground.kill("us-west")
    done = holdfast("drill", "kill", "us-east", "--for", "1s", "--dir", own_playground.dir, check=1)
    assert b"something is wrong already" in done.stderr
    assert own_playground.status("us-east")


def test_only_a_playground_or_staging_without_a_reason(playground):
    common = ["drill", "partition", "us-east", "--for", "1s", "-c", playground.dir / "us-east.yaml",
              "--key", playground.keys["acme"], "--apply", "touch applied", "--undo", "true"]
    done = holdfast(*common, check=1, cwd=playground.dir)
    assert b"--production REASON" in done.stderr
    assert not (playground.dir / "applied").exists()
    text = (playground.dir / "us-east.yaml").read_text()
    staging = playground.dir / "staging.yaml"
    staging.write_text(text.replace("cluster: playground", "cluster: staging-eu"))
    common[common.index("-c") + 1] = staging
    holdfast(*common, check=0, cwd=playground.dir)
    assert (playground.dir / "applied").exists()
    done = holdfast(*common[:common.index("--apply")], check=2)
    assert b"--apply COMMAND" in done.stderr


def test_an_act_that_fails_is_undone_and_fails_the_drill(playground):
    done = holdfast("drill", "slow", "us-east", "--for", "1s", "-c", playground.dir / "us-east.yaml",
                    "--key", playground.keys["acme"], "--production", "a test", "--apply", "exit 3",
                    "--undo", "touch undone", check=1, cwd=playground.dir)
    assert b"status 3" in done.stderr
    assert (playground.dir / "undone").exists()


def test_a_schedule_runs_each_line(own_playground, tmp_path):
    schedule = tmp_path / "schedule"
    schedule.write_text("# weekly\nevery 7d kill us-east for 1s\n\nevery 30d pause any for 1s # somebody\n")
    holdfast("drill", "--schedule", schedule, "--once", "--tenant", "globex", "--dir", own_playground.dir,
             check=0)
    first, second = rows_of(own_playground)
    assert (first["act"], first["region"], first["held_away_ms"]) == ("kill", "us-east", 1000)
    assert second["act"] == "pause" and second["region"] in harness.REGIONS
    assert {first["tenant"], second["tenant"]} == {"globex"}


@pytest.mark.parametrize("line, why", [
    ("", "it has no line"),
    ("every 7d kill", "line 1: must be: every PERIOD ACT REGION"),
    ("every 5s kill us-east", "PERIOD must be 1m to 366d"),
    ("every 7d burn us-east", "ACT must be kill or pause"),
    ("every 7d kill us-east for 2h", "at most 10m"),
    ("every 7d kill us-east for 1s now", "must be: every PERIOD"),
    ("every 7d kill mars", "no such region"),
    ("every 7d kill us-east\n" * 65, "too many lines"),
])
def test_a_schedule_that_is_none_is_refused(playground, tmp_path, line, why):
    schedule = tmp_path / "schedule"
    schedule.write_text(line)
    done = holdfast("drill", "--schedule", schedule, "--once", "--dir", playground.dir, check=2)
    assert why in done.stderr.decode()


def test_a_schedule_waits_for_its_time_and_ends_when_told(playground, tmp_path):
    schedule = tmp_path / "schedule"
    schedule.write_text("every 1h kill us-east for 1s\n")
    drill = subprocess.Popen([BINARY, "drill", "--schedule", str(schedule), "--dir", str(playground.dir)])
    time.sleep(1.5)
    assert drill.poll() is None and playground.status("us-east")
    drill.send_signal(signal.SIGTERM)
    assert drill.wait(10) == 0


@pytest.mark.parametrize("words", [["kill"], ["burn", "us-east"], ["restore", "us-east", "--for", "1s"],
                                   ["kill", "us-east", "--for", "0s"], ["kill", "us-east", "--for", "1d"],
                                   ["kill", "us-east", "-c", os.devnull]])
def test_words_that_make_no_drill(words):
    done = holdfast("drill", *words, check=2)
    assert done.stderr.startswith(b"holdfast: drill: ")


def test_a_damaged_record_is_said_with_its_line(tmp_path):
    record = tmp_path / "drills.jsonl"
    record.write_text('{"at":"2026-01-01T00:00:00Z","act":"kill"}\nrubbish\n')
    done = holdfast("drill", "report", "--record", record, check=1)
    assert b"drills.jsonl:2: not a record" in done.stderr
