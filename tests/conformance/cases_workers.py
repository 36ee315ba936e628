"""One resolver, however many workers serve: what one of them knows, all know. Each question comes from a port of its
own, so that the kernel hands them to any worker."""
import time

import wire
from harness import case, check, equal
from upstream import Wait


@case("RFC 2181 section 8", "the TTL of an answer never goes up while it lasts, whichever port asks")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, ttl=300)])])
    ttls = []
    for _ in range(30):
        ttls.append(c.ask(name).answers[0].ttl)
        time.sleep(0.05)
    check(ttls == sorted(ttls, reverse=True), f"TTLs {ttls}")
    equal(len(c.upstream.asked(name)), 1, "questions upstream")


@case("RFC 1035 section 7.4", "a hundred names that were asked once are all there, whichever port asks")
def _(c):
    names = [c.name(f"n{i}") for i in range(100)]
    for name in names * 3:
        c.ask(name)
    asked = [len(c.upstream.asked(name)) for name in names]
    equal(asked, [1] * 100, "questions upstream")


@case("RFC 5452 section 5", "forty who ask the same at once, from forty ports, cost one question upstream")
def _(c):
    name = c.script("slow", lambda q, tcp: [Wait(0.15), wire.reply(q.raw, [wire.a(q.qname)])])
    found = []
    c.together(*[lambda: found.append(c.ask(name).addresses()) for _ in range(40)])
    equal(found, [["192.0.2.1"]] * 40, "addresses")
    equal(len(c.upstream.asked(name)), 1, "questions upstream")


@case("RFC 1035 section 7.4", "an answer of TTL 0 serves all who waited for it, from whatever port")
def _(c):
    name = c.script("now", lambda q, tcp: [Wait(0.15), wire.reply(q.raw, [wire.a(q.qname, ttl=0)])])
    found = []
    c.together(*[lambda: found.append(c.ask(name).addresses()) for _ in range(20)])
    equal(found, [["192.0.2.1"]] * 20, "addresses")
    equal(len(c.upstream.asked(name)), 1, "questions upstream")


@case("RFC 9520 section 3.2", "a failure is remembered once for all ports, and all who waited hear of it")
def _(c):
    name = c.script("broken", lambda q, tcp: [Wait(0.2), wire.reply(q.raw, rcode=wire.SERVFAIL)])
    found = []
    c.together(*[lambda: found.append(c.ask(name).rcode) for _ in range(20)])
    first = len(c.upstream.asked(name))
    for _ in range(20):
        found.append(c.ask(name).rcode)
    equal(found, [wire.SERVFAIL] * 40, "rcodes")
    equal(len(c.upstream.asked(name)), first, "questions upstream after the failure")


@case("RFC 2308 section 5", "that a name does not exist is known to all ports")
def _(c):
    name = c.script("gone", lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa("example")], rcode=wire.NXDOMAIN)])
    equal([c.ask(name).rcode for _ in range(24)], [wire.NXDOMAIN] * 24, "rcodes")
    equal(len(c.upstream.asked(name)), 1, "questions upstream")


@case("RFC 2308 section 5", "that a name is proven not to exist is known to all ports, for all types", only="cenote")
def _(c):
    name = f"gone.c{c.number}.trusted.example"
    c.inner.on(name, lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa("trusted.example")], rcode=wire.NXDOMAIN, flags=wire.QR | wire.RD | wire.RA | wire.AD)])
    equal([c.ask(name, qtype).rcode for qtype in (wire.A, wire.AAAA, wire.TXT) * 8], [wire.NXDOMAIN] * 24, "rcodes")
    equal(len(c.inner.asked(name)), 1, "questions upstream")
