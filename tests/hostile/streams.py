"""Floods over TCP and DNS over TLS."""
import socket
import ssl
import time

import wire
from clients import tls_context
from scenario import scenario
from tools import (CLIENT, STRANGER, cached, count_ended, framed, key_update_program, opened, pour, pour_again, tcp, update_keys,
                   wait_for_the_end)

PIPELINE = framed(*(cached(i) for i in range(3000)))
EMPTY_FRAMES = b"\0\0" * 300_000


@scenario()
def pipelined_tcp(s):
    """Cached questions without a pause on TCP connections: the one who asks most waits, not the others."""
    s.attack(pour_again, "tcp", CLIENT, PIPELINE * 20, count=2)


@scenario()
def pipelined_dot(s):
    """The same over TLS."""
    s.attack(pour_again, "dot", CLIENT, PIPELINE * 20, count=2)


@scenario()
def empty_frames(s):
    """Frames of length zero without end, over TCP and TLS, from a client and a stranger: nobody else waits for them."""
    s.attack(pour_again, "tcp", CLIENT, EMPTY_FRAMES)
    s.attack(pour_again, "dot", STRANGER, EMPTY_FRAMES)


@scenario(memory=160)
def unread_answers(s):
    """Pipelined questions whose answers are never read, on 60 connections of each kind: at most 1 MiB waits for each reader."""
    s.attack(unread, "tcp", CLIENT)
    s.attack(unread, "dot", "127.0.5.6")


def unread(attack, kind, source):
    held = []
    data = framed(*(wire.query(f"big{i}.bad.example", wire.TXT, id=i) for i in range(500)))
    while attack.goes_on() and len(held) < 60:
        connection = opened(attack, kind, source)
        if connection is not None:
            held.append(connection)
            patience, attack.until = attack.until, min(attack.until, time.monotonic() + 0.1)
            pour(attack, connection, data, reads=False)
            attack.until = patience
    wait_for_the_end(attack, held)


@scenario()
def one_byte_at_a_time(s):
    """Connections that send a byte now and then, as many as a client may have, over TCP and TLS: others are let in at once."""
    s.attack(drip, "tcp", CLIENT, 150)
    s.attack(drip, "dot", CLIENT, 80)


def drip(attack, kind, source, connections):
    held, data = [], framed(cached(1))
    for number in range(connections):
        connection = opened(attack, kind, f"{source.rsplit('.', 1)[0]}.{10 + number % 4}") if attack.goes_on() else None
        if connection is not None:
            connection.settimeout(0.1)
            held.append([connection, 0])
    while attack.goes_on():
        for entry in list(held):
            try:
                entry[0].send(data[entry[1] % len(data):][:1])
                entry[1] += 1
            except OSError:
                attack.count["cut"] += 1
                held.remove(entry)
        time.sleep(0.2)


@scenario(memory=64)
def idle_connections(s):
    """Three thousand connections of fifty addresses that say nothing: the one that is idle longest makes room, others are let in."""
    s.attack(idle, "tcp", 1500 if s.is_quick else 3000)
    s.attack(idle, "dot", 200)


def idle(attack, kind, wanted):
    held, ports = [], attack.ports
    while attack.goes_on() and len(held) < wanted:
        try:
            held.append(tcp(ports["dns" if kind == "tcp" else kind], f"127.0.7.{1 + len(held) % 50}", attack.left))
            attack.count["connections"] += 1
        except OSError:
            attack.count["not let in"] += 1
            time.sleep(0.05)
    wait_for_the_end(attack, [])
    attack.count["cut"] += count_ended(held)


@scenario()
def half_closed(s):
    """Connections that ask, close their half and vanish or reset before the answer, as fast as they can be made."""
    s.attack(half_close, "tcp", CLIENT)
    s.attack(half_close, "dot", CLIENT)


def half_close(attack, kind, source):
    while attack.goes_on():
        connection = opened(attack, kind, source)
        if connection is None:
            continue
        try:
            connection.sendall(framed(*(wire.query(f"slow300-{attack.random.getrandbits(40)}.bad.example", id=i) for i in range(5))))
            if attack.random.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
            else:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        except OSError:
            attack.count["cut"] += 1
        connection.close()


@scenario(bounds={"dns": 100})
def handshakes(s):
    """TLS handshakes from many addresses, and nothing after them: over DoT, DoH and the page. Each costs a worker a millisecond."""
    for kind in ("dot", "doh", "page"):
        s.attack(shake_hands, kind)


def shake_hands(attack, kind):
    number = 0
    while attack.goes_on():
        number += 1
        connection = opened(attack, kind, f"127.1.{1 + number % 4}.{1 + number % 50}")
        if connection is not None:
            connection.close()


@scenario()
def hellos(s):
    """First messages of TLS handshakes without a second, and random bytes to TLS ports: cut after a while, others are let in."""
    for kind in ("dot", "doh", "page"):
        s.attack(say_hello, kind)


def client_hello():
    outgoing = ssl.MemoryBIO()
    session = tls_context("h2").wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="www.page.example")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def say_hello(attack, kind):
    hello, number, held = client_hello(), 0, []
    while attack.goes_on():
        number += 1
        try:
            connection = tcp(attack.ports[kind], f"127.1.2.{1 + number % 50}", attack.left)
            connection.sendall(attack.random.choice((hello, hello[:-7], attack.random.randbytes(300))))
            attack.count["connections"] += 1
            held.append(connection)
        except OSError:
            attack.count["not let in"] += 1
            time.sleep(0.01)
        if len(held) > 200:
            held.pop(0).close()
        time.sleep(0.002)


def key_updates(s, kind, sources):
    program = key_update_program(s.options.binary, s.target.folder)
    if program is None:
        s.skip("the key_update helper is not built, and there is no compiler")
    for source in sources:
        s.attack(update_keys, program, s.ports[kind], source, 3)
    s.storm()
    s.expect(s.count["cut"] > 0, "no connection that only changes keys was cut")


@scenario(seconds=(3, 8), workers=1)
def key_updates_dot(s):
    """A client and a stranger ask for new TLS keys without end over DoT: they are cut, others are answered."""
    key_updates(s, "dot", [CLIENT, STRANGER])


@scenario(seconds=(3, 8), workers=1)
def key_updates_doh(s):
    """The same over DoH."""
    key_updates(s, "doh", [CLIENT, STRANGER])


@scenario(seconds=(3, 8))
def key_updates_page(s):
    """The same at the block page, which lets everybody in: pushes and pages go on."""
    key_updates(s, "page", [STRANGER, STRANGER])


@scenario()
def proxy_headers(s):
    """A load balancer, and a stranger who plays one, send PROXY headers that are cut, too long or senseless, over TCP and TLS."""
    for kind in ("tcp", "dot"):
        for source in ("127.0.0.200", STRANGER):
            s.attack(bad_headers, kind, source)
    s.storm()
    s.expect_counted("cenote_bad_proxies_total")


def bad_headers(attack, kind, source):
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    whole = signature + b"\x21\x11\0\x0c\x7f\1\2\3\x7f\0\0\1\0\x35\0\x35"
    while attack.goes_on():
        draw = attack.random
        said = draw.choice((signature[:7], whole[:20], whole + framed(cached(1)), signature + b"\x21\x11\xff\xff" + draw.randbytes(3000),
                            signature + draw.randbytes(200), whole * 50, b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + framed(cached(2))))
        try:
            connection = tcp(attack.ports["dns" if kind == "tcp" else kind], source, attack.left)
            attack.count["connections"] += 1
            connection.sendall(said)
            connection.close()
        except OSError:
            attack.count["not let in"] += 1
        time.sleep(0.002)
