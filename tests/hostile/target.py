"""The server under attack: a site's usual configuration on every kind of port, and what the kernel says of the process."""
import hashlib
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
import ports  # noqa: E402
import watched  # noqa: E402
import wire  # noqa: E402
from servers import certificates  # noqa: E402

watched.free_port = ports.free_port

START = 60  # seconds that a start may take under a sanitizer on a busy machine
# Who may ask: innocent clients and attackers inside. Strangers are of 127.1.0.0/16.
ALLOWED = "127.0.0.0/16"
TOKENS = {"reader": ["read"], "mon-pusher": ["push:mon"], "ci": ["push:two"], "operator": ["operate"]}
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer", "terminate called",
           "DEADLYSIGNAL")


def token_of(name):
    return f"{name}-token-0123456789"


def sections_of(target):
    """The configuration by its sections, so that a scenario may replace some."""
    ports, folder = target.ports, target.folder
    return {
        "state_dir": f"{folder}/state",
        "listen": f"""
  dns: ["127.0.0.1:{ports['dns']}"]
  dot: ["127.0.0.1:{ports['dot']}"]
  doh: ["127.0.0.1:{ports['doh']}"]
  proxies: ["127.0.0.200"]
  workers: {target.workers or 'auto'}""",
        "tls": f"{{certificate: {target.certificate[0]}, key: {target.certificate[1]}}}",
        "clients": f"{{allow: [{ALLOWED}]}}",
        "upstream": f"""
  - {{zone: ".", servers: ["udp://127.0.0.1:{target.upstream_ports[0]}"]}}
  - {{zone: bad.example, servers: ["udp://127.0.0.1:{target.upstream_ports[1]}"]}}""",
        "feeds": """
  - {name: list, source: "file:blocked.txt", scope: suffix, category: malware, action: nxdomain}
  - {name: page, source: "file:page.txt", scope: suffix, category: phishing}
  - {name: drp, source: "file:drop.txt", scope: suffix, category: malware, action: drop}
  - {name: pushed, format: plain, category: malware, action: nxdomain}
  - {name: two, format: plain, category: malware, action: nxdomain}
  - {name: mon, format: plain, scope: suffix, category: suspicious, action: monitor}""",
        "blockpage": f"""{{http: ["127.0.0.1:{ports['page_http']}"], https: ["127.0.0.1:{ports['page']}"]}}""",
        "control": f"""{{socket: {target.control}, http: ["127.0.0.1:{ports['api']}"], tokens: {folder}/tokens.yaml}}""",
        "events": f"{{file: {target.events}}}",
    }


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Target(watched.Watched):
    """`site`: sections of the configuration that replace the usual ones, by name."""

    def __init__(self, binary, folder, upstream_ports, workers=0, site=(), descriptors=0, before=()):
        super().__init__(binary, folder, upstream_ports, 0)
        self.ports |= {kind: ports.free_port() for kind in ("page", "page_http", "api")}
        self.workers, self.site = workers, dict(site)
        self.descriptor_limit, self.before = descriptors, list(before)  # `before`: a program that starts the server
        self.events = self.folder / "events.jsonl"
        self.is_sanitized = self.is_sanitized or b"__tsan_init" in Path(binary).read_bytes()

    def configure(self, **changed):
        """Replaced as a whole, as editors do: a reload never reads half a file."""
        sections = sections_of(self) | self.site | changed
        text = "\n".join(f"{key}: {value}" for key, value in sections.items()) + "\n"
        (self.folder / "cenote.yaml.new").write_text(text)
        os.replace(self.folder / "cenote.yaml.new", self.folder / "cenote.yaml")

    def prepare(self):
        for file, text in (("blocked.txt", "blocked.example\n"), ("page.txt", "page.example\n"), ("drop.txt", "drop.example\n")):
            (self.folder / file).write_text(text)
        self.write_tokens(TOKENS)
        self.configure()

    def write_tokens(self, tokens):
        lines = "".join(f"  - {{name: {name}, sha256: {hashlib.sha256(token_of(name).encode()).hexdigest()}, scopes: {json.dumps(scopes)}}}\n"
                        for name, scopes in tokens.items())
        (self.folder / "tokens.new").write_text(f"tokens:\n{lines}" if lines else "tokens: []\n")
        (self.folder / "tokens.new").chmod(0o600)
        os.replace(self.folder / "tokens.new", self.folder / "tokens.yaml")

    def second_certificate(self):
        return certificates.self_signed(self.folder, "other", "dns.example", "DNS:dns.example,IP:127.0.0.1")

    def launch(self):
        """Starts the process and does not wait for it."""
        limit = self.descriptor_limit

        def in_child():
            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=8:detect_leaks=1:exitcode=23:allocator_may_return_null=1")
        suppressions = Path(__file__).resolve().parents[1] / "support/tsan.supp"
        environment["TSAN_OPTIONS"] = f"exitcode=24:suppressions={suppressions}"
        self.control.unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*self.before, self.binary, "serve", "--config", str(self.folder / "cenote.yaml")],
                                            stdout=log, stderr=log, env=environment, preexec_fn=in_child)

    def start(self):
        if not (self.folder / "cenote.yaml").exists():
            self.prepare()
        self.launch()
        if not self.wait_until_ready():
            raise RuntimeError(f"the server did not start ({self.process.poll()}):\n{self.log()[-3000:]}")

    def wait_until_ready(self, seconds=START):
        """Whether it answers, over DNS and the control API; False: it has ended, or says nothing."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.is_alive():
            if self.control.exists() and self.ask("blocked.example", timeout=0.2) is not None:
                return True
            time.sleep(0.02)
        return False

    def ask(self, name, qtype=wire.A, timeout=2.0, source="127.0.0.1"):
        """One question over UDP; None: no answer in time."""
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.bind((source, 0))
            try:
                client.connect(("127.0.0.1", self.ports["dns"]))
                client.send(wire.query(name, qtype))
                return wire.Message(client.recv(65535))
            except OSError:
                return None

    def api(self, method, path, body=None, token=None, timeout=30, headers=None):
        """Status and JSON (or text); over the Unix socket, or with a token over HTTP."""
        if token is None:
            connection = UnixConnection(self.control, timeout)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports["api"], timeout=timeout)
        data = body if isinstance(body, (bytes, type(None))) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {token_of(token)}"} if token else {}
        try:
            connection.request(method, path, data, sent | (headers or {}))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, content.decode(errors="replace")

    def counters(self):
        """/metrics, summed over labels."""
        found = {}
        for line in self.api("GET", "/metrics")[1].splitlines():
            if not line.startswith("#") and " " in line:
                name, value = line.rsplit(" ", 1)
                found[name.split("{")[0]] = found.get(name.split("{")[0], 0) + float(value)
        return found

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident(self):
        """MiB that are its own, without mapped files; the most ever resident beside it."""
        try:
            lines = dict(line.split(":", 1) for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
            return int(lines["RssAnon"].split()[0]) / 1024
        except (OSError, KeyError):  # it has just ended
            return 0

    def kill(self):
        if self.process is not None and self.is_alive():
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def reports(self, since=0):
        """Lines in which a sanitizer or the C++ runtime complains."""
        return [line for line in self.log()[since:].splitlines() if any(mark in line for mark in REPORTS)]

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
