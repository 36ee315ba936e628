"""Clients that say who they are: by a certificate, or by the path that they ask at. The group of theirs is refused
what others are told does not exist."""
import socket
import ssl
import struct

import upstream as up
import wire
from harness import case, check, equal

BLOCKED = "www.blocked.example"
CERTIFICATE = "RFC 8446 section 4.4.2"
TEMPLATE = "RFC 8484 section 4.1"


def context_of(c, name=None, alpn="dot"):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    if name:
        context.load_cert_chain(c.server.folder / f"{name}.crt", c.server.folder / f"{name}.key")
    return context


def ask(c, context, raw, session=None, sender="127.0.0.1"):
    """The answer over TLS, the session, and whether it was taken up again; the answer is None when there was no handshake."""
    with socket.create_connection(("127.0.0.1", c.server.tls), 6, (sender, 0)) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="dns.example", session=session) as client:
                client.sendall(struct.pack("!H", len(raw)) + raw)
                frame = up.receive_frame(client)
                return wire.Message(frame) if frame else None, client.session, client.session_reused
        except OSError:
            return None, None, False


@case(CERTIFICATE, "a client's certificate says to which group it belongs, and so does a resumed session", only="cenote")
def _(c):
    context = context_of(c, "kiosk-7.clients.example")
    answer, session, _ = ask(c, context, wire.query(BLOCKED))
    equal((answer.rcode, answer.ede), (wire.REFUSED, 15), "rcode and extended error")
    answer, _, is_resumed = ask(c, context, wire.query(BLOCKED), session)
    equal((answer.rcode, is_resumed), (wire.REFUSED, True), "rcode, and whether the session was resumed")


@case(CERTIFICATE, "a client without a certificate is known by its address", only="cenote")
def _(c):
    answer, _, _ = ask(c, context_of(c), wire.query(BLOCKED))
    equal((answer.rcode, answer.ede), (wire.NXDOMAIN, 15), "rcode and extended error")


@case(CERTIFICATE, "a certificate of another authority ends the handshake", only="cenote")
def _(c):
    context = context_of(c)
    context.load_cert_chain(c.server.folder / "dns.crt", c.server.folder / "dns.key")
    equal(ask(c, context, wire.query(BLOCKED))[0], None, "answer")


@case(CERTIFICATE, "who shows a good certificate may ask from anywhere", only="cenote")
def _(c):
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([198, 51, 100, 7, 198, 51, 100, 1]) + struct.pack("!HH", 4321, 853)
    for name, expected in ((None, wire.REFUSED), ("kiosk-7.clients.example", wire.NOERROR)):
        context = context_of(c, name)
        raw = wire.query(c.name())
        with socket.create_connection(("127.0.0.1", c.server.tls), 6, ("127.0.0.9", 0)) as plain:
            plain.sendall(header)
            with context.wrap_socket(plain, server_hostname="dns.example") as client:
                client.sendall(struct.pack("!H", len(raw)) + raw)
                equal(wire.Message(up.receive_frame(client)).rcode, expected, f"rcode with {name or 'no certificate'}")


@case(TEMPLATE, "a path says which client asks", only="cenote")
def _(c):
    raw = wire.query(BLOCKED, id=0)
    for path, expected in (("/dns-query/kiosk-8", wire.REFUSED), ("/dns-query/kiosk-9", wire.NXDOMAIN), ("/dns-query", wire.NXDOMAIN)):
        status, _, body = c.https("POST", path, raw, {"content-type": "application/dns-message"})
        equal((status, wire.Message(body).rcode), (200, expected), f"status and rcode at {path}")


@case(TEMPLATE, "a path that is no client's name is not found", only="cenote")
def _(c):
    raw = wire.query(BLOCKED, id=0)
    for path in ("/dns-query/", "/dns-query/Kiosk-8", "/dns-query/kiosk-8/x", "/dns-query/%2e%2e", "/dns-queries"):
        equal(c.https("POST", path, raw, {"content-type": "application/dns-message"})[0], 404, f"status at {path}")
    check(c.doh(wire.query(c.name(), id=0))[0] == 200, "the next request")
