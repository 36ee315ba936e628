"""The innocent client: what everybody else notices of an attack. A process of its own, so that no attacker shares its interpreter.

Asks over UDP, TCP, TLS and HTTPS from one address, looks at the block page and pushes one name at a time over the control
socket, and measures each answer. Reads "phase NAME" lines; says at each what the phase before it was like, as JSON.

The machine has other work: the time for which a thread of the server (or this process, or the upstream) was ready to run and
had no processor is nobody's fault here. It is taken off each answer's time, and reported beside it."""
import asyncio
import bisect
import itertools
import json
import logging
import os
import random
import socket
import ssl
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
import clients  # noqa: E402
import wire  # noqa: E402
from clients import Frames, Http2, Question, Tally, UdpSocket, Waiting, tls_context  # noqa: E402
from pushes import Pushes  # noqa: E402

ADDRESS = "127.0.0.9"
UDP_EVERY = 0.02  # 50 questions a second
UDP_SOCKETS = 16  # the kernel spreads them over the workers by their ports
STREAM_EVERY = 0.1
QUESTIONS_PER_CONNECTION = 10
PAGE_EVERY = 0.5
PUSH_EVERY = 0.5
HOT = 20
RETRY = 2.0  # seconds after which a client asks again: what comes later is lost
PATIENCE = 6.0  # for a page or a push
DNS = ("cached", "blocked", "forwarded", "tcp", "dot", "doh")
OTHER = ("connect", "page", "push")
_numbers = itertools.count(1)


class Phase:
    def __init__(self, name):
        self.name, self.waiting = name, 0
        self.asked, self.lost, self.wrong = Counter(), Counter(), Counter()
        self.took, self.raw_took, self.examples = {}, {}, []

    def add(self, channel, took, starved):
        self.took.setdefault(channel, []).append(max(0.0, took - starved))
        self.raw_took.setdefault(channel, []).append(took)

    def report(self):
        def ms(values, share):
            return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000, 2) if values else None
        channels = {}
        for channel in sorted(self.asked):
            took, raw = self.took.get(channel, []), self.raw_took.get(channel, [])
            channels[channel] = {"asked": self.asked[channel], "lost": self.lost[channel], "wrong": self.wrong[channel],
                                 "p50": ms(took, 0.5), "p99": ms(took, 0.99), "max": ms(took, 1), "raw_p99": ms(raw, 0.99)}
        dns, raw = ([took for channel in DNS for took in all_of.get(channel, [])] for all_of in (self.took, self.raw_took))
        return {"phase": self.name, "channels": channels, "dns_p99": ms(dns, 0.99), "dns_raw_p99": ms(raw, 0.99),
                "examples": self.examples[:10]}


class Waited:
    """For how long something waited for a processor, by the clock: a sum that can be asked for any moment."""

    def __init__(self):
        self.total, self.times, self.totals = 0.0, [], []

    def add(self, seconds):
        self.total += seconds
        self.times.append(time.monotonic())
        self.totals.append(self.total)

    def since(self, began):
        return self.total - self.totals[max(0, bisect.bisect_right(self.times, began) - 1)]


def schedule(folder):
    """(seconds waited for a processor, times on one) of a thread (proc(5), schedstat); None: it is gone."""
    try:
        fields = Path(folder, "schedstat").read_text().split()
        return int(fields[1]) / 1e9, int(fields[2])
    except (OSError, IndexError, ValueError):
        return None


class Starvation:
    """Of the server's workers, its web thread, the upstream, and ourselves."""

    def __init__(self, options):
        self.options = options
        workers, web = self.find_threads()
        self.groups = {"workers": workers, "web": web, "upstream": [f"/proc/{options['upstream']}"], "us": [f"/proc/{os.getpid()}"]}
        self.last = {}
        self.waited = {name: Waited() for name in self.groups}
        self.sample()

    def find_threads(self):
        """The threads have no names: workers are those that run when a question comes, web the one that runs when a request does."""
        folder = f"/proc/{self.options['server']}/task"
        threads = [f"{folder}/{task}" for task in os.listdir(folder)]

        def that_run(work):
            before = {thread: schedule(thread) for thread in threads}
            for _ in range(64):
                try:
                    work()
                except OSError:
                    pass
            after = {thread: schedule(thread) for thread in threads}
            return {thread: after[thread][1] - before[thread][1] for thread in threads if before[thread] and after[thread]}
        asked, requested = that_run(self.ask), that_run(self.request)
        workers = [thread for thread, times in asked.items() if times >= 4]
        web = max((thread for thread in requested if thread not in workers), key=requested.get, default=None)
        return workers, [web] if web else []

    def ask(self):
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            client.bind((ADDRESS, 0))
            client.sendto(wire.query("localhost"), ("127.0.0.1", self.options["ports"]["dns"]))
            client.recv(4096)

    def request(self):
        with socket.create_connection(("127.0.0.1", self.options["ports"]["api"]), 1) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while client.recv(4096):
                pass

    def sample(self):
        for name, threads in self.groups.items():
            self.waited[name].add(max((self.more(thread) for thread in threads), default=0))

    def more(self, thread):
        found = schedule(thread)
        if found is None:
            return 0.0
        before = self.last.get(thread, found[0])
        self.last[thread] = found[0]
        return found[0] - before

    @property
    def total(self):
        return max(waited.total for waited in self.waited.values())

    def between(self, began, channel):
        if time.monotonic() - began > 0.02:
            self.sample()
        names = ["us", "web" if channel in ("page", "push") else "workers"] + (["upstream"] if channel == "forwarded" else [])
        return max(self.waited[name].since(began) for name in names)  # they may well have waited at the same time


class Asked(Question):
    """One of a kind; `channel` is where it is counted."""

    def __init__(self, kind, phase, channel=None):
        number = next(_numbers)
        name = {"cached": f"hot{number % HOT}.innocent.example", "blocked": f"bad{number % 100}.blocked.example",
                "forwarded": f"n{number}-{random.getrandbits(32):x}.innocent.example"}[kind]
        super().__init__("blocked" if kind == "blocked" else "hot", name)
        self.phase, self.channel = phase, channel or kind


class Book(Tally):
    """What came, in the phase in which it was asked."""

    def __init__(self, starvation):
        super().__init__()
        self.starvation = starvation

    def note(self, transport, question, raw, took, why="no answer in time"):
        phase, channel = question.phase, question.channel
        phase.waiting -= 1
        phase.asked[channel] += 1
        starved = self.starvation.between(time.monotonic() - took, channel)
        if raw is None or took - starved > clients.PATIENCE:
            phase.lost[channel] += 1
            phase.examples.append(f"lost: {channel} {question.name}: {why if raw is None else f'came after {took:.1f} s'}")
            return
        phase.add(channel, took, starved)
        fault = question.fault(raw)
        if fault:
            phase.wrong[channel] += 1
            phase.examples.append(f"wrong: {channel} {question.name}: {fault}")


class Innocent:
    def __init__(self, options):
        self.options, self.ports = options, options["ports"]
        self.starvation = Starvation(options)
        self.book = Book(self.starvation)
        self.phase = Phase("start")
        self.phase.waiting = 0

    async def starve(self):
        while True:
            await asyncio.sleep(0.025)
            self.starvation.sample()
            self.book.starved = self.starvation.total

    def question(self, kind, channel=None):
        self.phase.waiting += 1
        return Asked(kind, self.phase, channel)

    async def udp(self):
        loop = asyncio.get_running_loop()
        sockets = []
        for _ in range(UDP_SOCKETS):
            waiting = Waiting("udp", self.book)
            transport, _ = await loop.create_datagram_endpoint(
                lambda waiting=waiting: UdpSocket(waiting), local_addr=(ADDRESS, 0), remote_addr=("127.0.0.1", self.ports["dns"]))
            sockets.append((waiting, transport))
        due, kinds = loop.time(), itertools.cycle(("cached", "blocked", "forwarded"))
        for waiting, transport in itertools.cycle(sockets):
            question = self.question(next(kinds))
            keep(waiting.ask(question.id, question, lambda t=transport, q=question: t.sendto(q.raw)))
            due += UDP_EVERY
            await asyncio.sleep(max(0, due - loop.time()))
            due = max(due, loop.time() - 0.5)  # no burst after a pause of this process

    async def stream(self, kind, reconnects):
        """Asks on one connection, and on another after a few questions."""
        tls = {"tcp": None, "dot": tls_context("dot"), "doh": tls_context("h2")}[kind]
        port = self.ports["dns" if kind == "tcp" else kind]
        while True:
            opened = await self.timed("connect", asyncio.open_connection("127.0.0.1", port, ssl=tls, local_addr=(ADDRESS, 0)), kind)
            if opened is None:
                await asyncio.sleep(0.2)
                continue
            connection = (Http2 if kind == "doh" else Frames)(*opened, Waiting(kind, self.book))
            for _ in range(QUESTIONS_PER_CONNECTION if reconnects else 10**9):
                question = self.question(random.choice(("cached", "blocked")), kind)
                await connection.ask(question, True)
                await asyncio.sleep(STREAM_EVERY)
                if connection.task.done():  # closed while it was silent
                    break
            connection.task.cancel()
            opened[1].transport.abort()

    async def timed(self, channel, work, what=""):
        """What it gives; None, and counted as lost, when it fails."""
        phase, began = self.phase, time.monotonic()
        phase.waiting += 1
        phase.asked[channel] += 1
        try:
            result = await asyncio.wait_for(work, PATIENCE * self.options["slower"])
            took = time.monotonic() - began
            phase.add(channel, took, self.starvation.between(began, channel))
            return result
        except (OSError, EOFError, ValueError, ssl.SSLError, asyncio.TimeoutError) as why:
            phase.lost[channel] += 1
            phase.examples.append(f"lost: {channel} {what}: {type(why).__name__} {why}")
            return None
        finally:
            phase.waiting -= 1

    async def page(self):
        async def view():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports["page"], ssl=tls_context("http/1.1"),
                                                           server_hostname="www.page.example", local_addr=(ADDRESS, 0))
            try:
                writer.write(b"GET / HTTP/1.1\r\nHost: www.page.example\r\nConnection: close\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                content = await reader.read()
            finally:
                writer.transport.abort()
            if not head.startswith(b"HTTP/1.1 ") or len(content) < 500:
                raise ValueError(f"no page: {head[:60]!r}")
        while True:
            await self.timed("page", view())
            await asyncio.sleep(PAGE_EVERY)

    async def push(self):
        pushes = Pushes(self.options["control"], self.ports["dns"])

        async def change(number):
            status, answer = await pushes.request("PATCH", {"add": [f"i{number}.pushed.example"], "remove": [f"i{number - 1}.pushed.example"]})
            if status != 200:
                raise ValueError(f"{status} {answer[:200]}")
        for number in itertools.count(1):
            await self.timed("push", change(number))
            await asyncio.sleep(PUSH_EVERY)

    async def commands(self):
        loop = asyncio.get_running_loop()
        before = time.monotonic(), self.starvation.total
        while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
            over, self.phase = self.phase, Phase(line.split()[1])
            deadline = time.monotonic() + 2 * PATIENCE * self.options["slower"]
            while over.waiting > 0 and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            now = time.monotonic(), self.starvation.total
            share = (now[1] - before[1]) / max(0.001, now[0] - before[0])
            before = now
            print(json.dumps(over.report() | {"starved": round(share, 2)}), flush=True)

    async def run(self):
        clients.PATIENCE = RETRY * self.options["slower"]
        channels = self.options["channels"]
        keep(self.starve())
        if "udp" in channels:
            keep(self.udp())
        for kind in ("tcp", "dot", "doh"):
            if kind in channels:
                keep(self.stream(kind, "connect" in channels))
        for kind in ("page", "push"):
            if kind in channels:
                keep(getattr(self, kind)())
        await self.commands()


_kept = set()


def keep(work):
    """A task that nobody waits for; what breaks in it ends the program."""
    task = asyncio.ensure_future(work)
    _kept.add(task)

    def done(ended):
        _kept.discard(ended)
        if not ended.cancelled() and ended.exception() is not None:
            print(json.dumps({"broken": repr(ended.exception())}), flush=True)
            os._exit(1)
    task.add_done_callback(done)


if __name__ == "__main__":
    logging.disable()
    asyncio.run(Innocent(json.loads(sys.argv[1])).run())
