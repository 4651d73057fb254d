"""Four regions that agree through a real etcd of three members, as on many machines: no death
is proven, leases run out. What clients see when regions and members of etcd fail.
"""

import contextlib
import os
import re
import shutil
import signal
import time

import pytest

import harness
from etcd import MEMBERS, PASSWORD, Etcd, Wire
from harness import REGIONS, holdfast, wait_for
from test_failover import Load


@pytest.fixture
def etcd(request):
    """Parameter: its heartbeat and election times in ms."""
    with harness.directory("etcd") as path, \
            harness.running(Etcd(path, *getattr(request, "param", ()))) as etcd:
        yield etcd


@pytest.fixture
def regions(etcd):
    options = ["--etcd", ",".join(etcd.urls)]
    with harness.directory("regions") as path, \
            harness.running(harness.Playground(path, options=options)) as playground:
        yield playground


def test_a_home_that_is_killed_is_replaced_when_its_lease_is_over(regions):
    acme = regions.tenant("acme")
    for turn in range(2):
        home = regions.wait_home("us-1")
        others = [r for r in REGIONS if r != home]
        with Load(acme, others, f"kill-{turn}") as load:
            load.go_on()
            regions.kill(home)
            load.go_on(100)
        assert not load.failures
        print(f"longest gap {load.longest_gap() * 1000:.0f} ms")
        assert 0.3 < load.longest_gap() < 3  # nobody knew before the lease was over
        for key, value in load.acknowledged.items():
            assert acme.get(others[0], key, holdfast_consistency="strong").body == value
        regions.restore(home)
        regions.wait_converged()


def test_a_home_that_ends_well_says_so(regions):
    """It ends its own life in etcd: nobody waits for a lease."""
    regions.wait_converged()
    home = regions.wait_home("eu-1")
    others = [r for r in REGIONS if r != home]
    with Load(regions.tenant("globex"), others, "term") as load:
        load.go_on()
        os.kill(regions.pid(home), signal.SIGTERM)
        load.go_on(100)
    assert not load.failures
    print(f"longest gap {load.longest_gap() * 1000:.0f} ms")
    assert load.longest_gap() < 1.5


@pytest.mark.parametrize("etcd", [(30, 300), (100, 1000)], ids=["fast", "as-shipped"], indirect=True)
def test_members_of_etcd_may_fail_one_at_a_time(etcd, regions):
    """Killed, or standing still with open sockets: no request fails, no cell moves; also when an
    election takes longer than a lease."""
    homes = {cell: regions.wait_home(cell) for cell in harness.COPIES}
    regions.wait_converged()
    with Load(regions.tenant("acme"), REGIONS, "members") as load:
        for member in range(MEMBERS):
            etcd.kill(member)
            load.go_on(100)
            etcd.start(member)
        for member in range(MEMBERS):
            etcd.pause(member)
            load.go_on(100)
            time.sleep(0.7)
            etcd.resume(member)
            wait_for(f"etcd {member} serves", lambda: etcd.serves(member))
        load.go_on(30)
    assert not load.failures
    assert homes == {cell: regions.home(cell) for cell in harness.COPIES}


def epochs(regions):
    return {cell: regions.cell(regions.wait_home(cell), cell)["epoch"] for cell in harness.COPIES}


def test_etcd_may_be_gone_while_all_copies_are_there(etcd, regions):
    """Twenty seconds without any of it: no request fails, no home changes, and none when it is back."""
    regions.wait_converged()
    before = epochs(regions)
    with Load(regions.tenant("acme"), REGIONS, "gone") as acme, \
            Load(regions.tenant("initech"), REGIONS, "gone") as initech:
        acme.go_on()
        etcd.kill()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            acme.go_on(10)
            initech.go_on(10)
        for cell in harness.COPIES:
            assert regions.cell(regions.wait_home(cell), cell)["failsafe"]
        etcd.start()
        wait_for("coordination again", lambda: not any(
            regions.cell(regions.wait_home(cell), cell)["failsafe"] for cell in harness.COPIES))
        time.sleep(2)
        acme.go_on(50)
        initech.go_on(50)
    assert not acme.failures and not initech.failures
    assert epochs(regions) == before


def test_without_etcd_a_cell_that_lacks_a_copy_takes_no_writes(etcd, regions):
    """The others go on; what it has can be read; with etcd it is a failover as any other."""
    regions.wait_converged()
    home = regions.wait_home("us-1")
    copy = next(r for r in harness.COPIES["us-1"] if r != home)
    others = [r for r in REGIONS if r != copy]
    acme, globex = regions.tenant("acme"), regions.tenant("globex")
    assert acme.put(home, "notes/x", b"1").status == 204
    etcd.kill()
    time.sleep(2)
    with Load(globex, others, "others") as load:
        load.go_on()
        regions.kill(copy)
        wait_for("the home stops", lambda: acme.put(home, "notes/y", b"2").status in (503, 504))
        wait_for("not failsafe", lambda: not regions.cell(home, "us-1")["failsafe"])
        got = acme.get(home, "notes/x", holdfast_consistency="eventual")
        assert (got.status, got.body) == (200, b"1")
        load.go_on(100)
        etcd.start()
        load.go_on(30)
    assert not load.failures
    wait_for("writes again", lambda: acme.put(home, "notes/y", b"3").status == 204)
    regions.restore(copy)
    regions.wait_converged()


@pytest.fixture
def pair(etcd):
    """Two regions and, in a third place, a witness."""
    with harness.directory("pair") as path:
        nodes = harness.Nodes(
            path, ["eu-west", "eu-central"], {"eu": "regions: [eu-west, eu-central]"},
            {"eu-1": "replicas: [eu-west, eu-central], mode: sync, copies: 2, "
                     "on_partition: availability"},
            {"globex": "residency: eu, cell: eu-1"},
            coordination="{etcd: {endpoints: [" + ", ".join(f'"{u}"' for u in etcd.urls) + "]}}",
            witness="lighthouse")
        with harness.running(nodes):
            yield nodes


def test_two_regions_need_a_witness(etcd, pair):
    """check says so; with one a region may die, and etcd may be gone while all three are there."""
    config = pair.dir / "eu-west.yaml"
    whole = config.read_text()
    config.write_text(re.sub("(?m)^witness:.*$", "", whole))
    done = holdfast("check", config, check=1)
    assert b"two have no third voter" in done.stderr
    config.write_text(whole)
    for name in ("eu-west", "lighthouse"):
        holdfast("check", pair.dir / f"{name}.yaml", check=0)
    pair.start("eu-west", "eu-central", "lighthouse")
    globex = pair.tenant("globex")
    home = pair.wait_home("eu-1")
    other = next(r for r in pair.regions if r != home)
    wait_for("both copies", lambda: not pair.cell(home, "eu-1")["degraded"])
    assert globex.put(home, "notes/x", b"1").status == 204
    wait_for("the witness knows the home", lambda: pair.cell("lighthouse", "eu-1")["home"] == home)

    time.sleep(1)  # who was just started may have promised in the life before

    with Load(globex, pair.regions, "pair") as load:
        load.go_on()
        etcd.kill()
        time.sleep(2)
        load.go_on(30)
        assert pair.cell(home, "eu-1")["failsafe"]
    assert not load.failures
    pair.kill("lighthouse")
    wait_for("the home stops", lambda: globex.put(home, "notes/y", b"2").status in (503, 504))
    etcd.start()
    pair.start("lighthouse")
    wait_for("writes again", lambda: globex.put(home, "notes/y", b"3").status == 204)

    with Load(globex, [other], "alone") as load:
        load.go_on()
        pair.kill(home)
        load.go_on(50)
    assert not load.failures
    assert pair.home("eu-1", [other]) == other
    assert not list(pair.dir.glob("lighthouse/*")), "a witness holds no data"


def test_a_home_that_alone_cannot_reach_etcd_is_replaced(etcd):
    """Its copies can, and know from there when its lease is over: they vouch for it no more, and one
    takes over. No request fails, nothing acknowledged is lost, and it comes back as a copy."""
    names = ["us-east", "us-west", "eu-west"]
    wires = [Wire(etcd.host, int(url.rsplit(":", 1)[1])) for url in etcd.urls]
    with harness.directory("cut") as path, contextlib.ExitStack() as stack:
        for wire in wires:
            stack.callback(wire.stop)
        nodes = harness.Nodes(
            path, names, {"all": "regions: all"},
            {"global-1": "replicas: [us-east, us-west, eu-west], mode: sync, copies: 2"},
            {"initech": "residency: all, cell: global-1"},
            coordination="{etcd: {endpoints: [" + ", ".join(f'"{u}"' for u in etcd.urls) + "]}}")
        first = path / "us-east.yaml"
        text = first.read_text()
        for url, wire in zip(etcd.urls, wires):
            text = text.replace(url, wire.url)
        first.write_text(text)
        stack.enter_context(harness.running(nodes))
        nodes.start()
        assert nodes.wait_home("global-1") == "us-east"
        nodes.wait_converged(["global-1"])
        initech = nodes.tenant("initech")
        with Load(initech, names, "cut") as load:
            load.go_on()
            for wire in wires:
                wire.is_cut = True
            load.go_on(60)
            successor = nodes.wait_home("global-1", names[1:])
            load.go_on(60)
            for wire in wires:
                wire.mend()
            load.go_on(30)
        assert not load.failures
        print(f"longest gap {load.longest_gap() * 1000:.0f} ms")
        assert load.longest_gap() < 4
        nodes.wait_converged(["global-1"])
        assert nodes.home("global-1") == successor
        for key, value in load.acknowledged.items():
            assert initech.get(successor, key, holdfast_consistency="strong").body == value


@pytest.mark.parametrize("etcd", [(30, 300, True)], ids=["guarded"], indirect=True)
def test_certificates_and_a_password(etcd):
    """As it is run in earnest: names of files are relative to the node's file."""
    with harness.directory("guarded") as path:
        urls = ", ".join(f'"{u}"' for u in etcd.urls)
        for name in ("ca.pem", "cert.pem", "key.pem"):
            shutil.copy(etcd.dir / name, path / name)
        (path / "password").write_text(PASSWORD + "\n")
        nodes = harness.Nodes(
            path, ["us-east", "us-west", "eu-west"], {"all": "regions: all"},
            {"global-1": "replicas: [us-east, us-west, eu-west], mode: sync, copies: 2"},
            {"initech": "residency: all, cell: global-1"},
            coordination=f"{{etcd: {{endpoints: [{urls}], ca: ca.pem, cert: cert.pem, key: key.pem, "
                         "user: holdfast, password_file: password}}")
        holdfast("check", path / "us-east.yaml", check=0)
        with harness.running(nodes):
            nodes.start()
            home = nodes.wait_home("global-1")
            others = [r for r in nodes.regions if r != home]
            with Load(nodes.tenant("initech"), others, "guarded") as load:
                load.go_on()
                etcd.kill(0)
                load.go_on(50)
                nodes.kill(home)
                load.go_on(50)
            assert not load.failures
        (path / "password").write_text("wrong")
        with harness.running(nodes):
            nodes.start("us-east")
            wait_for("it says why", lambda: "authentication failed" in nodes.log("us-east"))
        (path / "ca.pem").write_text("no certificate")
        for command in (["check"], ["serve", "-c"]):
            done = holdfast(*command, path / "us-east.yaml", check=1)
            assert b"ca.pem" in done.stderr and b"PEM" in done.stderr


def test_check_reads_what_the_playground_writes(regions):
    assert holdfast("check", regions.dir / "eu-west.yaml").returncode == 0
