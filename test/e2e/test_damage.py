"""Bytes that rot on a disk: whatever a region does about it, it never serves them, and says
what it found.
"""

import random

import pytest

import harness
from harness import wait_for

CELLS = {"residency": {"us": "regions: [us-east, us-west]"},
         "cells": {"us-1": "replicas: [us-east, us-west], mode: sync, copies: 2, "
                           "on_partition: availability"},
         "tenants": {"acme": "residency: us, cell: us-1"}}


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x40]))


def places_of(directory, values):
    """(file, offset) of every place below directory where one of the values lies."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            for value in values:
                at = content.find(value)
                if at >= 0:
                    found.append((path, at))
    return found


def read_all(acme, values):
    """The statuses of all keys at the damaged copy; fails on a wrong byte."""
    statuses = set()
    for key, value in values.items():
        answer = acme.get("us-west", key, holdfast_consistency="eventual")
        assert answer.status != 200 or answer.body == value, key
        statuses.add(answer.status)
    return statuses


@pytest.mark.parametrize("where", ["log", "view"])
def test_flipped_bits_are_never_served(where):
    rng = random.Random(7)
    with harness.directory("damage") as path:
        nodes = harness.Nodes(path, ["us-east", "us-west"], **CELLS)
        values = {f"notes/{i}": rng.randbytes(300) for i in range(60)}
        with harness.running(nodes.start()):
            nodes.wait_home("us-1")
            wait_for("both copies", lambda: not nodes.cell("us-east", "us-1")["degraded"])
            acme = nodes.tenant("acme")
            for key, value in values.items():
                assert acme.put("us-east", key, value).status == 204
            nodes.wait_converged(["us-1"])
            nodes.kill("us-west")
            places = places_of(nodes.dir / "us-west", [v[100:200] for v in values.values()])
            of_log = [p for p in places if "log" in p[0].parts[-2]]
            damaged = of_log if where == "log" else [p for p in places if p not in of_log]
            assert damaged, places
            for file, at in rng.sample(damaged, 5):
                flip(file, at + 20)
            nodes.start("us-west", wait=False)
            wait_for("it serves, or has ended with a reason",
                     lambda: nodes.processes["us-west"].poll() is not None or nodes.status("us-west"))
            if nodes.processes["us-west"].poll() is None:
                statuses = read_all(acme, values)
                assert statuses <= {200, 404, 500, 503}  # 404: it may still be catching up
                nodes.wait_converged(["us-1"])
                assert 404 not in read_all(acme, values)
                assert "checksum" in nodes.log("us-west")
            else:
                nodes.processes.pop("us-west")
                assert "is damaged at offset" in nodes.log("us-west")
                assert damaged[0][0].name in nodes.log("us-west")
            for key, value in values.items():  # the whole copy serves on
                assert acme.get("us-east", key, holdfast_consistency="strong").body == value
