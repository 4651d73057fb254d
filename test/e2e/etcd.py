"""A real etcd of three members on a loopback address of its own."""

import itertools
import os
import signal
import subprocess
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
