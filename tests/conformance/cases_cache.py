"""What is remembered, for how long, and what is not."""
import time

import wire
from harness import case, check, equal
from upstream import Wait


def answers(*records):
    return lambda q, tcp: [wire.reply(q.raw, [make(q.qname) for make in records])]


@case("RFC 1035 section 7.4", "an answer is asked for once within its TTL")
def _(c):
    for _ in range(5):
        c.ask(c.name())
    equal(len(c.upstream.asked(c.name())), 1, "questions upstream")


@case("RFC 1035 section 3.2.1", "the TTL counts down")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=100)))
    c.ask(name)
    time.sleep(2.1)
    ttl = c.ask(name).answers[0].ttl
    check(97 <= ttl <= 98, f"TTL {ttl}")


@case("RFC 1035 section 3.2.1", "an answer of TTL 0 is used and not kept")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=0)))
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
    c.ask(name)
    equal(len(c.upstream.asked(name)), 2, "questions upstream")


@case("RFC 2181 section 8", "a TTL with its first bit set is no long time")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=0x80000001)))
    check(c.ask(name).answers[0].ttl < 0x80000000, "TTL")


@case("RFC 8767 section 4", "no TTL is longer than a week")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=0x7FFFFFFF)))
    c.ask(name)
    ttl = c.ask(name).answers[0].ttl
    check(ttl <= 7 * 86400, f"TTL {ttl}")


@case("RFC 1035 section 7.4", "an answer is asked for again when its TTL is over")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=1)))
    c.ask(name)
    time.sleep(2.2)
    c.ask(name)
    check(len(c.upstream.asked(name)) >= 2, "it was not asked for again")


@case("RFC 2181 section 5.2", "of an RRset with several TTLs no record is kept longer than the least")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=300), lambda n: wire.a(n, "192.0.2.2", ttl=1)))
    c.ask(name)
    time.sleep(2.2)
    c.ask(name)
    check(len(c.upstream.asked(name)) >= 2, "the longer one was kept")


def ttls(c, name, qtype=wire.A, **options):
    """Of the first answer, and of the next one, from the cache."""
    first, second = (c.ask(name, qtype, **options) for _ in range(2))
    return [[(r.rtype, r.ttl) for r in answer.answers + answer.authority] for answer in (first, second)]


@case("RFC 2181 section 5.2", "of an RRset with several TTLs each record has the least, in the first answer too")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=3000), lambda n: wire.a(n, "192.0.2.2", ttl=1000), lambda n: wire.a(n, "192.0.2.3", ttl=2000)))
    for answer in ttls(c, name):
        check(len(answer) == 3 and all(998 <= ttl <= 1000 for _, ttl in answer), f"{answer}")


@case("RFC 2181 section 5.2", "an RRset's least TTL is its own, not that of the alias before it")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, c.name("end"), ttl=3000), wire.a(c.name("end"), ttl=2000),
                                                              wire.a(c.name("end"), "192.0.2.2", ttl=1000)])])
    for answer in ttls(c, name):
        check(len(answer) == 3 and all(least - 2 <= ttl <= least for (_, ttl), least in zip(answer, (3000, 1000, 1000))), f"{answer}")


@case("RFC 2308 section 5", "how long a name does not exist is capped, in the first answer too", only="cenote")
def _(c):
    name = c.script("www", negative(wire.NXDOMAIN, ttl=500000, minimum=500000))
    for answer in ttls(c, name):
        check(len(answer) == 1 and 3598 <= answer[0][1] <= 3600, f"{answer}")


@case("RFC 8767 section 4", "how long an answer lasts is capped, in the first one too", only="cenote")
def _(c):
    name = c.script("www", answers(lambda n: wire.a(n, ttl=500000)))
    for answer in ttls(c, name):
        check(len(answer) == 1 and 86398 <= answer[0][1] <= 86400, f"{answer}")


@case("RFC 1034 section 3.6.2", "a chain is kept as long as its least TTL")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, c.name("end"), ttl=1), wire.a(c.name("end"), ttl=300)])])
    c.ask(name)
    time.sleep(2.2)
    c.ask(name)
    check(len(c.upstream.asked(name)) >= 2, "it was not asked for again")


def negative(rcode, ttl=60, minimum=60, with_soa=True):
    return lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa(q.qname.split(".", 1)[1], ttl, minimum)] if with_soa else [], rcode=rcode)]


for rcode, what in ((wire.NXDOMAIN, "NXDOMAIN"), (wire.NOERROR, "NODATA")):
    @case("RFC 2308 section 5", f"{what} is remembered")
    def _(c, rcode=rcode):
        name = c.script("www", negative(rcode))
        for _ in range(3):
            equal(c.ask(name).rcode, rcode, "rcode")
        equal(len(c.upstream.asked(name)), 1, "questions upstream")

    @case("RFC 2308 section 3", f"{what} comes with its SOA")
    def _(c, rcode=rcode):
        name = c.script("www", negative(rcode))
        for _ in range(2):
            equal([r.rtype for r in c.ask(name).authority], [wire.SOA], "authority")

    @case("RFC 2308 section 5", f"{what} is remembered for the SOA's MINIMUM if that is less than its TTL")
    def _(c, rcode=rcode):
        name = c.script("www", negative(rcode, ttl=300, minimum=1))
        check(c.ask(name).authority[0].ttl <= 1, "TTL of the SOA")
        time.sleep(2.2)
        c.ask(name)
        equal(len(c.upstream.asked(name)), 2, "questions upstream")

    @case("RFC 2308 section 5", f"{what} is remembered for the SOA's TTL if that is less than its MINIMUM")
    def _(c, rcode=rcode):
        name = c.script("www", negative(rcode, ttl=1, minimum=300))
        c.ask(name)
        time.sleep(2.2)
        c.ask(name)
        equal(len(c.upstream.asked(name)), 2, "questions upstream")

    @case("RFC 2308 section 5", f"{what} without an SOA is not kept for long")
    def _(c, rcode=rcode):
        name = c.script("www", negative(rcode, with_soa=False))
        equal(c.ask(name).rcode, rcode, "rcode")
        time.sleep(1.2)
        equal(c.ask(name).rcode, rcode, "rcode")


@case("RFC 2308 section 5", "NODATA is of one type alone")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname)])] if q.qtype == wire.A else negative(wire.NOERROR)(q, tcp))
    equal(c.ask(name, wire.AAAA).addresses(), [], "AAAA")
    equal(c.ask(name, wire.A).addresses(), ["192.0.2.1"], "A")


def proven(c, label):
    """A name that does not exist, by a validating upstream whose AD is trusted."""
    zone = f"c{c.number}.trusted.example"
    c.inner.on(f"{label}.{zone}", lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa(zone)], rcode=wire.NXDOMAIN, flags=wire.QR | wire.RD | wire.RA | wire.AD)])
    return f"{label}.{zone}"


@case("RFC 2308 section 5", "a proven NXDOMAIN is of all types", only="cenote")
def _(c):
    name = proven(c, "www")
    c.ask(name, wire.A)
    equal(c.ask(name, wire.AAAA).rcode, wire.NXDOMAIN, "rcode")
    equal(c.ask(name, wire.TXT).rcode, wire.NXDOMAIN, "rcode")
    equal(len(c.inner.asked(name)), 1, "questions upstream")


@case("RFC 4074 section 4.2", "an unproven NXDOMAIN for AAAA takes no address away")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, ttl=1)])] if q.qtype == wire.A else negative(wire.NXDOMAIN)(q, tcp))
    for _ in range(2):
        equal(c.ask(name, wire.AAAA).rcode, wire.NXDOMAIN, "rcode of AAAA")
        equal(c.ask(name, wire.A).addresses(), ["192.0.2.1"], "addresses")
        time.sleep(2.2)  # then the address has gone from the cache, and is not denied


@case("RFC 8020 section 6", "an unproven NXDOMAIN takes nothing away below")
def _(c):
    name = c.script("ent", negative(wire.NXDOMAIN))  # an empty non-terminal, of a server that does not know them
    for qtype in (wire.A, wire.NS):
        equal(c.ask(name, qtype).rcode, wire.NXDOMAIN, "rcode")
    for below in ("x." + name, "a.b." + name):
        equal(c.ask(below).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 6840 section 5.8", "AD of an upstream that is not trusted proves no NXDOMAIN")
def _(c):
    name = c.script("ent", lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa(c.zone)], rcode=wire.NXDOMAIN, flags=wire.QR | wire.RD | wire.RA | wire.AD)])
    equal(c.ask(name).rcode, wire.NXDOMAIN, "rcode")
    equal(c.ask("x." + name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 8020 section 2", "what is proven not to exist has nothing below it", only="cenote")
def _(c):
    name = proven(c, "gone")
    c.ask(name)
    below = "a.b." + name
    answer = c.ask(below)
    equal(answer.rcode, wire.NXDOMAIN, "rcode")
    equal(c.inner.asked(below), [], "questions upstream")


@case("RFC 8020 section 2", "its neighbours exist nevertheless")
def _(c):
    name = c.script("gone", negative(wire.NXDOMAIN))
    c.ask(name)
    for neighbour in (c.name("notgone"), c.name("other"), c.zone):
        equal(c.ask(neighbour).rcode, wire.NOERROR, "rcode")


@case("RFC 8020 section 4", "an answer out of the cut has the SOA of what does not exist", only="cenote")
def _(c):
    name = proven(c, "gone")
    c.ask(name)
    equal([(r.rtype, r.owner) for r in c.ask("x." + name).authority], [(wire.SOA, name.split(".", 1)[1])], "authority")


@case("RFC 6604 section 3", "NXDOMAIN at a chain's end says nothing about what is below its beginning")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, "gone.elsewhere.example")], [wire.soa("elsewhere.example")], rcode=wire.NXDOMAIN)])
    c.ask(name)
    equal(c.ask("below." + name).rcode, wire.NOERROR, "rcode")


def stale(c, then):
    """Asks for a name whose answer is out of date at the return; from then on the upstream answers with `then`."""
    is_old = []
    name = c.script("www", lambda q, tcp: then(q) if is_old else [wire.reply(q.raw, [wire.a(q.qname, ttl=1)])])
    c.ask(name)
    time.sleep(2.2)
    is_old.append(True)
    return name


@case("RFC 8767 section 4", "a stale answer helps out while the upstream is silent, with a short TTL")
def _(c):
    name = stale(c, lambda q: [])
    answer = c.ask(name)
    equal(answer.addresses(), ["192.0.2.1"], "addresses")
    check(answer.answers[0].ttl <= 30, "TTL")


@case("RFC 8767 section 5", "a stale answer comes before a client gives up, after about 1.8 seconds")
def _(c):
    name = stale(c, lambda q: [])
    before = time.monotonic()
    c.ask(name)
    took = time.monotonic() - before
    check(took < 2.5, f"{took:.1f} s")


@case("RFC 8914 section 4.4", "a stale answer says that it is one")
def _(c):
    name = stale(c, lambda q: [])
    equal(c.ask(name).ede, 3, "extended error")


@case("RFC 8767 section 5", "a stale answer helps out when the upstream fails")
def _(c):
    name = stale(c, lambda q: [wire.reply(q.raw, rcode=wire.SERVFAIL)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 8767 section 5", "when the upstream is back the stale answer goes")
def _(c):
    state = ["192.0.2.1"]
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, state[0], ttl=1)])])
    c.ask(name)
    time.sleep(2.2)
    state[0] = "192.0.2.2"
    c.ask(name)
    time.sleep(0.3)
    equal(c.ask(name).addresses(), ["192.0.2.2"], "addresses")


@case("RFC 4035 section 3.2", "answers with DO and without are kept apart")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname)])])
    c.ask(name, do=True)
    answer = c.ask(name)
    check(not answer.edns.ttl & 0x8000, "DO came from the cache")


@case("RFC 5452 section 6", "a slow answer that comes after the next one changes nothing")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname)]), Wait(0.2), wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")])])
    c.ask(name)
    time.sleep(0.4)
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
