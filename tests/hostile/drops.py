"""Answers that are dropped for what is in them: whoever waits for one on a connection must be told that it does not come."""
import time

import wire
from clients import DATA, HEADERS, PREFACE, frame, header_block
from scenario import SLOWER, scenario
from tools import CLIENT, Answers, count_ended, framed, opened, pour, take

CLOSED_AFTER = 15  # seconds after its last question in which an idle connection of TCP or DoT is closed


@scenario(seconds=(1, 1))
def closed(s):
    """Thirty clients over TCP and DoT each ask for a name whose answer leads to a dropped one, and wait: their connections are
    closed as any idle one."""
    for kind in ("tcp", "dot"):
        s.attack(ask_and_wait, kind, 30, CLOSED_AFTER * SLOWER)
    s.storm()
    s.expect(s.count["closed"] == 60, f"{60 - s.count['closed']} of 60 connections are open {CLOSED_AFTER * SLOWER:.0f} s after a dropped answer")


def ask_and_wait(attack, kind, connections, patience):
    attack.until = time.monotonic() + patience
    held = [opened(attack, kind, CLIENT) for _ in range(connections)]
    held = [connection for connection in held if connection is not None]
    for number, connection in enumerate(held):
        connection.sendall(framed(wire.query(f"todrop{kind}{number}.bad.example")))
    open_yet = held
    while attack.goes_on() and open_yet:
        time.sleep(0.2)
        ended = [connection for connection in open_yet if count_ended([connection])]
        attack.count["closed"] += len(ended)
        open_yet = [connection for connection in open_yet if connection not in ended]


@scenario(memory=6)
def forgotten(s):
    """Questions over DoH whose answers are dropped, thousands on one connection after the other: each request ends, nothing is
    kept of it."""
    for number in range(2):
        s.attack(ask_over_doh, f"127.0.5.{20 + number}")
    s.storm()
    s.expect(s.count["unanswered"] == 0, f"{s.count['unanswered']} of {s.count['requests']} requests had no answer within 3 s")


def ask_over_doh(attack, source):
    while attack.goes_on():
        connection = opened(attack, "doh", source)
        if connection is None:
            continue
        heard = Answers()
        data = PREFACE
        for stream in range(1, 161, 2):
            body = wire.query(f"todrop{attack.random.randint(1, 200)}.bad.example", id=0)
            data += frame(HEADERS, 4, stream, header_block(len(body))) + frame(DATA, 1, stream, body)
        if pour(attack, connection, data, heard=heard) == "over":
            connection.close()
            break
        patience = time.monotonic() + 3 * SLOWER
        while heard.ended < 80 and time.monotonic() < patience and take(connection, True, heard):
            pass
        attack.count["requests"] += 80
        attack.count["unanswered"] += 80 - heard.ended
        connection.close()
