"""What a case needs: to name itself with its standard, to ask, and to say what must hold."""
import base64
import pathlib
import socket
import ssl
import struct
import subprocess
import tempfile
import threading

import upstream as up
import wire

CASES = []


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def case(standard, title, only=None):
    """`only`: the one server whose promise this is (what no standard asks of the others)."""
    def keep(function):
        CASES.append((standard, title, only, function))
        return function
    return keep


def check(condition, what):
    if not condition:
        raise Failed(what)


def equal(found, expected, what):
    if found != expected:
        raise Failed(f"{what}: {found!r}, not {expected!r}")


class Context:
    """One case's view: its own names, so that no cache carries anything from one case to the next."""

    def __init__(self, server, upstreams, number):
        self.server, self.number = server, number
        self.upstreams, self.upstream, self.inner = upstreams, upstreams.outer, upstreams.inner
        self.zone = f"c{number}.example"

    def name(self, label="www"):
        return f"{label}.{self.zone}"

    def script(self, label, script):
        self.upstream.on(self.name(label), script)
        return self.name(label)

    def send_udp(self, raw, timeout=6):
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.connect(("127.0.0.1", self.server.port))
            client.send(raw)
            try:
                answer = client.recv(65535)
            except socket.timeout:
                return None
            try:
                return wire.Message(answer)
            except wire.Malformed:
                # Some send a malformed question back as it came: the header is what counts then.
                if len(answer) >= 12 and answer[3] & 15 == wire.FORMERR:
                    return wire.Message(answer[:4] + bytes(8))
                raise

    def ask(self, qname, qtype=wire.A, timeout=6, **options):
        answer = self.send_udp(wire.query(qname, qtype, **options), timeout)
        check(answer is not None, "no answer came")
        return answer

    def silence(self, raw):
        check(self.send_udp(raw, 0.4) is None, "an answer came where silence is due")
        equal(self.ask(self.name("alive")).rcode, wire.NOERROR, "the next question's rcode")

    @property
    def https_port(self):
        if self.server.https is None:
            raise Skipped("it has no DNS over HTTPS")
        return self.server.https

    def connect(self, tls=False, alpn=None):
        port = self.server.tls if tls else self.server.port
        connection = socket.create_connection(("127.0.0.1", port), 6)
        if not tls:
            return connection
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(alpn)
        return context.wrap_socket(connection, server_hostname="dns.example")

    def stream(self, *raws, tls=False, count=None, pieces=None):
        """Sends all in one go (or in `pieces` bytes at a time) and reads `count` answers."""
        with self.connect(tls) as connection:
            data = b"".join(struct.pack("!H", len(raw)) + raw for raw in raws)
            for at in range(0, len(data), pieces or len(data)):
                connection.sendall(data[at:at + (pieces or len(data))])
            answers = []
            for _ in range(len(raws) if count is None else count):
                frame = up.receive_frame(connection)
                check(frame is not None, "the connection ended before the answer")
                answers.append(wire.Message(frame))
            return answers

    def https(self, method, path, body=None, headers=None, version="--http2"):
        """Status, headers and body, by curl: a client that knows nothing of any of the servers."""
        with tempfile.TemporaryDirectory() as folder:
            files = pathlib.Path(folder)
            command = ["curl", "-sk", version, "-m", "6", "-X", method, "-D", files / "head", "-o", files / "body",
                       f"https://127.0.0.1:{self.https_port}{path}"]
            if body is not None:
                (files / "sent").write_bytes(body)
                command += ["--data-binary", f"@{files / 'sent'}"]
            for name, value in {"content-type": "", **(headers or {})}.items():
                command += ["-H", f"{name}: {value}"] if value else ["-H", f"{name}:"]
            done = subprocess.run(command, capture_output=True, check=False)
            check(done.returncode == 0, f"curl: {done.returncode}")
            lines = (files / "head").read_bytes().decode("latin-1").split("\r\n\r\n")[-2].split("\r\n")
            found = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if ":" in line)}
            content = (files / "body").read_bytes() if (files / "body").exists() else b""
            return int(lines[0].split()[1]), found, content

    def doh(self, raw, method="GET"):
        if method == "GET":
            text = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
            return self.https("GET", f"/dns-query?dns={text}")
        return self.https("POST", "/dns-query", raw, {"content-type": "application/dns-message"})

    def together(self, *jobs):
        threads = [threading.Thread(target=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
