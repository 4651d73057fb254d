"""Where bytes may be: an edge outside a tenant's class refuses or passes on, and no disk
outside the class ever sees a byte.
"""

import pytest

import harness
from harness import wait_for

MARK = b"only-for-the-union-7f3a"


@pytest.fixture(scope="module")
def three():
    """globex may not even pass through us-east; hooli may pass, but not stay."""
    with harness.directory("residency") as path:
        nodes = harness.Nodes(
            path, ["us-east", "eu-west", "eu-central"],
            residency={"eu-closed": "regions: [eu-west, eu-central], transit: refuse",
                       "eu-open": "regions: [eu-west, eu-central], transit: allow",
                       "all": "regions: all"},
            cells={"eu-1": "replicas: [eu-west, eu-central], mode: sync, copies: 2",
                   "all-1": "replicas: [us-east, eu-west], mode: async"},
            tenants={"globex": "residency: eu-closed, cell: eu-1",
                     "hooli": "residency: eu-open, cell: eu-1",
                     "initech": "residency: all, cell: all-1"})
        with harness.running(nodes.start()):
            nodes.wait_home("eu-1")
            nodes.wait_home("all-1")
            yield nodes


@pytest.mark.parametrize("method, path", [
    ("PUT", "/v1/data/notes/x"), ("GET", "/v1/data/notes/x"), ("DELETE", "/v1/data/notes/x"),
    ("GET", "/v1/data/notes"), ("HEAD", "/v1/data/notes/x")])
@pytest.mark.parametrize("consistency", ["strong", "eventual"])
def test_refused_transit_says_where_to_go(three, method, path, consistency):
    globex = three.tenant("globex")
    body = MARK if method == "PUT" else None
    answer = globex.send("us-east", method, path, body, holdfast_consistency=consistency)
    assert answer.status == 421
    assert answer.region in ("eu-west", "eu-central")
    if method == "HEAD":
        return
    assert "us-east" in answer.problem(421, "misdirected")
    region, endpoint = answer.json["region"], answer.json["endpoint"]
    assert endpoint == f"127.0.0.1:{three.http[region]}"
    assert globex.send(region, method, path, body).status in (200, 204, 404)


def test_refused_transit_holds_for_transactions_and_forged_hops(three):
    globex = three.tenant("globex")
    change = {"put": [{"key": "notes/x", "value": MARK.decode()}]}
    globex.tx("us-east", change).problem(421, "misdirected")
    answer = globex.tx("us-east", change, holdfast_forwarded="eu-west")
    assert answer.problem(421, "misdirected")


def test_refused_transit_never_leaves_the_edge(three):
    forwards = three.metric("us-east", "holdfast_edge_forwards_total")
    three.tenant("globex").put("us-east", "notes/x", MARK)
    assert three.metric("us-east", "holdfast_edge_forwards_total") == forwards
    three.tenant("hooli").put("us-east", "notes/x", MARK)
    assert three.metric("us-east", "holdfast_edge_forwards_total") == forwards + 1


def test_within_the_class_requests_are_passed_on(three):
    globex = three.tenant("globex")
    home = three.wait_home("eu-1")
    other = next(r for r in ("eu-west", "eu-central") if r != home)
    put = globex.put(other, "notes/within", b"1")
    assert (put.status, put.region) == (204, home)


def test_bytes_stay_in_the_class(three):
    """Values, keys, idempotency keys and events, passed on through us-east in memory."""
    hooli, globex = three.tenant("hooli"), three.tenant("globex")
    for i in range(50):
        mark = MARK + b"-%d" % i
        assert hooli.put("us-east", f"notes/{mark.decode()}", mark * 10,
                         idempotency_key=f"idem-{mark.decode()}").status == 204
        assert globex.put("eu-west", f"notes/{mark.decode()}", mark * 10).status == 204
    assert hooli.tx("us-east", {"put": [{"key": f"notes/tx-{MARK.decode()}", "value": MARK.decode()}],
                                "events": [{"topic": "notes/t", "value": MARK.decode()}]}).status == 200
    assert three.tenant("initech").put("us-east", "notes/may", b"anywhere-7f3a").status == 204
    assert harness.files_with(three.dir / "us-east", b"anywhere-7f3a")  # the search does find
    for needle in (MARK, b"globex", b"hooli", b"idem-only"):
        assert harness.files_with(three.dir / "us-east", needle) == [], needle
    wait_for("both copies", lambda: all(
        harness.files_with(three.dir / region, MARK) for region in ("eu-west", "eu-central")))
    assert not (three.dir / "us-east/cells/eu-1").exists()


def test_no_copy_outside_the_class_can_be_configured(three):
    policy = three.dir / "policy.yaml"
    widened = three.dir / "widened.yaml"
    widened.write_text(policy.read_text().replace("eu-1: {replicas: [eu-west, eu-central]",
                                                  "eu-1: {replicas: [eu-west, us-east]"))
    stderr = harness.holdfast("check", widened, check=1).stderr.decode()
    assert "us-east" in stderr and "eu-closed" in stderr and "eu-open" in stderr
