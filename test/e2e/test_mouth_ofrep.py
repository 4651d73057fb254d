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
