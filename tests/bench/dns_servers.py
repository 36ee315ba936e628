"""The servers that ./dev bench dns measures: how each is configured, started, asked whether it is ready, and ended.

All listen on loopback with one serving thread and forward to the same scripted upstream."""

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

SINKHOLE = "127.0.0.9"
READY_PATIENCE = 600  # seconds; a million names take some peers minutes
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
            except OSError:
                continue


def ask(port, name, patience=0.5):
    """The answer's addresses, or None when none comes in time."""
    number = random.randrange(65536)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(patience)
        client.connect(("127.0.0.1", port))
        try:
            client.send(question)
            answer = client.recv(4096)
        except OSError:
            return None
    if answer[:2] != question[:2] or answer[3] & 15:
        return None
    count, at, addresses = int.from_bytes(answer[6:8], "big"), len(question), []
    for _ in range(count):
        at = answer.index(0, at) + 1 if answer[at] < 0xC0 else at + 2
        size = int.from_bytes(answer[at + 8 : at + 10], "big")
        addresses.append(socket.inet_ntoa(answer[at + 10 : at + 14]) if size == 4 else None)
        at += 10 + size
    return addresses


class Process:
    """A child on one CPU, ended by its own process id."""

    def __init__(self, arguments, cpu, log):
        self.log = Path(log)
        with open(self.log, "ab") as output:
            self.child = subprocess.Popen(
                [str(each) for each in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: cpu is None or os.sched_setaffinity(0, {cpu}),
            )
        self.pid = self.child.pid

    def cpu_seconds(self):
        """Time on a CPU of each thread. schedstat is the same sum as stat's user and system time, in nanoseconds."""
        times = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                times[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
            except OSError:  # a kernel without schedstat
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                times[task.name] = (int(fields[11]) + int(fields[12])) / TICKS
        return times

    def resident_bytes(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Server:
    """What all have in common. A subclass writes its configuration and says its command."""

    name = ""
    program = ""

    def __init__(self, folder, upstream, cpu):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.upstream, self.cpu = upstream, cpu
        self.port = free_port()
        self.process = None
        self.prefix = []  # a tool to run it under

    @classmethod
    def available(cls):
        return shutil.which(cls.program) is not None

    def start(self, names):
        """Configures `names`, starts, and returns the seconds until they are enforced."""
        self.configure(names)
        begin = time.monotonic()
        self.process = Process([*self.prefix, *self.command()], self.cpu, self.folder / "log")
        self.wait_until_ready(names)
        return time.monotonic() - begin

    def start_again(self, names):
        """As it is after a restart: what it keeps on disk is there."""
        self.process.stop()
        begin = time.monotonic()
        self.process = Process([*self.prefix, *self.command()], self.cpu, self.folder / "log")
        self.wait_until_ready(names)
        return time.monotonic() - begin

    def wait_until_ready(self, names):
        deadline = time.monotonic() + READY_PATIENCE
        while time.monotonic() < deadline:
            if self.process.child.poll() is not None:
                break
            name = random.choice(names) if names else "ready.example"
            answer = ask(self.port, name)
            if answer is not None and (not names or answer == [SINKHOLE]):
                return
            time.sleep(0.01)
        raise RuntimeError(f"{self.name} did not come up:\n{self.process.log.read_text()[-2000:]}")

    def enforced_share(self, names, sample=300):
        """Of the listed names, how many are answered with the sinkhole."""
        chosen = random.sample(names, min(sample, len(names)))
        return sum(ask(self.port, name, 2) == [SINKHOLE] for name in chosen) / len(chosen)

    def stop(self):
        if self.process:
            self.process.stop()


class Cenote(Server):
    name = "cenote"
    binary = None  # set by dns.py
    workers = 1
    cache = "256MiB"

    @classmethod
    def available(cls):
        return Path(cls.binary).exists()

    def configure(self, names):
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        self.write_list(names)
        feed = '[{name: list, source: "file:list.txt", format: plain, scope: suffix, category: c2, refresh: 1h}]'
        (self.folder / "cenote.yaml").write_text(
            f"""state_dir: state
listen: {{dns: ["127.0.0.1:{self.port}"], workers: {self.workers}}}
upstream: [{{zone: ".", servers: ["udp://127.0.0.1:{self.upstream}"]}}]
feeds: {feed if names else "[]"}
sinkhole: {{ipv4: {SINKHOLE}}}
blockpage: {{http: ["127.0.0.1:{free_port()}"], https: ["127.0.0.1:{free_port()}"]}}
control: {{socket: control.sock, http: ["127.0.0.1:{free_port()}"], tokens: tokens.yaml}}
cache: {{size: {self.cache}}}
events: {{file: events.jsonl}}
log: {{level: warning}}
"""
        )

    def write_list(self, names):
        self.prepare_list(names)
        self.take_list()

    def prepare_list(self, names):
        (self.folder / "list.new").write_text("".join(name + "\n" for name in names))

    def take_list(self):
        os.replace(self.folder / "list.new", self.folder / "list.txt")

    def command(self):
        return [self.binary, "serve", "--config", self.folder / "cenote.yaml"]

    def tidy(self):
        """A flood of hits must not fill the disk."""
        events = self.folder / "events.jsonl"
        if events.exists():
            os.truncate(events, 0)


class Unbound(Server):
    program = "unbound"
    modules = "iterator"

    def common(self):
        return f"""server:
  verbosity: 0
  use-syslog: no
  logfile: ""
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{self.folder}"
  num-threads: 1
  interface: 127.0.0.1@{self.port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "{self.modules}"
  so-rcvbuf: 4m
  msg-cache-size: 128m
  rrset-cache-size: 256m
  outgoing-range: 4096
  num-queries-per-thread: 4096
  infra-keep-probing: yes
  local-zone: "test." nodefault
"""

    def forward(self):
        return f'forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@{self.upstream}\n'

    def command(self):
        return [shutil.which("unbound"), "-d", "-c", self.folder / "unbound.conf"]


class UnboundLocal(Unbound):
    name = "unbound, local-zone"

    def configure(self, names):
        with open(self.folder / "unbound.conf", "w") as out:
            out.write(self.common())
            for name in names:
                out.write(f'  local-zone: "{name}" redirect\n  local-data: "{name} 30 A {SINKHOLE}"\n')
            out.write(self.forward())


class UnboundRpz(Unbound):
    name = "unbound, RPZ"
    modules = "respip iterator"

    def configure(self, names):
        zone = self.folder / "list.rpz"
        with open(zone, "w") as out:
            out.write("$TTL 30\n$ORIGIN list.rpz.\n@ SOA localhost. root.localhost. 1 3600 600 86400 30\n@ NS localhost.\n")
            for name in names:
                out.write(f"{name} A {SINKHOLE}\n*.{name} A {SINKHOLE}\n")
        (self.folder / "unbound.conf").write_text(
            self.common() + f'rpz:\n  name: "list.rpz"\n  zonefile: "{zone}"\n' + self.forward()
        )


PEERS = [UnboundLocal, UnboundRpz]
