#!/usr/bin/env python3
"""Shows which cache lines threads share while Cenote answers: its workers are asked blocked, cached and forwarded names in
turn, and every line that one thread writes and another reads or writes is listed, by who did it.

Exits 1 if two workers share a line that one of them writes, but for questions that go upstream: those change the cache
and the table of questions that are under way, which all workers have in common (docs/decisions/0013-one-cache.md)."""
import argparse
import itertools
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench"), str(HERE.parent / "conformance")]
import dns_servers  # noqa: E402
import wire  # noqa: E402
from recorded import Program, Recording  # noqa: E402

QUESTIONS = 3000
SOCKETS = 64  # each is one worker's, by the kernel's hash of its ports
IN_FLIGHT = 4  # of each socket: several come in a batch
MAY_SHARE = {"forwarded"}


def shared_lines(recording, window):
    """Pairs of accesses, (address, writer, Access, other, Access), one for each two threads of a line."""
    for address, by in sorted(recording.lines(window).items()):
        for one, other in itertools.combinations(sorted(by), 2):
            if by[one][1] is None:
                one, other = other, one
            if by[one][1] is not None:
                yield address, one, by[one][1], other, by[other][1] or by[other][0]


class Table:
    """Shared lines, grouped by who writes and who is the other."""

    def __init__(self, recording, program, window):
        found = list(shared_lines(recording, window))
        threads = recording.threads()
        program.learn(pc for frames in threads for pc in frames)
        program.learn(pc for row in found for access in (row[2], row[4]) for pc in access.frames)
        roles = [program.role(frames) for frames in threads]
        self.workers = [index for index, role in enumerate(roles) if role == "Worker"]
        self.groups = {}
        for address, writer, write, other, access in found:
            key = (roles[writer], program.function(write.frames), roles[other], program.function(access.frames))
            group = self.groups.setdefault(key, {"lines": {}, "writes": 0, "others": 0, "same": False})
            group["lines"][address] = program.memory(address)
            group["writes"] += write.count
            group["others"] += access.count
            group["same"] |= write.bytes & access.bytes != 0

    def between_workers(self):
        return {key: group for key, group in self.groups.items() if key[0] == key[2] == "Worker"}

    def with_others(self):
        return {key: group for key, group in self.groups.items() if (key[0] == "Worker") != (key[2] == "Worker")}


def show(groups):
    for (writer, write, other, access), group in sorted(groups.items(), key=lambda item: -item[1]["writes"]):
        count, how = len(group["lines"]), "the same bytes" if group["same"] else "neighbours"
        places = Counter(group["lines"].values()).most_common(1)[0][0]
        print(f"  {count:5} lines, {how}, in {places}\n"
              f"        {writer:8} writes {group['writes']:7} times: {write}\n"
              f"        {other:8}        {group['others']:7} times: {access}")


def self_check(build, folder):
    """The recorder finds what two threads share, by whatever way they write it, and nothing else."""
    binary = build / "tests/lines_self_check"
    recording = Recording(folder / "self_check")
    child = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env={**os.environ, "CENOTE_LINES": str(recording.path)})
    recording.open_window(1)
    child.stdin.write(b"\n")
    child.stdin.flush()
    child.stdout.readline()
    recording.close_window()
    table = Table(recording, Program(child.pid, binary), 1)
    child.communicate(b"\n")
    found = {name for group in table.between_workers().values() for name in group["lines"].values()}
    wanted = {f"lines::shared_{each}" for each in ("counters", "word", "atomic", "copy", "mutex")}
    if found != wanted:
        show(table.between_workers())
        sys.exit(f"the recorder does not see what it should: found {sorted(found)}, wanted {sorted(wanted)}")
    print("the recorder finds the five lines that two threads of a test program share, and no other")


class Upstream:
    """Answers any question at once."""

    def __init__(self):
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            question, peer = self.socket.recvfrom(4096)
            end = question.index(0, 12) + 5
            answer = wire.rr(b"\xc0\x0c", wire.A, b"\xc0\0\2\1", 3600)
            head = question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
            self.socket.sendto(head + question[12:end] + answer, peer)


def ask_all(port, names):
    """From many ports, several in flight from each; every answer is awaited."""
    ahead = iter(names)
    waiting, answered = {}, 0
    with selectors.DefaultSelector() as selector:
        for _ in range(SOCKETS):
            client = socket.socket(type=socket.SOCK_DGRAM)
            client.connect(("127.0.0.1", port))
            selector.register(client, selectors.EVENT_READ)
            waiting[client] = 0
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for client in waiting:
                if waiting[client] == 0:
                    for name in itertools.islice(ahead, IN_FLIGHT):
                        client.send(wire.query(name, id=waiting[client]))
                        waiting[client] += 1
            if not any(waiting.values()):
                break
            for key, _ in selector.select(5):
                if key.fileobj.recv(4096)[3] & 15 in (wire.NOERROR, wire.NXDOMAIN):
                    answered += 1
                waiting[key.fileobj] -= 1
    for client in waiting:
        client.close()
    return answered


def traffic():
    """What is listed, what is asked before the windows, and what in each."""
    listed = [f"listed-{i}.example" for i in range(QUESTIONS)]
    benign = [f"benign-{i}.test" for i in range(QUESTIONS // 10)]
    fresh = [f"fresh-{i}.{name}" for i in range(20) for name in benign]
    return listed, benign, {"blocked": listed, "cached": benign * 10, "forwarded": fresh[:QUESTIONS]}, fresh[QUESTIONS:]


def watch_daemon(build, folder, workers, brief):
    """True: workers share nothing that one of them writes where they must not."""
    binary = build / "tests/lines_cenote"
    recording = Recording(folder / "cenote.lines")
    dns_servers.Cenote.binary, dns_servers.Cenote.workers = binary, workers
    server = dns_servers.Cenote(folder / "cenote", Upstream().port, None)
    server.prefix = ["env", f"CENOTE_LINES={recording.path}"]
    listed, benign, windows, warm = traffic()
    clean = True
    server.start(listed)
    try:
        for _ in range(8):  # the first hits of an answer are noted in it
            ask_all(server.port, benign)
        ask_all(server.port, warm + listed)
        for number, (kind, names) in enumerate(windows.items(), 1):
            # What the last traffic left to the recorder, and its sockets to upstreams, which close a second later.
            time.sleep(2)
            recording.open_window(number)
            answered = ask_all(server.port, names)
            time.sleep(0.1)
            recording.close_window()
            if answered != len(names):
                sys.exit(f"{kind}: {answered} of {len(names)} questions were answered")
        program = Program(server.process.pid, binary)
    finally:
        server.stop()
    for number, kind in enumerate(windows, 1):
        table = Table(recording, program, number)
        if len(table.workers) != workers:
            sys.exit(f"{kind}: only {len(table.workers)} of {workers} workers had questions")
        clean &= report(table, recording.lines(number), kind, brief)
    return clean


def report(table, lines, kind, brief):
    touched = [sum(index in by for by in lines.values()) for index in table.workers]
    written = [sum(by[index][1] is not None for by in lines.values() if index in by) for index in table.workers]
    if min(written) * 5 < max(written):
        sys.exit(f"{kind}: a worker had too little to do: they wrote {written} lines")
    between = table.between_workers()
    others = table.with_others()
    print(f"\n{kind}: {QUESTIONS} answers by {len(touched)} workers, which touched {touched} lines and wrote {written} of them")
    count = len({address for group in between.values() for address in group["lines"]})
    print(f"  lines that one worker writes and another touches: {count}")
    if not brief or kind not in MAY_SHARE:
        show(between)
    count = len({address for group in others.values() for address in group["lines"]})
    print(f"  lines between a worker and another thread, one of which writes: {count}")
    if not brief:
        show(others)
    return not between or kind in MAY_SHARE


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--brief", action="store_true", help="only the numbers, and what must not be")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cenote-lines-") as name:
        self_check(options.build, Path(name))
        clean = watch_daemon(options.build, Path(name), options.workers, options.brief)
    if not clean:
        sys.exit("workers share cache lines that one of them writes")


if __name__ == "__main__":
    main()
