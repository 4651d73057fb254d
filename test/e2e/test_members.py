"""A cell's replicas are changed in the policy: what was acknowledged before stays."""

import time

import harness
from harness import Nodes, wait_for

REGIONS = ["us-east", "us-west", "us-north"]


def rewrite(nodes, replicas):
    path = nodes.dir / "policy.yaml"
    text = path.read_text()
    before = text[text.index("replicas: ["):text.index("]", text.index("replicas: [")) + 1]
    path.write_text(text.replace(before, f"replicas: [{', '.join(replicas)}]"))


def test_a_copy_that_was_taken_off_the_list_is_still_asked():
    """us-east and us-north have a write that us-west lacks; then us-north is taken off, and us-east is
    away: us-west alone must not take over, whatever two of two would need."""
    with harness.directory("members") as path:
        nodes = Nodes(path, REGIONS, residency={"us": "regions: all"},
                      cells={"us-1": "replicas: [us-east, us-west, us-north], mode: sync, copies: 2"},
                      tenants={"acme": "residency: us, cell: us-1"})
        with harness.running(nodes.start()):
            acme = nodes.tenant("acme")
            assert nodes.wait_home("us-1") == "us-east"
            home = lambda: nodes.cell("us-east", "us-1")
            wait_for("all copies", lambda: all(r["connected"] for r in home()["replicas"]))
            assert acme.put("us-east", "notes/x", b"all three").status == 204
            nodes.kill("us-west")
            assert acme.put("us-east", "notes/x", b"two of three").status == 204
            nodes.kill("us-east")
            nodes.kill("us-north")
            rewrite(nodes, ["us-east", "us-west"])
            nodes.start("us-west")
            held = wait_for("it is held", lambda: (c := nodes.cell("us-west", "us-1"))["held"] and c)
            time.sleep(1.5)
            assert nodes.cell("us-west", "us-1")["role"] == "held", held
            nodes.start("us-east")
            nodes.wait_home("us-1", ["us-east", "us-west"])
            assert acme.get("us-east", "notes/x", holdfast_consistency="strong").body == b"two of three"
            assert acme.put("us-east", "notes/x", b"two of two").status == 204


def test_a_copy_that_is_added_counts_when_it_has_everything():
    with harness.directory("members-add") as path:
        nodes = Nodes(path, REGIONS, residency={"us": "regions: all"},
                      cells={"us-1": "replicas: [us-east, us-west], mode: sync, copies: 2"},
                      tenants={"acme": "residency: us, cell: us-1"})
        with harness.running(nodes.start()):
            acme = nodes.tenant("acme")
            assert nodes.wait_home("us-1") == "us-east"
            for i in range(50):
                assert acme.put("us-east", f"old/{i}", b"%d" % i).status == 204
            for region in REGIONS:
                nodes.kill(region)
            rewrite(nodes, REGIONS)
            nodes.start()
            home = nodes.wait_home("us-1")
            wait_for("three copies", lambda: all(r["connected"] for r in nodes.cell(home, "us-1")["replicas"]))
            assert acme.put(home, "notes/x", b"1").status == 204
            nodes.kill(home)
            others = [r for r in REGIONS if r != home]
            successor = nodes.wait_home("us-1", others)
            assert acme.get(successor, "notes/x", holdfast_consistency="strong").body == b"1"
            assert len(acme.scan(successor, "old", holdfast_consistency="strong")) == 50
            assert acme.put(successor, "notes/x", b"2").status == 204
