"""The data interface: keys, values, versions, conditions, lifetimes, scans, transactions,
idempotency and consistency, through every region's edge.
"""

import base64
import http.server
import os
import threading
import time
import uuid
from urllib.parse import quote

import pytest

import harness
from harness import REGIONS, wait_for


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- one key --------------------------------------------------------------------------------

@pytest.mark.parametrize("region", REGIONS)
def test_put_get_head_delete_through_any_region(acme, unique, region):
    key = f"notes/{unique}"
    assert acme.get(region, key).problem(404, "not-found")
    put = acme.put(region, key, b"first")
    assert (put.status, put.body) == (204, b"")
    assert put.region in harness.COPIES["us-1"]
    got = acme.get(region, key, holdfast_consistency="strong")
    assert (got.status, got.body, got.etag) == (200, b"first", put.etag)
    assert got.headers["Content-Type"] == "application/octet-stream"
    head = acme.send(region, "HEAD", f"/v1/data/{key}", holdfast_consistency="strong")
    assert (head.status, head.body, head.etag) == (200, b"", put.etag)
    assert head.headers["Content-Length"] == "5"
    again = acme.put(region, key, b"second")
    assert again.etag != put.etag
    assert acme.delete(region, key).status == 204
    assert acme.get(region, key, holdfast_consistency="strong").status == 404
    assert acme.delete(region, key).status == 204  # nothing to delete is no error


VALUES = {
    "empty": b"",
    "all-bytes": bytes(range(256)) * 3,
    "nul": b"\0" * 100,
    "crlf": b"\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
    "page": os.urandom(4096),
    "large": os.urandom(300_000),
    "largest": os.urandom(4 << 20),
}


@pytest.mark.parametrize("name", VALUES)
def test_any_bytes_come_back(acme, unique, name):
    value = VALUES[name]
    for region in ("us-east", "eu-west"):  # at home and passed on
        assert acme.put(region, f"blobs/{unique}", value).status == 204
        for reader in ("us-east", "us-west", "eu-central"):
            got = acme.get(reader, f"blobs/{unique}", holdfast_consistency="strong")
            assert got.status == 200 and got.body == value


def test_over_the_largest_value_is_413(acme, unique):
    for region in ("us-east", "eu-west"):
        answer = acme.put(region, f"blobs/{unique}", bytes((4 << 20) + 1))
        answer.problem(413, "too-large")
    assert acme.get("us-east", f"blobs/{unique}").status == 404


KEYS = ["a/b/c", "sp%20ace", "plus+plus", "%F0%9F%8C%8D/%C3%A9t%C3%A9", "semi;colon,comma",
        "per%25cent", "que%3Fstion%23hash", "quote%22back%5Cslash", "x" * 400, "tab%09newline%0A",
        "trailing/", "a//b"]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_any_key_is_that_key(acme, unique, key):
    full = f"keys/{quote(unique)}/{key}"
    for region in ("us-east", "eu-central"):
        value = f"{region} {key}".encode()
        assert acme.put(region, full, value).status == 204
        assert acme.get("us-west", full, holdfast_consistency="strong").body == value
    from urllib.parse import unquote
    names = [item["key"] for item in acme.scan("us-east", "keys", prefix=unique)]
    assert names == [f"{unique}/{unquote(key)}"]


def test_encoded_slash_is_the_same_key(acme, unique):
    assert acme.put("us-east", f"keys/{unique}/one", b"1").status == 204
    assert acme.get("us-east", f"keys/{quote(unique, safe='')}%2Fone").body == b"1"


# --- conditions --------------------------------------------------------------------------------

def test_if_match_lets_one_writer_win(acme, unique):
    key = f"notes/{unique}"
    version = acme.put("us-east", key, b"1").etag
    second = acme.put("eu-west", key, b"2", if_match=version)
    assert second.status == 204 and second.etag != version
    acme.put("us-west", key, b"3", if_match=version).problem(412, "precondition-failed")
    acme.delete("us-west", key, if_match=version).problem(412, "precondition-failed")
    assert acme.get("us-east", key, holdfast_consistency="strong").body == b"2"
    assert acme.put("us-east", key, b"4", if_match="*").status == 204
    fourth = acme.get("us-east", key, holdfast_consistency="strong").etag
    assert acme.delete("us-east", key, if_match=fourth).status == 204
    acme.put("us-east", key, b"5", if_match="*").problem(412, "precondition-failed")


def test_if_none_match_creates_once(acme, unique):
    key = f"notes/{unique}"
    assert acme.put("us-east", key, b"1", if_none_match="*").status == 204
    acme.put("us-east", key, b"2", if_none_match="*").problem(412, "precondition-failed")
    acme.delete("us-east", key)
    assert acme.put("us-east", key, b"3", if_none_match="*").status == 204


def test_conditional_reads(acme, unique):
    key = f"notes/{unique}"
    version = acme.put("us-east", key, b"1").etag
    same = acme.get("us-east", key, if_none_match=version)
    assert (same.status, same.body, same.etag) == (304, b"", version)
    assert acme.get("us-east", key, if_none_match=f'"1-1", {version}').status == 304
    assert acme.get("us-east", key, if_none_match='"1-1"').status == 200
    assert acme.get("us-east", key, if_match=version).status == 200
    acme.get("us-east", key, if_match='"1-1"').problem(412, "precondition-failed")


def test_nonsense_in_conditions_is_400(acme, unique):
    key = f"notes/{unique}"
    acme.put("us-east", key, b"1", if_match="yesterday").problem(400, "invalid")
    acme.put("us-east", key, b"1", if_none_match='"1-1"').problem(400, "invalid")
    assert acme.get("us-east", key).status == 404


# --- lifetime --------------------------------------------------------------------------------

def test_expired_values_are_hidden_at_once_and_swept(playground, globex, unique):
    key = f"sessions/{unique}"
    assert globex.put("eu-west", key, b"short", holdfast_ttl="1s").status == 204
    assert globex.put("eu-west", key + "-kept", b"long", holdfast_ttl="12h").status == 204
    end = time.monotonic() + 1.3
    assert globex.get("eu-west", key, holdfast_consistency="strong").body == b"short"
    committed = playground.cell("eu-west", "eu-1")["committed"]
    time.sleep(max(0, end - time.monotonic()))
    for region in ("eu-west", "eu-central"):
        assert globex.get(region, key, holdfast_consistency="eventual").status == 404
        found = [i["key"] for i in globex.scan(region, "sessions", prefix=unique)]
        assert found == [unique + "-kept"]
    wait_for("the expired key is swept from the log's view",
             lambda: playground.cell("eu-west", "eu-1")["committed"] > committed)


def test_putting_anew_lifts_the_lifetime(globex, unique):
    key = f"sessions/{unique}"
    globex.put("eu-west", key, b"1", holdfast_ttl="200ms")
    globex.put("eu-west", key, b"2")
    time.sleep(0.3)
    assert globex.get("eu-west", key, holdfast_consistency="strong").body == b"2"


@pytest.mark.parametrize("ttl", ["0", "-1s", "soon", "1", "99999d", "0s"])
def test_odd_lifetimes_are_400(acme, unique, ttl):
    acme.put("us-east", f"sessions/{unique}", b"x", holdfast_ttl=ttl).problem(400, "invalid")


# --- scans ------------------------------------------------------------------------------------

def test_scan_pages_in_key_order(acme, unique):
    values = {}
    for i in range(25):
        name = f"{unique}/{i:02d}-\u00e9"
        values[name] = os.urandom(50) if i % 2 else f"text {i} \"quoted\" \u2603\n".encode()
        assert acme.put(REGIONS[i % 4], f"scan/{quote(name)}", values[name]).status == 204
    acme.put("us-east", f"scan/{unique}x-outside", b"no")
    for region in REGIONS:
        for limit in (1000, 25, 7, 1):
            items = acme.scan(region, "scan", limit=limit, prefix=unique + "/",
                              holdfast_consistency="strong")
            assert [i["key"] for i in items] == sorted(values)
            for item in items:
                got = item["value"].encode() if "value" in item else unbase64(item["base64"])
                assert got == values[item["key"]]
                version = acme.get("us-east", f"scan/{quote(item['key'])}").etag
                if limit == 1000 and region == "us-east":
                    assert version == f'"{item["version"]}"'


def test_scan_sees_one_domain_of_one_tenant(acme, initech, unique):
    acme.put("us-east", f"one/{unique}", b"1")
    acme.put("us-east", f"one-more/{unique}", b"2")
    initech.put("us-east", f"one/{unique}", b"3")
    items = acme.scan("us-east", "one", prefix=unique)
    assert [(i["key"], i["value"]) for i in items] == [(unique, "1")]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=%21", "colour=red",
                                   "prefix=%zz", "prefix=%00", "prefix=%ff"])
def test_odd_queries_are_400(acme, query):
    acme.send("us-east", "GET", "/v1/data/scan?" + query).problem(400, "invalid")


# --- transactions -------------------------------------------------------------------------------

def test_tx_does_all_its_parts(acme, unique):
    a, b, c, n = (f"tx/{unique}/{x}" for x in "abcn")
    version = acme.put("us-east", a, b"old").etag.strip('"')
    acme.put("us-east", c, b"to go")
    answer = acme.tx("eu-west", {
        "conditions": [{"key": a, "version": version}, {"key": b, "absent": True},
                       {"key": c, "exists": True}],
        "put": [{"key": a, "value": "new"}, {"key": b, "base64": "_w-A", "ttl": "1h"}],
        "delete": [c],
        "add": [{"key": n, "delta": 5, "min": 0, "max": 10}],
        "events": [{"topic": f"tx/{unique}", "value": "happened"}],
    })
    assert answer.status == 200, answer
    assert answer.json["added"] == {n: 5}
    assert answer.etag == f'"{answer.json["version"]}"'
    reads = {k: acme.get("us-west", k, holdfast_token=answer.token) for k in (a, b, c, n)}
    assert reads[a].body == b"new" and reads[b].body == b"\xff\x0f\x80" and reads[n].body == b"5"
    assert reads[c].status == 404
    assert {reads[k].etag for k in (a, b, n)} == {answer.etag}  # one record


def test_tx_is_all_or_nothing(acme, unique):
    a, n = f"tx/{unique}/a", f"tx/{unique}/n"
    acme.tx("us-east", {"add": [{"key": n, "delta": 3}]})
    for failing in ({"conditions": [{"key": a, "exists": True}]},
                    {"conditions": [{"key": n, "version": "1-1"}]},
                    {"add": [{"key": n, "delta": 1, "max": 3}]},
                    {"add": [{"key": n, "delta": -4, "min": 0}]},
                    {"add": [{"key": n, "delta": 2**63 - 1}]}):
        answer = acme.tx("us-east", {"put": [{"key": a, "value": "x"}], **failing})
        answer.problem(412, "precondition-failed")
    assert acme.get("us-east", a, holdfast_consistency="strong").status == 404
    assert acme.get("us-east", n, holdfast_consistency="strong").body == b"3"


def test_bounded_adds_never_oversell(acme, unique):
    stock = f"tx/{unique}/stock"
    acme.tx("us-east", {"add": [{"key": stock, "delta": 40}]})
    statuses = []

    def buy(region):
        for _ in range(16):
            statuses.append(acme.tx(region, {"add": [{"key": stock, "delta": -1, "min": 0}]}).status)

    threads = [threading.Thread(target=buy, args=(r,)) for r in REGIONS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == 40 and statuses.count(412) == 24
    assert acme.get("us-east", stock, holdfast_consistency="strong").body == b"0"


def test_add_to_what_is_no_number_is_refused(acme, unique):
    key = f"tx/{unique}"
    acme.put("us-east", key, b"not a number")
    assert 400 <= acme.tx("us-east", {"add": [{"key": key, "delta": 1}]}).status < 500
    assert acme.get("us-east", key, holdfast_consistency="strong").body == b"not a number"


# --- idempotency --------------------------------------------------------------------------------

def test_a_repeat_is_told_the_first_outcome(acme, unique):
    key, idem = f"notes/{unique}", str(uuid.uuid4())
    first = acme.put("us-east", key, b"1", idempotency_key=idem)
    acme.put("us-east", key, b"2")
    for region in REGIONS:
        again = acme.put(region, key, b"1", idempotency_key=idem)
        assert (again.status, again.etag) == (204, first.etag)
        assert again.headers["Holdfast-Replayed"] == "true"
    assert "Holdfast-Replayed" not in first.headers
    assert acme.get("us-east", key, holdfast_consistency="strong").body == b"2"


def test_a_repeated_add_counts_once(acme, unique):
    key, idem = f"tx/{unique}", str(uuid.uuid4())
    add = {"add": [{"key": key, "delta": 7}]}
    first = acme.tx("us-east", add, idempotency_key=idem)
    again = acme.tx("eu-west", add, idempotency_key=idem)
    assert first.status == again.status == 200
    assert first.json == again.json
    assert acme.get("us-east", key, holdfast_consistency="strong").body == b"7"


def test_a_conditional_write_can_be_repeated(acme, unique):
    key, idem = f"notes/{unique}", str(uuid.uuid4())
    first = acme.put("us-east", key, b"1", if_none_match="*", idempotency_key=idem)
    again = acme.put("us-west", key, b"1", if_none_match="*", idempotency_key=idem)
    assert (first.status, again.status, again.etag) == (204, 204, first.etag)


def test_another_request_with_the_key_is_422(acme, unique):
    key, idem = f"notes/{unique}", str(uuid.uuid4())
    acme.put("us-east", key, b"1", idempotency_key=idem)
    for other in (acme.put("us-east", key, b"other", idempotency_key=idem),
                  acme.put("us-east", key + "2", b"1", idempotency_key=idem),
                  acme.delete("us-east", key, idempotency_key=idem),
                  acme.put("us-east", key, b"1", idempotency_key=idem, holdfast_ttl="1h")):
        other.problem(422, "idempotency-mismatch")


def test_idempotency_keys_are_the_tenants_own(acme, initech, unique):
    idem = str(uuid.uuid4())
    assert acme.put("us-east", f"notes/{unique}", b"a", idempotency_key=idem).status == 204
    assert initech.put("us-east", f"notes/{unique}", b"i", idempotency_key=idem).status == 204


# --- consistency ----------------------------------------------------------------------------------

def test_a_session_reads_its_writes_everywhere(initech, unique):
    """initech's cell is asynchronous: without the token a copy may well be behind."""
    key = f"notes/{unique}"
    for i in range(40):
        put = initech.put(REGIONS[i % 4], key, str(i).encode())
        assert put.status == 204 and put.token
        for region in REGIONS:
            got = initech.get(region, key, holdfast_token=put.token)
            assert got.body == str(i).encode()


def test_reads_give_tokens_too(initech, unique):
    key = f"notes/{unique}"
    initech.put("us-east", key, b"1")
    token = initech.get("us-east", key, holdfast_consistency="strong").token
    assert initech.get("eu-central", key, holdfast_token=token).body == b"1"


def test_a_copy_serves_sessions_itself(initech, unique):
    key = f"notes/{unique}"
    token = initech.put("us-east", key, b"1").token

    def served_here():
        got = initech.get("eu-central", key, holdfast_token=token)
        assert got.body == b"1"
        return got.region == "eu-central"

    wait_for("eu-central serves it from its own copy", served_here)


def test_tokens_of_others_are_refused(acme, globex, unique):
    token = acme.put("us-east", f"notes/{unique}", b"1").token
    globex.get("eu-west", f"notes/{unique}", holdfast_token=token).problem(400, "invalid")
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for bad in (forged, "x", "A" * 5000, token + "A"):
        acme.get("us-east", f"notes/{unique}", holdfast_token=bad).problem(400, "invalid")
        acme.get("eu-west", f"notes/{unique}", holdfast_token=bad).problem(400, "invalid")


def test_strong_reads_go_home_and_eventual_ones_stay(playground, initech, unique):
    home = playground.wait_home("global-1")
    token = initech.put("us-east", f"notes/{unique}", b"1").token
    for region in REGIONS:
        strong = initech.get(region, f"notes/{unique}", holdfast_consistency="strong")
        assert (strong.status, strong.region) == (200, home)
        assert "Holdfast-Staleness-Ms" not in strong.headers
        wait_for(f"{region} has it", lambda: initech.get(
            region, f"notes/{unique}", holdfast_token=token).region == region)
        local = initech.get(region, f"notes/{unique}", holdfast_consistency="eventual")
        assert (local.status, local.region) == (200, region)
        if region != home:
            assert 0 <= int(local.headers["Holdfast-Staleness-Ms"]) < 5000


def test_bounded_reads_are_served_by_a_fresh_copy(playground, initech, unique):
    home = playground.wait_home("global-1")
    initech.put("us-east", f"notes/{unique}", b"1")
    copy = next(r for r in REGIONS if r != home)
    wait_for("a copy proves to be that fresh", lambda: initech.get(
        copy, f"notes/{unique}", holdfast_consistency="bounded=5s").region == copy)
    assert initech.get(copy, f"notes/{unique}", holdfast_consistency="bounded=0ms").status in (200, 400)


@pytest.mark.parametrize("text", ["weak", "bounded", "bounded=", "bounded=fast", "STRONG", "bounded=-1s"])
def test_odd_consistencies_are_400(acme, text):
    acme.get("us-east", "notes/x", holdfast_consistency=text).problem(400, "invalid")


def test_a_region_without_a_copy_passes_reads_on(globex, unique):
    globex.put("us-east", f"notes/{unique}", b"1")

    def read():
        return globex.get("us-west", f"notes/{unique}", holdfast_consistency="eventual")

    harness.wait_for("the view has it, which an eventual read does not wait for", lambda: read().status == 200)
    assert read().region in ("eu-west", "eu-central")


# --- between regions --------------------------------------------------------------------------------

def test_what_the_other_region_is_told():
    """A peer that only takes notes stands in for eu-west: traceparent and the headers of the
    interface reach it, others do not."""
    seen = []

    class Peer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(204)
            self.send_header("ETag", '"9-9"')
            self.send_header("Holdfast-Region", "eu-west")
            self.end_headers()

        def log_message(self, *_):
            pass

    peer = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    threading.Thread(target=peer.serve_forever, daemon=True).start()
    try:
        with harness.directory("peer") as path:
            # Two nodes make eu-west the home; then only its HTTP address in us-east's file is the peer's.
            nodes = harness.Nodes(
                path, ["us-east", "eu-west"],
                residency={"eu": "regions: [eu-west], transit: allow"},
                cells={"eu-1": "replicas: [eu-west], mode: async"},
                tenants={"globex": "residency: eu, cell: eu-1"})
            text = nodes.node_text("us-east").replace(
                f"127.0.0.1:{nodes.http['eu-west']}", f"127.0.0.1:{peer.server_port}")
            (nodes.dir / "us-east.yaml").write_text(text)
            with harness.running(nodes):
                nodes.start()
                nodes.wait_home("eu-1")
                trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                answer = nodes.tenant("globex").put(
                    "us-east", "notes/a%2Fb", b"value", traceparent=trace, tracestate="a=1",
                    idempotency_key="i-1", connection="X-Private", x_private="hop",
                    if_match='"1-2"', x_request_id="r-1", cookie="private=1")
                assert (answer.status, answer.etag, answer.region) == (204, '"9-9"', "eu-west")
    finally:
        peer.shutdown()
        peer.server_close()
    (target, headers, body), = seen
    assert (target, body) == ("/v1/data/notes/a%2Fb", b"value")
    assert headers["traceparent"].split("-")[:2] == trace.split("-")[:2]
    assert headers["tracestate"] == "a=1"
    assert headers["holdfast-forwarded"].startswith("us-east; proof=")
    assert headers["holdfast-consistency"] == "session"
    assert headers["authorization"] == "Bearer " + nodes.keys["globex"]
    assert (headers["idempotency-key"], headers["if-match"]) == ("i-1", '"1-2"')
    assert headers["x-request-id"] == "r-1"
    assert not {"x-private", "cookie"} & set(headers)
