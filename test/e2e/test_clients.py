"""Clients that people have, without special handling; and what an idle node and an idle
connection cost.
"""

import asyncio
import http.client
import re
import shutil
import subprocess
import time

import pytest
import requests

import harness
from harness import REGIONS

IDLE_NODE_BYTES = 64 << 20
CONNECTION_BYTES = 16 << 10
CONNECTIONS = 2000


def test_requests(playground, unique):
    session = requests.Session()
    session.headers["Authorization"] = "Bearer " + playground.keys["acme"]
    for region in REGIONS:
        url = f"http://127.0.0.1:{playground.http[region]}/v1/data/notes/{unique}"
        put = session.put(url, data=b"\x00binary\xff", timeout=10)
        assert (put.status_code, put.content) == (204, b"")
        assert session.put(url, data=(part for part in (b"chunk", b"ed")), timeout=10).status_code == 204
        got = session.get(url, headers={"Holdfast-Consistency": "strong"}, timeout=10)
        assert (got.status_code, got.content) == (200, b"chunked")
        assert session.head(url, timeout=10).headers["Content-Length"] == "7"
        tx = session.post(f"http://127.0.0.1:{playground.http[region]}/v1/tx", timeout=10,
                          json={"put": [{"key": f"notes/{unique}", "value": "\u2603"}]})
        assert tx.json()["version"]
        assert session.delete(url, timeout=10).status_code == 204
        missing = session.get(url, headers={"Holdfast-Consistency": "strong"}, timeout=10)
        assert missing.json()["status"] == 404


def test_http_client(playground, unique):
    for region in REGIONS:
        connection = http.client.HTTPConnection("127.0.0.1", playground.http[region], timeout=10)
        headers = {"Authorization": "Bearer " + playground.keys["acme"]}
        for i in range(5):
            connection.request("PUT", f"/v1/data/notes/{unique}", body=str(i), headers=headers)
            response = connection.getresponse()
            assert (response.status, response.read(), response.version) == (204, b"", 11)
            connection.request("GET", f"/v1/data/notes/{unique}",
                               headers={**headers, "Holdfast-Consistency": "strong"})
            assert connection.getresponse().read() == str(i).encode()
        connection.close()


def test_curl(playground, unique, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"x" * 2_000_000)  # over 1 MiB curl sends Expect: 100-continue
    for region in ("us-east", "eu-west"):
        url = f"http://127.0.0.1:{playground.http[region]}/v1/data/notes/{unique}"
        common = ["curl", "-sS", "--max-time", "20", "-H", "Authorization: Bearer " + playground.keys["acme"]]

        def curl(*words):
            return subprocess.run(common + list(words), capture_output=True, check=True).stdout

        assert b"HTTP/1.1 204 " in curl("-i", "-X", "PUT", "--data-binary", "hello", url)
        assert curl(url, "-H", "Holdfast-Consistency: strong") == b"hello"
        assert b"HTTP/1.1 204 " in curl("-i", "-T", str(big), url)
        assert curl(url, "-H", "Holdfast-Consistency: strong") == big.read_bytes()
        assert curl("--http1.0", url, "-H", "Holdfast-Consistency: strong") == big.read_bytes()
        assert curl("--http2", url, "-H", "Holdfast-Consistency: strong") == big.read_bytes()
        assert curl("-I", url).startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"HTTP/1.1 204 " in curl("-i", "-X", "DELETE", url)


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_wrk(playground, acme, unique):
    acme.put("us-east", f"notes/{unique}", b"v" * 128)
    for region, options in (("us-east", []), ("eu-west", ["-H", "Holdfast-Consistency: strong"])):
        done = subprocess.run(
            ["wrk", "-t1", "-c16", "-d1s", "-H", "Authorization: Bearer " + playground.keys["acme"],
             *options, f"http://127.0.0.1:{playground.http[region]}/v1/data/notes/{unique}"],
            capture_output=True, text=True, check=True, timeout=30)
        assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
        assert int(re.search(r"(\d+) requests in", done.stdout)[1]) > 500, done.stdout


# --- what idleness costs -----------------------------------------------------------------------

async def open_and_ask(port, key, count):
    """So many connections, each with one request answered, all left open."""
    text = f"GET /v1/data/notes/none HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    gate = asyncio.Semaphore(100)

    async def one():
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(text)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404 ")
            await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
            return writer

    return await asyncio.gather(*(one() for _ in range(count)))


def test_idle_memory(own_playground):
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < CONNECTIONS + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CONNECTIONS + 500), hard))
    playground = own_playground

    def idle_bytes():
        return {region: harness.vm_rss_bytes(playground.pid(region)) for region in REGIONS}

    time.sleep(0.5)
    fresh = idle_bytes()
    assert max(fresh.values()) < IDLE_NODE_BYTES, fresh

    async def measure():
        port, key = playground.http["us-east"], playground.keys["acme"]
        first = await open_and_ask(port, key, 50)  # what the first ones cost once
        before = idle_bytes()["us-east"]
        more = await open_and_ask(port, key, CONNECTIONS)
        await asyncio.sleep(0.5)
        after = idle_bytes()["us-east"]
        for writer in first + more:
            writer.close()
        return (after - before) / CONNECTIONS

    each = asyncio.run(measure())
    print(f"idle: {max(fresh.values()) >> 10} KiB; a connection: {each:.0f} bytes")
    assert each < CONNECTION_BYTES
    harness.wait_for("the connections are gone", lambda: playground.metric(
        "us-east", "holdfast_http_connections", 'server="http"') == 0)
