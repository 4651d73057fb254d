"""Four regions as real processes on hosts of their own, what can be done to them, and what must
be true afterwards whatever was done.
"""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import harness
import history
from clients import Load
from etcd_hosts import EtcdHosts
from harness import REGIONS, wait_for

CELLS = {
    "us-1": ("[us-east, us-west], mode: sync, copies: 2, on_partition: availability", "acme"),
    "eu-1": ("[eu-west, eu-central], mode: sync, copies: 2, on_partition: consistency", "globex"),
    "trio-1": ("[us-east, us-west, eu-west], mode: sync, copies: 2, on_partition: consistency", "umbra"),
    "global-1": ("[us-east, eu-west, us-west, eu-central], mode: async", "initech"),
}
TENANTS = {"acme": ("us", "us-1"), "globex": ("eu", "eu-1"), "umbra": ("trio", "trio-1"),
           "initech": ("global", "global-1")}
RESIDENCY = {"us": "regions: [us-east, us-west], transit: allow",
             "eu": "regions: [eu-west, eu-central], transit: allow",
             "trio": "regions: [us-east, us-west, eu-west], transit: allow",
             "global": "regions: all"}
COPIES = {cell: text[text.index("[") + 1:text.index("]")].split(", ") for cell, (text, _) in CELLS.items()}
SYNC = {tenant: "mode: sync" in CELLS[cell][0] for tenant, (_, cell) in TENANTS.items()}
LEASE_S = 0.6
OPTIONS = """\
lease: {length: 600ms, renew: 100ms}
storage: {segment: 1MiB, min_free: 4MiB, retain: 64MiB}
"""


class Regions(harness.Nodes):
    """The cluster of one scenario. Ports are the same everywhere: each host has its own."""

    def __init__(self, directory, wire, preload=None, coordination="{file: coordination}"):
        self.wire, self.preload = wire, preload
        super().__init__(
            directory, REGIONS, RESIDENCY, {c: "replicas: " + text for c, (text, _) in CELLS.items()},
            {t: f"residency: {r}, cell: {c}" for t, (r, c) in TENANTS.items()}, options=OPTIONS,
            base=27000, workers=1, coordination=coordination, hosts={r: wire.address[r] for r in REGIONS})

    def copies(self, cell):
        return COPIES[cell]

    def command(self, region):
        return self.wire.command(region, *super().command(region))

    def environment(self, region):
        if not self.preload:
            return None
        return dict(os.environ, LD_PRELOAD=str(self.preload), FAULTS=str(self.dir / f"{region}.faults"))

    def export(self, region, cell, item):
        """The lines of a quarantine item: given out on the region's own host only."""
        config = self.dir / f"{region}.yaml"
        done = subprocess.run(self.wire.command(region, harness.BINARY, "quarantine", "export", region,
                                                cell, item, "-c", config), capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def move(self, cell, to, check=True):
        """A planned move, asked for on the host of `to`."""
        done = subprocess.run(self.wire.command(to, harness.BINARY, "cell", "move", cell, "--to", to, "-c",
                                                self.dir / f"{to}.yaml"), capture_output=True, timeout=60)
        assert not check or done.returncode == 0, (cell, to, done.stdout, done.stderr)
        return done.returncode == 0

    def send_signal(self, region, number):
        os.kill(self.pid(region), number)

    def all_up(self):
        """Everything that a scenario has broken runs again."""
        self.wire.heal()
        for region in REGIONS:
            (self.dir / f"{region}.faults").unlink(missing_ok=True)
            if region in self.processes and self.processes[region].poll() is None:
                self.send_signal(region, signal.SIGCONT)
            else:
                self.start(region)


class Run:
    """One scenario from start to judgement."""

    def __init__(self, wire, directory, seed, preload=None, with_etcd=False):
        self.wire, self.seed, self.random = wire, seed, random.Random(seed)
        self.directory = Path(directory)
        self.etcd = EtcdHosts(self.directory / "etcd", wire) if with_etcd else None
        self.cluster = Regions(self.directory, wire, preload,
                               *([self.etcd.coordination()] if with_etcd else []))
        self.markers = {t: f"residue-{t}-{os.urandom(6).hex()}" for t in TENANTS}
        self.loads, self.disks, self.broken, self.notes = [], [], [], []
        self.served = set(TENANTS)  # tenants that must not notice
        self.limit_s = 3.0
        self.start_epochs = {}

    # --- for scenarios

    def disk(self, region, *mount):
        """Mounts the data directory of a region before it starts."""
        path = self.directory / region
        path.mkdir()
        subprocess.run(["mount", *mount, path], check=True)
        self.disks.append(path)
        return path

    def start(self):
        self.cluster.start()
        self.wait_whole()
        self.start_epochs = {cell: self.epoch(cell) for cell in CELLS}
        return self.cluster

    def load(self, edges=REGIONS, tenants=None):
        load = Load(self.cluster, edges, self.markers, SYNC, f"c{len(self.loads)}-",
                    self.seed + len(self.loads), tenants)
        self.loads.append(load)
        return load

    def expect(self, condition, text):
        if not condition:
            self.broken.append(text)
        return condition

    def note(self, text):
        self.notes.append(text)

    def home(self, cell):
        return self.cluster.wait_home(cell)

    def others(self, *regions):
        return [r for r in REGIONS if r not in regions]

    def epoch(self, cell):
        return max(c["epoch"] for c in (self.cluster.cell(r, cell) for r in REGIONS) if c)

    def epochs(self):
        return {cell: self.epoch(cell) for cell in CELLS}

    def rest(self, low_s, high_s=None):
        time.sleep(self.random.uniform(low_s, high_s or low_s))

    # --- afterwards

    def wait_whole(self, timeout_s=60):
        for cell in CELLS:
            wait_for(lambda: f"equal copies of {cell}: {[self.cluster.cell(r, cell) for r in COPIES[cell]]}",
                     lambda: self.cluster.converged(cell), timeout_s, every_s=0.2)

    def quarantined(self):
        """tenant -> key -> values, and how many records."""
        kept, records = {t: {} for t in TENANTS}, 0
        for region in REGIONS:
            for cell in (c for c in CELLS if region in COPIES[c]):
                base = f"/admin/v1/quarantine/{cell}"
                for item in self.cluster.admin_get(region, base).json["items"]:
                    records += item["count"]
                    for change in map(json.loads, self.cluster.export(region, cell, item["id"])):
                        if change["op"] == "put" and "value" in change:
                            of_tenant = kept[change["tenant"]]
                            key = f"{change['domain']}/{change['key']}"
                            of_tenant.setdefault(key, []).append(change["value"].encode())
        return kept, records

    def present(self, tenant):
        cell = TENANTS[tenant][1]
        edge = self.cluster.wait_home(cell)
        items = self.cluster.tenant(tenant).scan(edge, "log", holdfast_consistency="strong")
        return {f"log/{i['key']}": i["value"].encode() for i in items}

    def last_reads(self, tenant):
        """Strong reads after everything: they end each register's history."""
        view = self.cluster.tenant(tenant)
        for key in sorted({op.key for load in self.loads for op in load.operations.get(tenant, [])}):
            start = time.monotonic()
            answer = view.get(REGIONS[0], key, holdfast_consistency="strong")
            value = answer.body if answer.status == 200 else None
            yield history.Operation(key, False, value, start, time.monotonic())

    def judge_tenant(self, tenant, quarantined):
        acknowledged = {}
        for load in self.loads:
            acknowledged.update(load.acknowledged.get(tenant, {}))
        faults, lost = history.faults_of_loss(acknowledged, self.present(tenant), quarantined[tenant],
                                              SYNC[tenant])
        self.broken += [f"{tenant}: {fault}" for fault in faults]
        # What an asynchronous cell has lost was seen before: its history has a seam by design.
        if SYNC[tenant] or not any(quarantined[tenant].values()):
            operations = [op for load in self.loads for op in load.operations.get(tenant, [])]
            operations += self.last_reads(tenant)
            self.broken += [f"{tenant}: {fault}" for fault in history.faults_of_registers(operations)]
        return lost

    def judge_residency(self):
        for tenant, (_, cell) in TENANTS.items():
            for region in self.others(*COPIES[cell]):
                for file in harness.files_with(self.directory / region, self.markers[tenant].encode()):
                    self.broken.append(f"{tenant}: bytes outside its regions: {Path(file).name} of {region}")

    def outages(self):
        """tenant -> seconds, the worst of all loads."""
        worst = {}
        for load in self.loads:
            for tenant, seconds in (load.outages_s() if load.fault_at else {}).items():
                worst[tenant] = max(worst.get(tenant, 0), seconds)
        return worst

    def judge(self):
        """Heals, waits until all is equal again, and checks every promise. Returns the row."""
        if self.etcd:
            self.etcd.all_up()
        self.cluster.all_up()
        self.wait_whole()
        quarantined, records = self.quarantined()
        lost = sum(self.judge_tenant(tenant, quarantined) for tenant in TENANTS)
        for load in self.loads:
            self.broken += load.faults
        failed = [f for load in self.loads if load.fault_at for f in load.failures if f[0] in self.served]
        self.expect(not failed, f"{len(failed)} writes failed, such as {failed[:1]}")
        outages = self.outages()
        outage = max((s for t, s in outages.items() if t in self.served), default=0.0)
        self.expect(outage <= self.limit_s, f"clients waited {outage:.2f} s, over {self.limit_s} s")
        self.cluster.stop()
        self.judge_residency()
        acks = sum(len(a) for load in self.loads for a in load.acks.values())
        self.expect(acks > 0, "no write was acknowledged: nothing was tested")
        return {"outage_ms": round(outage * 1000), "lost": lost, "quarantined": records,
                "acknowledged": acks, "broken": self.broken, "notes": self.notes,
                "outages_ms": {t: round(s * 1000) for t, s in outages.items()}}

    def stop(self):
        self.wire.heal()
        self.cluster.stop()
        if self.etcd:
            self.etcd.stop()
        for path in self.disks:
            subprocess.run(["umount", path], check=True)
