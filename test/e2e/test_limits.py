"""Limits of what an asynchronous cell may lose: held, accepted by somebody who is named, or kept by
taking no write."""

import json
import os
import signal
import threading
import time

import harness
from harness import Connection, Nodes, holdfast, wait_for

REGIONS = ["us-east", "us-west", "eu-west"]


def cluster(path, cell, regions=REGIONS, options=""):
    return Nodes(path, regions, residency={"us": "regions: [us-east, us-west], transit: allow"},
                 cells={"us-1": "replicas: [us-east, us-west], mode: async, " + cell},
                 tenants={"acme": "residency: us, cell: us-1"}, options=options)


def accept(nodes, *args, check):
    return holdfast("cell", "failover", "us-1", *args, "-c", nodes.dir / "eu-west.yaml", check=check)


def test_over_max_loss_it_is_held_until_somebody_accepts_it():
    """The home is stopped under load: to the copy it may have written on until its lease was over."""
    with harness.directory("max-loss") as path:
        nodes = cluster(path, "max_loss: 5")
        with harness.running(nodes.start()):
            acme = nodes.tenant("acme")
            assert nodes.wait_home("us-1") == "us-east"
            refused = accept(nodes, "--accept-loss", "no need", check=1)
            assert b"has a home that is up" in refused.stderr
            end = time.monotonic() + 3
            while time.monotonic() < end:  # a few hundred a second
                assert acme.put("us-east", "notes/x", b"1").status == 204
            assert nodes.metric("us-west", "holdfast_cell_possible_loss_records") >= 0
            home = nodes.processes["us-east"]
            home.send_signal(signal.SIGSTOP)
            held = wait_for("it is held", lambda: (c := nodes.cell("us-west", "us-1"))["role"] == "held" and c)
            assert "max_loss allows 5" in held["held"] and "us-east" in held["held"], held
            assert held["possible_loss"] > 5
            assert nodes.metric("us-west", "holdfast_cell_role") == 7
            time.sleep(1.5)
            assert nodes.home("us-1", ["us-west", "eu-west"]) is None
            done = accept(nodes, "--accept-loss", "drill: us-east is gone", "--as", "ann", check=0)
            assert b"home is us-west" in done.stdout, done
            assert acme.put("eu-west", "notes/x", b"2").status == 204
            log = nodes.log("us-west")
            assert "drill: us-east is gone" in log and '"ann"' in log, log
            again = accept(nodes, "--accept-loss", "again", check=1)
            assert b"has a home that is up" in again.stderr
            home.send_signal(signal.SIGCONT)
            wait_for("us-east follows", lambda: nodes.cell("us-east", "us-1")["role"] == "follower")
            assert acme.get("us-east", "notes/x", holdfast_consistency="strong").body == b"2"


def test_what_a_copy_never_heard_it_does_not_guess():
    """The home wrote alone, and both died: the copy that is back first waits for the other."""
    with harness.directory("unknown-loss") as path:
        nodes = cluster(path, "max_lag: 5s")
        with harness.running(nodes.start()):
            acme = nodes.tenant("acme")
            assert nodes.wait_home("us-1") == "us-east"
            assert acme.put("us-east", "notes/x", b"both").status == 204
            wait_for("the copy has it", lambda: nodes.cell("us-west", "us-1")["last"] ==
                     nodes.cell("us-east", "us-1")["last"])
            nodes.kill("us-west")
            assert acme.put("us-east", "notes/x", b"home alone").status == 204
            nodes.kill("us-east")
            nodes.start("us-west")
            held = wait_for("it is held", lambda: (c := nodes.cell("us-west", "us-1"))["role"] == "held" and c)
            assert "not known" in held["held"] and held["possible_loss"] == -1
            nodes.start("us-east")
            assert nodes.wait_home("us-1") == "us-east"
            assert acme.get("eu-west", "notes/x", holdfast_consistency="strong").body == b"home alone"


def test_a_home_that_throttles_takes_no_write_that_no_copy_has_in_time():
    with harness.directory("throttle") as path:
        nodes = cluster(path, "max_lag: 300ms, on_lag: throttle", options="hold: {time: 1s}")
        with harness.running(nodes.start()):
            acme = nodes.tenant("acme")
            assert nodes.wait_home("us-1") == "us-east"
            wait_for("the copy is there", lambda: nodes.cell("us-east", "us-1")["replicas"][1]["connected"])
            for i in range(50):
                assert acme.put("us-east", "notes/x", b"%d" % i).status == 204
            nodes.kill("us-west")
            taken, end = 0, time.monotonic() + 0.7
            while time.monotonic() < end:
                answer = acme.put("us-east", f"alone/{taken}", b"1")
                if answer.status != 204:
                    break
                taken += 1
            start = time.monotonic()
            answer = acme.put("us-east", "notes/late", b"1")
            answer.problem(503, "lagging")
            assert time.monotonic() - start < 5 and int(answer.headers["Retry-After"]) >= 1
            assert acme.put("eu-west", "notes/late", b"1").status == 503
            assert acme.get("us-east", "notes/x", holdfast_consistency="strong").body == b"49"
            assert nodes.metric("us-east", "holdfast_cell_exposed_ms") > 300
            waiting = []
            thread = threading.Thread(target=lambda: waiting.append(acme.put("us-east", "notes/waits", b"1")))
            nodes.start("us-west")
            wait_for("writes are taken again", lambda: acme.put("us-east", "notes/x", b"on").status == 204)
            thread.start()
            thread.join(20)
            assert waiting[0].status == 204


def test_a_failover_is_accepted_only_with_a_name_and_a_reason(playground):
    place = ("--dir", playground.dir)
    for usage in (["cell", "failover", "us-1"], ["cell", "list", "--accept-loss", "x"],
                  ["cell", "failover", "--accept-loss", "x"],
                  ["cell", "failover", "us-1", "--accept-loss", "x", "--for", "2d"]):
        assert holdfast(*usage, *place).returncode == 2, usage
    for by, reason in (("ann", ""), ("", "x"), ("a n", "x"), ("ann", "x\ny"), ("ann", "x" * 256), ("ann", " ")):
        done = holdfast("cell", "failover", "us-1", "--accept-loss", reason, "--as", by, *place)
        assert done.returncode == 1 and b"nothing was accepted" in done.stderr, (by, reason, done)
    for document in ({}, {"accept_loss": "x"}, {"by": "ann"}, {"accept_loss": "x", "by": "ann", "for_ms": 0},
                     {"accept_loss": "x", "by": "ann", "for_ms": 86400001}, {"accept_loss": 7, "by": "ann"}):
        connection = Connection(playground.admin["us-east"])
        connection.send("POST", "/admin/v1/cells/us-1/failover", json.dumps(document),
                        {"Content-Type": "application/json"}).problem(400, "invalid")
        connection.close()
