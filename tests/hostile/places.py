"""Many connections of one address, as of a branch office behind an address translator: whoever comes newly from that same address
is served within a second, on every transport. And the end of a server that has connections open."""
import signal
import socket
import ssl
import time

import wire
from clients import DATA, HEADERS, PREFACE, frame, header_block
from http2 import QUESTION
from scenario import SLOWER, scenario
from streams import client_hello
from tools import CLIENT, PAGE, Answers, cached, count_ended, framed, tcp, tls

KINDS = ("tcp", "dot", "doh", "doh_h2", "page", "page_http", "api")
PORTS = {"tcp": "dns", "doh_h2": "doh"}
SECURE = ("dot", "doh", "doh_h2", "page")
GETS = {kind: f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for kind, path, host in (
    ("doh", f"/dns-query?dns={QUESTION}", "dns.example"), ("page", "/", PAGE), ("page_http", "/", PAGE), ("api", "/healthz", "localhost"))}
A_SECOND = 1.0
DRIBBLE = 0.4  # seconds between two bytes


def dial(ports, kind, timeout=5.0):
    """A connection that could ask at once."""
    port = ports[PORTS.get(kind, kind)]
    if kind not in SECURE:
        return tcp(port, CLIENT, timeout)
    return tls(port, CLIENT, {"dot": "dot", "doh_h2": "h2"}.get(kind, "http/1.1"), timeout)


def said(kind):
    """What asks for something, in whole."""
    if kind in ("tcp", "dot"):
        return framed(cached(1))
    if kind == "doh_h2":
        question = wire.query("hot1.innocent.example", id=0)
        return PREFACE + frame(HEADERS, 4, 1, header_block(len(question))) + frame(DATA, 1, 1, question)
    return GETS[kind]


def is_answered(connection, kind):
    heard, got = Answers(), b""
    while True:
        data = connection.recv(65536)
        if not data:
            return False
        got += data
        heard.feed(data if kind == "doh_h2" else b"")
        if (heard.ended if kind == "doh_h2" else got.startswith(b"HTTP/1.1 ") if kind in GETS else len(got) > 12):
            return True


def serve_newcomer(s, kind):
    """Seconds until a newcomer has its answer; counts one that has none."""
    began = time.monotonic()
    try:
        connection = dial(s.ports, kind, A_SECOND * SLOWER)
        with connection:
            connection.sendall(said(kind))
            if is_answered(connection, kind):
                return time.monotonic() - began
    except (OSError, ssl.SSLError):
        pass
    s.count[f"{kind} newcomers in vain"] += 1
    return time.monotonic() - began


def hold(attack, kind, how, wanted):
    """Connections that say nothing; "hello": whose TLS is never begun; "dribble": that say their question byte by byte."""
    held, due = [], 0
    while attack.goes_on():
        if len(held) < wanted:
            try:
                begins = how == "hello" or (how == "dribble hello" and kind in SECURE)
                connection = tcp(attack.ports[PORTS.get(kind, kind)], CLIENT, 2) if begins else dial(attack.ports, kind, 2)
                connection.setblocking(False)
                held.append([connection, client_hello() if begins else said(kind), 0])
                attack.count["connections"] += 1
            except OSError:
                attack.count["not let in"] += 1
        if "dribble" in how and time.monotonic() > due:
            for entry in list(held):
                try:
                    entry[0].send(entry[1][entry[2]:entry[2] + 1])
                    entry[2] += 1
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
                except OSError:
                    attack.count["cut"] += 1
                    held.remove(entry)
            due = time.monotonic() + DRIBBLE
        if len(held) >= wanted:
            time.sleep(0.02)
    attack.count["cut"] += count_ended([entry[0] for entry in held])


def crowd(s, how, wanted, limits=""):
    s.target = s.new_target(site={"limits": f"{{rate: 0{limits}}}"} if limits else {})
    s.target.start()
    for i in range(20):
        s.target.ask(f"hot{i}.innocent.example")
    for kind in KINDS:
        if how == "hello" and kind not in SECURE:
            continue
        s.attack(hold, kind, how, wanted)
        slowest, slowest_udp = [0.0], [0.0]

        def work(kind=kind, slowest=slowest, slowest_udp=slowest_udp):
            slowest[0] = max(slowest[0], serve_newcomer(s, kind))
            began = time.monotonic()
            if s.target.ask("hot1.innocent.example", timeout=A_SECOND * SLOWER, source=CLIENT) is None:
                s.count["udp questions in vain"] += 1
            slowest_udp[0] = max(slowest_udp[0], time.monotonic() - began)
            return 0.1
        s.storm(work)
        s.figures[kind] = f"{slowest[0] * 1000:.0f} ms"
        s.expect(slowest[0] <= A_SECOND * SLOWER, f"a newcomer over {kind} waited {slowest[0]:.2f} s")
        s.expect(slowest_udp[0] <= A_SECOND * SLOWER, f"meanwhile an answer over UDP took {slowest_udp[0]:.2f} s")
    vain = {key: count for key, count in s.count.items() if "in vain" in key}
    s.expect(not vain, f"{vain}")
    s.expect(not limits or s.target.counters().get("cenote_displaced_connections_total", 0) > 0, "nobody made room, says /metrics")
    s.expect(s.target.is_alive(), "the server died")


@scenario(alone=True, seconds=(2, 8), quick=False)
def dribblers(s):
    """150 connections of one address that say their question a byte each 0.4 s, on each transport: who comes newly from there is
    served within a second."""
    crowd(s, "dribble", 150)


@scenario(alone=True, seconds=(1, 8))
def dribblers_at_64(s):
    """The same where a client may have 64 connections only, and TLS itself comes byte by byte."""
    crowd(s, "dribble hello", 150, ", connections_per_client: 64")


@scenario(alone=True, seconds=(2, 8), quick=False)
def without_hello(s):
    """150 connections of one address to each TLS port that never begin TLS."""
    crowd(s, "hello", 150)


@scenario(alone=True, seconds=(1, 8))
def without_hello_at_64(s):
    """The same where a client may have 64 connections only."""
    crowd(s, "hello", 150, ", connections_per_client: 64")


@scenario(alone=True, seconds=(4, 12), quick=False)
def idle(s):
    """1,000 connections of one address that could ask at any time, TLS done, and never do."""
    crowd(s, "idle", 1000)


@scenario(alone=True, seconds=(4, 12), quick=False)
def idle_at_64_of_100(s):
    """The same where a client may have 64 connections, and all together 100."""
    crowd(s, "idle", 1000, ", connections_per_client: 64, connections: 100")


@scenario(alone=True, seconds=(1, 1))
def end(s):
    """SIGTERM while connections of every kind are open and idle: the server ends within 100 ms, and answers over UDP until then."""
    wanted = 5 if s.is_quick else 40
    s.target = s.new_target()
    s.target.start()
    held = []
    for kind in KINDS:
        for number in range(wanted):
            connection = dial(s.ports, kind)
            if number % 2 == 0:
                connection.sendall(said(kind))
                s.expect(is_answered(connection, kind), f"no answer over {kind}")
            held.append(connection)
    probe = socket.socket(type=socket.SOCK_DGRAM)
    probe.connect(("127.0.0.1", s.ports["dns"]))
    probe.settimeout(0.02)
    began = answered = time.monotonic()
    s.target.process.send_signal(signal.SIGTERM)
    while time.monotonic() - began < 20:
        try:
            probe.send(cached(1))
            probe.recv(4096)
            answered = time.monotonic()
        except socket.timeout:
            pass
        except OSError:  # the port is closed
            break
    closed = time.monotonic()
    code = s.target.process.wait(60)
    s.figures |= {"port closed after": f"{(closed - began) * 1000:.0f} ms", "last answer after": f"{(answered - began) * 1000:.0f} ms",
                  "ended after": f"{(time.monotonic() - began) * 1000:.0f} ms"}
    s.expect(closed - began < 0.1 * SLOWER, f"the port was closed after {closed - began:.2f} s")
    s.expect(closed - answered < 0.05 * SLOWER, f"it was deaf for {closed - answered:.2f} s before")
    s.expect(code == 0, f"exit code {code}")
    for connection in held:
        connection.close()
