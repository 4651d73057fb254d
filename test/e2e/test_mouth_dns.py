"""Where DNS and HAProxy send clients: real gdnsd and HAProxy's agent-check, fed by a node, before
and after a region dies.
"""

import contextlib
import re
import shutil
import socket
import subprocess

import pytest

import harness
from harness import wait_for

ADDRESS = {"us-east": "192.0.2.1", "us-west": "192.0.2.2", "eu-west": "192.0.2.3"}
WATCHER = "eu-west"

GDNSD = """
options => {{ listen => [ 127.0.0.1:{port} ], run_dir => {dir}/run, state_dir => {dir}/state }}
service_types => {{ holdfast => {{ plugin => extfile, file => {dir}/state/extfile, direct => true }} }}
plugins => {{
  metafo => {{ resources => {{ us-1 => {{
    datacenters => [ us-west, us-east ], dcmap => {{ us-west => 192.0.2.2, us-east => 192.0.2.1 }}
  }} }} }}
  multifo => {{ us => {{
    service_types => holdfast, up_thresh => 0.1,
    addrs_v4 => {{ east => 198.51.100.1, west => 198.51.100.2 }},
    addrs_v6 => {{ east => "2001:db8::1", west => "2001:db8::2" }}
  }} }}
}}
"""

ZONE = """
@ SOA ns1 hostmaster 1 7200 1800 259200 900
@ NS ns1
ns1 A 127.0.0.1
us-1 30 DYNA metafo!us-1
us 30 DYNA multifo!us
"""


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def watched():
    """Three regions; the node of one tells gdnsd and HAProxy about all."""
    with harness.directory("dns") as path:
        cluster = harness.Nodes(
            path, ["us-east", "us-west", WATCHER], {"us": "regions: [us-east, us-west], transit: allow"},
            {"us-1": "replicas: [us-east, us-west], mode: sync, copies: 2, on_partition: availability"},
            {"acme": "residency: us, cell: us-1"})
        cluster.agent = harness.free_port_base()
        (path / "state").mkdir()
        cluster.write_node(WATCHER, options=f'agent_check: "127.0.0.1:{cluster.agent}"\n'
                                            "dns: {admin_state: state/admin_state, extfile: state/extfile, addresses: {"
                                            "us-east: [198.51.100.1, \"2001:db8::1\"], "
                                            "us-west: [198.51.100.2, \"2001:db8::2\"]}}")
        with harness.running(cluster):
            cluster.start()
            cluster.wait_home("us-1", ["us-east"])
            yield cluster


@contextlib.contextmanager
def gdnsd(directory):
    port = free_udp_port()
    (directory / "zones").mkdir()
    (directory / "run").mkdir(exist_ok=True)
    (directory / "config").write_text(GDNSD.format(port=port, dir=directory))
    (directory / "zones" / "example.com").write_text(ZONE)
    log = open(directory / "gdnsd.log", "wb")
    process = subprocess.Popen(["/usr/sbin/gdnsd", "-c", str(directory), "start"], stdout=log, stderr=log)
    log.close()
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def dig(port, name, kind="A"):
    done = subprocess.run(["dig", "+short", "+tries=1", "+time=2", "@127.0.0.1", "-p", str(port), name, kind],
                          capture_output=True, text=True, timeout=10)
    return done.stdout.strip()


def agent_line(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        parts = []
        while part := s.recv(1000):
            parts.append(part)
        return b"".join(parts)


def test_dns_follows_the_home(watched):
    if not shutil.which("gdnsd", path="/usr/sbin:/usr/bin"):
        pytest.fail("gdnsd is not installed: tools/deps.sh installs it")
    wait_for("the state file", lambda: (watched.dir / "state/admin_state").exists())
    with gdnsd(watched.dir) as port:
        def answers(region):
            return lambda: dig(port, "us-1.example.com") == ADDRESS[region]

        def said():
            return (dig(port, "us-1.example.com"), (watched.dir / "state/admin_state").read_text(),
                    (watched.dir / "gdnsd.log").read_text()[-2000:])

        # Its own order begins with us-west: that the answer is the home is our doing.
        wait_for(lambda: f"us-east by DNS: {said()}", answers("us-east"))
        watched.kill("us-east")
        wait_for(lambda: f"us-west by DNS: {said()}", answers("us-west"), 30)
        watched.start("us-east")
        watched.wait_converged(["us-1"])
        assert answers("us-west")()  # the home stays where it is


def test_services_go_by_their_regions_state(watched):
    state = watched.dir / "state/extfile"
    wait_for("the extfile", lambda: state.exists() and "DOWN" not in state.read_text())
    with gdnsd(watched.dir) as port:
        def answers():
            return {kind: sorted(dig(port, "us.example.com", kind).split()) for kind in ("A", "AAAA")}

        both = {"A": ["198.51.100.1", "198.51.100.2"], "AAAA": ["2001:db8::1", "2001:db8::2"]}
        wait_for(lambda: f"both by DNS: {answers()}", lambda: answers() == both)
        watched.kill("us-east")
        west = {"A": ["198.51.100.2"], "AAAA": ["2001:db8::2"]}
        wait_for(lambda: f"us-west by DNS: {answers()} {state.read_text()}", lambda: answers() == west, 30)
        watched.start("us-east")
        wait_for(lambda: f"both again: {answers()} {state.read_text()}", lambda: answers() == both, 30)
        log = (watched.dir / "gdnsd.log").read_text().lower().splitlines()
        assert not [line for line in log if "extfile" in line and ("warn" in line or "error" in line)]


def test_agent_check_says_what_lives(watched):
    assert agent_line(watched.agent) == b"up ready 100%\n"
    assert agent_line(watched.agent + 2) == b"up ready 100%\n"
    watched.kill("us-east")
    wait_for("us-east is down", lambda: agent_line(watched.agent).startswith(b"down"))
    assert agent_line(watched.agent + 1) == b"up ready 100%\n"
    watched.start("us-east")
    wait_for("us-east is up", lambda: agent_line(watched.agent) == b"up ready 100%\n")


HAPROXY = """
global
  stats socket {dir}/haproxy.sock
defaults
  mode tcp
  timeout connect 1s
  timeout client 1s
  timeout server 1s
backend regions
"""


def test_haproxy_believes_it(watched):
    text = HAPROXY.format(dir=watched.dir)
    for i, region in enumerate(watched.regions):
        text += (f"  server {region} 127.0.0.1:{watched.http[region]} check inter 200ms "
                 f"agent-check agent-inter 200ms agent-port {watched.agent + i}\n")
    (watched.dir / "haproxy.cfg").write_text(text)
    process = subprocess.Popen(["/usr/sbin/haproxy", "-f", str(watched.dir / "haproxy.cfg")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def state(region):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(watched.dir / "haproxy.sock"))
            s.sendall(b"show stat\n")
            stat = b"".join(iter(lambda: s.recv(65536), b"")).decode()
            row = re.search(rf"^regions,{region},.*$", stat, re.M)
            return row and row[0].split(",")[17]

    def is_up(region):  # "UP 1/3": one check of those that it wants has failed or is outstanding
        return (state(region) or "").startswith("UP")

    try:
        wait_for(lambda: f"UP: {state('us-east')}", lambda: is_up("us-east"))
        watched.kill("us-east")
        wait_for(lambda: f"DOWN: {state('us-east')}", lambda: "DOWN" in (state("us-east") or ""))
        assert is_up("us-west")
        watched.start("us-east")
        wait_for(lambda: f"UP again: {state('us-east')}", lambda: is_up("us-east"))
    finally:
        process.terminate()
        process.wait(10)
