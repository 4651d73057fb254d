"""Nodes record their decisions, and `policy replay` tries another policy on them."""

import json

import pytest

import harness
from harness import holdfast, wait_for

OPTIONS = "recording: {dir: rec/%s, max_bytes: 64MiB, max_file_bytes: 4MiB, headers: [x-plan]}"
RULES = """\
rules:
  - {name: gold-west, when: "'x-plan' in request.headers && request.headers['x-plan'] == 'gold'", prefer: [%s]}
"""


@pytest.fixture
def recorded():
    """A cluster whose nodes record; globex may not lie in us-east."""
    with harness.directory("recording") as path:
        cluster = harness.Nodes(
            path, ["us-east", "us-west", "eu-west"],
            {"any": "regions: all", "eu": "regions: [eu-west], transit: allow"},
            {"any-1": "replicas: [us-east, us-west, eu-west]", "eu-1": "replicas: [eu-west]"},
            {"acme": "residency: any, cell: any-1", "globex": "residency: eu, cell: eu-1"})
        policy = path / "policy.yaml"
        cluster.plain = policy.read_text()
        policy.write_text(cluster.plain + RULES % "us-west")
        for region in cluster.regions:
            cluster.write_node(region, options=OPTIONS % region)
        with harness.running(cluster):
            cluster.start()
            cluster.wait_home("any-1", ["us-east"])
            cluster.wait_home("eu-1", ["eu-west"])
            yield cluster


def written(cluster, region, count):
    wait_for(f"{count} decisions of {region} on disk", lambda: cluster.metric(
        region, "holdfast_recording_decisions_total") >= count)


def replay(cluster, region, new, check=0):
    return json.loads(holdfast("policy", "replay", cluster.dir / "rec" / region, "--policy", new, "--json",
                               check=check).stdout)


def test_what_nodes_wrote_shows_what_a_new_policy_moves(recorded):
    acme = recorded.tenant("acme")
    for i in range(40):
        headers = {"x_plan": "gold"} if i % 2 else {}
        acme.send("us-east", "GET", f"/v1/data/billing/{i}", holdfast_consistency="eventual",
                  cookie="c00kie", **headers)
        acme.send("us-east", "POST", "/v1/decide", json.dumps({"path": f"/pay/{i}", "method": "PUT"}))
        acme.send("us-east", "POST", "/v1/explain", json.dumps({"path": f"/pay/{i}"}))
    written(recorded, "us-east", 80)
    assert recorded.metric("us-east", "holdfast_recording_decisions_total") == 80  # questions are no traffic
    same = replay(recorded, "us-east", recorded.dir / "policy.yaml")
    assert (same["decisions"], same["moved"], same["torn_bytes"]) == (80, 0, 0)
    new = recorded.dir / "new.yaml"
    new.write_text(recorded.plain + RULES % "eu-west")
    told = replay(recorded, "us-east", new)
    assert told["moved"] == 20
    assert {"from": "us-west", "to": "eu-west", "count": 20} in told["moves"]
    assert not harness.files_with(recorded.dir / "rec", b"c00kie")
    # A node that passed a request on was asked already: another edge recorded it.
    assert recorded.metric("us-west", "holdfast_recording_decisions_total") == 0


def test_a_tenants_requests_are_recorded_only_where_its_bytes_may_lie(recorded):
    globex, acme = recorded.tenant("globex"), recorded.tenant("acme")
    for region in ("us-east", "eu-west"):
        for i in range(20):
            assert globex.put(region, f"needle-domain/{region}-{i}", b"x").status == 204
            globex.send(region, "POST", "/v1/decide", json.dumps({"path": "/needle-path", "method": "GET"}))
        # It says that it asks about another region, and the disk is the same all the same.
        globex.send(region, "POST", "/v1/decide", json.dumps({"path": "/needle-path", "region": "eu-west"}))
        assert acme.get(region, "billing/none").status == 404
    written(recorded, "us-east", 1)
    written(recorded, "eu-west", 42)
    assert recorded.metric("us-east", "holdfast_recording_withheld_total") == 41
    recorded.stop()
    for needle in (b"needle-domain", b"needle-path", b"globex"):
        assert not harness.files_with(recorded.dir / "rec" / "us-east", needle)
        assert not harness.files_with(recorded.dir / "us-east", needle)
        assert harness.files_with(recorded.dir / "rec" / "eu-west", needle)
    assert replay(recorded, "us-east", recorded.dir / "policy.yaml")["decisions"] == 1
    assert replay(recorded, "eu-west", recorded.dir / "policy.yaml")["decisions"] == 42


def test_a_killed_node_leaves_recordings_and_old_ones_go(recorded):
    acme, policy = recorded.tenant("acme"), recorded.dir / "policy.yaml"
    batch = json.dumps({"requests": [{"path": "/" + "x" * 850, "method": "GET"}] * 1000})
    for i in range(12):  # 10 MB, no faster than the disk: a batch is nearly all that waits for it
        assert acme.send("us-east", "POST", "/v1/decide", batch).status == 200
        written(recorded, "us-east", 1000 * (i + 1))
    recorded.kill("us-east")
    assert replay(recorded, "us-east", policy)["decisions"] == 12000
    files = sorted((recorded.dir / "rec" / "us-east").iterdir())
    assert len(files) >= 3 and all(f.stat().st_size <= 4 << 20 for f in files)
    files[-1].write_bytes(files[-1].read_bytes()[:-1000])
    torn = replay(recorded, "us-east", policy)
    assert torn["torn_bytes"] > 0 and 10000 < torn["decisions"] < 12000
    recorded.write_node("us-east", options=(OPTIONS % "us-east").replace("64MiB", "8MiB"))
    recorded.start("us-east")
    for i in range(3):
        assert acme.send("us-east", "POST", "/v1/decide", batch).status == 200
        written(recorded, "us-east", 1000 * (i + 1))
    left = [f.stat().st_size for f in (recorded.dir / "rec" / "us-east").iterdir()]
    assert sum(left) <= 8 << 20


def test_a_mistake_says_where(recorded):
    text = recorded.node_text("us-east", options="recording: {dir: r, share: 1.5, headers: [X-Plan]}")
    path = recorded.dir / "bad.yaml"
    path.write_text(text)
    said = holdfast("check", path, check=1).stderr.decode()
    assert "bad.yaml:8:28: recording.share: found '1.5'; expected a share from 0.000001 to 1" in said
    assert "'X-Plan'; expected the name of a header in lower case" in said
    said = holdfast("policy", "replay", recorded.dir, recorded.dir / "policy.yaml", check=1).stderr.decode()
    assert "there are none in it" in said
