"""Faults of disks: full, failing, hanging, damaged, wiped."""

import contextlib
import shutil
import subprocess
import time

from suite import scenario, wait_other_home
from world import COPIES


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


@scenario(9, "fdatasync of its log fails once at the home", needs=("preload",))
def sync_error(run):
    run.start()
    home = run.home("us-1")
    with run.load(run.others(home)) as load:
        load.go_on(20)
        load.fault()
        (run.directory / f"{home}.faults").write_text("sync-fails-once=/us-1/a/log\n")
        load.go_on(60)
        run.expect(run.home("us-1") != home, "the home whose disk failed was not replaced")
    state = run.cluster.cell(home, "us-1")
    run.expect(state["role"] == "fenced" and state["held"], f"a failed sync is not said: {state}")
    run.cluster.kill(home)  # what a failed sync has left is known after a restart only


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
