"""What a scenario is, what it has at hand, and what must hold at the end of each."""
import json
import math
import multiprocessing
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import ports
from target import REPORTS, Target

HERE = Path(__file__).resolve().parent
SLOWER = float(os.environ.get("CENOTE_SLOWER", "1"))  # how many times slower a binary with sanitizers may be
# Milliseconds within which 99 of 100 answers come, on a quiet machine; on another, five times what they take when nobody attacks.
QUIET_P99 = {"dns": 50, "connect": 300, "page": 400, "push": 500}
TIMES_IDLE = 5
SANITIZED_MEMORY = 8  # times the bound: redzones, the quarantine, and a pool of its own for each size
ALL = ("udp", "tcp", "dot", "doh", "connect", "page", "push")
NICE = int(os.environ.get("CENOTE_NICE", "10"))  # an attacker's processor is not the server's; 0 where others keep the machine busy
SCENARIOS = {}
_fork = multiprocessing.get_context("fork")


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


class Definition:
    def __init__(self, function, options):
        self.function, self.options = function, options
        self.name = f"{function.__module__}.{function.__name__}"
        self.says = " ".join(function.__doc__.split())

    def __getattr__(self, key):
        return self.options[key]

    @property
    def server(self):
        """Scenarios of the same may share one."""
        return self.alone, tuple(sorted(self.site.items())), self.channels, self.descriptors, self.workers


def scenario(memory=32, site=None, channels=ALL, seconds=(2, 6), alone=False, descriptors=0, workers=0, quick=True, bounds=None):
    """`memory`: MiB that it may grow by. `seconds`: of the attack, in the quick run and the long one. `alone`: it starts servers
    by itself, without an innocent client. `bounds`: instead of QUIET_P99's. `quick`: whether CI runs it."""
    options = dict(memory=memory, site=site or {}, channels=channels, seconds=seconds, alone=alone, descriptors=descriptors,
                   workers=workers, quick=quick, bounds=bounds or {})

    def keep(function):
        definition = Definition(function, options)
        SCENARIOS[definition.name] = definition
        return function
    return keep


class Attack:
    """What an attacking process has: where to, until when, and a count of what it did."""

    def __init__(self, target_ports, seconds, seed, extra):
        self.ports, self.until, self.random = target_ports, time.monotonic() + seconds, random.Random(seed)
        self.count = Counter()
        self.extra = extra

    def goes_on(self):
        return time.monotonic() < self.until

    @property
    def left(self):
        return max(0.01, self.until - time.monotonic())


def _attacker(pipe, function, attack, arguments):
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        function(attack, *arguments)
        pipe.send((dict(attack.count), None))
    except BaseException:  # told by whoever waits for it
        pipe.send((dict(attack.count), traceback.format_exc()))
    os._exit(0)


class Innocents:
    """The innocent client's process."""

    def __init__(self, target, upstream_pid, channels):
        options = {"server": target.process.pid, "upstream": upstream_pid, "ports": target.ports, "control": str(target.control),
                   "channels": channels, "slower": SLOWER}
        self.process = subprocess.Popen([sys.executable, str(HERE / "innocent.py"), json.dumps(options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        time.sleep(0.7 * max(1, SLOWER / 2))  # connections are opened, the hot names cached
        self.begin("warm")
        time.sleep(0.5)

    def begin(self, phase):
        """Gives the account of the phase before; waits for answers that are still owed."""
        self.process.stdin.write(f"phase {phase}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line or "broken" in json.loads(line):
            raise RuntimeError(f"the innocent client broke: {line}")
        return json.loads(line)

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:  # it has gone before it read all
                pass


class Machinery:
    """What scenarios share: the binary, the upstreams, a server that stays while the site is the same."""

    def __init__(self, options):
        self.options = options
        self.upstream_ports = [ports.free_port(), ports.free_port()]
        self.upstreams = [subprocess.Popen([sys.executable, str(HERE / "bad_upstream.py"), str(port)], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, text=True) for port in self.upstream_ports]
        for upstream in self.upstreams:
            upstream.stdout.readline()
        self.target = self.innocents = self.idle = self.key = None
        self.targets, self.folders, self.faults = [], [], []
        self.served = []  # the scenarios that this server has been through
        self.is_tainted = False  # the last of them failed: the next one shall not suffer for it

    def new_target(self, **options):
        folder = Path(tempfile.mkdtemp(prefix="hostile-"))
        folder.chmod(0o755)
        self.folders.append(folder)
        self.targets.append(Target(self.options.binary, folder, self.upstream_ports, **{"workers": self.options.workers} | options))
        return self.targets[-1]

    def serve(self, definition):
        """The server for this scenario: the last one's if it has that site, is alive and well."""
        if self.target is not None and (self.key != definition.server or not self.target.is_alive() or self.is_tainted or self.options.fresh):
            self.stop()
        if self.target is None:
            self.key = definition.server
            self.target = self.new_target(site=definition.site, descriptors=definition.descriptors,
                                          workers=definition.workers or self.options.workers)
            self.target.start()
            self.innocents = Innocents(self.target, self.upstreams[0].pid, definition.channels)
            self.idle, self.served, self.is_tainted = None, [], False
        self.served.append(definition.name)
        if self.idle is None or not self.options.quick:
            self.innocents.begin("idle")
            time.sleep(2 if self.options.quick else 3)
            self.idle = self.innocents.begin("rest")
        return self.target

    def stop(self):
        """Ends the server as an operator does, and keeps what is wrong with its end (a leak, say)."""
        if self.target is None:
            return
        target, self.target = self.target, None
        self.innocents.close()
        if self.is_tainted:
            target.kill()
        elif target.is_alive():
            code = target.stop()
            if code != 0 or target.reports():
                self.faults.append(f"after {', '.join(self.served)}: SIGTERM, and it ended with {code}\n" + "\n".join(target.reports()[:3])
                                   + f"\n{target.log()[-3000:]}")
        target.remove()

    def close(self):
        if self.innocents is not None:
            self.innocents.close()
        for target in self.targets:
            target.kill()
        for upstream in self.upstreams:
            upstream.kill()
            upstream.wait()
        for folder in self.folders:
            subprocess.run(["rm", "-rf", str(folder)], check=False)


class Stage:
    """One run of one scenario."""

    def __init__(self, definition, machinery):
        self.definition, self.machinery, self.options = definition, machinery, machinery.options
        self.seconds = self.options.seconds or definition.seconds[0 if self.options.quick else 1]
        self.random = random.Random(f"{self.options.seed} {definition.name}")
        self.attackers, self.count, self.faults, self.figures = [], Counter(), [], {}
        self.kept = []
        self.target = None
        self.most_memory = self.memory_before = self.most_descriptors = 0
        self.log_before = 0
        self.starved = 0.0  # the share of the time for which the server, or who measures it, had no processor

    @property
    def is_quick(self):
        return self.options.quick

    @property
    def ports(self):
        return self.target.ports

    def rounds(self, quick, long):
        return self.options.rounds or (quick if self.options.quick else long)

    # What scenarios use.

    def attack(self, function, *arguments, count=1, **extra):
        """`count` processes that run function(Attack, *arguments) for the scenario's seconds."""
        for _ in range(count):
            ours, theirs = _fork.Pipe()
            attack = Attack(self.ports, self.seconds, self.random.getrandbits(32), extra)
            process = _fork.Process(target=_attacker, args=(theirs, function, attack, arguments), daemon=True)
            process.start()
            theirs.close()
            self.attackers.append((process, ours))

    def storm(self, work=None):
        """Until the attackers are done. `work`: what else is done meanwhile, again and again; it gives the pause until next time."""
        deadline = time.monotonic() + self.seconds + 20 * SLOWER
        due = 0
        while self.attackers or (work is not None and time.monotonic() < deadline - 20 * SLOWER):
            if not self.target.is_alive():
                raise Failed(self.obituary())
            self.look()
            if work is not None and time.monotonic() >= due and time.monotonic() < deadline - 20 * SLOWER:
                due = time.monotonic() + work()
            for process, pipe in list(self.attackers):
                if pipe.poll(0):
                    self.gather(process, pipe)
                elif time.monotonic() > deadline:
                    process.kill()
                    process.join()
                    self.attackers.remove((process, pipe))
            time.sleep(0.01 if work is not None else 0.05)

    def gather(self, process, pipe):
        try:
            count, broken = pipe.recv()
        except EOFError:
            count, broken = {}, "an attacker ended without a word"
        self.count.update(count)
        self.attackers.remove((process, pipe))
        process.join()
        pipe.close()
        if broken:
            raise RuntimeError(f"the attacker broke:\n{broken}")

    def look(self):
        self.most_memory = max(self.most_memory, self.target.resident())
        try:
            self.most_descriptors = max(self.most_descriptors, self.target.open_descriptors())
        except OSError:
            pass

    def api(self, *arguments, **options):
        """As Target.api; the status is 0 when no answer came."""
        try:
            return self.target.api(*arguments, **options)
        except OSError as why:
            return 0, str(why)

    def expect(self, holds, text):
        if not holds:
            self.faults.append(text)
        return holds

    def skip(self, why):
        raise Skipped(why)

    def log(self):
        return self.target.log()[self.log_before:]

    def expect_log(self, pattern, text):
        self.expect(re.search(pattern, self.log()), text)

    def expect_counted(self, *names):
        """That one of these counters of /metrics went up."""
        now = self.target.counters()
        self.expect(any(now.get(name, 0) > self.counters.get(name, 0) for name in names), f"none of {', '.join(names)} in /metrics went up")

    def new_target(self, **options):
        target = self.machinery.new_target(**options)
        self.kept.append(target)
        return target

    # What run.py uses.

    def obituary(self):
        code = self.target.process.poll()
        what = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        lines = self.target.log().splitlines()
        report = next((at for at, line in enumerate(lines) if any(mark in line for mark in REPORTS)), None)
        words = lines[report:report + 25] if report is not None else [line[:300] for line in lines[-6:]]
        return f"THE SERVER DIED: {what}; its last words:\n" + "\n".join(words)

    def perform(self):
        definition = self.definition
        if definition.alone:
            try:
                definition.function(self)
                for target in self.kept:
                    self.expect(not target.reports(), "a sanitizer's report: " + "\n".join(target.reports()[:3]))
            finally:
                self.dismiss()
                for target in self.kept:
                    target.remove()
            return
        self.target = self.machinery.serve(definition)
        self.log_before = len(self.target.log())
        self.counters = self.target.counters()
        self.memory_before = self.most_memory = self.target.resident()
        dropped = self.target.dropped()
        self.machinery.innocents.begin("attack")
        try:
            definition.function(self)
            if self.target.is_alive():
                self.storm()
        finally:
            self.dismiss()
        time.sleep(0.3)
        if not self.target.is_alive():
            raise Failed(self.obituary())
        self.look()
        self.judge(self.machinery.innocents.begin("rest"), self.target.dropped() - dropped)

    def dismiss(self):
        for process, pipe in self.attackers:
            process.kill()
            process.join()
            pipe.close()
        self.attackers = []

    def judge(self, during, dropped):
        idle = self.machinery.idle
        self.starved = during["starved"]
        if self.starved >= 0.1:
            self.figures["starved"] = f"{self.starved:.0%}"
        self.judge_answers(during, dropped)
        self.figures["p99"] = f"{during['dns_p99']} ms ({during['dns_raw_p99']}, idle {idle['dns_p99']})"
        self.judge_time("dns", during["dns_p99"], idle["dns_p99"])
        for channel in ("connect", "page", "push"):
            if channel in during["channels"]:
                before = idle["channels"].get(channel, {}).get("p99")
                self.judge_time(channel, during["channels"][channel]["p99"], before)
                self.figures[channel] = f"{during['channels'][channel]['p99']} ms ({during['channels'][channel]['raw_p99']})"
        grown = self.most_memory - self.memory_before
        bound = self.definition.memory * (SANITIZED_MEMORY if self.target.is_sanitized else 1)
        self.figures["memory"] = f"+{grown:.0f} MiB"
        self.expect(grown <= bound, f"memory grew by {grown:.0f} MiB, more than {bound}")
        self.figures["descriptors"] = self.most_descriptors
        reports = self.target.reports(self.log_before)
        self.expect(not reports, "a sanitizer's report: " + "\n".join(reports[:3]))

    def judge_answers(self, during, dropped):
        """Of a datagram that the kernel had no room for nobody knows; of so many as its share of all let it lose, and no more."""
        udp = ("cached", "blocked", "forwarded")
        asked = sum(one["asked"] for one in during["channels"].values())
        lost = {channel: one["lost"] for channel, one in during["channels"].items() if one["lost"]}
        share = dropped / max(1, dropped + self.count["datagrams"] + asked)
        excused = math.ceil(2 * share * sum(during["channels"].get(c, {"asked": 0})["asked"] for c in udp)) + 1 if dropped else 0
        over_udp = sum(lost.get(channel, 0) for channel in udp)
        self.figures["answers"] = asked - sum(lost.values())
        self.figures["lost"] = sum(lost.values())
        if dropped:
            self.figures["dropped by the kernel"] = dropped
        self.expect(sum(lost.values()) - over_udp == 0 and over_udp <= excused,
                    f"lost {lost} of {asked}: {during['examples'][:3]}")
        wrong = {channel: one["wrong"] for channel, one in during["channels"].items() if one["wrong"]}
        self.expect(not wrong, f"wrong {wrong}: {during['examples'][:3]}")

    def judge_time(self, kind, p99, idle):
        floor = self.definition.bounds.get(kind, QUIET_P99[kind])
        bound = max(floor, TIMES_IDLE * (idle or 0)) * SLOWER
        if p99 is not None:
            self.expect(p99 <= bound, f"{kind}: p99 {p99} ms, more than {bound:.0f} (idle {idle})")
