"""What stands between a client and what an upstream says: inner addresses."""
import wire
from harness import case, check, equal


def scripted(c, name, *records, **more):
    """A name outside of the case's own zone, answered with these."""
    c.upstream.on(name, lambda q, tcp: [wire.reply(q.raw, [make(q.qname) for make in records], **more)])
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
    name = scripted(c, f"c{c.number}.allowed.example", lambda n: wire.a(n, "127.0.0.2"))
    equal(c.ask(name).addresses(), ["127.0.0.2"], "addresses")


@case("RFC 1918 section 5", "an inner address that is no address record is no matter")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.txt(q.qname, b"10.0.0.1")])])
    check(c.ask(name, wire.TXT).answers, "it was withheld")
