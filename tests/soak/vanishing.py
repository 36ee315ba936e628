"""Clients that are owed nothing: they connect and go, in the middle of whatever they were about to say."""
import asyncio
import random
import socket
import ssl
import struct
from collections import Counter

from clients import PREFACE, Question, frame, header_block, tls_context

GONE = Counter()  # by what they did


def reset(writer):
    """Goes without a farewell: what the server still sends finds nobody."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def framed(question):
    return struct.pack("!H", len(question.raw)) + question.raw


def half(data):
    return data[:random.randint(1, len(data) - 1)]


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = tls_context("dot").wrap_bio(incoming, outgoing)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def request(stream):
    body = Question.draw().raw
    return frame(1, 4, stream, header_block(len(body))) + frame(0, 1, stream, body)


def say_tcp():
    return random.choice([
        ("tcp: nothing", b""),
        ("tcp: half a frame", half(framed(Question.draw()))),
        ("tcp: a question", framed(Question.draw())),
        ("tcp: a question and a half", framed(Question.draw()) + half(framed(Question.draw()))),
        ("tcp: many questions", b"".join(framed(Question.draw()) for _ in range(200))),
        ("tcp: nonsense", random.randbytes(random.randint(1, 400))),
    ])


def say_in_clear_to_tls():
    return random.choice([("tls: half a handshake", half(client_hello())), ("tls: nonsense", random.randbytes(200))])


def say_http2():
    requests = b"".join(request(1 + 2 * i) for i in range(20))
    return random.choice([
        ("doh: half a preface", half(PREFACE)),
        ("doh: half a request", PREFACE + half(request(1))),
        ("doh: many requests", PREFACE + requests),
        ("doh: requests taken back", PREFACE + requests + b"".join(frame(3, 0, 1 + 2 * i, struct.pack("!I", 8)) for i in range(20))),
    ])


async def one(ports, address):
    where, over_tls, (what, said) = random.choice([
        ("dns", None, say_tcp()), ("dot", None, say_in_clear_to_tls()), ("doh", None, say_in_clear_to_tls()),
        ("dot", "dot", say_tcp()), ("doh", "h2", say_http2())])
    reader, writer = await asyncio.wait_for(asyncio.open_connection(
        "127.0.0.1", ports[where], ssl=tls_context(over_tls) if over_tls else None, local_addr=(address, 0)), 10)
    GONE[what if where == "dns" else what.replace("tcp", where)] += 1
    try:
        writer.write(said)
        # At once, with its answers on their way, or long after the server has given it up.
        await asyncio.sleep(random.choice([0, 0, 0.01, 0.3, 1, 8]))
    finally:
        reset(writer) if random.random() < 0.7 else writer.close()


async def forgetful_datagram(port, address):
    """Its port is closed when the answer comes."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", port))
        sock.send(half(Question.draw().raw) if random.random() < 0.3 else Question.draw().raw)
    GONE["udp: a question"] += 1


async def vanishing_client(ports, address):
    while True:
        try:
            await (forgetful_datagram(ports["dns"], address) if random.random() < 0.2 else one(ports, address))
        except (OSError, EOFError, asyncio.TimeoutError, ssl.SSLError):
            GONE["not let in"] += 1
        await asyncio.sleep(random.uniform(0, 0.3))
