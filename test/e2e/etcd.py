"""A real etcd of three members on a loopback address of its own."""

import base64
import contextlib
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

from harness import wait_for

MEMBERS = 3
_numbers = itertools.count(1)


PASSWORD = "it's a \"secret\" with spaces"


def make_keys(directory, host):
    """ca.pem, and cert.pem with key.pem that are good for a server and for a client."""
    (directory / "ext").write_text(f"subjectAltName=IP:{host}\nextendedKeyUsage=serverAuth,clientAuth\n")
    new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    for command in (f"req -x509 {new} -days 2 -subj /CN=test-ca -keyout ca-key.pem -out ca.pem",
                    f"req {new} -subj /O=test -keyout key.pem -out csr.pem",
                    "x509 -req -in csr.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 "
                    "-extfile ext -out cert.pem"):
        subprocess.run(["openssl", *command.split()], cwd=directory, check=True, capture_output=True)


class Etcd:
    """Elections at a tenth of etcd's own time: as on a fast network. guarded: only who shows a
    certificate and logs in as `holdfast` may use the prefix /holdfast/."""

    def __init__(self, directory, heartbeat_ms=30, election_ms=300, guarded=False):
        pid, number = os.getpid(), next(_numbers)
        self.dir = directory
        self.host = f"127.{64 + number % 64}.{pid >> 8 & 255}.{1 + pid % 253}"
        self.times = [f"--heartbeat-interval={heartbeat_ms}", f"--election-timeout={election_ms}"]
        self.tls, self.context = [], None
        if guarded:
            make_keys(directory, self.host)
            self.tls = ["--client-cert-auth", f"--trusted-ca-file={directory / 'ca.pem'}",
                        f"--cert-file={directory / 'cert.pem'}", f"--key-file={directory / 'key.pem'}"]
            self.context = ssl.create_default_context(cafile=directory / "ca.pem")
            self.context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
        scheme = "https" if guarded else "http"
        self.urls = [f"{scheme}://{self.host}:{24301 + i}" for i in range(MEMBERS)]
        self.peers = [f"http://{self.host}:{24401 + i}" for i in range(MEMBERS)]
        self.processes = [None] * MEMBERS
        self.start()
        if guarded:
            self._enable_users()

    def ask(self, i, path, document, timeout_s=5):
        request = urllib.request.Request(self.urls[i] + path, data=json.dumps(document).encode())
        with urllib.request.urlopen(request, timeout=timeout_s, context=self.context) as answer:
            return json.loads(answer.read())

    def _enable_users(self):
        for user, password in (("root", "r"), ("holdfast", PASSWORD)):
            self.ask(0, "/v3/auth/user/add", {"name": user, "password": password})
            self.ask(0, "/v3/auth/role/add", {"name": user})
            self.ask(0, "/v3/auth/user/grant", {"user": user, "role": user})
        key, end = (base64.b64encode(text).decode() for text in (b"/holdfast/", b"/holdfast0"))
        self.ask(0, "/v3/auth/role/grant", {"name": "holdfast", "perm": {
            "permType": "READWRITE", "key": key, "range_end": end}})
        self.ask(0, "/v3/auth/enable", {})

    def start(self, *members):
        everybody = ",".join(f"m{i}={url}" for i, url in enumerate(self.peers))
        for i in members or range(MEMBERS):
            with open(self.dir / f"m{i}.log", "ab") as log:
                self.processes[i] = subprocess.Popen(
                    ["etcd", f"--name=m{i}", f"--data-dir={self.dir / f'm{i}'}",
                     f"--listen-client-urls={self.urls[i]}", f"--advertise-client-urls={self.urls[i]}",
                     f"--listen-peer-urls={self.peers[i]}",
                     f"--initial-advertise-peer-urls={self.peers[i]}",
                     f"--initial-cluster={everybody}", "--log-level=error", *self.times, *self.tls],
                    stdout=log, stderr=log)
        for i in members or range(MEMBERS):
            wait_for(lambda: f"etcd {i} serves", lambda: self.serves(i), 20)

    def serves(self, i):
        try:
            self.ask(i, "/v3/kv/range", {"key": "AA=="}, 1)
        except urllib.error.HTTPError as error:
            return b"user name is empty" in error.read()
        except OSError:
            return False
        return True

    def kill(self, *members):
        for i in members or range(MEMBERS):
            if self.processes[i]:
                self.processes[i].send_signal(signal.SIGCONT)
                self.processes[i].kill()
                self.processes[i].wait()
                self.processes[i] = None

    def pause(self, *members):
        for i in members or range(MEMBERS):
            self.processes[i].send_signal(signal.SIGSTOP)

    def resume(self, *members):
        for i in members or range(MEMBERS):
            self.processes[i].send_signal(signal.SIGCONT)

    def stop(self):
        self.kill()


class Wire:
    """A port that leads to another, until it is cut: then nobody gets through, nor is anybody told."""

    def __init__(self, host, port):
        self.to, self.is_cut, self.pairs = (host, port), False, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.is_cut:
                    self.pairs.append((client, None))  # open, and silent
                    continue
                server = socket.create_connection(self.to)
                self.pairs.append((client, server))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.is_cut:
                    return
                target.sendall(data)
        if not self.is_cut:
            for end in (source, target):
                end.close()

    def mend(self):
        self.is_cut = False
        for pair in self.pairs:
            for end in filter(None, pair):
                end.close()
        self.pairs.clear()

    def stop(self):
        self.mend()
        self.listener.close()
