"""Names that a resolver answers by itself, cookies, and what Cenote alone promises."""
import json

import wire
from harness import case, check, equal


def local(standard, qname, rcodes, qtype=wire.A):
    @case(standard, f"{qname} is answered here and asked of nobody")
    def _(c):
        answer = c.ask(qname, qtype)
        check(answer.rcode in rcodes, f"rcode {answer.rcode}")
        equal(c.upstream.asked(qname), [], "questions upstream")


for qname in ("localhost", "www.localhost"):
    local("RFC 6761 section 6.3", qname, [wire.NOERROR])
local("RFC 6761 section 6.4", "invalid", [wire.NXDOMAIN, wire.NOERROR])  # the apex may exist and be empty
for qname in ("www.invalid", "a.b.c.invalid"):
    local("RFC 6761 section 6.4", qname, [wire.NXDOMAIN])
local("RFC 7686 section 2", "onion", [wire.NXDOMAIN, wire.NOERROR])
local("RFC 7686 section 2", "abcdefghijklmnop.onion", [wire.NXDOMAIN])
local("RFC 8375 section 4", "printer.home.arpa", [wire.NXDOMAIN])
local("RFC 9476 section 3", "name.alt", [wire.NXDOMAIN])
local("RFC 6762 section 22.1", "printer.local", [wire.NXDOMAIN])
for zone in ("10.in-addr.arpa", "16.172.in-addr.arpa", "31.172.in-addr.arpa", "168.192.in-addr.arpa"):
    local("RFC 6303 section 4.1", "1.2." + zone, [wire.NXDOMAIN], wire.PTR)
for zone in ("0.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa", "2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa",
             "113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa"):
    local("RFC 6303 section 4.2", "9." + zone, [wire.NXDOMAIN], wire.PTR)
for zone in ("d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"):
    local("RFC 6303 section 4.4", "1." + zone, [wire.NXDOMAIN], wire.PTR)
for octet in (64, 100, 127):
    local("RFC 7793 section 3", f"1.{octet}.100.in-addr.arpa", [wire.NXDOMAIN], wire.PTR)
local("RFC 9462 section 6.4", "_dns.resolver.arpa", [wire.NOERROR, wire.NXDOMAIN], wire.SVCB)


@case("RFC 6761 section 6.3", "localhost is the loopback, by both families")
def _(c):
    equal(c.ask("localhost", wire.A).addresses(), ["127.0.0.1"], "A")
    equal(c.ask("localhost", wire.AAAA).addresses(), ["::1"], "AAAA")


@case("RFC 6303 section 3", "the apex of a private reverse zone has an SOA and no name is below it")
def _(c):
    equal(c.ask("10.in-addr.arpa", wire.A).rcode, wire.NOERROR, "rcode of the apex")
    answer = c.ask("4.3.2.10.in-addr.arpa", wire.PTR)
    equal([(r.owner, r.rtype) for r in answer.authority], [("10.in-addr.arpa", wire.SOA)], "authority")


for qname in ("1.63.100.in-addr.arpa", "1.128.100.in-addr.arpa", "1.15.172.in-addr.arpa", "1.32.172.in-addr.arpa", "8.8.8.8.in-addr.arpa"):
    @case("RFC 6303 section 4.1", f"{qname} is a public name and asked of the upstream")
    def _(c, qname=qname):
        c.ask(qname, wire.PTR)
        check(c.upstream.asked(qname), "it was not asked")


@case("Mozilla, Canary domain", "use-application-dns.net does not exist", only="cenote")
def _(c):
    equal(c.ask("use-application-dns.net").rcode, wire.NXDOMAIN, "rcode")


for qname in ("mask.icloud.com", "mask-h2.icloud.com"):
    @case("Apple, Private Relay", f"{qname} does not exist", only="cenote")
    def _(c, qname=qname):
        equal(c.ask(qname).rcode, wire.NXDOMAIN, "rcode")


for qname in ("version.bind", "version.server"):
    @case("RFC 4892 section 2", f"{qname} tells nothing that was not configured, and is asked of nobody")
    def _(c, qname=qname):
        answer = c.ask(qname, wire.TXT, qclass=wire.CH)
        check(answer.rcode != wire.NOERROR or not answer.answers or not answer.answers[0].rdata[1:], f"{answer.answers}")
        equal(c.upstream.asked(qname), [], "questions upstream")


for qname in ("id.server", "hostname.bind"):
    @case("RFC 4892 section 2", f"{qname} tells which server it is")
    def _(c, qname=qname):
        answer = c.ask(qname, wire.TXT, qclass=wire.CH)
        equal([r.rdata for r in answer.answers], [b"\6node-1"], "text")
        equal(c.upstream.asked(qname), [], "questions upstream")


@case("RFC 5001 section 2.2", "NSID tells which server it is, to whoever asks for it")
def _(c):
    for _ in range(2):  # and from the cache
        equal(c.ask(c.name(), options=wire.option(3)).option(3), b"node-1", "NSID")


@case("RFC 5001 section 2.2", "NSID is not told to whoever does not ask for it")
def _(c):
    equal(c.ask(c.name()).option(3), None, "NSID")


@case("RFC 5001 section 2.1", "NSID is not passed on upstream, nor the upstream's to the client")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname)], additional=[wire.opt(options=wire.option(3, b"upstream"))])])
    equal(c.ask(name, options=wire.option(3)).option(3), b"node-1", "NSID")
    check(all(q.option(3) is None for q in c.upstream.asked(name)), "NSID was asked upstream")


@case("RFC 5001 section 2.1", "what an NSID option of a query holds is no matter")
def _(c):
    equal(c.ask(c.name(), options=wire.option(3, b"payload")).option(3), b"node-1", "NSID")


@case("RFC 5001 section 2.2", "an error tells NSID, too", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, rcode=wire.SERVFAIL)])
    for qname in (name, "www.blocked.example", "localhost"):
        equal(c.ask(qname, options=wire.option(3)).option(3), b"node-1", f"NSID of {qname}")


@case("RFC 7873 section 5.2.3", "a client's cookie comes back with the server's", only="cenote")
def _(c):
    cookie = c.ask(c.name(), options=wire.option(10, b"clientck")).option(10)
    check(cookie and cookie[:8] == b"clientck" and len(cookie) == 24, f"{cookie}")
    equal(cookie[8:12], b"\1\0\0\0", "version and reserved (RFC 9018 section 4)")


@case("RFC 7873 section 5.2.5", "with both its parts the cookie is good, and the answer too", only="cenote")
def _(c):
    cookie = c.ask(c.name("a"), options=wire.option(10, b"clientck")).option(10)
    answer = c.ask(c.name("b"), options=wire.option(10, cookie))
    equal(answer.rcode, wire.NOERROR, "rcode")
    equal(len(answer.option(10)), 24, "length")


@case("RFC 7873 section 5.2.4", "a forged cookie is no reason for silence", only="cenote")
def _(c):
    answer = c.ask(c.name(), options=wire.option(10, b"clientck" + b"x" * 16))
    equal(answer.rcode, wire.NOERROR, "rcode")


for size in (0, 1, 7, 9, 15, 41):
    @case("RFC 7873 section 5.2.2", f"a cookie of {size} bytes is a format error", only="cenote")
    def _(c, size=size):
        equal(c.ask(c.name(), options=wire.option(10, b"c" * size)).rcode, wire.FORMERR, "rcode")


for qtype, what in ((wire.A, "A"), (wire.AAAA, "AAAA"), (wire.HTTPS, "HTTPS"), (wire.TXT, "TXT"), (wire.MX, "MX"), (wire.ANY, "ANY"), (65399, "TYPE65399")):
    @case("docs/blocked-answers.md", f"a blocked name is answered for {what} and asked of nobody", only="cenote")
    def _(c, qtype=qtype):
        name = f"t{qtype}.blocked.example"
        answer = c.ask(name, qtype)
        equal((answer.rcode, answer.ede), (wire.NXDOMAIN, 15), "rcode and extended error")
        equal([r.rtype for r in answer.authority], [wire.SOA], "authority")
        equal(c.upstream.asked(name), [], "questions upstream")


@case("docs/blocked-answers.md", "a blocked name is blocked over TCP, TLS and HTTPS alike", only="cenote")
def _(c):
    raw = wire.query("www.blocked.example", id=0)
    for message in (c.stream(raw)[0], c.stream(raw, tls=True)[0], wire.Message(c.doh(raw)[2])):
        equal((message.rcode, message.ede), (wire.NXDOMAIN, 15), "rcode and extended error")


@case("docs/blocked-answers.md", "DO, CD and RD=0 do not lift a block", only="cenote")
def _(c):
    for answer in (c.ask("www.blocked.example", do=True), c.ask("www.blocked.example", flags=wire.RD | wire.CD), c.ask("www.blocked.example", flags=0)):
        equal((answer.rcode, answer.ede), (wire.NXDOMAIN, 15), "rcode and extended error")


@case("docs/blocked-answers.md", "a CNAME to a blocked name is blocked at that hop", only="cenote")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.cname(q.qname, "cdn.blocked.example"), wire.a("cdn.blocked.example")])])
    answer = c.ask(name)
    equal((answer.rcode, answer.ede), (wire.NXDOMAIN, 15), "rcode and extended error")
    equal([r.rtype for r in answer.answers], [wire.CNAME], "answers")


def reason(answer):
    """The JSON in an extended error; None: there is other text, or none."""
    text = (answer.option(15) or b"")[2:]
    return json.loads(text) if text.startswith(b"{") else None


SDE = "draft-ietf-dnsop-structured-dns-error"
for what, option in (("its option", wire.option(26)), ("an extended error of length 2", wire.option(15, b"\0\0")), ("an empty extended error", wire.option(15))):
    @case(SDE, f"whoever asks for structured errors with {what} gets the reason of a block as JSON", only="cenote")
    def _(c, option=option):
        answer = c.ask("www.blocked.example", options=option)
        equal((answer.rcode, answer.ede), (wire.NXDOMAIN, 15), "rcode and extended error")
        found = reason(answer)
        equal({k: v for k, v in found.items() if k != "j"},
              {"c": ["mailto:csirt@example.org", "tel:+81312345678"], "s": 1, "o": 'Example "K.K."', "l": "en"}, "members")
        check(found["j"].startswith("malware blocked, incident "), "justification")
        check(b" :" not in answer.option(15) and b": " not in answer.option(15), "it is not minified")


@case(SDE, "whoever does not ask for structured errors gets words for people", only="cenote")
def _(c):
    answer = c.ask("www.blocked.example")
    check(reason(answer) is None and b"malware blocked, incident " in answer.option(15), f"{answer.option(15)}")


@case(SDE, "structured errors come over TLS and HTTPS, where they are believed", only="cenote")
def _(c):
    raw = wire.query("www.blocked.example", id=0, options=wire.option(26))
    for message in (c.stream(raw, tls=True)[0], wire.Message(c.doh(raw)[2])):
        equal(reason(message)["s"], 1, "sub-error")


@case(SDE, "where a datagram has no room JSON is made less or left out, never cut; the code stays", only="cenote")
def _(c):
    label = "a" * 63
    brief = bare = 0
    for count in range(1, 170, 4):
        name = f"{label[:count % 64 or 1]}.{label}.{label}.{'b' * (count // 4 + 1)}.blocked.example"
        if len(wire.name(name)) > 255:
            continue
        answer = c.ask(name, size=512, options=wire.option(26) + wire.option(3) + wire.option(10, b"clientck"))
        equal((answer.rcode, answer.ede, answer.has(wire.TC)), (wire.NXDOMAIN, 15, False), "rcode, extended error, TC")
        found = reason(answer)
        bare += found is None
        brief += found is not None and "j" not in found
        check(found is None or found["s"] == 1, "sub-error")
        check(found is not None or len(answer.option(15)) == 2, "there is a part of it")
    check(brief + bare, "there was room for all of them")


@case(SDE, "asking for structured errors is not asked of the upstream, and an ordinary answer has none", only="cenote")
def _(c):
    answer = c.ask(c.name(), options=wire.option(26) + wire.option(15, b"\0\0"))
    equal((answer.rcode, answer.option(15)), (wire.NOERROR, None), "rcode and extended error")
    check(all(q.option(26) is None and q.option(15) is None for q in c.upstream.asked(c.name())), "it went upstream")
