"""A DNS server that misbehaves on purpose: what it does with a question is the business of the case that asks it."""
import pathlib
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

import wire

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import certificates  # noqa: E402


def default(query, over_tcp):
    """An address for A, no data for the rest."""
    if query.qtype == wire.A:
        return [wire.reply(query.raw, [wire.a(query.qname)])]
    return [wire.reply(query.raw, authority=[wire.soa("example")])]


class Close:
    """Instead of an answer: the connection is closed."""


class Wait:
    def __init__(self, seconds):
        self.seconds = seconds


class Drip:
    """Over TCP: an answer whose bytes come one after the other, all of them in so many seconds."""

    def __init__(self, seconds, message):
        self.seconds, self.message = seconds, message


def understands_no_edns(query, over_tcp):
    """As servers of the time before RFC 2671 do."""
    return [wire.reply(query.raw, rcode=wire.FORMERR)] if query.edns else default(query, over_tcp)


class Upstream:
    """`scripts`: by lower-case name, a function (Message, over_tcp) -> list of bytes, Wait, Close, Drip. `closes`: each
    connection takes one question, and ends with its answer, whatever else was sent on it. `tls`: an ssl.SSLContext."""

    def __init__(self, default=default, closes=False, tls=None):
        self.scripts = {}
        self.default, self.closes, self.tls = default, closes, tls
        self.seen = []
        self.lock = threading.Lock()
        for _ in range(100):
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.tcp.bind(("127.0.0.1", 0))
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.port = self.tcp.getsockname()[1]
            try:
                self.udp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.tcp.close()
        self.tcp.listen(64)
        for target in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=target, daemon=True).start()

    def on(self, name, script):
        self.scripts[name.lower().rstrip(".")] = script

    def asked(self, name, over_tcp=None):
        """The queries that came for a name."""
        with self.lock:
            return [q for q, tcp, _ in self.seen
                    if q.qname.lower() == name.lower().rstrip(".") and over_tcp in (None, tcp)]

    def ports_of(self, suffix):
        with self.lock:
            return [peer[1] for q, tcp, peer in self.seen if q.qname.lower().endswith(suffix.lower()) and not tcp]

    def _run(self, raw, over_tcp, peer, send, close):
        try:
            query = wire.Message(raw)
        except wire.Malformed:
            return
        with self.lock:
            self.seen.append((query, over_tcp, peer))
            script = self.scripts.get(query.qname.lower(), self.default)
        try:
            self._play(script(query, over_tcp), send, close)
        except OSError:
            pass  # the other side has gone

    @staticmethod
    def _play(steps, send, close):
        for step in steps:
            if isinstance(step, Wait):
                time.sleep(step.seconds)
            elif isinstance(step, Drip):
                send(step.message, step.seconds)
            elif step is Close:
                close()
                return
            else:
                send(step)

    def _serve_udp(self):
        while True:
            raw, peer = self.udp.recvfrom(65535)
            threading.Thread(target=self._run, daemon=True, args=(
                raw, False, peer, lambda out, peer=peer: self.udp.sendto(out, peer), lambda: None)).start()

    def _serve_tcp(self):
        while True:
            connection, peer = self.tcp.accept()
            threading.Thread(target=self._serve_connection, args=(connection, peer), daemon=True).start()

    def _serve_connection(self, connection, peer):
        lock = threading.Lock()

        def send(out, seconds=0):
            data = struct.pack("!H", len(out)) + out
            with lock:
                if not seconds:
                    connection.sendall(data)
                    return
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in data:
                    connection.sendall(bytes([byte]))
                    time.sleep(seconds / len(data))

        def close():
            connection.shutdown(socket.SHUT_RDWR)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while True:
                raw = receive_frame(connection)
                if raw is None:
                    return
                if self.closes:
                    self._run(raw, True, peer, send, close)
                    connection.close()  # with a reset, where more was sent
                    return
                threading.Thread(target=self._run, args=(raw, True, peer, send, close), daemon=True).start()
        except OSError:
            pass


class Upstreams:
    """All of a run: of everything, and of the zones whose names they are."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conformance-upstream-"))
        self.certificate, key = certificates.for_dns(self.folder)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.certificate, key)
        self.outer, self.inner = Upstream(), Upstream()
        self.old = Upstream(understands_no_edns)           # old.example
        self.renewed = Upstream(understands_no_edns)       # renewed.example
        self.closing = Upstream(closes=True)               # closing.example, over TCP
        self.closing_tls = Upstream(closes=True, tls=tls)  # closing-tls.example, over TLS

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def receive_exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            return None
        data += piece
    return data


def receive_frame(connection):
    length = receive_exactly(connection, 2)
    return receive_exactly(connection, struct.unpack("!H", length)[0]) if length else None
