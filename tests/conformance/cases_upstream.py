"""What an upstream may do wrong, by fault or on purpose."""
import functools
import struct
import time

import wire
from harness import case, check, equal
from upstream import Close, Wait


def servfail(q, tcp):
    return [wire.reply(q.raw, rcode=wire.SERVFAIL)]


def good(q, tcp):
    return [wire.reply(q.raw, [wire.a(q.qname)])]


def sequence(*steps):
    """One script a question, the last one for all that follow."""
    count = [0]

    def script(q, tcp):
        step = steps[min(count[0], len(steps) - 1)]
        count[0] += 1
        return step(q, tcp)
    return script


@case("RFC 5452 section 9.1", "a reply with another id is not believed, and the wait goes on")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")], id=q.id ^ 1), *good(q, tcp)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 5452 section 9.1", "a reply to another question is not believed, and the wait goes on")
def _(c):
    other = wire.name("other.example") + struct.pack("!HH", wire.A, wire.IN)
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")], question=other), *good(q, tcp)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 5452 section 9.1", "a reply to another type is not believed")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")],
                                                      question=q.question[:-4] + struct.pack("!HH", wire.AAAA, wire.IN)), *good(q, tcp)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 5452 section 9.1", "a reply without QR is not believed")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")], flags=wire.RD), *good(q, tcp)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 5452 section 9.1", "a reply of another opcode is not believed")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")], flags=wire.QR | (4 << 11)), *good(q, tcp)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


def port_quality(ports):
    check(len(set(ports)) >= 250, f"{len(set(ports))} ports for {len(ports)} questions")
    check(max(ports) - min(ports) > 45000, f"ports from {min(ports)} to {max(ports)}")
    rises = sum(x < y for x, y in zip(ports, ports[1:]))
    check(90 < rises < 166, f"{rises} of {len(ports)} ports are above the one before")


@case("RFC 5452 section 9.2", "256 questions one after the other leave from as many ports, in no order")
def _(c):
    for i in range(256):
        c.ask(c.name(f"p{i}"))
    port_quality(c.upstream.ports_of(c.zone)[:256])


@case("RFC 5452 section 9.2", "256 questions at once leave from as many ports, in no order")
def _(c):
    names = [c.script(f"p{i}", lambda q, tcp: [Wait(0.3), *good(q, tcp)]) for i in range(256)]
    for at in range(0, 256, 64):
        c.together(*[lambda name=name: c.ask(name) for name in names[at:at + 64]])
    port_quality(c.upstream.ports_of(c.zone)[:256])


@case("RFC 5452 section 9.2", "ids of questions are spread")
def _(c):
    for i in range(16):
        c.ask(c.name(f"i{i}"))
    ids = [c.upstream.asked(c.name(f"i{i}"))[0].id for i in range(16)]
    check(len(set(ids)) >= 15 and max(ids) - min(ids) > 10000, f"{sorted(ids)}")


@case("RFC 5452 section 5", "many who ask the same at once cause one question upstream")
def _(c):
    name = c.script("www", lambda q, tcp: [Wait(0.15), *good(q, tcp)])
    answers = []
    c.together(*[lambda: answers.append(c.ask(name).addresses()) for _ in range(10)])
    equal(answers, [["192.0.2.1"]] * 10, "answers")
    equal(len(c.upstream.asked(name)), 1, "questions upstream")


@case("RFC 1035 section 7.2", "a lost datagram is sent again")
def _(c):
    name = c.script("www", sequence(lambda q, tcp: [], good))
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 1035 section 7.2", "two lost datagrams are sent again")
def _(c):
    name = c.script("www", sequence(lambda q, tcp: [], lambda q, tcp: [], good))
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 8767 section 5", "an upstream that never answers is a SERVFAIL before the client gives up at five seconds")
def _(c):
    name = c.script("www", lambda q, tcp: [])
    before = time.monotonic()
    equal(c.ask(name).rcode, wire.SERVFAIL, "rcode")
    check(time.monotonic() - before < 5, "it took five seconds")


@case("RFC 7766 section 5", "a truncated answer is asked for again over TCP")
def _(c):
    name = c.script("www", lambda q, tcp: good(q, tcp) if tcp else [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.TC)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
    equal(len(c.upstream.asked(name, True)), 1, "questions over TCP")


@case("RFC 7766 section 5", "records in a truncated answer are not believed")
def _(c):
    name = c.script("www", lambda q, tcp: good(q, tcp) if tcp else
                    [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")], flags=wire.QR | wire.RD | wire.TC)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 7766 section 6.2.4", "a TCP connection that is closed instead of an answer is tried again")
def _(c):
    name = c.script("www", sequence(lambda q, tcp: [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.TC)],
                                    lambda q, tcp: [Close],
                                    lambda q, tcp: good(q, tcp) if tcp else [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.TC)]))
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 1035 section 4.1.1", "a REFUSED by the only upstream is a failure, not an answer")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, rcode=wire.REFUSED)])
    check(c.ask(name).rcode in (wire.SERVFAIL, wire.REFUSED), "rcode")


@case("RFC 6891 section 7", "FORMERR to an EDNS query is no answer about the name")
def _(c):
    name = c.script("www", lambda q, tcp: good(q, tcp) if not q.edns else [wire.reply(q.raw, rcode=wire.FORMERR)])
    check(c.ask(name).rcode in (wire.NOERROR, wire.SERVFAIL), "rcode")


@case("RFC 9520 section 3.2", "a failure is remembered, so that a broken zone is not asked again at once")
def _(c):
    name = c.script("www", servfail)
    c.ask(name)
    before = len(c.upstream.asked(name))
    for _ in range(5):
        equal(c.ask(name).rcode, wire.SERVFAIL, "rcode")
    equal(len(c.upstream.asked(name)), before, "questions upstream")


@case("RFC 9520 section 3.1", "a failed question is not asked in a tight circle")
def _(c):
    name = c.script("www", servfail)
    c.ask(name)
    check(len(c.upstream.asked(name)) <= 10, f"{len(c.upstream.asked(name))} attempts")


def lie(title, answers=(), authority=(), additional=(), standard="RFC 2181 section 5.4.1"):
    """An answer with something in it that does not belong there: the address must be right, the rest gone."""
    def run(c):
        fill = lambda records, q: [r(q.qname, c) for r in records]
        name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname), *fill(answers, q)], fill(authority, q), fill(additional, q))])
        answer = c.ask(name)
        equal(answer.addresses(), ["192.0.2.1"], "addresses")
        owners = {r.owner.lower() for r in answer.answers}
        equal(owners, {name}, "owners in the answer section")
        # And nothing of it was kept.
        equal(c.ask(c.name("victim")).addresses(), ["192.0.2.1"], "addresses of the victim")
    case(standard, title)(run)


lie("an address of another name in the answer section is dropped", [lambda n, c: wire.a(c.name("victim"), "198.51.100.66")])
lie("an address in the additional section is not believed", additional=[lambda n, c: wire.a(c.name("victim"), "198.51.100.66")])
lie("a name server and its address are not believed", authority=[lambda n, c: wire.rr(c.zone, wire.NS, wire.name(c.name("victim")))],
    additional=[lambda n, c: wire.a(c.name("victim"), "198.51.100.66")])
lie("a CNAME beside the address of another name is dropped", [lambda n, c: wire.cname(c.name("victim"), "evil.example")])
lie("a DNAME at a name that is not above the question is dropped", [lambda n, c: wire.rr(c.name("victim"), wire.DNAME, wire.name("evil.example"))])


def chain(c, labels, backwards=False):
    """Scripts every name of a chain, whether the server follows it by itself or believes the whole answer."""
    names = [c.name(label) for label in labels]
    for i, label in enumerate(labels):
        records = [wire.cname(x, y) for x, y in zip(names[i:], names[i + 1:])] + [wire.a(names[-1])]
        c.script(label, lambda q, tcp, r=records[::-1] if backwards else records: [wire.reply(q.raw, r)])
    return names[0]


@case("RFC 1034 section 3.6.2", "a chain of CNAMEs is followed and kept")
def _(c):
    name = chain(c, ("www", "b", "c"))
    answer = c.ask(name)
    equal([r.rtype for r in answer.answers], [wire.CNAME, wire.CNAME, wire.A], "types")


@case("RFC 1034 section 3.6.2", "a chain of CNAMEs in any order is kept whole")
def _(c):
    name = chain(c, ("www", "b", "c"), backwards=True)
    equal(sorted(r.rtype for r in c.ask(name).answers), [wire.A, wire.CNAME, wire.CNAME], "types")


@case("RFC 1034 section 3.6.2", "a circle of CNAMEs is a failure, and soon")
def _(c):
    c.script("b", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, c.name())])])
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, c.name("b")), wire.cname(c.name("b"), q.qname)])])
    answer = c.ask(name)
    check(answer.rcode == wire.SERVFAIL or not answer.addresses(), f"rcode {answer.rcode}")


@case("RFC 1034 section 3.6.2", "a CNAME to itself is a failure, and soon")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, q.qname)])])
    answer = c.ask(name)
    check(answer.rcode == wire.SERVFAIL or not answer.addresses(), f"rcode {answer.rcode}")


@case("RFC 2181 section 10.1", "of two CNAMEs at one name at most one is kept")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, c.name("b")), wire.cname(q.qname, c.name("c")), wire.a(c.name("b"))])])
    answer = c.ask(name)
    check(sum(r.rtype == wire.CNAME for r in answer.answers) <= 1, "both came through")


@case("CAMP, USENIX Security 2024", "a chain of a hundred CNAMEs is not followed")
def _(c):
    def script(q, tcp):
        names = [q.qname] + [c.name(f"n{i}") for i in range(100)]
        return [wire.reply(q.raw, [wire.cname(x, y) for x, y in zip(names, names[1:])] + [wire.a(names[-1])])] if tcp else \
            [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.TC)]
    answer = c.ask(c.script("www", script))
    check(answer.rcode == wire.SERVFAIL or len(answer.answers) <= 20, f"{len(answer.answers)} records")


@case("RFC 6604 section 3", "the rcode of a chain is that of its end")
def _(c):
    c.script("gone", lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa(c.zone)], rcode=wire.NXDOMAIN)])
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, c.name("gone"))], [wire.soa(c.zone)], rcode=wire.NXDOMAIN)])
    answer = c.ask(name)
    equal(answer.rcode, wire.NXDOMAIN, "rcode")
    equal([r.rtype for r in answer.answers], [wire.CNAME], "types")


@case("RFC 1035 section 4.1.4", "compressed names in rdata come out whole")
def _(c):
    # The exchange of the MX is "mx" and a pointer to the question.
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, wire.MX, b"\x00\x0a\x02mx\xc0\x0c")])])
    record = c.ask(name, wire.MX).answers[0]
    check(record.rdata.startswith(b"\x00\x0a\x02mx"), "exchange")


BROKEN = {
    "a pointer to itself": lambda q: wire.reply(q.raw, counts=(1, 1, 0, 0)) + struct.pack("!H", 0xC000 | len(wire.reply(q.raw))) + b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
    "a pointer forwards": lambda q: wire.reply(q.raw, counts=(1, 1, 0, 0)) + b"\xff\xff\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
    "a record that is cut short": lambda q: wire.reply(q.raw, [wire.a(q.qname)])[:-2],
    "rdata longer than the message": lambda q: wire.reply(q.raw, counts=(1, 1, 0, 0)) + wire.name(q.qname) + b"\0\1\0\1\0\0\0\x3c\xff\xff\xc0\0\2\1",
    "more records promised than there are": lambda q: wire.reply(q.raw, [wire.a(q.qname)], counts=(1, 9, 0, 0)),
    "an address of three bytes": lambda q: wire.reply(q.raw, [wire.rr(q.qname, wire.A, b"\xc0\0\2")]),
    "an address of five bytes": lambda q: wire.reply(q.raw, [wire.rr(q.qname, wire.A, b"\xc0\0\2\1\1")]),
    "a CNAME without a name": lambda q: wire.reply(q.raw, [wire.rr(q.qname, wire.CNAME, b"")]),
    "a header and nothing else": lambda q: struct.pack("!HHHHHH", q.id, wire.QR, 0, 0, 0, 0),
    "a header cut short": lambda q: struct.pack("!HHH", q.id, wire.QR, 1),
    "an owner with an unknown label type": lambda q: wire.reply(q.raw, counts=(1, 1, 0, 0)) + b"\x81x\0\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
}
for what, build in BROKEN.items():
    @case("RFC 9267", f"a response with {what} harms nobody")
    def _(c, build=build):
        name = c.script("www", lambda q, tcp: [build(q)])
        answer = c.send_udp(wire.query(name), 6)
        check(answer is None or answer.rcode in (wire.SERVFAIL, wire.NOERROR, wire.FORMERR), "rcode")
        check(answer is None or all(len(r.rdata) == 4 for r in answer.answers if r.rtype == wire.A), "an address of another size came through")
        check(answer is None or answer.addresses() in ([], ["192.0.2.1"]), "addresses")
        check(c.server.is_alive(), "the server died")
        equal(c.ask(c.name("after")).addresses(), ["192.0.2.1"], "the next question")


def parameters(*pairs):
    return b"".join(struct.pack("!HH", key, len(value)) + value for key, value in pairs)


ALPN, PORT, MANDATORY = (1, b"\2h2"), (3, b"\1\xbb"), 0
MALFORMED = {  # by what is wrong: the standard, the type and the rdata
    "an address of three bytes": ("RFC 1035 section 3.4.1", wire.A, b"\xc0\0\2"),
    "an IPv6 address of fifteen bytes": ("RFC 3596 section 2.2", wire.AAAA, b"\x20" * 15),
    "a text that ends behind its rdata": ("RFC 1035 section 3.3.14", wire.TXT, b"\4abc"),
    "a text without any": ("RFC 1035 section 3.3.14", wire.TXT, b""),
    "an exchange without a name": ("RFC 1035 section 3.3.9", wire.MX, b"\0\x0a"),
    "something behind an exchange": ("RFC 1035 section 3.3.9", wire.MX, b"\0\x0a\2mx\0x"),
    "a service without a target": ("RFC 2782", wire.SRV, b"\0\1\0\1\1\xbb"),
    "a cut NAPTR": ("RFC 3403 section 4.1", wire.NAPTR, b"\0\1\0\1\1s\7SIP"),
    "a CAA without a tag": ("RFC 8659 section 4.1", wire.CAA, b"\0\0ca.example"),
    "a digest that is too short": ("RFC 4034 section 5.1", wire.DS, b"\0\1\x0d\2" + b"d" * 31),
    "a signature without one": ("RFC 4034 section 3.1", wire.RRSIG, b"\0\1\x0d\2\0\0\0\x3c" + b"\x7f" * 8 + b"\0\1\7example\0"),
    "type bitmaps in disorder": ("RFC 4034 section 4.1.2", wire.NSEC, b"\1a\0\1\1\x40\0\1\x40"),
    "a type bitmap of 33 bytes": ("RFC 4034 section 4.1.2", wire.NSEC, b"\1a\0\0\x21" + b"\1" * 33),
    "service parameters in disorder": ("RFC 9460 section 2.2", wire.HTTPS, b"\0\1\0" + parameters(PORT, ALPN)),
    "a service parameter twice": ("RFC 9460 section 2.2", wire.HTTPS, b"\0\1\0" + parameters(ALPN, ALPN)),
    "a cut service parameter": ("RFC 9460 section 2.2", wire.SVCB, b"\0\1\0\0\1\0\4\2h2"),
    "a port of one byte": ("RFC 9460 section 7.2", wire.HTTPS, b"\0\1\0" + parameters((3, b"\1"))),
    "an empty protocol": ("RFC 9460 section 7.1.1", wire.HTTPS, b"\0\1\0" + parameters((1, b"\0"))),
    "an address hint of five bytes": ("RFC 9460 section 7.3", wire.HTTPS, b"\0\1\0" + parameters((4, b"\xc0\0\2\1\1"))),
    "a mandatory key that is not there": ("RFC 9460 section 8", wire.HTTPS, b"\0\1\0" + parameters((MANDATORY, b"\0\3"), ALPN)),
    "mandatory keys in disorder": ("RFC 9460 section 8", wire.HTTPS, b"\0\1\0" + parameters((MANDATORY, b"\0\3\0\1"), ALPN, PORT)),
    "a compressed target": ("RFC 9460 section 2.2", wire.HTTPS, b"\0\1\xc0\x0c"),
}
for what, (standard, rtype, rdata) in MALFORMED.items():
    @case(standard, f"{what} reaches no client")
    def _(c, rtype=rtype, rdata=rdata):
        name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, rtype, rdata)])])
        for _ in range(2):
            answer = c.ask(name, rtype)
            equal((answer.rcode, len(answer.answers)), (wire.SERVFAIL, 0), "rcode and answers")


@case("RFC 8914 section 4.25", "why a malformed answer is not passed on is said", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, wire.TXT, b"\4abc")])])
    answer = c.ask(name, wire.TXT)
    equal((answer.ede, answer.ede_text), (24, "an upstream's answer has a malformed TXT record"), "extended error")


@case("RFC 1035 section 3.3.1", "an alias that cannot be read is not taken for no data")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, wire.CNAME, b"\7ex")])])
    equal(c.ask(name).rcode, wire.SERVFAIL, "rcode")


@case("RFC 3597 section 3", "rdata of an unknown type comes as it is")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, 65399, b"\xc0\xff\0")])])
    equal([r.rdata for r in c.ask(name, 65399).answers], [b"\xc0\xff\0"], "rdata")


@case("TuDoor, IEEE S&P 2024", "a malformed datagram does not end the wait for the good one")
def _(c):
    name = c.script("www", lambda q, tcp: [struct.pack("!HHH", q.id, wire.QR, 1), b"", *good(q, tcp)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 1035 section 4.1.3", "records of another class than IN are dropped")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, wire.A, b"\xc6\x33\x64\x42", rclass=wire.CH), wire.a(q.qname)])])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 1035 section 3.2.1", "every record of a large set comes through, over TCP")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, f"198.18.{i // 250}.{i % 250}") for i in range(1000)])] if tcp else
                    [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.TC)])
    equal(len(c.stream(wire.query(name))[0].answers), 1000, "records")


@case("RFC 3597 section 6", "an unknown type of 60000 bytes comes through, over TCP")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, 65399, b"x" * 60000)])] if tcp else
                    [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.TC)])
    equal([len(r.rdata) for r in c.stream(wire.query(name, 65399))[0].answers], [60000], "rdata")


@case("RFC 4035 section 3.2.1", "signatures come with DO and do not come without")
def _(c):
    signature = b"\0\1\x0d\2\0\0\0\x3c\x7f\xff\xff\xff\0\0\0\1\0\1" + wire.name("example") + b"s" * 64
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname), wire.rr(q.qname, wire.RRSIG, signature)])])
    equal(sorted(r.rtype for r in c.ask(name, do=True).answers), [wire.A, wire.RRSIG], "types with DO")
    equal([r.rtype for r in c.ask(name).answers], [wire.A], "types without")


@case("RFC 6840 section 5.9", "CD goes upstream, and its answer is kept apart")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.1" if q.has(wire.CD) else "192.0.2.1")])])
    equal(c.ask(name, flags=wire.RD | wire.CD).addresses(), ["198.51.100.1"], "with CD")
    equal(c.ask(name).addresses(), ["192.0.2.1"], "without")


@case("RFC 6891 section 6.2.5", "questions upstream offer at most 1232 bytes")
def _(c):
    c.ask(c.name())
    sizes = [q.edns.rclass for q in c.upstream.asked(c.name()) if q.edns]
    check(sizes and all(512 <= size <= 1232 for size in sizes), f"{sizes}")


@case("RFC 8914 section 3", "the upstream's extended error is passed on")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, additional=[wire.opt(options=wire.option(15, b"\0\6bogus"))], rcode=wire.SERVFAIL)])
    equal(c.ask(name).ede, 6, "extended error")


def said(code, text=b""):
    return wire.option(15, struct.pack("!H", code) + text)


def saying(*errors, rcode=wire.NOERROR, ttl=60):
    """An answer, or NXDOMAIN, with extended errors."""
    opt = wire.opt(options=b"".join(errors))
    if rcode == wire.NXDOMAIN:
        return lambda q, tcp: [wire.reply(q.raw, authority=[wire.soa(q.qname.split(".", 1)[1], ttl)], additional=[opt], rcode=rcode)]
    return lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, ttl=ttl)], additional=[opt])]


# RFC 8914 section 3 leaves it to each forwarder whether it passes them on, so these are nobody else's promise.
for ede, what in ((15, "Blocked"), (16, "Censored"), (17, "Filtered")):
    @case("RFC 8914 section 3", f"the upstream's {what} comes with its NXDOMAIN, from the cache too", only="cenote")
    def _(c, ede=ede):
        name = c.script("www", saying(said(ede), rcode=wire.NXDOMAIN))
        for _ in range(2):
            answer = c.ask(name)
            equal((answer.rcode, answer.ede), (wire.NXDOMAIN, ede), "rcode and extended error")
        equal(len(c.upstream.asked(name)), 1, "questions upstream")


for ede, what in ((1, "Unsupported DNSKEY Algorithm"), (3, "Stale Answer"), (4, "Forged Answer"), (17, "Filtered"), (29, "Synthesized")):
    @case("RFC 8914 section 3", f"the upstream's {what} comes with its answer, from the cache too", only="cenote")
    def _(c, ede=ede):
        name = c.script("www", saying(said(ede)))
        for _ in range(2):
            answer = c.ask(name)
            equal((answer.addresses(), answer.ede), (["192.0.2.1"], ede), "addresses and extended error")
        equal(len(c.upstream.asked(name)), 1, "questions upstream")


@case("RFC 8914 section 3", "the upstream's extended error is marked as the upstream's", only="cenote")
def _(c):
    name = c.script("www", saying(said(17, b"adult content")))
    for _ in range(2):
        equal(c.ask(name).ede_text, "upstream: adult content", "text")


@case("RFC 8914 section 2", "the upstream's text stays one line of UTF-8, and bounded", only="cenote")
def _(c):
    name = c.script("www", saying(said(17, b"a\nb\0\xff" + b"c" * 1000)))
    for _ in range(2):
        text = c.ask(name).ede_text
        check(text.isprintable() and "ccc" in text and len(text) <= 140, f"{text!r}")


@case("RFC 8914 section 3", "the upstream's extended error is not sent to whoever sent no OPT", only="cenote")
def _(c):
    name = c.script("www", saying(said(17)))
    for edns in (False, True, False):
        answer = c.ask(name, edns=edns)
        equal((answer.addresses(), answer.edns is not None, answer.ede), (["192.0.2.1"], edns, 17 if edns else None), "addresses, OPT, extended error")


@case("RFC 8914 section 3", "the upstream's extended error is of its answer with DO or with CD alone", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: saying(said(9))(q, tcp) if q.has(wire.CD) else good(q, tcp))
    for _ in range(2):
        equal([c.ask(name).ede, c.ask(name, flags=wire.RD | wire.CD).ede, c.ask(name, do=True).ede], [None, 9, None], "extended errors: none, CD, DO")


@case("RFC 8914 section 3", "the upstream's extended error goes when its answer goes", only="cenote")
def _(c):
    name = c.script("www", sequence(saying(said(17), ttl=1), good))
    equal(c.ask(name).ede, 17, "extended error")
    time.sleep(2.2)
    equal(c.ask(name).ede, None, "extended error of the next answer")


@case("RFC 8914 section 4.4", "a stale answer says that it is stale, not what the upstream once said of it")
def _(c):
    name = c.script("www", sequence(saying(said(17), ttl=1), servfail))
    c.ask(name)
    time.sleep(2.2)
    answer = c.ask(name)
    equal((answer.addresses(), answer.ede), (["192.0.2.1"], 3), "addresses and extended error")


@case("RFC 8914 section 3", "what the upstream says of its own troubles is not said of the answer", only="cenote")
def _(c):
    name = c.script("www", saying(said(22), said(23, b"192.0.2.53:53 timed out")))
    equal(c.ask(name).ede, None, "extended error")
    name = c.script("two", saying(said(22), said(3)))
    equal(c.ask(name).ede, 3, "extended error")


@case("RFC 8914 section 3", "where room is short the upstream's text goes, and no record", only="cenote")
def _(c):
    def script(q, tcp):
        texts = [wire.txt(q.qname, letter * 200) for letter in (b"a", b"b")]
        return [wire.reply(q.raw, texts, additional=[wire.opt(options=said(17, b"t" * 120))])]
    name = c.script("www", script)
    for _ in range(2):
        answer = c.ask(name, wire.TXT, size=512)
        check(len(answer.raw) <= 512 and not answer.has(wire.TC), "size or TC")
        equal((len(answer.answers), answer.ede), (2, 17), "answers and extended error")


@case("RFC 8020 section 2", "what the upstream blocks may have something below it")
def _(c):
    name = c.script("bad", saying(said(15), rcode=wire.NXDOMAIN))
    equal(c.ask(name).rcode, wire.NXDOMAIN, "rcode")
    equal(c.ask("www." + name).rcode, wire.NOERROR, "rcode of what is below")


@case("RFC 6891 section 6.1.3", "an extended rcode of the upstream is not read as NOERROR")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, additional=[wire.opt(ext_rcode=1)])])
    equal(c.ask(name).rcode, wire.SERVFAIL, "rcode")


DNS0X20 = "draft-vixie-dnsext-dns0x20"


def small(q, address="192.0.2.1"):
    """A reply whose question is in small letters, whatever was asked."""
    return wire.reply(q.raw, [wire.a(q.qname, address)], question=wire.name(q.qname.lower()) + q.question[-4:])


def inner(c, zone, label, script):
    name = f"{label}.c{c.number}.{zone}"
    c.inner.on(name, script)
    return name


@case(DNS0X20, "questions are written in letters of random case, and a reply must keep them; TCP tells who is right", only="cenote")
def _(c):
    ask = functools.partial(inner, c, "mixed.example")
    written = set()
    for i in range(8):  # the server keeps letters
        name = ask(f"letters{i}", good)
        answer = c.ask(name)
        equal((answer.addresses(), answer.qname), (["192.0.2.1"], name), "addresses and question")
        written.update(q.qname for q in c.inner.asked(name))
    check(sum(name != name.lower() for name in written) >= 6, f"{written}")
    for i in range(2):  # a forger does not know them
        name = ask(f"forged{i}", lambda q, tcp: good(q, tcp) if tcp else [small(q, "198.51.100.66")])
        equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
        equal(len(c.inner.asked(name, True)), 1, "questions over TCP")
    name = ask("late", lambda q, tcp: [] if tcp else [small(q, "198.51.100.66"), *good(q, tcp)])
    equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
    for i in range(3):  # another server took its place, which does not keep them
        name = ask(f"changed{i}", lambda q, tcp: [small(q)])
        equal(c.ask(name).addresses(), ["192.0.2.1"], "addresses")
        equal(len(c.inner.asked(name, True)), 1 if i == 0 else 0, "questions over TCP")


@case("RFC 7873 section 5.3", "questions carry a cookie, and a reply must keep it; TCP tells who is right", only="cenote")
def _(c):
    ask = functools.partial(inner, c, "cookie.example")

    def kept(q, tcp, address="192.0.2.1", client=None, rcode=wire.NOERROR, upper=0):
        cookie = (client or q.option(10)[:8]) + b"server-cookie-01"
        return [wire.reply(q.raw, [wire.a(q.qname, address)], additional=[wire.opt(options=wire.option(10, cookie), ext_rcode=upper)], rcode=rcode)]
    for i in range(6):
        equal(c.ask(ask(f"kept{i}", kept)).addresses(), ["192.0.2.1"], "addresses")
    sent = [c.inner.asked(f"kept{i}.c{c.number}.cookie.example")[0].option(10) for i in range(6)]
    equal([len(sent[0]), sent[5]], [8, sent[0] + b"server-cookie-01"], "cookies")
    # Without a cookie, and with another one: not believed.
    name = ask("forged0", lambda q, tcp: kept(q, tcp) if tcp else [wire.reply(q.raw, [wire.a(q.qname, "198.51.100.66")])])
    equal((c.ask(name).addresses(), len(c.inner.asked(name, True))), (["192.0.2.1"], 1), "addresses, questions over TCP")
    name = ask("forged1", lambda q, tcp: kept(q, tcp) if tcp else kept(q, tcp, "198.51.100.66", b"somebody"))
    equal((c.ask(name).addresses(), len(c.inner.asked(name, True))), (["192.0.2.1"], 1), "addresses, questions over TCP")
    name = ask("bad", lambda q, tcp: kept(q, tcp) if tcp else kept(q, tcp, rcode=7, upper=1))  # BADCOOKIE
    equal((c.ask(name).addresses(), len(c.inner.asked(name, True))), (["192.0.2.1"], 1), "addresses, questions over TCP")
    for i in range(3):  # a server that knows no cookies took its place
        name = ask(f"changed{i}", good)
        equal((c.ask(name).addresses(), len(c.inner.asked(name, True))), (["192.0.2.1"], 1 if i == 0 else 0), "addresses, questions over TCP")
