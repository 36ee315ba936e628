"""Clients that say who they are: by a certificate, or by the path that they ask at. The group of theirs is refused
what others are told does not exist."""
import signal
import socket
import ssl
import struct
import time

import upstream as up
import wire
from harness import case, check, equal
from servers import certificates

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


class Admission:
    """A server of one case's own, whose authority for clients changes while it runs."""

    def __init__(self, c):
        self.server = type(c.server)(c.upstreams)
        self.folder = self.server.folder

    def __enter__(self):
        self.server.start()
        for name, authority in (("b.clients.example", "other-ca"), ("c.clients.example", "other-ca")):
            certificates.for_client(self.folder, name, authority)
        return self

    def __exit__(self, *why):
        self.server.stop()

    def is_known(self, name, context=None, session=None):
        """Whether that certificate makes its client one of the group: False, too, where there is no handshake."""
        answer, _, is_resumed = ask(self, context or context_of(self, name), wire.query(BLOCKED), session)
        check(not is_resumed, f"a session of {name} was resumed")
        return answer is not None and answer.rcode == wire.REFUSED

    def session_of(self, name):
        context = context_of(self, name)
        return context, ask(self, context, wire.query(BLOCKED))[1]

    def reload(self, becomes):
        self.server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while not becomes() and time.monotonic() < deadline:
            time.sleep(0.05)
        check(becomes(), "the reload had no effect")


@case(CERTIFICATE, "a reload takes another authority, at another path or the same, and ends no connection", only="cenote")
def _(c):
    first = "kiosk-7.clients.example"
    with Admission(c) as site:
        plain = socket.create_connection(("127.0.0.1", site.server.tls), 6)
        with context_of(site, first).wrap_socket(plain, server_hostname="dns.example") as kept:
            def still_answers():
                raw = wire.query(BLOCKED)
                kept.sendall(struct.pack("!H", len(raw)) + raw)
                equal(wire.Message(up.receive_frame(kept)).rcode, wire.REFUSED, "rcode on the connection that is kept")
            still_answers()
            session = site.session_of(first)
            check(not site.is_known("b.clients.example"), "an authority is believed that nobody has named")
            config = site.folder / "cenote.yaml"
            config.write_text(config.read_text().replace("clients-ca.crt", "other-ca.crt"))
            site.reload(lambda: site.is_known("b.clients.example"))
            check(not site.is_known(first, *session), "the old authority is believed")
            still_answers()
            (site.folder / "other-ca.crt").write_bytes((site.folder / "clients-ca.crt").read_bytes())
            site.reload(lambda: site.is_known(first))
            check(not site.is_known("b.clients.example"), "what the file held before is believed")
            still_answers()


@case("RFC 5280 section 5", "a client whose certificate is on the authority's list of revoked ones is let in no more", only="cenote")
def _(c):
    with Admission(c) as site:
        authority = site.folder / "clients-ca.crt"
        authority.write_text((site.folder / "other-ca.crt").read_text())
        site.reload(lambda: site.is_known("b.clients.example"))
        session = site.session_of("b.clients.example")
        with open(authority, "a", encoding="ascii") as file:
            file.write(certificates.revocation_list(site.folder, ["b.clients.example"], "other-ca"))
        site.reload(lambda: not site.is_known("b.clients.example"))
        check(not site.is_known("b.clients.example", *session), "its session is resumed")
        check(site.is_known("c.clients.example"), "the other client is not known any more")


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
