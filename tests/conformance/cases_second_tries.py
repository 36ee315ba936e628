"""What is asked again, and how: in a simpler form, over another connection, of the same server or the next."""
import functools
import socket
import struct
import time

import wire
from harness import case, check, equal
from upstream import Close, Drip, Wait


def good(q, tcp):
    return [wire.reply(q.raw, [wire.a(q.qname)])]


def bare(q, rcode=wire.FORMERR):
    return struct.pack("!HHHHHH", q.id, wire.QR | wire.RD | rcode, 0, 0, 0, 0)


def over_tcp_only(script):
    """Whatever comes over UDP is truncated."""
    return lambda q, tcp: script(q, tcp) if tcp else [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.RA | wire.TC)]


MINDS_EDNS = {
    "FORMERR": lambda q: wire.reply(q.raw, rcode=wire.FORMERR),
    "FORMERR and an OPT": lambda q: wire.reply(q.raw, rcode=wire.FORMERR, additional=[wire.opt()]),
    "NOTIMP": lambda q: wire.reply(q.raw, rcode=4),
    "BADVERS": lambda q: wire.reply(q.raw, additional=[wire.opt(ext_rcode=1)]),
    "a bare header with FORMERR": bare,
    "a bare header with NOTIMP": functools.partial(bare, rcode=4),
    "a bare header that promises what was cut off": lambda q: struct.pack("!HHHHHH", q.id, wire.QR | wire.FORMERR, 1, 0, 0, 1),
}
for what, build in MINDS_EDNS.items():
    for tcp_only in (False, True):
        @case("RFC 6891 section 6.2.2", f"a server that says {what} to EDNS is asked without{' over TCP' if tcp_only else ''}")
        def _(c, build=build, tcp_only=tcp_only):
            script = lambda q, tcp: good(q, tcp) if not q.edns else [build(q)]
            name = c.script("www", over_tcp_only(script) if tcp_only else script)
            before = time.monotonic()
            equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
            check(time.monotonic() - before < 1, "it took a second")


@case("RFC 6891 section 6.2.2", "a server that minds EDNS and has no other word is a failure, and soon")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, rcode=wire.FORMERR)])
    before = time.monotonic()
    equal(c.ask(name).rcode, wire.SERVFAIL, "rcode")
    check(time.monotonic() - before < 1, "it took a second")


@case("RFC 1035 section 4.1.1", "a question without EDNS carries no bits of later times", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: good(q, tcp) if not q.edns else [wire.reply(q.raw, rcode=wire.FORMERR)])
    equal(c.ask(name, flags=wire.RD | wire.CD, do=True).addresses(), ["192.0.2.1"], "addresses")
    equal(c.upstream.asked(name)[-1].flags & (wire.AD | wire.CD), 0, "AD and CD")


@case("RFC 6891 section 6.2.2", "a zone whose only server is an old one resolves, and the server's way is remembered")
def _(c):
    names = [f"n{i}.c{c.number}.old.example" for i in range(20)]
    for name in names:
        equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
    asked = [len(c.upstreams.old.asked(name)) for name in names]
    check(sum(asked) <= 25, f"{sum(asked)} questions upstream for 20 names")


@case("RFC 6891 section 6.2.2", "a server that minds EDNS for one name still gets it for the others")
def _(c):
    before, minds, after = (f"{label}.c{c.number}.inner.example" for label in ("before", "minds", "after"))
    c.inner.on(minds, lambda q, tcp: good(q, tcp) if not q.edns else [wire.reply(q.raw, rcode=wire.FORMERR)])
    for name in (before, minds, after):
        equal(c.ask(name, do=True).addresses(), ["192.0.2.1"], "addresses")
    check(c.inner.asked(after)[0].edns is not None, "no EDNS")


@case("RFC 6891 section 6.2.2", "whoever wants signatures gets them again as soon as an old server is a new one", only="cenote")
def _(c):
    name = f"www.c{c.number}.renewed.example"
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
    new = f"new.c{c.number}.renewed.example"
    c.upstreams.renewed.on(new, good)
    c.ask(new, do=True)
    check(c.upstreams.renewed.asked(new)[0].edns is not None, "no EDNS")


def together_at(c, server, zone, count, seconds):
    """`count` questions at once to a server that closes after each answer, which takes so long."""
    names = [f"n{i}.c{c.number}.{zone}" for i in range(count)]
    for name in names:
        server.on(name, lambda q, tcp: [Wait(seconds), *good(q, tcp)])
    found = {}
    c.together(*[lambda name=name: found.update({name: c.ask(name)}) for name in names])
    failed = [name for name in names if found.get(name) is None or found[name].addresses() != ["192.0.2.1"]]
    equal(failed, [], "names without an answer")


for slow in (0, 0.1):
    @case("RFC 7766 section 6.2.4", f"twenty questions to a TCP server that closes after each answer{', which takes 100 ms,' if slow else ''} are all answered")
    def _(c, slow=slow):
        together_at(c, c.upstreams.closing, "closing.example", 20, slow)

    @case("RFC 7858 section 3.4", f"twenty questions to a TLS server that closes after each answer{', which takes 100 ms,' if slow else ''} are all answered")
    def _(c, slow=slow):
        together_at(c, c.upstreams.closing_tls, "closing-tls.example", 20, slow)


@case("RFC 7766 section 6.2.4", "a server that closes three connections without an answer and then answers is heard")
def _(c):
    count = [0]

    def script(q, tcp):
        count[0] += 1
        return [Close] if count[0] <= 3 else good(q, tcp)
    name = f"www.c{c.number}.closing.example"
    c.upstreams.closing.on(name, script)
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 7766 section 6.2.4", "a server that only ever closes connections is a failure before the client gives up")
def _(c):
    name = f"www.c{c.number}.closing.example"
    c.upstreams.closing.on(name, lambda q, tcp: [Close])
    before = time.monotonic()
    equal(c.ask(name).rcode, wire.SERVFAIL, "rcode")
    check(time.monotonic() - before < 5, "it took five seconds")
    check(len(c.upstreams.closing.asked(name)) <= 30, f"{len(c.upstreams.closing.asked(name))} attempts")


for seconds in (0.5, 2):
    @case("RFC 7766 section 8", f"an answer over TCP whose bytes take {seconds} seconds to come is heard")
    def _(c, seconds=seconds):
        name = c.script("www", over_tcp_only(lambda q, tcp: [Drip(seconds, good(q, tcp)[0])]))
        equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


GARBLED = {
    "cut behind its header": lambda q: good(q, False)[0][:12],
    "cut in a record": lambda q: good(q, False)[0][:-2],
    "cut in the middle": lambda q: good(q, False)[0][:len(good(q, False)[0]) - 10],
    "of more records than there are": lambda q: wire.reply(q.raw, [wire.a(q.qname)], counts=(1, 7, 0, 0)),
    "with an owner that points to itself": lambda q: wire.reply(q.raw, counts=(1, 1, 0, 0)) + struct.pack("!H", 0xC000 | len(wire.reply(q.raw))) + b"\0\1\0\1\0\0\0\x3c\0\4\xc6\x33\x64\x42",
    "whose question is cut": lambda q: good(q, False)[0][:14],
}
for what, build in GARBLED.items():
    for wait in (0, 0.3):
        @case("TuDoor, IEEE S&P 2024", f"a datagram {what} does not end the wait for the good one{', which is late' if wait else ''}")
        def _(c, build=build, wait=wait):
            name = c.script("www", lambda q, tcp: [build(q), Wait(wait), *good(q, tcp)])
            equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 7766 section 5", "a server whose datagrams are always garbled is asked over TCP")
def _(c):
    name = c.script("www", lambda q, tcp: good(q, tcp) if tcp else [good(q, tcp)[0][:-2]])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
