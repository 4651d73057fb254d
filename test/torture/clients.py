"""Clients of a cluster under fault: writes with keys of their own, retried until they are known
to be done or a bound is reached; reads of every consistency; everything recorded.
"""

import http.client
import random
import threading
import time
import uuid

import harness
from history import Operation, parse_version

TRY_S = 12  # longer than an edge holds a request
OPERATION_S = 25  # all tries of one write
REGISTERS = 3
VALUE_BYTES = 120
PAUSE_S = 0.004
NETWORK_ERRORS = (OSError, http.client.HTTPException)


class Client(threading.Thread):
    def __init__(self, load, tenant, name, edges, seed):
        super().__init__(daemon=True)
        self.load, self.tenant, self.client, self.edges = load, tenant, name, list(edges)
        self.random, self.count = random.Random(seed), 0
        self.connections = {}

    def send(self, edge, method, path, body=None, **headers):
        if edge not in self.connections:
            cluster = self.load.cluster
            self.connections[edge] = harness.Connection(
                cluster.http[edge], cluster.keys[self.tenant], TRY_S, cluster.hosts[edge])
        fields = {name.replace("_", "-"): value for name, value in headers.items() if value}
        return self.connections[edge].send(method, "/v1/data/" + path, body, fields)

    def value(self):
        self.count += 1
        text = f"{self.load.markers[self.tenant]}:{self.client}:{self.count}:"
        return text.encode() + b"." * (VALUE_BYTES - len(text))

    def write(self, key, value):
        """The answer, or None when nobody knows."""
        once, end = uuid.uuid4().hex, time.monotonic() + OPERATION_S
        while time.monotonic() < end:
            edge = self.random.choice(self.edges)
            try:
                answer = self.send(edge, "PUT", key, value, idempotency_key=once)
            except NETWORK_ERRORS:
                answer = None
            if answer and answer.status == 204:
                self.load.note_ack(self.tenant)
                return answer
            if answer and 400 <= answer.status < 500 and answer.status not in (408, 425, 429):
                self.load.complain(f"{self.tenant}: a good write was refused: {answer!r}")
                return None
            time.sleep(0.02)
        self.load.note_failure(self.tenant, key)
        return None

    def read(self, key, edge=None, **headers):
        """The answer when there is one that says something, else None."""
        try:
            answer = self.send(edge or self.random.choice(self.edges), "GET", key, **headers)
        except NETWORK_ERRORS:
            return None
        return answer if answer.status in (200, 404, 409) else None

    def run(self):
        try:
            while not self.load.ended.is_set():
                self.turn()
                time.sleep(PAUSE_S)
        except Exception as error:  # a bug of ours must not look like a silent client
            self.load.complain(f"{self.tenant}/{self.client}: {error!r}")
        for connection in self.connections.values():
            connection.close()


class RegisterClient(Client):
    """Reads and writes keys that others read and write, too: strong."""

    def turn(self):
        key = f"registers/{self.random.randrange(REGISTERS)}"
        start = time.monotonic()
        if self.random.random() < 0.5:
            value = self.value()
            done = self.write(key, value)
            self.load.record(self.tenant, Operation(key, True, value, start,
                                                    time.monotonic() if done else float("inf")))
            return
        answer = self.read(key, holdfast_consistency="strong")
        if answer and answer.status in (200, 404):
            value = answer.body if answer.status == 200 else None
            self.load.record(self.tenant, Operation(key, False, value, start, time.monotonic()))


class SessionClient(Client):
    """Writes keys of its own, once each, and must see them everywhere with its token."""

    def turn(self):
        key, value = f"log/{self.client}-{self.count:06}", self.value()
        done = self.write(key, value)
        if not done:
            return
        self.load.note_write(self.tenant, key, value, parse_version(done.etag))
        answer = self.read(key, holdfast_consistency="session", holdfast_token=done.token)
        if not answer:
            return
        is_sync = self.load.is_sync[self.tenant]
        if answer.status == 409 and not is_sync:
            self.load.diverged += 1  # the honest answer: your write is in quarantine
        elif answer.status != 200 or answer.body != value:
            self.load.complain(f"{self.tenant}: session read of {key} does not see its own write: {answer!r}")
        answer = self.read(key, holdfast_consistency="eventual")
        if answer and answer.status == 200 and answer.body != value:
            self.load.complain(f"{self.tenant}: {key} has a value that was never written")


class Load:
    """Clients of all tenants. markers: a text of each tenant that is in all its values."""

    def __init__(self, cluster, edges, markers, is_sync, name, seed, tenants=None):
        self.cluster, self.markers, self.is_sync = cluster, markers, is_sync
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.acks = {tenant: [] for tenant in tenants or markers}
        self.operations = {tenant: [] for tenant in self.acks}
        self.acknowledged = {tenant: {} for tenant in self.acks}
        self.failures, self.faults, self.diverged = [], [], 0
        self.fault_at = None
        self.clients = []
        for t, tenant in enumerate(self.acks):
            for i, kind in enumerate((RegisterClient, RegisterClient, SessionClient)):
                self.clients.append(kind(self, tenant, f"{name}{i}", edges, seed * 1000 + t * 10 + i))

    def note_ack(self, tenant):
        self.acks[tenant].append(time.monotonic())

    def note_failure(self, tenant, key):
        with self.lock:
            self.failures.append((tenant, key, time.monotonic()))

    def note_write(self, tenant, key, value, version):
        self.acknowledged[tenant][key] = (value, version)

    def record(self, tenant, operation):
        with self.lock:
            self.operations[tenant].append(operation)

    def complain(self, text):
        with self.lock:
            self.faults.append(text)

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for client in self.clients:
            client.join(OPERATION_S + TRY_S + 5)
            if client.is_alive():
                self.complain(f"{client.tenant}/{client.client} does not end")

    def go_on(self, count, tenants=None, timeout_s=30):
        """Until so many more writes of each of these tenants are acknowledged."""
        wanted = {tenant: len(self.acks[tenant]) + count for tenant in tenants or self.acks}
        harness.wait_for(lambda: f"acknowledged writes: {[t for t, n in wanted.items() if len(self.acks[t]) < n]}",
                         lambda: all(len(self.acks[t]) >= n for t, n in wanted.items()), timeout_s)

    def fault(self):
        """It happens now: outages count from here. These clients must not notice."""
        if self.fault_at is None:
            self.fault_at = time.monotonic()

    def outages_s(self):
        """tenant -> the longest time without an acknowledged write since the fault."""
        outages = {}
        for tenant, acks in self.acks.items():
            times = [self.fault_at] + [t for t in acks if t > self.fault_at]
            outages[tenant] = max((b - a for a, b in zip(times, times[1:])), default=OPERATION_S)
        return outages
