"""TCP, TLS and HTTPS."""
import base64
import os
import socket
import ssl
import struct
import time

import upstream as up
import wire
from harness import Failed, case, check, equal

SLOWER = float(os.environ.get("CENOTE_SLOWER", "1"))  # how many times slower a binary with sanitizers may be


@case("RFC 7766 section 5", "a question over TCP is answered")
def _(c):
    equal(c.stream(wire.query(c.name()))[0].addresses(), ["192.0.2.1"], "addresses")


@case("RFC 7766 section 8", "a frame may come in any pieces")
def _(c):
    for pieces in (1, 3, 7):
        equal(c.stream(wire.query(c.name(f"p{pieces}")), pieces=pieces)[0].addresses(), ["192.0.2.1"], "addresses")


@case("RFC 7766 section 6.2.1.1", "many questions on one connection are all answered")
def _(c):
    got = c.stream(*[wire.query(c.name(f"n{i}"), id=i) for i in range(50)])
    equal(sorted(m.id for m in got), list(range(50)), "ids")


@case("RFC 7766 section 7", "a slow answer does not hold up a quick one")
def _(c):
    slow = c.script("slow", lambda q, tcp: [up.Wait(0.5), wire.reply(q.raw, [wire.a(q.qname)])])
    got = c.stream(wire.query(slow, id=1), wire.query(c.name("quick"), id=2))
    equal([m.id for m in got], [2, 1], "ids in order")


@case("RFC 7766 section 6.2.1", "a connection may be used again after a pause")
def _(c):
    with c.connect() as connection:
        for i in range(3):
            raw = wire.query(c.name(f"r{i}"))
            connection.sendall(struct.pack("!H", len(raw)) + raw)
            check(up.receive_frame(connection) is not None, "closed")
            time.sleep(0.2)


@case("RFC 1035 section 4.2.2", "a frame of length zero harms nobody")
def _(c):
    with c.connect() as connection:
        connection.sendall(b"\0\0")
        time.sleep(0.1)
    equal(c.stream(wire.query(c.name()))[0].rcode, wire.NOERROR, "rcode")


@case("RFC 1035 section 4.2.2", "a frame that is never finished holds nobody up")
def _(c):
    with c.connect() as connection:
        connection.sendall(b"\xff\xff" + b"x" * 100)
        equal(c.stream(wire.query(c.name()))[0].rcode, wire.NOERROR, "rcode")


@case("RFC 7766 section 6.2.3", "a connection that says nothing is closed after a while")
def _(c):
    with c.connect() as connection:
        connection.settimeout(35)
        equal(connection.recv(1), b"", "bytes")


@case("RFC 1035 section 4.1.1", "a response over TCP is not answered")
def _(c):
    with c.connect() as connection:
        raw = wire.query(c.name(), flags=wire.QR)
        connection.sendall(struct.pack("!H", len(raw)) + raw)
        connection.settimeout(0.5)
        try:
            check(connection.recv(1) == b"", "an answer came")
        except socket.timeout:
            pass


@case("RFC 7766 section 6.2.4", "a client that goes before its answer harms nobody")
def _(c):
    name = c.script("slow", lambda q, tcp: [up.Wait(0.2), wire.reply(q.raw, [wire.a(q.qname)])])
    for _ in range(10):
        with c.connect() as connection:
            raw = wire.query(name)
            connection.sendall(struct.pack("!H", len(raw)) + raw)
    time.sleep(0.4)
    equal(c.ask(c.name()).rcode, wire.NOERROR, "rcode")


def slow_names(c, count, seconds=1.0):
    return [c.script(f"slow{i}", lambda q, tcp: [up.Wait(seconds), wire.reply(q.raw, [wire.a(q.qname)])]) for i in range(count)]


def framed(*raws):
    return b"".join(struct.pack("!H", len(raw)) + raw for raw in raws)


class HalfClosedTls:
    """TLS of which only this side has ended; Python's SSLSocket would wait for the other side's end."""

    def __init__(self, port, alpn=None):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols([alpn])
        self.plain = socket.create_connection(("127.0.0.1", port), 6)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="dns.example")
        self.rest = b""
        self.until_done(self.tls.do_handshake)

    def until_done(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.flush()
                data = self.plain.recv(65536)
                if not data:
                    raise EOFError
                self.incoming.write(data)
            finally:
                self.flush()

    def flush(self):
        if self.outgoing.pending:
            self.plain.sendall(self.outgoing.read())

    def say_and_close(self, data, says_notify):
        self.tls.write(data)
        self.flush()
        if says_notify:
            try:
                self.tls.unwrap()
            except ssl.SSLWantReadError:
                pass
            self.flush()
        self.plain.shutdown(socket.SHUT_WR)

    def read(self, size):
        """As many bytes; fewer at the server's end."""
        while len(self.rest) < size:
            try:
                got = self.until_done(lambda: self.tls.read(65536))
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError, EOFError):
                got = b""
            if not got:
                break
            self.rest += got
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def frame(self):
        head = self.read(2)
        return self.read(struct.unpack("!H", head)[0]) if len(head) == 2 else None


@case("RFC 7766 section 6.2.3", "behind a client's FIN come the answers that it waits for, and then the server's")
def _(c):
    names = slow_names(c, 3)
    with c.connect() as connection:
        connection.sendall(framed(wire.query(c.name("quick"), id=9), *(wire.query(name, id=i) for i, name in enumerate(names))))
        connection.shutdown(socket.SHUT_WR)
        frames = [up.receive_frame(connection) for _ in range(4)]
        check(all(frames), "the connection ended before the answers")
        equal(sorted(wire.Message(raw).id for raw in frames), [0, 1, 2, 9], "ids")
        equal(connection.recv(1), b"", "bytes behind them")


@case("RFC 7766 section 6.2.3", "also where more is asked than is worked on at once")
def _(c):
    names = slow_names(c, 300, 0.3)
    with c.connect() as connection:
        connection.sendall(framed(*(wire.query(name, id=i) for i, name in enumerate(names))))
        connection.shutdown(socket.SHUT_WR)
        frames = [up.receive_frame(connection) for _ in range(300)]
        check(all(frames), f"the connection ended after {sum(map(bool, frames))} answers")


for notify in (True, False):
    @case("RFC 7858 section 3.4", f"the same over TLS, behind {'close_notify and ' if notify else ''}FIN")
    def _(c, notify=notify):
        names = slow_names(c, 3)
        connection = HalfClosedTls(c.server.tls)
        with connection.plain:
            connection.say_and_close(framed(*(wire.query(name, id=i) for i, name in enumerate(names))), notify)
            frames = [connection.frame() for _ in range(3)]
            check(all(frames), "the connection ended before the answers")
            equal(sorted(wire.Message(raw).id for raw in frames), [0, 1, 2], "ids")
            equal(connection.read(1), b"", "bytes behind them")


@case("RFC 9112 section 9.6", "behind a client's FIN come the responses that it waits for over HTTPS", only="cenote")
def _(c):
    names = slow_names(c, 2)
    connection = HalfClosedTls(c.https_port, "http/1.1")
    with connection.plain:
        said = b""
        for name in names:
            text = base64.urlsafe_b64encode(wire.query(name, id=0)).rstrip(b"=").decode()
            said += f"GET /dns-query?dns={text} HTTP/1.1\r\nHost: dns.example\r\n\r\n".encode()
        connection.say_and_close(said, True)
        content = connection.read(1 << 20)
        equal(content.count(b"HTTP/1.1 200"), 2, "responses")
        equal(content.count(socket.inet_aton("192.0.2.1")), 2, "addresses")


@case("RFC 9113 section 9.1", "and over HTTP/2", only="cenote")
def _(c):
    names = slow_names(c, 3)
    said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    for stream, name in zip((1, 3, 5), names):
        text = base64.urlsafe_b64encode(wire.query(name, id=0)).rstrip(b"=")
        head = b"".join(b"\0" + bytes([len(key)]) + key + bytes([len(value)]) + value for key, value in (
            (b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"dns.example"), (b":path", b"/dns-query?dns=" + text)))
        said += struct.pack("!I", len(head))[1:] + b"\1\5" + struct.pack("!I", stream) + head
    connection = HalfClosedTls(c.https_port, "h2")
    with connection.plain:
        connection.say_and_close(said, True)
        content = connection.read(1 << 20)
        equal(content.count(socket.inet_aton("192.0.2.1")), 3, "addresses")


@case("RFC 7766 section 6.2.2", "connections that say nothing, or dribble, keep nobody out who comes from the same address")
def _(c):
    for tls in (False, True):
        port = c.server.tls if tls else c.server.port
        held = [socket.create_connection(("127.0.0.1", port), 6) for _ in range(300)]
        try:
            for number, connection in enumerate(held):
                if number % 2 == 0:
                    try:
                        connection.sendall(b"\0" if not tls else b"\x16")
                    except OSError:
                        pass  # it has made room already
            began = time.monotonic()
            equal(c.stream(wire.query(c.name(f"n{tls:d}")), tls=tls)[0].addresses(), ["192.0.2.1"], "addresses")
            check(time.monotonic() - began < 1 * SLOWER, f"it took {time.monotonic() - began:.1f} s")
        finally:
            for connection in held:
                connection.close()


@case("RFC 7766 section 6.2.2", "a connection with a question under way is none of those that make room")
def _(c):
    name = slow_names(c, 1, 1.5)[0]
    with c.connect() as waits:
        waits.sendall(framed(wire.query(name)))
        time.sleep(0.1)
        held = [socket.create_connection(("127.0.0.1", c.server.port), 6) for _ in range(300)]
        try:
            frame = up.receive_frame(waits)
            check(frame is not None, "it was closed")
            equal(wire.Message(frame).addresses(), ["192.0.2.1"], "addresses")
        finally:
            for connection in held:
                connection.close()


@case("RFC 7828 section 3.3.2", "the idle time is said to whoever asks for it over TCP")
def _(c):
    value = c.stream(wire.query(c.name(), options=wire.option(11)))[0].option(11)
    check(value is not None and len(value) == 2 and value != b"\0\0", f"{value}")


@case("RFC 7828 section 3.2.1", "and never over UDP")
def _(c):
    check(c.ask(c.name(), options=wire.option(11)).option(11) is None, "the option came")


@case("RFC 7858 section 3.1", "a question over TLS is answered")
def _(c):
    equal(c.stream(wire.query(c.name()), tls=True)[0].addresses(), ["192.0.2.1"], "addresses")


@case("RFC 7858 section 3.3", "many questions on one TLS connection are all answered")
def _(c):
    got = c.stream(*[wire.query(c.name(f"n{i}"), id=i) for i in range(50)], tls=True)
    equal(sorted(m.id for m in got), list(range(50)), "ids")


@case("RFC 7858 section 3.1", "in clear on the TLS port nothing is answered")
def _(c):
    with socket.create_connection(("127.0.0.1", c.server.tls), 6) as connection:
        raw = wire.query(c.name())
        connection.sendall(struct.pack("!H", len(raw)) + raw)
        try:
            data = connection.recv(100)
        except ConnectionError:
            data = b""
    check(data[:1] in (b"", b"\x15"), "something other than an alert came")  # RFC 8446 section 6
    equal(c.upstream.asked(c.name()), [], "questions upstream")


@case("RFC 8310 section 8.1", "TLS is version 1.2 or newer")
def _(c):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    try:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", c.server.tls), 6) as connection:
            context.wrap_socket(connection)
    except (ssl.SSLError, ConnectionError):
        return
    raise Failed("TLS 1.1 was spoken")


@case("RFC 8446 section 2.2", "a TLS session is resumed")
def _(c):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    session = None
    for attempt in range(2):
        with socket.create_connection(("127.0.0.1", c.server.tls), 6) as plain:
            with context.wrap_socket(plain, server_hostname="dns.example", session=session) as connection:
                raw = wire.query(c.name(f"t{attempt}"))
                connection.sendall(struct.pack("!H", len(raw)) + raw)
                up.receive_frame(connection)
                session = connection.session
                if attempt == 1:
                    check(connection.session_reused, "a full handshake")


@case("RFC 8467 section 4.1", "what is asked with padding over TLS is answered in blocks of 468 bytes")
def _(c):
    for qname in (c.name("a"), c.name("much-longer-name-than-the-other")):
        raw = c.stream(wire.query(qname, options=wire.option(12, b"\0" * 20)), tls=True)[0].raw
        equal(len(raw) % 468, 0, "bytes over a block")


@case("RFC 7830 section 4", "padding is zeros")
def _(c):
    padding = c.stream(wire.query(c.name(), options=wire.option(12)), tls=True)[0].option(12)
    check(padding is not None and not padding.strip(b"\0"), "padding")


@case("RFC 7830 section 4", "what is asked without padding over UDP gets none")
def _(c):
    check(c.ask(c.name()).option(12) is None, "padding came")


@case("RFC 8484 section 4.1", "a question by GET is answered")
def _(c):
    status, headers, body = c.doh(wire.query(c.name(), id=0))
    equal((status, headers.get("content-type")), (200, "application/dns-message"), "status and type")
    equal(wire.Message(body).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 8484 section 4.1", "a question by POST is answered")
def _(c):
    status, headers, body = c.doh(wire.query(c.name(), id=0), "POST")
    equal((status, headers.get("content-type")), (200, "application/dns-message"), "status and type")
    equal(wire.Message(body).addresses(), ["192.0.2.1"], "addresses")


@case("RFC 8484 section 5.2", "HTTP/1.1 is spoken, too", only="cenote")
def _(c):
    text = base64.urlsafe_b64encode(wire.query(c.name(), id=0)).rstrip(b"=").decode()
    status, _, body = c.https("GET", "/dns-query?dns=" + text, version="--http1.1")
    equal((status, wire.Message(body).addresses()), (200, ["192.0.2.1"]), "status and addresses")


@case("RFC 8484 section 5.1", "an answer is fresh no longer than its least TTL")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, ttl=300), wire.a(q.qname, "192.0.2.2", ttl=40)])])
    control = c.doh(wire.query(name, id=0))[1].get("cache-control", "")
    ages = [int(part.split("=")[1]) for part in control.replace(" ", "").split(",") if part.startswith("max-age=")]
    check(ages and ages[0] <= 40, f"cache-control: {control}")


@case("RFC 8484 section 4.2.1", "a DNS error is a successful HTTP response")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, rcode=wire.SERVFAIL)])
    status, _, body = c.doh(wire.query(name, id=0))
    equal((status, wire.Message(body).rcode), (200, wire.SERVFAIL), "status and rcode")


@case("RFC 8484 section 4.1", "a long answer is not truncated")
def _(c):
    name = c.script("www", lambda q, tcp: [wire.reply(q.raw, [wire.a(q.qname, f"192.0.2.{i}") for i in range(70)])])
    message = wire.Message(c.doh(wire.query(name, id=0, size=512), "POST")[2])
    check(not message.has(wire.TC) and len(message.answers) == 70, f"{len(message.answers)} records")


HTTP_ERRORS = {
    "another path is not found": lambda c, q: c.https("GET", "/other?dns=" + q),
    "GET without a question is a client error": lambda c, q: c.https("GET", "/dns-query"),
    "GET with what is no base64url is a client error": lambda c, q: c.https("GET", "/dns-query?dns=!!!"),
    "GET with a cut header is a client error": lambda c, q: c.https("GET", "/dns-query?dns=AAAA"),
    "POST of another media type is a client error": lambda c, q: c.https("POST", "/dns-query", b"x" * 20, {"content-type": "text/plain"}),
    "POST of three bytes is a client error": lambda c, q: c.https("POST", "/dns-query", b"abc", {"content-type": "application/dns-message"}),
    "DELETE is a client error": lambda c, q: c.https("DELETE", "/dns-query?dns=" + q),
    "PUT is a client error": lambda c, q: c.https("PUT", "/dns-query", b"x", {"content-type": "application/dns-message"}),
}
for title, request in HTTP_ERRORS.items():
    @case("RFC 8484 section 4.2.1", title)
    def _(c, request=request):
        text = base64.urlsafe_b64encode(wire.query(c.name(), id=0)).rstrip(b"=").decode()
        status = request(c, text)[0]
        check(400 <= status < 500 or status == 501, f"status {status}")


@case("RFC 9113 section 3.2", "HTTP/2 is agreed on by ALPN")
def _(c):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", c.https_port), 6) as plain:
        with context.wrap_socket(plain, server_hostname="dns.example") as connection:
            equal(connection.selected_alpn_protocol(), "h2", "protocol")


for what, data in {"a preface that is cut": b"PRI * HTTP/2.0\r\n", "frames of nonsense": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200,
                   "a flood of PINGs": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x08\6\0\0\0\0\0pingpong" * 5000,
                   "a rapid reset": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"".join(
                       b"\0\0\5\1\5" + struct.pack("!I", i) + b"\x82\x87\x84\x41\0" + b"\0\0\4\3\0" + struct.pack("!I", i) + b"\0\0\0\x08" for i in range(1, 4001, 2))}.items():
    @case("RFC 9113 section 5.4", f"{what} over HTTPS harms nobody else")
    def _(c, data=data):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", c.https_port), 6) as plain:
            with context.wrap_socket(plain) as connection:
                try:
                    connection.sendall(data)
                    connection.settimeout(0.3)
                    connection.recv(65536)
                except OSError:
                    pass
        check(c.server.is_alive(), "the server died")
        equal(c.doh(wire.query(c.name(), id=0))[0], 200, "the next request's status")
