"""What the end-to-end tests stand on: a playground, hand-written clusters, and a plain
HTTP client that says which region it asks and hides nothing of the answer.

Everything here starts its own processes and ends only those.
"""

import contextlib
import hashlib
import http.client
import json
import os
import random
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("HOLDFAST", str(ROOT / "build/gcc/src/app/holdfast"))
REGIONS = ["us-east", "us-west", "eu-west", "eu-central"]
COPIES = {"us-1": ["us-east", "us-west"], "eu-1": ["eu-west", "eu-central"], "global-1": REGIONS}
CELL_OF = {"acme": "us-1", "globex": "eu-1", "initech": "global-1"}
START_S = 30
HTTP_TIMEOUT_S = 30


def wait_for(what, condition, timeout_s=20, every_s=0.05):
    """Returns the first true result of condition(); fails with `what`, a text or what gives
    one, after timeout_s."""
    end = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            what = what() if callable(what) else what
            raise AssertionError(f"waited {timeout_s} s in vain: {what}")
        time.sleep(every_s)


def holdfast(*args, check=None, input=None, timeout=60, **kwargs):
    """Runs one command to its end; check: the exit status that it must have."""
    done = subprocess.run([BINARY, *map(str, args)], input=input, capture_output=True,
                          timeout=timeout, **kwargs)
    if check is not None:
        assert done.returncode == check, (args, done.returncode, done.stdout, done.stderr)
    return done


# --- ports ----------------------------------------------------------------------------------

def _is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port_base():
    """A base whose ports base+{1,101,201}…+{4,104,204} are free, below the ephemeral ones."""
    while True:
        base = random.randrange(11000, 31000)
        ports = [base + offset + i for offset in (1, 101, 201) for i in range(len(REGIONS))]
        if all(map(_is_free, ports)):
            return base


# --- HTTP -----------------------------------------------------------------------------------

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def etag(self):
        return self.headers.get("ETag")

    @property
    def token(self):
        return self.headers.get("Holdfast-Token")

    @property
    def region(self):
        return self.headers.get("Holdfast-Region")

    def problem(self, status, slug):
        """Asserts that this is the problem document of that kind; returns its detail."""
        assert self.status == status, (self.status, self.body[:500])
        assert self.headers["Content-Type"] == "application/problem+json"
        document = self.json
        assert document["type"].endswith("/" + slug), document
        assert document["status"] == status
        return document["detail"]

    def __repr__(self):
        return f"Answer({self.status}, {dict(self.headers)}, {self.body[:300]!r})"


class Connection:
    """One kept-alive connection to one port. Not for several threads."""

    def __init__(self, port, key=None, timeout_s=HTTP_TIMEOUT_S, host="127.0.0.1"):
        self.http = http.client.HTTPConnection(host, port, timeout=timeout_s)
        self.key = key

    def send(self, method, path, body=None, headers=None):
        fields = dict(headers or {})
        if self.key and "Authorization" not in fields:
            fields["Authorization"] = "Bearer " + self.key
        try:
            self.http.request(method, path, body=body, headers=fields)
            response = self.http.getresponse()
            return Answer(response.status, response.headers, response.read())
        except BaseException:
            self.http.close()
            raise

    def close(self):
        self.http.close()


class Tenant:
    """A tenant's view of a cluster: one connection per region and thread."""

    def __init__(self, ports, key, hosts=None):
        self.ports, self.key, self.hosts = ports, key, hosts or {}
        self.local = threading.local()

    def connection(self, region):
        if not hasattr(self.local, "connections"):
            self.local.connections = {}
        if region not in self.local.connections:
            self.local.connections[region] = Connection(
                self.ports[region], self.key, host=self.hosts.get(region, "127.0.0.1"))
        return self.local.connections[region]

    def send(self, region, method, path, body=None, **headers):
        """Header names with _ for -: if_match="…"."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()
                  if value is not None}
        try:
            return self.connection(region).send(method, path, body, fields)
        except (http.client.BadStatusLine, ConnectionResetError, BrokenPipeError):
            # Kept alive, but the other side has closed meanwhile (a restarted region).
            return self.connection(region).send(method, path, body, fields)

    def put(self, region, key, value, **headers):
        return self.send(region, "PUT", "/v1/data/" + key, value, **headers)

    def get(self, region, key, **headers):
        return self.send(region, "GET", "/v1/data/" + key, **headers)

    def delete(self, region, key, **headers):
        return self.send(region, "DELETE", "/v1/data/" + key, **headers)

    def tx(self, region, document, **headers):
        body = document if isinstance(document, (str, bytes)) else json.dumps(document)
        return self.send(region, "POST", "/v1/tx", body, **headers)

    def scan(self, region, domain, limit=1000, prefix="", **headers):
        """All items, page by page."""
        from urllib.parse import quote
        items, cursor = [], ""
        while True:
            answer = self.send(region, "GET", f"/v1/data/{domain}?limit={limit}&prefix={quote(prefix)}"
                               + (f"&cursor={quote(cursor)}" if cursor else ""), **headers)
            assert answer.status == 200, answer
            page = answer.json
            items += page["items"]
            cursor = page.get("cursor")
            if not cursor:
                return items


class Raw:
    """A socket that sends any bytes."""

    def __init__(self, port, timeout_s=15):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)

    def send(self, data):
        self.socket.sendall(data)

    def until_closed(self):
        """All that comes until the other side ends; fails when it does not."""
        parts = []
        with contextlib.suppress(ConnectionResetError):
            while True:
                part = self.socket.recv(65536)
                if not part:
                    break
                parts.append(part)
        return b"".join(parts)

    def until(self, text):
        got = b""
        while text not in got:
            part = self.socket.recv(65536)
            assert part, f"ended without {text!r}: {got[:500]!r}"
            got += part
        return got

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# --- clusters ---------------------------------------------------------------------------------

def vm_rss_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no VmRSS")


def files_with(directory, needle):
    """Files under directory whose bytes contain needle."""
    found = []
    for path in sorted(Path(directory).rglob("*")):
        if path.is_file() and needle in path.read_bytes():
            found.append(str(path))
    return found


class Cluster:
    """What a playground and a hand-written cluster have in common."""

    def __init__(self, directory, base, regions):
        self.dir, self.base, self.regions = Path(directory), base, list(regions)
        self.http = {r: base + 1 + i for i, r in enumerate(self.regions)}
        self.admin = {r: base + 101 + i for i, r in enumerate(self.regions)}
        self.replication = {r: base + 201 + i for i, r in enumerate(self.regions)}
        self.keys = {}
        self.hosts = dict.fromkeys(self.regions, "127.0.0.1")

    def log(self, region):
        path = self.dir / f"{region}.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def tenant(self, name):
        return Tenant(self.http, self.keys[name], self.hosts)

    def admin_get(self, region, path, timeout_s=5):
        connection = Connection(self.admin[region], timeout_s=timeout_s, host=self.hosts[region])
        try:
            return connection.send("GET", path)
        finally:
            connection.close()

    def status(self, region):
        """None where nobody answers."""
        try:
            answer = self.admin_get(region, "/admin/v1/status")
        except OSError:
            return None
        return answer.json if answer.status == 200 else None

    def cell(self, region, name):
        status = self.status(region)
        return next(c for c in status["cells"] if c["name"] == name) if status else None

    def metric(self, region, name, labels=""):
        """The sum of a metric's series whose labels contain `labels`."""
        total, found = 0.0, False
        for line in self.admin_get(region, "/metrics").body.decode().splitlines():
            match = re.match(r"([a-z_0-9]+)(?:\{(.*)\})? (\S+)$", line)
            if match and match[1] == name and labels in (match[2] or ""):
                total += float(match[3])
                found = True
        assert found, f"no metric {name}{{{labels}}}"
        return total

    def home(self, cell, among=None):
        """The region that is home by its own word, now; or None."""
        for region in among or self.regions:
            c = self.cell(region, cell)
            if c and c.get("role") == "home" and c["home"] == region and c["active"]:
                return region
        return None

    def wait_home(self, cell, among=None, timeout_s=15):
        return wait_for(f"a home of {cell}", lambda: self.home(cell, among), timeout_s)

    def copies(self, cell):
        return [r for r in COPIES[cell] if r in self.regions]

    def converged(self, cell):
        """All copies hold and have applied the same; the home counts them all as connected."""
        states = [self.cell(region, cell) for region in self.copies(cell)]
        if any(s is None for s in states):
            return False
        seen = {(s["last"], s["applied"], s["state_hash"]) for s in states}
        homes = [s for s in states if s["role"] == "home"]
        return (len(seen) == 1 and len(homes) == 1 and states[0]["last"] == states[0]["applied"]
                and not homes[0]["degraded"])

    def wait_converged(self, cells=None, timeout_s=30):
        for cell in cells or COPIES:
            wait_for(lambda: f"equal copies of {cell}: {[self.cell(r, cell) for r in self.copies(cell)]}",
                     lambda: self.converged(cell), timeout_s)


class Playground(Cluster):
    def __init__(self, directory, base=None, options=()):
        super().__init__(directory, base or free_port_base(), REGIONS)
        self.process = subprocess.Popen(
            [BINARY, "playground", "--dir", str(self.dir), "--port-base", str(self.base), *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = ""
        self._wait_ready()
        self.keys = json.loads((self.dir / "keys.json").read_text())

    def _wait_ready(self):
        end = time.monotonic() + START_S
        while not re.search(r"^ready$", self.output, re.M):
            readable, _, _ = select.select([self.process.stdout], [], [], 0.2)
            if readable:
                part = os.read(self.process.stdout.fileno(), 65536)
                self.output += part.decode()
                if part:
                    continue
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                logs = "\n".join(p.read_text()[-2000:] for p in self.dir.glob("*.log"))
                raise AssertionError(f"the playground is not ready: {self.output}\n{logs}")

    def pid(self, region):
        return int((self.dir / f"{region}.pid").read_text())

    def drill(self, what, region):
        holdfast("drill", what, region, "--dir", self.dir, check=0)

    def kill(self, region):
        self.drill("kill", region)

    def restore(self, region, timeout_s=20):
        self.drill("restore", region)
        wait_for(f"{region} answers again", lambda: self.status(region), timeout_s)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                for region in REGIONS:
                    with contextlib.suppress(OSError, ValueError):
                        os.kill(self.pid(region), signal.SIGKILL)
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


POLICY = """\
regions:
{regions}
residency:
{residency}
cells:
{cells}
tenants:
{tenants}
"""


class Nodes(Cluster):
    """A cluster written by hand: some regions of the playground, each started by itself with
    `serve`. Options are lines for the node files. Two workers each: playgrounds have one."""

    def __init__(self, directory, regions, residency, cells, tenants, options="", base=None,
                 http_of=None, workers=2, coordination="{file: coordination}", witness=None,
                 hosts=None):
        super().__init__(directory, base or free_port_base(), regions)
        self.http.update(http_of or {})
        self.hosts.update(hosts or {})
        self.processes, self.options, self.workers = {}, options, workers
        self.coordination, self.witness = coordination, witness
        if witness:
            self.admin[witness] = self.base + 101 + len(self.regions)
            self.replication[witness] = self.base + 201 + len(self.regions)
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "cluster.secret").write_text(secrets.token_hex(32))
        lines = []
        for name, rest in tenants.items():
            self.keys[name] = f"hf_{name}_{secrets.token_hex(20)}"
            digest = hashlib.sha256(self.keys[name].encode()).hexdigest()
            lines.append(f'  {name}: {{{rest}, keys: ["sha256:{digest}"]}}')
        (self.dir / "policy.yaml").write_text(POLICY.format(
            regions="\n".join(f"  {r}: {{jurisdiction: {r[:2]}, location: [50, 8]}}" for r in self.regions),
            residency="\n".join(f"  {n}: {{{rest}}}" for n, rest in residency.items()),
            cells="\n".join(f"  {n}: {{{rest}}}" for n, rest in cells.items()),
            tenants="\n".join(lines)))
        for region in self.regions + ([witness] if witness else []):
            self.write_node(region)

    def node_text(self, region, data=None, options=None):
        place = "role: witness" if region == self.witness else f"data: {data or region}"
        text = (f"cluster: nodes\nregion: {region}\n{place}\npolicy: policy.yaml\n"
                f"coordination: {self.coordination}\nsecret_file: cluster.secret\n"
                f"workers: {self.workers}\n"
                f"{self.options if options is None else options}\nregions:\n")
        for r in self.regions:
            host = self.hosts[r]
            text += (f'  {r}: {{http: "{host}:{self.http[r]}", admin: "{host}:{self.admin[r]}", '
                     f'replication: "{host}:{self.replication[r]}"}}\n')
        if self.witness:
            host = self.hosts.setdefault(self.witness, "127.0.0.1")
            text += (f'witness: {{name: {self.witness}, admin: "{host}:{self.admin[self.witness]}", '
                     f'replication: "{host}:{self.replication[self.witness]}"}}\n')
        return text

    def write_node(self, region, **kwargs):
        (self.dir / f"{region}.yaml").write_text(self.node_text(region, **kwargs))

    def start(self, *regions, wait=True):
        for region in regions or self.regions:
            log = open(self.dir / f"{region}.log", "ab")
            self.processes[region] = subprocess.Popen(self.command(region), stdout=log, stderr=log,
                                                      env=self.environment(region))
            log.close()
        if wait:
            for region in regions or self.regions:
                wait_for(lambda: f"{region} answers: {self.log(region)}", lambda: self._is_up(region), START_S)
        return self

    def command(self, region):
        return [BINARY, "serve", "-c", str(self.dir / f"{region}.yaml")]

    def environment(self, region):
        return None  # ours

    def _is_up(self, region):
        assert self.processes[region].poll() is None, self.log(region)
        return self.status(region)

    def pid(self, region):
        return self.processes[region].pid

    def kill(self, region):
        self.processes[region].kill()
        self.processes.pop(region).wait()

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


@contextlib.contextmanager
def directory(name):
    """A directory for a test's clusters, gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix=f"holdfast-{name}-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(cluster):
    """Ends a cluster whatever happens."""
    try:
        yield cluster
    finally:
        cluster.stop()
