"""A secondary source: follows, serves alone with its age said, returns what it took of a tail that
came to nothing, holds nobody else's bytes; and the router that asks it when nobody else answers."""

import hashlib
import os
import random
import secrets
import signal
import subprocess
import time

from harness import (BINARY, Connection, Nodes, _is_free, directory, files_with, holdfast, running,
                     wait_for)

SPARE = "spare"


def port_base():
    """Of this file's own range: 28000 and the ports a cluster of a few regions needs."""
    while True:
        base = random.randrange(28000, 28490)
        if all(_is_free(base + o + i) for o in (1, 101, 201, 281, 291, 401) for i in range(4)):
            return base


class WithSpare(Nodes):
    """A hand-written cluster with one secondary source, in a directory of its own with files of
    its own."""

    def __init__(self, path, regions, residency, cells, tenants, spare_of, stands_in, for_whom="",
                 options=""):
        base = port_base()
        self.spare_http, self.spare_admin = base + 281, base + 291
        secret = secrets.token_hex(32)
        key = hashlib.sha256(secret.encode()).hexdigest()
        for cell in spare_of:
            cells[cell] += (f', secondary: {{name: {SPARE}, region: {stands_in}, '
                            f'address: "127.0.0.1:{self.spare_http}", key: "sha256:{key}"{for_whom}}}')
        super().__init__(path, regions, residency, cells, tenants, options=options, base=base)
        self.spare_dir = self.dir / SPARE
        self.spare_dir.mkdir()
        (self.spare_dir / "policy.yaml").write_text((self.dir / "policy.yaml").read_text())
        (self.spare_dir / "secret").write_text(secret + "\n")
        text = (f"cluster: nodes\nrole: secondary\nregion: {stands_in}\n"
                f'secondary: {{name: {SPARE}, admin: "127.0.0.1:{self.spare_admin}"}}\n'
                "data: data\npolicy: policy.yaml\nsecret_file: secret\nregions:\n")
        for r in self.regions:
            text += (f'  {r}: {{http: "127.0.0.1:{self.http[r]}", admin: "127.0.0.1:{self.admin[r]}", '
                     f'replication: "127.0.0.1:{self.replication[r]}"}}\n')
        (self.spare_dir / "holdfast.yaml").write_text(text)

    @property
    def spare_data(self):
        return self.spare_dir / "data"

    def spare_log(self):
        path = self.dir / f"{SPARE}.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def start_spare(self):
        log = open(self.dir / f"{SPARE}.log", "ab")
        self.processes[SPARE] = subprocess.Popen(
            [BINARY, "serve", "-c", str(self.spare_dir / "holdfast.yaml")], stdout=log, stderr=log)
        log.close()
        wait_for(lambda: f"the spare answers: {self.spare_log()}", self.spare_status)
        return self

    def spare_status(self):
        assert self.processes[SPARE].poll() is None, self.spare_log()
        try:
            connection = Connection(self.spare_admin, timeout_s=5)
            answer = connection.send("GET", "/admin/v1/status")
            connection.close()
            return answer.json
        except OSError:
            return None

    def spare_cell(self, cell):
        return next(c for c in self.spare_status()["cells"] if c["name"] == cell)

    def spare_metric(self, name):
        connection = Connection(self.spare_admin, timeout_s=5)
        body = connection.send("GET", "/metrics").body.decode()
        connection.close()
        return sum(float(line.split()[-1]) for line in body.splitlines() if line.startswith(name))

    def wait_spare(self, cell, region):
        """It has all that the home has."""
        def there():
            last = self.cell(region, cell)
            spare = self.spare_cell(cell)
            return last and spare.get("position") == last["last"] and spare["staleness_by"] == "measured"
        wait_for(lambda: f"the spare has all: {self.spare_status()} {self.spare_log()}", there)

    def spare(self, tenant):
        return Spare(self.spare_http, self.keys[tenant])


class Spare:
    def __init__(self, port, key):
        self.port, self.key = port, key

    def send(self, method, path, body=None, **headers):
        connection = Connection(self.port, self.key)
        try:
            return connection.send(method, path, body,
                                   {n.replace("_", "-"): v for n, v in headers.items()})
        finally:
            connection.close()

    def get(self, key, **headers):
        return self.send("GET", "/v1/data/" + key, **headers)


US = ["us-east", "us-west"]


def us_cluster(path, for_whom=", tenants: [acme]", **kwargs):
    """Tenants acme (the spare's) and other (not), of one cell."""
    return WithSpare(
        path, US + ["eu-west"],
        {"us": "regions: [us-east, us-west], transit: allow"},
        {"us-1": "replicas: [us-east, us-west], mode: sync, copies: 2, on_partition: availability"},
        {"acme": "residency: us, cell: us-1, consistency: session",
         "other": "residency: us, cell: us-1, consistency: session"},
        ["us-1"], "us-west", for_whom=for_whom, **kwargs)


def fill(cluster, tenant, count, tag=b""):
    t = cluster.tenant(tenant)
    values = {}
    for i in range(count):
        values[f"billing/k{i:04}"] = tag + os.urandom(random.randrange(1, 3000))
        answer = t.put("us-east", f"billing/k{i:04}", values[f"billing/k{i:04}"])
        assert answer.status == 200 or answer.status == 201 or answer.status == 204, answer
    return values


def assert_same(cluster, tenant, values):
    spare = cluster.spare(tenant)
    for key, value in values.items():
        answer = spare.get(key, Holdfast_Consistency="eventual")
        assert answer.status == 200 and answer.body == value, (key, answer)
        assert answer.headers["Holdfast-Source"] == "secondary"
    return int(answer.headers["Holdfast-Staleness-Ms"]), answer


def test_serves_alone_with_its_age():
    with directory("secondary") as path, running(us_cluster(path)) as c:
        c.start().start_spare()
        c.wait_home("us-1")
        values = fill(c, "acme", 60)
        fill(c, "other", 5, tag=b"not-of-the-spare")
        t = c.tenant("acme")
        assert t.delete("us-east", "billing/k0000").status in (200, 204)
        del values["billing/k0000"]
        c.wait_spare("us-1", "us-east")
        age, answer = assert_same(c, "acme", values)
        assert age < 1000 and answer.headers["Holdfast-Staleness-By"] == "measured"
        assert answer.headers["Holdfast-Region"] == "us-west"
        version = t.get("us-east", "billing/k0001").etag
        assert c.spare("acme").get("billing/k0001").etag == version
        c.spare("acme").get("billing/k0000").problem(404, "not-found")

        # What it may not: others' data, strong, writes.
        c.spare("other").get("billing/k0001").problem(421, "misdirected")
        c.spare("acme").get("billing/k0001", Holdfast_Consistency="strong").problem(503, "unavailable")
        detail = c.spare("acme").send("PUT", "/v1/data/billing/new", b"x").problem(503, "unavailable")
        assert "nothing happened" in detail
        assert Spare(c.spare_http, "wrong").get("billing/k0001").status == 401
        assert not files_with(c.spare_data, b"not-of-the-spare")
        assert not files_with(c.spare_data, b"other\0billing")
        assert files_with(c.spare_data, b"acme\0billing")

        # Everything else dies at once.
        for region in list(c.regions):
            c.kill(region)
        died = time.monotonic()
        first, _ = assert_same(c, "acme", values)
        time.sleep(1.5)
        later, answer = assert_same(c, "acme", values)
        assert later >= first + 1400, (first, later)
        assert later <= (time.monotonic() - died) * 1000 + 3000
        assert c.spare("acme").get("billing/k0001", Holdfast_Consistency="bounded=1h").status == 200
        c.spare("acme").get("billing/k0001", Holdfast_Consistency="bounded=1s").problem(503, "unavailable")
        items = c.spare("acme").send("GET", "/v1/data/billing?limit=1000").json["items"]
        assert [i["key"] for i in items] == sorted(k.split("/")[1] for k in values)

        # And it is started anew, alone: kill -9, no region, no coordination file.
        c.kill(SPARE)
        (c.dir / "coordination").unlink()
        down = time.monotonic()
        time.sleep(1)
        c.start_spare()
        age, answer = assert_same(c, "acme", values)
        assert answer.headers["Holdfast-Staleness-By"] == "clock"
        assert age >= later + (time.monotonic() - down) * 1000 - 300, (later, age)
        assert age <= (time.monotonic() - died) * 1000 + 5000
        # The wall clock is no proof.
        c.spare("acme").get("billing/k0001", Holdfast_Consistency="bounded=1h").problem(503, "unavailable")
        assert c.spare_status()["ready"]


def test_session_tokens():
    with directory("secondary") as path, running(us_cluster(path)) as c:
        c.start().start_spare()
        c.wait_home("us-1")
        t = c.tenant("acme")
        token = t.put("us-east", "billing/a", b"1").token
        c.wait_spare("us-1", "us-east")
        answer = c.spare("acme").get("billing/a", Holdfast_Token=token)
        assert answer.status == 200 and answer.body == b"1" and not answer.token
        # A point that it has not: it is stopped while that is written.
        os.kill(c.pid(SPARE), signal.SIGSTOP)
        token = t.put("us-east", "billing/a", b"2").token
        for region in list(c.regions):
            c.kill(region)
        os.kill(c.pid(SPARE), signal.SIGCONT)
        c.spare("acme").get("billing/a", Holdfast_Token=token).problem(503, "unavailable")
        answer = c.spare("acme").get("billing/a", Holdfast_Token=token, Holdfast_Consistency="eventual")
        assert answer.body == b"1"


def test_a_truncated_tail_is_undone():
    """An async home writes what no other region sees; the spare does. When the history goes on
    without it, it is undone here too, and so is what was deleted in it."""
    with directory("secondary") as path, running(WithSpare(
            path, US, {"us": "regions: [us-east, us-west], transit: allow"},
            {"us-1": "replicas: [us-east, us-west], mode: async"},
            {"acme": "residency: us, cell: us-1"}, ["us-1"], "us-west")) as c:
        c.start().start_spare()
        assert c.wait_home("us-1") == "us-east"
        t, spare = c.tenant("acme"), c.spare("acme")
        t.put("us-east", "notes/both", b"common")
        t.put("us-east", "notes/doomed", b"to be deleted")
        c.wait_spare("us-1", "us-east")
        wait_for("the copy has it", lambda: c.cell("us-west", "us-1")["applied"] == c.cell("us-east", "us-1")["last"])
        c.kill("us-west")
        token = t.put("us-east", "notes/both", b"lost").token
        t.put("us-east", "notes/lost", b"lost")
        t.delete("us-east", "notes/doomed")
        c.wait_spare("us-1", "us-east")
        assert spare.get("notes/lost").body == b"lost" and spare.get("notes/both").body == b"lost"
        fills = c.spare_metric("holdfast_secondary_fills_total")
        c.kill("us-east")
        c.start("us-west")
        assert c.wait_home("us-1", ["us-west"]) == "us-west"
        assert t.put("us-west", "notes/new", b"new").status == 204
        c.wait_spare("us-1", "us-west")
        spare.get("notes/lost").problem(404, "not-found")
        assert spare.get("notes/both").body == b"common"
        assert spare.get("notes/doomed").body == b"to be deleted"
        assert spare.get("notes/new").body == b"new"
        spare.get("notes/both", Holdfast_Token=token).problem(409, "token-diverged")
        assert c.spare_metric("holdfast_secondary_fills_total") == fills + 1
        # The old home's disk has the tail still; it is not believed.
        c.start("us-east")
        time.sleep(1)
        spare.get("notes/lost").problem(404, "not-found")


def test_comes_too_late_for_the_log():
    """What it missed is no longer in any log: it fills anew, and serves the old meanwhile."""
    with directory("secondary") as path, running(us_cluster(
            path, options="storage: {segment: 1MiB, retain: 1MiB, min_free: 0}")) as c:
        c.start().start_spare()
        c.wait_home("us-1")
        t = c.tenant("acme")
        values = fill(c, "acme", 20)
        t.put("us-east", "billing/gone", b"x")
        c.wait_spare("us-1", "us-east")
        c.kill(SPARE)
        assert t.delete("us-east", "billing/gone").status == 204
        big = os.urandom(1 << 20)
        for i in range(100):
            t.put("us-east", f"billing/big{i % 4}", big[i:])
        values.update({f"billing/big{i % 4}": big[i:] for i in range(96, 100)})
        c.start_spare()
        c.wait_spare("us-1", "us-east")
        assert_same(c, "acme", values)
        c.spare("acme").get("billing/gone").problem(404, "not-found")
        assert c.spare_metric("holdfast_secondary_fills_total") == 1


def test_other_tenants_void_what_is_on_disk():
    with directory("secondary") as path, running(us_cluster(path)) as c:
        c.start().start_spare()
        c.wait_home("us-1")
        c.tenant("acme").put("us-east", "billing/a", b"acme-was-here")
        c.tenant("other").put("us-east", "billing/a", b"other-is-here")
        c.wait_spare("us-1", "us-east")
        assert files_with(c.spare_data, b"acme-was-here")
        c.stop()
        for policy in (c.dir / "policy.yaml", c.spare_dir / "policy.yaml"):
            policy.write_text(policy.read_text().replace("tenants: [acme]", "tenants: [other]"))
        c.start_spare()
        assert not files_with(c.spare_data, b"acme-was-here")
        c.spare("acme").get("billing/a").problem(421, "misdirected")
        c.spare("other").get("billing/a").problem(503, "unavailable")
        c.start()
        c.wait_spare("us-1", c.wait_home("us-1"))
        assert c.spare("other").get("billing/a").body == b"other-is-here"


def test_domains_and_max_staleness():
    with directory("secondary") as path, running(us_cluster(
            path, for_whom=", tenants: [acme], domains: [billing], max_staleness: 2s")) as c:
        c.start().start_spare()
        c.wait_home("us-1")
        t, spare = c.tenant("acme"), c.spare("acme")
        t.put("us-east", "notes/a", b"of-another-domain")
        t.put("us-east", "billing/a", b"of-this-domain")
        c.wait_spare("us-1", "us-east")
        assert spare.get("billing/a", Holdfast_Consistency="bounded=2s").body == b"of-this-domain"
        spare.get("notes/a").problem(421, "misdirected")
        assert not files_with(c.spare_data, b"of-another-domain")
        # A feed is for who has the secret of the source, and of its cell.
        for key in (None, c.keys["acme"], (c.dir / "cluster.secret").read_text()):
            connection = Connection(c.admin["us-east"], key)
            connection.send("GET", "/admin/v1/feed/us-1?from=0-0&seen=0-0&fill=").problem(401, "unauthenticated")
            connection.close()
        connection = Connection(c.admin["us-east"], (c.spare_dir / "secret").read_text().strip())
        answer = connection.send("GET", "/admin/v1/feed/us-1?from=0-0&seen=0-0&fill=")
        assert answer.status == 200 and b"of-this-domain" in answer.body
        assert b"of-another-domain" not in answer.body
        answer = connection.send("GET", "/admin/v1/feed/us-1?from=1-1&seen=1-1")
        assert answer.status == 200 and b"of-another-domain" not in answer.body
        connection.send("GET", "/admin/v1/feed/us-1?from=1&seen=1-1").problem(400, "invalid")
        connection.close()
        for region in list(c.regions):
            c.kill(region)
        assert spare.get("billing/a").status == 200
        detail = wait_for("it is too old", lambda: spare.get("billing/a").status == 503 and
                          spare.get("billing/a").problem(503, "unavailable"), 5)
        assert "lets it answer up to 2000 ms" in detail


# --- the router ------------------------------------------------------------------------------

def test_router_goes_round_and_returns():
    with directory("secondary") as path, running(us_cluster(path, options="hold: {time: 2s}")) as c:
        c.start().start_spare()
        c.wait_home("us-1")
        values = fill(c, "acme", 10)
        c.wait_spare("us-1", "us-east")
        t, other = c.tenant("acme"), c.tenant("other")
        key = "billing/k0003"
        answer = t.get("eu-west", key)
        assert answer.body == values[key] and "Holdfast-Source" not in answer.headers
        for region in US:
            c.kill(region)
        for _ in range(3):
            answer = t.get("eu-west", key)
            assert answer.status == 200 and answer.body == values[key], answer
            assert answer.headers["Holdfast-Source"] == "secondary"
            assert int(answer.headers["Holdfast-Staleness-Ms"]) >= 0
        assert t.send("eu-west", "HEAD", "/v1/data/" + key).headers["Holdfast-Source"] == "secondary"
        assert len(t.scan("eu-west", "billing")) == len(values)
        t.get("eu-west", "billing/none").problem(404, "not-found")
        decision = c.admin_get("eu-west", "/admin/v1/decisions/" + answer.headers["Holdfast-Decision"])
        assert any(r["reason"] == "secondary" and r["region"] == "us-west"
                   for r in decision.json["decision"]["reasons"]), decision.json
        assert c.metric("eu-west", "holdfast_edge_detours_total") >= 5
        # What it may not answer is held as ever, and then refused.
        assert t.get("eu-west", key, Holdfast_Consistency="strong").status in (503, 504)
        assert t.get("eu-west", key, Holdfast_Consistency="bounded=1ms").status in (503, 504)
        assert other.get("eu-west", key).status in (503, 504)
        assert t.put("eu-west", key, b"no").status in (503, 504)

        c.start(*US)
        c.wait_home("us-1", US)
        def back():
            answer = t.get("eu-west", key)
            assert answer.status == 200 and answer.body == values[key]
            return "Holdfast-Source" not in answer.headers
        wait_for("the primary answers again", back, 10)
        assert back() and back()


class Hanging:
    """Takes connections and says nothing; then, passes them on."""

    def __init__(self, to):
        import socket
        import threading
        self.to, self.well, self.socket = to, False, socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        import socket
        import threading
        while True:
            try:
                conn = self.socket.accept()[0]
            except OSError:
                return
            self.kept.append(conn)
            if self.well:
                out = socket.create_connection(("127.0.0.1", self.to))
                self.kept.append(out)
                for a, b in ((conn, out), (out, conn)):
                    threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass

    def close(self):
        for s in [self.socket, *self.kept]:
            s.close()


def test_router_and_a_primary_that_hangs():
    """Coordination calls the home well and it says nothing: one read finds out, the others go round
    at once, and one at a time tries."""
    with directory("secondary") as path, running(WithSpare(
            path, ["us-east", "us-west", "eu-west"],
            {"us": "regions: [us-east, us-west], transit: allow"},
            {"us-1": "replicas: [us-east], mode: async"},
            {"acme": "residency: us, cell: us-1"}, ["us-1"], "us-west")) as c:
        hanging = Hanging(c.http["us-east"])
        text = (c.dir / "eu-west.yaml").read_text()
        (c.dir / "eu-west.yaml").write_text(text.replace(f'"127.0.0.1:{c.http["us-east"]}"',
                                                         f'"127.0.0.1:{hanging.port}"'))
        try:
            c.start().start_spare()
            c.wait_home("us-1")
            t = c.tenant("acme")
            t.put("us-east", "billing/a", b"value")
            c.wait_spare("us-1", "us-east")

            def read():
                begin = time.monotonic()
                answer = t.get("eu-west", "billing/a")
                assert answer.status == 200 and answer.body == b"value", answer
                return answer.headers.get("Holdfast-Source"), time.monotonic() - begin
            source, took = read()
            assert source == "secondary" and 0.9 < took < 3
            times = []
            until = time.monotonic() + 6
            while time.monotonic() < until:
                source, took = read()
                assert source == "secondary"
                times.append(took)
            slow = [took for took in times if took > 0.5]
            # Two edge workers, each with its own belief; one try in 0.5, 1, 2 … s each.
            assert 1 <= len(slow) <= 8, slow
            assert sum(took < 0.2 for took in times) > 50
            hanging.well = True
            wait_for("it returns", lambda: read()[0] is None, 15)
            wait_for("and stays", lambda: [read()[0] for _ in range(20)] == [None] * 20, 15)
        finally:
            hanging.close()


# --- the playground ---------------------------------------------------------------------------

def test_playground_with_a_secondary_source():
    """All four regions are killed with kill -9; what is left is the spare, and it answers."""
    from harness import REGIONS, Playground
    with directory("secondary") as path:
        base = port_base()
        with running(Playground(path / "p", base, options=["--secondary"])) as p:
            assert "spare" in p.output
            acme, initech = p.tenant("acme"), p.tenant("initech")
            values = {f"billing/{i}": os.urandom(500) for i in range(20)}
            for key, value in values.items():
                assert acme.put("us-east", key, value).status == 204
                assert initech.put("eu-west", key, value[:100]).status == 204
            spare = {t: Spare(base + 401, p.keys[t]) for t in ("acme", "initech", "globex")}

            def has_all():
                return all(spare["acme"].get(k).body == v and spare["initech"].get(k).body == v[:100]
                           for k, v in values.items())
            wait_for("the spare has all", has_all)
            spare["globex"].get("billing/1").problem(421, "misdirected")
            wait_for("all is well", lambda: holdfast("status", "--dir", p.dir).returncode == 0)
            wait_for("and it has all", lambda: holdfast("status", "--dir", p.dir).stdout.count(
                b"secondary source spare in us-west: 0 behind") == 2)

            for region in REGIONS:
                p.kill(region)
            assert has_all()
            assert int(spare["acme"].get("billing/1").headers["Holdfast-Staleness-Ms"]) > 0
            p.drill("kill", "spare")
            p.drill("restore", "spare")

            def ready():
                try:
                    return Connection(base + 402).send("GET", "/readyz").status == 200
                except OSError:
                    return False
            wait_for("the spare answers", ready)
            assert has_all()
            assert spare["acme"].get("billing/1").headers["Holdfast-Staleness-By"] == "clock"
            for region in REGIONS:
                p.restore(region)
            p.wait_converged()
            wait_for("it follows again", lambda: spare["acme"].get("billing/1").headers[
                "Holdfast-Staleness-By"] == "measured")
            p.drill("kill", "spare")
            wait_for("status misses it", lambda: b"SILENT" in holdfast("status", "--dir", p.dir).stdout)
            holdfast("status", "--dir", p.dir, check=1)
        # A policy made without one is not changed behind anybody's back.
        with running(Playground(path / "q", port_base())):
            pass
        done = holdfast("playground", "--dir", path / "q", "--port-base", port_base(), "--secondary", check=1)
        assert b"secondary source" in done.stderr


def test_check_refuses_a_disk_outside_the_class():
    with directory("secondary") as path:
        c = us_cluster(path)
        holdfast("check", c.dir / "policy.yaml", c.spare_dir / "holdfast.yaml", check=0)
        policy = c.dir / "policy.yaml"
        policy.write_text(policy.read_text().replace("name: spare, region: us-west", "name: spare, region: eu-west"))
        said = holdfast("check", policy, check=1).stderr.decode()
        assert "it stands in 'eu-west', outside residency class 'us'" in said
        (c.spare_dir / "policy.yaml").write_text(policy.read_text())
        assert holdfast("serve", "-c", c.spare_dir / "holdfast.yaml", check=1).stderr
