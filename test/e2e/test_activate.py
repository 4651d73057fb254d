"""Policy versions: activated in every region at once while they serve, refused, taken back, caught up
with, and kept on disk.
"""

import contextlib
import json
import threading
import time

import harness
from harness import holdfast, wait_for

RULES = """
rules:
  - name: closed
    when: request.domain == 'closed'
    deny: {status: 451, reason: "closed by the policy"}
"""
SAFETY = "safety: {min_regions_active: 2, max_tenants_moved: 50%}\n"


def base_policy(cluster):
    return (cluster.dir / "policy.yaml").read_text()


def policy_file(cluster, name, text):
    path = cluster.dir / name
    path.write_text(text)
    return path


def post(cluster, region, path, body=None):
    connection = harness.Connection(cluster.admin[region])
    try:
        return connection.send("POST", "/admin/v1/" + path, body)
    finally:
        connection.close()


def versions(cluster, region):
    return cluster.admin_get(region, "/admin/v1/policy").json


def serving(cluster, regions=None):
    """What each region says of itself."""
    return {r: cluster.status(r)["policy_version"] for r in regions or cluster.regions}


class Load:
    """Reads at every region all the time: of a domain that stays open, where every answer must be good,
    and of one that a policy closes."""

    def __init__(self, cluster):
        self.tenant, self.stop = cluster.tenant("acme"), threading.Event()
        self.bad, self.closed, self.count = [], [], 0
        self.threads = [threading.Thread(target=self.run, args=(r,)) for r in cluster.regions]

    def run(self, region):
        while not self.stop.is_set():
            open_answer = self.tenant.get(region, "open/key")
            begun = time.monotonic()
            closed_answer = self.tenant.get(region, "closed/key")
            self.count += 1
            self.closed.append((begun, region, closed_answer.status))
            if open_answer.status != 200 or closed_answer.status not in (200, 451):
                self.bad.append((region, open_answer, closed_answer))
            put = self.tenant.put(region, f"open/{region}", b"x")
            if put.status not in (200, 201, 204):
                self.bad.append((region, put))

    def statuses(self, after, before=None):
        return {s for begun, _, s in self.closed if begun > after and (before is None or begun < before)}

    def __enter__(self):
        for key in ("open/key", "closed/key"):
            assert self.tenant.put("us-east", key, b"v").status in (200, 201, 204)
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()


def test_a_version_comes_into_force_under_load_and_goes_again(own_playground):
    cluster = own_playground
    closing = policy_file(cluster, "closing.yaml", base_policy(cluster) + RULES)
    with Load(cluster) as load:
        time.sleep(0.5)
        start = time.monotonic()
        holdfast("policy", "activate", closing, "--dir", cluster.dir, "--by", "mia", "--note", "close it", check=0)
        active = time.monotonic()
        assert set(serving(cluster).values()) == {1}
        time.sleep(0.7)
        before_rollback = time.monotonic()
        holdfast("policy", "rollback", "--dir", cluster.dir, "--by", "tom", check=0)
        back = time.monotonic()
        time.sleep(0.7)
    assert load.count > 100
    assert not load.bad, load.bad[:3]
    # Whoever asked after the command had ended is decided by the new version alone.
    assert load.statuses(0, start) == {200}
    assert load.statuses(active, before_rollback - 0.2) == {451}
    assert load.statuses(back) == {200}

    told = versions(cluster, "eu-west")
    assert [v["version"] for v in told["history"]] == [2, 1, 0]
    assert told["history"][1]["by"] == "mia" and told["history"][1]["note"] == "close it"
    assert told["history"][0]["hash"] == told["history"][2]["hash"] == told["hash"]
    assert {r["region"]: r["version"] for r in told["regions"]} == dict.fromkeys(cluster.regions, 2)
    assert cluster.metric("us-west", "holdfast_policy_version") == 2
    status = holdfast("policy", "status", "--dir", cluster.dir, check=0).stdout.decode()
    assert "version 2" in status and "from coordination" in status
    history = json.loads(holdfast("policy", "history", "--json", "--dir", cluster.dir, check=0).stdout)
    assert history["history"][0]["note"] == "rollback to version 0"


def test_what_may_not_be_is_refused_and_nothing_changes(own_playground):
    cluster = own_playground
    text = base_policy(cluster)
    good = text.replace("tier: free", "tier: silver")
    assert post(cluster, "us-east", "policy/activate?by=me", good).json["version"] == 1
    cases = [
        (good + "rules: [{name: r, when: 'request.pth == 1', exclude: [us-east]}]\n", 400, "invalid", "pth"),
        (good.replace("copies: 2, on_partition: availability", "copies: 2, on_partition: consistency", 1),
         501, "unsupported", "on_partition of cell 'us-1'"),
        (good.replace("replicas: [us-east, us-west], mode", "replicas: [us-west, us-east], mode"),
         501, "unsupported", "restart"),
        (good.replace("residency: us, cell: us-1", "residency: global, cell: global-1"),
         501, "unsupported", "another cell for tenant 'acme'"),
        (good.replace("us: {regions: [us-east, us-west]", "us: {regions: [us-east]"), 400, "invalid", "outside"),
        ("", 400, "invalid", "empty"),
    ]
    for body, status, slug, says in cases:
        detail = post(cluster, "us-west", "policy/activate", body).problem(status, slug)
        assert says in detail, detail
    for path in ("policy/rollback?to=77", ):
        post(cluster, "us-west", path).problem(404, "not-found")
    for path in ("policy/activate?what=1", "policy/rollback?to=x", "policy/activate?by=" + "b" * 64,
                 "policy/activate?note=%01"):
        post(cluster, "us-west", path, good).problem(400, "invalid")
    assert set(serving(cluster).values()) == {1}
    told = versions(cluster, "eu-central")
    assert len(told["history"]) == 2 and "proposed" not in told
    bad = policy_file(cluster, "bad.yaml", cases[0][0])
    done = holdfast("policy", "activate", bad, "--dir", cluster.dir, check=1)
    assert b"bad.yaml:" in done.stderr and b"pth" in done.stderr


def test_a_page_of_another_site_cannot_change_anything(own_playground):
    cluster = own_playground
    connection = harness.Connection(cluster.admin["us-east"])
    connection.send("POST", "/admin/v1/regions/us-west/drain", None,
                    {"Origin": "https://evil.example"}).problem(403, "forbidden")
    own = f"http://127.0.0.1:{cluster.admin['us-east']}"
    assert connection.send("POST", "/admin/v1/regions/us-west/drain", None, {"Origin": own}).status == 200


def test_a_region_that_was_down_catches_up(own_playground):
    cluster = own_playground
    cluster.kill("eu-central")
    wait_for("the others see it", lambda: "down" in json.dumps(
        cluster.admin_get("us-east", "/admin/v1/regions").json))
    closing = policy_file(cluster, "closing.yaml", base_policy(cluster) + RULES)
    holdfast("policy", "activate", closing, "--dir", cluster.dir, check=0)
    assert set(serving(cluster, ["us-east", "us-west", "eu-west"]).values()) == {1}
    late = next(r for r in versions(cluster, "us-east")["regions"] if r["region"] == "eu-central")
    assert not late["up"] and late["version"] == 0
    cluster.restore("eu-central")
    wait_for("it serves the version", lambda: serving(cluster)["eu-central"] == 1)
    assert cluster.tenant("globex").get("eu-central", "closed/key").status == 451


def test_of_two_at_once_one_is_refused_with_the_reason(own_playground):
    cluster = own_playground
    text = base_policy(cluster)
    refused = 0
    for turn in range(10):
        barrier, answers = threading.Barrier(2), {}

        def go(region):
            body = text + f"# {turn} {region}\n"
            barrier.wait()
            answers[region] = post(cluster, region, f"policy/activate?by={region}", body)

        threads = [threading.Thread(target=go, args=(r,)) for r in ("us-east", "eu-west")]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        won = [a for a in answers.values() if a.status == 200]
        lost = [a for a in answers.values() if a.status != 200]
        assert won
        assert len({a.json["version"] for a in won}) == len(won)
        for a in lost:
            detail = a.problem(409, "conflict")
            assert "another change came first" in detail or "is being made ready from" in detail
        refused += len(lost)
        assert len(set(serving(cluster).values())) == 1
    assert refused


def test_safety_rules_refuse_and_an_override_is_recorded(own_playground):
    cluster = own_playground
    safe = policy_file(cluster, "safe.yaml", base_policy(cluster) + SAFETY)
    holdfast("policy", "activate", safe, "--dir", cluster.dir, check=0)
    holdfast("region", "drain", "eu-central", "--dir", cluster.dir, "--override", "moved on", check=0)
    holdfast("region", "drain", "us-west", "--dir", cluster.dir, "--override", "moved on", check=0)
    done = holdfast("region", "drain", "us-east", "--dir", cluster.dir, check=1)
    assert b"min_regions_active is 2: this would leave 1 of 2 active" in done.stderr
    told = json.loads(holdfast("region", "list", "--json", "--dir", cluster.dir, check=0).stdout)
    states = {r["region"]: r for r in told["regions"]}
    assert states["us-west"]["state"] == "draining" and states["us-west"]["override"] == "moved on"
    assert states["us-east"]["state"] == "active"


def test_a_drained_region_is_passed_by_and_fails_nobody(own_playground):
    cluster = own_playground
    initech = cluster.tenant("initech")
    assert initech.put("us-east", "open/key", b"v").status in (200, 201, 204)

    def regions_of(where):
        ask = {"tenant": "initech", "consistency": "eventual", "method": "GET", "path": "/"}
        answer = harness.Connection(cluster.http[where], cluster.keys["initech"]).send(
            "POST", "/v1/explain", json.dumps(ask))
        assert answer.status == 200, answer
        return json.dumps(answer.json)

    with Load(cluster) as load:
        assert "draining" not in regions_of("us-east")
        begun = time.monotonic()
        holdfast("region", "drain", "eu-west", "--dir", cluster.dir, "--by", "mia", check=0)
        wait_for("every region sees it", lambda: all("draining" in regions_of(r) for r in
                                                     ("us-east", "us-west", "eu-central")), 5, 0.01)
        assert time.monotonic() - begun < 1.5 # the command and the questions included
        time.sleep(0.5)
        holdfast("region", "restore", "eu-west", "--dir", cluster.dir, check=0)
        wait_for("and its return", lambda: all("draining" not in regions_of(r) for r in cluster.regions), 5)
    assert load.count > 50 and not load.bad, load.bad[:3]


# --- kept on disk -------------------------------------------------------------------------------


@contextlib.contextmanager
def three_nodes(name):
    with harness.directory(name) as path:
        cluster = harness.Nodes(
            path, ["us-east", "us-west", "eu-west"],
            {"us": "regions: [us-east, us-west], transit: allow"},
            {"us-1": "replicas: [us-east, us-west], mode: sync, copies: 2, on_partition: availability"},
            {"acme": "residency: us, cell: us-1"})
        with harness.running(cluster):
            yield cluster.start()


def test_coordination_that_is_gone_gets_the_last_good_world_back():
    with three_nodes("gone") as cluster:
        assert post(cluster, "us-east", "policy/activate?by=mia", base_policy(cluster) + RULES).status == 200
        assert post(cluster, "us-east", "policy/activate?by=tom",
                    base_policy(cluster) + RULES + "# more\n").status == 200
        was = versions(cluster, "us-west")["history"]
        cluster.stop()
        (cluster.dir / "coordination").unlink()
        cluster.start()
        wait_for("the version everywhere", lambda: set(serving(cluster).values()) == {2})
        wait_for("the history in coordination", lambda: all(
            versions(cluster, r)["policy_source"] == "coordination" for r in cluster.regions))
        assert versions(cluster, "eu-west")["history"] == was
        assert cluster.tenant("acme").get("us-east", "closed/key").status == 451
        # And it goes on from there.
        assert post(cluster, "eu-west", "policy/rollback").json["version"] == 3


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_damaged_policy_is_not_used_but_fetched_anew():
    with three_nodes("damaged") as cluster:
        assert post(cluster, "us-east", "policy/activate", base_policy(cluster) + RULES).status == 200
        kept = cluster.dir / "us-west.state" / "policy" / (versions(cluster, "us-west")["hash"] + ".yaml")
        whole = kept.read_bytes()
        cluster.kill("us-west")
        flip_a_byte(kept)
        cluster.start("us-west")
        wait_for("the version from another region", lambda: serving(cluster)["us-west"] == 1)
        assert cluster.metric("us-west", "holdfast_policy_damaged_total") == 1
        assert kept.read_bytes() == whole
        assert kept.with_name(kept.name + ".damaged").exists()
        assert "damaged" in cluster.log("us-west")


def test_with_nobody_to_ask_what_is_whole_is_used_and_told():
    with three_nodes("alone") as cluster:
        assert post(cluster, "us-east", "policy/activate", base_policy(cluster) + RULES).status == 200
        cluster.stop()
        (cluster.dir / "coordination").unlink()
        flip_a_byte(cluster.dir / "us-east.state" / "policy" / "versions")
        cluster.start("us-east")
        status = cluster.status("us-east")
        assert (status["policy_version"], status["policy_source"]) == (0, "file")
        assert cluster.metric("us-east", "holdfast_policy_damaged_total") == 1
        assert (cluster.dir / "us-east.state" / "policy" / "versions.damaged").exists()
        cluster.start("us-west")  # its files are whole
        wait_for("both serve it", lambda: set(serving(cluster, ["us-east", "us-west"]).values()) == {1})


def test_only_the_texts_of_the_history_are_kept():
    with three_nodes("many") as cluster:
        for n in range(20):
            assert post(cluster, "us-east", "policy/activate", base_policy(cluster) + f"# {n}\n").status == 200
        told = versions(cluster, "eu-west")
        assert [v["version"] for v in told["history"]] == list(range(20, 4, -1))
        for region in cluster.regions:
            folder = cluster.dir / region / "policy"
            wait_for("the old ones go", lambda: len(list(folder.glob("*.yaml"))) <= 18)
        post(cluster, "us-west", "policy/rollback?to=3").problem(404, "not-found")
        assert post(cluster, "us-west", "policy/rollback?to=5").json["version"] == 21
        assert versions(cluster, "eu-west")["hash"] == told["history"][-1]["hash"]
