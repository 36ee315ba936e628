"""What stands between a client and what an upstream says: inner addresses, and whose word DNSSEC is."""
import time

import wire
from harness import case, check, equal
from upstream import Wait


def scripted(c, name, *records, of=None, **more):
    """A name outside of the case's own zone, answered with these by the inner zones' upstream (or another)."""
    (of or c.inner).on(name, lambda q, tcp: [wire.reply(q.raw, [make(q.qname) for make in records], **more)])
    return name


def service(owner, qtype, *hints):
    """An HTTPS or SVCB record with address hints: (key, bytes)."""
    rdata = b"\x00\x01\x00" + b"".join(key.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for key, value in hints)
    return wire.rr(owner, qtype, rdata)


INNER = (("RFC 1918 section 5", "10.0.0.1"), ("RFC 1918 section 5", "172.31.255.1"), ("RFC 1918 section 5", "192.168.1.1"),
         ("RFC 6598 section 4", "100.64.0.1"), ("RFC 3927 section 2.7", "169.254.169.254"), ("RFC 1122 section 3.2.1.3", "127.0.0.1"),
         ("RFC 1122 section 3.2.1.3", "0.0.0.0"))
for standard, address in INNER:
    @case(standard, f"a name from outside with the address {address} does not lead inside")
    def _(c, address=address):
        name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, address)])])
        for _ in range(2):  # and from the cache
            equal(c.ask(name).addresses(), [], "addresses")

for standard, address in (("RFC 4193 section 4.4", "fd00::1"), ("RFC 4291 section 2.5.6", "fe80::1"), ("RFC 4291 section 2.5.3", "::1"),
                          ("RFC 4291 section 2.5.5.2", "::ffff:10.0.0.1"), ("RFC 6052 section 3.1", "64:ff9b::10.0.0.1")):
    @case(standard, f"a name from outside with the address {address} does not lead inside")
    def _(c, address=address):
        name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.aaaa(q.qname, address)])])
        equal(c.ask(name, wire.AAAA).addresses(), [], "addresses")


@case("RFC 8914 section 4.16", "an upstream's 0.0.0.0 or :: is said to be its block, not an inner address", only="cenote")
def _(c):
    for label, qtype, record in (("a", wire.A, wire.a), ("b", wire.AAAA, wire.aaaa)):
        name = c.script(label, lambda q, tcp, record=record, t=qtype: [wire.reply(q.raw, [record(q.qname, "0.0.0.0" if t == wire.A else "::")])])
        for _ in range(2):  # and from the cache
            answer = c.ask(name, qtype)
            equal((answer.rcode, answer.answers, answer.ede), (wire.NOERROR, [], 15), "rcode, answers, extended error")
            check(answer.ede_text.startswith("upstream: blocked"), answer.ede_text)


@case("RFC 8914 section 4.16", "0.0.0.0 beside another address is an inner address, not an upstream's block", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname), wire.a(q.qname, "0.0.0.0")])])
    answer = c.ask(name)
    equal(answer.addresses(), [], "addresses")
    check("inner" in answer.ede_text, answer.ede_text)


@case("RFC 9460 section 7.3", "a hint of an HTTPS record from outside does not lead inside", only="cenote")
def _(c):
    for label, qtype, hint in (("a", wire.HTTPS, (4, b"\xc0\xa8\0\1")), ("b", wire.SVCB, (6, b"\xfd" + bytes(14) + b"\1"))):
        name = c.script(label, lambda q, tcp, t=qtype, h=hint: [wire.reply(q.raw, [service(q.qname, t, h)])])
        equal(c.ask(name, qtype).answers, [], "answers")


@case("RFC 1918 section 5", "one inner address beside outer ones is enough to withhold them all", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname), wire.a(q.qname, "10.0.0.1")])])
    equal(c.ask(name).addresses(), [], "addresses")


@case("RFC 1918 section 5", "at the end of a CNAME an inner address is withheld, too")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, c.name("end")), wire.a(c.name("end"), "10.0.0.1")])])
    c.script("end", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "10.0.0.1")])])
    equal(c.ask(name).addresses(), [], "addresses")


@case("RFC 8914 section 4.16", "what is withheld is no data, with an SOA and the reason", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "10.0.0.1")])])
    for options in ({}, {"do": True}, {"flags": wire.RD | wire.CD}):
        answer = c.ask(name, **options)
        equal((answer.rcode, answer.ede, answer.answers), (wire.NOERROR, 15, []), "rcode, extended error, answers")
        equal([(r.owner, r.rtype, r.ttl) for r in answer.authority], [(name, wire.SOA, 30)], "authority")


@case("RFC 1918 section 5", "a zone with servers of its own may lead inside")
def _(c):
    name = scripted(c, f"c{c.number}.inner.example", lambda n: wire.a(n, "10.0.0.1"))
    equal(c.ask(name).addresses(), ["10.0.0.1"], "addresses")


@case("RFC 1918 section 5", "a name that is excepted may lead inside")
def _(c):
    name = scripted(c, f"c{c.number}.allowed.example", lambda n: wire.a(n, "127.0.0.2"), of=c.upstream)
    equal(c.ask(name).addresses(), ["127.0.0.2"], "addresses")


@case("RFC 1918 section 5", "an inner address that is no address record is no matter")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.txt(q.qname, b"10.0.0.1")])])
    check(c.ask(name, wire.TXT).answers, "it was withheld")


AUTHENTIC = wire.QR | wire.RD | wire.RA | wire.AD


def trusted(c, **more):
    return scripted(c, f"c{c.number}.trusted.example", wire.a, flags=AUTHENTIC, **more)


@case("RFC 6840 section 5.8", "AD of a trusted upstream comes to a client that sets AD or DO", only="cenote")
def _(c):
    name = trusted(c)
    for _ in range(2):  # and from the cache
        check(c.ask(name, flags=wire.RD | wire.AD).has(wire.AD), "AD is lost with AD")
        check(c.ask(name, do=True).has(wire.AD), "AD is lost with DO")


@case("RFC 6840 section 5.8", "AD of a trusted upstream does not come to a client that sets neither", only="cenote")
def _(c):
    name = trusted(c)
    for _ in range(2):
        check(not c.ask(name).has(wire.AD), "AD is set")


@case("RFC 6840 section 5.7", "without DO the question upstream has AD, so that the upstream tells", only="cenote")
def _(c):
    name = trusted(c)
    c.ask(name, flags=wire.RD | wire.AD)
    check(all(q.has(wire.AD) for q in c.inner.asked(name)), "AD was not asked for")


@case("RFC 4035 section 3.2.3", "a trusted upstream that says nothing of AD is not said to have said it", only="cenote")
def _(c):
    name = scripted(c, f"c{c.number}.trusted.example", wire.a)
    check(not c.ask(name, do=True).has(wire.AD), "AD came from nowhere")


@case("RFC 6840 section 5.8", "AD of an untrusted upstream is passed on with DO no more than without")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname)], flags=AUTHENTIC)])
    for _ in range(2):
        check(not c.ask(name, do=True).has(wire.AD), "AD is set")


@case("RFC 4035 section 3.2.3", "a blocked answer of a trusted upstream's zone has no AD", only="cenote")
def _(c):
    name = f"c{c.number}.trusted.example"
    c.inner.on(name, lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, "cdn.blocked.example"), wire.a("cdn.blocked.example")], flags=AUTHENTIC)])
    answer = c.ask(name, do=True)
    equal((answer.ede, answer.has(wire.AD)), (15, False), "extended error and AD")


@case("RFC 4035 section 3.1.4.1", "the DS of a zone is asked at the parent's side of the cut")
def _(c):
    rdata = b"\x12\x34\x0d\x02" + b"h" * 32
    c.upstream.on("inner.example", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, wire.DS, rdata)])])
    equal([r.rtype for r in c.ask("inner.example", wire.DS).answers], [wire.DS], "types")
    equal([q for q in c.inner.asked("inner.example") if q.qtype == wire.DS], [], "questions to the zone's own servers")


@case("RFC 4035 section 3.1.4.1", "any other type of the zone, and the DS of what is below, is asked of its own servers")
def _(c):
    name = f"c{c.number}.inner.example"
    c.ask(name, wire.DS)
    c.ask("inner.example", wire.SOA)
    check(c.inner.asked(name) and not c.upstream.asked(name), "the DS of a name below was asked elsewhere")
    check(not [q for q in c.upstream.asked("inner.example") if q.qtype == wire.SOA], "the SOA was asked elsewhere")


def unchecked(c, checked, plain):
    """Answers `plain` to a question with CD and `checked` to one without."""
    return c.script("www", lambda q, tcp: (plain if q.has(wire.CD) else checked)(q))


def bogus(q):
    return [wire.reply(q.raw, additional=[wire.opt(options=wire.option(15, b"\0\6"))], rcode=wire.SERVFAIL)]


@case("RFC 4035 section 3.2.2", "data that was fetched with CD is not given to whoever wants it checked", only="cenote")
def _(c):
    name = unchecked(c, bogus, lambda q: [wire.reply(q.raw, [wire.a(q.qname)])])
    equal(c.ask(name, flags=wire.RD | wire.CD).addresses(), ["192.0.2.1"], "with CD")
    answer = c.ask(name)
    equal((answer.rcode, answer.ede), (wire.SERVFAIL, 6), "without CD")
    equal(c.ask(name, flags=wire.RD | wire.CD).addresses(), ["192.0.2.1"], "with CD again")


@case("RFC 4035 section 3.2.2", "a name that does not exist with CD may exist without", only="cenote")
def _(c):
    name = unchecked(c, lambda q: [wire.reply(q.raw, [wire.a(q.qname)])], lambda q: [wire.reply(q.raw, authority=[wire.soa(c.zone)], rcode=wire.NXDOMAIN)])
    equal(c.ask(name, flags=wire.RD | wire.CD).rcode, wire.NXDOMAIN, "rcode with CD")
    equal(c.ask(name).rcode, wire.NOERROR, "rcode without CD")
    equal(c.ask(f"below.{name}").rcode, wire.NOERROR, "rcode of what is below")  # RFC 8020


@case("RFC 4035 section 3.2.2", "questions with CD and without that wait at once get each their own answer", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [Wait(0.2), wire.reply(q.raw, [wire.a(q.qname, "198.51.100.1" if q.has(wire.CD) else "192.0.2.1")])])
    found = {}
    c.together(*[lambda f=f: found.update({f: c.ask(name, flags=wire.RD | f).addresses()}) for f in (0, wire.CD)])
    equal(found, {0: ["192.0.2.1"], wire.CD: ["198.51.100.1"]}, "addresses")


@case("RFC 8767 section 5", "what was fetched with CD does not help out for a question without, be it ever so stale", only="cenote")
def _(c):
    name = unchecked(c, bogus, lambda q: [wire.reply(q.raw, [wire.a(q.qname, ttl=1)])])
    c.ask(name, flags=wire.RD | wire.CD)
    time.sleep(1.2)
    equal(c.ask(name).rcode, wire.SERVFAIL, "rcode")


@case("RFC 4035 section 5.5", "a bogus answer stays SERVFAIL, whatever it holds is not made a blocked one", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, "cdn.blocked.example"), wire.a("cdn.blocked.example")],
                                                      additional=[wire.opt(options=wire.option(15, b"\0\6"))], rcode=wire.SERVFAIL)])
    answer = c.ask(name)
    equal((answer.rcode, answer.ede, answer.answers), (wire.SERVFAIL, 6, []), "rcode, extended error, answers")
