#!/usr/bin/python3
"""./dev bench dns: Cenote, a UDP echo and unbound on loopback, with the same listed names and the same upstream.

Each round runs every traffic (blocked, cached, forwarded) against every server in turn, so that what else the machine
does hits all alike. The figure is CPU time per answer (user and system, from the kernel's accounting of the server's
process), and its ratio to the echo of the same round. Servers run on CPU 0, load and upstream on CPU 1."""

import argparse
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # the sources' folder stays as it is
import dns_conditions
import dns_instructions
import dns_report
import dns_streams
from dns_servers import PEERS, Cenote, Process, Server, ask, free_port

ROOT = Path(__file__).resolve().parents[2]
TRAFFICS = ("blocked", "cached", "forwarded")
HOT_NAMES = 10_000


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench dns", description=__doc__.split("\n")[0])
    parser.add_argument("--names", type=int, default=100_000, help="listed names (default 100000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each run")
    parser.add_argument("--inflight", type=int, default=256, help="questions in flight")
    parser.add_argument("--traffic", nargs="+", choices=TRAFFICS, default=TRAFFICS)
    parser.add_argument("--peers", nargs="*", help="peers whose name holds one of these words; default: all there are")
    parser.add_argument("--no-edns", action="store_true", help="ask without an OPT record")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--instructions", action="store_true", help="count Cenote's own instead, with callgrind")
    parser.add_argument(
        "--conditions", action="store_true", help="measure latency, reload, cache, workers and ten times the names instead"
    )
    parser.add_argument("--streams", action="store_true", help="measure kept TCP and TLS connections instead, beside peers")
    parser.add_argument("--json", metavar="FILE", help="writes every single run")
    parser.add_argument("--svg", metavar="FILE", help="draws the medians, e.g. docs/images/bench.svg")
    parser.add_argument("--build", default=ROOT / "build/release", type=Path, help="the release build's folder")
    options = parser.parse_args()
    options.build = options.build.resolve()  # the servers run in folders of their own
    return options


class Echo(Server):
    """The floor. It knows no names."""

    name = "echo"

    def __init__(self, bench, cpu, folder):
        super().__init__(folder, 0, cpu)
        self.process = Process([bench, "echo", self.port], cpu, self.folder / "log")


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, Path(folder)
        self.tool = options.build / "tests/dns_bench"
        cpus = sorted(os.sched_getaffinity(0))
        # With one CPU alone everything shares it, and only the CPU times mean something.
        self.server_cpu, self.load_cpu = (cpus[0], cpus[1]) if len(cpus) > 1 else (None, None)
        self.fresh = itertools.count(0, 4_000_000)
        self.servers, self.helpers, self.memory, self.runs = [], [], {}, []

    def say(self, text):
        print(f"-- {text}", file=sys.stderr, flush=True)

    def names(self, count, seed):
        made = subprocess.run([self.tool, "names", str(count), str(seed)], capture_output=True, text=True, check=True)
        return made.stdout.split()

    def write_names(self):
        """The listed names in random order, and others of which neither the name nor a parent is listed."""
        self.listed = self.names(self.options.names, self.options.seed)
        known = set(self.listed)

        def is_listed(name):
            labels = name.split(".")
            return any(".".join(labels[i:]) in known for i in range(len(labels) - 1))

        others = [name for name in self.names(4 * HOT_NAMES, self.options.seed + 1) if not is_listed(name)]
        self.asked_near = {".".join(name.split(".")[i:]) for name in others for i in range(name.count(".") + 1)}
        order = random.Random(self.options.seed)
        asked = self.listed[:]
        order.shuffle(asked)
        (self.folder / "blocked").write_text("\n".join(asked) + "\n")
        (self.folder / "cached").write_text("\n".join(others[:HOT_NAMES]) + "\n")
        (self.folder / "forwarded").write_text("\n".join(others[:HOT_NAMES]) + "\n")

    def is_asked_near(self, name):
        """Whether it is, or is above, a name that is asked and not listed."""
        return name in self.asked_near

    def start_upstream(self):
        port = free_port()
        upstream = Process([self.tool, "upstream", port], self.load_cpu, self.folder / "upstream.log")
        self.helpers.append(upstream)
        for _ in range(500):
            if ask(port, "ready.example"):
                break
        return port

    def start(self):
        self.write_names()
        upstream_port = self.start_upstream()
        self.servers.append(Echo(self.tool, self.server_cpu, self.folder / "echo"))
        wanted = self.options.peers
        for kind in [Cenote, *PEERS]:
            if kind is not Cenote and wanted is not None and not any(word in kind.name for word in wanted):
                continue
            if not kind.available():
                self.say(f"{kind.name} is not installed: left out")
                continue
            server = kind(self.folder / kind.name.replace(", ", "-"), upstream_port, self.server_cpu)
            self.servers.append(server)
            self.load_names(server)

    def load_names(self, server):
        """Starts it empty, with the names, and once more: memory, time to ready, and a check that it enforces."""
        self.say(f"{server.name}: loading {len(self.listed):,} names")
        figures = self.memory[server.name] = {}
        server.start([])
        figures["empty"] = self.settled_memory(server)
        server.stop()
        figures["ready"] = server.start(self.listed)
        figures["listed"] = self.settled_memory(server)
        figures["ready_again"] = server.start_again(self.listed)
        figures["listed_again"] = self.settled_memory(server)
        figures["enforced"] = server.enforced_share(self.listed)

    @staticmethod
    def settled_memory(server):
        time.sleep(1)
        return server.process.resident_bytes()

    def load(self, server, traffic, seconds, rate=0):
        command = [self.tool, "load", "127.0.0.1", server.port, self.folder / traffic, "--seconds", seconds]
        command += ["--inflight", self.options.inflight, "--qps", rate]
        command += [] if self.options.no_edns else ["--edns"]
        command += ["--fresh", next(self.fresh) % 2**32] if traffic == "forwarded" else []
        pin = lambda: self.load_cpu is None or os.sched_setaffinity(0, {self.load_cpu})
        done = subprocess.run(
            [str(each) for each in command], capture_output=True, check=True, timeout=seconds + 60, preexec_fn=pin
        )
        return json.loads(done.stdout)

    def warm(self, server):
        """Each load begins with the first name: only a run that is long enough reaches the last."""
        seconds = 0.25
        while self.load(server, "cached", seconds)["answered"] < HOT_NAMES and seconds < 30:
            seconds *= 2

    def measure(self, round_number, traffic, server):
        if traffic == "cached" and server.name != "echo":
            self.warm(server)
        before = server.process.cpu_seconds()
        result = self.load(server, traffic, self.options.seconds)
        after = server.process.cpu_seconds()
        spent = [after[thread] - before.get(thread, 0) for thread in after]
        if sum(spent) == 0 or result["answered"] == 0:
            raise RuntimeError(f"{server.name} answered nothing ({traffic}): {result}")
        answered = result["answered"]
        self.runs.append(
            {
                "round": round_number,
                "traffic": traffic,
                "server": server.name,
                "cpu_us": sum(spent) / answered * 1e6,
                "thread_us": max(spent) / answered * 1e6,
                "per_second": result["answered"] / result["seconds"],
                "p50": result["us"]["p50"],
                "p99": result["us"]["p99"],
                "lost_share": result["lost"] / max(result["sent"], 1),
                "load": result,
            }
        )
        if hasattr(server, "tidy"):
            server.tidy()

    def run(self):
        self.start()
        for number in range(self.options.rounds):
            self.say(f"round {number + 1} of {self.options.rounds}")
            for traffic in self.options.traffic:
                # Another one begins each time, so that no place in the order is a fixed advantage.
                first = number % len(self.servers)
                for server in self.servers[first:] + self.servers[:first]:
                    self.measure(number, traffic, server)

    def count_instructions(self):
        self.write_names()
        server = Cenote(self.folder / "cenote", self.start_upstream(), self.server_cpu)
        self.servers.append(server)
        load = lambda traffic: self.load(server, traffic, self.options.seconds)
        return dns_instructions.count(server, self.listed, load, lambda: self.warm(server))

    def measure_conditions(self):
        self.write_names()
        port = self.start_upstream()
        echo = Echo(self.tool, self.server_cpu, self.folder / "echo")

        def make(name):
            self.servers.append(Cenote(self.folder / name, port, self.server_cpu))
            return self.servers[-1]

        self.servers.append(echo)
        dns_conditions.Conditions(self, make, echo).run()

    def measure_streams(self):
        self.write_names()
        streams = dns_streams.Streams(self, self.start_upstream(), self.server_cpu)
        self.servers += streams.servers
        streams.run()

    def stop(self):
        for each in [*self.servers, *self.helpers]:
            each.stop()


def machine():
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def main():
    options = arguments()
    Cenote.binary = options.build / "cenote"
    with tempfile.TemporaryDirectory(prefix="dns-bench-", dir=options.build) as folder:
        bench = Bench(options, folder)
        try:
            if options.instructions:
                dns_instructions.show(bench.count_instructions())
                return
            if options.conditions:
                bench.measure_conditions()
                return
            if options.streams:
                bench.measure_streams()
                return
            bench.run()
        finally:
            bench.stop()
    date = time.strftime("%Y-%m-%d", time.gmtime())
    summary = dns_report.summarise(bench.runs)
    print(f"{date}, {machine()}, load average {os.getloadavg()[0]:.1f}")
    print(f"{options.names:,} names, {options.rounds} rounds of {options.seconds:g} s, medians\n")
    dns_report.print_table(summary, bench.memory, options.names)
    if options.json:
        everything = {
            "date": date,
            "machine": machine(),
            "names": options.names,
            "summary": summary,
            "memory": bench.memory,
            "runs": bench.runs,
        }
        Path(options.json).write_text(json.dumps(everything, indent=1) + "\n")
    if options.svg:
        caption = f"{options.names:,} listed names, {options.rounds} rounds, one serving thread, loopback, {date}"
        Path(options.svg).write_text(dns_report.draw(summary, caption))


if __name__ == "__main__":
    main()
