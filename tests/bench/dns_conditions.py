"""What ./dev bench dns --conditions measures of Cenote alone: latency at half of what it can, a reload under load,
what a cached answer takes in memory, two workers instead of one, ten times as many names.

Each figure is a ratio within one run; everything is on loopback and bounded in time."""

import os
import signal
import statistics
import threading
import time

from dns_report import print_rows

ROUNDS = 5
LATENCY_ROUNDS = 15  # a 99th percentile swings with whatever else the machine does


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def ratio_of_medians(above, below):
    """With the quartiles of the rounds' own ratios, for one disturbed round would be the whole range."""
    ratios = [a / b for a, b in zip(above, below)]
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"{statistics.median(above) / statistics.median(below):.2f} ({low:.2f}-{high:.2f})"


class Reload(threading.Thread):
    """Half a second after it began, gives the server the list that was prepared, and watches until that is enforced.
    It steps back behind the load that it shares a CPU with."""

    def __init__(self, server, new_ones):
        super().__init__()
        self.server, self.new_ones = server, new_ones
        self.resident, self.enforced = [server.process.resident_bytes()], None

    def run(self):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        time.sleep(0.5)
        begin = time.monotonic()
        self.server.take_list()
        self.server.process.child.send_signal(signal.SIGHUP)
        while self.server.enforced_share(self.new_ones, 2) < 1:
            self.resident.append(self.server.process.resident_bytes())
            time.sleep(0.05)
            if time.monotonic() > begin + 60:
                raise RuntimeError("the new list is not enforced after a minute")
        self.enforced = time.monotonic() - begin
        if self.server.enforced_share(self.new_ones) < 1:
            raise RuntimeError("not all of the new list is enforced")


class Conditions:
    """`bench` has written the names and started the upstream; `make` gives a server that is not started yet."""

    def __init__(self, bench, make, echo):
        self.bench, self.make, self.echo = bench, make, echo
        self.listed, self.rows = bench.listed, []

    def add(self, what, figure, target):
        self.rows.append((what, figure, target))
        self.bench.say(f"{what}: {figure}")

    def run(self):
        server = self.make("conditions")
        server.start(self.listed)
        self.latency(server)
        self.reload(server)
        server.stop()
        self.more_names()
        self.cache()
        self.workers()
        self.echo.stop()
        print_rows(("", "measured", "target"), self.rows)

    def rate_of(self, server, traffic):
        result = self.bench.load(server, traffic, 2)
        return result["answered"] / result["seconds"]

    def latency(self, server):
        """The 99th percentile at half of each one's own saturation, against the echo's of the same round."""
        for traffic in ("blocked", "cached"):
            both = (self.echo, server)
            rates = {each: statistics.median(self.rate_of(each, traffic) for _ in range(3)) / 2 for each in both}
            p99 = {each: [] for each in both}
            for number in range(LATENCY_ROUNDS):
                for each in both if number % 2 else reversed(both):
                    p99[each].append(self.bench.load(each, traffic, 2, rates[each])["us"]["p99"])
                    server.tidy()
            figure = ratio_of_medians(p99[server], p99[self.echo])
            self.add(f"{traffic}: p99 at half of saturation, over the echo's", figure, "1.5")

    def reload(self, server):
        """The list comes again with a tenth of it changed, and back, while questions come at half of saturation."""
        rate = statistics.median(self.rate_of(server, "cached") for _ in range(3)) / 2
        others = self.bench.names(len(self.listed) // 10, self.bench.options.seed + 2)
        changed = self.listed[len(others) :] + others
        lost = sent = 0
        before, during, memory, times = [], [], [], []
        for number in range(LATENCY_ROUNDS):
            there = number % 2 == 0
            server.prepare_list(changed if there else self.listed)
            time.sleep(0.5)
            seconds = 4 if number == 0 else min(times[-1] + 0.5, 10)  # nearly all of it is the reload
            before.append(self.bench.load(server, "cached", seconds, rate)["us"]["p99"])
            watch = Reload(server, others if there else self.listed[: len(others)])
            watch.start()
            result = self.bench.load(server, "cached", seconds, rate)
            watch.join()
            lost, sent = lost + result["lost"], sent + result["sent"]
            during.append(result["us"]["p99"])
            self.bench.say(f"  p99 {before[-1]:.0f} us, in the reload {during[-1]:.0f}, {watch.enforced:.1f} s")
            memory.append(max(watch.resident) / watch.resident[0])
            times.append(watch.enforced)
        size = f"{len(self.listed):,} names"
        self.add(f"reload of {size}, a tenth changed: seconds until it is enforced", spread(times), "")
        self.add("  questions lost or later than a second", f"{lost} of {sent:,}", "0")
        self.add("  p99 over that of the steady state", ratio_of_medians(during, before), "1.3")
        self.add("  most resident over the steady state", spread(memory), "1.5")

    def cpu(self, server, traffic):
        before = sum(server.process.cpu_seconds().values())
        result = self.bench.load(server, traffic, 2)
        return (sum(server.process.cpu_seconds().values()) - before) / result["answered"]

    def more_names(self):
        """The same questions to a server with the list and to one with ten times as many names."""
        few, many = self.make("few"), self.make("many")
        few.start(self.listed)
        known = set(self.listed)
        tenfold = self.bench.names(10 * len(self.listed), self.bench.options.seed)
        # What was asked and not listed stays so: the questions must mean the same to both.
        tenfold = self.listed + [name for name in tenfold if name not in known and not self.bench.is_asked_near(name)]
        many.start(tenfold)
        for traffic in ("cached", "blocked"):
            ratios = []
            for server in (few, many):
                self.bench.warm(server)
            for number in range(ROUNDS):
                spent = {each: self.cpu(each, traffic) for each in ((few, many) if number % 2 else (many, few))}
                few.tidy(), many.tidy()
                ratios.append(spent[many] / spent[few])
            self.add(f"{traffic}: CPU with {len(tenfold):,} names over {len(self.listed):,}", spread(ratios), "1.05")
        few.stop(), many.stop()

    def cache(self):
        """As many answers as there are listed names, each asked for once."""
        server = self.make("cache")
        server.cache = "2GiB"
        server.start([])
        count, answered, octets = len(self.listed), 0, 0
        empty = server.process.resident_bytes()
        while answered < count:
            result = self.bench.load(server, "forwarded", 2)
            answered += result["answered"]
            octets += result["bytes"]
        per_answer = (server.process.resident_bytes() - empty) / answered
        wire = octets / answered
        beyond = per_answer - 1.3 * wire
        figure = f"{per_answer:.0f} bytes for {wire:.0f} on the wire ({beyond:.0f} beyond 1.3 times)"
        self.add(f"cache of {answered:,} answers, each", figure, "48 beyond")
        server.stop()

    def workers(self):
        """CPU an answer with several workers on all CPUs over one worker on one: what they share would show in it. More
        workers than CPUs take turns, which costs by itself."""
        servers = {}
        for count in (1, 2, 4, 8):
            servers[count] = self.make(f"workers-{count}")
            servers[count].workers = count
            if count > 1:
                servers[count].cpu = None
            servers[count].start([])
            self.bench.warm(servers[count])
        for traffic in ("cached", "forwarded"):
            ratios = {count: [] for count in servers if count > 1}
            for number in range(ROUNDS):
                order = sorted(servers, reverse=number % 2 == 0)
                spent = {count: self.cpu(servers[count], traffic) for count in order}
                for count, found in ratios.items():
                    found.append(spent[count] / spent[1])
            for count, found in ratios.items():
                target = "1.11 (1.8 times the throughput)" if (traffic, count) == ("cached", 2) else ""
                self.add(f"{traffic}: CPU an answer with {count} workers over 1", spread(found), target)
        for server in servers.values():
            server.stop()
