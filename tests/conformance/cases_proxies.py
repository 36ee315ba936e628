"""Questions that come by a load balancer, which says for whom (PROXY protocol, version 2). The balancer is 127.0.0.9."""
import socket
import ssl
import struct

import upstream as up
import wire
from harness import case, check, equal

STANDARD = "PROXY protocol section 2.2"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(client="10.0.0.5", command=0x21, family=None, extra=b"", body=None):
    kind = socket.AF_INET6 if ":" in client else socket.AF_INET
    there = "2001:db8::1" if ":" in client else "198.51.100.1"
    if body is None:
        body = socket.inet_pton(kind, client) + socket.inet_pton(kind, there) + struct.pack("!HH", 4321, 53) + extra
    return SIGNATURE + bytes([command, family if family is not None else 0x22 if ":" in client else 0x12]) + struct.pack("!H", len(body)) + body


def ask(c, raw, sender="127.0.0.9", timeout=6):
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.bind((sender, 0))
        client.connect(("127.0.0.1", c.server.port))
        client.send(raw)
        try:
            return wire.Message(client.recv(65535))
        except socket.timeout:
            return None


def ask_tcp(c, pieces, count=1, sender="127.0.0.9"):
    """The answers; None: the connection was closed before."""
    with socket.create_connection(("127.0.0.1", c.server.port), 6, (sender, 0)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
        answers = []
        for _ in range(count):
            try:
                frame = up.receive_frame(client)
            except OSError:
                return None
            if frame is None:
                return None
            answers.append(wire.Message(frame))
        return answers


def framed(raw):
    return struct.pack("!H", len(raw)) + raw


for client in ("10.0.0.5", "fd00::5"):
    @case(STANDARD, f"a balancer's datagram for {client} is answered", only="cenote")
    def _(c, client=client):
        for _ in range(2):  # and from the cache
            equal(ask(c, header(client) + wire.query(c.name())).addresses(), ["192.0.2.1"], "addresses")


@case(STANDARD, "what a balancer carries beside the addresses is skipped", only="cenote")
def _(c):
    equal(ask(c, header(extra=b"\x03\0\4abcd\x20\0\3xyz") + wire.query(c.name())).addresses(), ["192.0.2.1"], "addresses")


@case(STANDARD, "who may ask is the client that the balancer names, not the balancer", only="cenote")
def _(c):
    for client in ("198.51.100.7", "2001:db8::7"):
        answer = ask(c, header(client) + wire.query(c.name()))
        equal((answer.rcode, answer.ede), (wire.REFUSED, 18), "rcode and extended error")
        answer = ask_tcp(c, [header(client) + framed(wire.query(c.name()))])[0]
        equal((answer.rcode, answer.ede), (wire.REFUSED, 18), "rcode and extended error over TCP")
    equal(c.upstream.asked(c.name()), [], "questions upstream")


@case(STANDARD, "a health check (LOCAL) is the balancer's own question", only="cenote")
def _(c):
    for body in (b"", None):
        raw = header("198.51.100.7", 0x20, 0x00, body=body) + wire.query(c.name())
        equal(ask(c, raw).addresses(), ["192.0.2.1"], "addresses")


BAD = {
    "no header": lambda: b"",
    "a header of version 1": lambda: b"PROXY UDP4 10.0.0.5 198.51.100.1 4321 53\r\n",
    "a header of version 3": lambda: header(command=0x31),
    "an unknown command": lambda: header(command=0x22),
    "an unknown client": lambda: header(family=0x00),
    "a Unix socket as client": lambda: header(family=0x31, body=bytes(216)),
    "an address that is too short": lambda: header(body=bytes(11)),
    "an IPv4 address called IPv6": lambda: header(family=0x22),
    "a header longer than the datagram": lambda: SIGNATURE + b"\x21\x12\x07\x00" + bytes(12),
}
for what, make in BAD.items():
    @case(STANDARD, f"a balancer's datagram with {what} is dropped", only="cenote")
    def _(c, make=make):
        check(ask(c, make() + wire.query(c.name()), timeout=0.4) is None, "an answer came")
        equal(c.upstream.asked(c.name()), [], "questions upstream")


@case(STANDARD, "a balancer's datagram that ends in its header is dropped", only="cenote")
def _(c):
    for size in (11, 12, 16, 20, 27):
        check(ask(c, header()[:size], timeout=0.2) is None, "an answer came")


@case(STANDARD, "a header from anybody but a listed balancer is dropped", only="cenote")
def _(c):
    check(ask(c, header() + wire.query(c.name()), "127.0.0.1", 0.4) is None, "an answer came")
    equal(ask_tcp(c, [header() + framed(wire.query(c.name()))], sender="127.0.0.1"), None, "answers over TCP")
    equal(c.upstream.asked(c.name()), [], "questions upstream")


@case(STANDARD, "a balancer's connection begins with a header, and then carries any number of questions", only="cenote")
def _(c):
    raws = [wire.query(c.name(f"q{i}"), id=i) for i in range(5)]
    answers = ask_tcp(c, [header(family=0x11), *map(framed, raws)], 5)
    equal(sorted(a.id for a in answers), list(range(5)), "ids")


@case(STANDARD, "a balancer's header comes in any pieces", only="cenote")
def _(c):
    raw = header("fd00::5", family=0x21) + framed(wire.query(c.name()))
    for size in (1, 13, 52):
        equal(ask_tcp(c, [raw[i:i + size] for i in range(0, len(raw), size)])[0].addresses(), ["192.0.2.1"], "addresses")


@case(STANDARD, "a balancer's connection without a good header is closed", only="cenote")
def _(c):
    for opening in (b"", header(command=0x31), b"PROXY TCP4 10.0.0.5 198.51.100.1 4321 53\r\n"):
        equal(ask_tcp(c, [opening + framed(wire.query(c.name()))]), None, "answers")
    equal(c.upstream.asked(c.name()), [], "questions upstream")


def ask_encrypted(c, port, alpn, opening, raw, sender="127.0.0.9"):
    """The answer over TLS (alpn "dot") or HTTPS ("http/1.1"), with `opening` before the handshake; None: no handshake."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    with socket.create_connection(("127.0.0.1", port), 6, (sender, 0)) as plain:
        try:
            plain.sendall(opening)
            with context.wrap_socket(plain, server_hostname="dns.example") as client:
                if alpn == "dot":
                    client.sendall(framed(raw))
                    frame = up.receive_frame(client)
                    return wire.Message(frame) if frame else None
                client.sendall(b"POST /dns-query HTTP/1.1\r\nhost: dns.example\r\nconnection: close\r\ncontent-type: "
                               b"application/dns-message\r\ncontent-length: %d\r\n\r\n" % len(raw) + raw)
                answer = b""
                while piece := client.recv(65536):
                    answer += piece
                return wire.Message(answer.split(b"\r\n\r\n", 1)[1])
        except OSError:
            return None


for what, port, alpn in (("TLS", "tls", "dot"), ("HTTPS", "https", "http/1.1")):
    @case(STANDARD, f"a balancer's header comes before the handshake of {what}", only="cenote")
    def _(c, port=port, alpn=alpn):
        def ask_for(opening, raw, sender="127.0.0.9"):
            return ask_encrypted(c, getattr(c.server, port), alpn, opening, raw, sender)
        for client in ("10.0.0.5", "fd00::5"):
            equal(ask_for(header(client, family=0x21 if ":" in client else 0x11), wire.query(c.name())).addresses(), ["192.0.2.1"], "addresses")
        equal(ask_for(header("198.51.100.7"), wire.query(c.name("other"))).rcode, wire.REFUSED, "rcode for a stranger behind the balancer")
        equal(ask_for(header("198.51.100.7", 0x20, 0x00, body=b""), wire.query(c.name())).addresses(), ["192.0.2.1"], "addresses of a health check")

    @case(STANDARD, f"over {what} a balancer without a good header gets no handshake, and nobody else's header is taken", only="cenote")
    def _(c, port=port, alpn=alpn):
        for opening in (b"", header(command=0x31), b"PROXY TCP4 10.0.0.5 198.51.100.1 4321 53\r\n"):
            equal(ask_encrypted(c, getattr(c.server, port), alpn, opening, wire.query(c.name())), None, "answer")
        equal(ask_encrypted(c, getattr(c.server, port), alpn, header(), wire.query(c.name()), "127.0.0.1"), None, "answer")
        equal(c.upstream.asked(c.name()), [], "questions upstream")


@case("RFC 7873 section 5.2.3", "a cookie belongs to the client behind the balancer", only="cenote")
def _(c):
    made = {client: ask(c, header(client) + wire.query(c.name(), options=wire.option(10, b"clientck"))).option(10) for client in ("10.0.0.5", "10.0.0.6")}
    equal([len(cookie) for cookie in made.values()], [24, 24], "lengths")
    check(made["10.0.0.5"][16:] != made["10.0.0.6"][16:], "two clients have one cookie")
