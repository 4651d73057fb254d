"""OpenFeature: its own SDK asks for the region; and what OFREP says of bad input."""

import json
import subprocess

import pytest

import harness
from harness import REGIONS

FLAGS = "/ofrep/v1/evaluate/flags"
MODULES = harness.ROOT / "build/openfeature/node_modules"


@pytest.fixture(scope="module")
def sdk():
    subprocess.run([harness.ROOT / "tools/openfeature.sh"], check=True, timeout=120)

    def ask(port, key, questions):
        done = subprocess.run(
            ["node", harness.ROOT / "test/e2e/openfeature.cjs", MODULES, f"http://127.0.0.1:{port}",
             f"Bearer {key}" if key else "", json.dumps(questions)],
            capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def test_the_sdk_evaluates_region_and_more(playground, sdk):
    for cell in harness.COPIES:
        playground.wait_home(cell)
    write = {"targetingKey": "acme", "method": "PUT", "path": "/pay"}
    region, others, residency, unknown, keyless, default = sdk(
        playground.http["eu-west"], playground.keys["acme"],
        [["string", "region", "none", write], ["object", "fallbacks", [], {"targetingKey": "session-7"}],
         ["string", "residency", "none", write], ["string", "colour", "red", write],
         ["string", "region", "none", {"path": "/"}], ["object", "region", {}, write]])
    assert (region["value"], region["reason"]) == ("us-east", "TARGETING_MATCH")
    assert region["flagMetadata"]["why"] == "home" and region["flagMetadata"]["decision"]
    assert others["value"] == ["us-west"]
    assert (residency["value"], residency["reason"]) == ("us", "STATIC")
    assert (unknown["value"], unknown["errorCode"]) == ("red", "FLAG_NOT_FOUND")
    assert (keyless["value"], keyless["errorCode"]) == ("none", "TARGETING_KEY_MISSING")
    assert (default["value"], default["errorCode"]) == ({}, "TYPE_MISMATCH")


def test_a_stranger_gets_defaults(playground, sdk):
    answer = sdk(playground.http["us-east"], None, [["string", "region", "none", {"targetingKey": "acme"}]])[0]
    assert answer["value"] == "none" and answer["reason"] == "ERROR"


def test_all_flags_have_a_tag(acme):
    body = json.dumps({"context": {"targetingKey": "acme", "path": "/pay", "method": "PUT"}})
    first = acme.send("eu-west", "POST", FLAGS, body)
    assert [flag["key"] for flag in first.json["flags"]] == ["region", "fallbacks", "residency"]
    again = acme.send("eu-west", "POST", FLAGS, body, if_none_match=first.etag)
    assert (again.status, again.body, again.etag) == (304, b"", first.etag)
    read = json.dumps({"context": {"targetingKey": "acme", "path": "/pay"}})
    assert acme.send("us-west", "POST", FLAGS, read, if_none_match=first.etag).status == 200


POLICY_FLAGS = """
flags:
  api-version:
    variants: {stable: "2025-06", next: "2026-01"}
    default: stable
    rules:
      - {when: client.country == 'DE', variant: next}
      - {when: "request.headers['x-beta'] == '1'", variant: next}
  checkout:
    variants: {new: true, old: false}
    default: old
    rules: [{split: {by: request.key, weights: {new: 30, old: 70}}}]
  page-size: {variants: {small: 12.5, large: 100}, default: large}
"""


@pytest.fixture(scope="module")
def flagged():
    with harness.directory("flagged") as path:
        cluster = harness.Nodes(path, ["us-east", "eu-west"], {"any": "regions: all"},
                                {"one": "replicas: [us-east, eu-west]"}, {"acme": "residency: any, cell: one"})
        policy = path / "policy.yaml"
        policy.write_text(policy.read_text() + POLICY_FLAGS)
        with harness.running(cluster):
            cluster.start()
            cluster.wait_home("one")
            yield cluster


def test_the_sdk_evaluates_the_policys_flags(flagged, sdk):
    german = {"targetingKey": "u", "country": "DE"}
    beta = {"targetingKey": "u", "headers": {"X-Beta": "1"}}
    users = [["boolean", "checkout", False, {"targetingKey": f"user-{i}"}] for i in range(200)]
    questions = [["string", "api-version", "none", german], ["string", "api-version", "none", beta],
                 ["string", "api-version", "none", {"targetingKey": "u"}],
                 ["number", "page-size", 1, german], ["boolean", "page-size", True, german]]
    answers = {region: sdk(flagged.http[region], flagged.keys["acme"], questions + users)
               for region in flagged.regions}
    version, header, default, size, mismatch, *split = answers["us-east"]
    assert (version["value"], version["variant"], version["reason"]) == ("2026-01", "next", "TARGETING_MATCH")
    assert (header["value"], header["reason"]) == ("2026-01", "TARGETING_MATCH")
    assert (default["value"], default["reason"], default["flagMetadata"]["failed"]) == ("2025-06", "DEFAULT", 2)
    assert (size["value"], size["reason"]) == (100, "STATIC")
    assert (mismatch["value"], mismatch["errorCode"]) == (True, "TYPE_MISMATCH")
    assert {answer["reason"] for answer in split} == {"SPLIT"}
    assert 35 <= sum(answer["value"] for answer in split) <= 85
    # Whoever asks where gets the same.
    assert [a["value"] for a in answers["eu-west"]] == [a["value"] for a in answers["us-east"]]


def test_the_policys_flags_in_bulk_and_in_decide(flagged):
    acme = flagged.tenant("acme")
    body = {"context": {"targetingKey": "user-7", "country": "DE"}}
    bulk = acme.send("us-east", "POST", FLAGS, json.dumps(body))
    flags = {flag["key"]: flag for flag in bulk.json["flags"]}
    assert list(flags) == ["region", "fallbacks", "residency", "api-version", "checkout", "page-size"]
    assert (flags["api-version"]["value"], flags["page-size"]["value"]) == ("2026-01", 100)
    assert acme.send("us-east", "POST", FLAGS, json.dumps(body), if_none_match=bulk.etag).status == 304
    body["context"]["country"] = "FR"
    assert acme.send("us-east", "POST", FLAGS, json.dumps(body), if_none_match=bulk.etag).status == 200
    ask = {"method": "GET", "client": {"country": "DE"}, "sticky": "user-7", "flags": ["api-version", "checkout"]}
    answer = acme.send("us-east", "POST", "/v1/decide", json.dumps(ask)).json
    assert answer["decision"]["verdict"] == "here"
    assert answer["flags"]["api-version"] == {"value": "2026-01", "variant": "next", "reason": "TARGETING_MATCH"}
    assert answer["flags"]["checkout"]["value"] == flags["checkout"]["value"]
    detail = acme.send("us-east", "POST", "/v1/decide", '{"flags":["api-versoin"]}').problem(400, "invalid")
    assert "api-version" in detail
    for bad in ('{"flags":"checkout"}', '{"flags":[1]}', json.dumps({"flags": ["checkout"] * 65})):
        acme.send("us-east", "POST", "/v1/decide", bad).problem(400, "invalid")
    for headers in ([], {"a": 1}, {str(i): "" for i in range(65)}):
        context = {"context": {"targetingKey": "u", "headers": headers}}
        answer = acme.send("us-east", "POST", FLAGS + "/api-version", json.dumps(context))
        assert (answer.status, answer.json["errorCode"]) == (400, "INVALID_CONTEXT")


def test_flags_from_files_alone(flagged):
    request = {"tenant": "acme", "region": "us-east", "client": {"country": "DE"}, "flags": ["api-version", "page-size"]}
    def ask(*more):
        return harness.holdfast("decide", flagged.dir / "policy.yaml", "-", *more, input=json.dumps(request).encode(),
                                check=0).stdout.decode()
    assert "flag api-version: next (TARGETING_MATCH, line " in ask() and "flag page-size: large (STATIC)\n" in ask()
    assert json.loads(ask("--json"))["flags"]["page-size"]["value"] == 100


@pytest.mark.parametrize("body, code", [
    ("", "PARSE_ERROR"), ("{", "PARSE_ERROR"), ("[]", "PARSE_ERROR"), ("\xff", "PARSE_ERROR"),
    ('{"context":{},"context":{}}', "PARSE_ERROR"),
    ("{}", "INVALID_CONTEXT"), ('{"context":[]}', "INVALID_CONTEXT"), ('{"context":null}', "INVALID_CONTEXT"),
    ('{"context":{}}', "TARGETING_KEY_MISSING"), ('{"context":{"targetingKey":7}}', "TARGETING_KEY_MISSING"),
    ('{"context":{"targetingKey":""}}', "TARGETING_KEY_MISSING"),
    ('{"context":{"targetingKey":"a","ip":"1.2.3"}}', "INVALID_CONTEXT"),
    ('{"context":' + "[" * 100_000, "INVALID_CONTEXT"),
    ('{"context":{"a":' * 17 + "1" + "}" * 34, "INVALID_CONTEXT"),
    ('{"context":{"targetingKey":"' + "k" * 1_000_000 + '"}}', "INVALID_CONTEXT"),
])
def test_errors_have_the_protocols_types(acme, body, code):
    for region in ("us-east", "eu-west"):
        for path, key in ((FLAGS + "/region", "region"), (FLAGS, None)):
            answer = acme.send(region, "POST", path, body.encode("latin-1"))
            assert answer.status == 400, answer
            assert (answer.json["errorCode"], answer.json.get("key")) == (code, key)
            assert isinstance(answer.json["errorDetails"], str)
            assert answer.headers["Content-Type"] == "application/json"


def test_unknown_flags_and_other_tenants(acme, playground):
    for key in ("nope", "regio", "region/x", "%72egion", "r" * 5000):
        answer = acme.send("us-east", "POST", f"{FLAGS}/{key}", '{"context":{"targetingKey":"acme"}}')
        assert (answer.status, answer.json["errorCode"], answer.json["key"]) == (404, "FLAG_NOT_FOUND", key)
    body = '{"context":{"targetingKey":"x","tenant":"%s"}}'
    for tenant in ("globex", "nobody"):
        acme.send("us-east", "POST", FLAGS, body % tenant).problem(403, "forbidden")
    assert acme.send("us-east", "POST", FLAGS, body % "acme").status == 200
    harness.Connection(playground.http["us-east"]).send("POST", FLAGS, "{}").problem(401, "unauthenticated")
    assert acme.send("us-east", "GET", FLAGS).headers["Allow"] == "POST"
    assert {acme.send(r, "POST", FLAGS + "/residency", body % "acme").json["value"] for r in REGIONS} == {"us"}
