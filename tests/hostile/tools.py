"""What attackers have in common: connections from an address of their own, and ways to fill them."""
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
import wire  # noqa: E402
from clients import DATA, GOAWAY, HEADERS, RST_STREAM, WINDOW_UPDATE, tls_context  # noqa: E402

CLIENT = "127.0.5.5"  # may ask
STRANGER = "127.1.0.5"  # may not
PAGE = "www.page.example"
WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


def tcp(port, source, timeout=5.0):
    connection = socket.socket()
    connection.settimeout(timeout)
    try:
        connection.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ports are many more then
        connection.bind((source, 0))
        connection.connect(("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return connection


def tls(port, source, alpn, timeout=5.0, sni=PAGE):
    plain = tcp(port, source, timeout)
    try:
        return tls_context(alpn).wrap_socket(plain, server_hostname=sni)
    except OSError:
        plain.close()
        raise


def opened(attack, kind, source, alpn="h2"):
    """A connection to the service of that name; None, and counted, when there is none to be had."""
    try:
        port = attack.ports["dns" if kind == "tcp" else kind]
        connection = (tcp(port, source, min(5.0, attack.left)) if kind in ("tcp", "page_http", "api")
                      else tls(port, source, "dot" if kind == "dot" else alpn, min(5.0, attack.left)))
    except OSError:
        attack.count["not let in"] += 1
        time.sleep(0.02)
        return None
    attack.count["connections"] += 1
    return connection


class Heard:
    """What an HTTP/2 server says of its own accord: how much may be sent, and that it has had enough."""

    def __init__(self):
        self.rest, self.window, self.has_gone_away = b"", 65_535, False

    def feed(self, data):
        self.rest += data
        while len(self.rest) >= 9 + int.from_bytes(self.rest[:3], "big"):
            size, kind, stream = int.from_bytes(self.rest[:3], "big"), self.rest[3], int.from_bytes(self.rest[5:9], "big")
            if kind == WINDOW_UPDATE and stream == 0:
                self.window += int.from_bytes(self.rest[9:13], "big")
            self.has_gone_away = self.has_gone_away or kind == GOAWAY
            self.rest = self.rest[9 + size:]


class Answers(Heard):
    """Counts the streams that have ended."""

    def __init__(self):
        super().__init__()
        self.ended = 0

    def feed(self, data):
        self.rest += data
        while len(self.rest) >= 9 + int.from_bytes(self.rest[:3], "big"):
            kind, flags = self.rest[3], self.rest[4]
            self.ended += kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & 1)
            self.rest = self.rest[9 + int.from_bytes(self.rest[:3], "big"):]


def pour(attack, connection, data, reads=True, heard=None):
    """Sends all of it, and drops what comes: "sent", "cut" by the server, or "over" with the time."""
    connection.setblocking(False)
    view, at = memoryview(data), 0
    while attack.goes_on():
        if at >= len(view):
            return "sent"
        moved = False
        try:
            sent = connection.send(view[at:at + 16384])
            at, moved = at + sent, True
            attack.count["bytes"] += sent
            if reads:
                got = connection.recv(65536)
                if heard is not None:
                    heard.feed(got)
                if not got:
                    return "cut"
        except WAITS:
            pass
        except OSError:
            return "cut"
        if not moved and not take(connection, reads, heard):
            return "cut"
    return "over"


def take(connection, reads, heard=None, wait=0.05):
    """Waits until something may go on, and takes what has come; False: the connection has ended."""
    select.select([connection] if reads else [], [connection] if not reads else [], [], wait)
    try:
        got = connection.recv(65536) if reads else b"-"
        if heard is not None and reads:
            heard.feed(got)
        return bool(got)
    except WAITS:
        return True
    except OSError:
        return False


def pour_again(attack, kind, source, data, alpn="h2", reads=True):
    """The same on one connection after the other; counts how often the server had enough of it."""
    while attack.goes_on():
        connection = opened(attack, kind, source, alpn)
        if connection is None:
            continue
        heard = Heard() if kind in ("doh", "page") and alpn == "h2" else None
        end = pour(attack, connection, data, reads, heard)
        if end == "sent" and reads and heard is not None and not heard.has_gone_away:
            while attack.goes_on() and not heard.has_gone_away and take(connection, True, heard, 0.5):
                if not heard.rest:
                    break
        attack.count["cut"] += end == "cut" or (heard is not None and heard.has_gone_away)
        connection.close()
        if end == "cut":
            time.sleep(0.005)


def wait_for_the_end(attack, connections):
    """Holds them open, reads nothing."""
    while attack.goes_on():
        time.sleep(0.05)
    for connection in connections:
        connection.close()


def count_ended(connections):
    """How many the server has closed by now."""
    ended = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            while data := connection.recv(65536):
                pass
            ended += data == b""
        except WAITS:
            pass
        except OSError:
            ended += 1
    return ended


def paced(attack, per_second, send):
    """Calls `send` so many times a second, as evenly as the machine allows; what it cannot do is not made up for."""
    due = time.monotonic()
    while attack.goes_on():
        now = time.monotonic()
        due = max(due, now - 0.02)
        while due <= now:
            send()
            due += 1 / per_second
        time.sleep(0.001)


def datagrams(source, port):
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    sock.setblocking(False)
    return sock


def try_send(sock, raw):
    try:
        sock.send(raw)
        return 1
    except OSError:
        return 0


def drop_answers(sock):
    """Reads what has come; how many, and how many bytes."""
    count = size = 0
    try:
        while True:
            size += len(sock.recv(65535))
            count += 1
    except OSError:
        return count, size


def framed(*raws):
    return b"".join(struct.pack("!H", len(raw)) + raw for raw in raws)


def cached(number):
    """A question that an innocent client asks, too: it is answered from the cache."""
    return wire.query(f"hot{number % 20}.innocent.example", id=number % 65536)


def key_update_program(server, folder):
    """The helper that Python's ssl has no function for: built with the server, or now; None: neither."""
    source = Path(__file__).resolve().parent / "key_update.cpp"
    for beside in (Path(os.environ.get("CENOTE_KEY_UPDATE", "")), Path(server).parent / "tests/key_update"):
        if beside.is_file():
            return beside
    program = Path(folder) / "key_update"
    try:
        if not program.exists():
            subprocess.run(["c++", "-std=c++20", "-O2", "-o", str(program), str(source), "-lssl", "-lcrypto"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return program


def update_keys(attack, program, port, source, reconnect):
    done = subprocess.run([str(program), str(port), f"{attack.left:.2f}", source, str(reconnect)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"key_update: {done.stderr}")
    attack.count.update(json.loads(done.stdout))
