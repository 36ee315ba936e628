"""What line_recorder.cpp has written: its file, and names for the addresses in it."""
import bisect
import mmap
import re
import subprocess
from collections import namedtuple
from pathlib import Path

# As in line_recorder.cpp.
FRAMES, THREADS, LINES = 13, 16, 1 << 16
LINE_BYTES, HEAD = 256, 256
THREAD_BYTES = HEAD + LINES * LINE_BYTES

ROOT = Path(__file__).resolve().parents[2]

# How often, a bit for each byte of the line, and the return addresses of the first time, innermost first.
Access = namedtuple("Access", "count bytes frames")


class Recording:
    """A file that a program started with CENOTE_LINES=path writes into while a window is open."""

    def __init__(self, path):
        self.path = Path(path)
        with open(self.path, "wb") as out:
            out.truncate(HEAD + THREADS * THREAD_BYTES)
        with open(self.path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)
        self.words = memoryview(self.bytes).cast("Q")

    def open_window(self, number):
        memoryview(self.bytes).cast("I")[0] = number

    def close_window(self):
        self.open_window(0)

    def threads(self):
        """Of each thread: the return addresses of its outermost calls. Raises if one had no room for its lines."""
        found = []
        for index in range(memoryview(self.bytes).cast("I")[1]):
            start = (HEAD + index * THREAD_BYTES) // 8
            if self.words[start]:
                raise RuntimeError(f"{self.words[start]} lines of a thread had no room")
            found.append([pc for pc in self.words[start + 1 : start + 32] if pc])
        return found

    def lines(self, window):
        """{address: {thread: (read, written)}}, each an Access or None."""
        found = {}
        for index in range(len(self.threads())):
            start = (2 * HEAD + index * THREAD_BYTES) // 8
            keys = self.words[start : start + LINES * LINE_BYTES // 8 : LINE_BYTES // 8].tolist()
            for at, key in enumerate(keys):
                if key >> 48 == window and key:
                    line = self.words[start + at * LINE_BYTES // 8 :][: LINE_BYTES // 8].tolist()
                    address = (key & (1 << 48) - 1) * 64
                    found.setdefault(address, {})[index] = tuple(self._access(line, kind) for kind in (0, 1))
        return found

    @staticmethod
    def _access(line, kind):
        if line[1 + kind] == 0:
            return None
        first = 5 + kind * FRAMES
        return Access(line[1 + kind], line[3 + kind], tuple(pc for pc in line[first : first + FRAMES] if pc))


class Program:
    """Names for the addresses of a running program."""

    def __init__(self, pid, binary):
        self.binary = Path(binary).resolve()
        self.maps = []
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            begin, end = (int(each, 16) for each in fields[0].split("-"))
            self.maps.append((begin, end, fields[5] if len(fields) > 5 else ""))
        self.base = min(begin for begin, _, name in self.maps if name == str(self.binary))
        self.known = {}
        symbols = subprocess.run(["nm", "-nC", "--defined-only", self.binary], capture_output=True, text=True).stdout
        rows = (line.split(maxsplit=2) for line in symbols.splitlines())
        self.data = [(int(at, 16), name) for at, kind, name in rows if kind in "bBdDrRuVv"]

    def _map_of(self, address):
        return next((name for begin, end, name in self.maps if begin <= address < end), None)

    def learn(self, addresses):
        """Asks addr2line once for all of them."""
        new = [pc for pc in set(addresses) if pc not in self.known]
        ours = [pc for pc in new if self._map_of(pc) == str(self.binary)]
        for pc in set(new) - set(ours):
            self.known[pc] = (f"({Path(self._map_of(pc) or '?').name})", "")
        asked = "\n".join(hex(pc - 1 - self.base) for pc in ours)  # the call, not what comes after it
        answer = subprocess.run(["addr2line", "-fC", "-e", self.binary], input=asked, capture_output=True, text=True)
        rows = answer.stdout.splitlines()
        for pc, function, place in zip(ours, rows[::2], rows[1::2]):
            self.known[pc] = (function, place)

    def function(self, frames):
        """The innermost one of our own sources, with its line; or the innermost of all."""
        for pc in frames:
            function, place = self.known[pc]
            if place.startswith(str(ROOT)) and "/tests/lines/line_recorder" not in place:
                where = re.sub(r" \(.*", "", place[len(str(ROOT)) + 1 :])
                return f"{short(function)} ({where})"
        return short(self.known[frames[0]][0]) if frames else "?"

    def role(self, frames):
        """A thread is called after the class of ours that began it."""
        for pc in frames:
            if found := re.search(r"\bcenote::(?:\w+::|\(anonymous namespace\)::)*?([A-Z]\w*)::", self.known[pc][0]):
                return found[1]
        return "main"

    def memory(self, address):
        """What lies at an address: a variable's name, or in which part of memory it is."""
        name = self._map_of(address)
        if name not in ("", str(self.binary)):
            return name or "memory"
        at = bisect.bisect_right(self.data, (address + 63 - self.base, "\U0010ffff")) - 1
        if 0 <= at and self._map_of(self.base + self.data[at][0]) is not None and self._in_binary(address):
            return short(self.data[at][1])
        return "memory"

    def _in_binary(self, address):
        last = max(end for _, end, name in self.maps if name == str(self.binary))
        # What a program's variables begin with 0 in has no file behind it, but follows it.
        return self.base <= address < max([last] + [end for begin, end, name in self.maps if begin == last and not name])


def short(function):
    """Without parameters and template arguments."""
    depth, kept = 0, []
    for char in function.replace("(anonymous namespace)::", "").replace("{lambda", "lambda").replace("operator()", "call"):
        depth += char in "<("
        if depth == 0:
            kept.append(char)
        depth -= char in ">)"
    return re.sub(r"lambda#?\d*}?", "lambda", "".join(kept)).replace("cenote::", "").replace(" const", "").strip()
