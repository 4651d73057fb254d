"""The one program's commands: help, exit status, words on standard error, and what they print."""

import json
import os
import re
import socket
import threading

import pytest

import harness
from harness import REGIONS, holdfast

COMMANDS = ["serve", "check", "playground", "status", "decide", "explain", "policy", "data", "drill", "quarantine", "tenant"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = holdfast(command, "--help", check=0)
    text = done.stdout.decode()
    assert text.startswith(f"usage: holdfast {command}")
    assert "example: holdfast " + command in text
    assert done.stderr == b""
    assert holdfast(command, "-h", check=0).stdout == done.stdout


@pytest.mark.parametrize("part", ["test", "diff", "prove", "record", "replay"])
def test_every_part_of_policy_has_help_with_an_example(part):
    text = holdfast("policy", part, "--help", check=0).stdout.decode()
    assert text.startswith(f"usage: holdfast policy {part}") and f"example: holdfast policy {part}" in text


def test_help_names_every_command():
    for words in (["--help"], ["help"], ["-h"]):
        text = holdfast(*words, check=0).stdout.decode()
        assert all(command in text for command in COMMANDS)
    assert holdfast("--version", check=0).stdout.startswith(b"holdfast ")


@pytest.mark.parametrize("words", [
    [], ["fly"], ["serve"], ["serve", "-c"], ["serve", "x.yaml"], ["serve", "-c", "x", "--log", "loud"],
    ["check"], ["check", "--strange", "x"], ["playground", "word"], ["playground", "--port-base", "80"],
    ["playground", "--port-base", "x"], ["status", "word"], ["status", "--colour"], ["data"],
    ["data", "get"], ["data", "move", "a/b"], ["data", "put", "a/b"], ["drill"], ["drill", "kill"],
    ["tenant"], ["tenant", "burn"], ["tenant", "show"], ["tenant", "import"],
    ["quarantine"], ["quarantine", "export"], ["quarantine", "burn"], ["decide"], ["decide", "p.yaml"],
    ["explain", "p.yaml"], ["policy"], ["policy", "fly"], ["policy", "test", "p.yaml"],
    ["policy", "test", "p", "t", "--min-coverage", "101"], ["policy", "diff", "p"], ["policy", "prove"],
    ["policy", "prove", "p", "--dead", "9"], ["policy", "replay", "r"], ["policy", "record", "p", "r"],
    ["policy", "record", "p", "r", "o", "--sampled", "0"]], ids=" ".join)
def test_wrong_usage_is_status_2(words):
    done = holdfast(*words, check=2)
    assert done.stderr and not done.stdout
    assert done.stderr.startswith(b"holdfast: ") or not words


def test_errors_say_what_why_and_what_to_do(tmp_path):
    for words in (["status", "--dir", tmp_path], ["drill", "kill", "us-east", "--dir", tmp_path],
                  ["data", "get", "a/b", "--dir", tmp_path], ["quarantine", "list", "--dir", tmp_path]):
        done = holdfast(*words, check=1)
        assert b"holdfast playground --dir" in done.stderr and not done.stdout


def test_check_says_right_or_where(playground):
    files = [playground.dir / "policy.yaml"] + [playground.dir / f"{r}.yaml" for r in REGIONS]
    done = holdfast("check", *files, check=0)
    assert done.stdout.count(b": right") == len(files)
    assert holdfast("check", playground.dir / "keys.json", check=1).stderr
    assert b"no such file" in holdfast("check", playground.dir / "nowhere.yaml", check=1).stderr


def data(playground, *words, check=0, **kwargs):
    return holdfast("data", *words, "--dir", playground.dir, check=check, **kwargs)


def test_data_put_get_delete(playground, unique):
    key = f"cli/{unique} with spaces/\u2603?&#%"
    assert b"stored as version" in data(playground, "put", key, "a value").stdout
    assert data(playground, "get", key).stdout == b"a value"
    got = json.loads(data(playground, "get", key, "--json").stdout)
    assert got["value"] == "a value"
    for region in REGIONS:
        assert data(playground, "get", key, "--region", region).stdout == b"a value"
    put = json.loads(data(playground, "put", key, "second", "--if-match", got["version"], "--json").stdout)
    assert put["version"] != got["version"] and put["region"] in REGIONS
    assert b"412" in data(playground, "put", key, "x", "--if-match", got["version"], check=1).stderr
    assert b"412" in data(playground, "put", key, "x", "--if-none-match", check=1).stderr
    assert data(playground, "delete", key).stdout.startswith(b"deleted in ")
    missing = data(playground, "get", key, "--consistency", "strong", check=1)
    assert b"404" in missing.stderr and missing.stdout == b""


def test_data_takes_any_bytes_from_stdin(playground, unique):
    value = os.urandom(1 << 20)
    data(playground, "put", f"cli/{unique}", "-", input=value)
    assert data(playground, "get", f"cli/{unique}").stdout == value
    assert "base64" in json.loads(data(playground, "get", f"cli/{unique}", "--json").stdout)
    big = data(playground, "put", f"cli/{unique}", "-", input=bytes((4 << 20) + 1), check=1)
    assert b"4 MiB" in big.stderr


@pytest.mark.parametrize("words", [["put", "d/k", "v"], ["put", "d/k", "v", "--if-none-match"], ["delete", "d/k"]])
def test_data_repeats_a_write_under_one_key(words):
    """Its server hangs up on the first try, which may have happened."""
    keys = []

    def serve(listener):
        for answer in (b"", b'HTTP/1.1 204 No Content\r\nETag: "1-2"\r\n\r\n'):
            with listener.accept()[0] as connection:
                head = connection.recv(1 << 16)
                keys.append(re.findall(rb"\r\nIdempotency-Key: ([0-9a-f]{32})\r\n", head))
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        at = f"127.0.0.1:{listener.getsockname()[1]}"
        holdfast("data", *words, "--endpoint", at, "--key", "hf_k_0", check=0)
        server.join(10)
    assert len(keys) == 2 and len(keys[0]) == 1 and keys[0] == keys[1]


def test_data_scan_pages(playground, acme, unique):
    for i in range(1205):
        assert acme.put("us-east", f"cli-scan/{unique}/{i:04d}", str(i).encode()).status == 204
    for limit, expected in (("0", 1205), ("1100", 1100), ("7", 7)):
        done = data(playground, "scan", f"cli-scan/{unique}/", "--limit", limit, "--json",
                    "--consistency", "strong")
        items = [json.loads(line) for line in done.stdout.splitlines()]
        assert [i["key"] for i in items] == [f"{unique}/{i:04d}" for i in range(expected)]
    assert len(data(playground, "scan", f"cli-scan/{unique}/", "--consistency", "strong").stdout.splitlines()) == 100


def test_data_is_the_tenants(playground, unique):
    key = f"cli/{unique}"
    data(playground, "put", key, "for globex", "--tenant", "globex", "--ttl", "1h")
    assert data(playground, "get", key, "--tenant", "globex").stdout == b"for globex"
    data(playground, "get", key, "--tenant", "acme", check=1)
    assert b"no key of tenant" in data(playground, "get", key, "--tenant", "nobody", check=1).stderr
    wrong = data(playground, "get", key, "--key", "hf_wrong_" + "0" * 40, check=1)
    assert b"401" in wrong.stderr
    endpoint = f"127.0.0.1:{playground.http['us-west']}"
    done = holdfast("data", "get", key, "--endpoint", endpoint, "--key", playground.keys["globex"], check=0)
    assert done.stdout == b"for globex"
    by_config = holdfast("data", "get", key, "-c", playground.dir / "us-east.yaml", check=0,
                         env={**os.environ, "HOLDFAST_KEY": playground.keys["globex"]})
    assert by_config.stdout == b"for globex"


def test_status_is_one_screen_and_json(playground):
    playground.wait_converged()
    done = holdfast("status", "--dir", playground.dir, check=0)
    text = done.stdout.decode()
    assert all(word in text for word in [*REGIONS, "us-1", "eu-1", "global-1", "active", "ready"])
    assert len(text.splitlines()) < 24 and max(map(len, text.splitlines())) < 160
    answers = json.loads(holdfast("status", "--dir", playground.dir, "--json", check=0).stdout)
    assert list(answers) == REGIONS
    for region, answer in answers.items():
        assert answer["region"] == region and answer["ready"]
        cells = {c["name"]: c for c in answer["cells"]}
        assert set(cells) == set(harness.COPIES)
        for name, copies in harness.COPIES.items():
            assert ("state_hash" in cells[name]) == (region in copies)


def test_the_admin_port(playground):
    for path, body in (("/livez", None), ("/readyz", b"ready\n")):
        answer = playground.admin_get("us-east", path)
        assert answer.status == 200 and (body is None or answer.body == body)
    metrics = playground.admin_get("us-east", "/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in metrics.body.decode().splitlines():
        assert line.startswith("# ") or line.startswith("holdfast_"), line
    assert playground.admin_get("us-east", "/nowhere").status == 404
    assert playground.admin_get("us-east", "/admin/v1/quarantine/eu-1").status == 404
    assert playground.admin_get("us-east", "/admin/v1/quarantine/us-1/..%2F..%2Fstore").status in (400, 404)


def test_drills_and_what_status_says_of_them(own_playground):
    playground = own_playground
    assert b"no such region" in holdfast("drill", "kill", "mars", "--dir", playground.dir, check=1).stderr
    holdfast("drill", "explode", "us-east", "--dir", playground.dir, check=2)
    done = holdfast("drill", "kill", "us-west", "--dir", playground.dir, check=0)
    assert b"drill restore us-west" in done.stdout
    assert b"not running" in holdfast("drill", "kill", "us-west", "--dir", playground.dir, check=1).stderr
    down = holdfast("status", "--dir", playground.dir, check=1).stdout.decode()
    assert any("us-west" in line and "DOWN" in line for line in down.splitlines())
    answers = json.loads(holdfast("status", "--dir", playground.dir, "--json", check=1).stdout)
    assert answers["us-west"] is None
    # The client tries elsewhere.
    data(playground, "put", "cli/x", "1", "--region", "us-west")
    assert data(playground, "get", "cli/x", "--region", "us-west").stdout == b"1"
    assert b"us-west started" in holdfast("drill", "restore", "us-west", "--dir", playground.dir, check=0).stdout
    playground.wait_converged()
    assert b"paused" in holdfast("drill", "pause", "us-west", "--dir", playground.dir, check=0).stdout
    assert b"goes on" in holdfast("drill", "restore", "us-west", "--dir", playground.dir, check=0).stdout
    playground.wait_converged()
    holdfast("status", "--dir", playground.dir, check=0)
    assert holdfast("quarantine", "list", "--dir", playground.dir,
                    check=0).stdout == b"nothing is in quarantine\n"
    assert json.loads(holdfast("quarantine", "list", "--json", "--dir", playground.dir, check=0).stdout) == []
    holdfast("quarantine", "export", "us-east", "us-1", "e1-s1-s2", "--dir", playground.dir, check=1)


def test_a_second_playground_in_one_place_is_refused(own_playground):
    other = holdfast("playground", "--dir", own_playground.dir, "--port-base", own_playground.base, timeout=60)
    assert other.returncode == 1 and other.stderr
    assert own_playground.tenant("acme").put("us-east", "notes/x", b"1").status == 204
    own_playground.drill("kill", "us-west")  # its files still lead to the living one
    own_playground.restore("us-west")
