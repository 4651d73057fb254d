"""Regions that die, hang, come back: what clients of the surviving edges see, and what becomes
of writes that nobody else had.
"""

import json
import os
import signal
import threading
import time
import uuid

import harness
from harness import REGIONS, Connection, Raw, holdfast, wait_for


class Load:
    """Writes and strong reads from several threads, each request sent once: every answer but
    success is a failed request."""

    def __init__(self, tenant, regions, name):
        self.tenant, self.regions, self.name = tenant, regions, name
        self.stop = threading.Event()
        self.failures, self.acknowledged, self.times = [], {}, []
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(3)]

    def work(self, number):
        count = 0
        while not self.stop.is_set():
            region = self.regions[count % len(self.regions)]
            key, value = f"load/{self.name}/{number}", str(count).encode()
            try:
                put = self.tenant.put(region, key, value)
                if put.status != 204:
                    self.failures.append((region, put))
                    return
                self.acknowledged[key] = value
                self.times.append(time.monotonic())
                got = self.tenant.get(region, key, holdfast_consistency="strong")
                if (got.status, got.body) != (200, value):
                    self.failures.append((region, got, value))
                    return
            except Exception as error:
                self.failures.append((region, repr(error)))
                return
            count += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def go_on(self, count=30, timeout_s=15):
        """Until so many more writes are acknowledged."""
        wanted = len(self.times) + count
        wait_for(lambda: f"acknowledged writes; failed: {self.failures[:2]}",
                 lambda: len(self.times) >= wanted or self.failures, timeout_s)
        assert not self.failures, self.failures[:2]

    def longest_gap(self):
        times = sorted(self.times)
        return max(b - a for a, b in zip(times, times[1:]))


def test_nothing_fails_when_the_home_is_killed(own_playground):
    """Three kills of whoever is home; no request of the others' edges fails."""
    playground, acme = own_playground, own_playground.tenant("acme")
    for turn in range(3):
        home = playground.wait_home("us-1")
        others = [r for r in REGIONS if r != home]
        with Load(acme, others, f"kill-{turn}") as load:
            load.go_on()
            playground.kill(home)
            load.go_on(100)
            assert playground.home("us-1", others)
        assert not load.failures
        print(f"longest gap {load.longest_gap() * 1000:.0f} ms")
        assert load.longest_gap() < 3
        for key, value in load.acknowledged.items():
            assert acme.get(others[0], key, holdfast_consistency="strong").body == value
        playground.restore(home)
        playground.wait_converged()
        for key, value in load.acknowledged.items():
            local = acme.get(home, key, holdfast_consistency="eventual")
            assert (local.region, local.body) == (home, value)


def test_a_home_that_ends_well_is_replaced_at_once(own_playground):
    playground, globex = own_playground, own_playground.tenant("globex")
    home = playground.wait_home("eu-1")
    others = [r for r in REGIONS if r != home]
    with Load(globex, others, "term") as load:
        load.go_on()
        os.kill(playground.pid(home), signal.SIGTERM)
        load.go_on(100)
    assert not load.failures
    assert load.longest_gap() < 1.5


def test_a_paused_home_is_replaced_and_serves_nothing_old(own_playground):
    playground, acme = own_playground, own_playground.tenant("acme")
    home = playground.wait_home("us-1")
    others = [r for r in REGIONS if r != home]
    assert acme.put(home, "notes/x", b"old").status == 204
    head = f"Host: a\r\nAuthorization: Bearer {playground.keys['acme']}\r\n"
    with Load(acme, others, "pause") as load, Raw(playground.http[home]) as waiting:
        load.go_on()
        playground.drill("pause", home)
        # These wait in the kernel: the first thing that the old home sees when it goes on.
        waiting.send(f"GET /v1/data/notes/x HTTP/1.1\r\n{head}Holdfast-Consistency: strong\r\n\r\n".encode())
        stale_write = f"PUT /v1/data/notes/y HTTP/1.1\r\n{head}Content-Length: 5\r\n\r\nafter"
        waiting.send(stale_write.encode())
        load.go_on(50)
        successor = playground.wait_home("us-1", others)
        assert acme.put(successor, "notes/x", b"new").status == 204
        playground.restore(home)
        got = waiting.until(b"HTTP/1.1 204 ")
        load.go_on(50)
    assert not load.failures
    assert got.startswith(b"HTTP/1.1 200 ") and b"\r\n\r\nnew" in got, got
    assert playground.cell(successor, "us-1")["role"] == "home"
    playground.wait_converged(["us-1"])
    for region in harness.COPIES["us-1"]:
        assert acme.get(region, "notes/y", holdfast_consistency="eventual").body == b"after"


def test_a_paused_secondary_holds_no_one_up_for_long(own_playground):
    """on_partition: availability: the home goes on alone, says so, and counts it again later."""
    playground, acme = own_playground, own_playground.tenant("acme")
    home = playground.wait_home("us-1")
    secondary = next(r for r in harness.COPIES["us-1"] if r != home)
    assert acme.put(home, "notes/x", b"1").status == 204
    playground.drill("pause", secondary)
    with Load(acme, [home, "eu-west"], "degraded") as load:
        load.go_on(20)
        assert playground.cell(home, "us-1")["degraded"]
        assert playground.metric(home, "holdfast_cell_degraded", "us-1") == 1
        done = holdfast("status", "--dir", playground.dir)
        assert done.returncode == 1 and b"DEGRADED" in done.stdout
        playground.restore(secondary)
        wait_for("the secondary counts again", lambda: not playground.cell(home, "us-1")["degraded"])
    assert not load.failures
    playground.wait_converged(["us-1"])


def test_what_a_degraded_home_acknowledged_is_never_given_up(own_playground):
    """The last copy that counts dies: the other one, which lacks its writes, must not take over."""
    playground, acme = own_playground, own_playground.tenant("acme")
    home = playground.wait_home("us-1")
    secondary = next(r for r in harness.COPIES["us-1"] if r != home)
    assert acme.put(home, "notes/x", b"both have it").status == 204
    playground.kill(secondary)
    for i in range(20):
        assert acme.put("eu-west", f"alone/{i}", str(i).encode()).status == 204
    playground.kill(home)
    playground.restore(secondary)
    time.sleep(2)  # long enough for any takeover
    assert playground.home("us-1") is None
    held = playground.cell(secondary, "us-1")
    assert held["role"] != "home" and held["held"], held
    assert holdfast("status", "--dir", playground.dir).returncode == 1
    stale = acme.get(secondary, "notes/x", holdfast_consistency="eventual")
    assert (stale.status, stale.body) == (200, b"both have it")
    playground.restore(home)
    playground.wait_home("us-1")
    playground.wait_converged(["us-1"])
    for region in harness.COPIES["us-1"]:
        items = acme.scan(region, "alone", holdfast_consistency="eventual")
        assert {i["key"]: i["value"] for i in items} == {str(i): str(i) for i in range(20)}


def test_idempotency_and_tokens_outlive_their_home(own_playground):
    playground, acme = own_playground, own_playground.tenant("acme")
    home = playground.wait_home("us-1")
    idem = str(uuid.uuid4())
    add = {"add": [{"key": "tx/counter", "delta": 5}]}
    first = acme.tx("eu-west", add, idempotency_key=idem)
    put = acme.put("eu-west", "notes/x", b"1")
    playground.kill(home)
    again = acme.tx("eu-west", add, idempotency_key=idem)
    assert (first.status, again.status) == (200, 200)
    assert again.json == first.json and again.headers["Holdfast-Replayed"] == "true"
    assert again.region != home
    successor = again.region
    got = acme.get(successor, "notes/x", holdfast_token=put.token)
    assert (got.body, got.etag, got.region) == (b"1", put.etag, successor)
    assert acme.put(successor, "notes/x", b"2", if_match=put.etag).status == 204
    playground.restore(home)
    playground.wait_converged(["us-1"])
    assert acme.tx(home, add, idempotency_key=idem).json == first.json
    assert acme.get(home, "tx/counter", holdfast_consistency="eventual").body == b"5"


def test_a_cell_without_any_region_holds_and_other_cells_do_not_care(own_playground):
    playground = own_playground
    acme, globex = playground.tenant("acme"), playground.tenant("globex")
    assert acme.put("us-east", "notes/x", b"before").status == 204
    playground.kill("us-east")
    playground.kill("us-west")
    results = []

    def held():
        start = time.monotonic()
        results.append((acme.put("eu-west", "notes/x", b"held"), time.monotonic() - start))

    thread = threading.Thread(target=held)
    thread.start()
    wait_for("it is held", lambda: playground.metric("eu-west", "holdfast_edge_held") == 1)
    for _ in range(20):
        assert globex.put("eu-west", "notes/x", b"fine").status == 204
    assert not results
    playground.restore("us-west")
    playground.restore("us-east")
    thread.join(30)
    (answer, seconds), = results
    assert answer.status == 204, (answer, seconds)
    assert acme.get("eu-west", "notes/x", holdfast_consistency="strong").body == b"held"
    playground.wait_converged(["us-1"])


def test_what_only_the_dead_home_had_is_in_quarantine(own_playground):
    """Writes of an async cell that no other region ever saw: exactly these are listed, and the
    history that went on without them is everywhere the same."""
    playground, initech = own_playground, own_playground.tenant("initech")
    home, others = "us-east", ["us-west", "eu-west", "eu-central"]
    assert playground.wait_home("global-1") == home
    assert initech.put(home, "notes/both", b"common").status == 204
    assert initech.put(home, "notes/doomed", b"to be deleted").status == 204
    playground.wait_converged(["global-1"])
    for region in others:
        playground.kill(region)
    lost = []
    for i in range(10):
        value = b"lost %d \xff\x00" % i if i % 2 else b"lost %d" % i
        answer = initech.put(home, f"lost/{i}", value)
        assert answer.status == 204
        lost.append(("put", "lost", str(i), value))
    assert initech.put(home, "notes/both", b"the old home's").status == 204
    assert initech.delete(home, "notes/doomed").status == 204
    token = initech.tx(home, {"put": [{"key": "lost/tx", "value": "one"}],
                              "events": [{"topic": "lost/topic", "value": "event"}]}).token
    lost += [("put", "notes", "both", b"the old home's"), ("delete", "notes", "doomed", None),
             ("put", "lost", "tx", b"one"), ("event", "lost", "topic", b"event")]
    playground.kill(home)
    for region in others:
        playground.restore(region)
    successor = playground.wait_home("global-1", others)
    assert initech.put(successor, "notes/both", b"the new home's").status == 204
    playground.restore(home)
    playground.wait_converged(["global-1"])

    listing = json.loads(holdfast("quarantine", "list", "--json", "--dir", playground.dir, check=0).stdout)
    mine = [i for i in listing if i["cell"] == "global-1"]
    assert {i["region"] for i in mine} == {home}
    exported = [json.loads(line) for item in mine for line in holdfast(
        "quarantine", "export", home, "global-1", item["id"], "--dir", playground.dir,
        check=0).stdout.splitlines()]
    kept = [(c["op"], c["domain"], c["key"], value_of(c)) for c in exported]
    assert sorted(kept, key=repr) == sorted(lost, key=repr)
    assert all(c["tenant"] == "initech" for c in exported)
    assert b"global-1" in holdfast("quarantine", "list", "--dir", playground.dir, check=0).stdout
    assert playground.cell(home, "global-1")["quarantined"] > 0

    for region in REGIONS:
        assert initech.get(region, "notes/both", holdfast_consistency="eventual").body == b"the new home's"
        assert initech.get(region, "notes/doomed", holdfast_consistency="eventual").status == 200
        assert initech.scan(region, "lost", holdfast_consistency="eventual") == []
        answer = initech.get(region, "notes/both", holdfast_token=token)
        answer.problem(409, "token-diverged")


def value_of(change):
    import base64
    if "value_base64" in change:
        text = change["value_base64"]
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return change["value"].encode() if "value" in change else None


def test_everything_is_there_after_all_regions_restart():
    with harness.directory("restart") as path:
        values = {f"notes/{i}": os.urandom(2000) for i in range(50)}
        with harness.running(harness.Playground(path)) as playground:
            keys = playground.keys
            for i, (key, value) in enumerate(values.items()):
                for tenant in keys:
                    assert playground.tenant(tenant).put(REGIONS[i % 4], key, value).status == 204
            epoch = playground.cell("us-east", "us-1")["epoch"]
        for stop in (signal.SIGKILL, None):
            with harness.running(harness.Playground(path)) as playground:
                assert playground.keys == keys
                playground.wait_converged()
                assert playground.cell("us-east", "us-1")["epoch"] > epoch  # a new life, a new epoch
                for tenant in keys:
                    view = playground.tenant(tenant)
                    for region in harness.COPIES[harness.CELL_OF[tenant]]:
                        items = {f"notes/{i['key']}": i for i in view.scan(
                            region, "notes", holdfast_consistency="eventual")}
                        assert items.keys() == values.keys()
                        assert view.get(region, "notes/7", holdfast_consistency="eventual").body == values["notes/7"]
                for region in REGIONS if stop else []:  # all at once, without warning
                    os.kill(playground.pid(region), stop)


def test_a_killed_playground_leaves_nothing_behind():
    with harness.directory("orphans") as path:
        playground = harness.Playground(path)
        pids = [playground.pid(region) for region in REGIONS]
        playground.process.kill()
        playground.stop()
        wait_for("its regions end, too", lambda: not any(map(alive, pids)))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def test_held_requests_are_bounded_in_number_and_time():
    """With nobody to come, they are let go in time and told that nothing happened."""
    options = "hold: {requests: 5, bytes: 1MiB, time: 1s}"
    with harness.directory("hold") as path:
        nodes = harness.Nodes(path, ["us-east", "eu-west"], options=options, workers=1,
                              residency={"us": "regions: [us-east], transit: allow"},
                              cells={"us-1": "replicas: [us-east], mode: async"},
                              tenants={"acme": "residency: us, cell: us-1"})
        with harness.running(nodes.start()):
            nodes.wait_home("us-1")
            nodes.kill("us-east")
            answers = []

            def ask():
                connection = Connection(nodes.http["eu-west"], nodes.keys["acme"])
                start = time.monotonic()
                answers.append((connection.send("PUT", "/v1/data/notes/x", b"1"), time.monotonic() - start))
                connection.close()

            threads = [threading.Thread(target=ask) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            for answer, _ in answers:
                assert answer.status == 503 and answer.headers["Holdfast-Retry"] in ("safe", "later")
                assert int(answer.headers["Retry-After"]) >= 1
            assert len(answers) == 12
            kinds = [a.json["type"].rsplit("/", 1)[1] for a, _ in answers]
            assert kinds.count("overloaded") == 7
            held = [s for (_, s), kind in zip(answers, kinds) if kind != "overloaded"]
            assert all(0.8 < s < 3 for s in held), held
