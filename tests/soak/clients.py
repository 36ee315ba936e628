"""Clients that stay: each asks over UDP, TCP, TLS or HTTPS and waits for its answers. What they must get is Tally's to judge."""
import asyncio
import functools
import itertools
import random
import socket
import ssl
import struct
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import wire  # noqa: E402

PATIENCE = 7.0  # seconds; an upstream may take 4.5 s of them (a client's resolver gives up after 5)
HOT_NAMES = 200
TRANSPORTS = ("udp", "tcp", "dot", "doh")
EDE, BLOCKED = 15, 15
_ids = itertools.count(1)


@functools.cache
def tls_context(alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which reads no authorities: a page's worth of time each
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    return context


class Question:
    """`kind` says what its answer may be."""

    def __init__(self, kind, name, qtype=wire.A):
        self.kind, self.name, self.qtype = kind, name, qtype
        self.id = next(_ids) % 65536
        self.raw = wire.query(name, qtype, id=self.id)

    @classmethod
    def draw(cls):
        dice, number = random.random(), random.getrandbits(48)
        if dice < 0.50:
            return cls("hot", f"hot{number % HOT_NAMES}.soak.example")
        if dice < 0.70:
            return cls("fresh", f"n{number:x}.soak.example")
        if dice < 0.85:
            return cls("blocked", f"bad{number % 1000}.blocked.example")
        if dice < 0.89:
            return cls("long", f"long{number % 500}.soak.example", wire.TXT)
        if dice < 0.93:
            return cls("missing", f"missing{number % 5000}.soak.example")
        if dice < 0.96:
            return cls("chain", f"chain{number % 5000}.soak.example")
        return cls("tls", f"n{number % 100000:x}.tls.example")

    def fault(self, raw):
        """What is wrong with this answer; empty: nothing."""
        try:
            answer = wire.Message(raw)
        except wire.Malformed as why:
            return f"malformed: {why}"
        if answer.id != self.id or not answer.has(wire.QR) or answer.qname.lower() != self.name or answer.qtype != self.qtype:
            return "an answer to another question"
        if self.kind == "blocked":
            return "" if answer.rcode == wire.NXDOMAIN and answer.ede == BLOCKED else "a listed name is not blocked"
        if self.kind == "hot":  # once cached, a stale answer helps out
            return "" if answer.rcode == wire.NOERROR and answer.answers else f"a cached name gets rcode {answer.rcode}"
        may_be = (wire.NXDOMAIN, wire.SERVFAIL) if self.kind == "missing" else (wire.NOERROR, wire.SERVFAIL)
        return "" if answer.rcode in may_be else f"rcode {answer.rcode} for {self.kind}"


class Tally:
    def __init__(self):
        self.asked, self.answered, self.lost, self.wrong = Counter(), Counter(), Counter(), Counter()
        self.again = Counter()  # asked on another connection, for theirs was closed (RFC 7766 section 6.2.4)
        self.examples = []
        self.slowest = 0.0
        # For how long clients, upstreams or the server were ready to run and had no processor: that time is nobody's fault
        # here, and every question that waits may wait so much longer.
        self.starved = 0.0

    def note(self, transport, question, raw, took, why="no answer in time"):
        if raw is None:
            self.lost[transport] += 1
            self.example(f"lost: {transport} {question.kind} {question.name}: {why}")
            return
        self.answered[transport] += 1
        self.slowest = max(self.slowest, took)
        fault = question.fault(raw)
        if fault:
            self.wrong[f"{transport} {question.kind}: {fault}"] += 1
            self.example(f"wrong: {transport} {question.name}: {fault}")

    def example(self, text):
        if len(self.examples) < 20:
            self.examples.append(text)


class Waiting:
    """The questions of one connection, by whatever names them there."""

    def __init__(self, transport, tally):
        self.transport, self.tally, self.open = transport, tally, {}

    async def ask(self, key, question, send, is_last_try=True):
        """Counts the question and what became of it. Gives it back when the connection ended and it may be asked again."""
        loop = asyncio.get_running_loop()
        self.tally.asked[self.transport] += 1
        began, answer, why = loop.time(), loop.create_future(), "no answer in time"
        self.open[key] = answer
        try:
            send()
            raw = await self.wait(answer, began)
        except OSError as broken:
            if not is_last_try:
                self.tally.asked[self.transport] -= 1
                self.tally.again[self.transport] += 1
                return question
            raw, why = None, f"the connection ended: {broken}"
        except asyncio.CancelledError:
            self.tally.asked[self.transport] -= 1  # the soak is over: it is owed nothing any more
            raise
        finally:
            self.open.pop(key, None)
            answer.cancel()
        self.tally.note(self.transport, question, raw, loop.time() - began, why)
        return None

    async def wait(self, answer, began):
        loop, starved = asyncio.get_running_loop(), self.tally.starved
        while not answer.done():
            left = began + PATIENCE + self.tally.starved - starved - loop.time()
            if left <= 0:
                return None
            await asyncio.wait([answer], timeout=left)
        return answer.result()

    def deliver(self, key, raw):
        future = self.open.get(key)
        if future is not None and not future.done():
            future.set_result(raw)

    def broken(self, why):
        for future in self.open.values():
            if not future.done():
                future.set_exception(ConnectionError(why))


class UdpSocket(asyncio.DatagramProtocol):
    def __init__(self, waiting):
        self.waiting = waiting

    def datagram_received(self, data, peer):
        if len(data) >= 2:
            self.waiting.deliver(struct.unpack("!H", data[:2])[0], data)

    def error_received(self, error):
        self.waiting.broken(str(error))


class Frames:
    """DNS over TCP or TLS: questions in any number, answers in any order."""

    def __init__(self, reader, writer, waiting):
        self.reader, self.writer, self.waiting = reader, writer, waiting
        self.task = asyncio.ensure_future(self.read())

    async def read(self):
        try:
            while True:
                size = struct.unpack("!H", await self.reader.readexactly(2))[0]
                raw = await self.reader.readexactly(size)
                self.waiting.deliver(struct.unpack("!H", raw[:2])[0], raw)
        except (OSError, EOFError) as end:
            self.waiting.broken(str(end) or type(end).__name__)

    async def ask(self, question, is_last_try=False):
        return await self.waiting.ask(question.id, question, lambda: self.writer.write(
            struct.pack("!H", len(question.raw)) + question.raw), is_last_try)


def frame(kind, flags, stream, payload):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def header_block(size):
    """Literals without indexing (RFC 7541 section 6.2.2)."""
    block = b""
    for name, value in ((":method", "POST"), (":scheme", "https"), (":authority", "dns.example"), (":path", "/dns-query"),
                        ("content-type", "application/dns-message"), ("content-length", str(size))):
        block += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return block


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8


class Http2:
    """As much of RFC 9113 as a DNS client needs."""

    def __init__(self, reader, writer, waiting):
        self.reader, self.writer, self.waiting = reader, writer, waiting
        self.next_stream, self.bodies = 1, {}
        writer.write(PREFACE)
        self.task = asyncio.ensure_future(self.read())

    async def read(self):
        try:
            while True:
                head = await self.reader.readexactly(9)
                size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
                self.on_frame(kind, flags, int.from_bytes(head[5:], "big"), await self.reader.readexactly(size))
        except (OSError, EOFError) as end:
            self.waiting.broken(str(end) or type(end).__name__)

    def on_frame(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & 1:
            self.writer.write(frame(SETTINGS, 1, 0, b""))
        elif kind == PING and not flags & 1:
            self.writer.write(frame(PING, 1, 0, payload))
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
            if payload:
                self.writer.write(frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", len(payload))))
        elif kind in (RST_STREAM, GOAWAY):
            self.waiting.broken(f"frame of type {kind}")
        if kind in (DATA, HEADERS) and flags & 1:
            self.waiting.deliver(stream, self.bodies.pop(stream, b""))

    async def ask(self, question, is_last_try=False):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        body = question.raw
        return await self.waiting.ask(stream, question, lambda: self.writer.write(
            frame(HEADERS, 4, stream, header_block(len(body))) + frame(DATA, 1, stream, body)), is_last_try)


async def udp_client(port, address, tally, pause):
    """Changes its port now and then, as stub resolvers do."""
    loop = asyncio.get_running_loop()
    while True:
        waiting = Waiting("udp", tally)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: UdpSocket(waiting), local_addr=(address, 0), remote_addr=("127.0.0.1", port))
        try:
            for _ in range(random.randint(1, 40)):
                question = Question.draw()
                await waiting.ask(question.id, question, lambda: transport.sendto(question.raw))
                await asyncio.sleep(random.uniform(0, 2 * pause))
        finally:
            transport.close()


async def stream_client(kind, port, address, tally, pause):
    """Opens a connection, asks in bursts, closes it and comes again. A server may close one that was silent for too long,
    also while a question is on its way: then it is asked once more."""
    left = []
    tls = {"tcp": None, "dot": tls_context("dot"), "doh": tls_context("h2")}[kind]
    while True:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(
                "127.0.0.1", port, ssl=tls, local_addr=(address, 0)), PATIENCE)
        except (OSError, asyncio.TimeoutError) as why:
            tally.asked[kind] += 1
            tally.note(kind, Question("connect", "-"), None, 0, f"no connection: {type(why).__name__} {why}")
            await asyncio.sleep(1)
            continue
        connection = (Http2 if kind == "doh" else Frames)(reader, writer, Waiting(kind, tally))
        try:
            await asyncio.gather(*(connection.ask(question, True) for question in left))
            for _ in range(random.randint(1, 8)):
                asked = await asyncio.gather(*(connection.ask(Question.draw()) for _ in range(random.randint(1, 12))))
                left = [question for question in asked if question is not None]
                if left:
                    break
                await asyncio.sleep(random.uniform(0, 10 * pause))
        finally:
            connection.task.cancel()
            writer.transport.abort() if random.random() < 0.3 else writer.close()


def all_clients(ports, tally, pause, of_each):
    """Coroutines; `of_each`: how many by transport. Every client has an address of its own."""
    addresses = (f"127.0.{1 + i // 250}.{1 + i % 250}" for i in itertools.count())
    for kind in TRANSPORTS:
        for _ in range(of_each[kind]):
            if kind == "udp":
                yield udp_client(ports["dns"], next(addresses), tally, pause)
            else:
                yield stream_client(kind, ports["dns" if kind == "tcp" else kind], next(addresses), tally, pause)


def warm_up(port):
    """Every hot name, over so many ports that each worker has it cached; and so many hits that their history is full.
    In step with the server, on plain sockets: the kernel's buffers are small."""
    hot = [Question("hot", f"hot{i}.soak.example") for i in range(HOT_NAMES)]
    # All different, for those that repeat share an event.
    hits = [[Question("blocked", f"bad{i}-{turn}.blocked.example") for i in range(1000)] for turn in range(21)]
    deadline = time.monotonic() + 120
    for questions in [hot] * 16 + hits:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(("127.0.0.1", port))
            while questions:
                questions = [question for at in range(0, len(questions), 20) for question in ask_all(sock, questions[at:at + 20])]
                if questions:  # the upstreams have just begun, perhaps
                    if time.monotonic() > deadline:
                        raise SystemExit(f"{len(questions)} questions cannot be answered even before the load")
                    time.sleep(1)


def ask_all(sock, questions):
    """Those that were not answered rightly."""
    left = {question.id: question for question in questions}
    for question in questions:
        sock.send(question.raw)
    try:
        for _ in questions:
            raw = sock.recv(4096)
            question = left.get(struct.unpack("!H", raw[:2])[0])
            if question is not None and not question.fault(raw):
                del left[question.id]
    except socket.timeout:
        pass
    return list(left.values())
