"""A policy as code: decided, explained, tested, compared, proved, recorded and replayed, from files alone."""

import json

import pytest

from harness import ROOT, holdfast

EXAMPLE = ROOT / "examples" / "policy.yaml"
TESTS = ROOT / "examples" / "policy-tests.yaml"

POLICY = """\
regions:
  us-east: {jurisdiction: us, location: [39.0, -77.5], capacity: 100}
  us-west: {jurisdiction: us, location: [45.6, -121.2], capacity: 5}
  eu-west: {jurisdiction: eu, location: [53.3, -6.3]}
residency:
  us: {regions: [us-east, us-west], transit: allow}
  global: {regions: all}
cells:
  us-1: {replicas: [us-east, us-west]}
  global-1: {replicas: [us-east, eu-west, us-west]}
tenants:
  acme: {residency: us, cell: us-1, tier: gold}
  initech: {residency: global, cell: global-1, tier: bronze}
rules:
  - {name: sanctions, when: request.host == 'old.example.com', deny: {status: 451, reason: not there}}
  - {name: gold-near, when: tenant.tier == 'gold', prefer: [us-west]}
"""

SUITE = """\
sections:
  - name: rules
    tests:
      - name: sanctions hold
        input: {request: {tenant: acme, region: us-east, host: old.example.com}}
        output: {verdict: refuse, refusal: forbidden, status: 451, rule: sanctions, reason: rule-deny}
      - name: gold goes west
        input: {request: {tenant: acme, region: eu-west, consistency: eventual}}
        output: {verdict: forward, region: us-west, fallbacks: [us-east], rule: gold-near}
"""


@pytest.fixture
def files(tmp_path):
    """write(name, text) → path; policy and suite are there."""
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path
    write("policy.yaml", POLICY)
    write("tests.yaml", SUITE)
    write.dir = tmp_path
    return write


def ask(files, *words, request, check=0):
    text = json.dumps(request).encode()
    return holdfast(*words, files.dir / "policy.yaml", "-", input=text, check=check).stdout.decode()


# --- decide, explain ----------------------------------------------------------------------------

def test_decide_says_where(files):
    read = {"tenant": "acme", "region": "eu-west", "consistency": "eventual"}
    assert ask(files, "decide", request=read) == "forward to us-west, then us-east\n"
    told = json.loads(ask(files, "decide", "--json", request=read))
    assert told == {"verdict": "forward", "region": "us-west", "fallbacks": ["us-east"],
                    "allowed": ["us-east", "us-west"], "consistency": "eventual"}
    denied = ask(files, "decide", request={**read, "host": "old.example.com"}, check=1)
    assert denied == "refuse with 451: not there (rule 'sanctions', line 15)\n"


def test_explain_says_why_of_every_region(files):
    world = files("world.json", '{"regions": {"us-west": {"state": "down", "age_ms": 700}}}')
    read = {"tenant": "acme", "region": "eu-west", "consistency": "eventual"}
    table = ask(files, "explain", "--world", world, request=read).splitlines()
    rows = {line.split()[0]: line for line in table if line}
    assert "chosen" in rows["us-east"] and "home of the cell" in rows["us-east"]
    assert "dropped" in rows["us-west"] and "down for 700 ms" in rows["us-west"]
    assert "outside the residency class" in rows["eu-west"]
    told = json.loads(ask(files, "explain", "--json", "--world", world, request=read))
    assert {"reason": "down", "region": "us-west", "value": 700,
            "text": "us-west: down for 700 ms"} in told["reasons"]
    assert table == ask(files, "explain", "--world", world, request=read).splitlines()


def test_bad_questions_are_refused_with_a_guess(files):
    policy, world = files.dir / "policy.yaml", files("w.json", '{"cells": {"us-1": {"hme": null}}}')
    for text, said in [(b'{"tenant": "acne", "region": "us-east"}', b"did you mean 'acme'?"),
                       (b'{"tenant": "acme", "regoin": "us-east"}', b"did you mean 'region'?"),
                       (b'{"tenant": "acme"}', b"the key 'region' is missing"),
                       (b'{"tenant": ', b"-:1:"), (b"", b"-:1:"), (b"[]", b"expected an object"),
                       (b'{"tenant":"acme","tenant":"acme"}', b"duplicate")]:
        done = holdfast("decide", policy, "-", input=text, check=1)
        assert said in done.stderr and not done.stdout, (text, done.stderr)
    done = holdfast("decide", policy, "-", "--world", world, input=b'{"tenant":"acme","region":"us-east"}',
                    check=1)
    assert b"cells.us-1.hme: unknown key (did you mean 'home'?)" in done.stderr


# --- test ---------------------------------------------------------------------------------------

def test_the_example_keeps_its_promises():
    done = holdfast("policy", "test", EXAMPLE, TESTS, "--min-coverage", "100", check=0)
    assert b" 0 failed" in done.stdout


def test_a_failure_shows_what_came_and_why(files):
    policy = files.dir / "policy.yaml"
    assert b"2 passed, 0 failed; 2 of 2 rules matched (100 %)" in holdfast(
        "policy", "test", policy, files.dir / "tests.yaml", check=0).stdout
    wrong = files("wrong.yaml", SUITE.replace("region: us-west, fall", "region: us-east, fall"))
    done = holdfast("policy", "test", policy, wrong, check=1)
    assert b"wrong.yaml:7:9: region: expected us-east, got us-west" in done.stdout
    assert b"the decision: forward to us-west" in done.stdout and b"gold-near" in done.stdout
    told = json.loads(holdfast("policy", "test", policy, wrong, "--json", check=1).stdout)
    assert (told["passed"], told["failed"]) == (1, 1)
    assert told["tests"][1]["expected"] == "us-east" and told["tests"][1]["line"] == 7


def test_rules_that_no_test_matches_are_named(files):
    policy = files.dir / "policy.yaml"
    half = files("half.yaml", "\n".join(SUITE.splitlines()[:6]) + "\n")
    done = holdfast("policy", "test", policy, half, check=0)
    assert b"1 of 2 rules matched (50 %)" in done.stdout
    assert b"never matched: rule 'gold-near'" in done.stdout
    done = holdfast("policy", "test", policy, half, "--min-coverage", "90", check=1)
    assert b"50 % of the rules were matched, less than 90 %" in done.stderr


@pytest.mark.parametrize("change, said", [
    (("tenant: acme, region: us-east", "tenant: acne, region: us-east"),
     "tests.yaml:5:35: sections[0].tests[0].input.request.tenant: no tenant is named 'acne' (did you mean"),
    (("verdict: refuse", "verdict: refused"), "found 'refused' (did you mean 'refuse'?)"),
    (("rule: sanctions", "rule: sanction"), "no rule is named 'sanction' (did you mean 'sanctions'?)"),
    (("reason: rule-deny", "reason: rule-denied"), "there is no reason 'rule-denied'"),
    (("refusal: forbidden", "refusal: forbiden"), "did you mean 'forbidden'?"),
    (("output: {verdict: forward, region: us-west, fallbacks: [us-east], rule: gold-near}", "output: {}"),
     "nothing is expected"),
    (("sections:", "section:"), "did you mean 'sections'?"),
    (("host: old.example.com", "client: {contry: KP}"), "request.client.contry: unknown key")])
def test_mistakes_in_tests_are_told_where_they_are(files, change, said):
    files("tests.yaml", SUITE.replace(*change))
    done = holdfast("policy", "test", files.dir / "policy.yaml", files.dir / "tests.yaml", check=1)
    assert said in done.stderr.decode() and not done.stdout


# --- diff ---------------------------------------------------------------------------------------

def test_diff_names_tenants_rules_and_moves(files):
    old = files.dir / "policy.yaml"
    holdfast("policy", "diff", old, old, check=0)
    new = files("new.yaml", POLICY.replace("us-1: {replicas: [us-east, us-west]}",
                                           "us-1: {replicas: [us-west, us-east]}")
                .replace("prefer: [us-west]}", "prefer: [us-east]}\n  - {name: last, deny: {}}\n"
                         "  - {name: late, hold: 2s}").replace("capacity: 100", "capacity: 50"))
    told = json.loads(holdfast("policy", "diff", old, new, "--json", check=1).stdout)
    acme = next(t for t in told["tenants"] if t["name"] == "acme")
    assert acme["changes"] == ["home", "decisions"] and acme["moved"] > 0
    assert {(r["name"], r["change"]) for r in told["rules"]} == {
        ("gold-near", "changed"), ("last", "added"), ("late", "added")}
    assert [(r["name"], r["by"]) for r in told["never_decide"]] == [("late", "last")]
    assert told["regions"][0]["capacity_old"] == 100 and told["regions"][0]["capacity_new"] == 50
    assert sum(m["count"] for m in told["moves"]) == told["decisions"] == 2 * 3 * 5 * 2  # plain, and to the host that a rule names
    text = holdfast("policy", "diff", old, new, check=1).stdout.decode()
    assert "home us-east -> us-west" in text and "'late' (" in text and "(refuse)" in text


# --- prove --------------------------------------------------------------------------------------

def test_prove_holds_and_names_the_dark(files):
    done = holdfast("policy", "prove", files.dir / "policy.yaml", "--progress", check=0)
    assert b"no route leaves its residency class" in done.stdout
    assert b"with us-east and us-west dead: cell us-1 serves no reads of 1 tenant" in done.stdout
    told = json.loads(holdfast("policy", "prove", files.dir / "policy.yaml", "--dead", "3", "--json",
                               check=0).stdout)
    assert told["sets"] == 8 and told["leak_count"] == 0
    assert {"us-1", "global-1"} == {d["cell"] for d in told["dark"]}
    assert not holdfast("policy", "prove", files.dir / "policy.yaml", "--dead", "1",
                        check=0).stdout.count(b"goes dark")


# --- flags ----------------------------------------------------------------------------------------

FLAG = """\
flags:
  api-version:
    variants: {old: "1", new: "2"}
    default: old
    rules: [{when: tenant.tier == 'gold', variant: new}]
"""
FLAG_SUITE = """\
sections:
  - name: flags
    tests:
      - name: gold gets the new one
        input: {request: {tenant: acme, region: us-east}}
        output: {flags: {api-version: %s}}
"""


def test_flags_are_tested_with_the_policy(files):
    policy, tests = files("policy.yaml", POLICY + FLAG), files("tests.yaml", FLAG_SUITE % "new")
    holdfast("policy", "test", policy, tests, check=0)
    files("tests.yaml", FLAG_SUITE % "old")
    said = holdfast("policy", "test", policy, tests, check=1).stdout.decode()
    assert "api-version: expected old, got new" in said
    files("tests.yaml", FLAG_SUITE % "olt")
    assert "flag 'api-version' has no variant 'olt'" in holdfast("policy", "test", policy, tests, check=1).stderr.decode()
    files("tests.yaml", (FLAG_SUITE % "old").replace("api-version", "api-versoin"))
    assert "(did you mean 'api-version'?)" in holdfast("policy", "test", policy, tests, check=1).stderr.decode()


# --- time zones -----------------------------------------------------------------------------------

def test_time_zones_are_those_of_the_machine(files):
    rule = "  - {name: night, when: \"request.time.getHours('%s') >= 22\", deny: true}\n"
    files("policy.yaml", POLICY + rule % "Europe/Paris")
    holdfast("check", files.dir / "policy.yaml", check=0)
    summer = {"tenant": "acme", "region": "us-east", "time": "2026-07-15T20:30:00Z"}
    ask(files, "decide", request=summer, check=1)
    ask(files, "decide", request=summer | {"time": "2026-01-15T20:30:00Z"}, check=0)
    files("tests.yaml", """\
sections:
  - name: night
    tests:
      - name: falls in Paris
        input: {request: {tenant: acme, region: us-east, time: "2026-07-15T20:30:00Z"}}
        output: {verdict: refuse, rule: night}
""")
    holdfast("policy", "test", files.dir / "policy.yaml", files.dir / "tests.yaml", check=0)
    bad = files("policy.yaml", POLICY + rule % "Europe/Pari")
    said = holdfast("check", bad, check=1).stderr.decode()
    assert f"policy.yaml:{POLICY.count(chr(10)) + 1}:47: " in said
    assert "the time zone 'Europe/Pari' is not known here" in said


# --- record, replay -----------------------------------------------------------------------------

def recording(files, count=200):
    lines = [json.dumps({"tenant": "acme", "region": "eu-west", "consistency": "eventual", "path": f"/v1/{i}",
                         "time": f"2026-03-01T12:00:{i // 20:02}Z"}) for i in range(count)]
    lines.insert(count // 2, '{"world": {"regions": {"us-west": {"state": "down"}}}}')
    path, out = files("requests.jsonl", "\n".join(lines) + "\n"), files.dir / "traffic.hfr"
    done = holdfast("policy", "record", files.dir / "policy.yaml", path, out, check=0)
    assert done.stdout.startswith(b"200 decisions, ")
    return out


def test_replay_forecasts_what_moves(files):
    traffic = recording(files)
    told = json.loads(holdfast("policy", "replay", traffic, files.dir / "policy.yaml", "--json",
                               check=1).stdout)  # 20 a second, for us-west 5 are stated
    assert (told["decisions"], told["moved"]) == (200, 0)
    west = next(r for r in told["regions"] if r["region"] == "us-west")
    assert (west["before"], west["after"], west["peak_per_s"], west["over"]) == (100, 100, 20, True)
    new = files("new.yaml", POLICY.replace("prefer: [us-west]", "prefer: [us-east]"))
    told = json.loads(holdfast("policy", "replay", traffic, new, "--json", check=0).stdout)
    assert told["moved"] == 100 and {"from": "us-west", "to": "us-east", "count": 100} in told["moves"]
    assert told["groups"] == [{"residency": "us", "tier": "gold", "decisions": 200, "moved": 100}]
    assert told["examples"][0]["tenant"] == "acme" and len(told["examples"]) == 20
    text = holdfast("policy", "replay", traffic, new, "--old", files.dir / "policy.yaml", check=0).stdout
    assert b"100 go elsewhere" in text and b"us-west -> us-east" in text


def test_a_damaged_recording_is_told_and_a_torn_one_read(files):
    traffic, policy = recording(files), files.dir / "policy.yaml"
    whole = traffic.read_bytes()
    torn = files.dir / "torn.hfr"
    torn.write_bytes(whole[:-10])
    assert b"block that was cut off" in holdfast("policy", "replay", torn, policy, check=0).stdout
    torn.write_bytes(whole[:300] + b"!" + whole[301:] + b"more")  # at the very end it would be a crash's
    assert b"checksum" in holdfast("policy", "replay", torn, policy, check=1).stderr
    for begun in (b"", whole[:50], bytes(4096)):
        torn.write_bytes(begun)
        assert b"0 decisions" in holdfast("policy", "replay", torn, policy, check=0).stdout
    done = holdfast("policy", "replay", policy, policy, check=1)
    assert b"holdfast policy record" in done.stderr
    bad = files("bad.jsonl", '{"tenant": "acme", "region": "us-east"}\n{"tenant": "acme"}\n')
    done = holdfast("policy", "record", policy, bad, files.dir / "x.hfr", check=1)
    assert b"bad.jsonl:2:1: the key 'region' is missing" in done.stderr
    assert not (files.dir / "x.hfr").exists()
