"""DNS messages for the conformance cases: built by hand, so that they may be as wrong as a case needs."""
import ipaddress
import struct
from dataclasses import dataclass, field

A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, NAPTR, DNAME, OPT, DS, RRSIG, NSEC, DNSKEY = (
    1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35, 39, 41, 43, 46, 47, 48)
SVCB, HTTPS, TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY, CAA = 64, 65, 249, 250, 251, 252, 253, 254, 255, 257
IN, CH, HS = 1, 3, 4
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS, BADCOOKIE = 0, 1, 2, 3, 4, 5, 16, 23
QR, AAF, TC, RD, RA, Z, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010


def name(text):
    """Wire form; letter case as given; bytes pass through."""
    if isinstance(text, bytes):
        return text
    out = b""
    for label in text.rstrip(".").split(".") if text.rstrip(".") else []:
        raw = label.encode("latin-1")
        out += bytes([len(raw)]) + raw
    return out + b"\0"


def option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def opt(size=1232, do=False, version=0, options=b"", owner=b"\0", ext_rcode=0):
    ttl = (ext_rcode << 24) | (version << 16) | (0x8000 if do else 0)
    return owner + struct.pack("!HHIH", OPT, size, ttl, len(options)) + options


def query(qname, qtype=A, id=0x1234, flags=RD, qclass=IN, edns=True, extra=b"", counts=None, **edns_options):
    body = name(qname) + struct.pack("!HH", qtype, qclass)
    additional = (opt(**edns_options) if edns else b"") + extra
    numbers = counts or (1, 0, 0, 1 if edns else 0)
    return struct.pack("!HHHHHH", id, flags, *numbers) + body + additional


def rr(owner, rtype, rdata, ttl=60, rclass=IN):
    return name(owner) + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata)) + rdata


def a(owner, address="192.0.2.1", ttl=60):
    return rr(owner, A, ipaddress.ip_address(address).packed, ttl)


def aaaa(owner, address="2001:db8::1", ttl=60):
    return rr(owner, AAAA, ipaddress.ip_address(address).packed, ttl)


def cname(owner, target, ttl=60):
    return rr(owner, CNAME, name(target), ttl)


def soa(owner, ttl=60, minimum=60):
    return rr(owner, SOA, name("ns." + owner) + name("host." + owner) + struct.pack("!IIIII", 1, 3600, 600, 86400, minimum), ttl)


def txt(owner, text=b"text", ttl=60):
    return rr(owner, TXT, b"".join(bytes([len(text[i:i + 255])]) + text[i:i + 255] for i in range(0, len(text), 255)), ttl)


def reply(asked, answers=(), authority=(), additional=(), rcode=NOERROR, flags=QR | RD | RA, id=None, question=None, counts=None):
    """A response to the query `asked`; everything may be overridden to lie."""
    message = Message(asked)
    body = question if question is not None else message.question
    answers, authority, additional = list(answers), list(authority), list(additional)
    numbers = counts or (1, len(answers), len(authority), len(additional))
    head = struct.pack("!HHHHHH", message.id if id is None else id, flags | rcode, *numbers)
    return head + body + b"".join(answers + authority + additional)


class Malformed(Exception):
    pass


@dataclass
class Record:
    owner: str
    rtype: int
    rclass: int
    ttl: int
    rdata: bytes
    target: str = ""  # the first name in the rdata, where there is one


@dataclass
class Message:
    raw: bytes
    id: int = 0
    flags: int = 0
    qname: str = ""
    qtype: int = 0
    qclass: int = 0
    question: bytes = b""
    answers: list = field(default_factory=list)
    authority: list = field(default_factory=list)
    additional: list = field(default_factory=list)
    edns: Record = None
    options: list = field(default_factory=list)

    def __post_init__(self):
        if len(self.raw) < 12:
            raise Malformed("shorter than a header")
        self.id, self.flags, qd, an, ns, ar = struct.unpack("!HHHHHH", self.raw[:12])
        at = 12
        if qd:
            self.qname, at = self._name(at)
            self.qtype, self.qclass = struct.unpack("!HH", self._take(at, 4))
            at += 4
            self.question = self.raw[12:at]
        for section, count in ((self.answers, an), (self.authority, ns), (self.additional, ar)):
            for _ in range(count):
                record, at = self._record(at)
                if record.rtype == OPT and section is self.additional:
                    self.edns = record
                    self._read_options(record.rdata)
                else:
                    section.append(record)
        if at != len(self.raw):
            raise Malformed(f"{len(self.raw) - at} bytes behind the last record")

    def _take(self, at, count):
        if at + count > len(self.raw):
            raise Malformed("cut short")
        return self.raw[at:at + count]

    def _name(self, at):
        labels, end, hops = [], None, 0
        while True:
            length = self._take(at, 1)[0]
            if length & 0xC0 == 0xC0:
                pointer = struct.unpack("!H", self._take(at, 2))[0] & 0x3FFF
                end = end if end is not None else at + 2
                hops += 1
                if pointer >= at or hops > 127:
                    raise Malformed("a pointer that leads nowhere")
                at = pointer
                continue
            if length & 0xC0:
                raise Malformed("an unknown label type")
            at += 1
            if length == 0:
                return ".".join(labels), end if end is not None else at
            labels.append(self._take(at, length).decode("latin-1"))
            at += length

    def _record(self, at):
        owner, at = self._name(at)
        rtype, rclass, ttl, size = struct.unpack("!HHIH", self._take(at, 10))
        at += 10
        record = Record(owner, rtype, rclass, ttl, self._take(at, size))
        if rtype in (NS, CNAME, PTR, DNAME, SOA):
            record.target = self._name(at)[0]
        return record, at + size

    def _read_options(self, data):
        at = 0
        while at < len(data):
            if at + 4 > len(data):
                raise Malformed("an EDNS option that is cut short")
            code, size = struct.unpack("!HH", data[at:at + 4])
            self.options.append((code, data[at + 4:at + 4 + size]))
            at += 4 + size

    @property
    def rcode(self):
        return self.flags & 15 | ((self.edns.ttl >> 24) << 4 if self.edns else 0)

    def has(self, flag):
        return bool(self.flags & flag)

    def addresses(self):
        return [str(ipaddress.ip_address(r.rdata)) for r in self.answers if r.rtype in (A, AAAA) and len(r.rdata) in (4, 16)]

    def option(self, code):
        return next((data for c, data in self.options if c == code), None)

    @property
    def ede(self):
        data = self.option(15)
        return struct.unpack("!H", data[:2])[0] if data else None

    @property
    def ede_text(self):
        data = self.option(15)
        return data[2:].decode() if data else None
