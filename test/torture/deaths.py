"""Faults of processes: killed, stopped, moved, flapping, with clocks that lie."""

import signal
import threading

from suite import scenario, wait_other_home
from world import COPIES, LEASE_S


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


@scenario(17, "planned moves there and back, 20 under load; the target dies in 3 more")
def planned_moves(run):
    run.start()
    moves = 20
    with run.load(["eu-west", "eu-central"], ["acme", "globex"]) as load:
        load.go_on(20)
        load.fault()
        for _ in range(moves):
            home = run.home("us-1")
            run.cluster.move("us-1", next(r for r in COPIES["us-1"] if r != home))
        load.go_on(20)
    pause = load.outages_s()["acme"]
    run.expect(pause < 1.0, f"a planned move held writes up for {pause:.2f} s")
    run.note(f"{moves} moves, longest pause {pause * 1000:.0f} ms")
    for _ in range(3):
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
