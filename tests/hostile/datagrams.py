"""Floods of datagrams."""
import struct
import time

import wire
from scenario import scenario
from tools import CLIENT, datagrams, drop_answers, paced, try_send

# What Python sends from two attackers is far below what the server reads: nothing is lost for want of room.
PER_SECOND = 15000


def flood(attack, sources, raws, per_second=PER_SECOND):
    socks = [datagrams(source, attack.ports["dns"]) for source in sources]
    at = 0

    def send():
        nonlocal at
        at += 1
        attack.count["datagrams"] += try_send(socks[at % len(socks)], raws[at % len(raws)])
        if at % 64 == 0:
            for sock in socks:
                attack.count["answers to it"] += drop_answers(sock)[0]
    paced(attack, per_second, send)


@scenario()
def garbage(s):
    """Random bytes in datagrams from many ports: they are ignored or called malformed, and everybody else is answered."""
    s.attack(flood, [CLIENT] * 16, [s.random.randbytes(s.random.randint(1, 600)) for _ in range(500)], count=2)
    s.storm()
    s.expect_counted("cenote_malformed_total", "cenote_ignored_total")


@scenario()
def malformed(s):
    """Questions that are cut, lie about their counts or hold loops of pointers: everybody else is answered."""
    good = wire.query("www.innocent.example")
    raws = [good[:cut] for cut in range(12, len(good))]
    raws += [wire.query("www.innocent.example", counts=counts) for counts in ((9, 9, 9, 9), (0, 0, 0, 1), (65535, 0, 0, 0), (1, 1, 0, 1))]
    raws += [wire.query(b"\xc0\x0c"), wire.query(b"\x3f" + b"a" * 63 + b"\xc0\x0c"), wire.query(b"\1a" * 200 + b"\0")]
    s.attack(flood, [CLIENT] * 16, raws, count=2)
    s.storm()
    s.expect_counted("cenote_malformed_total")


@scenario()
def strangers(s):
    """Good questions from a thousand addresses that may not ask: they are refused, and everybody else is answered."""
    sources = [f"127.1.{i // 250}.{1 + i % 250}" for i in range(1000)]
    s.attack(flood, sources[:500], [wire.query(f"n{i}.innocent.example") for i in range(100)])
    s.attack(flood, sources[500:], [wire.query(f"n{i}.innocent.example") for i in range(100)])
    s.storm()
    s.expect_counted("cenote_refused_clients_total")


@scenario(memory=48, site={"cache": "{size: 8MiB}"})
def new_names(s):
    """Questions for names that nobody has asked for: the cache keeps its size, and everybody else is answered."""
    s.attack(new_names_flood, 3000)


def new_names_flood(attack, per_second):
    sock = datagrams(CLIENT, attack.ports["dns"])

    def send():
        name = f"n{attack.random.getrandbits(60):x}.bad.example"
        attack.count["datagrams"] += try_send(sock, wire.query(name))
        attack.count["answers to it"] += drop_answers(sock)[0]
    paced(attack, per_second, send)


RATE = 10
KINDS = {
    "refused": ("127.1.0.7", wire.query("a")),
    "malformed": ("127.0.6.1", wire.query("www.innocent.example", counts=(1, 0, 0, 9))),
    "another opcode": ("127.0.6.2", wire.query("www.innocent.example", flags=0x2800)),
    "another version of EDNS": ("127.0.6.3", wire.query("www.innocent.example", version=1)),
    "another class": ("127.0.6.4", wire.query("www.innocent.example", qclass=wire.HS)),
    "CHAOS": ("127.0.6.5", wire.query("version.bind", wire.TXT, qclass=wire.CH)),
    "blocked": ("127.0.6.6", wire.query("www.blocked.example")),
    "cached": ("127.0.6.7", wire.query("hot1.innocent.example")),
}


@scenario(site={"limits": f"{{rate: {RATE}, exempt: [127.0.0.0/24]}}"})
def reflection(s):
    """A forged source sends 300 datagrams at once of each kind: limits.rate holds for whatever is answered, also for what is
    refused or malformed, and no stranger gets more bytes than it sent."""
    for kind, (source, raw) in KINDS.items():
        sock = datagrams(source, s.ports["dns"])
        sent = sum(try_send(sock, raw) for _ in range(300))
        time.sleep(0.3)
        # Counted without those that are told to come by TCP, which hold nothing.
        count = size = slips = 0
        try:
            while True:
                answer = sock.recv(65535)
                size += len(answer)
                count, slips = count + 1, slips + (struct.unpack("!H", answer[2:4])[0] & wire.TC > 0)
        except OSError:
            pass
        sock.close()
        s.count["datagrams"] += sent
        s.figures[kind] = f"{count - slips}+{slips} slips, {size / max(1, sent * len(raw)):.2f}"
        s.expect(count - slips <= 4 * RATE, f"{kind}: {count - slips} answers to {sent} datagrams at {RATE} a second")
        s.expect(size <= sent * len(raw), f"{kind}: {size} bytes for {sent * len(raw)}")
    s.expect_counted("cenote_rate_limited_total")
