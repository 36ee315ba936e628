"""What ./dev bench dns --streams measures: CPU time of a cached answer on kept TCP and TLS connections, beside PowerDNS
Recursor (TCP), dnsdist and unbound. dnsperf asks; all servers have one serving thread and share the rest."""

import itertools
import os
import re
import shutil
import socket
import socketserver
import statistics
import struct
import subprocess
import sys
import threading
from pathlib import Path

from dns_report import print_rows
from dns_servers import Cenote, Server, Unbound, free_port

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import certificates  # noqa: E402

ROUNDS = 5
SECONDS = 2
CONNECTIONS = 20


class StreamCenote(Cenote):
    def configure(self, names):
        super().configure(names)
        self.tls_port = free_port()
        path = self.folder / "cenote.yaml"
        path.write_text(path.read_text().replace("workers: 1", f'dot: ["127.0.0.1:{self.tls_port}"], workers: 1'))


class StreamUnbound(Unbound):
    name = "unbound"

    def configure(self, names):
        self.tls_port = free_port()
        certificate, key = certificates.for_dns(self.folder)
        (self.folder / "unbound.conf").write_text(
            self.common()
            + f"  interface: 127.0.0.1@{self.tls_port}\n  tls-port: {self.tls_port}\n  incoming-num-tcp: 100\n"
            + f'  tls-service-pem: "{certificate}"\n  tls-service-key: "{key}"\n'
            + self.forward()
        )


class Dnsdist(Server):
    name = "dnsdist"
    program = "dnsdist"

    def configure(self, names):
        self.tls_port = free_port()
        certificate, key = certificates.for_dns(self.folder)
        (self.folder / "dnsdist.conf").write_text(
            f"""setLocal("127.0.0.1:{self.port}")
addTLSLocal("127.0.0.1:{self.tls_port}", "{certificate}", "{key}")
newServer({{address="127.0.0.1:{self.upstream}", healthCheckInterval=10}})
getPool(""):setCache(newPacketCache(100000))
setMaxTCPClientThreads(1)
setMaxTCPConnectionsPerClient(0)
setMaxTCPQueriesPerConnection(0)
setSecurityPollSuffix("")
"""
        )

    def command(self):
        return [shutil.which(self.program), "--supervised", "--disable-syslog", "-C", self.folder / "dnsdist.conf"]


class Recursor(Server):
    name = "PowerDNS Recursor"
    program = "pdns_recursor"
    tls_port = None

    def configure(self, names):
        (self.folder / "recursor.conf").write_text(
            f"""local-address=127.0.0.1:{self.port}
forward-zones-recurse=.=127.0.0.1:{self.upstream}
threads=1
dnssec=off
disable-syslog=yes
quiet=yes
socket-dir={self.folder}
security-poll-suffix=
max-tcp-clients=200
"""
        )

    def command(self):
        return [shutil.which(self.program), f"--config-dir={self.folder}", "--daemon=no"]


class Relay(socketserver.BaseRequestHandler):
    """The upstream over TCP: dnsdist asks on as it was asked. Needed until its cache knows all answers."""

    def handle(self):
        with socket.socket(type=socket.SOCK_DGRAM) as upstream, self.request.makefile("rb") as stream:
            upstream.connect(self.server.server_address)
            upstream.settimeout(2)
            while len(head := stream.read(2)) == 2:
                upstream.send(stream.read(int.from_bytes(head, "big")))
                answer = upstream.recv(4096)
                self.request.sendall(struct.pack(">H", len(answer)) + answer)


class RelayServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


class Streams:
    def __init__(self, bench, upstream_port, cpu):
        self.bench = bench
        self.relay = RelayServer(("127.0.0.1", upstream_port), Relay)
        threading.Thread(target=self.relay.serve_forever, daemon=True).start()
        kinds = (StreamCenote, Recursor, Dnsdist, StreamUnbound)
        self.servers = [
            kind(bench.folder / kind.__name__, upstream_port, cpu) for kind in kinds if kind.available()
        ]
        self.questions = bench.folder / "questions"
        names = (bench.folder / "cached").read_text().split()[:2000]  # all fit into any cache
        self.questions.write_text("".join(f"{name} A\n" for name in names))

    def ask(self, server, mode, seconds):
        """Returns how many were answered, over connections that stay."""
        port = server.tls_port if mode == "dot" else server.port
        command = f"dnsperf -m {mode} -s 127.0.0.1 -p {port} -c {CONNECTIONS} -T 1 -q 200 -l {seconds} -d".split()
        pin = lambda: self.bench.load_cpu is None or os.sched_setaffinity(0, {self.bench.load_cpu})
        said = subprocess.run([*command, self.questions], capture_output=True, text=True, timeout=60, preexec_fn=pin)
        completed = re.search(r"Queries completed: +(\d+)", said.stdout)
        lost = re.search(r"Queries lost: +(\d+)", said.stdout)
        if not completed or int(completed[1]) == 0:
            raise RuntimeError(f"{server.name} answered nothing over {mode}:\n{said.stdout[-1500:]}{said.stderr[-500:]}")
        return int(completed[1]), int(lost[1])

    def run(self):
        figures = {}
        for server in self.servers:
            server.start([])
        for number, mode in itertools.product(range(ROUNDS), ("tcp", "dot")):
            first = number % len(self.servers)
            for server in self.servers[first:] + self.servers[:first]:
                if mode == "dot" and server.tls_port is None:
                    continue
                self.ask(server, mode, 1 if number == 0 else 0.3)  # warm
                before = sum(server.process.cpu_seconds().values())
                answered, lost = self.ask(server, mode, SECONDS)
                spent = sum(server.process.cpu_seconds().values()) - before
                figures.setdefault((mode, server.name), []).append((spent / answered * 1e6, lost))
        rows = []
        for mode, rival in (("tcp", Recursor.name), ("dot", Dnsdist.name)):
            for server in self.servers:
                runs = figures.get((mode, server.name))
                if not runs:
                    continue
                against = figures.get((mode, rival))
                ratios = [a[0] / b[0] for a, b in zip(runs, against)] if against else []
                rows.append(
                    (
                        f"{mode}: {server.name}",
                        f"{statistics.median(run[0] for run in runs):.1f}",
                        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) of {rival}" if ratios else "",
                        f"{sum(run[1] for run in runs)}",
                    )
                )
        for server in self.servers:
            server.stop()
        self.relay.shutdown()
        print_rows(("", "CPU us/answer", "in the same round", "lost"), rows)
