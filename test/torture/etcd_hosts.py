"""A real etcd of three members, each on a host of its own. Elections at a third of etcd's own
times, as on a fast network."""

import http.client
import json
import signal
import subprocess

from harness import wait_for

HOSTS = ["etcd-1", "etcd-2", "etcd-3"]
CLIENT_PORT, PEER_PORT = 2379, 2380


class EtcdHosts:
    def __init__(self, directory, wire):
        self.dir, self.wire, self.processes = directory, wire, {}
        self.endpoints = [f"http://{wire.address[h]}:{CLIENT_PORT}" for h in HOSTS]
        self.dir.mkdir()
        self.start(*HOSTS)

    def coordination(self):
        return "{etcd: {endpoints: " + json.dumps(self.endpoints) + "}}"

    def start(self, *hosts):
        peers = {h: f"http://{self.wire.address[h]}:{PEER_PORT}" for h in HOSTS}
        for host in hosts:
            client = f"http://{self.wire.address[host]}:{CLIENT_PORT}"
            with open(self.dir / f"{host}.log", "ab") as log:
                self.processes[host] = subprocess.Popen(
                    self.wire.command(
                        host, "etcd", f"--name={host}", f"--data-dir={self.dir / host}",
                        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
                        f"--listen-peer-urls={peers[host]}", f"--initial-advertise-peer-urls={peers[host]}",
                        "--initial-cluster=" + ",".join(f"{h}={url}" for h, url in peers.items()),
                        "--log-level=error", "--heartbeat-interval=30", "--election-timeout=300"),
                    stdout=log, stderr=log)
        for host in hosts:
            wait_for(lambda: f"{host} serves", lambda: self.serves(host), 30)

    def serves(self, host):
        connection = http.client.HTTPConnection(self.wire.address[host], CLIENT_PORT, timeout=1)
        try:
            connection.request("POST", "/v3/kv/range", b'{"key":"AA=="}')
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def send_signal(self, host, number):
        self.processes[host].send_signal(number)

    def kill(self, *hosts):
        for host in hosts:
            process = self.processes.pop(host, None)
            if process:
                process.kill()
                process.wait()

    def all_up(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
        down = [h for h in HOSTS if h not in self.processes]
        if down:
            self.start(*down)

    def stop(self):
        self.kill(*HOSTS)
