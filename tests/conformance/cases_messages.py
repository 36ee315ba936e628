"""Questions, well formed and not: header, question, EDNS."""
import struct

import wire
from harness import case, check, equal


@case("RFC 1035 section 4.1.1", "the id of the query comes back")
def _(c):
    for ident in (0, 1, 0xFFFF):
        equal(c.ask(c.name(), id=ident).id, ident, "id")


@case("RFC 1035 section 4.1.1", "a response is QR, with RD as asked and RA set")
def _(c):
    answer = c.ask(c.name())
    check(answer.has(wire.QR) and answer.has(wire.RD) and answer.has(wire.RA), "QR, RD, RA")


@case("RFC 1035 section 4.1.1", "a forwarder's answer has no AA")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname)], flags=wire.QR | wire.AAF | wire.RD | wire.RA)])
    check(not c.ask(name).has(wire.AAF), "AA is set")


@case("RFC 1035 section 4.1.1", "Z is zero in the answer, whatever it was in the query")
def _(c):
    check(not c.ask(c.name(), flags=wire.RD | wire.Z).has(wire.Z), "Z is set")


@case("RFC 4343 section 4.1", "the question comes back in the client's letter case")
def _(c):
    name = c.name("wWw").replace("example", "eXaMpLe")
    equal(c.ask(name).qname, name, "question")


@case("RFC 4343 section 3", "names that differ in letter case are one in the cache")
def _(c):
    c.ask(c.name("www"))
    c.ask(c.name("WWW"))
    equal(len(c.upstream.asked(c.name())), 1, "questions upstream")


@case("RFC 1035 section 3.1", "a name of 255 bytes is resolved")
def _(c):
    label = "a" * 63
    rest = 255 - 3 * 64 - len(wire.name(c.zone)) - 1
    name = f"{label}.{label}.{label}.{'b' * rest}.{c.zone}"
    equal(len(wire.name(name)), 255, "the test's own name")
    equal(c.ask(name).rcode, wire.NOERROR, "rcode")


@case("RFC 1035 section 3.1", "a name of 256 bytes is a format error")
def _(c):
    label = "a" * 63
    rest = 256 - 3 * 64 - len(wire.name(c.zone)) - 1
    answer = c.send_udp(wire.query(f"{label}.{label}.{label}.{'b' * rest}.{c.zone}"), 0.5)
    check(answer is None or answer.rcode == wire.FORMERR, "neither silence nor FORMERR")


@case("RFC 1035 section 2.3.1", "a label holds any byte")
def _(c):
    raw = b"\x05a\x00\xff.b" + wire.name(c.zone)
    answer = c.send_udp(wire.query(raw))
    equal(answer.rcode, wire.NOERROR, "rcode")
    equal(answer.question[:len(raw)], raw, "question")


@case("RFC 2181 section 11", "a name with a blank is a name")
def _(c):
    equal(c.ask(c.name("a b")).rcode, wire.NOERROR, "rcode")


@case("RFC 1035 section 4.1.4", "a pointer in the question is no way out")
def _(c):
    raw = struct.pack("!HHHHHH", 7, wire.RD, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack("!HH", wire.A, wire.IN)
    c_answer = c.send_udp(raw, 0.5)
    check(c_answer is None or c_answer.rcode == wire.FORMERR, "neither silence nor FORMERR")


@case("RFC 6891 section 5", "an unknown label type is a format error")
def _(c):
    raw = wire.query(b"\x41" + b"x" * 65 + b"\0")
    answer = c.send_udp(raw, 0.5)
    check(answer is None or answer.rcode == wire.FORMERR, "neither silence nor FORMERR")


for size in range(12):
    @case("RFC 1035 section 4.1.1", f"{size} bytes are no header: silence")
    def _(c, size=size):
        c.silence(wire.query(c.name())[:size])


@case("RFC 1035 section 4.1.1", "a response is not answered, so that no two servers talk for ever")
def _(c):
    c.silence(wire.query(c.name(), flags=wire.QR | wire.RD))


@case("RFC 5625 section 4.3", "a response to an unknown opcode is not answered either")
def _(c):
    c.silence(wire.query(c.name(), flags=wire.QR | (5 << 11)))


for opcode, what in ((1, "IQUERY"), (2, "STATUS"), (3, "opcode 3"), (4, "NOTIFY"), (5, "UPDATE"), (6, "DSO"), (9, "opcode 9"), (15, "opcode 15")):
    @case("RFC 1035 section 4.1.1", f"{what} is not implemented, not done and not forwarded")
    def _(c, opcode=opcode):
        answer = c.send_udp(wire.query(c.name(), flags=opcode << 11), 1)
        check(answer is None or answer.rcode in (wire.NOTIMP, wire.REFUSED, wire.FORMERR), f"rcode {answer and answer.rcode}")
        equal(c.upstream.asked(c.name()), [], "questions upstream")


@case("RFC 1035 section 4.1.1", "the opcode comes back with NOTIMP")
def _(c):
    answer = c.send_udp(wire.query(c.name(), flags=2 << 11), 1)
    check(answer is not None, "no answer")
    equal((answer.flags >> 11) & 15, 2, "opcode")


@case("RFC 9619 section 4", "no question is a format error")
def _(c):
    answer = c.send_udp(struct.pack("!HHHHHH", 9, wire.RD, 0, 0, 0, 0), 0.5)
    check(answer is None or answer.rcode in (wire.FORMERR, wire.REFUSED), "neither silence nor an error")


@case("RFC 9619 section 4", "two questions are a format error")
def _(c):
    two = wire.name(c.name("a")) + struct.pack("!HH", 1, 1) + wire.name(c.name("b")) + struct.pack("!HH", 1, 1)
    answer = c.send_udp(struct.pack("!HHHHHH", 9, wire.RD, 2, 0, 0, 0) + two, 0.5)
    check(answer is None or answer.rcode == wire.FORMERR, "neither silence nor FORMERR")


@case("RFC 1035 section 4.1.1", "an answer section in a query is a format error")
def _(c):
    raw = wire.query(c.name(), edns=False, counts=(1, 1, 0, 0)) + wire.a("x.example")
    answer = c.send_udp(raw, 0.5)
    check(answer is None or answer.rcode == wire.FORMERR, "neither silence nor FORMERR")


for cut in (13, 16, 20, 25):
    @case("RFC 1035 section 4.1.2", f"a question cut off at byte {cut} is a format error or silence")
    def _(c, cut=cut):
        answer = c.send_udp(wire.query("www.example.com", edns=False)[:cut], 0.4)
        check(answer is None or answer.rcode == wire.FORMERR, "neither silence nor FORMERR")


@case("RFC 1035 section 4.1.2", "counts that promise more than there is are a format error or silence")
def _(c):
    for counts in ((1, 0, 0, 5), (1, 0, 9, 0), (65535, 0, 0, 0), (1, 0, 0, 65535)):
        answer = c.send_udp(wire.query(c.name(), edns=False, counts=counts), 0.4)
        check(answer is None or answer.rcode == wire.FORMERR, f"counts {counts}")


for qclass, what in ((2, "CS"), (4, "HS"), (254, "NONE"), (255, "ANY"), (65280, "a private class")):
    @case("RFC 1035 section 3.2.4", f"class {what} is not served and not forwarded")
    def _(c, qclass=qclass):
        answer = c.ask(c.name(), qclass=qclass)
        check(answer.rcode in (wire.REFUSED, wire.NOTIMP, wire.FORMERR, wire.NXDOMAIN) or not answer.answers, f"rcode {answer.rcode}")
        equal([q for q in c.upstream.asked(c.name()) if q.qclass != wire.IN], [], "questions upstream")


for qtype, what in ((wire.AXFR, "AXFR"), (wire.IXFR, "IXFR")):
    @case("RFC 5936 section 2.2.1", f"{what} is refused over UDP and TCP, and never forwarded")
    def _(c, qtype=qtype):
        for answer in (c.ask(c.name(), qtype), c.stream(wire.query(c.name(), qtype))[0]):
            check(answer.rcode in (wire.REFUSED, wire.NOTIMP, wire.FORMERR, wire.SERVFAIL), f"rcode {answer.rcode}")
        equal(c.upstream.asked(c.name()), [], "questions upstream")


for qtype, what in ((wire.OPT, "OPT"), (wire.TSIG, "TSIG"), (wire.TKEY, "TKEY"), (0, "type 0"), (wire.MAILA, "MAILA"), (wire.MAILB, "MAILB")):
    @case("RFC 6895 section 3.1", f"a question for {what} is refused: it names no data")
    def _(c, qtype=qtype):
        answer = c.ask(c.name(), qtype)
        check(answer.rcode != wire.NOERROR or not answer.answers, "it was answered")


for qtype, what in ((wire.NS, "NS"), (wire.MX, "MX"), (wire.TXT, "TXT"), (wire.SRV, "SRV"), (wire.NAPTR, "NAPTR"), (wire.CAA, "CAA"),
                    (wire.HTTPS, "HTTPS"), (wire.SVCB, "SVCB"), (wire.DS, "DS"), (wire.DNSKEY, "DNSKEY"), (44, "SSHFP"), (52, "TLSA"),
                    (10, "NULL"), (99, "SPF"), (61, "OPENPGPKEY"), (65399, "TYPE65399")):
    @case("RFC 3597 section 3", f"a question for {what} is forwarded, and so is its answer")
    def _(c, qtype=qtype):
        rdata = wire.name("ns.example") if qtype == wire.NS else b"\x00\x0a" + wire.name("mx.example") if qtype == wire.MX else \
            b"\x00\x01\x00\x02\x00\x03" + wire.name("srv.example") if qtype == wire.SRV else \
            b"\x00\x01\x00\x01\x01u\x00\x00" + wire.name("n.example") if qtype == wire.NAPTR else \
            b"\x00\x01" + wire.name("svc.example") if qtype in (wire.HTTPS, wire.SVCB) else \
            b"\x00\x05issueca.example" if qtype == wire.CAA else \
            b"\x12\x34\x0d\x02" + b"h" * 32 if qtype == wire.DS else \
            b"\x01\x00\x03\x0d" + b"k" * 64 if qtype == wire.DNSKEY else \
            b"\x01\x02" + b"f" * 32 if qtype == 44 else b"\x03\x01\x01" + b"t" * 32 if qtype == 52 else b"\x04data"
        name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.rr(q.qname, qtype, rdata)])])
        answer = c.ask(name, qtype)
        equal(answer.rcode, wire.NOERROR, "rcode")
        equal([r.rtype for r in answer.answers], [qtype], "types")
        check(answer.answers[0].rdata[:2] == rdata[:2] or answer.answers[0].target, "rdata")


@case("RFC 8482 section 4", "ANY gets one answer of few bytes and is not forwarded")
def _(c):
    answer = c.ask(c.name(), wire.ANY)
    check(len(answer.answers) <= 1 and len(answer.raw) < 200, f"{len(answer.answers)} records")
    equal([q for q in c.upstream.asked(c.name()) if q.qtype == wire.ANY], [], "questions upstream")


@case("RFC 6891 section 6.1.1", "an OPT in the query has one in the answer, and none has none")
def _(c):
    check(c.ask(c.name("a")).edns is not None, "no OPT came back")
    check(c.ask(c.name("b"), edns=False).edns is None, "an OPT came that was not asked for")


@case("RFC 6891 section 6.1.1", "an error has an OPT, too")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, rcode=wire.SERVFAIL)])
    answer = c.ask(name)
    equal(answer.rcode, wire.SERVFAIL, "rcode")
    check(answer.edns is not None, "no OPT came back")


@case("RFC 6891 section 6.1.1", "two OPTs are a format error")
def _(c):
    raw = wire.query(c.name(), extra=wire.opt(), counts=(1, 0, 0, 2))
    equal(c.send_udp(raw).rcode, wire.FORMERR, "rcode")


@case("RFC 6891 section 6.1.2", "an OPT with an owner is a format error")
def _(c):
    equal(c.ask(c.name(), owner=wire.name("x.example")).rcode, wire.FORMERR, "rcode")


for version in (1, 2, 255):
    @case("RFC 6891 section 6.1.3", f"EDNS version {version} gets BADVERS with version 0 and no data")
    def _(c, version=version):
        answer = c.ask(c.name(), version=version)
        equal(answer.rcode, wire.BADVERS, "rcode")
        equal((answer.edns.ttl >> 16) & 255, 0, "version of the answer")
        equal(answer.answers, [], "answers")


@case("RFC 6891 section 6.1.4", "flags of EDNS other than DO are not copied")
def _(c):
    raw = wire.query(c.name(), edns=False, counts=(1, 0, 0, 1)) + b"\0" + struct.pack("!HHIH", wire.OPT, 1232, 0x7FFF, 0)
    equal(c.send_udp(raw).edns.ttl & 0x7FFF, 0, "EDNS flags")


@case("RFC 3225 section 3", "DO comes back as it was sent")
def _(c):
    check(c.ask(c.name("a"), do=True).edns.ttl & 0x8000, "DO is lost")
    check(not c.ask(c.name("b")).edns.ttl & 0x8000, "DO came from nowhere")


@case("RFC 6891 section 6.1.2", "unknown EDNS options are ignored and not sent back")
def _(c):
    answer = c.ask(c.name(), options=wire.option(65001, b"unknown") + wire.option(65002))
    equal(answer.rcode, wire.NOERROR, "rcode")
    check(answer.option(65001) is None, "the option came back")


@case("RFC 6891 section 6.1.2", "unknown EDNS options are not passed on upstream")
def _(c):
    c.ask(c.name(), options=wire.option(65001, b"unknown"))
    check(all(q.option(65001) is None for q in c.upstream.asked(c.name())), "the option went upstream")


@case("RFC 6891 section 6.1.2", "an option that is longer than its record is a format error")
def _(c):
    equal(c.ask(c.name(), options=struct.pack("!HH", 65001, 50) + b"short").rcode, wire.FORMERR, "rcode")


@case("RFC 7871 section 7.1.2", "a client's subnet does not go upstream unasked")
def _(c):
    c.ask(c.name(), options=wire.option(8, b"\x00\x01\x18\x00\xc0\x00\x02"))
    check(all(q.option(8) is None for q in c.upstream.asked(c.name())), "ECS went upstream")


for size in (0, 100, 511):
    @case("RFC 6891 section 6.2.3", f"a payload size of {size} is read as 512")
    def _(c, size=size):
        name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, f"192.0.2.{i}") for i in range(20)])])
        answer = c.ask(name, size=size)
        check(not answer.has(wire.TC) and len(answer.answers) == 20, "it was cut")


@case("RFC 1035 section 4.2.1", "without EDNS no datagram is longer than 512 bytes, and TC says so")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, f"192.0.2.{i}") for i in range(60)])])
    answer = c.ask(name, edns=False)
    check(len(answer.raw) <= 512 and answer.has(wire.TC), f"{len(answer.raw)} bytes")


@case("RFC 9715 section 3.1", "no datagram is longer than 1232 bytes, whatever the client offers")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.txt(q.qname, b"x" * 3000)])] if tcp else
                    [wire.reply(q.raw, flags=wire.QR | wire.RD | wire.RA | wire.TC)])
    answer = c.ask(name, wire.TXT, size=65535)
    check(len(answer.raw) <= 1232 and answer.has(wire.TC), f"{len(answer.raw)} bytes")


@case("RFC 2181 section 9", "a truncated answer holds no part of an RRset")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, f"192.0.2.{i}") for i in range(60)])])
    answer = c.ask(name, edns=False)
    equal(answer.answers, [], "answers")


@case("RFC 7766 section 5", "what was truncated over UDP is whole over TCP")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, f"192.0.2.{i}") for i in range(100)])])
    check(c.ask(name, edns=False).has(wire.TC), "not truncated")
    equal(len(c.stream(wire.query(name))[0].answers), 100, "records")


@case("RFC 4035 section 3.2.2", "CD comes back as it was sent")
def _(c):
    check(c.ask(c.name("a"), flags=wire.RD | wire.CD).has(wire.CD), "CD is lost")
    check(not c.ask(c.name("b")).has(wire.CD), "CD came from nowhere")


@case("RFC 6840 section 5.8", "AD of an upstream that nobody vouches for is not passed on")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname)], flags=wire.QR | wire.RD | wire.RA | wire.AD)])
    check(not c.ask(name, flags=wire.RD | wire.AD).has(wire.AD), "AD is set")


@case("RFC 1035 section 4.3.1", "without RD nothing is asked upstream")
def _(c):
    answer = c.ask(c.name(), flags=0)
    check(answer.rcode in (wire.REFUSED, wire.NOERROR, wire.SERVFAIL) and not answer.answers, f"rcode {answer.rcode}")
    equal(c.upstream.asked(c.name()), [], "questions upstream")


@case("RFC 8914 section 3", "a failure carries an extended error")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, rcode=wire.SERVFAIL)])
    check(c.ask(name).ede is not None, "no extended error")


@case("RFC 8914 section 3", "an extended error is not sent to whoever sent no OPT")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, rcode=wire.SERVFAIL)])
    answer = c.ask(name, edns=False)
    check(answer.edns is None, "an OPT came")
