"""Slow requests over HTTP/1.1, at DoH, the block page and the control API, and requests that are left unanswered."""
import os
import socket
import struct
import time
from pathlib import Path

from hits import fill_history
from http2 import QUESTION
from scenario import SLOWER, scenario
from tools import CLIENT, PAGE, STRANGER, cached, framed, opened, pour_again, tcp, tls

TARGETS = (("doh", CLIENT), ("page", STRANGER), ("page_http", STRANGER), ("api", CLIENT))


def drip(attack, kind, source, opening, rest, connections):
    """Opens connections, says the first at once and the rest byte by byte; a connection that was cut is opened again."""
    held, due = [], 0
    while attack.goes_on():
        if len(held) < connections:
            connection = opened(attack, kind, source, "http/1.1")
            if connection is not None:
                connection.settimeout(0.1)
                held.append([connection, 0])
                send(attack, held, held[-1], opening)
        if time.monotonic() > due:
            for entry in list(held):
                entry[1] += 1
                send(attack, held, entry, rest[entry[1] % len(rest):][:1])
            due = time.monotonic() + 0.3
        if len(held) == connections:
            time.sleep(0.02)


def send(attack, held, entry, data):
    try:
        entry[0].send(data)
    except OSError:
        attack.count["cut"] += 1
        held.remove(entry)


@scenario(memory=48)
def slow_heads(s):
    """Slowloris: 100 connections of one address to each service that send their heads byte by byte; others are let in."""
    for kind, source in TARGETS:
        s.attack(drip, kind, source, f"GET / HTTP/1.1\r\nHost: {PAGE}\r\nX-A: ".encode(), b"b" * 1000, 100)


@scenario(memory=48)
def slow_bodies(s):
    """The same with bodies, which were announced as large."""
    for kind, source in TARGETS:
        path = "/dns-query" if kind == "doh" else "/v1/exceptions" if kind == "api" else "/"
        opening = f"POST {path} HTTP/1.1\r\nHost: {PAGE}\r\nContent-Type: application/dns-message\r\nContent-Length: 60000\r\n\r\n"
        s.attack(drip, kind, source, opening.encode(), b"b" * 1000, 100)


@scenario(memory=48)
def pipelined_requests(s):
    """Requests without a pause on HTTP/1.1 connections that are left before all answers are read, with a history full of hits
    to look through: nobody else waits."""
    fill_history(s)
    s.attack(repeat, "page_http", STRANGER, request("GET", "/", PAGE))
    s.attack(repeat, "doh", CLIENT, request("GET", f"/dns-query?dns={QUESTION}", "dns.example"))
    s.attack(repeat, "api", CLIENT, request("GET", "/metrics", "localhost"))


@scenario(alone=True)
def reset_pipelines(s):
    """Connections of every kind with many pipelined requests are reset before their answers: afterwards the server rests, and
    uses hardly any processor in a quiet second."""
    target = s.new_target()
    target.start()
    questions = framed(*(cached(i) for i in range(500)))
    doh = request("GET", f"/dns-query?dns={QUESTION}", "dns.example") * 200
    for kind, alpn, data in (("page_http", None, request("GET", "/", PAGE) * 200), ("page", "http/1.1", request("GET", "/", PAGE) * 200),
                             ("api", None, request("GET", "/healthz", "localhost") * 200), ("doh", "http/1.1", doh),
                             ("dns", None, questions), ("dot", "dot", questions)):
        for _ in range(5):
            connection = tls(target.ports[kind], CLIENT, alpn) if alpn else tcp(target.ports[kind], CLIENT)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(data)
            connection.close()
            s.count["reset"] += 1
    time.sleep(SLOWER)
    before = ticks(target)
    time.sleep(1)
    share = (ticks(target) - before) / os.sysconf("SC_CLK_TCK")
    s.figures["quiet second"] = f"{share:.0%}"
    s.expect(share < 0.2, f"it used {share:.0%} of a processor while nobody asked it")
    s.expect(target.is_alive(), "it died")


def ticks(target):
    """Of the processor, by the whole process since its start."""
    return sum(map(int, Path(f"/proc/{target.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def request(method, path, host):
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def repeat(attack, kind, source, one):
    pour_again(attack, kind, source, one * 5000, "http/1.1")
