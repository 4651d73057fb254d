"""What must be refused, and how: wrong credentials, hostile HTTP, broken documents, garbage
on the replication port, wrong configuration, the data directory of another node.
"""

import json
import os
import re
import socket
import struct
import time
import zlib
from pathlib import Path

import pytest

import harness
from harness import Connection, Raw, holdfast, wait_for

ONE_REGION = {"residency": {"us": "regions: [us-east]"},
              "cells": {"us-1": "replicas: [us-east], mode: async"},
              "tenants": {"acme": "residency: us, cell: us-1"}}


@pytest.fixture(scope="module")
def strict():
    """A single node with small limits."""
    options = "limits: {connections: 20, body: 64KiB, head: 2KiB, header_time: 500ms, idle_time: 2s}"
    with harness.directory("strict") as path:
        nodes = harness.Nodes(path, ["us-east"], **ONE_REGION, options=options, workers=1)
        with harness.running(nodes.start()):
            nodes.wait_home("us-1")
            yield nodes


# --- who asks ----------------------------------------------------------------------------------

@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", "Bearer ", "Bearer short", "Basic YWNtZTphY21l", "hf_acme_0000",
    "Bearer hf_acme_" + "0" * 40, "Bearer " + "x" * 600, "Bearer a b"])
def test_wrong_keys_are_401(playground, authorization):
    for region in ("us-east", "eu-west"):
        connection = Connection(playground.http[region])
        headers = {} if authorization is None else {"Authorization": authorization}
        for method, path in (("GET", "/v1/data/notes/x"), ("PUT", "/v1/data/notes/x"),
                             ("POST", "/v1/tx"), ("GET", "/nowhere")):
            answer = connection.send(method, path, b"" if method != "GET" else None, headers)
            detail = answer.problem(401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert not authorization or len(authorization) < 20 or authorization[7:] not in detail
        connection.close()


def test_a_connection_may_change_its_key(playground, acme, initech, unique):
    acme.put("us-east", f"notes/{unique}", b"acme's")
    initech.put("us-east", f"notes/{unique}", b"initech's")
    connection = Connection(playground.http["us-east"])
    for _ in range(3):
        for name, status, body in (("acme", 200, b"acme's"), ("initech", 200, b"initech's"),
                                   (None, 401, None)):
            key = playground.keys[name] if name else "hf_wrong_" + "1" * 40
            answer = connection.send("GET", f"/v1/data/notes/{unique}", None,
                                     {"Authorization": "Bearer " + key})
            assert answer.status == status and (body is None or answer.body == body)
    connection.close()


@pytest.mark.parametrize("header", ["Holdfast-Tenant", "X-Tenant", "Tenant"])
def test_no_header_names_another_tenant(acme, initech, unique, header):
    initech.put("us-east", f"notes/{unique}", b"secret")
    assert acme.get("us-east", f"notes/{unique}", **{header: "initech"}).status == 404


def test_dots_in_a_key_are_only_dots(acme, initech, unique):
    initech.put("us-east", f"notes/{unique}", b"initech's")
    assert acme.put("us-east", f"notes/..%2F..%2Finitech%2Fnotes%2F{unique}", b"acme's").status == 204
    assert initech.get("us-east", f"notes/{unique}", holdfast_consistency="strong").body == b"initech's"


@pytest.mark.parametrize("path", [
    "../initech/notes", "notes/../../initech/notes",
    "initech%00notes/x", "notes%2F..", "notes/%00", "notes/a%00b", "%2e%2e/x", "notes/a/../b", "notes/."])
def test_another_tenants_keys_cannot_be_named(acme, path):
    for region in ("us-east", "eu-west"):
        answer = acme.get(region, path)
        assert answer.status in (400, 404), answer
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert acme.put(region, path, b"x").status in (400, 404)


def test_a_forged_hop_gains_nothing(playground, globex, unique):
    """Holdfast-Forwarded comes from outside, too: it must not lead past residency or home."""
    globex.put("eu-west", f"notes/{unique}", b"1")
    start = time.monotonic()
    answer = globex.put("us-east", f"notes/{unique}", b"2", holdfast_forwarded="eu-west")
    assert answer.status == 503 and time.monotonic() - start < 5
    assert globex.get("eu-west", f"notes/{unique}", holdfast_consistency="strong").body == b"1"


# --- keys and paths --------------------------------------------------------------------------------

@pytest.mark.parametrize("key", ["%ff", "%c3%28", "%ed%a0%80", "%f5%80%80%80", "a%c0%afb", "k" * 1100,
                                 "%zz", "%4", "%"])
def test_bad_keys_are_400(acme, key):
    for answer in (acme.get("us-east", "notes/" + key), acme.put("us-east", "notes/" + key, b"x"),
                   acme.put("eu-west", "notes/" + key, b"x")):
        assert answer.problem(400, "invalid")


@pytest.mark.parametrize("domain", ["Notes", "no_tes", "-notes", "n" * 33, "n%20otes", "%C3%A9", "n.otes"])
def test_bad_domains_are_400(acme, domain):
    assert "domain" in acme.put("us-east", f"{domain}/x", b"x").problem(400, "invalid")


def test_bad_methods_and_paths(acme):
    assert acme.send("us-east", "POST", "/v1/data/notes/x", b"").status == 405
    assert "Allow" in acme.send("us-east", "PATCH", "/v1/data/notes/x", b"").headers
    assert acme.send("us-east", "PUT", "/v1/data/notes", b"").status == 405
    assert acme.send("us-east", "GET", "/v1/tx").status == 405
    for path in ("/", "/v1", "/v1/", "/v1/data", "/v1/data/", "/v2/data/a/b", "/admin/v1/status", "/metrics"):
        assert acme.send("us-east", "GET", path).status in (400, 404), path


def test_oversized_idempotency_keys_are_400(acme):
    acme.put("us-east", "notes/x", b"", idempotency_key="k" * 129).problem(400, "invalid")


# --- transactions ------------------------------------------------------------------------------------

@pytest.mark.parametrize("body, says", [
    (b"", "line 1"), (b"{", "line 1, column 1"), (b'{"put": [\n  {"key": "a/b" "value": "x"}]}', "line 2"),
    (b'{"put": [], "put": []}', "put"), (b"\xff\xfe", "line 1"), (b"[]", "object"), (b"null", "line 1"),
    (b"{}", "nothing"), (b'{"put": {}}', "list"), (b'{"puts": [{"key": "a/b", "value": "x"}], "delete": ["a/b"]}', "puts"),
    (b'{"put": ["a/b"]}', "put[0]"), (b'{"put": [{"key": "a/b"}]}', "value or base64"),
    (b'{"put": [{"key": "a/b", "value": "x"}, {"key": "ab", "value": "x"}]}', "put[1]"),
    (b'{"put": [{"key": "a/b", "value": 1}]}', "string"), (b'{"put": [{"key": "a/b", "base64": "***"}]}', "base64"),
    (b'{"put": [{"key": "a/b", "value": "x", "tll": "1h"}]}', "tll"),
    (b'{"put": [{"key": "a/b", "value": "x", "ttl": 5}]}', "ttl"),
    (b'{"put": [{"key": "a/b", "value": "x", "ttl": "0s"}]}', "ttl"),
    (b'{"put": [{"key": "a/b", "value": "x"}], "delete": ["a/b"]}', "only once"),
    (b'{"delete": [7]}', "delete[0]"), (b'{"delete": ["a/\\u0000"]}', "u0000"),
    (b'{"add": [{"key": "a/b"}]}', "delta"), (b'{"add": [{"key": "a/b", "delta": 1.5}]}', "integer"),
    (b'{"add": [{"key": "a/b", "delta": 1, "min": 5, "max": 4}]}', "min"),
    (b'{"add": [{"key": "a/b", "delta": 99999999999999999999}]}', "line 1"),
    (b'{"conditions": [{"key": "a/b"}], "delete": ["a/b"]}', "one of version"),
    (b'{"conditions": [{"key": "a/b", "absent": true, "exists": true}], "delete": ["a/b"]}', "one of version"),
    (b'{"conditions": [{"key": "a/b", "absent": false}], "delete": ["a/b"]}', "one of version"),
    (b'{"conditions": [{"key": "a/b", "version": "new"}], "delete": ["a/b"]}', "version"),
    (b'{"conditions": [{"key": "a/b", "versoin": "1-1"}], "delete": ["a/b"]}', "versoin"),
    (b'{"events": [{"value": "x"}]}', "topic"), (b'{"put": [{"key": "a/b", "value": "\xff"}]}', "line 1"),
    (b'{"put":' + b"[" * 5000, "line 1"),
], ids=range(33))
def test_bad_transactions_say_what_and_where(acme, body, says):
    for region in ("us-east", "eu-west"):
        assert says in acme.tx(region, body).problem(400, "invalid")
    assert acme.get("us-east", "a/b").status == 404


def test_transactions_are_bounded(acme):
    many = {"delete": [f"a/{i}" for i in range(257)]}
    acme.tx("us-east", many).problem(413, "too-large")


# --- HTTP ------------------------------------------------------------------------------------------------

HOST = b"Host: a\r\n"
MALFORMED = {
    "cl-and-te": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "cl-twice": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "cl-list": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\nx",
    "cl-sign": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx",
    "cl-hex": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\nx",
    "cl-huge": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\nx",
    "te-other": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
    "te-list": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    "te-twice": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "te-1.0": b"PUT /v1/data/n/x HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare-lf": b"GET /v1/data/n/x HTTP/1.1\n" + HOST + b"\r\n",
    "bare-lf-header": b"GET /v1/data/n/x HTTP/1.1\r\nHost: a\n\r\n",
    "bare-cr": b"GET /v1/data/n/x HTTP/1.1\r\nX: a\rb\r\n" + HOST + b"\r\n",
    "obs-fold": b"GET /v1/data/n/x HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "fold-first": b"GET /v1/data/n/x HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n",
    "space-colon": b"GET /v1/data/n/x HTTP/1.1\r\nHost : a\r\n\r\n",
    "no-colon": b"GET /v1/data/n/x HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n",
    "empty-name": b"GET /v1/data/n/x HTTP/1.1\r\n" + HOST + b": a\r\n\r\n",
    "nul": b"GET /v1/data/n/x HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
    "nul-target": b"GET /v1/data/n/\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no-host": b"GET /v1/data/n/x HTTP/1.1\r\n\r\n",
    "host-twice": b"GET /v1/data/n/x HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "version": b"GET /v1/data/n/x HTTP/1.2\r\n" + HOST + b"\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http-0.9": b"GET /v1/data/n/x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60) + b"\r\n",
    "two-spaces": b"GET  /v1/data/n/x HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /v1/data/n/x#y HTTP/1.1\r\n" + HOST + b"\r\n",
    "expect": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Expect: miracles\r\nContent-Length: 1\r\n\r\nx",
    "auth-twice": b"GET /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "chunk-0x": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "chunk-sign": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "chunk-space": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n",
    "chunk-huge": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "chunk-lf": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n",
    "chunk-end": b"PUT /v1/data/n/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_http_is_400_and_closed(playground, name):
    for port in (playground.http["us-east"], playground.admin["us-east"]):
        with Raw(port) as raw:
            raw.send(MALFORMED[name])
            got = raw.until_closed()
        assert got.startswith(b"HTTP/1.1 400 "), got
        head, _, body = got.partition(b"\r\n\r\n")
        assert b"Connection: close" in head and b"application/problem+json" in head
        assert not re.search(rb"HTTP/1\.\d \d\d\d ", body), "a second answer: smuggled"
        assert json.loads(body)["detail"]


def request(key, method=b"GET", path=b"/v1/data/notes/none", extra=b"", body=b""):
    return (method + b" " + path + b" HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + key.encode()
            + b"\r\n" + extra + b"\r\n" + body)


def test_heads_are_bounded(strict):
    for junk in (b"X: " + b"x" * 3000 + b"\r\n", b"X: y\r\n" * 70):
        with Raw(strict.http["us-east"]) as raw:
            raw.send(request(strict.keys["acme"], extra=junk))
            assert raw.until_closed().startswith(b"HTTP/1.1 431 ")


def test_bodies_are_bounded(strict):
    for extra, body in ((b"Content-Length: 65537\r\n", b""),
                        (b"Transfer-Encoding: chunked\r\n", b"10001\r\n" + b"x" * 100)):
        with Raw(strict.http["us-east"]) as raw:
            raw.send(request(strict.keys["acme"], b"PUT", extra=extra, body=body))
            assert raw.until_closed().startswith(b"HTTP/1.1 413 ")


def test_a_slow_head_is_408(strict):
    with Raw(strict.http["us-east"]) as raw:
        start = time.monotonic()
        raw.send(b"GET / HTTP/1.1\r\n")
        assert raw.until_closed().startswith(b"HTTP/1.1 408 ")
        assert 0.4 < time.monotonic() - start < 3


def test_an_idle_connection_is_closed(strict):
    with Raw(strict.http["us-east"]) as raw:
        raw.send(request(strict.keys["acme"]))
        raw.until(b"404 Not Found")
        start = time.monotonic()
        raw.until_closed()
        assert 1 < time.monotonic() - start < 5


def test_connections_are_capped_and_come_back(strict):
    def answered(raw):
        raw.send(request(strict.keys["acme"]))
        return raw.until(b"\r\n\r\n").startswith(b"HTTP/1.1 404 ")

    open_ones = [Raw(strict.http["us-east"]) for _ in range(20)]
    assert all(answered(raw) for raw in open_ones)
    with Raw(strict.http["us-east"]) as one_more:
        assert one_more.until_closed().startswith(b"HTTP/1.1 503 ")
    assert answered(open_ones[0])  # the others are served on
    for raw in open_ones:
        raw.close()

    def room():
        with Raw(strict.http["us-east"]) as raw:
            raw.send(request(strict.keys["acme"]))
            return raw.until(b"\r\n\r\n").startswith(b"HTTP/1.1 404 ")

    wait_for("room again", room)


def test_pipelined_requests_are_answered_in_order(playground, unique):
    """At home, passed on, and both ways in turn: the slow ones hold the fast ones back."""
    key = playground.keys["acme"]
    path = b"/v1/data/pipeline/" + unique.encode()
    for region in ("us-east", "eu-west"):
        with Raw(playground.http[region]) as raw:
            batch = b""
            for i in range(30):
                value = b"value %d" % i
                batch += request(key, b"PUT", path, b"Content-Length: %d\r\n" % len(value), value)
                batch += request(key, b"GET", path, b"Holdfast-Consistency: strong\r\n")
                batch += request(key, b"GET", b"/v1/data/Bad/%d" % i)
            raw.send(batch + request(key, path=path, extra=b"Connection: close\r\n"))
            got = raw.until_closed()
        assert re.findall(rb"HTTP/1\.1 (\d+) ", got) == [b"204", b"200", b"400"] * 30 + [b"200"]
        assert re.findall(rb"value \d+", got) == [b"value %d" % i for i in range(30)] + [b"value 29"]


def test_who_ends_its_side_still_gets_everything(playground, acme, unique):
    value = os.urandom(4 << 20)
    assert acme.put("us-east", f"big/{unique}", value).status == 204
    for region in ("us-east", "eu-west"):
        with Raw(playground.http[region]) as raw:
            raw.send(request(playground.keys["acme"], path=f"/v1/data/big/{unique}".encode()) * 2)
            raw.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.3)
            got = raw.until_closed()
        assert got.count(value) == 2


def test_chunked_uploads_and_100_continue(playground, acme, unique):
    key = playground.keys["acme"]
    path = b"/v1/data/uploads/" + unique.encode()
    for region in ("us-east", "eu-west"):
        with Raw(playground.http[region]) as raw:
            raw.send(request(key, b"PUT", path, b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"))
            raw.until(b"HTTP/1.1 100 Continue\r\n\r\n")
            raw.send(b"5;ext=1\r\nhello\r\n")
            time.sleep(0.05)
            raw.send(b"6\r\n world\r\n0\r\nTrailer: ignored\r\n\r\n")
            raw.until(b"HTTP/1.1 204 ")
        assert acme.get("us-west", "uploads/" + unique, holdfast_consistency="strong").body == b"hello world"
        acme.delete("us-east", "uploads/" + unique)


def test_http_1_0_is_answered_and_closed(playground, acme, unique):
    acme.put("us-east", f"notes/{unique}", b"old clients too")
    text = (f"GET /v1/data/notes/{unique} HTTP/1.0\r\nAuthorization: Bearer "
            f"{playground.keys['acme']}\r\n\r\n")
    for region in ("us-east", "eu-west"):
        with Raw(playground.http[region]) as raw:
            raw.send(text.encode())
            got = raw.until_closed()
        assert got.startswith(b"HTTP/1.1 200 OK\r\n") and got.endswith(b"\r\n\r\nold clients too")
        assert b"chunked" not in got


# --- the replication port ----------------------------------------------------------------------------------

def garbage():
    yield b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    yield os.urandom(4096)
    yield b"\0" * 4096
    yield b"\xff" * 100_000
    body = os.urandom(60)
    for length in (len(body), 2**31, 2**32 - 1):
        yield struct.pack("<I", length) + body + struct.pack("<I", zlib.crc32(body))


LISTENS = "eu-central"  # each pair of regions has one stream: the later one listens


def test_garbage_on_the_replication_port_is_closed_counted_and_survived(playground, globex, unique):
    pid = playground.pid(LISTENS)
    before = playground.metric(LISTENS, "holdfast_link_refused_total")
    count = 0
    for junk in garbage():
        with Raw(playground.replication["eu-central"]) as raw:
            try:
                raw.send(junk)
                raw.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it was closed while we sent
            raw.until_closed()
        count += 1
    wait_for("each is counted", lambda: playground.metric(
        LISTENS, "holdfast_link_refused_total") >= before + count)
    assert playground.pid(LISTENS) == pid and Path(f"/proc/{pid}").exists()
    assert globex.put(LISTENS, f"notes/{unique}", b"alive").status == 204
    assert not playground.cell(playground.wait_home("eu-1"), "eu-1")["degraded"]


def test_who_says_nothing_on_the_replication_port_is_closed(playground):
    with Raw(playground.replication[LISTENS], timeout_s=20) as raw:
        assert len(raw.until_closed()) < 1000  # at most a greeting


# --- configuration -------------------------------------------------------------------------------------------

GOOD = {"residency": {"us": "regions: [us-east, us-west], transit: allow",
                      "eu": "regions: [eu-west], transit: refuse"},
        "cells": {"us-1": "replicas: [us-east, us-west], mode: sync, copies: 2",
                  "eu-1": "replicas: [eu-west], mode: async"},
        "tenants": {"acme": "residency: us, cell: us-1", "globex": "residency: eu, cell: eu-1"}}


@pytest.fixture
def files(tmp_path):
    return harness.Nodes(tmp_path / "nodes", ["us-east", "us-west", "eu-west"], **GOOD)


def position_of(path, text):
    """Where the last line with this text has it."""
    lines = path.read_text().splitlines()
    line = max(i for i, l in enumerate(lines) if text in l)
    return f"{path}:{line + 1}:{lines[line].index(text) + 1}:"


POLICY_MISTAKES = {  # what → (replaced, by, where: the text that the position points to, what it says)
    "unknown key": ("mode: sync,", "mood: sync,", "mood", ["mood", "mode"]),
    "unknown section": ("residency:\n", "residence:\n", "residence:", ["residence"]),
    "missing reference": ("replicas: [us-east, us-west]", "replicas: [us-east, us-north]", "us-north",
                          ["us-north", "region"]),
    "missing cell": ("cell: eu-1,", "cell: eu-2,", "eu-2", ["eu-2", "cell"]),
    "duplicate region": ("  us-west: {jurisdiction: us,", "  us-east: {jurisdiction: us,", None,
                         ["us-east", "twice"]),
    "cell outside residency": ("residency: eu, cell: eu-1", "residency: eu, cell: us-1", "us-1, keys",
                               ["us-east", "residency class 'eu'"]),
    "wrong word": ("mode: async", "mode: fast", "fast", ["fast", "async"]),
    "too many copies": ("copies: 2", "copies: 3", "3}", ["3", "2"]),
    "no number": ("copies: 2", "copies: two", "two", ["two"]),
    "not YAML": ("cells:", "cells: [", None, []),
    "key in the clear": ('"sha256:', '"', None, ["sha256"]),
}


@pytest.mark.parametrize("what", POLICY_MISTAKES)
def test_policy_mistakes_are_refused_with_their_place(files, what):
    old, new, where, says = POLICY_MISTAKES[what]
    path = files.dir / "policy.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for command in (["check", path], ["check", files.dir / "us-east.yaml"],
                    ["serve", "-c", files.dir / "us-east.yaml"]):
        done = holdfast(*command, check=1)
        stderr = done.stderr.decode()
        assert re.search(rf"^{re.escape(str(path))}:\d+:\d+: ", stderr, re.M), stderr
        if where:
            assert position_of(path, where) in stderr, stderr
        for word in says:
            assert word in stderr, stderr
        assert files.keys["acme"] not in stderr
    assert not (files.dir / "us-east").exists()  # nothing was opened


NODE_MISTAKES = {
    "unknown key": ("workers: 2", "wrokers: 2", ["wrokers", "workers"]),
    "unknown region": ("region: us-east", "region: us-esat", ["us-esat", "us-east"]),
    "missing key": ("secret_file: cluster.secret\n", "", ["secret_file"]),
    "bad address": ('http: "127.0.0.1:', 'http: "127.0.0.1', ["HOST:PORT"]),
    "region not in policy": ("  eu-west: {http", "  eu-south: {http", ["eu-south"]),
    "lease shorter than renewal": ("workers: 2", "lease: {length: 200ms, renew: 300ms}", ["renew"]),
    "bad duration": ("workers: 2", "limits: {header_time: soon}", ["soon"]),
}


@pytest.mark.parametrize("what", NODE_MISTAKES)
def test_node_mistakes_are_refused_with_their_place(files, what):
    old, new, says = NODE_MISTAKES[what]
    path = files.dir / "us-east.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for command in (["check", path], ["serve", "-c", path]):
        stderr = holdfast(*command, check=1).stderr.decode()
        assert re.search(rf"^{re.escape(str(path))}:\d+:\d+: ", stderr, re.M), stderr
        for word in says:
            assert word in stderr, stderr


def test_every_mistake_is_said_at_once(files):
    path = files.dir / "policy.yaml"
    text = path.read_text().replace("mode: sync", "mode: fast").replace("cell: eu-1", "cell: none")
    path.write_text(text)
    assert len(holdfast("check", path, check=1).stderr.splitlines()) == 2


def test_missing_files_are_said(files):
    (files.dir / "policy.yaml").unlink()
    stderr = holdfast("check", files.dir / "us-east.yaml", check=1).stderr.decode()
    assert "policy.yaml" in stderr and "no such file" in stderr
    (files.dir / "cluster.secret").write_text("short")


def test_deep_yaml_and_alias_bombs_are_refused(files):
    path = files.dir / "policy.yaml"
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{c}: &{c} [{', '.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi"))
    for text in ("[" * 10000, bomb, "regions: " + "{a: " * 5000):
        path.write_text(text)
        start = time.monotonic()
        assert str(path) in holdfast("check", path, check=1).stderr.decode()
        assert time.monotonic() - start < 5


# --- data directories ------------------------------------------------------------------------------------------

def refused(nodes, region):
    """serve ends by itself with status 1 and says why."""
    return holdfast("serve", "-c", nodes.dir / f"{region}.yaml", check=1, timeout=20).stderr.decode()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A node that has served and ended well."""
    nodes = harness.Nodes(tmp_path_factory.mktemp("stopped"), ["us-east", "us-west"],
                          residency={"us": "regions: [us-east, us-west]"},
                          cells={"us-1": "replicas: [us-east, us-west], mode: async"},
                          tenants={"acme": "residency: us, cell: us-1"})
    with harness.running(nodes.start("us-east")):
        nodes.wait_home("us-1", ["us-east"])
        assert nodes.tenant("acme").put("us-east", "notes/a", b"1").status == 204
    return nodes


def test_another_nodes_data_is_refused(stopped):
    stopped.write_node("us-west", data="us-east")
    stderr = refused(stopped, "us-west")
    assert "belongs to" in stderr and "us-east" in stderr
    stopped.write_node("us-west")


def test_a_newer_format_is_refused(stopped):
    store = stopped.dir / "us-east/cells/us-1/store"
    good = store.read_bytes()
    newer = bytearray(good)
    newer[4:8] = struct.pack("<I", 99)
    newer[12:16] = struct.pack("<I", crc32c(bytes(newer[:12]) + bytes(newer[16:])))
    store.write_bytes(newer)
    assert "newer" in refused(stopped, "us-east")
    store.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))  # and damage is not taken for a format
    assert "newer" not in refused(stopped, "us-east")
    store.write_bytes(good)
    with harness.running(stopped.start("us-east")):
        stopped.wait_home("us-1", ["us-east"])
        assert stopped.tenant("acme").get("us-east", "notes/a").body == b"1"


def test_a_second_process_of_one_node_is_refused(strict):
    stderr = refused(strict, "us-east")
    assert "us-east" in stderr
    assert strict.tenant("acme").put("us-east", "notes/x", b"1").status == 204


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF
