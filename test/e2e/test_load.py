"""Real data, real kills: all of Debian's iso-codes is written through all four edges while
the home of a cell is killed twice. Then every record of every tenant is compared, byte for byte, in
every copy, and the us regions' disks are searched for what belongs to the eu tenant.
"""

import http.client
import json
import threading
import time
import uuid
from pathlib import Path

import pytest

import harness
from harness import REGIONS, wait_for

ISO_CODES = Path("/usr/share/iso-codes/json")
TENANTS = ["acme", "globex", "initech"]
THREADS = 4
RECORD_BUDGET_S = 40  # of one record, with all its tries
NAMES = ("alpha_2", "alpha_3", "alpha_4", "code")


def iso_records():
    """[(key, value bytes)]: every entry of every file is one record."""
    records = {}
    for path in sorted(ISO_CODES.glob("iso_*.json")):
        for entries in json.loads(path.read_text(encoding="utf-8")).values():
            for entry in entries:
                wanted = ("alpha_4",) if "3166-3" in path.stem else NAMES
                name = next(entry[n] for n in wanted if n in entry)
                key = f"iso/{path.stem}/{name}"
                assert key not in records, key
                records[key] = json.dumps(entry, ensure_ascii=False).encode()
    return list(records.items())


class Loader:
    """Writes the records with a few threads; every failure is tried again elsewhere with
    the same Idempotency-Key."""

    def __init__(self, playground, records):
        self.playground, self.records = playground, records
        self.tenants = {t: playground.tenant(t) for t in TENANTS}
        self.next = 0
        self.lock = threading.Lock()
        self.acknowledged, self.failed = 0, []
        self.repeats, self.errors = 0, {}
        self.gates = {}  # index → event: nobody writes beyond before it is set

    def take(self):
        with self.lock:
            index, self.next = self.next, self.next + 1
        for at, gate in self.gates.items():
            if index >= at:
                gate.wait(120)
        return index

    def note(self, error):
        with self.lock:
            self.repeats += 1
            self.errors[error] = self.errors.get(error, 0) + 1

    def write(self, index):
        key, value = self.records[index]
        tenant = self.tenants[TENANTS[index % 3]]
        idempotency, start = str(uuid.uuid4()), time.monotonic()
        at = index // 3
        while time.monotonic() - start < RECORD_BUDGET_S:
            region = REGIONS[at % len(REGIONS)]
            at += 1
            try:
                answer = tenant.put(region, key, value, idempotency_key=idempotency)
            except (OSError, http.client.HTTPException) as error:
                self.note(type(error).__name__)
                continue
            if answer.status == 204:
                with self.lock:
                    self.acknowledged += 1
                return
            if answer.status < 500:
                self.failed.append((key, answer))
                return
            self.note(answer.status)
        self.failed.append((key, "no success in time"))

    def work(self):
        while (index := self.take()) < len(self.records):
            try:
                self.write(index)
            except Exception as error:  # a thread must not die unseen
                self.failed.append((self.records[index][0], repr(error)))

    def start(self):
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def reach(self, count):
        wait_for(f"{count} acknowledged writes (failed: {self.failed[:3]}, errors: {self.errors})",
                 lambda: self.acknowledged >= count or self.failed, timeout_s=60, every_s=0.01)
        assert not self.failed, self.failed[:3]

    def join(self):
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def kill_home_and_restore(playground, cell):
    """Returns who was killed; back when all copies count again."""
    killed = playground.wait_home(cell)
    playground.kill(killed)
    successor = wait_for(f"another home than {killed}", lambda: next(
        (r for r in [playground.home(cell)] if r and r != killed), None))
    playground.restore(killed)
    wait_for(f"{killed} is back as a copy of {cell}",
             lambda: not playground.cell(successor, cell)["degraded"], timeout_s=30)
    return killed


@pytest.fixture(scope="module")
def loaded():
    """A playground after the load and both kills: (playground, loader, killed regions)."""
    records = iso_records()
    assert len(records) > 5000
    with harness.directory("load") as path, harness.running(harness.Playground(path)) as playground:
        loader = Loader(playground, records)
        total = len(records)
        restored = threading.Event()
        loader.gates[total * 6 // 10] = restored  # the second kill comes in the middle, too
        loader.start()
        loader.reach(total * 2 // 10)
        killed = [kill_home_and_restore(playground, "us-1")]
        restored.set()
        loader.reach(total * 7 // 10)
        killed.append(kill_home_and_restore(playground, "us-1"))
        loader.join()
        playground.wait_converged()
        yield playground, loader, killed


def expected_of(loader, tenant):
    mine = TENANTS.index(tenant)
    return {key.removeprefix("iso/"): value for i, (key, value) in enumerate(loader.records)
            if i % 3 == mine}


def stored_in(playground, tenant, region):
    """{key: bytes} of what this region's own copy holds."""
    view = playground.tenant(tenant)
    probe = view.get(region, "iso/no-such-key", holdfast_consistency="eventual")
    assert (probe.status, probe.region) == (404, region)
    return {item["key"]: item["value"].encode()
            for item in view.scan(region, "iso", holdfast_consistency="eventual")}


def quarantined(playground, region, cell):
    """{(tenant, key): [values]} of everything in quarantine there."""
    listing = json.loads(harness.holdfast("quarantine", "list", "--json", "--dir", playground.dir,
                                          check=0).stdout)
    found = {}
    for item in listing:
        if (item["region"], item["cell"]) != (region, cell):
            continue
        lines = harness.holdfast("quarantine", "export", region, cell, item["id"],
                                 "--dir", playground.dir, check=0).stdout
        for line in lines.splitlines():
            change = json.loads(line)
            found.setdefault((change["tenant"], change["key"]), []).append(change["value"].encode())
    return found


def test_every_write_was_acknowledged(loaded):
    playground, loader, killed = loaded
    assert not loader.failed
    assert loader.acknowledged == len(loader.records)
    assert killed[0] != killed[1]
    print(f"{loader.acknowledged} records, {loader.repeats} repeats: {loader.errors}")


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_sync_copies_hold_every_record(loaded, tenant):
    playground, loader, _ = loaded
    expected = expected_of(loader, tenant)
    for region in harness.COPIES[harness.CELL_OF[tenant]]:
        assert stored_in(playground, tenant, region) == expected, region


def test_async_copies_are_equal_and_what_they_lack_is_in_quarantine(loaded):
    playground, loader, killed = loaded
    expected = expected_of(loader, "initech")
    copies = [stored_in(playground, "initech", region) for region in REGIONS]
    assert all(copy == copies[0] for copy in copies)
    lost = {key: value for key, value in expected.items() if copies[0].get(key) != value}
    kept = quarantined(playground, killed[0], "global-1") if lost else {}
    print(f"{len(lost)} acknowledged async writes in quarantine")
    for key, value in lost.items():
        assert value in kept.get(("initech", key), []), key
    assert not set(copies[0]) - set(expected)


def test_values_are_the_same_bytes_through_get(loaded):
    playground, loader, _ = loaded
    for tenant in ("acme", "globex"):
        view = playground.tenant(tenant)
        for key, value in list(expected_of(loader, tenant).items())[::25]:
            for region in harness.COPIES[harness.CELL_OF[tenant]]:
                answer = view.get(region, "iso/" + key, holdfast_consistency="eventual")
                assert (answer.status, answer.region, answer.body) == (200, region, value)


def test_nothing_of_the_eu_tenant_is_on_us_disks(loaded):
    playground, loader, _ = loaded
    records = sorted(expected_of(loader, "globex").items(), key=lambda r: -len(r[1]))
    needles = [b"globex"] + [value for _, value in records[:12]]
    needles += [key.encode() for key, _ in records if key.startswith("iso_3166-2/")][:12]
    for needle in needles:
        for region in ("us-east", "us-west"):
            assert harness.files_with(playground.dir / region, needle) == [], needle
        for region in ("eu-west", "eu-central"):  # or the search finds nothing anywhere
            assert harness.files_with(playground.dir / region, needle), needle
