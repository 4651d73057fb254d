"""Tenants that are made while regions run: known everywhere at once, for good, and what they prefer."""

import json
import threading
import time

import pytest

import harness
from harness import REGIONS, Connection, Tenant, wait_for


def admin(cluster, region, method, path, body=None, **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = Connection(cluster.admin[region])
    try:
        return connection.send(method, "/admin/v1/tenants" + path,
                               json.dumps(body) if isinstance(body, dict) else body, fields)
    finally:
        connection.close()


def create(cluster, region, name, residency="us", cell="us-1", **members):
    answer = admin(cluster, region, "POST", "", {"id": name, "residency": residency, "cell": cell, **members})
    assert answer.status == 201, answer
    return Tenant(cluster.http, answer.json["key"])


def knows(tenant, region):
    return tenant.send(region, "GET", "/v1/preferences").status == 200


def prefer(tenant, region, document, **headers):
    return tenant.send(region, "PUT", "/v1/preferences", json.dumps(document), **headers)


def decide(tenant, region, **request):
    answer = tenant.send(region, "POST", "/v1/explain", json.dumps(request))
    assert answer.status == 200, answer
    return answer.json["decision"]


# --- created --------------------------------------------------------------------------------------

def test_made_in_one_region_and_served_in_all_within_a_second(playground):
    wayne = create(playground, "us-east", "wayne", tier="gold", attributes={"plan": "x"})
    begin = time.monotonic()
    for region in REGIONS:
        wait_for(f"{region} knows wayne", lambda: knows(wayne, region), 1, 0.005)
    assert time.monotonic() - begin < 1
    assert wayne.put("eu-west", "billing/wayne", b"1").status == 204
    assert wayne.get("us-west", "billing/wayne", holdfast_consistency="strong").body == b"1"
    shown = admin(playground, "eu-central", "GET", "/wayne")
    assert shown.json == {"id": "wayne", "residency": "us", "cell": "us-1", "tier": "gold",
                          "consistency": "session", "attributes": {"plan": "x"}, "keys": shown.json["keys"]}
    assert wayne.key not in json.dumps(shown.json)


def test_what_may_not_be_made_is_refused_with_the_reason(playground):
    create(playground, "us-east", "refusals", residency="eu", cell="eu-1")
    for body, status, slug, reason in [
            ({"id": "refusals", "residency": "eu", "cell": "eu-1"}, 409, "exists", "already"),
            ({"id": "acme", "residency": "us", "cell": "us-1"}, 409, "exists", "already"),
            ({"id": "No", "residency": "us", "cell": "us-1"}, 400, "invalid", "a-z"),
            ({"residency": "us", "cell": "us-1"}, 400, "invalid", "id"),
            ({"id": "r1", "residency": "mars", "cell": "us-1"}, 400, "invalid", "mars"),
            ({"id": "r1", "residency": "us", "cell": "us-9"}, 400, "invalid", "us-9"),
            ({"id": "r1", "residency": "us", "cell": "eu-1"}, 400, "invalid", "outside residency class"),
            ({"id": "r1", "residency": "us", "cell": "us-1", "tire": "x"}, 400, "invalid", "tier"),
            ({"id": "r1", "residency": "us"}, 400, "invalid", "cell"),
            ("nonsense", 400, "invalid", "JSON"), ("[" * 900, 413, "too-large", "flatter")]:
        detail = admin(playground, "us-west", "POST", "", body).problem(status, slug)
        assert reason in detail, (body, detail)
        if isinstance(body, dict) and body.get("id") == "r1":
            admin(playground, "us-west", "GET", "/r1").problem(404, "not-found")


def test_a_tenant_is_never_moved_away_from_its_data(playground):
    create(playground, "us-east", "settled", residency="us", cell="us-1")
    for patch, reason in [({"residency": "global", "cell": "global-1"}, "wrong place"),
                          ({"residency": "global"}, "wrong place")]:
        assert reason in admin(playground, "us-east", "PATCH", "/settled", patch).problem(409, "conflict")
    assert admin(playground, "us-east", "GET", "/settled").json["residency"] == "us"


def test_a_key_is_one_tenants(playground):
    create(playground, "us-east", "keyed")
    keys = admin(playground, "us-east", "GET", "/keyed").json["keys"]
    for taken in (keys, admin(playground, "us-east", "GET", "/acme").json["keys"]):
        body = {"id": "thief", "residency": "us", "cell": "us-1", "keys": taken}
        assert "another tenant" in admin(playground, "us-east", "POST", "", body).problem(409, "exists")
    more = admin(playground, "eu-west", "POST", "/keyed/keys")
    assert more.status == 200 and len(more.json["keys"]) == 2
    fresh = Tenant(playground.http, more.json["key"])
    for region in REGIONS:
        wait_for(f"the new key in {region}", lambda: knows(fresh, region), 1, 0.01)
    only = admin(playground, "us-west", "PATCH", "/keyed", {"keys": more.json["keys"][1:]})
    assert only.status == 200
    old = Tenant(playground.http, "hf_unused_0123456789abcdef")
    assert old.send("us-east", "GET", "/v1/preferences").status == 401


def test_tenants_of_the_policy_are_changed_there(playground):
    for patch in ({"tier": "free"}, {"attributes": {"a": "b"}}, {"keys": ["sha256:" + "0" * 64]}):
        assert "policy.yaml" in admin(playground, "us-east", "PATCH", "/acme", patch).problem(409, "conflict")
    assert admin(playground, "us-east", "GET", "/acme").json["source"] == "policy.yaml"


def test_two_at_once_lose_nothing(playground):
    create(playground, "us-east", "busy")
    wait_for("all know it", lambda: all(admin(playground, r, "GET", "/busy").status == 200 for r in REGIONS), 2)
    failed = []

    def change(region):
        for i in range(10):
            answer = admin(playground, region, "PATCH", "/busy", {"attributes": {f"{region}.{i}"[-60:]: "x"}})
            if answer.status != 200:
                failed.append(answer)

    threads = [threading.Thread(target=change, args=(r,)) for r in REGIONS[:3]]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed
    wait_for("every region has all 30", lambda: all(
        len(admin(playground, r, "GET", "/busy").json.get("attributes", {})) == 30 for r in REGIONS), 3)


def test_if_match_refuses_who_looked_too_long_ago(playground):
    create(playground, "us-east", "matched")
    seen = admin(playground, "us-east", "GET", "/matched").etag
    done = admin(playground, "us-east", "PATCH", "/matched", {"tier": "gold"}, If_Match=seen)
    assert done.status == 200 and done.etag != seen
    admin(playground, "us-east", "PATCH", "/matched", {"tier": "free"}, If_Match=seen).problem(
        412, "precondition-failed")
    assert admin(playground, "us-east", "GET", "/matched").json["tier"] == "gold"
    same = admin(playground, "us-east", "PATCH", "/matched", {"tier": None}, If_Match=done.etag)
    assert same.status == 200 and "tier" not in same.json


def test_pages_show_everybody_once(playground):
    for i in range(7):
        create(playground, "us-east", f"page-{i}")
    names, cursor = [], ""
    while True:
        page = admin(playground, "us-east", "GET", f"?limit=3&cursor={cursor}").json
        assert len(page["items"]) <= 3
        names += [row["id"] for row in page["items"]]
        cursor = page.get("cursor")
        if not cursor:
            break
    assert len(names) == len(set(names))
    assert {"acme", "globex", "initech", *(f"page-{i}" for i in range(7))} <= set(names)
    for query in ("?limit=0", "?limit=1001", "?limits=3", "?limit=x"):
        admin(playground, "us-east", "GET", query).problem(400, "invalid")
    for cursor in ("d.0.7.7.7", "d.9.1.1.1", "p.x", "d.0.18446744073709551615.3.0", "x"):
        assert admin(playground, "us-east", "GET", f"?limit=3&cursor={cursor}").status == 200


# --- preferences ------------------------------------------------------------------------------------

def test_preferences_count_at_every_region(playground):
    tenant = create(playground, "us-east", "picky", residency="global", cell="global-1")
    wait_for("known", lambda: all(knows(tenant, r) for r in REGIONS), 2)
    home = playground.wait_home("global-1")
    window = {"from": "00:00", "to": "23:59"}
    wish = {"regions": [r for r in REGIONS if r != "us-west"][:2], "consistency": "eventual",
            "explicit_failover": True, "maintenance": window}
    put = prefer(tenant, "eu-west", wish)
    assert put.status == 200, put
    full = {**wish, "maintenance": {**window, "zone": "+00:00"}}
    assert put.json == full
    for region in REGIONS:
        wait_for(f"{region} obeys", lambda: tenant.send(region, "GET", "/v1/preferences").json == full, 1, 0.01)
        assert tenant.send(region, "GET", "/v1/preferences").etag == put.etag
    decision = decide(tenant, "us-west", write=False)
    assert decision["consistency"] == "eventual"
    assert decide(tenant, "us-west", write=True)["region"] == home
    again = prefer(tenant, "us-east", full, if_match=put.etag)
    assert again.status == 200 and again.etag == put.etag
    prefer(tenant, "us-east", {}, if_match='"0123456789abcdef"').problem(412, "precondition-failed")
    assert prefer(tenant, "us-east", {}).json == {"regions": [], "consistency": "session",
                                                  "explicit_failover": False, "maintenance": None}


def test_preferences_move_where_requests_go(own_playground):
    tenant = create(own_playground, "us-east", "mover", residency="eu", cell="eu-1")
    wait_for("known", lambda: all(knows(tenant, r) for r in REGIONS), 2)
    assert tenant.put("eu-west", "billing/k", b"v").status == 204
    own_playground.wait_converged(["eu-1"])
    for chosen in ("eu-west", "eu-central", "eu-west"):
        assert prefer(tenant, "us-west", {"regions": [chosen], "consistency": "eventual"}).status == 200

        def moved():
            decision = decide(tenant, "us-west", write=False)
            kinds = [(r["reason"], r.get("region")) for r in decision["reasons"]]
            return decision["region"] == chosen and ("preference", chosen) in kinds
        wait_for(f"explain says {chosen}", moved, 1, 0.02)
        answer = tenant.get("us-west", "billing/k")
        assert answer.status == 200 and answer.region == chosen, answer
        told = own_playground.admin_get("us-west", "/admin/v1/decisions/" + answer.headers["Holdfast-Decision"])
        assert told.status == 200 and told.json["request"]["tenant"] == "mover"


def test_preferences_of_the_policys_tenants_too(own_playground):
    acme = own_playground.tenant("acme")
    put = prefer(acme, "eu-central", {"regions": ["us-west"], "consistency": "eventual"})
    assert put.status == 200, put
    for region in REGIONS:
        wait_for(f"{region} obeys",
                 lambda: decide(acme, region, write=False)["consistency"] == "eventual", 1, 0.01)
    assert decide(acme, "eu-west", write=False)["region"] == "us-west"
    shown = admin(own_playground, "eu-west", "GET", "/acme").json
    assert shown["preferences"] == {"regions": ["us-west"]} and shown["source"] == "policy.yaml"
    for region in REGIONS:
        own_playground.kill(region)
    for region in REGIONS:
        own_playground.restore(region)
    for region in REGIONS:
        wait_for(f"{region} still obeys", lambda: acme.send(region, "GET", "/v1/preferences").json["regions"]
                 == ["us-west"], 5)


@pytest.mark.parametrize("body, status, reason", [
    ({"regions": ["eu-west"]}, 400, "outside residency class 'us'"),
    ({"regions": ["us-est"]}, 400, "us-east"), ({"region": ["us-east"]}, 400, "unknown member"),
    ({"regions": "us-east"}, 400, "list"), ({"regions": ["us-east", "us-east"]}, 400, "twice"),
    ({"consistency": "linear"}, 400, "strong"), ({"consistency": 7}, 400, "text"),
    ({"explicit_failover": "yes"}, 400, "true or false"),
    ({"maintenance": {"from": "02:00", "to": "04:00"}}, 400, "no regions are preferred"),
    ({"regions": ["us-east"], "maintenance": {"from": "25:00", "to": "04:00"}}, 400, "time of the day"),
    ({"regions": ["us-east"], "maintenance": {"from": "02:00"}}, 400, "from and to"),
    ("", 400, "JSON"), ("[]", 400, "object"), ('{"regions":[],"regions":[]}', 400, "JSON"),
    ("[" * 2000, 413, "smaller"), (" " * 5000, 413, "smaller")], ids=str)
def test_wrong_preferences_are_refused_and_change_nothing(playground, acme, body, status, reason):
    before = acme.send("us-east", "GET", "/v1/preferences")
    answer = acme.send("us-east", "PUT", "/v1/preferences",
                       json.dumps(body) if isinstance(body, dict) else body)
    detail = answer.problem(status, "invalid" if status == 400 else "too-large")
    assert reason in detail, detail
    assert acme.send("us-east", "GET", "/v1/preferences").json == before.json


def test_preferences_need_a_key_and_a_known_method(playground, acme):
    nobody = Tenant(playground.http, "hf_nobody_0123456789abcdef")
    for method in ("GET", "PUT"):
        nobody.send("us-east", method, "/v1/preferences", "{}").problem(401, "unauthenticated")
    acme.send("us-east", "DELETE", "/v1/preferences").problem(405, "method-not-allowed")


# --- for good ---------------------------------------------------------------------------------------

def test_tenants_survive_and_who_was_away_catches_up(own_playground):
    first = create(own_playground, "us-east", "first")
    own_playground.kill("eu-west")
    second = create(own_playground, "eu-central", "second", residency="global", cell="global-1")
    assert prefer(first, "us-east", {"regions": ["us-west"]}).status == 200
    own_playground.restore("eu-west")
    for tenant in (first, second):
        wait_for("eu-west has caught up", lambda: knows(tenant, "eu-west"), 2)
    for region in REGIONS:
        own_playground.kill(region)
    for region in REGIONS:
        own_playground.restore(region)
    for region in REGIONS:
        for tenant in (first, second):
            wait_for(f"{region} knows them", lambda: knows(tenant, region), 5)
        assert first.send(region, "GET", "/v1/preferences").json["regions"] == ["us-west"]
    own_playground.wait_home("us-1")
    assert wait_for("a write", lambda: first.put("eu-central", "billing/late", b"x").status == 204)


def test_the_images_of_tenants_are_for_regions_only(playground):
    answer = playground.admin_get("us-east", "/admin/v1/tenants-image/" + "0" * 64)
    answer.problem(403, "forbidden")


# --- the command -------------------------------------------------------------------------------------

def tenant_command(cluster, *words, **kwargs):
    return harness.holdfast("tenant", *words, "--dir", cluster.dir, **kwargs)


def test_command_makes_changes_shows_and_lists(playground):
    made = tenant_command(playground, "create", "cli-1", "residency=eu", "cell=eu-1", "tier=gold",
                          "attr.plan=pro", "--region", "us-west", check=0).stdout.decode()
    key = made.split("shown this once: ")[1].strip()
    tenant = Tenant(playground.http, key)
    wait_for("its key is good everywhere", lambda: all(knows(tenant, r) for r in REGIONS), 1, 0.01)
    changed = tenant_command(playground, "set", "cli-1", "tier=", "regions=eu-central,eu-west",
                             "maintenance=22:00-04:30+02:00", "explicit_failover=true", "attr.plan=",
                             "attr.seat=7", "--json", check=0)
    row = json.loads(changed.stdout)
    window = {"from": "22:00", "to": "04:30", "zone": "+02:00"}
    assert row == {"id": "cli-1", "residency": "eu", "cell": "eu-1", "consistency": "session",
                   "preferences": {"regions": ["eu-central", "eu-west"], "explicit_failover": True,
                                   "maintenance": window},
                   "attributes": {"seat": "7"}, "keys": row["keys"]}
    text = tenant_command(playground, "show", "cli-1", check=0).stdout.decode()
    assert "22:00-04:30+02:00" in text and "eu-central eu-west" in text and key not in text
    version = json.loads(tenant_command(playground, "show", "cli-1", "--json", check=0).stdout)["version"]
    tenant_command(playground, "set", "cli-1", "tier=x", "--if-match", version, check=0)
    late = tenant_command(playground, "set", "cli-1", "tier=y", "--if-match", version, check=1)
    assert b"412" in late.stderr
    fresh = json.loads(tenant_command(playground, "set", "cli-1", "--new-key", "--json", check=0).stdout)["key"]
    assert wait_for("the new key", lambda: knows(Tenant(playground.http, fresh), "us-east"), 1, 0.01)
    rows = [json.loads(line) for line in tenant_command(playground, "list", "--json", check=0).stdout.splitlines()]
    assert {"acme", "cli-1"} <= {row["id"] for row in rows}
    page = tenant_command(playground, "list", "--limit", 2, check=0)
    assert len(page.stdout.splitlines()) == 3 and b"--cursor" in page.stderr


@pytest.mark.parametrize("words, status, reason", [
    (["create", "x"], 2, "residency=CLASS"), (["create", "x", "residency"], 2, "FIELD=VALUE"),
    (["create", "x", "residency=us", "cell=us-1", "teir=x"], 2, "no such field"),
    (["create", "x", "residency=us", "cell=eu-1"], 1, "outside residency class"),
    (["create", "acme", "residency=us", "cell=us-1"], 1, "already"),
    (["set", "acme"], 2, "FIELD=VALUE"), (["set", "nobody", "tier=x"], 1, "no tenant"),
    (["set", "acme", "residency=eu"], 1, "outside residency class"),
    (["set", "acme", "residency=eu", "cell=eu-1"], 1, "wrong place"), (["show", "nobody"], 1, "no tenant"),
    (["show", "No"], 2, "no id"), (["list", "--limit", "0"], 2, "--limit"),
    (["import", "x.txt"], 2, "--format"), (["import", "/nowhere.csv"], 1, "can be read")], ids=str)
def test_command_says_what_is_wrong(playground, words, status, reason):
    done = tenant_command(playground, *words, check=status)
    assert reason in done.stderr.decode() and not done.stdout


# --- imports -------------------------------------------------------------------------------------------

def key_of(i):
    return f"hf_import_{i:016d}"


def csv_row(name, i, tier="gold", residency="us", cell="us-1"):
    import hashlib
    return f"{name},{residency},{cell},{tier},sha256:{hashlib.sha256(key_of(i).encode()).hexdigest()}\n"


HEADER = "id,residency,cell,tier,key\n"


def test_import_of_100000_is_in_every_region_at_once_and_for_good(own_playground, tmp_path):
    early = create(own_playground, "us-east", "early", tier="free", attributes={"a": "b"})
    assert prefer(early, "us-east", {"regions": ["us-west"]}).status == 200
    count = 100_000
    path = tmp_path / "many.csv"
    path.write_text(HEADER + "".join(csv_row(f"many-{i}", i) for i in range(count))
                    + "early,us,us-1,gold,\n")
    done = tenant_command(own_playground, "import", path, "--json", check=0)
    result = json.loads(done.stdout)
    assert (result["state"], result["created"], result["changed"], result["rejected"]) == ("done", count, 1, 0)
    some = [Tenant(own_playground.http, key_of(i)) for i in (0, 1, 50_000, count - 1)]
    for region in REGIONS:
        wait_for(f"{region} has the import", lambda: all(knows(t, region) for t in some), 5, 0.02)
    # What the file did not say stays: the key and the preferences; the rest is as it says.
    row = admin(own_playground, "eu-west", "GET", "/early").json
    assert row["tier"] == "gold" and "attributes" not in row and row["preferences"] == {"regions": ["us-west"]}
    assert knows(early, "eu-west")
    late = create(own_playground, "eu-central", "late")
    assert some[3].put("eu-west", "billing/x", b"1").status == 204
    for region in REGIONS:
        own_playground.kill(region)
    # One has lost its image and gets it from another.
    for image in (own_playground.dir / "eu-west.state" / "tenants").glob("*.image"):
        image.unlink()
    for region in REGIONS:
        own_playground.restore(region)
    for region in REGIONS:
        for tenant in (*some, early, late):
            wait_for(f"{region} knows them all", lambda: knows(tenant, region), 10)
    listed = tenant_command(own_playground, "list", "--json", check=0).stdout.splitlines()
    assert len(listed) == count + 5


def test_bad_rows_are_placed_and_refuse_the_whole_or_are_left_out(playground, tmp_path):
    create(playground, "us-east", "bad-there", residency="eu", cell="eu-1")
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + csv_row("bad-1", 900_001) + "bad-2,mars,us-1,gold,\n"
                    + csv_row("bad-1", 900_002) + csv_row("bad-3", 900_001)
                    + "bad-there,us,us-1,gold,\n" + "acme,us,us-1,gold,\n" + "bad-4,us,eu-1,gold,\n"
                    + csv_row("bad-5", 900_005))
    done = tenant_command(playground, "import", path, check=1)
    text = done.stderr.decode()
    for place, reason in [(":3:7:", "mars"), (":4:", "stands in the file already"), (":5:", "key 1"),
                          (":6:", "wrong place"), (":7:", "policy.yaml"), (":8:", "outside residency class")]:
        assert any(place in line and reason in line for line in text.splitlines()), (place, text)
    assert "6 of 8 rows are wrong: nothing was imported" in text
    admin(playground, "us-east", "GET", "/bad-5").problem(404, "not-found")
    kept = tenant_command(playground, "import", path, "--keep-going", check=0)
    assert b"2 new, 0 changed, 6 left out" in kept.stdout and b":7:" in kept.stderr
    for region in REGIONS:
        wait_for(f"{region} has it", lambda: knows(Tenant(playground.http, key_of(900_005)), region), 5, 0.02)
    assert admin(playground, "us-east", "GET", "/bad-there").json["residency"] == "eu"


def test_import_of_json_lines_by_a_pipe(playground):
    lines = b'{"id":"pipe-1","residency":"us","cell":"us-1","preferences":{"regions":["us-west"],' \
            b'"explicit_failover":true}}\n{"id":"pipe-2","residency":"eu","cell":"eu-1"}\n'
    done = tenant_command(playground, "import", "-", "--format", "json", input=lines, check=0)
    assert b"2 new" in done.stdout
    again = tenant_command(playground, "import", "-", "--format", "json", input=lines, check=0)
    assert b"0 new, 2 changed" in again.stdout
    for words, reason in [(b"id,cell\nx,y\n", "residency"), (b"\x00\xff\xfe", ""), (b"", "empty")]:
        wrong = tenant_command(playground, "import", "-", "--format", "csv", input=words, check=1)
        assert reason in wrong.stderr.decode()


def test_changes_beside_an_import_are_not_lost(own_playground, tmp_path):
    path = tmp_path / "beside.csv"
    path.write_text(HEADER + "".join(csv_row(f"beside-{i}", i) for i in range(60_000)))
    import threading
    done = []
    worker = threading.Thread(target=lambda: done.append(
        tenant_command(own_playground, "import", path, "--region", "us-east")))
    worker.start()
    made = []
    while worker.is_alive():
        made.append(create(own_playground, REGIONS[len(made) % 4], f"meanwhile-{len(made)}"))
    worker.join()
    assert done[0].returncode == 0, done[0]
    assert len(made) > 10
    for region in REGIONS:
        for tenant in (*made, Tenant(own_playground.http, key_of(59_999))):
            wait_for(f"{region} knows them all", lambda: knows(tenant, region), 5, 0.02)


def test_a_full_log_becomes_an_image_by_itself(own_playground):
    big = {f"a{i}": "x" * 250 for i in range(30)}
    tenant = create(own_playground, "us-east", "wordy", attributes=big)
    for i in range(60):
        answer = admin(own_playground, REGIONS[i % 4], "PATCH", "/wordy", {"attributes": {"n": str(i)}})
        assert answer.status == 200, answer
        time.sleep(0.02)
    tenants = {r: own_playground.status(r)["tenants"] for r in REGIONS}
    assert all(t["complete"] and t["image"] and t["count"] >= 1 for t in tenants.values()), tenants
    for region in REGIONS:
        wait_for(f"{region} is up to date", lambda: admin(own_playground, region, "GET", "/wordy").json[
            "attributes"]["n"] == "59", 5)
        assert knows(tenant, region)
    for region in REGIONS:  # what is not used any more is taken away: one is served, one may be announced
        files = own_playground.dir / f"{region}.state" / "tenants"
        wait_for(f"{region} keeps few images", lambda: len(list(files.glob("*.image"))) <= 2, 5)
