"""A disk that runs full: writes are refused with 507, reads go on, and when there is room
again so do the writes. Needs the right to mount a small filesystem.
"""

import os
import subprocess
import time

import pytest

import harness
from harness import wait_for

DISK = "48m"


@pytest.fixture
def small_disk(tmp_path):
    target = tmp_path / "disk"
    target.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(target)],
                           capture_output=True)
    if mount.returncode:
        pytest.skip("no right to mount: " + mount.stderr.decode().strip())
    yield target
    subprocess.run(["umount", str(target)], check=True)


def fill(path, leave_bytes):
    room = os.statvfs(path.parent)
    size = room.f_bavail * room.f_frsize - leave_bytes
    with open(path, "wb") as f:
        if size > 0:
            os.posix_fallocate(f.fileno(), 0, size)


def one_node(directory, disk):
    (directory / "nodes").mkdir(exist_ok=True)
    nodes = harness.Nodes(directory / "nodes", ["us-east"],
                          residency={"us": "regions: [us-east]"},
                          cells={"us-1": "replicas: [us-east], mode: async"},
                          tenants={"acme": "residency: us, cell: us-1"},
                          options="storage: {segment: 1MiB, min_free: 4MiB, retain: 1MiB}\n"
                                  "hold: {time: 2s}")
    nodes.write_node("us-east", data=str(disk / "data"))
    return nodes


def test_a_full_disk_refuses_writes_and_recovers(small_disk, tmp_path):
    nodes = one_node(tmp_path, small_disk)
    with harness.running(nodes.start()):
        nodes.wait_home("us-1")
        acme = nodes.tenant("acme")
        for i in range(50):
            assert acme.put("us-east", f"notes/{i}", os.urandom(1000)).status == 204
        kept = acme.get("us-east", "notes/7").body
        fill(small_disk / "ballast", 4096)

        last = {}

        def refused():
            last["put"] = acme.put("us-east", "notes/more", os.urandom(100_000))
            return last["put"].status == 507

        wait_for(lambda: f"507: {last}", refused)
        detail = last["put"].problem(507, "no-space")
        assert "full" in detail
        statuses = set()
        for i in range(30):
            statuses.add(acme.put("us-east", "notes/x", b"refused").status)
            got = acme.get("us-east", "notes/7", holdfast_consistency="strong")
            assert got.status == 200 and got.body == kept
            assert len(acme.scan("us-east", "notes")) >= 50
        assert statuses == {507}
        assert nodes.processes["us-east"].poll() is None

        (small_disk / "ballast").unlink()
        wait_for(lambda: f"writes again: {last}",
                 lambda: last.update(put=acme.put("us-east", "notes/x", b"again"))
                 or last["put"].status == 204)
        assert acme.get("us-east", "notes/x", holdfast_consistency="strong").body == b"again"
        epoch = nodes.cell("us-east", "us-1")["epoch"]
        nodes.stop()
        nodes.start()
        nodes.wait_home("us-1")
        assert nodes.cell("us-east", "us-1")["epoch"] > epoch
        assert acme.get("us-east", "notes/7").body == kept
        assert acme.get("us-east", "notes/x").body == b"again"


def test_a_node_that_fills_its_own_disk_stops_in_time(small_disk, tmp_path):
    """Without ballast: writes end with 507, never with a crash, and every acknowledged one is
    there after a kill."""
    nodes = one_node(tmp_path, small_disk)
    acknowledged = {}
    with harness.running(nodes.start()):
        nodes.wait_home("us-1")
        acme = nodes.tenant("acme")
        end = time.monotonic() + 30
        status = 204
        while status == 204 and time.monotonic() < end:
            key, value = f"fill/{len(acknowledged)}", os.urandom(200_000)
            status = acme.put("us-east", key, value).status
            if status == 204:
                acknowledged[key] = value
        assert status == 507, status
        assert len(acknowledged) > 20
        nodes.kill("us-east")
        nodes.start("us-east")
        wait_for("a home, though full", lambda: nodes.cell("us-east", "us-1"))
        for key, value in acknowledged.items():
            assert acme.get("us-east", key, holdfast_consistency="eventual").body == value
