"""The network of `make torture`: one namespace and one address for each host, and a process
that carries every packet between them. What it does to packets is the fault: a direction can be
cut, slow, lossy, narrow, or deliver twice and out of order. A program and not the kernel's netem
and filters, because many kernels of virtual machines have neither, and because the same seed
loses the same packets.

Namespaces have no names and devices belong to them: all of it is gone with the processes.
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 9000
QUEUE_BYTES = 4 << 20  # of one direction; more is dropped, as a router's queue does
PREFIX = "10.77.0."

libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _make_device(address):
    """A tun device of the namespace we are in."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
    for command in (f"link set wire mtu {MTU} txqueuelen 4000 up", f"addr add {address}/24 dev wire",
                    "link set lo up"):
        subprocess.run(["ip", *command.split()], check=True)
    return fd


class Wire:
    """hosts[0] is the namespace of the caller, for clients."""

    def __init__(self, hosts, seed=0):
        self.hosts = list(hosts)
        self.address = {host: f"{PREFIX}{i + 1}" for i, host in enumerate(self.hosts)}
        self.namespace, devices = {}, []
        here = _namespace()
        for i, host in enumerate(self.hosts):
            if i > 0:
                _check(libc.unshare(CLONE_NEWNET), "a network namespace")
            self.namespace[host] = _namespace()
            devices.append(_make_device(self.address[host]))
            _check(libc.setns(here, CLONE_NEWNET), "back to our namespace")
        os.close(here)
        self.control, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno()), str(seed), *map(str, devices)],
            pass_fds=[theirs.fileno(), *devices])
        theirs.close()
        for fd in devices:
            os.close(fd)

    def command(self, host, *command):
        """What starts a command on that host; it keeps its process id."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.namespace[host]}", *map(str, command)]

    def set(self, froms, tos, **faults):
        """cut, delay_ms, jitter_ms, loss, twice (shares of packets), kbit_s: of all directions
        from one of these hosts to one of those. What is not named is as if healthy. In force
        when this returns."""
        for one in froms:
            for other in tos:
                if one != other:
                    order = {"from": self.hosts.index(one), "to": self.hosts.index(other), **faults}
                    self.control.sendall(json.dumps(order).encode() + b"\n")
                    if self.control.recv(1) != b".":
                        raise RuntimeError("the network's process has ended")

    def set_both(self, froms, tos, **faults):
        self.set(froms, tos, **faults)
        self.set(tos, froms, **faults)

    def heal(self):
        self.set(self.hosts, self.hosts)

    def stop(self):
        self.control.close()
        self.process.wait(10)
        for fd in self.namespace.values():
            os.close(fd)


# --- the process that carries ----------------------------------------------------------------

class Direction:
    def __init__(self, **faults):
        self.cut = faults.pop("cut", False)
        self.delay_s = faults.pop("delay_ms", 0) / 1000
        self.jitter_s = faults.pop("jitter_ms", 0) / 1000
        self.loss = faults.pop("loss", 0.0)
        self.twice = faults.pop("twice", 0.0)
        self.bytes_s = faults.pop("kbit_s", 0) * 125
        if faults:
            raise ValueError(f"unknown faults: {faults}")
        self.free_at = 0.0
        self.healthy = not (self.cut or self.delay_s or self.jitter_s or self.loss or self.twice
                            or self.bytes_s)


class Carrier:
    def __init__(self, control, seed, devices):
        self.control, self.devices = socket.socket(fileno=control), devices
        self.random = random.Random(seed)
        self.directions = {(a, b): Direction() for a in range(len(devices)) for b in range(len(devices))}
        self.later, self.count, self.orders = [], 0, b""

    def deliver(self, to, packet):
        try:
            os.write(self.devices[to], packet)
        except OSError:
            pass  # its queue is full, or the host is gone: lost, as packets are

    def hold(self, at, to, packet):
        self.count += 1
        heapq.heappush(self.later, (at, self.count, to, packet))

    def carry(self, sender, packet, now):
        to = packet[19] - 1 if len(packet) >= 20 and packet[0] >> 4 == 4 else -1
        if not 0 <= to < len(self.devices):
            return
        d = self.directions[sender, to]
        if d.healthy:
            self.deliver(to, packet)
            return
        if d.cut or self.random.random() < d.loss:
            return
        at = now
        if d.bytes_s:
            start = max(now, d.free_at)
            if (start - now) * d.bytes_s > QUEUE_BYTES:
                return
            at = d.free_at = start + len(packet) / d.bytes_s
        at += d.delay_s + self.random.random() * d.jitter_s
        self.hold(at, to, packet)
        if self.random.random() < d.twice:
            self.hold(at + self.random.random() * d.jitter_s, to, packet)

    def obey(self):
        part = self.control.recv(65536)
        if not part:
            sys.exit(0)
        *lines, self.orders = (self.orders + part).split(b"\n")
        for line in lines:
            order = json.loads(line)
            way = order.pop("from"), order.pop("to")
            self.directions[way] = Direction(**order)
            self.control.sendall(b".")

    def drain(self, fd, sender):
        for _ in range(64):
            try:
                packet = os.read(fd, MTU + 100)
            except BlockingIOError:
                return
            self.carry(sender, packet, time.monotonic())

    def run(self):
        poll = select.epoll()
        poll.register(self.control.fileno(), select.EPOLLIN)
        senders = {fd: i for i, fd in enumerate(self.devices)}
        for fd in self.devices:
            poll.register(fd, select.EPOLLIN)
        while True:
            wait = max(0, self.later[0][0] - time.monotonic()) if self.later else -1
            for fd, _ in poll.poll(wait):
                if fd in senders:
                    self.drain(fd, senders[fd])
                else:
                    self.obey()
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                _, _, to, packet = heapq.heappop(self.later)
                self.deliver(to, packet)


if __name__ == "__main__":
    Carrier(int(sys.argv[1]), int(sys.argv[2]), [int(fd) for fd in sys.argv[3:]]).run()
