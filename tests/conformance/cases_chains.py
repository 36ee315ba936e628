"""Answers that are put together: an upstream that knows an alias and not what is behind it, a record of the site's own
that leads elsewhere, and servers that only refer to others."""
import time

import wire
from harness import case, check, equal
from upstream import Wait

AUTHORITATIVE = wire.QR | wire.AAF | wire.RD  # and no RA: of a server that does not resolve


def alias_only(target, flags=AUTHORITATIVE):
    """The alias, and not a word about what is behind it."""
    return lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, target)], flags=flags)]


def inner(c, label, target, flags=AUTHORITATIVE):
    name = f"{label}.c{c.number}.inner.example"
    c.inner.on(name, alias_only(target, flags))
    return name


@case("RFC 1034 section 4.3.2", "an alias of an inner zone whose server does not resolve leads to its outer address")
def _(c):
    name = inner(c, "www", c.name("cloud"))
    answer = c.ask(name)
    equal([(r.owner.lower(), r.rtype) for r in answer.answers], [(name, wire.CNAME), (c.name("cloud"), wire.A)], "answer")
    again = c.ask(name)
    equal(again.addresses(), ["192.0.2.1"], "addresses from the cache")
    equal(len(c.inner.asked(name)), 1, "questions of the inner server")


@case("RFC 1034 section 4.3.2", "an alias that an upstream leaves open in its own zone is asked for again")
def _(c):
    name = c.script("www", alias_only(c.name("target"), flags=wire.QR | wire.RD | wire.RA))
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 1034 section 4.3.2", "an alias of an outer zone leads to an inner name", only="cenote")
def _(c):
    target = f"host.c{c.number}.inner.example"
    name = c.script("www", alias_only(target, flags=wire.QR | wire.RD | wire.RA))
    answer = c.ask(name)
    equal([r.rtype for r in answer.answers], [wire.CNAME, wire.A], "types")
    equal(len(c.inner.asked(target)), 1, "questions of the inner server")


@case("RFC 1034 section 4.3.2", "an open chain goes on through several zones")
def _(c):
    second = inner(c, "second", c.name("third"))
    c.script("third", alias_only(c.name("fourth"), flags=wire.QR | wire.RD | wire.RA))
    name = c.script("www", alias_only(second, flags=wire.QR | wire.RD | wire.RA))
    answer = c.ask(name)
    equal([r.rtype for r in answer.answers], [wire.CNAME] * 3 + [wire.A], "types")
    equal(answer.answers[-1].owner.lower(), c.name("fourth"), "owner of the address")


@case("RFC 2308 section 2.1", "an alias that leads to nothing is NXDOMAIN, with the SOA of its end")
def _(c):
    c.script("gone", lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa(c.zone)], rcode=wire.NXDOMAIN)])
    answer = c.ask(inner(c, "www", c.name("gone")))
    equal(answer.rcode, wire.NXDOMAIN, "rcode")
    equal([r.rtype for r in answer.answers], [wire.CNAME], "types")
    equal([r.rtype for r in answer.authority], [wire.SOA], "authority")


@case("RFC 2308 section 2.2", "an alias whose end has no such data says so, with the SOA of its end")
def _(c):
    answer = c.ask(inner(c, "www", c.name("cloud")), wire.AAAA)
    equal(answer.rcode, wire.NOERROR, "rcode")
    equal([r.rtype for r in answer.answers], [wire.CNAME], "types")
    equal([r.rtype for r in answer.authority], [wire.SOA], "authority")


@case("RFC 2308 section 2.2", "an alias whose end has no such data, and no SOA, is no circle")
def _(c):
    c.script("cloud", lambda q, tcp: [wire.reply(q.raw)])
    before = time.monotonic()
    answer = c.ask(inner(c, "www", c.name("cloud")))
    equal((answer.rcode, [r.rtype for r in answer.answers]), (wire.NOERROR, [wire.CNAME]), "answer")
    check(time.monotonic() - before < 2, "it took two seconds")


@case("RFC 1034 section 3.6.2", "a circle of open aliases is a failure, and soon")
def _(c):
    other = f"other.c{c.number}.inner.example"
    name = c.script("www", alias_only(other, flags=wire.QR | wire.RD | wire.RA))
    c.inner.on(other, alias_only(name))
    before = time.monotonic()
    answer = c.ask(name)
    check(answer.rcode == wire.SERVFAIL or not answer.addresses(), f"rcode {answer.rcode}")
    check(time.monotonic() - before < 2, "it took two seconds")
    check(len(c.upstream.asked(name)) <= 4, f"{len(c.upstream.asked(name))} questions upstream")


@case("CAMP, USENIX Security 2024", "an open chain of fifty aliases is not followed to its end")
def _(c):
    for i in range(50):
        c.script(f"n{i}", alias_only(c.name(f"n{i + 1}"), flags=wire.QR | wire.RD | wire.RA))
    answer = c.ask(c.name("n0"))
    check(answer.rcode == wire.SERVFAIL or len(answer.answers) <= 20, f"{len(answer.answers)} records")
    asked = sum(len(c.upstream.asked(c.name(f"n{i}"))) for i in range(50))
    check(asked <= 30, f"{asked} questions upstream")


@case("RFC 1034 section 4.3.2", "an open chain whose end fails is a failure, not an answer without its end")
def _(c):
    c.script("broken", lambda q, tcp: [wire.reply(q.raw, rcode=wire.SERVFAIL)])
    equal(c.ask(inner(c, "www", c.name("broken"))).rcode, wire.SERVFAIL, "rcode")


@case("RFC 8767 section 5", "an open chain whose end never answers is a failure before the client gives up at five seconds")
def _(c):
    c.script("silent", lambda q, tcp: [])
    c.inner.on(f"slow.c{c.number}.inner.example", lambda q, tcp: [Wait(0.3), *alias_only(c.name("silent"))(q, tcp)])
    before = time.monotonic()
    equal(c.ask(f"slow.c{c.number}.inner.example").rcode, wire.SERVFAIL, "rcode")
    check(time.monotonic() - before < 5, "it took five seconds")


@case("RFC 2181 section 8", "what a chain was put together from ends with its shortest TTL")
def _(c):
    c.script("cloud", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, ttl=1)])])
    name = inner(c, "www", c.name("cloud"))
    c.ask(name)
    time.sleep(1.3)
    c.ask(name)
    equal(len(c.upstream.asked(c.name("cloud"))), 2, "questions for the end")


@case("RFC 5452 section 5", "many who ask for an open chain at once cause one question for each part")
def _(c):
    c.script("cloud", lambda q, tcp: [Wait(0.15), wire.reply(q.raw, [wire.a(q.qname)])])
    name = inner(c, "www", c.name("cloud"))
    found = []
    c.together(*[lambda: found.append(c.ask(name).addresses()) for _ in range(20)])
    equal(found, [["192.0.2.1"]] * 20, "answers")
    equal((len(c.inner.asked(name)), len(c.upstream.asked(c.name("cloud")))), (1, 1), "questions upstream")


@case("an attacker learns nothing", "nobody asks for a blocked name at the end of an open chain", only="cenote")
def _(c):
    target = f"c{c.number}.blocked.example"
    answer = c.ask(inner(c, "www", target))
    equal((answer.rcode, answer.addresses()), (wire.NXDOMAIN, []), "answer")
    equal(len(c.upstream.asked(target)), 0, "questions for the blocked name")


@case("DNS rebinding", "an outer alias that leads to an inner zone's inner address is withheld", only="cenote")
def _(c):
    target = f"nas.c{c.number}.inner.example"
    c.inner.on(target, lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "10.0.0.7")])])
    answer = c.ask(c.script("www", alias_only(target, flags=wire.QR | wire.RD | wire.RA)))
    equal(answer.addresses(), [], "addresses")


@case("DNS rebinding", "an inner alias that leads to an inner address from outside is withheld, also from the cache", only="cenote")
def _(c):
    target = c.script("evil", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "10.0.0.7")])])
    name = inner(c, "www", target)
    for _ in range(3):
        equal(c.ask(name).addresses(), [], "addresses")


@case("RFC 2308 section 2.2", "an alias that a resolver leaves open, and whose end fails, has no data", only="cenote")
def _(c):
    for rcode in (wire.SERVFAIL, wire.NXDOMAIN):
        c.script(f"end{rcode}", lambda q, tcp, rcode=rcode: [wire.reply(q.raw, authority=[wire.soa(c.zone)], rcode=rcode)])
        name = c.script(f"www{rcode}", alias_only(c.name(f"end{rcode}"), flags=wire.QR | wire.RD | wire.RA))
        answer = c.ask(name)
        equal((answer.rcode, [r.rtype for r in answer.answers]), (wire.NOERROR, [wire.CNAME]), "answer")


@case("RFC 1034 section 4.3.2", "a record of the site's own that is an alias leads to its address", only="cenote")
def _(c):
    answer = c.ask("own-alias.site.example")
    equal([r.rtype for r in answer.answers], [wire.CNAME, wire.A], "types")
    equal(answer.answers[0].target, "www.outside.example", "target")


@case("RFC 1034 section 4.3.2", "a record of the site's own may lead through another one", only="cenote")
def _(c):
    answer = c.ask("own-chain.site.example")
    equal([r.rtype for r in answer.answers], [wire.CNAME, wire.CNAME, wire.A], "types")
    equal(c.ask("own-inside.site.example").addresses(), ["192.0.2.77"], "addresses")


@case("RFC 1034 section 3.6.2", "records of the site's own that lead in a circle are a failure, and soon", only="cenote")
def _(c):
    before = time.monotonic()
    equal(c.ask("own-circle.site.example").rcode, wire.SERVFAIL, "rcode")
    check(time.monotonic() - before < 1, "it took a second")


@case("RFC 1034 section 4.3.1", "without RD a record of the site's own is all that is said", only="cenote")
def _(c):
    equal([r.rtype for r in c.ask("own-alias.site.example", flags=0).answers], [wire.CNAME], "types")
    equal([r.rtype for r in c.ask("own-alias.site.example", wire.CNAME).answers], [wire.CNAME], "types for CNAME")


@case("an attacker learns nothing", "a record of the site's own that leads to a blocked name is blocked", only="cenote")
def _(c):
    answer = c.ask("own-blocked.site.example")
    equal((answer.rcode, answer.addresses()), (wire.NXDOMAIN, []), "answer")
    equal(len(c.upstream.asked("www.blocked.example")), 0, "questions for the blocked name")


def referral(q, flags=wire.QR | wire.RD):
    return wire.reply(q.raw, authority=[wire.rr("sub." + ".".join(q.qname.split(".")[-3:]), wire.NS, wire.name("ns.elsewhere.example"))], flags=flags)


NO_ANSWERS = {
    "a referral": referral,
    "a referral of a server that says it resolves": lambda q: referral(q, wire.QR | wire.RD | wire.RA),
    "an empty answer of a server that does not resolve": lambda q: wire.reply(q.raw, flags=wire.QR | wire.RD),
}
for what, build in NO_ANSWERS.items():
    @case("RFC 2308 section 2.2", f"{what} is no word that there is no data")
    def _(c, build=build):
        answer = c.ask(c.script("www", lambda q, tcp: [build(q)]))
        equal(answer.rcode, wire.SERVFAIL, "rcode")

    @case("RFC 8914 section 4", f"{what} is a failure with an extended error", only="cenote")
    def _(c, build=build):
        check(c.ask(c.script("www", lambda q, tcp: [build(q)])).ede is not None, "no extended error")


@case("RFC 2308 section 2.2", "an empty answer of a zone's own server is its word that there is no data")
def _(c):
    name = f"www.c{c.number}.inner.example"
    c.inner.on(name, lambda q, tcp: [wire.reply(q.raw, flags=AUTHORITATIVE)])
    answer = c.ask(name)
    equal((answer.rcode, answer.answers), (wire.NOERROR, []), "answer")


@case("RFC 2308 section 2.2", "an empty answer of a server that resolves is its word that there is no data")
def _(c):
    answer = c.ask(c.script("www", lambda q, tcp: [wire.reply(q.raw)]))
    equal((answer.rcode, answer.answers), (wire.NOERROR, []), "answer")
