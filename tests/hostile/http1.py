"""Slow requests over HTTP/1.1, at DoH, the block page and the control API."""
import time

from hits import fill_history
from http2 import QUESTION
from scenario import scenario
from tools import CLIENT, PAGE, STRANGER, opened, pour_again

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


def request(method, path, host):
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def repeat(attack, kind, source, one):
    pour_again(attack, kind, source, one * 5000, "http/1.1")
