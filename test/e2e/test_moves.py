"""Planned moves: a home leaves in order. Nothing is lost, no request fails, writes wait for some
milliseconds; who dies in between costs no more than a death at any other time."""

import json
import threading
import time

import pytest

import harness
from harness import REGIONS, Connection, holdfast, wait_for
from test_failover import Load


def ask(cluster, region, cell, document, content_type="application/json", path=None):
    connection = Connection(cluster.admin[region], timeout_s=90)
    try:
        body = document if isinstance(document, str) else json.dumps(document)
        return connection.send("POST", path or f"/admin/v1/cells/{cell}/move", body,
                               {"Content-Type": content_type})
    finally:
        connection.close()


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def test_a_hundred_moves_under_load(own_playground):
    """Of a sync and an async cell, with clients at every region, the home and the target too."""
    playground = own_playground
    acme, initech = playground.tenant("acme"), playground.tenant("initech")
    pauses = []
    playground.wait_converged()
    with Load(acme, REGIONS, "sync") as sync, Load(initech, REGIONS, "async") as asynchronous:
        for turn in range(110):
            cell = "us-1" if turn % 2 else "global-1"
            home = playground.wait_home(cell)
            to = next(r for r in harness.COPIES[cell][turn % 3:] + harness.COPIES[cell] if r != home)
            answer = ask(playground, home, cell, {"to": to})
            assert answer.status == 200, answer
            assert answer.json["home"] == to
            pauses.append(answer.json["pause_ms"])
            if turn % 10 == 0:
                sync.go_on(10)
                asynchronous.go_on(10)
        sync.go_on()
        asynchronous.go_on()
    assert not sync.failures and not asynchronous.failures
    print(f"pause p50 {quantile(pauses, .5):.1f} ms, p99 {quantile(pauses, .99):.1f} ms, "
          f"most {max(pauses):.1f} ms; {len(sync.times) + len(asynchronous.times)} writes, longest gap "
          f"{sync.longest_gap() * 1000:.0f} and {asynchronous.longest_gap() * 1000:.0f} ms")
    # What the design promises for a machine of its own is 50 ms at p99: bench says what it is.
    assert quantile(pauses, .5) <= 50 and quantile(pauses, .99) <= 500
    for load, tenant in ((sync, acme), (asynchronous, initech)):
        for key, value in load.acknowledged.items():
            assert tenant.get("eu-west", key, holdfast_consistency="strong").body == value
    playground.wait_converged()
    listing = json.loads(holdfast("quarantine", "list", "--json", "--dir", playground.dir, check=0).stdout)
    assert listing == []
    assert sum(playground.metric(r, "holdfast_cell_moves_total") for r in REGIONS) == 110
    assert sum(playground.metric(r, "holdfast_cell_moves_failed_total") for r in REGIONS) == 0


@pytest.mark.parametrize("victim", ["home", "target"])
def test_who_dies_while_it_moves_costs_no_more_than_a_death(own_playground, victim):
    playground, acme = own_playground, own_playground.tenant("acme")
    for turn in range(3):
        home = playground.wait_home("us-1")
        target = next(r for r in harness.COPIES["us-1"] if r != home)
        dies = home if victim == "home" else target
        with Load(acme, ["eu-west", "eu-central"], f"{victim}-{turn}") as load:
            load.go_on()
            asked = threading.Thread(target=holdfast, args=(
                "cell", "move", "us-1", "--to", target, "--dir", playground.dir, "--wait", "1s"))
            asked.start()
            time.sleep(0.012 * turn)  # in front of, within and behind what takes a move
            playground.kill(dies)
            load.go_on(60)
            asked.join(30)
        assert not load.failures
        for key, value in load.acknowledged.items():
            assert acme.get("eu-west", key, holdfast_consistency="strong").body == value
        playground.restore(dies)
        playground.wait_converged(["us-1"])


def test_a_region_is_evacuated_and_gets_its_homes_back_when_asked(own_playground):
    playground, acme = own_playground, own_playground.tenant("acme")
    playground.wait_converged()
    assert playground.home("us-1") == playground.home("global-1") == "us-east"
    with Load(acme, REGIONS, "evacuate") as load:
        done = holdfast("region", "evacuate", "us-east", "--dir", playground.dir, check=0)
        assert b"2 of 2 homes moved away from us-east" in done.stdout
        load.go_on()
        assert not [c for c in harness.COPIES if playground.home(c) == "us-east"]
        again = holdfast("region", "evacuate", "us-east", "--dir", playground.dir, check=0)
        assert b"0 of 0" in again.stdout
        # Not by itself, and not before its copy has been well for a while.
        refused = holdfast("cell", "failback", "us-1", "--wait", "0ms", "--dir", playground.dir, check=1)
        assert b"long enough" in refused.stderr
        assert playground.home("us-1") == "us-west"
        holdfast("cell", "failback", "--caught-up", "500ms", "--dir", playground.dir, check=0)
        load.go_on()
    assert not load.failures
    assert [playground.home(c) for c in ("us-1", "eu-1", "global-1")] == ["us-east", "eu-west", "us-east"]
    homes = {c["name"]: c["home"] for c in json.loads(
        holdfast("cell", "list", "--json", "--dir", playground.dir, check=0).stdout)}
    assert homes == {"us-1": "us-east", "eu-1": "eu-west", "global-1": "us-east"}


def test_what_cannot_be_moved_stays_and_says_why(own_playground):
    playground = own_playground
    playground.wait_converged()
    home, place = playground.wait_home("us-1"), ("--dir", playground.dir)
    other = next(r for r in harness.COPIES["us-1"] if r != home)
    outside = holdfast("cell", "move", "us-1", "--to", "eu-west", *place, check=1)
    assert b"the policy allows no copy of this cell there" in outside.stderr
    assert b"no such cell" in holdfast("cell", "move", "us-9", "--to", other, *place, check=1).stderr
    assert b"no region" in holdfast("cell", "move", "us-1", "--to", "mars", *place, check=1).stderr
    for usage in (["cell"], ["cell", "move", "us-1"], ["cell", "move", "--to", other], ["region"],
                  ["cell", "list", "--to", other], ["region", "evacuate"],
                  ["cell", "move", "us-1", "--to", other, "--wait", "2h"]):
        assert holdfast(*usage, *place).returncode == 2, usage
    assert holdfast("region", "evacuate", "mars", *place, check=1).stderr
    assert holdfast("region", "evacuate", home, "--to", home, *place, check=1).stderr

    ask(playground, other, "us-1", {"to": other}).problem(503, "not-home")
    ask(playground, home, "us-9", {"to": other}).problem(404, "not-found")
    ask(playground, home, "us-1", {"to": other}, path="/admin/v1/cells/us-1/explode").problem(404, "not-found")
    for document in ("", "{", "[]", "7", {}, {"to": 7}, {"to": other, "more": 1}, {"to": other, "wait_ms": -1},
                     {"to": other, "wait_ms": 60001}, {"to": other, "wait_ms": "1"}, "[" * 5000,
                     {"to": other, "caught_up_ms": 1e9}, f'{{"to": "{other}", "to": "{other}"}}'):
        ask(playground, home, "us-1", document).problem(400, "invalid")
    ask(playground, home, "us-1", {"to": other}, content_type="text/plain").problem(400, "invalid")
    assert playground.home("us-1") == home

    playground.kill(other)
    wait_for("its death is known", lambda: not playground.cell(home, "us-1")["replicas"][1]["connected"])
    down = holdfast("cell", "move", "us-1", "--to", other, "--wait", "100ms", *place, check=1)
    assert b"not moved to" in down.stderr
    alone = holdfast("region", "evacuate", home, "--wait", "100ms", *place, check=1)
    assert b"no other region has a copy" in alone.stderr
    assert playground.home("us-1") == home
    assert playground.tenant("acme").put(home, "notes/x", b"goes on").status == 204
