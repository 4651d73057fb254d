"""Faults of the network and of coordination: cut off, one way, slow, late."""

import signal
import time

from etcd_hosts import HOSTS
from harness import wait_for
from suite import scenario, wait_other_home
from world import CELLS, COPIES


@scenario(2, "home cut off from etcd alone, the copies reach it", needs=("etcd",))
def cut_from_coordination(run):
    run.start()
    home = run.home("us-1")
    with run.load(run.others(home)) as load, run.load([home], ["acme", "umbra"]) as stayed:
        load.go_on(20)
        load.fault()
        run.wire.set_both([home], HOSTS, cut=True)
        run.rest(4)
        homes = [r for r in COPIES["us-1"] if run.cluster.home("us-1", [r])]
        run.expect(len(homes) == 1, f"homes of us-1 at one time: {homes}")
        load.go_on(20)
        run.wire.heal()
        load.go_on(20)
        stayed.go_on(10)
    run.note("replaced" if run.epoch("us-1") > run.start_epochs["us-1"] else "went on by promises")


@scenario(3, "home cut off from the copies, clients and coordination reach it", ci=True)
def cut_from_replicas(run):
    run.start()
    home = run.home("us-1")
    blocked = {CELLS[cell][1] for cell in CELLS if run.home(cell) == home and "consistency" in CELLS[cell][0]}
    run.served -= blocked
    before = run.epochs()
    with run.load([home], ["acme", "initech", "umbra"]) as load:
        load.go_on(20)
        load.fault()
        run.wire.set_both([home], run.others(home), cut=True)
        wait_for("the home says that it goes on alone", lambda: run.cluster.cell(home, "us-1")["degraded"])
        served = [t for t in load.acks if t in run.served]
        load.go_on(40, served)
        for tenant in blocked:
            count = len(load.acks[tenant])
            run.rest(1)
            run.expect(len(load.acks[tenant]) == count, f"{tenant}: acknowledged without its copies")
        run.wire.heal()
        load.go_on(20)
    after = run.epochs()
    run.expect(before == after, f"a home whose lease was good was replaced: {before} {after}")


def one_way(run, inward):
    home = run.home("us-1")
    others = run.others(home)
    with run.load([home], ["acme", "initech", "umbra"]) as load:
        load.go_on(20)
        load.fault()
        run.wire.set(*((others, [home]) if inward else ([home], others)), cut=True)
        run.rest(3)
        healed = time.monotonic()
        run.wire.heal()
        load.go_on(20)
        run.expect(time.monotonic() - healed < 10, "writes needed over 10 s after the cut was healed")
    run.wait_whole()


@scenario(4, "one-way cuts: the home sends but does not receive, and the reverse", ci=True)
def asymmetric(run):
    run.limit_s = 8.0  # a cell that waits for its copies waits for the 3 s of each cut
    run.start()
    one_way(run, inward=True)
    one_way(run, inward=False)


@scenario(5, "home's region cut off entirely, some clients still attached to it", ci=True)
def full_cut(run):
    run.start()
    run.limit_s = 6.0
    home = run.home("us-1")
    if not run.etcd:
        run.note("coordination is a shared file: the cut-off home keeps its lease, nobody replaces it")
        run.served -= {CELLS[cell][1] for cell in CELLS if run.home(cell) == home}
    before = run.epochs()
    with run.load(run.others(home)) as load, run.load([home]) as stayed:
        load.go_on(20)
        stayed.go_on(20)
        load.fault()
        run.wire.set_both([home], [h for h in run.wire.hosts if h not in (home, "clients")], cut=True)
        load.go_on(20, run.served)
        run.rest(3)
        run.wire.heal()
        load.go_on(20)
        stayed.go_on(20)
    after = run.epochs()
    if run.etcd:
        run.expect(all(after[c] > before[c] for c in ("us-1", "trio-1")), "a home that was cut off was not replaced")
    else:
        run.expect(before == after, "a home whose lease was good was replaced")


@scenario(13, "slow link: 300 ms there and back, 2 % loss, 1 Mbit/s", ci=True)
def slow_link(run):
    run.start()
    home = run.home("us-1")
    before = run.epochs()
    run.served = {"globex"}
    far = [r for r in COPIES["us-1"] if r != home]
    with run.load([home, "eu-west"], ["acme", "globex"]) as load:
        load.go_on(20)
        load.fault()
        run.wire.set_both([home], far, delay_ms=150, loss=0.02, kbit_s=1000)
        end, lag = time.monotonic() + 8, 0
        while time.monotonic() < end:
            state = run.cluster.cell(home, "us-1")
            lag = max([lag] + [r["lag_ms"] for r in state["replicas"] if r["region"] in far])
            time.sleep(0.1)
        load.go_on(5)
        run.wire.heal()
        load.go_on(20)
    run.expect(before == run.epochs(), "a slow link was taken for a death")
    run.expect(lag >= 150, f"the lag was said to be {lag} ms on a link of 300 ms")
    run.note(f"lag shown {lag} ms")


@scenario(14, "frames of the old epoch arrive twice, out of order and after the new epoch began")
def late_frames(run):
    run.start()
    run.served = {"umbra"}
    run.limit_s = 8.0  # writes were slow before the death already
    home = run.home("trio-1")
    with run.load(run.others(home), ["umbra"]) as load:
        load.go_on(20)
        run.wire.set([home], run.others(home), delay_ms=400, jitter_ms=800, twice=0.3)
        run.rest(1)
        load.fault()
        run.cluster.kill(home)
        wait_other_home(run, "trio-1", home)
        load.go_on(40)
        run.rest(2)  # the last of them has arrived
    run.note("duplicates are of packets: TCP drops them; duplicate frames are the simulation's")


@scenario(18, "etcd: all of it is gone for 8 s, then its members stop one at a time", needs=("etcd",))
def coordination_gone(run):
    run.start()
    before = run.epochs()
    with run.load() as load:
        load.go_on(20)
        load.fault()
        run.etcd.kill(*HOSTS)
        run.rest(8)
        load.go_on(20)
        run.etcd.start(*HOSTS)
        run.rest(1)
        for host in HOSTS:
            run.etcd.send_signal(host, signal.SIGSTOP)
            run.rest(2)
            run.etcd.send_signal(host, signal.SIGCONT)
            run.rest(1)
        load.go_on(20)
    run.expect(before == run.epochs(), f"homes have moved: {before} {run.epochs()}")
