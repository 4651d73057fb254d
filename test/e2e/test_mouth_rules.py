"""Rules at the edge: data calls obey them, every mouth says so, and who passes a request on has
obeyed them for the next edge.
"""

import datetime
import json
import time
import zoneinfo

import pytest

import harness

HOUR = 15  # in Tokyo
RULES = """
rules:
  - name: sanctions
    when: request.domain == 'pay' && client.country == 'KP'  # unknown: denied too
    deny: {status: 451, reason: not in "your" country}
  - {name: kinder, when: request.domain == 'shop' && client.country == 'KP', deny: true, unknown: skip}
  - name: locked
    when: request.domain == 'locked' && request.headers['x-key'] != 'open'
    deny: {reason: ask for the key}
  - {name: audited, when: request.domain == 'audit', consistency: strong}
  - {name: quick, when: request.domain == 'quick', hold: 200ms}
  - {name: tokyo, when: "request.path == '/zone' && request.time.getHours('Asia/Tokyo') == %d", prefer: [us-west]}
  - {name: west, when: request.path.startsWith('/west'), prefer: [us-west]}
"""


def rules_cluster(path):
    cluster = harness.Nodes(
        path, ["us-east", "us-west", "eu-west"], {"us": "regions: [us-east, us-west], transit: allow"},
        {"one": "replicas: [us-east, us-west], mode: sync, copies: 2, on_partition: availability"},
        {"acme": "residency: us, cell: one"},
        options="trusted_proxies: [127.0.0.1]\ncountry_header: cf-ipcountry")
    policy = path / "policy.yaml"
    policy.write_text(policy.read_text() + RULES % HOUR)
    return cluster


@pytest.fixture(scope="module")
def ruled():
    with harness.directory("ruled") as path:
        cluster = rules_cluster(path)
        with harness.running(cluster):
            cluster.start()
            cluster.wait_home("one")
            yield cluster


@pytest.fixture
def client(ruled):
    return ruled.tenant("acme")


@pytest.mark.parametrize("region", ["us-east", "eu-west"])
def test_a_denial_is_told_by_every_face(client, region):
    country = {"cf_ipcountry": "KP"}
    for answer in (client.put(region, "pay/x", b"1", **country), client.put(region, "pay/x", b"1"),
                   client.send(region, "PUT", "/v1/ext-authz/v1/data/pay/x", **country)):
        assert answer.problem(451, "forbidden") == 'not in "your" country'
        assert answer.json["rule"] == "sanctions"
    nginx = client.send(region, "GET", "/v1/auth-request", x_original_uri="/v1/data/pay/x", **country)
    assert (nginx.status, nginx.headers["X-Deny-Status"], nginx.headers["X-Region-Reason"]) == (403, "451", "rule-deny")
    context = {"targetingKey": "acme", "country": "KP", "path": "/v1/data/pay/x"}
    flag = client.send(region, "POST", "/ofrep/v1/evaluate/flags/region", json.dumps({"context": context}))
    assert (flag.status, flag.json["errorCode"], flag.json["metadata"]["why"]) == (400, "GENERAL", "rule-deny")
    decided = client.send(region, "POST", "/v1/explain", '{"domain":"pay","client":{"country":"KP"}}').json["decision"]
    assert (decided["verdict"], decided["refusal"]["status"]) == ("refuse", 451)
    assert client.put(region, "pay/x", b"1", cf_ipcountry="DE").status == 204


def test_rules_are_obeyed_once_and_by_nobody_else_skipped(client):
    """us-east does not see x-key when eu-west passes the request on, and need not."""
    assert client.put("eu-west", "locked/x", b"1", x_key="open").status == 204
    for region in ("us-east", "eu-west"):
        for spoofed in (None, "eu-west", "us-east; proof=AAAAAAAAAAAAAAAAAAAAAA"):
            answer = client.put(region, "locked/x", b"2", holdfast_forwarded=spoofed)
            assert answer.problem(403, "forbidden") == "ask for the key"
    assert client.get("us-east", "locked/x", x_key="open", holdfast_consistency="strong").body == b"1"


def test_a_denial_that_skips_what_is_not_known(client):
    for region in ("us-east", "eu-west"):
        assert client.put(region, "shop/x", b"1").status == 204  # no country header
        assert client.put(region, "shop/x", b"1", cf_ipcountry="DE").status == 204
        assert client.put(region, "shop/x", b"1", cf_ipcountry="KP").problem(403, "forbidden")


def test_a_node_knows_the_time_zones_of_its_policy(client):
    for hour in (HOUR - 1, HOUR, HOUR + 1):
        at = datetime.datetime(2026, 7, 1, hour, 30, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo"))
        request = {"path": "/zone", "method": "GET", "consistency": "eventual",
                   "time": at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
        decided = client.send("us-east", "POST", "/v1/decide", json.dumps(request)).json["decision"]
        assert decided["region"] == ("us-west" if hour == HOUR else "us-east"), hour


def test_a_rule_sets_the_consistency(client):
    client.put("us-west", "audit/x", b"1")
    client.put("us-west", "notes/y", b"1")
    assert client.get("us-west", "audit/x", holdfast_consistency="eventual").region == "us-east"
    assert client.get("us-west", "notes/y").region == "us-west"
    assert client.get("eu-west", "audit/x").body == b"1"


def test_a_rule_prefers(client):
    said = client.send("eu-west", "GET", "/v1/auth-request", x_original_uri="/west/1")
    assert (said.headers["X-Region"], said.headers["X-Region-Reason"]) == ("us-west", "rule-prefer")
    assert client.send("eu-west", "GET", "/v1/auth-request", x_original_uri="/").headers["X-Region"] == "us-east"


def test_a_rule_bounds_the_wait():
    with harness.directory("quick") as path:
        cluster = rules_cluster(path)
        with harness.running(cluster):
            cluster.start()
            cluster.wait_home("one")
            cluster.kill("us-east")
            cluster.kill("us-west")
            start = time.monotonic()
            answer = cluster.tenant("acme").put("eu-west", "quick/x", b"1")
            assert answer.status == 503 and time.monotonic() - start < 3, answer
