"""One brain, many mouths: the same requests through every face give the same region; the decision
in JSON; and which decision that was.
"""

import hashlib
import json
import random
import secrets
import subprocess
from pathlib import Path

import pytest

import harness
from harness import REGIONS, Connection

COUNT = 1000
EMBED = Path(harness.BINARY).parents[2] / "examples/embed/embed"
METHODS = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]
PATHS = ["/", "/pay", "/v1/data/billing/42?x=1", "/orders/7/items", "/v1/tx", "/search?q=%20"]


class Question:
    def __init__(self, tenant, here, method, path):
        self.tenant, self.here, self.method, self.path = tenant, here, method, path

    def line(self):
        return f"{self.tenant} {self.here} {self.method} {self.path}"

    def json(self):
        path = self.path.split("?")[0]
        document = {"tenant": self.tenant, "region": self.here, "method": self.method, "path": path,
                    "write": self.method not in ("GET", "HEAD", "OPTIONS")}
        if path.startswith("/v1/data/"):
            document["domain"] = path.split("/")[3]
        return document


@pytest.fixture(scope="module")
def questions():
    pick = random.Random(7).choice
    return [Question(pick(list(harness.CELL_OF)), pick(REGIONS), pick(METHODS), pick(PATHS)) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def regions(playground, questions):
    """What /v1/decide says, to compare the others with."""
    for cell in harness.COPIES:
        playground.wait_home(cell)
    answers = [None] * len(questions)
    for tenant in harness.CELL_OF:
        mine = [(i, q) for i, q in enumerate(questions) if q.tenant == tenant]
        answer = playground.tenant(tenant).send("us-west", "POST", "/v1/decide",
                                                json.dumps({"requests": [q.json() for _, q in mine]}))
        assert answer.status == 200, answer
        for (i, _), told in zip(mine, answer.json["decisions"], strict=True):
            answers[i] = told["decision"]["region"]
    assert len(set(answers)) == len(REGIONS)
    return answers


def test_the_gateway_does_what_it_says(playground, unique):
    """Where data calls are answered is where the decision said."""
    for tenant in harness.CELL_OF:
        caller = playground.tenant(tenant)
        for here in REGIONS:
            for method in ("PUT", "GET"):
                path = f"/v1/data/notes/{unique}"
                said = caller.send(here, "GET", "/v1/auth-request", x_original_method=method, x_original_uri=path)
                done = caller.send(here, method, path, b"x" if method == "PUT" else None)
                assert done.region == said.headers["X-Region"], (tenant, here, method, said, done)


def test_nginx_is_told_the_same(playground, questions, regions):
    for question, region in zip(questions, regions):
        answer = playground.tenant(question.tenant).send(
            question.here, "GET", "/v1/auth-request", x_original_method=question.method,
            x_original_uri=question.path)
        assert (answer.status, answer.headers["X-Region"]) == (200, region), question.line()
        port = playground.http[region]
        assert answer.headers["X-Region-Upstream"] == f"127.0.0.1:{port}"


def test_envoy_is_told_the_same(playground, questions, regions):
    for question, region in zip(questions, regions):
        answer = playground.tenant(question.tenant).send(
            question.here, question.method, "/v1/ext-authz" + question.path)
        assert (answer.status, answer.headers["X-Region"]) == (200, region), question.line()


def test_openfeature_is_told_the_same(playground, questions, regions):
    for question, region in zip(questions, regions):
        context = {"targetingKey": question.tenant, "method": question.method, "path": question.path}
        answer = playground.tenant(question.tenant).send(
            question.here, "POST", "/ofrep/v1/evaluate/flags/region", json.dumps({"context": context}))
        assert (answer.status, answer.json["value"]) == (200, region), question.line()


def test_the_library_says_the_same(playground, questions, regions):
    done = subprocess.run([EMBED, playground.dir / "policy.yaml", "-"], capture_output=True, text=True,
                          input="".join(q.line() + "\n" for q in questions), timeout=60)
    assert done.returncode == 0, done.stderr
    said = [line.split()[1] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert said == regions


# --- plain JSON ----------------------------------------------------------------------------------

def test_a_decision_says_its_id_and_the_id_why(playground, acme):
    playground.wait_home("us-1")
    body = json.dumps({"write": True, "path": "/pay", "method": "PUT"})
    decided = acme.send("eu-west", "POST", "/v1/decide", body).json
    assert decided["decision"]["verdict"] == "forward" and decided["decision"]["region"] == "us-east"
    assert "reasons" not in decided["decision"]
    explained = acme.send("eu-west", "POST", "/v1/explain", body).json
    assert {"reason": "home", "region": "us-east", "text": "us-east: home of the cell"} in explained["decision"]["reasons"]
    kept = playground.admin_get("eu-west", "/admin/v1/decisions/" + decided["id"])
    assert kept.status == 200, kept
    assert kept.json["id"] == decided["id"] and kept.json["policy"] == decided["policy"]
    assert kept.json["request"]["path"] == "/pay" and kept.json["request"]["tenant"] == "acme"
    assert kept.json["decision"]["reasons"] == explained["decision"]["reasons"]
    again = playground.admin_get("eu-west", "/admin/v1/decisions/" + decided["id"])
    assert again.body == kept.body


def test_data_calls_can_be_asked_about(playground, acme, unique):
    playground.wait_home("us-1")
    answer = acme.put("eu-central", f"notes/{unique}", b"x")
    kept = playground.admin_get("eu-central", "/admin/v1/decisions/" + answer.headers["Holdfast-Decision"]).json
    assert kept["decision"]["region"] == answer.region == "us-east"
    assert kept["request"]["path"] == f"/v1/data/notes/{unique}" and kept["request"]["client"]["ip"] == "127.0.0.1"


def test_a_person_asks_why(playground, acme, unique):
    playground.wait_home("us-1")
    given = acme.put("eu-central", f"notes/{unique}", b"x").headers["Holdfast-Decision"]
    told = harness.holdfast("explain", "--id", given, "--dir", playground.dir, check=0).stdout.decode()
    assert told.startswith("forward us-east\n") and "  us-east: home of the cell\n" in told
    assert f"asked by acme at eu-central: PUT /v1/data/notes/{unique} (write, session) from 127.0.0.1\n" in told
    again = harness.holdfast("explain", f"--id={given}", "--dir", playground.dir, "--json", check=0)
    assert json.loads(again.stdout)["id"] == given
    for bad, why in ((given + "f", "not remembered"), ("x", "no id"), ("ff.0.0.1", "not here")):
        done = harness.holdfast("explain", "--id", bad, "--dir", playground.dir, check=1)
        assert why in done.stderr.decode(), done
    harness.holdfast("explain", "--id", given, "policy.yaml", check=2)


def test_ids_that_nobody_gave(playground, acme):
    other = acme.get("us-east", "notes/none").headers["Holdfast-Decision"]
    assert "us-east" in playground.admin_get("eu-west", "/admin/v1/decisions/" + other).problem(404, "not-found")
    for bad in ("x", "", "0", "40.0.0.1", "%00", "9" * 100):
        playground.admin_get("us-east", "/admin/v1/decisions/" + bad).problem(400, "invalid")
    stale = other.rsplit(".", 1)[0] + ".ffffffffff"
    playground.admin_get("us-east", "/admin/v1/decisions/" + stale).problem(404, "not-found")


@pytest.mark.parametrize("body, status, slug, says", [
    ("", 400, "invalid", "not JSON"), ("[]", 400, "invalid", ""), ("{", 400, "invalid", "line 1"),
    ('{"writ":true}', 400, "invalid", "write"), ('{"region":"us-esat"}', 400, "invalid", "us-east"),
    ('{"tenant":"globex"}', 403, "forbidden", "own tenant"), ('{"tenant":"nobody"}', 403, "forbidden", "own tenant"),
    ('{"requests":{}}', 400, "invalid", "list"), ('{"requests":[],"write":true}', 400, "invalid", "beside"),
    ('{"requests":[{},{"client":{"ip":"1.2.3"}}]}', 400, "invalid", "requests[1].client.ip"),
    ('{"requests":[' + ",".join(["{}"] * 1001) + "]}", 400, "invalid", "1000"),
    ('{"requests":[7]}', 400, "invalid", "requests[0]"),
    ('{"headers":' + '{"a":' * 100_000, 400, "invalid", "nested"),
    ('{"headers":{' + ",".join(f'"{i}":""' for i in range(110_000)) + "}}", 413, "too-large", ""),
    ('{"path":"' + "x" * (1 << 20) + '"}', 413, "too-large", "1 MiB"),
    ('{"path":"/","path":"/"}', 400, "invalid", "not JSON"),
])
def test_bad_questions(acme, body, status, slug, says):
    for face in ("/v1/decide", "/v1/explain"):
        assert says in acme.send("us-east", "POST", face, body).problem(status, slug)


def test_a_batch_of_none_and_of_many(acme):
    assert acme.send("us-east", "POST", "/v1/decide", '{"requests":[]}').json == {"decisions": []}
    many = acme.send("us-east", "POST", "/v1/explain", json.dumps({"requests": [{}] * 1000})).json["decisions"]
    assert len({one["id"] for one in many}) == 1000
    assert acme.send("us-east", "GET", "/v1/decide").headers["Allow"] == "POST"


# --- a proxy's own key -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def proxied():
    """One region whose node trusts proxies, and its key for them."""
    key = "hf_proxy_" + secrets.token_hex(20)
    with harness.directory("proxied") as path:
        cluster = harness.Nodes(
            path, ["us-east"], {"all": "regions: all"}, {"one": "replicas: [us-east], mode: async"},
            {"acme": "residency: all, cell: one", "globex": "residency: all, cell: one"},
            options=f'decision_keys: ["sha256:{hashlib.sha256(key.encode()).hexdigest()}"]\n'
                    "trusted_proxies: [127.0.0.0/8]\ncountry_header: cf-ipcountry\ndecisions: 8")
        cluster.proxy_key = key
        with harness.running(cluster):
            cluster.start()
            cluster.wait_home("one")
            yield cluster


def test_a_proxy_asks_for_any_tenant(proxied):
    proxy = Connection(proxied.http["us-east"], proxied.proxy_key)
    tenants = [{"tenant": "acme"}, {"tenant": "globex"}]
    assert len(proxy.send("POST", "/v1/decide", json.dumps({"requests": tenants})).json["decisions"]) == 2
    assert "tenant" in proxy.send("POST", "/v1/decide", "{}").problem(400, "invalid")
    assert proxy.send("POST", "/v1/decide", '{"tenant":"nobody"}').status == 400
    assert proxy.send("GET", "/v1/auth-request", headers={"X-Tenant": "globex"}).status == 200
    passed = {"X-Client-Authorization": "Bearer " + proxied.keys["acme"]}
    assert proxy.send("GET", "/v1/auth-request", headers=passed).status == 200
    proxy.send("GET", "/v1/data/notes/x").problem(401, "unauthenticated")
    proxy.close()


@pytest.mark.parametrize("forwarded, country, ip, told", [
    (None, None, "127.0.0.1", None), ("203.0.113.7", "DE", "203.0.113.7", "DE"),
    ("6.6.6.6, 203.0.113.7, 127.0.0.9", "XX", "203.0.113.7", None), ("nonsense", "de", "127.0.0.1", None),
    ("[2001:db8::1]:443", "FR", "2001:db8::1", "FR"),
])
def test_what_a_trusted_proxy_says_of_the_client(proxied, forwarded, country, ip, told):
    headers = {name: value for name, value in (("X-Forwarded-For", forwarded), ("CF-IPCountry", country)) if value}
    client = Connection(proxied.http["us-east"], proxied.keys["acme"])
    answer = client.send("GET", "/v1/auth-request", headers=headers)
    kept = proxied.admin_get("us-east", "/admin/v1/decisions/" + answer.headers["X-Decision-Id"]).json
    assert kept["request"]["client"] == {"ip": ip, **({"country": told} if told else {})}
    client.close()


def test_the_oldest_decision_is_forgotten(proxied):
    client = Connection(proxied.http["us-east"], proxied.keys["acme"])
    ids = [client.send("GET", "/v1/auth-request").headers["X-Decision-Id"] for _ in range(9)]
    asked = [proxied.admin_get("us-east", "/admin/v1/decisions/" + i) for i in ids]
    assert "decisions" in asked[0].problem(404, "not-found")
    assert [answer.status for answer in asked[1:]] == [200] * 8
    client.close()
