#!/usr/bin/python3
"""./dev soak: everything at once, for as long as you like, and the accounts at the end.

Clients ask over UDP, TCP, TLS and HTTPS; others connect and vanish in the middle of what they say; the upstream servers
come and go; a list changes every second; now and then the configuration is read again. At the end nothing may be left:
no descriptor, no memory, no question of a client that waited, no change that was acknowledged and not in force."""
import argparse
import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # the sources' folder stays as it is
import flapping  # noqa: E402
from clients import TRANSPORTS, Tally, all_clients, warm_up  # noqa: E402
from pushes import Pushes  # noqa: E402
from vanishing import GONE, vanishing_client  # noqa: E402
from watched import Watched, free_port  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CALM = 12  # seconds before the end in which the upstreams stay well: what waits for them ends by itself
SETTLING = 60  # seconds in which the server has given back what it does not need


def arguments():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__.split("\n")[0])
    parser.add_argument("seconds", nargs="?", type=int, default=600, help="default 600")
    parser.add_argument("--binary", default=os.environ.get("CENOTE_BINARY", ROOT / "build/release/cenote"))
    parser.add_argument("--clients", type=int, default=40, help="clients that stay, of each transport, and four times as many over UDP (default 40)")
    parser.add_argument("--vanishing", type=int, default=40, help="clients that do not (default 40)")
    parser.add_argument("--pause", type=float, default=0.1, help="mean seconds between two questions of one client")
    parser.add_argument("--seed", type=int, default=1, help="of the upstreams' moods")
    return parser.parse_args()


def say(text):
    print(text, flush=True)


class Soak:
    def __init__(self, options, folder):
        self.options = options
        self.tally, self.idle = Tally(), Tally()
        plain = [free_port(), free_port()]
        encrypted = free_port()
        self.server = Watched(str(Path(options.binary).resolve()), folder, plain, encrypted)
        self.pushes = Pushes(str(self.server.control), self.server.ports["dns"])
        self.seeds = [options.seed, options.seed + 1, options.seed + 2]
        self.start = time.monotonic()
        self.calm_after = 0
        self.plain, self.encrypted = plain, encrypted
        self.upstream = None
        self.memory = []  # (seconds since the load began, MiB of its own)
        self.failures = []

    def open_upstream(self, start, calm_after):
        """Anew with another schedule; its ports stay."""
        self.close_upstream()
        self.start, self.calm_after = start, calm_after
        self.upstream = multiprocessing.get_context("spawn").Process(
            target=flapping.serve, daemon=True,
            args=(list(zip(self.plain, self.seeds)), [(self.encrypted, self.seeds[2])], start, calm_after, self.server.certificate))
        self.upstream.start()
        time.sleep(1)

    def close_upstream(self):
        if self.upstream is not None:
            self.upstream.terminate()
            self.upstream.join()

    def moods(self):
        since = time.monotonic() - self.start
        return "/".join(flapping.mood_at(seed, since, self.calm_after) for seed in self.seeds)

    async def quiet(self):
        """What a server does that has little to do: a few questions on every transport, and nothing for a while."""
        clients = [asyncio.ensure_future(client) for client in
                   all_clients(self.server.ports, self.idle, 0.05, dict.fromkeys(TRANSPORTS, 1))]
        await asyncio.sleep(3)
        await end(clients)

    async def settle(self):
        """Until no connection is open, or the time for it is over."""
        deadline = time.monotonic() + SETTLING
        while time.monotonic() < deadline:
            found = self.server.descriptors()
            if found["tcp"] == 0 and found["udp"] == 0:
                break
            await asyncio.sleep(1)
        return self.server.descriptors()

    async def watch(self, began):
        last, last_answered = began, self.tally.answered.copy()
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            if not self.server.is_alive():
                raise SystemExit(f"THE SERVER DIED, {self.server.process.returncode}\n{self.server.log()[-8000:]}")
            own, resident = self.server.memory()
            self.memory.append((now - began, own))
            if now - last < 10:
                continue
            rates = " ".join(f"{kind} {(self.tally.answered[kind] - last_answered[kind]) / (now - last):.0f}" for kind in TRANSPORTS)
            say(f"{now - began:5.0f} s  answers/s: {rates}  lost {self.tally.lost.total()}  wrong {self.tally.wrong.total()}  "
                f"pushes {self.pushes.done}  gone {GONE.total()}  memory {own:.0f} ({resident:.0f}) MiB  "
                f"descriptors {self.server.descriptors().total()}  upstreams {self.moods()}")
            last, last_answered = now, self.tally.answered.copy()

    async def watch_the_machine(self):
        """What the server's slowest thread and this process had to wait for a processor counts as nobody's time."""
        loop = asyncio.get_running_loop()
        before = self.server.starved()
        while True:
            began = loop.time()
            await asyncio.sleep(0.2)
            late = loop.time() - began - 0.2
            now = self.server.starved()
            for tally in (self.tally, self.idle):
                tally.starved += max(0, late) + max(0, now - before)
            before = now

    async def reload_now_and_then(self):
        while True:
            await asyncio.sleep(17)
            self.server.reload()

    async def load(self):
        options = self.options
        began = time.monotonic()
        self.open_upstream(began, options.seconds - CALM)
        stay = [asyncio.ensure_future(one) for one in all_clients(
            self.server.ports, self.tally, options.pause, dict.fromkeys(TRANSPORTS, options.clients) | {"udp": 4 * options.clients})]
        others = [asyncio.ensure_future(vanishing_client(self.server.ports, f"127.1.0.{1 + i % 250}"))
                  for i in range(options.vanishing)]
        others += [asyncio.ensure_future(work) for work in (self.pushes.run(), self.reload_now_and_then())]
        watch = asyncio.ensure_future(self.watch(began))
        everything = [watch, *stay, *others]
        done, _ = await asyncio.wait(everything, timeout=options.seconds, return_when=asyncio.FIRST_EXCEPTION)
        await end(everything)
        for task in done:
            task.result()  # what broke here is told, not passed over

    async def run(self):
        say(f"{self.server.binary}{', with sanitizers' if self.server.is_sanitized else ''}: {self.options.seconds} s of load")
        self.open_upstream(time.monotonic(), 0)
        self.server.start()
        machine = asyncio.ensure_future(self.watch_the_machine())
        say("warming up: hot names on every worker, a history full of hits")
        warm_up(self.server.ports["dns"])
        await self.pushes.change()  # the first opens a journal
        await self.quiet()
        before = await self.settle()
        threads = self.server.threads()
        say(f"before: {dict(sorted(before.items()))}, {threads} threads, memory {self.server.memory()[0]:.0f} MiB")
        await self.load()
        dropped = self.server.dropped()
        say("settling")
        await self.quiet()
        after = await self.settle()
        own = self.server.memory()[0]
        say(f"after:  {dict(sorted(after.items()))}, {self.server.threads()} threads, memory {own:.0f} MiB")
        await end([machine])
        self.judge(before, after, threads, own, dropped)

    def judge(self, before, after, threads, own, dropped):
        tally, pushes = self.tally, self.pushes
        say("")
        self.verdict(tally.answered.total() > 20 * self.options.seconds, f"{tally.answered.total()} answers: "
                     + ", ".join(f"{tally.answered[kind]} {kind}" for kind in TRANSPORTS) + f"; the slowest after {tally.slowest:.1f} s"
                     + (f"; the machine kept them waiting for {tally.starved:.1f} s in all" if tally.starved > 1 else ""))
        self.verdict(sum(GONE.values()) > 2 * self.options.seconds, f"{GONE.total()} clients vanished, in {len(GONE)} ways")
        # A question for which the kernel had no room never came.
        self.verdict(tally.lost.total() - tally.lost["udp"] == 0 and tally.lost["udp"] <= dropped,
                     f"{tally.lost.total()} answers owed and not given ({dropped} datagrams dropped by the kernel)")
        # With a processor at hand no client is silent for so long that its connection is closed.
        self.verdict(not tally.again or tally.starved > 5, f"{tally.again.total()} questions asked again for their connection was closed")
        self.verdict(not tally.wrong, f"{tally.wrong.total()} answers wrong" + "".join(f"\n        {n} {what}" for what, n in tally.wrong.items()))
        self.verdict(not self.idle.lost and not self.idle.wrong, "every question before and after the load was answered rightly")
        self.verdict(pushes.failed == 0 and pushes.done > self.options.seconds // 4,
                     f"{pushes.done} pushes, {pushes.failed} failed or not in force; the slowest took {pushes.slowest:.2f} s; "
                     f"{pushes.late} were in force up to 0.25 s late")
        left = {kind: (before[kind], after[kind]) for kind in after if after[kind] > before[kind]}
        self.verdict(not left, f"descriptors: {before.total()} before, {after.total()} after" + (f"; left: {left}" if left else ""))
        self.verdict(self.server.threads() <= threads, f"{threads} threads before, {self.server.threads()} after")
        self.judge_memory(own)
        self.judge_end()
        for example in tally.examples + self.idle.examples + pushes.faults:
            say(f"        {example}")

    def judge_memory(self, own):
        if self.server.is_sanitized:
            return  # LeakSanitizer knows better
        seconds = self.options.seconds
        middle = max((mib for at, mib in self.memory if 0.4 * seconds <= at <= 0.6 * seconds), default=0)
        last = max((mib for at, mib in self.memory if at >= 0.75 * seconds), default=0)
        allowed = middle * 1.1 + 4
        self.verdict(own <= allowed and last <= allowed, f"memory of its own: {middle:.1f} MiB at most in the middle of the load, "
                     f"{last:.1f} in its last quarter, {own:.1f} after it (allowed {allowed:.1f})")

    def judge_end(self):
        code = self.server.stop()
        log = self.server.log()
        bad = [line for line in log.splitlines() if "ERROR:" in line or "runtime error" in line or "SUMMARY:" in line]
        self.verdict(code == 0 and not bad, f"ended with {code}" + (", no report of a sanitizer" if self.server.is_sanitized and not bad else ""))
        if bad or code != 0:
            say(log[-6000:])

    def verdict(self, holds, text):
        say(f"  {'ok  ' if holds else 'FAIL'}  {text}")
        if not holds:
            self.failures.append(text)


async def end(tasks):
    """Again and again: asyncio.wait_for() may swallow a cancellation that comes with its result."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.5)


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended, too
    logging.disable()  # asyncio's own words about connections that broke
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        soak = Soak(options, folder)
        try:
            asyncio.run(soak.run())
        finally:
            soak.close_upstream()
            if soak.server.process is not None and soak.server.is_alive():
                soak.server.process.kill()
    say(f"\n{'PASSED' if not soak.failures else 'FAILED: ' + str(len(soak.failures)) + ' of the above'}")
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())
