"""Upstream servers that mean harm. One client asks for their names; everybody else's questions go to an honest one."""
import time

import wire
from scenario import scenario
from tools import CLIENT, datagrams, drop_answers, framed, opened, paced, take, try_send


def ask_in_turn(attack, kind, source, names, qtypes):
    """One question after the other over TCP, each for a new name."""
    number = 0
    while attack.goes_on():
        connection = opened(attack, "tcp", source)
        if connection is None:
            continue
        for _ in range(20):
            number += 1
            heard = Sizes()
            connection.setblocking(True)
            connection.sendall(framed(wire.query(f"{names}{number}x{attack.random.getrandbits(40)}.bad.example", qtypes[number % len(qtypes)])))
            connection.setblocking(False)
            patience = time.monotonic() + 3
            while heard.is_waiting() and time.monotonic() < min(patience, attack.until) and take(connection, True, heard):
                pass
            attack.count[kind] += not heard.is_waiting()
            if not attack.goes_on():
                break
        connection.close()


class Sizes:
    """Whether a whole frame has come."""

    def __init__(self):
        self.size = 0
        self.wanted = None
        self.head = b""

    def feed(self, data):
        self.size += len(data)
        self.head = (self.head + data)[:2]
        if len(self.head) == 2:
            self.wanted = 2 + int.from_bytes(self.head, "big")

    def is_waiting(self):
        return self.wanted is None or self.size < self.wanted


@scenario(seconds=(3, 6), workers=1)
def bombs(s):
    """MX, NS and PTR answers of 65 KB with 244 names of 126 labels each, one after the other: an answer costs little to write."""
    for number in range(2):
        s.attack(ask_in_turn, "bombs", f"127.0.5.{30 + number}", "bomb", (wire.MX, wire.NS, wire.PTR))


@scenario(seconds=(3, 6), workers=1)
def pointer_chains(s):
    """Answers of 64 KB whose owners are chains of 120 pointers, with the CNAMEs at the end: an answer costs little to read."""
    for number in range(2):
        s.attack(ask_in_turn, "chains", f"127.0.5.{40 + number}", "chain", (wire.A,))


def ask_many(attack, prefix, source, per_second):
    sock = datagrams(source, attack.ports["dns"])

    def send():
        attack.count["datagrams"] += try_send(sock, wire.query(f"{prefix}{attack.random.getrandbits(50)}.bad.example"))
        attack.count["answers to it"] += drop_answers(sock)[0]
    paced(attack, per_second, send)


@scenario()
def drips(s):
    """Answers over TCP that come byte by byte, and some that never come: other questions do not wait for them."""
    s.attack(ask_many, "drip", CLIENT, 100)
    s.attack(ask_many, "silent", "127.0.5.6", 300)


@scenario()
def closes(s):
    """Connections that are closed in the middle of each answer: other questions go on."""
    s.attack(ask_many, "close", CLIENT, 200)


@scenario()
def wrong_ids(s):
    """300 answers with wrong ids before each right one, from the right address and port: none is believed."""
    s.attack(ask_many, "wrongid", CLIENT, 60)
    s.storm()
    answer = s.target.ask(f"wrongid{s.random.getrandbits(40)}.bad.example", timeout=5)
    s.expect(answer is None or "192.0.2.66" not in answer.addresses(), f"a forged answer was believed: {answer}")
    s.expect(s.count["answers to it"] > 0, "no question was answered, though the right answer came each time")
