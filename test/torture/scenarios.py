"""The fault suite: what is done to four regions, one function a scenario. What must be true of
all afterwards is in world.py; here only what is special.

D is the lease, 0.6 s. The home of us-1 is the victim where one is needed: it is the home of
trio-1 and global-1 as well, unless an earlier failover has moved them.
"""

import contextlib
import shutil
import signal
import subprocess
import threading
import time

from etcd_hosts import HOSTS
from harness import wait_for
from world import CELLS, COPIES, LEASE_S

SCENARIOS = {}
NOT_RUN = {
    21: "another shape of cluster: test/e2e/test_etcd.py has it",
    23: "moving a tenant between residency classes: not in this program yet",
    24: "the PostgreSQL store: not in this program yet",
}


class Scenario:
    def __init__(self, number, title, run, ci, needs):
        self.number, self.title, self.run, self.ci, self.needs = number, title, run, ci, needs


def scenario(number, title, ci=False, needs=()):
    """needs: "root" (mounts of devices), "preload" (faults.so), "etcd"."""
    def add(run):
        SCENARIOS[number] = Scenario(number, title, run, ci, needs)
        return run
    return add


def wait_other_home(run, cell, than, timeout_s=10):
    return run.cluster.wait_home(cell, [r for r in COPIES[cell] if r != than], timeout_s)


@scenario(1, "kill -9 of the home, three times", ci=True)
def kill_home(run):
    run.start()
    for turn in range(3):
        home = run.home("us-1")
        with run.load(run.others(home)) as load:
            load.go_on(20)
            run.rest(0, 0.05)  # another step of a commit each time
            load.fault()
            run.cluster.kill(home)
            load.go_on(40)
        run.expect(run.home("us-1") != home, "the dead home was not replaced")
        run.cluster.all_up()
        run.wait_whole()


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


@scenario(16, "the home dies in the middle of its move back")
def death_in_failback(run):
    run.start()
    first = run.home("us-1")
    run.cluster.kill(first)
    second = wait_other_home(run, "us-1", first)
    run.cluster.start(first)
    run.wait_whole()
    for victim in (second, first):
        other = first if victim == second else second
        run.expect(run.home("us-1") == victim or run.cluster.move("us-1", victim), "no move to the start")
        with run.load(run.others(first, second), ["acme", "globex"]) as load:
            load.go_on(20)
            load.fault()
            asked = threading.Thread(target=run.cluster.move, args=("us-1", other, False))
            asked.start()
            run.rest(0, 0.03)
            run.cluster.kill(victim)
            asked.join()
            load.go_on(40)
        homes = [r for r in COPIES["us-1"] if run.cluster.home("us-1", [r])]
        run.expect(homes == [other], f"homes after the move back was cut short: {homes}")
        run.cluster.start(victim)
        run.wait_whole()


@scenario(17, "planned moves there and back, 40 under load; the target dies in 5 more")
def planned_moves(run):
    run.start()
    moves = 40
    with run.load(["eu-west", "eu-central"], ["acme", "globex"]) as load:
        load.go_on(20)
        load.fault()
        for _ in range(moves):
            home = run.home("us-1")
            run.cluster.move("us-1", next(r for r in COPIES["us-1"] if r != home))
        load.go_on(20)
    pause = load.outages_s()["acme"]
    run.expect(pause < 0.5, f"a planned move held writes up for {pause:.2f} s")
    run.note(f"{moves} moves, longest pause {pause * 1000:.0f} ms")
    for _ in range(5):
        home = run.home("us-1")
        target = next(r for r in COPIES["us-1"] if r != home)
        with run.load(["eu-west", "eu-central"], ["acme", "globex"]) as load:
            load.go_on(10)
            load.fault()
            asked = threading.Thread(target=run.cluster.move, args=("us-1", target, False))
            asked.start()
            run.rest(0, 0.03)
            run.cluster.kill(target)
            asked.join()
            load.go_on(20)
        run.cluster.start(target)
        run.wait_whole()


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


@scenario(6, "SIGSTOP of the home for D/2, 2 D and 5 s, clients attached to it", ci=True)
def pause_home(run):
    run.start()
    for seconds in (LEASE_S / 2, LEASE_S * 2, 5):
        home = run.home("us-1")
        epoch = run.epoch("us-1")
        with run.load(run.others(home)) as load, run.load([home], ["acme", "umbra"]) as stayed:
            load.go_on(20)
            stayed.go_on(10)
            load.fault()
            run.cluster.send_signal(home, signal.SIGSTOP)
            run.rest(seconds)
            run.cluster.send_signal(home, signal.SIGCONT)
            load.go_on(30)
            stayed.go_on(10)
        if seconds < LEASE_S:
            run.expect(run.epoch("us-1") == epoch, "half a lease's pause was taken for a death")
        else:
            run.expect(run.epoch("us-1") > epoch, "a paused home was not replaced")
        run.wait_whole()


@scenario(7, "the candidate stops right after the home's death, at a random moment")
def pause_candidate(run):
    run.start()
    for _ in range(3):
        home = run.home("trio-1")
        candidates = [r for r in COPIES["trio-1"] if r != home]
        edges = run.others(home, candidates[0])
        run.served = {"umbra"}
        with run.load(edges, ["umbra"]) as load:
            load.go_on(20)
            load.fault()
            run.cluster.kill(home)
            run.rest(0, 0.04)
            run.cluster.send_signal(candidates[0], signal.SIGSTOP)
            run.rest(LEASE_S * 3)
            run.cluster.send_signal(candidates[0], signal.SIGCONT)
            load.go_on(20)
        run.limit_s = 6.0  # two of three copies: writes wait for the one that is stopped
        run.cluster.all_up()
        run.wait_whole()


def ballast(disk):
    """Takes all that is free, while others take some of it, too."""
    with open(disk / "ballast", "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(bytes(65536))


@scenario(8, "disk full: at the home, then at a copy", ci=True)
def disk_full(run):
    disks = {r: run.disk(r, "-t", "tmpfs", "-o", "size=96m", "torture") for r in ("us-east", "us-west")}
    run.start()
    run.served = {"globex"}  # whose disks have room
    home = run.home("us-1")
    view = run.cluster.tenant("acme")
    with run.load(["eu-west", "eu-central"]) as load:
        for region in (home, *(r for r in disks if r != home)):
            load.go_on(20)
            load.fault()
            ballast(disks[region])
            end = time.monotonic() + 3
            while time.monotonic() < end:
                got = view.get(region, "registers/0", holdfast_consistency="eventual")
                run.expect(got.status in (200, 404), f"{region}: a full disk ended reads: {got!r}")
                time.sleep(0.02)
            run.expect(run.cluster.processes[region].poll() is None, f"{region} died of a full disk")
            (disks[region] / "ballast").unlink()
            load.go_on(20)


@scenario(9, "fdatasync fails once at the home", needs=("preload",))
def sync_error(run):
    run.start()
    home = run.home("us-1")
    with run.load(run.others(home)) as load:
        load.go_on(20)
        load.fault()
        (run.directory / f"{home}.faults").write_text("sync-fails-once\n")
        load.go_on(60)
        run.expect(run.home("us-1") != home, "the home whose disk failed was not replaced")
    states = [run.cluster.cell(home, cell) for cell in CELLS if home in COPIES[cell]]
    fenced = [s for s in states if s["role"] == "fenced"]
    run.expect(fenced and all(s["held"] for s in fenced), "a failed sync is not said in the status")
    run.cluster.kill(home)  # what a failed sync has left is known after a restart only


@scenario(10, "the home's disk hangs while its network is well", ci=True, needs=("root",))
def disk_hangs(run):
    image = run.directory / "disk.img"
    with open(image, "wb") as f:
        f.truncate(192 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    disk = run.disk("us-east", "-o", "loop", image)
    run.start()
    if not run.expect(run.home("us-1") == "us-east", "us-east is not home at the start"):
        return
    with run.load(run.others("us-east")) as load:
        load.go_on(20)
        load.fault()
        with frozen(disk):
            load.go_on(40)
            run.expect(wait_other_home(run, "us-1", "us-east"), "the hanging home was not replaced")


class frozen:
    """A filesystem that takes no writes. A process of its own thaws it when we die: what waits for a
    frozen disk cannot be killed."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        subprocess.run(["fsfreeze", "-f", self.path], check=True)
        script = 'read x; fsfreeze -u "$0"'
        self.guard = subprocess.Popen(["sh", "-c", script, self.path], stdin=subprocess.PIPE)

    def __exit__(self, *_):
        self.guard.stdin.close()
        self.guard.wait(10)


def log_files(run, region, cell):
    return sorted(p for p in (run.directory / region).rglob("*")
                  if p.is_file() and cell in str(p) and "log" in p.parent.name)


@scenario(11, "a copy's log has flipped bits, then a copy comes back wiped under its old name")
def damaged_copy(run):
    run.start()
    home = run.home("us-1")
    copy = next(r for r in COPIES["us-1"] if r != home)
    with run.load(run.others(copy)) as load:
        load.go_on(100)
        load.fault()
        run.cluster.kill(copy)
        flipped = 0
        for path in log_files(run, copy, "us-1"):
            content = bytearray(path.read_bytes())
            at = content.find(run.markers["acme"].encode())
            if at >= 0:
                content[at + 5] ^= 0x40
                path.write_bytes(content)
                flipped += 1
        run.expect(flipped, "nothing to flip was found")
        run.cluster.start(copy, wait=False)
        load.go_on(20)
        run.rest(2)
        alive = run.cluster.processes[copy].poll() is None
        run.note(f"{copy} with flipped bits " + ("found and mended them" if alive else "refused to start"))
        if alive:
            run.cluster.kill(copy)
        else:
            run.cluster.processes.pop(copy)
        shutil.rmtree(run.directory / copy)
        run.cluster.start(copy)
        load.go_on(20)
    run.wait_whole()


@scenario(12, "clocks: the wall's an hour off both ways, the machine's 1 % fast and slow", needs=("preload",))
def clocks(run):
    for region, fault in zip(("us-east", "us-west", "eu-west", "eu-central"),
                             ("wall=3600", "wall=-3600 rate=1.01", "wall=-3600 rate=0.99", "wall=3600")):
        (run.directory / f"{region}.faults").write_text(fault + "\n")
    run.start()
    before = run.epochs()
    home = run.home("us-1")
    with run.load(run.others(home)) as load:
        load.go_on(50)
        run.rest(10)
        run.expect(before == run.epochs(), "clocks alone have moved a home")
        load.fault()
        run.cluster.kill(home)
        load.go_on(40)
    run.cluster.start(home)
    run.wait_whole()


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


@scenario(15, "double failover: the home dies, then the next home, within a second", ci=True)
def double_failover(run):
    run.start()
    first = run.home("trio-1")
    run.served = {"umbra"}
    run.limit_s = 20.0  # two of three copies are dead until one is back
    with run.load(["eu-central"], ["umbra", "initech"]) as load:
        load.go_on(20)
        load.fault()
        run.cluster.kill(first)
        second = wait_other_home(run, "trio-1", first)
        run.rest(0, 0.5)
        run.cluster.kill(second)
        run.rest(1)
        run.cluster.start(first)
        load.go_on(20)
        run.cluster.start(second)
    run.wait_whole()
    run.expect(run.epoch("trio-1") > run.start_epochs["trio-1"] + 1, "there were not two failovers")


@scenario(19, "flapping: the home dies and returns every 2 s for 20 s, then the new home dies")
def flapping(run):
    run.start()
    victim = run.home("us-1")
    with run.load(run.others(victim)) as load:
        load.go_on(20)
        load.fault()
        for _ in range(5):
            run.cluster.kill(victim)
            run.rest(2)
            run.cluster.start(victim)
            run.rest(2)
    run.wait_whole()
    home = run.home("us-1")
    with run.load(run.others(home)) as load:
        load.go_on(20)
        load.fault()
        run.cluster.kill(home)
        load.go_on(40)
    run.note(f"{run.epoch('us-1') - run.start_epochs['us-1']} epochs; there is no damping yet")


@scenario(20, "only a copy that lacks acknowledged writes is left")
def lagging_candidate(run):
    run.start()
    home = run.home("us-1")
    copy = next(r for r in COPIES["us-1"] if r != home)
    run.served = {"globex"}
    with run.load(["eu-west"], ["acme", "globex"]) as load:
        load.go_on(20)
        run.cluster.kill(copy)
        load.go_on(30)
        load.fault()
        run.cluster.kill(home)
        run.cluster.start(copy)
        run.rest(3)
        state = run.cluster.cell(copy, "us-1")
        run.expect(run.cluster.home("us-1") is None, "a copy without acknowledged writes has taken over")
        run.expect(state["held"], "the cell is held and does not say why")
        run.note("HELD: " + state["held"])
        run.cluster.start(home)
        load.go_on(20)


@scenario(22, "tokens: of a truncated branch, forged, of another cell, after a failover", ci=True)
def tokens(run):
    run.start()
    home = run.home("global-1")
    others = run.others(home)
    initech, acme, globex = (run.cluster.tenant(t) for t in ("initech", "acme", "globex"))
    run.wire.set_both([home], others, cut=True)  # what is written now is nowhere else
    run.rest(1.5)
    lost = initech.put(home, "notes/lost", b"nobody else has it")
    run.expect(lost.status == 204, f"an async home needs nobody: {lost!r}")
    run.cluster.kill(home)
    run.wire.heal()
    new = run.cluster.wait_home("global-1", others)
    run.cluster.start(home)
    run.wait_whole()
    for region in run.cluster.regions:
        got = initech.get(region, "notes/lost", holdfast_token=lost.token, holdfast_consistency="session")
        run.expect(got.status == 409, f"{region}: a token of a truncated branch: {got!r}")
    forged = lost.token[:-4] + ("AAAA" if lost.token[-4:] != "AAAA" else "BBBB")
    got = initech.get(new, "notes/lost", holdfast_token=forged)
    run.expect(got.status == 400, f"a forged token: {got!r}")
    foreign = globex.put("eu-west", "notes/x", b"1").token
    got = acme.get("us-west", "notes/x", holdfast_token=foreign, holdfast_consistency="session")
    run.expect(400 <= got.status < 500 and got.status != 404, f"a token of another cell: {got!r}")
    with run.load() as load:
        load.go_on(20)
