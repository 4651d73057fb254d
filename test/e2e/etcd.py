"""A real etcd of three members on a loopback address of its own."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import threading
import urllib.request

from harness import wait_for

MEMBERS = 3
_numbers = itertools.count(1)


class Etcd:
    """Elections at a tenth of etcd's own time: as on a fast network."""

    def __init__(self, directory, heartbeat_ms=30, election_ms=300):
        pid, number = os.getpid(), next(_numbers)
        self.dir = directory
        self.host = f"127.{64 + number % 64}.{pid >> 8 & 255}.{1 + pid % 253}"
        self.times = [f"--heartbeat-interval={heartbeat_ms}", f"--election-timeout={election_ms}"]
        self.urls = [f"http://{self.host}:{24301 + i}" for i in range(MEMBERS)]
        self.peers = [f"http://{self.host}:{24401 + i}" for i in range(MEMBERS)]
        self.processes = [None] * MEMBERS
        self.start()

    def start(self, *members):
        everybody = ",".join(f"m{i}={url}" for i, url in enumerate(self.peers))
        for i in members or range(MEMBERS):
            with open(self.dir / f"m{i}.log", "ab") as log:
                self.processes[i] = subprocess.Popen(
                    ["etcd", f"--name=m{i}", f"--data-dir={self.dir / f'm{i}'}",
                     f"--listen-client-urls={self.urls[i]}", f"--advertise-client-urls={self.urls[i]}",
                     f"--listen-peer-urls={self.peers[i]}",
                     f"--initial-advertise-peer-urls={self.peers[i]}",
                     f"--initial-cluster={everybody}", "--log-level=error", *self.times],
                    stdout=log, stderr=log)
        for i in members or range(MEMBERS):
            wait_for(lambda: f"etcd {i} serves", lambda: self.serves(i), 20)

    def serves(self, i):
        request = urllib.request.Request(self.urls[i] + "/v3/kv/range", data=b'{"key":"AA=="}')
        try:
            with urllib.request.urlopen(request, timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

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
