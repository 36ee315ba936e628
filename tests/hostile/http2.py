"""Floods of HTTP/2 frames, at DoH from a client and at the block page from a stranger."""
import base64
import struct
import time

import wire
from clients import DATA, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame
from hits import fill_history
from scenario import scenario
from tools import CLIENT, PAGE, STRANGER, Answers, Heard, opened, pour, pour_again, take, wait_for_the_end

PRIORITY, CONTINUATION, UNKNOWN = 2, 9, 0x42
END_STREAM, END_HEADERS = 1, 4
WHOLE = END_STREAM | END_HEADERS
QUESTION = base64.urlsafe_b64encode(wire.query("hot1.innocent.example", id=0)).rstrip(b"=").decode()
TARGETS = {"doh": ("dns.example", f"/dns-query?dns={QUESTION}"), "page": (PAGE, "/")}


def literal(name, value):
    """Without indexing (RFC 7541 section 6.2.2); both shorter than 127 bytes."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def head(kind, method="GET"):
    authority, path = TARGETS[kind]
    block = literal(":method", method) + literal(":scheme", "https") + literal(":authority", authority)
    block += literal(":path", path if method == "GET" else path.split("?")[0])
    return block + (literal("content-type", "application/dns-message") if method == "POST" else b"")


def both(s, make, **options):
    """`make` gives the bytes for a kind of service."""
    s.attack(pour_again, "doh", CLIENT, make("doh"), **options)
    s.attack(pour_again, "page", STRANGER, make("page"), **options)
    s.storm()


@scenario()
def rapid_reset(s):
    """Requests that are taken back at once (CVE-2023-44487): the connection is cut before it costs others anything."""
    both(s, lambda kind: PREFACE + b"".join(
        frame(HEADERS, WHOLE, i, head(kind)) + frame(RST_STREAM, 0, i, struct.pack("!I", 8)) for i in range(1, 20001, 2)))
    s.expect(s.count["cut"] > 0, "no connection was cut")


@scenario()
def made_to_reset(s):
    """Faults in streams that make the server reset them (CVE-2025-8671): the connection is cut."""
    both(s, lambda kind: PREFACE + b"".join(
        frame(HEADERS, END_HEADERS, i, head(kind, "POST")) + frame(WINDOW_UPDATE, 0, i, bytes(4)) for i in range(1, 20001, 2)))
    s.expect(s.count["cut"] > 0, "no connection was cut")


@scenario()
def continuations(s):
    """Heads that never end (CVE-2024-27316), in full and in empty pieces: the connection is cut."""
    filler = literal("x-filler", "y" * 100) * 140
    both(s, lambda kind: PREFACE + frame(HEADERS, 0, 1, head(kind)) + (frame(CONTINUATION, 0, 1, filler) + frame(CONTINUATION, 0, 1, b"") * 100) * 200)
    s.expect(s.count["cut"] > 0, "no connection was cut")


@scenario()
def pings(s):
    """PINGs without end, with answers that are read and unread: nobody else waits."""
    data = PREFACE + frame(PING, 0, 0, b"pingpong") * 100_000
    s.attack(pour_again, "page", STRANGER, data, reads=False)
    both(s, lambda kind: data)


@scenario()
def settings(s):
    """SETTINGS without end, with answers that are read and unread: nobody else waits."""
    data = PREFACE + frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 65535)) * 100_000
    s.attack(pour_again, "page", STRANGER, data, reads=False)
    both(s, lambda kind: data)


@scenario()
def window_updates(s):
    """Windows opened by one byte without end: nobody else waits."""
    both(s, lambda kind: PREFACE + frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 1)) * 200_000)


@scenario()
def priorities(s):
    """PRIORITY frames without end: nobody else waits."""
    both(s, lambda kind: PREFACE + b"".join(frame(PRIORITY, 0, 1 + 2 * (i % 50000), struct.pack("!IB", 0, 9)) for i in range(100_000)))


@scenario()
def empty_data(s):
    """A body of empty DATA frames without end (CVE-2019-9518): nobody else waits."""
    both(s, lambda kind: PREFACE + frame(HEADERS, END_HEADERS, 1, head(kind, "POST")) + frame(DATA, 0, 1, b"") * 200_000)


@scenario()
def unknown_frames(s):
    """Frames of a type that does not exist, without end: nobody else waits."""
    both(s, lambda kind: PREFACE + frame(UNKNOWN, 0, 0, b"") * 150_000 + frame(UNKNOWN, 0, 0, bytes(16000)) * 100)


@scenario(memory=48)
def page_requests(s):
    """A stranger asks for pages as fast as a connection carries them, with a history full of hits to look through: pushes and
    other people's pages go on."""
    fill_history(s)
    data = PREFACE + frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 2**31 - 1 - 65535))
    s.attack(ask_for_pages, data)


def ask_for_pages(attack, opening):
    while attack.goes_on():
        connection = opened(attack, "page", STRANGER)
        if connection is None:
            continue
        heard = Answers()
        end, sent = pour(attack, connection, opening, heard=heard), 0
        while attack.goes_on() and end == "sent":
            if sent - heard.ended < 50:
                end = pour(attack, connection, frame(HEADERS, WHOLE, 1 + 2 * sent, head("page")), heard=heard)
                sent += 1
            elif not take(connection, True, heard):
                break
        attack.count["pages"] += heard.ended
        connection.close()


def hpack_bomb(kind):
    """Heads of 16 KiB that refer to one large entry of the table again and again: 60 MB of headers each."""
    entry = b"\x40" + b"\1x" + b"\x7f" + encoded_size(3900) + b"v" * 3900
    first = frame(HEADERS, WHOLE, 1, head(kind) + entry)
    return PREFACE + first + b"".join(frame(HEADERS, WHOLE, i, head(kind)[:0] + b"\xbe" * 16000) for i in range(3, 201, 2))


def encoded_size(size):
    """An integer over a prefix of 7 bits that is full (RFC 7541 section 5.1)."""
    out, left = b"", size - 127
    while left >= 128:
        out += bytes([left % 128 + 128])
        left //= 128
    return out + bytes([left])


@scenario()
def hpack_bombs(s):
    """Small heads that unpack to 60 MB, from a client and from strangers: the first of them ends the connection."""
    s.attack(pour_again, "doh", STRANGER, hpack_bomb("doh"))
    both(s, hpack_bomb)
    s.expect(s.count["cut"] > 0, "no connection was cut")


@scenario(memory=96, seconds=(5, 20))
def endless_bodies(s):
    """One address opens 128 connections with 100 requests each, whose bodies of 65,000 bytes have no end: what is kept of
    them is bounded, for each connection and in all."""
    connections = 40 if s.is_quick else 128
    s.attack(bodies, "page", STRANGER, connections)
    s.attack(bodies, "doh", CLIENT, connections)


def bodies(attack, kind, source, connections):
    held = []
    while attack.goes_on() and len(held) < connections:
        connection = opened(attack, kind, source)
        if connection is not None:
            held.append(connection)
            if not fill_streams(attack, connection, kind):
                attack.count["cut"] += 1
    wait_for_the_end(attack, held)


def fill_streams(attack, connection, kind, streams=100, pieces=5, size=13_000):
    """As much as the connection's window allows, which the server opens as it reads. False: it was cut."""
    heard = Heard()
    opening = PREFACE + b"".join(frame(HEADERS, END_HEADERS, 1 + 2 * i, head(kind, "POST")) for i in range(streams))
    if pour(attack, connection, opening, heard=heard) == "cut":
        return False
    for stream in (1 + 2 * i for i in range(streams) for _ in range(pieces)):
        patience = time.monotonic() + 1
        while heard.window < size:
            if heard.has_gone_away or not take(connection, True, heard):
                return False
            if time.monotonic() > patience or not attack.goes_on():
                return True
        if pour(attack, connection, frame(DATA, 0, stream, bytes(size)), heard=heard) == "cut":
            return False
        heard.window -= size
    return True


@scenario(memory=64)
def closed_windows(s):
    """Requests whose answers may not be sent, for the client's window is shut: they are given up after a while, memory stays."""
    shut = PREFACE.replace(frame(SETTINGS, 0, 0, b""), frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 0)))
    for kind, source in (("doh", CLIENT), ("page", STRANGER)):
        s.attack(hold, kind, source, shut + b"".join(frame(HEADERS, WHOLE, 1 + 2 * i, head(kind)) for i in range(100)), 60)


@scenario(memory=64)
def slow_readers(s):
    """Requests whose answers nobody reads off the connection: they are given up after a while, memory stays."""
    wide = PREFACE + frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 2**31 - 1 - 65535))
    for kind, source in (("doh", CLIENT), ("page", STRANGER)):
        s.attack(hold, kind, source, wide + b"".join(frame(HEADERS, WHOLE, 1 + 2 * i, head(kind)) for i in range(100)), 60)


def hold(attack, kind, source, data, connections):
    held = []
    while attack.goes_on() and len(held) < connections:
        connection = opened(attack, kind, source)
        if connection is not None:
            held.append(connection)
            attack.count["cut"] += pour(attack, connection, data, reads=False) == "cut"
    wait_for_the_end(attack, held)
