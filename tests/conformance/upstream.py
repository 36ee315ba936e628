"""A DNS server that misbehaves on purpose: what it does with a question is the business of the case that asks it."""
import socket
import struct
import threading
import time

import wire


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


class Upstream:
    """`scripts`: by lower-case name, a function (Message, over_tcp) -> list of bytes, Wait, Close."""

    def __init__(self):
        self.scripts = {}
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
            script = self.scripts.get(query.qname.lower(), default)
        for step in script(query, over_tcp):
            if isinstance(step, Wait):
                time.sleep(step.seconds)
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

        def send(out):
            with lock:
                connection.sendall(struct.pack("!H", len(out)) + out)

        def close():
            connection.shutdown(socket.SHUT_RDWR)
        try:
            while True:
                raw = receive_frame(connection)
                if raw is None:
                    return
                threading.Thread(target=self._run, args=(raw, True, peer, send, close), daemon=True).start()
        except OSError:
            pass


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
